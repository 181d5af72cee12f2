"""Counts of small-RNA reads: one line an RNA, one column a sample, whole numbers only.

Normalised, scaled or log-transformed numbers are refused: what counting says about its own error
is lost in them.
"""

from __future__ import annotations

import math

import numpy as np

from exocast.vial.cells import Line
from exocast.vial.delimited import Sheet
from exocast.vial.files import InstrumentFile
from exocast.vial.matrices import NO_NUMBER, looks_like_ct, matrix_of, matrix_sniff
from exocast.vial.records import Reading
from exocast.vial.registry import Reader

KIND = "matrix of small-RNA counts"
# A library has fewer reads than this.
MOST_READS = 1e12


def _sniff(file: InstrumentFile) -> bool:
    values = matrix_sniff(file)
    return values is not None and not looks_like_ct(values)


def _count(sheet: Sheet, row: Line, column: int) -> float:
    cell = row.cell(column)
    if cell.lower() in NO_NUMBER:
        return math.nan
    value = sheet.number(row, column)
    if value != int(value) or not 0 <= value < MOST_READS:
        raise sheet.error(
            f"'{cell}' is no count: whole numbers from 0 are needed, and scaled, normalised or "
            "logarithmic ones have lost their counting error. Give the raw counts.",
            row.number,
            "NOT_COUNTS",
        )
    return value


def _read(file: InstrumentFile) -> Reading:
    matrix = matrix_of(file, "a matrix of counts", _count)
    values = matrix.values
    empty = np.isnan(values)
    warnings = []
    if empty.any():
        message = f"{empty.sum()} of {empty.size} cells are empty; they are missing, not 0"
        warnings.append(matrix.sheet.warning("MISSING", message))
    totals = np.nansum(values, axis=0)
    bare = [s for s, total in zip(matrix.samples, totals, strict=True) if total == 0]
    if bare:
        message = f"no read was counted in {', '.join(bare)}; nothing follows from them"
        warnings.append(matrix.sheet.warning("EMPTY_RUN", message))
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="small_rna",
        kind=KIND,
        encoding=file.encoding,
        features=matrix.frame("count", np.zeros_like(empty), empty),
        lines=(1, int(matrix.lines[-1])),
        warnings=tuple(warnings),
    )


READERS = (Reader(name="small_rna", kind=KIND, sniff=_sniff, read=_read, most_bytes=50_000_000),)
