"""Simulated experiments: every arm of a triplet in every world.

The steps, in plain words: assemble the site of each arm with its species, condition and labels;
draw worlds as a forecast draws them; write the doses as a table; run all worlds at all times that
a reading needs. A world's animal or person is the one in the middle: a printed mean averages over
subjects, and what is left of their spread is in the measurement's error.
"""

from __future__ import annotations

import csv
import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast import engine
from exocast.engine.site import PACKAGE, load_site
from exocast.errors import InvalidInput, UnknownName, nearest
from exocast.evidence.chance import BETWEEN, PATIENT_LEVELS, draw
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import Row
from exocast.evidence.sources import sources
from exocast.study.triplets import WAVES, WHOLE_COURSE, Arm, Dose, Triplet, days, reading_time
from exocast.units import magnitude, quantity, same_dimension
from exocast.vial import class_fractions

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
WORLDS, SEED = 200, 1
RTOL = 1e-5
HORIZON_DAYS = 60.0
GRID = 240
WINDOW_POINTS = 41  # evenly spaced, so that a half-life weighs a window's hours alike
WAVE_POINTS = 241  # of a window in which peaks are looked for
EARLIEST = 0.5 / 1440
SMALLEST_NM = 1.0
LABEL = "label_"
FULL_LABEL = 100.0
KINDS = ("particles", "label", "cells", "soluble")
DOI_PREFIX = re.compile(r"^(?:https?://)?(?:(?:dx\.)?doi\.org/|doi:\s*)")
FITTED = (PACKAGE / "body" / "fitted.csv", PACKAGE / "cell" / "fitted.csv")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One arm, simulated.

    Attributes
    ----------
    times
        In days, ``(times,)``.
    values
        Observables, and volumes of places in mL, by name, each ``(worlds * ladder, times)``.
    units
        Unit of each.
    given
        What all doses bring, by kind: particles, label, cells (items) and soluble (pg); of a
        ladder, its first step.
    rows, drawn
        Rows of the model by key, and what was drawn of each, ``(worlds,)``.
    samples
        Times at which the laboratory took samples, in days; empty when not said.
    ladder, ladder_unit
        Amounts of a ladder of doses, in items or pg; empty when there is none.
    failed
        Worlds with a run that did not reach its end, ``(worlds,)``.
    dish
        Whether no part of a body is in it: cells or pieces of tissue in a vessel.
    """

    times: Array
    values: Mapping[str, Array]
    units: Mapping[str, str]
    given: Mapping[str, float]
    rows: Mapping[str, Row]
    drawn: Mapping[str, Array]
    samples: Array
    ladder: Array
    ladder_unit: str
    failed: NDArray[np.bool_]
    dish: bool


def simulate(
    triplet: Triplet,
    *,
    libraries: Sequence[str | Path] = (),
    worlds: int = WORLDS,
    seed: int = SEED,
    values: Mapping[str, Array] | None = None,
    central: bool = False,
) -> dict[str, Run]:
    """Every arm of an experiment in every world.

    ``values`` sets rows in place of their draws: key to ``(worlds,)``; with ``central`` all other
    rows stand at their centre.
    """
    experiment = triplet.experiment
    needed = _times(triplet)
    made: dict[str, Run] = {}
    for name, arm in experiment.arms.items():
        used = {r.arm for r in experiment.conditions.values()}
        used |= {r.over for r in experiment.conditions.values() if r.over}
        if name in used:
            made[name] = _simulate_arm(
                triplet, arm, needed[name], libraries, worlds, seed, values or {}, central
            )
    return made


def _simulate_arm(
    triplet: Triplet,
    arm: Arm,
    times: Array,
    libraries: Sequence[str | Path],
    worlds: int,
    seed: int,
    values: Mapping[str, Array],
    central: bool,
) -> Run:
    experiment = triplet.experiment
    site = arm.site or experiment.site
    place = _site(triplet, site)
    model = engine.assemble(
        place,
        condition=arm.condition or experiment.condition,
        species=arm.species or experiment.species,
        overlays=experiment.overlays if arm.overlays is None else arm.overlays,
        libraries=libraries,
    )
    _never_both(triplet, model)
    rows = {row.key: row for row in model.rows if not row.id.endswith(BETWEEN)}
    drawn = {
        key: value[:, 0]
        for key, value in draw(
            [r for r in rows.values() if r.varies not in PATIENT_LEVELS],
            seed=seed,
            worlds=worlds,
            patients=1,
            correlations=package_correlations(libraries),
        ).items()
    }
    if central:
        drawn = {}
    drawn |= {key: np.full(worlds, r.value) for key, r in rows.items() if key not in drawn}
    drawn |= {key: value for key, value in values.items() if key in rows}
    own_rows = _set(place, experiment.set | arm.set, rows, libraries)
    drawn |= {key: np.full(worlds, value) for key, value in own_rows.items()}
    numbers = {
        i: drawn[key]
        for i, key in model.origins.items()
        if rows[key].varies in ("uncertain", "structure") or key in own_rows or key in values
    }
    if not numbers:  # a model without doubt still runs once a world
        first = next(iter(model.origins))
        numbers = {first: np.full(worlds, rows[model.origins[first]].value)}
    ladder = arm.doses_of or ("",)
    unit = "pg" if arm.doses_of and _is_mass(arm.doses_of[0]) else "item"
    places = _places(model.sbml)
    observe = (*model.observables, *places)
    tables, given = _dose_table(triplet, arm, model, worlds, ladder)
    compiled = engine.compile(model.sbml, varied=tuple(numbers), observe=observe)
    varied = np.column_stack([numbers[i] for i in numbers])
    runs = compiled.run(
        times,
        varied=np.tile(varied, (len(ladder), 1)),
        doses=tables if tables is not None and len(tables) else None,
        rtol=RTOL,
    )
    found = {name: runs.values[:, :, i] for i, name in enumerate(observe)}
    units = {name: o.unit for name, o in model.observables.items()} | dict.fromkeys(places, "mL")
    return Run(
        times=times,
        values=found,
        units=units,
        given=given,
        rows=rows,
        drawn=drawn,
        samples=np.array([days(t) for t in (arm.samples or experiment.samples)]),
        ladder=np.array([magnitude(amount, unit) for amount in arm.doses_of]),
        ladder_unit=unit,
        failed=np.asarray((runs.status != 0).reshape(len(ladder), worlds).any(axis=0)),
        dish=not any(
            instance.fragment.startswith("body/")
            for instance in load_site(place, libraries).instances.values()
        ),
    )


def _site(triplet: Triplet, name: str) -> str | Path:
    """A site's file beside the triplets, or its name; a triplet's own origin is no site."""
    own = triplet.folder / f"{name}.yaml"
    is_origin = (triplet.folder / f"{name}.scenario.yaml").is_file()
    return own if own.is_file() and not is_origin else name


@functools.cache
def fitted_to(tables: tuple[Path, ...] = FITTED) -> Mapping[str, frozenset[str]]:
    """Sources of the data that a fit was made to, by the source its rows name."""
    found: dict[str, set[str]] = {}
    for table in (each for each in tables if each.is_file()):
        with table.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                found.setdefault(line["fit"], set()).add(line["source"])
    return {fit: frozenset(used) for fit, used in found.items()}


@functools.cache
def fitted_rows(tables: tuple[Path, ...] = FITTED) -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Rows that each data set of a fit moves, by the source that these rows name, and data set."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for table in (each for each in tables if each.is_file()):
        with table.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                moved = frozenset((line.get("rows") or "").split())
                found.setdefault(line["fit"], {})[line["dataset"]] = moved
    return found


def built_from(triplet: Triplet, row: Row) -> bool:
    """Whether a row comes from the study of a triplet: named, fitted to it, or of the same DOI."""
    named = {row.source, *fitted_to().get(row.source, ())}
    if triplet.origin.source in named:
        return True
    doi = plain_doi(triplet.origin.doi)
    known = sources()
    return bool(doi) and any(plain_doi(known[n].doi) == doi for n in named if n in known)


def plain_doi(text: str) -> str:
    """A DOI in small letters, without the address or the word that people put before it."""
    return DOI_PREFIX.sub("", text.strip().lower())


def _never_both(triplet: Triplet, model: engine.AssembledModel) -> None:
    """Data that built a prior never test it."""
    if triplet.origin.used_for != "prediction":
        return
    guilty = sorted(row.key for row in model.rows if built_from(triplet, row))
    if guilty:
        raise InvalidInput(
            f"'{triplet.name}' is to test the model, and its source "
            f"'{triplet.origin.source}' is where {', '.join(guilty[:3])} comes from; data that "
            "built a number never test it. Say used_for: calibration, or take the number from "
            "elsewhere.",
            where=triplet.file(".yaml"),
        )


def _set(
    site: str | Path,
    given: Mapping[str, float | str],
    rows: Mapping[str, Row],
    libraries: Sequence[str | Path],
) -> dict[str, float]:
    """Rows that an experiment sets, by key, in the row's unit; an instance's name will do."""
    instances = load_site(site, libraries).instances
    found = {}
    for key, value in given.items():
        first, _, rest = key.partition(".")
        stem = instances[first].fragment.rpartition("/")[2] if first in instances else first
        name = key if key in rows else f"{stem}.{rest}"
        if name not in rows:
            raise UnknownName(
                f"there is no row '{key}' to set." + nearest(key, tuple(rows)), where="set"
            )
        number = isinstance(value, int | float)
        found[name] = float(value) if number else magnitude(str(value), rows[name].unit)
    return found


@functools.lru_cache(maxsize=64)
def _places(sbml: str) -> tuple[str, ...]:
    """Compartments of a model."""
    return tuple(re.findall(r'<compartment [^>]*?\bid="([^"]+)"', sbml))


def _dose_table(
    triplet: Triplet, arm: Arm, model: engine.AssembledModel, worlds: int, ladder: Sequence[str]
) -> tuple[pd.DataFrame | None, dict[str, float]]:
    """One line a dose, run and target, and what is given in all (of the ladder's first step)."""
    import pandas as pd

    lines: list[dict[str, Any]] = []
    given = dict.fromkeys(KINDS, 0.0)
    for step, amount in enumerate(ladder):
        whole = _particles(arm.plan, amount)
        for dose in arm.plan:
            if dose.route not in model.routes:
                raise UnknownName(
                    f"'{model.site}' has no route '{dose.route}'."
                    + nearest(dose.route, tuple(model.routes)),
                    where=triplet.file(".scenario.yaml"),
                )
            targets = model.routes[dose.route]
            parts = _parts(dose.amount or amount, dose, targets, whole, where=triplet.name)
            for target, value in parts.items():
                if not step:
                    for kind in given:
                        given[kind] += value if _kind(target) == kind else 0.0
                if value > 0:
                    lines += [
                        {
                            "run": step * worlds + world,
                            "time": days(dose.time),
                            "amount": value,
                            "target": targets[target],
                        }
                        for world in range(worlds)
                    ]
    if not lines:
        return None, given
    return pd.DataFrame(lines).sort_values(["run", "time", "target"], ignore_index=True), given


def _kind(target: str) -> str:
    if target.startswith(LABEL):
        return "label"
    if target in ("cells", "dead"):
        return "cells"
    return "soluble" if target == "soluble" else "particles"


def _is_mass(amount: str) -> bool:
    """Whether an amount is a mass: of what is soluble, such as a stimulus of an assay."""
    return same_dimension(str(quantity(amount).units), "pg")


def _particles(doses: Sequence[Dose], amount: str) -> float:
    """Particles of all doses, which share one label of 100."""
    return math.fsum(
        magnitude(d.amount or amount, "item")
        for d in doses
        if d.size_median is not None and (d.amount or amount)
    )


def _parts(
    amount: str, dose: Dose, targets: Mapping[str, str], whole: float, *, where: str
) -> dict[str, float]:
    """What a dose brings to each target of its route."""
    found: dict[str, float] = {}
    if dose.soluble is not None:
        found["soluble"] = magnitude(dose.soluble, "pg", where=where)
    if not amount:
        return found
    if "cells" in targets and amount.endswith(("cell", "cells")):
        cells = magnitude(amount, "cell", where=where)
        found["cells"] = cells * dose.live_share
        if "dead" in targets:
            found["dead"] = cells * (1 - dose.live_share)
        return found
    if tuple(targets) == ("soluble",) and _is_mass(amount):
        found["soluble"] = magnitude(amount, "pg", where=where)
        return found
    particles = magnitude(amount, "item", where=where)
    if dose.size_median is None:
        raise InvalidInput("a dose of particles needs size_median.", where=where)
    shares = class_fractions(magnitude(dose.size_median, "nm"), dose.size_log_sd, SMALLEST_NM)
    for name, share in zip(("small", "medium", "large"), shares.tolist(), strict=True):
        if name not in targets:
            raise UnknownName(f"the route takes no particles ({', '.join(targets)}).", where=where)
        found[name] = particles * share
        if LABEL + name in targets and particles > 0:
            found[LABEL + name] = FULL_LABEL * share * particles / whole
    return found


def _times(triplet: Triplet) -> dict[str, Array]:
    """Times that each arm is read at, with a grid where a whole course is needed."""
    wanted: dict[str, set[float]] = {name: {0.0} for name in triplet.experiment.arms}
    whole: set[str] = set()
    for datum in triplet.data:
        reading = triplet.experiment.conditions[datum.condition]
        for name in {reading.arm, reading.over or reading.arm}:
            arm = triplet.experiment.arms[name]
            samples = [days(s) for s in (arm.samples or triplet.experiment.samples)]
            wanted[name] |= set(samples)
            if (at := reading_time(datum, reading)) is not None:
                wanted[name].add(at)
            if reading.over_at is not None:
                wanted[name].add(days(reading.over_at))
            if reading.window is not None:
                low, high = (days(end) for end in reading.window)
                points = WAVE_POINTS if reading.kinds & set(WAVES) else WINDOW_POINTS
                wanted[name] |= set(np.linspace(low, high, points).tolist())
            if reading.kinds & set(WHOLE_COURSE) and not samples:
                whole.add(name)
            if reading.per_auc is not None and at is not None:
                wanted[name] |= set(np.linspace(0.0, at, 60).tolist())
    result = {}
    for name, some in wanted.items():
        last = HORIZON_DAYS if name in whole else max(some)
        grid = np.geomspace(EARLIEST, last, GRID) if last > EARLIEST else np.array([last])
        result[name] = np.unique(np.concatenate([grid, np.array(sorted(some))]))
    return result
