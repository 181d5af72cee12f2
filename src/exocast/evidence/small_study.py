"""How much of a reported effect large blinded trials leave, and what that makes of others.

The model case is hyaluronic acid in the knee: 0.37 SD over all trials, 0.11 over large blinded ones
(rutjes_via_rmdopen). Carried over to another treatment, or to animals, the ratio is a guess with
the same spread, and is shown beside what was reported, never in its place.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from exocast.errors import TableError
from exocast.evidence.certainty import Body
from exocast.evidence.register import Register, Result, register

ALL = ("rutjes_via_rmdopen", "HA vs placebo")
LARGE = ("rutjes_via_rmdopen", "HA vs placebo, large blinded RCTs only")
NORMAL_95 = 1.959964
PRINTED = re.compile(r"^(SMD|MD) (-?\d+(?:\.\d+)?) \((-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)\)")
CONTROLS = re.compile(r"placebo|sham|saline|control", re.IGNORECASE)
RESTRICTED = re.compile(r"large|blinded", re.IGNORECASE)
DESIGNS = ("animals", "review of randomised trials")


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """An effect with the bias of small trials taken out; 95 % interval.

    ``ratio`` is what was multiplied; ``carried`` whether it comes from another treatment.
    """

    measure: str
    value: float
    low: float
    high: float
    ratio: float
    carried: bool

    @property
    def text(self) -> str:
        """In words."""
        span = f"{self.measure} {self.value:.2f} ({self.low:.2f} to {self.high:.2f})"
        if not self.carried:
            return f"{span}, its own large blinded trials, as printed"
        return f"{span}, x {self.ratio:.2f}, as for hyaluronic acid in people, carried over"


def ratio(whole: Register | None = None) -> tuple[float, float]:
    """Effect in large blinded trials over that in all, and the SD of its logarithm.

    Raises
    ------
    TableError
        When the register does not hold both.
    """
    whole = whole or register()
    every, every_error = _effect(whole, *ALL)
    large, large_error = _effect(whole, *LARGE)
    return large / every, math.hypot(large_error / large, every_error / every)


def of_body(body: Body) -> Adjusted | None:
    """The effect of a body of evidence with the bias taken out.

    None where it has no effect with an interval against a control, or is restricted to large
    blinded trials already.
    """
    printed = PRINTED.match(body.effect)
    against = CONTROLS.search(body.comparator)
    if not printed or not against or body.design not in DESIGNS or RESTRICTED.search(body.outcome):
        return None
    measure, *numbers = printed.groups()
    value, low, high = map(float, numbers)
    share, log_sd = ratio()
    if body.effect_study == ALL[0]:
        # Its own large trials are there: no ratio has to stand for them.
        large, large_error = _effect(register(), *LARGE)
        half = NORMAL_95 * large_error
        return Adjusted(
            measure=measure, value=large, low=large - half, high=large + half, ratio=share,
            carried=False,
        )  # fmt: skip
    error = (high - low) / (2 * NORMAL_95)
    # Variance of a product of a normal and a logarithmic normal one about its median.
    grown = math.exp(log_sd**2)
    variance = share**2 * grown * (grown * (error**2 + value**2) - value**2)
    half = NORMAL_95 * math.sqrt(variance)
    return Adjusted(
        measure=measure,
        value=share * value,
        low=share * value - half,
        high=share * value + half,
        ratio=share,
        carried=True,
    )


def _effect(whole: Register, study_id: str, given: str) -> tuple[float, float]:
    found = [r for r in whole.results_of(study_id) if _is(r, given)]
    if len(found) != 1 or found[0].value is None or found[0].low is None or found[0].high is None:
        raise TableError(
            f"'{study_id}' has no one line '{given}' with its interval.",
            where="register/results.csv",
        )
    return found[0].value, (found[0].high - found[0].low) / (2 * NORMAL_95)


def _is(r: Result, given: str) -> bool:
    return r.statistic == "effect_smd" and r.intervention == given
