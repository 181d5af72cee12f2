"""Small tables that questions rest on: directions of scales, treatments, what is assumed."""

from __future__ import annotations

import csv
import functools
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exocast.errors import TableError, nearest
from exocast.evidence.register import FOLDER, Result, Study
from exocast.evidence.rows import rows_of

BETTER = ("higher", "lower", "")  # empty: it is known that neither is
# What the scale or the note itself says goes before the table.
SAID_HIGHER = re.compile(r"plus is better|100 best", re.IGNORECASE)
PLUS_IS_BETTER = "plus = improvement"
POINTS = 9  # of the quadrature over a correlation
NORMAL_95 = 1.959964


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Which way end points of a name are better, and whether their zero means nothing is there."""

    pattern: re.Pattern[str]
    better: str
    true_zero: bool


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """A node of networks, and the texts of interventions that belong to it."""

    node: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """A correlation that is not printed where it is needed: centre and 95 % interval."""

    value: float
    low: float
    high: float

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values and weights that stand for it: a normal distribution on Fisher's z."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(POINTS)
        centre = math.atanh(self.value)
        spread = (math.atanh(self.high) - math.atanh(self.low)) / (2 * NORMAL_95)
        return np.tanh(centre + spread * nodes), weights / weights.sum()


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != columns:
            raise TableError(
                f"its columns are not {', '.join(columns)}.", where=f"{path.name}, line 1"
            )
        return list(reader)


def _pattern(text: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as wrong:
        raise TableError(f"'{text}' is no pattern: {wrong}.", where=where) from None


@functools.cache
def scales(folder: Path = FOLDER) -> tuple[Scale, ...]:
    """The table of scales, in the order in which patterns are tried.

    Raises
    ------
    TableError
        For another word than higher or lower, or a text that is no pattern.
    """
    found = []
    rows = _rows(folder / "scales.csv", ("pattern", "better", "true_zero", "note"))
    for line, row in enumerate(rows, start=2):
        where = f"scales.csv, line {line}"
        if row["better"] not in BETTER:
            raise TableError(f"'{row['better']}' is not higher, lower or empty.", where=where)
        found.append(
            Scale(
                pattern=_pattern(row["pattern"], where),
                better=row["better"],
                true_zero=row["true_zero"] == "yes",
            )
        )
    return tuple(found)


@functools.cache
def treatments(folder: Path = FOLDER) -> tuple[Treatment, ...]:
    """The table of treatments, in the order in which patterns are tried.

    Raises
    ------
    TableError
        For a text that is no pattern.
    """
    rows = _rows(folder / "treatments.csv", ("order", "node", "pattern", "note"))
    lines = sorted(enumerate(rows, start=2), key=lambda pair: int(pair[1]["order"]))
    return tuple(
        Treatment(
            node=row["node"], pattern=_pattern(row["pattern"], f"treatments.csv, line {line}")
        )
        for line, row in lines
    )


@functools.cache
def assumed(key: str = "visits.correlation", folder: Path = FOLDER) -> Assumed:
    """What is assumed where nothing is printed.

    Raises
    ------
    TableError
        For numbers that are no correlations, or a row that is not there.
    """
    rows = {row.id: row for row in rows_of(folder / "assumed.csv")}
    if key not in rows:
        raise TableError(f"there is no row '{key}'." + nearest(key, rows), where="assumed.csv")
    row = rows[key]
    if row.spread_kind != "ci95" or not -1 < row.spread[0] < row.value < row.spread[1] < 1:
        raise TableError(
            f"{row.value:g} ({row.spread}) is no correlation inside an interval.",
            where=f"assumed.csv, line {row.line}",
        )
    return Assumed(value=row.value, low=row.spread[0], high=row.spread[1])


@functools.cache
def pools() -> tuple[dict[str, str], ...]:
    """Questions that are asked again when a study comes in: ``id``, ``query`` and ``unit``."""
    return tuple(_rows(FOLDER / "pools.csv", ("id", "query", "unit")))


def weightless(study: Study, *, unresolved: bool) -> str:
    """Why a study weighs nothing; empty when it weighs.

    ``unresolved`` lets one that no identifier leads to weigh; a retracted one never does.
    """
    if study.retracted:
        return f"{study.retraction.partition(' (')[0]}, so it weighs nothing"
    if not study.resolved and not unresolved:
        return "no identifier leads to the study, so it weighs nothing"
    return ""


@functools.lru_cache(maxsize=4096)
def node_of(intervention: str) -> str:
    """The treatment that a text of an intervention belongs to; empty when none is known."""
    return next((t.node for t in treatments() if t.pattern.search(intervention)), "")


@functools.lru_cache(maxsize=4096)
def _scale_of(endpoint: str) -> Scale | None:
    return next((s for s in scales() if s.pattern.search(endpoint)), None)


def better_of(result: Result) -> str:
    """``higher`` or ``lower``; empty where it is not known.

    What the scale's text or the note say comes first, then the first pattern of ``scales.csv``
    that occurs in the end point.
    """
    if SAID_HIGHER.search(result.scale_text) or PLUS_IS_BETTER in result.note:
        return "higher"
    scale = _scale_of(result.endpoint)
    return scale.better if scale else ""


def true_zero(result: Result) -> bool:
    """Whether zero on its scale means that nothing is there, so that ratios mean something."""
    scale = _scale_of(result.endpoint)
    return bool(scale and scale.true_zero)
