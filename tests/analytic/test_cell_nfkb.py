"""Inflammation in a well against closed forms: rest, lags, floors, repression, calming."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nfkb_wells import IL10, LPS, PG_PER_NG_ML, course, number

SITE = "well_macrophage"
SETS = (
    "nfkb_k_hold",
    "nfkb_rest_nuclear",
    "nfkb_total",
    "acting_acts",
    "calming_reference",
    "calming_upstream",
    "mirna_targets_on_target",
    "mirna_targets_own_rest",
    "mirna_targets_own_induced",
    "receptors_k_il1",
    "receptors_with_tnfr",
    "cytokines_tnf_output",
    "calming_reference_on_tnf",
)
SEEN = (
    *("nfkb_nuclear", "nfkb_held", "nfkb_ikb", "nfkb_ikb_mrna", "nfkb_a20", "nfkb_neutral"),
    *("receptors_tlr4", "receptors_tnfr", "receptors_cd14", "nfkb_ikb_translation"),
    *("seen_one", "seen_two", "nfkb_nfkb_in_cell", "cytokines_tnf_brake", "cytokines_il6_brake"),
    *("cytokines_il1_brake", "mirna_targets_copies", "mirna_targets_traf6_left"),
    *("calming_ikk_left", "calming_output_left", "nitrite_um"),
)
CORE = "well_nfkb_core"
CORE_SETS = ("nfkb_k_hold", "nfkb_rest_nuclear", "nfkb_total", "tnf_step_step")
CORE_SEEN = ("nfkb_nuclear", "nfkb_held", "nfkb_ikb", "nfkb_ikb_mrna", "nfkb_ikb_translation")
DAY = np.array([0.0, 60.0, 1440.0, 4320.0])


def macrophage(minutes: np.ndarray, **given: Any) -> dict[str, np.ndarray]:
    return course(SITE, minutes, SEEN, varied=SETS, **given)


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"nfkb_k_hold": 2e4, "nfkb_total": 0.3},
        {"nfkb_k_hold": 1e6, "nfkb_rest_nuclear": 0.01},
    ],
)
def test_a_core_without_stimulus_does_not_move(rows: dict[str, float]) -> None:
    found = course(CORE, DAY, CORE_SEEN, varied=CORE_SETS, **rows)
    for name, values in found.items():
        assert values == pytest.approx(np.full(len(DAY), values[0]), rel=1e-9), name


@pytest.mark.parametrize("rows", [{}, {"nfkb_k_hold": 1e5, "nfkb_total": 0.2}])
def test_a_resting_macrophage_moves_by_its_own_tnf_alone(rows: dict[str, float]) -> None:
    silent = macrophage(DAY, cytokines_tnf_output=0.0, **rows)
    for name in SEEN[:9]:
        values = silent[name]
        assert values == pytest.approx(np.full(len(DAY), values[0]), rel=1e-6), name
    found = macrophage(DAY, **rows)
    for name in SEEN[:9]:
        values = found[name][:2]
        assert values == pytest.approx(np.full(2, values[0]), rel=5e-3), name
    assert np.all(found["nfkb_nuclear"] < 1.2 * found["nfkb_nuclear"][0])


def test_the_translation_that_keeps_rest_is_the_published_one() -> None:
    core = course(CORE, [0.0], CORE_SEEN, varied=CORE_SETS)["nfkb_ikb_translation"][0]
    assert core / 86400 == pytest.approx(0.5, rel=1e-6)
    # The published macrophage has a trace of active IKK at rest, and this one has none.
    assert macrophage([0.0])["nfkb_ikb_translation"][0] / 1440 == pytest.approx(30, rel=1e-2)


def test_a_lag_holds_back_what_two_steps_hold() -> None:
    """The area between what goes in and what comes out is the change over the rate of each step."""
    minutes = np.linspace(0.0, 600.0, 6001)
    found = macrophage(minutes, doses=[(LPS, 100 * PG_PER_NG_ML)])
    area = np.trapezoid(found["nfkb_nuclear"] - found["seen_two"], minutes / 1440)
    rate = number(SITE, "seen_k_step")
    change = sum(found[name][-1] - found[name][0] for name in ("seen_one", "seen_two"))
    assert area == pytest.approx(change / rate, rel=1e-3)


@pytest.mark.parametrize("kind", ["tnf", "il6", "il1"])
def test_il10_takes_the_others_to_their_floors_and_no_lower(kind: str) -> None:
    floor = number(SITE, f"cytokines_{kind}_floor")
    brake = f"cytokines_{kind}_brake"
    full = macrophage([0.0, 0.001], doses=[(IL10, 1e9)])[brake][-1]
    assert full == pytest.approx(floor, rel=1e-12)
    some = macrophage([0.0, 1e-9], doses=[(IL10, 0.8 * PG_PER_NG_ML)])[brake][-1]
    rate = number(SITE, f"cytokines_il10_on_{kind}")
    assert some == pytest.approx(floor + (1 - floor) * math.exp(-rate * 800), rel=1e-6)
    assert macrophage([0.0])[brake][0] == 1.0


def test_the_floors_are_the_published_ones() -> None:
    floors = [number(SITE, f"cytokines_{kind}_floor") for kind in ("tnf", "il6", "il1")]
    assert floors == pytest.approx([0.53, 0.67, 0.37], abs=0.005)


@pytest.mark.parametrize("copies", [0.0, 4000.0, 1e9])
def test_repression_is_its_saturating_curve(copies: float) -> None:
    """Own copies, induced more or less, stand in for those of vesicles: only the sum counts."""
    rest = number(SITE, "mirna_targets_own_rest")
    found = macrophage(
        np.array([0.0, 720.0, 1440.0]),
        doses=[(LPS, 100 * PG_PER_NG_ML)],
        mirna_targets_on_target=1.0,
        mirna_targets_own_induced=copies,
    )
    half, most = (number(SITE, f"mirna_targets_{n}") for n in ("target_half", "max_repression"))
    c = found["mirna_targets_copies"]
    left = (1 - most * c / (c + half)) / (1 - most * rest / (rest + half))
    assert found["mirna_targets_traf6_left"] == pytest.approx(left, rel=1e-9)
    assert found["mirna_targets_traf6_left"].min() > 1 - most


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_reference_drug_calms_by_its_ceiling(share: float) -> None:
    most = number(SITE, "calming_max_ln_fall")
    for upstream, name in ((1.0, "calming_ikk_left"), (0.0, "calming_output_left")):
        rows = {"calming_upstream": upstream, "calming_reference": share, "acting_acts": 0.0}
        left = macrophage([0.0], **rows)[name][0]
        assert left == pytest.approx(math.exp(-most * share), rel=1e-12)
    times = np.array([0.0, 1440.0])
    dose = [(LPS, 100 * PG_PER_NG_ML)]
    # Without what a cell tells itself, nothing but the output is calmed.
    rows = {"calming_upstream": 0.0, "receptors_with_tnfr": 0.0, "receptors_k_il1": 0.0}
    alone = macrophage(times, doses=dose, **rows)["nitrite_um"][-1]
    calmed = macrophage(times, doses=dose, calming_reference=share, **rows)["nitrite_um"][-1]
    assert calmed / alone == pytest.approx(math.exp(-most * share), rel=1e-5)
