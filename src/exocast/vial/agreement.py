"""Whether runs agree that should: dilutions of one sample, and two methods on the same vials.

Both are the slope of a straight line through the logarithms of concentrations, with the spreads
of captures, preparations and vials integrated over, so that few runs give a wide interval and not
a clean bill.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError, InvalidInput
from exocast.evidence.rows import package_table
from exocast.vial.batch_estimate import one_method
from exocast.vial.measure import detection_floor, size_weights
from exocast.vial.nested import Mixture, coefficient, known_spread, pool
from exocast.vial.records import VialWarning
from exocast.vial.runs import (
    Counted,
    Run,
    capture_spreads,
    counted_runs,
    instrument_spread,
    instruments_of,
    level_spreads,
)

Array = NDArray[np.float64]
POINTS = 17
FEW_POINTS = 9


@dataclass(frozen=True, kw_only=True)
class DilutionLinearity:
    """Whether a sample's concentration depends on how far it was diluted.

    Attributes
    ----------
    slope, low, high
        Of the logarithm of the undiluted concentration against that of the dilution, with its
        95 % interval; zero where counting is in proportion.
    per_tenfold, per_tenfold_95
        By what factor the result changes when the sample is diluted ten times more.
    dilutions
        That were measured, rising.
    outside
        Files whose level in the instrument lies outside its linear range; by tracking only.
    verdict
        In words. An interval that holds zero is no proof of proportion: how large a slope these
        runs leave open is said.
    """

    slope: float
    low: float
    high: float
    per_tenfold: float
    per_tenfold_95: tuple[float, float]
    dilutions: tuple[float, ...]
    n_preparations: int
    outside: tuple[str, ...]
    verdict: str
    warnings: tuple[VialWarning, ...]


@dataclass(frozen=True, kw_only=True)
class MethodComparison:
    """Two methods on the same batch.

    Attributes
    ----------
    ratio, low, high
        Concentration by the second method over that by the first, with its 95 % interval.
    log_sd
        Standard deviation of the logarithm of the ratio.
    methods
        Names of the two, as given.
    used
        The method whose numbers set the dose. The other one is never averaged in.
    above_nm
        Diameter above which both were compared; None where one of them holds no bins, and then
        the ratio holds the difference of their floors too.
    net
        Whether each is less its own buffer. Otherwise both are compared as they were counted.
    shared_vials
        Vials that both measured. Without any, the ratio holds the difference between vials.
    meaning
        What the ratio means for a dose, in words.
    """

    ratio: float
    low: float
    high: float
    log_sd: float
    methods: tuple[str, str]
    used: str
    above_nm: float | None
    net: bool
    shared_vials: tuple[str, ...]
    meaning: str
    warnings: tuple[VialWarning, ...]


def dilution_linearity(runs: Sequence[Run]) -> DilutionLinearity:
    """Slope of the undiluted concentration against the dilution.

    Parameters
    ----------
    runs
        Of one method, at two or more dilutions; blanks are left out. Each preparation is one
        dilution; vials may differ, and preparations of one vial share its deviation. Instruments
        have a level of their own each: their difference is no slope.

    Raises
    ------
    InvalidInput
        ``DILUTION_SERIES`` when fewer than two dilutions can be used, or every vial was measured
        at one dilution only: a difference would be the vials'.
    """
    given = [c for c in counted_runs(runs) if not c.run.blank]
    used = [c for c in given if len(c.logs)]
    one_method(used)
    dilutions = tuple(sorted({c.dilution for c in used}))
    if len(dilutions) < 2:
        raise InvalidInput(
            f"{len(dilutions)} dilution can be used, and a slope needs two or more. Measure the "
            "sample at another dilution.",
            code="DILUTION_SERIES",
        )
    of_vial: dict[tuple[str, str], set[float]] = {}
    for c in used:
        of_vial.setdefault((c.run.vial, c.run.instrument), set()).add(c.dilution)
    if all(len(d) == 1 for d in of_vial.values()):
        raise InvalidInput(
            "every vial was measured at one dilution, so a slope could as well be a difference "
            "between vials. Measure one vial at two dilutions in one instrument.",
            code="DILUTION_SERIES",
        )
    names = instruments_of(used)
    found = _slope(
        used,
        lambda c: [*(float(c.run.instrument == n) for n in names), math.log(c.dilution)],
        lambda c: c.tube,
    )
    low, high = found.interval(0.95)
    tenfold = math.exp(math.log(10) * low), math.exp(math.log(10) * high)
    rows = package_table("vial", "instrument")
    range_low, range_high = rows["linear_low"].value, rows["linear_high"].value
    outside = [
        c
        for c in used
        if c.run.export.method == "NTA" and not range_low <= c.level_per_ml <= range_high
    ]
    files = tuple(dict.fromkeys(c.run.export.file for c in outside))
    changed = not low <= 0 <= high
    verdict = _linear_words(changed, tenfold, len(dilutions))
    warnings = []
    if changed:
        warnings.append(VialWarning(code="NONLINEAR_DILUTION", message=verdict))
    warnings += [
        VialWarning(
            code="NONLINEAR_DILUTION",
            message=f"at a dilution of {c.dilution:g} the instrument counted "
            f"{c.level_per_ml:.3g}/mL, outside its linear range ({range_low:.0e} to "
            f"{range_high:.0e}/mL); leave this dilution out",
            where=c.run.export.file,
        )
        for c in outside
    ]
    return DilutionLinearity(
        slope=found.mean,
        low=low,
        high=high,
        per_tenfold=math.exp(math.log(10) * found.mean),
        per_tenfold_95=tenfold,
        dilutions=dilutions,
        n_preparations=len({c.key for c in used}),
        outside=files,
        verdict=verdict,
        warnings=tuple(warnings),
    )


def compare_methods(
    first: Sequence[Run],
    second: Sequence[Run],
    methods: tuple[str, str] | None = None,
    used: str | None = None,
    buffers: tuple[float, float] | None = None,
) -> MethodComparison:
    """Ratio of two methods on one batch, above the higher of their floors where both have bins.

    Parameters
    ----------
    first, second
        Runs by each method. Vials with the same label are the same vial, whose deviation cancels;
        preparations do not, since their spread is also that of the day and the instrument.
    methods
        Names of the two; those of the exports when not given.
    used
        The method whose numbers set the dose; the first one when not given.
    buffers
        Where both sides' concentrations are less their buffers: standard deviation of the
        logarithm of a net level that the buffer's level adds, of each side.

    Raises
    ------
    InvalidInput
        ``METHODS_MIXED`` when one side holds several methods, or ``used`` is neither name.
    InstrumentFileError
        ``EMPTY_RUN`` when a side holds no particles, at all or above the higher floor.
    """
    both = [c for c in counted_runs([*first, *second]) if not c.run.blank]
    firsts = {id(run) for run in first}
    sides = [
        [c for c in both if (id(c.run) in firsts) == (side == 0) and len(c.logs)] for side in (0, 1)
    ]
    for side in sides:
        one_method(side)
        if not side:
            raise InstrumentFileError(
                "one of the two methods holds no particles. Measure again.", code="EMPTY_RUN"
            )
    names = methods or (sides[0][0].run.export.method, sides[1][0].run.export.method)
    if names[0] == names[1]:
        names = (f"{names[0]} (first)", f"{names[1]} (second)")
    chosen = names[0] if used is None else used
    if chosen not in names:
        raise InvalidInput(
            f"'{chosen}' is neither of {names[0]} and {names[1]}; say which one sets the dose.",
            code="METHODS_MIXED",
        )
    above = None
    if all(c.run.export.bins is not None for side in sides for c in side):
        above = max(detection_floor(c.run.export).value for side in sides for c in side)
        sides = [[_above(c, above) for c in side] for side in sides]
    seconds = {id(c.run) for c in sides[1]}
    found = _slope(
        [*sides[0], *sides[1]],
        lambda c: [1.0, float(id(c.run) in seconds)],
        lambda c: (str(id(c.run) in seconds), *c.tube),
        lambda c: (str(id(c.run) in seconds), c.run.instrument),
    )
    # A buffer is one for all runs of its side: what its level is not known to moves the ratio.
    wider = math.hypot(found.sd, *(buffers or (0.0, 0.0))) / found.sd
    low, high = (math.exp(found.mean + wider * (x - found.mean)) for x in found.interval(0.95))
    ratio = math.exp(found.mean)
    vials = [{c.run.vial for c in side} for side in sides]
    shared = tuple(v for v in dict.fromkeys(c.run.vial for c in sides[0]) if v in vials[1])
    meaning = _ratio_words(ratio, low, high, names, chosen)
    if buffers is not None:
        meaning += ". Each is less its own buffer"
    warnings = []
    if not low <= 1 <= high:
        warnings.append(VialWarning(code="METHODS_DIFFER", message=meaning))
    if above is None:
        message = "one of the two holds no bins, so the ratio is of all that each detects and "
        message += "holds the difference between their smallest diameters"
        warnings.append(VialWarning(code="FLOORS_DIFFER", message=message))
    return MethodComparison(
        ratio=ratio,
        low=low,
        high=high,
        log_sd=wider * found.sd,
        methods=names,
        used=chosen,
        above_nm=above,
        net=buffers is not None,
        shared_vials=shared,
        meaning=meaning,
        warnings=tuple(warnings),
    )


def _slope(
    runs: Sequence[Counted],
    covariates: Callable[[Counted], Sequence[float]],
    tube: Callable[[Counted], tuple[str, ...]],
    instrument: Callable[[Counted], tuple[str, ...]] | None = None,
) -> Mixture:
    """Last coefficient of the covariates over runs."""
    each = capture_spreads(runs, POINTS)
    groups = [pool(c.logs, c.counting + each.values[:, i, None] ** 2) for i, c in enumerate(runs)]
    design = np.array([covariates(c) for c in runs])
    same_tube = np.array([[float(tube(a) == tube(b)) for b in runs] for a in runs])
    same_vial = np.array([[float(a.run.vial == b.run.vial) for b in runs] for a in runs])
    preparations, vials = level_spreads(POINTS)
    if same_vial.all():
        vials = known_spread(0.0)  # one vial's deviation is in the intercept
    shared = None
    if instrument is not None and len({instrument(c) for c in runs}) > design.shape[1]:
        # Two instruments, one a side, are what is compared; with more, each side is a sample.
        same = np.array([[float(instrument(a) == instrument(b)) for b in runs] for a in runs])
        shared = same, instrument_spread(FEW_POINTS)
    return coefficient(
        groups, each.log_weight, design, same_tube, same_vial, preparations, vials, shared
    )


def _above(one: Counted, floor_nm: float) -> Counted:
    """Concentrations of the particles above a diameter, and what counting is left of them."""
    export = one.run.export
    assert export.bins is not None
    width = export.bins.width_nm
    part = np.clip((export.bins.centres_nm + width / 2 - floor_nm) / width, 0.0, 1.0)
    captures, shares = size_weights(export, one.run.sample)
    share = dict(zip((c.name for c in captures), part @ shares, strict=True))
    kept = [i for i, c in enumerate(one.captures) if share.get(c.name, 0.0) > 0]
    if not kept:
        raise InstrumentFileError(
            f"no capture holds particles above {floor_nm:g} nm, where the other method begins to "
            "detect them; the two have no particles in common.",
            code="EMPTY_RUN",
            where=export.file,
        )
    left = np.array([share[one.captures[i].name] for i in kept])
    return replace(
        one,
        captures=tuple(one.captures[i] for i in kept),
        logs=one.logs[kept] + np.log(left),
        counting=one.counting[kept] / left,
        tracks=one.tracks[kept] * left,
    )


def _linear_words(changed: bool, tenfold: tuple[float, float], n: int) -> str:
    if changed:
        return (
            f"the undiluted concentration changes by a factor of {tenfold[0]:.3g} to "
            f"{tenfold[1]:.3g} for each tenfold dilution: counting is not in proportion. Use the "
            "dilutions inside the linear range only"
        )
    points = "two dilutions say little: " if n == 2 else ""
    return (
        f"no change with dilution is shown; {points}these runs leave open a factor of "
        f"{tenfold[0]:.3g} to {tenfold[1]:.3g} for each tenfold dilution"
    )


def _ratio_words(ratio: float, low: float, high: float, names: tuple[str, str], chosen: str) -> str:
    other = names[1] if chosen == names[0] else names[0]
    if chosen == names[1]:
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    return (
        f"a dose drawn up by {chosen} holds {ratio:.3g} times as many particles when {other} "
        f"counts them (95 % interval {low:.3g} to {high:.3g}); {chosen} is used, and nothing is "
        "averaged over the two"
    )
