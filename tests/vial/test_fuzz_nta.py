"""Damaged files of particle analysers end in a refusal or in numbers that the text carries."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fuzzing import FULL, INPUTS, check_one, check_reader, mutated
from warm_hdf5 import WarmChild
from writers import spectradyne, viewsizer, zetaview

from exocast.errors import ExocastError
from exocast.vial import InstrumentFile, known_readers

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


# HDF5: its library can crash, so damaged files are tried in another process ----------------------

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


def test_damaged_hdf5_is_read_refused_or_takes_only_its_own_process_down(monkeypatch):
    child = WarmChild()
    monkeypatch.setattr("exocast.vial.readers.spectradyne.read_groups", child.read_groups)
    reader, outcomes = READERS["spectradyne"], Counter()
    n = 20_000 if FULL else 600
    for seed, data in enumerate(damaged_hdf5(n)):
        try:
            check_one(reader, data, laws, seed)
            reader.read(InstrumentFile(path=Path("damaged.h5"), data=data))
            outcomes["read"] += 1
        except ExocastError as refusal:
            outcomes[refusal.code] += 1
    child.close()
    print(f"{n} damaged files: {dict(outcomes)}; {child.crashes} took their process down")
    assert {"read", "TRUNCATED"} <= set(outcomes)


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
