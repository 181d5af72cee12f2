"""Unit texts of the tables as SBML unit definitions.

Particles, cells and copies are all counts of SBML's kind ``item``: copies per cell is then a pure
number, and cells may be multiplied by an amount per cell. Time is in days, volume in millilitres.
"""

from __future__ import annotations

import re
import tokenize
from typing import Any

from exocast.errors import UnitError
from exocast.units import registry

COUNTS = ("item", "cell", "copy")
TIME = "day"
VOLUME = "mL"
KINDS = {
    "meter": "metre",
    "liter": "litre",
    "gram": "gram",
    "second": "second",
    "mole": "mole",
    "kelvin": "kelvin",
    "newton": "newton",
    "pascal": "pascal",
    "joule": "joule",
    "watt": "watt",
    "hertz": "hertz",
    "katal": "katal",
}
SCALES = {
    "": 0,
    "femto": -15,
    "pico": -12,
    "nano": -9,
    "micro": -6,
    "milli": -3,
    "centi": -2,
    "deci": -1,
    "kilo": 3,
    "mega": 6,
}
Factor = tuple[str, float, int, float]  # kind, exponent, scale, multiplier


def ensure_unit(model: Any, text: str) -> str:
    """Name of a unit in an SBML model, defined there when it is not yet.

    Parameters
    ----------
    model
        A ``libsbml.Model``; a unit definition is added to it when needed.
    text
        Unit as in a table, such as ``1/day`` or ``pg/mL``; ``1`` is a pure number.

    Raises
    ------
    UnitError
        When the text is no unit that SBML can express.
    """
    name, factors = sbml_unit(text)
    if name not in ("dimensionless", "item") and model.getUnitDefinition(name) is None:
        _define(model, name, text, factors)
    return name


def sbml_unit(text: str) -> tuple[str, tuple[Factor, ...]]:
    """Name and factors (kind, exponent, scale, multiplier) of a unit in SBML."""
    import pint

    if text.strip() == "1":
        return "dimensionless", (("dimensionless", 1.0, 0, 1.0),)
    try:
        parts = _parts(registry().Unit(text))
    except (pint.PintError, tokenize.TokenError, ValueError, AttributeError, TypeError) as e:
        raise UnitError(f"'{text}' is not a known unit ({e}).") from None
    factors = tuple(f for name, power in parts for f in _factors(name, power, text))
    if not factors:
        return "dimensionless", (("dimensionless", 1.0, 0, 1.0),)
    if factors == (("item", 1.0, 0, 1.0),):
        return "item", factors
    return _name(parts), factors


def signature(definition: Any) -> tuple[float, tuple[tuple[str, float], ...]]:
    """What a ``libsbml.UnitDefinition`` means: its factor to SI and its exponents by SI kind."""
    import libsbml

    si = libsbml.UnitDefinition.convertToSI(definition)
    libsbml.UnitDefinition.simplify(si)
    factor = 1.0
    exponents: dict[str, float] = {}
    for i in range(si.getNumUnits()):
        unit = si.getUnit(i)
        power = unit.getExponentAsDouble()
        factor *= (unit.getMultiplier() * 10.0 ** unit.getScale()) ** power
        kind = libsbml.UnitKind_toString(unit.getKind())
        if kind != "dimensionless":
            exponents[kind] = exponents.get(kind, 0.0) + power
    return float(f"{factor:.9g}"), tuple(sorted((k, p) for k, p in exponents.items() if p))


def ensure_same_unit(model: Any, definition: Any) -> str:
    """Name of a unit of the model that means the same as a derived definition; added if none."""
    meaning = signature(definition)
    if meaning == (1.0, ()):
        return "dimensionless"
    if meaning == (1.0, (("item", 1.0),)):
        return "item"
    for i in range(model.getNumUnitDefinitions()):
        known = model.getUnitDefinition(i)
        if signature(known) == meaning:
            return str(known.getId())
    factor, exponents = meaning
    if not exponents:
        factors: tuple[Factor, ...] = (("dimensionless", 1.0, 0, factor),)
    else:
        first = exponents[0][1]
        factors = tuple(
            (kind, power, 0, factor ** (1.0 / first) if i == 0 else 1.0)
            for i, (kind, power) in enumerate(exponents)
        )
    name = f"derived_{model.getNumUnitDefinitions()}"
    _define(model, name, None, factors)
    return name


def _define(model: Any, name: str, text: str | None, factors: tuple[Factor, ...]) -> None:
    import libsbml

    definition = model.createUnitDefinition()
    definition.setId(name)
    if text is not None:
        definition.setName(text)
    for kind, exponent, scale, multiplier in factors:
        unit = definition.createUnit()
        unit.setKind(libsbml.UnitKind_forName(kind))
        unit.setExponent(exponent)
        unit.setScale(scale)
        unit.setMultiplier(multiplier)


def _factors(name: str, power: float, text: str) -> tuple[Factor, ...]:
    if name in COUNTS:
        return (("item", power, 0, 1.0),)
    for prefix, base, suffix in registry().parse_unit_name(name):
        if not suffix and base in KINDS and prefix in SCALES:
            return ((KINDS[base], power, SCALES[prefix], 1.0),)
    found, base_units = registry().get_base_units(name)
    factor = float(found)  # type: ignore[arg-type]  # pint's numbers include complex ones
    parts = _parts(base_units)
    if name == "vial" or any(
        b not in ("meter", "kilogram", "second", "mole", "kelvin") for b, _ in parts
    ):
        raise UnitError(f"'{name}' in '{text}' has no place in a model.")
    if not parts:
        return (("dimensionless", power, 0, factor),)
    first = parts[0][1]
    kinds = {"meter": "metre", "kilogram": "kilogram"}
    return tuple(
        (
            kinds.get(base, base),
            inner * power,
            0,
            factor ** (1.0 / first) if i == 0 else 1.0,
        )
        for i, (base, inner) in enumerate(parts)
    )


def _parts(units: Any) -> list[tuple[str, float]]:
    """Full names, such as milliliter, and powers of a pint unit."""
    return sorted((str(name), float(power)) for name, power in units._units.items())  # noqa: SLF001


def _name(parts: list[tuple[str, float]]) -> str:
    above = [_word(name, power) for name, power in parts if power > 0]
    below = [_word(name, -power) for name, power in parts if power < 0]
    return "_per_".join(["_".join(above), *below]).lstrip("_")


def _word(name: str, power: float) -> str:
    symbol = registry().get_symbol(name)
    plain = symbol if name not in ("day", "hour", "week", *COUNTS) and symbol.isascii() else name
    word = re.sub(r"\W", "", plain)
    return word if power == 1 else f"{word}{power:g}".replace(".", "_")
