"""A batch, measured: every file that ``batch.yaml`` names is read, and the estimates made.

What was measured becomes rows of this batch; what was not is filled from the population and said.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput
from exocast.evidence.rows import Row, package_table
from exocast.vial.agreement import (
    DilutionLinearity,
    MethodComparison,
    compare_methods,
    dilution_linearity,
)
from exocast.vial.batch import (
    POSITIONS,
    BatchDescription,
    BlankFile,
    ParticleFile,
    PotencyFile,
    load_batch,
    named_files,
    run_of_positions,
)
from exocast.vial.batch_estimate import BatchEstimate, estimate_batch
from exocast.vial.blank import BlankSubtraction, subtract_blank
from exocast.vial.contents import (
    Z95,
    Quantity,
    cargo_of_entry,
    identity_of_entry,
    marker_class,
    markers_of_entry,
    protein_of_entry,
)
from exocast.vial.measure import (
    Estimate,
    VialMeasurement,
    known_dilution,
    measure_size,
    particles_of,
)
from exocast.vial.misev import Item, Shown, reporting
from exocast.vial.names import says_beads
from exocast.vial.purity import Purity, purity
from exocast.vial.records import Bins, Dilution, ParticleExport, Reading, VialWarning
from exocast.vial.registry import read_file
from exocast.vial.runs import Run
from exocast.vial.size import SizeFit
from exocast.vial.size_estimate import SizeEstimate, estimate_sizes
from exocast.vial.vial import PotencyAssay, ProteinAssay, VialDescription

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BatchFile:
    """A file of the batch and what it was used for."""

    file: str
    sha256: str
    kind: str
    used_for: str


@dataclass(frozen=True, kw_only=True)
class MeasuredBatch:
    """A batch with everything that its files say.

    Attributes
    ----------
    path
        The batch file.
    files
        Every file, with its hash and what it was used for.
    estimate
        Particles per mL over vials and preparations; None when nothing was counted.
    net
        Blank subtractions by preparation; empty without a blank.
    count
        Particles per mL of the batch, less the blank: what a dose is drawn up by.
    linearity, comparison
        Where several dilutions, or two methods, were measured.
    size
        Law of the sizes that a forecast takes, over all captures; ``pooled`` holds the bins.
    protein, purity
        Where protein was measured.
    potency
        Relative potency, where it was measured.
    findings
        Everything else that was measured: cargo, markers, light scattering.
    shown
        What the files are evidence of.
    reporting
        The reporting list.
    description
        The same batch as the block ``vial`` of a scenario.
    """

    batch: BatchDescription
    path: Path
    files: tuple[BatchFile, ...]
    runs: tuple[Run, ...]
    estimate: BatchEstimate | None
    net: tuple[BlankSubtraction, ...]
    count: Quantity | None
    linearity: DilutionLinearity | None
    comparison: MethodComparison | None
    size: SizeFit | None
    pooled: ParticleExport | None
    protein: Quantity | None
    purity: Purity | None
    potency: Quantity | None
    findings: tuple[Quantity, ...]
    shown: tuple[Shown, ...]
    reporting: tuple[Item, ...]
    warnings: tuple[VialWarning, ...]
    description: VialDescription
    readings: tuple[tuple[str, Reading], ...]

    @functools.cached_property
    def sizes(self) -> SizeEstimate | None:
        """Percentiles with intervals, and whether one law or two fit; no forecast needs them."""
        return None if self.pooled is None else estimate_sizes(self.pooled)


@dataclass
class _Work:
    """What is gathered while files are read."""

    base: Path
    files: list[BatchFile] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    warnings: list[VialWarning] = field(default_factory=list)
    readings: list[tuple[str, Reading]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def name(self, path: Path) -> str:
        try:
            return path.relative_to(self.base).as_posix()
        except ValueError:
            return path.name

    def keep(self, path: Path, reading: Reading, used_for: str) -> str:
        name = self.name(path)
        self.files.append(
            BatchFile(file=name, sha256=reading.sha256, kind=reading.kind, used_for=used_for)
        )
        self.readings.append((used_for, reading))
        return name


def measure_batch(
    path: str | Path, progress: Callable[[int, int], None] | None = None
) -> MeasuredBatch:
    """A batch measured from its files.

    Parameters
    ----------
    path
        ``batch.yaml``, or the folder that holds it.
    progress
        Called with (files read, files in all).

    Raises
    ------
    NotFound
        When a file is not there.
    InvalidInput
        For a field or file that cannot be used; each names what would work.
    """
    from exocast.vial.batch import BATCH_FILE

    batch, base = load_batch(path)
    file = Path(path) / BATCH_FILE if Path(path).is_dir() else Path(path)
    work = _Work(base=base)
    _read_particles(batch, work, progress)
    _facts(batch, work)
    given = _one_method(batch, [r for r in work.runs if not r.blank])
    blanks = _blanks_of(given, work)
    estimate = estimate_batch(given) if given else None
    if estimate is not None:
        work.warnings += estimate.warnings
    net = _net(given, blanks, work)
    count = None if estimate is None else _count(estimate, net, given)
    pooled = pooled_export(given) if given else None
    size = None
    if pooled is not None:
        size, said = measure_size(pooled)
        work.warnings += said
    protein = _protein(batch, work)
    potencies = _potency(batch, work)
    # Assays of different effects are not averaged: a forecast takes the first.
    potency = potencies[0] if potencies else None
    findings = (
        *(replace(p, how=f"relative potency, {p.how} (shown only)") for p in potencies[1:]),
        *_contents(batch, work, count),
    )
    ratio = None
    if count is not None and protein is not None:
        ratio = purity(count, protein.value, protein.log_sd)
        work.warnings += ratio.warnings
    if batch.contents == "vesicles" and (beads := says_beads(_texts(given))):
        work.warnings.append(
            VialWarning(
                code="CONTENTS_DOUBTFUL",
                message=f"the batch says vesicles and a file says '{beads}'",
                where=str(file),
            )
        )
    return MeasuredBatch(
        batch=batch,
        path=file,
        files=tuple(work.files),
        runs=tuple(work.runs),
        estimate=estimate,
        net=net,
        count=count,
        linearity=_linearity(given, work),
        comparison=_comparison(batch, work),
        size=size,
        pooled=pooled,
        protein=protein,
        purity=ratio,
        potency=potency,
        findings=findings,
        shown=tuple(work.shown),
        reporting=reporting(work.shown, [(n.item, n.reason) for n in batch.not_applicable]),
        warnings=tuple(_once(work.warnings)),
        description=_as_vial(batch, protein, potency),
        readings=tuple(work.readings),
    )


def batch_measurement(made: MeasuredBatch) -> VialMeasurement | None:
    """The count of a batch in the form that a single file's has."""
    if made.count is None or made.estimate is None:
        return None
    import hashlib

    levels = [r.export for r in made.runs if not r.blank]
    digest = hashlib.sha256("".join(sorted(e.sha256 for e in levels)).encode()).hexdigest()
    return VialMeasurement(
        file=str(made.path),
        sha256=digest,
        sample=made.batch.title,
        dilution=Dilution(value=None, state="applied", origin="file"),
        concentration=Estimate(
            value=made.count.value,
            low=made.count.low,
            high=made.count.high,
            log_sd=made.count.log_sd,
            n_valid=made.estimate.captures.n_valid,
            n_total=made.estimate.captures.n_total,
            capture_spread=made.estimate.captures.spread,
        ),
        level_per_ml=math.nan,
        size=made.size,
        warnings=made.warnings,
    )


def batch_rows(made: MeasuredBatch) -> tuple[Row, ...]:
    """Rows of the count, lot apart from vial, and of the protein; under the table ``vial``."""
    rows: list[Row] = []
    if made.count is not None and made.estimate is not None:
        rows += _count_rows(made, made.count, made.estimate)
    if made.protein is not None:
        rows.append(
            Row(
                id="protein",
                meaning="protein in the vial",
                value=made.protein.value,
                unit="ug/mL",
                spread=(made.protein.log_sd,),
                spread_kind="log_sd",
                varies="uncertain",
                system="this batch",
                source="measured",
                place=", ".join(made.protein.by),
                grade="B",
                note=made.protein.how,
                table="vial",
            )
        )
    return tuple(rows)


def _count_rows(made: MeasuredBatch, count: Quantity, estimate: BatchEstimate) -> list[Row]:
    population = package_table("vial", "population")["vial_spread"]
    lot = Row(
        id="concentration",
        meaning="detected particles per mL of the batch when it was measured",
        value=count.value,
        unit="item/mL",
        spread=(count.log_sd,),
        spread_kind="log_sd",
        varies="uncertain",
        system="this batch",
        source="measured",
        place=made.path.name,
        grade="B",
        note=count.how,
        table="vial",
    )
    learned = estimate.vials.learned
    vials = replace(
        population,
        id="concentration.between",
        value=1.0,
        spread=(estimate.vials.spread if learned else population.value,),
        spread_kind="log_sd",
        varies="vial",
        table="vial",
    )
    if learned:
        vials = replace(
            vials,
            system="this batch",
            source="measured",
            place=made.path.name,
            grade="B",
            note=f"spread between {estimate.vials.n_valid} opened vials of this batch",
        )
    return [lot, vials]


# Particles ----------------------------------------------------------------------------------------


def _read_particles(
    batch: BatchDescription, work: _Work, progress: Callable[[int, int], None] | None
) -> None:
    asked = list(_asked(batch, work.base))
    names = {work.name(path) for _, path in asked}
    for done, (entry, path) in enumerate(asked, start=1):
        mapping = None if entry.map is None else next(named_files(work.base, entry.map))
        reading = read_file(path, entry.reader, mapping)
        export = particles_of(reading)
        blank = isinstance(entry, BlankFile)
        name = work.keep(path, reading, "blank" if blank else "particle count and size")
        if reading.reader == POSITIONS and (whole := run_of_positions(name, names)):
            raise InvalidInput(
                f"these are the positions of the run that stands whole in '{whole}': its particles "
                "would be counted twice. Leave one of the two out.",
                code="DUPLICATE_RUN",
                where=str(path),
            )
        samples = export.samples if entry.sample is None and len(export.samples) > 1 else (None,)
        if len(samples) > 1:
            raise InvalidInput(
                f"the file holds {len(export.samples)} samples ({', '.join(export.samples)}); name "
                "one in the entry's field 'sample', and give each that belongs to this batch an "
                "entry of its own.",
                code="MIXED_SAMPLES",
                where=str(path),
            )
        _check_dilution(export, entry, work, name)
        work.warnings += [w for w in reading.warnings if w.code != "MIXED_SAMPLES"]
        vial = "buffer" if isinstance(entry, BlankFile) else entry.vial
        stated = None if isinstance(entry, BlankFile) else entry.preparation
        work.runs.append(
            Run(
                export=export,
                vial=vial,
                preparation=stated or (f"{name} {entry.sample}" if entry.sample else name),
                dilution=entry.dilution,
                sample=entry.sample,
                blank=blank,
            )
        )
        if not blank:
            work.shown.append(Shown(what="particles", by=name, name=export.method))
            if export.method in ("NTA", "RPS", "flow"):
                work.shown.append(Shown(what="single vesicles", by=name, name=export.method))
        if progress is not None:
            progress(done, len(asked))


def _asked(batch: BatchDescription, base: Path) -> Iterator[tuple[ParticleFile | BlankFile, Path]]:
    entries: tuple[ParticleFile | BlankFile, ...] = (*batch.particles, *batch.blanks)
    for entry in entries:
        for path in named_files(base, entry.file):
            yield entry, path


def _check_dilution(
    export: ParticleExport, entry: ParticleFile | BlankFile, work: _Work, name: str
) -> None:
    """Ask for a missing dilution by the entry of ``batch.yaml``, where it has to be written."""
    try:
        known_dilution(export, entry.dilution)
    except InvalidInput as e:
        if e.code != "DILUTION_UNKNOWN":
            raise
        place = "blanks" if isinstance(entry, BlankFile) else "particles"
        said = e.message.replace("--dilution N (field vial.dilution)", f"'dilution:' in {place}")
        raise InvalidInput(f"{name}: {said}", code=e.code, where=str(work.base)) from None


def _one_method(batch: BatchDescription, runs: list[Run]) -> list[Run]:
    methods = tuple(dict.fromkeys(r.export.method for r in runs))
    if len(methods) < 2:
        return runs
    if batch.counted_by is None:
        raise InvalidInput(
            f"the batch was counted by {' and '.join(methods)}, which detect different particles "
            "and are never averaged. Say 'counted_by' with the one that doses are drawn up by; the "
            "other is compared with it.",
            code="METHODS_MIXED",
            where="counted_by",
        )
    if batch.counted_by not in methods:
        raise InvalidInput(
            f"no file was counted by '{batch.counted_by}'; there are {', '.join(methods)}.",
            where="counted_by",
        )
    return [r for r in runs if r.export.method == batch.counted_by]


def _blanks_of(given: Sequence[Run], work: _Work) -> list[Run]:
    """Runs of buffer by the method that counts; another method sees other particles."""
    methods = {r.export.method for r in given}
    blanks = [r for r in work.runs if r.blank]
    kept = [r for r in blanks if r.export.method in methods]
    if given and blanks and not kept:
        message = f"the buffer was measured by {blanks[0].export.method} and the samples by "
        message += f"{given[0].export.method}; nothing is taken off"
        work.warnings.append(
            VialWarning(code="METHODS_MIXED", message=message, where=blanks[0].export.file)
        )
    return kept


def _net(runs: Sequence[Run], blanks: Sequence[Run], work: _Work) -> tuple[BlankSubtraction, ...]:
    """Each preparation less its buffer; refused where the particles are the buffer's."""
    if not runs or not blanks:
        return ()
    found = []
    for key in dict.fromkeys((r.vial, r.preparation) for r in runs):
        mine = [r for r in runs if (r.vial, r.preparation) == key]
        one = subtract_blank(mine, blanks)
        if one.below_detection:
            raise InvalidInput(
                f"preparation '{key[1]}' of vial '{key[0]}' holds no more particles than its "
                f"buffer ({100 * one.blank_share:.0f} % of its level): at most "
                f"{one.limit_per_ml:.3g}/mL are the sample's. Dilute less, or clean the buffer.",
                code="BLANK",
                where=mine[0].export.file,
            )
        work.warnings += [w for w in one.warnings if w.code == "BLANK"]
        found.append(one)
    return tuple(found)


def _count(
    estimate: BatchEstimate, net: Sequence[BlankSubtraction], runs: Sequence[Run]
) -> Quantity:
    """The batch's count, less the buffer's share where a buffer was measured."""
    captures, preparations, vials = estimate.captures, estimate.preparations, estimate.vials
    how = (
        f"{captures.n_valid} of {captures.n_total} captures, "
        f"{preparations.n_valid} preparation{'s' * (preparations.n_valid != 1)}, "
        f"{vials.n_valid} vial{'s' * (vials.n_valid != 1)}"
    )
    factor, of_blank = 1.0, 0.0
    if net:
        kept = np.array([n.net_level / n.sample_level for n in net])
        factor = float(np.exp(np.log(kept).mean()))
        # One buffer for all: what its level is not known to move every preparation together.
        of_blank = (1 - factor) / factor * package_table("vial", "population")["run_spread"].value
        how += f"; less the buffer, {100 * (1 - factor):.2g} %"
    log_sd = math.hypot(estimate.log_sd, of_blank)
    value = estimate.value * factor
    return Quantity(
        value=value,
        low=min(estimate.interval_95[0] * factor, value * math.exp(-Z95 * log_sd)),
        high=max(estimate.interval_95[1] * factor, value * math.exp(Z95 * log_sd)),
        log_sd=log_sd,
        unit="1/mL",
        by=tuple(dict.fromkeys(Path(r.export.file).name for r in runs)),
        how=how,
    )


def _linearity(runs: Sequence[Run], work: _Work) -> DilutionLinearity | None:
    try:
        found = dilution_linearity(runs) if runs else None
    except InvalidInput as e:
        if e.code != "DILUTION_SERIES":
            raise
        return None
    if found is not None:
        work.warnings += found.warnings
    return found


def _comparison(batch: BatchDescription, work: _Work) -> MethodComparison | None:
    runs = [r for r in work.runs if not r.blank]
    methods = tuple(dict.fromkeys(r.export.method for r in runs))
    if len(methods) != 2 or batch.counted_by is None:
        return None
    other = next(m for m in methods if m != batch.counted_by)
    found = compare_methods(
        [r for r in runs if r.export.method == batch.counted_by],
        [r for r in runs if r.export.method == other],
        used=batch.counted_by,
    )
    work.warnings += found.warnings
    return found


def pooled_export(runs: Sequence[Run]) -> ParticleExport | None:
    """All captures of the runs in one export with common bins, for the sizes of a batch.

    Captures keep their own particles as weights. Bins of different files are brought to the widest
    of them, from zero on, by the shares below each edge.
    """
    from exocast.vial.measure import captures_of

    pieces = []
    for run in runs:
        if run.export.bins is None:
            continue
        chosen = captures_of(run.export, run.sample)
        columns = [i for i, c in enumerate(run.export.captures) if c in chosen and not c.excluded]
        pieces.append((run.export, columns))
    pieces = [(e, c) for e, c in pieces if c]
    if not pieces:
        return None
    widths = [e.bins.width_nm for e, _ in pieces if e.bins is not None]
    width = max(widths)
    top = max(float(e.bins.centres_nm[-1]) + e.bins.width_nm / 2 for e, _ in pieces if e.bins)
    edges = np.arange(0.0, top + width, width)
    captures, columns_of = [], []
    for export, columns in pieces:
        bins = export.bins
        assert bins is not None
        own = np.concatenate([bins.centres_nm - bins.width_nm / 2, [top_edge(bins)]])
        for column in columns:
            below = np.concatenate([[0.0], np.cumsum(bins.per_ml[:, column])])
            columns_of.append(np.diff(np.interp(edges, own, below)))
            captures.append(replace(export.captures[column], sample="batch"))
    first = pieces[0][0]
    return replace(
        first,
        captures=tuple(captures),
        bins=Bins(centres_nm=edges[:-1] + width / 2, per_ml=np.column_stack(columns_of)),
        warnings=(),
    )


def top_edge(bins: Bins) -> float:
    """Upper end of the last bin, in nm."""
    return float(bins.centres_nm[-1]) + bins.width_nm / 2


def _texts(runs: Sequence[Run]) -> tuple[str, ...]:
    return tuple(t for r in runs for t in r.export.texts)


# Everything else ----------------------------------------------------------------------------------


def _facts(batch: BatchDescription, work: _Work) -> None:
    """What the batch file and its documents show for the reporting list."""
    if batch.source.amount:
        work.shown.append(
            Shown(what="source amount", by="batch.yaml: source", name=batch.source.amount)
        )
    whats = {
        "image wide": "image wide",
        "image close": "image close",
        "topology": "topology",
        "other compartments": "other compartments",
        "soluble proteins": "soluble proteins",
        "lipid": "lipid",
        "contaminant": "contaminant",
    }
    for document in batch.documents:
        path = next(named_files(work.base, document.file))
        name = work.name(path)
        work.files.append(
            BatchFile(
                file=name,
                sha256=_sha256(path),
                kind=document.method,
                used_for=f"reporting: {document.shows}",
            )
        )
        if document.shows in whats:
            title = document.protein or document.method
            work.shown.append(Shown(what=whats[document.shows], by=name, name=title))
        elif document.shows == "protein marker" and document.found:
            assert document.protein is not None
            what = marker_class(document.protein)
            if what in ("transmembrane", "cytosolic"):
                work.shown.append(Shown(what=what, by=name, name=document.protein))
            else:
                message = f"'{document.protein}' is no marker of vesicles on the identity panel "
                message += "(vial/identity.csv) and counts for none"
                work.warnings.append(
                    VialWarning(code="MARKER_UNKNOWN", message=message, where=name)
                )


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _protein(batch: BatchDescription, work: _Work) -> Quantity | None:
    """Protein of the fill; several determinations by their geometric mean."""
    spread = package_table("vial", "population")["protein_spread"]
    found: list[Quantity] = []
    for entry in batch.protein:
        one, warnings = protein_of_entry(entry, work.base, spread, work.keep)
        work.warnings += warnings
        work.shown += [Shown(what="protein", by=name) for name in one.by]
        found.append(one)
    if len(found) < 2:
        return found[0] if found else None
    logs = np.log([f.value for f in found])
    own = math.sqrt(sum(f.log_sd**2 for f in found)) / len(found)
    # Assays that differ by more than they claim are believed in their difference.
    log_sd = max(own, float(logs.std(ddof=1)) / math.sqrt(len(found)))
    centre = float(logs.mean())
    return Quantity(
        value=math.exp(centre),
        low=math.exp(centre - Z95 * log_sd),
        high=math.exp(centre + Z95 * log_sd),
        log_sd=log_sd,
        unit="ug/mL",
        by=tuple(dict.fromkeys(name for f in found for name in f.by)),
        how=f"geometric mean of {len(found)}: " + "; ".join(dict.fromkeys(f.how for f in found)),
    )


def _contents(batch: BatchDescription, work: _Work, count: Quantity | None) -> tuple[Quantity, ...]:
    """Identity, markers, cargo, and files that are only read and shown."""
    parts = [
        *(identity_of_entry(e, work.base, work.keep) for e in batch.identity),
        *(markers_of_entry(e, work.base, work.keep) for e in batch.markers),
        *(cargo_of_entry(e, work.base, count, work.keep) for e in batch.cargo),
    ]
    for part in parts:
        work.shown += part.shown
        work.warnings += part.warnings
    quantities = [q for part in parts for q in part.quantities]
    for entry in batch.other:
        for path in named_files(work.base, entry.file):
            reading = read_file(path, entry.reader)
            name = work.keep(path, reading, "shown")
            work.warnings += reading.warnings
            quantities += _shown(reading, entry.sample, name)
    return tuple(quantities)


def _shown(reading: Reading, sample: str | None, name: str) -> Iterator[Quantity]:
    """Mean of the runs of each attribute, with Student's interval where there are several."""
    from scipy.stats import t

    for found in reading.measurements:
        values = np.array([v.value for v in found.values if not v.excluded and not v.censored])
        values = values[np.isfinite(values)]
        if not len(values) or (sample is not None and found.sample != sample):
            continue
        reach = math.nan
        if len(values) > 1:
            error = float(values.std(ddof=1)) / math.sqrt(len(values))
            reach = float(t.ppf(0.975, len(values) - 1)) * error
        centre = float(values.mean())
        yield Quantity(
            value=centre,
            low=centre - reach,
            high=centre + reach,
            log_sd=math.nan,
            unit=found.unit,
            by=(name,),
            how=f"{found.attribute} ({found.method}{f', {found.sample}' if found.sample else ''})",
        )


def _potency(batch: BatchDescription, work: _Work) -> tuple[Quantity, ...]:
    """Relative potency of each assay, in the order of the batch file."""
    return tuple(_potency_of(entry, work) for entry in batch.potency)


def _potency_of(entry: PotencyFile, work: _Work) -> Quantity:
    if entry.file is None:
        assert entry.relative is not None and entry.low is not None and entry.high is not None
        found = (entry.relative, entry.low, entry.high)
        return _potent(found, "batch.yaml: potency", entry.assay)
    from exocast.vial.relative_potency import relative_potency

    path = next(named_files(work.base, entry.file))
    layout = None if entry.layout is None else next(named_files(work.base, entry.layout))
    answer = relative_potency(
        path,
        reference=entry.reference,
        sample=entry.sample,
        model=entry.model,
        dose_range=entry.range,
        transform=entry.transform,
        outliers=entry.outliers,
        combine=entry.combine,
        assay=entry.assay,
        layout=layout,
    )
    result = answer["result"]
    name = work.name(path)
    work.files.append(
        BatchFile(
            file=name, sha256=result["sha256"], kind="plate of a potency assay", used_for="potency"
        )
    )
    work.warnings += [VialWarning(**w) for w in answer["warnings"]]
    if result["refused"] is not None:
        refused = result["refused"]
        raise InvalidInput(refused["message"], code=refused["code"], where=str(path))
    if result["scenario"] is None:
        raise InvalidInput(
            f"a relative potency of {result['relative']:.3g} ({result['low']:.3g} to "
            f"{result['high']:.3g}) is beyond what a forecast takes (0 to 1000).",
            code="OUT_OF_RANGE",
            where=str(path),
        )
    carried = result["scenario"]["vial"]["potency"]
    return _potent((carried["relative"], carried["low"], carried["high"]), name, entry.assay)


def _potent(found: tuple[float, float, float], by: str, assay: str) -> Quantity:
    relative, low, high = found
    return Quantity(
        value=relative,
        low=low,
        high=high,
        log_sd=math.log(high / low) / (2 * Z95),
        unit="1",
        by=(by,),
        how=assay,
    )


def _as_vial(
    batch: BatchDescription, protein: Quantity | None, potency: Quantity | None
) -> VialDescription:
    """The batch as the block ``vial`` of a scenario, its files apart."""
    return VialDescription(
        product=batch.product,
        contents=batch.contents,
        volume=batch.fill.volume,
        container=batch.fill.container,
        storage=batch.storage,
        protein=None if protein is None else ProteinAssay(concentration=f"{protein.value!r} ug/mL"),
        potency=None
        if potency is None
        else PotencyAssay(
            relative=potency.value, low=potency.low, high=potency.high, assay=potency.how
        ),
        curve=batch.curve,
    )


def _once(warnings: Sequence[VialWarning]) -> Iterator[VialWarning]:
    seen: set[tuple[str, str, str]] = set()
    for warning in warnings:
        key = (warning.code, warning.message, warning.where)
        if key not in seen:
            seen.add(key)
            yield warning
