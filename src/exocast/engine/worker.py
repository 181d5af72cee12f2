"""A worker process of the engine: reads requests from its input, writes answers to its output.

Foreign models meet libSBML and libRoadRunner here and nowhere else: a text that takes the process
down, or never comes back, costs this process only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from exocast.engine.infusion import infusible
from exocast.engine.pool import DESCRIBE, LOAD, ONE_DONE, read_frame, write_frame
from exocast.engine.sbml import describe
from exocast.engine.solver import Solver, plain, solver_of
from exocast.errors import ExocastError, UnsupportedModel


def main() -> None:
    """Serves until the input ends; what the solver prints goes to the error output."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        while True:
            request = read_frame(requests)
            write_frame(answers, _answer(request, lambda: write_frame(answers, ONE_DONE)))
    except (EOFError, BrokenPipeError):
        return


def _answer(request: tuple[Any, ...], one_done: Callable[[], None]) -> Any:
    """What a request comes to; an error is raised again by the parent."""
    kind, *rest = request
    try:
        if kind == DESCRIBE:
            return describe(*rest)
        if kind == LOAD:
            _loaded(*rest)
            return None
        task, chunk = rest
        solver = _loaded(task.sbml, task.infused)
        return solver.run_chunk(task.varied, task.observe, chunk, one_done)
    except ExocastError as e:
        return e
    except Exception as e:  # noqa: BLE001 - libRoadRunner's bindings raise what they like
        return UnsupportedModel(f"libRoadRunner cannot run this model: {plain(e)}")


def _loaded(sbml: str, infused: tuple[str, ...]) -> Solver:
    return solver_of(infusible(sbml, infused) if infused else sbml)


if __name__ == "__main__":
    main()
