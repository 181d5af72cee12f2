"""Important differences."""

from __future__ import annotations

from exocast.patient.thresholds import thresholds


def test_a_group_mean_needs_less_than_a_person() -> None:
    person, group = thresholds("person"), thresholds("group")
    shared = set(person) & set(group) - {"womac_total"}
    assert {"pain_vas", "womac_pain", "womac_stiffness", "womac_function"} <= shared
    for name in shared:
        assert 0 < group[name].value < person[name].value


def test_usual_thresholds_stand_as_published() -> None:
    person = thresholds("person")
    assert person["pain_vas"].value == 19.9
    assert person["pain_vas"].row == "thresholds.person.pain_vas"
    assert person["womac_pain"].value == 3.94
    assert abs(person["womac_function"].value - 9.1 / 100 * 68) < 0.01
