"""What is claimed of intervals and tests, on thousands of simulated plates and by closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi, multivariate_normal
from scipy.stats import t as student

from exocast.evidence.rows import package_table
from exocast.vial.potency_combine import combine_potencies
from exocast.vial.potency_models import (
    Layout,
    lines,
    potency_of_lines,
    potency_of_sigmoids,
    ratios_of_lines,
    ratios_of_sigmoids,
    separate_sigmoids,
    shared_sigmoid,
)

POTENCY = 0.7
BOUNDS = package_table("vial", "potency_bounds")


def layout(doses, replicates, plates=1) -> Layout:
    one = np.tile(np.repeat(doses, replicates), 2)
    test = np.repeat([False, True], len(doses) * replicates)
    return Layout(
        doses=np.tile(one, plates),
        test=np.tile(test, plates),
        plates=np.repeat(np.arange(plates), len(one)),
    )


def sigmoids(at: Layout, potency=POTENCY, slope=(1.2, 1.2), zero=(0.0, 0.0), full=(1.0, 1.0)):
    """Heights without noise; pairs are of reference and test."""
    own = at.test.astype(int)
    slopes, zeros, fulls = (np.array(each)[own] for each in (slope, zero, full))
    x = at.ln_doses + math.log(potency) * at.test
    return zeros + (fulls - zeros) / (1 + np.exp(-slopes * x))


def within(share: float, wanted: float, runs: int, errors: float = 3.5) -> bool:
    """Whether a share of runs is as wanted, up to chance (3.5 standard errors: 1 in 2,000)."""
    return abs(share - wanted) < errors * math.sqrt(wanted * (1 - wanted) / runs)


# Coverage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sd", "replicates", "plates"),
    [
        (0.05, 2, 1),
        pytest.param(0.1, 2, 1, marks=pytest.mark.full),
        pytest.param(0.06, 1, 2, marks=pytest.mark.full),
    ],
)
def test_curve_intervals_hold_the_true_potency_as_often_as_they_say(sd, replicates, plates):
    runs = 2000
    chance = np.random.default_rng(100 + int(1000 * sd) + plates)
    at = layout(np.geomspace(0.03, 40, 8), replicates, plates)
    y = sigmoids(at) + sd * chance.normal(size=(runs, len(at.test)))
    y += 0.2 * chance.normal(size=(runs, plates))[:, at.plates]
    found = potency_of_sigmoids(at, y, shared_sigmoid(at, y), 0.95)
    true = math.log(POTENCY)
    covered = ((found.low <= true) & (true <= found.high)).mean()
    assert 0.93 <= covered <= 0.97
    assert 0.01 <= (found.low > true).mean() <= 0.04
    assert 0.01 <= (found.high < true).mean() <= 0.04


def test_line_intervals_are_exact():
    """Fieller's, also where the slope is so poorly known that they are lopsided."""
    runs = 20_000
    chance = np.random.default_rng(5)
    at = layout(np.array([1.0, 2.0, 4.0]), 2)
    y = at.ln_doses + math.log(POTENCY) * at.test + 0.35 * chance.normal(size=(runs, len(at.test)))
    found = potency_of_lines(lines(at, y, apart=False), 0.95)
    true = math.log(POTENCY)
    open_ = np.isinf(found.low)
    assert 0 < open_.mean() < 0.02
    # An interval without ends holds all; the exact set is then not bounded either.
    assert within(((found.low <= true) & (true <= found.high)).mean(), 0.95, runs, 4.5)


# Equivalence of slopes ----------------------------------------------------------------------------


def chance_of_similar(ratio: float, sd: float, at: Layout, level: float) -> float:
    """Chance that Fieller's interval of the slopes' ratio lies inside the bounds: two t tests.

    The tests' numerators are a bivariate normal pair over one estimate of the scatter, which is
    integrated over. Hauschke and others, Stat Med 18 (1999) 93.
    """
    low, high = BOUNDS["slope_ratio"].spread
    x = at.ln_doses[~at.test]
    slope_sd = sd / math.sqrt(((x - x.mean()) ** 2).sum())
    freedom = len(at.test) - 4
    t = student.ppf(0.5 + level / 2, freedom)
    errors = [slope_sd * math.hypot(1, bound) for bound in (low, high)]
    means = [(ratio - low) / errors[0], (high - ratio) / errors[1]]
    between = -(1 + low * high) / (math.hypot(1, low) * math.hypot(1, high))
    covariance = [[1, between], [between, 1]]

    def at_scatter(s):
        # Both above t s: the chance that minus both lie below minus t s.
        lower = multivariate_normal.cdf([-t * s + means[0], -t * s + means[1]], [0, 0], covariance)
        return lower * chi.pdf(s * math.sqrt(freedom), freedom) * math.sqrt(freedom)

    return quad(at_scatter, 0.3, 2.2, limit=60, epsabs=1e-5)[0]


@pytest.mark.parametrize(
    ("ratio", "sd"), [(1.25, 0.15), (0.8, 0.15), (1.0, 0.15), (1.0, 0.25), (1.1, 0.12)]
)
def test_size_and_power_of_the_equivalence_of_slopes_are_those_of_two_t_tests(ratio, sd):
    runs = 20_000
    chance = np.random.default_rng(int(1000 * ratio + 100 * sd))
    at = layout(np.geomspace(1, 64, 7), 3)
    slopes = np.where(at.test, ratio, 1.0)
    y = slopes * at.ln_doses + sd * chance.normal(size=(runs, len(at.test)))
    level = BOUNDS["similarity_level"].value
    found = ratios_of_lines(lines(at, y, apart=True), level)["slope_ratio"]
    low, high = BOUNDS["slope_ratio"].spread
    similar = ((low <= found.low) & (found.high <= high)).mean()
    wanted = chance_of_similar(ratio, sd, at, level)
    assert within(similar, wanted, runs)
    if ratio in (low, high):
        assert wanted == pytest.approx(0.05, abs=2e-3)


@pytest.mark.parametrize(
    ("measure", "shape"),
    [
        ("slope_ratio", {"slope": (1.2, 1.2 * 1.25)}),
        ("upper_asymptote", {"full": (1.0, 1.2)}),
        ("slope_ratio", {"slope": (1.2, 1.2 * 0.8)}),
        pytest.param("upper_asymptote", {"full": (1.0, 0.8)}, marks=pytest.mark.full),
        pytest.param("lower_asymptote", {"zero": (0.0, 0.2)}, marks=pytest.mark.full),
    ],
)
def test_curves_at_a_bound_are_called_similar_once_in_twenty(measure, shape):
    runs = 1500
    chance = np.random.default_rng(17)
    at = layout(np.geomspace(0.03, 40, 8), 2)
    y = sigmoids(at, 1.0, **shape) + 0.02 * chance.normal(size=(runs, len(at.test)))
    found = ratios_of_sigmoids(separate_sigmoids(at, y), BOUNDS["similarity_level"].value)[measure]
    low, high = BOUNDS[measure].spread
    assert within(((low <= found.low) & (found.high <= high)).mean(), 0.05, runs)


# Several assays -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("between", "assays"), [(0.0, 3), (0.15, 4)])
def test_combined_intervals_hold_the_true_potency(between, assays):
    """Of the mean that is the right one to take."""
    runs, freedom, error = 1000, 40, 0.05
    chance = np.random.default_rng(int(100 * between) + assays)
    true = math.log(POTENCY)
    hits = 0
    for _ in range(runs):
        logs = true + between * chance.normal(size=assays)
        logs = logs + error * chance.normal(size=assays)
        errors = error * np.sqrt(chance.chisquare(freedom, assays) / freedom)
        found = combine_potencies(logs, errors, np.full(assays, freedom), level=0.95, alpha=0.05)
        _, low, high = found["weighted" if between == 0 else "semi_weighted"]
        hits += low <= true <= high
    if between == 0:
        assert within(hits / runs, 0.95, runs)
    else:
        assert 0.93 <= hits / runs <= 0.99
