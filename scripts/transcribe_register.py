"""Writes the register's tables from the transcribed literature tables.

    python scripts/transcribe_register.py [FOLDER]      # default: EXOCAST_REFERENCE, or ../shared

The rules by which cells are read stand in ``exocast.evidence.exchange.codebook``; the import of
tables in the same layout has them from there too.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

from exocast.evidence.exchange.codebook import result_of, study_of

HOME = Path(__file__).parents[1] / "src" / "exocast" / "evidence" / "register"


def write(name: str, rows: Iterable[dict[str, str]]) -> None:
    """A table in the package."""
    rows = list(rows)
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{name}: {len(rows)} rows")


def transcribe(folder: Path) -> None:
    """All tables, from the folder of the literature tables."""

    def table(name: str) -> list[dict[str, str]]:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    write("results.csv", map(result_of, table("evidence.csv")))
    write("studies.csv", map(study_of, table("studies.csv")))
    write("population.csv", table("covariates.csv"))
    status = YAML(typ="safe").load((folder / "regulatory.yaml").read_text(encoding="utf-8"))
    columns = ("jurisdiction", "product", "status", "date")
    write(
        "status.csv",
        (
            {key: "" if entry.get(key) is None else str(entry[key]) for key in columns}
            | {"said_by": str(entry.get("source") or ""), "confidence": str(entry["confidence"])}
            | {"checked": str(status["meta"]["checked"])}
            for entry in status["entries"]
        ),
    )


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("EXOCAST_REFERENCE", "../shared")
    transcribe(Path(given) / "literature")
