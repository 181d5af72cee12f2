"""Studies brought in, compared, written to a folder of one's own, and taken away again."""

from __future__ import annotations

import http.server
import io
import json
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import records

from exocast import api
from exocast.errors import InvalidInput, NotFound, TableError, UnknownName
from exocast.evidence.exchange import fetched, named, read_text
from exocast.evidence.exchange.match import alike, words
from exocast.evidence.register import FOLDER, cells, register
from exocast.report.evidence import study_text
from exocast.report.exchange import import_text


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """A file with an invented trial."""
    path = tmp_path / "trial.json"
    path.write_text(json.dumps(records.registry_study()), encoding="utf-8")
    return path


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def states(made: dict[str, Any]) -> dict[str, str]:
    return {s["study_id"]: s["state"] for s in made["result"]["studies"]}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_look_writes_nothing_and_an_import_twice_changes_nothing(
    tmp_path: Path, trial: Path
) -> None:
    mine = tmp_path / "mine"
    looked = api.evidence_import(trial)
    assert looked["result"]["written"] is False and not mine.exists()
    first = api.evidence_import(trial, into=mine)
    assert first["result"]["written"] and states(first) == {"nct99999901": "new"}
    before = contents(mine)
    again = api.evidence_import(trial, into=mine)
    assert states(again) == {"nct99999901": "same"} and not again["result"]["written"]
    assert contents(mine) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "trial.json"]


def test_a_study_brought_in_is_found_shown_and_pooled(tmp_path: Path, trial: Path) -> None:
    mine = tmp_path / "mine"
    api.evidence_import(trial, into=mine)
    [found] = api.evidence_search("invented vesicles", library=mine)["studies"]
    shown = api.evidence_show("nct99999901", library=mine)
    assert len(shown["results"]) == found["results"] == 19
    assert api.evidence_search("invented vesicles")["studies"] == []
    said = study_text(shown)
    assert f"from {mine}, not from the package" in said and "[" not in said.split("PMID")[0]


def test_a_doubt_names_the_file_it_is_about(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    api.evidence_import(written(tmp_path / "a.ris", records.RIS), into=mine)
    own = [d for d in register(library=mine).doubts() if d.where.startswith(str(mine))]
    assert [(d.code, d.where) for d in own] == [
        ("UNRESOLVED_CITATION", f"{mine}/studies.csv, roe2019")
    ]


def test_every_study_of_the_register_comes_back_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "all"
    made = api.evidence_export(out)
    assert made["format"] == "csv" and made["studies"] == len(register().studies)
    back = api.evidence_import(out)
    assert set(states(back).values()) == {"same"}
    # An SD of nothing between the shares of a single trial, as printed.
    assert [(w["code"], w["where"]) for w in back["warnings"]] == [("IMPOSSIBLE", "parks_dfu_soc")]
    assert all(not s["new_lines"] and not s["changed_lines"] for s in back["result"]["studies"])
    # Beside the package the same studies and lines may stand again; they count once.
    both = register(library=out)
    assert both.studies.keys() == register().studies.keys()
    assert len(both.results) == len(register().results)


@pytest.mark.parametrize("name", ["all.ris", "all.bib"])
def test_references_come_back_with_identifiers_and_titles(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    api.evidence_export(out)
    found = {e.study["study_id"]: e.study for e in read_text(out.read_text("utf-8"), name).entries}
    for key, study in register().studies.items():
        for column in ("title", "doi", "pmid", "pmcid", "nct"):
            assert found[key][column] == cells(study)[column], (key, column)


AWKWARD = (
    r"100 % {braces} \ back~slash ^ a_b & $5 # é ß “quotes” <0.05",
    "µg of Ω, naïve — «x»; 日本語",
    "a } lone { brace",
)


@pytest.mark.parametrize("title", AWKWARD)
@pytest.mark.parametrize("name", ["one.ris", "one.bib"])
def test_awkward_titles_come_back(tmp_path: Path, title: str, name: str) -> None:
    doi = "10.5555/a_(b)2.1-c"
    start = written(tmp_path / "start.ris", f"TY  - JOUR\nTI  - {title}\nDO  - {doi}\nER  - \n")
    mine = tmp_path / "mine"
    api.evidence_import(start, into=mine)
    [study] = [s for s in register(library=mine).studies.values() if s.folder]
    assert (study.title, study.doi) == (title, doi)
    api.evidence_export(tmp_path / name, library=mine)
    assert states(api.evidence_import(tmp_path / name, library=mine))[study.study_id] == "same"


def test_what_fills_a_gap_is_taken_and_what_contradicts_is_kept(tmp_path: Path) -> None:
    text = "TY  - JOUR\nTI  - Another title\nJO  - BMC Musculoskelet Disord\nPY  - 2022\n"
    text += "DO  - https://doi.org/10.1186/S12891-021-04706-7\nC2  - PMC99999999\nER  - \n"
    file, mine = written(tmp_path / "a.ris", text), tmp_path / "mine"
    made = api.evidence_import(file, into=mine)
    [one] = made["result"]["studies"]
    assert (one["study_id"], one["state"]) == ("dorio2021", "changed")
    assert one["why"] == "the same DOI 10.1186/s12891-021-04706-7"
    taken = {c["field"]: (c["old"], c["new"], c["taken"]) for c in one["changes"]}
    assert taken["pmcid"] == ("", "PMC99999999", True)
    assert taken["title"][2] is False and taken["year"] == ("2021", "2022", False)
    changed = register(library=mine).study("dorio2021")
    assert (changed.pmcid, changed.year) == ("PMC99999999", "2021")
    assert register().study("dorio2021").pmcid == ""
    # The update is written down with what stood before, and said to whoever looks.
    assert "dorio2021,pmcid,,PMC99999999" in (mine / "updates.csv").read_text("utf-8")
    shown = api.evidence_show("dorio2021", library=mine)
    assert any(f["code"] == "UPDATED" and str(mine) in f["where"] for f in shown["findings"])
    api.evidence_import(file, into=mine, update=True)
    assert register(library=mine).study("dorio2021").year == "2022"
    before = contents(mine)
    api.evidence_import(file, into=mine, update=True)
    assert contents(mine) == before


def test_an_alike_title_is_proposed_and_never_merged(tmp_path: Path) -> None:
    known = register().study("dorio2021")
    text = f"TY  - JOUR\nTI  - {known.title.upper()}!\nPY  - 2022\nDO  - 10.5555/other\nER  - \n"
    file, mine = written(tmp_path / "a.ris", text), tmp_path / "mine"
    made = api.evidence_import(file, into=mine)
    [one] = made["result"]["studies"]
    assert one["state"] == "maybe" and one["candidates"][0]["study_id"] == "dorio2021"
    assert not mine.exists()
    key = one["study_id"]
    api.evidence_import(file, into=mine, same=[f"{key}=dorio2021"], update=True)
    assert "10.5555/other" in register(library=mine).study("dorio2021").doi
    other = tmp_path / "other"
    assert states(api.evidence_import(file, into=other, new=[key])) == {key: "new"}
    assert key in register(library=other).studies
    far = written(tmp_path / "b.ris", text.replace("2022", "2015"))
    assert api.evidence_import(far)["result"]["studies"][0]["state"] == "new"


def test_one_identifier_against_another_is_a_question(tmp_path: Path) -> None:
    text = "TY  - JOUR\nTI  - Second paper of a trial\nDO  - 10.5555/second\nER  - \n"
    file = written(tmp_path / "a.ris", text.replace("ER", "AN  - PMID: 39465400\nER"))
    assert states(api.evidence_import(file)) == {"placental_ev_oa2024": "changed"}
    known = next(s for s in register().studies.values() if s.doi and s.nct)
    file = written(tmp_path / "b.ris", text.replace("ER", f"C1  - {known.nct.split()[0]}\nER"))
    [one] = api.evidence_import(file)["result"]["studies"]
    assert one["state"] == "maybe" and "but another DOI" in one["candidates"][0]["why"]


def test_two_records_of_one_study_in_a_file_are_one(tmp_path: Path) -> None:
    first = "TY  - JOUR\nTI  - An invented paper on knees\nDO  - 10.5555/x\nER  - \n"
    second = first.replace("10.5555/x", "HTTP://DOI.ORG/10.5555/X").replace(
        "ER", "AN  - PMID: 99000077\nER"
    )
    made = api.evidence_import(written(tmp_path / "a.ris", first + second), into=tmp_path / "mine")
    assert [s["state"] for s in made["result"]["studies"]] == ["new", "changed"]
    [study] = [s for s in register(library=tmp_path / "mine").studies.values() if s.folder]
    assert (study.doi, study.pmid) == ("10.5555/x", "99000077")


def test_lines_with_other_numbers_are_named_and_those_of_the_package_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    api.evidence_export(out, "dorio2021")
    table = out / "results.csv"
    rows = table.read_text("utf-8").splitlines()
    rows[1] = rows[1].replace(",6.1,1.6,", ",6.2,1.6,")
    rows.append(rows[2].replace(",6,,,mean_sd", ",60,,,mean_sd"))
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    mine = tmp_path / "mine"
    made = api.evidence_import(out, into=mine, update=True)
    [one] = made["result"]["studies"]
    [line] = one["changed_lines"]
    [change] = line["changes"]
    assert (change["field"], change["old"], change["new"]) == ("value", "6.1", "6.2")
    assert change["fills"] is False and change["taken"] is False
    assert (one["new_lines"], one["same_lines"]) == (1, 59)
    whole = register(library=mine)
    assert len(whole.results_of("dorio2021")) == 61
    assert [r.week for r in whole.results_of("dorio2021") if r.folder] == [60.0]


def test_results_without_their_study_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    api.evidence_export(out, "dorio2021")
    table = out / "results.csv"
    table.write_text(table.read_text("utf-8").replace("dorio2021", "dorio2020"), encoding="utf-8")
    with pytest.raises(InvalidInput, match="Did you mean 'dorio2021'"):
        api.evidence_import(table)


def test_the_packages_own_register_is_never_written(tmp_path: Path, trial: Path) -> None:
    for folder in (FOLDER, FOLDER / "mine", FOLDER.parent):
        with pytest.raises(InvalidInput, match="never written"):
            api.evidence_import(trial, into=folder)
        with pytest.raises(InvalidInput, match="never written"):
            api.evidence_export(folder / "x.ris")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(InvalidInput, match="holds other files"):
        api.evidence_import(trial, into=tmp_path / "full")
    with pytest.raises(InvalidInput, match="this is no folder"):
        api.evidence_import(trial, into=trial)


def test_a_library_that_contradicts_the_package_is_refused_with_its_file(
    tmp_path: Path, trial: Path
) -> None:
    mine = tmp_path / "mine"
    api.evidence_export(mine, "dorio2021")
    (mine / "results.csv").unlink()
    table = mine / "studies.csv"
    table.write_text(table.read_text("utf-8").replace(",2021,", ",2020,"), encoding="utf-8")
    with pytest.raises(TableError, match=r"differs in year.*updates\.csv") as caught:
        register(library=mine)
    assert caught.value.where == f"{mine}/studies.csv, line 2"
    with pytest.raises(NotFound, match="no such folder"):
        register(library=tmp_path / "none")
    with pytest.raises(NotFound, match="no studies"):
        register(library=tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("dorio2021,pmcid,PMC1,PMC2,x,2026-01-01", "is '' now"),
        ("dorio2020,pmcid,,PMC2,x,2026-01-01", "Did you mean 'dorio2021'"),
        ("dorio2021,pmcd,,PMC2,x,2026-01-01", "Did you mean 'pmcid'"),
        ("dorio2021,n,60,many,x,2026-01-01", "is no number"),
        ("dorio2021,pmcid", "2 cells stand where 6"),
    ],
)
def test_an_update_that_does_not_fit_is_refused(tmp_path: Path, line: str, said: str) -> None:
    mine = tmp_path / "mine"
    api.evidence_export(mine, "altman2016")
    (mine / "results.csv").unlink()
    head = "study_id,field,old,new,source,date"
    number = cells(register().study("dorio2021"))["n"]
    text = f"{head}\n{line.replace(',60,', f',{number},')}\n"
    (mine / "updates.csv").write_text(text, encoding="utf-8")
    with pytest.raises(TableError, match=said) as caught:
        register(library=mine)
    assert str(caught.value.where).startswith(f"{mine}/updates.csv, line 2")


def test_a_changed_table_is_read_again(tmp_path: Path, trial: Path) -> None:
    mine = tmp_path / "mine"
    api.evidence_import(trial, into=mine)
    assert register(library=mine) is register(library=str(mine))
    table = mine / "studies.csv"
    table.write_text(table.read_text("utf-8").replace("phase 2", "phase two"), encoding="utf-8")
    assert register(library=mine).study("nct99999901").design.endswith("phase two")


def test_a_decision_on_nothing_offers_the_nearest(tmp_path: Path, trial: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'nct99999901'"):
        api.evidence_import(trial, new=["nct9999990"])
    with pytest.raises(UnknownName, match="Did you mean 'dorio2021'"):
        api.evidence_import(trial, same={"nct99999901": "dorio21"})
    with pytest.raises(InvalidInput, match="is no pair"):
        api.evidence_import(trial, same=["nct99999901"])


def test_titles_alike() -> None:
    one = words("Vesicles of mesenchymal cells in osteoarthritis of the knee: a trial")
    assert (
        alike(one, words("VESICLES of mesenchymal cells, in osteoarthritis of the knee. A trial"))
        == 1
    )
    assert (
        alike(one, words("Knee osteoarthritis and vesicles of mesenchymal cells: a trial")) > 0.85
    )
    assert alike(one, words("Saline in osteoarthritis of the hip: a cohort")) < 0.85


def test_a_folder_that_would_not_be_read_back_is_left_as_it_was(
    tmp_path: Path, trial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    api.evidence_import(written(tmp_path / "a.ris", records.RIS), into=mine)
    before = contents(mine)

    def refuse(*arguments: object, **options: object) -> None:
        raise TableError("not readable")

    monkeypatch.setattr("exocast.evidence.exchange.folder.register", refuse)
    with pytest.raises(TableError, match="not readable"):
        api.evidence_import(trial, into=mine)
    assert contents(mine) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ris", "mine", "trial.json"]


def test_what_would_change_is_said_in_words(tmp_path: Path) -> None:
    known = register().study("dorio2021")
    text = (
        f"TY  - JOUR\nTI  - {known.title}!\nPY  - 2022\nER  - \n"
        f"TY  - JOUR\nTI  - Other\nDO  - {known.doi}\nC2  - PMC123\nER  - \n"
    )
    said = import_text(api.evidence_import(written(tmp_path / "a.ris", text))["result"])
    for line in (
        "may be dorio2021: titles alike (1.00), years 2022 and 2021",
        "pmcid: nothing -> 'PMC123'\n",
        f"title: '{known.title}' -> 'Other'  (kept)",
        "2 studies: 0 new, 1 changed, 0 same, 1 maybe the same as another.",
        "--same ID=STUDY, or --new ID",
        "Nothing was written; add --into DIR",
    ):
        assert line in said
    out = tmp_path / "all"
    api.evidence_export(out)
    many = import_text(api.evidence_import(out)["result"])
    assert len(many.splitlines()) < 10 and f"and {len(register().studies) - 8} more" in many


# Crates -------------------------------------------------------------------------------------------


def test_a_crate_has_what_the_specification_asks(tmp_path: Path) -> None:
    out = tmp_path / "my-crate"
    made = api.evidence_export(out, "exosomes knee")
    assert made["format"] == "ro-crate"
    crate = json.loads((out / "ro-crate-metadata.json").read_text("utf-8"))
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    graph = {one["@id"]: one for one in crate["@graph"]}
    assert len(graph) == len(crate["@graph"])
    descriptor = graph["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = graph[descriptor["about"]["@id"]]
    assert root["@type"] == "Dataset"
    for name in ("name", "description", "datePublished", "license"):
        assert root[name]
    for part in root["hasPart"]:
        entity = graph[part["@id"]]
        assert entity["@type"] == "File" and entity["encodingFormat"] == "text/csv"
        assert (out / part["@id"]).stat().st_size == int(entity["contentSize"])
    # Every entity that is pointed to is there, and every study is one.
    pointed = [one["@id"] for one in [*root["mentions"], *graph["#export"]["result"]]]
    assert set(pointed) <= graph.keys() and graph[root["license"]["@id"]]
    names = {one.get("alternateName") for one in graph.values()}
    assert {s.study_id for s in register().search("exosomes knee")} <= names


def test_a_crate_is_read_by_the_library_for_crates(tmp_path: Path) -> None:
    from rocrate.rocrate import ROCrate

    out = tmp_path / "crate"
    api.evidence_export(out, "exosomes knee", format="ro-crate", licence="https://example.org/l")
    crate = ROCrate(str(out))
    assert {f.id for f in crate.data_entities} == {"studies.csv", "results.csv"}
    assert crate.root_dataset["license"].id == "https://example.org/l"
    articles = [e for e in crate.contextual_entities if e.type == "ScholarlyArticle"]
    assert articles and all(e.id.startswith("https://") for e in articles)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.csv", "the tables are two files"),
        ("a.xml", "names no format"),
        ("taken", "something stands there"),
    ],
)
def test_an_export_that_cannot_be_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "studies.csv").write_text("mine")
    with pytest.raises(InvalidInput, match=said):
        api.evidence_export(tmp_path / name)
    with pytest.raises(UnknownName, match="Did you mean 'bibtex'"):
        api.evidence_export(tmp_path / "b", format="bibtx")
    with pytest.raises(NotFound, match="no study"):
        api.evidence_export(tmp_path / "c", "nosuchword")


# Records by number --------------------------------------------------------------------------------


class Answers(http.server.BaseHTTPRequestHandler):
    """A registry of one study, on this machine."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps(records.registry_study()).encode()
        self.send_response(200 if "NCT99999901" in self.path else 404)
        self.end_headers()
        self.wfile.write(body if "NCT99999901" in self.path else b"{}")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    Answers.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "exocast.evidence.exchange.fetch.REGISTRY", f"http://127.0.0.1:{server.server_port}/"
    )
    yield Answers.asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_number_is_fetched_once_and_kept(registry: list[str], tmp_path: Path) -> None:
    assert states(api.evidence_import("nct99999901")) == {"nct99999901": "new"}
    api.evidence_import(["NCT99999901"])
    assert registry == ["/NCT99999901"]
    api.evidence_import("NCT99999901", refresh=True)
    assert len(registry) == 2
    assert [p.name for p in (tmp_path / "cache" / "exocast").iterdir()] == ["NCT99999901.json"]
    with pytest.raises(NotFound, match=r"no such record \(the registry answered 404"):
        api.evidence_import("NCT99999999")


def offline(*arguments: object, **options: object) -> None:
    raise urllib.error.URLError("no route to host")


def test_without_a_network_the_way_by_hand_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        fetched("NCT99999901", cache=tmp_path, opener=offline)
    assert caught.value.code == "OFFLINE"
    for words_ in ("no route to host", "/studies/NCT99999901 in a browser", "NCT99999901.json"):
        assert words_ in caught.value.message
    kept = written(tmp_path / "NCT99999901.json", "{}")
    assert fetched("NCT99999901", cache=tmp_path, opener=offline) == (kept, "")
    path, said = fetched("NCT99999901", cache=tmp_path, opener=offline, refresh=True)
    assert path == kept and "is used" in said


def test_an_answer_that_is_no_json_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="the answer is no JSON"):
        fetched("NCT99999901", cache=tmp_path, opener=lambda *_, **__: io.BytesIO(b"<html>"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argument", "file", "asked"),
    [
        ("nct99999901", "NCT99999901.json", "studies/NCT99999901"),
        ("PMID:123", "PMID123.json", "EXT_ID%3A123"),
        ("https://doi.org/10.5555/a(b)", "doi_10.5555_a_b_.json", "10.5555%2Fa%28b%29"),
    ],
)
def test_numbers_name_their_records(argument: str, file: str, asked: str) -> None:
    found = named(argument)
    assert found is not None and found[0] == file and asked in found[1]
    assert named("a.ris") is None and named("123") is None


def test_risk_of_bias_is_written_a_table_a_tool(tmp_path: Path) -> None:
    from exocast.evidence import robvis

    out = tmp_path / "bias"
    made = api.evidence_export(out, "knee", format="robvis")
    assert {Path(f).name for f in made["files"]} == {"rob2.csv", "robins_i.csv", "syrcle.csv"}
    [read] = [a for a in robvis.read(out / "rob2.csv") if a.study_id == "placental_ev_oa2024"]
    assert read.domains["D2"].judgement == "low"


def test_the_whole_register_is_one_database(tmp_path: Path) -> None:
    import duckdb

    out = tmp_path / "register.duckdb"
    for _ in range(2):  # a second time it is replaced
        made = api.evidence_export(out)
    assert made["format"] == "duckdb" and made["studies"] == len(register().studies)
    with duckdb.connect(str(out), read_only=True) as read:
        counted = read.execute("SELECT count(*) FROM results").fetchall()
        joined = read.execute(
            "SELECT count(*) FROM bias JOIN studies USING (study_id) WHERE domain = 'Overall'"
        ).fetchall()
    assert counted == [(len(register().results),)] and joined[0][0] > 100
    assert list(tmp_path.iterdir()) == [out]
    with pytest.raises(InvalidInput, match="folder"):
        api.evidence_export(tmp_path, format="duckdb")
