"""ZetaView files: the diluted concentration, two tables of the same particles, and verdicts."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from writers.zetaview import COUNTS, PER_PARTICLE, POSITIONS, positions_text, size_text

from exocast.errors import InstrumentFileError
from exocast.vial import inspect, measure, read_file

N = sum(COUNTS.values())


def codes(warnings):
    return [w.code for w in warnings]


@pytest.fixture
def read(tmp_path):
    def made(text, name="lot 7_size_488.txt", encoding="latin-1"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return read_file(path)

    return made


def test_file_cut_behind_its_last_particle_lost_nothing(read):
    text = size_text()
    whole, cut = read(text).particles, read(text[: text.index("\n-1.000") + 1]).particles
    assert cut.captures[0] == whole.captures[0]
    assert np.array_equal(cut.bins.per_ml, whole.bins.per_ml)


# Layout ------------------------------------------------------------------------------------------

VARIANTS = [
    {"newline": "\r\n"},
    {"decimal": ","},
    {"decimal": ",", "separator": ";", "newline": "\r\n"},
    {"separator": ","},
    {"separator": ",", "decimal": ","},
    {"padded": True},
    {"logarithmic": False},
    {"padded": True, "separator": ";"},
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "utf-16"])
def test_numbers_do_not_depend_on_the_layout(read, options, encoding):
    reading = read(size_text(**options), encoding=encoding)
    export = reading.particles
    assert reading.reader == "zetaview"
    assert (export.dilution.value, export.dilution.state, export.dilution.origin) == (
        1000.0,
        "not_applied",
        "file",
    )
    (capture,) = export.captures
    assert capture.tracks == N
    assert capture.sample == "lot 7"
    assert not capture.excluded
    assert capture.concentration_per_ml == pytest.approx(N * PER_PARTICLE, rel=1e-3)
    assert export.bins.centres_nm.tolist() == [5.0 * (i + 0.5) for i in range(40)]
    for i, count in COUNTS.items():
        assert export.bins.per_ml[i, 0] == pytest.approx(count * PER_PARTICLE, rel=5e-4)
    assert reading.warnings == ()
    assert reading.facts["particle drift checked"] == "never"
    assert reading.facts["conductivity"].replace(",", ".") == "34.000000"


def test_both_tables_hold_all_particles_and_one_is_read(read):
    export = read(size_text()).particles
    assert float(export.bins.per_ml.sum()) == pytest.approx(N * PER_PARTICLE, rel=1e-3)
    assert codes(read(size_text(log_counts=N)).warnings) == ["DUPLICATE_SCALE"]


def test_concentration_is_multiplied_by_the_dilution_of_the_header(read):
    found = measure(read(size_text()).particles)
    assert found.concentration.value == pytest.approx(1000 * N * PER_PARTICLE, rel=1e-3)
    assert found.level_per_ml == pytest.approx(N * PER_PARTICLE, rel=1e-3)


@pytest.mark.parametrize("dilution", [None, "NaN", ""])
def test_without_a_dilution_it_is_asked_for(read, dilution):
    export = read(size_text(dilution=dilution)).particles
    assert (export.dilution.value, export.dilution.state) == (None, "unknown")
    with pytest.raises(InstrumentFileError) as e:
        measure(export)
    assert e.value.code == "DILUTION_UNKNOWN"
    assert measure(export, dilution=200).dilution.value == 200


def test_another_dilution_than_the_headers_is_refused_by_measure(read):
    with pytest.raises(InstrumentFileError) as e:
        measure(read(size_text()).particles, dilution=500)
    assert e.value.code == "DILUTION_CONFLICT"


def test_a_dilution_in_a_name_that_disagrees_is_shown_with_the_headers(read):
    (warning,) = read(size_text(), name="lot 7 1in500_size_488.txt").warnings
    assert warning.code == "DILUTION_CONFLICT"
    assert "1000" in warning.message
    assert "1in500" in warning.message
    assert read(size_text(), name="lot 7 1in1000_size_488.txt").warnings == ()
    # The wavelength of the laser is no dilution.
    assert read(size_text(), name="lot_7_488_size_405.txt").warnings == ()


def test_drift_and_cell_are_said_and_the_verdict_is_the_captures(read):
    reading = read(size_text(drift="too high", cell="Bad"))
    assert codes(reading.warnings) == ["DRIFT", "CELL_CHECK"]
    assert "too high" in reading.warnings[0].message
    (capture,) = reading.particles.captures
    assert capture.verdict == "drift too high"
    assert not capture.excluded


def test_a_correction_factor_is_said(read):
    (warning,) = read(size_text(correction="0.900000")).warnings
    assert warning.code == "CORRECTION"
    assert "0.9" in warning.message


def test_empty_run_is_no_zero(read):
    reading = read(size_text({}, dilution="1.000000"))
    assert codes(reading.warnings) == ["EMPTY_RUN"]
    assert reading.particles.bins is None
    assert reading.particles.captures[0].excluded
    with pytest.raises(InstrumentFileError) as e:
        measure(reading.particles)
    assert e.value.code == "EMPTY_RUN"


def test_bins_that_do_not_hold_the_traces_are_said(read):
    (warning,) = read(size_text(traces=N + 1)).warnings
    assert warning.code == "CHECKSUM"
    assert f"{N} particles" in warning.message
    assert f"{N + 1} traces" in warning.message


def test_1200_bins_printed_with_four_digits_are_evenly_spaced(read):
    export = read(size_text({19: 90, 20: 300, 21: 310, 900: 1}, n_bins=1200)).particles
    assert np.ptp(np.diff(export.bins.centres_nm)) == 0
    assert export.bins.centres_nm[-1] == 5997.5
    assert measure(export).size.d50_nm == pytest.approx(100 + 5 * (350.5 - 90) / 300, rel=1e-4)


def _without(text: str, start: str) -> str:
    at = text.index(start)
    return text[:at] + text[text.index("\n", at + 1) :]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda t: t[: t.index("\n1.225E+2")], "TRUNCATED", "row of -1"),
        (lambda t: t[: t.index("\n1.025E+2")] + "\n1.02", "TRUNCATED", "empty cell"),
        (lambda t: _without(t, "\n9.250E+1"), "TRUNCATED", "97.5 nm stands where 92.5 nm"),
        (lambda t: t[: t.index("Size / nm")], "NOT_AN_EXPORT", "without a table 'Size / nm'"),
        (lambda t: t.replace("Number\t", "Count\t", 1), "NOT_AN_EXPORT", "Size / nm"),
        (lambda t: t.replace("Concentration / cm-3", "Conc"), "COLUMNS", "cm-3"),
        (lambda t: t.replace("1000.000000", "0.5"), "DILUTION_UNKNOWN", "impossible"),
        (lambda t: t.replace("1000.000000", "1,000"), "DECIMAL_COMMA", "two ways"),
        (lambda t: t.replace("2.806E+5", "-2.806E+5"), "NOT_A_NUMBER", "negative|number"),
        (lambda t: t.replace("\n1.025E+2\t3.100E+1", "\n1.025E+2\tNaN"), "NOT_A_NUMBER", "NaN"),
        (
            lambda t: t.replace("Image Evaluation:", "Dilution::\t7"),
            "COLUMNS",
            "'1000.000000' in line 15 and '7' here",
        ),
        (lambda t: t.replace("Original File:", "File:"), "NOT_AN_EXPORT", "no reader knows"),
    ],
)
def test_damaged_zetaview_file_is_refused_naming_what_and_where(
    read, change, code, words, tmp_path
):
    text = change(size_text())
    assert text != size_text()
    with pytest.raises(InstrumentFileError, match=words) as e:
        read(text)
    assert e.value.code == code
    assert str(tmp_path) in e.value.where


def test_profile_of_zeta_potential_is_refused_by_name(read):
    text = size_text().replace("\tSize Distribution", "\tZeta Potential")
    text = text[: text.index("Size Distribution\n")] + "Potential / mV\tNumber\n"
    with pytest.raises(InstrumentFileError, match=r"\(Zeta Potential\).*_prof_") as e:
        read(text)
    assert e.value.code == "NOT_AN_EXPORT"


# Positions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"newline": "\r\n"},
        {"decimal": ","},
        {"separator": ";", "decimal": ","},
        {"separator": ","},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
def test_positions_are_captures_and_removed_ones_say_why(read, options, encoding):
    reading = read(positions_text(**options), name="lot 7_size_488_11pos.txt", encoding=encoding)
    export = reading.particles
    assert reading.reader == "zetaview_positions"
    assert [c.reason for c in export.captures] == [p[3] for p in POSITIONS]
    assert [c.excluded for c in export.captures] == [bool(p[3]) for p in POSITIONS]
    assert [c.tracks for c in export.captures] == [p[2] for p in POSITIONS]
    stated = [c.concentration_per_ml for c in export.captures]
    assert stated == pytest.approx([1000 * p[1] for p in POSITIONS])
    assert (export.dilution.value, export.dilution.state) == (1000.0, "applied")
    assert export.vendor_average_per_ml == pytest.approx(7.2e9)
    assert codes(reading.warnings) == ["CAPTURE_FAILED"]
    for name, reason in (("20", "MAX_DRIFT"), ("40", "GRUBBS_SIZE")):
        assert f"{name} ({reason})" in reading.warnings[0].message
    found = measure(export)
    assert (found.concentration.n_valid, found.concentration.n_total) == (3, 5)
    assert found.level_per_ml == pytest.approx(7.23e6, rel=0.01)


@pytest.mark.parametrize("dilution", [1.0, 20.0, 150.0, 500.0, 2000.0])
def test_factor_is_the_roundest_that_two_printed_digits_allow(read, dilution):
    export = read(positions_text(dilution=dilution)).particles
    assert export.dilution.value == dilution


def test_positions_without_the_original_concentration_ask_for_the_dilution(read):
    export = read(positions_text(original=False)).particles
    assert export.dilution.state == "unknown"
    assert export.captures[0].concentration_per_ml == 7.1e6


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (positions_text(footer=False), "TRUNCATED", "three last lines"),
        (positions_text().rpartition("\tRel.")[0], "TRUNCATED", "there are 2"),
        (positions_text().replace("7.0E+9", "3.5E+9"), "DILUTION_UNKNOWN", "different factors"),
        (positions_text(dilution=0.1), "DILUTION_UNKNOWN", "1 or more"),
        (positions_text().replace("\t\t0.20", "\tX\t0.20").replace("\n\t0.20", "\nX\t0.20"),
         "COLUMNS", "Use"),
        (positions_text().replace("7.6E+6\t", "\t"), "TRUNCATED", "no position"),
        (positions_text().replace("No. of Traces", "No. of Traces "), "", ""),
    ],
)  # fmt: skip
def test_damaged_positions_are_refused(read, text, code, words):
    if not code:
        assert read(text).reader == "zetaview_positions"
        return
    with pytest.raises(InstrumentFileError, match=words) as e:
        read(text)
    assert e.value.code == code


def test_mean_that_is_not_of_the_kept_positions_is_said(read):
    reading = read(positions_text(mean="9.9E+9"))
    assert "CHECKSUM" in codes(reading.warnings)


# The files of the reference folder ---------------------------------------------------------------


def truth(reference):
    with (reference / "samples/synthetic/TRUTH.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["file"].startswith("zetaview")]


def test_reference_files_give_their_truth(reference):
    rows = truth(reference)
    assert len(rows) == 6
    for row in rows:
        reading = read_file(reference / "samples/synthetic" / row["file"])
        (capture,) = reading.particles.captures
        stated = float(row["conc_at_instrument_per_ml"])
        assert capture.concentration_per_ml == pytest.approx(stated, rel=1e-4)
        assert capture.tracks == float(row["n_traces"])
        assert capture.excluded == (stated == 0)
        told = row["dilution_in_file"]
        assert reading.particles.dilution.value == (None if told == "missing" else float(told))
        expected = {"drift": ["DRIFT"], "empty": ["EMPTY_RUN"]}
        kind = next((k for k in expected if k in row["file"]), "")
        assert codes(reading.warnings) == expected.get(kind, [])
        if row["conc_original_per_ml"] and stated:
            whole = float(row["conc_original_per_ml"])
            found = measure(reading.particles)
            assert found.concentration.value == pytest.approx(whole, rel=1e-4)


def test_reference_file_of_positions(reference):
    path = reference / "samples/synthetic/zetaview_806_rep1_size_488_11pos.txt"
    export = read_file(path).particles
    # By hand: (7.1+7.4+7.0+7.6+6.8+7.3+7.2+7.0+7.5)/9 = 7.21, times 1000; the file prints 7.2E+9.
    kept = [c.concentration_per_ml for c in export.captures if not c.excluded]
    assert (len(kept), len(export.captures)) == (9, 11)
    assert math.fsum(kept) / 9 == pytest.approx(7.21e9, rel=1e-3)
    assert export.dilution.value == 1000
    assert codes(export.warnings) == ["CAPTURE_FAILED"]


def test_files_are_inspected_beside_each_other(reference):
    folder = reference / "samples/synthetic"
    found = inspect(sorted(folder.glob("zetaview*.txt")))
    assert found["result"]["refused"] == []
    by_name = {f["file"].rpartition("/")[2]: f for f in found["result"]["files"]}
    rep1 = by_name["zetaview_806_rep1_size_488.txt"]
    assert rep1["concentration_per_ml"]["value"] == pytest.approx(7.66864e10, rel=1e-4)
    assert rep1["size_nm"]["d50"] == pytest.approx(115, abs=8)
    assert by_name["zetaview_806_nodilution_size_488.txt"]["concentration_per_ml"] is None
    assert by_name["zetaview_806_empty_size_488.txt"]["concentration_per_ml"] is None
