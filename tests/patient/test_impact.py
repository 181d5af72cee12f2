"""What a study more would move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exocast.errors import InvalidInput
from exocast.evidence.register import Register, Result, register
from exocast.patient import impact as room
from exocast.patient.impact import Impact, Moved, impact

NEW = "new2026"


def with_study(
    like: str, endpoint: str, *, doi: str = "10.1234/new", year: str = "2026", **changed: object
) -> Register:
    """The register with a copy of some lines under a new name."""
    whole = register()
    study = replace(whole.study(like), study_id=NEW, doi=doi, year=year, pmid="", pmcid="", nct="")
    lines = tuple(
        replace(r, study_id=NEW, line=9000 + i, **changed)
        for i, r in enumerate(whole.results_of(like))
        if r.endpoint == endpoint
    )
    assert lines
    return Register(
        studies={**whole.studies, NEW: study},
        results=(*whole.results, *lines),
        status=whole.status,
    )


def only(given: str, **changed: object) -> Register:
    """The register with those lines of RESTORE's pain under a new name that were given this."""
    whole = with_study("bennell2021_restore", "knee pain NRS", **changed)
    kept = tuple(r for r in whole.results if r.study_id != NEW or r.intervention == given)
    return replace(whole, results=kept)


def by_name(found: tuple[Moved, ...], words: str) -> Moved:
    return next(m for m in found if words in m.name)


@pytest.fixture(scope="module")
def found() -> Impact:
    return impact(register(), with_study("bennell2021_restore", "knee pain NRS", n=2000.0))


def test_a_null_trial_of_plasma_pulls_its_effect_to_nothing(found: Impact) -> None:
    effect = by_name(found.moved, "platelet_rich_plasma.effect")
    assert effect.before < effect.after < 0
    assert effect.after_high - effect.after_low < effect.before_high - effect.before_low
    default = by_name(found.moved, "platelet rich plasma minus saline in week 26 (prior default)")
    assert default.before < default.after


def test_a_saline_arm_is_fitted_with_the_others(found: Impact) -> None:
    names = {m.name for m in found.moved}
    assert {"placebo.effect", "placebo.lasting", "placebo.study_sd"} <= names
    pain = by_name(found.moved, "change by week 52")
    assert pain.unit == "mm" and pain.before != pain.after


def test_a_pool_that_it_enters_is_shown() -> None:
    found = impact(register(), with_study("dorio2021", "VAS overall pain", n=200.0))
    assert any(m.kind == "pool" and "saline" in m.name for m in found.moved)


def test_a_study_that_nothing_leads_to_moves_nothing() -> None:
    whole = with_study("bennell2021_restore", "knee pain NRS", doi="")
    found = impact(register(), whole)
    assert not found.moved
    assert "weighs nothing" in found.notes[0]
    assert impact(register(), whole, unresolved=True).moved


def test_a_study_kept_for_testing_moves_no_row(monkeypatch) -> None:
    kept = replace(room.arms_for("prediction")[0], study_id=NEW)
    monkeypatch.setattr(
        room, "arms_for", lambda use, known=room.arms_for: (*known(use), kept) * (use != "x")
    )
    found = impact(register(), with_study("dorio2021", "VAS overall pain"))
    assert not [m for m in found.moved if m.kind == "row"]
    assert "kept to test" in found.notes[0]


def test_a_vesicle_trial_moves_no_row_and_says_so() -> None:
    found = impact(register(), with_study("east2021", "BPI improvement"))
    assert not found.moved
    assert any("slab_weight" in note for note in found.notes)


def test_what_is_there_already_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not have"):
        impact(register(), register())


def test_a_scale_where_plus_is_better_is_turned() -> None:
    lines = [r for r in register().results_of("bennell2021_restore") if r.endpoint == "KOOS pain"]
    (arm,) = room.saline_arms(register(), lines)
    assert arm.visits[0].value == pytest.approx(-11.9)
    assert arm.instrument == "womac_pain"


def test_saline_with_something_in_it_is_no_saline_arm() -> None:
    line: Result = next(r for r in register().results_of("dorio2021") if "saline" in r.intervention)
    for given in ("PRP vs saline", "HA + saline"):
        assert not room.saline_arms(register(), [replace(line, intervention=given, week=6.0)])


def test_a_printed_difference_moves_the_row_too() -> None:
    found = impact(register(), only("PRP vs saline", year="2026"))
    effect = by_name(found.moved, "platelet_rich_plasma.effect")
    assert effect.before < effect.after < 0
    assert any("divided by 24" in note for note in found.notes)


@pytest.mark.full
def test_the_order_of_lines_does_not_matter() -> None:
    whole = with_study("ha_rct_altman2", "VAS pain change", year="2026")
    second = [
        replace(r, intervention="HA of another make", change=-40.0, line=r.line + 500)
        for r in whole.results_of(NEW)
        if r.intervention.startswith("HA")
    ]
    forth = replace(whole, results=(*whole.results, *second))
    back = replace(whole, results=(*second, *whole.results))
    a, b = (
        by_name(impact(register(), one).moved, "hyaluronic_acid.effect") for one in (forth, back)
    )
    assert a.after == pytest.approx(b.after)


def test_a_trial_older_than_the_pool_moves_no_row() -> None:
    found = impact(register(), only("PRP vs saline", year="2019"))
    assert not [m for m in found.moved if m.name.startswith("comparators.")]
    assert any("may be in it already" in note for note in found.notes)


def test_what_cannot_be_true_moves_nothing() -> None:
    for bad in ({"n": 1.0}, {"scale_high": 0.0}, {"change": -210.0, "value": None}, {"n": -5.0}):
        found = impact(register(), only("saline placebo", year="2026", **bad))
        assert not [m for m in found.moved if m.kind != "pool"], bad
        assert bad == {"n": 1.0} or any("weighs nothing" in note for note in found.notes), bad


def test_a_retraction_takes_an_arm_out_of_the_fit() -> None:
    whole = register()
    gone = replace(whole.study("ha_rct_jubb"), retraction="retracted 2026 (a notice)")
    after = replace(whole, studies={**whole.studies, "ha_rct_jubb": gone})
    found = impact(whole, after)
    assert "ha_rct_jubb" in found.studies
    assert by_name(found.moved, "placebo.effect").change != 0
    assert any("weighs nothing now" in note for note in found.notes)
