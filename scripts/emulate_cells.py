"""Fit the surface that stands for the detailed macrophage in tissue.

    python scripts/emulate_cells.py            # prints the fit and its error
    python scripts/emulate_cells.py --check    # fails when the table is not what the fit gives
    python scripts/emulate_cells.py --write    # rewrites the fitted rows of the table

The detailed macrophage (site ``well_macrophage``, rows at their centre) runs over a grid of share
engaged, copies of miRNA and lasting stimulus, in each structure of what calms. The surface of
``tissue/macrophage_surface`` is fitted to two thirds of the points; the rest tell its error.
"""

from __future__ import annotations

import argparse
import csv
import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

import exocast
from exocast import engine
from exocast.evidence.rows import COLUMNS, Row, package_table

Array = NDArray[np.float64]
PICTURE = Path(__file__).parent.parent / "docs" / "images" / "macrophage-surface.svg"
TABLE = Path(exocast.__file__).parent / "tissue" / "macrophage_surface.csv"
SITE = "well_macrophage"
STRUCTURES = ("output", "upstream")
CYTOKINES = ("tnf", "il1", "il6")
# Stimulus given every two hours, in ng/mL of LPS a day: from none to more than saturates.
STIMULI = (0.0, 0.5, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.5, 7.0, 12.0, 25.0, 80.0, 300.0)
ENGAGED = (0.0, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0)
# Threshold of repression and ten times that, with points between.
COPIES = (0.0, 300.0, 1000.0, 3000.0, 10000.0)
EVERY_DAYS = 2 / 24
READ_DAYS = np.linspace(1.0, 3.0, 25)
HELD_OUT = 3
# A start for the search, not a result: orders of magnitude read off the grid.
START = {
    "output_floor": 0.9,
    "output_top": 1.0,
    "output_rise_half": 0.5,
    "output_rise_power": 1.5,
    "output_fade_half": 3.0,
    "output_fade_power": 2.0,
    "output_drop": 0.5,
    "output_bend_low": 0.8,
    "output_bend_high": 1.1,
    "upstream_top": 1.4,
    "upstream_rise_half": 0.7,
    "upstream_rise_power": 1.0,
    "upstream_fade_half": 6.0,
    "upstream_fade_power": 3.0,
    "upstream_drop": 0.7,
    "upstream_bend_low": 0.7,
    "upstream_bend_high": 1.3,
    "copies_most_low": 0.7,
    "copies_most_high": 0.4,
    "copies_half_low": 1200.0,
    "copies_half_high": 2000.0,
}
FONT = 'font-family="sans-serif" font-size="12"'
MIDDLE, TURNED = 'text-anchor="middle"', 'transform="rotate(-90 16 150)"'
SHARES = ("output_drop", "upstream_drop")
# Falls below this say little as a ratio; the absolute error is for them.
READABLE = 0.1
SET = (
    "calming_reference",
    "calming_upstream",
    "mirna_targets_on_target",
    "acting_acts",
    "acting_soluble_carries",
    "cargo_k_rna_loss",
    "calming_reference_on_tnf",
    "cytokines_tnf_loss",
)


@dataclass(frozen=True)
class Points:
    """What the detailed macrophage gives, one element a run.

    ``untreated`` and ``fall`` have a column for each of TNF, IL-1 and IL-6: mean pg/mL over 24 to
    72 h without treatment, and the fall of the logarithm of that mean under it.
    """

    upstream: NDArray[np.bool_]
    stimulus: Array
    engaged: Array
    copies: Array
    untreated: Array
    fall: Array

    def __getitem__(self, which: NDArray[np.bool_]) -> Points:
        return Points(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    @property
    def output(self) -> Array:
        """Untreated output of the three cytokines, as one number (geometric mean)."""
        return np.asarray(np.exp(np.log(self.untreated).mean(axis=1)))

    @property
    def mean_fall(self) -> Array:
        return np.asarray(self.fall.mean(axis=1))


@functools.cache
def well() -> tuple[engine.AssembledModel, engine.Model]:
    model = engine.assemble(SITE)
    observe = tuple(f"cytokines_{name}" for name in CYTOKINES)
    return model, engine.compile(model.sbml, varied=SET, observe=observe)


def number(name: str) -> float:
    model, _ = well()
    return next(r.value for r in model.rows if r.key == model.origins[name])


def detailed(upstream: Array, stimulus: Array, engaged: Array, copies: Array) -> Points:
    """Run the detailed macrophage at points, each against itself untreated.

    The share engaged and the copies are held where they are set, so that the surface has no time in
    it: the reference drug's slot holds the share, less what that drug alone does to TNF, and loaded
    miRNA is given once and kept.
    """
    _, compiled = well()
    at = np.broadcast_arrays(*(np.asarray(x, float) for x in (upstream, stimulus, engaged, copies)))
    upstream, stimulus, engaged, copies = (np.asarray(x).ravel() for x in at)
    zero = np.zeros_like(engaged)
    both = np.concatenate
    # A well keeps its TNF for half a day; tissue does not.
    carried_off = package_table("cell", "cytokines")["tissue.tnf_loss"].value
    varied = np.column_stack(
        [
            both([zero, engaged]),
            both([upstream, upstream]),
            np.ones(2 * len(engaged)),
            np.ones(2 * len(engaged)),
            np.zeros(2 * len(engaged)),
            np.zeros(2 * len(engaged)),
            np.zeros(2 * len(engaged)),
            np.full(2 * len(engaged), carried_off),
        ]
    )
    volume, cells = number("culture_medium_volume"), number("culture_recipient_cells")
    times = np.arange(0.0, READ_DAYS[-1], EVERY_DAYS)
    doses = [
        {"run": run, "time": t, "amount": 1e3 * s * EVERY_DAYS * volume, "target": "stimuli_lps"}
        for run, s in enumerate(both([stimulus, stimulus]))
        if s > 0
        for t in times
    ] + [
        {"run": run, "time": 0.0, "amount": c * cells, "target": "cargo_loaded"}
        for run, c in enumerate(both([zero, copies]))
        if c > 0
    ]
    runs = compiled.run(READ_DAYS, varied=varied, doses=pd.DataFrame(doses), rtol=1e-8, processes=1)
    if any(engine.STATUS[int(s)] != "ok" for s in runs.status):
        raise SystemExit("a run of the detailed macrophage failed")
    means = runs.values.mean(axis=1) / volume
    base, treated = means[: len(engaged)], means[len(engaged) :]
    return Points(upstream > 0.5, stimulus, engaged, copies, base, np.log(base / treated))


@functools.cache
def grid() -> Points:
    """The whole grid, in both structures."""
    mesh = np.meshgrid([0.0, 1.0], STIMULI, ENGAGED, COPIES, indexing="ij")
    return detailed(*(m.ravel() for m in mesh))


def surface(
    p: Mapping[str, float], upstream: NDArray[np.bool_], tone: Array, engaged: Array, copies: Array
) -> Array:
    """What ``macrophage_surface.ant`` computes as ``ln_fall``, its drawn error apart."""
    above = _above(p, tone)
    shape: dict[str, tuple[Array, Array, Array]] = {}
    for name in STRUCTURES:
        fade = _hill(above, p[f"{name}_fade_half"], p[f"{name}_fade_power"])
        rise = _hill(above, p[f"{name}_rise_half"], p[f"{name}_rise_power"])
        full = p.get(f"{name}_floor", 0.0) + p[f"{name}_top"] * rise * (
            1 - p[f"{name}_drop"] * fade
        )
        bend = _between(p, f"{name}_bend", fade)
        shape[name] = fade, full, bend
    fade, full, bend = shape["upstream"]
    as_engaged = (
        _between(p, "copies_most", fade) * copies / (_between(p, "copies_half", fade) + copies)
    )
    _, output_full, output_bend = shape["output"]
    by_output = _bent(output_full, output_bend, engaged) + _bent(full, bend, as_engaged)
    return np.where(upstream, _bent(full, bend, engaged + as_engaged), by_output)


def tone_factor(p: Mapping[str, float], upstream: bool, tone: Array, engaged: Array) -> Array:
    """What the surface makes of an engaged share at a tone, over what it makes at tone one."""
    which = np.full(np.shape(engaged), upstream)
    here, there = (surface(p, which, t, engaged, np.zeros(1)) for t in (tone, np.ones(1)))
    return here / there


def _above(p: Mapping[str, float], tone: Array) -> Array:
    most = p["saturated_tone"]
    held = (tone + most - np.sqrt((tone - most) ** 2 + (p["softness"] * most) ** 2)) / 2
    over = held - p["rest_tone"]
    return np.asarray((over + np.sqrt(over**2 + (p["softness"] * p["rest_tone"]) ** 2)) / 2)


def _hill(x: Array, half: float, power: float) -> Array:
    return np.asarray(x**power / (half**power + x**power))


def _between(p: Mapping[str, float], name: str, share: Array) -> Array:
    return np.asarray(p[f"{name}_low"] + (p[f"{name}_high"] - p[f"{name}_low"]) * share)


def _bent(full: Array, bend: Array, engaged: Array) -> Array:
    return np.asarray(full * engaged / (engaged + bend * (1 - engaged)))


def tones(points: Points, rest_tone: float) -> Array:
    """Untreated output over that of the reference knee: a resting well is a healthy knee."""
    return np.asarray(points.output / resting_output() * rest_tone)


@functools.cache
def resting_output() -> float:
    """Output of the untreated, unstimulated well."""
    none = np.zeros(1)
    return float(detailed(none, none, none, none).output[0])


def rest_tone() -> float:
    """Cytokines of a healthy knee over those of the reference knee: geometric mean of three."""
    with (TABLE.parent / "conditions" / "healthy_knee.csv").open(encoding="utf-8") as file:
        healthy = {line["id"]: float(line["value"]) for line in csv.DictReader(file)}
    known = package_table("tissue", "inflammation")
    ratios = [
        healthy[f"inflammation.{c}_baseline"] / known[f"{c}_baseline"].value for c in CYTOKINES
    ]
    return float(f"{np.prod(ratios) ** (1 / 3):.4g}")


@dataclass(frozen=True)
class Fit:
    """Fitted values by row, and the error of the points that were left out."""

    values: dict[str, float]
    rms: float
    largest: float
    log_sd: float
    by_cytokine: dict[str, float]
    left_out: int
    fitted: int


def fit() -> Fit:
    """Least squares over two thirds of the grid; the points left out tell the error."""
    points = grid()
    acting = points.engaged + points.copies > 0
    points = points[acting]
    known = {
        "rest_tone": rest_tone(),
        "softness": package_table("tissue", TABLE.stem)["softness"].value,
    }
    tone = tones(points, known["rest_tone"])
    known["saturated_tone"] = float(f"{tone.max():.4g}")
    out = np.arange(len(tone)) % HELD_OUT == 0

    def given(x: Array) -> dict[str, float]:
        free = dict(zip(START, np.exp(x), strict=True))
        shares = {name: free[name] / (1 + free[name]) for name in SHARES}
        return {**known, **free, **shares}

    def misses(x: Array) -> Array:
        found = surface(given(x), points.upstream, tone, points.engaged, points.copies)
        return np.asarray((found - points.mean_fall)[~out])

    start = [v / (1 - v) if n in SHARES else v for n, v in START.items()]
    found = least_squares(misses, np.log(start), bounds=(-12.0, 12.0))
    values = {name: float(f"{value:.4g}") for name, value in given(found.x).items()}
    got = surface(values, points.upstream, tone, points.engaged, points.copies)[out]
    true = points.mean_fall[out]
    readable = true > READABLE
    ratio = np.log(got[readable] / true[readable])
    each = {
        name: float(np.sqrt(np.mean((got - points.fall[out, at]) ** 2)))
        for at, name in enumerate(CYTOKINES)
    }
    return Fit(
        values=values,
        rms=float(np.sqrt(np.mean((got - true) ** 2))),
        largest=float(np.abs(got - true).max()),
        log_sd=float(np.sqrt(np.mean(ratio**2))),
        by_cytokine=each,
        left_out=int(out.sum()),
        fitted=int((~out).sum()),
    )


def fitted_rows(result: Fit) -> dict[str, Row]:
    """Rows of the table with the numbers of a fit."""
    old = package_table("tissue", TABLE.stem)
    note = f"least squares on {result.fitted} points of the detailed macrophage"
    rows = {name: replace(old[name], value=result.values[name], note=note) for name in START}
    rows["rest_tone"] = replace(old["rest_tone"], value=result.values["rest_tone"])
    rows["saturated_tone"] = replace(old["saturated_tone"], value=result.values["saturated_tone"])
    said = (
        f"{result.left_out} points left out of the fit: RMS {result.rms:.3f} and largest "
        f"{result.largest:.3f} of the fall; the spread is the RMS of its ratio where it is above "
        f"{READABLE:g}"
    )
    spread = (float(f"{result.log_sd:.3g}"),)
    rows["error"] = replace(old["error"], spread=spread, note=said)
    return rows


def main() -> None:
    """Fit, print, and check or write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail when the table is stale")
    parser.add_argument("--write", action="store_true", help="rewrite the table")
    asked = parser.parse_args()
    result = fit()
    old, new = package_table("tissue", TABLE.stem), fitted_rows(result)
    print(f"{'row':<20} {'table':>10} {'fit':>10}")
    for name, row in new.items():
        print(f"{name:<20} {old[name].value:>10g} {row.value:>10g}")
    print(
        f"left out: RMS {result.rms:.4f}, largest {result.largest:.4f}, log SD {result.log_sd:.4f}"
    )
    print("each cytokine against the one surface:", result.by_cytokine)
    if asked.check and not all(
        np.isclose(old[n].value, r.value, rtol=0.02)
        and np.allclose(old[n].spread, r.spread, rtol=0.1)
        for n, r in new.items()
    ):
        sys.exit("the table is not what the fit gives: run scripts/emulate_cells.py --write")
    if asked.write:
        _write(new)
        _draw(result.values)


def _draw(p: Mapping[str, float]) -> None:
    """Largest fall over tone: the surface as lines, the detailed macrophage as dots."""
    points = grid()
    points = points[(points.engaged == 1) & (points.copies == 0)]
    left, top, width, height, most = 60.0, 20.0, 480.0, 260.0, 1.6
    low, high = 0.08, 20.0

    def x(tone: float) -> float:
        return left + width * float(np.log(tone / low) / np.log(high / low))

    def y(fall: float) -> float:
        return top + height * (1 - fall / most)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 340" {FONT}>',
        '<rect width="600" height="340" fill="white"/>',
        f'<path d="M{left},{top}V{top + height}H{left + width}" fill="none" stroke="#444"/>',
        f'<path d="M{x(1):.1f},{top}V{top + height}" stroke="#999" stroke-dasharray="4 3"/>',
    ]
    lines += [
        f'<text x="{x(tone):.1f}" y="298" text-anchor="middle">{tone:g}</text>'
        for tone in (0.1, 0.3, 1.0, 3.0, 10.0)
    ]
    lines += [
        f'<text x="52" y="{y(fall) + 4:.1f}" text-anchor="end">{fall:g}</text>'
        for fall in (0.0, 0.5, 1.0, 1.5)
    ]
    over = np.geomspace(low, high, 120)
    for upstream, colour, words in (
        (False, "#0072b2", "acting on the output"),
        (True, "#d55e00", "acting above the kinase"),
    ):
        which = np.full(over.shape, upstream)
        fall = surface(p, which, over, np.ones_like(over), np.zeros_like(over))
        path = "L".join(f"{x(t):.1f},{y(f):.1f}" for t, f in zip(over, fall, strict=True))
        lines.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = points.upstream == upstream
        for t, f in zip(tones(points, p["rest_tone"])[at], points.mean_fall[at], strict=True):
            lines.append(f'<circle cx="{x(t):.1f}" cy="{y(f):.1f}" r="3" fill="{colour}"/>')
        row = 40 + 18 * upstream
        lines.append(f'<text x="70" y="{row}" fill="{colour}">{words}</text>')
    lines += [
        f'<text x="300" y="326" {MIDDLE}>inflammatory tone, 1 is the reference knee</text>',
        f'<text x="16" y="150" {MIDDLE} {TURNED}>fall of the logarithm of cytokines</text>',
        "</svg>",
    ]
    PICTURE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write(new: Mapping[str, Row]) -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        if line["id"] in new:
            row = new[line["id"]]
            line |= {"value": f"{row.value:g}", "note": row.note}
            line["spread"] = "..".join(f"{s:g}" for s in row.spread)
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


if __name__ == "__main__":
    main()
