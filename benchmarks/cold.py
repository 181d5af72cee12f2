"""From a new process to the first patient of the yardstick, and what that time is made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from arithmetic import spread
from settings import Settings
from tables import short, table

HERE = Path(__file__).parent
# What the child measures, in order; the rest of the whole is "other".
PARTS = {
    "python": "Python starts",
    "imports": "imports (NumPy, Exocast)",
    "read": "SBML read",
    "problem": "equations",
    "build": "Jacobian, factors, plan",
    "text": "IR text",
    "llvm": "LLVM makes the code (first: llvmlite itself)",
    "load": "code loaded",
    "run": "first patient",
}
CHILD = """
import time
begun = time.time()
import json, os, sys
import numpy as np
from exocast import engine
from exocast.engine import model as face
from exocast.engine.batch import build, front, machine, problem
imported = time.time()
spent, calls = {}, {}
def timed(module, name, part):
    inner = getattr(module, name)
    def outer(*given, **named):
        start = time.perf_counter()
        try:
            return inner(*given, **named)
        finally:
            calls[part] = calls.get(part, 0) + 1
            spent[part] = spent.get(part, 0.0) + time.perf_counter() - start
    setattr(module, name, outer)
timed(face, "document_of", "read")
timed(front, "document_of", "read")
timed(problem, "problem_of", "problem")
timed(build, "build", "build")
timed(build, "text_of_model", "text")
timed(build, "text_of_driver", "text")
timed(machine, "objects_of", "llvm")
timed(machine, "loaded", "load")
given = json.load(open(sys.argv[1]))
model = engine.compile(
    given["sbml"], varied=given["varied"], observe=given["observe"], path="batch"
)
before = sum(v for k, v in spent.items() if k != "text")
start = time.perf_counter()
runs = model.run(
    given["times"], [given["numbers"]], processes=1, rtol=1e-3, checked_share=0.0
)
between = sum(v for k, v in spent.items() if k != "text") - before
spent["run"] = time.perf_counter() - start - between
ended = time.time()
assert runs.status[0] == 0
spent["python"] = begun - float(os.environ["BENCH_STARTED"])
spent["imports"] = imported - begun
spent["llvm"] = spent.get("llvm", 0.0) - spent.get("text", 0.0)
spent |= {"made": calls.get("llvm", 0), "loaded": calls.get("load", 0)}
print(json.dumps(spent | {"whole": ended - float(os.environ["BENCH_STARTED"])}))
"""


def measure(how: Settings) -> dict[str, Any]:
    """Medians of fresh processes, without and with the cache in turn."""
    text = (HERE / "yardstick" / "model.xml").read_text(encoding="utf-8")
    varied = json.loads((HERE / "yardstick" / "varied.json").read_text(encoding="utf-8"))
    names = list(varied["vary_sigma"])
    values = json.loads((HERE / "yardstick" / "base.json").read_text(encoding="utf-8"))
    given = {
        "sbml": text,
        "varied": names,
        "observe": varied["observables"],
        "numbers": [values[name] for name in names],
        "times": [7.0 * k for k in range(53)],
    }
    found: dict[str, list[dict[str, float]]] = {"no cache": [], "cached": []}
    with tempfile.TemporaryDirectory() as folder:
        question = Path(folder) / "question.json"
        question.write_text(json.dumps(given), encoding="utf-8")
        kept = str(Path(folder) / "cache")
        _child(question, kept)
        for _ in range(how.cold):
            found["no cache"].append(_child(question, "off"))
            found["cached"].append(_child(question, kept))
    return {
        way: {
            part: spread([one.get(part, 0.0) for one in some])
            for part in (*PARTS, "whole", "made", "loaded")
        }
        for way, some in found.items()
    } | {"processes": how.cold}


def _child(question: Path, cache: str) -> dict[str, float]:
    path = os.pathsep.join(p for p in sys.path if p)
    environment = os.environ | {"EXOCAST_CACHE": cache, "PYTHONPATH": path}
    # Byte code is kept, as that of an installed package is.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(question.parent / "bytecode")
    environment["BENCH_STARTED"] = repr(time.time())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(question)],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def text(result: dict[str, Any]) -> str:
    """Milliseconds of each part."""
    ways = ("no cache", "cached")
    rows = [
        [title, *(short(1e3 * result[way][part][0]) for way in ways)]
        for part, title in PARTS.items()
    ]
    rest = [result[way]["whole"][0] - sum(result[way][part][0] for part in PARTS) for way in ways]
    rows.append(["other", *(short(1e3 * max(r, 0.0)) for r in rest)])
    rows.append(
        [
            "code made, loaded (times)",
            *(f"{result[w]['made'][0]:.0f}, {result[w]['loaded'][0]:.0f}" for w in ways),
        ]
    )
    rows.append(
        [
            "**whole** (lowest – highest)",
            *(
                "**{}** ({} – {})".format(*(short(1e3 * v) for v in result[way]["whole"]))
                for way in ways
            ),
        ]
    )
    return table([f"ms, medians of {result['processes']} processes", *ways], rows)
