"""A scenario: what is asked of a forecast, as people write it (YAML 1.2, ``schema_version: 1``)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from exocast.documents import NO_OPTIONS, parse, plain_value, read_mapping
from exocast.dose import Regimen
from exocast.engine.site import load_condition
from exocast.errors import InvalidInput, UnitError, UnknownName, nearest
from exocast.evidence.rows import package_table
from exocast.patient import comparators
from exocast.units import magnitude
from exocast.vial import VialDescription

MOST_RUNS = 1_000_000
ARMS = ("vial", "saline", "no injection")
OSTEOARTHRITIS_GRADE = 2  # by definition of the Kellgren-Lawrence scale


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Block):
    """The person the forecast is about; the virtual population is drawn like them."""

    age: str = Field(description="age with its unit", examples=["62 year"])
    sex: Literal["female", "male"]
    bmi: str = Field(description="body mass index", examples=["29 kg/m^2"])
    kellgren_lawrence: int = Field(ge=0, le=4, description="radiographic grade of the knee")
    pain_vas: str = Field(
        description="pain on the 0-100 mm scale at entry, the reading they were chosen by",
        examples=["65 mm"],
    )
    synovitis: Literal["none", "mild", "moderate", "severe"] = "moderate"

    @field_validator("age")
    @classmethod
    def _age(cls, text: str) -> str:
        return _within(text, "year", 18, 110)

    @field_validator("bmi")
    @classmethod
    def _bmi(cls, text: str) -> str:
        return _within(text, "kg/m^2", 12, 80)

    @field_validator("pain_vas")
    @classmethod
    def _pain(cls, text: str) -> str:
        return _within(text, "mm", 1, 99)

    @property
    def age_years(self) -> float:
        """Age in years."""
        return magnitude(self.age, "year")

    @property
    def bmi_kg_m2(self) -> float:
        """Body mass index in kg/m²."""
        return magnitude(self.bmi, "kg/m^2")

    @property
    def pain_vas_mm(self) -> float:
        """Pain at entry on the visual analogue scale, 0-100 mm."""
        return magnitude(self.pain_vas, "mm")


class EntryCriteria(_Block):
    """How people came to be treated: regression to the mean follows from it.

    The threshold applies to the very reading that ``patient.pain_vas`` is, the usual 40 mm of a
    screening visit. Trials print a later reading as their baseline, which some pass below 40, so
    ``evidence/entry.csv`` takes 30 where a trial's threshold is not known.
    """

    pain_vas_at_least: str = Field(
        default="40 mm",
        description="least pain on the reading that people were chosen by, which is "
        "patient.pain_vas; where that is a later reading than the one at screening, give less "
        "(30 mm stands in for trials that ask for 40 mm at screening)",
        examples=["40 mm"],
    )

    @field_validator("pain_vas_at_least")
    @classmethod
    def _threshold(cls, text: str) -> str:
        return _within(text, "mm", 0, 95)

    @property
    def threshold_mm(self) -> float:
        """Entry threshold of pain, in mm of 100."""
        return magnitude(self.pain_vas_at_least, "mm")


class Scenario(_Block):
    """Everything a forecast needs; ``exocast init`` writes a commented one."""

    schema_version: Literal[1]
    title: str = Field(default="Forecast", max_length=200)
    vial: VialDescription
    regimen: Regimen
    patient: Person
    entry: EntryCriteria = EntryCriteria()
    site: str = "knee"
    condition: str = "knee_oa"
    arms: tuple[str, ...] = ("vial", "saline")
    horizon: str = Field(default="52 week", examples=["52 week"])
    worlds: int = Field(default=50, ge=2, le=100_000)
    patients: int = Field(default=200, ge=1, le=1_000_000)
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    prior: Literal["default", "literature"] = "default"

    @field_validator("horizon")
    @classmethod
    def _horizon(cls, text: str) -> str:
        return _within(text, "week", 1, 260)

    @field_validator("arms")
    @classmethod
    def _arms(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        known = (*ARMS, *comparators.names())
        for arm in arms:
            if arm not in known:
                raise ValueError(f"there is no arm '{arm}'." + nearest(arm, known))
        if len(set(arms)) != len(arms):
            raise ValueError("each arm stands once")
        if "vial" not in arms or "saline" not in arms:
            raise ValueError("a forecast always shows the control: arms need 'vial' and 'saline'")
        return arms

    @model_validator(mode="after")
    def _fits(self) -> Scenario:
        if self.worlds * self.patients > MOST_RUNS:
            raise ValueError(
                f"{self.worlds} worlds of {self.patients} patients are more than {MOST_RUNS:,} "
                "runs an arm; ask for fewer"
            )
        last = self.regimen.times_days[-1]
        if last >= self.horizon_days:
            raise ValueError(
                f"the last injection is on day {last:g} and the horizon ends on day "
                f"{self.horizon_days:g}; lengthen the horizon or give fewer injections"
            )
        return self

    @property
    def comparators(self) -> tuple[str, ...]:
        """Arms that are known by their effect in trials only."""
        return tuple(arm for arm in self.arms if arm not in ARMS)

    @property
    def horizon_days(self) -> float:
        """Length of the forecast, in days."""
        return magnitude(self.horizon, "day")


def load_scenario(
    path: Path, changes: Sequence[str] = (), options: Mapping[str, str] = NO_OPTIONS
) -> Scenario:
    """Scenario from a YAML file, with changes such as ``regimen.dose=2e10 particle`` applied.

    Parameters
    ----------
    path
        The file.
    changes
        Applied in their order.
    options
        Option that made a change, by the field's name, where it was not ``--set``.

    Raises
    ------
    NotFound
        When there is no such file.
    InvalidInput
        When the file is no plain YAML mapping, has an unknown or missing field, or a value
        that cannot be used; all findings are listed together, each with its field or option.
    """
    data = with_changes(read_mapping(path), changes, options)
    return parse_scenario(data, where=str(path), options=options_of(changes, options))


def with_changes(
    data: Mapping[str, Any], changes: Sequence[str], options: Mapping[str, str] = NO_OPTIONS
) -> dict[str, Any]:
    """The same mapping with changes such as ``regimen.dose=2e10 particle`` applied."""
    changed: dict[str, Any] = copy.deepcopy(dict(data))
    for change in changes:
        _apply(changed, change, options)
    return changed


def options_of(changes: Sequence[str], options: Mapping[str, str] = NO_OPTIONS) -> dict[str, str]:
    """Option that made each change, by field: ``--set FIELD`` where no other is known."""
    fields = [change.partition("=")[0].strip() for change in changes]
    return {field: options.get(field, f"--set {field}") for field in fields}


def parse_scenario(
    data: Mapping[str, Any], *, where: str = "scenario", options: Mapping[str, str] = NO_OPTIONS
) -> Scenario:
    """Scenario from a mapping; see :func:`load_scenario` for what is refused."""
    return parse(Scenario, data, where=where, options=options)


def contradiction(scenario: Scenario) -> str:
    """Sentence on a person whom the scenario's condition does not fit; empty where it fits.

    Only a condition whose file says ``healthy: true`` can fail to fit.

    Pain counts where it is more than the error of measuring it, row ``outcomes.error_vas``.
    """
    condition, _ = load_condition(scenario.condition)
    if not condition.healthy:
        return ""
    person = scenario.patient
    signs = []
    if person.kellgren_lawrence >= OSTEOARTHRITIS_GRADE:
        signs.append(f"Kellgren-Lawrence grade {person.kellgren_lawrence}")
    if person.pain_vas_mm > package_table("patient", "outcomes")["error_vas"].value:
        signs.append(f"pain of {person.pain_vas}")
    if not signs:
        return ""
    return (
        f"'{condition.name}' takes its numbers from healthy joints, and this patient has "
        f"{' and '.join(signs)}; choose the condition that they have, or describe a healthy person"
    )


def _within(text: str, unit: str, low: float, high: float) -> str:
    try:
        value = magnitude(text, unit)
    except UnitError as e:
        raise ValueError(e.message) from None
    if not low <= value <= high:
        raise ValueError(f"'{text}' lies outside {low:g} to {high:g} {unit}")
    return text


def _apply(data: dict[str, Any], change: str, options: Mapping[str, str]) -> None:
    name, sign, value = change.partition("=")
    name = name.strip()
    if not sign or not all(part.strip() for part in name.split(".")):
        raise InvalidInput(
            f"'{change}' is not of the form field=value, such as regimen.dose=\"2e10 particle\".",
            where="--set",
        )
    option = options.get(name, f"--set {name}")
    *path, last = name.split(".")
    place = data
    for step in path:
        inner = place.setdefault(step, {})
        if not isinstance(inner, dict):
            raise UnknownName(
                f"'{step}' is '{inner}', which holds no fields; change '{step}' itself.",
                where=option,
            )
        place = inner
    place[last] = plain_value(value, where=option)
