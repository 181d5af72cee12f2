"""ViewSizer tables of our own numbers, in the layout that nanotracking 0.0.6 expects."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

DENSITY = (0.0, 2e4, 8e4, 3e5, 9e5, 6e5, 2e5, 4e4, 0.0)  # counts/mL/nm
VIDEOS = ((88.5, 101.25, 140.0), (95.0, 110.5), (), (300.75,))


def sizes_text(
    density: Sequence[float] = DENSITY,
    *,
    width: float = 10.0,
    separator: str = "\t ",
    decimal: str = ".",
    newline: str = "\n",
    centres_only: bool = False,
) -> str:
    """The table of bins: lower edge, middle, density."""
    names = ["/LowerBinDiameter_[nm]", "CenterBinDiameter_[nm]", "PSD_corrected_[counts/mL/nm]"]
    rows = [[i * width, (i + 0.5) * width, value] for i, value in enumerate(density)]
    lines = [names, *([f"{x:.6g}".replace(".", decimal) for x in row] for row in rows)]
    first = 1 if centres_only else 0
    return newline.join(separator.join(line[first:]) for line in lines) + newline


def videos_text(
    videos: Sequence[Sequence[float]] = VIDEOS, *, newline: str = "\n", comment: bool = True
) -> str:
    """One line a video: number, number of particles, mean, standard deviation, sizes."""
    lines = ["/n count mean sd sizes"] if comment else []
    for i, sizes in enumerate(videos, start=1):
        mean = f"{statistics.fmean(sizes):.6f}" if sizes else "nan"
        sd = f"{statistics.stdev(sizes):.6f}" if len(sizes) > 1 else "nan"
        lines.append(" ".join([str(i), str(len(sizes)), mean, sd, *(f"{s:g}" for s in sizes)]))
    return newline.join(lines) + newline
