"""Where a dose goes by every route in every species, as a page.

    python scripts/routes_page.py            prints it
    python scripts/routes_page.py --write    writes docs/routes.md

Every site that says which places add up to a dose, every route of it that takes vesicles or whole
cells, every species: one exposure each, of the same dose a kilogram, with vesicles of one size.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

import exocast
from exocast import engine
from exocast.engine.site import load_site, site_names, species_names
from exocast.errors import ExocastError
from exocast.patient.given import CLASSES
from exocast.report.exposure import exactly
from exocast.report.numbers import Numbers, large
from exocast.study.tested import count, held_against

PAGE = Path(__file__).parent.parent / "docs" / "routes.md"
DOSE_PER_KG = {"vesicles": (1.5e8, "particle"), "cells": (1e6, "cell")}  # 1e10, 7e7 for a person
STATED = {"vesicles": {"size_median": "110 nm"}, "cells": {"product": "msc_cells"}}
WORLDS = 100
MOMENTS = ((1 / 24, "1 hour"), (1.0, "1 day"), (7.0, "7 days"))
SHOWN = 3
LEAST = 0.02
EXPERIMENTS = ("whole_body_labelled",)
HEAD = """# Where a dose goes, by route and species

**Where are given vesicles, or whole cells, after an hour, a day and a week, by each route, in a
person, a macaque, a rat and a mouse?** Vesicles by vein, mostly in the liver within minutes to
hours, and cells by vein in the lung; by a local route, mostly where they were put, then digested
there or on their way through lymph. Each cell of a table below has the
largest places with their share of the dose in per cent: the median of {worlds} worlds, and the 5
to 95 % of worlds. The last column says what numbers of the scoreboard test that route in that
species, and how many of them the model predicts within twofold and covers with a band no wider
than tenfold; where it says none, the bands were never tested.

Every line is an exposure of {dose} particles a kilogram, vesicles of {size}, or of {cells} stromal
cells a kilogram, the subject's own, as `exocast forecast` runs it for a scenario with a `subject`
([how to](howto-exposure.md));
`python scripts/routes_page.py --write` makes this page. Every number of the tests stands on
[the scoreboard](scoreboard.md). Most local rates are guesses (grade E), and their bands are wide
for it. No effect is implied: a place reached is no benefit shown.
"""


def sites(given: str) -> list[tuple[str, str]]:
    """Site and route of everything that takes vesicles, or cells, and says where they add up."""
    wanted = {"cells"} if given == "cells" else set(CLASSES)
    found = []
    for name in site_names():
        site = load_site(name)
        cells = site.fates and site.observables[site.fates[0]].unit == "cell"
        other = bool(cells) != (given == "cells")
        dish = not any(part.fragment.startswith("body/") for part in site.instances.values())
        if not site.fates or other or dish or len(site.joints) > 1 or name in EXPERIMENTS:
            continue
        own = name in ("whole_body", "cells_iv")  # the vein is told once, and not behind each place
        found += [
            (name, route)
            for route, targets in site.routes.items()
            if wanted <= targets.keys() and (own or route != "intravenous")
        ]
    return found


def line(site: str, route: str, species: str, given: str) -> list[str]:
    """Cells of one line: the largest places at each moment."""
    model = engine.assemble(site, species=species)
    weight = next(row for row in model.rows if row.key == "organism.weight")
    kilograms = weight.value * {"kg": 1.0, "g": 1e-3}[weight.unit]
    amount, unit = DOSE_PER_KG[given]
    made = exocast.exposure(
        {
            "schema_version": 1,
            "stated": STATED[given],
            "subject": {"species": species},
            "site": site,
            "regimen": {
                "dose": f"{amount * kilograms:.4g} {unit}",
                "route": route,
                "site": model.joints[0] if model.joints else "knee",
            },
            "horizon": "7 day",
            "worlds": WORLDS,
            "patients": 1,
        }
    )
    numbers = Numbers(made.statistics)
    places = (_cell(made.result, numbers, moment) for moment, _ in MOMENTS)
    return [*places, tested(route, species, given)]


def tested(route: str, species: str, given: str) -> str:
    """What tests a route in a species."""
    counted = count(held_against(route, species, given), "prediction", near=True)
    if not counted.numbers:
        return "none"
    return (
        f"{counted.numbers}: {counted.within_twofold} within twofold, {counted.covered} covered, "
        f"{counted.no_prediction} with too wide a band"
    )


def _cell(result: exocast.api.Result, numbers: Numbers, moment: float) -> str:
    arm = result.arms[0]

    def at(name: str, which: str) -> float:
        return 100 * exactly(numbers, arm, name, f"share_{which}", moment)

    ranked = sorted(result.manifest["fates"], key=lambda n: -at(n, "median"))
    shown = [n for n in ranked[:SHOWN] if at(n, "median") > 100 * LEAST]
    texts = []
    for name in shown:
        place = result.manifest["observables"][name]["text"]
        for words in ("given vesicles ", "given cells ", "in ", "the "):
            place = place.removeprefix(words)
        low, high = (f"{_number(at(name, which))}" for which in ("low", "high"))
        texts.append(f"{place} {_number(at(name, 'median'))} ({low}–{high})")
    return "; ".join(texts)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return "<1" if 0 < value < 0.5 else f"{np.round(value):.0f}"


def page() -> str:
    """The page as Markdown."""
    vesicles, cells = (large(DOSE_PER_KG[given][0]) for given in DOSE_PER_KG)
    size = STATED["vesicles"]["size_median"]
    parts = [HEAD.format(worlds=WORLDS, dose=vesicles, cells=cells, size=size)]
    order = sorted(species_names(), key=lambda name: name != "human")
    for species in order:
        parts.append(f"## {species.capitalize()}\n")
        parts += [table(species, given) for given in DOSE_PER_KG]
    return "\n".join(parts)


def table(species: str, given: str) -> str:
    """One table: all routes of vesicles or of whole cells in a species."""
    columns = " | ".join((*(text for _, text in MOMENTS), "tests"))
    rows = [f"| {given}, by route (site) | {columns} |", "|---|---|---|---|---|"]
    for site, route in sites(given):
        try:
            told = line(site, route, species, given)
        except ExocastError as e:
            raise type(e)(f"{species}, {site}, {route}: {e.message}") from None
        rows.append(f"| {route} ({site}) | " + " | ".join(told) + " |")
        print(f"{species}, {site}, {route}", file=sys.stderr, flush=True)
    return "\n".join(rows) + "\n"


def main() -> None:
    """Prints or writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write docs/routes.md")
    text = page()
    if parser.parse_args().write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
