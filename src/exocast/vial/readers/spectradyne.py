"""Peaks of Spectradyne nCS1 and ARC instruments (``*_cc.h5``, ``*_ss00.h5``): resistive pulses.

No real file was at hand. The layout is that which RPSPASS (nci-tns, MIT, MATLAB) reads: an
acquisition is a group with the attributes ``acqtime``, ``measured_volume`` (mL) and
``diameterScalingFactor`` and a table of its peaks. A combined file holds one group for each
acquisition, a series holds one file for each.

What is read are counts: peaks above noise, by the ratio of signal to noise over transit time that
RPSPASS uses, over the measured volume. **Diameters are not read**: how they follow from a peak and
the scaling factor is published by nobody, RPSPASS holds it in compiled form, and beads that were
added are told from vesicles only by diameter. A table of sizes from the instrument's software
comes in with ``--map``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError
from exocast.vial.files import InstrumentFile
from exocast.vial.hdf5 import Hdf5Group, is_hdf5, read_groups
from exocast.vial.records import (
    NO_DILUTION,
    Capture,
    ParticleExport,
    Reading,
    VialWarning,
)
from exocast.vial.registry import Reader

Array = NDArray[np.float64]
KIND = "Spectradyne peaks of resistive pulses"
VOLUME = "measured_volume"
TIME = "acqtime"
NEEDED = ("pk_width", "pk_sn")
FLUORESCENCE = "fl1_size"  # only the ARC has it
FIELDS = (*NEEDED, "pk_sym", "pk_index", FLUORESCENCE)
# A convention of RPSPASS: signal over noise by microsecond of transit below which a peak is noise.
NOISE = 1.0
# Acquisitions take picolitres to nanolitres. Anything else is in another unit.
LEAST_ML, MOST_ML = 1e-10, 1e-3


def _sniff(file: InstrumentFile) -> bool:
    """Names of columns and attributes stand in the file as they are, whatever packs the rest."""
    data = file.data
    return is_hdf5(file) and all(
        name.encode() in data for name in (*NEEDED, VOLUME, TIME, "diameterScalingFactor")
    )


def _hint(file: InstrumentFile) -> str:
    if not is_hdf5(file):
        return ""
    return (
        "this is an HDF5 file and none of a Spectradyne instrument: a table of peaks with "
        "'pk_width' and 'pk_sn' and the attributes 'acqtime', 'measured_volume' and "
        "'diameterScalingFactor' are looked for. Give the file '..._cc.h5' unchanged, or export "
        "sizes as text and say with --map what its columns are."
    )


def _read(file: InstrumentFile) -> Reading:
    found = [g for g in read_groups(file, FIELDS) if VOLUME in g.attributes and _peaks(g)]
    if not found:
        raise InstrumentFileError(
            f"no acquisition is found: a group with the attribute '{VOLUME}' and a table of peaks "
            "with 'pk_width' and 'pk_sn'. Export the run again.",
            code="TRUNCATED",
            where=str(file.path),
        )
    _check_one_level(file, found)
    name = file.path.stem
    sample = re.sub(r"_(cc|ss\d+)$", "", name)
    captures, noise, total = [], 0, 0
    for group in found:
        capture, lost, all_peaks = _capture(file, group, sample, name)
        captures.append(capture)
        noise += lost
        total += all_peaks
    first = found[0].attributes
    fluorescent = any(FLUORESCENCE in t for g in found for t in g.tables.values())
    warnings = _warnings(file, captures, noise, total)
    export = ParticleExport(
        file=str(file.path),
        sha256=file.sha256,
        encoding="",
        software="",
        dilution=NO_DILUTION,
        captures=tuple(captures),
        bins=None,
        vendor_average_per_ml=math.nan,
        remarks="",
        texts=(name,),
        warnings=warnings,
        method="RPS",
    )
    return Reading(
        file=export.file,
        sha256=file.sha256,
        reader="spectradyne",
        kind=KIND,
        instrument="Spectradyne ARC" if fluorescent else "Spectradyne nCS1",
        particles=export,
        facts={key: _shown(value) for key, value in first.items() if _shown(value)},
        warnings=warnings,
    )


def _peaks(group: Hdf5Group) -> Mapping[str, Array] | None:
    """The table of peaks of an acquisition; the only one that has what is needed."""
    tables = [t for t in group.tables.values() if all(f in t for f in NEEDED)]
    return tables[0] if len(tables) == 1 else None


def _check_one_level(file: InstrumentFile, found: Sequence[Hdf5Group]) -> None:
    """Acquisitions stand side by side; else some may be copies of others."""
    parents = {g.path.rpartition("/")[0] for g in found}
    if len(parents) > 1 or (len(found) > 1 and "/" in {g.path for g in found}):
        raise InstrumentFileError(
            f"acquisitions stand in several places ({', '.join(sorted(parents))[:200]}), and some "
            "may be counted twice. Export the run as one '..._cc.h5'.",
            code="COLUMNS",
            where=str(file.path),
        )


def _capture(
    file: InstrumentFile, group: Hdf5Group, sample: str, stem: str
) -> tuple[Capture, int, int]:
    """An acquisition; with it, how many of its peaks are noise and how many it has."""
    name = stem if group.path == "/" else group.path
    where = f"{file.path}, {group.path}"
    volume = _number(group.attributes.get(VOLUME))
    if not LEAST_ML <= volume <= MOST_ML:
        raise InstrumentFileError(
            f"the measured volume is {group.attributes.get(VOLUME)!r}; an acquisition takes "
            f"{LEAST_ML:g} to {MOST_ML:g} mL, so this is missing or in another unit, and no "
            "concentration can rest on it.",
            code="UNIT",
            where=where,
        )
    peaks = _peaks(group)
    assert peaks is not None
    width, ratio = peaks["pk_width"], peaks["pk_sn"]
    if not (np.all(np.isfinite(ratio)) and np.all(np.isfinite(width)) and np.all(width > 0)):
        raise InstrumentFileError(
            "a peak has no transit time above zero or no signal over noise; the file was changed "
            "or damaged. Export the run again.",
            code="NOT_A_NUMBER",
            where=where,
        )
    kept = int(np.count_nonzero(ratio / width >= NOISE))
    reason = "no peaks" if len(width) == 0 else "noise only" if kept == 0 else ""
    capture = Capture(
        name=name,
        concentration_per_ml=kept / volume,
        tracks=float(kept),
        verdict="",
        excluded=bool(reason),
        reason=reason,
        sample=sample,
    )
    return capture, len(width) - kept, len(width)


def _warnings(
    file: InstrumentFile, captures: Sequence[Capture], noise: int, total: int
) -> tuple[VialWarning, ...]:
    where = str(file.path)
    found = []
    failed = [c for c in captures if c.excluded]
    if failed:
        message = f"{len(failed)} of {len(captures)} acquisitions are left out "
        message += f"({'; '.join(f'{c.name}: {c.reason}' for c in failed)[:400]})"
        found.append(VialWarning(code="CAPTURE_FAILED", message=message, where=where))
    if len(failed) == len(captures):
        message = "no acquisition holds particles; nothing can be estimated"
        found.append(VialWarning(code="EMPTY_RUN", message=message, where=where))
        return tuple(found)
    message = f"{noise} of {total} peaks are left out as noise (signal over noise below "
    message += f"{NOISE:g} for each microsecond of transit, as RPSPASS does)"
    found.append(VialWarning(code="NOISE", message=message, where=where))
    message = "diameters are not read from this file, and beads that were added for calibration "
    message += "are counted with the sample; export sizes as text and read them with --map"
    found.append(VialWarning(code="SIZE_MISSING", message=message, where=where))
    return tuple(found)


def _number(value: Any) -> float:
    """A single number; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(_shown(v) for v in value) if isinstance(value, list) else str(value)


READERS = (Reader(name="spectradyne", kind=KIND, sniff=_sniff, read=_read, hint=_hint),)
