"""Any damage to a file ends in a refusal or in a reading: the harness that all readers share.

A test module names its reader and the files that its own writers make; real files of the reference
folder are added where there are any. 2,000 inputs a reader, ``EXOCAST_FULL=1`` for 100,000.
"""

from __future__ import annotations

import math
import os
import random
import re
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

# Loaded on first use otherwise, which would look like a hang and like a lot of memory.
import flowio  # noqa: F401 - loaded before a clock runs
import openpyxl  # noqa: F401 - loaded before a clock runs
import pandas as pd  # noqa: F401 - loaded before a clock runs
import xlrd  # noqa: F401 - loaded before a clock runs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from writers.workbooks import (
    Rows,
    archive_of,
    biff8,
    parts_of_xlsx,
    xls,
    xls_of_stream,
    xlsx,
)

from exocast.errors import ExocastError
from exocast.vial import InstrumentFile, Reader, Reading

FULL = os.environ.get("EXOCAST_FULL") == "1"
INPUTS = 100_000 if FULL else 2_000
# Inputs of one example: drawing them singly would take longer than reading them.
BLOCK = 50
# A hang, not a clock: two processors share this machine with others.
LONGEST_S = 20.0
# What reading may take beside the file: ten times its bytes, and this much for small ones.
TIMES_FILE = 10
MORE_BYTES = 8_000_000
# Tracing every allocation takes three times as long: one file in so many.
TRACED = 64
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


def xml_damaged(data: bytes, seed: int) -> bytes:
    """XML that stays well formed: texts and attributes changed, elements lost, doubled or moved."""
    chance = random.Random(seed)
    text = data.decode("utf-8")
    for _ in range(chance.randint(1, 4)):
        if chance.random() < 0.6:
            places = [m.span(1) for m in re.finditer(r'>([^<>]+)<|(?<==")([^"<>]*)"', text)
                      if m.group(1) is not None]  # fmt: skip
            places += [m.span(1) for m in re.finditer(r' (?:id|targetId|version)="([^"]*)"', text)]
            word = chance.choice((b"", b"0", b"-1", b"40", b"1,5", *WORDS)).decode("latin-1")
            piece = re.sub(r"[^ -~]|[<>&\"]", "", word) or chance.choice(("", "NaN", "x" * 300))
        else:
            places = [m.span() for m in re.finditer(r"<(\w+)[^<>]*>[^<>]*</\1>|<\w+[^<>]*/>", text)]
            a, b = chance.choice(places)
            piece = chance.choice(("", text[a:b] * 2, text[slice(*chance.choice(places))]))
        if places:
            a, b = chance.choice(places)
            text = text[:a] + piece + text[b:]
    return text.encode("utf-8")


Maker = Callable[[int], bytes]


def bytes_damaged(sources: Sequence[bytes]) -> Maker:
    """Damages whole files, by a seed."""

    def make(seed: int) -> bytes:
        chance = random.Random(seed)
        whole, other = chance.choice(sources), chance.choice(sources)
        return mutated(whole, seed, other)

    return make


def parts_damaged(archives: Sequence[Mapping[str, bytes]]) -> Maker:
    """Damages what stands inside archives and packs it again, so that it can be unpacked.

    A member gets lost, or its name damaged, now and then; most damage falls into the longest one.
    """

    def make(seed: int) -> bytes:
        chance = random.Random(seed)
        parts = dict(chance.choice(archives))
        longest = max(parts, key=lambda name: len(parts[name]))
        name = longest if chance.random() < 0.7 else chance.choice(sorted(parts))
        kind = chance.random()
        if kind < 0.03:
            del parts[name]
        elif kind < 0.06:
            parts[chance.choice(("x.xml", name.upper(), f"a/{name}"))] = parts.pop(name)
        else:
            parts[name] = mutated(parts[name], seed, parts[longest])
        return archive_of(parts)

    return make


def cells_damaged(grids: Sequence[Rows]) -> Maker:
    """Damages the cells of workbooks, the XML of new ones and the records of old ones."""
    texts = [grid_text(rows) for rows in grids]
    inside = parts_damaged([parts_of_xlsx(xlsx({"S": rows})) for rows in grids])
    streams = [biff8({"S": rows}) for rows in grids]

    def make(seed: int) -> bytes:
        chance = random.Random(seed)
        kind = chance.random()
        if kind < 0.2:
            return inside(seed)
        if kind < 0.35:
            stream = mutated(chance.choice(streams), seed, streams[0])
            return xls_of_stream(stream[:60_000])
        rows = grid_rows(mutated(chance.choice(texts), seed, texts[0]))
        return (xls if kind < 0.5 else xlsx)({"S": rows})

    return make


def grid_text(rows: Rows) -> bytes:
    """Cells as lines with tabs."""
    lines = ["\t".join("" if c is None else str(c).replace("\n", "~") for c in r) for r in rows]
    return "\n".join(lines).encode()


def grid_rows(data: bytes) -> list[list[str | float | None]]:
    """Cells of a damaged grid: numbers where they read as such, texts otherwise."""
    rows = []
    for line in data.decode("latin-1").split("\n")[:60]:
        row: list[str | float | None] = []
        for cell in line.split("\t")[:20]:
            # Characters that XML cannot hold are not what a workbook is damaged by.
            text = re.sub(r"[^\t\n\x20-\x7e\xa0-\xff]", "", cell).replace("~", "\n")
            try:
                value = float(text)
            except ValueError:
                row.append(text or None)
            else:
                row.append(value if math.isfinite(value) else text)
        rows.append(row)
    return rows


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
    check_made(reader, bytes_damaged(sources), laws, inputs)


def check_made(
    reader: Reader,
    make: Maker,
    laws: Callable[[Reading, bytes], None] = lambda reading, data: None,
    inputs: int = INPUTS,
) -> None:
    """As :func:`check_reader`, for files that are made by a seed."""

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
            check_one(reader, make(seed), laws, seed)

    run()


def check_one(
    reader: Reader,
    data: bytes,
    laws: Callable[[Reading, bytes], None] = lambda reading, data: None,
    seed: int = 0,
) -> None:
    """One damaged file: read, or refused in words; anything else names the seed that made it."""
    traced = seed % TRACED == 1
    if traced and not tracemalloc.is_tracing():
        tracemalloc.start()
        try:
            check_one(reader, data, seed=seed + TRACED - 1)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        allowed = TIMES_FILE * len(data) + MORE_BYTES
        assert peak <= allowed, f"reading takes {peak:,} bytes (seed {seed})"
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


def peak_memory(reader: Reader, data: bytes) -> int:
    """Most memory that recognising and reading a file take, beside its own bytes."""
    file = InstrumentFile(path=Path("x.bin"), data=data)
    tracemalloc.start()
    try:
        reader.sniff(file)
        reader.read(file)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def each(paths: Iterable[Path]) -> list[bytes]:
    """Bytes of files."""
    return [p.read_bytes() for p in paths]
