"""Arms of published trials: what was observed, on which scale, for what it is used.

``arm_choices.csv`` says which lines of the register are an arm and what the arm is used for;
:func:`from_register` reads them, and ``scripts/pool_evidence.py`` writes ``arms.csv``.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exocast.errors import TableError, UnknownName, nearest
from exocast.evidence.register import Register, Result, register
from exocast.evidence.rows import package_table

COLUMNS = (
    "arm,study_id,instrument,statistic,n,studies,week,value,spread,spread_kind,sd_of_change,"
    "used_for,source,place,note"
).split(",")
UNTREATED = ("zhang2008", "untreated control")
COHORTS = re.compile(r"(\d+) (?:studies|placebo cohorts|cohorts)")


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
                visits=tuple(visit_of(line) for line in lines),
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


def visit_of(line: Mapping[str, str]) -> Visit:
    """A visit from a line of ``arms.csv``."""
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


# From the register --------------------------------------------------------------------------------


def choices() -> tuple[dict[str, str], ...]:
    """Which lines of the register are an arm, in file order."""
    text = Path(__file__).with_name("arm_choices.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def from_register(whole: Register | None = None) -> list[dict[str, str]]:
    """Lines of ``arms.csv``, as the register has them: on 0-100, minus for less pain.

    Raises
    ------
    TableError
        For a choice that no line of the register answers; visits without a spread are no lines.
    """
    whole = whole or register()
    lines = []
    for choice in choices():
        found = [r for r in whole.results_of(choice["study_id"]) if _chosen(r, choice)]
        if not found:
            raise TableError(
                f"no line of the register is the arm '{choice['arm']}'.", where="arm_choices.csv"
            )
        lines += [line_of(r, choice) for r in sorted(found, key=lambda r: r.week or 0.0)]
    return lines


def untreated(whole: Register | None = None) -> tuple[float, float, float]:
    """Gain of untreated arms in SD of pain, with its 95 % interval, from the register.

    Raises
    ------
    TableError
        When the register has no such line, or several.
    """
    found = [
        r
        for r in (whole or register()).results_of(UNTREATED[0])
        if r.intervention.startswith(UNTREATED[1])
    ]
    if len(found) != 1 or found[0].value is None or found[0].low is None or found[0].high is None:
        raise TableError(
            f"{UNTREATED[0]} has no one line of {UNTREATED[1]} with its interval.",
            where="register/results.csv",
        )
    return found[0].value, found[0].low, found[0].high


def _chosen(r: Result, choice: Mapping[str, str]) -> bool:
    return (
        r.intervention.startswith(choice["given"])
        and choice["route"] in r.route
        and r.endpoint == choice["endpoint"]
        and bool(r.week)
        and (r.statistic.startswith("effect") or _spread(r) is not None)
    )


def _spread(r: Result) -> tuple[str, float] | None:
    """Kind and size of the spread of a change, as printed."""
    if r.se is not None:
        return "se", r.se
    return ("sd", r.sd_of_change) if r.sd_of_change is not None else None


def line_of(r: Result, choice: Mapping[str, str]) -> dict[str, str]:
    """A line of ``arms.csv`` from a line of the register: on 0-100, minus for less pain.

    Raises
    ------
    TableError
        When the scale is not known.
    """
    # Questions to the register know of arms, so arms ask for a scale's direction when it is needed.
    from exocast.evidence.query.tables import better_of

    smd = r.statistic == "effect_smd"
    if not smd and (r.scale_low is None or r.scale_high is None):
        raise TableError("the scale is not known.", where=f"results.csv, line {r.line}")
    factor = 1.0 if smd else 100.0 / ((r.scale_high or 0.0) - (r.scale_low or 0.0))
    if better_of(r) == "higher":
        factor = -factor
    value = r.value if r.change is None else r.change
    assert value is not None
    sd = ""
    if r.statistic.startswith("effect"):
        ends = sorted(factor * end for end in (r.low, r.high) if end is not None)
        spread, kind = "..".join(f"{end:.4g}" for end in ends), "ci95"
    else:
        found = _spread(r)
        assert found is not None
        kind, size = found
        spread = f"{abs(factor) * size:.4g}"
        if choice["sd_printed"] == "yes" and r.sd_of_change is not None:
            sd = f"{abs(factor) * r.sd_of_change:.4g}"
    cohorts = COHORTS.search(r.note)
    return {
        "arm": choice["arm"],
        "study_id": choice["study_id"],
        "instrument": choice["instrument"],
        "statistic": "smd" if smd else "change",
        "n": f"{r.n:g}",
        "studies": cohorts.group(1) if cohorts else "1",
        "week": f"{r.week:g}",
        "value": f"{factor * value:.4g}",
        "spread": spread,
        "spread_kind": kind,
        "sd_of_change": sd,
        "used_for": choice["used_for"],
        "source": choice["study_id"],
        "place": r.place,
        "note": "; ".join(part for part in (r.scale_text, choice["note"]) if part),
    }
