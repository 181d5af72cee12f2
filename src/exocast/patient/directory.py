"""A result directory being written: parts, tables and manifest, each whole or not there."""

from __future__ import annotations

import csv
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.evidence.rows import COLUMNS, Row

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PACKAGES = ("exocast", "numpy", "scipy", "libroadrunner", "python-libsbml", "antimony")


def write_part(
    out: Path,
    index: int,
    arm: str,
    worlds: NDArray[np.int64],
    times_days: Array,
    observed: Mapping[str, Array],
) -> dict[str, Any]:
    """Write one part of a result; gives its record for the manifest.

    Parameters
    ----------
    out
        The result directory, with its folder ``parts``.
    index
        Number of the part: rows are sorted by arm, world, patient and time over the parts.
    arm, worlds, times_days
        What the part holds.
    observed
        Observables by name, each of shape ``(worlds, patients, times)``, in the order of columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    patients = np.arange(next(iter(observed.values())).shape[1])
    world, patient, time = np.meshgrid(worlds, patients, times_days, indexing="ij")
    table = pa.table(
        {
            "arm": pa.array([arm] * world.size).dictionary_encode(),
            "world": world.ravel().astype(np.int32),
            "patient": patient.ravel().astype(np.int32),
            "time": time.ravel(),
            **{name: value.ravel() for name, value in observed.items()},
        }
    )
    path = out / "parts" / f"part-{index:05d}.parquet"
    pq.write_table(
        table,
        path.with_suffix(".tmp"),
        compression="zstd",
        use_dictionary=["arm"],
        column_encoding=dict.fromkeys(["time", *observed], "BYTE_STREAM_SPLIT"),
    )
    settle(path.with_suffix(".tmp"), path)
    digest = hashlib.blake2b(path.read_bytes()).hexdigest()
    return {"file": f"parts/{path.name}", "rows": table.num_rows, "blake2b": digest}


def write_runs(out: Path, tables: Sequence[pd.DataFrame]) -> None:
    """Write ``runs.parquet``: one line a run, how it ended."""
    import pandas as pd

    pd.concat(list(tables), ignore_index=True).to_parquet(out / "runs.parquet", index=False)


def write_rows(out: Path, rows: Sequence[Row]) -> None:
    """Write ``rows.csv``: every row of evidence that was used, with its key."""
    with (out / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", *COLUMNS])
        for row in rows:
            spread = "..".join(f"{s:g}" for s in row.spread)
            fields = {**{c: getattr(row, c) for c in COLUMNS}, "spread": spread}
            writer.writerow([row.key, *(fields[c] for c in COLUMNS)])


def write_text(path: Path, text: str) -> None:
    """Write a text file; a reader sees the whole of it or none."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    settle(temporary, path)


def settle(temporary: Path, path: Path) -> None:
    """Sync, then rename: a reader sees the whole file or none."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def versions() -> dict[str, str]:
    """Versions of the packages that a result's numbers depend on, and of Python."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed as a package"
    return {**found, "python": platform.python_version()}
