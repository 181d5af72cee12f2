"""Fitting numbers to data: the most probable values, their doubt, and profiles.

Every number is moved in standard scores of its own prior row, so that the prior is a standard
normal law whatever its shape. All numbers that the data respond to are moved together, nuisances
too: a number held at its centre would lend the others a certainty that nobody has. The steps, in
plain words: from the prior's centre, damped Gauss-Newton steps on the sum of squared scores and
squared misfits, each Jacobian from one batch of runs a part of the data, over the numbers that the
part uses; at the mode, the Laplace approximation gives the covariance; for some numbers in turn,
held at values about the mode while the others are fitted again along the mode's own Jacobian, the
profile shows where that approximation is good and where the data say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput

Array = NDArray[np.float64]
Predict = Callable[[Array], Array]
STEP = 1e-2  # a score; the error of the model's solver has to be small beside it
MOST_STEPS = 40
ENOUGH = 1e-6
DAMPING = (1e-3, 1e8)
PROFILE_SCORES = np.linspace(-2.4, 2.4, 7)
PROFILE_STEPS = 4
PROFILE_LENGTHS = (1.0, 0.3, 0.1)
APART = 1.0  # of the cost: starts that end within it tell the same


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the data: the numbers that they can depend on, and what the model says of them.

    ``own`` are places in the list of numbers; ``predict`` goes from their scores,
    ``(k, len(own))``, to ``(k, data of the part)``, all ``k`` in one batch.
    """

    own: tuple[int, ...]
    predict: Predict


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One number held at values while the others are fitted: scores, and the rise of the cost.

    ``rise`` is twice the loss of the logarithm of the posterior over the mode; 3.84 marks the ends
    of a 95 % interval, and below zero it has found a better mode. NaN where the model failed.
    """

    name: str
    scores: Array
    rise: Array


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fit in standard scores of the priors.

    Attributes
    ----------
    names
        What was fitted.
    mode
        Scores at the mode, ``(numbers,)``; zero is the prior's centre.
    covariance
        Of the scores, ``(numbers, numbers)``; the prior's is the identity.
    misfit
        Sum of squared residuals of the data at the mode, and at the prior's centre before it.
    residuals
        Of each datum at the mode, in its own standard deviations.
    jacobian
        Of the residuals at the mode, ``(data, numbers)``: a standard deviation a score.
    steps
        Steps taken from the start that led lowest.
    start
        Which start that was: 0 is the prior's centre, others as they were given.
    converged
        Whether the last step was small.
    profiles
        Of the numbers that the data inform most.
    ends
        Cost at the end of each start over the lowest, the prior's centre first and the others as
        they were given; infinite where the model failed.
    """

    names: tuple[str, ...]
    mode: Array
    covariance: Array
    misfit: float
    misfit_before: float
    residuals: Array
    jacobian: Array
    steps: int
    converged: bool
    profiles: tuple[Profile, ...] = ()
    start: int = 0
    ends: tuple[float, ...] = (0.0,)

    @property
    def apart(self) -> int:
        """How many starts ended at a cost that is told from the lowest."""
        return sum(end > APART for end in self.ends)

    @property
    def sd(self) -> Array:
        """Standard deviation of each score; one where the data say nothing."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def correlation(self) -> Array:
        """Correlations of the scores."""
        return np.asarray(self.covariance / np.outer(self.sd, self.sd))

    @property
    def response(self) -> Array:
        """How far a score of each number moves all data, in root sum of squares."""
        return response(self.jacobian)


def response(jacobian: Array) -> Array:
    """How far a score of each number moves all data, in root sum of squares, ``(numbers,)``."""
    return np.asarray(np.sqrt(np.square(jacobian).sum(axis=0)))


def shared_error(sd: float, shared: float, rows: int, correlation: float) -> float:
    """Standard deviation to use for one of several rows of a study as if they were independent.

    A study's rows share its laboratory and its preparation. That part of the error, ``shared``,
    is widened by the design effect ``1 + (rows - 1) * correlation``, so that all rows together say
    of a common shift what they would say were they correlated so. The correlation's sign differs
    between readings, which is why it widens and does not join them.

    Parameters
    ----------
    sd, shared
        Standard deviation of one row in all, and of the part that rows of the study share.
    rows
        Rows of the study in the fit; one or more.
    correlation
        Between the shared errors of two rows of a study, 0..1.

    References
    ----------
    Kish (1965), Survey Sampling, the design effect of a cluster.
    """
    return math.sqrt(sd**2 + shared**2 * (rows - 1) * correlation)


def fit(
    names: Sequence[str],
    parts: Sequence[Part],
    observed: Array,
    sd: Array,
    *,
    profiles: int = 0,
    enough: float = ENOUGH,
    starts: Sequence[Array] = (),
    most: int | None = None,
) -> Fit:
    """Fit numbers to data under their priors.

    Parameters
    ----------
    names
        Of the numbers.
    parts
        The data in their order, by the numbers that they use.
    observed, sd
        Data and their standard deviations on the scale of the predictions, ``(data,)``.
    profiles
        How many profiles to make, the best informed numbers first.
    enough
        Relative gain in cost below which a step is the last one; not below the noise of the model.
    starts
        Scores to start from beside the prior's centre, each ``(numbers,)``; the lowest end stands.
        Where the centre has no slope, no descent from it finds what lies beyond.
    most
        Steps at most, when not as many as usual; with none the prior's centre stands, and the
        covariance is that there.

    Raises
    ------
    InvalidInput
        When shapes do not fit, a standard deviation is not above zero, or the model gives no
        finite prediction at the prior's centre.

    References
    ----------
    Levenberg (1944), doi:10.1090/qam/10666; Marquardt (1963), doi:10.1137/0111030. Profiles: Raue
    and others (2009), doi:10.1093/bioinformatics/btp358.
    """
    observed, sd = np.asarray(observed, dtype=np.float64), np.asarray(sd, dtype=np.float64)
    if observed.shape != sd.shape or observed.ndim != 1:
        raise InvalidInput("data and their standard deviations do not have one length.")
    if not (np.isfinite(observed).all() and (sd > 0).all()):
        raise InvalidInput("data have to be finite, and their standard deviations above zero.")
    model = _Model(parts=tuple(parts), observed=observed, sd=sd)
    start = np.zeros(len(names))
    before = model.residuals(start[None])[0]
    if not np.isfinite(before).all():
        bad = int(np.flatnonzero(~np.isfinite(before))[0])
        raise InvalidInput(f"the model gives no finite prediction for datum {bad} of the fit.")
    most = MOST_STEPS if most is None else most
    ends = [
        _descend(model, np.asarray(each), enough=enough, most=most) for each in (start, *starts)
    ]
    costs = [_costs(model.residuals(end[0][None]), end[0][None])[0] for end in ends]
    lowest = int(np.argmin(costs))
    rises = tuple(float(cost - costs[lowest]) for cost in costs)
    # An end that is not lower than the centre's by more than the solver's error is the same.
    if costs[0] - costs[lowest] <= math.sqrt(enough) * (1 + costs[lowest]):
        lowest = 0
    mode, steps, converged = ends[lowest]
    at_mode, jacobian = model.linear(mode)
    covariance: Array = np.asarray(np.linalg.inv(_curvature(jacobian)), dtype=np.float64)
    held = np.argsort(np.diag(covariance), kind="stable")[:profiles]
    return Fit(
        names=tuple(names),
        mode=mode,
        covariance=covariance,
        misfit=float(at_mode @ at_mode),
        misfit_before=float(before @ before),
        residuals=at_mode,
        jacobian=jacobian,
        steps=steps,
        converged=converged,
        start=lowest,
        ends=rises,
        profiles=_profiles(model, names, held, mode, at_mode, jacobian, covariance),
    )


@dataclass(frozen=True, kw_only=True)
class _Model:
    """Residuals of all data in their own standard deviations."""

    parts: tuple[Part, ...]
    observed: Array
    sd: Array

    def residuals(self, scores: Array) -> Array:
        """At scores ``(k, numbers)``, ``(k, data)``; NaN where there is no prediction."""
        return self._misfit(
            np.concatenate([p.predict(scores[:, list(p.own)]) for p in self.parts], axis=1)
        )

    def linear(self, scores: Array) -> tuple[Array, Array]:
        """Residuals and Jacobian at one point: central differences, one batch a part.

        A number that a part does not use moves none of its data, and costs no run.
        """
        middle, columns = [], []
        for part in self.parts:
            own, mine = list(part.own), scores[list(part.own)]
            batch = np.repeat(mine[None], 1 + 2 * len(own), axis=0)
            for row in range(len(own)):
                batch[1 + 2 * row, row] += STEP
                batch[2 + 2 * row, row] -= STEP
            found = np.asarray(part.predict(batch))
            block = np.zeros((found.shape[1], len(scores)))
            block[:, own] = ((found[1::2] - found[2::2]) / (2 * STEP)).T
            middle.append(found[0])
            columns.append(block)
        jacobian = np.concatenate(columns) / self.sd[:, None]
        return self._misfit(np.concatenate(middle)), np.nan_to_num(jacobian)

    def _misfit(self, predicted: Array) -> Array:
        found = (predicted - self.observed) / self.sd
        return np.where(np.isfinite(found), found, np.nan)


def linear(parts: Sequence[Part], scores: Array, observed: Array, sd: Array) -> Array:
    """Jacobian of the residuals at one point, ``(data, numbers)``."""
    return _Model(parts=tuple(parts), observed=observed, sd=sd).linear(scores)[1]


def _curvature(jacobian: Array) -> Array:
    """Of half the cost, the prior's share included."""
    return np.asarray(np.eye(jacobian.shape[1]) + jacobian.T @ jacobian)


def _costs(residuals: Array, scores: Array) -> Array:
    """Squared misfits and squared scores of each row; infinite where the model failed."""
    costs = np.square(residuals).sum(axis=1) + np.square(scores).sum(axis=1)
    return np.where(np.isfinite(costs), costs, np.inf)


def _descend(model: _Model, start: Array, enough: float, most: int) -> tuple[Array, int, bool]:
    """Damped Gauss-Newton from ``start``."""
    scores, damping = start.copy(), DAMPING[0]
    for step in range(1, most + 1):
        misfit, jacobian = model.linear(scores)
        cost = float(misfit @ misfit + scores @ scores)
        gradient = jacobian.T @ misfit + scores
        curvature = _curvature(jacobian)
        # Several dampings are tried in one batch; the boldest that helps is taken.
        tried = damping * 10.0 ** np.arange(0, 8, 2)
        offers = np.repeat(scores[None], len(tried), axis=0)
        for row, factor in enumerate(tried):
            offers[row] -= np.linalg.solve(
                curvature + factor * np.diag(np.diag(curvature)), gradient
            )
        costs = _costs(model.residuals(offers), offers)
        best = int(np.argmin(costs))
        gain = cost - float(costs[best])
        if gain <= 0:
            damping *= 1e3
            if damping > DAMPING[1]:
                return scores, step, bool(np.abs(gradient).max() < math.sqrt(enough) * (1 + cost))
            continue
        scores, damping = offers[best], max(tried[best] / 100, 1e-9)
        if gain < enough * (1 + cost):
            return scores, step, True
    return scores, most, False


def _profiles(
    model: _Model,
    names: Sequence[str],
    held: NDArray[np.intp],
    mode: Array,
    at_mode: Array,
    jacobian: Array,
    covariance: Array,
) -> tuple[Profile, ...]:
    """Profiles of the numbers held, all points of all of them in one batch a step.

    The others start where the Laplace approximation has them and take Gauss-Newton steps with the
    Jacobian of the mode, each tried in several lengths; the cheapest stands. Far from the mode,
    where another Jacobian would lead further down, a rise is an upper bound.
    """
    if not len(held):
        return ()
    which = np.repeat(held, len(PROFILE_SCORES))
    spread = np.sqrt(np.diag(covariance))
    shift = spread[which] * np.tile(PROFILE_SCORES, len(held))
    scores = mode + covariance[which] / covariance[which, which][:, None] * shift[:, None]
    residuals = model.residuals(scores)
    lowest = _costs(residuals, scores)
    curvature = _curvature(jacobian)
    every = np.arange(len(which))
    for _ in range(PROFILE_STEPS):
        gradient = np.nan_to_num(residuals) @ jacobian + scores
        steps = np.zeros_like(scores)
        for i in held:
            free, mine = np.arange(len(mode)) != i, which == i
            steps[np.ix_(mine, free)] = np.linalg.solve(
                curvature[np.ix_(free, free)], gradient[np.ix_(mine, free)].T
            ).T
        offers = np.stack([scores - length * steps for length in PROFILE_LENGTHS])
        found = model.residuals(offers.reshape(-1, len(mode))).reshape(*offers.shape[:2], -1)
        costs = np.stack([_costs(f, o) for f, o in zip(found, offers, strict=True)])
        best = costs.argmin(axis=0)
        better = costs[best, every] < lowest
        lowest = np.where(better, costs[best, every], lowest)
        scores = np.where(better[:, None], offers[best, every], scores)
        residuals = np.where(better[:, None], found[best, every], residuals)
    rise = lowest - float(at_mode @ at_mode + mode @ mode)
    rise[~np.isfinite(rise)] = np.nan
    at = mode[which] + shift
    size = len(PROFILE_SCORES)
    return tuple(
        Profile(name=names[i], scores=at[k : k + size], rise=rise[k : k + size])
        for k, i in zip(range(0, len(which), size), held, strict=True)
    )
