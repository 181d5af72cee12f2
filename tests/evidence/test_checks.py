"""Every fault of a table is found, all of them together."""

from __future__ import annotations

from pathlib import Path

import pytest

from exocast.errors import NotFound, TableError
from exocast.evidence.checks import Finding, check_package, check_tables
from exocast.evidence.correlations import correlations_of
from exocast.evidence.rows import COLUMNS, rows_of
from exocast.evidence.sources import sources

HEADER = ",".join(COLUMNS)
GOOD = "k,a rate,2,1/day,0.5,log_sd,uncertain,rat,someone2020,Table 1,B,"
BETWEEN = "k.between,ratio of a person,1,1,0.3,log_sd,patient,people,someone2020,Table 1,B,"
BIB = "@article{someone2020, title = {A title}, doi = {10.1000/x}}\n"
PAIRS = "id_a,id_b,r,system,source,place,grade"


def found(folder: Path, **files: str) -> list[Finding]:
    """Findings on a package of one good table, changed by the files given."""
    files = {"table.csv": f"{HEADER}\n{GOOD}\n{BETWEEN}", "sources.bib": BIB} | files
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return check_tables(root=folder)


def table(*rows: str) -> dict[str, str]:
    return {"table.csv": "\n".join((HEADER, *rows))}


def test_a_good_table_has_no_finding(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ([GOOD, GOOD], "TABLE", "'k' stands already in line 2"),
        ([GOOD + ",more"], "TABLE", "number of fields"),
        ([GOOD.replace(",2,", ",two,")], "TABLE", "'two' is not a number"),
        ([GOOD.replace("1/day", "")], "TABLE", "unit is missing"),
        ([GOOD.replace("1/day", "1/daily")], "UNIT", "'1/daily' is not a unit"),
        ([GOOD.replace(",B,", ",F,")], "TABLE", "grade 'F'"),
        ([GOOD.replace("a rate", "")], "FIELD_MISSING", "meaning is missing"),
        ([GOOD.replace("Table 1", "")], "FIELD_MISSING", "where in the source"),
        ([GOOD.replace("someone2020", "someome2020")], "SOURCE_UNKNOWN", "'someone2020'"),
        ([GOOD.replace("someone2020", "assumption")], "GRADE", "an assumption has grade E, not B"),
        (
            ["k,a rate,2,1/day,0.5,log_sd,uncertain,rat,assumption,,E,"],
            "FIELD_MISSING",
            "needs its reason",
        ),
        ([BETWEEN], "NO_BASE", "no row 'k'"),
        ([GOOD, GOOD.replace("k,", "j.literature,", 1)], "NO_BASE", "no row 'j'"),
        ([GOOD, GOOD.replace("k,", "k.literature,", 1).replace("1/day", "1/h")], "UNIT", "1/h"),
        ([GOOD, BETWEEN.replace("patient", "uncertain")], "VARIES", "between patients"),
        ([GOOD, BETWEEN.replace(",1,1,", ",2,1,")], "VALUE", "its own value is 1, not 2"),
        ([GOOD, BETWEEN.replace("log_sd", "sd")], "VALUE", "its own value is 0, not 1"),
        ([GOOD.replace("k,", "k_unverified,", 1)], "NEVER_USED", "not used"),
        ([GOOD.replace("0.5,log_sd", "0,sd")], "SPREAD", "zero is 'fixed'"),
        ([GOOD.replace("uncertain", "constant")], "VARIES", "a constant is fixed"),
    ],
)
def test_each_fault_is_found_by_its_code(
    tmp_path: Path, rows: list[str], code: str, words: str
) -> None:
    findings = found(tmp_path, **table(*rows))
    assert any(f.code == code and words in f.message for f in findings), findings
    assert all("table.csv" in f.where or f.severity == "info" for f in findings)


def test_all_findings_come_together_with_their_lines(tmp_path: Path) -> None:
    bad = [GOOD.replace(",B,", ",F,"), GOOD.replace("k,", "j,", 1).replace("1/day", "1/daily")]
    findings = found(tmp_path, **table(*bad))
    assert {("TABLE", "table.csv, line 2"), ("UNIT", "table.csv, line 3")} <= {
        (f.code, f.where) for f in findings
    }


def test_two_tables_of_one_name_are_refused(tmp_path: Path) -> None:
    findings = found(tmp_path, **{"other/table.csv": f"{HEADER}\n{GOOD}"})
    assert [f.code for f in findings] == ["STEM_TWICE"]


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["table.k,table.none,0.5,,someone2020,,B"], "no row 'table.none'"),
        (["table.k,table.a,0.5,,someone2020,,B"], "not drawn at one level"),
        (["table.a,table.b,1.5,,someone2020,,B"], "between -1 and 1"),
        (["table.a,table.b,0.5,,assumption,,B"], "grade E"),
        (["table.a,table.b,0.5,,someone2020,,B"] * 2, "stands twice"),
        (
            [
                "table.a,table.b,0.9,,someone2020,,B",
                "table.b,table.c,0.9,,someone2020,,B",
                "table.a,table.c,-0.9,,someone2020,,B",
            ],
            "cannot hold together",
        ),
    ],
)
def test_correlations_exist_and_hold_together(tmp_path: Path, pairs: list[str], words: str) -> None:
    people = [
        f"{name},of a person,2,1,0.5,log_sd,patient,people,someone2020,Table 1,A," for name in "abc"
    ]
    findings = found(
        tmp_path, **table(GOOD, *people), **{"correlations.csv": "\n".join((PAIRS, *pairs))}
    )
    assert any(words in f.message for f in findings), findings


def test_a_correlation_may_name_a_row_of_an_overlay(tmp_path: Path) -> None:
    over = "\n".join((HEADER, GOOD.replace("k,", "table.k,", 1)))
    for name, wrong in (("labels_dye.table.k", False), ("labels_ink.table.k", True)):
        findings = found(
            tmp_path,
            **table(GOOD, GOOD.replace("k,", "j,", 1)),
            **{
                "body/labels/dye.csv": over,
                "correlations.csv": f"{PAIRS}\ntable.j,{name},0.3,,someone2020,,B",
            },
        )
        assert any(f"no row '{name}'" in f.message for f in findings) == wrong, findings


def test_sources_twice_unused_and_damaged_are_told_apart(tmp_path: Path) -> None:
    more = (
        "@misc{unused, title = {T}, note = {n}}\n@misc{someone2020, title = {T}, note = {n}}\n@x\n"
    )
    findings = found(tmp_path, **{"sources.bib": BIB + more})
    assert {(f.severity, f.code) for f in findings} == {
        ("error", "SOURCE_TWICE"),
        ("error", "SOURCE"),
        ("info", "SOURCE_UNUSED"),
    }


def test_a_source_that_nobody_could_find_is_named(tmp_path: Path) -> None:
    findings = found(tmp_path, **{"sources.bib": "@misc{someone2020, title = {A title}}"})
    assert [f.code for f in findings] == ["FIELD_MISSING"]
    assert "cannot be found" in findings[0].message


def test_a_fragment_without_its_table_is_found(tmp_path: Path) -> None:
    findings = found(tmp_path, **{"lonely.ant": "model lonely() end"})
    assert {(f.code, f.severity) for f in findings} == {
        ("FRAGMENT_ALONE", "error"),
        ("FRAGMENT_ALONE", "warning"),
    }


def test_a_condition_replaces_rows_that_exist(tmp_path: Path) -> None:
    row = GOOD.replace("k,", "table.kk,", 1)
    findings = found(tmp_path, **{"conditions/well.csv": f"{HEADER}\n{row}"})
    assert [(f.code, "'table.k'" in f.message) for f in findings] == [("NO_BASE", True)]


def test_a_library_is_read_with_the_package(tmp_path: Path) -> None:
    row = GOOD.replace(",B,", ",F,")
    (tmp_path / "mine.csv").write_text(f"{HEADER}\n{row}\n", encoding="utf-8")
    assert any(f.where == "mine.csv, line 2" for f in check_tables([tmp_path]))
    with pytest.raises(NotFound):
        check_tables([tmp_path / "none"])


def test_what_is_printed_counts_tables_and_rows() -> None:
    printed = check_package()
    assert set(printed) == {"tables", "rows", "findings"}
    assert isinstance(printed["rows"], int)
    assert printed["rows"] > 100


LATIN = "note,é".encode("latin-1")


@pytest.mark.parametrize("name", ["table.csv", "other.csv", "sources.bib", "correlations.csv"])
def test_a_file_in_another_encoding_is_a_finding_with_its_line(tmp_path: Path, name: str) -> None:
    found(tmp_path)
    (tmp_path / name).write_bytes(b"first\nsecond\n" + LATIN)
    (finding,) = (f for f in check_tables(root=tmp_path) if f.code == "ENCODING")
    assert (finding.severity, finding.where) == ("error", f"{name}, line 3")
    assert "0xe9" in finding.message and "save the file as UTF-8" in finding.message


def test_every_door_names_the_line_of_a_wrong_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"first\n" + LATIN)
    for door in (correlations_of, rows_of, sources):
        with pytest.raises(TableError, match=r"x\.csv: line 2: .*save the file as UTF-8"):
            door(path)
