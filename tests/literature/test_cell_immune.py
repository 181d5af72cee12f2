"""T cells and neurons in a well against published numbers, at the centre of every row.

Rows say which numbers set them; those are held tightly. The one that does not set a row is the
time without oxygen and glucose that kills four of five neurons, agreed at 15 points. What the
model misses stands in its notes: of mouse CD8 cells more have divided after 44 h than here.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from exocast import engine

T_CELL, NEURON = "well_t_cell", "well_neuron"
READ = {T_CELL: "divisions_per_day", NEURON: "dead_percent"}
SET = {
    T_CELL: ("t_cells_beads", "t_cells_mitogen", "t_cell_action_stromal_cells"),
    NEURON: ("neuron_deprivation", "neuron_agonist", "neuron_k_basal"),
}


@functools.cache
def well(site: str) -> engine.AssembledModel:
    return engine.assemble(site)


@functools.cache
def compiled(site: str) -> engine.CompiledModel:
    return engine.compile(well(site).sbml, varied=SET[site], observe=(READ[site],))


def seen(site: str, at: float, **numbers: float) -> float:
    """What is read in a well at a time in days, with some ids of the model set."""
    rows = {row.key: row.value for row in well(site).rows}
    given = {name: rows[well(site).origins[name]] for name in SET[site]} | numbers
    varied = np.array([[given[name] for name in SET[site]]])
    runs = compiled(site).run(np.array([0.0, at]), varied=varied, rtol=1e-8, processes=1)
    return float(runs.values[0, -1, 0])


@pytest.mark.parametrize(("ratio", "inhibited"), [(0.05, 14.4), (1.0, 97.9)])
def test_whole_stromal_cells_hold_thymidine_back(ratio: float, inhibited: float) -> None:
    """uv_lysate2017, Fig. 8a: means of three media of the stromal cells; tolerance 1.5 points."""
    mitogen = {"t_cells_beads": 0.0, "t_cells_mitogen": 10.0}
    alone = seen(T_CELL, 5.5, **mitogen)
    held = seen(T_CELL, 5.5, **mitogen, t_cell_action_stromal_cells=ratio)
    assert 100 * (1 - held / alone) == pytest.approx(inhibited, abs=1.5)


def test_times_of_division_lie_in_the_films() -> None:
    """cheon2021: first division 34.2 to 42.7 h, later ones 10.4 to 19.9 h, by condition."""
    rows = {row.key: row.value for row in well(T_CELL).rows}
    assert 34.2 <= 24 * rows["t_cells.first_division"] <= 42.7
    assert 10.4 <= 24 * rows["t_cells.cycle_time"] <= 19.9


def test_the_first_division_is_spread_as_in_the_films() -> None:
    """cheon2021: by a tenth to a fifth of its time over the families of a condition."""
    model = well(T_CELL)
    fixed = {"t_cells_beads": 1e9, "t_cells_wane": 0.0, "t_cells_responsive": 1.0}
    fixed |= {"t_cells_k_death": 0.0, "t_cells_k_rest_death": 0.0}
    compiled_here = engine.compile(
        model.sbml, varied=tuple(fixed), observe=("t_cells_seeded_left", "t_cells_undivided")
    )
    times = np.linspace(0, 5, 501)
    runs = compiled_here.run(times, np.array([list(fixed.values())]), rtol=1e-9, processes=1)
    divided = 1 - runs.values[0, :, 1] / runs.values[0, 0, 1]
    mean = np.sum(1 - divided) * times[1]
    second = np.sum(2 * times * (1 - divided)) * times[1]
    assert 0.1 <= np.sqrt(second - mean**2) / mean <= 0.2


def test_neurons_after_100_min_without_oxygen_and_glucose() -> None:
    """pmc6573419, Table 3: 59.5 % dead (SE 3.4) at 24 h; tolerance one point."""
    dead = seen(NEURON, 1.0, neuron_deprivation=100 / 60, neuron_k_basal=0.0)
    assert dead == pytest.approx(59.5, abs=1.0)


def test_neurons_after_30_min_are_hardly_harmed() -> None:
    """pmc6573419 takes 30 min as harmless; agreed at less than 5 % dead."""
    assert seen(NEURON, 1.0, neuron_deprivation=0.5, neuron_k_basal=0.0) < 5


def test_neurons_after_2_h_in_another_laboratory() -> None:
    """neurovascular2019, legend of Fig. 2: 80 % dead at 24 h; agreed at 15 points."""
    assert seen(NEURON, 1.0, neuron_deprivation=2.0) == pytest.approx(80, abs=15)


def test_the_half_dose_of_an_agonist_lies_between_the_laboratories() -> None:
    """excitotoxin1987 (65 uM) and pmc6573419 (about 163 uM): half dead after a day at 103 uM."""
    dead = seen(NEURON, 1.0, neuron_agonist=103.0)
    assert dead == pytest.approx(50.0, abs=1.5)
