"""Files of studies, whatever their format: it is known by what stands in them, not by the name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from exocast.documents import no_such_file
from exocast.errors import InvalidInput
from exocast.evidence.exchange.bibtex import read_bibtex
from exocast.evidence.exchange.europepmc import read_europepmc
from exocast.evidence.exchange.incoming import Incoming, Parsed, Remark
from exocast.evidence.exchange.jsons import load
from exocast.evidence.exchange.nbib import read_nbib
from exocast.evidence.exchange.registry import read_registry
from exocast.evidence.exchange.ris import read_ris
from exocast.evidence.exchange.tables import is_table, read_tables
from exocast.evidence.exchange.text import decoded

MOST_BYTES = 64_000_000
READ = (
    "RIS, NBIB (PubMed), BibTeX, JSON of ClinicalTrials.gov (version 2) or Europe PMC, or CSV in "
    "the layout of the register or its codebook"
)
OWN = ("studies.csv", "results.csv")
RIS = re.compile(r"^\s{0,8}TY {1,4}-", re.MULTILINE)
NBIB = re.compile(r"^PMID- ?\d|^(?:OWN|STAT|DCOM|LR) {0,2}- ", re.MULTILINE)
BIBTEX = re.compile(r"@\w{1,40}\s*\{")


def read_files(paths: Sequence[Path]) -> Parsed:
    """Studies of several files; CSV tables among them are read together.

    Parameters
    ----------
    paths
        Files, or folders with ``studies.csv`` and ``results.csv``.

    Raises
    ------
    NotFound
        For a file that is not there.
    InvalidInput
        For one that is too large or in no format that is read.
    """
    entries: list[Incoming] = []
    remarks: list[Remark] = []
    tables: dict[str, str] = {}
    for path in _opened(paths):
        text, remark = _text(path)
        remarks += [Remark(message=remark, where=str(path))] if remark else []
        if is_table(text.lstrip()[:400].split("\n", 1)[0]):
            tables[str(path)] = text.lstrip()
            continue
        parsed = read_text(text, str(path))
        entries += parsed.entries
        remarks += parsed.remarks
    if tables:
        parsed = read_tables(tables)
        entries += parsed.entries
        remarks += parsed.remarks
    return Parsed(entries=tuple(entries), remarks=tuple(remarks))


def read_text(text: str, where: str) -> Parsed:
    """Studies of a text in any of the formats.

    Parameters
    ----------
    text
        The whole text.
    where
        Name of its file, for messages.

    Raises
    ------
    InvalidInput
        When it is in no format that is read.
    """
    text = text.lstrip("\ufeff")
    start = text.lstrip(" \t\r\n\x00")
    if start[:1] in ("{", "[") and not BIBTEX.match(start):
        data, remarks = load(start.rstrip("\x00"), where)
        reader = (
            read_europepmc
            if isinstance(data, dict) and ("resultList" in data or "hitCount" in data)
            else read_registry
        )
        found = reader(data, where)
        return Parsed(entries=found.entries, remarks=(*remarks, *found.remarks))
    if is_table(start[:400].split("\n", 1)[0]):
        return read_tables({where: start})
    if RIS.search(text):
        return read_ris(text, where)
    if NBIB.search(text):
        return read_nbib(text, where)
    if BIBTEX.search(text):
        return read_bibtex(text, where)
    said = "it is empty" if not start else f"it begins '{start[:30]!s}'".replace("\n", " ")
    raise InvalidInput(
        f"no study can be read from this: {said}. What is read: {READ}.",
        code="NO_STUDIES",
        where=where,
    )


def _opened(paths: Sequence[Path]) -> list[Path]:
    """Files, those inside folders of tables in place of the folders."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = [path / name for name in OWN if (path / name).is_file()]
        if not inside:
            raise InvalidInput(
                f"this folder holds neither {' nor '.join(OWN)}; name the files.",
                code="NO_STUDIES",
                where=str(path),
            )
        found += inside
    return found


def _text(path: Path) -> tuple[str, str]:
    if not path.is_file():
        raise no_such_file(path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InvalidInput(
            f"a file of {size / 1e6:.0f} MB is refused; the most is {MOST_BYTES / 1e6:.0f} MB. "
            "Bring it in in parts.",
            code="TOO_LARGE",
            where=str(path),
        )
    return decoded(path.read_bytes())
