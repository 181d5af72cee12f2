"""What commands print is what `exocast schema` promises."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import antimony
import jsonschema
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))

import synthetic

from exocast import api
from exocast.cli import app

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "knee"
CALL = CliRunner()


def _json(*arguments: str, code: int = 0) -> dict[str, Any]:
    called = CALL.invoke(app, list(arguments))
    assert called.exit_code == code, called.output
    return dict(json.loads(called.stdout))


def _promised(name: str, printed: dict[str, Any]) -> None:
    schema = json.loads(CALL.invoke(app, ["schema", name]).stdout)
    jsonschema.validate(printed, schema, jsonschema.Draft202012Validator)
    assert printed["schema"] == f"exocast/{name}/1"


@pytest.mark.parametrize("name", api.schema_names())
def test_every_schema_is_valid_and_closed_or_says_why(name: str) -> None:
    schema = json.loads(CALL.invoke(app, ["schema", name]).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object" and schema["properties"]


def test_unknown_schema_offers_the_nearest() -> None:
    called = CALL.invoke(app, ["schema", "scenari"])
    assert called.exit_code == 65
    assert "Did you mean 'scenario'" in called.stderr


def test_a_report_prints_what_its_schema_says(tmp_path: Path) -> None:
    directory = synthetic.write(tmp_path / "r", worlds=4, patients=2)
    printed = _json("report", str(directory), "--json")
    _promised("report", printed)
    first = printed["result"]["outcomes"][0]
    assert first["observable"] == "pain_vas" and first["time_days"] == 42
    difference = first["difference"]
    assert difference["low"] < difference["value"] < difference["high"]
    assert difference["value"] == pytest.approx(first["mean"] - first["mean_control"])
    assert printed["warnings"][0]["code"] == "FILLED"
    assert {o["arm"] for o in printed["result"]["outcomes"]} == {"vial", "no injection"}


def test_sites_print_what_their_schema_says() -> None:
    printed = _json("sites", "--json")
    _promised("sites", printed)
    one = _json("sites", "well_macrophage", "--json")
    _promised("site", one)
    assert {"nuclear_nfkb", "tnf_pg_per_ml"} <= {o["name"] for o in one["result"]["observables"]}
    assert {"human", "mouse"} <= set(printed["result"]["species"])


def test_an_assay_prints_what_its_schema_says(tmp_path: Path) -> None:
    _promised("assays", _json("assay", "--json"))
    lines = ["vesicles_per_cell,response"]
    lines += [f"{d},{40 + 8 * d / (d + 2e3):.4f}" for d in (0, 0, 300, 3e3, 1e4, 3e4, 1e5, 1e5)]
    (tmp_path / "curve.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    asked = ["assay", "tube_formation", "--worlds", "6", "--out", str(tmp_path / "out")]
    measured = [
        "--measured",
        str(tmp_path / "curve.csv"),
        "--batch",
        str(EXAMPLE / "scenario.yaml"),
    ]
    printed = _json(*asked, *measured, "--json")
    _promised("assay", printed)
    first = printed["result"]["readouts"][0]
    assert first["main"] and len(first["percent_of_untreated"]) == 8
    assert printed["result"]["measured"]["not_carried"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "of the medium" in page and not (tmp_path / "out" / "potency.csv").exists()


def test_an_exposure_prints_what_its_schema_says(tmp_path: Path) -> None:
    site = tmp_path / "library" / "tissue" / "joint_only.yaml"
    site.parent.mkdir(parents=True)
    site.write_text(
        "schema_version: 1\nname: joint_only\ntitle: A knee\nextends: knee\n"
        "fates: [knee_fluid_particles]\nreadings: [knee_surface_per_cell]\n",
        encoding="utf-8",
    )
    (tmp_path / "scenario.yaml").write_text(
        "schema_version: 1\nstated: {size_median: 100 nm}\nsubject: {}\nsite: joint_only\n"
        "regimen: {dose: 1e9 particle, route: intra-articular}\nhorizon: 2 day\n",
        encoding="utf-8",
    )
    asked = ["forecast", str(tmp_path), "--out", str(tmp_path / "r"), "--json"]
    small = ["--worlds", "2", "--patients", "2", "--library", str(tmp_path / "library")]
    printed = _json(*asked, *small)
    _promised("exposure", printed)
    first = printed["result"]["shares"][0]
    assert first["observable"] == "knee_fluid_particles"
    assert first["low"] <= first["mean"] <= first["high"] <= 1
    assert printed["result"]["readings"][0]["observable"] == "knee_surface_per_cell"
    _promised("exposure", _json("report", str(tmp_path / "r"), "--json"))


def test_an_error_prints_what_the_schema_says(tmp_path: Path) -> None:
    printed = _json("report", str(tmp_path), "--json", code=66)
    _promised("report", printed)
    assert printed["ok"] is False and printed["result"] is None
    assert printed["errors"][0]["code"] == "NOT_FOUND"
    assert printed["errors"][0]["where"] == str(tmp_path)


def test_a_simulation_prints_what_its_schema_says(tmp_path: Path) -> None:
    text = "model one() a' = -k*a; a = 1; k = 1; b' = c*b^2; b = 1; c = 0; end"
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0
    (tmp_path / "one.xml").write_text(antimony.getSBMLString("one"), encoding="utf-8")
    (tmp_path / "people.csv").write_text("ID,c\nx,0\ny,5\n", encoding="utf-8")
    model, people, out = (str(tmp_path / name) for name in ("one.xml", "people.csv", "out"))
    run = ("simulate", model, "--times", "0:2:1", "--out", out, "--json")
    printed = _json(*run, "--observe", "a", "--patients", people)
    _promised("simulate", printed)
    assert printed["warnings"][0]["code"] == "RUNS_FAILED"
    assert sum(printed["result"]["status"].values()) == printed["result"]["runs"] == 2
    wrong = _json(*run, "--observe", "aa", code=65)
    _promised("simulate", wrong)
    assert wrong["errors"][0]["where"] == "--observe"


def test_an_inspection_prints_what_its_schema_says() -> None:
    file = next(EXAMPLE.glob("*ExperimentSummary.csv"))
    printed = _json("vial", "inspect", str(file), "--json")
    _promised("vial-inspect", printed)
    [found] = printed["result"]["files"]
    assert found["concentration_per_ml"]["n_valid"] >= 1
    assert found["dilution"]["state"] in {"applied", "not_applied"}


def test_a_potency_prints_what_its_schema_says(tmp_path: Path) -> None:
    file, plot = str(ROOT / "examples" / "potency" / "plate.csv"), tmp_path / "potency.svg"
    asked = ("vial", "potency", file, "--transform", "log")
    more = ("--combine", "--outliers", "rosner", "--out", str(tmp_path), "--plot", str(plot))
    printed = _json(*asked, *more, "--json")
    _promised("vial-potency", printed)
    result = printed["result"]
    assert result["low"] < result["relative"] < result["high"]
    assert result["scenario"]["vial"]["potency"]["relative"] == pytest.approx(result["relative"])
    assert plot.read_text("utf-8").startswith("<svg") and (tmp_path / "potency.yaml").is_file()
    line = ("--model", "parallel-line", "--range", "rule")
    _promised("vial-potency", _json(*asked, *line, "--json"))
    narrow = tmp_path / "bounds.csv"
    narrow.write_text("measure,low,high,source\nslope_ratio,0.99,1.01,made\n", "utf-8")
    printed = _json(*asked, "--bounds", str(narrow), "--json", code=3)
    _promised("vial-potency", printed)
    assert printed["errors"][0]["code"] == "NONPARALLEL" and not printed["ok"]
    assert printed["result"]["relative"] is None
    wrong = _json(*asked, "--sample", "lot 8", "--json", code=65)
    _promised("vial-potency", wrong)
    assert "Did you mean 'lot 7'" in wrong["errors"][0]["message"]


def test_a_folder_inspected_and_drafted_prints_what_its_schemas_say(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE.parent / "batch", tmp_path / "batch")
    (tmp_path / "batch" / "notes.md").write_text("bought on Monday", encoding="utf-8")
    printed = _json("vial", "inspect", str(tmp_path / "batch"), "--json")
    _promised("vial-inspect", printed)
    assert {f["reader"] for f in printed["result"]["files"]} == {"qubit", "maxquant"}
    [refused] = printed["result"]["refused"]
    assert refused["code"] == "NOT_AN_EXPORT" and not refused["named"]
    named = _json(
        *("vial", "inspect", str(tmp_path / "batch" / "notes.md")),
        *(str(tmp_path / "batch" / "protein_qubit.csv"), "--json"),
        code=65,
    )
    assert [f["reader"] for f in named["result"]["files"]] == ["qubit"]
    drafted = _json(
        "vial", "draft", str(tmp_path / "batch"), "--out", str(tmp_path / "my.yaml"), "--json"
    )
    _promised("vial-draft", drafted)
    assert len(drafted["result"]["sorted"]["particles"]) == 3
    assert drafted["result"]["sorted"]["blanks"] == ["batch/nta/buffer-ExperimentSummary.csv"]
    again = _json("vial", "draft", str(tmp_path / "batch"), "--json", code=65)
    assert again["errors"][0]["code"] == "INVALID_INPUT"


def test_a_batch_prints_what_its_schema_says(tmp_path: Path) -> None:
    printed = _json(
        "vial", "batch", str(EXAMPLE.parent / "batch"), "--out", str(tmp_path), "--json"
    )
    _promised("vial-batch", printed)
    found = printed["result"]
    assert found["concentration_per_ml"]["low"] < 9e10 < found["concentration_per_ml"]["high"]
    assert found["vials"] | {"spread": 0} == {
        "n_valid": 2,
        "n_total": 2,
        "spread": 0,
        "learned": True,
    }
    assert found["reported"] == [8, 9]
    assert found["filled"] == [] and found["worth"] == []
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "Example lot 7" in page and "MISEV2018" in page
    stored = json.loads((tmp_path / "batch.json").read_text(encoding="utf-8"))
    assert stored["rows"] == found["rows"]


def test_a_check_of_the_evidence_prints_what_its_schema_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from exocast import engine

    # What every site has to say takes a minute; `make evidence` asks them all.
    known = engine.findings("whole_body")
    unused = engine.Finding(severity="warning", code="ROW_UNUSED", message="toy", where="toy.csv")
    monkeypatch.setattr(engine, "findings", lambda: (*known, unused), raising=False)
    printed = _json("evidence", "check", "--json")
    _promised("evidence-check", printed)
    assert printed["ok"] and printed["result"]["rows"] > 100
    assert "ROW_UNUSED" in {f["code"] for f in printed["result"]["findings"]}


def test_the_register_prints_what_its_schemas_say(tmp_path: Path) -> None:
    found = _json("evidence", "search", "exosomes", "knee", "--json")
    _promised("evidence-search", found)
    first = found["result"]["studies"][0]
    shown = _json("evidence", "show", first["study_id"], "--json")
    _promised("evidence-show", shown)
    assert len(shown["result"]["results"]) == first["results"]
    status = _json("evidence", "status", "exosomes", "--json")
    _promised("evidence-status", status)
    products = [s["product"] for s in status["result"]["status"]]
    assert all("exosome" in p.casefold() or "EV" in p for p in products) and "EV" in products
    plot = tmp_path / "forest.svg"
    query = "knee_OA: saline | VAS | change | 12-26 weeks"
    pooled = _json("evidence", "pool", query, "--unresolved", "--plot", str(plot), "--json")
    _promised("evidence-pool", pooled)
    assert pooled["result"]["low"] < pooled["result"]["value"] < pooled["result"]["high"]
    assert plot.read_text("utf-8").startswith("<svg")
    query = "OA knee or hip: placebo tablet | WOMAC pain | change | 4-14 weeks"
    funnel = ("--funnel", str(tmp_path / "funnel.svg"))
    more = ("--unresolved", "--by", "design", "--regress", "week", *funnel)
    pooled = _json("evidence", "pool", query, *more, "--json")
    _promised("evidence-pool", pooled)
    assert pooled["result"]["checks"]["egger"]["p"] and pooled["result"]["regression"]["slope"]
    for query in (
        "knee_OA: PRP vs saline | pain | difference | 8-60 weeks",
        "diabetic foot: hyperbaric vs placebo | healed | odds ratio | 52 weeks",
        "COVID: exosome | completing | proportion | any time",
        "knee_OA: PRP | VAS | change | 40 weeks",
    ):
        _promised("evidence-pool", _json("evidence", "pool", query, "--json"))
    shapes = [tmp_path / "network.svg", tmp_path / "league.svg"]
    net = ("--plot", str(shapes[0]), "--forest", str(shapes[1]))
    found = _json("evidence", "network", "knee_OA | pain | 8-18 weeks", *net, "--json")
    _promised("evidence-network", found)
    assert found["result"]["reference"] == "saline" and found["result"]["league"]
    assert all(shape.read_text("utf-8").startswith("<svg") for shape in shapes)
    over_time = ("evidence", "course", "knee_OA: saline | pain", "--forecast", "--json")
    for more in ((), ("--unresolved",), ("--without-prediction",)):
        found = _json(*over_time, *more)
        _promised("evidence-course", found)
        assert bool(found["result"]["course"]) == bool(found["result"]["arms"])
    _promised("evidence-course", _json("evidence", "course", "saline", "--json", code=65))
    values = _json("evidence", "quoted", "--json")
    _promised("evidence-quoted", values)
    assert any(v["recomputed"] is None for v in values["result"]["values"])
    wrong = _json("evidence", "show", "dorio21", "--json", code=65)
    _promised("evidence-show", wrong)
    assert "dorio2021" in wrong["errors"][0]["message"]


def test_what_evidence_is_worth_prints_what_its_schemas_say(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.svg" for name in ("grade", "bias", "summary")}
    grade = _json("evidence", "grade", "exosomes", "knee", "--plot", str(files["grade"]), "--json")
    _promised("evidence-grade", grade)
    assert grade["result"]["bodies"][0]["certainty"] == "low"
    plots = ("--plot", str(files["bias"]), "--summary-plot", str(files["summary"]))
    bias = _json("evidence", "bias", "exosomes", "knee", *plots, "--json")
    _promised("evidence-bias", bias)
    assert bias["result"]["assessments"][0]["study_id"] == "placental_ev_oa2024"
    assert all(n["why"] for n in bias["result"]["not_judged"])
    for file in files.values():
        assert file.read_text("utf-8").startswith("<svg")
    safety = _json("evidence", "safety", "exosomes", "--json")
    _promised("evidence-safety", safety)
    assert all(h["people"] is None for h in safety["result"]["reports"])
    assert all(h["percent_high"] is not None for h in safety["result"]["rates"])
    for study in ("lightner2023", "bannuru2009"):
        _promised("evidence-show", _json("evidence", "show", study, "--json"))
    wrong = _json("evidence", "bias", "knee", "--tool", "rob", "--json", code=65)
    _promised("evidence-bias", wrong)
    assert "rob2" in wrong["errors"][0]["message"]
    missing = _json("evidence", "bias", "--library", str(tmp_path), "--json", code=66)
    assert missing["errors"][0]["code"] == "NOT_FOUND"
    empty = _json(
        "evidence", "grade", "unicorn", "--plot", str(tmp_path / "no.svg"), "--json", code=65
    )
    assert "no body of evidence" in empty["errors"][0]["message"]


CODEBOOK = (
    "study_id,doi_or_nct,year,species,design,indication,intervention,product_source,dose,"
    "dose_unit,route,schedule,n,endpoint,scale_range,time_weeks,mean,sd,change_from_baseline,"
    "ci_low,ci_high,adverse_events,where_in_source,note\n"
)


def test_an_impact_prints_what_its_schema_says(tmp_path: Path) -> None:
    studies, lines, plot = (tmp_path / n for n in ("studies.csv", "evidence.csv", "moved.svg"))
    studies.write_text(
        "study_id,title,doi_or_nct,journal,year,design,species,n_total,country,"
        "risk_of_bias_notes\nroe2026,Plasma against saline,10.5555/roe2026,,2026,RCT,human,400,,\n",
        encoding="utf-8",
    )
    row = (
        "roe2026,,2026,human,RCT,knee_OA,{},,,,,,200,VAS pain,0-100,12,,24,{},,,,,stat=change_mean"
    )
    lines.write_text(
        CODEBOOK + "\n".join([row.format("PRP", -21), row.format("saline", -20)]) + "\n", "utf-8"
    )
    made = _json("evidence", "impact", str(studies), str(lines), "--plot", str(plot), "--json")
    _promised("evidence-impact", made)
    moved = {m["name"]: m for m in made["result"]["moved"]}
    effect = moved["comparators.platelet_rich_plasma.effect"]
    assert effect["before"] < effect["after"] < 0
    assert plot.read_text("utf-8").startswith("<svg")
    known = tmp_path / "known.ris"
    _json("evidence", "export", str(known), "dorio2021", "--json")
    wrong = _json("evidence", "impact", str(known), "--json", code=65)
    _promised("evidence-impact", wrong)
    assert "nothing that the register" in wrong["errors"][0]["message"]


def test_imports_exports_and_citations_print_what_their_schemas_say(tmp_path: Path) -> None:
    out = tmp_path / "out.ris"
    made = _json("evidence", "export", str(out), "exosomes", "knee", "--json")
    _promised("evidence-export", made)
    assert made["result"]["files"] == [str(out)] and made["result"]["format"] == "ris"
    more = "TY  - JOUR\nTI  - PRP, plasma or saline in knee OA\nPY  - 2021\nDO  - 10.5555/x\n"
    out.write_text(f"stray line\n{out.read_text('utf-8')}{more}", encoding="utf-8")
    looked = _json("evidence", "import", str(out), "--into", str(tmp_path / "mine"), "--json")
    _promised("evidence-import", looked)
    counts = looked["result"]["counts"]
    assert counts == {"new": 0, "changed": 0, "same": made["result"]["studies"], "maybe": 1}
    assert {w["where"] for w in looked["warnings"]} >= {f"{out}, line 1"}
    wrong = _json("evidence", "import", str(tmp_path / "none.ris"), "--json", code=66)
    _promised("evidence-import", wrong)
    directory = synthetic.write(tmp_path / "r", worlds=2, patients=1)
    cited = _json("cite", str(directory), "--json")
    _promised("cite", cited)
    assert (
        sum(s["rows"] for s in cited["result"]["sources"]) + sum(cited["result"]["apart"].values())
        == cited["result"]["rows"]
    )


def test_the_example_fits_the_schema_of_scenarios() -> None:
    data = YAML(typ="safe", pure=True).load((EXAMPLE / "scenario.yaml").read_text("utf-8"))
    jsonschema.validate(data, api.schema("scenario"), jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError, match="dosis"):
        jsonschema.validate({**data, "dosis": 1}, api.schema("scenario"))
