"""Potency assays: a plate of wells simulated as a laboratory runs it, in every world.

An assay is a file of ``study/assays``: the site of a well, its cells and stimulus, the vesicles per
cell, and what is read off and when. The steps, in plain words: assemble the well; draw worlds as a
forecast draws them; give every dose to every world, with the soluble protein that the batch brings
along; run them all in one batch; fit a curve to each world; take classes of cargo away to see which
of them an effect was of; and count the wells that tell a loss of potency.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from exocast import engine
from exocast.documents import parse, read_mapping
from exocast.engine.site import NAME, load_site
from exocast.errors import InvalidInput, NotFound, UnknownName, nearest
from exocast.evidence.chance import BETWEEN, PATIENT_LEVELS, draw
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import Row, package_table
from exocast.study.curves import Curve, Design, designs, fit_curve
from exocast.units import magnitude, quantity, same_dimension
from exocast.vial import (
    Vial,
    VialDescription,
    class_fractions,
    load_vial,
    population_rows,
)
from exocast.vial.batch import BATCH_FILE

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
FOLDER = Path(__file__).parent / "assays"
SIZES = ("small", "medium", "large")
CLASSES = ("mirna", "ligands", "soluble")
SWITCH = "acting_with_"
POTENCY = "acting_potency"
ROUTE = "medium"
SMALLEST_NM = 1.0
PG_PER_UG = 1e6
WORLDS, SEED = 200, 1
# In every assay of the package nineteen wells of twenty then end within a thousandth of the exact
# run (docs/benchmarks.md): far below what a laboratory reads.
RTOL = 1e-3
SLIGHT = 0.02  # of the logarithm: below it a curve is taken as flat; no laboratory sees as little


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cells(_Block):
    """What lies in a well."""

    amount: str = Field(examples=["2e4 cell"])
    text: str

    @field_validator("amount")
    @classmethod
    def _cells(cls, text: str) -> str:
        if magnitude(text, "cell") <= 0:
            raise ValueError(f"'{text}': a well has cells")
        return text


class Stimulus(_Block):
    """What is put into the wells beside vesicles, by a route of the site."""

    route: str
    amount: str = Field(examples=["10 ng/mL", "2000 pg"], description="in the medium, or in all")
    time: str = "0 h"


class Control(_Block):
    """Wells without vesicles: rows that are set there, and another stimulus, or none."""

    text: str
    set: dict[str, float | str] = Field(default_factory=dict)
    stimuli: tuple[Stimulus, ...] | None = None


class Readout(_Block):
    """What is read off a well."""

    observe: str
    time: str
    text: str
    noise: str = Field(description="rows '<noise>_well' and '<noise>_run' of study/assays.csv")
    effect: Literal["falls", "rises"] = Field(description="which way an active product moves it")
    well_sd: float | None = Field(
        default=None, gt=0, description="your own, of the logarithm between wells treated alike"
    )
    run_sd: float | None = Field(
        default=None, gt=0, description="your own, of the logarithm of a potency between days"
    )

    @property
    def scatter(self) -> tuple[float, float]:
        """Of the logarithm: between wells of a plate, and of a potency between days."""
        rows = package_table("study", "assays")
        well, run = rows[f"{self.noise}_well"].value, rows[f"{self.noise}_run"].value
        return self.well_sd or well, self.run_sd or run


class MirnaThreshold(_Block):
    """Where the miRNA mechanism would begin: copies loaded in a cell, and the row they face."""

    observe: str
    threshold: str
    text: str


class Assay(_Block):
    """An assay file."""

    schema_version: Literal[1]
    name: str = Field(pattern=NAME)
    title: str
    text: str = Field(description="how a laboratory runs it, in a few sentences")
    site: str
    cells: Cells
    medium: str = Field(examples=["0.2 mL"])
    set: dict[str, float | str] = Field(default_factory=dict, description="rows of every well")
    stimulus: str = Field(description="in words")
    stimuli: tuple[Stimulus, ...] = ()
    controls: dict[str, Control] = Field(default_factory=dict)
    size_median: str = "120 nm"
    size_log_sd: float = Field(default=0.35, gt=0)
    per_cell: tuple[float, ...] = Field(description="vesicles given per cell, ascending, from 0")
    readouts: dict[str, Readout]
    main: str = Field(description="the read-out that a lot is released on")
    mirna: MirnaThreshold | None = None
    tells: str = Field(description="what a potency here would mean in people, and what not")
    informs: Literal["inflammation", "none"] = Field(
        default="none", description="which chain of a forecast a curve of this assay sets"
    )
    loss: float | None = Field(default=None, gt=0, lt=1, description="of potency, to be told")

    @model_validator(mode="after")
    def _whole(self) -> Assay:
        doses = self.per_cell
        if len(doses) < 5 or doses[0] != 0 or any(a >= b for a, b in itertools.pairwise(doses)):
            raise ValueError("per_cell ascends from 0 and has four or more doses above it")
        if self.main not in self.readouts:
            raise ValueError(
                f"main is '{self.main}', which is no read-out." + nearest(self.main, self.readouts)
            )
        return self


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What is put into the wells.

    ``rows`` are drawn with the worlds: potency, purity or protein, concentration.
    """

    name: str
    size_median_nm: float | None
    size_log_sd: float | None
    concentration_per_ml: float | None
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Response:
    """One read-out over doses and worlds.

    Attributes
    ----------
    values
        As read, in its unit, ``(worlds, doses)``; the first dose is none.
    curves
        The fitted curve of each world; None where nothing moves.
    designs
        Of each world, by wells at each dose; empty where it has no curve.
    controls
        The other control wells by name, ``(worlds,)``.
    shares
        Of the effect at the highest dose, by class of cargo, ``(worlds,)``; NaN where there is
        no effect to share. Shapley's: each class by what it adds to every set of the others.
    """

    name: str
    unit: str
    values: Array
    curves: tuple[Curve | None, ...]
    designs: tuple[tuple[Design, ...], ...]
    controls: Mapping[str, Array]
    shares: Mapping[str, Array]

    @property
    def effect(self) -> Array:
        """Logarithm of the response over that without vesicles, ``(worlds, doses)``."""
        return np.asarray(np.log(self.values / self.values[:, :1]))

    @property
    def active(self) -> NDArray[np.bool_]:
        """Worlds in which the highest dose moves it by more than a fiftieth; a plate sees less."""
        return np.asarray(np.abs(self.effect[:, -1]) > SLIGHT)


@dataclass(frozen=True, kw_only=True)
class Assayed:
    """An assay, simulated.

    Attributes
    ----------
    doses
        Vesicles per cell, ``(doses,)``, from 0.
    threshold
        Copies of miRNA loaded in a cell, and copies needed, ``(worlds, doses)`` and ``(worlds,)``;
        None where the assay has no such mechanism.
    failed
        Worlds of which a run did not reach its end; they are NaN everywhere.
    rows, drawn
        Rows of the model by key, and what was drawn of each, ``(worlds,)``.
    """

    assay: Assay
    batch: Batch
    doses: Array
    responses: Mapping[str, Response]
    threshold: tuple[Array, Array] | None
    failed: NDArray[np.bool_]
    rows: Mapping[str, Row]
    drawn: Mapping[str, Array]
    worlds: int
    seed: int
    prior: str

    @property
    def main(self) -> Response:
        """The read-out that a lot is released on."""
        return self.responses[self.assay.main]


def names(folders: Sequence[str | Path] = ()) -> tuple[str, ...]:
    """Assays of the package, and those of folders ``study/assays`` in libraries."""
    found = {path.stem for folder in _folders(folders) for path in folder.glob("*.yaml")}
    return tuple(sorted(found))


def load(name: str | Path, libraries: Sequence[str | Path] = ()) -> Assay:
    """An assay by its name, or the file of one of your own.

    Raises
    ------
    UnknownName
        When there is none of that name; the nearest is offered.
    InvalidInput
        With all findings of its file.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise NotFound("There is no such assay file.", where=str(path))
        return parse(Assay, read_mapping(path), where=str(path))
    for folder in _folders(libraries):
        path = folder / f"{name}.yaml"
        if path.is_file():
            return parse(Assay, read_mapping(path), where=str(path))
    known = names(libraries)
    raise UnknownName(
        f"There is no assay '{name}'."
        + nearest(str(name), known)
        + f" There are: {', '.join(known)}.",
        where="NAME",
    )


def _folders(libraries: Sequence[str | Path]) -> tuple[Path, ...]:
    return (*(Path(each) / "study" / "assays" for each in libraries), FOLDER)


def typical_batch() -> Batch:
    """A batch nobody measured: purity and potency of vesicle preparations at large."""
    rows = {row.id: row for row in population_rows()}
    return Batch(
        name="typical preparation, not measured",
        size_median_nm=None,
        size_log_sd=None,
        concentration_per_ml=None,
        rows=(rows["purity"], rows["potency_relative"], *package_table("dose", "soluble").values()),
        warnings=("no batch was given: purity and potency are those of preparations at large",),
    )


def batch_of(vial: Vial, name: str) -> Batch:
    """What a measured vial puts into wells."""
    rows = {row.id: row for row in vial.rows}
    kept = [rows[i] for i in ("purity", "protein", "potency_relative") if i in rows]
    return Batch(
        name=name,
        size_median_nm=rows["size_median"].value if "size_median" in rows else None,
        size_log_sd=rows["size_log_sd"].value if "size_log_sd" in rows else None,
        concentration_per_ml=vial.concentration_per_ml,
        rows=(*kept, *package_table("dose", "soluble").values()),
        warnings=tuple(w.message for w in vial.warnings),
    )


class _BatchFile(BaseModel):
    """A batch, or a scenario, of which the block ``vial`` counts."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    vial: VialDescription


def read_batch(path: Path) -> Batch:
    """A batch from ``batch.yaml`` or its folder, or from a YAML file with a block ``vial``.

    The files that it names are read and measured.

    Raises
    ------
    ExocastError
        For a file or a vial that cannot be used, naming the field.
    """
    file = path / BATCH_FILE if path.is_dir() else path
    data = read_mapping(file)
    if "vial" not in data:
        whole = VialDescription(batch=str(file.absolute()))
        return batch_of(load_vial(whole, file.parent), str(data.get("title") or file.stem))
    found = parse(_BatchFile, data, where=str(file))
    return batch_of(load_vial(found.vial, file.parent), file.stem)


def contents(batch: Batch, drawn: Mapping[str, Array]) -> tuple[Array, Array]:
    """Soluble protein that comes with a particle, in pg, and the potency, from a batch's draws."""
    own = {row.id: drawn[row.key] for row in batch.rows}
    if "protein" in own and batch.concentration_per_ml:
        per_ug = batch.concentration_per_ml / own["protein"]
    else:
        per_ug = own["purity"]
    return own["coisolated_share"] * PG_PER_UG / per_ug, own["potency_relative"]


@dataclass(frozen=True, kw_only=True)
class Plate:
    """An assay's model with its draws, ready to be run at any doses.

    ``drawn`` holds every row by key, ``(worlds,)``; ``switches`` are the rows of the structural
    alternatives that the site weighs.
    """

    assay: Assay
    model: engine.AssembledModel
    rows: Mapping[str, Row]
    drawn: Mapping[str, Array]
    varied: tuple[str, ...]
    switches: tuple[str, ...]
    soluble_per_particle: Array
    potency: Array
    shares: Array

    @property
    def worlds(self) -> int:
        """How many."""
        return len(self.potency)


def prepare(
    assay: Assay,
    batch: Batch,
    *,
    libraries: Sequence[str | Path] = (),
    worlds: int = WORLDS,
    seed: int = SEED,
    prior: str = "default",
) -> Plate:
    """Model and draws of an assay.

    Raises
    ------
    UnknownName
        For a row, route or observable that the site does not have.
    """
    model = engine.assemble(assay.site, prior=prior, libraries=libraries)
    if ROUTE not in model.routes:
        raise InvalidInput(
            f"'{assay.site}' takes nothing by the route '{ROUTE}'; a site of an assay extends "
            "'well'.",
            where="site",
        )
    _known_names(assay, model)
    rows = {row.key: row for row in model.rows if not row.id.endswith(BETWEEN)}
    extra = tuple(row for row in batch.rows if row.varies not in PATIENT_LEVELS)
    drawn = {
        key: value[:, 0]
        for key, value in draw(
            [*(r for r in rows.values() if r.varies not in PATIENT_LEVELS), *extra],
            seed=seed,
            worlds=worlds,
            patients=1,
            correlations=package_correlations(libraries),
        ).items()
    }
    drawn |= {key: np.full(worlds, r.value) for key, r in rows.items() if key not in drawn}
    fixed = set_rows(assay, assay.set, rows)
    drawn |= {key: np.full(worlds, value) for key, value in fixed.items()}
    varied = tuple(
        i
        for i, key in model.origins.items()
        if rows[key].varies in ("uncertain", "structure") or key in fixed
    )
    soluble, potency = contents(batch, drawn)
    size_nm = batch.size_median_nm or magnitude(assay.size_median, "nm")
    return Plate(
        assay=assay,
        model=model,
        rows=rows,
        drawn=drawn,
        varied=varied,
        switches=tuple(
            model.origins[each.switch]
            for each in load_site(assay.site, libraries).alternatives.values()
        ),
        soluble_per_particle=soluble,
        potency=potency,
        shares=class_fractions(size_nm, batch.size_log_sd or assay.size_log_sd, SMALLEST_NM),
    )


def set_rows(
    assay: Assay, given: Mapping[str, float | str], rows: Mapping[str, Row]
) -> dict[str, float]:
    """Rows an assay sets, by key and in their unit, the well's own cells and medium among them."""
    whole: dict[str, float | str] = {
        _well_row("recipient_cells", rows): magnitude(assay.cells.amount, "cell"),
        _well_row("medium_volume", rows): assay.medium,
        **given,
    }
    found = {}
    for key, value in whole.items():
        if key not in rows:
            raise UnknownName(
                f"'{assay.site}' has no row '{key}' to set." + nearest(key, tuple(rows)),
                where=f"{assay.name}, set",
            )
        found[key] = (
            magnitude(value, rows[key].unit, where=f"{assay.name}, set.{key}")
            if isinstance(value, str)
            else float(value)
        )
    return found


def _well_row(name: str, rows: Mapping[str, Row]) -> str:
    """Key of a row of the well, whatever variant of ``cell/culture`` the site takes."""
    for key in rows:
        if key.startswith("culture.") and key.rpartition(".")[2] == name:
            return key
    return f"culture.{name}"


def _known_names(assay: Assay, model: engine.AssembledModel) -> None:
    wanted = [each.observe for each in assay.readouts.values()]
    wanted += [assay.mirna.observe] if assay.mirna else []
    for name in wanted:
        if name not in model.observables:
            raise UnknownName(
                f"'{assay.site}' shows no '{name}'." + nearest(name, tuple(model.observables)),
                where=f"{assay.name}, readouts",
            )
    keys = tuple(row.key for row in model.rows)
    if assay.mirna and assay.mirna.threshold not in keys:
        raise UnknownName(
            f"'{assay.site}' has no row '{assay.mirna.threshold}'."
            + nearest(assay.mirna.threshold, keys),
            where=f"{assay.name}, mirna.threshold",
        )
    noise = package_table("study", "assays")
    for name, readout in assay.readouts.items():
        if f"{readout.noise}_well" not in noise:
            known = sorted({r.id.partition("_")[0] for r in noise.values() if "_well" in r.id})
            raise UnknownName(
                f"there is no noise '{readout.noise}'." + nearest(readout.noise, known),
                where=f"{assay.name}, readouts.{name}.noise",
            )


@dataclass(frozen=True, kw_only=True)
class Wells:
    """Wells as the simulator takes them: a run each.

    Attributes
    ----------
    varied, numbers
        SBML ids and their values, ``(wells, ids)``.
    doses
        What is put into which well, and when.
    observe, times
        Observables, and the days at which something is read, ascending from 0.
    reads
        Observable and day of each read-out by its name.
    """

    sbml: str
    varied: tuple[str, ...]
    numbers: Array
    doses: pd.DataFrame
    observe: tuple[str, ...]
    times: Array
    reads: Mapping[str, tuple[str, float]]


def lay_out(
    plate: Plate,
    *,
    per_cell: Array,
    worlds: NDArray[np.int64],
    numbers: Mapping[str, Array],
    stimuli: Sequence[tuple[NDArray[np.int64], Sequence[Stimulus]]] | None = None,
) -> Wells:
    """Some wells, each with a dose of its own and in a world of its own, not yet run.

    Parameters
    ----------
    plate
        The assay's model and draws.
    per_cell
        Vesicles given per cell, ``(wells,)``.
    worlds
        Whose draws each well has, ``(wells,)``.
    numbers
        SBML ids that are set beside the draws, each ``(wells,)``; NaN leaves a well its draw.
    stimuli
        Wells by their places, and what they are stimulated with; all as the assay says when not
        given.
    """
    import pandas as pd

    assay, model = plate.assay, plate.model
    reads = {name: (r.observe, magnitude(r.time, "day")) for name, r in assay.readouts.items()}
    if assay.mirna:
        last = max(at for _, at in reads.values())
        reads["mirna"] = (assay.mirna.observe, last)
    times = np.unique([0.0, *(at for _, at in reads.values())])
    observe = tuple(dict.fromkeys(name for name, _ in reads.values()))
    switches = tuple(name for name in numbers if name not in plate.varied)
    varied = (*plate.varied, POTENCY, *(s for s in switches if s != POTENCY))
    columns = {i: plate.drawn[plate.model.origins[i]][worlds] for i in plate.varied}
    columns[POTENCY] = plate.potency[worlds]
    for name, value in numbers.items():
        own = np.broadcast_to(np.asarray(value, dtype=np.float64), worlds.shape)
        # A well that does not set it has what its world has.
        drawn = plate.drawn[model.origins[name]][worlds]
        columns[name] = np.where(np.isnan(own), drawn, own)
    cells = magnitude(assay.cells.amount, "cell")
    particles = per_cell * cells
    targets = model.routes[ROUTE]
    parts = {name: particles * share for name, share in zip(SIZES, plate.shares, strict=True)}
    parts["soluble"] = particles * plate.soluble_per_particle[worlds]
    run = np.arange(len(worlds))
    tables = [
        pd.DataFrame({"run": run[amount > 0], "time": 0.0, "amount": amount[amount > 0]}).assign(
            target=targets[name]
        )
        for name, amount in parts.items()
        if name in targets
    ]
    for wells, given in stimuli if stimuli is not None else [(run, assay.stimuli)]:
        tables += [
            pd.DataFrame({"run": wells, "time": magnitude(each.time, "day")}).assign(
                amount=_mass_pg(assay, each), target=_stimulus_target(assay, model, each)
            )
            for each in given
        ]
    table: pd.DataFrame = pd.concat(tables).sort_values(
        ["run", "time", "target"], ignore_index=True
    )
    return Wells(
        sbml=model.sbml,
        varied=varied,
        numbers=np.column_stack([columns[i] for i in varied]),
        doses=table,
        observe=observe,
        times=times,
        reads=reads,
    )


def run_wells(
    plate: Plate,
    *,
    per_cell: Array,
    worlds: NDArray[np.int64],
    numbers: Mapping[str, Array],
    stimuli: Sequence[tuple[NDArray[np.int64], Sequence[Stimulus]]] | None = None,
    rtol: float = RTOL,
    processes: int | None = None,
) -> tuple[dict[str, Array], NDArray[np.bool_]]:
    """Some wells, laid out as by :func:`lay_out`, and run.

    Parameters
    ----------
    plate, per_cell, worlds, numbers, stimuli
        As :func:`lay_out` takes them.
    rtol
        Relative tolerance; a fit, which takes differences, asks for a finer one.
    processes
        Of the engine; by the number of wells when not given.

    Returns
    -------
    Observables read at their times by name of the read-out, and under ``mirna`` the copies that an
    assay watches, each ``(wells,)``; and which wells failed.
    """
    wells = lay_out(plate, per_cell=per_cell, worlds=worlds, numbers=numbers, stimuli=stimuli)
    compiled = engine.compile(wells.sbml, varied=wells.varied, observe=wells.observe)
    runs = compiled.run(
        wells.times,
        varied=wells.numbers,
        doses=wells.doses if len(wells.doses) else None,
        rtol=rtol,
        processes=processes,
        checked_share=0.0,  # nobody here would look at the estimate
    )
    found = {
        name: runs.values[:, int(np.searchsorted(wells.times, at)), wells.observe.index(observed)]
        for name, (observed, at) in wells.reads.items()
    }
    return found, np.asarray(runs.status != 0)


def _mass_pg(chosen: Assay, stimulus: Stimulus) -> float:
    """A stimulus in pg, from its mass or from its concentration in the medium."""
    where = f"{chosen.name}, stimuli.{stimulus.route}"
    if same_dimension(str(quantity(stimulus.amount).units), "pg"):
        return magnitude(stimulus.amount, "pg", where=where)
    return magnitude(stimulus.amount, "pg/mL", where=where) * magnitude(chosen.medium, "mL")


def _stimulus_target(chosen: Assay, model: engine.AssembledModel, stimulus: Stimulus) -> str:
    if stimulus.route not in model.routes:
        raise UnknownName(
            f"'{chosen.site}' has no route '{stimulus.route}'."
            + nearest(stimulus.route, tuple(model.routes)),
            where=f"{chosen.name}, stimuli",
        )
    return next(iter(model.routes[stimulus.route].values()))


def assay(
    chosen: Assay,
    *,
    batch: Batch | None = None,
    libraries: Sequence[str | Path] = (),
    worlds: int = WORLDS,
    seed: int = SEED,
    prior: str = "default",
) -> Assayed:
    """Simulate an assay.

    Parameters
    ----------
    chosen
        The assay.
    batch
        What is put into the wells; a typical preparation when not given.
    libraries
        Folders with sites, fragments and tables in place of the package's.
    worlds, seed
        Draws of what is not known, and the seed of all chance.
    prior
        ``default`` or ``literature``.

    Raises
    ------
    InvalidInput
        When every world failed.
    """
    batch = batch or typical_batch()
    plate = prepare(chosen, batch, libraries=libraries, worlds=worlds, seed=seed, prior=prior)
    doses = np.array(chosen.per_cell, dtype=np.float64)
    sets = _wells(chosen, plate, doses)
    found, failed = run_wells(
        plate,
        per_cell=np.concatenate([s.per_cell for s in sets]),
        worlds=np.concatenate([s.worlds for s in sets]),
        numbers=_joined(sets),
        stimuli=_stimulated(sets),
    )
    bad = np.zeros(worlds, dtype=bool)
    np.logical_or.at(bad, np.concatenate([s.worlds for s in sets]), failed)
    if bad.all():
        raise InvalidInput(f"no world of '{chosen.name}' could be simulated.", where=chosen.site)
    ends = np.cumsum([len(s.worlds) for s in sets])[:-1]
    parts = {name: np.split(np.where(failed, np.nan, v), ends) for name, v in found.items()}
    responses = {
        name: _response(chosen, name, parts[name], sets, doses, plate, bad)
        for name in chosen.readouts
    }
    threshold = None
    if chosen.mirna is not None:
        copies = parts["mirna"][0].reshape(len(doses), worlds).T
        threshold = (copies, plate.drawn[chosen.mirna.threshold])
    return Assayed(
        assay=chosen,
        batch=batch,
        doses=doses,
        responses=responses,
        threshold=threshold,
        failed=bad,
        rows=plate.rows,
        drawn=plate.drawn,
        worlds=worlds,
        seed=seed,
        prior=prior,
    )


@dataclass(frozen=True, kw_only=True)
class _Set:
    """Wells that belong together: the ladder, a control, or some classes of cargo at the top."""

    kind: str
    per_cell: Array
    worlds: NDArray[np.int64]
    numbers: Mapping[str, float]
    stimuli: tuple[Stimulus, ...]


def _wells(chosen: Assay, plate: Plate, doses: Array) -> list[_Set]:
    every = np.arange(plate.worlds)
    sets = [
        _Set(
            kind="ladder",
            per_cell=np.repeat(doses, plate.worlds),
            worlds=np.tile(every, len(doses)),
            numbers={},
            stimuli=chosen.stimuli,
        )
    ]
    for name, control in chosen.controls.items():
        fixed = set_rows(chosen, control.set, plate.rows)
        numbers = {
            i: fixed[key]
            for i, key in plate.model.origins.items()
            if key in control.set and key in fixed
        }
        sets.append(
            _Set(
                kind=f"control {name}",
                per_cell=np.zeros(plate.worlds),
                worlds=every,
                numbers=numbers,
                stimuli=chosen.stimuli if control.stimuli is None else control.stimuli,
            )
        )
    sets.extend(
        _Set(
            kind="classes " + " ".join(kept),
            per_cell=np.full(plate.worlds, doses[-1]),
            worlds=every,
            numbers={SWITCH + each: float(each in kept) for each in CLASSES},
            stimuli=chosen.stimuli,
        )
        for kept in _some_classes()
    )
    return sets


def _some_classes() -> list[tuple[str, ...]]:
    """Every set of classes but all and none."""
    sizes = range(1, len(CLASSES))
    return [kept for size in sizes for kept in itertools.combinations(CLASSES, size)]


def _stimulated(
    sets: Sequence[_Set],
) -> list[tuple[NDArray[np.int64], tuple[Stimulus, ...]]]:
    """Places of the wells of each set, and what they are stimulated with."""
    ends = np.cumsum([len(s.worlds) for s in sets])
    return [
        (np.arange(end - len(s.worlds), end), s.stimuli)
        for s, end in zip(sets, ends.tolist(), strict=True)
    ]


def _joined(sets: Sequence[_Set]) -> dict[str, Array]:
    """What each well sets; NaN in wells that leave it as it is."""
    names = dict.fromkeys(name for s in sets for name in s.numbers)
    return {
        name: np.concatenate([np.full(len(s.worlds), s.numbers.get(name, np.nan)) for s in sets])
        for name in names
    }


def _response(
    chosen: Assay,
    name: str,
    parts: Sequence[Array],
    sets: Sequence[_Set],
    doses: Array,
    plate: Plate,
    bad: NDArray[np.bool_],
) -> Response:
    values = parts[0].reshape(len(doses), plate.worlds).T.copy()
    values[bad] = np.nan
    readout = chosen.readouts[name]
    if np.nanmin(values) <= 0:
        raise InvalidInput(
            f"'{readout.observe}' is not above zero in every well, and a curve of it is drawn on "
            "a logarithmic scale; read off something that the untreated well has.",
            where=f"{chosen.name}, readouts.{name}",
        )
    logs = np.log(values)
    curves = tuple(
        None if bad[w] or abs(logs[w, -1] - logs[w, 0]) <= SLIGHT else fit_curve(doses, logs[w])
        for w in range(plate.worlds)
    )
    return Response(
        name=name,
        unit=plate.model.observables[readout.observe].unit,
        values=values,
        curves=curves,
        designs=tuple(_designs(chosen, readout, c, doses) for c in curves),
        controls={
            s.kind.removeprefix("control "): np.where(bad, np.nan, part)
            for s, part in zip(sets, parts, strict=True)
            if s.kind.startswith("control ")
        },
        shares=_shares(logs, parts, sets, bad),
    )


def _designs(
    chosen: Assay, readout: Readout, curve: Curve | None, doses: Array
) -> tuple[Design, ...]:
    if curve is None:
        return ()
    rows = package_table("study", "assays")
    return designs(
        curve,
        doses.tolist(),
        well_sd=readout.scatter[0],
        run_sd=readout.scatter[1],
        loss=chosen.loss if chosen.loss is not None else rows["loss"].value,
        alpha=rows["alpha"].value,
        power=rows["power"].value,
    )


def _shares(
    logs: Array, parts: Sequence[Array], sets: Sequence[_Set], bad: NDArray[np.bool_]
) -> dict[str, Array]:
    """Shapley's share of each class in the effect at the highest dose."""
    worth: dict[frozenset[str], Array] = {
        frozenset(): np.zeros(len(logs)),
        frozenset(CLASSES): logs[:, -1] - logs[:, 0],
    }
    for s, part in zip(sets, parts, strict=True):
        if s.kind.startswith("classes "):
            worth[frozenset(s.kind.split()[1:])] = np.log(part) - logs[:, 0]
    whole = worth[frozenset(CLASSES)]
    seen = ~bad & (np.abs(whole) > SLIGHT)
    found = {}
    for each in CLASSES:
        total = np.zeros(len(logs))
        for rest in itertools.chain.from_iterable(
            itertools.combinations([c for c in CLASSES if c != each], k)
            for k in range(len(CLASSES))
        ):
            weight = (
                math.factorial(len(rest))
                * math.factorial(len(CLASSES) - len(rest) - 1)
                / math.factorial(len(CLASSES))
            )
            total += weight * (worth[frozenset({*rest, each})] - worth[frozenset(rest)])
        found[each] = np.where(seen, total / np.where(seen, whole, 1.0), np.nan)
    return found
