"""Groups of people at one visit: mean, its variance, and how several become one.

Where no SD of a change is printed it follows from the SDs of both visits and their correlation
``r``; the variance of a mean is then ``own - 2 r shared``, a straight line in ``r``, and stays one
when groups are combined or compared.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from exocast.evidence.query.tables import NORMAL_95, better_of
from exocast.evidence.register import Register, Result, impossible

OUT_OF = re.compile(r"\b(\d+)\s*(?:/|of)\s*(\d+)\b")
ROUNDING = 1.0  # percent, between a fraction in the note and the printed percentage
IMPUTED = "imputed"
SAME_ERROR = 4  # visits from which on one error at all of them is more than rounding
DOUBTFUL = "the same error listed at every visit: doubtful"
DATA_SET = "data set"
ERROR = "standard error"
SUM_OF_SQUARES = 2  # people below which an SD cannot be combined


@dataclass(frozen=True, kw_only=True)
class Group:
    """A mean of people, or why there is none.

    Attributes
    ----------
    mean
        Change or level; NaN when it is not known.
    own, shared
        Variance of the mean without correlation between visits, and what a correlation takes from
        it, twice.
    n
        People; None where it is not printed.
    how
        Where the spread comes from; why there is none.
    lines
        Of the table.
    week
        Of the visit.
    """

    mean: float
    own: float
    shared: float
    n: float | None
    how: str
    lines: tuple[int, ...]
    week: float | None
    names: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether it can be used."""
        return math.isfinite(self.mean) and self.own > 0

    def variance(self, correlation: float) -> float:
        """Of the mean."""
        return self.own - 2 * correlation * self.shared

    def scaled(self, factor: float) -> Group:
        """The group in another unit; a negative factor turns the scale round."""
        return replace(
            self, mean=factor * self.mean, own=factor**2 * self.own, shared=factor**2 * self.shared
        )


def change(whole: Register, r: Result) -> Group:
    """Change from baseline of one line, in its own unit."""
    if why := impossible(r):
        return nothing(r, why)
    return doubted(whole, _change(whole, r), r)


def _change(whole: Register, r: Result) -> Group:
    if r.change is not None and r.statistic != "pct_change":
        if r.se:
            said = "listed" if by_data_set(whole, r) else "printed"
            return _group(r, r.change, r.se**2, f"{said} {ERROR}")
        if r.sd_of_change and r.n:
            return _group(r, r.change, r.sd_of_change**2 / r.n, "SD of the change")
        if r.interval == "ci95" and r.low is not None and r.high is not None:
            half = (r.high - r.low) / (2 * NORMAL_95)
            return _group(r, r.change, half**2, "printed interval")
    before = baseline(whole, r)
    if before is not None and impossible(before):
        before = None
    if before is None or r.value is None or before.value is None:
        return nothing(r, "no change with a spread, and no baseline with one")
    difference = r.value - before.value
    if r.statistic == "mean_sd" and r.sd and before.sd and r.n:
        own, shared = (r.sd**2 + before.sd**2) / r.n, r.sd * before.sd / r.n
        return _group(r, difference, own, "SDs of both visits", shared)
    if r.statistic == "mean_ci" and r.se and before.se:
        doubt = ", which may rest on an imputed SD" if IMPUTED in r.note else ""
        own, shared = r.se**2 + before.se**2, r.se * before.se
        return _group(r, difference, own, f"standard errors of both visits{doubt}", shared)
    return nothing(r, "no change with a spread, and no baseline with one")


def level(r: Result) -> Group:
    """Mean at the visit itself, in its own unit."""
    if why := impossible(r):
        return nothing(r, why)
    if r.value is not None:
        if r.statistic == "mean_sd" and r.sd and r.n:
            return _group(r, r.value, r.sd**2 / r.n, "SD at the visit")
        if r.statistic == "mean_ci" and r.se:
            return _group(r, r.value, r.se**2, "standard error at the visit")
        if r.statistic == "mean_ci" and r.low is not None and r.high is not None:
            half = (r.high - r.low) / (2 * NORMAL_95)
            return _group(r, r.value, half**2, "interval at the visit")
    return nothing(r, "no mean with a spread at the visit")


def level_of(whole: Register, r: Result) -> Group:
    """Mean at the visit itself, in its own unit; ``how`` says where its error is doubtful."""
    return doubted(whole, level(r), r)


def by_data_set(whole: Register, r: Result) -> bool:
    """Whether a line's numbers come by way of a data set rather than from the trial's own words."""
    study = whole.studies.get(r.study_id)
    return bool(study and study.via) and r.place.casefold().startswith(DATA_SET)


def doubted(whole: Register, group: Group, r: Result) -> Group:
    """A group whose ``how`` says so where its arm has one standard error at four visits or more.

    People leave and differ more as time goes by, so an error that never moves was hardly computed
    visit by visit.
    """
    if not group.known or ERROR not in group.how or _arm_measured(r) not in _same_errors(whole):
        return group
    return replace(group, how=f"{group.how}, {DOUBTFUL}")


def doubts(said: Iterable[tuple[str, str]]) -> list[str]:
    """The warning that names studies by their ids and what their ``how`` says; none without."""
    names = list(dict.fromkeys(study for study, how in said if DOUBTFUL in how))
    if not names:
        return []
    arms = f"an arm of {', '.join(names)}"
    return [f"The same standard error stands at every visit of {arms}: doubtful, as is its weight."]


@functools.lru_cache(maxsize=4)
def _same_errors(whole: Register) -> frozenset[tuple[str, ...]]:
    """Arms, by end point and statistic, with one standard error at all of their many visits."""
    errors: dict[tuple[str, ...], dict[float, float]] = {}
    for r in whole.results:
        if r.se and r.week is not None:
            errors.setdefault(_arm_measured(r), {})[r.week] = r.se
    return frozenset(
        arm
        for arm, seen in errors.items()
        if len(seen) >= SAME_ERROR and len(set(seen.values())) == 1
    )


def _arm_measured(r: Result) -> tuple[str, ...]:
    return (*_arm(r), r.route, r.statistic)


def on_hundred(group: Group, r: Result) -> Group:
    """On 0-100 with minus for better, where the scale and its direction are known."""
    if why := impossible(r):
        return nothing(r, why)
    better = better_of(r)
    if not better:
        return nothing(r, "which way its scale is better is not known")
    if r.scale_low is None or r.scale_high is None or "source says mm" in r.scale_text:
        return nothing(r, f"its scale is not known ('{r.scale_text}')")
    factor = 100.0 / (r.scale_high - r.scale_low)
    return group.scaled(-factor if better == "higher" else factor)


def turned(group: Group, r: Result) -> Group:
    """In its own unit with minus for better, where the direction is known."""
    better = better_of(r)
    if not better:
        return nothing(r, "which way its scale is better is not known")
    return group.scaled(-1.0) if better == "higher" else group


def baseline(whole: Register, r: Result) -> Result | None:
    """The line of the same arm and end point at week 0: the last one above, else the first.

    Its route may be left unsaid there.
    """
    same = [
        b for b in whole.results if b.week == 0 and _arm(b) == _arm(r) and b.route in ("", r.route)
    ]
    above = [b for b in same if b.line < r.line]
    return above[-1] if above else (same[0] if same else None)


def _arm(r: Result) -> tuple[str, ...]:
    return (r.study_id, r.intervention, r.dose, r.indication, r.endpoint)


def combined(groups: Sequence[Group]) -> Group:
    """Several groups as one.

    Mean and SD of all their people together (Cochrane Handbook, 6.5.2.10); where the number of
    people is not known, the plain mean of the groups.
    """
    found = groups[0]
    for other in groups[1:]:
        found = _two(found, other)
    if len(groups) < 2 or all(g.n for g in groups):
        return found
    count = len(groups)
    return replace(
        found,
        mean=sum(g.mean for g in groups) / count,
        own=sum(g.own for g in groups) / count**2,
        shared=sum(g.shared for g in groups) / count**2,
        n=None,
    )


def _two(a: Group, b: Group) -> Group:
    how = a.how if b.how in a.how else f"{a.how}; {b.how}"
    names = a.names + tuple(name for name in b.names if name not in a.names)
    both = replace(a, how=how, lines=a.lines + b.lines, names=names)
    if not a.n or not b.n:
        return both
    n = a.n + b.n

    def together(x: float, y: float) -> float:
        """Sums of squares within both, as a variance of the joint mean."""
        assert a.n and b.n
        return ((a.n - 1) * a.n * x + (b.n - 1) * b.n * y) / ((n - 1) * n)

    apart = a.n * b.n / n * (a.mean - b.mean) ** 2 / ((n - 1) * n)
    return replace(
        both,
        mean=(a.n * a.mean + b.n * b.mean) / n,
        own=together(a.own, b.own) + apart,
        shared=together(a.shared, b.shared),
        n=n,
    )


@dataclass(frozen=True, kw_only=True)
class Events:
    """People with an event, of how many; or why that is not known."""

    events: int
    n: int
    how: str
    lines: tuple[int, ...]
    week: float | None
    names: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether it can be used."""
        return self.n > 0


def events(r: Result) -> Events:
    """Events of one line.

    A fraction in the note is taken where it agrees with what is printed; else a count with its
    people, or a percentage of the people, rounded to whole ones.
    """

    def found(some: float, n: float, how: str) -> Events:
        return Events(
            events=round(some),
            n=round(n),
            how=how,
            lines=(r.line,),
            week=r.week,
            names=(r.intervention,),
        )

    if r.value is None or r.statistic not in ("proportion", "count"):
        return found(0, 0, "neither a count nor a proportion")
    for counted, of in ((int(a), int(b)) for a, b in OUT_OF.findall(r.note)):
        printed = 100 * counted / of if of and r.statistic == "proportion" else float(counted)
        if 0 <= counted <= of and abs(printed - r.value) < ROUNDING:
            return found(counted, of, "people counted")
    if not r.n:
        return found(0, 0, "how many people there were is not known")
    some = r.value if r.statistic == "count" else r.value * r.n / 100
    if not 0 <= some <= r.n:
        return found(0, 0, f"{r.value:g} is not within {r.n:g} people")
    how = "people counted" if r.statistic == "count" else "percentage of the people, rounded"
    return found(some, r.n, how)


def summed(some: Sequence[Events]) -> Events:
    """Several groups as one."""
    first = some[0]
    return replace(
        first,
        events=sum(e.events for e in some),
        n=sum(e.n for e in some),
        how="; ".join(dict.fromkeys(e.how for e in some)),
        lines=tuple(line for e in some for line in e.lines),
        names=tuple(dict.fromkeys(name for e in some for name in e.names)),
    )


def nothing(r: Result, why: str) -> Group:
    """No mean, and why."""
    return Group(
        mean=math.nan,
        own=math.nan,
        shared=0.0,
        n=r.n,
        how=why,
        lines=(r.line,),
        week=r.week,
        names=(r.intervention,),
    )


def _group(r: Result, mean: float, own: float, how: str, shared: float = 0.0) -> Group:
    return Group(
        mean=mean,
        own=own,
        shared=shared,
        n=r.n,
        how=how,
        lines=(r.line,),
        week=r.week,
        names=(r.intervention,),
    )
