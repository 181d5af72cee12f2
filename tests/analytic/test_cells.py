"""Whole cells against closed forms, their balance, and the ways of their effect kept apart."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pandas as pd
import pytest

from exocast import engine
from exocast.evidence.chance import draw

NEEDLE = {"cells_bag": "bag_live", "cells_iv": "msc_given", "cells_local": "knee_msc_given"}
TIMES = np.array([0.0, 1 / 24, 0.25, 1.0, 4.0, 30.0, 180.0])
TIGHT = 1e-10
SIZES = ("small", "medium", "large")
CHANNELS = ("soluble_channel", "efferocytosis_channel", "contact_channel", "cells_engaged")


@functools.cache
def site(name: str) -> engine.AssembledModel:
    return engine.assemble(name)


def observed(
    name: str,
    dose: float,
    *names: str,
    times: np.ndarray = TIMES,
    target: str = "",
    **numbers: float,
) -> dict[str, np.ndarray]:
    """Course of some names after a dose at the needle, with some ids of the model set."""
    doses = pd.DataFrame(
        [{"run": 0, "time": 0.0, "amount": dose, "target": target or NEEDLE[name]}]
    )
    compiled = engine.compile(site(name).sbml, varied=tuple(numbers), observe=names)
    runs = compiled.run(
        times,
        varied=np.array([list(numbers.values())]) if numbers else None,
        doses=doses if dose else None,
        rtol=TIGHT,
        processes=1,
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    return {each: runs.values[0, :, i] for i, each in enumerate(names)}


def number(name: str, key: str) -> float:
    return next(row.value for row in site(name).rows if row.key == key)


@pytest.mark.parametrize("name", NEEDLE)
@pytest.mark.parametrize("dose", [1e3, 1e8])
def test_every_cell_is_alive_dead_or_eaten(name: str, dose: float) -> None:
    found = observed(name, dose, *site(name).fates)
    assert np.allclose(sum(found.values()), dose, rtol=1e-9)


@pytest.mark.parametrize("name", NEEDLE)
def test_without_cells_every_share_is_zero(name: str) -> None:
    shares = [each for each in site(name).observables if "cell" in each and "knee" not in each]
    found = observed(name, 0.0, *shares)
    for each, values in found.items():
        assert np.all(values == 0.0), each


# The bag ------------------------------------------------------------------------------------------


def test_the_bag_loses_a_tenth_an_hour() -> None:
    hours = np.array([0.0, 1.5, 6.4])
    found = observed("cells_bag", 1e8, "live_cells", times=hours / 24)
    assert np.allclose(found["live_cells"], 100 * np.exp(-0.1 * hours), rtol=1e-9)


def test_dead_cells_of_the_bag_come_dead() -> None:
    waited = {"bag_time_in_bag": 0.25, "bag_alive_after_thaw": 0.93}
    soon = np.array([0.02])
    alive = 0.93 * np.exp(-2.4 * 0.25)
    for name in ("cells_iv", "cells_local"):
        off = {"msc_k_death": 0.0, "msc_k_engulf": 0.0}
        if name == "cells_local":
            off |= {f"knee_msc_{k}": 0.0 for k in ("k_death", "k_settled_death", "k_engulf")}
        found = observed(name, 1e6, "live_cells", "dead_cells", times=soon, **waited, **off)
        assert found["live_cells"] == pytest.approx(100 * alive, rel=1e-9)
        assert found["dead_cells"] == pytest.approx(100 * (1 - alive), rel=1e-9)


# Where they are and how long ----------------------------------------------------------------------


def test_the_lung_against_its_closed_form() -> None:
    found = observed("cells_iv", 1e6, "msc_live", "body_lung_flow", "body_plasma")
    passes = found["body_lung_flow"][0] / found["body_plasma"][0]
    hold = number("cells_iv", "msc_lung.first_pass") * passes
    die, found = number("cells_iv", "msc_lung.k_death"), found["msc_live"]
    kept = 1e6 * (1 - number("cells_iv", "msc_lung.passing_share"))
    expected = kept * hold / (hold - die) * (np.exp(-die * TIMES) - np.exp(-hold * TIMES))
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize(("species", "seconds"), [("human", 60.0), ("mouse", 8.6)])
def test_the_lung_is_met_once_a_round_of_the_blood(species: str, seconds: float) -> None:
    """Within twofold, by numbers from which no row is: a person, 5 L a minute of 5 L.

    An awake mouse, 16 mL a minute of 2.3 mL: doi:10.1152/ajpregu.1992.263.3.R728, abstract.
    """
    model = engine.assemble("cells_iv", species=species)
    compiled = engine.compile(model.sbml, observe=("body_lung_flow", "body_plasma"))
    flow, plasma = compiled.run(np.array([0.0, 1.0]), processes=1).values[0, 0]
    assert seconds / 2 < 86400 * plasma / flow < 2 * seconds


def test_half_of_the_cells_leave_the_lung_in_a_day() -> None:
    hours = np.array([1.0, 96.0])
    found = observed("cells_iv", 2e6, "lung_cells", "other_cells", times=hours / 24)
    slope = np.log(found["lung_cells"][0] / found["lung_cells"][1]) / 95.0
    assert np.log(2) / slope == pytest.approx(24.0, rel=0.03)
    assert np.all(found["other_cells"] <= 0.05)


def test_a_joint_keeps_what_was_read_at_one_and_six_months() -> None:
    found = observed("cells_local", 1e6, "joint_cells", times=np.array([30.0, 180.0]))
    assert found["joint_cells"] == pytest.approx([15.0, 1.5], rel=0.01)


def test_settled_cells_against_their_closed_form() -> None:
    off = {"knee_msc_k_arrive": 1e4}
    found = observed("cells_local", 1e6, "knee_msc_settled", **off)["knee_msc_settled"]
    share = number("cells_local", "msc_local.settling_share")
    rate = number("cells_local", "msc_local.k_settled_death")
    late = TIMES > 0.1
    expected = 1e6 * share * 1e4 / (1e4 - rate) * np.exp(-rate * TIMES)
    assert np.allclose(found[late], expected[late], rtol=1e-6)


def test_without_a_way_out_of_the_joint_none_reaches_the_lung() -> None:
    found = observed("cells_local", 1e6, "lung_cells", "blood_cells", knee_msc_k_leave=0.0)
    assert all(np.all(values == 0.0) for values in found.values())


# Recognition --------------------------------------------------------------------------------------


def test_a_host_of_the_same_type_loses_no_more() -> None:
    plain = observed("cells_local", 1e6, "live_cells")["live_cells"]
    ready = {"recognition_sensitised": 1.0, "recognition_donor_antibody": 1.0}
    seen = observed("cells_local", 1e6, "live_cells", **ready)["live_cells"]
    assert np.allclose(seen, plain, rtol=1e-8)


def test_each_sign_of_recognition_costs_cells() -> None:
    steps = [
        {},
        {"recognition_mismatch": 1.0},
        {"recognition_mismatch": 1.0, "recognition_sensitised": 1.0},
        {
            "recognition_mismatch": 1.0,
            "recognition_sensitised": 1.0,
            "recognition_donor_antibody": 1.0,
        },
    ]
    left = [observed("cells_local", 1e6, "live_cells", **s)["live_cells"][3:] for s in steps]
    for before, after in itertools.pairwise(left):
        assert np.all(after < before)


def test_a_sensitised_host_against_its_closed_form() -> None:
    ready = {"recognition_mismatch": 1.0, "recognition_sensitised": 1.0}
    found = observed("cells_iv", 1e6, "msc_live", **ready)["msc_live"]
    rate = number("cells_iv", "msc_lung.k_death") + number(
        "cells_iv", "msc_recognition.k_rejection"
    )
    late = (TIMES > 0.1) & (TIMES < 10)
    slope = np.log(found[late][0] / found[late][-1]) / (TIMES[late][-1] - TIMES[late][0])
    assert slope == pytest.approx(rate, rel=1e-6)


# What they release, and what they do --------------------------------------------------------------


def vesicle_states(name: str) -> tuple[str, ...]:
    """Every species that vesicles can be in: those of the site without cells."""
    import libsbml

    parent = {"cells_iv": "whole_body", "cells_local": "knee"}[name]
    document = libsbml.readSBMLFromString(site(parent).sbml)
    model = document.getModel()
    ruled = {model.getRule(i).getVariable() for i in range(model.getNumRules())}
    species = [model.getSpecies(i).getId() for i in range(model.getNumSpecies())]
    return tuple(s for s in species if s not in ruled)


@pytest.mark.parametrize("name", ["cells_iv", "cells_local"])
def test_released_vesicles_are_all_somewhere(name: str) -> None:
    states = vesicle_states(name)
    found = observed(name, 1e7, "secreted_particles", *states)
    released = found.pop("secreted_particles")
    assert np.allclose(sum(found.values()), released, rtol=1e-9, atol=1e-3)
    assert released[-1] > 0


def test_the_lung_releases_rate_times_mean_life_and_the_burst() -> None:
    found = observed("cells_iv", 1e8, "secreted_particles")["secreted_particles"][-1]
    held = 1 - number("cells_iv", "msc_lung.passing_share")
    life = held / number("cells_iv", "msc_lung.k_death")
    rate = number("cells_iv", "msc_secretion.vesicles_per_cell")
    burst = number("cells_iv", "msc_secretion.burst")
    assert found == pytest.approx(1e8 * rate * (life + burst), rel=1e-6)


def no_release(name: str) -> dict[str, float]:
    places = ("secretion", "knee_secretion") if name == "cells_local" else ("secretion",)
    return {f"{p}_{s}_vesicles_per_cell": 0.0 for p in places for s in SIZES}


@pytest.mark.parametrize("name", ["cells_iv", "cells_local"])
def test_the_other_ways_do_not_hang_on_vesicles(name: str) -> None:
    plain = observed(name, 1e7, *CHANNELS)
    found = observed(name, 1e7, "secreted_particles", *CHANNELS, **no_release(name))
    assert np.all(found["secreted_particles"] == 0.0)
    for each in CHANNELS:
        assert np.allclose(found[each], plain[each], rtol=1e-7, atol=1e-12), each
        assert plain[each][3] > 0, each


def test_vesicles_alone_are_no_effect_of_cells() -> None:
    """However many vesicles: nothing that cells do moves, and neither does the tissue."""
    names = (*CHANNELS, "vesicle_channel", "knee_synovial_inflammation")
    found = observed(
        "cells_local",
        1e14,
        *names,
        target="knee_medium_fluid",
        knee_response_translation=1.0,
    )
    for each in CHANNELS:
        assert np.all(found[each] == 0.0), each
    assert found["vesicle_channel"][3] > 0.1
    assert np.allclose(found["knee_synovial_inflammation"], 1.0, rtol=1e-6)


def test_what_cells_do_is_made_of_no_vesicle() -> None:
    """No rule behind the cells' effect names a state of vesicles, at any remove."""
    import libsbml

    document = libsbml.readSBMLFromString(site("cells_local").sbml)
    model = document.getModel()
    vesicles = set(vesicle_states("cells_local")) | {
        f"{place}_{size}_secreted" for place in ("secretion", "knee_secretion") for size in SIZES
    }
    waiting, seen = ["knee_effect_engaged"], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += _causes(model, name)
    assert "knee_msc_live" in seen
    assert not seen & vesicles


def _causes(model: object, name: str) -> list[str]:
    """Names in the rule of a quantity and in the rates of the reactions that change it."""
    import libsbml

    assert isinstance(model, libsbml.Model)
    maths = []
    rule = model.getRuleByVariable(name)
    if rule is not None:
        maths.append(rule.getMath())
    for reaction in model.getListOfReactions():
        sides = (*reaction.getListOfReactants(), *reaction.getListOfProducts())
        if any(side.getSpecies() == name for side in sides):
            maths.append(reaction.getKineticLaw().getMath())
    return [found for math in maths for found in _names(math)]


def _names(math: object) -> list[str]:
    import libsbml

    assert isinstance(math, libsbml.ASTNode)
    own = [math.getName()] if math.getType() == libsbml.AST_NAME else []
    return own + [n for i in range(math.getNumChildren()) for n in _names(math.getChild(i))]


def test_living_cells_calm_a_tissue_that_answers() -> None:
    answers = {"knee_response_translation": 1.0}
    found = observed("cells_local", 1e7, "knee_synovial_inflammation", **answers)
    assert found["knee_synovial_inflammation"][4] < 0.99


def test_touch_has_an_effect_only_where_that_structure_holds() -> None:
    without = {"knee_effect_contact_carries": 0.0}
    more = {**without, "knee_effect_k_touch": 100.0}
    plain = observed("cells_local", 1e7, "cells_engaged", **without)["cells_engaged"]
    touched = observed("cells_local", 1e7, "cells_engaged", "contact_channel", **more)
    assert np.allclose(touched["cells_engaged"], plain, rtol=1e-7, atol=1e-12)
    assert touched["contact_channel"][3] > 0.1
    holds = observed("cells_local", 1e7, "cells_engaged", knee_effect_contact_carries=1.0)
    assert holds["cells_engaged"][3] > plain[3]


# A label on them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cells_iv", "cells_local"])
def test_a_label_is_somewhere_when_its_cell_is_digested(name: str) -> None:
    places = ("msc", "knee_msc") if name == "cells_local" else ("msc",)
    for place in places:
        parts = [f"{place}_label_{p}" for p in ("residue", "liver", "spleen", "elsewhere", "gone")]
        found = observed(name, 1e6, f"{place}_digested", *parts)
        digested = found.pop(f"{place}_digested")
        assert np.allclose(sum(found.values()), digested, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("name", NEEDLE)
def test_no_world_of_a_site_with_cells_fails(name: str) -> None:
    """Shares of one whole that are drawn apart must not pass it, or a state turns negative."""
    worlds = 200
    rows = [r for r in site(name).rows if r.varies in ("uncertain", "structure")]
    drawn = draw(rows, seed=1, worlds=worlds, patients=1)
    varied = {i: drawn[key][:, 0] for i, key in site(name).origins.items() if key in drawn}
    dose = {"time": 0.0, "amount": 1e8, "target": NEEDLE[name]}
    runs = engine.compile(
        site(name).sbml, varied=tuple(varied), observe=tuple(site(name).observables)
    ).run(
        TIMES,
        varied=np.column_stack(list(varied.values())),
        doses=pd.DataFrame([{"run": world, **dose} for world in range(worlds)]),
        processes=1,
    )
    assert {engine.STATUS[int(s)] for s in runs.status} == {"ok"}


def test_a_label_outlives_the_cells_it_came_from() -> None:
    found = observed("cells_iv", 1e8, "lung_signal", "lung_cells", "liver_signal", "live_cells")
    assert np.all(found["lung_signal"] >= found["lung_cells"])
    assert found["liver_signal"][4] > 100 * found["live_cells"][5]
    luciferase = engine.assemble("cells_iv", species="mouse", overlays=("labels/luciferase",))
    assert next(r.value for r in luciferase.rows if r.key == "msc_label.k_residue") == 20
