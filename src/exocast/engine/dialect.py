"""A model put so that libRoadRunner computes what SBML means.

Three things go wrong in silence otherwise. CVODE steps over a jump of the right side, and then
follows the old branch (its finite-difference Jacobian across the jump is huge, so that Newton's
method accepts whatever was predicted). It steps over a trigger that holds for a moment only. And
an id called ``time`` is read as the time. Models without any of them stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from exocast.errors import UnsupportedModel

# What jumps where its arguments cross something. Equality does not: it holds at no interval.
JUMPS = re.compile(r"<(gt|lt|geq|leq|floor|ceiling|quotient|rem)\b")
TIME = "time"


def for_libroadrunner(sbml: str, own_time: str) -> str:
    """Model text for libRoadRunner; ``own_time`` takes the place of an id called ``time``.

    Raises
    ------
    UnsupportedModel
        For the rate rule of a concentration in a compartment under an assignment rule, where
        libRoadRunner leaves out how the compartment changes.
    """
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    _refuse_rates_in_computed_compartments(model)
    changed = [_without_time(document, own_time)]
    if JUMPS.search(sbml) and document.getLevel() > 1:
        changed.append(_watch_jumps(document))
    return str(libsbml.writeSBMLToString(document)) if any(changed) else sbml


def _refuse_rates_in_computed_compartments(model: Any) -> None:
    for rule in model.getListOfRules():
        species = model.getSpecies(rule.getVariable()) if rule.isRate() else None
        if species is None or species.getHasOnlySubstanceUnits():
            continue
        if model.getAssignmentRuleByVariable(species.getCompartment()) is not None:
            raise UnsupportedModel(
                f"the rate rule of the concentration '{species.getId()}' in the compartment "
                f"'{species.getCompartment()}', which an assignment rule computes, is not "
                "supported by libRoadRunner; give the compartment a rate rule.",
                where=f"rule for {species.getId()}",
            )


def _without_time(document: Any, own_time: str) -> bool:
    element = document.getModel().getElementBySId(TIME)
    if element is None:
        return False
    for other in document.getListOfAllElements():
        other.renameSIdRefs(TIME, own_time)
    element.setId(own_time)
    return True


def _watch_jumps(document: Any) -> bool:
    """Adds an event that does nothing at each jump: the solver stops there and starts anew."""
    import libsbml

    for option in ("expandFunctionDefinitions", "promoteLocalParameters"):
        properties = libsbml.ConversionProperties()
        properties.addOption(option, True)
        if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
            return False
    model = document.getModel()
    found: dict[str, Any] = {}
    for math, is_trigger in _maths(model):
        for node in _jumps_in(math):
            if not (is_trigger and node is math):
                found.setdefault(libsbml.formulaToL3String(node), _condition(node))
    for i, condition in enumerate(found.values()):
        _add_idle_event(model, i, condition)
    return bool(found)


def _maths(model: Any) -> Iterator[tuple[Any, bool]]:
    """Mathematics that moves states, and whether it is a trigger, which is watched as a whole."""
    places = [*model.getListOfRules()]
    for reaction in model.getListOfReactions():
        places.append(reaction.getKineticLaw())
        sides = [*reaction.getListOfReactants(), *reaction.getListOfProducts()]
        places += [side.getStoichiometryMath() for side in sides]
    triggers = [event.getTrigger() for event in model.getListOfEvents()]
    for place in (*places, *triggers):
        if place is not None and place.getMath() is not None:
            yield place.getMath(), place in triggers


def _jumps_in(node: Any) -> Iterator[Any]:
    import libsbml

    if node.getType() in {
        libsbml.AST_RELATIONAL_GT,
        libsbml.AST_RELATIONAL_LT,
        libsbml.AST_RELATIONAL_GEQ,
        libsbml.AST_RELATIONAL_LEQ,
        libsbml.AST_FUNCTION_FLOOR,
        libsbml.AST_FUNCTION_CEILING,
        libsbml.AST_FUNCTION_QUOTIENT,
        libsbml.AST_FUNCTION_REM,
    }:
        yield node
    for i in range(node.getNumChildren()):
        yield from _jumps_in(node.getChild(i))


def _condition(node: Any) -> Any:
    """A truth that changes where the node jumps."""
    import libsbml

    if node.isRelational():
        return node.deepCopy()
    # Whole numbers change their parity from one to the next.
    whole = "floor(a/b)" if node.getType() == libsbml.AST_FUNCTION_REM else "whole"
    condition = libsbml.parseL3Formula(f"cos(pi*{whole}) > 0")
    if node.getType() == libsbml.AST_FUNCTION_REM:
        condition.replaceArgument("a", node.getChild(0))
        condition.replaceArgument("b", node.getChild(1))
    else:
        condition.replaceArgument("whole", node)
    return condition


def _add_idle_event(model: Any, number: int, condition: Any) -> None:
    name = f"jump_{number}"
    while model.getElementBySId(name) is not None:
        name += "_"
    event = model.createEvent()
    event.setId(name)
    event.setUseValuesFromTriggerTime(True)
    trigger = event.createTrigger()
    trigger.setInitialValue(True)
    trigger.setPersistent(False)
    trigger.setMath(condition)
