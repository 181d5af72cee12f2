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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exocast.engine.dialect import for_libroadrunner
from exocast.engine.dosing import ADD, CYCLE, MERGE, RATE, RESET, SAVE, SET, inside_cycles
from exocast.engine.infusion import INFUSION
from exocast.engine.sbml import Description, describe
from exocast.engine.status import (
    NEGATIVE_STATE,
    NON_FINITE,
    OK,
    STEP_UNDERFLOW,
    TOO_MANY_STEPS,
)
from exocast.errors import UnsupportedModel

Array = NDArray[np.float64]
# A state is resolved down to this share of its scale, at the relative tolerance asked for.
RESOLVED_SHARE = 1e-6
# A state counts as negative below minus this many of the coarser tolerance that follows.
NEGATIVE_TOLERANCES = 10.0
NEGATIVE_SHARE = 1e-3
MOST_STEPS = 20_000  # between two outputs
TIGHTER = 100.0  # of the second integration that gives the error estimate
SMALLEST_SCALE = 1e-60  # below it CVODE's weights overflow
CYCLES_A_LOOK = 100  # of a steady state: how often it is asked whether it comes nearer
SLOWEST = 0.99  # what a cycle moves, as a share of what it moved at the last look
SETTLED_SHARE = 0.1  # of the tolerance: what a cycle may change at steady state
SHORTEST_SHARE = 1e-12  # of the time reached: a shorter stretch takes no time
UNCHECKED = np.nan
LONGEST_WORDS = 500  # of a message of libRoadRunner


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some runs to be done: what varies, and what is done to them in order.

    Attributes
    ----------
    varied
        Values of the varied ids, (n_runs, n_varied).
    dose_run, dose_time, dose_kind, dose_target, dose_amount, dose_jump, targets
        ``run``, ``time``, ``kind``, ``target``, ``value``, ``jump`` and ``names`` of
        :class:`exocast.engine.dosing.Switches`; runs count from 0 within the chunk.
    atol
        Absolute tolerance of every state; scaled to the run when None.
    checked_share
        Share of runs integrated again at a hundredth of the tolerance.
    """

    times: Array
    varied: Array
    dose_run: NDArray[np.int64]
    dose_time: Array
    dose_kind: NDArray[np.int8]
    dose_target: NDArray[np.int64]
    dose_amount: Array
    dose_jump: NDArray[np.int64]
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
        text = for_libroadrunner(sbml, self.description.own_time)
        try:
            self._runner = roadrunner.RoadRunner(text)
        except Exception as e:  # noqa: BLE001 - its bindings raise what they like
            words = f"libRoadRunner cannot load this model: {plain(e)}"
            raise UnsupportedModel(words) from None
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
        self._selected: tuple[str, ...] | None = None
        self._original: dict[str, float] = {}  # initial values before any run wrote its own

    def run_chunk(
        self,
        varied: Sequence[str],
        observe: Sequence[str],
        chunk: Chunk,
        one_done: Callable[[], None] = lambda: None,
    ) -> ChunkResult:
        """Runs of a chunk, one after the other; ``one_done`` is called after each."""
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
            one_done()
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
        scale = self.scale = self._scale(given)
        tolerance = np.full(len(scale), atol) if atol is not None else RESOLVED_SHARE * rtol * scale
        self._integrator.setValue("relative_tolerance", rtol)
        self._integrator.setValue("absolute_tolerance", tolerance.tolist())
        return -NEGATIVE_TOLERANCES * np.maximum(tolerance, NEGATIVE_SHARE * rtol * scale)

    def give(self, name: str, amount: float) -> None:
        """Adds an amount to a species, now."""
        model = self._runner.model
        name = self.description.alias(name)
        model.setValue(name, model.getValue(name) + amount)

    def write(self, name: str, value: float) -> None:
        """Gives a parameter a value, now."""
        self._runner.model.setValue(self.description.alias(name), value)

    def turn_to(self, time: float) -> None:
        """Makes it this time, so that whatever the model computes from time is of this time."""
        self._runner.model.setTime(time)

    def state(self) -> Array:
        """Values of ``states``, now."""
        return np.array([self._runner.model.getValue(name) for name in self.states])

    def put(self, state: Array) -> None:
        """Gives ``states`` these values, now."""
        for name, value in zip(self.states, state.tolist(), strict=True):
            self._runner.model.setValue(name, value)

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
        watched = slice(self.n_observed, self.n_observed + len(self.watched))
        negative = (rows[:, watched] < lowest[self.watched]).any(axis=1)
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
        times, chunk = self.chunk.times, self.chunk
        lowest = self._begin(rtol)
        start = saved = self.solver.state()
        silent = inside_cycles(chunk.dose_kind[self.doses], chunk.dose_jump[self.doses])
        done, now = 0, 0.0
        settling, at = _Settling(rtol=rtol), self.doses.start
        while at <= self.doses.stop:
            inside = at < self.doses.stop and bool(silent[at - self.doses.start])
            last = at == self.doses.stop or (not inside and chunk.dose_time[at] > times[-1])
            end = None if last else float(chunk.dose_time[at])
            if end is None or end > now:
                upto = len(times) if end is None else int(np.searchsorted(times, end))
                outputs = times[:0] if inside else times[done:upto]
                grid = [now, *outputs[outputs > now], *([] if end is None else [end])]
                skip = 0 if len(outputs) and outputs[0] == now else 1
                status, rows = self.solver.advance(grid, carefully=carefully)
                judged, good = self.solver.judge(rows, lowest)
                count = min(max(good - skip, 0), len(outputs))
                values[done : done + count] = rows[skip : skip + count, : values.shape[1]]
                done += count
                if judged != OK or status != OK:
                    return (status if status != OK else judged), done
            if end is None:
                break
            now = end
            kind, value = int(chunk.dose_kind[at]), float(chunk.dose_amount[at])
            if kind == CYCLE:
                now = value
                self.solver.turn_to(now)
                if not settling.after(self.solver.state(), self.solver.scale):
                    if settling.hopeless:
                        return TOO_MANY_STEPS, done
                    at -= int(chunk.dose_jump[at])
                    continue
                settling = _Settling(rtol=rtol)
            elif kind == SAVE:
                saved = self.solver.state()
                self.solver.put(start)
                self._stop_infusions()
            elif kind == MERGE:
                self.solver.put(self.solver.state() + saved - start)
            elif kind == RESET:
                self._begin(rtol)
                self.solver.turn_to(now)
            else:
                self._switch(kind, chunk.targets[int(chunk.dose_target[at])], value)
            at += 1
        return OK, done

    def _begin(self, rtol: float) -> Array:
        scale = self._given_scale()
        return self.solver.begin(self.starts, self.numbers, scale, rtol, self.chunk.atol)

    def _switch(self, kind: int, name: str, value: float) -> None:
        if kind == ADD:
            self.solver.give(name, value)
        elif kind == SET:
            self.solver.write(name, value)
        elif kind == RATE:
            self.solver.write(INFUSION + name, value)

    def _stop_infusions(self) -> None:
        rates = self.chunk.dose_target[self.doses][self.chunk.dose_kind[self.doses] == RATE]
        for target in set(rates.tolist()):
            self.solver.write(INFUSION + self.chunk.targets[target], 0.0)

    def _given_scale(self) -> dict[str, float]:
        """Total of what is given to this run, by unit of the species."""
        chunk, result = self.chunk, dict[str, float]()
        on: dict[int, tuple[float, float]] = {}  # rate into a species, and since when
        for i in range(self.doses.start, self.doses.stop):
            kind, target = int(chunk.dose_kind[i]), int(chunk.dose_target[i])
            given, time = abs(float(chunk.dose_amount[i])), float(chunk.dose_time[i])
            if kind == RATE:
                rate, since = on.get(target, (0.0, time))
                on[target] = (given, time)
                given = rate * max(time - since, 0.0)
            elif kind != ADD:
                continue
            unit = self.solver.description.unit(chunk.targets[target])
            result[unit] = result.get(unit, 0.0) + given
        return result


@dataclass(kw_only=True)
class _Settling:
    """How far the cycles of one steady state have come.

    Attributes
    ----------
    hopeless
        Some state moves as much in a cycle as it did long ago: it gathers something for ever.
    """

    rtol: float
    hopeless: bool = False
    _state: Array | None = None
    _moved: Array | None = None  # when last looked at
    _cycles: int = 0

    def after(self, state: Array, scale: Array) -> bool:
        """Whether the cycle that ended in this state changed nothing that the tolerance tells."""
        before, self._state = self._state, state
        if before is None:
            return False
        moved, size = np.abs(state - before), np.maximum(np.abs(state), np.abs(before))
        moves = moved > SETTLED_SHARE * self.rtol * (size + RESOLVED_SHARE * scale)
        if not moves.any():
            return True
        self._cycles += 1
        if self._cycles % CYCLES_A_LOOK == 0:
            then, self._moved = self._moved, moved
            self.hopeless = then is not None and bool((moves & (moved > SLOWEST * then)).any())
        return False


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


def plain(error: Exception) -> str:
    """What a foreign error says, on one line of bearable length."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= LONGEST_WORDS else words[:LONGEST_WORDS] + " ..."


def _status_of(message: str) -> int:
    """Status for what CVODE said."""
    if "TOO_MUCH_WORK" in message or "mxstep" in message:
        return TOO_MANY_STEPS
    if "RHSFUNC" in message or "nan" in message.lower():
        return NON_FINITE
    return STEP_UNDERFLOW
