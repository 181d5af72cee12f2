"""What is known of a model beside its machine code: the plan, and the record of its arrays.

Plain data, kept on disk with the code, so that a process that finds both there needs nothing of
what made them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

ROWS, FLOATS, INTS, BYTES = "rows", "floats", "ints", "bytes"


@dataclass(frozen=True, kw_only=True, eq=False)
class Array:
    """An array of the record.

    Attributes
    ----------
    kind
        ``rows`` of the workspace; ``floats``, ``ints`` or ``bytes``.
    offset
        Bytes from the workspace's begin; for an array outside it, its place in the table of
        pointers.
    outside
        Whether it lies outside the workspace.
    """

    kind: str
    offset: int
    outside: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """All that is needed to run a model, but for its machine code; plain data, so it can be stored.

    Attributes
    ----------
    rows, own
        Arrays of the workspace: number of rows of vectors; number of integers.
    tables
        Integer tables of the model.
    work
        Calls of the C library's functions in one evaluation of the rates.
    """

    states: tuple[str, ...]
    slots: tuple[str, ...]
    varied: tuple[str, ...]
    observed: int
    units: tuple[str, ...]
    dosed: dict[str, int]
    never_negative: tuple[bool, ...]
    constants: dict[str, Any]
    rows: dict[str, int]
    own: dict[str, int]
    tables: dict[str, list[int]]
    first_truth: list[float]
    work: int


# Arrays outside the workspace, in the order of the table of pointers.
OUTSIDE = {
    "order": INTS,
    "counters": INTS,
    "options": FLOATS,
    "varied": FLOATS,
    "given": FLOATS,
    "times": FLOATS,
    "dose_begin": INTS,
    "table_time": FLOATS,
    "table_kind": INTS,
    "table_target": INTS,
    "table_value": FLOATS,
    "table_jump": INTS,
    "table_quiet": INTS,
    "values": FLOATS,
    "status": BYTES,
    "out_steps": INTS,
    "out_rejections": INTS,
    "reached": INTS,
    "group": INTS,
    "watched": INTS,
    "needed": INTS,
    "looked": INTS,
    "first_truth": FLOATS,
    "lu_rows": INTS,
    "lu_column": INTS,
    "lu_source": INTS,
    "lu_order": INTS,
}


def arrays_of(plan: Plan) -> tuple[dict[str, Array], int]:
    """The record: where every array is, and the size of the workspace in bytes."""
    lanes = plan.constants["LANES"]
    found: dict[str, Array] = {}
    offset = 0
    for name, count in plan.rows.items():
        found[name] = Array(kind=ROWS, offset=offset, outside=False)
        offset += 8 * lanes * count
    for name, count in plan.own.items():
        found[name] = Array(kind=INTS, offset=offset, outside=False)
        offset += 8 * count
    for place, (name, kind) in enumerate(OUTSIDE.items()):
        found[name] = Array(kind=kind, offset=place, outside=True)
    return found, math.ceil(max(offset, 1) / 64) * 64


def infusion_slot(species: str) -> str:
    """Name of the slot for the rate at which a species is infused; no SBML id has a blank."""
    return f"infusion {species}"
