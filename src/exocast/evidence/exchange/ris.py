"""Studies of a RIS file, as reference managers and databases write it.

A line is a tag of two signs, blanks, a dash and a text; ``TY`` opens a record and ``ER`` closes it.
Read here and not by a library (rispy), because a record that lacks its end, or a line that is no
line, has to be named with its place and must not be lost in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from exocast.evidence.exchange.incoming import (
    Incoming,
    Parsed,
    Remark,
    citation,
    few,
    proposed_id,
    study_cells,
)
from exocast.evidence.exchange.text import (
    NCT,
    PMCID,
    REGISTRATION,
    doi,
    each,
    plain,
    year,
)

LINE = re.compile(r"\s{0,8}([A-Z][A-Z0-9]) {1,4}-(.*)$")
TITLES = ("TI", "T1", "CT", "BT")
JOURNALS = ("JF", "JO", "T2", "JA", "J1", "J2")
YEARS = ("PY", "Y1", "DA", "Y2")
NUMBERED = ("AN", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "ID", "UR", "L1", "L2", "N1")
SAID_PMID = re.compile(r"\bPMID:?\s*([1-9]\d{0,8})\b|pubmed[\w./]{0,40}/([1-9]\d{0,8})\b")

Fields = dict[str, list[str]]


def read_ris(text: str, where: str) -> Parsed:
    """Studies of a RIS text.

    Parameters
    ----------
    text
        The file's text.
    where
        Its name, for messages.

    Returns
    -------
    A study for each record with a title or an identifier; remarks for the rest.
    """
    remarks: list[Remark] = []
    entries = []
    for line, fields in _records(text, where, remarks):
        place = f"{where}, line {line}"
        study = _study(fields)
        if not any(study[name] for name in ("title", "doi", "pmid", "pmcid", "nct")):
            remarks.append(Remark(message="a record without title or identifier", where=place))
            continue
        entries.append(Incoming(kind="ris", where=place, study=study))
    return Parsed(entries=tuple(entries), remarks=few(remarks, where))


def _records(text: str, where: str, remarks: list[Remark]) -> Iterator[tuple[int, Fields]]:
    """Records as line of their start and texts by tag; an open one ends where the next begins."""
    start, last = 0, ""
    fields: Fields = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = LINE.match(line)
        tag, value = (found[1], found[2].strip()) if found else ("", line.strip())
        place = f"{where}, line {number}"
        if tag == "TY":
            if start:
                remarks.append(
                    Remark(message="a record begins before the last one ends", where=place)
                )
                yield start, fields
            start, fields, last = number, {}, ""
        elif not start:
            if value and tag != "ER":
                remarks.append(Remark(message="a line outside of any record", where=place))
        elif tag == "ER":
            yield start, fields
            start = 0
        elif tag:
            fields.setdefault(tag, []).append(value)
            last = tag
        elif value and last:
            fields[last][-1] += f" {value}"  # a long text goes on in the next line
        elif value:
            remarks.append(Remark(message="this line has no tag", where=place))
    if start:
        remarks.append(Remark(message="the last record has no end (ER)", where=where))
        yield start, fields


def _study(fields: Fields) -> dict[str, str]:
    def first(names: tuple[str, ...]) -> str:
        return next((text for name in names for text in fields.get(name, ()) if text), "")

    def said(names: tuple[str, ...]) -> str:
        return " ".join(text[:2000] for name in names for text in fields.get(name, ()))

    numbered = said(NUMBERED)
    dois = [doi(text) for text in (*fields.get("DO", ()), *fields.get("M3", ()))]
    dois = dois if any(dois) else [doi(text) for text in fields.get("UR", ()) if "doi.org" in text]
    pmids = [a or b for a, b in SAID_PMID.findall(numbered)]
    database = said(("DB", "DP")).casefold()
    if "pubmed" in database or "medline" in database:
        pmids += [text for text in (*fields.get("AN", ()), *fields.get("ID", ())) if text.isdigit()]
    key = first(("ID",))
    authors = [plain(a, 100) for tag in ("AU", "A1") for a in fields.get(tag, ())]
    journal = first(JOURNALS)
    return study_cells(
        study_id=proposed_id(key, authors, year(first(YEARS)), first(TITLES)),
        title=first(TITLES),
        doi=" ".join(dict.fromkeys(d for d in dois if d)),
        pmid=" ".join(dict.fromkeys(p for p in pmids if p[0] != "0" and len(p) <= 9)),
        pmcid=each(PMCID, numbered),
        nct=each(NCT, numbered),
        registration=each(REGISTRATION, numbered),
        reference=citation(authors, journal, first(YEARS)),
        journal=journal,
        year=year(first(YEARS)),
    )
