"""How often the intervals of a batch's concentration hold the truth, by simulation.

Batches of 1 to 4 vials, each prepared once or twice, with 1 to 5 captures. Spreads are drawn from
their priors, and then fixed at quartiles of the priors: an interval that integrates over a prior
holds its level on average over the prior, more than that where spreads are small and less where
they are large. Run it from the root of the repository:

    python scripts/coverage_vial.py [--replicates 20000]
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from exocast.evidence.chance import value_of
from exocast.evidence.rows import package_table
from exocast.vial.nested import nested, spread_of

Array = NDArray[np.float64]
VIALS = (1, 2, 3, 4)
CAPTURES = (1, 2, 3, 5)
POINTS = (9, 21, 9)
CHUNK = 250
TRACKS = 1500.0
LEVEL = "capture_spread_middle"
FIXED = {"lower quartile": -0.6745, "median": 0.0, "upper quartile": 0.6745}


@dataclass(frozen=True, kw_only=True)
class Design:
    """How a batch is measured."""

    vials: int
    preparations: int
    captures: int


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Share of batches whose interval holds the truth.

    At 90 and 95 % for the mean of the batch, at 90 % for its first vial and for an unopened one.
    """

    mean_90: float
    mean_95: float
    vial_90: float
    new_vial_90: float


def spreads(seed: int, n: int, score: float | None, *, per_run: int = 1) -> tuple[Array, ...]:
    """Spreads between captures ``(n, per_run)``, preparations and vials ``(n,)``."""
    rows = package_table("vial", "population")
    chance = np.random.default_rng(seed)
    found = []
    for name, size in ((LEVEL, (n, per_run)), ("run_spread", (n,)), ("vial_spread", (n,))):
        z = chance.standard_normal(size) if score is None else np.full(size, score)
        found.append(value_of(rows[name], z))
    return tuple(found)


def coverage(
    design: Design,
    replicates: int,
    seed: int,
    score: float | None = None,
    *,
    own_spread: bool = False,
    points: tuple[int, int, int] = POINTS,
    laws: int = 3,
) -> Coverage:
    """Coverage of the intervals of one design.

    Parameters
    ----------
    score
        Standard score at which all three spreads are fixed; drawn from the priors when None.
    own_spread
        Draw the spread between captures anew for each preparation, which the model does not.
    laws
        1 looks at the mean alone, which takes half the time; the others are then NaN.
    """
    rows = package_table("vial", "population")
    chance = np.random.default_rng(seed + 1)
    shape = (replicates, design.vials, design.preparations, design.captures)
    runs = design.vials * design.preparations if own_spread else 1
    tau, run, vial = spreads(seed, replicates, score, per_run=runs)
    tau = np.broadcast_to(
        tau.reshape(replicates, *(shape[1:3] if own_spread else (1, 1))), shape[:3]
    )
    contents = vial[:, None] * chance.standard_normal(shape[:2])
    tubes = contents[..., None] + run[:, None, None] * chance.standard_normal(shape[:3])
    error = np.sqrt(1 / TRACKS + tau**2)[..., None]
    values = tubes[..., None] + error * chance.standard_normal(shape)
    unopened = vial * chance.standard_normal(replicates)
    names = (LEVEL, "run_spread", "vial_spread")
    priors = [spread_of(rows[name], n) for name, n in zip(names, points, strict=True)]
    below = np.concatenate(
        [
            _below(
                values[i : i + CHUNK],
                contents[i : i + CHUNK, 0],
                unopened[i : i + CHUNK],
                priors,
                laws,
            )
            for i in range(0, replicates, CHUNK)
        ]
    )

    def inside(column: int, level: float) -> float:
        if column >= laws:
            return math.nan
        return float((np.abs(below[:, column] - 0.5) < level / 2).mean())

    return Coverage(
        mean_90=inside(0, 0.90),
        mean_95=inside(0, 0.95),
        vial_90=inside(1, 0.90),
        new_vial_90=inside(2, 0.90),
    )


def _below(values: Array, first: Array, unopened: Array, priors: list, laws: int) -> Array:
    """Posterior probability of less than the truth: of the mean, first vial, unopened vial.

    An interval with equal tails holds the truth when this lies between them.
    """
    found = nested(values, np.full(values.shape, 1 / TRACKS), *priors)
    weight = np.exp(found.log_weight - found.log_weight.max(axis=(-3, -2, -1), keepdims=True))
    weight /= weight.sum(axis=(-3, -2, -1), keepdims=True)
    between = found.vial_spread**2
    error = found.vial_variance[..., 0, None]
    cases = [(np.zeros(len(values)), found.centre, found.variance)]
    if laws > 1:
        kept = between / (between + error)
        own = found.centre + kept * (found.vial_centre[..., 0, None] - found.centre)
        cases.append((first, own, kept * error + (1 - kept) ** 2 * found.variance))
        cases.append((unopened, found.centre, found.variance + between))
    return np.stack(
        [
            (weight * ndtr((truth[:, None, None, None] - centre) / np.sqrt(variance))).sum(
                axis=(-3, -2, -1)
            )
            for truth, centre, variance in cases
        ],
        axis=-1,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=20_000)
    n = parser.parse_args().replicates
    error = 100 * math.sqrt(0.9 * 0.1 / n)
    print(f"{n} batches each; Monte Carlo error of 90 %: {error:.2f} %")
    cases = [
        ("drawn from the priors", None, False),
        ("the same, captures' spread anew for each tube", None, True),
        *((f"all at the priors' {name}", score, False) for name, score in FIXED.items()),
    ]
    for words, score, own in cases:
        print(
            f"\nSpreads {words}\nvials tubes captures   mean 90   mean 95   vial 90   new vial 90"
        )
        for vials in VIALS:
            for preparations in (1, 2):
                for captures in CAPTURES:
                    design = Design(vials=vials, preparations=preparations, captures=captures)
                    c = coverage(
                        design, n, seed=vials * 100 + captures, score=score, own_spread=own
                    )
                    print(
                        f"{vials:5d} {preparations:5d} {captures:8d} {c.mean_90:9.1%} "
                        f"{c.mean_95:9.1%} {c.vial_90:9.1%} {c.new_vial_90:9.1%}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
