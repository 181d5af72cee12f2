"""The surface that stands for detailed synoviocytes and chondrocytes: grid, form, fit and doubt.

Both (sites ``well_synoviocyte`` and ``well_chondrocyte``, rows at their centre) run under IL-1, TNF
and a share of vesicles' full effect that are held where they are set, until what they make of each
protein is steady, for ``tissue/joint_surface``. The form is fitted again at draws of the wells'
own rows: how the fitted numbers spread over these is their spread. The command is
``emulate_cells.py``.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import emulated
from exocast import engine
from exocast.evidence import chance
from exocast.evidence.rows import Row, package_table

Array = NDArray[np.float64]
TABLE = "joint_surface"
PICTURE = emulated.PICTURES / "joint-surface.svg"
# What each instance in tissue stands for: the well, and what its cells make of it a day.
MADE = {
    "synovial_collagenase": ("well_synoviocyte", ("mmp1_secreted",)),
    "synovial_inhibitor": ("well_synoviocyte", ("inhibitors_make_timp1", "inhibitors_make_timp3")),
    "cartilage_collagenase": ("well_chondrocyte", ("mmp1_secreted", "mmp13_secreted")),
    "cartilage_aggrecanase": ("well_chondrocyte", ("adamts4_secreted", "adamts5_secreted")),
}
SITES = tuple(dict.fromkeys(site for site, _ in MADE.values()))
# In pg/mL, from none over what joint fluid has (0.5 to 10) to what assays give.
IL1 = (0.0, 0.5, 1.0, 2.0, 5.0, 15.0, 50.0, 200.0, 1000.0)
TNF = (0.0, 1.0, 5.0, 10.0, 30.0, 100.0, 1000.0, 10000.0)
DRIVE = (0.0, 0.25, 0.5, 0.75, 1.0)
# Many times the slowest half-life of mRNA, 30 h.
READ_DAY = 20.0
# A start for the search, not a result.
START = {
    "il1_half": 20.0,
    "tnf_half": 60.0,
    "held": 0.3,
    "synovial_inhibitor.gain": 0.3,
    **{f"{name}.rise": 5.0 for name in MADE},
}
SHARES = ("held",)
# What holds cytokines and vesicles' effect where they are set.
SET = (
    "challenge_il1_given",
    "challenge_tnf_given",
    "challenge_il1_loss",
    "challenge_tnf_loss",
    "acting_acts",
    "acting_soluble_carries",
    "acting_half_soluble",
    "coisolated_k_loss",
)
# Rows of these are drawn for the doubt of the detailed cells.
DRAWN = ("challenge", "matrix_action", "protease", "inhibitors")
WORLDS, SEED = 100, 1
# Soluble protein given where something acts, in pg/mL; any amount does.
SOLUBLE = 1e6
# Along each cytokine and along the drive suffices to fit eight numbers.
FEW_IL1 = (0.0, 1.0, 5.0, 20.0, 100.0, 1000.0)
FEW_TNF = (3.0, 30.0, 300.0, 3000.0)


@dataclass(frozen=True)
class Points:
    """What the detailed cells make, one row a run and one column each of ``MADE``."""

    il1: Array
    tnf: Array
    drive: Array
    made: Array

    @property
    def change(self) -> Array:
        """Logarithm of what is made over what is made without cytokines and vesicles.

        The first run has neither.
        """
        return np.asarray(np.log(self.made / self.made[:1]))


def row_names(site: str, rows: Mapping[str, Array]) -> tuple[str, ...]:
    """Ids in a well of the rows that are drawn."""
    return tuple(name for name, key in well(site).origins.items() if key in rows)


@functools.cache
def well(site: str) -> engine.AssembledModel:
    return engine.assemble(site)


@functools.cache
def compiled(site: str, drawn: tuple[str, ...]) -> engine.Model:
    observe = tuple(name for at, names in MADE.values() if at == site for name in names)
    return engine.compile(well(site).sbml, varied=(*SET, *drawn), observe=observe)


def detailed(
    il1: Array,
    tnf: Array,
    drive: Array,
    *,
    rows: Mapping[str, Array] | None = None,
    fades: float = 0.0,
    day: float = READ_DAY,
) -> Points:
    """Run both detailed cells at points; ``rows`` sets drawn rows by key, one element a run.

    Cytokines are lost at ``fades`` a day, by default not at all, and what acts of a product is held
    at the share asked for, so that what is read on ``day`` has no time in it.
    """
    il1, tnf, drive = (np.asarray(x, float).ravel() for x in np.broadcast_arrays(il1, tnf, drive))
    rows = rows or {}
    made = np.empty((len(il1), len(MADE)))
    for site in SITES:
        names = row_names(site, rows)
        each = [rows[well(site).origins[name]] for name in names]
        runs = compiled(site, names).run(
            np.array([day]),
            varied=_settings(il1, tnf, drive, fades, each),
            doses=_doses(site, drive),
            rtol=1e-8,
            processes=1,
        )
        if any(engine.STATUS[int(s)] != "ok" for s in runs.status):
            raise SystemExit(f"a run of {site} failed")
        last, at = runs.values[:, -1], 0
        for column, (where, proteins) in enumerate(MADE.values()):
            if where == site:
                made[:, column] = last[:, at : at + len(proteins)].sum(axis=1)
                at += len(proteins)
    return Points(il1, tnf, drive, made)


def _settings(il1: Array, tnf: Array, drive: Array, fades: float, rows: list[Array]) -> Array:
    one = np.ones_like(il1)
    # At this half the soluble protein given acts by the share asked for.
    half = np.divide(SOLUBLE * (1 - drive), drive, out=one.copy(), where=drive > 0)
    return np.column_stack([il1, tnf, fades * one, fades * one, one, one, half, 0 * one, *rows])


def _doses(site: str, drive: Array) -> pd.DataFrame | None:
    volume = next(
        r.value for r in well(site).rows if r.key == well(site).origins["culture_medium_volume"]
    )
    lines = [
        {"run": run, "time": 0.0, "amount": SOLUBLE * volume, "target": "coisolated_soluble"}
        for run in np.flatnonzero(drive > 0)
    ]
    return pd.DataFrame(lines) if lines else None


@functools.cache
def grid() -> Points:
    """The whole grid; its first point has neither cytokines nor vesicles."""
    mesh = np.meshgrid(IL1, TNF, DRIVE, indexing="ij")
    return detailed(*(m.ravel() for m in mesh))


def made(p: Mapping[str, float], name: str, il1: Array, tnf: Array, drive: Array) -> Array:
    """What ``joint_surface.ant`` computes as ``made``, at concentrations that cells see."""
    pull = il1 / p["il1_half"] + tnf / p["tnf_half"]
    signal = pull / (1 + pull)
    gain = p.get(f"{name}.gain", 0.0)
    return np.asarray(
        (1 + p[f"{name}.rise"] * (1 - p["held"]) ** drive * signal) * (1 + gain) ** drive
    )


def changes(p: Mapping[str, float], il1: Array, tnf: Array, drive: Array) -> Array:
    """Logarithm of what is made over what is made with nothing, a column each of ``MADE``."""
    return np.column_stack([np.log(made(p, name, il1, tnf, drive)) for name in MADE])


def fit(points: Points) -> emulated.Fit:
    """All four proteins at once: cells of a joint share how they hear IL-1 and TNF."""
    return emulated.fit(
        lambda p: changes(p, points.il1, points.tnf, points.drive),
        points.change,
        START,
        known={},
        shares=SHARES,
    )


def doubt() -> dict[str, Array]:
    """Fitted numbers at draws of the detailed cells' rows, ``WORLDS`` of each.

    Draws are as rows spread before their grade widens them, since the table's own grade does so.
    """
    pool: dict[str, Row] = {}
    for site in SITES:
        pool |= {r.key: r for r in well(site).rows if r.key.split(".")[0] in DRAWN}
    held = {well(site).origins[name] for site in SITES for name in SET}
    rows = [replace(r, grade="A") for r in pool.values() if r.varies == "uncertain"]
    drawn = chance.draw(
        [r for r in rows if r.key not in held], seed=SEED, worlds=WORLDS, patients=1
    )
    il1 = np.concatenate([FEW_IL1, np.zeros(len(FEW_TNF))])
    tnf = np.concatenate([np.zeros(len(FEW_IL1)), FEW_TNF])
    il1, tnf = np.repeat(il1, len(DRIVE[::2])), np.repeat(tnf, len(DRIVE[::2]))
    drive = np.tile(DRIVE[::2], len(il1) // len(DRIVE[::2]))
    n = len(il1)
    points = detailed(
        *(np.tile(x, WORLDS) for x in (il1, tnf, drive)),
        rows={key: np.repeat(values[:, 0], n) for key, values in drawn.items()},
    )
    found = []
    for world in range(WORLDS):
        one = slice(world * n, (world + 1) * n)
        found.append(fit(Points(il1, tnf, drive, points.made[one])).values)
    return {name: np.array([each[name] for each in found]) for name in START}


def found() -> emulated.Found:
    """Rows of the table with the numbers of a fit, their spreads from the doubt."""
    points = grid()
    result, spread = fit(points), doubt()
    old = package_table("tissue", TABLE)
    note = (
        f"least squares on {result.fitted} conditions of the detailed cells; the spread is over "
        f"{WORLDS} draws of their rows"
    )
    rows = {}
    for name in START:
        values = spread[name]
        if old[name].spread_kind == "range":
            size = tuple(float(f"{v:.3g}") for v in np.percentile(values, (5, 95)))
        else:
            size = (float(f"{np.log(values).std(ddof=1):.3g}"),)
        rows[name] = replace(old[name], value=result.values[name], spread=size, note=note)
    said = result.said.format(what="logarithm of the change")
    rows["error"] = replace(old["error"], spread=(float(f"{result.log_sd:.3g}"),), note=said)
    both = np.corrcoef(np.log(spread["il1_half"]), np.log(spread["tnf_half"]))[0, 1]
    together = f"il1_half and tnf_half over those draws: r = {both:.2f}"
    return emulated.Found(TABLE, rows, (said, together), lambda: draw(result.values))


def draw(p: Mapping[str, float]) -> None:
    """What is made over IL-1 without vesicles: the surface as lines, the detailed cells as dots."""
    points = grid()
    frame = emulated.Frame(low=0.3, high=1200.0, most=8.0)
    words = "IL-1, pg/mL; the line is a knee with osteoarthritis", "made over made at rest"
    lines = frame.axes((1.0, 10.0, 100.0, 1000.0), (0.0, 2.0, 4.0, 6.0, 8.0), words)
    lines.append(frame.upright(2.0))
    over = np.geomspace(frame.low, frame.high, 120)
    at = (points.tnf == 0) & (points.drive == 0) & (points.il1 > 0)
    colours = "#0072b2", "#009e73", "#d55e00", "#cc79a7"
    for nth, (name, colour) in enumerate(zip(MADE, colours, strict=True)):
        rise = made(p, name, over, np.zeros_like(over), np.zeros_like(over))
        lines.append(frame.line(over, rise, colour))
        lines += frame.dots(points.il1[at], np.exp(points.change[at, nth]), colour)
        lines.append(frame.name(nth, name.replace("_", " "), colour))
    emulated.save(PICTURE, lines)
