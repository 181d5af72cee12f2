"""What a reader gives: one file of an instrument as records with their provenance.

A reader estimates nothing and assumes nothing. Numbers stand as the file states them, in the unit
that the record names; what is missing is NaN, what was not detected is censored, and what the
instrument or the operator rejected is marked as excluded with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

# Columns of the long tables; a reader fills all of them.
WELL_COLUMNS = (
    "plate",  # name of the plate or run; empty where there is one
    "well",  # A1 ... H12, or the position as the file names it
    "sample",  # as the file names it; empty where it has none
    "target",  # gene, analyte or channel; empty where there is one
    "role",  # sample | standard | blank | no_template | control | empty | unknown
    "nominal",  # stated quantity of a standard, in nominal_unit; NaN elsewhere
    "nominal_unit",
    "value",  # NaN where there is none
    "unit",  # Cq, AU, copies/uL, pg/mL, RLU ...
    "censored",  # "" | above (not detected by the last cycle, over range) | below (under range)
    "dilution",  # of the sample before the assay, as the file says; NaN where it does not
    "excluded",  # bool
    "reason",  # why excluded
    "line",  # line or row of the file; 0 where it has none
)
FEATURE_COLUMNS = (
    "feature",  # miR name, protein group, transcript
    "sample",
    "value",  # NaN where missing, which is not zero
    "unit",  # count, intensity, spectra, Cq
    "censored",  # "" | above | below
    "excluded",
    "reason",  # decoy, contaminant, only identified by site ...
    "line",
)

# Readers of one maker begin with the same word, and their files spell it in several ways.
MAKERS = {
    "nanosight": "NanoSight",
    "zetaview": "ZetaView",
    "viewsizer": "ViewSizer",
    "spectradyne": "Spectradyne",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class VialWarning:
    """Something a reader has to know; nothing stopped. ``code`` is a stable word."""

    code: str
    message: str
    where: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dilution:
    """By how much the sample was diluted before it was measured.

    Attributes
    ----------
    value
        The factor; None where it is not known.
    state
        ``applied``: the file's concentrations are already those of the undiluted sample;
        ``not_applied``: they are those at the instrument; ``unknown``.
    origin
        ``file``, ``user``, or ``none``.
    line
        Line of the file that speaks of it; 0 when none does.
    """

    value: float | None
    state: str
    origin: str
    line: int = 0


NO_DILUTION = Dilution(value=None, state="unknown", origin="none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Capture:
    """One video, position, run or acquisition of a particle analyser.

    Attributes
    ----------
    concentration_per_ml
        As the file states it; NaN where it states none.
    tracks
        Particles behind it: valid tracks (those behind the sizes), completed tracks where these
        are not given, or particles counted. NaN where the file does not say.
    verdict
        The instrument's own word on the capture; empty where it has none.
    excluded, reason
        Whether the capture is left out of every estimate, and why.
    sample
        What the capture's name says it is a capture of.
    """

    name: str
    concentration_per_ml: float
    tracks: float
    verdict: str
    excluded: bool
    reason: str
    sample: str


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Number-weighted sizes: ``centres_nm`` (n_bins,), ``per_ml`` (n_bins, n_captures).

    Evenly spaced. Readers of single particles count them into bins of one width. Where a capture
    states no concentration (NaN), its column holds shares of its particles, which sum to one.
    """

    centres_nm: Array
    per_ml: Array

    @property
    def width_nm(self) -> float:
        """Width of a bin, in nm."""
        return float(self.centres_nm[1] - self.centres_nm[0])


@dataclass(frozen=True, kw_only=True)
class ParticleExport:
    """Counts and sizes of particles as they stand in a file; nothing is estimated here.

    Attributes
    ----------
    method
        ``NTA``, ``RPS`` (resistive pulses), ``flow`` or ``unknown``.
    vendor_average_per_ml
        The instrument's own average over all captures, failed ones included; NaN where the file
        has none.
    texts
        Free texts: names, description, remarks.
    floor_nm
        Smallest diameter that the file says was detected; None where it says none.
    """

    file: str
    sha256: str
    encoding: str
    software: str
    dilution: Dilution
    captures: tuple[Capture, ...]
    bins: Bins | None
    vendor_average_per_ml: float
    remarks: str
    texts: tuple[str, ...]
    warnings: tuple[VialWarning, ...]
    method: str = "NTA"
    floor_nm: float | None = None

    @property
    def samples(self) -> tuple[str, ...]:
        """Samples that the captures' names tell apart, in file order."""
        return tuple(dict.fromkeys(c.sample for c in self.captures))


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One number of a measurement: a run, a position, a container.

    ``value`` is NaN where the file holds none; ``censored`` is ``above`` or ``below`` where the
    file gives only a limit, which then stands in ``value``.
    """

    name: str
    value: float
    n_events: float = math.nan
    verdict: str = ""
    censored: str = ""
    excluded: bool = False
    reason: str = ""
    line: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One attribute of one sample, as a file states it.

    Attributes
    ----------
    attribute
        A plain word: ``z-average diameter``, ``polydispersity index``, ``zeta potential``,
        ``particles >= 10 um``, ``protein``, ``RNA`` ...
    method
        ``DLS``, ``ELS``, ``light obscuration``, ``UV``, ``fluorescence`` ...
    unit
        Of every value, written as pint reads it (``nm``, ``mV``, ``1/mL``, ``ug/mL``).
    """

    attribute: str
    method: str
    sample: str
    unit: str
    values: tuple[Value, ...]
    dilution: Dilution = NO_DILUTION
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A file of an instrument, read.

    Attributes
    ----------
    kind
        What the file is, such as ``NanoSight experiment summary``.
    particles
        Counts and sizes, from a particle analyser; else None.
    measurements
        Single attributes with their runs.
    wells
        One row a well with the columns ``WELL_COLUMNS``; else None.
    features
        One row a feature and sample with the columns ``FEATURE_COLUMNS``; else None.
    events
        One row an event and one column a channel, from a flow cytometer; else None.
    facts
        What the file says of itself: operator, time, instrument's settings, by its own names.
    lines
        First and last line that the records rest on; zeros for files without lines.
    """

    file: str
    sha256: str
    reader: str
    kind: str
    software: str = ""
    instrument: str = ""
    encoding: str = ""
    particles: ParticleExport | None = None
    measurements: tuple[Measurement, ...] = ()
    wells: pd.DataFrame | None = None
    features: pd.DataFrame | None = None
    events: pd.DataFrame | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[int, int] = (0, 0)
    warnings: tuple[VialWarning, ...] = ()

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the samples that the file holds, in its own order."""
        found: dict[str, None] = {}
        if self.particles is not None:
            found.update(dict.fromkeys(self.particles.samples))
        found.update(dict.fromkeys(m.sample for m in self.measurements))
        for table in (self.wells, self.features):
            if table is not None:
                found.update(dict.fromkeys(str(s) for s in table["sample"].unique()))
        return tuple(s for s in found if s)


def maker_of(reading: Reading) -> str:
    """The maker's word for an instrument: what a count can be off by goes with it.

    Serial numbers stand in some files of an instrument and not in others, so two instruments of
    one maker are told apart by ``instrument`` in the batch file only.
    """
    return MAKERS.get(reading.reader.partition("_")[0], reading.kind)
