"""Tables: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from exocast.errors import NotFound, TableError, UnknownName
from exocast.evidence.rows import COLUMNS, parse_table, rows_of, table, under_prior

HEADER = ",".join(COLUMNS)
GOOD = "k,a rate,2,1/day,0.5,log_sd,uncertain,test,assumption,,E,why"


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "t.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_row_is_read_with_its_key_and_line(tmp_path: Path) -> None:
    (row,) = rows_of(written(tmp_path, GOOD))
    assert (row.key, row.value, row.spread, row.line) == ("t.k", 2.0, (0.5,), 2)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (GOOD.replace("log_sd", "logsd"), "Did you mean 'log_sd'"),
        (GOOD.replace("uncertain", "uncertian"), "Did you mean 'uncertain'"),
        (GOOD.replace("1/day", ""), "unit is missing"),
        (GOOD.replace("assumption", ""), "source is missing"),
        (GOOD.replace(",E,", ",F,"), "grade 'F'"),
        (GOOD.replace(",2,", ",two,"), "'two' is not a number"),
        (GOOD.replace(",2,", ",inf,"), "not finite"),
        (GOOD.replace(",2,", ",-2,"), "needs a value above zero"),
        (GOOD.replace("0.5,log_sd", "1..3,log_sd"), "give one number"),
        (GOOD.replace("0.5,log_sd", "3..4,range"), "lies outside"),
        (GOOD.replace("0.5,log_sd", "-1,sd"), "never negative"),
        (GOOD.replace("0.5,log_sd", "0.5,fixed"), "leave it empty"),
        (GOOD.replace("0.5,log_sd", ",fixed").replace("why", ""), "needs its reason"),
        ("k,too,few", "number of fields"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(TableError, match="line 2") as refused:
        rows_of(written(tmp_path, line))
    assert words in str(refused.value)


def test_a_duplicate_names_both_lines(tmp_path: Path) -> None:
    _, problems = parse_table(written(tmp_path, GOOD, GOOD))
    assert problems == ["line 3: 'k' stands already in line 2"]


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    _, problems = parse_table(written(tmp_path, "k,too,few", GOOD.replace(",E,", ",F,")))
    assert len(problems) == 2


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    _, problems = parse_table(written(tmp_path, GOOD, header=HEADER.replace(",grade", "")))
    assert "missing grade" in problems[0]


def test_a_missing_table_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        rows_of(tmp_path / "none.csv")


def test_an_unknown_row_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'k_uptake'"):
        table(written(tmp_path, GOOD.replace("k,", "k_uptake,", 1)))["k_uptak"]


def test_the_literature_prior_replaces_only_what_it_names(tmp_path: Path) -> None:
    rows = rows_of(
        written(
            tmp_path,
            GOOD,
            GOOD.replace("k,", "k.literature,", 1).replace(",2,", ",9,"),
            GOOD.replace("k,", "other,", 1),
        )
    )
    assert {r.id: r.value for r in under_prior(rows, "default")} == {"k": 2.0, "other": 2.0}
    assert {r.id: r.value for r in under_prior(rows, "literature")} == {"k": 9.0, "other": 2.0}
    with pytest.raises(UnknownName, match="literature"):
        under_prior(rows, "literatur")
