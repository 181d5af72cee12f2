"""What a reader gives: a study with its lines of results, as texts of the register's columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exocast.evidence.exchange.text import plain, year
from exocast.evidence.register import Result, Study, columns

MOST_REMARKS = 50
ID = re.compile(r"[a-z][a-z0-9_]{2,59}")
STUDY = columns(Study)
RESULT = columns(Result)


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something that a reader could not take as it stood, and where."""

    message: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A study of a file.

    Attributes
    ----------
    kind
        The format it was read from, such as ``ris``; ``csv`` holds every column of the register.
    where
        File and line, or entry.
    study
        Texts by the columns of ``studies.csv``; empty where nothing is known. The id is a
        proposal, and empty where the file has none.
    results
        Texts by the columns of ``results.csv``; their ``study_id`` is that of the study.
    remarks
        What could not be taken as it stood.
    """

    kind: str
    where: str
    study: Mapping[str, str]
    results: tuple[Mapping[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a file holds: its studies, and remarks that belong to none of them."""

    entries: tuple[Incoming, ...]
    remarks: tuple[Remark, ...] = ()


def study_cells(**known: str) -> dict[str, str]:
    """Cells of a study, all columns there; each text cleaned.

    Raises
    ------
    KeyError
        For a name that is no column: a mistake of a reader, not of a file.
    """
    return _cells(STUDY, known)


def result_cells(**known: str) -> dict[str, str]:
    """Cells of a line of results, all columns there; each text cleaned."""
    return _cells(RESULT, known)


def proposed_id(key: str, authors: Sequence[str], date: str, title: str) -> str:
    """An id for a study: the file's own where that is one, else surname (or title) and year."""
    if ID.fullmatch(key):
        return key
    surname = _letters(re.split(r"[,\s]", authors[0].strip())[0]) if authors else ""
    words = [word for word in map(_letters, plain(title, 200).split()) if len(word) > 3]
    base = surname or "_".join(words[:3]) or "study"
    return f"{base[:40]}{year(date)}" if len(base) > 1 else f"study_{base}{year(date)}"


def citation(authors: Sequence[str], journal: str, date: str) -> str:
    """Authors, journal and year as the words that stand for a study."""
    names = ", ".join(authors[:3]) + (" and others" if len(authors) > 3 else "")
    parts = (names.rstrip("."), plain(journal).rstrip("."), year(date))
    return ". ".join(part for part in parts if part)


def few(remarks: Sequence[Remark], where: str) -> tuple[Remark, ...]:
    """The first remarks of a file, and how many more there are."""
    if len(remarks) <= MOST_REMARKS:
        return tuple(remarks)
    more = f"and {len(remarks) - MOST_REMARKS} more remarks"
    return (*remarks[:MOST_REMARKS], Remark(message=more, where=where))


def _letters(text: str) -> str:
    """Letters a to z of a text, accents taken off."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^a-z]", "", bare)


def _cells(names: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    unknown = set(known) - set(names)
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    return dict.fromkeys(names, "") | {name: plain(text) for name, text in known.items() if text}
