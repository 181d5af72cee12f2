"""A batch from several files: closed forms, what is not learned, and coverage of its intervals."""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_exports import codes, export, run
from scipy.stats import norm

from exocast.errors import InstrumentFileError, InvalidInput
from exocast.evidence.chance import value_of
from exocast.evidence.rows import package_table
from exocast.vial import measure
from exocast.vial.batch_estimate import estimate_batch, posterior_of
from exocast.vial.nested import known_spread, nested, spread_of
from exocast.vial.runs import Run, counted, counted_runs

ROWS = package_table("vial", "population")


def batch():
    return [
        run([3.0e8, 3.1e8, 3.05e8], "1", "a"),
        run([3.4e8, 3.3e8, 3.5e8], "1", "b"),
        run([2.9e8, 2.8e8, 2.85e8], "2", "a"),
        run([3.2e8, 3.1e8, 3.3e8], "2", "b"),
    ]


def test_balanced_batch_is_the_geometric_mean_of_its_captures():
    runs = batch()
    found = estimate_batch(runs)
    logs = [np.log(c.concentration_per_ml) for r in runs for c in r.export.captures]
    assert found.value == pytest.approx(1000 * math.exp(np.mean(logs)), rel=1e-12)
    for low, high in (found.interval_90, found.interval_95, found.interval_vial_95):
        assert low < found.value < high
    assert found.interval_95[0] < found.interval_90[0]
    assert found.interval_90[1] < found.interval_95[1]
    assert found.log_sd_vial > found.log_sd
    assert found.warnings == ()


def test_spreads_that_are_known_give_the_closed_form():
    given = counted_runs(batch())
    spreads = known_spread(0.2), known_spread(0.1)
    posterior, vials, preparations = posterior_of(given, 81, spreads)
    assert vials == ("1", "2")
    assert preparations == (("1", "a"), ("1", "b"), ("2", "a"), ("2", "b"))
    tau = (
        posterior.marginal(0)
        @ (ROWS["capture_spread_middle"].value * np.exp(1.3 * 0.501 * np.linspace(-4, 4, 81))) ** 2
    )
    wanted = 0.1**2 / 2 + 0.2**2 / 4 + (tau + 1 / 2000) / 12
    assert posterior.batch().sd == pytest.approx(math.sqrt(wanted), rel=1e-9)


def test_one_run_is_what_measure_says_with_preparation_and_vial_on_top():
    one = export([3e8, 3.3e8, 2.9e8], name="one")
    single = measure(one).concentration
    found = estimate_batch([Run(export=one, vial="1", preparation="a")])
    assert found.value == pytest.approx(single.value, rel=1e-9)
    # Without the two outer levels, the same numbers.
    posterior, *_ = posterior_of(
        [counted(Run(export=one, vial="1", preparation="a"))],
        81,
        (known_spread(0.0), known_spread(0.0)),
    )
    law = posterior.batch()
    assert law.sd == pytest.approx(single.log_sd, rel=1e-12)
    assert [math.exp(x) for x in law.interval(0.95)] == pytest.approx(
        [single.low, single.high], rel=1e-10
    )
    # With them, as wide as other runs and vials are.
    assert found.log_sd > math.hypot(single.log_sd, 0.1)


def test_what_one_vial_one_preparation_and_one_capture_do_not_tell_is_said():
    found = estimate_batch([run([3e8])])
    assert codes(found.warnings) == ["ONE_CAPTURE", "ONE_PREPARATION", "ONE_VIAL"]
    for level in (found.vials, found.preparations, found.captures):
        assert not level.learned
        assert (level.n_valid, level.n_total) == (1, 1)
    # Nothing was learned, so the spreads are the priors.
    for level, name in (
        (found.vials, "vial_spread"),
        (found.preparations, "run_spread"),
        (found.captures, "capture_spread_middle"),
    ):
        assert level.spread == pytest.approx(ROWS[name].value, rel=1e-6)
        assert level.low < level.spread < level.high


def test_levels_are_learned_from_what_was_repeated():
    found = estimate_batch(batch())
    assert found.vials.learned
    assert found.preparations.learned
    assert found.captures.learned
    assert found.captures.spread < 0.06 < ROWS["capture_spread_middle"].value
    assert (found.captures.n_valid, found.preparations.n_valid, found.vials.n_valid) == (12, 4, 2)
    # Two vials prepared once each tell a sum of two spreads and neither of them.
    once = estimate_batch([batch()[0], batch()[2]])
    assert once.vials.learned
    assert not once.preparations.learned
    assert codes(once.warnings) == ["ONE_PREPARATION"]


def test_vials_far_apart_are_kept_apart_and_widen_the_next_one():
    near = estimate_batch([run([3e8] * 3, "1"), run([3.1e8] * 3, "2"), run([3e8] * 3, "3")])
    far = estimate_batch([run([1.5e8] * 3, "1"), run([6e8] * 3, "2"), run([3e8] * 3, "3")])
    assert far.vials.spread > 2 * near.vials.spread
    assert far.log_sd_vial > 2 * near.log_sd_vial
    first, second, _ = far.contents
    assert 1.5e11 < first.value < far.value < second.value < 6e11
    assert first.low < first.value < first.high


def test_failed_captures_and_runs_are_counted_and_left_out():
    runs = [
        run([3e8, 1e5, 3.1e8], "1", excluded=(1,)),
        run([0.0, 0.0], "2", excluded=(0, 1), name="empty"),
        run([3.05e8, math.nan], "3"),
    ]
    found = estimate_batch(runs)
    assert (found.captures.n_valid, found.captures.n_total) == (3, 7)
    assert (found.vials.n_valid, found.vials.n_total) == (2, 3)
    assert found.value == pytest.approx(3.05e11, rel=0.02)
    failed = [w for w in found.warnings if w.code == "CAPTURE_FAILED"]
    assert len(failed) == 2
    assert "states no concentration" in " ".join(w.message for w in failed)
    assert any(w.where == "empty.csv" for w in failed)


def test_a_batch_of_failed_captures_is_refused():
    with pytest.raises(InstrumentFileError, match="no capture of the batch") as e:
        estimate_batch([run([0.0], excluded=(0,))])
    assert e.value.code == "EMPTY_RUN"
    with pytest.raises(InvalidInput, match="no run"):
        estimate_batch([])
    with pytest.raises(InstrumentFileError, match="no file but blanks"):
        estimate_batch([run([1e7], blank=True)])


def test_the_same_bytes_do_not_count_twice():
    one = export([3e8, 3.1e8], name="one")
    with pytest.raises(InvalidInput, match="counted twice") as e:
        estimate_batch(
            [
                Run(export=one, vial="1", preparation="a"),
                Run(export=replace(one, file="copy.csv"), vial="2", preparation="a"),
            ]
        )
    assert e.value.code == "DUPLICATE_RUN"
    assert "one.csv, vial 1, preparation a" in e.value.message


def test_two_files_of_one_preparation_are_captures_of_it():
    together = estimate_batch([run([3e8, 3.1e8, 2.9e8, 3.05e8])])
    apart = estimate_batch([run([3e8, 3.1e8], name="x"), run([2.9e8, 3.05e8], name="y")])
    assert apart.value == pytest.approx(together.value, rel=1e-12)
    assert apart.log_sd == pytest.approx(together.log_sd, rel=1e-12)
    assert apart.preparations.n_valid == 1


def test_one_preparation_has_one_dilution():
    with pytest.raises(InvalidInput, match="one dilution") as e:
        estimate_batch([run([3e8], name="x"), run([6e8], name="y", dilution=500.0)])
    assert e.value.code == "PREPARATION"


def test_recorded_and_stated_dilutions_meet_at_the_undiluted_sample():
    found = estimate_batch(
        [
            run([3e8, 3.1e8], "1", "a", dilution=1000.0),
            run([3e11, 3.1e11], "1", "b", dilution=1000.0, state="applied"),
            run([1.5e8, 1.55e8], "1", "c", dilution=None, state="unknown", factor=2000.0),
        ]
    )
    assert found.value == pytest.approx(1e3 * math.sqrt(3e8 * 3.1e8), rel=1e-9)
    with pytest.raises(InstrumentFileError) as e:
        estimate_batch([run([3e8], dilution=None, state="unknown")])
    assert e.value.code == "DILUTION_UNKNOWN"


def test_two_methods_are_never_averaged():
    with pytest.raises(InvalidInput, match="NTA and RPS") as e:
        estimate_batch([run([3e8], "1"), run([9e8], "2", method="RPS")])
    assert e.value.code == "METHODS_MIXED"


def test_particles_that_nobody_counted_have_the_widest_spread():
    known = estimate_batch([run([3e8, 3.1e8])])
    unknown = estimate_batch([run([3e8, 3.1e8], tracks=math.nan)])
    assert "COUNTING_UNKNOWN" in codes(unknown.warnings)
    assert unknown.captures.spread > 1.5 * known.captures.spread
    assert math.isfinite(unknown.log_sd)
    single = measure(export([3e8], tracks=math.nan)).concentration
    row = ROWS["capture_spread_lowest"]
    assert single.capture_spread == pytest.approx(row.value, rel=1e-6)
    # One capture: the prior's mean square alone, no counting.
    z = np.linspace(-4, 4, 81)
    weight = np.exp(-(z**2) / 2)
    square = weight @ (row.value * np.exp(1.3 * 0.586 * z)) ** 2 / weight.sum()
    assert single.log_sd == pytest.approx(math.sqrt(square), rel=1e-9)


def test_level_in_the_instrument_chooses_the_spread_of_each_run():
    low, high = counted(run([1e7])), counted(run([2e9]))
    assert low.spread.id == "capture_spread_lowest"
    assert high.spread.id == "capture_spread_high"
    applied = counted(run([1e10], dilution=1000.0, state="applied"))
    assert applied.spread.id == "capture_spread_lowest"
    assert applied.level_per_ml == pytest.approx(1e7)


def test_blank_is_looked_at_and_not_averaged_in():
    clean = estimate_batch([*batch(), run([1e6, 1.1e6], blank=True, dilution=1.0)])
    dirty = estimate_batch([*batch(), run([9e7, 9e7], blank=True, dilution=1.0)])
    assert clean.value == pytest.approx(estimate_batch(batch()).value, rel=1e-12)
    assert dirty.value == clean.value
    assert "BLANK" not in codes(clean.warnings)
    assert "BLANK" in codes(dirty.warnings)
    lowest = min(counted(r).level_per_ml for r in batch())
    assert dirty.blank_share == pytest.approx(9e7 / lowest, rel=0.01)
    assert estimate_batch(batch()).blank_share is None


def load_script():
    path = Path(__file__).parents[2] / "scripts" / "coverage_vial.py"
    spec = importlib.util.spec_from_file_location("coverage_vial", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["coverage_vial"] = module
    spec.loader.exec_module(module)
    return module


REPLICATES = 2600  # Monte Carlo error of 90 %: 0.59 %


@pytest.mark.parametrize("vials", [1, 2, 3, 4])
@pytest.mark.parametrize("captures", [1, 2, 3, 5])
def test_intervals_hold_the_truth_as_often_as_they_say(vials, captures):
    script = load_script()
    design = script.Design(vials=vials, preparations=1, captures=captures)
    found = script.coverage(design, REPLICATES, seed=10 * vials + captures, laws=1)
    assert 0.88 <= found.mean_90 <= 0.92
    assert 0.935 <= found.mean_95 <= 0.965


def test_vials_opened_and_unopened_are_covered_too():
    script = load_script()
    design = script.Design(vials=3, preparations=2, captures=2)
    found = script.coverage(design, REPLICATES, seed=7)
    assert 0.88 <= found.vial_90 <= 0.92
    assert 0.88 <= found.new_vial_90 <= 0.92


def test_fixed_spreads_err_to_the_side_that_theory_says():
    # Averaged over the prior the level holds, so it is exceeded where spreads are small.
    script = load_script()
    design = script.Design(vials=2, preparations=1, captures=3)
    low = script.coverage(design, REPLICATES, seed=1, score=script.FIXED["lower quartile"], laws=1)
    high = script.coverage(design, REPLICATES, seed=1, score=script.FIXED["upper quartile"], laws=1)
    assert low.mean_90 > 0.92
    assert high.mean_90 < low.mean_90


@pytest.mark.parametrize("score", [-0.6745, 0.0, 0.6745])
def test_coverage_of_one_capture_at_fixed_spreads_is_a_closed_form(score):
    # One capture teaches no spread: the interval has one width, and the truth is normal.
    script = load_script()
    design = script.Design(vials=1, preparations=1, captures=1)
    names = (script.LEVEL, "run_spread", "vial_spread")
    priors = [spread_of(ROWS[n], p) for n, p in zip(names, script.POINTS, strict=True)]
    counting = np.full((1, 1, 1), 1 / script.TRACKS)
    half = nested(np.zeros((1, 1, 1)), counting, *priors).batch().quantile(0.95)
    fixed = [float(value_of(ROWS[n], np.asarray(score))) for n in names]
    total = math.sqrt(1 / script.TRACKS + sum(s**2 for s in fixed))
    wanted = 2 * norm.cdf(half / total) - 1
    found = script.coverage(design, 4000, seed=3, score=score, laws=1).mean_90
    assert found == pytest.approx(wanted, abs=4 * math.sqrt(wanted * (1 - wanted) / 4000) + 1e-3)


def test_intervals_would_fail_without_the_outer_levels():
    # The test above can fail: captures alone, as one file gives them, hold the batch too rarely.
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        truth = rng.normal(0, 0.22) + rng.normal(0, 0.1)
        values = np.exp(truth + rng.normal(0, 0.09, 3)) * 3e8
        found = measure(export(values)).concentration
        low, high = (math.exp(math.log(found.value) + s * 1.645 * found.log_sd) for s in (-1, 1))
        hits += low < 3e11 < high
    assert hits / 200 < 0.6
