"""Expressions as LLVM's textual intermediate representation (IR), several runs to a vector.

The IR, once: a value is ``%v12 = fmul <8 x double> %v3, %v7``; ``<8 x double>`` is one number of
eight runs side by side (four without AVX-512), which the code generator maps onto whatever vector
registers the machine has. Arrays are pointers, a row of eight numbers for each element. There are
no optimisation passes over it: common subexpressions, folding and fused multiply-adds have been
settled in the graph, so the same bits come out on every machine. Long functions are cut into
blocks, because the code generator's work grows faster than a block's length; values of the
right-hand sides are loaded anew in each block rather than kept in registers that are not there.

Exponential and logarithm are ours: those of the C library differ between machines, and take one
number at a time. Rarer functions do call the C library, lane by lane.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exocast.engine.batch.graph import SCALAR_FUNCTIONS, Graph, Node
from exocast.errors import UnsupportedModel

LONGEST_BLOCK = 400  # instructions
SMALLEST_NORMAL = 2.0**-1022
Output = tuple[str, int, Node]
# Functions of trial points, which may lie just outside the domain of a root or logarithm where no
# state does: there the edge of the domain counts. Elsewhere the result is no number.
OF_TRIALS = frozenset({"rhs", "jacobian", "factors", "bases", "triggers"})
# Run when a run begins or something happens to it, not at every step: code that is made in half the
# time, and is somewhat slower, is the better choice.
SELDOM = frozenset(
    {
        *("start", "prepare", "doses", "triggers_now", "settings"),
        *("refill", "rest", "finish", "begin", "scale_lane", "arrive", "treat", "steady"),
        *("settle", "show", "show_within", "write", "after"),
        *("events", "fire", "trigger", "take", "quiet", "aim_lane", "first_step", "trouble"),
    }
)
LONGEST_FUNCTION = 100_000  # lines
COMPARISONS = {"lt": "olt", "le": "ole", "eq": "oeq"}


def number(value: float) -> str:
    """A double as IR spells it, bit by bit."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


@dataclass(kw_only=True)
class Text:
    """Lines of one function, and names for what they make."""

    lanes: int
    lines: list[str] = field(default_factory=list)
    _count: int = 0

    @property
    def vector(self) -> str:
        """IR type of one number a lane."""
        return f"<{self.lanes} x double>"

    @property
    def integers(self) -> str:
        """IR type of one integer a lane."""
        return f"<{self.lanes} x i64>"

    @property
    def truths(self) -> str:
        """IR type of one truth a lane."""
        return f"<{self.lanes} x i1>"

    def name(self, prefix: str = "%v") -> str:
        """A name not used before."""
        self._count += 1
        return f"{prefix}{self._count}"

    def put(self, instruction: str) -> str:
        """Adds an instruction; returns the name of its value."""
        name = self.name()
        self.lines.append(f"  {name} = {instruction}")
        return name

    def splat(self, value: float) -> str:
        """The same number in every lane."""
        return f"splat (double {number(value)})"

    def splat_bits(self, value: int) -> str:
        """The same integer in every lane."""
        return f"splat (i64 {value})"

    # Arithmetic of vectors ------------------------------------------------------------------------

    def binary(self, operation: str, a: str, b: str) -> str:
        """An instruction of two vectors."""
        return self.put(f"{operation} {self.vector} {a}, {b}")

    def negated(self, a: str) -> str:
        """-a."""
        return self.put(f"fneg {self.vector} {a}")

    def fma(self, a: str, b: str, c: str) -> str:
        """a·b + c, rounded once."""
        v = self.vector
        return self.put(f"call {v} @llvm.fma.v{self.lanes}f64({v} {a}, {v} {b}, {v} {c})")

    def intrinsic(self, name: str, a: str) -> str:
        """One of LLVM's own functions of a vector."""
        v = self.vector
        return self.put(f"call {v} @llvm.{name}.v{self.lanes}f64({v} {a})")

    def compare(self, how: str, a: str, b: str) -> str:
        """Truth of a comparison, lane by lane."""
        return self.put(f"fcmp {how} {self.vector} {a}, {b}")

    def choose(self, condition: str, yes: str, no: str) -> str:
        """One of two, lane by lane."""
        v = self.vector
        return self.put(f"select {self.truths} {condition}, {v} {yes}, {v} {no}")

    def as_bits(self, a: str) -> str:
        """The bits of numbers, as integers."""
        return self.put(f"bitcast {self.vector} {a} to {self.integers}")

    def from_bits(self, a: str) -> str:
        """Numbers from their bits."""
        return self.put(f"bitcast {self.integers} {a} to {self.vector}")

    def bits(self, operation: str, a: str, b: int) -> str:
        """An instruction of integers and one integer."""
        return self.put(f"{operation} {self.integers} {a}, {self.splat_bits(b)}")

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """Σ cᵢxⁱ, even and odd powers apart so that two chains run at once."""
        square = self.binary("fmul", x, x)
        even, odd = (self._horner(square, coefficients[first::2]) for first in (0, 1))
        return self.fma(odd, x, even)

    def _horner(self, x: str, coefficients: Sequence[float]) -> str:
        result = self.splat(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            result = self.fma(result, x, self.splat(c))
        return result

    def exp(self, x: str) -> str:
        """e^x, by the function that :func:`shared` makes."""
        return self.put(f"call {self.vector} @exponential({self.vector} {x})")

    def log(self, x: str) -> str:
        """Ln x, by the function that :func:`shared` makes."""
        return self.put(f"call {self.vector} @logarithm({self.vector} {x})")

    def exponential(self, x: str) -> str:
        """e^x: x = k·ln 2 + r, and Taylor's series of e^r.

        Below -708 it is 0 (numbers that small are not kept), above 709.78 infinite.
        """
        magic = 1.5 * 2.0**52  # adding it leaves the nearest whole number in the last bits
        shifted = self.fma(x, self.splat(1.0 / math.log(2.0)), self.splat(magic))
        whole = self.binary("fsub", shifted, self.splat(magic))
        minus = self.negated(whole)
        rest = self.fma(minus, self.splat(LN2_HIGH), x)
        rest = self.fma(minus, self.splat(LN2_LOW), rest)
        series = self.polynomial(rest, [1.0 / math.factorial(n) for n in range(14)])
        exponent = self.bits("add", self.as_bits(shifted), 1022)
        scale = self.from_bits(self.bits("shl", exponent, 52))  # 2^(k-1): 2^k may overflow
        value = self.binary("fmul", self.binary("fmul", series, scale), self.splat(2.0))
        large = self.compare("ogt", x, self.splat(709.782712893384))
        value = self.choose(large, self.splat(math.inf), value)
        small = self.compare("olt", x, self.splat(-708.0))
        return self.choose(small, self.splat(0.0), value)

    def logarithm(self, x: str) -> str:
        """Ln x: x = 2^e·m with m in 0.71 to 1.41, and the series of artanh((m-1)/(m+1))."""
        tiny = self.compare("olt", x, self.splat(2.0**-1022))
        scaled = self.choose(tiny, self.binary("fmul", x, self.splat(2.0**54)), x)
        bits = self.as_bits(scaled)
        high = self.bits("or", self.bits("lshr", bits, 52), 0x4330000000000000)
        exponent = self.binary("fsub", self.from_bits(high), self.splat(2.0**52 + 1023))
        below = self.choose(tiny, self.splat(54.0), self.splat(0.0))
        exponent = self.binary("fsub", exponent, below)
        mantissa = self.bits("or", self.bits("and", bits, 0xFFFFFFFFFFFFF), 0x3FF0000000000000)
        m = self.from_bits(mantissa)
        upper = self.compare("ogt", m, self.splat(math.sqrt(2.0)))
        m = self.choose(upper, self.binary("fmul", m, self.splat(0.5)), m)
        one_more = self.choose(upper, self.splat(1.0), self.splat(0.0))
        exponent = self.binary("fadd", exponent, one_more)
        above = self.binary("fsub", m, self.splat(1.0))
        s = self.binary("fdiv", above, self.binary("fadd", m, self.splat(1.0)))
        square = self.binary("fmul", s, s)
        series = self.polynomial(square, [2.0 / (2 * n + 1) for n in range(1, 12)])
        tail = self.binary("fmul", self.binary("fmul", s, square), series)
        value = self.fma(exponent, self.splat(LN2_LOW), tail)
        value = self.fma(self.splat(2.0), s, value)
        value = self.fma(exponent, self.splat(LN2_HIGH), value)
        infinite = self.compare("oeq", x, self.splat(math.inf))
        value = self.choose(infinite, self.splat(math.inf), value)
        zero = self.compare("oeq", x, self.splat(0.0))
        otherwise = self.choose(zero, self.splat(-math.inf), self.splat(math.nan))
        return self.choose(self.compare("ogt", x, self.splat(0.0)), value, otherwise)

    def power(self, a: str, b: str, exponent: float | None, below: float = 0.0) -> str:
        """a^b as e^(b ln |a|); a negative base counts as ``below`` unless the exponent is whole.

        Trial points of a step may lie just below 0 where no state does; whether a base is negative
        where it matters is checked on accepted steps (``driver.within_domain``).
        """
        zero = self.splat(0.0)
        if exponent is not None and exponent != math.floor(exponent):
            positive = self.choose(self.compare("olt", a, zero), self.splat(below), a)
            return self.exp(self.binary("fmul", b, self.log(positive)))
        whole = self.compare("oeq", self.intrinsic("floor", b), b)
        negative = self.compare("olt", a, zero)
        size = self.intrinsic("fabs", a)
        size = self.choose(negative, self.choose(whole, size, self.splat(below)), size)
        result = self.exp(self.binary("fmul", b, self.log(size)))
        half = self.binary("fmul", b, self.splat(0.5))
        odd = self.compare("one", self.intrinsic("floor", half), half)
        signed = self.choose(odd, self.negated(result), result)
        signed = self.choose(whole, signed, result)
        result = self.choose(negative, signed, result)
        none = self.compare("oeq", b, zero)
        return self.choose(none, self.splat(1.0), result)

    def by_lane(self, function: str, arguments: Sequence[str]) -> str:
        """A function of the C library, called for every lane."""
        result = "poison"
        for lane in range(self.lanes):
            given = [self.put(f"extractelement {self.vector} {a}, i64 {lane}") for a in arguments]
            call = ", ".join(f"double {g}" for g in given)
            one = self.put(f"call double @{function}({call})")
            result = self.put(f"insertelement {self.vector} {result}, double {one}, i64 {lane}")
        return result


LN2_HIGH = struct.unpack(
    "<d", struct.pack("<Q", struct.unpack("<Q", struct.pack("<d", math.log(2.0)))[0] & ~0x7FFFFF)
)[0]
LN2_LOW = 2.3190468138462996e-17 + (math.log(2.0) - LN2_HIGH)  # ln 2 to 107 bits


def attributes(function: str) -> str:
    """Attributes of a function, of the model or of the loop over steps."""
    seldom = function.removeprefix("model_") in SELDOM
    return "noinline optnone nounwind" if seldom else "nounwind"


def declarations(lanes: int) -> str:
    """What the functions call."""
    v = f"<{lanes} x double>"
    lines = [f"declare {v} @llvm.fma.v{lanes}f64({v}, {v}, {v})"]
    lines += [
        f"declare {v} @llvm.{name}.v{lanes}f64({v})"
        for name in ("fabs", "floor", "ceil", "trunc", "sqrt")
    ]
    lines += [f"declare double @{name}(double)" for name in SCALAR_FUNCTIONS]
    lines.append("declare double @fmod(double, double)")
    lines.append(f"declare i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1>)")
    lines.append("declare double @llvm.fma.f64(double, double, double)")
    lines += [f"declare double @llvm.{name}.f64(double)" for name in ("fabs", "floor", "sqrt")]
    return "\n".join(lines) + "\n"


def shared(lanes: int) -> str:
    """Exponential and logarithm: functions of their own, as their text is long and often needed."""
    v = f"<{lanes} x double>"
    parts = []
    for name in ("exponential", "logarithm"):
        text = Text(lanes=lanes)
        result = getattr(text, name)("%x")
        head = f"define internal {v} @{name}({v} %x) nounwind {{\nentry:\n"
        parts.append(head + "\n".join([*text.lines, f"  ret {v} {result}", "}", ""]))
    return "\n".join(parts)


def function(
    graph: Graph,
    name: str,
    arrays: Sequence[str],
    outputs: Iterable[Output],
    cached: Mapping[Node, int],
    lanes: int,
) -> str:
    """A function that computes outputs from arrays.

    Parameters
    ----------
    arrays
        Names of the arrays it is given, in order; loads and outputs refer to them.
    outputs
        Array, index and node of what is stored.
    cached
        Nodes that stand in array ``c`` already, by index.
    """
    emitter = _Emitter(
        graph=graph,
        cached=cached,
        text=Text(lanes=lanes),
        exact=name.removeprefix("model_") not in OF_TRIALS,
    )
    return emitter.function(name, arrays, list(outputs))


@dataclass(kw_only=True)
class _Emitter:
    graph: Graph
    cached: Mapping[Node, int]
    text: Text
    exact: bool  # no number outside the domain of a root or logarithm
    values: dict[Node, str] = field(default_factory=dict)
    loaded: dict[Node, str] = field(default_factory=dict)
    block_began: int = 0

    def function(self, name: str, arrays: Sequence[str], outputs: list[Output]) -> str:
        order, uses = self._plan([node for _, _, node in outputs])
        self.fused = self._fusions(order, uses)
        stores: dict[Node, list[tuple[str, int]]] = {}
        for array, index, node in outputs:
            stores.setdefault(node, []).append((array, index))
        skipped = set(self.fused.values()) - set(stores)
        for node in order:
            if node not in skipped and not self._is_leaf(node):
                self._split()
                self._emit(node)
            for array, index in stores.get(node, ()):
                self._store(array, index, self.number(node))
        given = ", ".join(f"ptr noalias %{array}" for array in arrays)
        head = f"define void @{name}({given}) {attributes(name)} {{\nentry:\n"
        return head + "\n".join([*self.text.lines, "  ret void", "}", ""])

    def _plan(self, roots: list[Node]) -> tuple[list[Node], dict[Node, int]]:
        """Nodes in the order in which they are needed, and how often each is used."""
        uses: dict[Node, int] = {}
        order: list[Node] = []
        for root in roots:
            if root in uses:
                uses[root] += 1
                continue
            stack = [(root, False)]
            while stack:
                node, done = stack.pop()
                if done:
                    order.append(node)
                    continue
                if node in uses:
                    uses[node] += 1
                    continue
                uses[node] = 1
                stack.append((node, True))
                if node not in self.cached:
                    stack.extend((a, False) for a in reversed(self.graph.arguments(node)))
        return order, uses

    def _fusions(self, order: list[Node], uses: dict[Node, int]) -> dict[Node, Node]:
        """For a sum, the product used nowhere else that is fused into it."""
        found: dict[Node, Node] = {}
        for node in order:
            if node in self.cached or self.graph.nodes[node][0] not in {"add", "sub"}:
                continue
            for argument in reversed(self.graph.arguments(node)):
                alone = uses[argument] == 1 and argument not in self.cached
                if alone and self.graph.nodes[argument][0] == "mul":
                    found[node] = argument
                    break
        return found

    def _is_leaf(self, node: Node) -> bool:
        if node in self.cached:
            return True
        operation = self.graph.nodes[node][0]
        return operation in {"const", "load", "true", "false"} or self.graph.is_boolean(node)

    def _split(self) -> None:
        lines = self.text.lines
        if len(lines) > LONGEST_FUNCTION:
            raise UnsupportedModel(
                f"it comes to more than {LONGEST_FUNCTION} lines of code, which is too much for "
                "the batched engine.",
                where="model",
            )
        if len(lines) - self.block_began > LONGEST_BLOCK:
            label = self.text.name("block")
            lines.append(f"  br label %{label}")
            lines.append(f"{label}:")
            self.block_began = len(lines)
            self.loaded.clear()

    def _store(self, array: str, index: int, value: str) -> None:
        address = self._address(array, index)
        size = 8 * self.text.lanes
        self.text.lines.append(f"  store {self.text.vector} {value}, ptr {address}, align {size}")

    def _address(self, array: str, index: int) -> str:
        return self.text.put(f"getelementptr i8, ptr %{array}, i64 {8 * self.text.lanes * index}")

    def _load(self, array: str, index: int) -> str:
        address = self._address(array, index)
        return self.text.put(f"load {self.text.vector}, ptr {address}, align {8 * self.text.lanes}")

    def number(self, node: Node) -> str:
        """IR of a node's number, where it is used."""
        if node in self.cached:
            if node not in self.loaded:
                self.loaded[node] = self._load("c", self.cached[node])
            return self.loaded[node]
        operation, *rest = self.graph.nodes[node]
        if operation == "const":
            return self.text.splat(rest[0])  # type: ignore[arg-type]
        if operation == "load":
            if node not in self.loaded:
                self.loaded[node] = self._load(str(rest[0]), int(rest[1]))  # type: ignore[call-overload]
            return self.loaded[node]
        return self.values[node]

    def truth(self, node: Node) -> str:
        """IR of a boolean; computed in each block that needs it."""
        stack = [node]
        while stack:
            top = stack[-1]
            wanted = [n for n in reversed(self._joined(top)) if self._truth(n) is None]
            if wanted and self._truth(top) is None:
                stack += wanted
                continue
            if self._truth(top) is None:
                self.loaded[top] = self._logic(top)
            stack.pop()
        found = self._truth(node)
        assert found is not None
        return found

    def _joined(self, node: Node) -> tuple[Node, ...]:
        """The booleans that a boolean is computed from."""
        if node in self.cached or self.graph.nodes[node][0] in COMPARISONS:
            return ()
        return self.graph.arguments(node)

    def _truth(self, node: Node) -> str | None:
        """IR of a boolean that is at hand."""
        operation = self.graph.nodes[node][0]
        if operation in {"true", "false"}:
            return f"splat (i1 {operation})"
        return self.loaded.get(node)

    def _logic(self, node: Node) -> str:
        text = self.text
        if node in self.cached:
            stored = self._load("c", self.cached[node])
            return text.compare("one", stored, text.splat(0.0))
        operation, arguments = str(self.graph.nodes[node][0]), self.graph.arguments(node)
        if operation in COMPARISONS:
            a, b = (self.number(n) for n in arguments)
            return text.compare(COMPARISONS[operation], a, b)
        given = [self._truth(n) for n in arguments]
        if operation == "not":
            return text.put(f"xor {text.truths} {given[0]}, splat (i1 true)")
        return text.put(f"{operation} {text.truths} {given[0]}, {given[1]}")

    def _emit(self, node: Node) -> None:
        self.values[node] = self._computed(node)

    def _computed(self, node: Node) -> str:
        text = self.text
        operation = str(self.graph.nodes[node][0])
        arguments = self.graph.arguments(node)
        if node in self.fused:
            return self._fused(operation, arguments, self.fused[node])
        if operation == "select":
            condition, yes, no = arguments
            return text.choose(self.truth(condition), self.number(yes), self.number(no))
        given = [self.number(a) for a in arguments]
        match operation:
            case "add" | "sub" | "mul":
                return text.binary("f" + operation, *given)
            case "neg":
                return text.negated(given[0])
            case "recip":
                return text.binary("fdiv", text.splat(1.0), given[0])
            case "exp":
                return text.exp(given[0])
            case "log":
                if self.exact:
                    return text.log(given[0])
                least = text.splat(SMALLEST_NORMAL)
                above = text.compare("olt", given[0], least)
                return text.log(text.choose(above, least, given[0]))
            case "pow":
                below = math.nan if self.exact else 0.0
                return text.power(given[0], given[1], self.graph.value(arguments[1]), below)
            case "abs":
                return text.intrinsic("fabs", given[0])
            case "sqrt":
                if self.exact:
                    return text.intrinsic("sqrt", given[0])
                negative = text.compare("olt", given[0], text.splat(0.0))
                return text.intrinsic("sqrt", text.choose(negative, text.splat(0.0), given[0]))
            case "floor" | "ceil" | "trunc":
                return text.intrinsic(operation, given[0])
            case "min" | "max":
                how = "olt" if operation == "min" else "ogt"
                return text.choose(text.compare(how, *given), *given)
        return text.by_lane(operation, given)

    def _fused(self, operation: str, arguments: tuple[Node, ...], product: Node) -> str:
        text = self.text
        a, b = (self.number(n) for n in self.graph.arguments(product))
        first, second = arguments
        if operation == "add":
            return text.fma(a, b, self.number(first if second == product else second))
        if product == second:
            return text.fma(text.negated(a), b, self.number(first))
        return text.fma(a, b, text.negated(self.number(second)))
