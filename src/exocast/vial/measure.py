"""What a measurement says: concentration with its interval, and sizes of detected particles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from exocast.errors import InstrumentFileError, UnknownName, nearest
from exocast.evidence.chance import spread_on_scale
from exocast.evidence.rows import Row, package_table
from exocast.vial.names import dilutions_in
from exocast.vial.records import Capture, Dilution, ParticleExport, Reading, VialWarning
from exocast.vial.size import SizeFit, fit_sizes

Array = NDArray[np.float64]
SPREAD_POINTS = 81
REACH = 4.0


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
        ``MIXED_SAMPLES``, ``DILUTION_UNKNOWN`` or ``EMPTY_RUN``.
    UnknownName
        When there is no such sample.
    """
    chosen = captures_of(export, sample)
    known, warnings = known_dilution(export, dilution)
    valid = [c for c in chosen if not c.excluded]
    if not valid:
        raise InstrumentFileError(
            f"none of {len(chosen)} captures holds particles "
            f"({'; '.join(f'{c.name}: {c.reason}' for c in chosen)}). Measure again.",
            code="EMPTY_RUN",
            where=export.file,
        )
    assert known.value is not None
    factor = known.value if known.state == "not_applied" else 1.0
    inside = known.value if known.state == "applied" else 1.0
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
            *_count_warnings(export, valid, level),
            *size_warnings,
        ),
    )


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

    Each capture weighs by its valid tracks.
    """
    rows = package_table("vial", "instrument")
    chosen = captures_of(export, sample)
    used = [i for i, c in enumerate(export.captures) if c in chosen and not c.excluded]
    if export.bins is None or not used:
        return None, []
    tracks = np.array([export.captures[i].tracks for i in used])
    per_capture = export.bins.per_ml[:, used]
    totals = per_capture.sum(axis=0)
    weights = (per_capture[:, totals > 0] / totals[totals > 0]) @ tracks[totals > 0]
    fit = fit_sizes(
        export.bins.centres_nm, weights, float(tracks[totals > 0].sum()), rows["detection_floor"]
    )
    if fit is None:
        message = "no size distribution can be fitted to the bins above the detection floor"
        return None, [VialWarning(code="SIZE_FIT", message=message, where=export.file)]
    warnings = []
    if fit.n_effective < rows["least_tracks"].value:
        message = f"{fit.n_effective:g} valid tracks stand behind the sizes; fewer than "
        message += f"{rows['least_tracks'].value:g} give a thin distribution"
        warnings.append(VialWarning(code="TOO_FEW_TRACKS", message=message, where=export.file))
    if fit.fit_distance > rows["fit_distance"].value:
        message = f"the fitted sizes differ from the detected ones by up to {fit.fit_distance:.0%} "
        message += "of the particles; the sample may hold two populations"
        warnings.append(VialWarning(code="SIZE_FIT", message=message, where=export.file))
    return fit, warnings


def _concentration(valid: Sequence[Capture], n_total: int, level: float) -> Estimate:
    """Geometric mean and interval, the spread between captures averaged over what it can be."""
    logs = np.log([c.concentration_per_ml for c in valid])
    counting = 1.0 / np.array([c.tracks for c in valid])
    prior = capture_spread(level)
    _, prior_sd = spread_on_scale(prior)
    scores = np.linspace(-REACH, REACH, SPREAD_POINTS)
    spreads = prior.value * np.exp(prior_sd * scores)
    precision = 1.0 / (counting[None, :] + spreads[:, None] ** 2)
    total = precision.sum(axis=1)
    centres = (precision @ logs) / total
    misfit = (precision * (logs[None, :] - centres[:, None]) ** 2).sum(axis=1)
    log_weight = 0.5 * (np.log(precision).sum(axis=1) - np.log(total) - misfit - scores**2)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    sds = total**-0.5
    centre = float(weight @ centres)
    variance = float(weight @ (sds**2 + (centres - centre) ** 2))
    low, high = (_quantile(weight, centres, sds, q) for q in (0.025, 0.975))
    return Estimate(
        value=math.exp(centre),
        low=math.exp(low),
        high=math.exp(high),
        log_sd=math.sqrt(variance),
        n_valid=len(valid),
        n_total=n_total,
        capture_spread=math.exp(float(weight @ np.log(spreads))),
    )


def capture_spread(level_per_ml: float) -> Row:
    """Row of the spread between captures that goes with a level in the instrument."""
    rows = package_table("vial", "population")
    for limit, name in (("level_low", "lowest"), ("level_middle", "low"), ("level_high", "middle")):
        if level_per_ml < rows[limit].value:
            return rows[f"capture_spread_{name}"]
    return rows["capture_spread_high"]


def _quantile(weight: Array, centres: Array, sds: Array, share: float) -> float:
    """Quantile of a mixture of normal laws, by halving the interval that holds it."""
    reach = 12.0 * float(sds.max())
    low, high = float(centres.min()) - reach, float(centres.max()) + reach
    z = float(ndtri(share))
    guess = float(weight @ centres) + z * float(weight @ sds)
    for _ in range(80):
        below = float(weight @ ndtr((guess - centres) / sds))
        low, high = (guess, high) if below < share else (low, guess)
        guess = (low + high) / 2
    return guess


def _count_warnings(
    export: ParticleExport, valid: Sequence[Capture], level: float
) -> list[VialWarning]:
    rows = package_table("vial", "instrument")
    warnings = []
    if len(valid) == 1:
        message = "one valid capture says nothing about the spread between captures; the spread "
        message += f"of other files is used (population.{capture_spread(level).id})"
        warnings.append(VialWarning(code="ONE_CAPTURE", message=message, where=export.file))
    low, high = rows["linear_low"].value, rows["linear_high"].value
    if not low <= level <= high:
        message = f"the instrument counted {level:.3g}/mL, outside its linear range "
        message += f"({low:.0e} to {high:.0e}/mL); dilute {'more' if level > high else 'less'}"
        warnings.append(VialWarning(code="OUT_OF_RANGE", message=message, where=export.file))
    return warnings


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
