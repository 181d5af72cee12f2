"""Weaker evidence never looks better: rows of a treatment's effect, for any numbers in them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exocast.evidence.chance import draw, spread_on_scale, value_of
from exocast.evidence.rows import Row, package_table
from exocast.patient import effect, outcomes

GRADES = "ABCDE"
WORLDS = 4000


def graded(weight: float, centre: float, sd: float, grade: str) -> dict[str, np.ndarray]:
    table = package_table("patient", "effect")
    rows = effect.shrink(
        [
            replace(table["translation.slab_weight"], value=weight, grade=grade),
            replace(table["translation.slab"], value=centre, spread=(sd,), grade=grade),
        ]
    )
    return draw(rows, seed=7, worlds=WORLDS, patients=1)


@settings(max_examples=60)
@given(
    weight=st.floats(0, 1),
    centre=st.floats(-2, 2),
    sd=st.floats(0.01, 2),
    useful=st.floats(0.01, 2),
)
def test_chance_of_a_useful_effect_never_rises_when_the_grade_falls(
    weight: float, centre: float, sd: float, useful: float
) -> None:
    shares = [
        float((effect.translation(graded(weight, centre, sd, g)) > useful).mean()) for g in GRADES
    ]
    assert all(b <= a for a, b in pairwise(shares))


@settings(max_examples=60)
@given(
    weight=st.floats(0, 1),
    centre=st.floats(0, 2),
    sd=st.floats(0.01, 2),
    rival=st.floats(0, 1),
)
def test_chance_to_be_best_never_rises_where_the_centre_is_favourable(
    weight: float, centre: float, sd: float, rival: float
) -> None:
    # Best of three: the product, saline (nothing), and a rival whose effect is known.
    shares = [
        float((effect.translation(graded(weight, centre, sd, g)) > max(0.0, rival)).mean())
        for g in GRADES
    ]
    assert all(b <= a for a, b in pairwise(shares))


@settings(max_examples=60)
@given(centre=st.floats(-2, 2), sd=st.floats(0.01, 2))
def test_the_slab_never_widens(centre: float, sd: float) -> None:
    table = package_table("patient", "effect")
    for grade in GRADES:
        (row,) = effect.shrink(
            [replace(table["translation.slab"], value=centre, spread=(sd,), grade=grade)]
        )
        assert spread_on_scale(row)[1] == pytest.approx(sd)
        assert abs(row.value) <= abs(centre) + 1e-12


def ordinary_rows() -> list[Row]:
    treatment = {effect.WEIGHT, effect.SLAB}
    rows = (*outcomes.rows(), *effect.rows())
    return [r for r in rows if r.key not in treatment and r.spread_kind != "fixed"]


@pytest.mark.parametrize("row", ordinary_rows(), ids=lambda r: r.key)
def test_other_rows_never_narrow_when_the_grade_falls(row: Row) -> None:
    scores = np.array([-1.0, 1.0])
    widths = []
    for grade in GRADES:
        low, high = value_of(replace(row, grade=grade), scores)
        widths.append(high - low)
    assert all(b >= a - 1e-12 for a, b in pairwise(widths))


@settings(max_examples=20)
@given(grade=st.sampled_from(GRADES), useful=st.floats(0.01, 0.4))
def test_prior_of_the_effect_never_looks_better_for_weaker_evidence(
    grade: str, useful: float
) -> None:
    table = package_table("patient", "effect")
    treatment = ("translation.slab_weight", "translation.slab")

    def over(letter: str) -> float:
        rows = effect.shrink([replace(table[i], grade=letter) for i in treatment])
        others = [table["pain_gain"], table["assay.max_ln_fall"]]
        values = draw([*rows, *others], seed=3, worlds=WORLDS, patients=1)
        smd = effect.translation(values) * values[effect.GAIN] * values[effect.MAX_LN_FALL]
        return float((smd > useful).mean())

    assert over(grade) <= over("A")
