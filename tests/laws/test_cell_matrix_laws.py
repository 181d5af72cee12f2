"""Laws of cells that keep a matrix: none is none, all is bounded, nothing is lost uncounted."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from exocast import engine

TIMES = np.array([0.0, 0.1, 1.0, 3.0])
SITES = ("well_chondrocyte", "explant", "well_fibroblast", "well_synoviocyte", "well_tenocyte")
READ = {
    "well_chondrocyte": ("mmp13_pg_per_ml", "aggrecan_percent", "new_collagen_pg_per_ml"),
    "explant": ("aggrecan_released_percent", "collagen_released_percent", "timp3_nm"),
    "well_fibroblast": ("procollagen_pg_per_ml", "mmp1_pg_per_ml", "sabgal_percent"),
    "well_synoviocyte": ("il6_pg_per_ml", "mmp3_pg_per_ml", "mmp1_active_nm"),
    "well_tenocyte": ("procollagen_pg_per_ml", "mmp1_pg_per_ml", "doublings"),
}
STIMULUS = {"challenge_il1_given": 1e4}
ACTS = {"acting_acts": 1.0, "acting_soluble_carries": 0.0}
PLENTY = 1e12  # particles in a well: far more than are needed


@functools.cache
def site(name: str) -> engine.AssembledModel:
    return engine.assemble(name)


@functools.cache
def compiled(name: str, rows: tuple[str, ...], observe: tuple[str, ...]) -> engine.Model:
    return engine.compile(site(name).sbml, varied=rows, observe=observe)


def run(
    name: str, observe: tuple[str, ...], particles: float = 0.0, soluble: float = 0.0, **rows: float
) -> np.ndarray:
    model = site(name)
    lines = [("medium", particles), ("soluble", soluble)]
    table = pd.DataFrame(
        [
            {"run": 0, "time": 0.0, "amount": amount, "target": model.routes["medium"][target]}
            for target, amount in lines
            if amount
        ]
    )
    rows = STIMULUS | rows
    runs = compiled(name, tuple(rows), observe).run(
        TIMES,
        np.array([list(rows.values())]),
        doses=table if len(table) else None,
        rtol=1e-9,
        processes=1,
    )
    assert runs.status[0] == 0
    return np.asarray(runs.values[0])


@pytest.mark.parametrize("name", SITES)
def test_no_vesicles_is_untreated_exactly(name: str) -> None:
    plain = run(name, READ[name], **ACTS)
    eager = run(
        name,
        READ[name],
        acting_acts=1.0,
        matrix_action_signal_held=1.0,
        matrix_action_timp_gain=9.0,
        matrix_action_collagen_gain=9.0,
        matrix_action_most_repressed=1.0,
    )
    assert np.array_equal(plain, eager)


@pytest.mark.parametrize("name", SITES)
def test_vesicles_of_a_product_that_does_not_act_and_holds_no_rna_change_nothing(name: str) -> None:
    plain = run(name, READ[name])
    empty = run(name, READ[name], PLENTY, acting_acts=0.0, cargo_rna_copies=0.0)
    assert empty == pytest.approx(plain, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", SITES)
def test_with_every_class_switched_off_vesicles_change_nothing(name: str) -> None:
    off = dict.fromkeys(("acting_with_mirna", "acting_with_ligands", "acting_with_soluble"), 0.0)
    plain = run(name, READ[name])
    dosed = run(name, READ[name], PLENTY, 1e9, cargo_rna_copies=100.0, **ACTS, **off)
    assert dosed == pytest.approx(plain, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", SITES)
def test_cells_that_nothing_drives_rest(name: str) -> None:
    names = [n for n in site(name).observables if n.endswith("mrna_fold")]
    found = run(name, (*names, "signal"), challenge_il1_given=0.0)
    assert found == pytest.approx(np.broadcast_to(found[0], found.shape), rel=1e-9)
    assert np.all(found[:, -1] == 0.0)


def test_mirna_is_bounded_by_the_knock_out_of_its_target() -> None:
    observe = ("mmp13_secreted", "mmp1_secreted")
    plain = run("well_chondrocyte", observe)
    loaded = run(
        "well_chondrocyte",
        observe,
        PLENTY,
        acting_acts=0.0,
        cargo_rna_copies=1e6,
        matrix_action_most_repressed=0.45,
    )
    share = loaded[-1] / plain[-1]
    assert share[0] == pytest.approx(0.55, abs=1e-3)
    assert share[0] >= 0.55
    assert share[1] == pytest.approx(1.0, rel=1e-6)


def test_more_vesicles_hold_back_more_and_never_more_than_the_bound() -> None:
    # MMP-13 in all forms is not among them: what inhibitors hold is kept from loss.
    observe = ("mmp13_mrna_fold", "mmp13_active_nm", "gag_released_percent")
    held = 0.3
    found = np.array(
        [
            run("well_chondrocyte", observe, dose, **ACTS, cargo_rna_copies=0.0)[-1]
            for dose in (0.0, 1e7, 1e9, 1e11, PLENTY)
        ]
    )
    assert np.all(np.diff(found, axis=0) < 0)
    all_of_it = run("well_chondrocyte", observe, challenge_il1_given=0.0)[-1]
    rise, rest = found[0, 0] - all_of_it[0], all_of_it[0]
    assert found[-1, 0] == pytest.approx(rest + (1 - held) * rise, rel=0.01)
    assert found[-1, 0] >= rest + (1 - held) * rise


def test_a_class_acts_by_itself() -> None:
    observe = ("mmp13_mrna_fold", "drive")
    by_soluble = {"acting_acts": 1.0, "acting_soluble_carries": 1.0}
    plain = run("well_chondrocyte", observe)
    soluble = run("well_chondrocyte", observe, 0.0, 1e8, **by_soluble)
    ligands = run("well_chondrocyte", observe, 1e11, **ACTS)
    for found in (soluble, ligands):
        assert found[-1, 0] < plain[-1, 0]
        assert np.all(found[:, 1] < 1.0)
    washed = run("well_chondrocyte", observe, 1e11, **by_soluble)
    assert washed[:, 0] == pytest.approx(plain[:, 0], rel=1e-6)


@pytest.mark.parametrize("name", ["well_chondrocyte", "explant"])
def test_matrix_is_counted_to_the_last_share(name: str) -> None:
    names = ("aggrecan_held", "aggrecan_released", "aggrecan_made_total")
    fibrils = ("collagen_guarded", "collagen_bare", "collagen_cut")
    found = run(name, names + fibrils, 1e10, **ACTS)
    assert found[:, 0] + found[:, 1] - found[:, 2] == pytest.approx(1.0, rel=1e-8)
    assert found[:, 3:].sum(axis=1) == pytest.approx(1.0, rel=1e-8)
    assert found.min() >= 0.0


def test_cells_are_counted_to_the_last_one() -> None:
    kinds = ("growing", "arrested", "senescent", "apoptotic", "cleared", "born")
    found = run("well_fibroblast", tuple(f"senescence_{k}" for k in kinds), 1e10, **ACTS)
    assert found[:, :5].sum(axis=1) - found[:, 5] == pytest.approx(1.0, rel=1e-9)


def test_what_complexes_hold_is_what_inhibitors_gave() -> None:
    enzymes = ("mmp1", "mmp3", "mmp13", "adamts4", "adamts5")
    held = tuple(f"{e}_with_timp1" for e in enzymes)
    still = {"inhibitors_timp1_made": 0.0, "inhibitors_timp1_start": 0.5}
    found = run("well_chondrocyte", (*held, "inhibitors_timp1"), inhibitors_k_loss=0.0, **still)
    assert found.sum(axis=1) == pytest.approx(0.5 * 0.2, rel=1e-7)
    assert found[-1, -1] < found[0, -1]


def test_vesicles_keep_cells_from_arrest_and_bring_none_back() -> None:
    observe = ("sabgal_percent", "ki67_percent", "tunel_percent", "senescence_senescent")
    plain = run("well_fibroblast", observe)
    treated = run("well_fibroblast", observe, PLENTY, **ACTS, senescence_divide_gain=0.0)
    assert treated[-1, 0] < plain[-1, 0]
    assert treated[-1, 1] > plain[-1, 1]
    assert treated[-1, 2] < plain[-1, 2]
    # Fewer senescent cells die, too: without new ones none would turn back.
    alone = run(
        "well_fibroblast",
        ("senescence_senescent",),
        PLENTY,
        **ACTS,
        senescence_k_senesce=0.0,
        senescence_k_death=0.0,
    )[:, 0]
    assert alone == pytest.approx(0.058, rel=1e-9)


HOLD = {**ACTS, "myofibroblast_pushes": 0.0}
PUSH = {**ACTS, "myofibroblast_pushes": 1.0}
TGFB = {"myofibroblast_tgfb_given": 5e3}
LADDER = (0.0, 1e7, 1e9, 1e11, PLENTY)


def actin(particles: float = 0.0, **rows: float) -> np.ndarray:
    return run("well_fibroblast", ("actin_percent",), particles, **rows)[:, 0]


def test_fibroblasts_that_nothing_drives_stay_as_they_are() -> None:
    start = np.full(len(TIMES), 10.0)
    assert actin() == pytest.approx(start, rel=1e-9)
    # Vesicles that hold back have nothing to hold back, nor has miRNA.
    assert actin(PLENTY, **HOLD, cargo_rna_copies=1e6) == pytest.approx(start, rel=1e-9)


@pytest.mark.parametrize("rows", [{}, HOLD, PUSH])
def test_fibroblasts_and_myofibroblasts_are_all_cells(rows: dict[str, float]) -> None:
    kinds = ("myofibroblast_fibroblast", "myofibroblast_myofibroblast")
    found = run("well_fibroblast", kinds, 1e10, **rows, **TGFB)
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-9)
    assert found.min() > 0.0


def test_tgfb_turns_fibroblasts_and_no_vesicles_are_none() -> None:
    plain = actin(**TGFB)
    assert plain[0] == pytest.approx(10.0)
    assert np.all(plain[1:] > plain[0])
    eager = actin(**TGFB, **HOLD, myofibroblast_held_share=1.0, matrix_action_most_repressed=1.0)
    assert np.array_equal(plain, eager)
    doses = [actin(myofibroblast_tgfb_given=dose)[-1] for dose in (0.0, 100.0, 1e3, 1e4, 1e5)]
    assert np.all(np.diff(doses) > 0)


def test_vesicles_hold_back_or_push_ever_more_and_within_bounds() -> None:
    held = [actin(dose, **TGFB, **HOLD, cargo_rna_copies=0.0)[-1] for dose in LADDER]
    pushed = [actin(dose, **PUSH, cargo_rna_copies=0.0)[-1] for dose in LADDER]
    assert np.all(np.diff(held) < 0)
    assert np.all(np.diff(pushed) > 0)
    most = actin(**TGFB, myofibroblast_k_turn_most=0.5 * (1 - 0.3))[-1]
    assert held[-1] >= most
    full = actin(**TGFB, myofibroblast_tgfb_loss=0.0, myofibroblast_tgfb_half=1e-6)[-1]
    assert pushed[-1] <= full


def test_mirna_leaves_the_culture_without_receptors_at_least() -> None:
    loaded = [
        actin(PLENTY, **TGFB, acting_acts=0.0, cargo_rna_copies=copies)[-1]
        for copies in (0.0, 1.0, 100.0, 1e6)
    ]
    assert np.all(np.diff(loaded) < 0)
    knock_out = actin(**TGFB, myofibroblast_k_turn_most=0.0)[-1]
    assert knock_out == pytest.approx(10.0, rel=1e-9)
    assert loaded[-1] >= knock_out
    # Repression takes 45 % at most; the first hours pass before miRNA is loaded.
    assert loaded[-1] >= actin(**TGFB, myofibroblast_k_turn_most=0.5 * 0.55)[-1]
