"""Jansen 2015 (data set hyalarthritis): saline arms of trials of hyaluronate. Built on.

The data set's treatment labels are permuted: what it calls "3HY-2.4-3.6" is saline, and what it
calls "placebo" is three injections of Hyalgan. FLEXX (Altman 2009) shows it: 293 people with
hyaluronate of 2.4 to 3.6 MDa fell by 25.7 mm by week 26, and 295 with saline by 18.5 mm.
"""

from __future__ import annotations

import pytest

from exocast.evidence.arms import arm
from exocast.evidence.register import register

ARMS = {
    "ha_rct_altman1": (
        {1: -15, 2: -20, 3: -21, 4: -27, 5: -30, 9: -32, 12: -31, 16: -33, 21: -34, 26: -31},
        2.3,
    ),
    "ha_rct_altman2": (
        {1: -10, 2: -17.5, 3: -22.5, 7: -22, 12: -22, 18: -21, 26: -17.5},
        1.3,
    ),
    "ha_rct_corrado": ({5: -20.7, 8: -19.1}, 1.0),
    "ha_rct_cubukcu": ({1: -9, 2: -13, 3: -16.2, 8: -13.2}, 1.0),
    "ha_rct_henderson": ({1: -16.1}, 1.5),
    "ha_rct_huskisson": ({5: -21.3, 8: -19.8, 16: -13.6, 26: -8.2}, 1.0),
    "ha_rct_scale": ({1: -2.5, 2: -21, 3: -20, 8: -19, 12: -17}, 1.3),
}


@pytest.mark.parametrize("name", ARMS)
def test_fit_is_near_the_arm(name: str, check_fit) -> None:
    observed, sds = ARMS[name]
    check_fit(name, {float(k): float(v) for k, v in observed.items()}, sds=sds)


def test_labels_are_those_of_the_trial_that_shows_the_permutation() -> None:
    lines = [r for r in register().results_of("ha_rct_altman2") if r.week == 26]
    change = {(r.intervention, r.n): r.change for r in lines}
    assert change["HA 3HY-2.4-3.6", 293.0] == pytest.approx(-25.7, abs=1.1)
    assert change["saline placebo", 295.0] == pytest.approx(-18.5, abs=1.1)


def test_trials_without_a_saline_arm_have_none() -> None:
    for study in ("ha_rct_stitik", "ha_rct_wobig2", "ha_rct_kirchner", "ha_rct_dickson"):
        given = {r.intervention for r in register().results_of(study)}
        assert given and not any("saline" in g or "placebo" in g for g in given)


def test_an_error_listed_alike_at_every_visit_gives_no_spread_between_people() -> None:
    assert all(visit.sd is None for visit in arm("ha_rct_altman2").visits)
