"""What a forecast says, as one long table of statistics.

Every statistic of a mean is over worlds. In each world the mean over its patients carries the
noise of the patients that happened to be simulated; that part of the variance between worlds is
estimated from the residual of the two-way layout worlds x patients and taken out, so that more
patients sharpen the picture and never narrow what is not known. A world without any effect is
exact as it is, and stays.

The spread between patients is a statistic of its own. Runs that failed are left out for all arms
together (the patient, or the world, whichever loses less), and the table says how many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.study.result import Result

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
LEVEL = 0.90
SPREAD = (0.05, 0.95)
OUTCOME_WEEKS = (6, 12, 26, 52)
OUTCOMES = (
    "pain_vas",
    "womac_total",
    "womac_pain",
    "womac_stiffness",
    "womac_function",
    "cartilage_volume",
    "synovial_inflammation",
    "matrix_balance",
)
SYMPTOMS = ("pain_vas", "womac_total", "womac_pain", "womac_function", "womac_stiffness")
IMAGING = ("cartilage_volume",)
RESAMPLES = 200


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over worlds with its interval; arrays of shape ``(times,)``.

    ``worlds`` are the world means with the Monte Carlo part of their scatter taken out, shape
    ``(worlds, times)``. ``error_patients`` and ``error_worlds`` are the standard errors of the
    less certain end from the finite number of patients and of worlds. ``separable`` is false for
    one patient or one world: the Monte Carlo part is then still inside.
    """

    mean: Array
    low: Array
    high: Array
    worlds: Array
    error_patients: Array
    error_worlds: Array
    separable: bool


def interval(values: Array, *, level: float = LEVEL, resamples: int = RESAMPLES) -> Interval:
    """Mean over worlds and its interval, the within-world Monte Carlo variance removed.

    Parameters
    ----------
    values
        One number a world, patient and time, shape ``(worlds, patients, times)``, without gaps.
    level
        Probability inside the interval; the ends are quantiles over worlds.
    resamples
        Bootstrap samples for the Monte Carlo errors, on a fixed seed; zero for none.
    """
    worlds, patients, times = values.shape
    live = np.ptp(values, axis=1) > 0
    centre, spread = _world_sums(values, live)
    everyone = np.full((1, patients), 1.0)
    shrunk = _shrunk(values, everyone, live, centre, spread)[0]
    tail = (1 - level) / 2
    low, high = _ends(shrunk, tail)
    error_patients = np.full(times, np.nan)
    error_worlds = np.full(times, np.nan)
    if resamples and worlds > 1:
        stream = np.random.default_rng(20161001)
        if patients > 1:
            picks = stream.multinomial(patients, np.full(patients, 1 / patients), size=resamples)
            # A sample of one patient, again and again, says nothing about the residual.
            picks = picks[(picks > 0).sum(axis=1) > 1].astype(np.float64)
            again = _shrunk(values, picks, live, centre, spread)
            error_patients = _error(again, tail)
        rows = stream.integers(worlds, size=(resamples, worlds))
        error_worlds = _error(shrunk[rows], tail)
    return Interval(
        mean=shrunk.mean(axis=0),
        low=low,
        high=high,
        worlds=shrunk,
        error_patients=error_patients,
        error_worlds=error_worlds,
        separable=worlds > 1 and patients > 1,
    )


def _world_sums(values: Array, live: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Each patient's mean over the live worlds and sum of squares about it, (patients, times)."""
    mask = live[:, None, :]
    centre = (values * mask).sum(axis=0) / np.maximum(live.sum(axis=0), 1)
    return centre, (((values - centre) * mask) ** 2).sum(axis=0)


def _shrunk(
    values: Array, weights: Array, live: NDArray[np.bool_], centre: Array, spread: Array
) -> Array:
    """World means pulled to their mean by the share of scatter that the patients explain.

    Worlds in which all patients differ by the same, most often by nothing at all, have no scatter
    of patients in their mean: those that are not ``live``, ``(worlds, times)``, stay where they
    are and the others are pulled to the mean of the others.

    ``weights`` of shape ``(samples, patients)`` count how often each patient is taken; the result
    has the shape ``(samples, worlds, times)``.
    """
    _, patients, _ = values.shape
    means = np.einsum("bp,wpt->bwt", weights, values) / patients
    count = live.sum(axis=0)
    grand = (means * live).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    freedom = np.maximum(count - 1, 1) * max(patients - 1, 1)
    between = (((means - grand) * live) ** 2).sum(axis=1, keepdims=True)
    total = np.einsum("bp,pt->bt", weights, spread)[:, None, :]
    residual = np.maximum(total - patients * between, 0.0) / freedom
    variance = between / np.maximum(count - 1, 1)
    share = np.divide(residual / patients, variance, out=np.ones_like(variance), where=variance > 0)
    pulled = grand + (means - grand) * np.sqrt(np.clip(1 - share, 0.0, 1.0))
    return np.asarray(np.where(live & (count > 1), pulled, means))


def _ends(worlds: Array, tail: float) -> tuple[Array, Array]:
    """Lower and upper quantile over the second last axis; nan for a single world."""
    if worlds.shape[-2] < 2:
        gap = np.full(worlds.shape[:-2] + worlds.shape[-1:], np.nan)
        return gap, gap.copy()
    low, high = np.quantile(worlds, (tail, 1 - tail), axis=-2)
    return np.asarray(low), np.asarray(high)


def _error(samples: Array, tail: float) -> Array:
    low, high = _ends(samples, tail)
    return np.asarray(np.maximum(low.std(axis=0, ddof=1), high.std(axis=0, ddof=1)))


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Worlds and patients whose runs are complete in every arm, and how many runs were not."""

    worlds: NDArray[np.intp]
    patients: NDArray[np.intp]
    failed_runs: int

    def of(self, values: Array) -> Array:
        """These worlds and patients of an array ``(arms, worlds, patients, times)``."""
        return values[:, self.worlds][:, :, self.patients]


def cohort(values: Array) -> Cohort:
    """The worlds and patients without a gap in any arm, dropping as few runs as possible.

    Parameters
    ----------
    values
        An observable of every run, shape ``(arms, worlds, patients, times)``; ``nan`` where a run
        did not get.
    """
    gaps = np.asarray(np.isnan(values).any(axis=3))
    bad = np.asarray(gaps.any(axis=0))
    n_worlds, n_patients = bad.shape
    worlds, patients = np.arange(n_worlds), np.arange(n_patients)
    if bad.any():
        whole_patients = np.flatnonzero(~np.logical_or.reduce(bad, axis=0))
        whole_worlds = np.flatnonzero(~np.logical_or.reduce(bad, axis=1))
        if len(whole_patients) * n_worlds >= len(whole_worlds) * n_patients:
            patients = whole_patients
        else:
            worlds = whole_worlds
    return Cohort(worlds=worlds, patients=patients, failed_runs=int(gaps.sum()))


def first_important(differences: Array, times_days: Array, threshold: float) -> Array:
    """First time from which a favourable difference stays at or above a threshold.

    Parameters
    ----------
    differences
        Differences signed so that favourable is positive, shape ``(..., times)``.
    times_days
        Times in days, ascending.
    threshold
        The important difference, above zero.

    Returns
    -------
    Days, shape ``(...)``; ``nan`` where the threshold is not reached, or not kept to the end.
    """
    reached = differences >= threshold
    stays = np.flip(np.logical_and.accumulate(np.flip(reached, axis=-1), axis=-1), axis=-1)
    first = stays.argmax(axis=-1)
    return np.where(stays.any(axis=-1), times_days[first], np.nan)


def favourable(better: str) -> float:
    """Sign that makes a favourable change positive: -1 where lower is better, else +1."""
    return -1.0 if better == "lower" else 1.0


def summarise(result: Result) -> pd.DataFrame:
    """Every statistic of a result.

    Returns
    -------
    Columns ``arm`` (an arm, or ``"a minus b"``), ``observable``, ``time`` (days), ``statistic``,
    ``level`` and ``value``. For outcomes, ``mean``, ``median``, ``low`` and ``high`` are of the
    change from baseline, over worlds; ``mc_error_patients`` and ``mc_error_worlds`` are standard
    errors of the ends from the finite number of each; ``spread_low`` and ``spread_high`` are
    between patients; ``responders`` is the share of patients (all worlds together) whose change
    passes the threshold for a person; ``p_exceeds_mid`` is the share of worlds whose mean
    difference passes the threshold for groups; ``first_important_*`` is about the first time from
    which it stays so. For every observable, ``value_median``, ``value_low`` and ``value_high`` are
    over all runs of an arm. An arm of which an observable is not known has no row of it.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    kept: Cohort | None = None
    for observable in result.observables:
        everything = result.values(observable)
        kept = kept or cohort(everything)
        values = kept.of(everything)
        if values.size == 0:
            break
        rows += _of_values(result, observable, values)
        if observable in OUTCOMES:
            rows += _of_outcome(result, observable, values)
    failed = kept.failed_runs if kept else 0
    total = len(result.arms) * result.n_worlds * result.n_patients
    for statistic, value in (
        ("failed", failed),
        ("total", total),
        ("worlds_used", len(kept.worlds) if kept else 0),
        ("patients_used", len(kept.patients) if kept else 0),
    ):
        rows.append(_row("all", "runs", np.nan, statistic, value))
    return pd.DataFrame(rows).sort_values(
        ["observable", "arm", "statistic", "time"], kind="stable", ignore_index=True
    )


def write_summary(result: Result, path: Path | None = None) -> pd.DataFrame:
    """The summary of a result, written to ``summary.parquet`` in its directory or to a path."""
    table = summarise(result)
    table.to_parquet(path or result.directory / "summary.parquet", index=False)
    return table


def outcome_times(times_days: Array) -> tuple[int, ...]:
    """Places of the visits of the outcome table among the times.

    Those beyond the end are left out; a forecast shorter than the first has its end.
    """
    found = tuple(
        int(np.abs(times_days - 7 * week).argmin())
        for week in OUTCOME_WEEKS
        if np.abs(times_days - 7 * week).min() < 0.5
    )
    return found or (len(times_days) - 1,)


def _row(
    arm: str, observable: str, time: float, statistic: str, value: float, level: float = np.nan
) -> dict[str, Any]:
    return {
        "arm": arm,
        "observable": observable,
        "time": float(time),
        "statistic": statistic,
        "level": level,
        "value": float(value),
    }


def _series(
    arm: str, observable: str, times: Array, statistic: str, values: Array, level: float = np.nan
) -> Iterator[dict[str, Any]]:
    for time, value in zip(times, values, strict=True):
        yield _row(arm, observable, time, statistic, value, level)


def _of_values(result: Result, observable: str, values: Array) -> list[dict[str, Any]]:
    times = result.times_days
    rows: list[dict[str, Any]] = []
    for at, arm in enumerate(result.arms):
        if np.isnan(values[at]).all():  # not known of this arm
            continue
        low, median, high = np.quantile(values[at], (SPREAD[0], 0.5, SPREAD[1]), axis=(0, 1))
        for statistic, series, level in (
            ("value_median", median, np.nan),
            ("value_low", low, LEVEL),
            ("value_high", high, LEVEL),
        ):
            rows += _series(arm, observable, times, statistic, series, level)
    return rows


def _of_outcome(result: Result, observable: str, values: Array) -> list[dict[str, Any]]:
    times = result.times_days
    change = values - values[..., :1]
    visits = list(outcome_times(times))
    person = result.threshold("person", observable)
    sign = favourable(result.better(observable))
    rows: list[dict[str, Any]] = []
    known = {arm for at, arm in enumerate(result.arms) if not np.isnan(values[at]).all()}
    for at, arm in enumerate(result.arms):
        if arm not in known:
            continue
        rows += _of_mean(arm, observable, times, change[at])
        if person is not None:
            share = (sign * change[at] >= person).mean(axis=(0, 1))
            rows += _series(arm, observable, times[visits], "responders", share[visits])
    control = result.arms.index(result.control)
    for arm in result.treated:
        if arm not in known:
            continue
        difference = change[result.arms.index(arm)] - change[control]
        name = f"{arm} minus {result.control}"
        rows += _of_mean(name, observable, times, difference)
        group = result.threshold("group", observable)
        if group is None:
            continue
        worlds = sign * interval(difference, resamples=0).worlds
        share = (worlds >= group).mean(axis=0)
        rows += _series(name, observable, times[visits], "p_exceeds_mid", share[visits])
        later = times > 0
        per_world = first_important(worlds[:, later], times[later], group)
        of_mean = first_important(worlds.mean(axis=0)[later], times[later], group)
        middle = np.quantile(np.where(np.isnan(per_world), np.inf, per_world), 0.5, method="lower")
        for statistic, value in (
            ("first_important_day", float(of_mean)),
            ("first_important_day_median", float(middle) if np.isfinite(middle) else np.nan),
            ("first_important_probability", float((~np.isnan(per_world)).mean())),
        ):
            rows.append(_row(name, observable, np.nan, statistic, value))
    return rows


def _of_mean(arm: str, observable: str, times: Array, change: Array) -> list[dict[str, Any]]:
    whole = interval(change, resamples=0)
    visits = list(outcome_times(times))
    there = interval(change[..., visits])
    people = change.mean(axis=0)
    low, high = np.quantile(people, SPREAD, axis=0)
    rows: list[dict[str, Any]] = []
    for statistic, at, series, level in (
        ("mean", times, whole.mean, np.nan),
        ("median", times, np.asarray(np.median(whole.worlds, axis=0)), np.nan),
        ("low", times, whole.low, LEVEL),
        ("high", times, whole.high, LEVEL),
        ("mc_error_patients", times[visits], there.error_patients, np.nan),
        ("mc_error_worlds", times[visits], there.error_worlds, np.nan),
        ("spread_low", times, low, LEVEL),
        ("spread_high", times, high, LEVEL),
    ):
        rows += _series(arm, observable, at, statistic, series, level)
    return rows
