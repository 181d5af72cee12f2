"""Plate readers of Tecan with Magellan: workbooks with one row a well and one column a reading.

Below the wells stand the settings, one paragraph a measurement; they name mode, wavelength and
unit in the order of the columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Reading
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, sheets_of_workbook
from exocast.vial.wells import (
    Well,
    Wells,
    reported_in,
    role_of,
    well_name,
    well_table,
    well_warnings,
)
from exocast.vial.workbook import head_of_workbook

KIND = "Magellan plate reader results"
WELLS = "well positions"
LAYOUT = ("layout", "sample ids")
UNITS = {"od": "AU", "rfu": "RFU", "rlu": "RLU"}


@dataclass(frozen=True, kw_only=True)
class _Setting:
    mode: str
    wavelength: str
    unit: str


def _sniff(file: InstrumentFile) -> bool:
    head = head_of_workbook(file, 3)
    return bool(head) and any(c.lower() == WELLS for c in head[0].line.cells)


def _read(file: InstrumentFile) -> Reading:
    sheet, heading = _table(file)
    place = next(i for i, c in enumerate(heading.cells) if c.lower() == WELLS)
    layout = next((i for i, c in enumerate(heading.cells) if c.lower() in LAYOUT), None)
    labels = {i: c for i, c in enumerate(heading.cells) if c and i not in {place, layout}}
    rows = [x for x in sheet.lines if well_name(x.cell(place))]
    tail = [x for x in sheet.lines if rows and x.number > rows[-1].number]
    settings = _settings(tail)
    _check(sheet, heading, labels, rows, settings)
    wells = Wells(str(file.path))
    wells.extend(
        _well(sheet, row, place, layout, i, label, setting, several=len(labels) > 1)
        for row in rows
        for (i, label), setting in zip(labels.items(), settings, strict=True)
    )
    warnings = well_warnings(wells, sheet.warning)
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="magellan",
        kind=KIND,
        software="Magellan",
        instrument=_said(tail, "Instrument serial number"),
        wells=well_table(wells),
        facts=_facts(tail),
        lines=(heading.number, sheet.lines[-1].number),
        warnings=tuple(warnings),
    )


def _table(file: InstrumentFile) -> tuple[Sheet, Line]:
    for sheet in sheets_of_workbook(file):
        for line in sheet.lines[:3]:
            if any(c.lower() == WELLS for c in line.cells):
                return sheet, line
    raise InstrumentFileError(
        "no column 'Well positions' stands in the first lines of the workbook. In Magellan, "
        "export the raw data to Excel unchanged.",
        where=str(file.path),
    )


def _settings(tail: Sequence[Line]) -> list[_Setting]:
    """Settings of each measurement, in the order of the columns."""
    found: list[dict[str, str]] = []
    for line in tail:
        text = line.cell(0)
        if re.fullmatch(r"Measurement \d+:", text):
            found.append({})
        elif found and (match := re.fullmatch(r"([^:]+):\s*(.*)", text)):
            found[-1].setdefault(match.group(1).lower(), match.group(2))
    return [
        _Setting(
            mode=f.get("measurement mode", ""),
            wavelength=f.get("measurement wavelength", ""),
            unit=UNITS.get(f.get("unit", "").lower(), ""),
        )
        for f in found
    ]


def _check(
    sheet: Sheet,
    heading: Line,
    labels: dict[int, str],
    rows: Sequence[Line],
    settings: Sequence[_Setting],
) -> None:
    if len(set(labels.values())) < len(labels):
        raise sheet.error(
            "NOT_AN_EXPORT",
            f"the readings {', '.join(labels.values())} repeat: this is a kinetic, and endpoints "
            "are read.",
            heading.number,
        )
    if not rows or not labels:
        raise sheet.error(
            "EMPTY_RUN", "no wells or no readings stand in the table.", heading.number
        )
    if len(settings) != len(labels) or any(not s.unit for s in settings):
        raise sheet.error(
            "UNIT",
            f"{len(labels)} readings ({', '.join(labels.values())}) stand in the table and "
            f"{sum(bool(s.unit) for s in settings)} measurements below it name a known unit "
            f"({', '.join(UNITS)}); without units nothing is read. Export with the settings.",
            heading.number,
        )
    places = [x.cells[0] for x in rows]
    if len(set(places)) < len(places):
        raise sheet.error(
            "NOT_AN_EXPORT",
            "a well stands in several rows: this is a kinetic or several plates, and one endpoint "
            "plate is read.",
            rows[0].number,
        )


def _well(
    sheet: Sheet,
    row: Line,
    place: int,
    layout: int | None,
    column: int,
    label: str,
    setting: _Setting,
    *,
    several: bool,
) -> Well:
    found = reported_in(sheet, row, column)
    sample = "" if layout is None else row.cell(layout)
    return Well(
        well=well_name(row.cell(place)),
        sample=sample,
        target=f"{label} {setting.wavelength}".strip() if several else "",
        role=role_of(sample),
        value=found.value,
        unit=setting.unit,
        censored=found.censored,
        excluded=found.excluded,
        reason=found.reason,
        line=row.number,
    )


def _said(tail: Sequence[Line], name: str) -> str:
    start = f"{name}:"
    return next((x.cell(0)[len(start) :].strip() for x in tail if x.cell(0).startswith(start)), "")


def _facts(tail: Sequence[Line]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for line in tail:
        if match := re.fullmatch(r"([A-Za-z][^:/]{2,40}):\s*(\S.*)", line.cell(0)):
            facts.setdefault(match.group(1), match.group(2))
    return facts


READERS = (Reader(name="magellan", kind=KIND, sniff=_sniff, read=_read, most_bytes=20_000_000),)
