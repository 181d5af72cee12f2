"""Laws of the engine for any doses and numbers that Hypothesis finds."""

from __future__ import annotations

import functools

import antimony
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from exocast import engine

TIMES = np.array([0.0, 0.3, 1.0, 2.5, 6.0, 14.0])
CLOSED = """
model closed()
  compartment c = 1; substanceOnly species A in c, B in c, C in c;
  A = 0; B = 0; C = 0; k = 1; back = 0.5; half = 1e6;
  A => B; k*A/(1 + A/half); B => A; back*B; B => C; k*back/(k + back)*B;
end
"""
rates = st.floats(min_value=1e-3, max_value=50.0)
amounts = st.just(0.0) | st.floats(min_value=1.0, max_value=1e12)  # nothing, or one at least
dose_lists = st.lists(
    st.tuples(
        st.floats(min_value=0.0, max_value=10.0),
        amounts,
        st.sampled_from(["A", "B"]),
    ),
    max_size=4,
)


@functools.cache
def model() -> engine.Model:
    antimony.clearPreviousLoads()
    antimony.loadAntimonyString(CLOSED)
    sbml = antimony.getSBMLString("closed")
    return engine.compile(sbml, varied=("k", "back"), observe=("A", "B", "C"))


def table(*runs: list[tuple[float, float, str]]) -> pd.DataFrame:
    rows = [(run, *dose) for run, doses in enumerate(runs) for dose in doses]
    return pd.DataFrame(rows, columns=["run", "time", "amount", "target"])


@settings(max_examples=25)
@given(rates, rates, dose_lists)
def test_what_goes_in_stays_in_a_closed_system(k: float, back: float, doses: list) -> None:
    runs = model().run(TIMES, np.array([[k, back]]), table(doses), rtol=1e-10)
    assert runs.status[0] == 0
    total = runs.values[0].sum(axis=1)
    given_so_far = np.array([sum(a for t, a, _ in doses if t <= time) for time in TIMES])
    dosed = sum(a for _, a, _ in doses)
    assert np.allclose(total, given_so_far, rtol=0, atol=1e-9 * dosed)


@settings(max_examples=25)
@given(rates, rates, dose_lists)
def test_nothing_goes_negative_beyond_tolerance(k: float, back: float, doses: list) -> None:
    values = model().run(TIMES, np.array([[k, back]]), table(doses)).values
    assert values.min() >= -1e-6 * (1.0 + sum(a for _, a, _ in doses))


@settings(max_examples=15)
@given(st.lists(st.tuples(rates, rates, dose_lists), min_size=2, max_size=5), st.randoms())
def test_a_run_is_the_same_alone_and_in_any_company(runs: list, random) -> None:
    numbers = np.array([[k, back] for k, back, _ in runs])
    together = model().run(TIMES, numbers, table(*[doses for *_, doses in runs])).values
    order = list(range(len(runs)))
    random.shuffle(order)
    mixed = model().run(TIMES, numbers[order], table(*[runs[i][2] for i in order])).values
    assert np.array_equal(mixed, together[order])
    chosen = order[0]
    alone = model().run(TIMES, numbers[[chosen]], table(runs[chosen][2])).values
    assert np.array_equal(alone[0], together[chosen])


@settings(max_examples=15)
@given(
    rates,
    dose_lists,
    st.lists(st.floats(min_value=0.01, max_value=13.9), unique=True, max_size=20),
)
def test_results_do_not_depend_on_the_output_grid(k: float, doses: list, more: list) -> None:
    numbers, given_doses = np.array([[k, 0.5]]), table(doses)
    plain = model().run(TIMES, numbers, given_doses, rtol=1e-8)
    grid = np.union1d(TIMES, more)
    finer = model().run(grid, numbers, given_doses, rtol=1e-8)
    scale = 1.0 + sum(a for _, a, _ in doses)
    same = finer.values[0][np.searchsorted(grid, TIMES)]
    assert np.allclose(plain.values[0], same, rtol=1e-5, atol=1e-9 * scale)


@settings(max_examples=15)
@given(rates, st.floats(min_value=0.0, max_value=10.0))
def test_a_dose_of_nothing_is_no_dose(k: float, time: float) -> None:
    numbers = np.array([[k, 0.5]])
    none = model().run(TIMES, numbers).values
    nothing = model().run(TIMES, numbers, table([(time, 0.0, "A")])).values
    assert np.array_equal(none, nothing)


@settings(max_examples=15)
@given(st.floats(min_value=1.0, max_value=1e12), st.floats(min_value=1e-3, max_value=1e3))
def test_a_linear_system_answers_in_proportion(amount: float, factor: float) -> None:
    antimony.clearPreviousLoads()
    antimony.loadAntimonyString(CLOSED.replace("/(1 + A/half)", ""))
    linear = engine.compile(antimony.getSBMLString("closed"), observe=("A", "B", "C"))
    one = linear.run(TIMES, doses=table([(0.0, amount, "A")]), rtol=1e-9).values
    other = linear.run(TIMES, doses=table([(0.0, amount * factor, "A")]), rtol=1e-9).values
    assert np.allclose(other, factor * one, rtol=1e-6, atol=1e-12 * amount * factor)
