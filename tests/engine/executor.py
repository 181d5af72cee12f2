"""Switches carried out on a linear system by matrix exponentials: what engines have to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.linalg import expm

from exocast.engine.dosing import ADD, CYCLE, MERGE, RATE, RESET, SAVE, SET, Switches, inside_cycles

SETTLED = 1e-11  # relative


def carry_out(
    switches: Switches,
    run: int,
    times: np.ndarray,
    states: tuple[str, ...],
    matrix: Callable[[Mapping[str, float]], np.ndarray],
    parameters: Mapping[str, float],
    start: np.ndarray | None = None,
) -> np.ndarray:
    """States (n_times, n_states) of dx/dt = matrix(parameters) x + rates."""
    mine = switches.run == run
    kind, at, jump = switches.kind[mine], switches.time[mine], switches.jump[mine]
    target, value = switches.target[mine], switches.value[mine]
    inside = inside_cycles(kind, jump)
    begin = np.zeros(len(states)) if start is None else np.asarray(start, dtype=float)
    state, rates, now = begin.copy(), np.zeros(len(states)), dict(parameters)
    time, seen = 0.0, np.full((len(times), len(states)), np.nan)
    before = saved = None
    place = 0

    def to(end: float) -> np.ndarray:
        system = np.zeros((len(states) + 1, len(states) + 1))
        system[:-1, :-1], system[:-1, -1] = matrix(now), rates
        return (expm(system * (end - time)) @ np.r_[state, 1.0])[:-1]

    while place < len(kind) and (inside[place] or at[place] <= times[-1]):
        if not inside[place]:
            for i in np.flatnonzero((times >= time) & (times < at[place])):
                seen[i] = to(times[i])
        state, time = to(at[place]), at[place]
        name = switches.names[target[place]] if target[place] >= 0 else ""
        if kind[place] == ADD:
            state[states.index(name)] += value[place]
        elif kind[place] == SET:
            now[name] = value[place]
        elif kind[place] == RATE:
            rates[states.index(name)] = value[place]
        elif kind[place] == RESET:
            state, rates, now = begin.copy(), np.zeros(len(states)), dict(parameters)
        elif kind[place] == SAVE:
            saved, state, rates = state, begin.copy(), np.zeros(len(states))
        elif kind[place] == MERGE:
            state = state + saved - begin
        else:
            assert kind[place] == CYCLE
            time = value[place]
            if before is None or (abs(state - before) > SETTLED * abs(state).max()).any():
                before, place = state, place - jump[place]
                continue
            before = None
        place += 1
    for i in np.flatnonzero(times >= time):
        seen[i] = to(times[i])
    return seen
