"""What a knee would report: pain, WOMAC and cartilage, as measured.

The steps, in plain words: what a person truly feels at entry, given what was measured when they
were chosen; add the natural course, the response to an injection as such, and the shift that the
treatment makes; measure, with an error of its own at each visit. All of it on the logit scale, so
that a gain is smaller where little pain is left to lose.

Left out: good and bad days that are remembered between visits, rescue medication, missing visits,
and regression of WOMAC on its own error (people are chosen by the pain scale only).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from exocast.evidence.chance import correlated_scores, normal_scores
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import Row, package_table, under_prior
from exocast.patient.population import FULL, Patients, per_logit, reliability

Array = NDArray[np.float64]
MINUTES_PER_DAY = 1440
WOMAC_RANGE = {"womac_pain": 20.0, "womac_stiffness": 8.0, "womac_function": 68.0}
TABLES = ("natural", "placebo", "outcomes")


def rows(prior: str = "default") -> tuple[Row, ...]:
    """Every row that :func:`simulate` and :func:`measured_cartilage` need drawn."""
    found: list[Row] = []
    for stem in TABLES:
        found.extend(package_table("patient", stem).values())
    return under_prior(tuple(found), prior)


def simulate(
    times_days: Array,
    patients: Patients,
    values: Mapping[str, Array],
    *,
    seed: int,
    injected: bool,
    treatment_shift: Array | float = 0.0,
    knee: str = "",
) -> dict[str, Array]:
    """Pain and WOMAC of every world and person, as measured at each time.

    Measurement errors come from streams named by observable and minute, so that arms share them
    and a visit does not move another one's.

    Parameters
    ----------
    times_days
        Times after the first injection, in days, shape ``(times,)``.
    patients
        From :func:`exocast.patient.population.draw_patients`.
    values
        Draws of :func:`rows`, each of shape ``(worlds, patients)``.
    seed
        The seed of ``values``.
    injected
        Whether there was an injection at all (saline included).
    treatment_shift
        Shift of pain that the treatment makes, on the logit scale, minus for less pain; shape
        ``(worlds, patients, times)`` or a number.
    knee
        Name of the knee where one person has several.

    Returns
    -------
    ``pain_vas`` (0-100), ``womac_pain`` (0-20), ``womac_stiffness`` (0-8), ``womac_function``
    (0-68) and ``womac_total`` (0-96), each of shape ``(worlds, patients, times)``.
    """
    times = np.asarray(times_days, dtype=np.float64)
    pain = true_pain(
        times,
        patients,
        values,
        seed=seed,
        injected=injected,
        treatment_shift=treatment_shift,
        knee=knee,
    )
    outcomes = {"pain_vas": measured_pain(times, pain, patients, values, seed=seed, knee=knee)}
    own = _own_womac(values, seed, len(patients), knee)
    for name, full in WOMAC_RANGE.items():
        outcomes[name] = _womac(name, full, pain, own[name], times, values, seed, knee)
    outcomes["womac_total"] = np.asarray(sum(outcomes[name] for name in WOMAC_RANGE))
    return outcomes


def measured_pain(
    times_days: Array,
    pain: Array,
    patients: Patients,
    values: Mapping[str, Array],
    *,
    seed: int,
    knee: str = "",
) -> Array:
    """Pain on 0-100 as measured, ``(worlds, patients, times)``; at day 0 the entry measurement.

    ``pain`` is that of :func:`true_pain`; the others as in :func:`simulate`.
    """
    times = np.asarray(times_days, dtype=np.float64)
    error = pain_error(patients, values)[..., None]
    measured = FULL * expit(pain + error * _errors(seed, "pain_vas", times, len(patients), knee))
    measured[..., times == 0] = patients.pain[None, :, None]
    return np.asarray(measured)


def true_pain(
    times_days: Array,
    patients: Patients,
    values: Mapping[str, Array],
    *,
    seed: int,
    injected: bool,
    treatment_shift: Array | float = 0.0,
    knee: str = "",
) -> Array:
    """Pain without measurement error, on the logit scale, ``(worlds, patients, times)``.

    Parameters as in :func:`simulate`.
    """
    times = np.asarray(times_days, dtype=np.float64)
    before = patients.unselected
    share = values["outcomes.knees_alike"]
    at_entry = logit(patients.pain / FULL)
    reliable = reliability(before, pain_error(patients, values))
    score = _shared(seed, "patient.true_pain", len(patients), knee, share)
    centre = before.mu + reliable * (at_entry - before.mu)
    start = centre + np.sqrt(reliable * (1 - reliable)) * before.sigma * score
    pain = start[..., None] + natural_course(times, values, seed=seed, knee=knee)
    if injected:
        pain = pain + procedure(times, values, seed=seed, knee=knee)
    return np.asarray(pain + treatment_shift)


def natural_course(
    times_days: Array, values: Mapping[str, Array], *, seed: int = 0, knee: str = ""
) -> Array:
    """Drift of an untreated knee on the logit scale, minus for less pain.

    The mean settles with a half-time; a knee has its own ups and downs, which start from where it
    is at entry. Shape ``(worlds, patients, times)``.
    """
    settled = 1 - 0.5 ** (times_days / values["natural.half_time"][..., None])
    sd = values["natural.pain_sd"]
    drift = -values["natural.drift"] * sd / per_logit(values["natural.pain_mean"], sd)
    every = float(values["natural.wander_days"].flat[0])
    weights = knot_weights(np.asarray(times_days, dtype=np.float64), every)
    worlds, n = drift.shape
    ups = np.zeros((worlds, n, len(times_days)))
    share = values["outcomes.knees_alike"]
    for knot in np.flatnonzero(weights.any(axis=0)):
        score = _shared(seed, f"patient.wander.{knot}", n, knee, share)
        ups += score[..., None] * weights[:, knot]
    return np.asarray(drift[..., None] * settled + values["natural.wander"][..., None] * ups)


def knot_weights(times_days: Array, every_days: float) -> Array:
    """How the ups and downs at each time are made of independent ones, ``(times, knots)``.

    Knot ``k`` stands at ``(k + 1) every_days``; between knots the two neighbours are mixed so
    that the variance stays one; before the first it grows from nothing.
    """
    position = np.maximum(times_days, 0.0) / every_days
    before = np.floor(position).astype(int)
    part = position - before
    weights = np.zeros((len(times_days), int(before.max(initial=0)) + 1))
    for row, (knot, share) in enumerate(zip(before, part, strict=True)):
        if knot == 0:
            weights[row, 0] = share
            continue
        norm = np.hypot(1 - share, share)
        weights[row, knot - 1] = (1 - share) / norm
        weights[row, knot] = share / norm
    return weights


def procedure(
    times_days: Array, values: Mapping[str, Array], *, seed: int = 0, knee: str = ""
) -> Array:
    """What an injection as such does, on the logit scale, minus for less pain.

    A fast part builds over weeks; a share of it lasts, the rest fades over months. The size is
    that of the pooled saline arms, plus the study's and the person's own deviation. Shape
    ``(worlds, patients, times)``.
    """
    size = (
        values["placebo.effect"]
        + values["placebo.study_sd"] * values["placebo.study"]
        + values["placebo.response_sd"] * _knee_part(values, "placebo.response", seed, knee)
    )
    lasting = np.maximum(values["placebo.lasting"], 0.0)
    shape = time_course(
        times_days,
        fast=values["placebo.fast"][..., None],
        slow=values["placebo.slow"][..., None],
        lasting=lasting[..., None],
    )
    return np.asarray(-size[..., None] * shape)


def time_course(
    times_days: Array, *, fast: Array | float, slow: Array | float, lasting: Array | float
) -> Array:
    """Share of the settled fall that is there: 0 at the injection, ``lasting`` in the end.

    ``(1 - exp(-t / fast)) (lasting + (1 - lasting) exp(-t / slow))``, time constants in days.
    """
    rise = -np.expm1(-np.asarray(times_days) / fast)
    return np.asarray(rise * (lasting + (1 - lasting) * np.exp(-np.asarray(times_days) / slow)))


def pain_error(patients: Patients, values: Mapping[str, Array]) -> Array:
    """Standard error of measurement of the entry scale, on the logit scale.

    On 0-100 it is what the row says, on average over the people who enter.
    """
    name = "vas" if patients.entry.instrument == "pain_vas" else "womac_pain"
    before = patients.unselected
    return np.asarray(values[f"outcomes.error_{name}"] / per_logit(before.mean, before.sd))


def measured_cartilage(
    times_days: Array,
    true_percent: Array,
    values: Mapping[str, Array],
    *,
    seed: int,
    knee: str = "",
) -> Array:
    """Cartilage volume in percent of its measured baseline, as scans show it.

    Each scan has an error; that of the first is in every later comparison, and the baseline is
    100 percent by definition.

    Parameters
    ----------
    times_days
        Times of the scans, in days, shape ``(times,)``.
    true_percent
        True volume in percent of baseline, ``(worlds, patients, times)``.
    values
        Draws that hold ``outcomes.mri_error``, ``(worlds, patients)``.
    """
    times = np.asarray(times_days, dtype=np.float64)
    n = true_percent.shape[1]
    scan = _errors(seed, "cartilage_volume", times, n, knee)
    first = normal_scores(seed, _stream("error.cartilage_volume.0", knee), n)[:, None]
    return np.asarray(true_percent + values["outcomes.mri_error"][..., None] * (scan - first))


def _womac(
    name: str,
    full: float,
    pain: Array,
    own: Array,
    times: Array,
    values: Mapping[str, Array],
    seed: int,
    knee: str,
) -> Array:
    at_reference = logit(np.clip(values[f"outcomes.{name}_mean"] / full, 0.02, 0.98))
    reference = logit(values["outcomes.vas_reference"] / FULL)
    slope = values[f"outcomes.{name}_slope"]
    level = (at_reference - slope * reference + own)[..., None] + slope[..., None] * pain
    error = _womac_error(name, full, values)[..., None]
    noise = _errors(seed, name, times, pain.shape[1], knee)
    return np.asarray(full * expit(level + error * noise))


def _womac_error(name: str, full: float, values: Mapping[str, Array]) -> Array:
    """Standard error of measurement of a WOMAC scale on the logit scale, from its row on 0-100."""
    slope = per_logit(values[f"outcomes.{name}_mean"], values[f"outcomes.{name}_sd"], full)
    return np.asarray(values[f"outcomes.error_{name}"] / FULL * full / slope)


def _own_womac(values: Mapping[str, Array], seed: int, n: int, knee: str) -> dict[str, Array]:
    """The part of each WOMAC scale that pain and error leave, ``(worlds, patients)``."""
    keys = [f"outcomes.{name}" for name in WOMAC_RANGE]
    scores = correlated_scores(seed, keys, package_correlations(), n)
    share = values["outcomes.knees_alike"]
    reference = values["outcomes.vas_reference"]
    sd = values["outcomes.vas_reference_sd"]
    error = values["outcomes.error_vas"] / per_logit(reference, sd)
    measured = sd / per_logit(reference, sd)
    shared = np.maximum(measured**2 - error**2, 0.0)
    own = {}
    for name, full in WOMAC_RANGE.items():
        spread = values[f"outcomes.{name}_sd"]
        total = spread / per_logit(values[f"outcomes.{name}_mean"], spread, full)
        slope = values[f"outcomes.{name}_slope"]
        noise = _womac_error(name, full, values)
        left = np.sqrt(np.maximum(total**2 - slope**2 * shared - noise**2, 0.0))
        score = scores[f"outcomes.{name}"][None, :]
        if knee:
            apart = normal_scores(seed, f"patient.{name}.{knee}", n)
            score = np.sqrt(share) * score + np.sqrt(1 - share) * apart
        own[name] = np.asarray(left * score)
    return own


def _knee_part(values: Mapping[str, Array], key: str, seed: int, knee: str) -> Array:
    """A person's own score; where they have several knees, shared between them in part."""
    person = values[key]
    if not knee:
        return person
    share = values["outcomes.knees_alike"]
    apart = normal_scores(seed, f"patient.{key}.{knee}", person.shape[1])
    return np.asarray(np.sqrt(share) * person + np.sqrt(1 - share) * apart)


def _shared(seed: int, name: str, n: int, knee: str, share: Array) -> Array:
    person = normal_scores(seed, name, n)[None, :]
    if not knee:
        return person
    apart = normal_scores(seed, f"{name}.{knee}", n)[None, :]
    return np.asarray(np.sqrt(share) * person + np.sqrt(1 - share) * apart)


def _errors(seed: int, name: str, times_days: Array, n: int, knee: str) -> Array:
    """Standard scores of the measurement errors, shape ``(patients, times)``."""
    columns = []
    for time in times_days:
        minute = round(float(time) * MINUTES_PER_DAY)
        columns.append(normal_scores(seed, _stream(f"error.{name}.{minute}", knee), n))
    return np.stack(columns, axis=-1)


def _stream(name: str, knee: str) -> str:
    return f"{name}.{knee}" if knee else name
