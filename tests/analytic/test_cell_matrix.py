"""Cells that keep a matrix against closed forms: binding, burst, half-lives, growth."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from exocast import engine

TIGHT = 1e-9


@functools.cache
def site(name: str) -> engine.AssembledModel:
    return engine.assemble(name)


@functools.cache
def compiled(name: str, rows: tuple[str, ...], observe: tuple[str, ...]) -> engine.Model:
    return engine.compile(site(name).sbml, varied=rows, observe=observe)


def run(
    name: str,
    observe: tuple[str, ...],
    times: np.ndarray,
    amounts: dict[str, float] | None = None,
    **rows: float,
) -> np.ndarray:
    """``(times, observed)``; ``amounts`` are put into states at the start, ``rows`` set ids."""
    table = pd.DataFrame(
        [
            {"run": 0, "time": 0.0, "amount": amount, "target": target}
            for target, amount in (amounts or {}).items()
        ]
    )
    runs = compiled(name, tuple(rows), observe).run(
        times,
        np.array([list(rows.values())]) if rows else None,
        doses=table if len(table) else None,
        rtol=TIGHT,
        processes=1,
    )
    assert runs.status[0] == 0
    return np.asarray(runs.values[0])


@pytest.mark.parametrize("kd", [0.05, 0.4, 5.0])
@pytest.mark.parametrize("inhibitor", [0.2, 1.0, 4.0])
def test_a_protease_and_its_inhibitor_settle_at_the_morrison_equation(
    kd: float, inhibitor: float
) -> None:
    enzyme, volume = 1.0, 0.2
    still = dict.fromkeys(
        (
            "mmp1_made",
            "mmp3_made",
            "inhibitors_timp1_made",
            "inhibitors_timp3_made",
            "mmp1_k_loss",
            "inhibitors_k_loss",
        ),
        0.0,
    )
    found = run(
        "well_fibroblast",
        ("mmp1_free", "mmp1_with_timp1", "inhibitors_timp1"),
        np.array([0.0, 5.0]),
        {"mmp1_free": enzyme * volume, "inhibitors_timp1": inhibitor * volume},
        mmp1_kd_timp1_measured=kd,
        **still,
    )[-1]
    rest = enzyme - inhibitor - kd
    free = (rest + np.sqrt(rest**2 + 4 * kd * enzyme)) / 2
    assert found[0] / volume == pytest.approx(free, rel=1e-5)
    assert found[0] + found[1] == pytest.approx(enzyme * volume, rel=1e-7)
    assert found[1] + found[2] == pytest.approx(inhibitor * volume, rel=1e-7)


def test_a_burst_without_renewal_is_the_bateman_curve() -> None:
    times = np.array([0.0, 0.01, 0.05, 0.2, 1.0, 3.0])
    call, spend = 60.0, 3.46
    found = run(
        "well_chondrocyte",
        ("signal",),
        times,
        challenge_il1_given=1e12,
        challenge_k_drive=call,
        challenge_k_spend=spend,
        challenge_k_renew=0.0,
    )[:, 0]
    burst = call / (call - spend) * (np.exp(-spend * times) - np.exp(-call * times))
    assert found == pytest.approx(burst, rel=1e-5, abs=1e-8)


def test_under_ligand_that_stays_the_signal_settles_where_renewal_meets_spending() -> None:
    call, spend, renew = 60.0, 3.46, 1.5
    found = run(
        "well_chondrocyte",
        ("signal",),
        np.array([0.0, 30.0]),
        challenge_il1_given=1e9,
        challenge_il1_loss=0.0,
        challenge_k_drive=call,
        challenge_k_spend=spend,
        challenge_k_renew=renew,
    )[-1, 0]
    assert found == pytest.approx(1 / (1 + spend / call + spend / renew), rel=1e-5)


def test_mrna_under_a_kept_up_signal_rises_to_its_rest_and_rise() -> None:
    found = run(
        "well_chondrocyte",
        ("mmp13_mrna_fold", "signal"),
        np.array([0.0, 60.0]),
        challenge_il1_given=1e9,
        challenge_il1_loss=0.0,
        mmp13_induced=30.0,
    )
    assert found[0, 0] == 1.0
    assert found[-1, 0] == pytest.approx(1 + 30 * found[-1, 1], rel=1e-5)


@pytest.mark.parametrize(("years", "percent"), [(117.0, 0.0454), (15.0, 0.354)])
def test_old_collagen_without_proteases_is_lost_at_its_half_life(
    years: float, percent: float
) -> None:
    found = run(
        "explant",
        ("collagen_released_percent",),
        np.array([0.0, 28.0]),
        collagen_half_life=years * 365.25,
    )[-1, 0]
    assert found == pytest.approx(100 * (1 - 2 ** (-28 / (years * 365.25))), rel=1e-5)
    assert found == pytest.approx(percent, rel=0.01)


def test_new_collagen_gathers_against_its_loss() -> None:
    times = np.array([0.0, 0.5, 2.0, 20.0])
    found = run(
        "well_fibroblast",
        ("new_collagen_new",),
        times,
        new_collagen_secretion=2e-7,
        new_collagen_k_new_loss=0.1,
    )[:, 0]
    rate = 2e-7 * 1e5
    assert found == pytest.approx(rate / 0.1 * (1 - np.exp(-0.1 * times)), rel=1e-5)


def test_a_culture_that_only_divides_doubles() -> None:
    times = np.array([0.0, 1.0, 10.0])
    found = run(
        "well_fibroblast",
        ("doublings", "ki67_percent"),
        times,
        senescence_arrested_start=0.0,
        senescence_senescent_start=0.0,
        senescence_apoptotic_start=0.0,
        senescence_k_arrest=0.0,
        senescence_k_death=0.0,
        senescence_k_divide=0.5 * np.log(2),
    )
    assert found[:, 0] == pytest.approx(0.5 * times, rel=1e-6, abs=1e-12)
    assert found[:, 1] == pytest.approx(100.0)


def test_arrest_grows_with_time_in_culture() -> None:
    times = np.array([0.0, 3.0, 12.0, 40.0])
    a, wear = 0.13, 0.05
    found = run(
        "well_fibroblast",
        ("senescence_growing",),
        times,
        senescence_arrested_start=0.0,
        senescence_senescent_start=0.0,
        senescence_apoptotic_start=0.0,
        senescence_k_divide=0.0,
        senescence_k_death=0.0,
        senescence_k_arrest=a,
        senescence_k_wear=wear,
    )
    left = np.exp(-a * (times + wear * times**2 / 2))
    assert found[:, 0] == pytest.approx(left, rel=1e-5, abs=1e-9)


def test_arrest_without_division_is_a_chain_of_two() -> None:
    times = np.array([0.0, 3.0, 12.0])
    a, b = 0.13, 0.09
    found = run(
        "well_fibroblast",
        ("sabgal_percent", "tunel_percent"),
        times,
        senescence_arrested_start=0.0,
        senescence_senescent_start=0.0,
        senescence_apoptotic_start=0.0,
        senescence_k_divide=0.0,
        senescence_k_death=0.0,
        senescence_k_arrest=a,
        senescence_k_senesce=b,
        senescence_k_wear=0.0,
    )
    old = 1 - (b * np.exp(-a * times) - a * np.exp(-b * times)) / (b - a)
    assert found[:, 0] == pytest.approx(100 * old, rel=1e-5, abs=1e-9)
    assert np.all(found[:, 1] == 0.0)
