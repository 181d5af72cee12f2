"""How the time to make the code, and the time of a step, grow with the number of states."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from settings import Settings
from tables import curves, short, table

PATIENTS = 256


def chain(size: int) -> str:
    """A chain of conversions, every third saturable, with a feedback to each tenth."""
    species = "".join(
        f'<species id="x{i}" compartment="c" initialAmount="{1.0 + i % 3}" '
        'hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/>'
        for i in range(size)
    )
    reactions = "".join(_reaction(i, size) for i in range(size))
    return (
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">'
        '<model id="chain"><listOfCompartments><compartment id="c" size="1" constant="true"/>'
        f"</listOfCompartments><listOfSpecies>{species}</listOfSpecies><listOfParameters>"
        '<parameter id="k" value="1" constant="true"/><parameter id="h" value="0.5" '
        f'constant="true"/></listOfParameters><listOfReactions>{reactions}</listOfReactions>'
        "</model></sbml>"
    )


def _reaction(i: int, size: int) -> str:
    after, back = (i + 1) % size, i - i % 10
    flow = f"<apply><times/><ci>k</ci><cn>{1.0 + (i % 7)}</cn><ci>x{i}</ci></apply>"
    if i % 3 == 0:
        flow = f"<apply><divide/>{flow}<apply><plus/><ci>h</ci><ci>x{i}</ci></apply></apply>"
    modifier = ""
    if back != i:
        modifier = (
            f'<listOfModifiers><modifierSpeciesReference species="x{back}"/></listOfModifiers>'
        )
        flow = f"<apply><divide/>{flow}<apply><plus/><cn>1</cn><ci>x{back}</ci></apply></apply>"
    side = '<speciesReference species="x{}" stoichiometry="1" constant="true"/>'
    return (
        f'<reaction id="r{i}" reversible="false" fast="false"><listOfReactants>{side.format(i)}'
        f"</listOfReactants><listOfProducts>{side.format(after)}</listOfProducts>{modifier}"
        f'<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">{flow}</math></kineticLaw>'
        "</reaction>"
    )


def measure(how: Settings) -> dict[str, Any]:
    """Seconds to make the code without the cache, and time of a step of one patient."""
    from exocast import engine

    kept = os.environ.get("EXOCAST_CACHE")
    os.environ["EXOCAST_CACHE"] = "off"
    try:
        return {"points": [_point(engine, size, how) for size in how.sizes]}
    finally:
        if kept is None:
            del os.environ["EXOCAST_CACHE"]
        else:
            os.environ["EXOCAST_CACHE"] = kept


def _point(engine: Any, size: int, how: Settings) -> dict[str, float]:
    numbers = np.exp(0.3 * np.random.default_rng(1).standard_normal((PATIENTS, 1)))
    begun = time.process_time()
    model = engine.compile(chain(size), varied=("k",), observe=("x0",), path="batch")
    made = time.process_time() - begun
    steps = []
    for _ in range(max(how.rounds, 2)):
        begun = time.process_time()
        runs = model.run([50.0], numbers, rtol=1e-5, processes=1, checked_share=0.0)
        steps.append((time.process_time() - begun) / runs.steps.sum())
    assert (runs.status == 0).all()
    return {"states": size, "made_s": made, "step_us": 1e6 * float(np.median(steps))}


def text(result: dict[str, Any]) -> str:
    """Both by number of states."""
    rows = [
        [
            str(p["states"]),
            short(p["made_s"]),
            short(1e3 * p["made_s"] / p["states"]),
            short(p["step_us"]),
            short(1e3 * p["step_us"] / p["states"]),
        ]
        for p in result["points"]
    ]
    head = ["states", "code made in, s", "ms a state", "step of a patient, µs", "ns a state"]
    return table(head, rows)


def figure(result: dict[str, Any], path: Path) -> None:
    """Both by number of states."""
    lines = {
        "code made, s": [(p["states"], p["made_s"]) for p in result["points"]],
        "step of a patient, µs": [(p["states"], p["step_us"]) for p in result["points"]],
    }
    curves(path, "Growth with the number of states", lines, ("states", "time"))
