"""Who and what an exposure can be about: what is usual, what is possible, and what is neither."""

from __future__ import annotations

from exocast.errors import OutsideEvidence
from exocast.evidence.rows import package_table
from exocast.units import magnitude

VESICLES = "vesicles"


def doubt(whose: str, quantity: str, text: str, *, where: str) -> str:
    """Sentence on a quantity outside what is usual; empty where it is usual, or not known.

    Parameters
    ----------
    whose
        A species, or ``vesicles``: what the rows of ``patient/subjects.csv`` begin with.
    quantity
        ``weight``, ``age`` or ``size``.
    text
        The quantity with its unit.
    where
        Field that it was given in.

    Raises
    ------
    OutsideEvidence
        Where it is not possible at all.
    """
    ranges = package_table("patient", "subjects")
    name = f"{whose}.{quantity}"
    if f"{name}_usual" not in ranges:
        return ""
    usual, possible = ranges[f"{name}_usual"], ranges[f"{name}_possible"]
    value = magnitude(text, usual.unit, where=where)
    of_whom, some = usual.system, f"{'an' if quantity == 'age' else 'a'} {quantity} of {text}"
    low, high = possible.spread
    if not low <= value <= high:
        raise OutsideEvidence(
            f"{some} is none of {of_whom}: from {low:g} to {high:g} {usual.unit} "
            f"is possible ({possible.key}). Check the number and its unit.",
            where=where,
        )
    low, high = usual.spread
    if low <= value <= high:
        return ""
    return (
        f"{some} is unusual for {of_whom} ({usual.key}: {low:g} to {high:g} "
        f"{usual.unit}); numbers are carried over to it, and none was measured there"
    )
