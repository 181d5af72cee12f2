"""Writes the register's table of harm from its results and from what regulators say.

    python scripts/transcribe_safety.py

Counts are read from words by the rules below, all of them named in the column ``rule``; words that
no rule reads stay words. A percentage becomes a count only where one count alone rounds to it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from exocast.evidence.designs import kind
from exocast.evidence.register import FOLDER, Register, Result, register
from exocast.evidence.safety import COLUMNS, FILE

HOME = FOLDER
ABOUT_HARM = re.compile(r"adverse event|joint event|antibod|granuloma|necrosis|papules")
NOT_OF_ALL = re.compile(r"denominator unknown|not from the|both arm-vein clots")
BY_REGULATOR = re.compile(r"serious adverse events|sepsis")
VESICLES = re.compile(r"\bexosomes?\b|\bEVs?\b|vesicles?|exoflo", re.IGNORECASE)
SAME_PERSON = re.compile(r"within-patient|split-face|contralateral")
OF_SOME = re.compile(r"subgroup|post-hoc")
COMPARATOR = re.compile(r"placebo|saline|sham|control|vehicle", re.IGNORECASE)
NONE_OF = re.compile(
    r"\b(?:none|no) (reported|within 72 h|significant|prespecified|serious AE|SAE|severe AE|"
    r"systemic complication|severe local reaction|treatment-related AE|related serious event|"
    r"major complications|complication|haematoma)\b"
)
NAMES = {
    "reported": "any event, as reported",
    "within 72 h": "any event within 72 h",
    "significant": "significant event",
    "prespecified": "prespecified event",
    "serious AE": "serious event",
    "SAE": "serious event",
    "severe AE": "severe event",
    "treatment-related AE": "event related to the treatment",
    "major complications": "major complication",
}


def one_count(percent: str, people: int) -> int | None:
    """The only count of people whose share rounds to a printed percentage, if there is one."""
    decimals = len(percent.partition(".")[2])
    fits = [k for k in range(people + 1) if round(100 * k / people, decimals) == float(percent)]
    return fits[0] if len(fits) == 1 else None


def counted(text: str, people: int | None) -> Iterator[tuple[str, int, int, str]]:
    """What happened, events, people and the rule, from the words on adverse events."""
    if found := re.match(r"(\d+)/(\d+)(?: ([^,;]+))?", text):
        events, n, what = found.groups()
        yield what or "any event", int(events), int(n), "events/people"
        people = people or int(n)
    if found := re.fullmatch(r"(\d+) ([a-z ]+) in (\d+)", text):
        events, what, n = found.groups()
        yield what, int(events), int(n), "events in people"
    if found := re.fullmatch(r"([a-z ]+) in (\d+) of (\d+)", text):
        what, events, n = found.groups()
        yield what, int(events), int(n), "events of people"
    if people is None:
        return
    if found := re.match(r"AE in (\d+(?:\.\d+)?)%", text):
        events_of = one_count(found.group(1), people)
        if events_of is not None:
            yield "any event", events_of, people, "the one count that rounds to the percentage"
    for found in NONE_OF.finditer(text):
        what = NAMES.get(found.group(1), found.group(1))
        yield what, 0, people, f"'{found.group(0)}' is none of the arm's people"


def product(whole: Register, result: Result) -> str:
    """Status of what was given: a vesicle product in a trial, or outside one."""
    study = whole.study(result.study_id)
    given = result.intervention
    if kind(study) in {"pool", "review"}:
        return ""
    if VESICLES.search(f"{given} {result.product_source}"):
        in_trial = (
            kind(study) == "randomised" or "phase" in study.design or bool(study.registration)
        )
        return "trial product" if in_trial else "unapproved product"
    return "comparator" if COMPARATOR.search(given) and " vs " not in given else ""


def line(whole: Register, r: Result, **given: object) -> dict[str, object]:
    """A line of the table for a line of results."""
    study = whole.study(r.study_id)
    note = ""
    if " vs " in r.intervention and "pre vs post" not in r.intervention:
        note = "arms together, the control included"
    elif SAME_PERSON.search(study.design):
        note = "product and control on the same people"
    return dict.fromkeys(COLUMNS, "") | {
        "study_id": r.study_id,
        "indication": r.indication,
        "given": r.intervention,
        "product": product(whole, r),
        "date": study.year,
        "place": r.place,
        "note": note,
        **given,
    }


def of_words(whole: Register) -> Iterator[dict[str, object]]:
    """Lines from the words on adverse events."""
    seen = set()
    for r in whole.results:
        text = r.adverse_events
        if not text or ABOUT_HARM.search(r.endpoint) or OF_SOME.search(r.intervention):
            continue
        if (r.study_id, r.intervention, text) in seen:
            continue
        seen.add((r.study_id, r.intervention, text))
        people = None if r.n is None else int(r.n)
        if kind(whole.study(r.study_id)) == "pool":
            people = None  # people with the event are not counted in a pool of means
        found = list(counted(text, people))
        for what, events, n, rule in found:
            yield line(
                whole, r, kind="rate", what=what, events=events, people=n, printed=text, rule=rule
            )
        if not found:
            yield line(whole, r, kind="words", what="any event", printed=text)


def of_counts(whole: Register) -> Iterator[dict[str, object]]:
    """Lines from counts and percentages of adverse events."""
    for r in whole.results:
        if not ABOUT_HARM.search(r.endpoint) or r.statistic not in {"count", "proportion"}:
            continue
        words = r.note.partition(";")[2].strip()
        what = r.endpoint.removesuffix(", percent")
        people = None if r.n is None else int(r.n)
        if r.statistic == "count":
            value = int(r.value or 0)
            if NOT_OF_ALL.search(r.note):
                made = line(whole, r, kind="report", what=what, events=value, printed=words)
                sold = VESICLES.search(r.intervention)
                yield made | ({"product": "unapproved product"} if sold else {})
            elif people:
                rule = "count of the arm's people"
                yield line(
                    whole,
                    r,
                    kind="rate",
                    what=what,
                    events=value,
                    people=people,
                    printed=words,
                    rule=rule,
                )
            else:
                printed = f"{value} ({r.n_text}); {r.adverse_events}"
                yield line(whole, r, kind="words", what=what, printed=printed)
            continue
        percent = f"{r.value:g}"
        events = one_count(percent, people) if people else None
        if events is not None:
            yield line(
                whole,
                r,
                kind="rate",
                what=what,
                events=events,
                people=people,
                printed=f"{percent} %; {words}",
                rule="the one count that rounds to the percentage",
            )
        elif r.low is not None and r.high is not None:
            yield line(
                whole,
                r,
                kind="rate",
                what=what,
                percent=percent,
                percent_low=f"{r.low:g}",
                percent_high=f"{r.high:g}",
                printed=words,
                rule="pooled, interval as printed",
            )
        else:
            note = "no single count of people rounds to it" if people else "people not read"
            yield line(whole, r, kind="words", what=what, printed=f"{percent} %", note=note)


def of_regulators(whole: Register) -> Iterator[dict[str, object]]:
    """Reports that a regulator names, from the table of statuses."""
    for s in whole.status:
        found = BY_REGULATOR.search(f"{s.status} {s.said_by}")
        if found:
            yield dict.fromkeys(COLUMNS, "") | {
                "kind": "report",
                "given": s.product,
                "product": "unapproved product",
                "what": found.group(0),
                "printed": s.status,
                "date": s.date,
                "said_by": f"{s.jurisdiction}: {s.said_by}",
                "note": f"confidence {s.confidence}; how many people is not said",
            }


def main() -> None:
    """Writes reports first, then rates, then words."""
    whole = register()
    made = [*of_regulators(whole), *of_counts(whole), *of_words(whole)]
    order = ("report", "rate", "words")
    made.sort(key=lambda m: order.index(str(m["kind"])))
    with (HOME / FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)
    print(f"{FILE}: {len(made)} rows")


if __name__ == "__main__":
    main()
