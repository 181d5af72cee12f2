"""Tables of text: which sign parts the cells, which is the decimal sign, and where a line stands.

Readers of vendors' tables share this. Lines are cut one by one, so a wide table never stands in
memory as cells.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exocast.errors import InstrumentFileError
from exocast.vial.cells import BREAK, Line, line_of, number
from exocast.vial.files import InstrumentFile
from exocast.vial.records import VialWarning

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = "\t;,"
_THOUSANDS = {
    ".": re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?"),
    ",": re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?"),
}


def cut(text: str, separator: str, *, first: int = 1) -> Iterator[Line]:
    """Lines of a text one after the other, cut at the separator, numbered from ``first``."""
    start, count = 0, first
    for found in BREAK.finditer(text):
        yield line_of(text[start : found.start()], separator, count)
        start, count = found.end(), count + 1
    yield line_of(text[start:], separator, count)


def head_lines(file: InstrumentFile, most: int = 60) -> list[str]:
    """First lines of a file's head as they stand; the last one is left out where it may be cut.

    Parameters
    ----------
    file
        Any file; a binary one has no lines.
    most
        As many at most.
    """
    lines = file.head_lines
    cut_short = len(file.head) < len(file.data) // 2 and len(lines) > 1
    return list(lines[: min(most, len(lines) - cut_short)])


def separator_of(line: str) -> str:
    """The sign that parts a heading into most cells; a tab before a semicolon before a comma."""
    return max(SEPARATORS, key=lambda sign: (line.count(sign), -SEPARATORS.index(sign)))


def cells_of(line: str, separator: str) -> tuple[str, ...]:
    """Cells of one line, blanks stripped."""
    return line_of(line, separator).cells if line else ()


def decimal_sign(cells: Iterable[str]) -> str:
    """Decimal sign that numbers are written with: ``.``, ``,`` or, where none shows it, nothing.

    A comma before exactly three digits shows nothing: it may part thousands.

    Parameters
    ----------
    cells
        Cells of columns that hold numbers.
    """
    point = comma = False
    for cell in cells:
        if re.fullmatch(r"[+-]?\d*\.\d+([eE][+-]?\d+)?", cell):
            point = True
        elif re.fullmatch(r"[+-]?\d*,(\d{1,2}|\d{4,})([eE][+-]?\d+)?", cell):
            comma = True
    if point == comma:
        return ""
    return "." if point else ","


def cycle_sign(cells: Iterable[str]) -> str:
    """Decimal sign of cycles, where a comma before three digits is no thousand: ``20,112``.

    Parameters
    ----------
    cells
        Cells of columns that hold cycles of a PCR, below a hundred.
    """
    seen = [cell for cell in cells if re.fullmatch(r"\d{1,2}[.,]\d+", cell)]
    comma = [cell for cell in seen if "," in cell]
    if not seen or 0 < len(comma) < len(seen):
        return ""
    return "," if comma else "."


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table of text with what is needed to read its numbers and to name its lines.

    Attributes
    ----------
    file
        The file.
    separator
        Sign between cells.
    sign
        Decimal sign; empty where no number of the file shows it.
    """

    file: InstrumentFile
    separator: str
    sign: str = "."

    def where(self, line: int) -> str:
        """File and line, as messages name them."""
        return f"{self.file.path}, line {line}"

    def number(self, line: Line, column: int) -> float:
        """Number in a cell; NaN where it is empty.

        A comma that parts thousands is taken as one only where other numbers of the file show
        that the decimal sign is a point (or the other way round).

        Raises
        ------
        InstrumentFileError
            When the cell is no number or could be read in two ways.
        """
        cell = line.cell(column)
        pattern = _THOUSANDS.get(self.sign)
        if pattern is not None and pattern.fullmatch(cell):
            cell = cell.replace("," if self.sign == "." else ".", "")
        return number(cell, decimal_comma=self.sign == ",", where=self.where(line.number))

    def count(self, line: Line, column: int, what: str) -> float:
        """A whole number, zero or more; NaN where the cell is empty.

        Parameters
        ----------
        line, column
            The cell.
        what
            What is counted, for the message.

        Raises
        ------
        InstrumentFileError
            ``NOT_A_NUMBER`` when it is negative or broken.
        """
        value = self.number(line, column)
        if not math.isnan(value) and (value < 0 or value != int(value)):
            raise self.error(
                f"'{line.cell(column)}' stands where {what} are counted: a whole number, zero or "
                "more, is needed. The line was changed or damaged; export the file again.",
                line.number,
                "NOT_A_NUMBER",
            )
        return value

    def error(self, message: str, line: int, code: str) -> InstrumentFileError:
        """An error that names the line."""
        return InstrumentFileError(
            message, code=code, where=self.where(line) if line else str(self.file.path)
        )

    def warning(self, code: str, message: str, line: int = 0) -> VialWarning:
        """A warning that names the line, or the file where there is none."""
        return VialWarning(
            code=code, message=message, where=self.where(line) if line else str(self.file.path)
        )


# Columns of the long tables with few words in many lines; each word is kept once.
FEW_WORDS = ("sample", "unit", "censored", "reason")


def frame_of(columns: dict[str, list[object]]) -> pd.DataFrame:
    """Columns as a table; the lists are used up one by one, so that the table never stands twice.

    Parameters
    ----------
    columns
        Values of each column; emptied.
    """
    import numpy as np
    import pandas as pd

    made: dict[str, object] = {}
    features = "feature" in columns
    for name in list(columns):
        values = columns.pop(name)
        if features and name in FEW_WORDS:
            made[name] = pd.Categorical(values)
            continue
        kind = {bool: bool, int: np.int64, float: np.float64}.get(
            type(values[0]) if values else str, object
        )
        made[name] = pd.Series(np.array(values, dtype=kind), dtype=kind, copy=False)
    return pd.DataFrame(made, copy=False)


def refuse_cut_end(sheet: Sheet, line: Line, width: int) -> None:
    """Refuse a file whose last line is short and does not end: the rest of it was lost.

    Programs leave out empty cells at the end of a line, so a short line alone says nothing.

    Parameters
    ----------
    sheet
        The table.
    line
        Its last line with cells.
    width
        Cells of the heading.

    Raises
    ------
    InstrumentFileError
        ``TRUNCATED``.
    """
    if len(line.cells) < width and not sheet.file.text.endswith(("\n", "\r")):
        raise sheet.error(
            f"the last line has {len(line.cells)} cells, the heading {width}, and the line does "
            "not end: the file was cut here. Give it whole.",
            line.number,
            "TRUNCATED",
        )


def columns_named(sheet: Sheet, heading: Line, names: Sequence[str]) -> dict[str, int]:
    """Column of each name that the heading has, small letters; a name may stand once only.

    Parameters
    ----------
    sheet
        For the message.
    heading
        The line with the names of the columns.
    names
        Which names, in small letters.

    Raises
    ------
    InstrumentFileError
        ``COLUMNS`` when one of the names stands twice.
    """
    found: dict[str, int] = {}
    for i, cell in enumerate(heading.cells):
        name = cell.lower()
        if name not in names:
            continue
        if name in found:
            raise sheet.error(
                f"the column '{cell}' stands twice (columns {found[name] + 1} and {i + 1}), so its "
                "numbers are not known; export the file again.",
                heading.number,
                "COLUMNS",
            )
        found[name] = i
    return found
