"""Events of cytometers: numbers as stored, and what broken files are told."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import flowio
import numpy as np
import pytest
from writers import omics

from exocast.errors import InstrumentFileError
from exocast.vial import InstrumentFile, known_readers, read_file

(FCS,) = (r for r in known_readers() if r.name == "fcs")


def codes(reading):
    return [w.code for w in reading.warnings]


def read(data):
    return FCS.read(InstrumentFile(path=Path("made.fcs"), data=data))


def refusal(data):
    with pytest.raises(InstrumentFileError) as e:
        read(data)
    return e.value.code


# Real files. Sums by channel of fcsparser 0.2.8 (channel_naming="$PnN"), whose tables were equal to
# ours number for number in all of these.
REAL = [
    ("EY_2013-07-19_PBS_FCS_2.0_Custom_Without_Add_Well_A1.001.fcs", (10000, 16),
     [102078.89225906, 2248.47211017, 15101.88295341], []),
    ("FCS_3.0_Fortessa_PBS_Specimen_001_A1_A01.fcs", (11585, 11),
     [9.75151069e06, 1.01404440e07, 1.31848241e09], ["UNCOMPENSATED"]),
    ("SG_2014-09-26_Duplicate_Names.fcs", (8129, 9),
     [12053.77630196, 12053.77630196, 79595.99315836], ["VOLUME_UNUSED"]),
    ("Sample_Well_A02.fcs", (37395, 8), [4893335, 8549302, 1590596], ["LOG_SCALE"]),
    ("beads_sample001.fcs", (33024, 8), [13073063, 11801882, 17958999], ["LOG_SCALE"]),
    ("cyflow_cube_8.fcs", (725, 10), [812485, 692603, 16393], ["VOLUME_UNUSED"]),
    ("data1.fcs", (13367, 8), [3199548, 2878869, 3219321], ["LOG_SCALE"]),
    ("variable_int_example.fcs", (2, 26), [110401, 109948, 97710],
     ["LOG_SCALE", "UNCOMPENSATED", "DUPLICATE_CHANNEL"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "sums", "said"), REAL, ids=[r[0] for r in REAL])
def test_real_files(reference, name, shape, sums, said):
    reading = read_file(reference / "samples" / "fcs" / name)
    events = reading.events
    assert events.shape == shape
    assert events.iloc[:, :3].to_numpy(float).sum(axis=0) == pytest.approx(sums, rel=1e-8)
    assert codes(reading) == said
    assert set(map(str, events.dtypes)) == {"float32"}


def test_real_file_whose_header_points_into_its_text(reference):
    """The same two events as variable_int_example.fcs, found by the text segment's offsets."""
    folder = reference / "samples" / "fcs"
    reading = read_file(folder / "data_start_offset_discrepancy_example.fcs")
    other = read_file(folder / "variable_int_example.fcs")
    assert np.array_equal(reading.events, other.events)
    assert codes(reading)[0] == "OFFSET"
    assert "HEADER 5555-6188" in reading.warnings[0].message


def test_real_file_that_is_corrupted(reference):
    path = reference / "samples" / "fcs" / "corrupted.fcs"
    with pytest.raises(InstrumentFileError) as e:
        read_file(path)
    assert e.value.code == "NOT_AN_EXPORT"
    assert refusal(path.read_bytes()) == "NOT_AN_EXPORT"


# Files made here ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["FCS2.0", "FCS3.0", "FCS3.1"])
@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("delimiter", ["/", "|", "\x0c", "\\"])
def test_floats_in_every_version(version, little, delimiter):
    data = omics.fcs(version=version, little=little, delimiter=delimiter)
    reading = read(data)
    assert list(reading.events.columns) == ["FSC-A", "FITC-A", "Time"]
    assert reading.events.to_numpy().tolist() == [[1.5, 300.25, 0], [2.5, -3, 1], [8, 77, 2]]
    assert reading.warnings == ()
    assert reading.facts["version"] == version[3:]


@pytest.mark.parametrize("little", [True, False])
def test_integers_of_every_width(little):
    channels = [("A", "8", "256"), ("B", "16", "65536"), ("C", "24", "16777216")]
    channels += [("D", "32", "4294967296"), ("E", "16", "1024")]
    events = [(255, 65535, 16777215, 4294967295, 1023), (1, 2, 3, 4, 5)]
    reading = read(omics.fcs(channels, events, kind="I", little=little))
    assert reading.events.to_numpy(np.float64).tolist() == [[float(v) for v in e] for e in events]
    assert [str(d) for d in reading.events.dtypes] == [*["float32"] * 3, "float64", "float32"]


def test_bits_above_the_range_are_not_read():
    reading = read(omics.fcs([("A", "16", "1000")], [(64512 + 700,)], kind="I"))
    assert reading.events["A"].tolist() == [700.0]


@pytest.mark.parametrize("kind", ["F", "D", "I"])
def test_events_are_those_of_flowio(kind):
    bits = {"F": "32", "D": "64", "I": "16"}[kind]
    rng = np.random.default_rng(5)
    events = rng.integers(0, 1024, (50, 3)).tolist()
    data = omics.fcs([(n, bits, "1024") for n in "ABC"], events, kind=kind)
    wanted = flowio.FlowData(BytesIO(data)).as_array(preprocess=False)
    assert np.array_equal(read(data).events.to_numpy(np.float64), wanted)


def test_names_that_stand_twice_are_numbered_and_said():
    channels = [(n, "32", "8") for n in ("A", "A", "A_2", "A")]
    reading = read(omics.fcs(channels, [(1.0, 2.0, 3.0, 4.0)]))
    assert (
        list(reading.events.columns) == ["A", "A_3", "A_2", "A_4"]
        or reading.events.columns.is_unique
    )
    assert reading.events.iloc[0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert codes(reading) == ["DUPLICATE_CHANNEL"]


def test_volume_is_said_and_not_used():
    reading = read(omics.fcs(extra={"$VOL": "500", "SAMPLEVOLUME": "NaN"}))
    assert codes(reading) == ["VOLUME_UNUSED"]
    assert "VOL = 500" in reading.warnings[0].message
    assert reading.measurements == ()
    assert reading.particles is None


def test_an_end_one_byte_off_is_read():
    assert read(omics.fcs(off=1)).events.shape == (3, 3)


def test_offsets_that_differ():
    assert codes(read(omics.fcs(shift=7))) == ["OFFSET"]
    assert refusal(omics.fcs(version="FCS2.0", shift=7)) == "OFFSET"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (omics.fcs()[:40], "TRUNCATED"),
        (omics.fcs()[:300], "TRUNCATED"),
        (omics.fcs()[:-5], "TRUNCATED"),
        (omics.fcs(total=0, events=()), "NO_EVENTS"),
        (omics.fcs(total=4), "OFFSET"),
        (omics.fcs(total=2), "OFFSET"),
        (omics.fcs(extra={"$MODE": "C"}), "NO_EVENTS"),
        (omics.fcs(extra={"$BYTEORD": "3,4,1,2"}), "UNSUPPORTED"),
        (omics.fcs(extra={"$DATATYPE": "A"}), "UNSUPPORTED"),
        (omics.fcs(extra={"$NEXTDATA": "5000"}), "MIXED_SAMPLES"),
        (omics.fcs(extra={"$PAR": "99999999"}), "TRUNCATED"),
        (omics.fcs(extra={"$TOT": "-3"}), "TRUNCATED"),
        (omics.fcs([("A", "10", "1024")], [], kind="I", total=1), "UNSUPPORTED"),
        # Each makes flowio raise something else: OverflowError, re.error, IndexError, KeyError.
        (omics.fcs(extra={"$BEGINANALYSIS": "9" * 30}), "TRUNCATED"),
        (omics.fcs(delimiter="["), "TRUNCATED"),
        (b"FCS3.0    " + b"      58      57" + b"       0" * 4 + b" " * 40, "TRUNCATED"),
        (omics.fcs().replace(b"$PAR", b"$PER"), "TRUNCATED"),
    ],
)
def test_broken_files_are_refused(data, code):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refusal(data) == code


def test_numbers_that_are_none_are_counted():
    reading = read(omics.fcs([("A", "32", "8")], [(float("nan"),), (float("inf"),), (2.0,)]))
    assert codes(reading) == ["MISSING"]
    assert "2 numbers" in reading.warnings[0].message
