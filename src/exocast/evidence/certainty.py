"""How certain a body of evidence is, outcome by outcome, with the reason for every step.

``register/grade.csv`` holds one line a body of evidence: the studies, the effect as printed, where
the certainty starts and the steps down and up with their reasons. The certainty itself is worked
out here and never stored. They are first judgements from abstracts, tables and notes.

References
----------
GRADE: G. H. Guyatt and others, BMJ 336 (2008) 924, doi:10.1136/bmj.39489.470347.AD. Levels of
evidence: OCEBM Levels of Evidence Working Group, The Oxford 2011 Levels of Evidence, the line
"Does this intervention help?".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from exocast.errors import TableError, nearest
from exocast.evidence.bias import Assessment, assessments
from exocast.evidence.records import lines, problem, refuse
from exocast.evidence.register import FOLDER, WORD, Doubt, Register, Study, occurs, register

FILE = "grade.csv"
LEVELS = ("very low", "low", "moderate", "high")
NONE = "no human evidence"
NO_CONTROLLED = "No controlled human evidence."
SYMBOLS = {"high": "++++", "moderate": "+++o", "low": "++oo", "very low": "+ooo", NONE: "oooo"}
DOWN = {
    "risk_of_bias": "risk of bias",
    "inconsistency": "inconsistency",
    "indirectness": "indirectness",
    "imprecision": "imprecision",
    "publication_bias": "publication bias",
}
UP = {
    "large_effect": "large effect",
    "dose_response": "dose-response",
    "confounding": "confounding would hide the effect",
}
STEPS = {**dict.fromkeys(DOWN, (0, -1, -2)), **dict.fromkeys(UP, (0, 1, 2))}
STATED = re.compile(r"very low|low|moderate|high|no human evidence")


@dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """What a kind of evidence is worth before anything is said for or against it."""

    start: str
    cebm: str
    controlled: bool


DESIGNS = {
    "review of randomised trials": Design(start="high", cebm="1", controlled=True),
    "randomised trials": Design(start="high", cebm="2", controlled=True),
    "controlled, not randomised": Design(start="low", cebm="3", controlled=True),
    "arms before against after": Design(start="low", cebm="4", controlled=False),
    "people without a control": Design(start="low", cebm="4", controlled=False),
    "animals": Design(start="low", cebm="5", controlled=False),
    "no people": Design(start="none", cebm="5", controlled=False),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """A body of evidence for one outcome.

    Attributes
    ----------
    indication, given, comparator, outcome, time
        The question.
    studies, people
        Ids of the register, and how many people or animals, as printed.
    start
        ``high`` for randomised trials, ``low`` for others, ``none`` without people.
    risk_of_bias, inconsistency, indirectness, imprecision, publication_bias
        Steps down: 0, -1 or -2, each with its reason beside it.
    large_effect, dose_response, confounding
        Steps up: 0, 1 or 2.
    effect, effect_study
        As printed, and the study in which it stands.
    stated
        Provisional certainty of an earlier reading, word for word; empty where it has none.
    note, not_read
        Why the two differ, and what has not been opened.
    """

    id: str
    indication: str
    given: str
    comparator: str
    outcome: str
    time: str
    studies: tuple[str, ...]
    people: str
    design: str
    start: str
    risk_of_bias: int
    risk_of_bias_reason: str
    inconsistency: int
    inconsistency_reason: str
    indirectness: int
    indirectness_reason: str
    imprecision: int
    imprecision_reason: str
    publication_bias: int
    publication_bias_reason: str
    large_effect: int
    large_effect_reason: str
    dose_response: int
    dose_response_reason: str
    confounding: int
    confounding_reason: str
    effect: str
    effect_study: str
    stated: str
    note: str
    not_read: str

    @property
    def certainty(self) -> str:
        """``high``, ``moderate``, ``low``, ``very low`` or ``no human evidence``."""
        if self.start == "none":
            return NONE
        steps = sum(getattr(self, name) for name in STEPS)
        return LEVELS[min(max(LEVELS.index(self.start) + steps, 0), len(LEVELS) - 1)]

    @property
    def controlled(self) -> bool:
        """Whether a control group of people stands behind it."""
        return DESIGNS[self.design].controlled

    @property
    def cebm(self) -> str:
        """Level of the Oxford Centre for Evidence-Based Medicine, by design alone."""
        return DESIGNS[self.design].cebm

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every step that was taken, in words, the steps down first."""
        return tuple(
            f"{words} {getattr(self, name):+d}: {getattr(self, name + '_reason')}"
            for name, words in (*DOWN.items(), *UP.items())
            if getattr(self, name)
        )

    @property
    def question(self) -> str:
        """Indication, what was given against what, and the outcome with its time."""
        against = f" against {self.comparator}" if self.comparator else ""
        when = f", {self.time}" if self.time else ""
        return f"{self.indication}: {self.given}{against} | {self.outcome}{when}"


COLUMNS = tuple(f.name for f in fields(Body))


def parse(path: Path, studies: Mapping[str, Study]) -> tuple[list[Body], list[Doubt]]:
    """Lines of the table that can be used, and what is wrong with the others.

    Raises
    ------
    TableError
        When the file is no such table at all.
    """
    made: list[Body] = []
    problems: list[Doubt] = []
    seen: dict[str, int] = {}
    for line, record in lines(path, COLUMNS):
        where = f"{path.name}, line {line}"
        ids = tuple(s.strip() for s in record["studies"].split(";") if s.strip())
        wrong = _wrong(record, ids, studies)
        if not wrong and record["id"] in seen:
            wrong = f"'{record['id']}' stands already in line {seen[record['id']]}."
        seen.setdefault(record["id"], line)
        if wrong:
            problems.append(problem(where, wrong))
            continue
        typed: dict[str, Any] = dict(record)
        typed |= {"studies": ids} | {name: int(record[name]) for name in STEPS}
        made.append(Body(**typed))
    return made, problems


def _wrong(record: Mapping[str, str], ids: tuple[str, ...], studies: Mapping[str, Study]) -> str:
    """What is wrong with a line; empty when nothing is."""
    for name in ("id", "indication", "given", "outcome", "effect"):
        if not record[name]:
            return f"its {name} is missing."
    design = record["design"]
    if design not in DESIGNS:
        return f"'{design}' is no design." + nearest(design, DESIGNS)
    if record["start"] != DESIGNS[design].start:
        return f"'{design}' starts {DESIGNS[design].start}, not '{record['start']}'."
    if not ids:
        return "it names no study."
    for study_id in (*ids, *filter(None, [record["effect_study"]])):
        if study_id not in studies:
            return f"the register has no study '{study_id}'." + nearest(study_id, studies)
    if record["effect_study"] and record["effect_study"] not in ids:
        return f"its effect is of '{record['effect_study']}', which is none of its studies."
    for name, allowed in STEPS.items():
        if record[name] not in [str(step) for step in allowed]:
            shown = ", ".join(map(str, allowed))
            return f"{name} is '{record[name]}'; one of {shown} is wanted."
        if record[name] != "0" and not record[f"{name}_reason"]:
            return f"{name} is {record[name]} without a reason."
    return ""


@functools.cache
def bodies() -> tuple[Body, ...]:
    """Every body of evidence, in file order.

    Raises
    ------
    TableError
        For a line that cannot be used, with file and line.
    """
    made, problems = parse(FOLDER / FILE, register().studies)
    refuse(problems)
    return tuple(made)


def about(words: str) -> list[Body]:
    """Bodies of evidence in which every word occurs, controlled ones first; all for no words."""
    wanted = WORD.findall(words.casefold())

    def texts(body: Body) -> set[str]:
        shown = (body.id, body.question, body.design, body.effect, " ".join(body.studies))
        return set(WORD.findall(" ".join(shown).casefold()))

    found = [b for b in bodies() if all(occurs(word, texts(b)) for word in wanted)]
    return sorted(found, key=lambda b: not b.controlled)


def with_study(study_id: str) -> list[Body]:
    """Bodies of evidence that a study is part of."""
    return [b for b in bodies() if study_id in b.studies]


def agrees(body: Body) -> bool:
    """Whether the certainty is one that the stated one allows, or nothing is stated."""
    named = STATED.findall(body.stated)
    return not named or body.certainty in named


def findings(whole: Register, folder: Path = FOLDER) -> list[Doubt]:
    """What is wrong with the table, and what a reader should know of its lines."""
    try:
        made, problems = parse(folder / FILE, whole.studies)
        judged = assessments()
    except TableError as e:
        return [problem(str(e.where), e.message)]
    for body in made:
        where = f"{FILE}, {body.id}"
        if not agrees(body) and not body.note:
            problems.append(
                problem(
                    where,
                    f"the steps give '{body.certainty}', '{body.stated}' is stated, and no note "
                    "says why.",
                )
            )
        if body.start == "high" and body.risk_of_bias == 0:
            bent = [s for s in body.studies if _not_low(judged.get(s))]
            if bent:
                problems.append(
                    problem(where, f"{', '.join(bent)} is not at low risk, and no step is taken.")
                )
        if body.not_read:
            problems.append(
                Doubt(
                    severity="info",
                    code="NOT_READ",
                    where=where,
                    message=f"not read: {body.not_read}.",
                )
            )
    return problems


def _not_low(judged: Assessment | None) -> bool:
    return judged is not None and judged.overall.judgement != "low"
