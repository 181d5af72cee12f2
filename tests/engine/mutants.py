"""SBML models bent and broken at random: what ``test_fuzz_sbml.py`` feeds to the engine.

As a script it runs mutants by number in a child process, so that a crash or a hang is told with the
mutant that did it:

    python tests/engine/mutants.py 0 10000             every mutant, on the batched path
    python tests/engine/mutants.py 0 500 --both        also on the general path; values compared
    python tests/engine/mutants.py 0 10000 --unmade    read and understood, not made into code
    python tests/engine/mutants.py --show 17           the text of one
"""

from __future__ import annotations

import argparse
import collections
import copy
import faulthandler
import functools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import antimony
import numpy as np

from exocast import engine
from exocast.engine.batch import machine
from exocast.engine.batch.build import build
from exocast.engine.batch.problem import problem_of
from exocast.engine.batch.read import document_of
from exocast.errors import ExocastError

MATHML = "http://www.w3.org/1998/Math/MathML"
SYMBOLS = "http://www.sbml.org/sbml/symbols/"
TIMES = np.array([0.0, 0.1, 0.5, 1.0])
LONGEST_S = 60.0  # of one mutant
RTOL = 1e-8
AGREEMENT = 1e-4  # of the largest value

SEEDS = (
    """model decay()
      compartment c = 2; species A in c, B in c; A = 10; B = 0; k = 0.3;
      J: A => B; k*A*c; J2: B => ; 0.1*B*c; end""",
    """function mm(S, V, K)
      V*S/(K + S)
    end
    function twice(x)
      2*x
    end
    model enzymes()
      compartment c = 1, d = 3; substanceOnly species S in c, P in d, E in c;
      S = 5; P = 1; E = twice(1); V = 2; K = 0.7; total := S + P; ratio := P/total;
      J: S => P; c*mm(S/c, V*E, K)*(1 - ratio); J2: P => 2S; 0.01*twice(P); end""",
    """model happenings()
      compartment c = 1; species A in c; A = 1; k = 1; n = 0; x = 2; x' = -0.2*x;
      A => ; k*A;
      E1: at (time > 0.35): A = 3, k = 0.5;
      E2: at (A < 0.8), priority = 2: n = n + 1, A = A + x;
      E3: at (x < 1.9 && n > 0), t0 = false, persistent = false: x = 5; end""",
    """model rules()
      a = 2; b = 3*a; c := sin(time) + b; d := c^2 + exp(-a); x = 1; y = b;
      x' = -x*d/(1 + x^3); z := ln(1 + x)/sqrt(d);
      y' = z + piecewise(1, time < 0.4, -0.5*y, y > 2, 0); end""",
    """model functions()
      x = 0.5; z = 1; z' = -z;
      x' = cos(x)*tan(0.1*x) + arctan(x) - tanh(x) + abs(z - 0.5) + floor(3*z) + p + q;
      p := x^0.5 + 2^x + log10(1 + x) + arcsinh(x); q := min(x, z) + max(x, 0.1);
      end""",
    """model sized()
      compartment v; v = 1; v' = 0.2*v; species A in v, $B in v; A = 4; B = 2; p = 1;
      A => 3 B; p*A*v; A -> ; p*(A - B)*v; at (A < 2): p = 2; end""",
)
NUMBERS = (
    *("0", "1", "-1", "2.5", "1e-3", "17", "-0.0", "1e300", "-1e308", "1e400", "-1e400", "5e-324"),
    *("1e-320", "NaN", "INF", "-INF", "nan", "inf", "infinity", "", " ", "abc", " 1 ", "0x10"),
    *("1_000", "\u0663", "1,5", "1e", "--1", "9" * 400, "0." + "3" * 5000, "9" * 5000),
)
WORDS = ("true", "false", "1", "0", "yes", "TRUE", "", "maybe")
NAMES = (
    *("A", "k", "c", "x", "time", "nan", "a b", "\u00e9", "%v1", '"; ret void }', "infusion A", ""),
    *(
        "exocast_infusion_A",
        "0",
        "t",
        "y",
        "__class__",
        "{0}",
        "n" * 3000,
        "\n",
        "twice",
        "mm",
        "J",
    ),
)
OPERATORS = (
    *("plus", "minus", "times", "divide", "power", "root", "exp", "ln", "log", "abs", "floor"),
    *("ceiling", "factorial", "sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh"),
    *("sech", "csch", "coth", "arcsin", "arccos", "arctan", "arcsec", "arccsc", "arccot"),
    *("arcsinh", "arccosh", "arctanh", "arcsech", "arccsch", "arccoth", "and", "or", "xor", "not"),
    *("implies", "eq", "neq", "lt", "leq", "gt", "geq", "min", "max", "rem", "quotient"),
    *("int", "diff", "vector", "frobnicate"),
)
Mutation = Callable[[random.Random, ET.Element], None]


@functools.cache
def seeds() -> tuple[str, ...]:
    """The models to start from, at level 3 and, where it can say the same, at level 2."""
    import libsbml

    found = []
    for text in SEEDS:
        antimony.clearPreviousLoads()
        assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
        sbml = antimony.getSBMLString(antimony.getMainModuleName())
        found.append(sbml)
        document = libsbml.readSBMLFromString(sbml)
        for level, version in ((2, 4), (3, 1)):
            copied = document.clone()
            if copied.setLevelAndVersion(level, version, False):
                found.append(libsbml.writeSBMLToString(copied))
    return tuple(found)


# Elements ---------------------------------------------------------------------------------------


def tag(name: str) -> str:
    return f"{{{MATHML}}}{name}"


def expression(text: str) -> ET.Element:
    """A piece of MathML."""
    return ET.fromstring(f'<math xmlns="{MATHML}">{text}</math>')[0]


def pairs(root: ET.Element) -> list[tuple[ET.Element, ET.Element]]:
    """Every element but the root, after its parent."""
    return [(parent, child) for parent in root.iter() for child in parent]


def some(rng: random.Random, root: ET.Element) -> tuple[ET.Element, ET.Element] | None:
    """A pair; ``None`` of the outermost two, which leave nothing."""
    found = pairs(root)[1:]
    return rng.choice(found) if found else None


def in_math(root: ET.Element) -> list[tuple[ET.Element, int]]:
    """Places of expressions: a parent, and an index in it."""
    found = []
    for parent in root.iter():
        first = {tag("math"): 0, tag("apply"): 1, tag("piece"): 0, tag("otherwise"): 0}.get(
            str(parent.tag)
        )
        if first is not None:
            found += [(parent, i) for i in range(first, len(parent))]
    return found


def delete(rng: random.Random, root: ET.Element) -> None:
    if pair := some(rng, root):
        pair[0].remove(pair[1])


def duplicate(rng: random.Random, root: ET.Element) -> None:
    if pair := some(rng, root):
        pair[0].insert(rng.randrange(len(pair[0]) + 1), copy.deepcopy(pair[1]))


def move(rng: random.Random, root: ET.Element) -> None:
    if pair := some(rng, root):
        inside = set(pair[1].iter())
        places = [e for e in root.iter() if e not in inside]
        pair[0].remove(pair[1])
        rng.choice(places).append(pair[1])


def swap(rng: random.Random, root: ET.Element) -> None:
    parents = [e for e in root.iter() if len(e) > 1]
    if parents:
        parent = rng.choice(parents)
        i, j = rng.randrange(len(parent)), rng.randrange(len(parent))
        parent[i], parent[j] = parent[j], parent[i]


def attribute(rng: random.Random, root: ET.Element) -> None:
    """Another value: of the attribute's kind, or of any."""
    chosen = rng.choice([e for e in root.iter() if e.attrib])
    name = rng.choice(sorted(chosen.attrib))
    value = chosen.attrib[name]
    others = [e.attrib[name] for e in root.iter() if name in e.attrib]
    kind = WORDS if value in {"true", "false"} else NUMBERS if number_like(value) else NAMES
    chosen.attrib[name] = rng.choice(rng.choice((kind, kind, kind, others, NUMBERS + NAMES)))


def number_like(value: str) -> bool:
    return re.fullmatch(r"[-+0-9.eE]+", value) is not None


def plausible(rng: random.Random, root: ET.Element) -> None:
    """Another number where one stands, of no strange kind."""
    chosen = [(e, n) for e in root.iter() for n, v in e.attrib.items() if number_like(v)]
    chosen = [(e, n) for e, n in chosen if n not in {"level", "version", "spatialDimensions"}]
    if chosen:
        e, name = rng.choice(chosen)
        e.attrib[name] = rng.choice(("0", "0.5", "1", "3", "10", "-1", "100", "1e-6"))


def without(rng: random.Random, root: ET.Element) -> None:
    chosen = rng.choice([e for e in root.iter() if e.attrib])
    del chosen.attrib[rng.choice(sorted(chosen.attrib))]


def add_attribute(rng: random.Random, root: ET.Element) -> None:
    name = rng.choice(
        "initialAmount initialConcentration fast conversionFactor stoichiometry spatialDimensions "
        "constant boundaryCondition value size colour id hasOnlySubstanceUnits substanceUnits "
        "{urn:x}required useValuesFromTriggerTime".split()
    )
    rng.choice(list(root.iter())).attrib[name] = rng.choice((*NUMBERS, *WORDS, *NAMES))


def rename(rng: random.Random, root: ET.Element) -> None:
    """An id everywhere, or in one place only."""
    ids = sorted({e.attrib["id"] for e in root.iter() if "id" in e.attrib})
    if not ids:
        return
    old, new = rng.choice(ids), rng.choice((*NAMES, *ids))
    places: list[Callable[[], None]] = []
    for e in root.iter():
        places += [functools.partial(e.attrib.update, {n: new}) for n, v in e.items() if v == old]
        if e.tag == tag("ci") and (e.text or "").strip() == old:
            places.append(functools.partial(setattr, e, "text", new))
    for place in places if rng.random() < 0.7 else [rng.choice(places)]:
        place()


def operator(rng: random.Random, root: ET.Element) -> None:
    heads = [e[0] for e in root.iter(tag("apply")) if len(e) and e[0].tag != tag("ci")]
    if heads:
        rng.choice(heads).tag = tag(rng.choice(OPERATORS))


def operand(rng: random.Random, root: ET.Element) -> None:
    """Something else in the place of an expression."""
    places = in_math(root)
    if not places:
        return
    parent, i = rng.choice(places)
    names = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    cn = [f"<cn>{n}</cn>" for n in NUMBERS]
    cn += [f'<cn type="integer">{n}</cn>' for n in ("1", "2.7", "1e3", "NaN", "9" * 30)]
    cn += [
        f'<cn type="{kind}">{a}<sep/>{b}</cn>'
        for kind in ("e-notation", "rational", "complex-polar")
        for a in ("1", "NaN", "1e300", "0")
        for b in ("2", "400", "-400", "99999999999", "NaN", "inf", "1e300", "0", "")
    ]
    others = [
        f'<csymbol encoding="text" definitionURL="{SYMBOLS}{s}">t</csymbol>'
        for s in ("time", "avogadro", "delay", "rateOf", "quantum", "")
    ]
    others += [
        f'<apply><csymbol definitionURL="{SYMBOLS}rateOf"/><ci>{(names or ["x"])[0]}</ci></apply>',
        f'<apply><csymbol definitionURL="{SYMBOLS}delay"/><ci>x</ci><cn>1</cn></apply>',
        "<apply/>",
        "<piecewise/>",
        "<piecewise><piece><cn>1</cn><true/></piece></piecewise>",
        "<piecewise><otherwise><cn>1</cn></otherwise><otherwise><cn>2</cn></otherwise></piecewise>",
        "<true/>",
        "<pi/>",
        "<notanumber/>",
        "<infinity/>",
        "<semantics><cn>1</cn><annotation-xml/></semantics>",
        "<lambda><bvar><ci>q</ci></bvar><ci>q</ci></lambda>",
        "<apply><root/><degree><cn>0</cn></degree><cn>2</cn></apply>",
        "<apply><log/><logbase><cn>1</cn></logbase><cn>2</cn></apply>",
        "<apply><power/><cn>10</cn><apply><power/><cn>10</cn><cn>10</cn></apply></apply>",
        "<apply><factorial/><cn>1e9</cn></apply>",
    ]
    ci = [f"<ci>{n}</ci>" for n in (names or ["x"])]
    parent[i] = expression(rng.choice(rng.choice((ci, ci, cn, others))))


def wrapped(rng: random.Random, root: ET.Element) -> None:
    """An expression inside something, once or very often."""
    places = in_math(root)
    if not places:
        return
    parent, i = rng.choice(places)
    inner = parent[i]
    name = rng.choice(OPERATORS)
    for _ in range(rng.choice((1, 1, 2, 10, 90, 600, 10_000))):
        apply = ET.Element(tag("apply"))
        ET.SubElement(apply, tag(name))
        apply.append(inner)
        if name in {"plus", "times", "power", "divide", "max", "and"}:
            ET.SubElement(apply, tag("cn")).text = rng.choice(("1", "2", "0.5", "-1"))
        inner = apply
    parent[i] = inner


def shared_rules(rng: random.Random, root: ET.Element) -> None:
    """A long chain of rules; at times it bites its tail."""
    count = rng.choice((5, 40, 400))
    model = root[0]
    space = str(root.tag).partition("}")[0] + "}"
    for name, single in (("listOfParameters", "parameter"), ("listOfRules", "assignmentRule")):
        holder = model.find(space + name)
        if holder is None:
            return
        for n in range(count):
            e = ET.SubElement(holder, space + single)
            if single == "parameter":
                e.attrib |= {"id": f"chain{n}", "constant": "false"}
                continue
            after = f"<ci>chain{n + 1}</ci>" if n + 1 < count else "<cn>1</cn>"
            if n + 1 == count and rng.random() < 0.3:
                after = "<ci>chain0</ci>"
            e.attrib["variable"] = f"chain{n}"
            math = ET.SubElement(e, tag("math"))
            math.append(expression(f"<apply><plus/>{after}<cn>1</cn></apply>"))
    places = in_math(root)
    parent, i = rng.choice(places[: -3 * count] or places)
    parent[i] = expression("<ci>chain0</ci>")


def functions(rng: random.Random, root: ET.Element) -> None:
    """Functions that call one another: twice each, in a ring, or themselves."""
    space = str(root.tag).partition("}")[0] + "}"
    model = root[0]
    holder = model.find(space + "listOfFunctionDefinitions")
    if holder is None:
        holder = ET.Element(space + "listOfFunctionDefinitions")
        model.insert(0, holder)
    count = rng.choice((3, 12, 40, 150))
    join = rng.choice(("plus", "times", "power", "max"))
    kind = rng.choice(("twice", "shifted", "ring", "self"))
    for n in range(count):
        e = ET.SubElement(holder, space + "functionDefinition", id=f"f{n}")
        to = {"ring": f"f{(n + 1) % count}", "self": f"f{n}"}.get(kind, f"f{n - 1}")
        call = f"<apply><ci>{to}</ci><ci>x</ci></apply>"
        second = f"<apply><ci>{to}</ci><apply><plus/><ci>x</ci><cn>{n}</cn></apply></apply>"
        body = f"<apply><{join}/>{call}{second if kind == 'shifted' else call}</apply>"
        if n == 0 and kind in {"twice", "shifted"}:
            body = "<apply><sin/><ci>x</ci></apply>"
        math = ET.SubElement(e, tag("math"))
        math.append(expression(f"<lambda><bvar><ci>x</ci></bvar>{body}</lambda>"))
    places = in_math(model)
    outside = [p for p in places if p[0] not in set(holder.iter())]
    if outside:
        parent, i = rng.choice(outside)
        call = expression(f"<apply><ci>f{count - 1}</ci></apply>")
        call.append(parent[i])
        parent[i] = call


def event_loop(rng: random.Random, root: ET.Element) -> None:
    """Two events that make each other happen."""
    space = str(root.tag).partition("}")[0] + "}"
    model = root[0]
    holder = model.find(space + "listOfParameters")
    if holder is None:
        return
    ET.SubElement(holder, space + "parameter", id="flip", value="0", constant="false")
    events = model.find(space + "listOfEvents")
    if events is None:
        events = ET.SubElement(model, space + "listOfEvents")
    for at, to in (("0", "1"), ("1", "0")):
        e = ET.SubElement(events, space + "event", useValuesFromTriggerTime="true")
        trigger = ET.SubElement(e, space + "trigger")
        if "level3" in space:
            trigger.attrib |= {"initialValue": rng.choice(("true", "false")), "persistent": "true"}
        math = ET.SubElement(trigger, tag("math"))
        math.append(expression(f"<apply><eq/><ci>flip</ci><cn>{at}</cn></apply>"))
        assigned = ET.SubElement(e, space + "listOfEventAssignments")
        one = ET.SubElement(assigned, space + "eventAssignment", variable="flip")
        ET.SubElement(one, tag("math")).append(expression(f"<cn>{to}</cn>"))


TREE: tuple[Mutation, ...] = (
    *(delete, duplicate, move, swap, attribute, attribute, plausible, plausible, without),
    *(add_attribute, rename, operator, operator, operator, operand, operand, operand, wrapped),
    *(shared_rules, functions, event_loop),
)


# Text -------------------------------------------------------------------------------------------


def truncated(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text))]


def garbage(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text))
    junk = rng.choice(
        (
            *("\0", "\x1b", "\ud800", "&", "<", "]]>", "<!--", "\ufeff", "&#0;", "&#x10ffff;"),
            *("&bomb;", "<![CDATA[x]]>", "<?php x?>", "\U0001f600"),
            "".join(chr(rng.randrange(32, 900)) for _ in range(9)),
        )
    )
    return text[:at] + junk + text[at + rng.choice((0, 0, 1, 30)) :]


def declared(rng: random.Random, text: str) -> str:
    rest = text.partition("?>")[2] if text.startswith("<?xml") else text
    name = rng.choice(
        ("UTF-8", "utf-16", "latin-1", "UTF-7", "rot13", "ascii", "x" * 500, "\u00e9", "")
    )
    return f'<?xml version="1.0" encoding="{name}"?>{rest}'


def bomb(rng: random.Random, text: str) -> str:
    rest = text.partition("?>")[2] if text.startswith("<?xml") else text
    entities = "".join(
        f'<!ENTITY b{n} "{f"&b{n - 1};" * 10 if n else "lol"}">'
        for n in range(rng.choice((1, 3, 30)))
    )
    external = '<!ENTITY b0 SYSTEM "file:///etc/passwd">'
    inside = rng.choice((entities, external, ""))
    return f"<!DOCTYPE sbml [{inside}]>{rest}".replace("</model>", "<notes>&b0;</notes></model>")


def namespaces(rng: random.Random, text: str) -> str:
    level = "http://www.sbml.org/sbml/level"
    old = rng.choice(
        (f"{level}3/version2/core", f"{level}3/version1/core", f"{level}2/version4", MATHML)
    )
    new = rng.choice(
        (f"{level}3/version1/core", f"{level}2/version4", f"{level}1", f"{level}4", "urn:x", "")
    )
    return text.replace(old, new, rng.choice((1, 2, -1)))


def characters(rng: random.Random, text: str) -> str:
    """A few digits or letters changed."""
    for _ in range(rng.choice((1, 3))):
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice("0123456789eE.-+ abxyS<>/\"'=") + text[at + 1 :]
    return text


TEXT = (truncated, garbage, declared, bomb, namespaces, characters, characters)


def mutant(rng: random.Random) -> str:
    """A seed with one to three changes."""
    text = rng.choice(seeds())
    if rng.random() < 0.85:
        root = ET.fromstring(text)
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice(TREE)(rng, root)
        text = written(root)
    if rng.random() < 0.2:
        text = rng.choice(TEXT)(rng, text)
    return text


def written(root: ET.Element) -> str:
    """The text of a tree; ElementTree's own writer recurses, and a nest may be deep."""
    out: list[str] = []
    stack: list[ET.Element | str] = [root]
    while stack:
        e = stack.pop()
        if isinstance(e, str):
            out.append(e)
            continue
        space, _, name = str(e.tag)[1:].rpartition("}")
        attributes = "".join(f" {_short(n)}={_quoted(v)}" for n, v in e.items())
        own = f' xmlns="{space}"' if name in {"sbml", "math"} else ""
        out.append(f"<{name}{own}{attributes}>{_escaped(e.text or '')}")
        stack.append(f"</{name}>{_escaped(e.tail or '')}")
        stack.extend(reversed(list(e)))
    return "".join(out)


def _short(name: str) -> str:
    return name.rpartition("}")[2] if name.startswith("{") else name


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _quoted(value: str) -> str:
    return '"' + _escaped(value).replace('"', "&quot;").replace("\n", "&#10;") + '"'


# What becomes of them -----------------------------------------------------------------------------


def observed(text: str) -> tuple[str, ...]:
    """A few names of a model that our own reader reads."""
    from exocast.engine.model import _described

    try:
        names = sorted(_described(text).names)
    except ExocastError:
        return ()
    return tuple(names[:12])


def outcome(text: str, path: str = "batch") -> tuple[str, engine.Runs | None]:
    """The statuses of a run, or the class of our own error; anything else is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            runs = engine.compile(text, observe=observed(text), path=path).run(TIMES, rtol=RTOL)
        except ExocastError as e:
            return f"{type(e).__name__}: {e}", None
    assert set(runs.status.tolist()) <= set(range(len(engine.STATUS)))
    return engine.STATUS[int(runs.status[0])], runs


def understood(text: str) -> str:
    """Whether a model comes to equations, or the class of our own error."""
    try:
        build(problem_of(document_of(text), observe=observed(text)))
    except ExocastError as e:
        return f"{type(e).__name__}: {e}"
    except RecursionError:  # which the engine tells as a nest too deep
        return "RecursionError"
    return "understood"


def disagreement(one: engine.Runs, other: engine.Runs) -> float:
    """Largest difference as a share of each observable's largest value."""
    scale = np.maximum(np.abs(one.values).max(axis=(0, 1)), np.abs(other.values).max(axis=(0, 1)))
    difference = np.abs(one.values - other.values).max(axis=(0, 1))
    return float((difference / np.maximum(scale, 1e-12)).max(initial=0.0))


def numbered(number: int) -> str:
    return mutant(random.Random(number))


def _child(first: int, last: int, *, both: bool, unmade: bool) -> None:
    """Runs a range, saying each number before and its outcome after."""
    for number in range(first, last):
        print(json.dumps({"begins": number}), flush=True)
        faulthandler.dump_traceback_later(LONGEST_S, exit=True)
        began = time.monotonic()
        text = numbered(number)
        row: dict[str, object] = {"number": number}
        try:
            word, runs = (understood(text), None) if unmade else outcome(text)
            row["batch"] = word
            if both and runs is not None and word == "ok":
                faulthandler.dump_traceback_later(4 * LONGEST_S, exit=True)
                row["general"], other = outcome(text, "general")
                if other is not None and row["general"] == "ok":
                    row["apart"] = disagreement(runs, other)
        # Any fault at all is what is looked for; it is told beside the mutant's number.
        except BaseException as e:  # noqa: BLE001
            row["fault"] = f"{type(e).__name__}: {str(e)[:300]}"
        faulthandler.cancel_dump_traceback_later()
        row["seconds"] = round(time.monotonic() - began, 2)
        print(json.dumps(row), flush=True)


def outcomes(first: int, last: int, *arguments: str) -> Iterator[dict[str, object]]:
    """Outcomes of a range, each mutant in a child process that is replaced when it falls."""
    while first < last:
        with tempfile.TemporaryFile("w+") as said:
            command = [sys.executable, __file__, "--child", str(first), str(last), *arguments]
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=said, text=True, env=os.environ
            ) as child:
                assert child.stdout is not None
                begun = first
                for line in child.stdout:
                    row = json.loads(line)
                    begun = row.get("begins", begun)
                    if "number" in row:
                        first = row["number"] + 1
                        yield row
            if first < last:
                said.seek(0)
                tail = said.read()[-1500:]
                yield {
                    "number": begun,
                    "fault": f"the process ended with {child.returncode}: {tail}",
                }
                first = begun + 1


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("range", nargs="*", type=int)
    options.add_argument("--child", action="store_true")
    options.add_argument("--both", action="store_true")
    options.add_argument("--unmade", action="store_true")
    options.add_argument("--show", type=int)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    os.environ["EXOCAST_CACHE"] = "off"
    machine.LONGEST_CAREFUL = 0  # code made quickly computes the same
    if given.show is not None:
        print(numbered(given.show).encode("utf-8", "replace").decode())
    elif given.child:
        _child(*given.range, both=given.both, unmade=given.unmade)
    else:
        seeds()  # fails here rather than in every child
        words: collections.Counter[str] = collections.Counter()
        kinds = [f"--{kind}" for kind in ("both", "unmade") if getattr(given, kind)]
        with Path(given.out or os.devnull).open("a") as out:
            for row in outcomes(*given.range, *kinds):
                out.write(json.dumps(row) + "\n")
                out.flush()
                words[str(row.get("batch", "fault")).partition(":")[0]] += 1
                if (
                    "fault" in row
                    or row.get("apart", 0.0) > AGREEMENT
                    or row.get("seconds", 0) > 10
                ):
                    print(json.dumps(row)[:1500], flush=True)
        print(dict(words))


if __name__ == "__main__":
    main()
