"""Wells of inflammation run once with some ids of their models set."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from exocast import engine

MINUTES_A_DAY = 1440.0
SHARES = {"small": 0.3, "medium": 0.4, "large": 0.3}
PG_PER_NG_ML = 200.0  # in the 0.2 mL of a well
LPS, TNF, IL10 = "stimuli_lps", "cytokines_tnf", "cytokines_il10"


@functools.cache
def well(site: str) -> engine.AssembledModel:
    return engine.assemble(site)


@functools.cache
def number(site: str, name: str) -> float:
    """Value of an id as it stands in the model; a switch is 0 or 1."""
    model = well(site)
    row = next(r for r in model.rows if r.key == model.origins[name])
    return float(row.value >= 0.5) if row.varies == "structure" else row.value


@functools.cache
def compiled(site: str, varied: tuple[str, ...], observe: tuple[str, ...]) -> engine.Model:
    return engine.compile(well(site).sbml, varied=varied, observe=observe)


def course(
    site: str,
    minutes: np.ndarray | Sequence[float],
    observe: Sequence[str],
    *,
    varied: Sequence[str] = (),
    doses: Sequence[tuple[str, float]] = (),
    vesicles: float = 0.0,
    rtol: float = 1e-8,
    **rows: float,
) -> dict[str, np.ndarray]:
    """Courses by name; ``doses`` are pairs of a state and pg, ``vesicles`` are particles.

    ``varied`` names all ids that a file sets at all, so that one compiled model serves it.
    """
    names = tuple(sorted({*varied, *rows}))
    values = [rows.get(name, number(site, name)) for name in names if name]
    lines = [{"run": 0, "time": 0.0, "amount": a, "target": t} for t, a in doses if a > 0]
    lines += [
        {"run": 0, "time": 0.0, "amount": vesicles * share, "target": f"medium_{size}_free"}
        for size, share in SHARES.items()
        if vesicles > 0
    ]
    runs = compiled(site, names, tuple(observe)).run(
        np.asarray(minutes, dtype=float) / MINUTES_A_DAY,
        varied=np.array([values]) if names else None,
        doses=pd.DataFrame(lines) if lines else None,
        rtol=rtol,
        processes=1,
    )
    assert engine.STATUS[int(runs.status[0])] == "ok"
    return {name: runs.values[0, :, i] for i, name in enumerate(observe)}
