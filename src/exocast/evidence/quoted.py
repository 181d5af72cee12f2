"""Pooled values that the register quotes, beside what its own arms give.

``register/quoted.csv`` is written by ``scripts/recompute_quoted.py``: what a synthesis printed, the
same recomputed from arms of the register where it has any, and in words why the two differ.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass, fields
from pathlib import Path

from exocast.errors import TableError, UnknownName, nearest
from exocast.evidence.register import FOLDER

FILE = "quoted.csv"


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """A quoted value and its recomputation; a ``None`` is not known.

    Attributes
    ----------
    week
        Weeks since the first dose, as the register has it.
    measure
        What the value is and which sign is which.
    quoted, low, high, k_quoted
        As printed, with the number of studies.
    recomputed, low_ours, high_ours, k_ours
        From arms of the register; all ``None`` where it has none.
    how
        What was pooled, or ``not recomputable``.
    explanation
        Why they differ, or why nothing can be recomputed.
    """

    study_id: str
    outcome: str
    week: float | None
    measure: str
    quoted: float | None
    low: float | None
    high: float | None
    k_quoted: int | None
    recomputed: float | None
    low_ours: float | None
    high_ours: float | None
    k_ours: int | None
    how: str
    explanation: str


COLUMNS = tuple(f.name for f in fields(Quoted))


@functools.cache
def quoted(path: Path = FOLDER / FILE) -> tuple[Quoted, ...]:
    """Every line of the table, in file order.

    Raises
    ------
    TableError
        For other columns, or a cell that is no number, with its line.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise TableError(f"its columns are not {', '.join(COLUMNS)}.", where=f"{FILE}, line 1")
        return tuple(_line(record, line) for line, record in enumerate(reader, start=2))


def quoted_of(study_id: str) -> tuple[Quoted, ...]:
    """Lines of one synthesis.

    Raises
    ------
    UnknownName
        When none of its values is in the table, with the nearest id.
    """
    known = {q.study_id for q in quoted()}
    if study_id not in known:
        raise UnknownName(
            f"no value of '{study_id}' is recomputed." + nearest(study_id, known), where="study"
        )
    return tuple(q for q in quoted() if q.study_id == study_id)


def _line(record: dict[str, str], line: int) -> Quoted:
    made: dict[str, object] = {}
    for field in fields(Quoted):
        text, kind = record[field.name], str(field.type)
        made[field.name] = text
        if "None" in kind:
            try:
                made[field.name] = (int if "int" in kind else float)(text) if text else None
            except ValueError:
                raise TableError(
                    f"'{text}' is no number.", where=f"{FILE}, line {line}, column {field.name}"
                ) from None
    return Quoted(**made)  # type: ignore[arg-type]
