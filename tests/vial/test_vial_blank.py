"""Blanks: taken off in the instrument, with an interval that may reach zero."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_exports import CENTRES, codes, run
from scipy.stats import gamma, lognorm

from exocast.errors import InstrumentFileError, InvalidInput
from exocast.vial.blank import LEVELS, _difference_interval, buffer_levels, subtract_blank
from exocast.vial.nested import Mixture
from exocast.vial.runs import counted


def shape(median, sd=0.3):
    law = lognorm(s=sd, scale=median)
    return law.cdf(CENTRES + 0.5) - law.cdf(CENTRES - 0.5)


def clean(**others):
    return run([5e6, 5.1e6], "buffer", "x", blank=True, dilution=1.0, **others)


def test_blank_is_taken_off_in_the_instrument_and_then_multiplied():
    found = subtract_blank([run([3e8, 3e8], dilution=1000.0)], [clean()])
    assert found.sample_level == pytest.approx(3e8, rel=1e-9)
    assert found.blank_level == pytest.approx(math.sqrt(5e6 * 5.1e6), rel=1e-3)
    assert found.net_level == pytest.approx(found.sample_level - found.blank_level, rel=1e-12)
    # Not 3e11 less 5e6, as if both were undiluted samples.
    assert found.per_ml == pytest.approx(1000 * (3e8 - 5.05e6), rel=1e-3)
    assert not found.below_detection
    assert found.interval_95[0] < found.per_ml < found.interval_95[1]
    assert found.warnings == ()


def test_recorded_dilutions_of_both_are_undone_first():
    wanted = subtract_blank([run([3e8, 3e8], dilution=1000.0)], [clean()])
    found = subtract_blank(
        [run([3e11, 3e11], dilution=1000.0, state="applied")],
        [run([5e9, 5.1e9], "b", "x", blank=True, dilution=1000.0, state="applied")],
    )
    assert found.per_ml == pytest.approx(wanted.per_ml, rel=1e-9)
    assert found.interval_95 == pytest.approx(wanted.interval_95, rel=1e-9)


def test_blank_above_a_tenth_is_said():
    found = subtract_blank([run([3e8, 3e8])], [run([6e7, 6e7], "b", blank=True, dilution=1.0)])
    assert codes(found.warnings) == ["BLANK"]
    assert "20%" in found.warnings[0].message
    assert found.blank_share == pytest.approx(0.2, rel=1e-3)


def test_sample_like_its_buffer_is_below_detection_with_a_limit():
    found = subtract_blank([run([5e7, 5.2e7])], [run([5e7, 5.1e7], "b", blank=True, dilution=1.0)])
    assert found.below_detection
    assert found.net_level_95[0] < 0 < found.net_level_95[1]
    assert 0 < found.limit_per_ml < found.interval_95[1]
    assert {"BELOW_DETECTION", "BLANK"} <= set(codes(found.warnings))
    text = next(w.message for w in found.warnings if w.code == "BELOW_DETECTION")
    assert f"{found.limit_per_ml:.3g}" in text


def test_sample_far_below_its_buffer_has_no_negative_limit():
    found = subtract_blank([run([1e6] * 5)], [run([9e8] * 5, "b", blank=True, dilution=1.0)])
    assert found.per_ml < 0
    assert found.below_detection
    assert found.limit_per_ml == 0


def test_difference_of_two_laws_agrees_with_draws():
    law = Mixture(weight=np.array([1.0]), centre=np.array([0.0]), variance=np.array([0.04]))
    u = (np.arange(LEVELS) + 0.5) / LEVELS
    buffer = lognorm(s=0.3, scale=0.5).ppf(u)
    found = _difference_interval(law, buffer, (0.025, 0.5, 0.975))
    rng = np.random.default_rng(1)
    draws = np.exp(rng.normal(0, 0.2, 400_000)) - 0.5 * np.exp(rng.normal(0, 0.3, 400_000))
    assert found == pytest.approx(list(np.quantile(draws, (0.025, 0.5, 0.975))), abs=0.005)


def test_one_more_tube_of_buffer_varies_as_runs_do():
    blanks = [counted(run([5e6] * 4, "b", "x", blank=True, dilution=1.0))]
    levels = buffer_levels(blanks, blanks)
    assert (np.diff(levels) > 0).all()
    assert np.std(np.log(levels)) > 0.13
    several = [counted(run([5e6] * 4, f"b{i}", "x", blank=True, dilution=1.0)) for i in range(6)]
    assert np.std(np.log(buffer_levels(several, several))) < 0.6 * np.std(np.log(levels))


def test_empty_blank_has_the_law_of_a_count_of_nothing():
    samples = [run([3e8, 3e8], tracks=1500)]
    blank = run([0.0, 0.0, 0.0], "b", blank=True, dilution=1.0, tracks=0, excluded=(0, 1, 2))
    levels = buffer_levels([counted(blank)], [counted(samples[0])])
    one = 3e8 / 1500 / 3
    wanted = gamma(0.5, scale=one).ppf((np.arange(LEVELS) + 0.5) / LEVELS)
    assert levels == pytest.approx(wanted, rel=1e-9)
    found = subtract_blank(samples, [blank])
    assert found.blank_share < 1e-3
    assert found.per_ml == pytest.approx(3e11, rel=1e-3)


def test_empty_blank_without_counts_gives_no_limit():
    with pytest.raises(InstrumentFileError, match="no limit") as e:
        subtract_blank(
            [run([3e8], tracks=math.nan)],
            [run([0.0], "b", blank=True, dilution=1.0, tracks=math.nan, excluded=(0,))],
        )
    assert e.value.code == "BLANK"
    with pytest.raises(InstrumentFileError, match="Measure the buffer again"):
        subtract_blank([run([3e8])], [run([5e6], "b", blank=True, dilution=1.0, excluded=(0,))])


def test_bins_add_up_to_the_total_and_may_be_negative():
    found = subtract_blank(
        [run([3e8, 3e8], shares=shape(120))],
        [run([6e7, 6e7], "b", blank=True, dilution=1.0, shares=shape(250, 0.1))],
    )
    bins = found.bins
    assert bins.per_ml.sum() == pytest.approx(found.net_level, rel=1e-6)
    assert bins.centres_nm[:2] == pytest.approx([5.0, 15.0])
    near = np.abs(bins.centres_nm - 255).argmin()
    assert bins.per_ml[near] < 0
    # The blank's particles of 250 nm do not touch the bin at 120 nm.
    at = np.abs(bins.centres_nm - 125).argmin()
    share = shape(120)[120:130].sum() / shape(120).sum()
    assert bins.per_ml[at] == pytest.approx(3e8 * share, rel=1e-3)
    # Error: that of the total, and counting of 4000 tracks.
    law_sd = float(np.sqrt(bins.sd[at] ** 2 - (3e8) ** 2 * share / 4000) / (3e8 * share))
    assert 0.02 < law_sd < 0.12


def test_bins_of_two_exports_that_differ_are_not_subtracted():
    found = subtract_blank(
        [run([3e8], shares=shape(120))],
        [
            run(
                [5e6],
                "b",
                blank=True,
                dilution=1.0,
                shares=np.ones(50),
                centres=np.arange(50) * 20 + 10.0,
            )
        ],
    )
    assert found.bins is None
    assert "BINS_DIFFER" in codes(found.warnings)
    assert subtract_blank([run([3e8])], [clean()]).bins is None


def test_unknown_counts_claim_no_error_by_bin():
    found = subtract_blank(
        [run([3e8, 3e8], tracks=math.nan, shares=shape(120))], [clean(shares=shape(120))]
    )
    assert np.isnan(found.bins.sd).all()
    assert np.isfinite(found.bins.per_ml).all()


def test_blank_of_another_dilution_is_doubted():
    found = subtract_blank([run([3e8, 3e8])], [run([5e6, 5e6], "b", blank=True, dilution=10.0)])
    assert codes(found.warnings) == ["BLANK"]
    assert "diluted 10 times and the sample 1000" in found.warnings[0].message
    same = subtract_blank([run([3e8, 3e8])], [run([5e6, 5e6], "b", blank=True, dilution=1000.0)])
    assert same.warnings == ()


def test_one_preparation_at_a_time():
    with pytest.raises(InvalidInput, match="one at a time"):
        subtract_blank([run([3e8], "1", "a"), run([3e8], "1", "b")], [clean()])
    with pytest.raises(InvalidInput, match="no run of buffer"):
        subtract_blank([run([3e8])], [])
    with pytest.raises(InstrumentFileError, match="no capture of the sample"):
        subtract_blank([run([0.0], excluded=(0,))], [clean()])


def test_net_intervals_hold_the_truth():
    # Buffer of 1e8 varying between tubes as the prior's value, sample of 1.5e8 above it.
    rng = np.random.default_rng(3)
    hits, n = 0, 150
    for _ in range(n):
        tubes = 1e8 * np.exp(rng.normal(0, 0.22, 2))
        sample = (1.5e8 + tubes[0]) * np.exp(rng.normal(0, 0.087, 3))
        blank = tubes[1] * np.exp(rng.normal(0, 0.087, 3))
        found = subtract_blank(
            [run(list(sample), dilution=1.0)],
            [run(list(blank), "b", blank=True, dilution=1.0)],
        )
        hits += found.interval_95[0] < 1.5e8 < found.interval_95[1]
    assert 0.88 <= hits / n <= 1.0
