"""What a question is answered with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from exocast.evidence.query.ask import Question
from exocast.evidence.synthesis import Pooled


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A study in a pool, or one that was left out.

    Attributes
    ----------
    value, standard_error
        What is pooled: for ratios logarithms, for proportions log-odds (infinite for none or
        all); NaN when it is left out.
    low, high
        Its own 95 % interval, on the same scale.
    own, shared
        ``standard_error`` squared is ``own - 2 r shared`` for the correlation ``r`` of visits.
    first, second
        The numbers of both sides in words; the second is empty for one group.
    how
        Where the standard error comes from, or why it is left out.
    group
        Value of the field by which the pool is divided; empty when it is not.
    better
        Whether lower or higher values favour the first side; changes and differences are turned so
        that lower ones do; empty where it is not known.
    lines
        Of the table of results.
    events, count
        People with the event, and people; of proportions only.
    """

    study_id: str
    label: str
    week: float
    n: float | None
    value: float
    standard_error: float
    how: str
    line: int
    low: float = math.nan
    high: float = math.nan
    own: float = math.nan
    shared: float = 0.0
    first: str = ""
    second: str = ""
    paired: bool = False
    group: str = ""
    better: str = "lower"
    lines: tuple[int, ...] = ()
    count: int = 0
    events: int = 0


@dataclass(frozen=True, kw_only=True)
class Published:
    """A pool of studies by others: beside the answer, never in it; as printed."""

    study_id: str
    label: str
    endpoint: str
    week: float | None
    statistic: str
    value: float | None
    low: float | None
    high: float | None
    note: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A pool, what is in it, and what is not.

    Attributes
    ----------
    pooled
        None when no study is left. Ratios are logarithms, proportions log-odds;
        :func:`exocast.evidence.query.shown` gives what people read.
    published
        Pools of others on the same question.
    correlation_share
        Percent of the variance of the mean that comes from not knowing the correlation of visits;
        None when no study needs it.
    warnings
        What a reader should know, in words.
    """

    question: Question
    pooled: Pooled | None
    entries: tuple[Entry, ...]
    left_out: tuple[Entry, ...]
    published: tuple[Published, ...] = ()
    correlation_share: float | None = None
    warnings: tuple[str, ...] = ()
