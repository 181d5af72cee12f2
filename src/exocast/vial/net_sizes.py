"""Sizes of a batch over all its captures, less those of the buffer.

What a blank holds at each diameter is taken off what the sample holds there, at the level in the
instrument, preparation by preparation. The difference is linear and may be negative where both
hold about as many; at the end the cumulative sizes are made to rise (least squares), which moves
such a lack to its neighbours and adds no particle. How many particles the result is worth follows
from the counts of both, and the two ends of the buffer's level are carried along.

Not covered: sizes that differ between tubes of one buffer; bins of tracking are smoothed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from exocast.evidence.rows import package_table
from exocast.vial.measure import captures_of, factors, known_dilution, size_weights
from exocast.vial.records import Bins, Capture, ParticleExport, VialWarning
from exocast.vial.runs import Counted, Run

Array = NDArray[np.float64]
# A buffer that fills the sample is refused before; this keeps its upper end finite.
MOST_SHARE = 0.99
# Neighbouring bins are looked at together: tracking smooths over a few nm.
RANGE_NM = 10.0
Tube = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class BufferSizes:
    """Sizes of what the buffer brings to a tube.

    Attributes
    ----------
    edges_nm, shares
        Ends of the bins, ``(n_bins + 1,)``, and the share of each, ``(n_bins,)``.
    tracks
        Particles behind them; NaN where a file does not say.
    of_sample
        Level of the buffer over that of the sample, in the instrument.
    log_sd
        Standard deviation of the logarithm of that level.
    """

    edges_nm: Array
    shares: Array
    tracks: float
    of_sample: float
    log_sd: float

    def at(self, score: float) -> float:
        """Share of the sample's level that the buffer has, at a standard score of its level."""
        return min(MOST_SHARE, self.of_sample * math.exp(score * self.log_sd))


@dataclass(frozen=True, kw_only=True)
class PooledSizes:
    """All captures of a batch in common bins.

    Attributes
    ----------
    export
        Captures with their bins, less the buffer where it was known; ``tracks`` of a capture are
        the particles that its net sizes are worth.
    ends
        The same with the buffer's level one standard deviation lower and higher; empty where
        nothing was taken off.
    buffer
        Share of each bin of the export that the buffer had in what was counted, all zero where
        nothing was taken off; ``counted`` the share of each bin in what was counted.
    warnings
        ``BLANK_SIZES`` where the buffer outnumbers the sample, or could not be taken off.
    """

    export: ParticleExport
    ends: tuple[ParticleExport, ...]
    buffer: Array
    counted: Array
    warnings: tuple[VialWarning, ...]


def buffer_sizes(
    blanks: Sequence[Counted], levels: Array, sample_level: float
) -> BufferSizes | None:
    """Sizes of the buffer's particles; None where no blank has any, or their bins are not known.

    Parameters
    ----------
    blanks
        Runs of buffer.
    levels
        Equally likely levels of the buffer in the instrument, rising.
    sample_level
        Level of the sample in the instrument.
    """
    used = [c for c in blanks if len(c.logs)]
    parts = [(c, *size_weights(c.run.export, c.run.sample)) for c in used]
    if not parts or any(not captures for _, captures, _ in parts):
        return None
    edges = common_edges([c.run.export for c, _, _ in parts])
    columns, tracks = [], []
    for one, captures, shares in parts:
        assert one.run.export.bins is not None
        columns.append(rebinned(one.run.export.bins, shares, edges))
        tracks += [c.tracks for c in captures]
    together, weight = np.concatenate(columns, axis=1), np.array(tracks)
    n = float(weight.sum())
    known = math.isfinite(n) and n > 0
    low, middle, high = np.quantile(levels, [0.1587, 0.5, 0.8413])
    return BufferSizes(
        edges_nm=edges,
        shares=together @ weight / n if known else together.mean(axis=1),
        tracks=n if known else math.nan,
        of_sample=float(middle) / sample_level,
        log_sd=0.5 * math.log(high / low),
    )


def top_edge(bins: Bins) -> float:
    """Upper end of the last bin, in nm."""
    return float(bins.centres_nm[-1]) + bins.width_nm / 2


def common_edges(exports: Sequence[ParticleExport]) -> Array:
    """Ends of bins as wide as the widest of several files, from zero to their largest diameter."""
    each = [e.bins for e in exports if e.bins is not None]
    width = max(b.width_nm for b in each)
    return np.arange(0.0, max(top_edge(b) for b in each) + width, width)


def rebinned(bins: Bins, columns: Array, edges: Array) -> Array:
    """Columns of ``bins`` (n_bins, n) in other bins, by what lies below each edge."""
    own = np.concatenate([bins.centres_nm - bins.width_nm / 2, [top_edge(bins)]])
    return _from_edges(own, columns, edges)


def _from_edges(own: Array, columns: Array, edges: Array) -> Array:
    below = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(columns, axis=0)])
    return np.diff(np.stack([np.interp(edges, own, b) for b in below.T], axis=-1), axis=0)


def net_run(run: Run, kept: float, sample_level: float, buffer: BufferSizes | None) -> Run:
    """A run with its concentrations less the buffer, and its bins where the buffer's are known.

    What a capture deviates by from its preparation is the deviation of all that it counted, so it
    is larger, by one over the share that is kept, in what is left; the run carries that share.

    Parameters
    ----------
    run
        As counted.
    kept
        Share of the preparation's level that is the sample's.
    sample_level
        Level of the preparation in the instrument.
    buffer
        Sizes of what is taken off.
    """
    export = run.export
    known, _ = known_dilution(export, run.dilution)
    stated = sample_level * factors(known)[1]
    return replace(
        run,
        kept=kept,
        export=replace(
            export,
            captures=tuple(
                replace(
                    c,
                    concentration_per_ml=kept
                    * stated
                    * (c.concentration_per_ml / stated) ** (1.0 / kept),
                )
                for c in export.captures
            ),
            bins=export.bins if export.bins is None else _net_bins(export.bins, buffer, 0.0),
        ),
    )


def _net_bins(bins: Bins, buffer: BufferSizes | None, score: float) -> Bins:
    """Bins less the buffer's share, each column with the total that it had."""
    if buffer is None:
        return bins
    own = np.concatenate([bins.centres_nm - bins.width_nm / 2, [top_edge(bins)]])
    # Buffer particles beyond the sample's bins are nobody's there; those inside keep their share.
    taken = _from_edges(buffer.edges_nm, buffer.shares[:, None], own)[:, 0]
    share = buffer.at(score)
    totals = bins.per_ml.sum(axis=0)
    left = bins.per_ml - share * totals * taken[:, None]
    return replace(bins, per_ml=left / (1.0 - share * float(taken.sum())))


def pooled_sizes(
    runs: Sequence[Run], buffers: Mapping[Tube, BufferSizes] | None = None
) -> PooledSizes | None:
    """Sizes of all captures in common bins, less the buffer where its sizes are known.

    Parameters
    ----------
    runs
        As counted, nothing taken off.
    buffers
        Sizes of the buffer by vial, preparation and instrument.
    """
    known = buffers or {}
    whole = _pool(runs, known, 0.0)
    if whole is None:
        return None
    export, counted, taken = whole
    ends = [_pool(runs, known, score) for score in (-1.0, 1.0)] if known else []
    said = _outnumbered(export, counted, taken)
    return PooledSizes(
        export=_rising(export),
        ends=tuple(_rising(e[0]) for e in ends if e is not None),
        buffer=taken,
        counted=counted,
        warnings=tuple(said),
    )


def _pool(
    runs: Sequence[Run], buffers: Mapping[Tube, BufferSizes], score: float
) -> tuple[ParticleExport, Array, Array] | None:
    """Captures in common bins, what was counted in each bin, and the buffer's part of that."""
    pieces = []
    for run in runs:
        if run.export.bins is None:
            continue
        chosen = captures_of(run.export, run.sample)
        columns = [i for i, c in enumerate(run.export.captures) if c in chosen and not c.excluded]
        if columns:
            pieces.append((run, columns))
    if not pieces:
        return None
    edges = common_edges([r.export for r, _ in pieces])
    captures: list[Capture] = []
    net, gross, keys, shares = [], [], [], []
    for run, columns in pieces:
        bins = run.export.bins
        assert bins is not None
        buffer = buffers.get((run.vial, run.preparation, run.instrument))
        counted = replace(bins, per_ml=bins.per_ml[:, columns])
        net.append(rebinned(bins, _net_bins(counted, buffer, score).per_ml, edges))
        gross.append(rebinned(bins, counted.per_ml, edges))
        share = 0.0 if buffer is None else buffer.at(score)
        for column in columns:
            capture = run.export.captures[column]
            worth = capture.tracks * (1.0 - share) ** 2
            captures.append(replace(capture, sample="batch", tracks=worth))
            keys.append(run.instrument)
            shares.append(share)
    tracks = np.array([c.tracks for c in captures])
    tracks *= _noise_of_buffer(tracks, np.array(shares), keys, runs, buffers)
    captures = [replace(c, tracks=float(t)) for c, t in zip(captures, tracks, strict=True)]
    per_ml, counted_per_ml = np.concatenate(net, axis=1), np.concatenate(gross, axis=1)
    first = pieces[0][0].export
    export = replace(
        first,
        captures=tuple(captures),
        bins=Bins(centres_nm=(edges[:-1] + edges[1:]) / 2, per_ml=per_ml),
        warnings=(),
    )
    # Weighted as the net sizes are: a capture counts by the particles that are the sample's.
    weight = np.where(np.isfinite(tracks), tracks, 1.0) / (1.0 - np.array(shares))
    counted_shares = _average(counted_per_ml, weight)
    net_shares = _average(per_ml, weight * (1.0 - np.array(shares)))
    part = float((weight * (1.0 - np.array(shares))).sum() / weight.sum())
    return export, counted_shares, counted_shares - part * net_shares


def _average(columns: Array, weight: Array) -> Array:
    totals = columns.sum(axis=0)
    some = np.isfinite(totals) & (totals > 0)
    if not some.any():
        return np.zeros(len(columns))
    return np.asarray(columns[:, some] / totals[some] @ (weight[some] / weight[some].sum()))


def _noise_of_buffer(
    tracks: Array,
    shares: Array,
    instruments: Sequence[str],
    runs: Sequence[Run],
    buffers: Mapping[Tube, BufferSizes],
) -> float:
    """By how much fewer particles net sizes are worth because the buffer was counted too.

    Captures weigh by their tracks. The buffer of an instrument is the same in all of them, so what
    its counting leaves open does not average out.
    """
    n = float(tracks.sum())
    if not buffers or not n > 0:
        return 1.0
    noise = 0.0
    for name in dict.fromkeys(instruments):
        mine = np.array([i == name for i in instruments])
        lever = float((tracks[mine] * shares[mine] / (1.0 - shares[mine])).sum()) / n
        behind = [
            b
            for r in runs
            if r.instrument == name
            and (b := buffers.get((r.vial, r.preparation, r.instrument))) is not None
        ]
        if behind:
            # A blank that does not say counted about as many as one capture at its level would.
            like = behind[0].of_sample * float((tracks[mine] / (1.0 - shares[mine]) ** 2).mean())
            known = math.isfinite(behind[0].tracks)
            noise += lever**2 / (behind[0].tracks if known else like)
    return 1.0 / (1.0 + n * noise)


def _rising(export: ParticleExport) -> ParticleExport:
    """The export with bins that are nowhere negative and whose totals are kept."""
    bins = export.bins
    assert bins is not None
    if not (bins.per_ml < 0).any():
        return export
    columns = []
    for column in bins.per_ml.T:
        if not (column < 0).any():
            columns.append(column)
            continue
        below = isotonic_regression(np.cumsum(column)).x
        columns.append(np.diff(np.clip(below, 0.0, column.sum()), prepend=0.0))
    return replace(export, bins=replace(bins, per_ml=np.column_stack(columns)))


def _outnumbered(export: ParticleExport, counted: Array, taken: Array) -> list[VialWarning]:
    """Ranges of sizes in which the buffer is more than the sample, where they weigh."""
    limit = package_table("vial", "instrument")["buffer_sizes"].value
    bins = export.bins
    assert bins is not None
    step = max(1, round(RANGE_NM / bins.width_nm))
    starts = np.arange(0, len(counted), step)
    both, buffer = np.add.reduceat(counted, starts), np.add.reduceat(taken, starts)
    more = (buffer > both / 2) & (both > 0)
    share = float(both[more].sum())
    if share <= limit:
        return []
    edges = bins.centres_nm[starts] - bins.width_nm / 2
    # Only ranges that hold particles; neighbours are told together.
    told: list[list[float]] = []
    for i in np.flatnonzero(more & (both > limit * share / 10)):
        end = float(edges[i]) + step * bins.width_nm
        if told and math.isclose(told[-1][1], float(edges[i])):
            told[-1][1] = end
        else:
            told.append([float(edges[i]), end])
    ranges = ", ".join(f"{low:.0f}-{high:.0f} nm" for low, high in told[:4])
    message = f"more than half of the particles counted at {ranges} are the buffer's ({share:.0%} "
    message += "of all that was counted lies there); what is left of the sample there is badly "
    message += "known, and none where the buffer held more. Filter the buffer, or dilute less"
    return [VialWarning(code="BLANK_SIZES", message=message, where=export.file)]
