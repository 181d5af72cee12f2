"""What not knowing a correlation adds to the uncertainty of a pool."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from exocast.evidence.query.tables import Assumed, assumed
from exocast.evidence.synthesis import Effects, Pooled, pool
from exocast.evidence.synthesis.pooling import _over, _quantile, _two_sided


def pooled_over(
    at: Callable[[float], Effects],
    *,
    needed: bool,
    method: str,
    test: str,
    correlation: Assumed | None = None,
) -> tuple[Pooled, float | None]:
    """A pool whose variances depend on one unknown correlation of all studies.

    The pool is made at points of the correlation's distribution; the mean is the mean over them,
    and its variance the mean of their variances and the variance of their means (D. B. Rubin,
    Multiple Imputation for Nonresponse in Surveys, 1987, doi:10.1002/9780470316696). Tests of
    heterogeneity are those at the centre.

    Parameters
    ----------
    at
        Effects for a value of the correlation.
    needed
        Whether any study depends on it.

    Returns
    -------
    The pool, and the percentage of the variance of the mean that comes from the correlation; None
    when no study depends on it.
    """
    given = correlation or assumed()
    middle = pool(at(given.value), method=method, test=test)
    if not needed:
        return middle, None
    points, weights = given.points()
    made = [pool(at(float(r)), method=method, test=test) for r in points]
    values = np.array([m.value for m in made])
    value = float(weights @ values)
    within = float(weights @ np.array([m.standard_error**2 for m in made]))
    between = float(weights @ (values - value) ** 2)
    tau2 = float(weights @ np.array([m.tau2 for m in made]))
    error = math.sqrt(within + between)
    reach = _quantile(middle.level, len(middle.weights) - 2) * math.hypot(error, math.sqrt(tau2))
    both = replace(
        middle,
        coefficients=np.array([value]),
        standard_errors=np.array([error]),
        low=np.array([value - middle.critical * error]),
        high=np.array([value + middle.critical * error]),
        p=_two_sided(_over(np.array([value]), np.array([error])), middle.freedom),
        covariance=np.array([[error**2]]),
        tau2=tau2,
        i2=float(weights @ np.array([m.i2 for m in made])),
        weights=np.average([m.weights for m in made], axis=0, weights=weights),
        prediction_low=value - reach,
        prediction_high=value + reach,
    )
    return both, 100 * between / (within + between) if error > 0 else 0.0
