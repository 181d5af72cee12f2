"""Networks of treatments from the register."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trials import line, made, register_of, trial

from exocast.errors import InvalidInput, UnknownName
from exocast.evidence.query import (
    answer,
    assumed,
    direct_studies,
    kept_for_prediction,
    network_answer,
    people,
)
from exocast.evidence.query.net import loops
from exocast.evidence.synthesis import network

NORMAL = 1.959964
QUERY = "knee_OA | pain | 8-18 weeks"
THREE = {"dorio2021", "cingal1301", "raeissadat2021"}


def three() -> Any:
    """The network of three trials only, small enough to be followed by hand."""
    every = {s.study_id for s in network_answer(QUERY).studies}
    assert every > THREE
    return network_answer(QUERY, leave_out=every - THREE)


def outside(found: Any) -> dict[str, str]:
    return {o.study_id: o.why for o in found.outside}


def test_the_knee_network_is_that_of_its_arms() -> None:
    found = three()
    assert found.reference == "saline" and found.fitted is not None
    assert {s.study_id for s in found.studies} == THREE
    arms = [(s.study_id, a.node, a.mean, a.own) for s in found.studies for a in s.arms]
    by_hand = network(arms, reference="saline", method="REML")
    assert found.fitted.of("PRP", "saline") == pytest.approx(by_hand.of("PRP", "saline"))
    [dorio] = [s for s in found.studies if s.study_id == "dorio2021"]
    assert {a.node: a.mean for a in dorio.arms} == pytest.approx(
        {"saline": -27.0, "PRP": -41.0, "plasma": -27.0}
    )
    assert people(found)["HA"] == 36 + 59 + 55 + 49
    assert direct_studies(found)["saline", "PRP"] == ("dorio2021",)


def test_a_trial_of_printed_differences_keeps_them() -> None:
    [trial_] = [s for s in network_answer(QUERY).studies if s.study_id == "raeissadat2021"]
    arms = {a.node: a for a in trial_.arms}
    # Points of 20, first minus second, with their intervals.
    for first, second, value, low, high in (
        ("HA", "PRP", 0.46, -0.18, 1.1),
        ("PRGF", "PRP", -0.03, -0.67, 0.6),
        ("ozone", "PRP", -1.2, -1.8, -0.54),
    ):
        a, b = arms[first], arms[second]
        assert a.mean - b.mean == pytest.approx(5 * value, abs=0.06)
        error = 5 * (high - low) / (2 * NORMAL)
        assert a.own + b.own == pytest.approx(error**2, rel=0.01)
    assert arms["ozone"].n == 48


def test_what_is_left_out_has_its_reason() -> None:
    found = outside(network_answer(QUERY))
    assert found["placental_ev_oa2024"] == "only a direction is known"
    assert found["lamo_espinosa2016"].startswith("no change with a spread")
    assert found["bannuru2009"] == "a pool of studies"
    assert found["ha_rct_kirchner"] == "its arms are one treatment"


def test_tablets_are_not_connected_to_injections() -> None:
    found = network_answer("knee | pain | 8-18 weeks", unresolved=True)
    assert any("placebo tablet" in part for part in found.apart)
    assert "nothing connects it to saline" in set(outside(found).values())
    tablets = network_answer(
        "knee | pain | 8-18 weeks", unresolved=True, reference="placebo tablet"
    )
    assert tablets.fitted is not None and "celecoxib" in tablets.fitted.treatments
    assert "saline" not in tablets.fitted.treatments
    assert tablets.correlation_share is not None and tablets.correlation_share > 0


def test_a_loop_needs_studies_of_both_ways_round() -> None:
    found = three()
    pairs = {frozenset((c.first, c.second)) for c in loops(found)}
    # Plasma is in one trial only: nothing else leads to it.
    assert pairs == {frozenset(p) for p in (("HA", "saline"), ("PRP", "saline"), ("HA", "PRP"))}
    [c] = [c for c in loops(found) if {c.first, c.second} == {"PRP", "saline"}]
    # By way of HA: HA against saline in one trial, PRP against HA in another.
    assert c.indirect == pytest.approx(-8.1716 - 2.2833, abs=0.01)


def test_studies_kept_for_prediction_can_be_left_out() -> None:
    found = network_answer(QUERY, leave_out=kept_for_prediction())
    assert outside(found)["dorio2021"] == "left out by name"
    assert not {s.study_id for s in found.studies} & kept_for_prediction()
    assert "raeissadat2021" in {s.study_id for s in found.studies}
    assert found.reference == "saline"


def test_a_query_or_reference_that_is_not_there_is_answered() -> None:
    with pytest.raises(InvalidInput, match=r"indication \| end point"):
        network_answer("knee_OA: pain")
    with pytest.raises(InvalidInput, match="Did you mean 'saline'"):
        network_answer(QUERY, reference="salin")
    with pytest.raises(UnknownName, match="Did you mean 'knee_OA'"):
        network_answer("kneeOA | pain | 8-18 weeks")
    with pytest.raises(UnknownName, match="end point 'itch'"):
        network_answer("knee_OA | itch | 8-18 weeks")


def test_no_network_is_said() -> None:
    whole = made(line("a", "PRP", 12, change=-1.0, sd_of_change=2.0))
    found = network_answer("knee | VAS | 12 weeks", whole)
    assert found.fitted is None and found.reference == ""
    assert found.warnings == ("No two treatments are connected: there is no network.",)


def test_an_unknown_treatment_is_named() -> None:
    whole = made(
        *(line("a", arm, 12, change=-1.0, sd_of_change=2.0) for arm in ("PRP", "snake oil"))
    )
    found = network_answer("knee | VAS | 12 weeks", whole)
    assert outside(found)["a"] == "treatments.csv has no node for 'snake oil'"


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.floats(1, 9), st.floats(1, 9), st.integers(5, 80)), min_size=3, max_size=5
    )
)
def test_a_network_of_two_treatments_is_a_pool(numbers: list[tuple[float, float, int]]) -> None:
    whole = made(*register_of(numbers))
    net = network_answer("knee | VAS | 12 weeks", whole, method="DL")
    pooled = answer(
        "knee: PRP vs saline | VAS | difference | 12 weeks", whole, method="DL", test="normal"
    ).pooled
    assert net.fitted is not None and pooled is not None
    assert net.fitted.of("PRP", "saline") == pytest.approx(
        (pooled.value, pooled.standard_error), rel=1e-6, abs=1e-6
    )


def test_lines_in_another_order_give_the_same_network() -> None:
    lines = [*register_of([(4, 5, 20), (3, 5, 30), (4, 4, 9)])]
    lines += [replace(r, study_id="c", intervention=arm) for arm, r in
              zip(("HA", "HA", "PRP", "PRP"), trial("c", 3.5, 3.0, 25), strict=True)]  # fmt: skip
    query = "knee | VAS | 12 weeks"
    a = network_answer(query, made(*lines)).fitted
    b = network_answer(query, made(*lines[::-1])).fitted
    assert a is not None and b is not None and a.treatments == b.treatments
    assert a.effects == pytest.approx(b.effects, abs=1e-6)
    assert a.covariance == pytest.approx(b.covariance, rel=1e-5)


def test_the_correlation_is_carried_through_a_network() -> None:
    whole = made(*trial("a", 4, 5), *trial("b", 3, 5.5, n=60))
    found = network_answer("knee | VAS | 12 weeks", whole, method="fixed")
    points, weights = assumed().points()
    n = np.array([20.0, 60.0])
    values, variances = [], []
    for r in points:
        v = 2 * 100 * (6.25 - 6 * r) / n
        values.append((np.array([-10.0, -25.0]) / v).sum() / (1 / v).sum())
        variances.append(1 / (1 / v).sum())
    mean = weights @ np.array(values)
    total = weights @ np.array(variances) + weights @ (np.array(values) - mean) ** 2
    assert found.fitted is not None
    assert found.fitted.of("PRP", "saline") == pytest.approx((mean, math.sqrt(total)))
