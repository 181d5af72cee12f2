"""Size and power of the paired trial against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from exocast.errors import InvalidInput
from exocast.study.trial import binomial_interval, paired_trial, trial_copies


def test_size_is_five_per_cent_without_an_effect() -> None:
    null = np.random.default_rng(0).normal(0, 3, (4000, 29))
    found = paired_trial(null)
    assert found.low < 0.05 < found.high
    assert found.share == pytest.approx(0.05, abs=0.012)


def test_power_is_that_of_the_noncentral_t() -> None:
    n, shift, sd = 29, 2.0, 4.0
    drawn = np.random.default_rng(1).normal(shift, sd, (4000, n))
    critical = stats.t.ppf(0.975, n - 1)
    nc = shift / sd * np.sqrt(n)
    power = stats.nct.sf(critical, n - 1, nc) + stats.nct.cdf(-critical, n - 1, nc)
    assert paired_trial(drawn).share == pytest.approx(power, abs=0.025)


def test_p_values_are_those_of_scipy() -> None:
    drawn = np.random.default_rng(2).normal(0.5, 1, (20, 12))
    expected = stats.ttest_1samp(drawn, 0, axis=1).pvalue
    assert paired_trial(drawn).p_values == pytest.approx(expected)


def test_direction_does_not_matter() -> None:
    drawn = np.random.default_rng(2).normal(0.5, 1, (20, 12))
    assert paired_trial(drawn).p_values == pytest.approx(paired_trial(-drawn).p_values)


def test_no_variance_is_decided_by_the_mean() -> None:
    found = paired_trial(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]))
    assert found.p_values == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize(("successes", "trials"), [(0, 100), (5, 100), (50, 100), (100, 100)])
def test_binomial_interval_is_exact(successes: int, trials: int) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(0.99, method="exact")
    assert binomial_interval(successes, trials) == pytest.approx((expected.low, expected.high))


def test_copies_use_one_world_each_and_different_people() -> None:
    pool = np.arange(5)[:, None] * 1000.0 + np.arange(40)[None, :]
    drawn = trial_copies(pool, pairs=29, copies=10, seed=3)
    assert drawn.shape == (10, 29)
    for copy, row in enumerate(drawn):
        assert set(row // 1000) == {copy % 5}
        assert len(set(row)) == 29
    assert (trial_copies(pool, pairs=29, copies=4, seed=3) == drawn[:4]).all()


def test_too_small_a_trial_is_refused() -> None:
    with pytest.raises(InvalidInput, match="two pairs or more"):
        paired_trial(np.zeros((3, 1)))
