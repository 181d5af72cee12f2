"""A vial: what it holds, as far as it was measured, and the rows that say how well it is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from numpy import float64
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from exocast.errors import InvalidInput, UnitError, nearest
from exocast.evidence.rows import Row, package_table, rows_of
from exocast.units import magnitude
from exocast.vial.measure import VialMeasurement, measure, particles_of
from exocast.vial.names import says_beads
from exocast.vial.nested import root_mean_square
from exocast.vial.product import Product, load_product
from exocast.vial.records import VialWarning
from exocast.vial.registry import read_file

Array = NDArray[float64]
BEADS_LABEL = "Calibration beads, forecast as if they were vesicles"
UNKNOWN_LABEL = "Unidentified particles, forecast as if they were vesicles"
# Against slips of the unit: far above any vial and any injection into a joint.
LARGEST_VIAL_ML = 1000.0
CURVE_ROWS = (
    "assay.ec50_per_cell",
    "assay.cells_per_ml",
    "assay.max_ln_fall",
    "assay.correlation",
    "assay.acts",
)
LARGEST_INJECTION_ML = 60.0
# Profile likelihoods are a little uneven; a quarter of the width is no rounding.
ASKEW = 0.25


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProteinAssay(_Block):
    """Protein measured in the vial."""

    concentration: str = Field(description="protein in the vial", examples=["110 ug/mL"])

    @field_validator("concentration")
    @classmethod
    def _positive(cls, text: str) -> str:
        return at_least(text, "ug/mL", positive=True)

    @property
    def ug_per_ml(self) -> float:
        """Protein, in micrograms per mL."""
        return magnitude(self.concentration, "ug/mL")


class CellEquivalents(_Block):
    """Cells whose vesicles a millilitre of the vial holds."""

    concentration: str = Field(description="producing cells", examples=["4e6 cell/mL"])

    @field_validator("concentration")
    @classmethod
    def _positive(cls, text: str) -> str:
        return at_least(text, "cell/mL", positive=True)

    @property
    def cells_per_ml(self) -> float:
        """Producing cells for each mL."""
        return magnitude(self.concentration, "cell/mL")


class PotencyAssay(_Block):
    """Effect of this lot in an assay over that of the reference, with its 95 % interval."""

    relative: float = Field(gt=0, lt=1000, description="effect over the reference's")
    low: float = Field(gt=0, description="lower end of the 95 % interval")
    high: float = Field(gt=0, lt=1000, description="upper end of the 95 % interval")
    assay: str = Field(min_length=1, max_length=200, description="which assay")

    @model_validator(mode="after")
    def _ordered(self) -> PotencyAssay:
        if not self.low <= self.relative <= self.high:
            raise ValueError("'relative' has to lie between 'low' and 'high'")
        width = math.log(self.high / self.low)
        if width == 0:
            raise ValueError("'low' and 'high' are one number, and no assay is exact")
        off = math.log(self.relative**2 / (self.low * self.high)) / 2
        if abs(off) > ASKEW * width:
            raise ValueError(
                f"the interval of a potency is even on the logarithmic scale, about "
                f"{math.sqrt(self.low * self.high):.3g} for {self.low:g} to {self.high:g}, and "
                f"'relative' is {self.relative:g}; check the three numbers"
            )
        return self


class StorageStep(_Block):
    """One line of the storage log: time at a temperature, or a number of thaws."""

    temperature: str | None = Field(default=None, examples=["-80 degC"])
    duration: str | None = Field(default=None, examples=["60 day"])
    thaw: int | None = Field(default=None, ge=1, le=20, description="freeze-thaw cycles")

    @field_validator("temperature")
    @classmethod
    def _temperature(cls, text: str | None) -> str | None:
        if text is not None:
            _number_in(text, "degC")
        return text

    @field_validator("duration")
    @classmethod
    def _duration(cls, text: str | None) -> str | None:
        return None if text is None else at_least(text, "day", positive=False)

    @model_validator(mode="after")
    def _one_kind(self) -> StorageStep:
        timed = self.temperature is not None and self.duration is not None
        some = self.temperature is not None or self.duration is not None
        if timed == (self.thaw is not None) or some != timed:
            raise ValueError("a step has either 'temperature' and 'duration', or 'thaw'")
        return self

    @property
    def temperature_c(self) -> float:
        """Temperature in degrees Celsius; NaN for a thaw."""
        return math.nan if self.temperature is None else magnitude(self.temperature, "degC")

    @property
    def duration_days(self) -> float:
        """Time in days; zero for a thaw."""
        return 0.0 if self.duration is None else magnitude(self.duration, "day")


class Syringe(_Block):
    """Syringe and needle: what is drawn from the vial is made up with saline and injected."""

    volume: str = Field(
        default="2 mL", description="injected volume, saline included", examples=["2 mL"]
    )
    dead_space: str | None = Field(
        default=None,
        description="volume left behind; a population row when absent",
        examples=["0.07 mL"],
    )

    @field_validator("volume")
    @classmethod
    def _volume(cls, text: str) -> str:
        if _number_in(text, "mL") > LARGEST_INJECTION_ML:
            raise ValueError(
                f"'{text}' is more than {LARGEST_INJECTION_ML:g} mL for one injection; check the "
                "unit"
            )
        return at_least(text, "mL", positive=True)

    @field_validator("dead_space")
    @classmethod
    def _dead_space(cls, text: str | None) -> str | None:
        return None if text is None else at_least(text, "mL", positive=False)

    @property
    def volume_ml(self) -> float:
        """Injected volume, saline included, in mL."""
        return magnitude(self.volume, "mL")

    @property
    def dead_space_ml(self) -> float | None:
        """Volume left behind, in mL; None where it is not stated."""
        return None if self.dead_space is None else magnitude(self.dead_space, "mL")


class VialDescription(_Block):
    """The block ``vial`` of a scenario."""

    file: str | None = Field(default=None, description="the instrument's export of this vial")
    batch: str | None = Field(
        default=None,
        description="batch.yaml of the lot that this vial is of, in place of 'file'; what the "
        "batch says is not said again here",
    )
    product: str = Field(default="msc_ev", description="name of a product file")
    volume: str | None = Field(default=None, description="in each vial", examples=["1 mL"])
    dilution: float | None = Field(
        default=None, description="factor of the measured sample, where the file does not record it"
    )
    sample: str | None = Field(default=None, description="which sample of a merged file")
    contents: Literal["vesicles", "beads", "unknown"] | None = Field(
        default=None, description="what the counted particles are"
    )
    protein: ProteinAssay | None = None
    cell_equivalents: CellEquivalents | None = None
    potency: PotencyAssay | None = None
    curve: str | None = Field(
        default=None,
        description="potency.csv that 'exocast assay --measured' wrote of this batch's own curve; "
        "in place of 'potency'",
    )
    container: str = Field(default="polypropylene", description="wall that the liquid touches")
    storage: tuple[StorageStep, ...] = Field(
        default=(), max_length=50, description="what happened between measurement and injection"
    )
    syringe: Syringe = Syringe()

    @field_validator("volume")
    @classmethod
    def _volume(cls, text: str | None) -> str | None:
        return None if text is None else at_least(text, "mL", positive=True)

    @model_validator(mode="after")
    def _batch_alone(self) -> VialDescription:
        if self.batch is not None:
            said = sorted(self.model_fields_set - {"batch", "storage", "syringe"})
            if said:
                raise ValueError(
                    f"the batch file says what is in the vial, and {', '.join(said)} would say it "
                    "a second time; keep 'batch', with 'storage' after the batch's own log and "
                    "'syringe'"
                )
        return self

    @model_validator(mode="after")
    def _one_potency(self) -> VialDescription:
        if self.curve is not None and self.potency is not None:
            raise ValueError(
                "'potency' and 'curve' both say how potent this batch is; give one of them"
            )
        return self

    @field_validator("dilution")
    @classmethod
    def _dilution(cls, value: float | None) -> float | None:
        if value is not None and not (math.isfinite(value) and value >= 1):
            raise ValueError("give the factor, 1 or more (200 for one part in 200)")
        return value

    @field_validator("container")
    @classmethod
    def _container(cls, name: str) -> str:
        known = containers()
        if name.replace("-", "_") not in known:
            raise ValueError(f"there is no container '{name}'." + nearest(name, known))
        return name.replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class Vial:
    """A vial as a forecast sees it.

    Attributes
    ----------
    measurement
        None when no file was given; then only an injection without particles is possible.
    volume_ml
        Liquid in each vial, in mL; None when it was not said.
    label
        Text for the top of every page when beads or unidentified particles stand in for
        vesicles; else empty.
    rows
        Numbers that this vial adds, under the table name ``vial``: ``concentration`` and
        ``concentration.between`` (between vials), ``size_median``, ``size_log_sd``,
        ``potency_relative``, and ``protein`` or ``purity``, and ``cells`` where measured.
    filled
        Descriptions that were not measured and come from population rows.
    curve
        Rows of the batch's own curve, which take the place of the forecast's; empty without one.
    """

    description: VialDescription
    product: Product
    measurement: VialMeasurement | None
    volume_ml: float | None
    contents: str
    label: str
    floor_nm: float
    rows: tuple[Row, ...]
    warnings: tuple[VialWarning, ...]
    filled: tuple[str, ...]
    curve: tuple[Row, ...] = ()

    @property
    def concentration_per_ml(self) -> float | None:
        """Central estimate of detected particles per mL: what a dose is drawn up by."""
        return self.measurement.concentration.value if self.measurement else None


def containers() -> tuple[str, ...]:
    """Names of the container walls that have a row in ``storage.csv``."""
    rows = package_table("vial", "storage")
    return tuple(key.partition(".")[2] for key in rows if key.startswith("container."))


def population_rows() -> tuple[Row, ...]:
    """All rows of ``population.csv``."""
    return tuple(package_table("vial", "population").values())


def load_vial(
    description: VialDescription,
    base: Path,
    *,
    dilution: float | None = None,
    volume: str | None = None,
    sample: str | None = None,
    assume_vesicles: bool = False,
    product_folders: Sequence[Path] = (),
) -> Vial:
    """Vial from its description, with the file it names read and measured.

    Parameters
    ----------
    description
        The block ``vial`` of a scenario.
    base
        Folder that the file's path starts from.
    dilution, volume, sample
        Take the place of the description's own, as options of the command line do.
    assume_vesicles
        Forecast beads or unidentified particles as if they were vesicles, and label it.
    product_folders
        More folders with product files.

    Raises
    ------
    InstrumentFileError
        When the file cannot be used; ``DILUTION_UNKNOWN``, ``MIXED_SAMPLES`` and others.
    InvalidInput
        ``NOT_VESICLES`` when the particles are beads or not identified.
    """
    if description.batch is not None:
        return _load_from_batch(
            description,
            base,
            given={"dilution": dilution, "volume": volume, "sample": sample},
            assume_vesicles=assume_vesicles,
            product_folders=product_folders,
        )
    product = load_product(description.product, product_folders)
    if product.contents == "cells":
        raise InvalidInput(
            f"'{product.title}' are cells, and a vial's count is one of particles. Whole cells are "
            "given by a scenario with a 'subject' and 'stated' in place of 'vial'.",
            where="vial.product",
        )
    ml = None if volume is None else magnitude(volume, "mL", where="--volume")
    if ml is not None and not ml > 0:
        raise InvalidInput(f"a vial of {volume} is empty; give its volume.", where="--volume")
    if ml is None and description.volume is not None:
        ml = magnitude(description.volume, "mL", where="vial.volume")
    if ml is not None and ml > LARGEST_VIAL_ML:
        raise InvalidInput(
            f"a vial of {volume or description.volume} is larger than {LARGEST_VIAL_ML:g} mL; "
            "give what one vial holds, such as '1 mL'.",
            where="--volume" if volume else "vial.volume",
        )
    floor_nm = package_table("vial", "instrument")["detection_floor"].value
    warnings: list[VialWarning] = []
    measurement: VialMeasurement | None = None
    contents: str = description.contents or "unknown"
    label = ""
    if description.file is not None:
        reading = read_file(base / description.file)
        export = particles_of(reading)
        factor = description.dilution if dilution is None else dilution
        measurement = measure(export, factor, sample or description.sample)
        # Once a sample is named, the question that merged files raise is answered.
        merged = len(export.samples) > 1
        warnings += [w for w in export.warnings if not (merged and w.code == "MIXED_SAMPLES")]
        warnings += measurement.warnings
        contents, doubts = _contents(description, export.texts, export.file)
        warnings += doubts
        label = _label(contents, assume_vesicles, export.file)
    if not description.storage:
        message = "no storage is stated, so nothing is taken off for it"
        warnings.append(VialWarning(code="STORAGE_UNKNOWN", message=message, where="vial.storage"))
    rows, filled = _rows(description, measurement)
    return Vial(
        description=description,
        product=product,
        measurement=measurement,
        volume_ml=ml,
        contents=contents,
        label=label,
        floor_nm=measurement.size.floor_nm if measurement and measurement.size else floor_nm,
        rows=rows,
        warnings=tuple(warnings),
        filled=filled,
        curve=() if description.curve is None else _curve_rows(base / description.curve),
    )


def _load_from_batch(
    description: VialDescription,
    base: Path,
    *,
    given: Mapping[str, object],
    assume_vesicles: bool,
    product_folders: Sequence[Path],
) -> Vial:
    """A vial of a measured batch: its rows are the lot's, and the vials' spread beside it."""
    from exocast.vial.measured import batch_measurement, batch_rows, measure_batch

    assert description.batch is not None
    for name, value in given.items():
        if value is not None:
            raise InvalidInput(
                f"the batch file says what was measured and how; change it there, not with "
                f"--{name}.",
                where=f"--{name}",
            )
    made = measure_batch(base / description.batch)
    own = made.description
    whole = own.model_copy(
        update={
            "batch": description.batch,
            "storage": (*own.storage, *description.storage),
            "syringe": description.syringe,
        }
    )
    plain = load_vial(
        whole.model_copy(update={"batch": None, "curve": None}),
        base,
        product_folders=product_folders,
    )
    measurement = batch_measurement(made)
    rows = {r.id: r for r in plain.rows} | {r.id: r for r in batch_rows(made)}
    filled = list(plain.filled)
    if measurement is not None and measurement.size is not None:
        population = package_table("vial", "population")
        rows |= {r.id: r for r in _size_rows(measurement, population)}
        filled = [name for name in filled if not name.startswith("size_")]
    if whole.curve is not None:
        rows["potency_relative"] = _own_potency(whole.curve)
        filled = [name for name in filled if name != "potency_relative"]
    contents: str = whole.contents or "unknown"
    label = ""
    if measurement is not None:
        texts = tuple(t for run in made.runs if not run.blank for t in run.export.texts)
        contents, _ = _contents(whole, texts, str(made.path))
        label = _label(contents, assume_vesicles, str(made.path))
    return replace(
        plain,
        description=whole,
        measurement=measurement,
        contents=contents,
        label=label,
        floor_nm=measurement.size.floor_nm if measurement and measurement.size else plain.floor_nm,
        rows=tuple(rows.values()),
        warnings=(*made.warnings, *plain.warnings),
        filled=tuple(filled),
        curve=() if whole.curve is None else _curve_rows(made.path.parent / whole.curve),
    )


def particles_per_ug(vial: Vial, values: Mapping[str, Array]) -> Array:
    """Particles for each microgram of protein, ``(worlds, patients)``.

    From the vial's own protein assay, or drawn from the population where there is none; then it
    describes what else is injected and never converts a dose.
    """
    if "vial.protein" in values:
        return values["vial.concentration"] / values["vial.protein"]
    return values["vial.purity"]


def _contents(
    description: VialDescription, texts: Sequence[str], file: str
) -> tuple[str, list[VialWarning]]:
    said = says_beads(texts)
    declared = description.contents
    if not said or declared == "beads":
        return declared or "unknown", []
    if declared == "vesicles":
        message = f"the scenario says vesicles and the file says '{said}'; taken as beads"
        return "beads", [VialWarning(code="CONTENTS_DOUBTFUL", message=message, where=file)]
    return "beads", []


def _label(contents: str, assume_vesicles: bool, file: str) -> str:
    if contents == "vesicles":
        return ""
    if assume_vesicles:
        return BEADS_LABEL if contents == "beads" else UNKNOWN_LABEL
    found = "calibration beads" if contents == "beads" else "particles that nobody identified"
    raise InvalidInput(
        f"a forecast is asked of {found}. If they are vesicles, say 'contents: vesicles' in the "
        "block vial; to see a forecast as if they were, add --assume-vesicles: it is labelled so.",
        code="NOT_VESICLES",
        where=file,
    )


def _rows(
    description: VialDescription, measurement: VialMeasurement | None
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    population = package_table("vial", "population")
    rows: list[Row] = []
    filled: list[str] = []

    def fill(name: str) -> None:
        row = population[name]
        note = f"not measured for this vial: population row; {row.note}"
        rows.append(replace(row, table="vial", note=note))
        filled.append(name)

    if measurement is not None:
        rows += _concentration_rows(measurement, population)
        if measurement.size is not None:
            rows += _size_rows(measurement, population)
    if measurement is None or measurement.size is None:
        fill("size_median")
        fill("size_log_sd")
    if description.protein is not None:
        rows.append(
            _stated(
                "protein",
                "protein in the vial",
                description.protein.ug_per_ml,
                "ug/mL",
                population["protein_spread"],
            )
        )
    else:
        fill("purity")
    if description.cell_equivalents is not None:
        rows.append(
            _stated(
                "cells",
                "producing cells whose vesicles the vial holds",
                description.cell_equivalents.cells_per_ml,
                "cell/mL",
                population["cells_spread"],
            )
        )
    if description.curve is not None:
        rows.append(_own_potency(description.curve))
    elif description.potency is None:
        fill("potency_relative")
    else:
        rows.append(_potency_row(description.potency))
    return tuple(rows), tuple(filled)


def _concentration_rows(
    measurement: VialMeasurement, population: Mapping[str, Row]
) -> tuple[Row, Row]:
    found = measurement.concentration
    between, run = population["vial_spread"], root_mean_square(population["run_spread"])
    measured = Row(
        id="concentration",
        meaning="detected particles in the vial when it was measured",
        value=found.value,
        unit="item/mL",
        spread=(math.hypot(found.log_sd, run),),
        spread_kind="log_sd",
        varies="uncertain",
        system="this vial",
        source="measured",
        place=f"{Path(measurement.file).name}, sha256 {measurement.sha256[:12]}",
        grade="B",
        note=f"{found.n_valid} of {found.n_total} captures (log SD {found.log_sd:.3g}) and "
        f"repeated runs (log SD {run:.3g}, population.run_spread)",
        table="vial",
    )
    vials = replace(
        between,
        id="concentration.between",
        value=1.0,
        spread=(between.value,),
        spread_kind="log_sd",
        varies="vial",
        table="vial",
    )
    return measured, vials


def _size_rows(measurement: VialMeasurement, population: Mapping[str, Row]) -> tuple[Row, Row]:
    size = measurement.size
    assert size is not None
    tracks = f"{size.n_effective:.0f} valid tracks"
    if math.isnan(size.n_effective):
        tracks = "bins of a file that does not count its particles"
    errors = [size.se_log_median, size.se_log_sd / size.log_sd]
    if math.isnan(errors[0]) or math.isnan(errors[1]):
        # One capture of unknown counts claims no error: as far off as samples differ.
        errors = [
            math.log(row.spread[1] / row.spread[0]) / math.sqrt(12)
            for row in (population["size_median"], population["size_log_sd"])
        ]
        tracks += "; its error is not known, the spread of other samples stands in"
    median = Row(
        id="size_median",
        meaning="median diameter of the particles' log-normal law",
        value=size.median_nm,
        unit="nm",
        spread=(math.hypot(errors[0], population["size_accuracy"].value),),
        spread_kind="log_sd",
        varies="uncertain",
        system="this vial",
        source="measured",
        place=f"{Path(measurement.file).name}, sha256 {measurement.sha256[:12]}",
        grade="B",
        note=f"fitted above {size.floor_nm:g} nm to {tracks}; with the "
        "instrument's accuracy (population.size_accuracy)",
        table="vial",
    )
    width = replace(
        median,
        id="size_log_sd",
        meaning="spread of the logarithm of the diameter",
        value=size.log_sd,
        unit="1",
        spread=(errors[1],),
        note=f"fitted above {size.floor_nm:g} nm to {tracks}",
    )
    return median, width


def _stated(name: str, meaning: str, value: float, unit: str, spread: Row) -> Row:
    return Row(
        id=name,
        meaning=meaning,
        value=value,
        unit=unit,
        spread=(spread.value,),
        spread_kind="log_sd",
        varies="uncertain",
        system="this vial",
        source="measured",
        place="block vial of the scenario",
        grade="B",
        note=f"as stated; spread from {spread.key}",
        table="vial",
    )


def _own_potency(file: str) -> Row:
    """A batch whose own curve sets the scale is its own reference."""
    return Row(
        id="potency_relative",
        meaning="effect in the assay over that of this batch itself",
        value=1.0,
        unit="1",
        spread=(),
        spread_kind="fixed",
        varies="constant",
        system="this batch",
        source="definition",
        place="",
        grade="E",
        note=f"the batch's own curve ({Path(file).name}) sets half effect and largest fall",
        table="vial",
    )


def _curve_rows(path: Path) -> tuple[Row, ...]:
    """Rows of a measured curve, which take the place of the forecast's own."""
    rows = tuple(replace(row, table="effect") for row in rows_of(path))
    found = [row.id for row in rows]
    if sorted(found) != sorted(CURVE_ROWS):
        raise InvalidInput(
            f"a potency table holds {', '.join(CURVE_ROWS)}, and this one {', '.join(found)}; "
            "'exocast assay NAME --measured FILE --out DIR' writes one. A table of an earlier "
            "version has to be written anew from its curve.",
            where=str(path),
        )
    values = {row.id: row.value for row in rows}
    acts, r = values.pop("assay.acts"), values.pop("assay.correlation")
    if not 0 <= acts <= 1 or not -1 < r < 1 or any(value <= 0 for value in values.values()):
        raise InvalidInput(
            "assay.acts is a chance of 0 to 1, assay.correlation lies between -1 and 1, and the "
            "others are above zero.",
            where=str(path),
        )
    return rows


def _potency_row(potency: PotencyAssay) -> Row:
    return Row(
        id="potency_relative",
        meaning="effect in the assay of this lot over that of the reference",
        value=potency.relative,
        unit="1",
        spread=(math.log(potency.high / potency.low) / 3.92,),
        spread_kind="log_sd",
        varies="uncertain",
        system=potency.assay,
        source="measured",
        place="block vial of the scenario",
        grade="B",
        note=f"95 % interval {potency.low:g} to {potency.high:g}",
        table="vial",
    )


def _number_in(text: str, unit: str) -> float:
    try:
        return magnitude(text, unit)
    except UnitError as e:
        raise ValueError(e.message) from None


def at_least(text: str, unit: str, *, positive: bool) -> str:
    """A quantity of a file that people write, checked: its unit, and zero or more.

    Raises
    ------
    ValueError
        In the words that a finding on a field has.
    """
    value = _number_in(text, unit)
    if value < 0 or (positive and value == 0):
        raise ValueError(f"'{text}' has to be {'more than zero' if positive else 'zero or more'}")
    return text
