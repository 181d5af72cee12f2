"""Statistics of time courses against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from exocast.study import statistics as of_course

TIMES = np.concatenate([[0.0], np.geomspace(0.001, 30.0, 300)])
RATES = np.array([0.5, 1.0, 3.0])[:, None]
ONE = 8.0 * np.exp(-RATES * TIMES)
SAMPLES = np.array([0.01, 0.03, 0.1, 0.2, 0.4, 1.0, 2.0, 4.0])


def test_one_phase_has_its_half_life_area_and_residence() -> None:
    assert of_course.half_life(TIMES[50:200], ONE[:, 50:200]) == (
        pytest.approx(np.log(2) / RATES[:, 0], rel=1e-9)
    )
    few = TIMES < 8
    assert of_course.area(TIMES[few], ONE[:, few]) == pytest.approx(8.0 / RATES[:, 0], rel=1e-4)
    assert of_course.residence(TIMES[few], ONE[:, few]) == pytest.approx(1 / RATES[:, 0], rel=1e-3)


def test_a_course_that_has_ended_has_no_tail_of_noise() -> None:
    chance = np.random.default_rng(1)
    ended = 8.0 * np.exp(-50.0 * TIMES) + 1e-12 * chance.standard_normal((40, len(TIMES)))
    found = of_course.area(TIMES, ended)
    assert found == pytest.approx(np.full(40, 8.0 / 50), rel=1e-3)
    assert of_course.residence(TIMES, ended) == pytest.approx(np.full(40, 1 / 50), rel=1e-2)


def test_what_does_not_fall_has_no_area_for_ever() -> None:
    flat = np.ones((1, len(TIMES)))
    assert np.isnan(of_course.area(TIMES, flat)[0])
    assert of_course.area(TIMES, flat, tail=False)[0] == pytest.approx(TIMES[-1])


def test_a_phase_that_samples_cannot_show_is_not_read() -> None:
    first, last = of_course.two_half_lives(SAMPLES, np.exp(-0.5 * SAMPLES)[None])
    assert np.isnan(first[0])
    assert last[0] == pytest.approx(np.log(2) / 0.5, rel=1e-3)


def test_without_its_tail_an_area_ends_with_the_last_time() -> None:
    short = TIMES < 1
    found = of_course.area(TIMES[short], ONE[:, short], tail=False)
    end = TIMES[short][-1]
    assert found == pytest.approx(8.0 / RATES[:, 0] * (1 - np.exp(-RATES[:, 0] * end)), rel=1e-4)


@pytest.mark.parametrize(("quick", "slow", "share"), [(20.0, 0.5, 0.7), (100.0, 2.0, 0.9)])
def test_two_phases_are_told_apart(quick: float, slow: float, share: float) -> None:
    course = share * np.exp(-quick * SAMPLES) + (1 - share) * np.exp(-slow * SAMPLES)
    first, last = of_course.two_half_lives(SAMPLES, course[None])
    assert first[0] == pytest.approx(np.log(2) / quick, rel=1e-3)
    assert last[0] == pytest.approx(np.log(2) / slow, rel=1e-3)


def test_what_rises_has_no_half_life_and_what_is_zero_no_phases() -> None:
    rising = np.exp(0.3 * SAMPLES)[None]
    assert np.isnan(of_course.half_life(SAMPLES, rising)[0])
    assert np.isnan(of_course.two_half_lives(SAMPLES, np.zeros((1, 8)))[0][0])


def test_peak_and_first_time_of_a_bateman_curve() -> None:
    fine = np.linspace(0.0, 5.0, 20_001)
    course = (np.exp(-1.0 * fine) - np.exp(-4.0 * fine))[None]
    at = np.log(4.0) / 3.0
    assert of_course.peak_time(fine, course)[0] == pytest.approx(at, abs=5e-4)
    assert of_course.peak(course)[0] == pytest.approx(np.exp(-at) - np.exp(-4 * at), rel=1e-6)
    level = float(np.exp(-0.1) - np.exp(-0.4))
    assert of_course.first_time(fine, course, level)[0] == pytest.approx(0.1, abs=1e-6)
    assert np.isnan(of_course.first_time(fine, course, 2.0)[0])


def test_half_saturation_of_a_ladder() -> None:
    doses = np.geomspace(1.0, 1e5, 9)
    answers = np.stack([3.0 * doses / (k + doses) for k in (20.0, 700.0)])
    assert of_course.half_saturation(doses, answers) == pytest.approx([20.0, 700.0], rel=0.01)
    flat = np.full((1, 9), 2.0)
    assert np.isnan(of_course.half_saturation(doses, flat)[0])


def test_a_value_outside_the_times_is_not_known() -> None:
    assert np.isnan(of_course.value_at(SAMPLES, SAMPLES[None], 5.0)[0])
    assert of_course.value_at(SAMPLES, SAMPLES[None], 3.0)[0] == pytest.approx(3.0)


WAVE_TIMES = np.linspace(0.0, 10.0, 241)


def test_peaks_of_a_damped_wave_are_where_its_formula_has_them() -> None:
    """``exp(-a t) (1 + sin w t)`` peaks once a cycle, lower by ``exp(-2 pi a/w)``."""
    w = np.array([2.0, 3.0])[:, None]
    course = np.exp(-0.1 * WAVE_TIMES) * (1 + np.sin(w * WAVE_TIMES))
    cycle = 2 * np.pi / w[:, 0]
    assert of_course.period(WAVE_TIMES, course) == pytest.approx(cycle, rel=2e-3)
    assert of_course.second_over_first(WAVE_TIMES, course) == (
        pytest.approx(np.exp(-0.1 * cycle), rel=2e-3)
    )
    # The top lies where w cos = a (1 + sin), a little before a quarter of a cycle.
    first = of_course.first_peak_time(WAVE_TIMES, course)
    slope = w[:, 0] * np.cos(w[:, 0] * first) - 0.1 * (1 + np.sin(w[:, 0] * first))
    assert slope == pytest.approx(np.zeros(2), abs=0.01)


def test_what_only_rises_has_no_peak_and_one_peak_has_no_period() -> None:
    one = np.exp(-((WAVE_TIMES - 3.0) ** 2))[None]
    assert of_course.first_peak_time(WAVE_TIMES, one) == pytest.approx([3.0], abs=1e-3)
    assert np.isnan(of_course.period(WAVE_TIMES, one)[0])
    assert np.isnan(of_course.second_over_first(WAVE_TIMES, one)[0])
    assert np.isnan(of_course.first_peak_time(WAVE_TIMES, WAVE_TIMES[None])[0])


def test_hill_curve_of_a_ladder() -> None:
    doses = np.array([10.0, 50.0, 100.0, 250.0, 500.0, 1000.0])
    k, h = np.array([93.0, 40.0])[:, None], np.array([2.0, 3.0])[:, None]
    answers = 50 + 432 * doses**h / (k**h + doses**h)
    half, hill = of_course.hill_curve(doses, answers)
    assert half == pytest.approx([93.0, 40.0], rel=0.02)
    assert hill == pytest.approx([2.0, 3.0], rel=0.05)
    assert np.isnan(of_course.hill_curve(doses, np.ones((1, 6)))[0][0])
