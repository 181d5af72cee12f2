"""Program that reads one HDF5 file from its input and writes plain numbers to its output.

    python -P hdf5_child.py LIMIT_BYTES FIELD FIELD ...  < file.h5

It runs by itself, in a process of its own (:mod:`exocast.vial.hdf5`): damage in such a file can
crash the C library or make it loop. Only hard links are followed and only data inside the file are
read; what is larger than the limit is not. The output is a line of JSON and then the columns as
64-bit floats, one behind the other.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

DEPTH = 3
MOST_OBJECTS = 5_000
MOST_ATTRIBUTES = 200
MOST_TEXT = 500
MOST_VALUES = 32
SECONDS = 2
BYTES_A_SECOND = 20_000_000


class RefusedError(Exception):
    """What the file does that no instrument's file does."""


def extract(data: bytes, fields: Sequence[str], limit: int) -> tuple[dict[str, Any], list[Any]]:
    """Groups with their attributes, and those columns of their tables that are asked for.

    Parameters
    ----------
    data
        All bytes of the file.
    fields
        Names of columns; a table that has none of them is passed over.
    limit
        Bytes that the columns together may take.

    Returns
    -------
    ``{"groups": [{"path", "attributes", "tables": [{"name", "fields", "rows"}]}]}`` and the
    columns in that order.
    """
    groups: list[dict[str, Any]] = []
    columns: list[Any] = []
    room = limit
    with h5py.File(io.BytesIO(data), "r") as opened:
        for path, group in _groups(opened):
            tables = []
            for name, found in _children(group):
                if not isinstance(found, h5py.Dataset) or found.dtype.names is None:
                    continue
                wanted = [f for f in fields if f in found.dtype.names]
                if not wanted:
                    continue
                _check(found, wanted)
                # The library reads whole rows, with the columns that nobody asked for.
                room -= found.shape[0] * (found.dtype.itemsize + 8 * len(wanted))
                if room < 0:
                    raise RefusedError(f"the table '{name}' is larger than the file can hold")
                rows = found[()]
                columns += [np.ascontiguousarray(rows[f], dtype="<f8") for f in wanted]
                tables.append({"name": name, "fields": wanted, "rows": len(rows)})
            groups.append({"path": path, "attributes": _attributes(group), "tables": tables})
    return {"groups": groups}, columns


def _children(group: Any) -> Iterator[tuple[str, Any]]:
    for i, name in enumerate(group):
        if i > MOST_OBJECTS:
            raise RefusedError(f"a group holds more than {MOST_OBJECTS} parts")
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            yield name, group[name]


def _groups(root: Any) -> Iterator[tuple[str, Any]]:
    """All groups to a depth, each once: hard links can form a ring."""
    waiting = [("/", root, 0)]
    seen = set()
    while waiting:
        path, group, depth = waiting.pop(0)
        key = h5py.h5o.get_info(group.id).addr
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > MOST_OBJECTS:
            raise RefusedError(f"the file holds more than {MOST_OBJECTS} groups")
        yield path, group
        if depth < DEPTH:
            for name, found in _children(group):
                if isinstance(found, h5py.Group):
                    waiting.append((f"{path.rstrip('/')}/{name}", found, depth + 1))


def _check(table: Any, wanted: Sequence[str]) -> None:
    if table.external or table.is_virtual:
        raise RefusedError("a table stands in another file")
    if len(table.shape) != 1:
        raise RefusedError(
            f"a table of peaks has one row a peak, and here its shape is {table.shape}"
        )
    for field in wanted:
        kind = table.dtype[field]
        if kind.kind not in "fiu" or kind.shape:
            raise RefusedError(f"the column '{field}' holds no plain numbers ({kind})")
    if any(table.dtype[name].hasobject for name in table.dtype.names):
        raise RefusedError("a table of peaks holds texts or references")


def _attributes(group: Any) -> dict[str, Any]:
    """Texts and small numbers; anything else is passed over."""
    found: dict[str, Any] = {}
    for i, name in enumerate(group.attrs):
        if i >= MOST_ATTRIBUTES:
            break
        info = group.attrs.get_id(name)
        if info.get_storage_size() > 100_000 or info.dtype.kind not in "fiubSO":
            continue
        value = group.attrs[name]
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            found[name] = value[:MOST_TEXT]
        elif isinstance(value, np.ndarray | np.generic) and value.size <= MOST_VALUES:
            plain = value.tolist()
            plain = plain[0] if isinstance(plain, list) and len(plain) == 1 else plain
            if isinstance(plain, bytes):
                plain = plain.decode("utf-8", "replace")
            if isinstance(plain, str | float | int):
                found[name] = plain[:MOST_TEXT] if isinstance(plain, str) else plain
            elif isinstance(plain, list) and all(isinstance(x, float | int) for x in plain):
                found[name] = plain
    return found


def main() -> None:
    """Reads, and writes what was found or why it was refused."""
    _, limit, *fields = sys.argv
    data = sys.stdin.buffer.read()
    bound_memory(int(limit) + 10 * len(data))
    bound_time(len(data))
    for piece in answer(data, fields, int(limit)):
        sys.stdout.buffer.write(piece)


def answer(data: bytes, fields: Sequence[str], limit: int) -> Iterator[bytes]:
    """What was found as a line of JSON and columns, or why it was refused.

    Parameters
    ----------
    data, fields, limit
        As for :func:`extract`.
    """
    try:
        found, columns = extract(data, fields, limit)
    except RefusedError as e:
        found, columns = {"refused": str(e)}, []
    except Exception as e:  # noqa: BLE001 - whatever h5py makes of damage, it is damage
        found, columns = {"damaged": f"{type(e).__name__}: {e}"[:300]}, []
    yield json.dumps(found, allow_nan=True).encode() + b"\n"
    for column in columns:
        yield column.tobytes()


def bound_memory(more: int) -> None:
    """No more memory than what the process has now and this; where the system can say so."""
    try:
        import resource
    except ImportError:  # Windows
        return
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:  # macOS
        return
    now = int(pages) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))


def bound_time(size: int) -> None:
    """Two seconds of processor more, and one for each 20 MB; then the system ends the process.

    Real files take a tenth of that. Damage can make the library go round for ever.
    """
    try:
        import resource
    except ImportError:  # Windows: the parent's limit by the clock is left
        return
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(spent.ru_utime + spent.ru_stime) + SECONDS + size // BYTES_A_SECOND
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()
