"""Quantities with units at the doors; plain floats with a unit suffix inside.

pint is loaded on first use: it costs a third of a second.
"""

from __future__ import annotations

import functools
import math
import re
import tokenize
from typing import TYPE_CHECKING

from exocast.errors import UnitError, nearest

if TYPE_CHECKING:
    import pint


@functools.cache
def registry() -> pint.UnitRegistry[float]:
    """The project's unit registry: pint's, with particles, cells, copies and vials as counts."""
    import pint

    # pint's own "particle" is an amount of substance; ours is a count, like the item of SBML.
    units: pint.UnitRegistry[float] = pint.UnitRegistry(
        cache_folder=None,
        preprocessors=[lambda text: re.sub(r"\bparticles?\b", "item", text)],
    )
    for count in ("item", "cell", "vial"):
        units.define(f"{count} = [{count}_count]")
    units.define("copy = [copy_count] = _ = copies")
    return units


def quantity(text: str | float, *, where: str = "", example: str = "mL") -> pint.Quantity[float]:
    """Quantity read from text such as ``"1e10 particle"`` or ``"-80 degC"``.

    ``example`` is the unit that is offered where one is missing.

    Raises
    ------
    UnitError
        When the number or the unit is missing, not finite, or not known.
    """
    import pint

    units = registry()
    if isinstance(text, bool) or not isinstance(text, str):
        raise UnitError(
            f"{text!r} has no unit; write the quantity as text with its unit, such as "
            f'"{text} particle" or "{text} mL".',
            code="UNIT_MISSING",
            where=where or None,
        )
    number, _, unit = text.strip().partition(" ")
    if not unit:
        head = text.strip()
        cut = next(
            (i for i in range(len(head), 0, -1) if _is_number(head[:i])),
            0,
        )
        number, unit = head[:cut], head[cut:].strip()
    if not _is_number(number):
        raise UnitError(
            f"'{text}' does not start with a number; write for instance \"1 {example}\".",
            where=where or None,
        )
    value = float(number)
    if not math.isfinite(value):
        raise UnitError(f"'{text}' is not a finite number.", where=where or None)
    if not unit.strip():
        raise UnitError(
            f"'{text}' has no unit; write for instance \"{number} {example}\".",
            code="UNIT_MISSING",
            where=where or None,
        )
    try:
        return units.Quantity(value, unit.strip())
    except (
        pint.PintError,
        ArithmeticError,
        AssertionError,
        AttributeError,
        SyntaxError,
        TypeError,
        ValueError,
        tokenize.TokenError,
    ) as e:  # what pint's parser raises, by experiment
        known = ("particle", "ug", "mL", "cell", "vial", "day", "week", "hour", "degC", "mm", "nm")
        raise UnitError(
            f"'{unit.strip()}' in '{text}' is not a known unit." + nearest(unit.strip(), known),
            where=where or None,
        ) from e


def magnitude(text: str | float, unit: str, *, where: str = "") -> float:
    """Number of a quantity in the unit asked for; refuses another dimension.

    Raises
    ------
    UnitError
        When the text has no unit or one of another dimension.
    """
    import pint

    found = quantity(text, where=where, example=unit)
    try:
        return float(found.to(unit).magnitude)
    except pint.DimensionalityError as e:
        raise UnitError(
            f"'{text}' is a quantity in {found.units:~}, and one in {unit} is needed.",
            where=where or None,
        ) from e


def convert(value: float, unit: str, to: str) -> float:
    """Value in another unit of the same dimension."""
    return float(registry().Quantity(value, unit).to(to).magnitude)


def same_dimension(a: str, b: str) -> bool:
    """Whether two units measure the same kind of quantity."""
    units = registry()
    return bool(units.Unit(a).is_compatible_with(units.Unit(b)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
