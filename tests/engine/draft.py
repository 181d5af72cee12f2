"""SBML written in few lines, with nothing left to defaults that the reader of a test must know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import libsbml

SIDE = re.compile(r"(?:([0-9.e-]+)\s+)?(\w+)(?:@(\w+))?$")  # "2 S", "S" or "2 S@its_own_id"


class Draft:
    """An SBML model in the making.

    Formulas are infix text of libSBML; an id that stands before a formula hides a symbol of the
    same name, so a parameter ``time`` may be used once it is declared.
    """

    def __init__(self, name: str, level: int = 3, version: int = 2) -> None:
        self.document = libsbml.SBMLDocument(level, version)
        self.level, self.version = level, version
        self.model = self.document.createModel()
        self.model.setId(name)

    def __str__(self) -> str:
        return str(libsbml.writeSBMLToString(self.document))

    def math(self, formula: str) -> Any:
        settings = libsbml.L3ParserSettings()
        settings.setModel(self.model)
        settings.setParseLog(libsbml.L3P_PARSE_LOG_AS_LOG10)
        settings.setParseUnits(self.level > 2)
        tree = libsbml.parseL3FormulaWithSettings(formula, settings)
        assert tree is not None, libsbml.getLastParseL3Error()
        return tree

    def compartment(
        self, name: str, size: float | None = 1.0, *, constant: bool = True, dims: int = 3
    ) -> None:
        made = self.model.createCompartment()
        made.setId(name)
        made.setConstant(constant)
        made.setSpatialDimensions(dims)
        if size is not None:
            made.setSize(size)

    def species(
        self,
        names: str,
        where: str = "c",
        *,
        amount: float | None = None,
        conc: float | None = None,
        only: bool = False,
        boundary: bool = False,
        constant: bool = False,
        factor: str = "",
    ) -> None:
        """Species of one kind; ``only`` means that their ids are amounts."""
        if self.model.getCompartment(where) is None:
            self.compartment(where)
        for name in names.split():
            made = self.model.createSpecies()
            made.setId(name)
            made.setCompartment(where)
            made.setHasOnlySubstanceUnits(only)
            made.setBoundaryCondition(boundary)
            made.setConstant(constant)
            if amount is not None:
                made.setInitialAmount(amount)
            if conc is not None:
                made.setInitialConcentration(conc)
            if factor:
                made.setConversionFactor(factor)

    def constants(self, /, **values: float | None) -> None:
        self._parameters(values, constant=True)

    def variables(self, /, **values: float | None) -> None:
        self._parameters(values, constant=False)

    def _parameters(self, values: Mapping[str, float | None], *, constant: bool) -> None:
        for name, value in values.items():
            made = self.model.createParameter()
            made.setId(name)
            made.setConstant(constant)
            if value is not None:
                made.setValue(value)

    def function(self, name: str, arguments: str, formula: str) -> None:
        made = self.model.createFunctionDefinition()
        made.setId(name)
        made.setMath(self.math(f"lambda({', '.join([*arguments.split(), formula])})"))

    def assign(self, name: str, formula: str) -> None:
        made = self.model.createAssignmentRule()
        made.setVariable(name)
        made.setMath(self.math(formula))

    def rate(self, name: str, formula: str) -> None:
        made = self.model.createRateRule()
        made.setVariable(name)
        made.setMath(self.math(formula))

    def algebraic(self, formula: str) -> None:
        self.model.createAlgebraicRule().setMath(self.math(formula))

    def initial(self, name: str, formula: str) -> None:
        made = self.model.createInitialAssignment()
        made.setSymbol(name)
        made.setMath(self.math(formula))

    def reaction(
        self,
        name: str,
        sides: str,
        law: str | None = None,
        *,
        local: Mapping[str, float] | None = None,
        reversible: bool = False,
        fast: bool = False,
        stoichiometry: Mapping[str, str] | None = None,
    ) -> Any:
        """A reaction ``2 A + B@id -> C``; species only read by the law become modifiers.

        A species reference with an id may change; ``stoichiometry`` gives formulas by species
        (level 2).
        """
        made = self.model.createReaction()
        made.setId(name)
        made.setReversible(reversible)
        if (self.level, self.version) < (3, 2):
            made.setFast(fast)
        for text, create in zip(
            sides.split("->"), (made.createReactant, made.createProduct), strict=True
        ):
            for part in filter(None, map(str.strip, text.split("+"))):
                self._side(create(), part, stoichiometry or {})
        if law is None:
            return made
        kinetic = made.createKineticLaw()
        for key, value in (local or {}).items():
            parameter = (
                kinetic.createLocalParameter() if self.level > 2 else kinetic.createParameter()
            )
            parameter.setId(key)
            parameter.setValue(value)
        kinetic.setMath(self.math(law))
        listed = {r.getSpecies() for r in [*made.getListOfReactants(), *made.getListOfProducts()]}
        for word in dict.fromkeys(re.findall(r"\w+", law)):
            if self.model.getSpecies(word) and word not in listed and word not in (local or {}):
                made.createModifier().setSpecies(word)
        return made

    def _side(self, reference: Any, part: str, formulas: Mapping[str, str]) -> None:
        found = SIDE.match(part)
        assert found, part
        number, species, own = found.groups()
        reference.setSpecies(species)
        if species in formulas:
            reference.createStoichiometryMath().setMath(self.math(formulas[species]))
        else:
            reference.setStoichiometry(float(number or 1))
        if own:
            reference.setId(own)
        if self.level > 2:
            reference.setConstant(own is None)

    def event(
        self,
        name: str,
        trigger: str,
        changes: Mapping[str, str],
        *,
        delay: str = "",
        priority: str = "",
        initial: bool = True,
        persistent: bool = True,
        late: bool = False,
    ) -> None:
        """An event; ``late`` computes the changes when they happen, not when triggered."""
        made = self.model.createEvent()
        made.setId(name)
        made.setUseValuesFromTriggerTime(not late)
        made.createTrigger().setMath(self.math(trigger))
        if self.level > 2:
            made.getTrigger().setInitialValue(initial)
            made.getTrigger().setPersistent(persistent)
        if delay:
            made.createDelay().setMath(self.math(delay))
        if priority:
            made.createPriority().setMath(self.math(priority))
        for target, formula in changes.items():
            change = made.createEventAssignment()
            change.setVariable(target)
            change.setMath(self.math(formula))
