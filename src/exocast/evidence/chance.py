"""Draws: two levels of chance, each quantity on a stream of its own.

A standard score depends on the seed, the quantity's name and the index of the world or the
patient, and on nothing else: it is an element of a counter-based stream (Philox) keyed by a hash
of seed and name. Patient 7 keeps the same scores in every world; a world shifts and scales what
they mean. Adding a quantity, an arm, a patient or a worker leaves every other draw as it was.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from exocast.errors import TableError
from exocast.evidence.grades import grades
from exocast.evidence.rows import Row

Array = NDArray[np.float64]
WORLD_LEVELS = ("uncertain", "structure")
PATIENT_LEVELS = ("patient", "lot", "vial")
BETWEEN = ".between"


def uniform_scores(seed: int, name: str, n: int) -> Array:
    """The first ``n`` uniform scores of a quantity, in the open interval (0, 1).

    Returns an array of shape ``(n,)``; a longer call begins with the same numbers.
    """
    digest = hashlib.blake2b(f"{seed}|{name}".encode(), digest_size=16).digest()
    stream = np.random.Philox(key=int.from_bytes(digest, "little"))
    raw = stream.random_raw(n) >> np.uint64(11)
    return (raw.astype(np.float64) + 0.5) * 2.0**-53


def normal_scores(seed: int, name: str, n: int) -> Array:
    """The first ``n`` standard normal scores of a quantity, shape ``(n,)``."""
    return np.asarray(ndtri(uniform_scores(seed, name, n)), dtype=np.float64)


def correlated_scores(
    seed: int, names: Sequence[str], correlations: Mapping[tuple[str, str], float], n: int
) -> dict[str, Array]:
    """Standard normal scores of several quantities with the correlations given.

    Names without a correlation keep their own stream untouched. A block's members are taken in
    sorted order, so that a draw depends on the seed and the block only.

    Raises
    ------
    TableError
        When the correlations cannot all hold together (the matrix is not positive definite).
    """
    scores = {name: normal_scores(seed, name, n) for name in names}
    for block in _blocks(names, correlations):
        matrix = np.eye(len(block))
        for i, a in enumerate(block):
            for j, b in enumerate(block):
                if i != j:
                    matrix[i, j] = correlations.get((a, b), correlations.get((b, a), 0.0))
        try:
            factor = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            raise TableError(
                "the correlations of " + ", ".join(block) + " cannot hold together; "
                "make the matrix positive definite."
            ) from None
        # Summed term by term: a matrix product may round differently for another n.
        columns = [scores[name] for name in block]
        for i, name in enumerate(block):
            total = np.zeros(n)
            for j in range(i + 1):
                total = total + factor[i, j] * columns[j]
            scores[name] = total
    return scores


def _blocks(
    names: Sequence[str], correlations: Mapping[tuple[str, str], float]
) -> list[tuple[str, ...]]:
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for a, b in correlations:
        if a in parent and b in parent:
            parent[root(a)] = root(b)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(root(name), []).append(name)
    return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]


def spread_on_scale(row: Row) -> tuple[str, float]:
    """How a row spreads, its grade's widening included: ``(scale, size)``.

    ``scale`` is ``log``, ``linear``, ``range`` or ``none``; ``size`` is the standard deviation on
    that scale, and for a range the widening of each half.
    """
    widening = grades()[row.grade].widening
    kind, s = row.spread_kind, row.spread
    if kind == "fixed":
        return "none", 0.0
    if kind == "log_sd":
        return "log", widening * s[0]
    if kind == "cv":
        return "log", widening * math.sqrt(math.log1p(s[0] ** 2))
    if kind in ("sd", "se"):
        return "linear", widening * s[0]
    if kind == "range":
        return "range", widening
    low, high = s
    if _spans_decades(row):
        return "log", widening * math.log(high / low) / 3.92
    return "linear", widening * (high - low) / 3.92


def value_of(row: Row, score: Array) -> Array:
    """Values of a row at standard normal scores; the row's own value where the score is zero.

    A range has half of its probability on each side of the value, uniform there: on the logit
    scale for a share (unit ``1``, inside 0..1), which therefore stays a share however far it is
    widened; on the log scale when it spans more than threefold; else as it stands. A
    ``structure`` row is a switch: 1 with the probability that is its value, else 0.
    """
    score = np.asarray(score, dtype=np.float64)
    if row.varies == "structure":
        return (ndtr(score) < row.value).astype(np.float64)
    scale, size = spread_on_scale(row)
    if scale == "none":
        return np.full(score.shape, row.value)
    if scale == "log":
        return np.asarray(row.value * np.exp(size * score))
    if scale == "linear":
        return np.asarray(row.value + size * score)
    low, high = row.spread
    position = 2.0 * ndtr(score) - 1.0
    if row.unit == "1" and low > 0 and high < 1:
        ends = float(logit(low)), float(logit(row.value)), float(logit(high))
        return np.asarray(expit(_halves(*ends, size, position)))
    if _spans_decades(row):
        ends = math.log(low), math.log(row.value), math.log(high)
        return np.asarray(np.exp(_halves(*ends, size, position)))
    values = _halves(low, row.value, high, size, position)
    return np.maximum(values, 0.0) if low >= 0 else values


def _spans_decades(row: Row) -> bool:
    low, high = row.spread
    return low > 0 and high / low > 3


def _halves(low: float, centre: float, high: float, widening: float, position: Array) -> Array:
    """From ``low`` at position -1 over ``centre`` at 0 to ``high`` at 1, both halves widened."""
    reach = np.where(position < 0, centre - low, high - centre)
    return np.asarray(centre + widening * reach * position)


def draw(
    rows: Iterable[Row],
    *,
    seed: int,
    worlds: int,
    patients: int,
    correlations: Mapping[tuple[str, str], float] | None = None,
    occasion: str = "",
) -> dict[str, Array]:
    """Values of every row, by key, each of shape ``(worlds, patients)``.

    Every patient appears in every world; see :func:`draw_at` for the rules.
    """
    world, patient = np.divmod(np.arange(worlds * patients), patients)
    flat = draw_at(
        rows, seed=seed, world=world, patient=patient, correlations=correlations, occasion=occasion
    )
    return {key: value.reshape(worlds, patients) for key, value in flat.items()}


def draw_at(
    rows: Iterable[Row],
    *,
    seed: int,
    world: NDArray[np.int64],
    patient: NDArray[np.int64],
    correlations: Mapping[tuple[str, str], float] | None = None,
    occasion: str = "",
) -> dict[str, Array]:
    """Values of every row for single runs, by key, each of shape ``(n_runs,)``.

    A quantity ``x`` with a row ``x.between`` is its world's centre times (for a ``log_sd`` or
    ``cv`` spread) or plus (otherwise) the patient's own deviation.

    Parameters
    ----------
    rows
        Rows of any tables; keys must differ.
    seed
        One seed a study.
    world, patient
        Index of the world and of the patient of each run.
    correlations
        By pair of names of rows, which are their keys, but for a row that a species, a condition
        or an overlay laid over the fragment's own: one label's correlations are not another's.
        Both quantities must be drawn at the same level.
    occasion
        Names one of several vials that a patient gets: rows that vary between vials are drawn
        anew for each name, all others are not.
    """
    pool = {row.key: row for row in rows}
    keys = {row.name: key for key, row in pool.items()}
    pairs = {
        (keys[a], keys[b]): r
        for (a, b), r in (correlations or {}).items()
        if a in keys and b in keys
    }
    world_keys = [k for k, r in pool.items() if r.varies in WORLD_LEVELS]
    person_keys = [k for k, r in pool.items() if r.varies in PATIENT_LEVELS]
    worlds = correlated_scores(seed, world_keys, pairs, _length(world))
    people = correlated_scores(seed, person_keys, pairs, _length(patient))
    if occasion:
        for key in person_keys:
            if pool[key].varies == "vial":
                people[key] = normal_scores(seed, f"{key}@{occasion}", _length(patient))
    values: dict[str, Array] = {}
    for key, row in pool.items():
        if key.endswith(BETWEEN):
            continue
        if key in worlds:
            centre = value_of(row, worlds[key])[world]
        elif key in people:
            centre = value_of(row, people[key])[patient]
        else:
            centre = np.full(len(world), row.value)
        between = pool.get(key + BETWEEN)
        if between is not None:
            deviation = value_of(between, people[between.key])[patient]
            multiplies = spread_on_scale(between)[0] == "log"
            centre = centre * deviation if multiplies else centre + deviation
        values[key] = centre
    return values


def _length(index: NDArray[np.int64]) -> int:
    return int(index.max()) + 1 if len(index) else 0
