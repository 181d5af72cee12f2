"""References as RIS and BibTeX: of studies of the register, and of sources of rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exocast.evidence.exchange.text import NCT, PMCID, each
from exocast.evidence.register import Study
from exocast.evidence.sources import Source

# A brace is a word, for BibTeX counts escaped ones too.
ESCAPED = {"{": r"\textbraceleft{}", "}": r"\textbraceright{}", "\\": r"\textbackslash{}"}
ESCAPED |= {sign: f"\\{sign}" for sign in "%&#_$"}
ESCAPED |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A reference; each text is empty where nothing is known. Identifiers may be several."""

    key: str
    title: str
    journal: str = ""
    year: str = ""
    doi: str = ""
    pmid: str = ""
    pmcid: str = ""
    registration: str = ""
    url: str = ""
    note: str = ""


def of_study(study: Study) -> Reference:
    """The reference of a study."""
    return Reference(
        key=study.study_id,
        title=study.title,
        journal=study.journal,
        year=study.year,
        doi=study.doi,
        pmid=study.pmid,
        pmcid=study.pmcid,
        registration=study.nct,
        note="" if study.resolved else study.reference,
    )


def of_source(source: Source) -> Reference:
    """The reference of a source of rows."""
    return Reference(
        key=source.key,
        title=source.title,
        journal=source.journal,
        year=source.year,
        doi=source.doi,
        pmid=" ".join(re.findall(r"\bPMID:? ?(\d{1,9})\b", source.note)),
        pmcid=each(PMCID, source.note),
        registration=each(NCT, source.note),
        url=source.url,
        note=source.note,
    )


def ris(references: Iterable[Reference]) -> str:
    """References as RIS, one record each, in UTF-8."""
    return "\n".join(_ris(one) for one in references)


def bibtex(references: Iterable[Reference]) -> str:
    """References as BibTeX, one entry each, in UTF-8."""
    return "\n".join(_bibtex(one) for one in references)


def _ris(one: Reference) -> str:
    dois = one.doi.split()
    lines = [("TY", "JOUR" if one.journal or dois else "GEN"), ("ID", one.key), ("TI", one.title)]
    lines += [("JO", one.journal), ("PY", one.year if one.year.isdigit() else "")]
    lines += [("DO", each) for each in dois]
    lines += [("AN", f"PMID: {each}") for each in one.pmid.split()]
    lines += [("C2", each) for each in one.pmcid.split()]
    lines += [("C1", each) for each in one.registration.split()]
    lines += [("UR", one.url), ("N1", one.note)]
    body = [f"{tag}  - {_line(text)}" for tag, text in lines if text]
    return "\n".join([*body, "ER  - ", ""])


def _bibtex(one: Reference) -> str:
    dois = one.doi.split()
    fields = {
        "title": f"{{{_escaped(one.title)}}}",
        "journal": _escaped(one.journal),
        "year": _escaped(one.year),
        "doi": dois[0] if dois else "",
        "pmid": one.pmid,
        "pmcid": one.pmcid,
        "registration": one.registration,
        "url": one.url,
        "note": _escaped("; ".join(part for part in (*dois[1:], one.note) if part)),
    }
    kind = "article" if one.journal else "misc"
    body = ",\n".join(f"  {name} = {{{text}}}" for name, text in fields.items() if text.strip("{}"))
    return f"@{kind}{{{one.key},\n{body}\n}}\n"


def _line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    return re.sub(r"[{}\\%&#_$~^]", lambda sign: ESCAPED[sign[0]], _line(text))
