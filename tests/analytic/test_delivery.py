"""Delivery against closed forms: what cells take up, what opens, what acts, and in how many."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

from exocast import engine
from exocast.cell import stoichiometry

CLASSES = ("small", "medium", "large")
SHARES = (0.3, 0.4, 0.3)
TIMES = np.array([0.0, 0.1, 0.5, 1.0, 2.0, 7.0])
TIGHT = 1e-10


@functools.cache
def culture() -> engine.AssembledModel:
    return engine.assemble("culture")


def observed(
    dose: float, *names: str, times: np.ndarray = TIMES, **numbers: float
) -> dict[str, np.ndarray]:
    """Course of some names after a dose into the medium, with some ids of the model set."""
    doses = pd.DataFrame(
        [
            {"run": 0, "time": 0.0, "amount": dose * share, "target": f"medium_{size}_free"}
            for size, share in zip(CLASSES, SHARES, strict=True)
        ]
    )
    compiled = engine.compile(culture().sbml, varied=tuple(numbers), observe=names)
    runs = compiled.run(
        times,
        varied=np.array([list(numbers.values())]) if numbers else None,
        doses=doses,
        rtol=TIGHT,
        processes=1,
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    return {name: runs.values[0, :, i] for i, name in enumerate(names)}


def each(local: str, value: float) -> dict[str, float]:
    """One number of uptake set for every size class."""
    return {f"uptake_{size}_{local}": value for size in CLASSES}


def number(key: str) -> float:
    return next(row.value for row in culture().rows if row.key == key)


@pytest.mark.parametrize("dose", [1e6, 1e10, 1e13])
def test_vesicles_in_a_well_are_where_they_are_said_to_be(dose: float) -> None:
    found = observed(dose, *culture().fates)
    assert np.allclose(sum(found.values()), dose, rtol=1e-9)


def test_a_well_against_its_closed_form() -> None:
    """Far from saturation, without a way back: three steps in a row (Bateman)."""
    off = {**each("k_release", 0.0), **each("k_recycle", 0.0)}
    found = observed(1e4, "medium_medium_free", "uptake_medium_bound", **off)
    bind = number("uptake.binding_clearance") * number("culture.recipient_cells") / 0.2
    enter = number("uptake.k_internalise")
    free = 4e3 * np.exp(-bind * TIMES)
    bound = 4e3 * bind / (enter - bind) * (np.exp(-bind * TIMES) - np.exp(-enter * TIMES))
    assert np.allclose(found["medium_medium_free"], free, rtol=1e-6)
    assert np.allclose(found["uptake_medium_bound"], bound, rtol=1e-6, atol=1e-6)


def test_uptake_saturates_as_michaelis_says() -> None:
    """Early uptake over the dose falls to a half at the row's concentration."""
    early = np.array([1e-4])
    slow = {**each("k_release", 0.0), **each("size_factor", 1.0)}
    half = number("cells.half_saturation") * 0.2
    doses = half * np.array([1e-6, 0.1, 1.0, 10.0])
    taken = [observed(d, "cell_particles", times=early, **slow)["cell_particles"][0] for d in doses]
    share = np.array(taken) / doses
    assert np.allclose(share / share[0], 1 / (1 + doses / half), rtol=1e-4)
    assert np.all(np.diff(taken) > 0)
    assert np.all(np.diff(share) < 0)


def test_a_blocked_route_takes_its_share() -> None:
    for route in ("clathrin", "caveolae", "macropinocytosis"):
        closed = observed(1e5, "cell_particles", **each(f"{route}_open", 0.0))
        opened = observed(1e5, "cell_particles")
        early = 1 - closed["cell_particles"][1] / opened["cell_particles"][1]
        assert early == pytest.approx(number(f"uptake.{route}_share"), rel=0.02)


def test_targeted_and_own_vesicles_bind_by_their_factor() -> None:
    early = np.array([1e-4])
    plain = observed(1e5, "cell_particles", times=early)["cell_particles"]
    made_for = observed(1e5, "cell_particles", times=early, **each("affinity", 8.0))
    own = observed(1e5, "cell_particles", times=early, **each("same_type", 1.0))
    assert made_for["cell_particles"] / plain == pytest.approx(8.0, rel=1e-3)
    assert own["cell_particles"] / plain == pytest.approx(number("uptake.homotypic"), rel=1e-3)


CYTOSOL = (
    "cytosol_particles",
    "cytosol_positive_percent",
    "rna_copies_per_cell",
    "rna_loaded_per_cell",
    "enzyme_per_cell",
    "protein_per_cell",
    "lipid_percent",
)


def test_without_escape_nothing_is_in_the_cytosol() -> None:
    found = observed(1e12, *CYTOSOL, "cell_particles", **each("opened_share", 0.0))
    for name in CYTOSOL:
        assert np.all(found[name] == 0.0), name
    assert found["cell_particles"][-1] > 0


def test_empty_vesicles_bring_no_rna() -> None:
    found = observed(1e12, "rna_copies_per_cell", "rna_loaded_per_cell", cargo_rna_copies=0.0)
    assert all(np.all(values == 0.0) for values in found.values())


def test_a_fusogen_opens_its_own_share() -> None:
    names = ("cytosol_particles", "uptake_medium_cytosol", "endocytosed_particles")
    late = np.array([240.0])
    off = {**each("k_recycle", 0.0), **each("fusogen", 1.0)}
    found = observed(1e5, *names, times=late, **off)
    share = found["cytosol_particles"] / found["endocytosed_particles"]
    assert share == pytest.approx(number("uptake.fusogen_opened_share"), rel=1e-5)


@pytest.mark.parametrize("copies", [1e-3, 1.0, 50.0])
def test_every_cargo_balances(copies: float) -> None:
    found = observed(
        1e11,
        "cytosol_particles",
        "cargo_rna",
        "cargo_loaded",
        "cargo_rna_lost",
        "enzyme_active",
        "enzyme_lost",
        "mrna_mrna_copies",
        "mrna_mrna_lost",
        cargo_rna_copies=copies,
        enzyme_enzyme_copies=copies,
        mrna_copies=copies,
    )
    opened = copies * found["cytosol_particles"]
    inside = 1 - number("cargo.surface_share")
    rna = found["cargo_rna"] + found["cargo_loaded"] + found["cargo_rna_lost"]
    assert np.allclose(rna, inside * opened, rtol=1e-9, atol=1e-9)
    assert np.allclose(found["enzyme_active"] + found["enzyme_lost"], opened, rtol=1e-9, atol=1e-9)
    mrna = found["mrna_mrna_copies"] + found["mrna_mrna_lost"]
    assert np.allclose(mrna, opened, rtol=1e-9, atol=1e-9)


def test_dna_acts_in_no_cell() -> None:
    found = observed(1e13, "dna_copies_acting_per_cell", dna_dna_copies=1e6)
    assert np.all(found["dna_copies_acting_per_cell"] == 0.0)


def test_copies_alike_and_in_few_have_one_mean_and_reach_other_cells() -> None:
    names = ("rna_copies_per_cell", "rna_loaded_per_cell", "rna_cells_reached_percent")
    alike = observed(1e11, *names, cargo_concentrated=0.0)
    few = observed(1e11, *names, cargo_concentrated=1.0)
    for name in names[:2]:
        assert np.array_equal(alike[name], few[name])
    assert np.all(alike["rna_cells_reached_percent"] == 100.0)
    assert few["rna_cells_reached_percent"][-1] < 10.0


def test_positive_cells_follow_the_poisson_law() -> None:
    found = observed(1e10, "positive_cells_percent", "inside_particles")
    inside = found["inside_particles"] / number("culture.recipient_cells")
    share = stoichiometry.positive_share(inside, number("culture.detection_inside"))
    assert np.allclose(found["positive_cells_percent"], 100 * share, rtol=1e-9)


# Counting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("copies", [0.0, 1e-4, 0.3, 1.0, 40.0])
def test_every_loading_keeps_the_mean(copies: float) -> None:
    opened = np.array([0.0, 0.01, 3.0, 500.0])
    for loading in (
        stoichiometry.alike(copies),
        stoichiometry.two_classes(copies, 0.43, 200.0),
        stoichiometry.concentrated(copies, 4e-4),
    ):
        mean = stoichiometry.copies_per_cell(opened, loading)
        assert np.allclose(mean, copies * opened, rtol=1e-12), loading.name
        assert np.all(loading.copies_each >= 1.0)
        assert np.all(loading.carrying_share <= 1.0)


def test_a_tail_is_the_sum_of_its_terms() -> None:
    counts, mean = np.array([0, 1, 2, 7, 1000]), 3.4
    assert np.allclose(stoichiometry.at_least(counts, mean), poisson.sf(counts - 1, mean))
    assert stoichiometry.at_least(1.2, mean) == stoichiometry.at_least(2, mean)


def test_cells_reached_by_drawing_vesicles_one_by_one() -> None:
    loading = stoichiometry.concentrated(0.05, 0.002)
    needed, opened = 60.0, 900.0
    chance = np.random.default_rng(5)
    vesicles = chance.poisson(opened, 40_000)
    copies = chance.binomial(vesicles, loading.carrying_share) * loading.copies_each
    drawn = np.mean(copies >= needed)
    told = stoichiometry.share_of_cells_reached(opened, loading, needed)
    assert told == pytest.approx(drawn, abs=0.01)


def test_few_loaded_vesicles_reach_some_cells_where_the_mean_reaches_none() -> None:
    alike = stoichiometry.share_of_cells_reached(1000.0, stoichiometry.alike(0.1), 1000.0)
    few = stoichiometry.share_of_cells_reached(
        1000.0, stoichiometry.concentrated(0.1, 1e-4), 1000.0
    )
    assert alike < 1e-12
    assert 0.05 < few < 0.12


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_dose_that_reaches_a_share_of_cells_does(share: float) -> None:
    given, opened, needed = 1e10, 0.14, 400.0
    for loading in (stoichiometry.alike(0.006), stoichiometry.concentrated(0.006, 4e-4)):
        dose = stoichiometry.dose_to_reach(given, opened, loading, needed, share=share)
        more = opened * dose / given
        reached = stoichiometry.share_of_cells_reached(more, loading, needed)
        assert reached == pytest.approx(share, rel=1e-9)


def test_no_dose_reaches_cells_with_nothing_inside() -> None:
    dose = stoichiometry.dose_to_reach(1e10, 0.1, stoichiometry.alike(0.0), 100.0)
    assert np.isinf(dose)
    assert stoichiometry.share_of_cells_reached(5.0, stoichiometry.alike(0.0), 100.0) == 0.0


def test_a_channel_counts_runs_that_are_known() -> None:
    told = stoichiometry.channel(
        "c", "1", np.array([1.0, 4.0, np.nan]), np.array([2.0, 2.0, 2.0]), ""
    )
    assert told["reached_probability"] == 0.5
    assert told["ratio"]["median"] == pytest.approx(1.25)
    empty = stoichiometry.channel("c", "1", np.array([np.nan]), np.array([2.0]), "")
    assert empty["reached_probability"] is None
