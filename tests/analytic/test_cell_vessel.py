"""Cells that grow, creep and join, against closed forms: binding, loss, logistic, fronts, tubes."""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd
import pytest

from exocast import engine

DAY = np.array([0.0, 0.01, 0.05, 0.2, 1.0, 3.0])


@functools.cache
def well(site: str) -> engine.AssembledModel:
    return engine.assemble(site)


def number(site: str, key: str) -> float:
    return next(row.value for row in well(site).rows if row.key == key)


# Read and set in one compiled model a site: compiling is what takes time.
COMMON = (
    *("akt_active_percent", "erk_active_percent", "cells_fold", "fgfr1_occupied_percent", "drive"),
    *("proliferation_cells", "proliferation_growth_rate", "proliferation_capacity"),
    *(f"growth_factors_{n}" for n in ("vegf", "fgf2", "r1_bound", "r2_bound", "r2_occupied")),
    *("growth_factors_fgfr_kd", "vessel_action_boost", "akt_erk_input", "akt_erk_at_rest"),
)
OWN = {
    "well_endothelium": (),
    "well_tubes": ("tubes_joined", "tubes_call", "tubes_holding"),
    "well_sprouts": ("sprouts_sprout", "sprouts_call", "sprouts_level"),
    "well_scratch": tuple(f"scratch_u{i}" for i in range(1, 17)),
}
SET = (
    *(
        f"growth_factors_{n}"
        for n in ("k_internalise", "r1_per_cell", "r2_per_cell", "tissue_loss")
    ),
    *(f"growth_factors_{n}_{w}_loss" for n in ("vegf", "fgf2") for w in ("tissue", "medium")),
    *("growth_factors_heparan_sulphate", "pten_present", "akt_erk_supplement", "acting_acts"),
    *("acting_soluble_carries", "proliferation_k_divide", "proliferation_k_die"),
    "proliferation_erk_half",
)
SET_OWN = {
    "well_scratch": tuple(f"scratch_{n}" for n in ("gap_width", "motility", "motility_gain"))
}


@functools.cache
def compiled(site: str) -> tuple[engine.Model, dict[str, float]]:
    model = well(site)
    values = {row.key: row.value for row in model.rows}
    rows = {i: values[model.origins[i]] for i in (*SET, *SET_OWN.get(site, ()))}
    observe = (*COMMON, *OWN[site])
    return engine.compile(model.sbml, varied=tuple(rows), observe=observe), rows


def observed(
    site: str,
    *names: str,
    times: np.ndarray = DAY,
    doses: dict[str, float] | None = None,
    **numbers: float,
) -> dict[str, np.ndarray]:
    """Course of some names; ``doses`` are amounts into species at the start."""
    lines = [
        {"run": 0, "time": 0.0, "amount": amount, "target": target}
        for target, amount in (doses or {}).items()
    ]
    model, rows = compiled(site)
    assert not set(numbers) - set(rows)
    runs = model.run(
        times,
        varied=np.array([list((rows | numbers).values())]),
        doses=pd.DataFrame(lines) if lines else None,
        rtol=1e-9,
        processes=1,
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    order = (*COMMON, *OWN[site])
    return {name: runs.values[0, :, order.index(name)] for name in names}


# Binding with nothing lost and few receptors, so that the medium stays as it was dosed.
FEW = {
    "growth_factors_k_internalise": 0.0,
    "growth_factors_vegf_tissue_loss": 0.0,
    "growth_factors_vegf_medium_loss": 0.0,
    "growth_factors_fgf2_tissue_loss": 0.0,
    "growth_factors_fgf2_medium_loss": 0.0,
    "growth_factors_r1_per_cell": 1.0,
    "growth_factors_r2_per_cell": 1.0,
}


@pytest.mark.parametrize("pmolar", [1.0, 33.0, 100.0, 1000.0])
def test_receptors_of_vegf_saturate_as_their_constants_say(pmolar: float) -> None:
    dose = pmolar * 1e-3 * 0.1 * 38200.0  # pmol/mL in 0.1 mL, as pg
    names = ("growth_factors_r1_bound", "growth_factors_r2_bound", "proliferation_cells")
    late = np.array([0.0, 0.5])
    found = observed(
        "well_endothelium", *names, times=late, doses={"growth_factors_vegf": dose}, **FEW
    )
    for receptor, kd in (("r1", 33.0), ("r2", 100.0)):
        most = found["proliferation_cells"][-1] / 6.02214076e11
        share = found[f"growth_factors_{receptor}_bound"][-1] / most
        assert share == pytest.approx(pmolar / (kd + pmolar), rel=2e-3)


def test_binding_relaxes_with_both_rates() -> None:
    """At the dissociation constant the approach is exponential with twice the leaving rate."""
    times = np.array([0.001, 0.005, 0.02])
    still = {**FEW, "proliferation_k_divide": 0.0, "proliferation_k_die": 0.0}
    found = observed(
        "well_endothelium",
        "growth_factors_r2_occupied",
        times=times,
        doses={"growth_factors_vegf": 0.1 * 0.1 * 38200.0},
        **still,
    )["growth_factors_r2_occupied"]
    assert found == pytest.approx(0.5 * (1 - np.exp(-2 * 86.4 * times)), rel=1e-4)


@pytest.mark.parametrize(("heparan", "kd"), [(0.0, 41.0), (470.0, 8.753), (1e9, 4.9)])
def test_heparan_sulphate_tightens_fgf2(heparan: float, kd: float) -> None:
    found = observed(
        "well_endothelium",
        "growth_factors_fgfr_kd",
        "fgfr1_occupied_percent",
        times=np.array([0.0]),
        doses={"growth_factors_fgf2": kd * 0.1 * 17200.0},
        growth_factors_heparan_sulphate=heparan,
    )
    assert found["growth_factors_fgfr_kd"][0] == pytest.approx(kd, rel=1e-3)
    assert found["fgfr1_occupied_percent"][0] == pytest.approx(50.0, rel=1e-3)


@pytest.mark.parametrize(("name", "hours"), [("vegf", 1.0), ("fgf2", 7.6)])
def test_growth_factors_are_lost_with_the_half_life_of_tissue(name: str, hours: float) -> None:
    none = {"growth_factors_r1_per_cell": 0.0, "growth_factors_r2_per_cell": 0.0}
    found = observed(
        "well_endothelium",
        f"growth_factors_{name}",
        times=np.array([0.0, hours / 24]),
        doses={f"growth_factors_{name}": 1000.0},
        growth_factors_tissue_loss=1.0,
        **none,
    )[f"growth_factors_{name}"]
    assert found[1] / found[0] == pytest.approx(0.5, rel=5e-3)


def test_the_decoy_takes_vegf_from_its_receptor() -> None:
    few = {"growth_factors_vegf": 20.0}
    name = "growth_factors_r2_occupied"
    with_it = observed("well_endothelium", name, doses=few)[name]
    without = observed("well_endothelium", name, doses=few, growth_factors_r1_per_cell=0.0)[name]
    assert np.all(with_it[2:] < without[2:])


def test_without_death_cells_grow_as_a_logistic_curve() -> None:
    times = np.array([0.0, 1.0, 3.0, 10.0])
    name = ("cells_fold", "proliferation_growth_rate", "proliferation_capacity")
    found = observed("well_endothelium", *name, times=times, proliferation_k_die=0.0)
    rate, most = found["proliferation_growth_rate"][0], found["proliferation_capacity"][0] / 5000
    expected = most / (1 + (most - 1) * np.exp(-rate * times))
    assert found["cells_fold"] == pytest.approx(expected, rel=1e-6)


def test_akt_and_erk_rest_where_they_are_and_akt_is_full_without_pten() -> None:
    names = ("akt_active_percent", "erk_active_percent")
    for supplement in (0.0, 1.0):
        found = observed("well_endothelium", *names, akt_erk_supplement=supplement)
        assert all(np.ptp(values) < 1e-9 for values in found.values())
    assert observed("well_endothelium", *names, pten_present=0.0)["akt_active_percent"] == (
        pytest.approx(100.0)
    )


def test_erk_peaks_and_settles() -> None:
    times = np.linspace(0, 0.3, 61)
    steady = {**FEW, "growth_factors_r2_per_cell": 12000.0}
    found = observed(
        "well_endothelium",
        "erk_active_percent",
        times=times,
        doses={"growth_factors_vegf": 1e5},
        **steady,
    )["erk_active_percent"]
    assert 0 < times[found.argmax()] < 1 / 24
    assert found[-1] < found.max()
    assert found[-1] > 2 * found[0]


def test_tubes_are_two_steps_in_a_row() -> None:
    times = np.array([0.0, 0.1, 0.25, 0.5, 1.0, 2.0])
    found = observed("well_tubes", "tubes_joined", "tubes_call", "tubes_holding", times=times)
    a = number("well_tubes", "tubes.k_build") * found["tubes_call"][0]
    b = number("well_tubes", "tubes.k_break") * found["tubes_holding"][0]
    expected = a / (a - b) * (np.exp(-b * times) - np.exp(-a * times))
    assert found["tubes_joined"] == pytest.approx(expected, abs=1e-7)
    peak = math.log(a / b) / (a - b)
    assert 4 / 24 < peak < 24 / 24


def test_a_sprout_at_rest_is_as_long_as_its_call_and_the_time() -> None:
    times = np.array([0.0, 0.5, 1.0, 3.0])
    found = observed("well_sprouts", "sprouts_sprout", "sprouts_call", "sprouts_level", times=times)
    half = number("well_sprouts", "sprouts.half_level")
    call = found["sprouts_level"] ** 2 / (half**2 + found["sprouts_level"] ** 2)
    assert found["sprouts_call"] == pytest.approx(call, rel=1e-9)
    assert np.ptp(call) == pytest.approx(0.0, abs=1e-7)
    speed = number("well_sprouts", "sprouts.tip_speed")
    assert found["sprouts_sprout"] == pytest.approx(speed * call[0] * times, rel=1e-6)


def strips(found: dict[str, np.ndarray]) -> np.ndarray:
    return np.array([found[f"scratch_u{i}"] for i in range(1, 17)])


NAMES = tuple(f"scratch_u{i}" for i in range(1, 17))


def test_without_division_a_gap_fills_as_by_diffusion() -> None:
    """The sum of cosines of a slab with one wall held at one and the middle closed."""
    times = np.array([0.2, 0.5, 1.0])
    none = {"proliferation_k_divide": 0.0, "scratch_motility_gain": 0.0}
    u = strips(observed("well_scratch", *NAMES, times=times, **none))
    half, spread = 250.0, number("well_scratch", "scratch.motility")
    x = (np.arange(16) + 0.5) * half / 16
    expected = np.ones((16, len(times)))
    for n in range(60):
        q = (n + 0.5) * np.pi / half
        expected -= np.outer(2 / (q * half) * np.sin(q * x), np.exp(-spread * q * q * times))
    assert u == pytest.approx(expected, abs=7e-3)  # sixteen strips


def test_a_wide_gap_closes_with_the_speed_of_fisher() -> None:
    """A front of a width of a few strips, against the slowest wave of the strips themselves."""
    rate, strip = 1.0, 50.0
    spread = 1.0 * strip**2 * rate  # a front as wide as a strip
    numbers = {
        "scratch_gap_width": 2 * 16 * strip,
        "scratch_motility": spread,
        "scratch_motility_gain": 0.0,
        "proliferation_k_divide": rate,
        "proliferation_erk_half": 1e-6,
    }
    times = np.linspace(3.0, 6.5, 15)
    u = strips(observed("well_scratch", *NAMES, times=times, **numbers))
    place = [np.interp(0.5, u[::-1, i], strip * (np.arange(16) + 0.5)[::-1]) for i in range(15)]
    speed = np.polyfit(times, place, 1)[0]
    k = np.linspace(0.01, 0.1, 2000)
    slowest = np.min((2 * spread / strip**2 * (np.cosh(k * strip) - 1) + rate) / k)
    # Fronts that start sharp lag behind by 3/(2t) of a width a unit of time (Bramson).
    late = slowest - 1.5 * np.mean(1 / times) * math.sqrt(spread / rate)
    assert 2 * math.sqrt(spread * rate) == pytest.approx(slowest, rel=0.05)
    assert speed == pytest.approx(late, rel=0.1)


def test_vesicles_add_what_their_drive_says() -> None:
    names = ("drive", "vessel_action_boost", "akt_erk_input", "akt_erk_at_rest")
    acts = {"acting_acts": 1.0, "acting_soluble_carries": 0.0}
    found = observed("well_endothelium", *names, doses={"medium_medium_free": 1e8}, **acts)
    most = number("well_endothelium", "vessel_action.max_boost")
    assert found["vessel_action_boost"] == pytest.approx(most * found["drive"])
    assert found["akt_erk_input"] - found["akt_erk_at_rest"] == pytest.approx(
        found["vessel_action_boost"]
    )
