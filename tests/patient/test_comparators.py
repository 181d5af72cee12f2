"""Comparators: built from the register, shrunk by grade, held against trials."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from exocast.errors import UnknownName
from exocast.evidence import arms
from exocast.evidence.chance import draw
from exocast.evidence.register import register
from exocast.evidence.rows import package_table
from exocast.patient import comparators

BASELINE = Path(__file__).parents[1] / "baselines" / "validation_comparators.yaml"
GRADES = "ABCDE"
WEEKS = np.array([0.0, 2.0, 4.0, 8.0, 13.0, 26.0, 52.0])


def course(arm: str, **changed: str) -> np.ndarray:
    """SMD of an arm at ``WEEKS`` in many worlds; ``changed`` sets the grade of its rows."""
    rows = package_table("patient", "comparators")
    name = arm.replace(" ", "_")
    found = [r for k, r in rows.items() if k == "fades" or k.split(".")[0] == name]
    found = [r for r in found if not r.id.endswith(".literature")]
    found = [
        replace(r, grade=changed[r.id.rpartition(".")[2]])
        if r.id.rpartition(".")[2] in changed
        else r
        for r in found
    ]
    values = draw(comparators.with_taken_off(found), seed=3, worlds=4000, patients=1)
    return comparators.smd(7 * WEEKS, arm, values)[:, 0, :]


def test_the_table_is_what_the_register_gives() -> None:
    table = package_table("patient", "comparators")
    built = {row.id: row for row in comparators.built_rows()}
    assert list(table) == list(built)
    for name, row in built.items():
        assert replace(table[name], line=0) == row


def test_arms_are_what_the_register_gives() -> None:
    path = Path(arms.__file__).with_name("arms.csv")
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].split(",") == arms.COLUMNS
    found = arms.from_register()
    assert len(found) == len(lines) - 1
    for line in found:
        assert any(
            line["arm"] == visit_arm.name
            and float(line["week"]) == visit.week
            and float(line["value"]) == pytest.approx(visit.value)
            for visit_arm in arms.arms()
            for visit in visit_arm.visits
        )


def test_the_drift_of_untreated_knees_is_that_of_the_register() -> None:
    drift = package_table("patient", "natural")["drift"]
    assert (drift.value, *drift.spread) == arms.untreated()


def test_nothing_kept_for_a_test_is_in_a_row() -> None:
    kept = {choice["study_id"] for choice in comparators._choices()}
    kept |= {a.study_id for a in arms.arms_for("prediction")}
    used = set()
    for entry in comparators.COURSES:
        used |= {entry.pooled.study_id, *(said.study_id for said in entry.contrasts)}
    assert not used & kept
    assert all(register().study(study_id) for study_id in used)


def test_large_blinded_trials_are_the_default_and_all_trials_the_literature() -> None:
    at_13 = list(WEEKS).index(13.0)
    default = course("hyaluronic acid")[:, at_13].mean()
    rows = comparators.rows(("hyaluronic acid",), "literature")
    values = draw(rows, seed=3, worlds=4000, patients=1)
    reported = comparators.smd(7 * WEEKS, "hyaluronic acid", values)[:, 0, at_13].mean()
    assert default == pytest.approx(-0.11, abs=0.02)
    assert reported == pytest.approx(-0.37, abs=0.03)


def test_steroid_is_ahead_of_hyaluronic_acid_early_and_behind_late() -> None:
    values = draw(
        comparators.rows(("hyaluronic acid", "corticosteroid"), "literature"),
        seed=1,
        worlds=4000,
        patients=1,
    )
    days = 7 * WEEKS
    acid = comparators.smd(days, "hyaluronic acid", values)[:, 0].mean(axis=0)
    steroid = comparators.smd(days, "corticosteroid", values)[:, 0].mean(axis=0)
    ahead = steroid - acid
    assert ahead[list(WEEKS).index(2.0)] < -0.2
    assert abs(ahead[list(WEEKS).index(4.0)]) < 0.1
    assert ahead[list(WEEKS).index(8.0)] > 0.1


@pytest.mark.parametrize("arm", comparators.names())
@pytest.mark.parametrize("row", ["effect", "ratio", "slab_weight"])
def test_weaker_evidence_never_looks_better(arm: str, row: str) -> None:
    for useful in (0.1, 0.2, 0.37, 0.8):
        shares = [(course(arm, **{row: grade}) < -useful).mean(axis=0) for grade in GRADES]
        assert all((b <= a).all() for a, b in pairwise(shares))


@pytest.mark.parametrize("arm", comparators.names())
def test_a_course_starts_at_nothing_and_fades_after_its_trials(arm: str) -> None:
    assert (course(arm)[:, 0] == 0).all()
    last = comparators.last_week(arm)
    days = 7 * np.array([last, last + 13, last + 52])
    values = draw(comparators.rows((arm,)), seed=1, worlds=50, patients=1)
    after = np.abs(comparators.smd(days, arm, values)[:, 0])
    assert (np.diff(after, axis=1) <= 0).all()


def test_an_unknown_comparator_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="hyaluronic acid"):
        comparators.last_week("hyaluronic acids")


def test_the_record_of_trials_kept_out_is_what_the_rows_foretell() -> None:
    data = YAML(typ="safe", pure=True).load(BASELINE.read_text("utf-8"))
    found = comparators.held_out()
    assert len(found) == len(data["rows"])
    for held, row in zip(found, data["rows"], strict=True):
        assert (held.study_id, held.week) == (row["study_id"], row["week"])
        assert held.observed == pytest.approx(row["observed"], abs=0.06)
        assert (held.low, held.high) == pytest.approx((row["low"], row["high"]), abs=0.06)
        assert held.hit is row["hit"]


def test_printed_p_value_gives_the_standard_error() -> None:
    held = next(h for h in comparators.held_out() if h.study_id == "gel200_pooled2018")
    # -2.9 mm at P = 0.047: z = 1.986.
    assert held.standard_error == pytest.approx(2.9 / 1.986, abs=0.01)
