"""Concentration of a batch from several files: vials, preparations and captures.

The logarithm of a capture's concentration is that of the batch plus deviations of the vial, of the
preparation and of the capture; a capture varies by counting, one over its particles, and by a
spread. The three spreads have the priors of ``population.vial_spread``, ``population.run_spread``
and ``population.capture_spread_*`` (that of the level in the instrument) and are integrated over.
What a batch was measured too little to tell therefore stays as wide as other batches make it.

Where several instruments of one method counted, each has a bias of its own besides, with the prior
of ``population.instrument_spread`` (:mod:`exocast.vial.crossed`): what they disagree by stays in
the interval of the batch, however often each of them measured.

Not covered: what all runs share, such as one instrument that counts too many of every sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError, InvalidInput
from exocast.vial.blank import blank_share, blank_warnings
from exocast.vial.crossed import Crossed, Tubes, crossed
from exocast.vial.nested import Mixture, Nested, Spread, nested, pool, spread_quantile
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
# Twice as many move an interval by less than a hundredth of its width.
POINTS = 25
# The same with a fourth spread.
CROSSED_POINTS = 15


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of the model: vials, preparations, captures or instruments.

    Attributes
    ----------
    n_valid, n_total
        How many entered the estimate, of how many given.
    spread, low, high
        Standard deviation of the logarithm between them: median and 90 % interval.
    learned
        Whether these runs can tell this spread by themselves (two or more inside one group).
        Where not, it is that of other batches, or learned only together with the level above.
    """

    n_valid: int
    n_total: int
    spread: float
    low: float
    high: float
    learned: bool


@dataclass(frozen=True, kw_only=True)
class VialContent:
    """One measured vial, drawn towards its batch as far as the spreads ask for it, per mL.

    ``low`` and ``high`` are the 95 % interval, ``log_sd`` the standard deviation of the logarithm.
    """

    vial: str
    value: float
    low: float
    high: float
    log_sd: float
    n_valid: int
    n_total: int


@dataclass(frozen=True, kw_only=True)
class InstrumentBias:
    """What one of several instruments counts, over the mean of instruments at large.

    ``ratio`` with its 95 % interval; one instrument alone would have been taken at its word.
    """

    instrument: str
    ratio: float
    low: float
    high: float
    n_valid: int


@dataclass(frozen=True, kw_only=True)
class BatchEstimate:
    """Particles per mL of a batch, detected ones only.

    Attributes
    ----------
    value
        Geometric mean over the vials of the batch.
    interval_90, interval_95
        Of that mean.
    log_sd
        Standard deviation of the logarithm of the mean.
    log_sd_vial
        The same for a vial of the batch that was not opened.
    interval_vial_95
        Of such a vial.
    contents
        Measured vials, in the order given.
    instruments, biases
        Spread between instruments and what each is off by; None and empty where there is one.
    blank_share
        Level of the buffer in the instrument over that of the samples; None without a blank. It
        is not taken off here: see :func:`exocast.vial.blank.subtract_blank`.
    """

    value: float
    interval_90: tuple[float, float]
    interval_95: tuple[float, float]
    log_sd: float
    log_sd_vial: float
    interval_vial_95: tuple[float, float]
    vials: Level
    preparations: Level
    captures: Level
    contents: tuple[VialContent, ...]
    blank_share: float | None
    warnings: tuple[VialWarning, ...]
    instruments: Level | None = None
    biases: tuple[InstrumentBias, ...] = ()


def estimate_batch(runs: Sequence[Run]) -> BatchEstimate:
    """Geometric mean of a batch with its intervals, and how vials, preparations, captures differ.

    Parameters
    ----------
    runs
        Files of one batch with the labels of vial and preparation. Several files of one
        preparation count as captures of it. Blanks are looked at and never averaged in.

    Raises
    ------
    InstrumentFileError
        ``EMPTY_RUN`` when no capture holds particles, and what :func:`counted` raises.
    InvalidInput
        ``NO_RUNS``, ``DUPLICATE_RUN`` or ``PREPARATION``; ``METHODS_MIXED`` when the runs are of
        two kinds of instrument, which count different particles.
    """
    everything = counted_runs(runs)
    given = [c for c in everything if not c.run.blank]
    blanks = [c for c in everything if c.run.blank]
    one_method(given)
    used = [c for c in given if len(c.logs)]
    if not used:
        files = ", ".join(dict.fromkeys(c.run.export.file for c in given)) or "no file but blanks"
        raise InstrumentFileError(
            f"no capture of the batch holds particles ({files}). Measure again.", code="EMPTY_RUN"
        )
    posterior, vials = _posterior(used)
    mean, other = posterior.batch(), posterior.new_vial()
    levels = _levels(given, used, posterior)
    share = blank_share(used, blanks) if blanks else None
    biases, between = _instruments(given, used, posterior)
    return BatchEstimate(
        value=math.exp(mean.mean),
        interval_90=_exp(mean.interval(0.90)),
        interval_95=_exp(mean.interval(0.95)),
        log_sd=mean.sd,
        log_sd_vial=other.sd,
        interval_vial_95=_exp(other.interval(0.95)),
        vials=levels[0],
        preparations=levels[1],
        captures=levels[2],
        contents=tuple(
            _content(name, posterior.vial(i), [c for c in given if c.run.vial == name])
            for i, name in enumerate(vials)
        ),
        blank_share=share,
        warnings=(
            *_run_warnings(given),
            *_level_warnings(*levels),
            *_bias_warnings(biases, posterior),
            *(blank_warnings(share, blanks[0].run.export.file) if share is not None else ()),
        ),
        instruments=between,
        biases=biases,
    )


def one_method(runs: Sequence[Counted]) -> None:
    """Refuse runs of several kinds of instrument.

    Raises
    ------
    InvalidInput
        ``METHODS_MIXED``.
    """
    methods = tuple(dict.fromkeys(c.run.export.method for c in runs))
    if len(methods) > 1:
        raise InvalidInput(
            f"the runs are of {' and '.join(methods)}, which detect different particles and are "
            "never averaged. Give one method's runs; compare_methods says how far they differ.",
            code="METHODS_MIXED",
        )


def _posterior(runs: Sequence[Counted]) -> tuple[Nested | Crossed, tuple[str, ...]]:
    """Posterior of the batch mean, with a bias for each of several instruments, and the vials."""
    if len(instruments_of(runs)) > 1:
        return crossed_of(runs)
    posterior, vials, _ = posterior_of(runs)
    return posterior, vials


def crossed_of(
    runs: Sequence[Counted],
    points: int = CROSSED_POINTS,
    spreads: tuple[Spread, Spread, Spread] | None = None,
) -> tuple[Crossed, tuple[str, ...]]:
    """Posterior of the batch mean over several instruments, with the vials in its order.

    Parameters
    ----------
    runs
        Each with at least one usable capture.
    points
        Standard scores over which each spread is integrated.
    spreads
        Between preparations, vials and instruments; those of the population when not given.
    """
    vials = tuple(dict.fromkeys(c.run.vial for c in runs))
    instruments = instruments_of(runs)
    names = tuple(dict.fromkeys(c.tube for c in runs))
    each = capture_spreads(runs, points)
    centre, variance = np.empty((points, len(names))), np.empty((points, len(names)))
    rest = np.zeros(points)
    for i, name in enumerate(names):
        members = [m for m, c in enumerate(runs) if c.tube == name]
        logs = np.concatenate([runs[m].logs for m in members])
        counting = np.concatenate([runs[m].counting for m in members])
        # Files of one preparation share a spread: that of the one which spreads most.
        tau = each.values[:, members].max(axis=1)
        centre[:, i], variance[:, i], said = pool(logs, counting + tau[:, None] ** 2)
        rest += said
    tubes = Tubes(
        centre=centre,
        variance=variance,
        log_weight=each.log_weight + rest,
        vial=[vials.index(vial) for vial, _, _ in names],
        instrument=[instruments.index(instrument) for _, _, instrument in names],
    )
    between = spreads or (*level_spreads(points), instrument_spread(points))
    return crossed(tubes, *between), vials


def posterior_of(
    runs: Sequence[Counted],
    points: int = POINTS,
    spreads: tuple[Spread, Spread] | None = None,
) -> tuple[Nested, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Posterior of the batch mean, with the vials and the preparations in its order.

    Parameters
    ----------
    runs
        Each with at least one usable capture.
    points
        Standard scores over which each spread is integrated.
    spreads
        Between preparations and between vials; those of the population when not given.
    """
    vials = tuple(dict.fromkeys(c.run.vial for c in runs))
    preparations = tuple(dict.fromkeys(c.key for c in runs))
    inside = {v: [p for p in preparations if p[0] == v] for v in vials}
    groups = {p: [i for i, c in enumerate(runs) if c.key == p] for p in preparations}
    shape = (
        len(vials),
        max(len(p) for p in inside.values()),
        max(sum(len(runs[i].logs) for i in g) for g in groups.values()),
    )
    values, counting = np.zeros(shape), np.full(shape, np.inf)
    each = capture_spreads(runs, points)
    tau = np.ones((points, *shape[:2]))
    for i, vial in enumerate(vials):
        for j, preparation in enumerate(inside[vial]):
            members = groups[preparation]
            logs = np.concatenate([runs[m].logs for m in members])
            values[i, j, : len(logs)] = logs
            counting[i, j, : len(logs)] = np.concatenate([runs[m].counting for m in members])
            # Files of one preparation share a spread: that of the one which spreads most.
            tau[:, i, j] = each.values[:, members].max(axis=1)
    between = spreads or level_spreads(points)
    captures = Spread(values=tau, log_weight=each.log_weight)
    return nested(values, counting, captures, *between), vials, preparations


def _content(name: str, found: Mixture, runs: Sequence[Counted]) -> VialContent:
    low, high = _exp(found.interval(0.95))
    return VialContent(
        vial=name,
        value=math.exp(found.mean),
        low=low,
        high=high,
        log_sd=found.sd,
        n_valid=sum(len(c.logs) for c in runs),
        n_total=sum(c.n_total for c in runs),
    )


def _levels(
    given: Sequence[Counted], used: Sequence[Counted], posterior: Nested | Crossed
) -> tuple[Level, Level, Level]:
    tubes = tuple(dict.fromkeys(c.tube for c in used))
    counts = {t: sum(len(c.logs) for c in used if c.tube == t) for t in tubes}
    vials = {t[0] for t in tubes}
    points = POINTS if isinstance(posterior, Nested) else CROSSED_POINTS
    each = capture_spreads(used, points)
    values = (*level_spreads(points)[::-1], np.exp(np.log(each.values).mean(axis=1)))
    # Two instruments on one vial differ by their biases too, and tell no spread of preparations.
    repeated = len({(vial, instrument) for vial, _, instrument in tubes}) < len(tubes)
    facts = (
        (len(vials), len({c.run.vial for c in given}), len(vials) > 1),
        (len(tubes), len({c.tube for c in given}), repeated),
        (
            sum(counts.values()),
            sum(c.n_total for c in given),
            max(counts.values()) > 1,
        ),
    )
    return tuple(
        _level(spread.values if isinstance(spread, Spread) else spread, posterior, axis, *fact)
        for axis, spread, fact in zip((2, 1, 0), values, facts, strict=True)
    )  # type: ignore[return-value]


def _level(
    grid: Array,
    posterior: Nested | Crossed,
    axis: int,
    n_valid: int,
    n_total: int,
    learned: bool,
) -> Level:
    weight = posterior.marginal(axis)
    low, middle, high = (spread_quantile(grid, weight, q) for q in (0.05, 0.5, 0.95))
    return Level(
        n_valid=n_valid, n_total=n_total, spread=middle, low=low, high=high, learned=learned
    )


def _instruments(
    given: Sequence[Counted], used: Sequence[Counted], posterior: Nested | Crossed
) -> tuple[tuple[InstrumentBias, ...], Level | None]:
    """What each instrument is off by, and the spread between them; nothing where there is one."""
    if isinstance(posterior, Nested):
        return (), None
    biases = []
    names = instruments_of(used)
    for i, name in enumerate(names):
        law = posterior.bias(i)
        low, high = _exp(law.interval(0.95))
        n = sum(len(c.logs) for c in used if c.run.instrument == name)
        biases.append(
            InstrumentBias(instrument=name, ratio=math.exp(law.mean), low=low, high=high, n_valid=n)
        )
    grid = instrument_spread(CROSSED_POINTS).values
    total = len(instruments_of(given))
    return tuple(biases), _level(grid, posterior, 3, len(names), total, learned=True)


def _run_warnings(given: Sequence[Counted]) -> list[VialWarning]:
    warnings = []
    for one in given:
        # What one capture cannot tell, others of the batch may: said below, once.
        warnings += [w for w in one.warnings if w.code != "ONE_CAPTURE"]
        if not len(one.logs):
            message = f"no capture of vial '{one.run.vial}', preparation '{one.run.preparation}' "
            message += "holds particles; the run is left out"
            warnings.append(
                VialWarning(code="CAPTURE_FAILED", message=message, where=one.run.export.file)
            )
    return warnings


def _level_warnings(vials: Level, preparations: Level, captures: Level) -> list[VialWarning]:
    texts = {
        "ONE_CAPTURE": "no preparation has two valid captures, so nothing is said of the spread "
        "between captures; that of other files is used (population.capture_spread_*)",
        "ONE_PREPARATION": "no vial was prepared twice, so the spread between preparations is that "
        "of other runs (population.run_spread) and cannot be told from the one between vials",
        "ONE_VIAL": "one vial says nothing about the spread between vials; that of other products "
        "is used (population.vial_spread)",
    }
    levels = zip(texts.items(), (captures, preparations, vials), strict=True)
    return [
        VialWarning(code=code, message=text) for (code, text), level in levels if not level.learned
    ]


def _bias_warnings(
    biases: Sequence[InstrumentBias], posterior: Nested | Crossed
) -> list[VialWarning]:
    """``INSTRUMENTS_DIFFER`` when the highest and the lowest instrument are told apart."""
    if isinstance(posterior, Nested):
        return []
    ratios = [b.ratio for b in biases]
    most, least = int(np.argmax(ratios)), int(np.argmin(ratios))
    law = posterior.difference(most, least)
    low, high = _exp(law.interval(0.95))
    if low <= 1:
        return []
    message = f"{biases[most].instrument} counts {math.exp(law.mean):.3g} times as many particles "
    message += f"as {biases[least].instrument} ({low:.3g} to {high:.3g}); the batch lies between "
    message += "them with an interval that holds both. Where doses are drawn up by one of them, "
    message += "name it in 'counted_by'"
    return [VialWarning(code="INSTRUMENTS_DIFFER", message=message)]


def _exp(interval: tuple[float, float]) -> tuple[float, float]:
    return math.exp(interval[0]), math.exp(interval[1])
