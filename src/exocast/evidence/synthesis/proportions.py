"""Proportions of several studies, also where there are few events or none.

The number of events of each study is binomial, the logit of its risk normal between studies: one
likelihood, integrated by adaptive Gauss and Hermite quadrature (T. H. Hamza, H. C. van Houwelingen
and T. Stijnen, J Clin Epidemiol 61 (2008) 41, doi:10.1016/j.jclinepi.2007.03.016; Q. Liu and D. A.
Pierce, Biometrika 81 (1994) 624, doi:10.1093/biomet/81.3.624). A study without any event enters
with its likelihood and needs no half added. The double arcsine of Freeman and Tukey is not used:
turned back with a mean number of people it can give a pool outside all its studies (G. Schwarzer
and others, Res Synth Methods 10 (2019) 476, doi:10.1002/jrsm.1348).
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.errors import InvalidInput
from exocast.evidence.synthesis.effects import Effects, exact_proportion
from exocast.evidence.synthesis.pooling import Pooled, pool

Array = NDArray[np.float64]
POINTS = 31
LARGEST_TAU = 8.0  # on the logit scale: from next to none to next to all
WIDEST = 40.0  # logits searched for an end of an interval
MEASURE = "logit of a proportion"


def pooled_proportion(events: ArrayLike, n: ArrayLike, level: float = 0.95) -> Pooled:
    """Mean proportion, on the logit scale.

    The interval of the mean is that of the profile likelihood. Of a single study, or where no
    study has an event (or all have nothing else), the spread between studies cannot be known: the
    interval is Clopper and Pearson's for all people together, the mean may then be minus or plus
    infinity, and there is no prediction.

    Parameters
    ----------
    events, n
        (n_studies,) each: people with the event, and people.

    Raises
    ------
    InvalidInput
        For events that are not between none and all.
    """
    x, total = (np.atleast_1d(np.asarray(a, dtype=np.float64)) for a in (events, n))
    if x.shape != total.shape or not len(x) or not ((x >= 0) & (x <= total) & (total >= 1)).all():
        raise InvalidInput("events lie between none and all of the people.", where="events")
    if len(x) == 1 or x.sum() == 0 or x.sum() == total.sum():
        return _exact(x, total, level)
    return _mixed(x, total, level)


def logit(risk: float) -> float:
    """Logarithm of the odds; infinite at 0 and 1."""
    if risk <= 0:
        return -math.inf
    return math.inf if risk >= 1 else math.log(risk / (1 - risk))


def risk_of(log_odds: float) -> float:
    """Risk from the logarithm of the odds."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    return math.exp(log_odds) / (1 + math.exp(log_odds))


def log_likelihood(mean: float, tau: float, events: Array, n: Array) -> float:
    """Of both parameters; without the binomial coefficients, which do not depend on them."""
    z = np.zeros_like(events)
    for _ in range(40):  # the top of each integrand, by damped Newton steps: it is concave
        risk = _risk(mean + tau * z)
        slope = tau * (events - n * risk) - z
        step = slope / (1 + tau**2 * n * risk * (1 - risk))
        z = z + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-5:
            break
    risk = _risk(mean + tau * z)
    width = 1 / np.sqrt(1 + tau**2 * n * risk * (1 - risk))
    nodes, weights = _nodes()
    at = z[:, None] + width[:, None] * nodes
    logits = mean + tau * at
    inside = events[:, None] * logits - n[:, None] * np.logaddexp(0, logits) - at**2 / 2
    summed = np.exp(inside + nodes**2 / 2 - (inside.max(axis=1))[:, None]) @ weights
    each = np.log(summed) + inside.max(axis=1) + np.log(width) - 0.5 * math.log(2 * math.pi)
    return float(each.sum())


@functools.cache
def _nodes() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(POINTS)
    return nodes, weights


def _risk(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -500, 500))))


def _best_tau(mean: float, events: Array, n: Array) -> tuple[float, float]:
    """Largest likelihood over the spread at a mean, and the spread."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda tau: -log_likelihood(mean, tau, events, n),
        bounds=(0.0, LARGEST_TAU),
        method="bounded",
        options={"xatol": 1e-5},
    )
    none = log_likelihood(mean, 0.0, events, n)
    return (none, 0.0) if none >= -float(found.fun) else (-float(found.fun), float(found.x))


def _mixed(x: Array, n: Array, level: float) -> Pooled:
    from scipy.optimize import brentq, minimize_scalar
    from scipy.stats import chi2, norm

    start = logit(float(x.sum() / n.sum()))
    found = minimize_scalar(
        lambda mean: -_best_tau(mean, x, n)[0],
        bounds=(start - 6, start + 6),
        method="bounded",
        options={"xatol": 1e-5},
    )
    mean = float(found.x)
    top, tau = _best_tau(mean, x, n)
    allowed = top - float(chi2.ppf(level, 1)) / 2

    def end(direction: float) -> float:
        step = 0.5
        while step < WIDEST and _best_tau(mean + direction * step, x, n)[0] > allowed:
            step *= 1.7
        if step >= WIDEST:
            return direction * math.inf
        return float(
            brentq(lambda d: _best_tau(mean + direction * d, x, n)[0] - allowed, 0, step, xtol=1e-5)
            * direction
            + mean
        )

    low, high = end(-1.0), end(1.0)
    quantile = float(norm.ppf(0.5 + level / 2))
    error = (high - low) / (2 * quantile)
    return _made(x, n, mean=mean, error=error, low=low, high=high, tau=tau, level=level)


def _exact(x: Array, n: Array, level: float) -> Pooled:
    low, high = exact_proportion(int(x.sum()), int(n.sum()), level)
    return _made(
        x,
        n,
        mean=logit(float(x.sum() / n.sum())),
        error=math.nan,
        low=logit(low),
        high=logit(high),
        tau=math.nan,
        level=level,
    )


def _made(
    x: Array,
    n: Array,
    *,
    mean: float,
    error: float,
    low: float,
    high: float,
    tau: float,
    level: float,
) -> Pooled:
    from scipy.stats import chi2, norm, t

    k, risk = len(x), float(x.sum() / n.sum())
    known = math.isfinite(mean) and math.isfinite(tau)
    centre = risk_of(mean) if math.isfinite(mean) else (risk or 0.5)
    variances = 1 / (n * max(centre * (1 - centre), 1e-9))
    tau2 = tau**2 if known else math.nan
    weights = 1 / (variances + (tau2 if known else 0.0))
    q = _deviance(x, n)
    typical = float(np.median(variances))
    plain = pool(
        Effects(values=np.zeros(k), variances=variances, measure=MEASURE), method="fixed",
        test="normal",
    )  # fmt: skip
    spread = math.hypot(error, tau) if known else math.nan
    reach = float(t.ppf(0.5 + level / 2, k - 2)) * spread if known and k > 2 else math.nan
    fields = vars(plain) | {
        "coefficients": np.array([mean]),
        "standard_errors": np.array([error]),
        "low": np.array([low]),
        "high": np.array([high]),
        "p": np.array([math.nan]),
        "covariance": np.array([[error**2]]),
        "tau2": tau2,
        "tau2_low": math.nan,
        "tau2_high": math.nan,
        "q": q,
        "q_p": float(chi2.sf(q, k - 1)) if k > 1 else 1.0,
        "i2": 100 * tau2 / (tau2 + typical) if known else math.nan,
        "h2": tau2 / typical + 1 if known else math.nan,
        "critical": float(norm.ppf(0.5 + level / 2)),
        "method": "binomial-normal" if known else "exact",
        "test": "profile likelihood" if known else "Clopper-Pearson",
        "level": level,
        "weights": 100 * weights / weights.sum(),
        "prediction_low": mean - reach,
        "prediction_high": mean + reach,
    }
    return Pooled(**fields)


def _deviance(x: Array, n: Array) -> float:
    """Likelihood ratio of a risk for each study against one for all."""
    risk = float(x.sum() / n.sum())

    def part(some: Array, expected: Array) -> float:
        positive = some > 0
        return float((some[positive] * np.log(some[positive] / expected[positive])).sum())

    return max(0.0, 2 * (part(x, n * risk) + part(n - x, n * (1 - risk))))
