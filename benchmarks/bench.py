"""The benchmark of the batched engine against its peers, on this machine, in one command.

    python benchmarks/bench.py [--quick | --full] [--only yardstick,cold] [--json FILE]

Sections: yardstick, knee, public, sensitivities, pair, cold, memory, growth, bound, models,
cells. Prints its tables; a run of all sections also writes docs/benchmarks.md and its figures
(``--write`` for a part; ``--add`` puts together what ran in parts, and ``--only none`` measures
nothing more).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bound
import cells
import cold
import curves
import forward
import growth
import memory
import models
import targets
from arithmetic import rate_at
from cases import PUBLIC
from engines import ENGINES
from settings import FULL, QUICK, Settings, processor
from tables import short, times
from worker import Failed

ROOT = Path(__file__).parent.parent
FIGURES = "images/benchmarks"
CURVES = ("yardstick", "knee", *PUBLIC)
TITLES = {
    "yardstick": "The yardstick: 87 states, 4 doses, a year",
    "knee": "Our knee",
    **{name: name for name in PUBLIC},
    "sensitivities": "Sensitivities of the yardstick",
    "pair": "Two cores",
    "cold": "From a new process to the first patient",
    "memory": "Memory of a streamed run",
    "growth": "Growth with the number of states",
    "bound": "Share of the processor's bound",
    "models": "Every site: translated, compiled, run for four weeks",
    "cells": "Cells: every assay, wells a second",
}
QUESTION = "# Benchmarks\n\nHow fast is the batched engine, and how exact, beside other solvers? "
INTRODUCTION = """
Every engine runs the same patients on one core, in turn, in a process of its own; numbers are
medians over rounds. The error is, per patient, the root mean square over outputs of
|y − ref| / (|ref| + max|ref|/1000), and the median over patients. A rate is patients per second of
processor time, which leaves out waiting but not what a busy neighbour does to caches and clock:
compare within a table, and see the lowest and highest. "By the clock" and "made in" are seconds of
the clock. Peers get a vector of absolute tolerances where they take one (libRoadRunner, scipy,
diffrax), scaled to each state; AMICI and COPASI take one number. Their size was chosen by trial in
the peers' favour with libRoadRunner and AMICI on the yardstick (`benchmarks/cases.py`). Slow peers
run fewer patients (column "patients"), so their median error is over fewer, at least eight. Rates
at equal error are interpolated between measured points, never extrapolated: a dash says that the
error was not bracketed, or the peer could not do it.

To repeat: `make bench` (environment of its own, `.venv-bench`; peers in
`benchmarks/requirements.txt`), or `python benchmarks/bench.py --quick` in any environment that has
Exocast; `--full` takes longer, `--only yardstick,cold` a part. A peer that is not installed is
named as missing. Public models are read from the folder that `EXOCAST_REFERENCE` names.
"""

TARGETS = (
    "Rates are to be half of what eight numbers to a register would give where there are four "
    "(AVX2); the yardstick and these numbers were fixed before the engine was written.\n\n"
)


def main() -> None:
    """Measures what is asked for."""
    options = _options()
    how = QUICK if options.quick else FULL if options.full else Settings()
    if options.rounds:
        how = dataclasses.replace(how, rounds=options.rounds, cold=options.rounds)
    if options.no_peers:
        how = dataclasses.replace(how, peers=False)
    wanted = _wanted(options.only)
    results: dict[str, Any] = {}
    began = time.perf_counter()
    for name in wanted:
        print(f"\n## {TITLES[name]}\n", flush=True)
        try:
            results[name] = _measure(name, how)
        except (Failed, RuntimeError) as e:
            results[name] = {"failed": str(e)}
        print(_text(name, results[name]), flush=True)
    took = time.perf_counter() - began
    if any("failed" in result for result in results.values()) and options.only:
        sys.exit(1)
    about = {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "processor": processor(),
        "python": platform.python_version(),
        "minutes": round(took / 60, 1),
        "load": [round(v, 1) for v in os.getloadavg()] if hasattr(os, "getloadavg") else [],
        "settings": dataclasses.asdict(how),
    }
    if options.json:
        Path(options.json).write_text(
            json.dumps({"about": about, "results": results}, indent=1), encoding="utf-8"
        )
    about["parts"] = [_part(about, results)] if results else []
    for file in options.add:
        earlier = json.loads(Path(file).read_text(encoding="utf-8"))
        about["minutes"] = round(about["minutes"] + earlier["about"]["minutes"], 1)
        new = {name: found for name, found in earlier["results"].items() if name not in results}
        about["parts"].append(_part(earlier["about"], new))
        results |= new
    about["note"] = options.note
    if options.write or not options.only:
        _write(about, {name: results[name] for name in TITLES if name in results})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="under three minutes")
    size.add_argument("--full", action="store_true", help="more rounds, every peer on every model")
    parser.add_argument("--only", default="", help="sections, with commas between them")
    parser.add_argument("--rounds", type=int, default=0, help="of every measurement")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--json", default="", help="file for the numbers")
    parser.add_argument(
        "--write", action="store_true", help="write docs/benchmarks.md for a part too"
    )
    parser.add_argument(
        "--add", nargs="*", default=[], help="numbers of earlier runs (--json) for the page"
    )
    parser.add_argument("--note", default="", help="what the page says about this run")
    return parser.parse_args()


def _wanted(only: str) -> list[str]:
    asked = [name.strip() for name in only.split(",") if name.strip()] or list(TITLES)
    found: list[str] = []
    if asked == ["none"]:
        return found
    for name in asked:
        if name == "public":
            found += PUBLIC
        elif name in TITLES:
            found.append(name)
        else:
            sys.exit(f"there is no section '{name}'; there are: public, {', '.join(TITLES)}")
    return found


def _measure(name: str, how: Settings) -> Any:
    if name in CURVES:
        return curves.measure(name, how)
    measures: dict[str, Callable[[Settings], Any]] = {
        "sensitivities": forward.measure,
        "pair": curves.pairs,
        "cold": cold.measure,
        "memory": memory.measure,
        "growth": growth.measure,
        "bound": bound.measure,
        "models": models.measure,
        "cells": cells.measure,
    }
    return measures[name](how)


def _text(name: str, result: Any) -> str:
    if "failed" in result:
        return f"Not measured: {result['failed']}"
    if name in CURVES:
        return curves.text(result)
    texts: dict[str, Callable[[Any], str]] = {
        "sensitivities": forward.text,
        "pair": curves.pairs_text,
        "cold": cold.text,
        "memory": memory.text,
        "growth": growth.text,
        "bound": bound.text,
        "models": models.text,
        "cells": cells.text,
    }
    return texts[name](result)


def _part(about: dict[str, Any], results: dict[str, Any]) -> str:
    """How a part of the page was measured."""
    how = about["settings"]
    load = f", load at the end {about['load'][0]}" if about.get("load") else ""
    return (
        f"- {', '.join(results)}: {how['rounds']} rounds of {how['seconds']:g} s, "
        f"{how['cold']} fresh processes, every {how['thin']}. tolerance{load}"
    )


def _answer(results: dict[str, Any]) -> str:
    """The yardstick in one sentence."""
    found = results.get("yardstick", {})
    if "points" not in found:
        return "The tables below say, for the parts that were measured."
    ours = rate_at(1e-4, curves.curve(found, "ours"))
    beside = [
        f"{times(ours / theirs)} {ENGINES[key].title}"
        for key in found["points"]
        if not key.startswith("ours") and (theirs := rate_at(1e-4, curves.curve(found, key))) > 0
    ]
    return (
        f"On the machine named below, at a median error of 1e-4 on the yardstick, it does "
        f"{short(ours)} patients a second and core; as a multiple of others on the same core: "
        f"{', '.join(beside) or 'none was there'}."
    )


def _write(about: dict[str, Any], results: dict[str, Any]) -> None:
    """The page and its figures."""
    docs = ROOT / "docs"
    parts = [
        QUESTION + _answer(results),
        INTRODUCTION,
        "Measured on {date}: {processor}, Python {python}; {minutes} minutes.\n".format(**about),
        "\n".join(about["parts"]) + "\n",
        *([about["note"] + "\n"] if about["note"] else []),
    ]
    parts.append("## What was to be reached\n\n" + TARGETS + targets.text(results) + "\n")
    for name, result in results.items():
        parts.append(f"## {TITLES[name]}\n")
        drawn = {"growth": growth.figure} | dict.fromkeys(CURVES, curves.figure)
        if name in drawn and "points" in result:
            file = f"{FIGURES}/{name.lower()}.png"
            drawn[name](result, docs / file)
            parts.append(f"![{TITLES[name]}]({file})\n")
        parts.append(_text(name, result) + "\n")
    (docs / "benchmarks.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
