"""Risk of bias, domain by domain: what could have bent a result, and why that is thought.

``register/bias.csv`` holds *first judgements* from abstracts, single tables, registry pages and
notes; no full text was appraised. Lines with ``judged_by`` ``rule`` are written by
``scripts/judge_bias.py``; lines with ``reader`` were judged by hand and stay. What the opened
text does not say is "no information" (or "unclear"), never "low".

References
----------
RoB 2: J. A. C. Sterne and others, BMJ 366 (2019) l4898, doi:10.1136/bmj.l4898. ROBINS-I: J. A. C.
Sterne and others, BMJ 355 (2016) i4919, doi:10.1136/bmj.i4919. SYRCLE's tool: C. R. Hooijmans and
others, BMC Med Res Methodol 14 (2014) 43, doi:10.1186/1471-2288-14-43.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from exocast.errors import NotFound, TableError, UnknownName, nearest
from exocast.evidence.designs import CONTROLLED, KINDS, best_first, kind, without_result
from exocast.evidence.records import lines, problem, refuse, table
from exocast.evidence.register import FOLDER, Doubt, Register, Study, register

Library = str | Path | Sequence[str | Path]

FILE = "bias.csv"
STUDIES = ("studies.csv", "results.csv")  # either makes a folder a register of one's own
OVERALL = "Overall"
FIRST = (
    "First judgements from abstracts, tables, registry pages and notes, not completed assessments."
)
NO_INFORMATION = "no information"
UNCLEAR = "unclear"
BASES = ("abstract", "table page", "registry", "notes", "full text", "not stated")
JUDGES = ("rule", "reader")
MOST_UNREAD = 2  # domains of RoB 2; with more of them unread an overall judgement says nothing
SEVERAL = 3  # domains of RoB 2 with some concerns that together are a high risk, where
FEW_LOW = 1  # no more than this many are low


@dataclass(frozen=True, kw_only=True, eq=False)
class Tool:
    """A tool for the risk of bias.

    Attributes
    ----------
    key, name
        As the table writes it, and as people do.
    domains
        ``D1`` and so on, with what they are about.
    levels
        From best to worst; the last one says that nothing is known.
    meant_for
        Studies that it was made for.
    doi
        Of the paper that describes it.
    """

    key: str
    name: str
    domains: Mapping[str, str]
    levels: tuple[str, ...]
    meant_for: str
    doi: str


def _numbered(*names: str) -> dict[str, str]:
    return {f"D{i}": name for i, name in enumerate(names, start=1)}


TOOLS = {
    tool.key: tool
    for tool in (
        Tool(
            key="rob2",
            name="RoB 2",
            domains=_numbered(
                "randomisation process",
                "deviations from the intended interventions",
                "missing outcome data",
                "measurement of the outcome",
                "selection of the reported result",
            ),
            levels=("low", "some concerns", "high", NO_INFORMATION),
            meant_for="randomised trials in people",
            doi="10.1136/bmj.l4898",
        ),
        Tool(
            key="robins_i",
            name="ROBINS-I",
            domains=_numbered(
                "confounding",
                "selection of participants",
                "classification of interventions",
                "deviations from the intended interventions",
                "missing data",
                "measurement of outcomes",
                "selection of the reported result",
            ),
            levels=("low", "moderate", "serious", "critical", NO_INFORMATION),
            meant_for="other studies of people who were given something",
            doi="10.1136/bmj.i4919",
        ),
        Tool(
            key="syrcle",
            name="SYRCLE",
            domains=_numbered(
                "sequence generation",
                "baseline characteristics",
                "allocation concealment",
                "random housing",
                "blinding of carers and investigators",
                "random outcome assessment",
                "blinding of outcome assessors",
                "incomplete outcome data",
                "selective outcome reporting",
                "other sources of bias",
            ),
            levels=("low", "high", UNCLEAR),
            meant_for="studies in animals",
            doi="10.1186/1471-2288-14-43",
        ),
    )
}
TOOL_OF = {"randomised": "rob2", "controlled": "robins_i", "uncontrolled": "robins_i"}
NOT_JUDGED = {
    "pool": "a pool of studies: bias is judged study by study, and its trials were not opened",
    "animal pool": "a pool of studies: bias is judged study by study, and they were not opened",
    "review": "a review: bias is judged in the studies that it cites",
    "course": "used as natural course, so no effect of a treatment is claimed that could be bent",
    "threshold": "a threshold of importance, no effect of a treatment",
    "registered": "only a registration is known, without design or result",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgement:
    """One domain of one study; ``domain`` is ``D1`` and so on, or ``Overall``.

    ``basis`` is what was read, ``judged_by`` is ``rule`` or ``reader``.
    """

    study_id: str
    tool: str
    outcome: str
    domain: str
    judgement: str
    reason: str
    basis: str
    judged_by: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Assessment:
    """All domains of a study; ``ours`` is false for one that a reader brought."""

    study_id: str
    tool: str
    outcome: str
    domains: Mapping[str, Judgement]
    overall: Judgement
    ours: bool = True


COLUMNS = tuple(f.name for f in fields(Judgement))


def tool_of(study: Study) -> str:
    """Key of the tool for a study; empty when it is not judged."""
    what = kind(study)
    if what == "uncontrolled" and without_result(study):
        return ""
    return "syrcle" if what == "animal" else TOOL_OF.get(what, "")


def why_not_judged(study: Study) -> str:
    """Why a study has no judgement of ours; empty for one that has.

    A study of a reader's own is judged by nobody else: the words say how to do it.
    """
    if tool_of(study):
        return "" if study.study_id in _ours() else _nobody(study)
    return NOT_JUDGED.get(kind(study), "registered without a control, and no result was opened")


def _nobody(study: Study) -> str:
    where = study.folder or "a folder of yours"
    return (
        f"nobody has judged its risk of bias; write a {FILE} into {where} and name that folder "
        "with --library"
    )


def overall(tool: str, judgements: Mapping[str, str]) -> tuple[str, str]:
    """The judgement over all domains by the tool's own rule, and the rule in words.

    RoB 2: the worst domain, and a high risk where several domains raise concerns; "several" is a
    reader's choice there, here three of five, with at most one low. The tool presupposes that a
    report was read: with three or more of five domains unread and none at high risk the answer
    here is "no information". ROBINS-I: the worst domain, but "no information" where a domain is
    unread and none is serious or critical. SYRCLE's authors advise against any sum; the worst
    item stands here, for layouts that want one.
    """
    levels = TOOLS[tool].levels
    given = list(judgements.values())
    worst = max((g for g in given if g in levels[:-1]), key=levels.index, default=levels[-1])
    unread = given.count(levels[-1])
    if tool == "rob2":
        if worst == "high":
            return worst, "a domain is at high risk"
        if unread > MOST_UNREAD:
            return NO_INFORMATION, f"{unread} of {len(given)} domains are unread"
        if given.count("some concerns") >= SEVERAL and given.count("low") <= FEW_LOW:
            return "high", f"some concerns in {given.count('some concerns')} domains together"
        if unread:
            return "some concerns", f"{unread} of {len(given)} domains are unread, so not low"
    if tool == "robins_i" and unread and worst not in ("serious", "critical"):
        return NO_INFORMATION, f"{unread} of {len(given)} domains are unread, and none is serious"
    if tool == "syrcle" and unread and worst != "high":
        return UNCLEAR, "the worst item; the tool itself sums nothing up"
    return worst, "the worst domain"


def parse(path: Path, studies: Mapping[str, Study]) -> tuple[list[Judgement], list[Doubt]]:
    """Lines of a table in our layout that can be used, and what is wrong with the others.

    Raises
    ------
    TableError
        When the file is no such table at all.
    """
    made, problems = [], []
    seen: dict[tuple[str, str], int] = {}
    for line, record in lines(path, COLUMNS):
        where = f"{path.name}, line {line}"
        wrong = _wrong(record, studies)
        key = (record["study_id"], record["domain"])
        if not wrong and key in seen:
            wrong = f"'{key[0]}' has {key[1]} already in line {seen[key]}."
        seen.setdefault(key, line)
        if wrong:
            problems.append(problem(where, wrong))
        else:
            made.append(Judgement(**record))
    return made, problems


def _wrong(record: Mapping[str, str], studies: Mapping[str, Study]) -> str:
    """What is wrong with a line; empty when nothing is."""
    if record["tool"] not in TOOLS:
        return f"'{record['tool']}' is no tool." + nearest(record["tool"], TOOLS)
    tool = TOOLS[record["tool"]]
    for name, allowed in (
        ("study_id", studies),
        ("domain", (*tool.domains, OVERALL)),
        ("judgement", tool.levels),
        ("basis", BASES),
        ("judged_by", JUDGES),
    ):
        if record[name] not in allowed:
            return f"{name} '{record[name]}' is not known to {tool.name}." + nearest(
                record[name], allowed
            )
    return "" if record["reason"] else "a judgement without a reason cannot be looked over."


def gathered(judgements: Iterable[Judgement], *, ours: bool = True) -> dict[str, Assessment]:
    """Judgements by study.

    Raises
    ------
    TableError
        When a study lacks a domain, mixes tools, or its overall judgement is not what the tool's
        rule gives.
    """
    found: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        found.setdefault(judgement.study_id, []).append(judgement)
    made = {}
    problems = []
    for study_id, some in found.items():
        wrong = _incomplete(some)
        if wrong:
            problems.append(problem(f"{FILE}, {study_id}", wrong))
            continue
        by_domain = {j.domain: j for j in some}
        whole = by_domain.pop(OVERALL)
        made[study_id] = Assessment(
            study_id=study_id,
            tool=whole.tool,
            outcome=whole.outcome,
            domains={d: by_domain[d] for d in TOOLS[whole.tool].domains},
            overall=whole,
            ours=ours,
        )
    refuse(problems)
    return made


def _incomplete(some: list[Judgement]) -> str:
    tools = {j.tool for j in some}
    if len(tools) > 1:
        return f"it is judged with {' and '.join(sorted(tools))}; one tool is wanted."
    [tool] = tools
    given = {j.domain: j.judgement for j in some}
    missing = [d for d in (*TOOLS[tool].domains, OVERALL) if d not in given]
    if missing:
        return f"{', '.join(missing)} of {TOOLS[tool].name} is missing."
    stated = given.pop(OVERALL)
    right, rule = overall(tool, given)
    by_rule = all(j.judged_by == "rule" for j in some if j.domain == OVERALL)
    if by_rule and stated != right:
        return f"overall is '{stated}', and the tool's rule gives '{right}' ({rule})."
    return ""


@functools.cache
def _ours() -> Mapping[str, Assessment]:
    made, problems = parse(FOLDER / FILE, register().studies)
    refuse(problems)
    return gathered(made)


def folders(library: Library = ()) -> tuple[Path, ...]:
    """Folders of one's own, each once.

    Raises
    ------
    NotFound
        For one that is no folder, or holds neither studies, results nor judgements.
    """
    given = (library,) if isinstance(library, str | Path) else library
    found = tuple(dict.fromkeys(Path(one) for one in given))
    for one in found:
        if not any((one / name).is_file() for name in (*STUDIES, FILE)):
            raise NotFound(
                f"this folder holds no {FILE}, and no {' or '.join(STUDIES)} of yours.",
                where=str(one),
            )
    return found


def with_readers(library: Library = ()) -> Register:
    """The register with studies of one's own; a folder may hold nothing but judgements.

    Raises
    ------
    NotFound, TableError
        As :func:`folders` and :func:`exocast.evidence.register.register` do.
    """
    some = [one for one in folders(library) if any((one / name).is_file() for name in STUDIES)]
    return register(library=some)


def assessments(library: Library = ()) -> dict[str, Assessment]:
    """Every study that is judged, by its id.

    Parameters
    ----------
    library
        Folders with a reader's own ``bias.csv``, in our layout or in that of robvis; what it says
        of a study replaces what stands here. It may judge studies of these folders too.

    Raises
    ------
    NotFound
        For a folder that holds nothing to read.
    TableError
        For a line that cannot be used, with file and line.
    """
    found = dict(_ours())
    tables = [one / FILE for one in folders(library) if (one / FILE).is_file()]
    for path in tables:
        found |= _of_reader(path, with_readers(library).studies)
    return found


def _of_reader(path: Path, studies: Mapping[str, Study]) -> dict[str, Assessment]:
    try:
        header, _ = table(path)
        if header and header[0].strip().casefold() == "study":
            from exocast.evidence import robvis

            return {a.study_id: a for a in robvis.read(path, studies=studies)}
        made, problems = parse(path, studies)
        refuse(problems)
        return gathered(made, ours=False)
    except TableError as e:
        e.where = f"{path.parent}/{e.where}"  # our own table has the same name
        raise


def below_worst(found: Assessment) -> str:
    """What is odd about an overall judgement that is better than a domain; empty when nothing.

    SYRCLE's items are not summed up, so nothing is asked of a whole there.
    """
    if found.tool == "syrcle":
        return ""
    levels, stated = TOOLS[found.tool].levels, found.overall.judgement
    given = {d: j.judgement for d, j in found.domains.items()}
    worst = max(given, key=lambda d: levels.index(given[d]) if given[d] in levels[:-1] else -1)
    right, rule = overall(found.tool, given)
    unsaid = stated == levels[-1] != right
    if given[worst] == levels[-1] or not (
        unsaid or levels.index(stated) < levels.index(given[worst])
    ):
        return ""
    return (
        f"{found.study_id} is '{stated}' overall and '{given[worst]}' in {worst} "
        f"({TOOLS[found.tool].domains[worst]}); {TOOLS[found.tool].name} gives '{right}' "
        f"({rule}). It is taken as it stands."
    )


def doubts(found: Iterable[Assessment]) -> list[Doubt]:
    """What a reader should know of assessments: a whole that is better than a part of it."""
    return [
        Doubt(
            severity="warning",
            code="OVERALL_BELOW_WORST",
            where=f"{FILE}, {a.study_id}",
            message=message,
        )
        for a in found
        if (message := below_worst(a))
    ]


def chosen(words: str = "", *, tool: str = "", library: Library = ()) -> list[Assessment]:
    """Judged studies that hold all words, in the order of reading; of one tool if it is named.

    ``library`` names folders with studies and judgements of one's own.

    Raises
    ------
    UnknownName
        For a tool that does not exist.
    """
    if tool and tool not in TOOLS:
        raise UnknownName(f"'{tool}' is no tool." + nearest(tool, TOOLS), where="tool")
    found = assessments(library)
    studies = best_first(with_readers(library).search(words))
    some = [found[s.study_id] for s in studies if s.study_id in found]
    return [a for a in some if tool in ("", a.tool)]


def findings(whole: Register, folder: Path = FOLDER, *, library: Library = ()) -> list[Doubt]:
    """What is wrong with the tables, and controlled studies in people that they leave out.

    Parameters
    ----------
    whole
        The register, with the studies of ``library``.
    folder
        Folder of the package's table; another one only to check a changed copy.
    library
        Folders with a reader's own ``bias.csv``.
    """
    try:
        made, problems = parse(folder / FILE, whole.studies)
        if problems:
            return problems  # a study that lost a line would only be found twice
        found = gathered(made)
    except TableError as e:
        return [problem(str(e.where), e.message)]
    judged = dict(found)
    try:
        judged |= {i: a for i, a in assessments(library).items() if not a.ours}
    except TableError as e:
        problems.append(problem(str(e.where), e.message))
    problems += doubts(judged.values())
    problems += [
        _not_judged(study, whole)
        for study in whole.studies.values()
        if kind(study) in CONTROLLED and study.study_id not in judged
    ]
    unread = sum(a.overall.judgement == TOOLS[a.tool].levels[-1] for a in found.values())
    problems.append(
        Doubt(
            severity="info",
            code="FIRST_JUDGEMENTS",
            where=FILE,
            message=f"{len(found)} studies have first judgements only; of {unread} of them too "
            "little was read for an overall one.",
        )
    )
    return problems


def _not_judged(study: Study, whole: Register) -> Doubt:
    """An error for a study of ours; for a reader's own, or one they changed, a note."""
    theirs = study.folder or any(u.study_id == study.study_id for u in whole.updates)
    if not theirs:
        return Doubt(
            severity="error",
            code="NOT_JUDGED",
            where=f"{FILE}, {study.study_id}",
            message=f"{KINDS[kind(study)]}, and its risk of bias is not judged.",
        )
    return Doubt(
        severity="info",
        code="NOT_JUDGED",
        where=study.where,
        message=f"{KINDS[kind(study)]}: {_nobody(study)}.",
    )
