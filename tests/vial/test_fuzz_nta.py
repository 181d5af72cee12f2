"""Damaged files of particle analysers end in a refusal or in numbers that the text carries."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fuzzing import FULL, INPUTS, check_reader, mutated, peak_memory_ratio
from writers import spectradyne, viewsizer, zetaview

from exocast.errors import ExocastError
from exocast.vial import InstrumentFile, known_readers
from exocast.vial.hdf5 import CHILD

READERS = {r.name: r for r in known_readers()}
SOURCES = {
    "zetaview": [
        zetaview.size_text().encode("latin-1"),
        zetaview.size_text(decimal=",", newline="\r\n", dilution=None).encode("latin-1"),
        zetaview.size_text({}, separator=";", decimal=",").encode(),
    ],
    "zetaview_positions": [
        zetaview.positions_text().encode("latin-1"),
        zetaview.positions_text(decimal=",", separator=";", dilution=500.0).encode(),
    ],
    "viewsizer": [
        viewsizer.sizes_text().encode(),
        viewsizer.sizes_text(separator=";", decimal=",", newline="\r\n").encode(),
    ],
    "viewsizer_videos": [
        viewsizer.videos_text().encode(),
        viewsizer.videos_text(comment=False, newline="\r\n").encode(),
    ],
}
# Cells of a few signs are Python texts of sixty bytes, so it is the largest file that counts.
MOST_MEMORY = 100e6


def printed(data: bytes) -> set[float]:
    """Every number that a text prints, with either decimal sign."""
    found = set()
    for encoding in ("latin-1", "utf-16"):
        text = data.decode(encoding, "ignore")
        for word in re.findall(r"[\d.,]+(?:[eE][+-]?\d+)?", text):
            try:
                found.add(float(word.replace(",", ".")))
            except ValueError:
                continue
    return found


def laws(reading, data):
    export = reading.particles
    numbers = printed(data)
    for capture in export.captures:
        # Nothing missing becomes a concentration of zero that is used.
        assert capture.excluded or not capture.concentration_per_ml <= 0
        assert math.isnan(capture.tracks) or capture.tracks >= 0
    if export.dilution.value is not None:
        assert export.dilution.value >= 1
    if reading.reader == "zetaview":
        (capture,) = export.captures
        assert export.dilution.value is None or export.dilution.value in numbers
        assert export.dilution.state in ("not_applied", "unknown")
        if export.bins is not None:
            # Every bin is one the text carries: nothing of the second table is added to it.
            assert all(value in numbers for value in export.bins.per_ml[:, 0])
            assert capture.concentration_per_ml == float(export.bins.per_ml.sum())
    if reading.reader == "zetaview_positions":
        for capture in export.captures:
            level = capture.concentration_per_ml
            assert math.isnan(level) or level in numbers
    if reading.reader == "viewsizer_videos":
        assert all(math.isnan(c.concentration_per_ml) for c in export.captures)
    if export.bins is not None:
        assert np.all(np.isfinite(export.bins.per_ml))
        assert np.all(export.bins.per_ml >= 0)
        assert np.all(np.diff(export.bins.centres_nm) > 0)


@pytest.mark.parametrize("name", SOURCES)
def test_any_damage_is_refused_or_read_as_it_stands(name):
    check_reader(READERS[name], SOURCES[name], laws, inputs=INPUTS if FULL else INPUTS // 2)


@pytest.mark.parametrize("name", SOURCES)
def test_the_largest_file_that_is_read_takes_little_memory(name):
    if name == "viewsizer_videos":
        data = viewsizer.videos_text([[100.0 + i % 50 for i in range(200)]] * 50).encode()
    elif name == "viewsizer":
        data = viewsizer.sizes_text([123456.7] * 5000, width=0.5).encode()
    elif name == "zetaview":
        data = zetaview.size_text(n_bins=1200).encode("latin-1")
    else:
        data = zetaview.positions_text(zetaview.POSITIONS * 200).encode("latin-1")
    READERS[name].read(InstrumentFile(path=Path("x"), data=data))  # imports are not counted
    ratio = peak_memory_ratio(READERS[name], data)
    assert ratio * READERS[name].most_bytes < MOST_MEMORY


# HDF5: its library can crash, so damaged files are tried in another process ----------------------

TRIAL = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("hdf5_child", sys.argv[2])
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
for line in sys.stdin.buffer:
    data = bytes.fromhex(line.decode().strip())
    try:
        found, columns = child.extract(data, ("pk_width", "pk_sn"), int(sys.argv[1]))
        groups = len(found["groups"])
        rows = sum(len(c) for c in columns)
        print(json.dumps(["read", groups, rows]), flush=True)
    except child.RefusedError as e:
        print(json.dumps(["refused", str(e)]), flush=True)
    except Exception as e:
        print(json.dumps(["damaged", type(e).__name__]), flush=True)
"""
H5_SOURCES = [
    spectradyne.series(),
    spectradyne.combined(acquisitions=(spectradyne.PEAKS, ())),
    spectradyne.combined(arc=True, compression="gzip", acquisitions=(spectradyne.PEAKS,)),
]


def damaged_hdf5(n):
    for seed in range(n):
        data = mutated(H5_SOURCES[seed % 3], seed, H5_SOURCES[(seed + 1) % 3])
        # The signature is checked before a process is started; what matters lies behind it.
        yield b"\x89HDF\r\n\x1a\n" + data[8:]


def test_damaged_hdf5_is_read_refused_or_takes_only_its_own_process_down():
    inputs = list(damaged_hdf5(20_000 if FULL else 600))
    outcomes: list[str] = []
    crashes = 0
    while len(outcomes) + crashes < len(inputs):
        left = inputs[len(outcomes) + crashes :]
        done = subprocess.run(
            [sys.executable, "-P", "-c", TRIAL, "64000000", str(CHILD)],
            input=b"\n".join(data.hex().encode() for data in left),
            capture_output=True,
            timeout=300,
            check=False,
        )
        found = [json.loads(line) for line in done.stdout.splitlines()]
        outcomes += [kind for kind, *_ in found]
        for kind, *numbers in found:
            if kind == "read":
                assert numbers[1] < 8_000_000, "more rows than the limit of bytes can hold"
        if len(found) < len(left):
            crashes += 1  # by a signal: what the process of its own is for
            assert done.returncode < 0, done.stderr.decode()
    print(f"{len(inputs)} damaged files: {crashes} took their process down")
    assert {"read", "damaged"} <= set(outcomes)


@pytest.mark.parametrize("seed", range(6))
def test_reader_refuses_damaged_hdf5_in_words(seed):
    data = list(damaged_hdf5(seed * 7 + 1))[-1]
    file = InstrumentFile(path=Path("damaged.h5"), data=data)
    READERS["spectradyne"].sniff(file)
    refusal, reading = None, None
    try:
        reading = READERS["spectradyne"].read(file)
    except ExocastError as e:
        refusal = e
    if reading is None:
        assert "damaged.h5" in refusal.where
        assert len(refusal.message) > 20
    else:
        laws(reading, data)
