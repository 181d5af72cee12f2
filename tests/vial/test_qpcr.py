"""Quantification cycles: what real exports hold, what is censored, what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from writers import omics

from exocast.errors import InstrumentFileError
from exocast.vial import InstrumentFile, known_readers, read_file

READERS = {r.name: r for r in known_readers()}


def codes(reading):
    return [w.code for w in reading.warnings]


def read(name, content, encoding="utf-8"):
    data = content if isinstance(content, bytes) else content.encode(encoding)
    file = InstrumentFile(path=Path("made.txt"), data=data)
    assert [r.name for r in known_readers() if r.sniff(file)] == [name]
    return READERS[name].read(file)


@pytest.fixture
def real(reference):
    return reference / "samples"


# Real files. Oracles: counted with grep and awk, or read with rdmlpython 1.7.2 and the csv module.


def test_quantstudio_with_undetermined_wells(real):
    reading = read_file(real / "qpcr" / "appbio_quantstudio_example02.txt")
    wells = reading.wells
    # 96 lines of [Results]; `grep -c Undetermined` gives 28; the curves end at cycle 40.
    assert len(wells) == 96
    censored = wells[wells["censored"] == "above"]
    assert len(censored) == 28
    assert set(censored["value"]) == {40.0}
    assert codes(reading) == ["CENSORED"]
    assert "28 of 96" in reading.warnings[0].message
    last = wells.iloc[-1]
    assert (last["well"], last["target"], last["value"], last["line"]) == (
        "D12",
        "TGFb",
        27.989,
        958,
    )
    assert wells.loc[wells["target"] == "TGFb", "role"].tolist()[0] == "no_template"


def test_quantstudio_with_a_cyrillic_letter_and_cut_curves(real):
    reading = read_file(real / "qpcr" / "appbio_quantstudio_example06.txt")
    assert reading.facts["Experiment Type"].startswith("Comparative C\u0442")
    assert reading.wells["value"].tolist() == [
        30.155, 30.2, 29.799, 30.093, 29.773, 32.884, 32.937, 32.546, 33.074,
    ]  # fmt: skip
    assert codes(reading) == ["TRUNCATED"]  # its curves hold one cycle only


def test_genotyping_has_no_cq_and_is_refused(real):
    with pytest.raises(InstrumentFileError, match="Genotyping") as e:
        read_file(real / "qpcr" / "appbio_quantstudio_minimal_missing_results.txt")
    assert e.value.code == "NO_CQ"
    assert e.value.where.endswith("line 40")


def test_cfx_table(real):
    path = real / "qpcr" / "example01.csv"
    wells = read_file(path).wells
    with path.open(encoding="utf-8") as lines:
        truth = list(csv.DictReader(lines))
    assert wells["value"].tolist() == [float(r["Cq"]) for r in truth]
    assert wells["well"].tolist() == [r["Well"] for r in truth]
    assert set(wells["target"]) == {"FAM", "VIC"}


def test_rdml_of_stepone_has_standards_and_censored_blanks(real):
    reading = read_file(real / "qpcr" / "stepone_std.rdml")
    wells = reading.wells
    standards = wells[wells["role"] == "standard"]
    # rdmlpython: 24 reactions; three NTC with cq 40.0 in a run of 40 cycles; 15 standards.
    assert len(wells) == 24
    assert standards["nominal"].value_counts().to_dict() == dict.fromkeys(
        [10000.0, 5000.0, 2500.0, 1250.0, 625.0], 3
    )
    assert set(standards["nominal_unit"]) == {"other"}
    assert wells.loc[wells["role"] == "no_template", "censored"].tolist() == ["above"] * 3
    assert wells.loc[wells["well"] == "A4", "value"].tolist() == [28.96287]
    assert reading.software.endswith("StepOne™ Software v2.3")


def test_rdml_of_a_split_archive_with_another_inner_name(real):
    reading = read_file(real / "qpcr" / "BioRad_qPCR_melt.rdml")
    # 60 <react>, 26 <cq>.
    assert len(reading.wells) == 60
    assert reading.wells["value"].notna().sum() == 26
    assert reading.wells["value"].iloc[0] == 27.7514537682101
    assert reading.wells["well"].iloc[-1] == "H10"  # reaction 94 of 12 columns
    assert codes(reading) == ["RAW_CURVES"]
    assert "34 of 60" in reading.warnings[0].message


def test_rdml_with_reactions_that_state_no_cq(real):
    reading = read_file(real / "qpcr" / "shifted_baseline.rdml")
    assert len(reading.wells) == 144
    assert reading.wells["excluded"].sum() == 72
    assert reading.wells["value"].min() == 0.06  # as stated, however odd
    assert codes(reading) == ["RAW_CURVES"]
    assert set(reading.wells["nominal_unit"]) == {"copies/uL"}


def test_rdml_where_minus_one_means_that_nothing_was_amplified(real):
    reading = read_file(real / "qpcr" / "experiment_OC_3.rdml")
    wells = reading.wells
    assert (wells["censored"] == "above").sum() == 33
    assert set(wells.loc[wells["censored"] == "above", "value"]) == {45.0}
    assert not (wells["value"] < 0).any()
    assert sorted(wells.loc[wells["censored"] == "", "value"])[:2] == [23.007, 23.030]


def test_raw_curves_as_text_are_refused(real):
    with pytest.raises(InstrumentFileError, match="raw curves") as e:
        read_file(real / "qpcr" / "experiment_OC_3.tsv")
    assert e.value.code == "RAW_CURVES"


@pytest.mark.parametrize(
    ("name", "cells", "missed", "beyond"),
    [("WTvsKOserum-exo-ct.csv", 1296, 120, 1), ("transplant-exo-Ct.csv", 12780, 3784, 186)],
)
def test_ct_matrices(real, name, cells, missed, beyond):
    path = real / "mirna_ct_tables" / name
    reading = read_file(path)
    table = reading.features
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    flat = [float(c) for row in rows[1:] for c in row[1:]]
    assert (len(flat), flat.count(40.0), sum(v > 40 for v in flat)) == (cells, missed, beyond)
    assert table["value"].tolist() == flat
    assert (table["censored"] == "above").sum() == missed
    assert codes(reading) == ["CENSORED", "OUT_OF_RANGE"]
    assert f"{missed} of {cells}" in reading.warnings[0].message
    assert reading.samples == tuple(rows[0][1:])


# Layouts made here --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"newline": "\r\n"}, {"decimal": ","}, {"ct": "C\u0442"}, {"ct": "Cq"}],
    ids=str,
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_quantstudio_in_every_layout(options, encoding):
    wells = read("quantstudio", omics.quantstudio(**options), encoding).wells
    assert wells["value"].tolist() == [20.112, 23.455, 26.871, 24.009, 24.108, 40.0]
    assert wells["nominal"].tolist()[:3] == [10000.0, 1000.0, 100.0]
    assert wells["excluded"].tolist() == [False] * 4 + [True, False]
    assert wells["reason"].tolist()[4] == "omitted by the operator"
    assert wells["role"].tolist() == ["standard"] * 3 + ["sample"] * 2 + ["no_template"]


def test_thousands_are_told_by_the_other_numbers():
    made = omics.quantstudio().replace("10000.0\t20.112", "10,000\t20.112")
    assert read("quantstudio", made).wells["nominal"].tolist()[0] == 10000.0
    whole = [(*w[:5], w[5].partition(".")[0], w[6]) for w in omics.QS_WELLS]
    unclear = omics.quantstudio(whole).replace("10000.0\t20\t", "10,000\t20\t")
    with pytest.raises(InstrumentFileError) as e:
        read("quantstudio", unclear)
    assert e.value.code == "DECIMAL_COMMA"


def test_without_curves_the_last_cycle_is_not_known():
    reading = read("quantstudio", omics.quantstudio(cycles=0))
    assert reading.wells["value"].isna().tolist() == [False] * 5 + [True]
    assert reading.wells["censored"].tolist()[5] == "above"


def test_lost_wells_are_said():
    assert codes(read("quantstudio", omics.quantstudio(setup=[("H1", "miR-21")]))) == [
        "CENSORED",
        "TRUNCATED",
    ]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (omics.quantstudio(results=False), "TRUNCATED"),
        (omics.quantstudio(ct="Rn"), "NO_CQ"),
        (omics.quantstudio().replace("24.009", "240.09"), "NOT_A_NUMBER"),
        (omics.quantstudio().replace("24.009\t0.9", "24.00"), "TRUNCATED"),
        (omics.quantstudio(ct="CT\tCT"), "COLUMNS"),
    ],
)
def test_damaged_quantstudio_is_refused(made, code):
    with pytest.raises(InstrumentFileError) as e:
        read("quantstudio", made)
    assert e.value.code == code


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"newline": "\r\n"},
        {"separator": ";", "decimal": ","},
        {"separator": "\t", "quoted": True},
        {"trailing": 2},
    ],
    ids=str,
)
def test_cfx_in_every_layout(layout):
    reading = read("cfx", omics.cfx(**layout))
    wells = reading.wells
    assert wells["value"].tolist()[:3] == [20.25, 23.5, 24.125]
    assert wells["censored"].tolist() == ["", "", "", "above"]
    assert wells["nominal"].tolist()[:2] == [1e4, 1e3]
    assert wells["nominal"].isna().tolist() == [False, False, True, True]
    assert wells["role"].tolist() == ["standard", "standard", "sample", "no_template"]
    assert codes(reading) == ["CENSORED"]


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4"])
@pytest.mark.parametrize(
    "options", [{}, {"zipped": False}, {"split": True}, {"member": "run 7.xml"}], ids=str
)
def test_rdml_in_every_version(version, options):
    reading = read("rdml", omics.rdml(version=version, **options))
    wells = reading.wells
    assert wells["value"].tolist()[:4] == [25.5, 28.9, 27.25, 40.0]
    assert wells["censored"].tolist() == ["", "", "", "above", "", "above", "", ""]
    assert wells["nominal"].tolist()[:2] == [100.0, 10.0]
    assert set(wells.loc[wells["role"] == "standard", "nominal_unit"]) == {"copies/uL"}
    assert wells["reason"].tolist()[4:] == ["no Cq stated", "", "bubble", "no Cq stated"]
    assert wells["well"].tolist() == ["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4"]
    assert codes(reading) == ["RAW_CURVES", "CENSORED"]


def test_unknown_version_is_said():
    assert "VERSION" in codes(read("rdml", omics.rdml(version="2.0")))


def test_bombs_are_refused():
    entity = '<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    with pytest.raises(InstrumentFileError) as e:
        READERS["rdml"].read(
            InstrumentFile(path=Path("x"), data=omics.rdml(zipped=False, head=entity))
        )
    assert e.value.code == "BOMB"
    big = omics.archive({"rdml_data.xml": b"<rdml>" + b" " * 9_000_000 + b"</rdml>"})
    with pytest.raises(InstrumentFileError) as e:
        READERS["rdml"].read(InstrumentFile(path=Path("x"), data=big))
    assert e.value.code == "BOMB"


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"newline": "\r\n"},
        {"separator": ";", "decimal": ","},
        {"quoted": True},
        {"trailing": 3},
    ],
    ids=str,
)
def test_ct_matrix_in_every_layout(layout):
    reading = read("ct_matrix", omics.ct_matrix(**layout))
    assert reading.features["value"].tolist() == [v for row in omics.CT.values() for v in row]
    assert (reading.features["censored"] == "above").tolist() == [
        v == 40 for row in omics.CT.values() for v in row
    ]
    assert codes(reading) == ["CENSORED"]


def test_words_and_blanks_in_a_ct_matrix_are_not_the_same():
    values = {**omics.CT, "mmu-miR-9": ("Undetermined", "", 33.5)}
    reading = read("ct_matrix", omics.ct_matrix(values))
    row = reading.features[reading.features["feature"] == "mmu-miR-9"]
    assert row["value"].tolist()[0] == 40.0
    assert row["censored"].tolist() == ["above", "", ""]
    assert row["excluded"].tolist() == [False, True, False]
    assert codes(reading) == ["CENSORED", "MISSING"]


def test_another_last_cycle_counts_only_where_it_repeats():
    high = {k: tuple(45.0 if v == 40.0 else v for v in row) for k, row in omics.CT.items()}
    table = read("ct_matrix", omics.ct_matrix(high)).features
    assert (table["censored"] == "above").sum() == 2
    low = {k: tuple(38.5 if v == 40.0 else v for v in row) for k, row in omics.CT.items()}
    assert not (read("ct_matrix", omics.ct_matrix(low)).features["censored"] == "above").any()


def test_a_sample_sheet_is_nobodys(real):
    with pytest.raises(InstrumentFileError) as e:
        read_file(real / "proteomics" / "sample_metadata.csv")
    assert e.value.code == "NOT_AN_EXPORT"
