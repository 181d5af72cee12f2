"""ViewSizer tables: densities times widths, and single sizes that their own moments vouch for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from writers.viewsizer import DENSITY, VIDEOS, sizes_text, videos_text

from exocast.errors import InstrumentFileError
from exocast.vial import inspect, measure, read_file


def codes(warnings):
    return [w.code for w in warnings]


@pytest.fixture
def read(tmp_path):
    def made(text, name="lot 7.dat", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return read_file(path)

    return made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"newline": "\r\n"},
        {"separator": "\t"},
        {"separator": ";", "decimal": ","},
        {"separator": ","},
        {"centres_only": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_density_times_width_is_the_concentration_of_a_bin(read, options, encoding):
    reading = read(sizes_text(**options), encoding=encoding)
    export = reading.particles
    assert reading.reader == "viewsizer"
    assert export.bins.centres_nm.tolist() == [5.0 + 10 * i for i in range(len(DENSITY))]
    assert export.bins.per_ml[:, 0] == pytest.approx([10 * d for d in DENSITY])
    (capture,) = export.captures
    assert capture.concentration_per_ml == pytest.approx(10 * sum(DENSITY))
    assert math.isnan(capture.tracks)
    assert export.dilution.state == "unknown"
    assert reading.warnings == ()


def test_dilution_is_asked_for_and_no_counting_error_is_claimed(read):
    export = read(sizes_text(width=20.0)).particles
    with pytest.raises(InstrumentFileError) as e:
        measure(export)
    assert e.value.code == "DILUTION_UNKNOWN"
    found = measure(export, dilution=10)
    assert found.concentration.value == pytest.approx(200 * sum(DENSITY))
    assert math.isnan(found.size.n_effective)
    assert math.isnan(found.size.se_log_median)
    assert {"COUNTING_UNKNOWN", "ONE_CAPTURE"} <= set(codes(found.warnings))


def test_table_without_an_end_is_said(read):
    assert codes(read(sizes_text()[:-1]).warnings) == ["TRUNCATED"]
    assert codes(read(sizes_text(DENSITY[:5])).warnings) == ["TRUNCATED"]
    assert codes(read(sizes_text([0.0] * 5)).warnings) == ["EMPTY_RUN"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda t: t.replace("\n20\t 25\t 80000", ""), "TRUNCATED", "not evenly spaced"),
        (lambda t: t.replace("\t 80000", ""), "TRUNCATED", "line 4|empty cell"),
        (lambda t: t.replace("80000", "NaN"), "TRUNCATED", "empty cell"),
        (lambda t: t.replace("80000", "-8"), "NOT_A_NUMBER", "negative"),
        (lambda t: t.replace("80000", "many"), "NOT_A_NUMBER", "many"),
        (lambda t: t.partition("\n")[0] + "\n0\t 5\t 0\n", "TRUNCATED", "1 bins"),
        (lambda t: t.replace("CenterBin", "LowerBin"), "COLUMNS", "once each"),
    ],
)
def test_damaged_viewsizer_table_is_refused(read, change, code, words):
    with pytest.raises(InstrumentFileError, match=words) as e:
        read(change(sizes_text()))
    assert e.value.code == code


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("comment", [True, False])
def test_videos_are_captures_with_sizes_and_no_concentration(read, newline, comment):
    reading = read(videos_text(newline=newline, comment=comment), name="Videos_lot 7.dat")
    export = reading.particles
    assert reading.reader == "viewsizer_videos"
    assert [c.tracks for c in export.captures] == [len(v) for v in VIDEOS]
    assert all(math.isnan(c.concentration_per_ml) for c in export.captures)
    assert [c.excluded for c in export.captures] == [not v for v in VIDEOS]
    expected, _ = np.histogram(VIDEOS[0], bins=np.arange(0, 306, 5))
    assert export.bins.per_ml[: len(expected), 0] == pytest.approx(expected / 3)
    assert codes(reading.warnings) == ["NO_CONCENTRATION", "CAPTURE_FAILED"]
    with pytest.raises(InstrumentFileError) as e:
        measure(export, dilution=10)
    assert e.value.code == "NO_CONCENTRATION"


def test_videos_are_inspected_with_their_sizes(tmp_path):
    generator = np.random.default_rng(1)
    videos = [np.round(np.exp(generator.normal(4.7, 0.3, 400)), 2).tolist() for _ in range(4)]
    path = tmp_path / "Videos_lot 7.dat"
    path.write_text(videos_text(videos), encoding="utf-8")
    found = inspect([path])
    (file,) = found["result"]["files"]
    assert file["concentration_per_ml"] is None
    sizes = np.concatenate(videos)
    assert file["size_nm"]["d50"] == pytest.approx(float(np.median(sizes)), abs=1)
    assert [w["code"] for w in found["warnings"]] == ["NO_CONCENTRATION"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.replace("101.25 ", ""), "CHECKSUM"),
        (lambda t: t.replace("\n2 2", "\n3 2"), "TRUNCATED"),
        (lambda t: t.replace("101.25", "x"), "NOT_A_NUMBER"),
        (lambda t: t.replace(" 300.75", " -300.75"), "NOT_A_NUMBER"),
        (lambda t: "/n\n", "TRUNCATED"),
    ],
)
def test_damaged_videos_are_refused(tmp_path, change, code):
    path = tmp_path / "Videos.dat"
    path.write_text(change(videos_text()), encoding="utf-8")
    with pytest.raises(InstrumentFileError) as e:
        read_file(path, reader="viewsizer_videos")
    assert e.value.code == code


def test_columns_of_numbers_alone_are_not_taken_for_videos(read):
    for text in ("1 2 3 4\n2 3 4 5\n", "1 2 3 4 5 6\n2 3 4 5 6 7\n", "1 0 nan nan\n"):
        with pytest.raises(InstrumentFileError) as e:
            read(text)
        assert e.value.code == "NOT_AN_EXPORT"
