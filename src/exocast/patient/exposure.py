"""An exposure: where a dose goes in a body, for any site, route and species; no clinical outcome.

The steps, in plain words: read the scenario; describe what is given; draw worlds and subjects;
integrate body, place and cells; write it all down. What a patient would notice is not forecast
here: that needs a site with end points (:mod:`exocast.patient.forecast`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from exocast import engine
from exocast.documents import NO_OPTIONS, parse
from exocast.dose import Regimen, check_route, dose_unit, injection_volume_ml
from exocast.engine.site import (
    HUMAN,
    PACKAGE,
    SPECIES,
    Site,
    find,
    find_site,
    load_condition,
    load_site,
    site_names,
    species_names,
)
from exocast.errors import (
    ExocastError,
    InvalidInput,
    RunsFailed,
    UnitError,
    UnknownName,
    nearest,
)
from exocast.evidence.chance import (
    PATIENT_LEVELS,
    WORLD_LEVELS,
    correlated_scores,
    draw,
    draw_at,
    spread_on_scale,
    value_of,
)
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import Row, package_table, under_prior
from exocast.patient.directory import versions, write_part, write_rows, write_runs, write_text
from exocast.patient.given import CLASSES, at_needle, dose_table, needle_record, vial_record
from exocast.patient.subjects import VESICLES, doubt
from exocast.units import magnitude
from exocast.vial import (
    Needle,
    Vial,
    VialDescription,
    class_fractions,
    load_product,
    load_vial,
    storage,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
SCHEMA = "exocast/result/1"
KIND = "exposure"
ARM = "vial"
GIVEN = "given"
CELLS = ("cells",)
RTOL = 1e-6
RUNS_PER_PART = 2000
MOST_RUNS = 1_000_000
SMALLEST_NM = 1.0
MANY_FAILED = 0.05
MOST_NAMED = 3
MISMATCH = "msc_recognition.mismatch"
LABELLED = "label_"
MINUTES = (0, 1, 2, 5, 10, 20, 30)
HOURS = (1, 2, 3, 4, 6, 8, 12, 18)
DAYS = (1, 1.5, 2, 3, 4, 5, 6)
STATED_LABEL = (
    "The dose is taken as stated, at the needle: no vial was measured, no loss is counted"
)
DONOR_OWN = (
    "The cells are taken as the subject's own, or the subject as one that refuses none; for "
    "another's, set stated.donor: other"
)
DONOR_OTHER = "The cells are another's: the host may come to refuse them"
NO_LABEL = "No label is given: what this site follows of labels stays empty"
SAID_ONCE = (STATED_LABEL, DONOR_OWN, DONOR_OTHER, NO_LABEL)
BODY = "organism"
WELL = "acting"  # the instance through which cargo acts on cells of an assay
SEX = {"female": 0.0, "male": 1.0}


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Subject(_Block):
    """Whose body it is; what is not said comes from the rows of the species."""

    species: str = Field(default=HUMAN, examples=["mouse"])
    weight: str | None = Field(default=None, examples=["25 g", "70 kg"])
    sex: Literal["female", "male"] | None = None
    age: str | None = Field(default=None, examples=["62 year"])

    @field_validator("weight")
    @classmethod
    def _weight(cls, text: str | None) -> str | None:
        return None if text is None else _positive(text, "kg")

    @field_validator("age")
    @classmethod
    def _age(cls, text: str | None) -> str | None:
        return None if text is None else _positive(text, "year")

    @property
    def rows(self) -> dict[str, float | str]:
        """Rows that the description sets, by key: a number, or text with its unit."""
        given = {
            f"{BODY}.weight": self.weight,
            f"{BODY}.age": self.age,
            f"{BODY}.male": None if self.sex is None else SEX[self.sex],
        }
        return {key: value for key, value in given.items() if value is not None}


class Stated(_Block):
    """Particles or cells taken as stated, at the needle, where no vial was measured."""

    size_median: str | None = Field(
        default=None, description="of the particles; not for cells", examples=["100 nm"]
    )
    size_log_sd: float = Field(default=0.35, gt=0, lt=1.5, description="of the logarithm of size")
    product: str = Field(default="msc_ev", description="name of a product file")
    donor: Literal["own", "other"] | None = Field(
        default=None, description="whose cells: the subject's own or another's; cells only"
    )

    @field_validator("size_median")
    @classmethod
    def _size(cls, text: str | None) -> str | None:
        return None if text is None else _positive(text, "nm")


class ExposureScenario(_Block):
    """What an exposure needs: ``subject`` in place of a scenario's ``patient``."""

    schema_version: Literal[1]
    title: str = Field(default="Exposure", max_length=200)
    vial: VialDescription | None = None
    stated: Stated | None = None
    regimen: Regimen
    subject: Subject = Subject()
    site: str = Field(default="whole_body", description="a site, or the path of a site file")
    condition: str | None = Field(default=None, description="the site's own when left out")
    rows: dict[str, float | str] = Field(
        default_factory=dict,
        description="rows with a value of your own, in the row's unit or as text with a unit",
    )
    horizon: str = Field(default="28 day", examples=["28 day"])
    worlds: int = Field(default=50, ge=2, le=100_000)
    patients: int = Field(default=40, ge=1, le=1_000_000, description="subjects in each world")
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    prior: Literal["default", "literature"] = "default"

    @field_validator("rows", mode="before")
    @classmethod
    def _rows(cls, given: Any) -> Any:
        # An option such as --set rows.liver.avidity=2 arrives as blocks inside blocks.
        return _flat(given) if isinstance(given, Mapping) else given

    @field_validator("horizon")
    @classmethod
    def _horizon(cls, text: str) -> str:
        return _positive(text, "day")

    @model_validator(mode="after")
    def _fits(self) -> ExposureScenario:
        if (self.vial is None) == (self.stated is None):
            raise ValueError(
                "give either 'vial' (a measured vial) or 'stated' (particles taken as stated)"
            )
        if self.stated is not None:
            self._fits_stated(self.stated)
        if self.worlds * self.patients > MOST_RUNS:
            raise ValueError(
                f"{self.worlds} worlds of {self.patients} subjects are more than {MOST_RUNS:,} "
                "runs; ask for fewer"
            )
        last = self.regimen.times_days[-1]
        if last >= self.horizon_days:
            raise ValueError(
                f"the last dose is on day {last:g} and the horizon ends on day "
                f"{self.horizon_days:g}; lengthen the horizon or give fewer doses"
            )
        return self

    def _fits_stated(self, stated: Stated) -> None:
        unit = dose_unit(self.regimen.dose)[1]
        try:
            whole = load_product(stated.product).contents == "cells"
        except ExocastError as e:
            raise ValueError(f"stated.product: {e.message}") from None
        if whole and unit != "cell":
            raise ValueError(
                f"a dose of {self.regimen.dose} is no number of cells; give '1e8 cell', or a "
                "product of vesicles in stated.product"
            )
        if not whole and unit != "item":
            raise ValueError(
                f"a dose of {self.regimen.dose} converts through a measured vial only; give "
                "particles or a 'vial', or whole cells with stated.product=msc_cells"
            )
        if not whole and stated.donor is not None:
            raise ValueError(
                "stated.donor is about whole cells; vesicles are followed without a donor"
            )
        if not whole and stated.size_median is None:
            raise ValueError("particles need their size: stated.size_median, such as '100 nm'")

    @property
    def horizon_days(self) -> float:
        """Length of the forecast, in days."""
        return magnitude(self.horizon, "day")

    @property
    def whole_cells(self) -> bool:
        """Whether living cells are given, and not vesicles."""
        return self.stated is not None and load_product(self.stated.product).contents == "cells"

    @property
    def parts(self) -> tuple[str, ...]:
        """What a dose is made of: size classes of vesicles, or cells."""
        return CELLS if self.whole_cells else CLASSES


@dataclass(frozen=True, kw_only=True)
class ExposurePlan:
    """An exposure ready to run; arrays as in :class:`exocast.patient.forecast.Plan`."""

    scenario: ExposureScenario
    model: engine.AssembledModel
    vial: Vial | None
    needle: Needle | None
    rows: tuple[Row, ...]
    own: Mapping[str, float]
    values: Mapping[str, Array]
    correlations: Mapping[tuple[str, str], float]
    times_days: Array
    volume_ml: float
    doses: Array
    soluble_pg: Array
    warnings: tuple[Mapping[str, str], ...] = ()
    replaced: tuple[Replaced, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """A file of the user's own that the model is made of: its name, where it stands, its hash."""

    name: str
    path: str
    hash: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """A site that an exposure can be about: its routes, by what they take, and its conditions."""

    name: str
    title: str
    vesicles: tuple[str, ...]
    cells: tuple[str, ...]
    conditions: tuple[str, ...]
    default_condition: str | None


def is_exposure(data: Mapping[str, Any]) -> bool:
    """Whether the content of a scenario file asks for an exposure: it names a ``subject``."""
    return "subject" in data


def parse_exposure(
    data: Mapping[str, Any], *, where: str = "scenario", options: Mapping[str, str] = NO_OPTIONS
) -> ExposureScenario:
    """Exposure scenario from a mapping.

    Raises
    ------
    InvalidInput
        With all findings together, each with its field or option and the nearest name.
    """
    if "patient" in data:
        raise InvalidInput(
            "the scenario names a 'subject' (where does the dose go?) and a 'patient' (what does "
            "the patient notice?); keep one of them.",
            where=where,
        )
    if found := [name for name in ("label", "labels", "overlays") if name in data]:
        raise InvalidInput(
            f"'{found[0]}' is no field here: an exposure follows the vesicles themselves, and "
            "what a label of theirs would show is asked of an experiment (docs/howto-validate.md).",
            where=where,
        )
    return parse(ExposureScenario, data, where=where, options=options)


def exposure_places(libraries: Sequence[str | Path] = ()) -> tuple[Place, ...]:
    """Sites whose places add up to a dose of vesicles or of cells; wells of assays apart."""
    found = []
    for name in site_names(libraries):
        site = load_site(name, libraries)
        if WELL in site.instances:
            continue
        vesicles, cells = (_routes(site, cells) for cells in (False, True))
        if vesicles or cells:
            found.append(
                Place(
                    name=name,
                    title=site.title,
                    vesicles=vesicles,
                    cells=cells,
                    conditions=site.conditions,
                    default_condition=site.default_condition,
                )
            )
    return tuple(found)


def output_times(horizon_days: float, doses_days: Sequence[float] = (0.0,)) -> Array:
    """Output times in days: minutes, hours and days after every dose, then every week."""
    after = np.concatenate([np.array(MINUTES) / 1440, np.array(HOURS) / 24, np.array(DAYS)])
    all_times = [np.asarray(doses_days)[:, None] + after, np.arange(7.0, horizon_days + 1e-9, 7.0)]
    times = np.unique(np.round(np.concatenate([t.ravel() for t in all_times]), 9))
    times = times[times < horizon_days - 1e-9]
    return np.append(times, horizon_days)


def prepare(
    scenario: ExposureScenario,
    *,
    base: Path,
    libraries: Sequence[str | Path] = (),
    dilution: float | None = None,
    volume: str | None = None,
    sample: str | None = None,
    assume_vesicles: bool = False,
) -> ExposurePlan:
    """Everything drawn and computed before the integration.

    Parameters
    ----------
    scenario
        What is asked.
    base
        Folder that the scenario's file names are relative to.
    libraries
        Folders with sites, fragments and tables of one's own.
    dilution, volume, sample, assume_vesicles
        What a user adds about the vial.

    Raises
    ------
    ExocastError
        For a vial, dose, site, species or row that cannot be used; each names the field.
    """
    regimen = scenario.regimen
    site = _known_site(scenario, libraries)
    doubts = _doubts(scenario)
    _check_given(scenario, site, libraries)
    model = engine.assemble(
        scenario.site,
        condition=scenario.condition,
        prior=scenario.prior,
        species=scenario.subject.species,
        libraries=libraries,
    )
    loose = under_prior(
        (*storage.rows(), *package_table("dose", "soluble").values()), scenario.prior
    )
    vial = None
    if scenario.vial is not None:
        vial = load_vial(
            scenario.vial,
            base,
            dilution=dilution,
            volume=volume,
            sample=sample,
            assume_vesicles=assume_vesicles,
        )
    rows = tuple(
        {
            row.key: row for row in (*model.rows, *(() if vial is None else (*loose, *vial.rows)))
        }.values()
    )
    own = _own_values(scenario, model, rows)
    correlations = package_correlations(libraries)
    values = draw(
        rows,
        seed=scenario.seed,
        worlds=scenario.worlds,
        patients=scenario.patients,
        correlations=correlations,
    )
    values = dict(values) | {key: np.full_like(values[key], value) for key, value in own.items()}
    volume_ml, needle, doses, soluble = _what_is_given(scenario, vial, rows, values)
    return ExposurePlan(
        scenario=scenario,
        model=model,
        vial=vial,
        needle=needle,
        rows=tuple(_as_set(row, own) for row in rows),
        own=own,
        values=values,
        correlations=correlations,
        times_days=output_times(scenario.horizon_days, regimen.times_days),
        volume_ml=volume_ml,
        doses=doses,
        soluble_pg=soluble,
        warnings=doubts,
        replaced=_replaced(scenario, model.condition, libraries),
    )


def run_exposure(
    scenario: ExposureScenario,
    out: Path,
    *,
    base: Path,
    libraries: Sequence[str | Path] = (),
    dilution: float | None = None,
    volume: str | None = None,
    sample: str | None = None,
    assume_vesicles: bool = False,
    processes: int | None = None,
    runs_per_part: int = RUNS_PER_PART,
    progress: Progress | None = None,
) -> Path:
    """Run an exposure and write its result directory (summary and report apart).

    Parameters
    ----------
    scenario, base, libraries, dilution, volume, sample, assume_vesicles
        As in :func:`prepare`.
    out
        Directory to write; made when it is not there.
    processes
        How many worker processes integrate; numbers do not depend on it.
    runs_per_part
        Largest number of runs held in memory together; numbers do not depend on it.
    progress
        Called with (runs done, runs in all).

    Returns
    -------
    The directory.
    """
    plan = prepare(
        scenario,
        base=base,
        libraries=libraries,
        dilution=dilution,
        volume=volume,
        sample=sample,
        assume_vesicles=assume_vesicles,
    )
    (out / "parts").mkdir(parents=True, exist_ok=True)
    size = max(1, runs_per_part // scenario.patients)
    parts, records, over = [], [], _Most()
    done, total = 0, scenario.worlds * scenario.patients
    for index, start in enumerate(range(0, scenario.worlds, size)):
        worlds = np.arange(start, min(start + size, scenario.worlds))
        observed, record = _integrate(plan, worlds, processes)
        over.see(observed)
        parts.append(write_part(out, index, ARM, worlds, plan.times_days, observed))
        records.append(record)
        done += len(record)
        if progress is not None:
            progress(done, total)
    plan = replace(plan, warnings=(*plan.warnings, *_failures(plan, records), *over.doubts()))
    write_runs(out, records)
    write_rows(out, plan.rows)
    _write_draws(out, plan)
    manifest = json.dumps(_manifest(plan, parts), indent=1, ensure_ascii=False)
    write_text(out / "manifest.json", manifest)
    return out


def observed_names(model: engine.AssembledModel) -> tuple[str, ...]:
    """What an exposure reads of a site: the places of the dose, then the site's readings."""
    return tuple(dict.fromkeys((*model.fates, *model.readings)))


def _routes(site: Site, cells: bool) -> tuple[str, ...]:
    """Routes that take cells, or vesicles, at a site whose places add up to a dose of these."""
    counts_cells = bool(site.fates) and site.observables[site.fates[0]].unit == "cell"
    if not site.fates or (counts_cells and not cells):
        return ()
    parts = set(CELLS if cells else CLASSES)
    return tuple(route for route, to in site.routes.items() if parts <= set(to))


def _known_site(scenario: ExposureScenario, libraries: Sequence[str | Path]) -> Site:
    """The site, once it, its condition and the species are known; all names are offered."""
    try:
        site = load_site(scenario.site, libraries)
    except UnknownName as e:
        names = ", ".join(place.name for place in exposure_places(libraries))
        raise UnknownName(
            f"{e.message.partition(' Known:')[0]} Sites: {names} ('exocast sites' lists them).",
            where="site",
        ) from None
    species, known = scenario.subject.species, species_names(libraries)
    if species not in known:
        close = nearest(species, known).partition(" Known:")[0]
        raise UnknownName(
            f"There is no species '{species}'.{close} Species: {', '.join(known)}; "
            "a table of your own in a library's body/species adds one.",
            where="subject.species",
        )
    if scenario.condition is not None and not site.conditions:
        raise InvalidInput(
            f"the site '{site.name}' has no conditions; leave 'condition' out.", where="condition"
        )
    if not site.fates:
        raise InvalidInput(
            f"the site '{site.name}' does not say which places add up to a dose; list them under "
            "'fates' in its file.",
            where="site",
        )
    return site


def _check_given(scenario: ExposureScenario, site: Site, libraries: Sequence[str | Path]) -> None:
    """Nothing, when the site has the route, and the route takes what is given."""
    regimen, whole = scenario.regimen, scenario.whole_cells
    kind = "cells" if whole else "vesicles"
    own = _routes(site, whole)
    if "route" not in regimen.model_fields_set and regimen.route not in site.routes:
        raise InvalidInput(
            f"regimen.route is missing; '{site.name}' has: {', '.join(own or site.routes)}.",
            where="regimen.route",
        )
    elsewhere: list[str] = []
    if regimen.route not in site.routes:
        elsewhere = [
            f"'{place.name}'"
            for place in exposure_places(libraries)
            if regimen.route in (place.cells if whole else place.vesicles)
        ][:MOST_NAMED]
    joints = site.joints if "site" in regimen.model_fields_set else ()
    check_route(regimen, site.routes, joints or (regimen.site,), of=site.name, elsewhere=elsewhere)
    if regimen.route in own:
        return
    advice = {
        True: "choose a site of whole cells: cells_iv or cells_local",
        False: "for whole cells, use stated.product: msc_cells and a dose in cells",
    }[whole]
    raise InvalidInput(
        f"the route '{regimen.route}' of '{site.name}' takes no {kind}; {advice}.",
        where="regimen.route",
    )


def _doubts(scenario: ExposureScenario) -> tuple[Mapping[str, str], ...]:
    """Warnings on a subject or particles beyond what is usual; the impossible is refused."""
    subject, stated = scenario.subject, scenario.stated
    size = None if stated is None else stated.size_median
    asked = (
        (subject.species, "weight", subject.weight, "subject.weight"),
        (subject.species, "age", subject.age, "subject.age"),
        (VESICLES, "size", size, "stated.size_median"),
    )
    return tuple(
        _outside(sentence, where)
        for whose, quantity, text, where in asked
        if text is not None and (sentence := doubt(whose, quantity, text, where=where))
    )


def _outside(message: str, where: str) -> dict[str, str]:
    return {"code": "OUTSIDE_EVIDENCE", "message": message, "where": where}


def _failures(plan: ExposurePlan, records: Sequence[pd.DataFrame]) -> list[dict[str, str]]:
    """A warning when many runs failed.

    Raises
    ------
    RunsFailed
        When all of them did: nothing is left to say.
    """
    status = [str(s) for record in records for s in record["status"]]
    failed = [s for s in status if s != engine.STATUS[0]]
    why = ", ".join(sorted(set(failed)))
    own = ", ".join(f"{key} = {plan.own[key]:g}" for key in plan.scenario.rows)
    named = f" The scenario sets {own}: try without." if own else ""
    if len(failed) == len(status):
        raise RunsFailed(f"all {len(status)} runs failed ({why}).{named}", where="rows")
    if len(failed) <= MANY_FAILED * len(status):
        return []
    message = (
        f"{len(failed)} of {len(status)} runs failed ({why}) and are left out: what the others "
        f"say may be lopsided.{named}"
    )
    return [{"code": RunsFailed.code, "message": message, "where": "runs"}]


class _Most:
    """The most of the dose that a place holds beside the body's own particles there, if known."""

    def __init__(self) -> None:
        self.found: dict[str, list[tuple[Array, Array]]] = {}

    def see(self, observed: Mapping[str, Array]) -> None:
        """Take in one part of the runs."""
        for name, own in observed.items():
            place = name.removesuffix("_background")
            given = observed.get(f"{place}_particles")
            if place != name and given is not None:
                most, least = given.max(axis=-1).ravel(), own.min(axis=-1).ravel()
                self.found.setdefault(place, []).append((most, least))

    def doubts(self) -> list[dict[str, str]]:
        """A warning for each place where the median dose exceeds the body's own particles."""
        warnings = []
        for place, parts in self.found.items():
            given, own = (np.nanmedian(np.concatenate(each)) for each in zip(*parts, strict=True))
            if given > own > 0:
                message = (
                    f"at its most {given:.1e} given vesicles are in {place} at once, more than "
                    f"the body's own {own:.1e}: no such dose was measured"
                )
                warnings.append(_outside(message, "regimen.dose"))
        return warnings


def _replaced(
    scenario: ExposureScenario, condition: str | None, libraries: Sequence[str | Path]
) -> tuple[Replaced, ...]:
    """Files of the user's own that the model is made of, the site's first."""
    site = load_site(scenario.site, libraries)
    wanted = {f"site {site.name}": [find_site(scenario.site, libraries)]}
    for instance in site.instances.values():
        room, _, stem = instance.fragment.rpartition("/")
        file = find(room, stem, ".ant", libraries)
        wanted[instance.fragment] = [] if file is None else [file, file.with_suffix(".csv")]
    if condition is not None:
        file = load_condition(condition, libraries)[1]
        wanted[f"condition {condition}"] = [file, file.with_suffix(".csv")]
    species = scenario.subject.species
    whose = find(SPECIES, species, ".yaml", libraries)
    if whose is not None:
        wanted[f"species {species}"] = [whose, whose.with_suffix(".csv")]
    return tuple(
        Replaced(
            name=name,
            path=str(files[0]),
            hash=hashlib.blake2b(
                b"".join(file.read_bytes() for file in files if file.is_file()), digest_size=16
            ).hexdigest(),
        )
        for name, files in wanted.items()
        if files and not files[0].resolve().is_relative_to(PACKAGE.resolve())
    )


def _what_is_given(
    scenario: ExposureScenario, vial: Vial | None, rows: Sequence[Row], values: Mapping[str, Array]
) -> tuple[float, Needle | None, Array, Array]:
    """Volume, needle, particles and co-isolated protein of every dose."""
    regimen = scenario.regimen
    if vial is not None:
        volume_ml = injection_volume_ml(regimen, vial)
        return volume_ml, *at_needle(regimen, vial, rows, values, volume_ml, scenario.seed)
    stated = scenario.stated
    assert stated is not None
    amount = dose_unit(regimen.dose)[0]
    shares = (
        np.ones(1)
        if stated.size_median is None
        else class_fractions(magnitude(stated.size_median, "nm"), stated.size_log_sd, SMALLEST_NM)
    )
    runs = (scenario.worlds, scenario.patients)
    doses = np.ones((regimen.injections, len(shares), *runs)) * amount * shares[:, None, None]
    return 0.0, None, doses, np.zeros((regimen.injections, *runs))


def _own_values(
    scenario: ExposureScenario, model: engine.AssembledModel, rows: Sequence[Row]
) -> dict[str, float]:
    """Rows that the scenario sets, by key, in the row's unit."""
    known = {row.key: row for row in rows}
    for key in scenario.rows:
        if key not in known or key.endswith(".between"):
            raise UnknownName(
                f"'{model.site}' has no row '{key}'." + nearest(key, tuple(known)), where="rows"
            )
    described = {key: value for key, value in scenario.subject.rows.items() if key in known}
    if scenario.stated is not None and scenario.stated.donor is not None and MISMATCH in known:
        described[MISMATCH] = float(scenario.stated.donor == "other")
    found = {
        key: magnitude(value, known[key].unit, where=f"rows.{key}")
        if isinstance(value, str)
        else float(value)
        for key, value in (described | dict(scenario.rows)).items()
    }
    for key, value in found.items():
        if not np.isfinite(value):
            raise InvalidInput(f"'{value}' is no number to use.", where=f"rows.{key}")
        if value < 0 and _never_negative(known[key]):
            raise InvalidInput(
                f"{key} ({known[key].meaning}) is never below zero, and {value:g} was given.",
                where=f"rows.{key}",
            )
    return found


def _never_negative(row: Row) -> bool:
    """Whether a row's law lies above zero: a logarithm, or a range that does."""
    scale, _ = spread_on_scale(row)
    return scale == "log" or (scale == "range" and row.spread[0] >= 0)


def _flat(given: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Rows by their whole key, whether written with dots or as blocks."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        key = f"{before}{name}"
        found |= _flat(value, f"{key}.") if isinstance(value, Mapping) else {key: value}
    return found


def _as_set(row: Row, own: Mapping[str, float]) -> Row:
    """The row as the scenario sets it, which is then all that is known of it."""
    if row.key not in own:
        return row
    return replace(
        row,
        value=own[row.key],
        spread=(),
        spread_kind="fixed",
        varies="constant",
        source="definition",
        place="scenario",
        note="set by the scenario",
    )


def _integrate(
    plan: ExposurePlan, worlds: NDArray[np.int64], processes: int | None
) -> tuple[dict[str, Array], pd.DataFrame]:
    """Observables in some worlds, each (worlds, subjects, times), and one line a run."""
    import pandas as pd

    subjects, model = plan.scenario.patients, plan.model
    drawn = {row.key for row in plan.rows if row.varies in (*WORLD_LEVELS, *PATIENT_LEVELS)}
    drawn |= {row.key.removesuffix(".between") for row in plan.rows if ".between" in row.key}
    drawn |= plan.own.keys()
    numbers = {i: plan.values[key][worlds] for i, key in model.origins.items() if key in drawn}
    if not numbers:  # a model without doubt still runs once a subject and world
        first = next(iter(model.origins))
        numbers = {first: plan.values[model.origins[first]][worlds]}
    names = observed_names(model)
    regimen = plan.scenario.regimen
    runs = engine.compile(model.sbml, varied=tuple(numbers), observe=names).run(
        plan.times_days,
        varied=np.column_stack([value.ravel() for value in numbers.values()]),
        doses=dose_table(
            regimen,
            model.routes[regimen.route],
            plan.doses,
            plan.soluble_pg,
            worlds,
            plan.scenario.parts,
        ),
        rtol=RTOL,
        processes=processes,
    )
    shape = (len(worlds), subjects, len(plan.times_days))
    observed = {GIVEN: _given_so_far(plan, worlds)}
    observed |= {
        name: np.ascontiguousarray(runs.values[:, :, i]).reshape(shape)
        for i, name in enumerate(names)
    }
    world, subject = np.meshgrid(worlds, np.arange(subjects), indexing="ij")
    record = pd.DataFrame(
        {
            "arm": ARM,
            "world": world.ravel().astype(np.int32),
            "patient": subject.ravel().astype(np.int32),
            "status": [engine.STATUS[int(s)] for s in runs.status],
            "steps": runs.steps,
            "rejections": runs.rejections,
            "time_reached": runs.time_reached,
        }
    )
    return observed, record


def _given_so_far(plan: ExposurePlan, worlds: NDArray[np.int64]) -> Array:
    """Particles given until each time, the dose of that moment included."""
    each = plan.doses[:, :, worlds].sum(axis=1)
    at = np.asarray(plan.scenario.regimen.times_days)
    so_far = (plan.times_days[None, :] >= at[:, None] - 1e-9).astype(np.float64)
    return np.asarray(np.einsum("kwp,kt->wpt", each, so_far))


def _write_draws(out: Path, plan: ExposurePlan) -> None:
    """What was drawn: a line a world, and a line a subject."""
    import pandas as pd

    scenario = plan.scenario
    worlds = np.arange(scenario.worlds)
    drawn = [r for r in plan.rows if r.varies in WORLD_LEVELS]
    centres = draw_at(
        drawn,
        seed=scenario.seed,
        world=worlds,
        patient=np.zeros_like(worlds),
        correlations=plan.correlations,
    )
    table = pd.DataFrame({"world": worlds.astype(np.int32), **centres})
    table.to_parquet(out / "worlds.parquet", index=False)
    own = [r for r in plan.rows if r.varies in PATIENT_LEVELS]
    scores = correlated_scores(
        scenario.seed, [r.key for r in own], plan.correlations, scenario.patients
    )
    people = pd.DataFrame({"patient": np.arange(scenario.patients, dtype=np.int32)})
    for row in own:
        people[row.key] = value_of(row, scores[row.key])
    people.to_parquet(out / "patients.parquet", index=False)


def _manifest(plan: ExposurePlan, parts: list[dict[str, Any]]) -> dict[str, Any]:
    scenario, vial, model = plan.scenario, plan.vial, plan.model
    regimen = scenario.regimen
    warnings = [
        {"code": w.code, "message": w.message, "where": w.where}
        for w in (*(vial.warnings if vial else ()), *(plan.needle.warnings if plan.needle else ()))
    ]
    warnings += [
        {
            "code": "FILLED",
            "message": f"{name} was not measured for this vial; a population row stands in",
            "where": "vial",
        }
        for name in (vial.filled if vial else ())
    ]
    warnings += [dict(each) for each in plan.warnings]
    labels = [vial.label] if vial is not None and vial.label else []
    labels += [STATED_LABEL] if vial is None else []
    labels += _donor_label(plan)
    if LABELLED in "".join(model.routes[regimen.route]):
        labels.append(NO_LABEL)
    if scenario.rows:
        labels.append(f"Rows set by the scenario: {', '.join(scenario.rows)}")
    if plan.replaced:
        files = ", ".join(f"{each.name} ({each.path})" for each in plan.replaced)
        labels.append(f"Fragments and tables of your own: {files}")
    product = vial.product if vial else load_product(scenario.stated.product)  # type: ignore[union-attr]
    amount = f"{regimen.injections} x {regimen.dose}"
    weight = scenario.subject.weight
    own_weight = next((row.value for row in plan.rows if row.key == f"{BODY}.weight"), None)
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "title": scenario.title,
        "scenario": scenario.model_dump(mode="json"),
        "prior": scenario.prior,
        "seed": scenario.seed,
        "worlds": scenario.worlds,
        "patients": scenario.patients,
        "arms": [
            {"name": ARM, "text": f"{amount}, {regimen.route}", "injections": regimen.injections}
        ],
        "site": {
            "name": model.site,
            "title": model.title,
            "condition": model.condition,
            "joints": list(model.joints),
            "behind": list(model.behind),
            "colours": dict(model.colours),
            "route_words": dict(model.route_words),
            "meant_for": {route: list(names) for route, names in model.meant_for.items()},
        },
        "species": model.species,
        "subject": {
            "weight_kg": own_weight if weight is None else magnitude(weight, "kg"),
            "age": scenario.subject.age,
            "sex": scenario.subject.sex,
        },
        "own": [
            {"name": each.name, "path": each.path, "hash": each.hash} for each in plan.replaced
        ],
        "route": regimen.route,
        "fates": list(model.fates),
        "readings": list(model.readings),
        "observables": {
            GIVEN: {
                "unit": model.observables[model.fates[0]].unit,
                "text": "given so far",
                "better": "none",
            },
            **{
                name: {
                    "unit": model.observables[name].unit,
                    "text": model.observables[name].text,
                    "better": model.observables[name].better,
                }
                for name in observed_names(model)
            },
        },
        "versions": versions(),
        "hashes": {
            "model": hashlib.blake2b(model.sbml.encode(), digest_size=16).hexdigest(),
            "rows": hashlib.blake2b(repr(plan.rows).encode(), digest_size=16).hexdigest(),
            **{f"{each.name}, your own": each.hash for each in plan.replaced},
        },
        "parts": parts,
        "labels": labels,
        "warnings": warnings,
        "product": {"name": product.name, "title": product.title, "class": product.kind},
        "vial": None if vial is None else vial_record(vial, plan.volume_ml),
        "needle": None
        if vial is None or plan.needle is None
        else needle_record(vial, plan.needle, plan.values, plan.volume_ml, plan.doses),
        "rows_file": "rows.csv",
        "status": "complete",
    }


def _donor_label(plan: ExposurePlan) -> list[str]:
    """Whose cells are given, where the site has a host that could refuse them."""
    if MISMATCH not in plan.values:
        return []
    return [DONOR_OTHER if float(plan.values[MISMATCH].max()) > 0 else DONOR_OWN]


def _positive(text: str, unit: str) -> str:
    try:
        value = magnitude(text, unit)
    except UnitError as e:
        raise ValueError(e.message) from None
    if not value > 0:
        raise ValueError(f"'{text}' is not above zero")
    return text
