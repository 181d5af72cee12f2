"""One forecast: vial, dose, body, cell, tissue and patient, run together and written down.

The steps, in plain words: describe the vial and the dose plan; collect every row that the model
uses; draw worlds and patients; carry the dose to the needle; integrate body, cells and tissue for
every arm, world and patient; turn tissue into what a patient would report; write it all down.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast import engine
from exocast.dose import check_route, injection_volume_ml
from exocast.errors import InvalidInput
from exocast.evidence.arms import arms_for
from exocast.evidence.chance import (
    BETWEEN,
    PATIENT_LEVELS,
    WORLD_LEVELS,
    correlated_scores,
    draw,
    draw_at,
    value_of,
)
from exocast.evidence.rows import Row, package_table, under_prior
from exocast.evidence.trials import Trial, related_trials, trials_of
from exocast.patient import cargo, comparators, effect, outcomes, population
from exocast.patient.directory import versions, write_part, write_rows, write_runs, write_text
from exocast.patient.given import CLASSES, at_needle, dose_table, needle_record, vial_record
from exocast.patient.scenario import Scenario, contradiction
from exocast.patient.thresholds import thresholds
from exocast.vial import (
    Needle,
    Vial,
    class_fractions,
    load_vial,
    storage,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
SCHEMA = "exocast/result/1"
RUNS_PER_PART = 4000
RTOL = 1e-6
# Grid of ln-falls of the assay over which the synovium's own fall is tabulated.
FULL_GRID = np.linspace(-1.5, 3.0, 19)
FULL_DAYS = 730.0
CYTOKINES = ("tnf", "il1", "il6")
MEASURED = {
    "pain_vas": ("mm", "pain on the 0-100 scale", "lower"),
    "womac_pain": ("1", "WOMAC pain, 0-20", "lower"),
    "womac_stiffness": ("1", "WOMAC stiffness, 0-8", "lower"),
    "womac_function": ("1", "WOMAC function, 0-68", "lower"),
    "womac_total": ("1", "WOMAC total, 0-96", "lower"),
}
LITERATURE_LABEL = (
    "Prior 'literature': reported effects taken at face value; the one blinded trial of vesicles "
    "in knees contradicts it"
)
# Pure numbers in the model that are shares of a hundred.
PERCENT = ("aggrecan", "collagen", "cartilage_volume")
COMPARED_WEEKS = (2, 4, 12, 26, 52)
ARM_TEXTS = {
    "vial": "the vial's vesicles",
    "saline": "saline by the same needle",
    "no injection": "no injection: the natural course",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A forecast ready to run: what is given, and what was drawn.

    ``values`` holds a (worlds, patients) array for every row, by key; ``doses`` the particles of
    each injection and size class at the needle, (injections, 3, worlds, patients); ``soluble_pg``
    the co-isolated protein of each injection, (injections, worlds, patients).
    """

    scenario: Scenario
    vial: Vial
    model: engine.AssembledModel
    rows: tuple[Row, ...]
    values: Mapping[str, Array]
    patients: population.Patients
    times_days: Array
    volume_ml: float
    needle: Needle
    doses: Array
    soluble_pg: Array
    effect_prior: effect.EffectPrior

    @property
    def joint(self) -> str:
        """Name of the treated joint inside the site."""
        return self.scenario.regimen.site


def prepare(
    scenario: Scenario,
    *,
    base: Path,
    dilution: float | None = None,
    volume: str | None = None,
    sample: str | None = None,
    assume_vesicles: bool = False,
    known: Mapping[str, float] | None = None,
    vial: Vial | None = None,
) -> Plan:
    """Everything drawn and computed before the integration.

    Parameters
    ----------
    scenario
        What is asked.
    base
        Folder that the scenario's file names are relative to.
    dilution, volume, sample, assume_vesicles
        What a user adds about the vial; see :func:`exocast.vial.load_vial`.
    known
        Rows of the vial that are taken as known exactly, by key (``vial.potency_relative``).
    vial
        The scenario's vial where it was read already.

    Raises
    ------
    ExocastError
        For a vial, dose or site that cannot be forecast; each names the field and the remedy.
    """
    if vial is None:
        vial = load_vial(
            scenario.vial,
            base,
            dilution=dilution,
            volume=volume,
            sample=sample,
            assume_vesicles=assume_vesicles,
        )
    regimen = scenario.regimen
    model = engine.assemble(scenario.site, condition=scenario.condition, prior=scenario.prior)
    check_route(regimen, model.routes, model.joints)
    pool = (
        *model_rows(model, scenario.prior),
        *comparators.rows(scenario.comparators, scenario.prior),
        *(_known(row, known or {}) for row in vial.rows),
    )
    rows = effect.with_curve(pool, vial.curve)
    values = draw(
        rows,
        seed=scenario.seed,
        worlds=scenario.worlds,
        patients=scenario.patients,
        correlations=effect.correlations(rows),
    )
    patients = people(scenario, scenario.patients)
    values |= synovitis(values, patients)
    volume_ml = injection_volume_ml(regimen, vial)
    needle, doses, soluble = at_needle(regimen, vial, rows, values, volume_ml, scenario.seed)
    times = output_times(scenario.horizon_days)
    return Plan(
        scenario=scenario,
        vial=vial,
        model=model,
        rows=rows,
        values=values,
        patients=patients,
        times_days=times,
        volume_ml=volume_ml,
        needle=needle,
        doses=doses,
        soluble_pg=soluble,
        effect_prior=effect.prior(
            [r for r in rows if r.table == "effect"],
            name=scenario.prior,
            ln_fall_full=full_ln_fall(model),
        ),
    )


def _known(row: Row, known: Mapping[str, float]) -> Row:
    if row.key not in known:
        return row
    note = "taken as known exactly"
    return replace(row, value=known[row.key], spread=(), spread_kind="fixed", note=note)


def mean_change(plan: Plan, arm: str, outcome: str, progress: Progress | None = None) -> Array:
    """Mean over patients of the change from baseline, in every world and at every time.

    Parameters
    ----------
    plan
        From :func:`prepare`.
    arm
        ``vial``, ``saline`` or ``no injection``.
    outcome
        Name of an observable, such as ``pain_vas``.
    progress
        Called with (runs done, runs in all).

    Returns
    -------
    Array of shape ``(worlds, times)``, in the outcome's unit; NaN where no run of a world is left.
    """
    worlds = np.arange(plan.scenario.worlds)
    tissue, _ = _integrate(plan, arm, worlds, None, progress)
    values = _outcomes(plan, arm, worlds, tissue)[outcome]
    return np.asarray((values - values[..., :1]).mean(axis=1))


def output_times(horizon_days: float) -> Array:
    """Output times in days: hours of the first day, the first days, then every week."""
    hours = np.array([0.0, 1.0, 2.0, 6.0, 12.0]) / 24.0
    days = np.array([1.0, 2.0, 3.0])
    weeks = np.arange(7.0, horizon_days + 1e-9, 7.0)
    return np.concatenate([hours, days, weeks])


def model_rows(model: engine.AssembledModel, prior: str) -> tuple[Row, ...]:
    """Every row that a forecast of this site draws, the vial's own apart."""
    loose = (
        *storage.rows(),
        *package_table("dose", "soluble").values(),
        *package_table("patient", "biology").values(),
    )
    rows = (*model.rows, *under_prior(loose, prior), *outcomes.rows(prior), *effect.rows(prior))
    return tuple({row.key: row for row in rows}.values())


def people(scenario: Scenario, n: int, *, knee: str = "") -> population.Patients:
    """The person of a scenario and people like them."""
    person = scenario.patient
    return population.draw_patients(
        {
            "age_years": person.age_years,
            "bmi_kg_m2": person.bmi_kg_m2,
            "sex": person.sex,
            "kellgren_lawrence": person.kellgren_lawrence,
            "pain_vas_mm": person.pain_vas_mm,
            "synovitis": person.synovitis,
        },
        n,
        scenario.seed,
        population.Entry(threshold=scenario.entry.threshold_mm),
        knee=knee,
    )


def synovitis(values: Mapping[str, Array], patients: population.Patients) -> dict[str, Array]:
    """Cytokine baselines shifted by each person's grade of synovitis about the moderate one."""
    steps = patients.synovitis - population.SYNOVITIS.index("moderate")
    ratio = values["biology.cytokines_per_grade"] ** steps
    keys = [f"inflammation.{name}_baseline" for name in CYTOKINES]
    return {key: values[key] * ratio for key in keys}


def full_ln_fall(model: engine.AssembledModel) -> Callable[[Array], Array]:
    """Fall of the logarithm of synovial inflammation when every cell stays fully engaged.

    A function of the fall in signalling (assay times translation), tabulated with the model
    itself at its central values: a dose beyond saturation, and a response that never fades.
    """
    import pandas as pd

    joint = model.joints[0]
    varied = {
        f"{joint}_response_translation": FULL_GRID,
        f"{joint}_response_max_ln_fall": np.ones_like(FULL_GRID),
        f"{joint}_response_half_life": np.full_like(FULL_GRID, 1e9),
        f"{joint}_response_onset_half_time": np.full_like(FULL_GRID, 0.01),
        f"{joint}_signal_rna_carries": np.zeros_like(FULL_GRID),
        f"{joint}_signal_soluble_carries": np.zeros_like(FULL_GRID),
        # What is asked is the fall itself, after any doing of the tone.
        f"{joint}_macrophage_tone_matters": np.zeros_like(FULL_GRID),
    }
    target = next(
        to["medium"] for to in model.routes.values() if to["medium"].startswith(f"{joint}_")
    )
    doses = pd.DataFrame(
        [{"run": i, "time": 0.0, "amount": 1e16, "target": target} for i in range(len(FULL_GRID))]
    )
    compiled = engine.compile(
        model.sbml, varied=tuple(varied), observe=(f"{joint}_synovial_inflammation",)
    )
    runs = compiled.run(
        np.array([FULL_DAYS]),
        varied=np.column_stack(list(varied.values())),
        doses=doses,
        processes=1,
    )
    falls = -np.log(runs.values[:, -1, 0])
    return lambda asked: np.asarray(np.interp(asked, FULL_GRID, falls))


def run_forecast(
    scenario: Scenario,
    out: Path,
    *,
    base: Path,
    dilution: float | None = None,
    volume: str | None = None,
    sample: str | None = None,
    assume_vesicles: bool = False,
    processes: int | None = None,
    runs_per_part: int = RUNS_PER_PART,
    progress: Progress | None = None,
) -> Path:
    """Forecast a scenario and write its result directory (summary and report apart).

    Parameters
    ----------
    scenario
        What is asked.
    out
        Directory to write; made when it is not there.
    base
        Folder that the scenario's file names are relative to.
    dilution, volume, sample, assume_vesicles
        What a user adds about the vial.
    processes
        How many worker processes integrate; numbers do not depend on it.
    runs_per_part
        Largest number of runs that are held in memory and written together; numbers do not
        depend on it.
    progress
        Called with (runs done, runs in all).

    Returns
    -------
    The directory.
    """
    plan = prepare(
        scenario,
        base=base,
        dilution=dilution,
        volume=volume,
        sample=sample,
        assume_vesicles=assume_vesicles,
    )
    (out / "parts").mkdir(parents=True, exist_ok=True)
    blocks = list(_blocks(scenario.worlds, scenario.patients, runs_per_part))
    total = len(scenario.arms) * scenario.worlds * scenario.patients
    parts: dict[int, dict[str, Any]] = {}
    run_tables: dict[int, pd.DataFrame] = {}
    done = 0
    for number, worlds in enumerate(blocks):
        for place, arm in enumerate(scenario.arms):
            if arm in scenario.comparators:
                record = _run_record(plan, arm, worlds)
                observed = _compared(plan, arm, worlds)
            else:
                tissue, record = _integrate(
                    plan,
                    arm,
                    worlds,
                    processes,
                    _shifted(progress, done, total),
                )
                observed = _outcomes(plan, arm, worlds, tissue)
            done += len(record)
            if progress is not None:
                progress(done, total)
            index = place * len(blocks) + number
            kept = {name: observed[name] for name in _observables(plan)}
            parts[index] = write_part(out, index, arm, worlds, plan.times_days, kept)
            run_tables[index] = record
    _write_draws(out, plan)
    write_runs(out, [run_tables[i] for i in sorted(run_tables)])
    write_rows(out, plan.rows)
    manifest = _manifest(plan, [parts[i] for i in sorted(parts)], _reached(out, plan))
    write_text(out / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False))
    return out


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one batch as progress of the whole."""
    if progress is None:
        return None
    report = progress
    return lambda done, _: report(before + done, total)


def export_run(
    scenario: Scenario, path: Path, *, base: Path, world: int = 0, patient: int = 0
) -> Path:
    """The model of one run of the product arm as SBML: its numbers, and its doses as events.

    Another solver gives the tissue that the forecast has for this world and patient.

    Parameters
    ----------
    scenario, base
        As in :func:`run_forecast`.
    path
        File to write.
    world, patient
        Which run; patient 0 is the person described.

    Raises
    ------
    InvalidInput
        When the scenario has no such world or patient.
    """
    for name, asked, most in (
        ("world", world, scenario.worlds),
        ("patient", patient, scenario.patients),
    ):
        if not 0 <= asked < most:
            raise InvalidInput(
                f"there is no {name} {asked}; this scenario has 0 to {most - 1}.", where=name
            )
    plan = prepare(scenario, base=base)
    numbers = varied_numbers(plan.model, plan.rows, plan.values, plan.model.joints, vial=plan.vial)
    doses = _doses(plan, np.array([world]))
    doses = doses[doses["run"] == patient].assign(run=0)
    values = {name: float(value[world, patient]) for name, value in numbers.items()}
    return engine.export_sbml(plan.model, path, values=values, doses=doses)


def _blocks(worlds: int, patients: int, most: int) -> Iterator[NDArray[np.int64]]:
    size = max(1, most // patients)
    for start in range(0, worlds, size):
        yield np.arange(start, min(start + size, worlds))


def varied_numbers(
    model: engine.AssembledModel,
    rows: tuple[Row, ...],
    values: Mapping[str, Array],
    joints: Any,
    *,
    vial: Vial | None = None,
) -> dict[str, Array]:
    """What each run sets in the model: SBML id to values of the shape of ``values``.

    Every number of the model whose row is drawn, and the slots of potency and translation. With a
    vial its size classes too, which the well of the assay was given as the tissue is.
    """
    drawn = {row.key for row in rows if row.varies in (*WORLD_LEVELS, *PATIENT_LEVELS)}
    drawn |= {row.key.removesuffix(".between") for row in rows if row.key.endswith(".between")}
    numbers = {i: values[key] for i, key in model.origins.items() if key in drawn}
    shares: dict[str, Array] = {}
    if vial is not None:
        sizes = values["vial.size_median"], values["vial.size_log_sd"]
        found = class_fractions(*sizes, vial.floor_nm)
        shares = {name: found[..., i] for i, name in enumerate(CLASSES)}
    for joint in joints:
        numbers[f"{joint}_response_translation"] = effect.translation(values)
        numbers[f"{joint}_response_max_ln_fall"] = values[effect.MAX_LN_FALL]
        numbers[f"{joint}_signal_ec50_per_cell"] = values[effect.EC50]
        numbers[f"{joint}_assay_cells_per_ml"] = values[effect.CELLS_PER_ML]
        for name, share in shares.items():
            numbers[f"{joint}_assay_{name}_share"] = share
        if "vial.potency_relative" in values:
            numbers[f"{joint}_signal_potency"] = values["vial.potency_relative"]
    return numbers


def _integrate(
    plan: Plan,
    arm: str,
    worlds: NDArray[np.int64],
    processes: int | None,
    progress: Progress | None,
) -> tuple[dict[str, Array], pd.DataFrame]:
    """Tissue of one arm in some worlds: name to (worlds, patients, times), and one line a run."""
    import pandas as pd

    patients = plan.scenario.patients
    values = {key: value[worlds] for key, value in plan.values.items()}
    numbers = varied_numbers(plan.model, plan.rows, values, plan.model.joints, vial=plan.vial)
    names = tuple(plan.model.observables)
    compiled = engine.compile(plan.model.sbml, varied=tuple(numbers), observe=names)
    runs = compiled.run(
        plan.times_days,
        varied=np.column_stack([numbers[i].ravel() for i in numbers]),
        doses=_doses(plan, worlds) if arm == "vial" else None,
        rtol=RTOL,
        processes=processes,
        progress=progress,
    )
    shape = (len(worlds), patients, len(plan.times_days))
    tissue = {
        name: np.ascontiguousarray(runs.values[:, :, i]).reshape(shape)
        for i, name in enumerate(names)
    }
    world, patient = np.meshgrid(worlds, np.arange(patients), indexing="ij")
    record = pd.DataFrame(
        {
            "arm": arm,
            "world": world.ravel().astype(np.int32),
            "patient": patient.ravel().astype(np.int32),
            "status": [engine.STATUS[int(s)] for s in runs.status],
            "steps": runs.steps,
            "rejections": runs.rejections,
            "time_reached": runs.time_reached,
        }
    )
    return tissue, record


def _doses(plan: Plan, worlds: NDArray[np.int64]) -> pd.DataFrame:
    regimen = plan.scenario.regimen
    return dose_table(
        regimen, plan.model.routes[regimen.route], plan.doses, plan.soluble_pg, worlds
    )


def _outcomes(
    plan: Plan, arm: str, worlds: NDArray[np.int64], tissue: Mapping[str, Array]
) -> dict[str, Array]:
    """Everything a result holds for one arm, by plain name."""
    joint = f"{plan.joint}_"
    found = {name.removeprefix(joint): value for name, value in tissue.items()}
    values = {key: value[worlds] for key, value in plan.values.items()}
    reported = outcomes.simulate(
        plan.times_days,
        plan.patients,
        values,
        seed=plan.scenario.seed,
        injected=arm != "no injection",
        treatment_shift=effect.pain_shift(np.log(found["synovial_inflammation"]), values),
    )
    found["cartilage_volume"] = outcomes.measured_cartilage(
        plan.times_days, found["cartilage_volume"], values, seed=plan.scenario.seed
    )
    found["degraded_particles"] = found["degraded_particles"] + found.pop("digested_particles")
    found["rna_threshold_ratio"] = (
        found["rna_copies_per_cell"] / values["signal.rna_threshold"][..., None]
    )
    return {**reported, **found}


def _compared(plan: Plan, arm: str, worlds: NDArray[np.int64]) -> dict[str, Array]:
    """What a result holds for a comparator: pain and function; its tissue is not known."""
    values = {key: value[worlds] for key, value in plan.values.items()}
    reported = outcomes.simulate(
        plan.times_days,
        plan.patients,
        values,
        seed=plan.scenario.seed,
        injected=True,
        treatment_shift=comparators.pain_shift(plan.times_days, arm, values),
    )
    unknown = np.full_like(reported["pain_vas"], np.nan)
    return {name: reported.get(name, unknown) for name in _observables(plan)}


def _run_record(plan: Plan, arm: str, worlds: NDArray[np.int64]) -> pd.DataFrame:
    """Lines for runs that needed no integration."""
    import pandas as pd

    world, patient = np.meshgrid(worlds, np.arange(plan.scenario.patients), indexing="ij")
    return pd.DataFrame(
        {
            "arm": arm,
            "world": world.ravel().astype(np.int32),
            "patient": patient.ravel().astype(np.int32),
            "status": engine.STATUS[0],
            "steps": 0,
            "rejections": 0,
            "time_reached": plan.times_days[-1],
        }
    )


def _observables(plan: Plan) -> dict[str, dict[str, str]]:
    joint = f"{plan.joint}_"
    found = {
        name: {"unit": unit, "text": text, "better": better}
        for name, (unit, text, better) in MEASURED.items()
    }
    for name, o in plan.model.observables.items():
        found[name.removeprefix(joint)] = {"unit": o.unit, "text": o.text, "better": o.better}
    found.pop("digested_particles")
    for name in PERCENT:
        found[name]["unit"] = "percent"
    found["degraded_particles"]["text"] = "given vesicles digested by cells"
    found["cartilage_volume"]["text"] = "cartilage volume in percent of baseline, as scans show it"
    found["rna_threshold_ratio"] = {
        "unit": "1",
        "text": "delivered miRNA copies per cell over the repression threshold",
        "better": "none",
    }
    return found


def _write_draws(out: Path, plan: Plan) -> None:
    """What was drawn: a line a world, and a line a patient."""
    import pandas as pd

    scenario = plan.scenario
    drawn = [r for r in plan.rows if r.varies in WORLD_LEVELS]
    worlds = np.arange(scenario.worlds)
    centres = draw_at(
        drawn,
        seed=scenario.seed,
        world=worlds,
        patient=np.zeros_like(worlds),
        correlations=effect.correlations(plan.rows),
    )
    table = pd.DataFrame({"world": worlds.astype(np.int32), **centres})
    table["effect.translation"] = effect.translation(plan.values)[:, 0]
    table.to_parquet(out / "worlds.parquet", index=False)
    own = [r for r in plan.rows if r.varies in PATIENT_LEVELS and not r.id.endswith(".between")]
    people_table = pd.DataFrame(plan.patients.columns())
    for row in own:
        people_table[row.key] = plan.values[row.key][0]
    scores = correlated_scores(
        scenario.seed,
        [r.key for r in plan.rows if r.varies in PATIENT_LEVELS],
        effect.correlations(plan.rows),
        scenario.patients,
    )
    for row in plan.rows:
        if row.id.endswith(BETWEEN):
            people_table[row.key] = value_of(row, scores[row.key])
    people_table.to_parquet(out / "patients.parquet", index=False)


def _reached(out: Path, plan: Plan) -> dict[str, Any]:
    """Cargo per recipient cell by channel, against what it would need."""
    import duckdb

    files = str(out / "parts" / "*.parquet")
    peak = (
        duckdb.connect()
        .execute(
            "select world, patient, max(rna_copies_per_cell) as rna, "
            "max(opened_per_cell) as opened, max(surface_per_cell) as surface, "
            "max(half_surface) as half_surface, "
            "max(soluble_pg_per_ml) as soluble from read_parquet(?) where arm = ? "
            "group by world, patient order by world, patient",
            [files, "vial"],
        )
        .df()
    )
    return cargo.record(
        cargo.Peaks(
            rna=peak["rna"].to_numpy(),
            opened=peak["opened"].to_numpy(),
            surface=peak["surface"].to_numpy(),
            half_surface=peak["half_surface"].to_numpy(),
            soluble=peak["soluble"].to_numpy(),
        ),
        {key: value.ravel() for key, value in plan.values.items()},
        plan.doses.sum(axis=(0, 1)).ravel(),
    )


def _manifest(
    plan: Plan, parts: list[dict[str, Any]], stoichiometry: dict[str, Any]
) -> dict[str, Any]:
    scenario, vial = plan.scenario, plan.vial
    injections = scenario.regimen.injections
    prior = plan.effect_prior
    warnings = [
        {"code": w.code, "message": w.message, "where": w.where}
        for w in (*vial.warnings, *plan.needle.warnings)
    ]
    warnings += [
        {"code": "ENTRY", "message": text, "where": "patient"} for text in plan.patients.warnings
    ]
    warnings.append(
        {
            "code": "COVARIATE_UNUSED",
            "message": "age, sex, body mass index and Kellgren-Lawrence grade describe the people "
            "and change no outcome; baseline pain and synovitis do",
            "where": "patient",
        }
    )
    warnings += [
        {
            "code": "OUTSIDE_EVIDENCE",
            "message": f"trials of {arm} look until week {comparators.last_week(arm):g}; after it "
            "the effect fades as a guess has it",
            "where": "horizon",
        }
        for arm in scenario.comparators
        if scenario.horizon_days > 7 * comparators.last_week(arm)
    ]
    if told := contradiction(scenario):
        warnings.append(
            {"code": "CONDITION_CONTRADICTS_PATIENT", "message": told, "where": "condition"}
        )
    warnings += [
        {
            "code": "FILLED",
            "message": f"{name} was not measured for this vial; a population row stands in",
            "where": "vial",
        }
        for name in vial.filled
    ]
    return {
        "schema": SCHEMA,
        "kind": "forecast",
        "title": scenario.title,
        "scenario": scenario.model_dump(mode="json"),
        "prior": scenario.prior,
        "seed": scenario.seed,
        "worlds": scenario.worlds,
        "patients": scenario.patients,
        "arms": [
            {
                "name": arm,
                "text": ARM_TEXTS.get(arm, f"{arm}, as in its trials")
                + (_plan_text(scenario) if arm == "vial" else ""),
                "injections": 0 if arm == "no injection" else injections,
            }
            for arm in scenario.arms
        ],
        "control": "saline",
        "observables": _observables(plan),
        "versions": versions(),
        "hashes": {
            "model": hashlib.blake2b(plan.model.sbml.encode(), digest_size=16).hexdigest(),
            "rows": hashlib.blake2b(repr(plan.rows).encode(), digest_size=16).hexdigest(),
        },
        "parts": parts,
        "labels": _labels(plan),
        "warnings": warnings,
        "vial": vial_record(vial, plan.volume_ml),
        "needle": needle_record(vial, plan.needle, plan.values, plan.volume_ml, plan.doses),
        "effect_prior": {
            "p_zero": prior.p_zero,
            "p_smd_02": prior.p_smd_02,
            "p_smd_05": prior.p_smd_05,
            "text": prior.text,
            "rows": list(prior.rows),
        },
        "stoichiometry": stoichiometry,
        "thresholds": {
            level: {
                t.observable: {"value": t.value, "unit": t.unit, "row": t.row}
                for t in thresholds(level).values()
            }
            for level in ("person", "group")
        },
        "trials": _trial_records(vial, scenario),
        "placebo": {
            "fitted_to": sorted({arm.study_id for arm in arms_for("calibration")}),
            "tested_on": sorted({arm.study_id for arm in arms_for("prediction")}),
            "comparators": list(comparators.names()),
        },
        "comparators": [comparators.record(arm, COMPARED_WEEKS) for arm in scenario.comparators],
        "rows_file": "rows.csv",
        "status": "complete",
    }


def _labels(plan: Plan) -> list[str]:
    """What has to stand at the head of every section."""
    labels = [plan.vial.label] if plan.vial.label else []
    if plan.scenario.prior == "literature":
        labels.append(LITERATURE_LABEL)
    return labels


def _plan_text(scenario: Scenario) -> str:
    regimen, person = scenario.regimen, scenario.patient
    plan = f"{regimen.injections} x {regimen.dose}"
    if regimen.interval is not None and regimen.injections > 1:
        plan += f", {regimen.interval} apart"
    return (
        f" ({plan}; {person.sex}, {person.age}, Kellgren-Lawrence {person.kellgren_lawrence}, "
        f"pain {person.pain_vas})"
    )


def _trial_records(vial: Vial, scenario: Scenario) -> list[dict[str, Any]]:
    def record(trial: Trial, *, relation: str) -> dict[str, Any]:
        return {
            "study_id": trial.study_id,
            "design": trial.design,
            "n": trial.n,
            "product": trial.product_class,
            "result": trial.result,
            "same_product": False,
            "relation": relation,
            "direction": trial.direction,
            "source": trial.source,
        }

    use = (vial.product.kind, scenario.condition)
    same = [record(t, relation="same class") for t in trials_of(*use)]
    return [*same, *(record(t, relation="related") for t in related_trials(*use))]
