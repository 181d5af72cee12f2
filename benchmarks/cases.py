"""Models and patients of the benchmark.

Every case is given in two forms that mean the same: a model without doses beside a dose table
(for ours, scipy and diffrax), and a model that holds the doses as events at fixed times whose
amounts are parameters (for those who simulate SBML).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from exocast.engine import AssembledModel

Array = NDArray[np.float64]
HERE = Path(__file__).parent
SEED = 20240617
# Public models: what the first varied parameters are, by how much, until when (in the file's unit).
PUBLIC = {
    "BIOMD0000000230": 20_000.0,
    "BIOMD0000000151": 3_600.0,
    "BIOMD0000000504": 1_000_000.0,
}
LARGEST = 4096


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model with its patients.

    Attributes
    ----------
    plain
        SBML without doses.
    full
        SBML with the doses as events; the same as ``plain`` where there are none.
    varied, numbers
        Varied ids, (n_patients, n_varied).
    amounts, given
        Ids of the dose amounts in ``full``, (n_patients, n_amounts).
    doses
        Time, target and column of ``given``.
    resolved
        Peers' absolute tolerance, as a share of the relative one and of a state's scale.
    """

    name: str
    plain: str
    full: str
    varied: tuple[str, ...]
    numbers: Array
    observe: tuple[str, ...]
    times: Array
    amounts: tuple[str, ...] = ()
    given: Array | None = None
    doses: tuple[tuple[float, str, int], ...] = ()
    resolved: float = 1e-6

    def full_numbers(self) -> tuple[tuple[str, ...], Array]:
        """Varied ids and numbers of ``full``."""
        if self.given is None:
            return self.varied, self.numbers
        return self.varied + self.amounts, np.column_stack([self.numbers, self.given])

    def head(self, count: int) -> Case:
        """The first patients only."""
        given = None if self.given is None else self.given[:count]
        return replace(self, numbers=self.numbers[:count], given=given)


def case_of(name: str, count: int = LARGEST) -> Case:
    """A case by name; FileNotFoundError for a public model that is not there."""
    if name == "yardstick":
        return yardstick(count)
    if name == "knee":
        return knee(count)
    return public(name, count)


def factors(sigmas: Array, count: int) -> Array:
    """Log-normal factors, (count, n_varied); the first patients are the same for any count."""
    draws = np.random.default_rng(SEED).standard_normal((count, len(sigmas)))
    return np.asarray(np.exp(draws * sigmas))


def yardstick(count: int) -> Case:
    """The model of ENGINE.md: 87 states, 4 doses, a year, 53 outputs of 14 observables."""
    import libsbml

    text = (HERE / "yardstick" / "model.xml").read_text(encoding="utf-8")
    how = json.loads((HERE / "yardstick" / "varied.json").read_text(encoding="utf-8"))
    document = libsbml.readSBMLFromString(text)
    model = document.getModel()
    varied = tuple(how["vary_sigma"])
    base = np.array([model.getParameter(name).getValue() for name in varied])
    numbers = base * factors(np.array(list(how["vary_sigma"].values())), count)
    columns: list[Array] = []
    names: list[str] = []
    doses: list[tuple[float, str, int]] = []
    for time in how["doses_days"]:
        for size in how["sizes"]:
            share = model.getParameter(f"ff_{size}").getValue()
            for state, amount in ((f"Pl_{size}", "dose_iv"), (f"Dep_{size}", "dose_ia")):
                if amount in varied:
                    each = numbers[:, varied.index(amount)] * share
                else:
                    each = np.full(count, model.getParameter(amount).getValue() * share)
                if each.any():
                    doses.append((float(time), state, len(columns)))
                    columns.append(each)
                    names.append(f"bench_dose_{len(names)}")
    while model.getNumEvents():
        model.removeEvent(0)
    plain = libsbml.writeSBMLToString(document)
    return Case(
        name="yardstick",
        plain=plain,
        full=with_doses(plain, names, doses),
        varied=varied,
        numbers=numbers,
        observe=tuple(how["observables"]),
        # In one scan of 1e-6 to 1e-2 (16 patients, these ones) libRoadRunner and AMICI were up to
        # 40 % quicker here than at 1e-6, with errors up to 1.7 times as large. The other cases
        # need 1e-6: at 1e-4 errors of libRoadRunner grow by an order of magnitude.
        resolved=1e-3,
        times=np.arange(0.0, how["horizon"], 7.0),
        amounts=tuple(names),
        given=np.column_stack(columns),
        doses=tuple(doses),
    )


def knee(count: int) -> Case:
    """Our knee: a year after three injections a month apart, what patients differ in varied."""
    from exocast import engine

    model = engine.assemble("knee")
    values = _values_of(model)
    varied = tuple(values)[:: max(len(values) // 20, 1)][:20]
    base = np.array([values[name] for name in varied])
    targets = model.routes[min(model.routes)]
    amounts = {"small": 3e9, "medium": 1e10, "large": 1e9}
    doses, columns, names = [], [], []
    for time in (0.5, 30.0, 60.0):
        for size, amount in amounts.items():
            doses.append((time, targets[size], len(columns)))
            columns.append(amount * factors(np.array([0.4]), count)[:, 0])
            names.append(f"bench_dose_{len(names)}")
    return Case(
        name="knee",
        plain=model.sbml,
        full=with_doses(model.sbml, names, doses),
        varied=varied,
        numbers=base * factors(np.full(len(varied), 0.2), count),
        observe=tuple(model.observables),
        times=np.arange(0.0, 365.0, 7.0),
        amounts=tuple(names),
        given=np.column_stack(columns),
        doses=tuple(doses),
    )


def _values_of(model: AssembledModel) -> dict[str, float]:
    """Constants above zero of an assembled model whose value is a row's."""
    import libsbml

    document = libsbml.readSBMLFromString(model.sbml)
    inside = document.getModel()
    found = {}
    for name in model.origins:
        parameter = inside.getParameter(name)
        given = parameter is not None and parameter.getConstant()
        if given and parameter.getValue() > 0 and inside.getInitialAssignment(name) is None:
            found[name] = float(parameter.getValue())
    return found


def reference_folder() -> Path:
    """Folder of the public models."""
    root = Path(os.environ.get("EXOCAST_REFERENCE", "../shared"))
    return root if (root / "BIOMD0000000504.xml").exists() else root / "literature" / "sbml"


def public(name: str, count: int) -> Case:
    """A public model; its first twenty constants above zero vary by 20 %."""
    import libsbml

    text = (reference_folder() / f"{name}.xml").read_text(encoding="utf-8")
    document = libsbml.readSBMLFromString(text)
    model = document.getModel()
    ruled = {model.getRule(i).getVariable() for i in range(model.getNumRules())}
    ruled |= {a.getSymbol() for a in model.getListOfInitialAssignments()}
    values = {
        p.getId(): p.getValue()
        for p in model.getListOfParameters()
        if p.getValue() > 0 and p.getId() not in ruled
    }
    if not values:  # constants of the reactions themselves cannot vary: starts do
        values = {
            s.getId(): s.getInitialAmount()
            if s.isSetInitialAmount()
            else s.getInitialConcentration()
            for s in model.getListOfSpecies()
            if not s.getBoundaryCondition()
        }
        values = {key: value for key, value in values.items() if value > 0}
    varied = tuple(values)[:20]
    base = np.array([values[key] for key in varied])
    species = [s.getId() for s in model.getListOfSpecies() if not s.getBoundaryCondition()]
    return Case(
        name=name,
        plain=text,
        full=text,
        varied=varied,
        numbers=base * factors(np.full(len(varied), 0.2), count),
        observe=tuple(species[:: max(len(species) // 12, 1)][:12]),
        times=np.linspace(0.0, PUBLIC[name], 53),
    )


def with_doses(plain: str, names: list[str], doses: list[tuple[float, str, int]]) -> str:
    """A model with doses as events; each amount a parameter of its own."""
    import libsbml

    document = libsbml.readSBMLFromString(plain)
    model = document.getModel()
    for name in names:
        parameter = model.createParameter()
        parameter.setId(name)
        parameter.setConstant(True)
        parameter.setValue(0.0)
        parameter.setUnits("dimensionless")
    for time in sorted({time for time, _, _ in doses}):
        event = model.createEvent()
        event.setId(f"bench_event_{str(time).replace('.', '_')}")
        event.setUseValuesFromTriggerTime(True)
        trigger = event.createTrigger()
        trigger.setInitialValue(True)
        trigger.setPersistent(True)
        trigger.setMath(libsbml.parseL3Formula(f"time >= {time}"))
        for at, target, column in doses:
            if at == time:
                assignment = event.createEventAssignment()
                assignment.setVariable(target)
                assignment.setMath(libsbml.parseL3Formula(f"{target} + {names[column]}"))
    return str(libsbml.writeSBMLToString(document))
