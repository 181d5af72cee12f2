"""What a batch carries, class by class: RNA by PCR, shares of a library, copies per vesicle.

Each estimate has its interval, says what it rests on, and is None with the reason where the file
does not tell. Copies, shares and intensities are different things and are never turned into each
other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm, t

from exocast.errors import InstrumentFileError, UnitError, UnknownName, nearest
from exocast.vial.identity import IdentityReport, Marker, identity_panel
from exocast.vial.markers import MarkerShare, marker_positive, threshold_from_blank
from exocast.vial.measure import Estimate
from exocast.vial.records import Reading, Value, VialWarning
from exocast.vial.tobit import drop, fit_censored, profile_end

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CargoEstimate",
    "IdentityReport",
    "Marker",
    "MarkerShare",
    "Preparation",
    "StandardCurve",
    "copies_per_ml",
    "copies_per_vesicle",
    "digital_copies",
    "identity_panel",
    "library_shares",
    "marker_positive",
    "quantify",
    "standard_curve",
    "threshold_from_blank",
]

Array = NDArray[np.float64]
LEVEL = 0.95
# Decades from the standards beyond which no quantity is looked for.
MOST_DECADES = 30.0
# Positive partitions from which a stated concentration tells the volume of a partition: fewer are
# printed with too few digits.
ENOUGH_POSITIVES = 100


@dataclass(frozen=True, kw_only=True)
class CargoEstimate:
    """One quantity of one sample.

    Attributes
    ----------
    value, low, high
        None, or not known on that side, where the data do not tell: see ``reason``.
    unit
        As pint reads it (``copies/mL``), or the unit of the standards as the file states it.
    level
        Of the interval.
    n_used, n_censored
        Wells or partitions behind it, and how many of the wells were not detected.
    reason
        Why the value is None; empty where it is known.
    state
        What the number is a concentration of: ``reaction`` (as assayed), ``undiluted`` (the sample
        that was extracted), or ``vesicle``.
    assumptions
        What has to hold for it, in words.
    well
        Of digital PCR, whose wells are not pooled; empty elsewhere.
    """

    attribute: str
    sample: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    level: float
    n_used: int
    n_censored: int
    reason: str = ""
    state: str = "reaction"
    assumptions: tuple[str, ...] = ()
    warnings: tuple[VialWarning, ...] = ()
    file: str = ""
    lines: tuple[int, ...] = ()
    well: str = ""


@dataclass(frozen=True, kw_only=True)
class StandardCurve:
    """Cq of standards against the logarithm of their quantity.

    Attributes
    ----------
    slope, slope_low, slope_high
        Cycles a decade.
    intercept
        Cq at quantity one.
    efficiency, efficiency_low, efficiency_high
        Share of the molecules copied in a cycle: 1 is a doubling.
    residual_sd
        Spread of single wells about the line, in cycles.
    lowest, highest
        Quantities of the standards that were detected; beyond them nothing is quantified.
    log_quantities, cycles, censored
        The wells themselves.
    """

    target: str
    unit: str
    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    efficiency: float
    efficiency_low: float
    efficiency_high: float
    residual_sd: float
    lowest: float
    highest: float
    level: float
    log_quantities: tuple[float, ...]
    cycles: tuple[float, ...]
    censored: tuple[bool, ...]
    file: str
    lines: tuple[int, ...]
    warnings: tuple[VialWarning, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """From the vial to the reaction, as the user states it; None is not known.

    Attributes
    ----------
    sample_ul
        Volume of the undiluted sample that was extracted, in microlitres.
    eluate_ul
        Volume that the nucleic acid was taken up in.
    template_ul, reaction_ul
        Volume put into a reaction, and the whole reaction.
    dilution
        Of the eluate before the assay (and by reverse transcription): 1 where there was none.
    """

    sample_ul: float | None = None
    eluate_ul: float | None = None
    template_ul: float | None = None
    reaction_ul: float | None = None
    dilution: float | None = None


# RNA by standard curve ----------------------------------------------------------------------------


def _wells(reading: Reading) -> pd.DataFrame:
    if reading.wells is None:
        raise InstrumentFileError(
            f"this is a {reading.kind}, and wells of a PCR are asked for.",
            code="NO_WELLS",
            where=reading.file,
        )
    return reading.wells


def _of_target(reading: Reading, target: str | None) -> tuple[pd.DataFrame, str]:
    """Wells with Cq of the target that is asked for, or of the only one."""
    wells = _wells(reading)
    wells = wells[(wells["unit"] == "Cq") & ~wells["excluded"].astype(bool)]
    known = [str(x) for x in wells["target"].unique()]
    if target is None:
        if len(known) != 1:
            raise InstrumentFileError(
                f"the file has {len(known)} targets ({', '.join(known)[:120]}); name one.",
                code="MIXED_TARGETS",
                where=reading.file,
            )
        target = known[0]
    if target not in known:
        raise UnknownName(
            f"no well of the file has the target '{target}'." + nearest(target, known),
            where=reading.file,
        )
    return wells[wells["target"] == target], target


def standard_curve(
    reading: Reading, target: str | None = None, *, unit: str | None = None, level: float = LEVEL
) -> StandardCurve:
    """Line through the standards of a target; standards that were not detected are censored.

    Parameters
    ----------
    reading
        A file with wells in Cq, some of them standards with a quantity.
    target
        Which, where there are several.
    unit
        Of the standards' quantities, where the file states none.
    level
        Of the intervals.

    Returns
    -------
    The curve with its efficiency.

    Raises
    ------
    InstrumentFileError
        ``NO_STANDARDS`` when fewer than two quantities were detected in three wells; ``NO_CURVE``
        when Cq does not fall with the quantity; ``UNIT`` when units are mixed or contradicted.
    UnknownName
        When there is no such target.
    """
    wells, target = _of_target(reading, target)
    wells = wells[(wells["role"] == "standard") & (wells["nominal"] > 0)]
    wells = wells[~((wells["censored"] != "") & wells["value"].isna())]
    x = np.log10(wells["nominal"].to_numpy(float))
    y = wells["value"].to_numpy(float)
    cut = (wells["censored"] == "above").to_numpy(bool)
    if len(np.unique(x[~cut])) < 2 or (~cut).sum() < 3:
        raise InstrumentFileError(
            f"'{target}' has {int((~cut).sum())} detected standards of {len(np.unique(x[~cut]))} "
            "quantities; a curve needs three wells of two quantities at least. Quantities of "
            "standards have to stand in the file.",
            code="NO_STANDARDS",
            where=reading.file,
        )
    stated = _standard_unit(reading, wells, unit)
    ones = np.ones_like(x)
    fit = fit_censored(np.stack([ones, x], axis=-1)[None], y[None], cut[None])
    slope, spread = float(fit.coefficients[0, 1]), float(fit.spread[0])
    seen = int((~cut).sum())
    low = high = slope
    if spread > 0:
        top = float(fit.log_likelihood[0])

        def profile(trial: float) -> float:
            return float(
                fit_censored(ones[None, :, None], (y - trial * x)[None], cut[None]).log_likelihood[
                    0
                ]
            )

        least = top - float(drop(seen, 2, level))
        step = spread / (float(x.std()) * math.sqrt(len(x)))
        low = profile_end(profile, slope, least, -step, 1e3)
        high = profile_end(profile, slope, least, step, 1e3)
    if not high < 0:
        raise InstrumentFileError(
            f"the Cq of '{target}' do not fall with the quantity of the standards (slope "
            f"{slope:.3g}, {low:.3g} to {high:.3g} cycles a decade); nothing can be read off. "
            "Check the quantities.",
            code="NO_CURVE",
            where=reading.file,
        )
    warnings = []
    if cut.any():
        message = f"{int(cut.sum())} of {len(cut)} standards were not detected and enter as "
        message += "censored above their last cycle"
        warnings.append(VialWarning(code="CENSORED", message=message, where=reading.file))
    free = max(seen - 2, 1)
    return StandardCurve(
        target=target,
        unit=stated,
        slope=slope,
        slope_low=low,
        slope_high=high,
        intercept=float(fit.coefficients[0, 0]),
        efficiency=_efficiency(slope),
        efficiency_low=_efficiency(low),
        efficiency_high=_efficiency(high),
        residual_sd=spread * math.sqrt(seen / free),
        lowest=float(10 ** x[~cut].min()),
        highest=float(10 ** x[~cut].max()),
        level=level,
        log_quantities=tuple(float(v) for v in x),
        cycles=tuple(float(v) for v in y),
        censored=tuple(bool(v) for v in cut),
        file=reading.file,
        lines=tuple(int(v) for v in wells["line"]),
        warnings=tuple(warnings),
    )


def _efficiency(slope: float) -> float:
    """Share copied in a cycle; none at a slope of minus infinity."""
    return float(10 ** (-1.0 / slope) - 1.0)


def _standard_unit(reading: Reading, wells: pd.DataFrame, unit: str | None) -> str:
    units = [str(u) for u in wells["nominal_unit"].unique() if u]
    if len(units) > 1:
        raise InstrumentFileError(
            f"the standards are in {' and '.join(units)}; give one unit.",
            code="UNIT",
            where=reading.file,
        )
    # RDML's word for a unit that it has no word for.
    stated = units[0] if units and units[0] != "other" else ""
    if unit and stated and unit != stated:
        raise InstrumentFileError(
            f"the standards are in {stated} by the file, and '{unit}' is stated; one is wrong.",
            code="UNIT",
            where=reading.file,
        )
    return stated or unit or ""


def quantify(
    curve: StandardCurve, reading: Reading, sample: str, *, level: float = LEVEL
) -> CargoEstimate:
    """Quantity of a sample in the reaction, from its replicate wells and the standards together.

    Standards and wells are fitted at once, so the interval carries the error of the curve and of
    the wells; wells that were not detected enter as "above the last cycle". The interval is that
    of the likelihood ratio, which without censored wells is Fieller's. A sample that was detected
    in no well has an upper limit only.

    Parameters
    ----------
    curve
        From :func:`standard_curve`.
    reading
        The file with the sample's wells, of the same run as the standards.
    sample
        Its name.
    level
        Of the interval.

    Returns
    -------
    The quantity in the unit of the standards, per reaction or volume as these are.

    Raises
    ------
    UnknownName
        When there is no such sample.
    """
    wells, _ = _of_target(reading, curve.target)
    known = [str(s) for s in wells.loc[wells["role"] != "standard", "sample"].unique()]
    if sample not in known:
        raise UnknownName(
            f"no well of '{curve.target}' has the sample '{sample}'." + nearest(sample, known),
            where=reading.file,
        )
    wells = wells[wells["sample"] == sample]
    base = CargoEstimate(
        attribute=f"quantity of {curve.target}",
        sample=sample,
        value=None,
        low=None,
        high=None,
        unit=curve.unit,
        level=level,
        n_used=len(wells),
        n_censored=int((wells["censored"] == "above").sum()),
        assumptions=(
            "the sample is copied as efficiently as the standards",
            "its wells spread about the line as the standards' wells do",
            "chance of drawing single molecules, which counts below about ten, is not in it",
        ),
        warnings=_no_template(reading, curve),
        file=reading.file,
        lines=tuple(int(v) for v in wells["line"]),
    )
    return _quantify(curve, base, wells, level)


def _quantify(
    curve: StandardCurve, base: CargoEstimate, wells: pd.DataFrame, level: float
) -> CargoEstimate:
    y0 = wells["value"].to_numpy(float)
    cut0 = (wells["censored"] == "above").to_numpy(bool)
    if np.isnan(y0).any():
        return replace(
            base,
            reason=f"{int(np.isnan(y0).sum())} wells were not detected and the file does not say "
            "what its last cycle was",
        )
    x, y = np.array(curve.log_quantities), np.array(curve.cycles)
    cut = np.array(curve.censored)
    all_y, all_cut = np.concatenate([y, y0]), np.concatenate([cut, cut0])
    seen = int((~all_cut).sum())

    def profile(trial: float) -> float:
        column = np.concatenate([x, np.full(len(y0), trial)])
        design = np.stack([np.ones_like(column), column], axis=-1)
        return float(fit_censored(design[None], all_y[None], all_cut[None]).log_likelihood[0])

    if cut0.all():
        # The best fit is nothing at all; what the curve alone says is then the top.
        design = np.stack([np.ones_like(x), x], axis=-1)
        top = float(fit_censored(design[None], y[None], cut[None]).log_likelihood[0])
        # As with no count at all: where missing every well has the chance of one tail.
        least = top + math.log((1 - level) / 2)
        end = profile_end(profile, float(x.min()) - MOST_DECADES, least, MOST_DECADES, 1e3)
        return replace(
            base,
            low=0.0,
            high=float(10**end) if math.isfinite(end) else None,
            reason=f"not detected in {len(y0)} of {len(y0)} wells; only an upper limit is known "
            f"(the upper end at {level:.0%})",
        )
    design = _two_groups(x, len(y0))
    free = fit_censored(design[None], all_y[None], all_cut[None])
    top = float(free.log_likelihood[0])
    a, b, mean = (float(v) for v in free.coefficients[0])
    best = (mean - a) / b
    if not math.isfinite(top):
        return replace(base, reason="the wells do not vary at all, so no interval can be given")
    least = top - float(drop(seen, 3, level))
    step = max(float(free.spread[0]) / abs(b), 1e-6)
    low = profile_end(profile, best, least, -step, MOST_DECADES)
    high = profile_end(profile, best, least, step, MOST_DECADES)
    found = replace(
        base,
        value=float(10**best),
        low=float(10**low) if math.isfinite(low) else 0.0,
        high=float(10**high) if math.isfinite(high) else None,
    )
    if not curve.lowest <= 10**best <= curve.highest:
        return replace(
            found,
            value=None,
            reason=f"the sample lies {'below' if 10**best < curve.lowest else 'above'} the "
            f"standards ({curve.lowest:.3g} to {curve.highest:.3g}), where the line was not "
            "measured; measure again with standards that reach it",
        )
    return found


def _two_groups(x: Array, n_wells: int) -> Array:
    """Terms of standards on a line and of wells with a mean of their own."""
    standards = np.stack([np.ones_like(x), x, np.zeros_like(x)], axis=-1)
    wells = np.tile([0.0, 0.0, 1.0], (n_wells, 1))
    return np.concatenate([standards, wells])


def _no_template(reading: Reading, curve: StandardCurve) -> tuple[VialWarning, ...]:
    wells, _ = _of_target(reading, curve.target)
    found = wells[(wells["role"] == "no_template") & (wells["censored"] == "")]
    found = found[found["value"].notna()]
    if found.empty:
        return ()
    message = f"{len(found)} wells without template gave a Cq (earliest {found['value'].min():.3g})"
    message += "; part of what is quantified may be contamination or dimers"
    return (VialWarning(code="NO_TEMPLATE", message=message, where=reading.file),)


def copies_per_ml(estimate: CargoEstimate, preparation: Preparation) -> CargoEstimate:
    """Copies per millilitre of the undiluted sample, by the volumes that the user states.

    Losses of the extraction and of reverse transcription are not in it: it is what was recovered.

    Parameters
    ----------
    estimate
        Copies in the reaction or its template: ``copies``, ``copies/uL`` (of template, as RDML
        means it) or dPCR's copies per microlitre of reaction.
    preparation
        Volumes from the sample to the reaction.

    Returns
    -------
    The estimate in ``copies/mL`` of the undiluted sample.

    Raises
    ------
    UnitError
        When the unit is no count of copies, or a volume that is needed is not stated.
    """
    if estimate.state != "reaction":
        raise UnitError(
            f"the estimate is that of the {estimate.state} sample already; volumes are not applied "
            "a second time.",
            where=estimate.file,
        )
    digital = estimate.attribute.startswith("copies of")
    needed = ["sample_ul", "eluate_ul", "dilution"]
    if digital:
        needed += ["template_ul", "reaction_ul"]
    elif estimate.unit in {"copies", "copy"}:
        needed += ["template_ul"]
    elif estimate.unit != "copies/uL":
        raise UnitError(
            f"the unit of the standards is '{estimate.unit or 'not stated'}', which is no number "
            "of copies; nothing is converted. State it (copies, copies/uL) if it is known.",
            where=estimate.file,
        )
    stated = {name: getattr(preparation, name) for name in needed}
    lacking = [n for n, v in stated.items() if v is None or not (math.isfinite(v) and v > 0)]
    if lacking:
        raise UnitError(
            f"copies per mL of the sample need {', '.join(lacking)} (greater than zero); nothing "
            "is assumed for it.",
            where=estimate.file,
        )
    if stated["dilution"] < 1:
        raise UnitError(
            f"a dilution of {stated['dilution']:g} is impossible; give the factor, 1 or more.",
            where=estimate.file,
        )
    factor = stated["dilution"] * stated["eluate_ul"] / stated["sample_ul"] * 1000.0
    if digital:
        factor *= stated["reaction_ul"] / stated["template_ul"]
    elif "template_ul" in stated:
        factor /= stated["template_ul"]

    def times(value: float | None) -> float | None:
        return None if value is None else value * factor

    return replace(
        estimate,
        attribute=estimate.attribute.replace("quantity of", "copies recovered of"),
        value=times(estimate.value),
        low=times(estimate.low),
        high=times(estimate.high),
        unit="copies/mL",
        state="undiluted",
        assumptions=(
            *estimate.assumptions,
            "losses in extraction and reverse transcription are not in it",
        ),
    )


# Digital PCR --------------------------------------------------------------------------------------


def digital_copies(
    reading: Reading,
    sample: str,
    target: str,
    *,
    wells: Sequence[str] = (),
    level: float = LEVEL,
) -> tuple[CargoEstimate, ...]:
    """Copies per microlitre of reaction, well by well, with the exact interval of the counts.

    Molecules fall into partitions as Poisson says; the interval is that of Clopper and Pearson for
    the share of positive partitions, carried over. The volume of a partition is the one that the
    instrument used (its stated concentration over the counts), which carries what it took for
    dead volume. Wells are pooled only where ``wells`` says that they hold the same: the file does
    not say that they are replicates. Their partitions are then counted together, and where wells
    scatter by more than counting does, the interval is as much wider.

    Parameters
    ----------
    reading
        A table of digital PCR.
    sample, target
        As the file names them.
    wells
        Replicates of one reaction, to be pooled.
    level
        Of the interval.

    Returns
    -------
    One estimate for each valid well, or one for all that ``wells`` names.

    Raises
    ------
    InstrumentFileError
        When the file is of another kind.
    UnknownName
        When there is no such sample, target or well.
    """
    chosen = [m for m in reading.measurements if m.method == "dPCR"]
    if not chosen or reading.wells is None:
        raise InstrumentFileError(
            f"this is a {reading.kind}, and partitions of a digital PCR are asked for.",
            code="NO_WELLS",
            where=reading.file,
        )
    attribute = f"positive partitions of {target}"
    mine = [m for m in chosen if m.sample == sample and m.attribute == attribute]
    if not mine:
        known = [
            f"{m.sample}: {m.attribute.removeprefix('positive partitions of ')}" for m in chosen
        ]
        raise UnknownName(
            f"the file has no sample '{sample}' with the target '{target}'."
            + nearest(f"{sample}: {target}", known),
            where=reading.file,
        )
    stated = {
        int(a): float(b) for a, b in zip(reading.wells["line"], reading.wells["value"], strict=True)
    }
    volumes = [
        -math.log1p(-v.value / v.n_events) / stated[v.line]
        for m in chosen
        for v in m.values
        if not v.excluded and ENOUGH_POSITIVES <= v.value < v.n_events and stated[v.line] > 0
    ]
    values = [v for v in mine[0].values if not v.excluded]
    if wells:
        return (_pooled_wells(reading, sample, target, values, wells, stated, volumes, level),)
    return tuple(
        _digital(
            _of_wells(reading, sample, target, (value,), level),
            value.value,
            value.n_events,
            stated[value.line],
            volumes,
        )
        for value in values
    )


def _of_wells(
    reading: Reading, sample: str, target: str, used: Sequence[Value], level: float
) -> CargoEstimate:
    """An estimate of some wells that has no value yet."""
    assumptions = ("the volume of a partition is the one the instrument used",)
    return CargoEstimate(
        attribute=f"copies of {target}",
        sample=sample,
        value=None,
        low=None,
        high=None,
        unit="copies/uL",
        level=level,
        n_used=int(sum(v.n_events for v in used)),
        n_censored=0,
        assumptions=(*assumptions, *(("the wells hold the same",) if len(used) > 1 else ())),
        file=reading.file,
        lines=tuple(v.line for v in used),
        well=", ".join(v.name for v in used),
    )


def _pooled_wells(
    reading: Reading,
    sample: str,
    target: str,
    values: Sequence[Value],
    wells: Sequence[str],
    stated: Mapping[int, float],
    volumes: Sequence[float],
    level: float,
) -> CargoEstimate:
    """Replicate wells as one count of partitions."""
    names = [v.name for v in values]
    for well in wells:
        if well not in names:
            raise UnknownName(
                f"'{sample}' has no valid well '{well}' with '{target}'." + nearest(well, names),
                where=reading.file,
            )
    used = [v for v in values if v.name in wells]
    positive = np.array([v.value for v in used])
    valid = np.array([v.n_events for v in used])
    # A partition's volume is the instrument's own, from the well that has most to tell it by.
    most = max(used, key=lambda v: v.value if v.value < v.n_events else 0.0)
    total, of = float(positive.sum()), float(valid.sum())
    volume = math.nan
    if 0 < most.value < most.n_events and stated[most.line] > 0:
        volume = -math.log1p(-most.value / most.n_events) / stated[most.line]
    base = _of_wells(reading, sample, target, used, level)
    if math.isnan(volume):
        return _digital(base, total, of, 0.0, volumes)
    mean = -math.log1p(-total / of)
    found = _digital(base, total, of, mean / volume, (volume,))
    share = total / of
    scatter = float(((positive - valid * share) ** 2 / (valid * share * (1 - share))).sum())
    freedom = len(used) - 1
    if freedom < 1 or scatter <= freedom or not found.value or not found.low or not found.high:
        return found
    factor = math.sqrt(scatter / freedom) * float(
        t.ppf((1 + level) / 2, freedom) / norm.ppf((1 + level) / 2)
    )
    return replace(
        found,
        low=found.value * (found.low / found.value) ** factor,
        high=found.value * (found.high / found.value) ** factor,
    )


def _digital(
    base: CargoEstimate, positive: float, valid: float, stated: float, volumes: Sequence[float]
) -> CargoEstimate:
    """One well: the interval of the share, carried over to molecules a partition."""
    share_low, share_high = exact_share(positive, valid, base.level)
    mean_low = -math.log1p(-share_low)
    mean_high = -math.log1p(-share_high) if share_high < 1 else math.inf
    if positive == valid:
        volume = max(volumes, default=math.nan)
        low = None if math.isnan(volume) else mean_low / volume
        return replace(base, low=low, reason="all partitions are positive; dilute and repeat")
    if positive == 0:
        # The smallest volume of a partition in the file gives the largest limit.
        volume = min(volumes, default=math.nan)
        if math.isnan(volume):
            return replace(
                base,
                reason=f"no partition of {valid:g} is positive, and no well of the file tells the "
                "volume of a partition",
            )
        return replace(base, value=0.0, low=0.0, high=mean_high / volume)
    if not stated > 0:
        return replace(base, reason="the file states no concentration beside positive partitions")
    mean = -math.log1p(-positive / valid)
    return replace(base, value=stated, low=stated * mean_low / mean, high=stated * mean_high / mean)


def exact_share(positive: float, total: float, level: float = LEVEL) -> tuple[float, float]:
    """Interval of Clopper and Pearson for a share.

    Parameters
    ----------
    positive, total
        Counts.
    level
        Of the interval.
    """
    tail = (1 - level) / 2
    low = 0.0 if positive == 0 else float(beta.ppf(tail, positive, total - positive + 1))
    high = 1.0 if positive == total else float(beta.isf(tail, positive + 1, total - positive))
    return low, high


# Small RNAs ---------------------------------------------------------------------------------------


def library_shares(
    reading: Reading, samples: Sequence[str], *, level: float = LEVEL
) -> pd.DataFrame:
    """Share of the library of each small RNA: relative only, never copies.

    One sample: the posterior of a share under Jeffreys' prior, counting error only. Several
    samples that are replicates: the mean of the log-odds and Student's interval over replicates,
    so the spread between them is in it.

    Parameters
    ----------
    reading
        A matrix of counts.
    samples
        One sample, or the replicates of one preparation.
    level
        Of the interval.

    Returns
    -------
    Columns ``feature``, ``share``, ``low``, ``high``, ``count`` (all samples together), ``kind``
    (``RELATIVE``).

    Raises
    ------
    InstrumentFileError
        ``NOT_COUNTS`` when the file holds no counts, ``EMPTY_RUN`` when a sample has no reads.
    UnknownName
        When there is no such sample.
    """
    import pandas as pd

    table = reading.features
    if table is None or not (table["unit"] == "count").all():
        raise InstrumentFileError(
            f"this is a {reading.kind}, and counts of reads are asked for; shares of a library "
            "follow from counts only.",
            code="NOT_COUNTS",
            where=reading.file,
        )
    for sample in samples:
        if sample not in reading.samples:
            raise UnknownName(
                f"the file has no sample '{sample}'." + nearest(sample, reading.samples),
                where=reading.file,
            )
    wide = table.pivot_table(
        index="feature", columns="sample", values="value", sort=False, dropna=False
    )[list(samples)]
    counts = wide[wide.notna().all(axis=1)]
    k = counts.to_numpy(float)
    totals = k.sum(axis=0)
    if not samples or (totals == 0).any():
        raise InstrumentFileError(
            "a sample without reads has no shares; name samples with reads.",
            code="EMPTY_RUN",
            where=reading.file,
        )
    tail = (1 - level) / 2
    if len(samples) == 1:
        a, b = k[:, 0] + 0.5, totals[0] - k[:, 0] + 0.5
        share = k[:, 0] / totals[0]
        low = np.where(k[:, 0] == 0, 0.0, beta.ppf(tail, a, b))
        high = np.where(k[:, 0] == totals[0], 1.0, beta.isf(tail, a, b))
    else:
        from scipy.special import digamma, expit

        odds = digamma(k + 0.5) - digamma(totals - k + 0.5)
        n = len(samples)
        middle = odds.mean(axis=1)
        reach = t.isf(tail, n - 1) * odds.std(axis=1, ddof=1) / math.sqrt(n)
        share, low, high = expit(middle), expit(middle - reach), expit(middle + reach)
    return pd.DataFrame(
        {
            "feature": counts.index.to_numpy(),
            "share": share,
            "low": low,
            "high": high,
            "count": k.sum(axis=1),
            "kind": "RELATIVE",
        }
    )


# Per vesicle --------------------------------------------------------------------------------------


def copies_per_vesicle(
    copies: CargoEstimate, particles: Estimate, *, particles_state: str = "undiluted"
) -> CargoEstimate:
    """Copies over particles, with both intervals combined on the logarithmic scale.

    A mean over all particles that were counted, vesicles or not; most vesicles may carry none.
    Each end combines the distance of one estimate to that end with the other's to the opposite
    one, which leaves unequal sides unequal.

    Parameters
    ----------
    copies
        From :func:`copies_per_ml`.
    particles
        Particles per mL with its 95 % interval (:func:`exocast.vial.measure`).
    particles_state
        ``undiluted``, as :func:`exocast.vial.measure` gives it, or another word for a
        concentration at the instrument.

    Returns
    -------
    Copies per particle; value None where the copies are.

    Raises
    ------
    UnitError
        ``UNIT`` when the copies are not per mL; ``DILUTION`` when one is of the undiluted sample
        and the other is not; ``LEVEL`` when the intervals have different levels.
    """
    if copies.unit != "copies/mL":
        raise UnitError(
            f"copies in '{copies.unit or 'an unknown unit'}' cannot be set against particles per "
            "mL; convert them with copies_per_ml and the volumes of the preparation.",
            where=copies.file,
        )
    if copies.state != particles_state:
        raise UnitError(
            f"the copies are those of the {copies.state} sample and the particles those of the "
            f"{particles_state} one; their ratio would be off by the dilution. Give both for the "
            "undiluted sample.",
            code="DILUTION",
            where=copies.file,
        )
    if copies.level != LEVEL:
        raise UnitError(
            f"the copies have a {copies.level:.0%} interval and the particles a {LEVEL:.0%} one; "
            "give both at one level.",
            code="LEVEL",
            where=copies.file,
        )

    def ratio(value: float | None) -> float | None:
        return None if value is None else value / particles.value

    found = replace(
        copies,
        attribute=copies.attribute + " per particle",
        unit="copies",
        state="vesicle",
        assumptions=(
            *copies.assumptions,
            "a mean over all counted particles, among them those that are no vesicles",
        ),
    )
    middle = copies.value
    down = math.log(particles.high / particles.value)
    up = math.log(particles.value / particles.low)
    if middle is None or middle <= 0:
        # A limit alone: moved by what the particles may be off to that side.
        low, high = copies.low, copies.high
        return replace(
            found,
            value=ratio(middle),
            low=None if low is None else low / particles.high,
            high=None if high is None else high / particles.low,
        )
    centre = middle / particles.value
    low = high = None
    if copies.low is not None:
        low = 0.0
        if copies.low > 0:
            low = centre * math.exp(-math.hypot(math.log(middle / copies.low), down))
    if copies.high is not None:
        high = centre * math.exp(math.hypot(math.log(copies.high / middle), up))
    return replace(found, value=centre, low=low, high=high)
