"""Exports of plate readers and spectrophotometers in the vendors' layouts, numbers of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from writers.workbooks import Rows

Cells = Mapping[str, str | float]
ROWS = "ABCDEFGH"


def text_of(lines: Sequence[Sequence[str]], separator: str, newline: str) -> str:
    """Lines of cells; a cell that holds the separator is quoted."""

    def quoted(cell: str) -> str:
        return f'"{cell}"' if separator in cell and separator != "\t" else cell

    return newline.join(separator.join(map(quoted, x)) for x in lines) + newline


def _decimals(decimal: str) -> Callable[[str | float], str]:
    """Numbers with three digits, or four behind a comma: '704,986' could be thousands."""
    digits = 3 if decimal == "." else 4
    return lambda cell: (
        cell if isinstance(cell, str) else f"{cell:.{digits}f}".replace(".", decimal)
    )


# Gen5 -------------------------------------------------------------------------------------------


def gen5_text(
    values: Cells,
    *,
    ids: Mapping[str, str] | None = None,
    contents: Mapping[str, float] | None = None,
    columns: int = 4,
    rows: int = 2,
    detection: str = "Absorbance",
    read_name: str = "",
    computed: bool = True,
    full: bool = False,
    separator: str = "\t",
    newline: str = "\r\n",
    decimal: str = ".",
) -> str:
    """A Gen5 export of one plate: head, procedure, layout, a matrix, and what Gen5 computed."""
    n = _decimals(decimal)
    label = f"{read_name}:562" if read_name else "562"
    numbers = [str(c) for c in range(1, columns + 1)]
    lines = [
        [], [], ["Software Version", "3.12.08"], [],
        ["Experiment File Path:", "C:\\x.xpt"], ["Protocol File Path:", "C:\\x.prt"], [],
        ["Plate Number", "Plate 1"], ["Date", "2/8/2026"], ["Reader Type:", "Synergy H1"],
        ["Reading Type", "Reader"], [], ["Procedure Details"], [],
        ["Plate Type", f"{rows * columns} WELL PLATE"],
    ]  # fmt: skip
    if read_name:
        lines += [["Read", read_name], ["", f"{detection} Endpoint"]]
    else:
        lines += [["Read", f"{detection} Endpoint"]]
    lines += [["", "Full Plate" if full else "A1..B4"], ["", "Wavelengths:  562"], []]
    if ids:
        lines += [["Layout"], ["", *numbers]]
        for r in ROWS[:rows]:
            lines.append([r, *(ids.get(r + c, "") for c in numbers), "Well ID"])
            amounts = [contents.get(r + c) for c in numbers] if contents else [None] * columns
            shown = ["" if a is None else n(float(a)) for a in amounts]
            lines.append(["", *shown, "Conc/Dil"])
        lines.append([])
    lines += [["Results"], ["", *numbers]]
    for r in ROWS[:rows]:
        lines.append([r, *(n(values[r + c]) if r + c in values else "" for c in numbers), label])
        if computed:
            lines.append(["", *("1.5" if decimal == "." else "1,5" for _ in numbers), "Blank 562"])
    return text_of([*lines, []], separator, newline)


# SoftMax Pro ------------------------------------------------------------------------------------


def softmax_text(
    plates: Mapping[str, Cells],
    *,
    columns: int = 4,
    rows: int = 2,
    detection: str = "Absorbance",
    read: str = "Endpoint",
    groups: Sequence[tuple[str, str, Sequence[tuple[str, str, str, str]]]] = (),
    time_format: bool = False,
    newline: str = "\r\n",
    decimal: str = ".",
) -> str:
    """A SoftMax Pro export; a group: name, quantity, (sample, quantity, well, plate)."""
    n = _decimals(decimal)
    lines: list[list[str]] = [[f"##BLOCKS= {len(plates) + len(groups)}"]]
    for name, values in plates.items():
        layout = "TimeFormat" if time_format else "PlateFormat"
        head = ["Plate:", name, "1.3", layout, read, detection, "Raw", "FALSE", "1"]
        head += [""] * 5 + ["1", "450 ", "1", str(columns), "96"]
        head += ["1", str(rows)] if not time_format else ["", ""]
        places = [r + str(c) for r in ROWS[:rows] for c in range(1, columns + 1)]
        shown = {p: n(values[p]) if p in values else "" for p in places}
        lines.append([*head, "", ""])
        if time_format:
            lines += [["", "Temperature(°C)", *places, "", ""]]
            lines += [["", "25", *shown.values(), "", ""], []]
            lines += [["", "", *places], ["", "", *shown.values()]]
        else:
            numbers = [str(c) for c in range(1, columns + 1)]
            lines.append(["", "Temperature(°C)", *numbers, "", ""])
            for i, r in enumerate(ROWS[:rows]):
                temperature = "NaN" if i == 0 else ""
                lines.append(["", temperature, *(shown[r + c] for c in numbers), "", ""])
            # What the reader reduced is something else: here ten times as much.
            lines += [[], ["", "", *numbers]]
            lines += [["", "", *("99.5".replace(".", decimal) for _ in numbers)]] * rows
        lines.append(["~End"])
    for group, quantity, samples in groups:
        middle = [quantity] if quantity else []
        lines += [[f"Group: {group}"], ["Sample", *middle, "Wells", "OD", "WellPlateName", ""]]
        for sample, amount, well, plate in samples:
            lines.append([sample, *([amount] if quantity else []), well, "1.0", plate, ""])
        lines += [[], ["Group Column", "Formula Name"], ["~End "]]
    lines.append(["Original Filename: made; Date Last Saved: 1/1/2026"])
    return text_of(lines, "\t", newline)


# Workbooks of plates ----------------------------------------------------------------------------


def skanit_rows(plates: Mapping[str, Cells], *, unit: str = "RLU", columns: int = 4) -> Rows:
    """A sheet of SkanIt: a matrix a plate."""
    rows: list[list[str | float | None]] = [
        ["Measurement results"], ["lot 7.skax"], ["8/23/2026 3:02:30 PM"], [" "],
        ["Luminescence 1"], ["Wavelength: 0 nm"], [" "],
    ]  # fmt: skip
    for name, values in plates.items():
        rows += [[name], [" "], [unit, *range(1, columns + 1)]]
        letters = sorted({w[0] for w in values})
        rows += [[r, *(values.get(f"{r}{c}") for c in range(1, columns + 1))] for r in letters]
        rows.append([" "])
    return rows


def magellan_rows(
    values: Mapping[str, Sequence[float | str]],
    *,
    labels: Sequence[str] = ("Label1", "Label2"),
    unit: str = "OD",
    layout: Mapping[str, str] | None = None,
) -> Rows:
    """A sheet of Magellan: a row a well, then settings."""
    head = ["Well positions", *(["Layout"] if layout else []), *labels]
    middle: list[str | float | None] = [None] * (2 if layout else 1)
    rows: list[list[str | float | None]] = [[*head], [*middle, *["0s"] * len(labels)]]
    for well, found in values.items():
        rows.append([well, *([layout.get(well)] if layout else []), *found])
    rows += [["Date of measurement: 2026-07-08/Time of measurement: 14:34:46"], ["ULTRA"]]
    rows.append(["Instrument serial number: 129"])
    for i in range(len(labels)):
        rows += [
            [f"Measurement {i + 1}:"],
            ["Measurement mode: Absorbance"],
            [f"Measurement wavelength: {450 + 100 * i} nm"],
            [f"Unit: {unit}"],
        ]
    return rows


# EnVision ---------------------------------------------------------------------------------------


def envision_text(
    plates: Sequence[tuple[str, str, str, Sequence[Sequence[float | str]]]],
    *,
    layout: Mapping[str, str] | None = None,
    formula: bool = True,
    separator: str = ",",
    newline: str = "\r\n",
    decimal: str = ".",
) -> str:
    """An EnVision export; a plate is (number, label, filters such as ``Ex=Btm Em=N/A``, matrix)."""
    n = _decimals(decimal)
    lines: list[list[str]] = []
    for number, label, filters, matrix in plates:
        if formula:
            lines += [["Plate information "], ["Plate", "Repeat", "Barcode", "Formula", ""]]
            lines += [[number, "1", '="b"', "Calc 1: General = X * 2", ""], []]
            lines += [*[["9.5".replace(".", decimal) for _ in x] + [""] for x in matrix], []]
        lines += [["Plate information "], ["Plate", "Repeat", "Barcode", "Label", "Measinfo", ""]]
        lines += [[number, "1", '="b"', label, f"De=1st {filters} Wdw=N/A (8)", ""], []]
        lines += [["Background information"], ["Plate", "Label", "Result", "Signal", ""]]
        lines += [[number, label, "0", "289468", ""], []]
        lines += [*[[*map(n, x), ""] for x in matrix], []]
    lines += [["Basic assay information "], ["Serial#: ", "", "", "", '="1051"'], ["Platemap:"]]
    if layout:
        columns = [f"{c:02d}" for c in range(1, 4)]
        lines += [["Plate", "", "", "", "1"], ["Group", "", "", "", "1"], [], ["", *columns, ""]]
        for r in "AB":
            lines.append([r, *(layout.get(f"{r}{int(c)}", "- ") for c in columns), ""])
    return text_of([*lines, ["Calculations:"]], separator, newline)


# Spectrophotometers -----------------------------------------------------------------------------


def qubit_text(
    runs: Sequence[tuple[str, str | float, str, str | float, str, float]] = (
        ("lot 7", 30.4, "ng/mL", 6.08, "ng/µL", 200),
        ("lot 8", 560.0, "ng/mL", 112.0, "ng/µL", 200),
    ),
    *,
    assay: str = "1x dsDNA High Sensitivity",
    separator: str = ",",
    newline: str = "\n",
    decimal: str = ".",
) -> str:
    """Qubit 4: sample, tube value and unit, original value and unit, dilution factor."""
    n = _decimals(decimal)
    lines = [[
        "Run ID", "Assay Name", "Test Name", "Test Date", "Qubit® tube conc.", "Units",
        "Original sample conc.", "Units", "Sample Volume (µL)", "Dilution Factor", "Green RFU",
    ]]  # fmt: skip
    for i, (name, tube, unit, original, other, factor) in enumerate(runs):
        lines.append([
            "r1", assay, name, f"12/12/2026 6:4{i}:54 AM", n(tube), unit, n(original), other, "1",
            f"{factor:g}", n(1303.11),
        ])  # fmt: skip
    return text_of(lines, separator, newline)


def nanodrop_8000_text(
    rows: Sequence[tuple[str, str, float, str, float, float]] = (
        ("A1", "lot 7", 1.961, "mg/ml", 3.177, 16.2),
        ("B1", "lot 7", 2.104, "mg/ml", 3.409, 16.2),
    ),
    *,
    newline: str = "\r\n",
    decimal: str = ".",
) -> str:
    """NanoDrop 8000: well, sample, concentration, unit, A280, E 1 %."""
    n = _decimals(decimal)
    lines = [[
        "Plate ID", "Well ", "Sample ID", "Date ", "conc. ", "units ", "260/280 ", "A280 10mm ",
        "E 1%",
    ]]  # fmt: skip
    for well, sample, c, unit, a, e in rows:
        lines.append(["p", well, sample, "5/26/2026", n(c), unit, n(0.59), n(a), n(e)])
    return text_of([*lines, []], "\t", newline)


def nanodrop_eight_text(
    rows: Sequence[tuple[str, float, float]] = (("lot 7", 704.986, 2.07), ("lot 8", 68.25, 2.1)),
    *,
    application: str = "RNA",
    unit: str = "ng/µL",
    newline: str = "\n",
    decimal: str = ",",
) -> str:
    """NanoDrop Eight: sample, concentration, A260/A280."""
    n = _decimals(decimal)
    lines = [[f"Application: {application}"], ["Serial number:", "", "12"]]
    lines[0] = ["Application:", application]
    lines.append(["Date", "UID", "Sample", "Username", unit, "A260/A280", "A260"])
    for sample, c, ratio in rows:
        lines.append(["11/09/2026 14:19", "6a2f", sample, "u", n(c), n(ratio), n(c / 40)])
    return text_of(lines, "\t", newline)


# Immunoassays -----------------------------------------------------------------------------------


def msd_text(
    rows: Sequence[tuple[str, str, float | str, float | str, float | str]] = (
        ("S001", "A01", "", 100.0, 1000.0),
        ("S002", "B01", "", 50.0, 505.0),
        ("U001", "A02", 2.0, "", 750.0),
        ("B001", "B02", "", "", 8.25),
    ),
    *,
    separator: str = ",",
    newline: str = "\n",
    decimal: str = ".",
) -> str:
    """MSD Workbench: sample, well, dilution, concentration, signal."""
    n = _decimals(decimal)
    lines = [["Plate_P1"], [
        "Sample", "Assay", "Well", "Spot", "Dilution", "Concentration", "Signal",
        "Adjusted Signal", "Calc. Conc. CV",
    ]]  # fmt: skip
    for sample, well, dilution, amount, signal in rows:
        shown = [n(dilution), n(amount), n(signal)]
        lines.append([sample, "IL-6", well, "1", *shown, n(signal), "NaN"])
    return text_of(lines, separator, newline)


def luminex_text(
    medians: Sequence[tuple[str, str, Sequence[float | str]]] = (
        ("1(1,A1)", "Standard1", (10921.5, 37214.0)),
        ("2(1,B1)", "Unknown1", (8244.0, "NaN")),
        ("3(1,C1)", "Background0", (12.5, 11.0)),
    ),
    *,
    counts: Sequence[Sequence[int]] = ((30, 42), (26, 0), (25, 37)),
    expected: Mapping[str, Sequence[float]] | None = None,
    unit: str = "pg/mL",
    padded: int = 0,
    quoted: bool = True,
    separator: str = ",",
    newline: str = "\r\n",
    decimal: str = ".",
) -> str:
    """xPONENT: medians with location and sample, counts of beads, units, dilutions, warnings."""
    n = _decimals(decimal)
    names = ["alpha", "bravo"]
    lines = [
        ["Program", "xPONENT", "", "FlexMAP 3D"], ["Build", "4.3.229.0"], ["SN", "FM3D"], [],
        ["Samples", "96", "Min Events", "100", "Per Bead"], [], ["Results"], [],
        ["DataType:", "Median"], ["Location", "Sample", *names, "Total Events"],
    ]  # fmt: skip
    lines += [[place, sample, *map(n, found), "881"] for place, sample, found in medians]
    lines += [[], ["DataType:", "Count"], ["Location", "Sample", *names, "Total Events"]]
    for (place, sample, _), found in zip(medians, counts, strict=True):
        lines.append([place, sample, *map(str, found), "881"])
    lines += [[], ["DataType:", "Units"], ["Analyte:", *names], ["BeadID:", "28", "35"]]
    lines += [["Units:", unit, unit], [], ["DataType:", "Per Bead Count"]]
    lines += [["Analyte:", *names], ["BeadID:", "28", "35"], ["Per Bead:", "25", "25"], []]
    if expected:
        lines += [["DataType:", "Standard Expected Concentration"], ["Analyte:", *names]]
        lines += [[name, *map(n, found)] for name, found in expected.items()]
        lines.append([])
    lines += [["DataType:", "Dilution Factor"], ["Location", "Sample", "Dilution Factor"]]
    lines += [[place, sample, "4"] for place, sample, _ in medians]
    lines += [[], ["DataType:", "Warnings/Errors"], ["Location", "Status", "Message"]]
    lines += [["1,A1", "Warning", "A region stayed below its count.  (0x4FF010AB)"], []]
    lines += [["-- CRC --"], ["CRC32: 40B50595"]]
    full = [[*x, *[""] * padded] for x in lines]
    if not quoted:
        return text_of(full, separator, newline)
    return newline.join(separator.join(f'"{c}"' for c in x) for x in full) + newline


# Allotrope --------------------------------------------------------------------------------------


def asm_document(
    measurements: Sequence[Mapping[str, Any]],
    *,
    manifest: str = "plate-reader/REC/2025/03/plate-reader",
) -> dict[str, Any]:
    """An ASM document around measurement documents."""
    name = manifest.rsplit("/", 1)[-1].replace("-", " ")
    return {
        "$asm.manifest": f"http://purl.allotrope.org/manifests/{manifest}.manifest",
        f"{name} aggregate document": {
            "data system document": {"software name": "Maker", "software version": "1"},
            "device system document": {"model number": "Reader 5"},
            f"{name} document": [
                {"measurement aggregate document": {"measurement document": [m]}}
                for m in measurements
            ],
        },
    }


def asm_well(
    well: str,
    value: float | None,
    *,
    feature: str = "absorbance",
    unit: str = "mAU",
    sample: str = "",
    role: str = "",
    error: str = "",
    nominal: tuple[float, str] | None = None,
) -> dict[str, Any]:
    """A measurement document of a plate reader."""
    sample_document: dict[str, Any] = {"location identifier": well, "sample identifier": sample}
    if role:
        sample_document["sample role type"] = role
    if nominal:
        sample_document["mass concentration"] = {"value": nominal[0], "unit": nominal[1]}
    document: dict[str, Any] = {
        "sample document": sample_document,
        feature: {"value": value, "unit": unit},
        "device control aggregate document": {
            "device control document": [
                {"detector wavelength setting": {"value": 450.0, "unit": "nm"}}
            ]
        },
    }
    if error:
        document["error aggregate document"] = {
            "error document": [{"error": error, "error feature": feature}]
        }
    return document


def asm_text(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """JSON of a document."""
    return json.dumps(document, indent=indent)
