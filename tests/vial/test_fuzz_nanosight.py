"""Any damage to an export ends in a refusal or in numbers that the text still carries."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exocast.errors import ExocastError
from exocast.vial import VialDescription, inspect, load_vial, measure, read_nanosight

EXAMPLE = Path(__file__).parents[2] / "examples" / "knee" / "example-ExperimentSummary.csv"
SIGNS = (",", ";", "\n", "\r\n", '"', "\t", "0", "1", "9", "-", ".", "e", " ", "µ")
WORDS = ("nan", "NaN", "inf", "1e999", "Not recorded", "Average", "Filename:", "Weighting,Volume")
PIECES = (*SIGNS, *WORDS, "[Results]", "[Size Data]")


def sources():
    """The example, and every NanoSight export of the reference folder where there is one."""
    folder = Path(os.environ.get("EXOCAST_REFERENCE", EXAMPLE.parents[3] / "shared"))
    return [EXAMPLE, *sorted(folder.glob("samples/*/*-ExperimentSummary.csv"))]


TEXTS = [path.read_bytes().decode("latin-1") for path in sources()]


@st.composite
def damaged(draw):
    """An export with a few pieces lost, doubled, swapped or put in, mostly where it matters."""
    text = draw(st.sampled_from(TEXTS))
    head = text.find("Bin centre") + 2000
    for _ in range(draw(st.integers(1, 4))):
        end = head if draw(st.booleans()) else len(text)
        a = draw(st.integers(0, max(0, min(end, len(text)) - 1)))
        b = min(len(text), a + draw(st.sampled_from([1, 1, 2, 5, 40, 400, 10**9])))
        kind = draw(st.sampled_from(["cut", "put", "double", "replace"]))
        piece = draw(st.sampled_from(PIECES))
        if kind == "cut":
            text = text[:a] + text[b:]
        elif kind == "put":
            text = text[:a] + piece + text[a:]
        elif kind == "double":
            text = text[:b] + text[a : min(b, a + 400)] + text[b:]
        else:
            text = text[:a] + piece + text[a + 1 :]
    return text


def printed_dilutions(text: str) -> set[float]:
    """Every factor that a dilution line of the text prints."""
    found = set()
    for line in re.split(r"\r\n|\n|\r", text):
        if line.strip(' "').lower().startswith("dilution factor"):
            for cell in re.split(r"[,;\t]", line)[1:]:
                try:
                    found.add(float(cell.strip(' "').replace(",", ".")))
                except ValueError:
                    continue
    return found


@settings(max_examples=120)
@given(damaged(), st.sampled_from([None, 200.0]))
def test_damaged_export_is_refused_or_read_as_it_stands(tmp_path_factory, text, dilution):
    path = tmp_path_factory.mktemp("fuzz") / "x.csv"
    path.write_bytes(text.encode("latin-1", errors="replace"))
    refusal, found = None, None
    try:
        found = measure(read_nanosight(path), dilution)
    except ExocastError as e:
        refusal = e
    if found is None:
        assert str(path) in refusal.where
        assert len(refusal.message) > 20
        return
    estimate = found.concentration
    assert estimate.n_valid >= 1
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.value > 0
    assert math.isfinite(estimate.value)
    # Never a silent factor: it is printed in the file, or the user gave it.
    if found.dilution.state == "applied":
        assert found.dilution.value in printed_dilutions(text)
    else:
        assert (found.dilution.value, found.dilution.state) == (dilution, "not_applied")
    # Never a silent zero: every capture that is left out is named in a warning.
    export = read_nanosight(path)
    said = [w for w in export.warnings if w.code == "CAPTURE_FAILED"]
    assert len(said) == sum(c.excluded for c in export.captures)
    if found.size is not None:
        assert 5 <= found.size.median_nm <= 2000
        assert 0 < found.size.log_sd < 2


@settings(max_examples=40)
@given(damaged())
def test_inspection_and_vial_fail_only_in_words(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("fuzz") / "x.csv"
    path.write_bytes(text.encode("latin-1", errors="replace"))
    for call in (
        lambda: inspect([path]),
        lambda: load_vial(
            VialDescription(file="x.csv", volume="1 mL"), path.parent, assume_vesicles=True
        ),
    ):
        try:
            call()
        except ExocastError:
            continue


@settings(max_examples=60)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_refused_in_words(tmp_path_factory, content, titled):
    path = tmp_path_factory.mktemp("fuzz") / "x.csv"
    path.write_bytes((b"NTA Experiment Summary File,\nCreated with NTA\n" * titled) + content)
    with pytest.raises(ExocastError):
        read_nanosight(path)


@settings(max_examples=60)
@given(st.data())
def test_file_cut_anywhere_is_refused_or_gives_the_same_numbers(tmp_path_factory, data):
    text = data.draw(st.sampled_from(TEXTS))
    whole = tmp_path_factory.mktemp("fuzz") / "x.csv"
    whole.write_bytes(text.encode("latin-1"))
    sample = read_nanosight(whole).samples[0]
    wanted = measure(read_nanosight(whole), 200.0, sample)
    cut = data.draw(st.integers(0, len(text)))
    whole.write_bytes(text[:cut].encode("latin-1"))
    try:
        found = measure(read_nanosight(whole), 200.0, sample)
    except ExocastError:
        return
    assert found.concentration == wanted.concentration
    assert found.size == wanted.size
