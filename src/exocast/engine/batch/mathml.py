"""MathML as SBML uses it, as expressions.

The walk is ours because the model has to be read in milliseconds; what is not known is refused by
name. A function definition is expanded where it is called, once for each set of arguments.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exocast.engine.batch.graph import Graph, Node
from exocast.errors import InvalidInput, UnsupportedModel, nearest

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MATHML = "{http://www.w3.org/1998/Math/MathML}"
SYMBOLS = "http://www.sbml.org/sbml/symbols/"
AVOGADRO = 6.02214179e23  # SBML level 3 fixes this value (CODATA 2006)
CONSTANTS = {
    "pi": math.pi,
    "exponentiale": math.e,
    "infinity": math.inf,
    "notanumber": math.nan,
}
ONE_ARGUMENT = {
    "abs": "abs",
    "exp": "exp",
    "ln": "log",
    "floor": "floor",
    "ceiling": "ceil",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}
# One over a function, and a function of one over the argument.
RECIPROCALS = {
    "sec": "cos",
    "csc": "sin",
    "cot": "tan",
    "sech": "cosh",
    "csch": "sinh",
    "coth": "tanh",
}
OF_RECIPROCAL = {
    "arcsec": "acos",
    "arccsc": "asin",
    "arccot": "atan",
    "arcsech": "acosh",
    "arccsch": "asinh",
    "arccoth": "atanh",
}
TAKES_NUMBERS = {"plus", "times", "min", "max"}
RELATIONS = {"eq", "neq", "lt", "leq", "gt", "geq"}
DEEPEST_CALLS = 30
MOST_CALLS = 100_000
DEEPEST_NEST = 40  # of expressions in expressions, before what is inside is translated first
DIGITS = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
WHOLE = re.compile(r"[-+]?[0-9]+")
WORDS = {"INF": math.inf, "-INF": -math.inf, "NaN": math.nan}


@dataclass(frozen=True, kw_only=True, eq=False)
class Function:
    """A function definition: names of its arguments, and the MathML of its body."""

    arguments: tuple[str, ...]
    body: Element


@dataclass(kw_only=True)
class Translator:
    """From MathML to nodes of a graph.

    Attributes
    ----------
    resolve
        Node of a name.
    rate_of
        Node of the rate of change of a name, for the symbol ``rateOf``; None where it has none.
    time
        Node of the time.
    where
        Which element the mathematics stands in, for messages.
    """

    graph: Graph
    functions: Mapping[str, Function]
    resolve: Callable[[str], Node]
    rate_of: Callable[[str], Node] | None
    time: Node
    where: str = ""
    _calls: dict[tuple[object, ...], Node] = field(default_factory=dict)
    _calling: list[str] = field(default_factory=list)
    _done: dict[int, Node] = field(default_factory=dict)  # by identity of the element

    def number(self, math_element: Element) -> Node:
        """A node with a number, from a ``<math>`` element or what is in one."""
        return self.graph.number(self._whole(math_element))

    def truth(self, math_element: Element) -> Node:
        """A boolean node."""
        return self.graph.truth(self._whole(math_element))

    def _whole(self, top: Element, scope: Mapping[str, Node] | None = None) -> Node:
        """The node of an expression however deep it nests: its depths are translated first."""
        deep: list[Element] = []
        stack = [(top, 0)]
        while stack:
            element, depth = stack.pop()
            kind = _name(element)
            if kind in {"annotation", "annotation-xml"}:
                continue
            if depth >= DEEPEST_NEST and kind in {"apply", "piecewise"}:
                deep.append(element)
                depth = 0
            stack.extend((child, depth + 1) for child in element)
        for element in reversed(deep):  # what is inside comes after what it is in
            self._done[id(element)] = self.node(element, scope)
        return self.node(top, scope)

    def node(self, element: Element, scope: Mapping[str, Node] | None = None) -> Node:
        """The node of an element; ``scope`` holds arguments of the function that it stands in.

        Raises
        ------
        UnsupportedModel, InvalidInput
            Naming what is not supported or makes no sense, and where it stands.
        """
        if id(element) in self._done:
            return self._done[id(element)]
        kind = _name(element)
        match kind:
            case "math" | "semantics":
                children = [c for c in element if _name(c) not in {"annotation", "annotation-xml"}]
                if len(children) != 1:
                    raise self._invalid(f"<{kind}> holds one expression")
                return self.node(children[0], scope)
            case "cn":
                return self.graph.const(self._parsed(element))
            case "ci":
                return self._named((element.text or "").strip(), scope)
            case "csymbol":
                return self._symbol(element)
            case "true" | "false":
                return self.graph.boolean(kind == "true")
            case "apply":
                return self._apply(element, scope)
            case "piecewise":
                return self._piecewise(element, scope)
            case _ if kind in CONSTANTS:
                return self.graph.const(CONSTANTS[kind])
        raise self._unsupported(f"<{kind}>")

    def _named(self, name: str, scope: Mapping[str, Node] | None) -> Node:
        if scope is None:
            return self.resolve(name)
        if name in scope:
            return scope[name]
        raise self._invalid(
            f"a function uses '{name}', which is none of its arguments", nearest(name, scope)
        )

    def _symbol(self, element: Element) -> Node:
        symbol = element.get("definitionURL", "").strip().removeprefix(SYMBOLS)
        if symbol == "time":
            return self.time
        if symbol == "avogadro":
            return self.graph.const(AVOGADRO)
        raise self._unsupported(f"the symbol '{symbol}'")

    def _apply(self, element: Element, scope: Mapping[str, Node] | None) -> Node:
        if not len(element):
            raise self._invalid("an <apply> is empty")
        head, *rest = element
        operator = _name(head)
        if operator == "csymbol":
            return self._apply_symbol(head, rest, scope)
        if operator == "ci":
            arguments = tuple(self.node(child, scope) for child in rest)
            return self._call((head.text or "").strip(), arguments)
        qualifier = {_name(child): child for child in rest if _name(child) in {"degree", "logbase"}}
        operands = [self.node(child, scope) for child in rest if _name(child) not in qualifier]
        inner = {name: self._only(child, scope) for name, child in qualifier.items()}
        return self._operation(operator, operands, inner)

    def _only(self, element: Element, scope: Mapping[str, Node] | None) -> Node:
        if len(element) != 1:
            raise self._invalid(f"<{_name(element)}> holds one expression")
        return self.graph.number(self.node(element[0], scope))

    def _apply_symbol(
        self, head: Element, rest: list[Element], scope: Mapping[str, Node] | None
    ) -> Node:
        symbol = head.get("definitionURL", "").strip().removeprefix(SYMBOLS)
        if symbol == "rateOf" and self.rate_of is not None and scope is None:
            if len(rest) != 1 or _name(rest[0]) != "ci":
                raise self._invalid("rateOf takes one name")
            return self.rate_of((rest[0].text or "").strip())
        what = "the delay symbol" if symbol == "delay" else f"the symbol '{symbol}' here"
        raise self._unsupported(what)

    def _call(self, name: str, arguments: tuple[Node, ...]) -> Node:
        function = self.functions.get(name)
        if function is None:
            raise self._invalid(f"there is no function '{name}'", nearest(name, self.functions))
        if len(arguments) != len(function.arguments):
            raise self._invalid(
                f"'{name}' takes {len(function.arguments)} arguments and is given {len(arguments)}"
            )
        key = (name, *arguments)
        if key not in self._calls:
            if name in self._calling:
                raise self._invalid(f"the function '{name}' calls itself")
            if len(self._calling) >= DEEPEST_CALLS or len(self._calls) >= MOST_CALLS:
                raise self._unsupported(f"a nest of functions as large as that of '{name}'")
            self._calling.append(name)
            outside, self._done = self._done, {}
            scope = dict(zip(function.arguments, arguments, strict=True))
            self._calls[key] = self._whole(function.body, scope)
            self._done = outside
            self._calling.pop()
        return self._calls[key]

    def _piecewise(self, element: Element, scope: Mapping[str, Node] | None) -> Node:
        pieces: list[tuple[Node, Node]] = []
        otherwise: Node | None = None
        for child in element:
            match _name(child):
                case "piece" if len(child) == 2:
                    value, condition = (self.node(part, scope) for part in child)
                    pieces.append((value, self.graph.truth(condition)))
                case "otherwise" if len(child) == 1 and otherwise is None:
                    otherwise = self.node(child[0], scope)
                case _:
                    raise self._invalid("a <piecewise> is malformed")
        if otherwise is None:
            # Nothing holds: SBML leaves the value open; not-a-number says so.
            otherwise = self.graph.const(math.nan)
        result = otherwise
        for value, condition in reversed(pieces):
            result = self.graph.select(condition, value, result)
        return result

    def _operation(self, name: str, given: list[Node], inner: Mapping[str, Node]) -> Node:
        graph = self.graph
        if name in RELATIONS:
            return self._relation(name, [graph.number(a) for a in given])
        if name in {"and", "or", "xor", "not", "implies"}:
            return self._logic(name, [graph.truth(a) for a in given])
        operands = [graph.number(a) for a in given]
        if name in TAKES_NUMBERS:
            return self._many(name, operands)
        if name == "minus" and len(operands) == 1:
            return graph.unary("neg", operands[0])
        one_at_most = {*ONE_ARGUMENT, *RECIPROCALS, *OF_RECIPROCAL, "factorial", "root", "log"}
        two = {"minus", "divide", "power", "quotient", "rem"}
        wanted = 1 if name in one_at_most else 2 if name in two else None
        if wanted is None:
            raise self._unsupported(f"<{name}>")
        if len(operands) != wanted:
            raise self._invalid(f"<{name}> takes {wanted} operands and has {len(operands)}")
        a, b = operands[0], operands[-1]
        match name:
            case "minus":
                return graph.sub(a, b)
            case "divide":
                return graph.div(a, b)
            case "power":
                return graph.power(a, b)
            case "quotient":
                return graph.unary("trunc", graph.div(a, b))
            case "rem":
                return graph.fmod(a, b)
            case "factorial":
                return graph.unary("tgamma", graph.add(a, graph.const(1.0)))
            case "root":
                degree = inner.get("degree", graph.const(2.0))
                if graph.value(degree) == 0:
                    raise self._invalid("a root of degree 0")
                return graph.power(a, graph.div(graph.const(1.0), degree))
            case "log":
                base = inner.get("logbase", graph.const(10.0))
                return graph.div(graph.unary("log", a), graph.unary("log", base))
        if name in RECIPROCALS:
            return graph.unary("recip", graph.unary(RECIPROCALS[name], a))
        if name in OF_RECIPROCAL:
            return graph.unary(OF_RECIPROCAL[name], graph.unary("recip", a))
        return graph.unary(ONE_ARGUMENT[name], a)

    def _many(self, name: str, operands: list[Node]) -> Node:
        graph = self.graph
        if not operands and name in {"min", "max"}:
            raise self._invalid(f"<{name}> has no operands")
        match name:
            case "plus":
                return graph.total(operands)
            case "times":
                result = graph.const(1.0)
                for operand in operands:
                    result = graph.mul(result, operand)
                return result
        result = operands[0]
        for operand in operands[1:]:
            result = (graph.minimum if name == "min" else graph.maximum)(result, operand)
        return result

    def _relation(self, name: str, operands: list[Node]) -> Node:
        graph = self.graph
        if len(operands) < 2 or (name == "neq" and len(operands) != 2):
            raise self._invalid(f"<{name}> compares two numbers and has {len(operands)}")
        result = graph.boolean(True)
        for a, b in itertools.pairwise(operands):
            match name:
                case "lt" | "leq":
                    one = (graph.less if name == "lt" else graph.less_equal)(a, b)
                case "gt" | "geq":
                    one = (graph.less if name == "gt" else graph.less_equal)(b, a)
                case _:
                    one = graph.equal(a, b)
            result = graph.both(result, graph.negation(one) if name == "neq" else one)
        return result

    def _logic(self, name: str, operands: list[Node]) -> Node:
        graph = self.graph
        if name in {"not", "implies"} and len(operands) != (1 if name == "not" else 2):
            raise self._invalid(f"<{name}> has {len(operands)} operands")
        match name:
            case "not":
                return graph.negation(operands[0])
            case "implies":
                return graph.either(graph.negation(operands[0]), operands[1])
        result = graph.boolean(name == "and")
        how = {"and": graph.both, "or": graph.either, "xor": graph.differ}[name]
        for operand in operands:
            result = how(result, operand)
        return result

    def _parsed(self, element: Element) -> float:
        parts = [(element.text or "").strip()]
        parts += [(child.tail or "").strip() for child in element if _name(child) == "sep"]
        kind = element.get("type", "real")
        whole = [WHOLE.fullmatch(part) is not None for part in parts]
        numbers = [parsed_number(part) for part in parts]
        match kind, numbers:
            case "e-notation", [float(a), _] if whole[1] and "e" not in parts[0].lower():
                if not math.isfinite(a):
                    return a
                if (value := parsed_number(f"{parts[0]}e{parts[1]}")) is not None:
                    return value
            case "rational", [float(a), float(b)] if all(whole) and b:
                return a / b if math.isfinite(b) else math.nan
            case "integer", [float(a)] if whole[0]:
                return a
            case "real" | "double", [float(a)]:
                return a
        raise self._invalid(f"'{' '.join(parts)[:60]}' is no number of type '{kind[:60]}'")

    def _invalid(self, what: str, hint: str = "") -> InvalidInput:
        return InvalidInput(f"{what}.{hint}", where=self.where)

    def _unsupported(self, what: str) -> UnsupportedModel:
        return UnsupportedModel(f"{what} is not supported by the batched engine.", where=self.where)


def parsed_number(text: str) -> float | None:
    """A number as XML Schema writes doubles; None for anything else, such as ``nan`` or ``1_000``.

    Nor are digits beyond the largest double a number: infinity is written ``INF``.
    """
    text = text.strip()
    if text in WORDS:
        return WORDS[text]
    value = float(text) if DIGITS.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def _name(element: Element) -> str:
    return str(element.tag).removeprefix(MATHML)
