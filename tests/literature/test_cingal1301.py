"""Cingal 13-01: saline arms by technique, WOMAC pain 0-100 mm (Table 3). Predicted."""

from __future__ import annotations

import pytest

ARMS = {
    "cingal1301_a": (14, (-24.1, -29.8, -34.6, -30.3, -28.4, -32.1)),
    "cingal1301_b": (26, (-27.1, -30.4, -38.2, -32.8, -37.0, -36.6)),
    "cingal1301_c": (29, (-27.5, -33.1, -33.5, -29.3, -28.1, -30.1)),
}


@pytest.mark.parametrize("name", ARMS)
def test_prediction_of_the_saline_arm_is_as_recorded(check_prediction, name) -> None:
    n, values = ARMS[name]
    weeks = (1.0, 3.0, 6.0, 12.0, 18.0, 26.0)
    check_prediction(name, dict(zip(weeks, values, strict=True)), n=n)
