"""Plate readers of Molecular Devices with SoftMax Pro: text exports (UTF-16) of endpoint reads.

``Plate:`` blocks hold raw values, as a plate or as one line of wells, and then reduced ones;
only raw ones are read. ``Group:`` blocks name the samples in the wells, with the quantity of
standards and its unit in a heading. Sample ``01`` of one group is not that of another, so a
sample is named with its group.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Reading, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, heading_key, sheet_of_text, unit_word, unquoted_lines
from exocast.vial.wells import (
    Well,
    Wells,
    reported_in,
    role_of,
    row_name,
    well_name,
    well_table,
    well_warnings,
)

KIND = "SoftMax Pro export"
UNITS = {"absorbance": "AU", "fluorescence": "RFU", "luminescence": "RLU"}
# Cells of a line 'Plate:'; the version of the layout stands at 2.
NAME, VERSION, LAYOUT, READ, DETECTION, DATA = 1, 2, 3, 4, 5, 6
WAVELENGTHS, ROWS = 15, 20
KNOWN_VERSION = "1.3"


@dataclass(frozen=True, kw_only=True)
class _Content:
    """What a group says is in a well."""

    sample: str
    role: str
    nominal: float
    unit: str
    dilution: float


def _sniff(file: InstrumentFile) -> bool:
    lines = unquoted_lines(file.head[:8000])
    return bool(lines) and re.match(r"##BLOCKS\s*=\s*\d+", lines[0].lstrip("\ufeff")) is not None


def _read(file: InstrumentFile) -> Reading:
    sheet = sheet_of_text(file, "plate:|group:")
    blocks = _blocks(sheet)
    wells = Wells(str(file.path))
    warnings: list[VialWarning] = []
    for block in blocks:
        if block[0].cell(0).lower() == "plate:":
            refused = _unsupported(block[0])
            if refused:
                warnings.append(sheet.warning("NOT_READ", refused, block[0].number))
            else:
                wells.extend(_plate(sheet, block))
    if not wells:
        why = f" ({warnings[0].message})" if warnings else ""
        raise sheet.error(
            "NOT_AN_EXPORT",
            f"the file holds no raw endpoint read of a plate{why}. In SoftMax Pro, export the "
            "plate sections of endpoint reads with raw data as text.",
        )
    contents, said = _contents(sheet, blocks, set(wells.column("plate")))
    for i, well in enumerate(wells):
        wells[i] = _with_content(well, contents)
    said += well_warnings(wells, sheet.warning)
    saved = next((x.cell(0) for x in reversed(sheet.lines) if any(x.cells)), "")
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="softmax",
        kind=KIND,
        software="SoftMax Pro",
        encoding=file.encoding,
        wells=well_table(wells),
        facts={"saved": saved} if saved.lower().startswith("original filename") else {},
        lines=(1, sheet.lines[-1].number),
        warnings=(*warnings, *said),
    )


def _blocks(sheet: Sheet) -> list[Sequence[Line]]:
    """Sections up to their ``~End``; a section that never ends was cut."""
    found: list[Sequence[Line]] = []
    block: list[Line] = []
    for line in sheet.lines[1:]:
        first = line.cell(0)
        if first.lower().startswith("group:") or first.lower() in {"plate:", "note:"}:
            if block:
                raise _cut(sheet, block)
            block = [line]
        elif first == "~End":
            if block:
                found.append(sheet.numbered(x.number for x in block))
            block = []
        elif block:
            block.append(line)
    if block:
        raise _cut(sheet, block)
    return found


def _cut(sheet: Sheet, block: Sequence[Line]) -> InstrumentFileError:
    return sheet.error(
        "TRUNCATED",
        f"the section '{' '.join(block[0].cells[:2])[:40]}' has no '~End'; the file was cut. "
        "Export it again.",
        block[0].number,
    )


def _unsupported(head: Line) -> str:
    """Why a plate is not read; empty when it is."""
    name = head.cell(NAME)
    if head.cell(VERSION) != KNOWN_VERSION:
        return f"plate '{name}' has the layout '{head.cell(VERSION)}', known is {KNOWN_VERSION}"
    if head.cell(READ).lower() != "endpoint":
        return f"plate '{name}' is a {head.cell(READ).lower()} read; endpoints are read"
    if head.cell(DETECTION).lower() not in UNITS:
        return f"plate '{name}' detects '{head.cell(DETECTION)}', which is not known"
    if head.cell(DATA).lower() not in {"raw", "both"}:
        return f"plate '{name}' holds {head.cell(DATA).lower()} data only, and raw ones are needed"
    if head.cell(LAYOUT) not in {"PlateFormat", "TimeFormat"}:
        return f"plate '{name}' has the format '{head.cell(LAYOUT)}'"
    return ""


def _plate(sheet: Sheet, block: Sequence[Line]) -> list[Well]:
    head, lines = block[0], block[1:]
    names = next((x for x in lines if "temperature" in x.cell(1).lower()), None)
    if names is None:
        raise sheet.error(
            "TRUNCATED",
            f"plate '{head.cell(NAME)}' has no line of headings that starts with 'Temperature'; "
            "the file was changed. Export it again.",
            head.number,
        )
    places = _places(sheet, head, names)
    wells: list[Well] = []
    row = 0
    for line in lines[lines.index(names) + 1 :]:
        if not any(line.cells):
            break
        for column, name, wavelength in places:
            well = name if well_name(name) else f"{row_name(row)}{name}"
            if line.cell(column):
                wells.append(_well(sheet, head, line, column, well, wavelength))
        row += 1
    wanted = 1 if head.cell(LAYOUT) == "TimeFormat" else _whole(sheet, head, ROWS)
    if row != wanted:
        raise sheet.error(
            "TRUNCATED",
            f"plate '{head.cell(NAME)}' has {row} rows of raw values and announces {wanted}; the "
            "file was cut or changed. Export it again.",
            head.number,
        )
    return wells


def _whole(sheet: Sheet, line: Line, column: int) -> int:
    value = sheet.number(line, column)
    if not value >= 1 or value != int(value):
        raise sheet.error(
            "TRUNCATED",
            f"'{line.cell(column)}' stands where the number of rows or columns of the plate is; "
            "the file was changed. Export it again.",
            line.number,
        )
    return int(value)


def _places(sheet: Sheet, head: Line, names: Line) -> list[tuple[int, str, str]]:
    """Column of the file, name of the well or its column, and wavelength.

    With several wavelengths the columns of the plate come once for each.
    """
    wavelengths = head.cell(WAVELENGTHS).split() or [""]
    seen: dict[str, int] = {}
    places = []
    for i, cell in enumerate(names.cells[2:], start=2):
        if not cell:
            continue
        if not (well_name(cell) or re.fullmatch(r"[1-9]\d?", cell)):
            raise sheet.error(
                "COLUMNS",
                f"'{cell[:40]}' stands where a column of the plate is named; the file was changed. "
                "Export it again.",
                names.number,
            )
        k = seen.get(cell, 0)
        seen[cell] = k + 1
        if k >= len(wavelengths):
            raise sheet.error(
                "COLUMNS",
                f"column {cell} of plate '{head.cell(NAME)}' stands {k + 1} times and "
                f"{len(wavelengths)} wavelengths were read; the file was changed.",
                names.number,
            )
        places.append((i, cell, wavelengths[k]))
    return places


def _well(sheet: Sheet, head: Line, line: Line, column: int, name: str, wavelength: str) -> Well:
    found = reported_in(sheet, line, column)
    # A luminescence of all wavelengths has '0' there.
    several = len(head.cell(WAVELENGTHS).split()) > 1
    return Well(
        plate=head.cell(NAME),
        well=name,
        target=f"{wavelength} nm" if several and wavelength != "0" else "",
        value=found.value,
        unit=UNITS[head.cell(DETECTION).lower()],
        censored=found.censored,
        excluded=found.excluded,
        reason=found.reason,
        line=line.number,
    )


# Groups -----------------------------------------------------------------------------------------


def _contents(
    sheet: Sheet, blocks: Sequence[Sequence[Line]], plates: set[str]
) -> tuple[dict[tuple[str, str], _Content], list[VialWarning]]:
    contents: dict[tuple[str, str], _Content] = {}
    warnings = []
    for block in blocks:
        name = block[0].cell(0)
        if not name.lower().startswith("group:") or len(block) < 2:
            continue
        group = name.split(":", 1)[1].strip() or block[0].cell(1)
        heading = block[1]
        keys = [heading_key(c) for c in heading.cells]
        plate_column = keys.index("wellplatename") if "wellplatename" in keys else None
        if "wells" not in keys or (plate_column is None and len(plates) > 1):
            message = f"group '{group}' does not say which wells of which plate hold its samples"
            warnings.append(sheet.warning("NOT_READ", message, heading.number))
            continue
        _add_group(sheet, contents, block[1:], group, keys, plate_column, plates)
    return contents, warnings


def _add_group(
    sheet: Sheet,
    contents: dict[tuple[str, str], _Content],
    lines: Sequence[Line],
    group: str,
    keys: Sequence[str],
    plate_column: int | None,
    plates: set[str],
) -> None:
    quantity = next((i for i, k in enumerate(keys) if re.match(r"standard ?value", k)), None)
    factor = next(
        (i for i, k in enumerate(keys) if re.match(r"dil(ution|\.)? ?(factor)?$", k)), None
    )
    unit = ""
    if quantity is not None:
        unit = re.sub(r"(?i)^standard ?value", "", lines[0].cell(quantity)).strip(" ()[]")
    role = "standard" if quantity is not None else role_of(re.split(r"[\s_(]", group)[0])
    if role == "unknown" and re.match(r"(?i)unknown|sample", group):
        role = "sample"
    sample, nominal, dilution = "", math.nan, math.nan
    for line in lines[1:]:
        if not any(line.cells) or line.cell(0).lower() == "group column":
            break
        if line.cell(0):
            sample = line.cell(0)
            nominal = math.nan if quantity is None else sheet.number(line, quantity)
            dilution = math.nan if factor is None else sheet.number(line, factor)
        plate = next(iter(plates)) if plate_column is None else line.cell(plate_column)
        for text in re.split(r"[,;]", line.cell(keys.index("wells"))):
            if well := well_name(text):
                contents[plate, well] = _Content(
                    sample=f"{group} {sample}".strip(),
                    role=role,
                    nominal=nominal,
                    unit=unit_word(unit),
                    dilution=dilution,
                )


def _with_content(well: Well, contents: dict[tuple[str, str], _Content]) -> Well:
    found = contents.get((well.plate, well.well))
    if found is None:
        return well
    return replace(
        well,
        sample=found.sample,
        role=found.role,
        nominal=found.nominal,
        nominal_unit=found.unit if not math.isnan(found.nominal) else "",
        dilution=found.dilution,
    )


READERS = (Reader(name="softmax", kind=KIND, sniff=_sniff, read=_read, most_bytes=50_000_000),)
