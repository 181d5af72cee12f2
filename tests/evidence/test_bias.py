"""Risk of bias: tables, rules, tools' algorithms, and robvis there and back."""

from __future__ import annotations

import csv
import importlib.util
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from exocast import api
from exocast.errors import InvalidInput, NotFound, TableError
from exocast.evidence import bias, robvis
from exocast.evidence.bias import FILE, TOOLS, assessments, chosen, overall
from exocast.evidence.designs import CONTROLLED, best_first, kind, without_result
from exocast.evidence.register import FOLDER, register
from exocast.evidence.trials import all_trials
from exocast.report.appraisal import SYMBOL, bias_text, summary_bars, traffic_lights
from exocast.report.evidence import studies_text, study_text

ROOT = Path(__file__).parents[2]
BY_HAND = (
    "placental_ev_oa2024 dorio2021 bennell2021_restore kwon2020 park2023_hacs lightner2023 "
    "johnson2023_pev kishta2025_dfu east2021 lamo_espinosa2016 mautner2023 gel200_pooled2018 "
    "cingal1301 nassar2016 xie2023"
).split()


@pytest.fixture(autouse=True)
def _no_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """What sites have to say is no matter of bias, and takes a minute to ask."""
    from exocast import engine

    monkeypatch.setattr(engine, "findings", lambda: (), raising=False)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a copy of our table that a test may spoil."""
    shutil.copy(FOLDER / FILE, tmp_path / FILE)
    return tmp_path


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


# Our own table -----------------------------------------------------------------------------------


def test_every_controlled_study_of_people_is_judged() -> None:
    judged = assessments()
    missing = [
        s.study_id
        for s in register().studies.values()
        if kind(s) in CONTROLLED and s.study_id not in judged
    ]
    assert not missing
    assert sum(kind(register().study(i)) in CONTROLLED for i in judged) > 80


def test_what_is_not_judged_says_why() -> None:
    judged = assessments()
    for study in register().studies.values():
        assert (study.study_id in judged) != bool(bias.why_not_judged(study)), study.study_id
    assert "a pool of studies" in bias.why_not_judged(register().study("bannuru2009"))
    assert "natural course" in bias.why_not_judged(register().study("raynauld2006"))


def test_domains_and_levels_are_those_of_the_tools() -> None:
    assert {k: len(t.domains) for k, t in TOOLS.items()} == {
        "rob2": 5,
        "robins_i": 7,
        "syrcle": 10,
    }
    assert set(SYMBOL) == {level for t in TOOLS.values() for level in t.levels}
    assert {a.tool for a in assessments().values()} == set(TOOLS)


def test_trials_that_matter_are_judged_by_hand_with_a_reason() -> None:
    for study_id in BY_HAND:
        by_hand = [j for j in assessments()[study_id].domains.values() if j.judged_by == "reader"]
        assert by_hand, study_id
        assert all(len(j.reason.split()) > 3 for j in by_hand)


def test_no_information_wherever_the_text_is_silent() -> None:
    listed = assessments()["ha_rct_huskisson"]  # "blinding not recorded"
    said = {d: j.judgement for d, j in listed.domains.items()}
    assert said == {"D1": "some concerns"} | dict.fromkeys(
        ("D2", "D3", "D4", "D5"), bias.NO_INFORMATION
    )
    registered = [a for a in assessments().values() if without_result(register().study(a.study_id))]
    assert registered
    assert {j.judgement for a in registered for j in a.domains.values()} == {bias.NO_INFORMATION}


def test_what_the_notes_say_of_blinding_is_quoted_whole() -> None:
    reasons = [j.reason for a in assessments().values() for j in a.domains.values()]
    quoted = {m.group(1) for r in reasons if (m := re.search("'(blinding [^']*)'", r))}
    assert {"blinding not recorded", "blinding not stated"} <= quoted
    notes = [f"{s.design}; {s.bias}" for s in register().studies.values()]
    for words in quoted:
        assert any(re.search(rf"{words}(?:[;,]|$)", note) for note in notes), words


def test_no_rule_calls_randomisation_or_reporting_low() -> None:
    for a in assessments().values():
        for domain in ("D1", "D5") if a.tool == "rob2" else ("D1",):
            assert a.domains[domain].judgement != "low", a.study_id


def test_nobody_is_low_overall_before_a_full_text_was_read() -> None:
    assert "low" not in {a.overall.judgement for a in assessments().values()}


def test_the_table_is_what_the_script_writes(tmp_path: Path) -> None:
    made = script("judge_bias")
    made.HOME = tmp_path
    # What a reader judged is kept; everything else is made again.
    with (FOLDER / FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(r for r in rows if r["judged_by"] == "reader")
    made.main()
    assert (tmp_path / FILE).read_text("utf-8") == (FOLDER / FILE).read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("31 patients / 62 knees (29 analysed)", "29 of 31"),
        ("30 (28 completed)", "28 of 30"),
        ("60 enrolled, 43 evaluable", "43 of 60"),
    ],
)
def test_people_analysed_are_read_from_the_text(text: str, words: str) -> None:
    study = next(s for s in register().studies.values() if s.n_text == text)
    found = script("judge_bias").share_analysed(study)
    assert found is not None
    assert words in found[1]
    after, before = map(int, words.split(" of "))
    assert found[0] == pytest.approx(after / before)


# The tools' rules --------------------------------------------------------------------------------


def given(text: str, tool: str) -> dict[str, str]:
    letters = {
        "rob2": {"+": "low", "-": "some concerns", "x": "high", "?": "no information"},
        "robins_i": {
            "+": "low",
            "-": "moderate",
            "x": "serious",
            "!": "critical",
            "?": "no information",
        },
        "syrcle": {"+": "low", "x": "high", "?": "unclear"},
    }[tool]
    return {f"D{i}": letters[c] for i, c in enumerate(text, start=1)}


@pytest.mark.parametrize(
    ("tool", "text", "wanted"),
    [
        ("rob2", "+++++", "low"),
        ("rob2", "++-++", "some concerns"),
        ("rob2", "-+-++", "some concerns"),
        ("rob2", "---++", "some concerns"),
        ("rob2", "---+-", "high"),
        ("rob2", "+++x+", "high"),
        ("rob2", "++++?", "some concerns"),
        ("rob2", "-+???", "no information"),
        ("rob2", "??x??", "high"),
        ("robins_i", "+++++++", "low"),
        ("robins_i", "+-+++++", "moderate"),
        ("robins_i", "+-+++?+", "no information"),
        ("robins_i", "x-+++?+", "serious"),
        ("robins_i", "x!+++?+", "critical"),
        ("syrcle", "++++++++++", "low"),
        ("syrcle", "+++++++++?", "unclear"),
        ("syrcle", "+++++x+++?", "high"),
    ],
)
def test_overall_is_the_tools_rule(tool: str, text: str, wanted: str) -> None:
    assert overall(tool, given(text, tool))[0] == wanted


def test_a_worse_domain_never_makes_the_whole_better() -> None:
    import itertools

    order = ("low", "some concerns", "high")
    for some in itertools.product(order, repeat=5):
        whole = order.index(overall("rob2", dict(zip(TOOLS["rob2"].domains, some, strict=True)))[0])
        for i, level in enumerate(some):
            if level != "high":
                worse = (*some[:i], order[order.index(level) + 1], *some[i + 1 :])
                after = overall("rob2", dict(zip(TOOLS["rob2"].domains, worse, strict=True)))[0]
                assert order.index(after) >= whole, (some, worse)


# Spoilt tables -----------------------------------------------------------------------------------


FIRST_LINE = "placental_ev_oa2024,rob2,VAS pain,D1"
LAST_LINE = "placental_ev_oa2024,rob2,VAS pain,Overall"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            f"{FIRST_LINE},some concerns",
            f"{FIRST_LINE},some concern",
            "Did you mean 'some concerns'",
        ),
        (FIRST_LINE, FIRST_LINE.replace("2024", "2042"), "Did you mean 'placental_ev_oa2024'"),
        (FIRST_LINE, FIRST_LINE.replace("rob2", "rob3"), "'rob3' is no tool"),
        (FIRST_LINE, FIRST_LINE.replace("D1", "D6"), "domain 'D6'"),
        (FIRST_LINE, FIRST_LINE.replace("D1", "D2"), "has D2 already in line 2"),
        (f"{LAST_LINE},some concerns", f"{LAST_LINE},low", "rule gives 'some concerns'"),
        ("study_id,tool", "study,tool", "its columns are study, tool"),
    ],
)
def test_a_spoilt_table_is_a_finding_with_its_place(
    folder: Path, old: str, new: str, said: str
) -> None:
    spoil(folder / FILE, old, new)
    found = [f for f in bias.findings(register(), folder) if f.severity == "error"]
    assert any(said in f.message and FILE in f.where for f in found), found


def test_a_study_that_lacks_a_domain_is_a_finding(folder: Path) -> None:
    path = folder / FILE
    kept = [
        t
        for t in path.read_text("utf-8").splitlines()
        if "kwon2020,rob2,ECCA score reduction,D3" not in t
    ]
    path.write_text("\n".join(kept) + "\n", "utf-8")
    [found] = [f for f in bias.findings(register(), folder) if f.severity == "error"]
    assert found.message == "D3 of RoB 2 is missing." and "kwon2020" in found.where


def test_the_check_tells_what_the_judgements_are() -> None:
    [found] = bias.findings(register())
    assert (found.severity, found.code) == ("info", "FIRST_JUDGEMENTS")
    assert str(len(assessments())) in found.message


# robvis ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", TOOLS)
def test_there_and_back_through_robvis(tool: str, tmp_path: Path) -> None:
    ours = chosen(tool=tool)
    path = robvis.write(tmp_path / "robvis.csv", ours)
    header = path.read_text("utf-8").splitlines()[0]
    assert header == ",".join(["Study", *TOOLS[tool].domains, "Overall", "Weight"])
    back = robvis.read(path)
    assert [a.study_id for a in back] == [a.study_id for a in ours]
    for a, b in zip(ours, back, strict=True):
        assert b.tool == tool
        assert not b.ours
        assert [j.judgement for j in a.domains.values()] == [
            j.judgement for j in b.domains.values()
        ]
        assert a.overall.judgement == b.overall.judgement


def test_spellings_of_robvis_are_read(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(
        "\ufeffstudy,D1,D2,D3,D4,D5,OVERALL,weight\r\n"
        "dorio2021, LOW ,+,Some  Concerns,-,?,Some concerns,0.5\r\n"
        "\r\n"
        "kwon2020,l,s,h,x,,High,1\r\n".encode()
    )
    first, second = robvis.read(path)
    assert [j.judgement for j in first.domains.values()] == [
        "low", "low", "some concerns", "some concerns", "no information",
    ]  # fmt: skip
    assert [j.judgement for j in second.domains.values()] == [
        "low", "some concerns", "high", "high", "no information",
    ]  # fmt: skip


def test_yes_and_no_are_words_of_the_animal_tool(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    head = ",".join(["Study", *TOOLS["syrcle"].domains, "Overall", "Weight"])
    path.write_text(f"{head}\nrc_rabbit2020,yes,no{',unclear' * 8},High,1\n", "utf-8")
    [found] = robvis.read(path)
    assert [found.domains[d].judgement for d in ("D1", "D2", "D3")] == ["low", "high", "unclear"]


@pytest.mark.parametrize(
    ("text", "said", "where"),
    [
        ("", "its columns are none", "line 1"),
        ("Study,D1,D2,Overall,Weight\n", "5 for RoB 2, 7 for ROBINS-I", "line 1"),
        ("Study,D1,D2,D3,D4,D5,Weight\n", "lacks the column Overall", "line 1"),
        ("Study,D1,D2,D3,D4,D5,Weight,Overall\n", "in this order", "line 1"),
        ("Study,D1,D2,D3,D4,D5,Overall,Weight\ndorio2021,low\n", "2 cells", "line 2"),
        (
            "Study,D1,D2,D3,D4,D5,Overall,Weight\ndorio21,low,low,low,low,low,low,1\n",
            "Did you mean 'dorio2021'",
            "line 2, column Study",
        ),
        (
            "Study,D1,D2,D3,D4,D5,Overall,Weight\ndorio2021,low,lwo,low,low,low,low,1\n",
            "'lwo' is no judgement of RoB 2",
            "line 2, column D2",
        ),
        (
            "Study,D1,D2,D3,D4,D5,Overall,Weight\ndorio2021,low,low,critical,low,low,low,1\n",
            "'critical' is no judgement of RoB 2",
            "line 2, column D3",
        ),
        (
            "Study,D1,D2,D3,D4,D5,Overall,Weight\ndorio2021,low,low,low,low,low,low,much\n",
            "'much' is no weight",
            "line 2, column Weight",
        ),
        (
            "Study,D1,D2,D3,D4,D5,Overall,Weight\n" + 2 * "dorio2021,+,+,+,+,+,+,1\n",
            "stands already in line 2",
            "line 3",
        ),
    ],
)  # fmt: skip
def test_a_bad_robvis_file_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str, where: str
) -> None:
    path = tmp_path / "r.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(TableError, match=said) as caught:
        robvis.read(path)
    assert where in str(caught.value.where)


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes("Study,D1\nKnöchel,low\n".encode("latin-1"))
    with pytest.raises(TableError, match="UTF-8") as caught:
        robvis.read(path)
    assert "line 2" in str(caught.value.where)


def test_tools_are_not_mixed_in_one_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="RoB 2, ROBINS-I") as caught:
        api.evidence_bias("exosomes", robvis=tmp_path / "r.csv")
    assert caught.value.where == "--tool"
    api.evidence_bias("exosomes", tool="rob2", robvis=tmp_path / "r.csv")
    assert len(robvis.read(tmp_path / "r.csv")) > 10


# A reader's own ----------------------------------------------------------------------------------


def test_a_readers_own_judgements_replace_ours(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        "Study,D1,D2,D3,D4,D5,Overall,Weight\ndorio2021,+,+,+,+,+,+,1\n", "utf-8"
    )
    mine = assessments(tmp_path)
    assert mine["dorio2021"].overall.judgement == "low"
    assert not mine["dorio2021"].ours
    assert mine["kwon2020"] is assessments()["kwon2020"]
    assert assessments()["dorio2021"].overall.judgement == "some concerns"
    # The file may change while a program runs.
    (tmp_path / FILE).write_text(
        "Study,D1,D2,D3,D4,D5,Overall,Weight\ndorio2021,+,x,+,+,+,x,1\n", "utf-8"
    )
    assert assessments(tmp_path)["dorio2021"].overall.judgement == "high"


def test_a_library_in_our_layout_is_read_too(folder: Path) -> None:
    path = folder / FILE
    lines = path.read_text("utf-8").splitlines()
    kept = [lines[0], *(t.replace(",rule", ",reader") for t in lines if t.startswith("dorio2021,"))]
    path.write_text("\n".join(kept) + "\n", "utf-8")
    spoil(
        path,
        "dorio2021,rob2,VAS overall pain,D1,some concerns",
        "dorio2021,rob2,VAS overall pain,D1,low",
    )
    made = api.evidence_bias("dorio2021", library=folder)
    [found] = made["assessments"]
    assert not found["ours"]
    assert found["domains"][0]["judgement"] == "low"
    assert made["first"] == ""


def test_a_library_without_the_table_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        api.evidence_bias("dorio2021", library=tmp_path)


RIS = (
    "TY  - JOUR\nTI  - An invented trial of vesicles in knees\nPY  - 2021\n"
    "DO  - 10.5555/invented\nER  - \n"
)
ROBVIS = "Study,D1,D2,D3,D4,D5,Overall,Weight\n"


@pytest.fixture
def mine(tmp_path: Path) -> tuple[Path, str]:
    """A folder with a randomised trial of one's own, made up here, and its id."""
    (tmp_path / "a.ris").write_text(RIS, "utf-8")
    api.evidence_import(tmp_path / "a.ris", into=tmp_path / "mine")
    path = tmp_path / "mine" / "studies.csv"
    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    row |= {"design": "RCT double-blind", "species": "human"}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerow(row)
    return tmp_path / "mine", row["study_id"]


def test_a_study_of_ones_own_that_nobody_judged_is_no_error(mine: tuple[Path, str]) -> None:
    folder, study = mine
    found = [f for f in api.evidence_check(folder)["findings"] if study in (f.get("where") or "")]
    assert ("NOT_JUDGED", "info") in {(f["code"], f["severity"]) for f in found}
    assert "error" not in {f["severity"] for f in found}
    shown = study_text(api.evidence_show(study, library=folder))
    assert f"nobody has judged its risk of bias; write a bias.csv into {folder}" in shown
    made = api.evidence_bias("invented", library=folder)
    assert made["assessments"] == []
    assert [n["study_id"] for n in made["not_judged"]] == [study]
    with pytest.raises(InvalidInput, match="no study of these is judged"):
        api.evidence_export(folder.parent / "out", "invented", format="robvis", library=folder)


@pytest.mark.parametrize("apart", [False, True])
def test_a_study_of_ones_own_is_judged_by_its_reader(mine: tuple[Path, str], apart: bool) -> None:
    folder, study = mine
    judging = folder.parent / "judging" if apart else folder
    judging.mkdir(exist_ok=True)
    (judging / FILE).write_text(f"{ROBVIS}{study},+,+,-,+,+,-,1\n", "utf-8")
    both = list(dict.fromkeys((folder, judging)))
    [found] = api.evidence_bias("invented", library=both)["assessments"]
    assert (found["overall"], found["ours"]) == ("some concerns", False)
    shown = api.evidence_show(study, library=both)
    assert shown["judged"] == found and shown["not_judged"] == ""
    codes = {f["code"] for f in api.evidence_check(both)["findings"] if study in f["message"]}
    assert "NOT_JUDGED" not in codes
    assert "error" not in {f["severity"] for f in api.evidence_check(both)["findings"]}
    other_tool = api.evidence_bias("invented", tool="syrcle", library=both)
    assert (other_tool["assessments"], other_tool["not_judged"]) == ([], [])
    api.evidence_export(folder.parent / "out", "invented", format="robvis", library=both)
    assert study in (folder.parent / "out" / "rob2.csv").read_text("utf-8")


def test_show_uses_the_readers_own_judgement_of_a_study_of_ours(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f"{ROBVIS}kwon2020,+,+,+,+,+,+,1\n", "utf-8")
    judged = api.evidence_show("kwon2020", library=tmp_path)["judged"]
    assert (judged["overall"], judged["ours"]) == ("low", False)
    assert api.evidence_show("kwon2020")["judged"]["ours"]


def test_a_readers_bad_line_is_a_finding_that_names_the_readers_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f"{ROBVIS}kwon20,+,+,+,+,+,+,1\n", "utf-8")
    [found] = [f for f in api.evidence_check(tmp_path)["findings"] if f["severity"] == "error"]
    assert found["where"] == f"{tmp_path}/{FILE}, line 2, column Study"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("+,x,+,+,+,+", "'low' overall and 'high' in D2"),
        ("+,x,+,+,+,-", "'some concerns' overall and 'high' in D2"),
        ("+,+,-,+,+,+", "'low' overall and 'some concerns' in D3"),
        ("?,x,?,?,?,?", "'no information' overall and 'high' in D2"),
        ("+,x,+,+,+,x", ""),
        ("+,-,-,-,+,-", ""),
        ("+,+,-,+,+,x", ""),  # a reader may be stricter
        ("?,?,?,?,?,?", ""),
    ],
)
def test_an_overall_better_than_its_worst_domain_is_warned_of(
    tmp_path: Path, line: str, said: str
) -> None:
    (tmp_path / FILE).write_text(f"{ROBVIS}kwon2020,{line},1\n", "utf-8")
    made = api.evidence_bias("kwon2020", library=tmp_path)
    shown = api.evidence_show("kwon2020", library=tmp_path)
    checked = api.evidence_check(tmp_path)
    for found in (made, shown, checked):
        warned = [f for f in found["findings"] if f["code"] == "OVERALL_BELOW_WORST"]
        assert [f["severity"] for f in warned] == ["warning"] * bool(said)
        assert all(said in f["message"] for f in warned)
    assert made["assessments"][0]["overall"] == assessments(tmp_path)["kwon2020"].overall.judgement
    assert ("OVERALL_BELOW_WORST" in bias_text(made)) == bool(said)


# Order of reading --------------------------------------------------------------------------------


def test_the_best_design_in_people_is_read_first() -> None:
    found = best_first(register().search("knee"))
    kinds = [kind(s) for s in found]
    assert found[0].study_id == "placental_ev_oa2024"
    order = ("randomised", "controlled", "registered", "pool", "uncontrolled", "course", "review")
    places = [order.index(k) if k in order else len(order) for k in kinds]
    animals = [k in {"animal", "animal pool"} for k in kinds]
    assert places == sorted(places)
    assert animals == sorted(animals)  # behind all people
    blinded = ["blind" in s.design for s in found if kind(s) == "randomised"]
    assert blinded[0]
    with_result = [not without_result(s) for s in found if kind(s) == "randomised"]
    assert with_result == sorted(with_result, reverse=True)
    printed = [s["study_id"] for s in api.evidence_search("knee")["studies"]]
    assert printed == [s.study_id for s in found]


def test_null_results_stand_before_favourable_ones_of_the_same_rank() -> None:
    directions = {t.study_id: t.direction for t in all_trials()}
    found = best_first(register().studies[i] for i in reversed(list(directions)))
    pools = [directions[s.study_id] for s in found if kind(s) == "pool"]
    assert pools == sorted(pools, key=lambda d: d == "favourable")
    trials = [s.study_id for s in found if kind(s) == "randomised"]
    assert trials and {directions[t] for t in trials} == {"null"}


def test_a_retracted_study_is_read_last_whatever_its_design() -> None:
    whole = register()
    first = best_first(whole.studies.values())[0]
    gone = replace(first, retraction="retracted 2026 (a notice)")
    found = best_first([gone, *(s for s in whole.studies.values() if s is not first)])
    assert [s.retracted for s in found] == sorted(s.retracted for s in found)
    assert found.index(gone) == len(found) - sum(s.retracted for s in found)
    corrected = replace(first, retraction="erratum 2026")
    assert best_first([whole.study("kwon2020"), corrected])[0] is corrected


def test_search_and_show_name_what_was_retracted() -> None:
    found = api.evidence_search("diabetic wounds")
    assert [s["study_id"] for s in found["studies"] if s["retracted"]] == ["dw_ma2023"]
    [line] = [t for t in studies_text(found).splitlines() if "RETRACTED" in t]
    assert line.startswith("dw_ma2023")
    assert line == studies_text(found).splitlines()[-2]  # the last one before the count
    assert "RETRACTED" in study_text(api.evidence_show("dw_ma2023")).splitlines()[0]
    assert "RETRACTED" not in study_text(api.evidence_show("lightner2023"))  # an erratum


# Figures -----------------------------------------------------------------------------------------


def test_figures_hold_symbols_and_their_words() -> None:
    found = chosen("exosomes")
    lights, bars = traffic_lights(found), summary_bars(found)
    for figure in (lights, bars):
        assert figure.svg.startswith("<svg ")
        assert "<title " in figure.svg and "<desc " in figure.svg
        assert "aria-hidden" not in figure.svg[:400]
        assert bias.FIRST in figure.alt
        for symbol in ("+", "-", "x", "!", "?"):
            assert re.search(rf">\s*{re.escape(symbol)}[ \d]*</text>", figure.svg), symbol
    assert "kishta2025_dfu (RoB 2): D1 some concerns" in lights.alt
    # SYRCLE's authors advise against a sum: no overall column of its own.
    assert lights.alt.count("overall ") == sum(a.tool != "syrcle" for a in found)


def test_a_figure_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no judged study"):
        traffic_lights([])
