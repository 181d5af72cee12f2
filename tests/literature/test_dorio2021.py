"""Dorio 2021: saline arm (21), VAS x 10 (Table 2). Predicted from its own entry."""

from __future__ import annotations


def test_prediction_of_the_saline_arm_is_as_recorded(check_prediction) -> None:
    check_prediction("dorio2021", {6.0: -31.0, 12.0: -27.0, 24.0: -35.0}, n=21)
