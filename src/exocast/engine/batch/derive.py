"""Derivatives of expressions with respect to states and time, as expressions.

Forward mode over the graph, keeping only what is not zero: a node that several rates share is
differentiated once, and the derivative of x^n is built from x^n itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from exocast.engine.batch.graph import Graph, Node
from exocast.errors import UnsupportedModel

TIME = -1
Gradient = dict[int, Node]


class Derivatives:
    """Gradients of the nodes of a graph; indices are those of states, ``TIME`` is the time."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._known: dict[Node, Gradient] = {}

    def of(self, root: Node) -> Gradient:
        """Derivatives of a node that are not zero, by index of the state.

        Raises
        ------
        UnsupportedModel
            For a function whose derivative is not at hand.
        """
        known, stack = self._known, [root]
        while stack:
            wanted = [a for a in self.graph.arguments(stack[-1]) if a not in known]
            if wanted and stack[-1] not in known:
                stack += reversed(wanted)
                continue
            node = stack.pop()
            if node not in known:
                known[node] = self._local(node)
        return known[root]

    def _local(self, node: Node) -> Gradient:
        graph = self.graph
        operation, *rest = graph.nodes[node]
        if operation == "load":
            array, index = rest
            if array == "y":
                return {int(index): graph.const(1.0)}  # type: ignore[call-overload]
            return {TIME: graph.const(1.0)} if array == "t" else {}
        if operation == "const" or graph.is_boolean(node):
            return {}
        arguments = graph.arguments(node)
        if operation == "select":
            condition, yes, no = arguments
            return self._selected(condition, self._known[yes], self._known[no])
        inner = [self._known[a] for a in arguments]
        if not any(inner):
            return {}
        partial = self._partials(str(operation), node, arguments)
        return self._chained(partial, inner)

    def _selected(self, condition: Node, yes: Gradient, no: Gradient) -> Gradient:
        zero = self.graph.const(0.0)
        return {
            i: self.graph.select(condition, yes.get(i, zero), no.get(i, zero))
            for i in sorted({*yes, *no})
        }

    def _chained(self, partials: Iterable[Node], inner: list[Gradient]) -> Gradient:
        graph = self.graph
        result: Gradient = {}
        for partial, gradient in zip(partials, inner, strict=True):
            for i, node in gradient.items():
                term = graph.mul(partial, node)
                result[i] = graph.add(result[i], term) if i in result else term
        return {i: node for i, node in result.items() if graph.value(node) != 0}

    def _partials(self, operation: str, node: Node, a: tuple[Node, ...]) -> list[Node]:
        """Derivatives of an operation by its arguments."""
        g = self.graph
        one, zero = g.const(1.0), g.const(0.0)
        match operation:
            case "add":
                return [one, one]
            case "sub":
                return [one, g.const(-1.0)]
            case "mul":
                return [a[1], a[0]]
            case "neg":
                return [g.const(-1.0)]
            case "recip":
                return [g.unary("neg", g.mul(node, node))]
            case "sqrt":
                # At 0 the slope has no finite value; 0 keeps the step alive.
                return [g.select(g.equal(node, zero), zero, g.div(g.const(0.5), node))]
            case "exp":
                return [node]
            case "log":
                return [g.select(g.less_equal(a[0], zero), zero, g.unary("recip", a[0]))]
            case "pow":
                return self._power(node, a)
            case "abs":
                return [g.select(g.less(a[0], zero), g.const(-1.0), one)]
            case "min" | "max":
                first = g.less_equal(*(a if operation == "min" else (a[1], a[0])))
                return [g.select(first, one, zero), g.select(first, zero, one)]
            case "floor" | "ceil" | "trunc":
                return [zero]
            case "fmod":
                return [one, g.unary("neg", g.unary("trunc", g.div(a[0], a[1])))]
        return [self._function(operation, node, a[0])]

    def _power(self, node: Node, a: tuple[Node, ...]) -> list[Node]:
        g = self.graph
        base, exponent = a
        zero = g.const(0.0)
        at_zero = g.equal(base, zero)
        # At 0 the quotient would be 0/0; the derivative there is 0 or has no finite value.
        slope = g.select(at_zero, zero, g.mul(exponent, g.div(node, base)))
        if not self._known[exponent]:
            return [slope, zero]
        return [slope, g.select(at_zero, zero, g.mul(node, g.unary("log", base)))]

    def _function(self, name: str, node: Node, a: Node) -> Node:
        g = self.graph
        one = g.const(1.0)
        square = g.mul(a, a)
        match name:
            case "sin":
                return g.unary("cos", a)
            case "cos":
                return g.unary("neg", g.unary("sin", a))
            case "tan":
                return g.add(one, g.mul(node, node))
            case "sinh":
                return g.unary("cosh", a)
            case "cosh":
                return g.unary("sinh", a)
            case "tanh":
                return g.sub(one, g.mul(node, node))
            case "asin":
                return g.unary("recip", g.unary("sqrt", g.sub(one, square)))
            case "acos":
                return g.unary("neg", g.unary("recip", g.unary("sqrt", g.sub(one, square))))
            case "atan":
                return g.unary("recip", g.add(one, square))
            case "asinh":
                return g.unary("recip", g.unary("sqrt", g.add(square, one)))
            case "acosh":
                return g.unary("recip", g.unary("sqrt", g.sub(square, one)))
            case "atanh":
                return g.unary("recip", g.sub(one, square))
        raise UnsupportedModel(
            "a factorial of something that changes is not supported by the batched engine; its "
            "derivative is not at hand.",
            where="factorial" if name == "tgamma" else name,
        )


def bases(graph: Graph, roots: Iterable[Node]) -> list[Node]:
    """Arguments of roots, logarithms and broken powers below some nodes: they must not be negative.

    Where an exponent varies, the base counts only while the exponent is not whole.
    """
    found: dict[Node, None] = {}
    for node in graph.below(roots):
        operation, *rest = graph.nodes[node]
        if operation in {"sqrt", "log"}:
            found[rest[0]] = None  # type: ignore[index]
        elif operation == "pow":
            base, exponent = graph.arguments(node)
            whole = graph.equal(graph.unary("floor", exponent), exponent)
            found[graph.select(whole, graph.const(0.0), base)] = None
    return [node for node in found if graph.value(node) is None]


class TimeAffine:
    """Which expressions are slope·t + rest, with a rest that depends on neither states nor time."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._derivatives = Derivatives(graph)
        self._at_zero = {graph.load("t", 0): graph.const(0.0)}
        self._arrays: dict[Node, frozenset[str]] = {}

    def of(self, node: Node) -> tuple[float, Node] | None:
        """Slope and rest; None when it has another form."""
        arrays = self._loaded(node)
        if "y" in arrays or "t" not in arrays:
            return None
        slope = self.graph.value(
            self._derivatives.of(node).get(TIME, self.graph.const(0.0)),
        )
        if slope is None or slope == 0 or not math.isfinite(slope):
            return None
        return slope, self.graph.rebuilt(node, self._at_zero)

    def _loaded(self, root: Node) -> frozenset[str]:
        """Arrays that a node is computed from."""
        known, stack = self._arrays, [root]
        while stack:
            arguments = self.graph.arguments(stack[-1])
            wanted = [a for a in arguments if a not in known]
            if wanted:
                stack += wanted
                continue
            node = stack.pop()
            operation = self.graph.nodes[node]
            own = {str(operation[1])} if operation[0] == "load" else set()
            known[node] = frozenset(own).union(*(known[a] for a in arguments))
        return known[root]
