"""Pictures and words of a simulation: the median run, and the band that holds nine in ten."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exocast.report.figures import BLUE, FAINT, INK
from exocast.study.result import Result
from exocast.study.simulation import ended

if TYPE_CHECKING:
    import pandas as pd

MOST_PANELS = 12
MOST_LINES = 12
PANEL = (3.4, 2.4)  # inches
PATHS = {
    "batch": "runs side by side, by the batched engine",
    "general": "one run at a time, by libRoadRunner",
}
LOW, MEDIAN, HIGH = 0.05, 0.5, 0.95


def draw(result: Result, path: Path) -> Path:
    """Write a PNG with a panel for each observable, the first twelve; gives the path."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    names = result.observables[:MOST_PANELS]
    bands = _bands(result)
    columns = min(len(names), 3)
    lines = math.ceil(len(names) / columns)
    style: Any = {
        "font.size": 9,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        drawing = Drawing(figsize=(columns * PANEL[0], lines * PANEL[1]), layout="constrained")
        FigureCanvasAgg(drawing)  # type: ignore[no-untyped-call,unused-ignore]
        for place, name in enumerate(names):
            axes = drawing.add_subplot(lines, columns, place + 1)
            band = bands.loc[name]
            times = band.index.to_numpy()
            axes.fill_between(times, band[LOW], band[HIGH], color=BLUE, alpha=0.2, linewidth=0)
            axes.plot(times, band[MEDIAN], color=BLUE, marker="." if len(times) == 1 else "")
            unit = result.unit(name)
            axes.set_title(f"{name} ({unit})" if unit else name, color=INK)
            if place >= len(names) - columns:
                axes.set_xlabel("time")
        drawing.savefig(path, format="png", dpi=150, metadata={"Software": None})
    return path


def text(result: Result) -> str:
    """What a simulation came to, as text for a terminal."""
    found = record(result)
    runs = found["runs"]
    how = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in found["status"].items())
    lines = [
        f"{runs} {'run' if runs == 1 else 'runs'} at {found['times']} times: {how}.",
        f"Path: {found['path']} ({PATHS[found['path']]}).",
    ]
    if found["largest_error_estimate"] is not None:
        lines.append(
            f"Largest error estimate of the runs done twice: {found['largest_error_estimate']:.1e} "
            "(relative)."
        )
    if found["at_the_end"]:
        lines.append(f"At time {found['at_the_end'][0]['time']:g}, median (5 to 95 % of runs):")
    for one in found["at_the_end"][:MOST_LINES]:
        low, median, high = (_number(one[key]) for key in ("low", "median", "high"))
        spread = f" ({low} to {high})" if runs > 1 else ""
        lines.append(f"  {one['observable']}: {median}{spread} {one['unit']}".rstrip())
    if len(found["at_the_end"]) > MOST_LINES:
        lines.append(f"  and {len(found['at_the_end']) - MOST_LINES} more in summary.parquet")
    return "\n".join(lines)


def record(result: Result) -> dict[str, Any]:
    """The content of ``exocast simulate --json``."""
    how, bands = ended(result), _bands(result)
    end = float(bands.index.get_level_values("time").max())
    low, median, high = (dict(bands[level]) for level in (LOW, MEDIAN, HIGH))
    return {
        "directory": str(result.directory),
        "plot": str(result.directory / "plot.png"),
        "runs": int(result.manifest["runs"]),
        "times": int(result.manifest["times"]),
        "observed": list(result.observables),
        "varied": list(result.manifest["varied"]),
        "path": str(result.manifest["path"]),
        "rtol": float(result.manifest["rtol"]),
        "status": dict(how.status),
        "largest_error_estimate": how.largest_error,
        "at_the_end": [
            {
                "observable": name,
                "unit": result.unit(name),
                "time": end,
                "low": float(low[name, end]),
                "median": float(median[name, end]),
                "high": float(high[name, end]),
            }
            for name in result.observables
        ],
    }


def _bands(result: Result) -> pd.DataFrame:
    """Quantiles as columns, by observable and time."""
    table = result.frame("summary")
    table = table[table["statistic"] == "quantile"]
    return table.pivot(index=["observable", "time"], columns="level", values="value")


def _number(value: float) -> str:
    return "missing" if math.isnan(value) else f"{value:.4g}"
