"""Laws of wells of cells that grow: none changes nothing, miRNA needs copies, all is bounded."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from exocast import engine
from exocast.evidence.chance import BETWEEN, PATIENT_LEVELS, draw

READ = {
    "well_endothelium": "cells_fold",
    "well_keratinocyte": "cells_fold",
    "well_tubes": "tube_length_percent_of_control",
    "well_sprouts": "sprout_length_percent_of_control",
    "well_scratch": "gap_closed_percent",
    "well_scratch_keratinocyte": "gap_closed_percent",
    "well_scratch_endothelium": "gap_closed_percent",
}
# Gaps in other layers differ in numbers only.
SITES = tuple(
    pytest.param(site, marks=pytest.mark.full) if site.startswith("well_scratch_") else site
    for site in READ
)
TIMES = np.array([0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0])
ACTS = {"acting_acts": 1.0, "acting_soluble_carries": 0.0}
MUTE = {"acting_with_ligands": 0.0, "acting_with_soluble": 0.0}
FULL = {"cargo_rna_copies": 1e4}  # a load that no natural vesicle has


@functools.cache
def well(site: str) -> engine.AssembledModel:
    return engine.assemble(site)


EVERY = ("akt_active_percent", "erk_active_percent", "pten_percent", "pdcd4_percent")
VEGF = ("vegf", "vegf_lost", "vegf_digested", "r1_bound", "r2_bound")
# Read in one compiled model a site: compiling is what takes time.
COMMON = (
    *EVERY,
    *("living_cells", "proliferation_capacity", "vessel_action_boost"),
    *(f"growth_factors_{name}" for name in VEGF),
)
OWN = {"well_tubes": ("tubes_single", "tubes_joined", "tubes_fallen")}


def order(site: str) -> tuple[str, ...]:
    return (*COMMON, READ[site], *OWN.get(site, ()))


@functools.cache
def compiled(site: str) -> tuple[engine.Model, dict[str, float]]:
    """A site with every number that is not known, and slots, free to set."""
    model = well(site)
    free = [r for r in model.rows if r.varies in ("uncertain", "structure") or "slot:" in r.note]
    values = {row.key: row.value for row in free}
    rows = {i: values[key] for i, key in model.origins.items() if key in values}
    return engine.compile(model.sbml, varied=tuple(rows), observe=order(site)), rows


def run(
    site: str, *names: str, vesicles: float = 0.0, soluble: float = 0.0, **rows: float
) -> np.ndarray:
    """``(times, names)`` after one dose into the medium."""
    given = {"medium_medium_free": vesicles, "coisolated_soluble": soluble}
    given |= {key: rows.pop(key) for key in tuple(rows) if key.endswith(("_vegf", "_fgf2"))}
    lines = [
        {"run": 0, "time": 0.0, "amount": amount, "target": target}
        for target, amount in given.items()
        if amount > 0
    ]
    model, values = compiled(site)
    assert not set(rows) - set(values)
    runs = model.run(
        TIMES,
        varied=np.array([list((values | rows).values())]),
        doses=pd.DataFrame(lines) if lines else None,
        rtol=1e-8,
        processes=1,
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    return np.asarray(runs.values[0][:, [order(site).index(name) for name in names]])


@pytest.mark.parametrize("site", SITES)
def test_vesicles_that_carry_nothing_change_nothing(site: str) -> None:
    names = (*EVERY, READ[site])
    untreated = run(site, *names)
    empty = run(site, *names, vesicles=1e10, cargo_rna_copies=0.0, **MUTE)
    assert empty == pytest.approx(untreated, rel=1e-7)
    off = run(site, *names, vesicles=1e10, acting_with_mirna=0.0, **MUTE)
    assert off == pytest.approx(untreated, rel=1e-7)


@pytest.mark.parametrize("site", SITES)
def test_signals_rest_without_a_stimulus(site: str) -> None:
    assert np.ptp(run(site, *EVERY), axis=0) == pytest.approx(np.zeros(4), abs=1e-7)


@pytest.mark.parametrize("site", SITES)
def test_more_vesicles_that_act_never_do_less(site: str) -> None:
    name = READ[site]
    found = [run(site, name, vesicles=v, **ACTS)[:, 0] for v in (0.0, 1e6, 1e7, 1e9, 1e11)]
    steps = np.diff(np.array(found), axis=0)
    # A percentage of control may fall late: what joined early has fallen apart early.
    early = slice(None, 4) if site == "well_tubes" else slice(None)
    assert steps[:, early].min() > -1e-5
    assert found[-1][3] > found[0][3]


def test_vesicles_never_drive_more_than_their_bound() -> None:
    site = "well_endothelium"
    most = next(r.value for r in well(site).rows if r.key == "vessel_action.max_boost")
    found = run(site, "vessel_action_boost", vesicles=1e13, **ACTS)
    assert found.max() <= most * (1 + 1e-9)
    assert found.max() == pytest.approx(most, rel=0.01)


@pytest.mark.parametrize("site", ["well_endothelium", "well_tubes", "well_scratch"])
def test_repression_is_bounded_by_the_knock_out(site: str) -> None:
    names = ("akt_active_percent", "pten_percent", READ[site])
    untreated = run(site, *names)
    repressed = run(site, *names, vesicles=1e11, **FULL, **MUTE)
    without = run(site, *names, pten_present=0.0)
    assert np.all(untreated[:, 0] <= repressed[:, 0] + 1e-9)
    assert repressed[-1, 0] > untreated[-1, 0] + 1
    assert np.all(repressed[:, 0] < without[:, 0])
    assert repressed[:, 1].min() > 100 / 1.9
    assert np.all(without[:, 1] == 0.0)


def test_unmodified_vesicles_do_nothing_by_mirna() -> None:
    """The stoichiometry: a thousandth of a copy a vesicle does not reach a thousand a cell."""
    found = run("well_endothelium", "pten_percent", vesicles=1.5e6, **MUTE)
    assert found.min() > 99.99


def test_all_vegf_is_somewhere() -> None:
    names = tuple(f"growth_factors_{name}" for name in VEGF)
    found = run("well_endothelium", *names, growth_factors_vegf=1000.0)
    mass = found @ np.array([1.0, 1.0, 1.0, 38200.0, 38200.0])
    assert mass == pytest.approx(1000.0, rel=1e-7)
    assert found.min() > -1e-6


def test_more_growth_factor_gives_more_cells() -> None:
    for target in ("growth_factors_vegf", "growth_factors_fgf2"):
        found = [
            run("well_endothelium", "living_cells", **{target: dose})[-1, 0]
            for dose in (0.0, 10.0, 100.0, 1e3, 1e4, 1e5)
        ]
        assert np.all(np.diff(found) > 0), target
        assert found[-1] < run("well_endothelium", "proliferation_capacity")[0, 0]


def test_cells_of_tubes_are_all_somewhere() -> None:
    names = ("tubes_single", "tubes_joined", "tubes_fallen")
    found = run("well_tubes", *names, growth_factors_vegf=1000.0)
    assert found.sum(axis=1) == pytest.approx(1.0, rel=1e-7)


def test_a_gap_is_never_more_than_closed_and_wider_gaps_close_later() -> None:
    for vesicles in (0.0, 1e11):
        found = run("well_scratch", "gap_closed_percent", vesicles=vesicles, **ACTS)
        assert found.max() <= 100.0 + 1e-6
        assert np.all(np.diff(found[:, 0]) > 0)
    widths = [
        run("well_scratch", "gap_closed_percent", scratch_gap_width=w)[4, 0]
        for w in (250.0, 500.0, 1000.0, 2000.0)
    ]
    assert np.all(np.diff(widths) < 0)


@pytest.mark.parametrize("site", SITES)
def test_no_draw_of_what_is_not_known_breaks_a_run(site: str) -> None:
    model = well(site)
    rows = [r for r in model.rows if not r.id.endswith(BETWEEN) and r.varies not in PATIENT_LEVELS]
    drawn = draw(rows, seed=3, worlds=40, patients=1)
    numbers = {i: drawn[key][:, 0] for i, key in model.origins.items() if key in drawn}
    compiled_model, values = compiled(site)
    varied = [numbers.get(i, np.full(40, value)) for i, value in values.items()]
    doses = pd.DataFrame(
        [
            {"run": world, "time": 0.0, "amount": amount, "target": target}
            for world in range(40)
            for target, amount in (("medium_medium_free", 1e9), ("growth_factors_fgf2", 1e3))
        ]
    )
    runs = compiled_model.run(
        TIMES, varied=np.column_stack(varied), doses=doses, rtol=1e-5, processes=1
    )
    assert np.all(runs.status == 0)
    assert np.all(np.isfinite(runs.values))
