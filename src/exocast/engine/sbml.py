"""What the engine needs to know of an SBML model before it runs it, and what it refuses."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exocast.engine.batch.mathml import MATHML, SYMBOLS
from exocast.engine.batch.read import Document, document_of
from exocast.errors import InvalidInput, NotFound, UnsupportedModel

NAMESPACE = "urn:exocast:engine:1"
UNIT_THAT_IS_NOWHERE = 10313  # libSBML's error that we let pass: units change no number


@dataclass(frozen=True, kw_only=True, eq=False)
class Description:
    """Names of a model by what they are.

    Attributes
    ----------
    species
        For every species, whether its id means an amount (else a concentration).
    moving
        Whatever has a rate: floating species and everything under a rate rule.
    computed
        Whatever an assignment rule computes.
    started
        Whatever an initial assignment starts.
    never_negative
        States that must not be negative; none unless the model says so.
    concentrations
        Initial concentrations of species that start from one.
    constant
        Parameters that never change: they alone may be infinite or undefined.
    units
        Unit of every species and parameter, as the model names it; may be empty.
    """

    species: Mapping[str, bool]
    parameters: frozenset[str]
    compartments: frozenset[str]
    reactions: frozenset[str]
    moving: frozenset[str]
    computed: frozenset[str]
    started: frozenset[str]
    never_negative: tuple[str, ...]
    concentrations: Mapping[str, float]
    constant: frozenset[str]
    units: Mapping[str, str]

    @property
    def names(self) -> frozenset[str]:
        """Everything with a value over time."""
        return frozenset(self.species) | self.parameters | self.compartments | self.reactions

    @property
    def variable(self) -> frozenset[str]:
        """Everything that a run may be given a value of its own for."""
        everything = frozenset(self.species) | self.parameters | self.compartments
        return everything - self.computed - self.started

    @property
    def targets(self) -> frozenset[str]:
        """Species that may be dosed."""
        return frozenset(self.species) & self.moving - self.computed

    @property
    def own_time(self) -> str:
        """What a thing called ``time`` is called in libRoadRunner, where that is the time."""
        known = self.names
        return next(name for i in itertools.count(1) if (name := "time" + i * "_") not in known)

    def alias(self, name: str) -> str:
        """Id in libRoadRunner."""
        return self.own_time if name == "time" else name

    def selection(self, name: str) -> str:
        """What libRoadRunner calls the value that SBML means by a name."""
        alias = self.alias(name)
        return f"[{alias}]" if self.species.get(name) is False else alias

    def initial(self, name: str) -> str:
        """What libRoadRunner calls the value at the start."""
        return f"init({self.selection(name)})"

    def unit(self, name: str) -> str:
        """Unit of a species or parameter, as the model names it."""
        return self.units.get(name, "")


def text_of(sbml: str | Path) -> str:
    """Model text from a path or a text.

    Raises
    ------
    NotFound
        When a path is given and there is no such file.
    """
    if isinstance(sbml, str) and sbml.lstrip().startswith("<"):
        return sbml
    from exocast.documents import utf8_text  # here: it brings what reads scenario files

    try:
        found = Path(sbml).is_file()
    except (OSError, ValueError):  # a text too long for a path, or with a zero byte
        found = False
    path = Path(sbml)
    if not found:
        raise NotFound("There is no such SBML file.", where=str(sbml)[:200])
    return utf8_text(path)


def description_of(document: Document) -> Description:
    """Names of a model that the batched engine has read."""
    computed = frozenset(document.assigned)
    floating = {n for n, s in document.species.items() if not s.boundary and not s.constant}
    moving = frozenset(floating | set(document.rated)) - computed
    started = frozenset(document.started)
    units = {s.id: s.unit for s in document.species.values()}
    units |= {p.id: p.unit for p in document.parameters.values()}
    free = document.free
    return Description(
        species={name: document.means_amount(s) for name, s in document.species.items()},
        parameters=frozenset(document.parameters),
        compartments=frozenset(document.compartments),
        reactions=frozenset(document.reactions),
        moving=moving,
        computed=computed,
        started=started,
        concentrations={
            name: s.concentration
            for name, s in document.species.items()
            if s.concentration is not None and name not in started | computed
        },
        constant=frozenset(p.id for p in document.parameters.values() if p.constant),
        never_negative=() if free is None else tuple(sorted(moving - free)),
        units=units,
    )


@functools.lru_cache(maxsize=32)
def describe(sbml: str) -> Description:
    """Names of a model.

    Our own reader comes first, so that a model is the same model on both paths: libSBML, which
    reads what ours does not take, calls more texts invalid than libRoadRunner runs. It may crash on
    a hostile text; :meth:`exocast.engine.pool.Pool.describe` asks it in a process of its own.

    Raises
    ------
    InvalidInput
        When the text is no readable SBML model.
    UnsupportedModel
        For algebraic rules, delays and fast reactions, naming construct and element.
    """
    try:
        document = document_of(sbml)
    except UnsupportedModel:
        return _as_libsbml_reads(sbml)
    refuse_delays(document)
    return description_of(document)


def refuse_delays(document: Document) -> None:
    """Refuses the delay symbol, which neither path takes.

    Raises
    ------
    UnsupportedModel
        Naming where it stands.
    """
    for where, math in document.mathematics():
        for symbol in math.iter(f"{MATHML}csymbol"):
            if symbol.get("definitionURL", "").strip() == f"{SYMBOLS}delay":
                raise UnsupportedModel(
                    "the delay symbol is not supported; write the delay as a chain of "
                    "compartments.",
                    where=where,
                )


def _as_libsbml_reads(sbml: str) -> Description:
    import libsbml

    document = libsbml.readSBMLFromString(sbml)  # kept alive: libSBML lends pointers into it
    _check_errors(document, "readable")
    model = document.getModel()
    if model is None:
        raise InvalidInput("there is no model in this SBML text.")
    _refuse(document, model)
    for category in (
        libsbml.LIBSBML_CAT_UNITS_CONSISTENCY,
        libsbml.LIBSBML_CAT_MODELING_PRACTICE,
        libsbml.LIBSBML_CAT_SBO_CONSISTENCY,
    ):
        document.setConsistencyChecks(category, False)
    document.checkConsistency()  # symbols and functions that are nowhere, circles, double rules
    _check_errors(document, "valid")
    rules = [model.getRule(i) for i in range(model.getNumRules())]
    computed = frozenset(rule.getVariable() for rule in rules if rule.isAssignment())
    rated = frozenset(rule.getVariable() for rule in rules if rule.isRate())
    species = list(model.getListOfSpecies())
    parameters = list(model.getListOfParameters())
    floating = frozenset(
        s.getId() for s in species if not s.getBoundaryCondition() and not s.getConstant()
    )
    moving = (floating | rated) - computed
    started = frozenset(i.getSymbol() for i in model.getListOfInitialAssignments())
    units = {s.getId(): s.getSubstanceUnits() for s in species}
    units |= {p.getId(): p.getUnits() for p in parameters}
    return Description(
        species={s.getId(): bool(s.getHasOnlySubstanceUnits()) for s in species},
        parameters=frozenset(p.getId() for p in parameters),
        compartments=frozenset(c.getId() for c in model.getListOfCompartments()),
        reactions=frozenset(r.getId() for r in model.getListOfReactions()),
        moving=moving,
        computed=computed,
        started=started,
        concentrations={
            s.getId(): s.getInitialConcentration()
            for s in species
            if s.isSetInitialConcentration() and s.getId() not in started | computed
        },
        constant=frozenset(p.getId() for p in parameters if p.getConstant()),
        never_negative=_never_negative(model, moving),
        units=units,
    )


def _never_negative(model: Any, moving: frozenset[str]) -> tuple[str, ...]:
    annotation = model.getAnnotation()
    if annotation is None:
        return ()
    for i in range(annotation.getNumChildren()):
        child = annotation.getChild(i)
        if child.getURI() == NAMESPACE and child.getName() == "states":
            free = set(child.getAttrValue("may_be_negative").split())
            return tuple(sorted(moving - free))
    return ()


def _check_errors(document: Any, quality: str) -> None:

    log = document.getErrorLog()
    errors = [log.getError(i) for i in range(log.getNumErrors())]
    severe = [e for e in errors if e.isError() or e.isFatal()]
    for error in sorted(severe, key=lambda e: not e.isFatal()):
        if error.getErrorId() != UNIT_THAT_IS_NOWHERE:
            text = " ".join(error.getMessage().split())
            raise InvalidInput(
                f"this is not a {quality} SBML model: {text}", where=f"line {error.getLine()}"
            )


def _refuse(document: Any, model: Any) -> None:
    import libsbml

    for package in _required_packages(document):
        raise UnsupportedModel(
            f"the package '{package}', which the model says it requires, is not supported; "
            "write the model in SBML core.",
            where="sbml",
        )
    for i in range(model.getNumRules()):
        if model.getRule(i).isAlgebraic():
            formula = libsbml.formulaToL3String(model.getRule(i).getMath())
            raise UnsupportedModel(
                f"the algebraic rule '0 = {formula}' is not supported; solve it for a variable "
                "and write an assignment rule.",
                where=f"algebraic rule {i + 1}",
            )
    for reaction in model.getListOfReactions():
        if reaction.isSetFast() and reaction.getFast():
            raise UnsupportedModel(
                f"the fast reaction '{reaction.getId()}' is not supported; give it a large rate "
                "constant, or replace it by its equilibrium.",
                where=f"reaction {reaction.getId()}",
            )
    for where, math in _maths(model):
        if _has_delay(math):
            raise UnsupportedModel(
                f"the delay symbol in '{libsbml.formulaToL3String(math)}' is not supported; "
                "write the delay as a chain of compartments.",
                where=where,
            )


def _required_packages(document: Any) -> list[str]:
    if document.getLevel() < 3:
        return []  # no packages yet; libSBML calls its own layout one
    declared = document.getNamespaces()
    places = range(declared.getNumNamespaces())
    named = [(declared.getPrefix(i), declared.getURI(i)) for i in places]
    return [prefix for prefix, uri in named if prefix and document.getPackageRequired(uri)]


def _maths(model: Any) -> list[tuple[str, Any]]:
    found = [(f"rule for {r.getVariable()}", r.getMath()) for r in model.getListOfRules()]
    found += [
        (f"initial assignment of {i.getSymbol()}", i.getMath())
        for i in model.getListOfInitialAssignments()
    ]
    found += [
        (f"reaction {r.getId()}", r.getKineticLaw().getMath())
        for r in model.getListOfReactions()
        if r.getKineticLaw() is not None
    ]
    found += [(f"function {f.getId()}", f.getMath()) for f in model.getListOfFunctionDefinitions()]
    for event in model.getListOfEvents():
        trigger = event.getTrigger()
        found += [(f"event {event.getId()}", trigger.getMath())] if trigger is not None else []
        found += [
            (f"event {event.getId()}", a.getMath()) for a in event.getListOfEventAssignments()
        ]
    return [(where, math) for where, math in found if math is not None]


def _has_delay(math: Any) -> bool:
    import libsbml

    return math.getType() == libsbml.AST_FUNCTION_DELAY or any(
        _has_delay(math.getChild(i)) for i in range(math.getNumChildren())
    )
