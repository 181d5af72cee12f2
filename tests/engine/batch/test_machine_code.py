"""Machine code against its readable twin, and the promise of the same bits in any company."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import HIRES, POLLUTION, sbml

from exocast.engine.batch.build import build
from exocast.engine.batch.emit_llvm import Text, declarations, shared
from exocast.engine.batch.machine import loaded, objects_of, processor
from exocast.engine.batch.problem import problem_of
from exocast.engine.batch.read import read
from exocast.engine.batch.runs import Batch, Table, empty_table, run, run_in_python

# Everything at once: doses, an infusion that events start and stop, roots, powers, a switch on the
# time, a compartment that grows, and a state-triggered event.
BUSY = """
model busy()
  compartment v = 2; v' = 0.01*v;
  species A in v, B in v; substanceOnly species D in v;
  A = 5; B = 0; D = 0; k = 0.3; n = 1.7; gate = 1; pulse := piecewise(2, time < 3.3, 0.5);
  A => B; k*v*A^n/(1 + A^n)*gate; B => ; 0.2*B*v*sqrt(B + 0.01); D => A; k*D*pulse;
  low: at A < 1.1: D = D + 6, gate = gate*0.9;
  late: at time >= 7.77: k = k*1.3;
end
"""
SEEN = ("A", "B", "D", "v", "k", "gate")
TIMES = np.linspace(0.0, 12.0, 25)


def doses(runs: int) -> Table:
    """A dose of D (state 3) at the start and at a time of its own for every run."""
    time = np.column_stack([np.zeros(runs), np.linspace(1.0, 9.0, runs)]).ravel()
    whole = np.zeros(2 * runs, dtype=np.int64)
    return Table(
        begin=np.arange(runs + 1) * 2,
        time=time,
        kind=whole,
        target=whole + 3,
        value=np.full(2 * runs, 2.5),
        jump=whole,
        quiet=whole,
    )


def busy(runs: int, rtol: float = 1e-8) -> tuple[Batch, object]:
    built = build(problem_of(read(sbml(BUSY)), ("k", "n"), SEEN))
    assert built.plan.states == ("v", "A", "B", "D")
    numbers = np.column_stack([np.linspace(0.1, 0.9, runs), np.linspace(1.0, 3.0, runs)])
    batch = Batch(
        times=TIMES,
        varied=numbers,
        table=doses(runs),
        given=np.full((runs, len(set(built.plan.units))), 5.0),
        chosen=np.arange(runs),
        rtol=rtol,
    )
    return batch, built


def test_machine_code_does_what_the_numpy_reference_does() -> None:
    batch, built = busy(11)
    code, plain = run(loaded(built.plan, objects_of(built)), batch), run_in_python(built, batch)
    assert (code.status == 0).all()
    # A step cut by an event may be cut once more when the last digits differ.
    assert (np.abs(code.steps - plain.steps) <= 3).all()
    assert np.array_equal(code.rejections, plain.rejections)
    np.testing.assert_allclose(code.values, plain.values, rtol=1e-7, atol=1e-9)


@pytest.fixture(scope="module")
def machine():
    _, built = busy(1)
    return loaded(built.plan, objects_of(built))


def test_same_bits_for_any_batch_order_and_threads(machine) -> None:
    batch, _ = busy(37, rtol=1e-5)
    whole = run(machine, batch, threads=1)
    assert np.array_equal(run(machine, batch, threads=2).values, whole.values)
    assert np.array_equal(run(machine, batch, threads=5).steps, whole.steps)
    rng = np.random.default_rng(3)
    order = rng.permutation(37)
    mixed = Batch(**{**vars(batch), "chosen": order})
    assert np.array_equal(run(machine, mixed, threads=2).values, whole.values)
    for one in (0, 7, 36):
        alone = run(machine, Batch(**{**vars(batch), "chosen": np.array([one])}))
        assert np.array_equal(alone.values[one], whole.values[one])
        assert np.isnan(np.delete(alone.values, one, axis=0)).all()


@pytest.mark.parametrize("lanes", [1, 2, 4, 16])
def test_same_bits_for_any_number_of_lanes(machine, lanes) -> None:
    batch, _ = busy(13, rtol=1e-5)
    built = build(problem_of(read(sbml(BUSY)), ("k", "n"), SEEN), lanes=lanes)
    other = run(loaded(built.plan, objects_of(built)), batch)
    assert np.array_equal(other.values, run(machine, batch).values)


@pytest.mark.parametrize("features", ["-avx512f", "-avx512f,-avx2", "-avx512f,-avx2,-avx"])
def test_same_bits_for_any_instruction_set(machine, features, capsys) -> None:
    batch, built = busy(13, rtol=1e-5)
    _, own = processor()
    if "+avx512f" not in own and features == "-avx512f":
        with capsys.disabled():
            print("\nno AVX-512 here: its bits against those of AVX2 were not tested")
    other = loaded(built.plan, objects_of(built, features))
    assert np.array_equal(run(other, batch).values, run(machine, batch).values)


def test_one_failing_lane_changes_no_neighbour(machine) -> None:
    batch, _ = busy(16, rtol=1e-5)
    whole = run(machine, batch)
    bad = batch.varied.copy()
    bad[3] = [np.inf, 2.0]
    bad[8] = [-50.0, 2.0]
    broken = run(machine, Batch(**{**vars(batch), "varied": bad}))
    assert broken.status[3] != 0
    assert broken.status[8] != 0
    others = np.delete(np.arange(16), [3, 8])
    assert (broken.status[others] == 0).all()
    assert np.array_equal(broken.values[others], whole.values[others])


@pytest.mark.parametrize("classic", [HIRES, POLLUTION], ids=lambda c: c.name)
def test_looped_factors_are_the_straight_ones(classic) -> None:
    found = []
    for looped in (False, True):
        built = build(problem_of(read(classic.sbml), (), classic.names), looped=looped)
        batch = Batch(
            times=np.array([1.0, classic.end]),
            varied=np.empty((3, 0)),
            table=empty_table(3),
            given=np.zeros((3, 1)),
            chosen=np.arange(3),
            rtol=1e-8,
        )
        found.append(run(loaded(built.plan, objects_of(built)), batch))
    assert np.array_equal(found[0].steps, found[1].steps)
    np.testing.assert_allclose(found[0].values, found[1].values, rtol=1e-10)


# Exponential, logarithm and power ----------------------------------------------------------------


def elementary(body: str) -> object:
    """A function of two arrays of eight numbers, compiled from a method of ``Text``."""
    import ctypes

    import llvmlite.binding as llvm

    from exocast.engine.batch import machine as code

    text = Text(lanes=8)
    a = text.put(f"load {text.vector}, ptr %a, align 8")
    b = text.put(f"load {text.vector}, ptr %b, align 8")
    result = {"exp": lambda: text.exp(a), "log": lambda: text.log(a)}.get(
        body, lambda: text.power(a, b, None)
    )()
    lines = "\n".join(text.lines)
    source = (
        f"{declarations(8)}{shared(8)}define void @drive(ptr %a, ptr %b) {{\n{lines}\n"
        f"  store {text.vector} {result}, ptr %a, align 8\n  ret void\n}}\n"
    )
    module = llvm.parse_assembly(source)
    module.triple = llvm.get_default_triple()
    made = llvm.create_mcjit_compiler(module, code._target(None))
    made.finalize_object()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
    call = kind(made.get_function_address("drive"))

    def function(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        given, other = np.array(x, dtype=float), np.array(y, dtype=float)
        call(given.ctypes.data, other.ctypes.data)
        return given

    function.engine = made
    return function


EXP, LOG, POWER = (elementary(name) for name in ("exp", "log", "power"))
ZERO = np.zeros(8)


@given(st.lists(st.floats(-700, 709), min_size=8, max_size=8))
@settings(max_examples=300)
def test_the_exponential_is_right_to_two_units(xs) -> None:
    want = np.array([math.exp(x) for x in xs])
    assert (np.abs(EXP(xs, ZERO) - want) <= 2 * np.spacing(want)).all()


@given(st.lists(st.floats(5e-324, 1.7e308), min_size=8, max_size=8))
@settings(max_examples=300)
def test_the_logarithm_is_right_to_two_units(xs) -> None:
    want = np.array([math.log(x) for x in xs])
    assert (np.abs(LOG(xs, ZERO) - want) <= 2 * np.spacing(np.abs(want))).all()


@given(
    st.lists(st.floats(1e-30, 1e30), min_size=8, max_size=8),
    st.lists(st.floats(-4, 4), min_size=8, max_size=8),
)
@settings(max_examples=300)
def test_a_power_is_right_to_what_its_logarithm_allows(xs, ys) -> None:
    want = np.array([x**y for x, y in zip(xs, ys, strict=True)])
    size = 2 + np.abs(np.log(xs) * ys)
    assert (np.abs(POWER(xs, ys) - want) <= 2 * size * np.spacing(want)).all()


def test_functions_at_their_borders() -> None:
    inf, nan = math.inf, math.nan
    x = np.array([0.0, -0.0, inf, -inf, nan, 710.0, -750.0, 1.0])
    np.testing.assert_array_equal(EXP(x, ZERO)[:7], [1, 1, inf, 0, nan, inf, 0])
    x = np.array([0.0, -1.0, inf, -inf, nan, 1.0, 5e-324, 2.0**-1030])
    want = [-inf, nan, inf, nan, nan, 0, math.log(5e-324), math.log(2.0**-1030)]
    np.testing.assert_allclose(LOG(x, ZERO), want, rtol=1e-15)
    a = np.array([-2.0, -2.0, -2.0, 0.0, 0.0, 0.0, 5.0, -8.0])
    b = np.array([3.0, 2.0, -1.0, 2.5, 0.0, -1.0, 0.0, 0.5])
    # The root of a negative number counts as that of 0; see within_domain in the driver.
    np.testing.assert_allclose(POWER(a, b), [-8, 4, -0.5, 0, 1, inf, 1, 0], rtol=1e-15)
