"""The one least-squares search for sigmoid dose-response curves, for many sets of values at once.

A curve is ``zero + span / (1 + (half / dose)^slope)``. Half effect and slope are first sought on a
grid, with the two heights in closed form for each pair, so that no start has to be guessed and the
best of several valleys is found. Steps of Levenberg and Marquardt then lead to the bottom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Model = Callable[[Array], tuple[Array, Array]]
GRID, KEPT_CELLS, ROUNDS = 41, 6, 3
MOST_AT_ONCE = 4_000_000  # numbers held of the grids of several sets: 32 MB
FARTHEST = 700.0  # exp() of it is still finite
STEPS = 80
SETTLED = 1e-12  # what a step moves, over the spread of the values
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-3, 1e-14, 1e10


@dataclass(frozen=True, kw_only=True)
class Sigmoids:
    """The best curve of each set of values; all of shape ``(sets,)``.

    Attributes
    ----------
    zero
        Value at dose zero.
    span
        Value at the highest imaginable dose minus that at zero; negative where the curve falls.
    ln_half
        Natural logarithm of the dose at half of the span.
    slope
        Hill's, above zero.
    at_edge
        Whether half effect or slope ended at an end of where it was sought.
    """

    zero: Array
    span: Array
    ln_half: Array
    slope: Array
    at_edge: NDArray[np.bool_]


def rise(ln_half: Array | float, slope: Array | float, ln_doses: Array) -> Array:
    """From 0 to 1 over the logarithm of the dose; minus infinity, a dose of zero, gives 0."""
    power = np.clip(slope * (ln_half - ln_doses), -FARTHEST, FARTHEST)
    return np.asarray(1 / (1 + np.exp(power)))


def sigmoid(x: Array, ln_doses: Array) -> tuple[Array, Array]:
    """Curves and their derivatives.

    Parameters
    ----------
    x
        ``(sets, 4)``: height at dose zero, span, logarithm of the half dose and of the slope.
    ln_doses
        ``(doses,)`` or ``(sets, doses)``; minus infinity for a dose of zero.

    Returns
    -------
    Values ``(sets, doses)`` and derivatives ``(sets, doses, 4)``.
    """
    zero, span, half, ln_slope = (x[:, i : i + 1] for i in range(4))
    slope = np.exp(ln_slope)
    power = np.clip(slope * (ln_doses - half), -FARTHEST, FARTHEST)
    risen = 1 / (1 + np.exp(-power))
    bend = span * risen * (1 - risen)
    return zero + span * risen, np.stack(
        [np.ones_like(risen), risen, -slope * bend, bend * power], axis=2
    )


def settle(model: Model, start: Array, values: Array, low: Array, high: Array) -> Array:
    """Least squares from a start, by damped Gauss-Newton steps that stay inside limits.

    Parameters
    ----------
    model
        From parameters ``(sets, parameters)`` to values ``(sets, points)`` and derivatives
        ``(sets, points, parameters)``.
    start
        ``(sets, parameters)``.
    values
        ``(sets, points)``.
    low, high
        ``(parameters,)``.

    References
    ----------
    Marquardt, J Soc Ind Appl Math 11 (1963) 431, doi:10.1137/0111030.
    """
    x = np.clip(start, low, high)
    damping = np.full(len(x), FIRST_DAMPING)
    diagonal = np.arange(x.shape[1])
    moving = np.ones(len(x), dtype=bool)
    spread = np.sqrt(((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    given, derivatives = model(x)
    off = values - given
    cost = np.einsum("sp,sp->s", off, off)
    for _ in range(STEPS):
        # Columns at unit length: the units of values and parameters must not matter.
        size = np.sqrt(np.einsum("spi,spi->si", derivatives, derivatives))
        size = np.where(size > 0, size, 1.0)
        columns = derivatives / size[:, None]
        square = np.einsum("spi,spj->sij", columns, columns)
        # A parameter without a say (a slope that no dose sees) must not make the step unknown.
        square[:, diagonal, diagonal] += damping[:, None] + 1e-12
        pull = np.einsum("spi,sp->si", columns, off)
        offer = np.clip(x + np.linalg.solve(square, pull[..., None])[..., 0] / size, low, high)
        new_given, new_derivatives = model(offer)
        new_off = values - new_given
        new_cost = np.einsum("sp,sp->s", new_off, new_off)
        step = (np.abs(offer - x) * size).max(axis=1)
        better = moving & (new_cost <= cost)
        x = np.where(better[:, None], offer, x)
        off = np.where(better[:, None], new_off, off)
        cost = np.where(better, new_cost, cost)
        derivatives = np.where(better[:, None, None], new_derivatives, derivatives)
        damping = np.where(better, np.maximum(damping / 10, LEAST_DAMPING), damping * 10)
        moving &= (step > SETTLED * spread) & (damping < MOST_DAMPING)
        if not moving.any():
            break
    return x


def search(
    doses: Array, values: Array, *, halves: tuple[float, float], slopes: tuple[float, float]
) -> Sigmoids:
    """Least squares over the four parameters of a curve, for several sets of values at once.

    Parameters
    ----------
    doses
        Zero or more, ``(doses,)``; zero is the control.
    values
        ``(sets, doses)``, all finite.
    halves, slopes
        Ends between which the dose at half effect and the slope are sought, both above zero.
    """
    with np.errstate(divide="ignore"):
        ln_doses = np.log(np.asarray(doses, dtype=np.float64))
    values = np.asarray(values, dtype=np.float64)
    limits = np.log(np.array([halves, slopes]))  # (half and slope, low and high)
    at_once = max(1, MOST_AT_ONCE // (GRID**2 * len(ln_doses)))
    parts = [
        _search(ln_doses, values[i : i + at_once], limits) for i in range(0, len(values), at_once)
    ]
    unlimited = np.full(2, np.inf)
    x = settle(
        lambda x: sigmoid(x, ln_doses),
        np.concatenate(parts),
        values,
        np.concatenate([-unlimited, limits[:, 0]]),
        np.concatenate([unlimited, limits[:, 1]]),
    )
    ends = np.isclose(x[:, 2:, None], limits, rtol=0, atol=1e-6 * np.ptp(limits, axis=1)[:, None])
    return Sigmoids(
        zero=x[:, 0],
        span=x[:, 1],
        ln_half=x[:, 2],
        slope=np.exp(x[:, 3]),
        at_edge=ends.any(axis=(1, 2)),
    )


def _search(ln_doses: Array, values: Array, limits: Array) -> Array:
    """Parameters of the best point of a grid that is drawn in about it, ``(sets, 4)``."""
    sets = np.arange(len(values))
    low = np.repeat(limits[None, :, 0], len(values), axis=0)
    high = np.repeat(limits[None, :, 1], len(values), axis=0)
    for turn in range(ROUNDS):
        # All sets look at the first grid together; later each has its own.
        ends = slice(0, 1) if turn == 0 else slice(None)
        points = np.linspace(low[ends], high[ends], GRID, axis=1)  # (sets, grid, 2)
        half = np.repeat(points[:, :, 0], GRID, axis=1)
        slope = np.tile(points[:, :, 1], (1, GRID))
        rises = rise(half[..., None], np.exp(slope)[..., None], ln_doses)
        centred = rises - rises.mean(axis=2, keepdims=True)
        square = np.maximum(np.einsum("sgd,sgd->sg", centred, centred), np.finfo(float).tiny)
        if turn == 0:
            along = values @ centred[0].T
            half, slope = (np.repeat(each, len(values), axis=0) for each in (half, slope))
        else:
            along = np.einsum("sgd,sd->sg", centred, values)
        # The sum of squares is that about the mean less what the span takes.
        best = np.argmax(along**2 / square, axis=1)
        found = np.stack([half[sets, best], slope[sets, best]], axis=1)
        reach = KEPT_CELLS * (high - low) / GRID
        low, high = np.maximum(low, found - reach), np.minimum(high, found + reach)
    span = (along / square)[sets, best]
    zero = values.mean(axis=1) - span * rises[sets, best].mean(axis=1)
    return np.column_stack([zero, span, found])
