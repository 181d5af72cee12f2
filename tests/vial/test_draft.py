"""A batch drafted from a folder: every file sorted, every open question left as one."""

from __future__ import annotations

import pytest

from exocast import api
from exocast.documents import parse, read_mapping
from exocast.errors import InvalidInput
from exocast.vial.batch import BatchDescription, load_batch, named_files
from exocast.vial.draft import draft_batch
from exocast.vial.measured import measure_batch


def drafted(folder):
    made = draft_batch(folder)
    (folder / "batch.yaml").write_text(made.text, encoding="utf-8")
    return made, load_batch(folder)[0]


def test_a_draft_is_a_batch_and_names_each_file_once(summary, tmp_path):
    made_file = summary([("lot 7 d200_00", 3e8, 900)], description="EV lot 7")
    sub = tmp_path / "day 2"
    sub.mkdir()
    (sub / "run #2.csv").write_bytes(made_file.read_bytes())
    (tmp_path / "gel.png").write_bytes(b"\x89PNG")
    (tmp_path / "notes.txt").write_text("bought on Monday", encoding="utf-8")
    made, batch = drafted(tmp_path)
    assert [p.file for p in batch.particles] == ["day 2/run #2.csv", "made-ExperimentSummary.csv"]
    assert all(p.dilution is None and p.vial is None for p in batch.particles)
    assert made.text.count("which vial?") == 2
    assert "names contain d200" in made.text
    assert [name for name, _ in made.unread] == ["notes.txt"]
    for name in ("run #2.csv", "made-ExperimentSummary.csv", "gel.png", "notes.txt"):
        assert made.text.count(name) == 1, name


def test_a_recorded_dilution_is_no_question(summary, tmp_path):
    summary([("lot 7_00", 3e11, 900)], dilution="500")
    made, _ = drafted(tmp_path)
    assert "dilution is not in the file" not in made.text


def test_a_blank_is_told_by_its_name_and_beads_are_left_out(summary, tmp_path):
    first = summary([("PBS blank_00", 1e7, 40)], description="buffer")
    first.rename(tmp_path / "a.csv")
    second = summary([("100 nm beads_00", 3e8, 900)], description="beads")
    second.rename(tmp_path / "b.csv")
    summary([("lot 7_00", 3e8, 900)])
    made, batch = drafted(tmp_path)
    assert [b.file for b in batch.blanks] == ["a.csv"]
    assert [p.file for p in batch.particles] == ["made-ExperimentSummary.csv"]
    assert "calibration beads" in made.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lot 7_00", "MSC-EV lot 7 in PBS"),
        ("blank-subtracted_00", "EV lot 7"),
        ("PBS trehalose_00", "lot 8"),
    ],
)
def test_a_sample_in_buffer_is_no_buffer(summary, tmp_path, name, said):
    summary([(name, 3e8, 900)], description=said)
    _, batch = drafted(tmp_path)
    assert len(batch.particles) == 1 and not batch.blanks


def test_a_buffer_among_merged_samples_is_set_apart_with_the_reason(summary, tmp_path):
    summary([("lot 7_00", 3e8, 900), ("PBS buffer_00", 1e7, 40)])
    made, batch = drafted(tmp_path)
    assert [p.sample for p in batch.particles] == ["lot 7"]
    assert [b.sample for b in batch.blanks] == ["PBS buffer"]
    assert "taken for buffer because of 'PBS'" in made.text


def test_a_draft_elsewhere_can_be_read_from_there(summary, tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    summary([("lot 7_00", 3e11, 900), ("lot 7_01", 3.1e11, 900)], dilution="500").rename(
        folder / "a.csv"
    )
    (tmp_path / "elsewhere").mkdir()
    written = tmp_path / "elsewhere" / "my.yaml"
    api.draft_batch(folder, written)
    assert measure_batch(written).estimate.captures.n_valid == 2


def test_merged_samples_become_an_entry_each(summary, tmp_path):
    summary([("lot 7_00", 3e8, 900), ("lot 8_00", 2e8, 700)])
    _, batch = drafted(tmp_path)
    assert [p.sample for p in batch.particles] == ["lot 7", "lot 8"]


@pytest.mark.parametrize("name", ['a "b".csv', "a: b, {c}.csv", "#1.csv", "- x.csv", "'.csv"])
def test_any_name_of_a_file_survives(summary, tmp_path, name):
    summary().rename(tmp_path / name)
    _, batch = drafted(tmp_path)
    assert [p.file for p in batch.particles] == [name]


def test_nothing_to_draft_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="0 files"):
        draft_batch(tmp_path)
    with pytest.raises(InvalidInput, match="no folder"):
        draft_batch(tmp_path / "x")


def batch_of(tmp_path, text):
    path = tmp_path / "batch.yaml"
    path.write_text(f"schema_version: 1\ntitle: Lot 7\n{text}", encoding="utf-8")
    return parse(BatchDescription, read_mapping(path), where=str(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("particels: []\n", "Did you mean 'particles'"),
        ("particles: [{fil: a.csv}]\n", "Did you mean 'file'"),
        ("particles: [{file: a.csv, dilution: 0.5}]\n", "particles"),
        ("particles: [{file: a.csv, dilution: .inf}]\n", "particles"),
        ("protein: [{file: a.csv, concentration: 3 ug/mL}]\n", "either 'file' or 'concentration'"),
        ("protein: [{concentration: 3 mL}]\n", "protein"),
        ("protein: [{concentration: 0 ug/mL}]\n", "more than zero"),
        ("potency: [{assay: x}]\n", "either 'file', or all of"),
        ("potency: [{assay: x, relative: 1, low: 2, high: 3}]\n", "between 'low' and 'high'"),
        ("potency: [{assay: x, file: p.csv}]\ncurve: potency.csv\n", "give one"),
        ("documents: [{shows: protein marker, file: b.png, method: blot}]\n", "name the 'protein'"),
        ("fill: {container: polypropylen}\n", "polypropylene"),
        ("source: {volume: 0 mL}\n", "more than zero"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(tmp_path, text, words):
    with pytest.raises(InvalidInput) as refused:
        batch_of(tmp_path, text)
    assert words in str(refused.value)


def test_a_folder_without_a_batch_says_how_to_get_one(tmp_path):
    with pytest.raises(InvalidInput, match="exocast vial draft") as refused:
        load_batch(tmp_path)
    assert refused.value.code == "NO_BATCH"


def test_patterns_name_files_in_order_and_a_pattern_without_a_file_is_refused(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt", "odd[1].csv"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert [p.name for p in named_files(tmp_path, "[ab].csv")] == ["a.csv", "b.csv"]
    assert [p.name for p in named_files(tmp_path, "odd[1].csv")] == ["odd[1].csv"]
    assert [p.name for p in named_files(tmp_path, str(tmp_path / "*.txt"))] == ["c.txt"]
    with pytest.raises(InvalidInput, match="no file fits"):
        list(named_files(tmp_path, "*.fcs"))
