"""Arms of published trials: what was observed, on which scale, for what it is used."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

from exocast.errors import UnknownName, nearest
from exocast.evidence.rows import package_table


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Outcome of an arm at one visit.

    Attributes
    ----------
    statistic
        ``change`` (0-100, minus is less pain) or ``smd`` (the same in standard deviations).
    value
        The mean.
    standard_error
        Of that mean: printed, or from the interval, or SD over the root of n.
    sd
        Standard deviation of the change between people, where printed as such; else ``None``.
    n, studies
        People behind the mean, and cohorts pooled in it.
    """

    week: float
    statistic: str
    value: float
    standard_error: float
    sd: float | None
    n: int
    studies: int


@dataclass(frozen=True, kw_only=True)
class Arm:
    """An arm (or a pool of arms) with its entry and its visits.

    ``mean``, ``sd``, ``threshold`` and ``ceiling`` describe pain at entry on 0-100;
    ``instrument`` is ``pain_vas`` or ``womac_pain``, the latter on 0-100.
    """

    name: str
    study_id: str
    instrument: str
    used_for: str
    source: str
    mean: float
    sd: float
    threshold: float
    ceiling: float
    visits: tuple[Visit, ...]

    @property
    def days(self) -> tuple[float, ...]:
        """Days of the visits after the first injection."""
        return tuple(7.0 * visit.week for visit in self.visits)


@functools.cache
def arms() -> tuple[Arm, ...]:
    """Every arm of the table, in file order."""
    text = Path(__file__).with_name("arms.csv").read_text(encoding="utf-8")
    entry = package_table("evidence", "entry")
    records: dict[str, list[dict[str, str]]] = {}
    for record in csv.DictReader(text.splitlines()):
        records.setdefault(record["arm"], []).append(record)
    found = []
    for name, lines in records.items():
        first = lines[0]
        ceiling = entry[f"{name}.ceiling"].value if f"{name}.ceiling" in entry else 100.0
        found.append(
            Arm(
                name=name,
                study_id=first["study_id"],
                instrument=first["instrument"],
                used_for=first["used_for"],
                source=first["source"],
                mean=entry[f"{name}.mean"].value,
                sd=entry[f"{name}.sd"].value,
                threshold=entry[f"{name}.threshold"].value,
                ceiling=ceiling,
                visits=tuple(_visit(line) for line in lines),
            )
        )
    return tuple(found)


def arm(name: str) -> Arm:
    """The arm of this name.

    Raises
    ------
    UnknownName
        When there is none.
    """
    known = {a.name: a for a in arms()}
    if name not in known:
        raise UnknownName(f"There is no arm '{name}'." + nearest(name, known))
    return known[name]


def arms_for(use: str) -> tuple[Arm, ...]:
    """Arms kept for ``calibration`` or for ``prediction``; an arm has one use only."""
    return tuple(a for a in arms() if a.used_for == use)


def _visit(line: dict[str, str]) -> Visit:
    n = int(line["n"])
    kind, text = line["spread_kind"], line["spread"]
    sd = float(line["sd_of_change"]) if line["sd_of_change"] else None
    if kind == "ci95":
        low, high = (float(part) for part in text.split(".."))
        error = (high - low) / 3.92
    elif kind == "se":
        error = float(text)
    else:
        sd = float(text)
        error = sd / n**0.5
    return Visit(
        week=float(line["week"]),
        statistic=line["statistic"],
        value=float(line["value"]),
        standard_error=error,
        sd=sd,
        n=n,
        studies=int(line["studies"]),
    )
