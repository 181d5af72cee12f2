"""Event records against superposition, by a reference executor and by the engine itself."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import antimony
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from executor import carry_out

from exocast import engine
from exocast.engine.dosing import ADD, CYCLE, RATE, RESET, SET, switches
from exocast.engine.records import modelled, read_doses, read_people
from exocast.errors import DoseError, TableError, UnknownName

TIMES = np.linspace(0.0, 30.0, 121)
STATES = ("depot", "central", "deep")
NUMBERS = {"ka": 1.3, "k": 0.35, "out": 0.21, "back": 0.17}
TABLE = ("CL", "R1", "D1", "L1", "F1")
MORE = {"R1": 2.5, "D1": 3.0, "L1": 0.75, "F1": 0.4}
MODEL = """
model two()
  compartment c = 1; substanceOnly species depot in c, central in c, deep in c;
  depot = 0; central = 0; deep = 0;
  ka = 1.3; k = 0.35; out = 0.21; back = 0.17; R1 = 2.5; D1 = 3; L1 = 0.75; F1 = 0.4;
  depot => central; ka*depot; central => ; k*central;
  central => deep; out*central; deep => central; back*deep;
end
"""
ENOUGH = 400  # earlier doses that stand for a steady state


def sbml(text: str = MODEL) -> str:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def matrix(p) -> np.ndarray:
    return np.array(
        [
            [-p["ka"], 0.0, 0.0],
            [p["ka"], -p["k"] - p["out"], p["back"]],
            [0.0, p["out"], -p["back"]],
        ]
    )


RATES, MODES = np.linalg.eig(matrix(NUMBERS))


def decay(times: np.ndarray) -> np.ndarray:
    """exp(matrix * time) for each time."""
    return np.einsum("ij,tj,jk->tik", MODES, np.exp(np.outer(times, RATES)), np.linalg.inv(MODES))


def response(times: np.ndarray, species: str, amount: float, length: float) -> np.ndarray:
    """States at times after a dose into the resting system: impulse, or the integral of it."""
    at = STATES.index(species)
    some = times >= 0
    found = np.zeros((len(times), 3))
    if length == 0:
        found[some] = amount * decay(times[some])[:, :, at]
        return found
    upto, since = np.minimum(times[some], length), np.maximum(times[some] - length, 0.0)
    integral = np.linalg.inv(matrix(NUMBERS)) @ (decay(upto) - np.eye(3))
    found[some] = amount / length * (decay(since) @ integral)[:, :, at]
    return found


def expected(*epochs) -> np.ndarray:
    """Sum over the doses (time, species, amount, length) of the epoch (start, doses) of a time."""
    found = np.zeros((len(TIMES), 3))
    for start, doses in epochs:
        later = start <= TIMES
        whole = sum((response(TIMES - t, *dose) for t, *dose in doses), np.zeros_like(found))
        found[later] = whole[later]
    return found


def series(time: float, interval: float, *dose) -> list[tuple]:
    return [(time - i * interval, *dose) for i in range(ENOUGH)]


HEAD = "TIME,AMT,CMT,RATE,DUR,EVID,ADDL,II,SS\n"
FROM = {"rate_from": {"central": "R1"}, "duration_from": {"depot": "D1"}}
CASES = {
    "boluses": (
        "0,10,depot,,,1,,,\n4,5,2,,,1,,,\n",
        (0, [(0, "depot", 10, 0), (4, "central", 5, 0)]),
    ),
    "further doses": (
        "1,10,depot,,,1,3,5,\n",
        (0, [(1 + 5 * i, "depot", 10, 0) for i in range(4)]),
    ),
    "infusion": ("2,10,central,4,,1,,,\n", (0, [(2, "central", 10, 2.5)])),
    "infusion by duration": ("2,10,depot,,3,1,,,\n", (0, [(2, "depot", 10, 3)])),
    "infusions longer than their interval": (
        "0,12,central,2,,1,4,2.5,\n",
        (0, [(2.5 * i, "central", 12, 6) for i in range(5)]),
    ),
    "steady state": ("3,10,depot,,,1,,6,1\n", (0, []), (3, series(3, 6, "depot", 10, 0))),
    "steady state wipes": (
        "0,50,central,10,,1,9,2,\n7,10,central,,,1,2,8,1\n",
        (0, [(2 * i, "central", 50, 5) for i in range(10)]),
        (7, [*series(7, 8, "central", 10, 0), (15, "central", 10, 0), (23, "central", 10, 0)]),
    ),
    "steady state of infusions": (
        "3,10,central,4,,1,,6,1\n",
        (0, []),
        (3, series(3, 6, "central", 10, 2.5)),
    ),
    "steady state of infusions longer than their interval": (
        "3,10,central,1,,1,,4,1\n",
        (0, []),
        (3, series(3, 4, "central", 10, 10)),
    ),
    "steady state of infusions of two intervals": (
        "3,8,central,1,,1,,4,1\n",
        (0, []),
        (3, series(3, 4, "central", 8, 8)),
    ),
    "steady state on top": (
        "0,20,depot,,,1,,,\n1,30,central,2,,1,,,\n5,10,depot,,,1,1,6,2\n",
        (0, [(0, "depot", 20, 0), (1, "central", 30, 15)]),
        (
            5,
            [
                (0, "depot", 20, 0),
                (1, "central", 30, 15),
                *series(5, 6, "depot", 10, 0),
                (11, "depot", 10, 0),
            ],
        ),
    ),
    "morning and evening": (
        "0,10,depot,,,1,,24,1\n12,4,depot,,,1,,24,2\n",
        (0, series(0, 24, "depot", 10, 0)),
        (12, [*series(0, 24, "depot", 10, 0), *series(12, 24, "depot", 4, 0)]),
    ),
    "steady infusions on top of infusions": (
        "0,30,central,2,,1,,,\n5,10,central,1,,1,,4,2\n",
        (0, [(0, "central", 30, 15)]),
        (5, [(0, "central", 30, 15), *series(5, 4, "central", 10, 10)]),
    ),
    "constant infusion": (
        "6,0,central,2,,1,,,1\n",
        (0, []),
        (6, [(6 - 500, "central", 1000, 500)]),
    ),
    "reset": (
        "0,10,depot,,,1,9,2,\n0,40,central,1,,1,,,\n7,,,,,3,,,\n8,3,central,,,1,,,\n",
        (0, [*[(2 * i, "depot", 10, 0) for i in range(10)], (0, "central", 40, 40)]),
        (7, [(8, "central", 3, 0)]),
    ),
    "reset and dose": (
        "0,10,depot,,,1,9,2,\n8,5,depot,,,1,,,\n8,7,central,,,4,1,3,\n8,1,depot,,,1,,,\n",
        (0, [(2 * i, "depot", 10, 0) for i in range(10)]),
        (8, [(8, "central", 7, 0), (11, "central", 7, 0), (8, "depot", 1, 0)]),
    ),
    "modelled rate": ("2,10,central,-1,,1,,,\n", (0, [(2, "central", 10, 4)])),
    "modelled duration": ("2,10,depot,-2,,1,,,\n", (0, [(2, "depot", 10, 3)])),
    "steady state of a modelled duration": (
        "2,10,depot,-2,,1,,5,1\n",
        (0, []),
        (2, series(2, 5, "depot", 10, 3)),
    ),
}


def both(text: str, **parameters) -> tuple[np.ndarray, np.ndarray]:
    """By the executor and by the engine."""
    model = engine.compile(sbml(), observe=STATES)
    chosen = modelled(**parameters, description=model.description)
    records = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    doses, _ = read_doses(records, model.description, sbml=model.sbml, parameters=chosen)
    runs = model.run(TIMES, doses=doses, rtol=1e-10)
    assert runs.status[0] == 0
    reference = carry_out(
        switches(doses, model.description), 0, TIMES, STATES, matrix, NUMBERS | MORE
    )
    return reference, runs.values[0]


def agree(found: tuple[np.ndarray, np.ndarray], right: np.ndarray) -> None:
    for values, tolerance in zip(found, (1e-9, 1e-6), strict=True):
        assert np.allclose(values, right, rtol=tolerance, atol=tolerance * abs(right).max())


@pytest.mark.parametrize("name", CASES)
def test_event_records_do_what_superposition_says(name: str) -> None:
    records, *epochs = CASES[name]
    agree(both(HEAD + records, **FROM), expected(*epochs))
