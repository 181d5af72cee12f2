"""Any damage to an export ends in a refusal or in numbers that the text still carries."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np
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


EDITS = st.tuples(
    st.sampled_from(["cut", "put", "double", "replace"]),
    st.booleans(),
    st.integers(0, 10**6),
    st.sampled_from([1, 1, 2, 5, 40, 400, 10**9]),
    st.sampled_from(PIECES),
)
DAMAGE = st.tuples(st.integers(0, len(TEXTS) - 1), st.lists(EDITS, min_size=1, max_size=4))


def damaged(damage):
    """An export with a few pieces lost, doubled, swapped or put in, half of them in its head."""
    source, edits = damage
    text = TEXTS[source]
    head = text.find("Bin centre") + 2000
    for kind, early, place, length, piece in edits:
        a = place % max(1, min(head, len(text)) if early else len(text))
        b = min(len(text), a + length)
        text = {
            "cut": text[:a] + text[b:],
            "put": text[:a] + piece + text[a:],
            "double": text[:b] + text[a : min(b, a + 400)] + text[b:],
            "replace": text[:a] + piece + text[a + 1 :],
        }[kind]
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


@settings(max_examples=50)
@given(DAMAGE, st.sampled_from([None, 200.0]))
def test_damaged_export_is_refused_or_read_as_it_stands(tmp_path_factory, damage, dilution):
    text = damaged(damage)
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


@settings(max_examples=15)
@given(DAMAGE)
def test_inspection_and_vial_fail_only_in_words(tmp_path_factory, damage):
    text = damaged(damage)
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


@settings(max_examples=40)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_refused_in_words(tmp_path_factory, content, titled):
    path = tmp_path_factory.mktemp("fuzz") / "x.csv"
    path.write_bytes((b"NTA Experiment Summary File,\nCreated with NTA\n" * titled) + content)
    with pytest.raises(ExocastError):
        read_nanosight(path)


@settings(max_examples=40)
@given(st.integers(0, len(TEXTS) - 1), st.booleans(), st.integers(0, 10**6))
def test_file_cut_anywhere_is_refused_or_gives_the_same_numbers(
    tmp_path_factory, source, early, place
):
    text = TEXTS[source]
    path = tmp_path_factory.mktemp("fuzz") / "x.csv"
    path.write_bytes(text.encode("latin-1"))
    wanted = read_nanosight(path)
    cut = place % (text.find("Bin centre") if early else len(text))
    path.write_bytes(text[:cut].encode("latin-1"))
    try:
        found = read_nanosight(path)
    except ExocastError:
        return
    assert found.captures == wanted.captures
    assert found.dilution == wanted.dilution
    assert np.array_equal(found.bins.per_ml, wanted.bins.per_ml)
