"""Reports of HIAC and of Stunner: what was counted and sized, and what was thrown away."""

from __future__ import annotations

import math

import pytest
from made_files import claims, codes, read_made, values_of
from writers.scattering import hiac_rows, lunatic_text, stunner_rows
from writers.workbooks import xls, xlsx

from exocast.errors import InstrumentFileError
from exocast.vial import read_file

# HIAC: real files --------------------------------------------------------------------------------


@pytest.fixture
def real(reference):
    return reference / "samples" / "hiac_pharmspec_particulate"


def by_run(reading, attribute):
    (m,) = [m for m in reading.measurements if m.attribute == attribute]
    return [(v.name, v.value, v.n_events, v.excluded) for v in m.values]


def test_real_report_with_german_labels_and_a_discarded_run(real):
    """Cells D20:D28 and D31:D39 of the sheet; allotropy 0.1.150 gives the same ten numbers."""
    reading = read_file(real / "hiac_example_1.xlsx")
    assert reading.samples == ("ExampleTimepoint",)
    assert by_run(reading, "particles >= 2 um") == [("Run1", 10, 48, True), ("Run2", 60, 24, False)]
    assert by_run(reading, "particles >= 10 um") == [("Run1", 30, 0, True), ("Run2", 80, 4, False)]
    assert by_run(reading, "particles >= 25 um") == [("Run1", 40, 0, True), ("Run2", 90, 0, False)]
    # 48 counts in 0.2 mL are 240/mL, and 10 are stated; the average (110) is not that of Run2 (60).
    assert codes(reading) == ["CHECKSUM", "RUN_DISCARDED", "CHECKSUM"]
    assert {m.unit for m in reading.measurements} == {"1/mL"}
    assert reading.facts["Operator Name"] == "MFC7094"


def test_real_report_of_a_discarded_run_alone_has_nothing_left(real):
    reading = read_file(real / "hiac_example_4.xlsx")
    assert values_of(reading, "particles >= 10 um") == []
    assert {"EMPTY_RUN", "RUN_DISCARDED", "TRUNCATED"} <= set(codes(reading))


def test_real_report_of_the_old_kind(real):
    """52 / 0.2 mL = 260/mL; the average of runs 2 to 4 is (210 + 220 + 5) / 3 = 145, as stated."""
    reading = read_file(real / "hiac_example_6.xls")
    assert reading.samples == ("FC557",)
    assert by_run(reading, "particles >= 2 um") == [
        ("Run 1", 260, 52, True),
        ("Run 2", 210, 42, False),
        ("Run 3", 220, 44, False),
        ("Run 4", 5, 1, False),
    ]
    assert values_of(reading, "particles >= 25 um") == [0, 5, 0]
    assert codes(reading) == ["RUN_DISCARDED"]
    assert reading.measurements[0].dilution.state == "applied"


def test_real_report_without_particle_size_is_refused(real):
    with pytest.raises(InstrumentFileError, match="particle size") as e:
        read_file(real / "hiac_missing_particle.xlsx")
    assert e.value.code == "COLUMNS"
    assert "line 17" in e.value.where


# HIAC: made here ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [xlsx, xls])
@pytest.mark.parametrize(
    "options",
    [{}, {"german": True}, {"spread": False}, {"average": False}, {"dilution": 10}],
    ids=str,
)
def test_counts_are_read_back_by_size_and_run(make, options):
    reading = read_made(make({"Report": hiac_rows(**options)}))
    factor = options.get("dilution", 1)
    assert by_run(reading, "particles >= 10 um") == [
        ("Run1", 0, 0, True),
        ("Run2", 10 * factor, 2, False),
        ("Run3", 25 * factor, 5, False),
    ]
    assert reading.samples == ("lot 7",)
    assert codes(reading) == ["RUN_DISCARDED"]


@pytest.mark.parametrize(("applied", "state"), [(True, "applied"), (False, "not_applied")])
def test_whether_the_dilution_is_in_the_numbers_is_told_by_the_numbers(applied, state):
    reading = read_made(xlsx({"Report": hiac_rows(dilution=10, applied=applied)}))
    found = reading.measurements[0].dilution
    assert (found.value, found.state, found.origin) == (10, state, "file")


def test_dilution_that_fits_neither_way_is_unknown():
    rows = [list(r) for r in hiac_rows(dilution=10)]
    rows[5] = ["Dilution Factor", ":", 7]
    reading = read_made(xlsx({"Report": rows}))
    assert reading.measurements[0].dilution.state == "unknown"
    assert "CHECKSUM" in codes(reading)


def test_all_runs_discarded_leaves_nothing_and_says_so():
    reading = read_made(xlsx({"Report": hiac_rows(discarded=(1, 2, 3), average=False)}))
    assert values_of(reading, "particles >= 2 um") == []
    assert "EMPTY_RUN" in codes(reading)


def test_lost_line_of_a_run_is_refused():
    rows = [list(r) for r in hiac_rows(spread=False)]
    del rows[next(i for i, r in enumerate(rows) if r == ["Run2"]) + 2]
    with pytest.raises(InstrumentFileError, match="sizes") as e:
        read_made(xlsx({"Report": rows}))
    assert e.value.code == "TRUNCATED"


def test_cumulative_counts_that_rise_with_size_are_refused():
    with pytest.raises(InstrumentFileError, match="include") as e:
        read_made(xlsx({"Report": hiac_rows(((2, 5, 5, 5), (10, 9, 1, 1)))}))
    assert e.value.code == "CHECKSUM"


@pytest.mark.parametrize("cell", ["n.d.", -1.0, None])
def test_count_that_is_none_is_refused(cell):
    rows = [list(r) for r in hiac_rows(spread=False)]
    start = next(i for i, r in enumerate(rows) if r == ["Run1"])
    rows[start + 1][3] = cell
    with pytest.raises(InstrumentFileError) as e:
        read_made(xlsx({"Report": rows}))
    assert e.value.code == "NOT_A_NUMBER"


def test_two_reports_in_one_workbook_are_refused():
    with pytest.raises(InstrumentFileError) as e:
        read_made(xlsx({"One": hiac_rows(), "Two": hiac_rows()}))
    assert e.value.code == "MIXED_SAMPLES"


# Stunner -----------------------------------------------------------------------------------------


def test_real_stunner_report(reference):
    """Cells of rows 27, 28 and 32; allotropy gives the same 20 absorbances (of which see below)."""
    path = reference / "samples" / "stunner_dls_uv" / "Unchained_Labs_Stunner_example01.xlsx"
    reading = read_file(path)
    assert claims(path.read_bytes()) == ["stunner"]
    assert values_of(reading, "z-average diameter", "reference_H1") == [15.4]
    assert values_of(reading, "z-average diameter", "sample_B3") == [27.19]
    assert values_of(reading, "polydispersity index", "sample_B3") == [0.14]
    assert values_of(reading, "concentration by UV", "sample_B3") == [1.94]
    assert values_of(reading, "intensity peak 2 mean diameter", "reference_H1") == [721.08]
    # A buffer has no diameter: N/A, and 0.0 for its peak of interest.
    assert values_of(reading, "z-average diameter", "blank_G1") == []
    assert values_of(reading, "peak of interest mean diameter", "blank_G1") == []
    wells = reading.wells.set_index("well")
    assert wells.loc["H1", "value"] == 15.92
    assert set(wells[wells["role"] == "blank"].index) == {"G1", "G2", "A3", "A4"}
    assert reading.particles is None


def test_real_table_of_a280(reference):
    path = reference / "samples" / "stunner_dls_uv" / "Demo_A280_Protein.csv"
    reading = read_file(path)
    assert claims(path.read_bytes()) == ["stunner"]
    assert values_of(reading, "protein", "Sample 1") == [4.22, 4.22, 4.23, 4.22]
    assert values_of(reading, "protein", "Sample 7") == [0.18, 0.18, 0.19, 0.18]
    assert values_of(reading, "protein", "H2O") == []
    assert reading.wells["value"].sum() == pytest.approx(37.38 - 0.03, abs=0.02)


@pytest.mark.parametrize(
    ("separator", "newline", "decimal"),
    [(",", "\r\n", "."), (",", "\n", "."), (";", "\r\n", ","), ("\t", "\n", "."), (";", "\n", ".")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_table_of_absorbances_is_read_back(separator, newline, decimal, encoding):
    text = lunatic_text(separator=separator, newline=newline, decimal=decimal)
    reading = read_made(text, encoding)
    assert values_of(reading, "protein", "lot 7") == [0.84]
    assert values_of(reading, "protein", "lot 8") == [4.22]
    assert values_of(reading, "protein", "H2O") == []
    assert list(reading.wells["value"]) == [-0.01, 0.85, 4.25]
    assert list(reading.wells["well"]) == ["A1", "B1", "A12"]


def test_report_is_read_back():
    reading = read_made(xlsx({"Report": stunner_rows()}))
    assert values_of(reading, "z-average diameter", "lot 7") == [27.19, 27.5]
    assert values_of(reading, "concentration by UV", "lot 7") == [1.94, 1.97]
    assert list(reading.wells["role"]) == ["blank", "unknown", "unknown"]
    assert list(reading.wells["value"]) == [-0.01, 2.66, 2.7]
    missing = [v for m in reading.measurements if m.sample == "buffer_A1" for v in m.values]
    assert all(v.excluded and math.isnan(v.value) and v.reason for v in missing)
    assert "INTENSITY_WEIGHTED" in codes(reading)


def test_concentration_is_called_protein_where_the_application_says_so():
    reading = read_made(xlsx({"Report": stunner_rows(application="Protein (Turbidity)")}))
    assert values_of(reading, "protein", "lot 7") == [1.94, 1.97]


def test_short_line_of_a_table_is_refused():
    text = lunatic_text().replace(",0.55,Lunatic Plate", "", 1)
    with pytest.raises(InstrumentFileError, match="cells") as e:
        read_made(text)
    assert e.value.code == "TRUNCATED"
    assert "line 2" in e.value.where
