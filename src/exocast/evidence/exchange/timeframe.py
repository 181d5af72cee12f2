"""Weeks in the words of a time frame, where the words leave no doubt."""

from __future__ import annotations

import re
from dataclasses import dataclass

WORDS = dict(zip(
    "one two three four five six seven eight nine ten eleven twelve".split(),
    range(1, 13), strict=True,
))  # fmt: skip
# Weeks in a unit; the register writes 13, 26, 39 and 52 for 3, 6, 9 and 12 months.
UNITS = {"hour": 1 / 168, "day": 1 / 7, "week": 1.0, "wk": 1.0, "month": 13 / 3, "year": 52.0}
UNIT = r"(hour|day|week|wk|month|year)s?"
NUMBER = r"(\d{1,4}(?:\.\d{1,2})?|" + "|".join(WORDS) + ")"
LIST = NUMBER + r"((?:\s*(?:,|and|or|&|,\s*and|to|-|–|through)\s*(?:(?:at\s+)?" + NUMBER + r"))*)"
AFTER = re.compile(rf"\b{LIST}[\s-]*{UNIT}\b", re.IGNORECASE)
BEFORE = re.compile(rf"\b{UNIT}\s*{LIST}\b", re.IGNORECASE)
BASELINE = re.compile(
    r"\b(?:baseline|pre-?dose|pre-?treatment|randomi[sz]ation|day\s*0|week\s*0)\b", re.IGNORECASE
)
UP_TO = re.compile(r"\b(?:up to|through|throughout|within|until|during|over)\b", re.IGNORECASE)
FROM_TO = re.compile(r"\bfrom .{1,80}? to\b", re.IGNORECASE)
DAY_ONE = re.compile(r"\bday\s*1\b", re.IGNORECASE)  # of the first dose, or the one after it?
# A count from another event than the first dose says nothing about weeks since the first dose.
ELSEWHERE = re.compile(
    r"\b(?:after|post|following)[\s-]+(?:the\s+)?(?:last|final|second|third|end|discharge|surgery)"
    r"|\bprior to\b|\bbefore\b|\baverage\b|\bapproximately\b",
    re.IGNORECASE,
)
EACH = re.compile(r"\b(?:every|per|each)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class When:
    """Weeks since the first dose as the register writes them; empty where they are in doubt."""

    week: str = ""
    week_low: str = ""
    week_high: str = ""


def weeks(text: str, *, change: bool = False) -> When:
    """Weeks that a time frame names.

    Parameters
    ----------
    text
        Such as ``Week 12``, ``6 months`` or ``up to 52 weeks``.
    change
        Whether the number is a change from baseline, so that a baseline in the words is no visit.

    Returns
    -------
    One week where one time is named; the end of a period for "up to" and the like; nothing
    where several times are named, or a time counted from another event.
    """
    text = text[:500]
    if ELSEWHERE.search(text) or EACH.search(text):
        return When()
    times = _times(text)
    based = bool(BASELINE.search(text))
    later = sorted({time for time in times if time > 0})
    if DAY_ONE.search(text):
        later = [time for time in later if time != UNITS["day"]]
        if not later:
            return When()
    if not later:
        return When(week="0") if based or 0.0 in times else When()
    if UP_TO.search(text) or (FROM_TO.search(text) and not change):
        return When(week_high=_text(max(later)))
    if len(later) > 1 or ((based or 0.0 in times) and not change):
        return When()
    return When(week=_text(later[0]))


def _times(text: str) -> list[float]:
    """Weeks of every time that is named, in lists too."""
    found: list[float] = []
    taken: list[tuple[int, int]] = []
    for pattern, first, rest, unit in ((BEFORE, 2, 3, 1), (AFTER, 1, 2, 4)):
        for one in pattern.finditer(text):
            if any(one.start() < end and start < one.end() for start, end in taken):
                continue
            taken.append(one.span())
            numbers = [one[first], *re.findall(NUMBER, one[rest] or "", re.IGNORECASE)]
            factor = UNITS[one[unit].lower()]
            found += [factor * float(WORDS.get(n.lower(), n)) for n in numbers]
    return found


def _text(value: float) -> str:
    return f"{round(value, 2):g}"
