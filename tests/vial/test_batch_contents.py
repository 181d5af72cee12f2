"""What a batch file reaches besides particles: copies, cycles, markers, protein."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from writers import omics, plate_files

from exocast.errors import InvalidInput, UnitError, UnknownName
from exocast.evidence.rows import package_table
from exocast.vial.batch import CargoFile, MarkerFile, ProteinFile
from exocast.vial.contents import Quantity, cargo_of_entry, markers_of_entry, protein_of_entry
from exocast.vial.draft import draft_batch
from exocast.vial.measured import measure_batch

COUNT = Quantity(
    value=1e10, low=8e9, high=1.25e10, log_sd=0.114, unit="1/mL", by=("nta.csv",), how="counted"
)
STEPS = {
    "sample": "200 uL",
    "eluate": "50 uL",
    "template": "2 uL",
    "reaction": "20 uL",
    "dilution": 1,
}
# Wells of one lot: three replicates, and one of a dilution that is none of them.
WELLS = (
    ("A1", "lot 7", "miR-21", "-", 100.0, 25000, 2000),
    ("A2", "lot 7", "miR-21", "-", 102.0, 25000, 2038),
    ("A3", "lot 7", "miR-21", "-", 98.0, 25000, 1962),
    ("B1", "lot 7", "miR-21", "-", 10.0, 25000, 208),
)


def keep(path, reading, used_for):
    return path.name


def cargo(base, name, data, count=COUNT, **entry):
    (base / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return cargo_of_entry(CargoFile(file=name, **entry), base, count, keep)


def test_wells_that_nobody_calls_replicates_stand_by_themselves(tmp_path):
    found = cargo(tmp_path, "d.csv", omics.qiacuity(WELLS), volumes=STEPS)
    assert [q.how for q in found.quantities] == [
        f"miR-21, well {w}" for w in ("A1", "A2", "A3", "B1")
    ]
    assert {q.unit for q in found.quantities} == {"copies/mL"}
    assert [w.code for w in found.warnings if w.code == "WELLS"] == ["WELLS"]


def test_named_replicates_are_one_number_per_ml_and_per_particle(tmp_path):
    found = cargo(tmp_path, "d.csv", omics.qiacuity(WELLS), volumes=STEPS, wells=["A1", "A2", "A3"])
    copies, per = found.quantities
    # 100 copies/uL of reaction, times 20/2 to the template, 50/200 to the sample, 1000 to a mL.
    assert copies.value == pytest.approx(100 * 10 * 0.25 * 1000, rel=0.005)
    assert copies.how.endswith("well A1, A2, A3")
    assert per.value == pytest.approx(copies.value / 1e10)
    assert per.low < per.value < per.high
    assert "WELLS" not in {w.code for w in found.warnings}
    # One well alone is worth a third of the partitions.
    alone = cargo(tmp_path, "d.csv", omics.qiacuity(WELLS), volumes=STEPS, wells=["A1"])
    width = [math.log(q.high / q.low) for q in (copies, alone.quantities[0])]
    assert width[0] < width[1]
    with pytest.raises(UnknownName, match="no valid well 'C1'"):
        cargo(tmp_path, "d.csv", omics.qiacuity(WELLS), wells=["C1"])


def test_wells_that_scatter_beyond_counting_are_believed_in_their_scatter(tmp_path):
    apart = [(w, s, t, c, x * f, n, round(k * f)) for (w, s, t, c, x, n, k), f in
             zip(WELLS[:3], (0.6, 1.0, 1.5), strict=True)]  # fmt: skip
    widths = []
    for wells in (WELLS[:3], apart):
        found = cargo(tmp_path, "d.csv", omics.qiacuity(wells), wells=["A1", "A2", "A3"])
        one = found.quantities[0]
        widths.append(math.log(one.high / one.low))
    assert widths[1] > 4 * widths[0]


def test_pooled_intervals_hold_the_truth_as_often_as_they_say():
    from exocast.vial import InstrumentFile, known_readers
    from exocast.vial.cargo import digital_copies

    reader = next(r for r in known_readers() if r.name == "qiacuity")
    rng = np.random.default_rng(6)
    hits, n = 0, 300
    for _ in range(n):
        share = -math.expm1(-0.08)
        wells = []
        for name in ("A1", "A2", "A3"):
            k = int(rng.binomial(5000, share))
            stated = -math.log1p(-k / 5000) / 0.0008
            wells.append((name, "lot 7", "miR-21", "-", stated, 5000, k))
        reading = reader.read(
            InstrumentFile(path=Path("made.csv"), data=omics.qiacuity(wells).encode())
        )
        (one,) = digital_copies(reading, "lot 7", "miR-21", wells=["A1", "A2", "A3"])
        hits += one.low < 0.08 / 0.0008 < one.high
    # The exact interval and a scatter that is looked at only when it is large: never too short.
    assert hits / n >= stats.binom.ppf(0.005, n, 0.95) / n


def test_copies_by_a_standard_curve_come_with_its_efficiency(reference, tmp_path):
    data = (reference / "samples" / "qpcr" / "stepone_std.rdml").read_bytes()
    found = cargo(tmp_path, "q.rdml", data, sample="pop1_RNase P", unit="copies", volumes=STEPS)
    curve, copies, per = found.quantities
    assert "efficiency" in curve.how
    assert curve.value == pytest.approx(0.939, abs=0.001)
    assert curve.low < curve.value < curve.high
    # 2549.3 copies in the reaction by the instrument; over 2 uL, times 50/200 and 1000.
    assert copies.value == pytest.approx(2549.3 / 2 * 0.25 * 1000, rel=2e-3)
    assert copies.low < copies.value < copies.high
    assert per.unit == "copies" and "per particle" in per.how
    assert per.value == pytest.approx(copies.value / 1e10)
    # Without the volumes the reaction stands alone, and what lacks is said.
    bare = cargo(tmp_path, "q.rdml", data, sample="pop1_RNase P", unit="copies")
    assert "in the reaction" in bare.quantities[1].how
    assert "COPIES_UNKNOWN" in {w.code for w in bare.warnings}


def test_a_sample_that_no_well_detected_has_an_upper_limit(tmp_path):
    reactions = [
        ("1", "std 100", "<cq>25.5</cq>"), ("2", "std 100", "<cq>25.7</cq>"),
        ("3", "std 10", "<cq>28.9</cq>"), ("4", "std 10", "<cq>29.1</cq>"),
        ("5", "lot 7", "<cq>40.0</cq>"), ("6", "lot 7", "<cq>40.0</cq>"),
    ]  # fmt: skip
    data = omics.rdml(reactions=reactions)
    found = cargo(tmp_path, "q.rdml", data, sample="lot 7")
    limit = found.quantities[1]
    assert math.isnan(limit.value)
    assert limit.low == 0 and 0 < limit.high < 10
    assert "not detected in 2 of 2 wells" in limit.how


def test_a_matrix_of_cycles_is_shown_and_gives_no_copies(tmp_path):
    found = cargo(tmp_path, "ct.csv", omics.ct_matrix(), sample="lot 1")
    assert [q.how.split(":")[0] for q in found.quantities] == [
        "mmu-miR-21", "mmu-let-7a", "Mouse U6 snRNA",
    ]  # fmt: skip
    assert {q.unit for q in found.quantities} == {"cycles"}
    assert all(math.isnan(q.low) for q in found.quantities)
    said = next(w.message for w in found.warnings if w.code == "RELATIVE")
    assert "1 of 4 were not detected" in said
    every = cargo(tmp_path, "ct.csv", omics.ct_matrix(), sample="all")
    first = every.quantities[0]
    cycles = omics.CT["mmu-miR-21"]
    assert first.value == pytest.approx(np.mean(cycles))
    reach = stats.t.ppf(0.975, 2) * np.std(cycles, ddof=1) / math.sqrt(3)
    assert first.high - first.value == pytest.approx(reach)
    # An RNA that one sample missed has no mean.
    assert "mmu-let-7a" not in {q.how.split(":")[0] for q in every.quantities}


def test_a_marker_positive_share_is_told_with_its_interval(tmp_path):
    rng = np.random.default_rng(1)
    channels = (("FSC-A", "32", "1024"), ("FITC-A", "32", "1024"))
    for name, positive in (("blank.fcs", 0.0), ("lot.fcs", 0.3)):
        light = np.where(rng.random(1500) < positive, 500.0, 5.0) + rng.normal(0, 1, 1500)
        events = np.column_stack([np.full(1500, 20.0), light]).tolist()
        (tmp_path / name).write_bytes(omics.fcs(channels, events))
    entry = MarkerFile(file="lot.fcs", channel="FITC-A", marker="CD63", blank="blank.fcs")
    found = markers_of_entry(entry, tmp_path, keep)
    (share,) = found.quantities
    assert share.low < 0.3 < share.high
    assert "CD63-positive share" in share.how
    assert [s.name for s in found.shown] == ["CD63"]


def test_a_plate_without_a_unit_is_refused_by_its_file(tmp_path):
    values = {"A1": 0.05, "B1": 0.05, "A2": 0.2, "B2": 0.2, "A3": 0.35, "B3": 0.35, "A4": 0.275}
    ids = {w: "STD" + w[1] for w in values if w != "A4"} | {"A4": "SPL1"}
    contents = {"A1": 0.0, "B1": 0.0, "A2": 50.0, "B2": 50.0, "A3": 100.0, "B3": 100.0, "A4": 0.5}
    text = plate_files.gen5_text(values, ids=ids, contents=contents)
    (tmp_path / "plate.txt").write_bytes(text.encode())
    spread = package_table("vial", "population")["protein_spread"]
    bare = ProteinFile(file="plate.txt", sample="SPL1", curve="linear")
    with pytest.raises(UnitError, match="states no unit") as refused:
        protein_of_entry(bare, tmp_path, spread, keep)
    assert refused.value.code == "UNIT"
    assert refused.value.where == str(tmp_path / "plate.txt")
    wrong = bare.model_copy(update={"unit": "ug"})
    with pytest.raises(UnitError) as refused:
        protein_of_entry(wrong, tmp_path, spread, keep)
    assert refused.value.where == str(tmp_path / "plate.txt")
    found, warnings = protein_of_entry(
        bare.model_copy(update={"unit": "ug/mL"}), tmp_path, spread, keep
    )
    assert found.value == pytest.approx(150, rel=1e-3)  # 75 in the well, diluted one in two
    assert "UNIT" not in {w.code for w in warnings}  # the question is answered


def test_questions_of_several_files_are_asked_together(tmp_path):
    (tmp_path / "ct.csv").write_text(omics.ct_matrix(), encoding="utf-8")
    (tmp_path / "d.csv").write_text(omics.qiacuity(), encoding="utf-8")
    (tmp_path / "batch.yaml").write_text(
        "schema_version: 1\ntitle: Lot\ncargo: [{file: ct.csv}, {file: d.csv}]\n", encoding="utf-8"
    )
    with pytest.raises(InvalidInput) as refused:
        measure_batch(tmp_path)
    lines = refused.value.message.splitlines()
    assert [line.split(":")[0] for line in lines] == ["ct.csv", "d.csv"]
    assert refused.value.code == "MIXED_SAMPLES"


def test_a_draft_asks_for_samples_and_targets_and_leaves_out_what_tells_no_copies(tmp_path):
    twice = [*omics.DPCR, ("C1", "lot 7", "let-7a", "-", 5.0, 25000, 100)]
    (tmp_path / "d.csv").write_text(omics.qiacuity(twice), encoding="utf-8")
    (tmp_path / "none.rdml").write_bytes(
        omics.rdml(reactions=(("1", "lot 7", "<cq>27.25</cq>"), ("2", "lot 7", "<cq>27.5</cq>")))
    )
    text = draft_batch(tmp_path).text
    line = next(x for x in text.splitlines() if '"d.csv"' in x)
    assert line.startswith('  - {file: "d.csv", sample: null, target: null}')
    assert "targets: miR-21, let-7a" in line
    left = next(x for x in text.splitlines() if "none.rdml" in x)
    assert left.lstrip().startswith("#") and "without standards" in left
    assert "volumes: {sample: 200 uL" in text
