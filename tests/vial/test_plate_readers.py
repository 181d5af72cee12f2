"""Plate readers and spectrophotometers: wells, standards, and words instead of numbers.

Numbers of the real files are copied by eye from them, and all values were compared one by one with
what allotropy 0.1.150 (MIT, pandas 2) makes of the same files: 96 + 96 + 96 wells of Gen5 (its
error words included), 192 + 96 of SoftMax Pro, 96 of SkanIt, 768 of Magellan, 768 of EnVision, 48
of MSD, 8 + 288 of Luminex, 7 + 3 of NanoDrop, 2 of Qubit. All agree. Where the two differ, the
file was looked at: allotropy labels absorbances mAU that stand in the files as AU, gives missing
values as -0.0, and does not mark the discarded run of a HIAC report.
"""

from __future__ import annotations

import math

import pytest
from made_files import claims, codes, read_made, signals, values_of
from writers import plate_files as write
from writers.workbooks import xls, xlsx

from exocast.errors import InstrumentFileError
from exocast.vial import known_readers, read_file
from exocast.vial.files import open_file
from exocast.vial.records import WELL_COLUMNS

MINE = (
    "asm", "envision", "gen5", "hiac", "luminex", "magellan", "msd", "nanodrop", "qubit", "skanit",
    "softmax", "stunner", "zetasizer", "zetasizer-zmes",
)  # fmt: skip
LOWRY = "Lowry_Protein_Assay_no_results_matrix.txt"
STANDARD_CURVE = "endpoint_stdcurve_singleplate.txt"
WORDS = "240411_172731_BNCH2345883_abs450_96well_non_numeric_values.txt"
OWNERS = {
    LOWRY: "gen5",
    STANDARD_CURVE: "gen5",
    WORDS: "gen5",
    "MD_SMP_absorbance_endpoint_example01.txt": "softmax",
    "MD_SMP_luminescence_endpoint_example03.txt": "softmax",
    "luciferase_assay_example.xlsx": "skanit",
    "SLA01P01_ELISA.xlsx": "magellan",
    "PE_Envision_absorbance_example01.csv": "envision",
    "thermo_fisher_qubit4_example_1.csv": "qubit",
    "Thermo_NanoDrop_8000_example01.txt": "nanodrop",
    "thermo_nanodrop_eight_RNA.txt": "nanodrop",
    "msd_workbench_test_2.csv": "msd",
    "luminex_xPONENT_example02.csv": "luminex",
    "luminex_xPONENT_NaN_and_not_reported_values.csv": "luminex",
}


@pytest.fixture
def real(reference):
    return reference / "samples" / "plate_readers_protein_elisa"


# Real files --------------------------------------------------------------------------------------


def test_every_real_file_of_plates_is_claimed_by_its_reader_alone(real):
    assert {p.name: claims(p.read_bytes()) for p in real.iterdir()} == {
        name: [reader] for name, reader in OWNERS.items()
    }


def test_no_real_file_of_another_kind_is_claimed(reference):
    folders = {"plate_readers_protein_elisa", "zetasizer_dls", "stunner_dls_uv"}
    folders |= {"hiac_pharmspec_particulate"}
    others = [p for p in (reference / "samples").glob("*/*") if p.parent.name not in folders]
    mine = [r for r in known_readers() if r.name in MINE]
    assert len(mine) == len(MINE)
    assert len(others) > 40
    claimed = {p.name: [r.name for r in mine if r.sniff(open_file(p))] for p in others}
    assert not {name: found for name, found in claimed.items() if found}


def test_real_lowry_plate(real):
    reading = read_file(real / LOWRY)
    wells = reading.wells.set_index("well")
    assert tuple(reading.wells.columns) == WELL_COLUMNS
    assert len(wells) == 96
    standards = wells[wells["role"] == "standard"]
    assert sorted(set(standards["nominal"])) == [0, 10, 25, 50, 100, 200]
    assert standards.loc["A6", "value"] == 0.632
    assert standards.loc["B6", "value"] == 0.635
    assert wells.loc["H12", "value"] == 0.526
    # The masked well keeps its number and is out of every estimate.
    assert wells.loc["H3", "value"] == 0.356
    assert bool(wells.loc["H3", "excluded"])
    assert wells.loc["H3", "reason"] == "masked by the operator (*0.356*)"
    assert wells["excluded"].sum() == 1
    assert codes(reading) == ["UNIT", "MASKED"]
    assert set(wells["unit"]) == {"AU"}


def test_real_standard_curve_plate(real):
    reading = read_file(real / STANDARD_CURVE)
    wells = reading.wells.set_index("well")
    assert list(wells.loc[["A1", "A2", "A3"], "value"]) == [3.337, 3.394, 3.378]
    assert list(wells.loc[["A1", "B1", "G1"], "nominal"]) == [2000, 666.67, 2.7435]
    assert set(wells[wells["role"] == "blank"].index) == {"H1", "H2", "H3"}
    assert list(wells.loc[["A4", "B4", "C4", "D4"], "dilution"]) == [1, 2, 4, 8]
    # One row of three in each block is a measurement; the others Gen5 computed.
    assert set(wells["target"]) == {"630nmAbsRead:630"}
    assert "Blank 630nmAbsRead:630" in reading.facts["computed by Gen5, not read"]
    assert codes(reading) == ["UNIT", "DILUTION_FRACTION"]


def test_real_plate_with_words_for_numbers(real):
    wells = read_file(real / WORDS).wells.set_index("well")
    over, missed = wells.loc["A8"], wells.loc["D12"]
    assert (over["censored"], bool(over["excluded"]), math.isnan(over["value"])) == (
        "above", False, True,
    )  # fmt: skip
    assert (missed["censored"], bool(missed["excluded"])) == ("", True)
    assert math.isnan(missed["value"])
    assert (wells["censored"] == "above").sum() == 8
    assert wells["excluded"].sum() == 5
    assert wells["value"].notna().sum() == 83
    assert wells.loc["H12", "value"] == 2.5


def test_real_softmax_plates_with_groups(real):
    reading = read_file(real / "MD_SMP_absorbance_endpoint_example01.txt")
    wells = reading.wells.set_index(["plate", "well"])
    assert len(wells) == 192
    assert reading.encoding == "utf-16"
    assert wells.loc[("Plate01", "A1"), "value"] == 3.41797666666667
    assert wells.loc[("Plate02", "H12"), "value"] == 1.79018796133333
    first = wells.loc[("Plate02", "G3")]
    assert (first["role"], first["nominal"], first["nominal_unit"]) == ("standard", 5.0, "ng/mL")
    assert wells.loc[("Plate01", "A4"), "sample"] == "UnknownsNoDiln 01"
    assert wells.loc[("Plate01", "A1"), "sample"] == "Standards 01"
    assert (wells["role"] == "standard").sum() == 42


def test_real_softmax_luminescence_in_one_line_of_wells(real):
    wells = read_file(real / "MD_SMP_luminescence_endpoint_example03.txt").wells
    wells = wells.set_index(["plate", "well"])
    assert len(wells) == 96
    assert wells.loc[("c12345_2", "A1"), "value"] == 1011329
    assert wells.loc[("c123455_3", "D12"), "value"] == 98
    assert set(wells["unit"]) == {"RLU"}


def test_real_luciferase_plate(real):
    found = signals(read_file(real / "luciferase_assay_example.xlsx"))
    assert len(found) == 96
    assert (found["A1"], found["B10"], found["H12"]) == (105.4, 674100, 1043)


def test_real_elisa_plate_of_384_wells_at_two_wavelengths(real):
    reading = read_file(real / "SLA01P01_ELISA.xlsx")
    assert len(reading.wells) == 768
    main = signals(reading, "Label1 485 nm")
    other = signals(reading, "Label2 560 nm")
    assert (main["A1"], main["A23"], main["P24"]) == (0.0557, 0.6161, 0.0356)
    assert (other["A1"], other["P24"]) == (0.0509, 0.05)


def test_real_envision_plates_and_what_was_computed_of_them(real):
    reading = read_file(real / "PE_Envision_absorbance_example01.csv")
    absorbance = signals(reading, "BCA Absorbance @ 562(1)")
    light = signals(reading, "Screen 384 OptiPlate(1)")
    assert (absorbance["A1"], absorbance["P24"], len(absorbance)) == (2.63, 2.639, 384)
    assert (light["A1"], light["O1"], light["P6"]) == (8, 4, 12)
    units = reading.wells.groupby("target")["unit"].unique()
    assert [list(u) for u in units] == [["AU"], ["RLU"]]
    assert "Crosstalk" in reading.facts["computed by EnVision, not read"]


def test_real_qubit_run_keeps_its_two_units_apart(real):
    """30.4 ng/mL in the tube times 200 is 6080 ng/mL, which is 6.08 ng/µL."""
    reading = read_file(real / "thermo_fisher_qubit4_example_1.csv")
    original, _, tube, _ = reading.measurements
    assert (original.attribute, original.unit, original.values[0].value) == ("DNA", "ng/uL", 6.08)
    assert (original.dilution.value, original.dilution.state) == (200, "applied")
    assert (tube.unit, tube.values[0].value, tube.dilution.state) == ("ng/mL", 30.4, "not_applied")
    assert values_of(reading, "DNA", "Sample_#231212-020958") == [112]
    assert codes(reading) == []


def test_real_nanodrop_8000(real):
    """10 x 3.177 / 16.2 = 1.961 mg/mL."""
    reading = read_file(real / "Thermo_NanoDrop_8000_example01.txt")
    assert values_of(reading, "protein") == [1.961, 2.104, 2.117, 1.941, 2.097, 1.999, 2.028]
    assert reading.measurements[0].unit == "mg/mL"
    assert codes(reading) == []


def test_real_nanodrop_eight_with_decimal_commas(real):
    reading = read_file(real / "thermo_nanodrop_eight_RNA.txt")
    assert values_of(reading, "RNA") == [704.986, 686.535, 710.13]
    assert values_of(reading, "A260/A230") == [2.19, 1.87, 2.0]
    assert {m.unit for m in reading.measurements if m.attribute == "RNA"} == {"ng/uL"}


def test_real_msd_plate(real):
    reading = read_file(real / "msd_workbench_test_2.csv")
    wells = reading.wells.set_index("well")
    assert len(wells) == 48
    assert (wells.loc["A1", "role"], wells.loc["A1", "nominal"]) == ("standard", 100)
    assert (wells.loc["A1", "value"], wells.loc["A3", "value"]) == (1000, 2000)
    assert wells.loc["H1", "nominal"] == 0
    assert wells.loc["A3", "dilution"] == 1
    assert codes(reading) == ["UNIT"]


def test_real_luminex_batch_without_a_single_bead(real):
    reading = read_file(real / "luminex_xPONENT_NaN_and_not_reported_values.csv")
    assert len(reading.wells) == 288
    assert reading.wells["value"].isna().all()
    assert reading.wells["excluded"].all()
    assert codes(reading) == ["INSTRUMENT"] * 3 + ["NO_VALUE"]


def test_real_luminex_batch(real):
    reading = read_file(real / "luminex_xPONENT_example02.csv")
    assert signals(reading, "alpha") == {"A1": 10921.5, "B1": 8244, "C1": 5603, "D1": 3071}
    assert signals(reading, "bravo")["D1"] == 28980
    assert set(reading.wells["dilution"]) == {1}


# Gen5 --------------------------------------------------------------------------------------------

PLATE = {f"{r}{c}": 0.125 * c + 0.5 * (r == "B") for r in "AB" for c in range(1, 5)}
IDS = {"A1": "STD1", "A2": "STD2", "B1": "STD1", "B2": "STD2", "A3": "BLK", "B3": "BLK",
       "A4": "SPL1", "B4": "SPL1:2"}  # fmt: skip
CONTENTS = {"A1": 0.0, "B1": 0.0, "A2": 50.5, "B2": 50.5, "A4": 1.0, "B4": 0.25}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"newline": "\n"},
        {"separator": ","},
        {"separator": ";"},
        {"separator": ";", "decimal": ","},
        {"decimal": ","},
        {"read_name": "BCA"},
        {"detection": "Fluorescence"},
        {"computed": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_gen5_plate_is_read_back(options, encoding):
    text = write.gen5_text(PLATE, ids=IDS, contents=CONTENTS, **options)
    reading = read_made(text, encoding)
    assert reading.reader == "gen5"
    assert signals(reading) == PLATE
    wells = reading.wells.set_index("well")
    assert list(wells.loc[["A1", "A3", "A4"], "role"]) == ["standard", "blank", "sample"]
    assert list(wells.loc[["A1", "A2"], "nominal"]) == [0, 50.5]
    assert list(wells.loc[["A4", "B4"], "dilution"]) == [1, 4]
    unit = "RFU" if options.get("detection") else "AU"
    assert set(wells["unit"]) == {unit}


def test_gen5_words_are_told_from_numbers():
    words = {**PLATE, "A1": "OVRFLW", "A2": "*0.356*", "A3": "?????", "A4": "MISSED", "B1": ">3.5",
             "B2": "<0.01", "B3": "*OVRFLW*"}  # fmt: skip
    reading = read_made(write.gen5_text(words))
    wells = reading.wells.set_index("well")
    assert list(wells.loc[["A1", "B1", "B2"], "censored"]) == ["above", "above", "below"]
    assert list(wells.loc[["B1", "B2"], "value"]) == [3.5, 0.01]
    assert list(wells.loc[["A2", "A3", "A4", "B3"], "excluded"]) == [True] * 4
    assert wells.loc["A2", "value"] == 0.356
    assert wells.loc[["A1", "A3", "A4", "B3"], "value"].isna().all()
    assert codes(reading) == ["MASKED", "OVERFLOW", "CENSORED", "NO_VALUE"]


def test_gen5_well_without_a_number_is_not_zero():
    values = dict(PLATE)
    del values["B4"]
    found = signals(read_made(write.gen5_text(values)))
    assert "B4" not in found
    assert len(found) == 7


def test_gen5_dilution_above_one_is_not_taken_for_a_part():
    reading = read_made(write.gen5_text(PLATE, ids=IDS, contents={**CONTENTS, "A4": 10.0}))
    assert math.isnan(reading.wells.set_index("well").loc["A4", "dilution"])
    assert "DILUTION_UNKNOWN" in codes(reading)


def test_gen5_full_plate_that_was_cut_is_refused():
    text = write.gen5_text(PLATE, full=True, computed=False)
    lines = text.split("\r\n")
    row = next(i for i, x in enumerate(lines) if x.startswith("B\t"))
    with pytest.raises(InstrumentFileError, match="8 wells") as e:
        read_made("\r\n".join(lines[:row] + lines[row + 1 :]))
    assert e.value.code == "TRUNCATED"
    assert len(signals(read_made(text))) == 8


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda t: t.replace("0.125\t", "", 1), "TRUNCATED", "columns"),
        (lambda t: t.replace("0.125", "abc", 1), "NOT_A_NUMBER", "abc"),
        (lambda t: t.replace("0.125", "0.1,25", 1), "DECIMAL_COMMA", "two ways"),
        (lambda t: t[: t.index("Results")], "NOT_AN_EXPORT", "no matrix"),
        (lambda t: t.replace("Absorbance Endpoint", "Absorbance Kinetic"), "NOT_AN_EXPORT", "matr"),
    ],
)
def test_gen5_damage_is_refused_in_words(change, code, words):
    with pytest.raises(InstrumentFileError, match=words) as e:
        read_made(change(write.gen5_text(PLATE)))
    assert e.value.code == code


# SoftMax Pro -------------------------------------------------------------------------------------

GROUPS = [
    ("Standards", "Standard Value pg/mL", [
        ("01", "100.0", "A1", "P1"), ("", "", "A1", "P2"), ("02", "50.0", "B1", "P1"),
    ]),
    ("Unknowns", "", [("01", "", "A2", "P1"), ("", "", "A3", "P1"), ("02", "", "A2", "P2")]),
]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize(
    "options",
    [{}, {"newline": "\n"}, {"decimal": ","}, {"time_format": True}, {"detection": "Fluorescence"}],
    ids=str,
)
def test_softmax_plates_are_read_back(encoding, options):
    other = {w: v + 1 for w, v in PLATE.items()}
    groups = [] if "decimal" in options else GROUPS
    text = write.softmax_text({"P1": PLATE, "P2": other}, groups=groups, **options)
    reading = read_made(text, encoding)
    assert reading.reader == "softmax"
    wells = reading.wells.set_index(["plate", "well"])
    assert {w: wells.loc[("P1", w), "value"] for w in PLATE} == PLATE
    assert {w: wells.loc[("P2", w), "value"] for w in other} == other
    if groups:
        standard = wells.loc[("P2", "A1")]
        assert (standard["role"], standard["nominal"]) == ("standard", 100)
        assert standard["nominal_unit"] == "pg/mL"
        # '01' of the standards is not '01' of the unknowns.
        assert standard["sample"] == "Standards 01"
        assert wells.loc[("P1", "A3"), "sample"] == "Unknowns 01"
        assert wells.loc[("P2", "B4"), "sample"] == ""


def test_softmax_kinetic_is_not_read_and_named():
    with pytest.raises(InstrumentFileError, match="kinetic") as e:
        read_made(write.softmax_text({"P1": PLATE}, read="Kinetic"))
    assert e.value.code == "NOT_AN_EXPORT"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t[: t.index("~End")], "TRUNCATED"),
        (lambda t: t.replace("\t\t0.625\t0.750\t0.875\t1.000\t\t\r\n", ""), "TRUNCATED"),
        (lambda t: t.replace("0.125", "x1", 1), "NOT_A_NUMBER"),
        (lambda t: t.replace("Raw", "Reduced"), "NOT_AN_EXPORT"),
    ],
)
def test_softmax_damage_is_refused(change, code):
    with pytest.raises(InstrumentFileError) as e:
        read_made(change(write.softmax_text({"P1": PLATE})))
    assert e.value.code == code


# Workbooks of plates -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [xlsx, xls])
def test_skanit_plates_are_read_back(make):
    rows = write.skanit_rows({"Plate 1": PLATE, "Plate 2": {w: 2 * v for w, v in PLATE.items()}})
    reading = read_made(make({"Luminescence 1_01": rows}))
    wells = reading.wells.set_index(["plate", "well"])
    assert {w: wells.loc[("Plate 1", w), "value"] for w in PLATE} == PLATE
    assert wells.loc[("Plate 2", "B4"), "value"] == 2 * PLATE["B4"]
    assert set(wells["unit"]) == {"RLU"}


def test_skanit_unit_that_is_not_known_is_refused():
    with pytest.raises(InstrumentFileError, match="nM") as e:
        read_made(xlsx({"S": write.skanit_rows({"Plate 1": PLATE}, unit="nM")}))
    assert e.value.code == "UNIT"


def test_skanit_lost_row_is_refused():
    rows = [r for r in write.skanit_rows({"Plate 1": PLATE}) if r[0] != "A"]
    with pytest.raises(InstrumentFileError) as e:
        read_made(xlsx({"S": rows}))
    assert e.value.code == "TRUNCATED"


@pytest.mark.parametrize("make", [xlsx, xls])
def test_magellan_plate_is_read_back(make):
    values = {"A1": (0.0557, 0.05), "A2": ("OVER", 0.06), "B1": (0.25, 0.07)}
    layout = {"A1": "BL1", "A2": "ST1", "B1": "SM1_1"}
    reading = read_made(make({"Magellan": write.magellan_rows(values, layout=layout)}))
    main = reading.wells[reading.wells["target"] == "Label1 450 nm"].set_index("well")
    assert main.loc["A1", "value"] == 0.0557
    assert main.loc["A2", "censored"] == "above"
    assert list(main["role"]) == ["blank", "standard", "sample"]
    assert signals(reading, "Label2 550 nm") == {"A1": 0.05, "A2": 0.06, "B1": 0.07}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"labels": ("Label1", "Label1")}, "NOT_AN_EXPORT"),
        ({"unit": "furlong"}, "UNIT"),
    ],
)
def test_magellan_kinetic_and_unknown_unit_are_refused(options, code):
    rows = write.magellan_rows({"A1": (0.1, 0.2)}, **options)
    with pytest.raises(InstrumentFileError) as e:
        read_made(xlsx({"M": rows}))
    assert e.value.code == code


# EnVision ----------------------------------------------------------------------------------------

MATRIX = [[0.125 * (c + 1) + r for c in range(3)] for r in range(2)]


@pytest.mark.parametrize(
    ("separator", "newline", "decimal"),
    [(",", "\r\n", "."), (",", "\n", "."), (";", "\r\n", ","), (";", "\n", "."), ("\t", "\n", ",")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_envision_plates_are_read_back(separator, newline, decimal, encoding):
    plates = [
        ("1", "Absorbance(1)", "Ex=Btm Em=N/A", MATRIX),
        ("1", "Light(1)", "Ex=N/A Em=Top", [[100 * v for v in row] for row in MATRIX]),
    ]
    text = write.envision_text(
        plates, layout={"A1": "STD1", "A2": "BL1"}, separator=separator, newline=newline,
        decimal=decimal,
    )  # fmt: skip
    reading = read_made(text, encoding)
    assert signals(reading, "Absorbance(1)") == {
        "A1": 0.125, "A2": 0.25, "A3": 0.375, "B1": 1.125, "B2": 1.25, "B3": 1.375,
    }  # fmt: skip
    assert signals(reading, "Light(1)")["B3"] == 137.5
    wells = reading.wells[reading.wells["target"] == "Absorbance(1)"].set_index("well")
    assert list(wells.loc[["A1", "A2", "A3"], "role"]) == ["standard", "blank", "unknown"]
    assert list(reading.wells.groupby("target")["unit"].first()) == ["AU", "RLU"]


def test_envision_lost_row_is_refused():
    with pytest.raises(InstrumentFileError, match="no plate") as e:
        read_made(write.envision_text([("1", "A", "Ex=Btm Em=N/A", MATRIX[:1])], formula=False))
    assert e.value.code == "TRUNCATED"


def test_envision_without_filters_has_no_unit_and_is_refused():
    with pytest.raises(InstrumentFileError) as e:
        read_made(write.envision_text([("1", "A", "Xx=Btm", MATRIX)], formula=False))
    assert e.value.code == "UNIT"


# Spectrophotometers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("separator", "newline", "decimal"),
    [(",", "\n", "."), (",", "\r\n", "."), (";", "\n", ","), (";", "\n", "."), ("\t", "\n", ",")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_qubit_runs_are_read_back(separator, newline, decimal, encoding):
    text = write.qubit_text(separator=separator, newline=newline, decimal=decimal)
    reading = read_made(text, encoding)
    assert values_of(reading, "DNA", "lot 7") == [6.08]
    assert values_of(reading, "DNA in the assay tube", "lot 8") == [560]
    assert [m.unit for m in reading.measurements] == ["ng/uL", "ng/uL", "ng/mL", "ng/mL"]
    assert codes(reading) == []


def test_qubit_concentrations_that_do_not_fit_are_said():
    """The trap of two columns 'Units': 6.08 ng/mL would be a thousand times too little."""
    reading = read_made(write.qubit_text([("lot 7", 30.4, "ng/mL", 6.08, "ng/mL", 200)]))
    assert codes(reading) == ["CHECKSUM"]
    assert values_of(reading, "DNA") == [6.08]


def test_qubit_out_of_range_is_no_value():
    runs = [("lot 7", "Out of range", "ng/mL", "Out of range", "ng/µL", 200),
            ("lot 8", "<0.5", "ng/mL", "<0.1", "ng/µL", 200)]  # fmt: skip
    reading = read_made(write.qubit_text(runs))
    assert values_of(reading, "DNA", "lot 7") == []
    (m,) = [m for m in reading.measurements if m.attribute == "DNA" and m.sample == "lot 8"]
    assert (m.values[0].value, m.values[0].censored) == (0.1, "below")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.replace("ng/mL", ""), "UNIT"),
        (lambda t: t.replace("Dilution Factor", "Factor"), "COLUMNS"),
        (lambda t: t.split("\n")[0], "EMPTY_RUN"),
    ],
)
def test_qubit_damage_is_refused(change, code):
    with pytest.raises(InstrumentFileError) as e:
        read_made(change(write.qubit_text()))
    assert e.value.code == code


@pytest.mark.parametrize(
    ("assay", "name"), [("RNA High Sensitivity", "RNA"), ("Protein", "protein"), ("X", "X")]
)
def test_qubit_assay_names_what_was_measured(assay, name):
    assert values_of(read_made(write.qubit_text(assay=assay)), name) == [6.08, 112]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_nanodrop_tables_are_read_back(encoding, decimal, newline):
    old = read_made(write.nanodrop_8000_text(decimal=decimal, newline=newline), encoding)
    assert values_of(old, "protein", "lot 7") == [1.961, 2.104]
    new = read_made(write.nanodrop_eight_text(decimal=decimal, newline=newline), encoding)
    assert values_of(new, "RNA") == [704.986, 68.25]
    assert codes(old) == codes(new) == []


def test_number_that_may_be_thousands_is_not_guessed():
    text = write.nanodrop_eight_text([("lot 7", 704.986, 2.0)])
    short = text.replace("704,9860", "704,986").replace("2,0000", "2").replace("17,6246", "17")
    with pytest.raises(InstrumentFileError) as e:
        read_made(short)
    assert e.value.code == "DECIMAL_COMMA"
    # Another number of the file shows what its comma is; so do semicolons between cells.
    assert values_of(read_made(short.replace("\t17", "\t17,6")), "RNA") == [704.986]
    assert values_of(read_made(short.replace("\t", ";")), "RNA") == [704.986]
    with pytest.raises(InstrumentFileError):
        read_made(short.replace("\t17", "\t17.6").replace("\t", ";"))


def test_nanodrop_concentration_that_does_not_follow_from_its_absorbance_is_said():
    reading = read_made(write.nanodrop_8000_text([("A1", "lot 7", 1.961, "ug/ml", 3.177, 16.2)]))
    assert codes(reading) == ["CHECKSUM"]


def test_nanodrop_without_a_unit_is_refused():
    with pytest.raises(InstrumentFileError) as e:
        read_made(write.nanodrop_8000_text([("A1", "lot 7", 1.961, "", 3.177, 16.2)]))
    assert e.value.code == "UNIT"


# Immunoassays ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("separator", "newline", "decimal"),
    [(",", "\n", "."), (",", "\r\n", "."), (";", "\n", ","), ("\t", "\r\n", ".")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_msd_plate_is_read_back(separator, newline, decimal, encoding):
    text = write.msd_text(separator=separator, newline=newline, decimal=decimal)
    wells = read_made(text, encoding).wells.set_index("well")
    assert list(wells["role"]) == ["standard", "standard", "sample", "blank"]
    assert list(wells["value"]) == [1000, 505, 750, 8.25]
    assert list(wells["nominal"])[:2] == [100, 50]
    assert wells["nominal"].isna().sum() == 2
    assert wells.loc["A2", "dilution"] == 2
    assert set(wells["plate"]) == {"P1"}


def test_msd_line_that_was_cut_is_refused():
    with pytest.raises(InstrumentFileError) as e:
        read_made(write.msd_text().rstrip("\n")[:-12])
    assert e.value.code == "TRUNCATED"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"newline": "\n"},
        {"quoted": False, "padded": 12},
        {"separator": ";", "decimal": ","},
        {"separator": "\t", "quoted": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_luminex_batch_is_read_back(options, encoding):
    text = write.luminex_text(expected={"Standard1": (250.5, 500.0)}, **options)
    reading = read_made(text, encoding)
    alpha = reading.wells[reading.wells["target"] == "alpha"].set_index("well")
    assert list(alpha["value"]) == [10921.5, 8244, 12.5]
    assert list(alpha["role"]) == ["standard", "sample", "blank"]
    assert (alpha.loc["A1", "nominal"], alpha.loc["A1", "nominal_unit"]) == (250.5, "pg/mL")
    assert set(alpha["dilution"]) == {4}
    bravo = reading.wells[reading.wells["target"] == "bravo"].set_index("well")
    assert math.isnan(bravo.loc["B1", "value"])
    assert bool(bravo.loc["B1", "excluded"])
    assert codes(reading) == ["INSTRUMENT", "NO_VALUE"]


def test_luminex_median_on_few_beads_is_said():
    reading = read_made(write.luminex_text(counts=((30, 42), (26, 0), (3, 37))))
    assert "TOO_FEW_BEADS" in codes(reading)
    message = next(w.message for w in reading.warnings if w.code == "TOO_FEW_BEADS")
    assert "'alpha' in C1 on 3 of 25" in message


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[: t.index('"-- CRC')],
        lambda t: t[: t.index('"DataType:"')],
        lambda t: t.replace("1(1,A1)", "x"),
    ],
)
def test_luminex_damage_is_refused(change):
    with pytest.raises(InstrumentFileError) as e:
        read_made(change(write.luminex_text()))
    assert e.value.code == "TRUNCATED"


def test_headings_of_both_nanodrops_in_one_line_do_not_break_the_reader():
    text = write.nanodrop_eight_text().replace("Username", "conc.")
    assert values_of(read_made(text), "RNA") == [704.986, 68.25]
