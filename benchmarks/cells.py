"""How many wells of detailed cells a second: every assay of the package, beside libRoadRunner.

    python benchmarks/cells.py                        every assay
    python benchmarks/cells.py macrophage_lps scratch some assays
    python benchmarks/cells.py --no-peers             ours alone
    python benchmarks/cells.py --write                into docs/benchmarks.md

A run is one average cell in its well, in a world of its own: the ladder of doses of an assay in
every world, laid out as ``exocast assay`` lays it out. Two rates stand for ours: by the clock on
two threads, which is what a user waits for on this machine as busy as it is, and by processor time,
twice that of one thread, which leaves waiting out. libRoadRunner's is by processor time too, in
this process, with a vector of absolute tolerances; its tolerance is the one whose achieved error is
nearest above ours (or its coarsest), so that what is left of a difference is in its favour. Errors
are of the read-outs only, against a run at the relative tolerance 1e-9, in one well of each world.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arithmetic import patient_errors, vector_operations
from models import PARTS
from settings import Settings, processor
from tables import short, table, times

Array = NDArray[np.float64]
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEADING = "## Cells: every assay, wells a second"
SAME_MODEL = (
    "microglia_lps",
)  # the macrophage's equations with other outputs: one line tells both
TOLERANCES = (1e-3, 1e-4)
PEER_TOLERANCES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7)
REFERENCE = 1e-9
WORLDS = 256
PEER_RUNS = 64
CORES = 2
POWERS = ("exponential", "logarithm")
SLOWEST = 0.1  # of the worlds
AIM = 5_000.0  # cells a second on two cores
HEAD = (
    "assay",
    "site",
    "states",
    "LU, operations",
    "wells",
    "rtol",
    "steps",
    "most",
    "wells a second, clock",
    "processor",
    "error",
    "of 95 %",
    "libRoadRunner, rtol",
    "its error",
    "its wells a second",
    "ours",
)

COSTS = (
    "assay",
    "steps rejected",
    "steps of the slowest tenth of worlds",
    "µs a step",
    "operations that powers take",
)
LIMITS = """
Where the time goes, at the coarser tolerance. A model with NF-kB is slowest, for two reasons. In
worlds of the tails of its numbers NF-kB does not settle but goes on to oscillate, and every
oscillation has to be followed: that is accuracy, not stiffness, and what a read-out tolerates does
not save it. And a Hill exponent that is drawn is a power at every stage of every step, an
exponential and a logarithm, where a fixed whole number would be a few products. The suppression of
T cells has no powers; its factors are what a step costs, for vesicles are shared among all living
cells, a sum over the classes of division, which so ties each class to every other.
"""


@dataclass(frozen=True, kw_only=True)
class Plate:
    """Wells of an assay, ready to be run; ``few`` are one of each world."""

    name: str
    site: str
    wells: Any
    few: NDArray[np.int64]

    def doses(self, chosen: NDArray[np.int64] | None = None) -> Any:
        """Dose table of all wells, or of some, counted anew."""
        whole = self.wells.doses
        if chosen is not None:
            place = np.full(len(self.wells.numbers), -1)
            place[chosen] = np.arange(len(chosen))
            whole = whole.assign(run=place[whole["run"].to_numpy()])
            whole = whole[whole["run"] >= 0].sort_values(["run", "time"], ignore_index=True)
        return whole if len(whole) else None


def assays() -> tuple[str, ...]:
    """Every assay of the package."""
    from exocast.study.assay import names

    return tuple(name for name in names() if name not in SAME_MODEL)


def plate(name: str, worlds: int) -> Plate:
    """The ladder of an assay in many worlds."""
    from exocast.study.assay import lay_out, load, prepare, typical_batch

    assay = load(name)
    made = prepare(assay, typical_batch(), worlds=worlds)
    doses = np.array(assay.per_cell)
    wells = lay_out(
        made,
        per_cell=np.repeat(doses, worlds),
        worlds=np.tile(np.arange(worlds), len(doses)),
        numbers={},
    )
    world = np.arange(worlds)
    return Plate(name=name, site=assay.site, wells=wells, few=(world % len(doses)) * worlds + world)


def size(wells: Any) -> tuple[int, int, float]:
    """States of a model, operations of its factors, and share of a step's that powers take.

    The share is of the vector operations of rates, factors and solutions; sums of the stages and
    the error are not in it.
    """
    from exocast.engine.batch.build import build, text_of_model
    from exocast.engine.batch.derive import TIME, Derivatives
    from exocast.engine.batch.front import document_of
    from exocast.engine.batch.problem import problem_of
    from exocast.engine.batch.sparse import pattern_of

    problem = problem_of(document_of(wells.sbml), wells.varied, wells.observe)
    derivatives = Derivatives(problem.graph)
    entries = {
        (i, j) for i, rate in enumerate(problem.rates) for j in derivatives.of(rate) if j != TIME
    }
    pattern = pattern_of(len(problem.states), entries)
    built = build(problem, lanes=8)
    code = text_of_model(built)
    stages = built.plan.constants["STAGES"]

    def step(*without: str) -> int:
        found = vector_operations(code, PARTS, without)
        factors = found["model_factors"]
        return int(stages * (found["model_rhs"] + found["model_solve"]) + factors)

    return len(problem.states), pattern.operations, 1 - step(*POWERS) / step()


def measure(how: Settings, chosen: tuple[str, ...] = (), worlds: int = WORLDS) -> dict[str, Any]:
    """Two records an assay, one for each of our tolerances; every assay when none is chosen."""
    found: list[dict[str, Any]] = []
    for name in chosen or assays():
        found += _assay(name, worlds=worlds, rounds=how.rounds, peers=how.peers)
    return {"cells": found}


def _assay(name: str, *, worlds: int, rounds: int, peers: bool) -> list[dict[str, Any]]:
    from exocast import engine

    laid = plate(name, worlds)
    wells = laid.wells
    states, operations, powers = size(wells)
    ours = engine.compile(wells.sbml, varied=wells.varied, observe=wells.observe)
    few_numbers, few_doses = wells.numbers[laid.few], laid.doses(laid.few)
    fine = ours.run(
        wells.times, few_numbers, doses=few_doses, rtol=REFERENCE, checked_share=0.0
    ).values
    found: dict[float, dict[str, Any]] = {}
    for rtol in TOLERANCES:
        runs = ours.run(
            wells.times, wells.numbers, doses=laid.doses(), rtol=rtol, checked_share=0.0
        )
        errors = _errors(runs.values[laid.few], fine)
        found[rtol] = {
            "assay": name,
            "site": laid.site,
            "states": states,
            "operations": operations,
            "wells": len(wells.numbers),
            "rtol": rtol,
            "failed": int((runs.status != 0).sum()),
            "steps": float(runs.steps.mean()),
            "most_steps": int(runs.steps.max()),
            "rejected": float(runs.rejections.sum() / (runs.steps + runs.rejections).sum()),
            "slowest": _slowest(runs.steps + runs.rejections, worlds),
            "powers": powers,
            "error": float(np.median(errors)),
            "error_95": float(np.percentile(errors, 95)),
            "clock": [],
            "processor": [],
        }
    peer = _Peer(laid, fine) if peers else None
    chosen = {r: peer.tolerance(one["error"]) for r, one in found.items()} if peer else {}
    for _ in range(rounds):  # in turn: both see the same neighbours
        for rtol, one in found.items():
            for kind, threads in (("clock", CORES), ("processor", 1)):
                clock, cpu = time.perf_counter(), time.process_time()
                ours.run(
                    wells.times,
                    wells.numbers,
                    doses=laid.doses(),
                    rtol=rtol,
                    processes=threads,
                    checked_share=0.0,
                )
                if kind == "clock":
                    one[kind].append(len(wells.numbers) / (time.perf_counter() - clock))
                else:
                    one[kind].append(CORES * len(wells.numbers) / (time.process_time() - cpu))
        if peer:
            for rtol in sorted(set(chosen.values())):
                peer.time(rtol)
    for rtol, one in found.items():
        one["clock"] = float(np.median(one["clock"]))
        one["processor"] = float(np.median(one["processor"]))
        if peer:
            at = chosen[rtol]
            rate = CORES * float(np.median(peer.rates[at]))
            one |= {"peer_rtol": at, "peer_error": peer.errors[at], "peer": rate}
            one["ratio"] = one["processor"] / rate
    return list(found.values())


class _Peer:
    """libRoadRunner in this process, on a few wells, each of a world of its own."""

    def __init__(self, laid: Plate, fine: Array) -> None:
        from exocast import engine
        from exocast.engine.solver import solver_of

        wells = laid.wells
        self.laid, self.fine = laid, fine[:PEER_RUNS]
        self.model = engine.compile(
            wells.sbml, varied=wells.varied, observe=wells.observe, path="general"
        )
        self.solver = solver_of(wells.sbml)
        self.runs = laid.few[:PEER_RUNS]
        self.errors: dict[float, float] = {}
        self.rates: dict[float, list[float]] = {}

    def time(self, rtol: float) -> None:
        """Runs its wells; keeps rate of one core and median error."""
        from exocast.engine.dosing import switches
        from exocast.engine.solver import Chunk

        wells, model = self.laid.wells, self.model
        doses = switches(self.laid.doses(self.runs), model.description)
        chunk = Chunk(
            times=wells.times,
            varied=wells.numbers[self.runs],
            dose_run=doses.run,
            dose_time=doses.time,
            dose_kind=doses.kind,
            dose_target=doses.target,
            dose_amount=doses.value,
            dose_jump=doses.jump,
            targets=doses.names,
            rtol=rtol,
            atol=None,  # a vector, scaled to each state
            checked_share=0.0,
        )
        begun = time.process_time()
        result = self.solver.run_chunk(wells.varied, wells.observe, chunk)
        spent = time.process_time() - begun
        self.errors[rtol] = float(np.median(_errors(result.values, self.fine)))
        self.rates.setdefault(rtol, []).append(len(self.runs) / spent)

    def tolerance(self, error: float) -> float:
        """The finest of its tolerances that does not bring its error below this one."""
        last = PEER_TOLERANCES[0]
        for rtol in PEER_TOLERANCES:
            if rtol not in self.errors:
                self.time(rtol)
            if self.errors[rtol] < error:
                break
            last = rtol
        return last


def _slowest(steps: NDArray[np.int64], worlds: int) -> float:
    """Share of all steps that the slowest tenth of the worlds takes."""
    of_world = np.sort(steps.reshape(-1, worlds).sum(axis=0))[::-1]
    return float(of_world[: max(round(SLOWEST * worlds), 1)].sum() / of_world.sum())


def _errors(values: Array, fine: Array) -> Array:
    """Error of each well over its read-outs; the start is no read-out."""
    return patient_errors(values[:, 1:], fine[:, 1:])


def text(found: dict[str, Any]) -> str:
    """What is measured, the table, and which assays miss the aim."""
    said = (__doc__ or "").partition("--write")[2].partition("\n\n")[2].strip().replace("``", "`")
    each = found["cells"]
    return f"{said}\n\n{rows(each)}\n\n{verdict(each)}\n{LIMITS}\n{costs(each)}"


def rows(found: list[dict[str, Any]]) -> str:
    """The table."""
    lines = []
    for one in found:
        peer = ["–"] * 4
        if "peer" in one:
            peer = [
                f"{one['peer_rtol']:g}",
                short(one["peer_error"], 2),
                short(one["peer"]),
                times(one["ratio"]),
            ]
        lines.append(
            [
                one["assay"],
                one["site"],
                str(one["states"]),
                f"{one['operations']:,}",
                f"{one['wells']:,}" + (f" ({one['failed']} failed)" if one["failed"] else ""),
                f"{one['rtol']:g}",
                short(one["steps"]),
                f"{one['most_steps']:,}",
                short(one["clock"]),
                short(one["processor"]),
                short(one["error"], 2),
                short(one["error_95"], 2),
                *peer,
            ]
        )
    return table(HEAD, lines)


def costs(found: list[dict[str, Any]]) -> str:
    """Where the time goes, at the coarser tolerance."""
    lines = []
    for one in found:
        if one["rtol"] != TOLERANCES[0]:
            continue
        tried = one["steps"] / (1 - one["rejected"])
        lines.append(
            [
                one["assay"],
                f"{100 * one['rejected']:.0f} %",
                f"{100 * one['slowest']:.0f} %",
                short(1e6 * CORES / one["processor"] / tried),
                f"{100 * one['powers']:.0f} %",
            ]
        )
    return table(COSTS, lines)


def verdict(found: list[dict[str, Any]]) -> str:
    """Which assays miss the aim at the coarser tolerance, in a sentence."""
    said = []
    for kind, words in (("processor", "processor time"), ("clock", "the clock, machine as busy")):
        below = [
            f"{one['assay']} ({short(one[kind])})"
            for one in found
            if one["rtol"] == TOLERANCES[0] and one[kind] < AIM
        ]
        said.append(f"by {words}: {', '.join(below) or 'none'}")
    return (
        f"Below {AIM:,.0f} wells a second on two cores at rtol {TOLERANCES[0]:g}, {said[0]}; "
        f"{said[1]}."
    )


def write(made: str) -> None:
    """Puts the section into the page of benchmarks, in place of what stood there."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(HEADING)
    after = rest.partition("\n## ")[2]
    tail = f"\n## {after}" if after else ""
    PAGE.write_text(f"{before.rstrip()}\n\n{HEADING}\n\n{made}\n{tail}", encoding="utf-8")


def main() -> None:
    """Prints the table, or writes it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("assays", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    options = parser.parse_args()
    how = Settings(rounds=options.rounds, peers=not options.no_peers)
    found = measure(how, tuple(options.assays), options.worlds)["cells"]
    if options.write:
        write(
            f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}: {processor()}, load at the end "
            f"{os.getloadavg()[0]:.1f}; {options.worlds} worlds, rounds: {options.rounds}. "
            f"To repeat: `python benchmarks/cells.py`.\n\n{text({'cells': found})}"
        )
    print(f"{rows(found)}\n\n{verdict(found)}\n\n{costs(found)}")


if __name__ == "__main__":
    main()
