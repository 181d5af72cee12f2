"""Validation triplets: what was measured, where it stands, and how the experiment is simulated.

``<name>.csv`` holds the numbers, ``<name>.yaml`` their origin and what they may be used for,
``<name>.scenario.yaml`` the experiment. Any folder of such files is read; a package's folder is
only one of them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from exocast.documents import parse, read_mapping, utf8_text
from exocast.errors import InvalidInput, NotFound, UnitError, UnknownName, nearest
from exocast.units import convert, magnitude, quantity

FOLDER = Path(__file__).parent / "triplets"
ENDINGS = (".csv", ".yaml", ".scenario.yaml")
COLUMNS = ("condition", "x", "x_unit", "y", "y_unit", "y_spread", "spread_kind", "n")
KINDS = ("sd", "se", "ci95", "range", "log_sd", "cv")
USES = ("calibration", "prediction", "shown")
STATISTICS = (
    "value",
    "ratio",
    "one_minus_ratio",
    "share",
    "half_life",
    "half_life_1",
    "half_life_2",
    "auc",
    "mrt",
    "clearance",
    "volume",
    "peak",
    "peak_time",
    "first_time",
    "present",
    "half_saturation",
    "half_life_of_rate",
    "band_fold",
    "first_peak_time",
    "period",
    "second_over_first",
    "ec50",
    "hill",
)
NO_TIME = "parameter"
RATIOS = ("ratio", "one_minus_ratio")
TIMED = ("value", "share", "present", "band_fold")
WHOLE_COURSE = ("auc", "mrt", "clearance", "volume", "peak", "peak_time", "first_time")
LADDER = "half_saturation"
LADDERS = (LADDER, "ec50", "hill")
WAVES = ("first_peak_time", "period", "second_over_first")
PHASES = ("half_life_1", "half_life_2")
Statistic = Literal[
    "value",
    "ratio",
    "one_minus_ratio",
    "share",
    "half_life",
    "half_life_1",
    "half_life_2",
    "auc",
    "mrt",
    "clearance",
    "volume",
    "peak",
    "peak_time",
    "first_time",
    "present",
    "half_saturation",
    "half_life_of_rate",
    "band_fold",
    "first_peak_time",
    "period",
    "second_over_first",
    "ec50",
    "hill",
]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dose(_Block):
    """One dose of an arm."""

    time: str = "0 h"
    route: str
    amount: str | None = Field(default=None, examples=["1e10 particle", "2e6 cell"])
    size_median: str | None = None
    size_log_sd: float = Field(default=0.35, gt=0)
    soluble: str | None = Field(default=None, examples=["1e6 pg"])
    live_share: float = Field(default=1.0, ge=0, le=1, description="of cells, when given")

    @field_validator("amount", "soluble")
    @classmethod
    def _not_negative(cls, text: str | None) -> str | None:
        try:
            if text is not None and quantity(text).magnitude < 0:
                raise ValueError(f"'{text}' is below zero")
        except UnitError as e:
            raise ValueError(e.message) from None
        return text


class Arm(_Block):
    """One group of an experiment; ``like`` copies another and changes what is named."""

    like: str | None = None
    doses: tuple[Dose, ...] | Literal["same"] | None = None
    doses_of: tuple[str, ...] = Field(default=(), description="amounts of a ladder, ascending")
    set: dict[str, float | str] = Field(default_factory=dict)
    samples: tuple[str, ...] = ()
    site: str | None = None
    species: str | None = None
    condition: str | None = None
    overlays: tuple[str, ...] | None = None

    @property
    def plan(self) -> tuple[Dose, ...]:
        """Its doses, in order; none for an arm that is given nothing."""
        return () if self.doses is None or isinstance(self.doses, str) else self.doses


class Reading(_Block):
    """How a condition of the table is read off the simulation."""

    arm: str
    observe: str | None = None
    statistic: Statistic = "value"
    over: str | None = Field(default=None, description="arm to compare with")
    of: str | None = Field(default=None, description="observable that a share is of")
    per: str | None = Field(default=None, description="place whose volume it is divided by")
    per_auc: str | None = Field(
        default=None, description="observable whose area, up to the time, it is divided by"
    )
    over_observe: str | None = Field(
        default=None, description="observable of the same arm that it is divided by"
    )
    over_per: str | None = None
    each: Statistic | None = Field(default=None, description="statistic of each arm of a ratio")
    over_each: Statistic | None = Field(
        default=None, description="statistic of the arm below, where that is another"
    )
    at: str | None = None
    over_at: str | None = Field(
        default=None, description="when the arm below is read, where that is another time"
    )
    window: tuple[str, str] | None = None
    above: float | None = None
    row: str | None = None
    scale: float | None = Field(
        default=None,
        description="further factor; where the units are of different kinds, in place of "
        "the conversion",
    )

    @property
    def kinds(self) -> frozenset[str]:
        """Statistics that are taken of the arms: of a ratio, those above and below."""
        if self.statistic not in RATIOS:
            return frozenset({self.statistic})
        above = self.each or "value"
        return frozenset({above, self.over_each or above} if self.over else {above})

    @property
    def timed(self) -> bool:
        """Whether it is read at a time, and not off a whole course."""
        return bool(self.kinds & set(TIMED))


class Experiment(_Block):
    """A ``<name>.scenario.yaml``."""

    schema_version: Literal[1]
    site: str
    species: str = "human"
    condition: str | None = None
    overlays: tuple[str, ...] = ()
    set: dict[str, float | str] = Field(default_factory=dict)
    samples: tuple[str, ...] = ()
    arms: dict[str, Arm]
    conditions: dict[str, Reading]


class Origin(_Block):
    """A ``<name>.yaml``."""

    title: str
    doi: str = ""
    place: str
    species: str = ""
    dose: str = ""
    how_obtained: str = ""
    used_for: Literal["calibration", "prediction", "shown"]
    grade: Literal["A", "B", "C", "D", "E"]
    source: str
    notes: str = ""
    informs: tuple[str, ...] = Field(default=(), description="rows that the numbers set")
    given: Literal["", "vesicles", "cells", "soluble"] = Field(
        default="",
        description="what was given, where the scenario writes it as another kind: an antibody, "
        "written as the smallest of particles so that the model can move it, is soluble",
    )


@dataclass(frozen=True, kw_only=True)
class Datum:
    """One line of the table: ``y`` with what is known of its error, at ``x``."""

    condition: str
    x: float
    x_unit: str
    y: float
    y_unit: str
    spread: tuple[float, ...]
    spread_kind: str
    n: float | None


@dataclass(frozen=True, kw_only=True)
class Triplet:
    """A data set with its origin and its experiment."""

    name: str
    folder: Path
    data: tuple[Datum, ...]
    origin: Origin
    experiment: Experiment

    def file(self, ending: str) -> str:
        """Name of one of its files, for messages."""
        return str(self.folder / f"{self.name}{ending}")


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of the triplets in a folder, sorted.

    Raises
    ------
    NotFound
        When there is no such folder, no triplet in it, or one that lacks a file.
    """
    if not folder.is_dir():
        raise NotFound("There is no such folder.", where=str(folder))
    stems = {path.name.removesuffix(".csv") for path in folder.glob("*.csv")}
    stems |= {path.name.removesuffix(".scenario.yaml") for path in folder.glob("*.scenario.yaml")}
    if not stems:
        raise NotFound(
            "There is no triplet here: <name>.csv, <name>.yaml and <name>.scenario.yaml.",
            where=str(folder),
        )
    lacking = [
        f"{stem}{ending}"
        for stem in sorted(stems)
        for ending in ENDINGS
        if not (folder / f"{stem}{ending}").is_file()
    ]
    if lacking:
        raise NotFound(
            f"A triplet has three files, and {', '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} not there.",
            where=str(folder),
        )
    return tuple(sorted(stems))


def read_all(folder: Path = FOLDER, only: Sequence[str] = ()) -> tuple[Triplet, ...]:
    """Triplets of a folder, or some of them.

    Raises
    ------
    UnknownName
        For a name that is not there; the nearest ones are offered.
    InvalidInput
        With all findings of all files together.
    """
    known = names(folder)
    for name in only:
        if name not in known:
            raise UnknownName(
                f"There is no data set '{name}'." + nearest(name, known), where="--only"
            )
    found, problems = [], []
    for name in dict.fromkeys(only) or known:
        try:
            found.append(read(folder, name))
        except (InvalidInput, NotFound, UnitError) as e:
            problems.append(str(e))
    problems += _used_twice(found)
    if problems:
        raise InvalidInput("\n".join(problems), where=str(folder))
    return tuple(found)


def _used_twice(found: Sequence[Triplet]) -> list[str]:
    """Studies that are to build the model and to test it."""
    by_use: dict[str, dict[str, str]] = {"calibration": {}, "prediction": {}}
    for triplet in found:
        if triplet.origin.used_for in by_use:
            by_use[triplet.origin.used_for].setdefault(triplet.origin.source, triplet.name)
    built, tests = by_use["calibration"], by_use["prediction"]
    return [
        f"'{built[source]}' is for calibration and '{tests[source]}' for prediction, and both are "
        f"of the source '{source}': a study that builds the model never tests it"
        for source in sorted(built.keys() & tests.keys())
    ]


def read(folder: Path, name: str) -> Triplet:
    """One triplet, checked: names agree, numbers are numbers, units are units."""
    experiment = _with_likes(
        parse(
            Experiment,
            read_mapping(folder / f"{name}.scenario.yaml"),
            where=str(folder / f"{name}.scenario.yaml"),
        ),
        where=str(folder / f"{name}.scenario.yaml"),
    )
    origin = parse(
        Origin, read_mapping(folder / f"{name}.yaml"), where=str(folder / f"{name}.yaml")
    )
    data, problems = _data(folder / f"{name}.csv")
    for datum in data:
        if datum.condition not in experiment.conditions:
            problems.append(
                f"the condition '{datum.condition}' is not in {name}.scenario.yaml."
                + nearest(datum.condition, tuple(experiment.conditions))
            )
        else:
            problems += _unreadable(datum, experiment.conditions[datum.condition])
    problems += _names_in(experiment)
    problems += _doubles(data)
    if problems:
        raise InvalidInput("; ".join(dict.fromkeys(problems)), where=str(folder / name))
    return Triplet(name=name, folder=folder, data=tuple(data), origin=origin, experiment=experiment)


def _with_likes(experiment: Experiment, *, where: str) -> Experiment:
    """The experiment with every ``like`` and ``same`` written out."""
    arms: dict[str, Arm] = {}
    for name, arm in experiment.arms.items():
        whole = arm
        if arm.like is not None or arm.doses == "same":
            before = arms.get(arm.like) if arm.like else next(iter(arms.values()), None)
            if before is None:
                raise InvalidInput(
                    f"arm '{name}' is like '{arm.like or 'the first'}', which does not stand "
                    "before it." + nearest(str(arm.like), tuple(arms)),
                    where=where,
                )
            given = {
                field: getattr(arm, field)
                for field in arm.model_fields_set
                if field not in ("like", "set") and getattr(arm, field) != "same"
            }
            whole = before.model_copy(update={**given, "set": {**before.set, **arm.set}})
        arms[name] = whole
    return experiment.model_copy(update={"arms": arms})


def _names_in(experiment: Experiment) -> list[str]:
    problems = []
    for name, reading in experiment.conditions.items():
        problems += [
            f"condition '{name}' names the arm '{arm}'." + nearest(arm, tuple(experiment.arms))
            for arm in (reading.arm, reading.over)
            if arm is not None and arm not in experiment.arms
        ]
        if reading.statistic in RATIOS and (reading.over is None and reading.over_observe is None):
            problems.append(f"condition '{name}' is a ratio and does not say over which arm")
        problems += [
            f"condition '{name}' has '{field}' and is no ratio 'over' an arm"
            for field in ("over_each", "over_at")
            if getattr(reading, field) is not None
            and (reading.statistic not in RATIOS or reading.over is None)
        ]
        if reading.statistic == "share" and reading.of is None:
            problems.append(f"condition '{name}' is a share and does not say 'of' what")
        samples = experiment.arms[reading.arm].samples if reading.arm in experiment.arms else ()
        at_samples = samples or experiment.samples
        kinds = reading.kinds
        if kinds & set(PHASES) and len(at_samples) < 4:
            problems.append(f"condition '{name}' needs four samples or more, for two phases")
        if "half_life" in kinds and not at_samples and reading.window is None:
            problems.append(f"condition '{name}' is a half-life and has no 'samples' or 'window'")
        if reading.window is not None and days(reading.window[0]) >= days(reading.window[1]):
            problems.append(f"condition '{name}': the window ends before it begins")
        if experiment.arms.get(reading.arm, Arm()).doses_of and reading.statistic not in LADDERS:
            problems.append(f"condition '{name}' reads a ladder of doses: say {', '.join(LADDERS)}")
        if kinds & set(WAVES) and reading.window is None:
            problems.append(f"condition '{name}' looks for peaks and has no 'window'")
        if reading.statistic == "half_life_of_rate" and reading.row is None:
            problems.append(f"condition '{name}' does not say of which row")
        elif reading.statistic != "half_life_of_rate" and reading.observe is None:
            problems.append(f"condition '{name}' does not say what is observed")
    return problems


def _unreadable(datum: Datum, reading: Reading) -> list[str]:
    """What a line and its reading do not agree on."""
    at = reading_time(datum, reading)
    problems = _impossible(datum, reading)
    if reading.timed and at is None:
        problems.append(
            f"'{datum.condition}' is read at a time: give x with a unit of time, or 'at' in the "
            "scenario"
        )
    own = reading_time(datum, reading.model_copy(update={"at": None}))
    if own is not None and at is not None and reading.timed and abs(own - at) > 1e-9:
        problems.append(
            f"'{datum.condition}': x says {datum.x:g} {datum.x_unit}, and 'at' {reading.at}"
        )
    return problems


def _impossible(datum: Datum, reading: Reading) -> list[str]:
    """A number that no amount, time or share can have."""
    ends = (datum.y, *(datum.spread if datum.spread_kind in ("ci95", "range") else ()))
    if reading.statistic == "one_minus_ratio":  # a rise is a loss below zero
        return []
    if any(end < 0 for end in ends):
        return [f"'{datum.condition}' is below zero ({min(ends):g}), as nothing that is read is"]
    share = datum.y_unit == "percent" and reading.statistic in ("value", "share", "peak")
    if share and reading.scale is None and any(end > 100 for end in ends):
        return [f"'{datum.condition}' is {max(ends):g} percent, more than all there is"]
    return []


def _doubles(data: Sequence[Datum]) -> list[str]:
    seen: set[tuple[str, str]] = set()
    problems = []
    for datum in data:
        key = (datum.condition, f"{datum.x:g} {datum.x_unit}")
        if key in seen:
            problems.append(f"'{datum.condition}' at {datum.x:g} {datum.x_unit} stands twice")
        seen.add(key)
    return problems


def _data(file: Path) -> tuple[list[Datum], list[str]]:
    if not file.is_file():
        raise NotFound("There is no such file; a triplet has three.", where=str(file))
    lines = list(csv.reader(utf8_text(file).removeprefix("\ufeff").splitlines()))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise InvalidInput(f"the first line has to be {','.join(COLUMNS)}.", where=str(file))
    found, problems = [], []
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        try:
            if len(line) != len(COLUMNS):
                raise ValueError(f"{len(line)} cells, and {len(COLUMNS)} are needed")
            found.append(_datum(dict(zip(COLUMNS, line, strict=True))))
        except (ValueError, UnitError) as e:
            problems.append(f"{file.name}, line {number}: {e}")
    if not found and not problems:
        problems.append(f"{file.name} has no lines")
    return found, problems


def _datum(cells: Mapping[str, str]) -> Datum:
    kind = cells["spread_kind"].strip()
    if kind and kind not in KINDS:
        raise ValueError(f"there is no spread kind '{kind}'." + nearest(kind, KINDS))
    spread = tuple(float(part) for part in cells["y_spread"].split("..") if part.strip())
    if bool(spread) != bool(kind):
        raise ValueError("y_spread and spread_kind stand together or not at all")
    if kind and len(spread) != (2 if kind in ("ci95", "range") else 1):
        raise ValueError(f"a spread of kind {kind} has {'two ends' if len(spread) == 1 else 'one'}")
    y, n = float(cells["y"]), float(cells["n"] or "nan")
    if not math.isfinite(y):
        raise ValueError("y has to be a finite number")
    if cells["n"].strip() and not n > 0:
        raise ValueError(f"n is {cells['n']}, and has to be above zero")
    if not all(math.isfinite(end) for end in spread) or (len(spread) == 1 and not spread[0] > 0):
        raise ValueError(f"a spread of {cells['y_spread']} is not above zero")
    if len(spread) == 2 and not spread[0] < spread[1]:
        raise ValueError(f"the range {cells['y_spread']} does not ascend")
    y_unit = cells["y_unit"].strip() or "1"
    _known_unit(y_unit)
    x_unit = cells["x_unit"].strip()
    if x_unit not in ("", NO_TIME):
        magnitude(f"1 {x_unit}", "day")
    return Datum(
        condition=cells["condition"].strip(),
        x=float(cells["x"] or "nan"),
        x_unit=x_unit,
        y=y,
        y_unit=y_unit,
        spread=spread,
        spread_kind=kind,
        n=n if cells["n"].strip() else None,
    )


def _known_unit(unit: str) -> None:
    if unit != "1":
        quantity(f"1 {unit}")


def reading_time(datum: Datum, reading: Reading) -> float | None:
    """Time of a reading, in days: the scenario's, else the line's."""
    if reading.at is not None:
        return days(reading.at)
    if datum.x_unit and datum.x_unit != NO_TIME and math.isfinite(datum.x):
        return convert(datum.x, datum.x_unit, "day")
    return None


def days(text: str, where: str = "") -> float:
    """A time as text, in days."""
    return magnitude(text, "day", where=where)


def as_schema() -> dict[str, Any]:
    """JSON Schema of a ``<name>.scenario.yaml``."""
    return Experiment.model_json_schema()
