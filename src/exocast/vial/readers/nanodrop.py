"""NanoDrop spectrophotometers: text tables of the 8000 and of the Eight.

The 8000 has a column with the unit of its column ``conc.``; the Eight names the unit as the
heading of the concentration, below two lines about the run.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Measurement, Reading, Value, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import (
    NG_PER_ML,
    Sheet,
    columns_of,
    first_line,
    heading_key,
    sheet_of_text,
    unit_word,
    unquoted_lines,
)
from exocast.vial.wells import reported_in, well_name

KIND = "NanoDrop table"
METHOD = "UV"
EIGHT = ("date", "uid", "sample")
OLD = ("plate id", "well", "sample id", "conc.", "units")
# Headings of the ratio of absorbances, in one spelling.
RATIOS = {"260/280": "A260/A280", "a260/a280": "A260/A280", "260/230": "A260/A230",
          "a260/a230": "A260/A230"}  # fmt: skip
# A protein of extinction E 1 % reads c = 10 A / E in mg/mL; printed digits leave so much.
TOLERANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class _Columns:
    sample: int
    name: int
    concentration: int
    unit: int | str
    attribute: str


def _sniff(file: InstrumentFile) -> bool:
    lines = unquoted_lines(file.head[:8000])[:6]
    for i, line in enumerate(lines):
        keys = {heading_key(c) for c in re.split(r"[\t;,]", line)}
        if i == 0 and keys >= set(OLD):
            return True
        first = lines[0].lower()
        if first.startswith("application:") and keys >= set(EIGHT) and _unit_columns(keys):
            return True
    return False


def _unit_columns(keys: set[str]) -> set[str]:
    known = {u.lower() for u in NG_PER_ML}
    return {k for k in keys if unit_word(k).lower() in known}


def _read(file: InstrumentFile) -> Reading:
    sheet = sheet_of_text(file, "sample id|uid|a260")
    heading = first_line(sheet.lines, *OLD) or first_line(sheet.lines, *EIGHT)
    if heading is None:
        raise sheet.error(
            "NOT_AN_EXPORT",
            "no line of headings of a NanoDrop stands in the file ('Sample ID' with 'conc.' and "
            "'units', or 'UID' with 'Sample'). Export the table unchanged.",
        )
    facts = {
        x.cell(0).strip(" :"): next(c for c in x.cells[1:] if c)
        for x in sheet.lines
        if x.number < heading.number and x.cell(0) and any(x.cells[1:])
    }
    columns = _columns(sheet, heading, facts)
    ratios = {i: RATIOS[heading_key(c)] for i, c in enumerate(heading.cells)
              if heading_key(c) in RATIOS}  # fmt: skip
    values: dict[tuple[str, str, str], list[Value]] = {}
    warnings: list[VialWarning] = []
    last = heading.number
    for line in sheet.lines:
        if line.number <= heading.number or not any(line.cells):
            continue
        last = line.number
        sample = line.cell(columns.sample)
        unit = columns.unit if isinstance(columns.unit, str) else line.cell(columns.unit)
        value = _value(sheet, line, columns.concentration, columns.name)
        values.setdefault((sample, columns.attribute, _known(sheet, line, unit, value)), []).append(
            value
        )
        for i, name in ratios.items():
            ratio = _value(sheet, line, i, columns.name)
            values.setdefault((sample, name, "1"), []).append(ratio)
        warnings += _extinction(sheet, heading, line, value, unit_word(unit))
    if last == heading.number:
        raise sheet.error("EMPTY_RUN", "no sample stands below the headings.", heading.number)
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="nanodrop",
        kind=KIND,
        instrument="NanoDrop 8000" if isinstance(columns.unit, int) else "NanoDrop Eight",
        encoding=file.encoding,
        measurements=tuple(
            Measurement(
                attribute=attribute,
                method=METHOD,
                sample=sample,
                unit=unit,
                values=tuple(found),
                line=found[0].line,
            )
            for (sample, attribute, unit), found in values.items()
        ),
        facts=facts,
        lines=(1, last),
        warnings=tuple(warnings),
    )


def _columns(sheet: Sheet, heading: Line, facts: dict[str, str]) -> _Columns:
    keys = columns_of(heading)
    if set(OLD) <= set(keys):
        protein = "e 1%" in keys or "a280 10mm" in keys
        return _Columns(
            sample=keys["sample id"],
            name=keys["well"],
            concentration=keys["conc."],
            unit=keys["units"],
            attribute="protein" if protein else "nucleic acid",
        )
    units = sorted(_unit_columns(set(keys)))
    if len(units) != 1:
        raise sheet.error(
            "UNIT",
            f"{len(units)} headings are units of a concentration ({', '.join(units) or 'none'}), "
            "and one is needed. Export the table unchanged.",
            heading.number,
        )
    return _Columns(
        sample=keys["sample"],
        name=keys["date"],
        concentration=keys[units[0]],
        unit=next(u for u in NG_PER_ML if u.lower() == unit_word(units[0]).lower()),
        attribute=_substance(facts.get("Application", "")),
    )


def _substance(application: str) -> str:
    text = application.lower()
    for pattern, name in (("dna", "DNA"), ("rna", "RNA"), ("protein|bca|bradford", "protein")):
        if re.search(pattern, text):
            return name
    return application or "concentration by UV"


def _known(sheet: Sheet, line: Line, unit: str, value: Value) -> str:
    word = unit_word(unit)
    if word not in NG_PER_ML and math.isnan(value.value):
        # A sample without a result may have no unit; that of the other samples stands for it.
        cells = {unit_word(c) for x in sheet.lines for c in x.cells}
        word = next((u for u in NG_PER_ML if u in cells), "")
    if word not in NG_PER_ML:
        raise sheet.error(
            "UNIT",
            f"the concentration {value.value:g} has the unit '{unit[:20]}', and known are "
            f"{', '.join(NG_PER_ML)}. Export the table again.",
            line.number,
        )
    return word


def _value(sheet: Sheet, line: Line, column: int, name: int) -> Value:
    found = reported_in(sheet, line, column)
    label = line.cell(name)
    return Value(
        name=well_name(label) or label,
        value=found.value,
        censored=found.censored,
        excluded=found.excluded,
        reason=found.reason,
        line=line.number,
    )


def _extinction(
    sheet: Sheet, heading: Line, line: Line, value: Value, unit: str
) -> list[VialWarning]:
    """A protein's concentration follows from its absorbance and extinction in the same line."""
    keys = columns_of(heading)
    if not {"e 1%", "a280 10mm"} <= set(keys) or unit not in NG_PER_ML:
        return []
    absorbance, extinction = (sheet.number(line, keys[k]) for k in ("a280 10mm", "e 1%"))
    if not (extinction > 0 and absorbance > 0 and value.value > 0):
        return []
    wanted = 10 * absorbance / extinction * NG_PER_ML["mg/mL"] / NG_PER_ML[unit]
    if abs(value.value - wanted) <= TOLERANCE * wanted:
        return []
    message = (
        f"an A280 of {absorbance:g} with E 1 % of {extinction:g} makes {wanted:.4g} {unit}, and "
        f"{value.value:g} is stated; it stands as the file has it"
    )
    return [sheet.warning("CHECKSUM", message, line.number)]


READERS = (Reader(name="nanodrop", kind=KIND, sniff=_sniff, read=_read, most_bytes=500_000),)
