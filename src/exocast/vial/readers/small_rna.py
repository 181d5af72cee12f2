"""Counts of small-RNA reads: one line an RNA, one column a sample, whole numbers only.

Normalised, scaled or log-transformed numbers are refused: what counting says about its own error
is lost in them.
"""

from __future__ import annotations

import math

from exocast.vial.delimited import frame_of
from exocast.vial.files import InstrumentFile
from exocast.vial.matrices import NO_NUMBER, looks_like_ct, matrix_of, matrix_sniff
from exocast.vial.records import FEATURE_COLUMNS, Reading
from exocast.vial.registry import Reader

KIND = "matrix of small-RNA counts"
# A library has fewer reads than this.
MOST_READS = 1e12


def _sniff(file: InstrumentFile) -> bool:
    values = matrix_sniff(file)
    return values is not None and not looks_like_ct(values)


def _read(file: InstrumentFile) -> Reading:
    sheet, heading, rows = matrix_of(file, "a matrix of counts")
    samples = heading.cells[1:]
    columns: dict[str, list[object]] = {c: [] for c in FEATURE_COLUMNS}
    missing = 0
    for row in rows:
        for i, sample in enumerate(samples, start=1):
            cell = row.cell(i)
            value = math.nan if cell.lower() in NO_NUMBER else sheet.number(row, i)
            if not math.isnan(value) and (value != int(value) or not 0 <= value < MOST_READS):
                raise sheet.error(
                    f"'{cell}' is no count: whole numbers from 0 are needed, and scaled, "
                    "normalised or logarithmic ones have lost their counting error. Give the raw "
                    "counts.",
                    row.number,
                    "NOT_COUNTS",
                )
            empty = math.isnan(value)
            missing += empty
            columns["feature"].append(row.cell(0))
            columns["sample"].append(sample)
            columns["value"].append(value)
            columns["unit"].append("count")
            columns["censored"].append("")
            columns["excluded"].append(empty)
            columns["reason"].append("empty cell" if empty else "")
            columns["line"].append(row.number)
    warnings = []
    if missing:
        message = (
            f"{missing} of {len(rows) * len(samples)} cells are empty; they are missing, not 0"
        )
        warnings.append(sheet.warning("MISSING", message))
    table = frame_of(columns)
    totals = table.groupby("sample", sort=False)["value"].sum()
    empty_samples = [str(s) for s in samples if totals[s] == 0]
    if empty_samples:
        message = f"no read was counted in {', '.join(empty_samples)}; nothing follows from them"
        warnings.append(sheet.warning("EMPTY_RUN", message))
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="small_rna",
        kind=KIND,
        encoding=file.encoding,
        features=table,
        lines=(heading.number, rows[-1].number),
        warnings=tuple(warnings),
    )


READERS = (Reader(name="small_rna", kind=KIND, sniff=_sniff, read=_read, most_bytes=50_000_000),)
