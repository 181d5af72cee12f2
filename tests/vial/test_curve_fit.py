"""The search for sigmoid curves: against the truth, and against an independent optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from exocast.vial.curve_fit import rise, search, settle, sigmoid

DOSES = np.array([0, 0.3, 1, 3, 10, 30, 100, 300.0])
LIMITS = {"halves": (0.05, 2000.0), "slopes": (0.2, 8.0)}


def values(zero, span, half, slope, doses=DOSES):
    with np.errstate(divide="ignore"):
        return zero + span * rise(np.log(half), slope, np.log(doses))


@settings(max_examples=40, deadline=None)
@given(
    half=st.floats(0.5, 200),
    slope=st.floats(0.4, 4),
    span=st.floats(0.1, 10).flatmap(lambda s: st.sampled_from([s, -s])),
    scale=st.sampled_from([1e-9, 1.0, 1e9]),
)
def test_a_curve_without_noise_is_found_to_many_digits(half, slope, span, scale):
    y = scale * values(2.0, span, half, slope)
    found = search(DOSES, y[None], **LIMITS)
    again = values(found.zero[0], found.span[0], np.exp(found.ln_half[0]), found.slope[0])
    assert np.abs(again - y).max() < 1e-3 * abs(scale * span)
    if half > 100 and slope > 2.5:
        return  # one dose alone sees the rise: many curves go through its point
    assert found.ln_half[0] == pytest.approx(np.log(half), abs=1e-6)
    assert found.slope[0] == pytest.approx(slope, rel=1e-6)
    assert found.span[0] == pytest.approx(scale * span, rel=1e-6)
    assert not found.at_edge[0]


def test_no_start_of_another_optimiser_finds_a_better_curve():
    chance = np.random.default_rng(1)
    y = np.stack(
        [values(1, 2, h, s) for h, s in zip((1, 8, 60), (0.6, 1.5, 3), strict=True)]
    ) + 0.15 * chance.normal(size=(3, len(DOSES)))
    found = search(DOSES, y, **LIMITS)
    low, high = (
        [-np.inf, -np.inf, np.log(0.05), np.log(0.2)],
        [np.inf, np.inf, np.log(2000), np.log(8)],
    )
    for i, each in enumerate(y):
        fitted = values(found.zero[i], found.span[i], np.exp(found.ln_half[i]), found.slope[i])
        ours = ((fitted - each) ** 2).sum()
        for _ in range(30):
            start = [*chance.normal(1, 1, 2), chance.uniform(-2.9, 7.5), chance.uniform(-1.5, 2)]
            theirs = least_squares(
                lambda p, each=each: values(p[0], p[1], np.exp(p[2]), np.exp(p[3])) - each,
                start,
                bounds=(low, high),
            )
            assert ours <= 2 * theirs.cost * (1 + 1e-6)


def test_sets_do_not_disturb_each_other():
    chance = np.random.default_rng(2)
    y = chance.normal(size=(7, len(DOSES))).cumsum(axis=1)
    together = search(DOSES, y, **LIMITS)
    for i in range(7):
        alone = search(DOSES, y[i : i + 1], **LIMITS)
        assert together.ln_half[i] == pytest.approx(alone.ln_half[0], abs=1e-5)


def test_an_end_of_the_search_is_told():
    found = search(DOSES, values(0, 1, 5000.0, 1.0)[None], **LIMITS)
    assert found.at_edge[0]


def test_derivatives_are_those_of_differences():
    x = np.array([[0.5, 2.0, 1.0, 0.3], [1.0, -3.0, 3.0, -0.7]])
    logs = np.log(DOSES[1:])
    at, derivatives = sigmoid(x, logs)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-6
        difference = (sigmoid(x + step, logs)[0] - sigmoid(x - step, logs)[0]) / 2e-6
        assert derivatives[:, :, i] == pytest.approx(difference, abs=1e-8)
    assert sigmoid(x, np.array([-np.inf]))[0][:, 0] == pytest.approx(x[:, 0])
    assert at.shape == (2, 7)


def test_a_parameter_stays_inside_its_limits():
    def model(x):
        return np.repeat(x, 5, axis=1), np.ones((len(x), 5, 1))

    found = settle(model, np.zeros((1, 1)), np.full((1, 5), 9.0), np.array([-1.0]), np.array([4.0]))
    assert found[0, 0] == 4.0
