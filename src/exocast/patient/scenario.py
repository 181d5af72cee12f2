"""A scenario: what is asked of a forecast, as people write it (YAML 1.2, ``schema_version: 1``)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from exocast.dose import Regimen
from exocast.errors import InvalidInput, NotFound, UnitError, UnknownName, nearest
from exocast.units import magnitude
from exocast.vial import VialDescription

MOST_BYTES = 1_000_000
MOST_LEVELS = 20
ARMS = ("vial", "saline", "no injection")


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Block):
    """The person the forecast is about; the virtual population is drawn like them."""

    age: str = Field(description="age with its unit", examples=["62 year"])
    sex: Literal["female", "male"]
    bmi: str = Field(description="body mass index", examples=["29 kg/m^2"])
    kellgren_lawrence: int = Field(ge=0, le=4, description="radiographic grade of the knee")
    pain_vas: str = Field(description="pain on the 0-100 mm scale at entry", examples=["65 mm"])
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
    """How people came to be treated: regression to the mean follows from it."""

    pain_vas_at_least: str = Field(
        default="40 mm", description="entry threshold of pain", examples=["40 mm"]
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
    horizon: str = "52 week"
    worlds: int = Field(default=50, ge=2, le=100_000)
    patients: int = Field(default=20, ge=1, le=1_000_000)
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    prior: Literal["default", "literature"] = "default"

    @field_validator("horizon")
    @classmethod
    def _horizon(cls, text: str) -> str:
        return _within(text, "week", 1, 260)

    @field_validator("arms")
    @classmethod
    def _arms(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        for arm in arms:
            if arm not in ARMS:
                raise ValueError(f"there is no arm '{arm}'." + nearest(arm, ARMS))
        if len(set(arms)) != len(arms):
            raise ValueError("each arm stands once")
        if "vial" not in arms or "saline" not in arms:
            raise ValueError("a forecast always shows the control: arms need 'vial' and 'saline'")
        return arms

    @property
    def horizon_days(self) -> float:
        """Length of the forecast, in days."""
        return magnitude(self.horizon, "day")


def load_scenario(path: Path, changes: Sequence[str] = ()) -> Scenario:
    """Scenario from a YAML file, with changes such as ``regimen.dose=2e10 particle`` applied.

    Raises
    ------
    NotFound
        When there is no such file.
    InvalidInput
        When the file is no plain YAML mapping, has an unknown or missing field, or a value
        that cannot be used; all findings are listed together.
    """
    if not path.is_file():
        raise NotFound("There is no such scenario file.", where=str(path))
    if path.stat().st_size > MOST_BYTES:
        raise InvalidInput(
            f"a scenario of {path.stat().st_size / 1e6:.1f} MB is refused; "
            f"the most is {MOST_BYTES / 1e6:.0f} MB.",
            code="TOO_LARGE",
            where=str(path),
        )
    return parse_scenario(with_changes(read_yaml(path), changes), where=str(path))


def with_changes(data: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """The same mapping with changes such as ``regimen.dose=2e10 particle`` applied."""
    changed: dict[str, Any] = copy.deepcopy(dict(data))
    for change in changes:
        _apply(changed, change)
    return changed


def parse_scenario(data: Mapping[str, Any], *, where: str = "scenario") -> Scenario:
    """Scenario from a mapping; see :func:`load_scenario` for what is refused."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as e:
        raise InvalidInput("\n".join(_findings(e, Scenario)), where=where) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Mapping from a YAML 1.2 file.

    Plain data only: no tags, no anchors or aliases, no duplicate keys; numbers such as ``1e10``
    stay what YAML 1.2 says they are.

    Raises
    ------
    InvalidInput
        When the text is no such YAML, naming the line.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise InvalidInput(
            f"the file is not UTF-8 text (byte {e.start}); save it as UTF-8.",
            code="ENCODING",
            where=str(path),
        ) from None
    yaml = YAML(typ="safe", pure=True)
    try:
        depth = 0
        for event in yaml.parse(text):
            line = event.start_mark.line + 1
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MOST_LEVELS:
                raise InvalidInput(
                    f"more than {MOST_LEVELS} levels of nesting; a scenario has a few.",
                    code="YAML",
                    where=f"{path}, line {line}",
                )
            if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                raise InvalidInput(
                    "anchors and aliases are not used here; write the value out.",
                    code="YAML",
                    where=f"{path}, line {line}",
                )
            if getattr(event, "tag", None):
                raise InvalidInput(
                    f"tags such as {event.tag} are not used here; write plain values.",
                    code="YAML",
                    where=f"{path}, line {line}",
                )
        data = yaml.load(text)
    except (YAMLError, RecursionError, ValueError) as e:
        mark = getattr(e, "problem_mark", None)
        line_text = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(e, "problem", None) or str(e).splitlines()[0]
        raise InvalidInput(
            f"this is not readable YAML: {problem}.", code="YAML", where=f"{path}{line_text}"
        ) from None
    if not isinstance(data, dict) or not all(isinstance(k, str) for k in data):
        raise InvalidInput(
            "a mapping with named fields is needed; 'exocast init DIR' writes an example.",
            code="YAML",
            where=str(path),
        )
    return data


def _within(text: str, unit: str, low: float, high: float) -> str:
    try:
        value = magnitude(text, unit)
    except UnitError as e:
        raise ValueError(e.message) from None
    if not low <= value <= high:
        raise ValueError(f"'{text}' lies outside {low:g} to {high:g} {unit}")
    return text


def _apply(data: dict[str, Any], change: str) -> None:
    name, sign, value = change.partition("=")
    if not sign or not name.strip():
        raise InvalidInput(
            f"'{change}' is not of the form field=value, such as regimen.dose=\"2e10 particle\".",
            where="--set",
        )
    *path, last = name.strip().split(".")
    place: Any = data
    for step in path:
        place = place.setdefault(step, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise UnknownName(f"'{step}' in '{name}' holds no fields.", where="--set")
    place[last] = _plain(value)


def _plain(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as e:
        raise InvalidInput(f"'{text}' is not a readable value: {e}", where="--set") from None


def _findings(error: ValidationError, model: type[BaseModel]) -> list[str]:
    lines = []
    for finding in error.errors():
        field = ".".join(str(part) for part in finding["loc"])
        kind = finding["type"]
        if kind == "extra_forbidden":
            known = _fields_at(model, finding["loc"][:-1])
            near = nearest(str(finding["loc"][-1]), known)
            lines.append(f"{field}: there is no such field.{near}")
        elif kind == "missing":
            lines.append(f"{field}: this field is missing.")
        elif kind == "string_type" and isinstance(finding["input"], int | float):
            lines.append(
                f"{field}: the number {finding['input']!r} has no unit; "
                "write a quantity as text with its unit, such as 65 mm or 4 week."
            )
        else:
            message = finding["msg"].removeprefix("Value error, ")
            given = finding["input"]
            shown = f" (found {given!r})" if isinstance(given, str | int | float | bool) else ""
            lines.append(f"{field}: {message}{shown}")
    return lines


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    import typing

    for part in loc:
        field = model.model_fields.get(str(part))
        if field is None:
            return list(model.model_fields)
        options = [field.annotation, *typing.get_args(field.annotation)]
        inner = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)
