"""Dose-response curves of an assay: four parameters, relative potency, and how many wells tell.

Responses stand on a logarithmic scale, where wells scatter alike at every height. A curve is
``top + (bottom - top) / (1 + (EC50 / dose)^slope)``; a lot of relative potency ``r`` has the curve
of the reference at ``r`` times the dose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nct
from scipy.stats import t as student

from exocast.vial.curve_fit import rise, search

Array = NDArray[np.float64]
STEEPEST, FLATTEST = 6.0, 0.2
BEYOND = 3.0  # times the doses given: where half effect may still be sought
FLAT = 1e-3  # of the logarithm: no laboratory sees it
FEWEST_RUNS, MOST_RUNS = 2, 24
WELLS_PER_DOSE = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Four parameters of a curve on the logarithmic scale, and how far they are from its points.

    Attributes
    ----------
    top
        Logarithm of the response without vesicles.
    span
        Logarithm of the response at the most over that without, as the curve has it: beyond the
        highest dose where half effect lies high. Negative where it falls.
    ec50
        Dose at half of the span.
    slope
        Hill's.
    misfit
        Largest distance between a point and the curve.
    """

    top: float
    span: float
    ec50: float
    slope: float
    misfit: float

    def at(self, doses: Array) -> Array:
        """Logarithm of the response, of the shape of ``doses``."""
        return self.top + self.span * _rise(np.log(self.ec50), self.slope, doses)


def _rise(ln_ec50: Array | float, slope: Array | float, doses: Array) -> Array:
    """From 0 to 1 over the doses; a dose of zero gives 0."""
    with np.errstate(divide="ignore"):
        return rise(ln_ec50, slope, np.log(np.asarray(doses, dtype=np.float64)))


def fit_curve(doses: Array, logs: Array) -> Curve | None:
    """Least squares over the four parameters; None where the response does not move.

    Parameters
    ----------
    doses
        Zero or more, ``(doses,)``; zero is the control.
    logs
        Logarithms of the response, ``(doses,)``.

    Notes
    -----
    Half effect is sought within threefold of the doses given and the slope between 0.2 and 6;
    a curve at an end of these is told apart by :attr:`Curve.misfit` and by its doubt.
    """
    doses, logs = np.asarray(doses, dtype=np.float64), np.asarray(logs, dtype=np.float64)
    if not np.isfinite(logs).all() or np.ptp(logs) < FLAT:
        return None
    given = doses[doses > 0]
    halves = float(given.min()) / BEYOND, float(given.max()) * BEYOND
    best = search(doses, logs[None], halves=halves, slopes=(FLATTEST, STEEPEST))
    found = Curve(
        top=float(best.zero[0]),
        span=float(best.span[0]),
        ec50=math.exp(best.ln_half[0]),
        slope=float(best.slope[0]),
        misfit=0.0,
    )
    return replace(found, misfit=float(np.abs(found.at(doses) - logs).max()))


def potency_sd(curve: Curve, doses: Sequence[float], replicates: int, well_sd: float) -> float:
    """Standard deviation of the logarithm of a relative potency from one plate.

    Reference and sample stand on the plate at the same doses, each with ``replicates`` wells and
    as many wells of the control; one curve is fitted to both, with a shift along the dose. From
    the curvature of the sum of squares (the delta method): exact for many wells.

    References
    ----------
    Finney (1978), Statistical Method in Biological Assay, chapter 17; USP <1034>.
    """
    given = np.array([d for d in doses if d > 0], dtype=np.float64)
    x0 = np.array([curve.top, curve.span, math.log(curve.ec50), curve.slope, 0.0])

    def both(x: Array) -> Array:
        reference = x[0] + x[1] * _rise(x[2], x[3], given)
        sample = x[0] + x[1] * _rise(x[2] - x[4], x[3], given)
        return np.concatenate([[x[0]], reference, sample])

    step = 1e-5
    jacobian = np.stack(
        [(both(x0 + step * e) - both(x0 - step * e)) / (2 * step) for e in np.eye(5)], axis=1
    )
    information = jacobian.T @ jacobian * replicates / well_sd**2
    try:
        variance = np.linalg.inv(information)[4, 4]
    except np.linalg.LinAlgError:
        return math.inf
    known = np.linalg.cond(information) < 1e14 and variance > 0
    return math.sqrt(variance) if known else math.inf


@dataclass(frozen=True, kw_only=True)
class Design:
    """A way to tell a loss of potency: wells at each dose, and plates on other days.

    ``plate_wells`` counts reference, sample and control. ``tells`` is False where 24 runs do not;
    then ``power`` is what these reach.
    """

    tells: bool
    replicates: int
    runs: int
    plate_wells: int
    wells: int
    power: float


def power_of(run_sd: float, runs: int, loss: float, alpha: float) -> float:
    """Chance that runs on other days tell a loss of potency: a one-sided t test of their mean.

    Parameters
    ----------
    run_sd
        Of the logarithm of a relative potency of one run, its plate's error and the day's.
    runs
        Two or more; one run knows no scatter of days.
    loss, alpha
        Loss of potency, and one-sided error of the first kind.
    """
    if runs < FEWEST_RUNS or not math.isfinite(run_sd):
        return 0.0
    shift = -math.log1p(-loss) * math.sqrt(runs) / run_sd
    return float(nct.sf(student.ppf(1 - alpha, runs - 1), runs - 1, shift))


def designs(
    curve: Curve,
    doses: Sequence[float],
    *,
    well_sd: float,
    run_sd: float,
    loss: float,
    alpha: float,
    power: float,
    plate: int = 96,
) -> tuple[Design, ...]:
    """What finds a loss of potency, by the wells at each dose: how many runs each needs.

    A plate's own error falls with its wells; what changes between days falls with runs only. A
    lot is told from the reference by the mean of its runs.

    Parameters
    ----------
    curve, doses
        Of the reference; doses above zero are given to reference and sample.
    well_sd, run_sd
        Of the logarithm, between wells of a plate and of the potency between runs.
    loss, alpha, power
        Loss to be told, one-sided error, and chance to find it.
    plate
        Most wells of a plate.

    Returns
    -------
    One a number of wells at each dose that fits the plate.
    """
    count = sum(1 for d in doses if d > 0)
    plate_sd = potency_sd(curve, doses, 1, well_sd)
    found: list[Design] = []
    for replicates in WELLS_PER_DOSE:
        wells = replicates * (2 * count + 1)
        if wells > plate:
            break
        one = math.hypot(plate_sd / math.sqrt(replicates), run_sd)
        runs, reached = FEWEST_RUNS, power_of(one, FEWEST_RUNS, loss, alpha)
        while reached < power and runs < MOST_RUNS:
            runs += 1
            reached = power_of(one, runs, loss, alpha)
        found.append(
            Design(
                tells=reached >= power,
                replicates=replicates,
                runs=runs,
                plate_wells=wells,
                wells=wells * runs,
                power=reached,
            )
        )
    return tuple(found)


def fewest_runs(found: Sequence[Design]) -> Design | None:
    """Of several designs, the one with fewest days, then fewest wells; None where none tells."""
    return min((d for d in found if d.tells), key=lambda d: (d.runs, d.wells), default=None)
