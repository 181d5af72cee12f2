"""Sizes: a law that was cut at the detection floor, fitted knowing it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import lognorm

from exocast.evidence.rows import package_table
from exocast.vial import class_fractions, measure, read_nanosight, size_edges_nm
from exocast.vial.size import fit_sizes

CENTRES = np.arange(1000) + 0.5
FLOOR = package_table("vial", "instrument")["detection_floor"]


def exact_bins(median, log_sd, cut=0.0):
    law = lognorm(s=log_sd, scale=median)
    bins = law.cdf(CENTRES + 0.5) - law.cdf(CENTRES - 0.5)
    return np.where(cut < CENTRES, bins, 0.0)


@pytest.mark.parametrize("cut", [0.0, 40.0, 60.0])
def test_law_is_found_again_whatever_was_cut_below_the_floor(cut):
    fit = fit_sizes(CENTRES, exact_bins(95.0, 0.4, cut), 3000, replace(FLOOR, spread=(60.0, 75.0)))
    assert fit.median_nm == pytest.approx(95.0, rel=1e-3)
    assert fit.log_sd == pytest.approx(0.4, rel=2e-3)
    assert fit.extrapolated_share == pytest.approx(lognorm(s=0.4, scale=95).cdf(60), rel=0.01)


def test_fit_that_ignores_the_cut_would_be_biased():
    bins = exact_bins(80.0, 0.4, 60.0)
    naive = math.exp(np.average(np.log(CENTRES), weights=bins))
    assert naive > 90
    assert fit_sizes(CENTRES, bins, 3000, FLOOR).median_nm < 82


def test_standard_errors_shrink_with_tracks_and_not_with_bins():
    fixed = replace(FLOOR, value=1.0, spread=())
    few = fit_sizes(CENTRES, exact_bins(120, 0.35), 500, fixed)
    many = fit_sizes(CENTRES, exact_bins(120, 0.35), 8000, fixed)
    scaled = fit_sizes(CENTRES, 1e11 * exact_bins(120, 0.35), 500, fixed)
    assert few.se_log_median / many.se_log_median == pytest.approx(4, rel=0.01)
    assert scaled.se_log_median == pytest.approx(few.se_log_median, rel=1e-3)
    # With nothing cut, the standard error is that of a mean of logarithms.
    assert few.se_log_median == pytest.approx(0.35 / math.sqrt(500), rel=0.01)


def test_interval_of_the_median_covers_the_truth(writer):
    hits = 0
    for seed in range(24):
        video = writer.Video(name="a", per_ml=1e8, tracks=400)
        bins = video.bins(seed)
        fit = fit_sizes(CENTRES, bins, 400, replace(FLOOR, spread=()))
        hits += abs(math.log(fit.median_nm / writer.MEDIAN_NM)) < 1.645 * fit.se_log_median
    assert 17 <= hits <= 24


def test_share_of_small_particles_is_of_detected_ones(summary):
    found = measure(read_nanosight(summary()), 1).size
    export = read_nanosight(summary())
    bins = export.bins.per_ml @ np.array([1 / c.concentration_per_ml for c in export.captures])
    inside = bins[(CENTRES > 30) & (CENTRES < 150)].sum() / bins.sum()
    assert found.share_small == pytest.approx(inside, rel=1e-6)


def test_captures_weigh_by_their_tracks(summary, writer):
    path = summary([("a_00", 3e8, 3000), ("a_01", 9e8, 100)])
    export = read_nanosight(path)
    one = export.bins.per_ml[:, 0] / export.bins.per_ml[:, 0].sum()
    two = export.bins.per_ml[:, 1] / export.bins.per_ml[:, 1].sum()
    mean = (3000 * one + 100 * two) @ CENTRES / 3100
    assert measure(export, 1).size.mean_nm == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("bins", [np.zeros(1000), np.eye(1000)[30], np.eye(1000)[120]])
def test_bins_without_a_shape_give_no_fit(bins):
    assert fit_sizes(CENTRES, bins, 1000, FLOOR) is None


def test_two_populations_are_noticed(summary, writer):
    bins = 0.5 * exact_bins(80, 0.08) + 0.5 * exact_bins(300, 0.08)
    assert fit_sizes(CENTRES, bins, 3000, FLOOR).fit_distance > 0.1


def test_class_shares_are_those_of_the_cut_law():
    law = lognorm(s=0.4, scale=110.0)
    above = 1 - law.cdf(60)
    wanted = [
        (law.cdf(100) - law.cdf(60)) / above,
        (law.cdf(150) - law.cdf(100)) / above,
        (1 - law.cdf(150)) / above,
    ]
    assert class_fractions(110.0, 0.4, 60.0, (100.0, 150.0)) == pytest.approx(wanted, rel=1e-12)


def test_class_shares_sum_to_one_over_worlds_and_patients():
    median = np.linspace(20, 400, 12).reshape(3, 4)
    shares = class_fractions(median, 0.3, 60.0)
    assert shares.shape == (3, 4, 3)
    assert shares.sum(axis=-1) == pytest.approx(np.ones((3, 4)), abs=1e-12)
    assert (shares >= 0).all()
    assert np.isfinite(class_fractions(5.0, 0.05, 60.0)).all()


def test_floor_above_the_first_edge_leaves_no_small_particles():
    assert class_fractions(110.0, 0.4, 120.0, (100.0, 150.0))[0] == 0


def test_edges_are_rows():
    rows = package_table("vial", "size_classes")
    assert size_edges_nm() == (rows["small_medium"].value, rows["medium_large"].value)
