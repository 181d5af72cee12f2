"""HDF5 files, read in a process of their own.

Damage in such a file can crash the C library or make it loop, which no ``except`` catches. The
program :mod:`exocast.vial.hdf5_child` reads it and hands over plain numbers, within limits of
memory and time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError
from exocast.vial.files import InstrumentFile

Array = NDArray[np.float64]
SIGNATURE = b"\x89HDF\r\n\x1a\n"
CHILD = Path(__file__).with_name("hdf5_child.py")
LONGEST_S = 60.0  # by the clock; the process limits its own processor time
OUT_OF_TIME = getattr(signal, "SIGXCPU", 1_000)  # not on Windows
LEAST_ROOM = 64_000_000  # bytes of memory: buffers of the library, whatever the file
TIMES_FILE = 20  # columns over the file: real ones are packed by about two


@dataclass(frozen=True, kw_only=True)
class Hdf5Group:
    """A group of a file.

    Attributes
    ----------
    path
        Such as ``/data/0``.
    attributes
        Texts, numbers and short lists of numbers.
    tables
        Columns of each table, by their names; all of one length.
    """

    path: str
    attributes: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Array]]


def is_hdf5(file: InstrumentFile) -> bool:
    """Whether a file begins as HDF5 does."""
    return file.data.startswith(SIGNATURE)


def read_groups(file: InstrumentFile, fields: Sequence[str]) -> tuple[Hdf5Group, ...]:
    """Groups of an HDF5 file with their attributes, and columns of their tables.

    Parameters
    ----------
    file
        Any file; its bytes are not trusted.
    fields
        Names of the columns that are wanted.

    Raises
    ------
    InstrumentFileError
        ``NOT_AN_EXPORT`` when it is no HDF5; ``TRUNCATED`` when it is damaged; ``BOMB`` when it
        would take memory or time beyond measure, or points to other files.
    """
    if not is_hdf5(file):
        raise InstrumentFileError("this is no HDF5 file.", where=str(file.path))
    limit = max(LEAST_ROOM, TIMES_FILE * len(file.data))
    if not sys.executable:
        raise InstrumentFileError(
            "HDF5 is read in a process of its own, and this Python has no program to start one. "
            "Read the file with the command 'exocast vial inspect'.",
            code="READER_FAILED",
            where=str(file.path),
        )
    # -P: the folder of the program has modules named as those of Python.
    command = [sys.executable, "-P", str(CHILD), str(limit), *fields]
    try:
        done = subprocess.run(
            command,
            input=file.data,
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
            # No filters from outside: a file may name any.
            env={**os.environ, "HDF5_PLUGIN_PRELOAD": "::"},
        )
    except subprocess.TimeoutExpired:
        raise _too_long(file, f"more than {LONGEST_S:.0f} s") from None
    if done.returncode == -OUT_OF_TIME:
        raise _too_long(file, "more processor time than any real file")
    return groups_of(file, b"" if done.returncode else done.stdout)


def groups_of(file: InstrumentFile, answer: bytes) -> tuple[Hdf5Group, ...]:
    """What the process of its own answered, as groups; an empty answer is a broken process.

    Parameters
    ----------
    file
        For messages.
    answer
        A line of JSON, and columns behind it.

    Raises
    ------
    InstrumentFileError
        As :func:`read_groups`.
    """
    header, _, numbers = answer.partition(b"\n")
    if not header:
        raise _refusal(file, "the HDF5 is so damaged that its library breaks", "TRUNCATED")
    found = json.loads(header)
    if "refused" in found:
        raise _refusal(file, f"{found['refused']}; it is refused", "BOMB")
    if "damaged" in found:
        raise _refusal(file, f"the HDF5 is damaged ({found['damaged']})", "TRUNCATED")
    return _groups(found["groups"], np.frombuffer(numbers, dtype="<f8"))


def _too_long(file: InstrumentFile, what: str) -> InstrumentFileError:
    return _refusal(file, f"reading it takes {what}; it is refused", "BOMB")


def _groups(found: Sequence[Mapping[str, Any]], numbers: Array) -> tuple[Hdf5Group, ...]:
    groups, at = [], 0
    for group in found:
        tables: dict[str, dict[str, Array]] = {}
        for table in group["tables"]:
            columns = tables.setdefault(table["name"], {})
            for field in table["fields"]:
                columns[field] = numbers[at : at + table["rows"]]
                at += table["rows"]
        groups.append(Hdf5Group(path=group["path"], attributes=group["attributes"], tables=tables))
    return tuple(groups)


def _refusal(file: InstrumentFile, what: str, code: str) -> InstrumentFileError:
    return InstrumentFileError(
        f"{what}. Copy or export the file again.", code=code, where=str(file.path)
    )
