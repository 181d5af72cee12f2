"""The course of a control arm over time, from the register.

``knee_OA: saline | pain``: indication, what was given and end point (and weeks, 1 to 52 where none
are named). Each arm counts once at each visit, with the first of its end points that has a change
with a spread. The mean is straight between knots; a study's deviations are correlated over time
(:mod:`exocast.evidence.synthesis.longitudinal`). A change from baseline is no effect: it holds
regression to the mean, the natural course and placebo.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.errors import InvalidInput
from exocast.evidence.arms import arms_for
from exocast.evidence.register import Register, Result, register
from exocast.evidence.synthesis import Course, Visits, pieces, pool_courses
from exocast.evidence.synthesis.effects import sd_of_change

Array = NDArray[np.float64]
FORM = "indication: given | end point | 1-52 weeks"
FIRST, LAST = 1.0, 52.0  # weeks, where a query names none
KNOTS = (2.0, 6.0, 13.0, 26.0)  # weeks, between the first visit and the last
OF_VISITS = 0.5  # correlation between people of two visits, where no SD of the change is printed
OF_CHANGES = 0.5  # of two changes from one baseline: so where all visits are equally correlated
NORMAL_95 = 1.959964
WEEKS = re.compile(r"(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*(?:weeks?|wk)?")
POOL = re.compile(r"(?:network |IPD )?meta-analysis|systematic review|pool", re.IGNORECASE)
CONTRAST = re.compile(r"\bvs\b|\bminus\b", re.IGNORECASE)
BETTER_WHEN_HIGHER = re.compile(
    r"plus is better|plus = improvement|100 best|improvement|KOOS", re.IGNORECASE
)
BETTER_WHEN_LOWER = re.compile(r"pain|VAS|NRS|WOMAC|Lequesne", re.IGNORECASE)
NO_VISIT = "no visit in these weeks"
DOUBTFUL_UNIT = "source says mm"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A query, read; weeks since the first dose."""

    indication: str
    given: str
    endpoint: str
    first_week: float
    last_week: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ArmCourse:
    """Changes of an arm at its visits, on 0-100 with minus for better.

    Attributes
    ----------
    weeks, values, standard_errors
        (n_visits,)
    n
        People at the first of these visits; ``None`` where nobody says.
    how
        Where the standard errors come from.
    lines
        Of the visits in the table of results.
    """

    study_id: str
    label: str
    endpoint: str
    weeks: Array
    values: Array
    standard_errors: Array
    n: float | None
    how: str
    lines: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """An arm that is not pooled, and why."""

    study_id: str
    label: str
    why: str


@dataclass(frozen=True, kw_only=True, eq=False)
class CourseFound:
    """A course, the arms in it, and those that are not.

    ``course`` is ``None`` where no arm is left.
    """

    asked: Asked
    course: Course | None
    knots: tuple[float, ...]
    arms: tuple[ArmCourse, ...]
    left_out: tuple[LeftOut, ...]
    correlation: float

    @property
    def n_studies(self) -> int:
        """How many studies the arms are of."""
        return len({arm.study_id for arm in self.arms})

    def mean(self, weeks: ArrayLike) -> tuple[Array, Array, Array]:
        """Mean change and its interval at weeks."""
        return self._fitted().at(pieces(weeks, self.knots))

    def new_study(self, weeks: ArrayLike) -> tuple[Array, Array]:
        """Where the mean of a new study is expected at weeks."""
        return self._fitted().new_study(pieces(weeks, self.knots), weeks)

    def _fitted(self) -> Course:
        if self.course is None:
            raise InvalidInput("no arm is left to make a course of.", where="query")
        return self.course


def asked(text: str) -> Asked:
    """Reads a query.

    Raises
    ------
    InvalidInput
        With the form that would be read.
    """
    head, colon, rest = text.partition(":")
    parts = [part.strip() for part in rest.split("|")]
    weeks = WEEKS.fullmatch(parts[2]) if len(parts) == 3 else None
    if not colon or not head.strip() or not all(parts) or len(parts) < 2 or len(parts) > 3:
        raise InvalidInput(f"'{text}' is not of the form '{FORM}'.", where="query")
    if len(parts) == 3 and weeks is None:
        raise InvalidInput(
            f"'{parts[2]}' are no weeks; the form is '{FORM}', and weeks may be left out.",
            where="query",
        )
    first, last = (float(weeks[1]), float(weeks[2])) if weeks else (FIRST, LAST)
    if not 0 < first < last:
        raise InvalidInput(
            f"weeks {first:g} to {last:g} are no stretch of time after the first dose.",
            where="query",
        )
    return Asked(
        indication=head.strip(),
        given=parts[0],
        endpoint=parts[1],
        first_week=first,
        last_week=last,
    )


def course(
    text: str,
    whole: Register | None = None,
    *,
    unresolved: bool = False,
    prediction: bool = True,
    structure: str = "CAR",
    correlation: float = OF_CHANGES,
    knots: Sequence[float] | None = None,
) -> CourseFound:
    """Pools what a query asks for over time.

    Parameters
    ----------
    unresolved
        Whether studies that no identifier leads to are pooled too; they weigh nothing otherwise.
    prediction
        Whether studies that the forecast is tested on (``used_for`` in ``arms.csv``) are pooled.
    structure
        Of a study's deviations over time, as of :func:`~.longitudinal.pool_courses`.
    correlation
        Of the sampling errors of two changes of an arm.
    knots
        Weeks between which the mean is straight; from the visits where left out.
    """
    whole = whole or register()
    question = asked(text)
    tested = {arm.study_id for arm in arms_for("prediction")}
    arms: list[ArmCourse] = []
    left_out: list[LeftOut] = []
    for results in _by_arm(whole, question):
        made = _arm(results, question, whole)
        if isinstance(made, ArmCourse):
            if not whole.study(made.study_id).resolved and not unresolved:
                made = _without(made, "no identifier leads to the study, so it weighs nothing")
            elif made.study_id in tested and not prediction:
                made = _without(made, "the forecast is tested on it")
        if isinstance(made, ArmCourse):
            arms.append(made)
        else:
            left_out.append(made)
    # Lines of an arm at baseline alone, under another route, are no arm more.
    labels = {arm.label for arm in arms}
    left_out = [one for one in left_out if not (one.why == NO_VISIT and one.label in labels)]
    arms = _told_apart(arms, whole)
    found = CourseFound(
        asked=question,
        course=None,
        knots=tuple(knots or ()),
        arms=tuple(arms),
        left_out=tuple(left_out),
        correlation=correlation,
    )
    return _pooled(found, structure) if arms else found


def _pooled(found: CourseFound, structure: str) -> CourseFound:
    arms = found.arms
    weeks = np.concatenate([arm.weeks for arm in arms])
    whose = [i for i, arm in enumerate(arms) for _ in arm.weeks]
    visits = Visits.printed(
        [arms[i].study_id for i in whose],
        weeks,
        np.concatenate([arm.values for arm in arms]),
        np.concatenate([arm.standard_errors for arm in arms]),
        correlation=found.correlation,
        arms=whose,
    )
    knots = found.knots or knots_for(weeks, [arms[i].study_id for i in whose])
    # One study says nothing of how much studies differ.
    made = pool_courses(
        visits,
        pieces(weeks, knots),
        [f"week {knot:g}" for knot in knots],
        structure=structure if found.n_studies > 1 else "none",
    )
    return replace(found, course=made, knots=tuple(knots))


def knots_for(weeks: ArrayLike, studies: Sequence[str]) -> tuple[float, ...]:
    """Weeks between which a mean course is straight, as far as visits can tell.

    The first and the last week, and those of ``KNOTS`` between, if a study has visits nearest to
    it and to another one. Studies seen but once cannot tell time from study, so they move no knot:
    what sets them apart counts as a difference between studies. Nearness is in ratios of weeks, as
    courses change more in an early month than in a late one.
    """
    seen = np.asarray(weeks, dtype=float)
    first, last = float(seen.min()), float(seen.max())
    knots = sorted({first, last, *(k for k in KNOTS if first < k < last)})
    while len(knots) > 1:
        reached = _reached(seen, studies, knots)
        kept = [k for k in knots if any(k in places and len(places) > 1 for places in reached)]
        if kept == knots:
            break
        knots = kept or knots[:1]
    while len(knots) > 1 and np.linalg.matrix_rank(pieces(seen, knots)) < len(knots):
        knots.pop(-2)
    return tuple(knots)


def _reached(weeks: Array, studies: Sequence[str], knots: Sequence[float]) -> list[set[float]]:
    """Knots nearest to the visits of each study."""
    found: dict[str, set[float]] = {}
    for week, study in zip(weeks, studies, strict=True):
        nearest = int(np.argmin(np.abs(np.log(knots) - math.log(week))))
        found.setdefault(study, set()).add(knots[nearest])
    return list(found.values())


# Arms ---------------------------------------------------------------------------------------------


def _by_arm(whole: Register, question: Asked) -> list[list[Result]]:
    """Lines of each arm that a query names; an arm is a study, what was given, and how."""
    found: dict[tuple[str, str, str], list[Result]] = {}
    for r in whole.results:
        if all(
            word in text.casefold()
            for wanted, text in (
                (question.indication, r.indication),
                (question.given, r.intervention),
                (question.endpoint, r.endpoint),
            )
            for word in wanted.casefold().split()
        ):
            found.setdefault((r.study_id, r.intervention, r.route), []).append(r)
    return list(found.values())


def _arm(results: list[Result], question: Asked, whole: Register) -> ArmCourse | LeftOut:
    """The first end point of an arm that has a change with a spread, or why there is none."""
    first = results[0]
    label = f"{first.study_id}, {first.intervention}"

    def out(why: str) -> LeftOut:
        return LeftOut(study_id=first.study_id, label=label, why=why)

    if POOL.match(first.design):
        return out("a pool of studies, not one of them")
    if CONTRAST.search(first.intervention):
        return out("a difference between arms, not an arm")
    inside = [
        r
        for r in results
        if r.week is not None and question.first_week <= r.week <= question.last_week
    ]
    if not inside:
        return out(NO_VISIT)
    why = ""
    for endpoint in dict.fromkeys(r.endpoint for r in inside):
        of_endpoint = [r for r in results if r.endpoint == endpoint]
        reason = _no_scale(of_endpoint[-1])
        why = why or reason
        if reason:
            continue
        baseline = _baseline(of_endpoint[-1], whole)
        visits: dict[float, tuple[float, float, str, int]] = {}
        for r in inside:
            if r.endpoint == endpoint and r.week is not None and r.week not in visits:
                value, error, how = _change(r, baseline)
                if value is not None and error:
                    visits[r.week] = (value, error, how, r.line)
                why = why or ("" if value is not None and error else how)
        if visits:
            scale = 100.0 / _span(of_endpoint[-1])
            sign = -scale if _higher(of_endpoint[-1]) else scale
            weeks = sorted(visits)
            return ArmCourse(
                study_id=first.study_id,
                label=label,
                endpoint=endpoint,
                weeks=np.array(weeks),
                values=np.array([sign * visits[w][0] for w in weeks]),
                standard_errors=np.array([scale * visits[w][1] for w in weeks]),
                n=next((r.n for r in inside if r.line == visits[weeks[0]][3]), None),
                how=", ".join(dict.fromkeys(visits[w][2] for w in weeks)),
                lines=tuple(visits[w][3] for w in weeks),
            )
    return out(why)


def _baseline(r: Result, whole: Register) -> Result | None:
    """The same arm and end point at week 0; its route may be left unsaid there."""
    own = (r.study_id, r.intervention, r.endpoint)
    found = [
        b
        for b in whole.results
        if b.week == 0
        and (b.study_id, b.intervention, b.endpoint) == own
        and b.route in ("", r.route)
    ]
    return max(found, key=lambda b: b.route == r.route, default=None)


def _no_scale(r: Result) -> str:
    """Why values of this line cannot be put on 0-100; empty where they can."""
    if r.statistic == "qualitative":
        return "only a direction is known"
    if not _higher(r) and not BETTER_WHEN_LOWER.search(r.endpoint):
        return "which way its scale is better is not known"
    if r.scale_low is None or r.scale_high is None or DOUBTFUL_UNIT in r.scale_text:
        return f"its scale is not known ('{r.scale_text}')"
    return ""


def _span(r: Result) -> float:
    assert r.scale_low is not None and r.scale_high is not None
    return r.scale_high - r.scale_low


def _higher(r: Result) -> bool:
    return bool(BETTER_WHEN_HIGHER.search(f"{r.scale_text} {r.endpoint} {r.note}"))


def _change(r: Result, before: Result | None) -> tuple[float | None, float | None, str]:
    """Change of an arm, its standard error, and where that comes from; or why there is none."""
    if r.change is not None and r.statistic != "pct_change":
        if r.se:
            return r.change, r.se, "printed standard error"
        if r.sd_of_change and r.n:
            return r.change, r.sd_of_change / math.sqrt(r.n), "SD of the change"
        if r.interval == "ci95" and r.low is not None and r.high is not None:
            return r.change, (r.high - r.low) / (2 * NORMAL_95), "printed interval"
        return None, None, "a change without a spread"
    if before is None or r.value is None or before.value is None:
        return None, None, "no change, and no baseline to take one from"
    own, earlier = _error_of_mean(r), _error_of_mean(before)
    if own is None or earlier is None:
        return None, None, "no spread at both visits"
    error = float(sd_of_change(earlier, own, OF_VISITS)[0])
    how = f"spread of both visits, correlation {OF_VISITS:g} assumed"
    return r.value - before.value, error, how


def _error_of_mean(r: Result) -> float | None:
    if r.se:
        return r.se
    if r.statistic == "mean_sd" and r.sd and r.n:
        return r.sd / math.sqrt(r.n)
    return None


def _without(arm: ArmCourse, why: str) -> LeftOut:
    return LeftOut(study_id=arm.study_id, label=arm.label, why=why)


def _told_apart(arms: list[ArmCourse], whole: Register) -> list[ArmCourse]:
    """Arms of one study that were given the same in another way, named by that way."""
    labels = [arm.label for arm in arms]
    routes = {r.line: r.route for r in whole.results}
    return [
        replace(arm, label=f"{arm.label} ({routes[arm.lines[0]]})")
        if labels.count(arm.label) > 1
        else arm
        for arm in arms
    ]
