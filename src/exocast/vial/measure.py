"""What a measurement says: concentration with its interval, and sizes of detected particles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError, UnknownName, nearest
from exocast.evidence.rows import Row, package_table
from exocast.vial.names import dilutions_in
from exocast.vial.nested import mixture, pool, spread_of
from exocast.vial.records import Capture, Dilution, ParticleExport, Reading, VialWarning
from exocast.vial.size import SizeFit, fit_sizes, fit_sizes_of_captures

Array = NDArray[np.float64]
SPREAD_POINTS = 81


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its 95 % interval; ``log_sd`` is the standard deviation of its logarithm.

    ``n_valid`` of ``n_total`` captures entered it; ``capture_spread`` is the spread between
    captures (of the logarithm, counting error apart) that goes with it.
    """

    value: float
    low: float
    high: float
    log_sd: float
    n_valid: int
    n_total: int
    capture_spread: float


@dataclass(frozen=True, kw_only=True)
class VialMeasurement:
    """One sample of one file, measured.

    Attributes
    ----------
    concentration
        Particles per mL of the undiluted sample, detected ones only. Its interval covers the
        captures of this run; what repeated runs add is the row ``population.run_spread``.
    size
        None when the file holds no sizes that can be fitted.
    level_per_ml
        Concentration in the instrument, which decides whether it counted in its linear range.
    """

    file: str
    sha256: str
    sample: str
    dilution: Dilution
    concentration: Estimate
    level_per_ml: float
    size: SizeFit | None
    warnings: tuple[VialWarning, ...]


def measure(
    export: ParticleExport, dilution: float | None = None, sample: str | None = None
) -> VialMeasurement:
    """Concentration and sizes of one sample of an export.

    The logarithm of a capture's concentration varies by counting (one over its tracks) and by
    the spread between captures, which has the prior of ``population.capture_spread_*`` for the
    level in the instrument. With one valid capture the file says nothing about that spread.

    Parameters
    ----------
    export
        From :func:`exocast.vial.read_nanosight`.
    dilution
        The factor, when the file does not record it. A recorded one stands and is never applied
        a second time.
    sample
        Which sample of a merged file.

    Raises
    ------
    InstrumentFileError
        ``MIXED_SAMPLES``, ``NO_CONCENTRATION``, ``DILUTION_UNKNOWN`` or ``EMPTY_RUN``.
    UnknownName
        When there is no such sample.
    """
    chosen = captures_of(export, sample)
    if all(c.excluded or math.isnan(c.concentration_per_ml) for c in chosen) and not all(
        c.excluded for c in chosen
    ):
        raise InstrumentFileError(
            f"none of {len(chosen)} captures states a concentration, though particles were sized. "
            "Give the file of the same run that holds concentrations.",
            code="NO_CONCENTRATION",
            where=export.file,
        )
    known, warnings = known_dilution(export, dilution)
    valid = usable(chosen)
    if not valid:
        raise InstrumentFileError(
            f"none of {len(chosen)} captures holds particles "
            f"({'; '.join(f'{c.name}: {_why_not(c)}' for c in chosen)}). Measure again.",
            code="EMPTY_RUN",
            where=export.file,
        )
    factor, inside = factors(known)
    level = math.exp(sum(math.log(c.concentration_per_ml / inside) for c in valid) / len(valid))
    estimate = _concentration(valid, len(chosen), level)
    size, size_warnings = measure_size(export, sample)
    return VialMeasurement(
        file=export.file,
        sha256=export.sha256,
        sample=chosen[0].sample,
        dilution=known,
        concentration=replace(
            estimate,
            value=factor * estimate.value,
            low=factor * estimate.low,
            high=factor * estimate.high,
        ),
        level_per_ml=level,
        size=size,
        warnings=(
            *warnings,
            *count_warnings(export, chosen, valid, level),
            *size_warnings,
        ),
    )


def factors(known: Dilution) -> tuple[float, float]:
    """What a known dilution turns the file's concentrations by.

    Returns
    -------
    The factor to the undiluted sample and the divisor to the level in the instrument: one of the
    two is 1, since the file states one of the two concentrations.
    """
    assert known.value is not None
    return (1.0, known.value) if known.state == "applied" else (known.value, 1.0)


def _why_not(capture: Capture) -> str:
    if capture.excluded:
        return capture.reason
    if math.isnan(capture.concentration_per_ml):
        return "states no concentration"
    return f"states {capture.concentration_per_ml:g}/mL"


def particles_of(reading: Reading) -> ParticleExport:
    """Counts and sizes of a file that has them.

    Raises
    ------
    InstrumentFileError
        ``NO_PARTICLES`` when the file is of another kind.
    """
    if reading.particles is None:
        raise InstrumentFileError(
            f"this is a {reading.kind}, which counts no particles per mL; a vial needs the export "
            "of a particle analyser (NTA, resistive pulses) or a mapped table of sizes.",
            code="NO_PARTICLES",
            where=reading.file,
        )
    return reading.particles


def captures_of(export: ParticleExport, sample: str | None) -> tuple[Capture, ...]:
    """Captures of the sample that is asked for, or of the only one.

    Raises
    ------
    InstrumentFileError
        ``MIXED_SAMPLES`` when there are several and none is named.
    UnknownName
        When there is no such sample.
    """
    samples = export.samples
    if sample is None:
        if len(samples) > 1:
            raise InstrumentFileError(
                f"{len(export.captures)} captures of {len(samples)} samples were merged in this "
                f"file: {', '.join(samples)}. Name one with --sample (field vial.sample).",
                code="MIXED_SAMPLES",
                where=export.file,
            )
        return export.captures
    if sample not in samples:
        raise UnknownName(
            f"the file has no sample '{sample}'." + nearest(sample, samples), where=export.file
        )
    return tuple(c for c in export.captures if c.sample == sample)


def known_dilution(
    export: ParticleExport, dilution: float | None
) -> tuple[Dilution, list[VialWarning]]:
    """The dilution that holds, from the file or else from the user.

    Raises
    ------
    InstrumentFileError
        ``DILUTION_UNKNOWN`` when neither says it, or the factor is impossible.
    """
    recorded = export.dilution
    where = f"{export.file}, line {recorded.line}" if recorded.line else export.file
    if dilution is not None and not (math.isfinite(dilution) and dilution >= 1):
        raise InstrumentFileError(
            f"a dilution of {dilution:g} is impossible; give the factor, 1 or more "
            "(200 for one part in 200).",
            code="DILUTION_UNKNOWN",
            where=export.file,
        )
    if recorded.value is not None and recorded.state == "not_applied":
        return _not_yet_applied(recorded, dilution, where)
    if recorded.value is not None:
        if dilution is None:
            return recorded, []
        mean = _mean([c.concentration_per_ml for c in export.captures if not c.excluded])
        same = math.isclose(dilution, recorded.value, rel_tol=1e-9)
        message = (
            f"the file says {recorded.value:g} and its concentrations are adjusted for it; "
            f"{dilution:g} is not applied again (it would give {dilution * mean:.2g}/mL)"
        )
        if not same:
            message += ". The two differ: if the recorded one is wrong, correct it in the software"
        return recorded, [
            VialWarning(code="DILUTION_ALREADY_APPLIED", message=message, where=where)
        ]
    if dilution is None:
        raise InstrumentFileError(dilution_question(export), code="DILUTION_UNKNOWN", where=where)
    return Dilution(value=dilution, state="not_applied", origin="user", line=recorded.line), []


def _not_yet_applied(
    recorded: Dilution, dilution: float | None, where: str
) -> tuple[Dilution, list[VialWarning]]:
    """A factor that the file records and its concentrations do not carry."""
    assert recorded.value is not None
    if dilution is None or math.isclose(dilution, recorded.value, rel_tol=1e-9):
        return recorded, []
    raise InstrumentFileError(
        f"the file records a dilution of {recorded.value:g}, and {dilution:g} is stated: one of "
        "them is wrong. Leave --dilution (field dilution) out to use the file's, or correct the "
        "factor in the instrument's software and export again.",
        code="DILUTION_CONFLICT",
        where=where,
    )


def dilution_question(export: ParticleExport) -> str:
    """Sentence that asks for a dilution which the file does not record, with what names suggest."""
    pieces = dilutions_in(c.sample for c in export.captures) or dilutions_in(export.texts)
    said = "the dilution is 'Not recorded', so the concentrations are those at the instrument or "
    said += "not: the file does not say."
    if pieces:
        said += f" Names contain {', '.join(pieces)}."
    return f"{said} Give it with --dilution N (field vial.dilution). Nothing was assumed."


def measure_size(
    export: ParticleExport, sample: str | None = None
) -> tuple[SizeFit | None, list[VialWarning]]:
    """Sizes of one sample; they do not depend on its dilution.

    Each capture weighs by its valid tracks. Where the file does not say how many these are,
    captures weigh equally and the standard errors come from the differences between captures;
    with one such capture none are claimed (NaN).
    """
    rows = package_table("vial", "instrument")
    captures, weights = size_weights(export, sample)
    if export.bins is None or not captures:
        return None, []
    centres, floor = export.bins.centres_nm, detection_floor(export)
    tracks = np.array([c.tracks for c in captures])
    n = float(tracks.sum()) if counting_variance(captures)[1] else math.nan
    if math.isnan(n):
        fit = fit_sizes_of_captures(centres, weights, floor)
    else:
        fit = fit_sizes(centres, weights @ tracks, n, floor)
    if fit is None:
        message = "no size distribution can be fitted to the bins above the detection floor"
        return None, [VialWarning(code="SIZE_FIT", message=message, where=export.file)]
    warnings = []
    if math.isnan(fit.n_effective):
        message = "the file does not say how many particles stand behind the sizes; "
        if math.isnan(fit.se_log_median):
            message += "with one capture their error is not known and none is claimed"
        else:
            message += "their error is taken from the differences between captures"
        warnings.append(VialWarning(code="COUNTING_UNKNOWN", message=message, where=export.file))
    if fit.n_effective < rows["least_tracks"].value:
        message = f"{fit.n_effective:.0f} valid tracks stand behind the sizes; fewer than "
        message += f"{rows['least_tracks'].value:g} give a thin distribution"
        warnings.append(VialWarning(code="TOO_FEW_TRACKS", message=message, where=export.file))
    if fit.fit_distance > rows["fit_distance"].value:
        message = f"the fitted sizes differ from the detected ones by up to {fit.fit_distance:.0%} "
        message += "of the particles; the sample may hold two populations"
        warnings.append(VialWarning(code="SIZE_FIT", message=message, where=export.file))
    return fit, warnings


def size_weights(export: ParticleExport, sample: str | None) -> tuple[list[Capture], Array]:
    """Captures that hold sizes, and the share of each bin in each: ``(n_bins, n_captures)``."""
    if export.bins is None:
        return [], np.empty((0, 0))
    chosen = captures_of(export, sample)
    used = [i for i, c in enumerate(export.captures) if c in chosen and not c.excluded]
    per_capture = export.bins.per_ml[:, used]
    totals = per_capture.sum(axis=0)
    some = np.isfinite(totals) & (totals > 0)
    return (
        [export.captures[i] for i, is_some in zip(used, some, strict=True) if is_some],
        per_capture[:, some] / totals[some],
    )


def detection_floor(export: ParticleExport) -> Row:
    """Row of the smallest diameter that is fitted; the file's own where it states one."""
    row = package_table("vial", "instrument")["detection_floor"]
    if export.floor_nm is None or not export.floor_nm > 0:
        return row
    return replace(
        row, value=export.floor_nm, spread=(), spread_kind="fixed", note="as the file states it"
    )


def counting_variance(captures: Sequence[Capture]) -> tuple[Array, bool]:
    """Variance of the logarithm of each count, one over its particles, and whether all are known.

    Where a file does not say how many particles stand behind a concentration, nothing is added
    for counting: the spread of :func:`spread_row` is then the widest and holds it.
    """
    tracks = np.array([c.tracks for c in captures], dtype=np.float64)
    known = np.isfinite(tracks) & (tracks > 0)
    return np.where(known, 1.0 / np.where(known, tracks, 1.0), 0.0), bool(known.all())


def spread_row(captures: Sequence[Capture], level_per_ml: float) -> Row:
    """Row of the spread between captures that goes with these: that of their level.

    The row of the lowest level, the widest, where the number of particles is not known.
    """
    if counting_variance(captures)[1]:
        return capture_spread(level_per_ml)
    return package_table("vial", "population")["capture_spread_lowest"]


def usable(captures: Sequence[Capture]) -> list[Capture]:
    """Captures that a concentration can be taken from: not excluded, and above zero."""
    return [
        c
        for c in captures
        if not c.excluded and math.isfinite(c.concentration_per_ml) and c.concentration_per_ml > 0
    ]


def _concentration(valid: Sequence[Capture], n_total: int, level: float) -> Estimate:
    """Geometric mean and interval, the spread between captures averaged over what it can be.

    The innermost level of :func:`exocast.vial.nested.nested`: one preparation of one vial.
    """
    logs = np.log([c.concentration_per_ml for c in valid])
    spread = spread_of(spread_row(valid, level), SPREAD_POINTS)
    counting, _ = counting_variance(valid)
    centre, variance, rest = pool(logs, counting + spread.values[:, None] ** 2)
    log_weight = spread.log_weight + rest
    found = mixture(log_weight, centre, variance)
    weight = np.exp(log_weight - log_weight.max())
    low, high = found.interval(0.95)
    return Estimate(
        value=math.exp(found.mean),
        low=math.exp(low),
        high=math.exp(high),
        log_sd=found.sd,
        n_valid=len(valid),
        n_total=n_total,
        capture_spread=math.exp(float(weight @ np.log(spread.values) / weight.sum())),
    )


def capture_spread(level_per_ml: float) -> Row:
    """Row of the spread between captures that goes with a level in the instrument."""
    rows = package_table("vial", "population")
    for limit, name in (("level_low", "lowest"), ("level_middle", "low"), ("level_high", "middle")):
        if level_per_ml < rows[limit].value:
            return rows[f"capture_spread_{name}"]
    return rows["capture_spread_high"]


def count_warnings(
    export: ParticleExport, chosen: Sequence[Capture], valid: Sequence[Capture], level: float
) -> list[VialWarning]:
    """What a reader has to know of a concentration: captures left out, what stands in, level."""
    rows = package_table("vial", "instrument")
    warnings = []
    lost = [c for c in chosen if not c.excluded and c not in valid]
    if lost:
        message = f"{len(lost)} of {len(chosen)} captures hold no concentration above zero and are "
        message += f"left out ({'; '.join(f'{c.name}: {_why_not(c)}' for c in lost)})"
        warnings.append(VialWarning(code="CAPTURE_FAILED", message=message, where=export.file))
    if not counting_variance(valid)[1]:
        message = "the file does not say how many particles stand behind every capture, so the "
        message += "counting error is not known; the widest spread between captures stands in for "
        message += "both (population.capture_spread_lowest)"
        warnings.append(VialWarning(code="COUNTING_UNKNOWN", message=message, where=export.file))
    if len(valid) == 1:
        message = "one valid capture says nothing about the spread between captures; the spread "
        message += f"of other files is used (population.{spread_row(valid, level).id})"
        warnings.append(VialWarning(code="ONE_CAPTURE", message=message, where=export.file))
    low, high = rows["linear_low"].value, rows["linear_high"].value
    # Tracking alone: how far resistive pulses count in proportion is no row.
    if export.method == "NTA" and not low <= level <= high:
        message = f"the instrument counted {level:.3g}/mL, outside the linear range of tracking "
        message += f"({low:.0e} to {high:.0e}/mL); dilute {'more' if level > high else 'less'}"
        warnings.append(VialWarning(code="OUT_OF_RANGE", message=message, where=export.file))
    return warnings


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
