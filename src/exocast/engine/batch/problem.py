"""From the records of an SBML model to a system of differential equations.

What has a rate is a state: species as amounts, unless a rate rule gives the rate of a
concentration; compartments and parameters under a rate rule as they are. What only events,
infusions and switches change is a slot: constant between them. All else is an expression over
states, slots, the numbers of a run and the time. SBML means an amount or a concentration by a
species' id, as ``hasOnlySubstanceUnits`` says; a concentration is the amount over the compartment
as it is then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exocast.engine.batch.graph import Graph, Node
from exocast.engine.batch.mathml import MATHML, Translator
from exocast.engine.batch.plan import infusion_slot
from exocast.engine.batch.read import Document, Reaction, Reference, Species
from exocast.errors import InvalidInput, UnsupportedModel, nearest

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


LONGEST_CHAIN = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What one event assignment writes: ``state`` or slot (``p``), by index."""

    array: str
    index: int
    value: Node


@dataclass(frozen=True, kw_only=True, eq=False)
class Happening:
    """An event: a boolean, and what is set when it becomes true."""

    id: str
    trigger: Node
    initial: bool
    persistent: bool
    from_trigger_time: bool
    priority: Node
    delay: Node
    settings: tuple[Setting, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A system of differential equations as expressions.

    Attributes
    ----------
    states, slots, varied
        Names; ``p`` holds varied numbers first, then slots.
    start, slot_start
        Values at time 0 over the varied numbers.
    rates
        Rate of every state.
    observed
        What is returned, in order.
    dose_factor
        Index of the state and factor from an amount to it, for every species that can be dosed.
    never_negative, units
        Of each state: whether it must not be negative; unit as the model names it.
    """

    graph: Graph
    states: tuple[str, ...]
    slots: tuple[str, ...]
    varied: tuple[str, ...]
    start: tuple[Node, ...]
    slot_start: tuple[Node, ...]
    rates: tuple[Node, ...]
    observed: tuple[Node, ...]
    events: tuple[Happening, ...]
    dose_factor: dict[str, tuple[int, Node]]
    never_negative: tuple[bool, ...]
    units: tuple[str, ...]


def problem_of(
    document: Document,
    varied: tuple[str, ...] = (),
    observe: Iterable[str] = (),
    infused: tuple[str, ...] = (),
    switched: tuple[str, ...] = (),
) -> Problem:
    """The differential equations of a model.

    Parameters
    ----------
    varied
        Ids that every run gives a number of its own for.
    observe
        Ids that are returned.
    infused
        Species that are given over time.
    switched
        Parameters that change at given times.

    Raises
    ------
    UnsupportedModel, InvalidInput
        For what the batched engine does not take, or what makes no sense, by name.
    """
    return _Maker(document, varied, infused, switched).problem(tuple(observe))


@dataclass(kw_only=True)
class _Once:
    """Values by name, each computed once; a value that needs itself is an error.

    ``needs`` gives the names that a value is computed from: in a long chain of values, the far end
    is computed first, so that Python need not recurse as far as the chain is long.
    """

    compute: Callable[[str], Node]
    circle: str
    needs: Callable[[str], Iterable[str]] = lambda _: ()
    known: dict[str, Node] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> Node:
        if name not in self.known:
            if name in self.busy:
                round_trip = [*self.busy[self.busy.index(name) :], name]
                raise InvalidInput(
                    f"{self.circle}: " + " needs ".join(f"'{n}'" for n in round_trip) + ".",
                    where=name,
                )
            if len(self.busy) == LONGEST_CHAIN:
                self._ahead(name)
            self.busy.append(name)
            self.known[name] = self.compute(name)
            self.busy.pop()
        return self.known[name]

    def _ahead(self, name: str) -> None:
        """Computes what a value needs, the far end first."""
        seen, stack = {name}, [(name, False)]
        self.busy.append("")  # a chain is looked along once
        while stack:
            at, ready = stack.pop()
            if ready:
                if at != name and at not in self.busy:
                    self(at)
                continue
            stack.append((at, True))
            new = [n for n in self.needs(at) if n not in seen and n not in self.known]
            seen.update(new)
            stack.extend((n, False) for n in new)
        self.busy.pop()


class _Maker:
    def __init__(
        self,
        document: Document,
        varied: tuple[str, ...],
        infused: tuple[str, ...],
        switched: tuple[str, ...],
    ) -> None:
        self.document = document
        self.graph = graph = Graph()
        self.varied = varied
        self.infused = infused
        self.only_looking = False  # what has no value may be looked at, but not computed with
        self.events_set = {v for e in document.events for v, _ in e.assignments}
        self.moving_species = {
            name
            for name, s in document.species.items()
            if not s.boundary and not s.constant and name not in document.assigned
        }
        self.states = (*document.rated, *(s for s in self.moving_species_in_order()))
        self.slots = (
            *sorted(self.events_set - set(self.states) - set(document.assigned)),
            *(name for name in switched if name not in self.events_set),
            *(infusion_slot(name) for name in infused),
        )
        self._state_index = {name: i for i, name in enumerate(self.states)}
        self._slot_index = {name: len(varied) + i for i, name in enumerate(self.slots)}
        self._varied_index = {name: i for i, name in enumerate(varied)}
        self.start = _Once(
            compute=self._start,
            circle="the start is defined in a circle",
            needs=lambda name: self._needs(name, (document.started, document.assigned)),
        )
        self.value = _Once(
            compute=self._value,
            circle="a rule needs its own result",
            needs=lambda name: self._needs(name, (document.assigned,)),
        )
        self.start_flow = _Once(
            compute=lambda name: self._flow(name, self.at_start),
            circle="the start is defined in a circle",
        )
        self.flow = _Once(
            compute=lambda name: self._flow(name, self.running),
            circle="a reaction needs its own rate",
        )
        self.rate = _Once(
            compute=lambda name: self._rate(name, self.running, self.value, self.flow),
            circle="a rate needs itself",
        )
        self.start_rate = _Once(
            compute=lambda name: self._rate(name, self.at_start, self.start, self.start_flow),
            circle="a rate at the start needs itself",
        )
        self.at_start = Translator(
            graph=graph,
            functions=document.functions,
            resolve=self.start,
            rate_of=self._rate_of_at_start,
            time=graph.const(0.0),
        )
        self.running = Translator(
            graph=graph,
            functions=document.functions,
            resolve=self.value,
            rate_of=self._rate_of,
            time=graph.load("t", 0),
        )
        self.by_species: dict[str, list[tuple[Reaction, Reference]]] = {}
        for reaction in document.reactions.values():
            for reference in reaction.references:
                self.by_species.setdefault(reference.species, []).append((reaction, reference))

    def moving_species_in_order(self) -> list[str]:
        """Species whose amounts reactions and doses change, as they stand in the file."""
        return [
            name
            for name in self.document.species
            if name in self.moving_species and name not in self.document.rated
        ]

    def _needs(self, name: str, rules: tuple[dict[str, Element], ...]) -> list[str]:
        """Names under the same rules that the rule for a name uses."""
        for rule in rules:
            if name in rule:
                used = [(e.text or "").strip() for e in rule[name].iter(f"{MATHML}ci")]
                return [n for n in used if any(n in other for other in rules)]
        return []

    # What a name means ----------------------------------------------------------------------------

    def substance_only(self, species: Species) -> bool:
        """Whether the id means an amount."""
        return self.document.means_amount(species)

    def in_amounts(self, name: str) -> bool:
        """Whether a species is kept as an amount though its id may mean a concentration."""
        return name in self.document.species and name not in self.document.rated

    def _value(self, name: str) -> Node:
        """Node of a name while the model runs."""
        document, graph = self.document, self.graph
        if name in document.assigned:
            return self._number(self.running, f"rule for {name}", document.assigned[name])
        stored = self._stored(name)
        species = document.species.get(name)
        if species is None:
            if stored is not None:
                return stored
            if name in document.reactions:
                return self.flow(name)
            return self.start(name)
        if stored is not None and (self.substance_only(species) or not self.in_amounts(name)):
            return stored
        if stored is None:
            if self.substance_only(species) or self._fixed(species.compartment):
                return self.start(name)
            stored = self.start_amount(name)
        return graph.div(stored, self.value(species.compartment))

    def _stored(self, name: str) -> Node | None:
        """What of a name is kept between steps: a state or slot."""
        if name in self._state_index:
            return self.graph.load("y", self._state_index[name])
        if name in self._slot_index:
            return self.graph.load("p", self._slot_index[name])
        return None

    def _fixed(self, compartment: str) -> bool:
        return self._stored(compartment) is None and compartment not in self.document.assigned

    def _start(self, name: str) -> Node:
        """Node of a name at time 0."""
        document, graph = self.document, self.graph
        if name in document.started:
            return self._number(
                self.at_start, f"initial assignment of {name}", document.started[name]
            )
        if name in document.assigned:
            return self._number(self.at_start, f"rule for {name}", document.assigned[name])
        if name in self._varied_index:
            return graph.load("p", self._varied_index[name])
        if name in document.reactions:
            return self.start_flow(name)
        species = document.species.get(name)
        if species is not None:
            if self.substance_only(species):
                return self.start_amount(name)
            if species.concentration is not None:
                return graph.const(species.concentration)
            return graph.div(self.start_amount(name), self.start(species.compartment))
        if name in document.compartments:
            return self._given(document.compartments[name].size, name)
        if name in document.parameters:
            return self._given(document.parameters[name].value, name)
        if name in document.references:
            reference = document.references[name]
            if reference.math is not None:
                return self._number(self.at_start, f"stoichiometry {name}", reference.math)
            return self._given(reference.stoichiometry, name)
        known = document.names | set(document.functions)
        raise InvalidInput(f"there is nothing called '{name}'." + nearest(name, known), where=name)

    def start_amount(self, name: str) -> Node:
        """Amount of a species at time 0."""
        document, graph = self.document, self.graph
        species = document.species[name]
        own = name in document.started or name in document.assigned or name in self._varied_index
        if own or species.amount is None:
            if own and self.substance_only(species):
                return self.start(name)
            if not own and species.concentration is None:
                return self._given(None, name)
            concentration = (
                self.start(name) if own else graph.const(float(species.concentration or 0.0))
            )
            return graph.mul(concentration, self.start(species.compartment))
        return graph.const(species.amount)

    def _given(self, value: float | None, name: str) -> Node:
        if value is None and self.only_looking:
            return self.graph.const(math.nan)
        if value is None:
            raise UnsupportedModel(
                f"'{name}' has no value; give it one in the file, or vary it.", where=name
            )
        return self.graph.const(value)

    # Rates ----------------------------------------------------------------------------------------

    def _flow(self, name: str, translator: Translator) -> Node:
        """Extent of a reaction per time."""
        reaction = self.document.reactions[name]
        if reaction.math is None:
            raise UnsupportedModel("it has no kinetic law.", where=f"reaction {name}")
        if not reaction.local:
            return self._number(translator, f"reaction {name}", reaction.math)
        local = {
            key: self._given(value, f"{key} of reaction {name}")
            for key, value in reaction.local.items()
        }
        inside = Translator(
            graph=self.graph,
            functions=self.document.functions,
            resolve=lambda key: local[key] if key in local else translator.resolve(key),
            rate_of=lambda key: self._rate_inside(key, local, translator),
            time=translator.time,
        )
        return self._number(inside, f"reaction {name}", reaction.math)

    def _rate_inside(self, name: str, local: dict[str, Node], translator: Translator) -> Node:
        """Rate of change of a name in a kinetic law; its own parameters have none."""
        if name in local:
            return self.graph.const(0.0)
        assert translator.rate_of is not None
        return translator.rate_of(name)

    def _stoichiometry(
        self,
        reaction: Reaction,
        reference: Reference,
        translator: Translator,
        value: Callable[[str], Node],
    ) -> Node:
        if reference.id is not None:
            return value(reference.id)
        if reference.math is not None:
            return self._number(translator, f"reaction {reaction.id}", reference.math)
        return self._given(reference.stoichiometry, f"stoichiometry in reaction {reaction.id}")

    def _rate(
        self,
        name: str,
        translator: Translator,
        value: Callable[[str], Node],
        flow: Callable[[str], Node],
    ) -> Node:
        """Rate of change of what is kept of a name, while the model runs or at the start."""
        document, graph = self.document, self.graph
        if name in document.rated:
            return self._number(translator, f"rule for {name}", document.rated[name])
        species = document.species.get(name)
        if species is None or name not in self.moving_species:
            return graph.const(0.0)
        parts = [
            graph.mul(
                self._signed(
                    self._stoichiometry(reaction, reference, translator, value), reference.sign
                ),
                flow(reaction.id),
            )
            for reaction, reference in self.by_species.get(name, ())
        ]
        factor = species.factor or document.factor
        total = graph.total(parts)
        return total if factor is None else graph.mul(value(factor), total)

    def _signed(self, node: Node, sign: int) -> Node:
        return node if sign > 0 else self.graph.unary("neg", node)

    def _rate_of(self, name: str) -> Node:
        return self._rate_meant(name, self.rate, self.value)

    def _rate_of_at_start(self, name: str) -> Node:
        return self._rate_meant(name, self.start_rate, self.start)

    def _rate_meant(
        self, name: str, rate_of: Callable[[str], Node], value: Callable[[str], Node]
    ) -> Node:
        """Rate of change of what a name means, for the symbol ``rateOf``."""
        document, graph = self.document, self.graph
        if name in document.assigned or name in document.reactions:
            raise UnsupportedModel(
                f"the rate of '{name}', which is computed, is not supported by the batched engine.",
                where=name,
            )
        if name not in document.names:
            raise InvalidInput(
                f"there is nothing called '{name}'." + nearest(name, document.names), where=name
            )
        species = document.species.get(name)
        rate = rate_of(name)
        if species is None or self.substance_only(species) or not self.in_amounts(name):
            return rate
        # (A/V)' = (A' - A/V·V')/V
        volume = value(species.compartment)
        if species.compartment in document.assigned:
            raise UnsupportedModel(
                f"the rate of '{name}' in a compartment under an assignment rule is not supported "
                "by the batched engine.",
                where=name,
            )
        change = graph.mul(value(name), rate_of(species.compartment))
        return graph.div(graph.sub(rate, change), volume)

    # The whole ------------------------------------------------------------------------------------

    def problem(self, observe: tuple[str, ...]) -> Problem:
        document, graph = self.document, self.graph
        free = document.free
        for name in (*document.assigned, *document.started):
            self.value(name)  # also where nothing needs it: circles and unknown names are told
            self.start(name)
        kept_starts = tuple(
            self.start_amount(name) if self.in_amounts(name) else self.start(name)
            for name in self.states
        )
        rates = []
        for name in self.states:
            rate = self.rate(name)
            if name in self.infused:
                flow = graph.load("p", self._slot_index[infusion_slot(name)])
                rate = graph.add(rate, graph.mul(flow, self._dose_factor(name)))
            rates.append(rate)
        slot_start = tuple(self._slot_start(name) for name in self.slots)
        events = tuple(self._happening(i) for i in range(len(document.events)))
        self.only_looking = True
        observed = tuple(self.value(name) for name in observe)
        return Problem(
            graph=graph,
            states=self.states,
            slots=self.slots,
            varied=self.varied,
            start=kept_starts,
            slot_start=slot_start,
            rates=tuple(rates),
            observed=observed,
            events=events,
            dose_factor={
                name: (self._state_index[name], self._dose_factor(name))
                for name in self.states
                if name in document.species
            },
            never_negative=tuple(free is not None and name not in free for name in self.states),
            units=tuple(self._unit(name) for name in self.states),
        )

    def _dose_factor(self, name: str) -> Node:
        """What an amount is multiplied by to give a change of the state."""
        species = self.document.species[name]
        if self.in_amounts(name) or self.substance_only(species):
            return self.graph.const(1.0)
        return self.graph.unary("recip", self.value(species.compartment))

    def _slot_start(self, name: str) -> Node:
        if name.startswith("infusion "):
            return self.graph.const(0.0)
        return self.start_amount(name) if self.in_amounts(name) else self.start(name)

    def _unit(self, name: str) -> str:
        if name in self.document.species:
            return self.document.species[name].unit
        if name in self.document.parameters:
            return self.document.parameters[name].unit
        return ""

    def _happening(self, place: int) -> Happening:
        event = self.document.events[place]
        where = f"event {event.id}"
        # Without a priority, an event comes after those with one.
        least = self.graph.const(-math.inf)
        self.running.where = where
        trigger = self.graph.boolean(False)
        if event.trigger is not None:
            trigger = self.running.truth(event.trigger)
        values = {v: self._number(self.running, where, m) for v, m in event.assignments}
        return Happening(
            id=event.id,
            trigger=trigger,
            initial=event.initial,
            persistent=event.persistent,
            from_trigger_time=event.from_trigger_time,
            priority=least
            if event.priority is None
            else self._number(self.running, where, event.priority),
            delay=self.graph.const(0.0)
            if event.delay is None
            else self._number(self.running, where, event.delay),
            settings=tuple(self._setting(v, values, where) for v in values),
        )

    def _setting(self, name: str, values: dict[str, Node], where: str) -> Setting:
        species = self.document.species.get(name)
        value = values[name]
        if species is not None and self.in_amounts(name) and not self.substance_only(species):
            # Where the same event sets the compartment, the amount is made with its old size.
            value = self.graph.mul(value, self.value(species.compartment))
        if name in self.document.compartments:
            for other in self.document.rated:
                inside = self.document.species.get(other)
                if inside is not None and inside.compartment == name and not inside.substance_only:
                    raise UnsupportedModel(
                        f"it changes the compartment of '{other}', whose concentration has a rate "
                        "rule; the batched engine does not support this.",
                        where=where,
                    )
        if name in self._state_index:
            return Setting(array="y", index=self._state_index[name], value=value)
        return Setting(array="p", index=self._slot_index[name], value=value)

    @staticmethod
    def _number(translator: Translator, where: str, element: object) -> Node:
        before = translator.where
        translator.where = where
        node = translator.number(element)  # type: ignore[arg-type]
        translator.where = before
        return node
