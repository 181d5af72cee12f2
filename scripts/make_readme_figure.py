"""Draw the picture of the README from a forecast of examples/knee.

    python scripts/make_readme_figure.py [RESULT]

RESULT is a result directory, results/knee-demo (what ``make demo`` writes) when not given; it is
forecast when it is not there. Left: pain in both arms. Right: their difference with its interval
over worlds, and the difference that matters to a group.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import exocast

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "images" / "knee-forecast.png"
INK, FAINT, BLUE, ORANGE = "#22272e", "#646b74", "#0b5d8f", "#b4530a"
STYLE = {
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def curve(statistics: pd.DataFrame, arm: str, statistic: str) -> pd.Series:
    """A statistic of pain in one arm, by week."""
    chosen = statistics[
        (statistics["arm"] == arm)
        & (statistics["observable"] == "pain_vas")
        & (statistics["statistic"] == statistic)
    ]
    return chosen.assign(week=chosen["time"] / 7).set_index("week")["value"].sort_index()


def arms(axes: Axes, statistics: pd.DataFrame, control: str) -> None:
    """Change of pain in both arms, with the spread between people shaded."""
    low, high = (curve(statistics, "vial", s) for s in ("spread_low", "spread_high"))
    axes.fill_between(low.index, low, high, color=BLUE, alpha=0.10, lw=0)
    for arm, colour, dash, text in (
        ("vial", BLUE, "-", "vesicles"),
        (control, ORANGE, "--", control),
    ):
        mean = curve(statistics, arm, "mean")
        axes.plot(mean.index, mean, colour, ls=dash, lw=2.2, label=text)
    axes.plot([], [], color=BLUE, alpha=0.25, lw=8, label="9 in 10 people")
    axes.axhline(0, color=FAINT, lw=0.8)
    axes.set(title="Both arms improve", ylabel="change of pain, VAS 0-100", ylim=(-80, 80))
    axes.legend(frameon=False, loc="upper right", fontsize=9.5, ncols=3)


def difference(axes: Axes, statistics: pd.DataFrame, control: str, important: float) -> None:
    """The difference between the arms with its 90 % interval over worlds."""
    low, mean, high = (
        curve(statistics, f"vial minus {control}", s) for s in ("low", "mean", "high")
    )
    axes.fill_between(low.index, low, high, color=BLUE, alpha=0.20, lw=0, label="90 % interval")
    axes.plot(mean.index, mean, BLUE, lw=2.2, label=f"vesicles minus {control}")
    axes.axhline(0, color=FAINT, lw=0.8)
    axes.axhline(-important, color=ORANGE, lw=1.2, ls=":")
    axes.annotate(
        f"matters to a group ({important:.3g})",
        (52, -important),
        (0, 4),
        textcoords="offset points",
        ha="right",
        color=ORANGE,
        fontsize=9.5,
    )
    reach = 1.2 * max(important, -float(low.min()), float(high.max()))
    axes.set(title="Their difference is what the vesicles do", ylim=(-reach, reach))
    axes.legend(frameon=False, loc="upper right", fontsize=9.5, ncols=2)


def main() -> None:
    """Forecast if need be, draw, write."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results" / "knee-demo"
    made = (
        exocast.open_result(directory)
        if (directory / "manifest.json").is_file()
        else exocast.forecast(ROOT / "examples/knee/scenario.yaml", out=directory)
    )
    manifest = made.result.manifest
    important = float(manifest["thresholds"]["group"]["pain_vas"]["value"])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.7), layout="constrained", dpi=130)
        left, right = figure.subplots(1, 2, sharex=True)
        arms(left, made.statistics, manifest["control"])
        difference(right, made.statistics, manifest["control"], important)
        for axes in (left, right):
            axes.set(xlabel="weeks after the first injection", xlim=(0, 52))
            axes.set_xticks([0, 4, 8, 13, 26, 39, 52])
        figure.suptitle(
            f"{manifest['worlds']} worlds × {manifest['patients']} people, synthetic vial, "
            f"{manifest['prior']} prior",
            fontsize=9.5,
            color=FAINT,
            x=0.995,
            ha="right",
        )
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(TARGET, metadata={"Software": None})
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
