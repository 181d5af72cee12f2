"""What a measurement of the batch would be worth: how much narrower a forecast would become.

For each number of the vial the forecast is run again with that number known exactly, at three
values it may turn out to have; the same worlds and patients stand behind every run. What is
reported is the expected narrowing, and it is a bound: no assay is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exocast.evidence.chance import value_of
from exocast.evidence.rows import Row
from exocast.patient.forecast import mean_change, prepare

if TYPE_CHECKING:
    from exocast.patient.scenario import Scenario

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
# Gauss-Hermite quadrature of a standard normal score, exact to the fifth power.
SCORES = np.array([-math.sqrt(3.0), 0.0, math.sqrt(3.0)])
WEIGHTS = np.array([1.0, 4.0, 1.0]) / 6.0
OUTCOME = "pain_vas"
WEEK = 26
GROUPS = 20


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What knowing a number would do to the interval of a forecast.

    Attributes
    ----------
    keys
        The rows that would be known: one, or all of the vial's together.
    meaning
        What it is, in words.
    measured
        Whether it was measured for this batch; else a population row stands in.
    narrowing
        Expected share by which the interval of the mean difference narrows, at most; slightly
        negative by chance where the number does not matter.
    error
        Standard error of the narrowing from the number of worlds.
    dose_narrowing
        The same of the interval of particles that leave the needle, on the log scale.
    """

    keys: tuple[str, ...]
    meaning: str
    measured: bool
    narrowing: float
    error: float
    dose_narrowing: float


@dataclass(frozen=True, kw_only=True)
class Worths:
    """All numbers of a vial, the most worthwhile first, and all of them known together."""

    outcome: str
    week: float
    sd: float
    single: tuple[Worth, ...]
    together: Worth
    worlds: int
    patients: int


def worth_of_knowing(
    scenario: Scenario,
    base: Path,
    *,
    worlds: int = 200,
    patients: int = 8,
    outcome: str = OUTCOME,
    week: float = WEEK,
    progress: Progress | None = None,
) -> Worths:
    """How much narrower a forecast becomes when a number of its vial is known.

    Parameters
    ----------
    scenario
        With the batch or vial in question.
    base
        Folder that the scenario's file names are relative to.
    worlds, patients
        Size of each of the forecasts; means over patients are compared, so few are needed.
    outcome, week
        Whose difference from saline is looked at; the last week of the scenario when it is
        shorter.
    progress
        Called with (forecasts done, forecasts in all).

    Returns
    -------
    Narrowing of the standard deviation over worlds, each with its error.
    """
    asked = scenario.model_copy(
        update={"worlds": worlds, "patients": patients, "arms": ("vial", "saline")}
    )
    plan = prepare(asked, base=base)
    at = int(np.abs(plan.times_days - 7 * week).argmin())
    rows = [r for r in plan.vial.rows if _moves(r)]
    total = 2 + len(SCORES) * len(rows)
    done = 0

    control = mean_change(plan, "saline", outcome)[:, at]

    def run(known: dict[str, float]) -> tuple[Array, Array]:
        """Difference from saline, and the logarithm of the first dose; a value a world."""
        nonlocal done
        ready = prepare(asked, base=base, known=known, vial=plan.vial)
        difference = mean_change(ready, "vial", outcome)[:, at] - control
        given = ready.doses[0].sum(axis=0).mean(axis=1)
        done += 1
        if progress is not None:
            progress(done, total)
        return difference, np.log(np.maximum(given, 1.0))

    def worth(
        keys: tuple[str, ...], meaning: str, *, measured: bool, after: list[tuple[Array, Array]]
    ) -> Worth:
        weights = WEIGHTS if len(after) > 1 else np.ones(1)
        narrowing, error = _narrowing(before[0], [a[0] for a in after], weights)
        return Worth(
            keys=keys,
            meaning=meaning,
            measured=measured,
            narrowing=narrowing,
            error=error,
            dose_narrowing=_narrowing(before[1], [a[1] for a in after], weights)[0],
        )

    before = run({})
    single = [
        worth(
            (row.key,),
            row.meaning,
            measured=row.id not in plan.vial.filled,
            after=[run({row.key: float(value_of(row, np.array([z]))[0])}) for z in SCORES],
        )
        for row in rows
    ]
    everything = run({r.key: r.value for r in rows})
    return Worths(
        outcome=outcome,
        week=float(plan.times_days[at] / 7),
        sd=float(np.std(before[0], ddof=1)),
        single=tuple(sorted(single, key=lambda w: -w.narrowing)),
        together=worth(
            tuple(r.key for r in rows),
            "all numbers of the vial, at their central values",
            measured=False,
            after=[everything],
        ),
        worlds=worlds,
        patients=patients,
    )


def _moves(row: Row) -> bool:
    """Whether a row is knowledge that a measurement could sharpen; vials differ all the same."""
    return row.spread_kind != "fixed" and row.varies == "uncertain"


def _narrowing(before: Array, after: Sequence[Array], weights: Array) -> tuple[float, float]:
    """One minus the ratio of the SD after and before, and its standard error by the jackknife."""

    def narrowing(kept: NDArray[np.bool_]) -> float:
        spread = float(np.var(before[kept], ddof=1))
        left = sum(w * float(np.var(a[kept], ddof=1)) for w, a in zip(weights, after, strict=True))
        return 1.0 - math.sqrt(left / spread) if spread > 0 else 0.0

    whole = np.ones(len(before), dtype=bool)
    parts = []
    for fold in range(GROUPS):
        kept = whole.copy()
        kept[fold::GROUPS] = False
        parts.append(narrowing(kept))
    error = math.sqrt(
        (GROUPS - 1) / GROUPS * float(((np.array(parts) - np.mean(parts)) ** 2).sum())
    )
    return narrowing(whole), error
