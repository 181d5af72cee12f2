"""Proctor 2013, the published model of collagen release from explants: ours beside the file itself.

BIOMD0000000504, found through EXOCAST_REFERENCE. Ours has its activation, binding, loss and
cutting, and a burst of the same area in place of its signalling. Nothing is fitted to its answers.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from exocast import engine

DAYS = np.array([0.0, 7.0, 14.0, 21.0, 28.0])
SECONDS = 86400.0
CHANGES = {
    "TIMP-3 tenfold": ("inhibitors_timp3_made", "ksynTIMP3", 10.0),
    "TIMP-1 tenfold": ("inhibitors_timp1_made", "ksynTIMP1", 10.0),
    "MMP-1 halved": ("mmp1_made", "ksynMMP1", 0.5),
    "MMP-13 halved": ("mmp13_made", "ksynMMP13", 0.5),
    "ADAMTS-4 halved": ("adamts4_made", "ksynADAMTS4", 0.5),
}
# Change of collagen released in 28 days, percent, as the file gives it.
PUBLISHED = {
    "TIMP-3 tenfold": -93.0,
    "TIMP-1 tenfold": -17.0,
    "MMP-1 halved": -43.0,
    "MMP-13 halved": -4.0,
    "ADAMTS-4 halved": -48.0,
}


@functools.cache
def ours(measured: bool) -> dict[str, np.ndarray]:
    """Collagen released in percent of the start, by change, at DAYS."""
    model = engine.assemble("explant")
    varied = (
        "challenge_il1_given",
        "challenge_late_given",
        "inhibitors_measured_binding",
        *(change[0] for change in CHANGES.values()),
    )
    runs = [[1e4, 1.0, float(measured), *np.ones(len(CHANGES))] for _ in range(len(CHANGES) + 1)]
    for i, (_, _, factor) in enumerate(CHANGES.values()):
        runs[i + 1][3 + i] = factor
    found = engine.compile(model.sbml, varied=varied, observe=("collagen_released_percent",)).run(
        DAYS, np.array(runs), rtol=1e-7, processes=1
    )
    assert np.all(found.status == 0)
    return dict(zip(("none", *CHANGES), found.values[:, :, 0], strict=True))


def change(found: dict[str, np.ndarray], name: str) -> float:
    return float(100 * (found[name][-1] / found["none"][-1] - 1))


def test_loss_of_collagen_over_four_weeks() -> None:
    found = ours(measured=False)["none"][1:]
    assert found == pytest.approx([5.294, 10.204, 12.975, 14.563], rel=0.01)


@pytest.mark.parametrize("name", CHANGES)
def test_what_an_intervention_changes(name: str) -> None:
    assert change(ours(measured=False), name) == pytest.approx(PUBLISHED[name], abs=2.5)


def test_every_intervention_protects_under_both_sets_of_binding() -> None:
    for measured in (False, True):
        found = ours(measured)
        for name in CHANGES:
            assert change(found, name) < 0, name


def test_mmp13_matters_least_under_both_sets() -> None:
    for measured in (False, True):
        found = ours(measured)
        assert change(found, "MMP-13 halved") > change(found, "ADAMTS-4 halved")
        assert change(found, "MMP-13 halved") > change(found, "MMP-1 halved")


def test_adamts4_or_mmp1_matters_more_by_how_tightly_inhibitors_bind() -> None:
    as_published, as_measured = ours(measured=False), ours(measured=True)
    assert PUBLISHED["ADAMTS-4 halved"] < PUBLISHED["MMP-1 halved"]
    assert change(as_published, "ADAMTS-4 halved") < change(as_published, "MMP-1 halved")
    assert change(as_measured, "ADAMTS-4 halved") > change(as_measured, "MMP-1 halved")


def test_sizes_for_timp_rest_on_how_tightly_the_file_binds() -> None:
    as_published, as_measured = ours(measured=False), ours(measured=True)
    assert as_measured["none"][-1] == pytest.approx(as_published["none"][-1], rel=0.1)
    assert change(as_published, "TIMP-3 tenfold") < -85
    assert change(as_measured, "TIMP-3 tenfold") > -60


@pytest.mark.slow
def test_the_file_itself_gives_the_published_numbers(reference: Path) -> None:
    file = reference / "literature" / "sbml" / "BIOMD0000000504.xml"
    names = tuple(published for _, published, _ in CHANGES.values())
    compiled = engine.compile(file, varied=names, observe=("ColFrag",), path="general")
    start = {
        "ksynTIMP3": 4e-4,
        "ksynTIMP1": 2e-4,
        "ksynMMP1": 1.5e-4,
        "ksynMMP13": 1.5e-5,
        "ksynADAMTS4": 5e-4,
    }
    runs = [[start[n] for n in names] for _ in range(len(names) + 1)]
    for i, (_, name, factor) in enumerate(CHANGES.values()):
        runs[i + 1][i] = start[name] * factor
    found = compiled.run(DAYS * SECONDS, np.array(runs), rtol=1e-8, processes=1).values[:, :, 0]
    assert found[0, 1:] == pytest.approx([5294, 10204, 12975, 14563], rel=2e-3)
    for i, name in enumerate(CHANGES):
        assert 100 * (found[i + 1, -1] / found[0, -1] - 1) == pytest.approx(
            PUBLISHED[name], abs=0.6
        )
