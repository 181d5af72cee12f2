"""One run of any SBML model, as it stands in its file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.engine.model import compile as compile_model
from exocast.engine.status import STATUS
from exocast.errors import CheckFailed


def simulate_sbml(
    path: str | Path,
    times: ArrayLike,
    observe: Iterable[str],
    rtol: float = 1e-6,
    atol: float | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Values over time of one run: amounts or concentrations as the SBML says.

    Parameters
    ----------
    path
        Path or text of an SBML model.
    times
        Output times in the model's unit, zero or more, rising; (n_times,).
    observe
        Ids of species, parameters, compartments or reactions.
    rtol, atol
        Tolerances; the absolute one is scaled to each state when None.

    Returns
    -------
    An array (n_times,) for each name.

    Raises
    ------
    CheckFailed
        When the integration fails, saying how and when.
    UnknownName, UnsupportedModel, InvalidInput, NotFound
        As :func:`exocast.engine.compile`.
    """
    names = tuple(observe)
    runs = compile_model(path, observe=names).run(
        times, rtol=rtol, atol=atol, processes=1, checked_share=0.0
    )
    if runs.status[0] != 0:
        raise CheckFailed(
            f"the integration ended after time {runs.time_reached[0]:g}: "
            f"{STATUS[int(runs.status[0])].replace('_', ' ')}.",
            code="INTEGRATION_FAILED",
        )
    return {name: runs.values[0, :, i] for i, name in enumerate(names)}
