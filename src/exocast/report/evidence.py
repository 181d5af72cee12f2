"""The register for people: lists of studies and what is open about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exocast.report import appraisal


def studies_text(made: Mapping[str, Any]) -> str:
    """Studies, one a line."""
    lines = [
        f"{s['study_id']:28} {s['year']:>4}  {_retracted(s)}{s['design']}; {s['title']} "
        f"[{s['address']}]"
        for s in made["studies"]
    ]
    count = len(lines)
    return "\n".join([*lines, f"{count} {_plural('study', count)}."]) + "\n"


def study_text(made: Mapping[str, Any]) -> str:
    """A study with its results, what is open about them, and why it is graded so."""
    s = made["study"]
    lines = [
        f"{s['study_id']}: {_retracted(s)}{s['title']}",
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
            ("retraction", "withdrawn" if s["retracted"] else "corrected since"),
        )
        if s[name]
    ]
    if s["folder"]:
        lines.append(f"  from {s['folder']}, not from the package")
    if s["retracted"]:
        lines.append("  It was retracted: it weighs nothing.")
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
        added = f" [{r['folder']}]" if r["folder"] != s["folder"] else ""
        lines.append(
            f"  {r['intervention']} | {r['endpoint']} |{week} {shown} ({r['place']}){added}"
        )
    lines += [f"  {f['severity']} {f['code']}: {f['message']}" for f in made["findings"]]
    lines += ["", "Why it is graded so"]
    if made["judged"]:
        lines += appraisal.domain_lines(made["judged"])
    else:
        lines.append(f"  risk of bias not judged: {made['not_judged']}.")
    for body in made["bodies"]:
        lines += ["", "  part of this body of evidence:"]
        lines += [f"  {line}" for line in appraisal.body_lines(body)]
    if not made["bodies"]:
        lines.append("  It is part of no body of evidence that is graded.")
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


def _retracted(study: Mapping[str, Any]) -> str:
    return "RETRACTED: " if study["retracted"] else ""


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return "studies" if word == "study" else word + "s"
