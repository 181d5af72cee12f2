"""A batch as its laboratory describes it: ``batch.yaml`` names files and facts, and no result.

Everything that was measured is read from the files. What only a person can know (what the source
was, how it was stored, by how much a sample was diluted where the file does not say) is stated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from exocast.documents import no_such_file, parse, read_mapping
from exocast.errors import InvalidInput
from exocast.vial.vial import PotencyAssay, StorageStep, VialDescription, at_least

BATCH_FILE = "batch.yaml"
WILD = "*?["
POSITIONS = "zetaview_positions"


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _quantity(text: str | None, unit: str) -> str | None:
    return None if text is None else at_least(text, unit, positive=True)


Factor = Annotated[
    float, Field(ge=1, allow_inf_nan=False, description="200 for one part in 200", examples=[200])
]


class Source(_Block):
    """What the vesicles were collected from."""

    tissue: str | None = Field(default=None, examples=["umbilical cord"])
    cells: str | None = Field(default=None, examples=["mesenchymal stromal cells"])
    donor: str | None = Field(default=None, description="donor or cell line, as coded")
    passage: int | None = Field(default=None, ge=0, le=200)
    volume: str | None = Field(
        default=None, description="fluid that was harvested", examples=["1.2 L"]
    )
    cells_at_harvest: str | None = Field(default=None, examples=["2e8 cell"])
    mass: str | None = Field(default=None, description="of tissue", examples=["3 g"])

    @field_validator("volume")
    @classmethod
    def _volume(cls, text: str | None) -> str | None:
        return _quantity(text, "mL")

    @field_validator("cells_at_harvest")
    @classmethod
    def _cells(cls, text: str | None) -> str | None:
        return _quantity(text, "cell")

    @field_validator("mass")
    @classmethod
    def _mass(cls, text: str | None) -> str | None:
        return _quantity(text, "g")

    @property
    def amount(self) -> str:
        """The stated amount of source, or an empty text."""
        return self.volume or self.cells_at_harvest or self.mass or ""


class Making(_Block):
    """How the batch was made; free texts that a reader of the report wants."""

    culture: str | None = Field(default=None, examples=["DMEM, xeno-free, 48 h"])
    serum: str | None = Field(default=None, examples=["none", "vesicle-depleted FBS 5 %"])
    priming: str | None = Field(default=None, examples=["none", "IFN-gamma 20 ng/mL, 24 h"])
    separation: tuple[str, ...] = Field(default=(), examples=[["tangential flow", "SEC"]])
    buffer: str | None = Field(default=None, examples=["PBS"])


class Fill(_Block):
    """What one vial of the batch holds."""

    volume: str | None = Field(default=None, examples=["1 mL"])
    vials: int | None = Field(default=None, ge=1, description="how many were filled")
    container: str = Field(default="polypropylene", description="wall that the liquid touches")

    @field_validator("volume")
    @classmethod
    def _volume(cls, text: str | None) -> str | None:
        return _quantity(text, "mL")


class _Measured(_Block):
    """A file of an instrument; ``file`` may be a pattern such as ``nta/*.csv``."""

    file: str = Field(min_length=1, description="path from the folder of batch.yaml, or a pattern")
    sample: str | None = Field(default=None, description="which sample, when a file holds several")
    dilution: Factor | None = Field(
        default=None, description="of the measured sample, where the file does not record it"
    )
    reader: str | None = Field(default=None, description="name of a reader, in place of sniffing")


class ParticleFile(_Measured):
    """Counts and sizes of one vial or several."""

    vial: str | None = Field(
        default="1", description="which vial of the fill was opened; null is asked for"
    )
    preparation: str | None = Field(
        default=None, description="which dilution of it; each file is one when this is left out"
    )
    map: str | None = Field(default=None, description="mapping of a table of sizes, a YAML file")
    instrument: str | None = Field(
        default=None,
        min_length=1,
        description="which instrument, where one maker's two were used; the maker when left out",
    )

    @field_validator("vial", "preparation", mode="before")
    @classmethod
    def _name(cls, given: object) -> object:
        # A vial is called 1 as often as "1".
        return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


class BlankFile(_Measured):
    """The buffer alone, measured as the samples were."""

    map: str | None = Field(default=None, description="mapping of a table of sizes, a YAML file")
    instrument: str | None = Field(
        default=None, min_length=1, description="which instrument, as in 'particles'"
    )


class ProteinFile(_Block):
    """Protein of the fill: from a reader's file, or stated where there is no file."""

    file: str | None = Field(default=None, min_length=1)
    sample: str | None = None
    dilution: Factor | None = None
    reader: str | None = None
    curve: Literal["linear", "quadratic", "4pl"] | None = Field(
        default=None, description="shape of the standard curve of a plate"
    )
    unit: str | None = Field(
        default=None,
        description="of the standards' quantities, where the file states none",
        examples=["ug/mL"],
    )
    concentration: str | None = Field(
        default=None, description="where there is no file", examples=["110 ug/mL"]
    )

    @field_validator("concentration")
    @classmethod
    def _concentration(cls, text: str | None) -> str | None:
        return _quantity(text, "ug/mL")

    @model_validator(mode="after")
    def _one(self) -> ProteinFile:
        if (self.file is None) == (self.concentration is None):
            raise ValueError("give either 'file' or 'concentration'")
        return self


class ProteinTable(_Measured):
    """A table of identified proteins.

    Of several samples it has to be said which is this batch; ``all`` where each of them is.
    """


class MarkerFile(_Measured):
    """Marker-positive events of a flow cytometer, against a blank or isotype control."""

    channel: str = Field(min_length=1)
    marker: str = Field(min_length=1, examples=["CD63"])
    blank: str = Field(description="file of the control that sets the gate")
    quantile: float = Field(
        default=0.995, gt=0.5, lt=1, description="share of the control below the gate"
    )


class Volumes(_Block):
    """From the vial to the reaction; what is left out is not known, and no copies per mL follow."""

    sample: str | None = Field(default=None, description="that was extracted", examples=["200 uL"])
    eluate: str | None = Field(default=None, description="that RNA came in", examples=["50 uL"])
    template: str | None = Field(default=None, description="put into a reaction", examples=["2 uL"])
    reaction: str | None = Field(default=None, description="whole reaction", examples=["20 uL"])
    dilution: Factor | None = Field(default=None, description="of the eluate; 1 where none")

    @field_validator("sample", "eluate", "template", "reaction")
    @classmethod
    def _volume(cls, text: str | None) -> str | None:
        return _quantity(text, "mL")


class CargoFile(_Block):
    """Nucleic acid of the fill: qPCR with standards, digital PCR, or sequencing counts."""

    file: str = Field(min_length=1)
    reader: str | None = None
    sample: str | None = Field(
        default=None,
        description="which sample, when a file holds several; of a matrix 'all' where each is "
        "this batch",
    )
    target: str | None = Field(default=None, description="gene or miRNA, where there are several")
    unit: str | None = Field(
        default=None,
        description="of the standards' quantities, where the file states none",
        examples=["copies"],
    )
    wells: tuple[str, ...] = Field(
        default=(),
        max_length=384,
        description="of digital PCR: wells that hold the same, pooled; each by itself otherwise",
        examples=[["A1", "A2", "A3"]],
    )
    volumes: Volumes = Volumes()


class PotencyFile(_Block):
    """A plate with reference and test, or an interval that was computed elsewhere."""

    file: str | None = Field(default=None, min_length=1)
    layout: str | None = Field(
        default=None, description="what stands in which well, for an instrument's export"
    )
    combine: bool = Field(default=False, description="each run is an assay; results are combined")
    reference: str | None = Field(default=None, description="name of the reference on the plate")
    sample: str | None = Field(default=None, description="name of this batch on the plate")
    model: Literal["4pl", "parallel-line"] = "4pl"
    transform: Literal["none", "log"] = Field(default="none", description="of the response")
    range: str | None = Field(
        default=None,
        description="doses of the straight part, for parallel-line",
        examples=["1 ug/mL:30 ug/mL"],
    )
    outliers: Literal["none", "rosner"] = "none"
    relative: float | None = Field(default=None, gt=0, lt=1000)
    low: float | None = Field(default=None, gt=0)
    high: float | None = Field(default=None, gt=0, lt=1000)
    assay: str = Field(min_length=1, max_length=200, examples=["LPS macrophage, nitrite"])

    @model_validator(mode="after")
    def _one(self) -> PotencyFile:
        stated = (self.relative, self.low, self.high)
        some = any(x is not None for x in stated)
        if (self.file is None) != some or (some and any(x is None for x in stated)):
            raise ValueError("give either 'file', or all of 'relative', 'low' and 'high'")
        if some:
            # The same words and laws as in a scenario.
            PotencyAssay.model_validate(
                {"relative": self.relative, "low": self.low, "high": self.high, "assay": self.assay}
            )
        return self


class Document(_Block):
    """Evidence that no reader takes: a blot, a micrograph, a certificate."""

    shows: Literal[
        "protein marker",
        "contaminant",
        "image wide",
        "image close",
        "topology",
        "other compartments",
        "soluble proteins",
        "lipid",
        "endotoxin",
        "sterility",
        "mycoplasma",
    ]
    file: str = Field(min_length=1)
    method: str = Field(min_length=1, examples=["western blot", "cryo-EM"])
    protein: str | None = Field(default=None, examples=["CD63"])
    found: bool | None = Field(default=None, description="whether the protein was found")
    value: str | None = Field(default=None, description="result with its unit, where it has one")

    @model_validator(mode="after")
    def _named(self) -> Document:
        if self.shows in ("protein marker", "contaminant") and (
            self.protein is None or self.found is None
        ):
            raise ValueError("name the 'protein' and whether it was 'found'")
        return self


class NotApplicable(_Block):
    """An item of the reporting list that does not apply, with the reason."""

    item: str
    reason: str = Field(min_length=3)


class BatchDescription(_Block):
    """The content of ``batch.yaml``."""

    schema_version: Literal[1]
    title: str = Field(min_length=1, max_length=200)
    product: str = Field(default="msc_ev", description="name of a product file")
    contents: Literal["vesicles", "beads", "unknown"] | None = Field(
        default=None, description="what the counted particles are"
    )
    source: Source = Source()
    making: Making = Making()
    fill: Fill = Fill()
    storage: tuple[StorageStep, ...] = Field(
        default=(), max_length=50, description="what happened between measurement and injection"
    )
    counted_by: str | None = Field(
        default=None,
        min_length=1,
        description="method (NTA, RPS, flow) that doses are drawn up by, where two were used; or "
        "one instrument of several",
        examples=["NTA", "NanoSight"],
    )
    particles: tuple[ParticleFile, ...] = Field(default=(), max_length=500)
    blanks: tuple[BlankFile, ...] = Field(default=(), max_length=100)
    protein: tuple[ProteinFile, ...] = Field(default=(), max_length=20)
    identity: tuple[ProteinTable, ...] = Field(default=(), max_length=50)
    markers: tuple[MarkerFile, ...] = Field(default=(), max_length=100)
    cargo: tuple[CargoFile, ...] = Field(default=(), max_length=50)
    other: tuple[_Measured, ...] = Field(
        default=(), max_length=100, description="read and shown: light scattering, particulates"
    )
    potency: tuple[PotencyFile, ...] = Field(
        default=(),
        max_length=20,
        description="a forecast takes the first; others are shown beside it",
    )
    curve: str | None = Field(
        default=None,
        description="potency.csv that 'exocast assay --measured' wrote; in place of 'potency'",
    )
    documents: tuple[Document, ...] = Field(default=(), max_length=200)
    not_applicable: tuple[NotApplicable, ...] = ()

    @model_validator(mode="after")
    def _one_potency(self) -> BatchDescription:
        if self.potency and self.curve is not None:
            raise ValueError("'potency' and 'curve' both say how potent this batch is; give one")
        return self

    @field_validator("fill")
    @classmethod
    def _container(cls, fill: Fill) -> Fill:
        # The scenario's own check, so that the same walls are known and offered.
        VialDescription(container=fill.container)
        return fill


def load_batch(path: str | Path) -> tuple[BatchDescription, Path]:
    """Batch and its folder, from ``batch.yaml`` or the folder that holds it.

    Raises
    ------
    NotFound
        When there is no such file.
    InvalidInput
        With all findings on its fields together.
    """
    file = Path(path)
    if file.is_dir():
        if not (file / BATCH_FILE).is_file():
            raise InvalidInput(
                f"this folder has no {BATCH_FILE}; 'exocast vial draft {file}' writes one from "
                "the files in it.",
                code="NO_BATCH",
                where=str(file),
            )
        file = file / BATCH_FILE
    return parse(BatchDescription, read_mapping(file), where=str(file)), file.parent


def named_files(base: Path, pattern: str) -> Iterator[Path]:
    """The files that a field names: one path, or all that fit a pattern, by name.

    Raises
    ------
    NotFound
        When there is no such file.
    InvalidInput
        When nothing fits a pattern.
    """
    path = base / pattern
    if not any(sign in pattern for sign in WILD) or path.exists():
        if not path.exists():
            raise no_such_file(path)
        yield path
        return
    start = Path(path.anchor) if Path(pattern).is_absolute() else base
    found = sorted(start.glob(str(Path(pattern).relative_to(Path(pattern).anchor or "."))))
    if not found:
        raise InvalidInput(
            f"no file fits '{pattern}'; patterns start from the folder of {BATCH_FILE}.",
            code="NOT_FOUND",
            where=str(base),
        )
    yield from (f for f in found if f.is_file())


def one_file(base: Path, pattern: str) -> Path:
    """The file that a field names, where only one can be meant.

    Raises
    ------
    NotFound
        When there is no such file.
    InvalidInput
        When several fit a pattern.
    """
    found = list(named_files(base, pattern))
    if len(found) > 1:
        raise InvalidInput(
            f"{len(found)} files fit '{pattern}' ({', '.join(f.name for f in found[:5])}), and "
            "this field takes one; name it, and give each of the others an entry of its own.",
            code="AMBIGUOUS",
            where=str(base),
        )
    return found[0]


def run_of_positions(name: str, names: Collection[str]) -> str:
    """The file that holds the run whose positions a ZetaView file lists, or an empty text.

    The two are written side by side and hold the same particles. They are told by their names, the
    only thing that they share.

    Parameters
    ----------
    name
        Of the file of positions, such as ``lot7_size_488_11pos.txt``.
    names
        Of the files beside it.
    """
    whole = re.sub(r"_\d{1,2}pos(?=\.[^.]+$)", "", name)
    return whole if whole != name and whole in names else ""
