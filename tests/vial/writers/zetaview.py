"""ZetaView files of our own numbers, in the layout of software 8.06."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

STEP_NM = 5.0
COUNTS = {17: 3, 18: 9, 19: 22, 20: 31, 21: 24, 22: 16, 23: 9, 24: 5, 30: 1}  # bin: particles
PER_PARTICLE = 9.352e4  # particles per mL for one counted


def size_text(
    counts: Mapping[int, int] | None = None,
    *,
    n_bins: int = 40,
    sample: str = "lot 7",
    dilution: str | None = "1000.000000",
    traces: int | None = None,
    drift: str = "good",
    cell: str = "Very Good",
    checked: str = "1904-01-01 05:30:00",
    correction: str = "1.000000",
    original: str = "Z:\\lot 7_size_488.avi",
    logarithmic: bool = True,
    log_counts: int | None = None,
    separator: str = "\t",
    decimal: str = ".",
    newline: str = "\n",
    padded: bool = False,
) -> str:
    """A size file: bins of 5 nm, a row of -1, and the same particles in logarithmic bins.

    ``padded`` fills every line to the width of the table, as a spreadsheet does.
    """
    counts = COUNTS if counts is None else counts
    total = sum(counts.values())
    traces = total if traces is None else traces
    counted = ["Number of Traces:", str(traces), "(at 0.099990)"]
    counted += ["Average Number of Particles:", "17.000000"]
    counted += [] if dilution is None else ["Dilution::", dilution]
    lines = [
        ["Original File:", original, "Section:", "0.09999 [0]"],
        ["Operator:", "made for a test"],
        ["ZetaView S/N:", "00-0000"],
        ["Software:", "ZetaView (version 8.06.01 SP1)", "Analyze:", "8.06.01 SP1"],
        ["Sample:", sample],
        ["pH:", "7.400000", "entered"],
        ["Conductivity: 34.000000", "sensed"],
        ["Remarks:", ""],
        ["Sample Info 3:"],
        ["Particle Drift Checked:", checked],
        ["Particle Drift Check Result:", drift],
        ["Cell Checked:", "2026-03-02 13:54:17"],
        ["Cell Check Result:", cell],
        ["Type of Measurement:", "Size Distribution"],
        counted,
        ["Concentration Correction Factor:", correction],
        ["Image Evaluation:"],
        ["Brightness:", "NaN"],
        ["Camera Trigger Delay \xb5s:", "0"],
        ["Size Distribution"],
        ["Size / nm", "Number", "Concentration / cm-3", "Volume / nm^3", "Area / nm^2"],
    ]
    if total:
        lines += [_row(STEP_NM * (i + 0.5), counts.get(i, 0)) for i in range(n_bins)]
    lines.append([*[_number(-1.0)] * 4, _number(0.0)])
    if total and logarithmic:
        lines.append(_row(86.3, log_counts if log_counts is not None else total // 2))
        lines.append(_row(112.1, total - total // 2))
        lines.append(_row(145.9, 0))
    width = max(map(len, lines)) if padded else 0
    swapped = (
        [cell.replace(".", decimal) if _numeric(cell) else cell for cell in line] for line in lines
    )
    rows = ([*line, *[""] * (width - len(line))] for line in swapped)
    quoted = ([f'"{c}"' if separator in c else c for c in row] for row in rows)
    return newline.join(separator.join(row) for row in quoted) + newline


def _row(size: float, count: int) -> list[str]:
    volume = math.pi / 6 * size**3 * count
    area = math.pi * size**2 * count
    return [_number(x) for x in (size, float(count), count * PER_PARTICLE, volume, area)]


def _number(value: float) -> str:
    """Four digits, as the software prints: ``9.352E+4``."""
    mantissa, _, exponent = f"{value:.3E}".partition("E")
    return f"{mantissa}E{int(exponent):+d}"


def _numeric(cell: str) -> bool:
    return not any(sign.isalpha() and sign not in "EN" for sign in cell.rpartition(":")[2].strip())


def positions_text(
    positions: Sequence[tuple[str, float, int, str]] | None = None,
    *,
    dilution: float = 1000.0,
    mean: str | None = None,
    footer: bool = True,
    original: bool = True,
    separator: str = "\t",
    decimal: str = ".",
    newline: str = "\n",
) -> str:
    """A file of positions: (position, concentration at the instrument, traces, removal)."""
    positions = POSITIONS if positions is None else positions
    head = ["Use", "Position", "Mean Int.", "Av. No of Particles", "Conc. (p./mL)"]
    head += ["Orig. Conc. (p./cm^3)"] * original
    head += ["No. of Traces", "X50 (nm)", "Peak \xb5x (nm)", "Span", "Drift (\xb5m/s)", "Removal"]
    lines = [head]
    kept = [level for _, level, _, removal in positions if not removal]
    average = sum(kept) / len(kept) if kept else 0.0
    for place, level, traces, removal in positions:
        used = "" if removal else "X"
        whole = [_two(level * dilution)] * original
        lines.append([used, place, "3.9", "16.5", _two(level), *whole, str(traces)])
        lines[-1] += ["118.0", "114.0", "1.1", "9.0", removal]
    for name, value in (("Mean", average), ("St.Dev.", 0.1 * average), ("Rel.St.Dev.", 3.6)):
        if footer:
            shown = mean if mean is not None and name == "Mean" else _two(value * dilution)
            whole = [shown] * original
            lines.append(["", name, "4.0", "17.0", _two(value), *whole, "11.1"])
            lines[-1] += ["119.7", "119.7", "1.3", "10.0", ""]
    swapped = (
        [cell.replace(".", decimal) if i and cell[:1].isdigit() else cell for cell in line]
        for i, line in enumerate(lines)
    )
    return newline.join(separator.join(line) for line in swapped) + newline


POSITIONS = (
    ("0.10", 7.1e6, 11, ""),
    ("0.20", 1.6e7, 26, "MAX_DRIFT"),
    ("0.30", 7.0e6, 12, ""),
    ("0.40", 3.1e6, 5, "GRUBBS_SIZE"),
    ("0.50", 7.6e6, 13, ""),
)


def _two(value: float) -> str:
    mantissa, _, exponent = f"{value:.1E}".partition("E")
    return f"{mantissa}E{int(exponent):+d}"
