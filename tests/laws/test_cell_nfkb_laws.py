"""Laws of the wells of inflammation: nothing given does nothing, and no class exceeds its bound."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from nfkb_wells import LPS, PG_PER_NG_ML, TNF, course, well

SITE, REPORTER = "well_macrophage", "well_reporter"
SETS = (
    *("acting_acts", "acting_with_mirna", "acting_soluble_carries", "acting_potency"),
    *("cargo_rna_copies", "calming_upstream", "mirna_targets_on_target"),
    *("receptors_with_myd88", "receptors_with_trif", "receptors_with_cd14", "nfkb_with_a20"),
    *("mirna_targets_of_this_kind", "receptors_with_tnfr"),
)
SEEN = (
    *("nuclear_nfkb", "tnf_pg_per_ml", "il6_pg_per_ml", "il1_pg_per_ml", "il10_pg_per_ml"),
    *("nitrite_um", "traf6_left_percent", "nfkb_nfkb_in_cell", "nfkb_ikk_in_cell", "stimuli_lps"),
    *("cytokines_tnf_message", "receptors_traf6", "receptors_trif", "rna_copies_per_cell"),
)
OUTPUTS = ("tnf_pg_per_ml", "il6_pg_per_ml", "il1_pg_per_ml", "nitrite_um")
TIMES = np.array([0.0, 15.0, 60.0, 240.0, 720.0, 1440.0])
DOSE = [(LPS, 100 * PG_PER_NG_ML)]
DEAD = {"acting_acts": 0.0, "acting_with_mirna": 0.0}
REPORTER_SETS = ("acting_acts", "cargo_rna_copies", "mirna_targets_on_target", "calming_upstream")


def macrophage(**given: Any) -> dict[str, np.ndarray]:
    return course(SITE, TIMES, SEEN, varied=SETS, **given)


def reporter(**given: Any) -> dict[str, np.ndarray]:
    seen = ("reporter_fold", "nuclear_nfkb")
    return course(REPORTER, TIMES, seen, varied=REPORTER_SETS, **given)


@pytest.fixture(scope="module")
def untreated() -> dict[str, np.ndarray]:
    return macrophage(doses=DOSE)


def test_vesicles_none_of_whose_classes_act_are_no_treatment(
    untreated: dict[str, np.ndarray],
) -> None:
    found = macrophage(doses=DOSE, vesicles=1e11, **DEAD)
    for name in SEEN[:-1]:
        assert found[name] == pytest.approx(untreated[name], rel=1e-5, abs=1e-9), name


def test_vesicles_without_rna_have_no_mirna_effect(untreated: dict[str, np.ndarray]) -> None:
    rows = {"acting_acts": 0.0, "mirna_targets_on_target": 1.0}
    alone = macrophage(doses=DOSE, **rows)
    found = macrophage(doses=DOSE, vesicles=1e11, cargo_rna_copies=0.0, **rows)
    for name in SEEN[:-1]:
        assert found[name] == pytest.approx(alone[name], rel=1e-5, abs=1e-9), name
    other = macrophage(doses=DOSE, vesicles=1e11, mirna_targets_of_this_kind=0.0, **rows)
    assert other["tnf_pg_per_ml"] == pytest.approx(alone["tnf_pg_per_ml"], rel=1e-5, abs=1e-9)


def test_repression_is_bounded_by_the_knock_out_of_its_target() -> None:
    rows = {"acting_acts": 0.0, "mirna_targets_on_target": 1.0}
    full = macrophage(doses=DOSE, vesicles=1e11, cargo_rna_copies=1e9, **rows)
    alone = macrophage(doses=DOSE, **rows)
    none = macrophage(doses=DOSE, receptors_with_myd88=0.0, receptors_with_trif=0.0, **rows)
    assert full["rna_copies_per_cell"][-1] > 1e5
    for name in OUTPUTS:
        assert none[name][-1] <= full[name][-1] <= alone[name][-1], name
    assert full["traf6_left_percent"].min() >= 40


def test_more_copies_and_more_drive_never_leave_more_tnf() -> None:
    copies = [
        macrophage(
            doses=DOSE,
            vesicles=1e11,
            acting_acts=0.0,
            mirna_targets_on_target=1.0,
            cargo_rna_copies=n,
        )
        for n in (0.0, 10.0, 1e3, 1e6)
    ]
    drives = [
        macrophage(doses=DOSE, vesicles=n, acting_acts=1.0, calming_upstream=where)
        for where in (0.0, 1.0)
        for n in (0.0, 1e8, 1e10, 1e12)
    ]
    for ladder in (copies, drives[:4], drives[4:]):
        for name in ("tnf_pg_per_ml", "nitrite_um"):
            last = [found[name][-1] for found in ladder]
            assert all(b <= a * (1 + 1e-5) for a, b in itertools.pairwise(last)), name
    for i, ladder in enumerate((drives[:4], drives[4:])):
        assert ladder[-1]["nitrite_um"][-1] < 0.95 * ladder[0]["nitrite_um"][-1], i


@pytest.mark.parametrize("dose", [0.0, 1.0, 1000.0])
def test_nfkb_and_ikk_are_kept_and_nothing_is_below_zero(dose: float) -> None:
    found = macrophage(doses=[(LPS, dose * PG_PER_NG_ML), (TNF, dose * PG_PER_NG_ML)])
    for name in ("nfkb_nfkb_in_cell", "nfkb_ikk_in_cell"):
        assert np.ptp(found[name]) < 1e-9 * found[name][0], name
    for name in SEEN:
        assert found[name].min() >= -1e-9 * np.abs(found[name]).max(), name


def test_cells_without_receptors_or_adaptors_do_not_answer() -> None:
    resting = macrophage()
    for rows in ({"receptors_with_cd14": 0.0}, dict.fromkeys(SETS[7:9], 0.0)):
        found = macrophage(doses=DOSE, **rows)
        assert found["nuclear_nfkb"] == pytest.approx(resting["nuclear_nfkb"], rel=1e-5), rows
    deaf = macrophage(doses=[(TNF, 1000 * PG_PER_NG_ML)], receptors_with_tnfr=0.0)
    quiet = macrophage(receptors_with_tnfr=0.0)
    assert deaf["nuclear_nfkb"] == pytest.approx(quiet["nuclear_nfkb"], rel=1e-4)


def test_a_cell_without_a20_has_more_nfkb_late(untreated: dict[str, np.ndarray]) -> None:
    found = macrophage(doses=DOSE, nfkb_with_a20=0.0)
    assert np.all(found["nuclear_nfkb"][3:] > untreated["nuclear_nfkb"][3:])


def test_more_lps_gives_more_of_every_output_over_a_day() -> None:
    doses = (0.0, 1.0, 10.0, 100.0)
    found = [macrophage(doses=[(LPS, d * PG_PER_NG_ML)]) for d in doses]
    for name in (*OUTPUTS, "il10_pg_per_ml"):
        last = [each[name][-1] for each in found]
        assert all(b >= a * (1 - 1e-3) for a, b in itertools.pairwise(last)), name


def test_a_reporter_at_rest_reads_one_and_rises_with_tnf() -> None:
    ng = ("given_tnf", PG_PER_NG_ML)
    folds = [reporter(doses=[(ng[0], d * ng[1])])["reporter_fold"] for d in (0.0, 0.1, 1.0, 10.0)]
    assert folds[0] == pytest.approx(np.ones(len(TIMES)), rel=1e-9)
    top = [fold.max() for fold in folds]
    assert all(b > a for a, b in itertools.pairwise(top))


def test_mirna_touches_a_reporter_under_il1_and_not_under_tnf() -> None:
    rows = {"acting_acts": 0.0, "mirna_targets_on_target": 1.0}
    for stimulus, touched in (("given_tnf", False), ("given_il1", True)):
        dose = [(stimulus, PG_PER_NG_ML)]
        alone = reporter(doses=dose, **rows)["reporter_fold"]
        found = reporter(doses=dose, vesicles=1e11, cargo_rna_copies=1e6, **rows)["reporter_fold"]
        if touched:
            assert found[-2] < 0.99 * alone[-2]
        else:
            assert found == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("site", [SITE, REPORTER, "well_nfkb_core"])
def test_the_wells_say_their_units_and_words(site: str) -> None:
    for name, observable in well(site).observables.items():
        assert observable.unit, name
        assert observable.text, name
