"""One model in libRoadRunner, run after run, with nothing carried from one run to the next.

A run starts at time 0 from the model's initial state under its own parameters. It is integrated
from dose to dose: the solver restarts at each dose and nowhere else, so that the step sequence
does not depend on the output times. Absolute tolerances are a vector, one for each state, scaled
to the run's own start and doses: libRoadRunner multiplies a *scalar* absolute tolerance by the
current state, which after wash-out asks for the impossible.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exocast.engine.dialect import for_libroadrunner
from exocast.engine.sbml import Description, describe

Array = NDArray[np.float64]
STATUS = (
    "ok",
    "too_many_steps",
    "step_underflow",
    "non_finite",
    "negative_state",
    "bad_pivot",
    "crashed",
)
OK, TOO_MANY_STEPS, STEP_UNDERFLOW, NON_FINITE, NEGATIVE_STATE, BAD_PIVOT, CRASHED = range(7)
# A state is resolved down to this share of its scale, at the relative tolerance asked for.
RESOLVED_SHARE = 1e-6
# A state counts as negative below minus this many of the coarser tolerance that follows.
NEGATIVE_TOLERANCES = 10.0
NEGATIVE_SHARE = 1e-3
MOST_STEPS = 20_000  # between two outputs
TIGHTER = 100.0  # of the second integration that gives the error estimate
SMALLEST_SCALE = 1e-60  # below it CVODE's weights overflow
SHORTEST_SHARE = 1e-12  # of the time reached: a shorter stretch takes no time
UNCHECKED = np.nan


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some runs to be done: what varies, and doses sorted by run and time.

    Attributes
    ----------
    varied
        Values of the varied ids, (n_runs, n_varied).
    dose_run, dose_time, dose_target, dose_amount
        One entry a dose; runs count from 0 within the chunk, targets are species ids by index
        into ``targets``.
    atol
        Absolute tolerance of every state; scaled to the run when None.
    checked_share
        Share of runs integrated again at a hundredth of the tolerance.
    """

    times: Array
    varied: Array
    dose_run: NDArray[np.int64]
    dose_time: Array
    dose_target: NDArray[np.int64]
    dose_amount: Array
    targets: tuple[str, ...]
    rtol: float
    atol: float | None
    checked_share: float


@dataclass(frozen=True, kw_only=True)
class ChunkResult:
    """What came of a chunk; shapes as in ``Runs``."""

    values: Array
    status: NDArray[np.int8]
    error_estimate: Array
    time_reached: Array


@dataclass(frozen=True, kw_only=True)
class _Starts:
    """Which column of the varied numbers goes to which initial value, compartments first.

    ``kept`` are initial concentrations of the model, written again when a compartment varies:
    libRoadRunner would keep the amount.
    """

    varied: tuple[list[int], list[str]]
    kept: tuple[tuple[str, float], ...]


@functools.lru_cache(maxsize=8)
def solver_of(sbml: str) -> Solver:
    """The solver of a model text; compiled once in a process."""
    return Solver(sbml)


class Solver:
    """A model compiled by libRoadRunner."""

    def __init__(self, sbml: str) -> None:
        import roadrunner

        # CVODE writes failures to the error output of the process; they are told by the status.
        os.environ.setdefault("SUNLOGGER_ERROR_FILENAME", os.devnull)
        os.environ.setdefault("SUNLOGGER_WARNING_FILENAME", os.devnull)
        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_CRITICAL)
        roadrunner.Logger.disableConsoleLogging()
        # Else every id of a model becomes an attribute of the class, over what is there: one
        # called `model` or `__init__` would break this model and all later ones.
        roadrunner.Config.setValue(
            roadrunner.Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES, True
        )
        self.description: Description = describe(sbml)
        self._runner = roadrunner.RoadRunner(for_libroadrunner(sbml, self.description.own_time))
        self._runner.conservedMoietyAnalysis = False
        self._runner.setIntegrator("cvode")
        self._integrator = self._runner.integrator
        self._integrator.setValue("stiff", True)
        self._integrator.setValue("maximum_num_steps", MOST_STEPS)
        model = self._runner.model
        count = len(self._integrator.getAbsoluteToleranceVector())
        self.states: tuple[str, ...] = tuple(model.getStateVectorId(i) for i in range(count))
        units = np.array([self.description.unit(name) for name in self.states])
        self._of_unit = {str(unit): np.flatnonzero(units == unit) for unit in set(units)}
        self._in_use = threading.Lock()
        self._selected: tuple[str, ...] = ()
        self._original: dict[str, float] = {}  # initial values before any run wrote its own

    def run_chunk(self, varied: Sequence[str], observe: Sequence[str], chunk: Chunk) -> ChunkResult:
        """Runs of a chunk, one after the other; one chunk at a time, whatever the threads."""
        with self._in_use:
            return self._run_chunk(varied, observe, chunk)

    def _run_chunk(
        self, varied: Sequence[str], observe: Sequence[str], chunk: Chunk
    ) -> ChunkResult:
        count = len(chunk.varied)
        values = np.full((count, len(chunk.times), len(observe)), np.nan)
        status = np.zeros(count, dtype=np.int8)
        estimate = np.full(count, UNCHECKED)
        reached = np.zeros(count)
        self._select(observe)
        starts = self._starts(varied)
        edges = np.searchsorted(chunk.dose_run, np.arange(count + 1))
        for run in range(count):
            doses = slice(edges[run], edges[run + 1])
            one = _Run(
                solver=self, starts=starts, chunk=chunk, numbers=chunk.varied[run], doses=doses
            )
            values[run], status[run], reached[run] = one.integrate(chunk.rtol)
            if status[run] == OK and _is_checked(chunk, chunk.varied[run], doses):
                finer, how, _ = one.integrate(chunk.rtol / TIGHTER)
                if how == OK:
                    estimate[run] = _relative_error(values[run], finer)
        return ChunkResult(
            values=values, status=status, error_estimate=estimate, time_reached=reached
        )

    def begin(
        self,
        starts: _Starts,
        numbers: Array,
        given: dict[str, float],
        rtol: float,
        atol: float | None,
    ) -> Array:
        """Puts the model at time 0 under a run's numbers; returns the lowest value of each state.

        Parameters
        ----------
        given
            Total dose of the run by unit.
        rtol, atol
            Relative tolerance, and one absolute tolerance for all states or None.
        """
        # Values are written as initial ones and the model reset to them: only so does every
        # initial assignment follow, exactly as in a model loaded with these numbers.
        write = self._runner.model.setValue
        columns, names = starts.varied
        for column, name in zip(columns, names, strict=True):
            write(name, float(numbers[column]))
        for name, value in starts.kept:
            write(name, value)
        self._runner.resetAll()
        scale = self._scale(given)
        tolerance = np.full(len(scale), atol) if atol is not None else RESOLVED_SHARE * rtol * scale
        self._integrator.setValue("relative_tolerance", rtol)
        self._integrator.setValue("absolute_tolerance", tolerance.tolist())
        return -NEGATIVE_TOLERANCES * np.maximum(tolerance, NEGATIVE_SHARE * rtol * scale)

    def give(self, doses: Sequence[tuple[str, float]]) -> None:
        """Adds amounts to species, now."""
        model = self._runner.model
        for target, amount in doses:
            name = self.description.alias(target)
            model.setValue(name, model.getValue(name) + amount)

    def advance(self, grid: Sequence[float], *, carefully: bool) -> tuple[int, Array]:
        """Selected values on a grid of times that begins now; fewer rows when it fails."""
        kept, place = _apart(grid)
        rows = [np.array([self._runner.getSelectedValues()])]
        for piece in itertools.pairwise(kept) if carefully else [tuple(kept)]:
            if len(piece) < 2:
                continue
            try:
                rows.append(np.array(self._runner.simulate(times=list(piece)))[1:])
            except RuntimeError as e:
                found = np.concatenate(rows)
                return _status_of(str(e)), found[place[place < len(found)]]
        return OK, np.concatenate(rows)[place]

    def judge(self, rows: Array, lowest: Array) -> tuple[int, int]:
        """Status of rows, and how many of them are good."""
        finite = np.asarray(np.isfinite(rows[:, self.changing]).all(axis=1))
        negative = (rows[:, self.n_observed :] < lowest[self.watched]).any(axis=1)
        wrong = np.flatnonzero(~finite | negative)
        if not len(wrong):
            return OK, len(rows)
        first = int(wrong[0])
        return (NEGATIVE_STATE if finite[first] else NON_FINITE), first

    def _scale(self, given: dict[str, float]) -> Array:
        """Magnitude of each state: its start, else the largest start or dose of its unit."""
        value = self._runner.model.getValue
        start = np.abs(np.array([value(name) for name in self.states]))
        start[~np.isfinite(start)] = 0.0
        largest = dict(given)
        for unit, places in self._of_unit.items():
            largest[unit] = max(largest.get(unit, 0.0), float(start[places].max()))
        group = np.ones(len(start))
        for unit, places in self._of_unit.items():
            group[places] = largest[unit] or 1.0
        return np.maximum(np.where(start > 0, start, group), SMALLEST_SCALE)

    def _starts(self, varied: Sequence[str]) -> _Starts:
        """What a run writes; initial values that other batches wrote are put back first."""
        known, model = self.description, self._runner.model
        places = {known.initial(name) for name in known.compartments}
        for name in sorted(self._original, key=lambda name: name not in places):
            model.setValue(name, self._original[name])
        order = sorted(range(len(varied)), key=lambda i: varied[i] not in known.compartments)
        names = [known.initial(varied[i]) for i in order]
        for name in names:
            self._original.setdefault(name, model.getValue(name))
        kept = known.concentrations.items() if known.compartments & set(varied) else ()
        self._original |= {known.initial(n): value for n, value in kept}
        return _Starts(
            varied=(order, names),
            kept=tuple((known.initial(n), value) for n, value in kept if n not in varied),
        )

    def _select(self, observe: Sequence[str]) -> None:
        watched = self.description.never_negative
        names = tuple(self.description.selection(name) for name in observe) + tuple(
            self.description.alias(name) for name in watched
        )
        if names != self._selected:
            self._runner.timeCourseSelections = list(names) or ["time"]
            self._selected = names
        self.n_observed = len(observe)
        kept = [name not in self.description.constant for name in (*observe, *watched)]
        self.changing = np.flatnonzero(kept)
        index = {name: i for i, name in enumerate(self.states)}
        self.watched = np.array([index[self.description.alias(n)] for n in watched], dtype=np.int64)


@dataclass(kw_only=True)
class _Run:
    """One run: its numbers and its doses."""

    solver: Solver
    starts: _Starts
    chunk: Chunk
    numbers: Array
    doses: slice

    def integrate(self, rtol: float) -> tuple[Array, int, float]:
        """Values (n_times, n_observed), status, and the last time with values."""
        values = np.full((len(self.chunk.times), self.solver.n_observed), np.nan)
        if not np.isfinite(self.numbers).all():
            return values, NON_FINITE, 0.0
        status, done = self._attempt(values, rtol, carefully=False)
        if status in (TOO_MANY_STEPS, STEP_UNDERFLOW, NON_FINITE):
            status, done = self._attempt(values, rtol, carefully=True)
        values[done:] = np.nan
        return values, status, float(self.chunk.times[done - 1]) if done else 0.0

    def _attempt(self, values: Array, rtol: float, *, carefully: bool) -> tuple[int, int]:
        """Fills ``values``; returns status and number of output times reached.

        ``carefully`` restarts at every output, so that all before a failure is kept.
        """
        times = self.chunk.times
        lowest = self.solver.begin(
            self.starts, self.numbers, self._given_scale(), rtol, self.chunk.atol
        )
        done = 0
        for start, end, doses in self._segments():
            self.solver.give([(self.chunk.targets[t], a) for t, a in doses])
            upto = len(times) if end is None else int(np.searchsorted(times, end))
            outputs = times[done:upto]
            grid = [start, *outputs[outputs > start], *([] if end is None else [end])]
            skip = 0 if len(outputs) and outputs[0] == start else 1
            status, rows = self.solver.advance(grid, carefully=carefully)
            judged, good = self.solver.judge(rows, lowest)
            count = min(max(good - skip, 0), len(outputs))
            values[done : done + count] = rows[skip : skip + count, : values.shape[1]]
            done += count
            if judged != OK or status != OK:
                return (status if status != OK else judged), done
        return OK, done

    def _segments(self) -> list[tuple[float, float | None, list[tuple[int, float]]]]:
        """Start, end (None for the last) and doses at the start, of every stretch between doses."""
        chunk, last = self.chunk, self.chunk.times[-1]
        found: dict[float, list[tuple[int, float]]] = {0.0: []}
        for i in range(self.doses.start, self.doses.stop):
            if chunk.dose_time[i] <= last:
                target = (int(chunk.dose_target[i]), float(chunk.dose_amount[i]))
                found.setdefault(float(chunk.dose_time[i]), []).append(target)
        starts = list(found)
        ends: list[float | None] = [*starts[1:], None]
        return [(t, end, found[t]) for t, end in zip(starts, ends, strict=True)]

    def _given_scale(self) -> dict[str, float]:
        """Total of the doses of this run, by unit of their targets."""
        result: dict[str, float] = {}
        for i in range(self.doses.start, self.doses.stop):
            unit = self.solver.description.unit(self.chunk.targets[self.chunk.dose_target[i]])
            result[unit] = result.get(unit, 0.0) + abs(float(self.chunk.dose_amount[i]))
        return result


def _apart(grid: Sequence[float]) -> tuple[list[float], NDArray[np.int64]]:
    """Times far enough apart to be integrated between, and which of them stands for each time."""
    kept, place = [grid[0]], [0]
    for time in grid[1:]:
        if time - kept[-1] > SHORTEST_SHARE * max(1.0, time):
            kept.append(time)
        place.append(len(kept) - 1)
    return kept, np.array(place, dtype=np.int64)


def _is_checked(chunk: Chunk, numbers: Array, doses: slice) -> bool:
    """Whether a run is integrated twice: chosen by its content, so the same in any batch."""
    digest = hashlib.blake2b(digest_size=8)
    for part in (numbers, chunk.dose_time[doses], chunk.dose_amount[doses]):
        digest.update(part.tobytes())
    return int.from_bytes(digest.digest(), "little") < chunk.checked_share * 2.0**64


def _relative_error(values: Array, finer: Array) -> float:
    """Root mean square of the differences, each relative to |y| + a thousandth of its maximum."""
    scale = np.abs(finer) + 1e-3 * np.abs(finer).max(axis=0, initial=0.0)
    some = scale > 0
    if not some.any():
        return 0.0
    return float(np.sqrt(np.mean(((values - finer)[some] / scale[some]) ** 2)))


def _status_of(message: str) -> int:
    """Status for what CVODE said."""
    if "TOO_MUCH_WORK" in message or "mxstep" in message:
        return TOO_MANY_STEPS
    if "RHSFUNC" in message or "nan" in message.lower():
        return NON_FINITE
    return STEP_UNDERFLOW
