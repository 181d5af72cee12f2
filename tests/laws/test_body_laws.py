"""Laws of the body: all of a dose and of its label is somewhere, whoever it is given to."""

from __future__ import annotations

import functools
import os
import re

import numpy as np
import pandas as pd
import pytest

from exocast import engine
from exocast.engine.site import load_site, overlay_names, site_names, species_names

SIZES = ("small", "medium", "large")
SHARES = (0.3, 0.4, 0.3)
TIGHT = 1e-10
TIMES = np.array([0.0, 0.001, 0.01, 0.1, 1.0, 7.0, 28.0])
# Sites that say where everything is; one joint each, since a second one adds nothing here.
SITES = tuple(n for n in site_names() if load_site(n).fates and len(load_site(n).joints) < 2)
ORGANS = ("lung", "liver", "spleen", "kidney", "brain", "rest")


@functools.cache
def body(
    site: str = "whole_body", species: str = "human", overlays: tuple[str, ...] = ()
) -> engine.AssembledModel:
    return engine.assemble(site, species=species, overlays=overlays)


def run(
    model: engine.AssembledModel,
    observe: tuple[str, ...],
    dose: float = 1e9,
    route: str = "intravenous",
    times: np.ndarray = TIMES,
    **rows: float,
) -> np.ndarray:
    """``(times, observed)`` after one dose; ``rows`` sets ids of the model."""
    targets = model.routes[route]
    amounts = {"cells": dose} if "cells" in targets else dict(zip(SIZES, SHARES, strict=True))
    lines = [
        {
            "run": 0,
            "time": 0.0,
            "amount": share if "cells" in targets else dose * share,
            "target": targets[name],
        }
        for name, share in amounts.items()
    ]
    lines += [
        {"run": 0, "time": 0.0, "amount": 100 * share, "target": targets[f"label_{name}"]}
        for name, share in amounts.items()
        if f"label_{name}" in targets
    ]
    table = pd.DataFrame([line for line in lines if line["amount"] > 0])
    runs = engine.compile(model.sbml, varied=tuple(rows), observe=observe).run(
        times,
        np.array([list(rows.values())]) if rows else None,
        doses=table if len(table) else None,
        rtol=TIGHT,
        processes=1,
    )
    assert runs.status[0] == 0
    return np.asarray(runs.values[0])


# Every species on the body alone, a person on every site; all of them with
# EXOCAST_FULL. Wells of assays keep vesicles as the well that they extend, but for one that binds
# uptake anew.
REBOUND = "well_t_cell"
CASES = [
    (site, species)
    for site in SITES
    for species in species_names()
    if os.environ.get("EXOCAST_FULL")
    or site == "whole_body"
    or (species == "human" and (not site.startswith("well_") or site == REBOUND))
]


@pytest.mark.slow
@pytest.mark.parametrize(("site", "species"), CASES)
def test_all_of_a_dose_is_somewhere_by_every_route_in_every_species(
    site: str, species: str
) -> None:
    model = body(site, species)
    for route in model.routes:
        if site == "cells_local" and route == "intravenous":
            continue  # vesicles by the vein beside a site whose fates count cells
        if set(model.routes[route]) == {"soluble"}:
            continue  # what an assay adds beside vesicles
        found = run(model, model.fates, route=route)
        assert np.abs(found.sum(axis=1) / 1e9 - 1).max() < 1e-9, route
        assert found.min() >= -1e-9 * 1e9, route


@pytest.mark.parametrize("overlay", [n for n in overlay_names() if n.startswith("labels/")])
def test_all_label_is_somewhere(overlay: str) -> None:
    model = body("whole_body_labelled", "mouse", (overlay,))
    states = tuple(
        name for name in re.findall(r'<species [^>]*?\bid="(\w+)"', model.sbml) if "label" in name
    )
    found = run(model, states)
    assert np.abs(found.sum(axis=1) / 100 - 1).max() < 1e-9
    assert found.min() > -1e-9


def test_label_that_stays_on_and_in_follows_its_vesicles() -> None:
    model = body("whole_body_labelled", "mouse")
    stuck = {f"label_{size}_{name}": 0.0 for size in SIZES for name in ("loose", "k_detach")}
    stuck |= {f"label_{size}_k_residue": 0.0 for size in SIZES}
    observe = ("plasma_particles", "plasma_label", "liver_particles", "liver_cells_label")
    found = run(model, observe, **stuck)
    assert found[:, 1] / 100 == pytest.approx(found[:, 0] / 1e9, rel=1e-7, abs=1e-12)
    assert found[:, 3] / 100 == pytest.approx(found[:, 2] / 1e9, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("species", species_names())
def test_without_a_dose_there_is_only_background(species: str) -> None:
    model = body(species=species)
    found = run(model, (*model.fates, "plasma_background"), dose=0.0)
    assert np.all(found[:, :-1] == 0.0)
    assert np.ptp(found[:, -1]) == 0.0 and found[0, -1] > 0


def test_without_macrophages_none_hold_vesicles_and_the_others_get_more() -> None:
    model = body(species="mouse")
    gone = {
        f"{organ}_{size}_macrophages_present": 0.0
        for organ in ("liver", "spleen")
        for size in SIZES
    }
    observe = (
        *(f"liver_{size}_macrophages" for size in SIZES),
        "liver_particles",
        "rest_particles",
        "plasma_particles",
    )
    with_them, without = run(model, observe), run(model, observe, **gone)
    assert np.all(without[:, :3] == 0.0)
    assert np.all(without[1:3, 3] < with_them[1:3, 3])
    assert np.all(without[2:5, 5] > with_them[2:5, 5])


def test_with_every_sink_shut_plasma_keeps_the_dose() -> None:
    model = body(species="rat")
    shut = {}
    for size in SIZES:
        shut |= {
            f"lung_{size}_first_pass": 0.0,
            f"lung_{size}_avidity": 0.0,
            f"liver_{size}_avidity": 0.0,
            f"liver_{size}_other_avidity": 0.0,
            f"spleen_{size}_avidity": 0.0,
            f"spleen_{size}_other_avidity": 0.0,
            f"kidney_{size}_avidity": 0.0,
            f"brain_{size}_k_influx": 0.0,
            f"rest_{size}_fast_avidity": 0.0,
            f"rest_{size}_slow_avidity": 0.0,
        }
    found = run(model, ("plasma_particles",), **shut)
    assert found[:, 0] == pytest.approx(1e9, rel=1e-12)


def test_the_liver_alone_is_one_exponential_of_its_clearance() -> None:
    model = body(species="mouse")
    only = {"body_residual_exponent": 0.3}  # a mouse is scaled by one, whatever the exponent
    for size in SIZES:
        only |= {
            f"lung_{size}_first_pass": 0.0,
            f"lung_{size}_avidity": 0.0,
            f"liver_{size}_avidity": 0.4,
            f"liver_{size}_other_avidity": 0.1,
            f"spleen_{size}_avidity": 0.0,
            f"spleen_{size}_other_avidity": 0.0,
            f"kidney_{size}_avidity": 0.0,
            f"brain_{size}_k_influx": 0.0,
            f"rest_{size}_fast_avidity": 0.0,
            f"rest_{size}_slow_avidity": 0.0,
            f"blood_{size}_k_pass": 1e7,
        }
    times = np.array([0.0, 0.001, 0.002, 0.004])
    observe = ("plasma_particles", "body_liver_flow", "body_plasma", "body_scale")
    found = run(model, observe, dose=1.0, times=times, **only)
    assert found[0, 3] == 1.0
    rate = found[0, 1] / found[0, 2] * 0.5 / 1.5
    assert found[1:, 0] == pytest.approx(np.exp(-rate * times[1:]), rel=1e-3)


def test_a_mouse_is_scaled_by_exactly_one_and_a_person_by_the_exponent() -> None:
    for species, weight in (("mouse", 0.02), ("human", 70.0)):
        found = run(body(species=species), ("body_scale",), dose=0.0, body_residual_exponent=0.15)
        assert found[0, 0] == pytest.approx((weight / 0.02) ** 0.15, rel=1e-12)
    assert run(body(species="mouse"), ("body_scale",), dose=0.0)[0, 0] == 1.0


def test_small_doses_are_linear_and_huge_ones_crowd_macrophages() -> None:
    model = body(species="human")
    observe = ("liver_particles",)
    share = {dose: run(model, observe, dose=dose)[2, 0] / dose for dose in (1e6, 1e10, 1e15, 1e16)}
    assert share[1e6] == pytest.approx(share[1e10], rel=1e-4)
    assert share[1e10] > share[1e15] > share[1e16]


def test_a_heavier_person_holds_more_plasma_and_clears_in_proportion_less() -> None:
    model = body()
    observe = ("body_plasma", "body_liver_flow")
    light, heavy = (
        run(model, observe, dose=0.0, body_weight=weight)[0] for weight in (50.0, 100.0)
    )
    assert heavy[0] == pytest.approx(2 * light[0])
    assert heavy[1] == pytest.approx(2**0.75 * light[1])


def test_sex_and_age_move_plasma_and_liver_flow() -> None:
    model = body()
    observe = ("body_plasma", "body_liver_flow")
    woman, man = (run(model, observe, dose=0.0, body_male=male)[0] for male in (0.0, 1.0))
    assert 1.05 < man[0] / woman[0] < 1.25
    young, forty, old = (
        run(model, observe, dose=0.0, body_age=age)[0, 1] for age in (25.0, 40.0, 80.0)
    )
    assert young == forty and 0.6 < old / forty < 0.95


def test_larger_vesicles_go_more_to_spleen_and_lung() -> None:
    model = body(species="rat")
    found = {}
    for size in SIZES:
        table = pd.DataFrame(
            [{"run": 0, "time": 0.0, "amount": 1e9, "target": model.routes["intravenous"][size]}]
        )
        runs = engine.compile(model.sbml, observe=("spleen_particles", "lung_particles")).run(
            np.array([0.0, 1 / 24]), doses=table, rtol=1e-8, processes=1
        )
        found[size] = runs.values[0, 1]
    for place in (0, 1):
        assert found["small"][place] < found["medium"][place] < found["large"][place]
