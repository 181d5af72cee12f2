"""Zhang 2008: untreated arms change by 0.03 SD (-0.13 to 0.18; abstract). Natural course."""

from __future__ import annotations

import numpy as np
import pytest

from exocast.evidence.chance import draw
from exocast.patient import outcomes
from exocast.patient.population import per_logit

TIMES = np.array([0.0, 364.0])


def test_drift_of_untreated_knees_is_the_printed_one() -> None:
    values = draw(outcomes.rows(), seed=3, worlds=4000, patients=1)
    drift = outcomes.natural_course(
        TIMES, {**values, "natural.wander": 0 * values["natural.wander"]}, seed=3
    )
    gain = -drift[:, 0, 1] * per_logit(39.0, 26.0) / 26.0
    assert gain.mean() == pytest.approx(0.03, abs=0.01)
    assert np.quantile(gain, [0.025, 0.975]) == pytest.approx([-0.13, 0.18], abs=0.03)
