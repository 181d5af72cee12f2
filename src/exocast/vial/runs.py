"""Runs of one batch: which vial and which preparation a file's captures are of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput
from exocast.evidence.rows import Row, package_table
from exocast.vial.measure import (
    captures_of,
    count_warnings,
    counting_variance,
    factors,
    known_dilution,
    spread_row,
    usable,
)
from exocast.vial.nested import Spread, spread_of
from exocast.vial.records import Capture, ParticleExport, VialWarning

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One file of a batch, or one sample of a merged file.

    Attributes
    ----------
    export
        As a reader gave it.
    vial
        Which vial was opened; of a blank, any word.
    preparation
        Which dilution of that vial was measured; two vials may use the same words.
    dilution
        The factor, where the file does not record it.
    sample
        Which sample of a merged file.
    blank
        Whether this is a run of buffer.
    instrument
        Which instrument counted it; runs of different ones may differ by a bias.
    kept
        Share of the level in the instrument that is the sample's own, where the buffer was taken
        off the concentrations: errors of what was counted are that much larger in what is left.
    """

    export: ParticleExport
    vial: str
    preparation: str
    dilution: float | None = None
    sample: str | None = None
    blank: bool = False
    instrument: str = ""
    kept: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Captures of a run that a concentration can be taken from.

    Attributes
    ----------
    logs
        Logarithm of particles per mL of the undiluted sample, by capture.
    counting
        Known variance of each, one over its particles; zero where these are not known. Larger by
        the square of ``run.kept`` where a buffer was taken off.
    spread
        Row of the spread between captures.
    dilution
        By how much the sample was diluted.
    level_per_ml
        Geometric mean of the concentrations in the instrument; NaN without a usable capture.
    tracks
        Particles counted, by capture; NaN where the file does not say.
    """

    run: Run
    captures: tuple[Capture, ...]
    logs: Array
    counting: Array
    spread: Row
    dilution: float
    level_per_ml: float
    tracks: Array
    n_total: int
    warnings: tuple[VialWarning, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Vial and preparation."""
        return self.run.vial, self.run.preparation

    @property
    def tube(self) -> tuple[str, str, str]:
        """Vial, preparation and instrument: a preparation in two instruments deviates twice.

        ``population.run_spread`` holds the day and the instrument besides the dilution.
        """
        return *self.key, self.run.instrument

    def undiluted(self) -> Counted:
        """The same with the concentrations in the instrument in place of those of the sample."""
        return replace(self, logs=self.logs - math.log(self.dilution), dilution=1.0)


def counted(run: Run) -> Counted:
    """Usable captures of a run, brought to the undiluted sample.

    Raises
    ------
    InstrumentFileError
        ``DILUTION_UNKNOWN``, ``DILUTION_CONFLICT`` or ``MIXED_SAMPLES``.
    UnknownName
        When there is no such sample.
    """
    export = run.export
    chosen = captures_of(export, run.sample)
    known, warnings = known_dilution(export, run.dilution)
    assert known.value is not None
    factor, inside = factors(known)
    valid = usable(chosen)
    stated = np.log([c.concentration_per_ml for c in valid])
    # What was counted, buffer and all: it says how far captures scatter and counting is linear.
    level = math.exp(float(stated.mean()) - math.log(inside * run.kept)) if valid else math.nan
    counting, _ = counting_variance(valid)
    counting = counting / run.kept**2
    if valid:
        warnings = [*warnings, *count_warnings(export, chosen, valid, level)]
    return Counted(
        run=run,
        captures=tuple(valid),
        logs=stated + math.log(factor),
        counting=counting,
        spread=spread_row(valid, level),
        dilution=known.value,
        level_per_ml=level,
        tracks=np.array([c.tracks for c in valid], dtype=np.float64),
        n_total=len(chosen),
        warnings=tuple(warnings),
    )


def counted_runs(runs: Sequence[Run]) -> tuple[Counted, ...]:
    """Usable captures of several runs, each file used once.

    Raises
    ------
    InvalidInput
        ``NO_RUNS`` without any; ``DUPLICATE_RUN`` when one sample of one file stands twice, which
        would count its particles twice; ``PREPARATION`` when one preparation has two dilutions.
    """
    if not runs:
        raise InvalidInput("no run was given; name at least one file.", code="NO_RUNS")
    seen: dict[tuple[str, str], str] = {}
    found = []
    for run in runs:
        one = counted(run)
        for name in dict.fromkeys(c.sample for c in captures_of(run.export, run.sample)):
            key = (run.export.sha256, name)
            if key in seen:
                raise InvalidInput(
                    f"sample '{name}' of this file stands twice, also as {seen[key]} (the same "
                    "bytes): its particles would be counted twice. Leave one out.",
                    code="DUPLICATE_RUN",
                    where=run.export.file,
                )
            seen[key] = f"{run.export.file}, vial {run.vial}, preparation {run.preparation}"
        found.append(one)
    dilutions: dict[tuple[bool, str, str, str, str], float] = {}
    for one in found:
        place = (one.run.blank, one.run.export.method, *one.tube)
        first = dilutions.setdefault(place, one.dilution)
        if not math.isclose(first, one.dilution, rel_tol=1e-9):
            raise InvalidInput(
                f"preparation '{one.run.preparation}' of vial '{one.run.vial}' is said to be "
                f"diluted {first:g} and {one.dilution:g} times; a preparation has one dilution. "
                "Give the second one a name of its own.",
                code="PREPARATION",
                where=one.run.export.file,
            )
    return tuple(found)


def capture_spreads(runs: Sequence[Counted], points: int) -> Spread:
    """Spread between captures of each run, ``(points, n_runs)``, all at one standard score.

    A batch whose captures scatter more than others' do so at every level: one score for all.
    """
    each = [spread_of(one.spread, points) for one in runs]
    values = np.stack([s.values / r.run.kept for s, r in zip(each, runs, strict=True)], axis=-1)
    return Spread(values=values, log_weight=each[0].log_weight)


def instrument_spread(points: int) -> Spread:
    """Spread between instruments of one method (``population.instrument_spread``)."""
    return spread_of(package_table("vial", "population")["instrument_spread"], points)


def instruments_of(runs: Sequence[Counted]) -> tuple[str, ...]:
    """Instruments behind the runs, in the order given."""
    return tuple(dict.fromkeys(one.run.instrument for one in runs))


def level_spreads(points: int) -> tuple[Spread, Spread]:
    """Spreads between preparations (``population.run_spread``) and between vials."""
    rows = package_table("vial", "population")
    return spread_of(rows["run_spread"], points), spread_of(rows["vial_spread"], points)
