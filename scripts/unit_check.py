"""Assemble every site under every condition; each model is free of unit warnings.

The assembler raises on a single libSBML warning about units or consistency, on a parameter without
a row and on a row without a use. This script counts for itself as well, so that the check does not
rest on the assembler's own word.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import libsbml

from exocast import engine
from exocast.errors import ExocastError

# The prior changes values only; one condition with both is enough to catch a row it brings in.
WITH_LITERATURE = ("knee_oa",)
SITES = Path(engine.__file__).parent.parent / "tissue"


def warnings_of(sbml: str) -> list[str]:
    """Every message of libSBML about a model, all checks switched on."""
    document = libsbml.readSBMLFromString(sbml)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, True)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, True)
    document.checkConsistency()
    return [
        f"line {error.getLine()}: {error.getMessage().strip()}"
        for error in (document.getError(i) for i in range(document.getNumErrors()))
    ]


def main() -> int:
    """Check all; 0 when every model is clean, 3 when one is not."""
    failed = False
    for site in sorted(path.stem for path in SITES.glob("*.yaml")):
        for condition in sorted(path.stem for path in (SITES / "conditions").glob("*.yaml")):
            priors = ("default", "literature") if condition in WITH_LITERATURE else ("default",)
            for prior in priors:
                start = time.perf_counter()
                try:
                    model = engine.assemble(site, condition=condition, prior=prior)
                    found = warnings_of(model.sbml)
                except ExocastError as e:
                    found = [str(e)]
                failed = failed or bool(found)
                verdict = f"{len(found)} findings" if found else "clean"
                print(
                    f"{site}, {condition}, {prior}: {verdict} ({time.perf_counter() - start:.1f} s)"
                )
                for line in found[:10]:
                    print(f"  {line}", file=sys.stderr)
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
