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
from exocast.evidence.query.answers import change_on_hundred, said
from exocast.evidence.query.ask import Question
from exocast.evidence.query.groups import Group, doubts
from exocast.evidence.query.match import explain, is_pool, of_question, sides
from exocast.evidence.query.tables import assumed, weightless
from exocast.evidence.register import Register, Result, register
from exocast.evidence.synthesis import Course, Visits, pieces, pool_courses

Array = NDArray[np.float64]
FORM = "indication: given | end point | 1-52 weeks"
FIRST, LAST = 1.0, 52.0  # weeks, where a query names none
KNOTS = (2.0, 6.0, 13.0, 26.0)  # weeks, between the first visit and the last
WEEKS = re.compile(r"(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*(?:weeks?|wk)?")
# Of the deviations of studies; other structures have as many as there are visits in time.
PARAMETERS = {"none": 0, "ID": 1, "CS": 2, "AR": 2, "CAR": 2}
NO_VISIT = "no visit in these weeks"


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

    ``course`` is ``None`` where no arm is left, or where visits are too few; ``warnings`` say so.
    """

    asked: Asked
    course: Course | None
    knots: tuple[float, ...]
    arms: tuple[ArmCourse, ...]
    left_out: tuple[LeftOut, ...]
    correlation: float
    warnings: tuple[str, ...] = ()

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
            few = next(iter(self.warnings), "") if self.arms else ""
            raise InvalidInput(few or "no arm is left to make a course of.", where="query")
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
    correlation: float | None = None,
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
        Of the sampling errors of two changes of an arm; ``changes.correlation`` of
        ``register/assumed.csv`` where left out.
    knots
        Weeks between which the mean is straight; from the visits where left out.
    """
    whole = whole or register()
    question = asked(text)
    tested = {arm.study_id for arm in arms_for("prediction")}
    arms: list[ArmCourse] = []
    left_out: list[LeftOut] = []
    found_lines = _by_arm(whole, question)
    if not found_lines:
        explain(_wanted(question), whole)
    for results in found_lines:
        made = _arm(results, question, whole)
        if isinstance(made, ArmCourse):
            if why := weightless(whole.study(made.study_id), unresolved=unresolved):
                made = _without(made, why)
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
        correlation=assumed("changes.correlation").value if correlation is None else correlation,
        warnings=tuple(doubts((arm.study_id, arm.how) for arm in arms)),
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
    structure = structure if found.n_studies > 1 else "none"
    if not found.knots:
        knots = _fewer(knots, len(weeks), structure)
    if not knots or len(weeks) < len(knots) + PARAMETERS.get(structure, 0):
        few = (
            f"{len(weeks)} visits of {found.n_studies} studies are too few for a course: a mean "
            "over time and how much studies differ cannot both be known. The arms are listed."
        )
        return replace(found, knots=(), warnings=(few, *found.warnings))
    made = pool_courses(
        visits,
        pieces(weeks, knots),
        [f"week {knot:g}" for knot in knots],
        structure=structure,
    )
    return replace(found, course=made, knots=tuple(knots))


def _fewer(knots: tuple[float, ...], visits: int, structure: str) -> tuple[float, ...]:
    """As many knots as visits can carry, the first and the last if possible; none for too few.

    Where knots have to go, a visit more than there are parameters has to be left.
    """
    if visits >= len(knots) + PARAMETERS.get(structure, 0):
        return knots
    kept = list(knots)
    while len(kept) > 2:
        kept.pop(-2)
        if visits > len(kept) + PARAMETERS.get(structure, 0):
            return tuple(kept)
    return ()


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


def _by_arm(whole: Register, asked_for: Asked) -> list[list[Result]]:
    """Lines of each arm that a query names; an arm is a study, what was given, and how."""
    wanted = _wanted(asked_for)
    found: dict[tuple[str, str, str], list[Result]] = {}
    for r in whole.results:
        if of_question(r, wanted) or (sides(r.intervention) and _names(r, wanted)):
            found.setdefault((r.study_id, r.intervention, r.route), []).append(r)
    return list(found.values())


def _wanted(asked_for: Asked) -> Question:
    return Question(
        indication=asked_for.indication,
        given=asked_for.given,
        endpoint=asked_for.endpoint,
        statistic="change",
        first_week=asked_for.first_week,
        last_week=asked_for.last_week,
    )


def _names(r: Result, wanted: Question) -> bool:
    """Whether one side of a printed difference is what is asked for."""
    return any(
        of_question(replace(r, intervention=side), wanted) for side in sides(r.intervention) or ()
    )


def _arm(results: list[Result], question: Asked, whole: Register) -> ArmCourse | LeftOut:
    """The first end point of an arm that has a change with a spread, or why there is none."""
    first = results[0]
    label = f"{first.study_id}, {first.intervention}"

    def out(why: str) -> LeftOut:
        return LeftOut(study_id=first.study_id, label=label, why=why)

    if is_pool(first):
        return out("a pool of studies, not one of them")
    if sides(first.intervention):
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
        visits: dict[float, Group] = {}
        for r in inside:
            if r.endpoint == endpoint and r.week is not None and r.week not in visits:
                group = change_on_hundred(whole, r)
                if group.known:
                    visits[r.week] = group
                why = why or ("" if group.known else group.how)
        if visits:
            groups = [visits[week] for week in sorted(visits)]
            return ArmCourse(
                study_id=first.study_id,
                label=label,
                endpoint=endpoint,
                weeks=np.array(sorted(visits)),
                values=np.array([g.mean for g in groups]),
                standard_errors=np.sqrt([g.variance(assumed().value) for g in groups]),
                n=groups[0].n,
                how=", ".join(dict.fromkeys(said(g, 1) for g in groups)),
                lines=tuple(g.lines[0] for g in groups),
            )
    return out(why)


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
