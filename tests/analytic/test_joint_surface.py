"""The surface that stands for detailed synoviocytes and chondrocytes, and where the two overlap."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from exocast import engine
from exocast.evidence.rows import package_table

SCRIPTS = Path(__file__).parents[2] / "scripts"
# As the page states it, of the logarithm of a change: RMS and largest miss of what no fit saw.
RMS, LARGEST = 0.005, 0.009
# The RMS of a dozen points is itself known to a third or so.
FEW = 1.5
NAMES = (
    "synovial_collagenase",
    "synovial_inhibitor",
    "cartilage_collagenase",
    "cartilage_aggrecanase",
)
AT = {name: f"knee_{name}" for name in NAMES}
BASELINES = "knee_inflammation_il1_baseline", "knee_inflammation_tnf_baseline"


@functools.cache
def script() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        return importlib.import_module("emulated_joint")


@functools.cache
def rows() -> dict[str, float]:
    return {row.id: row.value for row in package_table("tissue", "joint_surface").values()}


def changes(il1, tnf, drive) -> np.ndarray:
    il1, tnf, drive = np.broadcast_arrays(*(np.asarray(x, float) for x in (il1, tnf, drive)))
    return script().changes(rows(), il1.ravel(), tnf.ravel(), drive.ravel())


def test_nothing_changes_nothing() -> None:
    assert (changes(0.0, 0.0, 0.0) == 0).all()


def test_more_cytokine_makes_more_and_more_engaged_makes_less() -> None:
    level, share = np.geomspace(1e-3, 1e6, 60), np.linspace(0, 1, 31)
    for other in (0.0, 10.0, 1e4):
        for drive in (0.0, 0.5, 1.0):
            assert (np.diff(changes(level, other, drive), axis=0) > 0).all()
            assert (np.diff(changes(other, level, drive), axis=0) > 0).all()
        falls = np.diff(changes(5.0, other, share), axis=0)
        proteases = [n for n, name in enumerate(NAMES) if "inhibitor" not in name]
        assert (falls[:, proteases] < 0).all()


def test_the_surface_is_bounded_and_above_nothing_whatever_is_drawn() -> None:
    level = np.geomspace(1e-6, 1e9, 40)
    for drive in (-3.0, 0.0, 1.0, 5.0):
        made = np.exp(changes(level, level, drive))
        assert np.isfinite(made).all() and (made > 0).all()
    most = 1 + np.array([rows()[f"{name}.rise"] for name in NAMES])
    assert (np.exp(changes(1e9, 1e9, 0.0)) < most).all()


def test_it_agrees_with_the_detailed_cells_off_the_grid() -> None:
    rng = np.random.default_rng(1)
    n = 12
    il1, tnf = (np.exp(rng.uniform(np.log(0.3), np.log(300.0), n)) for _ in range(2))
    drive = rng.uniform(0, 1, n)
    for name, values in (("IL1", il1), ("TNF", tnf), ("DRIVE", drive)):
        assert not np.isin(values, getattr(script(), name)).any()
    # The first point has nothing: it is what a change is a change from.
    il1, tnf, drive = (np.concatenate([[0.0], x]) for x in (il1, tnf, drive))
    miss = (script().detailed(il1, tnf, drive).change - changes(il1, tnf, drive))[1:]
    assert np.abs(miss).max() <= FEW * LARGEST
    assert np.sqrt(np.mean(miss**2)) <= FEW * RMS


# A knee under treatment changes over weeks: cytokines that fade with this half-life are followed by
# the detailed cells hour by hour, and by the surface as it stands. Wells start at rest, so they are
# read when that is forgotten.
FADES_DAYS = 21.0
# What cells make is behind the signal by the mean life of mRNA, 30 h / ln 2, and the signal's own.
BEHIND_DAYS = 2.2


@pytest.mark.parametrize("drive", [0.0, 0.6])
@pytest.mark.parametrize("day", [14.0, 28.0, 42.0])
def test_the_two_scales_agree_where_they_overlap(drive: float, day: float) -> None:
    fades = np.log(2) / FADES_DAYS
    il1, tnf = np.array([0.0, 2.0, 4.0, 40.0, 0.0, 100.0]), np.array([0.0, 10.0, 0.0, 10.0, 30, 0])
    drives = np.where(il1 + tnf > 0, drive, 0.0)
    found = script().detailed(il1, tnf, drives, fades=fades, day=day).change[1:]
    now, before = (
        changes(il1 * left, tnf * left, drives)[1:]
        for left in np.exp(-fades * np.array([day, day - BEHIND_DAYS]))
    )
    assert found.max() > 0.2
    assert (found >= now - LARGEST).all()
    assert (found <= before + LARGEST).all()


@functools.cache
def knee() -> tuple[engine.AssembledModel, engine.Model]:
    model = engine.assemble("knee")
    varied = (
        *BASELINES,
        "knee_matrix_by_cells",
        "knee_response_translation",
        *(f"{at}_{name}" for at in AT.values() for name in ("error", "seen")),
    )
    observe = (
        "knee_inflammation_il1",
        "knee_inflammation_tnf",
        "knee_engaged",
        *(f"{at}_over_rest" for at in AT.values()),
        "knee_mmp_activity",
        "knee_adamts_activity",
        "knee_timp",
    )
    return model, engine.compile(model.sbml, varied=varied, observe=observe)


TIMES = np.array([1.0, 7.0, 30.0, 90.0])


def course(
    *,
    hot: float = 1.0,
    by_cells: float = 1.0,
    dose: float = 1e13,
    translation: float = 1.0,
    error: float = 1.0,
    seen: float = 1.0,
) -> np.ndarray:
    """A knee over three months, its untreated IL-1 and TNF ``hot`` times the reference."""
    model, compiled = knee()
    centre = {r.key: r.value for r in model.rows}
    base = [hot * centre[model.origins[name]] for name in BASELINES]
    settings = [*base, by_cells, translation, *([error, seen] * len(NAMES))]
    doses = pd.DataFrame([{"run": 0, "time": 0.0, "amount": dose, "target": "knee_medium_fluid"}])
    runs = compiled.run(
        TIMES, varied=np.array([settings]), doses=doses if dose else None, rtol=1e-9, processes=1
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    return np.asarray(runs.values[0])


@pytest.mark.parametrize("hot", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("by_cells", [0.0, 1.0])
def test_an_untreated_knee_stays_as_it_is(hot: float, by_cells: float) -> None:
    got = course(hot=hot, by_cells=by_cells, dose=0.0, error=1.3, seen=3.0)
    assert got[:, 3:9] == pytest.approx(1.0, rel=1e-6)


def test_a_product_without_effect_in_people_changes_no_matrix() -> None:
    got = course(translation=0.0)
    assert (got[:, 2] > 0).any()
    assert got[:, 3:9] == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("hot", [0.2, 1.0, 10.0])
def test_the_knee_computes_the_surface(hot: float) -> None:
    model, _ = knee()
    volume = next(r.value for r in model.rows if r.key == model.origins["knee_fluid"])
    got = course(hot=hot, translation=0.7)
    assert got[0, 2] > 0.01
    il1, tnf = got[:, 0] / volume, got[:, 1] / volume
    centre = {r.key: r.value for r in model.rows}
    rest = [hot * centre[model.origins[name]] / volume for name in BASELINES]
    for n, name in enumerate(NAMES):
        drive = 0.7 * got[:, 2] if name.startswith("synovial") else np.zeros(len(TIMES))
        change = changes(il1, tnf, drive)[:, n] - changes(*rest, 0.0)[0, n]
        assert np.log(got[:, 3 + n]) == pytest.approx(change, rel=1e-6, abs=1e-9)


def test_the_error_is_of_the_change() -> None:
    plain, off = (course(error=error)[:, 3:7] for error in (1.0, 1.4))
    assert np.log(off) == pytest.approx(1.4 * np.log(plain), rel=1e-6, abs=1e-12)


def test_the_alternative_moves_proteases_and_leaves_cytokines() -> None:
    by_share, by_cells = course(by_cells=0.0), course(by_cells=1.0)
    assert by_cells[:, :3] == pytest.approx(by_share[:, :3], rel=1e-6)
    assert np.abs(np.log(by_cells[:, 7:] / by_share[:, 7:])).max() > 0.01
