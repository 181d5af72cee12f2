"""Laws of vesicles on T cells and neurons: none is untreated, all bounded, more is not less."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from exocast import engine

SHARES = {"small": 0.3, "medium": 0.4, "large": 0.3}
TIMES = np.array([0.0, 1.0, 3.0, 4.0])
DOSES = (0.0, 1e6, 1e8, 1e10, 1e12)
TIGHT = 1e-9
T_CELL, NEURON = "well_t_cell", "well_neuron"
SEEN = {
    T_CELL: ("live_cells", "percent_divided", "division_index", "apoptotic_percent"),
    NEURON: ("viable_percent", "dead_percent", "neurite_length"),
}
INSULT = {T_CELL: {}, NEURON: {"neuron_deprivation": 1.7, "neuron_trophic": 0.5}}
ACTS = {"acting_acts": 1.0, "acting_soluble_carries": 0.0}
SWITCH = {T_CELL: "t_cell_action_on_division", NEURON: "neuron_on_death"}
COMMON = (
    "acting_acts", "acting_soluble_carries", "acting_with_mirna", "acting_with_ligands",
    "acting_with_soluble", "cargo_rna_copies",
)  # fmt: skip
SET = {
    T_CELL: (*COMMON, SWITCH[T_CELL], "t_cell_action_most_repression", "t_cell_action_gain"),
    NEURON: (
        *COMMON, SWITCH[NEURON], "neuron_most_repression", "neuron_deprivation", "neuron_trophic",
    ),
}  # fmt: skip
MORE = {T_CELL: ("t_cell_action_division", "t_cell_action_further_death"), NEURON: ()}
# Copies as no native vesicle has, so that miRNA shows.
LOADED = {"cargo_rna_copies": 1e4, "acting_acts": 0.0}


@functools.cache
def assembled(site: str) -> engine.AssembledModel:
    return engine.assemble(site)


@functools.cache
def compiled(site: str) -> engine.CompiledModel:
    """A well, made once: what any law sets may vary, and all that any law reads is seen."""
    return engine.compile(assembled(site).sbml, varied=SET[site], observe=names_of(site))


def names_of(site: str) -> tuple[str, ...]:
    return (*assembled(site).observables, *MORE[site])


def after(
    site: str, dose: float, *names: str, soluble: float = 0.0, **given: float
) -> dict[str, np.ndarray]:
    """Course of some names after vesicles and soluble protein, with some ids of the model set."""
    model = assembled(site)
    numbers = {row.key: row.value for row in model.rows}
    rows = {name: numbers[model.origins[name]] for name in SET[site]} | INSULT[site] | given
    amounts = {size: dose * share for size, share in SHARES.items()} | {"soluble": soluble}
    lines = [
        {"run": 0, "time": 0.0, "amount": amount, "target": model.routes["medium"][part]}
        for part, amount in amounts.items()
        if amount > 0
    ]
    runs = compiled(site).run(
        TIMES,
        np.array([[rows[name] for name in SET[site]]]),
        doses=pd.DataFrame(lines) if lines else None,
        rtol=TIGHT,
        processes=1,
    )
    assert runs.status[0] == 0
    seen = names_of(site)
    return {name: runs.values[0, :, seen.index(name)] for name in names or SEEN[site]}


@pytest.mark.parametrize("site", [T_CELL, NEURON])
def test_vesicles_of_which_no_class_acts_change_nothing(site: str) -> None:
    off = {"acting_with_mirna": 0.0, "acting_with_ligands": 0.0, "acting_with_soluble": 0.0}
    treated = after(site, 1e12, soluble=1e9, **off)
    untreated = after(site, 0.0, **off)
    for name, values in untreated.items():
        assert treated[name] == pytest.approx(values, rel=1e-6), name


@pytest.mark.parametrize("site", [T_CELL, NEURON])
def test_without_vesicles_no_row_of_their_action_matters(site: str) -> None:
    """To the last digit: every effect is one that is zero or a factor that is one."""
    plain = after(site, 0.0, **ACTS, **{SWITCH[site]: 1.0})
    other = after(site, 0.0, **ACTS, **{SWITCH[site]: 0.0})
    for name, values in plain.items():
        assert np.array_equal(values, other[name]), name


@pytest.mark.parametrize("site", [T_CELL, NEURON])
def test_vesicles_without_rna_repress_nothing(site: str) -> None:
    empty = LOADED | {"cargo_rna_copies": 0.0}
    found = after(site, 1e12, "target_repression_percent", *SEEN[site], **empty)
    assert np.all(found["target_repression_percent"] == 0.0)
    untreated = after(site, 0.0, **empty)
    for name, values in untreated.items():
        assert found[name] == pytest.approx(values, rel=1e-6), name


@pytest.mark.parametrize(
    ("site", "key"), [(T_CELL, "t_cell_action_"), (NEURON, "neuron_")], ids=["t", "neuron"]
)
def test_repression_never_passes_the_most_nor_a_knock_out(site: str, key: str) -> None:
    most = next(r.value for r in assembled(site).rows if r.key == f"{key[:-1]}.most_repression")
    many = LOADED | {"cargo_rna_copies": 1e12}
    name = "percent_divided" if site == T_CELL else "dead_percent"
    found = after(site, 1e12, "target_repression_percent", name, **many)
    assert np.all(found["target_repression_percent"] <= 100 * most * (1 + 1e-9))
    assert found["target_repression_percent"][-1] > 99 * most
    out = after(site, 1e12, name, **many, **{f"{key}most_repression": 1.0})
    untreated = after(site, 0.0, name, **many)
    assert np.all(out[name] <= found[name] * (1 + 1e-6))
    assert np.all(found[name] <= untreated[name] * (1 + 1e-6))
    assert found[name][-1] < untreated[name][-1]


@pytest.mark.parametrize("by", ["ligands", "soluble"])
def test_more_vesicles_never_let_more_t_cells_divide(by: str) -> None:
    rows = {"acting_acts": 1.0, "acting_soluble_carries": float(by == "soluble")}
    held = [
        after(
            T_CELL, dose, "percent_divided", "division_index", soluble=dose / 1e3,
            **rows, t_cell_action_on_division=1.0,
        )
        for dose in DOSES
    ]  # fmt: skip
    for name in held[0]:
        course = np.array([found[name][-1] for found in held])
        assert np.all(np.diff(course) <= 1e-6 * course[0])
        assert course[-1] < course[0]
    most = next(r.value for r in assembled(T_CELL).rows if r.key == "t_cell_action.most_slowing")
    floor = after(T_CELL, 0.0, "t_cell_action_division", **rows)["t_cell_action_division"][0]
    reached = after(
        T_CELL, 1e15, "t_cell_action_division", soluble=1e15, **rows,
        t_cell_action_on_division=1.0,
    )["t_cell_action_division"]  # fmt: skip
    assert floor == 1.0
    assert np.all(reached >= 1 - most)


def test_a_product_that_spares_division_raises_death_and_regulatory_cells() -> None:
    names = ("apoptotic_percent", "regulatory_ratio", "t_cell_action_further_death", "live_cells")
    spares = {"t_cell_action_on_division": 0.0, **ACTS}
    courses = [after(T_CELL, dose, *names, **spares) for dose in DOSES]
    untreated, most = courses[0], courses[-1]
    assert np.ptp(untreated["regulatory_ratio"]) == 0.0
    assert most["regulatory_ratio"][-1] > untreated["regulatory_ratio"][-1]
    assert most["apoptotic_percent"][-1] > untreated["apoptotic_percent"][-1]
    assert most["live_cells"][-1] < untreated["live_cells"][-1]
    limit = next(
        r.value for r in assembled(T_CELL).rows if r.key == "t_cell_action.most_further_death"
    )
    assert np.all(most["t_cell_action_further_death"] <= limit)


def test_death_alone_leaves_the_share_that_divides_as_it_is() -> None:
    """What delfattore2015 saw needs further death of all T cells alike."""
    spares = {"t_cell_action_on_division": 0.0, "t_cell_action_gain": 0.0, **ACTS}
    treated = after(T_CELL, 1e12, acting_with_mirna=0.0, **spares)
    untreated = after(T_CELL, 0.0, acting_with_mirna=0.0, **spares)
    assert treated["live_cells"][-1] < 0.9 * untreated["live_cells"][-1]
    for name in ("percent_divided", "division_index"):
        assert treated[name] == pytest.approx(untreated[name], rel=1e-5)


def test_more_vesicles_never_kill_more_neurons() -> None:
    for rows in ({**ACTS, "neuron_on_death": 1.0}, LOADED):
        courses = [after(NEURON, dose, **rows) for dose in DOSES]
        dead = np.array([found["dead_percent"][-1] for found in courses])
        length = np.array([found["neurite_length"][-1] for found in courses])
        assert np.all(np.diff(dead) <= 1e-6 * dead[0])
        assert np.all(np.diff(length) >= -1e-6 * length[0])
        assert dead[-1] < dead[0] and length[-1] > length[0]


def test_a_product_for_neurites_only_leaves_death_alone() -> None:
    only = {**ACTS, "neuron_on_death": 0.0, "acting_with_mirna": 0.0}
    treated, untreated = after(NEURON, 1e12, **only), after(NEURON, 0.0, **only)
    assert treated["dead_percent"] == pytest.approx(untreated["dead_percent"], rel=1e-6)
    assert treated["neurite_length"][-1] > untreated["neurite_length"][-1]


@pytest.mark.parametrize("site", [T_CELL, NEURON])
def test_all_of_a_dose_is_somewhere_in_the_well(site: str) -> None:
    found = after(site, 1e10, *assembled(site).fates)
    assert sum(found.values()) == pytest.approx(1e10, rel=1e-7)


def test_cells_that_divide_share_the_vesicles_out() -> None:
    names = ("cell_particles", "live_cells", "cell_particles_per_cell")
    found = after(T_CELL, 1e10, *names)
    assert found["cell_particles_per_cell"] == pytest.approx(
        found["cell_particles"] / found["live_cells"], rel=1e-9
    )


def test_no_state_is_negative_in_any_well() -> None:
    for site in (T_CELL, NEURON):
        found = after(site, 1e11, *assembled(site).observables, soluble=1e7, **ACTS)
        assert min(values.min() for values in found.values()) >= -1e-6
