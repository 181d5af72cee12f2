"""Sizes with intervals: percentiles, a soft floor integrated over, and one law or two."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from made_exports import CENTRES, codes, export
from scipy.integrate import quad
from scipy.stats import beta, lognorm, norm

from exocast.errors import InstrumentFileError
from exocast.evidence.chance import value_of
from exocast.evidence.rows import package_table
from exocast.vial import measure, read_nanosight
from exocast.vial import size_estimate as sizes
from exocast.vial.size import fit_sizes
from exocast.vial.size_estimate import estimate_sizes, fit_laws, percentiles

ROWS = package_table("vial", "instrument")
FLOOR, WIDTH = ROWS["detection_floor"], ROWS["detection_width"]
WIDE = np.arange(100) * 10 + 5.0


def law(median, sd, centres=CENTRES):
    width = centres[1] - centres[0]
    made = lognorm(s=sd, scale=median)
    return made.cdf(centres + width / 2) - made.cdf(centres - width / 2)


def seen(median, sd, floor=60.0, width=0.1):
    shares = law(median, sd) * norm.cdf((np.log(CENTRES) - math.log(floor)) / width)
    return shares / shares.sum()


TWO = 0.6 * law(80, 0.15) + 0.4 * law(200, 0.2)
TWO = TWO * norm.cdf((np.log(CENTRES) - math.log(60)) / 0.1)
TWO /= TWO.sum()


def test_percentiles_are_those_of_the_law():
    found = percentiles(CENTRES, law(120, 0.3)[:, None], np.array([3000.0]))
    made = lognorm(s=0.3, scale=120)
    for name, share in (("d10_nm", 0.1), ("d50_nm", 0.5), ("d90_nm", 0.9)):
        assert found[name].value == pytest.approx(made.ppf(share), rel=1e-4)
    wanted = (made.ppf(0.9) - made.ppf(0.1)) / made.ppf(0.5)
    assert found["span"].value == pytest.approx(wanted, rel=1e-4)
    small = made.cdf(150) - made.cdf(30)
    assert found["share_small"].value == pytest.approx(small, rel=1e-6)


def test_counting_error_of_one_capture_is_the_textbook_one():
    n = 3000.0
    found = percentiles(CENTRES, law(120, 0.3)[:, None], np.array([n]))
    # Median: the law's own formula. Share: that of a binomial on the logit scale.
    wanted = 1.96 * 0.3 * math.sqrt(math.pi / 2 / n)
    median = found["d50_nm"]
    assert math.log(median.high / median.value) == pytest.approx(wanted, rel=0.1)
    p = found["share_small"].value
    reach = 1.96 / math.sqrt(n * p * (1 - p))
    logit = math.log(found["share_small"].high / (1 - found["share_small"].high))
    assert logit - math.log(p / (1 - p)) == pytest.approx(reach, rel=0.1)


def test_chance_is_the_same_every_time():
    once, again = (percentiles(CENTRES, TWO[:, None], np.array([500.0])) for _ in range(2))
    assert once == again


def test_captures_that_differ_widen_the_intervals():
    tracks = np.full(3, 2000.0)
    same = percentiles(CENTRES, np.stack([law(120, 0.3)] * 3, axis=1), tracks)
    apart = percentiles(CENTRES, np.stack([law(m, 0.3) for m in (105, 120, 137)], axis=1), tracks)
    assert same["d50_nm"].high / same["d50_nm"].low < 1.03
    assert apart["d50_nm"].high / apart["d50_nm"].low > 1.3


def test_captures_weigh_by_their_particles():
    shares = np.stack([law(100, 0.2), law(200, 0.2)], axis=1)
    found = percentiles(CENTRES, shares, np.array([3000.0, 30.0]))
    assert found["d50_nm"].value < 105


def test_intervals_of_percentiles_hold_the_truth():
    rng = np.random.default_rng(6)
    truth = lognorm(s=0.35, scale=110).ppf([0.1, 0.5, 0.9])
    hits, n = np.zeros(3), 150
    for _ in range(n):
        tracks = np.array([400, 600, 500])
        shares = []
        for count in tracks:
            drawn = rng.multinomial(count, law(110 * math.exp(rng.normal(0, 0.03)), 0.35, WIDE))
            shares.append(drawn / drawn.sum())
        found = percentiles(WIDE, np.stack(shares, axis=1), tracks.astype(float))
        ends = [found[k] for k in ("d10_nm", "d50_nm", "d90_nm")]
        hits += [e.low < t < e.high for e, t in zip(ends, truth, strict=True)]
    assert (hits / n > 0.9).all(), hits / n
    assert (hits / n < 1.0).all()


def test_unknown_counts_claim_what_captures_differ_by_and_nothing_with_one():
    shares = np.stack([law(m, 0.3) for m in (110, 120, 130)], axis=1)
    found = estimate_sizes(export([1e8] * 3, tracks=math.nan, shares=shares))
    assert codes(found.warnings) == ["COUNTING_UNKNOWN"]
    assert found.laws is None
    assert math.isnan(found.n_effective)
    scatter = np.std(np.log([110, 120, 130]), ddof=1) / math.sqrt(3) * 4.3027
    assert math.log(found.d50_nm.high / found.d50_nm.value) == pytest.approx(scatter, rel=1e-3)
    one = estimate_sizes(export([1e8], tracks=math.nan, shares=shares[:, 0]))
    for number in (one.d10_nm, one.d50_nm, one.d90_nm, one.span, one.share_small):
        assert math.isfinite(number.value)
        assert math.isnan(number.low)
        assert math.isnan(number.high)


def test_measure_of_unknown_counts_is_the_same_in_its_errors():
    shares = np.stack([law(m, 0.3) for m in (110, 120, 130)], axis=1)
    fit = measure(export([1e8] * 3, tracks=math.nan, shares=shares)).size
    known = measure(export([1e8] * 3, shares=shares)).size
    assert fit.median_nm == pytest.approx(known.median_nm, rel=1e-4)
    assert fit.log_sd == pytest.approx(known.log_sd, rel=1e-3)
    wanted = np.std(np.log([110, 120, 130]), ddof=1) / math.sqrt(3)
    assert fit.se_log_median == pytest.approx(wanted, rel=0.02)
    assert math.isnan(fit.n_effective)
    alone = measure(export([1e8], tracks=math.nan, shares=shares[:, 0]))
    assert math.isnan(alone.size.se_log_median)
    assert math.isnan(alone.size.se_log_sd)
    assert codes(alone.warnings).count("COUNTING_UNKNOWN") == 2


def test_floor_of_the_file_is_the_floor_of_the_fit():
    shares = law(120, 0.3) * (CENTRES > 80)
    fit = measure(export([1e8], shares=shares, floor_nm=80.0, method="RPS")).size
    assert fit.floor_nm == 80.0
    assert fit.median_nm == pytest.approx(120, rel=1e-3)


def test_all_small_or_none_has_the_law_of_a_count_of_nothing():
    found = percentiles(CENTRES, law(60, 0.05)[:, None], np.array([200.0]))["share_small"]
    assert found.value == 1.0
    assert found.high == 1.0
    assert found.low == pytest.approx(beta(200.5, 0.5).ppf(0.05), rel=1e-6)
    none = percentiles(CENTRES, law(400, 0.05)[:, None], np.array([200.0]))["share_small"]
    assert none.value < 1e-80
    assert none.low == 0.0
    assert none.high == pytest.approx(1 - found.low, rel=1e-6)


def test_share_that_is_detected_is_exact():
    mu, sd, middle, width = 4.5, 0.4, math.log(60), 0.2
    wanted, _ = quad(lambda u: norm.pdf(u, mu, sd) * norm.cdf((u - middle) / width), mu - 5, mu + 5)
    found = sizes._log_seen(*(np.asarray(v) for v in (mu, sd, middle, width)))
    assert math.exp(found) == pytest.approx(wanted, rel=1e-9)


def test_slopes_are_those_of_the_likelihood():
    bins = sizes._binned(CENTRES, 500 * seen(110, 0.4))
    detection = sizes._log_detection(bins, np.array([[math.log(55)]]), np.array([[0.15]]))
    x = np.array([[4.6, -1.1]])
    _, slope = sizes._slopes(bins, x, detection)
    for i, step in enumerate(np.eye(2) * 1e-5):
        ahead, behind = (sizes._slopes(bins, x + s, detection)[0] for s in (step, -step))
        assert slope[0, i] == pytest.approx((ahead[0] - behind[0]) / 2e-5, rel=1e-5)


def test_summed_bins_keep_every_particle():
    low, high, counts = sizes._binned(CENTRES, TWO)
    assert counts.sum() == pytest.approx(1.0, rel=1e-12)
    assert np.allclose(low[1:], high[:-1])
    assert math.exp(high[-1]) == pytest.approx(1000.0)
    below = np.exp(high) <= 80 + 1e-9
    assert counts[below].sum() == pytest.approx(TWO[CENTRES < 80].sum(), rel=1e-9)


@pytest.mark.parametrize(("floor", "width"), [(60.0, 0.1), (50.0, 0.2), (70.0, 0.04)])
def test_law_is_found_again_behind_any_soft_floor(floor, width):
    found = fit_laws(CENTRES, 4000 * seen(95, 0.4, floor, width), FLOOR)
    assert found.median_nm.low < 95 < found.median_nm.high
    assert found.median_nm.value == pytest.approx(95, rel=0.05)
    assert found.log_sd.low < 0.4 < found.log_sd.high
    hidden = norm.cdf((math.log(floor) - math.log(95)) / math.hypot(0.4, width))
    assert found.below_floor.low < hidden < found.below_floor.high
    assert found.floor_nm.low < floor < found.floor_nm.high
    assert not found.two_populations


def test_hard_cut_through_a_soft_edge_is_worse():
    # Half of the particles at 60 nm are not seen: a cut at 60 nm takes them for a narrower law.
    counts = 4000 * seen(85, 0.4, 60.0, 0.2)
    hard = fit_sizes(CENTRES, counts, 4000, replace(FLOOR, spread=()))
    soft = fit_laws(CENTRES, counts, FLOOR)
    assert abs(soft.median_nm.value - 85) < 0.5 * abs(hard.median_nm - 85)


def test_floor_that_is_known_leaves_less_open():
    counts = 1500 * seen(95, 0.4)
    known = replace(FLOOR, spread=(), spread_kind="fixed")
    open_, fixed = (fit_laws(CENTRES, counts, f).below_floor for f in (FLOOR, known))
    assert math.log(fixed.high / fixed.low) < math.log(open_.high / open_.low)


def test_intervals_of_a_law_hold_the_truth():
    rng = np.random.default_rng(8)
    hits, n = np.zeros(3), 24
    for _ in range(n):
        floor = float(value_of(FLOOR, np.asarray(rng.standard_normal())))
        width = float(value_of(WIDTH, np.asarray(rng.standard_normal())))
        counts = rng.multinomial(1500, seen(100, 0.4, floor, width)).astype(float)
        found = sizes._integrated(sizes._binned(CENTRES, counts), FLOOR, WIDTH)
        hidden = norm.cdf((math.log(floor) - math.log(100)) / math.hypot(0.4, width))
        truth = {"median_nm": 100, "log_sd": 0.4, "below_floor": hidden}
        hits += [found[k].low < t < found[k].high for k, t in truth.items()]
    assert (hits / n >= 0.79).all(), hits / n


def test_two_populations_are_seen_with_their_shares():
    found = fit_laws(CENTRES, 3000 * TWO, FLOOR)
    assert found.two_populations
    assert found.weight_two > 0.999
    first, second = found.two
    assert (first.median_nm, second.median_nm) == pytest.approx((80, 200), rel=0.01)
    assert (first.log_sd, second.log_sd) == pytest.approx((0.15, 0.2), rel=0.03)
    near = norm.cdf((math.log(80) - math.log(60)) / math.hypot(0.15, 0.1)) * 0.6
    far = norm.cdf((math.log(200) - math.log(60)) / math.hypot(0.2, 0.1)) * 0.4
    assert first.share == pytest.approx(near / (near + far), abs=0.01)
    assert first.share + second.share == pytest.approx(1.0)


def test_one_population_is_not_taken_for_two():
    rng = np.random.default_rng(9)
    for _ in range(2):
        found = fit_laws(CENTRES, rng.multinomial(1500, seen(100, 0.4)).astype(float), FLOOR)
        assert found.weight_two < 0.5
        assert found.weight_one + found.weight_two == pytest.approx(1.0)


def test_few_particles_do_not_show_two_populations():
    weak = 0.5 * seen(100, 0.3) + 0.5 * seen(140, 0.3)
    assert fit_laws(CENTRES, 60 * weak, FLOOR).weight_two < 0.1
    # With exactly what the law says and no gain, the weights are those of the penalty alone.
    n = 2000
    even = fit_laws(CENTRES, n * seen(100, 0.4), FLOOR)
    assert even.weight_two / even.weight_one == pytest.approx(n**-1.5, rel=0.05)


def test_a_heavy_tail_is_no_second_population():
    tailed = 0.9 * seen(97, 0.08) + 0.1 * seen(112, 0.2)
    found = estimate_sizes(export([1e8], tracks=4000, shares=tailed))
    assert found.laws.one_law_fails
    assert not found.laws.two_populations
    assert codes(found.warnings) == ["SIZE_FIT", "ONE_CAPTURE"]
    assert "do not hold" in found.warnings[0].message


def test_real_beads_are_one_population_whose_percentiles_hold(reference):
    path = reference / "samples/nanosight_nta/beads_nta34-ExperimentSummary.csv"
    found = estimate_sizes(read_nanosight(path))
    # Mean of the captures' D50 in the file: 99.8 nm.
    assert found.d50_nm.low < 99.8 < found.d50_nm.high
    assert found.laws.one_law_fails
    assert not found.laws.two_populations


def test_estimate_says_what_it_rests_on():
    found = estimate_sizes(export([1e8, 1e8], tracks=1500, shares=np.stack([TWO, TWO], axis=1)))
    assert codes(found.warnings) == ["TWO_POPULATIONS"]
    assert "80 nm and" in found.warnings[0].message
    assert (found.n_captures, found.n_effective) == (2, 3000)
    assert found.d10_nm.value < found.d50_nm.value < found.d90_nm.value
    one = estimate_sizes(export([1e8], shares=seen(100, 0.4)))
    assert codes(one.warnings) == ["ONE_CAPTURE"]


@pytest.mark.parametrize("counts", [np.zeros(1000), np.eye(1000)[120], np.eye(1000)[30]])
def test_bins_without_a_shape_give_no_law(counts):
    assert fit_laws(CENTRES, 100 * counts, FLOOR) is None


def test_rising_to_the_edge_has_no_law():
    # A slope without an end: no maximum lies inside.
    assert fit_laws(CENTRES, 10 * np.exp(CENTRES / 100), FLOOR) is None


def test_file_without_sizes_is_refused():
    for made in (
        export([1e8]),
        export([1e8], shares=seen(100, 0.4), excluded=(0,)),
    ):
        with pytest.raises(InstrumentFileError, match="no sizes") as e:
            estimate_sizes(made)
        assert e.value.code == "NO_SIZES"


def test_volume_percentiles_are_not_offered():
    found = estimate_sizes(export([1e8], shares=seen(100, 0.4)))
    assert not [name for name in vars(found) if "volume" in name]
