"""An export as lines of cells that know their file: where a number stands, how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line, Lines, lines_of, number
from exocast.vial.files import InstrumentFile
from exocast.vial.records import VialWarning
from exocast.vial.workbook import line_of_row, rows_of_workbook

SEPARATORS = ("\t", ";", ",")
# A comma that can be nothing but a decimal sign: thousands have three digits behind it.
_COMMA = re.compile(r"[-+]?(0,\d+|\d+,(\d{1,2}|\d{4,}))([eE][-+]?\d+)?%?")
_COMMA_OR_THOUSANDS = re.compile(r"[-+]?\d{1,3},\d{3}")
_POINT = re.compile(r"[-+]?\d+\.\d+([eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
# Units of concentration that such files state, in ng/mL.
NG_PER_ML = {
    "pg/mL": 1e-3,
    "ng/mL": 1.0,
    "ug/mL": 1e3,
    "mg/mL": 1e6,
    "pg/uL": 1.0,
    "ng/uL": 1e3,
    "ug/uL": 1e6,
    "mg/uL": 1e9,
}
_MICRO = str.maketrans({"µ": "u", "μ": "u"})


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Lines of a file with what is needed to read numbers in them and to say where they stand.

    Attributes
    ----------
    path
        As the user named it.
    lines
        Lines of the text, or filled rows of one sheet of a workbook.
    decimal_comma
        Whether numbers are written with a comma.
    name
        Name of the sheet of a workbook; empty for a text.
    """

    path: Path
    lines: Sequence[Line]
    decimal_comma: bool = False
    name: str = ""

    def where(self, line: int) -> str:
        """File and line, as a message names them."""
        sheet = f", sheet '{self.name}'" if self.name else ""
        return f"{self.path}{sheet}, line {line}"

    def numbered(self, numbers: Iterable[int]) -> Sequence[Line]:
        """Those lines that have these numbers.

        Parameters
        ----------
        numbers
            In the order of the file.
        """
        if isinstance(self.lines, Lines):
            return self.lines.numbered(numbers)
        wanted = set(numbers)
        return [line for line in self.lines if line.number in wanted]

    def number(self, line: Line, column: int) -> float:
        """Number in a cell; NaN for an empty cell or the text ``NaN``.

        Raises
        ------
        InstrumentFileError
            When the cell is no number or could be read in two ways.
        """
        return self.text_number(line.cell(column), line.number)

    def text_number(self, text: str, line: int) -> float:
        """Number in a text that stands in a line, such as a part of a cell.

        Raises
        ------
        InstrumentFileError
            As :meth:`number`.
        """
        where = self.where(line)
        if self.decimal_comma and _THOUSANDS.fullmatch(text):
            raise InstrumentFileError(
                f"'{text}' can be read in two ways: other numbers of this file have a decimal "
                "comma, so the point may part thousands. Export with a decimal point throughout.",
                code="DECIMAL_COMMA",
                where=where,
            )
        return number(text, decimal_comma=self.decimal_comma, where=where)

    def warning(self, code: str, message: str, line: int = 0) -> VialWarning:
        """A warning about a line, or about the file for line 0."""
        return VialWarning(
            code=code, message=message, where=self.where(line) if line else str(self.path)
        )

    def error(self, code: str, message: str, line: int = 0) -> InstrumentFileError:
        """A refusal that names a line, or the file for line 0."""
        return InstrumentFileError(
            message, code=code, where=self.where(line) if line else str(self.path)
        )


def sheet_of_text(file: InstrumentFile, heading: str) -> Sheet:
    """Lines of a text file, cut at the separator of its heading.

    Numbers have a decimal comma where some cell can be read in no other way, such as ``0,25``, or
    where semicolons part the cells, which is done for its sake, and no number has a point.

    Parameters
    ----------
    file
        A text file.
    heading
        Pattern of the line that tells the separator; the most frequent one there is taken.

    Raises
    ------
    InstrumentFileError
        As :attr:`exocast.vial.InstrumentFile.text`.
    """
    found = re.search(rf"^.*(?:{heading}).*$", file.text, re.IGNORECASE | re.MULTILINE)
    line = found.group(0) if found else ""
    separator = max(SEPARATORS, key=line.count)
    lines = lines_of(file.text, separator)
    comma = separator != "," and _has_decimal_comma(file.text, lines, separator)
    return Sheet(path=file.path, lines=lines, decimal_comma=comma)


def _has_decimal_comma(text: str, lines: Iterable[Line], separator: str) -> bool:
    if "," not in text:
        return False
    thousands = point = False
    for cell in (c for line in lines for c in line.cells):
        if "," in cell:
            if _COMMA.fullmatch(cell):
                return True
            thousands = thousands or _COMMA_OR_THOUSANDS.fullmatch(cell) is not None
        elif not point and "." in cell:
            point = _POINT.fullmatch(cell) is not None
    return separator == ";" and thousands and not point


def sheets_of_workbook(file: InstrumentFile) -> tuple[Sheet, ...]:
    """Filled rows of each sheet of a workbook.

    Parameters
    ----------
    file
        A workbook.

    Raises
    ------
    InstrumentFileError
        As :func:`exocast.vial.workbook.rows_of_workbook`.
    """
    rows: dict[str, list[Line]] = {}
    for row in rows_of_workbook(file):
        rows.setdefault(row.sheet, []).append(line_of_row(row))
    return tuple(
        Sheet(
            path=file.path,
            lines=tuple(lines),
            # Numbers that were typed as text carry the sign of their country.
            decimal_comma=any(_COMMA.fullmatch(c) for line in lines for c in line.cells),
            name=name,
        )
        for name, lines in rows.items()
    )


def heading_key(cell: str) -> str:
    """A heading in one spelling: small letters, single blanks, ``u`` for the micro sign.

    Parameters
    ----------
    cell
        As the file spells it; line breaks inside and a mangled micro or degree sign are mended.
    """
    text = cell.replace("Â", "").translate(_MICRO).lower()
    return re.sub(r"\s+", " ", text).strip(' "')


def unit_word(unit: str) -> str:
    """A unit as pint reads it: ``ng/uL`` for ``ng/µL``, ``mg/mL`` for ``mg/ml``.

    Parameters
    ----------
    unit
        As the file spells it.

    Returns
    -------
    Only letters for litres and micro are changed; an empty text for no unit.
    """
    text = unit.replace("Â", "").translate(_MICRO).strip(" ()[]")
    text = re.sub(r"(?<=[/*])\s*([munp]?)l\b", r"\1L", text)
    return re.sub(r"\s*([/*])\s*", r"\1", text)


def columns_of(line: Line) -> dict[str, int]:
    """First column of each heading of a line, by its key.

    Parameters
    ----------
    line
        A line of headings.
    """
    found: dict[str, int] = {}
    for i, cell in enumerate(line.cells):
        found.setdefault(heading_key(cell), i)
    found.pop("", None)
    return found


def first_line(lines: Iterable[Line], *names: str) -> Line | None:
    """First line that carries every one of the headings.

    Parameters
    ----------
    lines
        In the order of the file.
    *names
        Keys of headings, as :func:`heading_key` gives them.
    """
    return next((x for x in lines if all(n in columns_of(x) for n in names)), None)


@lru_cache(maxsize=16)
def unquoted_lines(text: str) -> Sequence[str]:
    """Filled lines of a head without quotation marks and trailing separators, for sniffing.

    Parameters
    ----------
    text
        The head of a file.
    """
    lines = (re.sub(r'["\']', "", line).rstrip(",;\t ") for line in text.splitlines())
    return tuple(line for line in lines if line.strip(",;\t "))
