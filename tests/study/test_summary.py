"""The interval is over worlds, the spread over patients, and neither leaks into the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic

from exocast.study.result import Result, open_result
from exocast.study.summary import cohort, first_important, interval, summarise


@pytest.fixture(scope="module")
def summary(result: Result) -> pd.DataFrame:
    return summarise(result)


def _one(
    table: pd.DataFrame, arm: str, observable: str, statistic: str, time: float | None = None
) -> float:
    rows = table[
        (table.arm == arm) & (table.observable == observable) & (table.statistic == statistic)
    ]
    if time is not None:
        rows = rows[np.isclose(rows.time, time)]
    assert len(rows) == 1
    return float(rows.value.iloc[0])


def _layout(worlds: int, patients: int, seed: int = 0) -> np.ndarray:
    """Worlds with sd 2, patients with sd 5, both together with sd 6."""
    rng = np.random.default_rng(seed)
    return np.asarray(
        rng.normal(0, 2, worlds)[:, None]
        + rng.normal(0, 5, patients)[None, :]
        + rng.normal(0, 6, (worlds, patients))
    )[..., None]


def test_interval_shows_the_worlds_and_not_the_patients() -> None:
    true_width = 2 * 1.645 * 2.0
    for patients in (5, 40):
        found = interval(_layout(2000, patients))
        assert found.high[0] - found.low[0] == pytest.approx(true_width, rel=0.08)


def test_plain_quantiles_of_few_patients_would_be_too_wide() -> None:
    values = _layout(2000, 5)
    low, high = np.quantile(values.mean(axis=1)[:, 0], (0.05, 0.95))
    assert high - low > 1.4 * 2 * 1.645 * 2.0


def test_more_patients_move_the_ends_by_no_more_than_their_monte_carlo_error() -> None:
    many = _layout(400, 40, seed=4)
    half, whole = interval(many[:, :20]), interval(many)
    error = max(half.error_patients[0], 0.0)
    assert abs(whole.low[0] - half.low[0]) < 2 * error
    assert abs(whole.high[0] - half.high[0]) < 2 * error


def test_worlds_without_an_effect_stay_at_exactly_none() -> None:
    rng = np.random.default_rng(3)
    acting = np.arange(2000) < 800
    effect = np.where(acting, rng.normal(-8, 2, 2000), 0.0)
    noise = rng.normal(0, 10, (2000, 10)) * acting[:, None]
    found = interval((effect[:, None] + noise)[..., None])
    assert (found.worlds[~acting] == 0.0).all()
    truth = effect[acting]
    assert found.worlds[acting].std() == pytest.approx(truth.std(), rel=0.15)
    assert found.low[0] == pytest.approx(np.quantile(effect, 0.05), abs=0.4)
    assert found.high[0] == 0.0


def test_without_real_scatter_the_interval_closes() -> None:
    rng = np.random.default_rng(1)
    found = interval(rng.normal(3.0, 4.0, (500, 30, 1)))
    assert found.high[0] - found.low[0] < 0.35 * 2 * 1.645 * 4 / np.sqrt(30)


def test_one_patient_or_one_world_is_said_to_be_inseparable() -> None:
    assert not interval(_layout(50, 1)).separable
    alone = interval(_layout(1, 10))
    assert not alone.separable and np.isnan(alone.low).all()


def test_monte_carlo_error_of_patients_matches_repeated_draws() -> None:
    ends = [interval(_layout(300, 12, seed=s), resamples=0).low[0] for s in range(60)]
    claimed = np.mean([interval(_layout(300, 12, seed=s)).error_patients[0] for s in range(8)])
    assert claimed == pytest.approx(np.std(ends), rel=0.5)


def test_difference_is_arm_minus_control_and_recovers_the_truth(summary: pd.DataFrame) -> None:
    mean = _one(summary, "vial minus saline", "pain_vas", "mean", 364)
    low = _one(summary, "vial minus saline", "pain_vas", "low", 364)
    high = _one(summary, "vial minus saline", "pain_vas", "high", 364)
    assert mean == pytest.approx(-4.0, abs=0.8)
    assert low == pytest.approx(-8.0, abs=1.2) and high == pytest.approx(-0.3, abs=1.2)
    assert mean == pytest.approx(
        _one(summary, "vial", "pain_vas", "mean", 364)
        - _one(summary, "saline", "pain_vas", "mean", 364)
    )


def test_control_is_never_compared_with_itself(summary: pd.DataFrame) -> None:
    names = {a for a in summary.arm if " minus " in a}
    assert names == {"vial minus saline", "no injection minus saline"}


def test_spread_between_patients_stands_apart(summary: pd.DataFrame) -> None:
    low = _one(summary, "saline", "pain_vas", "spread_low", 182)
    high = _one(summary, "saline", "pain_vas", "spread_high", 182)
    assert low < _one(summary, "saline", "pain_vas", "mean", 182) < high


def test_responders_count_changes_beyond_the_threshold_of_a_person(
    result: Result, summary: pd.DataFrame
) -> None:
    pain = result.values("pain_vas")
    at = int(np.abs(result.times_days - 182).argmin())
    share = ((pain[0, ..., 0] - pain[0, ..., at]) >= 19.9).mean()
    assert _one(summary, "vial", "pain_vas", "responders", 182) == pytest.approx(share)
    assert 0.1 < share < 0.9


def test_share_of_worlds_beyond_the_group_threshold(tmp_path: Path) -> None:
    strong = open_result(synthetic.write(tmp_path / "a", effect_mm=30.0))
    none = open_result(synthetic.write(tmp_path / "b", effect_mm=0.0))
    name = "vial minus saline"
    assert _one(summarise(strong), name, "pain_vas", "p_exceeds_mid", 182) > 0.7
    assert _one(summarise(none), name, "pain_vas", "p_exceeds_mid", 182) == 0.0


def test_harm_never_counts_as_an_important_difference(tmp_path: Path) -> None:
    harmful = summarise(open_result(synthetic.write(tmp_path / "a", effect_mm=-30.0)))
    name = "vial minus saline"
    assert _one(harmful, name, "pain_vas", "p_exceeds_mid", 182) == 0.0
    assert np.isnan(_one(harmful, name, "pain_vas", "first_important_day"))


def test_first_important_time_has_to_last() -> None:
    times = np.array([7.0, 14.0, 21.0, 28.0])
    assert first_important(np.array([0.0, 9.0, 9.0, 10.0]), times, 9.0) == 14.0
    assert first_important(np.array([9.0, 0.0, 9.0, 9.0]), times, 9.0) == 21.0
    assert np.isnan(first_important(np.array([9.0, 9.0, 9.0, 0.0]), times, 9.0))


def test_not_reached_is_an_answer(summary: pd.DataFrame) -> None:
    name = "vial minus saline"
    assert np.isnan(_one(summary, name, "pain_vas", "first_important_day"))
    assert _one(summary, name, "pain_vas", "first_important_probability") < 0.2


def test_failed_runs_are_counted_and_taken_from_every_arm(tmp_path: Path) -> None:
    broken = synthetic.write(tmp_path / "r", broken_runs=(("vial", 2, 1), ("saline", 4, 1)))
    result = open_result(broken)
    kept = cohort(result.values("pain_vas"))
    assert kept.failed_runs == 2
    assert not {2, 4} & set(kept.worlds) and len(kept.worlds) == 28 and len(kept.patients) == 8
    assert kept.of(result.values("pain_vas")).shape[1:3] == (28, 8)
    table = summarise(result)
    assert _one(table, "all", "runs", "failed") == 2
    assert not np.isnan(_one(table, "vial minus saline", "pain_vas", "mean", 364))
