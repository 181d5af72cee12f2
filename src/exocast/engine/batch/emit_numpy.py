"""Expressions as NumPy functions, and the loop over steps as plain Python: the readable truth.

The same graph and the same ``driver`` as the machine code, a few hundred times slower. Tests hold
the two against each other; they differ in the last digits only, because a fused multiply-add
rounds once where NumPy rounds twice, and exponentials come from another library.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from exocast.engine.batch.emit_llvm import OF_TRIALS, SMALLEST_NORMAL, Output
from exocast.engine.batch.graph import Graph, Node

WRITTEN = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "neg": "-{}",
    "recip": "1.0 / {}",
    "lt": "{} < {}",
    "le": "{} <= {}",
    "eq": "{} == {}",
    "and": "{} & {}",
    "or": "{} | {}",
    "not": "~{}",
    "select": "np.where({}, {}, {})",
    "pow": "power({}, {})",
    "sqrt": "np.sqrt(np.where({0} < 0, 0.0, {0}))",
    "log": f"np.log(np.where({{0}} < {SMALLEST_NORMAL!r}, {SMALLEST_NORMAL!r}, {{0}}))",
    "abs": "np.abs({})",
    "min": "np.where({0} < {1}, {0}, {1})",
    "max": "np.where({0} > {1}, {0}, {1})",
    "fmod": "np.fmod({}, {})",
    "tgamma": "gamma({})",
}
EXACTLY = {"pow": "np.power({}, {})", "sqrt": "np.sqrt({})", "log": "np.log({})"}
RENAMED = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"} | {
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}


class Rows:
    """An array whose elements are copied when they are read, as registers are."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array

    def __getitem__(self, place: Any) -> Any:
        found = self.array[place]
        return found.copy() if isinstance(found, np.ndarray) else found

    def __setitem__(self, place: Any, value: Any) -> None:
        self.array[place] = value


def function(
    graph: Graph,
    name: str,
    arrays: Sequence[str],
    outputs: Sequence[Output],
    cached: Mapping[Node, int],
) -> Callable[..., None]:
    """A Python function with the meaning of ``emit_llvm.function``."""
    lines = [f"def {name}({', '.join(arrays)}):"]
    names: dict[Node, str] = {}
    written = WRITTEN if name in OF_TRIALS else WRITTEN | EXACTLY
    for node in _needed(graph, [node for _, _, node in outputs], cached):
        operation, *rest = graph.nodes[node]
        if node in cached:
            stored = f"c[{cached[node]}]"
            text = f"{stored} != 0" if graph.is_boolean(node) else stored
        elif operation == "const":
            text = f"const({float(rest[0])!r})"  # type: ignore[arg-type]
        elif operation in {"true", "false"}:
            text = f"np.bool_({operation == 'true'})"
        elif operation == "load":
            text = f"{rest[0]}[{rest[1]}]"
        else:
            given = [names[a] for a in graph.arguments(node)]
            form = written.get(str(operation), f"np.{RENAMED.get(str(operation), operation)}({{}})")
            text = form.format(*given)
        names[node] = f"v{node}"
        lines.append(f"    v{node} = {text}")
    lines += [f"    {array}[{index}] = {names[node]}" for array, index, node in outputs]
    lines.append("    return None")
    scope: dict[str, Any] = {
        "np": np,
        "const": np.float64,
        "inf": np.inf,
        "nan": np.nan,
        "power": _power,
        "gamma": special.gamma,
    }
    exec("\n".join(lines), scope)  # noqa: S102 - our own text, made of the graph
    made: Callable[..., None] = scope[name]
    return made


def _needed(graph: Graph, roots: list[Node], cached: Mapping[Node, int]) -> list[Node]:
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            if node not in cached:
                stack.extend((a, False) for a in reversed(graph.arguments(node)))
    return order


def _power(a: Any, b: Any) -> Any:
    whole = np.floor(b) == b
    return np.power(np.where((a < 0) & ~whole, 0.0, a), b)


def driver(
    module: ModuleType, constants: Mapping[str, object], functions: Mapping[str, Any], lanes: int
) -> Callable[[Any], None]:
    """The loop over steps as a Python function of the record."""
    scope: dict[str, Any] = {"__name__": "exocast.engine.batch.driver_in_python"}
    exec(compile(inspect.getsource(module), "driver", "exec"), scope)  # noqa: S102 - our own file
    scope |= dict(constants)
    scope |= {
        "model": SimpleNamespace(**functions),
        "any_lane": np.any,
        "where": np.where,
        "maximum": lambda a, b: np.where(a > b, a, b),
        "minimum": lambda a, b: np.where(a < b, a, b),
        "fma": lambda a, b, c: a * b + c,
        "absolute": np.abs,
        "square_root": np.sqrt,
        "exponential": np.exp,
        "logarithm": np.log,
        "everywhere": lambda x: np.full(lanes, float(x)),
        "as_float": float,
        "unrolled": lambda steps: steps,
        "part": lambda rows, first: Rows(rows.array[first:]),
    }
    made: Callable[[Any], None] = scope["drive"]
    return made
