"""Derivatives of outputs with respect to varied numbers, by runs that share their steps.

A difference between two runs is useless for a derivative when each chooses its own steps: what the
step control does differently is as large as the effect of a small change. Here a number is moved up
in one lane and down in the next, and all lanes of a group take the steps that the hardest of them
needs; the numerical solution is then a smooth function of the numbers, and central differences of
it are good to about eight digits. A group holds the changes of one run only, so that what comes out
does not depend on what else is in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exocast.engine.batch import driver
from exocast.engine.batch.front import of_runs
from exocast.engine.batch.machine import Machine
from exocast.engine.batch.runs import Batch, Table, run

Array = NDArray[np.float64]
CHANGE = 1e-5  # relative; truncation and rounding of a central difference meet near here
RUNS_A_CALL = 64  # runs whose lanes are in memory at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Differences:
    """Derivatives (n_runs, n_times, n_observables, n_of) and status (n_runs,) of runs."""

    derivatives: Array
    status: NDArray[np.int8]
    steps: NDArray[np.int64]


def differences(
    made: Machine,
    times: Array,
    varied: Array,
    of: NDArray[np.int64],
    table: Table,
    given: Array,
    *,
    rtol: float,
    atol: float | None,
    threads: int,
) -> Differences:
    """Derivatives with respect to the varied numbers ``of``, by index.

    Parameters
    ----------
    made
        A machine whose lanes share their steps.
    varied
        (n_runs, n_varied).
    """
    lanes = int(made.plan.constants["LANES"])
    n_runs, n_of = len(varied), len(of)
    width = -(-2 * n_of // lanes) * lanes  # lanes of one run, filled up with the run itself
    found = np.full((n_runs, len(times), made.plan.observed, n_of), np.nan)
    status = np.zeros(n_runs, dtype=np.int8)
    steps = np.zeros(n_runs, dtype=np.int64)
    for first in range(0, n_runs, RUNS_A_CALL):
        part = np.arange(first, min(first + RUNS_A_CALL, n_runs))
        moved = np.repeat(varied[part], width, axis=0).reshape(len(part), width, -1)
        size = np.abs(varied[part][:, of])
        change = CHANGE * np.where(size > 0, size, 1.0)
        for k, index in enumerate(of):
            moved[:, 2 * k, index] += change[:, k]
            moved[:, 2 * k + 1, index] -= change[:, k]
            # What was really added, after rounding.
            change[:, k] = 0.5 * (moved[:, 2 * k, index] - moved[:, 2 * k + 1, index])
        every = np.repeat(part, width)
        batch = Batch(
            times=times,
            varied=np.ascontiguousarray(moved.reshape(len(every), -1)),
            table=of_runs(table, every),
            given=given[every],
            chosen=np.arange(len(every)),
            rtol=rtol,
            atol=atol,
        )
        outcome = run(made, batch, threads=threads)
        values = outcome.values.reshape(len(part), width, len(times), -1)
        for k in range(n_of):
            rise = values[:, 2 * k] - values[:, 2 * k + 1]
            found[part, :, :, k] = rise / (2 * change[:, k])[:, None, None]
        own = outcome.status.reshape(len(part), width)
        worst = np.argmax(own != driver.OK, axis=1)
        status[part] = own[np.arange(len(part)), worst]
        steps[part] = outcome.steps.reshape(len(part), width).sum(axis=1)
    found[status != driver.OK] = np.nan
    return Differences(derivatives=found, status=status, steps=steps)
