"""Writes the register's tables from the transcribed literature tables.

    python scripts/transcribe_register.py [FOLDER]      # default: EXOCAST_REFERENCE, or ../shared

What was found since (identifiers, corrections, studies more) stands in ``register/amendments`` with
the place where it was seen, and is put over them.

Cells that hold words where a number is wanted are read by a few rules, all of them here; what a
cell said stays beside the number. A cell that no rule reads leaves the number empty, never guessed.
"""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

HOME = Path(__file__).parents[1] / "src" / "exocast" / "evidence" / "register"
AMENDMENTS = HOME / "amendments"
NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
CHANGE_WITH_SD = re.compile(rf"({NUMBER}) \(SD ({NUMBER})\)")
CHANGE_WITH_DOUBT = re.compile(rf"({NUMBER}) \((?:SD or SE|spread) .*\)")
SCALE = re.compile(rf"({NUMBER})-({NUMBER})(?: (?:mm|cm|Likert|presumed|\(.*\)))?(?:, .*)?")
PEOPLE = re.compile(r"(?:about )?(\d+)(?: (?:knees?|people)(?: analysed)?(?: per arm)?)?")
WEEKS = re.compile(rf"({NUMBER})-({NUMBER})")
REGISTRATION = r"\b(?:NCT\d{8}|ACTRN\d{14}|IRCT\w*\d|ISRCTN\d+|ChiCTR[\w-]+\d|JPRN-\w+)\b"
# What the notes say of the maker's hand, and of corrections since.
MAKER = re.compile(r"maker|manufacturer|sponsor|clinic authors")
CORRECTED = r"\b(?:erratum|retract\w*|corrigendum)(?: \d{4})?(?: \([^)]*\))?"
QUARTILES = {"median", "median_iqr"}


def number(text: str) -> str:
    """The text if it is a number, else nothing."""
    return text if re.fullmatch(NUMBER, text) else ""


def result(row: dict[str, str]) -> dict[str, str]:
    """A row of ``results.csv``."""
    note = row["note"].strip()
    tag = re.match(r"stat=(\w+)", note)
    statistic = tag.group(1) if tag else "unknown"
    change, spread = number(row["change_from_baseline"]), ""
    if found := CHANGE_WITH_SD.fullmatch(row["change_from_baseline"]):
        change, spread = found.groups()
    elif found := CHANGE_WITH_DOUBT.fullmatch(row["change_from_baseline"]):
        change = found.group(1)
    if statistic in {"change_mean", "change_lsmean"}:
        spread = spread or number(row["sd"])
    scale = SCALE.fullmatch(row["scale_range"])
    people = PEOPLE.fullmatch(row["n"])
    weeks = WEEKS.fullmatch(row["time_weeks"])
    printed_se = re.search(rf"\bse=({NUMBER})", note)
    ends = bool(row["ci_low"] and row["ci_high"])
    interval = ""
    if ends:
        interval = "quartiles" if statistic in QUARTILES else "ci95"
        interval = "range" if statistic == "range" else interval
    return {
        "study_id": row["study_id"],
        "species": row["species"],
        "design": row["design"],
        "indication": row["indication"],
        "intervention": row["intervention"],
        "product_source": row["product_source"],
        "dose": row["dose"],
        "dose_unit": row["dose_unit"],
        "route": row["route"],
        "schedule": row["schedule"],
        "n": people.group(1) if people else "",
        "n_text": "" if row["n"].isdigit() else row["n"],
        "endpoint": row["endpoint"],
        "scale_low": scale.group(1) if scale else "",
        "scale_high": scale.group(2) if scale else "",
        "scale_text": row["scale_range"],
        "week": number(row["time_weeks"]),
        "week_low": weeks.group(1) if weeks else "",
        "week_high": weeks.group(2)
        if weeks
        else row["time_weeks"].removeprefix("<=")
        if row["time_weeks"].startswith("<=")
        else "",
        "statistic": statistic,
        "value": number(row["mean"]),
        "sd": "" if statistic in {"change_mean", "change_lsmean"} else number(row["sd"]),
        "change": change,
        "sd_of_change": spread,
        "se": printed_se.group(1) if printed_se else "",
        "low": number(row["ci_low"]),
        "high": number(row["ci_high"]),
        "interval": interval,
        "adverse_events": row["adverse_events"],
        "place": row["where_in_source"],
        "note": note,
    }


def study(row: dict[str, str]) -> dict[str, str]:
    """A row of ``studies.csv``; identifiers apart."""
    text = row["doi_or_nct"]
    dois = re.findall(r"10\.\d{4,9}/[^\s;,]+", text)
    people = re.match(r"(\d[\d,]*)", row["n_total"])
    notes = row["risk_of_bias_notes"]
    return {
        "study_id": row["study_id"],
        "title": row["title"],
        "doi": " ".join(dois),
        "pmid": " ".join(re.findall(r"PMID (\d+)", text)),
        "pmcid": " ".join(re.findall(r"PMC\d+", text)),
        "nct": " ".join(re.findall(r"NCT\d{8}", text.upper())),
        "url": "",
        "via": "",
        "registration": " ".join(re.findall(REGISTRATION, text)),
        "reference": text,
        "journal": row["journal"],
        "year": row["year"],
        "design": row["design"],
        "species": row["species"],
        "n": people.group(1).replace(",", "") if people else "",
        "n_text": row["n_total"],
        "country": row["country"],
        "funding": " ".join(re.findall(r"\bfunded by [^;.,]+|\bmaker[ -]funded\b", notes)),
        "maker_link": "yes" if MAKER.search(f"{row['country']}; {notes}") else "",
        "retraction": "; ".join(re.findall(CORRECTED, notes)),
        "bias": notes,
    }


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

    results = amended("results", [*map(result, table("evidence.csv")), *amendments("results")])
    studies = [*map(study, table("studies.csv")), *amendments("studies")]
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
