"""The program that reads HDF5, kept running for one damaged file after the other.

A process a file takes a third of a second, most of it spent on starting. Here it stays until a
file takes it down; what it answers goes through the same code as in the package.
"""

from __future__ import annotations

import contextlib
import select
import struct
import subprocess
import sys
from collections.abc import Sequence

from exocast.vial import InstrumentFile
from exocast.vial.hdf5 import CHILD, LEAST_ROOM, OUT_OF_TIME, Hdf5Group, groups_of, is_hdf5

LOOP = """
import importlib.util, struct, sys
spec = importlib.util.spec_from_file_location("hdf5_child", sys.argv[1])
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
child.bound_memory(20 * int(sys.argv[2]))
while head := sys.stdin.buffer.read(4):
    data = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
    child.bound_time(len(data))
    found = b"".join(child.answer(data, sys.argv[3:], int(sys.argv[2])))
    sys.stdout.buffer.write(struct.pack("<I", len(found)) + found)
    sys.stdout.buffer.flush()
"""
LONGEST_S = 20.0


class WarmChild:
    """Answers as a new process would; counts those that were taken down."""

    def __init__(self) -> None:
        self.crashes = self.hangs = 0
        self._process: subprocess.Popen[bytes] | None = None

    def read_groups(self, file: InstrumentFile, fields: Sequence[str]) -> tuple[Hdf5Group, ...]:
        """In the place of :func:`exocast.vial.hdf5.read_groups`."""
        assert is_hdf5(file)
        return groups_of(file, self._ask(file.data, fields))

    def _ask(self, data: bytes, fields: Sequence[str]) -> bytes:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", LOOP, str(CHILD), str(LEAST_ROOM), *fields],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        child = self._process
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(struct.pack("<I", len(data)) + data)
            child.stdin.flush()
            if not select.select([child.stdout], [], [], LONGEST_S)[0]:
                raise AssertionError("the library hangs")
            head = child.stdout.read(4)
        except BrokenPipeError:
            head = b""
        if len(head) < 4:
            self.crashes += 1
            self.hangs += self.close() == -OUT_OF_TIME
            return b""
        return child.stdout.read(struct.unpack("<I", head)[0])

    def close(self) -> int:
        """End the process; how it ended."""
        child, self._process = self._process, None
        if child is None:
            return 0
        with contextlib.suppress(BrokenPipeError):
            child.communicate()
        return child.returncode
