"""Pools of courses: several visits of each study, correlated.

One model: y = Xβ + u + e. The errors e of the visits of an arm have a known covariance (printed
standard errors and a correlation of visits, or a matrix given); the deviations u of a study at its
visits are correlated too, and estimated by restricted or full likelihood: K. J. Ishak and others,
Clin Trials 4 (2007) 525, doi:10.1177/1740774507083567. As studies and not visits are what differs,
the t interval has one degree of freedom less than studies; ``tests/evidence/test_longitudinal.py``
counts how often it covers.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.errors import InvalidInput, nearest
from exocast.evidence.synthesis.pooling import _quantile

Array = NDArray[np.float64]
STRUCTURES = ("none", "ID", "DIAG", "CS", "HCS", "AR", "HAR", "CAR")
METHODS = ("REML", "ML")
TESTS = ("normal", "t")
WITHIN = ("CS", "AR")
HIGHEST = 1.0
STARTS = (0.2, 0.9)
ROUGH, FINE = 1e-7, 1e-13  # change of the likelihood at which a search ends
STEP = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Visits:
    """Effects at visits.

    Attributes
    ----------
    studies, times
        (n,): the study and the time of each; arms of a study share its deviation.
    values
        (n,)
    covariance
        (n, n) of their sampling errors.
    """

    studies: tuple[Hashable, ...]
    times: Array
    values: Array
    covariance: Array

    def __post_init__(self) -> None:
        n = len(self.values)
        if not n or len(self.studies) != n or self.times.shape != (n,):
            raise InvalidInput(
                f"{len(self.studies)} studies, {len(self.times)} times and {n} values do not make "
                "visits; one of each is needed.",
                where="visits",
            )
        if self.covariance.shape != (n, n):
            raise InvalidInput(
                f"a covariance of shape {self.covariance.shape} does not fit {n} visits.",
                where="covariance",
            )
        for field in ("times", "values", "covariance"):
            if not np.isfinite(getattr(self, field)).all():
                raise InvalidInput("a number is not finite.", where=field)
        if not np.allclose(self.covariance, self.covariance.T):
            raise InvalidInput("a covariance is the same across its diagonal.", where="covariance")
        if np.linalg.eigvalsh(self.covariance)[0] <= 0:
            raise InvalidInput(
                "the sampling errors have no proper covariance: a correlation or a standard error "
                "is out of range.",
                where="covariance",
            )

    @staticmethod
    def printed(
        studies: Sequence[Hashable],
        times: ArrayLike,
        values: ArrayLike,
        standard_errors: ArrayLike,
        *,
        correlation: float = 0.5,
        within: str = "CS",
        arms: Sequence[Hashable] | None = None,
    ) -> Visits:
        """Visits with printed standard errors.

        Parameters
        ----------
        correlation
            Of the errors of two visits of an arm. Changes from one baseline have 0.5 where all
            visits are equally correlated, whatever that correlation.
        within
            ``CS``: the same for every pair; ``AR``: to the power of the time between them.
        arms
            Whose visits are the same people; the study where left out.

        Raises
        ------
        InvalidInput
            For a correlation out of range, standard errors not above zero, or unequal lengths.
        """
        if within not in WITHIN:
            raise InvalidInput(
                f"there is no structure '{within}' within arms." + nearest(within, WITHIN),
                where="within",
            )
        if not -1 < correlation < 1:
            raise InvalidInput(
                f"a correlation of {correlation:g} does not lie between -1 and 1.",
                where="correlation",
            )
        when, errors = np.asarray(times, dtype=float), np.asarray(standard_errors, dtype=float)
        y = np.asarray(values, dtype=float)
        whose = list(studies if arms is None else arms)
        if not len(studies) == len(whose) == len(y) == len(when) == len(errors):
            raise InvalidInput("a study, time, value and error of each is needed.", where="visits")
        if not (errors > 0).all():
            raise InvalidInput("a standard error is above zero.", where="standard_errors")
        same = np.array([[a == b for b in whose] for a in whose])
        apart = np.abs(when[:, None] - when) if within == "AR" else 1.0 - np.eye(len(y))
        shared = np.where(same, np.float_power(correlation, apart), 0.0)
        covariance = shared * np.outer(errors, errors)
        return Visits(studies=tuple(studies), times=when, values=y, covariance=covariance)


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """A fitted course.

    Attributes
    ----------
    coefficients, standard_errors, low, high
        (n_columns,)
    covariance
        (n_columns, n_columns)
    names
        Of the columns.
    times
        (n_times,) at which a study was seen.
    tau
        (n_times,) SD between studies at each.
    rho
        Correlation of a study's deviations: of any two times, of times next to one another
        (``AR``), or over one unit of time (``CAR``); NaN where there is none.
    log_likelihood, aic
        Restricted where the method is ``REML``; the criterion counts coefficients, SDs and rho.
    q, q_freedom
        Cochran's test, from sampling errors alone.
    freedom
        Of the t distribution; infinite for the normal.
    critical
        Quantile of the intervals.
    """

    coefficients: Array
    standard_errors: Array
    low: Array
    high: Array
    covariance: Array
    names: tuple[str, ...]
    times: Array
    tau: Array
    rho: float
    log_likelihood: float
    aic: float
    q: float
    q_freedom: int
    freedom: float
    critical: float
    n_studies: int
    n_visits: int
    structure: str
    method: str
    test: str
    level: float

    def tau_at(self, time: float) -> float:
        """SD between studies at a time; between times seen, on a straight line."""
        return float(np.interp(time, self.times, self.tau))

    def at(self, rows: ArrayLike) -> tuple[Array, Array, Array]:
        """Mean and its interval at rows of the columns."""
        x = np.atleast_2d(np.asarray(rows, dtype=float))
        mean = x @ self.coefficients
        half = self.critical * np.sqrt(np.einsum("ij,jk,ik->i", x, self.covariance, x))
        return mean, mean - half, mean + half

    def new_study(self, rows: ArrayLike, times: ArrayLike) -> tuple[Array, Array]:
        """Where the mean of a new study is expected, at rows of the columns and their times.

        With two degrees of freedom less than studies, or normal where the interval is.
        """
        x = np.atleast_2d(np.asarray(rows, dtype=float))
        mean = x @ self.coefficients
        error2 = np.einsum("ij,jk,ik->i", x, self.covariance, x)
        tau = np.array([self.tau_at(float(t)) for t in np.atleast_1d(times)])
        quantile = self.critical
        if self.test == "t":
            quantile = _quantile(self.level, self.n_studies - 2)
        half = quantile * np.sqrt(error2 + tau**2)
        return mean - half, mean + half


def each_visit(times: ArrayLike) -> tuple[Array, tuple[str, ...]]:
    """A column for each time, so that each coefficient is the mean there."""
    when = np.asarray(times, dtype=float)
    levels = np.unique(when)
    return (when[:, None] == levels).astype(float), tuple(f"{t:g}" for t in levels)


def pieces(times: ArrayLike, knots: Sequence[float]) -> Array:
    """Columns of a course that is nothing at time 0 and straight between knots.

    Each coefficient is the mean at its knot; after the last knot the course is level.

    Raises
    ------
    InvalidInput
        For knots that are not above zero and rising.
    """
    at = np.asarray(knots, dtype=float)
    if not len(at) or at[0] <= 0 or (np.diff(at) <= 0).any():
        raise InvalidInput(f"knots {list(knots)} are not above zero and rising.", where="knots")
    when = np.atleast_1d(np.asarray(times, dtype=float))
    return np.column_stack(
        [np.interp(when, [0.0, *at], np.eye(len(at) + 1)[i + 1]) for i in range(len(at))]
    )


def two_part(times: ArrayLike, *, fast: float, slow: float) -> Array:
    """Columns of a course that comes with a fast time constant and in part goes with a slow one.

    The first coefficient is what there is before any of it goes, the second (of opposite sign)
    what goes; time constants in the unit of the times.
    """
    when = np.atleast_1d(np.asarray(times, dtype=float))
    rise = -np.expm1(-when / fast)
    return np.column_stack([rise, -rise * np.expm1(-when / slow)])


def pool_courses(
    visits: Visits,
    columns: ArrayLike | None = None,
    names: Sequence[str] = (),
    *,
    structure: str = "HAR",
    method: str = "REML",
    test: str = "t",
    level: float = 0.95,
) -> Course:
    """Mean course of studies and how far studies differ from it.

    Parameters
    ----------
    columns
        (n_visits, n_columns) of the mean course, such as ``pieces``; a mean at each time when left
        out.
    structure
        Of a study's deviations. ``CS``: one SD, one correlation; ``HCS``: an SD at each time;
        ``AR``, ``HAR``: the correlation falls with the number of times between; ``CAR``: with the
        time between; ``ID``, ``DIAG``: no correlation; ``none``: no deviations.
    test
        ``t``, with one degree of freedom less than studies, or ``normal``.

    Raises
    ------
    InvalidInput
        For unknown words, columns that repeat one another, or fewer visits than parameters.
    """
    for field, given, known in (
        ("structure", structure, STRUCTURES),
        ("method", method, METHODS),
        ("test", test, TESTS),
    ):
        if given not in known:
            raise InvalidInput(
                f"there is no {field} '{given}'." + nearest(given, known), where=field
            )
    if not 0 < level < 1:
        raise InvalidInput(f"level {level:g} lies outside 0 to 1.", where="level")
    if columns is None:
        x, names = each_visit(visits.times)
    else:
        x = np.asarray(columns, dtype=float)
    n = len(visits.values)
    if x.ndim != 2 or len(x) != n or np.linalg.matrix_rank(x) < x.shape[1]:
        raise InvalidInput(
            f"{n} visits cannot tell the columns of the course apart.", where="columns"
        )
    p = x.shape[1]
    times, place = np.unique(visits.times, return_inverse=True)
    numbers = {study: i for i, study in enumerate(dict.fromkeys(visits.studies))}
    study = np.array([numbers[s] for s in visits.studies])
    along = times if structure == "CAR" else np.arange(len(times), dtype=float)
    model = _Model(
        y=visits.values,
        x=x,
        v=visits.covariance,
        same=study[:, None] == study,
        place=place,
        at_time=(visits.times[:, None] == times).astype(float),
        times=times,
        steps=np.abs(along[:, None] - along),
        structure=structure,
        restricted=method == "REML",
    )
    if n < p + model.size:
        raise InvalidInput(
            f"{n} visits are too few for a course of {p} columns and the structure '{structure}'.",
            where="visits",
        )
    theta = _most_likely(model)
    tau, rho = model.split(theta)
    found = model.at(theta)
    freedom = len(numbers) - 1 if test == "t" else math.inf
    critical = _quantile(level, freedom)
    errors = np.sqrt(np.diag(found.covariance))
    alone = _generalised(visits.values, x, visits.covariance)
    return Course(
        coefficients=found.beta,
        standard_errors=errors,
        low=found.beta - critical * errors,
        high=found.beta + critical * errors,
        covariance=found.covariance,
        names=tuple(names) or tuple(f"x{i + 1}" for i in range(p)),
        times=times,
        tau=tau,
        rho=rho,
        log_likelihood=found.log_likelihood,
        aic=2 * (p + model.size) - 2 * found.log_likelihood,
        q=alone.rss,
        q_freedom=n - p,
        freedom=freedom,
        critical=critical,
        n_studies=len(numbers),
        n_visits=n,
        structure=structure,
        method=method,
        test=test,
        level=level,
    )


# Likelihood ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fitted:
    """Generalised least squares."""

    beta: Array
    covariance: Array
    rss: float
    inverse: Array
    off: Array
    log_likelihood: float = math.nan


@dataclass(frozen=True, kw_only=True, eq=False)
class _Model:
    """What a likelihood needs; parameters are SDs, then rho."""

    y: Array
    x: Array
    v: Array
    same: NDArray[np.bool_]
    place: NDArray[np.intp]
    at_time: Array
    times: Array
    steps: Array
    structure: str
    restricted: bool

    @property
    def n_tau(self) -> int:
        """How many SDs are estimated."""
        if self.structure == "none":
            return 0
        return len(self.times) if self.structure in ("DIAG", "HCS", "HAR") else 1

    @property
    def correlated(self) -> bool:
        """Whether rho is; a single time has none."""
        return self.structure in ("CS", "HCS", "AR", "HAR", "CAR") and len(self.times) > 1

    @property
    def size(self) -> int:
        """Of the parameters."""
        return self.n_tau + self.correlated

    def split(self, theta: Array) -> tuple[Array, float]:
        """SD at each time, and rho."""
        tau = np.zeros(len(self.times)) + (theta[: self.n_tau] if self.n_tau else 0.0)
        return tau, float(theta[-1]) if self.correlated else math.nan

    def between(self, theta: Array) -> Array:
        """Covariance of a study's deviations at all times, (n_times, n_times)."""
        tau, rho = self.split(theta)
        correlation = np.eye(len(tau))
        if self.correlated and self.structure in ("CS", "HCS"):
            correlation = np.where(correlation, 1.0, rho)
        elif self.correlated:
            base = abs(rho) if self.structure == "CAR" else rho
            correlation = np.float_power(base, self.steps)
        return np.asarray(correlation * tau * tau[:, None])

    def at(self, theta: Array) -> _Fitted:
        """The fit with these parameters, and its likelihood."""
        whole = self.v + self.same * self.between(theta)[self.place[:, None], self.place]
        found = _generalised(self.y, self.x, whole)
        n, p = self.x.shape
        minus = np.linalg.slogdet(whole)[1] + found.rss
        count = n
        if self.restricted:
            count = n - p
            minus -= np.linalg.slogdet(found.covariance)[1]
            minus -= np.linalg.slogdet(self.x.T @ self.x)[1]
        value = -0.5 * float(count * math.log(2 * math.pi) + minus)
        return _Fitted(**{**vars(found), "log_likelihood": value})

    def minus(self, theta: Array) -> tuple[float, Array]:
        """Minus the log-likelihood, and its slope."""
        found = self.at(theta)
        scaled = found.inverse @ found.off
        weight = found.inverse - np.outer(scaled, scaled)
        if self.restricted:
            half = found.inverse @ self.x
            weight = weight - half @ found.covariance @ half.T
        gathered = self.at_time.T @ (weight * self.same) @ self.at_time
        slope = np.empty(len(theta))
        for i in range(len(theta)):
            step = np.zeros(len(theta))
            step[i] = STEP * max(1.0, abs(theta[i]))
            change = self.between(theta + step) - self.between(theta - step)
            slope[i] = (gathered * change).sum() / (4 * step[i])
        return -found.log_likelihood, slope


def _generalised(y: Array, x: Array, whole: Array) -> _Fitted:
    inverse: Array = np.asarray(np.linalg.inv(whole), dtype=np.float64)
    covariance: Array = np.asarray(np.linalg.inv(x.T @ inverse @ x), dtype=np.float64)
    beta = covariance @ x.T @ inverse @ y
    off = y - x @ beta
    return _Fitted(
        beta=beta,
        covariance=covariance,
        rss=float(off @ inverse @ off),
        inverse=inverse,
        off=off,
    )


def _most_likely(model: _Model) -> Array:
    """Parameters of the highest likelihood, from several starts."""
    from scipy.optimize import minimize

    if not model.size:
        return np.empty(0)
    plain = np.linalg.lstsq(model.x, model.y, rcond=None)[0]
    spread = float(np.std(model.y - model.x @ plain)) or float(np.sqrt(model.v.diagonal().mean()))
    unit = np.append(np.full(model.n_tau, spread), [1.0] * model.correlated)
    lowest = 0.0 if model.structure == "CAR" else -1.0
    if model.structure in ("CS", "HCS"):  # beyond it the deviations have no proper covariance
        lowest = -1 / (len(model.times) - 1) if model.correlated else 0.0
    bounds = [(0.0, None)] * model.n_tau + [(lowest, 1.0)] * model.correlated

    def loss(scaled: Array) -> tuple[float, Array]:
        value, slope = model.minus(scaled * unit)
        return value, slope * unit

    def search(start: Array, until: float) -> Any:
        return minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"ftol": until, "gtol": 1e-8, "maxiter": 1000},
        )

    starts = STARTS if model.correlated else STARTS[:1]
    rough = [
        search(np.append(np.ones(model.n_tau), [rho] * model.correlated), ROUGH) for rho in starts
    ]
    best = min(rough, key=lambda found: float(found.fun))
    return np.asarray(search(best.x, FINE).x * unit, dtype=np.float64)
