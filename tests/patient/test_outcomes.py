"""What a knee reports: entry, regression, natural course, procedure, treatment, measurement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from exocast.patient import outcomes
from exocast.patient.population import Entry, draw_patients, per_logit

WEEKS = np.array([0.0, 7.0, 42.0, 84.0, 182.0, 364.0])
STILL = {"natural__drift": 0.0, "natural__wander": 0.0}


def reported(drawn, person, *, n=300, worlds=20, entry=None, seed=1, injected=True, **more):
    patients = draw_patients(person, n, seed, entry or Entry())
    values = more.pop("values", None) or drawn(seed=seed, worlds=worlds, patients=n)
    times = more.pop("times", WEEKS)
    return outcomes.simulate(times, patients, values, seed=seed, injected=injected, **more)


def test_day_zero_shows_the_entry_measurement(drawn, person) -> None:
    patients = draw_patients(person, 300, 1, Entry())
    pain = reported(drawn, person)["pain_vas"]
    assert np.array_equal(pain[:, :, 0], np.broadcast_to(patients.pain, (20, 300)))


def test_scales_keep_inside_their_bounds_and_add_up(drawn, person) -> None:
    found = reported(drawn, person, treatment_shift=-3.0)
    for name, full in {**outcomes.WOMAC_RANGE, "pain_vas": 100.0}.items():
        assert found[name].min() >= 0
        assert found[name].max() <= full
    total = found["womac_pain"] + found["womac_stiffness"] + found["womac_function"]
    assert np.allclose(found["womac_total"], total, rtol=1e-12)


def test_regression_to_the_mean_is_that_of_the_entry_and_the_error(drawn, person) -> None:
    # Nothing happens to these knees; people chosen above a threshold still report less later.
    entry = Entry(threshold=50, mean=65, sd=11)
    values = drawn(worlds=1, patients=40_000, **STILL, outcomes__error_vas=10.1)
    found = reported(drawn, person, n=40_000, worlds=1, entry=entry, injected=False, values=values)[
        "pain_vas"
    ][0]
    before = draw_patients(person, 2, 1, entry).unselected
    reliable = 1 - (10.1 / per_logit(before.mean, before.sd) / before.sigma) ** 2
    y0 = logit(found[:, 0] / 100)
    later = before.mu + reliable * (y0 - before.mu)
    assert logit(found[1:, 1] / 100).mean() == pytest.approx(later[1:].mean(), abs=0.015)
    assert found[:, 0].mean() - found[:, 1].mean() > 2.0
    # It is there at once and does not grow.
    assert found[:, 5].mean() == pytest.approx(found[:, 1].mean(), abs=0.3)


def test_without_error_there_is_no_regression(drawn, person) -> None:
    values = drawn(worlds=2, patients=500, **STILL, outcomes__error_vas=1e-9)
    found = reported(drawn, person, n=500, worlds=2, injected=False, values=values)["pain_vas"]
    assert np.allclose(found, found[:, :, :1], atol=1e-5)


def test_a_stricter_threshold_means_more_regression(drawn, person) -> None:
    # The same people before the choice; only the threshold moves.
    from exocast.patient.population import unselected

    falls = []
    for threshold in (20.0, 45.0, 60.0):
        low = logit(threshold / 100)
        z = (np.arange(20_000) + 0.5) / 20_000
        from scipy.special import ndtri

        x = 0.3 + 0.8 * ndtri(z)
        chosen = 100 * expit(x[x > low])
        entry = Entry(threshold=threshold, mean=float(chosen.mean()), sd=float(chosen.std()))
        assert unselected(entry.mean, entry.sd, threshold).mu == pytest.approx(0.3, abs=0.05)
        values = drawn(worlds=1, patients=8000, **STILL)
        pain = reported(
            drawn,
            {**person, "pain_vas_mm": entry.mean},
            n=8000,
            worlds=1,
            entry=entry,
            injected=False,
            values=values,
        )["pain_vas"][0]
        falls.append((logit(pain[:, 0] / 100) - logit(pain[:, 2] / 100)).mean())
    assert falls[0] < falls[1] < falls[2]


def test_arms_share_people_and_errors_so_an_inert_treatment_differs_by_nothing(
    drawn, person
) -> None:
    saline = reported(drawn, person)
    inert = reported(drawn, person, treatment_shift=np.zeros((20, 300, len(WEEKS))))
    for name, value in saline.items():
        assert np.array_equal(value, inert[name])


def test_a_favourable_shift_lowers_every_outcome_of_everybody(drawn, person) -> None:
    saline = reported(drawn, person)
    treated = reported(drawn, person, treatment_shift=-0.4)
    for name, value in saline.items():
        assert np.all(treated[name][..., 1:] < value[..., 1:])


def test_a_visit_does_not_move_another_visits_error(drawn, person) -> None:
    sparse = reported(drawn, person, times=np.array([0.0, 84.0]))["pain_vas"]
    dense = reported(drawn, person, times=np.array([0.0, 1 / 24, 3.0, 84.0, 100.0]))["pain_vas"]
    assert np.allclose(sparse[..., 1], dense[..., 3], rtol=1e-12)


def test_a_person_reports_the_same_alone_and_among_many(drawn, person) -> None:
    alone = reported(drawn, person, n=1, worlds=3)
    among = reported(drawn, person, n=200, worlds=3)
    for name, value in alone.items():
        assert np.array_equal(value[:, 0], among[name][:, 0])


def test_no_injection_is_the_natural_course(drawn, person) -> None:
    values = drawn(worlds=4, patients=50)
    patients = draw_patients(person, 50, 1, Entry())
    bare = outcomes.true_pain(WEEKS, patients, values, seed=1, injected=False)
    saline = outcomes.true_pain(WEEKS, patients, values, seed=1, injected=True)
    difference = saline - bare
    assert np.allclose(difference, outcomes.procedure(WEEKS, values, seed=1), atol=1e-12)
    assert np.all(difference[..., 0] == 0)
    assert difference[..., 3].mean() < -0.3


def test_the_procedure_has_a_fast_and_a_lasting_part() -> None:
    days = np.array([0.0, 10.0, 90.0, 1e5])
    shape = outcomes.time_course(days, fast=10.0, slow=90.0, lasting=0.4)
    e = np.exp(1.0)
    assert shape[0] == 0
    assert shape[1] == pytest.approx((1 - 1 / e) * (0.4 + 0.6 * np.exp(-1 / 9)))
    assert shape[2] == pytest.approx((1 - np.exp(-9)) * (0.4 + 0.6 / e))
    assert shape[3] == pytest.approx(0.4)


def test_the_same_fall_on_the_inside_is_a_smaller_gain_near_the_floor(drawn, person) -> None:
    gains = []
    for pain in (20.0, 55.0):
        entry = Entry(threshold=0.1, mean=pain, sd=8.0)
        values = drawn(worlds=5, patients=2000)
        found = [
            reported(
                drawn,
                {**person, "pain_vas_mm": pain},
                n=2000,
                worlds=5,
                entry=entry,
                values=values,
                treatment_shift=shift,
            )["pain_vas"][..., 3].mean()
            for shift in (0.0, -0.5)
        ]
        gains.append(found[0] - found[1])
    assert gains[0] < 0.85 * gains[1]


def test_womac_at_the_reference_entry_has_the_published_means(drawn, person) -> None:
    entry = Entry(threshold=30, mean=66, sd=14)
    found = reported(drawn, {**person, "pain_vas_mm": 66.0}, n=3000, worlds=60, entry=entry)
    published = {
        "womac_pain": (11.0, 3.1),
        "womac_stiffness": (4.3, 1.8),
        "womac_function": (37.0, 12.0),
    }
    for name, (mean, sd) in published.items():
        at_entry = found[name][:, 1:, 0]
        assert at_entry.mean() == pytest.approx(mean, rel=0.05)
        assert at_entry.std(axis=1).mean() == pytest.approx(sd, rel=0.2)


def test_subscales_go_together(drawn, person) -> None:
    found = reported(drawn, person, n=4000, worlds=3)
    pain = found["pain_vas"][0, 1:, 3]
    for name in outcomes.WOMAC_RANGE:
        assert 0.3 < np.corrcoef(pain, found[name][0, 1:, 3])[0, 1] < 0.95


def test_two_knees_share_their_person_and_nothing_else(drawn, person) -> None:
    n = 6000
    values = drawn(worlds=2, patients=n, outcomes__knees_alike=0.5)
    pain = {}
    for knee in ("left", "right"):
        patients = draw_patients(person, n, 1, Entry(), knee=knee)
        pain[knee] = outcomes.simulate(WEEKS, patients, values, seed=1, injected=True, knee=knee)[
            "pain_vas"
        ]
    left, right = (pain[k][0, 1:, 3] for k in ("left", "right"))
    together = np.corrcoef(left, right)[0, 1]
    assert 0.35 < together < 0.5  # one half of what is true, less the two errors
    assert left.mean() == pytest.approx(right.mean(), abs=1.5)


def test_ups_and_downs_keep_their_size_and_do_not_know_the_grid() -> None:
    days = np.array([0.0, 14.0, 28.0, 42.0, 300.0])
    weights = outcomes.knot_weights(days, 28.0)
    size = (weights**2).sum(axis=1)
    assert size == pytest.approx([0.0, 0.25, 1.0, 1.0, 1.0])
    assert outcomes.knot_weights(days[:3], 28.0) == pytest.approx(weights[:3, :2])
    just_before, just_after = outcomes.knot_weights(np.array([55.999999, 56.000001]), 28.0)
    assert just_before == pytest.approx(just_after, abs=1e-6)


def test_scans_have_the_error_of_two_scans_and_a_baseline_of_one_hundred(drawn) -> None:
    times = np.array([0.0, 182.0, 364.0])
    values = drawn(worlds=2, patients=20_000, outcomes__mri_error=0.854)
    true = np.broadcast_to(np.array([100.0, 98.0, 96.3]), (2, 20_000, 3))
    seen = outcomes.measured_cartilage(times, true, values, seed=4)
    assert np.all(seen[..., 0] == 100.0)
    assert seen[..., 2].mean() == pytest.approx(96.3, abs=0.03)
    assert seen[..., 2].std(axis=1) == pytest.approx(0.854 * np.sqrt(2), rel=0.02)
    # The first scan's error is in both later ones.
    assert np.corrcoef(seen[0, :, 1], seen[0, :, 2])[0, 1] == pytest.approx(0.5, abs=0.02)


def test_error_of_a_scan_is_what_the_printed_spreads_leave() -> None:
    # SD^2 = (cv x mean)^2 + error of change^2 at both visits.
    (m1, s1), (m2, s2) = (3.7, 3.0), (5.7, 4.4)
    cv2 = (s2**2 - s1**2) / (m2**2 - m1**2)
    change = np.sqrt(s1**2 - cv2 * m1**2)
    row = {r.key: r for r in outcomes.rows()}["outcomes.mri_error"]
    assert row.value == pytest.approx(change / np.sqrt(2), abs=0.005)


def test_measurement_error_is_the_printed_one_at_entry(drawn, person) -> None:
    # Two readings with nothing in between: their difference has the SD of two errors.
    values = drawn(worlds=1, patients=30_000, **STILL, outcomes__error_vas=10.1)
    times = np.array([1.0, 2.0])
    pain = reported(drawn, person, n=30_000, worlds=1, times=times, injected=False, values=values)[
        "pain_vas"
    ][0]
    retest = (pain[1:, 1] - pain[1:, 0]).std() / np.sqrt(2)
    assert retest == pytest.approx(10.1, rel=0.05)
