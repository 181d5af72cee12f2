"""Runs of any model, written part by part as a result directory without arms or worlds."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.engine import STATUS, Model, Runs
from exocast.engine.model import ASKED_FOR
from exocast.errors import InvalidInput
from exocast.study.result import SCHEMA, Result, parts_of

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
KIND = "simulation"
ROWS_A_PART = 1_000_000
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
KEYS = ("run", "time")
PACKAGES = ("exocast", "libroadrunner", "llvmlite", "numpy", "python-libsbml")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be run.

    Attributes
    ----------
    model
        With what varies and is observed.
    times
        Output times, (n_times,).
    ids
        Names of the runs.
    numbers
        What varies, (n_runs, n_varied).
    doses
        Dose table, or None.
    files
        What was read, by what it is: ``model``, ``patients``, ``doses``.
    rtol
        Relative tolerance.
    """

    model: Model
    times: Array
    ids: tuple[str, ...]
    numbers: Array
    doses: pd.DataFrame | None
    files: Mapping[str, Path]
    rtol: float


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How the runs ended, counted.

    Attributes
    ----------
    status
        Runs by status.
    largest_error
        Largest error estimate; None when no run was done twice.
    """

    status: Mapping[str, int]
    largest_error: float | None


def write(
    plan: Plan,
    directory: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    rows_a_part: int = ROWS_A_PART,
) -> Path:
    """Run a plan and write it as a result directory of the kind ``simulation``.

    Runs are done and written in slices, so that what is in memory does not grow with their
    number; the rows are the same whatever the size of a part.

    Parameters
    ----------
    plan
        What to run.
    directory
        Made by this function.
    progress
        Called with (runs done, runs in all).
    rows_a_part
        Most rows of a part, and at least one run.

    Raises
    ------
    InvalidInput
        When an observable has the name of a column of the result.
    """
    for name in plan.model.observe:
        if name in KEYS:
            raise InvalidInput(
                f"'{name}' is a column of every result; rename it in the model to observe it.",
                where="observe",
            )
    (directory / "parts").mkdir(parents=True)
    parts: list[dict[str, Any]] = []
    tables: list[pd.DataFrame] = []
    for first, runs in _slices(plan, progress, rows_a_part):
        parts.append(_write_part(directory, len(parts), first, runs))
        tables.append(_run_table(plan, first, runs))
    import pandas as pd

    table = pd.concat(tables, ignore_index=True)
    table.to_parquet(directory / "runs.parquet", index=False)
    manifest = _manifest(plan, parts, table)
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (directory / "manifest.json").write_text(text, encoding="utf-8")
    _write_quantiles(Result(directory=directory, manifest=manifest), plan.times)
    return directory


def _slices(
    plan: Plan, progress: Callable[[int, int], None] | None, rows_a_part: int
) -> Iterator[tuple[int, Runs]]:
    """First run and results of each slice."""
    total, each = len(plan.ids), max(1, rows_a_part // len(plan.times))
    doses = None if plan.doses is None else plan.doses.sort_values("run", kind="stable")
    place = np.empty(0) if doses is None else doses["run"].to_numpy(dtype=np.float64)
    for first in range(0, total, each):
        last = min(first + each, total)
        own = None
        if doses is not None:
            begin, end = np.searchsorted(place, [first, last])
            own = doses.iloc[begin:end]
            own = own.assign(run=own["run"] - first)

        def told(done: int, _: int, first: int = first) -> None:
            if progress is not None:
                progress(first + done, total)

        yield (
            first,
            plan.model.run(plan.times, plan.numbers[first:last], own, plan.rtol, progress=told),
        )


def _write_part(directory: Path, index: int, first: int, runs: Runs) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count, length = len(runs.status), len(runs.times)
    numbers = {name: runs.values[:, :, i].ravel() for i, name in enumerate(runs.observed)}
    table = pa.table(
        {
            "run": np.repeat(np.arange(first, first + count, dtype=np.int32), length),
            "time": np.tile(runs.times, count),
            **numbers,
        }
    )
    path = directory / "parts" / f"part-{index:05d}.parquet"
    temporary = path.with_suffix(".tmp")
    pq.write_table(
        table,
        temporary,
        compression="zstd",
        use_dictionary=["run"],
        column_encoding=dict.fromkeys(["time", *numbers], "BYTE_STREAM_SPLIT"),
    )
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(path)
    digest = hashlib.blake2b(path.read_bytes()).hexdigest()
    return {"file": f"parts/{path.name}", "rows": table.num_rows, "blake2b": digest}


def _run_table(plan: Plan, first: int, runs: Runs) -> pd.DataFrame:
    import pandas as pd

    count = len(runs.status)
    return pd.DataFrame(
        {
            "run": np.arange(first, first + count, dtype=np.int32),
            "ID": list(plan.ids[first : first + count]),
            "status": [STATUS[int(code)] for code in runs.status],
            "steps": runs.steps,
            "rejections": runs.rejections,
            "error_estimate": runs.error_estimate,
            "time_reached": runs.time_reached,
        }
    )


def _manifest(plan: Plan, parts: list[dict[str, Any]], table: pd.DataFrame) -> dict[str, Any]:
    units = plan.model.description
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "title": plan.files["model"].name,
        "files": {
            what: {
                "file": path.name,
                "blake2b": hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest(),
            }
            for what, path in plan.files.items()
        },
        "path": plan.model.path,
        "rtol": plan.rtol,
        "runs": len(plan.ids),
        "varied": list(plan.model.varied),
        "times": len(plan.times),
        "observables": {name: {"unit": units.unit(name)} for name in plan.model.observe},
        "versions": {name: version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "warnings": _path_warnings(plan) + _warnings(table),
        "parts": parts,
        "status": "complete",
    }


def _path_warnings(plan: Plan) -> list[dict[str, str]]:
    """What says that the general path was taken though it was not asked for."""
    why = plan.model.why_general
    if not why or why == ASKED_FOR:
        return []
    return [
        {
            "code": "GENERAL_PATH",
            "message": f"the general path (libRoadRunner, one run at a time) is taken: {why}",
            "where": plan.files["model"].name,
        }
    ]


def _warnings(table: pd.DataFrame) -> list[dict[str, str]]:
    failed = table[table["status"] != STATUS[0]]
    if failed.empty:
        return []
    counts = ", ".join(
        f"{count} {str(name).replace('_', ' ')}"
        for name, count in failed["status"].value_counts().items()
    )
    first = failed.iloc[0]
    return [
        {
            "code": "RUNS_FAILED",
            "message": f"{len(failed)} of {len(table)} runs failed ({counts}); the first is "
            f"'{first['ID']}', known up to time {first['time_reached']:g}. Their values from there "
            "on are missing, and quantiles leave them out.",
            "where": "runs.parquet",
        }
    ]


def _write_quantiles(result: Result, times: Array) -> None:
    """Quantiles over the runs that have a value, one observable in memory at a time."""
    import pandas as pd
    import pyarrow.parquet as pq

    found = []
    for name in result.observables:
        columns = [pq.read_table(part, columns=[name])[name] for part in parts_of(result)]
        values = np.concatenate([c.to_numpy() for c in columns]).reshape(-1, len(times))
        for at, time in enumerate(times.tolist()):
            known = values[:, at][np.isfinite(values[:, at])]
            quantiles = np.quantile(known, LEVELS) if len(known) else np.full(len(LEVELS), np.nan)
            mean = float(known.mean()) if len(known) else np.nan
            rows = [("mean", np.nan, mean), ("runs", np.nan, float(len(known)))]
            rows += [("quantile", *pair) for pair in zip(LEVELS, quantiles.tolist(), strict=True)]
            found += [(name, time, *row) for row in rows]
    columns_ = ["observable", "time", "statistic", "level", "value"]
    pd.DataFrame(found, columns=columns_).to_parquet(
        result.directory / "summary.parquet", index=False
    )


# Reading -----------------------------------------------------------------------------------------


def ended(result: Result) -> Ended:
    """How the runs of a simulation ended."""
    table = result.frame("runs")
    known = table["error_estimate"].to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    counts = table["status"].value_counts()
    return Ended(
        status={name: int(counts[name]) for name in STATUS if name in counts},
        largest_error=float(known.max()) if len(known) else None,
    )


def values(result: Result) -> pd.DataFrame:
    """All rows: ``ID``, ``run``, ``time`` and what was observed."""
    import pandas as pd

    table = pd.concat([pd.read_parquet(part) for part in parts_of(result)], ignore_index=True)
    ids = result.frame("runs")["ID"].to_numpy()
    table.insert(0, "ID", ids[table["run"].to_numpy()])
    return table
