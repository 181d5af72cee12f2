"""Effect sizes of single studies, with their sampling variances.

Ratios are kept on the logarithmic scale, where they are near normal; :attr:`Effects.ratio` says so.
Formulas as in M. Borenstein and others, Introduction to Meta-Analysis (2009), and, where the two
differ, with the exact corrections that W. Viechtbauer, J Stat Softw 36 (2010) 3,
doi:10.18637/jss.v036.i03, documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.errors import InvalidInput

Array = NDArray[np.float64]
HALF = 0.5  # added to the cells of a table that holds a zero


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """Effects of studies.

    Attributes
    ----------
    values, variances
        (n_studies,); logarithms for ratios.
    measure
        Name of the effect size, in words.
    ratio
        Whether values are logarithms of ratios.
    """

    values: Array
    variances: Array
    measure: str
    ratio: bool = False

    def __post_init__(self) -> None:
        values, variances = np.asarray(self.values), np.asarray(self.variances)
        if values.ndim != 1 or values.shape != variances.shape or not len(values):
            raise InvalidInput(
                f"effects have the shape {values.shape} and variances {variances.shape}; one of "
                "each for every study is needed.",
                where="effects",
            )
        for name, bad, what in (
            ("values", ~np.isfinite(values), "is not finite"),
            ("variances", ~(np.isfinite(variances) & (variances > 0)), "is not above zero"),
        ):
            if bad.any():
                raise InvalidInput(
                    f"study {int(np.flatnonzero(bad)[0]) + 1}: its number {what}.", where=name
                )

    def __len__(self) -> int:
        return len(self.values)

    def only(self, chosen: ArrayLike) -> Effects:
        """Some of the studies, by mask or index."""
        return Effects(
            values=self.values[np.asarray(chosen)],
            variances=self.variances[np.asarray(chosen)],
            measure=self.measure,
            ratio=self.ratio,
        )

    # Two groups, means ----------------------------------------------------------------------------

    @staticmethod
    def mean_difference(
        mean_1: ArrayLike, sd_1: ArrayLike, n_1: ArrayLike, *second: ArrayLike, pooled: bool = False
    ) -> Effects:
        """Difference of means, first minus second; ``pooled`` for one SD of both groups."""
        m1, s1, n1, m2, s2, n2 = _numbers(mean_1, sd_1, n_1, *second)
        _counts(n1, n2)
        if pooled:
            s1 = s2 = _pooled_sd(s1, n1, s2, n2)
        return Effects(values=m1 - m2, variances=s1**2 / n1 + s2**2 / n2, measure="mean difference")

    @staticmethod
    def standardised_mean_difference(
        mean_1: ArrayLike, sd_1: ArrayLike, n_1: ArrayLike, *second: ArrayLike
    ) -> Effects:
        """Hedges' g: the difference in pooled SDs, with the exact correction for few people.

        L. V. Hedges, J Educ Stat 6 (1981) 107, doi:10.3102/10769986006002107.
        """
        m1, s1, n1, m2, s2, n2 = _numbers(mean_1, sd_1, n_1, *second)
        _counts(n1, n2)
        g = hedges_factor(n1 + n2 - 2) * (m1 - m2) / _pooled_sd(s1, n1, s2, n2)
        variances = 1 / n1 + 1 / n2 + g**2 / (2 * (n1 + n2))
        return Effects(values=g, variances=variances, measure="standardised mean difference")

    @staticmethod
    def ratio_of_means(
        mean_1: ArrayLike, sd_1: ArrayLike, n_1: ArrayLike, *second: ArrayLike
    ) -> Effects:
        """Logarithm of the ratio of means; both have to be above zero."""
        m1, s1, n1, m2, s2, n2 = _numbers(mean_1, sd_1, n_1, *second)
        _counts(n1, n2)
        if not ((m1 > 0) & (m2 > 0)).all():
            raise InvalidInput("a ratio of means needs means above zero.", where="mean")
        return Effects(
            values=np.log(m1 / m2),
            variances=s1**2 / (n1 * m1**2) + s2**2 / (n2 * m2**2),
            measure="ratio of means",
            ratio=True,
        )

    # One group or pair, change --------------------------------------------------------------------

    @staticmethod
    def change(
        before: ArrayLike,
        after: ArrayLike,
        sd_before: ArrayLike,
        sd_after: ArrayLike,
        n: ArrayLike,
        correlation: ArrayLike,
    ) -> Effects:
        """Mean of after minus before in the same people."""
        m0, m1, s0, s1, n_, r = _numbers(before, after, sd_before, sd_after, n, correlation)
        _counts(n_)
        return Effects(
            values=m1 - m0,
            variances=sd_of_change(s0, s1, r) ** 2 / n_,
            measure="change from baseline",
        )

    @staticmethod
    def standardised_change(
        before: ArrayLike,
        after: ArrayLike,
        sd_before: ArrayLike,
        n: ArrayLike,
        correlation: ArrayLike,
    ) -> Effects:
        """Change in SDs of the baseline, corrected for few people.

        S. B. Morris, Organ Res Methods 11 (2008) 364, doi:10.1177/1094428106291059.
        """
        m0, m1, s0, n_, r = _numbers(before, after, sd_before, n, correlation)
        _counts(n_)
        value = hedges_factor(n_ - 1) * (m1 - m0) / s0
        return Effects(
            values=value,
            variances=2 * (1 - r) / n_ + value**2 / (2 * n_),
            measure="standardised change",
        )

    # Two groups, events ---------------------------------------------------------------------------

    @staticmethod
    def odds_ratio(
        events_1: ArrayLike, n_1: ArrayLike, events_2: ArrayLike, n_2: ArrayLike
    ) -> Effects:
        """Logarithm of the odds ratio; a half is added to every cell of a table with a zero."""
        a, b, c, d = _table(events_1, n_1, events_2, n_2, half=True)
        return Effects(
            values=np.log(a * d / (b * c)),
            variances=1 / a + 1 / b + 1 / c + 1 / d,
            measure="odds ratio",
            ratio=True,
        )

    @staticmethod
    def risk_ratio(
        events_1: ArrayLike, n_1: ArrayLike, events_2: ArrayLike, n_2: ArrayLike
    ) -> Effects:
        """Logarithm of the risk ratio; a half is added to every cell of a table with a zero."""
        a, b, c, d = _table(events_1, n_1, events_2, n_2, half=True)
        return Effects(
            values=np.log(a / (a + b)) - np.log(c / (c + d)),
            variances=1 / a - 1 / (a + b) + 1 / c - 1 / (c + d),
            measure="risk ratio",
            ratio=True,
        )

    @staticmethod
    def risk_difference(
        events_1: ArrayLike, n_1: ArrayLike, events_2: ArrayLike, n_2: ArrayLike
    ) -> Effects:
        """Difference of risks; where a variance would be zero, a half is added to every cell."""
        a, b, c, d = _table(events_1, n_1, events_2, n_2, half=False)
        none = (a * b == 0) & (c * d == 0)
        value = a / (a + b) - c / (c + d)
        a, b, c, d = (np.where(none, x + HALF, x) for x in (a, b, c, d))
        return Effects(
            values=value,
            variances=a * b / (a + b) ** 3 + c * d / (c + d) ** 3,
            measure="risk difference",
        )


def hedges_factor(freedom: ArrayLike) -> Array:
    """Exact small-sample correction of a standardised difference."""
    from scipy.special import gammaln

    m = np.asarray(freedom, dtype=float)
    if (m < 2).any():
        raise InvalidInput("a standardised difference needs more people.", where="n")
    return np.asarray(np.exp(gammaln(m / 2) - np.log(np.sqrt(m / 2)) - gammaln((m - 1) / 2)))


def sd_of_change(before: ArrayLike, after: ArrayLike, correlation: ArrayLike) -> Array:
    """SD of the change between people from the SDs of both visits and their correlation."""
    s0, s1, r = _numbers(before, after, correlation)
    if (np.abs(r) > 1).any():
        raise InvalidInput("a correlation lies between -1 and 1.", where="correlation")
    return np.sqrt(s0**2 + s1**2 - 2 * r * s0 * s1)


def exact_proportion(events: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a proportion, Biometrika 26 (1934) 404.

    Two-sided also for no event or all: 0 of 24 allows up to 14.2 % at 95 %.
    """
    from scipy.stats import beta

    if not 0 <= events <= n or n < 1:
        raise InvalidInput(f"{events} of {n} is no proportion.", where="events")
    tail = (1 - level) / 2
    low = 0.0 if events == 0 else float(beta.ppf(tail, events, n - events + 1))
    high = 1.0 if events == n else float(beta.ppf(1 - tail, events + 1, n - events))
    return low, high


def upper_bound_of_none(n: int, level: float = 0.95) -> float:
    """Largest risk that no event among n people is compatible with, two-sided."""
    return exact_proportion(0, n, level)[1]


def _numbers(*given: ArrayLike) -> list[Array]:
    return [np.array(a) for a in np.broadcast_arrays(*(np.atleast_1d(_floats(g)) for g in given))]


def _floats(given: ArrayLike) -> Array:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("a number was expected.", where="effects") from None


def _counts(*sizes: Array) -> None:
    for n in sizes:
        if not (n >= 2).all():
            raise InvalidInput("groups of two people or more are needed.", where="n")


def _pooled_sd(s1: Array, n1: Array, s2: Array, n2: Array) -> Array:
    pooled = np.sqrt(((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / (n1 + n2 - 2))
    if not (pooled > 0).all():
        raise InvalidInput("a standard deviation is above zero.", where="sd")
    return np.asarray(pooled)


def _table(
    events_1: ArrayLike, n_1: ArrayLike, events_2: ArrayLike, n_2: ArrayLike, *, half: bool
) -> list[Array]:
    a, n1, c, n2 = _numbers(events_1, n_1, events_2, n_2)
    if not ((a >= 0) & (a <= n1) & (c >= 0) & (c <= n2) & (n1 > 0) & (n2 > 0)).all():
        raise InvalidInput("events lie between none and all of a group.", where="events")
    cells: list[Any] = [a, n1 - a, c, n2 - c]
    if half:
        zero = np.any([x == 0 for x in cells], axis=0)
        cells = [np.where(zero, x + HALF, x) for x in cells]
    return cells
