"""Any damage to a file ends in a refusal or in a reading: the harness that all readers share.

A test module names its reader and the files that its own writers make; real files of the reference
folder are added where there are any. 2,000 inputs a reader, ``EXOCAST_FULL=1`` for 100,000.
"""

from __future__ import annotations

import os
import random
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exocast.errors import ExocastError
from exocast.vial import InstrumentFile, Reader, Reading

FULL = os.environ.get("EXOCAST_FULL") == "1"
INPUTS = 100_000 if FULL else 2_000
# Inputs of one example: drawing them singly would take longer than reading them.
BLOCK = 50
# A hang, not a clock: two processors share this machine with others.
LONGEST_S = 20.0
REFERENCE = Path(os.environ.get("EXOCAST_REFERENCE", Path(__file__).parents[3] / "shared"))
SIGNS = (b",", b";", b"\n", b"\r\n", b'"', b"\t", b"0", b"9", b"-", b".", b"e", b" ", b"\xb5")
WORDS = (b"nan", b"inf", b"1e999", b"Not recorded", b"-1", b"\x00", b"\xff\xfe", b"N/A", b"<", b">")


def reference_files(*patterns: str, most_bytes: int = 60_000) -> list[Path]:
    """Real files of the reference folder, small ones: a mutation of them stays quick."""
    found = [p for pattern in patterns for p in sorted(REFERENCE.glob(f"samples/{pattern}"))]
    return [p for p in found if p.stat().st_size <= most_bytes]


def mutated(data: bytes, seed: int, other: bytes) -> bytes:
    """The bytes with one to four pieces lost, doubled, swapped, put in or taken from elsewhere."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        if not data:
            return data
        # Half of the damage falls into the head, where names and settings stand.
        reach = len(data) if chance.random() < 0.5 else max(1, min(len(data), 2_000))
        a = chance.randrange(reach)
        b = min(len(data), a + chance.choice((1, 1, 2, 5, 40, 400, 10**9)))
        kind = chance.choice(("cut", "put", "double", "replace", "flip", "splice"))
        if kind == "cut":
            data = data[:a] + data[b:]
        elif kind == "put":
            data = data[:a] + chance.choice(SIGNS + WORDS) + data[a:]
        elif kind == "double":
            data = data[:b] + data[a : min(b, a + 400)] + data[b:]
        elif kind == "replace":
            piece = chance.choice(SIGNS + WORDS)
            data = data[:a] + piece + data[a + len(piece) :]
        elif kind == "flip":
            data = data[:a] + bytes([data[a] ^ (1 << chance.randrange(8))]) + data[a + 1 :]
        else:
            c = chance.randrange(max(1, len(other)))
            data = data[:a] + other[c : c + 200] + data[b:]
    return data


def check_reader(
    reader: Reader,
    sources: Sequence[bytes],
    laws: Callable[[Reading, bytes], None] = lambda reading, data: None,
    inputs: int = INPUTS,
) -> None:
    """Run a reader on damaged files: it reads or refuses with an error of ours, and does not hang.

    Parameters
    ----------
    reader
        Called without the guard of :func:`exocast.vial.read_file`, so that its bugs show.
    sources
        Whole files to damage.
    laws
        What must hold for whatever is read, such as: no number that the text does not carry.
    """
    assert sources

    @settings(
        max_examples=max(1, inputs // BLOCK),
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**40))
    def run(block: int) -> None:
        for seed in range(block * BLOCK, (block + 1) * BLOCK):
            chance = random.Random(seed)
            whole, other = chance.choice(sources), chance.choice(sources)
            check_one(reader, mutated(whole, seed, other), laws, seed)

    run()


def check_one(
    reader: Reader,
    data: bytes,
    laws: Callable[[Reading, bytes], None] = lambda reading, data: None,
    seed: int = 0,
) -> None:
    """One damaged file: read, or refused in words; anything else names the seed that made it."""
    file = InstrumentFile(path=Path("damaged.bin"), data=data)
    start = time.perf_counter()
    try:
        reader.sniff(file)
        reading = reader.read(file)
    except ExocastError as refusal:
        if not refusal.message:
            raise AssertionError(f"a refusal without words (seed {seed})") from refusal
        return
    except Exception as e:
        raise AssertionError(f"{reader.name} fails on seed {seed}: {e!r}") from e
    # Laws look at every number and take longer than reading: one file in four, but in a full run.
    if FULL or seed % 4 == 0:
        laws(reading, data)
    assert time.perf_counter() - start < LONGEST_S, f"the reader hangs (seed {seed})"


def peak_memory_ratio(reader: Reader, data: bytes) -> float:
    """Most memory that reading takes, over the size of the file."""
    tracemalloc.start()
    try:
        reader.read(InstrumentFile(path=Path("x.bin"), data=data))
        return tracemalloc.get_traced_memory()[1] / len(data)
    finally:
        tracemalloc.stop()


def each(paths: Iterable[Path]) -> list[bytes]:
    """Bytes of files."""
    return [p.read_bytes() for p in paths]
