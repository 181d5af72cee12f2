"""Unchained Labs Stunner and Lunatic: the workbook of a report and the table of absorbances.

The report opens with free text (who, when, which wells are blanks) and holds one table; its
headings have line breaks inside. The table as CSV has no head. ``N/A`` stands for no result, and
a diameter of 0 for a peak that was not found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Measurement, Reading, Value
from exocast.vial.registry import Reader
from exocast.vial.sheet import (
    Sheet,
    columns_of,
    first_line,
    heading_key,
    sheet_of_text,
    sheets_of_workbook,
    unquoted_lines,
)
from exocast.vial.wells import Well, Wells, reported_in, well_name, well_table, well_warnings
from exocast.vial.workbook import head_of_workbook, is_workbook

KIND = "Stunner or Lunatic report"
PLATE, PLACE = "plate id", "plate position"
WANTED = (PLATE, PLACE, "sample name")
DLS, UV = "DLS", "UV"
# Some thirty plates.
MOST_TEXT = 500_000


@dataclass(frozen=True, kw_only=True)
class _Attribute:
    name: str
    method: str
    unit: str
    zero_is_none: bool = False


def _size(name: str) -> _Attribute:
    return _Attribute(name=name, method=DLS, unit="nm", zero_is_none=True)


HEADINGS = {
    "z ave. dia (nm)": _size("z-average diameter"),
    "pdi": _Attribute(name="polydispersity index", method=DLS, unit="1"),
    "sd dia (nm)": _size("standard deviation of diameter"),
    "peak of interest mean dia (nm)": _size("peak of interest mean diameter"),
    "peak 1 mean dia (nm)": _size("intensity peak 1 mean diameter"),
    "peak 2 mean dia (nm)": _size("intensity peak 2 mean diameter"),
    "peak 3 mean dia (nm)": _size("intensity peak 3 mean diameter"),
    "concentration (mg/ml)": _Attribute(name="concentration", method=UV, unit="mg/mL"),
    "concentration (ng/ul)": _Attribute(name="concentration", method=UV, unit="ng/uL"),
    "a260/a280": _Attribute(name="A260/A280", method=UV, unit="1"),
}


def _is_heading(line: Line) -> bool:
    return all(name in columns_of(line) for name in WANTED)


def _sniff(file: InstrumentFile) -> bool:
    if is_workbook(file):
        return any(_is_heading(line) for _, line in head_of_workbook(file))
    first = next(iter(unquoted_lines(file.head[:4000])), "")
    keys = {heading_key(c) for c in re.split(r"[\t;,]", first)}
    return keys >= {*WANTED, "instrument id"}


def _read(file: InstrumentFile) -> Reading:
    sheet, heading = _table(file)
    columns = columns_of(heading)
    facts = _facts(sheet, heading)
    blanks = _blank_names(sheet, heading)
    wells = Wells(str(file.path))
    values: dict[tuple[str, _Attribute], list[Value]] = {}
    last = heading.number
    for line in sheet.lines:
        if line.number <= heading.number or not any(line.cells):
            continue
        well = well_name(line.cell(columns[PLACE]))
        if not well:
            raise sheet.error(
                "TRUNCATED",
                f"the plate position is '{line.cell(columns[PLACE])[:40]}', and one such as A1 is "
                "needed; the table was cut or changed. Export it again.",
                line.number,
            )
        last = line.number
        _check_width(sheet, heading, line)
        sample = line.cell(columns["sample name"])
        for key, attribute in HEADINGS.items():
            if key in columns:
                named = _named(attribute, line, columns, facts)
                value = _value(sheet, line, columns[key], well, named)
                values.setdefault((sample, named), []).append(value)
        wells.extend(_absorbances(sheet, line, columns, well, sample, blanks))
    if last == heading.number:
        raise sheet.error("EMPTY_RUN", "the table has no lines below its headings.", last)
    measurements = _measurements(values)
    if not measurements and not wells:
        raise sheet.error(
            "COLUMNS",
            "no heading of the table is a size, a concentration or an absorbance that is known; "
            "the table was changed. Export it again.",
            heading.number,
        )
    warnings = well_warnings(wells, sheet.warning)
    if any(m.method == DLS for m in measurements):
        warnings.append(
            sheet.warning(
                "INTENSITY_WEIGHTED",
                "dynamic light scattering weighs each particle by the light it scatters and counts "
                "none: no concentration of particles and no dose can be had from this file",
            )
        )
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="stunner",
        kind=KIND,
        software=facts.get("Software version", ""),
        instrument=facts.get("Instrument", _column(sheet, heading, "instrument id")),
        encoding="" if is_workbook(file) else file.encoding,
        measurements=measurements,
        wells=well_table(wells) if wells else None,
        facts=facts,
        lines=(sheet.lines[0].number, last),
        warnings=tuple(warnings),
    )


def _table(file: InstrumentFile) -> tuple[Sheet, Line]:
    if is_workbook(file):
        sheets = sheets_of_workbook(file)
    elif len(file.data) > MOST_TEXT:
        raise InstrumentFileError(
            f"a table of {len(file.data):,} bytes is refused: one of a Lunatic has less than "
            f"{MOST_TEXT:,}. Export fewer plates at a time.",
            code="TOO_LARGE",
            where=str(file.path),
        )
    else:
        sheets = (sheet_of_text(file, "plate position"),)
    for sheet in sheets:
        if (heading := first_line(sheet.lines, *WANTED)) is not None:
            return sheet, heading
    raise InstrumentFileError(
        "no table with the headings 'Plate ID', 'Plate Position' and 'Sample name' stands in the "
        "file. Export the report, or its table as CSV, unchanged.",
        where=str(file.path),
    )


def _facts(sheet: Sheet, heading: Line) -> dict[str, str]:
    """Labels of the head with the text beside them; lines that go on have no label."""
    facts: dict[str, str] = {}
    for line in sheet.lines:
        if line.number >= heading.number:
            break
        if line.cell(0) and line.cell(1):
            facts.setdefault(line.cell(0), line.cell(1))
    return facts


def _column(sheet: Sheet, heading: Line, key: str) -> str:
    columns = columns_of(heading)
    rows = (x for x in sheet.lines if x.number > heading.number and any(x.cells))
    first = next(rows, None)
    return first.cell(columns[key]) if first is not None and key in columns else ""


def _blank_names(sheet: Sheet, heading: Line) -> set[str]:
    """Samples that the head lists as blanks: ``On Plate/Chip: blank_A3, blank_A4``."""
    found: set[str] = set()
    for line in sheet.lines:
        if line.number >= heading.number:
            break
        match = re.search(r"on plate/chip:\s*(.+)$", line.cell(1), re.IGNORECASE)
        if match:
            found |= {name.strip() for name in match.group(1).split(",")}
    return found


def _check_width(sheet: Sheet, heading: Line, line: Line) -> None:
    width = max(i + 1 for i, c in enumerate(heading.cells) if c)
    filled = max((i + 1 for i, c in enumerate(line.cells) if c), default=0)
    # The last column, the type of plate, is always filled.
    if filled != width:
        raise sheet.error(
            "TRUNCATED",
            f"this line has {filled} cells and the headings {width}; the table was cut or changed. "
            "Export it again.",
            line.number,
        )


def _named(
    attribute: _Attribute, line: Line, columns: dict[str, int], facts: dict[str, str]
) -> _Attribute:
    """A concentration is one of protein only where the application says so."""
    if attribute.name != "concentration":
        return attribute
    column = columns.get("application")
    application = facts.get("Application", "") if column is None else line.cell(column)
    name = "protein" if application.lower().startswith("protein") else "concentration by UV"
    return _Attribute(name=name, method=attribute.method, unit=attribute.unit)


def _value(sheet: Sheet, line: Line, column: int, well: str, attribute: _Attribute) -> Value:
    found = reported_in(sheet, line, column)
    none = attribute.zero_is_none and found.value == 0
    return Value(
        name=well,
        value=math.nan if none else found.value,
        censored=found.censored,
        excluded=found.excluded or none,
        reason="no peak" if none else found.reason,
        line=line.number,
    )


def _absorbances(
    sheet: Sheet,
    line: Line,
    columns: dict[str, int],
    well: str,
    sample: str,
    blanks: set[str],
) -> list[Well]:
    wells = []
    for key, column in columns.items():
        if not re.fullmatch(r"a\d{3}", key):
            continue
        found = reported_in(sheet, line, column)
        wells.append(
            Well(
                plate=line.cell(columns[PLATE]),
                well=well,
                sample=sample,
                target=key.upper(),
                role="blank" if sample in blanks else "unknown",
                value=found.value,
                unit="AU",
                censored=found.censored,
                excluded=found.excluded,
                reason=found.reason,
                line=line.number,
            )
        )
    return wells


def _measurements(
    values: Mapping[tuple[str, _Attribute], Sequence[Value]],
) -> tuple[Measurement, ...]:
    return tuple(
        Measurement(
            attribute=attribute.name,
            method=attribute.method,
            sample=sample,
            unit=attribute.unit,
            values=tuple(found),
            line=found[0].line,
        )
        for (sample, attribute), found in values.items()
    )


READERS = (Reader(name="stunner", kind=KIND, sniff=_sniff, read=_read, most_bytes=20_000_000),)
