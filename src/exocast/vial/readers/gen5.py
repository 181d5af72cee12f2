"""Plate readers of Agilent BioTek with Gen5: text exports of endpoint reads.

Head, procedure, layout (what is in the wells) and matrices of results follow one another; a file
may hold several plates. Only what a read measured is taken. What Gen5 computed from it (blanked
absorbances, concentrations) is named in the facts and left to our own standard curve.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Reading, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, sheet_of_text, unquoted_lines
from exocast.vial.wells import (
    Well,
    Wells,
    column_numbers,
    reported_in,
    role_of,
    row_letter,
    well_table,
    well_warnings,
)

KIND = "Gen5 plate reader export"
UNITS = {"absorbance": "AU", "fluorescence": "RFU", "luminescence": "RLU", "alpha": "RFU"}
WELL_ID, CONTENT = "well id", "conc/dil"


@dataclass(kw_only=True)
class _Plate:
    """What is known of a plate while its lines are read."""

    name: str = ""
    units: dict[str, str] = field(default_factory=dict)
    read: str = ""
    detection: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    contents: dict[str, float] = field(default_factory=dict)
    content_line: int = 0
    # Wells of a plate that was read in full; 0 where a part was read or nothing is said.
    wells: int = 0


def _sniff(file: InstrumentFile) -> bool:
    lines = [line.lower() for line in unquoted_lines(file.head[:8000])]
    starts = [re.split(r"[\t;,:]", line)[0].strip() for line in lines[:12]]
    # The first filled line names the version; another maker's files may have it further down.
    return bool(starts) and starts[0] == "software version" and "experiment file path" in starts


def _read(file: InstrumentFile) -> Reading:
    sheet = sheet_of_text(file, "plate number|software version")
    facts: dict[str, str] = {}
    wells = Wells(str(file.path))
    left_out: dict[str, None] = {}
    plate = _Plate()
    seen_time = False
    for block in _blocks(sheet.lines):
        title = block[0].cell(0).strip(" :").lower()
        if title == "plate number":
            plate = _Plate(name=block[0].cell(1))
        if title in {"software version", "experiment file path", "plate number"}:
            _collect(facts, block)
        elif any(x.cell(0).lower() == "plate type" or x.cell(0).lower() == "read" for x in block):
            _procedure(plate, block)
        elif any(x.cells[-1].lower() in {WELL_ID, CONTENT} for x in block):
            _layout(sheet, plate, block)
        elif (start := _matrix_start(block)) is not None:
            found, others = _results(sheet, plate, block, start)
            wells.extend(found)
            left_out.update(dict.fromkeys(others))
        elif any(c.lower() in {"time", "wavelength"} for c in block[0].cells[:2]):
            seen_time = True
    if not wells:
        what = "kinetics and spectra are not read" if seen_time else "no results stand in it"
        raise sheet.error(
            "NOT_AN_EXPORT",
            f"the file holds no matrix of an endpoint read ({what}). In Gen5, export the results "
            "of endpoint reads as matrices.",
        )
    if left_out:
        facts["computed by Gen5, not read"] = ", ".join(left_out)
    last = max(wells.column("line"))
    warnings = [
        *_content_warnings(sheet, wells, plate),
        *well_warnings(wells, sheet.warning),
    ]
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="gen5",
        kind=KIND,
        software=f"Gen5 {facts.get('Software Version', '')}".strip(),
        instrument=facts.get("Reader Type", ""),
        encoding=file.encoding,
        wells=well_table(wells),
        facts=facts,
        lines=(1, last),
        warnings=tuple(warnings),
    )


def _blocks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Filled lines that stand together; a heading alone is joined with what follows it."""
    block: list[Line] = []
    for line in lines:
        if any(line.cells):
            block.append(Line(number=line.number, cells=_cut(line.cells)))
        elif block and not (len(block) == 1 and len(block[0].cells) == 1):
            yield block
            block = []
    if block:
        yield block


def _cut(cells: tuple[str, ...]) -> tuple[str, ...]:
    last = max(i + 1 for i, c in enumerate(cells) if c)
    return cells[:last]


def _collect(facts: dict[str, str], block: Sequence[Line]) -> None:
    for line in block:
        if line.cell(0) and line.cell(1):
            facts.setdefault(line.cell(0).strip(" :"), line.cell(1))


def _procedure(plate: _Plate, block: Sequence[Line]) -> None:
    """Names of the reads with what they detect: results carry ``name:wavelength``."""
    full = any(cell.lower() == "full plate" for line in block for cell in line.cells)
    for line in block:
        size = re.match(r"(\d+) WELL", line.cell(1), re.IGNORECASE)
        if line.cell(0).lower() == "plate type" and size and full:
            plate.wells = int(size.group(1))
        if line.cell(0).lower() == "read":
            plate.read, plate.detection = line.cell(1), ""
        for cell in line.cells[1:]:
            word = cell.split(" ")[0].lower()
            if word in UNITS and ("endpoint" in cell.lower() or not plate.detection):
                plate.detection = word if "endpoint" in cell.lower() else ""
                if plate.read == cell:
                    plate.read = ""
            if cell.lower().startswith("wavelengths:") and plate.detection:
                for wavelength in re.findall(r"\d+", cell):
                    label = f"{plate.read}:{wavelength}" if plate.read else wavelength
                    plate.units[label.lower()] = UNITS[plate.detection]
        if plate.detection and plate.read:
            plate.units.setdefault(plate.read.lower(), UNITS[plate.detection])


def _unit(plate: _Plate, label: str) -> str:
    """Unit of a row of results; empty for what Gen5 computed."""
    key = label.lower()
    if key in plate.units:
        return plate.units[key]
    # 'Name:450,630' or 'Name:485/20,528/20' of reads with several wavelengths.
    name = key.split(":")[0]
    return plate.units.get(name, "") if ":" in key and name in plate.units else ""


def _matrix_start(block: Sequence[Line]) -> int | None:
    return next((i for i, x in enumerate(block) if len(column_numbers(x.cells)) >= 2), None)


def _rows(block: Sequence[Line], start: int) -> Iterator[tuple[Line, str, dict[int, int]]]:
    """Lines of a matrix with the letter of their row and their columns."""
    numbers = column_numbers(block[start].cells)
    letter = ""
    for line in block[start + 1 :]:
        first = line.cell(0)
        letter = row_letter(first) if first else letter
        if not letter:
            return
        yield line, letter, numbers


def _layout(sheet: Sheet, plate: _Plate, block: Sequence[Line]) -> None:
    start = _matrix_start(block)
    if start is None:
        return
    for line, letter, numbers in _rows(block, start):
        kind = line.cells[-1].lower()
        for i, n in numbers.items():
            cell = line.cell(i) if i < len(line.cells) - 1 else ""
            if not cell:
                continue
            if kind == WELL_ID:
                plate.ids[f"{letter}{n}"] = cell
            elif kind == CONTENT:
                plate.contents[f"{letter}{n}"] = sheet.number(line, i)
                plate.content_line = plate.content_line or line.number


def _results(
    sheet: Sheet, plate: _Plate, block: Sequence[Line], start: int
) -> tuple[list[Well], list[str]]:
    wells, others = [], []
    labels = {
        line.cells[-1] for line, _, numbers in _rows(block, start) if _labelled(line, numbers)
    }
    measured = [label for label in labels if _unit(plate, label)]
    for line, letter, numbers in _rows(block, start):
        if not _labelled(line, numbers):
            raise sheet.error(
                "TRUNCATED",
                f"this row of the matrix has {len(line.cells) - 1} cells and its heading "
                f"{len(numbers)} columns and a label behind them; the file was cut or changed. "
                "Export it again.",
                line.number,
            )
        label = line.cells[-1]
        if label not in measured:
            others.append(label)
            continue
        for i, n in numbers.items():
            if line.cell(i):
                wells.append(_well(sheet, plate, line, i, f"{letter}{n}", label))
    for label in measured:
        places = sum(len(n) for x, _, n in _rows(block, start) if x.cells[-1] == label)
        if plate.wells and places != plate.wells:
            raise sheet.error(
                "TRUNCATED",
                f"the plate was read in full and has {plate.wells} wells, and {places} stand in "
                f"the matrix '{label}'; the file was cut or changed. Export it again.",
                block[start].number,
            )
    return wells, others


def _labelled(line: Line, numbers: dict[int, int]) -> bool:
    """Whether the label of the row stands right behind its last column."""
    return len(line.cells) == max(numbers) + 2


def _well(sheet: Sheet, plate: _Plate, line: Line, column: int, name: str, label: str) -> Well:
    found = reported_in(sheet, line, column)
    sample = plate.ids.get(name, "")
    role = role_of(sample)
    content = plate.contents.get(name, math.nan)
    return Well(
        plate=plate.name,
        well=name,
        sample=sample,
        target=label,
        role=role,
        nominal=content if role == "standard" else math.nan,
        value=found.value,
        unit=_unit(plate, label),
        censored=found.censored,
        dilution=_dilution(content) if role == "sample" else math.nan,
        excluded=found.excluded,
        reason=found.reason,
        line=line.number,
    )


def _dilution(part: float) -> float:
    """Dilution of a sample whose part in the well Gen5 states: 0.5 is one in two.

    Larger than 1 it may be a factor that was typed in, and is not known.
    """
    return 1 / part if 0 < part <= 1 else math.nan


def _content_warnings(sheet: Sheet, wells: Sequence[Well], plate: _Plate) -> list[VialWarning]:
    warnings = []
    if any(not math.isnan(w.nominal) for w in wells):
        message = "the file states no unit of its standards' quantities; it has to be given"
        warnings.append(sheet.warning("UNIT", message, plate.content_line))
    parts = sorted({round(1 / w.dilution, 6) for w in wells if w.dilution > 1}, reverse=True)
    if parts:
        listed = ", ".join(f"{p:g} (1 in {1 / p:g})" for p in parts[:4])
        message = f"'Conc/Dil' of samples is read as the part of sample in the well: {listed}"
        warnings.append(sheet.warning("DILUTION_FRACTION", message, plate.content_line))
    ids = {w.well for w in wells if w.role == "sample" and math.isnan(w.dilution)}
    odd = sorted(well for well in ids if plate.contents.get(well, 1.0) > 1)
    if odd:
        message = f"'Conc/Dil' of {', '.join(odd[:6])} is above 1, and Gen5 states the part of "
        message += "sample in the well: the dilution of these samples is not known"
        warnings.append(sheet.warning("DILUTION_UNKNOWN", message, plate.content_line))
    return warnings


READERS = (Reader(name="gen5", kind=KIND, sniff=_sniff, read=_read, most_bytes=20_000_000),)
