"""Harm: reports of events without a denominator, apart from rates with one.

``register/safety.csv``, written by ``scripts/transcribe_safety.py``, holds three kinds of lines.
A *report* says that something happened, and nobody knows among how many. A *rate* has events and
people, or is a pooled one with its printed interval. *Words* were printed without a count. The
kinds are never added up: reports have no denominator.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from exocast.errors import TableError, nearest
from exocast.evidence.records import lines, problem, refuse
from exocast.evidence.register import FOLDER, WORD, Doubt, Register, Study, occurs, register

FILE = "safety.csv"
KINDS = ("report", "rate", "words")
PRODUCTS = ("approved product", "trial product", "unapproved product", "comparator", "")
NO_DENOMINATOR = (
    "Reports have no denominator: they say that an event happened, never how often, and are not "
    "added to one another or to the rates."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Harm:
    """A line on harm.

    Attributes
    ----------
    kind
        ``report``, ``rate`` or ``words``.
    product
        ``approved product``, ``trial product``, ``unapproved product`` or ``comparator``; empty
        where it is not read.
    events, people
        Counts; both for a rate that was counted, neither for a pooled one.
    percent, percent_low, percent_high
        A pooled rate and its 95 % interval, as printed.
    printed
        The words of the source, or of the regulator.
    rule
        How counts were read from the words.
    """

    kind: str
    study_id: str
    indication: str
    given: str
    product: str
    what: str
    events: int | None
    people: int | None
    percent: float | None
    percent_low: float | None
    percent_high: float | None
    printed: str
    date: str
    said_by: str
    place: str
    rule: str
    note: str

    @property
    def rate(self) -> tuple[float, float, float] | None:
        """Rate with its 95 % interval as shares; exact for counts, as printed for a pool."""
        if self.kind != "rate":
            return None
        if self.events is None or self.people is None:
            assert self.percent is not None
            assert self.percent_low is not None
            assert self.percent_high is not None
            return self.percent / 100, self.percent_low / 100, self.percent_high / 100
        from exocast.evidence.synthesis.effects import exact_proportion

        return self.events / self.people, *exact_proportion(self.events, self.people)


COLUMNS = tuple(f.name for f in fields(Harm))
COUNTS = ("events", "people")
PERCENTS = ("percent", "percent_low", "percent_high")


def parse(path: Path, studies: Mapping[str, Study]) -> tuple[list[Harm], list[Doubt]]:
    """Lines of the table that can be used, and what is wrong with the others.

    Raises
    ------
    TableError
        When the file is no such table at all.
    """
    made: list[Harm] = []
    problems: list[Doubt] = []
    for line, record in lines(path, COLUMNS):
        where = f"{path.name}, line {line}"
        try:
            typed: dict[str, object] = dict(record)
            typed |= {name: int(record[name]) if record[name] else None for name in COUNTS}
            typed |= {name: float(record[name]) if record[name] else None for name in PERCENTS}
        except ValueError as e:
            problems.append(problem(where, f"a count or a percentage is no number ({e})."))
            continue
        harm = Harm(**typed)  # type: ignore[arg-type]
        wrong = _wrong(harm, studies)
        if wrong:
            problems.append(problem(where, wrong))
        else:
            made.append(harm)
    return made, problems


def _wrong(harm: Harm, studies: Mapping[str, Study]) -> str:
    """What is wrong with a line; empty when nothing is."""
    for name, value, allowed in (
        ("kind", harm.kind, KINDS),
        ("product", harm.product, PRODUCTS),
        ("study_id", harm.study_id, (*studies, "")),
    ):
        if value not in allowed:
            return f"{name} '{value}' is not known." + nearest(value, [a for a in allowed if a])
    if not harm.study_id and not harm.said_by:
        return "it names neither a study nor who said it."
    counted = harm.events is not None and harm.people is not None
    pooled = None not in (harm.percent, harm.percent_low, harm.percent_high)
    if harm.kind == "rate" and not counted and not pooled:
        return "a rate needs events and people, or a percentage with its interval."
    if harm.kind != "rate" and harm.people is not None:
        return f"a line of kind '{harm.kind}' has no denominator, and this one has."
    if counted and not 0 <= (harm.events or 0) <= (harm.people or 0):
        return f"{harm.events} of {harm.people} is no proportion."
    return ""


@functools.cache
def harms() -> tuple[Harm, ...]:
    """Every line on harm, in file order.

    Raises
    ------
    TableError
        For a line that cannot be used, with file and line.
    """
    made, problems = parse(FOLDER / FILE, register().studies)
    refuse(problems)
    return tuple(made)


def about(words: str) -> list[Harm]:
    """Lines in which every word occurs, or in the title of their study; all for no words."""
    studies = register().studies
    wanted = WORD.findall(words.casefold())

    def texts(harm: Harm) -> set[str]:
        title = studies[harm.study_id].title if harm.study_id else ""
        shown = (harm.study_id, harm.indication, harm.given, harm.product, harm.what, harm.printed)
        return set(WORD.findall(" ".join((*shown, title)).casefold()))

    return [h for h in harms() if all(occurs(word, texts(h)) for word in wanted)]


def findings(whole: Register, folder: Path = FOLDER) -> list[Doubt]:
    """What is wrong with the table, and how many harms were printed without a count."""
    try:
        made, problems = parse(folder / FILE, whole.studies)
    except TableError as e:
        return [problem(str(e.where), e.message)]
    uncounted = sum(h.kind == "words" for h in made)
    problems.append(
        Doubt(
            severity="info",
            code="HARM_NOT_COUNTED",
            where=FILE,
            message=f"{uncounted} statements on harm give no count that can be read.",
        )
    )
    return problems
