"""What a study more would move, for people: a table of before and after, and a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from exocast.errors import InvalidInput
from exocast.patient.impact import Impact
from exocast.report.figures import BLUE, FAINT, INK, LINE, Figure, canvas, finished

WIDTH = 7.4
ROW = 0.42
KINDS = {"pool": "Pools", "row": "Rows", "forecast": "Forecasts"}


def record(found: Impact) -> dict[str, Any]:
    """What ``evidence impact`` prints, as the schema says."""

    def known(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {
        "studies": list(found.studies),
        "moved": [{k: known(v) for k, v in asdict(m).items()} for m in found.moved],
        "notes": list(found.notes),
    }


def text(made: Mapping[str, Any]) -> str:
    """The same in words."""
    lines = [f"New: {', '.join(made['studies'])}."]
    if not made["moved"]:
        lines.append("No number moves.")
    for kind, heading in KINDS.items():
        some = [m for m in made["moved"] if m["kind"] == kind]
        if not some:
            continue
        lines += ["", heading]
        width = max(len(m["name"]) for m in some)
        for m in some:
            unit = "" if m["unit"] == "1" else f" {m['unit']}"
            lines.append(
                f"  {m['name']:{width}}  {_span(m, 'before')} -> {_span(m, 'after')}{unit}"
            )
    if made["moved"]:
        lines += [
            "",
            "In brackets: 95 % of a pool, one SE of a row, 90 % of a forecast's studies.",
            "Nothing was written: rows change when the register does and its scripts are run.",
        ]
    lines += [f"Note: {note}." for note in made["notes"]]
    return "\n".join(lines) + "\n"


def _span(m: Mapping[str, Any], which: str) -> str:
    if m[which] is None:
        return "nothing"
    low, high = m[f"{which}_low"], m[f"{which}_high"]
    ends = f" ({_short(low)} to {_short(high)})" if low is not None and high is not None else ""
    return _short(m[which]) + ends


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def figure(made: Mapping[str, Any]) -> Figure:
    """What forecasts would say before and after; pools where no forecast moves.

    Raises
    ------
    InvalidInput
        When nothing moves.
    """
    some = [m for m in made["moved"] if m["kind"] == "forecast" and m["before"] is not None]
    some = some or [m for m in made["moved"] if m["kind"] == "pool" and m["before"] is not None]
    if not some:
        raise InvalidInput("nothing moves that could be drawn.", where="--plot")
    # One axis holds one unit: the one of most lines.
    units = [m["unit"] for m in some]
    unit = max(sorted(set(units)), key=units.count)
    shown = [m for m in some if m["unit"] == unit]
    words = f"Before and after {', '.join(made['studies'])}: " + "; ".join(
        f"{m['name']} {_span(m, 'before')} to {_span(m, 'after')}" for m in shown
    )
    with canvas((WIDTH, 1.0 + ROW * len(shown)), "impact") as (drawing, axes):
        for row, m in enumerate(shown):
            _line(axes, m, "before", -row, FAINT, "o", row == 0)
            _line(axes, m, "after", -row - 0.3, BLUE, "s", row == 0)
        axes.axvline(0, color=LINE, lw=1, zorder=0)
        axes.set_yticks(
            [-row - 0.15 for row in range(len(shown))], [_wrapped(m["name"]) for m in shown]
        )
        axes.tick_params(axis="y", length=0, labelsize=8.5)
        axes.set_ylim(-len(shown) + 0.45, 0.5)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(unit if unit != "1" else "", color=INK)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        svg = finished(drawing, "impact")
    return Figure(svg=svg, alt=words, caption=words)


def _line(
    axes: Any, m: Mapping[str, Any], which: str, y: float, colour: str, mark: str, first: bool
) -> None:
    if m[which] is None:
        return
    low, high = m[f"{which}_low"], m[f"{which}_high"]
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=colour, lw=1.4)
    axes.plot([m[which]], [y], mark, color=colour, ms=5, label=which if first else "")


def _wrapped(name: str, at: int = 44) -> str:
    lines: list[str] = [""]
    for word in name.split():
        if lines[-1] and len(lines[-1]) + len(word) >= at:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
