"""Fit the response to saline and procedure, and write it into the tables.

    python scripts/calibrate_placebo.py            # prints the fit beside the tables
    python scripts/calibrate_placebo.py --write    # and rewrites patient/placebo.csv
                                                   # and its line in patient/correlations.csv

Fitted to the arms of ``evidence/arms.csv`` that are kept for calibration; arms kept for
prediction are never read here.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from exocast.evidence.arms import arms_for
from exocast.evidence.rows import COLUMNS, Row, package_table
from exocast.patient import placebo

PATIENT = Path(placebo.__file__).parent
PAIR = ("placebo.effect", "placebo.lasting")


def main() -> None:
    """Fit, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="rewrite the tables")
    write = parser.parse_args().write
    result = placebo.fit()
    old = package_table("patient", "placebo")
    print(f"log-likelihood {result.log_likelihood:.3f}")
    print(f"{'row':<10} {'table':>18} {'fit':>18}")
    for row in placebo.fitted_rows(result):
        print(f"{row.id:<10} {_shown(old[row.id]):>18} {_shown(row):>18}")
    print(f"correlation of effect and lasting {result.correlation:.2f}")
    print(f"log SD of tau between pools {result.disagreement:.2f}")
    print("\narm            week   observed  fitted     SD    tau")
    for arm in arms_for("calibration"):
        model = placebo.moments(arm, result.procedure)
        for at, visit in enumerate(arm.visits):
            unit = model.pooled_sd[at] if visit.statistic == "smd" else 1.0
            tau = abs(model.by_study[at]) * result.procedure.study
            print(
                f"{arm.name:<14} {visit.week:4g} {visit.value:10.2f} {model.mean[at] / unit:7.2f}"
                f" {model.sd[at]:6.1f} {tau:6.1f}"
            )
    if write:
        _write_rows(PATIENT / "placebo.csv", placebo.fitted_rows(result))
        _write_correlation(PATIENT / "correlations.csv", result.correlation)


def _shown(row: Row) -> str:
    return f"{row.value:g} ({', '.join(f'{s:g}' for s in row.spread)})"


def _write_rows(path: Path, rows: tuple[Row, ...]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            record = {c: getattr(row, c) for c in COLUMNS}
            record["value"] = f"{row.value:g}"
            record["spread"] = "..".join(f"{s:g}" for s in row.spread)
            writer.writerow(record[c] for c in COLUMNS)


def _write_correlation(path: Path, r: float) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    kept = [line for line in lines if tuple(line[:2]) != PAIR]
    fitted = "saline arms of knee trials; curvature of the likelihood"
    kept.append([*PAIR, f"{r:.2f}", fitted, "placebo_fit", "scripts/calibrate_placebo.py", "A"])
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(kept)


if __name__ == "__main__":
    main()
