"""Any table of sizes, once a person has said what its columns are; nothing is guessed.

The file with the mapping is YAML; ``docs/howto-product-developer.md`` shows one. Exports of
instruments without a reader (Izon, NanoFCM, ExoView) and tables that somebody reshaped come in
this way. A table is weighted by number; another weighting is not converted. Verdicts of the
instrument are not in such a table, so that failed captures are not seen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from exocast.documents import parse, read_mapping
from exocast.errors import InstrumentFileError, UnitError, nearest
from exocast.evidence.rows import package_table
from exocast.units import magnitude
from exocast.vial.cells import Line, number, plain_numbers
from exocast.vial.files import InstrumentFile
from exocast.vial.records import (
    Bins,
    Capture,
    Dilution,
    ParticleExport,
    Reading,
    VialWarning,
)
from exocast.vial.registry import Reader

Array = NDArray[np.float64]
KIND = "size table"
NAME = "size_table"
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
TO_NM = {"nm": 1.0, "um": 1000.0}
WIDTH_NM = 5.0  # single particles are counted into bins of this width
LARGEST_NM = 20_000.0
STEP_TOLERANCE = 0.01


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SizeColumn(_Block):
    """The column of diameters: its name, its unit, and what a row is."""

    name: str = Field(min_length=1, description="as the header row spells it", examples=["Size"])
    unit: Literal["nm", "um"] = Field(description="of the diameters", examples=["nm"])
    bins: Literal["centre", "lower", "upper", "particle"] = Field(
        description="what of its bin a diameter is, or that each row is one particle",
        examples=["centre"],
    )


class CaptureColumn(_Block):
    """One capture of one sample, and what the table does not say of it."""

    sample: str = Field(min_length=1, description="what it is a capture of", examples=["lot 7"])
    total: str | None = Field(
        default=None, description="concentration of all particles", examples=["3.1e8 1/mL"]
    )
    measured_volume: str | None = Field(
        default=None, description="volume in which they were counted", examples=["120 pL"]
    )
    n_events: float | None = Field(
        default=None, gt=0, lt=1e12, description="particles behind it", examples=[900]
    )

    @field_validator("total")
    @classmethod
    def _total(cls, text: str | None) -> str | None:
        if text is not None and not _per_ml(text) > 0:
            raise ValueError(f"'{text}' has to be above zero")
        return text

    @field_validator("measured_volume")
    @classmethod
    def _volume(cls, text: str | None) -> str | None:
        try:
            if text is not None and not magnitude(text, "mL") > 0:
                raise ValueError(f"'{text}' has to be above zero")
        except UnitError as e:
            raise ValueError(str(e.message)) from None
        return text

    @property
    def total_per_ml(self) -> float:
        """Stated concentration of all particles, per mL; NaN where none is."""
        return math.nan if self.total is None else _per_ml(self.total)

    @property
    def volume_ml(self) -> float:
        """Measured volume, in mL; NaN where none is stated."""
        return math.nan if self.measured_volume is None else magnitude(self.measured_volume, "mL")


class TableColumns(_Block):
    """Columns by their names in the header row."""

    size: SizeColumn
    values: dict[str, CaptureColumn] = Field(
        min_length=1,
        max_length=1000,
        description="value columns and their samples; of single particles, runs and theirs",
    )
    run: str | None = Field(
        default=None, description="column that names the run of a single particle"
    )

    @field_validator("values", mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        """``name: sample`` is short for ``name: {sample: sample}``."""
        if not isinstance(given, dict):
            return given
        return {k: {"sample": v} if isinstance(v, str) else v for k, v in given.items()}


class TableDilution(_Block):
    """By how much the sample was diluted, and whether the table's concentrations carry it."""

    value: float | None = Field(default=None, ge=1, lt=1e12, examples=[200])
    state: Literal["applied", "not_applied", "unknown"] = Field(
        default="unknown", examples=["not_applied"]
    )

    @model_validator(mode="after")
    def _both(self) -> TableDilution:
        if (self.value is None) != (self.state == "unknown"):
            raise ValueError(
                "'value' and 'state' go together: a factor needs 'applied' (the table's numbers "
                "are those of the undiluted sample) or 'not_applied'"
            )
        return self


class SizeTableMap(_Block):
    """What the columns of a table of sizes are: a file for ``--map``."""

    schema_version: Literal[1] = Field(examples=[1])
    kind: Literal["size table"] = Field(examples=["size table"])
    columns: TableColumns
    weighting: str = Field(examples=["number"])
    quantity: Literal["concentration", "count", "share"] = Field(
        default="count", description="what the value columns hold", examples=["concentration"]
    )
    unit: str | None = Field(default=None, description="of the value columns", examples=["1/mL"])
    dilution: TableDilution = TableDilution()
    header_row: int = Field(default=1, ge=1, le=10_000, description="line of the header")
    separator: Literal["comma", "semicolon", "tab"] = "comma"
    decimal: Literal["point", "comma"] = "point"
    method: Literal["NTA", "RPS", "flow", "unknown"] = "unknown"
    floor: str | None = Field(
        default=None, description="smallest diameter that was detected", examples=["60 nm"]
    )

    @field_validator("weighting")
    @classmethod
    def _by_number(cls, text: str) -> str:
        if text != "number":
            raise ValueError(
                f"a table weighted by '{text[:40]}' is not converted; export the one weighted by "
                "number"
            )
        return text

    @field_validator("floor")
    @classmethod
    def _floor(cls, text: str | None) -> str | None:
        try:
            if text is not None and not 1 <= magnitude(text, "nm") <= LARGEST_NM:
                raise ValueError(f"'{text}' is no diameter of a particle; check the unit")
        except UnitError as e:
            raise ValueError(str(e.message)) from None
        return text

    @model_validator(mode="after")
    def _fits(self) -> SizeTableMap:
        particles = self.columns.size.bins == "particle"
        if particles and (self.quantity != "count" or self.unit is not None):
            raise ValueError("single particles are counted: 'quantity' and 'unit' are left out")
        if particles and self.columns.run is None and len(self.columns.values) > 1:
            raise ValueError(
                "several runs of single particles need 'columns.run', which names each"
            )
        if not particles and self.columns.run is not None:
            raise ValueError("'columns.run' is of single particles ('bins: particle')")
        if self.separator == "comma" and self.decimal == "comma":
            raise ValueError("a comma cannot be both 'separator' and 'decimal'")
        if self.quantity == "count" and self.unit is not None:
            raise ValueError("counts have no 'unit'")
        if self.quantity == "share" and self.unit not in ("1", "%"):
            raise ValueError("'unit' of shares is '1' or '%', in quotation marks")
        if self.quantity == "concentration":
            if self.unit is None:
                raise ValueError("concentrations need a 'unit', such as 1/mL")
            _per_ml(self.unit)
        for name, capture in self.columns.values.items():
            self._check_amounts(name, capture)
        return self

    def _check_amounts(self, name: str, capture: CaptureColumn) -> None:
        total, volume = capture.total is not None, capture.measured_volume is not None
        if self.quantity == "count" and total == volume:
            raise ValueError(
                f"'{name}' holds counts, so either 'total' or 'measured_volume' is needed"
            )
        if self.quantity == "share" and not total:
            raise ValueError(f"'{name}' holds shares, so 'total' is needed, such as 3.1e8 1/mL")
        if self.quantity != "count" and volume:
            raise ValueError(f"'measured_volume' of '{name}' is only for counts")


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A capture as it comes from the table; ``counted`` is NaN where nothing was counted."""

    per_ml: Array
    level: float
    counted: float
    summed: float


def load_mapping(path: str | Path) -> SizeTableMap:
    """Mapping of a table of sizes, from a YAML file.

    Parameters
    ----------
    path
        The file; ``schema_version: 1`` and ``kind: size table`` are its first lines.

    Returns
    -------
    SizeTableMap
        What the columns are; diameters in nm or um, concentrations in the unit that it names.

    Raises
    ------
    NotFound
        When there is no such file.
    InvalidInput
        When it is no such mapping: unknown fields with the nearest name, and all other findings.
    """
    return parse(SizeTableMap, read_mapping(Path(path)), where=str(path))


def read_mapped(file: InstrumentFile, mapping: SizeTableMap) -> Reading:
    """A table of sizes, read as its mapping says.

    Parameters
    ----------
    file
        The table, as text.
    mapping
        From :func:`load_mapping`.

    Returns
    -------
    Reading
        With particles per mL in bins of one width, in nm; single particles are counted into bins
        of 5 nm. Captures without a number of events have NaN tracks.

    Raises
    ------
    InstrumentFileError
        When the table is not what the mapping says; names the line.
    """
    lines = file.lines(SEPARATORS[mapping.separator])
    header = _header(file, lines, mapping)
    body = [line for line in lines[mapping.header_row :] if any(line.cells)]
    comma = mapping.decimal == "comma"
    if mapping.columns.size.bins == "particle":
        centres, columns = _particles(file, header, body, mapping, comma)
    else:
        centres, columns = _binned(file, header, body, mapping, comma)
    captures = tuple(
        _capture(name, stated, columns[name]) for name, stated in mapping.columns.values.items()
    )
    warnings = tuple(_warnings(file, mapping, columns, captures))
    said = mapping.dilution
    origin = "none" if said.value is None else "user"
    export = ParticleExport(
        file=str(file.path),
        sha256=file.sha256,
        encoding=file.encoding,
        software="",
        dilution=Dilution(value=said.value, state=said.state, origin=origin),
        captures=captures,
        bins=Bins(
            centres_nm=centres, per_ml=np.stack([columns[c.name].per_ml for c in captures], axis=1)
        ),
        vendor_average_per_ml=math.nan,
        remarks="",
        texts=(file.path.stem, *(c.name for c in captures), *(c.sample for c in captures)),
        warnings=warnings,
        method=mapping.method,
        floor_nm=None if mapping.floor is None else magnitude(mapping.floor, "nm"),
    )
    return Reading(
        file=export.file,
        sha256=file.sha256,
        reader=NAME,
        kind=KIND,
        encoding=file.encoding,
        particles=export,
        lines=(mapping.header_row, lines[-1].number),
        warnings=warnings,
    )


def _header(file: InstrumentFile, lines: Sequence[Line], mapping: SizeTableMap) -> dict[str, int]:
    """Places of the columns that the mapping names."""
    where = f"{file.path}, line {mapping.header_row}"
    if mapping.header_row > len(lines):
        raise _error(
            f"the header row is line {mapping.header_row}, and the file has {len(lines)} lines; "
            "correct 'header_row' of the mapping.",
            "TRUNCATED",
            where,
        )
    cells = [cell.removeprefix("\ufeff") for cell in lines[mapping.header_row - 1].cells]
    columns = mapping.columns
    wanted = [columns.size.name]
    if columns.size.bins != "particle":
        wanted += list(columns.values)
    elif columns.run is not None:
        wanted.append(columns.run)
    if len(set(wanted)) < len(wanted):
        raise _error(
            f"the mapping gives the column '{columns.size.name}' two meanings; name another.",
            "COLUMNS",
            where,
        )
    for name in wanted:
        n = cells.count(name)
        if n == 1:
            continue
        known = [c for c in cells if c]
        found = (
            "is not there." + nearest(name, known[:200]) if n == 0 else f"stands there {n} times"
        )
        found += "" if n == 0 else ", and which is meant cannot be known; rename one."
        raise _error(
            f"the mapping names a column '{name}', which {found} The header row has {len(known)} "
            "columns: check 'header_row' and 'separator' too.",
            "COLUMNS",
            where,
        )
    return {name: cells.index(name) for name in wanted}


def _binned(
    file: InstrumentFile,
    header: dict[str, int],
    body: Sequence[Line],
    mapping: SizeTableMap,
    comma: bool,
) -> tuple[Array, dict[str, _Column]]:
    size = mapping.columns.size
    places = [header[size.name], *(header[name] for name in mapping.columns.values)]
    table = np.array(
        [_numbers(file, line, places, comma) for line in body], dtype=np.float64
    ).reshape(-1, len(places))
    sizes = table[:, 0] * TO_NM[size.unit]
    width = _width(file, sizes, body)
    centres = sizes + {"centre": 0.0, "lower": 0.5, "upper": -0.5}[size.bins] * width
    if not centres[0] > 0:
        raise _error(
            f"the first bin lies around {centres[0]:g} nm; diameters are above zero. Check 'bins' "
            "of the mapping.",
            "COLUMNS",
            f"{file.path}, line {body[0].number}",
        )
    found = {}
    for i, (name, stated) in enumerate(mapping.columns.values.items(), start=1):
        found[name] = _column(table[:, i], stated, mapping)
    return centres, found


def _column(values: Array, stated: CaptureColumn, mapping: SizeTableMap) -> _Column:
    """A value column per mL, by what it holds."""
    total = float(values.sum())
    if mapping.quantity == "concentration":
        assert mapping.unit is not None
        factor = _per_ml(mapping.unit)
        return _Column(
            per_ml=factor * values, level=factor * total, counted=math.nan, summed=factor * total
        )
    if mapping.quantity == "share":
        share = values / (100.0 if mapping.unit == "%" else 1.0)
        level = stated.total_per_ml
        return _Column(
            per_ml=level * share, level=level, counted=math.nan, summed=level * float(share.sum())
        )
    level = stated.total_per_ml
    if math.isnan(level):
        level = total / stated.volume_ml
    per_ml = values * (level / total) if total > 0 else np.zeros_like(values)
    level = level if total > 0 else 0.0
    return _Column(per_ml=per_ml, level=level, counted=total, summed=level)


def _particles(
    file: InstrumentFile,
    header: dict[str, int],
    body: Sequence[Line],
    mapping: SizeTableMap,
    comma: bool,
) -> tuple[Array, dict[str, _Column]]:
    """Single particles counted into bins of one width."""
    columns = mapping.columns
    sizes: dict[str, list[float]] = {name: [] for name in columns.values}
    only = next(iter(sizes))
    for line in body:
        name = only if columns.run is None else line.cell(header[columns.run])
        (value,) = _numbers(file, line, [header[columns.size.name]], comma)
        nm = value * TO_NM[columns.size.unit]
        if name not in sizes:
            raise _error(
                f"the run '{name[:60]}' is not in the mapping; name it under 'columns.values'."
                + nearest(name, list(sizes)),
                "COLUMNS",
                f"{file.path}, line {line.number}",
            )
        if not 0 < nm <= LARGEST_NM:
            raise _error(
                f"a diameter of {nm:g} nm is not between 0 and {LARGEST_NM:g} nm; check the unit "
                "of the size column.",
                "UNIT",
                f"{file.path}, line {line.number}",
            )
        sizes[name].append(nm)
    if not body:
        raise _error("the table has no rows.", "TRUNCATED", str(file.path))
    n = int(max(max(each, default=0.0) for each in sizes.values()) // WIDTH_NM) + 2
    if n * len(sizes) > max(100_000, len(file.data)):
        raise _error(
            f"{len(sizes)} runs for {len(body)} particles; name only runs that are in the table.",
            "COLUMNS",
            str(file.path),
        )
    found = {}
    for name, each in sizes.items():
        places = (np.array(each, dtype=np.float64) // WIDTH_NM).astype(np.int64)
        counts = np.bincount(places, minlength=n).astype(np.float64)
        found[name] = _column(counts, columns.values[name], mapping)
    return WIDTH_NM * (np.arange(n, dtype=np.float64) + 0.5), found


def _numbers(file: InstrumentFile, line: Line, places: Sequence[int], comma: bool) -> list[float]:
    cells = [line.cell(place) for place in places]
    where = f"{file.path}, line {line.number}"
    values = None if comma else plain_numbers(cells)
    if values is None:
        if comma and any("." in cell for cell in cells):
            raise _error(
                "a number has a point, and the mapping says that the decimal sign is a comma.",
                "DECIMAL_COMMA",
                where,
            )
        values = [number(cell, decimal_comma=comma, where=where) for cell in cells]
    for cell, value in zip(cells, values, strict=True):
        if math.isnan(value):
            raise _error(
                "an empty cell or 'NaN' stands where a number is needed, and it is not taken for "
                "zero. Fill it in, or end the table above it.",
                "NOT_A_NUMBER",
                where,
            )
        if value < 0:
            raise _error(
                f"'{cell}' is negative where a size, count or concentration stands.",
                "NOT_A_NUMBER",
                where,
            )
    return values


def _width(file: InstrumentFile, sizes: Array, body: Sequence[Line]) -> float:
    if len(sizes) < 2:
        raise _error(
            f"the table has {len(sizes)} rows; bins need two or more.", "TRUNCATED", str(file.path)
        )
    steps = np.diff(sizes)
    wrong = np.flatnonzero((steps <= 0) | (np.abs(steps - steps[0]) > STEP_TOLERANCE * steps[0]))
    if len(wrong):
        at = int(wrong[0])
        raise _error(
            f"the bins are not evenly spaced: {sizes[at]:g} nm is followed by {sizes[at + 1]:g} nm "
            f"after steps of {steps[0]:g} nm. Uneven bins are not spread over even ones; export "
            "even bins, or single particles.",
            "UNEVEN_BINS",
            f"{file.path}, line {body[at + 1].number}",
        )
    return float(steps.mean())


def _capture(name: str, stated: CaptureColumn, column: _Column) -> Capture:
    events = column.counted if stated.n_events is None else float(stated.n_events)
    empty = not column.level > 0 or column.summed == 0
    return Capture(
        name=name,
        concentration_per_ml=column.level,
        tracks=events,
        verdict="",
        excluded=empty,
        reason="no particles" if empty else "",
        sample=stated.sample,
    )


def _warnings(
    file: InstrumentFile,
    mapping: SizeTableMap,
    columns: dict[str, _Column],
    captures: Sequence[Capture],
) -> list[VialWarning]:
    where = str(file.path)
    found = []
    empty = [c.name for c in captures if c.excluded]
    if empty:
        message = f"{len(empty)} of {len(captures)} captures hold no particles and are left out: "
        message += ", ".join(empty[:10])
        found.append(VialWarning(code="CAPTURE_FAILED", message=message, where=where))
    if len(empty) == len(captures):
        message = "no capture holds particles; nothing can be estimated"
        found.append(VialWarning(code="EMPTY_RUN", message=message, where=where))
    tolerance = package_table("vial", "instrument")["checksum_tolerance"].value
    for name, stated in mapping.columns.values.items():
        total, summed = stated.total_per_ml, columns[name].summed
        if total > 0 and summed > 0 and abs(summed - total) > tolerance * total:
            message = f"the bins of '{name}' sum to {summed:.4g}/mL, "
            message += f"{100 * (summed / total - 1):+.2g} % from the stated {total:.4g}/mL"
            found.append(VialWarning(code="CHECKSUM", message=message, where=where))
        counted, events = columns[name].counted, stated.n_events
        if events is not None and counted > 0 and abs(counted - events) > 0.5:
            message = f"'{name}' holds {counted:g} particles, and the mapping says {events:g} "
            message += "events; the mapping's are used"
            found.append(VialWarning(code="CHECKSUM", message=message, where=where))
    return found


def _per_ml(text: str) -> float:
    """Number of a concentration in 1/mL; particles are counted, so both spellings are one."""
    written = re.sub(r"^\s*1\s*/", "1 1/", text)
    if not re.match(r"\s*[\d.]", written):
        written = f"1 {written}"
    try:
        try:
            return magnitude(written, "1/mL")
        except UnitError:
            return magnitude(written, "item/mL")
    except UnitError:
        raise ValueError(f"'{text[:40]}' is no concentration; write for instance 1/mL") from None


def _error(message: str, code: str, where: str) -> InstrumentFileError:
    return InstrumentFileError(message, code=code, where=where)


READERS: tuple[Reader, ...] = ()  # never recognised: a mapping has to name the columns
