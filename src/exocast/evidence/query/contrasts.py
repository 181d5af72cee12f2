"""One treatment against another within a study: printed differences, or both arms."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exocast.evidence.query import groups as g
from exocast.evidence.query.ask import OF_EVENTS, Question
from exocast.evidence.query.match import (
    SUBGROUP,
    is_given,
    is_paired,
    one_population,
    orientation,
    says,
    sides,
)
from exocast.evidence.query.tables import NORMAL_95, assumed, better_of, true_zero
from exocast.evidence.register import Register, Result, impossible
from exocast.evidence.synthesis import Effects

PRINTED = {
    "difference": ("effect_md", "effect_wmd"),
    "smd": ("effect_smd",),
    "ratio": (),
    "risk ratio": ("rr",),
    "odds ratio": ("effect_or",),
    "risk difference": (),
    "hazard ratio": ("effect_hr",),
}
MEASURES = {
    "difference": "mean difference, 0-100, minus is better",
    "smd": "standardised mean difference, minus is better",
    "ratio": "ratio of means",
    "risk ratio": "risk ratio",
    "odds ratio": "odds ratio",
    "risk difference": "risk difference",
    "hazard ratio": "hazard ratio",
}
ONE_GROUP_MEASURES = {
    "change": "change, 0-100, minus is better",
    "proportion": "proportion, percent",
}
TURNED = ("difference", "smd")  # so that minus is better
RATIOS = ("ratio", "risk ratio", "odds ratio", "hazard ratio")
POSITIVE_FOR = re.compile(r"positive (?:would )?favou?rs (?P<side>[^;,.]+)", re.IGNORECASE)
SECOND_LESS = re.compile(r"positive means the second-named arm has less", re.IGNORECASE)
LEAST_PEOPLE = 2


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """First against second in one study; NaN and the reason when it cannot be had.

    ``own`` and ``shared`` are as of a group; ratios are logarithms.
    """

    result: Result
    value: float
    own: float
    shared: float
    n: float | None
    how: str
    lines: tuple[int, ...]
    names: tuple[str, ...]
    first: str
    second: str
    paired: bool


def contrast(whole: Register, asked: Question, results: Sequence[Result]) -> Contrast | None:
    """The contrast of a study, or why there is none; None when it has not both sides.

    A printed difference goes before one of arms: it is adjusted for the baseline more often than
    not, and knows of pairs.
    """
    refused: Contrast | None = None
    for endpoint in dict.fromkeys(r.endpoint for r in results):
        own = one_population([r for r in results if r.endpoint == endpoint])
        weeks = sorted({r.week for r in own}, key=lambda w: (asked.far(w), w or 0.0))
        for week in weeks:
            here = [r for r in own if r.week == week]
            printed, arms = _printed(asked, here), _of_arms(whole, asked, here)
            for found in (printed, arms):
                if found is not None and math.isfinite(found.value):
                    return found
            refused = refused or arms or printed
    return refused


def _printed(asked: Question, rows: Sequence[Result]) -> Contrast | None:
    refused = None
    for r in rows:
        sign = orientation(asked, r.intervention)
        if not sign:
            continue
        if why := impossible(r):
            refused = refused or _refused(r, why)
        elif r.statistic == "qualitative":
            refused = refused or _refused(r, "only a direction is known")
        elif r.statistic not in PRINTED[asked.statistic]:
            refused = refused or _refused(r, f"what is printed is no {asked.statistic}")
        elif SUBGROUP.search(r.intervention):
            refused = refused or _refused(r, "a subgroup, not the trial")
        elif r.value is None or r.low is None or r.high is None or r.interval != "ci95":
            refused = refused or _refused(r, "a difference without its interval")
        else:
            return _from_interval(asked, r, sign)
    return refused


def _from_interval(asked: Question, r: Result, sign: int) -> Contrast:
    assert r.value is not None and r.low is not None and r.high is not None
    value, low, high = r.value, r.low, r.high
    how = "printed difference and interval"
    if asked.statistic in RATIOS:
        if min(value, low) <= 0:
            return _refused(r, "a ratio is above zero")
        value, low, high = math.log(value), math.log(low), math.log(high)
        how = "printed ratio and interval"
        factor = 1.0
    else:
        plus = plus_is_better(r)
        if plus is None:
            return _refused(r, "which way its scale is better is not known")
        factor = -1.0 if plus else 1.0
        if asked.statistic == "difference":
            if r.scale_low is None or r.scale_high is None:
                return _refused(r, f"its scale is not known ('{r.scale_text}')")
            factor *= 100.0 / (r.scale_high - r.scale_low)
    error = abs(factor) * (high - low) / (2 * NORMAL_95)
    return Contrast(
        result=r,
        value=sign * factor * value,
        own=error**2,
        shared=0.0,
        n=r.n,
        how=how,
        lines=(r.line,),
        names=(r.intervention,),
        first="printed",
        second="printed",
        paired=is_paired(r),
    )


def plus_is_better(r: Result) -> bool | None:
    """Whether a positive printed difference favours its first side; None when not known.

    The note goes before the direction of the scale.
    """
    both = sides(r.intervention)
    if SECOND_LESS.search(r.note):
        return False
    said = POSITIVE_FOR.search(r.note)
    if said and both:
        words = said["side"].strip()
        for side, better in zip(both, (True, False), strict=True):
            if says(words, side):
                return better
    better_way = better_of(r)
    return None if not better_way else better_way == "higher"


def _of_arms(whole: Register, asked: Question, rows: Sequence[Result]) -> Contrast | None:
    arms = [r for r in rows if sides(r.intervention) is None]
    first = [r for r in arms if is_given(asked.given, r.intervention)]
    second = [r for r in arms if is_given(asked.against, r.intervention) and r not in first]
    if not first or not second:
        return None
    if asked.statistic in OF_EVENTS:
        return _of_events(asked, first, second)
    if any(r.statistic == "qualitative" for r in (*first, *second)):
        return _refused(first[0], "only a direction is known")
    if asked.statistic == "difference":
        return _difference(whole, first, second)
    if asked.statistic in ("smd", "ratio"):
        return _standardised(whole, asked, first, second)
    return _refused(first[0], f"no {asked.statistic} can be had from arms")


def _difference(whole: Register, first: Sequence[Result], second: Sequence[Result]) -> Contrast:
    """Changes of both sides, or where they lack a spread the means at the visit."""
    why = ""
    ways = ((g.change, "changes"), (g.level_of, "means at the visit"))
    for make, what in ways:
        both = []
        for rows in (first, second):
            found = [g.on_hundred(make(whole, r), r) for r in rows]
            known = [x for x in found if x.known]
            why = why or next((x.how for x in found if not x.known), "")
            both.append(known)
        if all(both):
            a, b = g.combined(both[0]), g.combined(both[1])
            return _joined(first[0], a, b, what, len(both[0]), len(both[1]))
    return _refused(first[0], why)


def _joined(r: Result, a: g.Group, b: g.Group, what: str, arms_1: int, arms_2: int) -> Contrast:
    how = f"difference of {what} ({a.how if a.how == b.how else f'{a.how}; {b.how}'})"
    if a.shared or b.shared:
        how += f", correlation {assumed().value:g} assumed"
    if max(arms_1, arms_2) > 1:
        how += f", {arms_1} and {arms_2} groups as one each"
    if is_paired(r):
        how += ", as if sides were different people"
    return Contrast(
        result=r,
        value=a.mean - b.mean,
        own=a.own + b.own,
        shared=a.shared + b.shared,
        n=a.n + b.n if a.n and b.n else None,
        how=how,
        lines=a.lines + b.lines,
        names=(f"{' and '.join(a.names)} vs {' and '.join(b.names)}",),
        first=in_words(a),
        second=in_words(b),
        paired=is_paired(r),
    )


def in_words(group: g.Group) -> str:
    """Mean, SD and people of a group."""
    if not group.n:
        return f"{group.mean:.1f} (SE {math.sqrt(group.variance(assumed().value)):.1f})"
    deviation = math.sqrt(group.variance(assumed().value) * group.n)
    return f"{group.mean:.1f} ({deviation:.1f}), {group.n:g}"


def _standardised(
    whole: Register, asked: Question, first: Sequence[Result], second: Sequence[Result]
) -> Contrast:
    """Hedges' g or a ratio of means: of the means at the visit, g else of printed changes."""
    r = first[0]
    if asked.statistic == "ratio" and not true_zero(r):
        return _refused(r, "a ratio needs a scale whose zero means that nothing is there")
    if asked.statistic == "smd" and not better_of(r):
        return _refused(r, "which way its scale is better is not known")
    ways = [(g.level_of, "means at the visit")]
    if asked.statistic == "smd":
        ways.append((g.change, "changes"))
    for make, what in ways:
        both = [
            [x for x in (make(whole, r) for r in rows) if x.known and x.n]
            for rows in (first, second)
        ]
        if not all(both):
            continue
        a, b = g.combined(both[0]), g.combined(both[1])
        if not a.n or not b.n or min(a.n, b.n) < LEAST_PEOPLE or a.shared or b.shared:
            continue
        numbers = (a.mean, math.sqrt(a.own * a.n), a.n, b.mean, math.sqrt(b.own * b.n), b.n)
        if asked.statistic == "ratio":
            if min(a.mean, b.mean) <= 0:
                return _refused(r, "a ratio needs means above zero")
            effects, sign = Effects.ratio_of_means(*numbers), 1.0
        else:
            effects = Effects.standardised_mean_difference(*numbers)
            sign = -1.0 if better_of(r) == "higher" else 1.0
        made = _joined(r, a, b, what, len(both[0]), len(both[1]))
        return _with(made, sign * float(effects.values[0]), float(effects.variances[0]))
    return _refused(r, "no means with SD and people at the visit on both sides")


def _with(made: Contrast, value: float, variance: float) -> Contrast:
    return replace(made, value=value, own=variance, shared=0.0)


def _of_events(asked: Question, first: Sequence[Result], second: Sequence[Result]) -> Contrast:
    both = [[e for e in map(g.events, rows) if e.known] for rows in (first, second)]
    r = first[0]
    if not all(both):
        lacking = first if not both[0] else second
        return _refused(r, g.events(lacking[0]).how)
    a, b = g.summed(both[0]), g.summed(both[1])
    none = a.events + b.events == 0
    everybody = a.events + b.events == a.n + b.n
    if asked.statistic != "risk difference" and (none or everybody):
        what = "no event" if none else "nobody without the event"
        return _refused(r, f"{what} on either side: a ratio is not known")
    make = {
        "risk ratio": Effects.risk_ratio,
        "odds ratio": Effects.odds_ratio,
        "risk difference": Effects.risk_difference,
    }[asked.statistic]
    effects = make(a.events, a.n, b.events, b.n)
    zero = 0 in (a.events, b.events, a.n - a.events, b.n - b.events)
    how = a.how if a.how == b.how else f"{a.how}; {b.how}"
    if zero and asked.statistic != "risk difference":
        how += ", a half added to each cell"
    if is_paired(r):
        how += ", as if sides were different people"
    return Contrast(
        result=r,
        value=float(effects.values[0]),
        own=float(np.asarray(effects.variances)[0]),
        shared=0.0,
        n=float(a.n + b.n),
        how=how,
        lines=a.lines + b.lines,
        names=(f"{' and '.join(a.names)} vs {' and '.join(b.names)}",),
        first=f"{a.events}/{a.n}",
        second=f"{b.events}/{b.n}",
        paired=is_paired(r),
    )


def _refused(r: Result, why: str) -> Contrast:
    return Contrast(
        result=r,
        value=math.nan,
        own=math.nan,
        shared=0.0,
        n=r.n,
        how=why,
        lines=(r.line,),
        names=(r.intervention,),
        first="",
        second="",
        paired=is_paired(r),
    )
