"""Correlations between quantities, as published or judged."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exocast.documents import utf8_text
from exocast.errors import NotFound, TableError

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


@functools.cache
def package_correlations() -> Mapping[tuple[str, str], float]:
    """Correlations that the package ships, by pair of keys: published, judged, and fitted."""
    package = Path(__file__).parent.parent
    paths = (package / room / "correlations.csv" for room in ("patient", "body", "cell"))
    return {
        (row.id_a, row.id_b): row.r
        for path in paths
        if path.is_file()
        for row in correlations_of(path)
    }
