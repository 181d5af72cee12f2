"""Zetasizer: text exports with two tables, zeta runs, and ZS Xplorer's database."""

from __future__ import annotations

import math
import sqlite3

import pytest
from made_files import claims, codes, read_made, values_of
from writers.scattering import ZETASIZER_RUNS, zeta_text, zetasizer_text, zmes

from exocast.errors import InstrumentFileError
from exocast.vial import read_file

ATTRIBUTES = {
    "z-average diameter": (2, "nm"),
    "polydispersity index": (3, "1"),
    "intensity peak 1 mean diameter": (4, "nm"),
    "derived count rate": (5, "1/ms"),
    "number mean diameter": (6, "nm"),
}


@pytest.fixture
def real(reference):
    return reference / "samples" / "zetasizer_dls"


# Real files: numbers copied by eye from the text -------------------------------------------------


def test_real_size_export_gives_its_four_runs_once(real):
    reading = read_file(real / "chc_particleSize.txt")
    assert reading.samples == ("SD283 - F1, HBG6.4, 0h",)
    # Columns 'Z-Ave (d.nm)', 'PdI', 'Derived Count Rate (kcps)', 'Intensity peak 1' of lines 2-5;
    # lines 7-10 show the same runs under other headings.
    assert values_of(reading, "z-average diameter") == [108.0, 108.1, 108.2, 108.1]
    assert values_of(reading, "polydispersity index") == [0.112, 0.116, 0.116, 0.090]
    assert values_of(reading, "derived count rate") == [2683.0, 2674.0, 2659.4, 2617.8]
    assert values_of(reading, "intensity peak 1 mean diameter") == [116.1, 119.4, 119.8, 118.4]
    # From the second table alone.
    assert values_of(reading, "volume mean diameter") == [99.31, 97.57, 99.59, 103.6]
    # Peak 2 is 0.000 in every run: no peak, and no diameter of zero.
    assert values_of(reading, "intensity peak 2 mean diameter") == []
    assert codes(reading) == ["INTENSITY_WEIGHTED"]


def test_real_zeta_export_with_lines_longer_than_their_headings(real):
    reading = read_file(real / "chc_zetaPotential.txt")
    assert values_of(reading, "zeta potential") == [8.10, 8.02, 6.29, 8.45]
    assert values_of(reading, "electrophoretic mobility") == [0.6353, 0.6284, 0.4928, 0.6627]
    assert values_of(reading, "conductivity") == [0.0966, 0.0970, 0.0977, 0.0980]
    assert {m.unit for m in reading.measurements if m.attribute == "zeta potential"} == {"mV"}


def test_real_export_without_results_is_refused(real):
    with pytest.raises(InstrumentFileError, match="3 records") as e:
        read_file(real / "mxd_zetaPotential_full.txt")
    assert e.value.code == "EMPTY_RUN"
    assert "line 2" in e.value.where


def test_real_zs_xplorer_file(real):
    """Numbers read with the sqlite3 shell: the tree below SizeAnalysisResult, not Unfiltered."""
    reading = read_file(real / "test.zmes")
    assert reading.samples == ("TEST XX230.A",)
    assert values_of(reading, "z-average diameter") == [502.6087930980165, 489.14361669506616]
    assert values_of(reading, "polydispersity index") == [0.43089387309090005, 0.264454378275493]
    peaks = values_of(reading, "intensity peak 1 mean diameter")
    assert peaks == [331.29836780738077, 492.17331702095305]
    assert {v.verdict for m in reading.measurements for v in m.values} == {"GoodData"}


@pytest.mark.parametrize(
    "name", ["chc_particleSize.txt", "chc_zetaPotential.txt", "mxd_zetaPotential_full.txt"]
)
def test_real_text_is_claimed_by_one_reader(real, name):
    assert claims((real / name).read_bytes()) == ["zetasizer"]


def test_real_database_is_claimed_by_one_reader(real):
    assert claims((real / "test.zmes").read_bytes()) == ["zetasizer-zmes"]


# Layouts made here ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"newline": "\n"},
        {"second_table": False},
        {"separator": ";"},
        {"separator": ";", "decimal": ","},
        {"decimal": ","},
        {"padded": 3},
        {"separator": ","},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "utf-16"])
def test_what_was_written_is_read_back(options, encoding):
    runs = ZETASIZER_RUNS
    reading = read_made(zetasizer_text(runs, **options).encode(encoding))
    for attribute, (place, unit) in ATTRIBUTES.items():
        assert values_of(reading, attribute, "lot 7") == [run[place] for run in runs]
        assert {m.unit for m in reading.measurements if m.attribute == attribute} == {unit}
    assert [v.name for v in reading.measurements[0].values] == [run[0] for run in runs]


def test_no_dose_can_rest_on_it():
    reading = read_made(zetasizer_text())
    assert reading.particles is None
    assert not any("particle" in m.attribute for m in reading.measurements)
    assert "no dose" in reading.warnings[-1].message


def test_runs_of_several_samples_are_said():
    runs = [*ZETASIZER_RUNS, ("buffer 1", "06 March 2026 11:00:00", 9.5, 0.9, 9.0, 12.0, 5.0)]
    reading = read_made(zetasizer_text(runs))
    assert codes(reading) == ["MIXED_SAMPLES", "INTENSITY_WEIGHTED"]
    assert values_of(reading, "z-average diameter", "buffer") == [9.5]


def test_two_tables_that_disagree_give_neither_value():
    text = zetasizer_text()
    cut = text.index("\nType")
    reading = read_made(text[:cut] + text[cut:].replace("122.250", "122.350"))
    assert values_of(reading, "z-average diameter") == [121.5, 120.75]
    assert "COLUMNS" in codes(reading)


def test_two_columns_that_disagree_give_neither_value():
    text = zetasizer_text(second_table=False)
    reading = read_made(text.replace("0.00\t\t\r\n", "0.00\t99.000\t\r\n", 1))
    assert values_of(reading, "derived count rate") == [514.0, 509.5]
    assert "COLUMNS" in codes(reading)


def test_headings_behind_an_array_are_not_trusted_in_a_longer_line():
    runs = [("a 1", "06 March 2026 10:00:00", -12.5), ("a 2", "06 March 2026 10:01:00", -11.25)]
    reading = read_made(zeta_text(runs, extra_cells=(0, 2)))
    assert values_of(reading, "zeta potential") == [-12.5, -11.25]
    # 'PdI' stands behind the array: certain in the line that fits, not in the longer one.
    assert values_of(reading, "polydispersity index") == [0.999]


def test_two_forms_of_a_date_are_one_run():
    runs = [(n, t.replace("06 March", "Friday, 06 March"), *rest) for n, t, *rest in ZETASIZER_RUNS]
    text = zetasizer_text(runs)
    cut = text.index("\nType")
    mixed = text[:cut].replace("Friday, ", "") + text[cut:]
    assert values_of(read_made(mixed), "z-average diameter") == [121.5, 122.25, 120.75]


def test_radius_is_not_turned_into_a_diameter():
    reading = read_made(zetasizer_text(second_table=False).replace("Z-Ave (d.nm)", "Z-Ave (r.nm)"))
    assert values_of(reading, "z-average radius") == [121.5, 122.25, 120.75]
    assert values_of(reading, "z-average diameter") == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda t: t.replace("121.500", "n.d."), "NOT_A_NUMBER", "n.d."),
        (lambda t: t.replace("121.500", "1,121.500"), "DECIMAL_COMMA", "two ways"),
        (lambda t: t[: t.index("122.250")], "TRUNCATED", "cells"),
        (lambda t: t.replace("Z-A", "X").replace("PdI", "x").replace("Intensity", "x").replace(
            "Derived", "x").replace("Number M", "x"), "EMPTY_RUN", "6 records"),
    ],
)  # fmt: skip
def test_damage_is_refused_in_words(change, code, words):
    with pytest.raises(InstrumentFileError, match=words) as e:
        read_made(change(zetasizer_text()))
    assert e.value.code == code
    assert "made.bin" in e.value.where


def test_number_with_one_comma_and_three_digits_is_not_guessed():
    text = zetasizer_text(second_table=False).replace("121.500", "1,121")
    with pytest.raises(InstrumentFileError) as e:
        read_made(text)
    assert e.value.code == "DECIMAL_COMMA"


# ZS Xplorer -------------------------------------------------------------------------------------

RECORDS = [
    ("lot 7", 1, 101.5, 0.12, [99.0, 700.0], False),
    ("lot 7", 2, 103.25, 0.1, [98.0], False),
]


def test_database_is_read_by_names_in_its_tree():
    reading = read_made(zmes(RECORDS))
    assert reading.reader == "zetasizer-zmes"
    # Three times as much stands below the unfiltered result, a thousand more at peaks by number.
    assert values_of(reading, "z-average diameter", "lot 7") == [101.5, 103.25]
    assert values_of(reading, "polydispersity index") == [0.12, 0.1]
    assert values_of(reading, "intensity peak 1 mean diameter") == [99.0, 98.0]
    assert values_of(reading, "intensity peak 2 mean diameter") == [700.0]
    assert reading.particles is None


def test_average_of_other_records_is_left_out():
    reading = read_made(zmes([*RECORDS, ("lot 7", 3, 102.375, 0.11, [98.5], True)]))
    assert values_of(reading, "z-average diameter") == [101.5, 103.25]
    excluded = [v for m in reading.measurements for v in m.values if v.excluded]
    assert {v.reason for v in excluded} == {"an average of other records"}


def test_measurement_that_was_not_completed_is_left_out():
    reading = read_made(zmes(RECORDS, state="Aborted"))
    assert values_of(reading, "z-average diameter") == []
    assert {v.reason for m in reading.measurements for v in m.values} == {
        "the measurement is 'Aborted'"
    }


def test_database_without_results_is_refused():
    with pytest.raises(InstrumentFileError) as e:
        read_made(zmes([("lot 7", 1, 0.0, math.nan, [], False)]))
    assert e.value.code == "EMPTY_RUN"


def test_database_with_a_query_that_does_not_end_is_stopped():
    database = sqlite3.connect(":memory:")
    database.deserialize(zmes(RECORDS))
    database.executescript(
        """
        DROP TABLE StandardRecords;
        CREATE VIEW StandardRecords AS WITH RECURSIVE n(Id) AS
            (SELECT 1 UNION ALL SELECT Id + 1 FROM n) SELECT -Id AS Id FROM n;
        """
    )
    with pytest.raises(InstrumentFileError) as e:
        read_made(database.serialize())
    assert e.value.code == "TRUNCATED"


def test_cut_database_is_refused():
    data = zmes(RECORDS)
    with pytest.raises(InstrumentFileError):
        read_made(data[:700], reader="zetasizer-zmes")


def test_database_with_a_node_without_a_number_is_read_or_refused():
    database = sqlite3.connect(":memory:")
    database.deserialize(zmes(RECORDS))
    database.executescript(
        """
        ALTER TABLE RecordParameterTreeNodes RENAME TO Old;
        CREATE TABLE RecordParameterTreeNodes (Id, ParameterTypeId, ParentNodeId, SiblingIndex);
        INSERT INTO RecordParameterTreeNodes SELECT * FROM Old;
        INSERT INTO RecordParameterTreeNodes VALUES (NULL, 1, 'x', 'y');
        """
    )
    reading = read_made(database.serialize())
    assert values_of(reading, "z-average diameter") == [101.5, 103.25]
