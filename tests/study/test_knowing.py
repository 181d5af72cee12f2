"""What a measurement would be worth: narrowing of linear models is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from exocast import api
from exocast.study.knowing import SCORES, WEIGHTS, _narrowing, worth_of_knowing


def test_knowing_one_of_two_terms_leaves_the_other():
    chance = np.random.default_rng(4)
    a, b = chance.standard_normal((2, 4000))
    before = 2 * a + b
    after = [2 * score + b for score in SCORES]
    narrowing, error = _narrowing(before, after, WEIGHTS)
    assert narrowing == pytest.approx(1 - 1 / math.sqrt(5), abs=4 * error)
    assert 0 < error < 0.02


def test_knowing_what_does_not_matter_is_worth_nothing():
    b = np.random.default_rng(5).standard_normal(500)
    assert _narrowing(b, [b, b, b], WEIGHTS) == (pytest.approx(0, abs=1e-12), pytest.approx(0))


def test_a_product_is_averaged_over_what_the_number_can_be():
    """Var(ab | a) = a^2, whose mean is 1: by the quadrature and not at the centre alone."""
    chance = np.random.default_rng(6)
    a, b = chance.standard_normal((2, 20_000))
    narrowing, error = _narrowing(a * b, [score * b for score in SCORES], WEIGHTS)
    assert narrowing == pytest.approx(0, abs=4 * error + 0.01)


def test_the_count_decides_the_dose_and_protein_does_not():
    scenario, base = api._scenario("examples/knee/scenario.yaml", [], {})
    told = []
    found = worth_of_knowing(
        scenario, base, worlds=24, patients=2, progress=lambda done, of: told.append((done, of))
    )
    assert told[-1][0] == told[-1][1] == len(told)
    worth = {w.keys[0]: w for w in found.single}
    assert worth["vial.concentration"].dose_narrowing > 0.1
    assert worth["vial.protein"].dose_narrowing == pytest.approx(0, abs=1e-12)
    assert worth["vial.concentration"].measured
    assert not worth["vial.potency_relative"].measured
    assert found.together.dose_narrowing == pytest.approx(
        worth["vial.concentration"].dose_narrowing, abs=0.05
    )
