"""Sizes with intervals: percentiles of the detected particles, one law or two, and a soft floor.

Percentiles, span and the share of small particles are of the detected particles and rest on no
law. The laws take detection to rise with diameter along a normal curve on the log scale, whose
middle and width are not known: both have priors (``instrument.detection_floor`` and
``instrument.detection_width``) and are integrated over. What a law puts below the floor is shown
apart as extrapolated, and no dose rests on it.

Not given: percentiles weighted by volume. They hang on the few largest particles; ISO 13322-1 asks
for tens of thousands of particles where a run of an analyser tracks a few thousand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, expit, log_ndtr, logit

from exocast.errors import InstrumentFileError
from exocast.evidence.chance import value_of
from exocast.evidence.rows import Row, package_table
from exocast.vial.measure import counting_variance, detection_floor, size_weights
from exocast.vial.nested import Mixture, mixture
from exocast.vial.records import ParticleExport, VialWarning
from exocast.vial.size import LARGEST_NM, MANY, NARROWEST, SMALLEST_NM, WIDEST, fit_sizes

Array = NDArray[np.float64]
NAMES = ("d10_nm", "d50_nm", "d90_nm", "span", "share_small")
SEED = 20131
DRAWS = 400
# Narrower bins are summed: a law of sizes hardly changes inside 5 nm or 4 % of the diameter.
WIDEST_BIN_NM, WIDEST_BIN = 5.0, 0.04
NODES = (15, 9)
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
PASSES = 3
LOW_MU, HIGH_MU = math.log(SMALLEST_NM), math.log(LARGEST_NM)
LOW_S, HIGH_S = math.log(NARROWEST), math.log(WIDEST)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number with its 95 % interval, whose ends are NaN where no error can be claimed."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Population:
    """One log-normal law of sizes; ``share`` is its part of the detected particles."""

    median_nm: float
    log_sd: float
    share: float


@dataclass(frozen=True, kw_only=True)
class SizeLaws:
    """What laws say of the sizes.

    Attributes
    ----------
    median_nm, log_sd
        Of one log-normal law of all particles, the soft floor integrated over.
    below_floor
        Share of that law which was not detected: extrapolated, not dosed.
    floor_nm, floor_width
        Middle of detection and its width (of the logarithm), as far as the bins tell.
    weight_one, weight_two
        How far the bins speak for one law and for two, by BIC; they sum to one.
    two
        The two laws that fit best, smaller first.
    one_law_fails
        Whether ``weight_two`` is above ``instrument.two_populations``. The median, the spread
        and the share below the floor are then those of a law that the bins do not follow.
    two_populations
        Whether the two laws stand apart besides: their medians differ by more than both spreads
        together. Otherwise they are one skewed or heavy-tailed population.
    """

    median_nm: Interval
    log_sd: Interval
    below_floor: Interval
    floor_nm: Interval
    floor_width: Interval
    weight_one: float
    weight_two: float
    two: tuple[Population, Population]
    one_law_fails: bool
    two_populations: bool


@dataclass(frozen=True, kw_only=True)
class SizeEstimate:
    """Sizes of one sample.

    Attributes
    ----------
    d10_nm, d50_nm, d90_nm
        Diameters below which 10, 50 and 90 % of the detected particles lie.
    span
        ``(d90 - d10) / d50``.
    share_small
        Share of the detected particles from 30 to 150 nm.
    n_effective
        Particles behind the bins; NaN where the file does not say.
    laws
        None when nothing can be fitted, or the number of particles is not known.
    """

    d10_nm: Interval
    d50_nm: Interval
    d90_nm: Interval
    span: Interval
    share_small: Interval
    n_captures: int
    n_effective: float
    laws: SizeLaws | None
    warnings: tuple[VialWarning, ...]


def estimate_sizes(
    export: ParticleExport,
    sample: str | None = None,
    ends: Sequence[ParticleExport] = (),
) -> SizeEstimate:
    """Percentiles and laws of sizes of one sample, with intervals.

    Parameters
    ----------
    export
        As a reader gave it.
    sample
        Which sample of a merged file.
    ends
        The same where something that was taken off, such as a buffer, was one standard deviation
        less and more: half of what they differ by is one more standard error.

    Raises
    ------
    InstrumentFileError
        ``NO_SIZES`` when the file holds no bins or no capture with particles in them;
        ``MIXED_SAMPLES``.
    """
    captures, shares = size_weights(export, sample)
    if export.bins is None or not captures:
        raise InstrumentFileError(
            "the file holds no sizes of captures that can be used; export the size distribution.",
            code="NO_SIZES",
            where=export.file,
        )
    known = counting_variance(captures)[1]
    tracks = np.array([c.tracks for c in captures]) if known else np.full(len(captures), math.nan)
    centres = export.bins.centres_nm
    found = percentiles(centres, shares, tracks)
    if ends:
        found = _moved(found, [_alone(end, sample) for end in ends])
    warnings = []
    laws = None
    if known:
        pooled = shares @ tracks / tracks.sum()
        laws = fit_laws(centres, pooled * float(tracks.sum()), detection_floor(export))
        if laws is not None and ends:
            laws = _moved_laws(laws, ends, sample)
        if laws is None:
            message = "no law of sizes can be fitted to the bins"
            warnings.append(VialWarning(code="SIZE_FIT", message=message, where=export.file))
        elif laws.two_populations:
            message = f"two laws of sizes describe the bins better than one ({laws.weight_two:.1%} "
            message += "by BIC): " + " and ".join(
                f"{p.share:.0%} around {p.median_nm:.0f} nm" for p in laws.two
            )
            warnings.append(VialWarning(code="TWO_POPULATIONS", message=message, where=export.file))
        elif laws.one_law_fails:
            message = "one log-normal law does not describe the bins; its median, its spread and "
            message += "the share it puts below the floor do not hold. The percentiles do"
            warnings.append(VialWarning(code="SIZE_FIT", message=message, where=export.file))
    else:
        message = "the file does not say how many particles stand behind the sizes; "
        if len(captures) == 1:
            message += "with one capture no error is claimed, and no law is fitted"
        else:
            message += "errors are those between captures, and no law is fitted"
        warnings.append(VialWarning(code="COUNTING_UNKNOWN", message=message, where=export.file))
    if len(captures) == 1 and known:
        message = "one capture with sizes: the intervals hold counting, not what captures differ by"
        warnings.append(VialWarning(code="ONE_CAPTURE", message=message, where=export.file))
    return SizeEstimate(
        **found,
        n_captures=len(captures),
        n_effective=float(tracks.sum()),
        laws=laws,
        warnings=tuple(warnings),
    )


def _alone(export: ParticleExport, sample: str | None) -> dict[str, float]:
    """The percentiles of an export without their errors."""
    captures, shares = size_weights(export, sample)
    assert export.bins is not None
    centres = export.bins.centres_nm
    tracks = np.array([c.tracks for c in captures])
    known = bool(np.isfinite(tracks).all())
    part = tracks / tracks.sum() if known else np.full(len(captures), 1 / len(captures))
    values = _numbers(_edges_of(centres), (shares @ part)[None, :])[0]
    return {n: float(_back(n)(v)) for n, v in zip(NAMES, values, strict=True)}


def _moved(found: dict[str, Interval], ends: Sequence[dict[str, float]]) -> dict[str, Interval]:
    """Intervals with what the two ends differ by added to their errors."""
    return {
        name: _with_error(each, ends[0][name], ends[1][name], share=name == "share_small")
        for name, each in found.items()
    }


def _with_error(found: Interval, low: float, high: float, *, share: bool = False) -> Interval:
    """An interval whose two arms hold half of the difference of two ends as one more error."""
    there: Callable[[float], float] = logit if share else np.log
    back: Callable[[float], float] = expit if share else np.exp
    inside = [x for x in (found.value, found.low, found.high, low, high) if 0 < x < math.inf]
    if len(inside) < 5 or (share and max(inside) >= 1):
        return found
    error = 1.96 * abs(float(there(high)) - float(there(low))) / 2
    centre = float(there(found.value))
    arms = [math.hypot(float(there(x)) - centre, error) for x in (found.low, found.high)]
    return Interval(
        value=found.value, low=float(back(centre - arms[0])), high=float(back(centre + arms[1]))
    )


def _moved_laws(laws: SizeLaws, ends: Sequence[ParticleExport], sample: str | None) -> SizeLaws:
    """The same for one law, whose ends are fitted with the floor at its middle."""
    fits = []
    for end in ends:
        captures, shares = size_weights(end, sample)
        assert end.bins is not None
        weights = shares @ np.array([c.tracks for c in captures])
        fits.append(fit_sizes(end.bins.centres_nm, weights, MANY, detection_floor(end)))
    low, high = fits
    if low is None or high is None:
        return laws
    hidden = (low.extrapolated_share, high.extrapolated_share)
    return replace(
        laws,
        median_nm=_with_error(laws.median_nm, low.median_nm, high.median_nm),
        log_sd=_with_error(laws.log_sd, low.log_sd, high.log_sd),
        below_floor=_with_error(laws.below_floor, *hidden, share=True),
    )


# Percentiles ------------------------------------------------------------------------------------


def percentiles(centres_nm: Array, shares: Array, tracks: Array) -> dict[str, Interval]:
    """D10, D50, D90, span and share of small particles, with intervals.

    The error has two parts: counting, from draws of each capture's particles (a fixed seed), and
    what captures differ by beyond it. With few captures the second is badly known, so Student's
    law with the degrees of freedom of both together sets the interval.

    Parameters
    ----------
    centres_nm
        Middles of evenly spaced bins, shape ``(n_bins,)``.
    shares
        Share of each bin in each capture, shape ``(n_bins, n_captures)``.
    tracks
        Particles of each capture; NaN where not known, and then only captures tell an error.
    """
    known = bool(np.isfinite(tracks).all())
    captures = shares.shape[1]
    part = tracks / tracks.sum() if known else np.full(captures, 1 / captures)
    edges = _edges_of(centres_nm)
    whole = _numbers(edges, (shares @ part)[None, :])[0]
    single = _numbers(edges, shares.T, tracks if known else None)
    counting: Array = np.zeros(single.shape)
    pooled: Array = np.zeros(single.shape[1])
    if known:
        chance = np.random.Generator(np.random.Philox(key=SEED))
        drawn = [
            chance.multinomial(max(1, round(float(tracks[k]))), shares[:, k], size=DRAWS)
            for k in range(captures)
        ]
        counting = np.stack(
            [
                _numbers(edges, d.astype(np.float64), n).var(axis=0)
                for d, n in zip(drawn, tracks, strict=True)
            ]
        )
        together = np.stack(drawn).sum(axis=0).astype(np.float64)
        pooled = _numbers(edges, together, float(tracks.sum())).var(axis=0)
    found = {}
    for i, name in enumerate(NAMES):
        reach = _reach(single[:, i], counting[:, i].mean(), pooled[i], part, known=known)
        back = _back(name)
        ends = whole[i] - reach, whole[i] + reach
        share = float(expit(whole[i]))
        if name == "share_small" and _is_extreme(share, float(tracks.sum())):
            found[name] = _extreme_share(share, float(tracks.sum()))
        else:
            found[name] = Interval(
                value=float(back(whole[i])), low=float(back(ends[0])), high=float(back(ends[1]))
            )
    return found


def _edges_of(centres_nm: Array) -> Array:
    """Ends of evenly spaced bins."""
    width = centres_nm[1] - centres_nm[0]
    return np.append(centres_nm - width / 2, centres_nm[-1] + width / 2)


def _back(name: str) -> Callable[[float], float]:
    """From the scale on which a number's error is taken to the number."""
    return expit if name == "share_small" else np.exp


def _numbers(edges: Array, weights: Array, tracks: ArrayLike | None = None) -> Array:
    """Logarithms of D10, D50, D90, span, and logit of the small share: ``(n_rows, 5)``.

    With ``tracks`` half a particle is added to those inside and to those outside, so that the
    logit of a chance count of nothing is finite.
    """
    rows = package_table("vial", "instrument")
    cumulative = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)
    cumulative /= cumulative[:, -1:]
    row = np.arange(len(weights))
    found = []
    for part in (0.1, 0.5, 0.9):
        after = np.argmax(cumulative >= part, axis=1)
        low, high = cumulative[row, after - 1], cumulative[row, after]
        found.append(edges[after - 1] + (part - low) / (high - low) * np.diff(edges)[after - 1])
    d10, d50, d90 = found
    ends = rows["small_low"].value, rows["small_high"].value
    below = np.array([np.interp(ends, edges, c) for c in cumulative])
    small = np.clip(below[:, 1] - below[:, 0], 0.0, 1.0)
    small = np.where(small > 1 - 1e-12, 1.0, small)
    if tracks is not None:
        n = np.asarray(tracks, dtype=np.float64)
        small = (small * n + 0.5) / (n + 1.0)
    span = np.log((d90 - d10) / d50)
    return np.stack([np.log(d10), np.log(d50), np.log(d90), span, logit(small)], axis=-1)


def _reach(single: Array, counting: float, pooled: float, part: Array, *, known: bool) -> float:
    """Half of the 95 % interval; NaN where nothing tells an error."""
    from scipy.stats import t

    n = len(single)
    finite = bool(np.isfinite(single).all())
    if n == 1 or not finite:
        return 1.96 * math.sqrt(pooled) if known and math.isfinite(pooled) else math.nan
    scatter = float(single.var(ddof=1))
    several = float((part**2).sum())
    if not known:
        return float(t.ppf(0.975, n - 1)) * math.sqrt(scatter * several)
    between = max(0.0, scatter - counting) * several
    total = pooled + between
    # Welch and Satterthwaite: the scatter is known to n - 1 degrees of freedom, counting is known.
    noise = (scatter * several) ** 2 / (n - 1) if between > 0 else 0.0
    freedom = total**2 / noise if noise > 0 else 1e6
    return float(t.ppf(0.975, max(1.0, freedom))) * math.sqrt(total)


def _is_extreme(share: float, n: float) -> bool:
    """Whether less than half a particle, of ``n``, is inside or outside."""
    least = 0.5 / n if math.isfinite(n) else 1e-12
    return share < least or share > 1.0 - least


def _extreme_share(share: float, n: float) -> Interval:
    """All or none of ``n`` particles: one-sided 95 % limit, with Jeffreys' prior."""
    if not math.isfinite(n):
        return Interval(value=share, low=math.nan, high=math.nan)
    if share < 0.5:
        return Interval(value=share, low=0.0, high=float(betaincinv(0.5, n + 0.5, 0.95)))
    return Interval(value=share, low=float(betaincinv(n + 0.5, 0.5, 0.05)), high=1.0)


# Laws -------------------------------------------------------------------------------------------


def fit_laws(centres_nm: Array, counts: Array, floor: Row) -> SizeLaws | None:
    """One and two log-normal laws behind a soft floor; None when no maximum lies inside.

    Parameters
    ----------
    centres_nm
        Middles of evenly spaced bins, shape ``(n_bins,)``.
    counts
        Particles in each bin, summing to the number that was tracked, shape ``(n_bins,)``.
    floor
        Row of the detection floor; without a spread the floor is known, as an instrument that
        states it has one, and only its width is not.
    """
    width_row = package_table("vial", "instrument")["detection_width"]
    bins = _binned(centres_nm, counts)
    if (bins[2] > 0).sum() < 4:
        return None
    one = _integrated(bins, floor, width_row)
    if one is None:
        return None
    best_one = _best(bins, floor, width_row, 1)
    best_two = _best(bins, floor, width_row, 2)
    if best_one is None or best_two is None:
        return None
    n = float(counts.sum())
    gain = 2 * (best_two[1] - best_one[1]) - 3 * math.log(n)
    weight_two = float(expit(gain / 2))
    limit = package_table("vial", "instrument")["two_populations"].value
    first, second = _populations(best_two[0])
    fails = weight_two > limit
    apart = math.log(second.median_nm / first.median_nm) > first.log_sd + second.log_sd
    return SizeLaws(
        **one,
        weight_one=1.0 - weight_two,
        weight_two=weight_two,
        two=(first, second),
        one_law_fails=fails,
        two_populations=fails and apart,
    )


Bins3 = tuple[Array, Array, Array]


def _binned(centres: Array, counts: Array) -> Bins3:
    """Logarithms of lower and upper edges, and counts, of bins that widen with the diameter.

    Empty bins stay: a law is normalised over all that could have been seen.
    """
    width = float(centres[1] - centres[0])
    edges = np.append(centres - width / 2, centres[-1] + width / 2)
    kept = [0]
    for i in range(1, len(edges)):
        if edges[i] - edges[kept[-1]] >= max(WIDEST_BIN_NM, WIDEST_BIN * edges[i]) - 1e-9:
            kept.append(i)
    if kept[-1] < len(edges) - 1:
        kept.append(len(edges) - 1)
    summed = np.add.reduceat(counts, kept[:-1])
    logs = np.log(np.maximum(edges[kept], 1e-3 * width))
    return logs[:-1], logs[1:], summed


def _log_cells(bins: Bins3, mu: Array, sd: Array) -> Array:
    """Logarithm of the law's share in each bin; ``mu`` and ``sd`` end in an axis of one."""
    a, b = (bins[0] - mu) / sd, (bins[1] - mu) / sd
    # Right of the middle use the upper tails, so that differences keep their digits; logarithms
    # throughout, so that a law far from its bins is as unlikely as it is.
    flip = a > 0
    a, b = log_ndtr(np.where(flip, -b, a)), log_ndtr(np.where(flip, -a, b))
    return np.asarray(b + np.log(-np.expm1(a - b)))


def _log_sum(logs: Array, axis: int) -> Array:
    """Logarithm of a sum of exponentials; quicker than the general one for small arrays."""
    top = logs.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top).sum(axis=axis)) + np.squeeze(top, axis=axis))


def _log_detection(bins: Bins3, middle: Array, width: Array) -> Array:
    """Logarithm of the chance to be detected, averaged over each bin."""
    ends = [log_ndtr((x - middle) / width) for x in (bins[0], (bins[0] + bins[1]) / 2, bins[1])]
    return np.asarray(
        _log_sum(np.stack([ends[0], ends[1] + math.log(4), ends[2]]), axis=0) - math.log(6)
    )


def _log_seen(mu: Array, sd: Array, middle: Array, width: Array) -> Array:
    """Logarithm of the share of a law that is detected: normal times normal curve, exactly.

    Over all diameters; a likelihood is normalised over the bins instead, by the same averages
    that it takes the bins' shares from, so that no law gains by what lies between them.
    """
    return np.asarray(log_ndtr((mu - middle) / np.sqrt(sd**2 + width**2)))


def _integrated(bins: Bins3, floor: Row, width_row: Row) -> dict[str, Interval] | None:
    """One law with the floor integrated over: a grid around what the bins leave of the priors."""
    fixed = not floor.spread
    low, high = np.array([-3.0, -3.0]), np.array([3.0, 3.0])
    start = _moments(bins)
    for _ in range(PASSES):
        z_m = np.zeros(1) if fixed else np.linspace(low[0], high[0], NODES[0])
        z_w = np.linspace(low[1], high[1], NODES[1])
        grid_m, grid_w = (g.ravel() for g in np.meshgrid(z_m, z_w, indexing="ij"))
        middle, width = np.log(value_of(floor, grid_m)), value_of(width_row, grid_w)
        x, covariance, log_weight = _laplace(bins, middle, width, start)
        log_weight = log_weight - (grid_m**2 + grid_w**2) / 2
        if not np.isfinite(log_weight).any():
            return None
        start = x[np.argmax(log_weight)]
        kept = log_weight > log_weight.max() - 10
        steps = np.array([6.0 / NODES[0], (z_w[1] - z_w[0])])
        if not fixed:
            steps[0] = z_m[1] - z_m[0]
        mids = np.stack([grid_m[kept], grid_w[kept]])
        low, high = mids.min(axis=1) - steps, mids.max(axis=1) + steps
        low, high = np.maximum(low, -3.5), np.minimum(high, 3.5)
    sd = np.exp(x[:, 1])
    seen = np.exp(_log_seen(x[:, 0], sd, middle, width))
    # The share below the floor on the logit scale, where an interval stays between 0 and 1.
    hidden = logit(np.clip(1 - seen, 1e-12, 1 - 1e-12))
    gradient = np.stack(
        [
            (_hidden(x + step, middle, width) - _hidden(x - step, middle, width)) / 2e-4
            for step in np.eye(2) * 1e-4
        ],
        axis=-1,
    )
    error = np.einsum("gi,gij,gj->g", gradient, covariance, gradient)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    return {
        "median_nm": _from(mixture(log_weight, x[:, 0], covariance[:, 0, 0]), np.exp),
        "log_sd": _from(mixture(log_weight, x[:, 1], covariance[:, 1, 1]), np.exp),
        "below_floor": _from(mixture(log_weight, hidden, error), expit),
        "floor_nm": _weighted(np.exp(middle), weight),
        "floor_width": _weighted(width, weight),
    }


def _hidden(x: Array, middle: Array, width: Array) -> Array:
    seen = np.exp(_log_seen(x[:, 0], np.exp(x[:, 1]), middle, width))
    return np.asarray(logit(np.clip(1 - seen, 1e-12, 1 - 1e-12)))


def _from(law: Mixture, back: Callable[[float], float]) -> Interval:
    low, middle, high = (float(back(law.quantile(q))) for q in (0.025, 0.5, 0.975))
    return Interval(value=middle, low=low, high=high)


def _weighted(values: Array, weight: Array) -> Interval:
    """Quantiles of a quantity on its grid, ties taken together."""
    grid, place = np.unique(values, return_inverse=True)
    marginal = np.bincount(place, weights=weight)
    cumulative = np.cumsum(marginal) - marginal / 2
    low, middle, high = (float(np.interp(q, cumulative, grid)) for q in (0.025, 0.5, 0.975))
    return Interval(value=middle, low=low, high=high)


def _slopes(bins: Bins3, x: Array, log_detection: Array) -> tuple[Array, Array]:
    """Log-likelihood of one law and its slopes at ``x`` (n, 2), for each floor (n, n_bins)."""
    low, high, counts = bins
    total = float(counts.sum())
    mu, sd = x[:, :1], np.exp(x[:, 1:])
    a, b = (low - mu) / sd, (high - mu) / sd
    log_cell = _log_cells(bins, mu, sd)
    density_a, density_b = (np.exp(-(z**2) / 2 - HALF_LOG_2_PI - log_cell) for z in (a, b))
    by_mu, by_s = (density_a - density_b) / sd, a * density_a - b * density_b
    log_each = log_cell + log_detection
    log_seen = _log_sum(log_each, axis=1)
    # Slopes of a normaliser are averages over what is seen.
    surplus = counts - total * np.exp(log_each - log_seen[:, None])
    slope = np.stack([(surplus * by_mu).sum(axis=1), (surplus * by_s).sum(axis=1)], axis=-1)
    return (log_each * counts).sum(axis=1) - total * log_seen, slope


def _moments(bins: Bins3) -> Array:
    """Mean of the logarithm of the diameter, and logarithm of its standard deviation."""
    centre, counts = (bins[0] + bins[1]) / 2, bins[2]
    mean = float(np.average(centre, weights=counts))
    sd = math.sqrt(float(np.average((centre - mean) ** 2, weights=counts)))
    return np.array([mean, math.log(min(max(sd, 2 * NARROWEST), WIDEST / 2))])


def _laplace(bins: Bins3, middle: Array, width: Array, start: Array) -> tuple[Array, Array, Array]:
    """Maximum, covariance and log evidence of one law for each floor, all at once (Newton)."""
    x = np.tile(start, (len(middle), 1))
    lowest, highest = np.array([LOW_MU, LOW_S]), np.array([HIGH_MU, HIGH_S])
    detection = _log_detection(bins, middle[:, None], width[:, None])
    value, slope = _slopes(bins, x, detection)
    for _ in range(40):
        safe = _positive(_information(bins, x, detection, slope))
        step = np.linalg.solve(safe, slope[..., None])[..., 0]
        step = np.clip(step, -0.5, 0.5)
        scale = np.ones(len(middle))
        for _ in range(6):
            trial = np.clip(x + scale[:, None] * step, lowest, highest)
            new_value, new_slope = _slopes(bins, trial, detection)
            worse = ~(new_value >= value - 1e-9 * np.abs(value))
            if not worse.any():
                break
            scale = np.where(worse, scale / 4, scale)
        # Floors that are out of the question need not converge.
        likely = new_value > new_value.max() - 40
        moved = np.abs(trial - x)[likely].max()
        x, value, slope = trial, new_value, new_slope
        if moved < 1e-6:
            break
    information = _information(bins, x, detection)
    determinant = np.linalg.det(information)
    inside = ((x > lowest + 1e-6) & (x < highest - 1e-6)).all(axis=1)
    good = inside & (information[:, 0, 0] > 0) & (determinant > 0)
    covariance = np.linalg.inv(np.where(good[:, None, None], information, np.eye(2)))
    evidence = value - 0.5 * np.log(np.where(good, determinant, 1.0))
    # Floors for which no maximum lies inside say that the law is not determined: if they are the
    # likely ones, nothing is reported.
    if not good[np.argmax(value)]:
        return x, covariance, np.full(len(middle), -np.inf)
    return x, covariance, np.where(good, evidence, -np.inf)


def _information(bins: Bins3, x: Array, log_detection: Array, here: Array | None = None) -> Array:
    """Minus the second derivatives, by differences of the slopes.

    Central ones; ahead of ``here``, the slopes at ``x``, where those are given.
    """
    columns = []
    for step in np.eye(2) * 1e-4:
        ahead = _slopes(bins, x + step, log_detection)[1]
        if here is not None:
            columns.append((here - ahead) / 1e-4)
        else:
            columns.append((_slopes(bins, x - step, log_detection)[1] - ahead) / 2e-4)
    matrix = np.stack(columns, axis=-1)
    return np.asarray((matrix + np.swapaxes(matrix, -1, -2)) / 2)


def _positive(matrix: Array) -> Array:
    """The same with eigenvalues away from zero, so that a step climbs."""
    values, vectors = np.linalg.eigh(matrix)
    floor = 1e-3 * np.abs(values).max(axis=-1, keepdims=True) + 1e-9
    return np.asarray(
        (vectors * np.maximum(np.abs(values), floor)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    )


def _best(bins: Bins3, floor: Row, width_row: Row, laws: int) -> tuple[Array, float] | None:
    """Best point of one or two laws, floor included, and its penalised log-likelihood."""
    from scipy.optimize import minimize

    counts = bins[2]
    mean, log_sd = (float(v) for v in _moments(bins))
    sd = max(math.exp(log_sd), 0.05)

    def misfits(points: Array) -> Array:
        """Minus the penalised log-likelihood of each row."""
        log_shares, mu, s, middle, width = _unpacked(points, floor, width_row, laws)
        cells = _log_cells(bins, mu[..., None], np.exp(s)[..., None])
        cells = cells + _log_detection(bins, middle[:, None], width[:, None])[:, None, :]
        logs = log_shares[..., None] + cells - _log_sum(cells, axis=2)[..., None]
        # Summed without a matrix product, whose threads would cost more than they bring.
        likelihood = (_log_sum(logs, axis=1) * counts).sum(axis=1)
        return np.asarray((points[:, -2:] ** 2).sum(axis=1) / 2 - likelihood)

    def misfit(point: Array) -> tuple[float, Array]:
        """The same for one point, with its slopes by differences, all in one pass."""
        steps = np.eye(len(point)) * 1e-5
        found = misfits(np.concatenate([point[None], point + steps, point - steps]))
        n = len(point)
        return float(found[0]), (found[1 : n + 1] - found[n + 1 :]) / 2e-5

    law = [(LOW_MU, HIGH_MU), (LOW_S, HIGH_S)]
    bounds = [*law, *([*law, (-7.0, 7.0)] if laws == 2 else []), (-3.5, 3.5), (-3.5, 3.5)]
    if not floor.spread:
        bounds[-2] = (0.0, 0.0)
    if laws == 1:
        starts: Sequence[Sequence[float]] = [[mean, math.log(sd), 0.0, 0.0]]
    else:
        starts = [
            [mean - d * sd, math.log(0.6 * sd), mean + e * sd, math.log(0.6 * sd), h, 0.0, 0.0]
            for d, e, h in ((0.8, 0.8, 0.0), (0.3, 1.8, 2.0), (1.5, 0.3, -2.0))
        ]
    found = [
        minimize(
            misfit,
            np.array(s),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 400},
        )
        for s in starts
    ]
    best = min(found, key=lambda f: float(f.fun))
    return (np.asarray(best.x), -float(best.fun)) if math.isfinite(float(best.fun)) else None


def _unpacked(
    points: Array, floor: Row, width_row: Row, laws: int
) -> tuple[Array, Array, Array, Array, Array]:
    """Logarithms of detected shares, of medians, of spreads; middle and width of detection.

    Rows of ``points`` are points; the first three are ``(n, laws)``, the last two ``(n,)``.
    """
    middle = np.log(value_of(floor, points[:, -2]))
    width = value_of(width_row, points[:, -1])
    if laws == 1:
        return np.zeros((len(points), 1)), points[:, :1], points[:, 1:2], middle, width
    odds = points[:, 4]
    log_shares = -np.logaddexp(0.0, np.stack([-odds, odds], axis=1))
    return log_shares, points[:, [0, 2]], points[:, [1, 3]], middle, width


def _populations(point: Array) -> tuple[Population, Population]:
    share = float(expit(point[4]))
    both = [
        Population(median_nm=math.exp(point[0]), log_sd=math.exp(point[1]), share=share),
        Population(median_nm=math.exp(point[2]), log_sd=math.exp(point[3]), share=1.0 - share),
    ]
    first, second = sorted(both, key=lambda p: p.median_nm)
    return first, second
