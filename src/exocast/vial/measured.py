"""A batch, measured: every file that ``batch.yaml`` names is read, and the estimates made.

What was measured becomes rows of this batch; what was not is filled from the population and said.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import t as student

from exocast.errors import InvalidInput
from exocast.evidence.chance import value_of
from exocast.evidence.rows import Row, package_table
from exocast.vial.agreement import (
    DilutionLinearity,
    MethodComparison,
    compare_methods,
    dilution_linearity,
)
from exocast.vial.batch import (
    BATCH_FILE,
    POSITIONS,
    BatchDescription,
    BlankFile,
    Document,
    ParticleFile,
    PotencyFile,
    load_batch,
    named_files,
    one_file,
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
from exocast.vial.nested import spread_of
from exocast.vial.net_sizes import PooledSizes, net_run, pooled_sizes
from exocast.vial.purity import Purity, purity
from exocast.vial.records import Dilution, ParticleExport, Reading, VialWarning, maker_of
from exocast.vial.registry import read_file
from exocast.vial.runs import Run, counted
from exocast.vial.size import SizeFit
from exocast.vial.size_estimate import SizeEstimate, estimate_sizes
from exocast.vial.vial import PotencyAssay, ProteinAssay, VialDescription

Array = NDArray[np.float64]
# Chances at which preparations are said to differ, and, with runs that scatter as the widest five
# in a hundred do, are refused as one lot.
RARE, NEVER, WIDE = 2e-2, 1e-3, 1.6449
SCORES = 81
# What only a person can answer of a file's contents.
QUESTIONS = ("MIXED_SAMPLES", "MIXED_TARGETS", "DILUTION_UNKNOWN")
FEW_VIALS = 3
DOCUMENTED = {
    "image wide",
    "image close",
    "topology",
    "other compartments",
    "soluble proteins",
    "lipid",
}
LOT = re.compile(r"\b(?:lot|batch)[\s_#:.-]*([a-z]*\d[\w]*)", re.IGNORECASE)


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
    runs
        Runs that the count rests on, less their buffer, then those of the buffer as they stand.
    estimate
        Particles per mL over vials and preparations; None when nothing was counted.
    net
        Blank subtractions by preparation; empty without a blank.
    count
        Particles per mL of the batch, less the blank: what a dose is drawn up by.
    linearity, comparisons
        Where several dilutions, several methods, or several instruments were measured.
    size
        Law of the sizes that a forecast takes, over all captures; ``pooled`` holds the bins, less
        the buffer where its sizes are known.
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
    comparisons: tuple[MethodComparison, ...]
    size: SizeFit | None
    pooled: PooledSizes | None
    protein: Quantity | None
    purity: Purity | None
    potency: Quantity | None
    findings: tuple[Quantity, ...]
    shown: tuple[Shown, ...]
    reporting: tuple[Item, ...]
    warnings: tuple[VialWarning, ...]
    description: VialDescription

    @functools.cached_property
    def sizes(self) -> SizeEstimate | None:
        """Percentiles with intervals, and whether one law or two fit; no forecast needs them."""
        if self.pooled is None:
            return None
        return estimate_sizes(self.pooled.export, ends=self.pooled.ends)


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
    batch, base = load_batch(path)
    file = Path(path) / BATCH_FILE if Path(path).is_dir() else Path(path)
    work = _Work(base=base)
    _read_particles(batch, work, progress)
    _facts(batch, work)
    gross = _chosen(batch, [r for r in work.runs if not r.blank])
    net = _net(gross, work)
    # The buffer is taken off each preparation first, so that lot, vials and scatter are all net.
    given = [_less_buffer(r, net) for r in gross]
    estimate = estimate_batch(given) if given else None
    if estimate is not None:
        # One buffer for all: what its level is not known to moves every preparation together.
        estimate = _with_buffer(estimate, _of_buffer(net))
        work.warnings += estimate.warnings
        _check_agreement(given, work)
    count = None if estimate is None else _count(estimate, net, given)
    pooled = _pooled(gross, net, work)
    size = None if pooled is None else _size(pooled, work)
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
    linearity, comparisons = _linearity(given, work), _comparisons(batch, gross, net, work)
    _check_names(gross, work)
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
        runs=(*given, *(r for r in work.runs if r.blank)),
        estimate=estimate,
        net=tuple(net.values()),
        count=count,
        linearity=linearity,
        comparisons=comparisons,
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
    )


def batch_measurement(made: MeasuredBatch) -> VialMeasurement | None:
    """The count of a batch in the form that a single file's has."""
    if made.count is None or made.estimate is None:
        return None
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
    # Two vials hardly tell how vials differ: then it is known no better than for other products.
    learned = estimate.vials.learned and estimate.vials.n_valid >= FEW_VIALS
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
    seen: dict[tuple[tuple[str, str, str], ...], str] = {}
    questions: list[InvalidInput] = []
    for done, (entry, path) in enumerate(asked, start=1):
        mapping = None if entry.map is None else one_file(work.base, entry.map)
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
        asked_of = _open_questions(export, entry, work, name)
        if asked_of:
            # Asked together: a folder of runs is not to be corrected one run at a time.
            questions += asked_of
            continue
        content = _content_of(export, entry.sample)
        if content in seen:
            raise InvalidInput(
                f"its captures are those of '{seen[content]}', number by number: the same run, "
                "saved twice. Its particles would be counted twice; leave one out.",
                code="DUPLICATE_RUN",
                where=str(path),
            )
        seen[content] = name
        work.warnings += [w for w in reading.warnings if w.code != "MIXED_SAMPLES"]
        vial = "buffer" if isinstance(entry, BlankFile) else entry.vial
        assert vial is not None
        stated = None if isinstance(entry, BlankFile) else entry.preparation
        work.runs.append(
            Run(
                export=export,
                vial=vial,
                preparation=stated or (f"{name} {entry.sample}" if entry.sample else name),
                dilution=entry.dilution,
                sample=entry.sample,
                blank=blank,
                instrument=entry.instrument or maker_of(reading),
            )
        )
        if not blank:
            work.shown.append(Shown(what="particles", by=name, name=export.method))
            if export.method in ("NTA", "RPS", "flow"):
                work.shown.append(Shown(what="single vesicles", by=name, name=export.method))
        if progress is not None:
            progress(done, len(asked))
    if questions:
        raise InvalidInput(
            "\n".join(q.message for q in questions), code=questions[0].code, where=str(work.base)
        )


def _content_of(export: ParticleExport, sample: str | None) -> tuple[tuple[str, str, str], ...]:
    """Concentrations, tracks and mean sizes of the captures, to four digits, however written.

    The sizes are there because two runs may well count the same number of particles.
    """
    sizes = [""] * len(export.captures)
    if export.bins is not None:
        with np.errstate(invalid="ignore"):
            means = export.bins.centres_nm @ export.bins.per_ml / export.bins.per_ml.sum(axis=0)
        sizes = [f"{m:.4g}" for m in means]
    return tuple(
        (f"{c.concentration_per_ml:.4g}", f"{c.tracks:.4g}", size)
        for c, size in zip(export.captures, sizes, strict=True)
        if sample is None or c.sample == sample
    )


def _asked(batch: BatchDescription, base: Path) -> Iterator[tuple[ParticleFile | BlankFile, Path]]:
    entries: tuple[ParticleFile | BlankFile, ...] = (*batch.particles, *batch.blanks)
    for entry in entries:
        for path in named_files(base, entry.file):
            yield entry, path


def _check_names(runs: Sequence[Run], work: _Work) -> None:
    """Two lots that the files themselves name."""
    lots: dict[str, str] = {}
    for run in runs:
        chosen = run.sample or ""
        texts = (chosen,) if chosen else run.export.texts
        for text in texts:
            for found in LOT.findall(text.replace("_", " ")):
                lots.setdefault(found.lower(), run.export.file)
    if len(lots) > 1:
        message = (
            f"names in the files speak of lots {', '.join(sorted(lots))}; one batch is one lot"
        )
        work.warnings.append(
            VialWarning(code="LOTS_MIXED", message=message, where=next(iter(lots.values())))
        )


def _open_questions(
    export: ParticleExport, entry: ParticleFile | BlankFile, work: _Work, name: str
) -> list[InvalidInput]:
    """What only a person knows of a run, each by the entry of ``batch.yaml`` that it belongs to.

    Raises
    ------
    InvalidInput
        ``DILUTION_CONFLICT`` where file and batch file contradict each other.
    """
    found = []
    if isinstance(entry, ParticleFile) and entry.vial is None:
        found.append(
            InvalidInput(
                f"say which vial of the fill {name} was measured of, in the entry's field 'vial' "
                "(1, 2 ...): runs of one vial say nothing about how vials differ.",
                code="VIAL_UNKNOWN",
                where=str(work.base),
            )
        )
    try:
        known_dilution(export, entry.dilution)
    except InvalidInput as e:
        if e.code != "DILUTION_UNKNOWN":
            raise
        place = "blanks" if isinstance(entry, BlankFile) else "particles"
        said = e.message.replace("--dilution N (field vial.dilution)", f"'dilution:' in {place}")
        found.append(InvalidInput(f"{name}: {said}", code=e.code, where=str(work.base)))
    stated, recorded = entry.dilution, export.dilution.value
    if stated is not None and recorded is not None and not math.isclose(stated, recorded):
        raise InvalidInput(
            f"{name} records a dilution of {recorded:g}, and the batch file says {stated:g}: one "
            "of them is wrong. Leave 'dilution' out to use the file's.",
            code="DILUTION_CONFLICT",
            where=str(work.base),
        )
    return found


def _chosen(batch: BatchDescription, runs: list[Run]) -> list[Run]:
    """Runs of the method, or of the instrument, that doses are drawn up by."""
    methods = tuple(dict.fromkeys(r.export.method for r in runs))
    instruments = tuple(dict.fromkeys(r.instrument for r in runs))
    wanted = batch.counted_by
    if wanted is None:
        if len(methods) < 2:
            return runs
        raise InvalidInput(
            f"the batch was counted by {' and '.join(methods)}, which detect different particles "
            "and are never averaged. Say 'counted_by' with the one that doses are drawn up by; the "
            "other is compared with it.",
            code="METHODS_MIXED",
            where="counted_by",
        )
    if runs and wanted not in (*methods, *instruments):
        known = ", ".join(dict.fromkeys((*methods, *instruments)))
        raise InvalidInput(
            f"no file was counted by '{wanted}'; there are {known}.", where="counted_by"
        )
    return [r for r in runs if wanted in (r.export.method, r.instrument)]


def _others(batch: BatchDescription, runs: Sequence[Run]) -> Iterator[tuple[str, list[Run]]]:
    """Runs that no dose is drawn up by, by method, or by instrument inside the chosen method."""
    chosen = {id(r) for r in _chosen(batch, list(runs))}
    methods = {r.export.method for r in runs if id(r) in chosen}
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if id(run) not in chosen:
            name = run.instrument if run.export.method in methods else run.export.method
            groups.setdefault(name, []).append(run)
    yield from groups.items()


Net = dict[tuple[str, str, str], BlankSubtraction]


def _tube(run: Run) -> tuple[str, str, str]:
    return run.vial, run.preparation, run.instrument


def _net(runs: Sequence[Run], work: _Work) -> Net:
    """Each preparation less its buffer, as the same instrument counted it.

    Raises
    ------
    InvalidInput
        ``BLANK`` where the particles are the buffer's.
    """
    blanks = [r for r in work.runs if r.blank]
    if not runs or not blanks:
        return {}
    bare = [r for r in runs if r.instrument not in {b.instrument for b in blanks}]
    if bare:
        by = ", ".join(dict.fromkeys(b.instrument for b in blanks))
        on = ", ".join(dict.fromkeys(r.instrument for r in bare))
        message = f"the buffer was measured by {by} and not by {on}: nothing is taken off what "
        message += f"{on} counted"
        work.warnings.append(VialWarning(code="BLANK", message=message, where=bare[0].export.file))
    found = _subtracted([r for r in runs if r not in bare], blanks)
    for (vial, preparation, _), one in found.items():
        if one.below_detection:
            file = next(
                r.export.file for r in runs if (r.vial, r.preparation) == (vial, preparation)
            )
            raise InvalidInput(
                f"preparation '{preparation}' of vial '{vial}' is not shown to hold more particles "
                f"than its buffer, which has {100 * one.blank_share:.0f} % of its level and, from "
                "run to run, up to all of it (95 % interval): at most "
                f"{one.limit_per_ml:.3g}/mL are the sample's. Dilute less, clean the buffer, or "
                "measure the buffer more than once.",
                code="BLANK",
                where=file,
            )
        work.warnings += [w for w in one.warnings if w.code == "BLANK"]
    return found


def _subtracted(runs: Sequence[Run], blanks: Sequence[Run]) -> Net:
    """Preparations less the blanks of their instruments."""
    found: Net = {}
    for tube in dict.fromkeys(_tube(r) for r in runs):
        mine = [r for r in runs if _tube(r) == tube]
        found[tube] = subtract_blank(mine, [b for b in blanks if b.instrument == tube[2]])
    return found


def _of_buffer(net: Net) -> float:
    """SD of the logarithm of the count that the buffers' levels add, one buffer an instrument."""
    if not net:
        return 0.0
    names = tuple(dict.fromkeys(tube[2] for tube in net))
    each = [np.mean([n.buffer_log_sd for t, n in net.items() if t[2] == name]) for name in names]
    return float(np.sqrt(np.square(each).sum())) / len(names)


def _less_buffer(run: Run, net: Net) -> Run:
    """The run with its concentrations and its bins less the buffer's."""
    one = net.get(_tube(run))
    if one is None:
        return run
    kept = one.net_level / one.sample_level
    return net_run(run, kept, one.sample_level, one.buffer)


def _pooled(runs: Sequence[Run], net: Net, work: _Work) -> PooledSizes | None:
    """Sizes of the batch, less the buffer where that can be done."""
    buffers = {tube: one.buffer for tube, one in net.items() if one.buffer is not None}
    pooled = pooled_sizes(runs, buffers)
    if pooled is None:
        return None
    work.warnings += pooled.warnings
    limit = package_table("vial", "instrument")["blank_share"].value
    left = {t: n for t, n in net.items() if t not in buffers and n.blank_share > limit}
    if left:
        most = max(n.blank_share for n in left.values())
        message = "no blank holds sizes, so the sizes below still hold the buffer's particles, "
        message += f"which are up to {most:.0%} of what was counted. Export the sizes of the blank"
        work.warnings.append(VialWarning(code="BLANK_SIZES", message=message, where=str(work.base)))
    return pooled


def _size(pooled: PooledSizes, work: _Work) -> SizeFit | None:
    """Law of the sizes, its errors holding what the level of the buffer leaves open."""
    size, said = measure_size(pooled.export)
    work.warnings += said
    if size is None or not pooled.ends:
        return size
    low, high = (measure_size(end)[0] for end in pooled.ends)
    if low is None or high is None:
        return replace(size, se_log_median=math.nan, se_log_sd=math.nan)
    return replace(
        size,
        se_log_median=math.hypot(size.se_log_median, math.log(high.median_nm / low.median_nm) / 2),
        se_log_sd=math.hypot(size.se_log_sd, (high.log_sd - low.log_sd) / 2),
    )


def _check_agreement(runs: Sequence[Run], work: _Work) -> None:
    """Preparations that differ as those of one lot seldom do are said, and refused where never.

    The estimate itself widens where preparations disagree; this is for the person who mistook a
    dilution or a vial. Each instrument has a level of its own.

    Raises
    ------
    InvalidInput
        ``PREPARATIONS_DIFFER`` where even runs that scatter as the widest five in a hundred do
        would differ so less than once in a thousand times.
    """
    rows = package_table("vial", "population")
    means: dict[tuple[str, str, str], list[float]] = {}
    for one in (counted(r) for r in runs):
        if len(one.logs):
            means.setdefault(one.tube, []).append(float(one.logs.mean()))
    instruments = dict.fromkeys(tube[2] for tube in means)
    freedom = len(means) - len(instruments)
    if freedom < 1:
        return
    tubes = list(means)
    values = np.array([np.mean(means[t]) for t in tubes])
    middle = {i: values[[t[2] == i for t in tubes]].mean() for i in instruments}
    own = values - np.array([middle[t[2]] for t in tubes])
    others = rows["vial_spread"].value ** 2 + rows["capture_spread_middle"].value ** 2
    spread = spread_of(rows["run_spread"], SCORES)
    weight = np.exp(spread.log_weight)

    def chance(run_spread: float | Array) -> Array:
        return np.asarray(chi2.sf((own**2).sum() / (np.square(run_spread) + others), freedom))

    if float(weight @ chance(spread.values) / weight.sum()) > RARE:
        return
    low, high = int(own.argmin()), int(own.argmax())
    message = (
        f"preparation '{tubes[low][1]}' of vial '{tubes[low][0]}' holds "
        f"{math.exp(values[low]):.2g}/mL and '{tubes[high][1]}' of vial '{tubes[high][0]}' "
        f"{math.exp(values[high]):.2g}/mL, {math.exp(np.ptp(own)):.3g} times as much"
        f"{' for its instrument' if len(instruments) > 1 else ''}; repeated runs of one lot seldom "
        "differ so. A dilution may be wrong, or one is of another lot"
    )
    if float(chance(float(value_of(rows["run_spread"], np.asarray(WIDE))))) < NEVER:
        raise InvalidInput(
            f"{message}. Correct the entry, or leave one out.",
            code="PREPARATIONS_DIFFER",
            where=str(work.base),
        )
    message += ". The interval of the batch is as wide as that makes it"
    work.warnings.append(
        VialWarning(code="PREPARATIONS_DIFFER", message=message, where=str(work.base))
    )


def _with_buffer(estimate: BatchEstimate, of_blank: float) -> BatchEstimate:
    """The estimate with what the buffer's level is not known to, shared by lot and vials."""

    def wider(value: float, ends: tuple[float, float], log_sd: float) -> tuple[float, float]:
        factor = math.hypot(log_sd, of_blank) / log_sd
        low, high = (value * math.exp(factor * math.log(x / value)) for x in ends)
        return low, high

    value, sd, of_vial = estimate.value, estimate.log_sd, estimate.log_sd_vial
    return replace(
        estimate,
        interval_90=wider(value, estimate.interval_90, sd),
        interval_95=wider(value, estimate.interval_95, sd),
        log_sd=math.hypot(sd, of_blank),
        log_sd_vial=math.hypot(of_vial, of_blank),
        interval_vial_95=wider(value, estimate.interval_vial_95, of_vial),
        contents=tuple(
            replace(
                c,
                low=wider(c.value, (c.low, c.high), c.log_sd)[0],
                high=wider(c.value, (c.low, c.high), c.log_sd)[1],
                log_sd=math.hypot(c.log_sd, of_blank),
            )
            for c in estimate.contents
        ),
    )


def _count(estimate: BatchEstimate, net: Net, runs: Sequence[Run]) -> Quantity:
    captures, preparations, vials = estimate.captures, estimate.preparations, estimate.vials
    how = (
        f"{captures.n_valid} of {captures.n_total} captures, "
        f"{preparations.n_valid} preparation{'s' * (preparations.n_valid != 1)}, "
        f"{vials.n_valid} vial{'s' * (vials.n_valid != 1)}"
    )
    if estimate.biases:
        how += f"; {' and '.join(b.instrument for b in estimate.biases)}, a bias each"
    if net:
        shares = [n.blank_share for n in net.values()]
        how += f"; less the buffer, {100 * float(np.mean(shares)):.2g} %"
    return Quantity(
        value=estimate.value,
        low=estimate.interval_95[0],
        high=estimate.interval_95[1],
        log_sd=estimate.log_sd,
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
        # Levels outside the linear range are said of every run already.
        work.warnings += [w for w in found.warnings if not w.where]
    return found


def _comparisons(
    batch: BatchDescription, gross: Sequence[Run], net: Net, work: _Work
) -> tuple[MethodComparison, ...]:
    """What doses are drawn up by against every other method and instrument.

    Net against net where each was less its own buffer; as counted otherwise, which is said.
    """
    if batch.counted_by is None:
        return ()
    blanks = [r for r in work.runs if r.blank]
    found = []
    for name, runs in _others(batch, [r for r in work.runs if not r.blank]):
        of_other = _subtracted(
            [r for r in runs if r.instrument in {b.instrument for b in blanks}], blanks
        )
        both = all(_tube(r) in net for r in gross) and all(_tube(r) in of_other for r in runs)
        beneath = any(n.below_detection for n in of_other.values())
        is_net = both and not beneath
        if not is_net and (net or of_other):
            why = f"{name} counted no more than its buffer" if beneath else "not each has its own"
            message = f"{batch.counted_by} and {name} are compared as they counted, buffers not "
            message += f"taken off ({why})"
            work.warnings.append(
                VialWarning(code="BLANK", message=message, where=runs[0].export.file)
            )
        one = compare_methods(
            [_less_buffer(r, net) for r in gross] if is_net else gross,
            [_less_buffer(r, of_other) for r in runs] if is_net else runs,
            methods=(batch.counted_by, name),
            used=batch.counted_by,
            buffers=(_of_buffer(net), _of_buffer(of_other)) if is_net else None,
        )
        work.warnings += one.warnings
        found.append(one)
    return tuple(found)


def _texts(runs: Sequence[Run]) -> tuple[str, ...]:
    return tuple(t for r in runs for t in r.export.texts)


# Everything else ----------------------------------------------------------------------------------


def _facts(batch: BatchDescription, work: _Work) -> None:
    """What the batch file and its documents show for the reporting list."""
    if batch.source.amount:
        work.shown.append(
            Shown(what="source amount", by="batch.yaml: source", name=batch.source.amount)
        )
    for document in batch.documents:
        path = one_file(work.base, document.file)
        name = work.name(path)
        work.files.append(
            BatchFile(
                file=name,
                sha256=_sha256(path),
                kind=document.method,
                used_for=f"reporting: {document.shows}{_result_of(document)}",
            )
        )
        if document.shows in ("protein marker", "contaminant"):
            _protein_of_document(document, name, work)
        elif document.shows in DOCUMENTED:
            work.shown.append(Shown(what=document.shows, by=name, name=document.method))


def _result_of(document: Document) -> str:
    """What a document found, as it is shown beside its file."""
    parts = [document.protein or ""]
    if document.found is not None:
        parts.append("found" if document.found else "not found")
    parts.append(document.value or "")
    said = " ".join(part for part in parts if part)
    return f", {said}" if said else ""


def _protein_of_document(document: Document, name: str, work: _Work) -> None:
    assert document.protein is not None
    what, gene = marker_class(document.protein)
    if document.shows == "contaminant" and what == "contaminant":
        said = f"{gene} {'found' if document.found else 'not found'}"
        work.shown.append(Shown(what=what, by=name, name=said))
    elif document.shows == "protein marker" and what in ("transmembrane", "cytosolic"):
        if document.found:
            work.shown.append(Shown(what=what, by=name, name=gene))
    else:
        message = f"'{document.protein}' is no {document.shows} on the identity panel "
        message += "(vial/identity.csv) and counts for none"
        work.warnings.append(VialWarning(code="MARKER_UNKNOWN", message=message, where=name))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _protein(batch: BatchDescription, work: _Work) -> Quantity | None:
    """Protein of the fill; several determinations by their geometric mean."""
    spread = package_table("vial", "population")["protein_spread"]
    found: list[Quantity] = []
    seen: set[tuple[str, str | None]] = set()
    for entry in batch.protein:
        key = (entry.file or entry.concentration or "", entry.sample)
        if key in seen:
            raise InvalidInput(
                f"'{key[0]}' stands twice under 'protein'; one determination counts once.",
                code="DUPLICATE",
                where="protein",
            )
        seen.add(key)
        one, warnings = protein_of_entry(entry, work.base, spread, work.keep)
        work.warnings += warnings
        work.shown += [Shown(what="protein", by=name) for name in one.by]
        found.append(one)
    if len(found) < 2:
        return found[0] if found else None
    logs = np.log([f.value for f in found])
    # Assays of one laboratory share standards, so their common part does not average away; and
    # assays that differ by more than they claim are believed in their difference.
    own = math.hypot(
        spread.value,
        math.sqrt(sum(max(0.0, f.log_sd**2 - spread.value**2) for f in found)) / len(found),
    )
    scatter = float(logs.std(ddof=1)) / math.sqrt(len(found))
    reach = float(student.ppf(0.975, len(found) - 1)) / Z95
    log_sd = max(own, reach * scatter)
    centre = float(logs.mean())
    if float(np.ptp(logs)) > 3 * math.sqrt(2) * spread.spread[1]:
        message = "the determinations of protein differ "
        message += f"{math.exp(float(np.ptp(logs))):.3g}-fold, more than assays do: check the units"
        work.warnings.append(
            VialWarning(code="PROTEIN_DIFFERS", message=message, where=str(work.base))
        )
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
    asked = [
        *(functools.partial(identity_of_entry, e, work.base, work.keep) for e in batch.identity),
        *(functools.partial(markers_of_entry, e, work.base, work.keep) for e in batch.markers),
        *(functools.partial(cargo_of_entry, e, work.base, count, work.keep) for e in batch.cargo),
    ]
    parts, questions = [], []
    for ask in asked:
        try:
            parts.append(ask())
        except InvalidInput as e:
            if e.code not in QUESTIONS:
                raise
            questions.append(e)
    if questions:
        # Together, as those of the runs: only a person knows, and he is asked once.
        raise InvalidInput(
            "\n".join(_question(q, work) for q in questions),
            code=questions[0].code,
            where=str(work.base),
        )
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


def _question(asked: InvalidInput, work: _Work) -> str:
    """An open question behind the file that it is about."""
    return f"{work.name(Path(asked.where))}: {asked.message}" if asked.where else asked.message


def _shown(reading: Reading, sample: str | None, name: str) -> Iterator[Quantity]:
    """Mean of the runs of each attribute, with Student's interval where there are several."""
    for found in reading.measurements:
        values = np.array([v.value for v in found.values if not v.excluded and not v.censored])
        values = values[np.isfinite(values)]
        if not len(values) or (sample is not None and found.sample != sample):
            continue
        reach = math.nan
        if len(values) > 1:
            error = float(values.std(ddof=1)) / math.sqrt(len(values))
            reach = float(student.ppf(0.975, len(values) - 1)) * error
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

    path = one_file(work.base, entry.file)
    layout = None if entry.layout is None else one_file(work.base, entry.layout)
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
    if not _by_particles(result["dose_unit"]):
        message = f"the potency is at equal doses in {result['dose_unit']}, and a forecast applies "
        message += "it at equal numbers of particles: the same only where the reference has as "
        message += "many particles in that unit as this batch. Dose the plate by particles"
        work.warnings.append(VialWarning(code="POTENCY_UNIT", message=message, where=name))
    carried = result["scenario"]["vial"]["potency"]
    return _potent((carried["relative"], carried["low"], carried["high"]), name, entry.assay)


def _by_particles(unit: str) -> bool:
    """Whether a dose unit counts particles, whatever they are set against."""
    return bool(re.match(r"\s*(particle|item|vesicle|ev)s?\b", unit, re.IGNORECASE))


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
