"""What ``exocast vial inspect`` says of files: nothing is forecast, nothing is assumed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from exocast.errors import InvalidInput
from exocast.vial.batch import BATCH_FILE
from exocast.vial.measure import Estimate, measure, measure_size
from exocast.vial.readers.size_table import SizeTableMap, load_mapping
from exocast.vial.records import (
    NO_DILUTION,
    Dilution,
    Measurement,
    ParticleExport,
    Reading,
    VialWarning,
)
from exocast.vial.registry import read_file
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


class InspectedMeasurement(_Block):
    """One attribute of one sample: mean and SD of the runs that are not excluded or censored."""

    attribute: str
    method: str
    sample: str
    unit: str
    mean: float | None
    sd: float | None
    n_valid: int
    n_total: int


class InspectedTable(_Block):
    """A table of wells, features or events: what it is about and how much of it can be used."""

    table: Literal["wells", "features", "events"]
    rows: int
    excluded: int
    censored: int
    units: tuple[str, ...]
    targets: tuple[str, ...]
    samples: tuple[str, ...]
    standards: int


class InspectedFile(_Block):
    """One file; what its kind does not hold is empty or null."""

    file: str
    reader: str
    kind: str
    software: str
    instrument: str
    sha256: str
    dilution: InspectedDilution
    captures: tuple[InspectedCapture, ...]
    measurements: tuple[InspectedMeasurement, ...]
    tables: tuple[InspectedTable, ...]
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


class RefusedFile(_Block):
    """A file that was not read, and why; ``named`` when it was asked for by name."""

    file: str
    code: str
    message: str
    named: bool


class VialInspection(_Block):
    """The object ``result`` of ``exocast vial inspect --json``."""

    files: tuple[InspectedFile, ...]
    refused: tuple[RefusedFile, ...]


def inspect(
    paths: Sequence[Path],
    dilution: float | None = None,
    sample: str | None = None,
    reader: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    mapping: SizeTableMap | str | Path | None = None,
) -> dict[str, Any]:
    """What files say: ``{"result": {"files": [...], "refused": [...]}, "warnings": [...]}``.

    A folder stands for the files in it. One file that cannot be read is an error; among several
    it is listed under ``refused``, and the others are shown.

    A concentration is None where the dilution is unknown, several samples were merged, or no
    capture holds particles; a warning with that code says why. ``share_30_150`` is of detected
    particles, and ``below_floor`` the extrapolated share under the detection floor.

    Raises
    ------
    InvalidInput
        When no file is named, or one of them is of no known kind.
    NotFound
        When one is not there.
    """
    if isinstance(mapping, str | Path):
        mapping = load_mapping(mapping)
    if not paths:
        raise InvalidInput("name at least one file or folder.", where="FILE")
    files: list[InspectedFile] = []
    refused: list[RefusedFile] = []
    warnings: list[VialWarning] = []
    listed = list(_listed([Path(p) for p in paths]))
    for done, (path, named) in enumerate(listed):
        try:
            file, said = inspected(read_file(path, reader, mapping), dilution, sample)
        except InvalidInput as e:
            if len(listed) == 1:
                raise
            refused.append(
                RefusedFile(file=str(path), code=e.code, message=str(e.message), named=named)
            )
        else:
            files.append(file)
            warnings += said
        if progress is not None:
            progress(done + 1, len(listed))
    shown = [
        InspectedWarning(code=w.code, message=w.message, where=w.where).model_dump(mode="json")
        for w in warnings
    ]
    result = VialInspection(files=tuple(files), refused=tuple(refused)).model_dump(mode="json")
    return {"result": result, "warnings": shown}


def _listed(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Files to read, and whether each was named itself; those of a folder come by name."""
    for path in paths:
        if not path.is_dir():
            yield path, True
            continue
        inside = sorted(
            p
            for p in path.iterdir()
            if p.is_file() and not p.name.startswith(".") and p.name != BATCH_FILE
        )
        if not inside:
            raise InvalidInput(
                "this folder holds no files; name the one with the exports.", where=str(path)
            )
        for file in inside:
            yield file, False


def inspected(
    reading: Reading, dilution: float | None = None, sample: str | None = None
) -> tuple[InspectedFile, list[VialWarning]]:
    """One file as it is shown, and what a reader of it has to know."""
    warnings = list(reading.warnings)
    known, concentration, size, chosen = NO_DILUTION, None, None, sample
    export = reading.particles
    if export is not None:
        known, concentration, size, chosen = _particles(export, dilution, sample, warnings)
    return (
        InspectedFile(
            file=reading.file,
            reader=reading.reader,
            kind=reading.kind,
            software=reading.software,
            instrument=reading.instrument,
            sha256=reading.sha256,
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
                for c in (export.captures if export else ())
            ),
            measurements=tuple(_measurement(m) for m in reading.measurements),
            tables=tuple(_tables(reading)),
            concentration_per_ml=_concentration(concentration),
            size_nm=_size(size),
            samples=reading.samples,
            sample=chosen,
            share_30_150=size.share_small if size else None,
            below_floor=size.extrapolated_share if size else None,
        ),
        warnings,
    )


def _particles(
    export: ParticleExport,
    dilution: float | None,
    sample: str | None,
    warnings: list[VialWarning],
) -> tuple[Dilution, Estimate | None, SizeFit | None, str | None]:
    """Dilution, concentration, sizes and the sample that they are of; adds to the warnings."""
    try:
        found = measure(export, dilution, sample)
    except InvalidInput as e:
        if e.code not in ("MIXED_SAMPLES", "DILUTION_UNKNOWN", "EMPTY_RUN", "NO_CONCENTRATION"):
            raise
        if dilution is not None and e.code == "DILUTION_UNKNOWN":
            raise
        if e.code not in {w.code for w in warnings}:
            warnings.append(
                VialWarning(code=e.code, message=e.message, where=e.where or export.file)
            )
        if e.code in ("MIXED_SAMPLES", "EMPTY_RUN"):
            return export.dilution, None, None, sample
        size, more = measure_size(export, sample)
        warnings += more
        return export.dilution, None, size, sample or export.samples[0]
    warnings += found.warnings
    return found.dilution, found.concentration, found.size, found.sample


def _measurement(found: Measurement) -> InspectedMeasurement:
    used = [
        v.value
        for v in found.values
        if not v.excluded and not v.censored and not math.isnan(v.value)
    ]
    return InspectedMeasurement(
        attribute=found.attribute,
        method=found.method,
        sample=found.sample,
        unit=found.unit,
        mean=statistics.fmean(used) if used else None,
        sd=statistics.stdev(used) if len(used) > 1 else None,
        n_valid=len(used),
        n_total=len(found.values),
    )


def _tables(reading: Reading) -> Iterator[InspectedTable]:
    for name, table, target in (
        ("wells", reading.wells, "target"),
        ("features", reading.features, None),
    ):
        if table is None:
            continue
        yield InspectedTable.model_validate(
            {
                "table": name,
                "rows": len(table),
                "excluded": int(table["excluded"].sum()),
                "censored": int((table["censored"] != "").sum()),
                "units": tuple(sorted({str(u) for u in table["unit"]} - {""})),
                "targets": ()
                if target is None
                else tuple(dict.fromkeys(str(t) for t in table[target] if t)),
                "samples": tuple(dict.fromkeys(str(x) for x in table["sample"] if x)),
                "standards": int((table["role"] == "standard").sum()) if name == "wells" else 0,
            }
        )
    if reading.events is not None:
        yield InspectedTable(
            table="events",
            rows=len(reading.events),
            excluded=0,
            censored=0,
            units=(),
            targets=tuple(str(c) for c in reading.events.columns),
            samples=(),
            standards=0,
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
