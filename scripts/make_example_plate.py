"""Write the example plates of the potency assay: our own made data, nothing was measured.

Light of a reporter in cells that vesicles calm: it falls over the dose. Three runs of one plate
each, reference and lot 7 at ten doses in triplicate. The lot was made 0.70 times as potent as
the reference, with a small shift of its own each day. One well of the second run was knocked over
and is excluded. The same numbers come out each time: ``python scripts/make_example_plate.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from exocast.evidence.chance import normal_scores

TARGET = Path(__file__).parent.parent / "examples" / "potency" / "plate.csv"
DOSES_UG_PER_ML = (0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8)
RUNS, REPLICATES, SEED = 3, 3, 7
TOP, FLOOR, EC50_UG_PER_ML, SLOPE = 21000.0, 4600.0, 6.0, 1.1
RELATIVE, DAY_SD, WELL_SD = 0.70, 0.04, 0.03
SPILT = (2, "lot 7", 12.8, 1)


def plate_text() -> str:
    """The table, a line a well."""
    lines = ["run,plate,well,sample,dose,dose_unit,response,excluded,reason"]
    count = RUNS * 2 * len(DOSES_UG_PER_ML) * REPLICATES
    scores = iter(normal_scores(SEED, "example.well", count))
    days = normal_scores(SEED, "example.day", 2 * RUNS)
    for run in range(1, RUNS + 1):
        light = np.exp(0.1 * days[run - 1])
        shift = RELATIVE * np.exp(DAY_SD * days[RUNS + run - 1])
        for number, (sample, potency) in enumerate((("reference", 1.0), ("lot 7", shift))):
            for column, dose in enumerate(DOSES_UG_PER_ML, start=2):
                share = 1 / (1 + (EC50_UG_PER_ML / (potency * dose)) ** SLOPE)
                mean = light * TOP * (FLOOR / TOP) ** share
                for replicate in range(REPLICATES):
                    value = mean * np.exp(WELL_SD * next(scores))
                    spilt = (run, sample, dose, replicate) == SPILT
                    lines.append(
                        f"{run},day {run},{'BCDEFG'[3 * number + replicate]}{column},{sample},"
                        f"{dose:g},ug/mL,{'' if spilt else f'{value:.0f}'},"
                        f"{'yes' if spilt else 'no'},{'well spilt' if spilt else ''}"
                    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(plate_text(), encoding="utf-8", newline="\n")
    print(TARGET)
