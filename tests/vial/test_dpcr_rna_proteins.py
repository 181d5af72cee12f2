"""Digital PCR, counts of small RNAs and tables of proteins, as they stand in the files."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

import pytest
from writers import omics

from exocast.errors import InstrumentFileError
from exocast.vial import InstrumentFile, known_readers, read_file

READERS = {r.name: r for r in known_readers()}
LAYOUTS = [
    {},
    {"newline": "\r\n"},
    {"separator": ";", "decimal": ","},
    {"separator": "\t", "quoted": True},
    {"trailing": 2},
    {"end": False},
]


def codes(reading):
    return [w.code for w in reading.warnings]


def read(name, content, encoding="utf-8"):
    file = InstrumentFile(path=Path("made.csv"), data=content.encode(encoding))
    assert [r.name for r in known_readers() if r.sniff(file)] == [name]
    return READERS[name].read(file)


def refused(name, content):
    with pytest.raises(InstrumentFileError) as e:
        READERS[name].read(InstrumentFile(path=Path("made.csv"), data=content.encode()))
    return e.value.code


@pytest.fixture
def real(reference):
    return reference / "samples"


# Digital PCR --------------------------------------------------------------------------------------


def test_real_qiacuity(real):
    reading = read_file(real / "qpcr" / "qiacuity_dpcr_example03.csv")
    wells = reading.wells
    assert len(wells) == 24
    assert wells.loc[wells["well"] == "F1", ["value", "line"]].to_numpy().tolist() == [[129.6, 18]]
    (partitions,) = reading.measurements
    counts = {v.name: (v.value, v.n_events) for v in partitions.values}
    assert counts["F1"] == (2306, 25405)
    assert counts["A1"] == (0, 25332)
    assert set(wells["unit"]) == {"copies/uL"}


def test_real_absolute_q_without_its_averages(real):
    reading = read_file(real / "qpcr" / "Appbio_AbsoluteQ_example01.csv")
    assert len(reading.wells) == 16  # 18 lines, 2 of them averages
    assert codes(reading) == ["AVERAGE"]
    by_target = {m.attribute: len(m.values) for m in reading.measurements}
    assert by_target == {
        "positive partitions of Gene A": 8,
        "positive partitions of Gene B": 8,
    }
    assert reading.wells["value"].max() == 2667.86
    # 13963 of 20409 and 2667.86 copies/uL: a partition of 0.432 nL, as in all other wells.
    values = {v.line: v for m in reading.measurements for v in m.values}
    volumes = [
        -math.log1p(-values[line].value / values[line].n_events) / stated
        for line, stated in zip(reading.wells["line"], reading.wells["value"], strict=True)
        if stated
    ]
    assert max(volumes) / min(volumes) < 1.01


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("name", ["qiacuity", "absolute_q"])
def test_digital_pcr_in_every_layout(name, layout):
    reading = read(name, getattr(omics, name)(**layout))
    assert reading.wells["value"].tolist() == [w[4] for w in omics.DPCR]
    assert reading.wells["well"].tolist() == [w[0] for w in omics.DPCR]
    assert reading.wells["role"].tolist()[-1] == "no_template"
    counts = {v.name: (v.n_events, v.value) for m in reading.measurements for v in m.values}
    assert counts == {w[0]: (w[5], w[6]) for w in omics.DPCR}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_qiacuity_in_every_encoding(encoding):
    assert len(read("qiacuity", omics.qiacuity(), encoding).wells) == 4


def test_digital_pcr_that_cannot_be_is_refused_or_censored():
    row = ("A1", "lot", "miR-21", "-", 5.0, 100, 200)
    assert refused("qiacuity", omics.qiacuity([row])) == "NOT_A_NUMBER"
    assert refused("qiacuity", omics.qiacuity([])) == "EMPTY_RUN"
    assert refused("qiacuity", omics.qiacuity(micro="m")) == "UNIT"
    full = read("qiacuity", omics.qiacuity([("A1", "lot", "miR-21", "-", 9e3, 200, 200)]))
    assert full.wells["censored"].tolist() == ["above"]
    assert codes(full) == ["CENSORED"]
    none = read("absolute_q", omics.absolute_q([("A1", "lot", "x", "-", 0.0, 0, 0)]))
    assert none.wells["reason"].tolist() == ["no valid partitions"]


# Small RNAs ---------------------------------------------------------------------------------------


def test_real_counts(real):
    path = real / "mirna_counts" / "miRNA-counts_example.csv"
    table = read_file(path).features
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    assert table["value"].tolist() == [float(c) for row in rows[1:] for c in row[1:]]
    assert len(table) == 2067 * 16
    # awk -F, 'NR>1{s+=$2}END{print s}' gives 1163995 reads in Ctrl_1.
    assert table.loc[table["sample"] == "Ctrl_1", "value"].sum() == sum(int(r[1]) for r in rows[1:])
    assert set(table["unit"]) == {"count"}


@pytest.mark.parametrize("layout", [x for x in LAYOUTS if "decimal" not in x], ids=str)
def test_counts_in_every_layout(layout):
    table = read("small_rna", omics.counts(**layout)).features
    assert table["value"].tolist() == [v for row in omics.COUNTS.values() for v in row]


@pytest.mark.parametrize(
    ("cell", "code"),
    [("3.5", "NOT_COUNTS"), ("-3", "NOT_COUNTS"), ("many", "NOT_A_NUMBER"), ("1e13", "NOT_COUNTS")],
)
def test_what_is_no_count_is_refused(cell, code):
    assert refused("small_rna", omics.counts({**omics.COUNTS, "miR-9": (1, cell, 3)})) == code


def test_empty_cells_and_empty_samples_are_said():
    values = {name: (*row[:2], 0) for name, row in omics.COUNTS.items()}
    values["miR-9"] = (1, "", 0)
    reading = read("small_rna", omics.counts(values))
    assert codes(reading) == ["MISSING", "EMPTY_RUN"]
    row = reading.features[reading.features["feature"] == "miR-9"]
    assert row["excluded"].tolist() == [False, True, False]
    assert math.isnan(row["value"].tolist()[1])


def test_names_that_stand_twice_are_refused():
    made = omics.counts()
    assert refused("small_rna", made + "miR-1,4,0,16\n") == "COLUMNS"
    assert refused("small_rna", made.replace("lot 2", "lot 1")) == "COLUMNS"
    assert refused("small_rna", made[:-6]) in {"TRUNCATED", "NOT_A_NUMBER"}


# Proteins -----------------------------------------------------------------------------------------


def test_real_maxquant(real):
    reading = read_file(real / "proteomics" / "maxquant_proteinGroups.txt")
    table = reading.features
    # Counted with the csv module: plus signs by column, the first that applies gives the reason.
    lines = table.drop_duplicates("line")
    assert len(lines) == 882
    reasons = Counter(lines.loc[lines["excluded"], "reason"])
    assert reasons == {
        "only identified by site": 72,
        "decoy (reversed sequence)": 8,
        "potential contaminant": 29,
    }
    assert set(table["unit"]) == {"intensity", "LFQ intensity", "iBAQ"}
    assert len(reading.samples) == 10
    assert not (table["value"] == 0).any()
    assert table["value"].isna().sum() == 13702 + 120  # zeros, and "NaN" of 4 groups in iBAQ


def test_real_maxquant_saved_again_with_commas(real):
    path = real / "proteomics" / "maxquant_like_exosome_filtered_protein_groups.csv"
    reading = read_file(path)
    csv.field_size_limit(10**7)
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 866
    samples = [c.removeprefix("LFQ intensity ") for c in rows[0] if c.startswith("LFQ intensity ")]
    table = reading.features
    for unit, start in (("intensity", "Intensity "), ("LFQ intensity", "LFQ intensity ")):
        for sample in samples:
            found = table[(table["unit"] == unit) & (table["sample"] == sample)]["value"].fillna(0)
            assert found.tolist() == [float(r[start + sample]) for r in rows]


def test_real_diann(real):
    table = read_file(real / "proteomics" / "diann_pg_matrix.tsv").features
    assert len(table) == 10 * 20
    assert table["value"].notna().sum() == 55
    assert table["feature"].iloc[0].count(";") == 11
    assert table["value"].iloc[0] == 380503.0


@pytest.mark.parametrize(
    ("name", "lines", "groups", "lactoferrin"),
    [
        ("DB search psm_IP_CD9 POOL_1.csv", 2481, 120, 511),
        ("DB search psm_SEC_ POOL_2.csv", 3762, 182, 444),
        ("DB search psm_UC_ POOL_3.csv", 3344, 182, 429),
    ],
)
def test_real_peaks(real, name, lines, groups, lactoferrin):
    path = real / "proteomics" / name
    reading = read_file(path)
    with path.open(encoding="utf-8", newline="") as handle:
        counts = Counter(r["Accession"] for r in csv.DictReader(handle))
    assert sum(counts.values()) == lines
    assert counts["P02788|TRFL_HUMAN"] == lactoferrin
    table = reading.features
    assert len(table) == groups
    assert table.loc[table["feature"] == "P02788", "value"].tolist() == [lactoferrin]
    assert table["value"].sum() == lines - counts[""]
    assert codes(reading) == ["MISSING"]


def test_real_lists(real):
    folder = real / "proteomics"
    milk = read_file(folder / "Raw_milk_POOL_1.csv")
    assert (len(milk.features), milk.features["value"].sum()) == (60, 385)
    assert set(milk.features["unit"]) == {"peptides"}
    vesicles = read_file(folder / "Vesiclepedia_proteins_240712.csv")
    # sort -u of 42,272 lines gives 13,977 names.
    assert (len(vesicles.features), vesicles.features["value"].sum()) == (13977, 42272)
    assert codes(vesicles) == ["DUPLICATE"]
    contaminants = read_file(folder / "contaminant_accessions.txt")
    assert len(contaminants.features) == 381
    assert codes(contaminants) == ["NAMES"]


@pytest.mark.parametrize(
    "layout", [{}, {"separator": ","}, {"newline": "\r\n"}, {"trimmed": True}, {"quoted": True}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_maxquant_in_every_layout(layout, encoding):
    reading = read("maxquant", omics.maxquant(**layout), encoding)
    table = reading.features[reading.features["unit"] == "intensity"]
    wanted = [v or math.nan for g in omics.GROUPS for v in g[5]]
    assert table["value"].tolist() == pytest.approx(wanted, nan_ok=True)
    assert table["reason"].tolist()[6:] == [
        *["potential contaminant"] * 2,
        *["decoy (reversed sequence)"] * 2,
        *["only identified by site"] * 2,
    ]
    assert reading.facts == {"organisms": "HUMAN"}
    assert codes(reading) == ["EXCLUDED", "MISSING"]


def test_damaged_protein_tables_are_refused():
    made = omics.maxquant()
    assert refused("maxquant", made[: made.index("\t", made.index("P60033") + 20)]) == "TRUNCATED"
    assert refused("maxquant", made.replace("\t+\t", "\tyes\t", 1)) == "COLUMNS"
    assert refused("maxquant", made.replace("46382000", "-4.5")) == "NOT_A_NUMBER"
    assert (
        refused("maxquant", made.replace("Intensity", "Signal").replace("LFQ i", "x")) == "COLUMNS"
    )
    assert refused("diann", omics.diann().replace("S2", "S1")) == "COLUMNS"
    assert refused("peaks", omics.peaks([("P", "", "f")])) == "EMPTY_RUN"


def test_a_line_that_does_not_end_is_refused_and_a_trimmed_one_is_read():
    whole = omics.maxquant(trimmed=True)
    assert len(read("maxquant", whole).features) == 24
    cut = whole[: whole.rindex("\t+")]
    assert refused("maxquant", cut) == "TRUNCATED"


@pytest.mark.parametrize("layout", [{}, {"newline": "\r\n"}, {"quoted": True}], ids=str)
def test_other_protein_tables_in_every_layout(layout):
    table = read("diann", omics.diann(**layout)).features
    assert table["value"].isna().tolist() == [False, True, False, True, True, False]
    spectra = read("peaks", omics.peaks(**layout))
    assert dict(zip(spectra.features["feature"], spectra.features["value"], strict=True)) == {
        "P02788": 2.0,
        "P01834;P0DOX7": 1.0,
        "#DECOY#P02788": 1.0,
    }
    assert spectra.features["reason"].tolist() == ["", "", "decoy"]
    assert codes(spectra) == ["EXCLUDED", "MISSING"]
    assert set(read("peptides", omics.peptides(**layout)).features["unit"]) == {"peptides"}
    names = read("accessions", omics.accessions(**layout)).features
    assert names["feature"].tolist() == ["P21926", "P60033", "A0A075B759"]
    assert names["value"].tolist() == [2.0, 1.0, 1.0]
