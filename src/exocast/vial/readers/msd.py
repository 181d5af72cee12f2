"""Electrochemiluminescence of MSD Discovery Workbench: CSV with one line a well and spot.

A plate is named on a line of its own. Concentrations carry no unit in this file.
"""

from __future__ import annotations

import math
import re

from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Reading
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, columns_of, first_line, sheet_of_text, unquoted_lines
from exocast.vial.wells import Well, Wells, reported_in, well_name, well_table, well_warnings

KIND = "MSD Workbench export"
WANTED = ("sample", "assay", "well", "spot", "signal")
ROLES = {"s": "standard", "u": "sample", "b": "blank", "c": "control"}


def _sniff(file: InstrumentFile) -> bool:
    for line in unquoted_lines(file.head[:4000])[:4]:
        keys = [c.strip().lower() for c in re.split(r"[\t;,]", line)]
        if keys[:4] == list(WANTED[:4]) and "signal" in keys:
            return True
    return False


def _read(file: InstrumentFile) -> Reading:
    sheet = sheet_of_text(file, "adjusted signal|spot")
    heading = first_line(sheet.lines, *WANTED)
    if heading is None:
        raise sheet.error(
            "NOT_AN_EXPORT",
            "no line of headings with 'Sample', 'Assay', 'Well', 'Spot' and 'Signal' stands in "
            "the file. Export the plate from the Workbench unchanged.",
        )
    columns = columns_of(heading)
    width = max(i + 1 for i, c in enumerate(heading.cells) if c)
    plate = next((x.cell(0) for x in sheet.lines if x.number < heading.number and x.cell(0)), "")
    wells = Wells(str(file.path))
    for line in sheet.lines:
        filled = [c for c in line.cells if c]
        if line.number <= heading.number or not filled or line.cells == heading.cells:
            continue
        if len(filled) == 1 and line.cell(0):
            plate = line.cell(0)
            continue
        wells.append(_well(sheet, line, columns, width, plate.removeprefix("Plate_")))
    if not wells:
        raise sheet.error("EMPTY_RUN", "no well stands below the headings.", heading.number)
    last = wells[-1].line
    assays = ", ".join(dict.fromkeys(wells.column("target")))
    warnings = well_warnings(wells, sheet.warning)
    if not all(map(math.isnan, wells.column("nominal"))):
        message = "the file states no unit of its standards' concentrations; it has to be given"
        warnings.append(sheet.warning("UNIT", message, heading.number))
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="msd",
        kind=KIND,
        software="MSD Workbench",
        encoding=file.encoding,
        wells=well_table(wells),
        facts={"assays": assays},
        lines=(1, last),
        warnings=tuple(warnings),
    )


def _well(sheet: Sheet, line: Line, columns: dict[str, int], width: int, plate: str) -> Well:
    name = well_name(line.cell(columns["well"]))
    if not name or len(line.cells) < width:
        raise sheet.error(
            "TRUNCATED",
            f"the line holds the well '{line.cell(columns['well'])[:20]}' and {len(line.cells)} "
            f"cells, and a well such as A01 and {width} cells are needed; the file was cut or "
            "changed. Export it again.",
            line.number,
        )
    sample = line.cell(columns["sample"])
    role = _role(sample)
    concentration = _optional(sheet, line, columns, "concentration")
    found = reported_in(sheet, line, columns["signal"])
    spots = line.cell(columns["spot"])
    return Well(
        plate=plate,
        well=name,
        sample=sample,
        target=line.cell(columns["assay"]) or f"spot {spots}",
        role=role,
        nominal=concentration if role == "standard" else math.nan,
        value=found.value,
        unit="RLU",
        censored=found.censored,
        dilution=_optional(sheet, line, columns, "dilution"),
        excluded=found.excluded,
        reason=found.reason,
        line=line.number,
    )


def _role(sample: str) -> str:
    """Role by the letter that the Workbench puts before a number: ``S001``, ``U001``."""
    match = re.fullmatch(r"([A-Za-z])\d+", sample)
    return ROLES.get(match.group(1).lower(), "unknown") if match else "unknown"


def _optional(sheet: Sheet, line: Line, columns: dict[str, int], name: str) -> float:
    return sheet.number(line, columns[name]) if name in columns else math.nan


READERS = (Reader(name="msd", kind=KIND, sniff=_sniff, read=_read, most_bytes=20_000_000),)
