"""A dose in any unit becomes a volume to draw up and a number of particles.

Only ratios that the vial itself carries convert: particles by its count, micrograms by its
protein assay, cells by its record of producing cells, vials and millilitres by its volume.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from exocast.dose.regimen import WHERE, Regimen, dose_unit
from exocast.errors import DoseError
from exocast.vial import Vial, vial_volume_ml

Array = NDArray[np.float64]


def injection_volume_ml(regimen: Regimen, vial: Vial) -> float:
    """Volume that a clinician draws up for one injection, in mL, by the vial's central estimates.

    Zero for ``0 particle``, the injection without vesicles.

    Raises
    ------
    DoseError
        When the ratio that converts the dose is not known for this vial (``RATIO_MISSING``), or
        the dose is more than a vial holds.
    InvalidInput
        ``VOLUME_MISSING`` when the vial's volume is not known.
    """
    dose = regimen.dose
    value, unit = dose_unit(dose)
    if value == 0:
        return 0.0
    if vial.measurement is None:
        raise DoseError(
            f"a dose of {dose} is asked for and nobody counted the particles of this vial. "
            "Give the instrument's export: field vial.file or option --vial.",
            code="RATIO_MISSING",
            where=WHERE,
        )
    holds = vial_volume_ml(vial)
    volume = _volume_ml(value, unit, dose, vial, holds)
    if not math.isfinite(volume) or volume > holds * (1 + 1e-9):
        raise DoseError(
            f"a dose of {dose} needs {volume:.3g} mL, and a vial holds {holds:g} mL "
            f"({holds * _count(vial):.3g} detected particles). Lower the dose, or correct "
            "vial.volume.",
            where=WHERE,
        )
    return min(volume, holds)


def intended_particles(regimen: Regimen, vial: Vial) -> float:
    """Detected particles of one injection by the vial's central estimate: what the label says."""
    volume = injection_volume_ml(regimen, vial)
    return volume * _count(vial) if volume > 0 else 0.0


def detected_particles(regimen: Regimen, vial: Vial, values: Mapping[str, Array]) -> Array:
    """Detected particles drawn up for one injection, before any loss, ``(worlds, patients)``.

    The volume is the clinician's; the true concentration decides what it holds. Particles below
    the detection floor are not counted.

    Parameters
    ----------
    regimen
        Whose dose is asked for.
    vial
        What it is drawn from.
    values
        Draws of the vial's rows, each ``(worlds, patients)``.
    """
    volume = injection_volume_ml(regimen, vial)
    if volume == 0:
        return np.zeros(next((v.shape for v in values.values()), (1, 1)))
    return np.asarray(values["vial.concentration"] * volume)


def _volume_ml(value: float, unit: str, dose: str, vial: Vial, holds: float) -> float:
    if unit == "mL":
        return value
    if unit == "vial":
        return value * holds
    if unit == "item":
        return value / _count(vial)
    if unit == "ug":
        protein = vial.description.protein
        if protein is None:
            raise _ratio_missing(dose, "protein in the vial", "vial.protein.concentration")
        return value / protein.ug_per_ml
    cells = vial.description.cell_equivalents
    if cells is None:
        raise _ratio_missing(dose, "producing cells", "vial.cell_equivalents.concentration")
    return value / cells.cells_per_ml


def _count(vial: Vial) -> float:
    return vial.concentration_per_ml or math.nan


def _ratio_missing(dose: str, what: str, field: str) -> DoseError:
    return DoseError(
        f"a dose of {dose} needs the vial's own measured {what}, and the vial has none; published "
        f"ratios differ a thousandfold and are never used. Give {field}, or the dose in particles.",
        code="RATIO_MISSING",
        where=WHERE,
    )
