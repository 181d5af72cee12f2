"""The page of routes has a line for every route into a body, of vesicles and of whole cells."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from exocast.engine.site import species_names

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def routes() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "routes_page", ROOT / "scripts" / "routes_page.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_whole_cells_have_routes_and_a_dish_has_none(routes: ModuleType) -> None:
    assert ("cells_iv", "intravenous") in routes.sites("cells")
    assert ("cells_local", "intra-articular") in routes.sites("cells")
    every = [site for given in routes.DOSE_PER_KG for site, _ in routes.sites(given)]
    assert not [site for site in every if site.startswith(("well", "culture", "cells_bag"))]


def test_the_page_has_a_line_for_every_route_and_species(routes: ModuleType) -> None:
    page = (ROOT / "docs" / "routes.md").read_text(encoding="utf-8")
    told = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    for species in species_names():
        for given in routes.DOSE_PER_KG:
            for site, route in routes.sites(given):
                line = f"\n| {route} ({site}) | "
                assert told[species.capitalize()].count(line) == 1, (species, route)
