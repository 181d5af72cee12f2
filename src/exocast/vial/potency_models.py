"""Models of a reference and a test sample on one plate: fits, ratios with intervals, potency.

Two models. Sigmoids: ``zero + span / (1 + (EC50/dose)^slope)``, apart for each sample, or shared
with the test sample's doses multiplied by one factor, its potency. Lines: the response over the
logarithm of the dose, apart or with one slope. Plates add to the response.

All functions take several sets of responses to one layout at once, ``(sets, wells)``, so that what
is claimed of the intervals can be checked on thousands of simulated plates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from exocast.vial.curve_fit import search, settle, sigmoid

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
# Where a fit may go; beyond these, nothing of the curve lies on the plate.
STEEPEST, FLATTEST, BEYOND = 30.0, 0.05, 100.0
FARTHEST_SHIFT = np.log(1e6)
BRACKET_STEPS, CLOSE = 60, 1e-8
ZERO, SPAN, HALF, SLOPE, SHIFT = range(5)  # columns of the shared sigmoid; then plates
ANSWERS = 4  # parameters of one sigmoid
WORST, UNKNOWN = 1e13, 1e30  # condition of a fit that tells nothing, and variance of what it tells


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which dose stands in which well; all of shape ``(wells,)``.

    Attributes
    ----------
    doses
        Zero or more, in one unit.
    test
        Whether a well holds the test sample; the others hold the reference.
    plates
        Number of the plate, from 0.
    """

    doses: Array
    test: Flags
    plates: NDArray[np.int64]

    @property
    def ln_doses(self) -> Array:
        """Natural logarithms; minus infinity for a dose of zero."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.doses))

    @property
    def blocks(self) -> Array:
        """Columns of plates but the first, centred: heights are those of the average well."""
        count = int(self.plates.max()) + 1
        columns = (self.plates[:, None] == np.arange(1, count)).astype(np.float64)
        return np.asarray(columns - columns.mean(axis=0))


class Fitted(NamedTuple):
    """A fit to several sets of responses.

    ``x`` (sets, parameters), ``covariance`` (sets, parameters, parameters), ``residuals`` and
    ``leverage`` (sets, wells), ``variance`` (sets,) of a well, ``freedom`` of it.
    """

    x: Array
    covariance: Array
    residuals: Array
    leverage: Array
    variance: Array
    freedom: int


class Interval(NamedTuple):
    """An estimate with its ends, each ``(sets,)``; infinite where the data set no end."""

    value: Array
    low: Array
    high: Array


def quantile(level: float, freedom: float) -> float:
    """Student's t that a two-sided interval of this level reaches to."""
    return float(student.ppf(0.5 + level / 2, freedom))


def fieller(
    above: Array, below: Array, v_above: Array, v_both: Array, v_below: Array, t: float
) -> Interval:
    """Interval of a ratio of two normal estimates, exact for known forms of their variances.

    Parameters
    ----------
    above, below
        Estimates of numerator and denominator.
    v_above, v_both, v_below
        Their estimated variances and covariance.
    t
        Quantile of Student's t.

    Returns
    -------
    Infinite ends where the denominator does not differ from zero at this level.

    References
    ----------
    Fieller, J R Stat Soc B 16 (1954) 175.
    """
    below = np.where(below == 0, np.finfo(float).tiny, below)
    ratio = above / below
    g = t**2 * v_below / below**2
    known = g < 1
    left = np.where(known, 1 - g, 1.0)
    spread = v_above - 2 * ratio * v_both + ratio**2 * v_below
    tied = np.divide(v_both**2, v_below, out=np.zeros_like(v_both), where=v_below > 0)
    centre = (
        ratio - np.divide(g * v_both, v_below, out=np.zeros_like(v_both), where=v_below > 0)
    ) / left
    half = t / (np.abs(below) * left) * np.sqrt(np.maximum(spread - g * (v_above - tied), 0.0))
    return Interval(
        ratio,
        np.where(known, centre - half, -np.inf),
        np.where(known, centre + half, np.inf),
    )


# Sigmoids -----------------------------------------------------------------------------------------


def separate_sigmoids(layout: Layout, y: Array) -> Fitted:
    """One curve for each sample: columns zero, span, ln EC50, ln slope, twice; then plates."""
    start = _starts(layout, y)
    low, high = _limits(layout)
    lower = np.concatenate([low, low, np.full(layout.blocks.shape[1], -np.inf)])

    def model(x: Array) -> tuple[Array, Array]:
        values = np.empty((len(x), len(layout.test)))
        derivatives = np.zeros((*values.shape, x.shape[1]))
        for first, wells in ((0, ~layout.test), (ANSWERS, layout.test)):
            own = slice(first, first + ANSWERS)
            at, slopes = sigmoid(x[:, own], layout.ln_doses[wells])
            values[:, wells] = at
            derivatives[:, wells, own] = slopes
        plates = x[:, 2 * ANSWERS :]
        derivatives[:, :, 2 * ANSWERS :] = layout.blocks
        return values + plates @ layout.blocks.T, derivatives

    plates = np.zeros((len(y), layout.blocks.shape[1]))
    begin = np.concatenate([*start, plates], axis=1)
    upper = np.concatenate([high, high, -lower[2 * ANSWERS :]])
    x = settle(model, begin, y, lower, upper)
    return _fitted(x, *model(x), y)


def shared_sigmoid(layout: Layout, y: Array, apart: Fitted | None = None) -> Fitted:
    """One curve for both samples: zero, span, ln EC50, ln slope, ln potency; then plates.

    ``apart`` are the separate curves to the same responses, from which it starts.
    """
    begin = (apart or separate_sigmoids(layout, y)).x
    reference, test, plates = begin[:, :4], begin[:, 4:8], begin[:, 8:]
    shift = reference[:, HALF : HALF + 1] - test[:, HALF : HALF + 1]
    mean = (reference + test) / 2
    mean[:, HALF] = reference[:, HALF]
    x = _settled(layout, np.concatenate([mean, shift, plates], axis=1), y, fixed=False)
    return _fitted(x, *_shared(layout, x), y)


def potency_of_sigmoids(layout: Layout, y: Array, shared: Fitted, level: float) -> Interval:
    """Logarithm of the potency with its interval by profile likelihood.

    The interval holds every shift at which the sum of squares, all else fitted anew, exceeds the
    least by no more than Student's t squared times the variance of a well. For straight lines this
    is Fieller's interval.

    References
    ----------
    Bates and Watts (1988), Nonlinear Regression Analysis and Its Applications, chapter 6,
    doi:10.1002/9780470316757.
    """
    t = quantile(level, shared.freedom)
    value = shared.x[:, SHIFT]
    step = np.sqrt(shared.covariance[:, SHIFT, SHIFT])
    step = np.where(np.isfinite(step), np.clip(t * step, 1e-9, 3.0), 3.0)
    least = np.einsum("sw,sw->s", shared.residuals, shared.residuals)
    # Data without scatter leave the shift no room.
    sd = np.maximum(np.sqrt(shared.variance), 1e-12 * np.abs(shared.x[:, SPAN]))
    ends = []
    for sign in (-1.0, 1.0):
        inner, inner_root = value.copy(), np.zeros(len(y))
        outer, outer_root = np.full(len(y), np.inf), np.full(len(y), np.inf)
        x, trial = shared.x.copy(), value + sign * step
        done = np.zeros(len(y), dtype=bool)
        for turn in range(BRACKET_STEPS):
            x[:, SHIFT] = trial
            x = _settled(layout, x, y, fixed=True)
            off = y - _shared(layout, x)[0]
            root = np.sqrt(np.maximum(np.einsum("sw,sw->s", off, off) - least, 0.0)) / sd
            done |= np.abs(root - t) < CLOSE * t
            under = root < t
            inner = np.where(under & ~done, trial, inner)
            inner_root = np.where(under & ~done, root, inner_root)
            outer = np.where(under | done, outer, trial)
            outer_root = np.where(under | done, outer_root, root)
            open_ = ~done & np.isinf(outer)
            lost = open_ & (np.abs(trial - value) >= FARTHEST_SHIFT)
            done |= np.isfinite(outer) & (np.abs(outer - inner) < 1e-12) | lost
            if done.all():
                break
            # The root is nearly straight in the shift: a chord finds it, a halving now and then
            # where it is not.
            grown = np.clip(t / np.maximum(root, 1e-12), 1.1, 3.0)
            farther = value + np.clip((trial - value) * grown, -FARTHEST_SHIFT, FARTHEST_SHIFT)
            with np.errstate(invalid="ignore"):
                chord = np.clip((t - inner_root) / (outer_root - inner_root), 0.01, 0.99)
                share = chord if turn % 4 != 3 else np.full(len(y), 0.5)
                between = inner + share * (outer - inner)
            trial = np.where(done, trial, np.where(open_, farther, between))
        found = np.abs(trial - value) < FARTHEST_SHIFT
        ends.append(np.where(found, trial, sign * np.inf))
    return Interval(value, *ends)


def ratios_of_sigmoids(apart: Fitted, level: float) -> dict[str, Interval]:
    """Test over reference: the ratio of slopes, and differences of asymptotes over the range.

    The ratio of slopes by the delta method on its logarithm; the two others are ratios of normal
    estimates and have Fieller's interval. ``upper`` and ``lower`` are those of the reference.
    """
    t = quantile(level, apart.freedom)
    x, v = apart.x, apart.covariance
    log = x[:, ANSWERS + SLOPE] - x[:, SLOPE]
    pick = np.zeros(x.shape[1])
    pick[ANSWERS + SLOPE], pick[SLOPE] = 1.0, -1.0
    se = np.sqrt(np.einsum("i,sij,j->s", pick, v, pick))
    with np.errstate(over="ignore"):
        slope = Interval(np.exp(log), np.exp(log - t * se), np.exp(log + t * se))
    found = {"slope_ratio": slope}
    at_zero, at_full = np.zeros((2, x.shape[1]))
    at_zero[[ANSWERS + ZERO, ZERO]] = 1.0, -1.0
    at_full[[ANSWERS + ZERO, ANSWERS + SPAN, ZERO, SPAN]] = 1.0, 1.0, -1.0, -1.0
    rises = (x[:, SPAN] >= 0)[:, None]
    ranged = np.zeros(x.shape[1])
    ranged[SPAN] = 1.0
    below = np.where(rises, ranged, -ranged)  # the range counts upwards
    for name, plus, minus in (
        ("upper_asymptote", at_full, at_zero),
        ("lower_asymptote", at_zero, at_full),
    ):
        above = np.where(rises, plus, minus)
        found[name] = fieller(
            (above * x).sum(axis=1),
            (below * x).sum(axis=1),
            np.einsum("si,sij,sj->s", above, v, above),
            np.einsum("si,sij,sj->s", above, v, below),
            np.einsum("si,sij,sj->s", below, v, below),
            t,
        )
    return found


def _starts(layout: Layout, y: Array) -> tuple[Array, Array]:
    """Parameters of each sample's own curve, from its means at each dose."""
    level = np.stack(
        [y[:, layout.plates == p].mean(axis=1) for p in range(int(layout.plates.max()) + 1)], axis=1
    )
    level = y - level[:, layout.plates] + y.mean(axis=1, keepdims=True)
    found = []
    for wells in (~layout.test, layout.test):
        doses, at = np.unique(layout.doses[wells], return_inverse=True)
        means = np.stack(
            [level[:, wells][:, at == i].mean(axis=1) for i in range(len(doses))], axis=1
        )
        given = doses[doses > 0]
        best = search(doses, means, halves=(given.min() / 3, given.max() * 3), slopes=(0.2, 8.0))
        found.append(np.stack([best.zero, best.span, best.ln_half, np.log(best.slope)], axis=1))
    return found[0], found[1]


def _limits(layout: Layout) -> tuple[Array, Array]:
    given = np.log(layout.doses[layout.doses > 0])
    far = np.log(BEYOND)
    low = np.array([-np.inf, -np.inf, given.min() - far, np.log(FLATTEST)])
    return low, np.array([np.inf, np.inf, given.max() + far, np.log(STEEPEST)])


def _shared(layout: Layout, x: Array) -> tuple[Array, Array]:
    shifted = layout.ln_doses + x[:, SHIFT : SHIFT + 1] * layout.test
    values, derivatives = sigmoid(x[:, :ANSWERS], shifted)
    by_shift = -derivatives[:, :, HALF] * layout.test
    plates = np.broadcast_to(layout.blocks, (*values.shape, layout.blocks.shape[1]))
    return (
        values + x[:, SHIFT + 1 :] @ layout.blocks.T,
        np.concatenate([derivatives, by_shift[..., None], plates], axis=2),
    )


def _settled(layout: Layout, start: Array, y: Array, *, fixed: bool) -> Array:
    """The shared curve's parameters; with ``fixed`` the shift stays as it is."""
    low, high = _limits(layout)
    unlimited = np.full(layout.blocks.shape[1], np.inf)
    low = np.concatenate([low, [-2 * FARTHEST_SHIFT], -unlimited])
    high = np.concatenate([high, [2 * FARTHEST_SHIFT], unlimited])
    if not fixed:
        return settle(lambda x: _shared(layout, x), start, y, low, high)
    kept = [i for i in range(start.shape[1]) if i != SHIFT]

    def model(part: Array) -> tuple[Array, Array]:
        values, derivatives = _shared(layout, np.insert(part, SHIFT, start[:, SHIFT], axis=1))
        return values, derivatives[:, :, kept]

    found = settle(model, start[:, kept], y, low[kept], high[kept])
    return np.insert(found, SHIFT, start[:, SHIFT], axis=1)


def _fitted(x: Array, values: Array, derivatives: Array, y: Array) -> Fitted:
    residuals = y - values
    freedom = y.shape[1] - x.shape[1]
    variance = np.einsum("sw,sw->s", residuals, residuals) / max(freedom, 1)
    # Of the columns at unit length, so that a steep slope's tiny column does not read as zero.
    size = np.sqrt(np.einsum("swi,swi->si", derivatives, derivatives))
    unseen = size == 0
    columns = derivatives / np.where(unseen, 1.0, size)[:, None]
    square = np.einsum("swi,swj->sij", columns, columns)
    inverse = np.linalg.pinv(square, hermitian=True, rcond=1e-13)
    leverage = np.einsum("swi,sij,swj->sw", columns, inverse, columns)
    scale = 1 / np.where(unseen, 1.0, size)
    covariance = inverse * (variance[:, None] * scale)[:, :, None] * scale[:, None, :]
    # A parameter that no well sees is not known at all; a number stays finite in sums.
    lost = unseen | (np.linalg.cond(square) > WORST)[:, None]
    covariance = np.where(lost[:, :, None] | lost[:, None, :], 0.0, covariance)
    own = np.arange(x.shape[1])
    covariance[:, own, own] += np.where(lost, UNKNOWN * (1 + x**2), 0.0)
    return Fitted(x, covariance, residuals, leverage, variance, freedom)


# Lines --------------------------------------------------------------------------------------------


def lines(layout: Layout, y: Array, *, apart: bool) -> Fitted:
    """Least squares: height of the reference, height of the test over it, slope; then plates.

    With ``apart`` the slope of the reference and that of the test sample stand in place of one.
    The dose's logarithm counts from its mean, where the heights are. No dose may be zero.
    """
    x = line_columns(layout, apart=apart)
    inverse = np.linalg.inv(x.T @ x)
    found = y @ x @ inverse
    residuals = y - found @ x.T
    freedom = y.shape[1] - x.shape[1]
    variance = np.einsum("sw,sw->s", residuals, residuals) / max(freedom, 1)
    leverage = np.broadcast_to(np.einsum("wi,ij,wj->w", x, inverse, x), residuals.shape)
    return Fitted(found, variance[:, None, None] * inverse, residuals, leverage, variance, freedom)


def line_columns(layout: Layout, *, apart: bool) -> Array:
    """What the heights, the slopes and the plates multiply, ``(wells, parameters)``."""
    logs = layout.ln_doses - layout.ln_doses.mean()
    test = layout.test.astype(np.float64)
    slopes = [logs * (1 - test), logs * test] if apart else [logs]
    return np.column_stack([np.ones_like(logs), test, *slopes, layout.blocks])


def potency_of_lines(shared: Fitted, level: float) -> Interval:
    """Logarithm of the potency of parallel lines, with Fieller's interval, which is exact."""
    v = shared.covariance
    return fieller(
        shared.x[:, 1], shared.x[:, 2], v[:, 1, 1], v[:, 1, 2], v[:, 2, 2],
        quantile(level, shared.freedom),
    )  # fmt: skip


def ratios_of_lines(apart: Fitted, level: float) -> dict[str, Interval]:
    """Ratio of slopes, test over reference, with Fieller's interval: two exact one-sided tests."""
    v = apart.covariance
    return {
        "slope_ratio": fieller(
            apart.x[:, 3], apart.x[:, 2], v[:, 3, 3], v[:, 3, 2], v[:, 2, 2],
            quantile(level, apart.freedom),
        )
    }  # fmt: skip
