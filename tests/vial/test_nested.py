"""The model of nested groups against closed forms, brute force, and another way to compute it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from exocast.evidence.rows import package_table
from exocast.vial.batch_estimate import POINTS
from exocast.vial.nested import (
    Mixture,
    Spread,
    coefficient,
    known_spread,
    mixture,
    nested,
    pool,
    spread_of,
    spread_quantile,
)

ROWS = package_table("vial", "population")


def balanced(rng, vials=3, preparations=2, captures=4):
    return rng.normal(20.0, 0.3, (vials, preparations, captures))


def test_balanced_design_with_known_spreads_has_the_textbook_mean_and_variance():
    values = balanced(np.random.default_rng(1))
    counting = np.full(values.shape, 0.02**2)
    tau, prep, vial = 0.1, 0.2, 0.05
    found = nested(values, counting, *map(known_spread, (tau, prep, vial))).batch()
    wanted = vial**2 / 3 + prep**2 / 6 + (tau**2 + 0.02**2) / 24
    assert found.mean == pytest.approx(values.mean(), rel=1e-14)
    assert found.sd == pytest.approx(math.sqrt(wanted), rel=1e-12)
    assert found.interval(0.95) == pytest.approx(
        norm(values.mean(), math.sqrt(wanted)).interval(0.95), rel=1e-10
    )


def test_vials_are_shrunk_as_the_textbook_says():
    values = balanced(np.random.default_rng(2), vials=2)
    found = nested(values, np.zeros(values.shape), *map(known_spread, (0.1, 0.2, 0.3)))
    error = 0.2**2 / 2 + 0.1**2 / 8
    kept = 0.3**2 / (0.3**2 + error)
    own = values.mean(axis=(1, 2))
    wanted = values.mean() + kept * (own - values.mean())
    assert [found.vial(i).mean for i in (0, 1)] == pytest.approx(list(wanted), rel=1e-12)
    variance = kept * error + (1 - kept) ** 2 * (0.3**2 + error) / 2
    assert found.vial(0).sd == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert found.new_vial().sd == pytest.approx(math.sqrt(0.3**2 + (0.3**2 + error) / 2), rel=1e-12)


def ragged():
    """Two vials with one and two preparations, of two, one and three captures."""
    rng = np.random.default_rng(3)
    values, counting = np.zeros((2, 2, 3)), np.full((2, 2, 3), np.inf)
    for (i, j), n in {(0, 0): 2, (1, 0): 1, (1, 1): 3}.items():
        values[i, j, :n] = rng.normal(3.0, 0.3, n)
        counting[i, j, :n] = rng.uniform(1e-4, 1e-2, n)
    return values, counting


def dense(values, counting, tau, prep, vial):
    """Logarithm of the density of the captures with the mean integrated out, by matrices."""
    some = np.isfinite(counting)
    places = np.argwhere(some)
    same_vial = places[:, None, 0] == places[None, :, 0]
    same_prep = same_vial & (places[:, None, 1] == places[None, :, 1])
    covariance = np.diag(counting[some] + tau**2) + prep**2 * same_prep + vial**2 * same_vial
    y, one = values[some], np.ones(some.sum())
    weight = np.linalg.solve(covariance, one)
    mean, variance = weight @ y / weight.sum(), 1 / weight.sum()
    log_density = multivariate_normal(np.full(len(y), mean), covariance).logpdf(y)
    return mean, variance, log_density + 0.5 * math.log(variance)


def test_uneven_design_agrees_with_matrices_at_every_point_of_the_grid():
    values, counting = ragged()
    spreads = [spread_of(ROWS[n], 5) for n in ("capture_spread_low", "run_spread", "vial_spread")]
    found = nested(values, counting, *spreads)
    offsets = []
    for i, tau in enumerate(spreads[0].values):
        for j, prep in enumerate(spreads[1].values):
            for k, vial in enumerate(spreads[2].values):
                mean, variance, evidence = dense(values, counting, tau, prep, vial)
                assert found.centre[i, j, k] == pytest.approx(mean, rel=1e-10)
                assert found.variance[i, j, k] == pytest.approx(variance, rel=1e-10)
                prior = sum(s.log_weight[a] for s, a in zip(spreads, (i, j, k), strict=True))
                offsets.append(found.log_weight[i, j, k] - prior - evidence)
    # Evidence is right up to one constant.
    assert np.ptp(offsets) < 1e-9


def test_the_other_way_to_compute_it_gives_the_same_posterior():
    values, counting = ragged()
    captures, prep, vial = (
        spread_of(ROWS[n], 9) for n in ("capture_spread_low", "run_spread", "vial_spread")
    )
    wanted = nested(values, counting, captures, prep, vial).batch()
    groups = [
        pool(values[i, j], counting[i, j] + captures.values[:, None] ** 2)
        for i, j in ((0, 0), (1, 0), (1, 1))
    ]
    same_vial = np.array([[1.0, 0, 0], [0, 1, 1], [0, 1, 1]])
    found = coefficient(
        groups, captures.log_weight, np.ones((3, 1)), np.eye(3), same_vial, prep, vial
    )
    assert found.mean == pytest.approx(wanted.mean, rel=1e-12)
    assert found.sd == pytest.approx(wanted.sd, rel=1e-10)
    assert found.interval(0.9) == pytest.approx(wanted.interval(0.9), rel=1e-10)


def test_grid_of_a_batch_is_fine_enough():
    values = balanced(np.random.default_rng(4))
    counting = np.full(values.shape, 1 / 2000)
    names = ("capture_spread_middle", "run_spread", "vial_spread")
    fine = nested(values, counting, *(spread_of(ROWS[n], 81) for n in names)).batch()
    found = nested(values, counting, *(spread_of(ROWS[n], POINTS) for n in names)).batch()
    assert found.sd == pytest.approx(fine.sd, rel=2e-3)
    assert found.quantile(0.975) - found.mean == pytest.approx(
        fine.quantile(0.975) - fine.mean, rel=2e-3
    )


def test_quantiles_undo_probabilities_even_of_far_apart_laws():
    law = Mixture(
        weight=np.array([0.5, 0.3, 0.2]),
        centre=np.array([0.0, 40.0, -3.0]),
        variance=np.array([1.0, 1e-6, 4.0]),
    )
    for share in (0.001, 0.3, 0.5, 0.75, 0.999):
        assert law.below(law.quantile(share)) == pytest.approx(share, abs=1e-9)


def test_one_normal_law_is_itself():
    law = mixture(np.array([3.0]), np.array([2.0]), np.array([0.25]))
    assert law.quantile(0.975) == pytest.approx(norm(2, 0.5).ppf(0.975), rel=1e-12)


def test_group_without_values_says_nothing():
    centre, variance, rest = pool(np.zeros((2, 3)), np.array([[1.0, 2, np.inf], [np.inf] * 3]))
    assert variance == pytest.approx([1 / 1.5, np.inf])
    assert rest[1] == 0
    assert centre[1] == 0


def test_quantile_of_a_spread_lies_on_its_grid():
    spread = spread_of(ROWS["vial_spread"], 201)
    weight = np.exp(spread.log_weight)
    weight /= weight.sum()
    assert spread_quantile(spread.values, weight, 0.5) == pytest.approx(0.1, rel=1e-6)
    wanted = ROWS["vial_spread"].value * math.exp(1.5 * 0.5 * norm.ppf(0.95))
    assert spread_quantile(spread.values, weight, 0.95) == pytest.approx(wanted, rel=0.01)
    assert spread_quantile(np.array([0.3]), np.ones(1), 0.95) == 0.3
    assert isinstance(spread, Spread)
