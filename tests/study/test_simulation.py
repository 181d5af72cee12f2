"""Simulations of any model: what is written, what is read back, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import antimony
import numpy as np
import pandas as pd
import pytest

import exocast
from exocast import engine
from exocast.errors import ExocastError, InvalidInput, NotFound, TableError, UnknownName
from exocast.study import simulation

MODEL = """
model one()
  compartment c = 2; species conc in c; substanceOnly species drug in c;
  drug = 0; conc = 3; k = 0.5; half = k/2; drug => ; k*drug; conc => ; half*conc*c;
end
"""
# Explodes at time 1/(a*x): the step size has nowhere to go.
BLAST = "model blast() x' = a*x^2; x = 1; a = 0.01; end"
TIMES = np.arange(5.0)


def written(folder: Path, text: str = MODEL) -> Path:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    path = folder / "one.xml"
    path.write_text(antimony.getSBMLString(antimony.getMainModuleName()), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A model, four patients, and a dose for two of them."""
    people, doses = tmp_path / "people.csv", tmp_path / "doses.csv"
    people.write_text("ID,k,conc\nada,0.5,3\nbob,0.1,4\ncy,0.2,5\ndee,1,6\n", encoding="utf-8")
    doses.write_text("ID,TIME,AMT,CMT\nada,0,10,drug\ncy,1,8,drug\n", encoding="utf-8")
    return {"model": written(tmp_path), "patients": people, "doses": doses}


def test_every_patient_has_a_run_with_own_numbers_and_doses(
    files: dict[str, Path], tmp_path: Path
) -> None:
    calls: list[tuple[int, int]] = []
    made = exocast.simulate(
        **files, times="0:4:1", out=tmp_path / "out", progress=lambda *n: calls.append(n)
    )
    assert calls[-1] == (4, 4)
    table = made.to_frame()
    assert list(table.columns) == ["ID", "run", "time", "conc", "drug"]
    ada, cy = (table[table["ID"] == name].set_index("time") for name in ("ada", "cy"))
    assert np.allclose(ada["drug"], 10 * np.exp(-0.5 * TIMES), rtol=1e-5)
    later = np.where(TIMES >= 1, 8 * np.exp(-0.2 * (TIMES - 1)), 0)
    assert np.allclose(cy["drug"], later, rtol=1e-5)
    assert np.allclose(cy["conc"], 5 * np.exp(-0.1 * TIMES), rtol=1e-5)
    assert (table.loc[table["ID"].isin(["bob", "dee"]), "drug"] == 0).all()
    assert made.runs["ID"].tolist() == ["ada", "bob", "cy", "dee"]
    assert set(made.runs["status"]) == {"ok"}
    assert "4 runs at 5 times: 4 ok." in made.summary()
    assert (tmp_path / "out/plot.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob(".out*"))


def test_quantiles_are_over_runs(files: dict[str, Path], tmp_path: Path) -> None:
    made = exocast.simulate(**files, times=TIMES, observe=["conc"], out=tmp_path / "out")
    values = made.to_frame().pivot(index="run", columns="time", values="conc").to_numpy()
    table = made.statistics
    median = table[(table["statistic"] == "quantile") & (table["level"] == 0.5)]
    assert np.allclose(median["value"], np.median(values, axis=0))
    assert np.allclose(table.loc[table["statistic"] == "mean", "value"], values.mean(axis=0))
    assert made.record()["at_the_end"][0]["median"] == median["value"].iloc[-1]


def test_the_rows_are_the_same_whatever_the_size_of_a_part(
    files: dict[str, Path], tmp_path: Path
) -> None:
    whole = exocast.simulate(**files, times=TIMES, out=tmp_path / "whole")
    model = engine.compile(files["model"], ("k", "conc"), ("conc", "drug"))
    people = engine.read_people(files["patients"], model.description)
    none = engine.modelled(description=model.description)
    doses, people = engine.read_doses(
        files["doses"], model.description, sbml=model.sbml, people=people, parameters=none
    )
    plan = simulation.Plan(
        model=model,
        times=TIMES,
        ids=people.ids,
        numbers=people.numbers,
        doses=doses,
        files=files,
        rtol=1e-6,
    )
    simulation.write(plan, tmp_path / "parts", rows_a_part=7)
    parts = exocast.open_simulation(tmp_path / "parts")
    assert len(parts.result.manifest["parts"]) == 4
    pd.testing.assert_frame_equal(parts.to_frame(), whole.to_frame())
    pd.testing.assert_frame_equal(parts.statistics, whole.statistics)
    pd.testing.assert_frame_equal(parts.runs, whole.runs)


def test_the_manifest_says_what_was_run(files: dict[str, Path], tmp_path: Path) -> None:
    exocast.simulate(**files, times=TIMES, rtol=1e-4, out=tmp_path / "out")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text(encoding="utf-8"))
    assert manifest["schema"] == "exocast/result/1"
    assert (manifest["kind"], manifest["status"]) == ("simulation", "complete")
    assert (manifest["runs"], manifest["rtol"], manifest["path"]) == (4, 1e-4, "batch")
    assert {what: f["file"] for what, f in manifest["files"].items()} == {
        "model": "one.xml",
        "patients": "people.csv",
        "doses": "doses.csv",
    }
    assert manifest["parts"][0]["rows"] == 20


def test_a_run_that_fails_is_told_and_kept(tmp_path: Path) -> None:
    people = pd.DataFrame({"ID": ["calm", "wild"], "a": [0.0, 0.45]})
    made = exocast.simulate(
        written(tmp_path, BLAST), TIMES, patients=people, observe=["x"], out=tmp_path / "out"
    )
    [warning] = made.result.manifest["warnings"]
    assert warning["code"] == "RUNS_FAILED"
    assert "1 of 2 runs failed" in warning["message"]
    assert "'wild', known up to time 2" in warning["message"]
    wild = made.to_frame().query("ID == 'wild'")["x"].to_numpy()
    assert wild[:3] == pytest.approx([1.0, 1 / 0.55, 10.0], rel=1e-4)
    assert np.isnan(wild[3:]).all()
    counts = made.statistics.query("statistic == 'runs'")["value"].tolist()
    assert counts == [2, 2, 2, 1, 1]
    assert made.record()["at_the_end"][0]["median"] == pytest.approx(1.0)


def test_a_model_alone_is_one_run(tmp_path: Path) -> None:
    made = exocast.simulate(written(tmp_path), "0,1", out=tmp_path / "out")
    assert made.runs["ID"].tolist() == ["1"]
    assert made.to_frame()["conc"].iloc[1] == pytest.approx(3 * np.exp(-0.25), rel=1e-5)


def test_a_result_is_opened_as_what_it_is(files: dict[str, Path], tmp_path: Path) -> None:
    exocast.simulate(**files, times=TIMES, out=tmp_path / "out")
    with pytest.raises(InvalidInput, match="this is a simulation and no forecast"):
        exocast.open_result(tmp_path / "out")
    part = tmp_path / "out/parts/part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-3])
    with pytest.raises(InvalidInput, match="truncated or changed"):
        exocast.open_simulation(tmp_path / "out")
    with pytest.raises(NotFound, match="no result here"):
        exocast.open_simulation(tmp_path)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("0:7:7", [0, 7]),
        ("0:1:0.1", [i / 10 for i in range(11)]),
        ("0:10:4", [0, 4, 8]),
        ("2:2:1", [2]),
        ("0, 1,7.5", [0, 1, 7.5]),
    ],
)
def test_times_include_the_stop_when_a_step_lands_on_it(text: str, times: list[float]) -> None:
    found = engine.times_of(text)
    assert found == pytest.approx(times, rel=1e-12)
    assert found[-1] == times[-1]


@pytest.mark.parametrize("text", ["", "0:7", "0:7:0", "7:0:1", "0:1:nan", "a,b", "0:1e9:1e-9"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--times"):
        engine.times_of(text)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"patients": "ID,kk\na,1\n"}, UnknownName, "'kk'.*'k'|Known"),
        ({"patients": "ID,k\na,1\na,2\n"}, TableError, "run 'a' stands 2 times"),
        ({"patients": "ID,k\na,\n"}, TableError, "a number is missing"),
        ({"patients": "ID,half\nada,1\ncy,1\n"}, InvalidInput, "'half' cannot be varied"),
        ({"doses": "ID,TIME,AMT,CMT\neve,0,1,drug\n"}, UnknownName, "no run 'eve'"),
        ({"doses": "run,time,amount,target\n9,0,1,drug\n"}, ExocastError, "for run 9"),
        ({"doses": "run,time,amount,target\n0.5,0,1,drug\n"}, ExocastError, "whole numbers"),
        ({"doses": "run,time,amount,target\n,0,1,drug\n"}, ExocastError, "finite number"),
        ({"observe": ["drugs"]}, UnknownName, "--observe: .*'drug'"),
        ({"path": "fast"}, UnknownName, "--path: 'fast' is no path"),
        ({"rate_from": ["drug"]}, InvalidInput, "--rate-from: 'drug' is no pair"),
        ({"lag_from": {"drug": "kk"}}, UnknownName, "--lag-from: 'kk' is no parameter"),
        ({"rtol": 3.0}, InvalidInput, "--rtol"),
        ({"times": [0.0, -1.0]}, InvalidInput, "--times"),
        ({"model": "two.xml"}, NotFound, "Did you mean 'one.xml'"),
    ],
)
def test_what_cannot_be_simulated_is_refused_and_leaves_nothing(
    files: dict[str, Path], tmp_path: Path, change, error, words: str
) -> None:
    given = {**files, "times": TIMES} | change
    for what in ("patients", "doses"):
        if what in change:
            given[what] = tmp_path / f"changed_{what}.csv"
            given[what].write_text(change[what], encoding="utf-8")
    if "model" in change:
        given["model"] = tmp_path / change["model"]
    with pytest.raises(error, match=words):
        exocast.simulate(**given, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))
