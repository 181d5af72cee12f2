"""What a forecast's vesicles bring into recipient cells, class by class, against what it takes.

The counting is :mod:`exocast.cell.stoichiometry`; here stand the rows and words of each class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exocast.cell import stoichiometry

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Highest cargo of each run, one number a run.

    Attributes
    ----------
    rna
        Copies of an abundant miRNA that reached the cytosol of a recipient cell.
    opened
        Vesicles that opened in a recipient cell.
    surface
        Vesicles on and in endosomes of a recipient cell.
    half_surface
        The same at half effect in the assay.
    soluble
        Co-isolated protein in the fluid, in pg/mL.
    """

    rna: Array
    opened: Array
    surface: Array
    half_surface: Array
    soluble: Array


def record(peaks: Peaks, values: Mapping[str, Array], given: Array) -> dict[str, Any]:
    """The stoichiometry of a result, as ``report.envelopes.Stoichiometry`` describes it.

    Parameters
    ----------
    peaks
        What the model delivered.
    values
        Draws of every row, by key, one number a run.
    given
        Particles of all injections at the needle, one number a run.
    """
    threshold = values["signal.rna_threshold"]
    return {
        "channels": [stoichiometry.channel(*channel) for channel in _channels(peaks, values)],
        "dose_to_threshold_particles": _dose_to_threshold(given, peaks.rna / threshold),
        "without_effect": [
            {
                "channel": name,
                "unit": unit,
                "per_cell": stoichiometry.spread(values[row] * peaks.opened),
                "text": text,
            }
            for name, unit, row, text in (
                ("lipid", "1", "lipid.membrane_ratio", "share of a cell's membrane from vesicles"),
                ("DNA", "copy/cell", "dna.dna_copies", "copies of one gene; their weight is zero"),
            )
        ],
        "loadings": [
            stoichiometry.alternative(loading, peaks.opened, threshold, given)
            for loading in _loadings(values)
        ],
    }


def _channels(
    peaks: Peaks, values: Mapping[str, Array]
) -> tuple[tuple[str, str, Array, Array, str], ...]:
    """Name, unit, delivered, needed and words of every class that may carry the effect."""
    made = values["mrna.copies"] * values["mrna.k_translate"] / values["mrna.k_loss"]
    return (
        (
            "miRNA",
            "copy/cell",
            peaks.rna,
            values["signal.rna_threshold"],
            (
                "copies of one abundant miRNA that reach the cytosol of a recipient cell, all "
                "injections together, against the copies at half repression"
            ),
        ),
        (
            "surface ligands",
            "item/cell",
            peaks.surface,
            peaks.half_surface,
            (
                "vesicles on and in endosomes of a recipient cell at their highest, against the "
                "number at half effect in the assay"
            ),
        ),
        (
            "co-isolated soluble factors",
            "pg/mL",
            peaks.soluble,
            values["signal.ec50_soluble"],
            (
                "soluble protein in the joint fluid at its highest, against the concentration at "
                "half effect (an assumption)"
            ),
        ),
        (
            "luminal enzyme",
            "copy/cell",
            values["enzyme.enzyme_copies"] * peaks.opened,
            values["signal.enzyme_threshold"],
            (
                "copies of one enzyme that reach the cytosol of a recipient cell, all injections "
                "together, against the copies at half effect (an assumption)"
            ),
        ),
        (
            "protein of an mRNA",
            "copy/cell",
            made * peaks.opened,
            values["signal.protein_threshold"],
            (
                "proteins that a recipient cell makes of delivered copies of one mRNA, all "
                "injections together, against those at half effect (an assumption); off for "
                "natural vesicles"
            ),
        ),
    )


def _loadings(values: Mapping[str, Array]) -> tuple[stoichiometry.Loading, ...]:
    """The ways in which the enclosed copies of a miRNA may lie over vesicles."""
    enclosed = values["cargo.rna_copies"] * (1 - values["cargo.surface_share"])
    dense = values["cargo.dense_share"]
    return (
        stoichiometry.alike(enclosed),
        stoichiometry.two_classes(enclosed, dense, values["cargo.enrichment"]),
        stoichiometry.concentrated(enclosed, dense * values["cargo.carrying_of_dense"]),
    )


def _dose_to_threshold(given: Array, ratio: Array) -> float | None:
    """Particles of all injections at which the mean cell has the miRNA it needs, median."""
    known = np.isfinite(ratio) & (ratio > 0)
    return float(np.median(given[known] / ratio[known])) if known.any() else None
