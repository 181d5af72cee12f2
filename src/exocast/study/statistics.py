"""What a paper prints of a time course, computed from simulated ones: half-lives, areas, peaks.

Courses are arrays ``(worlds, times)``; every function gives one number a world, ``nan`` where the
course does not have it (a half-life of something that rises). Times are in days.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TAIL_POINTS = 3


def value_at(times: Array, course: Array, at: float) -> Array:
    """Value at a time, straight between two times; ``nan`` outside them."""
    if not times[0] - 1e-12 <= at <= times[-1] + 1e-12:
        return np.full(len(course), np.nan)
    return np.array([np.interp(at, times, each) for each in course])


def sampled(times: Array, course: Array, samples: Array) -> Array:
    """Values at several times, ``(worlds, samples)``."""
    return np.stack([value_at(times, course, float(at)) for at in samples], axis=1)


def half_life(times: Array, course: Array) -> Array:
    """Half-life from a straight line through the logarithms."""
    slope = _slope(times, course)
    return np.where(slope < 0, -np.log(2) / np.where(slope < 0, slope, -1.0), np.nan)


def two_half_lives(times: Array, course: Array) -> tuple[Array, Array]:
    """Half-lives of the two phases of ``A exp(-a t) + B exp(-b t)``, the first the shorter.

    Least squares on the logarithms, from a start found by peeling the last phase off.
    """
    first, last = np.full(len(course), np.nan), np.full(len(course), np.nan)
    for world, values in enumerate(course):
        rates = _two_rates(times, values)
        if rates is not None:
            first[world], last[world] = np.log(2) / max(rates), np.log(2) / min(rates)
    return first, last


def _two_rates(times: Array, values: Array) -> tuple[float, float] | None:
    from scipy.optimize import least_squares

    if not (np.isfinite(values).all() and (values > 0).all()) or len(times) < 4:
        return None
    last = float(-_slope(times[-TAIL_POINTS:], values[None, -TAIL_POINTS:])[0])
    if not last > 0:
        return None
    level = values[-1] * np.exp(last * times[-1])
    over = values - level * np.exp(-last * times)
    early = over > 0.02 * values
    early[len(times) // 2 + 1 :] = False
    quick = float(-_slope(times[early], over[None, early])[0]) if early.sum() > 1 else 10 * last
    start = np.log([max(over[0], values[0] * 0.01), max(quick, 1.5 * last), level, last])
    logs = np.log(values)

    def miss(x: Array) -> Array:
        a, quick_rate, b, slow_rate = np.exp(np.clip(x, -60.0, 60.0))
        total = a * np.exp(-quick_rate * times) + b * np.exp(-slow_rate * times)
        return np.asarray(np.log(np.maximum(total, 1e-300)) - logs)

    found = least_squares(miss, start, max_nfev=200)
    return float(np.exp(found.x[1])), float(np.exp(found.x[3]))


def area(times: Array, course: Array, *, tail: bool = True) -> Array:
    """Area under a course, from zero to its last time, or with ``tail`` for ever.

    Straight pieces where it rises, exponential ones where it falls.
    """
    total = _pieces(times, course)
    if tail:
        rate = _tail_rate(times, course)
        total = total + np.where(course[:, -1] > 0, course[:, -1] / rate, 0.0)
    return total


def residence(times: Array, course: Array) -> Array:
    """Mean residence time: the area of time times value over the area, both with their tails."""
    rate = _tail_rate(times, course)
    ends = course[:, -1]
    moment = _pieces(times, course * times)
    moment = moment + np.where(ends > 0, ends * times[-1] / rate + ends / rate**2, 0.0)
    return moment / area(times, course)


def peak(course: Array) -> Array:
    """Largest value."""
    return np.asarray(course.max(axis=1))


def peak_time(times: Array, course: Array) -> Array:
    """Time of the largest value."""
    return np.asarray(times[course.argmax(axis=1)])


def first_time(times: Array, course: Array, above: float) -> Array:
    """First time at which a course is above a level, straight between two times."""
    found = np.full(len(course), np.nan)
    for world, values in enumerate(course):
        over = np.flatnonzero(values > above)
        if not len(over):
            continue
        at = int(over[0])
        if at == 0:
            found[world] = times[0]
            continue
        share = (above - values[at - 1]) / (values[at] - values[at - 1])
        found[world] = times[at - 1] + share * (times[at] - times[at - 1])
    return found


def half_saturation(doses: Array, answers: Array) -> Array:
    """Dose at half of the largest answer of ``m d/(k + d)``, fitted to answers of a ladder.

    Parameters
    ----------
    doses
        ``(steps,)``, ascending.
    answers
        ``(worlds, steps)``.
    """
    grid = np.exp(np.linspace(np.log(doses[0] / 100), np.log(doses[-1] * 100), 2001))
    shape = doses[None] / (grid[:, None] + doses[None])  # (grid, steps)
    found = np.full(len(answers), np.nan)
    for world, values in enumerate(answers):
        if not (np.isfinite(values).all() and (values > 0).all()):
            continue
        # In logarithms a ladder over decades weighs every step alike.
        gap = np.log(values)[None] - np.log(shape)
        error = ((gap - gap.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        best = int(error.argmin())
        found[world] = grid[best] if 0 < best < len(grid) - 1 else np.nan
    return found


def _slope(times: Array, course: Array) -> Array:
    """Slope of the logarithm, least squares; nan where a value is not above zero."""
    usable = (course > 0).all(axis=1)
    logs = np.log(np.where(course > 0, course, 1.0))
    centred = times - times.mean()
    if len(times) < 2 or not (centred**2).sum() > 0:
        return np.full(len(course), np.nan)
    slopes = (logs * centred).sum(axis=1) / (centred**2).sum()
    return np.where(usable, slopes, np.nan)


def _tail_rate(times: Array, course: Array) -> Array:
    """Rate at which the last points fall; nan where they do not."""
    slope = _slope(times[-TAIL_POINTS:], np.maximum(course[:, -TAIL_POINTS:], 1e-300))
    return np.where(slope < 0, -slope, np.nan)


def _pieces(times: Array, course: Array) -> Array:
    left, right, step = course[:, :-1], course[:, 1:], np.diff(times)
    falls = (left > right) & (right > 0)
    ratio = np.where(falls, left / np.where(falls, right, 1.0), np.e)
    bent = (left - right) / np.log(ratio)
    near = np.abs(ratio - 1) < 1e-6
    return np.asarray((np.where(falls & ~near, bent, (left + right) / 2) * step).sum(axis=1))
