"""Fit what the rates of single cells leave open in the macrophage: TRIF on TAK1, activity of LPS.

    python scripts/calibrate_macrophage.py            # prints the fits beside the table
    python scripts/calibrate_macrophage.py --check    # and fails when the table is not their result
    python scripts/calibrate_macrophage.py --write    # or rewrites the rows of cell/receptors.csv

Calibration, and no more than this: the most of the kinase without MyD88 (one number of Cheng 2015)
gives how strongly TRIF reaches TAK1; kinase and nuclear NF-kB of wild-type cells there, at two
doses, give the activity of their LPS; the half dose of TNF in slices (Nyman 2020) gives that of
the LPS in slices. RNA of knock-outs (Caldwell 2014), steepness and courses of TNF are read by
tests alone. Courses are read where they are, in EXOCAST_REFERENCE.
"""

from __future__ import annotations

import argparse
import csv
import functools
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

import emulated
from exocast import engine
from exocast.evidence.rows import Row, package_table
from exocast.study import statistics

Array = NDArray[np.float64]
PACKAGE = Path(engine.__file__).parent.parent
TABLE = PACKAGE / "cell" / "receptors.csv"
TRIPLETS = PACKAGE / "study" / "triplets"
SITE = "well_macrophage"
VARIED = ("receptors_lps_potency", "receptors_k_tak1_trif", "receptors_with_myd88")
SEEN = ("ikk_active_percent", "nuclear_nfkb", "tnf_pg_per_ml")
KINASE, NUCLEUS, TNF = SEEN
# What is measured says little below a tenth of the largest, here as in the tests.
FLOOR = 0.1
EARLY = np.arange(0.0, 240.1, 5.0)
LADDER = np.array([10.0, 50.0, 100.0, 250.0, 500.0, 1000.0])
MINUTES_A_DAY, PG_PER_NG = 1440.0, 1e3


@dataclass(frozen=True)
class Fit:
    """Fitted values by row and what is said of each, with the spreads that the data tell."""

    values: dict[str, float]
    notes: dict[str, str]
    spreads: dict[str, float]


@functools.cache
def well() -> tuple[engine.Model, float]:
    """The macrophage's well, and the volume of its medium."""
    model = engine.assemble(SITE)
    volume = next(r.value for r in model.rows if r.key == model.origins["culture_medium_volume"])
    return engine.compile(model.sbml, varied=VARIED, observe=SEEN), volume


def courses(
    minutes: Array,
    ng_per_ml: Sequence[float],
    activity: float,
    strength: float,
    with_myd88: float = 1.0,
) -> Array:
    """Courses of what is seen, ``(n_doses, n_times, n_seen)``."""
    model, volume = well()
    doses = [
        {"run": run, "time": 0.0, "amount": dose * PG_PER_NG * volume, "target": "stimuli_lps"}
        for run, dose in enumerate(ng_per_ml)
    ]
    runs = model.run(
        minutes / MINUTES_A_DAY,
        varied=np.tile([activity, strength, with_myd88], (len(ng_per_ml), 1)),
        doses=pd.DataFrame(doses),
        rtol=1e-8,
        processes=1,
    )
    if any(engine.STATUS[int(s)] != "ok" for s in runs.status):
        raise SystemExit("a run of the macrophage failed")
    return np.asarray(runs.values)


@functools.cache
def measured() -> dict[tuple[str, float, float], float]:
    """Cheng 2015, wild type: what is seen, ng/mL and min, over the largest at 100 ng/mL."""
    folder = Path(os.environ.get("EXOCAST_REFERENCE", "../shared")) / "literature" / "datasets"
    doses = {"LPS low (1 ng/mL)": 1.0, "LPS high (100 ng/mL)": 100.0}
    kinds = {"IKK activity": KINASE, "nuclear NF-kB": NUCLEUS}
    found = {}
    for name in ("cheng_2015_tlr4_ikk_wildtype", "cheng_2015_tlr4_nfkb_irf3"):
        with (folder / f"{name}.csv").open(encoding="utf-8") as file:
            for line in csv.DictReader(file):
                dose, kind = line["condition"].split("; ")
                if kind in kinds and float(line["x"]) > 0:
                    found[kinds[kind], doses[dose], float(line["x"])] = float(line["y"])
    return found


def misses(activity: float, strength: float) -> Array:
    """Logarithm of found over measured, each with the floor added."""
    data = measured()
    at = {dose: run for run, dose in enumerate((1.0, 100.0))}
    runs = courses(EARLY, tuple(at), activity, strength)

    def level(seen: str, dose: float, minute: float) -> float:
        return float(np.interp(minute, EARLY, runs[at[dose], :, SEEN.index(seen)]))

    most = {
        seen: max(level(seen, 100.0, m) for s, d, m in data if s == seen and d == 100.0)
        for seen in (KINASE, NUCLEUS)
    }
    return np.array(
        [
            np.log((level(s, d, m) / most[s] + FLOOR) / (value + FLOOR))
            for (s, d, m), value in data.items()
        ]
    )


def left_without_myd88(activity: float, strength: float) -> float:
    """The most of the kinase without MyD88 over that with it, LPS 100 ng/mL."""
    without, full = (
        courses(EARLY, (100.0,), activity, strength, with_myd88)[0, :, SEEN.index(KINASE)].max()
        for with_myd88 in (0.0, 1.0)
    )
    return float(without / full)


def activity_of(strength: float) -> tuple[float, float, float]:
    """Activity of LPS with the least misfit at a strength of TRIF, its log SD and the misfit."""

    def squares(x: float) -> float:
        return float(np.sum(misses(np.exp(x), strength) ** 2))

    coarse = np.log(np.geomspace(0.5, 32.0, 25))
    near = coarse[int(np.argmin([squares(x) for x in coarse]))]
    step = coarse[1] - coarse[0]
    found = minimize_scalar(squares, bounds=(near - step, near + step), method="bounded")
    each = found.fun / (len(measured()) - 2)
    # Activities whose misfit lies within one SD of the best, on a curve that is no parabola.
    good = [x for x in coarse if squares(x) < found.fun + each] + [found.x]
    sd = max(max(good) - found.x, found.x - min(good), step)
    return float(np.exp(found.x)), float(sd), float(np.sqrt(found.fun / len(measured())))


def half_dose(activity: float, strength: float) -> float:
    """LPS at half of TNF after a day, ng/mL."""
    last = courses(np.array([0.0, MINUTES_A_DAY]), tuple(LADDER), activity, strength)[:, -1]
    half, _ = statistics.hill_curve(LADDER, last[None, :, SEEN.index(TNF)])
    return float(half[0])


def number(name: str, condition: str) -> tuple[float, str]:
    """Value and spread of a condition of a triplet."""
    with (TRIPLETS / f"{name}.csv").open(encoding="utf-8") as file:
        line = next(row for row in csv.DictReader(file) if row["condition"] == condition)
    return float(line["y"]), line["y_spread"]


def fit() -> Fit:
    """The three numbers; the first two are found in turn, as each hardly moves the other."""
    left, _ = number("cheng2015_without_myd88", "most of the kinase without MyD88")
    strength, activity = 40.0, 1.0
    for _ in range(3):
        strength = brentq(
            lambda k, a=activity: left_without_myd88(a, k) - left, 1.0, 300.0, xtol=0.05
        )
        activity, sd, misfit = activity_of(strength)
    aim, se = number("nyman2020_lps_tnf", "half effect")
    slices, fewer = (
        float(np.exp(brentq(lambda x, a=a: np.log(half_dose(np.exp(x), strength) / a), -4.0, 0.0)))
        for a in (aim, aim - float(se))
    )
    before = float(np.sqrt(np.mean(misses(1.0, 0.0) ** 2)))
    return Fit(
        values={
            "k_tak1_trif": float(f"{strength:.2g}"),
            "extracts.lps_potency": float(f"{activity:.2g}"),
            "slices.lps_potency": float(f"{slices:.2g}"),
        },
        notes={
            "k_tak1_trif": (
                f"without MyD88 the kinase reaches {left:g} of its most with it after LPS 100 "
                "ng/mL (Cheng 2015, expdata/ikkKoExp.csv); one blot: spread by judgement"
            ),
            "extracts.lps_potency": (
                f"{len(measured())} values of wild-type cells at two doses: RMS of the logarithm "
                f"{misfit:.2f}, {before:.2f} with one and without RIP1"
            ),
            "slices.lps_potency": "gives their half dose of TNF after a day; its SE is the spread",
        },
        spreads={
            "extracts.lps_potency": float(f"{sd:.2g}"),
            "slices.lps_potency": float(f"{np.log(fewer / slices):.2g}"),
        },
    )


def fitted_rows(result: Fit) -> dict[str, Row]:
    """Rows of the table with the numbers of a fit; a spread that no data tell stays as it is."""
    old = package_table("cell", TABLE.stem)
    rows = {}
    for name, value in result.values.items():
        spread = (result.spreads[name],) if name in result.spreads else old[name].spread
        rows[name] = replace(old[name], value=value, spread=spread, note=result.notes[name])
    return rows


def main() -> None:
    """Fit, print, and check or write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail when the table is stale")
    parser.add_argument("--write", action="store_true", help="rewrite the rows")
    asked = parser.parse_args()
    result = fit()
    old, new = package_table("cell", TABLE.stem), fitted_rows(result)
    for name, row in new.items():
        print(f"{name:<22} table {old[name].value:>8g}  fit {row.value:>8g} ({row.note})")
    if asked.check and not all(
        np.isclose(old[n].value, r.value, rtol=0.05) for n, r in new.items()
    ):
        sys.exit("the table is not what the fit gives: run scripts/calibrate_macrophage.py --write")
    if asked.write:
        emulated.write(TABLE, new)


if __name__ == "__main__":
    main()
