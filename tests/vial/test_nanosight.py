"""Experiment summaries: what is read, what is refused, and in which words."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from exocast.errors import InstrumentFileError, NotFound
from exocast.vial import measure, read_nanosight

FAILED = "nanosight_33_failed_capture-ExperimentSummary.csv"
RECORDED = "nanosight_34_dilution_recorded-ExperimentSummary.csv"
SEMICOLON = "nanosight_34_semicolon_decimalcomma-ExperimentSummary.csv"


def codes(warnings):
    return [w.code for w in warnings]


# The two real exports, and the one that is none --------------------------------------------------


@pytest.fixture
def real(reference):
    return reference / "samples" / "nanosight_nta"


@pytest.fixture
def synthetic(reference):
    return reference / "samples" / "synthetic"


def test_real_export_of_nta_34_is_read_with_its_recorded_dilution(real):
    export = read_nanosight(real / "beads_nta34-ExperimentSummary.csv")
    assert export.software == "NTA 3.4 Build 3.4.003"
    assert (export.dilution.value, export.dilution.state) == (1e4, "applied")
    assert export.dilution.line == 45
    assert [c.tracks for c in export.captures] == [1872, 1898, 1879, 1948, 1929]
    assert export.bins.centres_nm[0] == 0.5
    assert export.bins.per_ml.shape == (1000, 5)
    assert export.warnings == ()


def test_real_export_of_nta_34_gives_the_instruments_own_numbers(real):
    found = measure(read_nanosight(real / "beads_nta34-ExperimentSummary.csv"))
    assert found.concentration.value == pytest.approx(6.09e12, rel=0.002)
    assert found.size.d50_nm == pytest.approx(99.8, abs=0.3)
    assert found.size.mean_nm == pytest.approx(101.5, abs=0.3)
    assert found.size.d10_nm == pytest.approx(88.7, abs=0.3)
    assert found.size.d90_nm == pytest.approx(115.3, abs=0.5)
    assert found.level_per_ml == pytest.approx(6.09e8, rel=0.002)


def test_bins_sum_to_the_concentration_within_one_percent(real):
    export = read_nanosight(real / "beads_nta34-ExperimentSummary.csv")
    assert export.bins.per_ml[:, 0].sum() == pytest.approx(5.906e12, rel=1e-3)
    stated = np.array([c.concentration_per_ml for c in export.captures])
    assert np.abs(export.bins.per_ml.sum(axis=0) / stated - 1).max() < 0.01


def test_real_merged_export_names_its_four_samples(real):
    export = read_nanosight(real / "beads_nta32_combined12-ExperimentSummary.csv")
    assert len(export.captures) == 12
    assert export.samples == (
        "std_10000_yes_2",
        "std_10000_no_2",
        "std_10000_yes_1",
        "std_10000_no_1",
    )
    assert export.dilution.state == "unknown"
    assert codes(export.warnings) == ["MIXED_SAMPLES"]
    assert "Created from combined experiments" in export.warnings[0].message


def test_reshaped_table_is_refused_with_the_remedy(real):
    with pytest.raises(InstrumentFileError, match=r"particle_size.*255|particle_size") as e:
        read_nanosight(real / "wide_table_not_vendor_format.csv")
    assert e.value.code == "NOT_AN_EXPORT"
    assert "-ExperimentSummary.csv" in e.value.message
    assert "line 1" in e.value.where


def test_truth_of_the_synthetic_files(synthetic):
    with (synthetic / "TRUTH.csv").open(encoding="utf-8") as lines:
        truth = {row["file"]: row for row in csv.DictReader(lines)}
    for name, dilution in ((FAILED, 200), (RECORDED, None), (SEMICOLON, 100)):
        found = measure(read_nanosight(synthetic / name), dilution)
        instrument = float(truth[name]["conc_at_instrument_per_ml"])
        if name == FAILED:  # the truth table's figure is the vendor's, failed capture included
            assert instrument == pytest.approx(2.45e8)
            instrument = 3.062e8
        factor = dilution or 1
        assert found.concentration.value == pytest.approx(factor * instrument, rel=0.01)


def test_failed_capture_is_left_out_and_both_averages_are_said(synthetic):
    export = read_nanosight(synthetic / FAILED)
    assert [c.excluded for c in export.captures] == [True, False, False, False, False]
    assert export.captures[0].reason == "0 tracks (Unreliable)"
    (warning,) = export.warnings
    assert warning.code == "CAPTURE_FAILED"
    assert "capture 1 of 5" in warning.message
    assert "2.45e+08" in warning.message
    assert "3.062e+08" in warning.message


def test_latin_1_file_with_three_weightings_reads_the_one_by_number(synthetic):
    export = read_nanosight(synthetic / FAILED)
    assert export.encoding == "latin-1"
    assert export.bins.per_ml[:, 1].sum() == pytest.approx(3.10e8, rel=0.01)


def test_semicolons_and_decimal_commas_are_read(synthetic):
    export = read_nanosight(synthetic / SEMICOLON)
    assert [c.concentration_per_ml for c in export.captures] == [4.10e8, 4.30e8, 4.00e8]
    assert export.bins.centres_nm[:2].tolist() == [0.5, 1.5]


# Layouts made here -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"newline": "\n"},
        {"newline": "\r\n"},
        {"separator": ";"},
        {"separator": "\t"},
        {"padded": True},
        {"weightings": ("Number", "Surface Area", "Volume")},
        {"encoding": "latin-1", "weightings": ("Number", "Volume")},
        {"encoding": "utf-16"},
        {"encoding": "utf-8-sig"},
        {"change": lambda text: text.replace("Concentration (p", " Concentration (p", 1)},
        {"change": lambda text: "\n".join(line.rstrip(",\r") for line in text.split("\n"))},
    ],
    ids=lambda options: " ".join(f"{k} {v!r}" for k, v in options.items() if k != "change"),
)
def test_numbers_do_not_depend_on_the_layout(summary, options):
    plain = read_nanosight(summary(dilution="200"))
    other = read_nanosight(summary(dilution="200", **options))
    assert [(c.concentration_per_ml, c.tracks) for c in other.captures] == [
        (c.concentration_per_ml, c.tracks) for c in plain.captures
    ]
    assert np.array_equal(other.bins.per_ml, plain.bins.per_ml)
    assert other.dilution.value == plain.dilution.value == 200


def test_table_by_volume_before_the_one_by_number_is_not_taken(summary):
    plain = read_nanosight(summary())
    other = read_nanosight(summary(weightings=("Volume", "Number")))
    assert np.array_equal(other.bins.per_ml, plain.bins.per_ml)


def test_export_without_a_table_by_number_gives_no_sizes_and_says_so(summary):
    export = read_nanosight(summary(weightings=("Volume",)))
    assert export.bins is None
    assert codes(export.warnings) == ["SIZE_MISSING"]
    assert "not converted" in export.warnings[0].message


def test_export_made_without_sizes_is_read_and_says_so(summary):
    def strip(text: str) -> str:
        return text[: text.index("Size distribution")] + ",\r\n,\r\n"

    export = read_nanosight(summary(change=strip))
    assert export.bins is None
    assert [c.tracks for c in export.captures] == [2700, 2700]
    assert codes(export.warnings) == ["SIZE_MISSING"]


def test_tables_against_diffusion_are_not_read_as_sizes(summary):
    def add(text: str) -> str:
        table = text[text.index("[Size Data]") :].replace("[Size Data]", "[Diffusion Data]")
        return text + table.replace("Bin centre (nm)", "Bin centre (E4 nm2/s)")

    assert np.array_equal(
        read_nanosight(summary(change=add)).bins.per_ml, read_nanosight(summary()).bins.per_ml
    )


def test_capture_without_tracks_is_excluded_whatever_its_concentration(summary):
    export = read_nanosight(
        summary([("a_00", 3e8, 900), ("a_01", 2e8, 0, "Unreliable"), ("a_02", 2.9e8, 900)])
    )
    assert [c.excluded for c in export.captures] == [False, True, False]


def test_verdict_on_a_capture_that_counted_is_said_and_the_capture_kept(summary):
    export = read_nanosight(summary([("a_00", 3e8, 900, "Unreliable"), ("a_01", 3e8, 900)]))
    assert not export.captures[0].excluded
    assert codes(export.warnings) == ["CAPTURE_VERDICT"]
    assert "Unreliable" in export.warnings[0].message


def test_run_without_particles_is_an_empty_run(summary):
    export = read_nanosight(summary([("a_00", 0.0, 0), ("a_01", 0.0, 0)]))
    assert "EMPTY_RUN" in codes(export.warnings)


def test_bins_that_do_not_sum_to_the_concentration_are_said(summary):
    export = read_nanosight(summary(change=lambda text: text.replace("3.10e+08", "3.20e+08")))
    assert codes(export.warnings) == ["CHECKSUM", "CHECKSUM"]
    assert "-3.1 %" in export.warnings[0].message
    assert "average" in export.warnings[1].message


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda t: "", "EMPTY", "empty"),
        (lambda t: "gene,count\nA,3\n", "NOT_AN_EXPORT", "gene,count"),
        (lambda t: t.replace("NTA Experiment Summary File", ""), "NOT_AN_EXPORT", "title"),
        (lambda t: t.replace("Created with NTA", "Made by"), "TRUNCATED", "Created with NTA"),
        (lambda t: t[: t.index("Filename:")], "TRUNCATED", "Filename:"),
        (lambda t: t[: t.index("[Results]")], "TRUNCATED", r"\[Results\]"),
        (lambda t: t[: t.index("[Data Inc")], "TRUNCATED", r"\[Size Data\]"),
        (lambda t: t[: t.index("Size dist")], "TRUNCATED", r"\[Size Data\]"),
        (lambda t: t[: t.index("Size dist") + 7], "TRUNCATED", r"\[Size Data\]"),
        (lambda t: t[: t.index("Weighting,")], "TRUNCATED", "weighted by number"),
        (lambda t: t[: t.index("Weighting,") + 12], "TRUNCATED", "weighted by number"),
        (lambda t: t[: t.index("Bin centre")], "TRUNCATED", "table of bins"),
        (lambda t: t[: t.index("\r\n50.5,")], "TRUNCATED", "percentiles"),
        (lambda t: t[: t.index("\r\n50,")], "TRUNCATED", "50 of 101 percentiles"),
        (
            lambda t: t.replace("\r\n50.5,", "\r\n50.5"),
            "TRUNCATED|NOT_A_NUMBER",
            "number|ends before",
        ),
        (lambda t: _without_line(t, "\r\n50.5,"), "TRUNCATED", "49.5 nm is followed by 51.5"),
        (lambda t: t.replace("3.10e+08,", "", 1), "COLUMNS", "2 captures"),
        (lambda t: t.replace("3.10e+08", "n.d.", 1), "NOT_A_NUMBER", "n.d."),
        (lambda t: t.replace("3.10e+08", "-3.10e+08", 1), "NOT_A_NUMBER", "negative"),
        (lambda t: t.replace("3.10e+08", "1e999", 1), "NOT_A_NUMBER", "1e999"),
        (lambda t: t.replace("3.10e+08", '"3,10e+08"', 1), "DECIMAL_COMMA", "two ways"),
        (lambda t: t.replace("Filename,lot 7_00", "Filename,lot 8_00"), "COLUMNS", "size table"),
        (lambda t: t.replace("Filename:,lot 7_00,lot 7_01", "Filename:,,"), "EMPTY_RUN", "named"),
        (lambda t: t.replace("Not recorded,Not", "200,Not"), "DILUTION_UNKNOWN", "different"),
        (lambda t: t.replace("Not recorded", "0"), "DILUTION_UNKNOWN", "impossible"),
        (lambda t: t.replace("Not recorded", "a few"), "NOT_A_NUMBER", "a few"),
    ],
)
def test_damaged_file_is_refused_naming_what_and_where(summary, change, code, words):
    path = summary(change=change)
    with pytest.raises(InstrumentFileError, match=words) as e:
        read_nanosight(path)
    assert e.value.code in code.split("|")
    assert str(path) in e.value.where


def _without_line(text: str, start: str) -> str:
    at = text.index(start)
    return text[:at] + text[text.index("\r\n", at + 2) :]


def test_line_of_the_fault_is_named(summary):
    path = summary(change=lambda text: text.replace("\r\n70.5,", "\r\n70.5,x", 1))
    line = (
        path.read_text(encoding="utf-8")
        .split("\n")
        .index(
            next(t for t in path.read_text(encoding="utf-8").split("\n") if t.startswith("70.5,x"))
        )
    )
    with pytest.raises(InstrumentFileError) as e:
        read_nanosight(path)
    assert e.value.where.endswith(f"line {line + 1}")


def test_binary_file_is_refused(tmp_path):
    for content in (b"\x00\x01\x02" * 50, b"PK\x03\x04" + b"abc" * 20):
        path = tmp_path / "x.csv"
        path.write_bytes(content)
        with pytest.raises(InstrumentFileError, match="the file is binary"):
            read_nanosight(path)


def test_ten_megabytes_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "big.csv"
    path.write_bytes(b"NTA Experiment Summary File,\n" + b"0," * 5_000_000)
    with pytest.raises(InstrumentFileError, match=r"10\.0 MB is refused") as e:
        read_nanosight(path)
    assert e.value.code == "TOO_LARGE"


def test_missing_file_and_folder_are_told_apart(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        read_nanosight(tmp_path / "none.csv")
    with pytest.raises(InstrumentFileError, match="folder"):
        read_nanosight(tmp_path)


def test_example_vial_is_what_its_script_writes(writer):
    assert writer.TARGET.read_bytes() == writer.example_text().encode("ascii")
    assert "SYNTHETIC" in writer.example_text()


def test_example_vial_shows_a_failed_capture_and_a_recorded_dilution(root):
    path = Path(root) / "examples" / "knee" / "example-ExperimentSummary.csv"
    export = read_nanosight(path)
    assert [c.excluded for c in export.captures].count(True) == 1
    assert (export.dilution.value, export.dilution.state) == (1000, "applied")
    found = measure(export)
    assert found.concentration.value == pytest.approx(1.2e11, rel=0.05)


@pytest.mark.parametrize("found", [r"(?m)^(\d+\.\d+),", r"(?m)^(500\.\d+),"])
def test_bins_that_need_a_closer_look_are_those_of_a_plain_table(summary, found):
    plain = read_nanosight(summary(dilution="200"))
    odd = read_nanosight(
        summary(dilution="200", change=lambda text: re.sub(found, r'" \1",', text))
    )
    assert np.array_equal(odd.bins.centres_nm, plain.bins.centres_nm)
    assert np.array_equal(odd.bins.per_ml, plain.bins.per_ml)
    assert odd.captures == plain.captures
