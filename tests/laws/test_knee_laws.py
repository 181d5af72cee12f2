"""Laws of the knee: mass is kept, nothing goes negative, no dose leaves the natural course."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exocast import engine

CLASSES = ("small", "medium", "large")
TIGHT = 1e-10
TIMES = np.array([0.0, 0.25, 1.0, 7.0, 28.0, 56.0, 84.0])


@functools.cache
def knee(condition: str = "knee_oa") -> engine.AssembledModel:
    return engine.assemble("knee", condition=condition)


def states_of(sbml: str) -> tuple[str, ...]:
    """Every species that holds given vesicles."""
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    species = [model.getSpecies(i) for i in range(model.getNumSpecies())]
    ruled = {model.getRule(i).getVariable() for i in range(model.getNumRules())}
    return tuple(s.getId() for s in species if s.getId() not in ruled)


def doses(amounts: dict[float, float]) -> pd.DataFrame:
    shares = (0.3, 0.4, 0.3)
    return pd.DataFrame(
        [
            {"run": 0, "time": t, "amount": a * f, "target": f"knee_{c}_fluid"}
            for t, a in amounts.items()
            for c, f in zip(CLASSES, shares, strict=True)
        ]
    )


amounts = st.dictionaries(
    st.sampled_from([0.0, 3.5, 28.0, 56.0]),
    st.floats(min_value=1e6, max_value=1e13),
    min_size=1,
    max_size=3,
)


@settings(max_examples=15)
@given(amounts)
def test_vesicles_are_conserved(given_doses: dict[float, float]) -> None:
    model = knee()
    states = states_of(model.sbml)
    compiled = engine.compile(model.sbml, observe=states)
    runs = compiled.run(TIMES, doses=doses(given_doses), rtol=TIGHT, processes=1)
    total = runs.values[0].sum(axis=1)
    for time, found in zip(TIMES, total, strict=True):
        dosed = sum(a for t, a in given_doses.items() if t <= time)
        assert abs(found - dosed) <= 1e-9 * sum(given_doses.values())


@settings(max_examples=10)
@given(amounts, st.floats(min_value=1e-5, max_value=10.0))
def test_cargo_is_conserved(given_doses: dict[float, float], copies: float) -> None:
    model = knee()
    opened = [f"knee_uptake_{c}_cytosol" for c in CLASSES]
    observe = (*opened, "knee_cargo_rna", "knee_cargo_loaded", "knee_cargo_rna_lost")
    compiled = engine.compile(model.sbml, varied=("knee_cargo_rna_copies",), observe=observe)
    runs = compiled.run(
        TIMES,
        varied=np.array([[copies]]),
        doses=doses(given_doses),
        rtol=TIGHT,
        processes=1,
    )
    values = runs.values[0]
    outside = next(r.value for r in model.rows if r.key == "cargo.surface_share")
    delivered = copies * (1 - outside) * values[:, :3].sum(axis=1)
    assert np.allclose(values[:, 3:].sum(axis=1), delivered, rtol=1e-8, atol=1e-6)


@settings(max_examples=10)
@given(st.floats(min_value=1.0, max_value=1e12))
def test_soluble_protein_is_conserved(amount_pg: float) -> None:
    observe = ("knee_coisolated_soluble", "knee_coisolated_soluble_cleared")
    compiled = engine.compile(knee().sbml, observe=observe)
    table = pd.DataFrame(
        [{"run": 0, "time": 0.0, "amount": amount_pg, "target": "knee_coisolated_soluble"}]
    )
    runs = compiled.run(TIMES, doses=table, rtol=TIGHT, processes=1)
    assert np.allclose(runs.values[0].sum(axis=1), amount_pg, rtol=1e-9)


@pytest.mark.parametrize("condition", ["knee_oa", "healthy_knee"])
def test_an_untreated_knee_stays_where_it_is(condition: str) -> None:
    model = knee(condition)
    steady = [
        name for name in model.observables if name not in ("knee_collagen", "knee_cartilage_volume")
    ]
    runs = engine.compile(model.sbml, observe=tuple(steady)).run(
        np.array([0.0, 30.0, 364.0]), rtol=1e-8, processes=1
    )
    values = runs.values[0]
    assert np.allclose(values, values[0], rtol=1e-6, atol=1e-12)


def test_a_healthy_knee_loses_no_cartilage_and_a_diseased_one_does() -> None:
    left = {
        condition: engine.compile(knee(condition).sbml, observe=("knee_cartilage_volume",))
        .run(np.array([0.0, 364.0]), rtol=1e-8, processes=1)
        .values[0, -1, 0]
        for condition in ("knee_oa", "healthy_knee")
    }
    assert left["healthy_knee"] == pytest.approx(100.0, abs=1e-9)
    assert left["knee_oa"] < 98.0


def test_inert_vesicles_leave_the_tissue_at_its_natural_course() -> None:
    model = knee()
    observe = ("knee_synovial_inflammation", "knee_cartilage_volume", "knee_tnf")
    compiled = engine.compile(model.sbml, varied=("knee_response_translation",), observe=observe)
    given_doses = doses({0.0: 1e11, 28.0: 1e11})
    inert = compiled.run(TIMES, varied=np.array([[0.0]]), doses=given_doses, processes=1).values
    none = compiled.run(TIMES, varied=np.array([[0.0]]), processes=1).values
    active = compiled.run(TIMES, varied=np.array([[0.5]]), doses=given_doses, processes=1).values
    assert np.allclose(inert, none, rtol=1e-5)
    assert active[0, -1, 0] < 0.99 * none[0, -1, 0]


def test_more_vesicles_calm_more() -> None:
    compiled = engine.compile(
        knee().sbml,
        varied=("knee_response_translation",),
        observe=("knee_synovial_inflammation",),
    )
    found = [
        compiled.run(
            TIMES, varied=np.array([[0.5]]), doses=doses({0.0: amount}), processes=1
        ).values[0, -1, 0]
        for amount in (1e8, 1e9, 1e10, 1e11, 1e12)
    ]
    assert found == sorted(found, reverse=True)


@settings(max_examples=10)
@given(amounts, st.floats(min_value=-1.0, max_value=2.0))
def test_nothing_goes_negative(given_doses: dict[float, float], translation: float) -> None:
    model = knee()
    states = states_of(model.sbml)
    compiled = engine.compile(model.sbml, varied=("knee_response_translation",), observe=states)
    runs = compiled.run(
        TIMES, varied=np.array([[translation]]), doses=doses(given_doses), processes=1
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    scale = sum(given_doses.values())
    assert runs.values.min() >= -1e-6 * scale


@pytest.mark.slow
def test_the_two_knees_of_a_person_are_alike_and_share_their_blood() -> None:
    model = engine.assemble("knees", condition="knee_oa")
    observe = ("left_fluid_particles", "right_fluid_particles", "plasma_particles")
    table = doses({0.0: 1e10})
    left = table.assign(target=table["target"].str.replace("knee_", "left_"))
    runs = engine.compile(model.sbml, observe=observe).run(TIMES, doses=left, processes=1)
    values = runs.values[0]
    single = engine.compile(knee().sbml, observe=("knee_fluid_particles", "plasma_particles")).run(
        TIMES, doses=table, processes=1
    )
    assert np.all(values[:, 1] == 0)
    assert np.allclose(values[:, 0], single.values[0, :, 0], rtol=1e-4, atol=1e4)
    assert np.allclose(values[:, 2], single.values[0, :, 1], rtol=1e-4, atol=1e4)
