"""The register: read, checked, searched, pooled."""

from __future__ import annotations

import csv
import importlib.util
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from exocast.errors import InvalidInput, TableError, UnknownName
from exocast.evidence.query import answer, question
from exocast.evidence.query.tables import weightless
from exocast.evidence.register import FOLDER, Register, cells, impossible, register

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the register that a test may spoil."""
    return shutil.copytree(FOLDER, tmp_path / "register")


def with_cell(folder: Path, name: str, line: int, column: str, text: str) -> Path:
    path = folder / name
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[line - 2][column] = text
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_every_result_has_its_study() -> None:
    whole = register()
    assert len(whole.studies) > 200 and len(whole.results) > 1000
    assert {r.study_id for r in whole.results} <= whole.studies.keys()


def test_the_tables_are_what_the_script_writes(reference: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        "transcribe", ROOT / "scripts" / "transcribe_register.py"
    )
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.HOME = tmp_path / "register"
    script.transcribe(reference / "literature")
    written = sorted(script.HOME.glob("*.csv"))
    assert [file.name for file in written] == [
        "population.csv",
        "results.csv",
        "status.csv",
        "studies.csv",
    ]
    for file in written:
        assert file.read_text("utf-8") == (FOLDER / file.name).read_text("utf-8"), file.name


def test_a_reader_is_told_what_is_open() -> None:
    found = register().doubts()
    codes = {d.code for d in found}
    assert "UNRESOLVED_CITATION" in codes
    # The joint space of one trial does not fit its unit.
    doubtful = [d for d in found if d.code == "UNIT_DOUBTFUL"]
    assert doubtful and all("lamo_espinosa2016" in d.message for d in doubtful)


@pytest.mark.parametrize(
    ("column", "text", "code"),
    [
        ("low", "9999", "INTERVAL_REVERSED"),
        ("n", "0", "NO_PEOPLE"),
        ("se", "-1", "SPREAD_NOT_POSITIVE"),
    ],
)
def test_a_spoiled_line_is_found(folder: Path, column: str, text: str, code: str) -> None:
    line = next(
        r.line for r in register().results if r.high is not None and r.se is not None and r.n
    )
    spoiled = register(with_cell(folder, "results.csv", line, column, text))
    assert any(d.code == code and d.where.endswith(f"line {line}") for d in spoiled.doubts())


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("study_id", "dorio2020", "Did you mean 'dorio2021'"),
        ("statistic", "mean_sdd", "Did you mean 'mean_sd'"),
        ("value", "six", "'six' is no number"),
    ],
)
def test_a_wrong_cell_is_refused_with_its_place(
    folder: Path, column: str, text: str, said: str
) -> None:
    with pytest.raises(TableError, match=said) as caught:
        register(with_cell(folder, "results.csv", 2, column, text))
    assert f"line 2, column {column}" in str(caught.value.where)


def test_search_knows_words_that_mean_the_same() -> None:
    whole = register()
    by_exosome = {s.study_id for s in whole.search("exosomes knee")}
    assert "placental_ev_oa2024" in by_exosome
    assert by_exosome == {s.study_id for s in whole.search("EV knee")}
    assert whole.search("exosomes nosuchword") == []


def test_an_unknown_study_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'dorio2021'"):
        register().study("dorio21")


def test_status_has_a_date_or_says_none() -> None:
    found = register().status_of("exosomes")
    assert any(s.jurisdiction == "US FDA" and s.confidence == "high" for s in found)
    assert all(s.checked for s in found)


def test_the_database_answers_in_sql() -> None:
    made = register().database()
    [(count,)] = made.execute(
        "SELECT count(*) FROM results WHERE study_id = 'dorio2021'"
    ).fetchall()
    assert count == len(register().results_of("dorio2021"))


def test_a_question_is_read() -> None:
    asked = question("knee_OA: saline | VAS | change | 12-26 weeks")
    assert (asked.indication, asked.given, asked.endpoint) == ("knee_OA", "saline", "VAS")
    assert (asked.first_week, asked.last_week) == (12, 26)


@pytest.mark.parametrize(
    "text",
    [
        "saline",
        "knee: saline | VAS | change",
        "knee: saline | VAS | level | 12 weeks",
        "knee: saline | VAS | change | 26-12 weeks",
        ": saline | VAS | change | 12 weeks",
        "knee: saline | VAS | change | soon",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        question(text)


def test_a_pool_says_what_it_left_out() -> None:
    found = answer("knee_OA: saline | VAS | change | 12-26 weeks")
    assert found.pooled is not None
    [dorio] = [e for e in found.entries if e.study_id == "dorio2021"]
    # Change -2.7 or -3.5 cm with its SD, 21 people.
    assert dorio.value in (pytest.approx(-27.0), pytest.approx(-35.0))
    assert dorio.standard_error == pytest.approx(
        {12.0: 32.0, 24.0: 33.0}[dorio.week] / math.sqrt(21)
    )
    reasons = {e.study_id: e.how for e in found.left_out}
    assert "pool of studies" in reasons["saltzman2017"]


def test_unresolved_studies_weigh_nothing_unless_asked_for() -> None:
    query = "knee_OA: saline | VAS | change | 12-26 weeks"
    whole = register()
    lost = replace(whole.study("ha_rct_jubb"), via="", pmid="", reference="somewhere")
    whole = replace(whole, studies={**whole.studies, "ha_rct_jubb": lost})
    without, with_them = answer(query, whole), answer(query, whole, unresolved=True)
    assert {e.study_id for e in without.entries} < {e.study_id for e in with_them.entries}
    assert all(whole.study(e.study_id).resolved for e in without.entries)
    reasons = {e.study_id: e.how for e in without.left_out}
    assert "no identifier" in reasons["ha_rct_jubb"]


def test_scales_on_which_more_is_better_are_turned() -> None:
    found = answer("knee: dextrose | WOMAC pain | change | 12-52 weeks", unresolved=True)
    assert [e.study_id for e in found.entries] == ["rabago2013"]
    # The trial prints gains; here minus is better.
    assert found.entries[0].value < 0


def test_a_scale_of_unknown_direction_is_left_out_with_the_reason() -> None:
    found = answer("after surgery: natural | T2 patella | change | 200-300 weeks", unresolved=True)
    assert found.pooled is None and found.left_out
    assert {e.how for e in found.left_out} == {"which way its scale is better is not known"}
    null = answer("knee_OA: saline | VAS | change | 26 weeks").left_out
    reasons = {e.study_id: e.how for e in null}
    assert reasons["placental_ev_oa2024"] == "only a direction is known"


def test_a_register_can_be_empty_for_a_question() -> None:
    empty = Register(studies={}, results=(), status=())
    assert answer("knee: saline | VAS | change | 12 weeks", empty).pooled is None


def test_what_was_found_since_says_where() -> None:
    folder = FOLDER / "amendments"
    for name in ("identifiers", "corrections"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows and all(row["found_in"] for row in rows)
    assert {r["study_id"] for r in rows} <= register().studies.keys()


def test_a_retracted_study_weighs_nothing_and_says_so() -> None:
    study = register().study("dw_ma2023")
    assert study.retracted
    assert any(d.code == "RETRACTED" and "dw_ma2023" in d.where for d in register().doubts())
    assert not register().study("lightner2023").retracted  # an erratum is no retraction


def test_values_by_way_of_a_data_set_lead_to_its_publication() -> None:
    study = register().study("ha_rct_corrado")
    assert study.resolved
    assert study.address == "by way of doi:10.1002/sim.6492"


def test_a_retracted_study_is_in_no_pool() -> None:
    query = "knee_OA: saline | VAS | change | 12-26 weeks"
    whole = register()
    gone = replace(whole.study("ha_rct_jubb"), retraction="retracted 2026 (a notice)")
    gone_whole = replace(whole, studies={**whole.studies, "ha_rct_jubb": gone})
    assert "ha_rct_jubb" in {e.study_id for e in answer(query, whole).entries}
    found = answer(query, gone_whole, unresolved=True)
    assert "ha_rct_jubb" not in {e.study_id for e in found.entries}
    [why] = [e.how for e in found.left_out if e.study_id == "ha_rct_jubb"]
    assert why == "retracted 2026, so it weighs nothing"


def test_no_row_of_the_model_rests_on_a_study_that_weighs_nothing() -> None:
    import exocast
    from exocast.evidence.rows import rows_of

    studies = register().studies
    cited = set()
    for path in sorted(Path(exocast.__file__).parent.rglob("*.csv")):
        if path.read_text("utf-8").startswith("id,meaning,value"):
            cited |= {row.source for row in rows_of(path)} & studies.keys()
    assert len(cited) > 5
    assert not [key for key in cited if weightless(studies[key], unresolved=False)]


def test_what_cannot_be_true_weighs_nothing_and_is_said(folder: Path) -> None:
    whole = register()
    [line] = [
        r
        for r in whole.results_of("dorio2021")
        if r.endpoint == "VAS overall pain" and r.week == 12 and "saline" in r.intervention
    ]
    for column, text, why in (
        ("scale_high", "0", "no width"),
        ("change", "-210", "larger than its scale"),
        ("sd_of_change", "-24", "not above zero"),
        ("n", "-5", "are none"),
    ):
        spoilt = with_cell(folder, "results.csv", line.line, column, text)
        bad = register(spoilt)
        [same] = [r for r in bad.results if r.line == line.line]
        assert why in impossible(same)
        found = answer("knee_OA: saline | VAS | change | 12 weeks", bad)
        assert not [e for e in found.entries if line.line in e.lines]
        assert any(d.where.endswith(f"line {line.line}") for d in bad.doubts())
        with_cell(folder, "results.csv", line.line, column, f"{getattr(line, column):g}")


def test_regulators_are_found_by_words_that_mean_the_same() -> None:
    assert register().status_of("vesicles") == register().status_of("exosomes") != ()


def test_a_line_twice_in_a_library_counts_once_and_a_study_twice_is_said(tmp_path: Path) -> None:
    whole = register()
    mine = tmp_path / "mine"
    mine.mkdir()
    study = {**cells(whole.study("dorio2021")), "study_id": "again"}
    line = {**cells(whole.results_of("dorio2021")[1]), "study_id": "again"}
    for name, rows in (("studies.csv", [study]), ("results.csv", [line, line])):
        with (mine / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    both = register(library=mine)
    assert len(both.results_of("again")) == 1
    [doubt] = [d for d in both.doubts() if d.code == "STUDY_UNDER_TWO_NAMES"]
    assert doubt.severity == "warning" and "dorio2021" in doubt.message
