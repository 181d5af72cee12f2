"""The page of a batch: what it says of what is known, of what is not, and of what is missing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import exocast
from exocast.report.batch import _marks, draw, page, record, tell, text
from exocast.study.knowing import Worth, Worths

EXAMPLE = Path(__file__).parents[2] / "examples" / "batch"


@pytest.fixture(scope="module")
def lot():
    return exocast.batch(EXAMPLE)


@pytest.fixture
def alone(tmp_path):
    """A batch with one file and nothing else."""
    path = tmp_path / "a.csv"
    path.write_bytes((EXAMPLE / "nta" / "vial2_a-ExperimentSummary.csv").read_bytes())
    (tmp_path / "batch.yaml").write_text(
        "schema_version: 1\ntitle: <b>Lot</b>\ncontents: vesicles\nparticles: [{file: a.csv}]\n",
        encoding="utf-8",
    )
    return exocast.batch(tmp_path)


def words(made):
    return text(made.measured, made.rows, made.filled, made.worths)


def test_what_was_measured_is_said_with_its_interval_and_its_files(lot):
    said = words(lot)
    assert "detected particles per mL" in said and "9 of 9 captures" in said
    assert "less the buffer" in said
    assert "Relative potency 0.71" in said
    assert "Missing: single vesicles imaged" in said
    assert "never of quality" in said
    assert "CD63" in said and "GAPDH" not in said
    for file in lot.measured.files:
        assert file.file in said and file.sha256[:12] in said


def test_what_was_not_measured_is_said_to_be_of_other_products(alone):
    said = words(alone)
    assert "Its potency was not measured" in said
    assert "filled from other products: purity" in said
    assert "No buffer was measured" in said
    assert "of other products" in said
    rows = {r["id"]: r for r in record(alone.measured, alone.rows, alone.filled)["rows"]}
    assert not rows["potency_relative"]["measured"] and rows["concentration"]["measured"]
    assert not rows["concentration.between"]["measured"]


def test_text_of_a_batch_is_never_markup(alone):
    made = page(alone.measured, alone.rows, alone.filled)
    assert "<b>Lot</b>" not in made and "&lt;b&gt;Lot&lt;/b&gt;" in made


def test_every_figure_that_the_story_names_is_drawn(lot):
    story = tell(lot.measured, lot.rows, lot.filled, _worths(0.3))
    drawn = draw(lot.measured, lot.rows, _worths(0.3))
    for section in story.sections:
        assert set(section.figures) <= set(drawn)
    assert story.hero in drawn
    assert "mathdefault" not in "".join(f.svg for f in drawn.values())


def _worths(narrowing):
    def worth(key, meaning, share):
        return Worth(
            keys=(key,), meaning=meaning, measured=False, narrowing=share, error=0.05,
            dose_narrowing=0.0,
        )  # fmt: skip

    return Worths(
        outcome="pain_vas",
        week=26.0,
        sd=1.0,
        single=(worth("vial.potency_relative", "potency", narrowing),),
        together=worth("vial.potency_relative", "all", narrowing),
        worlds=200,
        patients=8,
    )


def test_a_measurement_worth_making_is_named_and_one_that_is_not_is_not(lot):
    strong = "\n".join(tell(lot.measured, lot.rows, lot.filled, _worths(0.3)).answer)
    assert "Knowing potency_relative exactly would narrow" in strong
    weak = "\n".join(tell(lot.measured, lot.rows, lot.filled, _worths(0.05)).answer)
    assert "No single number of the vial decides" in weak


@pytest.mark.parametrize(("low", "high"), [(1e9, 1e13), (6e10, 1.4e11), (9.1e10, 9.6e10)])
def test_an_axis_has_marks_inside_it_and_not_too_many(low, high):
    marks = _marks(low, high, 4)
    assert 1 <= len(marks) <= 4
    assert all(low <= m <= high and math.isfinite(m) for m in marks)


@pytest.fixture
def counted_twice(tmp_path):
    """The example's runs as those of two instruments, of which one measured the buffer."""
    names = ("vial1_a_d300", "vial1_b", "vial2_a", "buffer")
    for name in names:
        path = EXAMPLE / "nta" / f"{name}-ExperimentSummary.csv"
        (tmp_path / f"{name}.csv").write_bytes(path.read_bytes())

    def write(extra=""):
        (tmp_path / "batch.yaml").write_text(
            "schema_version: 1\ntitle: Two\ncontents: vesicles\nparticles:\n"
            "  - {file: vial1_a_d300.csv, vial: 1, preparation: a, dilution: 300}\n"
            "  - {file: vial2_a.csv, vial: 2, preparation: a}\n"
            "  - {file: vial1_b.csv, vial: 1, preparation: b, instrument: annex}\n"
            "blanks: [{file: buffer.csv, dilution: 1}]\n" + extra,
            encoding="utf-8",
        )
        return exocast.batch(tmp_path)

    return write


def test_two_instruments_are_told_with_what_each_is_off_by(counted_twice):
    lot = counted_twice()
    said = words(lot)
    assert "2 instruments counted" in said
    assert "none of them is taken for the truth" in said
    assert "pooled by their particles" in said
    found = record(lot.measured, lot.rows, lot.filled)
    assert [b["instrument"] for b in found["instruments"]] == ["NanoSight", "annex"]
    assert all(b["low"] < b["ratio"] < b["high"] for b in found["instruments"])
    assert found["compared"] == []
    # Half of the runs have a buffer of their own: the others are left as they are, which is said.
    assert any("nothing is taken off" in w["message"] for w in lot.warnings)


def test_one_instrument_at_its_word_is_compared_with_the_other(counted_twice):
    lot = counted_twice("counted_by: annex\n")
    (compared,) = record(lot.measured, lot.rows, lot.filled)["compared"]
    assert (compared["used"], compared["other"]) == ("annex", "NanoSight")
    assert not compared["less_buffer"]
    assert compared["low"] < compared["ratio"] < compared["high"]
    said = words(lot)
    assert "a dose drawn up by annex" in said.replace("\n", " ").lower()
    assert "2 instruments counted" not in said


def test_sizes_say_whether_the_buffer_is_off_them(lot, alone):
    assert record(lot.measured, lot.rows, lot.filled)["size_nm"]["less_buffer"]
    assert "taken off size by size" in words(lot).replace("\n", " ")
    assert not record(alone.measured, alone.rows, alone.filled)["size_nm"]["less_buffer"]
    assert "size by size" not in words(alone)
    assert "what was taken off" in draw(lot.measured, lot.rows)["size"].caption
    assert "what was taken off" not in draw(alone.measured, alone.rows)["size"].caption
