"""Potencies of several assays brought together as logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

from exocast.evidence.synthesis import Effects, pool
from exocast.vial.potency_assay import Plan
from exocast.vial.potency_models import Array
from exocast.vial.potency_records import Assay, Combination, Refusal


def combine_potencies(
    logs: Array, standard_errors: Array, freedom: Array, *, level: float, alpha: float
) -> dict[str, Any]:
    """Potencies of independent assays, brought together as logarithms.

    Parameters
    ----------
    logs, standard_errors, freedom
        ``(assays,)``: logarithm of each potency, its standard error, degrees of freedom of that.
    level, alpha
        Of the intervals; p of Cochran's test below which the assays are heterogeneous.

    Returns
    -------
    ``q``, ``q_freedom``, ``q_p``, ``homogeneous``, ``between_sd``, and ``weighted``,
    ``semi_weighted`` and ``unweighted`` as (logarithm, low, high).

    Notes
    -----
    Weighted: inverse variances, the mean's own widened for estimated weights (Meier), Student's t
    with all assays' degrees of freedom. Semi-weighted:
    the variance between assays is that of the logarithms less the mean square of their errors,
    and is added to each; Knapp and Hartung's interval, at least the plain one, Student's t with
    one degree less than assays. Unweighted: mean and scatter of the logarithms alone.

    References
    ----------
    USP <1034>; Meier, Variance of a weighted mean, Biometrics 9 (1953) 59.
    """
    effects = Effects(values=logs, variances=standard_errors**2, measure="ln potency", ratio=True)
    fixed = pool(effects, method="fixed", test="normal", level=level)
    between = pool(effects, method="HE", test="knapp-hartung, at least normal", level=level)
    t = float(student.ppf(0.5 + level / 2, freedom.sum()))
    k, mean = len(logs), float(logs.mean())
    reach = float(student.ppf(0.5 + level / 2, k - 1)) * float(logs.std(ddof=1)) / math.sqrt(k)
    value, share = fixed.value, fixed.weights / 100
    # Weights that are themselves estimated make the mean scatter more than they say.
    meier = 1 + 4 * float((share * (1 - share) / freedom).sum())
    error = fixed.standard_error * math.sqrt(meier)
    return {
        "q": fixed.q,
        "q_freedom": fixed.q_freedom,
        "q_p": fixed.q_p,
        "homogeneous": fixed.q_p >= alpha,
        "between_sd": between.tau,
        "weighted": (value, value - t * error, value + t * error),
        "semi_weighted": (between.value, *between.interval),
        "unweighted": (mean, mean - reach, mean + reach),
    }


def combined_assays(
    assays: Sequence[Assay], plan: Plan
) -> tuple[Combination | None, Refusal | None]:
    """Assays that gave a potency brought together, or why they cannot be."""
    good = [a for a in assays if a.relative is not None]
    if len(good) < 2:
        refused = [f"{a.name}: {a.refused.code}" for a in assays if a.refused is not None]
        return None, Refusal(
            code="TOO_FEW",
            message=f"{len(good)} of {len(assays)} assays gave a potency ({'; '.join(refused)}), "
            "and two or more are combined. The assays say what each needs.",
        )
    level = plan.rows["potency_level"]
    freedom = np.array([float(a.freedom or 0) for a in good])
    logs = np.log(np.array([a.relative for a in good], dtype=np.float64))
    width = np.log(np.array([(a.high or 1) / (a.low or 1) for a in good], dtype=np.float64))
    errors = width / 2 / student.ppf(0.5 + level / 2, freedom)
    if not (errors > 0).all():
        return None, Refusal(
            code="TOO_FEW", message="an assay shows no scatter at all, so it has no weight."
        )
    found = combine_potencies(
        logs, errors, freedom, level=level, alpha=plan.rows["heterogeneity_alpha"]
    )
    means = {
        name: dict(zip(("relative", "low", "high"), np.exp(found.pop(name)), strict=True))
        for name in ("weighted", "semi_weighted", "unweighted")
    }
    return (
        Combination.model_validate(
            {
                **found,
                **means,
                "assays": tuple(a.name for a in good),
                "method": "weighted" if found["homogeneous"] else "semi-weighted",
            }
        ),
        None,
    )
