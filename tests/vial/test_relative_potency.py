"""Relative potency against closed forms, against what cannot matter, and where it is refused."""

from __future__ import annotations

import contextlib
import itertools
import math
import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from scipy.optimize import brentq
from scipy.stats import t as student

from exocast import api
from exocast.errors import ExocastError, InvalidInput, TableError, UnknownName
from exocast.vial import relative_potency
from exocast.vial.potency_assay import outlying
from exocast.vial.potency_models import Layout
from exocast.vial.records import WELL_COLUMNS
from exocast.vial.responses import read_responses
from exocast.vial.vial import VialDescription

HEAD = "sample,dose,dose_unit,response,plate,run,well,excluded,reason"
DOSES = tuple(float(f"{d:.3g}") for d in np.geomspace(0.1, 100, 8))
RULES = {"outlier_alpha": 0.05, "outlier_share": 0.1}


def sigmoid(dose, potency=1.0, zero=1.0, full=9.0, ec50=3.0, slope=1.2):
    return zero + (full - zero) / (1 + (ec50 / (potency * dose)) ** slope)


def plate(
    potency=0.6, sd=0.15, seed=1, doses=DOSES, replicates=3, test=None, reference=None, name=""
):
    """Rows of one plate: (sample, dose, response, plate)."""
    chance = np.random.default_rng(seed)
    rows = []
    for sample, shape in (
        ("reference", reference or {}),
        ("lot", {"potency": potency} | (test or {})),
    ):
        for dose, _ in itertools.product(doses, range(replicates)):
            rows.append((sample, dose, sigmoid(dose, **shape) + sd * chance.normal(), name))
    return rows


@pytest.fixture
def write(tmp_path):
    numbers = itertools.count()

    def made(rows, unit="ug/mL", units=None):
        lines = [HEAD]
        for i, (sample, dose, response, name, *run) in enumerate(rows):
            own = (units or {}).get(sample, unit)
            lines.append(
                f"{sample},{dose!r},{own},{response!r},{name},{run[0] if run else ''},W{i},,"
            )
        path = tmp_path / f"assay-{next(numbers)}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return made


def potency(path, **options):
    found = relative_potency(path, **options)["result"]
    assert found["refused"] is None, found["refused"]
    return found["relative"], found["low"], found["high"]


def refused(path, **options):
    found = relative_potency(path, **options)["result"]
    assert found["relative"] is None and found["scenario"] is None
    return found["refused"]["code"], found["refused"]["message"]


def codes(path, **options):
    return {w["code"] for w in relative_potency(path, **options)["warnings"]}


# Closed forms -------------------------------------------------------------------------------------


def parallel(spread=1.0):
    """Means 10, 20, 30 and 15, 25, 35 at doses 1, 2, 4; two wells each, one up and one down."""
    return [
        (sample, dose, mean + sign * spread, "")
        for sample, start in (("reference", 10.0), ("lot", 15.0))
        for dose, mean in zip((1.0, 2.0, 4.0), (start, start + 10, start + 20), strict=True)
        for sign in (1, -1)
    ]


def test_fieller_interval_of_a_worked_example(write):
    """By hand: slope 10 a doubling, lines 5 apart, so half a doubling: the square root of 2.

    Residual squares 12 on 12 - 3 = 9 degrees, so s2 = 4/3; the heights' difference has variance
    s2/3 = 4/9, the slope (a doubling as unit) s2/8 = 1/6, and they are independent. t = 2.262157,
    g = t2/600 = 0.00852892; sqrt(4/9 (1 - g) + 1/24) = 0.694493, times t/10 is 0.157105. Ends:
    (0.5 -+ 0.157105)/(1 - g) = 0.345844 and 0.662758 doublings.
    """
    found = potency(write(parallel()), model="parallel-line", dose_range="all")
    assert found == pytest.approx((2**0.5, 2**0.345844, 2**0.662758), rel=2e-6)


def test_fieller_interval_is_where_a_shifted_regression_stops_to_fit(write):
    """Another route: at an end, the test's line, shifted by it, differs from the reference's at t.

    Unbalanced, on two plates, with other doses for the test sample.
    """
    chance = np.random.default_rng(3)
    rows = [
        (sample, dose, 3 + 2.2 * math.log(factor * dose) + 0.7 * p + 0.25 * chance.normal(), str(p))
        for p in (0, 1)
        for sample, factor, doses in (
            ("reference", 1.0, (1.0, 2.0, 4.0, 8.0)), ("lot", 0.7, (1.5, 3.0, 6.0)),
        )
        for dose in doses
        for _ in range(2 + (sample == "lot" and p))
    ]  # fmt: skip
    low, high = potency(write(rows), model="parallel-line", dose_range="all")[1:]
    x = np.array([[1.0, float(r[3]), math.log(r[1]), float(r[0] == "lot")] for r in rows])
    y = np.array([r[2] for r in rows])

    def distance(shift):
        moved = x.copy()
        moved[:, 2] += shift * x[:, 3]
        beta, squares, *_ = np.linalg.lstsq(moved, y, rcond=None)
        inverse = np.linalg.inv(moved.T @ moved)
        freedom = len(y) - 4
        t = beta[3] / math.sqrt(squares[0] / freedom * inverse[3, 3])
        return abs(t) - student.ppf(0.975, freedom)

    middle = math.log(low * high) / 2
    assert math.log(low) == pytest.approx(brentq(distance, middle - 2, middle), abs=1e-9)
    assert math.log(high) == pytest.approx(brentq(distance, middle, middle + 2), abs=1e-9)


def test_curve_interval_is_where_the_fit_with_a_fixed_potency_gets_worse_by_t_squared(write):
    """Another route: scipy's own least squares with the potency held at the reported ends."""
    from scipy.optimize import least_squares

    rows = plate(sd=0.3, seed=4, replicates=2)
    found = relative_potency(write(rows), bounds=wide(write))["result"]
    x, y = np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    test = np.array([r[0] == "lot" for r in rows])

    def squares(ln_potency):
        def off(p):
            at = np.log(x) + test * (p[4] if ln_potency is None else ln_potency)
            return p[0] + p[1] / (1 + np.exp(-np.exp(p[3]) * (at - p[2]))) - y

        start = [1.0, 8.0, 1.0, 0.2, -0.5][: 5 if ln_potency is None else 4]
        best = least_squares(off, start, xtol=1e-14, ftol=1e-14, gtol=1e-14)
        return 2 * best.cost, best.x

    least, best = squares(None)
    freedom = len(y) - 5
    assert math.log(found["relative"]) == pytest.approx(best[4], abs=1e-6)
    wanted = least + student.ppf(0.975, freedom) ** 2 * least / freedom
    for end in ("low", "high"):
        assert squares(math.log(found[end]))[0] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("model", ["4pl", "parallel-line"])
def test_the_same_data_for_both_is_a_potency_of_one(write, model):
    half = [r for r in plate(seed=5) if r[0] == "reference"]
    rows = half + [("lot", *r[1:]) for r in half]
    options = {"model": model} | ({"dose_range": "0.7:15"} if model != "4pl" else {})
    relative, low, high = potency(write(rows), bounds=wide(write), **options)
    assert relative == pytest.approx(1, abs=1e-9)
    assert low * high == pytest.approx(1, abs=1e-6)
    assert low < 1 < high


def wide(write):
    """Bounds that no plate here misses, for what is not about similarity."""
    path = write([]).with_name("bounds.csv")
    path.write_text(
        "measure,low,high,source\nslope_ratio,0.2,5,made\nupper_asymptote,-3,3,made\n"
        "lower_asymptote,-3,3,made\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_a_sample_at_a_part_of_the_dose_is_so_many_times_as_potent(write, factor):
    rows = plate(potency=0.8)
    moved = [(s, d / factor if s == "lot" else d, y, p) for s, d, y, p in rows]
    before, after = potency(write(rows)), potency(write(moved))
    assert after == pytest.approx([factor * b for b in before], rel=1e-6)


@given(
    scale=st.sampled_from([1e-9, 1e-3, 1e6]),
    offset=st.sampled_from([0.0, -3.0, 50.0]),
    dose=st.sampled_from([1.0, 1e-3, 1e9]),
    order=st.integers(0, 10**6),
)
@settings(max_examples=12, deadline=None)
def test_units_and_the_order_of_rows_do_not_matter(tmp_path_factory, scale, offset, dose, order):
    rows = plate()
    made = [(s, d * dose, (y + offset) * scale, p) for s, d, y, p in rows]
    random.Random(order).shuffle(made)
    folder = tmp_path_factory.mktemp("order")
    for name, some in (("a.csv", rows), ("b.csv", made)):
        lines = [f"{s},{d!r},ug/mL,{y!r}" for s, d, y, _ in some]
        (folder / name).write_text("sample,dose,dose_unit,response\n" + "\n".join(lines), "utf-8")
    before = relative_potency(folder / "a.csv")["result"]
    after = relative_potency(folder / "b.csv")["result"]
    for key in ("relative", "low", "high"):
        assert after[key] == pytest.approx(before[key], rel=1e-6)
    for one, other in zip(
        before["assays"][0]["similarity"], after["assays"][0]["similarity"], strict=True
    ):
        assert other["low"] == pytest.approx(one["low"], rel=1e-5, abs=1e-7)


def test_what_a_plate_adds_does_not_matter(write):
    rows = plate(name="1") + plate(seed=2, name="2")
    before = potency(write(rows))
    added = [(s, d, y + (5 if p == "2" else 0), p) for s, d, y, p in rows]
    assert potency(write(added)) == pytest.approx(before, rel=1e-7)


def test_a_falling_curve_is_the_rising_one_turned(write):
    rows = plate()
    turned = [(s, d, -y, p) for s, d, y, p in rows]
    assert potency(write(turned)) == pytest.approx(potency(write(rows)), rel=1e-7)
    one, other = (
        relative_potency(write(r))["result"]["assays"][0]["similarity"] for r in (rows, turned)
    )
    assert other[1]["value"] == pytest.approx(-one[2]["value"], abs=1e-7)
    assert other[0]["value"] == pytest.approx(one[0]["value"], rel=1e-7)


def test_wells_without_a_dose_are_part_of_the_curve(write):
    more = [(s, 0.0, 1.0 + 0.05 * i, "") for s in ("reference", "lot") for i in (-1, 0, 1)]
    rows = plate(sd=0.1)
    without, with_ = (
        relative_potency(write(r))["result"]["assays"][0] for r in (rows, rows + more)
    )
    width, before = (
        a["similarity"][2]["high"] - a["similarity"][2]["low"] for a in (with_, without)
    )
    assert width < 0.9 * before
    assert with_["relative"] == pytest.approx(0.6, rel=0.15)


# Similarity ---------------------------------------------------------------------------------------


def test_a_lower_ceiling_is_not_parallel_and_says_so(write):
    code, message = refused(write(plate(test={"full": 5.0}, sd=0.1)))
    assert code == "NONPARALLEL"
    for words in ("upper asymptotes", "bounds -0.2 to 0.2", "different", "lot", "90 %", "-0.5"):
        assert words in message


def test_scatter_is_not_called_another_shape(write):
    code, message = refused(write(plate(sd=1.2, seed=11, replicates=2)))
    assert code == "NONPARALLEL"
    assert "too wide to show it" in message and "different" not in message.split("They may")[0]


def test_bounds_of_ones_own_decide_and_are_printed(write):
    path = write(plate(test={"full": 7.0}, sd=0.05))
    assert refused(path)[0] == "NONPARALLEL"
    found = relative_potency(path, bounds=wide(write))
    assert found["result"]["relative"] is not None
    assert found["result"]["bounds"][1]["grade"] == "user"
    assert "BOUNDS_DEFAULT" not in {w["code"] for w in found["warnings"]}
    assert "BOUNDS_DEFAULT" in codes(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("slope,0.8,1.25,x", "no measure 'slope'"),
        ("slope_ratio,1.1,1.25,x", "do not hold 1"),
        ("lower_asymptote,0.1,0.2,x", "do not hold 0"),
        ("slope_ratio,a,1.25,x", "numbers"),
        ("slope_ratio,0.8,1.25,", "where the bounds come from"),
        ("slope_ratio,0.8,1.25,x\nslope_ratio,0.8,1.25,x", "twice"),
    ],
)
def test_bounds_that_are_none_are_refused(write, line, words):
    bounds = wide(write)
    bounds.write_text(f"measure,low,high,source\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=words):
        relative_potency(write(plate()), bounds=bounds)


def test_opposite_lines_are_not_parallel(write):
    rows = [(s, d, 10 - y if s == "lot" else y, p) for s, d, y, p in plate(doses=(1.0, 3.0, 9.0))]
    code, message = refused(write(rows), model="parallel-line", dose_range="all")
    assert code == "NONPARALLEL" and "different" in message


# Refusals -----------------------------------------------------------------------------------------


def test_no_response_is_no_potency(write):
    code, message = refused(write(plate(test={"full": 1.0})))
    assert code == "NO_RESPONSE" and "'lot'" in message
    code, message = refused(write(plate(reference={"full": 1.0})))
    assert code == "NO_RESPONSE" and "'reference'" in message


def test_half_effect_off_the_doses_is_no_potency(write):
    code, message = refused(write(plate(potency=0.01, sd=0.05)))
    assert code == "OUT_OF_RANGE" and "higher doses" in message
    code, message = refused(write(plate(potency=200.0, sd=0.01)))
    assert code in ("OUT_OF_RANGE", "NO_RESPONSE")


def test_a_line_beyond_the_references_is_no_potency(write):
    rows = [
        (s, d, (0 if s == "reference" else 20) + math.log(d) + e, "")
        for s in ("reference", "lot")
        for d in (1.0, 2.0, 4.0)
        for e in (0.01, -0.01)
    ]
    code, message = refused(write(rows), model="parallel-line", dose_range="all")
    assert code == "OUT_OF_RANGE" and "lower doses" in message and "above" in message


def test_too_few_doses_and_wells_are_refused(write):
    code, message = refused(write(plate(doses=DOSES[:4])))
    assert code == "TOO_FEW" and "needs 5" in message
    code, message = refused(write(plate(replicates=1)))
    assert code == "TOO_FEW" and "2 at each dose" in message
    two = plate(doses=(1.0, 3.0))
    assert refused(write(two), model="parallel-line", dose_range="all")[0] == "TOO_FEW"


def test_a_plate_with_one_sample_is_refused(write):
    rows = [(s, d, y, s) for s, d, y, _ in plate()]
    code, message = refused(write(rows))
    assert code == "CONFOUNDED" and "'reference' alone" in message
    lines = [(s, d, y, str(d)) for s, d, y, _ in plate(doses=(1.0, 3.0, 9.0))]
    assert refused(write(lines), model="parallel-line", dose_range="all")[0] in (
        "CONFOUNDED", "NO_RESPONSE",
    )  # fmt: skip


def test_doses_in_two_units_are_refused(write):
    path = write(plate(), units={"lot": "1/mL"})
    with pytest.raises(InvalidInput, match="different statements") as caught:
        relative_potency(path)
    assert caught.value.code == "DOSE_UNIT"
    same = write(plate(), units={"lot": "µg/mL"})
    assert potency(same)[0] == pytest.approx(0.6, rel=0.2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "5pl"}, "no model '5pl'"),
        ({"transform": "sqrt"}, "no transform"),
        ({"outliers": "grubbs"}, "no outliers"),
        ({"reference": "lott"}, "Did you mean 'lot'"),
        ({"sample": "reference"}, "nothing is compared with itself"),
        ({"model": "parallel-line"}, "State it with --range"),
        ({"model": "parallel-line", "dose_range": "8"}, "no range of doses"),
        ({"model": "parallel-line", "dose_range": "9:1"}, "no range of doses"),
        ({"dose_range": "1:9"}, "goes with --model parallel-line"),
        ({"combine": True}, "the file holds one run"),
    ],
)
def test_options_that_cannot_be_used(write, options, words):
    with pytest.raises(InvalidInput, match=words):
        relative_potency(write(plate()), **options)


def test_a_response_below_zero_has_no_logarithm(write):
    rows = [(s, d, y - 3, p) for s, d, y, p in plate()]
    with pytest.raises(InvalidInput, match="has no logarithm"):
        relative_potency(write(rows), transform="log")


def test_several_samples_have_to_be_named(write):
    rows = plate() + [("other", d, y, p) for s, d, y, p in plate(seed=9) if s == "lot"]
    with pytest.raises(UnknownName, match="name one of lot, other"):
        relative_potency(write(rows))
    assert potency(write(rows), sample="lot") == pytest.approx(potency(write(plate())), rel=1e-9)
    renamed = [("std" if s == "reference" else s, d, y, p) for s, d, y, p in plate()]
    with pytest.raises(UnknownName, match="no sample is called 'reference'"):
        relative_potency(write(renamed))
    assert potency(write(renamed), reference="std")[0] == pytest.approx(potency(write(plate()))[0])


# The straight part --------------------------------------------------------------------------------


def test_the_rule_takes_the_same_stretch_of_the_curve_from_both(write):
    doses = tuple(float(d) for d in np.geomspace(0.05, 200, 16))
    path = write(plate(potency=0.25, sd=0.05, doses=doses))
    found = relative_potency(path, model="parallel-line", dose_range="rule")["result"]
    reference, lot = found["assays"][0]["ranges"]
    # A curve of slope 1.2 about 3 runs from a fifth to four fifths between 3 * 4^(-+1/1.2).
    assert reference["low"] == pytest.approx(3 * 4 ** (-1 / 1.2), rel=0.05)
    assert reference["high"] == pytest.approx(3 * 4 ** (1 / 1.2), rel=0.05)
    assert lot["low"] / reference["low"] == pytest.approx(4, rel=0.05)
    assert found["relative"] == pytest.approx(0.25, rel=0.1)


def test_a_range_with_a_unit_is_that_range(write):
    path = write(plate(sd=0.05))
    plain = relative_potency(path, model="parallel-line", dose_range="0.7:15")["result"]
    named = relative_potency(path, model="parallel-line", dose_range="700 ng/mL:15 ug/mL")["result"]
    assert named["assays"][0]["ranges"][0] == pytest.approx(plain["assays"][0]["ranges"][0])


def test_a_bent_line_is_remarked(write):
    path = write(plate(sd=0.1, doses=tuple(float(d) for d in np.geomspace(0.1, 100, 14))))
    assert "NONLINEAR" in codes(path, model="parallel-line", dose_range="all")
    assert "NONLINEAR" not in codes(path, model="parallel-line", dose_range="rule")


def test_unequal_scatter_is_remarked_and_the_logarithm_mends_it(write):
    chance = np.random.default_rng(2)
    rows = [(s, d, sigmoid(d) * math.exp(0.1 * chance.normal()), "") for s, d, _, _ in plate()]
    assert "SPREAD_UNEQUAL" in codes(write(rows))
    assert "SPREAD_UNEQUAL" not in codes(write(rows), transform="log")


# Outliers -----------------------------------------------------------------------------------------

# NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.5.17.3: Rosner's own 54 values.
ROSNER = (
    "-0.25 0.68 0.94 1.15 1.20 1.26 1.26 1.34 1.38 1.43 1.49 1.49 1.55 1.56 1.58 1.65 1.69 1.70 "
    "1.76 1.77 1.81 1.91 1.94 1.96 1.99 2.06 2.09 2.10 2.14 2.15 2.23 2.24 2.26 2.35 2.37 2.40 "
    "2.47 2.54 2.62 2.64 2.90 2.92 2.92 2.93 3.21 3.26 3.30 3.59 3.68 4.30 4.64 5.34 5.42 6.01"
)


def plain(count):
    return Layout(
        doses=np.ones(count),
        test=np.zeros(count, dtype=bool),
        plates=np.zeros(count, dtype=np.int64),
    )


def test_rosners_own_example_has_three_outliers():
    y = np.array([float(v) for v in ROSNER.split()])
    found = outlying(plain(54), y, "mean", {"outlier_alpha": 0.05, "outlier_share": 10 / 54})
    assert [y[i] for i, _, _ in found] == [6.01, 5.42, 5.34]
    # Printed there: R 3.119, 2.943, 3.179 with limits 3.159, 3.151, 3.144. Our residual counts the
    # mean's own error, which multiplies both by the square root of n/(n - 1).
    for step, (_, residual, limit) in enumerate(found):
        n = 54 - step
        scale = math.sqrt(n / (n - 1))
        assert residual / scale == pytest.approx((3.119, 2.943, 3.179)[step], abs=6e-4)
        assert limit / scale == pytest.approx((3.159, 3.151, 3.144)[step], abs=6e-4)


def test_normal_wells_are_called_outliers_as_rarely_as_said():
    chance = np.random.default_rng(8)
    hits = sum(
        bool(outlying(plain(48), chance.normal(size=48), "mean", RULES)) for _ in range(2000)
    )
    assert hits / 2000 == pytest.approx(0.05, abs=0.016)  # three standard errors


@pytest.mark.parametrize("model", ["4pl", "parallel-line"])
def test_a_planted_outlier_is_named_left_out_and_both_results_are_shown(write, model):
    rows = plate(sd=0.1, seed=7)
    at = next(i for i, r in enumerate(rows) if r[0] == "lot" and 2 < r[1] < 6)
    rows[at] = (*rows[at][:2], rows[at][2] + 2.0, "")
    options = {"model": model} | ({"dose_range": "0.7:15"} if model != "4pl" else {})
    path = write(rows)
    found = relative_potency(path, outliers="rosner", bounds=wide(write), **options)
    assay = found["result"]["assays"][0]
    assert [o["well"] for o in assay["outliers"]] == [f"W{at}"]
    assert assay["outliers"][0]["residual"] > assay["outliers"][0]["critical"]
    with_ = potency(path, bounds=wide(write), **options)
    assert assay["with_outliers"]["relative"] == pytest.approx(with_[0])
    clean = write([r for i, r in enumerate(rows) if i != at])
    assert found["result"]["relative"] == pytest.approx(
        potency(clean, bounds=wide(write), **options)[0], rel=1e-9
    )
    assert "OUTLIER" in {w["code"] for w in found["warnings"]}
    untouched = relative_potency(path, bounds=wide(write), **options)["result"]["assays"][0]
    assert untouched["outliers"] == [] and untouched["with_outliers"] is None


# Several assays -----------------------------------------------------------------------------------


def runs(potencies, sd=0.1):
    return [
        (*row, f"run {i}")
        for i, p in enumerate(potencies, start=1)
        for row in plate(potency=p, sd=sd, seed=i)
    ]


def test_assays_that_agree_are_weighted_by_their_variances(write):
    path = write(runs((0.6, 0.6, 0.6)))
    found = relative_potency(path, combine=True)["result"]
    combined = found["combined"]
    assert "FEW_ASSAYS" in codes(path, combine=True)
    assert combined["homogeneous"] and combined["method"] == "weighted"
    logs = np.log([a["relative"] for a in found["assays"]])
    freedom = np.array([a["freedom"] for a in found["assays"]])
    widths = np.log([a["high"] / a["low"] for a in found["assays"]])
    errors = widths / 2 / student.ppf(0.975, freedom)
    weights = errors**-2
    mean = (weights * logs).sum() / weights.sum()
    share = weights / weights.sum()
    widened = 1 + 4 * (share * (1 - share) / freedom).sum()
    reach = student.ppf(0.975, freedom.sum()) * math.sqrt(widened / weights.sum())
    wanted = np.exp([mean, mean - reach, mean + reach])
    assert [found[k] for k in ("relative", "low", "high")] == pytest.approx(wanted, rel=1e-9)
    assert combined["q"] == pytest.approx((weights * (logs - mean) ** 2).sum(), rel=1e-9)
    assert found["scenario"]["vial"]["potency"]["relative"] == pytest.approx(
        found["relative"], rel=1e-5
    )


def test_assays_that_differ_are_semi_weighted_and_wider(write):
    path = write(runs((0.4, 0.6, 0.9, 0.7)))
    found = relative_potency(path, combine=True)["result"]
    combined = found["combined"]
    assert not combined["homogeneous"] and combined["method"] == "semi-weighted"
    logs = np.log([a["relative"] for a in found["assays"]])
    # Nearly all variance is between the assays: the mean is that of the logarithms alone.
    assert found["relative"] == pytest.approx(math.exp(logs.mean()), rel=0.02)
    assert combined["unweighted"]["relative"] == pytest.approx(math.exp(logs.mean()), rel=1e-9)
    assert combined["between_sd"] == pytest.approx(logs.std(ddof=1), rel=0.05)
    for side in ("low", "high"):
        assert abs(math.log(found[side] / found["relative"])) > 2 * abs(
            math.log(combined["weighted"][side] / combined["weighted"]["relative"])
        )
    assert "FEW_ASSAYS" not in codes(path, combine=True)
    assert "RUNS_POOLED" in codes(path)
    assert "RUNS_POOLED" not in codes(path, combine=True)


def test_a_refused_assay_is_left_out_by_name(write):
    bad = [(*row, "run 9") for row in plate(test={"full": 5.0}, sd=0.1)]
    path = write(runs((0.6, 0.6)) + bad)
    found = relative_potency(path, combine=True)
    assert found["result"]["combined"]["assays"] == ["run 1", "run 2"]
    warning = next(w for w in found["warnings"] if w["code"] == "ASSAY_REFUSED")
    assert "run 9 (NONPARALLEL)" in warning["message"]
    code, message = refused(write(runs((0.6,)) + bad), combine=True)
    assert code == "TOO_FEW" and "run 9: NONPARALLEL" in message


# Table and layout ---------------------------------------------------------------------------------


def test_a_table_is_read_the_same_in_every_variant(tmp_path, write):
    text = write(plate()).read_text(encoding="utf-8")
    wanted = None
    for separator, sign, encoding, newline in itertools.product(
        (",", ";", "\t"), (".", ","), ("utf-8", "utf-8-sig", "utf-16", "latin-1"), ("\n", "\r\n")
    ):
        if separator == sign:
            continue
        made = text.replace(",", "|").replace(".", sign).replace("|", separator)
        path = tmp_path / "variant.csv"
        path.write_bytes(made.replace("\n", newline).encode(encoding))
        found = read_responses(path).wells
        wanted = wanted or found
        assert found == wanted
    assert len(wanted) == 48 and wanted[0].sample == "reference"


def test_findings_of_a_table_come_together(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "well,sample,dose,dose_unit,response,excluded\n"
        "A1,reference,1,ug/mL,,\n"
        "A2,reference,-1,ug/mL,3,\n"
        "A3,reference,1,,3,\n"
        "A4,,1,ug/mL,3,\n"
        "A5,lot,1,ug/mL,OVRFLW,\n"
        "A6,lot,1,ug/mL,3,perhaps\n"
        "A7,lot,1,ug/mL,3,\nA7,lot,1,ug/mL,3,\n",
        encoding="utf-8",
    )
    with pytest.raises(TableError) as caught:
        read_responses(path)
    for words in (
        "line 2: there is no response", "line 3: dose is '-1'", "line 4: the dose has no unit",
        "line 5: the sample has no name", "line 6: response: 'OVRFLW'", "line 7: excluded is",
        "line 9: well 'A7' stands already in line 8",
    ):  # fmt: skip
        assert words in str(caught.value)


def test_excluded_wells_stay_out_and_are_told(write):
    path = write(plate())
    text = path.read_text(encoding="utf-8").splitlines()
    text[5] = text[5].replace(",W4,,", ",W4,yes,bubble")
    text[6] = "reference,0.3,ug/mL,,,,W5,x,"
    path.write_text("\n".join(text), encoding="utf-8")
    found = relative_potency(path)
    wells = found["result"]["assays"][0]["wells"]
    assert [w["well"] for w in wells if w["level"] is None] == ["W4", "W5"]
    warning = next(w for w in found["warnings"] if w["code"] == "MASKED")
    assert "W4: bubble" in warning["message"] and "2 of 48" in warning["message"]


def test_a_table_of_another_kind_names_what_is_missing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("sample;concentration\na;1\n", encoding="utf-8")
    with pytest.raises(TableError, match="dose and dose_unit and response is missing"):
        read_responses(path)


@pytest.fixture
def export(monkeypatch, write):
    """A plate reader's export of the plate, as a reader gives it, and the table of its layout."""
    rows = plate()
    wells = pd.DataFrame(
        [
            dict(zip(WELL_COLUMNS, ("Plate1", f"W{i}", "", "", "unknown", np.nan, "", y, "RLU", "",
                                    np.nan, False, "", i + 9), strict=True))
            for i, (_, _, y, _) in enumerate(rows)
        ]
    )  # fmt: skip
    from exocast.vial import responses
    from exocast.vial.records import Reading

    made = Reading(file="x", sha256="0" * 64, reader="plate", kind="plate", wells=wells)
    monkeypatch.setattr(responses, "read_file", lambda path: made)
    layout = write(rows)
    lines = [f"W{i},{s},{d!r},ug/mL" for i, (s, d, _, _) in enumerate(rows)]
    layout.write_text("well,sample,dose,dose_unit\n" + "\n".join(lines), encoding="utf-8")
    return wells, layout, rows


def test_an_export_with_a_layout_is_the_same_as_the_table(export, write, tmp_path):
    _, layout, rows = export
    found = potency(tmp_path / "export.txt", layout=layout)
    assert found == pytest.approx(potency(write(rows)), rel=1e-9)


def test_a_plate_readers_own_file_with_a_layout_gives_the_potency_of_its_table(tmp_path, write):
    from writers.plate_files import softmax_text

    # Three digits, as the writer prints them; wells A1 to F8 of a plate.
    rows = [(s, d, round(y, 3), p) for s, d, y, p in plate()]
    places = [f"{r}{c}" for r in "ABCDEF" for c in range(1, 9)]
    values = {place: y for place, (_, _, y, _) in zip(places, rows, strict=True)}
    file, layout = tmp_path / "plate.txt", tmp_path / "layout.csv"
    file.write_bytes(softmax_text({"Plate1": values}, columns=8, rows=6).encode("utf-16"))
    lines = [f"{w},{s},{d!r},ug/mL" for w, (s, d, _, _) in zip(places, rows, strict=True)]
    layout.write_text("well,sample,dose,dose_unit\n" + "\n".join(lines), encoding="utf-8")
    found = potency(file, layout=layout)
    assert found == pytest.approx(potency(write(rows)), rel=1e-9)
    swapped = [*lines[:-1], "A1,lot,100.0,ug/mL"]
    layout.write_text("well,sample,dose,dose_unit\n" + "\n".join(swapped), encoding="utf-8")
    with pytest.raises(TableError, match="well 'A1' stands already"):
        relative_potency(file, layout=layout)


def test_censored_and_masked_wells_of_an_export_are_no_numbers(export, tmp_path):
    wells, layout, _ = export
    wells.loc[3, ["excluded", "reason"]] = [True, "masked"]
    found = relative_potency(tmp_path / "e", layout=layout)
    assert "W3: masked" in found["warnings"][0]["message"]
    wells.loc[4, "censored"] = "above"
    with pytest.raises(TableError, match="W4 is above the range"):
        relative_potency(tmp_path / "e", layout=layout)
    wells.loc[4, "censored"] = ""
    wells.loc[5, "unit"] = "AU"
    with pytest.raises(InvalidInput, match="several of 'unit'"):
        relative_potency(tmp_path / "e", layout=layout)
    wells.loc[5, "unit"] = "RLU"
    wells.loc[5, "well"] = "Z9"
    with pytest.raises(TableError, match="the export has no well 'W5'"):
        relative_potency(tmp_path / "e", layout=layout)


# What goes into a scenario ------------------------------------------------------------------------


def test_the_block_written_is_one_that_a_scenario_takes(write, tmp_path):
    path, out = write(plate()), tmp_path / "out"
    found = api.relative_potency(path, out=out, assay='NF-kB: "light" #2, µg')["result"]
    data = YAML(typ="safe", pure=True).load((out / "potency.yaml").read_text(encoding="utf-8"))
    block = VialDescription.model_validate(data["vial"]).potency
    assert block is not None
    assert block.relative == pytest.approx(found["relative"], rel=1e-5)
    assert block.assay == 'NF-kB: "light" #2, µg'
    api.relative_potency(write(plate(test={"full": 5.0})), out=out)
    assert not (out / "potency.yaml").exists(), "a potency of before would be taken for this one's"
    found = api.relative_potency(path)["result"]
    assert "ug/mL" in found["assay"] and "ug/mL" in found["statement"]


# Damage -------------------------------------------------------------------------------------------


def test_a_damaged_table_is_refused_or_read_with_numbers_that_it_holds(tmp_path, write):
    from fuzzing import INPUTS, mutated

    sources = [write(plate(replicates=2)).read_bytes(), write(plate(name="p")).read_bytes()]
    path = tmp_path / "damaged.csv"
    analysed = 0
    for seed in range(INPUTS // 2):
        data = mutated(sources[seed % 2], seed, sources[0])
        path.write_bytes(data)
        try:
            found = read_responses(path)
        except ExocastError:
            continue
        text = data.decode("utf-8", "replace") + data.decode("latin-1")
        for well in found.wells:
            assert well.excluded or math.isfinite(well.response)
            assert well.sample in text
        if analysed < 60 and seed % 3 == 0:
            analysed += 1
            for model in ({}, {"model": "parallel-line", "dose_range": "all"}):
                with contextlib.suppress(ExocastError):
                    relative_potency(path, reference="reference", sample="lot", **model)
    assert analysed > 10
