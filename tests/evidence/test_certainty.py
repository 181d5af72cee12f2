"""Certainty of bodies of evidence: worked out, compared, explained."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from exocast import api
from exocast.errors import InvalidInput
from exocast.evidence import certainty
from exocast.evidence.bias import assessments
from exocast.evidence.certainty import (
    DOWN,
    FILE,
    LEVELS,
    NO_CONTROLLED,
    NONE,
    STATED,
    STEPS,
    UP,
    about,
    agrees,
    bodies,
    with_study,
)
from exocast.evidence.designs import kind
from exocast.evidence.register import FOLDER, register
from exocast.report.appraisal import grade_text, summary_of_findings

CITED = re.compile(r"\[([a-z0-9_; ]+)\]")


def body(key: str) -> certainty.Body:
    return next(b for b in bodies() if b.id == key)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a copy of our table that a test may spoil."""
    shutil.copy(FOLDER / FILE, tmp_path / FILE)
    return tmp_path


def test_every_study_that_is_named_exists() -> None:
    known = register().studies
    for b in bodies():
        assert set(b.studies) <= known.keys()
        assert not b.effect_study or b.effect_study in b.studies
        for text in (*b.reasons, b.effect, b.note, b.not_read):
            for named in CITED.findall(text):
                assert set(named.split("; ")) <= known.keys(), (b.id, named)


def test_the_provisional_table_is_there_word_for_word(reference: Path) -> None:
    notes = (reference / "literature" / "notes" / "clinical.md").read_text("utf-8")
    section = notes.partition("## 2.")[2].partition("## 3.")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ][2:]
    assert len(rows) == 14
    for indication, _, _, stated in rows:
        parts = [b.stated for b in bodies() if b.indication == indication and b.stated]
        assert "; ".join(dict.fromkeys(parts)) == stated, indication


def test_what_is_worked_out_is_what_is_stated_or_a_note_says_why() -> None:
    for b in bodies():
        assert agrees(b) or b.note, b.id
    assert sum(bool(b.stated) for b in bodies()) >= 14
    assert not agrees(replace(body("ev_ards"), imprecision=0))


def test_steps_down_lower_the_certainty_and_it_stays_on_the_scale() -> None:
    b = body("ev_ards")
    for name in DOWN:
        places = [LEVELS.index(replace(b, **{name: step}).certainty) for step in (0, -1, -2)]
        assert places == sorted(places, reverse=True)
    worst = replace(b, **dict.fromkeys(DOWN, -2), **dict.fromkeys(UP, 0))
    best = replace(b, **dict.fromkeys(DOWN, 0), **dict.fromkeys(UP, 2))
    assert (worst.certainty, best.certainty) == ("very low", "high")
    assert replace(best, start="none").certainty == NONE


def test_every_step_has_its_reason() -> None:
    for b in bodies():
        for name in STEPS:
            if getattr(b, name):
                assert len(getattr(b, f"{name}_reason").split()) > 2, (b.id, name)
        assert len(b.reasons) == sum(bool(getattr(b, name)) for name in STEPS)


def test_no_certainty_rests_on_a_trial_that_is_not_at_low_risk_without_a_step() -> None:
    judged = assessments()
    for b in bodies():
        if b.start == "high" and b.risk_of_bias == 0:
            assert all(judged[s].overall.judgement == "low" for s in b.studies if s in judged), b.id


def test_the_design_fits_the_studies() -> None:
    known = register().studies
    for b in bodies():
        kinds = {kind(known[s]) for s in b.studies}
        if b.design == "randomised trials":
            assert "randomised" in kinds, b.id
        if b.design in ("animals", "no people"):
            assert "randomised" not in kinds, b.id
        if b.design == "animals":
            assert b.indirectness == -2, b.id
        if b.design == "people without a control":
            assert not {"randomised", "controlled"} & {
                kind(known[s]) for s in b.studies if not known[s].nct
            }, b.id


def test_vesicles_never_look_better_than_the_best_comparator() -> None:
    vesicles = [b for b in bodies() if b.id.startswith("ev_")]
    best = max(LEVELS.index(b.certainty) for b in vesicles if b.start != "none")
    assert LEVELS[best] == "low"


def test_no_controlled_evidence_is_an_answer() -> None:
    ageing = grade_text(api.evidence_grade("ageing vesicles mice"))
    assert ageing.startswith(NO_CONTROLLED.upper())
    assert "NO HUMAN EVIDENCE" in ageing
    nothing = api.evidence_grade("unicorn")
    assert nothing["bodies"] == []
    assert NO_CONTROLLED in grade_text(nothing)


def test_controlled_bodies_come_first() -> None:
    found = [b.controlled for b in about("knee")]
    assert found == sorted(found, reverse=True)
    assert about("exosomes knee")[0].id == "ev_knee_oa_no_difference"
    assert {b.id for b in about("")} == {b.id for b in bodies()}


def test_a_study_knows_the_bodies_it_is_part_of() -> None:
    shown = api.evidence_show("lightner2023")
    assert [b["id"] for b in shown["bodies"]] == ["ev_ards", "ev_ards_subgroup"]
    assert shown["judged"]["overall"] == "some concerns"
    assert [b.id for b in with_study("bennell2021_restore")] == ["knee_prp_saline"]
    pool = api.evidence_show("bannuru2009")
    assert pool["judged"] is None
    assert "a pool of studies" in pool["not_judged"]


def test_oxford_levels_go_with_the_design() -> None:
    assert body("knee_ha_large").cebm == "1"
    assert body("ev_ards").cebm == "2"
    assert body("ev_ckd").cebm == "3"
    assert body("ev_hair").cebm == "4"
    assert body("animals_stroke").cebm == "5"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("randomised trials,high,-1", "randomised trials,low,-1", "starts high, not 'low'"),
        ("randomised trials,high,-1", "randomised trial,high,-1", "Did you mean"),
        ("randomised trials,high,-1", "randomised trials,high,-3", "one of 0, -1, -2 is wanted"),
        ("randomised trials,high,-1", "randomised trials,high,", "one of 0, -1, -2 is wanted"),
        (",placental_ev_oa2024,29 pairs", ",placental_ev_oa24,29 pairs", "Did you mean"),
        (",placental_ev_oa2024,29 pairs", ",,29 pairs", "names no study"),
        (",placental_ev_oa2024,29 pairs", ",dorio2021,29 pairs", "none of its studies"),
        ("ev_knee_oa_benefit,", "ev_knee_oa_no_difference,", "stands already in line 2"),
        (",placental_ev_oa2024,low that", ",placental_ev_oa2024,high that", "no note says why"),
        ("id,indication", "key,indication", "its columns are key"),
    ],
)
def test_a_spoilt_line_is_a_finding_with_its_place(
    folder: Path, old: str, new: str, said: str
) -> None:
    path = folder / FILE
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    found = [f for f in certainty.findings(register(), folder) if f.severity == "error"]
    assert any(said in f.message and FILE in f.where for f in found), found


def test_a_trial_at_risk_asks_for_a_step(folder: Path) -> None:
    path = folder / FILE
    text = path.read_text("utf-8")
    path.write_text(
        text.replace("randomised trials,high,-1", "randomised trials,high,0", 1), "utf-8"
    )
    found = [f.message for f in certainty.findings(register(), folder) if f.severity == "error"]
    assert any("placental_ev_oa2024 is not at low risk" in m for m in found)


def test_our_table_has_no_error() -> None:
    found = certainty.findings(register())
    assert {f.severity for f in found} == {"info"}
    assert all(STATED.findall(b.stated) for b in bodies() if b.stated)


def test_the_summary_of_findings_holds_everything_in_words() -> None:
    found = about("exosomes knee")
    figure = summary_of_findings(found)
    for b in found:
        assert b.effect in figure.alt
        assert b.certainty in figure.alt
        assert all(reason in figure.alt for reason in b.reasons)
    assert "VERY LOW" in figure.svg
    assert "<desc " in figure.svg
    with pytest.raises(InvalidInput, match="no body of evidence"):
        summary_of_findings([])


def test_long_texts_are_wrapped_inside_their_column() -> None:
    from exocast.report.appraisal import FINDINGS, LETTER, POINTS_PER_INCH, SMALL, _wrapped

    for b in bodies():
        for text in (b.question, b.effect, "; ".join(b.reasons) or "none"):
            for _, width in FINDINGS:
                letters = width * POINTS_PER_INCH / (LETTER * SMALL)
                assert max(map(len, _wrapped(text, width, SMALL))) <= letters
