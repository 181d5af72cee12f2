"""Tables and references of studies, written as files for others."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exocast.errors import InvalidInput, UnknownName, nearest
from exocast.evidence.exchange import crate, references
from exocast.evidence.exchange.folder import table_text
from exocast.evidence.exchange.incoming import RESULT, STUDY
from exocast.evidence.register import FOLDER, Register, Study, cells

DATABASE = "duckdb"  # the whole register; nothing in it is a text
ENDINGS = {".ris": "ris", ".bib": "bibtex", ".duckdb": DATABASE}
FOLDERS = ("csv", "robvis", "ro-crate")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be written: studies of a register, the words that found them, and the licence.

    ``library`` names the folders of one's own that the register was read with.
    """

    whole: Register
    studies: Sequence[Study]
    words: str
    version: str
    licence: str
    library: str | Path | Sequence[str | Path] = ()


def _tables(asked: Request) -> dict[str, str]:
    wanted = {study.study_id for study in asked.studies}
    results = [cells(one) for one in asked.whole.results if one.study_id in wanted]
    return {
        "studies.csv": table_text(STUDY, map(cells, asked.studies)),
        "results.csv": table_text(RESULT, results),
    }


def _crate(asked: Request) -> dict[str, str]:
    tables = _tables(asked)
    described = crate.crate(
        asked.studies,
        {name: len(text.encode()) for name, text in tables.items()},
        words=asked.words,
        version=asked.version,
        date=datetime.now(UTC).date().isoformat(),
        licence=asked.licence or crate.LICENCE,
    )
    return {**tables, crate.METADATA: described}


def _ris(asked: Request) -> dict[str, str]:
    return {"": references.ris(map(references.of_study, asked.studies))}


def _bibtex(asked: Request) -> dict[str, str]:
    return {"": references.bibtex(map(references.of_study, asked.studies))}


def _robvis(asked: Request) -> dict[str, str]:
    """A table a tool; studies that are not judged have none."""
    from exocast.evidence import robvis
    from exocast.evidence.bias import TOOLS, assessments

    judged = assessments(asked.library)
    some = [judged[s.study_id] for s in asked.studies if s.study_id in judged]
    found = {tool: [a for a in some if a.tool == tool] for tool in TOOLS}
    if not some:
        raise InvalidInput("no study of these is judged for risk of bias.", where="--format")
    return {f"{tool}.csv": robvis.text(chosen) for tool, chosen in found.items() if chosen}


def _database(out: Path, whole: Register) -> Path:
    """A DuckDB file, put in place when it is whole; one that stands there is replaced."""
    if out.is_dir():
        raise InvalidInput("this is a folder; name a file.", code="OUT_TAKEN", where=str(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        whole.database(Path(folder) / "register.duckdb").close()
        (Path(folder) / "register.duckdb").replace(out)
    return out


# Files of each format by their names in the folder; one without a name is the file itself.
WRITERS: dict[str, Callable[[Request], dict[str, str]]] = {
    "csv": _tables,
    "ris": _ris,
    "bibtex": _bibtex,
    "robvis": _robvis,
    "ro-crate": _crate,
}


def format_of(out: Path, asked: str | None) -> str:
    """Name of a format, from the option or from the ending of the file to write.

    Raises
    ------
    UnknownName
        For a format that is not written.
    InvalidInput
        For a name from which none can be guessed.
    """
    if asked is not None:
        known = (*WRITERS, DATABASE)
        if asked not in known:
            raise UnknownName(f"'{asked}' is no format." + nearest(asked, known), where="--format")
        return asked
    ending = out.suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    if out.name.lower().endswith("crate"):
        return "ro-crate"
    if not ending:
        return "csv"
    if ending == ".csv":
        raise InvalidInput(
            f"the tables are two files, studies.csv and results.csv; name a folder for them, such "
            f"as '{out.with_suffix('')}'.",
            where=str(out),
        )
    raise InvalidInput(
        f"'{ending}' names no format; add --format with one of {', '.join((*WRITERS, DATABASE))}.",
        where=str(out),
    )


def write_export(out: Path, asked: Request, kind: str) -> tuple[Path, ...]:
    """Writes an export; each file is whole or not there.

    Parameters
    ----------
    out
        The file, or the folder for ``csv``, ``robvis`` and ``ro-crate``.
    asked
        What is to be written.
    kind
        A key of ``WRITERS``, or ``duckdb`` for a database of the whole register.

    Returns
    -------
    The files written.

    Raises
    ------
    InvalidInput
        When a folder holds other things, or a file stands where a folder is to be.
    """
    if out.resolve().is_relative_to(FOLDER.parent.parent.resolve()):
        raise InvalidInput(
            "the package's own files are never written; name another place.",
            code="OUT_TAKEN",
            where=str(out),
        )
    if kind == DATABASE:
        return (_database(out, asked.whole),)
    files = WRITERS[kind](asked)
    if kind in FOLDERS:
        # Only a crate is known to be an export; tables might be somebody's own register.
        taken = out.is_dir() and any(out.iterdir()) and not (out / crate.METADATA).is_file()
        if taken or (out.exists() and not out.is_dir()):
            raise InvalidInput(
                "something stands there already; name a new or empty folder.",
                code="OUT_TAKEN",
                where=str(out),
            )
        out.mkdir(parents=True, exist_ok=True)
    elif out.is_dir():
        raise InvalidInput("this is a folder; name a file.", code="OUT_TAKEN", where=str(out))
    written = []
    for name, text in files.items():
        target = out / name if name else out
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
        written.append(target)
    return tuple(written)
