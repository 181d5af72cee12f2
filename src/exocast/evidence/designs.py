"""What kind of study a design is, and which of two studies is read first.

A kind is read from the words of a study's design; the order of reading is: controlled trials in
people before everything else, the best design first, and among equals a null result before a
favourable one. What was retracted comes last of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from exocast.evidence.register import Study
from exocast.evidence.trials import all_trials

KINDS = {
    "randomised": "randomised trial in people",
    "controlled": "controlled in people, not randomised",
    "uncontrolled": "people without a control",
    "pool": "pool of studies in people",
    "review": "review",
    "course": "natural course",
    "threshold": "threshold of importance",
    "registered": "registered, design not opened",
    "animal": "animals",
    "animal pool": "pool of studies in animals",
}
CONTROLLED = ("randomised", "controlled")
# The first pattern that is found decides; the design's own words stand in studies.csv.
PATTERNS = (
    ("threshold", r"^threshold"),
    ("pool", r"meta-analysis"),
    ("randomised", r"\bRCTs?\b"),
    ("review", r"review|evidence table"),
    ("registered", r"^registered$"),
    ("course", r"^cohort"),
    ("controlled", r"^controlled|^split-face comparison|^case-control|^clinical study"),
)
BLIND_FULLY = re.compile(r"double-blind|triple-blind")
BLIND_PARTLY = re.compile(
    r"single-blind|assessor[ -]blind|evaluator-blind|blinded assessor|participant-blinded|"
    r"injection arms blinded|injector unblinded"
)
NO_RESULT = re.compile(r"^registered[;,]|(?:^|; )no results")
# Null and unfavourable results stand before what is not known, favourable ones behind it.
DIRECTIONS = {"null": 0, "unfavourable": 0, "": 1, "favourable": 2}
ORDER = ("controlled", "registered", "pool", "uncontrolled", "course", "review", "threshold")


def kind(study: Study) -> str:
    """A key of ``KINDS``, from the words of the design and the species."""
    found = next((name for name, words in PATTERNS if re.search(words, study.design)), "")
    if study.species != "human" and "human" not in study.species:
        return "animal pool" if found == "pool" else found if found == "review" else "animal"
    return found or "uncontrolled"


def without_result(study: Study) -> bool:
    """Whether nothing but a registration was opened."""
    return "(registered)" in study.design or bool(NO_RESULT.search(study.bias))


def best_first(studies: Iterable[Study]) -> list[Study]:
    """Studies in the order of reading; equals stay in the order given.

    People before animals; randomised trials before other controlled studies, blinded ones first,
    and those that only a registration is known of behind those with a result; then pools, studies
    without a control, natural courses, reviews and thresholds. Within a place a null or
    unfavourable result (``trials.csv``) stands before an unknown one, and that before a
    favourable one. A retracted study stands behind all others, whatever its design.
    """
    directions = {t.study_id: t.direction for t in all_trials()}

    def place(study: Study) -> tuple[bool, int, int, int]:
        direction = DIRECTIONS.get(directions.get(study.study_id, ""), 1)
        return study.retracted, *_place(study), direction

    return sorted(studies, key=place)


def _place(study: Study) -> tuple[int, int]:
    what = kind(study)
    if what == "randomised":
        if without_result(study):
            return 1, 0
        if BLIND_FULLY.search(study.design):
            return 0, 0
        return 0, 1 if BLIND_PARTLY.search(study.design) else 2
    if what in ORDER:
        return 2 + ORDER.index(what), int(without_result(study))
    return 2 + len(ORDER), int(what == "animal pool")
