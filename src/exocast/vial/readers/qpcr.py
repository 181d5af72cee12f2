"""Quantification cycles of PCR: QuantStudio text, CFX tables, and matrices of Ct.

A cycle that was not reached is censored, never a number: ``Undetermined``, ``NaN``, and the last
cycle written as a value (40 in most tables).
Raw curves are not quantified: without stated cycles a file is refused or read without values.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line, Lines
from exocast.vial.delimited import (
    Sheet,
    cells_of,
    columns_named,
    cycle_sign,
    head_lines,
    separator_of,
)
from exocast.vial.files import InstrumentFile
from exocast.vial.matrices import looks_like_ct, matrix_of, matrix_sniff
from exocast.vial.records import Reading, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.wells import Well, Wells

QUANTSTUDIO = "QuantStudio results"
CFX = "Bio-Rad CFX quantification table"
CURVES = "table of raw amplification curves"
CT_MATRIX = "matrix of Ct values"
UNDETERMINED = ("undetermined", "undet.", "undet", "n/a", "nan", "no ct", "-")
# A run has fewer cycles than this; a larger "Cq" is a column of something else.
MOST_CYCLES = 100.0
ROLES = {
    "unknown": "sample",
    "unkn": "sample",
    "standard": "standard",
    "std": "standard",
    "ntc": "no_template",
    "nac": "control",
    "ntp": "control",
    "nrt": "control",
    "ipc": "control",
    "blockedipc": "control",
    "pos": "control",
    "pos ctrl": "control",
    "neg ctrl": "control",
    "opt": "control",
    "endogenous": "sample",
    "endogenous control": "sample",
    "empty": "empty",
}


def _reading(
    file: InstrumentFile,
    reader: str,
    kind: str,
    wells: Wells,
    warnings: Sequence[VialWarning],
    **more: object,
) -> Reading:
    """The wells as a reading."""
    values = {"encoding": file.encoding if not file.members else "", **more}
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader=reader,
        kind=kind,
        wells=wells.table(words=object),
        warnings=tuple(warnings),
        **values,  # type: ignore[arg-type]
    )


def _plain(name: str) -> str:
    """A column's name in small Latin letters: some exports write Cт with a Cyrillic letter."""
    return name.strip().lower().replace("т", "t").replace("с", "c")


def role_of_task(task: str) -> str:
    """Role of a well by the word that PCR software has for it.

    Parameters
    ----------
    task
        Such as ``STANDARD``, ``Unkn-3``, ``NTC``.

    Returns
    -------
    A role of the table of wells; ``unknown`` for any other word.
    """
    word = re.sub(r"[-\s]*\d+$", "", task.strip().lower())
    return ROLES.get(word, "unknown")


def _cq(sheet: Sheet, line: Line, column: int) -> float:
    """A stated cycle; NaN where the file says that none was reached."""
    if line.cell(column).lower() in UNDETERMINED:
        return math.nan
    value = sheet.number(line, column)
    if not math.isnan(value) and not 0 < value <= MOST_CYCLES:
        raise sheet.error(
            f"'{line.cell(column)}' is no cycle of a PCR (0 to {MOST_CYCLES:g}); the columns were "
            "shifted or changed. Export the file again.",
            line.number,
            "NOT_A_NUMBER",
        )
    return value


def _censored_warning(
    sheet_or_file: str, count: int, total: int, limit: float, missing: str = "Undetermined"
) -> list[VialWarning]:
    if not count:
        return []
    message = f"{missing} is treated as not detected ({count} of {total} wells): censored above "
    message += (
        f"cycle {limit:g}, never a value"
        if not math.isnan(limit)
        else "a last cycle that the file does not say; give it to estimate from these wells"
    )
    return [VialWarning(code="CENSORED", message=message, where=sheet_or_file)]


# QuantStudio --------------------------------------------------------------------------------------


def _sniff_quantstudio(file: InstrumentFile) -> bool:
    lines = [line for line in head_lines(file, 400) if line.strip(' \t",;')]
    if not lines or not re.match(r'"?\*\s*[\w/() ]+\s*=', lines[0]):
        return False
    text = "\n".join(lines[:200]).lower()
    return "* block type" in text and ("quantification cycle method" in text or "[results]" in text)


def _read_quantstudio(file: InstrumentFile) -> Reading:
    every = file.lines("\t")
    lines = every.numbered(line.number for line in _needed(every))
    sheet = Sheet(file=file, separator="\t")
    facts = _facts(lines)
    results = _section(lines, "results")
    if not results:
        raise sheet.error(
            "the section [Results] is missing, and nothing else of this file states a Ct. In the "
            "QuantStudio software, export again with 'Results' ticked.",
            0,
            "TRUNCATED",
        )
    heading, rows = results[0], results[1:]
    names = [_plain(cell) for cell in heading.cells]
    if "ct" not in names and "cq" not in names:
        kind = facts.get("Experiment Type", "of this type")
        raise sheet.error(
            f"[Results] has no column CT or Cq (an experiment '{kind}'), so no well has a cycle of "
            "its own. Export an experiment that quantifies (Standard Curve, Comparative Ct).",
            heading.number,
            "NO_CQ",
        )
    plain = Line(number=heading.number, cells=tuple(names))
    at = columns_named(
        sheet,
        plain,
        ("well position", "omit", "sample name", "target name", "task", "quantity", "ct", "cq"),
    )
    cq = at.get("ct", at.get("cq", -1))
    if "well position" not in at or "target name" not in at or not rows:
        raise sheet.error(
            "[Results] needs the columns 'Well Position' and 'Target Name' and at least one well; "
            "the file was cut or changed. Export it again.",
            heading.number,
            "TRUNCATED",
        )
    sheet = Sheet(file=file, separator="\t", sign=cycle_sign(r.cell(cq) for r in rows))
    for row in rows:
        if len(row.cells) <= cq or (cq + 1 < len(names) and len(row.cells) <= cq + 1):
            raise sheet.error(
                f"this well has {len(row.cells)} cells and [Results] {len(names)} columns; the "
                "file was cut here. Export it again.",
                row.number,
                "TRUNCATED",
            )
    stated = array("d", (_cq(sheet, row, cq) for row in rows))
    limit, warnings = _last_cycle(sheet, lines, stated)
    wells = Wells(str(file.path))
    for row, value in zip(rows, stated, strict=True):
        task = row.cell(at["task"]) if "task" in at else ""
        omitted = "omit" in at and row.cell(at["omit"]).lower() == "true"
        undetermined = math.isnan(value) and row.cell(cq) != ""
        role = role_of_task(task)
        quantity = sheet.number(row, at["quantity"]) if "quantity" in at else math.nan
        wells.append(
            Well(
                well=row.cell(at["well position"]),
                sample=row.cell(at["sample name"]) if "sample name" in at else "",
                target=row.cell(at["target name"]),
                role=role,
                nominal=quantity if role == "standard" else math.nan,
                value=limit if undetermined else value,
                unit="Cq",
                censored="above" if undetermined else "",
                excluded=omitted or (math.isnan(value) and not undetermined),
                reason="omitted by the operator"
                if omitted
                else ("no Ct" if math.isnan(value) and not undetermined else ""),
                line=row.number,
            )
        )
    censored = sum(c == "above" for c in wells.column("censored"))
    return _reading(
        file,
        "quantstudio",
        QUANTSTUDIO,
        wells,
        [
            *_censored_warning(str(file.path), censored, len(rows), limit),
            *warnings,
            *_lost_wells(sheet, lines, rows, at),
        ],
        instrument=facts.get("Instrument Type", ""),
        facts=facts,
        lines=(heading.number, rows[-1].number),
    )


def _needed(lines: Iterable[Line]) -> Iterator[Line]:
    """Lines but those of sections that hold curves by colour: most of a file, and not read."""
    kept = True
    for line in lines:
        if line.cell(0).startswith("["):
            kept = line.cell(0).lower() in {"[sample setup]", "[amplification data]", "[results]"}
        if kept:
            yield line


def _facts(lines: Sequence[Line]) -> dict[str, str]:
    found = {}
    for line in lines:
        match = re.match(r"\*\s*([^=]+?)\s*=\s*(.*)", line.cell(0))
        if match:
            found[match[1]] = match[2].strip()
        elif line.cell(0).startswith("["):
            break
    return found


def _section(lines: Lines, name: str) -> Lines:
    """Lines below ``[Name]`` up to an empty line or the next section."""
    found = array("I")
    inside = False
    for line in lines:
        if line.cell(0).lower() == f"[{name}]":
            inside = True
        elif inside and (not any(line.cells) or line.cell(0).startswith("[")):
            if found:
                break
        elif inside:
            found.append(line.number)
    return lines.numbered(found)


def _last_cycle(
    sheet: Sheet, lines: Lines, stated: Sequence[float]
) -> tuple[float, list[VialWarning]]:
    """Last cycle of the run from the amplification data; NaN where these are missing or cut."""
    curves = _section(lines, "amplification data")
    names = [cell.lower() for cell in curves[0].cells] if curves else []
    if "cycle" not in names:
        return math.nan, []
    column = names.index("cycle")
    last = max((sheet.count(row, column, "cycles") for row in curves[1:]), default=math.nan)
    latest = max((v for v in stated if not math.isnan(v)), default=0.0)
    if last >= latest:
        return last, []
    message = f"the amplification data end at cycle {last:g} and a Ct of {latest:g} is stated: "
    message += "they were cut, so the last cycle of the run is not known from them"
    return math.nan, [sheet.warning("TRUNCATED", message, curves[0].number)]


def _lost_wells(
    sheet: Sheet, lines: Lines, rows: Sequence[Line], at: dict[str, int]
) -> list[VialWarning]:
    setup = _section(lines, "sample setup")
    names = [_plain(cell) for cell in setup[0].cells] if setup else []
    if "well position" not in names or "target name" not in names:
        return []
    position, target = names.index("well position"), names.index("target name")
    left = {(x.cell(position), x.cell(target)) for x in setup[1:] if x.cell(target)}
    planned = len(left)
    for x in rows:
        left.discard((x.cell(at["well position"]), x.cell(at["target name"])))
    lost = sorted(left)
    if not lost:
        return []
    message = f"{len(lost)} of {planned} wells of the set-up have no result, such as "
    message += f"{lost[0][0]} ({lost[0][1]}); the file may have been cut"
    return [sheet.warning("TRUNCATED", message, rows[-1].number)]


# Bio-Rad CFX --------------------------------------------------------------------------------------

CFX_NEEDED = ("well", "fluor", "target", "content", "cq")


def _cfx_heading(lines: Sequence[str]) -> int | None:
    for i, line in enumerate(lines):
        names = {c.lower() for c in cells_of(line, separator_of(line))}
        if names.issuperset(CFX_NEEDED):
            return i
    return None


def _sniff_cfx(file: InstrumentFile) -> bool:
    return _cfx_heading(head_lines(file, 30)) is not None


def _read_cfx(file: InstrumentFile) -> Reading:
    start = _cfx_heading(head_lines(file, 30))
    if start is None:
        raise InstrumentFileError(
            "no line has the columns Well, Fluor, Target, Content and Cq. In CFX Maestro, export "
            "'Quantification Cq Results'.",
            where=str(file.path),
        )
    separator = separator_of(head_lines(file, 30)[start])
    lines = file.lines(separator)
    heading = lines[start]
    sheet = Sheet(file=file, separator=separator)
    wanted = (*CFX_NEEDED, "sample", "starting quantity (sq)", "biological set name")
    at = columns_named(sheet, heading, wanted)
    rows = lines[start + 1 :].filled()
    sign = (
        "." if separator == "," else cycle_sign(r.cell(at["cq"]) for r in rows if r.cell(at["cq"]))
    )
    sheet = Sheet(file=file, separator=separator, sign=sign)
    wells = Wells(str(file.path))
    quantity = at.get("starting quantity (sq)")
    for row in rows:
        if len(row.cells) <= at["cq"] + 1 < len(heading.cells):
            raise sheet.error(
                f"this well has {len(row.cells)} cells and the heading {len(heading.cells)}; the "
                "file was cut here. Export it again.",
                row.number,
                "TRUNCATED",
            )
        value = _cq(sheet, row, at["cq"])
        role = role_of_task(row.cell(at["content"]))
        nominal = math.nan
        if quantity is not None and row.cell(quantity).lower() not in UNDETERMINED:
            nominal = sheet.number(row, quantity)
        blank = row.cell(at["cq"]) == ""
        wells.append(
            Well(
                well=row.cell(at["well"]),
                sample=row.cell(at["sample"]) if "sample" in at else "",
                target=row.cell(at["target"]) or row.cell(at["fluor"]),
                role=role,
                nominal=nominal if role == "standard" else math.nan,
                value=value,
                unit="Cq",
                censored="above" if math.isnan(value) and not blank else "",
                excluded=blank,
                reason="no Cq" if blank else "",
                line=row.number,
            )
        )
    if not rows:
        raise sheet.error("the table has no wells; export it again.", heading.number, "EMPTY_RUN")
    censored = sum(c == "above" for c in wells.column("censored"))
    return _reading(
        file,
        "cfx",
        CFX,
        wells,
        _censored_warning(str(file.path), censored, len(rows), math.nan, "NaN as Cq"),
        instrument="Bio-Rad CFX",
        lines=(heading.number, rows[-1].number),
    )


# Raw curves as text -------------------------------------------------------------------------------


def _sniff_curves(file: InstrumentFile) -> bool:
    return _curve_heading(file) is not None


def _curve_heading(file: InstrumentFile) -> int | None:
    for i, line in enumerate(head_lines(file, 5)):
        cells = cells_of(line, separator_of(line))
        if cells and cells[0].lower() in {"well", "samplepos"}:
            joined = f" {' '.join(cells)} "
            if " 1 2 3 4 5 6 7 8 9 10 " in joined and "target" in joined.lower():
                return i
    return None


def _read_curves(file: InstrumentFile) -> Reading:
    start = _curve_heading(file)
    raise InstrumentFileError(
        "this table holds fluorescence by cycle and states no Cq; raw curves are not quantified "
        "here. Analyse it (in the instrument's software, or LinRegPCR) and give the cycles, for "
        "instance as RDML.",
        code="RAW_CURVES",
        where=f"{file.path}, line {1 if start is None else start + 1}",
    )


# Matrices of Ct -----------------------------------------------------------------------------------

LAST_CYCLE = 40.0  # written by most instruments where nothing was detected
LEAST_LAST_CYCLE = 30.0  # no run that looks for small RNAs has fewer cycles


def _sniff_ct(file: InstrumentFile) -> bool:
    values = matrix_sniff(file)
    return values is not None and looks_like_ct(values)


def _ct(sheet: Sheet, row: Line, column: int) -> float:
    """A Ct; infinite where the file says in a word that none was reached, NaN where it is empty."""
    return math.inf if row.cell(column).lower() in UNDETERMINED else _cq(sheet, row, column)


def _read_ct(file: InstrumentFile) -> Reading:
    matrix = matrix_of(file, "a matrix of Ct", _ct, cycle_sign)
    values, sheet = matrix.values, matrix.sheet
    empty = np.isnan(values)
    ceiling = _ceiling(values[np.isfinite(values)])
    censored = np.isinf(values) | (values == ceiling)
    values[censored] = ceiling
    warnings = []
    if censored.any():
        told = f"Ct {ceiling:g}" if not math.isnan(ceiling) else "Undetermined"
        message = f"{told} is treated as not detected ({censored.sum()} of {values.size} wells): "
        message += "censored above, never a value"
        warnings.append(sheet.warning("CENSORED", message))
    beyond = values[values > ceiling]
    if beyond.size:
        message = f"{beyond.size} Ct lie above {ceiling:g}, up to {beyond.max():g}: the run had "
        message += f"more cycles than {ceiling:g}. They are kept as stated; check how the table "
        message += "was made"
        warnings.append(sheet.warning("OUT_OF_RANGE", message))
    if empty.any():
        message = f"{empty.sum()} of {values.size} wells are empty; they are missing, not "
        message += "'not detected'"
        warnings.append(sheet.warning("MISSING", message))
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="ct_matrix",
        kind=CT_MATRIX,
        encoding=file.encoding,
        features=matrix.frame("Cq", censored, empty),
        lines=(1, int(matrix.lines[-1])),
        warnings=tuple(warnings),
    )


def _ceiling(values: NDArray[np.float64]) -> float:
    """What the table writes for "not detected": 40, or another whole last value that repeats."""
    if (values == LAST_CYCLE).any():
        return LAST_CYCLE
    top = float(values.max()) if values.size else math.nan
    repeats = not math.isnan(top) and top == int(top) and (values == top).sum() > 1
    return top if repeats and top >= LEAST_LAST_CYCLE else math.nan


READERS = (
    Reader(
        name="quantstudio",
        kind=QUANTSTUDIO,
        sniff=_sniff_quantstudio,
        read=_read_quantstudio,
        most_bytes=50_000_000,
    ),
    Reader(name="cfx", kind=CFX, sniff=_sniff_cfx, read=_read_cfx, most_bytes=20_000_000),
    Reader(name="curves", kind=CURVES, sniff=_sniff_curves, read=_read_curves),
    Reader(name="ct_matrix", kind=CT_MATRIX, sniff=_sniff_ct, read=_read_ct, most_bytes=20_000_000),
)
