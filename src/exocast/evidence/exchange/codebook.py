"""Tables in the layout of the codebook (``evidence.csv`` and ``studies.csv``) as register's lines.

Cells that hold words where a number is wanted are read by a few rules, all of them here; what a
cell said stays beside the number. A cell that no rule reads leaves the number empty, never guessed.
The package's own tables are written with these rules by ``scripts/transcribe_register.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

EVIDENCE = (
    "study_id,doi_or_nct,year,species,design,indication,intervention,product_source,dose,dose_unit,"
    "route,schedule,n,endpoint,scale_range,time_weeks,mean,sd,change_from_baseline,ci_low,ci_high,"
    "adverse_events,where_in_source,note"
).split(",")
STUDIES = (
    "study_id,title,doi_or_nct,journal,year,design,species,n_total,country,risk_of_bias_notes"
).split(",")
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


def result_of(row: Mapping[str, str]) -> dict[str, str]:
    """A line of ``results.csv`` from a line of the codebook's ``evidence.csv``."""
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


def study_of(row: Mapping[str, str]) -> dict[str, str]:
    """A line of ``studies.csv`` from a line of the codebook's own; identifiers apart."""
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
