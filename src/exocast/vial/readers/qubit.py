"""Qubit 4 fluorometer: CSV of runs.

A line has two concentrations, each with a column ``Units`` of its own right behind it: that in the
assay tube (ng/mL), and that of the sample (often ng/µL), which carries the dilution into the
tube already. They differ a thousandfold in unit and are told apart by place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Dilution, Measurement, Reading, Value, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import (
    NG_PER_ML,
    Sheet,
    heading_key,
    sheet_of_text,
    unit_word,
    unquoted_lines,
)
from exocast.vial.wells import reported_in

KIND = "Qubit fluorometer export"
METHOD = "fluorescence"
TUBE, ORIGINAL = r"qubit.{0,3} tube conc\.?", r"original sample conc\.?"
FACTOR, VOLUME = "dilution factor", r"sample volume \(ul\)"
# Concentrations are printed with three digits.
TOLERANCE = 0.01


def _sniff(file: InstrumentFile) -> bool:
    first = next(iter(unquoted_lines(file.head[:4000])), "")
    keys = [heading_key(c) for c in re.split(r"[\t;,]", first)]
    return any(re.fullmatch(TUBE, k) for k in keys) and keys.count("units") == 2


def _read(file: InstrumentFile) -> Reading:
    sheet = sheet_of_text(file, "original sample conc")
    heading = next((x for x in sheet.lines if any(x.cells)), sheet.lines[0])
    keys = [heading_key(c) for c in heading.cells]
    columns = _columns(sheet, heading, keys)
    units = {name: _usual_unit(sheet, columns[name] + 1) for name in ("tube", "original")}
    tubes: dict[tuple[str, str, str, float], list[Value]] = {}
    originals: dict[tuple[str, str, str, float], list[Value]] = {}
    warnings: list[VialWarning] = []
    facts: dict[str, str] = {}
    last = heading.number
    for line in sheet.lines:
        if line.number <= heading.number or not any(line.cells):
            continue
        last = line.number
        factor = sheet.number(line, columns["factor"])
        sample, assay = line.cell(columns["sample"]), line.cell(columns["assay"])
        pair = []
        for name, found in (("tube", tubes), ("original", originals)):
            # A run out of range may have no unit; it has no value either.
            unit = unit_word(line.cell(columns[name] + 1)) or units[name]
            value = _value(sheet, line, columns[name], columns["date"], unit)
            found.setdefault((sample, assay, unit, factor), []).append(value)
            pair.append((value, unit))
        warnings += _check(sheet, line, pair, factor)
        facts.setdefault("run", line.cell(keys.index("run id")) if "run id" in keys else "")
        facts.setdefault("assay", assay)
    if last == heading.number:
        raise sheet.error("EMPTY_RUN", "no run stands below the headings.", heading.number)
    measurements = [
        *_measurements(originals, columns, in_tube=False),
        *_measurements(tubes, columns, in_tube=True),
    ]
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="qubit",
        kind=KIND,
        software="Qubit",
        instrument="Qubit",
        encoding=file.encoding,
        measurements=tuple(measurements),
        facts={k: v for k, v in facts.items() if v},
        lines=(heading.number, last),
        warnings=tuple(warnings),
    )


def _columns(sheet: Sheet, heading: Line, keys: Sequence[str]) -> dict[str, int]:
    patterns = {
        "tube": TUBE,
        "original": ORIGINAL,
        "factor": FACTOR,
        "sample": r"test name|sample name|sample id",
        "assay": "assay name",
        "date": "test date",
    }
    found = {
        name: next((i for i, key in enumerate(keys) if re.fullmatch(pattern, key)), -1)
        for name, pattern in patterns.items()
    }
    missing = [name for name, i in found.items() if i < 0]
    behind = [keys[found[n] + 1 : found[n] + 2] for n in ("tube", "original")]
    if missing or behind != [["units"], ["units"]]:
        what = (
            f"columns are missing ({', '.join(missing)})"
            if missing
            else ("'Units' does not stand right behind each of the two concentrations")
        )
        raise sheet.error(
            "COLUMNS",
            f"{what}; without that the two concentrations, which differ a thousandfold, cannot be "
            "told apart. Export the runs from the Qubit unchanged.",
            heading.number,
        )
    return found


def _usual_unit(sheet: Sheet, column: int) -> str:
    """First known unit of a column; empty where there is none."""
    found = (unit_word(line.cell(column)) for line in sheet.lines)
    return next((unit for unit in found if unit in NG_PER_ML), "")


def _value(sheet: Sheet, line: Line, column: int, date: int, unit: str) -> Value:
    found = reported_in(sheet, line, column)
    bare = not line.cell(column + 1) and not math.isnan(found.value)
    if bare or unit not in NG_PER_ML:
        raise sheet.error(
            "UNIT",
            f"the concentration '{line.cell(column)[:20]}' has the unit "
            f"'{line.cell(column + 1)[:20]}', and known are "
            f"{', '.join(NG_PER_ML)}; ng/mL and ng/µL differ a thousandfold. Export again.",
            line.number,
        )
    return Value(
        name=line.cell(date),
        value=found.value,
        censored=found.censored,
        excluded=found.excluded,
        reason=found.reason,
        line=line.number,
    )


def _check(
    sheet: Sheet, line: Line, pair: Sequence[tuple[Value, str]], factor: float
) -> list[VialWarning]:
    """The sample's concentration is that in the tube times the dilution, in its own unit."""
    (tube, tube_unit), (original, unit) = pair
    if not (tube.value > 0 and original.value > 0 and factor > 0):
        return []
    wanted = tube.value * factor * NG_PER_ML[tube_unit] / NG_PER_ML[unit]
    if abs(original.value - wanted) <= TOLERANCE * wanted:
        return []
    message = (
        f"{tube.value:g} {tube_unit} in the tube, diluted {factor:g} times, do not make "
        f"{original.value:g} {unit}; both stand as the file has them"
    )
    return [sheet.warning("CHECKSUM", message, line.number)]


def _substance(assay: str) -> str:
    """What an assay measures; its own name where that is none of the usual."""
    for pattern, name in (("dna", "DNA"), ("microrna|mirna", "miRNA"), ("rna", "RNA"),
                          ("protein|bca", "protein")):  # fmt: skip
        if re.search(pattern, assay.lower()):
            return name
    return assay


def _measurements(
    values: dict[tuple[str, str, str, float], list[Value]],
    columns: dict[str, int],
    *,
    in_tube: bool,
) -> list[Measurement]:
    state = "not_applied" if in_tube else "applied"
    return [
        Measurement(
            attribute=_substance(assay) + (" in the assay tube" if in_tube else ""),
            method=METHOD,
            sample=sample,
            unit=unit,
            values=tuple(found),
            dilution=Dilution(
                value=None if math.isnan(factor) else factor,
                state="unknown" if math.isnan(factor) else state,
                origin="none" if math.isnan(factor) else "file",
                line=found[0].line,
            ),
            line=found[0].line,
        )
        for (sample, assay, unit, factor), found in values.items()
    ]


READERS = (Reader(name="qubit", kind=KIND, sniff=_sniff, read=_read, most_bytes=1_000_000),)
