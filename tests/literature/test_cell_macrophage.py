"""Macrophages beside what was measured in them; what is missed is a failure that is expected.

Tolerances: twofold for a level relative to the largest of its series, as on the scoreboard, and
no test of levels below a tenth; 25 % for the time between peaks. The data are read where they
are, in EXOCAST_REFERENCE.

Calibration: Cheng 2015 and the half dose of Nyman 2020 (scripts/calibrate_macrophage.py), and
dexamethasone after a day. Prediction: Caldwell 2014, and the other courses and doses of Nyman 2020.
What rests on Guo 2025 tests rates that were fitted to it.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import numpy as np
import pytest

from exocast.evidence.rows import package_table
from exocast.study import statistics as of_course
from nfkb_wells import LPS, PG_PER_NG_ML, TNF, course, number

SITE = "well_macrophage"
SETS = (
    *("receptors_with_myd88", "receptors_with_trif", "nfkb_with_a20", "receptors_with_tnfr"),
    *("calming_reference", "acting_acts", "cytokines_tnf_output", "cytokines_tnf_loss"),
    *("receptors_k_tak1_trif", "receptors_lps_potency", "calming_upstream"),
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
# LPS that acts as much as that of an experiment did: in extracts of cells, in slices of lung.
EXTRACTS, SLICES = (
    {"receptors_lps_potency": package_table("cell", "receptors")[f"{name}.lps_potency"].value}
    for name in ("extracts", "slices")
)
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
    """Run from lib/nfkbOde.m of commit d30e4eba; without A20, RIP1 and the TNF that cells make."""
    alone = {"nfkb_with_a20": 0.0, "cytokines_tnf_output": 0.0, "cytokines_tnf_loss": 0.0116 * 1440}
    alone["receptors_k_tak1_trif"] = 0.0
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
        (TNF, 1.0, 89.8),
        pytest.param(
            TNF, 0.1, 74.4, marks=missed(reason="114 min; the cells are those that had three")
        ),
    ],
)
def test_time_between_peaks(stimulus: str, dose: float, measured: float) -> None:
    assert intervals(stimulus, dose).mean() == pytest.approx(measured, rel=0.25)


# Caldwell 2014 ------------------------------------------------------------------------------------


def caldwell(cells: str, seen: str, minutes: float) -> float:
    """Level over the most of the wild type, as its series are.

    LPS 10 ng/mL, as legends in the authors' repository say (doc/140413_TNFpaper_Frank.docx); the
    reference file tells no dose. The laboratory and its extracts are those of Cheng 2015.
    """
    most = run(LPS, 10.0, **EXTRACTS)[seen][MINUTES <= 120].max()
    return at(run(LPS, 10.0, **EXTRACTS, **KNOCKED[cells]), seen, minutes) / float(most)


@pytest.mark.parametrize("cells", KNOCKED)
@pytest.mark.parametrize("minutes", [30, 60, 120])
def test_tnf_message_rises_and_falls_again(cells: str, minutes: float, reference: Path) -> None:
    seen = data(reference, "caldwell_2014_tnf_mrna")[f"{cells}; mature TNF mRNA", minutes]
    found = caldwell(cells, "tnf_message", minutes)
    if seen < 0.1:
        assert found < 0.1
    else:
        assert 0.5 < found / seen < 2


NASCENT_MISSED = {("Myd88-/-", 30): "0.47 against 0.97: the gene waits for NF-kB as IkB does"}


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
    found = caldwell(cells, "tnf_nascent", minutes)
    if seen < 0.1:
        assert found < 0.1
    else:
        assert 0.5 < found / seen < 2


@pytest.mark.parametrize("minutes", [30, 60, 120, 240, 480])
def test_nfkb_under_lps_hardly_needs_the_tnf_that_cells_make(minutes: float) -> None:
    """Said in the abstract; extracts without TNF keep 0.92 after 8 h."""
    blocked = run(LPS, 10.0, **EXTRACTS, receptors_with_tnfr=0.0)
    whole = run(LPS, 10.0, **EXTRACTS)
    assert at(blocked, "nuclear_nfkb", minutes) > 0.75 * at(whole, "nuclear_nfkb", minutes)


# Cheng 2015: calibration --------------------------------------------------------------------------


def cheng(dose: float, seen: str, minutes: float, times: tuple[float, ...]) -> float:
    most = max(at(run(LPS, 100.0, **EXTRACTS), seen, m) for m in times)
    return at(run(LPS, dose, **EXTRACTS), seen, minutes) / most


KINASE_TIMES, NFKB_TIMES = (5, 15, 30, 45, 60, 90, 120, 240), (10, 30, 60, 120, 240)


@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param(
            5, marks=missed(reason="0.64 against 0.29: at the activity that meets 1 ng/mL")
        ),
        *KINASE_TIMES[1:],
    ],
)
def test_ikk_after_much_lps(minutes: float, reference: Path) -> None:
    seen = data(reference, "cheng_2015_tlr4_ikk_wildtype")[f"{HIGH}; IKK activity", minutes]
    assert 0.5 < cheng(100.0, "ikk_active_percent", minutes, KINASE_TIMES) / seen < 2


def test_the_most_of_the_kinase_without_myd88_is_what_rip1_was_fitted_to() -> None:
    most = [
        run(LPS, 100.0, **EXTRACTS, receptors_with_myd88=share)["ikk_active_percent"].max()
        for share in (0.0, 1.0)
    ]
    assert most[0] / most[1] == pytest.approx(0.414, rel=0.02)


@pytest.mark.parametrize("minutes", KINASE_TIMES)
def test_ikk_after_little_lps(minutes: float, reference: Path) -> None:
    seen = data(reference, "cheng_2015_tlr4_ikk_wildtype")[f"{LOW}; IKK activity", minutes]
    found = cheng(1.0, "ikk_active_percent", minutes, KINASE_TIMES)
    if seen < 0.1:
        assert found < 0.1
    else:
        assert 0.5 < found / seen < 2


@pytest.mark.parametrize("minutes", NFKB_TIMES)
def test_nfkb_after_much_lps(minutes: float, reference: Path) -> None:
    seen = data(reference, "cheng_2015_tlr4_nfkb_irf3")[f"{HIGH}; nuclear NF-kB", minutes]
    assert 0.5 < cheng(100.0, "nuclear_nfkb", minutes, NFKB_TIMES) / seen < 2


@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param(
            10, marks=missed(reason="0.10 against 0.31: an average cell has one threshold")
        ),
        *NFKB_TIMES[1:],
    ],
)
def test_nfkb_after_little_lps(minutes: float, reference: Path) -> None:
    seen = data(reference, "cheng_2015_tlr4_nfkb_irf3")[f"{LOW}; nuclear NF-kB", minutes]
    assert 0.5 < cheng(1.0, "nuclear_nfkb", minutes, NFKB_TIMES) / seen < 2


@missed(reason="single cells (Guo 2025) rise late at this dose, extracts early: not both")
def test_little_lps_acts_alike_on_single_cells_and_in_extracts(reference: Path) -> None:
    seen = data(reference, "cheng_2015_tlr4_nfkb_irf3")[f"{LOW}; nuclear NF-kB", 30]
    top = max(at(run(LPS, 100.0), "nuclear_nfkb", m) for m in NFKB_TIMES)
    assert 0.5 < at(run(LPS, 1.0), "nuclear_nfkb", 30) / top / seen < 2


# Nyman 2020 ---------------------------------------------------------------------------------------


def test_tnf_is_not_in_proportion_to_nfkb() -> None:
    """At LPS 10 ng/mL NF-kB is saturated in cells, and TNF is not in slices: each as measured."""
    some, much = run(LPS, 10.0), run(LPS, 1000.0)
    assert some["nuclear_nfkb_rise"].max() > 0.9 * much["nuclear_nfkb_rise"].max()
    some, much = run(LPS, 10.0, **SLICES), run(LPS, 1000.0, **SLICES)
    assert some["tnf_pg_per_ml"][-1] < 0.2 * much["tnf_pg_per_ml"][-1]


@functools.cache
def tnf_by_dose(activity: float) -> tuple[float, float]:
    doses = np.array([10.0, 50.0, 100.0, 250.0, 500.0, 1000.0])
    runs = [run(LPS, d, receptors_lps_potency=activity) for d in doses]
    half, hill = of_course.hill_curve(doses, np.array([[r["tnf_pg_per_ml"][-1] for r in runs]]))
    return float(half[0]), float(hill[0])


@missed(reason="26 against 93 ng/mL, and it follows the number of cells in the medium")
def test_half_dose_of_lps_for_tnf_after_a_day() -> None:
    assert 93 / 2 < tnf_by_dose(1.0)[0] < 93 * 2


def test_half_dose_in_slices_is_what_their_activity_was_fitted_to() -> None:
    assert tnf_by_dose(SLICES["receptors_lps_potency"])[0] == pytest.approx(93, rel=0.05)


@pytest.mark.parametrize("activity", [1.0, SLICES["receptors_lps_potency"]])
def test_steepness_of_tnf_in_lps(activity: float) -> None:
    assert 1 < tnf_by_dose(activity)[1] < 4


@pytest.mark.parametrize("dose", [10, 50, 250, 500])
def test_tnf_by_dose_in_slices(dose: float, reference: Path) -> None:
    """Over that at the highest dose; 100 ng/mL is next to the half dose, to which it was fitted."""
    seen = data(reference, "nyman_2020_lps_tnf_dose")
    ratio = seen["TNF at 24 h", dose] / seen["TNF at 24 h", 1000]
    found = [run(LPS, float(d), **SLICES)["tnf_pg_per_ml"][-1] for d in (dose, 1000)]
    assert 0.5 < found[0] / found[1] / ratio < 2


@pytest.mark.parametrize("activity", [1.0, SLICES["receptors_lps_potency"]])
@pytest.mark.parametrize("dose", [100, 1000])
def test_tnf_still_rises_from_6_to_24_h(dose: float, activity: float, reference: Path) -> None:
    seen = data(reference, "nyman_2020_lps_tnf_time")
    ratio = seen[f"LPS {dose} ng/mL", 6] / seen[f"LPS {dose} ng/mL", 24]
    found = run(LPS, float(dose), receptors_lps_potency=activity)["tnf_pg_per_ml"]
    six = np.interp(360, MINUTES, found)
    assert six < found[-1]
    assert 0.5 < six / found[-1] / ratio < 2


@pytest.mark.parametrize(
    ("dose", "hours"),
    [
        pytest.param(
            100, 4, marks=missed(reason="0.70 against 0.27: slices begin an hour or two late")
        ),
        (1000, 4),
    ],
)
def test_tnf_in_slices_at_4_h(dose: float, hours: float, reference: Path) -> None:
    seen = data(reference, "nyman_2020_lps_tnf_time")
    ratio = seen[f"LPS {dose} ng/mL", hours] / seen[f"LPS {dose} ng/mL", 24]
    found = run(LPS, float(dose), **SLICES)["tnf_pg_per_ml"]
    assert 0.5 < np.interp(60 * hours, MINUTES, found) / found[-1] / ratio < 2


def dexamethasone(hours: float, activity: float, upstream: float) -> float:
    """TNF that is left by a saturating dose."""
    rows = {"receptors_lps_potency": activity, "calming_upstream": upstream, "acting_acts": 0.0}
    alone, calmed = (
        np.interp(
            60 * hours, MINUTES, run(LPS, 100.0, **rows, calming_reference=share)["tnf_pg_per_ml"]
        )
        for share in (0.0, 1.0)
    )
    return float(calmed / alone)


def left_in_slices(reference: Path, micromolar: str, hours: float) -> float:
    seen = data(reference, "nyman_2020_dexamethasone_cotreatment")
    treated = seen[f"LPS 100 ng/mL, dexamethasone {micromolar} uM from 1 h before", hours]
    return treated / seen["LPS 100 ng/mL, no dexamethasone", hours]


@pytest.mark.parametrize("upstream", [0.0, 1.0])
def test_dexamethasone_on_tnf(upstream: float, reference: Path) -> None:
    """Calibration: the two doses after a day, by geometric mean, in either structure."""
    left = np.sqrt(np.prod([left_in_slices(reference, dose, 24) for dose in ("0.3", "3")]))
    assert 0.5 < dexamethasone(24, 1.0, upstream) / left < 2


EARLY_MISSED = {
    ("0.3", 4, 0.0): "0.07 against 0.22: the drug is full from the start here",
    ("0.3", 6, 0.0): "0.07 against 0.20: the same",
    ("3", 4, 1.0): "0.15 against 0.07: calmed above the kinase, saturated cells are calmed less",
}


@pytest.mark.parametrize(
    ("micromolar", "hours", "upstream"),
    [
        pytest.param(*case, marks=[missed(reason=EARLY_MISSED[case])])
        if case in EARLY_MISSED
        else case
        for case in ((d, h, u) for d in ("0.3", "3") for h in (4, 6) for u in (0.0, 1.0))
    ],
)
def test_dexamethasone_on_tnf_in_the_first_hours(
    micromolar: str, hours: float, upstream: float, reference: Path
) -> None:
    left = left_in_slices(reference, micromolar, hours)
    assert 0.5 < dexamethasone(hours, 1.0, upstream) / left < 2


def test_the_ceiling_of_other_outputs_is_that_of_the_effect_model() -> None:
    assert number(SITE, "calming_max_ln_fall") == pytest.approx(-np.log(1 - 0.60), abs=1e-3)
