"""Sensitivities of the yardstick to 20 parameters: shared steps beside AMICI's forward equations.

The values of a patient are p·∂y/∂p, so that all parameters weigh alike; observables by parameters
stand on one axis, and the error is that of ``arithmetic``.
"""

from __future__ import annotations

from typing import Any

from arithmetic import median_error, spread
from cases import case_of
from engines import ENGINES
from settings import Settings
from tables import short, table, times
from worker import Failed, Worker

TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6)
REFERENCE_RTOL = 1e-10
N_REFERENCE = 8
N_CHECKED = 2
KEYS = ("ours-forward", "amici-forward")


def measure(how: Settings) -> dict[str, Any]:
    """Rates and errors of both, in turn."""
    case = case_of("yardstick").head(512)
    workers: dict[str, Worker] = {}
    missing: dict[str, str] = {}
    once: dict[str, float] = {}
    for key in KEYS:
        why = ENGINES[key].missing()
        if key != "ours-forward" and not (how.peers and how.slow):
            why = "its code takes minutes to make" if how.peers else "peers were left out"
        if why:
            missing[key] = why
            continue
        workers[key] = Worker(key, core=0)
        try:
            once[key] = workers[key].ask(("prepare", case)).clock_s
        except Failed as e:
            missing[key] = str(e)
            workers.pop(key).close()
    try:
        ours = workers["ours-forward"]
        reference = ours.ask(("run", N_REFERENCE, REFERENCE_RTOL)).values
        check = float("nan")
        if "amici-forward" in workers:
            other = workers["amici-forward"].ask(("run", N_CHECKED, 1e-8)).values
            check = median_error(other, reference[:N_CHECKED])
        rounds: dict[tuple[str, float], list[dict[str, float]]] = {}
        for _ in range(how.rounds):
            for rtol in TOLERANCES:
                for key, worker in workers.items():
                    timed = worker.ask(("run", ENGINES[key].fewest, rtol))
                    known = min(len(timed.values), N_REFERENCE)
                    rounds.setdefault((key, rtol), []).append(
                        {
                            "rate": timed.count / timed.processor_s,
                            "error": median_error(timed.values[:known], reference[:known]),
                        }
                    )
    finally:
        for worker in workers.values():
            worker.close()
    return {
        "missing": missing,
        "check": check,
        "once_s": once,
        "parameters": len(case.varied),
        "rows": [
            {
                "engine": key,
                "rtol": rtol,
                "rate": spread([r["rate"] for r in some]),
                "error": some[-1]["error"],
            }
            for (key, rtol), some in rounds.items()
        ],
    }


def text(result: dict[str, Any]) -> str:
    """The table, and what one is of the other at the same tolerance."""
    rates = {(row["engine"], row["rtol"]): row["rate"][0] for row in result["rows"]}
    rows = []
    for row in sorted(result["rows"], key=lambda r: (KEYS.index(r["engine"]), -r["rtol"])):
        ours = rates["ours-forward", row["rtol"]]
        rows.append(
            [
                ENGINES[row["engine"]].title,
                f"{row['rtol']:g}",
                f"{row['error']:.1e}",
                "{} ({} – {})".format(*map(short, row["rate"])),
                "" if row["engine"] == "ours-forward" else times(ours / row["rate"][0]),
            ]
        )
    rows += [[f"{ENGINES[k].title}: {why}", "", "", "", ""] for k, why in result["missing"].items()]
    made = ", ".join(f"{ENGINES[k].title} {short(s)} s" for k, s in result["once_s"].items())
    return "\n".join(
        [
            f"p·∂y/∂p of 14 observables at 53 times for {result['parameters']} parameters; "
            f"code made in: {made}. Reference: ours at rtol {REFERENCE_RTOL:g}"
            + (
                f"; AMICI at 1e-8 is {short(result['check'], 2)} away."
                if result["check"] == result["check"]
                else "; no peer was there to check it."
            ),
            "",
            table(
                ["engine", "rtol", "error", "patients/s/core (range)", "ours, at this rtol"], rows
            ),
        ]
    )
