"""Cartilage of untreated knees: what scans of a cohort would show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from exocast import engine
from exocast.evidence.chance import draw
from exocast.evidence.correlations import package_correlations
from exocast.patient import outcomes
from exocast.patient.forecast import RTOL, model_rows, varied_numbers

Array = NDArray[np.float64]


def cartilage_change(
    times_days: Array,
    *,
    worlds: int,
    patients: int,
    condition: str = "knee_oa",
    seed: int = 1,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Array:
    """Change of measured cartilage volume without any treatment, in percent of baseline.

    Parameters
    ----------
    times_days
        Times of the scans after the first, in days, more than zero.
    worlds, patients
        How many of each.
    condition
        State of the knees.
    seed, processes, progress
        As in a forecast.

    Returns
    -------
    Array of shape ``(worlds, patients, times)``; minus is a loss.
    """
    model = engine.assemble("knee", condition=condition)
    rows = model_rows(model, "default")
    values = draw(
        rows, seed=seed, worlds=worlds, patients=patients, correlations=package_correlations()
    )
    numbers = varied_numbers(model, rows, values, model.joints)
    compiled = engine.compile(model.sbml, varied=tuple(numbers), observe=("knee_cartilage_volume",))
    runs = compiled.run(
        times_days,
        varied=np.column_stack([numbers[i].ravel() for i in numbers]),
        rtol=RTOL,
        processes=processes,
        progress=progress,
    )
    true = runs.values[:, :, 0].reshape(worlds, patients, len(times_days))
    return outcomes.measured_cartilage(times_days, true, values, seed=seed) - 100.0
