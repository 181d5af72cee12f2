"""Pools of the register by a line of words: one group, or one against another.

A study counts once. Of its end points the first in the register that can be used counts, of its
visits the one nearest to the middle of the weeks; several arms that fit are one group.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from exocast.errors import UnknownName, nearest
from exocast.evidence.arms import arms_for
from exocast.evidence.query import contrasts
from exocast.evidence.query.ask import ONE_GROUP, Question, question
from exocast.evidence.query.groups import (
    Group,
    change,
    combined,
    doubts,
    events,
    nothing,
    on_hundred,
    summed,
)
from exocast.evidence.query.match import (
    explain,
    is_given,
    is_pool,
    of_question,
    one_population,
    orientation,
    sides,
)
from exocast.evidence.query.records import Answer, Entry, Published
from exocast.evidence.query.spread import pooled_over
from exocast.evidence.query.tables import NORMAL_95, assumed, better_of, weightless
from exocast.evidence.register import Register, Result, Study, register
from exocast.evidence.synthesis import Effects, Pooled, exact_proportion
from exocast.evidence.synthesis.proportions import MEASURE, logit, pooled_proportion

FEWEST = 3
BRACKETS = re.compile(r"\s*[(,]")
FIELDS_OF_RESULT = (
    "intervention",
    "product_source",
    "dose",
    "dose_unit",
    "route",
    "schedule",
    "indication",
    "endpoint",
)
FIELDS_OF_STUDY = ("design", "country", "funding", "maker_link", "journal", "year")
BIAS = "bias"  # the overall risk of bias, judged in a table of its own


def answer(
    text: str,
    whole: Register | None = None,
    *,
    method: str = "REML",
    test: str = "knapp-hartung",
    unresolved: bool = False,
    leave_out: Collection[str] = (),
    by: str = "",
) -> Answer:
    """Pools what a query asks for.

    Parameters
    ----------
    method, test
        As of :func:`exocast.evidence.synthesis.pool`; proportions have a model of their own.
    unresolved
        Whether studies that no identifier leads to are pooled too; they weigh nothing otherwise.
    leave_out
        Ids of studies that do not enter, such as :func:`kept_for_prediction`.
    by
        Field of a line or a study that divides the pool, or ``bias`` for the overall risk of bias;
        of one group, arms that differ in a field of their lines are not joined.

    Raises
    ------
    InvalidInput
        For a query of another form.
    UnknownName
        For an indication, treatment, end point, study or field that the register does not have.
    """
    whole = whole or register()
    asked = question(text)
    _known_studies(leave_out, whole)
    fields = (*FIELDS_OF_RESULT, *FIELDS_OF_STUDY, BIAS)
    if by and by not in fields:
        raise UnknownName(
            f"a pool cannot be divided by '{by}'." + nearest(by, fields)
            + f" Fields: {', '.join(fields)}.",
            where="by",
        )  # fmt: skip
    lines = [r for r in whole.results if of_question(r, asked) and r.statistic != "threshold"]
    if not lines:
        explain(asked, whole)
    published = tuple(_published(r) for r in lines if is_pool(r) and _fits(r, asked))
    entries: list[Entry] = []
    left_out = [
        _left_out(r, "a pool of studies, not one of them")
        for r in lines
        if is_pool(r) and _fits(r, asked) and asked.inside(r.week)
    ]
    for results in _by_study(lines, whole, by if not asked.against else ""):
        entry = _entry(whole, asked, results)
        if entry is None:
            continue
        study = whole.study(entry.study_id)
        if math.isfinite(entry.own):
            if entry.study_id in leave_out:
                entry = _out(entry, "left out by name")
            elif why := weightless(study, unresolved=unresolved):
                entry = _out(entry, why)
        if by:
            entry = replace(entry, group=_field(whole, entry, by))
        (entries if math.isfinite(entry.own) else left_out).append(entry)
    if asked.against and not entries and not left_out:
        explain(asked, whole)  # one side may be known and the other not
    pooled, share = pool_of(asked, entries, method=method, test=test)
    return Answer(
        question=asked,
        pooled=pooled,
        entries=tuple(entries),
        left_out=tuple(left_out),
        published=published,
        correlation_share=share,
        warnings=(*_warnings(asked, entries, left_out, lines), *_agreeing(pooled)),
    )


def kept_for_prediction() -> frozenset[str]:
    """Studies by which forecasts are tested, so that no number of a forecast may rest on them."""
    return frozenset(arm.study_id for arm in arms_for("prediction"))


def pool_of(
    asked: Question, entries: Sequence[Entry], *, method: str, test: str
) -> tuple[Pooled | None, float | None]:
    """Pool of entries, and the share of the variance that the correlation of visits brings."""
    if not entries:
        return None, None
    if asked.statistic == "proportion":
        return pooled_proportion([e.events for e in entries], [e.count for e in entries]), None
    own = np.array([e.own for e in entries])
    shared = np.array([e.shared for e in entries])
    return pooled_over(
        lambda r: effects_of(asked, entries, own - 2 * r * shared),
        needed=bool(shared.any()),
        method=method,
        test=test,
    )


def effects_of(
    asked: Question, entries: Sequence[Entry], variances: np.typing.ArrayLike | None = None
) -> Effects:
    """Entries as effects; proportions with a half added to none or all, for funnels only."""
    if asked.statistic == "proportion":
        cells = [
            (e.events, e.count - e.events)
            if 0 < e.events < e.count
            else (e.events + 0.5, e.count - e.events + 0.5)
            for e in entries
        ]
        return Effects(
            values=np.array([math.log(a / b) for a, b in cells]),
            variances=np.array([1 / a + 1 / b for a, b in cells]),
            measure=MEASURE,
        )
    if variances is None:
        variances = np.array([e.standard_error**2 for e in entries])
    return Effects(
        values=np.array([e.value for e in entries]),
        variances=np.asarray(variances),
        measure=measure_of(asked),
        ratio=asked.statistic in contrasts.RATIOS,
    )


def measure_of(asked: Question) -> str:
    """What is pooled, in words."""
    return (contrasts.ONE_GROUP_MEASURES | contrasts.MEASURES)[asked.statistic]


def _known_studies(ids: Collection[str], whole: Register) -> None:
    for study_id in ids:
        if whole.studies:
            whole.study(study_id)


def _fits(r: Result, asked: Question) -> bool:
    """Whether a line is about what is asked, not about one of the sides alone."""
    if not asked.against:
        return sides(r.intervention) is None
    return orientation(asked, r.intervention) != 0


def _field(whole: Register, entry: Entry, by: str) -> str:
    if by == BIAS:
        return _bias_of(entry.study_id)
    own = {line: r for r in whole.results if (line := r.line) in entry.lines}
    if by in FIELDS_OF_STUDY:
        return str(getattr(whole.study(entry.study_id), by)) or "not read"
    values = dict.fromkeys(str(getattr(r, by)) for r in own.values())
    return " and ".join(v or "not said" for v in values)


def _bias_of(study_id: str) -> str:
    """Overall risk of bias, with the tool: its levels mean something under that tool only."""
    from exocast.evidence.bias import TOOLS, assessments

    found = assessments().get(study_id)
    return f"{found.overall.judgement} ({TOOLS[found.tool].name})" if found else "not judged"


def _by_study(lines: Sequence[Result], whole: Register, by: str) -> list[list[Result]]:
    found: dict[tuple[str, str], list[Result]] = {}
    for r in lines:
        if not is_pool(r):
            apart = str(getattr(r, by)) if by in FIELDS_OF_RESULT else ""
            found.setdefault((r.study_id, apart), []).append(r)
    return list(found.values())


def _entry(whole: Register, asked: Question, results: Sequence[Result]) -> Entry | None:
    """The entry of one study, or why it has none; None when it has nothing in the weeks."""
    inside = [r for r in results if asked.inside(r.week) and r.week != 0]
    if not inside:
        return None
    if asked.statistic not in ONE_GROUP:
        study = whole.study(results[0].study_id)
        found = contrasts.contrast(whole, asked, inside)
        return None if found is None else _of_contrast(asked, found, study)
    arms = [r for r in inside if sides(r.intervention) is None]
    if not arms:
        return _left_out(inside[0], "a difference between arms, not an arm")
    make = _change_entry if asked.statistic == "change" else _proportion_entry
    return first_known(arms, asked, lambda rows: make(whole, rows))


def first_known(
    lines: Sequence[Result], asked: Question, make: Callable[[list[Result]], Entry]
) -> Entry:
    """The first end point that gives an entry, at the visit nearest to the middle."""
    first: Entry | None = None
    for endpoint in dict.fromkeys(r.endpoint for r in lines):
        own = one_population([r for r in lines if r.endpoint == endpoint])
        for week in sorted({r.week for r in own}, key=lambda w: (asked.far(w), w or 0.0)):
            found = make([r for r in own if r.week == week])
            if math.isfinite(found.own):
                return found
            first = first or found
    assert first is not None
    return first


def _change_entry(whole: Register, rows: list[Result]) -> Entry:
    groups = [change_on_hundred(whole, r) for r in rows]
    known = [g for g in groups if g.known]
    if not known:
        return _left_out(rows[0], groups[0].how)
    group = combined(known)
    error = math.sqrt(group.variance(assumed().value))
    return Entry(
        study_id=rows[0].study_id,
        label=_label(rows[0].study_id, group.names),
        week=group.week or 0.0,
        n=group.n,
        value=group.mean,
        standard_error=error,
        low=group.mean - NORMAL_95 * error,
        high=group.mean + NORMAL_95 * error,
        how=said(group, len(known)),
        line=group.lines[0],
        lines=group.lines,
        own=group.own,
        shared=group.shared,
        first=contrasts.in_words(group),
    )


def change_on_hundred(whole: Register, r: Result) -> Group:
    """The change of an arm on 0-100, minus is better; or why there is none."""
    if r.statistic == "qualitative":
        return nothing(r, "only a direction is known")
    return on_hundred(change(whole, r), r)


def said(group: Group, arms: int) -> str:
    """Where the standard error comes from, in words."""
    parts = [group.how]
    if group.shared:
        parts.append(f"correlation {assumed().value:g} assumed")
    if arms > 1:
        parts.append(f"{arms} groups as one")
    return ", ".join(parts)


def _proportion_entry(whole: Register, rows: list[Result]) -> Entry:
    found = [events(r) for r in rows]
    known = [e for e in found if e.known]
    if not known:
        return _left_out(rows[0], found[0].how)
    whole_group = summed(known)
    count, n = whole_group.events, whole_group.n
    low, high = exact_proportion(count, n)
    return Entry(
        study_id=rows[0].study_id,
        label=_label(rows[0].study_id, whole_group.names),
        week=whole_group.week or 0.0,
        n=float(n),
        value=logit(count / n),
        standard_error=math.nan,
        low=logit(low),
        high=logit(high),
        how=whole_group.how + "; exact interval",
        line=whole_group.lines[0],
        lines=whole_group.lines,
        own=1 / n,
        better=better_of(rows[0]),
        first=f"{count}/{n}",
        count=n,
        events=count,
    )


def _of_contrast(asked: Question, found: contrasts.Contrast, study: Study) -> Entry:
    r = found.result
    label = _label(study.study_id, found.names)
    if not math.isfinite(found.value):
        return _left_out(r, found.how)
    error = math.sqrt(found.own - 2 * assumed().value * found.shared)
    return Entry(
        study_id=study.study_id,
        label=label,
        week=r.week or 0.0,
        n=found.n,
        value=found.value,
        standard_error=error,
        low=found.value - NORMAL_95 * error,
        high=found.value + NORMAL_95 * error,
        how=found.how,
        line=found.lines[0],
        lines=found.lines,
        own=found.own,
        shared=found.shared,
        first=found.first,
        second=found.second,
        paired=found.paired,
        better="lower" if asked.statistic in contrasts.TURNED else better_of(r),
    )


def _label(study_id: str, names: Sequence[str]) -> str:
    return f"{study_id}, {' and '.join(names)}"


def _left_out(r: Result, why: str) -> Entry:
    return Entry(
        study_id=r.study_id,
        label=f"{r.study_id}, {r.intervention}",
        week=r.week or 0.0,
        n=r.n,
        value=math.nan,
        standard_error=math.nan,
        how=why,
        line=r.line,
        lines=(r.line,),
    )


def _out(entry: Entry, why: str) -> Entry:
    return replace(
        entry, value=math.nan, standard_error=math.nan, own=math.nan, low=math.nan, high=math.nan,
        how=why,
    )  # fmt: skip


def _published(r: Result) -> Published:
    return Published(
        study_id=r.study_id,
        label=r.intervention,
        endpoint=r.endpoint,
        week=r.week,
        statistic=r.statistic,
        value=r.value if r.value is not None else r.change,
        low=r.low,
        high=r.high,
        note=r.note.partition(";")[2].strip(),
    )


def _agreeing(pooled: Pooled | None) -> list[str]:
    """Whether the interval is narrower than one that takes no credit for agreement."""
    if pooled is None or pooled.test != "knapp-hartung" or pooled.n_studies < 2:
        return []
    if pooled.tau2 > 0 or pooled.q >= pooled.q_freedom:
        return []
    said = (
        "Studies agree more closely than chance alone would have it, and the interval takes that "
        "at its word; 'knapp-hartung, at least normal' does not."
    )
    return [said]


def _warnings(
    asked: Question, entries: Sequence[Entry], left_out: Sequence[Entry], lines: Sequence[Result]
) -> list[str]:
    found = []
    studies = len({e.study_id for e in entries})
    if entries and studies < FEWEST:
        found.append(
            f"{studies} {'study is' if studies == 1 else 'studies are'} too few to know how much "
            "studies differ."
        )
    if len(entries) > studies:
        found.append("Arms of one study stand apart and are pooled as if of different studies.")
    if asked.statistic == "change" and entries:
        found.append(
            "A change from baseline is not an effect: it holds regression to the mean and placebo."
        )
    if any(e.paired for e in entries):
        found.append(
            "Both sides of a paired study are in the same people; where it says so, its variance "
            "is that of different people, which is too large when the sides go together."
        )
    # Of the way only: what stands in brackets is where the spread comes from, in the same unit.
    if asked.statistic == "smd" and len({BRACKETS.split(e.how)[0] for e in entries}) > 1:
        found.append("SDs at the visit and SDs of the change are not the same unit.")
    found += doubts((e.study_id, e.how) for e in entries)
    if asked.statistic == "proportion" and entries and all(e.events == 0 for e in entries):
        found.append(
            "No study saw an event: the upper end holds if one risk is common to all of them."
        )
    if not entries and not left_out:
        found += _nothing(asked, lines)
    return found


def _nothing(asked: Question, lines: Sequence[Result]) -> list[str]:
    """Why no study is in an answer, not even as one that was left out."""
    inside = [r for r in lines if asked.inside(r.week) and r.week != 0 and not is_pool(r)]
    weeks = sorted({r.week for r in lines if r.week})
    if not inside:
        if not weeks:
            return []
        there = ", ".join(f"{w:g}" for w in weeks)
        return [f"Nothing was measured in these weeks; there are the weeks {there}."]
    if not asked.against:
        return []
    missing = [side for side in (asked.given, asked.against) if not _studies_of(side, inside)]
    if missing:
        [other] = [side for side in (asked.given, asked.against) if side not in missing]
        there = ", ".join(_studies_of(other, inside))
        said = f"No study has '{missing[0]}' with this end point in these weeks; of '{other}' there"
        return [f"{said} are {there}."]
    return [f"No study has both '{asked.given}' and '{asked.against}' in these weeks."]


def _studies_of(side: str, lines: Sequence[Result]) -> list[str]:
    texts = [(r.study_id, sides(r.intervention) or (r.intervention,)) for r in lines]
    found = [study for study, both in texts if any(is_given(side, text) for text in both)]
    return list(dict.fromkeys(found))
