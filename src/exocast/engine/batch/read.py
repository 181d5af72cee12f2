"""SBML level 2 and 3 core as plain records, by the standard library's XML parser.

Importing libSBML takes longer than reading a model this way, and every new process has to. What
the records cannot hold is refused by name: algebraic rules, fast reactions, required packages. No
document type or entity is accepted, so a hostile file cannot grow while it is read.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from exocast.engine.batch.mathml import MATHML, Function, parsed_number
from exocast.errors import InvalidInput, UnsupportedModel

NAMESPACE = "urn:exocast:engine:1"
LEVELS = {
    **{f"http://www.sbml.org/sbml/level2/version{v}": 2 for v in (2, 3, 4, 5)},
    "http://www.sbml.org/sbml/level2": 2,
    "http://www.sbml.org/sbml/level3/version1/core": 3,
    "http://www.sbml.org/sbml/level3/version2/core": 3,
}


RULES = frozenset({"assignmentRule", "rateRule", "algebraicRule"})
INSTEAD = frozenset({"notes", "annotation"})
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True, eq=False)
class Compartment:
    """A compartment; ``size`` None where none is given."""

    id: str
    size: float | None
    constant: bool
    dimensions: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Species:
    """A species; ``factor`` is its conversion factor."""

    id: str
    compartment: str
    amount: float | None
    concentration: float | None
    substance_only: bool
    boundary: bool
    constant: bool
    factor: str | None
    unit: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Parameter:
    """A parameter of the model."""

    id: str
    value: float | None
    constant: bool
    unit: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """A reactant or product; ``sign`` is -1 or 1."""

    id: str | None
    species: str
    sign: int
    stoichiometry: float | None
    math: Element | None
    constant: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Reaction:
    """A reaction; ``local`` holds the parameters of its kinetic law."""

    id: str
    references: tuple[Reference, ...]
    math: Element | None
    local: dict[str, float | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Event:
    """An event, with its mathematics as it stands."""

    id: str
    trigger: Element | None
    initial: bool
    persistent: bool
    from_trigger_time: bool
    priority: Element | None
    delay: Element | None
    assignments: tuple[tuple[str, Element], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Document:
    """A model as it stands in its file."""

    level: int
    compartments: dict[str, Compartment]
    species: dict[str, Species]
    parameters: dict[str, Parameter]
    reactions: dict[str, Reaction]
    references: dict[str, Reference]
    assigned: dict[str, Element]
    rated: dict[str, Element]
    started: dict[str, Element]
    functions: dict[str, Function]
    events: tuple[Event, ...]
    factor: str | None
    free: frozenset[str] | None

    def means_amount(self, species: Species) -> bool:
        """Whether a species' id means an amount: where it says so, or where there is no volume."""
        place = self.compartments[species.compartment]
        sized = {*self.assigned, *self.rated, *self.started}
        nowhere = place.dimensions == 0 and place.size is None and place.id not in sized
        return species.substance_only or nowhere

    @property
    def names(self) -> set[str]:
        """Everything with a value over time."""
        return {
            *self.compartments,
            *self.species,
            *self.parameters,
            *self.reactions,
            *self.references,
        }

    def mathematics(self) -> Iterator[tuple[str, Element]]:
        """All mathematics, and where each stands."""
        yield from ((f"rule for {v}", expression) for v, expression in self.assigned.items())
        yield from ((f"rule for {v}", expression) for v, expression in self.rated.items())
        yield from (
            (f"initial assignment of {v}", expression) for v, expression in self.started.items()
        )
        yield from ((f"function {name}", f.body) for name, f in self.functions.items())
        for reaction in self.reactions.values():
            for expression in (reaction.math, *(r.math for r in reaction.references)):
                if expression is not None:
                    yield f"reaction {reaction.id}", expression
        for event in self.events:
            for expression in (event.trigger, event.priority, event.delay):
                if expression is not None:
                    yield f"event {event.id}", expression
            yield from ((f"event {event.id}", expression) for _, expression in event.assignments)


class _Builder(TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise InvalidInput(
            "this file declares a document type, which no SBML model does; remove the line that "
            "begins with <!DOCTYPE.",
            where=f"document type {name}",
        )


def parsed(text: str) -> Element:
    """Root element of an XML text.

    Raises
    ------
    InvalidInput
        When it is no well-formed XML, or declares entities.
    """
    parser = XMLParser(target=_Builder())  # noqa: S314 - no document type, so no entities
    try:
        parser.feed(text.encode("utf-8", "surrogatepass") if "encoding" in text[:200] else text)
        root = parser.close()
    except ParseError as e:
        line = e.position[0] if getattr(e, "position", None) else 0
        raise InvalidInput(
            f"this is not a readable SBML model, for it is not well-formed XML: {e}.",
            where=f"line {line}",
        ) from None
    except (LookupError, ValueError) as e:
        raise InvalidInput(
            f"this is not a readable SBML model: {e}.", where="XML declaration"
        ) from None
    return root


@functools.lru_cache(maxsize=16)
def document_of(text: str) -> Document:
    """Records of a model text; read once."""
    return read(text)


def read(text: str) -> Document:
    """Records of an SBML model.

    Raises
    ------
    InvalidInput
        When the text is no SBML model, or its elements contradict one another.
    UnsupportedModel
        For what the batched engine does not take, naming construct and element.
    """
    root = parsed(text)
    namespace, _, tag = str(root.tag)[1:].partition("}")
    if tag != "sbml":
        raise InvalidInput("this is XML, but no SBML: its first element is not <sbml>.")
    if namespace not in LEVELS:
        raise UnsupportedModel(
            f"SBML of the namespace '{namespace}' is not supported by the batched engine; level 2 "
            "and level 3 core are.",
            where="sbml",
        )
    for attribute, value in root.attrib.items():
        if attribute.endswith("}required") and value in {"true", "1"}:
            package = attribute[1:].partition("}")[0].rstrip("/").split("/")[-2]
            raise UnsupportedModel(
                f"the package '{package}' changes what the mathematics means, and is not "
                "supported.",
                where="sbml",
            )
    models = root.findall(f"{{{namespace}}}model")
    if len(models) != 1:
        raise InvalidInput("there is no model in this SBML text.")
    return _Reader(namespace, LEVELS[namespace]).model(models[0])


class _Reader:
    """Elements of one namespace."""

    def __init__(self, namespace: str, level: int) -> None:
        self.prefix = f"{{{namespace}}}"
        self.level = level

    def model(self, model: Element) -> Document:
        reactions = [self._reaction(e) for e in self._listed(model, "Reactions", "reaction")]
        references = [r for reaction in reactions for r in reaction.references if r.id]
        document = Document(
            level=self.level,
            compartments=_by_id(
                self._compartment(e) for e in self._listed(model, "Compartments", "compartment")
            ),
            species=_by_id(self._species(e) for e in self._listed(model, "Species", "species")),
            parameters=_by_id(
                self._parameter(e) for e in self._listed(model, "Parameters", "parameter")
            ),
            reactions=_by_id(iter(reactions)),
            references=_by_id(iter(references)),
            assigned=self._rules(model, "assignmentRule"),
            rated=self._rules(model, "rateRule"),
            started=self._started(model),
            functions=self._functions(model),
            events=tuple(
                self._event(e, i) for i, e in enumerate(self._listed(model, "Events", "event"))
            ),
            factor=model.get("conversionFactor"),
            free=self._free(model),
        )
        _check(document)
        return document

    def _listed(self, model: Element, of: str, what: str) -> Iterator[Element]:
        holder = self._only(model, f"listOf{of}")
        if holder is None:
            return
        for child in holder:
            name = str(child.tag).removeprefix(self.prefix)
            if name == what:
                yield child
            elif name in INSTEAD or (of == "Rules" and name in RULES):
                continue
            elif name != child.tag or child.tag.startswith(MATHML):
                raise InvalidInput(f"<{_short(child)}> does not belong here.", where=f"listOf{of}")

    def _only(self, element: Element, name: str) -> Element | None:
        """The one child of a name."""
        found = element.findall(self.prefix + name)
        if len(found) > 1:
            raise InvalidInput(
                f"there are {len(found)} <{name}>, where one may be.", where=_called(element)
            )
        return found[0] if found else None

    @staticmethod
    def _math_or_none(element: Element | None) -> Element | None:
        if element is None:
            return None
        found = element.findall(f"{MATHML}math")
        if len(found) > 1:
            raise InvalidInput(f"there are {len(found)} <math>.", where=_called(element))
        return found[0] if found else None

    def _compartment(self, e: Element) -> Compartment:
        name = _id(e, "compartment")
        return Compartment(
            id=name,
            size=_number(e, "size", name),
            constant=_flag(e, "constant", name, default=True),
            dimensions=_or(_number(e, "spatialDimensions", name), 3.0),
        )

    def _species(self, e: Element) -> Species:
        name = _id(e, "species")
        return Species(
            id=name,
            compartment=e.get("compartment", ""),
            amount=_number(e, "initialAmount", name),
            concentration=_number(e, "initialConcentration", name),
            substance_only=_flag(e, "hasOnlySubstanceUnits", name, default=False),
            boundary=_flag(e, "boundaryCondition", name, default=False),
            constant=_flag(e, "constant", name, default=False),
            factor=e.get("conversionFactor"),
            unit=e.get("substanceUnits", ""),
        )

    def _parameter(self, e: Element) -> Parameter:
        name = _id(e, "parameter")
        return Parameter(
            id=name,
            value=_number(e, "value", name),
            constant=_flag(e, "constant", name, default=True),
            unit=e.get("units", ""),
        )

    def _reaction(self, e: Element) -> Reaction:
        name = _id(e, "reaction")
        if _flag(e, "fast", name, default=False):
            raise UnsupportedModel(
                f"the fast reaction '{name}' is not supported; give it a large rate constant, or "
                "replace it by its equilibrium.",
                where=f"reaction {name}",
            )
        law = self._only(e, "kineticLaw")
        local: dict[str, float | None] = {}
        if law is not None:
            for of, what in (("Parameters", "parameter"), ("LocalParameters", "localParameter")):
                for parameter in self._listed(law, of, what):
                    local[_id(parameter, "local parameter")] = _number(parameter, "value", name)
        references = [
            self._reference(r, name, sign)
            for of, sign in (("Reactants", -1), ("Products", 1))
            for r in self._listed(e, of, "speciesReference")
        ]
        return Reaction(
            id=name, references=tuple(references), math=self._math_or_none(law), local=local
        )

    def _reference(self, e: Element, reaction: str, sign: int) -> Reference:
        math_element = self._math_or_none(self._only(e, "stoichiometryMath"))
        stoichiometry = _number(e, "stoichiometry", reaction)
        if stoichiometry is None and self.level == 2:
            stoichiometry = 1.0
        return Reference(
            id=e.get("id"),
            species=e.get("species", ""),
            sign=sign,
            stoichiometry=stoichiometry,
            math=math_element,
            constant=_flag(e, "constant", reaction, default=True),
        )

    def _rules(self, model: Element, kind: str) -> dict[str, Element]:
        if next(self._listed(model, "Rules", "algebraicRule"), None) is not None:
            raise UnsupportedModel(
                "an algebraic rule is not supported; solve it for a variable and write an "
                "assignment rule.",
                where="algebraic rule 1",
            )
        found: dict[str, Element] = {}
        for rule in self._listed(model, "Rules", kind):
            variable = rule.get("variable", "")
            if variable in found:
                raise InvalidInput("two rules set the same variable.", where=f"rule {variable}")
            math_element = self._math_or_none(rule)
            if math_element is not None:  # level 3 version 2: without mathematics there is no rule
                found[variable] = math_element
        return found

    def _started(self, model: Element) -> dict[str, Element]:
        found: dict[str, Element] = {}
        for e in self._listed(model, "InitialAssignments", "initialAssignment"):
            symbol = e.get("symbol", "")
            where = f"initial assignment of {symbol}"
            if symbol in found:
                raise InvalidInput("two initial assignments have the same symbol.", where=where)
            math_element = self._math_or_none(e)
            if math_element is not None:
                found[symbol] = math_element
        return found

    def _functions(self, model: Element) -> dict[str, Function]:
        found: dict[str, Function] = {}
        for e in self._listed(model, "FunctionDefinitions", "functionDefinition"):
            name = _id(e, "function")
            body = self._math_or_none(e)
            if body is None:
                continue  # a call of it is told as one of no function
            inner = [c for c in body if str(c.tag) != f"{MATHML}annotation"]
            if len(inner) == 1 and inner[0].tag == f"{MATHML}semantics":
                inner = list(inner[0])[:1]
            if len(inner) != 1 or inner[0].tag != f"{MATHML}lambda":
                raise InvalidInput("a function is one <lambda>.", where=f"function {name}")
            arguments, expression = [], []
            for child in inner[0]:
                if child.tag == f"{MATHML}bvar":
                    arguments.append("".join(child.itertext()).strip())
                else:
                    expression.append(child)
            if len(expression) != 1:
                raise UnsupportedModel("a function without a body.", where=f"function {name}")
            if name in found:
                raise InvalidInput("two functions have this id.", where=f"function {name}")
            found[name] = Function(arguments=tuple(arguments), body=expression[0])
        return found

    def _event(self, e: Element, place: int) -> Event:
        name = e.get("id") or f"event {place + 1}"
        where = f"event {name}"
        trigger = self._only(e, "trigger")
        delay = self._only(e, "delay")
        priority = self._only(e, "priority")
        found = [
            (a.get("variable", ""), self._math_or_none(a))
            for a in self._listed(e, "EventAssignments", "eventAssignment")
        ]
        assignments = tuple((name, content) for name, content in found if content is not None)
        names = [variable for variable, _ in assignments]
        if len(set(names)) < len(names):
            raise InvalidInput("an event sets the same variable twice.", where=where)
        return Event(
            id=name,
            trigger=self._math_or_none(trigger),
            initial=trigger is None or _flag(trigger, "initialValue", name, default=True),
            persistent=trigger is None or _flag(trigger, "persistent", name, default=True),
            from_trigger_time=_flag(e, "useValuesFromTriggerTime", name, default=True),
            priority=self._math_or_none(priority),
            delay=self._math_or_none(delay),
            assignments=assignments,
        )

    def _free(self, model: Element) -> frozenset[str] | None:
        annotation = model.find(f"{self.prefix}annotation")
        ours = None if annotation is None else annotation.find(f"{{{NAMESPACE}}}states")
        return None if ours is None else frozenset(ours.get("may_be_negative", "").split())


def _check(document: Document) -> None:
    """What libSBML would call an error and the mathematics would not meet."""
    names: set[str] = set(document.functions)
    for group in (
        document.compartments,
        document.species,
        document.parameters,
        document.reactions,
        document.references,
    ):
        for name in group:
            if name in names:
                raise InvalidInput("two elements have this id.", where=name)
            names.add(name)
    for species in document.species.values():
        if species.compartment not in document.compartments:
            raise InvalidInput(
                f"it is in the compartment '{species.compartment}', which does not exist.",
                where=f"species {species.id}",
            )
        if species.amount is not None and species.concentration is not None:
            raise InvalidInput(
                "it starts from an amount and from a concentration; one of them.",
                where=f"species {species.id}",
            )
    for reaction in document.reactions.values():
        for reference in reaction.references:
            if reference.species not in document.species:
                raise InvalidInput(
                    f"it uses the species '{reference.species}', which does not exist.",
                    where=f"reaction {reaction.id}",
                )
    settable = names - set(document.functions) - set(document.reactions)
    targets = [
        *((v, f"rule for {v}") for v in (*document.assigned, *document.rated)),
        *((v, f"initial assignment of {v}") for v in document.started),
        *((v, f"event {e.id}") for e in document.events for v, _ in e.assignments),
    ]
    fixed = {name for name, c in document.compartments.items() if c.constant}
    fixed |= {name for name, p in document.parameters.items() if p.constant}
    fixed |= {name for name, s in document.species.items() if s.constant}
    for variable, where in targets:
        if variable not in settable:
            raise InvalidInput(f"there is nothing called '{variable}' to set.", where=where)
        if variable in fixed and variable not in document.started:
            raise InvalidInput(
                f"'{variable}' is constant and cannot be set; give it constant='false'.",
                where=where,
            )
    for variable in document.assigned:
        if variable in document.rated or variable in document.started:
            raise InvalidInput("it is set in two ways.", where=f"rule for {variable}")
    for event in document.events:
        for variable, _ in event.assignments:
            if variable in document.assigned:
                raise InvalidInput(
                    f"it sets '{variable}', which a rule computes.", where=f"event {event.id}"
                )

    for where, expression in document.mathematics():
        _check_leaves(expression, where)


def _check_leaves(expression: Element, where: str) -> None:
    """Names and numbers that hold something else, which readers pass over in silence."""
    for kind, allowed in (("ci", ""), ("csymbol", ""), ("cn", f"{MATHML}sep")):
        for leaf in expression.iter(MATHML + kind):
            if any(child.tag != allowed for child in leaf):
                what = "a number" if allowed else "a name"
                raise InvalidInput(f"<{kind}> holds {what} and nothing else.", where=where)


def _by_id(elements: Iterator[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in elements:
        if element.id in found:
            raise InvalidInput("two elements have this id.", where=element.id)
        found[element.id] = element
    return found


def _id(element: Element, what: str) -> str:
    name = element.get("id")
    if not name:
        raise InvalidInput(f"a {what} has no id.", where=what)
    if not IDENTIFIER.fullmatch(name):
        raise InvalidInput(
            f"'{name[:60]}' is no id; ids are letters, digits and _, and begin with no digit.",
            where=what,
        )
    return name


def _short(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _called(element: Element) -> str:
    """What an element is called in messages."""
    name = element.get("id") or element.get("variable") or element.get("symbol") or ""
    return f"{_short(element)} {name}".strip()


def _number(element: Element, attribute: str, where: str) -> float | None:
    text = element.get(attribute)
    if text is None:
        return None
    value = parsed_number(text)
    if value is None:
        raise InvalidInput(f"{attribute} '{text[:60]}' is no number.", where=where)
    return value


def _flag(element: Element, attribute: str, where: str, *, default: bool) -> bool:
    text = element.get(attribute)
    if text is None:
        return default
    if text.strip() not in {"true", "false", "1", "0"}:
        raise InvalidInput(f"{attribute} '{text}' is neither true nor false.", where=where)
    return text.strip() in {"true", "1"}


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
