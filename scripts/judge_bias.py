"""Writes first judgements of the risk of bias, by rules that are all written here.

    python scripts/judge_bias.py

What the rules read: a study's design, numbers of people, registration and notes in ``studies.csv``
and the end points and places of its lines in ``results.csv``. Lines of ``bias.csv`` that a reader
judged (``judged_by`` ``reader``) are kept, and only their overall judgement is worked out again.
Where the text is silent the answer is "no information" or "unclear", never "low".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from exocast.evidence.bias import (
    COLUMNS,
    FILE,
    NO_INFORMATION,
    OVERALL,
    TOOLS,
    UNCLEAR,
    overall,
    tool_of,
)
from exocast.evidence.designs import BLIND_FULLY, BLIND_PARTLY, kind, without_result
from exocast.evidence.register import FOLDER, Register, Result, Study, register

HOME = FOLDER
Said = tuple[str, str]  # judgement and reason

NEARLY_ALL, MOST = 0.95, 0.80  # shares of people analysed that are of low and of high risk
OPEN = re.compile(
    r"\bopen\b|open-label|unblinded|not blinded?\b|no blinding|not blind|observer not blind"
)
BLINDING_UNREAD = re.compile(
    # Up to the end of what the note says: half a quotation would mean nothing.
    r"blinding (?:of patient unclear|doubtful|not(?: \w+)+)"
)
SINGLE = re.compile(r"single-blind|injection arms blinded|injector unblinded")
PEOPLE_BLIND = re.compile(r"double-blind|triple-blind|participant-blinded")
ASSESSOR = re.compile(r"assessor[ -]blind|evaluator-blind|blinded assessor")
# End points by who says what they are: the person treated, somebody who rates, or an instrument.
BY_PERSON = re.compile(
    r"\b(?:VAS|NRS|WOMAC|KOOS|VISA|OSDI|BPI|ODI|LEFS|UEFS|QuickDASH|DASH|IKDC|ICOAP|MCII|IBDQ)\b|"
    r"(?i:pain|lequesne|satisf|saying|stiffness|function|quality of life)"
)
BY_RATER = re.compile(
    r"ADAS|MoCA|MMSE|NIHSS|mRS|Barthel|GAIS|ECCA|IGA|CDAI|Schirmer|Goodman|"
    r"(?i:\bheal|closure|closed|probing|adverse|granul|wrinkle|judged|event|responders|"
    r"necrosis|papule|clinical indices)"
)
TOGETHER = re.compile(r"microneedling|laser|surgery|anaesthesia|\bgraft|procedure|\bPRF\b|bone")
CHOSEN = re.compile(r"case series|case report|single case|retrospective|selected|survey|hospital")
RECALLED = re.compile(r"survey|recall")
UNEQUAL = re.compile(r"baseline (?:pain )?(?:differs|imbalance)")
POST_HOC = re.compile(r"post[ -]hoc")
COMPLETERS = re.compile(r"\bcompleters?\b|half without follow-up|LOCF")
LOSS = re.compile(r"loss to follow-up[^;]*?(\d+) percent|completers (\d+) percent")
ANALYSED = re.compile(
    r"(\d+)[^()\d]*(?:/[^()]*)?\((\d+) (?:analysed|completed)\)|"
    r"(\d+) enrolled, (\d+) (?:evaluable|analysed)"
)
NO_COMPARATOR = (
    "no comparator: natural course, regression to the mean, placebo and what else was given "
    "cannot be told from the product"
)
SAFETY_ONLY = re.compile(r"safety only|safety and PK only|long-term safety")


def basis(study: Study, results: tuple[Result, ...]) -> str:
    """What was read of a study, from the places of its lines."""
    places = " ".join(r.place for r in results).casefold()
    for words, name in (("table", "table page"), ("abstract", "abstract"), ("regist", "registry")):
        if words in places:
            return name
    return "registry" if without_result(study) else "notes"


def measured(results: tuple[Result, ...]) -> str:
    """Who says what the end points are: ``person``, ``rater``, ``instrument``, or nobody knows."""
    endpoints = {r.endpoint for r in results}
    if any(BY_PERSON.search(e) for e in endpoints):
        return "person"
    if any(BY_RATER.search(e) for e in endpoints):
        return "rater"
    return "instrument" if endpoints - {"design facts", "dose plan"} else ""


def share_analysed(study: Study) -> tuple[float, str] | None:
    """Share of people whose outcome is known, and the words it was read from."""
    if found := ANALYSED.search(study.n_text):
        before, after = (int(g) for g in found.groups() if g)
        return after / before, f"{after} of {before} were analysed"
    if found := LOSS.search(study.bias):
        lost, kept = found.groups()
        share = int(kept) / 100 if kept else 1 - int(lost) / 100
        return share, f"the notes say '{found.group(0)}'"
    return None


def missing(study: Study, levels: tuple[str, str]) -> Said:
    """Missing outcome data; ``levels`` for few and for many."""
    share = share_analysed(study)
    if share is None:
        if COMPLETERS.search(study.bias):
            return levels[0], "those who completed were analysed; how many left is not read"
        return NO_INFORMATION, "people analysed against people entered is not in the opened text"
    if share[0] >= NEARLY_ALL:
        return "low", f"{share[1]}: nearly all"
    if share[0] >= MOST:
        return levels[0], f"{share[1]}; why the others left is not read"
    return levels[1], f"{share[1]}; why the others left is not read"


# Randomised trials in people ----------------------------------------------------------------------


def rob2(study: Study, results: tuple[Result, ...]) -> Iterator[tuple[str, Said]]:
    """First judgements of RoB 2."""
    if without_result(study):
        for domain in TOOLS["rob2"].domains:
            yield domain, (NO_INFORMATION, "registered; no result was opened that could be judged")
        return
    yield "D1", randomisation(study)
    yield "D2", deviations(study)
    yield "D3", missing(study, ("some concerns", "high"))
    yield "D4", measurement(study, results)
    if POST_HOC.search(study.bias):
        yield "D5", ("some concerns", "the notes name results that were chosen after the fact")
    else:
        yield "D5", reported(study, "some concerns")


def randomisation(study: Study) -> Said:
    """Domain 1 of RoB 2."""
    if UNEQUAL.search(study.bias):
        reason = "groups differ at the start, as chance can do in few people; "
    elif "technique not randomised" in study.design:
        reason = "to the drug and not to the technique of injection; "
    else:
        reason = ""
    return "some concerns", f"said to be randomised; {reason}concealment is not read"


def deviations(study: Study) -> Said:
    """Domain 2 of RoB 2: who knew what was given."""
    words = f"{study.design}; {study.bias}"
    if unread := BLINDING_UNREAD.search(words):
        return NO_INFORMATION, f"the notes say '{unread.group(0)}'"
    if fully := BLIND_FULLY.search(words):
        return "low", f"said to be {fully.group(0)}; deviations are not read"
    if partly := BLIND_PARTLY.search(words):
        return "some concerns", f"'{partly.group(0)}': people, or those who treat, may have known"
    if found := OPEN.search(words):
        return "some concerns", f"the notes say '{found.group(0)}'; deviations are not read"
    return NO_INFORMATION, "who was blinded is not in the opened text"


def measurement(study: Study, results: tuple[Result, ...]) -> Said:
    """Domain 4 of RoB 2: who knew, and who said what the outcome was."""
    words = f"{study.design}; {study.bias}"
    by = measured(results)
    if not by:
        return NO_INFORMATION, "no end point of it was opened"
    if unread := BLINDING_UNREAD.search(words):
        return NO_INFORMATION, f"the notes say '{unread.group(0)}'"
    if found := PEOPLE_BLIND.search(words):
        if by == "person" or BLIND_FULLY.search(words):
            return "low", f"{_by(by)}, and the trial is said to be {found.group(0)}"
        return NO_INFORMATION, f"{_by(by)}; whether raters were blinded is not read"
    if found := SINGLE.search(words):
        return "some concerns", f"{_by(by)}, and '{found.group(0)}' leaves open who knew the arm"
    if ASSESSOR.search(words):
        if by == "person":
            return (
                "high",
                "people tell the outcome themselves, and only assessors are said to be blinded",
            )
        return "low", f"{_by(by)}, and assessors are said to be blinded"
    if found := OPEN.search(words):
        level = "some concerns" if by == "instrument" else "high"
        return level, f"{_by(by)}, and the notes say '{found.group(0)}'"
    return NO_INFORMATION, "who was blinded is not in the opened text"


def _by(by: str) -> str:
    return {
        "person": "people tell the outcome themselves",
        "rater": "somebody rates the outcome",
        "instrument": "an instrument reads the outcome, or it is a fact such as death",
    }[by]


def reported(study: Study, level: str) -> Said:
    """Selection of the reported result, from the registration."""
    if study.registration:
        number = study.registration.split()[0]
        return level, f"registered as {number}; protocol and report were not compared"
    return NO_INFORMATION, "no registration was read"


# Other studies of people --------------------------------------------------------------------------


def robins_i(study: Study, results: tuple[Result, ...]) -> Iterator[tuple[str, Said]]:
    """First judgements of ROBINS-I."""
    words = f"{study.design}; {study.bias}"
    given = "; ".join(sorted({r.intervention for r in results}))
    controlled = kind(study) == "controlled"
    yield "D1", confounding(study)
    if found := CHOSEN.search(words):
        yield "D2", ("serious", f"people entered after the fact or by choice ('{found.group(0)}')")
    else:
        yield "D2", (NO_INFORMATION, "how people were chosen is not in the opened text")
    if found := RECALLED.search(words):
        yield "D3", ("serious", f"what was given comes from memory ('{found.group(0)}')")
    elif controlled or CHOSEN.search(words):
        yield "D3", (NO_INFORMATION, "how it was recorded who got what is not in the opened text")
    else:
        yield (
            "D3",
            ("low", "everybody was given the product, so nobody can stand in the wrong group"),
        )
    if found := TOGETHER.search(f"{words}; {given}"):
        yield "D4", ("serious", f"given together with another treatment ('{found.group(0)}')")
    else:
        yield "D4", (NO_INFORMATION, "what else was given is not in the opened text")
    yield "D5", missing(study, ("moderate", "serious"))
    yield "D6", measured_open(study, results)
    if "abstract only" in study.bias:
        yield "D7", (NO_INFORMATION, "only an abstract was read")
    else:
        yield "D7", reported(study, "moderate")


def confounding(study: Study) -> Said:
    """Domain 1 of ROBINS-I."""
    if kind(study) == "controlled":
        return "serious", "groups were not formed by chance; adjustment is not read"
    if SAFETY_ONLY.search(f"{study.design}; {study.bias}"):
        return "serious", "safety only, and no group without the product to compare with"
    return "critical", NO_COMPARATOR


def measured_open(study: Study, results: tuple[Result, ...]) -> Said:
    """Domain 6 of ROBINS-I: without a control everybody knew what was given."""
    by = measured(results)
    if not by:
        return NO_INFORMATION, "no end point of it was opened"
    if "placebo" in study.design:
        return NO_INFORMATION, f"{_by(by)}; against placebo, but who was blinded is not read"
    if by == "instrument":
        return "moderate", f"{_by(by)}; everybody knew what was given"
    return "serious", f"{_by(by)}, and everybody knew what was given"


# Animals ------------------------------------------------------------------------------------------


def syrcle(study: Study, results: tuple[Result, ...]) -> Iterator[tuple[str, Said]]:
    """First judgements of SYRCLE's items: unclear, for the opened texts are silent."""
    designs = {r.design for r in results} | {study.design}
    randomised = any(re.search(r"random|\bRCT\b", d) for d in designs)
    for domain, name in TOOLS["syrcle"].domains.items():
        if domain == "D1" and randomised:
            yield domain, (UNCLEAR, "said to be randomised; how is not in the opened text")
        else:
            yield domain, (UNCLEAR, f"{name}: not in the opened text")


RULES = {"rob2": rob2, "robins_i": robins_i, "syrcle": syrcle}


def judged(
    whole: Register, kept: dict[tuple[str, str], dict[str, str]]
) -> Iterator[dict[str, str]]:
    """Every line of the table; ``kept`` are the lines that a reader judged."""
    for study in whole.studies.values():
        tool = tool_of(study)
        if not tool:
            continue
        results = whole.results_of(study.study_id)
        common = {
            "study_id": study.study_id,
            "tool": tool,
            "outcome": results[0].endpoint if results else "",
        }
        read = basis(study, results)
        made = []
        for domain, (judgement, reason) in RULES[tool](study, results):
            by_rule = common | {
                "domain": domain,
                "judgement": judgement,
                "reason": reason,
                "basis": "registry" if reason.startswith("registered") else read,
                "judged_by": "rule",
            }
            made.append(kept.get((study.study_id, domain), by_rule))
        level, rule = overall(tool, {m["domain"]: m["judgement"] for m in made})
        last = common | {
            "domain": OVERALL,
            "judgement": level,
            "reason": rule,
            "basis": read,
            "judged_by": "rule",
        }
        yield from made
        yield kept.get((study.study_id, OVERALL), last)


def main() -> None:
    """Reads what a reader judged, judges the rest, and writes the table."""
    path = HOME / FILE
    kept: dict[tuple[str, str], dict[str, str]] = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["judged_by"] == "reader":
                    kept[row["study_id"], row["domain"]] = row
    rows = list(judged(register(), kept))
    lost = {key for key in kept if key not in {(r["study_id"], r["domain"]) for r in rows}}
    if lost:
        raise SystemExit(f"a reader judged what is not judged any more: {sorted(lost)}")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{FILE}: {len(rows)} rows, {len(kept)} of them judged by a reader")


if __name__ == "__main__":
    main()
