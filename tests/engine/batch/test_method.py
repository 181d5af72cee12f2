"""The method: order, interpolant, stiff classics, and steps that know nothing of outputs."""

from __future__ import annotations

import numpy as np
import pytest
from problems import CLASSICS, HIRES, Classic, sbml

from exocast import engine
from exocast.engine.batch import tableau
from exocast.engine.batch.build import build
from exocast.engine.batch.problem import problem_of
from exocast.engine.batch.read import read
from exocast.engine.batch.tableau import RODAS4, RODAS5P, Tableau

# A forced oscillator that is not linear: y = cos t solves it, and every term of the order
# conditions is at work.
SMOOTH = """
model smooth()
  x' = v; v' = -x + (x^2 + v^2 - 1)*v + exp(x - cos(time)) - 1; x = 1; v = 0;
end
"""


@pytest.mark.parametrize("classic", CLASSICS, ids=lambda c: c.name)
def test_stiff_classics_reach_their_reference_values(classic: Classic) -> None:
    model = engine.compile(classic.sbml, observe=classic.names, path="batch")
    runs = model.run([classic.end], rtol=1e-10, checked_share=0.0)
    assert engine.STATUS[int(runs.status[0])] == "ok"
    np.testing.assert_allclose(runs.values[0, -1], classic.values, rtol=5e-9)


def fixed_steps(method: Tableau, steps: int, end: float) -> tuple[float, float]:
    """Error at the end, and the largest that the interpolant adds in a step, in plain NumPy."""
    h = end / steps
    y, t, middle = np.array([1.0, 0.0]), 0.0, 0.0

    def rate(t: float, y: np.ndarray) -> np.ndarray:
        x, v = y
        return np.array([v, -x + (x**2 + v**2 - 1) * v + np.exp(x - np.cos(t)) - 1])

    def parts(t: float, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, v = y
        e = np.exp(x - np.cos(t))
        jacobian = np.array([[0, 1], [-1 + 2 * x * v + e, x**2 + 3 * v**2 - 1]])
        return jacobian, np.array([0.0, e * np.sin(t)])

    for _ in range(steps):
        jacobian, slope = parts(t, y)
        w = np.eye(2) / (h * method.gamma) - jacobian
        k: list[np.ndarray] = []
        u = y
        for s in range(method.stages):
            if s > len(method.a):
                u = u + k[-1]
            elif s > 0:
                u = y + sum(a * kj for a, kj in zip(method.a[s - 1], k, strict=True))
            b = rate(t + method.times[s] * h, u) + h * method.slopes[s] * slope
            if s > 0:
                b = b + sum(c / h * kj for c, kj in zip(method.c[s - 1], k, strict=True))
            k.append(np.linalg.solve(w, b))
        new = u + k[-1]
        q = [sum(d * kj for d, kj in zip(row, k, strict=True)) for row in method.dense]
        half = 0.5 * y + 0.5 * (new + 0.5 * (q[0] + 0.5 * (q[1] + 0.5 * q[2])))
        middle = max(middle, float(np.abs(half - [np.cos(t + h / 2), -np.sin(t + h / 2)]).max()))
        y, t = new, t + h
    return float(np.abs(y - [np.cos(t), -np.sin(t)]).max()), middle


@pytest.mark.parametrize(("method", "order", "dense"), [(RODAS5P, 5, 4), (RODAS4, 4, 3)])
def test_the_coefficients_have_the_order_they_claim(method, order, dense) -> None:
    coarse, fine = fixed_steps(method, 20, 2.0), fixed_steps(method, 40, 2.0)
    assert np.log2(coarse[0] / fine[0]) > order - 0.3
    assert np.log2(coarse[1] / fine[1]) > dense - 0.3


def test_the_engine_converges_with_order_five_and_its_interpolant_with_four() -> None:
    model = engine.compile(sbml(SMOOTH), observe=("x",), path="batch")
    times = np.linspace(0.05, 20.0, 200)
    error, steps = [], []
    for rtol in (1e-5, 1e-7, 1e-9, 1e-11):
        runs = model.run(times, rtol=rtol, checked_share=0.0)
        error.append(np.abs(runs.values[0, :, 0] - np.cos(times)).max())
        steps.append(runs.steps[0])
    slope = -np.polyfit(np.log(steps), np.log(error), 1)[0]
    assert 3.8 < slope < 6.0


def test_steps_do_not_depend_on_output_times() -> None:
    model = engine.compile(HIRES.sbml, observe=HIRES.names, path="batch")
    few = model.run([100.0, HIRES.end], rtol=1e-7)
    many = model.run(np.linspace(0.0, HIRES.end, 5000)[1:], rtol=1e-7)
    assert few.steps[0] == many.steps[0]
    assert np.array_equal(few.values[0, -1], many.values[0, -1])


def test_both_methods_agree() -> None:
    from exocast.engine.batch.machine import loaded, objects_of
    from exocast.engine.batch.runs import Batch, empty_table, run

    found = []
    for method in (RODAS5P, RODAS4):
        built = build(problem_of(read(HIRES.sbml), (), HIRES.names), tableau=method)
        batch = Batch(
            times=np.array([1.0, 10.0, HIRES.end]),
            varied=np.empty((1, 0)),
            table=empty_table(1),
            given=np.zeros((1, 1)),
            chosen=np.arange(1),
            rtol=1e-9,
        )
        found.append(run(loaded(built.plan, objects_of(built)), batch).values[0])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-7)


def test_tableaus_have_a_row_for_every_stage() -> None:
    for method in (tableau.RODAS5P, tableau.RODAS4):
        assert [len(row) for row in method.c] == list(range(1, method.stages))
        assert [len(row) for row in method.a] == list(range(1, len(method.a) + 1))
        assert all(len(row) == method.stages for row in method.dense)
