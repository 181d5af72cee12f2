"""Sizes of particles: a log-normal law seen only above the instrument's floor.

Particles below the floor are not detected. The law is fitted to the bins above it, knowing that
it was cut there. What the law would put below is shown as an extrapolated share and never dosed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, ndtr

from exocast.evidence.rows import Row, package_table

Array = NDArray[np.float64]
NARROWEST, WIDEST = 0.01, 1.5
SMALLEST_NM, LARGEST_NM = 5.0, 2000.0
TINY = 1e-300
STEP = 1e-4
FORWARD = 1e-8
MANY = 1e8


@dataclass(frozen=True, kw_only=True)
class SizeFit:
    """Sizes of the detected particles of a sample.

    Attributes
    ----------
    median_nm, log_sd
        Of the log-normal law; ``log_sd`` is the standard deviation of the logarithm.
    se_log_median, se_log_sd
        Standard errors, with the valid tracks as the number of observations and the choice of the
        floor included.
    floor_nm
        Diameter from which bins entered the fit.
    n_effective
        Valid tracks of the captures used; NaN where the file does not say how many, and then the
        standard errors come from the differences between captures, or are NaN with one capture.
        Bins are smoothed and are no counts.
    extrapolated_share
        Share of the law below the floor: not detected, not dosed.
    fit_distance
        Largest distance between the detected and the fitted cumulative share.
    mean_nm, mode_nm, d10_nm, d50_nm, d90_nm, share_small
        Of the detected particles, from the bins; ``share_small`` between 30 and 150 nm.
    """

    median_nm: float
    log_sd: float
    se_log_median: float
    se_log_sd: float
    floor_nm: float
    n_effective: float
    extrapolated_share: float
    fit_distance: float
    mean_nm: float
    mode_nm: float
    d10_nm: float
    d50_nm: float
    d90_nm: float
    share_small: float


def size_edges_nm() -> tuple[float, float]:
    """Diameters that part the three size classes, in nm (rows ``size_classes.*``)."""
    rows = package_table("vial", "size_classes")
    return rows["small_medium"].value, rows["medium_large"].value


def class_fractions(
    median_nm: ArrayLike, log_sd: ArrayLike, floor_nm: ArrayLike, edges_nm: ArrayLike | None = None
) -> Array:
    """Shares of the detected particles that are small, medium and large.

    Parameters
    ----------
    median_nm, log_sd
        Of the log-normal law, any shapes that go together.
    floor_nm
        Smallest detected diameter.
    edges_nm
        The two diameters between the classes; those of the package when not given.

    Returns
    -------
    Array of shape ``(..., 3)``; the last axis sums to one.
    """
    median, sd, floor = np.broadcast_arrays(
        np.asarray(median_nm, dtype=np.float64),
        np.asarray(log_sd, dtype=np.float64),
        np.asarray(floor_nm, dtype=np.float64),
    )
    low_edge, high_edge = np.asarray(size_edges_nm() if edges_nm is None else edges_nm)
    above = [
        _share_above(np.maximum(edge, floor), median, sd, floor) for edge in (low_edge, high_edge)
    ]
    return np.stack([1.0 - above[0], above[0] - above[1], above[1]], axis=-1)


def _share_above(edge: Array, median: Array, sd: Array, floor: Array) -> Array:
    """P(diameter > edge | diameter > floor), on the log scale so that far tails keep digits."""
    above_edge = log_ndtr(-(np.log(edge / median)) / sd)
    above_floor = log_ndtr(-(np.log(floor / median)) / sd)
    return np.asarray(np.exp(above_edge - above_floor))


def fit_sizes(centres_nm: Array, weights: Array, n_effective: float, floor: Row) -> SizeFit | None:
    """Sizes fitted to bins; None when the bins hold no shape that can be fitted.

    Maximum likelihood of a log-normal law cut at the floor, for binned particles whose weights
    are scaled to the number of valid tracks. The fit is repeated with the floor at both ends of
    its range, and the change is added to the standard errors.

    Parameters
    ----------
    centres_nm
        Middles of evenly spaced bins, shape ``(n_bins,)``.
    weights
        Detected particles in each bin, in any unit, shape ``(n_bins,)``.
    n_effective
        Valid tracks behind the bins.
    floor
        Row of the detection floor, with its range.
    """
    detected = float(weights.sum())
    if not detected > 0 or not n_effective > 0:
        return None
    best = _fit(centres_nm, weights, n_effective, floor.value)
    if best is None:
        return None
    ends = [_fit(centres_nm, weights, n_effective, end) for end in floor.spread]
    log_median, sd, se_median, se_sd = best
    moved_median = _uniform_sd([end[0] for end in ends if end])
    moved_sd = _uniform_sd([end[1] for end in ends if end])
    z_floor = (math.log(floor.value) - log_median) / sd
    d10, d50, d90 = _percentiles(centres_nm, weights, (0.1, 0.5, 0.9))
    rows = package_table("vial", "instrument")
    inside = (centres_nm > rows["small_low"].value) & (centres_nm < rows["small_high"].value)
    return SizeFit(
        median_nm=math.exp(log_median),
        log_sd=sd,
        se_log_median=math.hypot(se_median, moved_median),
        se_log_sd=math.hypot(se_sd, moved_sd),
        floor_nm=floor.value,
        n_effective=n_effective,
        extrapolated_share=float(ndtr(z_floor)),
        fit_distance=_distance(centres_nm, weights, log_median, sd, floor.value),
        mean_nm=float(np.average(centres_nm, weights=weights)),
        mode_nm=float(centres_nm[np.argmax(weights)]),
        d10_nm=d10,
        d50_nm=d50,
        d90_nm=d90,
        share_small=float(weights[inside].sum()) / detected,
    )


def fit_sizes_of_captures(centres_nm: Array, shares: Array, floor: Row) -> SizeFit | None:
    """Sizes where nobody knows how many particles stand behind the captures.

    The law is fitted to the captures' mean, each weighing equally. Standard errors are those of a
    mean over captures, each fitted by itself, with the choice of the floor included; NaN with one
    capture, or where a capture by itself gives no fit.

    Parameters
    ----------
    centres_nm
        Middles of evenly spaced bins, shape ``(n_bins,)``.
    shares
        Share of each bin in each capture, shape ``(n_bins, n_captures)``.
    floor
        Row of the detection floor, with its range.
    """
    pooled = shares.mean(axis=1)
    # The estimates of a likelihood do not depend on the number of particles, its errors do:
    # with very many, what is left of the errors is the choice of the floor.
    whole = fit_sizes(centres_nm, pooled, MANY, floor)
    if whole is None:
        return None
    single = [fit_sizes(centres_nm, column, MANY, floor) for column in shares.T]
    fits = [fit for fit in single if fit is not None]
    nothing = replace(whole, n_effective=math.nan, se_log_median=math.nan, se_log_sd=math.nan)
    if len(fits) < max(2, len(single)):
        return nothing
    n = math.sqrt(len(fits))
    median = float(np.std([math.log(f.median_nm) for f in fits], ddof=1)) / n
    spread = float(np.std([f.log_sd for f in fits], ddof=1)) / n
    return replace(
        nothing,
        se_log_median=math.hypot(median, whole.se_log_median),
        se_log_sd=math.hypot(spread, whole.se_log_sd),
    )


def _fit(
    centres: Array, weights: Array, n_effective: float, floor: float
) -> tuple[float, float, float, float] | None:
    """``log median, log sd`` and their standard errors; None when there is no maximum inside."""
    from scipy.optimize import minimize

    width = float(centres[1] - centres[0])
    kept = centres - width / 2 >= floor - 1e-9
    if (weights[kept] > 0).sum() < 3:
        return None
    log_floor = math.log(float(centres[kept][0]) - width / 2)
    kept &= weights > 0
    low, high = np.log(centres[kept] - width / 2), np.log(centres[kept] + width / 2)
    counts = n_effective * weights[kept] / weights.sum()

    def misfit(point: Array) -> float:
        middle, sd = float(point[0]), math.exp(float(point[1]))
        # Right of the middle use the upper tails, so that differences keep their digits.
        a, b = (low - middle) / sd, (high - middle) / sd
        flip = a > 0
        a, b = np.where(flip, -b, a), np.where(flip, -a, b)
        logs = np.log(np.maximum(ndtr(b) - ndtr(a), TINY))
        seen = float(log_ndtr(-(log_floor - middle) / sd))
        return -float(counts @ (logs - seen))

    mean = float(np.average((low + high) / 2, weights=counts))
    spread = math.sqrt(float(np.average(((low + high) / 2 - mean) ** 2, weights=counts)))
    start = np.array([mean, math.log(min(max(spread, 2 * NARROWEST), WIDEST / 2))])
    bounds = [
        (math.log(SMALLEST_NM), math.log(LARGEST_NM)),
        (math.log(NARROWEST), math.log(WIDEST)),
    ]
    # The stubs want a shape of arrays that NumPy's own types do not carry.
    found = minimize(  # type: ignore[call-overload]
        lambda x: _with_slopes(misfit, x, bounds), start, jac=True, method="L-BFGS-B", bounds=bounds
    )
    x = np.asarray(found.x, dtype=np.float64)
    if any(min(x[i] - lo, hi - x[i]) < 1e-6 for i, (lo, hi) in enumerate(bounds)):
        return None
    information = _curvature(misfit, x)
    if information[0, 0] <= 0 or np.linalg.det(information) <= 0:
        return None
    covariance = np.linalg.inv(information)
    sd = math.exp(float(x[1]))
    return float(x[0]), sd, math.sqrt(covariance[0, 0]), sd * math.sqrt(covariance[1, 1])


def _with_slopes(
    function: Callable[[Array], float], x: Array, bounds: Sequence[tuple[float, float]]
) -> tuple[float, Array]:
    """A function and its forward differences, with the step that the minimiser takes by itself.

    The numbers are the same to the last bit; its own checks of each step take as long as a fit.
    """
    value = function(x)
    slopes = np.empty_like(x)
    for i, (low, high) in enumerate(bounds):
        step = FORWARD if low <= x[i] + FORWARD <= high else -FORWARD
        moved = x.copy()
        moved[i] = x[i] + step
        slopes[i] = (function(moved) - value) / (moved[i] - x[i])
    return value, slopes


def _curvature(function: object, x: Array) -> Array:
    """Second derivatives of a function of two numbers, by central differences."""
    assert callable(function)
    matrix = np.empty((2, 2))
    steps = np.eye(2) * STEP
    for i in range(2):
        for j in range(2):
            matrix[i, j] = (
                function(x + steps[i] + steps[j])
                - function(x + steps[i] - steps[j])
                - function(x - steps[i] + steps[j])
                + function(x - steps[i] - steps[j])
            ) / (4 * STEP**2)
    return matrix


def _uniform_sd(ends: list[float]) -> float:
    """Standard deviation of a quantity that is equally likely anywhere between two ends."""
    return (max(ends) - min(ends)) / math.sqrt(12) if len(ends) > 1 else 0.0


def _percentiles(centres: Array, weights: Array, shares: tuple[float, ...]) -> tuple[float, ...]:
    width = float(centres[1] - centres[0])
    edges = np.concatenate([[centres[0] - width / 2], centres + width / 2])
    cumulative = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
    rising = np.concatenate([[True], np.diff(cumulative) > 0])
    return tuple(float(np.interp(s, cumulative[rising], edges[rising])) for s in shares)


def _distance(centres: Array, weights: Array, log_median: float, sd: float, floor: float) -> float:
    width = float(centres[1] - centres[0])
    kept = centres - width / 2 >= floor - 1e-9
    upper = centres[kept] + width / 2
    detected = np.cumsum(weights[kept]) / weights[kept].sum()
    fitted = 1.0 - _share_above(
        upper, np.asarray(math.exp(log_median)), np.asarray(sd), np.asarray(floor)
    )
    return float(np.abs(detected - fitted).max())
