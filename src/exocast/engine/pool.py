"""Worker processes of the general path: libSBML and libRoadRunner at arm's length.

The workers are started as ``python -m exocast.engine.worker`` and spoken to through their pipes:
unlike multiprocessing's, they never import the caller's script, so that a forecast runs from a
script without a guard. They ignore Ctrl-C; the parent ends them. One that crashes, or does not
answer in time, is ended and replaced; a model that does this while it is loaded is refused, a run
that does it fails alone.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from exocast.engine.sbml import Description
from exocast.engine.solver import UNCHECKED, Chunk, ChunkResult
from exocast.engine.status import CRASHED, TOO_MANY_STEPS
from exocast.errors import ExocastError, UnsupportedModel

HEADER = struct.Struct("<Q")
WAIT_S = 0.2
SECONDS_TO_LEAVE = 2.0
LONGEST_LOADING_S = 60.0
CHARACTERS_A_SECOND = 20_000  # a long text may take longer to load
LONGEST_RUN_S = 300.0
DESCRIBE, LOAD, RUN = "describe", "load", "run"
ONE_DONE = "one done"  # said by a worker after each run of a chunk
GONE = (EOFError, BrokenPipeError, ConnectionError)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker holds while it does chunks: a model, what is infused, varied and observed."""

    sbml: str
    infused: tuple[str, ...]
    varied: tuple[str, ...]
    observe: tuple[str, ...]


class _Late(EOFError):
    """A worker did not answer in time, and was ended."""


@dataclass(kw_only=True)
class _Worker:
    """A process, and the model that it has loaded."""

    process: subprocess.Popen[bytes]
    loaded: tuple[str, tuple[str, ...]] | None = None


def write_frame(stream: IO[bytes], content: Any) -> None:
    """Writes one pickled object with its length before it."""
    data = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(HEADER.pack(len(data)))
    stream.write(data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> Any:
    """Reads what :func:`write_frame` wrote.

    Raises
    ------
    EOFError
        When the other side is gone.
    """
    head = _exactly(stream, HEADER.size)
    return pickle.loads(_exactly(stream, HEADER.unpack(head)[0]))  # noqa: S301 - our own worker


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def pool() -> Pool:
    """The workers of this process; a fork of it gets its own."""
    return _pool_of(os.getpid())


@functools.lru_cache(maxsize=1)
def _pool_of(process: int) -> Pool:
    return Pool()


class Pool:
    """Processes that stay for the next model; started on first use, ended with the pool."""

    def __init__(self) -> None:
        self._workers: list[_Worker | None] = []
        self._in_use = threading.Lock()
        self._stopped = threading.Event()
        weakref.finalize(self, _end, self._workers)

    def describe(self, sbml: str) -> Description:
        """Names of a model as libSBML finds them.

        Raises
        ------
        InvalidInput, UnsupportedModel
            As :func:`exocast.engine.sbml.describe`; also when it crashes libSBML.
        """
        answer = self._about((DESCRIBE, sbml), sbml)
        assert isinstance(answer, Description)
        return answer

    def load(self, sbml: str) -> None:
        """Has a worker load a model, so that it is known to run.

        Raises
        ------
        UnsupportedModel
            Saying what libRoadRunner said, or that it crashed.
        """
        self._about((LOAD, sbml, ()), sbml)

    def _about(self, request: tuple[Any, ...], sbml: str) -> Any:
        """The answer to a question about a model, from the first worker."""
        with self._in_use:
            self._grow(1)
            try:
                return self._loading(0, request, sbml)
            except ExocastError:
                raise
            except BaseException:
                _end(self._workers)  # whatever it answers now is of no use
                raise

    def _grow(self, count: int) -> None:
        self._workers.extend([None] * (count - len(self._workers)))

    def map(
        self,
        task: Task,
        chunks: Sequence[Chunk],
        progress: Callable[[int, int], None] | None = None,
        *,
        workers: int,
    ) -> list[ChunkResult]:
        """Results of the chunks, in their order, whatever the order they were done in."""
        waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, ChunkResult | BaseException]] = queue.SimpleQueue()
        for i in (*range(len(chunks)), *[None] * workers):
            waiting.put(i)
        with self._in_use:
            self._grow(workers)
            self._stopped.clear()
            threads = [
                threading.Thread(target=self._serve, args=(place, task, chunks, waiting, done))
                for place in range(workers)
            ]
            for thread in threads:
                thread.start()
            try:
                return self._gathered(chunks, done, progress)
            except BaseException as e:
                if workers > 1 or not isinstance(e, ExocastError):
                    self._stopped.set()
                    _end(self._workers)
                raise
            finally:
                for thread in threads:
                    thread.join()
                if self._stopped.is_set():
                    _end(self._workers)  # a thread may have started one meanwhile

    def _gathered(
        self,
        chunks: Sequence[Chunk],
        done: queue.SimpleQueue[tuple[int, ChunkResult | BaseException]],
        progress: Callable[[int, int], None] | None,
    ) -> list[ChunkResult]:
        results: dict[int, ChunkResult] = {}
        runs, finished = sum(len(chunk.varied) for chunk in chunks), 0
        for _ in chunks:
            i, result = self._next(done)
            if isinstance(result, BaseException):
                raise result
            results[i] = result
            finished += len(chunks[i].varied)
            if progress is not None:
                progress(finished, runs)
        return [results[i] for i in range(len(chunks))]

    @staticmethod
    def _next(done: queue.SimpleQueue[Any]) -> Any:
        while True:  # a short wait, so that Ctrl-C is heard everywhere
            with contextlib.suppress(queue.Empty):
                return done.get(timeout=WAIT_S)

    def _serve(
        self,
        place: int,
        task: Task,
        chunks: Sequence[Chunk],
        waiting: queue.SimpleQueue[int | None],
        done: queue.SimpleQueue[tuple[int, ChunkResult | BaseException]],
    ) -> None:
        while (i := waiting.get()) is not None and not self._stopped.is_set():
            try:
                done.put((i, self._done(place, task, chunks[i])))
            except BaseException as e:  # noqa: BLE001 - handed to the caller's thread
                done.put((i, e))
                return

    def _done(self, place: int, task: Task, chunk: Chunk) -> ChunkResult:
        """Result of a chunk; if it takes its worker down, of its runs one by one."""
        self._hold(place, task)
        try:
            return self._run(place, task, chunk)
        except GONE as e:
            late = isinstance(e, _Late)
            if self._stopped.is_set():
                raise
        if len(chunk.varied) > 1:
            return _together([self._done(place, task, run) for run in _singly(chunk)])
        if late:
            return _failed(chunk, len(task.observe), TOO_MANY_STEPS)
        self._hold(place, task)
        try:
            return self._run(place, task, chunk)
        except GONE as e:
            status = TOO_MANY_STEPS if isinstance(e, _Late) else CRASHED
            return _failed(chunk, len(task.observe), status)

    def _run(self, place: int, task: Task, chunk: Chunk) -> ChunkResult:
        answer = self._ask(place, (RUN, task, chunk), LONGEST_RUN_S)
        assert isinstance(answer, ChunkResult)
        return answer

    def _hold(self, place: int, task: Task) -> None:
        """Has a worker load the model of a task, unless it was the last that it loaded."""
        worker, wanted = self._workers[place], (task.sbml, task.infused)
        if worker is None or worker.loaded != wanted:
            self._loading(place, (LOAD, *wanted), task.sbml)

    def _loading(self, place: int, request: tuple[Any, ...], sbml: str) -> Any:
        """The answer to a request that may meet a hostile text."""
        limit = LONGEST_LOADING_S + len(sbml) / CHARACTERS_A_SECOND
        for _ in range(2):  # a worker may die for reasons of its own, once
            try:
                answer = self._ask(place, request, limit)
            except _Late:
                raise UnsupportedModel(
                    f"libRoadRunner was not done with loading this model after {limit:.0f} s."
                ) from None
            except GONE:
                if self._stopped.is_set():
                    raise
                continue
            worker = self._workers[place]
            if request[0] == LOAD and worker is not None:
                worker.loaded = request[1:]
            return answer
        raise UnsupportedModel(
            "libRoadRunner crashed while it loaded this model; check the model with libSBML."
        )

    def _ask(self, place: int, request: tuple[Any, ...], limit_s: float) -> Any:
        """The answer to a request; nothing may be silent for longer than the limit."""
        worker = self._workers[place]
        if worker is None:
            worker = self._workers[place] = _Worker(process=_start())
        process, late = worker.process, threading.Event()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            write_frame(process.stdin, request)
            answer: Any = ONE_DONE
            while isinstance(answer, str):
                with _limit(process, limit_s, late):
                    answer = read_frame(process.stdout)
        except GONE as e:
            _end_one(self._workers, place)
            if late.is_set():
                raise _Late from e
            raise
        if isinstance(answer, BaseException):
            raise answer
        return answer


@contextlib.contextmanager
def _limit(
    process: subprocess.Popen[bytes], limit_s: float, late: threading.Event
) -> Iterator[None]:
    """Ends a process that takes longer, which wakes whoever reads from it."""

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _start() -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "exocast.engine.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
        start_new_session=True,  # Ctrl-C goes to the parent alone; on Windows by the next line
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _end(workers: list[_Worker | None]) -> None:
    for place in range(len(workers)):
        _end_one(workers, place)


def _end_one(workers: list[_Worker | None], place: int) -> None:
    held, workers[place] = workers[place], None
    if held is None:
        return
    worker = held.process
    worker.terminate()
    try:
        worker.wait(SECONDS_TO_LEAVE)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    for stream in (worker.stdin, worker.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _singly(chunk: Chunk) -> list[Chunk]:
    result = []
    for run in range(len(chunk.varied)):
        own = chunk.dose_run == run
        result.append(
            Chunk(
                times=chunk.times,
                varied=chunk.varied[run : run + 1],
                dose_run=np.zeros(int(own.sum()), dtype=np.int64),
                dose_time=chunk.dose_time[own],
                dose_kind=chunk.dose_kind[own],
                dose_target=chunk.dose_target[own],
                dose_amount=chunk.dose_amount[own],
                dose_jump=chunk.dose_jump[own],
                targets=chunk.targets,
                rtol=chunk.rtol,
                atol=chunk.atol,
                checked_share=chunk.checked_share,
            )
        )
    return result


def _together(results: Sequence[ChunkResult]) -> ChunkResult:
    return ChunkResult(
        values=np.concatenate([r.values for r in results]),
        status=np.concatenate([r.status for r in results]),
        error_estimate=np.concatenate([r.error_estimate for r in results]),
        time_reached=np.concatenate([r.time_reached for r in results]),
    )


def _failed(chunk: Chunk, n_observed: int, status: int) -> ChunkResult:
    count = len(chunk.varied)
    return ChunkResult(
        values=np.full((count, len(chunk.times), n_observed), np.nan),
        status=np.full(count, status, dtype=np.int8),
        error_estimate=np.full(count, UNCHECKED),
        time_reached=np.zeros(count),
    )
