"""Important differences: for a person, and between group means."""

from __future__ import annotations

from dataclasses import dataclass

from exocast.evidence.rows import Row, package_table

LEVELS = ("person", "group")


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The smallest difference that matters, in the observable's own unit, and its row's key."""

    observable: str
    value: float
    unit: str
    row: str


def thresholds(level: str) -> dict[str, Threshold]:
    """Thresholds by observable, for ``person`` or ``group``.

    A group mean needs less than a person: a small mean difference may be a large one for some.
    """
    return {
        row.id.split(".", 1)[1]: Threshold(
            observable=row.id.split(".", 1)[1], value=row.value, unit=row.unit, row=row.key
        )
        for row in rows()
        if row.id.startswith(f"{level}.")
    }


def rows() -> tuple[Row, ...]:
    """Rows ``thresholds.*``."""
    return tuple(package_table("patient", "thresholds").values())
