"""What a paper would have printed: statistics read off simulated arms, in the paper's unit.

A number is converted from the unit that the model counts in to the unit of the data; where those
are of different kinds, it is refused. An amount in per cent is in per cent of what was given of
its kind. A reading's ``scale`` is a further factor; where the kinds differ (an amount in items
beside one in mass) it takes the place of the conversion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput, UnknownName, nearest
from exocast.study import statistics as of_course
from exocast.study.experiment import WAVE_POINTS, WINDOW_POINTS, Run
from exocast.study.triplets import (
    LADDERS,
    PHASES,
    RATIOS,
    TIMED,
    WAVES,
    Datum,
    Reading,
    days,
    reading_time,
)
from exocast.units import convert, same_dimension

Array = NDArray[np.float64]
LOW, HIGH = 0.05, 0.95
PERCENT = "percent"
AMOUNTS = {"item": "particles", "cell": "cells", "pg": "soluble"}
GIVEN = "given_particles"
AREAS = ("auc", "mrt", "clearance", "volume")


def predict(datum: Datum, reading: Reading, runs: Mapping[str, Run]) -> Array:
    """What each world says of a datum, in the datum's unit, ``(worlds,)``.

    ``nan`` where a world's course does not have what is asked for, such as a half-life of
    something that rises.

    Raises
    ------
    InvalidInput
        When the units do not fit, or a percentage is of nothing.
    UnknownName
        For an observable or row that is not there, with the nearest names.
    """
    run = runs[reading.arm]
    if reading.statistic in RATIOS:
        found, unit = _ratio(datum, reading, runs), "1"
    elif reading.statistic == "half_life_of_rate":
        found, unit = _half_life_of_rate(reading, run)
    elif reading.statistic in LADDERS:
        found, unit = _of_ladder(datum, reading, run)
    else:
        found, unit = _statistic(datum, reading, run, reading.statistic)
    return found * factor(unit, datum, reading)


def course(reading: Reading, run: Run) -> tuple[Array, str]:
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


def timed_value(
    datum: Datum, reading: Reading, run: Run, found: Array, unit: str
) -> tuple[Array, str]:
    """Values at one time as the datum's statistic has them, and their unit."""
    if PERCENT in datum.y_unit and unit in AMOUNTS:
        return 100 * found / dose_of(reading, run), PERCENT
    return found, unit


def dose_of(reading: Reading, run: Run) -> float:
    """What was given of the kind that is observed.

    An observable of label is one whose name says ``label`` or ends in ``_uptake``; else the unit
    tells: items are particles, cells are cells, pg is what is soluble.
    """
    name = str(reading.observe)
    labelled = "label" in name or name.endswith("_uptake")
    amount = run.units[name].partition("/")[0]
    kind = "label" if labelled and run.given["label"] else AMOUNTS.get(amount, "")
    if not run.given.get(kind, 0.0) > 0:
        raise InvalidInput(
            f"'{name}' is asked for relative to the dose, and this arm gives no "
            f"{kind or 'such thing'}.",
            where="conditions",
        )
    return run.given[kind]


def factor(unit: str, datum: Datum, reading: Reading) -> float:
    """Factor from what is read off, in a unit, to the datum; refuses units of another kind."""
    scale = 1.0 if reading.scale is None else reading.scale
    if unit == datum.y_unit:
        return scale
    if not same_dimension(unit, datum.y_unit):
        if reading.scale is not None:
            return scale
        raise InvalidInput(
            f"'{datum.condition}' is in {datum.y_unit}, and what is read off is in "
            f"{'pure numbers' if unit == '1' else unit}; give the data in such a unit, or a "
            "'scale'.",
            where="y_unit",
        )
    return scale * convert(1.0, unit, datum.y_unit)


def _observed(run: Run, name: str) -> Array:
    if name not in run.values:
        raise UnknownName(
            f"there is no observable '{name}'." + nearest(name, tuple(run.values)), where="observe"
        )
    return run.values[name]


def _ratio(datum: Datum, reading: Reading, runs: Mapping[str, Run]) -> Array:
    statistic = reading.each or "value"
    plain = _as_pure(datum)
    top, unit = _statistic(plain, reading, runs[reading.arm], statistic)
    if reading.over is None:  # over another observable of the arm: the course is a ratio already
        bottom = np.ones_like(top)
    else:
        below, then = reading.over_each or statistic, reading.over_at or reading.at
        other_time = reading.model_copy(update={"at": then})
        bottom, other = _statistic(plain, other_time, runs[reading.over], below)
        top = top * convert(1.0, unit, other)
    unknown = np.full(top.shape, np.nan)
    ratio = np.divide(top, bottom, out=unknown, where=bottom != 0)
    return np.asarray(1 - ratio if reading.statistic == "one_minus_ratio" else ratio)


def _as_pure(datum: Datum) -> Datum:
    """The datum with a unit that asks for no percentage of a dose: a ratio has no dose."""
    return replace(datum, y_unit="1")


def _half_life_of_rate(reading: Reading, run: Run) -> tuple[Array, str]:
    name = str(reading.row)
    if name not in run.rows:
        raise UnknownName(
            f"there is no row '{name}'." + nearest(name, tuple(run.rows)), where="row"
        )
    return np.log(2) / (run.drawn[name] * convert(1.0, run.rows[name].unit, "1/day")), "day"


def _of_ladder(datum: Datum, reading: Reading, run: Run) -> tuple[Array, str]:
    """Dose of a ladder at half effect, in the ladder's unit, or the steepness of its curve."""
    if len(run.ladder) < 3:
        raise InvalidInput(
            f"'{datum.condition}': '{reading.statistic}' needs three or more 'doses_of'.",
            where="doses_of",
        )
    values, _ = course(reading, run)
    at = reading_time(datum, reading)
    last = of_course.value_at(run.times, values, float(run.times[-1]) if at is None else at)
    answers = last.reshape(len(run.ladder), -1).T
    if reading.statistic == "half_saturation":
        return of_course.half_saturation(run.ladder, answers), run.ladder_unit
    half, hill = of_course.hill_curve(run.ladder, answers)
    return (half, run.ladder_unit) if reading.statistic == "ec50" else (hill, "1")


def _of_waves(reading: Reading, run: Run, kind: str, values: Array) -> tuple[Array, str]:
    low, high = (days(end) for end in reading.window or ("0 h", "0 h"))
    times = np.linspace(low, high, WAVE_POINTS)
    even = of_course.sampled(run.times, values, times)
    if kind == "first_peak_time":
        return of_course.first_peak_time(times, even), "day"
    if kind == "period":
        return of_course.period(times, even), "day"
    return of_course.second_over_first(times, even), "1"


def _statistic(datum: Datum, reading: Reading, run: Run, kind: str) -> tuple[Array, str]:
    """A statistic of one arm, and its unit."""
    values, unit = course(reading, run)
    if kind in TIMED:
        return _timed(datum, reading, run, kind, values, unit)
    if kind == "half_life" or kind in PHASES:
        return _half_life(reading, run, kind, values), "day"
    if kind in WAVES:
        return _of_waves(reading, run, kind, values)
    # Areas begin at the dose; a peak is one that was sampled.
    times, whole = _sampled(run, values, from_zero=kind in AREAS)
    if kind == "peak":
        return timed_value(datum, reading, run, of_course.peak(whole), unit)
    if kind == "peak_time":
        return of_course.peak_time(times, whole), "day"
    if kind == "first_time":
        level = 0.0 if reading.above is None else reading.above
        return of_course.first_time(times, whole, level), "day"
    if kind == "mrt":
        return of_course.residence(times, whole), "day"
    area = of_course.area(times, whole)
    if kind == "auc":
        if PERCENT in datum.y_unit:
            base = run.units[str(reading.observe)]
            return 100 * area / dose_of(reading, run), f"{PERCENT}*day*({unit})/({base})"
        return area, f"({unit})*day"
    amount = run.units[str(reading.observe)].partition("/")[0]
    cleared = dose_of(reading, run) / area
    if kind == "clearance":
        return cleared, f"{amount}/({unit})/day"
    return cleared * of_course.residence(times, whole), f"{amount}/({unit})"


def _timed(
    datum: Datum, reading: Reading, run: Run, kind: str, values: Array, unit: str
) -> tuple[Array, str]:
    moment = reading_time(datum, reading)
    if moment is None:
        raise InvalidInput(f"'{datum.condition}' has no time.", where="x")
    found = of_course.value_at(run.times, values, moment)
    if reading.per_auc is not None:
        before = run.times <= moment + 1e-12
        other = _observed(run, reading.per_auc)[:, before]
        found = found / of_course.area(run.times[before], other, tail=False)
        unit = f"({unit})/({run.units[reading.per_auc]})/day"
    if kind == "share":
        return 100 * _share(reading, run, found, moment), PERCENT
    if kind == "present":
        level = 0.0 if reading.above is None else reading.above
        return np.where(np.isfinite(found), found > level, np.nan), "1"
    if kind == "band_fold":
        low, high = np.nanquantile(found, [LOW, HIGH])
        return np.full_like(found, high / low if low > 0 else np.nan), "1"
    return timed_value(datum, reading, run, found, unit)


def _share(reading: Reading, run: Run, found: Array, moment: float) -> Array:
    name = str(reading.of)
    if name == GIVEN:
        whole = np.full_like(found, run.given["particles"])
    else:
        whole = of_course.value_at(run.times, _observed(run, name), moment)
    return np.divide(found, whole, out=np.full_like(found, np.nan), where=whole > 0)


def _half_life(reading: Reading, run: Run, kind: str, values: Array) -> Array:
    times, sampled = _sampled(run, values)
    if reading.window is not None:
        low, high = (days(end) for end in reading.window)
        if len(run.samples):
            inside = (times >= low - 1e-12) & (times <= high + 1e-12)
            times, sampled = times[inside], sampled[:, inside]
        else:
            times = np.linspace(low, high, WINDOW_POINTS)
            sampled = of_course.sampled(run.times, values, times)
    if kind == "half_life":
        return of_course.half_life(times, sampled)
    first, last = of_course.two_half_lives(times, sampled)
    return first if kind == PHASES[0] else last


def _sampled(run: Run, values: Array, *, from_zero: bool = False) -> tuple[Array, Array]:
    """The course at the laboratory's own samples, or on the whole grid where it has none.

    With ``from_zero`` the samples begin at the dose: at what the first two point back to where the
    course starts high, else at its start, as an analysis without a model has it.
    """
    if not len(run.samples):
        return run.times, values
    found = of_course.sampled(run.times, values, run.samples)
    if not from_zero or run.samples[0] <= 0 or len(run.samples) < 2:
        return run.samples, found
    start = of_course.value_at(run.times, values, 0.0)
    first, second = found[:, 0], found[:, 1]
    falls = (start > 0) & (first > second) & (second > 0)
    back = run.samples[0] / (run.samples[1] - run.samples[0])
    ratio = np.divide(first, second, out=np.ones_like(first), where=falls)
    before = np.where(falls, first * ratio**back, start)
    return np.concatenate([[0.0], run.samples]), np.column_stack([before, found])


def is_relative(reading: Reading) -> bool:
    """Whether it compares parts or arms of one experiment, and so shares its errors."""
    shares = reading.statistic == "share" and reading.of != GIVEN
    return shares or reading.statistic in (*RATIOS, "band_fold")


def finite(values: Array) -> Array:
    """Those worlds of a reading that have it."""
    return values[np.isfinite(values)]


def mostly_known(values: Array) -> bool:
    """Whether more than half of the worlds have a reading."""
    return len(finite(values)) > len(values) / 2
