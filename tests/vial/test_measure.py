"""Concentration and sizes: intervals, dilutions, merged files."""

from __future__ import annotations

import math

import numpy as np
import pytest

from exocast.errors import InstrumentFileError, UnknownName
from exocast.evidence.rows import package_table
from exocast.vial import measure, read_nanosight


def codes(warnings):
    return [w.code for w in warnings]


def captures(values, tracks=4000):
    return [(f"lot 7_{i:02d}", value, tracks) for i, value in enumerate(values)]


def test_dilution_that_nobody_recorded_is_asked_for_and_nothing_assumed(summary):
    export = read_nanosight(summary([("lot d200_00", 3e8, 900), ("lot d200_01", 3e8, 900)]))
    with pytest.raises(InstrumentFileError, match="Not recorded") as e:
        measure(export)
    assert e.value.code == "DILUTION_UNKNOWN"
    assert "Names contain d200" in e.value.message
    assert "--dilution" in e.value.message
    assert "Nothing was assumed" in e.value.message
    assert "line 27" in e.value.where


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("x_500_01", "500"),
        ("a 1in50_00", "1in50"),
        ("a 1:100_01", "1:100"),
        ("a dil20_00", "dil20"),
    ],
)
def test_dilution_in_a_name_is_offered_and_not_used(summary, name, piece):
    export = read_nanosight(summary([(name, 3e8, 900)]))
    with pytest.raises(InstrumentFileError, match=f"Names contain .*{piece}"):
        measure(export)


def test_dilution_of_the_user_multiplies_once(summary):
    export = read_nanosight(summary(captures([3e8, 3e8])))
    found = measure(export, 200)
    assert found.concentration.value == pytest.approx(6e10, rel=1e-6)
    assert (found.dilution.state, found.dilution.origin) == ("not_applied", "user")
    assert found.level_per_ml == pytest.approx(3e8, rel=1e-6)


@pytest.mark.parametrize("given", [500, 200])
def test_recorded_dilution_is_never_applied_again(summary, given):
    export = read_nanosight(summary(captures([2e11, 2e11]), dilution="500"))
    found = measure(export, given)
    assert found.concentration.value == pytest.approx(2e11, rel=1e-6)
    assert found.level_per_ml == pytest.approx(4e8, rel=1e-6)
    (warning,) = found.warnings
    assert warning.code == "DILUTION_ALREADY_APPLIED"
    assert f"{given * 2e11:.2g}" in warning.message
    assert ("differ" in warning.message) == (given != 500)


@pytest.mark.parametrize("factor", [0.0, -3.0, 0.005, math.inf, math.nan])
def test_impossible_dilution_is_refused(summary, factor):
    with pytest.raises(InstrumentFileError, match="impossible"):
        measure(read_nanosight(summary()), factor)


def test_merged_file_is_refused_until_a_sample_is_named(summary):
    export = read_nanosight(
        summary([("A_00", 3e8, 900), ("A_01", 3e8, 900), ("B_00", 6e8, 900)], dilution="100")
    )
    with pytest.raises(InstrumentFileError, match="A, B") as e:
        measure(export)
    assert e.value.code == "MIXED_SAMPLES"
    assert "--sample" in e.value.message
    assert measure(export, sample="B").concentration.value == pytest.approx(6e8, rel=1e-6)
    assert measure(export, sample="A").concentration.n_valid == 2
    with pytest.raises(UnknownName, match="no sample 'C'"):
        measure(export, sample="C")


def test_real_merged_beads_measure_one_sample(reference):
    path = reference / "samples/nanosight_nta/beads_nta32_combined12-ExperimentSummary.csv"
    found = measure(read_nanosight(path), 10_000, "std_10000_yes_1")
    assert found.concentration.value == pytest.approx(1e4 * 1.28e9, rel=0.01)
    assert "OUT_OF_RANGE" in codes(found.warnings)
    assert "dilute more" in found.warnings[0].message


def test_no_particles_in_any_capture_is_refused(summary):
    with pytest.raises(InstrumentFileError, match="none of 1 captures") as e:
        measure(read_nanosight(summary([("a_00", 0.0, 0)])), 10)
    assert e.value.code == "EMPTY_RUN"


def test_failed_capture_does_not_pull_the_estimate_down(summary):
    with_failed = [*captures([1.65e8, 1.67e8, 1.64e8, 1.13e8]), ("lot 7_04", 0.0, 0, "Unreliable")]
    found = measure(read_nanosight(summary(with_failed)), 1).concentration
    assert (found.n_valid, found.n_total) == (4, 5)
    assert found.value == pytest.approx(math.exp(np.log([1.65, 1.67, 1.64, 1.13]).mean()) * 1e8)


def test_interval_tells_agreeing_captures_from_disagreeing_ones(summary):
    close = measure(read_nanosight(summary(captures([3e8, 3.03e8, 2.97e8, 3e8]))), 1).concentration
    apart = measure(read_nanosight(summary(captures([2e8, 4.2e8, 2.4e8, 4e8]))), 1).concentration
    assert apart.log_sd > 2 * close.log_sd
    assert apart.capture_spread > 2 * close.capture_spread
    for found in (close, apart):
        assert found.low < found.value < found.high


def test_more_captures_narrow_the_interval(summary):
    two = measure(read_nanosight(summary(captures([3e8, 3.3e8]))), 1).concentration
    eight = measure(read_nanosight(summary(captures([3e8, 3.3e8] * 4))), 1).concentration
    assert eight.log_sd < 0.7 * two.log_sd


def test_tracks_set_the_counting_error(summary):
    few = measure(read_nanosight(summary([("a_00", 3e8, 16)])), 1).concentration
    many = measure(read_nanosight(summary([("a_00", 3e8, 9000)])), 1).concentration
    assert few.log_sd**2 - many.log_sd**2 == pytest.approx(1 / 16 - 1 / 9000, rel=1e-3)


def test_one_capture_claims_no_variance_of_its_own(summary):
    found = measure(read_nanosight(summary([("a_00", 3e8, 4000)])), 1)
    assert "ONE_CAPTURE" in codes(found.warnings)
    row = package_table("vial", "population")["capture_spread_middle"]
    assert found.concentration.capture_spread == pytest.approx(row.value, rel=1e-6)
    assert found.concentration.log_sd > row.value


@pytest.mark.parametrize(
    ("level", "name"), [(1e7, "lowest"), (5e7, "low"), (5e8, "middle"), (5e9, "high")]
)
def test_spread_of_captures_follows_the_level_in_the_instrument(summary, level, name):
    export = read_nanosight(summary([("a_00", level * 1000, 4000)], dilution="1000"))
    row = package_table("vial", "population")[f"capture_spread_{name}"]
    assert measure(export).concentration.capture_spread == pytest.approx(row.value, rel=1e-6)


def test_level_outside_the_linear_range_is_said(summary):
    for level, word in ((5e7, "less"), (5e9, "more")):
        found = measure(read_nanosight(summary(captures([level, level]))), 1000)
        assert "OUT_OF_RANGE" in codes(found.warnings)
        assert f"dilute {word}" in found.warnings[0].message


def test_few_tracks_are_said(summary):
    found = measure(read_nanosight(summary(captures([3e8, 3e8], tracks=100))), 1)
    assert "TOO_FEW_TRACKS" in codes(found.warnings)
    assert "200 valid tracks" in " ".join(w.message for w in found.warnings)
