"""A model on the batched path: what is made once for it, and batches of runs."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exocast.engine.batch import driver
from exocast.engine.batch.machine import Machine, lanes_here, machine_of
from exocast.engine.batch.plan import Plan, infusion_slot
from exocast.engine.batch.read import document_of
from exocast.engine.batch.runs import Batch, Outcome, Table, run
from exocast.engine.dosing import ADD, RATE, SET, Switches, inside_cycles
from exocast.errors import UnsupportedModel

if TYPE_CHECKING:
    from exocast.engine.batch.build import Built

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
SHARING = 8  # lanes that take the same steps
TIGHTER = 100.0  # of the second integration that gives the error estimate


@functools.lru_cache(maxsize=32)
def machine(
    text: str,
    varied: tuple[str, ...],
    observe: tuple[str, ...],
    *,
    infused: tuple[str, ...],
    switched: tuple[str, ...],
    shared: bool,
) -> Machine:
    """Machine code for a model text; from the cache on disk where it is there.

    ``shared``: all lanes take the same steps, for sensitivities.

    Raises
    ------
    UnsupportedModel, InvalidInput
        For what the batched engine does not take, by name.
    """

    def make() -> Built:
        from exocast.engine.batch.build import build
        from exocast.engine.batch.problem import problem_of

        try:
            problem = problem_of(document_of(text), varied, observe, infused, switched)
            # Groups that share their steps are of one size everywhere: their bits depend on it.
            return build(problem, lanes=SHARING if shared else lanes_here(), shared=shared)
        except RecursionError:
            raise UnsupportedModel(
                "it nests more deeply than the batched engine can follow.", where="model"
            ) from None

    parts = (varied, observe, infused, switched, shared)
    key = "\0".join((text, *(repr(part) for part in parts)))
    return machine_of(key, make)


def table_of(doses: Switches, plan: Plan, n_runs: int) -> tuple[Table, Array]:
    """Switches as the driver takes them, and the total given to each run by unit."""
    place = np.full((len(doses.names), 3), -1, dtype=np.int64)  # by kind: ADD, SET, RATE
    for i, name in enumerate(doses.names):
        place[i, ADD] = plan.dosed.get(name, -1)
        for what, slot in ((SET, name), (RATE, infusion_slot(name))):
            if slot in plan.slots:
                place[i, what] = len(plan.varied) + plan.slots.index(slot)
    kind = doses.kind.astype(np.int64)
    named = kind <= RATE
    target = np.zeros(len(kind), dtype=np.int64)
    target[named] = place[doses.target[named], kind[named]]
    inside = inside_cycles(doses.kind, doses.jump).astype(np.int64)
    table = Table(
        begin=np.searchsorted(doses.run, np.arange(n_runs + 1)),
        time=doses.time,
        kind=kind,
        target=target,
        value=doses.value,
        jump=doses.jump,
        quiet=inside,
    )
    return table, _given(doses, plan, n_runs)


def _given(doses: Switches, plan: Plan, n_runs: int) -> Array:
    """Total of the doses and infusions of each run, by unit of the state they go to."""
    units = sorted(set(plan.units))
    given = np.zeros((n_runs, len(units)))
    group = np.zeros(max(len(doses.names), 1), dtype=np.int64)
    for i, name in enumerate(doses.names):
        if name in plan.dosed:
            group[i] = units.index(plan.units[plan.dosed[name]])
    amount = np.where(doses.kind == ADD, np.abs(doses.value), 0.0)
    rates = np.flatnonzero(doses.kind == RATE)
    rates = rates[np.lexsort((rates, doses.target[rates], doses.run[rates]))]
    if len(rates) > 1:
        now, after = rates[:-1], rates[1:]
        same = (doses.run[now] == doses.run[after]) & (doses.target[now] == doses.target[after])
        length = np.where(same, np.maximum(doses.time[after] - doses.time[now], 0.0), 0.0)
        amount[now] = np.abs(doses.value[now]) * length
    some = np.flatnonzero(amount)
    np.add.at(given, (doses.run[some], group[doses.target[some]]), amount[some])
    return given


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What came of runs; shapes as in ``exocast.engine.Runs``."""

    outcome: Outcome
    error_estimate: Array


def run_batch(
    made: Machine,
    times: Array,
    varied: Array,
    table: Table,
    given: Array,
    *,
    rtol: float,
    atol: float | None,
    checked_share: float,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Runs of a batch, and the error of some of them.

    Parameters
    ----------
    given
        (n_runs, n_units): total dose by unit, for the scale of states that start at 0.
    checked_share
        Share of runs integrated again at a hundredth of the tolerance.
    """
    finite = np.isfinite(varied).all(axis=1)
    workers = threads or os.cpu_count() or 1

    def do(chosen: Integers, tolerance: float, told: Callable[[int], None] | None) -> Outcome:
        batch = Batch(
            times=times,
            varied=varied,
            table=table,
            given=given,
            chosen=chosen,
            rtol=tolerance,
            atol=atol,
        )
        return run(made, batch, threads=workers, progress=told)

    outcome = do(np.flatnonzero(finite), rtol, progress)
    outcome.status[~finite] = driver.NON_FINITE
    estimate = np.full(len(varied), np.nan)
    checked = _checked(varied, table, checked_share)
    checked = checked[outcome.status[checked] == driver.OK]
    if len(checked):
        places = np.arange(len(checked))
        again = Batch(
            times=times,
            varied=varied[checked],
            table=of_runs(table, checked),
            given=given[checked],
            chosen=places,
            rtol=max(rtol / TIGHTER, 1e-13),
            atol=atol,
        )
        finer = run(made, again, threads=workers)
        for place, which in enumerate(checked):
            if finer.status[place] == driver.OK:
                estimate[which] = relative_error(outcome.values[which], finer.values[place])
    return Result(outcome=outcome, error_estimate=estimate)


def of_runs(table: Table, chosen: Integers) -> Table:
    """The entries of some runs, counted anew."""
    counts = table.begin[chosen + 1] - table.begin[chosen]
    begin = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    entries = np.concatenate(
        [np.arange(table.begin[r], table.begin[r + 1]) for r in chosen]
    ).astype(np.int64)
    return Table(
        begin=begin,
        time=table.time[entries],
        kind=table.kind[entries],
        target=table.target[entries],
        value=table.value[entries],
        jump=table.jump[entries],
        quiet=table.quiet[entries],
    )


def _checked(varied: Array, table: Table, share: float) -> Integers:
    """Runs integrated twice: chosen by their content, so the same in any batch."""
    if share <= 0:
        return np.empty(0, dtype=np.int64)
    chosen = []
    for i, numbers in enumerate(varied):
        entries = slice(table.begin[i], table.begin[i + 1])
        digest = hashlib.blake2b(digest_size=8)
        for part in (numbers, table.time[entries], table.value[entries]):
            digest.update(part.tobytes())
        if int.from_bytes(digest.digest(), "little") < share * 2.0**64:
            chosen.append(i)
    return np.array(chosen, dtype=np.int64)


def relative_error(values: Array, finer: Array) -> float:
    """Root mean square of the differences, each relative to |y| + a thousandth of its maximum."""
    scale = np.abs(finer) + 1e-3 * np.abs(finer).max(axis=0, initial=0.0)
    some = scale > 0
    if not some.any():
        return 0.0
    return float(np.sqrt(np.mean(((values - finer)[some] / scale[some]) ** 2)))
