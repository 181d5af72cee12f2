"""Fit the surfaces that stand for detailed cells in tissue.

    python scripts/emulate_cells.py            # prints each fit and its error
    python scripts/emulate_cells.py --check    # fails when a table is not what the fit gives
    python scripts/emulate_cells.py --write    # rewrites the fitted rows of the tables
    python scripts/emulate_cells.py --only joint_surface

A detailed cell, its rows at their centre, runs over a grid of what reaches it in tissue. A closed
form that is bounded by construction is fitted to two thirds of the points; the rest tell its error.
"""

from __future__ import annotations

import argparse
import sys

import emulated
import emulated_joint
import emulated_macrophage
from exocast.evidence.rows import package_table

SURFACES = {
    "macrophage_surface": emulated_macrophage.found,
    "joint_surface": emulated_joint.found,
}


def main() -> None:
    """Fit, print, and check or write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail when a table is stale")
    parser.add_argument("--write", action="store_true", help="rewrite the tables")
    parser.add_argument("--only", choices=sorted(SURFACES), help="one surface")
    asked = parser.parse_args()
    stale = []
    for name, found in SURFACES.items():
        if asked.only not in (None, name):
            continue
        result = found()
        old = package_table("tissue", name)
        print(f"{name:<34} {'table':>10} {'fit':>10} {'spread':>16}")
        for key, row in result.rows.items():
            spread = "..".join(f"{s:g}" for s in row.spread)
            print(f"{key:<34} {old[key].value:>10g} {row.value:>10g} {spread:>16}")
        print("\n".join(result.said))
        if emulated.stale(old, result.rows):
            stale.append(name)
        if asked.write:
            emulated.write(emulated.TABLES / f"{name}.csv", result.rows)
            result.draw()
    if asked.check and stale:
        sys.exit(f"stale: {', '.join(stale)}; run scripts/emulate_cells.py --write")


if __name__ == "__main__":
    main()
