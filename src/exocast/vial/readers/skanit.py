"""Plate readers of Thermo Fisher with SkanIt: workbooks of endpoint results.

A sheet a step of the protocol; below the name of the step and its wavelength each plate is a
matrix whose corner names the unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Reading
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, sheets_of_workbook
from exocast.vial.wells import (
    Well,
    Wells,
    column_numbers,
    reported_in,
    row_letter,
    row_name,
    well_table,
    well_warnings,
)
from exocast.vial.workbook import SheetLine, head_of_workbook

KIND = "SkanIt plate reader results"
TITLE = "measurement results"
UNITS = {"rlu": "RLU", "rfu": "RFU", "abs": "AU", "od": "AU"}


def _is_results(lines: Sequence[Line]) -> bool:
    firsts = [line.cell(0).lower() for line in lines[:4]]
    return TITLE in firsts and any(re.search(r"\.skax?$", c) for c in firsts)


def _sniff(file: InstrumentFile) -> bool:
    head = head_of_workbook(file, 8)
    return bool(head) and _is_results([x.line for x in _of_first_sheet(head)])


def _of_first_sheet(head: Sequence[SheetLine]) -> list[SheetLine]:
    return [x for x in head if x.sheet == head[0].sheet]


def _read(file: InstrumentFile) -> Reading:
    sheets = [s for s in sheets_of_workbook(file) if _is_results(s.lines)]
    wells = Wells(str(file.path))
    facts: dict[str, str] = {}
    for sheet in sheets:
        wells.extend(_wells(sheet, several=len(sheets) > 1))
        texts = [x.cell(0) for x in sheet.lines[1:3]]
        facts.setdefault("session", texts[0] if texts else "")
        facts.setdefault("measured", texts[1] if len(texts) > 1 else "")
    if not wells:
        raise InstrumentFileError(
            "the workbook holds no matrix of endpoint results. In SkanIt, export the results as "
            "'Measurement results' with plates as matrices.",
            where=str(file.path),
        )
    span = (wells[0].line, wells[-1].line)
    warnings = well_warnings(wells, sheets[0].warning)
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="skanit",
        kind=KIND,
        software="SkanIt",
        wells=well_table(wells),
        facts=facts,
        lines=span,
        warnings=tuple(warnings),
    )


def _wells(sheet: Sheet, *, several: bool) -> Iterator[Well]:
    plate = ""
    step = _step(sheet)
    i = 0
    while i < len(sheet.lines):
        line = sheet.lines[i]
        numbers = column_numbers(line.cells)
        if len(numbers) >= 2:
            unit = UNITS.get(line.cell(0).lower())
            if unit is None:
                raise sheet.error(
                    "UNIT",
                    f"the corner of the matrix names the unit '{line.cell(0)}', and known are "
                    f"{', '.join(sorted(UNITS))}. Export the raw results.",
                    line.number,
                )
            rows = _rows(sheet, line, sheet.lines[i + 1 :])
            for row in rows:
                yield from _row(sheet, row, numbers, plate, step if several else "", unit)
            i += len(rows)
        elif len(line.cells) == 1 and line.cell(0):
            plate = line.cell(0)
        i += 1


def _step(sheet: Sheet) -> str:
    """Name of the step: it stands above its wavelength."""
    for before, line in zip(sheet.lines, sheet.lines[1:], strict=False):
        if line.cell(0).lower().startswith("wavelength"):
            return before.cell(0)
    return sheet.name


def _rows(sheet: Sheet, heading: Line, lines: Sequence[Line]) -> list[Line]:
    """Rows A, B, C ... below a heading; plates have 8, 16 or 32, others 2, 3, 4 or 6."""
    found: list[Line] = []
    for line in lines:
        if not row_letter(line.cell(0)):
            break
        found.append(line)
    letters = [row_letter(x.cell(0)) for x in found]
    wanted = [row_name(i) for i in range(len(letters))]
    if letters != wanted or len(letters) not in {2, 3, 4, 6, 8, 16, 32}:
        raise sheet.error(
            "TRUNCATED",
            f"the matrix has the rows {', '.join(letters) or 'none'}, and those of a plate are "
            "A to H, or another full set; the sheet was cut or changed. Export it again.",
            heading.number,
        )
    return found


def _row(
    sheet: Sheet, line: Line, numbers: dict[int, int], plate: str, target: str, unit: str
) -> list[Well]:
    wells = []
    for i, n in numbers.items():
        if not line.cell(i):
            continue
        found = reported_in(sheet, line, i)
        wells.append(
            Well(
                plate=plate,
                well=f"{row_letter(line.cell(0))}{n}",
                target=target,
                value=found.value,
                unit=unit,
                censored=found.censored,
                excluded=found.excluded,
                reason=found.reason,
                line=line.number,
            )
        )
    return wells


READERS = (Reader(name="skanit", kind=KIND, sniff=_sniff, read=_read, most_bytes=20_000_000),)
