"""Writes the register's tables from the transcribed literature tables.

    python scripts/transcribe_register.py [FOLDER]      # default: EXOCAST_REFERENCE, or ../shared

What was found since (identifiers, corrections, studies more) stands in ``register/amendments`` with
the place where it was seen, and is put over them.

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
AMENDMENTS = HOME / "amendments"


def amendments(name: str) -> list[dict[str, str]]:
    """A table of what was found since."""
    with (AMENDMENTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def identified(studies: list[dict[str, str]]) -> list[dict[str, str]]:
    """Studies with the identifiers that were found for them; one that is printed stays."""
    found = {row["study_id"]: row for row in amendments("identifiers")}
    unknown = found.keys() - {row["study_id"] for row in studies}
    if unknown:
        raise SystemExit(f"identifiers.csv names studies that are not there: {sorted(unknown)}")
    return [
        {
            key: value or found.get(row["study_id"], {}).get(key, "")
            if key in {"doi", "pmid", "pmcid", "url", "via"}
            else value
            for key, value in row.items()
        }
        for row in studies
    ]


def amended(name: str, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Rows with the corrections put over them; one that no longer fits stops the script."""
    # Labels may be exchanged: a correction looks at what stood there before all of them.
    before = [dict(row) for row in rows]
    for change in amendments("corrections"):
        if change["table"] != name:
            continue
        hits = [
            at
            for at, row in enumerate(before)
            if row["study_id"] == change["study_id"]
            and (not change["line_holds"] or row["intervention"] == change["line_holds"])
        ]
        if not hits or any(before[at][change["column"]] != change["old"] for at in hits):
            raise SystemExit(f"this correction fits no row any more: {change}")
        for at in hits:
            rows[at][change["column"]] = change["new"]
    return rows


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

    results = amended("results", [*map(result_of, table("evidence.csv")), *amendments("results")])
    studies = [*map(study_of, table("studies.csv")), *amendments("studies")]
    write("results.csv", results)
    write("studies.csv", amended("studies", identified(studies)))
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
