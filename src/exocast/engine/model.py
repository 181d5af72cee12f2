"""The engine's face: a model, what varies, what is observed, and runs of it."""

from __future__ import annotations

import functools
import os
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.engine.batch.front import machine, run_batch, table_of
from exocast.engine.batch.machine import Machine
from exocast.engine.batch.read import document_of
from exocast.engine.batch.runs import Table
from exocast.engine.dosing import ADD, SET, Switches, switches
from exocast.engine.sbml import Description, description_of, refuse_delays, text_of
from exocast.errors import (
    DoseError,
    GeneralPathUsed,
    InvalidInput,
    UnknownName,
    UnsupportedModel,
    nearest,
)

if TYPE_CHECKING:
    import pandas as pd

    from exocast.engine.solver import Chunk, ChunkResult

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
CHECKED_SHARE = 0.01
DEFAULT_PROCESSES = 2
RUNS_PER_CHUNK = 32
FEWEST_FOR_PROCESSES = 200  # starting processes takes longer than fewer runs than this
NOT_REPORTED = -1
PATHS = ("auto", "batch", "general")
ASKED_FOR = "asked for"
EVENT = re.compile(r"<(\w+:)?event[\s>]")


@dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """What came of a batch of runs.

    Attributes
    ----------
    values
        (n_runs, n_times, n_observed); NaN after a failure.
    status
        (n_runs,) int8, an index into ``exocast.engine.STATUS``; 0 is ``ok``.
    steps, rejections
        (n_runs,) int64; -1 on the general path, whose solver does not report them.
    error_estimate
        (n_runs,): root mean square, over times and observables, of the difference from the same
        run at a hundredth of the tolerance, relative to |y| + max|y|/1000. Known for about one
        run in a hundred, chosen by its content; NaN for the others.
    time_reached
        (n_runs,) days: last output time with values.
    times
        (n_times,) output times.
    observed
        Names of the last axis of ``values``.
    """

    values: Array
    status: NDArray[np.int8]
    steps: NDArray[np.int64]
    rejections: NDArray[np.int64]
    error_estimate: Array
    time_reached: Array
    times: Array
    observed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivities:
    """Derivatives of runs.

    Attributes
    ----------
    derivatives
        (n_runs, n_times, n_observed, n_of); NaN for a run of which a lane failed.
    status
        (n_runs,) int8, an index into ``exocast.engine.STATUS``.
    times, observed, of
        Names and values of the other axes.
    """

    derivatives: Array
    status: NDArray[np.int8]
    times: Array
    observed: tuple[str, ...]
    of: tuple[str, ...]


def compile(  # noqa: A001 - the engine's face, used as engine.compile
    sbml: str | Path,
    varied: Iterable[str] = (),
    observe: Iterable[str] = (),
    path: str = "auto",
) -> Model:
    """A model ready to run; cached by content.

    Parameters
    ----------
    sbml
        Path or text of an SBML model.
    varied
        Ids whose values each run is given: parameters, compartments, and states (their start).
    observe
        Ids whose values are returned: amounts or concentrations as the model says.
    path
        ``batch`` is the batched engine, ``general`` libRoadRunner, one run at a time; ``auto``
        takes the general path for a model that the batched engine does not take, and says so by
        the warning :class:`exocast.errors.GeneralPathUsed`.

    Raises
    ------
    UnknownName
        For a name that the model does not have.
    UnsupportedModel
        For what neither path takes (algebraic rules, delays, fast reactions), for what the batched
        engine does not take when it alone is asked for, or when something computed is to vary.
    InvalidInput, NotFound
        When the text or file is no SBML model.
    """
    text = text_of(sbml)
    if path not in PATHS:
        raise InvalidInput(f"there is no path '{path}'." + nearest(path, PATHS), where="path")
    varied, observe = tuple(varied), tuple(observe)
    why = ASKED_FOR if path == "general" else ""
    try:
        description = _described(text)
    except UnsupportedModel as e:
        if path == "batch":
            raise
        from exocast.engine.pool import pool

        description, why = pool().describe(text), why or str(e)
    _check_names(description, varied, observe)
    if not why:
        try:
            machine(text, varied, observe, infused=(), switched=(), shared=False)
        except UnsupportedModel as e:
            if path == "batch":
                raise
            why = str(e)
    model = _model(text, varied, observe, description, why)
    if why and path == "auto":
        warnings.warn(GeneralPathUsed(why), stacklevel=2)
    return model


@functools.lru_cache(maxsize=16)
def _model(
    sbml: str,
    varied: tuple[str, ...],
    observe: tuple[str, ...],
    description: Description,
    why: str,
) -> Model:
    if why:
        _load(sbml, why)
    return Model(
        sbml=sbml,
        varied=varied,
        observe=observe,
        description=description,
        path="general" if why else "batch",
        why_general=why,
    )


def _load(sbml: str, why: str) -> None:
    """Has libRoadRunner load a model, or tells why neither path takes it."""
    from exocast.engine.pool import pool

    try:
        document = document_of(sbml)
    except UnsupportedModel:
        pass  # libSBML has read it and refused what there was to refuse
    else:
        refuse_delays(document)
    try:
        pool().load(sbml)
    except UnsupportedModel as e:
        if why == ASKED_FOR:
            raise
        raise UnsupportedModel(f"{e.message} The batched engine: {why}", where=e.where) from None


@functools.lru_cache(maxsize=32)
def _described(text: str) -> Description:
    """Names of a model as our own reader finds it."""
    return description_of(document_of(text))


def _check_names(
    description: Description, varied: tuple[str, ...], observe: tuple[str, ...]
) -> None:
    for field, names, known in (
        ("varied", varied, description.variable),
        ("observe", observe, description.names),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidInput(f"'{twice[0]}' stands twice.", where=field)
        for name in names:
            if name in known:
                continue
            if name in description.names:
                raise UnsupportedModel(
                    f"'{name}' cannot be varied: "
                    + (
                        "the model computes it"
                        if name in description.computed | description.reactions
                        else "it starts from an expression"
                    )
                    + "; vary what it is computed from.",
                    where=field,
                )
            raise UnknownName(
                f"the model has nothing called '{name}'." + nearest(name, known), where=field
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A model with the names that vary and are observed; see :func:`compile`.

    Attributes
    ----------
    path
        ``batch`` or ``general``.
    why_general
        Why the batched engine is not used; empty on the batched path.
    """

    sbml: str
    varied: tuple[str, ...]
    observe: tuple[str, ...]
    description: Description
    path: str
    why_general: str

    def run(
        self,
        times: ArrayLike,
        varied: ArrayLike | None = None,
        doses: pd.DataFrame | None = None,
        rtol: float = 1e-6,
        device: str = "cpu",
        processes: int | None = None,
        progress: Progress | None = None,
        *,
        atol: float | None = None,
        checked_share: float = CHECKED_SHARE,
    ) -> Runs:
        """Runs of the model, each with its own numbers and doses.

        Every run starts at time 0. A dose counts from its time on: the output at the time of a
        dose is just after it. Results are the same bits for any number of processes, order of
        runs and batch; a run that fails never disturbs the others.

        Parameters
        ----------
        times
            Output times in the model's unit (days), zero or more, rising; (n_times,).
        varied
            (n_runs, n_varied), in the order of the names at :func:`compile`.
        doses
            One row a dose: ``run`` (from 0), ``time``, ``amount``, ``target`` (a species id), and
            where wanted infusions, resets, changes of parameters and steady states; see
            :func:`exocast.engine.dosing.switches`.
        rtol
            Relative tolerance; absolute ones follow from it and each state's scale.
        device
            ``cpu``.
        processes
            Threads at work, one a core by default. On the general path processes: by default two,
            or one on a single core; small batches take one whatever is said.
        progress
            Called with (runs done, runs in all) now and then.
        atol
            One absolute tolerance for all states, when not to be scaled.
        checked_share
            Share of runs that are integrated twice for the error estimate.

        Raises
        ------
        InvalidInput
            For times, numbers or tolerances that make no sense.
        DoseError, UnknownName
            For a dose table that cannot be given.
        """
        grid = _grid(times)
        if device != "cpu":
            raise InvalidInput(
                f"device '{device}' is not available; this engine runs on 'cpu'.", where="device"
            )
        if not 1e-13 <= rtol <= 0.1:
            raise InvalidInput(f"rtol {rtol:g} lies outside 1e-13 to 0.1.", where="rtol")
        if processes is not None and processes < 1:
            raise InvalidInput(
                f"{processes} processes cannot work; use 1 or more.", where="processes"
            )
        numbers = _numbers(varied, len(self.varied))
        table = switches(doses, self.description)
        n_runs = _n_runs(numbers, table)
        if numbers is None:
            numbers = np.empty((n_runs, 0))
        if self.path == "batch":
            return self._batched(
                grid,
                numbers,
                table,
                rtol=rtol,
                atol=atol,
                checked_share=checked_share,
                threads=processes,
                progress=progress,
            )
        if len(table.run) and EVENT.search(self.sbml):
            raise UnsupportedModel(
                "doses beside the model's own events are not supported by the general path, where "
                "a dose triggers no event; "
                + (
                    "take the batched engine."
                    if self.why_general == ASKED_FOR
                    else f"the batched engine does not take this model: {self.why_general}"
                ),
                where="doses",
            )
        from exocast.engine.pool import Task, pool

        chunks = _chunks(numbers, table, grid, rtol=rtol, atol=atol, checked_share=checked_share)
        workers = min(processes or min(DEFAULT_PROCESSES, os.cpu_count() or 1), len(chunks))
        task = Task(sbml=self.sbml, infused=table.infused, varied=self.varied, observe=self.observe)
        few = n_runs < FEWEST_FOR_PROCESSES
        results = pool().map(task, chunks, progress, workers=1 if few else workers)
        return _joined(results, grid, self.observe)

    def sensitivities(
        self,
        times: ArrayLike,
        varied: ArrayLike,
        of: Iterable[str] | None = None,
        doses: pd.DataFrame | None = None,
        rtol: float = 1e-6,
        processes: int | None = None,
        *,
        atol: float | None = None,
    ) -> Sensitivities:
        """Derivatives of what is observed with respect to what varies.

        Every number is moved up and down by a hundred-thousandth in lanes that take the same
        steps; see :mod:`exocast.engine.batch.sensitivity`. Numbers that are 0 are moved by 1e-5.
        Doses keep their amounts and times.

        Parameters
        ----------
        times, varied, doses, rtol, atol
            As for :meth:`run`.
        of
            Which of the varied ids; all of them when left out.
        processes
            Threads at work, one a core by default.

        Raises
        ------
        UnsupportedModel
            On the general path.
        InvalidInput, DoseError, UnknownName
            As :meth:`run`.
        """
        if self.path != "batch":
            raise UnsupportedModel(
                f"sensitivities need the batched engine, and this model is not on it: "
                f"{self.why_general}.",
                where="path",
            )
        names = tuple(self.varied if of is None else of)
        for name in names:
            if name not in self.varied:
                raise UnknownName(
                    f"'{name}' does not vary." + nearest(name, self.varied), where="of"
                )
        grid, numbers = _grid(times), _numbers(varied, len(self.varied))
        if numbers is None or not np.isfinite(numbers).all():
            raise InvalidInput("sensitivities need finite numbers that vary.", where="varied")
        table = switches(doses, self.description)
        if _n_runs(numbers, table) and not names:
            raise InvalidInput("name what the derivatives are of.", where="of")
        from exocast.engine.batch.sensitivity import differences

        made, entries, given = self._made(table, len(numbers), shared=True)
        found = differences(
            made,
            grid,
            numbers,
            np.array([self.varied.index(name) for name in names], dtype=np.int64),
            entries,
            given,
            rtol=rtol,
            atol=atol,
            threads=processes or os.cpu_count() or 1,
        )
        return Sensitivities(
            derivatives=found.derivatives,
            status=found.status,
            times=grid,
            observed=self.observe,
            of=names,
        )

    def _made(
        self, doses: Switches, count: int, *, shared: bool = False
    ) -> tuple[Machine, Table, Array]:
        """Machine code for what is dosed and switched, and the table for it."""
        switched = {doses.names[i] for i in set(doses.target[doses.kind == SET].tolist())}
        made = machine(
            self.sbml,
            self.varied,
            self.observe,
            infused=doses.infused,
            switched=tuple(sorted(switched)),
            shared=shared,
        )
        return (made, *table_of(doses, made.plan, count))

    def _batched(
        self,
        grid: Array,
        numbers: Array,
        doses: Switches,
        progress: Progress | None,
        **how: Any,
    ) -> Runs:
        count = len(numbers)
        made, table, given = self._made(doses, count)
        told = None if progress is None else lambda done: progress(done, count)
        result = run_batch(made, grid, numbers, table, given, progress=told, **how)
        outcome = result.outcome
        last = np.append(0.0, grid)
        return Runs(
            values=outcome.values,
            status=outcome.status,
            steps=outcome.steps,
            rejections=outcome.rejections,
            error_estimate=result.error_estimate,
            time_reached=last[outcome.reached],
            times=grid,
            observed=self.observe,
        )


def _grid(times: ArrayLike) -> Array:
    grid = np.asarray(times, dtype=np.float64)
    if grid.ndim != 1 or not len(grid):
        raise InvalidInput("give one or more output times, in days.", where="times")
    if not np.isfinite(grid).all() or grid[0] < 0 or (np.diff(grid) <= 0).any():
        raise InvalidInput("output times are finite, zero or more, and rising.", where="times")
    return grid


def _numbers(varied: ArrayLike | None, n_varied: int) -> Array | None:
    if varied is None:
        if n_varied:
            raise InvalidInput(f"{n_varied} ids vary, and no numbers were given.", where="varied")
        return None
    numbers = np.ascontiguousarray(varied, dtype=np.float64)
    if numbers.ndim != 2 or numbers.shape[1] != n_varied:
        raise InvalidInput(
            f"varied has the shape {numbers.shape}; (n_runs, {n_varied}) is needed.", where="varied"
        )
    return numbers


def _n_runs(numbers: Array | None, doses: Switches) -> int:
    if numbers is None:
        return max(doses.last_run, 0) + 1
    if doses.last_run >= len(numbers):
        raise DoseError(
            f"a dose is for run {doses.last_run}, and the runs are 0 to {len(numbers) - 1}.",
            where="doses.run",
        )
    return len(numbers)


def _chunks(numbers: Array, doses: Switches, times: Array, **how: Any) -> list[Chunk]:
    from exocast.engine.solver import Chunk

    chunks = []
    for first in range(0, max(len(numbers), 1), RUNS_PER_CHUNK):
        part = numbers[first : first + RUNS_PER_CHUNK]
        begin, end = np.searchsorted(doses.run, [first, first + len(part)])
        chunks.append(
            Chunk(
                times=times,
                varied=part,
                dose_run=doses.run[begin:end] - first,
                dose_time=doses.time[begin:end],
                dose_kind=doses.kind[begin:end],
                dose_target=doses.target[begin:end],
                dose_amount=doses.value[begin:end],
                dose_jump=doses.jump[begin:end],
                targets=doses.names,
                **how,
            )
        )
    return chunks


def _joined(results: Sequence[ChunkResult], times: Array, observe: tuple[str, ...]) -> Runs:
    status = np.concatenate([r.status for r in results])
    unknown = np.full(len(status), NOT_REPORTED, dtype=np.int64)
    return Runs(
        values=np.concatenate([r.values for r in results]),
        status=status,
        steps=unknown,
        rejections=unknown.copy(),
        error_estimate=np.concatenate([r.error_estimate for r in results]),
        time_reached=np.concatenate([r.time_reached for r in results]),
        times=times,
        observed=observe,
    )


def dose_events(
    doses: pd.DataFrame | None, description: Description
) -> tuple[tuple[float, str, float], ...]:
    """Time, target and amount of the doses of one run, checked and in order of time.

    Raises
    ------
    DoseError, UnknownName, UnsupportedModel
        As :meth:`Model.run`; also when the table is for more than one run.
    """
    table = switches(doses, description)
    if len(set(table.run.tolist())) > 1:
        raise DoseError(
            "the doses of one run are needed; the table is for several.", where="doses.run"
        )
    if (table.kind != ADD).any():
        raise UnsupportedModel(
            "only boluses are written as events; leave out infusions, resets, steady states and "
            "changes of parameters.",
            where="doses",
        )
    entries = zip(table.time, table.target, table.value, strict=True)
    return tuple((float(t), table.names[int(target)], float(a)) for t, target, a in entries)
