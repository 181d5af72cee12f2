"""The fit of saline and procedure, and what it predicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from exocast.errors import UnknownName
from exocast.evidence.arms import arm, arms, arms_for
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import package_table
from exocast.patient import placebo

BASELINE = Path(__file__).parents[1] / "baselines" / "validation_placebo.yaml"


@pytest.fixture(scope="module")
def fit() -> placebo.Fit:
    return placebo.fit()


@pytest.mark.slow
def test_the_table_holds_what_the_fit_gives(fit) -> None:
    table = package_table("patient", "placebo")
    for row in placebo.fitted_rows(fit):
        assert row.value == pytest.approx(table[row.id].value, rel=0.01, abs=1e-9)
        assert row.spread == pytest.approx(table[row.id].spread, rel=0.03)
    r = package_correlations()["placebo.effect", "placebo.lasting"]
    assert r == pytest.approx(fit.correlation, abs=0.02)


@pytest.mark.slow
def test_the_fit_is_a_maximum(fit) -> None:
    best = placebo.log_likelihood(fit.procedure, arms_for("calibration"))
    assert best == pytest.approx(fit.log_likelihood)
    for name in ("effect", "lasting", "study", "response"):
        for factor in (0.9, 1.1):
            moved = replace(fit.procedure, **{name: getattr(fit.procedure, name) * factor})
            assert placebo.log_likelihood(moved, arms_for("calibration")) < best


def test_calibration_and_prediction_share_no_study() -> None:
    fitted = {a.study_id for a in arms_for("calibration")}
    kept_out = {a.study_id for a in arms_for("prediction")}
    trials = "altman1 altman2 corrado cubukcu henderson huskisson jubb scale".split()
    assert fitted == {"altman2016", "saltzman2017", "rabago2013"} | {f"ha_rct_{t}" for t in trials}
    assert kept_out == {"dorio2021", "bennell2021_restore", "cingal1301"}


def test_quadrature_gives_the_moments_of_the_simulation() -> None:
    # The study's deviation and all ignorance are switched off by looking at medians of worlds.
    a = arm("bennell2021_restore")
    model = placebo.moments(a, placebo.procedure_rows())
    found = placebo.predict(a)
    assert found[0].mean == pytest.approx(model.mean[0], abs=1.5)
    assert found[0].sd == model.sd[0]


def test_more_effect_means_a_larger_fall_everywhere() -> None:
    base = placebo.procedure_rows()
    for a in arms():
        less = placebo.moments(a, base).mean
        more = placebo.moments(a, replace(base, effect=base.effect + 0.3)).mean
        assert np.all(more < less)
        step = (more - less) / 0.3
        assert step == pytest.approx(placebo.moments(a, base).by_study, rel=0.15)


def test_a_larger_study_is_predicted_more_narrowly() -> None:
    a = arm("dorio2021")
    large = replace(a, visits=tuple(replace(v, n=250) for v in a.visits))
    for small_line, large_line in zip(placebo.predict(a), placebo.predict(large), strict=True):
        assert large_line.high - large_line.low < 0.95 * (small_line.high - small_line.low)


@pytest.mark.slow
def test_arms_disagree_about_the_course_more_than_the_curvature_says(fit) -> None:
    assert fit.lasting_disagreement > 2
    assert package_table("patient", "placebo")["lasting"].spread[0] == pytest.approx(
        fit.errors["lasting"] * fit.lasting_disagreement, rel=0.02
    )


def test_arms_that_agree_widen_nothing() -> None:
    few = arms_for("calibration")[:3]
    assert placebo.lasting_disagreement(placebo.procedure_rows(), few) == 1.0


@pytest.mark.slow
def test_pools_disagree_about_tau_more_than_its_curvature_says(fit) -> None:
    assert fit.disagreement > 2 * fit.errors["study"]
    assert package_table("patient", "placebo")["study_sd"].spread[0] == pytest.approx(
        fit.disagreement, rel=0.01
    )


def test_the_record_counts_its_hits_and_shows_its_misses() -> None:
    data = YAML(typ="safe", pure=True).load(BASELINE.read_text(encoding="utf-8"))
    rows = data["rows"]
    for row in rows:
        margin = 0.06  # the record is rounded
        inside = row["low"] - margin <= row["observed"] <= row["high"] + margin
        outside = row["observed"] < row["low"] + margin or row["observed"] > row["high"] - margin
        assert inside if row["hit"] else outside
        assert row["high"] - row["low"] <= row["width_allowed"]
    assert data["totals"]["rows"] == len(rows) == sum(len(a.visits) for a in arms_for("prediction"))
    assert data["totals"]["hits"] == sum(row["hit"] for row in rows)
    assert data["totals"]["misses"] == len(rows) - data["totals"]["hits"]


def test_an_unknown_arm_is_offered_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'dorio2021'"):
        arm("doria2021")
