"""Networks of treatments: direct and indirect comparisons together, and whether they agree.

Contrasts of all studies in one generalised least-squares fit; studies with several arms share an
arm, and so a covariance, between their contrasts (J. P. T. Higgins and A. Whitehead, Stat Med 15
(1996) 2733). Variance between studies, the same for every comparison: the moment estimator of D.
Jackson, I. R. White and R. D. Riley, Stat Med 31 (2012) 3805. Inconsistency: design by treatment,
J. P. T. Higgins and others, Res Synth Methods 3 (2012) 98, doi:10.1002/jrsm.1044; splitting of each
comparison into direct and indirect by back-calculation, S. Dias and others, Stat Med 29 (2010) 932.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One treatment against another.

    ``value`` is first minus second; ``p_inconsistent`` compares direct and indirect (NaN where
    either is missing).
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    direct: float
    direct_se: float
    indirect: float
    indirect_se: float
    n_studies: int
    p_inconsistent: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A fitted network.

    Attributes
    ----------
    treatments
        In alphabetical order, the reference first.
    effects, covariance
        Against the reference, (n,) and (n, n), the reference's own row being zero.
    tau2
        Variance between studies of one comparison.
    q, q_freedom
        Heterogeneity and inconsistency together (fixed effects).
    within_q, within_freedom, between_q, between_freedom, between_p
        Heterogeneity within designs; inconsistency between them.
    """

    treatments: tuple[str, ...]
    effects: Array
    covariance: Array
    tau2: float
    q: float
    q_freedom: int
    within_q: float
    within_freedom: int
    between_q: float
    between_freedom: int
    between_p: float
    level: float
    contrasts: tuple[Contrast, ...]

    def of(self, first: str, second: str) -> tuple[float, float]:
        """Effect of one against another, and its standard error."""
        a, b = (self._place(name) for name in (first, second))
        variance = self.covariance[a, a] + self.covariance[b, b] - 2 * self.covariance[a, b]
        return float(self.effects[a] - self.effects[b]), math.sqrt(max(float(variance), 0.0))

    def p_scores(self, better: str = "lower") -> dict[str, float]:
        """How sure each is to be better than the others, on average (Rücker and Schwarzer 2015)."""
        from scipy.stats import norm

        if better not in ("lower", "higher"):
            raise InvalidInput(f"'{better}' is not lower or higher.", where="better")
        sign = -1.0 if better == "lower" else 1.0
        found = {}
        for one in self.treatments:
            beats = []
            for other in self.treatments:
                if other != one:
                    value, error = self.of(one, other)
                    beats.append(float(norm.cdf(sign * value / error)))
            found[one] = float(np.mean(beats))
        return found

    def _place(self, name: str) -> int:
        if name not in self.treatments:
            raise InvalidInput(f"the network has no '{name}'.", where="treatment")
        return self.treatments.index(name)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stack:
    """Contrasts of all studies against the first arm of each, with their design."""

    y: Array
    v: Array
    shape: Array  # covariance of unit variance between studies
    x: Array
    design: list[tuple[str, ...]]
    study: list[str]


def network(
    arms: Sequence[tuple[str, str, float, float]],
    reference: str = "",
    method: str = "DL",
    level: float = 0.95,
) -> Network:
    """Fits a network to arms.

    Parameters
    ----------
    arms
        Study, treatment, mean (or log odds, …) and its variance, for each arm.
    reference
        Treatment that effects are against; the first by name when not said.
    method
        ``fixed``, ``DL`` (moments) or ``REML``.

    Raises
    ------
    InvalidInput
        For studies of one arm, twice the same treatment, or treatments that nothing connects.
    """
    from scipy.stats import chi2, norm

    if method not in ("fixed", "DL", "REML"):
        raise InvalidInput(f"there is no method '{method}'; fixed, DL or REML.", where="method")
    treatments = sorted({arm[1] for arm in arms})
    if reference:
        if reference not in treatments:
            raise InvalidInput(f"no arm has '{reference}'.", where="reference")
        treatments.remove(reference)
        treatments.insert(0, reference)
    stack = _stacked(arms, treatments)
    if np.linalg.matrix_rank(stack.x) < stack.x.shape[1]:
        raise InvalidInput("some treatments are connected to no other.", where="arms")
    fixed = _fit(stack.y, stack.v, stack.x)
    freedom = len(stack.y) - stack.x.shape[1]
    tau2 = 0.0 if method == "fixed" or not freedom else _tau2(stack, method)
    fit = _fit(stack.y, stack.v + tau2 * stack.shape, stack.x)
    effects = np.concatenate([[0.0], fit[0]])
    covariance = np.zeros((len(treatments), len(treatments)))
    covariance[1:, 1:] = fit[1]
    within_q, within = _within(stack)
    between_q, between = max(fixed[2] - within_q, 0.0), freedom - within
    made = Network(
        treatments=tuple(treatments),
        effects=effects,
        covariance=covariance,
        tau2=tau2,
        q=fixed[2],
        q_freedom=freedom,
        within_q=within_q,
        within_freedom=within,
        between_q=between_q,
        between_freedom=between,
        between_p=float(chi2.sf(between_q, between)) if between else math.nan,
        level=level,
        contrasts=(),
    )
    quantile = float(norm.ppf(0.5 + level / 2))
    contrasts = tuple(
        _contrast(made, arms, first, second, quantile)
        for i, first in enumerate(treatments)
        for second in treatments[:i]
    )
    return replace(made, contrasts=contrasts)


def _stacked(arms: Sequence[tuple[str, str, float, float]], treatments: Sequence[str]) -> _Stack:
    studies: dict[str, list[tuple[str, float, float]]] = {}
    for study, treatment, value, variance in arms:
        if not (math.isfinite(value) and variance > 0 and math.isfinite(variance)):
            raise InvalidInput(
                f"{study}, {treatment}: a finite mean and a variance above zero are needed.",
                where="arms",
            )
        studies.setdefault(study, []).append((treatment, value, variance))
    y: list[float] = []
    blocks: list[Array] = []
    rows: list[Array] = []
    design: list[tuple[str, ...]] = []
    names: list[str] = []
    for study, found in studies.items():
        given = [treatment for treatment, _, _ in found]
        if len(found) < 2 or len(set(given)) < len(given):
            raise InvalidInput(
                f"{study} has no two arms with different treatments, or the same one twice.",
                where="arms",
            )
        own = sorted(found, key=lambda arm: treatments.index(arm[0]))
        base, base_value, base_variance = own[0]
        block = np.full((len(own) - 1, len(own) - 1), base_variance)
        for i, (treatment, value, variance) in enumerate(own[1:]):
            y.append(value - base_value)
            block[i, i] += variance
            row = np.zeros(len(treatments))
            row[treatments.index(treatment)] += 1.0
            row[treatments.index(base)] -= 1.0
            rows.append(row[1:])
            design.append(tuple(treatment for treatment, _, _ in own))
            names.append(study)
        blocks.append(block)
    size = len(y)
    v, shape, first = np.zeros((size, size)), np.zeros((size, size)), 0
    for block in blocks:
        last = first + len(block)
        v[first:last, first:last] = block
        shape[first:last, first:last] = 0.5 + 0.5 * np.eye(len(block))
        first = last
    return _Stack(y=np.array(y), v=v, shape=shape, x=np.array(rows), design=design, study=names)


def _fit(y: Array, v: Array, x: Array) -> tuple[Array, Array, float]:
    """Coefficients, their covariance, and the weighted sum of squares."""
    w = np.linalg.inv(v)
    covariance = np.asarray(np.linalg.inv(x.T @ w @ x), dtype=np.float64)
    beta = covariance @ x.T @ w @ y
    rest = y - x @ beta
    return beta, covariance, float(rest @ w @ rest)


def _tau2(stack: _Stack, method: str) -> float:
    y, v, x = stack.y, stack.v, stack.x
    w = np.linalg.inv(v)
    p = w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)
    freedom = len(y) - x.shape[1]
    moments: float = max(0.0, (float(y @ p @ y) - freedom) / float(np.trace(p @ stack.shape)))
    if method == "DL":
        return moments
    from scipy.optimize import minimize_scalar

    def minus(tau2: float) -> float:
        total = v + tau2 * stack.shape
        _, covariance, q = _fit(y, total, x)
        return float(0.5 * (q + np.linalg.slogdet(total)[1] - np.linalg.slogdet(covariance)[1]))

    top = 10.0 * (moments + float(np.var(y)) + float(np.diag(v).max()))
    grid = np.concatenate([[0.0], top * np.logspace(-8, 0, 121)])
    best = int(np.argmin([minus(t) for t in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(minus, bounds=(low, high), method="bounded", options={"xatol": 1e-10})
    return 0.0 if minus(0.0) <= float(found.fun) else float(found.x)


def _within(stack: _Stack) -> tuple[float, int]:
    """Sum of squares around effects that each design has for itself, and its freedom."""
    total, freedom = 0.0, 0
    for design in dict.fromkeys(stack.design):
        own = np.array([d == design for d in stack.design])
        count, width = int(own.sum()), len(design) - 1
        if count > width:
            x = np.tile(np.eye(width), (count // width, 1))
            total += _fit(stack.y[own], stack.v[np.ix_(own, own)], x)[2]
            freedom += count - width
    return total, freedom


def _contrast(
    made: Network,
    arms: Sequence[tuple[str, str, float, float]],
    first: str,
    second: str,
    quantile: float,
) -> Contrast:
    """A comparison, and its direct and indirect parts."""
    from scipy.stats import norm

    value, error = made.of(first, second)
    given: dict[str, dict[str, tuple[float, float]]] = {}
    for study, treatment, mean, variance in arms:
        given.setdefault(study, {})[treatment] = (mean, variance)
    both = [own for own in given.values() if first in own and second in own]
    direct = direct_se = indirect = indirect_se = p = math.nan
    if both:
        y = np.array([own[first][0] - own[second][0] for own in both])
        weights = 1 / (np.array([own[first][1] + own[second][1] for own in both]) + made.tau2)
        direct, direct_se = float((weights * y).sum() / weights.sum()), float(weights.sum() ** -0.5)
        rest = 1 / error**2 - 1 / direct_se**2
        if rest > 1e-9 / error**2:
            indirect_se = rest**-0.5
            indirect = (value / error**2 - direct / direct_se**2) / rest
            z = (direct - indirect) / math.hypot(direct_se, indirect_se)
            p = float(2 * norm.sf(abs(z)))
    else:
        indirect, indirect_se = value, error
    return Contrast(
        first=first,
        second=second,
        value=value,
        low=value - quantile * error,
        high=value + quantile * error,
        direct=direct,
        direct_se=direct_se,
        indirect=indirect,
        indirect_se=indirect_se,
        n_studies=len(both),
        p_inconsistent=p,
    )
