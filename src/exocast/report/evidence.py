"""The register for people: lists of studies, pools in words, forest plots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from exocast.errors import InvalidInput
from exocast.evidence.query import NORMAL_95, Answer
from exocast.report import appraisal
from exocast.report.figures import BLUE, FAINT, INK, LINE, Figure, canvas, finished

WIDTH = 7.4
ROW = 0.26


def record(query: str, found: Answer, *, method: str, test: str) -> dict[str, Any]:
    """What ``evidence pool`` prints, as the schema says."""
    pooled = found.pooled
    low, high = pooled.interval if pooled else (None, None)

    def entries(some: Any) -> list[dict[str, Any]]:
        return [
            {
                "study_id": e.study_id,
                "label": e.label,
                "week": e.week,
                "n": e.n,
                "value": _known(e.value),
                "standard_error": _known(e.standard_error),
                "how": e.how,
            }
            for e in some
        ]

    return {
        "query": query,
        "value": pooled.value if pooled else None,
        "low": _known(low),
        "high": _known(high),
        "prediction_low": _known(pooled.prediction_low) if pooled else None,
        "prediction_high": _known(pooled.prediction_high) if pooled else None,
        "tau": pooled.tau if pooled else None,
        "i2": pooled.i2 if pooled else None,
        "method": method,
        "test": test,
        "entries": entries(found.entries),
        "left_out": entries(found.left_out),
    }


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def pool_text(made: Mapping[str, Any]) -> str:
    """A pool in words, then its arms, then what was left out and why."""
    entries = made["entries"]
    lines = []
    if made["value"] is None:
        lines.append("No arm of the register answers this with a change and its spread.")
    else:
        studies = len({e["study_id"] for e in entries})
        lines.append(
            f"Change on 0-100, minus is better: {made['value']:.1f}"
            + (f" ({made['low']:.1f} to {made['high']:.1f})" if made["low"] is not None else "")
            + f", from {len(entries)} {_plural('arm', len(entries))} of {studies} "
            f"{_plural('study', studies)}."
        )
        if made["prediction_low"] is not None:
            lines.append(
                f"A new study: {made['prediction_low']:.1f} to {made['prediction_high']:.1f} "
                f"(SD between studies {made['tau']:.1f}, I2 {made['i2']:.0f} %)."
            )
        if studies < 3:
            lines.append("That is too few studies to know how much studies differ.")
        if studies < len(entries):
            lines.append("Arms of one study are pooled as if they were of different ones.")
        lines.append("It is a change from baseline: it holds regression to the mean and placebo.")
        lines += ["", f"{'arm':44} {'week':>5} {'n':>5} {'change':>8} {'SE':>6}  from"]
        lines += [
            f"{e['label'][:44]:44} {e['week']:5g} {_people(e['n']):>5} "
            f"{e['value']:8.1f} {e['standard_error']:6.1f}  {e['how']}"
            for e in entries
        ]
    if made["left_out"]:
        lines += ["", "Left out:"]
        lines += [f"  {e['label']}: {e['how']}." for e in made["left_out"]]
    return "\n".join(lines) + "\n"


def studies_text(made: Mapping[str, Any]) -> str:
    """Studies, one a line."""
    lines = [
        f"{s['study_id']:28} {s['year']:>4}  {s['design']}; {s['title']} [{s['address']}]"
        for s in made["studies"]
    ]
    count = len(lines)
    return "\n".join([*lines, f"{count} {_plural('study', count)}."]) + "\n"


def study_text(made: Mapping[str, Any]) -> str:
    """A study with its results, what is open about them, and why it is graded so."""
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
    if s["folder"]:
        lines.append(f"  from {s['folder']}, not from the package")
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


def forest(query: str, found: Answer) -> Figure:
    """A forest plot of a pool.

    Raises
    ------
    InvalidInput
        When the pool is empty.
    """
    if found.pooled is None:
        raise InvalidInput("there is no arm to draw.", where="query")
    entries, pooled = found.entries, found.pooled
    rows = len(entries) + 2  # one for the pool, one for a new study

    low, high = pooled.interval
    words = (
        f"Forest plot of {len(entries)} arms for '{query}': pooled change {pooled.value:.1f}"
        + (f", interval {low:.1f} to {high:.1f}." if math.isfinite(low) else ".")
    )
    with canvas((WIDTH, 1.1 + ROW * rows), "forest") as (drawing, axes):
        for i, (entry, weight) in enumerate(zip(entries, pooled.weights, strict=True)):
            y = rows - 1 - i
            half = NORMAL_95 * entry.standard_error
            axes.plot([entry.value - half, entry.value + half], [y, y], color=INK, lw=1)
            size = 3 + 6 * math.sqrt(float(weight / pooled.weights.max()))
            axes.plot(entry.value, y, "s", color=BLUE, markersize=size)
        if math.isfinite(low):
            axes.fill([low, pooled.value, high, pooled.value], [1, 1.25, 1, 0.75], color=BLUE)
        labels = [f"{e.label} (week {e.week:g})" for e in entries]
        places = [float(rows - 1 - i) for i in range(len(entries))]
        if math.isfinite(pooled.prediction_low):
            axes.plot([pooled.prediction_low, pooled.prediction_high], [0, 0], color=FAINT, lw=1.5)
            places.append(0.0)
            labels.append("a new study")
        axes.axvline(0, color=LINE, lw=1, zorder=0)
        axes.set_yticks([*places, 1.0], [*labels, f"pooled, {pooled.method}"], fontsize=8.5)
        axes.set_ylim(-0.6, rows - 0.4)
        axes.set_xlabel("change on 0-100, minus is better")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        svg = finished(drawing, "forest")
    return Figure(svg=svg, alt=words, caption=words)


def _people(n: float | None) -> str:
    return "" if n is None else f"{n:g}"


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return "studies" if word == "study" else word + "s"
