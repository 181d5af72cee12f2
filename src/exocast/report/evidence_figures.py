"""Figures of the register: forest and funnel plots of pools, networks of treatments."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exocast.errors import InvalidInput
from exocast.evidence.query import (
    NORMAL_95,
    Answer,
    Checks,
    Entry,
    NetworkAnswer,
    Parts,
    measure_of,
    shown,
)
from exocast.evidence.query.after import better_is_lower
from exocast.evidence.query.answers import effects_of
from exocast.evidence.query.contrasts import RATIOS
from exocast.evidence.query.net import direct_studies, people
from exocast.evidence.synthesis import Pooled
from exocast.report.figures import BLUE, FAINT, INK, LINE, ORANGE, Figure, canvas, finished

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

ROW = 18.0  # points, as all sizes of forest plots
PLOT = 190.0
BELOW = 62.0
SMALL = 8.5
LETTER = 0.56  # width of a letter over the size of its type
LONGEST = 40
EDGE = "#b9c0c8"
SHADES = ((0.1, "#c3c9d1"), (0.05, "#dde1e6"), (0.01, "#f1f3f5"))
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A line of a forest plot; a heading has no numbers."""

    kind: str  # heading, study, part, pool, new
    label: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    columns: tuple[str, ...] = ()
    weight: float = 0.0


def forest(query: str, found: Answer, divided: Parts | None = None) -> Figure:
    """A forest plot: each study with its numbers and weight, the pool, a new study.

    Raises
    ------
    InvalidInput
        When the pool is empty.
    """
    if found.pooled is None:
        raise InvalidInput("there is no study to draw.", where="query")
    pooled = found.pooled
    rows = _rows(found, pooled, divided)
    low, high = pooled.interval
    words = (
        f"Forest plot of {len(found.entries)} "
        f"{'study' if len(found.entries) == 1 else 'studies'} for '{query}': "
        f"pooled {measure_of(found.question)} {_number(found, pooled.value)}"
        + (f", interval {_span(found, low, high)}." if math.isfinite(low + high) else ".")
    )
    foot = heterogeneity(pooled, divided)
    with _table(rows, _heads(found), "forest", foot) as (drawing, axes):
        _scale(axes, found, rows)
        _marks(axes, rows)
        svg = finished(drawing, "forest")
    return Figure(svg=svg, alt=words, caption=words)


def heterogeneity(pooled: Pooled, divided: Parts | None = None) -> str:
    """One line on how much studies differ, and how they were pooled."""
    if pooled.n_studies < 2:
        return "One study: how much studies differ is not known."
    parts = []
    if math.isfinite(pooled.tau2):
        parts.append(f"SD between studies {_plain(pooled.tau)}, I2 {pooled.i2:.0f} %")
    p = "p < 0.001" if pooled.q_p < 0.001 else f"p = {pooled.q_p:.3f}"
    parts.append(f"Q {pooled.q:.1f} on {pooled.q_freedom} df, {p}")
    text = f"Heterogeneity: {'; '.join(parts)}. {pooled.method}, {pooled.test}."
    if divided is not None and math.isfinite(divided.p):
        text += f"\nParts differ by {divided.field}: p = {divided.p:.3f}."
    return text


def _rows(found: Answer, pooled: Pooled, divided: Parts | None) -> list[_Row]:
    weights = dict(zip(map(id, found.entries), pooled.weights, strict=True))

    def study(entry: Entry) -> _Row:
        people = entry.first if entry.count else (f"{entry.n:g}" if entry.n else "")
        own = (entry.first, entry.second) if found.question.against else (people,)
        return _Row(
            kind="study",
            label=_cut(_short(entry, found)),
            value=shown(found.question, entry.value),
            low=shown(found.question, entry.low),
            high=shown(found.question, entry.high),
            columns=(
                *own,
                f"{_number(found, entry.value)} ({_span(found, entry.low, entry.high)})",
                f"{weights[id(entry)]:.0f} %",
            ),
            weight=float(weights[id(entry)]),
        )

    blank = ("",) * (2 if found.question.against else 1)

    def whole(kind: str, label: str, p: Pooled) -> _Row:
        low, high = p.interval
        inside = f" ({_span(found, low, high)})" if math.isfinite(low) or _exact(p) else ""
        return _Row(
            kind=kind,
            label=label,
            value=shown(found.question, p.value),
            low=shown(found.question, low),
            high=shown(found.question, high),
            columns=(*blank, _number(found, p.value) + inside, ""),
        )

    made: list[_Row] = []
    if divided is None:
        made = [study(e) for e in found.entries]
    else:
        for part in divided.parts:
            made.append(_Row(kind="heading", label=_cut(f"{divided.field}: {part.value}")))
            made += [study(e) for e in found.entries if e.group == part.value]
            if part.n_studies > 1:
                made.append(whole("part", f"{part.n_studies} pooled", part.pooled))
    made.append(whole("pool", "all pooled" if divided else "pooled", pooled))
    if math.isfinite(pooled.prediction_low):
        low, high = pooled.prediction_low, pooled.prediction_high
        made.append(
            _Row(
                kind="new",
                label="a new study",
                low=shown(found.question, low),
                high=shown(found.question, high),
                columns=(*blank, f"({_span(found, low, high)})", ""),
            )
        )
    return made


def _exact(pooled: Pooled) -> bool:
    """Whether the interval is exact, and so known also where the mean is at an end."""
    return pooled.method == "exact"


def _short(entry: Entry, found: Answer) -> str:
    week = "" if found.question.any_time and not entry.week else f", week {entry.week:g}"
    star = "*" if entry.paired else ""
    if found.question.against:
        return f"{entry.study_id}{star}{week}"
    return f"{entry.label}{week}"


def _heads(found: Answer) -> tuple[str, ...]:
    asked = found.question
    effect = "percent" if asked.statistic == "proportion" else asked.statistic
    if not asked.against:
        own = "events" if asked.statistic == "proportion" else "people"
        return (own, f"{effect} (95 %)", "weight")
    return (_cut(asked.given, 16), _cut(asked.against, 16), f"{effect} (95 %)", "weight")


@contextmanager
def _table(
    rows: Sequence[_Row], heads: Sequence[str], name: str, foot: str = ""
) -> Iterator[tuple[Drawing, Axes]]:
    """Labels, a plot, and columns of numbers to its right, under their headings.

    Places are counted from the letters, so that nothing is squeezed whatever the texts.
    """
    left = LETTER * SMALL * max(len(r.label) for r in rows) + 16
    texts = [[r.columns[i] if r.columns else "" for r in rows] for i in range(len(heads))]
    widths = [
        LETTER * SMALL * max(len(head), *(len(t) for t in own)) + 12
        for head, own in zip(heads, texts, strict=True)
    ]
    below = BELOW + 11 * foot.count("\n") - (0 if foot else 14)
    width = left + PLOT + sum(widths) + 8
    height = below + ROW * (len(rows) + 1) + 4
    with canvas((width / 72, height / 72), name) as (drawing, axes):
        drawing.set_layout_engine("none")
        axes.set_position(
            (left / width, below / height, PLOT / width, ROW * (len(rows) + 1) / height)
        )
        axes.set_ylim(-0.5, len(rows) + 0.5)
        axes.set_yticks(
            [float(_y(rows, i)) for i in range(len(rows))],
            [r.label for r in rows],
            fontsize=SMALL,
        )
        for label, row in zip(axes.get_yticklabels(), rows, strict=True):
            if row.kind not in ("study", "new"):
                label.set_fontweight("bold")
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=SMALL)
        axes.spines["left"].set_visible(False)
        place = 0.0
        for head, own, wide in zip(heads, texts, widths, strict=True):
            place += wide
            _beside(axes, len(rows), head, place, bold=True)
            for i, text in enumerate(own):
                _beside(axes, _y(rows, i), text, place, bold=rows[i].kind in ("part", "pool"))
        if foot:
            drawing.text(6 / width, 6 / height, foot, fontsize=SMALL, color=INK, va="bottom")
        yield drawing, axes


def _beside(axes: Axes, y: float, text: str, place: float, *, bold: bool) -> None:
    axes.annotate(
        text,
        (1.0, y),
        xycoords=("axes fraction", "data"),
        xytext=(place, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=SMALL,
        fontweight="bold" if bold else "normal",
        annotation_clip=False,
    )


def _under(axes: Axes, words: tuple[str, str], label: str) -> None:
    """Words under both ends of the axis, and its label below them."""
    for at, side, text in zip((0.0, 1.0), ("left", "right"), words, strict=True):
        axes.annotate(
            text,
            (at, 0),
            xycoords="axes fraction",
            xytext=(0, -18),
            textcoords="offset points",
            ha=side,
            va="top",
            fontsize=SMALL,
            color=FAINT,
        )
    axes.set_xlabel(label, fontsize=SMALL + 0.5, labelpad=13)


def _y(rows: Sequence[_Row], i: int) -> int:
    return len(rows) - 1 - i


def _marks(axes: Axes, rows: Sequence[_Row]) -> None:
    heaviest = max((r.weight for r in rows), default=1.0) or 1.0
    left, right = axes.get_xlim()
    for i, row in enumerate(rows):
        y = _y(rows, i)
        if row.kind == "study":
            axes.plot([row.low, row.high], [y, y], color=INK, lw=1)
            size = 3 + 6 * math.sqrt(row.weight / heaviest)
            axes.plot(row.value, y, "s", color=BLUE, markersize=size)
        elif row.kind in ("part", "pool") and math.isfinite(row.low):
            axes.fill(
                [row.low, row.value, row.high, row.value],
                [y, y + 0.28, y, y - 0.28],
                color=BLUE if row.kind == "pool" else FAINT,
            )
        elif row.kind == "new":
            axes.plot([row.low, row.high], [y, y], color=ORANGE, lw=2)
        # An arrow where an interval goes on beyond the plot.
        for end, side, mark in ((row.low, left, "<"), (row.high, right, ">")):
            if (end < left and mark == "<") or (end > right and mark == ">"):
                colour = ORANGE if row.kind == "new" else INK
                axes.plot(side, y, mark, color=colour, markersize=5, clip_on=False)


def _scale(axes: Axes, found: Answer, rows: Sequence[_Row]) -> None:
    asked = found.question
    ends = [x for r in rows for x in (r.low, r.high, r.value) if math.isfinite(x)]
    # A pool of two studies can have an interval that would press the studies together.
    own = [x for r in rows if r.kind == "study" for x in (r.low, r.high) if math.isfinite(x)]
    low, high = min(own or ends), max(own or ends)
    if asked.statistic in RATIOS:
        low, high = min(low, 0.9), max(high, 1.1)
        room = (high / low) ** 0.25
        low, high = max(min(ends), low / room), min(max(ends), high * room)
        low, high = min(low, 0.8), max(high, 1.25)
        axes.set_xscale("log")
        axes.set_xlim(low / 1.05, high * 1.05)
        ticks = [t for t in TICKS if low <= t <= high]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.set_xticks([], minor=True)
    elif asked.statistic == "proportion":
        axes.set_xlim(-1, min(101.0, max(5.0, 1.05 * max(ends))))
    else:
        low, high = min(low, 0.0), max(high, 0.0)
        room = 0.25 * (high - low)
        low, high = max(min(*ends, 0.0), low - room), min(max(*ends, 0.0), high + room)
        margin = 0.04 * (high - low)
        axes.set_xlim(low - margin, high + margin)
    if asked.statistic != "proportion":
        axes.axvline(1 if asked.statistic in RATIOS else 0, color=LINE, lw=1, zorder=0)
    pooled = next(r for r in rows if r.kind == "pool")
    if math.isfinite(pooled.value):
        axes.axvline(pooled.value, color=BLUE, lw=0.8, ls=(0, (3, 3)), zorder=0)
    _under(axes, _favours(found), measure_of(found.question))


def _favours(found: Answer) -> tuple[str, str]:
    """Words for both ends of the axis."""
    asked = found.question
    if asked.statistic == "proportion":
        return "fewer", "more"
    if not asked.against:
        return "better", "worse"
    sides = (f"favours {_cut(asked.given, 18)}", f"favours {_cut(asked.against, 18)}")
    return sides if better_is_lower(found) else (sides[1], sides[0])


def funnel(query: str, found: Answer, checked: Checks | None = None) -> Figure:
    """A funnel plot with contours of significance; hollow marks are what trim and fill adds.

    Raises
    ------
    InvalidInput
        When the pool is empty.
    """
    from scipy.stats import norm

    if found.pooled is None:
        raise InvalidInput("there is no study to draw.", where="query")
    effects = effects_of(found.question, found.entries)
    errors = np.sqrt(effects.variances)
    added = checked.filled.added if checked and checked.filled else None
    top = 1.12 * float(errors.max())
    centre = found.pooled.value if math.isfinite(found.pooled.value) else float(effects.values[0])
    null = 0.0
    every = [*effects.values, centre, null, *(added.values if added is not None else ())]
    reach = 1.12 * max(*(abs(v - centre) for v in every), 2.2 * top)
    words = (
        f"Funnel plot of {len(found.entries)} studies for '{query}': effects against standard "
        "errors, with shades for two-sided p against no effect."
    )
    with canvas((6.6, max(4.2, 1.4 + 0.15 * len(every))), "funnel") as (drawing, axes):
        at = np.array([0.0, top])
        if found.question.statistic != "proportion":
            edges = [float(norm.isf(p / 2)) for p, _ in SHADES]
            for z, outer, (p, shade) in zip(edges, [*edges[1:], 1e3], SHADES, strict=True):
                for sign in (-1, 1):
                    axes.fill_betweenx(
                        at,
                        null + sign * z * at,
                        null + sign * outer * at,
                        color=shade,
                        lw=0,
                        label=f"p below {p:g}" if sign > 0 else None,
                    )
            axes.axvline(null, color=FAINT, lw=0.8)
        axes.plot([centre, centre], [0, top], color=BLUE, lw=1, ls=(0, (4, 3)))
        for sign in (-1, 1):
            axes.plot([centre, centre + sign * 1.96 * top], [0, top], color=BLUE, lw=0.8)
        axes.plot(effects.values, errors, "o", color=BLUE, markersize=5, mec="white", mew=0.6)
        if added is not None:
            axes.plot(
                added.values,
                np.sqrt(added.variances),
                "o",
                mfc="none",
                mec=ORANGE,
                markersize=5,
                label="put in by trim and fill",
            )
        axes.set_ylim(top, 0)
        axes.set_xlim(centre - reach, centre + reach)
        names = [e.study_id for e in found.entries]
        _numbered(axes, effects.values, errors)
        key = "\n".join(f"{i}  {name}" for i, name in enumerate(names, start=1))
        axes.annotate(
            key,
            (1.0, 1.0),
            xycoords="axes fraction",
            xytext=(10, 0),
            textcoords="offset points",
            va="top",
            fontsize=SMALL - 0.5,
            linespacing=1.25,
        )
        axes.set_ylabel("standard error")
        scale = "logarithm of the " if effects.ratio else ""
        axes.set_xlabel(scale + effects.measure)
        if axes.get_legend_handles_labels()[0]:
            drawing.legend(
                loc="outside upper left",
                ncol=4,
                fontsize=SMALL,
                handlelength=1.2,
                columnspacing=1.2,
            )
        svg = finished(drawing, "funnel")
    return Figure(svg=svg, alt=words, caption=words)


def _numbered(axes: Axes, values: Any, errors: Any) -> None:
    """A number beside each point, at the first of its four sides that is free."""
    x_low, x_high = axes.get_xlim()
    tall = axes.get_ylim()[0]
    dots = [((v - x_low) / (x_high - x_low) * 280, e / tall * 230) for v, e in
            zip(values, errors, strict=True)]  # fmt: skip
    taken = list(dots)
    sides = ((8.0, 0.0), (-8.0, 0.0), (0.0, 8.0), (0.0, -8.0), (7.0, 7.0), (-7.0, -7.0))
    for i, (x, y) in enumerate(dots):
        others = [t for t in taken if t != (x, y)]
        dx, dy = max(
            sides,
            key=lambda s: min(
                (min(math.hypot(x + s[0] - a, y - s[1] - b), 11.0) for a, b in others), default=11.0
            ),
        )
        taken.append((x + dx, y - dy))
        axes.annotate(
            str(i + 1),
            (float(values[i]), float(errors[i])),
            xytext=(dx, dy),
            textcoords="offset points",
            fontsize=7.5,
            ha="center",
            va="center",
        )


def network_plot(query: str, found: NetworkAnswer) -> Figure:
    """The network: circles by people, lines by studies that compare both ends themselves.

    Raises
    ------
    InvalidInput
        When there is no network.
    """
    if found.fitted is None:
        raise InvalidInput("there is no network to draw.", where="query")
    counts, pairs = people(found), direct_studies(found)
    nodes = _around(list(counts), pairs)
    turn = [math.pi / 2 - 2 * math.pi * i / len(nodes) for i in range(len(nodes))]
    place = {n: (math.cos(a), math.sin(a)) for n, a in zip(nodes, turn, strict=True)}
    most = max(counts.values()) or 1.0
    words = (
        f"Network of {len(nodes)} treatments and {len(found.studies)} studies for '{query}'; "
        "circles by people, lines by studies."
    )
    with canvas((6.8, 5.0), "network") as (drawing, axes):
        for (first, second), studies in pairs.items():
            (x1, y1), (x2, y2) = place[first], place[second]
            axes.plot(
                [x1, x2], [y1, y2], color=EDGE, lw=1.5 + min(len(studies) - 1, 6), zorder=1,
                solid_capstyle="butt",
            )  # fmt: skip
            if len(studies) > 1:
                # Off the middle, where lines cross.
                axes.text(
                    x1 + 0.4 * (x2 - x1),
                    y1 + 0.4 * (y2 - y1),
                    str(len(studies)),
                    fontsize=SMALL,
                    color=INK,
                    ha="center",
                    va="center",
                    zorder=3,
                    bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"},
                )
        for node, angle in zip(nodes, turn, strict=True):
            x, y = place[node]
            radius = 9 + 15 * math.sqrt(counts[node] / most)
            colour = ORANGE if node == found.reference else BLUE
            axes.plot(x, y, "o", color=colour, markersize=radius, mec="white", mew=1, zorder=2)
            size = f"\n{counts[node]:g} people" if counts[node] else ""
            axes.annotate(
                f"{node}{size}",
                (x, y),
                xytext=((radius / 2 + 5) * math.cos(angle), (radius / 2 + 5) * math.sin(angle)),
                textcoords="offset points",
                ha="center" if abs(x) < 0.2 else ("left" if x > 0 else "right"),
                va="center" if abs(y) < 0.6 else ("bottom" if y > 0 else "top"),
                fontsize=SMALL + 0.5,
                linespacing=1.1,
                zorder=4,
            )
        axes.set_aspect("equal")
        axes.set_xlim(-1.9, 1.9)
        axes.set_ylim(-1.35, 1.35)
        axes.set_axis_off()
        if not all(counts.values()):
            axes.annotate(
                "people where printed",
                (0, 0),
                xycoords="axes fraction",
                fontsize=SMALL,
                color=FAINT,
            )
        svg = finished(drawing, "network")
    return Figure(svg=svg, alt=words, caption=words)


def _around(nodes: list[str], pairs: Any) -> list[str]:
    """An order round the circle in which compared treatments stand near: few long lines.

    Two places are swapped as long as that shortens the lines.
    """
    size = len(nodes)

    def length(order: list[str]) -> float:
        at = {n: i for i, n in enumerate(order)}
        return sum(
            math.sin(math.pi * abs(at[a] - at[b]) / size) * len(s) for (a, b), s in pairs.items()
        )

    best, shortest = nodes, length(nodes)
    improved = True
    while improved:
        improved = False
        for i in range(1, size):
            for j in range(i + 1, size):
                trial = best.copy()
                trial[i], trial[j] = trial[j], trial[i]
                found = length(trial)
                if found < shortest - 1e-9:
                    best, shortest, improved = trial, found, True
    return best


def network_forest(query: str, found: NetworkAnswer) -> Figure:
    """Every treatment against the reference, with its interval, direct beside network.

    Raises
    ------
    InvalidInput
        When there is no network.
    """
    if found.fitted is None:
        raise InvalidInput("there is no network to draw.", where="query")
    fitted = found.fitted
    scores = fitted.p_scores("lower")
    others = sorted(fitted.treatments[1:], key=lambda node: fitted.of(node, found.reference)[0])
    rows = []
    for node in others:
        value, error = fitted.of(node, found.reference)
        low, high = value - NORMAL_95 * error, value + NORMAL_95 * error
        pair = {node, found.reference}
        direct = next((c.n_studies for c in fitted.contrasts if {c.first, c.second} == pair), 0)
        rows.append(
            _Row(
                kind="study",
                label=node,
                value=value,
                low=low,
                high=high,
                columns=(
                    f"{value:.1f} ({low:.1f} to {high:.1f})",
                    str(direct),
                    f"{scores[node]:.2f}",
                ),
                weight=1.0,
            )
        )
    words = (
        f"Forest plot of {len(rows)} treatments against {found.reference} for '{query}': changes "
        "on 0-100, minus is better."
    )
    heads = ("difference (95 %)", "direct studies", "P-score")
    with _table(rows, heads, "network-forest") as (drawing, axes):
        ends = [x for r in rows for x in (r.low, r.high, 0.0)]
        margin = 0.05 * (max(ends) - min(ends))
        axes.set_xlim(min(ends) - margin, max(ends) + margin)
        axes.axvline(0, color=LINE, lw=1, zorder=0)
        _marks(axes, rows)
        _under(
            axes,
            (f"better than {found.reference}", "worse"),
            f"difference from {found.reference} on 0-100, minus is better",
        )
        svg = finished(drawing, "network-forest")
    return Figure(svg=svg, alt=words, caption=words)


def _number(found: Answer, value: float) -> str:
    return _plain(shown(found.question, value)) if not math.isnan(value) else ""


def _span(found: Answer, low: float, high: float) -> str:
    return f"{_number(found, low)} to {_number(found, high)}"


def _plain(value: float) -> str:
    """Enough digits to read: two below ten in size, else one."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
