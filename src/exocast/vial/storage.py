"""What is left of a dose when it reaches the needle: storage, walls, thawing, syringe.

Three clocks run in the vial, in the order of its log: loss in solution or in ice (first order at
the rate of that temperature), sticking to the wall (until the wall is full, so that a dilute vial
loses a larger share), and a share lost with each freezing and thawing. Then the syringe takes its
part. Inside one refrigerated step the wall acts first and the solution after it; each is exact
alone. Not covered: loss of activity of the particles that remain, fragments that raise a count,
and temperatures between those that were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exocast.errors import DoseError, InvalidInput, OutsideEvidence
from exocast.evidence.rows import Row, package_table
from exocast.vial.records import VialWarning
from exocast.vial.vial import StorageStep, Vial

Array = NDArray[np.float64]
PLACES = ("m80", "m20", "4")
LIQUID = "4"
STEPS = ("storage", "wall", "thaw", "syringe")


@dataclass(frozen=True, kw_only=True)
class Needle:
    """What reaches the needle.

    Attributes
    ----------
    fraction
        Of the detected particles that were drawn up by the label, ``(worlds, patients)``.
    steps
        The same for ``storage``, ``wall``, ``thaw`` and ``syringe``, in this order; their product
        is ``fraction``.
    warnings
        What had to be taken for granted.
    """

    fraction: Array
    steps: dict[str, Array]
    warnings: tuple[VialWarning, ...] = ()


def rows() -> tuple[Row, ...]:
    """All rows of ``storage.csv``."""
    return tuple(package_table("vial", "storage").values())


def vial_rows() -> tuple[Row, ...]:
    """All rows that a forecast draws for what happens to a vial, its own measurements apart."""
    return rows()


def first_order(rate_per_day: ArrayLike, days: ArrayLike) -> Array:
    """Share left after a first-order loss, ``exp(-rate * days)``."""
    return np.asarray(np.exp(-np.asarray(rate_per_day) * np.asarray(days)), dtype=np.float64)


def left_by_wall(
    particles: ArrayLike, capacity: ArrayLike, rate_per_day: ArrayLike, days: ArrayLike
) -> Array:
    """Particles that a wall of finite capacity leaves in solution.

    ``dN/dt = -rate * N * (free places) / capacity``, so the loss begins at ``rate`` on an empty
    wall and ends when the wall is full or nothing is left:
    ``N = D / (1 - (1 - D/N0) * exp(-rate * D * t / capacity))`` with ``D = N0 - capacity``.

    Parameters
    ----------
    particles
        In solution at the start, ``N0``; zero or more.
    capacity
        Places on the wall; more than zero.
    rate_per_day
        Rate on the empty wall.
    days
        Time of contact.

    Returns
    -------
    Particles left in solution, never fewer than ``particles - capacity``.
    """
    start, places, rate, time = np.broadcast_arrays(
        *(np.asarray(x, dtype=np.float64) for x in (particles, capacity, rate_per_day, days))
    )
    excess = start - places
    # exp(-x) - 1 over x keeps its digits where the wall has room for exactly all particles.
    x = rate * time * excess / places
    near = np.abs(x) < 1e-12
    gained = np.where(near, 1.0, -np.expm1(-np.maximum(x, -700.0)) / np.where(near, 1.0, x))
    # N = N0 exp(-x) / (exp(-x) + (N0 / capacity) * rate * t * (1 - exp(-x)) / x ...), rearranged
    fall = np.exp(-np.maximum(x, -700.0))
    return np.asarray(start / (fall + (start / places) * rate * time * gained), dtype=np.float64)


def fraction_at_needle(vial: Vial, values: Mapping[str, Array], volume_ml: float) -> Needle:
    """Share of the drawn-up particles that leaves the needle.

    Parameters
    ----------
    vial
        With its storage log, container and syringe.
    values
        Draws of the vial's rows and of :func:`rows`, each ``(worlds, patients)``.
    volume_ml
        Volume drawn from the vial for one injection, in mL; it is made up with saline to the
        volume of ``vial.syringe``.

    Raises
    ------
    OutsideEvidence
        For a temperature or a duration that was not measured.
    InvalidInput
        When a refrigerated step needs the vial's volume and it is not known.
    DoseError
        When the syringe cannot hold the volume, or its dead space would keep all of it.
    """
    concentration = values["vial.concentration"]
    steps = {name: np.ones_like(concentration) for name in STEPS}
    thaws, frozen = 0, False
    warnings: list[VialWarning] = []
    stuck: Array | None = None
    for number, step in enumerate(vial.description.storage, start=1):
        where = f"vial.storage, step {number}"
        if step.thaw is not None:
            steps["thaw"] *= _thawed(values, thaws, step.thaw)
            thaws, frozen = thaws + step.thaw, False
            continue
        place = _place(step, where)
        if place == LIQUID and frozen:
            steps["thaw"] *= _thawed(values, thaws, 1)
            thaws, frozen = thaws + 1, False
            warnings.append(_thaw_assumed(where))
        if place == LIQUID:
            steps["wall"], stuck = _wall(vial, values, steps, stuck, step.duration_days)
        frozen = place != LIQUID
        steps["storage"] *= first_order(values[f"storage.loss_{place}"], step.duration_days)
    if frozen:
        steps["thaw"] *= _thawed(values, thaws, 1)
        warnings.append(_thaw_assumed(f"vial.storage, step {len(vial.description.storage)}"))
    in_syringe = concentration * volume_ml * steps["storage"] * steps["wall"] * steps["thaw"]
    steps["syringe"] = _syringe(vial, values, in_syringe, volume_ml)
    fraction = np.ones_like(concentration)
    for kept in steps.values():
        fraction = fraction * kept
    return Needle(fraction=fraction, steps=steps, warnings=tuple(warnings))


def vial_volume_ml(vial: Vial) -> float:
    """Volume of the vial, in mL; asked for when it is not known.

    Raises
    ------
    InvalidInput
        ``VOLUME_MISSING``, naming field and option.
    """
    if vial.volume_ml is None:
        batch = vial.description.batch
        where = "vial.volume" if batch is None else f"{batch}: fill.volume"
        option = " or the option --volume" if batch is None else ""
        raise InvalidInput(
            f"the volume in the vial is needed and not stated; give the field {where}{option}, "
            "such as 1mL. Nothing was assumed.",
            code="VOLUME_MISSING",
            where=where,
        )
    return vial.volume_ml


def _place(step: StorageStep, where: str) -> str:
    table = package_table("vial", "storage")
    for place in PLACES:
        low, high = table[f"band_{place}"].spread
        if low <= step.temperature_c <= high:
            longest = table[f"longest_{place}"].value
            if step.duration_days > longest:
                raise OutsideEvidence(
                    f"{step.duration} at {step.temperature} is longer than what was measured "
                    f"({longest:g} days, storage.longest_{place}). Shorten it, or add rows with "
                    "their source.",
                    where=where,
                )
            return place
    bands = ", ".join("{:g} to {:g}".format(*table[f"band_{p}"].spread) for p in PLACES)
    raise OutsideEvidence(
        f"storage at {step.temperature} is outside what was measured ({bands} degC, "
        "vial/storage.csv). Choose one of these, or add a row with its source.",
        where=where,
    )


def _thawed(values: Mapping[str, Array], before: int, times: int) -> Array:
    """Share kept by ``times`` more cycles after ``before`` earlier ones."""
    later = 1.0 - values["storage.later_thaw"]
    if before:
        return np.asarray(later**times)
    return np.asarray((1.0 - values["storage.first_thaw"]) * later ** (times - 1))


def _thaw_assumed(where: str) -> VialWarning:
    message = "a frozen vial is used without a thaw in its log; one thaw is counted"
    return VialWarning(code="THAW_ASSUMED", message=message, where=where)


def _wall(
    vial: Vial,
    values: Mapping[str, Array],
    steps: Mapping[str, Array],
    stuck: Array | None,
    days: float,
) -> tuple[Array, Array]:
    """Share that walls have left so far, and particles on the wall so far."""
    volume = vial_volume_ml(vial)
    at_start = values["vial.concentration"] * volume
    present = at_start * steps["storage"] * steps["wall"] * steps["thaw"]
    area_cm2 = values["storage.wall_shape"] * volume ** (2 / 3)
    kind = values[f"storage.container.{vial.description.container}"]
    capacity = values["storage.wall_capacity"] * area_cm2 * kind
    before = np.zeros_like(capacity) if stuck is None else stuck
    free = np.maximum(capacity - before, capacity * 1e-9)
    rate = values["storage.wall_rate"] * area_cm2 / volume * free / capacity
    left = left_by_wall(present, free, rate, days)
    kept = np.divide(left, present, out=np.ones_like(present), where=present > 0)
    return steps["wall"] * kept, before + present - left


def _syringe(vial: Vial, values: Mapping[str, Array], particles: Array, volume_ml: float) -> Array:
    """Share of what is drawn up that is given: dead space and the syringe's wall."""
    syringe = vial.description.syringe
    if volume_ml == 0:
        return np.ones_like(particles)
    if volume_ml > syringe.volume_ml * (1 + 1e-9):
        raise DoseError(
            f"{volume_ml:.3g} mL of the vial do not fit an injection of {syringe.volume}; give a "
            "larger vial.syringe.volume, or a lower dose.",
            where="vial.syringe.volume",
        )
    stated = syringe.dead_space_ml
    dead = values["storage.dead_space"] if stated is None else np.full_like(particles, stated)
    if np.any(dead >= syringe.volume_ml):
        raise DoseError(
            f"the syringe's dead space ({float(dead.max()):.3g} mL) would keep the whole injection "
            f"of {syringe.volume}. Inject a larger volume, or correct vial.syringe.dead_space.",
            where="vial.syringe.dead_space",
        )
    area_cm2 = values["storage.wall_shape"] * syringe.volume_ml ** (2 / 3)
    places = values["storage.wall_capacity"] * area_cm2
    share = values["storage.syringe_share"]
    # Places fill one by one: a share of a dilute dose, never more than the wall holds.
    stuck = -places * np.expm1(-share * particles / places)
    on_wall = np.divide(stuck, particles, out=np.zeros_like(particles), where=particles > 0)
    return np.asarray((1.0 - on_wall) * (1.0 - dead / syringe.volume_ml))
