"""Studies of a file in PubMed's own format (NBIB, also called MEDLINE)."""

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
from exocast.evidence.exchange.text import NCT, PMCID, PMID, REGISTRATION, doi, each, plain, year

LINE = re.compile(r"([A-Z]{2,4}) {0,3}- ?(.*)$")
NO_DESIGN = re.compile(
    r"journal article|research support|english abstract|published erratum|retracted|"
    r"retraction|comment|letter|editorial|preprint",
    re.IGNORECASE,
)
CORRECTIONS = {"RIN": "retracted", "RPI": "republished", "EIN": "erratum", "ECI": "concern"}
Fields = dict[str, list[str]]


def read_nbib(text: str, where: str) -> Parsed:
    """Studies of an NBIB text.

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
        entries.append(Incoming(kind="nbib", where=place, study=study))
    return Parsed(entries=tuple(entries), remarks=few(remarks, where))


def _records(text: str, where: str, remarks: list[Remark]) -> Iterator[tuple[int, Fields]]:
    """Records as line of their start and texts by tag; a PMID or an empty line parts them."""
    start = 0
    fields: Fields = {}
    last = ""
    for number, line in enumerate(text.splitlines(), start=1):
        found = LINE.match(line)
        if not line.strip() or (found and found[1] == "PMID" and "PMID" in fields):
            if fields:
                yield start, fields
            fields, last = {}, ""
        if found:
            start = start if fields else number
            last = found[1]
            fields.setdefault(last, []).append(found[2].strip())
        elif line.strip() and last and line[0] in " \t":
            fields[last][-1] += f" {line.strip()}"
        elif line.strip():
            remarks.append(Remark(message="this line has no tag", where=f"{where}, line {number}"))
    if fields:
        yield start, fields


def _study(fields: Fields) -> dict[str, str]:
    def first(*names: str) -> str:
        return next((text for name in names for text in fields.get(name, ()) if text), "")

    dois = [
        doi(text)
        for name in ("LID", "AID")
        for text in fields.get(name, ())
        if text.endswith("[doi]")
    ]
    said = " ".join(text[:200] for text in fields.get("SI", ()))
    authors = [plain(a, 100) for a in (fields.get("AU") or fields.get("FAU") or ())]
    kinds = [plain(kind, 100) for kind in fields.get("PT", ())]
    pmid = first("PMID")
    return study_cells(
        study_id=proposed_id("", authors, year(first("DP")), first("TI")),
        title=first("TI").removesuffix("."),
        doi=" ".join(dict.fromkeys(d.removesuffix("[doi]") for d in dois if d)),
        pmid=pmid if PMID.fullmatch(pmid) else "",
        pmcid=each(PMCID, first("PMC")),
        nct=each(NCT, said),
        registration=each(REGISTRATION, said),
        reference=citation(authors, first("TA", "JT"), first("DP")),
        journal=first("TA", "JT"),
        year=year(first("DP", "DEP")),
        design="; ".join(kind for kind in kinds if kind and not NO_DESIGN.match(kind)),
        species=species(fields.get("MH", ())),
        funding="; ".join(dict.fromkeys(plain(g, 200) for g in fields.get("GR", ()))),
        retraction="; ".join(
            [
                *(k for k in kinds if re.match(r"retract", k, re.IGNORECASE)),
                *(
                    f"{word}: {plain(text, 200)}"
                    for tag, word in CORRECTIONS.items()
                    for text in fields.get(tag, ())
                ),
            ]
        ),
    )


def species(headings: list[str] | tuple[str, ...]) -> str:
    """``human`` where the subject headings name people and no other animals; else empty."""
    names = {heading.strip("*").split("/")[0].casefold() for heading in headings}
    return "human" if "humans" in names and "animals" not in names else ""
