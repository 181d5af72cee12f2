"""Studies of a BibTeX file.

The reader of the package's own ``sources.bib`` does the reading; it knows entries with fields in
braces, in quotes or bare and goes on after a damaged one. What is added here are letters with
accents, macros of months, and where identifiers stand. A library (bibtexparser) would add macros
and crossed references, which files of reference managers do not hold, and no line numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from exocast.evidence.exchange.incoming import (
    Incoming,
    Parsed,
    Remark,
    citation,
    few,
    proposed_id,
    study_cells,
)
from exocast.evidence.exchange.text import NCT, PMCID, REGISTRATION, doi, each, plain, year
from exocast.evidence.sources import parse_entries

ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "=": "\u0304",
    ".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328",
    "r": "\u030a", "d": "\u0323", "b": "\u0331",
}  # fmt: skip
LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å", "o": "ø",
    "O": "Ø", "l": "ł", "L": "Ł", "i": "ı", "j": "ȷ", "textbackslash": "\\",
    "textbraceleft": "\ue07b", "textbraceright": "\ue07d",
    "textasciitilde": "~", "textasciicircum": "^", "textendash": "–", "textemdash": "—",
    "alpha": "α", "beta": "β", "gamma": "γ", "kappa": "κ", "mu": "μ", "times": "×", "pm": "±",
}  # fmt: skip
BRACED = r"\{\s*(\\?[A-Za-z])\s*\}|(\\[ij]\b|[A-Za-z])"
MARKED = re.compile(
    r"\\([`'^~\"=.])\s*(?:" + BRACED + r")|\\([uvHckrdb])\s*(?:\{\s*(\w)\s*\}|\s(\w))"
)
NAMED = re.compile(r"\\([A-Za-z]{1,16})(?:\s+|\{\}|(?=[^A-Za-z]|$))")
COMMANDS = re.compile(r"\\(?:emph|textit|textbf|textsc|text|mathrm|url|ensuremath)\s*(?=\{)")
PMID_FIELDS = ("pmid", "pubmed")


def read_bibtex(text: str, where: str) -> Parsed:
    """Studies of a BibTeX text.

    Parameters
    ----------
    text
        The file's text.
    where
        Its name, for messages.

    Returns
    -------
    A study for each entry with a title or an identifier; remarks for the rest.
    """
    found, problems = parse_entries(text)
    remarks = [
        Remark(message=sentence, where=f"{where}, line {line}") for line, sentence in problems
    ]
    entries = []
    for entry in found:
        place = f"{where}, line {entry.line}"
        study = _study(entry.key, entry.fields)
        if not any(study[name] for name in ("title", "doi", "pmid", "pmcid", "nct")):
            remarks.append(
                Remark(message=f"'{entry.key[:60]}' has no title or identifier", where=place)
            )
            continue
        entries.append(Incoming(kind="bibtex", where=place, study=study))
    return Parsed(entries=tuple(entries), remarks=few(remarks, where))


def _study(key: str, fields: Mapping[str, str]) -> dict[str, str]:
    def first(*names: str) -> str:
        return next((letters(fields[name]) for name in names if fields.get(name)), "")

    bare = {name: value.replace("{", "").replace("}", "") for name, value in fields.items()}
    said = " ".join(
        bare.get(name, "")[:2000]
        for name in ("pmcid", "pmc", "eprint", "note", "annote", "url", "registration", "number")
    )
    dois = [doi(bare.get("doi", "").replace("\\_", "_")), doi(bare.get("note", ""))]
    if not any(dois) and "doi.org" in bare.get("url", ""):
        dois.append(doi(bare["url"]))
    pmids = [
        digits for name in PMID_FIELDS for digits in re.findall(r"\d{1,9}", bare.get(name, ""))
    ]
    pmids += re.findall(r"\bPMID:?\s*([1-9]\d{0,8})\b", said)
    authors = [plain(one, 100) for one in re.split(r"\s+and\s+", first("author"))[:50] if one]
    journal = first("journal", "journaltitle", "booktitle")
    date = first("year", "date")
    return study_cells(
        study_id=proposed_id(key, authors, year(date), first("title")),
        title=first("title"),
        doi=" ".join(dict.fromkeys(d for d in dois if d)),
        pmid=" ".join(dict.fromkeys(pmids)),
        pmcid=each(PMCID, said),
        nct=each(NCT, said),
        registration=each(REGISTRATION, said),
        reference=citation(authors, journal, date),
        journal=journal,
        year=year(date),
    )


def letters(text: str) -> str:
    """Text of a field: accents as letters, escaped signs as themselves, no braces."""
    text = COMMANDS.sub("", text[:20_000])
    text = MARKED.sub(_accented, text)
    kept = re.sub(r"\\([{}%&#_$])", lambda sign: chr(0xE000 + ord(sign[1])), text)
    kept = re.sub(r"\\[\\,;:!/ ]|~", " ", kept)  # spaces and line breaks
    kept = NAMED.sub(lambda name: LETTERS.get(name[1], name[0]), kept)
    kept = re.sub(r"[{}]|(?<!\\)\$", "", kept)
    kept = re.sub("[\ue000-\ue07f]", lambda sign: chr(ord(sign[0]) - 0xE000), kept)
    return " ".join(kept.split())


def _accented(found: re.Match[str]) -> str:
    mark = found[1] or found[4]
    letter = (found[2] or found[3] or found[5] or found[6]).removeprefix("\\")
    return unicodedata.normalize("NFC", letter + ACCENTS[mark])
