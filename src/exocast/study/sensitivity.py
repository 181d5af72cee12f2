"""Which numbers decide: indices from a forecast's own draws, and the weakest numbers.

The index of a quantity is the share of the variance of the outcome, over worlds, that the
quantity alone explains: the variance of the mean outcome in classes of the quantity's rank,
corrected for the number of classes. No further run is needed. What pure chance would reach is
found by permuting the outcome: an index counts only above the 95 % quantile of the largest index
among *all* quantities, so that the more quantities there are, the higher the bar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exocast.study.result import Result
from exocast.study.summary import cohort

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
WEEKS = (26, 52)
FEWEST_WORLDS = 20
PERMUTATIONS = 500
OUTCOME = "pain_vas"
# Tables about what happens without vesicles: the same in both arms, so that they cancel.
CANCEL = ("placebo", "natural", "covariates", "outcomes", "thresholds", "comparators")


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """First-order indices of all drawn quantities on one outcome.

    Attributes
    ----------
    indices
        By key of the quantity; can fall slightly below zero by chance.
    threshold
        What the largest index stays below in 95 % of permutations; ``nan`` when there are too few
        worlds, or the outcome does not vary.
    reason
        Why there is no threshold, or empty.
    """

    indices: Mapping[str, float]
    threshold: float
    reason: str = ""

    @property
    def shown(self) -> tuple[tuple[str, float], ...]:
        """Quantities above the threshold, the largest first."""
        if not np.isfinite(self.threshold):
            return ()
        above = [(k, v) for k, v in self.indices.items() if v > self.threshold]
        return tuple(sorted(above, key=lambda pair: -pair[1]))


def first_order(
    quantities: Mapping[str, Array], outcome: Array, *, permutations: int = PERMUTATIONS
) -> Sensitivity:
    """First-order indices with their permutation threshold.

    Parameters
    ----------
    quantities
        The draws by name, each of shape ``(n,)``; one that does not vary is left out.
    outcome
        The outcome of each draw, shape ``(n,)``.
    permutations
        Number of permutations of the outcome, on a fixed seed.

    References
    ----------
    Kelley, T. L. An unbiased correlation ratio measure. Proc. Natl Acad. Sci. 21 (1935) 554-559,
    doi:10.1073/pnas.21.9.554.
    """
    n = len(outcome)
    if n < FEWEST_WORLDS:
        return Sensitivity(
            indices={},
            threshold=np.nan,
            reason=f"{n} worlds are too few to tell; {FEWEST_WORLDS} or more are needed",
        )
    if np.ptp(outcome) <= 1e-12 * max(1.0, float(np.abs(outcome).max())):
        return Sensitivity(
            indices={}, threshold=np.nan, reason="the difference is the same in every world"
        )
    stream = np.random.default_rng(19350901)
    shuffled = np.stack([outcome] + [stream.permutation(outcome) for _ in range(permutations)], 1)
    names: list[str] = []
    all_indices: list[Array] = []
    for name, draws in quantities.items():
        classes = _classes(np.asarray(draws, dtype=np.float64))
        if classes.max() > 0:
            names.append(name)
            all_indices.append(_explained(classes, shuffled))
    if not names:
        return Sensitivity(indices={}, threshold=np.nan, reason="nothing was drawn per world")
    table = np.stack(all_indices)
    return Sensitivity(
        indices=dict(zip(names, table[:, 0].tolist(), strict=True)),
        threshold=float(np.quantile(table[:, 1:].max(axis=0), 0.95)),
    )


def _classes(draws: Array) -> NDArray[np.intp]:
    """Class of each draw by rank; equal draws share a class."""
    n = len(draws)
    distinct, at = np.unique(draws, return_inverse=True)
    count = max(3, round(np.sqrt(n) * 0.7))
    if len(distinct) <= count:
        return np.asarray(at, dtype=np.intp)
    ranks = np.searchsorted(np.sort(draws), draws, side="left")
    _, classes = np.unique(ranks * count // n, return_inverse=True)
    return np.asarray(classes, dtype=np.intp)


def _explained(classes: NDArray[np.intp], outcomes: Array) -> Array:
    """Share of variance explained by the classes, for each column of outcomes."""
    n = len(classes)
    k = int(classes.max()) + 1
    members = np.zeros((k, n))
    members[classes, np.arange(n)] = 1.0
    sizes = members.sum(axis=1, keepdims=True)
    centred = outcomes - outcomes.mean(axis=0)
    between = ((members @ centred) ** 2 / sizes).sum(axis=0)
    ratio = between / (centred**2).sum(axis=0)
    return np.asarray(1 - (1 - ratio) * (n - 1) / (n - k))


def sensitivity(result: Result, *, outcome: str = OUTCOME) -> dict[int, Sensitivity]:
    """Sensitivity of the mean difference over control, by week, from the worlds' own draws."""
    values = result.values(outcome)
    kept = cohort(values)
    values = kept.of(values)
    times = result.times_days
    worlds = result.frame("worlds").iloc[kept.worlds]
    draws = {
        str(name): worlds[name].to_numpy(dtype=np.float64)
        for name in worlds.columns
        if name != "world" and worlds[name].dtype.kind in "fiub"
    }
    change = values - values[..., :1]
    arms = result.arms
    difference = change[arms.index(result.treated[0])] - change[arms.index(result.control)]
    found: dict[int, Sensitivity] = {}
    for week in WEEKS:
        at = int(np.abs(times - 7 * week).argmin())
        if abs(times[at] - 7 * week) < 0.5:
            found[week] = first_order(draws, difference.mean(axis=1)[:, at])
    return found


@dataclass(frozen=True, kw_only=True)
class Weak:
    """One of the weakest numbers of a forecast.

    ``share`` is the largest share of variance over the weeks looked at, ``nan`` where it is not
    known; ``week`` the week of it; ``stands_out`` whether it is above what chance reaches there.
    """

    key: str
    meaning: str
    value: float
    unit: str
    grade: str
    source: str
    note: str
    share: float
    week: int | None
    stands_out: bool = False


def weakest_by_grade(
    result: Result, found: Mapping[int, Sensitivity], *, most: int = 3
) -> tuple[Weak, ...]:
    """Rows behind the difference with the worst grade.

    Among equals the larger share of the variance comes first, where it stands above chance, then
    the wider spread.

    Rows that do not act on the difference between arms are left out: those of the tables
    :data:`CANCEL`. So are values fixed by choice, unless they are the chance of a structure.
    """
    rows = result.rows
    stem = rows["key"].str.partition(".")[0]
    rows = rows[~stem.isin(CANCEL)]
    rows = rows[(rows["spread_kind"] != "fixed") | (rows["varies"] == "structure")]
    every = [(_weak(row, found), _looseness(row)) for _, row in rows.iterrows()]
    rank = sorted(
        every,
        key=lambda pair: (
            -ord(pair[0].grade),
            -pair[0].share if pair[0].stands_out else 0.0,
            -pair[1],
            pair[0].key,
        ),
    )
    return tuple(weak for weak, _ in rank[:most])


def _looseness(row: pd.Series) -> float:
    """Rough spread of a row as a share of its value, to put rows of one grade in order."""
    value = abs(float(row["value"]))
    if row["varies"] == "structure":
        return float(np.sqrt(max(1 - value, 0.0) / max(value, 1e-9)))
    ends = [float(part) for part in str(row["spread"]).split("..") if part]
    if not ends:
        return 0.0
    if row["spread_kind"] in ("log_sd", "cv"):
        return ends[0]
    if len(ends) == 1:
        return ends[0] / max(value, 1e-300)
    low, high = ends
    return float(np.log(high / low)) / 3.92 if low > 0 else (high - low) / max(value, 1e-300) / 3.92


def weakest_by_share(
    result: Result, found: Mapping[int, Sensitivity], *, most: int = 3
) -> tuple[Weak, ...]:
    """Numbers whose share of the variance stands above the permutation threshold, largest first.

    A quantity made of several rows (``x`` of ``x.a`` and ``x.b``) stands for them all, with the
    worst of their grades.
    """
    best: dict[str, float] = {}
    for each in found.values():
        for key, share in each.shown:
            best[key] = max(share, best.get(key, -np.inf))
    rows = {str(row["key"]): row for _, row in result.rows.iterrows()}
    chosen: list[Weak] = []
    for key in sorted(best, key=lambda k: -best[k]):
        members = [row for name, row in rows.items() if name.startswith(f"{key}.")]
        if any(key.startswith(f"{weak.key}.") for weak in chosen):
            continue
        if key in rows:
            chosen.append(_weak(rows[key], found))
        elif members:
            chosen.append(_together(key, members, found))
    return tuple(chosen[:most])


def _together(key: str, members: list[pd.Series], found: Mapping[int, Sensitivity]) -> Weak:
    alone = [_weak(row, found) for row in members]
    share, week = _largest(key, found)
    return Weak(
        key=key,
        meaning=" with ".join(weak.meaning for weak in alone),
        value=float("nan"),
        unit="1",
        grade=max(weak.grade for weak in alone),
        source=", ".join(dict.fromkeys(weak.source for weak in alone)),
        note="",
        share=share,
        week=week,
        stands_out=True,
    )


def _largest(key: str, found: Mapping[int, Sensitivity]) -> tuple[float, int | None]:
    """Largest share of a quantity over the weeks, and the week of it."""
    shares = {week: each.indices[key] for week, each in found.items() if key in each.indices}
    if not shares:
        return float("nan"), None
    week = max(shares, key=lambda w: shares[w])
    return shares[week], week


def _weak(row: pd.Series, found: Mapping[int, Sensitivity]) -> Weak:
    key = str(row["key"])
    share, week = _largest(key, found)
    return Weak(
        key=key,
        meaning=str(row["meaning"]),
        value=float(row["value"]),
        unit=str(row["unit"]),
        grade=str(row["grade"]),
        source=str(row["source"]),
        note=str(row["note"]),
        share=share,
        week=week,
        stands_out=week is not None and share > found[week].threshold,
    )
