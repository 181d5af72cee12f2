"""The register for people: lists of studies and what is open about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def studies_text(made: Mapping[str, Any]) -> str:
    """Studies, one a line."""
    lines = [
        f"{s['study_id']:28} {s['year']:>4}  {s['design']}; {s['title']} [{s['address']}]"
        for s in made["studies"]
    ]
    count = len(lines)
    return "\n".join([*lines, f"{count} {_plural('study', count)}."]) + "\n"


def study_text(made: Mapping[str, Any]) -> str:
    """A study with its results and what is open about them."""
    s = made["study"]
    lines = [
        f"{s['study_id']}: {s['title']}",
        f"  {s['design']}; {s['species']}; {s['people'] or 'nobody counted'}; {s['year']}",
        f"  {s['address']}",
        f"  risk of bias, first impression: {s['bias'] or 'none written down'}",
    ]
    lines += [
        f"  {words}: {s[name]}"
        for name, words in (
            ("registration", "registered as"),
            ("funding", "funding"),
            ("maker_link", "the maker's hand"),
            ("retraction", "corrected since"),
        )
        if s[name]
    ]
    if not s["resolved"]:
        lines.append("  No identifier leads to it: it weighs nothing.")
    for r in made["results"]:
        week = "" if r["week"] is None else f" week {r['week']:g},"
        numbers = [
            f"{name} {r[key]:g}"
            for key, name in (("value", "value"), ("sd", "SD"), ("change", "change"))
            if r[key] is not None
        ]
        if r["low"] is not None and r["high"] is not None:
            numbers.append(f"{r['interval']} {r['low']:g} to {r['high']:g}")
        shown = ", ".join(numbers) or r["note"].partition(";")[2].strip() or "no number"
        lines.append(f"  {r['intervention']} | {r['endpoint']} |{week} {shown} ({r['place']})")
    lines += [f"  {f['severity']} {f['code']}: {f['message']}" for f in made["findings"]]
    return "\n".join(lines) + "\n"


def status_text(made: Mapping[str, Any]) -> str:
    """Status entries, one a line, with date and confidence."""
    lines = [
        f"{s['jurisdiction']}, {s['product']}: {s['status']} "
        f"({s['date'] or 'no date'}; {s['said_by']}; confidence {s['confidence']})"
        for s in made["status"]
    ]
    checked = sorted({s["checked"] for s in made["status"]})
    end = (
        f"Last looked at {', '.join(checked)}." if checked else "The register has no such product."
    )
    return "\n".join([*lines, end]) + "\n"


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return "studies" if word == "study" else word + "s"
