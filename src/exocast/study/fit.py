"""Fitting a few numbers to data: the most probable values, their doubt, and profiles.

Every number is moved in standard scores of its own prior row, so that the prior is a standard
normal law whatever its shape. The steps, in plain words: from the prior's centre, damped
Gauss-Newton steps on the sum of squared scores and squared misfits, each Jacobian from one batch of
runs; at the mode, the Laplace approximation gives the covariance; for each number in turn, held at
values about the mode while the others are fitted again, the profile shows where that approximation
is good and where the data say nothing.
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
STEP = 1e-3
MOST_STEPS = 40
ENOUGH = 1e-6
DAMPING = (1e-3, 1e8)
PROFILE_SCORES = np.linspace(-2.4, 2.4, 7)
PROFILE_STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One number held at values while the others are fitted: scores, and the rise of the cost.

    ``rise`` is twice the loss of the logarithm of the posterior over the mode; 3.84 marks the ends
    of a 95 % interval.
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
    steps
        Steps taken.
    converged
        Whether the last step was small.
    profiles
        One a number.
    """

    names: tuple[str, ...]
    mode: Array
    covariance: Array
    misfit: float
    misfit_before: float
    residuals: Array
    steps: int
    converged: bool
    profiles: tuple[Profile, ...] = ()

    @property
    def sd(self) -> Array:
        """Standard deviation of each score; one where the data say nothing."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def correlation(self) -> Array:
        """Correlations of the scores."""
        return np.asarray(self.covariance / np.outer(self.sd, self.sd))


def fit(
    names: Sequence[str],
    predict: Predict,
    observed: Array,
    sd: Array,
    *,
    profiles: bool = True,
    enough: float = ENOUGH,
) -> Fit:
    """Fit numbers to data under their priors.

    Parameters
    ----------
    names
        Of the numbers.
    predict
        From scores ``(k, numbers)`` to predictions ``(k, data)``, all ``k`` in one batch.
    observed, sd
        Data and their standard deviations on the scale of the predictions, ``(data,)``.
    profiles
        Whether to make the profiles.
    enough
        Relative gain in cost below which a step is the last one; not below the noise of the model.

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
    count = len(names)
    free = np.ones(count, dtype=bool)

    def residuals(scores: Array) -> Array:
        found = (np.asarray(predict(scores)) - observed) / sd
        return np.where(np.isfinite(found), found, np.nan)

    start = np.zeros(count)
    before = residuals(start[None])[0]
    if not np.isfinite(before).all():
        bad = int(np.flatnonzero(~np.isfinite(before))[0])
        raise InvalidInput(f"the model gives no finite prediction for datum {bad} of the fit.")
    mode, steps, converged = _descend(residuals, start, free, enough=enough)
    at_mode, jacobian = _linear(residuals, mode, free)
    covariance: Array = np.asarray(
        np.linalg.inv(np.eye(count) + jacobian.T @ jacobian), dtype=np.float64
    )
    made: tuple[Profile, ...] = ()
    if profiles:
        floor = float(at_mode @ at_mode + mode @ mode)
        spread = np.sqrt(np.diag(covariance))
        made = tuple(
            _profile(residuals, names[i], i, mode, float(spread[i]), floor) for i in range(count)
        )
    return Fit(
        names=tuple(names),
        mode=mode,
        covariance=covariance,
        misfit=float(at_mode @ at_mode),
        misfit_before=float(before @ before),
        residuals=at_mode,
        steps=steps,
        converged=converged,
        profiles=made,
    )


def _descend(
    residuals: Predict,
    start: Array,
    free: NDArray[np.bool_],
    most: int = MOST_STEPS,
    enough: float = ENOUGH,
) -> tuple[Array, int, bool]:
    """Damped Gauss-Newton from ``start``, over the numbers that are free."""
    scores, damping = start.copy(), DAMPING[0]
    for step in range(1, most + 1):
        misfit, jacobian = _linear(residuals, scores, free)
        cost = float(misfit @ misfit + scores @ scores)
        gradient = jacobian.T @ misfit + scores[free]
        curvature = jacobian.T @ jacobian + np.eye(int(free.sum()))
        # Several dampings are tried in one batch; the boldest that helps is taken.
        tried = damping * 10.0 ** np.arange(0, 8, 2)
        offers = np.repeat(scores[None], len(tried), axis=0)
        for row, factor in enumerate(tried):
            offers[row, free] -= np.linalg.solve(
                curvature + factor * np.diag(np.diag(curvature)), gradient
            )
        found = residuals(offers)
        costs = np.einsum("ij,ij->i", found, found) + np.einsum("ij,ij->i", offers, offers)
        costs = np.where(np.isfinite(costs), costs, np.inf)
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


def _linear(residuals: Predict, scores: Array, free: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Residuals, and their Jacobian to the free numbers by central differences in one batch."""
    at = np.flatnonzero(free)
    batch = np.repeat(scores[None], 1 + 2 * len(at), axis=0)
    for row, i in enumerate(at):
        batch[1 + 2 * row, i] += STEP
        batch[2 + 2 * row, i] -= STEP
    found = residuals(batch)
    jacobian = ((found[1::2] - found[2::2]) / (2 * STEP)).T
    return found[0], np.nan_to_num(jacobian)


def _profile(
    residuals: Predict, name: str, held: int, mode: Array, spread: float, floor: float
) -> Profile:
    free = np.ones(len(mode), dtype=bool)
    free[held] = False
    at = mode[held] + spread * PROFILE_SCORES
    rise = np.empty(len(at))
    for sign in (-1, 1):  # outwards from the mode, each start the last end
        scores = mode.copy()
        order = [i for i in range(len(at)) if np.sign(PROFILE_SCORES[i]) in (0, sign)]
        for i in order[:: int(sign)]:
            scores[held] = at[i]
            if free.any():
                scores, _, _ = _descend(residuals, scores, free, PROFILE_STEPS)
            found = residuals(scores[None])[0]
            rise[i] = float(found @ found + scores @ scores) - floor
    return Profile(name=name, scores=at, rise=rise)
