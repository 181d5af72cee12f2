"""Text of an instrument's export as lines of cells: encodings, separators, decimal signs."""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from exocast.errors import InstrumentFileError

SUFFIXES = {".csv", ".txt", ".tsv", ".xlsx", ".xls", ".rdml", ".fcs", ".zmes", ".h5", ".dat"}
LONGEST_CELL = 40
MOST_NAMED = 3
LARGEST = 1e30
BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
BREAK = re.compile("\r\n|\n|\r")
_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?"
_PLAIN = re.compile(rf"{_NUMBER}(?:\|{_NUMBER})*", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of an export: its number in the file (from 1) and its cells, blanks stripped."""

    number: int
    cells: tuple[str, ...]

    def cell(self, column: int) -> str:
        """The cell of a column, empty where the line is shorter."""
        return self.cells[column] if column < len(self.cells) else ""


def inside_folder(folder: Path) -> str:
    """What to do about a folder: up to three files in it that may be exports."""
    files = [p.name for p in folder.iterdir() if p.suffix.lower() in SUFFIXES]
    # The kind that can be read first, then by name.
    files.sort(key=lambda name: ("experimentsummary" not in name.lower(), name))
    if not files:
        return "it holds no file of an instrument; name the export itself."
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return f"name a file inside it, such as {', '.join(files[:MOST_NAMED])}{more}."


def decoded(data: bytes, where: str, *, partial: bool = False) -> tuple[str, str]:
    """Text of bytes and its encoding; ``partial`` when the bytes may end inside a character.

    Byte-order marks are followed; without one the text is UTF-8 or, where that fails, Latin-1.

    Raises
    ------
    InstrumentFileError
        When the bytes are no text, or damaged text.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding, "ignore" if partial else "strict"), encoding
            except UnicodeDecodeError as e:
                raise InstrumentFileError(
                    f"the text is damaged at byte {e.start} ({encoding}); export it again.",
                    code="ENCODING",
                    where=where,
                ) from None
    if b"\x00" in data:
        kind = "an Excel workbook or archive" if data.startswith(b"PK") else "no text"
        raise InstrumentFileError(
            f"the file is {kind} (it holds zero bytes), and a text is needed; export the table "
            "as text.",
            where=where,
        )
    if data.startswith(b"PK\x03\x04"):
        raise InstrumentFileError(
            "the file is an Excel workbook or archive, and a text is needed; export the table as "
            "text.",
            where=where,
        )
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as e:
        if partial and e.start > len(data) - 4:
            return data[: e.start].decode("utf-8"), "utf-8"
        return data.decode("latin-1"), "latin-1"


class Lines(Sequence[Line]):
    """Lines of a text, each cut into its cells when it is asked for.

    Only where each begins is kept: cells of all lines at once take twenty times the text. A slice
    is a view of the same text.

    Parameters
    ----------
    text
        All of it.
    separator
        Sign between cells.
    """

    __slots__ = ("_places", "_separator", "_starts", "_text")

    def __init__(self, text: str, separator: str) -> None:
        self._text, self._separator = text, separator
        self._starts = array("I", [0])
        self._starts.extend(found.end() for found in BREAK.finditer(text))
        self._starts.append(len(text))
        self._places: range | array[int] = range(len(self._starts) - 1)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Line: ...

    @overload
    def __getitem__(self, index: slice) -> Lines: ...

    def __getitem__(self, index: int | slice) -> Line | Lines:
        if isinstance(index, int):
            return self._line(self._places[index])
        return self._view(self._places[index])

    def __iter__(self) -> Iterator[Line]:
        return map(self._line, self._places)

    def numbered(self, numbers: Iterable[int]) -> Lines:
        """Those lines of the text that have these numbers.

        Parameters
        ----------
        numbers
            From 1, in any order.
        """
        return self._view(array("I", (number - 1 for number in numbers)))

    def filled(self) -> Lines:
        """Those that have a cell with something in it."""
        return self.numbered(line.number for line in self if any(line.cells))

    def _view(self, places: range | array[int]) -> Lines:
        view = copy(self)
        view._places = places  # noqa: SLF001 - another of its own kind
        return view

    def raw(self, index: int) -> str:
        """A line as it stands, without its end.

        Parameters
        ----------
        index
            From 0, within this view.
        """
        return self._raw(self._places[index])

    def _raw(self, place: int) -> str:
        text = self._text[self._starts[place] : self._starts[place + 1]]
        if text.endswith("\r\n"):
            return text[:-2]
        return text[:-1] if text.endswith(("\n", "\r")) else text

    def _line(self, place: int) -> Line:
        return line_of(self._raw(place), self._separator, place + 1)


def lines_of(text: str, separator: str) -> Lines:
    """All lines of a text, cut at the separator; each line stands for itself.

    A quotation mark that is never closed spoils its own line only.
    """
    return Lines(text, separator)


def line_of(raw: str, separator: str, number: int = 1) -> Line:
    """One line cut at the separator, blanks around its cells stripped.

    Parameters
    ----------
    raw
        Without its end.
    separator
        Sign between cells.
    number
        Of the line in the file, from 1.
    """
    return Line(number=number, cells=tuple([cell.strip() for cell in _cells(raw, separator)]))


def _cells(raw: str, separator: str) -> list[str]:
    """Cells of one line; without a quotation mark the cut is the same and ten times quicker."""
    if '"' not in raw:
        return raw.split(separator) if raw else []
    try:
        return next(csv.reader([raw], delimiter=separator), [])
    except csv.Error:
        return raw.split(separator)


def plain_numbers(cells: Sequence[str]) -> list[float] | None:
    """Numbers of cells that hold digits and decimal points only; None when any needs a closer look.

    What :func:`number` gives for such cells, a line at a time: tables have a thousand lines.
    """
    joined = "|".join(cells)
    if joined.count("|") != len(cells) - 1 or not _PLAIN.fullmatch(joined):
        return None
    values = [float(cell) for cell in cells]
    return values if all(value < LARGEST for value in values) else None


def number(cell: str, *, decimal_comma: bool, where: str) -> float:
    """Number in a cell; NaN for an empty cell or the text ``NaN``.

    Raises
    ------
    InstrumentFileError
        When the cell is no number, is beyond anything countable, or could be read in two ways.
    """
    text = cell.strip()
    if text == "" or text.lower() == "nan":
        return math.nan
    if "," in text and (not decimal_comma or "." in text or text.count(",") > 1):
        raise InstrumentFileError(
            f"'{_short(text)}' can be read in two ways: is the comma a decimal sign or does it "
            "part thousands? Export with a decimal point.",
            code="DECIMAL_COMMA",
            where=where,
        )
    try:
        value = float(text.replace(",", ".")) if "_" not in text else math.inf
    except ValueError:
        value = math.inf
    if not abs(value) < LARGEST:
        raise InstrumentFileError(
            f"'{_short(text)}' stands where a number is needed; the line was changed or damaged. "
            "Export the file again.",
            code="NOT_A_NUMBER",
            where=where,
        )
    return value


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "..."
