"""Numbers in nested groups: captures of preparations of vials, whose spreads are not known.

Given the three spreads the model is linear and normal and has a closed form. The spreads have the
priors of their rows and are integrated over a grid of standard scores, so that a result is a
mixture of normal laws: no sampler, no seed, the same digits every time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from exocast.evidence.chance import value_of
from exocast.evidence.rows import Row

Array = NDArray[np.float64]
REACH = 4.0
# Weights below this share of the largest change no printed digit.
NEGLIGIBLE = 1e-13


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Normal laws with weights that sum to one: ``weight``, ``centre``, ``variance`` (n,)."""

    weight: Array
    centre: Array
    variance: Array

    @property
    def mean(self) -> float:
        """Mean of the mixture."""
        return float(self.weight @ self.centre)

    @property
    def sd(self) -> float:
        """Standard deviation of the mixture, that between its centres included."""
        spread = self.variance + (self.centre - self.mean) ** 2
        return math.sqrt(float(self.weight @ spread))

    def below(self, x: float) -> float:
        """Probability of less than ``x``."""
        with np.errstate(divide="ignore"):
            z = (x - self.centre) / np.sqrt(self.variance)
        return float(self.weight @ ndtr(z))

    def quantile(self, share: float) -> float:
        """Value that a share of the probability lies below."""
        from scipy.optimize import brentq

        # The quantile of a mixture lies between those of its parts.
        parts = self.centre + float(ndtri(share)) * np.sqrt(self.variance)
        low, high = float(parts.min()), float(parts.max())
        slack = 1e-9 * (1.0 + high - low)
        return float(
            brentq(lambda x: self.below(float(x)) - share, low - slack, high + slack, xtol=1e-13)
        )

    def interval(self, level: float) -> tuple[float, float]:
        """Central interval that holds ``level`` of the probability."""
        rest = (1.0 - level) / 2
        return self.quantile(rest), self.quantile(1.0 - rest)

    def table(self) -> tuple[Array, Array]:
        """Values and the probability below each, both rising, close enough for straight lines."""
        values = self.mean + self.sd * np.linspace(-9.0, 9.0, 901)
        with np.errstate(divide="ignore"):
            below = ndtr((values[:, None] - self.centre) / np.sqrt(self.variance)) @ self.weight
        rising = np.concatenate([[True], np.diff(below) > 0])
        return values[rising], below[rising]


def mixture(log_weight: Array, centre: Array, variance: Array) -> Mixture:
    """Mixture from logarithms of weights of any shape; parts without weight are left out."""
    log_weight, centre, variance = (
        np.ravel(a) for a in np.broadcast_arrays(log_weight, centre, variance)
    )
    weight = np.exp(log_weight - log_weight.max())
    kept = weight > NEGLIGIBLE
    weight = weight[kept] / weight[kept].sum()
    return Mixture(weight=weight, centre=centre[kept], variance=variance[kept])


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What a spread can be: ``values`` and ``log_weight`` (n,), rising, over standard scores."""

    values: Array
    log_weight: Array


def scores(points: int) -> Array:
    """Evenly spaced standard scores over which a spread is integrated."""
    return np.linspace(-REACH, REACH, points)


def spread_of(row: Row, points: int) -> Spread:
    """A row's spread, as a forecast would draw it, its grade's widening included."""
    z = scores(points)
    return Spread(values=value_of(row, z), log_weight=-(z**2) / 2)


def root_mean_square(row: Row) -> float:
    """The one spread that stands for all that a row draws: the root of their mean square.

    What a deviation with an unknown spread varies by in all; more than the row's own value.
    """
    z = np.linspace(-2 * REACH, 2 * REACH, 321)
    weight = np.exp(-(z**2) / 2)
    return math.sqrt(float(weight @ value_of(row, z) ** 2 / weight.sum()))


def known_spread(value: float) -> Spread:
    """A spread that is known, or zero where a level is left out."""
    return Spread(values=np.array([value]), log_weight=np.zeros(1))


def spread_quantile(values: Array, weight: Array, share: float) -> float:
    """Quantile of a spread on its grid, ``weight`` summing to one."""
    if len(values) == 1:
        return float(values[0])
    middle = np.cumsum(weight) - weight / 2
    return float(np.exp(np.interp(share, middle, np.log(values))))


def pool(values: Array, variances: Array) -> tuple[Array, Array, Array]:
    """Best mean of the last axis with its variance, and what its scatter says of the variances.

    The third array is the logarithm of the likelihood that is left once the group's own mean is
    taken out, up to a constant. An infinite variance marks a missing value; a group without any
    value has an infinite variance and says nothing.
    """
    precision = 1.0 / variances
    total = precision.sum(axis=-1)
    some = total > 0
    safe = np.where(some, total, 1.0)
    centre = (precision * values).sum(axis=-1) / safe
    misfit = (precision * (values - centre[..., None]) ** 2).sum(axis=-1)
    logs = np.log(np.where(precision > 0, precision, 1.0)).sum(axis=-1)
    rest = 0.5 * (logs - np.log(safe) - misfit)
    return centre, np.where(some, 1.0 / safe, np.inf), rest


@dataclass(frozen=True, kw_only=True)
class Nested:
    """Posterior of a batch mean on the grid of spreads.

    The grid's axes are captures, preparations and vials; ``log_weight``, ``centre`` and
    ``variance`` are ``(..., n, n, n)``; ``vial_centre`` and ``vial_variance`` are
    ``(..., n, n, n_vials)``: of a vial by itself, before the others tell of it.
    """

    log_weight: Array
    centre: Array
    variance: Array
    vial_centre: Array
    vial_variance: Array
    vial_spread: Array

    def batch(self) -> Mixture:
        """Mean of the batch."""
        return mixture(self.log_weight, self.centre, self.variance)

    def new_vial(self) -> Mixture:
        """One more vial of the batch."""
        return mixture(self.log_weight, self.centre, self.variance + self.vial_spread**2)

    def vial(self, i: int) -> Mixture:
        """A measured vial, drawn towards the batch as far as the spreads ask for it."""
        own, error = self.vial_centre[..., i, None], self.vial_variance[..., i, None]
        between = self.vial_spread**2
        kept = between / (between + error)
        centre = self.centre + kept * (own - self.centre)
        return mixture(self.log_weight, centre, kept * error + (1 - kept) ** 2 * self.variance)

    def marginal(self, axis: int) -> Array:
        """Weights of one spread, summing to one; ``axis`` 0 captures, 1 preparations, 2 vials."""
        weight = np.exp(self.log_weight - self.log_weight.max())
        other = tuple(a for a in range(3) if a != axis)
        marginal = weight.sum(axis=other)
        return np.asarray(marginal / marginal.sum())


def nested(
    values: Array,
    counting: Array,
    captures: Spread,
    preparations: Spread,
    vials: Spread,
) -> Nested:
    """Posterior of the mean of values in preparations in vials, a flat prior on the mean.

    Parameters
    ----------
    values
        Shape ``(..., n_vials, n_preparations, n_captures)``; anything finite where missing.
    counting
        Known variance of each value, same shape; infinite where there is none.
    captures
        Spread between captures; its values may be ``(n, n_vials, n_preparations)`` where runs
        have spreads of their own, all at the same score.
    preparations, vials
        Spreads between preparations of a vial and between vials.
    """
    tau = captures.values
    if tau.ndim == 1:
        tau = tau[:, None, None]
    variance = counting[..., None, :, :, :] + tau[..., None] ** 2
    centre, variance, rest = pool(values[..., None, :, :, :], variance)
    log_weight = (captures.log_weight + rest.sum(axis=(-2, -1)))[..., None]
    # (..., captures, preparations, n_vials, n_preparations)
    variance = variance[..., None, :, :] + preparations.values[:, None, None] ** 2
    own, error, rest = pool(centre[..., None, :, :], variance)
    log_weight = (log_weight + preparations.log_weight + rest.sum(axis=-1))[..., None]
    variance = error[..., None, :] + vials.values[:, None] ** 2
    centre, variance, rest = pool(own[..., None, :], variance)
    return Nested(
        log_weight=log_weight + vials.log_weight + rest,
        centre=centre,
        variance=variance,
        vial_centre=own,
        vial_variance=error,
        vial_spread=vials.values,
    )


def coefficient(
    groups: Sequence[tuple[Array, Array, Array]],
    log_weight: Array,
    design: Array,
    same_preparation: Array,
    same_vial: Array,
    preparations: Spread,
    vials: Spread,
    shared: tuple[Array, Spread] | None = None,
) -> Mixture:
    """Posterior of the last coefficient of a straight line through means of runs.

    Least squares with the full covariance, since runs of one vial or one preparation share its
    deviation; flat priors on the coefficients.

    Parameters
    ----------
    groups
        For each run what :func:`pool` gives over the grid of the spread between captures.
    log_weight
        Of that grid, shape ``(n,)``.
    design
        Shape ``(n_runs, n_coefficients)``.
    same_preparation, same_vial
        One where two runs share it, else zero, shape ``(n_runs, n_runs)``.
    preparations, vials
        Spreads of what is shared.
    shared
        One thing more that runs share, such as the instrument, with its spread.
    """
    means = np.stack([g[0] for g in groups], axis=-1)
    errors = np.stack([g[1] for g in groups], axis=-1)
    rest = np.sum([g[2] for g in groups], axis=0)
    n = len(groups)
    covariance = (
        errors[:, None, None, :, None] * np.eye(n)
        + preparations.values[:, None, None, None] ** 2 * same_preparation
        + vials.values[:, None, None] ** 2 * same_vial
    )
    weights = (log_weight + rest)[:, None, None] + preparations.log_weight[:, None]
    weights = weights + vials.log_weight
    if shared is None:
        return mixture(*_line(covariance, means, design, weights))
    same, spread = shared
    # One value of the fourth spread at a time: the covariances of all together would be large.
    found = [
        _line(covariance + value**2 * same, means, design, weights + log)
        for value, log in zip(spread.values, spread.log_weight, strict=True)
    ]
    return mixture(*(np.stack(each) for each in zip(*found, strict=True)))


def _line(
    covariance: Array, means: Array, design: Array, weights: Array
) -> tuple[Array, Array, Array]:
    """Log weight, value and variance of the last coefficient for each covariance."""
    n = len(design)
    factor = np.linalg.cholesky(covariance)
    shape = factor.shape[:-2]
    x = np.linalg.solve(factor, np.broadcast_to(design, (*shape, *design.shape)))
    y = np.linalg.solve(factor, np.broadcast_to(means[:, None, None, :, None], (*shape, n, 1)))
    information = np.swapaxes(x, -1, -2) @ x
    inverse = np.linalg.inv(information)
    found = inverse @ (np.swapaxes(x, -1, -2) @ y)
    misfit = ((y - x @ found) ** 2).sum(axis=(-2, -1))
    log_determinant = 2 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    evidence = -0.5 * (log_determinant + np.linalg.slogdet(information)[1] + misfit)
    return weights + evidence, found[..., -1, 0], inverse[..., -1, -1]
