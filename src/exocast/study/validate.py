"""The scoreboard: simulated experiments beside what was measured.

The steps, in plain words: read the triplets; for each, assemble the sites of its arms, draw worlds
as a forecast draws them, and run every arm in every world; read off what the paper printed; widen
the worlds' spread by the measurement's own error; score. Numbers that built the model and numbers
that test it stand apart, and a study cannot be both.

A world's animal or person is the one in the middle: a printed mean averages over subjects, and
what is left of their spread is in the measurement's error.
"""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from exocast import engine
from exocast.engine.site import load_site
from exocast.errors import ExocastError, InvalidInput, UnknownName, nearest
from exocast.evidence.chance import BETWEEN, PATIENT_LEVELS, draw, normal_scores
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import Row, package_table
from exocast.study import statistics as of_course
from exocast.study.triplets import (
    FOLDER,
    NO_TIME,
    Arm,
    Datum,
    Dose,
    Reading,
    Triplet,
    days,
    read_all,
)
from exocast.units import convert, magnitude, same_dimension
from exocast.vial import class_fractions

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
WORLDS, SEED = 200, 1
LEVEL = 0.9
LOW, HIGH = 0.05, 0.95
WIDEST = 10.0
TWOFOLD = 2.0
RTOL = 1e-5
HORIZON_DAYS = 60.0
GRID = 240
EARLIEST = 0.5 / 1440
SMALLEST_NM = 1.0
EDGE = 1e-3  # a percentage closer to 0 or 100 than this cannot be told from it
LABEL = "label_"
FULL_LABEL = 100.0
WHOLE_COURSE = {"auc", "mrt", "clearance", "volume", "peak", "peak_time", "first_time"}
AIM_TWOFOLD, AIM_COVERED = 0.8, (0.8, 0.97)
GOOD = "within twofold and inside the band"
VERDICTS = (
    GOOD,
    "within twofold, outside the band",
    "inside the band, not within twofold",
    "missed",
    "no prediction: the band is wider than tenfold",
    "shown only",
)
COLUMNS = (
    "dataset,condition,x,observed,predicted,low,high,fold_error,covered,interval_score,used_for,"
    "grade,unit,x_unit,verdict,informed_by,species,route,given"
).split(",")


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One measured number beside its prediction.

    ``low`` to ``high`` hold 90 % of what a laboratory would read; ``covered`` says whether the
    observed number lies inside; ``interval_score`` is on the scale of logarithms (of the odds for
    a percentage), smaller is better. ``species`` is the one that was measured, ``route`` how the
    dose was given, ``given`` what it was: vesicles, cells or soluble.
    """

    dataset: str
    condition: str
    x: float
    observed: float
    predicted: float
    low: float
    high: float
    fold_error: float
    covered: bool
    interval_score: float
    used_for: str
    grade: str
    unit: str
    x_unit: str
    verdict: str
    informed_by: str = ""
    species: str = ""
    route: str = ""
    given: str = ""
    failed_worlds: int = 0


@dataclass(frozen=True, kw_only=True)
class Total:
    """What a group of numbers comes to; shares with their exact 95 % intervals."""

    used_for: str
    rows: int
    datasets: int
    within_twofold: int
    covered: int
    no_prediction: int
    median_fold_error: float
    mean_interval_score: float
    twofold_interval: tuple[float, float]
    covered_interval: tuple[float, float]

    @property
    def aims(self) -> bool:
        """Whether both aims are met: 80 % within twofold, 80 to 97 % covered."""
        if not self.rows:
            return False
        low, high = AIM_COVERED
        share = self.covered / self.rows
        return self.within_twofold / self.rows >= AIM_TWOFOLD and low <= share <= high


@dataclass(frozen=True, kw_only=True)
class Course:
    """A condition over time, for a picture: median and band of the worlds, without noise."""

    dataset: str
    condition: str
    times_days: Array
    median: Array
    low: Array
    high: Array


@dataclass(frozen=True, kw_only=True)
class Scoreboard:
    """Everything scored, in the order of the files."""

    rows: tuple[Scored, ...]
    courses: tuple[Course, ...]
    triplets: tuple[Triplet, ...]
    worlds: int
    seed: int
    libraries: tuple[str, ...] = ()

    def totals(self) -> tuple[Total, ...]:
        """One total a use: calibration, prediction, and what is only shown."""
        return tuple(
            total([row for row in self.rows if row.used_for == use], use)
            for use in ("calibration", "prediction", "shown")
        )

    def frame(self) -> pd.DataFrame:
        """The rows as a table with the columns of ``scoreboard.csv``."""
        import pandas as pd

        return pd.DataFrame([{c: getattr(row, c) for c in COLUMNS} for row in self.rows])


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One arm, simulated: observables and volumes of places by name, ``(worlds, times)``."""

    times: Array
    values: Mapping[str, Array]
    units: Mapping[str, str]
    given: Mapping[str, float]
    rows: Mapping[str, Row]
    drawn: Mapping[str, Array]
    samples: Array
    ladder: Array
    failed: int


def validate(
    folder: Path = FOLDER,
    *,
    only: Sequence[str] = (),
    libraries: Sequence[str | Path] = (),
    worlds: int = WORLDS,
    seed: int = SEED,
    fast: bool = False,
    progress: Progress | None = None,
) -> Scoreboard:
    """Simulate and score every triplet of a folder.

    Parameters
    ----------
    folder
        With the triplets; the package's own when not given.
    only
        Names of some of them.
    libraries
        Folders with sites, fragments and tables of one's own, searched first.
    worlds, seed
        How many draws of what is not known, and the seed of all chance.
    fast
        Only those that say ``fast: true``.
    progress
        Called with (data sets done, data sets in all).

    Raises
    ------
    InvalidInput
        For a triplet that cannot be simulated, naming file and field, and when a study that is to
        test the model is the source of one of its numbers.
    UnknownName, NotFound
        For names and files that are not there.
    """
    triplets = read_all(folder, only)
    if fast:
        triplets = tuple(t for t in triplets if t.origin.fast)
    rows: list[Scored] = []
    courses: list[Course] = []
    for number, triplet in enumerate(triplets):
        try:
            scored, drawn = score(triplet, libraries=libraries, worlds=worlds, seed=seed)
        except ExocastError as e:
            where = e.where if e.where and "/" in e.where else triplet.file(".scenario.yaml")
            raise type(e)(e.message, code=e.code, where=where) from None
        rows += scored
        courses += drawn
        if progress is not None:
            progress(number + 1, len(triplets))
    return Scoreboard(
        rows=tuple(rows),
        courses=tuple(courses),
        triplets=triplets,
        worlds=worlds,
        seed=seed,
        libraries=tuple(str(library) for library in libraries),
    )


def score(
    triplet: Triplet,
    *,
    libraries: Sequence[str | Path] = (),
    worlds: int = WORLDS,
    seed: int = SEED,
) -> tuple[list[Scored], list[Course]]:
    """Rows of one triplet, and its courses for a picture; errors as :func:`validate`."""
    runs = simulate(triplet, libraries=libraries, worlds=worlds, seed=seed)
    informed = _informed(triplet, runs)
    rows = []
    for number, datum in enumerate(triplet.data):
        reading = triplet.experiment.conditions[datum.condition]
        predicted = predict(datum, reading, runs)
        failed = max(runs[arm].failed for arm in {reading.arm, reading.over or reading.arm})
        key = f"{triplet.name}.{number}"
        rows.append(_scored(triplet, datum, predicted, key, seed, informed, failed))
    return rows, _courses(triplet, runs)


def simulate(
    triplet: Triplet,
    *,
    libraries: Sequence[str | Path] = (),
    worlds: int = WORLDS,
    seed: int = SEED,
    values: Mapping[str, Array] | None = None,
    central: bool = False,
) -> dict[str, _Run]:
    """Every arm of an experiment in every world.

    ``values`` sets rows in place of their draws: key to ``(worlds,)``; with ``central`` all other
    rows stand at their centre.
    """
    experiment = triplet.experiment
    needed = _times(triplet)
    made = {}
    for name, arm in experiment.arms.items():
        used = {r.arm for r in experiment.conditions.values()}
        used |= {r.over for r in experiment.conditions.values() if r.over}
        if name in used:
            made[name] = _simulate_arm(
                triplet, arm, needed[name], libraries, worlds, seed, values or {}, central
            )
    return made


def total(rows: Sequence[Scored], use: str) -> Total:
    """What some rows come to."""
    folds = np.array([r.fold_error for r in rows if math.isfinite(r.fold_error)])
    scores = np.array([r.interval_score for r in rows if math.isfinite(r.interval_score)])
    within = sum(r.fold_error <= TWOFOLD for r in rows)
    inside = sum(r.covered for r in rows)
    return Total(
        used_for=use,
        rows=len(rows),
        datasets=len({r.dataset for r in rows}),
        within_twofold=within,
        covered=inside,
        no_prediction=sum(r.verdict.startswith("no prediction") for r in rows),
        median_fold_error=float(np.median(folds)) if len(folds) else math.nan,
        mean_interval_score=float(scores.mean()) if len(scores) else math.nan,
        twofold_interval=_exact(within, len(rows)),
        covered_interval=_exact(inside, len(rows)),
    )


def write_csv(board: Scoreboard, path: Path) -> Path:
    """Write ``scoreboard.csv``; gives its path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in board.rows:
            writer.writerow(_cell(getattr(row, column)) for column in COLUMNS)
    return path


def read_csv(path: Path) -> tuple[Scored, ...]:
    """Rows of a ``scoreboard.csv``."""
    kinds = {f.name: f.type for f in fields(Scored)}
    found = []
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            record: dict[str, Any] = dict(line)
            for name, kind in kinds.items():
                if name in record and kind == "float":
                    record[name] = float(record[name] or "nan")
            record["covered"] = record["covered"] == "true"
            found.append(Scored(**record))
    return tuple(found)


# Simulating --------------------------------------------------------------------------------------


def _simulate_arm(
    triplet: Triplet,
    arm: Arm,
    times: Array,
    libraries: Sequence[str | Path],
    worlds: int,
    seed: int,
    values: Mapping[str, Array],
    central: bool,
) -> _Run:
    experiment = triplet.experiment
    site = arm.site or experiment.site
    own = triplet.folder / f"{site}.yaml"
    model = engine.assemble(
        own if own.is_file() else site,
        condition=arm.condition or experiment.condition,
        species=arm.species or experiment.species,
        overlays=experiment.overlays if arm.overlays is None else arm.overlays,
        libraries=libraries,
    )
    _never_both(triplet, model)
    rows = {row.key: row for row in model.rows if not row.id.endswith(BETWEEN)}
    drawn = {
        key: value[:, 0]
        for key, value in draw(
            [r for r in rows.values() if r.varies not in PATIENT_LEVELS],
            seed=seed,
            worlds=worlds,
            patients=1,
            correlations=package_correlations(),
        ).items()
    }
    if central:
        drawn = {}
    drawn |= {key: np.full(worlds, r.value) for key, r in rows.items() if key not in drawn}
    drawn |= {key: value for key, value in values.items() if key in rows}
    own_rows = _set(own if own.is_file() else site, experiment.set | arm.set, rows, libraries)
    drawn |= {key: np.full(worlds, value) for key, value in own_rows.items()}
    numbers = {
        i: drawn[key]
        for i, key in model.origins.items()
        if rows[key].varies in ("uncertain", "structure") or key in own_rows or key in values
    }
    if not numbers:  # a model without doubt still runs once a world
        first = next(iter(model.origins))
        numbers = {first: np.full(worlds, rows[model.origins[first]].value)}
    ladder = arm.doses_of or ("",)
    places = _places(model.sbml)
    observe = (*model.observables, *places)
    tables, given = _dose_table(triplet, arm, model, worlds, ladder)
    compiled = engine.compile(model.sbml, varied=tuple(numbers), observe=observe)
    varied = np.column_stack([numbers[i] for i in numbers])
    runs = compiled.run(
        times,
        varied=np.tile(varied, (len(ladder), 1)),
        doses=tables if tables is not None and len(tables) else None,
        rtol=RTOL,
    )
    found = {name: runs.values[:, :, i] for i, name in enumerate(observe)}
    units = {name: o.unit for name, o in model.observables.items()} | dict.fromkeys(places, "mL")
    return _Run(
        times=times,
        values=found,
        units=units,
        given=given,
        rows=rows,
        drawn=drawn,
        samples=np.array([days(t) for t in (arm.samples or experiment.samples)]),
        ladder=np.array([magnitude(amount, "item") for amount in arm.doses_of]),
        failed=int((runs.status != 0).sum()),
    )


def _never_both(triplet: Triplet, model: engine.AssembledModel) -> None:
    """Data that built a prior never test it."""
    if triplet.origin.used_for != "prediction":
        return
    guilty = sorted(row.key for row in model.rows if row.source == triplet.origin.source)
    if guilty:
        raise InvalidInput(
            f"'{triplet.name}' is to test the model, and its source "
            f"'{triplet.origin.source}' is where {', '.join(guilty[:3])} comes from; data that "
            "built a number never test it. Say used_for: calibration, or take the number from "
            "elsewhere.",
            where=triplet.file(".yaml"),
        )


def _set(
    site: str | Path,
    given: Mapping[str, float | str],
    rows: Mapping[str, Row],
    libraries: Sequence[str | Path],
) -> dict[str, float]:
    """Rows that an experiment sets, by key, in the row's unit; an instance's name will do."""
    instances = load_site(site, libraries).instances
    found = {}
    for key, value in given.items():
        first, _, rest = key.partition(".")
        stem = instances[first].fragment.rpartition("/")[2] if first in instances else first
        name = key if key in rows else f"{stem}.{rest}"
        if name not in rows:
            raise UnknownName(
                f"there is no row '{key}' to set." + nearest(key, tuple(rows)), where="set"
            )
        number = isinstance(value, int | float)
        found[name] = float(value) if number else magnitude(str(value), rows[name].unit)
    return found


@functools.lru_cache(maxsize=64)
def _places(sbml: str) -> tuple[str, ...]:
    """Compartments of a model."""
    import re

    return tuple(re.findall(r'<compartment [^>]*?\bid="([^"]+)"', sbml))


def _dose_table(
    triplet: Triplet, arm: Arm, model: engine.AssembledModel, worlds: int, ladder: Sequence[str]
) -> tuple[pd.DataFrame | None, dict[str, float]]:
    """One line a dose, run and target, and what is given in all (of the ladder's first step)."""
    import pandas as pd

    lines: list[dict[str, Any]] = []
    given = {"particles": 0.0, "label": 0.0, "cells": 0.0, "soluble": 0.0}
    if isinstance(arm.doses, str) or arm.doses is None:
        return None, given
    for step, amount in enumerate(ladder):
        for dose in arm.doses:
            if dose.route not in model.routes:
                raise UnknownName(
                    f"'{model.site}' has no route '{dose.route}'."
                    + nearest(dose.route, tuple(model.routes)),
                    where=triplet.file(".scenario.yaml"),
                )
            targets = model.routes[dose.route]
            parts = _parts(dose.amount or amount, dose, targets, where=triplet.name)
            for target, value in parts.items():
                if not step:
                    for kind in given:
                        given[kind] += value if _kind(target) == kind else 0.0
                if value > 0:
                    lines += [
                        {
                            "run": step * worlds + world,
                            "time": days(dose.time),
                            "amount": value,
                            "target": targets[target],
                        }
                        for world in range(worlds)
                    ]
    if not lines:
        return None, given
    return pd.DataFrame(lines).sort_values(["run", "time", "target"], ignore_index=True), given


def _kind(target: str) -> str:
    if target.startswith(LABEL):
        return "label"
    if target in ("cells", "dead"):
        return "cells"
    return "soluble" if target == "soluble" else "particles"


def _parts(amount: str, dose: Any, targets: Mapping[str, str], *, where: str) -> dict[str, float]:
    """What a dose brings to each target of its route."""
    found: dict[str, float] = {}
    if dose.soluble is not None:
        found["soluble"] = magnitude(dose.soluble, "pg", where=where)
    if not amount:
        return found
    if "cells" in targets and amount.endswith(("cell", "cells")):
        cells = magnitude(amount, "cell", where=where)
        found["cells"] = cells * dose.live_share
        if "dead" in targets:
            found["dead"] = cells * (1 - dose.live_share)
        return found
    particles = magnitude(amount, "item", where=where)
    if dose.size_median is None:
        raise InvalidInput("a dose of particles needs size_median.", where=where)
    shares = class_fractions(magnitude(dose.size_median, "nm"), dose.size_log_sd, SMALLEST_NM)
    for name, share in zip(("small", "medium", "large"), shares.tolist(), strict=True):
        if name not in targets:
            raise UnknownName(f"the route takes no particles ({', '.join(targets)}).", where=where)
        found[name] = particles * share
        if LABEL + name in targets and particles > 0:
            found[LABEL + name] = FULL_LABEL * share
    return found


def _times(triplet: Triplet) -> dict[str, Array]:
    """Times that each arm is read at, with a grid where a whole course is needed."""
    wanted: dict[str, set[float]] = {name: {0.0} for name in triplet.experiment.arms}
    whole: set[str] = set()
    for datum in triplet.data:
        reading = triplet.experiment.conditions[datum.condition]
        for name in {reading.arm, reading.over or reading.arm}:
            arm = triplet.experiment.arms[name]
            samples = [days(s) for s in (arm.samples or triplet.experiment.samples)]
            wanted[name] |= set(samples)
            if (at := _at(datum, reading)) is not None:
                wanted[name].add(at)
            if reading.window is not None:
                wanted[name] |= {days(end) for end in reading.window}
            kinds = {reading.statistic, reading.each}
            if kinds & WHOLE_COURSE and not samples:
                whole.add(name)
            if reading.per_auc is not None and at is not None:
                wanted[name] |= set(np.linspace(0.0, at, 60).tolist())
    result = {}
    for name, some in wanted.items():
        last = HORIZON_DAYS if name in whole else max(some)
        grid = np.geomspace(EARLIEST, last, GRID) if last > EARLIEST else np.array([last])
        result[name] = np.unique(np.concatenate([grid, np.array(sorted(some))]))
    return result


def _at(datum: Datum, reading: Reading) -> float | None:
    """Time of a reading, in days."""
    if reading.at is not None:
        return days(reading.at)
    if datum.x_unit and datum.x_unit != NO_TIME and math.isfinite(datum.x):
        return convert(datum.x, datum.x_unit, "day")
    return None


# Reading off -------------------------------------------------------------------------------------


def predict(datum: Datum, reading: Reading, runs: Mapping[str, _Run]) -> Array:
    """What each world says of a datum, in the datum's unit, ``(worlds,)``."""
    run = runs[reading.arm]
    if reading.statistic == "half_life_of_rate":
        rate = run.drawn[str(reading.row)]
        return _in_unit(np.log(2) / rate, "day", datum)
    if reading.statistic == "half_saturation":
        return _half_saturation(datum, reading, run) * reading.scale
    if reading.statistic in ("ratio", "one_minus_ratio"):
        top = _plain(datum, reading, run, reading.each or "value")
        if reading.over is not None:
            bottom = _plain(datum, reading, runs[reading.over], reading.each or "value")
        else:
            bottom = np.ones_like(top)  # the observable of the same arm is in the course already
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(bottom != 0, top / np.where(bottom != 0, bottom, 1.0), np.nan)
        return (1 - ratio if reading.statistic == "one_minus_ratio" else ratio) * reading.scale
    return _plain(datum, reading, run, reading.statistic) * reading.scale


def _course(reading: Reading, run: _Run) -> tuple[Array, str]:
    """The observed course, ``(worlds, times)``, and its unit."""
    values, unit = _observed(run, str(reading.observe)), run.units[str(reading.observe)]
    if reading.per is not None:
        values, unit = values / _observed(run, reading.per), f"{unit}/mL"
    if reading.over_observe is not None:
        other = _observed(run, reading.over_observe)
        if reading.over_per is not None:
            other = other / _observed(run, reading.over_per)
        values = np.divide(values, other, out=np.zeros_like(values), where=other > 0)
        unit = "1"
    return values, unit


def _observed(run: _Run, name: str) -> Array:
    if name not in run.values:
        raise UnknownName(
            f"there is no observable '{name}'." + nearest(name, tuple(run.values)), where="observe"
        )
    return run.values[name]


def _plain(datum: Datum, reading: Reading, run: _Run, statistic: str) -> Array:
    """A statistic of one arm, in the datum's unit where it has one."""
    course, unit = _course(reading, run)
    times, at = run.times, _at(datum, reading)
    if statistic in ("value", "share", "present", "band_fold"):
        moment = at if at is not None else float(times[-1])
        found = of_course.value_at(times, course, moment)
        if reading.per_auc is not None:
            before = times <= moment + 1e-12
            other = _observed(run, reading.per_auc)[:, before]
            found = found / of_course.area(times[before], other, tail=False)
        return _amount(datum, reading, run, statistic, found, unit, moment)
    if statistic in ("half_life", "half_life_1", "half_life_2"):
        return _in_unit(_half_life(reading, run, statistic, course), "day", datum)
    whole_times, whole = _sampled(reading, run, course)
    dose = _dose_of(reading, run)
    if statistic == "peak":
        return _in_unit(of_course.peak(whole), unit, datum)
    if statistic == "peak_time":
        return _in_unit(of_course.peak_time(whole_times, whole), "day", datum)
    if statistic == "first_time":
        level = 0.0 if reading.above is None else reading.above
        return _in_unit(of_course.first_time(whole_times, whole, level), "day", datum)
    if statistic == "mrt":
        return _in_unit(of_course.residence(whole_times, whole), "day", datum)
    area = of_course.area(whole_times, whole)
    if statistic == "auc":
        per_dose = 100 / dose if "percent" in datum.y_unit else 1.0
        return _in_unit(area * per_dose, "day/mL" if reading.per else "day", datum, "percent*")
    if statistic == "clearance":
        return _in_unit(dose / area, "mL/day", datum)
    return _in_unit(dose / area * of_course.residence(whole_times, whole), "mL", datum)


def _amount(
    datum: Datum,
    reading: Reading,
    run: _Run,
    statistic: str,
    found: Array,
    unit: str,
    moment: float,
) -> Array:
    if statistic == "share":
        name = str(reading.of)
        if name == "given_particles":
            whole = np.full_like(found, run.given["particles"])
        else:
            whole = of_course.value_at(run.times, _observed(run, name), moment)
        return 100 * np.divide(found, whole, out=np.full_like(found, np.nan), where=whole > 0)
    if statistic == "present":
        level = 0.0 if reading.above is None else reading.above
        return (found > level).astype(np.float64)
    if statistic == "band_fold":
        low, high = np.nanquantile(found, [LOW, HIGH])
        return np.full_like(found, high / low if low > 0 else np.nan)
    if datum.y_unit == "percent" and unit in ("item", "cell") and reading.scale == 1.0:
        return 100 * found / _dose_of(reading, run)
    return found


def _dose_of(reading: Reading, run: _Run) -> float:
    """What was given of the kind that is observed."""
    name = str(reading.observe)
    kind = "particles"
    if run.given["label"] and (name.endswith(("_label", "_uptake")) or "label" in name):
        kind = "label"
    elif run.units[name] == "cell" or run.given["cells"]:
        kind = "cells"
    elif "soluble" in name:
        kind = "soluble"
    return run.given[kind] or math.nan


def _half_life(reading: Reading, run: _Run, statistic: str, course: Array) -> Array:
    times, values = _sampled(reading, run, course)
    if reading.window is not None:
        low, high = (days(end) for end in reading.window)
        inside = (times >= low - 1e-12) & (times <= high + 1e-12)
        times, values = times[inside], values[:, inside]
    if statistic == "half_life":
        return of_course.half_life(times, values)
    first, last = of_course.two_half_lives(times, values)
    return first if statistic == "half_life_1" else last


def _sampled(reading: Reading, run: _Run, course: Array) -> tuple[Array, Array]:
    """The course at the laboratory's own samples, or on the whole grid where it has none."""
    if not len(run.samples):
        return run.times, course
    return run.samples, of_course.sampled(run.times, course, run.samples)


def _half_saturation(datum: Datum, reading: Reading, run: _Run) -> Array:
    """Dose of a ladder at half of the largest answer, in particles."""
    if len(run.ladder) < 3:
        raise InvalidInput("a half-saturation needs three or more 'doses_of'.", where="doses_of")
    course, _ = _course(reading, run)
    at = _at(datum, reading)
    answers = of_course.value_at(run.times, course, float(run.times[-1]) if at is None else at)
    return of_course.half_saturation(run.ladder, answers.reshape(len(run.ladder), -1).T)


def _in_unit(found: Array, unit: str, datum: Datum, drop: str = "") -> Array:
    """Numbers in the datum's unit; as they are where the datum's unit is of the same kind."""
    wanted = datum.y_unit.replace(drop, "") if drop else datum.y_unit
    if wanted in ("1", "") or wanted == unit:
        return found
    if not same_dimension(unit, wanted):
        raise InvalidInput(
            f"'{datum.condition}' is in {datum.y_unit}, and what is read off is in {unit}.",
            where="y_unit",
        )
    return found * convert(1.0, unit, wanted)


# Scoring -----------------------------------------------------------------------------------------


def error_sd(datum: Datum) -> float:
    """Standard deviation of the logarithm of what a laboratory reads about the truth.

    The printed spread, as the error of the printed mean, together with the rows
    ``validate.laboratory`` and ``validate.preparation``: another study is another laboratory with
    another preparation. For a percentage it is used on the logarithm of the odds.
    """
    rows = package_table("study", "validate")
    return math.hypot(_printed_sd(datum), rows["laboratory"].value, rows["preparation"].value)


def _printed_sd(datum: Datum) -> float:
    kind, ends = datum.spread_kind, datum.spread
    if not kind or datum.y == 0:
        return 0.0
    root = math.sqrt(datum.n) if datum.n and kind in ("sd", "cv", "log_sd") else 1.0
    if kind in ("sd", "se"):
        return math.sqrt(math.log1p((ends[0] / root / datum.y) ** 2))
    if kind == "cv":
        return math.sqrt(math.log1p((ends[0] / root) ** 2))
    if kind == "log_sd":
        return ends[0] / root
    low, high = ends
    width = math.log(high / low) if low > 0 else (high - low) / abs(datum.y)
    return width / (3.92 if kind == "ci95" else 3.29)


def _scored(
    triplet: Triplet,
    datum: Datum,
    predicted: Array,
    key: str,
    seed: int,
    informed: str,
    failed: int,
) -> Scored:
    known = predicted[np.isfinite(predicted)]
    use = triplet.origin.used_for
    middle = float(np.median(known)) if len(known) > len(predicted) / 2 else math.nan
    low, high = _band(datum, known, normal_scores(seed, f"validate.{key}", len(known)))
    fold = max(datum.y / middle, middle / datum.y) if middle > 0 and datum.y > 0 else math.nan
    wide = not (low > 0 and high / low <= WIDEST)
    y = 100 * (1 - EDGE) if _is_share(datum) and datum.y == 100 else datum.y
    inside = bool(low <= y <= high) and not wide
    if use == "shown":
        verdict = VERDICTS[5]
    elif wide or not math.isfinite(middle):
        verdict = VERDICTS[4]
    elif fold <= TWOFOLD:
        verdict = VERDICTS[0] if inside else VERDICTS[1]
    else:
        verdict = VERDICTS[2] if inside else VERDICTS[3]
    return Scored(
        dataset=triplet.name,
        condition=datum.condition,
        x=datum.x,
        observed=datum.y,
        predicted=middle,
        low=low,
        high=high,
        fold_error=fold,
        covered=inside,
        interval_score=_interval_score(datum, low, high),
        used_for=use,
        grade=triplet.origin.grade,
        unit=datum.y_unit,
        x_unit=datum.x_unit,
        verdict=verdict,
        informed_by=informed,
        species=triplet.origin.species or triplet.experiment.species,
        route=", ".join(sorted({dose.route for dose in _doses(triplet, datum)})),
        given=given_kind(_doses(triplet, datum)),
        failed_worlds=failed,
    )


def _doses(triplet: Triplet, datum: Datum) -> tuple[Dose, ...]:
    arm = triplet.experiment.arms[triplet.experiment.conditions[datum.condition].arm]
    return tuple(dose for dose in arm.doses or () if isinstance(dose, Dose))


def given_kind(doses: Sequence[Dose]) -> str:
    """What doses bring: ``vesicles``, ``cells``, ``soluble``, or nothing."""
    amounts = [dose.amount.split()[-1] for dose in doses if dose.amount]
    if any(unit.startswith("cell") for unit in amounts):
        return "cells"
    if amounts or any(dose.size_median for dose in doses):
        return "vesicles"
    return "soluble" if doses else ""


def _is_share(datum: Datum) -> bool:
    return datum.y_unit == "percent" and 0 <= datum.y <= 100


def _odds(percent: Array | float) -> Array:
    """Logarithm of the odds of a percentage; all and nothing stand for next to all and nothing."""
    return np.asarray(logit(np.clip(np.asarray(percent) / 100, EDGE, 1 - EDGE)))


def _band(datum: Datum, predicted: Array, scores: Array) -> tuple[float, float]:
    """90 % of what a laboratory would read: the worlds' spread and the measurement's error."""
    if not len(predicted):
        return math.nan, math.nan
    noise = error_sd(datum) * scores
    read = 100 * expit(_odds(predicted) + noise) if _is_share(datum) else predicted * np.exp(noise)
    low, high = np.quantile(read, [LOW, HIGH])
    return float(low), float(high)


def _interval_score(datum: Datum, low: float, high: float) -> float:
    """Interval score of Gneiting and Raftery (2007), doi:10.1198/016214506000001437, in logs."""
    ends = (low, high, datum.y)
    if _is_share(datum) and math.isfinite(low):
        a, b, y = (float(_odds(e)) for e in ends)
    elif not all(math.isfinite(e) and e > 0 for e in ends):
        return math.nan
    else:
        a, b, y = (math.log(e) for e in ends)
    alpha = 1 - LEVEL
    return (b - a) + 2 / alpha * max(a - y, 0.0) + 2 / alpha * max(y - b, 0.0)


def _informed(triplet: Triplet, runs: Mapping[str, _Run]) -> str:
    """Rows that the study gave the model: by its source, and as the triplet says."""
    own = set(triplet.origin.informs)
    for run in runs.values():
        own |= {k for k, row in run.rows.items() if row.source == triplet.origin.source}
    return " ".join(sorted(own))


def _courses(triplet: Triplet, runs: Mapping[str, _Run]) -> list[Course]:
    """Courses of the conditions that were measured over time."""
    found = []
    for condition, reading in triplet.experiment.conditions.items():
        data = [d for d in triplet.data if d.condition == condition]
        timed = [d for d in data if _at(d, reading) is not None and reading.statistic == "value"]
        if len({d.x for d in timed}) < 2:
            continue
        run = runs[reading.arm]
        course, unit = _course(reading, run)
        last = max(convert(d.x, d.x_unit, "day") for d in timed) * 1.1
        keep = (run.times <= last) & (run.times > 0)
        values = reading.scale * np.stack(
            [
                _amount(timed[0], reading, run, "value", course[:, i], unit, float(run.times[i]))
                for i in np.flatnonzero(keep)
            ],
            axis=1,
        )
        low, median, high = np.nanquantile(values, [LOW, 0.5, HIGH], axis=0)
        found.append(
            Course(
                dataset=triplet.name,
                condition=condition,
                times_days=run.times[keep],
                median=median,
                low=low,
                high=high,
            )
        )
    return found


def _exact(hits: int, number: int) -> tuple[float, float]:
    """Exact 95 % interval of a share (Clopper and Pearson)."""
    if not number:
        return math.nan, math.nan
    from scipy.stats import binomtest

    ends = binomtest(hits, number).proportion_ci(0.95, method="exact")
    return float(ends.low), float(ends.high)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return str(value)
