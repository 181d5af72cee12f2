"""Correlations between quantities, as published or judged."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exocast.documents import utf8_text
from exocast.errors import NotFound, TableError
from exocast.evidence.rows import COLUMNS as ROW_COLUMNS
from exocast.evidence.rows import Row, rows_of

PACKAGE = Path(__file__).parent.parent
HEAD = ",".join(ROW_COLUMNS).encode()
COLUMNS = ("id_a", "id_b", "r", "system", "source", "place", "grade")


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Correlation of two quantities, with its provenance.

    ``id_a`` and ``id_b`` are keys (``table.id``), or names of an overlay's rows
    (``folder_table.id``, such as ``labels_dye.label.loose``), which hold only where the overlay is
    in use; ``r`` lies in -1..1.
    """

    id_a: str
    id_b: str
    r: float
    system: str
    source: str
    place: str
    grade: str


def correlations_of(path: Path) -> tuple[Correlation, ...]:
    """Rows of one table of correlations, in file order.

    Raises
    ------
    TableError
        When columns are missing, a pair stands twice, or a correlation is no number in -1..1;
        all findings are listed together.
    """
    if not path.is_file():
        raise NotFound("There is no such table of correlations.", where=str(path))
    text = utf8_text(path, TableError)
    with io.StringIO(text, newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise TableError(f"line 1: the columns must be {', '.join(COLUMNS)}.", where=str(path))
        rows: list[Correlation] = []
        problems: list[str] = []
        seen: set[frozenset[str]] = set()
        for record in reader:
            place = f"line {reader.line_num}"
            try:
                r = float(record["r"])
            except (TypeError, ValueError):
                problems.append(f"{place}: '{record['r']}' is not a number")
                continue
            pair = frozenset((record["id_a"], record["id_b"]))
            if not -1 <= r <= 1:
                problems.append(f"{place}: {r:g} is not a correlation")
            if len(pair) < 2:
                problems.append(f"{place}: '{record['id_a']}' is paired with itself")
            if pair in seen:
                problems.append(f"{place}: the pair {', '.join(sorted(pair))} stands twice")
            if record["grade"] not in tuple("ABCDE"):
                problems.append(f"{place}: grade '{record['grade']}' is none of A, B, C, D, E")
            seen.add(pair)
            rows.append(
                Correlation(
                    id_a=record["id_a"],
                    id_b=record["id_b"],
                    r=r,
                    system=record["system"],
                    source=record["source"],
                    place=record["place"],
                    grade=record["grade"],
                )
            )
    if problems:
        raise TableError("; ".join(problems) + ".", where=str(path))
    return tuple(rows)


def package_correlations(
    libraries: Sequence[str | Path] = (),
) -> Mapping[tuple[str, str], float]:
    """Correlations that the package ships, by pair of keys: published, judged, and fitted.

    Parameters
    ----------
    libraries
        Folders with tables of one's own. A row that such a table changes keeps no correlation: it
        held for the package's number.
    """
    own = frozenset[str]().union(*(_changed(Path(folder).expanduser()) for folder in libraries))
    whole = _shipped()
    return {pair: r for pair, r in whole.items() if not own & set(pair)} if own else whole


def _changed(library: Path) -> frozenset[str]:
    """Names of rows that a library has otherwise than the package."""
    found = set()
    for path in library.rglob("*.csv"):
        there = PACKAGE / path.relative_to(library)
        if not there.is_file() or not path.read_bytes().startswith(HEAD):
            continue
        before = {row.id: _numbers(row) for row in rows_of(there)}
        over = f"{path.parent.name}_{path.stem}." if path.parent.parent != library else ""
        stem = "" if over else f"{path.stem}."
        found |= {
            f"{over}{stem}{row.id}" for row in rows_of(path) if before.get(row.id) != _numbers(row)
        }
    return frozenset(found)


def _numbers(row: Row) -> tuple[object, ...]:
    return row.value, row.unit, row.spread, row.spread_kind, row.varies


@functools.cache
def _shipped() -> Mapping[tuple[str, str], float]:
    paths = (PACKAGE / room / "correlations.csv" for room in ("patient", "body", "cell"))
    return {(row.id_a, row.id_b): row.r for path in paths for row in correlations_of(path)}
