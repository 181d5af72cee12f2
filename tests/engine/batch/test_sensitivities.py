"""Derivatives against closed forms, and against differences of very exact runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from problems import sbml

from exocast import engine
from exocast.errors import UnknownName, UnsupportedModel

CHAIN = """
model chain()
  compartment c = 1; substanceOnly species A in c, B in c;
  A = 10; B = 0; ka = 1.3; ke = 0.4; A => B; ka*A; B => ; ke*B;
end
"""
TIMES = np.array([0.25, 1.0, 3.0, 8.0])


def test_derivatives_of_bateman_are_those_of_its_formula() -> None:
    model = engine.compile(sbml(CHAIN), varied=("ka", "ke", "A"), observe=("B",))
    rng = np.random.default_rng(2)
    numbers = np.column_stack(
        [rng.uniform(0.5, 3, 9), rng.uniform(0.05, 0.45, 9), np.full(9, 10.0)]
    )
    found = model.sensitivities(TIMES, numbers, rtol=1e-9)
    assert found.derivatives.shape == (9, 4, 1, 3)
    for run, (ka, ke, a) in enumerate(numbers):
        ea, ee = np.exp(-ka * TIMES), np.exp(-ke * TIMES)
        by_a = ka / (ka - ke) * (ee - ea)
        by_ka = a * (-ke / (ka - ke) ** 2 * (ee - ea) + ka / (ka - ke) * TIMES * ea)
        by_ke = a * (ka / (ka - ke) ** 2 * (ee - ea) - ka / (ka - ke) * TIMES * ee)
        want = np.column_stack([by_ka, by_ke, by_a])
        np.testing.assert_allclose(found.derivatives[run, :, 0], want, rtol=3e-7, atol=3e-7)


STIFF = """
model stiff()
  y1' = -k1*y1 + k3*y2*y3; y2' = k1*y1 - k3*y2*y3 - k2*y2^2; y3' = k2*y2^2;
  y1 = 1; y2 = 0; y3 = 0; k1 = 0.04; k2 = 3e7; k3 = 1e4; twice := 2*y1 + sqrt(y3);
end
"""


def test_derivatives_are_those_of_very_exact_differences() -> None:
    names = ("k1", "k2", "k3")
    model = engine.compile(sbml(STIFF), varied=names, observe=("y1", "y3", "twice"))
    numbers = np.array([[0.04, 3e7, 1e4]])
    times = np.array([0.4, 40.0, 4000.0])
    found = model.sensitivities(times, numbers, rtol=1e-7).derivatives[0]
    for k, name in enumerate(names):
        moved = np.repeat(numbers, 2, axis=0)
        moved[:, k] *= [1 + 1e-3, 1 - 1e-3]
        exact = model.run(times, moved, rtol=1e-10).values
        slope = (exact[0] - exact[1]) / (2e-3 * numbers[0, k])
        np.testing.assert_allclose(found[:, :, k], slope, rtol=2e-5, err_msg=name)


def test_derivatives_do_not_depend_on_the_batch_or_on_threads() -> None:
    model = engine.compile(sbml(CHAIN), varied=("ka", "ke"), observe=("A", "B"))
    numbers = np.column_stack([np.linspace(0.5, 2, 70), np.linspace(0.1, 0.3, 70)])
    doses = pd.DataFrame({"run": range(70), "time": 2.0, "amount": 5.0, "target": "A"})
    one = model.sensitivities(TIMES, numbers, doses=doses, processes=1).derivatives
    assert np.array_equal(
        one, model.sensitivities(TIMES, numbers, doses=doses, processes=3).derivatives
    )
    alone = model.sensitivities(
        TIMES, numbers[5:6], doses=doses.iloc[5:6].assign(run=0)
    ).derivatives
    assert np.array_equal(alone[0], one[5])
    some = model.sensitivities(TIMES, numbers, of=("ke",), doses=doses).derivatives
    np.testing.assert_allclose(some[..., 0], one[..., 1], rtol=1e-4, atol=1e-5)


def test_what_has_no_derivative_is_told() -> None:
    model = engine.compile(sbml(CHAIN), varied=("ka",), observe=("A",))
    with pytest.raises(UnknownName, match="'kb' does not vary"):
        model.sensitivities(TIMES, [[1.0]], of=("kb",))
    general = engine.compile(sbml(CHAIN), varied=("ka",), observe=("A",), path="general")
    with pytest.raises(UnsupportedModel, match="need the batched engine"):
        general.sensitivities(TIMES, [[1.0]])
    blast = "model blast() x' = a*x^2; x = 1; a = 1; end"
    found = engine.compile(sbml(blast), varied=("a",), observe=("x",)).sensitivities(
        [0.1, 5.0], [[0.01], [1.0]]
    )
    assert found.status[0] == 0
    assert found.status[1] != 0
    assert np.isnan(found.derivatives[1]).all()
    assert np.isfinite(found.derivatives[0]).all()
