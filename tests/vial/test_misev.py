"""The reporting list: what satisfies an item, what lacks, and what may be excused."""

from __future__ import annotations

import pytest

from exocast.errors import UnknownName
from exocast.vial.misev import Shown, reporting, requirements, score

FULL = (
    Shown(what="source amount", by="batch.yaml: source"),
    Shown(what="particles", by="nta.csv"),
    Shown(what="single vesicles", by="nta.csv", name="NTA"),
    Shown(what="protein", by="bca.txt"),
    Shown(what="transmembrane", by="blot.png", name="CD63"),
    Shown(what="transmembrane", by="blot.png", name="CD81"),
    Shown(what="cytosolic", by="ms.txt", name="TSG101"),
    Shown(what="contaminant", by="blot.png", name="CANX"),
    Shown(what="image wide", by="tem1.png"),
    Shown(what="image close", by="tem2.png"),
)


def status(shown, excused=()):
    return {i.id: i.status for i in reporting(shown, excused)}


def test_nothing_shown_satisfies_nothing():
    items = reporting(())
    assert {i.status for i in items} == {"missing"}
    assert len(items) == len(requirements()) == 12
    assert score(items) == (0, 9)


def test_a_full_report_has_every_mandatory_item_with_its_file():
    items = reporting(FULL)
    assert score(items) == (9, 9)
    by = {i.id: i.by for i in items}
    assert by["ratio"] == ("nta.csv", "bca.txt")
    assert by["three_markers"] == ("blot.png", "ms.txt")
    assert by["image"] == ("tem1.png", "tem2.png")
    assert by["topology"] == ()


@pytest.mark.parametrize(
    ("left_out", "lost"),
    [
        ("source amount", {"source_amount"}),
        ("particles", {"two_quantities", "ratio"}),
        ("protein", {"two_quantities", "ratio"}),
        ("single vesicles", {"single_vesicle_method"}),
        ("transmembrane", {"transmembrane_marker", "three_markers"}),
        ("cytosolic", {"cytosolic_marker", "three_markers"}),
        ("contaminant", {"contaminant_check"}),
        ("image close", {"image"}),
        ("image wide", {"image"}),
    ],
)
def test_each_piece_of_evidence_counts_for_its_own_items(left_out, lost):
    before = status(FULL)
    after = status([s for s in FULL if s.what != left_out])
    assert {i for i in before if before[i] != after[i]} == lost


@pytest.mark.parametrize(
    ("pair", "computed"),
    [
        (("particles", "protein"), "satisfied"),
        (("particles", "RNA"), "satisfied"),
        (("particles", "lipid"), "missing"),  # a document states it, and nothing is divided
        (("protein", "RNA"), "missing"),
    ],
)
def test_two_quantities_are_a_ratio_only_where_one_was_computed(pair, computed):
    found = status([Shown(what=what, by=f"{what}.csv") for what in pair])
    assert found["two_quantities"] == "satisfied"
    assert found["ratio"] == computed


def test_one_protein_shown_twice_is_one_marker():
    twice = [
        *(s for s in FULL if s.name != "CD81"),
        Shown(what="transmembrane", by="x", name="CD63"),
    ]
    assert status(twice)["three_markers"] == "missing"


def test_more_evidence_never_takes_an_item_away():
    for n in range(len(FULL)):
        few, more = status(FULL[:n]), status(FULL[: n + 1])
        assert all(more[i] == "satisfied" for i in few if few[i] == "satisfied")


def test_what_does_not_apply_is_said_with_its_reason_and_mandatory_items_stay():
    items = reporting(FULL, [("soluble_proteins", "washed three times")])
    (item,) = [i for i in items if i.id == "soluble_proteins"]
    assert (item.status, item.note) == ("not applicable", "washed three times")
    with pytest.raises(UnknownName, match="mandatory"):
        reporting(FULL, [("image", "no microscope")])
    with pytest.raises(UnknownName, match="Did you mean 'topology'"):
        reporting(FULL, [("topologie", "inside")])


def test_shown_evidence_wins_over_an_excuse():
    shown = [*FULL, Shown(what="soluble proteins", by="elisa.csv", name="VEGF")]
    assert status(shown, [("soluble_proteins", "none")])["soluble_proteins"] == "satisfied"
