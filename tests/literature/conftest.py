"""Saline arms: what was recorded as predicted, and what the model predicts now."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from exocast.evidence.arms import arm, arms_for
from exocast.patient import placebo

BASELINE = Path(__file__).parents[1] / "baselines" / "validation_placebo.yaml"


@functools.cache
def recorded() -> dict[tuple[str, float], dict[str, Any]]:
    data = YAML(typ="safe", pure=True).load(BASELINE.read_text(encoding="utf-8"))
    return {(row["arm"], float(row["week"])): row for row in data["rows"]}


@functools.cache
def predicted(name: str) -> tuple[placebo.Predicted, ...]:
    return placebo.predict(arm(name))


@pytest.fixture
def check_prediction() -> Callable[..., None]:
    """Checks an arm that was kept out of the fit: observed values, width, and the record."""

    def check(name: str, observed: dict[float, float], n: int) -> None:
        assert name not in {a.name for a in arms_for("calibration")}
        found = predicted(name)
        assert {p.week: p.observed for p in found} == observed
        for p in found:
            assert p.n == n
            width = p.high - p.low
            allowed = 1.3 * 3.29 * (p.tau**2 + p.sd**2 / n) ** 0.5
            assert width <= allowed, f"{name} week {p.week}: {width:.1f} > {allowed:.1f}"
            assert p.tau > 0
            row = recorded()[name, p.week]
            assert row["observed"] == pytest.approx(p.observed, abs=0.05)
            assert row["low"] == pytest.approx(p.low, abs=0.2)
            assert row["high"] == pytest.approx(p.high, abs=0.2)
            assert row["tau"] == pytest.approx(p.tau, abs=0.1)
            inside = p.low <= p.observed <= p.high
            near = min(abs(p.observed - p.low), abs(p.observed - p.high)) < 0.2
            assert row["hit"] == inside or near

    return check


@pytest.fixture
def check_fit() -> Callable[..., None]:
    """Checks an arm that the fit was built on against what the fitted model gives."""

    def check(name: str, observed: dict[float, float], *, sds: float) -> None:
        assert name in {a.name for a in arms_for("calibration")}
        procedure = placebo.procedure_rows()
        model = placebo.moments(arm(name), procedure)
        visits = arm(name).visits
        assert {v.week: v.value for v in visits} == observed
        for at, visit in enumerate(visits):
            unit = model.pooled_sd[at] if visit.statistic == "smd" else 1.0
            mean = model.mean[at] / unit
            tau = procedure.study * abs(model.by_study[at]) / unit
            error = (tau**2 / visit.studies + visit.standard_error**2) ** 0.5
            assert abs(visit.value - mean) <= sds * error, f"{name} week {visit.week}: {mean:.2f}"

    return check
