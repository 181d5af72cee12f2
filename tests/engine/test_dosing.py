"""Event records against superposition, by a reference executor and by the engine itself."""

from __future__ import annotations

import io
import itertools
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


def tabled(text: str, people: pd.DataFrame | None = None, **parameters) -> tuple:
    """A dose table and the runs, from event records as text."""
    model = engine.compile(sbml(), observe=STATES)
    records = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return read_doses(
        records,
        model.description,
        sbml=model.sbml,
        people=None if people is None else read_people(people, model.description),
        parameters=modelled(**parameters, description=model.description),
    )


def entries(doses: pd.DataFrame | None) -> list[tuple]:
    """Switches in a form that is easily compared: run, time, kind, name, value, jump."""
    found = switches(doses, engine.compile(sbml(), observe=STATES).description)
    names = [found.names[i] if i >= 0 else "" for i in found.target]
    columns = (found.run, found.time, found.kind)
    return list(
        zip(
            *(c.tolist() for c in columns),
            names,
            found.value.tolist(),
            found.jump.tolist(),
            strict=True,
        )
    )


def both(text: str, **parameters) -> tuple[np.ndarray, np.ndarray]:
    """By the executor and by the engine."""
    model = engine.compile(sbml(), observe=STATES)
    doses, _ = tabled(text, **parameters)
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


LAG = {"lag_from": {"depot": "L1", "central": "L1"}}
LAGGED = {
    "a dose": ("2,10,depot,,,1,,,\n", (0, [(2.75, "depot", 10, 0)])),
    "further infusions": (
        "0,8,central,4,,1,2,5,\n",
        (0, [(5 * i + 0.75, "central", 8, 2) for i in range(3)]),
    ),
    "a dose that a reset overtakes": (
        "0,10,depot,,,1,,,\n5,10,depot,,,1,,,\n5.5,,,,,3,,,\n",
        (0, [(0.75, "depot", 10, 0), (5.75, "depot", 10, 0)]),
        (5.5, []),
    ),
    "steady state": ("3,10,depot,,,1,,6,1\n", (0, []), (3, series(3.75, 6, "depot", 10, 0))),
    "steady infusions that end within the interval": (
        "3,10,central,4,,1,,6,1\n",
        (0, []),
        (3, series(3.75, 6, "central", 10, 2.5)),
    ),
    "steady infusions that end in the next interval": (
        "3,22,central,4,,1,,6,1\n",
        (0, []),
        (3, series(3.75, 6, "central", 22, 5.5)),
    ),
    "steady infusions that end with the interval": (
        "3,21,central,4,,1,,6,1\n",
        (0, []),
        (3, series(3.75, 6, "central", 21, 5.25)),
    ),
    "steady infusions of several intervals on top": (
        "0,20,depot,,,1,,,\n3,40,central,2.5,,1,,6,2\n",
        (0, [(0.75, "depot", 20, 0)]),
        (3, [(0.75, "depot", 20, 0), *series(3.75, 6, "central", 40, 16)]),
    ),
}


@pytest.mark.parametrize("name", LAGGED)
def test_a_lag_delays_every_dose_of_its_species(name: str) -> None:
    records, *epochs = LAGGED[name]
    agree(both(HEAD + records, **LAG), expected(*epochs))


def test_bioavailability_takes_amount_and_leaves_the_rate_of_an_infusion() -> None:
    records = "0,10,depot,,,1,,,\n1,10,central,2,,1,,,\n9,10,central,,5,1,,,\n4,10,deep,,,1,,,\n"
    lines = sorted(records.splitlines(), key=lambda line: float(line.split(",")[0]))
    found = both(
        HEAD + "\n".join(lines) + "\n",
        bioavailability_from={"depot": "F1", "central": "F1"},
    )
    doses = [(0, "depot", 4, 0), (1, "central", 4, 2), (9, "central", 4, 5), (4, "deep", 10, 0)]
    agree(found, expected((0, doses)))


def test_several_products_into_several_places_add_up() -> None:
    rows = [
        (0, 0.0, 5.0, "depot", 0.0, "a"),
        (0, 0.0, 7.0, "depot", 0.0, "b"),
        (0, 1.0, 6.0, "central", 2.0, "a"),
        (0, 2.0, 6.0, "central", 3.0, "b"),
        (0, 2.0, 9.0, "deep", 1.0, "b"),
    ]
    doses = pd.DataFrame(rows, columns=["run", "time", "amount", "target", "rate", "product"])
    model = engine.compile(sbml(), observe=STATES)
    right = expected(
        (
            0,
            [
                (0, "depot", 12, 0),
                (1, "central", 6, 3),
                (2, "central", 6, 2),
                (2, "deep", 9, 9),
            ],
        )
    )
    reference = carry_out(switches(doses, model.description), 0, TIMES, STATES, matrix, NUMBERS)
    agree((reference, model.run(TIMES, doses=doses, rtol=1e-10).values[0]), right)


def test_covariates_count_from_their_record_on_and_survive_a_reset() -> None:
    text = (
        "TIME,AMT,CMT,EVID,k,DV\n0,10,central,1,0.5,\n4,,,0,0.1,3\n6,,,2,.,\n"
        "9,,,3,,\n10,5,central,1,,\n"
    )
    doses, _ = tabled(text)
    reference, engines = both(text)
    numbers = NUMBERS | {"k": 0.5}
    early = carry_out(
        switches(doses[doses["evid"] == 1], engine.compile(sbml()).description),
        0,
        TIMES,
        STATES,
        matrix,
        numbers,
    )
    assert np.allclose(reference[TIMES < 4], early[TIMES < 4])
    late = carry_out(
        switches(doses[doses["time"] == 10], engine.compile(sbml()).description),
        0,
        TIMES,
        STATES,
        matrix,
        NUMBERS | {"k": 0.1},
    )
    assert np.allclose(reference[TIMES >= 9], late[TIMES >= 9])
    assert np.allclose(engines, reference, rtol=1e-6, atol=1e-8)
    k = [(e[1], e[4]) for e in entries(doses) if e[2] == SET]
    assert k == [(0.0, 0.5), (4.0, 0.1), (9.0, 0.1)]


def test_a_steady_state_keeps_the_parameters_and_a_reset_does_not() -> None:
    head = ["run", "time", "amount", "target", "evid", "ss", "ii"]
    change, steady = (0, 1.0, 0.9, "k", 2, 0, 0.0), (0, 2.0, 4.0, "depot", 1, 1, 6.0)
    doses = pd.DataFrame([change, steady], columns=head)
    assert entries(doses) == [
        (0, 1.0, SET, "k", 0.9, 0),
        (0, 2.0, RESET, "", 0.0, 0),
        (0, 2.0, SET, "k", 0.9, 0),
        (0, 2.0, ADD, "depot", 4.0, 0),
        (0, 8.0, CYCLE, "", 2.0, 1),
        (0, 2.0, ADD, "depot", 4.0, 0),
    ]
    reset = pd.DataFrame([change, (0, 2.0, 0.0, "", 3, 0, 0.0)], columns=head)
    assert [e[2] for e in entries(reset)] == [SET, RESET]


def test_a_rate_is_the_total_of_what_is_on_and_ends_at_exactly_zero() -> None:
    rows = [(0, 0.1 * i, 0.3 + 0.1 * i, "central", 0.7 / (i + 1)) for i in range(20)]
    doses = pd.DataFrame(rows, columns=["run", "time", "amount", "target", "duration"])
    rates = [e[4] for e in entries(doses) if e[2] == RATE]
    assert rates[-1] == 0.0
    assert min(rates) >= 0.0


def test_doses_of_nothing_do_nothing_and_a_reset_without_a_dose_is_a_reset() -> None:
    rows = [(3, 0.0, 0.0, "depot", 1), (1, 2.0, 0.0, "depot", 4), (0, 1.0, 5.0, "central", 0)]
    doses = pd.DataFrame(rows, columns=["run", "time", "amount", "target", "evid"])
    assert entries(doses) == [(1, 2.0, RESET, "", 0.0, 0)]
    assert switches(doses, engine.compile(sbml()).description).last_run == 3
    assert entries(None) == []


def test_only_the_last_of_several_resets_at_one_time_stays() -> None:
    text = HEAD + "0,1,depot,,,4,,,\n0,2,central,,,4,,,\n0,3,deep,,,1,,,\n"
    assert [e[2:5] for e in entries(tabled(text)[0])] == [
        (RESET, "", 0.0),
        (ADD, "central", 2.0),
        (ADD, "deep", 3.0),
    ]


# Whatever the order of rows ----------------------------------------------------------------------

NUMBER = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
SOME = st.sampled_from([0.25, 1.0, 2.0, 7.0])


@st.composite
def dose_tables(draw: st.DrawFn) -> pd.DataFrame:
    """Any dose table in which no run has two resets at one time."""
    rows, taken = [], set()
    for _ in range(draw(st.integers(1, 12))):
        run, time = draw(st.integers(0, 2)), draw(NUMBER)
        evid = draw(st.sampled_from([1, 1, 1, 2, 3, 4]))
        ss = draw(st.sampled_from([0, 0, 0, 1, 2])) if evid in (1, 4) else 0
        if evid >= 3 or ss == 1:
            if (run, time) in taken:
                continue
            taken.add((run, time))
        if evid == 2:
            if (run, time, "k") in taken:
                continue
            taken.add((run, time, "k"))
        dosing = evid in (1, 4)
        rows.append(
            {
                "run": run,
                "time": time,
                "amount": draw(SOME) if evid != 3 else 0.0,
                "target": draw(st.sampled_from(STATES)) if dosing else "k" if evid == 2 else "",
                "duration": draw(st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.5])) if dosing else 0.0,
                "evid": evid,
                "ss": ss,
                "ii": draw(st.sampled_from([1.0, 2.0])) if ss else 0.0,
                "lag": draw(st.sampled_from([0.0, 0.0, 0.25, 0.75])) if dosing else 0.0,
            }
        )
    return pd.DataFrame(rows)


@given(doses=dose_tables(), seed=st.integers(0, 100))
@settings(max_examples=60)
def test_switches_do_not_depend_on_the_order_of_rows(doses: pd.DataFrame, seed: int) -> None:
    found = entries(doses)
    assert entries(doses.sample(frac=1.0, random_state=seed)) == found
    for run, own in itertools.groupby(found, key=lambda e: e[0]):
        alone = doses[doses["run"] == run].assign(run=0)
        assert entries(alone) == [(0, *e[1:]) for e in own]


@given(doses=dose_tables())
@settings(max_examples=15)
def test_the_engine_does_what_the_executor_does(doses: pd.DataFrame) -> None:
    model = engine.compile(sbml(), observe=STATES)
    times = np.array([0.0, 0.3, 1.0, 1.7, 2.5, 3.0, 6.0])
    found = switches(doses, model.description)
    runs = model.run(times, doses=doses, rtol=1e-9, checked_share=0.0)
    for run in range(len(runs.status)):
        right = carry_out(found, run, times, STATES, matrix, NUMBERS)
        assert np.allclose(runs.values[run], right, rtol=1e-5, atol=1e-6 * abs(right).max())


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("TIME,AMT,CMT,DOSE\n0,1,1,1\n", UnknownName, "'DOSE' is no column of event records"),
        ("TIME,AMT,CMT,ADL\n0,1,1,1\n", UnknownName, "Did you mean 'ADDL'"),
        ("TIME,AMT,CMT\n.,1,1\n", TableError, "line 2, column TIME: a time is missing"),
        ("TIME,AMT,CMT,EVID\n0,.,1,1\n", DoseError, "a dose without an amount"),
        ("TIME,AMT,CMT,EVID\n0,.,-1,2\n", TableError, "turning a compartment off"),
        ("TIME,CMT\n0,1\n", TableError, "need a column AMT"),
        ("TIME,AMT,CMT\n0,ten,1\n", TableError, "line 2, column AMT: 'ten' is no finite"),
        ("TIME,AMT,CMT\n0,1,4\n", UnknownName, "line 2, column CMT: compartment 4 does not"),
        ("TIME,AMT,CMT\n0,1,depo\n", UnknownName, "'depo' is no species.*'depot'"),
        ("TIME,AMT\n0,1\n", UnknownName, "say which species is dosed"),
        ("TIME,AMT,CMT\n5,1,1\n2,1,1\n", TableError, "line 3, column TIME: the times of '1' go"),
        ("TIME,AMT,CMT,EVID\n0,1,1,7\n", TableError, "EVID 7 is none of 0 to 4"),
        ("TIME,AMT,CMT,EVID\n0,1,1,0\n", DoseError, "EVID 0 gives nothing, and AMT is 1"),
        ("TIME,AMT,CMT,RATE\n0,1,1,-1\n", DoseError, "RATE is -1, and no parameter for 'depot'"),
        ("TIME,AMT,CMT,RATE\n0,1,1,-3\n", DoseError, "line 2, column RATE: a rate is zero or"),
        ("TIME,AMT,CMT,ADDL\n0,1,1,3\n", DoseError, "ADDL needs an interval II"),
        ("TIME,AMT,CMT,ADDL,II\n0,1,1,-1,1\n", DoseError, "ADDL counts further doses"),
        ("TIME,AMT,CMT,II\n0,1,1,3\n", DoseError, "an interval needs steady state or further"),
        ("TIME,AMT,CMT,SS\n0,1,1,1\n", DoseError, "line 2, column II: a dose at steady state"),
        ("TIME,AMT,CMT,SS,II\n0,1,1,3,1\n", DoseError, "column SS: steady state is 0"),
        ("TIME,AMT,CMT,SS,RATE,II\n0,0,1,1,2,5\n", DoseError, "column II: a constant infusion"),
        ("TIME,AMT,CMT,SS,RATE,ADDL,II\n0,0,1,1,2,2,5\n", DoseError, "has no further doses"),
        ("TIME,AMT,CMT,ADDL,II\n0,1,1,99999999,1\n", DoseError, "more than 10,000,000 doses"),
        ("TIME,AMT,amt,CMT\n0,1,1,1\n", TableError, "'AMT' stands twice"),
        ("TIME,AMT,CMT\n", TableError, "no rows"),
    ],
)
def test_records_that_cannot_be_given_are_refused(text: str, error, words: str) -> None:
    with pytest.raises(error, match=words):
        tabled(text)


def test_names_of_parameters_are_checked() -> None:
    text = "TIME,AMT,CMT\n0,1,1\n"
    with pytest.raises(UnknownName, match=r"'depo' is no species that can be dosed.*'depot'"):
        tabled(text, rate_from={"depo": "R1"})
    with pytest.raises(UnknownName, match=r"'R2' is no parameter with a number\. Known: D1, F1"):
        tabled(text, rate_from={"depot": "R2"})


def test_numbers_of_the_parameters_come_from_the_record_the_patient_or_the_model() -> None:
    people = pd.DataFrame({"ID": ["a", "b", "c"], "D1": [2.0, 4.0, 8.0]})
    text = "ID,TIME,AMT,CMT,RATE,D1\nb,0,8,1,-2,\na,0,8,1,-2,\nb,3,8,1,-2,16\n"
    doses, found = tabled(text, people, duration_from={"depot": "D1"})
    assert found.ids == ("a", "b", "c")
    given_ = doses[doses["evid"] == 1].sort_values(["run", "time"])
    assert given_["run"].tolist() == [0, 1, 1]
    assert given_["duration"].tolist() == [2.0, 4.0, 16.0]
    alone, _ = tabled("TIME,AMT,CMT,RATE\n0,8,1,-2\n", duration_from={"depot": "D1"})
    assert alone["duration"].tolist() == [3.0]


def test_runs_are_named_by_the_records_when_there_are_no_patients() -> None:
    doses, people = tabled("id,time,amt,cmt\nz,0,1,2\n7,0,2,2\nz,1,3,2\n")
    assert people.ids == ("z", "7")
    assert list(zip(doses["run"], doses["amount"], strict=True)) == [(0, 1.0), (0, 3.0), (1, 2.0)]
    with pytest.raises(UnknownName, match="line 2, column ID: the patients' table has no run 'z'"):
        tabled("ID,TIME,AMT,CMT\nz,0,1,2\n", pd.DataFrame({"ID": ["y"]}))


def test_records_without_an_id_are_for_every_run() -> None:
    doses, _ = tabled("TIME,AMT,CMT\n0,1,2\n2,1,2\n", pd.DataFrame({"k": [0.1, 0.2]}))
    assert doses["run"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("separator", [",", ";", " ", "\t"])
def test_cells_are_separated_as_the_first_line_has_them(tmp_path: Path, separator: str) -> None:
    text = "ID,TIME,AMT,CMT\n4,0,10,depot\n4,2,.,.\n".replace(",", separator)
    (tmp_path / "records.txt").write_text("\ufeff" + text, encoding="utf-8")
    model = engine.compile(sbml())
    none = modelled(description=model.description)
    doses, people = read_doses(
        tmp_path / "records.txt", model.description, sbml=model.sbml, parameters=none
    )
    assert people.ids == ("4",)
    assert doses["amount"].tolist() == [10.0]


K, EVERY = 0.4, 6.0
ONE = "model one() compartment c = 1; substanceOnly species A in c; A = 0; k = 0.4; A => ; k*A; end"
LEFT = 1 / (1 - np.exp(-K * EVERY))


@pytest.mark.parametrize(
    ("dose", "start", "peak"),
    [
        ({"amount": 10.0, "ii": EVERY}, 10 * LEFT, 0.0),
        ({"amount": 10.0, "rate": 4.0, "ii": EVERY}, None, 4 / K * (1 - np.exp(-K * 2.5)) * LEFT),
        ({"amount": 0.0, "rate": 4.0, "ii": 0.0}, 4 / K, 0.0),
    ],
)
def test_one_compartment_at_steady_state(dose, start: float | None, peak: float) -> None:
    doses = pd.DataFrame([{"run": 0, "time": 1.0, "target": "A", "ss": 1} | dose])
    times = [1.0, 3.5, 5.0]
    values = engine.compile(sbml(ONE), observe=("A",)).run(times, doses=doses, rtol=1e-10).values
    if start is None:  # an infusion of 2.5: highest at its end
        right = [peak * np.exp(-K * (EVERY - 2.5)), peak, peak * np.exp(-K * 1.5)]
    else:
        right = [start, start * np.exp(-K * 2.5), start * np.exp(-K * 4.0)]
    assert np.allclose(values[0, :, 0], right, rtol=1e-7)


def test_a_dose_table_is_taken_as_it_is() -> None:
    doses, people = tabled("run,time,amount,target,rate\n1,0,4,depot,2\n0,0,1,depot,\n")
    assert people.ids == ("1", "2")
    assert [e[:5] for e in entries(doses)] == [
        (0, 0.0, ADD, "depot", 1.0),
        (1, 0.0, RATE, "depot", 2.0),
        (1, 2.0, RATE, "depot", 0.0),
    ]


def test_two_values_of_a_parameter_at_one_time_are_refused() -> None:
    rows = [(0, 1.0, 0.1, "k", 2), (0, 1.0, 0.2, "k", 2)]
    doses = pd.DataFrame(rows, columns=["run", "time", "amount", "target", "evid"])
    with pytest.raises(DoseError, match=r"run 0 sets 'k' to 0.1 and to 0.2 at time 1; keep one"):
        entries(doses)
