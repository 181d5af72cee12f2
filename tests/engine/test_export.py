"""The exported file is complete, clean, and gives the same numbers in an independent solver."""

from __future__ import annotations

from pathlib import Path

import antimony
import libsbml
import numpy as np
import pandas as pd
import pytest

from exocast import engine
from exocast.errors import NotFound, UnknownName, UnsupportedModel

TIMES = np.array([0.0, 0.25, 1.0, 3.0, 7.0, 27.0, 28.0, 29.0, 56.0, 60.0, 90.0, 182.0, 364.0])
VALUES = {
    "knee_response_translation": 0.7,
    "knee_fluid": 9.0,
    "knee_inflammation_tnf_baseline": 100.0,
}


def injections(*times: float) -> pd.DataFrame:
    parts = {"small_fluid": 3e9, "medium_fluid": 5e9, "large_fluid": 1e9, "coisolated_soluble": 1e6}
    return pd.DataFrame(
        [
            {"run": 0, "time": time, "amount": amount, "target": f"knee_{name}"}
            for time in times
            for name, amount in parts.items()
        ]
    )


def in_copasi(file: Path, names: tuple[str, ...]) -> np.ndarray:
    import basico

    model = basico.load_model(str(file))
    try:
        found = basico.run_time_course(
            values=TIMES.tolist(),
            r_tol=1e-11,
            a_tol=1e-14,
            max_steps=1_000_000,
            use_numbers=True,
            use_sbml_id=True,
            model=model,
        )
    finally:
        basico.remove_datamodel(model)
    columns = [f"Values[{name}]" if f"Values[{name}]" in found else name for name in names]
    return found[columns].to_numpy()


def test_copasi_gives_the_same_knee(tmp_path: Path) -> None:
    model = engine.assemble("knee")
    names = tuple(model.observables)
    doses = injections(0.0, 28.0, 56.0)
    file = engine.export_sbml(model, tmp_path / "knee.xml", values=VALUES, doses=doses)
    ours = engine.compile(model.sbml, tuple(VALUES), names).run(
        TIMES, np.array([list(VALUES.values())]), doses, rtol=1e-11
    )
    assert ours.status[0] == 0
    largest = np.abs(ours.values[0]).max(axis=0)
    assert (largest > 0).all()
    difference = np.abs(in_copasi(file, names) - ours.values[0]).max(axis=0) / largest
    assert difference.max() < 1e-6, dict(zip(names, difference, strict=True))


def test_the_exported_file_is_clean_and_holds_the_numbers_and_doses(tmp_path: Path) -> None:
    model = engine.assemble("knee")
    file = engine.export_sbml(
        model, tmp_path / "knee.xml", values=VALUES, doses=injections(0.0, 28.0)
    )
    document = libsbml.readSBMLFromFile(str(file))
    assert document.checkConsistencyWithStrictUnits() == 0, document.getErrorLog().toString()
    content = document.getModel()
    assert content.getParameter("knee_response_translation").getValue() == 0.7
    assert content.getCompartment("knee_fluid").getSize() == 9.0
    assert content.getSpecies("knee_small_fluid").getInitialAmount() == 3e9
    assert content.getNumEvents() == 4
    assert [p.name for p in tmp_path.iterdir()] == ["knee.xml"]


def test_an_export_runs_as_the_model_it_came_from(library, tmp_path: Path) -> None:
    model = engine.assemble("water", libraries=[library()])
    doses = pd.DataFrame([{"run": 0, "time": 2.0, "amount": 4.0, "target": "north_fish"}])
    file = engine.export_sbml(model, tmp_path / "water.xml", doses=doses)
    found = engine.simulate_sbml(file, [0.0, 1.0, 3.0], ["all_fish", "north_percent"], rtol=1e-10)
    ours = engine.compile(model.sbml, observe=("all_fish", "north_percent")).run(
        [0.0, 1.0, 3.0], doses=doses, rtol=1e-10
    )
    assert np.allclose(found["all_fish"], ours.values[0, :, 0], rtol=1e-8)
    assert np.allclose(found["north_percent"], ours.values[0, :, 1], rtol=1e-7)


def test_what_cannot_be_written_is_refused_and_leaves_no_file(library, tmp_path: Path) -> None:
    model = engine.assemble("water", libraries=[library()])
    file = tmp_path / "water.xml"
    with pytest.raises(UnknownName, match="nothing called 'north_k_leav'"):
        engine.export_sbml(model, file, values={"north_k_leav": 1.0})
    with pytest.raises(UnsupportedModel, match="'all_fish' is computed"):
        engine.export_sbml(model, file, values={"all_fish": 1.0})
    with pytest.raises(NotFound, match="no such folder"):
        engine.export_sbml(model, tmp_path / "nowhere" / "water.xml")
    assert not file.exists()


def test_only_boluses_are_written_as_events(tmp_path: Path) -> None:
    rows = [{"run": 0, "time": 0.0, "amount": 1.0, "target": "A", "rate": 2.0}]
    text = "model m() compartment c = 1; substanceOnly species A in c; A = 0; end"
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0
    with pytest.raises(UnsupportedModel, match="only boluses are written as events"):
        engine.export_sbml(
            antimony.getSBMLString("m"), tmp_path / "m.xml", doses=pd.DataFrame(rows)
        )
