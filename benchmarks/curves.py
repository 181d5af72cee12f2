"""Work and precision: patients a second and core against the error reached, side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from arithmetic import median_error, rate_at, spread
from cases import Case, case_of
from engines import ENGINES
from settings import Settings
from tables import curves, short, table, times
from worker import Failed, Timed, Worker

REFERENCE_RTOL = 1e-11
N_REFERENCE = 64
N_CHECKED = 4
ERRORS = (3e-4, 1e-4, 2e-6)
SIDE_BY_SIDE = (
    "ours",
    "ours-events",
    "libroadrunner",
    "amici",
    "copasi",
    "scipy",
    "kvaerno3",
)
Result = dict[str, Any]


def measure(name: str, how: Settings) -> Result:
    """Curves of one case: all engines in turn, round after round."""
    try:
        case = case_of(name)
    except OSError as e:
        return {"case": name, "missing": f"not found ({e.filename}); set EXOCAST_REFERENCE"}
    engines, missing = {}, {}
    for key in SIDE_BY_SIDE:
        if key not in ENGINES or (key == "ours-events" and not case.doses):
            continue
        if not how.peers and not key.startswith("ours"):
            missing[key] = "peers were left out"
        elif ENGINES[key].slow and not how.slow:
            missing[key] = "not in --quick: its code takes minutes to make"
        elif not ENGINES[key].everywhere and not how.everywhere and name != "yardstick":
            missing[key] = "on the yardstick alone, but for --full"
        elif ENGINES[key].missing():
            missing[key] = ENGINES[key].missing()
        else:
            engines[key] = Worker(key, core=0)
    started = list(engines.values())
    try:
        return _side_by_side(case, engines, missing, how)
    finally:
        for worker in started:
            worker.close()


def _side_by_side(
    case: Case, engines: dict[str, Worker], missing: dict[str, str], how: Settings
) -> Result:
    once: dict[str, float] = {}
    for key, worker in list(engines.items()):
        try:
            once[key] = worker.ask(("prepare", case)).clock_s
        except Failed as e:
            missing[key] = str(e)
            del engines[key]
    if "ours" not in engines:
        raise Failed(f"ours: {missing['ours']}")
    reference, check = _reference(engines)
    plan, points = {}, {}
    for key, worker in list(engines.items()):
        try:
            plan[key] = [
                (rtol, _count(key, worker, rtol, how))
                for rtol in ENGINES[key].tolerances[:: how.thin]
            ]
            points[key] = [[] for _ in plan[key]]
        except Failed as e:
            missing[key] = str(e)
            del engines[key]
    for _ in range(how.rounds):
        for place in range(max(map(len, plan.values()), default=0)):
            for key, worker in list(engines.items()):
                if place < len(plan[key]):
                    rtol, count = plan[key][place]
                    try:
                        points[key][place].append(_point(worker, count, rtol, reference))
                    except Failed as e:
                        missing[key] = str(e)
                        del engines[key]
    return {
        "case": case.name,
        "patients": len(case.numbers),
        "missing": missing,
        "check": check,
        "once_s": once,
        "versions": {key: ENGINES[key].version() for key in engines},
        "points": {key: _medians(plan[key], points[key]) for key in engines},
    }


def _reference(engines: dict[str, Worker]) -> tuple[Any, Result]:
    """Values at a tight tolerance, and how far CVODE's are from them."""
    fine = engines["ours"].ask(("run", N_REFERENCE, REFERENCE_RTOL)).values
    for key in ("libroadrunner", "scipy"):
        if key in engines:
            other = engines[key].ask(("run", N_CHECKED, REFERENCE_RTOL)).values
            return fine, {"by": key, "error": median_error(other, fine[:N_CHECKED])}
    return fine, {"by": "nobody", "error": math.nan}


def _count(key: str, worker: Worker, rtol: float, how: Settings) -> int:
    """Patients that fill the time of one measurement."""
    kind = ENGINES[key]
    first: Timed = worker.ask(("run", kind.fewest, rtol))
    rate = first.count / max(first.processor_s, 1e-6)
    count = int(np.clip(how.seconds * rate, kind.fewest, kind.most))
    return min(count, kind.most)


def _point(worker: Worker, count: int, rtol: float, reference: Any) -> Result:
    timed: Timed = worker.ask(("run", count, rtol))
    known = min(len(timed.values), len(reference))
    return {
        "rate": timed.count / timed.processor_s,
        "clock_rate": timed.count / timed.clock_s,
        "error": median_error(timed.values[:known], reference[:known]),
        "failed": int(np.isnan(timed.values).any(axis=(1, 2)).sum()),
        "steps": timed.steps,
    }


def _medians(plan: list[tuple[float, int]], points: list[list[Result]]) -> list[Result]:
    found = []
    for (rtol, count), rounds in zip(plan, points, strict=True):
        middle, low, high = spread([p["rate"] for p in rounds])
        found.append(
            {
                **rounds[-1],
                "rtol": rtol,
                "patients": count,
                "rate": middle,
                "lowest": low,
                "highest": high,
                "clock_rate": spread([p["clock_rate"] for p in rounds])[0],
            }
        )
    return found


def curve(result: Result, key: str) -> list[tuple[float, float]]:
    """(error, rate) of an engine."""
    return [(p["error"], p["rate"]) for p in result["points"].get(key, [])]


def text(result: Result) -> str:
    """Tables of a case: rates at equal error, then every point."""
    if "points" not in result:
        return f"Left out: {result['missing']}."
    ours = curve(result, "ours")
    head = [
        "engine",
        "made in, s",
        *(f"at {e:g}" for e in ERRORS),
        *(f"ours, at {e:g}" for e in ERRORS),
    ]
    rows = []
    for key in SIDE_BY_SIDE:
        if key in result["points"]:
            rates = [rate_at(e, curve(result, key)) for e in ERRORS]
            ratios = [rate_at(e, ours) / r for e, r in zip(ERRORS, rates, strict=True)]
            rows.append(
                [
                    f"{ENGINES[key].title} ({result['versions'][key]})",
                    short(result["once_s"][key]),
                    *map(short, rates),
                    *("" if key == "ours" else times(r) for r in ratios),
                ]
            )
        elif key in result["missing"]:
            rows.append([f"{ENGINES[key].title}: {result['missing'][key]}", *[""] * 7])
    check = result["check"]
    lines = [
        "Patients a second and core at equal error, and how many times that is in ours:",
        "",
        table(head, rows),
        "",
        f"Reference: ours at rtol {REFERENCE_RTOL:g}; "
        + (
            f"{ENGINES[check['by']].title} at the same is {short(check['error'], 2)} away."
            if check["by"] in ENGINES
            else "no peer was there to check it."
        ),
        "",
        "<details><summary>Every point</summary>",
        "",
        table(
            [
                "engine",
                "rtol",
                "error",
                "patients/s/core",
                "lowest – highest",
                "by the clock",
                "patients",
                "failed",
                "steps",
            ],
            [
                [
                    ENGINES[key].title,
                    f"{p['rtol']:g}",
                    f"{p['error']:.2e}",
                    short(p["rate"]),
                    f"{short(p['lowest'])} – {short(p['highest'])}",
                    short(p["clock_rate"]),
                    str(p["patients"]),
                    str(p["failed"]),
                    short(p["steps"]) if p["steps"] else "",
                ]
                for key, some in result["points"].items()
                for p in some
            ],
        ),
        "",
        "</details>",
    ]
    return "\n".join(lines)


def figure(result: Result, path: Path) -> None:
    """Curves of a case."""
    curves(
        path,
        f"{result['case']}: work and precision",
        {ENGINES[key].title: curve(result, key) for key in result["points"]},
        ("median error", "patients a second and core"),
    )


def pairs(how: Settings) -> Result:
    """Two threads of ours against two processes of libRoadRunner, by the clock."""
    case = case_of("yardstick")
    result: Result = {"missing": "", "cores": 2}
    if not how.peers or ENGINES["libroadrunner"].missing():
        result["missing"] = ENGINES["libroadrunner"].missing() or "peers were left out"
    kinds = ["ours-twice"] + ([] if result["missing"] else ["libroadrunner", "libroadrunner"])
    workers = [Worker(kind, core=None if not i else i - 1) for i, kind in enumerate(kinds)]
    try:
        for worker in workers:
            worker.ask(("prepare", case))
        reference = workers[0].ask(("run", N_REFERENCE, REFERENCE_RTOL)).values
        rounds: dict[str, list[Result]] = {"ours-twice": [], "libroadrunner": []}
        many = max(_count("ours-twice", workers[0], 5e-4, how), 1024)
        few = 0 if result["missing"] else max(_count("libroadrunner", workers[1], 1e-4, how), 8)
        for _ in range(how.rounds):
            rounds["ours-twice"].append(_point(workers[0], many, 5e-4, reference))
            for worker in workers[1:]:
                worker.send(("run", few, 1e-4))
            found = [worker.answer() for worker in workers[1:]]
            if found:
                slowest = max(t.clock_s for t in found)
                known = min(few, N_REFERENCE)
                rounds["libroadrunner"].append(
                    {
                        "rate": sum(t.count for t in found) / sum(t.processor_s for t in found),
                        "clock_rate": sum(t.count for t in found) / slowest,
                        "error": median_error(found[0].values[:known], reference[:known]),
                    }
                )
    finally:
        for worker in workers:
            worker.close()
    result["points"] = {
        key: {
            "processor": spread([p["rate"] for p in some])[0],
            "per_core": spread([p["clock_rate"] for p in some])[0] / 2,
            "error": some[-1]["error"],
        }
        for key, some in rounds.items()
        if some
    }
    return result


def pairs_text(result: Result) -> str:
    """The table of :func:`pairs`."""
    rows = [
        [
            ENGINES[key].title
            if key.startswith("ours")
            else f"{ENGINES[key].title}, two processes",
            short(p["per_core"]),
            short(p["processor"]),
            f"{p['error']:.1e}",
        ]
        for key, p in result["points"].items()
    ]
    if result["missing"]:
        rows.append([f"libRoadRunner: {result['missing']}", "", "", ""])
    return table(
        ["on two cores", "patients/s/core by the clock", "by processor time", "error"], rows
    )
