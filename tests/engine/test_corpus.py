"""Every construct of SBML core: our own models on the default path against an independent run."""

from __future__ import annotations

import functools
import inspect
import itertools

import corpus
import libsbml
import numpy as np
import pandas as pd
import pytest
import roadrunner

from exocast import engine
from exocast.errors import InvalidInput, UnsupportedModel

# What takes the general path is counted below.
pytestmark = pytest.mark.filterwarnings("ignore::exocast.errors.GeneralPathUsed")
RTOL = 1e-8
WITHIN = 1e-6  # of the largest value of each observed thing
TWO_PATHS = "path" in inspect.signature(engine.compile).parameters
PARTS = [pytest.param(case, id=case.id) for case in corpus.CASES]

WITH_CLOSED_FORM = [
    p for p in PARTS if p.values[0].exact and (TWO_PATHS or not p.values[0].too_much)
]


def errors_of(text: str) -> list[str]:
    document = libsbml.readSBMLFromString(text)
    for checked in (libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, libsbml.LIBSBML_CAT_MODELING_PRACTICE):
        document.setConsistencyChecks(checked, False)
    document.checkConsistency()
    found = (document.getError(i) for i in range(document.getNumErrors()))
    return [e.getMessage() for e in found if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR]


@functools.cache
def run_of(case: corpus.Case, **path: str) -> engine.Runs:
    doses = pd.DataFrame(
        [(0, *dose) for dose in case.doses], columns=["run", "time", "amount", "target"]
    )
    model = engine.compile(case.sbml, observe=case.observe, **path)
    runs = model.run(case.times, doses=doses, rtol=RTOL, processes=1, checked_share=0.0)
    assert engine.STATUS[int(runs.status[0])] == "ok"
    return runs


def assert_near(found: np.ndarray, expected: np.ndarray, name: str) -> None:
    finite = np.isfinite(expected)
    assert np.array_equal(found[~finite], expected[~finite], equal_nan=True), name
    scale = np.abs(expected[finite]).max(initial=0.0) or 1.0
    assert np.abs(found[finite] - expected[finite]).max(initial=0.0) <= WITHIN * scale, name


def plain_run(case: corpus.Case) -> np.ndarray:
    """The same by libRoadRunner alone; (n_times, n_observed)."""
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_CRITICAL)
    # Else a model's ids become attributes of the class, one called __init__ among them.
    roadrunner.Config.setValue(roadrunner.Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES, True)
    runner = roadrunner.RoadRunner(case.sbml)
    model = libsbml.readSBMLFromString(case.sbml)
    species = {s.getId(): s for s in model.getModel().getListOfSpecies()}
    names = [
        name if name not in species or species[name].getHasOnlySubstanceUnits() else f"[{name}]"
        for name in case.observe
    ]
    runner.timeCourseSelections = names
    integrator = runner.integrator
    integrator.setValue("stiff", True)
    integrator.setValue("relative_tolerance", 1e-11)
    integrator.setValue("maximum_num_steps", 100_000)
    count = len(integrator.getAbsoluteToleranceVector())
    integrator.setValue("absolute_tolerance", [1e-14] * count)
    rows: dict[float, np.ndarray] = {}
    edges = [0.0, *sorted({d[0] for d in case.doses} - {0.0}), case.times[-1]]
    for start, end in itertools.pairwise(edges):
        for time, amount, target in case.doses:
            if time == start:
                runner.model.setValue(target, runner.model.getValue(target) + amount)
        grid = [start, *(t for t in case.times if start < t < end), end]
        if start not in rows or start in {d[0] for d in case.doses}:
            rows[start] = np.array(runner.getSelectedValues())
        if start < end:
            rows |= dict(zip(grid[1:], np.array(runner.simulate(times=grid))[1:], strict=True))
    return np.array([rows[t] for t in case.times])


@pytest.mark.parametrize("case", PARTS)
def test_a_model_of_the_corpus_is_valid_sbml(case: corpus.Case) -> None:
    assert errors_of(case.sbml) == []
    assert case.covers


@pytest.mark.slow
@pytest.mark.parametrize("case", [p for p in PARTS if not p.values[0].too_much])
def test_the_default_path_agrees_with_an_independent_run(case: corpus.Case) -> None:
    found = run_of(case).values[0]
    other = run_of(case, path="general").values[0] if TWO_PATHS else plain_run(case)
    for i, name in enumerate(case.observe):
        if TWO_PATHS or name not in case.unlike:
            assert_near(found[:, i], other[:, i], name)


@pytest.mark.parametrize("case", WITH_CLOSED_FORM)
def test_the_default_path_agrees_with_the_closed_form(case: corpus.Case) -> None:
    runs = run_of(case)
    for name, curve in case.exact.items():
        found = runs.values[0, :, case.observe.index(name)]
        assert_near(found, np.broadcast_to(curve(np.array(case.times)), found.shape), name)


@pytest.mark.parametrize("case", [p for p in PARTS if p.values[0].too_much])
def test_the_general_path_refuses_what_libroadrunner_computes_wrongly(case: corpus.Case) -> None:
    with pytest.raises(UnsupportedModel, match=case.too_much):
        run_of(case, **({"path": "general"} if TWO_PATHS else {}))


@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in corpus.REFUSED])
def test_what_cannot_be_run_is_refused_by_name(case: corpus.Refused) -> None:
    with pytest.raises(InvalidInput, match=case.words):
        engine.compile(case.sbml)
