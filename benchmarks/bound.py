"""What share of the processor's vector instructions the engine turns into steps.

Counted: the arithmetic of one step in the code that is emitted (right-hand sides, Jacobian and
factors, solutions, sums of the stages, error norm, choice of what is kept), without outputs, loads
and stores. The bound is two vector instructions a cycle, at a clock measured in the same run by a
loop of additions that each wait for the one before.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np

from arithmetic import bound, spread, vector_operations
from cases import case_of
from settings import Settings, width
from tables import short, table
from worker import Worker

CHAIN = 128  # dependent instructions of one cycle each, in a turn of the loop
TURNS = 400_000
TOLERANCES = (1e-3, 5e-4, 1e-5)
# Not arithmetic of a step: outputs, events, and lanes one by one.
APART = ("show_within", "locate", "after")


def clock_loop() -> Any:
    """A function of a number of turns, each of ``CHAIN`` cycles."""
    import llvmlite.binding as llvm

    lines = ["define i64 @spin(i64 %n, i64 %a, i64 %b) {", "entry:", "  br label %head", "head:"]
    lines += ["  %i = phi i64 [ 0, %entry ], [ %next, %head ]"]
    lines += [f"  %x0 = phi i64 [ %a, %entry ], [ %x{CHAIN}, %head ]"]
    for k in range(CHAIN):  # two in turn, so that none can be folded into the next
        lines.append(f"  %x{k + 1} = {('add', 'xor')[k % 2]} i64 %x{k}, {('%a', '%b')[k % 2]}")
    lines += ["  %next = add i64 %i, 1", "  %more = icmp slt i64 %next, %n"]
    lines += ["  br i1 %more, label %head, label %done", "done:", f"  ret i64 %x{CHAIN}", "}"]
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly("\n".join(lines))
    module.triple = llvm.get_default_triple()
    target = llvm.Target.from_default_triple().create_target_machine(opt=1, jit=True)
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    call = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(
        engine.get_function_address("spin")
    )
    call.engine = engine  # type: ignore[attr-defined]
    return call


def clock_hz(loop: Any) -> float:
    """Cycles a second: the quickest of some short loops, which nothing interrupted."""
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        loop(TURNS, 3, 5)
        best = min(best, time.process_time() - begun)
    return CHAIN * TURNS / best


def step_operations(case: Any) -> dict[str, int]:
    """Vector operations of one step of a group of lanes, by part."""
    from exocast.engine.batch.build import build, text_of_driver, text_of_model
    from exocast.engine.batch.front import document_of
    from exocast.engine.batch.problem import problem_of

    built = build(problem_of(document_of(case.plain), case.varied, case.observe), lanes=8)
    names = ("aim", "stages", "judge", "model_rhs", "model_factors", "model_solve")
    found = vector_operations(text_of_model(built) + text_of_driver(built), names, APART)
    stages = built.plan.constants["STAGES"]
    parts = {
        "right-hand sides": stages * found["model_rhs"],
        "Jacobian and factors": found["model_factors"],
        "solutions": stages * found["model_solve"],
        "error, acceptance, next size": found["judge"] + found["aim"],
    }
    parts["sums of the stages"] = found["stages"] - sum(
        parts[k] for k in ("right-hand sides", "Jacobian and factors", "solutions")
    )
    return parts


def measure(how: Settings) -> dict[str, Any]:
    """Rates beside the bound, clock and engine in turn."""
    case = case_of("yardstick")
    parts = step_operations(case)
    loop = clock_loop()
    worker = Worker("ours", core=0)
    rounds: dict[float, list[tuple[float, float, float]]] = {rtol: [] for rtol in TOLERANCES}
    try:
        worker.ask(("prepare", case))
        worker.ask(("run", 64, 1e-3))
        for _ in range(how.rounds):
            for rtol in TOLERANCES:
                clock = clock_hz(loop)
                timed = worker.ask(("run", 1024, rtol))
                rounds[rtol].append((clock, timed.count / timed.processor_s, timed.steps))
    finally:
        worker.close()
    points = []
    for rtol, some in rounds.items():
        shares = [
            rate / bound(clock_hz=clock, operations=sum(parts.values()), steps=steps, width=width())
            for clock, rate, steps in some
        ]
        points.append(
            {
                "rtol": rtol,
                "clock_ghz": float(np.median([c for c, _, _ in some])) / 1e9,
                "rate": float(np.median([r for _, r, _ in some])),
                "steps": some[-1][2],
                "share": spread(shares),
            }
        )
    return {"parts": parts, "width": width(), "rates": points}


def text(result: dict[str, Any]) -> str:
    """Parts of a step, and the share."""
    parts = result["parts"]
    total = sum(parts.values())
    rows = [[name, f"{count:,}", f"{100 * count / total:.0f} %"] for name, count in parts.items()]
    rows.append(["**a step**", f"**{total:,}**", ""])
    kind = "AVX-512" if result["width"] == 8 else "AVX2"
    made = 8 // result["width"]
    head = [
        f"vector operations of eight patients ({made} {kind} instructions each)",
        "number",
        "share",
    ]
    shares = [
        [
            f"{p['rtol']:g}",
            short(p["clock_ghz"]),
            short(p["steps"]),
            short(p["rate"]),
            short(p["rate"] / p["share"][0]),
            "{} ({} – {})".format(*(short(v, 2) for v in p["share"])),
        ]
        for p in result["rates"]
    ]
    columns = ["rtol", "clock, GHz", "steps", "patients/s/core", "bound", "share of the bound"]
    return table(head, rows) + "\n\n" + table(columns, shares)
