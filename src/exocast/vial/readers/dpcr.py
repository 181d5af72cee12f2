"""Digital PCR: tables of QIAcuity and Absolute Q, with the partitions behind each concentration.

The concentration of a well stands in the wells table as the file states it, per microlitre of
reaction. Positive and valid partitions stand as a measurement of each sample and target
(``value`` positive, ``n_events`` valid), so that an estimate can rest on counts. Lines that hold
averages of wells are left out: a mean of wells is no well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line, Lines
from exocast.vial.delimited import (
    Sheet,
    cells_of,
    columns_named,
    decimal_sign,
    head_lines,
    separator_of,
)
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Measurement, Reading, Value, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.wells import Well, Wells

QIACUITY = "QIAcuity digital PCR table"
ABSOLUTE_Q = "Absolute Q digital PCR table"
UNIT = "copies/uL"
# Stated and recomputed partitions may differ by none; concentrations by what is rounded away.
QIACUITY_NEEDED = (
    "sample/ntc/control",
    "target",
    "partitions (valid)",
    "partitions (positive)",
)
ABSOLUTE_Q_NEEDED = ("name", "well", "total", "target", "conc. cp/ul", "positives")
QIACUITY_ROLES = {"ntc": "no_template", "-": "sample", "": "sample"}


def _heading(lines: Sequence[str], needed: Sequence[str]) -> int | None:
    for i, line in enumerate(lines[:10]):
        names = {_plain(c) for c in cells_of(line, separator_of(line))}
        if names.issuperset(needed):
            return i
    return None


def _plain(name: str) -> str:
    """A column's name in small letters, whatever sign stands for micro."""
    return name.lower().replace("µ", "u").replace("μ", "u").replace("\ufffd", "u")


def _sniff_qiacuity(file: InstrumentFile) -> bool:
    return _heading(head_lines(file), QIACUITY_NEEDED) is not None


def _sniff_absolute_q(file: InstrumentFile) -> bool:
    return _heading(head_lines(file), ABSOLUTE_Q_NEEDED) is not None


def _sheet(
    file: InstrumentFile, needed: Sequence[str], what: str
) -> tuple[Sheet, Line, Lines, dict[str, int]]:
    start = _heading(head_lines(file), needed)
    if start is None:
        raise InstrumentFileError(
            f"no line has the columns {', '.join(needed)} of a {what}; export the table unchanged.",
            where=str(file.path),
        )
    separator = separator_of(head_lines(file)[start])
    lines = file.lines(separator)
    heading = Line(number=start + 1, cells=tuple(_plain(c) for c in lines[start].cells))
    rows = lines[start + 1 :].filled()
    sheet = Sheet(file=file, separator=separator)
    at = columns_named(sheet, heading, (*needed, "conc. [copies/ul]", "control type", "dye", "ic"))
    if not rows:
        raise sheet.error("the table has no wells; export it again.", heading.number, "EMPTY_RUN")
    numeric = at.get("conc. [copies/ul]", at.get("conc. cp/ul", 0))
    sign = "." if separator == "," else decimal_sign(r.cell(numeric) for r in rows)
    for row in rows:
        if len(row.cells) != len(heading.cells) and any(row.cells[len(heading.cells) :]):
            raise _cut(sheet, row, heading)
        if len(row.cells) <= max(at.values()):
            raise _cut(sheet, row, heading)
    return Sheet(file=file, separator=separator, sign=sign), heading, rows, at


def _cut(sheet: Sheet, row: Line, heading: Line) -> InstrumentFileError:
    return sheet.error(
        f"this line has {len(row.cells)} cells and the heading {len(heading.cells)}; the file was "
        "cut or changed here. Export it again.",
        row.number,
        "TRUNCATED",
    )


class _Table:
    """Wells and partitions while they are filled."""

    def __init__(self, where: str) -> None:
        self.wells = Wells(where)
        self.partitions: dict[tuple[str, str], list[Value]] = {}

    def add(
        self,
        sheet: Sheet,
        row: Line,
        names: tuple[str, str, str, str],
        stated: float,
        counts: tuple[float, float],
        *,
        plate: str = "",
    ) -> None:
        """One well and target: well, sample, target and role; positive and valid partitions."""
        well, sample, target, role = names
        positive, valid = counts
        if positive > valid:
            raise sheet.error(
                f"{positive:g} of {valid:g} partitions cannot be positive; the line was changed.",
                row.number,
                "NOT_A_NUMBER",
            )
        if stated < 0:
            raise sheet.error(
                f"a concentration of {stated:g} is negative; the line was changed.",
                row.number,
                "NOT_A_NUMBER",
            )
        full = valid > 0 and positive == valid
        reason = ""
        if math.isnan(positive) or math.isnan(valid) or valid == 0:
            reason = "no valid partitions"
        elif math.isnan(stated):
            reason = "no concentration"
        self.wells.append(
            Well(
                plate=plate,
                well=well,
                sample=sample,
                target=target,
                role=role,
                value=stated,
                unit=UNIT,
                censored="above" if full else "",
                excluded=bool(reason),
                reason=reason,
                line=row.number,
            )
        )
        self.partitions.setdefault((sample, target), []).append(
            Value(
                name=well,
                value=positive,
                n_events=valid,
                censored="above" if full else "",
                excluded=bool(reason),
                reason=reason,
                line=row.number,
            )
        )

    def reading(
        self,
        file: InstrumentFile,
        reader: str,
        kind: str,
        instrument: str,
        lines: tuple[int, int],
        warnings: list[VialWarning],
    ) -> Reading:
        full = sum(c == "above" for c in self.wells.column("censored"))
        if full:
            message = f"all partitions are positive in {full} wells: too concentrated to count, "
            message += "censored above. Dilute and repeat"
            warnings.append(VialWarning(code="CENSORED", message=message, where=str(file.path)))
        return Reading(
            file=str(file.path),
            sha256=file.sha256,
            reader=reader,
            kind=kind,
            instrument=instrument,
            encoding=file.encoding,
            measurements=tuple(
                Measurement(
                    attribute=f"positive partitions of {target}",
                    method="dPCR",
                    sample=sample,
                    unit="1",
                    values=tuple(values),
                )
                for (sample, target), values in self.partitions.items()
            ),
            wells=self.wells.table(words=object),
            lines=lines,
            warnings=tuple(warnings),
        )


def _read_qiacuity(file: InstrumentFile) -> Reading:
    sheet, heading, rows, at = _sheet(file, QIACUITY_NEEDED, QIACUITY)
    if "conc. [copies/ul]" not in at:
        raise sheet.error(
            "the column 'Conc. [copies/µL]' is missing, or is in another unit; export the table "
            "in copies per microlitre.",
            heading.number,
            "UNIT",
        )
    table, dashes = _Table(str(file.path)), 0
    for row in rows:
        positive = sheet.count(row, at["partitions (positive)"], "positive partitions")
        valid = sheet.count(row, at["partitions (valid)"], "valid partitions")
        cell = row.cell(at["conc. [copies/ul]"])
        dashes += cell == "-"
        stated = math.nan if cell == "-" else sheet.number(row, at["conc. [copies/ul]"])
        control = row.cell(at["control type"]).lower() if "control type" in at else ""
        sample = row.cell(at["sample/ntc/control"])
        role = "no_template" if sample.lower() == "ntc" else QIACUITY_ROLES.get(control, "control")
        names = (row.cell(0), sample, row.cell(at["target"]), role)
        table.add(sheet, row, names, stated, (positive, valid))
    warnings = []
    if dashes:
        message = f"{dashes} wells state '-' as concentration; they are excluded, not 0"
        warnings.append(sheet.warning("MISSING", message))
    span = (heading.number, rows[-1].number)
    return table.reading(file, "qiacuity", QIACUITY, "QIAcuity", span, warnings)


def _read_absolute_q(file: InstrumentFile) -> Reading:
    sheet, heading, rows, at = _sheet(file, ABSOLUTE_Q_NEEDED, ABSOLUTE_Q)
    table, averages = _Table(str(file.path)), 0
    groups = [i for i, c in enumerate(heading.cells) if c == "plate"]
    for row in rows:
        # A line of averages has no well: its label takes the place of the name and moves the
        # numbers by one column.
        if "average" in {c.lower() for c in row.cells[: at["total"]]}:
            averages += 1
            continue
        positive = sheet.count(row, at["positives"], "positive partitions")
        valid = sheet.count(row, at["total"], "partitions")
        stated = sheet.number(row, at["conc. cp/ul"])
        name = row.cell(at["name"])
        role = "no_template" if name.lower() in {"ntc", "no template control"} else "sample"
        dye = f" ({row.cell(at['dye'])})" if "dye" in at and not row.cell(at["target"]) else ""
        names = (row.cell(at["well"]), name, row.cell(at["target"]) + dye, role)
        plate = row.cell(groups[0]) if groups else ""
        table.add(sheet, row, names, stated, (positive, valid), plate=plate)
    warnings = []
    if averages:
        message = f"{averages} lines hold averages over wells and are left out: they are no wells"
        warnings.append(sheet.warning("AVERAGE", message))
    if not table.wells:
        raise sheet.error("no line is a well; export the wells too.", heading.number, "EMPTY_RUN")
    span = (heading.number, rows[-1].number)
    return table.reading(file, "absolute_q", ABSOLUTE_Q, "Absolute Q", span, warnings)


READERS = (
    Reader(
        name="qiacuity",
        kind=QIACUITY,
        sniff=_sniff_qiacuity,
        read=_read_qiacuity,
        most_bytes=1_000_000,
    ),
    Reader(
        name="absolute_q",
        kind=ABSOLUTE_Q,
        sniff=_sniff_absolute_q,
        read=_read_absolute_q,
        most_bytes=1_000_000,
    ),
)
