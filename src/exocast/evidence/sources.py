"""Where numbers come from: ``sources.bib``, read.

The reader knows the part of BibTeX that the file uses: entries with fields in braces, in quotes or
bare, and comments in lines that begin with ``%``. A whole library for that would be one more thing
to install; the tables need title, DOI, year and note only.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from exocast.documents import utf8_text
from exocast.errors import NotFound, TableError, UnknownName, nearest

NOT_SOURCES = ("assumption", "definition")
"""Words of the column ``source`` that need no entry: a guess, and what is true by definition."""

MOST_PROBLEMS = 40
MOST_CHARACTERS = 100_000  # of one value
_ENTRY = re.compile(r"@(\w{1,40})\s*\{\s*([^\s,{}]{1,400})\s*,")
_ASIDE = re.compile(r"@(comment|preamble|string)\s*\{", re.IGNORECASE)
_FIELD = re.compile(r"\s*([\w-]{1,60})\s*=\s*")
_BARE = re.compile(r"[^\s,}]+")
_ESCAPED = re.compile(r"\\([_&%#$])")
_SIGN = re.compile(r"[{}\"]")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of a BibTeX text: fields by their names in small letters, braces as written."""

    kind: str
    key: str
    fields: dict[str, str]
    line: int


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
    entries, problems = parse_entries(text)
    return tuple(_source(entry) for entry in entries), problems


def _source(entry: Entry) -> Source:
    fields = {
        name: " ".join(_ESCAPED.sub(r"\1", value).replace("{", "").replace("}", "").split())
        for name, value in entry.fields.items()
    }
    return Source(
        key=entry.key,
        title=fields.get("title", ""),
        journal=fields.get("journal", fields.get("publisher", "")),
        year=fields.get("year", ""),
        doi=re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", fields.get("doi", "")),
        url=fields.get("url", fields.get("howpublished", "")),
        note=fields.get("note", ""),
        line=entry.line,
    )


def parse_entries(text: str) -> tuple[tuple[Entry, ...], tuple[tuple[int, str], ...]]:
    """Entries of a BibTeX text with all their fields, and (line, sentence) for each other one.

    Comments and preambles are passed over; a macro (``@string``) is put in its place. After
    forty entries that cannot be read the rest is left, and the last sentence says so.
    """
    text = re.sub(r"(?m)^[ \t]*%.*$", "", text)
    entries: list[Entry] = []
    problems: list[tuple[int, str]] = []
    macros: dict[str, str] = {}
    at, line, counted = 0, 1, 0
    while (start := text.find("@", at)) >= 0:
        line, counted = line + text.count("\n", counted, start), start
        if len(problems) >= MOST_PROBLEMS:
            problems.append((line, f"{MOST_PROBLEMS} entries cannot be read; the rest is left"))
            break
        head, aside = _ENTRY.match(text, start), _ASIDE.match(text, start)
        if head is None and aside is None:
            problems.append((line, "an entry begins '@article{key,'; this one does not"))
            at = start + 1
            continue
        try:
            if aside is not None and aside[1].lower() == "string":
                fields, at = _fields(text, aside.end(), macros)
                macros |= fields
            elif aside is not None:
                _, at = _value(text, aside.end() - 1, macros)
            elif head is not None:
                fields, at = _fields(text, head.end(), macros)
                entries.append(Entry(kind=head[1].lower(), key=head[2], fields=fields, line=line))
        except ValueError as e:
            name = f"'{head[2]}'" if head is not None else "an aside"
            problems.append((line, f"{name}: {e}"))
            at = start + 1 if head is None else head.end()
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


def _fields(text: str, at: int, macros: Mapping[str, str]) -> tuple[dict[str, str], int]:
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
        value, at = _value(text, name.end(), macros)
        fields[name[1].lower()] = value


def _skip(text: str, at: int) -> int:
    while at < len(text) and (text[at].isspace() or text[at] == ","):
        at += 1
    return at


def _value(text: str, at: int, macros: Mapping[str, str]) -> tuple[str, int]:
    opening = text[at : at + 1]
    if opening not in ("{", '"') or not opening:
        bare = _BARE.match(text, at)
        if bare is None:
            raise ValueError("a field has no value")
        return macros.get(bare[0].lower(), bare[0]), bare.end()
    closing = "}" if opening == "{" else '"'
    depth = 0
    for sign in _SIGN.finditer(text, at + 1, at + MOST_CHARACTERS):
        if depth == 0 and sign[0] == closing:
            return text[at + 1 : sign.start()], sign.end()
        depth += (sign[0] == "{") - (sign[0] == "}")
    raise ValueError("a value is not closed")
