"""Runs of a batch: the record that the driver works on, and threads over it.

Each thread takes every n-th run and has a workspace of its own; the call leaves Python's lock. What
a run gives does not depend on which thread it is in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.engine.batch import driver
from exocast.engine.batch.machine import Machine
from exocast.engine.batch.plan import BYTES, FLOATS, INTS, OUTSIDE, Plan, arrays_of

if TYPE_CHECKING:
    from exocast.engine.batch.build import Built

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
MOST_STEPS = 100_000.0
# A step of a model with thousands of sines takes a millisecond: fewer of them, then.
MOST_CALLS = 1e7  # of the C library's functions by the rates of a run, at one call a step
LARGEST_CALL = 4096  # runs between looks at the clock and at the keyboard
ALIGNED = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """What happens to each run, in order; see ``exocast.engine.dosing``.

    Attributes
    ----------
    begin
        (n_runs + 1,): first entry of each run.
    time, value
        (n_entries,).
    kind, target, jump, quiet
        (n_entries,): what is done, to which state or number, how many entries a cycle goes back,
        and whether the stretch before is on the way to a steady state.
    """

    begin: Integers
    time: Array
    kind: Integers
    target: Integers
    value: Array
    jump: Integers
    quiet: Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Runs to be done.

    Attributes
    ----------
    varied
        (n_runs, n_varied).
    given
        (n_runs, n_units): total of the doses, by unit.
    chosen
        Which runs to do.
    atol
        One absolute tolerance for all states; None scales it to each.
    """

    times: Array
    varied: Array
    table: Table
    given: Array
    chosen: Integers
    rtol: float
    atol: float | None = None
    resolved: float = driver.RESOLVED
    most_steps: float = MOST_STEPS


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What came of a batch; NaN and status 0 for runs that were not chosen."""

    values: Array
    status: NDArray[np.int8]
    steps: Integers
    rejections: Integers
    reached: Integers


def empty_table(n_runs: int) -> Table:
    """No doses for anyone."""
    none = np.empty(0)
    whole = np.empty(0, dtype=np.int64)
    return Table(
        begin=np.zeros(n_runs + 1, dtype=np.int64),
        time=none,
        kind=whole,
        target=whole,
        value=none,
        jump=whole,
        quiet=whole,
    )


def _outside(plan: Plan, batch: Batch) -> dict[str, NDArray[Any]]:
    """Arrays outside the workspace, shared by all threads."""
    n_runs, n_times = len(batch.varied), len(batch.times)
    table = batch.table
    atol = -1.0 if batch.atol is None else batch.atol
    most_steps = min(batch.most_steps, MOST_CALLS / max(plan.work, 1))
    found: dict[str, Any] = {
        "options": np.array([batch.rtol, atol, most_steps, batch.resolved]),
        "order": batch.chosen,
        "varied": batch.varied,
        "given": batch.given,
        "times": np.append(batch.times, np.inf),
        "dose_begin": table.begin,
        "table_time": table.time,
        "table_kind": table.kind,
        "table_target": table.target,
        "table_value": table.value,
        "table_jump": table.jump,
        "table_quiet": table.quiet,
        "values": np.full((n_runs, n_times, plan.observed), np.nan),
        "status": np.zeros(n_runs, dtype=np.int8),
        "out_steps": np.zeros(n_runs, dtype=np.int64),
        "out_rejections": np.zeros(n_runs, dtype=np.int64),
        "reached": np.zeros(n_runs, dtype=np.int64),
        "first_truth": np.array(plan.first_truth),
        **{name: np.array(numbers, dtype=np.int64) for name, numbers in plan.tables.items()},
    }
    kinds: dict[str, Any] = {FLOATS: np.float64, INTS: np.int64, BYTES: np.int8}
    return {
        name: np.ascontiguousarray(array, dtype=kinds[OUTSIDE[name]])
        for name, array in found.items()
    }


def _outcome(outside: dict[str, NDArray[Any]]) -> Outcome:
    return Outcome(
        values=outside["values"],
        status=outside["status"],
        steps=outside["out_steps"],
        rejections=outside["out_rejections"],
        reached=outside["reached"],
    )


def run(
    machine: Machine,
    batch: Batch,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Does the chosen runs of a batch in machine code.

    Parameters
    ----------
    threads
        Threads at work.
    progress
        Called with the number of runs done, now and then, from this thread.
    """
    outside = _outside(machine.plan, batch)
    count = len(batch.chosen)
    for first in range(0, count, LARGEST_CALL):
        last = min(first + LARGEST_CALL, count)
        shares = _shares(machine.plan, first, last, threads)
        others = [
            threading.Thread(target=_work, args=(machine, outside, *share)) for share in shares[1:]
        ]
        for other in others:
            other.start()
        _work(machine, outside, *shares[0])
        for other in others:
            other.join()
        if progress is not None:
            progress(last)
    return _outcome(outside)


def _shares(plan: Plan, first: int, last: int, threads: int) -> list[tuple[int, int, int]]:
    """First, last and stride of what each thread does; groups that share steps stay together."""
    lanes = int(plan.constants["LANES"])
    groups = max(1, -(-(last - first) // lanes))
    workers = max(1, min(threads, groups))
    if not plan.constants["SHARED"]:
        return [(first + w, last, workers) for w in range(workers)]
    edges = [first + lanes * (groups * w // workers) for w in range(workers)] + [last]
    return [(edges[w], edges[w + 1], 1) for w in range(workers)]


def _work(
    machine: Machine, outside: dict[str, NDArray[Any]], first: int, last: int, stride: int
) -> None:
    """Runs first, first + stride, … of the queue, in a workspace of their own."""
    _, size = arrays_of(machine.plan)
    memory = np.zeros(size + ALIGNED, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNED
    counters = np.array([first, last, 0, stride, outside["times"].size - 1], dtype=np.int64)
    own = outside | {"counters": counters}
    pointers = np.array([own[name].ctypes.data for name in OUTSIDE], dtype=np.uintp)
    machine.entry(memory.ctypes.data + start, pointers.ctypes.data)


def run_in_python(built: Built, batch: Batch) -> Outcome:
    """The same in NumPy, slowly: what the tests hold machine code against."""
    from exocast.engine.batch import emit_numpy

    plan = built.plan
    lanes = plan.constants["LANES"]
    outside = _outside(plan, batch)
    counters = np.array([0, len(batch.chosen), 0, 1, outside["times"].size - 1], dtype=np.int64)
    record: dict[str, Any] = {
        name: emit_numpy.Rows(np.zeros((count, lanes))) for name, count in plan.rows.items()
    }
    record |= {name: np.zeros(count, dtype=np.int64) for name, count in plan.own.items()}
    record |= {name: array.reshape(-1) for name, array in outside.items()}
    record["counters"] = counters
    functions = {
        name: emit_numpy.function(built.graph, name, arrays, outputs, cached)
        for name, (arrays, outputs, cached) in built.functions.items()
    }
    drive = emit_numpy.driver(driver, plan.constants, functions, lanes)
    with np.errstate(all="ignore"):
        drive(SimpleNamespace(**record))
    return _outcome(outside)
