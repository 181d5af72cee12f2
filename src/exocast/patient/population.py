"""Virtual people: the person described, and people like them.

Pain lives on the logit scale, where a bounded score has no edges. Who enters a study is chosen by
a first measurement above a threshold: from the mean and the SD of those who entered, the
distribution before the choice is worked out; how far people fall back on the next measurement
then follows from its spread and the measurement error, and is never fitted.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from exocast.errors import InvalidInput, UnknownName, nearest
from exocast.evidence.chance import correlated_scores, normal_scores, value_of
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import package_table

Array = NDArray[np.float64]
FULL = 100.0
SYNOVITIS = ("none", "mild", "moderate", "severe")
INSTRUMENTS = ("pain_vas", "womac_pain")
COVARIATES = ("age", "bmi", "pain", "synovitis")
NODES = 400
SHORTFALL_MM = 0.5
# Search range of mean and log SD before the choice, on the logit scale: mean pain of 12 to 95.
BOUNDS = ([-2.0, float(np.log(0.1))], [3.0, float(np.log(1.6))])
AGE_YEARS = (18.0, 110.0)
BMI_KG_M2 = (12.0, 80.0)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Who enters: pain at entry and the limits it was chosen by, all on 0-100.

    Attributes
    ----------
    threshold
        Least pain on the entry measurement.
    ceiling
        Most pain there.
    mean, sd
        Of those who entered; ``None`` takes the described person's pain, and the row
        ``covariates.entry_sd``.
    instrument
        ``pain_vas``, or ``womac_pain`` for a WOMAC pain score turned to 0-100; names the
        measurement error.
    """

    threshold: float = 40.0
    ceiling: float = FULL
    mean: float | None = None
    sd: float | None = None
    instrument: str = "pain_vas"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < self.ceiling <= FULL:
            raise InvalidInput(
                f"entry from {self.threshold:g} to {self.ceiling:g} is no range inside 0 to 100."
            )
        if self.mean is not None and not self.threshold < self.mean < self.ceiling:
            raise InvalidInput(
                f"mean pain {self.mean:g} at entry lies outside the limits of entry, "
                f"{self.threshold:g} to {self.ceiling:g}; change one of them."
            )
        if self.sd is not None and not self.sd > 0:
            raise InvalidInput(f"an SD of {self.sd:g} at entry is not above zero.")
        if self.instrument not in INSTRUMENTS:
            raise UnknownName(
                f"There is no instrument '{self.instrument}'."
                + nearest(self.instrument, INSTRUMENTS)
            )


@dataclass(frozen=True, kw_only=True)
class Unselected:
    """Measured pain before the choice by threshold: normal on the logit scale.

    ``mean`` and ``sd`` (0-100) are those of the people who then enter; ``attained`` says whether
    they meet what was asked for.
    """

    mu: float
    sigma: float
    low: float
    high: float
    mean: float
    sd: float
    attained: bool

    def quantile(self, share: Array) -> Array:
        """Entry pain on the logit scale at shares (0..1) of those who enter."""
        return _truncated(self.mu, self.sigma, self.low, self.high, share)


@dataclass(frozen=True, kw_only=True)
class Patients:
    """Virtual people; every array has the shape ``(patients,)``.

    Attributes
    ----------
    sex
        The same for all: that of the described person.
    pain
        Measured pain at entry, 0-100.
    synovitis
        Grade 0 (none) to 3 (severe).
    unselected
        Distribution of measured pain before the choice by threshold.
    knee
        Name of the knee where one person has several, else empty.
    warnings
        Sentences about what could not be met.
    """

    age_years: Array
    bmi_kg_m2: Array
    sex: str
    kellgren_lawrence: int
    pain: Array
    synovitis: NDArray[np.int64]
    entry: Entry
    unselected: Unselected
    knee: str = ""
    warnings: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.pain)

    def columns(self) -> dict[str, Any]:
        """Columns of a table with one line a person."""
        n = len(self)
        return {
            "patient": np.arange(n, dtype=np.int32),
            "age_years": self.age_years,
            "sex": np.full(n, self.sex),
            "bmi_kg_m2": self.bmi_kg_m2,
            "kellgren_lawrence": np.full(n, self.kellgren_lawrence, dtype=np.int32),
            "pain_at_entry": self.pain,
            "synovitis": self.synovitis,
        }


def draw_patients(
    patient: Mapping[str, Any], n: int, seed: int, entry: Entry, *, knee: str = ""
) -> Patients:
    """The person described (number 0) and ``n - 1`` people like them.

    People share sex and Kellgren-Lawrence grade; age, body mass index and synovitis scatter about
    the described person's with the correlations of ``patient/correlations.csv``; pain at entry
    follows the entry criteria. A person depends on the seed and their number only.

    Parameters
    ----------
    patient
        ``age_years``, ``bmi_kg_m2``, ``sex``, ``kellgren_lawrence``, ``pain_vas_mm``,
        ``synovitis`` (none, mild, moderate, severe).
    n
        How many people, one or more.
    seed
        One seed a study.
    entry
        Who enters.
    knee
        Name of the knee in a study of several knees of one person; their entry pain is then
        correlated by row ``covariates.knees_alike``.

    Raises
    ------
    InvalidInput
        When the person does not meet the entry criteria.
    """
    rows = package_table("patient", "covariates")
    pain = float(patient["pain_vas_mm"])
    if not entry.threshold <= pain <= entry.ceiling:
        raise InvalidInput(
            f"pain {pain:g} mm does not meet the entry criteria, {entry.threshold:g} to "
            f"{entry.ceiling:g} mm; change the person's pain or the criteria.",
            code="ENTRY",
            where="patient.pain_vas",
        )
    if patient["synovitis"] not in SYNOVITIS:
        raise UnknownName(
            f"There is no synovitis '{patient['synovitis']}'."
            + nearest(str(patient["synovitis"]), SYNOVITIS),
            where="patient.synovitis",
        )
    mean = pain if entry.mean is None else entry.mean
    sd = rows["entry_sd"].value if entry.sd is None else entry.sd
    before = unselected(mean, sd, entry.threshold, entry.ceiling)
    keys = [f"covariates.{name}" for name in COVARIATES]
    scores = correlated_scores(seed, keys, package_correlations(), n)
    pain_score = scores["covariates.pain"]
    if knee:
        share = rows["knees_alike"].value
        own = normal_scores(seed, f"patient.pain.{knee}", n)
        pain_score = np.sqrt(share) * pain_score + np.sqrt(1 - share) * own

    def about(name: str, centre: float, low: float, high: float) -> Array:
        values = centre + value_of(rows[name], scores[f"covariates.{name}"]) - rows[name].value
        return np.clip(values, low, high)

    age = about("age", float(patient["age_years"]), *AGE_YEARS)
    bmi = about("bmi", float(patient["bmi_kg_m2"]), *BMI_KG_M2)
    grade = SYNOVITIS.index(patient["synovitis"])
    synovitis = np.rint(about("synovitis", float(grade), 0.0, len(SYNOVITIS) - 1.0))
    at_entry = FULL * expit(before.quantile(ndtr(pain_score)))
    age[0], bmi[0], synovitis[0] = patient["age_years"], patient["bmi_kg_m2"], grade
    at_entry[0] = pain
    return Patients(
        age_years=age,
        bmi_kg_m2=bmi,
        sex=str(patient["sex"]),
        kellgren_lawrence=int(patient["kellgren_lawrence"]),
        pain=at_entry,
        synovitis=synovitis.astype(np.int64),
        entry=entry,
        unselected=before,
        knee=knee,
        warnings=_shortfall(before, mean, sd, entry),
    )


@functools.lru_cache(maxsize=256)
def unselected(mean: float, sd: float, threshold: float, ceiling: float = FULL) -> Unselected:
    """Distribution of measured pain before the choice, from what is known after it.

    Solves for the mean and SD on the logit scale that give those who enter the mean and SD asked
    for; the nearest is taken where none does (a wide SD close to a threshold).

    Parameters
    ----------
    mean, sd
        Of pain at entry, 0-100.
    threshold, ceiling
        Limits of entry, 0-100.
    """
    from scipy.optimize import least_squares

    low = float(logit(threshold / FULL))
    high = float(logit(ceiling / FULL))
    share = (np.arange(NODES) + 0.5) / NODES

    def miss(x: Array) -> Array:
        values = FULL * expit(_truncated(x[0], float(np.exp(x[1])), low, high, share))
        return np.array([values.mean() - mean, values.std() - sd])

    start = np.array([logit(mean / FULL), np.log(sd / (FULL / 4))])
    found = least_squares(miss, start, bounds=BOUNDS)
    off = miss(found.x)
    return Unselected(
        mu=float(found.x[0]),
        sigma=float(np.exp(found.x[1])),
        low=low,
        high=high,
        mean=float(mean + off[0]),
        sd=float(sd + off[1]),
        attained=bool(np.abs(off).max() < SHORTFALL_MM),
    )


def per_logit(mean: Array | float, sd: Array | float, full: float = FULL) -> Array:
    """Mean move of a bounded score for a move of one on the logit scale.

    The slope of the scale is ``full p (1 - p)`` at the share ``p`` of its length; its mean over
    people whose score has this mean and SD is ``full (m (1 - m) - s^2)`` in shares.

    Parameters
    ----------
    mean, sd
        Of the score between people, in its own unit.
    full
        Length of the scale.
    """
    share = np.asarray(mean, dtype=np.float64) / full
    return np.asarray(full * (share * (1 - share) - (np.asarray(sd) / full) ** 2))


def reliability(before: Unselected, error: Array) -> Array:
    """Share of the variance of measured pain that is not measurement error.

    ``error`` is the standard error of measurement on the logit scale; at least a twentieth is
    taken to be true, should the error exceed the whole spread.
    """
    return np.clip(1.0 - (error / before.sigma) ** 2, 0.05, 1.0)


def _truncated(mu: float, sigma: float, low: float, high: float, share: Array) -> Array:
    """Quantiles of a normal between two limits, from the tail that keeps its digits."""
    a, b = (low - mu) / sigma, (high - mu) / sigma
    if a > 0:
        upper, lower = ndtr(-a), ndtr(-b)
        z = -ndtri(lower + (1 - share) * (upper - lower))
    else:
        lower, upper = ndtr(a), ndtr(b)
        z = ndtri(lower + share * (upper - lower))
    return np.asarray(np.clip(mu + sigma * z, low, high))


def _shortfall(before: Unselected, mean: float, sd: float, entry: Entry) -> tuple[str, ...]:
    if before.attained:
        return ()
    sentence = (
        f"entry pain of mean {mean:g} and SD {sd:g} cannot come from a choice between "
        f"{entry.threshold:g} and {entry.ceiling:g}; the nearest, mean {before.mean:.1f} and "
        f"SD {before.sd:.1f}, is used."
    )
    return (sentence,)
