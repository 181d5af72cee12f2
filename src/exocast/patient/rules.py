"""Doses that depend on what is seen at a visit: given again when it still hurts, stopped when not.

A rule is a record. The engine knows nothing of it: it is asked for the runs up to each visit, the
rule is read there, and what it orders joins the dose table for the rest. What a rule has seen does
not depend on what it orders, to within the tolerance of the integration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.engine import Model, Runs
from exocast.errors import InvalidInput, UnknownName, nearest

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ORDERS: tuple[Literal["above", "below"], ...] = ("above", "below")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is given at a visit to those whose observable lies above or below a threshold.

    Attributes
    ----------
    visit
        Time of the visit, in the model's unit (days).
    observable, when, threshold
        Who is meant: ``above`` or ``below`` the threshold at the visit, not at it.
    amount, target, delay
        How much into which species, how long after the visit (zero or more).
    """

    visit: float
    observable: str
    when: Literal["above", "below"]
    threshold: float
    amount: float
    target: str
    delay: float = 0.0


def run_with_rules(
    model: Model,
    times: ArrayLike,
    varied: Array,
    doses: pd.DataFrame | None,
    rules: Sequence[Rule],
    *,
    rtol: float = 1e-6,
    processes: int | None = None,
) -> tuple[Runs, pd.DataFrame]:
    """Runs under rules, and the dose table that came of them.

    Visits are read in order of time; rules of one visit see the same state, just before anything
    that is ordered there. A run that has failed by a visit is given nothing more.

    Parameters
    ----------
    times, varied, doses, rtol, processes
        As for :meth:`exocast.engine.Model.run`; ``varied`` is (n_runs, n_varied).

    Raises
    ------
    InvalidInput, UnknownName
        For a rule that makes no sense, and as the engine.
    """
    import pandas as pd

    for rule in rules:
        _check(rule, model)
    table = pd.DataFrame(columns=["run", "time", "amount", "target"]) if doses is None else doses
    for visit in sorted({rule.visit for rule in rules}):
        here = [rule for rule in rules if rule.visit == visit]
        seen = model.run([visit], varied, table, rtol=rtol, processes=processes, checked_share=0.0)
        ordered = [_ordered(rule, seen) for rule in here]
        parts = [part for part in (table, *ordered) if len(part)]
        table = pd.concat(parts, ignore_index=True) if parts else table
    return model.run(times, varied, table, rtol=rtol, processes=processes), table


def _ordered(rule: Rule, seen: Runs) -> pd.DataFrame:
    import pandas as pd

    values = seen.values[:, 0, seen.observed.index(rule.observable)]
    with np.errstate(invalid="ignore"):
        chosen = values > rule.threshold if rule.when == "above" else values < rule.threshold
    runs = np.flatnonzero(chosen & (seen.status == 0))
    return pd.DataFrame(
        {
            "run": runs,
            "time": rule.visit + rule.delay,
            "amount": rule.amount,
            "target": rule.target,
        }
    )


def _check(rule: Rule, model: Model) -> None:
    if rule.observable not in model.observe:
        raise UnknownName(
            f"a rule reads '{rule.observable}', which is not observed."
            + nearest(rule.observable, model.observe),
            where="rules.observable",
        )
    if rule.when not in ORDERS:
        raise InvalidInput(
            f"'{rule.when}' is neither above nor below." + nearest(rule.when, ORDERS),
            where="rules.when",
        )
    for name in ("visit", "delay", "amount"):
        if not np.isfinite(getattr(rule, name)) or getattr(rule, name) < 0:
            raise InvalidInput("a finite number, zero or more, is needed.", where=f"rules.{name}")
