"""Standard curves: against closed forms, against Gen5's own fit, and against simulated plates."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from made_files import read_made
from scipy.stats import t
from writers.plate_files import gen5_text

from exocast.errors import InvalidInput, UnitError, UnknownName
from exocast.vial import read_file
from exocast.vial.standard_curve import (
    CONCENTRATION_COLUMNS,
    concentrations,
    fit_curve,
    fit_standards,
    read_off,
)
from exocast.vial.wells import Well, well_table

PLATES = 1_000


def plate(standards, samples=(), blanks=(), unit="ug/mL", **more):
    """Wells: standards (quantity, signal), samples (name, signal[, dilution]), blanks."""
    rows = [
        Well(well="A1", sample=f"S{x:g}", role="standard", nominal=x, nominal_unit=unit, value=y,
             unit="AU", **more)
        for x, y in standards
    ]  # fmt: skip
    for name, y, *dilution in samples:
        factor = dilution[0] if dilution else math.nan
        rows.append(
            Well(well="B1", sample=name, role="sample", value=y, unit="AU", dilution=factor, **more)
        )
    rows += [Well(well="C1", role="blank", value=y, unit="AU", **more) for y in blanks]
    return well_table(rows)


LINE = [(x, 0.05 + 0.003 * x) for x in (0, 25, 50, 100, 200, 400)]


# Closed forms ------------------------------------------------------------------------------------


def test_line_without_noise_is_found_exactly():
    fit = fit_standards(plate(LINE))
    assert fit.parameters == pytest.approx([0.05, 0.003])
    assert fit.r2 == pytest.approx(1)
    assert fit.residual_sd < 1e-12
    assert [s.recovery_percent for s in fit.standards[1:]] == pytest.approx([100] * 5)
    assert math.isnan(fit.standards[0].recovery_percent)


def test_line_is_that_of_numpy_and_its_interval_the_textbook_one():
    """Standard error of x0 = (y0 - a) / b: s/b sqrt(1/m + 1/n + (y0 - mean y)^2 / (b^2 Sxx))."""
    rng = np.random.default_rng(4)
    x = np.repeat([0.0, 25, 50, 100, 200, 400], 2)
    y = 0.05 + 0.003 * x + 0.01 * rng.standard_normal(12)
    fit = fit_curve(x, y, unit="ug/mL")
    b, a = np.polyfit(x, y, 1)
    assert fit.parameters == pytest.approx([a, b])
    s = math.sqrt(np.sum((y - a - b * x) ** 2) / 10)
    assert fit.residual_sd == pytest.approx(s)
    assert fit.r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    y0, m = 0.5, 1
    wanted = s / b * math.sqrt(1 / m + 1 / 12 + (y0 - y.mean()) ** 2 / (b**2 * np.var(x) * 12))
    found = read_off(fit, np.array([y0]))
    assert found.value == pytest.approx((y0 - a) / b)
    assert (found.high - found.low) / 2 == pytest.approx(t.ppf(0.975, 10) * wanted)


@pytest.mark.parametrize("slope", [1, -1])
def test_parabola_is_read_off_on_the_side_of_the_standards(slope):
    def y(x):
        return 1 + slope * (0.004 * x - 3e-6 * x**2)

    fit = fit_standards(plate([(x, y(x)) for x in (0, 50, 100, 200, 400, 600)]), curve="quadratic")
    assert fit.parameters == pytest.approx([1, 0.004 * slope, -3e-6 * slope])
    for x in (30.0, 333.0, 599.0):
        assert read_off(fit, np.array([y(x)])).value == pytest.approx(x)


@pytest.mark.parametrize("rising", [True, False])
def test_four_parameters_without_noise_are_found(rising):
    low, high = (0.05, 2.5) if rising else (2.5, 0.05)

    def y(x):
        return high + (low - high) / (1 + (x / 100) ** 1.2)

    levels = (0.0, 5, 10, 25, 50, 100, 200, 400, 800)
    fit = fit_standards(plate([(x, y(x)) for x in levels]), curve="4pl")
    assert fit.parameters == pytest.approx([low, math.log(100), 1.2, high], rel=1e-5)
    for x in (7.0, 140.0, 700.0):
        found = read_off(fit, np.array([y(x)]))
        assert (found.value, found.censored) == (pytest.approx(x, rel=1e-5), "")


def test_units_of_quantities_do_not_change_the_answer():
    rng = np.random.default_rng(7)
    x = np.repeat([1.0, 10, 30, 100, 200, 300], 3)
    noise = 0.01 * rng.standard_normal(len(x))
    for curve, y in (
        ("linear", 0.1 + 0.004 * x),
        ("quadratic", 0.1 + 0.006 * x - 5e-6 * x**2),
        ("4pl", 3 - 2.9 / (1 + (x / 60) ** 1.3)),
    ):
        one = fit_curve(x, y + noise, curve=curve, unit="ng/mL")
        other = fit_curve(x / 1000, y + noise, curve=curve, unit="ug/mL")
        found = [read_off(fit, np.array([0.6, 0.62])) for fit in (one, other)]
        assert found[1].value == pytest.approx(found[0].value / 1000, rel=1e-4)
        assert found[1].low == pytest.approx(found[0].low / 1000, rel=1e-4)
        assert found[1].high == pytest.approx(found[0].high / 1000, rel=1e-4)


# Coverage ----------------------------------------------------------------------------------------

DESIGNS = {
    "linear": ("linear", "none", lambda x: 0.05 + 0.003 * x, 0.015, (60.0, 250.0)),
    "linear, spread grows": ("linear", "1/y", lambda x: 0.05 + 0.003 * x, 0.02, (60.0, 250.0)),
    "quadratic": ("quadratic", "none", lambda x: 0.1 + 0.004 * x - 3e-6 * x**2, 0.015, (60, 350)),
    "4pl": ("4pl", "none", lambda x: 2.5 - 2.45 / (1 + (x / 60) ** 1.2), 0.03, (15.0, 200.0)),
}


@pytest.mark.parametrize("design", list(DESIGNS))
def test_intervals_hold_the_truth_in_93_to_97_percent_of_plates(design):
    """1,000 simulated plates: duplicate standards at 7 levels, samples in triplicate, 95 %."""
    curve, weights, truth, sd, samples = DESIGNS[design]
    rng = np.random.default_rng(11)
    x = np.repeat([0.0, 5, 25, 50, 100, 200, 400], 2)
    spread = sd * (np.sqrt(truth(x)) if weights == "1/y" else np.ones_like(x))
    signals = truth(x) + spread * rng.standard_normal((PLATES, len(x)))
    hits = []
    for x0 in samples:
        y0 = truth(x0)
        own = sd * (math.sqrt(y0) if weights == "1/y" else 1)
        wells = y0 + own * rng.standard_normal((PLATES // 2, 3))
        for y, sample in zip(signals[: PLATES // 2], wells, strict=True):
            fit = fit_curve(x, y, curve=curve, weights=weights, unit="ug/mL")
            found = read_off(fit, sample)
            assert found.censored == ""
            hits.append(found.low <= x0 <= found.high)
        signals = signals[PLATES // 2 :]
    assert len(hits) == PLATES
    assert 0.93 <= np.mean(hits) <= 0.97


def test_level_widens_the_interval():
    rng = np.random.default_rng(3)
    x = np.repeat([0.0, 50, 100, 200], 2)
    fit = fit_curve(x, 0.1 + 0.004 * x + 0.02 * rng.standard_normal(8), unit="ug/mL")
    widths = [np.diff(read_off(fit, np.array([0.5]), level)[1:3])[0] for level in (0.5, 0.9, 0.99)]
    assert widths == sorted(widths)


# Outside of the standards ------------------------------------------------------------------------


def test_nothing_is_extrapolated():
    wells = plate(LINE[1:], [("high", 3.0), ("low", 0.06), ("inside", 0.5)])
    found = concentrations(wells, fit_standards(wells)).set_index("sample")
    assert list(found["censored"]) == ["above", "below", ""]
    assert (found.loc["high", "value"], found.loc["low", "value"]) == (400, 25)
    assert found.loc[["high", "low"], ["low", "high"]].isna().all(axis=None)
    assert found.loc["inside", "value"] == pytest.approx(150)


@pytest.mark.parametrize("curve", ["linear", "4pl"])
def test_signal_like_that_of_zero_is_below_a_limit_and_no_quantity(curve):
    rng = np.random.default_rng(5)
    x = np.repeat([0.0, 5, 25, 50, 100, 200, 400], 3)
    y = 2.5 - 2.45 / (1 + (x / 60) ** 1.2) if curve == "4pl" else 0.05 + 0.003 * x
    fit = fit_curve(x, y + 0.01 * rng.standard_normal(len(x)), curve=curve, unit="ug/mL")
    zero = float(fit.signal(np.array([0.0]))[0])
    limits = []
    for shift in (-0.05, -0.005, 0.0, 0.005):
        found = read_off(fit, np.full(3, zero + shift))
        assert found.censored == "below"
        assert 0 < found.value < 25
        limits.append(found.value)
    assert limits == sorted(limits)
    assert read_off(fit, np.full(3, zero + 0.1)).censored == ""


def test_signal_beyond_the_plateau_of_a_four_parameter_curve_is_above():
    levels = (0.0, 5, 10, 25, 50, 100, 200, 400, 800)
    wells = plate(
        [(x, 2.5 - 2.45 / (1 + (x / 100) ** 1.2)) for x in levels], [("top", 2.6), ("near", 2.4)]
    )
    found = concentrations(wells, fit_standards(wells, curve="4pl"))
    assert list(found["censored"]) == ["above", "above"]
    assert list(found["value"]) == [800, 800]


def test_well_over_range_censors_its_sample_and_is_no_zero():
    wells = plate(LINE, [("a", 0.5), ("a", 0.52)])
    over = plate([], [("a", math.nan)])
    over["censored"] = "above"
    wells = pd.concat([wells, over], ignore_index=True)
    (row,) = concentrations(wells, fit_standards(wells)).itertuples()
    assert (row.censored, row.value) == ("above", 400)
    assert row.n_wells == 2


def test_masked_well_is_left_out_of_standards_and_samples():
    wells = plate([*LINE, (100, 3.0)], [("a", 0.35), ("a", 9.0)])
    wells.loc[wells["value"].isin([3.0, 9.0]), "excluded"] = True
    fit = fit_standards(wells)
    assert fit.parameters == pytest.approx([0.05, 0.003])
    (row,) = concentrations(wells, fit).itertuples()
    assert (row.n_wells, row.value) == (1, pytest.approx(100))


def test_sample_without_a_value_is_named_with_the_reason():
    wells = plate(LINE, [("a", math.nan)])
    wells.loc[wells["sample"] == "a", ["excluded", "reason"]] = [True, "MISSED: not read"]
    (row,) = concentrations(wells, fit_standards(wells)).itertuples()
    assert (row.n_wells, row.reason) == (0, "MISSED: not read")
    assert math.isnan(row.value)


# Dilutions, blanks, weights ----------------------------------------------------------------------


def test_dilution_is_never_a_silent_one():
    wells = plate(LINE, [("a", 0.35, 4.0), ("a", 0.2, 8.0), ("b", 0.35)])
    found = concentrations(wells, fit_standards(wells))
    assert tuple(found.columns) == CONCENTRATION_COLUMNS
    assert list(found["sample"]) == ["a", "a", "b"]
    assert list(found["original"])[:2] == pytest.approx([400, 400])
    assert math.isnan(found["original"][2])
    assert found["value"][2] == pytest.approx(100)


def test_blank_taken_off_changes_signals_and_not_quantities():
    wells = plate(LINE, [("a", 0.35)], blanks=[0.04, 0.05])
    plain, less = fit_standards(wells), fit_standards(wells, subtract_blank=True)
    assert less.blank == pytest.approx(0.045)
    assert less.parameters[0] == pytest.approx(plain.parameters[0] - 0.045)
    one, other = concentrations(wells, plain), concentrations(wells, less)
    assert other["value"][0] == pytest.approx(one["value"][0])
    assert other["signal"][0] == pytest.approx(one["signal"][0] - 0.045)


def test_weights_bring_low_standards_nearer_to_their_quantities():
    rng = np.random.default_rng(2)
    x = np.repeat([1.0, 4, 16, 64, 256, 1024], 4)
    y = 0.002 + 0.003 * x
    y *= 1 + 0.04 * rng.standard_normal(len(x))
    worst = [
        max(abs(s.recovery_percent - 100) for s in
            fit_curve(x, y, weights=w, unit="ug/mL").standards[:2])
        for w in ("none", "1/y")
    ]  # fmt: skip
    assert worst[1] < worst[0] / 2


def test_largest_leaves_the_bent_part_out():
    wells = plate([*LINE, (2000, 3.0), (4000, 3.1)])
    assert fit_standards(wells, largest=400).parameters == pytest.approx([0.05, 0.003])
    assert fit_standards(wells, largest=400).high == 400


# Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "code"),
    [
        ({"curve": "cubic"}, UnknownName, "UNKNOWN_NAME"),
        ({"weights": "1/x"}, UnknownName, "UNKNOWN_NAME"),
        ({"curve": "4pl", "largest": 100}, InvalidInput, "TOO_FEW_STANDARDS"),
        ({"subtract_blank": True}, InvalidInput, "NO_BLANK"),
        ({"unit": "ng/mL"}, UnitError, "UNIT"),
        ({"plate": "P9"}, UnknownName, "UNKNOWN_NAME"),
        ({"curve": "4pl"}, InvalidInput, "CURVE"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_in_words(options, error, code):
    # The last: a straight line has no plateau, so no four-parameter curve.
    with pytest.raises(error) as e:
        fit_standards(plate(LINE), **options)
    assert e.value.code == code
    assert len(e.value.message) > 25


def test_standards_without_a_unit_need_one():
    with pytest.raises(UnitError, match="unit"):
        fit_standards(plate(LINE, unit=""))
    assert fit_standards(plate(LINE, unit=""), unit="ug/mL").unit == "ug/mL"


def test_curve_that_runs_up_and_down_is_refused():
    hook = [(x, 1 - (x / 100 - 1) ** 2) for x in (0, 20, 50, 100, 150, 200)]
    with pytest.raises(InvalidInput, match="up and down") as e:
        fit_standards(plate(hook), curve="quadratic")
    assert e.value.code == "CURVE"


def test_two_plates_or_targets_need_a_choice():
    both = pd.concat([plate(LINE, plate="P1"), plate(LINE, plate="P2")], ignore_index=True)
    with pytest.raises(InvalidInput) as e:
        fit_standards(both)
    assert e.value.code == "AMBIGUOUS"
    fit = fit_standards(both, plate="P1")
    assert fit.plate == "P1"


def test_samples_in_another_unit_of_signal_are_refused():
    wells = plate(LINE, [("a", 0.35)])
    fit = fit_standards(wells)
    wells["unit"] = "mAU"
    with pytest.raises(UnitError, match="compared"):
        concentrations(wells, fit)


# Real plates -------------------------------------------------------------------------------------


@pytest.fixture
def real(reference):
    return reference / "samples" / "plate_readers_protein_elisa"


def test_lowry_plate_gives_the_line_that_gen5_prints(real):
    """File: Y=A*X+B, A 0.00297, B 0.049, R2 0.997; well A12, 0.601, as 185.700."""
    wells = read_file(real / "Lowry_Protein_Assay_no_results_matrix.txt").wells
    fit = fit_standards(wells, unit="ug/mL")
    assert fit.parameters == pytest.approx([0.049, 0.00297], abs=5e-4)
    assert round(fit.parameters[1], 5) == 0.00297
    assert round(fit.r2, 3) == 0.997
    found = concentrations(wells, fit).set_index("sample")
    # Gen5: (185.700 + 193.101) / 2 for SPL6, 61.5 and 62.9 for SPL3 ...
    assert found.loc["SPL6", "value"] == pytest.approx((185.700 + 193.101) / 2, rel=1e-3)
    assert found.loc["SPL3", "value"] == pytest.approx((62.232 + 62.905) / 2, rel=1e-3)
    # SPL1 (2.3 and 3.0 by Gen5) cannot be told from zero; SPL15 has its masked well left out.
    assert found.loc["SPL1", "censored"] == "below"
    assert found.loc["SPL15", "n_wells"] == 1
    assert found.loc["SPL15", "value"] == pytest.approx(106.304, rel=1e-3)
    assert (found["high"] > found["low"])[found["censored"] == ""].all()


def test_standard_curve_plate_gives_gen5s_concentrations(real):
    """[Concentration] of A4 to A6 is 1185.551, 1200.645, 1232.046; A 0.00168, B -0.000723."""
    wells = read_file(real / "endpoint_stdcurve_singleplate.txt").wells
    fit = fit_standards(wells, unit="ug/mL", subtract_blank=True)
    assert fit.parameters[1] == pytest.approx(0.00168, abs=5e-6)
    assert fit.parameters[0] == pytest.approx(-0.000723, abs=5e-4)
    found = concentrations(wells, fit).set_index("sample")
    wanted = (1185.551 + 1200.645 + 1232.046) / 3
    assert found.loc["SPL1:1", "value"] == pytest.approx(wanted, rel=1e-3)
    # One in two, four and eight of the same sample agree with the undiluted one.
    for name in ("SPL1:2", "SPL1:3", "SPL1:4"):
        assert found.loc[name, "original"] == pytest.approx(wanted, rel=0.005)
    assert [round(s.recovery_percent) for s in fit.standards[1:]] == [100] * 6


def test_real_elisa_without_an_upper_plateau_is_refused_as_four_parameter_curve(real):
    """From 160 to 320 ng/mL the signal still triples: nothing tells where it would end."""
    wells = read_file(real / "MD_SMP_absorbance_endpoint_example01.txt").wells
    with pytest.raises(InvalidInput, match="plateaus") as e:
        fit_standards(wells, curve="4pl", plate="Plate01")
    assert e.value.code == "CURVE"


def test_curve_of_a_file_that_was_made():
    values = {"A1": 0.05, "B1": 0.05, "A2": 0.2, "B2": 0.2, "A3": 0.35, "B3": 0.35, "A4": 0.275}
    ids = {w: "STD" + w[1] for w in values if w != "A4"} | {"A4": "SPL1"}
    contents = {"A1": 0.0, "B1": 0.0, "A2": 50.0, "B2": 50.0, "A3": 100.0, "B3": 100.0, "A4": 0.5}
    wells = read_made(gen5_text(values, ids=ids, contents=contents)).wells
    (row,) = concentrations(wells, fit_standards(wells, unit="ug/mL")).itertuples()
    assert (row.value, row.original) == (pytest.approx(75), pytest.approx(150))
