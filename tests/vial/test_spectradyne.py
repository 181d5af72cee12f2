"""Spectradyne files: peaks above noise over the measured volume, read in a process of its own."""

from __future__ import annotations

import io
import math
import os
import subprocess
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from writers.spectradyne import PEAKS, VOLUME_ML, combined, series

from exocast.errors import InstrumentFileError
from exocast.vial import hdf5, inspect, measure, read_file


def codes(warnings):
    return [w.code for w in warnings]


@pytest.fixture
def read(tmp_path):
    def made(data, name="lot 7_cc.h5"):
        path = tmp_path / name
        path.write_bytes(data)
        return read_file(path)

    return made


def changed(data, change):
    """The file after a change to it."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"arc": True}], ids=str)
def test_combined_file_counts_peaks_above_noise(read, options):
    reading = read(combined(**options))
    export = reading.particles
    assert reading.instrument == ("Spectradyne ARC" if "arc" in options else "Spectradyne nCS1")
    assert export.method == "RPS"
    assert export.samples == ("lot 7",)
    # Of the four peaks one has 20/40 = 0.5 signal over noise a microsecond.
    assert [c.tracks for c in export.captures] == [3, 2, 0]
    stated = [c.concentration_per_ml for c in export.captures]
    assert stated == pytest.approx([3 / VOLUME_ML, 2 / VOLUME_ML, 0])
    assert [c.reason for c in export.captures] == ["", "", "no peaks"]
    assert codes(reading.warnings) == ["CAPTURE_FAILED", "NOISE", "SIZE_MISSING"]
    assert "1 of 6 peaks" in reading.warnings[1].message
    assert reading.facts["cartridge_class"] == "TS-400"
    assert reading.facts["acqtime"] == "10"


def test_series_file_is_one_acquisition(read):
    reading = read(series(), name="lot 7_ss03.h5")
    (capture,) = reading.particles.captures
    assert (capture.name, capture.sample, capture.tracks) == ("lot 7_ss03", "lot 7", 3)


def test_diameters_are_not_made_up(read):
    export = read(series()).particles
    assert export.bins is None
    found = measure(export, dilution=10)
    assert found.size is None
    assert found.concentration.value == pytest.approx(10 * 3 / VOLUME_ML)


def test_noise_only_and_no_peaks_are_empty_runs(read):
    reading = read(series([(40.0, 20.0)]))
    assert codes(reading.warnings) == ["CAPTURE_FAILED", "EMPTY_RUN"]
    assert reading.particles.captures[0].reason == "noise only"


@pytest.mark.parametrize("volume", [None, 0.0, 120.0, math.nan, "120 pL", -1e-7])
def test_volume_in_another_unit_is_refused(tmp_path, volume):
    path = tmp_path / "x.h5"
    path.write_bytes(series(volume=volume))
    with pytest.raises(InstrumentFileError) as e:
        read_file(path, reader="spectradyne")
    assert e.value.code == ("TRUNCATED" if volume is None else "UNIT")


def test_peak_without_transit_time_is_refused(read):
    for peak in ((0.0, 5.0), (math.nan, 5.0), (20.0, math.inf)):
        with pytest.raises(InstrumentFileError) as e:
            read(series([peak]))
        assert e.value.code == "NOT_A_NUMBER"


def test_acquisitions_in_two_places_are_not_counted_twice(read):
    def copy(file):
        file.copy("data/000", "again")

    with pytest.raises(InstrumentFileError, match="counted twice") as e:
        read(changed(combined(), copy))
    assert e.value.code == "COLUMNS"


def test_links_and_tables_in_other_files_are_not_followed(read, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(combined())
    (tmp_path / "raw").write_bytes(np.zeros(64, dtype="<f4").tobytes())

    def link(file):
        file["data/far"] = h5py.ExternalLink(str(other), "/data/000")
        file["data/soft"] = h5py.SoftLink("/data/000")

    assert len(read(changed(combined(), link)).particles.captures) == 3

    def outside(file):
        del file["data/000/pks"]
        kind = np.dtype([("pk_width", "<f4"), ("pk_sn", "<f4")])
        file.create_dataset(
            "data/000/pks", (8,), dtype=kind, external=[(str(tmp_path / "raw"), 0, 64)]
        )

    with pytest.raises(InstrumentFileError, match="another file") as e:
        read(changed(combined(), outside))
    assert e.value.code == "BOMB"


def test_table_that_unpacks_beyond_the_file_is_refused(read):
    def blow(file):
        del file["data/000/pks"]
        kind = np.dtype([("pk_width", "<f4"), ("pk_sn", "<f4")])
        file.create_dataset(
            "data/000/pks", (10**9,), dtype=kind, chunks=(1000,), compression="gzip"
        )

    with pytest.raises(InstrumentFileError, match="larger than the file can hold") as e:
        read(changed(combined(), blow))
    assert e.value.code == "BOMB"


def test_ring_of_groups_ends(read):
    def ring(file):
        file["data/000/back"] = file["data"]

    assert len(read(changed(combined(), ring)).particles.captures) == 3


def test_crash_and_hang_of_the_library_are_refusals(read, monkeypatch):
    def crash(*args, **kwargs):
        return SimpleNamespace(returncode=-11, stdout=b"")

    monkeypatch.setattr(hdf5.subprocess, "run", crash)
    with pytest.raises(InstrumentFileError, match="library breaks") as e:
        read(series())
    assert e.value.code == "TRUNCATED"

    def hang(*args, **kwargs):
        raise subprocess.TimeoutExpired("hdf5_child.py", hdf5.LONGEST_S)

    monkeypatch.setattr(hdf5.subprocess, "run", hang)
    with pytest.raises(InstrumentFileError, match="takes more than 60 s") as e:
        read(series())
    assert e.value.code == "BOMB"


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_process_that_goes_round_for_ever_is_ended_by_its_own_limit(read, monkeypatch, tmp_path):
    endless = tmp_path / "endless.py"
    program = hdf5.CHILD.read_text(encoding="utf-8").replace("SECONDS = 2", "SECONDS = 0")
    start = program.index("def answer(")
    looping = "def answer(*_):\n    while True:\n        pass\n\n\n"
    stop = program.index("def bound_memory(")
    endless.write_text(program[:start] + looping + program[stop:], encoding="utf-8")
    monkeypatch.setattr(hdf5, "CHILD", endless)
    with pytest.raises(InstrumentFileError, match="more processor time") as e:
        read(series())
    assert e.value.code == "BOMB"


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_process_that_dies_takes_nothing_with_it(read, monkeypatch, tmp_path):
    deadly = tmp_path / "deadly.py"
    deadly.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", encoding="utf-8")
    monkeypatch.setattr(hdf5, "CHILD", deadly)
    with pytest.raises(InstrumentFileError, match="library breaks"):
        read(series())


def test_cut_and_foreign_hdf5_are_refused_in_words(read):
    for data, code in ((series()[:900], "NOT_AN_EXPORT|TRUNCATED"), (series()[:-40], "TRUNCATED")):
        with pytest.raises(InstrumentFileError) as e:
            read(data)
        assert e.value.code in code.split("|")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["x"] = 1
    with pytest.raises(InstrumentFileError, match="none of a Spectradyne") as e:
        read(buffer.getvalue())
    assert e.value.code == "NOT_AN_EXPORT"


def test_file_is_inspected_and_asks_for_its_dilution(tmp_path):
    path = tmp_path / "lot 7_cc.h5"
    path.write_bytes(combined([PEAKS * 200] * 3))
    found = inspect([path], dilution=20)
    (file,) = found["result"]["files"]
    assert file["concentration_per_ml"]["value"] == pytest.approx(20 * 600 / VOLUME_ML)
    assert "DILUTION_UNKNOWN" in [w["code"] for w in inspect([path])["warnings"]]
