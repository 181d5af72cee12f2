"""What an exposure comes to: shares of the dose by place and time, with two kinds of spread.

The band of a share is over worlds, of the mean over subjects: what is not known. The spread
between subjects stands apart: the 5 and 95 % of subjects inside a world, each its median over
worlds. Neither shrinks with more subjects.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exocast.patient.exposure import GIVEN
from exocast.study.result import Result
from exocast.study.sensitivity import Sensitivity, first_order

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
LEVEL = 0.9
LOW, HIGH = 0.05, 0.95
SHARE = ("share_mean", "share_median", "share_low", "share_high")
AMOUNT = ("value_mean", "value_median", "value_low", "value_high")
BETWEEN = ("between_low", "between_high")


def known_runs(result: Result) -> NDArray[np.bool_]:
    """Runs that reached the end, ``(worlds, subjects)``; the others enter no summary."""
    given = result.values(GIVEN)[0]
    whole = np.isfinite(given).all(axis=-1)
    for name in result.observables:
        whole &= np.isfinite(result.values(name)[0]).all(axis=-1)
    return np.asarray(whole)


def shares(result: Result, observable: str) -> Array:
    """An amount as a share of what was given so far, ``(worlds, subjects, times)``.

    Zero where nothing was given; ``nan`` for a run that stopped early. What the solver leaves
    below zero is nothing.
    """
    given = result.values(GIVEN)[0]
    amount = result.values(observable)[0]
    nothing = np.where(np.isfinite(amount), 0.0, np.nan)
    share = np.divide(amount, given, out=nothing, where=given > 0)
    return np.asarray(np.where(share <= 0, 0.0, share))


def summarise(result: Result) -> pd.DataFrame:
    """Statistics of every observable: arm, observable, time (days), statistic, level, value.

    Shares of the dose for the places that add up to it (``fates``), amounts for everything.
    """
    import pandas as pd

    known = known_runs(result)
    fates = tuple(result.manifest["fates"])
    found = []
    for name in result.observables:
        found += _of(result, name, result.values(name)[0], known, AMOUNT)
        if name in fates:
            share = shares(result, name)
            found += _of(result, name, share, known, SHARE)
            found += _between(result, name, share, known)
    found.append(("all", "runs", 0.0, "total", np.nan, float(known.size)))
    found.append(("all", "runs", 0.0, "failed", np.nan, float((~known).sum())))
    columns = ["arm", "observable", "time", "statistic", "level", "value"]
    return pd.DataFrame(found, columns=columns)


def write_summary(result: Result) -> pd.DataFrame:
    """Write ``summary.parquet`` of an exposure; gives the table."""
    table = summarise(result)
    path: Path = result.directory / "summary.parquet"
    table.to_parquet(path, index=False)
    return table


def decides(result: Result, observable: str, days: float) -> Sensitivity:
    """Which drawn quantities decide a share at a time, from the worlds' own draws."""
    worlds = result.frame("worlds")
    share = _mean(shares(result, observable), known_runs(result))
    at = int(np.abs(result.times_days - days).argmin())
    usable = np.isfinite(share[:, at])
    draws = {
        str(name): worlds[name].to_numpy(dtype=np.float64)[usable]
        for name in worlds.columns
        if name != "world"
    }
    return first_order(draws, share[usable, at])


def _mean(values: Array, known: NDArray[np.bool_]) -> Array:
    """Mean over the subjects that are known, ``(worlds, times)``; nan in a world without any."""
    counted = known[..., None]
    total = np.where(counted, values, 0.0).sum(axis=1)
    number = counted.sum(axis=1)
    unknown = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, number, out=unknown, where=number > 0))


def _of(
    result: Result, name: str, values: Array, known: NDArray[np.bool_], statistics: tuple[str, ...]
) -> list[tuple[str, str, float, str, float, float]]:
    means = _mean(values, known)
    arm = result.arms[0]
    found: list[tuple[str, str, float, str, float, float]] = []
    for at, time in enumerate(result.times_days.tolist()):
        seen = means[np.isfinite(means[:, at]), at]
        numbers = (
            [float(seen.mean()), *(float(q) for q in np.quantile(seen, [0.5, LOW, HIGH]))]
            if len(seen)
            else [np.nan] * 4
        )
        found += [
            (arm, name, time, statistic, LEVEL, number)
            for statistic, number in zip(statistics, numbers, strict=True)
        ]
    return found


def _between(
    result: Result, name: str, share: Array, known: NDArray[np.bool_]
) -> list[tuple[str, str, float, str, float, float]]:
    """5 and 95 % of subjects inside a world, the median over worlds of each."""
    arm = result.arms[0]
    worlds = [share[w, known[w]] for w in range(len(share)) if known[w].any()]
    if not worlds:
        return []
    ends = np.median([np.quantile(each, [LOW, HIGH], axis=0) for each in worlds], axis=0)
    return [
        (arm, name, time, statistic, LEVEL, float(ends[which, at]))
        for which, statistic in enumerate(BETWEEN)
        for at, time in enumerate(result.times_days.tolist())
    ]
