"""Several instruments on one batch: against plain linear algebra, and how often the truth is in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_exports import codes, run
from scipy.special import ndtr

from exocast.evidence.chance import value_of
from exocast.evidence.rows import package_table
from exocast.vial.batch_estimate import crossed_of, estimate_batch, posterior_of
from exocast.vial.crossed import Tubes, crossed
from exocast.vial.nested import known_spread, spread_of
from exocast.vial.runs import counted_runs

ROWS = package_table("vial", "population")
VIAL, INSTRUMENT = [0, 0, 0, 1, 1, 2], [0, 0, 1, 0, 1, 1]


def made(levels, **others):
    """Runs ``(vial, preparation, instrument, level)``."""
    found = []
    for vial, preparation, instrument, level in levels:
        one = run(
            [level, 1.03 * level, 0.98 * level],
            vial,
            preparation,
            name=f"{vial}{preparation}{instrument}",
            **others,
        )
        found.append(one.__class__(**{**vars(one), "instrument": instrument}))
    return found


def dense(values, errors, run_, vial, between):
    """Means of batch, vials, biases with their covariance, by the full matrices."""
    n, n_vials, n_instruments = len(values), max(VIAL) + 1, max(INSTRUMENT) + 1
    design = np.zeros((n, 1 + n_vials + n_instruments))
    design[:, 0] = 1
    design[np.arange(n), 1 + np.array(VIAL)] = 1
    design[np.arange(n), 1 + n_vials + np.array(INSTRUMENT)] = 1
    prior = np.diag([0.0, *[vial**-2] * n_vials, *[between**-2] * n_instruments])
    noise = 1 / (errors + run_**2)
    covariance = np.linalg.inv(design.T @ (noise[:, None] * design) + prior)
    return covariance @ (design.T @ (noise * values)), covariance


def evidence(values, errors, run_, vial, between):
    """Log-likelihood of the values with the mean integrated out, up to a constant."""
    v = np.diag(errors + run_**2) + np.equal.outer(VIAL, VIAL) * vial**2
    v += np.equal.outer(INSTRUMENT, INSTRUMENT) * between**2
    inverse = np.linalg.inv(v)
    total = inverse.sum()
    rest = values - (inverse @ values).sum() / total
    return -0.5 * (np.linalg.slogdet(v)[1] + math.log(total) + rest @ inverse @ rest)


def of_one_point(values: np.ndarray, errors: np.ndarray) -> Tubes:
    """Tubes whose captures' spread is known: a grid of one point."""
    return Tubes(
        centre=values[None],
        variance=errors[None],
        log_weight=np.zeros(1),
        vial=VIAL,
        instrument=INSTRUMENT,
    )


def test_known_spreads_give_what_plain_linear_algebra_gives():
    rng = np.random.default_rng(3)
    values, errors = 25 + rng.normal(0, 0.3, 6), rng.uniform(0.001, 0.01, 6)
    tubes = of_one_point(values, errors)
    found = crossed(tubes, known_spread(0.2), known_spread(0.1), known_spread(0.4))
    mean, covariance = dense(values, errors, 0.2, 0.1, 0.4)
    assert found.batch().mean == pytest.approx(mean[0], rel=1e-9)
    assert found.batch().sd == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-7)
    for i in range(3):
        pull = np.zeros(6)
        pull[[0, 1 + i]] = 1
        assert found.vial(i).mean == pytest.approx(pull @ mean, rel=1e-9)
        assert found.vial(i).sd == pytest.approx(math.sqrt(pull @ covariance @ pull), rel=1e-7)
    for i in range(2):
        assert found.bias(i).mean == pytest.approx(mean[4 + i], abs=1e-7)
        assert found.bias(i).sd == pytest.approx(math.sqrt(covariance[4 + i, 4 + i]), rel=1e-7)
    assert found.new_vial().sd == pytest.approx(math.hypot(0.1, found.batch().sd), rel=1e-9)
    assert found.difference(1, 0).mean == pytest.approx(mean[5] - mean[4], abs=1e-7)


def test_spreads_weigh_by_how_likely_they_make_the_values():
    rng = np.random.default_rng(4)
    values, errors = 25 + rng.normal(0, 0.3, 6), rng.uniform(0.001, 0.01, 6)
    tubes = of_one_point(values, errors)
    grids = [known_spread(0.0)] * 3
    grids = [type(g)(values=np.array([0.05, 0.3]), log_weight=np.zeros(2)) for g in grids]
    found = crossed(tubes, *grids).log_weight[0]
    first = evidence(values, errors, 0.05, 0.05, 0.05)
    for place in np.ndindex(2, 2, 2):
        wanted = evidence(values, errors, *(grids[0].values[i] for i in place)) - first
        assert found[place] - found[0, 0, 0] == pytest.approx(wanted, abs=1e-6)


def test_one_instrument_without_a_bias_is_the_nested_model():
    levels = [("1", "a", "x", 3e8), ("1", "b", "x", 3.6e8), ("2", "a", "x", 2.8e8)]
    given = counted_runs(made(levels))
    known = known_spread(0.2), known_spread(0.1)
    plain, *_ = posterior_of(given, 21, known)
    found, vials = crossed_of(given, 21, (*known, known_spread(1e-4)))
    assert vials == ("1", "2")
    assert found.batch().mean == pytest.approx(plain.batch().mean, rel=1e-9)
    assert found.batch().sd == pytest.approx(plain.batch().sd, rel=1e-5)
    assert found.vial(1).sd == pytest.approx(plain.vial(1).sd, rel=1e-5)


def test_more_runs_of_two_instruments_do_not_wash_their_difference_out():
    def levels(n):
        return [
            (str(v), p, name, level)
            for v in (1, 2, 3)
            for p in "abcdef"[:n]
            for name, level in (("x", 2e8), ("y", 4e8))
        ]

    few, many = (estimate_batch(made(levels(n))) for n in (1, 6))
    apart = math.log(2)
    # Half of the difference on either side of the middle.
    for found in (few, many):
        assert found.value == pytest.approx(1000 * 2e8 * math.sqrt(2), rel=0.02)
        assert found.interval_95[0] < 2.05e11
        assert found.interval_95[1] > 3.95e11
        assert found.log_sd > 0.4 * apart
    x, y = many.biases
    assert (x.instrument, y.instrument) == ("x", "y")
    assert y.ratio / x.ratio == pytest.approx(2.0, rel=0.02)
    assert "INSTRUMENTS_DIFFER" in codes(many.warnings)
    assert "x" in next(w for w in many.warnings if w.code == "INSTRUMENTS_DIFFER").message
    assert many.instruments.spread > ROWS["instrument_spread"].value
    assert (many.instruments.n_valid, many.vials.n_valid) == (2, 3)


def test_two_instruments_that_agree_raise_no_warning_and_still_widen():
    levels = [(v, "a", name, 3e8) for v in ("1", "2") for name in ("x", "y")]
    found = estimate_batch(made(levels))
    assert "INSTRUMENTS_DIFFER" not in codes(found.warnings)
    alone = estimate_batch(made([(v, "a", "x", 3e8) for v in ("1", "2")]))
    assert alone.instruments is None
    assert alone.biases == ()
    assert found.log_sd > alone.log_sd
    assert found.instruments.spread < ROWS["instrument_spread"].value


def test_one_tube_in_two_instruments_is_two_measurements_of_one_vial():
    found = estimate_batch(made([("1", "a", "x", 3e8), ("1", "a", "y", 3.3e8)]))
    assert (found.vials.n_valid, found.preparations.n_valid) == (1, 2)
    assert not found.preparations.learned
    assert "ONE_PREPARATION" in codes(found.warnings)
    # Two dilutions of one name are two preparations only where two instruments measured them.
    both = made([("1", "a", "x", 3e8)]) + made([("1", "a", "y", 6e8)], dilution=500.0)
    assert estimate_batch(both).value == pytest.approx(3e11, rel=0.05)


@pytest.mark.parametrize("vials", [1, 3])
def test_intervals_hold_the_truth_as_often_as_they_say_with_two_instruments(vials):
    n, points = 1500, (21, 9, 21)
    names = ("run_spread", "vial_spread", "instrument_spread")
    rng = np.random.default_rng(vials)
    spreads = [value_of(ROWS[name], rng.standard_normal(n)) for name in names]
    priors = [spread_of(ROWS[name], p) for name, p in zip(names, points, strict=True)]
    vial = [v for v in range(vials) for _ in range(2)]
    instrument = [0, 1] * vials
    hits = 0
    for run_, between, of_instrument in zip(*spreads, strict=True):
        deviations = (
            (between * rng.standard_normal(vials))[vial]
            + (of_instrument * rng.standard_normal(2))[instrument]
            + run_ * rng.standard_normal(2 * vials)
            + 0.05 * rng.standard_normal(2 * vials)
        )
        tubes = Tubes(
            centre=deviations[None],
            variance=np.full((1, 2 * vials), 0.05**2),
            log_weight=np.zeros(1),
            vial=vial,
            instrument=instrument,
        )
        found = crossed(tubes, *priors)
        weight = np.exp(found.log_weight - found.log_weight.max())
        below = ndtr(-found.mean[..., -1] / np.sqrt(found.covariance[..., -1, -1]))
        hits += abs((weight * below).sum() / weight.sum() - 0.5) < 0.45
    assert 0.88 <= hits / n <= 0.92
