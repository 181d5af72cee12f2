"""Rows of Excel workbooks, old and new, one after the other and never more than stand in the file.

The size that a sheet states is ignored: a sheet of three cells may say ``A1:XFD1048576``. Only
filled rows come out, with the number that a spreadsheet shows beside them.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from typing import Any, NamedTuple

from exocast.errors import ExocastError, InstrumentFileError
from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile

# Limits of the formats: rows of a sheet in Excel, columns likewise; cells are those of
# some thousand plates, far above any report of an instrument.
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
MOST_CELLS = 2_000_000
MOST_SHEETS = 255
ROWS_AT_ONCE = 64
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
NEW_WORKBOOK = "xl/workbook.xml"


class Row(NamedTuple):
    """A filled row: name of its sheet, its number from 1, its cells with None for empty ones."""

    sheet: str
    number: int
    cells: tuple[Any, ...]


def is_workbook(file: InstrumentFile) -> bool:
    """Whether the file is an Excel workbook, ``.xlsx`` or ``.xls``, by its first bytes."""
    return NEW_WORKBOOK in file.members or file.data.startswith(OLD_WORKBOOK)


def rows_of_workbook(file: InstrumentFile, most_rows: int | None = None) -> Iterator[Row]:
    """Filled rows of all sheets, in order.

    Values of formulas are those that were stored when the workbook was last saved.

    Parameters
    ----------
    file
        A workbook; see :func:`is_workbook`.
    most_rows
        Stop after so many filled rows, to look at the head only; None for all of them.

    Yields
    ------
    Row
        Sheet, row number and cells up to the last filled one.

    Raises
    ------
    InstrumentFileError
        ``TRUNCATED`` for a damaged workbook, ``BOMB`` for one that would blow up, ``TOO_LARGE``
        beyond two million filled cells, ``NOT_AN_EXPORT`` when the file is no workbook.
    """
    if file.data.startswith(OLD_WORKBOOK):
        rows = _rows_of_xls(file)
    elif NEW_WORKBOOK in file.members:
        rows = _rows_of_xlsx(file)
    else:
        raise InstrumentFileError("the file is no Excel workbook.", where=str(file.path))
    filled = cells = 0
    try:
        for row in rows:
            kept = _without_empty_end(row.cells)
            if not kept:
                continue
            filled += 1
            cells += len(kept)
            if cells > MOST_CELLS:
                raise InstrumentFileError(
                    f"the workbook holds more than {MOST_CELLS:,} cells; a report of an instrument "
                    "holds far fewer. Export the table of results alone.",
                    code="TOO_LARGE",
                    where=f"{file.path}, sheet '{row.sheet}', line {row.number}",
                )
            yield Row(row.sheet, row.number, kept)
            if most_rows is not None and filled >= most_rows:
                return
    except ExocastError:
        raise
    except Exception as e:
        raise _damaged(file, e) from e


def lines_of_workbook(file: InstrumentFile, most_rows: int | None = None) -> tuple[SheetLine, ...]:
    """Filled rows with their cells as text, for readers that look for words.

    Parameters
    ----------
    file
        A workbook.
    most_rows
        As for :func:`rows_of_workbook`.

    Raises
    ------
    InstrumentFileError
        As :func:`rows_of_workbook`.
    """
    return tuple(
        SheetLine(row.sheet, line_of_row(row)) for row in rows_of_workbook(file, most_rows)
    )


def line_of_row(row: Row) -> Line:
    """A row with its cells as text.

    Parameters
    ----------
    row
        From :func:`rows_of_workbook`.
    """
    return Line(number=row.number, cells=tuple(map(cell_text, row.cells)))


class SheetLine(NamedTuple):
    """A row as text, with the name of its sheet."""

    sheet: str
    line: Line


def head_of_workbook(file: InstrumentFile, most_rows: int = 60) -> tuple[SheetLine, ...]:
    """First filled rows as text; none for whatever is no readable workbook.

    Parameters
    ----------
    file
        Any file.
    most_rows
        Filled rows to look at.
    """
    if not is_workbook(file):
        return ()
    try:
        return lines_of_workbook(file, most_rows)
    except InstrumentFileError:
        return ()


def cell_text(cell: Any) -> str:
    """A cell as a spreadsheet shows it without formats: ``12``, ``0.0557``, ``2025-05-23``.

    Parameters
    ----------
    cell
        Text, number, truth value, date or None.

    Returns
    -------
    Text that :func:`exocast.vial.cells.number` reads back to the same number.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell).strip()


def _without_empty_end(cells: tuple[Any, ...]) -> tuple[Any, ...]:
    last = len(cells)
    while last and (cells[last - 1] is None or cells[last - 1] == ""):
        last -= 1
    return tuple(cells[:last])


def _rows_of_xlsx(file: InstrumentFile) -> Iterator[Row]:
    import openpyxl

    archive = file.checked_archive()
    # Formats of cells and drawings are of no use here and would only be warned about.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(archive, read_only=True, data_only=True, keep_links=False)
    try:
        for sheet in book.worksheets[:MOST_SHEETS]:
            sheet.reset_dimensions()
            rows = sheet.iter_rows(values_only=True)
            number = 0
            while True:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    batch = list(islice(rows, ROWS_AT_ONCE))
                if not batch:
                    break
                for cells in batch:
                    number += 1
                    if number > MOST_ROWS or len(cells) > MOST_COLUMNS:
                        raise InstrumentFileError(
                            "the sheet has a cell beyond the last row or column of Excel; the "
                            "workbook is damaged or made up. Export it again.",
                            code="BOMB",
                            where=f"{file.path}, sheet '{sheet.title}'",
                        )
                    if cells:
                        yield Row(sheet.title, number, tuple(cells))
    finally:
        book.close()


def _rows_of_xls(file: InstrumentFile) -> Iterator[Row]:
    import xlrd

    book = xlrd.open_workbook(
        file_contents=file.data, ragged_rows=True, on_demand=True, logfile=io.StringIO()
    )
    kinds = (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK, xlrd.XL_CELL_ERROR)
    for index in range(min(book.nsheets, MOST_SHEETS)):
        sheet = book.sheet_by_index(index)
        for i in range(sheet.nrows):
            cells = []
            for cell in sheet.row(i):
                value = None if cell.ctype in kinds else cell.value
                if cell.ctype == xlrd.XL_CELL_BOOLEAN:
                    value = bool(value)
                elif cell.ctype == xlrd.XL_CELL_DATE:
                    value = xlrd.xldate_as_datetime(value, book.datemode)
                cells.append(value)
            yield Row(str(sheet.name), i + 1, tuple(cells))
        book.unload_sheet(index)


def _damaged(file: InstrumentFile, error: Exception) -> InstrumentFileError:
    from defusedxml.common import DefusedXmlException

    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and len(causes) < 10:
        causes.append(cause)
    if any(isinstance(e, DefusedXmlException) for e in causes):
        return InstrumentFileError(
            "the XML of the workbook declares entities, which no instrument needs and which can "
            "blow up; it is refused.",
            code="BOMB",
            where=str(file.path),
        )
    return InstrumentFileError(
        f"the workbook is damaged ({type(error).__name__}: {str(error)[:120]}); copy or export "
        "the file again.",
        code="TRUNCATED",
        where=str(file.path),
    )
