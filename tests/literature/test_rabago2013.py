"""Rabago 2013: saline arm, WOMAC pain over a year (Table 4), mild entry. Built on."""

from __future__ import annotations

from exocast.evidence.arms import arm
from exocast.patient import placebo


def test_fit_is_near_the_arm(check_fit) -> None:
    observed = {5.0: -3.28, 9.0: -5.29, 12.0: -5.79, 24.0: -6.40, 52.0: -7.38}
    check_fit("rabago2013", observed, sds=1.0)


def test_mild_pain_gains_less_than_strong_pain() -> None:
    procedure = placebo.procedure_rows()
    mild = placebo.moments(arm("rabago2013"), procedure).mean[-1]
    strong = placebo.moments(arm("ha_rct_altman2"), procedure).mean[-1]
    assert 0 > mild > strong + 4
