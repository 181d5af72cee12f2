"""From a problem to something that runs: functions, the record of arrays, and machine code.

What depends only on the numbers of a run, on slots, or on conditions like ``time < 5`` is constant
between the things that happen; it is computed once for each stretch by the function ``prepare`` and
kept in array ``c``. The instants at which such conditions change are computed with it: the driver
stops there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from exocast.engine.batch import driver
from exocast.engine.batch.derive import TIME, Derivatives, TimeAffine, bases
from exocast.engine.batch.emit_llvm import Output, declarations, shared
from exocast.engine.batch.emit_llvm import function as llvm_function
from exocast.engine.batch.graph import SCALAR_FUNCTIONS, Graph, Node
from exocast.engine.batch.lanes import Compiler
from exocast.engine.batch.plan import Plan, arrays_of
from exocast.engine.batch.problem import Happening, Problem
from exocast.engine.batch.sparse import Pattern, factors, matrix, pattern_of, solution
from exocast.engine.batch.tableau import RODAS5P, Tableau
from exocast.errors import UnsupportedModel

LONGEST_STRAIGHT_FACTORS = 10_000  # operations; loops beyond
Function = tuple[tuple[str, ...], list[Output], dict[Node, int]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A plan and the functions of the model as expressions."""

    plan: Plan
    graph: Graph
    functions: dict[str, Function]


class _Static:
    """Which nodes are constant between the things that happen."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._affine = TimeAffine(graph)
        self.fixed: dict[Node, bool] = {}
        self.timed: dict[Node, bool] = {}  # fixed, but through a condition on the time
        self.modes: dict[Node, tuple[float, Node]] = {}

    def look(self, roots: Iterable[Node]) -> None:
        for node in self.graph.below(roots):
            if node not in self.fixed:
                self.fixed[node], self.timed[node] = self._of(node)

    def _of(self, node: Node) -> tuple[bool, bool]:
        operation, *rest = self.graph.nodes[node]
        if operation == "load":
            return rest[0] == "p", False
        arguments = self.graph.arguments(node)
        if operation in {"lt", "le", "eq"} and not all(self.fixed[a] for a in arguments):
            affine = self._affine.of(self.graph.sub(*arguments))
            if affine is not None:
                self.modes[node] = affine
                return True, True
        return all(self.fixed[a] for a in arguments), any(self.timed[a] for a in arguments)

    def cut(self, roots: Iterable[Node], *, timed: bool) -> list[Node]:
        """Topmost fixed nodes below roots that are worth keeping."""
        self.look(roots)
        found: list[Node] = []
        seen: set[Node] = set()
        stack = list(roots)
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if self.fixed[node] and (timed or not self.timed[node]):
                if self.graph.arguments(node):
                    found.append(node)
            else:
                stack.extend(self.graph.arguments(node))
        return sorted(found)

    def stop(self, mode: Node) -> Node:
        """The instant at which a condition on the time changes."""
        slope, rest = self.modes[mode]
        return self.graph.mul(rest, self.graph.const(-1.0 / slope))

    def just_after(self, mode: Node) -> Node:
        """A condition on the time as it holds just after this time."""
        graph = self.graph
        if graph.nodes[mode][0] == "eq":
            return graph.boolean(False)
        before = graph.less(graph.load("t", 0), self.stop(mode))
        return before if self.modes[mode][0] > 0 else graph.negation(before)


def build(
    problem: Problem,
    tableau: Tableau = RODAS5P,
    lanes: int = 8,
    *,
    shared: bool = False,
    looped: bool | None = None,
) -> Built:
    """Functions and plan of a problem.

    Parameters
    ----------
    tableau
        The method.
    lanes
        Runs side by side.
    shared
        Whether all lanes take the same steps, for sensitivities.
    looped
        Whether the factors are computed by loops; by default when they are long.
    """
    graph = problem.graph
    size = len(problem.states)
    derivatives = Derivatives(graph)
    jacobian: dict[tuple[int, int], Node] = {}
    slopes: dict[int, Node] = {}
    static = _Static(graph)
    rates = list(problem.rates)
    for i, rate in enumerate(rates):
        for j, node in derivatives.of(rate).items():
            if j == TIME:
                slopes[i] = node
            else:
                jacobian[i, j] = node
    pattern = pattern_of(size, set(jacobian))
    if looped is None:
        looped = pattern.operations > LONGEST_STRAIGHT_FACTORS
    timed = bool(slopes)
    dt: list[Output] = [("dt", i, slopes.get(i, graph.const(0.0))) for i in range(size) if timed]
    outputs: dict[str, list[Output]] = {
        "rhs": [("f", i, node) for i, node in enumerate(rates)],
    }
    entries = sorted(jacobian)
    if looped:
        outputs["jacobian"] = outputs["rhs"] + dt
        outputs["jacobian"] += [("j", k, jacobian[e]) for k, e in enumerate(entries)]
    else:
        made = factors(graph, pattern, matrix(graph, pattern, jacobian))
        # The rates at the start of a step share most of their parts with the Jacobian.
        outputs["factors"] = outputs["rhs"] + dt
        outputs["factors"] += [("lu", k, node) for k, node in enumerate(made)]
        outputs["solve"] = [("x", i, node) for i, node in enumerate(solution(graph, pattern))]
    events = problem.events
    settings = [s for e in events for s in e.settings]
    # States that must not be negative are watched themselves.
    watched = [] if all(problem.never_negative) else bases(graph, rates)
    outputs["bases"] = [("base", i, node) for i, node in enumerate(watched)]
    # A trigger of several comparisons may hold for a moment only: each comparison is watched.
    atoms = [a for e in events for a in _comparisons(graph, e.trigger)]
    triggers = [graph.number(node) for node in (*(e.trigger for e in events), *atoms)]
    outputs["triggers"] = [("now", i, node) for i, node in enumerate(triggers)]
    outputs["triggers_now"] = outputs["triggers"]
    told = [s.value for s in settings]  # then priorities, then delays
    told += [e.priority for e in events] + [e.delay for e in events]
    outputs["settings"] = [("setting", i, node) for i, node in enumerate(told)]
    outputs["observe"] = [("obs", i, node) for i, node in enumerate(problem.observed)]
    dosed = problem.dose_factor
    scaled = any(graph.value(node) != 1.0 for _, node in dosed.values())
    outputs["doses"] = [("factor", i, node) for i, node in dosed.values() if scaled]
    outputs["start"] = [("y0", i, node) for i, node in enumerate(problem.start)]
    outputs["start"] += [("s0", i, node) for i, node in enumerate(problem.slot_start)]

    kept: dict[Node, int] = {}
    for name, with_modes in (
        ("rhs", True),
        ("jacobian", True),
        ("factors", True),
        ("triggers", True),
        ("bases", True),
        ("observe", False),
    ):
        roots = [node for _, _, node in outputs.get(name, [])]
        for node in static.cut(roots, timed=with_modes):
            kept.setdefault(node, len(kept))
    modes = sorted(set(static.modes).intersection(graph.below(kept)))
    after = {m: static.just_after(m) for m in modes}  # and what is made of them
    stops = sorted({static.stop(m) for m in modes})
    prepared: list[Output] = [
        ("c", place, graph.number(graph.rebuilt(node, after))) for node, place in kept.items()
    ]
    outputs["prepare"] = prepared + [("stops", k, node) for k, node in enumerate(stops)]
    untimed = {node: place for node, place in kept.items() if not static.timed[node]}
    triggered = static.cut(triggers, timed=True)
    on_time = any(static.timed[node] for node in triggered)

    signatures: dict[str, tuple[str, ...]] = {
        "start": ("p", "y0", "s0"),
        "prepare": ("t", "p", "c", "stops"),
        "rhs": ("t", "y", "p", "c", "f"),
        "jacobian": ("t", "y", "p", "c", "f", "j", "dt"),
        "factors": ("t", "y", "p", "c", "f", "g", "lu", "dt"),
        "solve": ("lu", "f", "q", "b", "x"),
        "observe": ("t", "y", "p", "c", "obs"),
        "doses": ("t", "y", "p", "factor"),
        "bases": ("t", "y", "p", "c", "base"),
        "triggers": ("t", "y", "p", "c", "now"),
        "triggers_now": ("t", "y", "p", "now"),
        "settings": ("t", "y", "p", "setting"),
    }
    cached = {
        "rhs": kept,
        "jacobian": kept,
        "factors": kept,
        "triggers": kept,
        "bases": kept,
        "observe": untimed,
    }
    functions: dict[str, Function] = {
        name: (signatures[name], outputs.get(name, []), dict(cached.get(name, {})))
        for name in signatures
    }
    needed = _states_below(graph, problem.observed)
    static.look(triggers)
    dynamic = [node for node in triggers if not static.fixed[node]]
    _refuse_unresolved(static, events)
    units = sorted(set(problem.units))
    constants: dict[str, Any] = {
        "LANES": lanes,
        "N": size,
        "N_VARIED": len(problem.varied),
        "N_SLOTS": len(problem.slots),
        "N_INFUSED": sum(slot.startswith("infusion ") for slot in problem.slots),
        "N_OBSERVED": len(problem.observed),
        "N_NEEDED": len(needed),
        "N_GROUPS": len(units),
        "N_STOPS": len(stops),
        "N_EVENTS": len(events),
        "N_WATCHED": len(triggers),
        "N_LOOKED": len(_states_below(graph, dynamic)),
        "LOCATES": bool(dynamic),
        "N_SETTINGS": len(settings),
        "N_BASES": len(watched),
        "STAGES": tableau.stages,
        "A": tableau.a,
        "C": tableau.c,
        "TIMES": tableau.times,
        "SLOPES": tableau.slopes,
        "DENSE": tableau.dense,
        "GAMMA": tableau.gamma,
        "ORDER": float(tableau.order),
        "TIMED": timed,
        "PREPARED": bool(kept or stops),
        "SCALED_DOSES": scaled,
        "WATCHED": any(problem.never_negative),
        "LOOPED": looped,
        "SHARED": shared,
        "EVENTS": _events(events),
        "QUEUE": driver.QUEUE,
        "N_QUEUED": driver.QUEUE * len(events),
        "SETTINGS": tuple((0 if s.array == "y" else 1, s.index) for s in settings),
        "ON_TIME": on_time,
    }
    places = len(pattern.places)
    rows = dict.fromkeys(
        ("y", "y0", "ynew", "u", "b", "f", "kept", "cycle", "at", "atol", "lowest", "factor"), size
    )
    rows |= {
        "k": size * tableau.stages,
        "dt": size,
        "lu": places,
        "j": len(entries) if looped else 0,
        "wide": size if looped else 0,
        "p": len(problem.varied) + len(problem.slots),
        "s0": len(problem.slots),
        "c": len(kept),
        "stops": len(stops),
        "obs": len(problem.observed),
        "was": len(triggers),
        "now": len(triggers),
        "setting": len(told),
        "queue": driver.QUEUE * len(events),
        "queued": driver.QUEUE * len(settings),
        "saved": len(settings),
        "base": len(watched),
        "highest": len(watched),
    }
    rows |= dict.fromkeys(
        (
            *(
                "t",
                "h",
                "hh",
                "t_new",
                "stop",
                "h_start",
                "h_cut",
                "t_out",
                "ts",
                "g",
                "q",
                "growth",
            ),
            *("working", "lands", "good", "accepted", "error", "factor_h", "first", "change"),
            *("outside", "fires"),
        ),
        1,
    )
    own = dict.fromkeys(
        (
            *("run", "dose", "dose_end", "out", "steps", "rejections", "fresh", "arrived"),
            *("changed", "starting", "cut", "cycles"),
        ),
        lanes,
    )
    own["pending"] = lanes * len(events)
    tables = {
        "group": [units.index(unit) for unit in problem.units],
        "watched": [int(w) for w in problem.never_negative],
        "needed": needed,
        "looked": _states_below(graph, dynamic),
        **_loop_tables(pattern, entries if looped else None),
    }
    plan = Plan(
        states=problem.states,
        slots=problem.slots,
        varied=problem.varied,
        observed=len(problem.observed),
        units=problem.units,
        dosed={name: index for name, (index, _) in dosed.items()},
        never_negative=problem.never_negative,
        constants=constants,
        rows=rows,
        own=own,
        tables=tables,
        first_truth=[float(e.initial) for e in events],
        work=sum(graph.nodes[n][0] in SCALAR_FUNCTIONS for n in graph.below(problem.rates)),
    )
    return Built(plan=plan, graph=graph, functions=functions)


def _refuse_unresolved(static: _Static, events: Sequence[Happening]) -> None:
    """Refuses triggers that follow the time itself: no error control sees how fast they change."""
    static.look(event.trigger for event in events)
    for event in events:
        stack = [event.trigger]
        while stack:
            node = stack.pop()
            if static.fixed[node]:
                continue
            if static.graph.nodes[node][:2] == ("load", "t"):
                raise UnsupportedModel(
                    "its trigger depends on the time other than by comparing it, which the "
                    "batched engine does not support.",
                    where=f"event {event.id}",
                )
            stack.extend(static.graph.arguments(node))


def _states_below(graph: Graph, roots: Iterable[Node]) -> list[int]:
    """States that nodes are computed from."""
    loads = (graph.nodes[n] for n in graph.below(roots))
    return sorted({int(load[2]) for load in loads if load[:2] == ("load", "y")})  # type: ignore[call-overload]


def _comparisons(graph: Graph, trigger: Node) -> list[Node]:
    """Comparisons of numbers that a trigger is made of, if it is made of several."""
    found: list[Node] = []
    stack = [trigger]
    while stack:
        node = stack.pop()
        if graph.nodes[node][0] in {"lt", "le", "eq"}:
            found.append(node)
        elif graph.is_boolean(node):
            stack.extend(graph.arguments(node))
    return sorted(set(found)) if len(set(found)) > 1 else []


def _events(events: Sequence[Happening]) -> tuple[tuple[int, int, bool, bool], ...]:
    found, first = [], 0
    for e in events:
        last = first + len(e.settings)
        found.append((first, last, e.persistent, e.from_trigger_time))
        first = last
    return tuple(found)


def _loop_tables(pattern: Pattern, entries: list[tuple[int, int]] | None) -> dict[str, list[int]]:
    """Index tables of ``driver.factorise``; empty for straight-line factors."""
    if entries is None:
        return {"lu_rows": [], "lu_column": [], "lu_source": [], "lu_order": []}
    source = {entry: k for k, entry in enumerate(entries)}
    bounds: list[int] = []
    column: list[int] = []
    origin: list[int] = []
    for i, (before, behind) in enumerate(pattern.rows):
        bounds += [len(column), len(column) + len(before), 0]
        for j in (*before, i, *behind):
            column.append(j)
            origin.append(source.get((pattern.order[i], pattern.order[j]), -1))
        bounds[-1] = len(column)
    return {
        "lu_rows": bounds,
        "lu_column": column,
        "lu_source": origin,
        "lu_order": list(pattern.order),
    }


def text_of_model(built: Built) -> str:
    """LLVM IR of the functions of a model."""
    lanes = built.plan.constants["LANES"]
    parts = [declarations(lanes), shared(lanes)]
    for name, (given, outputs, cached) in built.functions.items():
        parts.append(llvm_function(built.graph, f"model_{name}", given, outputs, cached, lanes))
    return "\n".join(parts)


def text_of_driver(built: Built) -> str:
    """LLVM IR of the loop over steps, which calls the functions of the model."""
    lanes = built.plan.constants["LANES"]
    arrays, _ = arrays_of(built.plan)
    given = {name: signature for name, (signature, _, _) in built.functions.items()}
    parts = [declarations(lanes), shared(lanes)]
    for name, signature in given.items():
        parts.append(f"declare void @model_{name}({', '.join('ptr' for _ in signature)}) nounwind")
    compiler = Compiler(driver, built.plan.constants, arrays, given, lanes)
    parts.append(compiler.text("drive"))
    return "\n".join(parts)
