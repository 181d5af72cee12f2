"""Jubb: saline arm of a hyaluronate trial, VAS change (data set hyalarthritis). Built on."""

from __future__ import annotations

import pytest

from exocast.evidence.arms import arm
from exocast.patient import placebo


def test_fit_is_near_the_arm(check_fit) -> None:
    check_fit("ha_rct_jubb", {4.0: -11.0, 11.0: -5.0, 18.0: -10.0}, sds=1.0)


def test_spread_of_change_between_people_is_the_printed_one() -> None:
    model = placebo.moments(arm("ha_rct_jubb"), placebo.procedure_rows())
    assert model.sd == pytest.approx([27.1, 27.1, 27.1], rel=0.15)
