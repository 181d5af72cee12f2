"""What a batch carries: curves, counts, shares and gates, each with an interval that covers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from writers import omics

from exocast.errors import InstrumentFileError, UnitError, UnknownName
from exocast.vial import Estimate, InstrumentFile, known_readers, read_file
from exocast.vial.cargo import (
    CargoEstimate,
    Preparation,
    copies_per_ml,
    copies_per_vesicle,
    digital_copies,
    exact_share,
    identity_panel,
    library_shares,
    marker_positive,
    quantify,
    standard_curve,
    threshold_from_blank,
)
from exocast.vial.identity import panel_rows
from exocast.vial.markers import wilson
from exocast.vial.tobit import drop, fit_censored

READERS = {r.name: r for r in known_readers()}
FULL_STEPS = Preparation(
    sample_ul=200.0, eluate_ul=50.0, template_ul=2.0, reaction_ul=20.0, dilution=10.0
)


def read(name, content):
    data = content if isinstance(content, bytes) else content.encode()
    return READERS[name].read(InstrumentFile(path=Path("made"), data=data))


def plate(cycles, limit=40.0):
    """An RDML file: standards of 1e5 to 10, and a sample; cycles by name."""
    return omics.rdml(
        reactions=[
            (str(i + 1), name, f"<cq>{float(min(cq, limit))!r}</cq>")
            for i, (name, cq) in enumerate(cycles)
        ],
        unit="cop",
    )


# Standard curve -----------------------------------------------------------------------------------


def test_real_curve_has_the_efficiency_that_the_instrument_states(reference):
    reading = read_file(reference / "samples" / "qpcr" / "stepone_std.rdml")
    curve = standard_curve(reading)
    # <amplificationEfficiency> of the file; the line of scipy on the 15 standards.
    assert 100 * curve.efficiency == pytest.approx(93.91181, abs=0.003)
    wells = reading.wells[reading.wells["role"] == "standard"]
    line = stats.linregress(np.log10(wells["nominal"]), wells["value"])
    assert curve.slope == pytest.approx(line.slope, rel=1e-6)
    assert curve.intercept == pytest.approx(line.intercept, rel=1e-6)
    reach = stats.t.ppf(0.975, 13) * line.stderr
    assert curve.slope_high - curve.slope == pytest.approx(reach, rel=1e-4)
    assert curve.slope - curve.slope_low == pytest.approx(reach, rel=1e-4)


def test_real_unknowns_are_those_that_the_instrument_states(reference):
    reading = read_file(reference / "samples" / "qpcr" / "stepone_std.rdml")
    curve = standard_curve(reading)
    # Geometric means of <quantity><value> of the three wells of each sample in the file.
    for sample, stated in (("pop1_RNase P", 2549.3), ("pop2_RNase P", 4829.9)):
        found = quantify(curve, reading, sample)
        assert found.value == pytest.approx(stated, rel=1e-3)
        assert found.low < found.value < found.high
    blank = quantify(curve, reading, "NTC_RNase P")
    assert (blank.value, blank.low) == (None, 0.0)
    assert 0 < blank.high < curve.lowest
    assert "3 of 3" in blank.reason
    with pytest.raises(UnitError, match="nothing is converted"):
        copies_per_ml(found, FULL_STEPS)  # its standards are in the unit 'other'


def fieller(x, y, y0, level):
    """Interval of inverse regression from the quadratic equation, by the textbook."""
    n, m = len(x), len(y0)
    fit = stats.linregress(x, y)
    sse = ((y - fit.intercept - fit.slope * x) ** 2).sum() + ((y0 - y0.mean()) ** 2).sum()
    free = n + m - 3
    s2, q = sse / free, stats.t.ppf(0.5 + level / 2, free)
    sxx, gap = ((x - x.mean()) ** 2).sum(), y0.mean() - y.mean()
    a = fit.slope**2 - q**2 * s2 / sxx
    b = -2 * fit.slope * gap
    c = gap**2 - q**2 * s2 * (1 / n + 1 / m)
    return sorted(np.roots([a, b, c]).real + x.mean())


def test_without_censoring_the_interval_is_fiellers():
    rng = np.random.default_rng(3)
    x = np.repeat([1.0, 2.0], 3)
    y = 38.0 - 3.3 * x + rng.normal(0, 0.15, 6)
    y0 = 38.0 - 3.3 * 1.5 + rng.normal(0, 0.15, 3)
    cycles = [("std 10", v) for v in y[:3]] + [("std 100", v) for v in y[3:]]
    reading = read("rdml", plate([*cycles, *(("lot 7", v) for v in y0)], limit=60.0))
    found = quantify(standard_curve(reading), reading, "lot 7", level=0.9)
    low, high = fieller(x, y, y0, 0.9)
    assert [math.log10(found.low), math.log10(found.high)] == pytest.approx([low, high], abs=1e-4)


def test_censored_fit_is_the_one_of_a_plain_optimiser():
    rng = np.random.default_rng(11)
    x = np.repeat(np.arange(5.0), 3)
    y = 41.0 - 3.4 * x[::-1] + rng.normal(0, 0.3, 15)
    cut = y > 38.5
    y = np.where(cut, 38.5, y)
    design = np.stack([np.ones_like(x), x[::-1]], axis=-1)

    def minus(theta):
        r = (y - design @ theta[:2]) / math.exp(theta[2])
        return -np.where(cut, stats.norm.logsf(r), stats.norm.logpdf(r) - theta[2]).sum()

    wanted = minimize(minus, [41.0, -3.4, -1.0], method="Nelder-Mead",
                      options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 9000})  # fmt: skip
    fit = fit_censored(design[None], y[None], cut[None])
    assert cut.sum() == 3
    assert fit.log_likelihood[0] == pytest.approx(-wanted.fun, abs=1e-6)
    assert fit.coefficients[0] == pytest.approx(wanted.x[:2], abs=1e-4)
    assert fit.spread[0] == pytest.approx(math.exp(wanted.x[2]), rel=1e-3)


def simulated(where, limit, sets=4000):
    """Share of plates whose 90 % interval holds the truth, and share of censored wells.

    Five standards in three wells each, four wells of the sample. The test asks the likelihood at
    the truth, as the interval does at its ends; all plates are fitted at once.
    """
    rng = np.random.default_rng(17)
    x = np.repeat(np.arange(1.0, 6.0), 3)
    all_x = np.concatenate([x, np.full(4, where)])
    y = 38.0 - 3.3 * all_x + rng.normal(0, 0.25, (sets, len(all_x)))
    cut = y > limit
    y = np.minimum(y, limit)
    line = np.broadcast_to(np.stack([np.ones_like(all_x), all_x], -1), (sets, len(all_x), 2))
    apart = np.zeros((len(all_x), 3))
    apart[:15, 0], apart[:15, 1], apart[15:, 2] = 1.0, x, 1.0
    at_truth = fit_censored(line, y, cut).log_likelihood
    bare = cut[:, 15:].all(axis=1)
    held = np.zeros(sets, dtype=bool)
    some, none = np.flatnonzero(~bare), np.flatnonzero(bare)
    free = fit_censored(np.broadcast_to(apart, (len(some), *apart.shape)), y[some], cut[some])
    fall = free.log_likelihood - at_truth[some]
    held[some] = fall <= drop((~cut[some]).sum(axis=1), 3, 0.90)
    if len(none):
        curve = fit_censored(line[none, :15], y[none, :15], cut[none, :15]).log_likelihood
        held[none] = curve - at_truth[none] <= -math.log(0.05)
    return held.mean(), cut[:, 15:].mean()


@pytest.mark.parametrize(
    ("where", "limit", "censored"), [(2.5, 60.0, 0.0), (0.37, 37.0, 0.19)], ids=["seen", "late"]
)
def test_intervals_cover(where, limit, censored):
    """90 % intervals hold the truth in 88 to 92 % of 4,000 plates, with censored wells too."""
    covered, share = simulated(where, limit)
    assert share == pytest.approx(censored, abs=0.02)
    assert 0.88 <= covered <= 0.92


def test_intervals_are_not_too_narrow_where_half_the_wells_are_censored():
    covered, share = simulated(0.3, 37.0)
    assert share == pytest.approx(0.5, abs=0.03)
    assert 0.90 <= covered <= 0.96


LATE = [("std 10", 39.5), ("std 10", 39.6), ("std 100", 36.2), ("std 100", 36.3)]


def test_ends_of_the_interval_are_where_the_likelihood_says():
    """The interval that is returned is the one whose coverage is simulated above."""
    cycles = [*LATE, ("lot 7", 38.9), ("lot 7", 39.3), ("lot 7", 39.4), ("lot 7", 40.0)]
    reading = read("rdml", plate(cycles))
    found = quantify(standard_curve(reading), reading, "lot 7", level=0.9)
    assert found.n_censored == 1
    y = np.array([c for _, c in cycles])
    cut = y == 40.0
    x = np.array([1.0, 1.0, 2.0, 2.0])
    apart = np.zeros((8, 3))
    apart[:4, 0], apart[:4, 1], apart[4:, 2] = 1.0, x, 1.0
    top = fit_censored(apart[None], y[None], cut[None]).log_likelihood[0]
    for end in (found.low, found.high):
        column = np.concatenate([x, np.full(4, math.log10(end))])
        design = np.stack([np.ones(8), column], -1)
        fall = top - fit_censored(design[None], y[None], cut[None]).log_likelihood[0]
        assert fall == pytest.approx(float(drop(7, 3, 0.9)), abs=1e-5)


def test_wells_that_were_not_detected_lower_the_estimate():
    seen = [("lot 7", 39.0), ("lot 7", 39.2), ("lot 7", 39.3)]
    few = read("rdml", plate([*LATE, *seen]))
    more = read("rdml", plate([*LATE, *seen, ("lot 7", 40.0)]))
    a = quantify(standard_curve(few), few, "lot 7")
    b = quantify(standard_curve(more), more, "lot 7")
    assert (a.n_censored, b.n_censored) == (0, 1)
    assert b.value < a.value
    assert b.low < a.low


def test_a_sample_that_no_well_detected_has_a_limit_of_the_chance_of_that():
    """With a steep certain curve, the limit is where all four wells are missed in 2.5 %."""
    x = np.repeat(np.arange(1.0, 3.0), 2)
    cycles = [*LATE, *(("lot 7", 40.0) for _ in range(4))]
    reading = read("rdml", plate(cycles))
    found = quantify(standard_curve(reading), reading, "lot 7")
    assert (found.value, found.low) == (None, 0.0)
    y, cut = np.array([c for _, c in cycles]), np.array([False] * 4 + [True] * 4)
    column = np.concatenate([x, np.full(4, math.log10(found.high))])
    design = np.stack([np.ones(8), column], -1)
    at_limit = fit_censored(design[None], y[None], cut[None]).log_likelihood[0]
    curve = fit_censored(design[None, :4], y[None, :4], cut[None, :4]).log_likelihood[0]
    assert curve - at_limit == pytest.approx(-math.log(0.025), abs=1e-5)


def test_beyond_the_standards_there_is_no_value():
    cycles = [("std 10", 34.5), ("std 10", 34.7), ("std 100", 31.2), ("std 100", 31.3)]
    reading = read("rdml", plate([*cycles, ("lot 7", 22.0), ("lot 7", 22.2)]))
    found = quantify(standard_curve(reading), reading, "lot 7")
    assert found.value is None
    assert "above the standards" in found.reason


def test_a_last_cycle_that_is_not_known_leaves_the_sample_unknown():
    rows = [*omics.CFX_ROWS[:2], ("A05", "FAM", "miR-21", "Std-2", "s2", 23.4, 1e3)]
    rows += [("A03", "FAM", "miR-21", "Unkn-1", "lot 7", math.nan, math.nan)]
    reading = read("cfx", omics.cfx(rows))
    found = quantify(standard_curve(reading, unit="copies"), reading, "lot 7")
    assert (found.value, found.low, found.high) == (None, None, None)
    assert "last cycle" in found.reason


def test_curves_that_are_none_are_refused():
    flat = [("std 10", 30.0), ("std 10", 30.2), ("std 100", 30.1), ("std 100", 30.3)]
    for cycles, code in ((flat, "NO_CURVE"), (flat[:2], "NO_STANDARDS")):
        with pytest.raises(InstrumentFileError) as e:
            standard_curve(read("rdml", plate(cycles)))
        assert e.value.code == code
    with pytest.raises(InstrumentFileError) as e:
        standard_curve(read("rdml", omics.rdml()), unit="fg")
    assert e.value.code in {"UNIT", "NO_STANDARDS"}
    with pytest.raises(UnknownName, match="miR-21"):
        standard_curve(read("quantstudio", omics.quantstudio()), "miR-12")


# Copies per mL and per vesicle --------------------------------------------------------------------


def estimate(**changed):
    base = CargoEstimate(attribute="quantity of miR-21", sample="lot 7", value=100.0, low=50.0,
                         high=200.0, unit="copies", level=0.95, n_used=3, n_censored=0)  # fmt: skip
    return replace(base, **changed)


def test_copies_per_ml_by_hand():
    # 100 copies in 2 of 50 uL, diluted tenfold, from 200 uL: 100/2*50*10/0.2 mL = 125,000 per mL.
    found = copies_per_ml(estimate(), FULL_STEPS)
    assert (found.value, found.low, found.high) == pytest.approx((125e3, 62.5e3, 250e3))
    # 100 copies/uL of template: 100*10*50/0.2 mL.
    assert copies_per_ml(estimate(unit="copies/uL"), FULL_STEPS).value == pytest.approx(250e3)
    # dPCR: 100 copies/uL of a reaction of 20 uL with 2 uL of template.
    digital = estimate(attribute="copies of miR-21", unit="copies/uL")
    assert copies_per_ml(digital, FULL_STEPS).value == pytest.approx(2.5e6)
    assert found.state == "undiluted"
    with pytest.raises(UnitError, match="second time"):
        copies_per_ml(found, FULL_STEPS)


@pytest.mark.parametrize("name", ["sample_ul", "eluate_ul", "template_ul", "dilution"])
def test_a_volume_that_is_not_stated_is_asked_for(name):
    with pytest.raises(UnitError, match=name):
        copies_per_ml(estimate(), replace(FULL_STEPS, **{name: None}))


def test_copies_per_vesicle_combine_both_intervals():
    particles = Estimate(value=1e10, low=0.8e10, high=1.25e10, log_sd=0.11, n_valid=5, n_total=5,
                         capture_spread=0.1)  # fmt: skip
    copies = copies_per_ml(estimate(), FULL_STEPS)
    found = copies_per_vesicle(copies, particles)
    assert found.value == pytest.approx(1.25e-5)
    reach = math.hypot(math.log(2.0), math.log(1.25))
    assert found.low == pytest.approx(1.25e-5 * math.exp(-reach))
    assert found.high == pytest.approx(1.25e-5 * math.exp(reach))
    limit = copies_per_vesicle(replace(copies, value=None, low=0.0), particles)
    assert (limit.value, limit.low) == (None, 0.0)
    assert limit.high == pytest.approx(250e3 / 0.8e10)
    for wrong, code in (
        (estimate(), "UNIT"),
        (replace(copies, level=0.9), "LEVEL"),
        (replace(copies, state="reaction"), "DILUTION"),
    ):
        with pytest.raises(UnitError) as e:
            copies_per_vesicle(wrong, particles)
        assert e.value.code == code
    with pytest.raises(UnitError):
        copies_per_vesicle(copies, particles, particles_state="at the instrument")


# Digital PCR --------------------------------------------------------------------------------------


def test_exact_interval_is_that_of_scipy():
    for k, n in ((0, 50), (3, 50), (50, 50), (34, 20449)):
        wanted = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
        assert exact_share(k, n) == pytest.approx((wanted.low, wanted.high), rel=1e-9)


def test_real_wells_of_absolute_q(reference):
    reading = read_file(reference / "samples" / "qpcr" / "Appbio_AbsoluteQ_example01.csv")
    found = digital_copies(reading, "Cell Lysate A", "Gene A")
    assert len(found) == 8
    second = found[1]
    # 34 of 20449: binomial 95 % 23.55 to 47.51 positives; the file's own half width is 1.1.
    assert second.value == 3.85
    assert (second.low, second.high) == pytest.approx((2.666, 5.380), abs=0.002)
    nothing = found[0]
    assert (nothing.value, nothing.low) == (0.0, 0.0)
    # 1-0.025**(1/20413) over 0.4322 nL: 0.418 copies/uL.
    assert nothing.high == pytest.approx(0.418, abs=0.002)
    with pytest.raises(UnknownName, match="Gene A"):
        digital_copies(reading, "Cell Lysate A", "Gene C")


def test_wells_without_or_with_only_positive_partitions():
    alone = read("qiacuity", omics.qiacuity([("A1", "lot 7", "miR-21", "-", 0.0, 25000, 0)]))
    (found,) = digital_copies(alone, "lot 7", "miR-21")
    assert found.value is None
    assert "volume of a partition" in found.reason
    full = read(
        "qiacuity", omics.qiacuity([*omics.DPCR, ("C1", "lot 9", "miR-21", "-", 9e3, 200, 200)])
    )
    (found,) = digital_copies(full, "lot 9", "miR-21")
    assert found.value is None
    assert found.high is None
    assert found.low > 1000


# Small RNAs ---------------------------------------------------------------------------------------


def test_shares_of_a_library(reference):
    reading = read_file(reference / "samples" / "mirna_counts" / "miRNA-counts_example.csv")
    table = library_shares(reading, ["Ctrl_1"])
    assert table["share"].sum() == pytest.approx(1.0)
    assert set(table["kind"]) == {"RELATIVE"}
    row = table[table["feature"] == "miR-6126"].iloc[0]
    # 509,929 of 1,163,995 reads, counted with awk; normal interval of the share.
    assert row["share"] == pytest.approx(509929 / 1164000)
    reach = 1.96 * math.sqrt(row["share"] * (1 - row["share"]) / 1164000)
    assert row["high"] - row["share"] == pytest.approx(reach, rel=0.01)
    four = library_shares(reading, ["Ctrl_1", "Ctrl_2", "Ctrl_3", "Ctrl_4"])
    wide = four[four["feature"] == "miR-6126"].iloc[0]
    assert wide["high"] - wide["low"] > 10 * (row["high"] - row["low"])
    with pytest.raises(UnknownName):
        library_shares(reading, ["Ctrl_9"])
    with pytest.raises(InstrumentFileError) as e:
        library_shares(read("ct_matrix", omics.ct_matrix()), ["lot 1"])
    assert e.value.code == "NOT_COUNTS"


def test_shares_cover():
    rng = np.random.default_rng(23)
    truth = np.array([0.9, 0.09, 0.01])
    draws = rng.multinomial(2000, truth, size=250)
    names = [f"s{i}" for i in range(250)]
    rows = ["," + ",".join(names)]
    rows += [f"miR-{j}," + ",".join(str(v) for v in draws[:, j]) for j in range(3)]
    reading = read("small_rna", "\n".join(rows) + "\n")
    hits = np.zeros(3)
    for name in names:
        table = library_shares(reading, [name], level=0.9)
        hits += (table["low"].to_numpy() <= truth) & (truth <= table["high"].to_numpy())
    assert (hits / 250 > 0.86).all()
    assert (hits / 250 < 0.94).all()


# Markers ------------------------------------------------------------------------------------------


def cytometer(values):
    return read("fcs", omics.fcs([("FITC-A", "32", "1024")], [(float(v),) for v in values]))


def test_positive_events_above_a_blank():
    sample, blank = cytometer([5] * 70 + [50] * 30), cytometer([5] * 95 + [50] * 5)
    found = marker_positive(sample, "FITC-A", threshold=20.0, blank=blank)
    assert found.value == pytest.approx(0.25)
    assert (found.positive, found.events, found.blank_positive) == (30, 100, 5)
    # Newcombe (1998), method 10, by hand: Wilson 0.2189-0.3959 and 0.0215-0.1118.
    assert wilson(30, 100) == pytest.approx((0.2189, 0.3958), abs=1e-4)
    assert (found.low, found.high) == pytest.approx((0.1478, 0.3500), abs=2e-3)
    assert "detected events" in found.assumptions[0]
    alone = marker_positive(sample, "FITC-A", threshold=20.0)
    assert (alone.low, alone.high) == pytest.approx(wilson(30, 100))
    assert "nothing is subtracted" in alone.assumptions[-1]


def test_a_gate_from_a_blank_leaves_the_stated_share_below():
    blank = cytometer(range(1000))
    gate = threshold_from_blank(blank, "FITC-A", 0.99)
    assert (np.arange(1000) >= gate).sum() == 10
    found = marker_positive(cytometer(range(500, 1500)), "FITC-A", blank=blank, quantile=0.99)
    assert found.value == pytest.approx(0.51 - 0.01)
    tied = cytometer([7] * 100)
    assert marker_positive(tied, "FITC-A", blank=tied, quantile=0.9).positive == 0


def test_gates_are_stated_and_never_chosen():
    sample = cytometer([1, 2, 3])
    for options in ({}, {"quantile": 0.9}, {"threshold": 1.0, "quantile": 0.9, "blank": sample}):
        with pytest.raises(InstrumentFileError) as e:
            marker_positive(sample, "FITC-A", **options)
        assert e.value.code == "GATE"
    with pytest.raises(InstrumentFileError) as e:
        threshold_from_blank(sample, "FITC-A", 0.99)
    assert e.value.code == "QUANTILE"
    with pytest.raises(UnknownName, match="FITC-A"):
        marker_positive(sample, "FITC-H", threshold=1.0)


# Identity -----------------------------------------------------------------------------------------


def test_real_panel_of_breast_cell_vesicles(reference):
    path = "maxquant_like_exosome_filtered_protein_groups.csv"
    report = identity_panel(read_file(reference / "samples" / "proteomics" / path))
    # By hand: grep of each accession in 'Majority protein IDs'; no CD63, no GM130 in the table.
    surface = report.found("transmembrane or GPI-anchored")
    assert {"CD9", "CD81", "CD44", "CD59", "NT5E", "ITGB1"} <= set(surface)
    assert "CD63" not in surface
    assert {"TSG101", "PDCD6IP", "SDCBP"} <= set(report.found("cytosolic with membrane binding"))
    assert report.found("exomere type") == ()
    assert "GAPDH" in report.found("exomere type", counting=False)
    status = {m.gene: m.status for m in report.markers}
    assert (status["CANX"], status["GOLGA2"], status["ALB"]) == ("found", "not found", "not found")


def test_panel_after_exclusions():
    report = identity_panel(read("maxquant", omics.maxquant()))
    markers = {m.gene: m for m in report.markers}
    assert markers["CD9"].status == "found"
    assert markers["CD9"].lines == (2,)
    assert markers["CD81"].status == "found"
    assert markers["CD81"].reason == ""  # its isoform is the same protein
    assert (markers["ALB"].status, markers["TSG101"].status) == ("not tested", "not tested")
    assert "excluded lines only" in markers["ALB"].reason
    assert markers["HSPA8"].status == "found"
    assert not markers["HSPA8"].counts
    assert markers["CD63"].status == "not found"
    second = identity_panel(read("maxquant", omics.maxquant()), "lot 2")
    assert {m.gene: m.status for m in second.markers}["CD9"] == "not found"


def test_groups_of_several_proteins_say_so_and_other_species_are_not_tested():
    found = identity_panel(read("diann", omics.diann()))
    assert "1 other" in {m.gene: m.reason for m in found.markers}["CD81"]
    mouse = {"P40240": ("CD9_MOUSE", (1.0, 2.0, 3.0))}
    report = identity_panel(read("diann", omics.diann(mouse)))
    assert {m.status for m in report.markers} == {"not tested"}
    assert "MOUSE" in report.markers[0].reason
    with pytest.raises(InstrumentFileError) as e:
        identity_panel(read("accessions", omics.accessions()))
    assert e.value.code == "NO_PROTEINS"


def test_the_panel_is_whole():
    rows = panel_rows()
    names = [a for row in rows for a in row["accessions"].split(";")]
    assert len(set(names)) == len(names)
    assert len({row["gene"] for row in rows}) == len(rows)
    for row in rows:
        assert row["counts"] in {"yes", "no"}
        assert (row["counts"] == "yes") <= (
            row["category"].split()[0] in {"transmembrane", "cytosolic"}
        )
        assert row["note"] if row["source"] == "assumption" else row["place"]


def test_accessions_of_the_panel_are_those_of_real_tables(reference):
    """Gene and accession stand in one line of a MaxQuant table of human vesicles."""
    import csv

    csv.field_size_limit(10**7)
    path = reference / "samples/proteomics/maxquant_like_exosome_filtered_protein_groups.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        pairs = [(r["Gene names"].split(";"), r["Majority protein IDs"].split(";"))
                 for r in csv.DictReader(lines)]  # fmt: skip
    checked = 0
    for row in panel_rows():
        mine = set(row["accessions"].split(";"))
        for genes, names in pairs:
            if row["gene"] in genes:
                assert mine & set(names), row["gene"]
                checked += 1
    assert checked >= 25
