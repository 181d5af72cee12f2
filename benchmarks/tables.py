"""Markdown tables and small figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def short(value: float | None, digits: int = 3) -> str:
    """A number in few characters; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        return f"{value:,.{decimals}f}"
    return f"{value:.{digits - 1}e}"


def times(value: float) -> str:
    """A ratio."""
    return "–" if not math.isfinite(value) else f"{short(value, 2)}×"


def curves(
    path: Path,
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    labels: tuple[str, str],
) -> None:
    """Lines over two logarithmic axes, as a small PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8.2, 4.2), dpi=110)
    for (name, points), marker in zip(lines.items(), "osD^vPX*<>" * 3, strict=False):
        if points:
            xs, ys = zip(*sorted(points), strict=True)
            axes.loglog(xs, ys, marker=marker, markersize=4, linewidth=1.2, label=name)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, which="major", alpha=0.3)
    # Beside the axes: the curves need all the room inside.
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)
