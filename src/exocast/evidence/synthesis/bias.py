"""What small studies, and those that are not seen, may do to a pool.

M. Egger and others, BMJ 315 (1997) 629, doi:10.1136/bmj.315.7109.629; S. Duval and R. Tweedie,
Biometrics 56 (2000) 455, doi:10.1111/j.0006-341X.2000.00455.x; J. L. Vevea and L. V. Hedges,
Psychometrika 60 (1995) 419, doi:10.1007/BF02294384. None of them proves that studies are missing:
small studies can differ for other reasons.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput
from exocast.evidence.synthesis.effects import Effects
from exocast.evidence.synthesis.pooling import Pooled, pool, regress

Array = NDArray[np.float64]
FEWEST = 3
LEAST_WEIGHT = 1e-6  # relative chance to be seen


@dataclass(frozen=True, kw_only=True)
class Asymmetry:
    """Regression of effects on their standard errors.

    Attributes
    ----------
    slope, statistic, freedom, p
        Of the standard error; ``freedom`` is infinite for a z statistic.
    limit, limit_low, limit_high
        Effect of an infinitely large study.
    """

    slope: float
    statistic: float
    freedom: float
    p: float
    limit: float
    limit_low: float
    limit_high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Filled:
    """Trim and fill.

    Attributes
    ----------
    missing
        Studies that would make the funnel symmetric.
    side
        ``left`` or ``right``: where they are missing.
    pooled
        The pool with them.
    added
        Their effects; None when there are none.
    """

    missing: int
    side: str
    pooled: Pooled
    added: Effects | None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Step-function selection model.

    Attributes
    ----------
    value, tau2
        Mean effect and variance between studies, had every study been seen.
    standard_error, low, high
        Of the mean, by the curvature of the likelihood.
    steps, weights
        Upper ends of the stretches of one-sided p, and the chance to be seen relative to the first.
    ratio_statistic, ratio_freedom, ratio_p
        Likelihood ratio against no selection.
    """

    value: float
    standard_error: float
    low: float
    high: float
    tau2: float
    steps: tuple[float, ...]
    weights: tuple[float, ...]
    ratio_statistic: float
    ratio_freedom: int
    ratio_p: float


def egger(effects: Effects, model: str = "linear", level: float = 0.95) -> Asymmetry:
    """Whether effects depend on their standard errors.

    Parameters
    ----------
    model
        ``linear``: weighted regression with a free scale, Egger's own; ``mixed``: with variance
        between studies (REML).
    """
    if len(effects) < FEWEST:
        raise InvalidInput(f"asymmetry needs {FEWEST} studies or more.", where="effects")
    if model not in ("linear", "mixed"):
        raise InvalidInput(f"there is no model '{model}'; linear or mixed.", where="model")
    errors = np.sqrt(effects.variances)
    if np.ptp(errors) == 0:
        raise InvalidInput("all studies have the same standard error.", where="effects")
    fit = regress(
        effects,
        [errors],
        ["standard error"],
        method="fixed" if model == "linear" else "REML",
        test="knapp-hartung" if model == "linear" else "normal",
        level=level,
    )
    return Asymmetry(
        slope=float(fit.coefficients[1]),
        statistic=float(fit.coefficients[1] / fit.standard_errors[1]),
        freedom=fit.freedom,
        p=float(fit.p[1]),
        limit=float(fit.coefficients[0]),
        limit_low=float(fit.low[0]),
        limit_high=float(fit.high[0]),
    )


def trim_and_fill(
    effects: Effects,
    estimator: str = "L0",
    side: str = "",
    method: str = "REML",
    test: str = "knapp-hartung",
) -> Filled:
    """The pool after studies that asymmetry suggests are missing have been put in.

    Parameters
    ----------
    estimator
        ``L0`` or ``R0`` of Duval and Tweedie.
    side
        Where they are missing; by the sign of Egger's slope when not said.
    """
    if estimator not in ("L0", "R0"):
        raise InvalidInput(f"there is no estimator '{estimator}'; L0 or R0.", where="estimator")
    if side not in ("", "left", "right"):
        raise InvalidInput(f"there is no side '{side}'; left or right.", where="side")
    side = side or ("left" if egger(effects, "mixed").slope > 0 else "right")
    sign = 1.0 if side == "left" else -1.0
    order = np.argsort(sign * effects.values, kind="stable")
    turned = replace(
        effects, values=sign * effects.values[order], variances=effects.variances[order]
    )
    k, missing = len(effects), 0
    for _ in range(100):
        kept = turned.only(np.arange(k - missing))
        centre = pool(kept, method=method, test="normal").value
        now = _missing(turned.values - centre, estimator)
        if now >= k - 1 or now == missing:
            break
        missing = now
    filled, added = effects, None
    if missing:
        last = turned.only(np.arange(k - missing, k))
        added = replace(last, values=sign * (2 * centre - last.values))
        filled = replace(
            effects,
            values=np.concatenate([effects.values, added.values]),
            variances=np.concatenate([effects.variances, added.variances]),
        )
    return Filled(
        missing=missing,
        side=side,
        pooled=pool(filled, method=method, test=test),
        added=added,
    )


def _missing(centred: Array, estimator: str) -> int:
    from scipy.stats import rankdata

    k = len(centred)
    ranks = rankdata(np.abs(centred)) * np.sign(centred)
    if estimator == "R0":
        below = -ranks[ranks < 0]
        found = k - (below.max() if len(below) else 0.0) - 1
    else:
        found = (4 * ranks[ranks > 0].sum() - k * (k + 1)) / (2 * k - 1)
    return max(0, round(float(found)))


def selection_model(
    effects: Effects,
    steps: Sequence[float] = (0.025, 1.0),
    favoured: str = "above",
    level: float = 0.95,
) -> Selection:
    """Mean effect when the chance to be seen depends on the one-sided p value.

    Parameters
    ----------
    steps
        Upper ends of stretches of p within which that chance is the same; the last is 1.
    favoured
        ``above`` when large values are the wanted result, ``below`` when small ones are.

    Raises
    ------
    InvalidInput
        For steps that do not rise to 1, or a stretch without any study: its weight is not known.
    """
    from scipy.optimize import minimize
    from scipy.stats import chi2, norm

    cuts = tuple(float(s) for s in steps)
    if len(cuts) < 2 or cuts[-1] != 1.0 or not all(0 < a < b for a, b in itertools.pairwise(cuts)):
        raise InvalidInput("steps rise between 0 and 1 and end at 1.", where="steps")
    if favoured not in ("above", "below"):
        raise InvalidInput(f"'{favoured}' is not above or below.", where="favoured")
    sign = 1.0 if favoured == "above" else -1.0
    y, v = sign * effects.values, effects.variances
    errors = np.sqrt(v)
    place = np.searchsorted(cuts, norm.sf(y / errors))
    counts = np.bincount(place, minlength=len(cuts))
    if (counts == 0).any():
        empty = int(np.flatnonzero(counts == 0)[0])
        raise InvalidInput(
            f"no study has a p value up to {cuts[empty]:g} and above the step before it; join "
            "the two.",
            where="steps",
        )
    # y above edges[j] has p below cuts[j].
    edges = [errors * norm.isf(c) for c in cuts[:-1]]

    def minus(parameters: Array, select: bool = True) -> float:
        mean, tau2 = parameters[0], math.exp(parameters[1])
        spread = np.sqrt(v + tau2)
        found = -float(np.sum(norm.logpdf(y, mean, spread)))
        if select:
            weights = np.concatenate([[1.0], np.exp(parameters[2:])])
            above = [np.zeros_like(y), *(norm.sf(e, mean, spread) for e in edges), np.ones_like(y)]
            seen = weights @ np.diff(np.array(above), axis=0)
            found += np.log(seen).sum() - np.log(weights[place]).sum()
        return float(found)

    start = pool(effects, method="ML", test="normal")
    first = np.array([sign * start.value, math.log(max(start.tau2, 1e-3 * float(np.median(v))))])
    least = math.log(1e-10 * float(np.median(v)))
    plain = minimize(minus, first, args=(False,), bounds=[(None, None), (least, None)])
    bounds = [(None, None), (least, None)] + [(math.log(LEAST_WEIGHT), -math.log(LEAST_WEIGHT))] * (
        len(cuts) - 1
    )
    best = None
    for weight in (0.0, -1.0, 1.0):
        begin = np.concatenate([plain.x, np.full(len(cuts) - 1, weight)])
        found = minimize(minus, begin, bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
        best = found if best is None or found.fun < best.fun else best
    assert best is not None
    at_zero = best.x[1] < least + 1.0
    free = [0, *(() if at_zero else (1,)), *range(2, len(best.x))]
    error = math.sqrt(float(np.linalg.inv(_curvature(minus, best.x, free))[0, 0]))
    quantile = float(norm.ppf(0.5 + level / 2))
    statistic = max(0.0, 2 * float(plain.fun - best.fun))
    value = sign * float(best.x[0])
    return Selection(
        value=value,
        standard_error=error,
        low=value - quantile * error,
        high=value + quantile * error,
        tau2=0.0 if at_zero else math.exp(float(best.x[1])),
        steps=cuts,
        weights=(1.0, *(math.exp(float(w)) for w in best.x[2:])),
        ratio_statistic=statistic,
        ratio_freedom=len(cuts) - 1,
        ratio_p=float(chi2.sf(statistic, len(cuts) - 1)),
    )


def _curvature(
    function: Callable[[Array], float], at: Array, free: Sequence[int], step: float = 1e-4
) -> Array:
    """Second derivatives by central differences."""
    size = len(free)
    found = np.zeros((size, size))
    for a in range(size):
        for b in range(a, size):
            total = 0.0
            for sa, sb in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                x = np.array(at, dtype=float)
                x[free[a]] += sa * step
                x[free[b]] += sb * step
                total += sa * sb * function(x)
            found[a, b] = found[b, a] = total / (4 * step**2)
    return found
