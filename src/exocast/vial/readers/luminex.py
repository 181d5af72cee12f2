"""Bead immunoassays of Luminex with xPONENT: CSV of a batch.

A head about batch and calibration is followed by sections, one a ``DataType:``. The medians are
read; ``NaN`` and an empty cell are no result. Counts of beads and the instrument's warnings are
used to say what a median rests on.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Reading, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, sheet_of_text, unit_word, unquoted_lines
from exocast.vial.wells import (
    Well,
    Wells,
    reported_in,
    role_of,
    well_name,
    well_table,
    well_warnings,
)

KIND = "Luminex xPONENT export"
DATA_TYPE = "datatype:"
# 'Bead' stands where nobody entered a unit.
NO_UNIT = {"", "bead", "none"}


@dataclass(kw_only=True)
class _Section:
    """Lines of a data type: headings, and cells by the first cell of each line."""

    title: str
    heading: Line
    lines: Sequence[Line] = ()
    numbers: array[int] = field(default_factory=lambda: array("I"))

    def analytes(self) -> dict[str, int]:
        """Columns of the analytes, between the sample and the total of events."""
        return {
            c: i
            for i, c in enumerate(self.heading.cells)
            if c and c.lower() not in {"location", "sample", "analyte:", "total events", "notes"}
        }


def _sniff(file: InstrumentFile) -> bool:
    first = next(iter(unquoted_lines(file.head[:2000])), "")
    cells = [c.strip().lower() for c in re.split(r"[\t;,]", first)]
    return cells[:2] == ["program", "xponent"]


def _read(file: InstrumentFile) -> Reading:
    sheet = sheet_of_text(file, "program|datatype:")
    sections = _sections(sheet)
    median = sections.get("median")
    if median is None or not median.lines:
        raise sheet.error(
            "EMPTY_RUN" if sections else "TRUNCATED",
            "the section 'DataType: Median' is missing or empty; the file was cut, or the batch "
            "was exported without medians. Export the batch again.",
        )
    if not any(x.cell(0).startswith(("-- CRC", "CRC")) for x in sheet.lines[-6:]):
        raise sheet.error(
            "TRUNCATED",
            "the file does not end with its check line ('-- CRC --'); it was cut. Export the "
            "batch again.",
            sheet.lines[-1].number,
        )
    facts = _facts(sheet)
    wells = _wells(sheet, sections, median)
    warnings = (
        *_bead_warnings(sheet, sections, wells),
        *_instrument_warnings(sheet, sections),
        *well_warnings(wells, sheet.warning),
    )
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="luminex",
        kind=KIND,
        software=f"xPONENT {facts.get('Build', '')}".strip(),
        instrument=facts.get("SN", ""),
        encoding=file.encoding,
        wells=well_table(wells),
        facts=facts,
        lines=(1, sheet.lines[-1].number),
        warnings=warnings,
    )


def _sections(sheet: Sheet) -> dict[str, _Section]:
    found: dict[str, _Section] = {}
    section: _Section | None = None
    lines = sheet.lines
    for i, line in enumerate(lines):
        if line.cell(0).lower() == DATA_TYPE:
            heading = lines[i + 1] if i + 1 < len(lines) else line
            section = _Section(title=line.cell(1), heading=heading)
            key = section.title.lower()
            if key in found:
                raise sheet.error(
                    "COLUMNS",
                    f"the section '{section.title}' stands twice; the file was changed or two were "
                    "joined. Export the batch again.",
                    line.number,
                )
            found[key] = section
        elif not any(line.cells) or line.cell(0).startswith("-- CRC"):
            section = None
        elif section is not None and line.number != section.heading.number:
            section.numbers.append(line.number)
    for section in found.values():
        section.lines = sheet.numbered(section.numbers)
    return found


def _facts(sheet: Sheet) -> dict[str, str]:
    facts: dict[str, str] = {}
    for line in sheet.lines:
        if line.cell(0).lower() in {"results", DATA_TYPE}:
            break
        filled = [c for c in line.cells[1:] if c]
        if line.cell(0) and filled and len(filled) <= 6:
            facts.setdefault(line.cell(0), " ".join(filled))
    return facts


def _place(cell: str) -> str:
    """Well of a location: ``1(1,A1)`` or ``1,A1``."""
    match = re.search(r"(?:^|,)\s*([A-Za-z]{1,2}\d{1,2})\)?$", cell)
    return well_name(match.group(1)) if match else ""


def _plate(cell: str) -> str:
    match = re.search(r"(\d+)\s*,\s*[A-Za-z]", cell)
    return match.group(1) if match else ""


def _wells(sheet: Sheet, sections: dict[str, _Section], median: _Section) -> Wells:
    analytes = median.analytes()
    if not analytes:
        raise sheet.error(
            "COLUMNS", "the medians name no analyte; the file was changed.", median.heading.number
        )
    units = _units(sections)
    nominal = _expected(sheet, sections)
    dilutions = _dilutions(sheet, sections)
    wells = Wells(str(sheet.path))
    for line in median.lines:
        location, sample = line.cell(0), line.cell(1)
        place = _place(location)
        if not place:
            raise sheet.error(
                "TRUNCATED",
                f"the location is '{location[:30]}', and one such as '1(1,A1)' is needed; the file "
                "was cut or changed. Export the batch again.",
                line.number,
            )
        role = role_of(sample)
        for analyte, column in analytes.items():
            found = reported_in(sheet, line, column)
            quantity = nominal.get((sample, analyte), math.nan)
            wells.append(
                Well(
                    plate=_plate(location),
                    well=place,
                    sample=sample,
                    target=analyte,
                    role=role,
                    nominal=quantity if role == "standard" else math.nan,
                    nominal_unit=units.get(analyte, "") if role == "standard" else "",
                    value=found.value,
                    unit="MFI",
                    censored=found.censored,
                    dilution=dilutions.get(location, math.nan),
                    excluded=found.excluded,
                    reason=found.reason,
                    line=line.number,
                )
            )
    return wells


def _units(sections: dict[str, _Section]) -> dict[str, str]:
    section = sections.get("units")
    row = (
        next((x for x in section.lines if x.cell(0).lower() == "units:"), None) if section else None
    )
    if section is None or row is None:
        return {}
    return {
        analyte: "" if row.cell(i).lower() in NO_UNIT else unit_word(row.cell(i))
        for analyte, i in section.analytes().items()
    }


def _expected(sheet: Sheet, sections: dict[str, _Section]) -> dict[tuple[str, str], float]:
    """Quantities of the standards, by sample and analyte."""
    section = sections.get("standard expected concentration")
    if section is None:
        return {}
    analytes = section.analytes()
    return {
        (line.cell(0), analyte): sheet.number(line, i)
        for line in section.lines
        for analyte, i in analytes.items()
    }


def _dilutions(sheet: Sheet, sections: dict[str, _Section]) -> dict[str, float]:
    section = sections.get("dilution factor")
    if section is None:
        return {}
    column = next(
        (i for i, c in enumerate(section.heading.cells) if c.lower() == "dilution factor"), None
    )
    if column is None:
        return {}
    return {line.cell(0): sheet.number(line, column) for line in section.lines}


def _bead_warnings(
    sheet: Sheet, sections: dict[str, _Section], wells: Sequence[Well]
) -> list[VialWarning]:
    """Medians that rest on fewer beads than the protocol asked for."""
    counts, wanted = sections.get("count"), sections.get("per bead count")
    row = (
        next((x for x in wanted.lines if x.cell(0).lower() == "per bead:"), None)
        if wanted
        else None
    )
    if counts is None or wanted is None or row is None:
        return []
    least = {a: sheet.number(row, i) for a, i in wanted.analytes().items()}
    found: dict[tuple[str, str, str], float] = {}
    analytes = counts.analytes()
    for x in counts.lines:
        for a, i in analytes.items():
            key, beads = (_plate(x.cell(0)), _place(x.cell(0)), a), sheet.number(x, i)
            if beads < least.get(a, 0):
                found[key] = beads
            else:
                found.pop(key, None)
    few = (w for w in wells if not w.excluded and (w.plate, w.well, w.target) in found)
    w = next(few, None)
    if w is None:
        return []
    n = 1 + sum(1 for _ in few)
    message = (
        f"{n} of {len(wells)} medians rest on fewer beads than the protocol asked for, "
        f"such as '{w.target}' in {w.well} on {found[w.plate, w.well, w.target]:g} of "
        f"{least[w.target]:g}; they are kept"
    )
    return [sheet.warning("TOO_FEW_BEADS", message, w.line)]


def _instrument_warnings(sheet: Sheet, sections: dict[str, _Section]) -> list[VialWarning]:
    """What the instrument itself warned of, one line a message."""
    section = sections.get("warnings/errors")
    counts: Counter[str] = Counter()
    first: dict[str, Line] = {}
    for line in section.lines if section else ():
        if line.cell(2):
            message = re.sub(r"\s*\(0x\w+\)$", "", line.cell(2))
            counts[message] += 1
            first.setdefault(message, line)
    return [
        sheet.warning(
            "INSTRUMENT",
            f"of {count} wells ({_place(first[message].cell(0))} ...) it says itself: {message}",
            first[message].number,
        )
        for message, count in counts.items()
    ]


READERS = (Reader(name="luminex", kind=KIND, sniff=_sniff, read=_read, most_bytes=50_000_000),)
