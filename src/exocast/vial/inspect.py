"""What ``exocast vial inspect`` says of files: nothing is forecast, nothing is assumed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from exocast.errors import InvalidInput
from exocast.vial.measure import Estimate, measure, measure_size
from exocast.vial.nanosight import NanosightExport, VialWarning, read_nanosight
from exocast.vial.size import SizeFit


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InspectedDilution(_Block):
    """The factor, whether the file's concentrations carry it, and who said so."""

    value: float | None
    state: Literal["applied", "not_applied", "unknown"]
    origin: Literal["file", "user", "none"]


class InspectedCapture(_Block):
    """One capture as the file states it."""

    name: str
    concentration_per_ml: float | None
    tracks: float | None
    verdict: str
    excluded: bool
    reason: str


class InspectedConcentration(_Block):
    """Particles per mL of the undiluted sample, with the 95 % interval over captures."""

    value: float
    low: float
    high: float
    n_valid: int
    n_total: int


class InspectedSize(_Block):
    """Diameters of the detected particles, in nm."""

    mean: float
    mode: float
    d10: float
    d50: float
    d90: float


class InspectedFile(_Block):
    """One file."""

    file: str
    kind: Literal["nanosight experiment summary"]
    software: str
    dilution: InspectedDilution
    captures: tuple[InspectedCapture, ...]
    concentration_per_ml: InspectedConcentration | None
    size_nm: InspectedSize | None
    samples: tuple[str, ...]
    sample: str | None
    share_30_150: float | None
    below_floor: float | None


class InspectedWarning(_Block):
    """Something a reader has to know."""

    code: str
    message: str
    where: str


class VialInspection(_Block):
    """The object ``result`` of ``exocast vial inspect --json``."""

    files: tuple[InspectedFile, ...]


def inspect(
    paths: Sequence[Path], dilution: float | None = None, sample: str | None = None
) -> dict[str, Any]:
    """What files say, as plain data: ``{"result": {"files": [...]}, "warnings": [...]}``.

    A concentration is None where the dilution is unknown, several samples were merged, or no
    capture holds particles; a warning with that code says why. ``share_30_150`` is of detected
    particles, and ``below_floor`` the extrapolated share under the detection floor.

    Raises
    ------
    InvalidInput
        When no file is named, or one of them is no experiment summary.
    NotFound
        When one is not there.
    """
    if not paths:
        raise InvalidInput("name at least one file.", where="FILE")
    files, warnings = [], []
    for path in paths:
        file, said = _inspected(read_nanosight(Path(path)), dilution, sample)
        files.append(file)
        warnings += said
    shown = [
        InspectedWarning(code=w.code, message=w.message, where=w.where).model_dump(mode="json")
        for w in warnings
    ]
    result = VialInspection(files=tuple(files)).model_dump(mode="json")
    return {"result": result, "warnings": shown}


def _inspected(
    export: NanosightExport, dilution: float | None, sample: str | None
) -> tuple[InspectedFile, list[VialWarning]]:
    warnings = list(export.warnings)
    known, concentration, size, chosen = export.dilution, None, None, sample
    try:
        found = measure(export, dilution, sample)
    except InvalidInput as e:
        if e.code not in ("MIXED_SAMPLES", "DILUTION_UNKNOWN", "EMPTY_RUN"):
            raise
        if dilution is not None and e.code == "DILUTION_UNKNOWN":
            raise
        if e.code not in {w.code for w in warnings}:
            warnings.append(
                VialWarning(code=e.code, message=e.message, where=e.where or export.file)
            )
        if e.code == "DILUTION_UNKNOWN":
            size, more = measure_size(export, sample)
            warnings += more
            chosen = sample or export.samples[0]
    else:
        known, concentration, size = found.dilution, found.concentration, found.size
        chosen = found.sample
        warnings += found.warnings
    return (
        InspectedFile(
            file=export.file,
            kind="nanosight experiment summary",
            software=export.software,
            dilution=InspectedDilution.model_validate(
                {"value": known.value, "state": known.state, "origin": known.origin}
            ),
            captures=tuple(
                InspectedCapture(
                    name=c.name,
                    concentration_per_ml=_or_none(c.concentration_per_ml),
                    tracks=_or_none(c.tracks),
                    verdict=c.verdict,
                    excluded=c.excluded,
                    reason=c.reason,
                )
                for c in export.captures
            ),
            concentration_per_ml=_concentration(concentration),
            size_nm=_size(size),
            samples=export.samples,
            sample=chosen,
            share_30_150=size.share_small if size else None,
            below_floor=size.extrapolated_share if size else None,
        ),
        warnings,
    )


def _concentration(found: Estimate | None) -> InspectedConcentration | None:
    if found is None:
        return None
    return InspectedConcentration(
        value=found.value,
        low=found.low,
        high=found.high,
        n_valid=found.n_valid,
        n_total=found.n_total,
    )


def _size(found: SizeFit | None) -> InspectedSize | None:
    if found is None:
        return None
    return InspectedSize(
        mean=found.mean_nm,
        mode=found.mode_nm,
        d10=found.d10_nm,
        d50=found.d50_nm,
        d90=found.d90_nm,
    )


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
