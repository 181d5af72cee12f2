"""Write what a fragment's page owes to its files: picture, equations and numbers, and the index.

python scripts/fragment_pages.py            # as --check
python scripts/fragment_pages.py --check    # names the pages that are not in step; fails if any
python scripts/fragment_pages.py --write    # brings them in step

Beside each ``x.ant`` stand its numbers ``x.csv`` and its page ``x.md``. People write the page's
prose; between markers this script writes a picture (Mermaid), the equations, what the fragment is
joined to, and every row with its source. ``docs/mechanisms.md`` is written whole.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exocast.engine.library import Fragment, fragment_names, load_fragment
from exocast.engine.site import Site, load_site, site_names
from exocast.evidence.rows import COLUMNS, Row, rows_of
from exocast.evidence.sources import NOT_SOURCES, source, sources

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "exocast"
INDEX = ROOT / "docs" / "mechanisms.md"
BY = "written by scripts/fragment_pages.py"
NAME = re.compile(r"[A-Za-z_]\w*")
OVERLAYS = ("body/species", "body/labels", "body/coats", "tissue/conditions")
GRADES = "ABCDE"
MOST_ROWS = 12  # of slanted boxes in a picture
LEGEND = (
    "Boxes are amounts of this fragment, hexagons are computed, slanted boxes are rows of its "
    "table; rounded and dashed is bound from outside, double sides are fragments that read it. "
    "Solid arrows move an amount, dotted ones enter an equation."
)


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """One process: from what, to what, and its rate as libSBML writes it."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    reversible: bool
    law: str

    @property
    def way(self) -> str:
        arrow = "⇌" if self.reversible else "→"
        return f"{' + '.join(self.before)} {arrow} {' + '.join(self.after)}".strip()


@dataclass(frozen=True, kw_only=True)
class Equations:
    """What one ``.ant`` file says; ``comments`` by the name of the statement that they precede."""

    ports: tuple[str, ...]
    compartments: tuple[str, ...]
    species: Mapping[str, str]
    reactions: tuple[Reaction, ...]
    computed: Mapping[str, str]
    rates: Mapping[str, str]
    starts: Mapping[str, str]
    comments: Mapping[str, str]

    @property
    def moves(self) -> bool:
        """Whether anything changes with time."""
        return bool(self.reactions or self.rates)


@dataclass(frozen=True, kw_only=True)
class Joins:
    """Who reads what, over all sites; names are pairs of a fragment and an id inside it."""

    readers: dict[tuple[str, str], set[tuple[str, str]]] = field(default_factory=dict)
    givers: dict[tuple[str, str], set[tuple[str, str]]] = field(default_factory=dict)
    sites: dict[str, set[str]] = field(default_factory=dict)


# Reading -----------------------------------------------------------------------------------------


@functools.cache
def fragment(name: str) -> Fragment:
    return load_fragment(name, prior="default")


@functools.cache
def equations(name: str) -> Equations:
    """Equations of one fragment, parsed by Antimony and read from its SBML."""
    import antimony
    import libsbml

    own = fragment(name)
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(own.text) < 0:
        raise SystemExit(f"{own.file}: {antimony.getLastError()}")
    document = libsbml.readSBMLFromString(antimony.getSBMLString(own.module))
    model = document.getModel()

    def text(math: Any) -> str:
        return str(libsbml.formulaToL3String(math))

    rules = [model.getRule(i) for i in range(model.getNumRules())]
    return Equations(
        ports=own.ports,
        compartments=tuple(c.getId() for c in model.getListOfCompartments() if _own(c, own)),
        species={s.getId(): s.getCompartment() for s in model.getListOfSpecies()},
        reactions=tuple(
            Reaction(
                name=r.getId(),
                before=tuple(s.getSpecies() for s in r.getListOfReactants()),
                after=tuple(s.getSpecies() for s in r.getListOfProducts()),
                reversible=r.getReversible(),
                law=text(r.getKineticLaw().getMath()),
            )
            for r in model.getListOfReactions()
        ),
        computed={r.getVariable(): text(r.getMath()) for r in rules if r.isAssignment()},
        rates={r.getVariable(): text(r.getMath()) for r in rules if r.isRate()},
        starts={
            s.getSymbol(): text(s.getMath())
            for s in model.getListOfInitialAssignments()
            if NAME.search(text(s.getMath()))
        },
        comments=comments(own.file),
    )


def _own(compartment: Any, own: Fragment) -> bool:
    """Antimony puts what has no place into a compartment of its own making."""
    return compartment.getId() in own.text


def comments(file: Path) -> dict[str, str]:
    """Comments inside a model by the statement that follows them; Antimony itself drops them."""
    _, _, body = file.read_text(encoding="utf-8").partition("\nmodel ")
    found: dict[str, str] = {}
    waiting: list[str] = []
    for line in (line.strip() for line in body.splitlines()[1:]):
        if line.startswith("//"):
            waiting.append(line.removeprefix("//").strip())
        elif line and waiting:
            statement = NAME.match(line)
            if statement:
                found[statement[0]] = " ".join(waiting)
            waiting = []
    return found


def says(name: str) -> str:
    """The first line of a fragment's file: what it is."""
    first = fragment(name).file.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("//").strip()


@functools.cache
def joins() -> Joins:
    """How the sites of the package join fragments."""
    found = Joins()
    for name in site_names():
        site = load_site(name)
        for instance in site.instances.values():
            found.sites.setdefault(instance.fragment, set()).add(name)
            for port, bound in instance.ports.items():
                for giver in givers(site, bound):
                    reader = (instance.fragment, port)
                    found.readers.setdefault(giver, set()).add(reader)
                    found.givers.setdefault(reader, set()).add(giver)
    return found


def givers(site: Site, name: str) -> Iterator[tuple[str, str]]:
    """Fragments and ids behind a name of an assembled model; a sum stands for what it adds up."""
    if name in site.sums:
        for part in NAME.findall(site.sums[name].formula):
            yield from givers(site, part)
    for instance, used in site.instances.items():
        local = name.removeprefix(instance + "_")
        if local != name and local in names(used.fragment):
            yield used.fragment, local


@functools.cache
def names(name: str) -> frozenset[str]:
    """Ids that a fragment makes itself, so that others can be bound to them."""
    own = equations(name)
    made = {*own.compartments, *own.species, *own.computed, *own.rates}
    return frozenset(made | set(base_names(name)))


@functools.cache
def base_names(name: str) -> tuple[str, ...]:
    """Quantities of a fragment's table, kinds and spreads between people left out."""
    special = (".between", ".literature")
    plain = [row.id for row in fragment(name).rows if not row.id.endswith(special)]
    return tuple(dict.fromkeys(each.rpartition(".")[2] for each in plain))


# The picture -------------------------------------------------------------------------------------


class Picture:
    """A Mermaid flowchart in the plainest syntax: nodes first, arrows after them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.own = equations(name)
        self.nodes: dict[str, str] = {}
        self.dashed: list[str] = []
        self.arrows: list[str] = []

    def text(self) -> str:
        if self.own.moves:
            self._processes()
        else:
            self._places()
        for what, formula in self.own.rates.items():
            for other in self._inputs(formula, apart=what):
                self._arrow(other, what, dotted=True)
        for what, formula in self.own.computed.items():
            self._node(what)
            for other in self._inputs(formula, apart=what):
                self._arrow(other, what, dotted=True)
        self._readers()
        self._thin_out()
        lines = ["flowchart LR", *(f"  {node}" for node in self.nodes.values())]
        lines += [f"  {arrow}" for arrow in dict.fromkeys(self.arrows)]
        if self.dashed:
            lines.append("  classDef port stroke-dasharray: 5 4")
            lines.append(f"  class {','.join(self.dashed)} port")
        return "\n".join(lines)

    def _processes(self) -> None:
        for what in (*self.own.species, *self.own.rates):
            moved = any(what in (*r.before, *r.after) for r in self.own.reactions)
            if moved or what not in self.own.ports:
                self._node(what)
        for reaction in self.own.reactions:
            with_ = self._modifiers(reaction)
            label = words(reaction.name) + (f":<br/>{', '.join(with_)}" if with_ else "")
            for before in reaction.before or ("made",):
                for after in reaction.after or ("gone",):
                    arrow = "<-->" if reaction.reversible else "-->"
                    self._arrow(before, after, label=label, arrow=arrow)

    def _places(self) -> None:
        for what in (*self.own.compartments, *self.own.species):
            if what not in self.own.ports:
                self._node(what)
        for what, formula in self.own.starts.items():
            for other in self._inputs(formula, apart=what):
                self._arrow(other, what, dotted=True)

    def _readers(self) -> None:
        """What others read: computed values; of a place that does not move, everything."""
        made = self.own.computed if self.own.moves else sorted(names(self.name) - {*self.own.ports})
        ordered = [*self.own.compartments, *self.own.species, *self.own.computed, *made]
        for what in dict.fromkeys(w for w in ordered if w in made):
            read_by = sorted({path for path, _ in joins().readers.get((self.name, what), ())})
            if not read_by:
                continue
            stems = [path.rpartition("/")[2] for path in read_by]
            lines = [", ".join(map(words, stems[i : i + 3])) for i in range(0, len(stems), 3)]
            reader = "r_" + "_".join(stems)
            self.nodes.setdefault(reader, f'{reader}[["{"<br/>".join(lines)}"]]')
            self._node(what)
            self.arrows.append(f"n_{what} -.-> {reader}")

    def _thin_out(self) -> None:
        """Of many rows those that enter one equation only are left to the table."""
        rows = [what for what, node in self.nodes.items() if "[/" in node]
        if len(rows) <= MOST_ROWS:
            return
        for what in rows:
            mine = [arrow for arrow in self.arrows if f"n_{what} " in f"{arrow} "]
            if len(set(mine)) == 1:
                self.arrows.remove(mine[0])
                del self.nodes[what]

    def _modifiers(self, reaction: Reaction) -> list[str]:
        """Names in a rate that are neither what it moves, nor rows, nor places."""
        apart = {*reaction.before, *(reaction.after if reaction.reversible else ())}
        own = self.own
        places = {*own.compartments, *own.species.values()}
        known = {*own.computed, *own.species, *own.rates, *(set(own.ports) - places)}
        return [words(n) for n in in_order(reaction.law) if n in known - apart]

    def _inputs(self, formula: str, *, apart: str) -> list[str]:
        own = self.own
        places = {*own.compartments, *own.species.values()}
        known = {*own.computed, *own.species, *own.rates, *(set(own.ports) - places)}
        if not own.moves:
            known |= {*own.ports, *own.compartments, *base_names(self.name)}
        return [n for n in in_order(formula) if n in known and n != apart]

    def _arrow(
        self, before: str, after: str, *, label: str = "", arrow: str = "-->", dotted: bool = False
    ) -> None:
        self._node(before)
        self._node(after)
        said = f'|"{label}"|' if label else ""
        self.arrows.append(f"n_{before} {'-.->' if dotted else arrow}{said} n_{after}")

    def _node(self, what: str) -> None:
        own = self.own
        if what in self.nodes:
            return
        place = own.species.get(what, "")
        stands = f"<br/>in {words(place)}" if place in {*own.ports, *own.compartments} else ""
        text = f'"{words(what)}{stands}"'
        shape = "({})"
        if what in own.ports:
            shape = "([{}])"
            self.dashed.append(f"n_{what}")
        elif what in own.computed:
            shape = "{{{{{}}}}}"
        elif what in own.species or what in own.rates or what in own.compartments:
            shape = "[{}]"
        elif what in base_names(self.name):
            shape = "[/{}/]"
        self.nodes[what] = f"n_{what}{shape.format(text)}"


def words(name: str) -> str:
    return name.replace("_", " ")


def in_order(formula: str) -> list[str]:
    return list(dict.fromkeys(NAME.findall(formula)))


# The equations -----------------------------------------------------------------------------------


def equations_text(name: str) -> str:
    """Processes, rates, computed values and starts as tables, and what they are joined to."""
    own = equations(name)
    parts = []
    if own.reactions:
        steps = [
            (f"`{r.name}`", f"`{r.way}`", f"`{r.law}`", own.comments.get(r.name, ""))
            for r in own.reactions
        ]
        parts.append(table(("process", "from → to", "amount a day", "what it is"), steps))
    meanings = {row.id: row.meaning for row in fragment(name).rows}
    for head, formulas in (
        ("changes by, a day", own.rates),
        ("is computed as", own.computed),
        ("starts at", own.starts),
    ):
        if formulas:
            rows = [
                (f"`{what}`", f"`{formula}`", own.comments.get(what, meanings.get(what, "")))
                for what, formula in formulas.items()
            ]
            parts.append(table(("quantity", head, "what it is"), rows))
    if not parts:
        parts += place_text(name)
    if own.ports:
        given = [
            (f"`{port}`", "; ".join(f"{link(p, name)} `{local}`" for p, local in found))
            for port in own.ports
            if (found := sorted(joins().givers.get((name, port), ())))
        ]
        parts.append(table(("bound from outside", "in the sites of the package to"), given))
    parts.append(f"Sites: {', '.join(sorted(joins().sites.get(name, ()))) or 'none'}.")
    return "\n\n".join(parts)


def place_text(name: str) -> list[str]:
    """Of a fragment without equations: which equations of others it enters, and with what."""
    rows = entered(name)
    used = {row[0] for row in rows}
    idle = ", ".join(f"`{what}`" for what in sorted(names(name)) if f"`{what}`" not in used)
    parts = ["No equation of its own: a place and its numbers."]
    if rows:
        head = ("here", "there", "process or quantity", "equation")
        parts += ["They enter equations of others, there under the name of the port:"]
        parts += [table(head, rows)]
    if idle:
        parts += [f"In no equation: {idle}; only where an amount is, and what is observed there."]
    return parts


def entered(name: str) -> list[tuple[str, ...]]:
    """Equations of other fragments that hold a quantity of this one."""
    found: list[tuple[str, ...]] = []
    for what in sorted(names(name)):
        for path, port in sorted(joins().readers.get((name, what), ())):
            other = equations(path)
            laws = {r.name: r.law for r in other.reactions} | {**other.rates} | {**other.computed}
            # An amount that a process moves need not stand in its rate.
            moved = {r.name for r in other.reactions if port in (*r.before, *r.after)}
            found += [
                (f"`{what}`", f"{link(path, name)} `{port}`", f"`{law}`", f"`{text}`")
                for law, text in laws.items()
                if port in in_order(text) or law in moved
            ]
    return found


def link(path: str, origin: str) -> str:
    room, _, stem = path.rpartition("/")
    here = origin.rpartition("/")[0]
    return f"[{stem}]({stem if room == here else f'../{room}/{stem}'}.md)"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rows = list(rows)
    keep = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = [[head[i] for i in keep], ["---"] * len(keep)]
    lines += [[row[i].replace("|", "\\|") for i in keep] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# The numbers -------------------------------------------------------------------------------------


def numbers_text(name: str, prose: str) -> str:
    """Every row of the table, sources of rows and prose, and which other tables replace rows."""
    file = fragment(name).table_file
    rows = rows_of(file)
    empty = [row for row in rows if is_empty_state(row)]
    rows = tuple(row for row in rows if row not in empty)
    parts = []
    if rows:
        head = ("id", "meaning", "value", "unit", "spread", "varies", "grade", "source")
        parts.append(table(head, [row_cells(row) for row in rows]))
    if empty:
        parts.append(
            "Empty at the start: " + ", ".join(f"`{r.id}` ({r.unit})" for r in empty) + "."
        )
    before = priors(name)
    if before:
        first = ("fitted", "value before", "unit", "spread before", "grade", "source before")
        cells = [
            (f"`{k}`", number(r.value), r.unit, spread(r), r.grade, said_source(r))
            for k, r in before
        ]
        parts.append(table(first, cells))
    named = re.findall(r"`(\w+)`", prose)
    keys = cited([*rows, *(row for _, row in before)], named)
    if keys:
        parts.append("\n".join(f"- `{key}`: {reference(key)}" for key in keys))
    elif rows:
        parts.append(no_source(rows))
    replaced = replacements(name)
    if replaced:
        each = ", ".join(f"`{where}` ({count})" for where, count in replaced.items())
        parts.append(f"Tables that replace rows of this one (how many): {each}.")
    return "\n\n".join(parts) or "None."


def priors(name: str) -> list[tuple[str, Row]]:
    """What fitted rows of this table were before the fit."""
    stem = name.rpartition("/")[2] + "."
    rows = rows_of(PACKAGE / "body" / "priors.csv")
    return [(row.id.removeprefix(stem), row) for row in rows if row.id.startswith(stem)]


def cited(rows: Iterable[Row], named: Sequence[str]) -> list[str]:
    """Sources of rows, those that their notes name, and those that the prose names."""
    every = sources()
    found: list[str] = []
    for row in rows:
        # The title of a fit names what it was fitted to.
        title = every[row.source].title.replace("\\", "") if row.source in every else ""
        found += [row.source, *re.findall(r"\w+", f"{row.place} {row.note} {title}")]
    return [key for key in dict.fromkeys([*found, *named]) if key in every]


def no_source(rows: Iterable[Row]) -> str:
    """What rows without a source are instead."""
    kinds = {row.source for row in rows}
    others = sorted(kinds - set(NOT_SOURCES))
    if others:
        raise SystemExit(f"{', '.join(others)}: a row's source is not in sources.bib.")
    return f"No source: all rows are {' and '.join(f'{kind}s' for kind in sorted(kinds))}."


def is_empty_state(row: Row) -> bool:
    return row.system == "state" and row.value == 0 and row.spread_kind == "fixed"


def row_cells(row: Row) -> tuple[str, ...]:
    return (
        f"`{row.id}`",
        row.meaning,
        number(row.value),
        row.unit,
        spread(row),
        row.varies,
        row.grade,
        said_source(row),
    )


def number(value: float) -> str:
    return re.sub(r"e([+-])0*(\d)", lambda m: f"e{m[1].strip('+')}{m[2]}", f"{value:.6g}")


def spread(row: Row) -> str:
    if row.spread_kind == "fixed":
        return "fixed"
    values = [number(v) for v in row.spread]
    kind = {
        "log_sd": "log SD",
        "sd": "SD",
        "se": "SE",
        "cv": "CV",
        "ci95": "95 % CI",
        "range": "range",
    }[row.spread_kind]
    return f"{kind} {' to '.join(values)}"


def said_source(row: Row) -> str:
    what = row.source if row.source in NOT_SOURCES else f"`{row.source}`"
    place = f", {row.place}" if row.place else ""
    why = f": {row.note}" if row.note else ""
    return f"{what}{place}{why}"


def reference(key: str) -> str:
    """Journal, year and address of a source; its title where it has no DOI."""
    known = source(key)
    if known.doi:
        target = known.doi.replace("(", "%28").replace(")", "%29")
        where = f"[doi:{known.doi}](https://doi.org/{target})"
    else:
        where = ", ".join(part for part in (known.title, known.url or known.note) if part)
    where = re.sub(r"\\([_&%#$])", r"\1", where)
    return ", ".join(part for part in (known.journal, known.year, where) if part)


def replacements(name: str) -> dict[str, int]:
    """Tables of species, labels, coats and conditions with rows for this fragment."""
    stem = name.rpartition("/")[2]
    found: dict[str, int] = {}
    for folder in OVERLAYS:
        for path in sorted((PACKAGE / folder).glob("*.csv")):
            if path.read_text(encoding="utf-8").splitlines()[0] != ",".join(COLUMNS):
                continue
            count = sum(row.id.startswith(stem + ".") for row in rows_of(path))
            if count:
                found[f"{folder}/{path.name}"] = count
    return found


# Pages -------------------------------------------------------------------------------------------


def page_path(name: str) -> Path:
    return fragment(name).file.with_suffix(".md")


def page(name: str, text: str) -> str:
    """A page with its three blocks in step; a block that is not there yet is put in its place."""
    picture = f"```mermaid\n{Picture(name).text()}\n```\n\n{LEGEND}"
    text = _block(text, "picture", picture, before=2)
    text = _block(text, "equations", "## Equations\n\n" + equations_text(name), before=None)
    prose = re.sub(r"<!-- (\w+): .*?<!-- end of \1 -->", "", text, flags=re.DOTALL)
    return _block(text, "numbers", "## Numbers\n\n" + numbers_text(name, prose), before=None)


def _block(text: str, what: str, content: str, *, before: int | None) -> str:
    start, end = f"<!-- {what}: {BY} -->", f"<!-- end of {what} -->"
    block = f"{start}\n{content}\n{end}"
    if start in text and end in text:
        head, _, rest = text.partition(start)
        return head + block + rest.partition(end)[2]
    paragraphs = text.rstrip("\n").split("\n\n")
    paragraphs.insert(len(paragraphs) if before is None else before, block)
    return "\n\n".join(paragraphs) + "\n"


def index() -> str:
    """The index of all fragments, by room."""
    every = fragment_names()
    rows = [row for name in every for row in rows_of(fragment(name).table_file)]
    counted = [row for row in rows if not is_empty_state(row)]
    low = sum(row.grade == "E" for row in counted)
    answer = (
        f"**Which mechanisms is the model made of, and what does each rest on?** Of {len(every)} "
        "fragments, each a file of equations with a table of numbers and a page: a picture, the "
        "equations, every number with its source, what is left out and what would show it wrong. "
        f"They have {len(counted)} rows, of which {low} are of grade E, by assumption or by "
        "definition."
    )
    grades = (
        "Rows by [grade](decisions/0002-grades.md): A measured in people, B in the relevant cells, "
        "tissue or animal, C second-hand or of another product, D derived, E assumed or set by "
        "definition. States that merely start empty are not counted. A site joins fragments "
        "([how to](howto-modeller.md))."
    )
    parts = ["# Mechanisms", answer, grades, f"<!-- {BY} -->"]
    for room in dict.fromkeys(name.partition("/")[0] for name in every):
        here = [name for name in every if name.startswith(room + "/")]
        parts.append(f"## {room.capitalize()}")
        head = ("page", "what it is", *GRADES, "sites")
        parts.append(table(head, [index_cells(name) for name in here]))
    return "\n\n".join(parts) + "\n"


def index_cells(name: str) -> tuple[str, ...]:
    stem = name.rpartition("/")[2]
    rows = [row for row in rows_of(fragment(name).table_file) if not is_empty_state(row)]
    used = joins().sites.get(name, set())
    others = sorted(set(site_names()) - used)
    where = f"all but {', '.join(others)}" if 0 < len(others) < len(used) / 2 else None
    return (
        f"[{words(stem)}](../src/exocast/{name}.md)",
        says(name),
        *(str(sum(row.grade == grade for row in rows) or "–") for grade in GRADES),
        where or ", ".join(sorted(used)) or "–",
    )


def in_step() -> dict[Path, str]:
    """Every file that this script writes, as it should be."""
    made = {}
    for name in fragment_names():
        path = page_path(name)
        made[path] = page(name, path.read_text(encoding="utf-8") if path.is_file() else "")
    made[INDEX] = index()
    return made


def behind() -> list[Path]:
    """Files that are not as they should be."""
    return [
        path
        for path, text in in_step().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main() -> None:
    """Check, or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--write", action="store_true", help="bring the pages in step")
    which.add_argument("--check", action="store_true", help="fail when a page is not in step")
    write = parser.parse_args().write
    late = behind()
    if write:
        made = in_step()
        for path in late:
            path.write_text(made[path], encoding="utf-8")
    for path in late:
        print(f"{'written' if write else 'not in step'}: {path.relative_to(ROOT)}")
    if late and not write:
        sys.exit("run: python scripts/fragment_pages.py --write")


if __name__ == "__main__":
    main()
