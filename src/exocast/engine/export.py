"""A model as a complete SBML file that other solvers read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exocast.engine.assembler import AssembledModel, consistency
from exocast.engine.model import dose_events
from exocast.engine.sbml import describe, text_of
from exocast.errors import (
    CheckFailed,
    InvalidInput,
    NotFound,
    UnknownName,
    UnsupportedModel,
    nearest,
)

if TYPE_CHECKING:
    import pandas as pd


def export_sbml(
    model: AssembledModel | str | Path,
    path: str | Path,
    *,
    values: Mapping[str, float] | None = None,
    doses: pd.DataFrame | None = None,
) -> Path:
    """Writes a model as one SBML Level 3 Version 2 file, whole or not at all.

    Parameters
    ----------
    model
        An assembled model, or path or text of an SBML model.
    path
        File to write; its folder must exist.
    values
        Numbers of one run by id, in the model's units: parameters, compartments, and the start of
        states.
    doses
        Dose table of one run, as for ``Model.run``; written as events, those at time 0 as
        additions to the initial amount.

    Raises
    ------
    UnknownName, UnsupportedModel, DoseError
        For a name that the model does not have, or that cannot be set or dosed.
    NotFound
        When there is no such folder.
    CheckFailed
        When an assembled model would be written that libSBML has something to say about.
    """
    import libsbml

    ours = isinstance(model, AssembledModel)
    text = model.sbml if isinstance(model, AssembledModel) else text_of(model)
    target = Path(path)
    if not target.parent.is_dir():
        raise NotFound("There is no such folder to write into.", where=str(target.parent))
    document = libsbml.readSBMLFromString(text)  # kept alive: libSBML lends pointers into it
    content = document.getModel()
    _set_values(content, values or {}, text)
    for time, name, amount in dose_events(doses, describe(text)):
        _add_dose(content, time, name, amount)
    written = libsbml.writeSBMLToString(document)
    found = consistency(written) if ours else ()
    if found:
        raise CheckFailed("\n".join(message for _, message in found), where=str(target))
    _replace(target, written)
    return target


def _set_values(model: Any, values: Mapping[str, float], text: str) -> None:
    description = describe(text)
    for name, value in values.items():
        if name not in description.names:
            raise UnknownName(
                f"the model has nothing called '{name}'." + nearest(name, description.variable),
                where="values",
            )
        if name not in description.variable:
            raise UnsupportedModel(f"'{name}' is computed and cannot be set.", where="values")
        number = float(value)
        if model.getParameter(name) is not None:
            model.getParameter(name).setValue(number)
        elif model.getCompartment(name) is not None:
            model.getCompartment(name).setSize(number)
        elif description.species[name]:
            model.getSpecies(name).setInitialAmount(number)
        else:
            model.getSpecies(name).setInitialConcentration(number)


def _add_dose(model: Any, time: float, name: str, amount: float) -> None:
    import libsbml

    species = model.getSpecies(name)
    started = model.getInitialAssignmentBySymbol(name) is not None
    if time == 0 and species.isSetInitialAmount() and not started:
        species.setInitialAmount(species.getInitialAmount() + amount)
        return
    if not species.getHasOnlySubstanceUnits():
        raise UnsupportedModel(
            f"doses into '{name}' cannot be written: its id means a concentration.", where="doses"
        )
    event = model.createEvent()
    event.setId(f"dose_{model.getNumEvents()}")
    event.setUseValuesFromTriggerTime(False)
    trigger = event.createTrigger()
    trigger.setInitialValue(False)
    trigger.setPersistent(True)
    trigger.setMath(libsbml.parseL3Formula(f"time >= {time!r}"))
    _give_units(trigger.getMath(), model.getTimeUnits())
    assignment = event.createEventAssignment()
    assignment.setVariable(name)
    assignment.setMath(libsbml.parseL3Formula(f"{name} + {amount!r}"))
    _give_units(assignment.getMath(), species.getSubstanceUnits() or model.getSubstanceUnits())


def _give_units(math: Any, unit: str) -> None:
    if math.isNumber() and unit:
        math.setUnits(unit)
    for i in range(math.getNumChildren()):
        _give_units(math.getChild(i), unit)


def _replace(target: Path, text: str) -> None:
    """Write beside the target and rename: whole or not at all."""
    if target.is_dir():
        raise InvalidInput("this is a folder; name the file to write in it.", where=str(target))
    temporary = target.with_name(f".{target.name}.partial")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise InvalidInput(
            f"the file could not be written: {e.strerror or e}. Check the path, its permissions "
            "and the disk.",
            where=str(target),
        ) from e
