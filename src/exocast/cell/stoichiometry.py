"""How many copies of a cargo a recipient cell gets, how many it needs, and in how many cells.

The steps, in plain words: vesicles that open fall on cells one by one, so their number in a cell is
Poisson; of those only some carry the cargo, each of these the same number of copies; a cell is
reached when it got enough carrying vesicles. All functions take arrays run by run and know nothing
of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
LEVELS = (0.05, 0.5, 0.95)


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How the copies of one cargo lie over vesicles.

    Attributes
    ----------
    name
        A few plain words.
    carrying_share
        Share of vesicles that hold any copies.
    copies_each
        Copies in each of these, one or more; their product is the mean number per vesicle.
    """

    name: str
    carrying_share: Array
    copies_each: Array


def alike(copies: ArrayLike) -> Loading:
    """Copies as even over vesicles as whole copies can be.

    Below one copy a vesicle on average, that share of vesicles holds one each; above, all hold the
    mean.

    Parameters
    ----------
    copies
        Mean copies per vesicle.
    """
    mean = np.asarray(copies, dtype=np.float64)
    return _loading("alike over vesicles", mean, np.minimum(mean, 1.0))


def two_classes(copies: ArrayLike, dense_share: ArrayLike, enrichment: ArrayLike) -> Loading:
    """Copies sorted into the dense class of vesicles, alike within it.

    Light vesicles hold a share of copies that falls with the enrichment (0.7 % at 43 % dense
    vesicles and 200-fold); it is counted as if it lay in dense ones.

    Parameters
    ----------
    copies
        Mean copies per vesicle over both classes.
    dense_share
        Share of vesicles in the dense class.
    enrichment
        Copies in a dense vesicle over those in a light one; at 1 there is one class.

    References
    ----------
    Rows ``cargo.dense_share`` and ``cargo.enrichment``.
    """
    mean, dense = np.asarray(copies, dtype=np.float64), np.asarray(dense_share, dtype=np.float64)
    ratio = np.asarray(enrichment, dtype=np.float64)
    holding = np.where(ratio > 1.0, dense, 1.0)
    return _loading("in the dense class", mean, np.minimum(mean, holding))


def concentrated(copies: ArrayLike, carrying_share: ArrayLike) -> Loading:
    """All copies in few vesicles, never more vesicles than copies.

    As in ``cell/cargo.ant``: the harmonic sum of the mean and the share asked for, so that a
    vesicle that carries holds more than one copy.

    Parameters
    ----------
    copies
        Mean copies per vesicle.
    carrying_share
        Share of vesicles that may hold any.
    """
    mean = np.asarray(copies, dtype=np.float64)
    share = np.asarray(carrying_share, dtype=np.float64)
    total = mean + share
    carrying = np.divide(mean * share, total, out=np.zeros_like(total), where=total > 0)
    return _loading("concentrated in few vesicles", mean, carrying)


def _loading(name: str, mean: Array, carrying: Array) -> Loading:
    mean, carrying = np.broadcast_arrays(mean, carrying)
    each = np.divide(mean, carrying, out=np.ones_like(mean), where=carrying > 0)
    return Loading(name=name, carrying_share=np.array(carrying), copies_each=np.maximum(each, 1.0))


def copies_per_cell(vesicles_per_cell: ArrayLike, loading: Loading) -> Array:
    """Mean copies that a recipient cell gets; the same for every loading of one mean.

    Parameters
    ----------
    vesicles_per_cell
        Mean number of vesicles that opened in a cell.
    loading
        How the copies lie over vesicles.
    """
    opened = np.asarray(vesicles_per_cell, dtype=np.float64)
    return np.asarray(opened * loading.carrying_share * loading.copies_each)


def at_least(count: ArrayLike, mean: ArrayLike) -> Array:
    """Chance that a Poisson number of a mean is at least a count; 1 for a count of zero or less.

    A count between whole numbers is rounded up.

    References
    ----------
    The upper tail of the Poisson distribution is the regularised lower incomplete gamma function.
    """
    from scipy.special import gammainc

    whole, expected = np.broadcast_arrays(
        np.ceil(np.asarray(count, dtype=np.float64)), np.asarray(mean, dtype=np.float64)
    )
    return np.where(whole <= 0, 1.0, gammainc(np.maximum(whole, 1.0), expected))


def share_of_cells_reached(
    vesicles_per_cell: ArrayLike, loading: Loading, needed: ArrayLike
) -> Array:
    """Share of recipient cells that get at least what they need.

    Cells are alike and meet vesicles at random; a cell that takes up more than another is not
    covered.

    Parameters
    ----------
    vesicles_per_cell
        Mean number of vesicles that opened in a cell.
    loading
        How the copies lie over vesicles.
    needed
        Copies that a cell needs.
    """
    opened = np.asarray(vesicles_per_cell, dtype=np.float64)
    vesicles = _vesicles_needed(loading, needed)
    return at_least(vesicles, opened * loading.carrying_share)


def dose_to_reach(
    given: ArrayLike,
    vesicles_per_cell: ArrayLike,
    loading: Loading,
    needed: ArrayLike,
    *,
    share: float = 0.5,
) -> Array:
    """Particles that would have to be given for a share of cells to be reached.

    What opens is taken to grow with what is given: below saturation this is so, above it the dose
    is larger still.

    Parameters
    ----------
    given
        Particles given.
    vesicles_per_cell
        Mean number of vesicles that opened in a cell after them.
    loading, needed
        As in :func:`share_of_cells_reached`.
    share
        Share of cells, above 0 and below 1.

    Returns
    -------
    Particles; infinite where nothing opened or nothing is carried.
    """
    from scipy.special import gammaincinv

    opened = np.asarray(vesicles_per_cell, dtype=np.float64)
    carried = opened * loading.carrying_share
    wanted = gammaincinv(np.maximum(_vesicles_needed(loading, needed), 1.0), share)
    wanted, carried, dose = np.broadcast_arrays(wanted, carried, np.asarray(given, np.float64))
    nothing = np.full_like(wanted, np.inf)
    return np.divide(dose * wanted, carried, out=nothing, where=carried > 0)


def positive_share(vesicles_per_cell: ArrayLike, seen_share: ArrayLike) -> Array:
    """Share of cells in which at least one vesicle is seen.

    Parameters
    ----------
    vesicles_per_cell
        Mean number of vesicles in a cell.
    seen_share
        Share of vesicles that an instrument can see.
    """
    seen = np.asarray(vesicles_per_cell, dtype=np.float64) * np.asarray(seen_share, np.float64)
    return np.asarray(-np.expm1(-seen))


def _vesicles_needed(loading: Loading, needed: ArrayLike) -> Array:
    """Whole carrying vesicles that bring what is needed; a hair below a whole number is whole."""
    ratio = np.asarray(needed, dtype=np.float64) / loading.copies_each
    return np.ceil(ratio * (1.0 - 1e-12))


# The report --------------------------------------------------------------------------------------


def channel(name: str, unit: str, found: Array, needed: Array, text: str) -> dict[str, Any]:
    """What one class of cargo delivers, needs, and delivers over its need, run by run.

    Parameters
    ----------
    name, unit, text
        Plain words.
    found, needed
        What a recipient cell gets and what it takes, one number a run, in ``unit``; ``nan`` where a
        run failed.

    Returns
    -------
    ``channel``, ``unit``, ``text``; ``per_cell``, ``threshold_range`` and ``ratio`` as median with
    5 and 95 % of runs; ``threshold``, the median; ``reached_probability``, the share of runs with
    enough, None when no run is known.
    """
    known = np.isfinite(found)
    takes = spread(needed)
    return {
        "channel": name,
        "unit": unit,
        "per_cell": spread(found),
        "threshold": takes["median"],
        "threshold_range": takes,
        "ratio": spread(found / needed),
        "reached_probability": float(np.mean(found[known] >= needed[known]))
        if known.any()
        else None,
        "text": text,
    }


def alternative(
    loading: Loading, vesicles_per_cell: Array, needed: Array, given: Array
) -> dict[str, Any]:
    """What one way of loading means for cells, run by run.

    Parameters
    ----------
    loading
        How the copies lie over vesicles, one number a run.
    vesicles_per_cell, needed, given
        Vesicles opened per cell, copies needed, particles given; one number a run.

    Returns
    -------
    ``loading``, its name; ``copies_per_vesicle``, copies in a vesicle that has any;
    ``cells_reached``, the share of recipient cells with enough; ``dose_particles``, what would have
    to be given for half of the cells: each as median with 5 and 95 % of runs.
    """
    return {
        "loading": loading.name,
        "copies_per_vesicle": spread(loading.copies_each),
        "cells_reached": spread(share_of_cells_reached(vesicles_per_cell, loading, needed)),
        "dose_particles": spread(dose_to_reach(given, vesicles_per_cell, loading, needed)),
    }


def spread(values: Array) -> dict[str, float]:
    """5 %, 50 % and 95 % of what is known, as ``low``, ``median``, ``high``."""
    known = values[np.isfinite(values)]
    if not len(known):
        return dict.fromkeys(("median", "low", "high"), float("nan"))
    low, median, high = (float(q) for q in np.quantile(known, LEVELS))
    return {"median": median, "low": low, "high": high}
