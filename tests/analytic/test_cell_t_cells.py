"""T cells of a suppression assay against closed forms: stages, doubling, balance."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from scipy.special import gammainc

from exocast import engine

TIGHT = 1e-10
NO_DEATH = {"t_cells_k_death": 0.0, "t_cells_k_rest_death": 0.0}
FULL = {"t_cells_beads": 1e12, "t_cells_responsive": 1.0}
SET = tuple(
    f"t_cells_{name}"
    for name in "beads mitogen responsive wane cycle_time k_death k_rest_death".split()
)
SEEN = (
    "live_cells", "percent_divided", "division_index", "t_cells_dying", "t_cells_gone",
    "t_cells_divisions", "t_cells_seeded_left",
)  # fmt: skip


@functools.cache
def well() -> engine.AssembledModel:
    return engine.assemble("well_t_cell")


@functools.cache
def compiled() -> engine.CompiledModel:
    """The well, made once: what a test sets may vary, and all that one reads is seen."""
    return engine.compile(well().sbml, varied=SET, observe=SEEN)


def observed(times: np.ndarray, *names: str, **numbers: float) -> dict[str, np.ndarray]:
    """Course of some names without vesicles, with some ids of the model set."""
    given = {name: number(name.replace("t_cells_", "t_cells.")) for name in SET} | numbers
    runs = compiled().run(
        times, varied=np.array([[given[name] for name in SET]]), rtol=TIGHT, processes=1
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    return {name: runs.values[0, :, SEEN.index(name)] for name in names}


def number(key: str) -> float:
    return next(row.value for row in well().rows if row.key == key)


def test_cells_divide_first_as_thirty_equal_stages_say() -> None:
    times = np.array([0.0, 0.5, 1.0, 1.6, 2.5, 4.0])
    slow = {"t_cells_wane": 0.0, "t_cells_cycle_time": 1e6}
    found = observed(times, "percent_divided", "division_index", **NO_DEATH, **FULL, **slow)
    share = gammainc(30, 30 * times / number("t_cells.first_division"))
    assert found["percent_divided"] == pytest.approx(100 * share, abs=1e-5)
    assert found["division_index"] == pytest.approx(share, abs=1e-5)


def test_dividing_cells_double_in_the_time_of_the_row() -> None:
    times = 12.0 + number("t_cells.cycle_time") * np.arange(4)
    found = observed(np.array([0.0, *times]), "live_cells", **NO_DEATH, **FULL, t_cells_wane=0.0)[
        "live_cells"
    ][1:]
    assert found[1:] / found[:-1] == pytest.approx(2.0, rel=1e-6)


def test_death_slows_growth_by_its_rate() -> None:
    times = np.array([0.0, 12.0, 13.0])
    off = {"t_cells_wane": 0.0, "t_cells_k_rest_death": 0.0}
    found = observed(times, "live_cells", **FULL, **off)["live_cells"]
    rate = math.log(2) / number("t_cells.cycle_time") - number("t_cells.k_death")
    assert math.log(found[2] / found[1]) == pytest.approx(rate, rel=1e-5)


def test_every_cell_is_living_dying_or_gone() -> None:
    names = ("live_cells", "t_cells_dying", "t_cells_gone", "t_cells_divisions")
    live, dying, gone, divisions = observed(np.linspace(0, 7, 8), *names).values()
    seeded = number("culture.recipient_cells")
    assert live + dying + gone == pytest.approx(seeded + divisions, rel=1e-9)


def test_without_death_the_cells_seeded_are_all_represented() -> None:
    found = observed(np.linspace(0, 2.5, 6), "t_cells_seeded_left", **NO_DEATH)
    seeded = number("culture.recipient_cells")
    # The eighth generation and later ones count as the seventh and so a little too much.
    assert found["t_cells_seeded_left"] == pytest.approx(seeded, rel=1e-3)


def test_without_stimulation_cells_rest_and_die_slowly() -> None:
    times = np.linspace(0, 6, 4)
    found = observed(times, "live_cells", "percent_divided", "division_index", t_cells_beads=0.0)
    left = np.exp(-number("t_cells.k_rest_death") * times)
    assert found["live_cells"] == pytest.approx(number("culture.recipient_cells") * left, rel=1e-8)
    assert np.all(found["percent_divided"] == 0.0)
    assert np.all(found["division_index"] == 0.0)


def test_either_stimulus_is_enough() -> None:
    at = np.array([0.0, 3.0])
    beads = observed(at, "percent_divided", t_cells_beads=1e12)["percent_divided"][-1]
    mitogen = observed(at, "percent_divided", t_cells_beads=0.0, t_cells_mitogen=1e12)
    both = observed(at, "percent_divided", t_cells_beads=1e12, t_cells_mitogen=1e12)
    assert mitogen["percent_divided"][-1] == pytest.approx(beads, rel=1e-8)
    assert both["percent_divided"][-1] == pytest.approx(beads, rel=1e-8)
