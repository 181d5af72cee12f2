"""A pulse of TGF-b on fibroblasts (doi:10.1186/1755-1536-6-12, abstract): how long it is seen.

After 30 min of TGF-b1 the presence of alpha-smooth muscle actin was raised for 7 days. The rate of
turning back was read from it; that so short a pulse is enough was not, and is missed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exocast import engine

HALF_HOUR = 0.5 / 24
DAYS = np.array([0.0, 1.0, 7.0, 14.0])
LOSS = 2000.0  # a day: TGF-b is gone in a minute, so that the infusion is a pulse with edges


def risen(duration: float) -> np.ndarray:
    """Points of cells with the actin more than without a pulse, at 1, 7 and 14 days."""
    model = engine.assemble("well_fibroblast")
    in_well = 5000 * 0.2  # pg: 5 ng/mL in 0.2 mL
    pulse = pd.DataFrame(
        [
            {
                "run": 0,
                "time": 0.0,
                "amount": in_well * LOSS * duration,
                "duration": duration,
                "target": model.routes["tgfb"]["soluble"],
            }
        ]
    )
    found = engine.compile(
        model.sbml, varied=("myofibroblast_tgfb_loss",), observe=("actin_percent",)
    ).run(DAYS, varied=np.array([[LOSS]]), doses=pulse, rtol=1e-8)
    return np.asarray(found.values[0, 1:, 0] - found.values[0, 0, 0])


def test_what_a_pulse_raised_is_still_raised_after_a_week_and_less_after_two() -> None:
    first, week, fortnight = risen(HALF_HOUR)
    assert first > week > fortnight > 0
    assert week > first / 3


@pytest.mark.xfail(strict=True, reason="half an hour turns one cell of a hundred here")
def test_half_an_hour_is_enough_to_be_seen() -> None:
    assert risen(HALF_HOUR)[1] > 5.0  # points of all cells: what a stain of some hundred shows
