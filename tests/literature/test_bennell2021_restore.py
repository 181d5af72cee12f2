"""RESTORE: saline arm (144), NRS x 10 at 52 weeks (Table 2). Predicted from its own entry."""

from __future__ import annotations


def test_prediction_of_the_saline_arm_is_as_recorded(check_prediction) -> None:
    check_prediction("bennell2021_restore", {52.0: -18.0}, n=144)
