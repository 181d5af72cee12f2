"""Workbooks row by row: what stands in them, and what they only claim to hold."""

from __future__ import annotations

import tracemalloc
import zipfile
from io import BytesIO

import openpyxl
import pytest
from fuzzing import INPUTS, mutated
from made_files import opened
from writers.workbooks import sheet_xml, xls, xlsx, xlsx_of_xml

from exocast.errors import ExocastError, InstrumentFileError
from exocast.vial.cells import number
from exocast.vial.workbook import cell_text, head_of_workbook, is_workbook, rows_of_workbook

ROWS = [["Well", "RLU"], [], ["A1", 0.1], [None, 1e-7, None], ["Ω µ", -3]]


@pytest.mark.parametrize("make", [xlsx, xls])
def test_rows_come_back_with_their_numbers_and_without_empty_ends(make):
    found = list(rows_of_workbook(opened(make({"One": ROWS, "Two": [["x"]]}))))
    assert [(r.sheet, r.number, r.cells) for r in found] == [
        ("One", 1, ("Well", "RLU")),
        ("One", 3, ("A1", 0.1)),
        ("One", 4, (None, 1e-7)),
        ("One", 5, ("Ω µ", -3)),
        ("Two", 1, ("x",)),
    ]


def test_workbook_of_another_maker_reads_the_same():
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    out = BytesIO()
    book.save(out)
    assert [r.cells for r in rows_of_workbook(opened(out.getvalue()))] == [
        r.cells for r in rows_of_workbook(opened(xlsx({"Sheet": ROWS})))
    ]


def test_stated_size_is_not_believed():
    data = xlsx({"One": [["A1", 1.0]]}, dimension="A1:XFD1048576")
    file = opened(data)
    list(rows_of_workbook(file))
    tracemalloc.start()
    try:
        assert [r.cells for r in rows_of_workbook(file)] == [("A1", 1)]
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_cell_far_below_is_found_without_a_table_in_memory():
    data = xlsx_of_xml({"One": sheet_xml([["a"], ["b"]], numbers=(1, 60_000))})
    tracemalloc.start()
    try:
        assert [r.number for r in rows_of_workbook(opened(data))] == [1, 60_000]
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_cell_in_the_last_row_of_excel_is_found():
    data = xlsx_of_xml({"One": sheet_xml([["a"], ["b"]], numbers=(1, 1_048_576))})
    assert [r.number for r in rows_of_workbook(opened(data))] == [1, 1_048_576]


def test_row_beyond_the_last_is_refused_not_counted_up_to():
    data = xlsx_of_xml({"One": sheet_xml([["a"], ["b"]], numbers=(1, 99_999_999_999))})
    with pytest.raises(InstrumentFileError) as e:
        list(rows_of_workbook(opened(data)))
    assert e.value.code == "BOMB"


def test_too_many_cells_are_refused():
    # One cell a row, so far to the right that the rows before it are long.
    rows = "".join(f'<row r="{i}"><c r="WQK{i}"><v>1</v></c></row>' for i in range(1, 131))
    sheet = sheet_xml([]).replace("<sheetData>", f"<sheetData>{rows}")
    with pytest.raises(InstrumentFileError) as e:
        list(rows_of_workbook(opened(xlsx_of_xml({"One": sheet}))))
    assert e.value.code == "TOO_LARGE"
    assert "sheet 'One', line" in e.value.where


def test_entities_are_refused():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + sheet_xml([["a"]]).replace(">a<", ">&a;<")
    with pytest.raises(InstrumentFileError) as e:
        list(rows_of_workbook(opened(xlsx_of_xml({"One": bomb}))))
    assert e.value.code == "BOMB"


def test_archive_that_blows_up_is_refused_before_it_is_unpacked():
    data = xlsx_of_xml({"One": sheet_xml([["a"]])}, extra={"xl/big.xml": b" " * 20_000_000})
    with pytest.raises(InstrumentFileError) as e:
        list(rows_of_workbook(opened(data)))
    assert e.value.code == "BOMB"


@pytest.mark.parametrize("make", [xlsx, xls])
def test_cut_workbook_is_refused(make):
    data = make({"One": ROWS})
    with pytest.raises(InstrumentFileError) as e:
        list(rows_of_workbook(opened(data[: len(data) // 3])))
    assert e.value.code in {"TRUNCATED", "NOT_AN_EXPORT"}


def test_text_is_no_workbook():
    assert not is_workbook(opened("Well,RLU\nA1,1\n"))
    assert head_of_workbook(opened("Well,RLU\nA1,1\n")) == ()
    with pytest.raises(InstrumentFileError):
        list(rows_of_workbook(opened("Well,RLU\nA1,1\n")))
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("rdml_data.xml", "<rdml/>")
    assert not is_workbook(opened(archive.getvalue()))


@pytest.mark.parametrize("value", [0.0557, 12.0, -3, 1e-300, 1.7976931348623157e29, 0.1 + 0.2])
def test_text_of_a_number_reads_back_exactly(value):
    assert number(cell_text(value), decimal_comma=False, where="") == value


def test_only_errors_of_ours_whatever_the_bytes():
    """Damage to archive, XML and BIFF; the reader's own fuzz tests change cells instead."""
    sources = [xlsx({"One": ROWS}), xls({"One": ROWS})]
    for seed in range(INPUTS // 2):
        data = mutated(sources[seed % 2], seed, sources[(seed // 2) % 2])
        try:
            rows = list(rows_of_workbook(opened(data)))
        except ExocastError:
            continue
        assert all(row.cells for row in rows)
