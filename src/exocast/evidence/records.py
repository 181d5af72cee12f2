"""Lines of a table as texts, with what is wrong with the file as findings."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from exocast.documents import not_utf8
from exocast.errors import NotFound, TableError
from exocast.evidence.register import Doubt

MOST_SHOWN = 5


def lines(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Each line with its number, cells without blanks around them.

    Raises
    ------
    NotFound
        When there is no such file.
    TableError
        When it is no UTF-8 CSV table, its columns are others, or a line has too many or too few.
    """
    header, records = table(path)
    if header != list(columns):
        raise TableError(
            f"its columns are {', '.join(header) or 'none'}; wanted are {', '.join(columns)}.",
            where=f"{path.name}, line 1",
        )
    return [(line, dict(zip(columns, cells, strict=True))) for line, cells in records]


def table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and lines of a CSV file; empty lines are passed over.

    Raises
    ------
    NotFound
        When there is no such file.
    TableError
        When it is no UTF-8 CSV table, or a line has too many or too few cells.
    """
    if not path.is_file():
        raise NotFound("there is no such table.", where=str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        line, sentence = not_utf8(e)
        raise TableError(f"{sentence}.", where=f"{path.name}, line {line}") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    found: list[tuple[int, list[str]]] = []
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if not any(cells):
                continue
            if not header:
                header = cells
            elif len(cells) != len(header):
                raise TableError(
                    f"it has {len(cells)} cells, and the first line has {len(header)}.",
                    where=f"{path.name}, line {reader.line_num}",
                )
            else:
                found.append((reader.line_num, cells))
    except csv.Error as e:
        raise TableError(
            f"this is no CSV table ({e}).", where=f"{path.name}, line {reader.line_num}"
        ) from None
    return header, found


def problem(where: str, message: str) -> Doubt:
    """A line that cannot be used, as a finding."""
    return Doubt(severity="error", code="TABLE", where=where, message=message)


def refuse(problems: Iterable[Doubt]) -> None:
    """Raises what is wrong with a table, the first findings together.

    Raises
    ------
    TableError
        When there is a finding.
    """
    found = list(problems)
    if not found:
        return
    more = f" … and {len(found) - MOST_SHOWN} more." if len(found) > MOST_SHOWN else ""
    shown = [found[0].message, *(f"{p.where}: {p.message}" for p in found[1:MOST_SHOWN])]
    raise TableError(" ".join(shown) + more, where=found[0].where)
