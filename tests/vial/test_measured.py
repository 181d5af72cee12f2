"""A batch measured from its files: what counts, what is refused, and what a forecast draws."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from exocast.errors import InvalidInput, NotFound
from exocast.vial import VialDescription, load_vial
from exocast.vial.draft import draft_batch
from exocast.vial.measured import batch_rows, measure_batch
from exocast.vial.net_sizes import pooled_sizes
from exocast.vial.records import maker_of
from exocast.vial.registry import read_file

EXAMPLE = Path(__file__).parents[2] / "examples" / "batch"
STOCK = 9.0e10


@pytest.fixture
def lot(writer, tmp_path):
    """Writes exports and a batch file: runs as (file, vial, preparation, per mL, dilution)."""

    def write(runs, *, extra="", blank=None, recorded=True, texts=None, tracks=60):
        entries = []
        for name, vial, preparation, per_ml, dilution in runs:
            videos = [
                writer.Video(name=f"{name}_{i}", per_ml=per_ml * f, tracks=900)
                for i, f in enumerate((0.97, 1.0, 1.03))
            ]
            text = writer.summary_text(
                videos,
                dilution=f"{dilution:.2e}" if recorded else "Not recorded",
                description=(texts or {}).get(name, "EV"),
            )
            (tmp_path / f"{name}.csv").write_bytes(text.encode())
            entries.append(f'  - {{file: {name}.csv, vial: "{vial}", preparation: {preparation}}}')
        if blank is not None:
            video = [writer.Video(name="buffer_0", per_ml=blank, tracks=tracks)]
            text = writer.summary_text(video, dilution="Not recorded", description="PBS")
            (tmp_path / "buffer.csv").write_bytes(text.encode())
            extra += "blanks: [{file: buffer.csv, dilution: 1}]\n"
        lines = ["schema_version: 1", "title: Lot", "contents: vesicles", "particles:", *entries]
        (tmp_path / "batch.yaml").write_text("\n".join(lines) + "\n" + extra, encoding="utf-8")
        return tmp_path / "batch.yaml"

    return write


TWO_VIALS = (("a", 1, "p", 8e10, 300), ("b", 1, "q", 9e10, 600), ("c", 2, "p", 1e11, 300))


def test_vials_and_preparations_are_kept_apart(lot):
    made = measure_batch(lot(TWO_VIALS))
    assert made.estimate.vials.n_valid == 2
    assert made.estimate.preparations.n_valid == 3
    assert made.estimate.captures.n_valid == made.estimate.captures.n_total == 9
    assert 8e10 < made.count.value < 1e11
    assert made.count.low < made.count.value < made.count.high
    assert [c.vial for c in made.estimate.contents] == ["1", "2"]
    assert [f.used_for for f in made.files] == ["particle count and size"] * 3
    assert made.linearity is not None and made.comparisons == ()


def test_the_lot_and_its_vials_are_rows_of_their_own(lot):
    made = measure_batch(lot(TWO_VIALS))
    rows = {r.id: r for r in batch_rows(made)}
    assert rows["concentration"].varies == "uncertain"
    assert rows["concentration"].value == made.count.value
    assert rows["concentration.between"].varies == "vial"
    assert rows["concentration.between"].source != "measured"  # two vials hardly tell
    three = measure_batch(lot([*TWO_VIALS, ("d", 3, "p", 7e10, 300)]))
    assert {r.id: r for r in batch_rows(three)}["concentration.between"].source == "measured"
    one = measure_batch(lot(TWO_VIALS[:1]))
    assert {r.id: r for r in batch_rows(one)}["concentration.between"].source != "measured"
    assert "ONE_VIAL" in {w.code for w in one.warnings}


def test_a_second_vial_narrows_the_lot(lot):
    one, both = measure_batch(lot(TWO_VIALS[:1])), measure_batch(lot(TWO_VIALS))
    assert both.count.log_sd < one.count.log_sd


def test_a_buffer_is_taken_off_at_the_level_of_the_instrument(lot):
    plain = measure_batch(lot(TWO_VIALS[:1]))
    level = 8e10 / 300
    made = measure_batch(lot(TWO_VIALS[:1], blank=0.2 * level))
    assert made.count.value / plain.count.value == pytest.approx(0.8, abs=0.02)
    assert made.count.log_sd > plain.count.log_sd
    assert "BLANK" in {w.code for w in made.warnings}
    clean = measure_batch(lot(TWO_VIALS[:1], blank=0.01 * level))
    assert "BLANK" not in {w.code for w in clean.warnings}


def test_particles_that_are_the_buffers_are_no_batch(lot):
    with pytest.raises(InvalidInput, match="not shown to hold more") as refused:
        measure_batch(lot(TWO_VIALS[:1], blank=0.9 * 8e10 / 300))
    assert refused.value.code == "BLANK"


def test_a_missing_dilution_is_asked_for_where_it_has_to_be_written(lot):
    with pytest.raises(InvalidInput, match="'dilution:' in particles") as refused:
        measure_batch(lot(TWO_VIALS[:1], recorded=False))
    assert refused.value.code == "DILUTION_UNKNOWN"
    assert "a.csv" in refused.value.message


def test_one_file_twice_is_refused(lot):
    path = lot(TWO_VIALS[:1])
    text = path.read_text(encoding="utf-8")
    twice = text.replace("preparation: p}", 'preparation: p}\n  - {file: a.csv, vial: "2"}')
    path.write_text(twice, encoding="utf-8")
    with pytest.raises(InvalidInput, match="counted twice") as refused:
        measure_batch(path)
    assert refused.value.code == "DUPLICATE_RUN"


def test_one_run_saved_twice_is_refused_by_its_numbers(lot, tmp_path):
    path = lot(TWO_VIALS[:1])
    other = (tmp_path / "a.csv").read_text(encoding="utf-8").replace("\r\n", "\n")
    (tmp_path / "again.csv").write_text(other, encoding="utf-8-sig")
    text = path.read_text(encoding="utf-8")
    twice = text.replace("preparation: p}", 'preparation: p}\n  - {file: again.csv, vial: "2"}')
    path.write_text(twice, encoding="utf-8")
    with pytest.raises(InvalidInput, match="saved twice"):
        measure_batch(path)


def test_lot_vials_and_scatter_are_all_less_the_buffer(lot):
    """With a third of the level the buffer's, vials lie about the lot, the lot inside its vials."""
    made = measure_batch(lot(TWO_VIALS, blank=0.35 * 8e10 / 600))
    contents = [c.value for c in made.estimate.contents]
    assert min(contents) <= made.count.value <= max(contents)
    low, high = made.estimate.interval_vial_95
    assert low < made.count.low < made.count.value < made.count.high < high
    assert contents[0] < 8e10


def test_a_buffer_that_was_measured_badly_leaves_more_open(lot):
    level = 0.3 * 8e10 / 300
    well, badly = (
        measure_batch(lot(TWO_VIALS[:1], blank=level, tracks=tracks)).count.log_sd
        for tracks in (900, 8)
    )
    assert badly > 1.05 * well


def test_another_lot_or_a_wrong_dilution_is_refused_or_doubted(lot):
    far = [("a", 1, "p", 8e10, 300), ("b", 1, "q", 8e9, 300)]
    with pytest.raises(InvalidInput, match="times as much") as refused:
        measure_batch(lot(far))
    assert refused.value.code == "PREPARATIONS_DIFFER"
    near = measure_batch(lot([("a", 1, "p", 8e10, 300), ("b", 1, "q", 2.2e10, 300)]))
    assert "PREPARATIONS_DIFFER" in {w.code for w in near.warnings}
    same = measure_batch(lot(TWO_VIALS))
    assert "PREPARATIONS_DIFFER" not in {w.code for w in same.warnings}


def test_two_lots_in_the_names_are_said(lot):
    made = measure_batch(lot(TWO_VIALS[:2], texts={"a": "EV lot 7", "b": "EV lot 8"}))
    assert "LOTS_MIXED" in {w.code for w in made.warnings}
    one = measure_batch(lot(TWO_VIALS[:2], texts={"a": "EV lot 7", "b": "EV Lot_7"}))
    assert "LOTS_MIXED" not in {w.code for w in one.warnings}


def test_a_dilution_that_contradicts_the_file_is_refused(lot):
    path = lot(TWO_VIALS[:1])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("preparation: p}", "preparation: p, dilution: 3000}"))
    with pytest.raises(InvalidInput, match="one of them is wrong") as refused:
        measure_batch(path)
    assert refused.value.code == "DILUTION_CONFLICT"


def test_a_vial_that_nobody_named_is_asked_for(lot):
    path = lot(TWO_VIALS[:1])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('vial: "1"', "vial: null"), encoding="utf-8")
    with pytest.raises(InvalidInput, match="which vial") as refused:
        measure_batch(path)
    assert refused.value.code == "VIAL_UNKNOWN"
    path.write_text(text.replace('vial: "1"', "vial: 1"), encoding="utf-8")
    assert measure_batch(path).estimate.contents[0].vial == "1"


def test_beads_in_a_batch_of_vesicles_are_doubted(lot):
    made = measure_batch(lot(TWO_VIALS[:1], texts={"a": "100 nm beads"}))
    assert "CONTENTS_DOUBTFUL" in {w.code for w in made.warnings}
    with pytest.raises(InvalidInput, match="calibration beads"):
        load_vial(VialDescription(batch=str(made.path)), made.path.parent)


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ("protein: [{file: a.csv}]\n", "NO_PROTEIN"),
        ("identity: [{file: a.csv}]\n", "NO_PROTEINS"),
        ("protein: [{file: none.csv}]\n", "NOT_FOUND"),
        ("documents: [{shows: image wide, file: none.png, method: TEM}]\n", "NOT_FOUND"),
        ("not_applicable: [{item: image, reason: no microscope}]\n", "UNKNOWN_NAME"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_code(lot, extra, code):
    with pytest.raises((InvalidInput, NotFound)) as refused:
        measure_batch(lot(TWO_VIALS[:1], extra=extra))
    assert refused.value.code == code


def test_several_proteins_are_averaged_and_their_difference_is_believed(lot):
    near = measure_batch(
        lot(
            TWO_VIALS[:1], extra="protein: [{concentration: 12 ug/mL}, {concentration: 13 ug/mL}]\n"
        )
    )
    far = measure_batch(
        lot(TWO_VIALS[:1], extra="protein: [{concentration: 6 ug/mL}, {concentration: 24 ug/mL}]\n")
    )
    assert near.protein.value == pytest.approx(math.sqrt(12 * 13))
    assert far.protein.log_sd > 3 * near.protein.log_sd
    assert near.purity.value == pytest.approx(near.count.value / near.protein.value)


def test_markers_of_a_blot_count_by_their_class(lot, tmp_path):
    (tmp_path / "blot.png").write_bytes(b"x")
    shows = "shows: protein marker, file: blot.png, method: western blot"
    made = measure_batch(
        lot(
            TWO_VIALS[:1],
            extra=f"documents:\n  - {{{shows}, protein: CD63, found: true}}\n"
            f"  - {{{shows}, protein: TSG101, found: false}}\n"
            f"  - {{{shows}, protein: GAPDH, found: true}}\n",
        )
    )
    status = {i.id: i.status for i in made.reporting}
    assert status["transmembrane_marker"] == "satisfied"
    assert status["cytosolic_marker"] == "missing"
    assert [w.where for w in made.warnings if w.code == "MARKER_UNKNOWN"] == ["blot.png"]


def test_pooled_bins_hold_the_particles_of_every_capture(lot):
    made = measure_batch(lot(TWO_VIALS))
    pooled = pooled_sizes([r for r in made.runs if not r.blank]).export
    assert len(pooled.captures) == 9
    first = made.runs[0].export
    assert pooled.bins.per_ml[:, 0].sum() == pytest.approx(first.bins.per_ml[:, 0].sum(), rel=1e-9)


def test_a_batch_says_what_a_scenario_may_not_say_again():
    with pytest.raises(ValueError, match="protein would say it a second time"):
        VialDescription(batch="batch.yaml", protein={"concentration": "3 ug/mL"})
    VialDescription(batch="batch.yaml", storage=[{"thaw": 1}], syringe={"volume": "1 mL"})


def test_the_storage_of_a_scenario_follows_that_of_its_batch(lot):
    path = lot(TWO_VIALS, extra="storage: [{thaw: 1}]\nfill: {volume: 1 mL}\n")
    description = VialDescription(
        batch=str(path), storage=[{"temperature": "4 degC", "duration": "1 hour"}]
    )
    vial = load_vial(description, path.parent)
    assert [s.thaw for s in vial.description.storage] == [1, None]
    assert vial.volume_ml == 1
    assert "size_median" not in vial.filled and "potency_relative" in vial.filled
    with pytest.raises(InvalidInput, match="change it there"):
        load_vial(description, path.parent, dilution=3)


def test_the_example_is_what_its_script_put_in():
    made = measure_batch(EXAMPLE)
    assert made.count.low < STOCK < made.count.high
    assert made.protein.low < 14.0 < made.protein.high
    assert {i.id for i in made.reporting if i.status == "satisfied"} >= {
        "source_amount",
        "two_quantities",
        "ratio",
        "transmembrane_marker",
        "cytosolic_marker",
        "three_markers",
        "contaminant_check",
        "single_vesicle_method",
    }


PLATE = Path(__file__).parents[2] / "examples" / "potency" / "plate.csv"


def test_a_plate_gives_the_potency_that_a_forecast_takes(lot, tmp_path):
    (tmp_path / "plate.csv").write_bytes(PLATE.read_bytes())
    made = measure_batch(
        lot(TWO_VIALS[:1], extra="potency: [{file: plate.csv, assay: NF-kB reporter}]\n")
    )
    assert made.potency.low < made.potency.value < made.potency.high
    assert made.description.potency.relative == pytest.approx(made.potency.value)
    vial = load_vial(VialDescription(batch=str(made.path)), tmp_path)
    row = next(r for r in vial.rows if r.id == "potency_relative")
    assert row.source == "measured" and "potency_relative" not in vial.filled
    assert "POTENCY_UNIT" in {w.code for w in made.warnings}  # the plate was dosed in ug/mL
    text = PLATE.read_text(encoding="utf-8").replace("ug/mL", "particle/mL")
    (tmp_path / "plate.csv").write_text(text, encoding="utf-8")
    again = measure_batch(made.path)
    assert "POTENCY_UNIT" not in {w.code for w in again.warnings}
    assert again.potency.value == pytest.approx(made.potency.value)


def test_a_second_assay_is_shown_and_not_averaged_in(lot):
    entries = [
        "{relative: 1.2, low: 1, high: 1.5, assay: nitrite}",
        "{relative: 4, low: 3, high: 5, assay: T cells}",
    ]
    made = measure_batch(lot(TWO_VIALS[:1], extra=f"potency: [{', '.join(entries)}]\n"))
    assert made.potency.value == 1.2
    assert [q.value for q in made.findings] == [4]


def test_a_plate_that_is_not_parallel_gives_no_batch(lot, tmp_path):
    lines = ["sample,dose,dose_unit,response"]
    for dose in (1, 2, 4, 8, 16, 32, 64, 128):
        for k in range(3):
            lines.append(f"reference,{dose},ug/mL,{1000 / (1 + dose / 10) + k}")
            lines.append(f"lot,{dose},ug/mL,{700 - 150 / (1 + (dose / 10) ** 0.4) + k}")
    (tmp_path / "plate.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InvalidInput) as refused:
        measure_batch(lot(TWO_VIALS[:1], extra="potency: [{file: plate.csv, assay: x}]\n"))
    assert refused.value.code in {"NONPARALLEL", "NO_RESPONSE"}


def test_proteins_of_another_sample_are_not_taken_for_this_lot(lot, tmp_path):
    (tmp_path / "p.txt").write_bytes((EXAMPLE / "proteinGroups.txt").read_bytes())
    with pytest.raises(InvalidInput, match="say which is this batch") as refused:
        measure_batch(lot(TWO_VIALS[:1], extra="identity: [{file: p.txt}]\n"))
    assert refused.value.code == "MIXED_SAMPLES"
    one = measure_batch(lot(TWO_VIALS[:1], extra="identity: [{file: p.txt, sample: run1}]\n"))
    assert {s.name for s in one.shown if s.what == "transmembrane"} == {"CD9", "CD63", "CD81"}


def test_a_run_and_its_positions_are_one_run(tmp_path):
    from writers import zetaview

    (tmp_path / "lot_size_488.txt").write_bytes(zetaview.size_text().encode("latin-1"))
    (tmp_path / "lot_size_488_11pos.txt").write_bytes(zetaview.positions_text().encode("latin-1"))
    made = draft_batch(tmp_path)
    assert [line for line in made.text.splitlines() if line.startswith("  - ")] == [
        '  - {file: "lot_size_488.txt", vial: "1"}'
    ]
    (tmp_path / "batch.yaml").write_text(
        "schema_version: 1\ntitle: Lot\nparticles: [{file: 'lot*.txt'}]\n", encoding="utf-8"
    )
    with pytest.raises(InvalidInput, match="counted twice") as refused:
        measure_batch(tmp_path)
    assert refused.value.code == "DUPLICATE_RUN"


def test_a_table_that_no_reader_knows_comes_in_by_its_mapping(tmp_path):
    lines = ["size,a,b", *(f"{x},{1e6 if 60 < x < 160 else 0},{1.1e6 if 60 < x < 160 else 0}"
                           for x in range(5, 400, 10))]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "map.yaml").write_text(
        "schema_version: 1\nkind: size table\nheader_row: 1\nseparator: comma\ndecimal: point\n"
        "columns:\n  size: {name: size, unit: nm, bins: centre}\n  values:\n"
        "    a: {sample: lot, n_events: 900}\n    b: {sample: lot, n_events: 950}\n"
        "weighting: number\nquantity: concentration\nunit: 1/mL\nmethod: NTA\n"
        "dilution: {value: 200, state: not_applied}\n",
        encoding="utf-8",
    )
    (tmp_path / "batch.yaml").write_text(
        "schema_version: 1\ntitle: Lot\nparticles: [{file: t.csv, map: map.yaml}]\n",
        encoding="utf-8",
    )
    made = measure_batch(tmp_path)
    assert made.count.value == pytest.approx(200 * 1e7 * math.sqrt(1.1), rel=1e-3)


def test_what_a_document_found_is_shown_with_its_value(lot, tmp_path):
    for name in ("blot.png", "lal.pdf"):
        (tmp_path / name).write_bytes(b"x")
    blot = "shows: contaminant, file: blot.png, method: western blot"
    made = measure_batch(
        lot(
            TWO_VIALS[:1],
            extra=f"documents:\n  - {{{blot}, protein: CANX, found: true}}\n"
            f"  - {{{blot}, protein: ALB, found: false}}\n"
            "  - {shows: endotoxin, file: lal.pdf, method: LAL, value: 900 EU/mL}\n",
        )
    )
    assert [s.name for s in made.shown if s.what == "contaminant"] == [
        "CANX found",
        "ALB not found",
    ]
    assert "reporting: endotoxin, 900 EU/mL" in {f.used_for for f in made.files}


def test_one_protein_by_four_names_is_one_marker(lot, tmp_path):
    (tmp_path / "blot.png").write_bytes(b"x")
    shows = "shows: protein marker, file: blot.png, method: western blot, found: true"
    names = ("CD9", "cd9", "Cd9", "P21926")
    extra = "".join(f"  - {{{shows}, protein: {name}}}\n" for name in names)
    made = measure_batch(lot(TWO_VIALS[:1], extra=f"documents:\n{extra}"))
    assert {i.id: i.status for i in made.reporting}["three_markers"] == "missing"


def test_proteins_a_thousandfold_apart_are_doubted_and_one_twice_is_refused(lot):
    both = "protein: [{concentration: 10 ug/mL}, {concentration: 10 mg/mL}]\n"
    made = measure_batch(lot(TWO_VIALS[:1], extra=both))
    assert "PROTEIN_DIFFERS" in {w.code for w in made.warnings}
    assert made.protein.low < 10 and made.protein.high > 10_000
    twice = "protein: [{concentration: 10 ug/mL}, {concentration: 10 ug/mL}]\n"
    with pytest.raises(InvalidInput, match="stands twice"):
        measure_batch(lot(TWO_VIALS[:1], extra=twice))


@pytest.mark.parametrize(
    ("dilution", "code"), [("", None), (", dilution: 20", None), (", dilution: 5", "conflict")]
)
def test_a_dilution_of_the_protein_is_used_once(lot, tmp_path, dilution, code):
    (tmp_path / "q.csv").write_bytes((EXAMPLE / "protein_qubit.csv").read_bytes())
    path = lot(TWO_VIALS[:1], extra=f"protein: [{{file: q.csv, sample: lot 7{dilution}}}]\n")
    if code is None:
        assert measure_batch(path).protein.value == pytest.approx(14.44, abs=0.02)
        return
    with pytest.raises(InvalidInput, match="one of them is wrong") as refused:
        measure_batch(path)
    assert refused.value.code == "DILUTION_CONFLICT"


def test_a_field_that_takes_one_file_refuses_two(lot, tmp_path):
    for name in ("q1.csv", "q2.csv"):
        (tmp_path / name).write_bytes((EXAMPLE / "protein_qubit.csv").read_bytes())
    with pytest.raises(InvalidInput, match="2 files fit") as refused:
        measure_batch(lot(TWO_VIALS[:1], extra="protein: [{file: 'q*.csv', sample: lot 7}]\n"))
    assert refused.value.code == "AMBIGUOUS"


@pytest.mark.parametrize(
    "numbers", ["relative: 2, low: 1.9, high: 9", "relative: 2, low: 2, high: 2"]
)
def test_an_interval_that_cannot_be_drawn_as_stated_is_refused(lot, numbers):
    with pytest.raises(InvalidInput):
        measure_batch(lot(TWO_VIALS[:1], extra=f"potency: [{{{numbers}, assay: x}}]\n"))


def test_all_open_questions_are_asked_together(lot):
    path = lot(TWO_VIALS, recorded=False)
    text = path.read_text(encoding="utf-8").replace('vial: "2"', "vial: null")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as refused:
        measure_batch(path)
    asked = refused.value.message.splitlines()
    assert len(asked) == 4  # three dilutions and a vial
    assert all(any(name in line for line in asked) for name in ("a.csv", "b.csv", "c.csv"))
    assert sum("which vial" in line for line in asked) == 1


def with_instruments(path, **instruments):
    """The batch file with instruments named for files."""
    text = path.read_text(encoding="utf-8")
    for name, instrument in instruments.items():
        text = text.replace(f"file: {name}.csv", f"file: {name}.csv, instrument: {instrument}")
    path.write_text(text, encoding="utf-8")
    return path


TWO_INSTRUMENTS = (("a", 1, "p", 8e10, 300), ("b", 2, "q", 8.4e10, 300), ("c", 1, "p", 1.8e11, 600))


def test_two_instruments_have_a_bias_each_and_their_spread_stays(lot):
    made = measure_batch(with_instruments(lot(TWO_INSTRUMENTS), a="one", b="one", c="two"))
    assert {b.instrument for b in made.estimate.biases} == {"one", "two"}
    assert 8.2e10 < made.count.value < 1.8e11
    assert "one and two, a bias each" in made.count.how
    row = next(r for r in batch_rows(made) if r.id == "concentration")
    # Half of a doubling either side of the middle is what a forecast has to draw.
    assert row.spread[0] > math.log(2) / 4
    # One tube in two instruments has two dilutions and is no contradiction.
    assert made.estimate.preparations.n_valid == 3


def test_a_named_instrument_is_taken_at_its_word_and_the_other_compared(lot):
    path = lot(TWO_INSTRUMENTS, extra="counted_by: one\n")
    made = measure_batch(with_instruments(path, a="one", b="one", c="two"))
    assert made.estimate.biases == ()
    assert made.count.value == pytest.approx(8.2e10, rel=0.03)
    (found,) = made.comparisons
    assert found.methods == ("one", "two") and found.used == "one"
    assert found.ratio == pytest.approx(1.8e11 / 8.2e10, rel=0.1)
    assert not found.net and found.shared_vials == ("1",)
    path = lot(TWO_INSTRUMENTS, extra="counted_by: three\n")
    with pytest.raises(InvalidInput, match="there are NTA, one, two"):
        measure_batch(with_instruments(path, a="one", b="one", c="two"))


def test_makers_are_instruments_and_their_kinds_of_files_are_not(lot, tmp_path):
    from writers import zetaview

    lot(TWO_VIALS[:1])
    (tmp_path / "z.txt").write_bytes(zetaview.size_text().encode("latin-1"))
    (tmp_path / "z_11pos.txt").write_bytes(zetaview.positions_text().encode("latin-1"))
    makers = [maker_of(read_file(tmp_path / n)) for n in ("a.csv", "z.txt", "z_11pos.txt")]
    assert makers == ["NanoSight", "ZetaView", "ZetaView"]
    assert "# Particles were counted by NanoSight (NTA), ZetaView (NTA)" in (
        draft_batch(tmp_path).text
    )


def test_methods_are_compared_less_their_buffers_where_each_has_one(lot, tmp_path, writer):
    runs = (("a", 1, "p", 8e10, 300), ("c", 1, "p", 8.2e10, 300))
    level = 8e10 / 300
    for name, share in (("b1", 0.05), ("b2", 0.3)):
        videos = [
            writer.Video(name=f"{name}_{i}", per_ml=share * level, tracks=500 + i) for i in range(3)
        ]
        text = writer.summary_text(videos, dilution="Not recorded", description="PBS")
        (tmp_path / f"{name}.csv").write_bytes(text.encode())
    one = "counted_by: one\nblanks:\n  - {file: b1.csv, dilution: 1, instrument: one}\n"
    both = one + "  - {file: b2.csv, dilution: 1, instrument: two}\n"
    gross = measure_batch(with_instruments(lot(runs, extra=one), a="one", c="two"))
    net = measure_batch(with_instruments(lot(runs, extra=both), a="one", c="two"))
    assert not gross.comparisons[0].net and net.comparisons[0].net
    said = [w.message for w in gross.warnings if w.code == "BLANK"]
    assert any("as they counted" in text for text in said)
    assert not any("as they counted" in w.message for w in net.warnings)
    assert gross.comparisons[0].ratio == pytest.approx(8.2 / 8.0, rel=0.01)
    wanted = (8.2 / 8.0 - 0.3) / (1 - 0.05)
    assert net.comparisons[0].ratio == pytest.approx(wanted, rel=0.05)
    assert "less its own buffer" in net.comparisons[0].meaning
    # What the buffers' levels are not known to widens the ratio.
    assert net.comparisons[0].log_sd > gross.comparisons[0].log_sd


def test_a_buffer_of_another_instrument_is_not_taken_off(lot, tmp_path):
    extra = "blanks: [{file: b.csv, dilution: 1, instrument: two}]\n"
    path = lot(TWO_VIALS[:1], blank=0.2 * 8e10 / 300)
    (tmp_path / "buffer.csv").rename(tmp_path / "b.csv")
    text = path.read_text(encoding="utf-8").split("blanks:")[0]
    path.write_text(text + extra, encoding="utf-8")
    made = measure_batch(path)
    assert made.net == ()
    assert any("not by NanoSight" in w.message for w in made.warnings if w.code == "BLANK")


def test_sizes_are_less_the_buffer_and_the_warning_stays_where_they_cannot_be(lot, tmp_path):
    level = 8e10 / 300
    made = measure_batch(lot(TWO_VIALS[:1], blank=0.2 * level, tracks=900))
    assert made.pooled.ends and "BLANK_SIZES" not in {w.code for w in made.warnings}
    assert float(made.pooled.buffer.sum()) == pytest.approx(0.2, abs=0.02)
    # Sample and buffer of the writer have one shape, so the sizes stay and their errors grow.
    clean = measure_batch(lot(TWO_VIALS[:1]))
    assert made.size.median_nm == pytest.approx(clean.size.median_nm, rel=0.01)
    assert made.size.n_effective < clean.size.n_effective


def test_a_preparation_that_disagrees_widens_the_batch_by_itself(lot):
    same = measure_batch(lot([("a", 1, "p", 8e10, 300), ("b", 1, "q", 8.2e10, 300)]))
    far = measure_batch(lot([("a", 1, "p", 8e10, 300), ("b", 1, "q", 2.2e10, 300)]))
    assert far.count.low < 2.2e10
    assert far.count.high > 8e10
    assert far.count.log_sd > 2 * same.count.log_sd
    said = next(w for w in far.warnings if w.code == "PREPARATIONS_DIFFER")
    assert "as wide as that makes it" in said.message


def test_two_runs_that_count_alike_are_two_runs(tmp_path):
    from writers import zetaview

    counts = {20: 400, 24: 300}, {20: 300, 24: 400}
    for name, each in zip("ab", counts, strict=True):
        (tmp_path / f"{name}.txt").write_bytes(zetaview.size_text(each).encode("latin-1"))
    (tmp_path / "batch.yaml").write_text(
        "schema_version: 1\ntitle: Lot\nparticles: [{file: '*.txt'}]\n", encoding="utf-8"
    )
    made = measure_batch(tmp_path)
    assert made.estimate.preparations.n_valid == 2


def test_a_volume_that_lacks_is_asked_for_where_a_batch_says_it(lot):
    from exocast.vial.storage import vial_volume_ml

    path = lot(TWO_VIALS[:1])
    vial = load_vial(VialDescription(batch=str(path)), path.parent)
    with pytest.raises(InvalidInput, match=r"fill\.volume") as refused:
        vial_volume_ml(vial)
    assert refused.value.code == "VOLUME_MISSING"
    assert "--volume" not in refused.value.message
