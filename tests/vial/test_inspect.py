"""What ``vial inspect`` reports: everything a file says, nothing it does not."""

from __future__ import annotations

import json

import pytest
from jsonschema import validate

from exocast.errors import InstrumentFileError, InvalidInput, NotFound, UnknownName
from exocast.vial import VialInspection, inspect, read_file

CONTRACT = {
    "file": str,
    "kind": str,
    "software": str,
    "dilution": dict,
    "captures": list,
    "concentration_per_ml": dict | None,
    "size_nm": dict | None,
}


def codes(found):
    return [w["code"] for w in found["warnings"]]


def test_report_is_plain_data_of_the_published_schema(summary):
    found = inspect([summary(dilution="200")])
    assert json.loads(json.dumps(found)) == found
    validate(found["result"], VialInspection.model_json_schema(mode="serialization"))
    (file,) = found["result"]["files"]
    for name, kind in CONTRACT.items():
        assert isinstance(file[name], kind)
    assert set(file["captures"][0]) == {
        "name",
        "concentration_per_ml",
        "tracks",
        "verdict",
        "excluded",
        "reason",
    }
    assert set(file["concentration_per_ml"]) == {"value", "low", "high", "n_valid", "n_total"}
    assert set(file["size_nm"]) == {"mean", "mode", "d10", "d50", "d90"}


def test_unknown_dilution_leaves_the_concentration_open_and_keeps_the_sizes(summary):
    found = inspect([summary([("lot d200_00", 3e8, 900), ("lot d200_01", 3e8, 900)])])
    (file,) = found["result"]["files"]
    assert file["concentration_per_ml"] is None
    assert file["dilution"] == {"value": None, "state": "unknown", "origin": "none"}
    assert file["captures"][0]["concentration_per_ml"] == 3e8
    assert file["size_nm"]["d50"] == pytest.approx(110, rel=0.1)
    assert codes(found) == ["DILUTION_UNKNOWN"]
    assert "d200" in found["warnings"][0]["message"]


def test_dilution_option_answers(summary):
    (file,) = inspect([summary()], dilution=200)["result"]["files"]
    assert file["dilution"] == {"value": 200, "state": "not_applied", "origin": "user"}
    assert file["concentration_per_ml"]["value"] == pytest.approx(6.1e10, rel=0.01)


def test_impossible_dilution_is_an_error_and_no_remark(summary):
    with pytest.raises(InstrumentFileError, match="impossible"):
        inspect([summary()], dilution=0)


def test_merged_files_are_reported_sample_by_sample_on_request(summary):
    path = summary([("A_00", 3e8, 900), ("B_00", 6e8, 900)], dilution="100")
    found = inspect([path])
    (file,) = found["result"]["files"]
    assert file["samples"] == ["A", "B"]
    assert file["concentration_per_ml"] is None
    assert file["size_nm"] is None
    assert codes(found) == ["MIXED_SAMPLES"]
    (file,) = inspect([path], sample="B")["result"]["files"]
    assert file["concentration_per_ml"]["value"] == pytest.approx(6e8, rel=1e-6)
    with pytest.raises(UnknownName):
        inspect([path], sample="D")


def test_real_merged_export_is_reported(reference):
    path = reference / "samples/nanosight_nta/beads_nta32_combined12-ExperimentSummary.csv"
    found = inspect([path])
    assert codes(found) == ["MIXED_SAMPLES"]
    found = inspect([path], sample="std_10000_yes_1")
    assert "DILUTION_UNKNOWN" in codes(found)
    assert "10000" in found["warnings"][-1]["message"] + found["warnings"][-2]["message"]


def test_empty_run_is_reported(summary):
    found = inspect([summary([("A_00", 0.0, 0)], dilution="100")])
    (file,) = found["result"]["files"]
    assert file["concentration_per_ml"] is None
    assert {"CAPTURE_FAILED", "EMPTY_RUN"} <= set(codes(found))


def test_second_application_of_a_dilution_is_reported(summary):
    found = inspect([summary([("A_00", 3e11, 900)], dilution="500")], dilution=500)
    assert "DILUTION_ALREADY_APPLIED" in codes(found)
    (file,) = found["result"]["files"]
    assert file["concentration_per_ml"]["value"] == pytest.approx(3e11, rel=1e-6)


def test_several_files_keep_their_order(summary, tmp_path):
    one = summary(dilution="200")
    two = tmp_path / "second.csv"
    two.write_bytes(one.read_bytes())
    files = inspect([two, one])["result"]["files"]
    assert [f["file"] for f in files] == [str(two), str(one)]


def test_nothing_to_inspect_is_refused():
    with pytest.raises(InvalidInput, match="at least one file"):
        inspect([])


def test_a_folder_stands_for_its_files_and_what_no_reader_knows_is_listed(summary, tmp_path):
    made = summary(dilution="200")
    (tmp_path / "notes.txt").write_text("bought on Monday", encoding="utf-8")
    (tmp_path / ".hidden").write_text("x", encoding="utf-8")
    found = inspect([tmp_path])["result"]
    assert [f["file"] for f in found["files"]] == [str(made)]
    (refused,) = found["refused"]
    assert refused["file"].endswith("notes.txt") and refused["code"] == "NOT_AN_EXPORT"
    assert "bought on Monday" in refused["message"] and not refused["named"]


def test_an_empty_folder_is_refused_and_a_vial_is_no_folder(tmp_path):
    with pytest.raises(InvalidInput, match="holds no files"):
        inspect([tmp_path])
    for name in ("a.csv", "b.csv", "c.csv", "z-ExperimentSummary.csv", "notes.doc"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    with pytest.raises(InstrumentFileError, match="this is a folder") as refused:
        read_file(tmp_path)
    assert "such as z-ExperimentSummary.csv, a.csv, b.csv and 1 more" in str(refused.value)


def test_one_bad_file_among_several_does_not_hide_the_others(summary, tmp_path):
    made = summary(dilution="200")
    bad = tmp_path / "bad.csv"
    bad.write_text("x", encoding="utf-8")
    found = inspect([bad, made])["result"]
    assert [f["file"] for f in found["files"]] == [str(made)]
    assert [(r["file"], r["named"]) for r in found["refused"]] == [(str(bad), True)]


def test_a_misspelt_file_offers_the_nearest(tmp_path):
    (tmp_path / "lot7-ExperimentSummary.csv").write_text("x", encoding="utf-8")
    with pytest.raises(NotFound, match=r"Did you mean 'lot7-ExperimentSummary\.csv'"):
        inspect([tmp_path / "lot7-ExperimentSumary.csv"])
