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
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from exocast.errors import ExocastError
from exocast.evidence.chance import normal_scores
from exocast.evidence.rows import package_table
from exocast.study.experiment import SEED, WORLDS, Run, built_from, fitted_rows, simulate
from exocast.study.readings import (
    course,
    factor,
    finite,
    is_relative,
    mostly_known,
    predict,
    timed_value,
)
from exocast.study.triplets import (
    FOLDER,
    Datum,
    Dose,
    Reading,
    Triplet,
    read_all,
    reading_time,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
LEVEL = 0.9
LOW, HIGH = 0.05, 0.95
WIDEST = 10.0
TWOFOLD = 2.0
NOISES = 50  # errors of a measurement drawn for each world: ends of bands rest on many
ALL_OR_NOTHING = 1e-12
AIM_TWOFOLD, AIM_COVERED = 0.8, (0.8, 0.97)
PERCENT = "percent"
GOOD = "within twofold and inside the band"
WIDE = "no prediction: the band is wider than tenfold"
UNREAD = "no prediction: most worlds do not have this reading"
SHOWN = "shown only"
OUTSIDE = "within twofold, outside the band"
FAR_INSIDE = "inside the band, not within twofold"
MISSED = "missed"
COLUMNS = (
    "dataset,condition,x,observed,predicted,low,high,fold_error,covered,interval_score,used_for,"
    "grade,unit,x_unit,verdict,informed_by,species,route,given,measured_in,failed_worlds,"
    "unread_worlds"
).split(",")


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One measured number beside its prediction.

    ``low`` to ``high`` hold 90 % of what a laboratory would read; ``covered`` says whether the
    observed number lies inside, however wide the band is: ``verdict`` tells of those that are wider
    than tenfold and count as no prediction. ``failed_worlds`` did not reach the end, and
    ``unread_worlds`` do not have the reading (the half-life of what rises); both are left out.
    ``interval_score`` is on the scale of logarithms (of the odds for a percentage), smaller is
    better. ``species`` is the one that was measured, ``route`` how the dose was given, ``given``
    what it was: vesicles, cells or soluble; ``measured_in`` is ``body`` or ``dish``.
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
    measured_in: str = ""
    failed_worlds: int = 0
    unread_worlds: int = 0

    @property
    def useful(self) -> bool:
        """Whether it says anything: it was read, and is no wide band that holds the number."""
        return self.verdict not in (WIDE, UNREAD)


@dataclass(frozen=True, kw_only=True)
class Total:
    """What a group of numbers comes to.

    ``within_twofold`` and ``covered`` count every number; ``useful_twofold`` and ``useful_covered``
    leave out those that hold the number in a band wider than tenfold; the aims are about these.
    Intervals are exact 95 % intervals of these shares of all rows, each number taken for itself.
    ``measured_in`` is ``body``, ``dish``, or empty for both.
    """

    used_for: str
    rows: int
    datasets: int
    within_twofold: int
    covered: int
    no_prediction: int
    useful_twofold: int
    useful_covered: int
    median_fold_error: float
    mean_interval_score: float
    twofold_interval: tuple[float, float]
    covered_interval: tuple[float, float]

    measured_in: str = ""

    @property
    def few(self) -> bool:
        """Whether there are too few numbers for a share of them to lie where the aims have it."""
        low, high = AIM_COVERED
        return not any(low <= inside / self.rows <= high for inside in range(1, self.rows + 1))

    @property
    def aims(self) -> bool:
        """Whether both aims are met: 80 % within twofold, 80 to 97 % covered."""
        if not self.rows:
            return False
        low, high = AIM_COVERED
        share = self.useful_covered / self.rows
        return self.useful_twofold / self.rows >= AIM_TWOFOLD and low <= share <= high


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
    runs: int = 0
    failed_runs: int = 0
    libraries: tuple[str, ...] = ()

    def totals(self) -> tuple[Total, ...]:
        """One total a use: calibration, prediction, and what is only shown."""
        return tuple(
            total([row for row in self.rows if row.used_for == use], use)
            for use in ("calibration", "prediction", "shown")
        )

    def parts(self, use: str) -> tuple[Total, ...]:
        """Totals of what was measured in bodies and of what was measured in dishes."""
        rows = [row for row in self.rows if row.used_for == use]
        return tuple(
            total([row for row in rows if row.measured_in == where], use, where)
            for where in ("body", "dish")
        )

    def frame(self) -> pd.DataFrame:
        """The rows as a table with the columns of ``scoreboard.csv``."""
        import pandas as pd

        return pd.DataFrame([{c: getattr(row, c) for c in COLUMNS} for row in self.rows])


def validate(
    folder: Path = FOLDER,
    *,
    only: Sequence[str] = (),
    libraries: Sequence[str | Path] = (),
    worlds: int = WORLDS,
    seed: int = SEED,
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
    rows: list[Scored] = []
    courses: list[Course] = []
    runs = failed = 0
    for number, triplet in enumerate(triplets):
        try:
            arms = simulate(triplet, libraries=libraries, worlds=worlds, seed=seed)
            rows += score(triplet, arms, seed=seed)
            courses += _courses(triplet, arms)
        except ExocastError as e:
            where = e.where if e.where and "/" in e.where else triplet.file(".scenario.yaml")
            raise type(e)(e.message, code=e.code, where=where) from None
        runs += sum(len(arm.failed) for arm in arms.values())
        failed += sum(int(arm.failed.sum()) for arm in arms.values())
        if progress is not None:
            progress(number + 1, len(triplets))
    return Scoreboard(
        rows=tuple(rows),
        courses=tuple(courses),
        triplets=triplets,
        worlds=worlds,
        seed=seed,
        runs=runs,
        failed_runs=failed,
        libraries=tuple(str(library) for library in libraries),
    )


def score(triplet: Triplet, arms: Mapping[str, Run], *, seed: int = SEED) -> list[Scored]:
    """Rows of one triplet from its simulated arms; errors as :func:`validate`."""
    informed = _informed(triplet, arms)
    rows = []
    for number, datum in enumerate(triplet.data):
        reading = triplet.experiment.conditions[datum.condition]
        failed = np.logical_or.reduce(
            [arms[arm].failed for arm in {reading.arm, reading.over or reading.arm}]
        )
        noise = normal_scores(seed, f"validate.{triplet.name}.{number}", NOISES * len(failed))
        rows.append(
            _scored(
                triplet,
                datum,
                reading,
                predict(datum, reading, arms),
                noise.reshape(NOISES, -1),
                failed,
                informed,
                arms[reading.arm].dish,
            )
        )
    return rows


def total(rows: Sequence[Scored], use: str, measured_in: str = "") -> Total:
    """What some rows come to."""
    folds = np.array([r.fold_error for r in rows if math.isfinite(r.fold_error)])
    scores = np.array([r.interval_score for r in rows if math.isfinite(r.interval_score)])
    within = sum(r.fold_error <= TWOFOLD for r in rows)
    inside = sum(r.covered for r in rows)
    useful = [r for r in rows if r.useful]
    useful_within = sum(r.fold_error <= TWOFOLD for r in useful)
    useful_inside = sum(r.covered for r in useful)
    return Total(
        used_for=use,
        rows=len(rows),
        datasets=len({r.dataset for r in rows}),
        within_twofold=within,
        covered=inside,
        no_prediction=len(rows) - len(useful),
        useful_twofold=useful_within,
        useful_covered=useful_inside,
        median_fold_error=float(np.median(folds)) if len(folds) else math.nan,
        mean_interval_score=float(scores.mean()) if len(scores) else math.nan,
        twofold_interval=_exact(useful_within, len(rows)),
        covered_interval=_exact(useful_inside, len(rows)),
        measured_in=measured_in,
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
                if name in record and kind == "int":
                    record[name] = int(record[name] or 0)
            record["covered"] = record["covered"] == "true"
            found.append(Scored(**record))
    return tuple(found)


# Scoring -----------------------------------------------------------------------------------------


def error_sd(datum: Datum, reading: Reading, given: str) -> float:
    """Standard deviation of the logarithm of what a laboratory reads about the truth.

    The printed spread, as the error of the printed mean, together with rows of ``validate.csv``:
    another study is another laboratory, and where vesicles or cells are given another preparation;
    what compares parts or arms of one experiment shares both. For a percentage it is used on the
    logarithm of the odds.
    """
    rows = package_table("study", "validate")
    if reading.statistic == "present":
        return 0.0
    if is_relative(reading):
        between = rows["within_study"].value
    else:
        own = rows["preparation"].value if given in ("vesicles", "cells") else 0.0
        between = math.hypot(rows["laboratory"].value, own)
    return math.hypot(printed_sd(datum), between)


def printed_sd(datum: Datum) -> float:
    """The printed spread as the error of the printed mean, on the scale of :func:`on_scale`."""
    kind, ends, y = datum.spread_kind, datum.spread, datum.y
    if not kind or (y == 0 and not is_share(datum)):
        return 0.0
    root = math.sqrt(datum.n) if datum.n and kind in ("sd", "cv", "log_sd") else 1.0
    if kind in ("ci95", "range"):
        low, high = ends
        sds = 3.92 if kind == "ci95" else 3.29
    else:
        relative = {"cv": abs(y), "log_sd": abs(y)}.get(kind, 1.0)
        half = ends[0] / root * relative
        low, high, sds = y - half, y + half, 2.0
    if is_share(datum):
        seen = limit()
        parts = np.clip([low / 100, high / 100], seen, 1 - seen)
        return float(logit(parts[1]) - logit(parts[0])) / sds
    if kind == "log_sd":
        return ends[0] / root
    if low > 0 and kind in ("ci95", "range"):
        return math.log(high / low) / sds
    return math.sqrt(math.log1p(((high - low) / sds / y) ** 2))


def limit() -> float:
    """Share that cannot be told from none, nor its complement from all: ``validate.limit``."""
    return package_table("study", "validate")["limit"].value


def is_share(datum: Datum) -> bool:
    """Whether it is a percentage of a whole."""
    return datum.y_unit == PERCENT and 0 <= datum.y <= 100


def on_scale(datum: Datum, values: Array | float) -> Array:
    """Logarithm, of the odds for a percentage: the scale that errors and fits are on."""
    found = np.asarray(values, dtype=np.float64)
    if is_share(datum):
        return np.asarray(logit(np.clip(found / 100, ALL_OR_NOTHING, 1 - ALL_OR_NOTHING)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(found))


def _scored(
    triplet: Triplet,
    datum: Datum,
    reading: Reading,
    predicted: Array,
    noise: Array,
    failed: NDArray[np.bool_],
    informed: str,
    dish: bool,
) -> Scored:
    use, doses = triplet.origin.used_for, triplet.experiment.arms[reading.arm].plan
    kind = triplet.origin.given or given(doses)
    reached = predicted[~failed]
    known = finite(reached)
    read = mostly_known(reached)
    middle = float(np.median(known)) if read else math.nan
    low, high = _band(datum, known, noise[:, : len(known)], _reading_sd(datum, reading, kind))
    middle = float(_tellable(datum, np.array(middle)))
    fold = _fold(datum, middle)
    inside = _inside(datum, low, high)
    wide = not (low > 0 and high / low <= WIDEST)
    if use == "shown":
        verdict = SHOWN
    elif not read:
        verdict = UNREAD
    elif not inside:  # a band that is wide and still does not hold it has missed it
        verdict = OUTSIDE if fold <= TWOFOLD else MISSED
    elif wide:
        verdict = WIDE
    else:
        verdict = GOOD if fold <= TWOFOLD else FAR_INSIDE
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
        interval_score=interval_score(datum, low, high),
        used_for=use,
        grade=triplet.origin.grade,
        unit=datum.y_unit,
        x_unit=datum.x_unit,
        verdict=verdict,
        informed_by=informed,
        species=triplet.origin.species or triplet.experiment.species,
        route=", ".join(sorted({dose.route for dose in doses})),
        given=kind,
        measured_in="dish" if dish else "body",
        failed_worlds=int(failed.sum()),
        unread_worlds=len(reached) - len(known),
    )


def given(doses: Sequence[Dose]) -> str:
    """What doses bring: ``vesicles``, ``cells``, ``soluble``, or nothing."""
    amounts = [dose.amount.split()[-1] for dose in doses if dose.amount]
    if any(unit.startswith("cell") for unit in amounts):
        return "cells"
    if amounts or any(dose.size_median for dose in doses):
        return "vesicles"
    return "soluble" if doses else ""


def _reading_sd(datum: Datum, reading: Reading, kind: str) -> float:
    """Error of what a laboratory reads about a world's truth.

    The range printed with all or none says from where on a laboratory calls it so. On the scale of
    odds that is a long way there and says nothing of the error half-way down, so it adds nothing
    to the band; :func:`_observed` takes it.
    """
    if _all_or_none(datum):
        datum = replace(datum, spread=(), spread_kind="")
    return error_sd(datum, reading, kind)


def _observed(datum: Datum) -> float:
    """The measured number; all or none is known to its printed range, else to the limit."""
    if not _all_or_none(datum):
        return datum.y
    ends = (100 * limit(), 100 * (1 - limit()))
    if datum.spread_kind == "range":
        ends = (max(ends[0], datum.spread[1]), min(ends[1], datum.spread[0]))
    return ends[0] if datum.y == 0 else ends[1]


def _all_or_none(datum: Datum) -> bool:
    return is_share(datum) and datum.y in (0, 100)


def _told(datum: Datum, values: Array) -> Array:
    """Values no further out than all or none was told from."""
    if not _all_or_none(datum):
        return values
    end = _observed(datum)
    return np.maximum(values, end) if datum.y == 0 else np.minimum(values, end)


def _tellable(datum: Datum, values: Array) -> Array:
    """Values as a laboratory can tell them: a share ends at the limit.

    Less of it, or more, could not be told from none or all. Not where the study itself told more.
    """
    if not is_share(datum):
        return values
    none, all_of_it = 100 * limit(), 100 * (1 - limit())
    if datum.y >= none or datum.y == 0:
        values = np.maximum(values, none)
    if datum.y <= all_of_it or datum.y == 100:
        values = np.minimum(values, all_of_it)
    return values


def _fold(datum: Datum, middle: float) -> float:
    y = _observed(datum)
    middle = float(_told(datum, np.array(middle)))  # further out than can be told is no error
    return max(y / middle, middle / y) if middle > 0 and y > 0 else math.nan


def _inside(datum: Datum, low: float, high: float) -> bool:
    y = _observed(datum)
    if is_share(datum) and datum.y == 100:
        return high >= y
    if is_share(datum) and datum.y == 0:
        return low <= y
    return low <= y <= high


def _band(datum: Datum, predicted: Array, noise: Array, sd: float) -> tuple[float, float]:
    """90 % of what a laboratory would read: the worlds' spread and the measurement's error."""
    if not len(predicted):
        return math.nan, math.nan
    if is_share(datum):
        read = _tellable(datum, 100 * expit(on_scale(datum, predicted) + sd * noise))
    else:
        read = predicted * np.exp(sd * noise)
    low, high = np.quantile(read, [LOW, HIGH])
    return float(low), float(high)


def interval_score(datum: Datum, low: float, high: float) -> float:
    """Interval score of Gneiting and Raftery (2007), doi:10.1198/016214506000001437, in logs."""
    y = _observed(datum)
    if not all(math.isfinite(e) and e > 0 for e in (low, high, y)):
        return math.nan
    ends = _told(datum, np.array([low, high, y]))
    a, b, at = (float(on_scale(datum, end)) for end in ends)
    alpha = 1 - LEVEL
    return (b - a) + 2 / alpha * max(a - at, 0.0) + 2 / alpha * max(at - b, 0.0)


def _informed(triplet: Triplet, arms: Mapping[str, Run]) -> str:
    """Rows that the study gave the model: by its source, through a fit, and as the triplet says."""
    own, fits = set(triplet.origin.informs), fitted_rows()
    for arm in arms.values():
        own |= {
            key
            for key, row in arm.rows.items()
            if row.name in fits.get(row.source, {}).get(triplet.name, ())
            or (row.source not in fits and built_from(triplet, row))
        }
    return " ".join(sorted(own))


def _courses(triplet: Triplet, arms: Mapping[str, Run]) -> list[Course]:
    """Courses of the conditions that were measured over time."""
    found = []
    for condition, reading in triplet.experiment.conditions.items():
        data = [d for d in triplet.data if d.condition == condition]
        times = [(d, reading_time(d, reading)) for d in data]
        timed = [(d, at) for d, at in times if at is not None and reading.statistic == "value"]
        if len({at for _, at in timed}) < 2:
            continue
        datum, arm = timed[0][0], arms[reading.arm]
        keep = (arm.times <= 1.1 * max(at for _, at in timed)) & (arm.times > 0)
        values, unit = course(reading, arm)
        values, unit = timed_value(datum, reading, arm, values[:, keep], unit)
        values = values * factor(unit, datum, reading)
        low, median, high = np.nanquantile(values, [LOW, 0.5, HIGH], axis=0)
        found.append(
            Course(
                dataset=triplet.name,
                condition=condition,
                times_days=arm.times[keep],
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
