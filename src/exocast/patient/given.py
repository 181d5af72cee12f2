"""What is given: from the vial to the needle, and the dose table of every run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.cell.stoichiometry import spread
from exocast.dose import Regimen, detected_particles
from exocast.evidence.chance import draw
from exocast.evidence.rows import Row
from exocast.vial import (
    Dilution,
    Estimate,
    Needle,
    SizeFit,
    Vial,
    class_fractions,
    fraction_at_needle,
    particles_per_ug,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
CLASSES = ("small", "medium", "large")
PG_PER_UG = 1e6
# First step to the needle: what the vial truly holds over what its count says.
COUNT_STEP = "count of the vial"


def at_needle(
    regimen: Regimen,
    vial: Vial,
    rows: Sequence[Row],
    values: Mapping[str, Array],
    volume_ml: float,
    seed: int,
) -> tuple[Needle, Array, Array]:
    """The first dose's way to the needle, and what every dose brings.

    Each dose comes from another vial of the lot: only what varies between vials is drawn anew.

    Parameters
    ----------
    regimen, vial
        What is given, and from what.
    rows
        Rows of the vial and of storage are drawn anew for every dose after the first.
    values
        Draws by key, each ``(worlds, patients)``.
    volume_ml
        Volume drawn up for one dose, in mL.
    seed
        One seed a study.

    Returns
    -------
    The first dose's needle; particles ``(doses, size classes, worlds, patients)``; co-isolated
    protein in pg, ``(doses, worlds, patients)``.
    """
    worlds, patients = next(iter(values.values())).shape
    doses, soluble = [], []
    first: Needle | None = None
    for number in range(regimen.injections):
        mine = dict(values)
        if number:
            mine |= draw(
                [r for r in rows if r.table in ("vial", "storage")],
                seed=seed,
                worlds=worlds,
                patients=patients,
                occasion=f"injection {number + 1}",
            )
        needle = fraction_at_needle(vial, mine, volume_ml)
        first = first or needle
        drawn_up = detected_particles(regimen, vial, mine)
        shares = class_fractions(mine["vial.size_median"], mine["vial.size_log_sd"], vial.floor_nm)
        doses.append(np.moveaxis((drawn_up * needle.fraction)[..., None] * shares, -1, 0))
        # Soluble protein is drawn up with the particles and is not lost with them.
        protein_pg = drawn_up / particles_per_ug(vial, mine) * PG_PER_UG
        soluble.append(protein_pg * values["soluble.coisolated_share"])
    assert first is not None
    return first, np.stack(doses), np.stack(soluble)


def dose_table(
    regimen: Regimen,
    targets: Mapping[str, str],
    doses: Array,
    soluble_pg: Array,
    worlds: NDArray[np.int64],
    parts: Sequence[str] = CLASSES,
) -> pd.DataFrame:
    """One line a dose, run and target; nothing for a dose without particles.

    Parameters
    ----------
    regimen
        When doses are given.
    targets
        Species that is dosed, by size class, and by ``soluble`` where the route has it.
    doses, soluble_pg
        As :func:`at_needle` gives them.
    worlds
        Which worlds; runs are numbered world by world, patient by patient.
    parts
        What the second axis of ``doses`` stands for: size classes, or cells.
    """
    import pandas as pd

    amounts = {
        targets[name]: doses[:, i, worlds].reshape(len(doses), -1) for i, name in enumerate(parts)
    }
    if "soluble" in targets:
        amounts[targets["soluble"]] = soluble_pg[:, worlds].reshape(len(doses), -1)
    n = len(worlds) * doses.shape[-1]
    tables = [
        pd.DataFrame({"run": np.arange(n), "time": time, "amount": amount[k], "target": target})
        for target, amount in amounts.items()
        for k, time in enumerate(regimen.times_days)
    ]
    table = pd.concat(tables, ignore_index=True)
    table = table[table["amount"] > 0]
    return table.sort_values(["run", "time", "target"], ignore_index=True)


def vial_record(vial: Vial, volume_ml: float) -> dict[str, Any]:
    """What a result keeps of its vial: product, measurement, volumes, what was filled in."""
    record: dict[str, Any] = {
        "product": vial.product.title,
        "product_name": vial.product.name,
        "class": vial.product.kind,
        "contents": vial.contents,
        "volume_ml": vial.volume_ml,
        "injection_volume_ml": volume_ml,
        "filled": list(vial.filled),
    }
    found = vial.measurement
    if found is not None:
        record |= {
            "file": Path(found.file).name,
            "sha256": found.sha256,
            "sample": found.sample,
            "dilution": _plain(found.dilution),
            "concentration_per_ml": _plain(found.concentration),
            "size_nm": None if found.size is None else _plain(found.size),
        }
    return record


def _plain(found: Dilution | Estimate | SizeFit) -> dict[str, Any]:
    """Fields as JSON takes them: what a file does not say (its tracks) is null."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(found).items()
    }


def needle_record(
    vial: Vial, needle: Needle, values: Mapping[str, Array], volume_ml: float, doses: Array
) -> dict[str, Any]:
    """The way of the first dose from the label to the needle.

    ``share_left`` is the product of a run's own steps so far: medians of single steps do not
    multiply. No steps where nothing is meant to be given.
    """
    per_ml = vial.concentration_per_ml or 0.0
    intended = per_ml * volume_ml
    steps = []
    if intended > 0:
        left = np.ones(doses.shape[2:])
        counted = {COUNT_STEP: values["vial.concentration"] / per_ml}
        for name, fraction in (counted | dict(needle.steps)).items():
            left = left * fraction
            kept = {f"fraction_{which}": value for which, value in spread(fraction).items()}
            steps.append({"name": name, **kept, "share_left": spread(left)})
    return {
        "intended_particles": intended,
        "steps": steps,
        "at_needle": spread(doses[0].sum(axis=0)),
    }
