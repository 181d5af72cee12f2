"""A small compiler from a subset of Python to LLVM IR, for the loop over steps.

The loop is written once, in ``driver``, as functions that Python itself can run (over NumPy arrays:
the readable truth) and that this compiler turns into machine code. The subset: integers, floats,
vectors of one number a run, masks of one truth a run; ``if``, ``while``, ``for … in range``;
assignments; arithmetic and comparisons; calls of one another. Names in capitals are constants of
the model, known when the code is made: what they rule out is left out. Memory is one record ``m``
of arrays: ``m.y[i]`` is a row (a vector), ``m.y[i, lane]`` one number of it, ``m.times[i]`` an
element of a plain array.

Values are in single assignment form from the start: a branch or loop joins what was assigned in it
by a ``phi`` instruction, so no optimisation pass is needed.
"""

from __future__ import annotations

import ast
import functools
import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from exocast.engine.batch.emit_llvm import Text, attributes, number
from exocast.engine.batch.plan import BYTES, FLOATS, INTS, ROWS, Array

INT, FLOAT, TRUTH, VECTOR, MASK, NOTHING = "int", "float", "truth", "vector", "mask", "nothing"
MARKS = {"int": INT, "float": FLOAT, "Truth": TRUTH, "Vector": VECTOR, "Mask": MASK}
ELEMENT = {FLOATS: ("double", 8, FLOAT), INTS: ("i64", 8, INT), BYTES: ("i8", 1, INT)}
OPERATORS: dict[type, tuple[str, str]] = {
    ast.Add: ("add", "fadd"),
    ast.Sub: ("sub", "fsub"),
    ast.Mult: ("mul", "fmul"),
    ast.Div: ("", "fdiv"),
    ast.FloorDiv: ("sdiv", ""),
    ast.Mod: ("srem", ""),
}
RELATIONS: dict[type, tuple[str, str]] = {
    ast.Lt: ("slt", "olt"),
    ast.LtE: ("sle", "ole"),
    ast.Gt: ("sgt", "ogt"),
    ast.GtE: ("sge", "oge"),
    ast.Eq: ("eq", "oeq"),
    ast.NotEq: ("ne", "une"),
}

IN_PYTHON: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}


class _NotKnownError(Exception):
    """An expression is not known when the code is made."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Value:
    """Type and IR name of a value; ``static`` is its Python value when known beforehand."""

    type: str
    name: str
    static: object = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Signature:
    arguments: tuple[tuple[str, str], ...]
    result: str


class Compiler:
    """Functions of a module as IR.

    Parameters
    ----------
    module
        The module; all of its functions whose first argument is ``m`` are compiled.
    constants
        Values of its names in capitals.
    arrays
        The record.
    given
        Functions of the model, by name, with the arrays that they take.
    """

    def __init__(
        self,
        module: ModuleType,
        constants: Mapping[str, object],
        arrays: Mapping[str, Array],
        given: Mapping[str, tuple[str, ...]],
        lanes: int,
    ) -> None:
        self.constants = {**vars(module), **constants}
        self.arrays = arrays
        self.given = given
        self.lanes = lanes
        self.functions = _functions(module)
        self.signatures = {name: _signature(f) for name, f in self.functions.items()}

    def text(self, entry: str) -> str:
        """IR of a function and of all that it calls; the entry is visible from outside."""
        wanted, texts = [entry], []
        for name in wanted:  # grows while it is walked
            body = _Body(compiler=self, text=Text(lanes=self.lanes))
            texts.append(body.function(self.functions[name], name == entry))
            wanted += [called for called in dict.fromkeys(body.calls) if called not in wanted]
        return "\n".join(texts)


@functools.cache
def _functions(module: ModuleType) -> dict[str, ast.FunctionDef]:
    """Functions of a module whose first argument is the record ``m``."""
    return {
        f.name: f
        for f in ast.parse(inspect.getsource(module)).body
        if isinstance(f, ast.FunctionDef) and f.args.args and f.args.args[0].arg == "m"
    }


def _signature(f: ast.FunctionDef) -> _Signature:
    arguments = tuple(
        (a.arg, MARKS[a.annotation.id])
        for a in f.args.args[1:]
        if isinstance(a.annotation, ast.Name)
    )
    result = MARKS[f.returns.id] if isinstance(f.returns, ast.Name) else NOTHING
    return _Signature(arguments=arguments, result=result)


@dataclass(kw_only=True)
class _Body:
    """One function on its way to IR."""

    compiler: Compiler
    text: Text
    local: dict[str, Value] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    block: str = "entry"
    returned: Value | None = None

    def ir(self, kind: str) -> str:
        return {
            INT: "i64",
            FLOAT: "double",
            TRUTH: "i1",
            VECTOR: self.text.vector,
            MASK: self.text.truths,
            NOTHING: "void",
        }[kind]

    def function(self, f: ast.FunctionDef, visible: bool) -> str:
        signature = self.compiler.signatures[f.name]
        for name, kind in signature.arguments:
            self.local[name] = Value(type=kind, name=f"%a_{name}")
        self.statements(f.body)
        given = "".join(f", {self.ir(k)} %a_{n}" for n, k in signature.arguments)
        link = "" if visible else "internal "
        head = f"define {link}{self.ir(signature.result)} @{f.name}(ptr %w, ptr %x{given})"
        end = "ret void"
        if signature.result != NOTHING:
            assert self.returned is not None
            end = f"ret {self.ir(signature.result)} {self.returned.name}"
        return "\n".join(
            [f"{head} {attributes(f.name)} {{", "entry:", *self.text.lines, f"  {end}", "}", ""]
        )

    # Statements -----------------------------------------------------------------------------------

    def statements(self, body: list[ast.stmt]) -> None:
        for statement in body:
            match statement:
                case ast.Expr(value=ast.Constant()):
                    pass  # a docstring
                case ast.Expr(value=ast.Call() as call):
                    self.call(call)
                case ast.Assign(targets=[target], value=value):
                    self.assign(target, self.expression(value))
                case ast.AugAssign(target=target, op=op, value=value):
                    old = self.expression(_as_load(target))
                    self.assign(target, self.arithmetic(op, old, self.expression(value)))
                case ast.If():
                    self.branch(statement)
                case ast.While():
                    self.loop(statement.test, statement.body)
                case ast.For(target=ast.Name(id=name), iter=ast.Call() as call):
                    self.count(name, call, statement.body)
                case ast.Return(value=value) if value is not None:
                    self.returned = self.expression(value)
                case ast.Pass():
                    pass
                case _:
                    raise SyntaxError(f"not in the subset: {ast.unparse(statement)}")

    def assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.local[target.id] = value
            return
        assert isinstance(target, ast.Subscript)
        address, kind, ir, align = self.element(target)
        value = self.converted(value, kind)
        name = value.name
        if ir == "i8":
            name = self.text.put(f"trunc i64 {name} to i8")
        self.text.lines.append(f"  store {ir} {name}, ptr {address}, align {align}")

    def begin(self, label: str) -> None:
        self.text.lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        self.text.lines.append(f"  br label %{label}")

    def branch(self, statement: ast.If) -> None:
        known = self.static(statement.test)
        if known is not None:
            self.statements(statement.body if known else statement.orelse)
            return
        condition = self.expression(statement.test)
        yes, no, after = (self.text.name(p) for p in ("yes", "no", "after"))
        self.text.lines.append(f"  br i1 {condition.name}, label %{yes}, label %{no}")
        before = dict(self.local)
        ends = []
        for label, body in ((yes, statement.body), (no, statement.orelse)):
            self.local = dict(before)
            self.begin(label)
            self.statements(body)
            self.jump(after)
            ends.append((self.block, self.local))
        self.begin(after)
        (yes_end, yes_local), (no_end, no_local) = ends
        self.local = {}
        for name in before | {k: v for k, v in yes_local.items() if k in no_local}:
            one, other = yes_local[name], no_local[name]
            self.local[name] = one if one == other else self.joined(one, yes_end, other, no_end)

    def joined(self, one: Value, one_end: str, other: Value, other_end: str) -> Value:
        if one.type != other.type:
            raise TypeError(f"{one.type} and {other.type} meet")
        ir = self.ir(one.type)
        name = self.text.put(f"phi {ir} [ {one.name}, %{one_end} ], [ {other.name}, %{other_end} ]")
        return Value(type=one.type, name=name)

    def loop(self, test: ast.expr, body: list[ast.stmt], step: str | None = None) -> None:
        """While ``test`` holds: ``body``; then, for counted loops, one more of ``step``."""
        head, inside, after = (self.text.name(p) for p in ("head", "inside", "after"))
        changed = _assigned(body) | ({step} if step else set())
        kept = [name for name in self.local if name in changed]
        came_from = self.block
        self.jump(head)
        self.begin(head)
        places = {}
        before = {name: self.local[name] for name in kept}
        for name in kept:
            value = self.local[name]
            places[name] = len(self.text.lines)
            self.local[name] = Value(type=value.type, name=self.text.put("phi"))
        heads = {name: self.local[name] for name in kept}
        condition = self.expression(test)
        self.text.lines.append(f"  br i1 {condition.name}, label %{inside}, label %{after}")
        outer = dict(self.local)
        self.begin(inside)
        self.statements(body)
        if step:
            one = Value(type=INT, name="1")
            self.local[step] = self.arithmetic(ast.Add(), self.local[step], one)
        self.jump(head)
        for name in kept:
            first, last = before[name], self.local[name]
            if first.type != last.type:
                raise TypeError(f"'{name}' changes from {first.type} to {last.type}")
            self.text.lines[places[name]] = (
                f"  {heads[name].name} = phi {self.ir(first.type)} "
                f"[ {first.name}, %{came_from} ], [ {last.name}, %{self.block} ]"
            )
        self.begin(after)
        self.local = outer

    def count(self, name: str, call: ast.Call, body: list[ast.stmt]) -> None:
        assert isinstance(call.func, ast.Name)
        if call.func.id == "unrolled":
            steps = self.static(call.args[0])
            if steps is None:
                raise SyntaxError(f"not known beforehand: {ast.unparse(call)}")
            for i in steps:  # type: ignore[attr-defined]
                self.local[name] = Value(type=INT, name=str(i), static=i)
                self.statements(body)
            self.local.pop(name, None)  # there may be no step
            return
        bounds = [self.expression(a) for a in call.args]
        first = bounds[0] if len(bounds) == 2 else Value(type=INT, name="0")
        self.local[name] = Value(type=INT, name=first.name)
        self.local[f"{name}'"] = bounds[-1]
        test = ast.Compare(
            left=ast.Name(id=name, ctx=ast.Load()),
            ops=[ast.Lt()],
            comparators=[ast.Name(id=f"{name}'", ctx=ast.Load())],
        )
        self.loop(test, body, step=name)
        del self.local[name], self.local[f"{name}'"]

    # Expressions ----------------------------------------------------------------------------------

    def static(self, node: ast.expr) -> object:
        """Value of an expression that is known beforehand; None otherwise."""
        try:
            return self.known(node)
        except _NotKnownError:
            return None

    def known(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                found = self.local[name].static if name in self.local else None
                if found is None and name.isupper():
                    found = self.compiler.constants.get(name)
                if found is None:
                    raise _NotKnownError
                return found
            case ast.BinOp(left=left, op=op, right=right) if type(op) in IN_PYTHON:
                return IN_PYTHON[type(op)](self.known(left), self.known(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in IN_PYTHON:
                return IN_PYTHON[type(op)](self.known(left), self.known(right))
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self.known(v) for v in values)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in IN_PYTHON:
                return IN_PYTHON[type(op)](self.known(operand))
            case ast.Subscript(value=ast.Name() | ast.Subscript() as base, slice=place):
                return self.known(base)[self.known(place)]
            case ast.Call(func=ast.Name(id="range"), args=args):
                return range(*(self.known(a) for a in args))
            case ast.Call(func=ast.Name(id="len"), args=[argument]):
                return len(self.known(argument))
        raise _NotKnownError

    def constant(self, value: object) -> Value:
        if isinstance(value, bool):
            return Value(type=TRUTH, name="true" if value else "false", static=value)
        if isinstance(value, int):
            return Value(type=INT, name=str(value), static=value)
        assert isinstance(value, float)
        return Value(type=FLOAT, name=number(value), static=value)

    def expression(self, node: ast.expr) -> Value:
        known = self.static(node)
        if isinstance(known, int | float):
            return self.constant(known)
        match node:
            case ast.Name(id=name) if name in self.local:
                return self.local[name]
            case ast.BinOp(left=left, op=op, right=right):
                return self.arithmetic(op, self.expression(left), self.expression(right))
            case ast.UnaryOp(op=op, operand=operand):
                return self.unary(op, self.expression(operand))
            case ast.BoolOp(op=op, values=values):
                how = "and" if isinstance(op, ast.And) else "or"
                result = self.expression(values[0])
                for value in values[1:]:
                    other = self.expression(value)
                    result = Value(
                        type=TRUTH, name=self.text.put(f"{how} i1 {result.name}, {other.name}")
                    )
                return result
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.compare(op, self.expression(left), self.expression(right))
            case ast.Subscript():
                return self.subscript(node)
            case ast.Call():
                return self.call(node)
        raise SyntaxError(f"not in the subset: {ast.unparse(node)}")

    def converted(self, value: Value, kind: str) -> Value:
        """A value as another type: whole numbers to floats, floats to all lanes."""
        if value.type == kind:
            return value
        if value.type == INT and kind in {FLOAT, VECTOR}:
            if value.static is not None:
                value = self.constant(float(value.static))  # type: ignore[arg-type]
            else:
                value = Value(type=FLOAT, name=self.text.put(f"sitofp i64 {value.name} to double"))
            return self.converted(value, kind)
        if value.type == FLOAT and kind == VECTOR:
            if value.static is not None:
                return Value(type=VECTOR, name=self.text.splat(value.static))  # type: ignore[arg-type]
            v = self.text.vector
            one = self.text.put(f"insertelement {v} poison, double {value.name}, i64 0")
            mask = f"<{self.text.lanes} x i32> zeroinitializer"
            name = self.text.put(f"shufflevector {v} {one}, {v} poison, {mask}")
            return Value(type=VECTOR, name=name)
        if value.type == TRUTH and kind == INT:
            return Value(type=INT, name=self.text.put(f"zext i1 {value.name} to i64"))
        raise TypeError(f"{value.type} is no {kind}")

    def common(self, a: Value, b: Value) -> tuple[str, Value, Value]:
        order = [TRUTH, INT, FLOAT, VECTOR]
        if a.type == b.type:
            return a.type, a, b
        kind = max(a.type, b.type, key=order.index)
        return kind, self.converted(a, kind), self.converted(b, kind)

    def arithmetic(self, op: ast.operator, a: Value, b: Value) -> Value:
        if isinstance(op, ast.BitAnd | ast.BitOr):
            how = "and" if isinstance(op, ast.BitAnd) else "or"
            name = self.text.put(f"{how} {self.ir(a.type)} {a.name}, {b.name}")
            return Value(type=a.type, name=name)
        kind, a, b = self.common(a, b)
        whole, broken = OPERATORS[type(op)]
        how = whole if kind == INT else broken
        return Value(type=kind, name=self.text.put(f"{how} {self.ir(kind)} {a.name}, {b.name}"))

    def unary(self, op: ast.unaryop, a: Value) -> Value:
        ir = self.ir(a.type)
        match op:
            case ast.USub() if a.type == INT:
                return Value(type=INT, name=self.text.put(f"sub i64 0, {a.name}"))
            case ast.USub():
                return Value(type=a.type, name=self.text.put(f"fneg {ir} {a.name}"))
            case ast.Not():
                return Value(type=TRUTH, name=self.text.put(f"xor i1 {a.name}, true"))
            case ast.Invert():
                name = self.text.put(f"xor {ir} {a.name}, splat (i1 true)")
                return Value(type=MASK, name=name)
        raise SyntaxError(f"not in the subset: {op}")

    def compare(self, op: ast.cmpop, a: Value, b: Value) -> Value:
        kind, a, b = self.common(a, b)
        whole, broken = RELATIONS[type(op)]
        what = f"icmp {whole}" if kind == INT else f"fcmp {broken}"
        name = self.text.put(f"{what} {self.ir(kind)} {a.name}, {b.name}")
        return Value(type=MASK if kind == VECTOR else TRUTH, name=name)

    def subscript(self, node: ast.Subscript) -> Value:
        if isinstance(node.value, ast.Name):  # one lane of a vector or mask
            vector, lane = self.expression(node.value), self.expression(node.slice)
            kind = FLOAT if vector.type == VECTOR else TRUTH
            name = self.text.put(
                f"extractelement {self.ir(vector.type)} {vector.name}, i64 {lane.name}"
            )
            return Value(type=kind, name=name)
        address, kind, ir, align = self.element(node)
        name = self.text.put(f"load {ir}, ptr {address}, align {align}")
        if ir == "i8":
            name = self.text.put(f"sext i8 {name} to i64")
        return Value(type=kind, name=name)

    def element(self, node: ast.Subscript) -> tuple[str, str, str, int]:
        """Address, type, IR type and alignment of an element of the record."""
        assert isinstance(node.value, ast.Attribute)
        array = self.compiler.arrays[node.value.attr]
        base = self.base(node.value.attr)
        lanes = self.text.lanes
        if array.kind == ROWS:
            if isinstance(node.slice, ast.Tuple):
                row, lane = (self.expression(e) for e in node.slice.elts)
                first = self.text.put(f"mul i64 {row.name}, {lanes}")
                index = self.text.put(f"add i64 {first}, {lane.name}")
                address = self.text.put(f"getelementptr double, ptr {base}, i64 {index}")
                return address, FLOAT, "double", 8
            row = self.expression(node.slice)
            vector = self.text.vector
            address = self.text.put(f"getelementptr {vector}, ptr {base}, i64 {row.name}")
            return address, VECTOR, vector, 8 * lanes
        ir, align, kind = ELEMENT[array.kind]
        index = self.expression(node.slice).name
        address = self.text.put(f"getelementptr {ir}, ptr {base}, i64 {index}")
        return address, kind, ir, align

    def base(self, name: str) -> str:
        """Pointer to an array of the record."""
        array = self.compiler.arrays[name]
        if not array.outside:
            return self.text.put(f"getelementptr i8, ptr %w, i64 {array.offset}")
        place = self.text.put(f"getelementptr ptr, ptr %x, i64 {array.offset}")
        return self.text.put(f"load ptr, ptr {place}")

    def call(self, node: ast.Call) -> Value:
        if isinstance(node.func, ast.Attribute):
            return self.model_call(node.func.attr, node.args)
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in self.compiler.functions:
            return self.own_call(name, node.args[1:])
        given = [self.expression(a) for a in node.args]
        try:
            return self.builtin(name, given)
        except TypeError as e:
            raise TypeError(f"{ast.unparse(node)}: {e}") from None

    def model_call(self, name: str, arguments: list[ast.expr]) -> Value:
        """A function of the model, by the arrays it takes; an array may begin at a later row."""
        pointers = []
        for argument in arguments:
            if isinstance(argument, ast.Call):  # part(m.k, first)
                array, first = argument.args
                assert isinstance(array, ast.Attribute)
                row = self.expression(first)
                base = self.base(array.attr)
                pointers.append(
                    self.text.put(f"getelementptr {self.text.vector}, ptr {base}, i64 {row.name}")
                )
            else:
                assert isinstance(argument, ast.Attribute)
                pointers.append(self.base(argument.attr))
        if len(pointers) != len(self.compiler.given[name]):
            raise TypeError(f"{name} takes {self.compiler.given[name]}")
        given = ", ".join(f"ptr {p}" for p in pointers)
        self.text.lines.append(f"  call void @model_{name}({given})")
        return Value(type=NOTHING, name="")

    def own_call(self, name: str, arguments: list[ast.expr]) -> Value:
        signature = self.compiler.signatures[name]
        self.calls.append(name)
        given = ""
        for argument, (_, kind) in zip(arguments, signature.arguments, strict=True):
            value = self.converted(self.expression(argument), kind)
            given += f", {self.ir(kind)} {value.name}"
        instruction = f"call {self.ir(signature.result)} @{name}(ptr %w, ptr %x{given})"
        if signature.result == NOTHING:
            self.text.lines.append(f"  {instruction}")
            return Value(type=NOTHING, name="")
        return Value(type=signature.result, name=self.text.put(instruction))

    def builtin(self, name: str, given: list[Value]) -> Value:
        text = self.text
        if name == "any_lane":
            n = text.lanes
            whole = text.put(
                f"call i1 @llvm.vector.reduce.or.v{n}i1({text.truths} {given[0].name})"
            )
            return Value(type=TRUTH, name=whole)
        if name in {"as_float", "everywhere"}:
            return self.converted(given[0], FLOAT if name == "as_float" else VECTOR)
        if name == "where":
            condition, yes, no = given
            kind, yes, no = self.common(yes, no)
            if condition.type == MASK and kind != MASK:
                kind, yes, no = VECTOR, self.converted(yes, VECTOR), self.converted(no, VECTOR)
            ir = self.ir(kind)
            choice = f"{self.ir(condition.type)} {condition.name}"
            result = text.put(f"select {choice}, {ir} {yes.name}, {ir} {no.name}")
            return Value(type=kind, name=result)
        if name in {"maximum", "minimum"}:
            kind, a, b = self.common(*given)
            relation: ast.cmpop = ast.Gt() if name == "maximum" else ast.Lt()
            ir, first = self.ir(kind), self.compare(relation, a, b).name
            one = text.truths if kind == VECTOR else "i1"
            return Value(
                type=kind,
                name=text.put(f"select {one} {first}, {ir} {a.name}, {ir} {b.name}"),
            )
        if name == "fma":
            kind = VECTOR if any(v.type == VECTOR for v in given) else FLOAT
            x, y, z = (self.converted(v, kind).name for v in given)
            if kind == VECTOR:
                return Value(type=VECTOR, name=text.fma(x, y, z))
            call = f"call double @llvm.fma.f64(double {x}, double {y}, double {z})"
            return Value(type=FLOAT, name=text.put(call))
        if name in {"absolute", "square_root"}:
            what = "fabs" if name == "absolute" else "sqrt"
            if given[0].type == VECTOR:
                return Value(type=VECTOR, name=text.intrinsic(what, given[0].name))
            call = f"call double @llvm.{what}.f64(double {given[0].name})"
            return Value(type=FLOAT, name=text.put(call))
        if name in {"exponential", "logarithm"}:
            how = text.exp if name == "exponential" else text.log
            return Value(type=VECTOR, name=how(given[0].name))
        raise SyntaxError(f"there is no function '{name}' in the subset")


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(id=target.id, ctx=ast.Load())
    assert isinstance(target, ast.Subscript)
    return ast.Subscript(value=target.value, slice=target.slice, ctx=ast.Load())


def _assigned(body: list[ast.stmt]) -> set[str]:
    """Names of plain variables that statements assign."""
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AugAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.For(body=inner) | ast.While(body=inner):
                names |= _assigned(inner)
            case ast.If(body=inner, orelse=other):
                names |= _assigned(inner) | _assigned(other)
    return names
