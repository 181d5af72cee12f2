"""Macrophages beside what was measured in them; what is missed is a failure that is expected.

Tolerances: twofold for a level relative to the largest of its series, as on the scoreboard, and
no test of levels below a tenth; 25 % for the time between peaks. The data are read where they
are, in EXOCAST_REFERENCE.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import numpy as np
import pytest

from exocast.study import statistics as of_course
from nfkb_wells import LPS, PG_PER_NG_ML, TNF, course, number

SITE = "well_macrophage"
SETS = (
    *("receptors_with_myd88", "receptors_with_trif", "nfkb_with_a20", "receptors_with_tnfr"),
    *("calming_reference", "acting_acts", "cytokines_tnf_output", "cytokines_tnf_loss"),
)
SEEN = (
    *("nuclear_nfkb", "nuclear_nfkb_rise", "ikk_active_percent", "tnf_message", "tnf_nascent"),
    "tnf_pg_per_ml",
)
MINUTES = np.arange(0.0, 1441.0, 2.5)
KNOCKED = {
    "wild type": {},
    "Myd88-/-": {"receptors_with_myd88": 0.0},
    "Trif-/-": {"receptors_with_trif": 0.0},
}
LOW, HIGH = "LPS low (1 ng/mL)", "LPS high (100 ng/mL)"
# What the model misses stays visible: it fails here as expected, and says so once it is mended.
missed = functools.partial(pytest.mark.xfail, strict=True)


@functools.cache
def run(stimulus: str, ng_per_ml: float, **rows: float) -> dict[str, np.ndarray]:
    dose = [(stimulus, ng_per_ml * PG_PER_NG_ML)]
    return course(SITE, MINUTES, SEEN, varied=SETS, doses=dose, **rows)


def data(reference: Path, name: str) -> dict[tuple[str, float], float]:
    with (reference / f"literature/datasets/{name}.csv").open(encoding="utf-8") as file:
        return {(r["condition"], float(r["x"])): float(r["y"]) for r in csv.DictReader(file)}


def at(found: dict[str, np.ndarray], name: str, minutes: float) -> float:
    return float(np.interp(minutes, MINUTES, found[name]))


def intervals(stimulus: str, dose: float, **rows: float) -> np.ndarray:
    early = MINUTES <= 480
    waves = run(stimulus, dose, **rows)["nuclear_nfkb"][early]
    [(times, _)] = of_course.peaks(MINUTES[early], waves[None])
    return np.diff(times)


# Guo 2025 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stimulus", "dose", "peaks"),
    [(TNF, 10, (17, 109, 192)), (TNF, 1, (21, 126, 233)), (LPS, 10, (32,)), (LPS, 1, (90,))],
)
def test_without_our_additions_peaks_are_those_of_the_authors_code(
    stimulus: str, dose: float, peaks: tuple[float, ...]
) -> None:
    """Run from lib/nfkbOde.m of commit d30e4eba; without A20 and the TNF that cells make."""
    alone = {"nfkb_with_a20": 0.0, "cytokines_tnf_output": 0.0, "cytokines_tnf_loss": 0.0116 * 1440}
    waves = run(stimulus, dose, **alone)["nuclear_nfkb"]
    [(times, _)] = of_course.peaks(MINUTES, waves[None])
    assert times[: len(peaks)] == pytest.approx(peaks, abs=3)


def test_nfkb_is_saturated_by_tnf_1_and_lps_10() -> None:
    top = {
        (s, d): run(s, d)["nuclear_nfkb_rise"][MINUTES <= 240].max()
        for s, d in ((TNF, 1.0), (TNF, 10.0), (LPS, 1.0), (LPS, 10.0), (LPS, 100.0))
    }
    assert top[TNF, 1.0] > 0.9 * top[TNF, 10.0]
    assert top[LPS, 10.0] > 0.9 * top[LPS, 100.0]
    assert top[LPS, 1.0] < 0.7 * top[LPS, 100.0]


@pytest.mark.parametrize(
    ("stimulus", "dose", "measured"),
    [
        (LPS, 10.0, 94.7),
        (LPS, 100.0, 89.2),
        (TNF, 10.0, 90.0),
        pytest.param(TNF, 1.0, 89.8, marks=missed(reason="117 min; 116 in the authors' own code")),
        pytest.param(TNF, 0.1, 74.4, marks=missed(reason="two peaks, 154 min apart")),
    ],
)
def test_time_between_peaks(stimulus: str, dose: float, measured: float) -> None:
    assert intervals(stimulus, dose).mean() == pytest.approx(measured, rel=0.25)


# Caldwell 2014 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", KNOCKED)
@pytest.mark.parametrize("minutes", [30, 60, 120])
def test_tnf_message_rises_and_falls_again(cells: str, minutes: float, reference: Path) -> None:
    """LPS at 100 ng/mL; the reference file does not say the dose."""
    seen = data(reference, "caldwell_2014_tnf_mrna")[f"{cells}; mature TNF mRNA", minutes]
    top = run(LPS, 100.0)["tnf_message"][MINUTES <= 120].max()
    found = at(run(LPS, 100.0, **KNOCKED[cells]), "tnf_message", minutes) / top
    if seen < 0.1:
        assert found < 0.1
    else:
        assert 0.5 < found / seen < 2


NASCENT_MISSED = {
    ("Myd88-/-", 30): "0.03 against 0.97: NF-kB comes too late without MyD88",
    ("Myd88-/-", 120): "0.18 against 1.03",
}


@pytest.mark.parametrize(
    ("cells", "minutes"),
    [
        pytest.param(c, m, marks=[missed(reason=NASCENT_MISSED[c, m])])
        if (c, m) in NASCENT_MISSED
        else (c, m)
        for c in KNOCKED
        for m in (15, 30, 60, 120)
    ],
)
def test_nascent_tnf_rna(cells: str, minutes: float, reference: Path) -> None:
    seen = data(reference, "caldwell_2014_tnf_nascent_rna")[f"{cells}; nascent TNF RNA", minutes]
    top = run(LPS, 100.0)["tnf_nascent"][MINUTES <= 120].max()
    found = at(run(LPS, 100.0, **KNOCKED[cells]), "tnf_nascent", minutes) / top
    if seen < 0.1:
        assert found < 0.1
    else:
        assert 0.5 < found / seen < 2


# Cheng 2015 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param(5, marks=missed(reason="0.02 against 0.29: LPS binds too slowly")),
        *(15, 30, 45, 60, 90, 120, 240),
    ],
)
def test_ikk_after_much_lps(minutes: float, reference: Path) -> None:
    seen = data(reference, "cheng_2015_tlr4_ikk_wildtype")[f"{HIGH}; IKK activity", minutes]
    courses = run(LPS, 100.0)
    top = max(at(courses, "ikk_active_percent", m) for m in (5, 15, 30, 45, 60, 90, 120, 240))
    assert 0.5 < at(courses, "ikk_active_percent", minutes) / top / seen < 2


@pytest.mark.parametrize("minutes", [10, 30, 60, 120, 240])
def test_nfkb_after_much_lps(minutes: float, reference: Path) -> None:
    seen = data(reference, "cheng_2015_tlr4_nfkb_irf3")[f"{HIGH}; nuclear NF-kB", minutes]
    courses = run(LPS, 100.0)
    top = max(at(courses, "nuclear_nfkb", m) for m in (10, 30, 60, 120, 240))
    assert 0.5 < at(courses, "nuclear_nfkb", minutes) / top / seen < 2


@missed(reason="single cells (Guo 2025) rise late at this dose, extracts early: not both")
@pytest.mark.parametrize("minutes", [10, 30, 60, 120, 240])
def test_nfkb_after_little_lps(minutes: float, reference: Path) -> None:
    seen = data(reference, "cheng_2015_tlr4_nfkb_irf3")[f"{LOW}; nuclear NF-kB", minutes]
    top = max(at(run(LPS, 100.0), "nuclear_nfkb", m) for m in (10, 30, 60, 120, 240))
    assert 0.5 < at(run(LPS, 1.0), "nuclear_nfkb", minutes) / top / seen < 2


# Nyman 2020 ---------------------------------------------------------------------------------------


def test_tnf_is_not_in_proportion_to_nfkb() -> None:
    """At LPS 10 ng/mL NF-kB is saturated and TNF is not."""
    some, much = run(LPS, 10.0), run(LPS, 1000.0)
    assert some["nuclear_nfkb_rise"].max() > 0.9 * much["nuclear_nfkb_rise"].max()
    assert some["tnf_pg_per_ml"][-1] < 0.2 * much["tnf_pg_per_ml"][-1]


@functools.cache
def tnf_by_dose() -> tuple[float, float]:
    doses = np.array([10.0, 50.0, 100.0, 250.0, 500.0, 1000.0])
    answers = np.array([[run(LPS, d)["tnf_pg_per_ml"][-1] for d in doses]])
    half, hill = of_course.hill_curve(doses, answers)
    return float(half[0]), float(hill[0])


@missed(reason="34 against 93 ng/mL, and it follows the number of cells in the medium")
def test_half_dose_of_lps_for_tnf_after_a_day() -> None:
    assert 93 / 2 < tnf_by_dose()[0] < 93 * 2


def test_steepness_of_tnf_in_lps() -> None:
    assert 1 < tnf_by_dose()[1] < 4


@missed(reason="TNF peaks here after 4 h and falls; in slices of lung it still rises")
def test_tnf_still_rises_from_6_to_24_h(reference: Path) -> None:
    seen = data(reference, "nyman_2020_lps_tnf_time")
    ratio = seen["LPS 100 ng/mL", 6] / seen["LPS 100 ng/mL", 24]
    found = run(LPS, 100.0)["tnf_pg_per_ml"]
    assert 0.5 < np.interp(360, MINUTES, found) / found[-1] / ratio < 2


@missed(reason="the ceiling of 60 % is of nitrite; dexamethasone takes 89 % of TNF in lung")
def test_dexamethasone_on_tnf(reference: Path) -> None:
    seen = data(reference, "nyman_2020_dexamethasone_cotreatment")
    left = (
        seen["LPS 100 ng/mL, dexamethasone 0.3 uM from 1 h before", 24]
        / seen["LPS 100 ng/mL, no dexamethasone", 24]
    )
    calmed = run(LPS, 100.0, calming_reference=1.0, acting_acts=0.0)["tnf_pg_per_ml"][-1]
    assert 0.5 < calmed / run(LPS, 100.0, acting_acts=0.0)["tnf_pg_per_ml"][-1] / left < 2


def test_the_ceiling_is_that_of_the_effect_model() -> None:
    assert number(SITE, "calming_max_ln_fall") == pytest.approx(-np.log(1 - 0.60), abs=1e-3)
