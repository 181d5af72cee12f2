"""Studies of a search of Europe PMC, as JSON (``resultType`` lite or core)."""

from __future__ import annotations

import re
from typing import Any

from exocast.errors import InvalidInput
from exocast.evidence.exchange.incoming import (
    Incoming,
    Parsed,
    Remark,
    citation,
    few,
    proposed_id,
    study_cells,
)
from exocast.evidence.exchange.jsons import Block
from exocast.evidence.exchange.nbib import NO_DESIGN, species
from exocast.evidence.exchange.text import NCT, PMCID, PMID, doi, each, year

REVIEW = re.compile(r"review|meta-analysis|guideline", re.IGNORECASE)
CORRECTION = re.compile(r"retract|erratum|expression of concern|corrected", re.IGNORECASE)


def read_europepmc(data: Any, where: str) -> Parsed:
    """Studies of a page of search results.

    Parameters
    ----------
    data
        The JSON, loaded.
    where
        Name of its file, for messages.

    Raises
    ------
    InvalidInput
        When it has no list of results.
    """
    remarks: list[Remark] = []
    page = Block(data=data if isinstance(data, dict) else {}, place=where, remarks=remarks)
    results = page.block("resultList")
    if not isinstance(results.data.get("result"), list):
        raise InvalidInput(
            "there is no resultList.result, so this is no page of Europe PMC's search; save the "
            "answer with format=json.",
            code="JSON",
            where=where,
        )
    entries = []
    for result in results.blocks("result"):
        own: list[Remark] = []
        study = _study(Block(data=result.data, place=result.place, remarks=own))
        if not any(study[name] for name in ("title", "doi", "pmid", "pmcid")):
            remarks.append(
                Remark(message="a result without title or identifier", where=result.place)
            )
            continue
        entries.append(
            Incoming(kind="europepmc", where=result.place, study=study, remarks=few(own, where))
        )
    return Parsed(entries=tuple(entries), remarks=few(remarks, where))


def _study(result: Block) -> dict[str, str]:
    journal_info = result.block("journalInfo")
    inner = journal_info.block("journal")
    journal = (
        inner.text("medlineAbbreviation")
        or inner.text("isoabbreviation")
        or inner.text("title")
        or result.text("journalTitle")
    )
    date = result.text("pubYear") or journal_info.text("yearOfPublication")
    authors = [name.strip() for name in result.text("authorString").strip(".").split(",")]
    kinds = result.block("pubTypeList").texts("pubType") or result.text("pubType").split("; ")
    pmid = result.text("pmid")
    headings = [
        heading.text("descriptorName")
        for heading in result.block("meshHeadingList").blocks("meshHeading")
    ]
    grants = [
        " ".join(part for part in (grant.text("agency"), grant.text("grantId")) if part)
        for grant in result.block("grantsList").blocks("grant")
    ]
    corrections = [
        f"{kind}: {one.text('reference', 200)}"
        for one in result.block("commentCorrectionList").blocks("commentCorrection")
        if CORRECTION.search(kind := one.text("type", 80)) and kind.casefold().endswith(" in")
    ]
    # One registry number in the abstract is the study's own, unless it speaks of several studies.
    numbers = each(NCT, result.text("abstractText", 50_000))
    own = " " not in numbers and not any(REVIEW.search(kind) for kind in kinds)
    title = result.text("title").removesuffix(".")
    return study_cells(
        study_id=proposed_id("", [a for a in authors if a], year(date), title),
        title=title,
        doi=doi(result.text("doi")),
        pmid=pmid if PMID.fullmatch(pmid) else "",
        pmcid=each(PMCID, result.text("pmcid")),
        nct=numbers if own else "",
        registration=numbers if own else "",
        reference=citation([a for a in authors if a], journal, date),
        journal=journal,
        year=year(date),
        design="; ".join(
            dict.fromkeys(kind for kind in kinds if kind and not NO_DESIGN.match(kind))
        ),
        species=species(headings),
        funding="; ".join(dict.fromkeys(grant for grant in grants if grant)),
        retraction="; ".join(
            dict.fromkeys(
                [*(k for k in kinds if re.match("retract", k, re.IGNORECASE)), *corrections]
            )
        ),
    )
