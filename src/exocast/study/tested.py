"""What a route was held against: rows of the package's own scoreboard, the nearest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exocast.study.validate import TWOFOLD, Scored, read_csv

BOARD = Path(__file__).with_name("scoreboard.csv")
USES = ("prediction", "calibration", "shown")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A scored number, and whether it was measured in the species that is asked for."""

    row: Scored
    near: bool

    @property
    def fold(self) -> float:
        """How far off: 1 where nothing was seen and predicted, infinite where only one of them."""
        if math.isfinite(self.row.fold_error):
            return self.row.fold_error
        return 1.0 if self.row.observed == self.row.predicted else math.inf


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many numbers of one use there are, and how they came out."""

    numbers: int
    within_twofold: int
    covered: int
    no_prediction: int
    worst_fold: float


def held_against(route: str, species: str, given: str, board: Path = BOARD) -> tuple[Held, ...]:
    """Numbers of the scoreboard that were measured after the same route.

    Those that test the model come before those that built it, and these before what is only shown
    (surrogates, second-hand numbers); the same species before others.

    Parameters
    ----------
    route
        As a regimen names it.
    species
        Whose body it is.
    given
        ``vesicles``, ``cells`` or ``soluble``: each is held against its own kind. How a protein
        leaves a joint is no test of how a vesicle does.
    board
        A ``scoreboard.csv`` of the package's own model.
    """
    found = [
        Held(row=row, near=species in row.species.split(" and "))
        for row in read_csv(board)
        if route in row.route.split(", ") and row.given == given
    ]
    return tuple(sorted(found, key=lambda held: (USES.index(held.row.used_for), not held.near)))


def count(held: Sequence[Held], use: str, *, near: bool) -> Count:
    """What the numbers of one use come to, in the species asked for or in the others."""
    chosen = [each for each in held if each.row.used_for == use and each.near == near]
    rows = [each.row for each in chosen]
    return Count(
        numbers=len(rows),
        within_twofold=sum(each.fold <= TWOFOLD for each in chosen),
        covered=sum(row.covered for row in rows),
        no_prediction=sum(not row.useful for row in rows),
        worst_fold=max((each.fold for each in chosen), default=1.0),
    )
