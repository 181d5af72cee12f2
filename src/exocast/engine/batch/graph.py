"""Expressions as a graph in which every distinct subexpression stands once.

A node is a number; ``Graph.nodes[node]`` is its operation and arguments. Builders fold constants
and use identities that hold for all finite numbers, so that what does not change between runs
costs nothing in the machine code. Leaves are ``("load", array, index)``: time ``t``, states ``y``,
numbers of the run ``p``, and what functions hand to one another.

Booleans are nodes of their own kind; :meth:`Graph.number` and :meth:`Graph.truth` convert.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable

from exocast.errors import UnsupportedModel

Node = int
Operation = tuple[object, ...]

BOOLEAN = frozenset({"true", "false", "lt", "le", "eq", "and", "or", "not"})
SCALAR_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "tgamma": math.gamma,
}
UNARY: dict[str, Callable[[float], float]] = {
    "neg": operator.neg,
    "recip": lambda a: 1.0 / a,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "abs": abs,
    "floor": lambda a: float(math.floor(a)),
    "ceil": lambda a: float(math.ceil(a)),
    "trunc": lambda a: float(math.trunc(a)),
    **SCALAR_FUNCTIONS,
}
LARGEST_EXPANDED_POWER = 16
MOST_NODES = 500_000


class Graph:
    """Nodes of one model, and how to make more."""

    def __init__(self) -> None:
        self.nodes: list[Operation] = []
        self._known: dict[object, Node] = {}

    def _node(self, *operation: object) -> Node:
        found = self._known.get(operation)
        if found is None:
            found = len(self.nodes)
            if found >= MOST_NODES:
                raise UnsupportedModel(
                    f"it comes to more than {MOST_NODES} operations, which is too much for the "
                    "batched engine.",
                    where="model",
                )
            self.nodes.append(operation)
            self._known[operation] = found
        return found

    # Leaves ---------------------------------------------------------------------------------------

    def const(self, value: float) -> Node:
        """A number; -0.0 and 0.0 are told apart, and all NaN are one."""
        value = float(value)
        key = ("const", value.hex())
        found = self._known.get(key)
        if found is None:
            found = len(self.nodes)
            self.nodes.append(("const", value))
            self._known[key] = found
        return found

    def load(self, array: str, index: int) -> Node:
        """An element of an array."""
        return self._node("load", array, index)

    def boolean(self, value: bool) -> Node:
        """True or false."""
        return self._node("true" if value else "false")

    # Looking --------------------------------------------------------------------------------------

    def value(self, node: Node) -> float | None:
        """The number of a constant, else None."""
        operation = self.nodes[node]
        return operation[1] if operation[0] == "const" else None  # type: ignore[return-value]

    def is_boolean(self, node: Node) -> bool:
        """Whether a node is a truth, not a number."""
        return self.nodes[node][0] in BOOLEAN

    def arguments(self, node: Node) -> tuple[Node, ...]:
        """Nodes that a node is computed from."""
        operation = self.nodes[node]
        if operation[0] in {"const", "load"}:
            return ()
        return operation[1:]  # type: ignore[return-value]

    def below(self, roots: Iterable[Node]) -> list[Node]:
        """All nodes that roots are computed from, arguments first."""
        seen: set[Node] = set()
        order: list[Node] = []
        stack = [(root, False) for root in reversed(list(roots))]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((a, False) for a in reversed(self.arguments(node)) if a not in seen)
        return order

    def rebuilt(self, root: Node, made: dict[Node, Node]) -> Node:
        """A node with some nodes below it replaced; ``made`` remembers what has been."""
        stack = [root]
        while stack:
            node = stack[-1]
            arguments = self.arguments(node)
            wanted = [] if node in made else [a for a in arguments if a not in made]
            if wanted:
                stack += reversed(wanted)
                continue
            stack.pop()
            if node not in made:
                new = tuple(made[a] for a in arguments)
                made[node] = node if new == arguments else self.apply(self.nodes[node][0], *new)
        return made[root]

    def apply(self, operation: object, *arguments: Node) -> Node:
        """A node by the name of its operation."""
        name = str(operation)
        builders: dict[str, Callable[..., Node]] = {
            "add": self.add,
            "sub": self.sub,
            "mul": self.mul,
            "pow": self.power,
            "min": self.minimum,
            "max": self.maximum,
            "fmod": self.fmod,
            "select": self.select,
            "lt": self.less,
            "le": self.less_equal,
            "eq": self.equal,
            "and": self.both,
            "or": self.either,
            "not": self.negation,
        }
        return builders[name](*arguments) if name in builders else self.unary(name, *arguments)

    # Arithmetic -----------------------------------------------------------------------------------

    def add(self, a: Node, b: Node) -> Node:
        """Sum of two."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.const(x + y)
        if x == 0:
            return b
        if y == 0:
            return a
        if self.nodes[b][0] == "neg":
            return self.sub(a, self.nodes[b][1])  # type: ignore[arg-type]
        if self.nodes[a][0] == "neg":
            return self.sub(b, self.nodes[a][1])  # type: ignore[arg-type]
        return self._node("add", *sorted((a, b)))

    def sub(self, a: Node, b: Node) -> Node:
        """Difference of two."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.const(x - y)
        if y == 0:
            return a
        if x == 0:
            return self.unary("neg", b)
        if a == b:
            return self.const(0.0)
        if self.nodes[b][0] == "neg":
            return self.add(a, self.nodes[b][1])  # type: ignore[arg-type]
        return self._node("sub", a, b)

    def mul(self, a: Node, b: Node) -> Node:
        """Product; constants come first and are joined."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.const(x * y)
        if x is not None:
            a, b, x, y = b, a, y, x
        if y is not None:
            if y == 0:
                return self.const(0.0)
            if y == 1:
                return a
            if y == -1:
                return self.unary("neg", a)
            operation = self.nodes[a]
            # c·(d·e) with constants c, d: one product.
            if operation[0] == "mul":
                inner = self.value(operation[1])  # type: ignore[arg-type]
                if inner is not None and math.isfinite(inner * y) and inner * y != 0:
                    return self.mul(operation[2], self.const(inner * y))  # type: ignore[arg-type]
        if self.nodes[a][0] == "neg":
            return self.unary("neg", self.mul(self.nodes[a][1], b))  # type: ignore[arg-type]
        if self.nodes[b][0] == "neg":
            return self.unary("neg", self.mul(a, self.nodes[b][1]))  # type: ignore[arg-type]
        # A constant factor stands first.
        first = (b, a) if y is not None else tuple(sorted((a, b)))
        return self._node("mul", *first)

    def div(self, a: Node, b: Node) -> Node:
        """a/b as a·(1/b), so that divisions by the same thing share the reciprocal."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.const(quotient(x, y))
        if y is not None and y != 0 and math.frexp(y)[0] in {0.5, -0.5}:
            return self.mul(a, self.const(1.0 / y))  # exact for powers of two
        return self.mul(a, self.unary("recip", b))

    def unary(self, name: str, a: Node) -> Node:
        """A function of one argument, by its name in ``UNARY``."""
        operation = self.nodes[a]
        x = self.value(a)
        if x is not None:
            return self.const(folded(name, x))
        if name in {"neg", "recip"} and operation[0] == name:
            return operation[1]  # type: ignore[return-value]
        if name == "recip" and operation[0] == "neg":
            return self.unary("neg", self.unary("recip", operation[1]))  # type: ignore[arg-type]
        if name == "neg" and operation[0] == "sub":
            return self.sub(operation[2], operation[1])  # type: ignore[arg-type]
        if name == "neg" and operation[0] == "mul":
            inner = self.value(operation[1])  # type: ignore[arg-type]
            if inner is not None:
                return self.mul(operation[2], self.const(-inner))  # type: ignore[arg-type]
        return self._node(name, a)

    def power(self, a: Node, b: Node) -> Node:
        """Power; whole powers up to 16 are products."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.const(folded_power(x, y))
        if y is not None:
            if y == int(y) if math.isfinite(y) else False:
                if abs(y) <= LARGEST_EXPANDED_POWER:
                    return self._integer_power(a, int(y))
            elif y == 0.5:
                return self.unary("sqrt", a)
            elif y == -0.5:
                return self.unary("recip", self.unary("sqrt", a))
        if x == 1:
            return a
        if x is not None and x > 0:
            return self.unary("exp", self.mul(b, self.const(math.log(x))))
        return self._node("pow", a, b)

    def _integer_power(self, a: Node, n: int) -> Node:
        if n < 0:
            return self.unary("recip", self._integer_power(a, -n))
        result = self.const(1.0)
        square = a
        while n:
            if n % 2:
                result = self.mul(result, square)
            n //= 2
            if n:
                square = self.mul(square, square)
        return result

    def minimum(self, a: Node, b: Node) -> Node:
        """The smaller of two."""
        return a if a == b else self._two("min", a, b, min)

    def maximum(self, a: Node, b: Node) -> Node:
        """The larger of two."""
        return a if a == b else self._two("max", a, b, max)

    def fmod(self, a: Node, b: Node) -> Node:
        """Remainder with the sign of the dividend."""
        return self._two("fmod", a, b, lambda x, y: math.fmod(x, y) if y else math.nan)

    def _two(self, name: str, a: Node, b: Node, fold: Callable[[float, float], float]) -> Node:
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None and math.isfinite(x) and math.isfinite(y):
            return self.const(fold(x, y))
        return self._node(name, a, b)

    def total(self, nodes: Iterable[Node]) -> Node:
        """Sum of nodes, from the left."""
        result = self.const(0.0)
        for node in nodes:
            result = self.add(result, node)
        return result

    # Truth ----------------------------------------------------------------------------------------

    def truth(self, a: Node) -> Node:
        """A boolean; numbers are true unless 0."""
        if self.is_boolean(a):
            return a
        return self.negation(self.equal(a, self.const(0.0)))

    def number(self, a: Node) -> Node:
        """A number; true is 1."""
        if self.is_boolean(a):
            return self.select(a, self.const(1.0), self.const(0.0))
        return a

    def less(self, a: Node, b: Node) -> Node:
        """Whether a < b."""
        return self._compare("lt", a, b, operator.lt)

    def less_equal(self, a: Node, b: Node) -> Node:
        """Whether a ≤ b."""
        return self._compare("le", a, b, operator.le)

    def equal(self, a: Node, b: Node) -> Node:
        """Whether a = b."""
        return self._compare("eq", a, b, operator.eq)

    def _compare(self, name: str, a: Node, b: Node, how: Callable[[float, float], bool]) -> Node:
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.boolean(how(x, y))
        return self._node(name, a, b)

    def both(self, a: Node, b: Node) -> Node:
        """Logical and."""
        return self._logic("and", a, b, absorbing="false", neutral="true")

    def either(self, a: Node, b: Node) -> Node:
        """Logical or."""
        return self._logic("or", a, b, absorbing="true", neutral="false")

    def _logic(self, name: str, a: Node, b: Node, absorbing: str, neutral: str) -> Node:
        for one, other in ((a, b), (b, a)):
            if self.nodes[one][0] == absorbing:
                return one
            if self.nodes[one][0] == neutral:
                return other
        return a if a == b else self._node(name, *sorted((a, b)))

    def differ(self, a: Node, b: Node) -> Node:
        """Exclusive or."""
        return self.either(
            self.both(a, self.negation(b)),
            self.both(self.negation(a), b),
        )

    def negation(self, a: Node) -> Node:
        """Logical not."""
        operation = self.nodes[a]
        if operation[0] == "not":
            return operation[1]  # type: ignore[return-value]
        if operation[0] in {"true", "false"}:
            return self.boolean(operation[0] == "false")
        return self._node("not", a)

    def select(self, condition: Node, yes: Node, no: Node) -> Node:
        """One of two: both numbers or both booleans."""
        operation = self.nodes[condition]
        if operation[0] == "true" or yes == no:
            return yes
        if operation[0] == "false":
            return no
        if operation[0] == "not":
            return self.select(operation[1], no, yes)  # type: ignore[arg-type]
        if self.is_boolean(yes) or self.is_boolean(no):
            yes, no = self.truth(yes), self.truth(no)
            return self.either(self.both(condition, yes), self.both(self.negation(condition), no))
        return self._node("select", condition, yes, no)


def quotient(x: float, y: float) -> float:
    """x/y as IEEE 754 has it."""
    if y != 0:
        return x / y
    if x == 0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def folded(name: str, x: float) -> float:
    """A function of a constant; NaN outside its domain, infinite where it overflows."""
    if name == "recip":
        return quotient(1.0, x)
    if name == "log" and x == 0:
        return -math.inf
    try:
        return UNARY[name](x)
    except OverflowError:
        return x if name in {"floor", "ceil", "trunc"} else math.copysign(math.inf, x)
    except ValueError:
        return math.nan


def folded_power(x: float, y: float) -> float:
    """X to the power y; NaN for negative numbers to broken powers."""
    try:
        result = x**y
    except OverflowError:
        return math.inf
    except ZeroDivisionError:
        return math.inf
    return result if isinstance(result, float) else math.nan
