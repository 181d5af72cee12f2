"""A folder of one's own with studies and results: written whole, or left as it was."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from exocast.errors import InvalidInput
from exocast.evidence.exchange.compare import Comparison
from exocast.evidence.exchange.incoming import RESULT, STUDY
from exocast.evidence.register import FOLDER, TABLES, Update, columns, register

UPDATE = columns(Update)


def check_folder(folder: Path) -> None:
    """That a folder may hold a register of one's own.

    Raises
    ------
    InvalidInput
        For the package's own folder, a file, and a folder that holds other things.
    """
    if folder.resolve().is_relative_to(FOLDER.parent.parent.resolve()):
        raise InvalidInput(
            "the package's own register is never written; name a folder of yours.",
            code="OUT_TAKEN",
            where=str(folder),
        )
    if folder.exists() and not folder.is_dir():
        raise InvalidInput("this is no folder; name one.", code="OUT_TAKEN", where=str(folder))
    if folder.is_dir() and any(folder.iterdir()) and not is_library(folder):
        raise InvalidInput(
            "this folder holds other files and no studies.csv; name a new or empty one, or one "
            "that an import made.",
            code="OUT_TAKEN",
            where=str(folder),
        )


def is_library(folder: Path) -> bool:
    """Whether a folder holds tables of studies or results."""
    return any((folder / name).is_file() for name in ("studies.csv", "results.csv"))


def write_folder(made: Comparison, folder: Path, *, others: Sequence[Path] = ()) -> bool:
    """Writes what a comparison comes to, after it was read back and checked.

    Every table is written beside its place and moved there when all of them are whole; studies
    go first, so that a stop between two moves leaves no result without its study.

    Parameters
    ----------
    made
        The comparison, made for this folder.
    folder
        Where it goes; made when it is not there.
    others
        Further folders that the studies may stand in.

    Returns
    -------
    Whether anything changed.

    Raises
    ------
    ExocastError
        When the tables would not be read back; nothing is written then.
    """
    if not made.writes:
        return False
    tables = {
        "studies.csv": table_text(STUDY, made.studies.values()),
        "updates.csv": table_text(UPDATE, made.updates.values()) if made.updates else "",
        "results.csv": table_text(RESULT, made.results),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}."
    with tempfile.TemporaryDirectory(
        prefix=prefix, suffix=".partial", dir=folder.parent
    ) as made_in:
        temporary = Path(made_in)
        for name in TABLES:
            text = tables.get(name, _there(folder / name))
            if text:
                _write(temporary / name, text)
        register(library=(*(one for one in others if one != folder), temporary))
        folder.mkdir(exist_ok=True)
        for name, text in tables.items():
            if text:
                (temporary / name).replace(folder / name)
    return True


def table_text(names: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """A table as the package writes its own: commas, quotes where needed, line feeds."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _there(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
