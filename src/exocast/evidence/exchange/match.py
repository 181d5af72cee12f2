"""Whether two studies are one: by identifiers first, then, as a proposal only, by their titles.

Titles are compared with the standard library's difflib, on words without accents in their own
order and sorted. A faster library (rapidfuzz) would matter for tens of thousands of titles; here
only those are compared that share half of their words, which an index of words finds.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

KINDS = ("doi", "pmid", "pmcid", "nct")
NAMES = {"doi": "DOI", "pmid": "PMID", "pmcid": "PMCID", "nct": "registry number"}
ALIKE = 0.85
YEARS_APART = 1
MOST_CANDIDATES = 3
MOST_COMPARED = 500
RAREST = 4
Cells = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Match:
    """A study that an incoming one is, or may be.

    ``certain`` is false where the titles are alike only, or where an identifier is shared and
    another one contradicts it; ``why`` says so in words.
    """

    study_id: str
    certain: bool
    why: str


@dataclass(frozen=True)
class Index:
    """Known studies by identifier and by the words of their titles."""

    studies: dict[str, Cells] = field(default_factory=dict)
    by_identifier: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    by_word: dict[str, list[str]] = field(default_factory=dict)

    def add(self, study: Cells) -> None:
        """Adds a study, or puts it in the place of what was known of it."""
        study_id = study["study_id"]
        new = study_id not in self.studies
        self.studies[study_id] = study
        for kind in KINDS:
            for one in identifiers(study, kind):
                known = self.by_identifier.setdefault((kind, one), [])
                if study_id not in known:
                    known.append(study_id)
        if new:
            for word in set(words(study["title"])):
                self.by_word.setdefault(word, []).append(study_id)


def identifiers(study: Cells, kind: str) -> frozenset[str]:
    """Identifiers of one kind, in small letters."""
    return frozenset(study[kind].casefold().split())


def words(title: str) -> list[str]:
    """Words of a title in small letters, accents taken off."""
    bare = unicodedata.normalize("NFKD", title.casefold())
    bare = "".join(c for c in bare if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", bare)[:60]


def matches(study: Cells, index: Index) -> list[Match]:
    """Known studies that this one is (one, certain), or may be (up to three); none if it is new."""
    shared: dict[str, str] = {}
    for kind in KINDS:
        for one in sorted(identifiers(study, kind)):
            for study_id in index.by_identifier.get((kind, one), ()):
                shared.setdefault(study_id, f"the same {NAMES[kind]} {one}")
    if shared:
        found = [_by_identifier(study, index.studies[key], why) for key, why in shared.items()]
        certain = [match for match in found if match.certain]
        if len(certain) == 1:
            return certain
        if len(certain) > 1:
            # Two known studies share the identifier: which one is meant only people can say.
            found = [Match(study_id=m.study_id, certain=False, why=m.why) for m in found]
        return found[:MOST_CANDIDATES]
    return _by_title(study, index)


def _by_identifier(study: Cells, known: Cells, why: str) -> Match:
    against = [
        f"another {NAMES[kind]} ({' '.join(sorted(mine))}, not {' '.join(sorted(theirs))})"
        for kind in KINDS
        if (mine := identifiers(study, kind))
        and (theirs := identifiers(known, kind))
        and not mine & theirs
    ]
    said = f"{why}, but {' and '.join(against)}" if against else why
    return Match(study_id=known["study_id"], certain=not against, why=said)


def _by_title(study: Cells, index: Index) -> list[Match]:
    mine = words(study["title"])
    # A title that is alike shares most words, so it shares one of the rarest.
    rarest = sorted(
        {word: len(index.by_word.get(word, ())) for word in mine}.items(),
        key=lambda one: (one[1], one[0]),
    )[:RAREST]
    candidates = [key for word, _ in rarest for key in index.by_word.get(word, ())[:MOST_COMPARED]]
    found = []
    for key in dict.fromkeys(candidates):
        known = index.studies[key]
        theirs = words(known["title"])
        if 2 * len(set(mine) & set(theirs)) < min(len(set(mine)), len(set(theirs))):
            continue
        likeness = alike(mine, theirs)
        years = study["year"], known["year"]
        apart = abs(int(years[0]) - int(years[1])) if all(y.isdecimal() for y in years) else 0
        if likeness >= ALIKE and apart <= YEARS_APART:
            found.append((likeness, key, known))
    found.sort(key=lambda one: (-one[0], one[1]))
    return [
        Match(
            study_id=key,
            certain=likeness == 1.0 and _unidentified(study, known),
            why=f"titles alike ({likeness:.2f}), years {study['year'] or 'unknown'} and "
            f"{known['year'] or 'unknown'}",
        )
        for likeness, key, known in found[:MOST_CANDIDATES]
    ]


def _unidentified(study: Cells, known: Cells) -> bool:
    """Whether neither has an identifier and title, year and journal are the same."""
    bare = not any(one[kind] for one in (study, known) for kind in KINDS)
    return bare and all(
        study[name].casefold() == known[name].casefold() for name in ("title", "year", "journal")
    )


def alike(mine: Iterable[str], theirs: Iterable[str]) -> float:
    """Likeness of two titles by their words, 0 to 1; the order of words counts for nothing more."""
    best = 0.0
    for a, b in ((list(mine), list(theirs)), (sorted(mine), sorted(theirs))):
        compared = difflib.SequenceMatcher(None, " ".join(a), " ".join(b), autojunk=False)
        if min(compared.real_quick_ratio(), compared.quick_ratio()) >= ALIKE:
            best = max(best, compared.ratio())
    return best
