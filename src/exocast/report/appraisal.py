"""Why evidence is graded so: risk of bias, certainty and harm, in words and as figures.

Figures hold symbols besides colours, so that they read in black and white and without colour
vision, and carry what they show in words inside the SVG.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING, Any

from exocast.errors import InvalidInput
from exocast.evidence.bias import FIRST, OVERALL, TOOLS, Assessment
from exocast.evidence.certainty import DOWN, LEVELS, NO_CONTROLLED, NONE, SYMBOLS, UP, Body
from exocast.evidence.safety import NO_DENOMINATOR, Harm
from exocast.evidence.small_study import of_body
from exocast.report.figures import FAINT, INK, LINE, Figure, canvas, finished

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

COLUMNS = 100  # of text
MARGIN = 0.15  # inches, as all lengths of figures below
STUDY_WIDTH = 2.3
CELL = 0.44
ROW = 0.34
TEXT_ROW = 0.17
SMALL, NORMAL = 8.0, 9.0  # points
LETTER = 0.56  # width of a mean letter, in sizes of the type
POINTS_PER_INCH = 72.0
# Symbols as robvis draws them; colours go from light to dark as the risk grows.
SYMBOL = {
    "low": "+",
    "some concerns": "-",
    "moderate": "-",
    "high": "x",
    "serious": "x",
    "critical": "!",
    "no information": "?",
    "unclear": "?",
}
COLOUR = {
    "low": "#d3ebf6",
    "some concerns": "#ecc55c",
    "moderate": "#ecc55c",
    "high": "#d0702f",
    "serious": "#d0702f",
    "critical": "#7c2d12",
    "no information": "#ffffff",
    "unclear": "#ffffff",
}
HATCH = {
    "low": "",
    "some concerns": "..",
    "moderate": "..",
    "high": "///",
    "serious": "///",
    "critical": "xxx",
}
FINDINGS = (
    ("outcome", 3.0),
    ("studies and people", 1.75),
    ("effect, as reported", 2.1),
    ("certainty", 1.35),
    ("why", 3.5),
)


# Records ------------------------------------------------------------------------------------------


def bias_record(found: Assessment) -> dict[str, Any]:
    """An assessment, as the schema ``evidence-bias`` says."""
    tool = TOOLS[found.tool]
    return {
        "study_id": found.study_id,
        "tool": found.tool,
        "tool_name": tool.name,
        "outcome": found.outcome,
        "ours": found.ours,
        "overall": found.overall.judgement,
        "overall_reason": found.overall.reason,
        "overall_judged_by": found.overall.judged_by,
        "domains": [
            {
                "domain": domain,
                "name": tool.domains[domain],
                "judgement": j.judgement,
                "reason": j.reason,
                "basis": j.basis,
                "judged_by": j.judged_by,
            }
            for domain, j in found.domains.items()
        ],
    }


def body_record(body: Body) -> dict[str, Any]:
    """A body of evidence, as the schema ``evidence-grade`` says."""
    steps = [
        {
            "domain": words,
            "step": getattr(body, name),
            "reason": getattr(body, f"{name}_reason"),
        }
        for name, words in (*DOWN.items(), *UP.items())
    ]
    plain = ("id", "indication", "given", "comparator", "outcome", "time", "people", "design")
    more = ("start", "effect", "effect_study", "stated", "note", "not_read")
    return {
        **{name: getattr(body, name) for name in (*plain, *more)},
        "studies": list(body.studies),
        "controlled": body.controlled,
        "cebm": body.cebm,
        "certainty": body.certainty,
        "adjusted": _adjusted(body),
        "steps": steps,
    }


def _adjusted(body: Body) -> dict[str, Any] | None:
    found = of_body(body)
    if found is None:
        return None
    return {"value": found.value, "low": found.low, "high": found.high, "text": found.text}


def harm_record(harm: Harm) -> dict[str, Any]:
    """A line on harm, as the schema ``evidence-safety`` says; rates in percent."""
    rate = harm.rate
    percents = dict.fromkeys(("percent", "percent_low", "percent_high"))
    if rate:
        percents = dict(zip(percents, (100 * r for r in rate), strict=True))
    return {**asdict(harm), **percents}


# Words --------------------------------------------------------------------------------------------


def _lines(text: str, *, first: str = "  ", then: str = "      ") -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def domain_lines(made: Mapping[str, Any]) -> list[str]:
    """An assessment in words: overall, then every domain with its reason."""
    whose = "first judgement" if made["ours"] else "a reader's own judgement"
    reader = " (by a reader)" if made["overall_judged_by"] == "reader" and made["ours"] else ""
    lines = _lines(
        f"risk of bias, {made['tool_name']}, {whose}: {made['overall'].upper()}{reader}, "
        f"{made['overall_reason']}"
    )
    for d in made["domains"]:
        lines += _lines(
            f"{SYMBOL[d['judgement']]} {d['domain']} {d['name']}: {d['judgement']}; "
            f"{d['reason']} [{d['basis']}, {d['judged_by']}]",
            first="    ",
            then="        ",
        )
    return lines


def bias_text(made: Mapping[str, Any]) -> str:
    """Assessments in words, then what is not judged and why."""
    lines: list[str] = []
    for a in made["assessments"]:
        lines += [f"{a['study_id']}{': ' + a['outcome'] if a['outcome'] else ''}"]
        lines += domain_lines(a)
    if made["not_judged"]:
        lines += ["", "Not judged:"]
        for n in made["not_judged"]:
            lines += _lines(f"{n['study_id']}: {n['why']}.")
    if made["findings"]:
        lines.append("")
        for f in made["findings"]:
            lines += _lines(f"{f['severity']} {f['code']}: {f['message']}", first="")
    if not lines:
        return "No study of the register holds all these words.\n"
    return "\n".join([*lines, "", *_lines(made["first"], first="", then="")]).rstrip() + "\n"


def body_lines(made: Mapping[str, Any]) -> list[str]:
    """A body of evidence in words: certainty, effect, and the reason of every step."""
    against = f" against {made['comparator']}" if made["comparator"] else ""
    when = f", {made['time']}" if made["time"] else ""
    lines = _lines(
        f"{made['indication']}: {made['given']}{against} | {made['outcome']}{when}",
        first="",
        then="    ",
    )
    if not made["controlled"]:
        lines.append(f"  {NO_CONTROLLED}")
    certainty = made["certainty"]
    lines += _lines(
        f"certainty: {certainty.upper()} ({SYMBOLS[certainty]}); {made['design']}, Oxford level "
        f"{made['cebm']}; {made['people']}; {', '.join(made['studies'])}"
    )
    cited = f" [{made['effect_study']}]" if made["effect_study"] else ""
    lines += _lines(f"effect as reported: {made['effect']}{cited}")
    if made["adjusted"]:
        lines += _lines(f"with the bias of small studies taken out: {made['adjusted']['text']}")
    if made["start"] != "none":
        lines.append(f"  starts {made['start']}, then")
    for step in made["steps"]:
        if step["step"]:
            lines += _lines(
                f"{step['step']:+d} {step['domain']}: {step['reason']}",
                first="    ",
                then="        ",
            )
    for name, words in (("note", "note"), ("not_read", "not read")):
        if made[name]:
            lines += _lines(f"{words}: {made[name]}")
    return lines


def grade_text(made: Mapping[str, Any]) -> str:
    """Bodies of evidence in words, one below the other."""
    if not made["bodies"]:
        return (
            f"{NO_CONTROLLED} The register has no body of evidence with these words; that says "
            "nothing of whether it works.\n"
        )
    lines: list[str] = []
    if not any(b["controlled"] for b in made["bodies"]):
        lines += [NO_CONTROLLED.upper(), ""]
    for body in made["bodies"]:
        lines += [*body_lines(body), ""]
    return "\n".join([*lines, *_lines(FIRST, first="", then="")]) + "\n"


def safety_text(made: Mapping[str, Any]) -> str:
    """Reports, then rates, then what was printed without a count; apart."""
    if not (made["reports"] or made["rates"] or made["words"]):
        return "The register has nothing on harm with these words; that is no sign of safety.\n"
    lines = ["REPORTS (events without a denominator)"]
    for h in made["reports"]:
        count = "" if h["events"] is None else f"{h['events']} x "
        source = h["study_id"] or h["said_by"]
        lines += _lines(
            f"{h['date'] or 'no date'}, {h['product'] or 'product status not read'}: {count}"
            f"{h['what']}; {h['given']} [{source}]{'; ' + h['note'] if h['note'] else ''}"
        )
    lines += [*_lines(NO_DENOMINATOR if made["reports"] else "none"), ""]
    lines += ["RATES (events of people, with exact 95 % intervals; pooled ones as printed)"]
    by_product: dict[str, list[Any]] = {}
    for h in made["rates"]:
        by_product.setdefault(h["product"], []).append(h)
    for product in ("approved product", "trial product", "unapproved product", "comparator", ""):
        if product in by_product:
            lines.append(f"  {product or 'product status not read'}")
        for h in by_product.get(product, ()):
            lines += _lines(_rate(h), first="    ", then="        ")
    if not made["rates"]:
        lines.append("  none")
    lines += _lines(
        "None is counted where a text says so; whoever did not look finds none, so no event is "
        "an upper bound and no proof."
    )
    if made["words"]:
        lines += ["", "SAID WITHOUT A COUNT"]
        for h in made["words"]:
            note = f"; {h['note']}" if h["note"] else ""
            lines += _lines(f"{h['given']}, {h['what']}: {h['printed']} [{h['study_id']}]{note}")
    return "\n".join(lines) + "\n"


def _rate(h: Mapping[str, Any]) -> str:
    if h["events"] is None:
        shown = f"{h['percent']:.1f} % ({h['percent_low']:.1f} to {h['percent_high']:.1f}), pooled"
    elif h["events"] == 0:
        shown = f"0 of {h['people']}, at most {h['percent_high']:.1f} %"
    else:
        shown = (
            f"{h['events']} of {h['people']}, {h['percent']:.1f} % "
            f"({h['percent_low']:.1f} to {h['percent_high']:.1f})"
        )
    note = f"; {h['note']}" if h["note"] else ""
    return f"{h['given']}, {h['what']}: {shown} [{h['study_id']}]{note}"


# Figures ------------------------------------------------------------------------------------------


@contextmanager
def _page(width: float, height: float, name: str) -> Iterator[tuple[Drawing, Axes]]:
    """A page measured in inches from its upper left corner."""
    with canvas((width, height), name) as (drawing, axes):
        drawing.set_layout_engine("none")
        axes.set_position((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0.0, width)
        axes.set_ylim(height, 0.0)
        axes.set_axis_off()
        yield drawing, axes


def _with_words(svg: str, name: str, title: str, words: str) -> str:
    """The figure with a title and a description that a screen reader finds."""
    svg = svg.replace(
        'aria-hidden="true" focusable="false"',
        f'aria-labelledby="{name}-title {name}-words"',
        1,
    )
    head, tag, rest = svg.partition(">")
    told = (
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-words">{escape(words)}</desc>'
    )
    return f"{head}{tag}{told}{rest}"


def _wrapped(text: str, width: float, size: float) -> list[str]:
    letters = max(8, int(width * POINTS_PER_INCH / (LETTER * size)))
    kept = text.replace(" %", "\u00a0%")
    return textwrap.wrap(kept, letters, break_on_hyphens=False) or [""]


def _write(axes: Axes, x: float, y: float, lines: Sequence[str], *, size: float) -> None:
    for i, line in enumerate(lines):
        axes.text(x, y + TEXT_ROW * i, line, fontsize=size, va="top", ha="left")


def _light(axes: Axes, x: float, y: float, judgement: str, radius: float = 0.13) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(
        Circle((x, y), radius, facecolor=COLOUR[judgement], edgecolor=INK, linewidth=0.8)
    )
    dark = judgement == "critical"
    axes.text(
        x,
        y,
        SYMBOL[judgement],
        ha="center",
        va="center",
        fontsize=11,
        fontweight="bold",
        color="#ffffff" if dark else INK,
    )


def _panels(found: Sequence[Assessment]) -> list[tuple[str, list[Assessment]]]:
    """Assessments by tool, in the order of the tools."""
    if not found:
        raise InvalidInput("there is no judged study to draw.", where="words")
    panels = [(key, [a for a in found if a.tool == key]) for key in TOOLS]
    return [(key, some) for key, some in panels if some]


def _has_overall(tool: str) -> bool:
    return tool != "syrcle"  # its authors advise against a sum


def _key_lines(tool: str, width: float) -> list[str]:
    text = ";  ".join(f"{d} {name}" for d, name in TOOLS[tool].domains.items())
    return _wrapped(text, width, SMALL)


def traffic_lights(found: Sequence[Assessment]) -> Figure:
    """Judgements by study and domain, a panel a tool, symbols besides colours.

    Raises
    ------
    InvalidInput
        When there is nothing to draw.
    """
    panels = _panels(found)
    most = max(len(TOOLS[tool].domains) + _has_overall(tool) for tool, _ in panels)
    width = max(7.4, STUDY_WIDTH + CELL * most + 2 * MARGIN + 0.4)
    heights = [
        1.3 + ROW * len(some) + TEXT_ROW * len(_key_lines(tool, width - 2 * MARGIN))
        for tool, some in panels
    ]
    first = _first(found)
    foot = _wrapped(first, width - 2 * MARGIN, SMALL)
    with _page(width, sum(heights) + TEXT_ROW * len(foot) + MARGIN, "lights") as (drawing, axes):
        top = MARGIN
        for (tool, some), height in zip(panels, heights, strict=True):
            _panel(axes, tool, some, top, width)
            top += height
        _write(axes, MARGIN, top, foot, size=SMALL)
        svg = finished(drawing, "lights")
    words = "; ".join(f"{a.study_id} ({TOOLS[a.tool].name}): {_in_words(a)}" for a in found)
    title = f"Risk of bias of {len(found)} {_studies(len(found))}, domain by domain"
    alt = f"{title}. {words}. {first}".strip()
    svg = _with_words(svg, "lights", title, alt)
    return Figure(svg=svg, alt=alt, caption=f"{title}. {first}".strip())


def _first(found: Sequence[Assessment]) -> str:
    return FIRST if any(a.ours for a in found) else "A reader's own judgements."


def _in_words(a: Assessment) -> str:
    said = [f"{d} {j.judgement}" for d, j in a.domains.items()]
    return ", ".join([*said, f"overall {a.overall.judgement}"] if _has_overall(a.tool) else said)


def _studies(count: int) -> str:
    return "study" if count == 1 else "studies"


def _panel(axes: Axes, tool: str, some: Sequence[Assessment], top: float, width: float) -> None:
    from matplotlib.patches import Rectangle

    domains = [*TOOLS[tool].domains, *([OVERALL] if _has_overall(tool) else [])]
    places = {
        d: MARGIN + STUDY_WIDTH + CELL * (i + 0.5) + (0.25 if d == OVERALL else 0.0)
        for i, d in enumerate(domains)
    }
    axes.text(MARGIN, top, TOOLS[tool].name, fontsize=11, fontweight="bold", va="top", color=INK)
    head = top + 0.3
    if OVERALL in places:
        axes.add_patch(
            Rectangle(
                (places[OVERALL] - 0.33, head - 0.02),
                0.66,
                ROW * (len(some) + 1),
                facecolor="#eef0f2",
                edgecolor="none",
            )
        )
    for d, x in places.items():
        bold = "bold" if d == OVERALL else "normal"
        axes.text(x, head + ROW / 2, d, fontsize=NORMAL, ha="center", va="center", fontweight=bold)
    for i, a in enumerate(some):
        y = head + ROW * (i + 1.5)
        axes.plot([MARGIN, max(places.values()) + 0.33], [y - ROW / 2] * 2, color=LINE, lw=0.6)
        mark = "" if a.ours else " (reader)"
        axes.text(MARGIN, y, f"{a.study_id}{mark}", fontsize=NORMAL, va="center")
        for d, x in places.items():
            judged = a.overall if d == OVERALL else a.domains[d]
            _light(axes, x, y, judged.judgement)
    y = head + ROW * (len(some) + 1) + 0.12
    key = _key_lines(tool, width - 2 * MARGIN)
    _write(axes, MARGIN, y, key, size=SMALL)
    y += TEXT_ROW * len(key) + 0.14
    x = MARGIN + 0.12
    for level in TOOLS[tool].levels:
        _light(axes, x, y, level, radius=0.1)
        axes.text(x + 0.17, y, level, fontsize=SMALL, va="center")
        x += 0.45 + LETTER * SMALL * len(level) / POINTS_PER_INCH


def summary_bars(found: Sequence[Assessment]) -> Figure:
    """Shares of studies with each judgement, a bar a domain, every study of weight one.

    Raises
    ------
    InvalidInput
        When there is nothing to draw.
    """
    panels = _panels(found)
    width, left = 7.4, 3.0
    rows = [len(TOOLS[tool].domains) + _has_overall(tool) for tool, _ in panels]
    heights = [0.95 + 0.29 * n for n in rows]
    first = _first(found)
    foot = _wrapped(f"Every study counts once. {first}", width - 2 * MARGIN, SMALL)
    told = []
    with _page(width, sum(heights) + TEXT_ROW * len(foot) + MARGIN, "bars") as (drawing, axes):
        top = MARGIN
        for (tool, some), height in zip(panels, heights, strict=True):
            title = f"{TOOLS[tool].name}, {len(some)} {_studies(len(some))}"
            axes.text(MARGIN, top, title, fontsize=11, fontweight="bold", va="top")
            y = top + 0.42
            names = dict(TOOLS[tool].domains)
            if _has_overall(tool):
                names[OVERALL] = "by the tool's rule"
            for d, name in names.items():
                shares = _shares(tool, some, d)
                told.append(f"{TOOLS[tool].name} {d}: " + ", ".join(f"{n} {w}" for w, n in shares))
                _bar(axes, y, shares, left=left, length=width - left - 2 * MARGIN)
                bold = "bold" if d == OVERALL else "normal"
                shown = _shortened(f"{d} {name}", left - MARGIN)
                axes.text(MARGIN, y, shown, fontsize=SMALL, va="center", fontweight=bold)
                y += 0.29
            x = MARGIN + 0.12
            for level in TOOLS[tool].levels:
                _light(axes, x, y + 0.05, level, radius=0.1)
                axes.text(x + 0.17, y + 0.05, level, fontsize=SMALL, va="center")
                x += 0.45 + LETTER * SMALL * len(level) / POINTS_PER_INCH
            top += height
        _write(axes, MARGIN, top, foot, size=SMALL)
        svg = finished(drawing, "bars")
    title = f"Risk of bias over {len(found)} {_studies(len(found))}"
    alt = f"{title}. {'; '.join(told)}. {first}"
    return Figure(svg=_with_words(svg, "bars", title, alt), alt=alt, caption=f"{title}. {first}")


def _shortened(text: str, width: float) -> str:
    return textwrap.shorten(text, int(width * POINTS_PER_INCH / (LETTER * SMALL)), placeholder=" …")


def _shares(tool: str, some: Sequence[Assessment], domain: str) -> list[tuple[str, int]]:
    given = [(a.overall if domain == OVERALL else a.domains[domain]).judgement for a in some]
    return [(level, given.count(level)) for level in TOOLS[tool].levels if level in given]


def _bar(
    axes: Axes, y: float, shares: Sequence[tuple[str, int]], *, left: float, length: float
) -> None:
    from matplotlib.patches import Rectangle

    total = sum(count for _, count in shares)
    x = left
    for level, count in shares:
        wide = length * count / total
        axes.add_patch(
            Rectangle(
                (x, y - 0.1),
                wide,
                0.2,
                facecolor=COLOUR[level],
                edgecolor=INK,
                linewidth=0.6,
                hatch=HATCH.get(level),
            )
        )
        if wide > 0.34:
            axes.text(
                x + wide / 2,
                y,
                f" {SYMBOL[level]} {count} ",
                fontsize=SMALL,
                ha="center",
                va="center",
                fontweight="bold",
                bbox={"facecolor": "#ffffff", "edgecolor": "none", "pad": 0.6},
            )
        x += wide


def summary_of_findings(found: Sequence[Body]) -> Figure:
    """A table of bodies of evidence with effect, certainty and the reasons.

    Raises
    ------
    InvalidInput
        When there is nothing to draw.
    """
    if not found:
        raise InvalidInput("there is no body of evidence to draw.", where="words")
    width = sum(w for _, w in FINDINGS) + 2 * MARGIN
    rows = [[_wrapped(t, w - 0.12, SMALL) for t, (_, w) in zip(_cells(b), FINDINGS, strict=True)]
            for b in found]  # fmt: skip
    heights = [TEXT_ROW * max(3, *(len(cell) for cell in row)) + 0.14 for row in rows]
    foot = _wrapped(FIRST, width - 2 * MARGIN, SMALL)
    whole = MARGIN * 2 + 0.35 + sum(heights) + TEXT_ROW * len(foot) + 0.1
    with _page(width, whole, "findings") as (drawing, axes):
        _table_head(axes, width)
        y = MARGIN + 0.35
        for body, row, height in zip(found, rows, heights, strict=True):
            x = MARGIN
            for i, (cell, (_, wide)) in enumerate(zip(row, FINDINGS, strict=True)):
                if FINDINGS[i][0] == "certainty":
                    _certainty(axes, x, y + 0.07, body.certainty)
                    _write(axes, x, y + 0.07 + 1.4 * TEXT_ROW, cell, size=SMALL)
                else:
                    _write(axes, x, y + 0.07, cell, size=SMALL)
                x += wide
            y += height
            axes.plot([MARGIN, width - MARGIN], [y, y], color=LINE, lw=0.7)
        _write(axes, MARGIN, y + 0.1, foot, size=SMALL)
        svg = finished(drawing, "findings")
    title = f"Summary of findings, {len(found)} {'body' if len(found) == 1 else 'bodies'}"
    alt = f"{title} of evidence. " + " ".join(
        f"{b.question}: {b.effect}; certainty {b.certainty}{_why(b)}." for b in found
    )
    svg = _with_words(svg, "findings", f"{title} of evidence", alt)
    return Figure(svg=svg, alt=alt, caption=f"{title} of evidence. {FIRST}")


def _why(body: Body) -> str:
    return f" ({'; '.join(body.reasons)})" if body.reasons else ""


def _cells(body: Body) -> tuple[str, ...]:
    known = "" if body.controlled else f"{NO_CONTROLLED} "
    people = f"{body.people}; {body.design} (Oxford level {body.cebm}): {', '.join(body.studies)}"
    cited = f" [{body.effect_study}]" if body.effect_study else ""
    less = of_body(body)
    taken = f" Bias of small studies taken out: {less.text}." if less else ""
    why = f"starts {body.start}. " + "; ".join(body.reasons)
    return (
        body.question.replace(" | ", ": ", 1),
        people,
        f"{known}{body.effect}{cited}.{taken}" if taken else f"{known}{body.effect}{cited}",
        body.certainty.upper(),
        "no study of people with a control was found" if body.start == "none" else f"{why}.",
    )


def _table_head(axes: Axes, width: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (MARGIN - 0.05, MARGIN),
            width - 2 * MARGIN + 0.1,
            0.3,
            facecolor="#eef0f2",
            edgecolor=FAINT,
            linewidth=0.8,
        )
    )
    x = MARGIN
    for name, wide in FINDINGS:
        axes.text(x, MARGIN + 0.15, name, fontsize=NORMAL, va="center", fontweight="bold")
        x += wide


def _certainty(axes: Axes, x: float, y: float, certainty: str) -> None:
    """Four rings, filled with a cross up to the certainty, as summaries of findings draw it."""
    from matplotlib.patches import Circle

    filled = 0 if certainty == NONE else LEVELS.index(certainty) + 1
    for i in range(len(LEVELS)):
        centre = (x + 0.09 + 0.21 * i, y + 0.09)
        axes.add_patch(Circle(centre, 0.085, facecolor="#ffffff", edgecolor=INK, linewidth=0.9))
        if i < filled:
            axes.plot([centre[0] - 0.085, centre[0] + 0.085], [centre[1]] * 2, color=INK, lw=0.9)
            axes.plot([centre[0]] * 2, [centre[1] - 0.085, centre[1] + 0.085], color=INK, lw=0.9)
