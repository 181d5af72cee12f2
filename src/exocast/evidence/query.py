"""Pools of the register's arms by a line of words.

``knee_OA: saline | VAS | change | 12-26 weeks``: indication, what was given, end point, statistic
and weeks. Every word has to occur in the field it is asked of. Of an arm that has several visits or
end points in the range, the visit nearest to the middle and the first end point count, once.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exocast.errors import InvalidInput
from exocast.evidence.register import Register, Result, register
from exocast.evidence.synthesis import Effects, Pooled, pool
from exocast.evidence.synthesis.effects import sd_of_change

STATISTICS = ("change",)
FORM = "indication: given | end point | change | 12-26 weeks"
WEEKS = re.compile(r"(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?\s*(?:weeks?|wk)?")
CORRELATION = 0.5  # of two visits where no SD of the change is printed; 0.22 to 0.54 in RESTORE
NORMAL_95 = 1.959964
BETTER_WHEN_HIGHER = re.compile(r"plus is better|100 best|improvement|KOOS", re.IGNORECASE)
PLUS_IS_BETTER = "plus = improvement"  # in a note
BETTER_WHEN_LOWER = re.compile(r"VAS|NRS|WOMAC|Lequesne|pain|NIHSS|mRS|ADAS", re.IGNORECASE)
POOL = re.compile(r"(?:network )?meta-analysis|systematic review|pool", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query, read."""

    indication: str
    given: str
    endpoint: str
    statistic: str
    first_week: float
    last_week: float


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An arm in a pool, or one that was left out.

    ``value`` and ``standard_error`` are the change on 0-100, minus is better; ``how`` says where
    the standard error comes from, or why the arm is left out.
    """

    study_id: str
    label: str
    week: float
    n: float | None
    value: float
    standard_error: float
    how: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A pool, what is in it, and what is not."""

    question: Question
    pooled: Pooled | None
    entries: tuple[Entry, ...]
    left_out: tuple[Entry, ...]


def question(text: str) -> Question:
    """Reads a query.

    Raises
    ------
    InvalidInput
        With the form that would be read.
    """
    head, colon, rest = text.partition(":")
    parts = [part.strip() for part in rest.split("|")]
    weeks = WEEKS.fullmatch(parts[3]) if len(parts) == 4 else None
    if not colon or not head.strip() or weeks is None or not all(parts):
        raise InvalidInput(f"'{text}' is not of the form '{FORM}'.", where="query")
    if parts[2] not in STATISTICS:
        raise InvalidInput(
            f"'{parts[2]}' cannot be pooled; {', '.join(STATISTICS)} can.", where="query"
        )
    first = float(weeks.group(1))
    last = float(weeks.group(2) or first)
    if last < first:
        raise InvalidInput(f"weeks {first:g} to {last:g} run backwards.", where="query")
    return Question(
        indication=head.strip(),
        given=parts[0],
        endpoint=parts[1],
        statistic=parts[2],
        first_week=first,
        last_week=last,
    )


def answer(
    text: str,
    whole: Register | None = None,
    *,
    method: str = "REML",
    test: str = "knapp-hartung",
    unresolved: bool = False,
) -> Answer:
    """Pools what a query asks for.

    Parameters
    ----------
    unresolved
        Whether studies that no identifier leads to are pooled too; they weigh nothing otherwise.
    """
    whole = whole or register()
    asked = question(text)
    arms: dict[tuple[str, str], list[Result]] = {}
    for result in whole.results:
        if _matches(result, asked):
            arms.setdefault((result.study_id, result.intervention), []).append(result)
    middle = (asked.first_week + asked.last_week) / 2
    entries: list[Entry] = []
    left_out: list[Entry] = []
    for (study_id, _), results in arms.items():
        endpoint = results[0].endpoint
        chosen = min(
            (r for r in results if r.endpoint == endpoint),
            key=lambda r: abs((r.week or 0.0) - middle),
        )
        entry = _entry(whole, chosen)
        if whole.study(study_id).retracted:
            entry = _left_out(chosen, f"{whole.study(study_id).retraction.split(' (')[0]}")
        elif not whole.study(study_id).resolved and not unresolved and math.isfinite(entry.value):
            entry = _left_out(chosen, "no identifier leads to the study, so it weighs nothing")
        (entries if math.isfinite(entry.value) else left_out).append(entry)
    pooled = None
    if entries:
        effects = Effects(
            values=np.array([e.value for e in entries]),
            variances=np.array([e.standard_error**2 for e in entries]),
            measure="change, 0-100, minus is better",
        )
        pooled = pool(effects, method=method, test=test)
    return Answer(question=asked, pooled=pooled, entries=tuple(entries), left_out=tuple(left_out))


def _matches(result: Result, asked: Question) -> bool:
    inside = result.week is not None and asked.first_week <= result.week <= asked.last_week
    fields = (
        (asked.indication, result.indication),
        (asked.given, result.intervention),
        (asked.endpoint, result.endpoint),
    )
    return inside and all(
        all(word in text.casefold() for word in wanted.casefold().split())
        for wanted, text in fields
    )


def _entry(whole: Register, r: Result) -> Entry:
    """The change of an arm with its standard error."""
    if POOL.match(r.design):
        return _left_out(r, "a pool of studies, not one of them")
    if r.statistic == "qualitative":
        return _left_out(r, "only a direction is known")
    higher = BETTER_WHEN_HIGHER.search(f"{r.scale_text} {r.endpoint}") or PLUS_IS_BETTER in r.note
    if not higher and not BETTER_WHEN_LOWER.search(r.endpoint):
        return _left_out(r, "which way its scale is better is not known")
    if r.scale_low is None or r.scale_high is None or "source says mm" in r.scale_text:
        return _left_out(r, f"its scale is not known ('{r.scale_text}')")
    value, error, how = _change(whole, r)
    if value is None or error is None or not error > 0:
        return _left_out(r, how)
    scale = 100.0 / (r.scale_high - r.scale_low)
    sign = -1.0 if higher else 1.0
    return Entry(
        study_id=r.study_id,
        label=f"{r.study_id}, {r.intervention}",
        week=r.week or 0.0,
        n=r.n,
        value=sign * scale * value,
        standard_error=scale * error,
        how=how,
        line=r.line,
    )


def _change(whole: Register, r: Result) -> tuple[float | None, float | None, str]:
    if r.change is not None and r.statistic != "pct_change":
        if r.se:
            return r.change, r.se, "printed standard error"
        if r.sd_of_change and r.n:
            return r.change, r.sd_of_change / math.sqrt(r.n), "SD of the change"
        if r.interval == "ci95" and r.low is not None and r.high is not None:
            return r.change, (r.high - r.low) / (2 * NORMAL_95), "printed interval"
    before = [
        b
        for b in whole.results
        if (b.study_id, b.intervention, b.endpoint) == (r.study_id, r.intervention, r.endpoint)
        and b.week == 0
    ]
    if (
        r.statistic == "mean_sd"
        and before
        and None not in (r.value, r.sd, before[0].value, before[0].sd, r.n)
    ):
        b = before[0]
        assert r.value is not None and r.sd and b.value is not None and b.sd and r.n
        spread = float(sd_of_change(b.sd, r.sd, CORRELATION)[0])
        return (
            r.value - b.value,
            spread / math.sqrt(r.n),
            f"SDs of both visits, correlation {CORRELATION:g} assumed",
        )
    return None, None, "no change with a spread, and no baseline with one"


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
    )


def pools() -> tuple[dict[str, str], ...]:
    """Queries that are looked at again when a study comes in: ``id``, ``query``, ``unit``."""
    text = Path(__file__).with_name("pools.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
