"""Stitik: saline arm (20) of a hyaluronate trial, VAS change over a year. Built on."""

from __future__ import annotations


def test_fit_is_near_the_arm(check_fit) -> None:
    observed = {1: -0.9, 2: -5.7, 5: -13.2, 12: -23.2, 26: -21.8, 36: -10.4, 52: -16.1}
    check_fit("ha_rct_stitik", {float(k): v for k, v in observed.items()}, sds=1.645)
