"""Matrices with small RNAs in lines and samples in columns: counts of reads, or Ct.

Both kinds look alike until the numbers are seen, so what tells them apart stands here once.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line, number
from exocast.vial.delimited import (
    Sheet,
    cells_of,
    cut,
    decimal_sign,
    head_lines,
    separator_of,
)
from exocast.vial.files import InstrumentFile

if TYPE_CHECKING:
    import pandas as pd

# miR-100-3p, hsa-let-7a-5p, mmu-miR-130b*, and the names of the small RNAs used as references.
_RNA = re.compile(
    r"([a-z]{3,4}-)?(mir|let|lin|bantam|lsy)(-|\d)[\w*./#()+-]*|.*\b(u6|rnu\d+|sno\w*|snrna)\b.*",
    re.IGNORECASE,
)
LEAST_LINES = 2
MOST_SEEN = 200
# Share of the lines whose names have to be those of small RNAs.
LEAST_SHARE = 0.8
# Ct are above 0, below 50, and most of them late; counts have zeros, their logarithms are small.
MOST_CT, LEAST_MEDIAN_CT = 50.0, 15.0
NO_NUMBER = ("", "na", "n/a", "nan", "undetermined", "undet.", "undet", "no ct", "-")


def is_rna_name(name: str) -> bool:
    """Whether a line is named for a small RNA, with or without the species before it.

    Parameters
    ----------
    name
        First cell of a line.
    """
    return len(name) < 80 and _RNA.fullmatch(name) is not None


def matrix_sniff(file: InstrumentFile) -> Sequence[float] | None:
    """Numbers of the first lines of a matrix of small RNAs; None where the file is none.

    Parameters
    ----------
    file
        Any file.
    """
    return _first_numbers(tuple(head_lines(file, MOST_SEEN)))


# Two readers ask it of each file.
@lru_cache(maxsize=2)
def _first_numbers(lines: tuple[str, ...]) -> Sequence[float] | None:
    if len(lines) <= LEAST_LINES:
        return None
    separator = separator_of(lines[0])
    width = len(cells_of(lines[0], separator))
    if width < 2 or is_rna_name(cells_of(lines[0], separator)[0]):
        return None
    rows = [cells_of(line, separator) for line in lines[1:] if line.strip(' ",;\t')]
    named = sum(is_rna_name(row[0]) for row in rows)
    if len(rows) < LEAST_LINES or named < LEAST_SHARE * len(rows):
        return None
    comma = separator != "," and decimal_sign(c for row in rows for c in row[1:]) == ","
    values = []
    for row in rows:
        for cell in row[1:]:
            try:
                values.append(
                    math.nan
                    if cell.lower() in NO_NUMBER
                    else number(cell, decimal_comma=comma, where="")
                )
            except InstrumentFileError:
                return None
    return tuple(values)


def looks_like_ct(values: Sequence[float]) -> bool:
    """Whether the numbers of a matrix lie where Ct do and not where counts do.

    Parameters
    ----------
    values
        Numbers of the first lines.
    """
    finite = sorted(v for v in values if not math.isnan(v))
    if len(finite) < 4 or all(v == int(v) for v in finite):
        return False
    middle = finite[len(finite) // 2]
    return finite[0] > 0 and finite[-1] <= MOST_CT and middle >= LEAST_MEDIAN_CT


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A matrix of small RNAs: ``values`` (n_names, n_samples), NaN where a cell is empty.

    Attributes
    ----------
    sheet
        For messages.
    names, lines
        RNA and line of the file, for each row.
    samples
        For each column.
    """

    sheet: Sheet
    names: tuple[str, ...]
    lines: NDArray[np.int32]
    samples: tuple[str, ...]
    values: NDArray[np.float64]

    def frame(
        self, unit: str, censored: NDArray[np.bool_], excluded: NDArray[np.bool_]
    ) -> pd.DataFrame:
        """The matrix as a long table of features.

        Parameters
        ----------
        unit
            Of all values.
        censored, excluded
            Above a limit, and empty, (n_names, n_samples).
        """
        import pandas as pd

        n, m = self.values.shape

        def words(codes: NDArray[Any], known: Sequence[str]) -> pd.Categorical[str]:
            return pd.Categorical.from_codes(codes, pd.Index(list(known)))

        return pd.DataFrame(
            {
                "feature": words(
                    np.repeat(np.arange(n, dtype=np.min_scalar_type(-n)), m), self.names
                ),
                "sample": words(np.tile(np.arange(m, dtype=np.int16), n), self.samples),
                "value": self.values.reshape(-1),
                "unit": words(np.zeros(n * m, dtype=np.int8), [unit]),
                "censored": words(censored.reshape(-1).astype(np.int8), ["", "above"]),
                "excluded": excluded.reshape(-1),
                "reason": words(excluded.reshape(-1).astype(np.int8), ["", "empty cell"]),
                "line": np.repeat(self.lines, m),
            },
            copy=False,
        )


def matrix_of(
    file: InstrumentFile,
    what: str,
    cell: Callable[[Sheet, Line, int], float],
    sign_of: Callable[[Iterable[str]], str] = decimal_sign,
) -> Matrix:
    """A matrix, checked: every sample and every RNA named, and once only.

    Parameters
    ----------
    file
        The file.
    what
        What the matrix holds, for messages.
    cell
        Number of a cell, by table, line and column.
    sign_of
        Decimal sign that cells are written with.

    Raises
    ------
    InstrumentFileError
        ``TRUNCATED`` when a line is shorter or longer than its heading, ``COLUMNS`` when a name
        is missing or stands twice, and what ``cell`` raises.
    """
    first = next(iter(head_lines(file, 1)), "")
    separator = separator_of(first)
    lines = (line for line in cut(file.text, separator) if any(line.cells))
    heading = _trimmed(next(lines, Line(number=1, cells=("",))))
    width = len(heading.cells)
    sign = "."
    if separator != ",":
        sign = sign_of(c for x in cut(file.text, separator) for c in x.cells[1:])
    sheet = Sheet(file=file, separator=separator, sign=sign)
    samples = heading.cells[1:]
    if not samples or "" in samples or len(set(samples)) < len(samples):
        raise sheet.error(
            f"the heading of {what} names a sample in each column, each once; here are "
            f"'{', '.join(samples)[:80]}'. Name them.",
            heading.number,
            "COLUMNS",
        )
    seen: dict[str, None] = {}
    places = array("l")
    values = array("d")
    open_end = False
    for line in lines:
        row = _trimmed(line, width)
        if len(row.cells) != width:
            raise sheet.error(
                f"this line has {len(row.cells)} cells and the heading {width}; the file was cut "
                "or changed here. Export it again.",
                row.number,
                "TRUNCATED",
            )
        if not row.cell(0) or row.cell(0) in seen:
            told = "the RNA has no name"
            if row.cell(0):
                told = f"'{row.cell(0)}' stands in line {places[list(seen).index(row.cell(0))]} too"
            raise sheet.error(
                f"{told}; each RNA has one line.",
                row.number,
                "COLUMNS",
            )
        seen[row.cell(0)] = None
        places.append(row.number)
        open_end = not row.cell(width - 1)
        values.extend(cell(sheet, row, i) for i in range(1, width))
    if open_end and not file.text.endswith(("\n", "\r")):
        raise sheet.error(
            "the last line has an empty cell at its end and does not end: the file was cut here.",
            places[-1],
            "TRUNCATED",
        )
    if not seen:
        raise sheet.error(
            f"{what} has a heading and a line for each RNA; here is no line.", 1, "TRUNCATED"
        )
    return Matrix(
        sheet=sheet,
        names=tuple(seen),
        lines=np.array(places, dtype=np.int32),
        samples=samples,
        values=np.frombuffer(values, dtype=np.float64).reshape(len(seen), len(samples)),
    )


def _trimmed(line: Line, width: int = 0) -> Line:
    """The line without empty cells that a spreadsheet put behind it."""
    cells = list(line.cells)
    while len(cells) > max(width, 1) and not cells[-1]:
        cells.pop()
    return Line(number=line.number, cells=tuple(cells))
