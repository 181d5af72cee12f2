"""Particles for each microgram of protein, by its interval."""

from __future__ import annotations

import math

import pytest
from made_exports import codes, export, run
from scipy.stats import norm

from exocast.errors import InvalidInput
from exocast.evidence.rows import package_table
from exocast.vial import measure
from exocast.vial.batch_estimate import estimate_batch
from exocast.vial.purity import purity

ROWS = package_table("vial", "instrument")


def test_ratio_holds_the_error_of_both():
    one = measure(export([3e8, 3.1e8])).concentration
    found = purity(one, 100.0, 0.05)
    assert found.value == pytest.approx(one.value / 100.0, rel=1e-12)
    assert found.log_sd == pytest.approx(math.hypot(one.log_sd, 0.05), rel=1e-12)
    assert found.high / found.value == pytest.approx(
        math.exp(norm.ppf(0.975) * found.log_sd), rel=1e-9
    )
    assert found.value / found.low == pytest.approx(found.high / found.value, rel=1e-9)
    assert (found.of_particles, found.of_protein) == (one.log_sd, 0.05)
    assert found.protein_error_stated
    assert found.warnings == ()


def test_error_of_a_batch_enters_too():
    batch = estimate_batch([run([3e8, 3.1e8])])
    assert (
        purity(batch, 100.0, 0.05).log_sd
        > purity(measure(export([3e8, 3.1e8])).concentration, 100.0, 0.05).log_sd
    )


def test_protein_without_an_error_gets_that_of_assays_and_says_so():
    one = measure(export([3e8, 3.1e8])).concentration
    found = purity(one, 100.0)
    row = package_table("vial", "population")["protein_spread"]
    assert found.of_protein == row.value
    assert not found.protein_error_stated
    assert codes(found.warnings) == ["PROTEIN"]
    assert row.key in found.warnings[0].message


@pytest.mark.parametrize(
    ("ratio", "position"),
    [(0.2, "below"), (0.95, "cannot tell"), (1.05, "cannot tell"), (5, "above")],
)
def test_place_among_published_ratios_is_told_by_the_interval(ratio, position):
    one = measure(export([3e8, 3.1e8])).concentration
    pure = ROWS["purity_pure"]
    found = purity(one, one.value / (ratio * pure.value), 0.05).published[0]
    assert found.published == pure.value == 3e10
    assert found.row == "instrument.purity_pure"
    assert found.position == position
    wanted = norm.cdf(math.log(ratio) / math.hypot(one.log_sd, 0.05))
    assert found.probability_above == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("protein", [0.0, -1.0, math.nan, math.inf])
def test_protein_below_detection_gives_no_ratio(protein):
    one = measure(export([3e8])).concentration
    with pytest.raises(InvalidInput, match="gives no ratio") as e:
        purity(one, protein)
    assert e.value.code == "PROTEIN"


@pytest.mark.parametrize("error", [-0.1, math.nan, math.inf])
def test_impossible_error_is_refused(error):
    one = measure(export([3e8])).concentration
    with pytest.raises(InvalidInput, match="impossible"):
        purity(one, 10.0, error)
