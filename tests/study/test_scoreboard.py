"""The scoreboard that is shipped is what the model says: a fast part here, all in the full run."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from exocast.report.scoreboard import markdown
from exocast.study import tested, triplets, validate

# A few that share two sites and run in seconds.
FAST = (
    "willekens2005_rat",
    "morishita2015_mouse",
    "spicule_skin",
    "elife84391_delivery",
    "jcb_uptake_positive",
    "nguyen2024_bag",
)
NAMES = triplets.names()
SHIPPED = validate.read_csv(tested.BOARD)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FAST else pytest.mark.full) for n in NAMES]
)
def test_the_shipped_rows_are_what_the_model_says(name: str) -> None:
    old = [row for row in SHIPPED if row.dataset == name]
    made = validate.validate(only=[name])
    assert [row.condition for row in made.rows] == [row.condition for row in old]
    for new, row in zip(made.rows, old, strict=True):
        for what in ("predicted", "low", "high"):
            a, b = getattr(new, what), getattr(row, what)
            assert (math.isnan(a) and math.isnan(b)) or a == pytest.approx(b, rel=0.01), what
        assert (new.verdict, new.used_for, new.covered) == (row.verdict, row.used_for, row.covered)


def test_every_data_set_is_on_the_board() -> None:
    assert {row.dataset for row in SHIPPED} == set(NAMES)


def test_a_prediction_lies_in_its_own_band() -> None:
    """Save a share that could not be told from none or all: its band ends at the limit."""
    none = 100 * validate.limit()
    for row in SHIPPED:
        if math.isfinite(row.predicted) and row.low < row.high:
            shares = row.unit == "percent"
            low = row.low if not (shares and row.low == pytest.approx(none)) else 0
            high = row.high if not (shares and row.high == pytest.approx(100 - none)) else 100
            assert low <= row.predicted <= high, row


def test_the_page_says_every_row_and_every_miss(root: Path) -> None:
    page = (root / "docs" / "scoreboard.md").read_text(encoding="utf-8")
    board = validate.Scoreboard(
        rows=SHIPPED, courses=(), triplets=triplets.read_all(), worlds=200, seed=1
    )
    made = markdown(board, "images/scoreboard.svg")
    assert [
        line for line in made.splitlines() if line.startswith(("| ", "Prediction", "Calib"))
    ] == [line for line in page.splitlines() if line.startswith(("| ", "Prediction", "Calib"))]


def test_what_a_route_was_held_against_is_of_that_route() -> None:
    held = tested.held_against("intravenous", "mouse", "vesicles")
    assert held
    assert all("intravenous" in each.row.route for each in held)
    first = [each.near for each in held if each.row.used_for == "prediction"]
    assert first == sorted(first, reverse=True)
    own = tested.count(held, "prediction", near=True)
    rows = [e.row for e in held if e.near and e.row.used_for == "prediction"]
    assert own.numbers == len(rows) > 0
    assert own.no_prediction == sum(not row.useful for row in rows)
    assert not tested.held_against("no such route", "mouse", "vesicles")
