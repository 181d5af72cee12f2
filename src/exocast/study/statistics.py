"""What a paper prints of a time course, computed from simulated ones: half-lives, areas, peaks.

Courses are arrays ``(worlds, times)``; every function gives one number a world, ``nan`` where the
course does not have it (a half-life of something that rises). Times are in days.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exocast.vial.curve_fit import search

Array = NDArray[np.float64]
TAIL_POINTS = 3
FLOOR = 1e-7  # of the peak: what lies below is the solver's error, and no tail
SHORTEST, LONGEST, SMALLEST = 0.25, 10.0, 0.01
PHASE_STEPS = 60
PROMINENCE = 0.05  # of the largest value: what rises less above its valleys is no peak
HILLS = (0.3, 8.0)  # where a Hill coefficient is sought
HALF_BEYOND = 10.0  # times the doses of a ladder: where half effect is sought


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

    Least squares on the logarithms, from a start found by peeling the last phase off. ``nan`` for
    a phase that the samples cannot show: one of a half-life below a quarter of the first gap or
    above ten times the last time, or one that is less than a hundredth of the first sample.
    """
    usable = np.asarray((np.isfinite(course) & (course > 0)).all(axis=1))
    unknown = np.full(len(course), np.nan)
    if len(times) < 4 or not usable.any():
        return unknown, unknown.copy()
    logs = np.log(np.where(course > 0, course, 1.0))
    x = _peeled(times, np.where(usable[:, None], course, 1.0))
    cost, damping = _misfit(times, logs, x)[0], np.full(len(x), 1e-2)
    for _ in range(PHASE_STEPS):
        _, miss, jacobian = _misfit(times, logs, x)
        square = np.einsum("wti,wtj->wij", jacobian, jacobian)
        step = np.einsum("wti,wt->wi", jacobian, miss)
        scaled = square + damping[:, None, None] * (square * np.eye(4) + 1e-9 * np.eye(4))
        offer = np.clip(x - np.linalg.solve(scaled, step[..., None])[..., 0], -60.0, 60.0)
        new = _misfit(times, logs, offer)[0]
        better = new < cost
        x = np.where(better[:, None], offer, x)
        cost = np.where(better, new, cost)
        damping = np.clip(np.where(better, damping / 5, damping * 5), 1e-9, 1e9)
    rates = np.exp(np.stack([x[:, 1], x[:, 3]]))
    halves = np.log(2) / rates
    sizes = np.exp(np.stack([x[:, 0], x[:, 2]]) - np.minimum(rates * times[0], 60.0))
    seen = usable & (sizes > SMALLEST * sizes.sum(axis=0))
    seen &= (halves > SHORTEST * (times[1] - times[0])) & (halves < LONGEST * times[-1])
    order = halves.argsort(axis=0)
    found = np.where(seen, halves, np.nan)
    first, last = np.take_along_axis(found, order, axis=0)
    return np.asarray(first), np.asarray(last)


def _peeled(times: Array, course: Array) -> Array:
    """Start of the fit, ``(worlds, 4)``: logarithms of A, a, B, b."""
    last = -_slope(times[-TAIL_POINTS:], course[:, -TAIL_POINTS:])
    last = np.where(last > 0, last, 1 / times[-1])
    level = course[:, -1] * np.exp(np.minimum(last * times[-1], 50.0))
    over = np.maximum(course[:, 0] - level, 0.05 * course[:, 0])
    half = len(times) // 2
    quick = -_slope(times[:half], np.maximum(course[:, :half], 1e-300))
    quick = np.where(quick > 2 * last, quick, 10 * last)
    return np.asarray(np.log(np.stack([over, quick, level, last], axis=1)))


def _misfit(times: Array, logs: Array, x: Array) -> tuple[Array, Array, Array]:
    """Sum of squares, residuals of the logarithm, and their derivatives, world by world."""
    a, quick, b, slow = (np.exp(np.clip(x[:, i : i + 1], -60.0, 60.0)) for i in range(4))
    first, last = a * np.exp(-quick * times), b * np.exp(-slow * times)
    total = np.maximum(first + last, 1e-300)
    miss = np.log(total) - logs
    jacobian = np.stack(
        [first / total, -quick * times * first / total, last / total, -slow * times * last / total],
        axis=2,
    )
    return (miss**2).sum(axis=1), miss, jacobian


def area(times: Array, course: Array, *, tail: bool = True) -> Array:
    """Area under a course, from zero to its last time, or with ``tail`` for ever.

    Straight pieces where it rises, exponential ones where it falls. A course ends where it falls
    below a ten-millionth of its peak; ``nan`` where the last points of one that has not ended do
    not fall.
    """
    if not tail:
        return _pieces(times, course)
    whole = _ended(course)
    return _pieces(times, whole) + _tail(times, whole)[0]


def residence(times: Array, course: Array) -> Array:
    """Mean residence time: the area of time times value over the area, both with their tails."""
    whole = _ended(course)
    below, beyond = _tail(times, whole)
    moment = _moments(times, whole) + below * times[-1] + beyond
    total = area(times, course)
    unknown = np.full_like(total, np.nan)
    return np.asarray(np.divide(moment, total, out=unknown, where=total > 0))


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


def peaks(times: Array, course: Array) -> list[tuple[Array, Array]]:
    """Times and heights of the peaks of each world, in order, from evenly spaced values.

    A peak stands above its valleys by a twentieth of the largest value; its top is that of the
    parabola through three values.
    """
    from scipy.signal import find_peaks

    found = []
    for values in course:
        if not np.isfinite(values).all():
            found.append((np.empty(0), np.empty(0)))
            continue
        at = find_peaks(values, prominence=PROMINENCE * float(np.abs(values).max()))[0]
        before, top, after = values[at - 1], values[at], values[at + 1]
        bend = before - 2 * top + after
        shift = np.divide(before - after, 2 * bend, out=np.zeros(len(at)), where=bend < 0)
        step = times[1] - times[0] if len(times) > 1 else 0.0
        found.append((times[at] + shift * step, top - (before - after) * shift / 4))
    return found


def first_peak_time(times: Array, course: Array) -> Array:
    """Time of the first peak; ``nan`` where there is none."""
    return np.array([t[0] if len(t) else np.nan for t, _ in peaks(times, course)])


def period(times: Array, course: Array) -> Array:
    """Mean time between a peak and the next; ``nan`` with fewer than two."""
    found = peaks(times, course)
    return np.array([np.diff(t).mean() if len(t) > 1 else np.nan for t, _ in found])


def second_over_first(times: Array, course: Array) -> Array:
    """Height of the second peak over that of the first; ``nan`` with fewer than two."""
    found = peaks(times, course)
    return np.array([h[1] / h[0] if len(h) > 1 else np.nan for _, h in found])


def hill_curve(doses: Array, answers: Array) -> tuple[Array, Array]:
    """Dose at half effect and Hill coefficient of ``b + s d^h/(k^h + d^h)``, fitted to a ladder.

    ``nan`` where the answers do not change, or the best lies at an end of where it was sought.

    Parameters
    ----------
    doses
        ``(steps,)``, above zero.
    answers
        ``(worlds, steps)``.
    """
    half, hill = np.full(len(answers), np.nan), np.full(len(answers), np.nan)
    moves = np.asarray(np.isfinite(answers).all(axis=1))
    sizes = np.where(moves[:, None], np.abs(answers), 0.0).max(axis=1)
    moves &= np.ptp(answers, axis=1) > FLOOR * sizes
    if moves.any():
        halves = float(doses.min()) / HALF_BEYOND, float(doses.max()) * HALF_BEYOND
        best = search(doses, answers[moves], halves=halves, slopes=HILLS)
        half[moves] = np.where(best.at_edge, np.nan, np.exp(best.ln_half))
        hill[moves] = np.where(best.at_edge, np.nan, best.slope)
    return half, hill


def _slope(times: Array, course: Array) -> Array:
    """Slope of the logarithm, least squares; nan where a value is not above zero."""
    usable = (course > 0).all(axis=1)
    logs = np.log(np.where(course > 0, course, 1.0))
    centred = times - times.mean()
    if len(times) < 2 or not (centred**2).sum() > 0:
        return np.full(len(course), np.nan)
    slopes = (logs * centred).sum(axis=1) / (centred**2).sum()
    return np.where(usable, slopes, np.nan)


def _ended(course: Array) -> Array:
    """The course with zeros from where it first falls below the floor after its peak."""
    top = course.argmax(axis=1)
    later = np.arange(course.shape[1])[None] > top[:, None]
    under = later & (course < FLOOR * course.max(axis=1, keepdims=True))
    over = np.maximum.accumulate(under, axis=1)
    return np.where(over, 0.0, course)


def _tail(times: Array, course: Array) -> tuple[Array, Array]:
    """Area beyond the last time, and that area over the rate again; zero where it has ended."""
    last = course[:, -1]
    slope = _slope(times[-TAIL_POINTS:], course[:, -TAIL_POINTS:])
    rate = np.where(slope < 0, -slope, np.nan)
    known = np.isfinite(course).all(axis=1)
    area_beyond = np.where(last > 0, last / rate, 0.0)
    moment_beyond = np.where(last > 0, last / rate**2, 0.0)
    return np.where(known, area_beyond, np.nan), np.where(known, moment_beyond, np.nan)


def _pieces(times: Array, course: Array) -> Array:
    """Area by straight pieces where it rises and exponential ones where it falls."""
    left, right, step = course[:, :-1], course[:, 1:], np.diff(times)
    falls, rate = _falling(left, right, step)
    bent = (left - right) / np.where(falls, rate, 1.0)
    return np.asarray(np.where(falls, bent, (left + right) / 2 * step).sum(axis=1))


def _moments(times: Array, course: Array) -> Array:
    """Area of time times value by the same pieces."""
    left, right, step = course[:, :-1], course[:, 1:], np.diff(times)
    falls, rate = _falling(left, right, step)
    safe = np.where(falls, rate, 1.0)
    first, last = times[:-1], times[1:]
    bent = (first * left - last * right) / safe + (left - right) / safe**2
    straight = step * (left * (2 * first + last) + right * (first + 2 * last)) / 6
    return np.asarray(np.where(falls, bent, straight).sum(axis=1))


def _falling(left: Array, right: Array, step: Array) -> tuple[NDArray[np.bool_], Array]:
    """Where a piece falls markedly between two values above zero, and its rate there."""
    both = (left > right) & (right > 0)
    ratio = np.divide(left, right, out=np.ones_like(left), where=both)
    return both & (ratio > 1 + 1e-6), np.log(ratio) / step
