"""Controlled human trials that bear on a product class and a use."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

from exocast.errors import UnknownName, nearest

PARENTS = {"msc_ev_natural": ("msc_cells",)}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One controlled human trial, or a pool of trials.

    ``direction`` is ``favourable``, ``null`` or ``unfavourable``, of product against control.
    """

    study_id: str
    year: str
    product_class: str
    indication: str
    design: str
    n: str
    control: str
    result: str
    direction: str
    outcome: str
    weeks: str
    source: str
    place: str
    note: str


@functools.cache
def all_trials() -> tuple[Trial, ...]:
    """Every trial of the table, in file order."""
    text = Path(__file__).with_name("trials.csv").read_text(encoding="utf-8")
    return tuple(Trial(**record) for record in csv.DictReader(text.splitlines()))


def trials_of(product_class: str, indication: str) -> tuple[Trial, ...]:
    """Controlled human trials of a product class in a use; null results first.

    Returns an empty tuple where there is none: "no human data" is an answer.
    """
    found = [
        t for t in all_trials() if (t.product_class, t.indication) == (product_class, indication)
    ]
    return tuple(sorted(found, key=lambda t: t.direction == "favourable"))


def related_trials(product_class: str, indication: str) -> tuple[Trial, ...]:
    """Trials of what the product is made from (such as the parent cells), in the same use."""
    return tuple(
        t for parent in PARENTS.get(product_class, ()) for t in trials_of(parent, indication)
    )


def trial(study_id: str) -> Trial:
    """The trial with this id.

    Raises
    ------
    UnknownName
        When there is none.
    """
    known = {t.study_id: t for t in all_trials()}
    if study_id not in known:
        raise UnknownName(f"There is no trial '{study_id}'." + nearest(study_id, known))
    return known[study_id]
