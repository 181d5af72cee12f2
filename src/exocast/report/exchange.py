"""Imports and exports of the register for people: what would change, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from exocast.evidence.exchange import Comparison

STATES = ("new", "changed", "same", "maybe")
MOST_LINES_SHOWN = 12
MOST_SAME_SHOWN = 8
LONGEST = 90


def import_record(made: Comparison, *, into: Path | None, written: bool) -> dict[str, Any]:
    """What ``evidence import`` prints, as the schema says."""
    counts = Counter(one.state for one in made.differences)
    studies = []
    for one in made.differences:
        shown = asdict(one)
        shown["candidates"] = [{"study_id": c.study_id, "why": c.why} for c in one.candidates]
        shown["changes"] = [asdict(change) for change in one.changes]
        shown["changed_lines"] = [
            {"what": line.what, "changes": [asdict(change) for change in line.changes]}
            for line in one.changed_lines
        ]
        studies.append(shown)
    return {
        "into": None if into is None else str(into),
        "written": written,
        "counts": {state: counts[state] for state in STATES},
        "studies": studies,
    }


def import_text(made: Mapping[str, Any]) -> str:
    """An import in words: each study, then what was written or how to write it."""
    same = [one for one in made["studies"] if one["state"] == "same"]
    listed = same if len(same) <= MOST_SAME_SHOWN else []
    shown = [one for one in made["studies"] if one["state"] != "same" or one in listed]
    lines = [line for one in shown for line in _study(one)]
    if len(same) > len(listed):
        ids = ", ".join(one["study_id"] for one in same[:MOST_SAME_SHOWN])
        lines.append(f"same     {ids} and {len(same) - MOST_SAME_SHOWN} more")
    counts = ", ".join(f"{made['counts'][state]} {_state(state)}" for state in STATES)
    number = len(made["studies"])
    lines += ["", f"{number} {'study' if number == 1 else 'studies'}: {counts}."]
    contradicted = any(
        not change["taken"]
        for one in made["studies"]
        for change in (
            *one["changes"],
            *(c for line in one["changed_lines"] for c in line["changes"]),
        )
    )
    if made["counts"]["maybe"]:
        lines.append(
            "What may be a study of the register is left out until you say: --same ID=STUDY, or "
            "--new ID."
        )
    if contradicted:
        lines.append(
            "Cells marked 'kept' stand as they are; --update puts what comes in in their place. "
            "Lines of results of the package stay in any case."
        )
    if made["written"]:
        lines.append(f"Written to {made['into']}; read it with --library {made['into']}.")
    elif made["into"]:
        lines.append(f"Nothing changes in {made['into']}.")
    else:
        lines.append("Nothing was written; add --into DIR to write to a folder of yours.")
    return "\n".join(lines).lstrip("\n") + "\n"


def _state(state: str) -> str:
    return "maybe the same as another" if state == "maybe" else state


def _study(one: Mapping[str, Any]) -> list[str]:
    address = f" [{one['address']}]" if one["address"] else " [no identifier]"
    title = _short(one["title"]) or "(results only)"
    lines = [f"{one['state']:8} {one['study_id']}  {title}{address}"]
    if one["state"] == "same":
        there = f"; {_lines(one['same_lines'])} of results there" if one["same_lines"] else ""
        return [*lines, f"         known by {one['why']}{there}"]
    if one["why"] and one["state"] != "maybe":
        lines.append(f"         known by {one['why']}")
    lines += [f"         may be {c['study_id']}: {c['why']}" for c in one["candidates"]]
    lines += [f"         {_change(change)}" for change in one["changes"]]
    if one["state"] == "maybe":
        if one["new_lines"]:
            lines.append(f"         {_lines(one['new_lines'])} of results wait with it")
        return lines
    counted = [
        f"{_lines(one['new_lines'])} new" if one["new_lines"] else "",
        f"{_lines(one['same_lines'])} there already" if one["same_lines"] else "",
        f"{_lines(len(one['changed_lines']))} with other cells" if one["changed_lines"] else "",
    ]
    if any(counted):
        lines.append(f"         results: {', '.join(part for part in counted if part)}")
    for line in one["changed_lines"][:MOST_LINES_SHOWN]:
        lines.append(f"           {_short(line['what'])}")
        lines += [f"             {_change(change)}" for change in line["changes"]]
    if len(one["changed_lines"]) > MOST_LINES_SHOWN:
        lines.append(f"           and {len(one['changed_lines']) - MOST_LINES_SHOWN} more")
    return lines


def _change(change: Mapping[str, Any]) -> str:
    new = f"'{_short(change['new'])}'"
    if not change["old"]:
        said = f"{change['field']}: nothing -> {new}"
    else:
        said = f"{change['field']}: '{_short(change['old'])}' -> {new}"
    return said + ("" if change["taken"] else "  (kept)")


def _lines(count: int) -> str:
    return f"{count} {'line' if count == 1 else 'lines'}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
