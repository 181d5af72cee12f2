"""Figures as small SVG texts: no fonts, no links, the same bytes for the same result."""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exocast.errors import InvalidInput
from exocast.report.numbers import SUPERSCRIPTS, Numbers, percent, weeks_in_words
from exocast.report.story import (
    PLACES,
    SHORT,
    Story,
    contrast,
    needle_steps,
    places,
    treatment,
    unit_text,
    visits,
)
from exocast.study.result import Result
from exocast.study.summary import favourable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

NAMESPACE = "http://www.w3.org/2000/svg"
INK = "#22272e"
FAINT = "#646b74"
LINE = "#d9dce0"
BLUE = "#0b5d8f"
ORANGE = "#b4530a"
GREEN = "#3d7a4e"
YELLOW = "#e0a526"
ARM_STYLES = ((BLUE, "-"), (ORANGE, "--"), (FAINT, ":"))
PLACE_STYLES = {
    "fluid_particles": (BLUE, "-"),
    "synovium_particles": (ORANGE, "-"),
    "cell_particles": (GREEN, "-"),
    "cartilage_particles": ("#7b4f9d", "-"),
    "lymph_particles": (YELLOW, "--"),
    "plasma_particles": ("#b8325e", "--"),
    "lung_particles": ("#8aa4c8", "--"),
    "liver_particles": ("#6b4a2b", "--"),
    "spleen_particles": ("#2a8c8c", ":"),
    "kidney_particles": ("#c98f6a", ":"),
    "brain_particles": ("#9dbf9e", ":"),
    "rest_particles": (FAINT, ":"),
    "degraded_particles": (INK, ":"),
}
WIDE = (7.4, 3.5)
PANEL = (4.4, 3.1)
NARROW = (3.9, 3.3)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: its SVG text, what it shows in words (for those who do not see it), a caption."""

    svg: str
    alt: str
    caption: str

    def _repr_svg_(self) -> str:
        return self.svg.replace("<svg ", f'<svg xmlns="{NAMESPACE}" ', 1)

    def save(self, path: str | Path) -> Path:
        """Write the figure as an SVG file; gives its path.

        Raises
        ------
        InvalidInput
            For a name that does not end in ``.svg``: nothing else is written.
        """
        target = Path(path)
        if target.suffix.casefold() != ".svg":
            raise InvalidInput(
                f"'{target.name}' does not end in .svg, and figures are written as SVG; name it "
                f"'{target.with_suffix('.svg').name or 'figure.svg'}'.",
                where="plot",
            )
        target.write_text(self._repr_svg_(), encoding="utf-8")
        return target


def draw(result: Result, numbers: Numbers, story: Story) -> dict[str, Figure]:
    """All figures of a report by name; one without data is left out."""
    made: dict[str, Figure] = {}
    painters: dict[str, Callable[[Result, Numbers, Story], Figure | None]] = {
        "difference": lambda r, n, s: difference(r, n, size=WIDE),
        "difference_narrow": lambda r, n, s: difference(r, n, size=NARROW),
        "arms": _arms,
        "womac": _womac,
        "patients": _patients,
        "cartilage": lambda r, n, s: _over_time(r, n, "cartilage_volume"),
        "inflammation": lambda r, n, s: _over_time(r, n, "synovial_inflammation"),
        "beside": lambda r, n, s: _beside(r, n, size=WIDE),
        "beside_narrow": lambda r, n, s: _beside(r, n, size=(NARROW[0], 4.2)),
        "whereabouts": lambda r, n, s: _whereabouts(r, n, size=(WIDE[0], 3.7)),
        "whereabouts_narrow": lambda r, n, s: _whereabouts(r, n, size=(NARROW[0], 4.6)),
        "stoichiometry": _stoichiometry,
        "needle": _needle,
        "sensitivity": _sensitivity,
        "grades": _grades,
    }
    for name, paint in painters.items():
        figure = paint(result, numbers, story)
        if figure is not None:
            made[name] = figure
    return made


@contextmanager
def canvas(size: tuple[float, float], name: str) -> Iterator[tuple[Drawing, Axes]]:
    """A drawing in the house's style and its axes; ``size`` in inches."""
    with sheet(size, name) as drawing:
        yield drawing, drawing.add_subplot()


@contextmanager
def sheet(size: tuple[float, float], name: str) -> Iterator[Drawing]:
    """A drawing in the house's style without axes; ``size`` in inches."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Drawing

    style: Any = {
        "svg.hashsalt": f"exocast-{name}",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10.5,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.axisbelow": True,
        "axes.formatter.use_mathtext": False,
        "axes.unicode_minus": True,
        "text.color": INK,
        "text.parse_math": False,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "legend.fontsize": 9.5,
        "lines.linewidth": 2.0,
    }
    with mpl.rc_context(style):
        drawing = Drawing(figsize=size, layout="constrained")
        FigureCanvasSVG(drawing)  # type: ignore[no-untyped-call,unused-ignore]
        yield drawing


def finished(drawing: Drawing, name: str) -> str:
    """The drawing as an SVG element that scales, with ids of its own and without metadata."""
    buffer = io.StringIO()
    drawing.savefig(
        buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        r'<svg viewBox="\1" role="img" '
        r'aria-hidden="true" focusable="false">',
        text,
        count=1,
    )
    for mark in (' id="', "url(#", 'href="#'):
        text = text.replace(mark, f"{mark}{name}-")
    return text.replace("xlink:href", "href")


def _weeks(axes: Axes, result: Result) -> None:
    last = float(result.times_days[-1]) / 7
    step = 13 if last > 30 else max(1, round(last / 6))
    axes.set_xticks(np.arange(0, last + 0.1, step))
    axes.set_xlim(0, last)
    axes.set_xlabel("weeks after the first injection")


def _injections(axes: Axes, result: Result) -> None:
    """Small marks where injections are given, when the manifest says when."""
    for arm in result.manifest["arms"][:1]:
        for day in arm.get("injection_days", ()):
            axes.plot(
                [float(day) / 7],
                [0.0],
                marker="v",
                ms=5,
                color=FAINT,
                clip_on=False,
                transform=axes.get_xaxis_transform(),
                zorder=5,
            )


def difference(
    result: Result,
    numbers: Numbers,
    *,
    observable: str = "pain_vas",
    size: tuple[float, float] = WIDE,
) -> Figure | None:
    """The mean difference over time with its 90 % band and the important difference."""
    pair = contrast(result)
    days, mean = numbers.series(pair, observable, "mean")
    if not len(days):
        return None
    _, low = numbers.series(pair, observable, "low")
    _, high = numbers.series(pair, observable, "high")
    weeks = days / 7
    group = result.threshold("group", observable)
    sign = favourable(result.better(observable))
    unit = unit_text(result, observable).strip() or "ratio"
    narrow = size[0] < 5
    name = f"difference-{observable}-{'narrow' if narrow else 'wide'}"
    with canvas(size, name) as (drawing, axes):
        axes.grid(axis="y")
        axes.axhline(0, color=INK, linewidth=0.9)
        axes.fill_between(weeks, low, high, color=BLUE, alpha=0.18, linewidth=0)
        axes.plot(weeks, mean, color=BLUE)
        _weeks(axes, result)
        bottom, top = _span([low, high, mean], [0.0] + ([sign * group] if group else []))
        if group:
            bottom, top = min(bottom, -1.25 * group), max(top, 0.6 * group)
            if sign > 0:
                bottom, top = -top, -bottom
        axes.set_ylim(bottom, top)
        if group:
            axes.axhline(sign * group, color=ORANGE, linewidth=1.4, linestyle=(0, (5, 3)))
            axes.annotate(
                f"important difference between groups: {group:g} {unit}",
                (weeks[-1], sign * group),
                xytext=(0, -4 * -sign),
                textcoords="offset points",
                ha="right",
                va="bottom" if sign > 0 else "top",
                color=ORANGE,
                fontsize=9.5,
            )
        axes.annotate(
            f"no difference from {result.control}",
            (weeks[-1], 0),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=9.5,
            color=INK,
        )
        label = f"{pair}, {unit}"
        axes.set_ylabel(label)
        axes.annotate(
            "better" if sign < 0 else "worse",
            (0.012, 0.02),
            xycoords="axes fraction",
            color=FAINT,
            fontsize=9.5,
            va="bottom",
        )
        axes.annotate(
            "worse" if sign < 0 else "better",
            (0.012, 0.98),
            xycoords="axes fraction",
            color=FAINT,
            fontsize=9.5,
            va="top",
        )
        _injections(axes, result)
        svg = finished(drawing, name)
    at = int(np.abs(weeks - 26).argmin())
    return Figure(
        svg=svg,
        alt=f"Line of {SHORT[observable]}, {pair}, over {weeks_in_words(round(weeks[-1]))}: "
        f"{mean[at]:.1f} {unit} at {weeks_in_words(round(weeks[at]))}, 90 % band {low[at]:.1f} to "
        f"{high[at]:.1f}"
        + (f"; the important difference is {sign * group:g} {unit}." if group else "."),
        caption=f"{SHORT[observable]}: the mean difference between the arms, with its 90 % band "
        "over worlds (what is not known). The dashed line is the smallest difference between "
        "groups that matters.",
    )


def _span(series: list[Any], marks: list[float]) -> tuple[float, float]:
    values = [v for s in series for v in np.asarray(s, dtype=float) if math.isfinite(v)] + marks
    bottom, top = min(values), max(values)
    room = 0.08 * (top - bottom or 1.0)
    return bottom - room, top + room


def _arm_lines(
    axes: Axes, result: Result, numbers: Numbers, observable: str, band: str
) -> list[tuple[str, float]]:
    ends = []
    compared = {entry["arm"] for entry in result.manifest.get("comparators", ())}
    shown = [arm for arm in result.arms if arm not in compared]
    for (colour, dash), arm in zip(ARM_STYLES, shown, strict=False):
        days, mean = numbers.series(arm, observable, "mean")
        if not len(days):
            continue
        low = numbers.series(arm, observable, f"{band}low")[1]
        high = numbers.series(arm, observable, f"{band}high")[1]
        if arm != "no injection":
            axes.fill_between(days / 7, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(days / 7, mean, color=colour, linestyle=dash, label=arm)
        ends.append((arm, float(mean[-1])))
    return ends


def _over_time(
    result: Result, numbers: Numbers, observable: str, *, band: str = "", what: str = ""
) -> Figure | None:
    if not len(numbers.series(treatment(result), observable, "mean")[0]):
        return None
    unit = unit_text(result, observable).strip() or "ratio"
    name = f"time-{observable}-{band or 'worlds'}"
    with canvas(PANEL, name) as (drawing, axes):
        axes.grid(axis="y")
        axes.axhline(0, color=INK, linewidth=0.8)
        ends = _arm_lines(axes, result, numbers, observable, band)
        low, high = axes.get_ylim()
        lack = 10.0 ** (1 - places(observable)) - (high - low)
        if lack > 0:  # no drama below what is written
            axes.set_ylim(low - lack / 2, high + lack / 2)
        _weeks(axes, result)
        axes.set_ylabel(f"change, {unit}")
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, 1.16),
            ncols=3,
            handlelength=1.9,
            columnspacing=1.2,
        )
        svg = finished(drawing, name)
    listed = ", ".join(f"{arm} {value:.2g}" for arm, value in ends)
    shown = what or "with the 90 % band over worlds"
    return Figure(
        svg=svg,
        alt=f"Lines of the mean change of {SHORT[observable]} in each arm; at the end: {listed} "
        f"{unit}.",
        caption=f"{SHORT[observable]}: mean change from baseline in each arm, {shown}.",
    )


def _arms(result: Result, numbers: Numbers, story: Story) -> Figure | None:
    return _over_time(result, numbers, "pain_vas")


def _womac(result: Result, numbers: Numbers, story: Story) -> Figure | None:
    return _over_time(result, numbers, "womac_total")


def _patients(result: Result, numbers: Numbers, story: Story) -> Figure | None:
    return _over_time(
        result,
        numbers,
        "pain_vas",
        band="spread_",
        what="with the band that holds nine of ten patients",
    )


def _beside(result: Result, numbers: Numbers, *, size: tuple[float, float]) -> Figure | None:
    """The vial and each comparator against saline at the last visits, one row an arm."""
    compared = [str(entry["arm"]) for entry in result.manifest.get("comparators", ())]
    if not compared:
        return None
    arms = [treatment(result), *compared]
    weeks = [w for w in visits(result) if w in {12, 26}] or [visits(result)[-1]]
    group = result.threshold("group", "pain_vas")
    name = f"beside-{'narrow' if size[0] < 5 else 'wide'}"
    reported = result.manifest.get("prior") == "literature"
    taken = "as reported" if reported else "with the bias of small trials taken out"
    words = []
    with canvas(size, name) as (drawing, axes):
        axes.axvline(0, color=INK, linewidth=0.9)
        for row, arm in enumerate(arms):
            for at, week in enumerate(weeks):
                pair = f"{arm} minus {result.control}"
                mean, low, high = (
                    numbers.at(pair, "pain_vas", s, 7.0 * week) for s in ("mean", "low", "high")
                )
                y = -row - 0.28 * at
                colour, mark = ((BLUE, "o"), (ORANGE, "s"))[at % 2]
                axes.plot([low, high], [y, y], color=colour, linewidth=1.6)
                axes.plot(
                    [mean], [y], mark, color=colour, ms=5, label="" if row else f"week {week}"
                )
                words.append(f"{arm} week {week} {mean:.1f} ({low:.1f} to {high:.1f})")
        if group:
            axes.axvline(-group, color=ORANGE, linewidth=1.4, linestyle=(0, (5, 3)))
        axes.set_yticks([-row - 0.14 for row in range(len(arms))], arms)
        axes.set_ylim(-len(arms) + 0.35, 0.45)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"pain, mm, minus {result.control}; minus is better")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt=f"Pain minus {result.control}, mm: " + "; ".join(words) + ".",
        caption="Pain: the vial and other treatments against saline, mean and 90 % over worlds. "
        f"The vial is simulated; the others are effects of trials, {taken}. The dashed line is the "
        "smallest difference between groups that matters.",
    )


def _whereabouts(result: Result, numbers: Numbers, *, size: tuple[float, float]) -> Figure | None:
    arm = treatment(result)
    lines = []
    for observable in PLACES:
        days, values = numbers.series(arm, observable, "value_median")
        keep = (days > 0) & (days <= 8) & (values > 0)
        if keep.sum() > 1:
            lines.append((observable, 24 * days[keep], values[keep]))
    if not lines:
        return None
    top = max(float(v.max()) for _, _, v in lines)
    lines = [line for line in lines if line[2].max() > top * 1e-7]
    narrow = size[0] < 5
    name = f"whereabouts-{'narrow' if narrow else 'wide'}"
    with canvas(size, name) as (drawing, axes):
        axes.grid(axis="both")
        for observable, hours, values in lines:
            colour, dash = PLACE_STYLES[observable]
            axes.plot(hours, values, color=colour, linestyle=dash, label=PLACES[observable])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(top * 1e-7, top * 3)
        marks = [1, 6, 24, 72, 168]
        axes.set_xticks(marks, ["1 h", "6 h", "1 d", "3 d", "7 d"])
        axes.set_xticks([], minor=True)
        low, high = axes.get_ylim()
        ticks = [10.0**k for k in range(math.ceil(math.log10(low)), int(math.log10(high)) + 1, 2)]
        axes.set_yticks(ticks, [_power(round(math.log10(t))) for t in ticks])
        axes.set_yticks([], minor=True)
        axes.set_ylabel("particles (median)")
        axes.set_xlabel("time after the first injection")
        if narrow:
            axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=2, handlelength=2.2)
        else:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=2.2)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="Lines of the number of particles by place in the first week, both axes logarithmic; "
        "the table below gives the numbers.",
        caption="Particles by place in the first week after the first injection (median of all "
        "runs; both axes logarithmic).",
    )


def _stoichiometry(result: Result, numbers: Numbers, story: Story) -> Figure | None:
    """Each channel as a share of what it needs, so that unlike units stand on one axis."""
    channels = [
        (str(channel["channel"]), ratio)
        for channel in result.manifest.get("stoichiometry", {}).get("channels", ())
        if (ratio := channel.get("ratio") or {}).get("median")
    ]
    if not channels:
        return None
    with canvas((PANEL[0], 1.0 + 0.5 * len(channels)), "stoichiometry") as (drawing, axes):
        axes.grid(axis="x")
        axes.axvline(1.0, color=ORANGE, linewidth=2)
        for row, (_, ratio) in enumerate(channels):
            median = float(ratio["median"])
            low, high = float(ratio.get("low") or 0), float(ratio.get("high") or 0)
            low, high = max(low, median * 1e-6), max(high, median)
            axes.plot(
                [low, high], [row, row], color=BLUE, linewidth=3, solid_capstyle="round", alpha=0.45
            )
            axes.plot([median], [row], "o", color=BLUE, ms=7)
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.05), max(high, 5.0))
        axes.set_yticks(range(len(channels)), [_short(name) for name, _ in channels])
        axes.set_ylim(len(channels) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("times what is needed\n(dot: median; bar: 5 to 95 %; line: enough)")
        _plain_log(axes)
        svg = finished(drawing, "stoichiometry")
    return Figure(
        svg=svg,
        alt="For each channel what a recipient cell gets over what it needs, as a dot with a bar "
        "on a logarithmic axis, and an upright line where it is enough; the table below gives the "
        "numbers.",
        caption="What a recipient cell gets, over what it takes to change it. Both are drawn in "
        "each run, and the ratio is taken run by run.",
    )


def _plain_log(axes: Axes) -> None:
    low, high = (math.log10(end) for end in axes.get_xlim())
    step = max(1, math.ceil((high - low) / 6))
    powers = [k for k in range(math.ceil(low), math.floor(high) + 1) if k % step == 0]
    axes.set_xticks([10.0**k for k in powers], [_power(k) for k in powers])
    axes.set_xticks([], minor=True)


def _power(k: int) -> str:
    """A power of ten as an axis shows it: 0.01, 1, 100, 10⁵."""
    return f"{10.0**k:g}" if -2 <= k <= 3 else f"10{str(k).translate(SUPERSCRIPTS)}"


def _needle(result: Result, numbers: Numbers, story: Story) -> Figure | None:
    steps = needle_steps(result)
    left = [1.0, *(step.left[0] for step in steps)]
    if not steps or not all(math.isfinite(share) for share in left):
        return None
    _, low, high = steps[-1].left
    names = [
        "intended",
        *(_short(step.name) for step in steps),
        f"at the needle, {percent(left[-1])}",
    ]
    with canvas((PANEL[0], 1.0 + 0.42 * len(names)), "needle") as (drawing, axes):
        axes.grid(axis="x")
        axes.barh(0, 1.0, color=FAINT, height=0.62)
        for row, (before, after) in enumerate(itertools.pairwise(left), start=1):
            gain = after > before
            axes.barh(
                row,
                abs(before - after),
                left=min(before, after),
                color=GREEN if gain else ORANGE,
                height=0.62,
            )
            axes.plot([after] * 2, [row - 0.5, row + 0.9], color=FAINT, linewidth=0.8)
            axes.annotate(
                ("+" if gain else "−") + percent(abs(before - after)),
                (min(before, after), row),
                xytext=(-4, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=9.5,
            )
        last = len(names) - 1
        axes.barh(last, left[-1], color=BLUE, height=0.62)
        axes.plot([low, high], [last, last], color=INK, linewidth=1.2)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.6)
        end = max(1.0, *left, high)
        axes.set_xlim(0, end + 0.08)
        marks = np.arange(0, end + 0.01, 0.25 if end <= 1.5 else 0.5)
        axes.set_xticks(marks, [f"{100 * mark:.0f}" for mark in marks])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("% of the particles intended\n(last bar's line: 5 to 95 %)")
        svg = finished(drawing, "needle")
    return Figure(
        svg=svg,
        alt="Bars of the share of the intended particles left after each step: "
        + ", ".join(f"{step.name} {percent(step.left[0])}" for step in steps)
        + f"; {percent(left[-1])} reach the needle.",
        caption="From the label to the needle: what each step changes, as medians over runs of "
        "what is left. The first step is how well the vial was counted.",
    )


def _bars(
    name: str,
    labels: list[str],
    values: list[float],
    *,
    mark: float,
    xlabel: str,
    colours: list[str],
) -> str:
    from matplotlib.ticker import MaxNLocator

    with canvas((PANEL[0], 1.0 + 0.4 * len(labels)), name) as (drawing, axes):
        axes.grid(axis="x")
        axes.barh(range(len(labels)), values, color=colours, height=0.62)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if math.isfinite(mark):
            axes.axvline(mark, color=INK, linestyle=(0, (5, 3)), linewidth=1.1)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(xlabel)
        return finished(drawing, name)


def _sensitivity(result: Result, numbers: Numbers, story: Story) -> Figure | None:
    week = max(
        (w for w, each in story.sensitivities.items() if each.shown),
        key=lambda w: story.sensitivities[w].shown[0][1],
        default=None,
    )
    if week is None:
        return None
    found = story.sensitivities[week]
    shown = found.shown[:8]
    svg = _bars(
        "sensitivity",
        [_short(key) for key, _ in shown],
        [100 * share for _, share in shown],
        mark=100 * found.threshold,
        xlabel="share of the variance over worlds, %\n(dashed: what chance alone reaches)",
        colours=[BLUE] * len(shown),
    )
    return Figure(
        svg=svg,
        alt="Bars of the share of variance: "
        + ", ".join(f"{key} {percent(share)}" for key, share in shown)
        + f"; chance alone reaches {percent(found.threshold)}.",
        caption=f"What moves the difference of pain at {weeks_in_words(week)}, from the forecast's "
        "own draws.",
    )


def _short(key: str) -> str:
    return key if len(key) <= 26 else key[:12] + "…" + key[-13:]


def _grades(result: Result, numbers: Numbers, story: Story) -> Figure | None:
    counts = result.rows["grade"].value_counts()
    letters = list("ABCDE")
    words = {
        "A": "A  in people",
        "B": "B  in the tissue",
        "C": "C  elsewhere",
        "D": "D  derived",
        "E": "E  assumed",
    }
    values = [float(counts.get(letter, 0)) for letter in letters]
    svg = _bars(
        "grades",
        [words[letter] for letter in letters],
        values,
        mark=math.nan,
        xlabel="numbers behind this forecast",
        colours=[BLUE, "#4a86ad", "#98a3ad", "#d08a4e", ORANGE],
    )
    return Figure(
        svg=svg,
        alt="Bars of how many numbers have each grade: "
        + ", ".join(f"{letter} {v:.0f}" for letter, v in zip(letters, values, strict=True))
        + ".",
        caption="How well the numbers behind this forecast are known.",
    )
