"""Dose-response curves against closed forms, and designs against simulated laboratories."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from exocast.study import curves
from exocast.study.curves import Curve, designs, fewest_runs, fit_curve, potency_sd, power_of

DOSES = np.array([0, 30, 100, 300, 1000, 3000, 1e4, 3e4, 1e5])


def curve(top: float = 3.0, span: float = -0.8, ec50: float = 800.0, slope: float = 1.0) -> Curve:
    return Curve(top=top, span=span, ec50=ec50, slope=slope, misfit=0.0)


@settings(max_examples=40, deadline=None)
@given(
    span=st.floats(0.1, 2.0).flatmap(lambda s: st.sampled_from([s, -s])),
    ec50=st.floats(60.0, 3e4),
    slope=st.floats(0.5, 3.0),
)
def test_a_curve_without_noise_is_found_again(span: float, ec50: float, slope: float) -> None:
    true = curve(span=span, ec50=ec50, slope=slope)
    found = fit_curve(DOSES, true.at(DOSES))
    assert found is not None and found.misfit < 2e-3 * abs(span)
    assert found.ec50 == pytest.approx(ec50, rel=0.05)
    assert found.span == pytest.approx(span, rel=0.03)


def test_a_flat_line_has_no_curve() -> None:
    assert fit_curve(DOSES, np.full(len(DOSES), 2.0)) is None
    assert fit_curve(DOSES, np.full(len(DOSES), np.nan)) is None


def test_a_lot_of_half_potency_has_the_curve_at_half_the_dose() -> None:
    reference, lot = curve(ec50=500), curve(ec50=1000)
    assert lot.at(2 * DOSES) == pytest.approx(reference.at(DOSES), abs=1e-12)


def test_the_error_of_a_potency_is_that_of_simulated_plates() -> None:
    """Plates with noise, each fitted with all else known free: the shift scatters as stated."""
    true, well, replicates = curve(), 0.1, 3
    stated = potency_sd(true, DOSES, replicates, well)
    rng = np.random.default_rng(5)
    # One Gauss-Newton step from the truth is the estimate, to the order of the delta method.
    given_doses = DOSES[DOSES > 0]
    x0 = np.array([true.top, true.span, math.log(true.ec50), true.slope, 0.0])

    def both(x: np.ndarray) -> np.ndarray:
        reference = Curve(top=x[0], span=x[1], ec50=math.exp(x[2]), slope=x[3], misfit=0)
        sample = Curve(top=x[0], span=x[1], ec50=math.exp(x[2] - x[4]), slope=x[3], misfit=0)
        return np.concatenate([[x[0]], reference.at(given_doses), sample.at(given_doses)])

    h = 1e-5
    jacobian = np.stack([(both(x0 + h * e) - both(x0 - h * e)) / (2 * h) for e in np.eye(5)], 1)
    noise = rng.normal(0, well / math.sqrt(replicates), (4000, jacobian.shape[0]))
    steps = noise @ np.linalg.pinv(jacobian).T
    assert steps[:, 4].std() == pytest.approx(stated, rel=0.05)
    assert stated * 2 == pytest.approx(potency_sd(true, DOSES, replicates, 2 * well), rel=1e-6)
    assert stated / math.sqrt(2) == pytest.approx(
        potency_sd(true, DOSES, 2 * replicates, well), rel=1e-6
    )


def test_doses_that_do_not_reach_the_curve_say_nothing() -> None:
    far = curve(ec50=1e12)
    assert potency_sd(far, DOSES, 3, 0.1) > 1e3


def test_power_is_that_of_a_t_test_of_simulated_runs() -> None:
    loss, sd, runs = 0.3, 0.2, 4
    rng = np.random.default_rng(1)
    found = rng.normal(math.log(0.7), sd, (100_000, runs))
    t = found.mean(axis=1) / (found.std(axis=1, ddof=1) / math.sqrt(runs))
    told = t < -student.ppf(0.95, runs - 1)
    assert power_of(sd, runs, loss, 0.05) == pytest.approx(told.mean(), abs=0.005)
    assert power_of(sd, runs, 1e-12, 0.05) == pytest.approx(
        0.05
    )  # no loss: error of the first kind
    assert power_of(sd, 1, loss, 0.05) == 0.0  # one run knows no scatter of days


def test_a_design_reaches_its_power_and_one_run_less_does_not() -> None:
    found = designs(
        curve(), DOSES.tolist(), well_sd=0.1, run_sd=0.2, loss=0.3, alpha=0.05, power=0.9
    )
    assert found and all(d.plate_wells == d.replicates * 17 <= 96 for d in found)
    for each in found:
        assert each.tells and each.power >= 0.9
        one = math.hypot(potency_sd(curve(), DOSES, each.replicates, 0.1), 0.2)
        assert power_of(one, each.runs - 1, 0.3, 0.05) < 0.9
    runs = [d.runs for d in found]
    assert runs == sorted(runs, reverse=True)
    best = fewest_runs(found)
    assert best is not None and best.runs == min(runs)


def test_where_days_scatter_too_much_no_design_tells() -> None:
    found = designs(
        curve(), DOSES.tolist(), well_sd=0.1, run_sd=1.0, loss=0.3, alpha=0.05, power=0.9
    )
    assert not any(d.tells for d in found) and fewest_runs(found) is None
    assert all(d.runs == curves.MOST_RUNS and d.power < 0.9 for d in found)
