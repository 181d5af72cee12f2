"""Raynauld 2006: cartilage volume of 107 symptomatic knees over two years; a calibration set.

Global cartilage volume -3.7 % (SD 3.0) at 12 and -5.7 % (SD 4.4) at 24 months (abstract). The
slower loss of the large cohort of Eckstein 2012 (441 knees) is predicted, and shown hit or miss.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from exocast.study.natural import cartilage_change

N = 107
OBSERVED = {364.0: (-3.7, 3.0), 728.0: (-5.7, 4.4)}
ECKSTEIN = {364.0: -1.2, 728.0: -2.1}
BASELINE = Path(__file__).parents[1] / "baselines" / "validation_cartilage.yaml"
WORLDS, PEOPLE = 12, 400


@functools.cache
def cohort() -> np.ndarray:
    return cartilage_change(np.array(list(OBSERVED)), worlds=WORLDS, patients=PEOPLE)


@pytest.mark.parametrize("at", range(2))
def test_mean_loss_is_within_two_standard_errors(at: int) -> None:
    mean, sd = list(OBSERVED.values())[at]
    found = cohort()[:, :, at].mean()
    assert abs(found - mean) <= 2 * sd / math.sqrt(N)


@pytest.mark.parametrize("at", range(2))
def test_spread_between_people_is_within_a_fifth(at: int) -> None:
    _, sd = list(OBSERVED.values())[at]
    found = np.mean([world.std(ddof=1) for world in cohort()[:, :, at]])
    assert found == pytest.approx(sd, rel=0.2)


def test_the_slower_cohort_is_predicted_and_recorded() -> None:
    """The model is calibrated on a faster cohort; what it predicts for the slower one is shown."""
    recorded_all = YAML(typ="safe", pure=True).load(BASELINE.read_text(encoding="utf-8"))
    means = cohort().mean(axis=1)
    for at, (days, observed) in enumerate(ECKSTEIN.items()):
        low, high = np.quantile(means[:, at], [0.05, 0.95])
        recorded = recorded_all[f"eckstein_oai2012 {days:g} d"]
        assert recorded["observed"] == observed
        assert recorded["hit"] == bool(low <= observed <= high)
        assert recorded["predicted"] == pytest.approx(means[:, at].mean(), abs=0.05)
