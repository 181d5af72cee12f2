"""Grades A to E, and what each does to a number.

The factors stand in ``grades.csv``; ``docs/decisions/0002-grades.md`` says why these.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, kw_only=True)
class Grade:
    """What a grade does.

    ``widening`` multiplies the spread of an ordinary row. For the effect of a treatment the
    spread stays, and ``slab_weight`` and ``slab_centre`` multiply the chance that there is an
    effect and the effect's centre, where that centre is favourable.
    """

    letter: str
    meaning: str
    widening: float
    slab_weight: float
    slab_centre: float


@functools.cache
def grades() -> dict[str, Grade]:
    """All grades by letter, best first."""
    text = resources.files("exocast.evidence").joinpath("grades.csv").read_text(encoding="utf-8")
    return {
        row["grade"]: Grade(
            letter=row["grade"],
            meaning=row["meaning"],
            widening=float(row["widening"]),
            slab_weight=float(row["slab_weight"]),
            slab_centre=float(row["slab_centre"]),
        )
        for row in csv.DictReader(text.splitlines())
    }
