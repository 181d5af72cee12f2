"""The engine's face: names, doses, repeatability, failures, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import antimony
import numpy as np
import pandas as pd
import pytest

from exocast import engine
from exocast.engine import pool
from exocast.errors import DoseError, InvalidInput, NotFound, UnknownName, UnsupportedModel

TIGHT = 1e-10
TIMES = np.array([0.0, 0.5, 1.0, 2.0, 5.0, 10.0])

# Initial assignments in a chain, an amount and a concentration, a resizable compartment.
CHAIN = """
model chain()
  compartment v = {v}, w = 3;
  species S in v, Q in v; substanceOnly species Z in w, D in v;
  k = {k}; p = 2*k; q = p + v; S = {S}; Q = 4*k; Z = 3*q;
  D = 7; D => ; k*D/v; z' = -k*z; z = p; y := S + z;
  J: S => Q; k*S*v; J2: Z => ; k*Z*p;
end
"""
START = {"k": 0.3, "v": 2.0, "S": 10.0}
SEEN = ("S", "Q", "Z", "D", "z", "y", "p", "q", "J", "v")
DECAY = """
model decay()
  compartment c = 1; substanceOnly species A in c, B in c;
  A = 0; B = 0; k = 1; A => B; k*A;
end
"""
# Explodes at time 1/x: the step size has nowhere to go.
BLAST = "model blast() x' = a*x^2; x = 1; a = 0.01; y' = -y; y = 1; end"


def sbml(text: str) -> str:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def table(*rows: tuple[int, float, float, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["run", "time", "amount", "target"])


@pytest.mark.parametrize("path", ["batch", "general"])
@pytest.mark.parametrize("change", [{}, {"k": 0.6}, {"v": 5.0}, {"S": 20.0}, {"k": 0.1, "v": 0.5}])
def test_a_varied_number_does_what_the_same_number_in_the_model_does(change, path) -> None:
    numbers = START | change
    varied = engine.compile(sbml(CHAIN.format(**START)), tuple(START), SEEN, path=path)
    other = [START | {"k": 0.9, "v": 7.0, "S": 1.0}]
    rows = [[n[name] for name in START] for n in (*other, numbers, *other)]
    runs = varied.run(TIMES, np.array(rows), rtol=TIGHT)
    model = engine.compile(sbml(CHAIN.format(**numbers)), observe=SEEN, path=path)
    fresh = model.run(TIMES, rtol=TIGHT)
    if path == "general":
        assert np.array_equal(runs.values[1], fresh.values[0])
    # Numbers that do not vary are folded into the machine code, which rounds in other places.
    np.testing.assert_allclose(runs.values[1], fresh.values[0], rtol=1e-8, atol=1e-9)


def batch(n_runs: int) -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(5)
    doses = [
        (run, t, a, "A")
        for run in range(n_runs)
        for t, a in ((0.0, 10 ** rng.uniform(2, 9)), (3.0, 10 ** rng.uniform(2, 9)))
    ]
    return rng.lognormal(0.0, 1.0, (n_runs, 1)), table(*doses)


def test_processes_batch_and_order_leave_every_bit_as_it_was() -> None:
    model = engine.compile(sbml(DECAY), varied=("k",), observe=("A", "B"))
    numbers, doses = batch(260)
    one = model.run(TIMES, numbers, doses, processes=1)
    two = model.run(TIMES, numbers, doses, processes=2)
    again = model.run(TIMES, numbers, doses, processes=2)
    assert np.array_equal(one.values, two.values)
    assert np.array_equal(one.values, again.values)
    assert np.array_equal(one.error_estimate, two.error_estimate, equal_nan=True)
    order = np.random.default_rng(1).permutation(260)
    place = np.argsort(order)
    shuffled = doses.assign(run=place[doses["run"]]).sample(frac=1.0, random_state=2)
    mixed = model.run(TIMES, numbers[order], shuffled, processes=1)
    assert np.array_equal(mixed.values, one.values[order])
    assert np.array_equal(mixed.error_estimate, one.error_estimate[order], equal_nan=True)
    alone = model.run(TIMES, numbers[7:8], doses[doses["run"] == 7].assign(run=0))
    assert np.array_equal(alone.values[0], one.values[7])


def test_a_failing_run_disturbs_no_other_and_is_named() -> None:
    model = engine.compile(sbml(BLAST), varied=("a",), observe=("x", "y"))
    runs = model.run(TIMES, np.array([[0.01], [0.3], [0.02], [np.nan]]))
    names = [engine.STATUS[int(s)] for s in runs.status]
    assert names[0] == names[2] == "ok"
    assert names[1] in ("too_many_steps", "step_underflow", "non_finite")
    assert names[3] == "non_finite"
    assert np.isfinite(runs.values[[0, 2]]).all()
    assert np.isfinite(runs.values[1, :4]).all()  # until 1/0.3 = 3.3 days
    assert np.isnan(runs.values[1, 4:]).all()
    assert runs.time_reached.tolist() == [10.0, 2.0, 10.0, 0.0]
    assert np.isnan(runs.values[3]).all()
    alone = model.run(TIMES, np.array([[0.02]]))
    assert np.array_equal(alone.values[0], runs.values[2])


def test_an_output_at_the_time_of_a_dose_is_just_after_it() -> None:
    model = engine.compile(sbml(DECAY), observe=("A", "B"))
    runs = model.run(TIMES, doses=table((0, 0.0, 5.0, "A"), (0, 2.0, 7.0, "A")), rtol=TIGHT)
    expected = 5 * np.exp(-TIMES) + np.where(TIMES >= 2, 7 * np.exp(-(TIMES - 2)), 0)
    assert np.allclose(runs.values[0, :, 0], expected, rtol=1e-7)
    assert runs.values[0, 0, 0] == 5.0


def test_doses_at_one_time_add_up_and_those_after_the_end_do_nothing() -> None:
    model = engine.compile(sbml(DECAY), observe=("A", "B"))
    whole = model.run(TIMES, doses=table((0, 1.0, 3.0, "A")), rtol=TIGHT).values
    parts = table((0, 11.0, 9.0, "A"), (0, 1.0, 1.0, "A"), (0, 1.0, 2.0, "A"))
    assert np.allclose(model.run(TIMES, doses=parts, rtol=TIGHT).values, whole, rtol=1e-12)
    last = model.run(TIMES, doses=table((0, 10.0, 3.0, "A")), rtol=TIGHT).values[0, :, 0]
    assert last.tolist() == [0, 0, 0, 0, 0, 3.0]
    none = model.run(TIMES, doses=table((0, 0.0, 0.0, "A")), rtol=TIGHT).values
    assert not none.any()


def test_the_output_grid_does_not_matter() -> None:
    model = engine.compile(sbml(DECAY), varied=("k",), observe=("A", "B"))
    numbers, doses = batch(3)
    coarse = model.run([1.7, 9.0], numbers, doses, rtol=1e-8)
    fine = model.run(np.union1d(np.linspace(0, 9, 181), [1.7]), numbers, doses, rtol=1e-8)
    at = np.flatnonzero(np.isin(fine.times, [1.7, 9.0]))
    assert np.allclose(coarse.values, fine.values[:, at], rtol=1e-6)
    assert np.array_equal(model.run([0.0], numbers).values[:, 0], np.zeros((3, 2)))


def test_after_wash_out_a_run_neither_crawls_nor_loses_its_last_digits() -> None:
    text = DECAY.replace("A = 0", "A = 1e10").replace("k = 1", "k = 40")
    runs = engine.compile(sbml(text), observe=("A",)).run([0.1, 0.5, 400.0])
    assert runs.status[0] == 0
    assert runs.values[0, 0, 0] == pytest.approx(1e10 * np.exp(-4), rel=1e-4)
    assert abs(runs.values[0, 2, 0]) < 1.0


def test_the_error_estimate_follows_the_tolerance() -> None:
    model = engine.compile(sbml(DECAY), varied=("k",), observe=("A",))
    numbers, doses = batch(4)
    coarse = model.run(TIMES, numbers, doses, rtol=1e-4, checked_share=1.0).error_estimate
    fine = model.run(TIMES, numbers, doses, rtol=1e-8, checked_share=1.0).error_estimate
    assert (fine < coarse / 50).all()
    assert (coarse < 1e-2).all()
    assert np.isnan(model.run(TIMES, numbers, doses, checked_share=0.0).error_estimate).all()


def test_a_negative_amount_is_a_failure_where_amounts_are_declared(library) -> None:
    change = ("k_leave*fish;", "k_leave*half;")  # fish leave a pond that is empty
    folder = library({"body/pond.ant": change})
    model = engine.assemble("water", libraries=[folder])
    runs = engine.compile(model.sbml, observe=("north_fish",)).run([0.0, 2.0, 5.0, 8.0])
    assert engine.STATUS[int(runs.status[0])] == "negative_state"
    assert runs.values[0, :2, 0] == pytest.approx([10.0, 5.0], rel=1e-6)
    assert np.isnan(runs.values[0, 2:]).all()
    file = folder / "tissue/water.yaml"
    file.write_text(file.read_text() + "negative: [north_fish]\n")
    allowed = engine.assemble("water", libraries=[folder])
    runs = engine.compile(allowed.sbml, observe=("north_fish",)).run([0.0, 8.0])
    assert engine.STATUS[int(runs.status[0])] == "ok"
    assert runs.values[0, 1, 0] == pytest.approx(-10.0, rel=1e-6)


def test_events_of_a_model_start_anew_in_every_run() -> None:
    text = DECAY.replace("k*A;\nend", "k*A;\n  at (time > 1): k = 3;\nend")
    model = engine.compile(sbml(text), observe=("A", "k"))
    runs = model.run([0.0, 1.0, 2.0], doses=table((0, 0, 5, "A"), (1, 0, 5, "A")), rtol=TIGHT)
    assert np.array_equal(runs.values[0], runs.values[1])
    assert runs.values[0, :, 1].tolist() == [1.0, 1.0, 3.0]
    assert runs.values[0, 2, 0] == pytest.approx(5 * np.exp(-4), rel=1e-6)


def test_a_model_without_states_gives_its_formulas() -> None:
    text = sbml("model still() a = 2; b := a*time; end")
    runs = engine.compile(text, varied=("a",), observe=("b",)).run([0.0, 2.0], [[3.0], [4.0]])
    assert runs.values[:, :, 0].tolist() == [[0.0, 6.0], [0.0, 8.0]]


def test_progress_counts_every_run() -> None:
    model = engine.compile(sbml(DECAY), varied=("k",), observe=("A",))
    for n_runs, processes in ((70, 1), (230, 2)):
        numbers, doses = batch(n_runs)
        calls = Mock()
        model.run(TIMES, numbers, doses, processes=processes, progress=calls)
        seen = [call.args for call in calls.call_args_list]
        assert seen[-1] == (n_runs, n_runs)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_interrupt_ends_the_batch_and_the_next_one_runs() -> None:
    model = engine.compile(sbml(DECAY), varied=("k",), observe=("A",))
    numbers, doses = batch(250)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.run(TIMES, numbers, doses, processes=2, progress=stop)
    again = model.run(TIMES, numbers, doses, processes=2)
    assert (again.status == 0).all()


# Worker processes that load anything, and then fall at the first run or sleep through it.
FAULTY = """
import os, pickle, struct, sys, time
read = lambda: sys.stdin.buffer.read(struct.unpack("<Q", sys.stdin.buffer.read(8))[0])
read()
answer = pickle.dumps(None)
sys.stdout.buffer.write(struct.pack("<Q", len(answer)) + answer)
sys.stdout.buffer.flush()
read()
time.sleep({sleep})
os._exit(1)
"""


@pytest.mark.parametrize(
    ("sleep", "processes", "status"), [(0, 2, "crashed"), (60, 1, "too_many_steps")]
)
def test_a_worker_that_fails_costs_its_run_only(monkeypatch, sleep, processes, status) -> None:
    text = sbml(DECAY.replace("decay", f"faulty{sleep}"))
    model = engine.compile(text, varied=("k",), observe=("A",), path="general")
    replace_workers(monkeypatch, FAULTY.format(sleep=sleep))
    monkeypatch.setattr(pool, "LONGEST_RUN_S", 0.5 if sleep else 60.0)
    monkeypatch.setattr("exocast.engine.model.FEWEST_FOR_PROCESSES", 1)
    monkeypatch.setattr("exocast.engine.model.RUNS_PER_CHUNK", 2)
    runs = model.run(TIMES, np.ones((3, 1)), processes=processes)
    assert [engine.STATUS[int(s)] for s in runs.status] == [status] * 3
    assert np.isnan(runs.values).all()


@pytest.mark.parametrize(
    ("code", "words"),
    [("pass", "crashed"), ("import time; time.sleep(60)", "not done .* after 1 s")],
)
def test_a_model_that_cannot_be_loaded_is_refused(monkeypatch, code: str, words: str) -> None:
    replace_workers(monkeypatch, code)
    monkeypatch.setattr(pool, "LONGEST_LOADING_S", 0.5)
    text = sbml(DECAY.replace("decay", f"refused{len(code)}"))
    with pytest.raises(UnsupportedModel, match=words):
        engine.compile(text, observe=("A",), path="general")


def replace_workers(monkeypatch, code: str) -> None:
    def faulty() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    own = pool.Pool()
    monkeypatch.setattr(pool, "_start", faulty)
    monkeypatch.setattr("exocast.engine.pool.pool", lambda: own)


@pytest.mark.parametrize("path", ["batch", "general"])
def test_attributes_of_others_leave_a_model_as_it_is(path: str) -> None:
    text = level_two(sbml(DECAY.replace("A = 0", "A = 5")))
    foreign = text.replace("<species ", '<species xmlns:o="urn:o" o:colour="red" ')
    assert foreign != text
    runs = engine.compile(foreign, observe=("A",), path=path).run([1.0], rtol=TIGHT)
    assert runs.values[0, 0, 0] == pytest.approx(5 * np.exp(-1), rel=1e-8)


def test_nothing_need_be_observed() -> None:
    for path in ("batch", "general"):
        runs = engine.compile(sbml(DECAY), path=path).run([0.0, 1.0])
        assert (runs.values.shape, runs.status.tolist()) == ((1, 2, 0), [0])


def test_a_script_without_a_guard_may_use_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    model = tmp_path / "decay.xml"
    model.write_text(sbml(DECAY))
    script.write_text(
        "import numpy as np\nfrom exocast import engine\n"
        f"model = engine.compile({str(model)!r}, varied=('k',), observe=('A',), path='general')\n"
        "runs = model.run([0.0, 1.0], np.ones((250, 1)), processes=2)\n"
        "print(int((runs.status == 0).sum()))\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert (done.stdout, done.stderr) == ("250\n", "")


def test_importing_the_engine_loads_no_simulator() -> None:
    code = (
        "import sys, exocast.engine; "
        "print([m for m in ('roadrunner', 'libsbml', 'antimony', 'pandas', 'pint') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_model_is_compiled_once() -> None:
    text = sbml(DECAY)
    assert engine.compile(text, ("k",), ("A",)) is engine.compile(text, ["k"], ["A"])


@pytest.mark.parametrize(
    ("varied", "observe", "error", "words"),
    [
        (("kk",), (), UnknownName, "nothing called 'kk'"),
        ((), ("SS",), UnknownName, "nothing called 'SS'"),
        (("p",), (), UnsupportedModel, "'p' cannot be varied: it starts from an expression"),
        (("y",), (), UnsupportedModel, "'y' cannot be varied: the model computes it"),
        (("k", "k"), (), InvalidInput, "'k' stands twice"),
    ],
)
def test_names_that_cannot_be_used_are_refused(varied, observe, error, words: str) -> None:
    with pytest.raises(error, match=words):
        engine.compile(sbml(CHAIN.format(**START)), varied, observe)


@pytest.mark.parametrize(
    ("row", "error", "words"),
    [
        ({"target": "C"}, UnknownName, "dose target 'C' does not exist"),
        ({"target": "k"}, UnknownName, "dose target 'k' cannot be dosed"),
        ({"time": -1.0}, DoseError, "before the start"),
        ({"amount": np.nan}, DoseError, "finite number"),
        ({"amount": "many"}, DoseError, "every entry is a number"),
        ({"run": 4}, DoseError, "for run 4, and the runs are 0 to 0"),
        ({"run": 0.5}, DoseError, "whole numbers"),
        ({"rate": -1.0}, DoseError, "row 0, column rate: a rate is zero or more"),
        ({"rate": 2.0, "duration": 2.0}, DoseError, "rate and duration of the infusion disagree"),
        ({"evid": 5}, DoseError, "evid 5 is not supported"),
        ({"evid": 2}, UnknownName, "'A' is no parameter with a number|'A' is no parameter"),
        ({"ss": 1}, DoseError, "row 0, column ii: a dose at steady state needs its interval"),
        ({"ss": 3, "ii": 1}, DoseError, "column ss: steady state is 0"),
        ({"ii": 1}, DoseError, "column ii: an interval needs steady state"),
        ({"ss": 1, "amount": 0, "rate": 1, "ii": 2}, DoseError, "no amount. has no interval"),
        ({"ss": 1, "ii": 2, "lag": 2}, DoseError, "column lag: the lag has to be shorter"),
        ({"amont": 3}, UnknownName, "no column 'amont'.*'amount'"),
    ],
)
def test_a_dose_that_cannot_be_given_is_refused(row, error, words: str) -> None:
    model = engine.compile(sbml(DECAY), varied=("k",), observe=("A",))
    doses = pd.DataFrame([{"run": 0, "time": 0.0, "amount": 1.0, "target": "A"} | row])
    with pytest.raises(error, match=words):
        model.run(TIMES, np.ones((1, 1)), doses)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"times": []}, "one or more output times"),
        ({"times": [1.0, 1.0]}, "rising"),
        ({"times": [-1.0, 1.0]}, "zero or more"),
        ({"varied": np.ones((2, 2))}, r"\(2, 2\); \(n_runs, 1\) is needed"),
        ({"varied": None}, "no numbers were given"),
        ({"rtol": 1.0}, "rtol 1 lies outside"),
        ({"device": "cuda"}, "runs on 'cpu'"),
        ({"processes": 0}, "0 processes"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(arguments, words: str) -> None:
    model = engine.compile(sbml(DECAY), varied=("k",), observe=("A",))
    with pytest.raises(InvalidInput, match=words):
        model.run(**({"times": TIMES, "varied": np.ones((1, 1))} | arguments))


def test_constructs_that_are_not_supported_are_named() -> None:
    plain = sbml("model m() x' = -k*x; x = 1; k = 1; y = 2; end")
    rule = "<listOfRules><algebraicRule><math xmlns='http://www.w3.org/1998/Math/MathML'><apply><minus/><ci>x</ci><ci>y</ci></apply></math></algebraicRule>"
    with pytest.raises(UnsupportedModel, match="algebraic rule '0 = x - y'"):
        engine.compile(plain.replace("<listOfRules>", rule))
    late = (
        "<csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/delay'> d "
        "</csymbol><ci> x </ci><cn> 1 </cn>"
    )
    delayed = plain.replace("<times/>", "<times/><apply>" + late + "</apply>")
    with pytest.raises(UnsupportedModel, match="the delay symbol") as raised:
        engine.compile(delayed)
    assert "rule for x" in str(raised.value)
    fast = (
        sbml(DECAY).replace("version2/core", "version1/core").replace('version="2"', 'version="1"')
    )
    with pytest.raises(UnsupportedModel, match="the fast reaction '_J0'"):
        engine.compile(fast.replace('reversible="false"', 'reversible="false" fast="true"'))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not a readable SBML model"):
        engine.compile("<sbml>")
    with pytest.raises(NotFound, match="no such SBML file"):
        engine.compile(tmp_path / "none.xml")
    (tmp_path / "latin.xml").write_bytes("<sbml name='é'/>".encode("latin-1"))
    with pytest.raises(InvalidInput, match="not UTF-8"):
        engine.compile(tmp_path / "latin.xml")


def test_simulate_sbml_gives_amounts_or_concentrations_as_the_model_says(tmp_path: Path) -> None:
    file = tmp_path / "chain.xml"
    file.write_text(sbml(CHAIN.format(**START)))
    found = engine.simulate_sbml(file, [0.0, 1.0], ["S", "Z"], rtol=TIGHT)
    assert found["S"][0] == 10.0  # a concentration, in a compartment of 2
    assert found["Z"][0] == pytest.approx(3 * 2.6)  # an amount, in a compartment of 3
    assert found["S"][1] == pytest.approx(10 * np.exp(-0.3), rel=1e-8)


def test_a_dose_is_an_amount_also_where_the_id_means_a_concentration() -> None:
    model = engine.compile(sbml(CHAIN.format(**START)), observe=("S",))
    runs = model.run([0.0], doses=table((0, 0.0, 4.0, "S")))
    assert runs.values[0, 0, 0] == pytest.approx(10.0 + 4.0 / 2.0)


def test_infusions_mean_amounts_also_where_the_id_means_a_concentration() -> None:
    text = "model m() compartment c = 2; species S in c; S = 0; end"
    doses = table((0, 1.0, 6.0, "S")).assign(rate=3.0)
    for level in (sbml(text), level_two(sbml(text))):
        runs = engine.compile(level, observe=("S",)).run([0, 1, 2, 5], doses=doses, rtol=TIGHT)
        assert np.allclose(runs.values[0, :, 0], [0, 0, 1.5, 3.0], rtol=1e-8)


def level_two(text: str) -> str:
    import libsbml

    document = libsbml.readSBMLFromString(text)
    assert document.setLevelAndVersion(2, 4, False)
    return str(libsbml.writeSBMLToString(document))


def test_a_species_that_no_rate_can_reach_is_named() -> None:
    text = "model m() compartment c = 1; species $S in c; S = 1; S' = -S; end"
    doses = table((0, 1.0, 6.0, "S")).assign(duration=2.0)
    with pytest.raises(UnsupportedModel, match="'S' cannot be infused: a rate rule moves it"):
        engine.compile(sbml(text), observe=("S",), path="general").run([0, 1], doses=doses)
    runs = engine.compile(sbml(text), observe=("S",)).run([0, 2], doses=doses, rtol=TIGHT)
    assert runs.values[0, 1, 0] == pytest.approx(np.exp(-2) + 3 * (1 - np.exp(-1)))


def test_a_reset_goes_back_to_the_start_and_not_in_time() -> None:
    text = "model m() z' = time; z = 1; y := z + time; k = 2; end"
    rows = [(0, 0.5, 3.0, "k", 2), (0, 2.0, 0.0, "", 3)]
    doses = pd.DataFrame(rows, columns=["run", "time", "amount", "target", "evid"])
    model = engine.compile(sbml(text), ("z",), ("z", "y", "k"))
    runs = model.run([0, 1, 2, 3], [[7.0]], doses, TIGHT)
    right = [[7, 7, 2], [7.5, 8.5, 3], [7, 9, 2], [9.5, 12.5, 2]]
    assert np.allclose(runs.values[0], right, rtol=1e-8)


def test_after_a_steady_state_it_is_the_time_of_its_record() -> None:
    text = (
        "model m() compartment c = 1; substanceOnly species A in c; A = 0; A => ; A; y := time; end"
    )
    doses = table((0, 2.0, 6.0, "A")).assign(ss=1, ii=3.0)
    runs = engine.compile(sbml(text), (), ("y",)).run([1, 2, 3], doses=doses)
    assert runs.values[0, :, 0].tolist() == [1, 2, 3]


def test_what_gathers_for_ever_has_no_steady_state_and_says_so_soon() -> None:
    doses = table((0, 1.0, 6.0, "A"), (1, 1.0, 6.0, "A")).assign(ss=[1, 0], ii=[2.0, 0.0])
    runs = engine.compile(sbml(DECAY), observe=("A", "B")).run([0, 1, 2], doses=doses)
    assert [engine.STATUS[i] for i in runs.status] == ["too_many_steps", "ok"]
    assert runs.time_reached.tolist() == [0.0, 2.0]


def test_all_kinds_of_doses_are_the_same_bits_for_any_batch_and_processes() -> None:
    numbers, doses = batch(220)
    kinds = np.arange(len(doses))
    doses = doses.assign(
        duration=np.where(kinds % 3 == 1, 1.5, 0.0),
        ss=np.where(kinds % 5 == 2, 2, 0),
        ii=np.where(kinds % 5 == 2, 2.0, 0.0),
        lag=np.where(kinds % 7 == 3, 0.3, 0.0),
    )
    text = (
        "model m() compartment c = 1; substanceOnly species A in c; A = 0; k = 1; A => ; k*A; end"
    )
    model = engine.compile(sbml(text), ("k",), ("A",))
    one = model.run(TIMES, numbers, doses, processes=1)
    assert np.array_equal(one.values, model.run(TIMES, numbers, doses, processes=2).values)
    assert (one.status == 0).all()
    for run in (7, 100):
        own = doses[doses["run"] == run].assign(run=0)
        alone = model.run(TIMES, numbers[run : run + 1], own)
        assert np.array_equal(alone.values[0], one.values[run])
