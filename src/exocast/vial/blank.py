"""What the buffer brought: a blank run taken off, in the instrument, in total and by size.

Particles of the diluent are in the tube that is measured, however much the sample was diluted, so
the blank is subtracted from the level in the instrument and the difference is multiplied by the
sample's dilution. The difference of two levels may be zero or less; it is then called below
detection, with the most that the vial can hold, and is never cut off at zero.

Not covered: particles that the buffer and the sample form together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from exocast.errors import InstrumentFileError, InvalidInput
from exocast.evidence.rows import package_table
from exocast.vial.measure import captures_of, size_weights
from exocast.vial.nested import Mixture, Spread, known_spread, mixture, nested, pool, spread_of
from exocast.vial.net_sizes import BufferSizes, buffer_sizes
from exocast.vial.records import VialWarning
from exocast.vial.runs import Counted, Run, capture_spreads, counted_runs

Array = NDArray[np.float64]
POINTS = 21
LEVELS = 1001  # equally likely levels of the buffer over which a difference is averaged
BIN_NM = 10.0
Z95 = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class NetBins:
    """Sample less blank by size, per mL in the instrument: all arrays ``(n_bins,)``.

    ``per_ml`` may be negative and sums to the net level. ``sd`` holds counting and the error of
    the two totals; bins share the latter. NaN where a file does not say how many particles it
    counted. Tracks are smoothed over neighbouring bins, which ``sd`` leaves out.
    """

    centres_nm: Array
    per_ml: Array
    sd: Array


@dataclass(frozen=True, kw_only=True)
class BlankSubtraction:
    """A preparation without the particles of its buffer.

    Attributes
    ----------
    sample_level, blank_level, net_level, net_level_95
        Particles per mL in the instrument; the last one is an interval, which may reach below 0.
    blank_share
        Blank over sample, in the instrument.
    per_ml, interval_95
        Particles per mL of the undiluted sample; may be negative.
    below_detection
        Whether the 95 % interval reaches zero: no particles are shown.
    limit_per_ml
        The most that the undiluted sample holds, with 95 % probability.
    buffer_log_sd
        Standard deviation of the logarithm of the net level that the buffer's level alone adds,
        by its longer side; the buffer is the same for every preparation. Infinite where the
        buffer may hold all.
    bins
        None where the two files do not hold the same bins.
    buffer
        Sizes of what is taken off; None where the blank holds none.
    """

    sample_level: float
    blank_level: float
    net_level: float
    net_level_95: tuple[float, float]
    blank_share: float
    per_ml: float
    interval_95: tuple[float, float]
    below_detection: bool
    limit_per_ml: float
    bins: NetBins | None
    warnings: tuple[VialWarning, ...]
    buffer_log_sd: float
    buffer: BufferSizes | None


def subtract_blank(
    sample: Sequence[Run], blank: Sequence[Run], bin_nm: float = BIN_NM
) -> BlankSubtraction:
    """A preparation less its buffer.

    The buffer in the sample's tube is one more preparation like those that were run as blanks, so
    it varies by ``population.run_spread`` besides what the captures of the blanks leave open.

    Parameters
    ----------
    sample
        Runs of one preparation.
    blank
        Runs of buffer, each a preparation of its own. Captures without any particle count as
        zero here, where they are an answer.
    bin_nm
        Width of the bins of the result, in nm; at least that of the files.

    Raises
    ------
    InstrumentFileError
        ``EMPTY_RUN`` when the sample holds no particles; ``BLANK`` when an empty blank cannot be
        given a limit because no file says how many particles it counted.
    InvalidInput
        ``PREPARATION`` when the sample's runs are of several preparations.
    """
    if not blank:
        raise InvalidInput("no run of buffer was given; name one.", code="BLANK")
    both = counted_runs([*sample, *blank])
    samples, blanks = both[: len(sample)], both[len(sample) :]
    if len({c.key for c in samples}) > 1:
        raise InvalidInput(
            "the sample's runs are of several preparations; take the blank off one at a time.",
            code="PREPARATION",
        )
    used = [c for c in samples if len(c.logs)]
    if not used:
        raise InstrumentFileError(
            "no capture of the sample holds particles. Measure again.",
            code="EMPTY_RUN",
            where=samples[0].run.export.file if samples else None,
        )
    dilution = used[0].dilution
    law = preparation_law([c.undiluted() for c in used])
    buffer = buffer_levels(blanks, used)
    sample_level, blank_level = math.exp(law.mean), float(np.median(buffer))
    net = _difference_interval(law, buffer, (0.025, 0.95, 0.975))
    low, most, high = net
    share = blank_level / sample_level
    bins, warnings = _net_bins(used, blanks, law, buffer, bin_nm)
    return BlankSubtraction(
        sample_level=sample_level,
        blank_level=blank_level,
        net_level=sample_level - blank_level,
        net_level_95=(low, high),
        blank_share=share,
        per_ml=dilution * (sample_level - blank_level),
        interval_95=(dilution * low, dilution * high),
        below_detection=low <= 0,
        limit_per_ml=dilution * max(most, 0.0),
        bins=bins,
        warnings=(
            *(w for c in samples for w in c.warnings),
            *blank_warnings(share, blanks[0].run.export.file),
            *_dilution_warnings(blanks, dilution),
            *_below(low <= 0, dilution * max(most, 0.0), used[0].run.export.file),
            *warnings,
        ),
        buffer_log_sd=_spread_of_net(sample_level, buffer),
        buffer=buffer_sizes(blanks, buffer, sample_level),
    )


def _spread_of_net(sample_level: float, levels: Array) -> float:
    """SD of the logarithm of a net level from the buffer alone, by its longer side."""
    left = sample_level - np.quantile(levels, [0.025, 0.5, 0.975])
    if left[2] <= 0:
        return math.inf
    return float(max(np.log(left[1] / left[2]), np.log(left[0] / left[1])) / Z95)


def preparation_law(runs: Sequence[Counted]) -> Mixture:
    """Logarithm of what one preparation holds, from the captures of its runs."""
    logs = np.concatenate([c.logs for c in runs])
    counting = np.concatenate([c.counting for c in runs])
    each = capture_spreads(runs, POINTS)
    tau = each.values.max(axis=1)
    centre, variance, rest = pool(logs, counting + tau[:, None] ** 2)
    return mixture(each.log_weight + rest, centre, variance)


def buffer_levels(blanks: Sequence[Counted], samples: Sequence[Counted]) -> Array:
    """Equally likely levels of the buffer in a further tube, rising, ``(LEVELS,)``, per mL.

    Log-normal like any run; where captures hold no particle at all, the gamma law of a count.
    """
    shares = (np.arange(LEVELS) + 0.5) / LEVELS
    empty = sum(_empty_captures(c) for c in blanks)
    if not empty:
        used = [c.undiluted() for c in blanks if len(c.logs)]
        if not used:
            raise InstrumentFileError(
                "no capture of the blank can be used, and none says that it was empty. Measure the "
                "buffer again.",
                code="BLANK",
                where=blanks[0].run.export.file,
            )
        law = _further_preparation(used)
        values, below = law.table()
        return np.asarray(np.exp(np.interp(shares, below, values)))
    per_track = _level_of_one_track([c for c in (*blanks, *samples) if len(c.logs)])
    if per_track is None:
        raise InstrumentFileError(
            f"{empty} captures of the blank hold no particles, and no file says how many particles "
            "stand behind a concentration, so no limit can be given. Export with the counts.",
            code="BLANK",
            where=blanks[0].run.export.file,
        )
    seen = sum(float(c.tracks[np.isfinite(c.tracks)].sum()) for c in blanks)
    captures = empty + sum(len(c.logs) for c in blanks)
    # Jeffreys' prior: a count of nothing leaves half a particle.
    return np.asarray(gammaincinv(seen + 0.5, shares) * per_track / captures)


def blank_share(samples: Sequence[Counted], blanks: Sequence[Counted]) -> float:
    """Level of the buffer over that of the most diluted sample, both in the instrument."""
    lowest = min(c.level_per_ml for c in samples)
    return float(np.median(buffer_levels(blanks, samples))) / lowest


def blank_warnings(share: float, file: str) -> list[VialWarning]:
    """``BLANK`` when the buffer holds more of a sample than ``instrument.blank_share``."""
    limit = package_table("vial", "instrument")["blank_share"].value
    if share <= limit:
        return []
    message = f"the buffer alone holds {share:.0%} of what was counted in the instrument; more "
    message += f"than {limit:.0%} makes a difference that is measured badly. Filter the buffer, or "
    message += "dilute less"
    return [VialWarning(code="BLANK", message=message, where=file)]


def _further_preparation(runs: Sequence[Counted]) -> Mixture:
    """One more tube of buffer, each run being one preparation."""
    most = max(len(c.logs) for c in runs)
    values, counting = np.zeros((len(runs), 1, most)), np.full((len(runs), 1, most), np.inf)
    for i, one in enumerate(runs):
        values[i, 0, : len(one.logs)] = one.logs
        counting[i, 0, : len(one.logs)] = one.counting
    each = capture_spreads(runs, POINTS)
    captures = Spread(values=each.values[:, :, None], log_weight=each.log_weight)
    between = spread_of(package_table("vial", "population")["run_spread"], POINTS)
    return nested(values, counting, captures, known_spread(0.0), between).new_vial()


def _empty_captures(one: Counted) -> int:
    """Captures that say zero: of a blank this is an answer and not a failure."""
    chosen = captures_of(one.run.export, one.run.sample)
    return sum(c.concentration_per_ml == 0 for c in chosen)


def _level_of_one_track(runs: Sequence[Counted]) -> float | None:
    """Concentration in the instrument that one particle of a capture stands for."""
    pairs = [
        (math.exp(log) / one.dilution, track)
        for one in runs
        for log, track in zip(one.logs, one.tracks, strict=True)
        if math.isfinite(track) and track > 0
    ]
    if not pairs:
        return None
    return float(np.median([level / track for level, track in pairs]))


def _difference_interval(law: Mixture, buffer: Array, shares: tuple[float, ...]) -> list[float]:
    """Quantiles of the sample's level less that of the buffer."""
    from scipy.optimize import brentq

    values, shares_below = law.table()

    def below(x: float) -> float:
        positive = buffer + x > 0
        logs = np.log(buffer[positive] + x)
        each = np.interp(logs, values, shares_below, left=0.0, right=1.0)
        return float(each.sum()) / len(buffer)

    top = math.exp(law.quantile(1 - 1e-9))
    low, high = -float(buffer[-1]), top
    return [
        float(brentq(lambda x, q=q: below(float(x)) - q, low, high, xtol=1e-9 * top))
        for q in shares
    ]


def _net_bins(
    samples: Sequence[Counted],
    blanks: Sequence[Counted],
    law: Mixture,
    buffer: Array,
    bin_nm: float,
) -> tuple[NetBins | None, list[VialWarning]]:
    first = samples[0].run.export
    empty = all(not len(c.logs) for c in blanks)
    holding = [*samples, *([] if empty else [c for c in blanks if len(c.logs)])]
    grids = [c.run.export.bins.centres_nm for c in holding if c.run.export.bins is not None]
    if len(grids) < len(holding):
        return None, []
    if any(g.shape != grids[0].shape or not np.allclose(g, grids[0]) for g in grids):
        message = "sample and blank were exported in different bins; the blank is taken off the "
        message += "total only"
        return None, [VialWarning(code="BINS_DIFFER", message=message, where=first.file)]
    centres = grids[0]
    sample_level, blank_level = math.exp(law.mean), float(np.median(buffer))
    spread = float(np.std(np.log(buffer)))
    shares, n = _shares(samples)
    plus, plus_variance = _bin_levels(shares, sample_level, n)
    if empty:
        # Nobody knows which sizes a buffer without a particle would have: as the sample's.
        minus, minus_variance = _bin_levels(shares, blank_level, math.inf)
    else:
        blank_shares, blank_n = _shares([c for c in blanks if len(c.logs)])
        minus, minus_variance = _bin_levels(blank_shares, blank_level, blank_n)
    width = float(centres[1] - centres[0])
    step = max(1, round(bin_nm / width))
    starts = np.arange(0, len(centres), step)
    stops = np.minimum(starts + step, len(centres))

    def summed(per_bin: Array) -> Array:
        return np.asarray(np.add.reduceat(per_bin, starts))

    # The error of a total is shared by its bins and adds up as it is, counting as variances.
    common = (summed(plus) * law.sd) ** 2 + (summed(minus) * spread) ** 2
    counting = summed(plus_variance) + summed(minus_variance)
    return NetBins(
        centres_nm=(centres[starts] + centres[stops - 1]) / 2,
        per_ml=summed(plus) - summed(minus),
        sd=np.sqrt(common + counting),
    ), []


def _shares(runs: Sequence[Counted]) -> tuple[Array, float]:
    """Share of each bin, captures weighing by their particles, and how many these are."""
    parts, weights = [], []
    for one in runs:
        captures, shares = size_weights(one.run.export, one.run.sample)
        tracks = np.array([c.tracks for c in captures])
        parts.append(shares)
        weights.append(tracks)
    together, tracks = np.concatenate(parts, axis=1), np.concatenate(weights)
    n = float(tracks.sum())
    if not math.isfinite(n) or n <= 0:
        return together.mean(axis=1), math.nan
    return together @ tracks / n, n


def _bin_levels(shares: Array, level: float, n: float) -> tuple[Array, Array]:
    """Level of each bin and the variance that counting adds to it."""
    return level * shares, level**2 * shares / n


def _dilution_warnings(blanks: Sequence[Counted], dilution: float) -> list[VialWarning]:
    found = []
    for one in blanks:
        if one.dilution in (1.0, dilution):
            continue
        message = f"the blank was diluted {one.dilution:g} times and the sample {dilution:g}; it "
        message += "stands for the buffer in the sample's tube only when the diluent was the same"
        found.append(VialWarning(code="BLANK", message=message, where=one.run.export.file))
    return found


def _below(is_below: bool, limit: float, file: str) -> list[VialWarning]:
    if not is_below:
        return []
    message = "the sample cannot be told from its buffer: below detection, with 95 % probability "
    message += f"less than {limit:.3g}/mL"
    return [VialWarning(code="BELOW_DETECTION", message=message, where=file)]
