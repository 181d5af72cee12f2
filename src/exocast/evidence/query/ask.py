"""Questions to the register, read from a line of words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from exocast.errors import InvalidInput, nearest

ONE_GROUP = ("change", "proportion")
OF_MEANS = ("difference", "smd", "ratio")
OF_EVENTS = ("risk ratio", "odds ratio", "risk difference")
OF_TIMES = ("hazard ratio",)
STATISTICS = (*ONE_GROUP, *OF_MEANS, *OF_EVENTS, *OF_TIMES)
FORM = "indication: given | end point | change | 12-26 weeks"
CONTRAST_FORM = "indication: given vs other | end point | difference | 12-26 weeks"
NETWORK_FORM = "indication | end point | 8-18 weeks"
WEEKS = re.compile(r"(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?\s*(?:weeks?|wk)?")
ANY_TIME = "any time"
VERSUS = re.compile(r"\s+(?:vs\.?|versus|minus)\s+")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query, read.

    Attributes
    ----------
    given, against
        What was given, and with what it is compared; the latter is empty for one group.
    statistic
        One of ``STATISTICS``; empty for a network.
    first_week, last_week
        Both infinite for ``any time``, when lines without a week count too.
    """

    indication: str
    given: str
    endpoint: str
    statistic: str
    first_week: float
    last_week: float
    against: str = ""

    @property
    def any_time(self) -> bool:
        """Whether the week does not matter."""
        return math.isinf(self.last_week)

    def inside(self, week: float | None) -> bool:
        """Whether a week lies in the range."""
        return self.any_time or (week is not None and self.first_week <= week <= self.last_week)

    def far(self, week: float | None) -> float:
        """Weeks from the middle of the range; for any time the latest visit is the nearest."""
        if self.any_time:
            return -(week or 0.0)
        return abs((week or 0.0) - (self.first_week + self.last_week) / 2)


def question(text: str) -> Question:
    """Reads a query about one group, or about two that are compared.

    Raises
    ------
    InvalidInput
        With the form that would be read, or the statistic that is nearest.
    """
    head, colon, rest = text.partition(":")
    parts = [part.strip() for part in rest.split("|")]
    if not colon or not head.strip() or len(parts) != 4 or not all(parts):
        raise InvalidInput(
            f"'{text}' is not of the form '{FORM}' or '{CONTRAST_FORM}'.", where="query"
        )
    given, endpoint, named, weeks = parts
    statistic = named.casefold()
    if statistic not in STATISTICS:
        raise InvalidInput(
            f"'{named}' cannot be pooled."
            + nearest(statistic, STATISTICS)
            + f" One group: {', '.join(ONE_GROUP)}; one against another: "
            f"{', '.join((*OF_MEANS, *OF_EVENTS, *OF_TIMES))}.",
            where="query",
        )
    sides = _sides(given, statistic)
    first, last = _weeks(weeks, text, FORM)
    return Question(
        indication=head.strip(),
        given=sides[0],
        against=sides[1] if len(sides) > 1 else "",
        endpoint=endpoint,
        statistic=statistic,
        first_week=first,
        last_week=last,
    )


def _sides(given: str, statistic: str) -> list[str]:
    """What is asked about, one group or two that differ."""
    sides = [side.strip() for side in VERSUS.split(f" {given} ")]
    two = statistic not in ONE_GROUP
    form = CONTRAST_FORM if two else FORM
    if not all(sides):
        empty = ("first", "second")[sides.index("")] if len(sides) == 2 else "one"
        raise InvalidInput(
            f"the {empty} side of '{given}' is empty: '{CONTRAST_FORM}'.", where="query"
        )
    if len(sides) != (2 if two else 1):
        counted = {1: "one", 2: "two"}.get(len(sides), "more than two")
        raise InvalidInput(
            f"{statistic} is of {'two groups' if two else 'one group'}, and '{given}' names "
            f"{counted if two else 'more than one'}: '{form}'.",
            where="query",
        )
    if two and sides[0].casefold() == sides[1].casefold():
        raise InvalidInput(
            f"'{given}' compares {sides[0]} with itself, which has no effect to pool; name two "
            f"treatments: '{form}'.",
            where="query",
        )
    return sides


def network_question(text: str) -> Question:
    """Reads a query about all treatments of an indication.

    Raises
    ------
    InvalidInput
        With the form that would be read.
    """
    parts = [part.strip() for part in text.split("|")]
    if len(parts) != 3 or not all(parts):
        raise InvalidInput(f"'{text}' is not of the form '{NETWORK_FORM}'.", where="query")
    first, last = _weeks(parts[2], text, NETWORK_FORM)
    return Question(
        indication=parts[0],
        given="",
        endpoint=parts[1],
        statistic="",
        first_week=first,
        last_week=last,
    )


def _weeks(words: str, text: str, form: str) -> tuple[float, float]:
    if words == ANY_TIME:
        return -math.inf, math.inf
    weeks = WEEKS.fullmatch(words)
    if weeks is None:
        raise InvalidInput(
            f"'{text}' is not of the form '{form}'; '{words}' is neither weeks nor '{ANY_TIME}'.",
            where="query",
        )
    first = float(weeks.group(1))
    last = float(weeks.group(2) or first)
    if last < first:
        raise InvalidInput(f"weeks {first:g} to {last:g} run backwards.", where="query")
    return first, last
