"""Who enters, and who is like the person described."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exocast.errors import InvalidInput, UnknownName
from exocast.patient.population import Entry, draw_patients, per_logit, reliability, unselected


def test_patient_zero_is_the_person_described(person) -> None:
    patients = draw_patients(person, 5, 3, Entry())
    assert patients.age_years[0] == 62.0
    assert patients.bmi_kg_m2[0] == 29.0
    assert patients.pain[0] == 65.0
    assert patients.synovitis[0] == 2
    assert patients.sex == "female"
    assert patients.kellgren_lawrence == 2


def test_a_person_does_not_depend_on_how_many_are_drawn(person) -> None:
    few = draw_patients(person, 7, 11, Entry())
    many = draw_patients(person, 400, 11, Entry())
    for name in ("age_years", "bmi_kg_m2", "pain", "synovitis"):
        assert np.array_equal(getattr(few, name), getattr(many, name)[:7])


def test_another_seed_gives_other_people(person) -> None:
    assert not np.allclose(
        draw_patients(person, 9, 1, Entry()).pain[1:], draw_patients(person, 9, 2, Entry()).pain[1:]
    )


def test_everybody_meets_the_entry_criteria(person) -> None:
    patients = draw_patients(person, 5000, 1, Entry(threshold=45, ceiling=80))
    assert patients.pain.min() >= 45 - 1e-9
    assert patients.pain.max() <= 80 + 1e-9


def test_entry_pain_has_the_mean_and_sd_asked_for(person) -> None:
    patients = draw_patients(person, 40_000, 1, Entry(threshold=30, mean=60, sd=15))
    assert patients.pain.mean() == pytest.approx(60, abs=0.4)
    assert patients.pain.std() == pytest.approx(15, abs=0.3)


@settings(max_examples=40)
@given(
    mu=st.floats(-0.8, 1.2),
    sigma=st.floats(0.4, 1.2),
    threshold=st.floats(5, 50),
)
def test_selection_is_undone_exactly(mu: float, sigma: float, threshold: float) -> None:
    # Select from a known population; the mean and SD that result lead back to it.
    low = np.log(threshold / (100 - threshold))
    assume(mu - low > 0.5 * sigma)
    z = (np.arange(200_000) + 0.5) / 200_000
    from scipy.special import expit, ndtri

    logits = mu + sigma * ndtri(z)
    chosen = 100 * expit(logits[logits >= low])
    found = unselected(float(chosen.mean()), float(chosen.std()), threshold)
    assert found.attained
    assert found.mu == pytest.approx(mu, abs=0.05)
    assert found.sigma == pytest.approx(sigma, abs=0.05)


def test_what_no_selection_can_give_is_said(person) -> None:
    patients = draw_patients(person, 3, 1, Entry(threshold=55, mean=60, sd=14))
    (warning,) = patients.warnings
    assert "cannot come from a choice between 55 and 100" in warning
    assert "the nearest" in warning


def test_a_person_below_the_threshold_is_refused(person) -> None:
    with pytest.raises(InvalidInput, match=r"65 mm does not meet the entry criteria, 70 to 100"):
        draw_patients(person, 2, 1, Entry(threshold=70))


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ({"threshold": 60, "ceiling": 50}, "no range"),
        ({"threshold": 40, "mean": 30}, "outside the limits of entry"),
        ({"sd": 0.0}, "not above zero"),
    ],
)
def test_impossible_criteria_are_refused(criteria, words) -> None:
    with pytest.raises(InvalidInput, match=words):
        Entry(**criteria)


def test_unknown_names_are_offered_the_nearest(person) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'pain_vas'"):
        Entry(instrument="pain_vass")
    with pytest.raises(UnknownName, match="Did you mean 'moderate'"):
        draw_patients({**person, "synovitis": "moderat"}, 2, 1, Entry())


def test_covariates_go_with_pain_as_the_table_says(person) -> None:
    patients = draw_patients(person, 20_000, 5, Entry())
    assert np.corrcoef(patients.age_years, patients.pain)[0, 1] == pytest.approx(-0.2, abs=0.04)
    assert np.corrcoef(patients.bmi_kg_m2, patients.pain)[0, 1] == pytest.approx(0.15, abs=0.04)
    assert np.corrcoef(patients.synovitis, patients.pain)[0, 1] == pytest.approx(0.13, abs=0.04)
    assert patients.age_years.std() == pytest.approx(8.5, rel=0.03)


def test_two_knees_of_one_person_are_alike_in_part(person) -> None:
    left, right = (draw_patients(person, 20_000, 5, Entry(), knee=k) for k in ("left", "right"))
    assert np.corrcoef(left.pain, right.pain)[0, 1] == pytest.approx(0.5, abs=0.05)
    assert np.array_equal(left.age_years, right.age_years)


def test_more_error_means_less_reliable_entry() -> None:
    before = unselected(60.0, 15.0, 30.0)
    shares = reliability(before, np.array([0.0, 0.2, 0.4, 9.0]))
    assert shares[0] == 1.0
    assert np.all(np.diff(shares) < 0)
    assert shares[-1] == 0.05
    assert shares[2] == pytest.approx(1 - (0.4 / before.sigma) ** 2)


def test_a_move_on_the_logit_scale_is_worth_less_where_people_are_spread_out() -> None:
    from scipy.special import expit, ndtri

    z = ndtri((np.arange(100_000) + 0.5) / 100_000)
    for mu, sigma in ((0.0, 0.01), (0.3, 0.6), (-0.5, 1.4)):
        share = expit(mu + sigma * z)
        mean, sd = 100 * share.mean(), 100 * share.std()
        moved = 100 * (expit(mu + 0.001 + sigma * z) - share).mean() / 0.001
        assert per_logit(mean, sd) == pytest.approx(moved, rel=1e-3)
    assert per_logit(10.0, 0.0, 20.0) == pytest.approx(5.0)
