"""Galvis 2019, fibroblasts over passages 5 to 13: stains that calibrated the culture that ages.

The numbers are found through EXOCAST_REFERENCE. All of it but the doublings of passage 6 set the
rates, so nothing here is foretold. What is missed is an expected failure: the doublings of passage
6, which do not fit the stains, the fall of gamma-H2AX from passage 5 to 6, and senescent cells of
passage 11, more than in passages 10 and 12.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import numpy as np
import pytest

from exocast import engine

OBSERVED = ("ki67_percent", "sabgal_percent", "gamma_h2ax_percent", "tunel_percent", "doublings")
MARKS = {
    "ki67_percent": "Ki67 positive",
    "sabgal_percent": "SA-beta-gal positive",
    "gamma_h2ax_percent": "gamma-H2AX positive",
    "tunel_percent": "TUNEL positive",
}
START = 4.0  # the end of passage 5


@functools.cache
def measured(reference: Path) -> dict[str, np.ndarray]:
    file = reference / "literature" / "datasets" / "galvis_2019_fibroblast_senescence.csv"
    found: dict[str, list[tuple[float, float]]] = {}
    with file.open(newline="", encoding="utf-8") as table:
        for line in csv.DictReader(table):
            mark = line["condition"].partition("; ")[2]
            found.setdefault(mark, []).append((float(line["x"]) - START, float(line["y"])))
    return {mark: np.array(values) for mark, values in found.items()}


@functools.cache
def simulated(times: tuple[float, ...]) -> dict[str, np.ndarray]:
    runs = engine.compile(engine.assemble("well_fibroblast").sbml, observe=OBSERVED).run(
        np.array(times), rtol=1e-7, processes=1
    )
    return {name: runs.values[0, :, i] for i, name in enumerate(OBSERVED)}


def pair(reference: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    data = measured(reference)[MARKS[name]]
    return simulated(tuple(data[:, 0]))[name], data[:, 1]


def test_stains_add_up_to_all_cells(reference: Path) -> None:
    data = measured(reference)
    total = sum(data[MARKS[n]][:, 1] for n in ("ki67_percent", "sabgal_percent", "tunel_percent"))
    assert np.all(np.abs(total - 100) < 10)


PASSAGES = range(5, 14)
HIGH = pytest.mark.xfail(strict=True, reason="30.5 % between 23.9 and 29.0: 26.5 here")


@pytest.mark.parametrize(
    "passage", [pytest.param(n, marks=HIGH) if n == 11 else n for n in PASSAGES]
)
def test_senescent_cells_over_all_passages(reference: Path, passage: int) -> None:
    ours, theirs = pair(reference, "sabgal_percent")
    at = passage - PASSAGES[0]
    assert ours[at] == pytest.approx(theirs[at], abs=3.5)


def test_ki67_up_to_passage_twelve(reference: Path) -> None:
    ours, theirs = pair(reference, "ki67_percent")
    assert ours[:-1] == pytest.approx(theirs[:-1], abs=5.5)
    assert np.all(np.diff(ours) < 0)


def test_dying_cells_stay_few(reference: Path) -> None:
    ours, theirs = pair(reference, "tunel_percent")
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.5)


def test_damage_marks_rise_and_most_cells_have_them(reference: Path) -> None:
    ours, theirs = pair(reference, "gamma_h2ax_percent")
    assert np.all(np.diff(ours) > 0) and theirs[-1] > theirs[0]
    assert ours[-1] > 60
    assert ours[2:] == pytest.approx(theirs[2:], abs=7)


@pytest.mark.xfail(strict=True, reason="31.8 % measured, less than in passage 5; 42 here")
def test_damage_marks_of_passage_six(reference: Path) -> None:
    ours, theirs = pair(reference, "gamma_h2ax_percent")
    assert ours[1] == pytest.approx(theirs[1], abs=7)


DOUBLED = "population doublings in the passage"


def doublings(reference: Path) -> tuple[np.ndarray, np.ndarray]:
    """Doublings in each of passages 6 to 13."""
    data = measured(reference)[DOUBLED]
    return np.diff(simulated(tuple(data[:, 0]))["doublings"]), data[1:, 1]


def test_doublings_after_passage_six(reference: Path) -> None:
    ours, theirs = doublings(reference)
    assert np.sum(ours[1:]) == pytest.approx(np.sum(theirs[1:]), abs=0.5)


@pytest.mark.xfail(strict=True, reason="4.6 doublings in four days, 1.1 here")
def test_doublings_in_passage_six(reference: Path) -> None:
    ours, theirs = doublings(reference)
    assert ours[0] == pytest.approx(theirs[0], abs=1.0)
