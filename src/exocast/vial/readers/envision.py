"""Plate readers of PerkinElmer with EnVision Manager: CSV with plates as matrices.

Each plate has two lines of information and a bare matrix, without names of rows and columns.
Plates that EnVision computed carry a formula and are not read. What detected the light follows
from ``Measinfo``: no emission is an absorbance, no excitation a luminescence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Reading, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, columns_of, sheet_of_text, unquoted_lines
from exocast.vial.wells import (
    Well,
    Wells,
    column_numbers,
    reported_in,
    role_of,
    row_letter,
    row_name,
    well_table,
    well_warnings,
)

KIND = "EnVision plate reader export"
INFORMATION = "plate information"
# Rows and columns of plates with 6 to 1536 wells.
SHAPES = {(2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48)}


@dataclass(frozen=True, kw_only=True)
class _Plate:
    number: str
    repeat: str
    label: str
    unit: str
    formula: str
    heading: Line
    # Lines of the matrix, and in which of their cells it begins.
    matrix: Sequence[Line]
    start: int


def _sniff(file: InstrumentFile) -> bool:
    lines = [x.strip().lower() for x in unquoted_lines(file.head[:4000])]
    return (
        len(lines) > 1
        and lines[0] == INFORMATION
        and re.match(r"plate[,;\t]repeat[,;\t]barcode", lines[1]) is not None
    )


def _read(file: InstrumentFile) -> Reading:
    sheet = sheet_of_text(file, "barcode")
    plates = _plates(sheet)
    read = [p for p in plates if not p.formula]
    if not read:
        raise sheet.error(
            "NOT_AN_EXPORT",
            f"{len(plates)} plates stand in the file and none was measured (they carry formulas). "
            "Export the measured plates.",
        )
    layout = _layout(sheet)
    several = len({p.label for p in read}) > 1
    wells = Wells(str(file.path))
    for plate in read:
        wells.extend(_wells(sheet, plate, layout, several=several))
    facts = _facts(sheet)
    left = [p.formula for p in plates if p.formula]
    if left:
        facts["computed by EnVision, not read"] = "; ".join(dict.fromkeys(left))
    warnings = [*_repeat_warnings(sheet, read), *well_warnings(wells, sheet.warning)]
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="envision",
        kind=KIND,
        software=facts.get("Exported with", "EnVision Workstation"),
        instrument=f"EnVision {facts.get('Serial#', '')}".strip(),
        encoding=file.encoding,
        wells=well_table(wells),
        facts=facts,
        lines=(1, sheet.lines[-1].number),
        warnings=tuple(warnings),
    )


def _bare(cell: str) -> str:
    """A cell without the formula that keeps a spreadsheet from changing it: ``="12"``."""
    match = re.fullmatch(r'="?(.*?)"?', cell)
    return match.group(1) if match else cell


def _plates(sheet: Sheet) -> list[_Plate]:
    starts = [i for i, x in enumerate(sheet.lines) if x.cell(0).lower() == INFORMATION]
    found = []
    for i in starts:
        heading, values = _after(sheet.lines, i), _after(sheet.lines, i + 1)
        columns = columns_of(heading)
        if "plate" not in columns or not values.cell(0):
            raise sheet.error(
                "TRUNCATED",
                "below 'Plate information' a line of headings and one of values are needed; the "
                "file was cut or changed. Export it again.",
                sheet.lines[i].number,
            )
        named = {key: _bare(values.cell(column)) for key, column in columns.items()}
        formula = named.get("formula", "")
        label = named.get("label", "")
        unit = "" if formula else _unit(sheet, named.get("measinfo", ""), heading)
        matrix, start = ((), 0) if formula else _matrix(sheet, i, heading)
        found.append(
            _Plate(
                number=named["plate"],
                repeat=named.get("repeat", ""),
                label=label,
                unit=unit,
                formula=formula,
                heading=heading,
                matrix=matrix,
                start=start,
            )
        )
    return found


def _after(lines: Sequence[Line], i: int) -> Line:
    return lines[i + 1] if i + 1 < len(lines) else Line(number=lines[-1].number, cells=())


def _unit(sheet: Sheet, information: str, heading: Line) -> str:
    """Unit by what the filters are: ``De=1st Ex=Btm Em=N/A`` measures what is absorbed."""
    match = re.search(r"Ex=(\S+) Em=(\S+)", information)
    if match is None:
        raise sheet.error(
            "UNIT",
            f"'{information[:60]}' names no excitation and emission, so what was measured is not "
            "known. Export with the plate information complete.",
            heading.number + 1,
        )
    excited, emitted = (g.upper() != "N/A" for g in match.groups())
    if excited and not emitted:
        return "AU"
    return "RFU" if excited else "RLU"


def _matrix(sheet: Sheet, start: int, heading: Line) -> tuple[Sequence[Line], int]:
    """Lines of a plate and in which cell they begin.

    They are what stands together below its information and that of the background.
    """
    rows: list[Line] = []
    blocks = _blocks(sheet.lines[start:])
    next(blocks)
    for block in blocks:
        first = block[0].cell(0).lower()
        if first == "background information":
            continue
        if first != INFORMATION and not first.startswith("basic assay"):
            rows = block
        break
    begin = 0
    if rows and not rows[0].cell(0) and column_numbers(rows[0].cells):
        # With names of rows and columns.
        rows, begin = rows[1:], 1
    widths = {max(_width(x) - begin, 0) for x in rows}
    if len(widths) != 1 or (len(rows), next(iter(widths))) not in SHAPES:
        raise sheet.error(
            "TRUNCATED",
            f"the plate has {len(rows)} rows with {', '.join(map(str, sorted(widths))) or 'no'} "
            "columns, which is no plate; the file was cut or changed. Export it again.",
            heading.number,
        )
    return sheet.numbered(x.number for x in rows), begin


def _blocks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    block: list[Line] = []
    for line in lines:
        if any(line.cells):
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _width(line: Line) -> int:
    return max((i + 1 for i, c in enumerate(line.cells) if c), default=0)


def _layout(sheet: Sheet) -> dict[tuple[str, str], str]:
    """Codes of the plate map by plate and well; a dash stands for nothing defined."""
    codes: dict[tuple[str, str], str] = {}
    start = next((i for i, x in enumerate(sheet.lines) if x.cell(0).lower() == "platemap:"), None)
    plate, numbers = "", {}
    for line in sheet.lines[start + 1 :] if start is not None else ():
        first = line.cell(0)
        if first.lower() == "plate":
            plate = next((c for c in line.cells[1:] if c), "")
        elif first == "" and len(column_numbers(line.cells)) > 1:
            numbers = column_numbers(line.cells)
        elif row_letter(first) and numbers:
            for i, n in numbers.items():
                if line.cell(i) not in {"", "-"}:
                    codes[plate, f"{row_letter(first)}{n}"] = line.cell(i)
        elif first.endswith(":"):
            break
    return codes


def _wells(
    sheet: Sheet, plate: _Plate, layout: dict[tuple[str, str], str], *, several: bool
) -> list[Well]:
    wells = []
    for r, line in enumerate(plate.matrix):
        for i in range(plate.start, _width(line)):
            name = f"{row_name(r)}{i - plate.start + 1}"
            code = layout.get((plate.number, name), "")
            found = reported_in(sheet, line, i)
            wells.append(
                Well(
                    plate=plate.number,
                    well=name,
                    sample=code,
                    target=plate.label if several else "",
                    role=role_of(code),
                    value=found.value,
                    unit=plate.unit,
                    censored=found.censored,
                    excluded=found.excluded,
                    reason=found.reason,
                    line=line.number,
                )
            )
    return wells


def _repeat_warnings(sheet: Sheet, plates: Sequence[_Plate]) -> list[VialWarning]:
    """A plate that was read again with one label has two values a well."""
    seen: set[tuple[str, str]] = set()
    for plate in plates:
        key = (plate.number, plate.label)
        if key in seen:
            message = f"plate {plate.number} was read again with '{plate.label}' (repeat "
            message += f"{plate.repeat}): its wells stand several times"
            return [sheet.warning("MIXED_SAMPLES", message, plate.heading.number)]
        seen.add(key)
    return []


def _facts(sheet: Sheet) -> dict[str, str]:
    facts: dict[str, str] = {}
    for line in sheet.lines:
        value = _bare(line.cell(4))
        if line.cell(0) and value and not any(line.cells[1:4]):
            facts.setdefault(line.cell(0).strip(" :"), value)
    return facts


READERS = (Reader(name="envision", kind=KIND, sniff=_sniff, read=_read, most_bytes=20_000_000),)
