"""Particles for each microgram of protein, with the error of both measurements.

The ratio describes a preparation; it converts a dose only when both are of the same vial. It is
held against published ratios by its interval: the counts of two laboratories differ by more than
most of these ratios do, so a point on one side of a limit says little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from scipy.special import ndtr

from exocast.errors import InvalidInput
from exocast.evidence.rows import Row, package_table
from exocast.vial.records import VialWarning

SURE = 0.95
PUBLISHED = ("purity_pure", "purity_product")


class Concentration(Protocol):
    """Any estimate of particles per mL: of one file, a vial or a batch."""

    @property
    def value(self) -> float:
        """Particles per mL."""

    @property
    def log_sd(self) -> float:
        """Standard deviation of its logarithm."""


@dataclass(frozen=True, kw_only=True)
class AgainstPublished:
    """A ratio held against one that was published.

    ``position`` is ``above`` or ``below`` when that is at least 95 % probable, else
    ``cannot tell``. It is a place on a scale, no release decision.
    """

    row: str
    meaning: str
    published: float
    probability_above: float
    position: str


@dataclass(frozen=True, kw_only=True)
class Purity:
    """Particles for each microgram of protein, with the 95 % interval.

    ``log_sd`` is the standard deviation of the logarithm, ``of_particles`` and ``of_protein`` its
    two parts; the error of the protein is that of the assay when one was stated, else that of
    ``population.protein_spread``, and ``protein_error_stated`` says which.
    """

    value: float
    low: float
    high: float
    log_sd: float
    of_particles: float
    of_protein: float
    protein_error_stated: bool
    published: tuple[AgainstPublished, ...]
    warnings: tuple[VialWarning, ...]


def purity(
    concentration: Concentration,
    protein_ug_per_ml: float,
    protein_log_sd: float | None = None,
) -> Purity:
    """Ratio of particles to protein and where its interval lies among published ones.

    Parameters
    ----------
    concentration
        Particles per mL of the undiluted sample: of a file, a vial or a batch.
    protein_ug_per_ml
        Protein of the same liquid, in micrograms per mL; above zero.
    protein_log_sd
        Standard deviation of the logarithm of the protein; ``population.protein_spread`` when not
        given.

    Returns
    -------
    The ratio, in particles per microgram.

    Raises
    ------
    InvalidInput
        ``PROTEIN`` when the protein is not above zero (below detection gives no ratio, only a
        limit), or its error is negative or not a number.
    """
    if not (math.isfinite(protein_ug_per_ml) and protein_ug_per_ml > 0):
        raise InvalidInput(
            f"a protein of {protein_ug_per_ml:g} ug/mL gives no ratio; give a number above zero. "
            "Below detection, state the assay's limit and read the ratio as 'more than'.",
            code="PROTEIN",
        )
    if protein_log_sd is not None and not (math.isfinite(protein_log_sd) and protein_log_sd >= 0):
        raise InvalidInput(
            f"an error of {protein_log_sd:g} is impossible; give the standard deviation of the "
            "logarithm, zero or more (about the CV).",
            code="PROTEIN",
        )
    stated = protein_log_sd is not None
    row = package_table("vial", "population")["protein_spread"]
    of_protein = row.value if protein_log_sd is None else protein_log_sd
    log_sd = math.hypot(concentration.log_sd, of_protein)
    value = concentration.value / protein_ug_per_ml
    rows = package_table("vial", "instrument")
    warnings = []
    if not stated:
        message = f"no error of the protein is stated; {row.value:.0%} stands in ({row.key})"
        warnings.append(VialWarning(code="PROTEIN", message=message))
    reach = 1.959963984540054 * log_sd
    return Purity(
        value=value,
        low=value * math.exp(-reach),
        high=value * math.exp(reach),
        log_sd=log_sd,
        of_particles=concentration.log_sd,
        of_protein=of_protein,
        protein_error_stated=stated,
        published=tuple(_against(value, log_sd, rows[name]) for name in PUBLISHED),
        warnings=tuple(warnings),
    )


def _against(value: float, log_sd: float, row: Row) -> AgainstPublished:
    distance = math.log(value / row.value)
    above = float(ndtr(distance / log_sd)) if log_sd > 0 else float(distance > 0)
    position = "above" if above >= SURE else "below" if above <= 1 - SURE else "cannot tell"
    return AgainstPublished(
        row=row.key,
        meaning=row.meaning,
        published=row.value,
        probability_above=above,
        position=position,
    )
