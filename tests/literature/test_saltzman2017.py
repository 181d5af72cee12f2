"""Saltzman 2017: VAS gain of 14 saline cohorts at 3 months (abstract). Built on."""

from __future__ import annotations

from exocast.evidence.arms import arm
from exocast.patient import placebo


def test_pooled_gain_of_saline_is_inside_its_printed_interval() -> None:
    (mean,) = placebo.moments(arm("saltzman2017"), placebo.procedure_rows()).mean
    assert -20.93 <= mean <= -3.27


def test_fit_is_near_the_pool(check_fit) -> None:
    check_fit("saltzman2017", {13.0: -12.1}, sds=2.0)
