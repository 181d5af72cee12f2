"""The command line: bad input is answered on one screen, with the right exit code."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import Result as Called
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))

import synthetic

from exocast import __version__, api
from exocast.cli import app
from exocast.errors import ExocastError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "knee"
SCENARIO = EXAMPLE / "scenario.yaml"
VIAL = next(EXAMPLE.glob("*ExperimentSummary.csv"), EXAMPLE / "missing.csv")
CALL = CliRunner()
SMALL = ("--worlds", "2", "--patients", "1")


def _call(*arguments: object) -> Called:
    return CALL.invoke(app, [str(a) for a in arguments])


def _refused(called: Called, code: int, *words: str) -> None:
    """One screen on stderr, nothing on stdout, no traceback."""
    assert called.exit_code == code, (called.output, called.exception)
    assert called.stdout == ""
    for word in words:
        assert word in called.stderr
    assert "Traceback" not in called.stderr
    lines = called.stderr.splitlines()
    assert 1 <= len(lines) <= 26 and max(map(len, lines)) <= 1000
    assert lines[0].startswith("error ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example that a test may spoil."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "knee"))


def _spoilt(folder: Path, old: str, new: str) -> Called:
    path = folder / "scenario.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return _run(path, folder.parent / "out")


def _run(scenario: Path, out: Path, *more: object) -> Called:
    called = _call("forecast", scenario, "--out", out, *SMALL, *more)
    if called.exit_code:
        assert not out.exists(), "a refused forecast leaves nothing behind"
        assert not list(out.parent.glob(".out*")), "nor a half-written one"
    return called


# One forecast --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Called]:
    out = tmp_path_factory.mktemp("forecast") / "out"
    return out, _run(SCENARIO, out, "--set", "horizon=12 week")


def test_forecast_prints_the_summary_and_where_the_report_is(made: tuple[Path, Called]) -> None:
    out, called = made
    assert called.exit_code == 0, called.output
    assert "minus saline" in called.stdout
    assert called.stdout.rstrip().splitlines()[-1] == str(out / "report.html")
    assert "runs" in called.stderr
    assert {p.name for p in out.iterdir()} >= {
        "manifest.json",
        "parts",
        "runs.parquet",
        "worlds.parquet",
        "patients.parquet",
        "summary.parquet",
        "report.html",
        "rows.csv",
    }


@pytest.mark.slow
def test_forecast_json_is_what_its_schema_says(made: tuple[Path, Called], tmp_path: Path) -> None:
    import jsonschema

    called = _run(SCENARIO, tmp_path / "out", "--set", "horizon=12 week", "--json")
    printed = json.loads(called.stdout)
    jsonschema.validate(printed, api.schema("forecast"), jsonschema.Draft202012Validator)
    assert printed["ok"] and printed["result"]["worlds"] == 2
    assert {o["time_days"] for o in printed["result"]["outcomes"]} == {42.0, 84.0}
    again = api.open_result(made[0]).record()
    for key in ("outcomes", "weakest", "needle", "stoichiometry"):
        assert again[key] == printed["result"][key]


@pytest.mark.slow
def test_a_second_forecast_replaces_the_first_whole(made: tuple[Path, Called]) -> None:
    out, _ = made
    (out / "note.txt").write_text("of the first")
    called = _call("forecast", SCENARIO, "--out", out, *SMALL, "--set", "horizon=9 week")
    assert called.exit_code == 0, called.output
    assert not (out / "note.txt").exists()
    assert not list(out.parent.glob(".out*"))


@pytest.mark.slow
def test_init_gives_a_scenario_that_runs(tmp_path: Path) -> None:
    called = _call("init", tmp_path / "mine")
    assert called.exit_code == 0
    assert [Path(line).name for line in called.stdout.splitlines()] == sorted(
        p.name for p in EXAMPLE.iterdir()
    )
    ran = _run(tmp_path / "mine", tmp_path / "out", "--set", "horizon=9 week")
    assert ran.exit_code == 0, ran.output
    text = (tmp_path / "mine" / "scenario.yaml").read_text(encoding="utf-8")
    assert text.count("#") >= 10


def test_export_writes_sbml(tmp_path: Path) -> None:
    called = _call("export", SCENARIO, "--sbml", tmp_path / "knee.xml")
    assert called.exit_code == 0, called.output
    assert 'level="3" version="2"' in (tmp_path / "knee.xml").read_text(encoding="utf-8")
    _refused(
        _call("export", SCENARIO, "--sbml", tmp_path / "no" / "knee.xml"), 66, "no such folder"
    )


def test_simulate_runs_any_model_and_says_where_the_result_is(tmp_path: Path) -> None:
    import antimony

    antimony.clearPreviousLoads()
    text = "model one() compartment c = 1; substanceOnly species A in c; A = 2; A => ; A; end"
    assert antimony.loadAntimonyString(text) >= 0
    model, out = tmp_path / "one.xml", tmp_path / "out"
    model.write_text(antimony.getSBMLString("one"), encoding="utf-8")
    (tmp_path / "doses.csv").write_text("TIME,AMT,ADDL,II\n1,5,3,7\n", encoding="utf-8")
    run = ("simulate", model, "--times", "0:28:7", "--out", out)
    called = _call(*run, "--doses", tmp_path / "doses.csv", "--observe", "A")
    assert called.exit_code == 0, called.output
    assert called.stdout.splitlines()[-1] == str(out)
    assert "1 run at 5 times: 1 ok." in called.stdout
    assert {p.name for p in out.iterdir()} == {
        "manifest.json",
        "parts",
        "plot.png",
        "runs.parquet",
        "summary.parquet",
    }
    _refused(_call("report", out), 65, "RESULT_KIND", "open_simulation")
    _refused(_call(*run[:3], "0:28", *run[4:]), 65, "--times", "0:365:7")
    _refused(_call(*run, "--observe", "AA"), 65, "--observe")
    _refused(_call(*run, "--rate-from", "A=R1"), 65, "--rate-from", "R1")
    _refused(_call(*run, "--doses", tmp_path / "dose.csv"), 66, "Did you mean 'doses.csv'")
    _refused(_call("simulate", VIAL, *run[2:]), 65, "SBML")


# Scenarios -----------------------------------------------------------------------------------


def test_unknown_field_offers_the_nearest(folder: Path) -> None:
    _refused(
        _spoilt(folder, "  dose:", "  dosis:"),
        65,
        "scenario.yaml",
        "regimen.dosis",
        "Did you mean 'dose'",
    )


def test_unknown_route_offers_the_nearest(folder: Path) -> None:
    _refused(
        _spoilt(folder, "route: intra-articular", "route: intraarticular"),
        65,
        "regimen.route",
        "'intraarticular'",
        "Did you mean 'intra-articular'",
    )


def test_unknown_set_field_offers_the_nearest(tmp_path: Path) -> None:
    _refused(
        _run(SCENARIO, tmp_path / "out", "--set", "regimen.injektions=2"),
        65,
        "regimen.injektions",
        "Did you mean 'injections'",
    )


@pytest.mark.parametrize("change", ["regimen.dose", "=3", "seed.deep=1"])
def test_a_change_that_is_none_is_refused(tmp_path: Path, change: str) -> None:
    _refused(_run(SCENARIO, tmp_path / "out", "--set", change), 65, "--set")


@pytest.mark.parametrize(
    ("dose", "words"),
    [
        ("1e16 particle", ("regimen.dose",)),
        ("-1e9 particle", ("regimen.dose",)),
        ("1e10", ("regimen.dose", "unit")),
        ("1e10 furlong", ("regimen.dose", "furlong")),
        ("5 hour", ("regimen.dose",)),
        ("nan particle", ("regimen.dose",)),
    ],
)
def test_impossible_doses_are_refused(tmp_path: Path, dose: str, words: tuple[str, ...]) -> None:
    _refused(_run(SCENARIO, tmp_path / "out", "--set", f'regimen.dose="{dose}"'), 65, *words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("patient.age=62", ("patient.age",)),
        ("patient.age=62 kg", ("patient.age", "year")),
        ("patient.bmi=29 kg", ("patient.bmi",)),
        ("vial.volume=1 mg", ("volume",)),
        ("horizon=52", ("horizon",)),
        ("prior=optimistic", ("prior",)),
        ("site=elbow", ("elbow",)),
        ("arms=[vial]", ("arms", "saline")),
        ("worlds=1", ("worlds",)),
        ("vial.product=msc_eve", ("msc_eve", "msc_ev")),
        ("vial.file=nowhere.csv", ("nowhere.csv",)),
    ],
)
def test_each_bad_field_is_named(tmp_path: Path, change: str, words: tuple[str, ...]) -> None:
    called = _call("forecast", SCENARIO, "--out", tmp_path / "out", "--set", change)
    _refused(called, 66 if "nowhere" in change else 65, *words)


def test_all_findings_are_listed_together(folder: Path) -> None:
    path = folder / "scenario.yaml"
    text = path.read_text(encoding="utf-8").replace("sex: female", "sex: woman")
    path.write_text(text.replace("kellgren_lawrence: 3", "kellgren_lawrence: 7"), "utf-8")
    _refused(_run(path, folder.parent / "out"), 65, "patient.sex", "patient.kellgren_lawrence")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--prior", "lit"), ("--prior: 'lit'", "Known: default, literature")),
        (("--set", "vial=x"), ("--set vial: a block",)),
        (("--set", "site=kne"), ("--set site:", "Did you mean 'knee'")),
        (("--set", "regimen.route=oral"), ("--set regimen.route:", "intra-articular")),
        (("--set", "vial.product=msc_eve"), ("--set vial.product:", "'msc_ev'")),
        (("--set", "regimen.interval=5 ns"), ("--set regimen.interval: '5 ns'", "1 hour")),
        (("--patients", "2000000"), ("--patients:",)),
        (("--prior", "default", "--set", "prior=lit"), ("--set prior: 'lit'",)),
    ],
)
def test_a_bad_option_is_blamed_and_not_the_file(
    tmp_path: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    called = _call("forecast", SCENARIO, "--out", tmp_path / "out", *options)
    _refused(called, 65, *words)
    assert "scenario.yaml" not in called.stderr
    assert "Input should" not in called.stderr


def test_none_in_a_mapping_of_changes_empties_the_field(tmp_path: Path) -> None:
    with pytest.raises(ExocastError, match="nobody counted"):
        api.forecast(SCENARIO, out=tmp_path / "out", set={"vial.file": None})


def test_a_file_stands_where_it_does_not_belong(tmp_path: Path) -> None:
    _refused(_run(VIAL, tmp_path / "out"), 65, VIAL.name, "--vial")
    _refused(_run(tmp_path, tmp_path / "out"), 66, "scenario.yaml")
    _refused(_call("export", SCENARIO, "--sbml", tmp_path), 65, "this is a folder")


@pytest.mark.slow
def test_a_healthy_knee_in_pain_is_warned_of(tmp_path: Path) -> None:
    healthy = ("--set", "condition=healthy_knee", "--set", "horizon=9 week")
    called = _run(SCENARIO, tmp_path / "out", *healthy)
    assert called.exit_code == 0, called.output
    assert "warning CONDITION_CONTRADICTS_PATIENT: condition: 'healthy_knee'" in called.stderr


# YAML ----------------------------------------------------------------------------------------


def _yaml(folder: Path, text: str) -> Called:
    path = folder / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return _run(path, folder.parent / "out")


def test_ten_megabytes_are_refused_at_once(folder: Path) -> None:
    started = time.monotonic()
    _refused(_yaml(folder, "title: " + "a" * 10_000_000), 65, "10.0 MB", "1 MB")
    assert time.monotonic() - started < 5


def test_anchors_and_their_bombs_are_refused(folder: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    _refused(_yaml(folder, bomb), 65, "line 1", "anchors and aliases")


def test_tags_are_refused(folder: Path) -> None:
    _refused(_yaml(folder, "title: !!python/object/apply:os.system [id]\n"), 65, "line 1", "tags")


def test_a_key_that_stands_twice_is_refused(folder: Path) -> None:
    _refused(_yaml(folder, "seed: 1\nseed: 2\n"), 65, "line 2", "duplicate", "seed")


@pytest.mark.parametrize(
    "text", ["[1, 2]", "just words", "", "a: [1", "a: b: c", "? [x]\n: 1", "\t- 1", "1: 2"]
)
def test_other_yaml_is_refused(folder: Path, text: str) -> None:
    _refused(_yaml(folder, text), 65, "scenario.yaml")


def test_deep_nesting_is_refused(folder: Path) -> None:
    _refused(_yaml(folder, "a: " + "[" * 20_000 + "]" * 20_000), 65, "scenario.yaml")


def test_a_wrong_encoding_is_refused(folder: Path) -> None:
    (folder / "scenario.yaml").write_bytes("title: Knöchel".encode("latin-1"))
    _refused(_run(folder / "scenario.yaml", folder.parent / "out"), 65, "UTF-8")


def test_many_findings_stay_on_one_screen(folder: Path) -> None:
    text = "\n".join(f"unknown_{i}: {'x' * 50}" for i in range(5000))
    _refused(_yaml(folder, text), 65, "more")


# Vials ---------------------------------------------------------------------------------------


def _vial(folder: Path, spoil: bytes | None = None, old: str = "", new: str = "") -> Path:
    path = folder / VIAL.name
    if spoil is not None:
        path.write_bytes(spoil)
    else:
        text = path.read_text(encoding="latin-1")
        assert old in text
        path.write_text(text.replace(old, new), encoding="latin-1")
    return path


@pytest.mark.parametrize(
    "content",
    [b"", b"time,value\n1,2\n", b"\x89PNG\r\n\x1a\n\x00\x00", b"\xff\xfea\x00b\x00", b"a" * 5_000],
)
def test_another_kind_of_file_is_refused(folder: Path, content: bytes) -> None:
    path = _vial(folder, content)
    _refused(_call("vial", "inspect", path), 65, VIAL.name)
    _refused(_run(folder / "scenario.yaml", folder.parent / "out"), 65, VIAL.name)


def test_a_truncated_vial_file_is_refused(folder: Path) -> None:
    content = VIAL.read_bytes()
    path = _vial(folder, content[: int(len(content) * 0.6)])
    _refused(_run(folder / "scenario.yaml", folder.parent / "out"), 65, path.name)


def test_a_file_that_is_not_there_has_its_own_code(tmp_path: Path) -> None:
    _refused(_call("vial", "inspect", tmp_path / "no.csv"), 66, "no.csv")
    _refused(_run(tmp_path / "no.yaml", tmp_path / "out"), 66, "no.yaml")
    _refused(_run(SCENARIO, tmp_path / "out", "--vial", tmp_path / "no.csv"), 66, "no.csv")
    _refused(_call("report", tmp_path / "nothing"), 66, "no result here")


def test_a_folder_in_place_of_a_vial_names_what_is_in_it(tmp_path: Path) -> None:
    listed = _call("vial", "inspect", EXAMPLE)
    assert listed.exit_code == 0, listed.output
    assert VIAL.name in listed.stdout and "not read:" in listed.stdout
    _refused(_run(SCENARIO, tmp_path / "out", "--vial", EXAMPLE), 65, "this is a folder", VIAL.name)
    missing = EXAMPLE / VIAL.name.replace("Summary", "Sumary")
    _refused(_call("vial", "inspect", missing), 66, f"Did you mean '{VIAL.name}'")


@pytest.mark.parametrize("dilution", ["0", "-5", "nan", "0.5"])
def test_an_impossible_dilution_is_refused(tmp_path: Path, dilution: str) -> None:
    called = _run(SCENARIO, tmp_path / "out", "--dilution", dilution)
    _refused(called, 65, "dilution")


@pytest.mark.parametrize("volume", ["1", "0 mL", "-1 mL", "1 kg", "mL"])
def test_an_impossible_volume_is_refused(tmp_path: Path, volume: str) -> None:
    _refused(_run(SCENARIO, tmp_path / "out", "--volume", volume), 65, "volume")


def test_an_unknown_sample_is_refused(tmp_path: Path) -> None:
    _refused(_run(SCENARIO, tmp_path / "out", "--sample", "other"), 65, "no sample 'other'")


@pytest.mark.slow
def test_beads_are_forecast_only_when_asked_for(tmp_path: Path) -> None:
    _refused(
        _run(SCENARIO, tmp_path / "out", "--set", "vial.contents=beads"), 65, "--assume-vesicles"
    )
    called = _run(
        SCENARIO,
        tmp_path / "out",
        "--set",
        "vial.contents=beads",
        "--assume-vesicles",
        "--set",
        "horizon=9 week",
    )
    assert called.exit_code == 0, called.output
    made = api.open_result(tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "beads" in made.story.labels[0].lower()
    assert page.count(made.story.labels[0]) >= len(made.story.sections)
    assert called.stdout.count(f"NOTE: {made.story.labels[0]}") >= len(made.story.sections)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("beads_nta34-ExperimentSummary.csv", ()),
        (
            "beads_nta32_combined12-ExperimentSummary.csv",
            ("--sample", "std_10000_yes_2", "--dilution", "10000"),
        ),
    ],
)
@pytest.mark.slow
def test_real_exports_of_beads_are_forecast_with_their_label(
    reference: Path, tmp_path: Path, name: str, known: tuple[str, ...]
) -> None:
    file = reference / "samples" / "nanosight_nta" / name
    out = tmp_path / "out"
    short = ("--vial", file, *known, "--set", "horizon=9 week")
    _refused(_run(SCENARIO, out, *short), 65, "beads", "--assume-vesicles")
    called = _run(SCENARIO, out, *short, "--assume-vesicles")
    assert called.exit_code == 0, called.output
    page = (out / "report.html").read_text(encoding="utf-8")
    sections = page.count("<section")
    assert page.count("Calibration beads, forecast as if they were vesicles") == sections + 1


# Output --------------------------------------------------------------------------------------


def test_other_peoples_files_are_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    called = _call("forecast", SCENARIO, "--out", out, *SMALL)
    _refused(called, 65, "holds other files")
    assert (out / "thesis.txt").read_text() == "mine"


def test_a_damaged_result_is_refused(tmp_path: Path) -> None:
    directory = synthetic.write(tmp_path / "r", worlds=2, patients=1)
    part = directory / "parts" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-7])
    _refused(_call("report", directory), 65, "part-00000", "truncated")
    for name, content in (
        ("rows.csv", b"key,value\nk,\xe9\n"),
        ("rows.csv", b"other\n1\n"),
        ("worlds.parquet", b"PAR1"),
        ("manifest.json", b'{"schema": "exocast/result/1", "status": "complete"}'),
    ):
        spoilt = synthetic.write(tmp_path / "s", worlds=2, patients=1)
        (spoilt / name).write_bytes(content)
        _refused(_call("report", spoilt), 65, "RESULT_DAMAGED", name)
        shutil.rmtree(spoilt)
    partial = synthetic.write(tmp_path / "p", worlds=2, patients=1, changes={"status": "partial"})
    _refused(_call("report", partial), 75, "partial")


def test_usage_is_code_two_and_json_errors_are_json(tmp_path: Path) -> None:
    assert _call("forecast").exit_code == 2
    assert _call("forecast", SCENARIO, "--out", tmp_path / "o", "--worlds", "x").exit_code == 2
    assert _call("no-such-command").exit_code == 2
    called = _run(tmp_path / "no.yaml", tmp_path / "out", "--json")
    printed = json.loads(called.stdout)
    assert called.exit_code == 66
    assert printed["schema"] == "exocast/forecast/1" and printed["ok"] is False
    assert printed["errors"][0]["code"] == "NOT_FOUND"


def test_a_failed_check_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = {"severity": "error", "code": "TABLE", "message": "bad", "where": "x.csv, line 2"}
    monkeypatch.setattr(
        api, "evidence_check", lambda library: {"tables": 1, "rows": 1, "findings": [finding]}
    )
    called = _call("evidence", "check")
    assert called.exit_code == 3
    assert "error TABLE: x.csv, line 2: bad" in called.stdout
    printed = json.loads(_call("evidence", "check", "--json").stdout)
    assert printed["ok"] is False


def test_an_interrupt_leaves_nothing_and_has_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exocast.patient import forecast as room

    def stopped(*_: object, **__: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "run_forecast", stopped)
    called = _run(SCENARIO, tmp_path / "out")
    _refused(called, 75, "nothing was written")


def test_the_exit_codes_are_those_of_the_error_tree() -> None:
    def below(kind: type[ExocastError]) -> set[type[ExocastError]]:
        return {kind}.union(*(below(k) for k in kind.__subclasses__()))

    assert {kind.exit_code for kind in below(ExocastError)} == {1, 3, 65, 66, 75}


def test_help_is_quick_and_heavy_parts_stay_unloaded() -> None:
    code = (
        "import sys; from exocast.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'pint', 'pydantic', 'matplotlib', 'roadrunner', 'libsbml',"
        " 'pyarrow', 'scipy', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert _call("--version").stdout.strip() == __version__


def test_another_vial_does_not_inherit_the_ratios_of_the_first(tmp_path: Path) -> None:
    called = _run(SCENARIO, tmp_path / "r", "--vial", VIAL, "--set", "regimen.dose=10 ug")
    _refused(called, 65, "RATIO_MISSING")


def test_the_literature_prior_is_labelled(tmp_path: Path) -> None:
    called = _run(SCENARIO, tmp_path / "r", "--prior", "literature")
    assert called.exit_code == 0
    assert "contradicts it" in " ".join(called.stdout.split())
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert page.count("contradicts it") > 3


def test_one_of_two_knees_is_forecast(tmp_path: Path) -> None:
    site = ("--set", "site=knees", "--set", "regimen.site=left")
    route = ("--set", "regimen.route=intra-articular left")
    assert _run(SCENARIO, tmp_path / "r", *site, *route).exit_code == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--set", "horizon=1 week"), "the last injection is on day 56"),
        (("--patients", "900000"), "more than 1,000,000"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    _refused(_run(SCENARIO, tmp_path / "r", *change), 65, words)


def test_a_batch_takes_the_place_of_a_vial_and_nothing_else_may(tmp_path: Path) -> None:
    lot = EXAMPLE.parent / "batch"
    called = _run(SCENARIO, tmp_path / "out", "--batch", lot)
    assert called.exit_code == 0, called.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["vial"]["sample"] == "Example lot 7"
    assert manifest["vial"]["filled"] == []
    with (tmp_path / "out" / "rows.csv").open(encoding="utf-8", newline="") as lines:
        rows = {row["key"]: row for row in csv.DictReader(lines)}
    assert rows["vial.concentration"]["source"] == "measured"
    assert float(rows["vial.potency_relative"]["value"]) < 1
    for option, value in (("--vial", VIAL), ("--dilution", "3"), ("--potency", VIAL)):
        _refused(_run(SCENARIO, tmp_path / "no", "--batch", lot, option, value), 65, "batch")
