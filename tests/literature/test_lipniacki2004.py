"""The core of NF-kB beside its published file and beside an older model, run by another solver."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from nfkb_wells import course

from exocast.study import statistics as of_course

MINUTES = np.linspace(0.0, 400.0, 1601)
SETTLED = 363_600.0  # s, as the published file has it
PEAKS = (23.3, 135.0, 236.7)  # min, of the published model


@pytest.fixture(scope="module")
def ours() -> np.ndarray:
    return course("well_nfkb_core", MINUTES, ["nuclear_nfkb"], tnf_step_step=1.0)["nuclear_nfkb"]


def published(file: Path, settle: float, changes: dict[str, float], end: float) -> object:
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    runner = roadrunner.RoadRunner(str(file))
    runner.integrator.absolute_tolerance = 1e-14
    runner.integrator.relative_tolerance = 1e-10
    return runner


def test_peaks_are_where_the_paper_has_them(ours: np.ndarray) -> None:
    [(times, heights)] = of_course.peaks(MINUTES, ours[None])
    assert times[:3] == pytest.approx(PEAKS, abs=1.0)
    assert 20 < times[0] < 35
    assert np.all((np.diff(times) > 99) & (np.diff(times) < 113))
    assert heights[1] / heights[0] == pytest.approx(0.459, abs=0.005)


def test_the_course_is_that_of_the_published_file(ours: np.ndarray, reference: Path) -> None:
    """Within a hundredth of a percent of the peak; 1 % was agreed."""
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    runner = roadrunner.RoadRunner(str(reference / "literature/sbml/BIOMD0000000786.xml"))
    runner.integrator.absolute_tolerance = 1e-14
    runner.integrator.relative_tolerance = 1e-10
    runner.timeCourseSelections = ["time", "[NFKB_nuc]"]
    runner.simulate(0, SETTLED, 100)
    runner.setValue("TNF_R", 1.0)
    theirs = runner.simulate(SETTLED, SETTLED + 60 * MINUTES[-1], len(MINUTES))[:, 1]
    assert np.abs(ours - theirs).max() < 1e-4 * theirs.max()


def test_an_older_model_keeps_the_clock_and_not_the_heights(
    ours: np.ndarray, reference: Path
) -> None:
    """Hoffmann 2002 has no A20 and two more inhibitors: peaks at 30, 138, 238 min, 0.504."""
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    runner = roadrunner.RoadRunner(str(reference / "literature/sbml/BIOMD0000000140.xml"))
    names = runner.model.getFloatingSpeciesIds()
    runner.integrator.absolute_tolerance = 1e-14
    runner.integrator.relative_tolerance = 1e-9
    runner.setValue("IKK", 0.0)
    runner.timeCourseSelections = ["time", "NFkBn" if "NFkBn" in names else "NFkB_n"]
    runner.simulate(0, 2000, 100)
    runner.setValue("IKK", 0.1)
    theirs = runner.simulate(2000, 2400, len(MINUTES))[:, 1]
    [(times, heights)] = of_course.peaks(MINUTES, np.asarray(theirs)[None])
    assert times[:3] == pytest.approx([30, 138, 238], abs=2)
    assert heights[1] / heights[0] == pytest.approx(0.504, abs=0.01)
    [(own, _)] = of_course.peaks(MINUTES, ours[None])
    assert own[:3] == pytest.approx(times[:3], abs=8)
