"""Draws depend on seed, quantity and index, and on nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exocast.errors import TableError
from exocast.evidence.chance import (
    correlated_scores,
    draw,
    normal_scores,
    uniform_scores,
    value_of,
)
from exocast.evidence.grades import grades
from exocast.evidence.rows import Row, rows_of

SEEDS = st.integers(min_value=0, max_value=2**40)


def row(**changes: object) -> Row:
    plain: dict[str, object] = {
        "id": "k",
        "meaning": "a rate",
        "value": 2.0,
        "unit": "1/day",
        "spread": (0.5,),
        "spread_kind": "log_sd",
        "varies": "uncertain",
        "system": "test",
        "source": "assumption",
        "place": "",
        "grade": "A",
        "note": "made for the test",
        "table": "t",
    }
    return Row(**(plain | changes))  # type: ignore[arg-type]  # a record built from plain values


@given(SEEDS, st.integers(1, 50), st.integers(1, 50))
def test_a_longer_stream_begins_with_the_shorter_one(seed: int, n: int, more: int) -> None:
    assert np.array_equal(normal_scores(seed, "a.b", n), normal_scores(seed, "a.b", n + more)[:n])


def test_streams_of_other_names_and_seeds_differ() -> None:
    base = uniform_scores(1, "a", 1000)
    assert abs(np.corrcoef(base, uniform_scores(1, "b", 1000))[0, 1]) < 0.1
    assert abs(np.corrcoef(base, uniform_scores(2, "a", 1000))[0, 1]) < 0.1


def test_scores_are_standard_normal() -> None:
    z = normal_scores(3, "big", 200_000)
    assert abs(z.mean()) < 0.01
    assert abs(z.std() - 1) < 0.01


@given(SEEDS)
def test_adding_a_quantity_a_patient_or_a_world_leaves_other_draws(seed: int) -> None:
    a, b = row(id="a"), row(id="b", varies="patient")
    few = draw([a, b], seed=seed, worlds=3, patients=2)
    many = draw([a, b, row(id="c")], seed=seed, worlds=5, patients=4)
    for key in few:
        assert np.array_equal(few[key], many[key][:3, :2])


def test_worlds_differ_and_patients_agree_for_what_we_do_not_know() -> None:
    values = draw([row()], seed=1, worlds=4, patients=3)["t.k"]
    assert len(np.unique(values[:, 0])) == 4
    assert np.array_equal(values[:, 0], values[:, 2])


def test_a_patient_keeps_their_score_in_every_world() -> None:
    rows = [row(), row(id="k.between", value=1.0, unit="1", spread=(0.3,), varies="patient")]
    values = draw(rows, seed=1, worlds=4, patients=3)["t.k"]
    assert np.allclose(values[:, 1] / values[:, 0], values[0, 1] / values[0, 0])


@pytest.mark.parametrize("kind", ["log_sd", "cv", "sd", "se"])
def test_a_lower_grade_never_narrows_a_spread(kind: str) -> None:
    z = np.array([-1.5, 1.5])
    widths = [np.ptp(value_of(row(spread_kind=kind, grade=g), z)) for g in grades()]
    assert widths == sorted(widths)


@pytest.mark.parametrize("spread", [(1.0, 3.0), (0.1, 20.0)])
@pytest.mark.parametrize("kind", ["range", "ci95"])
def test_a_lower_grade_never_narrows_an_interval(kind: str, spread: tuple[float, float]) -> None:
    z = np.array([-1.5, 1.5])
    widths = [np.ptp(value_of(row(spread_kind=kind, spread=spread, grade=g), z)) for g in grades()]
    assert widths == sorted(widths)


def test_a_log_normal_has_its_centre_as_median_and_its_spread() -> None:
    z = normal_scores(5, "x", 100_000)
    values = value_of(row(), z)
    assert np.median(values) == pytest.approx(2.0, rel=0.01)
    assert np.log(values).std() == pytest.approx(0.5, rel=0.01)


def test_a_share_stays_a_share() -> None:
    values = value_of(
        row(value=0.5, unit="1", spread=(0.1, 0.9), spread_kind="range", grade="E"),
        normal_scores(1, "share", 10_000),
    )
    assert values.min() >= 0
    assert values.max() <= 1


def test_a_switch_is_on_with_its_weight() -> None:
    switch = row(value=0.3, unit="1", spread=(), spread_kind="fixed", varies="structure")
    values = value_of(switch, normal_scores(1, "switch", 100_000))
    assert set(np.unique(values)) == {0.0, 1.0}
    assert values.mean() == pytest.approx(0.3, abs=0.01)


def test_correlations_hold_and_leave_other_streams_alone() -> None:
    scores = correlated_scores(1, ["a", "b", "c"], {("a", "b"): 0.6}, 100_000)
    assert np.corrcoef(scores["a"], scores["b"])[0, 1] == pytest.approx(0.6, abs=0.01)
    assert np.array_equal(scores["c"], normal_scores(1, "c", 100_000))


def test_correlations_that_cannot_hold_are_refused() -> None:
    impossible = {("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9}
    with pytest.raises(TableError, match="cannot hold together"):
        correlated_scores(1, ["a", "b", "c"], impossible, 10)


def test_a_row_laid_over_another_keeps_its_own_correlations() -> None:
    pairs = {("a.k", "b.k"): 0.6, ("labels_dye.a.k", "b.k"): -0.6}
    plain, other = row(table="a"), row(table="b")

    def together(first: Row) -> float:
        found = draw([first, other], seed=1, worlds=50_000, patients=1, correlations=pairs)
        return float(np.corrcoef(np.log(found["a.k"][:, 0]), np.log(found["b.k"][:, 0]))[0, 1])

    assert together(plain) == pytest.approx(0.6, abs=0.02)
    assert together(row(table="a", over="labels_dye")) == pytest.approx(-0.6, abs=0.02)
    assert together(row(table="a", over="labels_iodine")) == pytest.approx(0.0, abs=0.02)


def test_cv_of_a_log_normal_is_its_cv() -> None:
    values = value_of(row(spread_kind="cv", spread=(0.4,)), normal_scores(1, "cv", 200_000))
    assert values.std() / values.mean() == pytest.approx(0.4, rel=0.02)
    assert math.isfinite(values.max())


def packaged_rows() -> list[Row]:
    import exocast

    folder = Path(exocast.__file__).parent
    tables = [
        p for p in sorted(folder.rglob("*.csv")) if p.read_text("utf-8").startswith("id,mean")
    ]
    return [r for p in tables for r in rows_of(p) if r.varies != "structure"]


def test_every_row_of_the_package_has_its_value_in_the_middle() -> None:
    rows = packaged_rows()
    assert len(rows) > 150
    for one in rows:
        (middle,) = value_of(one, np.array([0.0]))
        assert middle == pytest.approx(one.value, rel=1e-12, abs=1e-300), one.key


def test_no_share_of_the_package_piles_up_at_its_limits() -> None:
    z = normal_scores(7, "limits", 4000)
    for one in packaged_rows():
        if one.varies == "constant":
            continue  # never drawn: bounds, and differences that may be negative
        if one.unit == "1" and one.spread_kind == "range" and one.spread[1] < 1:
            values = value_of(one, z)
            assert values.min() > 0, one.key
            assert values.max() < 1, one.key
