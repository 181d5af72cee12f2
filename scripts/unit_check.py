"""Assemble every site under each of its conditions and species; no model has a unit warning.

The assembler raises on a single libSBML warning about units or consistency, on a parameter without
a row and on a row without a use. This script counts for itself as well, so that the check does not
rest on the assembler's own word.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import libsbml

from exocast import engine
from exocast.engine.site import HUMAN, load_site, site_names, species_names
from exocast.errors import ExocastError

# A species changes values only, of rows that these sites hold; all sites with EXOCAST_FULL.
WITH_SPECIES = ("whole_body", "whole_body_labelled", "knee")
# The prior changes values only; one condition with both is enough to catch a row it brings in.
WITH_LITERATURE = ("knee_oa",)


def warnings_of(sbml: str) -> list[str]:
    """Every message of libSBML about a model, all checks switched on, and numbers without units."""
    document = libsbml.readSBMLFromString(sbml)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, True)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, True)
    document.checkConsistency()
    document.checkConsistencyWithStrictUnits()
    found = [
        f"line {error.getLine()}: {error.getMessage().strip()}"
        for error in (document.getError(i) for i in range(document.getNumErrors()))
    ]
    if (document.getLevel(), document.getVersion()) != (3, 2):
        found.append(f"level {document.getLevel()} version {document.getVersion()}, not 3 and 2")
    units = {p.getId(): p.getUnits() for p in document.getModel().getListOfParameters()}
    found += [f"{name} has no unit" for name, unit in units.items() if not unit]
    if len({*units.values()} - {"dimensionless"}) < 3:
        found.append("nearly every number is dimensionless; real units are needed")
    return found


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every site under each of its conditions, and as each species."""
    for site in site_names():
        for condition in load_site(site).conditions or (None,):
            for prior in (
                ("default", "literature") if condition in WITH_LITERATURE else ("default",)
            ):
                yield site, {"condition": condition, "prior": prior}
        if site not in WITH_SPECIES and not os.environ.get("EXOCAST_FULL"):
            continue
        for species in species_names():
            if species != HUMAN:
                yield site, {"species": species}


def check(case: tuple[str, dict[str, Any]]) -> tuple[str, list[str]]:
    """One model: what to print, and its findings."""
    site, options = case
    start = time.perf_counter()
    try:
        found = warnings_of(engine.assemble(site, **options).sbml)
    except ExocastError as e:
        found = [str(e)]
    verdict = f"{len(found)} findings" if found else "clean"
    words = ", ".join(str(word) for word in (site, *options.values()) if word)
    return f"{words}: {verdict} ({time.perf_counter() - start:.1f} s)", found


def main() -> int:
    """Check all; 0 when every model is clean, 3 when one is not."""
    failed = False
    with ProcessPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for line, found in pool.map(check, cases()):
            failed = failed or bool(found)
            print(line, flush=True)
            for finding in found[:10]:
                print(f"  {finding}", file=sys.stderr)
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
