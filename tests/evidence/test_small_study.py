"""What large blinded trials leave of reported effects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exocast.evidence import small_study
from exocast.evidence.certainty import bodies


def body(name: str):
    return next(b for b in bodies() if b.id == name)


def test_the_ratio_is_that_of_the_two_printed_effects() -> None:
    value, log_sd = small_study.ratio()
    assert value == pytest.approx(0.11 / 0.37)
    # Relative errors: 0.0357 / 0.11 and 0.0459 / 0.37.
    assert log_sd == pytest.approx(np.hypot(0.0357 / 0.11, 0.0459 / 0.37), rel=0.01)


def test_hyaluronic_acid_comes_out_where_its_large_trials_are() -> None:
    found = small_study.of_body(body("knee_ha_all"))
    assert found is not None and not found.carried
    # As printed, and not wider for the doubt about all trials.
    assert (found.value, found.low, found.high) == pytest.approx((0.11, 0.04, 0.18))


def test_an_animal_pool_is_shown_lower_and_as_carried_over() -> None:
    found = small_study.of_body(body("animals_wound"))
    assert found is not None and found.carried
    assert found.value == pytest.approx(5.48 * 0.11 / 0.37)
    assert 0 < found.low < found.value < found.high < 5.48


def test_the_interval_is_that_of_the_product() -> None:
    found = small_study.of_body(body("animals_stroke"))
    assert found is not None
    rng = np.random.default_rng(1)
    share, log_sd = small_study.ratio()
    drawn = share * np.exp(log_sd * rng.standard_normal(400_000))
    drawn *= -2.05 + (2.70 - 1.40) / 3.92 * rng.standard_normal(400_000)
    assert (found.high - found.low) / 3.92 == pytest.approx(drawn.std(), rel=0.01)


@pytest.mark.parametrize(
    "name", ["knee_ha_large", "knee_ha_cs_early", "knee_saline", "ev_knee_oa_benefit", "ev_ageing"]
)
def test_what_has_no_control_or_is_large_already_stays(name: str) -> None:
    assert small_study.of_body(body(name)) is None


def test_an_effect_without_an_interval_stays() -> None:
    assert small_study.of_body(replace(body("animals_wound"), effect="SMD 5.48")) is None
