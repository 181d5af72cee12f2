"""Linear regression where some results are only known to lie above a limit.

Likelihoods are worked out for many data sets or many trial values at once. The normal model with
censoring is written in the slope over the spread and one over the spread, where it has one
maximum only, so Newton's steps from least squares reach it.

References
----------
Olsen, R. J. (1978). Note on the uniqueness of the maximum likelihood estimator for the Tobit
model. Econometrica 46, 1211-1215. doi:10.2307/1913445
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Array = NDArray[np.float64]
MOST_STEPS = 60
MOST_HALVINGS = 30
ENOUGH = 1e-10
# Spread of the residuals, over that of the results, below which a line goes through every point.
NO_SPREAD = 1e-9
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class Fits:
    """Fits of several data sets.

    Attributes
    ----------
    log_likelihood
        Of each set, (n_sets,).
    coefficients
        Of each term, (n_sets, n_terms).
    spread
        Standard deviation by maximum likelihood, (n_sets,).
    """

    log_likelihood: Array
    coefficients: Array
    spread: Array


def fit_censored(design: Array, results: Array, censored: NDArray[np.bool_]) -> Fits:
    """Fit by maximum likelihood.

    Parameters
    ----------
    design
        Terms of each result, (n_sets, n_results, n_terms).
    results
        The results, or the limits that they lie above, (n_sets, n_results).
    censored
        Which are limits, (n_sets, n_results).

    Returns
    -------
    The fits. Where a line goes through every point the likelihood is ``inf`` and the spread 0.
    """
    centre = results.mean(axis=1, keepdims=True)
    scale = results.std(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    y = (results - centre) / scale
    n_terms = design.shape[2]
    seen = ~censored
    start = _least_squares(design, y)
    residual = y - np.einsum("knp,kp->kn", design, start)
    spread = np.sqrt((residual**2).mean(axis=1))
    flat = spread < NO_SPREAD
    h = 1.0 / np.where(flat, 1.0, spread)
    theta = np.concatenate([start * h[:, None], h[:, None]], axis=1)
    # One row a result: the terms with their sign, and the result, so that r = -z theta.
    z = np.concatenate([design, -y[:, :, None]], axis=2)
    value = _log_likelihood(theta, z, seen)
    open_ = ~flat
    for _ in range(MOST_STEPS):
        if not open_.any():
            break
        gradient, curvature = _derivatives(theta, z, seen)
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        size = np.where(open_, 1.0, 0.0)
        for _ in range(MOST_HALVINGS):
            trial = theta + size[:, None] * step
            new = _log_likelihood(trial, z, seen)
            worse = open_ & ~(new >= value - 1e-12)
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        better = open_ & (new >= value)
        gain = np.where(better, new - value, 0.0)
        theta = np.where(better[:, None], trial, theta)
        value = np.where(better, new, value)
        open_ &= (gain > ENOUGH) & (1.0 / theta[:, -1] > NO_SPREAD)
    h = theta[:, -1]
    flat |= 1.0 / h <= NO_SPREAD
    spread = np.where(flat, 0.0, 1.0 / h)
    coefficients = np.where(flat[:, None], start, theta[:, :n_terms] / h[:, None]) * scale
    # The first term that is one everywhere takes the centre; the designs used here have one.
    return Fits(
        log_likelihood=np.where(flat, np.inf, value - seen.sum(axis=1) * np.log(scale[:, 0])),
        coefficients=coefficients + _centred(design, centre),
        spread=spread * scale[:, 0],
    )


def _least_squares(design: Array, y: Array) -> Array:
    normal = np.einsum("knp,knq->kpq", design, design)
    ridge = 1e-12 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(design.shape[2])
    right = np.einsum("knp,kn->kp", design, y)
    return np.asarray(np.linalg.solve(normal + ridge, right[:, :, None])[:, :, 0])


def _centred(design: Array, centre: Array) -> Array:
    """Coefficients that give the centre of the results everywhere."""
    ones = np.broadcast_to(centre, design.shape[:2])
    return _least_squares(design, np.asarray(ones))


def _hazard(r: Array) -> Array:
    """Normal density over the upper tail."""
    return np.asarray(np.exp(-0.5 * r**2 - _HALF_LOG_2PI - log_ndtr(-r)))


def _log_likelihood(theta: Array, z: Array, seen: NDArray[np.bool_]) -> Array:
    h = theta[:, -1]
    r = -np.einsum("knp,kp->kn", z, theta)
    good = h > 0
    logs = np.log(np.where(good, h, 1.0))
    terms = np.where(seen, logs[:, None] - 0.5 * r**2 - _HALF_LOG_2PI, log_ndtr(-r))
    return np.where(good, terms.sum(axis=1), -np.inf)


def _derivatives(theta: Array, z: Array, seen: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Gradient and minus the second derivatives."""
    h = theta[:, -1]
    r = -np.einsum("knp,kp->kn", z, theta)
    m = _hazard(r)
    push = np.where(seen, r, m)
    weight = np.where(seen, 1.0, m * (m - r))
    gradient = np.einsum("knp,kn->kp", z, push)
    curvature = np.einsum("knp,kn,knq->kpq", z, weight, z)
    count = seen.sum(axis=1)
    gradient[:, -1] += count / h
    curvature[:, -1, -1] += count / h**2
    index = np.arange(curvature.shape[1])
    curvature[:, index, index] *= 1 + 1e-12
    return gradient, curvature


def drop(n_seen: Array | int, n_terms: int, level: float) -> Array:
    """Fall of the log-likelihood at the ends of an interval.

    Chosen so that without censoring the interval is the exact one of Student's t (for a ratio:
    Fieller's): the likelihood ratio of a normal model is a function of t.

    Parameters
    ----------
    n_seen
        Results that are no limits.
    n_terms
        Coefficients of the model, the one of interest included.
    level
        Of the interval, such as 0.95.
    """
    from scipy.stats import t

    n = np.asarray(n_seen, dtype=float)
    free = n - n_terms
    with np.errstate(all="ignore"):
        q = t.ppf(0.5 + level / 2, np.where(free > 0, free, np.nan))
        return np.asarray(np.where(free > 0, 0.5 * n * np.log1p(q**2 / free), np.inf))


def profile_end(
    log_likelihood: Callable[[float], float],
    centre: float,
    least: float,
    step: float,
    most: float,
) -> float:
    """Where a profile falls below a level on the side that ``step`` points to.

    Parameters
    ----------
    log_likelihood
        Of the quantity of interest, all else fitted.
    centre
        Where it is highest.
    least
        The level.
    step
        First step, with its sign.
    most
        Farthest distance looked at.

    Returns
    -------
    The end; infinite, with the sign of the step, where the profile stays above.
    """
    inside, outside = centre, centre + step
    while log_likelihood(outside) > least:
        inside = outside
        step *= 2
        outside = centre + step
        if abs(outside - centre) > most:
            return math.copysign(math.inf, step)
    for _ in range(60):
        middle = (inside + outside) / 2
        if log_likelihood(middle) > least:
            inside = middle
        else:
            outside = middle
        if abs(outside - inside) < 1e-9:
            break
    return (inside + outside) / 2
