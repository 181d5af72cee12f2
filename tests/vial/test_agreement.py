"""Dilution series and two methods: slopes and ratios with what they leave open."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_exports import CENTRES, codes, run
from scipy.stats import lognorm

from exocast.errors import InstrumentFileError, InvalidInput
from exocast.evidence.chance import value_of
from exocast.evidence.rows import package_table
from exocast.vial.agreement import compare_methods, dilution_linearity

ROWS = package_table("vial", "population")


def series(factor_per_tenfold=1.0, dilutions=(250.0, 500.0, 1000.0), repeats=1, vial="1"):
    """Runs of one vial of 2e11/mL whose result changes with dilution by a factor."""
    slope = math.log10(factor_per_tenfold)
    found = []
    for d in dilutions:
        for r in range(repeats):
            level = 2e11 / d * (d / 500.0) ** slope
            preparation = f"d{d:g}-{r}"
            values = [level, 1.02 * level, 0.98 * level]
            found.append(run(values, vial, preparation, dilution=d))
    return found


def test_slope_is_found_exactly_where_there_is_no_scatter():
    found = dilution_linearity(series(1.5))
    assert found.per_tenfold == pytest.approx(1.5, rel=1e-6)
    assert found.slope == pytest.approx(math.log10(1.5), rel=1e-6)
    assert found.dilutions == (250.0, 500.0, 1000.0)
    assert found.low < found.slope < found.high


def test_two_dilutions_say_how_much_they_leave_open():
    found = dilution_linearity(series(1.0, dilutions=(250.0, 1000.0)))
    assert found.low < 0 < found.high
    assert codes(found.warnings) == []
    assert "two dilutions say little" in found.verdict
    low, high = found.per_tenfold_95
    assert f"{low:.3g} to {high:.3g}" in found.verdict
    assert high > 1.3
    assert low == pytest.approx(10**found.low, rel=1e-9)


def test_more_preparations_leave_less_open():
    few = dilution_linearity(series(1.0))
    many = dilution_linearity(series(1.0, repeats=5))
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert many.n_preparations == 15
    assert "two dilutions" not in many.verdict


def test_a_slope_that_is_shown_is_a_warning():
    found = dilution_linearity(series(2.5, repeats=5))
    assert found.low > 0
    assert codes(found.warnings) == ["NONLINEAR_DILUTION"]
    assert "not in proportion" in found.verdict
    falling = dilution_linearity(series(0.5, repeats=8))
    assert falling.high < 0
    assert codes(falling.warnings) == ["NONLINEAR_DILUTION"]


def test_level_outside_the_linear_range_is_named():
    found = dilution_linearity(series(1.0, dilutions=(100.0, 500.0, 4000.0)))
    assert codes(found.warnings) == ["NONLINEAR_DILUTION"] * 2
    assert found.outside == ("1-d100-0.csv", "1-d4000-0.csv")
    assert "2e+09/mL" in found.warnings[0].message


def test_vials_share_their_deviation():
    # Two vials that differ twofold, each at both dilutions: the slope is none of theirs.
    two = (500.0, 1000.0)
    runs = series(1.0, two, vial="1", repeats=3)
    for r in series(1.0, two, vial="2", repeats=3):
        values = [2 * c.concentration_per_ml for c in r.export.captures]
        runs.append(run(values, "2", r.preparation, dilution=r.export.dilution.value))
    found = dilution_linearity(runs)
    assert found.slope == pytest.approx(0, abs=1e-6)
    assert found.low < 0 < found.high


def test_no_series_is_refused():
    with pytest.raises(InvalidInput, match="two or more") as e:
        dilution_linearity(series(1.0, dilutions=(500.0,), repeats=2))
    assert e.value.code == "DILUTION_SERIES"
    with pytest.raises(InvalidInput, match="difference between vials"):
        dilution_linearity([run([4e8], "1", dilution=500.0), run([2e8], "2", dilution=1000.0)])


def test_slope_intervals_hold_zero_as_often_as_they_say():
    rng = np.random.default_rng(4)
    hits, n = 0, 120
    for _ in range(n):
        runs = []
        # As the prior draws them: at a fixed large spread no prior's interval holds its level.
        spread = float(value_of(ROWS["run_spread"], rng.standard_normal()))
        for r in series(1.0, repeats=2):
            tube = math.exp(rng.normal(0, spread))
            values = [
                tube * c.concentration_per_ml * math.exp(rng.normal(0, 0.09))
                for c in r.export.captures
            ]
            runs.append(run(values, "1", r.preparation, dilution=r.export.dilution.value))
        found = dilution_linearity(runs)
        hits += found.low < 0 < found.high
    assert hits / n > 0.9


def shape(median, sd, floor):
    law = lognorm(s=sd, scale=median)
    bins = law.cdf(CENTRES + 0.5) - law.cdf(CENTRES - 0.5)
    return np.where(floor < CENTRES, bins, 0.0)


def two_methods(factor, n=4, **others):
    first = [run([3e8] * 3, str(i), "a", name=f"n{i}") for i in range(n)]
    second = [
        run([factor * 3e8] * 3, str(i), "a", name=f"r{i}", method="RPS", **others) for i in range(n)
    ]
    return first, second


def test_ratio_of_two_methods_and_what_it_means():
    found = compare_methods(*two_methods(0.25))
    assert found.ratio == pytest.approx(0.25, rel=1e-6)
    assert found.low < 0.25 < found.high < 1
    assert found.methods == ("NTA", "RPS")
    assert found.used == "NTA"
    assert codes(found.warnings) == ["METHODS_DIFFER", "FLOORS_DIFFER"]
    assert "drawn up by NTA holds 0.25 times" in found.meaning
    assert found.shared_vials == ("0", "1", "2", "3")
    other = compare_methods(*two_methods(0.25), used="RPS")
    assert "drawn up by RPS holds 4 times" in other.meaning
    assert other.ratio == pytest.approx(found.ratio, rel=1e-12)


def test_methods_that_agree_raise_no_warning():
    found = compare_methods(*two_methods(1.05, n=2))
    assert found.low < 1 < found.high
    assert codes(found.warnings) == ["FLOORS_DIFFER"]


def test_vials_in_common_narrow_the_ratio():
    first, second = two_methods(1.0)
    shared = compare_methods(first, second)
    others = [run([3e8] * 3, f"x{i}", "a", name=f"r{i}", method="RPS") for i in range(len(first))]
    apart = compare_methods(first, others)
    assert apart.shared_vials == ()
    assert apart.log_sd > shared.log_sd


def test_methods_are_compared_above_the_higher_floor():
    law = lognorm(s=0.4, scale=90)
    above = float(law.sf(75) / law.sf(60))
    first = [run([4e8] * 3, "1", "a", name="n", shares=shape(90, 0.4, 60))]
    # The same particles, of which the second sees those above 75 nm.
    second = [
        run(
            [4e8 * above] * 3,
            "1",
            "a",
            name="r",
            shares=shape(90, 0.4, 75),
            method="RPS",
            floor_nm=75.0,
        )
    ]
    found = compare_methods(first, second)
    assert found.above_nm == 75.0
    assert found.ratio == pytest.approx(1.0, rel=2e-3)
    assert codes(found.warnings) == []
    # Without bins the floors look like a difference of methods.
    bare = compare_methods(
        [run([4e8] * 3, "1", "a", name="n")],
        [run([4e8 * above] * 3, "1", "a", name="r", method="RPS", floor_nm=75.0)],
    )
    assert bare.above_nm is None
    assert bare.ratio == pytest.approx(above, rel=1e-6)
    assert "FLOORS_DIFFER" in codes(bare.warnings)


def test_nothing_in_common_is_refused():
    small = run([4e8], "1", "a", name="n", shares=shape(50, 0.05, 0))
    large = run([4e8], "1", "a", name="r", shares=shape(200, 0.1, 0), method="RPS", floor_nm=120.0)
    with pytest.raises(InstrumentFileError, match="no particles in common"):
        compare_methods([small], [large])
    with pytest.raises(InstrumentFileError, match="one of the two methods"):
        compare_methods([run([3e8])], [run([0.0], name="e", excluded=(0,), method="RPS")])


def test_two_makers_of_one_method_get_names():
    first, second = [run([3e8] * 2, name="a")], [run([9e8] * 2, name="b")]
    found = compare_methods(first, second)
    assert found.methods == ("NTA (first)", "NTA (second)")
    named = compare_methods(first, second, methods=("maker A", "maker B"), used="maker B")
    assert named.used == "maker B"
    with pytest.raises(InvalidInput, match="neither of maker A and maker B"):
        compare_methods(first, second, methods=("maker A", "maker B"), used="both")
    with pytest.raises(InvalidInput) as e:
        compare_methods([*first, run([1e8], name="c", method="RPS")], second)
    assert e.value.code == "METHODS_MIXED"
