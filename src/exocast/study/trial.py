"""Copies of a trial, analysed as the trial was, and how often they come out significant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PairedTrial:
    """Outcome of many copies of a paired trial.

    Attributes
    ----------
    p_values
        Two-sided, one a copy, shape ``(copies,)``.
    mean_differences
        Mean of the paired differences of each copy, shape ``(copies,)``.
    significant, copies
        How many copies have a p value below ``alpha``, and how many there are.
    low, high
        Exact binomial (Clopper-Pearson) interval of the share at ``level``.
    """

    p_values: Array
    mean_differences: Array
    alpha: float
    significant: int
    copies: int
    level: float
    low: float
    high: float

    @property
    def share(self) -> float:
        """Share of copies that are significant."""
        return self.significant / self.copies


def paired_trial(differences: Array, *, alpha: float = 0.05, level: float = 0.99) -> PairedTrial:
    """Analyse each copy by the paired t test, two-sided.

    Parameters
    ----------
    differences
        Difference within each pair (such as one knee minus the other), shape ``(copies, pairs)``.
    alpha
        Level of the test.
    level
        Level of the interval of the share of significant copies.

    Notes
    -----
    A copy in which every pair differs by the same amount has no variance: it is significant
    unless that amount is zero.
    """
    from scipy.special import stdtr

    differences = np.asarray(differences, dtype=np.float64)
    if differences.ndim != 2 or differences.shape[1] < 2 or differences.shape[0] < 1:
        raise InvalidInput(
            f"A paired trial needs copies x pairs with two pairs or more, and "
            f"{differences.shape} was given."
        )
    pairs = differences.shape[1]
    means = differences.mean(axis=1)
    error = differences.std(axis=1, ddof=1) / np.sqrt(pairs)
    flat = error == 0
    t = np.divide(means, error, out=np.where(means == 0, 0.0, np.inf), where=~flat)
    p_values = np.asarray(2.0 * stdtr(pairs - 1, -np.abs(t)), dtype=np.float64)
    significant = int((p_values < alpha).sum())
    low, high = binomial_interval(significant, len(p_values), level=level)
    return PairedTrial(
        p_values=p_values,
        mean_differences=means,
        alpha=alpha,
        significant=significant,
        copies=len(p_values),
        level=level,
        low=low,
        high=high,
    )


def trial_copies(pool: Array, *, pairs: int, copies: int, seed: int) -> Array:
    """Copies of a trial drawn from a pool of simulated people.

    Each copy takes one world, since a trial happens in one world, and people of that world:
    all different when the pool has enough of them, else with repeats.

    Parameters
    ----------
    pool
        Paired difference of each person in each world, shape ``(worlds, patients)``.
    pairs
        People (pairs) in each copy.
    copies
        Number of copies; worlds are taken in turn, so that each is used equally often.
    seed
        Seed of the choice of people.

    Returns
    -------
    Differences, shape ``(copies, pairs)``, for :func:`paired_trial`.
    """
    worlds, patients = pool.shape
    chosen = np.empty((copies, pairs))
    for copy in range(copies):
        stream = np.random.default_rng((seed, copy))
        people = stream.choice(patients, size=pairs, replace=pairs > patients)
        chosen[copy] = pool[copy % worlds, people]
    return chosen


def binomial_interval(successes: int, trials: int, *, level: float = 0.99) -> tuple[float, float]:
    """Exact (Clopper-Pearson) interval of a share.

    References
    ----------
    Clopper, C. J. & Pearson, E. S. Biometrika 26 (1934) 404-413, doi:10.1093/biomet/26.4.404.
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    failures = trials - successes
    low = betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return float(low), float(high)
