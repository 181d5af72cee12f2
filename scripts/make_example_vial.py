"""Write the example vial of the knee forecast: a synthetic experiment summary.

Nothing in it was measured. Diameters are drawn from a log-normal law, thinned where an instrument
would miss small particles, and smoothed as tracking software does. The layout is that of NTA 3.4.
One of the five captures failed, as happens in real files, so that readers see it left out. The
same numbers come out each time: ``python scripts/make_example_vial.py``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from exocast.evidence.chance import normal_scores, uniform_scores

Array = NDArray[np.float64]
HERE = "scripts/make_example_vial.py"
TARGET = Path(__file__).parent.parent / "examples" / "knee" / "example-ExperimentSummary.csv"
STOCK_PER_ML = 1.2e11
MEDIAN_NM, LOG_SD = 108.0, 0.36
HALF_SEEN_NM, SEEN_LOG_SD = 55.0, 0.12
SMOOTHING = 0.03
CENTRES_NM = np.arange(1000) + 0.5
WEIGHTINGS = {
    "Number": ("Concentration (particles / ml)", "Concentration average", 0),
    "Surface Area": ("Surface area conc. (nm² / ml)", "Surface area average", 2),
    "Volume": ("Volume conc. (nm³ / ml)", "Volume average", 3),
}


@dataclass(frozen=True, kw_only=True)
class Video:
    """One capture to be written: ``per_ml`` as printed, ``tracks`` valid ones."""

    name: str
    per_ml: float
    tracks: int
    verdict: str = "OK"
    median_nm: float = MEDIAN_NM
    log_sd: float = LOG_SD

    @functools.cache  # noqa: B019 - videos are few and immutable
    def bins(self, seed: int) -> Array:
        """Particles per mL in each bin of 1 nm; they sum to the concentration."""
        if self.tracks == 0:
            return np.zeros_like(CENTRES_NM)
        scores = normal_scores(seed, f"{self.name}.diameter", 3 * self.tracks)
        diameters = self.median_nm * np.exp(self.log_sd * scores)
        chance = ndtr(np.log(diameters / HALF_SEEN_NM) / SEEN_LOG_SD)
        seen = uniform_scores(seed, f"{self.name}.seen", 3 * self.tracks) < chance
        kept = np.log(diameters[seen][: self.tracks])
        edges = np.log(np.concatenate([[1e-9], CENTRES_NM + 0.5]))
        cumulative = ndtr((edges[:, None] - kept[None, :]) / SMOOTHING).sum(axis=1)
        counts = np.diff(cumulative)
        counts[counts < 1e-3] = 0.0
        found = np.asarray(self.per_ml * counts / counts.sum())
        found.flags.writeable = False
        return found


def summary_text(
    videos: Sequence[Video],
    *,
    dilution: str,
    description: str,
    remarks: str = "",
    weightings: Sequence[str] = ("Number",),
    separator: str = ",",
    newline: str = "\r\n",
    padded: bool = False,
    seed: int = 1,
) -> str:
    """An experiment summary in the layout of NTA 3.4.

    Parameters
    ----------
    videos
        Captures, in order.
    dilution
        As printed for each capture: ``1.00e+03`` or ``Not recorded``.
    description, remarks
        Free texts of the head.
    weightings
        Which tables of sizes follow, the one by number first.
    separator
        ``,`` or ``;``; with ``;`` the decimal sign is a comma.
    newline
        Line ending.
    padded
        Whether all lines have the same number of cells, as after saving in a spreadsheet.
    seed
        Of the diameters.
    """
    n = len(videos)
    numbers = np.array([v.per_ml for v in videos])
    bins = np.column_stack([v.bins(seed) for v in videos])
    lines: list[list[str]] = [
        ["NTA Experiment Summary File", ""],
        [f"Created with NTA 3.4 layout (synthetic: {HERE})", ""],
        ["", ""],
        ["[Experiment Details]", "", ""],
        ["Software Version", "NTA 3.4 layout (synthetic)", ""],
        ["Experiment Name", "SYNTHETIC.nano", ""],
        ["Operator Name", "", ""],
        ["Time Captured", "10:00:00  01/11/2026", ""],
        ["Sample Description", description, ""],
        ["Pre-treatment", "", ""],
        ["Diluent", "PBS", ""],
        ["Remarks", remarks, ""],
        ["", "", ""],
        ["Filename:", *(v.name for v in videos), ""],
        ["Processed", *["Yes"] * n, ""],
        [],
        ["[Conditions]", *[""] * n, ""],
        ["Temperature/C", *["22.000"] * n, ""],
        [],
        ["[Settings]", *[""] * n, ""],
        ["Detection Threshold", *["5"] * n, ""],
        [],
        ["[Exclusion Regions]"],
        ["No Exclusion Regions Used", *[""] * n, ""],
        [],
        ["[Results]", *[""] * n, "Average", "Standard Error", ""],
        [
            "Dilution factor (concentrations adjusted for this factor)",
            *[dilution] * n,
            *[""] * 3,
        ],
        [
            "Concentration (Particles / ml)",
            *(f"{x:.2e}" for x in numbers),
            f"{numbers.mean():.2e}",
            f"{numbers.std(ddof=1) / math.sqrt(n) if n > 1 else 0:.2e}",
            "",
        ],
        ["Completed tracks", *(str(3 * v.tracks) for v in videos), *[""] * 3],
        [],
        ["[Concentration Warnings]"],
        ["Validity of concentration measurement", *(v.verdict for v in videos), ""],
        [],
        ["[Information]"],
        ["Vibration detected", *["No"] * n, ""],
        [],
        ["[Data Included]", ""],
        *([f"Size distribution - {w} weighting - With Percentiles", ""] for w in weightings),
        ["", ""],
        ["[Size Data]", "", ""],
        ["Analysis Method", "FTLA", ""],
    ]
    for weighting in weightings:
        lines += _table(videos, bins, weighting)
    if padded:
        width = max(len(line) for line in lines)
        lines = [line + [""] * (width - len(line)) for line in lines]
    if separator != ",":
        lines = [[_decimal_comma(cell) for cell in line] for line in lines]
    return newline.join(separator.join(line) for line in lines) + newline


def _table(videos: Sequence[Video], bins: Array, weighting: str) -> list[list[str]]:
    heading, average, power = WEIGHTINGS[weighting]
    n = len(videos)
    weighted = bins * CENTRES_NM[:, None] ** power
    shape = [_shape(weighted[:, i]) for i in range(n)]
    names = ("Mean", "Mode", "SD", "D10", "D50", "D90")
    lines = [["Weighting", weighting, ""]]
    lines += [["Filename", *(v.name for v in videos), "Average", "Standard Error", ""]]
    for i, name in enumerate(names):
        values = np.array([s[i] for s in shape])
        error = values.std(ddof=1) / math.sqrt(n) if n > 1 else 0.0
        lines.append([name, *(f"{x:.1f}" for x in (*values, values.mean(), error)), ""])
    lines.append(["Valid Tracks", *(f"{v.tracks:.1f}" for v in videos), *[""] * 3])
    lines.append(["Graph Data", ""])
    lines.append(["Bin centre (nm)", *[heading] * n, average, "Standard Error", ""])
    errors = weighted.std(axis=1, ddof=1) / math.sqrt(n) if n > 1 else np.zeros(len(weighted))
    columns = np.column_stack([weighted, weighted.mean(axis=1), errors])
    for centre, row in zip(CENTRES_NM, columns.tolist(), strict=True):
        lines.append([f"{centre:.1f}", *(f"{x:.4g}" for x in row), ""])
    lines.append(["", "", ""])
    lines.append(["Percentile", *["Size (nm)"] * n, ""])
    shares = [_percentiles(weighted[:, i]) for i in range(n)]
    for percent in range(101):
        lines.append([str(percent), *(f"{s[percent]:.1f}" for s in shares), ""])
    lines.append([""] * (n + 2))
    return lines


def _shape(weights: Array) -> tuple[float, ...]:
    if not weights.any():
        return (0.0,) * 6
    mean = float(np.average(CENTRES_NM, weights=weights))
    sd = math.sqrt(float(np.average((CENTRES_NM - mean) ** 2, weights=weights)))
    percentiles = _percentiles(weights)
    mode = float(CENTRES_NM[np.argmax(weights)])
    return mean, mode, sd, percentiles[10], percentiles[50], percentiles[90]


def _percentiles(weights: Array) -> list[float]:
    if not weights.any():
        return [0.0] * 101
    cumulative = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
    edges = np.concatenate([[0.0], CENTRES_NM + 0.5])
    rising = np.concatenate([[True], np.diff(cumulative) > 0])
    return list(np.interp(np.arange(101) / 100, cumulative[rising], edges[rising]))


def _decimal_comma(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return cell
    return cell.replace(".", ",")


def example_text() -> str:
    """The example vial: about 1.2e11 particles per mL, four good captures and a failed one."""
    scores = normal_scores(1, "example.captures", 5)
    videos = [
        Video(
            name=f"example lot 01_{i:02d}",
            per_ml=STOCK_PER_ML * math.exp(0.06 * scores[i]),
            tracks=1500 + 130 * i,
            median_nm=MEDIAN_NM * math.exp(0.01 * scores[i]),
        )
        for i in range(5)
    ]
    videos[2] = Video(name=videos[2].name, per_ml=0.0, tracks=0, verdict="Unreliable")
    return summary_text(
        videos,
        dilution="1.00e+03",
        description=f"SYNTHETIC MSC vesicles made by {HERE}; not measured",
        remarks=f"SYNTHETIC example made by {HERE}: no instrument and no sample stand behind it",
    )


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(example_text().encode("ascii"))
    print(f"wrote {TARGET}")
