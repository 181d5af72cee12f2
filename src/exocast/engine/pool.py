"""Worker processes fed with chunks of runs.

The workers are started as ``python -m exocast.engine.worker`` and spoken to through their pipes:
unlike multiprocessing's, they never import the caller's script, so that a forecast runs from a
script without a guard. They ignore Ctrl-C; the parent ends them.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from exocast.engine.solver import CRASHED, UNCHECKED, Chunk, ChunkResult

HEADER = struct.Struct("<Q")
WAIT_S = 0.2
SECONDS_TO_LEAVE = 2.0


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


class Pool:
    """Processes that hold one model; started on first use, ended with the pool."""

    def __init__(
        self, *, sbml: str, varied: tuple[str, ...], observe: tuple[str, ...], workers: int
    ) -> None:
        self._task = (sbml, varied, observe)
        self._workers: list[subprocess.Popen[bytes] | None] = [None] * workers
        self._in_use = threading.Lock()
        self._stopped = threading.Event()
        weakref.finalize(self, _end, self._workers)

    def map(
        self, chunks: Sequence[Chunk], progress: Callable[[int, int], None] | None = None
    ) -> list[ChunkResult]:
        """Results of the chunks, in their order, whatever the order they were done in."""
        waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, ChunkResult | BaseException]] = queue.SimpleQueue()
        for i in (*range(len(chunks)), *[None] * len(self._workers)):
            waiting.put(i)
        with self._in_use:
            self._stopped.clear()
            threads = [
                threading.Thread(target=self._serve, args=(place, chunks, waiting, done))
                for place in range(len(self._workers))
            ]
            for thread in threads:
                thread.start()
            try:
                return self._gathered(chunks, done, progress)
            except BaseException:
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
        chunks: Sequence[Chunk],
        waiting: queue.SimpleQueue[int | None],
        done: queue.SimpleQueue[tuple[int, ChunkResult | BaseException]],
    ) -> None:
        while (i := waiting.get()) is not None and not self._stopped.is_set():
            try:
                done.put((i, self._done(place, chunks[i])))
            except BaseException as e:  # noqa: BLE001 - handed to the caller's thread
                done.put((i, e))
                return

    def _done(self, place: int, chunk: Chunk) -> ChunkResult:
        """Result of a chunk; if it takes its worker down, of its runs one by one."""
        try:
            return self._ask(place, chunk)
        except (EOFError, BrokenPipeError, ConnectionError):
            _end_one(self._workers, place)
            if self._stopped.is_set():
                raise
        if len(chunk.varied) > 1:
            return _together([self._done(place, run) for run in _singly(chunk)])
        try:
            return self._ask(place, chunk)
        except (EOFError, BrokenPipeError, ConnectionError):
            _end_one(self._workers, place)
            return _crashed(chunk, len(self._task[2]))

    def _ask(self, place: int, chunk: Chunk) -> ChunkResult:
        worker = self._workers[place]
        if worker is None:
            worker = self._workers[place] = _start()
            assert worker.stdin is not None
            write_frame(worker.stdin, self._task)
        assert worker.stdin is not None
        assert worker.stdout is not None
        write_frame(worker.stdin, chunk)
        answer = read_frame(worker.stdout)
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, ChunkResult)
        return answer


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


def _end(workers: list[subprocess.Popen[bytes] | None]) -> None:
    for place in range(len(workers)):
        _end_one(workers, place)


def _end_one(workers: list[subprocess.Popen[bytes] | None], place: int) -> None:
    worker, workers[place] = workers[place], None
    if worker is None:
        return
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


def _crashed(chunk: Chunk, n_observed: int) -> ChunkResult:
    count = len(chunk.varied)
    return ChunkResult(
        values=np.full((count, len(chunk.times), n_observed), np.nan),
        status=np.full(count, CRASHED, dtype=np.int8),
        error_estimate=np.full(count, UNCHECKED),
        time_reached=np.zeros(count),
    )
