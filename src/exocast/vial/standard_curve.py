"""Standard curves of a plate: from signals to quantities with intervals.

A curve is fitted to the wells of the standards, and each sample is read off it backwards. A
sample's interval carries the spread of its own wells, the spread of the standards' and what the
curve is known to. What lies outside the standards is censored and never extrapolated. Quantities
are those in the well; times the dilution only where a file or a person states it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput, UnitError, UnknownName, nearest

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Curve = Literal["linear", "quadratic", "4pl"]
Weights = Literal["none", "1/y"]

PARAMETERS: dict[str, tuple[str, ...]] = {
    "linear": ("intercept", "slope"),
    "quadratic": ("intercept", "slope", "curvature"),
    "4pl": ("at zero", "log middle", "steepness", "at infinity"),
}
WEIGHTS = ("none", "1/y")
# Rounds of weights that follow the fitted curve; they settle to six digits in four.
WEIGHT_ROUNDS = 6
CONCENTRATION_COLUMNS = (
    "plate", "sample", "target", "n_wells", "signal", "signal_sd", "signal_unit", "value", "low",
    "high", "unit", "censored", "dilution", "original", "original_low", "original_high", "reason",
)  # fmt: skip


class Standard(NamedTuple):
    """One standard: stated quantity, wells, mean signal, and what the curve makes of it.

    ``recovery_percent`` is the quantity read off over the stated one; NaN for a standard of zero.
    """

    nominal: float
    n_wells: int
    signal: float
    back_calculated: float
    recovery_percent: float


class ReadOff(NamedTuple):
    """A quantity with its interval; where it is censored, ``value`` is the limit."""

    value: float
    low: float
    high: float
    censored: str


@dataclass(frozen=True, kw_only=True)
class StandardCurve:
    """A curve fitted to standards, of one plate and target.

    Attributes
    ----------
    curve
        ``linear``, ``quadratic`` or ``4pl``.
    weights
        ``none`` where all signals spread alike; ``1/y`` where their variance grows with them.
    parameters, covariance
        In the order of ``PARAMETERS``; the middle of a 4PL as its natural logarithm.
    residual_sd
        Of a well about the curve, in the unit of the signal; with weights ``1/y`` that of a
        signal of 1.
    degrees_of_freedom
        Wells less parameters.
    r2
        Part of the (weighted) variance of the standards that the curve explains.
    low, high
        Smallest and largest standard that was used, in ``unit``.
    unit, signal_unit
        Of quantities and signals.
    blank
        Mean signal of the blanks that was taken off every signal; 0 where none was.
    standards
        Each standard with its recovery, in order of quantity.
    plate, target
        What it was fitted to.
    """

    curve: str
    weights: str
    parameters: Array
    covariance: Array
    residual_sd: float
    degrees_of_freedom: int
    r2: float
    low: float
    high: float
    unit: str
    signal_unit: str
    blank: float
    standards: tuple[Standard, ...]
    plate: str = ""
    target: str = ""

    def signal(self, quantity: Array) -> Array:
        """Signal, less the blank, at quantities in ``unit``."""
        return _signal(self.curve, self.parameters, np.asarray(quantity, float))


def fit_standards(
    wells: pd.DataFrame,
    *,
    curve: Curve = "linear",
    weights: Weights = "none",
    subtract_blank: bool = False,
    unit: str | None = None,
    target: str | None = None,
    plate: str | None = None,
    largest: float | None = None,
) -> StandardCurve:
    """A standard curve of one plate and target.

    Parameters
    ----------
    wells
        With the columns ``WELL_COLUMNS``, as readers give them.
    curve
        ``linear`` for the low range of a protein assay, ``quadratic`` where it bends, ``4pl``
        (four-parameter logistic) for immunoassays.
    weights
        ``1/y`` where the variance of a signal grows with the signal.
    subtract_blank
        Take the mean of the blanks off every signal. A curve with an intercept gives the same
        quantities with and without; weights do not.
    unit
        Of the standards' quantities where the file states none; one that contradicts the file is
        refused.
    target, plate
        Which of several; needed where there are several.
    largest
        Use standards up to this quantity only, such as the straight part of a curve.

    Returns
    -------
    The curve, with residual spread, R2 and the recovery of each standard.

    Raises
    ------
    InvalidInput
        ``TOO_FEW_STANDARDS``, ``CURVE`` when the fit does not come to an end or runs up and down
        between the standards, ``NO_BLANK``, ``AMBIGUOUS`` for several plates or targets.
    UnitError
        When no unit of the standards is stated, or two differ.
    UnknownName
        For a curve, weights, plate or target that is not there.
    """
    _check_choice("curve", curve, PARAMETERS)
    _check_choice("weights", weights, WEIGHTS)
    chosen = _chosen(wells, plate=plate, target=target)
    usable = chosen[_usable(chosen)]
    standards = usable[(usable["role"] == "standard") & usable["nominal"].notna()]
    if largest is not None:
        standards = standards[standards["nominal"] <= largest]
    quantity_unit = _quantity_unit(standards, unit)
    signal_unit = _one_unit(usable)
    blank = _blank(usable) if subtract_blank else 0.0
    x = standards["nominal"].to_numpy(float)
    y = standards["value"].to_numpy(float) - blank
    return fit_curve(
        x,
        y,
        curve=curve,
        weights=weights,
        unit=quantity_unit,
        signal_unit=signal_unit,
        blank=blank,
        plate=_only(chosen, "plate"),
        target=_only(chosen, "target"),
    )


def fit_curve(
    quantity: Array,
    signal: Array,
    *,
    curve: Curve = "linear",
    weights: Weights = "none",
    unit: str,
    signal_unit: str = "",
    blank: float = 0.0,
    plate: str = "",
    target: str = "",
) -> StandardCurve:
    """A standard curve of quantities and signals, one pair a well.

    Parameters
    ----------
    quantity
        Of the standards, (n_wells,), in ``unit``.
    signal
        Of the same wells, less the blank, (n_wells,).
    curve, weights
        As for :func:`fit_standards`.
    unit, signal_unit
        Of quantities and signals.
    blank
        What was taken off each signal; kept with the curve.
    plate, target
        Names that are kept with the curve.

    Raises
    ------
    InvalidInput
        ``TOO_FEW_STANDARDS`` or ``CURVE``, as :func:`fit_standards`.
    """
    x, y = np.asarray(quantity, float), np.asarray(signal, float)
    levels = np.unique(x)
    if len(levels) <= len(PARAMETERS[curve]) or (x < 0).any():
        raise InvalidInput(
            f"a {curve} curve needs more than {len(PARAMETERS[curve])} different standards, none "
            f"negative, and {len(levels)} are left ({_listed(levels)} {unit}). Choose a simpler "
            "curve or measure more standards.",
            code="TOO_FEW_STANDARDS",
        )
    parameters, covariance, sigma, r2 = _fit(curve, weights, x, y)
    made = StandardCurve(
        curve=curve,
        weights=weights,
        parameters=parameters,
        covariance=covariance,
        residual_sd=sigma,
        degrees_of_freedom=len(x) - len(parameters),
        r2=r2,
        low=float(levels[0]),
        high=float(levels[-1]),
        unit=unit,
        signal_unit=signal_unit,
        blank=blank,
        standards=_recoveries(curve, parameters, x, y),
        plate=plate,
        target=target,
    )
    _check_monotone(made)
    return made


def concentrations(wells: pd.DataFrame, fit: StandardCurve, *, level: float = 0.95) -> pd.DataFrame:
    """Quantities of all samples of a plate, read off its standard curve.

    Intervals are by the delta method: the variance of the mean signal of a sample's wells and
    that of the curve, over its slope; on the logarithm of the quantity for a 4PL. A sample is
    censored ``above`` or ``below`` where its value lies outside the standards, and ``below`` where
    its signal cannot be told from that of a standard of zero; ``value`` then is the limit.

    Parameters
    ----------
    wells
        With the columns ``WELL_COLUMNS``; wells of roles other than sample and control, masked
        wells and wells without a value are left out.
    fit
        By :func:`fit_standards`, of the same plate and target.
    level
        Of the interval.

    Returns
    -------
    One row a sample and dilution with ``CONCENTRATION_COLUMNS``. ``value``, ``low`` and ``high``
    are quantities in the well in ``unit``; ``original*`` those times the dilution, NaN where it
    is not known.

    Raises
    ------
    UnitError
        When the signals of samples have another unit than those of the standards.
    InvalidInput
        When the plate or target is not that of the curve.
    """
    import pandas as pd

    _check_level(level)
    chosen = _chosen(wells, plate=fit.plate, target=fit.target)
    samples = chosen[chosen["role"].isin(["sample", "control", "unknown"])]
    samples = samples[samples["sample"] != ""]
    rows = [
        _concentration(group, fit, level)
        for _, group in samples.groupby(["sample", "dilution"], sort=False, dropna=False)
    ]
    return pd.DataFrame(rows, columns=list(CONCENTRATION_COLUMNS))


# Curves -----------------------------------------------------------------------------------------


def _signal(curve: str, p: Array, x: Array) -> Array:
    if curve == "4pl":
        logistic: Array = p[3] + (p[0] - p[3]) / (1 + _powered(p, x))
        return logistic
    return _polynomial(p, x)


def _polynomial(p: Array, x: Array) -> Array:
    """Horner's form, constant first."""
    found = np.full(x.shape, float(p[-1]))
    for coefficient in p[-2::-1]:
        found = found * x + float(coefficient)
    return found


def _powered(p: Array, x: Array) -> Array:
    """Quantity over the middle of a 4PL, to the power of its steepness; 0 at zero."""
    with np.errstate(divide="ignore"):
        found: Array = np.exp(np.clip(p[2] * (np.log(x) - p[1]), -700, 700)) * (x > 0)
    return found


def _gradient(curve: str, p: Array, x: Array) -> Array:
    """Change of the signal with each parameter, (n_quantities, n_parameters)."""
    if curve != "4pl":
        return np.asarray(np.vander(x, len(p), increasing=True), float)
    z = _powered(p, x)
    part = 1 / (1 + z)
    bent = (p[0] - p[3]) * z * part**2
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.where(x > 0, np.log(x) - p[1], 0.0)
    return np.column_stack([part, bent * p[2], -bent * log_ratio, 1 - part])


def _slope(curve: str, p: Array, x: Array) -> Array:
    """Change of the signal with the quantity."""
    if curve == "4pl":
        z = _powered(p, x)
        steep: Array = -(p[0] - p[3]) * p[2] * z / ((1 + z) ** 2 * x)
        return steep
    return _polynomial(p[1:] * np.arange(1, len(p)), x)


def _fit(curve: str, weights: str, x: Array, y: Array) -> tuple[Array, Array, float, float]:
    """Parameters, their covariance, the residual spread and R2, by (weighted) least squares."""
    if weights == "1/y" and (y <= 0).any():
        raise InvalidInput(
            f"weights 1/y need signals above zero, and one of the standards is {y.min():g} after "
            "the blank. Fit without weights or without taking the blank off.",
            code="CURVE",
        )
    w = np.ones_like(y)
    p = np.zeros(0)
    for _ in range(WEIGHT_ROUNDS if weights == "1/y" else 1):
        p = _least_squares(curve, x, y, np.sqrt(w), p)
        if weights == "1/y":
            # Weights that follow the curve; those of single wells would favour low readings.
            w = 1 / np.maximum(_signal(curve, p, x), 1e-3 * y.max())
            w /= w.mean()
    if weights == "1/y":
        w = 1 / np.maximum(_signal(curve, p, x), 1e-3 * y.max())
    residual = np.sqrt(w) * (y - _signal(curve, p, x))
    sigma = math.sqrt(float(residual @ residual) / (len(x) - len(p)))
    gradient = np.sqrt(w)[:, None] * _gradient(curve, p, x)
    covariance = sigma**2 * _inverse(gradient.T @ gradient)
    total = float(np.sum(w * (y - np.average(y, weights=w)) ** 2))
    r2 = 1 - float(residual @ residual) / total if total > 0 else math.nan
    return p, covariance, sigma, r2


def _inverse(matrix: Array) -> Array:
    scale = np.sqrt(np.diag(matrix))
    try:
        inverse = np.linalg.inv(matrix / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        inverse = np.full_like(matrix, np.nan)
    found: Array = inverse / np.outer(scale, scale)
    if not np.isfinite(found).all():
        raise InvalidInput(
            "the standards do not determine the curve: a parameter can be anything. Choose a "
            "simpler curve or measure standards over a wider range.",
            code="CURVE",
        )
    return found


def _least_squares(curve: str, x: Array, y: Array, root_w: Array, start: Array) -> Array:
    if curve != "4pl":
        columns = _gradient(curve, np.zeros(len(PARAMETERS[curve])), x)
        scale = np.maximum(np.abs(columns).max(axis=0), 1e-300)
        found = np.linalg.lstsq(root_w[:, None] * columns / scale, root_w * y, rcond=None)[0]
        return np.asarray(found / scale, float)
    from scipy.optimize import least_squares

    first = start if len(start) else _start_4pl(x, y)
    unit = max(float(np.ptp(y)), 1e-300)

    def residuals(p: Array) -> Array:
        found: Array = root_w * (_signal(curve, p, x) - y) / unit
        return found

    def jacobian(p: Array) -> Array:
        found: Array = root_w[:, None] * _gradient(curve, p, x) / unit
        return found

    best = least_squares(
        residuals,
        first,
        jac=jacobian,
        x_scale=np.array([unit, 1.0, 1.0, unit]),
        max_nfev=400,
        method="trf",
    )
    span = math.log(x.max() / x[x > 0].min())
    middle_off = abs(best.x[1] - math.log(x[x > 0].min()) - span / 2) - span / 2
    if best.status <= 0 or not np.isfinite(best.x).all() or middle_off > 10 or best.x[2] <= 0:
        raise InvalidInput(
            "the four-parameter curve does not settle: the standards show no two plateaus or are "
            "too noisy. Choose 'quadratic', or measure standards over a wider range.",
            code="CURVE",
        )
    return np.asarray(best.x, float)


def _start_4pl(x: Array, y: Array) -> Array:
    """Plateaus a little beyond the outer standards, the middle where half the rise is passed."""
    levels = np.unique(x)
    means = np.array([y[x == level].mean() for level in levels])
    rise = means[-1] - means[0]
    positive = levels > 0
    half = np.abs(means - (means[0] + rise / 2))
    middle = levels[positive][np.argmin(half[positive])]
    return np.array([means[0] - 0.02 * rise, math.log(middle), 1.0, means[-1] + 0.2 * rise])


def _invert(curve: str, p: Array, y: float, low: float, high: float) -> float:
    """Quantity of a signal; infinities beyond the ends of the curve, NaN where there is none."""
    if curve == "4pl":
        rising = p[3] > p[0]
        above_top = y >= p[3] if rising else y <= p[3]
        below_start = y <= p[0] if rising else y >= p[0]
        if above_top or below_start:
            return math.inf if above_top else -math.inf
        return float(math.exp(p[1] + math.log((p[0] - y) / (y - p[3])) / p[2]))
    if curve == "linear" or p[2] == 0:
        return float((y - p[0]) / p[1])
    ends = _signal(curve, p, np.array([low, high]))
    rising = ends[1] > ends[0]
    inside = p[1] ** 2 - 4 * p[2] * (p[0] - y)
    if inside < 0:
        # Beyond the vertex of the parabola.
        return math.inf if (y > max(ends)) == rising else -math.inf
    roots = (-p[1] + np.array([1, -1]) * math.sqrt(inside)) / (2 * p[2])
    # The branch that the standards lie on, on one side of the vertex.
    vertex, side = -p[1] / (2 * p[2]), (low + high) / 2
    return float(next(r for r in roots if (r - vertex) * (side - vertex) >= 0))


def _check_monotone(fit: StandardCurve) -> None:
    grid = np.linspace(fit.low, fit.high, 201)[1:]
    slopes = _slope(fit.curve, fit.parameters, grid)
    if not ((slopes > 0).all() or (slopes < 0).all()):
        raise InvalidInput(
            f"the {fit.curve} curve runs up and down between the standards, so a signal has two "
            "quantities. Choose another curve, or leave out standards with 'largest'.",
            code="CURVE",
        )


def _recoveries(curve: str, p: Array, x: Array, y: Array) -> tuple[Standard, ...]:
    found = []
    for level in np.unique(x):
        mine = y[x == level]
        mean = float(mine.mean())
        back = _invert(curve, p, mean, float(x.min()), float(x.max()))
        recovery = 100 * back / float(level) if level > 0 else math.nan
        found.append(Standard(float(level), len(mine), mean, back, recovery))
    return tuple(found)


# Samples ----------------------------------------------------------------------------------------


def _concentration(group: pd.DataFrame, fit: StandardCurve, level: float) -> tuple[Any, ...]:
    usable = group[_usable(group)]
    dilution = float(group["dilution"].iloc[0])
    over = sorted(set(group.loc[~group["excluded"], "censored"]) - {""})
    signal = usable["value"].to_numpy(float) - fit.blank
    if set(usable["unit"]) - {fit.signal_unit}:
        raise UnitError(
            f"the wells of '{group['sample'].iloc[0]}' are in {', '.join(set(usable['unit']))} and "
            f"the standards in {fit.signal_unit}; they cannot be compared."
        )
    value = low = high = math.nan
    censored, reason = "", ""
    if over:
        # One well over range makes the mean of the others a choice of the low ones.
        rising = fit.signal(np.array([fit.high]))[0] > fit.signal(np.array([fit.low]))[0]
        up = (over[0] == "above") == rising
        censored = "above" if up else "below"
        value, reason = (fit.high if up else fit.low), "a well is out of the reader's range"
    elif len(signal) == 0:
        reason = next((r for r in group["reason"] if r), "no well with a value")
    else:
        value, low, high, censored = read_off(fit, signal, level)
    return (
        str(group["plate"].iloc[0]),
        str(group["sample"].iloc[0]),
        str(group["target"].iloc[0]),
        len(signal),
        float(signal.mean()) if len(signal) else math.nan,
        float(signal.std(ddof=1)) if len(signal) > 1 else math.nan,
        fit.signal_unit,
        value,
        low,
        high,
        fit.unit,
        censored,
        dilution,
        value * dilution,
        low * dilution,
        high * dilution,
        reason,
    )


def read_off(fit: StandardCurve, signal: Array, level: float = 0.95) -> ReadOff:
    """Quantity of one sample from its wells, with its interval.

    Parameters
    ----------
    fit
        The curve.
    signal
        Of the sample's wells, less the blank, (n_wells,).
    level
        Of the interval.
    """
    y = float(signal.mean())
    x = _invert(fit.curve, fit.parameters, y, fit.low, fit.high)
    if x > fit.high:
        return ReadOff(fit.high, math.nan, math.nan, "above")
    if x < fit.low and fit.low > 0:
        return ReadOff(fit.low, math.nan, math.nan, "below")
    if fit.low == 0:
        limit = _not_zero_below(fit, signal, level)
        if limit is not None:
            return ReadOff(limit, math.nan, math.nan, "below")
    error, freedom = _signal_error(fit, x, signal)
    half = _quantile(level, freedom) * error
    half /= abs(float(_slope(fit.curve, fit.parameters, np.array([x]))[0]))
    if fit.curve == "4pl":
        return ReadOff(x, x * math.exp(-half / x), x * math.exp(half / x), "")
    return ReadOff(x, x - half, x + half, "")


def _not_zero_below(fit: StandardCurve, signal: Array, level: float) -> float | None:
    """Quantity that a sample lies below when its signal cannot be told from that of zero."""
    zero, top = fit.signal(np.array([0.0, fit.high]))
    error, freedom = _signal_error(fit, 0.0, signal)
    rising = 1.0 if top > zero else -1.0
    half = _quantile(level, freedom) * error
    rise = rising * (float(signal.mean()) - float(zero))
    if rise > half:
        return None
    reach = float(zero) + rising * (max(rise, 0.0) + half)
    limit = _invert(fit.curve, fit.parameters, reach, fit.low, fit.high)
    return min(limit, fit.high)


def _signal_error(fit: StandardCurve, x: float, signal: Array) -> tuple[float, float]:
    """Standard error of mean signal less curve at a quantity, and its degrees of freedom.

    The spread of wells is pooled from the standards and the sample's own wells.
    """
    at = np.array([x])
    scale = 1.0
    if fit.weights == "1/y":
        ends = fit.signal(np.array([fit.low, fit.high]))
        scale = max(float(fit.signal(at)[0]), 1e-3 * float(ends.max()))
    own = float(np.sum((signal - signal.mean()) ** 2)) / scale
    freedom = fit.degrees_of_freedom + len(signal) - 1
    pooled = (fit.residual_sd**2 * fit.degrees_of_freedom + own) / freedom
    gradient = _gradient(fit.curve, fit.parameters, at)[0]
    curve = float(gradient @ fit.covariance @ gradient)
    if fit.residual_sd > 0:
        # The curve's own variance rests on the same spread.
        curve *= pooled / fit.residual_sd**2
    return math.sqrt(pooled * scale / len(signal) + curve), freedom


def _quantile(level: float, freedom: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + level / 2, freedom))


# Choice of wells --------------------------------------------------------------------------------


def _usable(wells: pd.DataFrame) -> Any:
    return ~wells["excluded"] & (wells["censored"] == "") & wells["value"].notna()


def _chosen(wells: pd.DataFrame, *, plate: str | None, target: str | None) -> pd.DataFrame:
    chosen = wells
    for column, wanted in (("plate", plate), ("target", target)):
        there = [str(v) for v in chosen[column].unique()]
        if wanted is not None:
            if wanted not in there:
                raise UnknownName(f"there is no {column} '{wanted}'." + nearest(wanted, there))
            chosen = chosen[chosen[column] == wanted]
        elif len(there) > 1:
            raise InvalidInput(
                f"the wells are of {len(there)} {column}s ({', '.join(there[:6])}), each with a "
                f"curve of its own; name one with '{column}'.",
                code="AMBIGUOUS",
            )
    return chosen


def _only(wells: pd.DataFrame, column: str) -> str:
    return str(wells[column].iloc[0]) if len(wells) else ""


def _quantity_unit(standards: pd.DataFrame, unit: str | None) -> str:
    stated = sorted({str(u) for u in standards["nominal_unit"]} - {""})
    if len(stated) > 1 or (unit is not None and stated and unit not in stated):
        raise UnitError(
            f"the standards are in {', '.join(stated)}"
            + (f", and '{unit}' is asked for" if unit else "")
            + "; they need one unit. Nothing is converted here."
        )
    if not stated and not unit:
        raise UnitError(
            "the file states no unit of its standards' quantities, and none is given; a curve "
            "without a unit gives numbers that nobody can use. Give it, such as unit 'ug/mL'."
        )
    return stated[0] if stated else str(unit)


def _one_unit(wells: pd.DataFrame) -> str:
    units = sorted({str(u) for u in wells["unit"]})
    if len(units) != 1:
        raise UnitError(
            f"the signals are in {', '.join(units) or 'no unit'}, and they need one unit."
        )
    return units[0]


def _blank(usable: pd.DataFrame) -> float:
    blanks = usable.loc[usable["role"] == "blank", "value"]
    if not len(blanks):
        raise InvalidInput(
            "no blank with a value is among the wells, and its signal is to be taken off. Name "
            "the blanks in the plate's layout, or set subtract_blank to false.",
            code="NO_BLANK",
        )
    return float(blanks.mean())


def _check_choice(name: str, value: str, known: Sequence[str] | dict[str, Any]) -> None:
    if value not in known:
        raise UnknownName(f"there are no {name} '{value}'." + nearest(value, known))


def _check_level(level: float) -> None:
    if not 0.5 <= level < 1:
        raise InvalidInput(f"the level of an interval is {level}; give one such as 0.95.")


def _listed(values: Array) -> str:
    return ", ".join(f"{v:g}" for v in values)
