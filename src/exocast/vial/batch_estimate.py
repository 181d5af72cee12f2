"""Concentration of a batch from several files: vials, preparations and captures.

The logarithm of a capture's concentration is that of the batch plus deviations of the vial, of the
preparation and of the capture; a capture varies by counting, one over its particles, and by a
spread. The three spreads have the priors of ``population.vial_spread``, ``population.run_spread``
and ``population.capture_spread_*`` (that of the level in the instrument) and are integrated over.
What a batch was measured too little to tell therefore stays as wide as other batches make it.

Not covered: what all runs share, such as an instrument that counts too many of every sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError, InvalidInput
from exocast.vial.blank import blank_share, blank_warnings
from exocast.vial.nested import Mixture, Nested, Spread, nested, spread_quantile
from exocast.vial.records import VialWarning
from exocast.vial.runs import Counted, Run, capture_spreads, counted_runs, level_spreads

Array = NDArray[np.float64]
# Twice as many move an interval by less than a hundredth of its width.
POINTS = 25


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of the model: vials, preparations or captures.

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
    posterior, vials, preparations = posterior_of(used)
    mean, other = posterior.batch(), posterior.new_vial()
    levels = _levels(given, used, posterior, preparations)
    share = blank_share(used, blanks) if blanks else None
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
            *(blank_warnings(share, blanks[0].run.export.file) if share is not None else ()),
        ),
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
    given: Sequence[Counted],
    used: Sequence[Counted],
    posterior: Nested,
    preparations: Sequence[tuple[str, str]],
) -> tuple[Level, Level, Level]:
    vials = [p[0] for p in preparations]
    counts = {p: sum(len(c.logs) for c in used if c.key == p) for p in preparations}
    each = capture_spreads(used, POINTS)
    values = (*level_spreads(POINTS)[::-1], np.exp(np.log(each.values).mean(axis=1)))
    facts = (
        (len(set(vials)), len({c.run.vial for c in given}), len(set(vials)) > 1),
        (len(preparations), len({c.key for c in given}), len(vials) > len(set(vials))),
        (
            sum(counts.values()),
            sum(c.n_total for c in given),
            max(counts.values()) > 1,
        ),
    )
    levels = []
    for axis, spread, (n_valid, n_total, learned) in zip((2, 1, 0), values, facts, strict=True):
        grid = spread.values if isinstance(spread, Spread) else spread
        weight = posterior.marginal(axis)
        low, middle, high = (spread_quantile(grid, weight, q) for q in (0.05, 0.5, 0.95))
        levels.append(
            Level(
                n_valid=n_valid,
                n_total=n_total,
                spread=middle,
                low=low,
                high=high,
                learned=learned,
            )
        )
    return levels[0], levels[1], levels[2]


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


def _exp(interval: tuple[float, float]) -> tuple[float, float]:
    return math.exp(interval[0]), math.exp(interval[1])
