"""The quick ways to cut lines and read numbers give what the careful ones give."""

from __future__ import annotations

import csv
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exocast.errors import InstrumentFileError
from exocast.vial.cells import lines_of, number, plain_numbers

SIGNS = st.text(alphabet='0123456789.,;|eE+- \t"_xnaif\u0663', max_size=12)


@given(st.lists(SIGNS, max_size=5))
def test_plain_numbers_are_those_of_the_careful_way(cells):
    quick = plain_numbers(cells)
    if quick is None:
        return
    assert quick == [number(cell, decimal_comma=False, where="x") for cell in cells]
    assert quick == [number(cell, decimal_comma=True, where="x") for cell in cells]


@pytest.mark.parametrize(
    "cells",
    [
        ["1", ""],
        ["1 2"],
        ["1|2"],
        [""],
        [],
        ["1_0"],
        ["nan"],
        ["1e999"],
        ["1e31"],
        ["-1"],
        ["\u0663"],
    ],
)
def test_what_is_not_plain_is_left_to_the_careful_way(cells):
    assert plain_numbers(cells) is None


def test_plain_numbers_of_a_table_are_read():
    assert plain_numbers(["0.5", "1", "2.", "3.1e+08", "4E-2"]) == [0.5, 1.0, 2.0, 3.1e8, 0.04]
    with pytest.raises(InstrumentFileError):
        number("1e999", decimal_comma=False, where="x")
    assert math.isnan(number("", decimal_comma=False, where="x"))


@given(st.lists(SIGNS.map(lambda t: t.replace('"', "")), min_size=1, max_size=5))
def test_lines_without_quotation_marks_are_cut_as_csv_cuts_them(lines):
    for separator in ",;\t":
        found = lines_of("\n".join(lines), separator)
        by_csv = [next(csv.reader([line], delimiter=separator), []) for line in lines]
        assert [list(x.cells) for x in found] == [[c.strip() for c in row] for row in by_csv]


def test_views_of_lines_cut_what_the_whole_would():
    text = 'a;b\r\n\r\n 1 ;2\n"x;y";3\rlast'
    lines = lines_of(text, ";")
    whole = list(lines)
    assert [line.cells for line in whole] == [("a", "b"), (), ("1", "2"), ("x;y", "3"), ("last",)]
    assert [line.number for line in whole] == [1, 2, 3, 4, 5]
    assert (lines[-1], list(lines[1:4]), list(lines[::2])) == (whole[-1], whole[1:4], whole[::2])
    assert list(lines[1:].filled()) == whole[2:]
    assert list(lines[2:].filled()[1:].numbered([5, 1])) == [whole[4], whole[0]]
    assert list(reversed(lines)) == whole[::-1]
    assert len(lines[3:2]) == 0
    assert lines.raw(3) == '"x;y";3'
