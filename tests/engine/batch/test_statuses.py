"""Each way in which a run can fail, and events."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from problems import sbml

from exocast import engine


def status(text: str, **options: object) -> tuple[str, engine.Runs]:
    model = engine.compile(sbml(text), observe=("x",), path="batch")
    runs = model.run(np.linspace(0.0, 2.0, 21), **{"checked_share": 0.0, **options})
    return engine.STATUS[int(runs.status[0])], runs


def test_a_run_that_explodes_has_no_step_left() -> None:
    how, runs = status("model a() x' = x^2; x = 1; end")
    assert how in {"step_underflow", "non_finite"}
    assert 0.9 <= runs.time_reached[0] < 1.01
    assert np.isfinite(runs.values[0, :10]).all()
    assert np.isnan(runs.values[0, 11:]).all()


def test_a_rate_that_is_no_number_is_told() -> None:
    how, runs = status("model a() x' = piecewise(1, time < 1.25, 0/0*x); x = 1; end")
    assert how == "non_finite"
    assert runs.time_reached[0] == pytest.approx(1.2)


def test_the_root_of_a_negative_number_is_told() -> None:
    how, runs = status("model a() x' = -1; x = 1; y' = sqrt(x); y = 0; end")
    assert how in {"non_finite", "step_underflow"}
    assert runs.time_reached[0] == pytest.approx(1.0)


def test_a_root_that_only_touches_zero_is_none() -> None:
    how, runs = status("model a() x' = -2*x^0.5; x = 0.25; end", rtol=1e-8)
    assert how == "ok"
    t = runs.times
    exact = np.where(t < 0.5, (0.5 - t) ** 2, 0.0)
    np.testing.assert_allclose(runs.values[0, :, 0], exact, atol=1e-6)


def test_too_many_steps_are_told() -> None:
    how, runs = status("model a() x' = 1e7*cos(1e7*time); x = 0; end", rtol=1e-9)
    assert how == "too_many_steps"
    assert runs.steps[0] > 100_000


def test_a_model_of_many_sines_has_fewer_steps(monkeypatch) -> None:
    monkeypatch.setattr("exocast.engine.batch.runs.MOST_CALLS", 400.0)
    fast = "sin(1000*x) + cos(900*x) + sin(800*y) + cos(700*y)"
    text = f"model a() x' = 30*({fast}); x = 1; y' = x; y = 0; end"
    how, runs = status(text, rtol=1e-9)
    assert how == "too_many_steps"
    assert runs.steps[0] in {100, 101}  # 400 calls, 4 in the rates


def test_a_pivot_of_zero_is_told() -> None:
    # The Jacobian is infinite at the start though the rate is not.
    how, _ = status("model a() x' = 1/(1 + 1/abs(y)); x = 0; y = 0; y' = 0; end")
    assert how in {"bad_pivot", "non_finite"}


def test_a_state_that_must_not_be_negative_is_told() -> None:
    text = sbml("model a() x' = -1; x = 1; end")
    note = '<annotation><e:states xmlns:e="urn:exocast:engine:1" may_be_negative=""/></annotation>'
    text = text.replace("<listOfParameters>", note + "<listOfParameters>", 1)
    runs = engine.compile(text, observe=("x",), path="batch").run([0.5, 0.9, 1.5])
    assert engine.STATUS[int(runs.status[0])] == "negative_state"
    np.testing.assert_allclose(runs.values[0, :2, 0], [0.5, 0.1], rtol=1e-6)
    assert np.isnan(runs.values[0, 2, 0])


# Events ------------------------------------------------------------------------------------------

BALL = "model ball() h' = v; v' = -9.81; h = 10; v = 0; x := h; hit: at h < 0: v = -0.8*v; end"


def test_a_bouncing_ball_bounces_when_it_should() -> None:
    first = np.sqrt(2 * 10 / 9.81)
    speed = 9.81 * first
    times = np.array([first - 1e-6, first + 0.5, first + 2 * 0.8 * speed / 9.81 - 1e-6])
    model = engine.compile(sbml(BALL), observe=("h", "v"), path="batch")
    runs = model.run(times, rtol=1e-9)
    flight = 0.5
    want = 0.8 * speed * flight - 0.5 * 9.81 * flight**2
    np.testing.assert_allclose(runs.values[0, 1, 0], want, rtol=1e-8)
    np.testing.assert_allclose(runs.values[0, [0, 2], 0], 0.0, atol=2e-5)


@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
def test_an_event_is_located_to_tolerance(rtol) -> None:
    text = "model a() x' = -k*x; k = 1; x = 1; at x < 0.3: k = 0; end"
    model = engine.compile(sbml(text), observe=("x",), path="batch")
    runs = model.run([5.0], rtol=rtol)
    assert runs.values[0, 0, 0] == pytest.approx(0.3, rel=3 * rtol)


def test_a_pulse_on_the_time_is_never_stepped_over() -> None:
    text = "model a() x' = piecewise(1000, time >= 50 && time < 50.001, 0); x = 0; end"
    model = engine.compile(sbml(text), observe=("x",), path="batch")
    assert model.run([49.0, 60.0], rtol=1e-3).values[0, :, 0] == pytest.approx([0.0, 1.0])


def test_an_event_at_an_instant_happens() -> None:
    text = "model a() x' = 0; x = 0; n = 1; at time == n: x = x + 1, n = n + 1; end"
    model = engine.compile(sbml(text), observe=("x",), path="batch")
    assert model.run([0.5, 1.5, 7.0, 9.5]).values[0, :, 0].tolist() == [0, 1, 7, 9]


def test_events_without_end_stop_the_run() -> None:
    text = "model a() x' = 1; x = 0; y = 0; at x > 1: x = 2, y = y + 1; at y > -1: y = y + 1;"
    text += " at y >= 1, t0=false: x = 0; at x < 0.5 && y > 0, t0=false: x = 2; end"
    model = engine.compile(sbml(text), observe=("x", "y"), path="batch")
    runs = model.run([5.0], rtol=1e-4)
    assert engine.STATUS[int(runs.status[0])] in {"ok", "too_many_steps"}


def test_doses_land_exactly_and_outputs_are_just_after_them() -> None:
    text = "model a() compartment c = 1; substanceOnly species x in c; x => ; x; x = 0; end"
    rows = pd.DataFrame(
        {"run": [0, 0], "time": [1.0, 1.5], "amount": [2.0, 3.0], "target": ["x", "x"]}
    )
    model = engine.compile(sbml(text), observe=("x",), path="batch")
    runs = model.run([0.5, 1.0, 1.5, 2.0], doses=rows, rtol=1e-9)
    e = np.exp
    want = [0.0, 2.0, 2 * e(-0.5) + 3, 2 * e(-1) + 3 * e(-0.5)]
    np.testing.assert_allclose(runs.values[0, :, 0], want, rtol=1e-8)
