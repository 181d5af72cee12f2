"""A relative potency for a terminal and as a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.errors import NotFound
from exocast.report.figures import BLUE, FAINT, INK, ORANGE, Figure, finished, sheet
from exocast.report.numbers import NBSP, as_given, figures
from exocast.report.story import Table
from exocast.report.text import WIDTH, grid, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Data = Mapping[str, Any]
WORDS = {
    "slope_ratio": "slopes, ratio",
    "upper_asymptote": "upper asymptotes, difference / range",
    "lower_asymptote": "lower asymptotes, difference / range",
}
METHODS = {
    "profile likelihood": "profile likelihood of the common curve",
    "Fieller": "Fieller's, exact for straight lines",
}
POINTS = 200
FEWEST_TICKS, MOST_TICKS = 3, 5
FINE = tuple(x / 100 for x in range(100, 1000, 5))
ROW_INCHES, FOREST_INCHES = 2.9, 0.42


def text(found: Data) -> str:
    """A relative potency as text: the answer, what was tested, and what it rests on."""
    lines = [f"{found['sample']} against {found['reference']}, {found['file']}", ""]
    lines += wrapped(answer(found), WIDTH)
    lines += ["", *wrapped(_how(found), WIDTH)]
    for assay in found["assays"]:
        lines += ["", *_assay_lines(assay, found)]
    if found["combined"] is not None:
        lines += ["", *_combined_lines(found["combined"], found)]
    lines += ["", *wrapped(_bounds(found), WIDTH)]
    return "\n".join(lines).replace(NBSP, " ").rstrip() + "\n"


def answer(found: Data) -> str:
    """The first sentences: the potency with its unit, or why there is none."""
    if found["relative"] is None:
        refused = found["refused"]
        return f"No relative potency ({refused['code']}). {refused['message']}"
    return (
        f"Relative potency {_with_interval(found, found['level'])}, {found['statement']}. "
        "It says what this batch does in this assay, and nothing of what it does in people."
    )


def _with_interval(found: Data, level: float) -> str:
    return (
        f"{figures(found['relative'], 3)} ({100 * level:.0f} % {figures(found['low'], 3)} to "
        f"{figures(found['high'], 3)})"
    )


def _how(found: Data) -> str:
    model = {
        "4pl": "curves of four parameters with common asymptotes and slope, shifted along the "
        "logarithm of the dose",
        "parallel-line": "parallel lines over the logarithm of the dose",
    }[found["model"]]
    response = "its logarithm" if found["transform"] == "log" else "as it was read"
    rule = {"none": "no well is called an outlier", "rosner": "outliers by Rosner's rule"}
    return (
        f"Model: {model}. Response: {response}; weights: {found['weights']}; plates add to it; "
        f"{rule[found['outlier_rule']]}. Interval: {METHODS[found['interval']]}."
    )


def _assay_lines(assay: Data, found: Data) -> list[str]:
    used = sum(1 for w in assay["wells"] if w["level"] is not None)
    plates = ", ".join(p for p in assay["plates"] if p) or "one plate"
    title = f"Assay {assay['name']}: {plates}; {used} of {len(assay['wells'])} wells fitted"
    lines = [title, "-" * min(len(title), WIDTH)]
    lines += [
        f"Line of {span['sample']}: {figures(span['low'], 3)} to {figures(span['high'], 3)} "
        f"{found['dose_unit']}."
        for span in assay["ranges"]
    ]
    if assay["refused"] is not None and len(found["assays"]) > 1:
        lines += wrapped(f"{assay['refused']['code']}: {assay['refused']['message']}", WIDTH)
    elif assay["relative"] is not None:
        lines.append(f"Relative potency {_with_interval(assay, found['level'])}.")
    if assay["with_outliers"] is not None:
        lines += _outlier_lines(assay, found)
    if assay["similarity"]:
        lines += grid(_similarity_table(assay["similarity"], found["similarity_level"]))
    if assay["reference"] is not None:
        lines += grid(_curve_table(assay, found))
    for name, label in (
        ("non_parallelism", "One shape for both costs"),
        ("lack_of_fit", "Means at the doses leave the model by"),
    ):
        test = assay[name]
        if test is not None and test["f"] is not None:
            lines.append(
                f"{label} {figures(test['sum_of_squares'], 3)} in squares (F {test['f']:.2f}, p "
                f"{figures(test['p'], 2)}); decides nothing."
            )
    return lines


def _outlier_lines(assay: Data, found: Data) -> list[str]:
    lines = [
        f"Left out, {o['well']}: {o['sample']} at {o['dose']:g} {found['dose_unit']}, response "
        f"{o['response']:g}, residual {o['residual']:.2f} over the limit {o['critical']:.2f}."
        for o in assay["outliers"]
    ]
    before = assay["with_outliers"]
    if before["relative"] is None:
        return [*lines, f"With these wells there is no potency ({before['code']})."]
    return [*lines, f"With these wells: {_with_interval(before, found['level'])}."]


def _similarity_table(similarity: Sequence[Data], level: float) -> Table:
    return Table(
        caption="Similarity",
        columns=("Test against reference", "value", f"{100 * level:.0f} % interval", "bounds", ""),
        rows=tuple(
            (
                WORDS[r["measure"]],
                _number(r["value"]),
                f"{_number(r['low'])} to {_number(r['high'])}",
                f"{r['bound_low']:g} to {r['bound_high']:g}".replace("-", "−"),
                str(r["verdict"]),
            )
            for r in similarity
        ),
    )


def _number(value: float | None) -> str:
    return "no end" if value is None else figures(value, 3)


def _curve_table(assay: Data, found: Data) -> Table:
    names = {"reference": found["reference"], "test": found["sample"], "shared": "both, one shape"}
    curve = assay["reference"]["ec50"] is not None
    fields = ("at_zero", "at_full", "ec50", "slope") if curve else ("at_dose_one", "slope")
    scale = "ln" if found["transform"] == "log" else "height"
    heads = {
        "at_zero": f"{scale} at dose 0",
        "at_full": f"{scale} at full effect",
        "ec50": f"EC50, {found['dose_unit']}",
        "slope": "slope",
        "at_dose_one": f"{scale} at 1 {found['dose_unit']}",
    }
    return Table(
        caption="Curves",
        columns=("Curve", *(heads[f] for f in fields)),
        rows=tuple(
            (str(name), *(figures(assay[key][f], 4) for f in fields)) for key, name in names.items()
        ),
    )


def _combined_lines(combined: Data, found: Data) -> list[str]:
    title = f"{len(combined['assays'])} assays together"
    rows = tuple(
        (
            name.replace("_", "-"),
            *(figures(combined[name][k], 3) for k in ("relative", "low", "high")),
        )
        for name in ("weighted", "semi_weighted", "unweighted")
    )
    which = "homogeneous" if combined["homogeneous"] else "heterogeneous"
    return [
        title,
        "-" * len(title),
        *wrapped(
            f"Cochran's Q {combined['q']:.2f} with {combined['q_freedom']} degrees of freedom (p "
            f"{figures(combined['q_p'], 2)}): {which}, so the mean is {combined['method']}. "
            f"Scatter between assays (SD of the logarithm): {figures(combined['between_sd'], 2)}.",
            WIDTH,
        ),
        *grid(
            Table(
                caption="Means",
                columns=("Geometric mean", "potency", f"{100 * found['level']:.0f} % low", "high"),
                rows=rows,
            )
        ),
    ]


def _bounds(found: Data) -> str:
    shown = "; ".join(
        f"{WORDS[b['measure']]} {b['low']:g} to {b['high']:g} ({b['source']}, grade {b['grade']})"
        for b in found["bounds"]
    ).replace("-0", "−0")
    return f"Bounds of similarity, set beforehand: {shown}."


# Figure -------------------------------------------------------------------------------------------


def plot(found: Data) -> Figure:
    """Wells and curves of each assay, the shift with its interval, and assays beside their mean."""
    assays = found["assays"]
    columns = min(2, len(assays))
    rows = math.ceil(len(assays) / columns)
    combined = found["combined"]
    forest = (len(combined["assays"]) + 3) * FOREST_INCHES if combined else 0.0
    size = (7.4, ROW_INCHES * rows + 0.4 + forest)
    with sheet(size, "potency") as drawing:
        heights = [ROW_INCHES] * rows + ([forest] if combined else [])
        cells = drawing.add_gridspec(len(heights), columns, height_ratios=heights)
        for i, assay in enumerate(assays):
            axes = drawing.add_subplot(cells[i // columns, i % columns])
            _draw_assay(axes, assay, found, legend=i == 0)
        if combined:
            _draw_means(drawing.add_subplot(cells[-1, :]), found)
        svg = finished(drawing, "potency")
    return Figure(
        svg=svg,
        alt=f"Responses of {found['reference']} and {found['sample']} over the dose, with their "
        f"curves. {answer(found)}",
        caption="",
    )


def save_plot(found: Data, target: Path) -> None:
    """Write the figure to an SVG file.

    Raises
    ------
    InvalidInput
        When the target is no ``.svg``.
    NotFound
        When its folder is not there.
    """
    if not target.absolute().parent.is_dir():
        raise NotFound("There is no such folder to write into.", where=str(target.parent))
    plot(found).save(target)


def _height(curve: Data, doses: Array) -> Array:
    if curve["ec50"] is None:
        return np.asarray(curve["at_dose_one"] + curve["slope"] * np.log(doses))
    risen = 1 / (1 + (curve["ec50"] / doses) ** curve["slope"])
    return np.asarray(curve["at_zero"] + (curve["at_full"] - curve["at_zero"]) * risen)


def _draw_assay(axes: Axes, assay: Data, found: Data, *, legend: bool) -> None:
    log = found["transform"] == "log"
    given = [w["dose"] for w in assay["wells"] if w["dose"] > 0]
    lowest, highest = min(given), max(given)
    at_zero = lowest / 3  # where wells without a dose stand
    samples = (found["reference"], BLUE, "o"), (found["sample"], ORANGE, "^")
    for sample, colour, mark in samples:
        own = [w for w in assay["wells"] if w["sample"] == sample]
        fitted = [w for w in own if w["level"] is not None]
        for wells, face, size in (
            (fitted, colour, 16.0),
            ([w for w in own if w["level"] is None and w["response"] is not None], "none", 20.0),
        ):
            heights = np.array(
                [
                    (math.exp(w["level"]) if log else w["level"])
                    if w["level"] is not None
                    else w["response"]
                    for w in wells
                ]
            )
            axes.scatter(
                [w["dose"] or at_zero for w in wells],
                heights,
                size,
                marker=mark,
                facecolors=face,
                edgecolors=colour,
                linewidths=0.6,
                alpha=0.75,
                label=str(sample) if wells is fitted and fitted else None,
            )
    _draw_curves(axes, assay, found, np.geomspace(lowest, highest, POINTS))
    _log_axis(axes, "x", lowest, highest)
    if log:
        levels = [w["response"] for w in assay["wells"] if (w["response"] or 0) > 0]
        _log_axis(axes, "y", min(levels), max(levels))
    axes.set_xlabel(f"dose, {found['dose_unit']}")
    axes.set_ylabel("response")
    axes.grid(axis="y")
    if any(w["dose"] == 0 for w in assay["wells"]):
        axes.annotate("0", (at_zero, 0.02), xycoords=("data", "axes fraction"), ha="center")
    name = assay["name"] if len(found["assays"]) == 1 else f"assay {assay['name']}"
    shown = (
        f"no potency ({assay['refused']['code']})"
        if assay["relative"] is None
        else f"{figures(assay['relative'], 3)} ({figures(assay['low'], 3)} to "
        f"{figures(assay['high'], 3)})"
    )
    axes.set_title(f"{name}: {shown}".replace(NBSP, " "), loc="left", fontsize=10)
    if legend:
        axes.legend(loc="best")


def _draw_curves(axes: Axes, assay: Data, found: Data, doses: Array) -> None:
    """One shape with the shift and its interval; where none is reported, each sample's own."""
    back = np.exp if found["transform"] == "log" else np.asarray
    spans = {s["sample"]: (s["low"], s["high"]) for s in assay["ranges"]}

    def line(curve: Data, sample: str, factor: float, colour: str, style: str) -> None:
        low, high = spans.get(sample, (doses[0], doses[-1]))
        inside = doses[(doses >= low) & (doses <= high)]
        axes.plot(inside, back(_height(curve, inside * factor)), style, color=colour, linewidth=1.6)

    if assay["reference"] is None:
        return
    if assay["relative"] is None:
        line(assay["reference"], found["reference"], 1.0, BLUE, "--")
        line(assay["test"], found["sample"], 1.0, ORANGE, "--")
        return
    shared = assay["shared"]
    line(shared, found["reference"], 1.0, BLUE, "-")
    line(shared, found["sample"], assay["relative"], ORANGE, "-")
    low, high = spans.get(found["sample"], (doses[0], doses[-1]))
    inside = doses[(doses >= low) & (doses <= high)]
    axes.fill_between(
        inside,
        back(_height(shared, inside * assay["low"])),
        back(_height(shared, inside * assay["high"])),
        color=ORANGE,
        alpha=0.25,
        linewidth=0,
    )


def _draw_means(axes: Axes, found: Data) -> None:
    combined = found["combined"]
    chosen = combined["method"]
    rows = [(a["name"], a, FAINT, "o") for a in found["assays"] if a["relative"] is not None]
    rows.append((f"{chosen} mean", combined[chosen.replace("-", "_")], INK, "D"))
    for place, (_, each, colour, mark) in enumerate(rows):
        axes.plot([each["low"], each["high"]], [place, place], color=colour, linewidth=1.6)
        axes.plot([each["relative"]], [place], mark, color=colour, markersize=6)
    axes.axvline(1.0, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [str(name) for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    ends = [float(each[k]) for _, each, *_ in rows for k in ("low", "high")]
    _log_axis(axes, "x", min(*ends, 1.0), max(*ends, 1.0))
    axes.set_xlabel(
        f"potency of {found['sample']} over {found['reference']}, equal doses in "
        f"{found['dose_unit']}"
    )


def _ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Round numbers on a logarithmic axis, and how they are written."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    decades = math.log10(high / low)
    if decades > MOST_TICKS:
        exponents = exponents[:: math.ceil(decades / MOST_TICKS)]
    inside: list[float] = []
    for parts in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), FINE):
        inside = [m * 10.0**e for e in exponents for m in parts]
        inside = [x for x in inside if low * (1 - 1e-9) <= x <= high * (1 + 1e-9)]
        if len(inside) >= FEWEST_TICKS:
            break
    # Crowded round numbers are thinned.
    inside = inside[:: math.ceil(len(inside) / (MOST_TICKS + 2)) or 1]
    return inside, [as_given(x).replace(NBSP, " ") for x in inside]


def _log_axis(axes: Axes, which: str, low: float, high: float) -> None:
    ticks, labels = _ticks(low, high)
    if which == "x":
        axes.set_xscale("log")
        axes.set_xticks(ticks, labels)
        axes.set_xticks([], minor=True)
    else:
        axes.set_yscale("log")
        axes.set_yticks(ticks, labels)
        axes.set_yticks([], minor=True)
