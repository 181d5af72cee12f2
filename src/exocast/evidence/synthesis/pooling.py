"""Pools and meta-regressions of effects.

One model: y = Xβ + u + e, the variance of e known for each study, that of u (``tau2``) estimated. A
pool is the regression with an intercept alone. ``tau2``: R. DerSimonian and N. Laird, Control Clin
Trials 7 (1986) 177; R. C. Paule and J. Mandel, J Res Natl Bur Stand 87 (1982) 377; L. V. Hedges
(1985); K. Sidik and J. N. Jonkman, J R Stat Soc C 54 (2005) 367; restricted and full likelihood.
Interval of the mean: G. Knapp and J. Hartung, Stat Med 22 (2003) 2693, doi:10.1002/sim.1482;
prediction: J. P. T. Higgins and others, J R Stat Soc A 172 (2009) 137; interval of ``tau2`` by
Q-profile: W. Viechtbauer, Stat Med 26 (2007) 37, doi:10.1002/sim.2514.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.errors import InvalidInput, nearest
from exocast.evidence.synthesis.effects import Effects

Array = NDArray[np.float64]
METHODS = ("fixed", "DL", "PM", "REML", "ML", "HE", "SJ", "HS")
TESTS = ("normal", "knapp-hartung", "knapp-hartung, at least normal")
LARGEST_TAU2 = 1e8  # times the spread of the effects


@dataclass(frozen=True, kw_only=True, eq=False)
class Regression:
    """A fitted model.

    Attributes
    ----------
    coefficients, standard_errors, low, high, p
        (n_columns,) each.
    covariance
        (n_columns, n_columns).
    tau2, tau2_low, tau2_high
        Variance between studies, and its interval by Q-profile; 0 for a fixed effect.
    q, q_freedom, q_p
        Cochran's test of (residual) heterogeneity.
    i2, h2
        Share (percent) and ratio of heterogeneity; (residual, for a regression).
    moderators_q, moderators_p
        Test of all columns but the intercept; NaN for a pool.
    names
        Of the columns.
    critical
        Quantile of the intervals.
    freedom
        Of the t distribution; infinite for the normal.
    """

    coefficients: Array
    standard_errors: Array
    low: Array
    high: Array
    p: Array
    covariance: Array
    tau2: float
    tau2_low: float
    tau2_high: float
    q: float
    q_freedom: int
    q_p: float
    i2: float
    h2: float
    moderators_q: float
    moderators_p: float
    names: tuple[str, ...]
    critical: float
    freedom: float
    n_studies: int
    method: str
    test: str
    level: float
    measure: str
    ratio: bool

    @property
    def tau(self) -> float:
        """SD between studies."""
        return math.sqrt(self.tau2)

    def explained(self, without: Regression) -> float:
        """Percent of the variance between studies that the columns explain."""
        if without.tau2 == 0:
            return 0.0
        return max(0.0, 100 * (without.tau2 - self.tau2) / without.tau2)

    def predicted(self, row: ArrayLike) -> tuple[float, float, float]:
        """Mean at a row of the columns, with its interval."""
        x = np.asarray(row, dtype=float)
        value, se = float(x @ self.coefficients), math.sqrt(float(x @ self.covariance @ x))
        return value, value - self.critical * se, value + self.critical * se


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooled(Regression):
    """A pool; the mean is the only coefficient.

    Attributes
    ----------
    weights
        (n_studies,) percent.
    prediction_low, prediction_high
        Where the effect of a new study is expected.
    """

    weights: Array
    prediction_low: float
    prediction_high: float

    @property
    def value(self) -> float:
        """The mean effect; a logarithm for ratios."""
        return float(self.coefficients[0])

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return float(self.standard_errors[0])

    @property
    def interval(self) -> tuple[float, float]:
        """Of the mean."""
        return float(self.low[0]), float(self.high[0])

    def shown(self) -> tuple[float, float, float]:
        """Mean and interval as people read them: ratios, not their logarithms."""
        numbers = (self.value, *self.interval)
        if self.ratio:
            low, middle, high = (math.exp(n) for n in (numbers[1], numbers[0], numbers[2]))
            return middle, low, high
        return numbers


def pool(
    effects: Effects,
    method: str = "REML",
    test: str = "knapp-hartung",
    level: float = 0.95,
    prediction: str = "t",
) -> Pooled:
    """Mean effect of studies.

    Parameters
    ----------
    method
        ``fixed`` (one effect, inverse variances) or an estimator of the variance between studies:
        ``DL``, ``PM`` (the same as empirical Bayes), ``REML``, ``ML``, ``HE``, ``SJ``, ``HS``.
    test
        ``normal``, ``knapp-hartung``, or the latter never narrower than the former.
    prediction
        ``t`` with two degrees of freedom less than studies, or ``normal``.

    Raises
    ------
    InvalidInput
        For an unknown method or test.
    """
    fit = regress(effects, [], method=method, test=test, level=level)
    weights = 1 / (effects.variances + fit.tau2)
    value, spread = float(fit.coefficients[0]), math.sqrt(float(fit.covariance[0, 0]) + fit.tau2)
    quantile = _quantile(level, len(effects) - 2 if prediction == "t" else math.inf)
    return Pooled(
        **vars(fit),
        weights=100 * weights / weights.sum(),
        prediction_low=value - quantile * spread,
        prediction_high=value + quantile * spread,
    )


def regress(
    effects: Effects,
    columns: Sequence[ArrayLike],
    names: Sequence[str] = (),
    *,
    method: str = "REML",
    test: str = "knapp-hartung",
    level: float = 0.95,
) -> Regression:
    """Effects explained by columns, an intercept before them.

    Raises
    ------
    InvalidInput
        For unknown words, columns of another length or that repeat one another, or more columns
        than studies.
    """
    for field, given, known in (("method", method, METHODS), ("test", test, TESTS)):
        if given not in known:
            raise InvalidInput(
                f"there is no {field} '{given}'." + nearest(given, known), where=field
            )
    if not 0 < level < 1:
        raise InvalidInput(f"level {level:g} lies outside 0 to 1.", where="level")
    y, v, k = effects.values, effects.variances, len(effects)
    x = _design(columns, k)
    p = x.shape[1]
    freedom = k - p
    tau2 = 0.0 if method == "fixed" or not freedom else max(_TAU2[method](y, v, x), 0.0)
    weights = 1 / (v + tau2)
    covariance: Array = np.asarray(np.linalg.inv((x.T * weights) @ x), dtype=np.float64)
    beta = covariance @ (x.T @ (weights * y))
    scale = 1.0
    if test != "normal" and freedom > 0:
        scale = float((weights * (y - x @ beta) ** 2).sum()) / freedom
        if test.endswith("normal"):
            scale = max(scale, 1.0)
        covariance = covariance * scale
    about = freedom if test != "normal" and freedom > 0 else math.inf
    critical = _quantile(level, about)
    errors = np.sqrt(np.diag(covariance))
    q = float(_q(0.0, y, v, x))
    typical = _typical_variance(v, x)
    tested, tested_p = _moderators(beta, covariance, about)
    low, high = _tau2_interval(y, v, x, level) if method != "fixed" else (0.0, 0.0)
    return Regression(
        coefficients=beta,
        standard_errors=errors,
        low=beta - critical * errors,
        high=beta + critical * errors,
        p=_two_sided(_over(beta, errors), about),
        covariance=covariance,
        tau2=tau2,
        tau2_low=low,
        tau2_high=high,
        q=q,
        q_freedom=freedom,
        q_p=_chi2_above(q, freedom),
        i2=_i2(method, tau2, typical, q, freedom),
        h2=tau2 / typical + 1 if method != "fixed" else (q / freedom if freedom else 1.0),
        moderators_q=tested,
        moderators_p=tested_p,
        names=("intercept", *(names or [f"x{i + 1}" for i in range(p - 1)])),
        critical=critical,
        freedom=about,
        n_studies=k,
        method=method,
        test=test,
        level=level,
        measure=effects.measure,
        ratio=effects.ratio,
    )


def leave_one_out(effects: Effects, **how: str) -> list[Pooled]:
    """The pool without each study in turn."""
    every = np.arange(len(effects))
    return [pool(effects.only(every != i), **how) for i in every]  # type: ignore[arg-type]


def pooled_by_weights(
    value: float, variance: float, single: Effects, *, level: float, method: str
) -> Pooled:
    """A pool whose mean and variance are given; heterogeneity from the single effects."""
    y, v = single.values, single.variances
    q, freedom = float((((y - value) ** 2) / v).sum()), len(single) - 1
    error, critical = math.sqrt(variance), _quantile(level, math.inf)
    weights = 1 / v
    return Pooled(
        coefficients=np.array([value]),
        standard_errors=np.array([error]),
        low=np.array([value - critical * error]),
        high=np.array([value + critical * error]),
        p=_two_sided(np.array([value / error]), math.inf),
        covariance=np.array([[variance]]),
        tau2=0.0,
        tau2_low=0.0,
        tau2_high=0.0,
        q=q,
        q_freedom=freedom,
        q_p=_chi2_above(q, freedom),
        i2=_i2("fixed", 0.0, 1.0, q, freedom),
        h2=q / freedom if freedom else 1.0,
        moderators_q=math.nan,
        moderators_p=math.nan,
        names=("intercept",),
        critical=critical,
        freedom=math.inf,
        n_studies=len(single),
        method=method,
        test="normal",
        level=level,
        measure=single.measure,
        ratio=single.ratio,
        weights=100 * weights / weights.sum(),
        prediction_low=value - critical * error,
        prediction_high=value + critical * error,
    )


# Variance between studies -------------------------------------------------------------------------


def _projection(weights: Array, x: Array) -> Array:
    """W − WX(X′WX)⁻¹X′W."""
    wx = weights[:, None] * x
    return np.asarray(np.diag(weights) - wx @ np.linalg.solve(x.T @ wx, wx.T))


def _q(tau2: float, y: Array, v: Array, x: Array) -> float:
    weights = 1 / (v + tau2)
    beta = np.linalg.solve((x.T * weights) @ x, x.T @ (weights * y))
    return float((weights * (y - x @ beta) ** 2).sum())


def _typical_variance(v: Array, x: Array) -> float:
    """Sampling variance of a typical study (Higgins and Thompson 2002)."""
    freedom = len(v) - x.shape[1]
    return freedom / float(np.trace(_projection(1 / v, x))) if freedom else float(np.mean(v))


def _dersimonian_laird(y: Array, v: Array, x: Array) -> float:
    p = _projection(1 / v, x)
    return float((y @ p @ y - (len(y) - x.shape[1])) / np.trace(p))


def _hedges(y: Array, v: Array, x: Array) -> float:
    p = _projection(np.ones_like(v), x)
    return float((y @ p @ y - np.trace(p * v)) / (len(y) - x.shape[1]))


def _hunter_schmidt(y: Array, v: Array, x: Array) -> float:
    p = _projection(1 / v, x)
    return float((y @ p @ y - len(y)) / (1 / v).sum())


def _sidik_jonkman(y: Array, v: Array, x: Array) -> float:
    first = float(((y - y.mean()) ** 2).mean())
    if first == 0:
        return 0.0
    weights = 1 / (v / first + 1)
    beta = np.linalg.solve((x.T * weights) @ x, x.T @ (weights * y))
    return float((weights * (y - x @ beta) ** 2).sum() / (len(y) - x.shape[1]))


def _paule_mandel(y: Array, v: Array, x: Array) -> float:
    return _q_equals(len(y) - x.shape[1], y, v, x)


def _likelihood(restricted: bool) -> Callable[[Array, Array, Array], float]:
    def estimate(y: Array, v: Array, x: Array) -> float:
        from scipy.optimize import minimize_scalar

        def minus(tau2: float) -> float:
            weights = 1 / (v + tau2)
            found = 0.5 * (_q(tau2, y, v, x) - np.log(weights).sum())
            if restricted:
                found += 0.5 * np.linalg.slogdet((x.T * weights) @ x)[1]
            return float(found)

        # The likelihood can have several tops: a grid first, then the best stretch of it.
        top = max(_largest(y, v), 1e-12)
        grid = np.concatenate([[0.0], top * np.logspace(-6, 0, 49)])
        best = int(np.argmin([minus(t) for t in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        found = minimize_scalar(
            minus, bounds=(low, high), method="bounded", options={"xatol": 1e-10 * max(high, 1e-6)}
        )
        return 0.0 if minus(0.0) <= float(found.fun) else float(found.x)

    return estimate


_TAU2: dict[str, Callable[[Array, Array, Array], float]] = {
    "DL": _dersimonian_laird,
    "PM": _paule_mandel,
    "REML": _likelihood(restricted=True),
    "ML": _likelihood(restricted=False),
    "HE": _hedges,
    "SJ": _sidik_jonkman,
    "HS": _hunter_schmidt,
}


def _largest(y: Array, v: Array) -> float:
    return float(10 * ((y - y.mean()) ** 2).sum() + 10 * v.max())


def _q_equals(target: float, y: Array, v: Array, x: Array) -> float:
    """The tau2 at which the generalised Q has a value; 0 where it is below everywhere."""
    from scipy.optimize import brentq

    if _q(0.0, y, v, x) <= target:
        return 0.0
    high = max(_largest(y, v), 1e-12)
    for _ in range(60):
        if _q(high, y, v, x) < target:
            break
        high *= 4.0
    return float(brentq(lambda t: _q(t, y, v, x) - target, 0.0, high, xtol=1e-14, rtol=1e-13))


def _tau2_interval(y: Array, v: Array, x: Array, level: float) -> tuple[float, float]:
    from scipy.stats import chi2

    freedom = len(y) - x.shape[1]
    if freedom < 1:
        return 0.0, math.inf
    tail = (1 - level) / 2
    low, high = (_q_equals(float(chi2.ppf(at, freedom)), y, v, x) for at in (1 - tail, tail))
    return low, high


# Small parts --------------------------------------------------------------------------------------


def _design(columns: Sequence[ArrayLike], k: int) -> Array:
    found = [np.ones(k)]
    for i, column in enumerate(columns):
        values = np.asarray(column, dtype=float)
        if values.shape != (k,) or not np.isfinite(values).all():
            raise InvalidInput(
                f"column {i + 1} is not a finite number for each of the {k} studies.",
                where="columns",
            )
        found.append(values)
    x = np.column_stack(found)
    if x.shape[1] > k or np.linalg.matrix_rank(x) < x.shape[1]:
        raise InvalidInput(
            f"{k} studies cannot tell {x.shape[1] - 1} columns apart.", where="columns"
        )
    return x


def _i2(method: str, tau2: float, typical: float, q: float, freedom: int) -> float:
    if method == "fixed":
        return max(0.0, 100 * (q - freedom) / q) if q > 0 else 0.0
    return 100 * tau2 / (tau2 + typical)


def _moderators(beta: Array, covariance: Array, freedom: float) -> tuple[float, float]:
    """Omnibus test of all but the intercept: chi-squared, or F where a t distribution is used."""
    count = len(beta) - 1
    if not count:
        return math.nan, math.nan
    q = float(beta[1:] @ np.linalg.solve(covariance[1:, 1:], beta[1:]))
    if math.isinf(freedom):
        return q, _chi2_above(q, count)
    from scipy.stats import f

    return q / count, float(f.sf(q / count, count, freedom))


def _quantile(level: float, freedom: float) -> float:
    from scipy.stats import norm, t

    if freedom < 1:
        return math.nan
    at = 0.5 + level / 2
    return float(norm.ppf(at) if math.isinf(freedom) else t.ppf(at, freedom))


def _over(values: Array, errors: Array) -> Array:
    """Statistics of a test; 0 for no effect with no spread, as of studies that agree exactly."""
    some = errors > 0
    return np.where(
        some, values / np.where(some, errors, 1.0), np.where(values == 0, 0.0, math.inf)
    )


def _two_sided(z: Array, freedom: float) -> Array:
    from scipy.stats import norm, t

    return np.asarray(2 * (norm.sf(np.abs(z)) if math.isinf(freedom) else t.sf(np.abs(z), freedom)))


def _chi2_above(q: float, freedom: int) -> float:
    from scipy.stats import chi2

    return float(chi2.sf(q, freedom)) if freedom > 0 else 1.0
