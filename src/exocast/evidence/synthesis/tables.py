"""Two-by-two tables pooled without an effect of each study: for rare events.

N. Mantel and W. Haenszel, J Natl Cancer Inst 22 (1959) 719; variance of the odds ratio by J.
Robins, N. Breslow and S. Greenland, Biometrics 42 (1986) 311; of the risk ratio by S. Greenland and
J. Robins, Biometrics 41 (1985) 55; of the risk difference by T. Sato, S. Greenland and J. M.
Robins, Biometrics 45 (1989) 1323. S. Yusuf and others (Peto), Prog Cardiovasc Dis 27 (1985) 335.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from exocast.errors import InvalidInput
from exocast.evidence.synthesis.effects import Effects, _table
from exocast.evidence.synthesis.pooling import Pooled, pooled_by_weights


def mantel_haenszel(
    events_1: ArrayLike,
    n_1: ArrayLike,
    events_2: ArrayLike,
    n_2: ArrayLike,
    measure: str = "odds ratio",
    level: float = 0.95,
) -> Pooled:
    """Mantel and Haenszel's pooled ``odds ratio``, ``risk ratio`` or ``risk difference``.

    Cells of zero need no correction; ratios are on the logarithmic scale.
    """
    a, b, c, d = _table(events_1, n_1, events_2, n_2, half=False)
    n1, n2 = a + b, c + d
    n = n1 + n2
    if measure == "odds ratio":
        r, s = a * d / n, b * c / n
        p, q = (a + d) / n, (b + c) / n
        top, bottom = r.sum(), s.sum()
        _some(top * bottom)
        value = np.log(top / bottom)
        variance = (
            (p * r).sum() / (2 * top**2)
            + (p * s + q * r).sum() / (2 * top * bottom)
            + (q * s).sum() / (2 * bottom**2)
        )
    elif measure == "risk ratio":
        top, bottom = (a * n2 / n).sum(), (c * n1 / n).sum()
        _some(top * bottom)
        value = np.log(top / bottom)
        variance = ((n1 * n2 * (a + c) / n**2 - a * c / n).sum()) / (top * bottom)
    elif measure == "risk difference":
        weight = (n1 * n2 / n).sum()
        value = (a * n2 / n - c * n1 / n).sum() / weight
        p = (n1**2 * c - n2**2 * a + n1 * n2 * (n2 - n1) / 2) / n**2
        q = (a * (n2 - c) + c * (n1 - a)) / (2 * n)
        variance = (value * p.sum() + q.sum()) / weight**2
    else:
        raise InvalidInput(
            f"'{measure}' is not pooled so; use odds ratio, risk ratio or risk difference.",
            where="measure",
        )
    single = {
        "odds ratio": Effects.odds_ratio,
        "risk ratio": Effects.risk_ratio,
        "risk difference": Effects.risk_difference,
    }[measure](events_1, n_1, events_2, n_2)
    return pooled_by_weights(
        float(value), float(variance), single, level=level, method="Mantel-Haenszel"
    )


def peto(
    events_1: ArrayLike,
    n_1: ArrayLike,
    events_2: ArrayLike,
    n_2: ArrayLike,
    level: float = 0.95,
) -> Pooled:
    """Peto's odds ratio: observed minus expected over the variance of the expected."""
    a, b, c, d = _table(events_1, n_1, events_2, n_2, half=False)
    n1, n2, m = a + b, c + d, a + c
    n = n1 + n2
    expected = n1 * m / n
    variance = n1 * n2 * m * (n - m) / (n**2 * (n - 1))
    some = variance > 0
    _some(float(variance.sum()))
    single = Effects(
        values=((a - expected) / np.where(some, variance, 1.0))[some],
        variances=1 / variance[some],
        measure="odds ratio",
        ratio=True,
    )
    total = variance.sum()
    return pooled_by_weights(
        float((a - expected).sum() / total), float(1 / total), single, level=level, method="Peto"
    )


def _some(weight: float) -> None:
    if not weight > 0:
        raise InvalidInput(
            "no study has events in one group or people without in the other: a ratio is not "
            "known; give exact intervals of each arm.",
            where="events",
        )
