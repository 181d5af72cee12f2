"""One engine in a process of its own, on one core: reads requests, answers with timings.

Frames of pickle over pipes; what an engine prints goes to the error output.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MOST_RETURNED = 256  # patients whose values are sent back


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One run: patients, seconds of processor and of the clock, values of the first patients."""

    count: int
    processor_s: float
    clock_s: float
    values: Any
    steps: float


class Failed(Exception):
    """An engine could not do what was asked; says why."""


def write(stream: BinaryIO, what: object) -> None:
    """Sends an object."""
    body = pickle.dumps(what)
    stream.write(len(body).to_bytes(8, "little") + body)
    stream.flush()


def read(stream: BinaryIO) -> Any:
    """Receives an object."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(stream.read(int.from_bytes(head, "little")))


class Worker:
    """The parent's side."""

    def __init__(self, engine: str, core: int | None = None) -> None:
        single = dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
        )
        environment = os.environ | single
        environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), engine, str(-1 if core is None else core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if not os.environ.get("BENCH_DEBUG") else None,
            env=environment,
        )

    def send(self, what: object) -> None:
        """Asks."""
        assert self.process.stdin is not None
        try:
            write(self.process.stdin, what)
        except BrokenPipeError as e:
            raise Failed("its process ended") from e

    def answer(self) -> Any:
        """Waits for the answer."""
        assert self.process.stdout is not None
        try:
            found = read(self.process.stdout)
        except EOFError as e:
            raise Failed(f"its process ended ({self.process.wait()})") from e
        if isinstance(found, Failed):
            raise found
        return found

    def ask(self, what: object) -> Any:
        """Asks and waits."""
        self.send(what)
        return self.answer()

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def processor_s() -> float:
    """Processor time of this process and its threads, and of children that have ended."""
    own, children = (
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    """Serves an engine until the input ends."""
    from engines import ENGINES

    name, core = sys.argv[1], int(sys.argv[2])
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    engine = ENGINES[name]()
    while True:
        try:
            what, *given = read(requests)
        except EOFError:
            return
        try:
            if what == "run":
                engine.ready(given[0])
            processor, clock = processor_s(), time.perf_counter()
            result = engine.prepare(*given) if what == "prepare" else engine.run(*given)
            timed = Timed(
                count=0 if result is None else len(result),
                processor_s=processor_s() - processor,
                clock_s=time.perf_counter() - clock,
                values=None if result is None else result[:MOST_RETURNED],
                steps=float(getattr(engine, "steps", 0.0)),
            )
            write(answers, timed)
        except Exception as e:  # noqa: BLE001 - told to the parent, which names it in the table
            traceback.print_exc()
            write(answers, Failed(f"{type(e).__name__}: {str(e)[:300]}"))


if __name__ == "__main__":
    # Under its own name, so that what is sent can be read by the parent.
    from worker import main as serve

    serve()
