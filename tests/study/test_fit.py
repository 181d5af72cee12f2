"""Fits against closed forms: the linear case is exact, and what data do not say keeps its prior."""

from __future__ import annotations

import numpy as np
import pytest

from exocast.errors import InvalidInput
from exocast.study.fit import PROFILE_SCORES, fit

A = np.array([[1.0, 0.5, 0.0], [0.2, -1.0, 0.0], [0.7, 0.7, 0.0]])
OBSERVED = np.array([1.0, -0.5, 2.0])
SD = np.array([0.3, 0.5, 0.4])


def linear(scores: np.ndarray) -> np.ndarray:
    return scores @ A.T


def exact() -> tuple[np.ndarray, np.ndarray]:
    weight = A / SD[:, None]
    covariance = np.linalg.inv(np.eye(3) + weight.T @ weight)
    return covariance @ weight.T @ (OBSERVED / SD), covariance


def test_a_linear_model_is_fitted_exactly() -> None:
    found = fit(("a", "b", "c"), linear, OBSERVED, SD)
    mode, covariance = exact()
    assert found.converged
    assert found.mode == pytest.approx(mode, abs=1e-6)
    assert found.covariance == pytest.approx(covariance, abs=1e-8)
    assert found.misfit < found.misfit_before


def test_what_the_data_do_not_say_keeps_its_prior() -> None:
    found = fit(("a", "b", "c"), linear, OBSERVED, SD)
    assert found.mode[2] == pytest.approx(0.0, abs=1e-9)
    assert found.sd[2] == pytest.approx(1.0, abs=1e-9)
    assert found.correlation[2, :2] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_profile_of_a_linear_model_is_its_parabola() -> None:
    found = fit(("a", "b", "c"), linear, OBSERVED, SD)
    for profile in found.profiles:
        assert profile.rise == pytest.approx(PROFILE_SCORES**2, abs=1e-5)


def test_a_curved_model_reaches_its_mode() -> None:
    def decay(scores: np.ndarray) -> np.ndarray:
        rate = np.exp(0.8 * scores[:, :1])
        return -rate * np.array([[0.5, 1.0, 2.0]])

    truth = decay(np.array([[1.7]]))[0]
    found = fit(("rate",), decay, truth, np.full(3, 0.02))
    # The prior pulls by a hair; a grid search knows where to.
    grid = np.linspace(1.5, 1.8, 30_001)[:, None]
    cost = (((decay(grid) - truth) / 0.02) ** 2).sum(axis=1) + grid[:, 0] ** 2
    assert found.mode[0] == pytest.approx(grid[np.argmin(cost), 0], abs=2e-5)
    assert found.profiles[0].rise.min() >= -1e-6


def test_a_run_that_fails_on_the_way_is_stepped_around() -> None:
    def with_edge(scores: np.ndarray) -> np.ndarray:
        found = scores @ A.T
        found[scores[:, 0] > 3.0] = np.nan
        return found

    found = fit(("a", "b", "c"), with_edge, OBSERVED, SD, profiles=False)
    assert found.mode == pytest.approx(exact()[0], abs=1e-6)


@pytest.mark.parametrize(
    ("observed", "sd", "message"),
    [
        (np.ones(3), np.ones(2), "one length"),
        (np.ones(3), np.array([1.0, 0.0, 1.0]), "above zero"),
        (np.array([1.0, np.nan, 1.0]), np.ones(3), "finite"),
    ],
)
def test_unusable_data_are_refused(observed, sd, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit(("a", "b", "c"), linear, observed, sd)


def test_a_model_without_a_prediction_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no finite prediction for datum 1"):
        fit(("a",), lambda z: np.c_[z, z * np.nan, z], OBSERVED, SD)
