"""From the assay to people: how much of a measured potency becomes less pain.

The chain, in plain words: an assay shows how many vesicles a cell needs and how far its
inflammatory output falls; some share of that happens in people, and quite possibly none (mass at
zero, and a slab); what happens in the synovium moves pain, a little.

Rows ``translation.*`` are the effect of a treatment: a lower grade multiplies the chance that
there is an effect, and the effect's favourable centre, and never widens it, so that weak evidence
cannot look better. All other rows widen as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exocast.errors import TableError
from exocast.evidence.chance import draw
from exocast.evidence.correlations import package_correlations
from exocast.evidence.grades import grades
from exocast.evidence.rows import Row, package_table, under_prior
from exocast.patient.population import per_logit

Array = NDArray[np.float64]
WEIGHT = "effect.translation.slab_weight"
SLAB = "effect.translation.slab"
GAIN = "effect.pain_gain"
PAIN_SD = "effect.pain_sd"
PAIN_MEAN = "effect.pain_mean"
EC50 = "effect.assay.ec50_per_cell"
CELLS_PER_ML = "effect.assay.cells_per_ml"
MAX_LN_FALL = "effect.assay.max_ln_fall"
ACTS = "effect.assay.acts"
CORRELATION = "effect.assay.correlation"
PRIOR_WORLDS = 20_000
PRIOR_SEED = 0


@dataclass(frozen=True, kw_only=True)
class EffectPrior:
    """What is believed about the effect on pain before any forecast, at full engagement.

    Attributes
    ----------
    p_zero
        Probability that there is none.
    p_smd_02, p_smd_05
        Probability that it exceeds 0.2 and 0.5 SD of pain, in either direction.
    text
        The same in a sentence, and where it comes from.
    rows
        Keys of the rows it rests on.
    """

    p_zero: float
    p_smd_02: float
    p_smd_05: float
    text: str
    rows: tuple[str, ...]


def rows(prior: str = "default") -> tuple[Row, ...]:
    """Rows of the chain under a prior, ready to be drawn.

    Under ``default`` the rows of the treatment's effect are shrunk by their grade; under
    ``literature`` they stand as reported.
    """
    found = under_prior(tuple(package_table("patient", "effect").values()), prior)
    return shrink(found) if prior == "default" else found


def shrink(found: Iterable[Row]) -> tuple[Row, ...]:
    """Rows with weight and centre of the treatment's effect multiplied down by their grades.

    The spread of the slab stays what the row says (the widening of other rows is undone); a
    centre of harm is not moved. Other rows pass through.
    """
    return tuple(_shrunk(row) for row in found)


def _shrunk(row: Row) -> Row:
    grade = grades()[row.grade]
    if row.key == WEIGHT:
        if row.varies != "structure" or not 0 <= row.value <= 1:
            raise TableError(
                f"'{row.id}' is {row.value:g} and varies '{row.varies}'; a weight is a structure "
                "row between 0 and 1.",
                where=f"effect.csv, line {row.line}",
            )
        return replace(row, value=row.value * grade.slab_weight)
    if row.key == SLAB:
        if row.spread_kind not in ("sd", "se", "fixed"):
            raise TableError(
                f"'{row.id}' has spread_kind '{row.spread_kind}'; a slab takes sd, se or fixed.",
                where=f"effect.csv, line {row.line}",
            )
        centre = row.value * grade.slab_centre if row.value > 0 else row.value
        return replace(row, value=centre, spread=tuple(s / grade.widening for s in row.spread))
    return row


def with_curve(found: Iterable[Row], curve: Iterable[Row]) -> tuple[Row, ...]:
    """Rows with those of a batch's own curve in place of assays at large.

    The chance that the batch acts in the assay at all multiplies the chance that any of its effect
    happens in people: a curve that leaves it open never looks better than one that does not.
    """
    rows = {row.key: row for row in (*found, *curve)}
    if ACTS in rows:
        acts = rows[ACTS].value
        rows[WEIGHT] = replace(rows[WEIGHT], value=rows[WEIGHT].value * acts)
    return tuple(rows.values())


def correlations(found: Iterable[Row]) -> Mapping[tuple[str, str], float]:
    """Correlations that a forecast draws with: the package's, and those of a batch's own curve.

    A curve of few doses above its half effect lets half effect and largest fall rise together, so
    draws of one without the other would be curves that its wells exclude.
    """
    known = package_correlations()
    own = next((row.value for row in found if row.key == CORRELATION), None)
    return known if own is None else {**known, (EC50, MAX_LN_FALL): own}


def translation(values: Mapping[str, Array]) -> Array:
    """Share of the assay's effect that happens in people; exactly zero where nothing does.

    Parameters
    ----------
    values
        Draws of :func:`rows`, each of shape ``(worlds, patients)``.
    """
    return np.asarray(np.where(values[WEIGHT] > 0, values[SLAB], 0.0))


def pain_shift(ln_inflammation: Array, values: Mapping[str, Array]) -> Array:
    """Shift of pain on the logit scale, minus for less pain.

    Parameters
    ----------
    ln_inflammation
        Logarithm of synovial inflammation over that of the same knee without treatment,
        ``(worlds, patients, times)``; zero for an inert treatment.
    values
        Draws of :func:`rows`, each of shape ``(worlds, patients)``.
    """
    sd = values[PAIN_SD]
    size = values[GAIN] * sd / per_logit(values[PAIN_MEAN], sd)
    return np.asarray(size[..., None] * ln_inflammation)


def prior(
    chain: Iterable[Row] | None = None,
    *,
    name: str = "default",
    ln_fall_full: Callable[[Array], Array] | float | None = None,
) -> EffectPrior:
    """The prior of the effect on pain, in SD, if every cell were fully engaged throughout.

    Parameters
    ----------
    chain
        Rows of :func:`rows`; those of the named prior when not given.
    name
        ``default`` or ``literature``.
    ln_fall_full
        Fall of the logarithm of synovial inflammation at full engagement: a function of that of
        the assay's output times the translation, or a number for a translation of one. When not
        given, the synovium is taken to follow the assay one to one.
    """
    chain = tuple(rows(name) if chain is None else chain)
    by_key = {row.key: row for row in chain}
    needed = [by_key[key] for key in (WEIGHT, SLAB, GAIN, MAX_LN_FALL)]
    values = draw(needed, seed=PRIOR_SEED, worlds=PRIOR_WORLDS, patients=1)
    share = values[SLAB]
    if ln_fall_full is None:
        fall = share * values[MAX_LN_FALL]
    elif callable(ln_fall_full):
        fall = ln_fall_full(share * values[MAX_LN_FALL])
    else:
        fall = share * ln_fall_full
    smd = np.abs(values[GAIN] * fall)
    weight = by_key[WEIGHT].value
    over_02, over_05 = (float(weight * (smd > size).mean()) for size in (0.2, 0.5))
    sources = ", ".join(f"{row.id} (grade {row.grade}, {row.source})" for row in needed)
    text = (
        f"Before any forecast, at full engagement: probability {1 - weight:.2f} that there is no "
        f"effect on pain, {over_02:.2f} that it exceeds 0.2 SD and {over_05:.2f} that it exceeds "
        f"0.5 SD, in either direction (one SD is {by_key[PAIN_SD].value:g} mm about a mean of "
        f"{by_key[PAIN_MEAN].value:g}; where pain is worse it is more millimetres). From {sources}."
    )
    return EffectPrior(
        p_zero=1 - weight,
        p_smd_02=over_02,
        p_smd_05=over_05,
        text=text,
        rows=tuple(row.key for row in needed),
    )
