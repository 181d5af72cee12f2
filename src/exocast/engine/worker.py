"""A worker process of the engine: reads chunks from its input, writes results to its output."""

from __future__ import annotations

import os
import sys

from exocast.engine.pool import read_frame, write_frame
from exocast.engine.solver import solver_of


def main() -> None:
    """Serves until the input ends; what the solver prints goes to the error output."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        sbml, varied, observe = read_frame(requests)
        while True:
            chunk = read_frame(requests)
            try:
                answer = solver_of(sbml).run_chunk(varied, observe, chunk)
            except Exception as e:  # noqa: BLE001 - raised again by the parent
                write_frame(answers, e)
            else:
                write_frame(answers, answer)
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
