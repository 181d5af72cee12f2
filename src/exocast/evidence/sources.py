"""Where numbers come from: ``sources.bib``, read.

The reader knows the part of BibTeX that the file uses: entries with fields in braces, in quotes or
bare, and comments in lines that begin with ``%``. A whole library for that would be one more thing
to install; the tables need title, DOI, year and note only.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from exocast.documents import utf8_text
from exocast.errors import NotFound, TableError, UnknownName, nearest

NOT_SOURCES = ("assumption", "definition")
"""Words of the column ``source`` that need no entry: a guess, and what is true by definition."""

_ENTRY = re.compile(r"@(\w+)\s*\{\s*([^\s,{}]+)\s*,")
_FIELD = re.compile(r"\s*([\w-]+)\s*=\s*")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source.

    Attributes
    ----------
    key
        What a table writes in its column ``source``.
    title, journal, year, doi, url, note
        As the file says; empty where it says nothing. ``doi`` has no resolver before it.
    line
        Line of the entry in its file.
    """

    key: str
    title: str
    journal: str = ""
    year: str = ""
    doi: str = ""
    url: str = ""
    note: str = ""
    line: int = 0

    @property
    def text(self) -> str:
        """The source as a sentence for people: title, journal, year, DOI or note."""
        place = ", ".join(part for part in (self.journal, self.year) if part)
        address = f"doi:{self.doi}" if self.doi else self.url or self.note
        return ". ".join(part for part in (self.title, place, address) if part) + "."


def sources(path: Path | None = None) -> dict[str, Source]:
    """Sources by key, in file order; the package's own when no path is given.

    Raises
    ------
    NotFound
        When there is no such file.
    TableError
        When an entry cannot be read or a key stands twice.
    """
    if path is None:
        return dict(_package_sources())
    if not path.is_file():
        raise NotFound("There is no such file of sources.", where=str(path))
    return _by_key(utf8_text(path, TableError), where=str(path))


def source(key: str) -> Source:
    """One source of the package.

    Raises
    ------
    UnknownName
        When there is none of this key; the nearest are offered.
    """
    known = _package_sources()
    if key not in known:
        raise UnknownName(f"There is no source '{key}'." + nearest(key, known), where="sources.bib")
    return known[key]


def parse_sources(text: str) -> tuple[tuple[Source, ...], tuple[tuple[int, str], ...]]:
    """Entries of a BibTeX text that can be read, and (line, sentence) for each that cannot.

    A key that stands twice is returned twice: the caller says what it thinks of that.
    """
    text = re.sub(r"(?m)^[ \t]*%.*$", "", text)
    entries: list[Source] = []
    problems: list[tuple[int, str]] = []
    at = 0
    while (start := text.find("@", at)) >= 0:
        line = text.count("\n", 0, start) + 1
        head = _ENTRY.match(text, start)
        if head is None:
            problems.append((line, "an entry begins '@article{key,'; this one does not"))
            at = start + 1
            continue
        try:
            fields, at = _fields(text, head.end())
        except ValueError as e:
            problems.append((line, f"'{head[2]}': {e}"))
            at = head.end()
            continue
        entries.append(
            Source(
                key=head[2],
                title=fields.get("title", ""),
                journal=fields.get("journal", fields.get("publisher", "")),
                year=fields.get("year", ""),
                doi=re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", fields.get("doi", "")),
                url=fields.get("url", fields.get("howpublished", "")),
                note=fields.get("note", ""),
                line=line,
            )
        )
    return tuple(entries), tuple(problems)


@functools.cache
def _package_sources() -> dict[str, Source]:
    file = resources.files("exocast.evidence").joinpath("sources.bib")
    return _by_key(file.read_text(encoding="utf-8"), where="evidence/sources.bib")


def _by_key(text: str, *, where: str) -> dict[str, Source]:
    entries, problems = parse_sources(text)
    if problems:
        line, problem = problems[0]
        raise TableError(f"{problem}.", where=f"{where}, line {line}")
    found: dict[str, Source] = {}
    for entry in entries:
        if entry.key in found:
            raise TableError(
                f"'{entry.key}' stands already in line {found[entry.key].line}; keep one of them.",
                where=f"{where}, line {entry.line}",
            )
        found[entry.key] = entry
    return found


def _fields(text: str, at: int) -> tuple[dict[str, str], int]:
    """Fields of the entry whose first field begins at ``at``, and where the entry ends."""
    fields: dict[str, str] = {}
    while True:
        at = _skip(text, at)
        if at >= len(text):
            raise ValueError("the entry is not closed by '}'")
        if text[at] == "}":
            return fields, at + 1
        name = _FIELD.match(text, at)
        if name is None:
            raise ValueError(f"a field 'name = {{...}}' is expected before '{text[at : at + 12]}'")
        value, at = _value(text, name.end())
        fields[name[1].lower()] = " ".join(value.replace("{", "").replace("}", "").split())


def _skip(text: str, at: int) -> int:
    while at < len(text) and (text[at].isspace() or text[at] == ","):
        at += 1
    return at


def _value(text: str, at: int) -> tuple[str, int]:
    opening = text[at : at + 1]
    if opening not in ("{", '"'):
        bare = re.compile(r"[^\s,}]+").match(text, at)
        if bare is None:
            raise ValueError("a field has no value")
        return bare[0], bare.end()
    depth = 0
    for end in range(at + 1, len(text)):
        letter = text[end]
        if depth == 0 and letter == ("}" if opening == "{" else '"'):
            return text[at + 1 : end], end + 1
        depth += (letter == "{") - (letter == "}")
    raise ValueError("a value is not closed")
