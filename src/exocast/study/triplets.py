"""Validation triplets: what was measured, where it stands, and how the experiment is simulated.

``<name>.csv`` holds the numbers, ``<name>.yaml`` their origin and what they may be used for,
``<name>.scenario.yaml`` the experiment. Any folder of such files is read; a package's folder is
only one of them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from exocast.documents import parse, read_mapping, utf8_text
from exocast.errors import InvalidInput, NotFound, UnitError, UnknownName, nearest
from exocast.units import magnitude

FOLDER = Path(__file__).parent / "triplets"
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
)
NO_TIME = "parameter"
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
    at: str | None = None
    window: tuple[str, str] | None = None
    above: float | None = None
    row: str | None = None
    scale: float = 1.0


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
    fast: bool = Field(default=False, description="simulated with every change")


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
        When there is no such folder, or no triplet in it.
    """
    if not folder.is_dir():
        raise NotFound("There is no such folder.", where=str(folder))
    found = tuple(
        sorted(path.name.removesuffix(".scenario.yaml") for path in folder.glob("*.scenario.yaml"))
    )
    if not found:
        raise NotFound(
            "There is no triplet here: <name>.csv, <name>.yaml and <name>.scenario.yaml.",
            where=str(folder),
        )
    return found


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
    for name in only or known:
        try:
            found.append(read(folder, name))
        except (InvalidInput, NotFound) as e:
            problems.append(str(e))
    if problems:
        raise InvalidInput("\n".join(problems), where=str(folder))
    return tuple(found)


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
    problems += _names_in(experiment)
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
        if reading.statistic in ("ratio", "one_minus_ratio") and (
            reading.over is None and reading.over_observe is None
        ):
            problems.append(f"condition '{name}' is a ratio and does not say over which arm")
        if reading.statistic == "half_life_of_rate" and reading.row is None:
            problems.append(f"condition '{name}' does not say of which row")
        elif reading.statistic != "half_life_of_rate" and reading.observe is None:
            problems.append(f"condition '{name}' does not say what is observed")
    return problems


def _data(file: Path) -> tuple[list[Datum], list[str]]:
    if not file.is_file():
        raise NotFound("There is no such file; a triplet has three.", where=str(file))
    lines = list(csv.reader(utf8_text(file).splitlines()))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise InvalidInput(f"the first line has to be {','.join(COLUMNS)}.", where=str(file))
    found, problems = [], []
    for number, line in enumerate(lines[1:], start=2):
        try:
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
    x_unit = cells["x_unit"].strip()
    if x_unit not in ("", NO_TIME):
        magnitude(f"1 {x_unit}", "day")
    return Datum(
        condition=cells["condition"].strip(),
        x=float(cells["x"] or "nan"),
        x_unit=x_unit,
        y=float(cells["y"]),
        y_unit=cells["y_unit"].strip(),
        spread=spread,
        spread_kind=kind,
        n=float(cells["n"]) if cells["n"].strip() else None,
    )


def days(text: str, where: str = "") -> float:
    """A time as text, in days."""
    return magnitude(text, "day", where=where)


def as_schema() -> dict[str, Any]:
    """JSON Schema of a ``<name>.scenario.yaml``."""
    return Experiment.model_json_schema()
