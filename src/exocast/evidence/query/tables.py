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

from exocast.errors import TableError
from exocast.evidence.register import FOLDER, Result

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
    columns = ("id", "meaning", "value", "low", "high", "unit", "source", "place", "note")
    for line, row in enumerate(_rows(folder / "assumed.csv", columns), start=2):
        if row["id"] == key:
            value, low, high = (float(row[name]) for name in ("value", "low", "high"))
            if not -1 < low < value < high < 1:
                raise TableError(
                    f"{low:g}, {value:g}, {high:g} are no rising correlations.",
                    where=f"assumed.csv, line {line}",
                )
            return Assumed(value=value, low=low, high=high)
    raise TableError(f"there is no row '{key}'.", where="assumed.csv")


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
