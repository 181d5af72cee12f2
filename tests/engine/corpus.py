"""Small models of our own, one for each thing that SBML core (L2V4 to L3V2) can say.

``CASES`` run; ``REFUSED`` must be refused, with the words that say so. A function is a model: its
name is the id, its docstring what it covers. ``exact`` gives closed forms of time for some names;
``unlike`` names what plain libRoadRunner computes wrongly, so that it cannot judge there, and
``too_much`` are the words with which the general path refuses a model for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import libsbml
import numpy as np
from draft import Draft
from numpy.typing import NDArray

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64] | float]
Dose = tuple[float, float, str]  # time, amount, species
TIMES = (0.0, 0.13, 0.5, 1.1, 2.3, 4.7, 9.1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A model, what it covers, and how it is run."""

    id: str
    covers: str
    sbml: str
    times: tuple[float, ...]
    observe: tuple[str, ...]
    doses: tuple[Dose, ...] = ()
    exact: Mapping[str, Curve] = field(default_factory=dict)
    unlike: frozenset[str] = frozenset()
    too_much: str = ""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A model that must be refused, and the words expected."""

    id: str
    sbml: str
    words: str


CASES: list[Case] = []
REFUSED: list[Refused] = []
Write = Callable[[Draft], None]


def case(
    observe: str,
    *,
    times: tuple[float, ...] = TIMES,
    doses: tuple[Dose, ...] = (),
    exact: Mapping[str, Curve] | None = None,
    unlike: str = "",
    too_much: str = "",
    level: tuple[int, int] = (3, 2),
) -> Callable[[Write], Write]:
    def keep(write: Write) -> Write:
        made = Case(
            id=write.__name__,
            covers=(write.__doc__ or "").rstrip("."),
            sbml=_written(write, level),
            times=times,
            observe=tuple(observe.split()),
            doses=doses,
            exact=exact or {},
            unlike=frozenset(unlike.split()),
            too_much=too_much,
        )
        CASES.append(made)
        return write

    return keep


def refused(words: str, *, level: tuple[int, int] = (3, 2)) -> Callable[[Write], Write]:
    def keep(write: Write) -> Write:
        REFUSED.append(Refused(id=write.__name__, sbml=_written(write, level), words=words))
        return write

    return keep


def _written(write: Write, level: tuple[int, int]) -> str:
    draft = Draft(write.__name__, *level)
    write(draft)
    return str(draft)


# Species: amounts and concentrations --------------------------------------------------------------


@case(
    "S P J",
    exact={"S": lambda t: 1.5 * np.exp(-0.4 * t), "P": lambda t: 1.5 - 1.5 * np.exp(-0.4 * t)},
)
def amount_given_concentration_read(m: Draft) -> None:
    """An initial amount of a species whose id is a concentration, in a compartment of 2."""
    m.compartment("c", 2)
    m.species("S", amount=3)
    m.species("P", amount=0)
    m.constants(k=0.4)
    m.reaction("J", "S -> P", "k*S*c")


@case("S P", exact={"S": lambda t: 3 * np.exp(-0.4 * t)})
def amount_given_amount_read(m: Draft) -> None:
    """An initial amount of a species whose id is an amount."""
    m.compartment("c", 2)
    m.species("S", amount=3, only=True)
    m.species("P", amount=0, only=True)
    m.constants(k=0.4)
    m.reaction("J", "S -> P", "k*S")


@case("S", exact={"S": lambda t: 3 * np.exp(-0.4 * t)})
def concentration_given_amount_read(m: Draft) -> None:
    """An initial concentration of a species whose id is an amount."""
    m.compartment("c", 2)
    m.species("S", conc=1.5, only=True)
    m.constants(k=0.4)
    m.reaction("J", "S ->", "k*S")


@case("S", exact={"S": lambda t: 1.5 * np.exp(-0.2 * t)})
def concentration_given_concentration_read(m: Draft) -> None:
    """An initial concentration, a law without the volume."""
    m.compartment("c", 2)
    m.species("S", conc=1.5)
    m.constants(k=0.4)
    m.reaction("J", "S ->", "k*S")


@case("A B C J K")
def both_kinds_in_one_reaction(m: Draft) -> None:
    """An amount and a concentration on the two sides of a reaction."""
    m.compartment("c", 0.25)
    m.species("A", amount=4, only=True)
    m.species("B", conc=2)
    m.species("C", conc=0)
    m.constants(k=0.3, h=0.7)
    m.reaction("J", "A -> B", "k*A")
    m.reaction("K", "A + B -> C", "h*A*B*c")


@case("A B big small J")
def transport_between_compartments(m: Draft) -> None:
    """A reaction whose sides lie in compartments of different size."""
    m.compartment("big", 5)
    m.compartment("small", 0.1)
    m.species("A", "big", conc=1)
    m.species("B", "small", conc=0.2)
    m.constants(flow=0.2)
    m.reaction("J", "A -> B", "flow*(A - B)", reversible=True)


@case("S P")
def nothing_starts_below_nothing(m: Draft) -> None:
    """A negative start, kept negative by a law without a sign."""
    m.species("S", conc=-2)
    m.species("P", amount=1)
    m.reaction("J", "S -> P", "0.3*S - 0.1")


# Species: boundary and constant --------------------------------------------------------------


@case("B P", exact={"B": lambda t: 3.0 + 0 * t, "P": lambda t: 0.6 * t})
def boundary_species_is_left_alone(m: Draft) -> None:
    """A boundary species that a reaction uses and does not change."""
    m.species("B", conc=3, boundary=True)
    m.species("P", conc=0)
    m.reaction("J", "B -> P", "0.2*B")


@case("B P", exact={"P": lambda t: 0.6 * t})
def boundary_species_is_constant(m: Draft) -> None:
    """A species that is boundary and constant."""
    m.species("B", conc=3, boundary=True, constant=True)
    m.species("P", conc=0)
    m.reaction("J", "B -> P", "0.2*B")


@case("E P", exact={"P": lambda t: 0.6 * t})
def constant_species_as_modifier(m: Draft) -> None:
    """A constant species that is no boundary: it may only be read."""
    m.species("E", conc=3, constant=True)
    m.species("P", conc=0)
    m.reaction("J", "-> P", "0.2*E")


@case("B P", exact={"B": lambda t: 3 * np.exp(-0.5 * t)})
def boundary_species_under_a_rate_rule(m: Draft) -> None:
    """A boundary species moved by its rule only, though reactions use it."""
    m.compartment("c", 2)
    m.species("B", conc=3, boundary=True)
    m.species("P", conc=0)
    m.rate("B", "-0.5*B")
    m.reaction("J", "2 B -> P", "0.2*B")


@case("B P", exact={"B": lambda t: 2 + np.sin(t)})
def boundary_species_under_an_assignment_rule(m: Draft) -> None:
    """A boundary species computed from time, used by a reaction."""
    m.compartment("c", 2)
    m.species("B", conc=3, boundary=True)
    m.species("P", conc=0)
    m.assign("B", "2 + sin(time)")
    m.reaction("J", "B -> P", "0.2*B")


@case("B P", exact={"B": lambda t: np.where(t < 2, 3.0, 7.0)})
def boundary_species_under_an_event(m: Draft) -> None:
    """A boundary species that an event sets."""
    m.compartment("c", 2)
    m.species("B", conc=3, boundary=True)
    m.species("P", conc=0)
    m.reaction("J", "B -> P", "0.2*B")
    m.event("up", "time > 2", {"B": "7"})


@case("S P", exact={"S": lambda t: 3 + 0.5 * t})
def free_species_under_a_rate_rule(m: Draft) -> None:
    """A species that is no boundary, in no reaction, under a rate rule."""
    m.compartment("c", 4)
    m.species("S", conc=3)
    m.species("P", conc=0)
    m.rate("S", "0.5")
    m.reaction("J", "-> P", "0.1*S")


@case("S A p", exact={"S": lambda t: 1 + t, "A": lambda t: 5 + 10 * t})
def free_species_under_an_assignment_rule(m: Draft) -> None:
    """Species of either kind, in no reaction, under assignment rules."""
    m.compartment("c", 4)
    m.species("S", conc=3)
    m.species("A", only=True)
    m.variables(p=0)
    m.rate("p", "1")
    m.assign("A", "5*S*2 - 5")
    m.assign("S", "1 + p")


# Compartments --------------------------------------------------------------


@case("S A c", exact={"S": lambda t: 3 / (2 + 0.5 * t), "A": lambda t: 4.0 + 0 * t})
def compartment_grows_by_a_rate_rule(m: Draft) -> None:
    """A concentration is diluted, an amount is not, as the compartment grows."""
    m.compartment("c", 2, constant=False)
    m.species("S", amount=3)
    m.species("A", amount=4, only=True)
    m.rate("c", "0.5")


@case("S P c J")
def reaction_in_a_growing_compartment(m: Draft) -> None:
    """A reaction in a compartment that grows at a rate of its own size."""
    m.compartment("c", 2, constant=False)
    m.species("S", conc=3)
    m.species("P", conc=0.1)
    m.constants(k=0.3, h=0.4)
    m.rate("c", "0.1*c*(4 - c)")
    m.reaction("J", "2 S -> P", "(k*S^2 - h*P)*c", reversible=True)


@case("S P c")
def compartment_under_an_assignment_rule(m: Draft) -> None:
    """A compartment that breathes with time, with a reaction inside."""
    m.compartment("c", 1, constant=False)
    m.species("S", amount=3)
    m.species("P", amount=0)
    m.assign("c", "2 + 0.5*sin(time)")
    m.reaction("J", "S -> P", "0.3*S*c")


@case("S A c x")
def compartment_computed_from_a_state(m: Draft) -> None:
    """A compartment computed from a parameter that moves; an initial concentration in it."""
    m.compartment("c", 1, constant=False)
    m.species("S", conc=3)
    m.species("A", conc=2, only=True)
    m.variables(x=0.5)
    m.rate("x", "0.3*(2 - x)")
    m.assign("c", "1 + x")
    m.reaction("J", "S -> A", "0.3*S")


@case("S A c", exact={"S": lambda t: np.where(t < 2, 1.5, 0.75), "A": lambda t: 4.0 + 0 * t})
def compartment_set_by_an_event(m: Draft) -> None:
    """An event doubles a compartment: amounts stay, concentrations halve."""
    m.compartment("c", 2, constant=False)
    m.species("S", amount=3)
    m.species("A", amount=4, only=True)
    m.event("double", "time > 2", {"c": "2*c"})


@case("S c", exact={"S": lambda t: 1.5 * np.exp(-0.5 * t)})
def rate_rule_of_a_concentration_in_a_growing_compartment(m: Draft) -> None:
    """A rate rule gives the rate of the concentration, whatever the compartment does."""
    m.compartment("c", 2, constant=False)
    m.species("S", conc=1.5)
    m.rate("c", "0.3*c")
    m.rate("S", "-0.5*S")


@case("A c", exact={"A": lambda t: 3 * np.exp(-0.5 * t)})
def rate_rule_of_an_amount_in_a_growing_compartment(m: Draft) -> None:
    """A rate rule of a species whose id is an amount, in a compartment that grows."""
    m.compartment("c", 2, constant=False)
    m.species("A", amount=3, only=True)
    m.rate("c", "0.3*c")
    m.rate("A", "-0.5*A")


@case(
    "S P c",
    exact={"S": lambda t: 1.5 * np.exp(-0.5 * t)},
    too_much="rate rule of the concentration 'S'",
)
def rate_rule_of_a_concentration_in_a_computed_compartment(m: Draft) -> None:
    """A rate rule of a concentration in a compartment under an assignment rule."""
    m.compartment("c", 2, constant=False)
    m.species("S", conc=1.5, boundary=True)
    m.species("P", conc=0)
    m.assign("c", "2 + 0.2*time")
    m.rate("S", "-0.5*S")
    m.reaction("J", "S -> P", "0.3*S*c")


@case("S c", exact={"c": lambda t: 2 + 0.3 * t, "S": lambda t: 6 / (2 + 0.3 * t)})
def compartment_follows_an_amount_of_its_own(m: Draft) -> None:
    """The rate of a compartment read from the amount of a species inside."""
    m.compartment("c", 2, constant=False)
    m.species("S", conc=3)
    m.rate("c", "0.05*S*c")


@case("A P", exact={"A": lambda t: 3 * np.exp(-0.4 * t)})
def point_compartment(m: Draft) -> None:
    """A compartment without dimensions and without a size."""
    m.compartment("spot", None, dims=0)
    m.species("A", "spot", amount=3, only=True)
    m.species("P", "spot", amount=0, only=True)
    m.reaction("J", "A -> P", "0.4*A")


@case("A P")
def surface_and_line(m: Draft) -> None:
    """Compartments of two dimensions and of one."""
    m.compartment("skin", 3, dims=2)
    m.compartment("hair", 0.5, dims=1)
    m.species("A", "skin", conc=2)
    m.species("P", "hair", conc=0)
    m.reaction("J", "A -> P", "0.4*A*skin")


@case("A", exact={"A": lambda t: 3 * np.exp(-0.4 * t)})
def compartment_without_a_size(m: Draft) -> None:
    """A compartment whose size is not given, and is not needed."""
    m.compartment("c", None)
    m.species("A", amount=3, only=True)
    m.reaction("J", "A ->", "0.4*A")


@case("A B C outer inner rim J K L")
def chain_of_three_compartments(m: Draft) -> None:
    """Three compartments: a constant one, one under a rate rule, one computed from that."""
    m.compartment("outer", 3)
    m.compartment("inner", 0.5, constant=False)
    m.compartment("rim", 1, constant=False, dims=2)
    m.species("A", "outer", conc=2)
    m.species("B", "inner", conc=0)
    m.species("C", "rim", amount=1, only=True)
    m.rate("inner", "0.1")
    m.assign("rim", "4.8*inner^(2/3)")
    m.reaction("J", "A -> B", "0.2*rim*(A - B)", reversible=True)
    m.reaction("K", "B -> C", "0.3*B*inner")
    m.reaction("L", "C ->", "0.05*C*rim")


# Where things start --------------------------------------------------------------


@case("S A p q c")
def initial_assignments_in_a_chain(m: Draft) -> None:
    """Initial assignments out of order, of each kind of thing, over given numbers."""
    m.compartment("c", 9)
    m.species("S", amount=77)
    m.species("A", conc=77, only=True)
    m.constants(k=0.5)
    m.variables(p=1, q=None)
    m.initial("A", "10*S")
    m.initial("S", "p + q")
    m.initial("q", "p^2 + c")
    m.initial("p", "3*k")
    m.initial("c", "4*k")
    m.reaction("J", "S -> A", "k*S*c")


@case("S A c", exact={"S": lambda t: 3 * np.exp(-0.2 * t), "A": lambda t: 8.0 + 0 * t})
def concentration_in_a_compartment_that_is_assigned(m: Draft) -> None:
    """An initial concentration counts in the compartment as an initial assignment sizes it."""
    m.compartment("c", 1)
    m.species("S", conc=3)
    m.species("A", conc=2, only=True)
    m.initial("c", "2 + 2")
    m.reaction("J", "S ->", "0.2*S*c")


@case("S A c", exact={"S": lambda t: 12 / (4 + t), "A": lambda t: 8.0 + 0 * t})
def concentration_in_a_compartment_that_is_computed(m: Draft) -> None:
    """An initial concentration counts in the compartment as an assignment rule sizes it."""
    m.compartment("c", 1, constant=False)
    m.species("S", conc=3)
    m.species("A", conc=2, only=True)
    m.assign("c", "4 + time")


@case("S c", exact={"S": lambda t: 0.75 * np.exp(-0.2 * t)})
def amount_in_a_compartment_that_is_assigned(m: Draft) -> None:
    """An initial amount stays one, whatever the compartment starts from."""
    m.compartment("c", 1)
    m.species("S", amount=3)
    m.initial("c", "2 + 2")
    m.reaction("J", "S ->", "0.2*S*c")


@case("x y r J S", exact={"x": lambda t: 7.0 + 0 * t, "y": lambda t: 1.2 + 0 * t})
def initial_assignments_read_rules_and_reactions(m: Draft) -> None:
    """Initial assignments that read an assignment rule, a reaction and the time."""
    m.species("S", conc=2)
    m.variables(x=0, y=0, r=0)
    m.assign("r", "3*S + time")
    m.initial("x", "r + 1 + time")
    m.initial("y", "2*J")
    m.reaction("J", "S ->", "0.3*S")


@case("y S", exact={"y": lambda t: 5 * np.exp(-t)})
def initial_assignment_of_a_state_under_a_rate_rule(m: Draft) -> None:
    """A state under a rate rule that starts from an expression."""
    m.species("S", conc=2, boundary=True)
    m.variables(y=9)
    m.initial("y", "S + 3")
    m.initial("S", "4/2")
    m.rate("y", "-y")
    m.rate("S", "0.5*y")


# Rules --------------------------------------------------------------


@case(
    "a b d e x", exact={"a": lambda t: 2 * (3 * np.exp(-t)) + 1, "e": lambda t: 7 + 12 * np.exp(-t)}
)
def assignment_rules_out_of_order(m: Draft) -> None:
    """Assignment rules written against the order in which they are needed."""
    m.variables(a=0, b=0, d=0, e=0, x=3)
    m.assign("e", "d + b")
    m.assign("d", "a + 2")
    m.assign("b", "a + 3")
    m.assign("a", "2*x + 1")
    m.rate("x", "-x")


@case("p c B x J")
def assignment_rules_on_every_kind(m: Draft) -> None:
    """A chain of rules through a parameter, a compartment and a species."""
    m.compartment("c", 1, constant=False)
    m.species("B", boundary=True)
    m.species("X", conc=1)
    m.variables(p=0, x=1)
    m.assign("B", "p*c")
    m.assign("c", "1 + p")
    m.assign("p", "x/2")
    m.rate("x", "0.2*B - 0.3*x")
    m.reaction("J", "B -> X", "0.1*B*c")


@case("v w S", exact={"S": lambda t: 2 * np.exp(-0.3 * t), "v": lambda t: 0.6 * np.exp(-0.3 * t)})
def rules_read_reactions(m: Draft) -> None:
    """The rate of a reaction read by an assignment rule, a rate rule and another reaction."""
    m.species("S", conc=2)
    m.species("P", conc=0)
    m.variables(v=0, w=0)
    m.assign("v", "J")
    m.rate("w", "2*J - 0.1*w")
    m.reaction("J", "S -> P", "0.3*S")
    m.reaction("K", "P ->", "0.5*J*P")


@case("x v", exact={"x": lambda t: np.cos(2 * t), "v": lambda t: -2 * np.sin(2 * t)})
def harmonic_oscillator(m: Draft) -> None:
    """Two parameters under rate rules; one passes through zero."""
    m.variables(x=1, v=0)
    m.rate("x", "v")
    m.rate("v", "-4*x")


@case("c p S", exact={"p": lambda t: 1 + 0.1 * t**2 / 2})
def rate_rules_on_every_kind(m: Draft) -> None:
    """Rate rules of a compartment, a parameter and a species, that read each other."""
    m.compartment("c", 1, constant=False)
    m.species("S", conc=2)
    m.variables(p=1)
    m.rate("p", "0.1*time")
    m.rate("c", "0.2*p - 0.1*c")
    m.rate("S", "c - 0.4*S")


@case("y z", exact={"y": lambda t: np.sin(t) + 1, "z": lambda t: 2 * np.sin(t) + 2})
def no_states_but_rules(m: Draft) -> None:
    """Nothing moves but what is computed from the time."""
    m.variables(y=0, z=0)
    m.assign("z", "2*y")
    m.assign("y", "sin(time) + 1")


@case("k c", exact={"k": lambda t: 3.0 + 0 * t, "c": lambda t: 2.0 + 0 * t})
def no_states_at_all(m: Draft) -> None:
    """A constant and a compartment; nothing happens."""
    m.compartment("c", 2)
    m.constants(k=3)


@case("S P", exact={"S": lambda t: 3.0 + 0 * t})
def species_that_no_reaction_touches(m: Draft) -> None:
    """Free species without reactions stay."""
    m.species("S P", conc=3)


@case("n y", exact={"n": lambda t: np.floor(t / 1.5)}, times=(0.2, 1.0, 2.0, 3.7, 8.0))
def no_states_but_events(m: Draft) -> None:
    """A counter moved by events in time alone."""
    m.variables(n=0, y=0)
    m.assign("y", "10*n")
    m.event("tick", "time >= 1.5*(n + 1)", {"n": "n + 1"})


# Functions and mathematics --------------------------------------------------------------


@case("x y", exact={"y": lambda t: 26.0 + 0 * t})
def nested_functions(m: Draft) -> None:
    """Functions that call functions; one without arguments."""
    m.function("one", "", "1")
    m.function("square", "a", "a*a")
    m.function("hypot2", "a b", "square(a) + square(b)")
    m.function("half", "a", "a/(one() + one())")
    m.variables(x=3, y=0)
    m.assign("y", "hypot2(one(), square(2) + one())")
    m.rate("x", "-half(hypot2(x, 0))/2")


@case("y x", exact={"y": lambda t: 7.0 + 0 * t})
def function_arguments_shadow_the_model(m: Draft) -> None:
    """Arguments called like parameters, given in another order."""
    m.function("take", "k h", "2*k + h")
    m.constants(k=1, h=3)
    m.variables(x=1, y=0)
    m.assign("y", "take(h, k)")
    m.rate("x", "-take(k, h)*x/5")


@case("s o n x")
def trigonometry(m: Draft) -> None:
    """sin, cos, tan and their inverses."""
    m.variables(x=0.2, s=0, o=0, n=0)
    m.rate("x", "0.05*cos(time)")
    m.assign("s", "sin(x) + arcsin(x)")
    m.assign("o", "cos(2*x) + arccos(x)")
    m.assign("n", "tan(x) + arctan(5*x)")


@case("s o n x")
def reciprocal_trigonometry(m: Draft) -> None:
    """sec, csc, cot and their inverses."""
    m.variables(x=1.4, s=0, o=0, n=0)
    m.rate("x", "-0.05*sin(time)")
    m.assign("s", "sec(x) + arcsec(x)")
    m.assign("o", "csc(2*x) + arccsc(x)")
    m.assign("n", "cot(x) + arccot(5*x)")


@case("s o n x")
def hyperbolic_functions(m: Draft) -> None:
    """sinh, cosh, tanh and their inverses."""
    m.variables(x=0.2, s=0, o=0, n=0)
    m.rate("x", "0.05*cos(time)")
    m.assign("s", "sinh(x) + arcsinh(-3*x)")
    m.assign("o", "cosh(2*x) + arccosh(1 + x)")
    m.assign("n", "tanh(x) + arctanh(2*x)")


@case("s o n x")
def reciprocal_hyperbolic_functions(m: Draft) -> None:
    """sech, csch, coth and their inverses."""
    m.variables(x=0.6, s=0, o=0, n=0)
    m.rate("x", "0.05*cos(time)")
    m.assign("s", "sech(x) + arcsech(x)")
    m.assign("o", "csch(2*x) + arccsch(-x)")
    m.assign("n", "coth(x) + arccoth(1 + x)")


@case("a b d e x")
def roots_powers_and_logarithms(m: Draft) -> None:
    """Roots with a degree, powers, exponentials, logarithms with a base."""
    m.variables(x=2, a=0, b=0, d=0, e=0)
    m.rate("x", "0.3*sqrt(x)")
    m.assign("a", "root(3, x) + sqrt(x) + x^1.7 + power(x, -2) + 2^x")
    m.assign("b", "exp(-x) + ln(x) + log10(x) + log(3, x)")
    m.assign("d", "exponentiale^x - exp(2*x)")
    m.assign("e", "root(x, 10) + log(x, 10)")


@case("a b d x", times=(0.0, 0.13, 0.5, 1.2, 2.4, 4.7))
def steps_and_factorials(m: Draft) -> None:
    """abs, ceil, floor, factorial."""
    m.variables(x=-1.3, a=0, b=0, d=0)
    m.rate("x", "0.8")
    m.assign("a", "abs(x)")
    m.assign("b", "ceil(x) - 10*floor(x)")
    m.assign("d", "factorial(4) + factorial(0) + factorial(abs(ceil(x)))")


@case("a b d x")
def least_most_rest_and_quotient(m: Draft) -> None:
    """min and max of several, quotient and remainder, with signs."""
    m.variables(x=3.3, a=0, b=0, d=0)
    m.rate("x", "-0.7")
    m.assign("a", "min(x, 2, 5 + x) + 10*max(x, -1, 0.5) + min(x) + max(x)")
    m.assign("b", "quotient(x, 2) + 10*quotient(-7, 2)")
    m.assign("d", "rem(x, 2) + 10*rem(-7, 3) + 100*rem(7, -3)")


@case("a b d e f x", times=(0.0, 0.13, 0.6, 1.1, 2.3, 4.7))
def logic_of_several(m: Draft) -> None:
    """and, or, xor of none, one and three; not; implies."""
    m.variables(x=0, a=0, b=0, d=0, e=0, f=0)
    m.rate("x", "1")
    m.assign("a", "piecewise(1, and(x > 0.1, x < 4, x > 1), 0)")
    m.assign("b", "piecewise(1, or(x < 0.1, x > 4, x == 9), 0)")
    m.assign("d", "piecewise(1, xor(x > 0.1, x > 1, x > 2), 0)")
    m.assign("e", "piecewise(1, implies(x > 0.5, x > 2), 0) + 10*piecewise(1, !(x > 1), 0)")
    m.assign(
        "f",
        "piecewise(1, and(), 0) + 10*piecewise(1, or(), 0) + 100*piecewise(1, xor(), 0)"
        " + 1000*piecewise(1, and(x > 1), 0) + 10000*piecewise(1, or(x > 1), 0)",
    )


@case("a b d e x", times=(0.0, 0.13, 0.6, 1.1, 2.3, 4.7))
def relations_of_several(m: Draft) -> None:
    """Relations of two and of three, equal and not equal."""
    m.constants(k=2)
    m.variables(x=0, a=0, b=0, d=0, e=0)
    m.rate("x", "1")
    m.assign("a", "piecewise(1, lt(0.5, x, 3), 0) + 10*piecewise(1, leq(k, 2, 2 + x), 0)")
    m.assign("b", "piecewise(1, gt(3, x, 0.5), 0) + 10*piecewise(1, geq(k + x, k, 2), 0)")
    m.assign("d", "piecewise(1, eq(k, 2, 2), 0) + 10*piecewise(1, k != 2, 0)")
    m.assign("e", "piecewise(1, x < 1, 2, x <= 2, 3, x >= 4, 4)")


@case("S P y")
def piecewise_in_time(m: Draft) -> None:
    """A law that is switched in time, with and without an otherwise."""
    m.species("S", conc=2)
    m.species("P", conc=0)
    m.variables(y=0)
    m.assign("y", "piecewise(1, time < 1, 3, (time >= 1) && (time < 3), 0, time >= 3)")
    m.reaction("J", "S -> P", "0.2*y*S + piecewise(0.05, time > 4, 0)")


@case("x y", exact={"x": lambda t: np.where(t < 2, 3 - t, 1 * np.exp(-(t - 2)))})
def piecewise_in_the_state(m: Draft) -> None:
    """A rate that changes its form where the state crosses a value."""
    m.variables(x=3, y=0)
    m.rate("x", "piecewise(-1, x > 1, -x)")
    m.assign("y", "piecewise(10, x >= 2, 20, x > 0.5, 30)")


@case("x")
def nested_piecewise(m: Draft) -> None:
    """A piecewise inside a value and inside a condition of another."""
    m.variables(x=3)
    m.rate(
        "x",
        "piecewise(piecewise(-1, x > 2, -0.5), piecewise(1, time < 5, 2) < 1.5, "
        "piecewise(0.3, x < 4, -0.1))",
    )


def _stairs(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 2.5, falling at k²/10 between (k - 1)/3 and k/3."""
    levels = np.array([7.5, *range(7, -1, -1)]) / 3
    taken = np.cumsum([0.0, *(-np.diff(levels) / (0.1 * np.arange(8, 0, -1) ** 2))])
    return np.interp(t, taken, levels)


@case("S n", times=(0.3, 0.8, 1.3, 2.5), exact={"S": _stairs}, unlike="S n")
def jumps_between_straight_lines(m: Draft) -> None:
    """Rates that are constant between jumps, which long steps follow too far."""
    m.function("steep", "a k", "0.1*ceil(k*a)^2")
    m.species("S", conc=2.5)
    m.variables(n=0)
    m.reaction("J", "S ->", "steep(S, fine)", local={"fine": 3})
    m.rate("n", "1 + floor(4*time)")


@case(
    "x n",
    times=(1.0, 5.0, 20.0),
    exact={"x": lambda t: 0.1 * t, "n": lambda t: np.where(t < 7, 0.0, 1.0)},
    unlike="n",
)
def event_that_holds_for_a_moment(m: Draft) -> None:
    """A trigger that holds in a window far shorter than the steps."""
    m.variables(x=0, n=0)
    m.rate("x", "0.1")
    m.event("window", "(x > 0.7) && (x < 0.7001)", {"n": "n + 1"})


@case("a b d x", exact={"a": lambda t: np.inf + 0 * t, "x": lambda t: 2 + t})
def constants_without_a_number(m: Draft) -> None:
    """Constants that are infinite and undefined, written and computed."""
    m.constants(a=np.inf, b=-np.inf, d=None)
    m.variables(x=2)
    m.initial("d", "0/0")
    m.rate("x", "piecewise(1, a > 3, 2)")


@case("a b d", exact={"a": lambda t: np.pi + np.e + 0 * t, "b": lambda t: 6.02214179e23 * (1 + t)})
def constants_of_nature(m: Draft) -> None:
    """pi, e, and Avogadro's number as SBML fixed it in 2010."""
    m.variables(a=0, b=0, d=0)
    m.assign("a", "pi + exponentiale")
    m.assign("b", "avogadro*(1 + time)")
    m.assign("d", "piecewise(1, true, 0) + piecewise(10, false, 20)")


@case("a b x", exact={"a": lambda t: 1 / 3 + 1.5e-3 + 2e10 + 4 + 0 * t})
def numbers_of_every_form(m: Draft) -> None:
    """A rational, exponents, an integer, a number with a unit."""
    m.variables(a=0, b=0, x=1)
    m.assign("a", "(1/3) + 1.5e-3 + 2e10 + 4")
    m.assign("b", "2.5 litre + 1 dimensionless")
    m.rate("x", "-(1/3)*x")


@case("a b", exact={"a": lambda t: 1.0 + 0 * t, "b": lambda t: 5.0 + 0 * t})
def sums_and_products_of_none(m: Draft) -> None:
    """Plus and times of no, one and four arguments."""
    m.variables(a=0, b=0)
    m.assign("a", "plus() + times()")
    m.assign("b", "plus(5) + times(0, 1, 2, 3)")


@case("a b", exact={"a": lambda t: (t > 2) + 1.0, "b": lambda t: 3.0 + 0 * t})
def truth_as_a_number(m: Draft) -> None:
    """A truth in a sum and a number as a condition, as L3V2 allows."""
    m.variables(a=0, b=0)
    m.assign("a", "(time > 2) + true")
    m.assign("b", "piecewise(3, 1, 4)")


@case("a b x", exact={"x": lambda t: -2 - t, "a": lambda t: (2 + t) ** 2 - (2 + t) ** 3})
def powers_of_negative_numbers(m: Draft) -> None:
    """Whole powers of a negative state, nought to the nought, unary minus and its rank."""
    m.variables(x=-2, a=0, b=0)
    m.rate("x", "-1")
    m.assign("a", "x^2 + x^3")
    m.assign("b", "0^0 - 2^2 + -x^2 + 2^-1 + 2^3^2")


@case("x y", exact={"x": lambda t: 1 + t**2 / 2, "y": lambda t: 3 * t})
def time_as_a_symbol(m: Draft) -> None:
    """The symbol of time in a rate rule and in a rule."""
    m.variables(x=1, y=0)
    m.rate("x", "time")
    m.assign("y", "3*time")


@case("r s u x S", exact={"r": lambda t: -0.5 * 4 * np.exp(-0.5 * t), "u": lambda t: 0.0 * t})
def rate_of_things(m: Draft) -> None:
    """The rate of a parameter, of a concentration under reactions, and of a constant."""
    m.compartment("c", 2)
    m.species("S", conc=3)
    m.constants(k=0.3)
    m.variables(x=4, r=0, s=0, u=0)
    m.rate("x", "-0.5*x")
    m.assign("r", "rateOf(x)")
    m.assign("s", "rateOf(S)")
    m.assign("u", "rateOf(k)")
    m.reaction("J", "S ->", "k*S*c")
    m.reaction("K", "-> S", "0.1")


@case("r y c A", exact={"r": lambda t: -0.3 * 3 * np.exp(-0.3 * t), "c": lambda t: 2 + 0.5 * t})
def rate_of_an_amount_and_a_compartment(m: Draft) -> None:
    """The rate of an amount and of a compartment, read by a rate rule and an event."""
    m.compartment("c", 2, constant=False)
    m.species("A", amount=3, only=True)
    m.variables(r=0, y=0, z=0)
    m.rate("c", "0.5")
    m.rate("y", "rateOf(A) + rateOf(c)")
    m.assign("r", "rateOf(A)")
    m.reaction("J", "A ->", "0.3*A")
    m.event("slow", "rateOf(A) > -0.5", {"z": "rateOf(c)"})


# Reactions --------------------------------------------------------------


@case("A B C J")
def stoichiometries_other_than_one(m: Draft) -> None:
    """Stoichiometries of 2, 3 and a half."""
    m.compartment("c", 2)
    m.species("A B", conc=3)
    m.species("C", conc=0)
    m.reaction("J", "2 A + 0.5 B -> 3 C", "0.05*A^2*B*c")


@case("A B")
def species_on_both_sides(m: Draft) -> None:
    """A catalyst on both sides, and a species that stands twice on one."""
    m.species("A", conc=1)
    m.species("B", conc=2)
    m.reaction("J", "A + B -> 2 A", "0.2*A*B")
    m.reaction("K", "A + A -> B + A", "0.1*A*A")


@case("A B C J K")
def reversible_reactions(m: Draft) -> None:
    """A cycle of reversible reactions that comes to rest."""
    m.species("A", conc=3)
    m.species("B C", conc=0.1)
    m.constants(f=1.0, b=0.5)
    m.reaction("J", "A -> B", "f*A - b*B", reversible=True)
    m.reaction("K", "B -> C", "b*B - 0.1*C", reversible=True)
    m.reaction("L", "2 C -> 2 A", "0.3*C^2 - 0.05*A^2", reversible=True)


@case("A B k", exact={"A": lambda t: 3 * np.exp(-2 * t), "k": lambda t: 5.0 + 0 * t})
def local_parameters_shadow(m: Draft) -> None:
    """Local parameters called like a parameter and like each other."""
    m.constants(k=5)
    m.species("A", conc=3)
    m.species("B", conc=0)
    m.reaction("J", "A -> B", "k*A", local={"k": 2})
    m.reaction("K", "B ->", "k*B*h", local={"k": 0.1, "h": 3})
    m.reaction("L", "-> B", "k*0.01")


@case("A B")
def local_parameters_shadow_a_species(m: Draft) -> None:
    """A local parameter called like a species, a compartment and a reaction."""
    m.compartment("c", 2)
    m.species("A", conc=3)
    m.species("B", conc=1)
    m.reaction("J", "A ->", "B*A*c", local={"B": 0.2, "c": 0.5})
    m.reaction("K", "B ->", "J*B", local={"J": 0.7})


@case("S P J", exact={"J": lambda t: 0.6 * np.exp(-0.4 * t)})
def conversion_factor_of_the_model(m: Draft) -> None:
    """A reaction in extents of which the model makes substance."""
    m.compartment("c", 2)
    m.species("S", conc=1.5)
    m.species("P", amount=0, only=True)
    m.constants(factor=2)
    m.model.setConversionFactor("factor")
    m.reaction("J", "S -> 3 P", "0.4*S")


@case("S P Q")
def conversion_factors_of_species(m: Draft) -> None:
    """Conversion factors of species go before that of the model."""
    m.compartment("c", 2)
    m.constants(general=2, own=0.1)
    m.model.setConversionFactor("general")
    m.species("S", conc=1.5)
    m.species("P", conc=0, factor="own")
    m.species("Q", amount=1, only=True, factor="own")
    m.reaction("J", "S + Q -> 3 P", "0.4*S*c*Q")


@case("S P n", exact={"n": lambda t: 3.0 + 0 * t})
def stoichiometry_from_an_initial_assignment(m: Draft) -> None:
    """A stoichiometry of its own name that starts from an expression, and is read."""
    m.species("S", conc=2)
    m.species("P", conc=0)
    m.constants(k=1.5)
    m.variables(n=0)
    m.initial("many", "2*k")
    m.assign("n", "many")
    m.reaction("J", "S -> P@many", "0.3*S")


@case("S P")
def stoichiometry_under_an_assignment_rule(m: Draft) -> None:
    """A stoichiometry computed from time and state."""
    m.species("S", conc=2)
    m.species("P", conc=0)
    m.assign("many", "1 + 0.5*sin(time) + 0.1*S")
    m.reaction("J", "S@many -> 2 P", "0.3*S")


@case("S P n", exact={"n": lambda t: 1 + 0.5 * t})
def stoichiometry_under_a_rate_rule(m: Draft) -> None:
    """A stoichiometry that is a state."""
    m.species("S", conc=2)
    m.species("P", conc=0)
    m.variables(n=0)
    m.rate("many", "0.5")
    m.assign("n", "many")
    m.reaction("J", "S -> P@many", "0.3*S")


@case("S P n", exact={"n": lambda t: np.where(t < 2, 1.0, 4.0)})
def stoichiometry_set_by_an_event(m: Draft) -> None:
    """A stoichiometry that an event sets."""
    m.species("S", conc=2)
    m.species("P", conc=0)
    m.variables(n=0)
    m.assign("n", "many")
    m.reaction("J", "S -> P@many", "0.3*S")
    m.event("more", "time > 2", {"many": "4"})


@case("S P T k", level=(2, 4))
def stoichiometry_as_a_formula(m: Draft) -> None:
    """Stoichiometries written as formulas, as level 2 does: of a constant and of a state."""
    m.compartment("c", 2)
    m.species("S", conc=2)
    m.species("P T", conc=0)
    m.constants(k=1.5)
    m.reaction("J", "S -> P", "0.3*S", stoichiometry={"P": "2*k"})
    m.reaction("K", "S -> T", "0.1*S", stoichiometry={"T": "1 + T"})


@case("S P", exact={"S": lambda t: 2.0 + 0 * t})
def reaction_without_a_law(m: Draft) -> None:
    """A reaction without a kinetic law does nothing."""
    m.species("S P", conc=2)
    m.reaction("J", "S -> P")
    m.reaction("K", "P ->", "0.3*P")


@case("S I", exact={"S": lambda t: 2 * t})
def source_sink_and_modifier(m: Draft) -> None:
    """Reactions from nothing, to nothing, and one that only reads."""
    m.species("S", conc=0)
    m.species("I", conc=4)
    m.reaction("J", "-> S", "0.5*I")
    m.reaction("K", "I ->", "0*S")


@case("S P E J")
def saturation_and_inhibition(m: Draft) -> None:
    """Michaelis-Menten, a Hill function, competition, a modifier under a rule."""
    m.compartment("c", 0.5)
    m.species("S", conc=10)
    m.species("P", conc=0)
    m.species("E", conc=1, boundary=True)
    m.function("hill", "x k n", "x^n/(k^n + x^n)")
    m.assign("E", "1/(1 + P/4)")
    m.reaction("J", "S -> P", "c*2*E*S/(3*(1 + P/2) + S)")
    m.reaction("K", "P -> S", "c*0.5*hill(P, 4, 2.5)")


# Events --------------------------------------------------------------


@case("k x", exact={"x": lambda t: np.exp(-0.5 * np.minimum(t, 2) - 2 * np.maximum(t - 2, 0))})
def event_in_time(m: Draft) -> None:
    """An event at a time sets a parameter."""
    m.variables(k=0.5, x=1)
    m.rate("x", "-k*x")
    m.event("faster", "time >= 2", {"k": "2"})


@case("x n", exact={"x": lambda t: (0.3 + t) % 1, "n": lambda t: np.floor(0.3 + t)})
def event_on_a_state_again_and_again(m: Draft) -> None:
    """Integrate and fire: the state is set back whenever it reaches one."""
    m.variables(x=0.3, n=0)
    m.rate("x", "1")
    m.event("fire", "x >= 1", {"x": "x - 1", "n": "n + 1"})


@case("x y", exact={"x": lambda t: 5.0 + 0 * t, "y": lambda t: 0.0 * t}, times=(0.1, 1.0))
def event_at_the_start(m: Draft) -> None:
    """True at the start: fires there when the trigger was false before, else not."""
    m.variables(x=0, y=0)
    m.event("first", "time >= 0", {"x": "5"}, initial=False)
    m.event("never", "time >= 0", {"y": "5"}, initial=True)


@case("x y", exact={"x": lambda t: 0.0 * t, "y": lambda t: np.where(t < 3, 0.0, 1.0)})
def event_that_is_not_persistent(m: Draft) -> None:
    """A delay in which the trigger falls: only the persistent event happens."""
    m.variables(x=0, y=0)
    m.event("gone", "(time > 1) && (time < 2)", {"x": "1"}, delay="2", persistent=False)
    m.event("stays", "(time > 1) && (time < 2)", {"y": "1"}, delay="2", persistent=True)


@case(
    "a b x",
    exact={"a": lambda t: np.where(t < 3, 0.0, 2.0), "b": lambda t: np.where(t < 3, 0.0, 4.0)},
)
def event_with_values_of_either_time(m: Draft) -> None:
    """A delay with values from when it was triggered, and from when it happens."""
    m.variables(x=1, a=0, b=0)
    m.rate("x", "1")
    m.event("early", "time >= 1", {"a": "x"}, delay="2")
    m.event("late", "time >= 1", {"b": "x"}, delay="2", late=True)


@case("a x", exact={"a": lambda t: np.where(t < 2.5, 0.0, 1.5)})
def event_with_a_computed_delay(m: Draft) -> None:
    """A delay computed from the state at the trigger."""
    m.variables(x=0.5, a=0)
    m.rate("x", "1")
    m.event("wait", "time >= 1", {"a": "x"}, delay="x")


@case(
    "a b",
    exact={"a": lambda t: np.where(t < 1, 0.0, 1.0), "b": lambda t: np.where(t < 1, 0.0, 2.0)},
)
def event_without_time_between(m: Draft) -> None:
    """A delay of nothing."""
    m.variables(a=0, b=0)
    m.event("now", "time >= 1", {"a": "1"}, delay="0")
    m.event("too", "time >= 1", {"b": "2"})


@case("x", exact={"x": lambda t: np.where(t < 1, 1.0, 8.0)})
def events_by_priority(m: Draft) -> None:
    """Two events at once, the more urgent first."""
    m.variables(x=1)
    m.event("second", "time >= 1", {"x": "2*x"}, priority="1", late=True)
    m.event("first", "time >= 1", {"x": "x + 3"}, priority="10", late=True)


@case("x", exact={"x": lambda t: np.where(t < 1, 1.0, 5.0)})
def events_by_a_computed_priority(m: Draft) -> None:
    """Priorities computed from the state."""
    m.variables(x=1, p=0)
    m.rate("p", "1")
    m.event("first", "time >= 1", {"x": "2*x"}, priority="3*p", late=True)
    m.event("second", "time >= 1", {"x": "x + 3"}, priority="p + 1", late=True)


@case("x y", exact={"x": lambda t: np.where(t < 1, 0.0, 1.0), "y": lambda t: 0.0 * t})
def event_that_another_takes_away(m: Draft) -> None:
    """The more urgent event makes the trigger of the other false before its turn."""
    m.variables(x=0, y=0)
    m.event("first", "(time >= 1) && (x < 1)", {"x": "1"}, priority="2")
    m.event("second", "(time >= 1) && (x < 1)", {"y": "1"}, priority="1", persistent=False)


@case("x y", exact={"y": lambda t: np.where(t < 1, 0.0, 2.0)})
def events_at_once_on_different_things(m: Draft) -> None:
    """Events at one time that do not meet, without priorities."""
    m.variables(x=0, y=0)
    m.event("one", "time >= 1", {"x": "1"})
    m.event("two", "time >= 1", {"y": "2"})


@case("a b d", exact={"d": lambda t: np.where(t < 1, 0.0, 3.0)})
def events_in_a_cascade(m: Draft) -> None:
    """An event that triggers the next at the same time, and that the one after."""
    m.variables(a=0, b=0, d=0)
    m.event("third", "b > 1", {"d": "b + 1"})
    m.event("second", "a > 0", {"b": "a + 1"})
    m.event("first", "time >= 1", {"a": "1"})


@case(
    "a b",
    exact={"a": lambda t: np.where(t < 1, 1.0, 2.0), "b": lambda t: np.where(t < 1, 2.0, 1.0)},
)
def event_that_swaps(m: Draft) -> None:
    """The assignments of one event are made at once."""
    m.variables(a=1, b=2)
    m.event("swap", "time >= 1", {"a": "b", "b": "a"})


@case(
    "S A P c p",
    exact={"S": lambda t: np.where(t < 2, 1.0, 4.0), "A": lambda t: np.where(t < 2, 3.0, 9.0)},
)
def event_that_sets_every_kind(m: Draft) -> None:
    """A concentration, an amount and a parameter set by one event; a reaction goes on."""
    m.compartment("c", 2)
    m.species("S", conc=1)
    m.species("A", amount=3, only=True)
    m.species("P", conc=0)
    m.variables(p=0.1)
    m.reaction("J", "-> P", "p*S")
    m.event("set", "time > 2", {"S": "2*S + 2", "A": "3*A", "p": "0.2"})


@case(
    "S c",
    exact={"S": lambda t: np.where(t < 2, 1.0, 0.8), "c": lambda t: np.where(t < 2, 2.0, 10.0)},
)
def event_that_sets_a_concentration_and_its_compartment(m: Draft) -> None:
    """The concentration set makes an amount in the old compartment; that stays in the new one."""
    m.compartment("c", 2, constant=False)
    m.species("S", conc=1)
    m.event("both", "time > 2", {"S": "4", "c": "10"})


@case(
    "S c",
    exact={"S": lambda t: np.where(t < 3, 1.0, 2 / 3), "c": lambda t: np.where(t < 3, 2.0, 12.0)},
)
def delayed_event_that_sets_a_compartment_and_its_concentration(m: Draft) -> None:
    """The same after a delay and the other way round, with computed values of that time."""
    m.compartment("c", 2, constant=False)
    m.species("S", conc=1)
    m.variables(x=1)
    m.rate("x", "1")
    m.event("both", "time > 2", {"c": "3*x", "S": "x"}, delay="1", late=True)


@case("S P c")
def event_that_sets_a_compartment_under_reactions(m: Draft) -> None:
    """A compartment set while its species react."""
    m.compartment("c", 2, constant=False)
    m.species("S", conc=4)
    m.species("P", conc=0)
    m.reaction("J", "2 S -> P", "0.1*S^2*c")
    m.event("shrink", "S < 2", {"c": "c/2"})


@case("x n", times=(0.2, 1.0, 2.7, 5.3, 8.8))
def event_on_conditions_together(m: Draft) -> None:
    """Triggers joined by and, or, xor and not."""
    m.variables(x=0, n=0, m=0)
    m.rate("x", "cos(time)")
    m.event("and", "(x > 0.5) && (time > 1)", {"n": "n + 1"})
    m.event("or", "(x < -0.5) || (time > 8)", {"n": "n + 10"})
    m.event("xor", "xor(x > 0.8, time > 7)", {"n": "n + 100"})
    m.event("not", "!(x > 0.1)", {"n": "n + 1000"})


@case("x y", exact={"x": lambda t: t})
def event_that_changes_nothing(m: Draft) -> None:
    """An event without assignments, and one whose trigger never holds."""
    m.variables(x=0, y=0)
    m.rate("x", "1")
    m.event("idle", "time > 1", {})
    m.event("never", "x < 0", {"y": "1"})


@case("x y", exact={"x": lambda t: np.where(t < 1, t, t + 5)})
def event_and_rules(m: Draft) -> None:
    """Assignment rules follow at once what an event sets, also in the next event."""
    m.variables(x=0, y=0, z=0)
    m.rate("x", "1")
    m.assign("y", "2*x")
    m.event("up", "time >= 1", {"x": "x + 5"})
    m.event("seen", "y > 11", {"z": "y"})


@case("x n", exact={"n": lambda t: np.floor((t + 0.5) / 1.5)}, times=(0.2, 1.2, 2.7, 5.3, 8.8))
def events_that_restart_each_other(m: Draft) -> None:
    """A delayed event that undoes its own trigger: a clock."""
    m.variables(x=0, n=0)
    m.event("on", "x < 0.5", {"x": "1", "n": "n + 1"}, delay="1", initial=False)
    m.event("off", "x > 0.5", {"x": "0"}, delay="0.5")


@case("V W", exact={"V": lambda t: np.where(t < 4, 1.0, 2.0)}, level=(2, 4))
def event_of_level_two(m: Draft) -> None:
    """Level 2: a delay, values of the time of the trigger, a trigger that holds from the start."""
    m.variables(V=1, W=0)
    m.event("later", "time > 1", {"V": "2*V"}, delay="3")
    m.event("always", "time >= 0", {"W": "1"})


@case("V x", level=(2, 4))
def event_of_level_two_with_values_of_its_own_time(m: Draft) -> None:
    """Level 2: the values are those of when it happens."""
    m.variables(V=1, x=1)
    m.rate("x", "0.3*x")
    m.event("later", "x > 1.5", {"V": "x"}, delay="1", late=True)


# Names and units --------------------------------------------------------------


@case(
    "time e pi y",
    exact={"y": lambda t: 6 * t + 5 + 0 * t, "time": lambda t: 3.0 + 0 * t},
    unlike="time",
)
def names_of_symbols(m: Draft) -> None:
    """Parameters called time, e, pi and avogadro."""
    m.constants(time=3, e=2, pi=5, avogadro=0.5)
    m.variables(y=0)
    m.rate("y", "time*e")
    m.initial("y", "pi")
    m.event("never", "time < 0", {"y": "time"})


@case("lambda def class yield x")
def names_of_python(m: Draft) -> None:
    """Ids that are words of Python."""
    m.constants(**{"lambda": 0.5, "def": 1, "class": 2, "yield": 0.1})
    m.variables(**{"x": 1, "None": 1, "self": 0})
    m.rate("x", "lambda*x*(class - def*x) - yield")
    m.assign("self", "None*2")


@case("double int sin_ INFINITY M_PI x")
def names_of_c(m: Draft) -> None:
    """Ids that are words of C and of its library."""
    m.constants(double=0.5, int=1, M_PI=2, INFINITY=3, sin_=4)
    m.variables(x=1, NAN=0)
    m.rate("x", "double - int*x + 0.1*M_PI*INFINITY/sin_")
    m.assign("NAN", "x + 1")


@case("sin exp max x y", exact={"y": lambda t: 5.0 + 0 * t})
def names_of_functions(m: Draft) -> None:
    """Ids that are names of functions."""
    m.constants(sin=2, exp=3, max=0.5)
    m.variables(x=1, y=0)
    m.assign("y", "sin + exp")
    m.rate("x", "-max*x")


@case("_ _x x_1 __init__")
def names_with_underscores(m: Draft) -> None:
    """Ids that begin or end with underscores."""
    m.constants(_=0.5)
    m.variables(_x=1, x_1=2, __init__=3)
    m.rate("_x", "-_*_x")
    m.rate("x_1", "_x - _*x_1")
    m.rate("__init__", "x_1 - __init__")


@case("S s", exact={"S": lambda t: 2 * np.exp(-0.5 * t), "s": lambda t: 3 * np.exp(-0.25 * t)})
def names_that_differ_by_case(m: Draft) -> None:
    """Ids that differ by case alone."""
    m.species("S", conc=2)
    m.species("s", conc=3)
    m.constants(k=0.5, K=0.25)
    m.reaction("J", "S ->", "k*S")
    m.reaction("j", "s ->", "K*s")


@case("S k", exact={"S": lambda t: 2 * np.exp(-0.5 * t)})
def units_given(m: Draft) -> None:
    """Units on everything change no number."""
    for name, kind, scale in (("mmole", "mole", -3), ("mlitre", "litre", -3)):
        made = m.model.createUnitDefinition()
        made.setId(name)
        unit = made.createUnit()
        unit.setKind(libsbml.UnitKind_forName(kind))
        unit.setScale(scale)
        unit.setExponent(1)
        unit.setMultiplier(1)
    m.model.setSubstanceUnits("mmole")
    m.model.setExtentUnits("mmole")
    m.model.setVolumeUnits("mlitre")
    m.model.setTimeUnits("second")
    m.species("S", conc=2)
    m.constants(k=0.5)
    m.model.getSpecies("S").setSubstanceUnits("mmole")
    m.reaction("J", "S ->", "k*S*c")


@case("S P", exact={"S": lambda t: 1.5 * np.exp(-0.4 * t)}, level=(3, 1))
def level_three_version_one(m: Draft) -> None:
    """The same in L3V1, with an event and a rule."""
    m.compartment("c", 2)
    m.species("S", amount=3)
    m.species("P", amount=0)
    m.variables(y=0)
    m.assign("y", "S + P")
    m.reaction("J", "S -> P", "0.4*S*c")
    m.event("add", "time > 3", {"P": "P + 1"}, priority="2")


@case("S P c", exact={"S": lambda t: 1.5 * np.exp(-0.4 * t)}, level=(2, 4))
def level_two(m: Draft) -> None:
    """The same in L2V4, with local parameters and an initial assignment."""
    m.compartment("c", 2)
    m.species("S", amount=3)
    m.species("P", conc=0)
    m.constants(p=1)
    m.initial("P", "2*p")
    m.reaction("J", "S -> P", "k*S*c", local={"k": 0.4})


# Dynamics --------------------------------------------------------------


@case("A B C", times=(0.0, 0.01, 0.4, 4.0, 40.0, 4000.0))
def stiff_robertson(m: Draft) -> None:
    """Robertson's problem: three rates nine orders of magnitude apart."""
    m.species("A", conc=1)
    m.species("B C", conc=0)
    m.reaction("J", "A -> B", "0.04*A")
    m.reaction("K", "B -> C", "3e7*B^2")
    m.reaction("L", "B -> A", "1e4*B*C")


@case("x y", times=(0.0, 1.0, 5.0, 12.0, 20.0))
def stiff_relaxation_oscillator(m: Draft) -> None:
    """Van der Pol's oscillator with sharp turns."""
    m.variables(x=2, y=0)
    m.constants(mu=20)
    m.rate("x", "y")
    m.rate("y", "mu*(1 - x^2)*y - x")


@case("hare fox")
def predator_and_prey(m: Draft) -> None:
    """Lotka and Volterra as reactions."""
    m.compartment("field", 3)
    m.species("hare", "field", conc=2)
    m.species("fox", "field", conc=1)
    m.reaction("born", "hare -> 2 hare", "1.1*hare*field")
    m.reaction("eaten", "hare + fox -> 2 fox", "0.6*hare*fox*field")
    m.reaction("dies", "fox ->", "0.8*fox*field")


@case("X Y")
def brusselator(m: Draft) -> None:
    """A chemical oscillator, with boundary species."""
    m.species("A", conc=1, boundary=True, constant=True)
    m.species("B", conc=2.5, boundary=True, constant=True)
    m.species("X Y", conc=1.2)
    m.reaction("J1", "A -> X", "A")
    m.reaction("J2", "2 X + Y -> 3 X", "X^2*Y")
    m.reaction("J3", "B + X -> Y", "B*X")
    m.reaction("J4", "X ->", "X")


@case("p1 p2 p3")
def ring_of_repressors(m: Draft) -> None:
    """Three genes that shut each other off."""
    m.function("off", "x", "8/(1 + x^3)")
    m.species("p1 p2 p3", amount=0, only=True)
    m.initial("p1", "0.5")
    for name, before in (("p1", "p3"), ("p2", "p1"), ("p3", "p2")):
        m.reaction(f"make_{name}", f"-> {name}", f"off({before})")
        m.reaction(f"lose_{name}", f"{name} ->", f"0.9*{name}")


@case("x v", exact={"x": lambda t: np.exp(-0.3 * t) * (np.cos(t) + 0.3 * np.sin(t))})
def damped_spring(m: Draft) -> None:
    """States of either sign that come to rest."""
    m.variables(x=1, v=0)
    m.rate("x", "v")
    m.rate("v", "-1.09*x - 0.6*v")


@case("x")
def driven_by_the_time(m: Draft) -> None:
    """A state driven by a sine, with a jump in the middle."""
    m.variables(x=0)
    m.rate("x", "sin(3*time) + piecewise(1, (time > 2) && (time < 3), 0) - 0.5*x")


@case("G L R", times=(0.0, 0.5, 3.0, 20.0, 100.0))
def numbers_of_very_different_size(m: Draft) -> None:
    """Amounts of 1e12 and of 1e-9 in one model."""
    m.species("G", amount=1e12, only=True)
    m.species("L", amount=1e-9, only=True)
    m.species("R", amount=0, only=True)
    m.reaction("J", "G ->", "0.05*G")
    m.reaction("K", "L -> R", "0.2*L*G/(1e11 + G)")
    m.reaction("I", "R ->", "0.1*R")


@case("n1 n6 n12 gut")
def chain_of_twelve(m: Draft) -> None:
    """Transit through twelve compartments: more states than a hand would write."""
    m.species("gut", amount=100, only=True)
    m.species(" ".join(f"n{i}" for i in range(1, 13)), amount=0, only=True)
    names = ["gut", *(f"n{i}" for i in range(1, 13))]
    for here, there in zip(names, [*names[1:], ""], strict=True):
        m.reaction(f"from_{here}", f"{here} -> {there}", f"2*{here}")


@case("x y", times=(0.0, 0.5, 2.0, 9.0))
def slow_after_fast(m: Draft) -> None:
    """A fast state that follows a slow one."""
    m.variables(x=1, y=0)
    m.rate("x", "-0.2*x")
    m.rate("y", "1e5*(x^2 - y)")


@case("x", exact={"x": lambda t: 5 / (1 + 4 * np.exp(-0.7 * t))})
def logistic_growth(m: Draft) -> None:
    """Growth to a limit."""
    m.variables(x=1)
    m.rate("x", "0.7*x*(1 - x/5)")


# Doses --------------------------------------------------------------


@case(
    "S P",
    doses=((0.0, 4.0, "S"), (2.0, 6.0, "S"), (2.0, 1.0, "P")),
    exact={"S": lambda t: 2 * np.exp(-0.4 * t) + np.where(t < 2, 0, 3 * np.exp(-0.4 * (t - 2)))},
)
def doses_of_a_concentration(m: Draft) -> None:
    """Doses are amounts, also of a species read as a concentration."""
    m.compartment("c", 2)
    m.species("S P", conc=0)
    m.reaction("J", "S -> P", "0.4*S*c")


@case("S A c", doses=((0.5, 4.0, "S"), (3.0, 2.0, "S"), (3.0, 2.0, "A")))
def doses_in_a_growing_compartment(m: Draft) -> None:
    """Doses into a compartment that grows."""
    m.compartment("c", 2, constant=False)
    m.species("S", conc=0)
    m.species("A", amount=0, only=True)
    m.rate("c", "0.5")
    m.reaction("J", "S -> A", "0.4*S")


@case(
    "x S n",
    doses=((0.7, 4.0, "S"), (3.0, 9.0, "S")),
    exact={
        "x": lambda t: np.where(t < 0.7, 0.0, np.where(t < 3, 1.0, 2.0)),
        "n": lambda t: np.where(t < 1.1, 0.0, np.where(t < 3.4, 1.0, 2.0)),
    },
    too_much="doses beside the model's own events",
)
def doses_that_trigger_events(m: Draft) -> None:
    """A dose lifts a state over the threshold of an event, with and without a delay."""
    m.species("S", amount=1, only=True)
    m.variables(x=0, n=0)
    m.reaction("J", "S ->", "0.5*S")
    m.event("high", "S > 3", {"x": "x + 1"})
    m.event("later", "S > 3", {"n": "n + 1"}, delay="0.4")


@case("S y", doses=((0.5, 1.0, "S"), (1.0, 1.0, "S"), (1.5, 1.0, "S"), (2.0, 1.0, "S")))
def doses_again_and_again(m: Draft) -> None:
    """Doses in a row, read by a rule, with saturated loss."""
    m.species("S", amount=0, only=True)
    m.variables(y=0)
    m.assign("y", "S/(1 + S)")
    m.reaction("J", "S ->", "2*y")


@case(
    "S",
    doses=((1.0, 4.0, "S"),),
    exact={"S": lambda t: np.exp(-0.5 * t) + np.where(t < 1, 0, 4 * np.exp(-0.5 * (t - 1)))},
)
def dose_of_a_species_under_a_rate_rule(m: Draft) -> None:
    """A dose of a species that a rate rule moves."""
    m.species("S", amount=1, only=True, boundary=True)
    m.rate("S", "-0.5*S")


# What must be refused --------------------------------------------------------------


@refused("algebraic rule '0 = x \\+ y - 3'")
def algebraic_rule(m: Draft) -> None:
    m.variables(x=1, y=2)
    m.algebraic("x + y - 3")


@refused("rule for x: the delay symbol")
def delay_symbol(m: Draft) -> None:
    m.variables(x=1, y=2)
    m.rate("x", "-delay(x, 1)")


@refused("the fast reaction 'J'", level=(3, 1))
def fast_reaction(m: Draft) -> None:
    m.species("S", conc=1)
    m.reaction("J", "S ->", "S", fast=True)


@refused("the fast reaction 'J'", level=(2, 4))
def fast_reaction_of_level_two(m: Draft) -> None:
    m.species("S", conc=1)
    m.reaction("J", "S ->", "S", fast=True)


@refused("package 'comp'")
def package_that_is_required(m: Draft) -> None:
    m.document.enablePackage("http://www.sbml.org/sbml/level3/version1/comp/version1", "comp", True)
    m.document.setPackageRequired("comp", True)
    m.variables(x=1)


@refused("twice")
def unknown_function(m: Draft) -> None:
    m.variables(x=1)
    m.rate("x", "-twice(x)")


@refused("nowhere")
def undefined_symbol(m: Draft) -> None:
    m.variables(x=1)
    m.rate("x", "-nowhere*x")


@refused("a|b")
def assignment_rules_in_a_circle(m: Draft) -> None:
    m.variables(a=1, b=2)
    m.assign("a", "b + 1")
    m.assign("b", "a/2")


@refused("a|b")
def initial_assignments_in_a_circle(m: Draft) -> None:
    m.variables(a=1, b=2)
    m.initial("a", "b + 1")
    m.initial("b", "a/2")


@refused("f|g")
def functions_in_a_circle(m: Draft) -> None:
    m.function("f", "a", "1 + a")
    m.variables(x=1)
    m.model.getFunctionDefinition("f").setMath(m.math("lambda(a, f(a))"))
    m.rate("x", "f(x)")


@refused("x")
def two_rules_for_one_thing(m: Draft) -> None:
    m.variables(x=1)
    m.assign("x", "2")
    m.rate("x", "1")
