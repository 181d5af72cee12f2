"""What MISEV2018 asks to be reported, held against a batch: satisfied, missing, not applicable.

A score of reporting and never of quality: a batch can report everything and be worthless, and the
other way round.

The text of MISEV2023 could not be read when this list was made; its items are those of 2018.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from exocast.errors import UnknownName, nearest

Status = Literal["satisfied", "missing", "not applicable"]
MARKERS_NEEDED = 3


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """An item of the list: what is to be reported, how strictly, and where that stands."""

    id: str
    requirement: str
    level: str
    source: str
    place: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A piece of evidence that a batch brings.

    Attributes
    ----------
    what
        ``source amount``, ``particles``, ``protein``, ``lipid``, ``RNA``, ``transmembrane``,
        ``cytosolic``, ``contaminant``, ``other compartments``, ``soluble proteins``,
        ``image wide``, ``image close``, ``single vesicles`` or ``topology``.
    by
        The file that shows it, or the field of ``batch.yaml``.
    name
        Protein or method, where it has one.
    """

    what: str
    by: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of the report."""

    id: str
    requirement: str
    level: str
    status: Status
    by: tuple[str, ...]
    note: str


@cache
def requirements() -> tuple[Requirement, ...]:
    """The list, in its own order (table ``misev.csv``)."""
    text = resources.files("exocast.vial").joinpath("misev.csv").read_text(encoding="utf-8")
    return tuple(Requirement(**row) for row in csv.DictReader(text.splitlines()))


def reporting(shown: Iterable[Shown], excused: Sequence[tuple[str, str]] = ()) -> tuple[Item, ...]:
    """Each item with its status and what satisfied it.

    Parameters
    ----------
    shown
        What the batch brings.
    excused
        Items that do not apply, each with its reason. Only items that are mandatory if applicable
        or encouraged can be excused.

    Raises
    ------
    UnknownName
        When an excused item is not on the list, or can't be excused.
    """
    evidence = tuple(shown)
    listed = {r.id: r for r in requirements()}
    reasons = dict(excused)
    for name in reasons:
        if name not in listed or listed[name].level == "mandatory":
            may = [r.id for r in requirements() if r.level != "mandatory"]
            why = "is mandatory" if name in listed else "is not on the list"
            raise UnknownName(
                f"the item '{name}' {why}, so it cannot be left out as not applicable."
                + nearest(name, may),
                where="not_applicable",
            )
    return tuple(_item(r, evidence, reasons.get(r.id, "")) for r in requirements())


def score(items: Sequence[Item], level: str = "mandatory") -> tuple[int, int]:
    """Items of a level that are satisfied, and how many apply."""
    apply = [i for i in items if i.level == level and i.status != "not applicable"]
    return sum(i.status == "satisfied" for i in apply), len(apply)


def _item(asked: Requirement, evidence: Sequence[Shown], reason: str) -> Item:
    by, note = _satisfied(asked.id, evidence)
    status: Status = "satisfied" if by else "not applicable" if reason else "missing"
    return Item(
        id=asked.id,
        requirement=asked.requirement,
        level=asked.level,
        status=status,
        by=by,
        note=note if by or not reason else reason,
    )


def _satisfied(item: str, evidence: Sequence[Shown]) -> tuple[tuple[str, ...], str]:
    """What satisfies an item; empty, with what is there and what lacks, where nothing does."""
    if item in ("two_quantities", "ratio"):
        kinds = {k: _by(evidence, k) for k in ("particles", "protein", "lipid", "RNA")}
        present = {k: v for k, v in kinds.items() if v}
        if item == "ratio":
            # Computed here: particles for each amount of protein, copies of RNA for each particle.
            present = {k: v for k, v in present.items() if k != "lipid"}
            if "particles" not in present or len(present) < 2:
                return (), "no ratio was computed"
        if len(present) > 1:
            return tuple(v[0] for v in present.values()), ", ".join(present)
        return (), f"only {next(iter(present))}" if present else "no quantity"
    if item == "three_markers":
        markers = [s for s in evidence if s.what in ("transmembrane", "cytosolic")]
        names = sorted({s.name for s in markers})
        if len(names) >= MARKERS_NEEDED:
            return tuple(dict.fromkeys(s.by for s in markers)), ", ".join(names)
        return (), f"{len(names)} found" + (f": {', '.join(names)}" if names else "")
    if item == "image":
        wide, close = _by(evidence, "image wide"), _by(evidence, "image close")
        if wide and close:
            return (*wide, *close), ""
        lacks = "the wide field" if close else "the close-up" if wide else ""
        return (), f"{lacks} is missing" if lacks else ""
    wanted = {
        "source_amount": "source amount",
        "transmembrane_marker": "transmembrane",
        "cytosolic_marker": "cytosolic",
        "contaminant_check": "contaminant",
        "other_compartments": "other compartments",
        "soluble_proteins": "soluble proteins",
        "single_vesicle_method": "single vesicles",
        "topology": "topology",
    }[item]
    found = [s for s in evidence if s.what == wanted]
    note = ", ".join(dict.fromkeys(s.name for s in found if s.name))
    return tuple(dict.fromkeys(s.by for s in found)), note


def _by(evidence: Sequence[Shown], what: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s.by for s in evidence if s.what == what))
