"""What the engine is to reach, what it reaches, and what limits it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import curves
from arithmetic import rate_at
from tables import short, table

# With eight numbers to a register; half of it with four.
RATES = (
    ("libroadrunner", 1e-4, 100.0, 180.0),
    ("libroadrunner", 2e-6, 70.0, 130.0),
    ("amici", 1e-4, 50.0, 90.0),
    ("amici", 2e-6, 35.0, 60.0),
    ("kvaerno3", 3e-4, 1000.0, 2500.0),
)
NAMES = {"libroadrunner": "libRoadRunner", "amici": "AMICI", "kvaerno3": "diffrax under vmap"}
FORWARD = (1e-4, 20.0, 60.0)
STARTS = (("no cache", 0.6, 0.35), ("cached", 0.3, 0.15))
SHARE = (0.30, 0.65)
FLAT = 1.05
LIMITS = {
    "rates": "vector instructions of a step, at the share of the bound given below; loads and "
    "stores of stage vectors that do not fit into registers come on top",
    "diffrax": "the same; its own limit is that all patients wait for the slowest, with a dense "
    "factorisation each",
    "forward": "41 runs a patient in groups of eight, each group at the pace of its stiffest lane",
    "no cache": "LLVM, two fifths of it; imports of NumPy and llvmlite, a quarter",
    "cached": "imports of NumPy and llvmlite, more than half of it",
    "share": "loads and stores, which the bound leaves out",
    "memory": "one slice of patients at a time",
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """One line of the table."""

    what: str
    floor: float
    aim: float
    found: float
    less_is_better: bool = False
    limit: str

    def verdict(self) -> str:
        """Whether floor or aim is reached."""
        if self.found != self.found:
            return "not measured"
        sign = -1.0 if self.less_is_better else 1.0
        if sign * self.found >= sign * self.aim:
            return "aim reached"
        return "floor reached" if sign * self.found >= sign * self.floor else "**missed**"


def targets(results: dict[str, Any]) -> list[Target]:
    """All of them, from what was measured; NaN for what was not."""
    nan = float("nan")
    width = results.get("bound", {}).get("width", 4)
    share = 1.0 if width == 8 else 0.5
    found: list[Target] = []
    yardstick = results.get("yardstick", {})
    for key, error, floor, aim in RATES:
        ratio = nan
        if key in yardstick.get("points", {}):
            ratio = rate_at(error, curves.curve(yardstick, "ours")) / rate_at(
                error, curves.curve(yardstick, key)
            )
        found.append(
            Target(
                what=f"{NAMES[key]}, times, at error {error:g}",
                floor=share * floor,
                aim=share * aim,
                found=ratio,
                limit=LIMITS["diffrax" if key == "kvaerno3" else "rates"],
            )
        )
    rtol, floor, aim = FORWARD
    rates = {
        row["engine"]: row["rate"][0]
        for row in results.get("sensitivities", {}).get("rows", [])
        if row["rtol"] == rtol
    }
    both = {"ours-forward", "amici-forward"} <= rates.keys()
    found.append(
        Target(
            what="sensitivities to 20 parameters, times AMICI forward, rtol 1e-4",
            floor=share * floor,
            aim=share * aim,
            found=rates["ours-forward"] / rates["amici-forward"] if both else nan,
            limit=LIMITS["forward"],
        )
    )
    for way, floor, aim in STARTS:
        cold = results.get("cold", {})
        found.append(
            Target(
                what=f"new process to first patient, s, {way}",
                floor=floor,
                aim=aim,
                found=cold[way]["whole"][0] if way in cold else nan,
                less_is_better=True,
                limit=LIMITS[way],
            )
        )
    points = results.get("bound", {}).get("rates", [])
    found.append(
        Target(
            what="share of the vector-issue bound, worst tolerance",
            floor=SHARE[0],
            aim=SHARE[1],
            found=min((p["share"][0] for p in points), default=nan),
            limit=LIMITS["share"],
        )
    )
    peaks = [p["peak_mb"] for p in results.get("memory", {}).get("peaks", {}).values()]
    found.append(
        Target(
            what="memory, most over fewest patients streamed",
            floor=FLAT,
            aim=FLAT,
            found=max(peaks) / peaks[0] if peaks else nan,
            less_is_better=True,
            limit=LIMITS["memory"],
        )
    )
    return found


def text(results: dict[str, Any]) -> str:
    """The table."""
    rows = [
        [t.what, short(t.floor), short(t.aim), short(t.found), t.verdict(), t.limit]
        for t in targets(results)
    ]
    return table(["what", "floor", "aim", "measured", "", "what limits it"], rows)
