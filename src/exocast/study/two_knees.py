"""Copies of a blinded trial in which each person's two knees are the two arms.

Each copy happens in a world of its own, with people of its own: two joints behind one
circulation, vesicles in one, saline in the other. What leaks from one knee reaches the other one
only through blood, and people's response to being treated is shared between their knees in part.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exocast import engine
from exocast.evidence.chance import draw_at, uniform_scores
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import Row, package_table
from exocast.patient import effect, outcomes, population
from exocast.patient.forecast import (
    RTOL,
    model_rows,
    synovitis,
    varied_numbers,
)
from exocast.patient.given import CLASSES, PG_PER_UG
from exocast.vial import Vial, VialDescription, class_fractions, load_vial, particles_per_ug

Array = NDArray[np.float64]
DAYS_PER_WEEK = 7.0
TREATED, CONTROL = "left", "right"
FACTS = ("study", "two_knees")


def pain_differences(
    *,
    copies: int,
    prior: str = "default",
    inert: bool = False,
    seed: int = 1,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Array:
    """Change of pain in the treated knee minus that in the other, at the trial's last visit.

    Parameters
    ----------
    copies
        How many times the trial is repeated, each in a world of its own.
    prior
        ``default`` or ``literature``.
    inert
        Vesicles that do nothing in people, on the same draws.
    seed
        One seed a study.
    processes, progress
        As in :meth:`exocast.engine.Model.run`.

    Returns
    -------
    Differences on the 0-100 mm scale, ``(copies, pairs)``; minus where the treated knee gains
    more. For :func:`exocast.study.trial.paired_trial`.

    References
    ----------
    Rows of ``study/two_knees.csv``.
    """
    facts = package_table(*FACTS)
    pairs = int(facts["pairs"].value)
    people = copies * pairs
    copy = np.repeat(np.arange(copies), pairs)
    model = engine.assemble("knees", condition="knee_oa", prior=prior)
    vial = load_vial(VialDescription(contents="vesicles"), Path())
    rows = (*model_rows(model, prior), *vial.rows)
    flat = draw_at(
        rows,
        seed=seed,
        world=copy,
        patient=np.arange(people),
        correlations=package_correlations(),
    )
    values = {key: value[None, :] for key, value in flat.items()}
    if inert:
        values[effect.WEIGHT] = np.zeros_like(values[effect.WEIGHT])
    persons = {
        knee: population.draw_patients(
            {
                "age_years": facts["age"].value,
                "bmi_kg_m2": facts["bmi"].value,
                "sex": "female",
                "kellgren_lawrence": 3,
                "pain_vas_mm": facts["entry.mean"].value,
                "synovitis": "moderate",
            },
            people,
            seed,
            population.Entry(
                threshold=facts["entry.threshold"].value,
                mean=facts["entry.mean"].value,
                sd=facts["entry.sd"].value,
            ),
            knee=knee,
        )
        for knee in (TREATED, CONTROL)
    }
    values |= synovitis(values, persons[TREATED])
    low, high = facts["dose"].spread
    dose = (low * (high / low) ** uniform_scores(seed, facts["dose"].key, copies))[copy]
    visit = facts["weeks"].value * DAYS_PER_WEEK
    inflammation = _inflammation(model, rows, values, vial, dose, visit, processes, progress)
    times = np.array([0.0, visit])
    change = {}
    for at, knee in enumerate((TREATED, CONTROL)):
        ln_ratio = np.zeros((1, people, 2))
        ln_ratio[0, :, 1] = np.log(inflammation[:, at])
        pain = outcomes.simulate(
            times,
            persons[knee],
            values,
            seed=seed,
            injected=True,
            treatment_shift=effect.pain_shift(ln_ratio, values),
            knee=knee,
        )["pain_vas"]
        change[knee] = pain[0, :, 1] - pain[0, :, 0]
    return np.asarray((change[TREATED] - change[CONTROL]).reshape(copies, pairs))


def _inflammation(
    model: engine.AssembledModel,
    rows: tuple[Row, ...],
    values: dict[str, Array],
    vial: Vial,
    dose: Array,
    visit: float,
    processes: int | None,
    progress: Callable[[int, int], None] | None,
) -> Array:
    """Synovial inflammation of both knees at the visit over its baseline, ``(people, 2)``."""
    import pandas as pd

    numbers = varied_numbers(model, rows, values, model.joints, vial=vial)
    compiled = engine.compile(
        model.sbml,
        varied=tuple(numbers),
        observe=tuple(f"{knee}_synovial_inflammation" for knee in (TREATED, CONTROL)),
    )
    route = model.routes[f"intra-articular {TREATED}"]
    shares = class_fractions(values["vial.size_median"], values["vial.size_log_sd"], vial.floor_nm)[
        0
    ]
    amounts = {route[name]: dose * shares[:, i] for i, name in enumerate(CLASSES)}
    protein_pg = dose / particles_per_ug(vial, values)[0] * PG_PER_UG
    amounts[route["soluble"]] = protein_pg * values["soluble.coisolated_share"][0]
    doses = pd.concat(
        [
            pd.DataFrame(
                {"run": np.arange(len(dose)), "time": 0.0, "amount": amount, "target": target}
            )
            for target, amount in amounts.items()
        ],
        ignore_index=True,
    )
    runs = compiled.run(
        np.array([visit]),
        varied=np.column_stack([numbers[i].ravel() for i in numbers]),
        doses=doses.sort_values(["run", "target"], ignore_index=True),
        rtol=RTOL,
        processes=processes,
        progress=progress,
    )
    return np.asarray(runs.values[:, 0, :])
