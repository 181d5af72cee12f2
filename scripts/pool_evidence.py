"""Writes what the register says into the tables that forecasts use.

    python scripts/pool_evidence.py            # prints the rows beside the table
    python scripts/pool_evidence.py --write    # and rewrites evidence/arms.csv,
                                               # patient/comparators.csv and the
                                               # drift of patient/natural.csv

The response to saline is then fitted to those arms by calibrate_placebo.py.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

from exocast.evidence import arms
from exocast.evidence.rows import COLUMNS, rows_of
from exocast.patient import comparators

ARMS = Path(arms.__file__).with_name("arms.csv")
TARGET = Path(comparators.__file__).with_name("comparators.csv")
NATURAL = TARGET.with_name("natural.csv")


def main() -> None:
    """Build, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="rewrite the table")
    write = parser.parse_args().write
    made = comparators.built_rows()
    old = {row.id: row for row in rows_of(TARGET)} if TARGET.exists() else {}
    print(f"{'row':<36} {'table':>18} {'register':>18}")
    for row in made:
        before = old.get(row.id)
        print(f"{row.id:<36} {_shown(before):>18} {_shown(row):>18}")
    if write:
        _write(TARGET, COLUMNS, comparators.as_records(made))
        _write(ARMS, arms.COLUMNS, arms.from_register())
        _write(NATURAL, COLUMNS, comparators.as_records(natural()))


def natural() -> list[comparators.Row]:
    """Rows of the natural course, the drift as the register has it."""
    value, low, high = arms.untreated()
    return [
        replace(row, value=value, spread=(low, high)) if row.id == "drift" else row
        for row in rows_of(NATURAL)
    ]


def _write(path: Path, columns: list[str], lines: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def _shown(row: comparators.Row | None) -> str:
    if row is None:
        return "-"
    return f"{row.value:g} ({', '.join(f'{s:g}' for s in row.spread)})"


if __name__ == "__main__":
    main()
