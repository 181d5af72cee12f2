"""Neurons in culture against closed forms: death after an insult, lost support, neurites."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from exocast import engine

TIGHT = 1e-10
TIMES = np.array([0.0, 0.2, 1.0, 2.0, 4.0])
SET = ("neuron_deprivation", "neuron_agonist", "neuron_trophic")
SEEN = (
    "injury_percent", "viable_percent", "dead_percent", "survival_signal", "neurite_length",
    "reducing_percent",
)  # fmt: skip


@functools.cache
def well() -> engine.AssembledModel:
    return engine.assemble("well_neuron")


@functools.cache
def compiled() -> engine.CompiledModel:
    """The well, made once: what a test sets may vary, and all that one reads is seen."""
    return engine.compile(well().sbml, varied=SET, observe=SEEN)


def observed(*names: str, **numbers: float) -> dict[str, np.ndarray]:
    """Course of some names without vesicles, with some ids of the model set."""
    given = {name: number(name.removeprefix("neuron_")) for name in SET} | numbers
    runs = compiled().run(
        TIMES, varied=np.array([[given[name] for name in SET]]), rtol=TIGHT, processes=1
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    return {name: runs.values[0, :, SEEN.index(name)] for name in names}


def number(local: str) -> float:
    return next(row.value for row in well().rows if row.key == f"neuron.{local}")


@pytest.mark.parametrize("hours", [0.0, 0.5, 2.0, 12.0])
def test_death_after_deprivation(hours: float) -> None:
    """An injury that mends at one rate, and a rate of dying that follows it."""
    found = observed("injury_percent", "viable_percent", "dead_percent", neuron_deprivation=hours)
    load = (hours / number("half_deprivation")) ** 3
    start, mend = load / (1 + load), number("k_mend")
    area = start * (1 - np.exp(-mend * TIMES)) / mend
    left = np.exp(-number("k_kill") * area - number("k_basal") * TIMES)
    assert found["injury_percent"] == pytest.approx(100 * start * np.exp(-mend * TIMES), rel=1e-7)
    assert found["viable_percent"] == pytest.approx(100 * left, rel=1e-7)
    assert found["viable_percent"] + found["dead_percent"] == pytest.approx(100.0, rel=1e-9)


@pytest.mark.parametrize("dose", [10.0, 100.0, 1e6])
def test_injury_by_what_stays_goes_to_its_balance(dose: float) -> None:
    found = observed("injury_percent", neuron_agonist=dose)["injury_percent"]
    load = (dose / number("half_agonist")) ** 2
    gain = number("k_injure") * load / (1 + load)
    rate = gain + number("k_mend")
    assert found == pytest.approx(100 * gain / rate * (1 - np.exp(-rate * TIMES)), rel=1e-6)


def test_death_without_support() -> None:
    found = observed("viable_percent", "survival_signal", neuron_trophic=0.0)
    rate = number("k_survival")
    signal = np.exp(-rate * TIMES)
    lost = TIMES - (1 - signal) / rate
    left = np.exp(-number("k_untended") * lost - number("k_basal") * TIMES)
    assert found["survival_signal"] == pytest.approx(signal, abs=1e-9)
    assert found["viable_percent"] == pytest.approx(100 * left, rel=1e-7)


def test_neurites_grow_to_their_length() -> None:
    found = observed("neurite_length")["neurite_length"]
    most, start = number("most_length"), number("length_start")
    assert found == pytest.approx(
        most - (most - start) * np.exp(-number("growth") / most * TIMES), rel=1e-8
    )


def test_a_dye_of_metabolism_sees_no_more_than_living_cells() -> None:
    found = observed("viable_percent", "reducing_percent", neuron_deprivation=2.0)
    assert np.all(found["reducing_percent"] <= found["viable_percent"])
    calm = observed("viable_percent", "reducing_percent")
    assert calm["viable_percent"] == pytest.approx(calm["reducing_percent"], rel=1e-12)
