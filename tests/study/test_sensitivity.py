"""Indices from given draws find what decides, and pure chance stays below the bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import synthetic

from exocast.study.result import Result, open_result
from exocast.study.sensitivity import (
    first_order,
    sensitivity,
    weakest_by_grade,
    weakest_by_share,
)


def _ishigami(n: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    x = np.random.default_rng(5).uniform(-np.pi, np.pi, (4, n))
    y = np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])
    return {f"x{i + 1}": x[i] for i in range(4)}, y


def test_ishigami_indices() -> None:
    # Known first-order indices of the Ishigami function (a = 7, b = 0.1).
    found = first_order(*_ishigami(4000))
    assert found.indices["x1"] == pytest.approx(0.314, abs=0.04)
    assert found.indices["x2"] == pytest.approx(0.442, abs=0.04)
    assert found.indices["x3"] == pytest.approx(0.0, abs=0.03)
    assert [name for name, _ in found.shown] == ["x2", "x1"]


def test_pure_noise_rarely_passes_whatever_the_number_of_quantities() -> None:
    passed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        noise = {f"q{i}": rng.normal(size=60) for i in range(40)}
        passed += bool(first_order(noise, rng.normal(size=60), permutations=200).shown)
    assert passed <= 9  # 5 % of 60, with room for chance


def test_chance_alone_has_an_index_of_zero_on_average() -> None:
    rng = np.random.default_rng(8)
    noise = {f"q{i}": rng.normal(size=60) for i in range(300)}
    found = first_order(noise, rng.normal(size=60), permutations=2)
    assert np.mean(list(found.indices.values())) == pytest.approx(0.0, abs=0.02)


def test_a_switch_is_found() -> None:
    rng = np.random.default_rng(2)
    switch = (rng.uniform(size=200) < 0.3).astype(float)
    y = 3 * switch + rng.normal(size=200)
    found = first_order({"switch": switch, "other": rng.normal(size=200)}, y)
    assert [name for name, _ in found.shown] == ["switch"]
    assert found.indices["switch"] == pytest.approx(9 * 0.21 / (9 * 0.21 + 1), abs=0.12)


def test_a_quantity_that_does_not_vary_has_no_index() -> None:
    rng = np.random.default_rng(2)
    found = first_order({"a": np.ones(50), "b": rng.normal(size=50)}, rng.normal(size=50))
    assert set(found.indices) == {"b"}


def test_too_few_worlds_and_constant_outcomes_say_so() -> None:
    draws = {"a": np.arange(10.0)}
    assert "too few" in first_order(draws, np.arange(10.0)).reason
    flat = first_order({"a": np.arange(50.0)}, np.zeros(50))
    assert "same in every world" in flat.reason and flat.shown == ()


def test_forecast_names_the_number_that_decides(result: Result) -> None:
    found = sensitivity(result)
    assert set(found) == {26, 52}
    share = weakest_by_share(result, found)
    assert share[0].key == "effect.translation" and share[0].share > 0.6


def test_worst_grade_comes_first_and_fixed_rows_are_no_weak_numbers(result: Result) -> None:
    weak = weakest_by_grade(result, sensitivity(result))
    assert [w.grade for w in weak] == ["E", "E", "D"]
    assert [w.key for w in weak] == ["effect.translation", "cells.k4", "cells.k3"]
    assert all(w.key != "uptake.k" for w in weak)


def test_rows_that_cancel_between_arms_are_left_out(tmp_path: Path) -> None:
    directory = synthetic.write(tmp_path / "r")
    path = directory / "rows.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("cells.k4,", "placebo.k4,"), encoding="utf-8")
    result = open_result(directory)
    keys = [w.key for w in weakest_by_grade(result, sensitivity(result))]
    assert "placebo.k4" not in keys
    assert keys[0] == "effect.translation"


def test_a_quantity_made_of_several_rows_stands_for_them(tmp_path: Path) -> None:
    directory = synthetic.write(tmp_path / "r")
    path = directory / "rows.csv"
    text = path.read_text(encoding="utf-8")
    one = next(line for line in text.splitlines() if line.startswith("effect.translation,"))
    weight = one.replace("effect.translation,", "effect.translation.weight,", 1)
    weight = weight.replace("log_sd", "fixed").replace("uncertain", "structure")
    slab = one.replace("effect.translation,", "effect.translation.slab,", 1).replace(",E,", ",C,")
    path.write_text(text.replace(one, f"{weight}\n{slab}"), encoding="utf-8")
    result = open_result(directory)
    found = sensitivity(result)
    [first, *_] = weakest_by_share(result, found)
    assert first.key == "effect.translation" and first.grade == "E" and first.share > 0.6
    worst = [w.key for w in weakest_by_grade(result, found)]
    assert "effect.translation.weight" in worst, "the chance of a structure is a weak number"
    assert not any(key.startswith("placebo.") for key in worst), "what both arms share cancels"
