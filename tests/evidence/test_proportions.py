"""Pools of proportions against integrals done in another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm

from exocast.errors import InvalidInput
from exocast.evidence.synthesis import exact_proportion
from exocast.evidence.synthesis.proportions import (
    log_likelihood,
    logit,
    pooled_proportion,
    risk_of,
)

EVENTS = np.array([0.0, 3.0, 12.0, 1.0, 7.0])
PEOPLE = np.array([24.0, 40.0, 42.0, 60.0, 35.0])


def plainly(mean: float, tau: float) -> float:
    total = 0.0
    for x, n in zip(EVENTS, PEOPLE, strict=True):

        def inside(z: float, x: float = x, n: float = n) -> float:
            logits = mean + tau * z
            return math.exp(x * logits - n * float(np.logaddexp(0, logits))) * norm.pdf(z)

        total += math.log(quad(inside, -10, 10, epsabs=0, epsrel=1e-10, limit=400)[0])
    return total


@pytest.mark.parametrize(("mean", "tau"), [(-2.0, 1.0), (-1.0, 0.3), (-3.0, 0.0)])
def test_the_likelihood_is_the_integral(mean: float, tau: float) -> None:
    assert log_likelihood(mean, tau, EVENTS, PEOPLE) == pytest.approx(plainly(mean, tau), abs=1e-6)


def test_the_pool_is_the_top_of_the_likelihood() -> None:
    found = pooled_proportion(EVENTS, PEOPLE)
    best = minimize(
        lambda p: -log_likelihood(p[0], abs(p[1]), EVENTS, PEOPLE),
        [-2.0, 1.0],
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-10},
    )
    assert found.value == pytest.approx(best.x[0], abs=1e-4)
    assert found.tau == pytest.approx(abs(best.x[1]), abs=1e-4)
    low, high = found.interval
    assert low < found.value < high
    # Where the profile has fallen by half a chi-squared quantile.
    profile = max(log_likelihood(high, t, EVENTS, PEOPLE) for t in np.linspace(0, 4, 2001))
    assert -best.fun - profile == pytest.approx(3.8415 / 2, abs=1e-3)


def test_studies_of_one_risk_are_as_one_study() -> None:
    found = pooled_proportion([10, 20, 40], [50, 100, 200])
    assert risk_of(found.value) == pytest.approx(0.2, abs=1e-5)
    assert found.tau == 0 and found.q == pytest.approx(0, abs=1e-9)


def test_nobody_everybody_and_one_study_have_exact_intervals() -> None:
    none = pooled_proportion([0, 0], [10, 14])
    assert none.value == -math.inf
    assert risk_of(none.interval[1]) == pytest.approx(exact_proportion(0, 24)[1])
    every = pooled_proportion([10, 14], [10, 14])
    assert risk_of(every.interval[0]) == pytest.approx(exact_proportion(24, 24)[0])
    one = pooled_proportion([12], [20])
    assert [risk_of(e) for e in one.interval] == pytest.approx(exact_proportion(12, 20))
    assert math.isnan(one.tau2) and math.isnan(one.prediction_low)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=2, max_size=5))
def test_a_pool_lies_inside_its_studies_and_mirrors(pairs: list[tuple[int, int]]) -> None:
    events, people = [a for a, _ in pairs], [a + b for a, b in pairs]
    found = pooled_proportion(events, people)
    risks = [a / n for a, n in zip(events, people, strict=True)]
    assert min(risks) - 1e-3 <= risk_of(found.value) <= max(risks) + 1e-3
    others = pooled_proportion([n - a for a, n in zip(events, people, strict=True)], people)
    assert risk_of(others.value) == pytest.approx(1 - risk_of(found.value), abs=2e-3)


def test_the_logit_and_back() -> None:
    assert risk_of(logit(0.3)) == pytest.approx(0.3)
    assert logit(0) == -math.inf and risk_of(-math.inf) == 0


def test_events_beyond_the_people_are_refused() -> None:
    with pytest.raises(InvalidInput, match="between none and all"):
        pooled_proportion([3], [2])
