"""A regimen: how much, where, by which route, how often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exocast.errors import DoseError, InvalidInput, UnitError, UnknownName, nearest
from exocast.units import magnitude, quantity

MOST_INJECTIONS = 100
LEAST_HOURS = 1
UNITS = ("item", "ug", "cell", "mL", "vial")
WHERE = "regimen.dose"


class Regimen(BaseModel):
    """The block ``regimen`` of a scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dose: str = Field(description="of each injection", examples=["2e10 particle", "0.5 mL"])
    route: str = Field(default="intra-articular", description="a route that the site has")
    site: str = Field(default="knee", description="which joint of the site")
    injections: int = Field(default=1, ge=1, le=MOST_INJECTIONS)
    interval: str | None = Field(
        default=None, description="time between injections, an hour or more", examples=["4 week"]
    )

    @field_validator("dose")
    @classmethod
    def _dose(cls, text: str) -> str:
        try:
            dose_unit(text)
        except InvalidInput as e:
            raise ValueError(e.message) from None
        return text

    @field_validator("interval")
    @classmethod
    def _interval(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None:
            return None
        try:
            days = magnitude(text, "day")
        except UnitError as e:
            raise ValueError(e.message) from None
        if not days > 0:
            raise ValueError(f"an interval of '{text}' is none; give it as '4 week'")
        injections = info.data.get("injections", 1)
        # Closer than this they are one injection in parts, and a slip of the unit.
        if injections > 1 and days * 24 < LEAST_HOURS * (1 - 1e-9):
            raise ValueError(
                f"'{text}' between {injections} injections is less than {LEAST_HOURS} hour; "
                "lengthen it, such as '4 week', or give one injection of the whole dose"
            )
        return text

    @model_validator(mode="after")
    def _spaced(self) -> Regimen:
        if self.injections > 1 and self.interval is None:
            raise ValueError(f"{self.injections} injections need an 'interval', such as '4 week'")
        return self

    @property
    def interval_days(self) -> float:
        """Time between injections, in days; zero for a single one."""
        return 0.0 if self.interval is None else magnitude(self.interval, "day")

    @property
    def times_days(self) -> tuple[float, ...]:
        """Time of each injection in days, the first at zero."""
        return tuple(i * self.interval_days for i in range(self.injections))


def dose_unit(dose: str, *, where: str = WHERE) -> tuple[float, str]:
    """A dose as a number in one of the five units ``item``, ``ug``, ``cell``, ``mL``, ``vial``.

    Raises
    ------
    UnitError
        When the text has no number or no known unit.
    DoseError
        When the dose is negative or of none of the five kinds.
    """
    found = quantity(dose, where=where, example="particle")
    for unit in UNITS:
        if found.is_compatible_with(unit):
            value = magnitude(dose, unit, where=where)
            if value < 0:
                raise DoseError(
                    f"a dose of {dose} is negative; give what one injection brings, such as "
                    "'2e10 particle'.",
                    where=where,
                )
            if value == 0 and unit != "item":
                raise DoseError(
                    f"a dose of {dose} is nothing; for the procedure alone, write '0 particle'.",
                    where=where,
                )
            return value, unit
    raise DoseError(
        f"'{dose}' is no dose of vesicles. Give particles, micrograms of protein, producing cells, "
        "millilitres or vials: '2e10 particle', '20 ug', '1e6 cell', '0.5 mL', '1 vial'.",
        where=where,
    )


def check_route(
    regimen: Regimen,
    routes: Iterable[str],
    joints: Iterable[str],
    *,
    of: str = "",
    elsewhere: Sequence[str] = (),
) -> None:
    """Nothing, when the site has the regimen's route and joint.

    Parameters
    ----------
    regimen
        What is asked.
    routes, joints
        What the site has.
    of
        The site's name, for the message.
    elsewhere
        Other sites that have the route, for the message.

    Raises
    ------
    UnknownName
        Otherwise; the nearest names are offered.
    """
    routes, joints = tuple(routes), tuple(joints)
    if regimen.route not in routes:
        close = nearest(regimen.route, routes)
        if not of:
            known = close
        else:
            verb = "has" if len(elsewhere) == 1 else "have"
            others = f"; {' and '.join(elsewhere)} {verb} it." if elsewhere else "."
            known = f" '{of}' has: {', '.join(routes)}{others}"
            known += close if "Did you mean" in close and not elsewhere else ""
        raise UnknownName(f"there is no route '{regimen.route}'." + known, where="regimen.route")
    if regimen.site not in joints:
        raise UnknownName(
            f"there is no joint '{regimen.site}'." + nearest(regimen.site, joints),
            where="regimen.site",
        )
