"""The surface that stands for the detailed macrophage in tissue: its grid, its form and its fit.

The detailed macrophage (site ``well_macrophage``, rows at their centre) runs over a grid of share
engaged, copies of miRNA and lasting stimulus, in each structure of what calms, for
``tissue/macrophage_surface``. The command is ``emulate_cells.py``.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import emulated
from exocast import engine
from exocast.evidence.rows import package_table

Array = NDArray[np.float64]
TABLE = "macrophage_surface"
PICTURE = emulated.PICTURES / "macrophage-surface.svg"
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
SHARES = ("output_drop", "upstream_drop")
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
    with (emulated.TABLES / "conditions" / "healthy_knee.csv").open(encoding="utf-8") as file:
        healthy = {line["id"]: float(line["value"]) for line in csv.DictReader(file)}
    known = package_table("tissue", "inflammation")
    ratios = [
        healthy[f"inflammation.{c}_baseline"] / known[f"{c}_baseline"].value for c in CYTOKINES
    ]
    return float(f"{np.prod(ratios) ** (1 / 3):.4g}")


def fit() -> tuple[emulated.Fit, dict[str, float]]:
    """The fit, and how far the one surface misses each cytokine where it was left out."""
    points = grid()
    points = points[points.engaged + points.copies > 0]
    known = {
        "rest_tone": rest_tone(),
        "softness": package_table("tissue", TABLE)["softness"].value,
    }
    tone = tones(points, known["rest_tone"])
    known["saturated_tone"] = float(f"{tone.max():.4g}")

    def predict(p: Mapping[str, float]) -> Array:
        return surface(p, points.upstream, tone, points.engaged, points.copies)

    result = emulated.fit(predict, points.mean_fall, START, known=known, shares=SHARES)
    out = emulated.left_out(len(tone))
    miss = predict(result.values)[out][:, None] - points.fall[out]
    return result, dict(zip(CYTOKINES, np.sqrt((miss**2).mean(axis=0)), strict=True))


def found() -> emulated.Found:
    """Rows of the table with the numbers of a fit."""
    result, each = fit()
    old = package_table("tissue", TABLE)
    note = f"least squares on {result.fitted} points of the detailed macrophage"
    rows = {name: replace(old[name], value=result.values[name], note=note) for name in START}
    for name in ("rest_tone", "saturated_tone"):
        rows[name] = replace(old[name], value=result.values[name])
    spread = (float(f"{result.log_sd:.3g}"),)
    rows["error"] = replace(old["error"], spread=spread, note=result.said.format(what="fall"))
    one = ", ".join(f"{name} {miss:.3f}" for name, miss in each.items())
    said = rows["error"].note, f"each cytokine against the one surface: {one}"
    return emulated.Found(TABLE, rows, said, lambda: draw(result.values))


def draw(p: Mapping[str, float]) -> None:
    """Largest fall over tone: the surface as lines, the detailed macrophage as dots."""
    points = grid()
    points = points[(points.engaged == 1) & (points.copies == 0)]
    frame = emulated.Frame(low=0.08, high=20.0, most=1.6)
    words = "inflammatory tone, 1 is the reference knee", "fall of the logarithm of cytokines"
    lines = frame.axes((0.1, 0.3, 1.0, 3.0, 10.0), (0.0, 0.5, 1.0, 1.5), words)
    lines.append(frame.upright(1.0))
    over = np.geomspace(frame.low, frame.high, 120)
    for upstream, colour, name in (
        (False, "#0072b2", "acting on the output"),
        (True, "#d55e00", "acting above the kinase"),
    ):
        which = np.full(over.shape, upstream)
        fall = surface(p, which, over, np.ones_like(over), np.zeros_like(over))
        at = points.upstream == upstream
        lines.append(frame.line(over, fall, colour))
        lines += frame.dots(tones(points, p["rest_tone"])[at], points.mean_fall[at], colour)
        lines.append(frame.name(int(upstream), name, colour))
    emulated.save(PICTURE, lines)
