"""Text of an instrument's export as lines of cells: encodings, separators, decimal signs."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

from exocast.documents import no_such_file
from exocast.errors import InstrumentFileError, NotFound

MOST_BYTES = 8_000_000
LONGEST_CELL = 40
MOST_NAMED = 3
LARGEST = 1e30
BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


@dataclass(frozen=True, kw_only=True)
class FileText:
    """The text of a file.

    Attributes
    ----------
    sha256
        Of the bytes as they stand on disk.
    encoding
        The encoding that was found.
    """

    path: Path
    text: str
    encoding: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of an export: its number in the file (from 1) and its cells, blanks stripped."""

    number: int
    cells: tuple[str, ...]

    def cell(self, column: int) -> str:
        """The cell of a column, empty where the line is shorter."""
        return self.cells[column] if column < len(self.cells) else ""


def read_text(path: Path) -> FileText:
    """Text of a file of an instrument.

    Byte-order marks are followed; without one the text is UTF-8 or, where that fails, Latin-1.

    Raises
    ------
    NotFound
        When there is no such file.
    InstrumentFileError
        When it is a folder, empty, binary or too large.
    """
    where = str(path)
    if path.is_dir():
        raise InstrumentFileError(f"this is a folder; {_inside(path)}", where=where)
    if not path.is_file():
        found = no_such_file(path)
        raise NotFound(
            f"{found.message} A path is read from the folder of the scenario.", where=where
        )
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InstrumentFileError(
            f"a file of {size / 1e6:.1f} MB is refused: an experiment summary has less than "
            f"{MOST_BYTES / 1e6:.0f} MB. Export '...-ExperimentSummary.csv', not videos or tracks.",
            code="TOO_LARGE",
            where=where,
        )
    data = path.read_bytes()
    if not data.strip():
        raise InstrumentFileError("the file is empty; export it again.", code="EMPTY", where=where)
    text, encoding = _decoded(data, where)
    return FileText(
        path=path, text=text, encoding=encoding, sha256=hashlib.sha256(data).hexdigest()
    )


def _inside(folder: Path) -> str:
    """What to do about a folder: up to three files in it that may be exports."""
    files = [p.name for p in folder.iterdir() if p.suffix.lower() == ".csv"]
    # The kind that can be read first, then by name.
    files.sort(key=lambda name: ("experimentsummary" not in name.lower(), name))
    if not files:
        return "it holds no CSV file; name the instrument's export itself."
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return f"name a file inside it, such as {', '.join(files[:MOST_NAMED])}{more}."


def _decoded(data: bytes, where: str) -> tuple[str, str]:
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding), encoding
            except UnicodeDecodeError as e:
                raise InstrumentFileError(
                    f"the text is damaged at byte {e.start} ({encoding}); export it again.",
                    code="ENCODING",
                    where=where,
                ) from None
    if b"\x00" in data:
        kind = "an Excel workbook or archive" if data.startswith(b"PK") else "no text"
        raise InstrumentFileError(
            f"the file is {kind} (it holds zero bytes); give the CSV that the NTA software wrote.",
            where=where,
        )
    if data.startswith(b"PK\x03\x04"):
        raise InstrumentFileError(
            "the file is an Excel workbook or archive; give the CSV that the NTA software wrote.",
            where=where,
        )
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def lines_of(text: str, separator: str) -> tuple[Line, ...]:
    """All lines of a text, cut at the separator; each line stands for itself.

    A quotation mark that is never closed spoils its own line only.
    """
    found = []
    for number, raw in enumerate(re.split("\r\n|\n|\r", text), start=1):
        try:
            cells = next(csv.reader([raw], delimiter=separator), [])
        except csv.Error:
            cells = raw.split(separator)
        found.append(Line(number=number, cells=tuple(cell.strip() for cell in cells)))
    return tuple(found)


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
