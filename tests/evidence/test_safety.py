"""Harm: reports apart from rates, zero with its bound, words that stay words."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from exocast import api
from exocast.evidence import safety
from exocast.evidence.register import FOLDER, register
from exocast.evidence.safety import FILE, about, harms
from exocast.report.appraisal import safety_text

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "scripts" / "transcribe_safety.py"
    spec = importlib.util.spec_from_file_location("transcribe_safety", path)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_table_is_what_the_script_writes(script: ModuleType, tmp_path: Path) -> None:
    script.HOME = tmp_path
    script.main()
    assert (tmp_path / FILE).read_text("utf-8") == (FOLDER / FILE).read_text("utf-8")


def test_reports_have_no_denominator_and_rates_have_one() -> None:
    for h in harms():
        if h.kind == "rate":
            assert h.rate is not None
            low, high = h.rate[1:]
            assert 0 <= low <= h.rate[0] <= high <= 1
        else:
            assert h.people is None
            assert h.rate is None


def test_known_reports_are_there_with_date_and_status() -> None:
    reports = {h.study_id: h for h in harms() if h.kind == "report" and h.study_id}
    assert reports["nahm2024_granuloma"].events == 8
    assert reports["tawanwongsri2024"].events == 1
    assert reports["nahm2024_granuloma"].product == "unapproved product"
    regulators = [h for h in harms() if h.kind == "report" and not h.study_id]
    assert any("FDA" in h.said_by and h.date == "2019-12-06" for h in regulators)


def test_none_of_24_allows_fourteen_percent() -> None:
    [none] = [h for h in harms() if h.study_id == "shi2021_mexvt"]
    assert (none.events, none.people) == (0, 24)
    assert none.rate == pytest.approx((0.0, 0.0, 0.142), abs=5e-4)


def test_rates_are_read_from_words_by_rule() -> None:
    found = {(h.study_id, h.given, h.what): (h.events, h.people) for h in harms()}
    assert found["dorio2021", "PRP", "any event"] == (13, 20)  # AE in 65%
    assert found["dorio2021", "saline placebo", "any event"] == (7, 21)  # AE in 33%
    assert found["ucmsc_repeat2023", "UC-MSC repeated", "transient reactions"] == (5, 14)
    assert found["ucmsc_repeat2023", "UC-MSC repeated", "serious event"] == (0, 14)
    assert found["ucmsc_crohn2018", "UC-MSC", "fever"] == (4, 41)
    assert found["arthrumhcs2015", "HA 40 mg + chondroitin sulfate 40 mg", "knee swelling"] == (
        1,
        112,
    )


def test_pooled_rates_keep_their_printed_interval() -> None:
    pooled = [h.rate for h in harms() if h.study_id == "vandelen2024"]
    assert pooled == [
        pytest.approx((0.007, 0.001, 0.052)),
        pytest.approx((0.044, 0.007, 0.222)),
    ]


@pytest.mark.parametrize(
    ("percent", "people", "count"),
    [
        ("65", 20, 13),
        ("33", 21, 7),
        ("0", 10, 0),
        ("8", 459, None),  # 35 to 38 all round to it
        ("14.95", 356, None),  # no count rounds to it
        ("50", 1, None),
    ],
)
def test_a_percentage_is_a_count_only_when_one_fits(
    script: ModuleType, percent: str, people: int, count: int | None
) -> None:
    assert script.one_count(percent, people) == count


@pytest.mark.parametrize(
    "text", ["minimal", "well tolerated", "mild to moderate events", "pain or swelling 2-60%"]
)
def test_words_without_a_count_stay_words(script: ModuleType, text: str) -> None:
    assert list(script.counted(text, 50)) == []


def test_none_among_nobody_knows_how_many_is_no_rate(script: ModuleType) -> None:
    assert list(script.counted("none reported", None)) == []


def test_a_subgroup_is_no_denominator_of_a_whole_trial() -> None:
    assert {h.kind for h in harms() if h.study_id == "lightner2023"} == {"words"}


def test_reports_and_rates_are_shown_apart_and_never_added() -> None:
    made = api.evidence_safety("exosome")
    assert {h["kind"] for h in made["reports"]} == {"report"}
    assert {h["kind"] for h in made["rates"]} == {"rate"}
    text = safety_text(made)
    assert text.index("REPORTS") < text.index("RATES") < text.index("SAID WITHOUT A COUNT")
    assert "Reports have no denominator" in " ".join(text.split())
    assert "0 of 24, at most 14.2 %" in safety_text(api.evidence_safety("shi2021"))
    # The eight and the four and the one are never one number.
    assert not [w for w in text.split() if w in ("13", "13x")]
    nothing = safety_text(api.evidence_safety("unicorn"))
    assert "no sign of safety" in nothing


def test_a_search_knows_words_that_mean_the_same() -> None:
    assert {h.study_id for h in about("exosomes skin")} == {h.study_id for h in about("EV skin")}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",0,24,", ",25,24,", "25 of 24 is no proportion"),
        (",0,24,", ",0,,", "a rate needs events and people"),
        (",0,24,", ",none,24,", "no number"),
        ("rate,shi2021_mexvt", "report,shi2021_mexvt", "has no denominator, and this one has"),
        ("rate,shi2021_mexvt", "rates,shi2021_mexvt", "Did you mean 'rate'"),
        ("rate,shi2021_mexvt", "rate,shi2021_mexv", "Did you mean 'shi2021_mexvt'"),
        ("trial product", "approved", "Did you mean 'approved product'"),
        ("kind,study_id", "sort,study_id", "its columns are sort"),
    ],
)
def test_a_spoilt_line_is_a_finding(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = Path(shutil.copy(FOLDER / FILE, tmp_path / FILE))
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    found = [f for f in safety.findings(register(), tmp_path) if f.severity == "error"]
    assert any(said in f.message and FILE in f.where for f in found), found
