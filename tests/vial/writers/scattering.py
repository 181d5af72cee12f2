"""Light scattering and light obscuration in the vendors' layouts, with numbers of our own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from writers.workbooks import Rows

ZETASIZER_RUNS = (
    # name, time, z-average nm, PdI, peak 1 nm, kcps, number mean nm
    ("lot 7 1", "06 March 2026 10:00:01", 121.5, 0.105, 133.25, 512.5, 88.75),
    ("lot 7 2", "06 March 2026 10:02:02", 122.25, 0.11, 134.5, 514.0, 90.5),
    ("lot 7 3", "06 March 2026 10:04:03", 120.75, 0.125, 131.0, 509.5, 86.25),
)


def _lines(lines: Sequence[Sequence[str]], separator: str, newline: str) -> str:
    return newline.join(separator.join(cells) for cells in lines) + newline


def zetasizer_text(
    runs: Sequence[tuple[str, str, float, float, float, float, float]] = ZETASIZER_RUNS,
    *,
    separator: str = "\t",
    newline: str = "\r\n",
    decimal: str = ".",
    second_table: bool = True,
    padded: int = 0,
) -> str:
    """Records of size runs: a short table and, below it, a long one with arrays."""

    def n(value: float, digits: int = 3) -> str:
        return f"{value:.{digits}f}".replace(".", decimal)

    short = [
        "Record", "Type", "Sample Name", "Measurement Date and Time", "T (°C)",
        "Derived Count Rate (kcps)", "Z-Ave (d.nm)", "Number Mean (d.nm)", "PdI",
        "Intensity peak 1 (d.nm)", "Intensity peak 2 (d.nm)", "ZP (mV)", "pH",
        "Derived Count Rate (kcps)", "Zeta Potential (mV)",
    ]  # fmt: skip
    lines = [short]
    for i, (name, time, z, pdi, peak, rate, number) in enumerate(runs, start=1):
        lines.append([
            str(i), "Size", name, time, n(25.0, 1), n(rate), n(z), n(number), n(pdi), n(peak),
            n(0.0), "", n(0.0, 2), "", "",
        ])  # fmt: skip
    if second_table:
        lines.append([
            "Type", "Sample Name", "S/W Version", "Serial Number", "Measurement Date and Time",
            "Correlation Delay Times[1] (µs)", "Correlation Data[1]", "Z-Average (d.nm)", "PdI",
            "Mobility (µmcm/Vs)",
        ])  # fmt: skip
        for name, time, z, pdi, _, _, _ in runs:
            lines.append(["Size", name, "7.11", "MAL1", time, n(0.5), n(0.917), n(z), n(pdi), ""])
    return _lines([[*x, *[""] * padded] for x in lines], separator, newline)


def zeta_text(runs: Sequence[tuple[str, str, float]], *, extra_cells: Sequence[int] = ()) -> str:
    """Records of zeta runs with an array behind the scalars; some lines hold more of it."""
    lines = [[
        "Type", "Sample Name", "S/W Version", "Serial Number", "Measurement Date and Time",
        "Conductivity (mS/cm)", "Zeta Potential (mV)", "Voltage Times[1] (s)",
        "Voltage Times[2] (s)", "PdI",
    ]]  # fmt: skip
    for i, (name, time, potential) in enumerate(runs):
        more = extra_cells[i] if extra_cells else 0
        lines.append([
            "Zeta", name, "7.11", "MAL1", time, "0.0966", f"{potential:.2f}", "0.1", "0.2",
            *["0.3"] * more, "0.999",
        ])  # fmt: skip
    return _lines(lines, "\t", "\r\n")


def zmes(
    records: Sequence[tuple[str, int, float, float, Sequence[float], bool]],
    *,
    state: str = "Completed",
) -> bytes:
    """A ZS Xplorer database: sample, repeat, z-average, PdI, peaks, whether it is an average."""
    prefix = "urn:Com.Malvern.RecordParameter:DataStructures.MeasurementData:"
    database = sqlite3.connect(":memory:")
    database.executescript(
        """
        PRAGMA page_size = 512;
        CREATE TABLE RecordParameterTypes (Id INTEGER PRIMARY KEY, FriendlyName TEXT,
            UniformResourceName TEXT);
        CREATE TABLE RecordParameterTreeNodes (Id INTEGER PRIMARY KEY, ParameterTypeId INTEGER,
            ParentNodeId INTEGER, SiblingIndex INTEGER);
        CREATE TABLE StandardRecords (Id INTEGER PRIMARY KEY);
        CREATE TABLE RecordParameterData (Id INTEGER PRIMARY KEY, RecordId INTEGER,
            ParameterTreeNodeId INTEGER, Data_Blob BLOB, Data_Boolean INTEGER, Data_Double REAL,
            Data_Single REAL, Data_Int64 INTEGER, Data_Text TEXT);
        """
    )
    nodes: dict[str, int] = {}

    def node(name: str, parent: int | None = None, sibling: int = 0, key: str = "") -> int:
        key = key or f"{parent}/{name}/{sibling}"
        if key not in nodes:
            nodes[key] = len(nodes) + 1
            i = nodes[key]
            database.execute(
                "INSERT INTO RecordParameterTypes VALUES (?, ?, ?)", (i, name, prefix + name)
            )
            database.execute(
                "INSERT INTO RecordParameterTreeNodes VALUES (?, ?, ?, ?)", (i, i, parent, sibling)
            )
        return nodes[key]

    def data(record: int, at: int, column: str, value: object) -> None:
        database.execute(
            f"INSERT INTO RecordParameterData (RecordId, ParameterTreeNodeId, {column}) "
            "VALUES (?, ?, ?)",
            (record, at, value),
        )

    root = node("SizeMeasurementResult")
    for record, (sample, repeat, z, pdi, peaks, averaged) in enumerate(records, start=1):
        database.execute("INSERT INTO StandardRecords VALUES (?)", (record,))
        data(record, node("Measurement.Sample.Name", root), "Data_Text", sample)
        data(record, node("Result.Repeat", root), "Data_Int64", repeat)
        data(record, node("Result.ResultState", root), "Data_Text", state)
        data(record, node("ResultSource.IsAveragedResult", root), "Data_Boolean", int(averaged))
        data(record, node("Measurement.Date", root), "Data_Text", f"2026-02-25T08:0{repeat}:00.1Z")
        data(record, node("SizeAnalysisResult.Sizes", root), "Data_Blob", b"\x01" * 64)
        for top, factor in (("UnfilteredSizeAnalysisResult", 3.0), ("SizeAnalysisResult", 1.0)):
            result = node(top, node(f"SizeMeasurementResult.{top}", root))
            cumulants = node("CumulantsResult", node("SizeAnalysisResult.CumulantsResult", result))
            mean = node("CumulantsResult.ZAverageMean", cumulants)
            data(record, mean, "Data_Double", factor * z)
            index = node("CumulantsResult.Polydispersity", cumulants)
            data(record, index, "Data_Double", pdi)
            for kind, offset in (("IntensityPeaks", 0.0), ("NumberPeaks", 1000.0)):
                above = node(f"SizeAnalysisResult.{kind}", result)
                for k, peak in enumerate(peaks):
                    at = node("SizePeak.Mean", node("SizePeak", above, k))
                    data(record, at, "Data_Double", peak + offset)
    database.commit()
    return database.serialize()


# Light obscuration ------------------------------------------------------------------------------

HIAC_COUNTS = ((2, 52, 42, 44), (5, 8, 8, 7), (10, 0, 2, 5), (25, 0, 0, 1))


def hiac_rows(
    counts: Sequence[tuple[float, ...]] = HIAC_COUNTS,
    *,
    discarded: Sequence[int] = (1,),
    volume_ml: float = 0.2,
    dilution: float = 1,
    applied: bool = True,
    german: bool = False,
    spread: bool = True,
    heading: str = "Particle Size(µm)",
    average: bool = True,
) -> Rows:
    """A PharmSpec report: size, then the count of each run; ``spread`` puts blank rows between."""
    label = "Probe" if german else "Sample Name"
    rows: list[list[str | float | None]] = [
        [None, None, "HIAC PharmSpec v3.0 Summary Report"],
        [],
        [label, ":", "lot 7", "Sensor Model", ":", "HRLD150"],
        ["Bemerkungen 1" if german else "Comment", ":", "-", "Operator Name", ":", "AB"],
        ["Sample Volume (mL)", ":", volume_ml, "No Of Runs", ":", len(counts[0]) - 1],
        ["Dilution Factor", ":", dilution],
    ]
    rows += [["Run" + str(run), "Discarded"] for run in discarded]
    rows.append(["Run No.", heading, "Cumulative Count", "Cumulative Counts/mL"])
    factor = dilution if applied else 1
    runs = range(1, len(counts[0]))

    def block(name: str, values: Sequence[float]) -> None:
        rows.append([name])
        for (size, *_), count in zip(counts, values, strict=True):
            rows.append([None, size, count, round(count / volume_ml * factor, 2)])
            if spread:
                rows.append([])

    for run in runs:
        block(f"Run{run}", [c[run] for c in counts])
    kept = [r for r in runs if r not in discarded]
    if average and kept:
        block("Average", [sum(c[r] for r in kept) / len(kept) for c in counts])
    return [*rows, ["Approver_ _ _", ":", "_ _"], [None, None, "Pass Criteria"]]


# Stunner ----------------------------------------------------------------------------------------

STUNNER_HEADINGS = (
    "Plate ID", "Plate\nPosition", "Sample name", "Sample group", "Concentration\n(mg/ml)",
    "Z Ave. Dia\n(nm)", "PdI", "Peak of Interest Mean Dia\n(nm)", "A280", "Plate type",
)  # fmt: skip
STUNNER_ROWS = (
    ("Plate 1", "A1", "buffer_A1", "0", "N/A", "N/A", "N/A", 0.0, -0.01, "Stunner Plate"),
    ("Plate 1", "B1", "lot 7", "0", 1.94, 27.19, 0.14, 13.3, 2.66, "Stunner Plate"),
    ("Plate 1", "C1", "lot 7", "0", 1.97, 27.5, 0.13, 13.25, 2.7, "Stunner Plate"),
)


def stunner_rows(
    rows: Rows = STUNNER_ROWS, *, blanks: str = "buffer_A1", application: str = "B22 & kD"
) -> Rows:
    """A report: information, then the table; headings have line breaks."""
    return [
        ["Report"],
        ["Info"],
        ["Date", "23/05/2025 11:10:10"],
        ["Software version", "8.2.0.259"],
        ["Application", application],
        ["Blanks", f"Sample group '0': On Plate/Chip: {blanks}"],
        [None, "Sample group '1': Empty samplegroup"],
        ["Table"],
        list(STUNNER_HEADINGS),
        *rows,
    ]


def lunatic_text(
    rows: Sequence[tuple[str, str, str, float | None, float]] = (
        ("Plate 1", "A1", "H2O", None, -0.01),
        ("Plate 1", "B1", "lot 7", 0.84, 0.85),
        ("Plate 1", "A12", "lot 8", 4.22, 4.25),
    ),
    *,
    separator: str = ",",
    newline: str = "\r\n",
    decimal: str = ".",
) -> str:
    """The table of A280 as text: plate, position, sample, mg/mL or None, A280."""
    lines = [[
        "Plate ID", "Plate Position", "Sample Name", "Application", "Concentration (mg/ml)",
        "Instrument ID", "A280", "A260/A280", "Plate type",
    ]]  # fmt: skip
    for plate, position, sample, mg, a280 in rows:
        c = "N/A" if mg is None else f"{mg:.2f}".replace(".", decimal)
        a = f"{a280:.2f}".replace(".", decimal)
        ratio = f"{0.55:.2f}".replace(".", decimal)
        lines.append(
            [plate, position, sample, "Protein (Turbidity)", c, "15", a, ratio, "Lunatic Plate"]
        )
    return _lines(lines, separator, newline)
