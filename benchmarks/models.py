"""What every assembled model costs, and which fragment costs it.

    python benchmarks/models.py                  every site
    python benchmarks/models.py knee whole_body  some sites
    python benchmarks/models.py --fragments knee shares of the fragments of a site
    python benchmarks/models.py --write          both, into docs/benchmarks.md

Translate (files to SBML with units), compile (SBML to machine code, nothing cached) and run are
timed; beside our rate stands libRoadRunner's at the same relative tolerance and the achieved
error of both against a run a thousand times finer. A fragment's share is counted, not timed: the
vector operations of a step that go away when the rates of the fragment's instances are zero.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from arithmetic import median_error, vector_operations
from settings import Settings
from tables import short, table

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEADING = "## Every site: translated, compiled, run for four weeks"
SHOWN = ("knee", "whole_body")
RTOL = 1e-4
FINER = 1e-3
PATIENTS = 256
ROUTE = "medium"
PEER_PATIENTS = 24
SPREAD = 0.2
VARIED = 20
TIMES = np.concatenate([[0.0, 1 / 24, 4 / 24], np.arange(1.0, 29.0)])
DOSE = 1e10
PARTS = ("model_rhs", "model_factors", "model_solve")


def measure(how: Settings, sites: tuple[str, ...] = ()) -> dict[str, Any]:
    """One record a site; ``sites`` is all of the package's when left out."""
    from exocast.engine.site import site_names

    return {"sites": [_site(name, how) for name in (sites or site_names())]}


def text(found: dict[str, Any]) -> str:
    """The table of :func:`measure`."""
    head = [
        "site",
        "states",
        "reactions",
        "translate, s",
        "compile, s",
        "runs a second",
        "error",
        "libRoadRunner, runs a second",
        "its error",
        "ours",
    ]
    rows = [
        [
            one["site"],
            str(one["states"]),
            str(one["reactions"]),
            short(one["translate_s"], 2),
            short(one["compile_s"], 2),
            short(one["rate"]),
            short(one["error"], 2),
            short(one["peer_rate"]),
            short(one["peer_error"], 2),
            f"{one['rate'] / one['peer_rate']:.0f}×" if one["peer_rate"] else "–",
        ]
        for one in found["sites"]
    ]
    return table(head, rows)


def _site(name: str, how: Settings) -> dict[str, Any]:
    import pandas as pd

    from exocast import engine

    begun = time.perf_counter()
    model = engine.assemble(name)
    translated = time.perf_counter() - begun
    varied, numbers = _numbers(model, PATIENTS)
    # In a well vesicles are given, and no stimulus.
    route = ROUTE if ROUTE in model.routes else min(model.routes)
    targets = [model.routes[route][key] for key in sorted(model.routes[route])]
    doses = pd.DataFrame(
        [
            {"run": run, "time": 0.0, "amount": DOSE / len(targets), "target": target}
            for run in range(PATIENTS)
            for target in targets
        ]
    )
    observe = model.fates or tuple(model.observables)
    os.environ["EXOCAST_CACHE"] = "off"
    begun = time.perf_counter()
    ours = engine.compile(model.sbml, varied=varied, observe=observe)
    ours.run(TIMES, varied=numbers[:8], doses=doses[doses["run"] < 8], processes=1)
    compiled = time.perf_counter() - begun
    fine = _timed(ours, numbers, doses, RTOL * FINER)[1]
    rates, peers = [], []
    peer = engine.compile(model.sbml, varied=varied, observe=observe, path="general")
    few = doses[doses["run"] < PEER_PATIENTS]
    for _ in range(how.rounds):  # in turn: both see the same neighbours
        rates.append(_timed(ours, numbers, doses, RTOL))
        if how.peers:
            peers.append(_timed(peer, numbers[:PEER_PATIENTS], few, RTOL))
    return {
        "site": name,
        "route": route,
        "states": model.sbml.count("<species ") + model.sbml.count("<rateRule "),
        "reactions": model.sbml.count("<reaction "),
        "translate_s": translated,
        "compile_s": compiled,
        "rate": float(np.median([rate for rate, _ in rates])),
        "error": median_error(rates[-1][1], fine),
        "peer_rate": float(np.median([rate for rate, _ in peers])) if peers else None,
        "peer_error": median_error(peers[-1][1], fine[:PEER_PATIENTS]) if peers else None,
    }


def _timed(model: Any, numbers: Any, doses: Any, rtol: float) -> tuple[float, Any]:
    """Runs a second of processor time on one core, and the values."""
    begun = time.perf_counter()
    runs = model.run(TIMES, varied=numbers, doses=doses, rtol=rtol, processes=1)
    return len(numbers) / (time.perf_counter() - begun), runs.values


def _numbers(model: Any, count: int) -> tuple[tuple[str, ...], Any]:
    """Some numbers of a model, scattered about their values."""
    rows = {row.key: row for row in model.rows}
    known = [
        (name, rows[key].value)
        for name, key in sorted(model.origins.items())
        if rows[key].spread_kind != "fixed" and rows[key].value > 0 and rows[key].unit != "1"
    ]
    chosen = known[:: max(len(known) // VARIED, 1)][:VARIED]
    scores = np.random.default_rng(1).standard_normal((count, len(chosen)))
    base = np.array([value for _, value in chosen])
    return tuple(name for name, _ in chosen), base * np.exp(SPREAD * scores)


def shares(site: str) -> list[tuple[str, int, float]]:
    """Fragment, its instances, and its share of the vector operations of a step."""
    from exocast import engine
    from exocast.engine.site import load_site

    sbml = engine.assemble(site).sbml
    instances = {name: one.fragment for name, one in load_site(site).instances.items()}
    whole = _operations(sbml)
    found = []
    for fragment in sorted(set(instances.values())):
        mine = {name for name, path in instances.items() if path == fragment}
        left = _operations(_still(sbml, mine, set(instances)))
        found.append((fragment, len(mine), 1 - left / whole))
    return sorted(found, key=lambda one: -one[2])


def _operations(sbml: str) -> int:
    from exocast.engine.batch.build import build, text_of_model
    from exocast.engine.batch.front import document_of
    from exocast.engine.batch.problem import problem_of

    built = build(problem_of(document_of(sbml), (), ()), lanes=8)
    found = vector_operations(text_of_model(built), PARTS, ())
    stages = built.plan.constants["STAGES"]
    return stages * (found["model_rhs"] + found["model_solve"]) + found["model_factors"]


def _still(sbml: str, mine: set[str], instances: set[str]) -> str:
    """The model with the rates of some instances set to zero."""
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()

    def owner(name: str) -> str:
        parts = name.split("_")
        options = ("_".join(parts[:k]) for k in range(len(parts), 0, -1))
        return next((option for option in options if option in instances), "")

    zero = libsbml.parseL3Formula("0")
    for reaction in model.getListOfReactions():
        if owner(reaction.getId()) in mine:
            reaction.getKineticLaw().setMath(zero)
    for rule in model.getListOfRules():
        if rule.isRate() and owner(rule.getVariable()) in mine:
            rule.setMath(zero)
    return str(libsbml.writeSBMLToString(document))


def write(how: Settings) -> None:
    """Puts costs and shares into the page of benchmarks, in place of what stood there."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(HEADING)
    after = rest.partition("\n## ")[2]
    made = (
        f"{HEADING}\n\nMeasured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, rounds: {how.rounds}, in "
        "turn with libRoadRunner at the same relative tolerance on one core; both errors are "
        "against a run a thousand times finer. Four weeks, one dose, twenty numbers varied.\n\n"
        f"{text(measure(how))}\n\nWhich fragment costs it, as the share of the vector operations "
        f"of a step that go away without its rates (`--fragments`):\n\n{_shares_text(SHOWN)}"
    )
    tail = f"\n## {after}" if after else ""
    PAGE.write_text(f"{before.rstrip()}\n\n{made}\n{tail}", encoding="utf-8")


def _shares_text(sites: tuple[str, ...]) -> str:
    heads = ["fragment", "instances", "operations of a step"]
    return "\n\n".join(
        f"{site}:\n\n"
        + table(
            heads, [[n, str(count), f"{100 * share:.1f} %"] for n, count, share in shares(site)]
        )
        for site in sites
    )


def main() -> None:
    """Prints what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sites", nargs="*")
    parser.add_argument("--fragments", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.write:
        write(Settings(rounds=options.rounds))
        return
    sites = tuple(Path(site).stem for site in options.sites)
    if not options.fragments:
        print(text(measure(Settings(rounds=options.rounds), sites)))
        return
    print(_shares_text(sites or SHOWN))


if __name__ == "__main__":
    main()
