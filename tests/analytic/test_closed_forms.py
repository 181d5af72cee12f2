"""Against closed forms: one compartment, Bateman, saturable uptake; from fragments and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import lambertw

from exocast import engine

HEADER = "id,meaning,value,unit,spread,spread_kind,varies,system,source,place,grade,note"
TIMES = np.array([0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 7.0])
TOLERANCE = 1e-9  # of the solver
AGREEMENT = 1e-7  # relative, between solver and closed form


def assembled(folder: Path, equations: str, rows: dict[str, tuple[float, str]]) -> str:
    """SBML of a library of one fragment, one instance, one site."""
    room = folder / "tissue"
    room.mkdir()
    (folder / "body").mkdir()
    (folder / "body/part.ant").write_text(f"model part()\n{equations}\nend\n")
    lines = [
        f"{name},{name},{value},{unit},,fixed,constant,test,definition,,E,closed form"
        for name, (value, unit) in rows.items()
    ]
    (folder / "body/part.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    (room / "one.yaml").write_text(
        "schema_version: 1\nname: one\ntitle: One part\n"
        "instances: {a: {fragment: body/part}}\n"
        "observables: {seen: {formula: a_drug, unit: item, text: drug, better: none}}\n"
        "routes: {needle: {drug: a_drug}}\n"
    )
    return engine.assemble("one", libraries=[folder]).sbml


def bolus(*doses: tuple[float, float, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"run": 0, "time": t, "amount": amount, "target": target} for t, amount, target in doses]
    )


@pytest.mark.parametrize("rate", [0.05, 1.0, 40.0])
def test_one_compartment_with_repeated_doses(tmp_path: Path, rate: float) -> None:
    sbml = assembled(
        tmp_path,
        "compartment space; substanceOnly species drug in space; out: drug => ; k*drug;",
        {"space": (3, "mL"), "k": (rate, "1/day")},
    )
    runs = engine.compile(sbml, observe=("seen",)).run(
        TIMES, doses=bolus((0.0, 1e9, "a_drug"), (0.5, 2e9, "a_drug")), rtol=TOLERANCE
    )
    later = np.where(TIMES >= 0.5, 2e9 * np.exp(-rate * (TIMES - 0.5)), 0.0)
    expected = 1e9 * np.exp(-rate * TIMES) + later
    assert np.allclose(runs.values[0, :, 0], expected, rtol=AGREEMENT, atol=1e-4)


@pytest.mark.parametrize(("k_in", "k_out"), [(3.0, 0.4), (0.2, 5.0)])
def test_bateman(tmp_path: Path, k_in: float, k_out: float) -> None:
    sbml = assembled(
        tmp_path,
        "compartment space; substanceOnly species depot in space, drug in space;"
        "absorb: depot => drug; k_in*depot; clear: drug => ; k_out*drug;",
        {"space": (1, "mL"), "k_in": (k_in, "1/day"), "k_out": (k_out, "1/day")},
    )
    runs = engine.compile(sbml, observe=("a_depot", "seen")).run(
        TIMES, doses=bolus((0.0, 1e6, "a_depot")), rtol=TOLERANCE
    )
    drug = 1e6 * k_in / (k_in - k_out) * (np.exp(-k_out * TIMES) - np.exp(-k_in * TIMES))
    assert np.allclose(runs.values[0, :, 0], 1e6 * np.exp(-k_in * TIMES), rtol=AGREEMENT, atol=1e-6)
    assert np.allclose(runs.values[0, :, 1], drug, rtol=AGREEMENT, atol=1e-6)


@pytest.mark.parametrize("dose", [1e2, 1e5, 1e8])
def test_saturable_uptake(tmp_path: Path, dose: float) -> None:
    fastest, half = 4e5, 1e5
    sbml = assembled(
        tmp_path,
        "compartment space; substanceOnly species drug in space, inside in space;"
        "enter: drug => inside; fastest*drug/(half + drug);",
        {"space": (1, "mL"), "fastest": (fastest, "item/day"), "half": (half, "item")},
    )
    runs = engine.compile(sbml, observe=("seen", "a_inside")).run(
        TIMES, doses=bolus((0.0, dose, "a_drug")), rtol=TOLERANCE
    )
    # x + half·ln x = dose + half·ln dose - fastest·t, solved by Lambert's W in logarithms.
    log_w = np.log(dose / half) + (dose - fastest * TIMES) / half
    safe = np.where(log_w < 600, log_w, 0.0)
    newton = log_w.copy()  # w + ln w = log_w for large arguments
    for _ in range(50):
        newton = log_w - np.log(np.maximum(newton, 1e-300))
    expected = half * np.where(log_w < 600, lambertw(np.exp(safe)).real, newton)
    drug, inside = runs.values[0].T
    assert np.allclose(drug, expected, rtol=1e-6, atol=dose * 1e-9)
    assert np.allclose(drug + inside, dose, rtol=1e-12)


def test_a_state_starts_steady_where_its_row_says(tmp_path: Path) -> None:
    sbml = assembled(
        tmp_path,
        "compartment space; substanceOnly species drug in space; drug = made/k;"
        "make: => drug; made; out: drug => ; k*drug;",
        {"space": (1, "mL"), "k": (0.3, "1/day"), "made": (60.0, "item/day")},
    )
    model = engine.compile(sbml, varied=("a_k",), observe=("seen",))
    runs = model.run(TIMES, np.array([[0.3], [1.2]]), rtol=TOLERANCE)
    assert np.allclose(runs.values[0], 200.0, rtol=1e-12)
    assert np.allclose(runs.values[1], 50.0, rtol=1e-12)
