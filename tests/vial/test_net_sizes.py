"""Sizes less those of the buffer: the sample's own come back, with what that leaves open."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_exports import CENTRES, codes, run
from scipy.stats import lognorm

from exocast.vial.blank import subtract_blank
from exocast.vial.measure import measure_size, size_weights
from exocast.vial.net_sizes import BufferSizes, net_run, pooled_sizes
from exocast.vial.runs import counted
from exocast.vial.size_estimate import estimate_sizes, percentiles


def shape(median, sd=0.3):
    law = lognorm(s=sd, scale=median)
    return law.cdf(CENTRES + 0.5) - law.cdf(CENTRES - 0.5)


def mixed(share, sample=150.0, buffer=85.0):
    """Bins of a sample of which a share is the buffer's."""
    return (1 - share) * shape(sample) + share * shape(buffer)


def lot(share, *, level=3e8, tracks=4000.0, blank_tracks=1500.0, captures=3, blanks=2, **others):
    """A run and its blanks, free of noise."""
    one = run([level] * captures, shares=mixed(share), tracks=tracks, **others)
    empty = [
        run(
            [share * level] * 3,
            "buffer",
            f"b{i}",
            blank=True,
            dilution=1.0,
            shares=shape(85.0),
            tracks=blank_tracks,
            name=f"blank{i}",
        )
        for i in range(blanks)
    ]
    return one, empty


def of_detected(export):
    """D50 without the laws, whose fits take a while."""
    captures, shares = size_weights(export, None)
    tracks = np.array([c.tracks for c in captures])
    return percentiles(export.bins.centres_nm, shares, tracks)["d50_nm"]


def pooled(one, blanks):
    net = subtract_blank([one], blanks)
    return pooled_sizes([one], {(one.vial, one.preparation, one.instrument): net.buffer})


@pytest.mark.parametrize("share", [0.05, 0.4])
def test_the_samples_own_sizes_come_back(share):
    one, blanks = lot(share)
    found = pooled(one, blanks)
    sizes = estimate_sizes(found.export, ends=found.ends)
    law = lognorm(s=0.3, scale=150.0)
    for each, q in ((sizes.d10_nm, 0.1), (sizes.d50_nm, 0.5), (sizes.d90_nm, 0.9)):
        assert each.value == pytest.approx(law.ppf(q), rel=2e-3)
        assert each.low < law.ppf(q) < each.high
    fit, _ = measure_size(found.export)
    assert fit.median_nm == pytest.approx(150.0, rel=2e-3)
    assert fit.log_sd == pytest.approx(0.3, rel=5e-3)
    # With the buffer in, the median lies elsewhere.
    assert of_detected(pooled_sizes([one]).export).value < sizes.d50_nm.value
    assert float(found.buffer.sum()) == pytest.approx(share, rel=0.01)
    assert float(found.counted.sum()) == pytest.approx(1.0, rel=1e-9)


def test_more_buffer_leaves_the_sizes_less_known():
    widths = []
    for share in (0.02, 0.35):
        found = pooled(*lot(share))
        d50 = estimate_sizes(found.export, ends=found.ends).d50_nm
        assert math.log(d50.high / d50.low) > math.log(
            (counting := of_detected(found.export)).high / counting.low
        )
        widths.append(math.log(d50.high / d50.low))
    assert widths[1] > 1.5 * widths[0]
    plain = of_detected(pooled_sizes([lot(0.02)[0]]).export)
    assert widths[0] == pytest.approx(math.log(plain.high / plain.low), rel=0.15)


def test_particles_of_both_counts_are_behind_net_sizes():
    one, blanks = lot(0.2)
    net = subtract_blank([one], blanks)
    n, m, share = 3 * 4000.0, 2 * 3 * 1500.0, net.blank_share
    found = sum(c.tracks for c in pooled(one, blanks).export.captures)
    # Poisson: the variance of n p - n f b, over the net particles squared.
    assert found == pytest.approx(n * (1 - share) ** 2 / (1 + n * share**2 / m), rel=1e-6)
    few = pooled(*lot(0.2, blank_tracks=10.0))
    assert sum(c.tracks for c in few.export.captures) < 0.3 * found


def test_more_captures_do_not_wash_out_the_buffers_own_counting():
    # Variance of the pooled sizes never falls below that of the buffer's counted shape.
    most = 2 * 3 * 50.0 * ((1 - 0.2) / 0.2) ** 2
    few, many = (pooled(*lot(0.2, captures=n, blank_tracks=50.0)) for n in (3, 600))
    worth = [sum(c.tracks for c in p.export.captures) for p in (few, many)]
    assert worth[0] < 0.7 * most < 0.99 * most < worth[1] < most * 1.001


def test_counting_error_of_net_sizes_is_what_draws_show():
    rng = np.random.default_rng(1)
    share, n, m = 0.3, 3000, 900
    centres = CENTRES
    medians, claimed = [], []
    for _ in range(60):
        counts = rng.multinomial(n, mixed(share) / mixed(share).sum())
        blank = rng.multinomial(m, shape(85.0) / shape(85.0).sum())
        one = run([3e8], shares=counts / n, tracks=float(n))
        buffer = BufferSizes(
            edges_nm=np.append(centres - 0.5, centres[-1] + 0.5),
            shares=blank / m,
            tracks=float(m),
            of_sample=share,
            log_sd=1e-6,
        )
        found = pooled_sizes([one], {(one.vial, one.preparation, one.instrument): buffer})
        d50 = of_detected(found.export)
        medians.append(math.log(d50.value))
        claimed.append(math.log(d50.high / d50.low) / (2 * 1.96))
    assert np.mean(medians) == pytest.approx(math.log(150.0), abs=0.006)
    ratio = float(np.mean(claimed)) / float(np.std(medians, ddof=1))
    assert 0.8 < ratio < 1.5  # a multinomial of as many particles; the real error depends on size


def test_net_bins_are_never_negative_and_lose_no_particle():
    rng = np.random.default_rng(2)
    counts = rng.multinomial(300, mixed(0.4) / mixed(0.4).sum())
    blank = rng.multinomial(200, shape(85.0) / shape(85.0).sum())
    one = run([3e8], shares=counts / 300, tracks=300.0)
    empty = [
        run([1.2e8], "b", p, blank=True, dilution=1.0, shares=blank / 200, tracks=200.0, name=p)
        for p in ("b", "c")
    ]
    net = subtract_blank([one], empty)
    found = pooled_sizes([one], {("1", "a", ""): net.buffer})
    linear = net_run(one, net.net_level / net.sample_level, net.sample_level, net.buffer)
    assert (linear.export.bins.per_ml < 0).any()
    assert (found.export.bins.per_ml >= 0).all()
    totals = found.export.bins.per_ml.sum(), one.export.bins.per_ml.sum()
    assert totals[0] == pytest.approx(totals[1], rel=1e-9)
    assert "BLANK_SIZES" in codes(found.warnings)
    assert "nm" in found.warnings[0].message


def test_a_little_buffer_is_no_warning():
    assert pooled(*lot(0.02)).warnings == ()


def test_where_the_buffer_outnumbers_the_sample_the_sizes_are_named():
    # Buffer of 60 nm under a sample of 250 nm: below about 100 nm all is the buffer's.
    one = run([3e8] * 3, shares=mixed(0.2, sample=250.0, buffer=60.0), tracks=4000.0)
    blanks = [run([6e7] * 3, "b", "b", blank=True, dilution=1.0, shares=shape(60.0), tracks=900.0)]
    found = pooled(one, blanks)
    assert codes(found.warnings) == ["BLANK_SIZES"]
    assert "20% of all that was counted" in found.warnings[0].message
    low, high = found.warnings[0].message.split(" nm")[0].split(" at ")[1].split("-")
    assert float(low) < 60 < float(high) < 150


def test_bins_of_sample_and_blank_may_differ():
    wide = np.arange(2.5, 1000, 5.0)
    law = lognorm(s=0.3, scale=85.0)
    coarse = law.cdf(wide + 2.5) - law.cdf(wide - 2.5)
    one, blanks = lot(0.2)
    other = [
        run([6e7] * 3, "b", f"b{i}", blank=True, dilution=1.0, shares=coarse, centres=wide,
            tracks=1500.0, name=f"w{i}") for i in range(2)
    ]  # fmt: skip
    d50 = [of_detected(pooled(one, b).export).value for b in (blanks, other)]
    assert d50[1] == pytest.approx(d50[0], rel=5e-3)


def test_a_blank_without_sizes_takes_none_off():
    one, _ = lot(0.2)
    bare = [run([6e7] * 3, "b", "b", blank=True, dilution=1.0)]
    assert subtract_blank([one], bare).buffer is None
    assert pooled_sizes([one], {}).ends == ()


def test_unknown_counts_claim_no_more_than_captures_show():
    one, blanks = lot(0.2, tracks=math.nan)
    found = pooled(one, blanks)
    sizes = estimate_sizes(found.export, ends=found.ends)
    assert math.isnan(sizes.n_effective)
    assert sizes.laws is None
    assert sizes.d50_nm.value == pytest.approx(150.0, rel=2e-3)


def test_what_captures_deviate_by_is_larger_in_what_is_left():
    one = run([2.8e8, 3.0e8, 3.3e8], tracks=2000.0)
    level = 3e8
    net = counted(net_run(one, 0.5, level, None))
    gross = counted(one)
    assert np.ptp(net.logs) == pytest.approx(2 * np.ptp(gross.logs), rel=1e-9)
    assert net.counting == pytest.approx(4 * gross.counting)
    # The instrument counted what it counted: the row of its level stays.
    assert net.spread.id == gross.spread.id
    near = math.log(0.5 * level * 1000.0)
    assert float(net.logs.mean()) == pytest.approx(
        near + 2 * (float(gross.logs.mean()) - math.log(level * 1000.0)), rel=1e-12
    )


def test_a_blank_that_counts_nothing_is_worth_one_capture_at_its_level():
    one, blanks = lot(0.1, blank_tracks=math.nan)
    found = sum(c.tracks for c in pooled(one, blanks).export.captures)
    like = sum(c.tracks for c in pooled(*lot(0.1, blank_tracks=400.0, blanks=1)).export.captures)
    assert math.isfinite(found)
    # One capture of 0.1 times 4000 particles; the other lot has three such.
    n, share = 3 * 4000.0, 0.1
    wanted = n * (1 - share) ** 2 / (1 + n * share**2 / (share * 4000.0))
    assert found == pytest.approx(wanted, rel=1e-3)
    assert found < like
