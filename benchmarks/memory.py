"""Peak memory of a population that is integrated in slices and never held as a whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from settings import Settings
from tables import short, table

HERE = Path(__file__).parent
SLICE = 2000
CHILD = """
import json, resource, sys
import numpy as np
from cases import yardstick, factors
from exocast import engine
count, size = int(sys.argv[1]), int(sys.argv[2])
case = yardstick(size)
model = engine.compile(case.full, varied=case.full_numbers()[0], observe=case.observe, path="batch")
numbers = case.full_numbers()[1]
total, failed = 0.0, 0
for first in range(0, count, size):
    here = numbers[: min(size, count - first)] * (1.0 + 1e-6 * first / count)
    runs = model.run(case.times, here, rtol=3e-3, processes=1, checked_share=0.0)
    total += float(np.nansum(runs.values[:, -1, :]))
    failed += int((runs.status != 0).sum())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
unit = 2.0**20 if sys.platform == "darwin" else 1024.0
print(json.dumps({"peak_mb": peak / unit, "failed": failed}))
"""


def measure(how: Settings) -> dict[str, Any]:
    """Peak of a process for each number of patients."""
    found = {}
    for count in how.streamed:
        path = os.pathsep.join(p for p in (str(HERE), *sys.path) if p)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(count), str(SLICE)],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        found[str(count)] = json.loads(done.stdout.splitlines()[-1])
    return {"slice": SLICE, "peaks": found}


def text(result: dict[str, Any]) -> str:
    """Megabytes by number of patients."""
    rows = [
        [f"{int(count):,}", short(peak["peak_mb"], 4), str(peak["failed"])]
        for count, peak in result["peaks"].items()
    ]
    return table([f"patients, in slices of {result['slice']:,}", "peak memory, MB", "failed"], rows)
