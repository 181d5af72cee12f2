"""The file of sources is read as BibTeX, and its faults are named by line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exocast.errors import NotFound, TableError, UnknownName
from exocast.evidence.sources import parse_sources, source, sources

GOOD = """% a comment with @article{no,
@article{first2020,
  title = {{Vesicles of {MSC}} and pain},
  journal = "A Journal",
  year = 2020, doi = {https://doi.org/10.1000/x-1}
}

@misc{second, title = {Second}, note = {a
  page}}
"""


def test_fields_are_read_in_braces_in_quotes_and_bare() -> None:
    entries, problems = parse_sources(GOOD)
    assert problems == ()
    first, second = entries
    assert (first.key, first.title, first.journal) == (
        "first2020",
        "Vesicles of MSC and pain",
        "A Journal",
    )
    assert (first.year, first.doi, first.line) == ("2020", "10.1000/x-1", 2)
    assert second.note == "a page"
    assert second.text == "Second. a page."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@article(a, title = {x})", "an entry begins"),
        ("@article{a, title {x}}", "a field 'name"),
        ("@article{a, title = ,}", "a field has no value"),
    ],
)
def test_a_damaged_entry_is_named_and_the_next_is_read(text: str, words: str) -> None:
    entries, problems = parse_sources(text + "\n@misc{good, title = {Good}}")
    assert any(words in problem for _, problem in problems)
    assert problems[0][0] == 1
    assert [e.key for e in entries] == ["good"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@article{a, title = {x", "a value is not closed"),
        ("@article{a, title = {x}", "the entry is not closed"),
    ],
)
def test_a_truncated_file_is_named(text: str, words: str) -> None:
    assert words in parse_sources(text)[1][0][1]


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sources.bib"
    path.write_text(GOOD + GOOD)
    with pytest.raises(TableError, match="'first2020' stands already in line 2"):
        sources(path)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        sources(tmp_path / "none.bib")


def test_a_misspelt_key_offers_the_nearest() -> None:
    assert source("altman2016").doi == "10.1016/j.semarthrit.2016.04.003"
    with pytest.raises(UnknownName, match="altman2016"):
        source("altmann2016")


@given(st.text(alphabet='@{}",= \n%ab1', max_size=60))
def test_any_text_is_read_to_its_end(text: str) -> None:
    entries, problems = parse_sources(text)
    assert len(entries) + len(problems) >= (1 if text.lstrip().startswith("@") else 0)


def test_escaped_signs_are_shown_as_themselves_and_macros_and_comments_are_known() -> None:
    text = r"""@comment{no {entry}} @string{j = "A Journal"} @preamble{"x"}
@misc{a, title = {50\,\% of A\_B}, journal = j, year = 2020}"""
    [entry], problems = parse_sources(text.replace(r"\,", " "))
    assert problems == ()
    assert (entry.title, entry.journal, entry.line) == ("50 % of A_B", "A Journal", 2)


def test_a_file_of_damaged_entries_is_left_after_forty() -> None:
    entries, problems = parse_sources("@a{b,c={" * 5000)
    assert entries == () and len(problems) == 41
    assert problems[-1][1] == "40 entries cannot be read; the rest is left"
