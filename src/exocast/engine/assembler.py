"""From a site, its fragments and their tables to one SBML model with units.

The steps, in plain words: read the site and every fragment it uses; join the instances in
Antimony and flatten them; write value and unit of each row beside its name; add the sums and
observables; derive the units of everything computed; let libSBML check the whole. Anything it
has to say is an error, and all of it is said together.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exocast.engine.library import MODULE, Fragment, load_fragment
from exocast.engine.sbml_units import TIME, VOLUME, ensure_same_unit, ensure_unit, sbml_unit
from exocast.engine.site import (
    HUMAN,
    Condition,
    Instance,
    Overlay,
    Site,
    find_site,
    load_condition,
    load_overlay,
    load_site,
    load_species,
    site_names,
)
from exocast.errors import ExocastError, InvalidInput, TableError, UnitError, UnknownName, nearest
from exocast.evidence.rows import Row, parse_table, under_prior
from exocast.units import same_dimension

MAIN = "exocast_assembled_model"
NAMESPACE = "urn:exocast:engine:1"
AMOUNTS = ("item", "cell", "copy", "pg", "pmol", "1")
PERCENT = "percent"
CACHED_MODELS = 128  # more than the package's sites by condition, prior and species
_antimony_lock = threading.Lock()
_models: dict[str, tuple[AssembledModel | None, tuple[Finding, ...]]] = {}


@dataclass(frozen=True, kw_only=True)
class Observable:
    """What is shown of a model: its unit, a few plain words, and which direction is good.

    ``better`` is ``lower``, ``higher`` or ``none``; ``formula`` is over ids of the model.
    """

    unit: str
    text: str
    better: str
    formula: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong or doubtful: ``severity`` is ``error`` or ``warning``."""

    severity: str
    code: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


@dataclass(frozen=True, kw_only=True)
class AssembledModel:
    """A site under a condition as one SBML model, and where its numbers come from.

    Attributes
    ----------
    joints
        Names of the joints that the site is made of.
    sbml
        SBML Level 3 Version 2: time in days, amounts in items, volumes in mL.
    origins
        Key of the row, such as ``uptake.k_bind``, for every id whose value a row gives. States
        that start from an expression are not listed; neither is anything computed.
    rows
        Rows that the model uses, with their ``.between`` rows, in the order of the tables.
    observables, routes
        As in the site file; a route maps size class or part to the species that is dosed. With
        several joints a route's name ends in the joint's, such as ``intra-articular left``.
    negative
        States that may be negative.
    species, overlays
        Whose body it is, and what other tables took the place of rows.
    fates
        Observables that add up to the given vesicles at all times.
    readings
        Observables that an exposure shows beside them.
    behind, colours, route_words, meant_for
        What pages show and how they say it, as in the site file.
    sizes
        Size classes of vesicles.
    """

    sbml: str
    site: str
    title: str
    joints: tuple[str, ...]
    condition: str | None
    prior: str
    species: str
    overlays: tuple[str, ...]
    origins: Mapping[str, str]
    rows: tuple[Row, ...]
    observables: Mapping[str, Observable]
    routes: Mapping[str, Mapping[str, str]]
    negative: tuple[str, ...]
    fates: tuple[str, ...]
    readings: tuple[str, ...]
    behind: tuple[str, ...]
    colours: Mapping[str, str]
    route_words: Mapping[str, str]
    meant_for: Mapping[str, tuple[str, ...]]
    sizes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What is read from files before anything is built."""

    site: Site
    where: str
    condition: str | None
    prior: str
    species: str
    overlays: tuple[str, ...]
    fragments: Mapping[str, Fragment]
    replaced: Mapping[str, Row]
    problems: tuple[Finding, ...]

    def digest(self) -> str:
        texts = (
            self.site.model_dump_json(),
            repr(self.condition),
            self.prior,
            self.species,
            repr(self.overlays),
            repr(sorted((f.path, f.text, f.ports, f.rows) for f in self.fragments.values())),
            repr(sorted(self.replaced.items())),
        )
        return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()


@dataclass(kw_only=True)
class _Naming:
    """How flattened ids relate to instances: the table of all names of the assembled model."""

    places: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> instance, local
    ports: dict[str, tuple[str, str]] = field(default_factory=dict)  # the same, of bound ports


def assemble(
    site: str | Path,
    *,
    condition: str | None = None,
    prior: str = "default",
    species: str = HUMAN,
    overlays: Sequence[str] = (),
    libraries: Sequence[str | Path] = (),
) -> AssembledModel:
    """One SBML model of a site, with value and unit of every number from the tables.

    Switches of structural alternatives (rows that vary by ``structure``) stand at the likelier of
    0 and 1; a forecast sets them in each world. A species without a row starts at zero. A state
    under a rate rule takes its unit from the row of its name, and its start from the fragment's
    expression when there is one, else from the row; a bare number in both has to be the same.

    Parameters
    ----------
    site
        Name of a site, or path of a site file.
    condition
        Name of a condition whose rows replace the fragments' own; the site's default when None.
    prior
        ``default`` or ``literature``: which rows stand, see ``evidence.rows.under_prior``.
    species
        Name of a table ``body/species``, whose rows take the place of the fragments' own and of a
        condition's; ``human`` keeps them.
    overlays
        Names of tables under ``body``, such as ``labels/dye``; later ones win over earlier ones,
        and all over species and condition.
    libraries
        Folders laid out like the package (``body``, ``cell``, ``tissue``), searched first.

    Raises
    ------
    TableError
        When anything is missing, unused in this way, or inconsistent: all findings in one message.
    UnknownName, NotFound, InvalidInput
        When a site, condition, fragment or file cannot be found or read.
    """
    parts = _collect(site, condition, prior, libraries, species, tuple(overlays))
    model, found = _built(parts)
    errors = [finding for finding in found if finding.severity == "error"]
    if model is None or errors:
        raise TableError("\n".join(str(e) for e in errors), where=parts.where)
    return model


def findings(
    site: str | Path | None = None,
    *,
    condition: str | None = None,
    prior: str = "default",
    species: str = HUMAN,
    overlays: Sequence[str] = (),
    libraries: Sequence[str | Path] = (),
) -> tuple[Finding, ...]:
    """Everything that is wrong or doubtful with a site, or with all sites and conditions.

    Parameters without a row, malformed rows, names that do not exist, units that do not fit, and
    rows that nothing uses. Without a site, a row counts as unused when no site uses it.
    """
    if site is not None:
        try:
            parts = _collect(site, condition, prior, libraries, species, tuple(overlays))
            return _built(parts)[1]
        except ExocastError as e:
            return (Finding(severity="error", code=e.code, message=e.message, where=e.where or ""),)
    result: dict[str, Finding] = {}
    unused: dict[str, list[Finding]] = {}
    looked: dict[str, int] = {}
    for name in site_names(libraries):
        for case in _conditions(name, libraries):
            for each in ("default", "literature"):
                if each == "literature" and not _has_literature(name, case, libraries):
                    continue  # the same rows, and so the same findings
                found = findings(name, condition=case, prior=each, libraries=libraries)
                used_tables = _tables(name, libraries)
                for table in used_tables:
                    looked[table] = looked.get(table, 0) + 1
                for finding in found:
                    if finding.code == "ROW_UNUSED":
                        unused.setdefault(str(finding), []).append(finding)
                    else:
                        result.setdefault(str(finding), finding)
    for text, same in unused.items():
        table = same[0].where.partition(", line")[0]
        if len(same) >= looked.get(table, 0):
            result.setdefault(text, same[0])
    return tuple(result.values())


def _has_literature(site: str, condition: str | None, libraries: Sequence[str | Path]) -> bool:
    """Whether the literature prior changes a row of a site; yes where it cannot be read."""
    try:
        one, other = (
            _collect(site, condition, prior, libraries) for prior in ("default", "literature")
        )
    except ExocastError:
        return True
    rows = [[f.rows for f in parts.fragments.values()] for parts in (one, other)]
    return rows[0] != rows[1] or one.replaced != other.replaced


def _conditions(site: str, libraries: Sequence[str | Path]) -> tuple[str | None, ...]:
    try:
        return load_site(site, libraries).conditions or (None,)
    except ExocastError:
        return (None,)


def _tables(site: str, libraries: Sequence[str | Path]) -> set[str]:
    try:
        parts = _collect(site, None, "default", libraries)
    except ExocastError:
        return set()
    return {str(fragment.table_file) for fragment in parts.fragments.values()}


# Reading ------------------------------------------------------------------------------------------


def _collect(
    site: str | Path,
    condition: str | None,
    prior: str,
    libraries: Sequence[str | Path],
    species: str = HUMAN,
    overlays: tuple[str, ...] = (),
) -> _Parts:
    where = str(find_site(site, libraries))
    loaded = load_site(site, libraries)
    problems: list[Finding] = []
    fragments: dict[str, Fragment] = {}
    for name, instance in loaded.instances.items():
        if instance.fragment in fragments:
            continue
        try:
            fragment = load_fragment(instance.fragment, prior=prior, libraries=libraries)
        except ExocastError as e:
            place = f"{where}, instances.{name}" if isinstance(e, UnknownName) else e.where
            raise type(e)(e.message, code=e.code, where=place) from None
        fragments[instance.fragment] = fragment
        problems += [_error("TABLE", problem) for problem in fragment.problems]
    stems = [fragment.stem for fragment in fragments.values()]
    for stem in sorted({stem for stem in stems if stems.count(stem) > 1}):
        problems.append(_error("NAME_CLASH", f"two fragments are called '{stem}'", where))
    chosen = condition if condition is not None else loaded.default_condition
    if chosen is not None and loaded.conditions and chosen not in loaded.conditions:
        raise UnknownName(
            f"Site '{loaded.name}' has no condition '{chosen}'."
            + nearest(chosen, loaded.conditions),
            where=where if condition is None else "condition",
        )
    replaced: dict[str, Row] = {}
    for table in _tables_over(chosen, species, overlays, libraries):
        rows, more = _replacements(table, prior, fragments)
        replaced |= rows
        problems += more
    return _Parts(
        site=loaded,
        where=where,
        condition=chosen,
        prior=prior,
        species=species,
        overlays=overlays,
        fragments=fragments,
        replaced=replaced,
        problems=tuple(problems),
    )


def _tables_over(
    condition: str | None, species: str, overlays: Sequence[str], libraries: Sequence[str | Path]
) -> Iterator[Path]:
    """Tables whose rows take the place of the fragments' own, the strongest last."""
    described: Condition | Overlay
    found: list[tuple[Condition | Overlay, Path]] = []
    if condition is not None:
        found.append(load_condition(condition, libraries))
    whose = load_species(species, libraries)
    if whose is not None:
        found.append(whose)
    found += [load_overlay(name, libraries) for name in overlays]
    for described, path in found:
        if described.numbers is None:
            continue
        file = path.parent / described.numbers
        if file.parent.resolve() != path.parent.resolve():
            raise InvalidInput("numbers is the name of a table beside this file.", where=str(path))
        yield file


def _replacements(
    file: Path, prior: str, fragments: Mapping[str, Fragment]
) -> tuple[dict[str, Row], list[Finding]]:
    """Rows of a table by the key of the row that each takes the place of."""
    rows, problems = parse_table(file)
    found = [_error("TABLE", problem, str(file)) for problem in problems]
    stems = {fragment.stem for fragment in fragments.values()}
    known = {row.key for fragment in fragments.values() for row in fragment.rows}
    result: dict[str, Row] = {}
    for row in under_prior(rows, prior):
        stem, _, local = row.id.partition(".")
        if stem not in stems:
            continue  # the table serves several sites; this one does without the fragment
        if row.id.removesuffix(".between") not in known:
            found.append(
                _error(
                    "UNKNOWN_NAME",
                    f"'{row.id}' replaces a row that does not exist." + nearest(row.id, known),
                    f"{file}, line {row.line}",
                )
            )
            continue
        result[row.id] = replace(row, id=local, table=stem, over=f"{file.parent.name}_{file.stem}")
    return result, found


def _error(code: str, message: str, where: str = "") -> Finding:
    return Finding(severity="error", code=code, message=message, where=where)


# Building -----------------------------------------------------------------------------------------


def _built(parts: _Parts) -> tuple[AssembledModel | None, tuple[Finding, ...]]:
    key = parts.digest() + parts.where
    if key not in _models:
        while len(_models) >= CACHED_MODELS:
            _models.pop(next(iter(_models)))
        _models[key] = _build(parts)
    model, found = _models[key]
    return model, (*parts.problems, *found)


def _build(parts: _Parts) -> tuple[AssembledModel | None, tuple[Finding, ...]]:
    import libsbml

    flat, naming, problems = _flatten(parts)
    if problems:
        return None, tuple(problems)
    document = libsbml.readSBMLFromString(flat)  # kept alive: libSBML lends pointers into it
    if document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) or document.getModel() is None:
        return None, (_error("SBML", document.getErrorLog().toString().strip(), parts.where),)
    document.setLevelAndVersion(3, 2, False)
    model = document.getModel()
    _name_model(model, parts)
    found = _add_formulas(model, parts)
    numbers = _Numbers(parts=parts, naming=naming, model=model)
    found += numbers.write()
    _make_numbers_pure(model)
    found += _derive_units(model, parts)
    found += _unknown_states(model, parts)
    found += _unused(parts, numbers.used)
    sbml = libsbml.writeSBMLToString(document)
    if not any(finding.severity == "error" for finding in found):
        found += [_error(code, text, parts.where) for code, text in consistency(sbml)]
    observables = {
        name: Observable(unit=o.unit, text=o.text, better=o.better, formula=o.formula)
        for name, o in parts.site.observables.items()
    }
    assembled = AssembledModel(
        sbml=sbml,
        site=parts.site.name,
        title=parts.site.title,
        joints=parts.site.joints,
        condition=parts.condition,
        prior=parts.prior,
        species=parts.species,
        overlays=parts.overlays,
        origins=numbers.origins,
        rows=tuple(_used_rows(parts, numbers.used)),
        observables=observables,
        routes=parts.site.routes,
        negative=parts.site.negative,
        fates=parts.site.fates,
        readings=parts.site.readings,
        behind=parts.site.behind,
        colours=parts.site.colours,
        route_words=parts.site.route_words,
        meant_for=parts.site.meant_for,
        sizes=parts.site.sizes,
    )
    return assembled, tuple(found)


def _flatten(parts: _Parts) -> tuple[str, _Naming, list[Finding]]:
    """Flat SBML of the instances joined by their ports, and who is who in it."""
    import antimony

    site, where = parts.site, parts.where
    with _antimony_lock:
        antimony.clearPreviousLoads()
        texts = "\n".join(fragment.text for fragment in parts.fragments.values())
        if antimony.loadAntimonyString(texts) < 0:
            return "", _Naming(), [_antimony_error(parts)]
        symbols = {
            path: tuple(antimony.getSymbolNamesOfType(fragment.module, 0))
            for path, fragment in parts.fragments.items()
        }
        naming, problems = _names(site, parts, symbols)
        lines = [f"model *{MAIN}()"]
        lines += [
            f"  {name}: {parts.fragments[instance.fragment].module}();"
            for name, instance in site.instances.items()
        ]
        ports = list(_bindings(site, parts, naming, problems))
        lines += [f"  var {name};" for name in sorted({t for *_, t in ports if "." not in t})]
        lines += [
            f"  {name}.{port} is {target};"
            for name, port, target in ports
            if port in symbols[site.instances[name].fragment]  # a port may stand unused
        ]
        lines.append("end")
        if problems:
            return "", naming, problems
        antimony.clearPreviousLoads()
        if antimony.loadAntimonyString(texts + "\n" + "\n".join(lines) + "\n") < 0:
            return "", naming, [_antimony_error(parts)]
        flat = antimony.getSBMLString(MAIN)
        antimony.clearPreviousLoads()
    if not flat:
        problems = [_error("ANTIMONY", "the fragments could not be joined", where)]
    return flat, naming, problems


def _antimony_error(parts: _Parts) -> Finding:
    import antimony

    files = ", ".join(fragment.file.name for fragment in parts.fragments.values())
    message = antimony.getLastError().strip().replace(MODULE, "")
    return _error("ANTIMONY", f"{message} (in one of {files})", parts.where)


def _names(
    site: Site, parts: _Parts, symbols: Mapping[str, tuple[str, ...]]
) -> tuple[_Naming, list[Finding]]:
    """All names of the assembled model; two things of one name are a finding."""
    naming, problems = _Naming(), []
    for name, instance in site.instances.items():
        ports = parts.fragments[instance.fragment].ports
        for local in symbols[instance.fragment]:
            flat = f"{name}_{local}"
            if local in ports:
                naming.ports[flat] = (name, local)
                continue
            if "__" in flat and not local.startswith("_"):
                problems.append(_error("NAME_CLASH", f"'{flat}' has two low lines", parts.where))
            if flat in naming.places:
                one, other = naming.places[flat], (name, local)
                problems.append(
                    _error(
                        "NAME_CLASH",
                        f"'{flat}' would be both '{one[1]}' of {one[0]} and "
                        f"'{other[1]}' of {other[0]}; rename an instance.",
                        f"{parts.where}, instances.{name}",
                    )
                )
            naming.places[flat] = (name, local)
    for group, names in (("sums", site.sums), ("observables", site.observables)):
        problems += [
            _error("NAME_CLASH", f"'{name}' exists already", f"{parts.where}, {group}")
            for name in names
            if name in naming.places or (group == "observables" and name in site.sums)
        ]
    return naming, problems


def _bindings(
    site: Site, parts: _Parts, naming: _Naming, problems: list[Finding]
) -> Iterator[tuple[str, str, str]]:
    """Instance, port, and what it is bound to in Antimony: a top-level name, or instance.local."""
    known = {*naming.places, *site.sums, *site.observables}
    ports_of = {
        name: parts.fragments[instance.fragment].ports for name, instance in site.instances.items()
    }
    for name, instance in site.instances.items():
        where = f"{parts.where}, instances.{name}.ports"
        problems += [
            _error("PORT", f"port '{port}' is not bound", where)
            for port in ports_of[name]
            if port not in instance.ports
        ]
        for port, target in instance.ports.items():
            if port not in ports_of[name]:
                problems.append(
                    _error(
                        "UNKNOWN_NAME",
                        f"fragment {instance.fragment} has no port '{port}'."
                        + nearest(port, ports_of[name]),
                        where,
                    )
                )
                continue
            end = _end_of(target, site, naming, known)
            if end is None:
                problems.append(
                    _error(
                        "UNKNOWN_NAME",
                        f"port '{port}' is bound to '{target}', which does not exist."
                        + nearest(target, known),
                        where,
                    )
                )
                continue
            at = naming.places.get(end)
            yield name, port, f"{at[0]}.{at[1]}" if at else end


def _end_of(target: str, site: Site, naming: _Naming, known: set[str]) -> str | None:
    """The name a target stands for, through ports that are themselves bound."""
    for _ in range(len(site.instances) + 1):
        if target in known:
            return target
        instance, port = naming.ports.get(target, ("", ""))
        following = site.instances[instance].ports.get(port) if instance else None
        if following is None:
            return None
        target = following
    return None


def _name_model(model: Any, parts: _Parts) -> None:
    model.setId(MAIN)
    model.unsetMetaId()
    model.setMetaId("model")
    model.setName(parts.site.title)
    model.setTimeUnits(ensure_unit(model, TIME))
    model.setVolumeUnits(ensure_unit(model, VOLUME))
    model.setSubstanceUnits("item")
    model.setExtentUnits("item")
    negative = " ".join(parts.site.negative)
    model.setAnnotation(
        f'<annotation><exocast:states xmlns:exocast="{NAMESPACE}" '
        f'may_be_negative="{negative}"/></annotation>'
    )


def _add_formulas(model: Any, parts: _Parts) -> list[Finding]:
    """Sums and observables as parameters under assignment rules."""
    import libsbml

    found: list[Finding] = []
    groups = (("sums", parts.site.sums), ("observables", parts.site.observables))
    entries = [(group, n, e) for group, named in groups for n, e in named.items()]
    for group, name, entry in entries:
        where = f"{parts.where}, {group}.{name}"
        parameter = model.getParameter(name) or model.createParameter()
        parameter.setId(name)
        parameter.setConstant(False)
        parameter.setName(getattr(entry, "text", "") or name)
        try:
            # A formula that reads in per cent multiplies by a pure 100, so SBML sees a pure number.
            unit = "1" if entry.unit == PERCENT else entry.unit
            parameter.setUnits(ensure_unit(model, unit))
        except UnitError as e:
            found.append(_error("UNIT", e.message, where))
    for group, name, entry in entries:
        where = f"{parts.where}, {group}.{name}"
        math = libsbml.parseL3FormulaWithModel(entry.formula, model)
        if math is None:
            message = libsbml.getLastParseL3Error().splitlines()
            found.append(_error("FORMULA", f"'{entry.formula}': {' '.join(message)}", where))
            continue
        known = _all_names(model)
        found += [
            _error("UNKNOWN_NAME", f"'{unknown}' does not exist." + nearest(unknown, known), where)
            for unknown in sorted(_names_in(math) - known)
        ]
        rule = model.createAssignmentRule()
        rule.setVariable(name)
        rule.setMath(math)
    return found


def _names_in(math: Any) -> set[str]:
    import libsbml

    own = {math.getName()} if math.getType() == libsbml.AST_NAME else set()
    return own.union(*(_names_in(math.getChild(i)) for i in range(math.getNumChildren())))


def _all_names(model: Any) -> set[str]:
    lists = (
        model.getListOfCompartments(),
        model.getListOfSpecies(),
        model.getListOfParameters(),
        model.getListOfReactions(),
    )
    return {each.getId() for elements in lists for each in elements}


@dataclass(kw_only=True)
class _Numbers:
    """Writes value and unit of every row into the model, and remembers which rows were used."""

    parts: _Parts
    naming: _Naming
    model: Any
    used: set[str] = field(default_factory=set)
    origins: dict[str, str] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)

    def write(self) -> list[Finding]:
        model = self.model
        rules = [model.getRule(i) for i in range(model.getNumRules())]
        assigned = {rule.getVariable() for rule in rules if rule.isAssignment()}
        moving = {rule.getVariable() for rule in rules} - assigned
        started = {i.getSymbol() for i in model.getListOfInitialAssignments()}
        rows = {
            row.key: (row, fragment.table_file)
            for fragment in self.parts.fragments.values()
            for row in fragment.rows
        }
        for compartment in model.getListOfCompartments():
            row = self._row(compartment, rows, "compartment size")
            compartment.setSpatialDimensions(3)
            if row is not None and not compartment.isSetConstant():
                compartment.setConstant(True)
            if row is not None:
                self._measured(compartment, row, ("mL",), "a volume")
                self._give(compartment, row, compartment.setSize, compartment.setUnits, started)
        for species in model.getListOfSpecies():
            self._species(species, rows, started, moving)
        for parameter in model.getListOfParameters():
            name = parameter.getId()
            if name in assigned:
                self._no_row_wanted(parameter, rows)
                continue
            row = self._row(parameter, rows, "state" if name in moving else "parameter")
            parameter.setConstant(name not in moving)
            if row is not None:
                self._give(parameter, row, parameter.setValue, parameter.setUnits, started)
        return self.found

    def _species(self, species: Any, rows: Any, started: set[str], moving: set[str]) -> None:
        if not species.getHasOnlySubstanceUnits():
            self._complain(
                species, "SPECIES", "write it as 'substanceOnly species': amounts are the states"
            )
        row = self._lookup(species.getId(), rows)
        if row is None and species.getId() in moving:
            self._row(species, rows, "state")
        species.setSubstanceUnits("item")
        if row is not None:
            self._measured(species, row, AMOUNTS, "a number, a mass or moles")
            self._give(species, row, species.setInitialAmount, species.setSubstanceUnits, started)
        elif species.getId() not in started:
            if species.isSetInitialAmount() and species.getInitialAmount() != 0:
                what = f"the start {species.getInitialAmount():g} stands in the equations"
                self._complain(species, "NUMBER", f"{what}; numbers are rows of the table")
            species.setInitialAmount(0.0)

    def _measured(self, element: Any, row: Row, units: tuple[str, ...], what: str) -> None:
        """Complains when a row is of another dimension than all of some units."""
        with contextlib.suppress(UnitError):  # an unknown unit is told where it is written
            sbml_unit(row.unit)
            if any(same_dimension(row.unit, unit) for unit in units):
                return
            self._complain(element, "UNIT", f"row {row.key}: {row.unit} is not {what}")

    def _give(
        self, element: Any, row: Row, set_value: Any, set_unit: Any, started: set[str]
    ) -> None:
        name = element.getId()
        try:
            set_unit(ensure_unit(self.model, row.unit))
        except UnitError as e:
            self._complain(element, "UNIT", f"row {row.key}: {e.message}")
        element.setName(row.meaning)
        if name in started:
            return
        written = _start_written(element)
        if written is not None and written != row.value:
            what = f"starts at {written:g} in the equations and at {row.value:g} in row {row.key}"
            self._complain(element, "START", f"{what}; make the two the same")
        set_value(float(row.value >= 0.5) if row.varies == "structure" else row.value)
        self.origins[name] = row.key

    def _row(self, element: Any, rows: Any, what: str) -> Row | None:
        row = self._lookup(element.getId(), rows)
        if row is None:
            instance, local = self._place(element.getId())
            if instance is None:
                self._complain(
                    element, "ROW_MISSING", f"the {what} '{element.getId()}' has no formula"
                )
                return None
            fragment = self.parts.fragments[instance.fragment]
            near = nearest(local, [r.id for r in fragment.rows])
            self._complain(
                element,
                "ROW_MISSING",
                f"the {what} '{local}' of {fragment.file.name} has no row; add one to "
                f"{fragment.table_file}.{near}",
            )
        return row

    def _no_row_wanted(self, element: Any, rows: Any) -> None:
        row = self._lookup(element.getId(), rows)
        if row is not None:
            self._complain(
                element,
                "ROW_IGNORED",
                f"row {row.key} would be ignored, because '{row.id}' is computed; remove it",
            )

    def _lookup(self, name: str, rows: Any) -> Row | None:
        instance, local = self._place(name)
        if instance is None:
            return None
        stem = self.parts.fragments[instance.fragment].stem
        options = [f"{stem}.{instance.variant}.{local}"] if instance.variant else []
        for key in (*options, f"{stem}.{local}"):
            if key in rows:
                self.used.add(key)
                row: Row = self.parts.replaced.get(key, rows[key][0])
                return row
        return None

    def _place(self, name: str) -> tuple[Instance | None, str]:
        instance, local = self.naming.places.get(name, (None, name))
        return (self.parts.site.instances[instance] if instance else None), local

    def _complain(self, element: Any, code: str, message: str) -> None:
        name, _ = self.naming.places.get(element.getId(), ("", ""))
        where = f"{self.parts.where}, instances.{name}" if name else self.parts.where
        finding = _error(code, f"{message} (for '{element.getId()}')", where)
        self.found.append(finding)


def _start_written(element: Any) -> float | None:
    """The number that the equations give something at the start; none where they give none."""
    kinds = (("isSetValue", "getValue"), ("isSetInitialAmount", "getInitialAmount"))
    for is_set, get in kinds:
        if hasattr(element, is_set) and getattr(element, is_set)():
            return float(getattr(element, get)())
    return None


def _used_rows(parts: _Parts, used: set[str]) -> Iterator[Row]:
    """Rows in use, each followed by its between-patient row; a condition's in place of its own."""
    for fragment in parts.fragments.values():
        own = {row.key: row for row in fragment.rows}
        for key, row in own.items():
            if key not in used:
                continue
            yield parts.replaced.get(key, row)
            between = parts.replaced.get(f"{key}.between", own.get(f"{key}.between"))
            if between is not None:
                yield between


def _unused(parts: _Parts, used: set[str]) -> list[Finding]:
    return [
        Finding(
            severity="warning",
            code="ROW_UNUSED",
            message=f"nothing uses the row '{row.id}'",
            where=f"{fragment.table_file}, line {row.line}",
        )
        for fragment in parts.fragments.values()
        for row in fragment.rows
        if row.key.removesuffix(".between") not in used
    ]


def _unknown_states(model: Any, parts: _Parts) -> list[Finding]:
    """Names in a site's lists (routes, fates, ``negative`` ...) that the model does not have."""
    species = {s.getId() for s in model.getListOfSpecies()}
    everything = _all_names(model)
    wanted = [
        (f"routes.{route}.{part}", target, species)
        for route, targets in parts.site.routes.items()
        for part, target in targets.items()
    ]
    wanted += [("negative", name, everything) for name in parts.site.negative]
    site = parts.site
    wanted += [
        (field, name, set(site.observables))
        for field, names in (
            ("fates", site.fates),
            ("readings", site.readings),
            ("behind", site.behind),
            ("colours", tuple(site.colours)),
            *((f"meant_for.{route}", names) for route, names in site.meant_for.items()),
        )
        for name in names
    ]
    routes = {name for route in site.routes for name in (route, _without_joint(route, site))}
    wanted += [
        (field, route, routes)
        for field, named in (("route_words", site.route_words), ("meant_for", site.meant_for))
        for route in named
    ]
    wanted += [
        (f"alternatives.{n}", a.switch, everything) for n, a in parts.site.alternatives.items()
    ]
    return [
        _error(
            "UNKNOWN_NAME",
            f"'{name}' does not exist." + nearest(name, known),
            f"{parts.where}, {place}",
        )
        for place, name, known in wanted
        if name not in known
    ]


def _without_joint(route: str, site: Site) -> str:
    """``intra-articular`` for ``intra-articular left``, as a site with both knees has it."""
    for joint in site.joints:
        route = route.removesuffix(f" {joint}")
    return route


def _make_numbers_pure(model: Any) -> None:
    """Every number in an equation is a pure number."""
    for math in _all_maths(model):
        _pure(math)


def _pure(math: Any) -> None:
    if math.isNumber():
        math.setUnits("dimensionless")
    for i in range(math.getNumChildren()):
        _pure(math.getChild(i))


def _all_maths(model: Any) -> Iterator[Any]:
    for rule in model.getListOfRules():
        yield rule.getMath()
    for start in model.getListOfInitialAssignments():
        yield start.getMath()
    for reaction in model.getListOfReactions():
        if reaction.getKineticLaw() is not None:
            yield reaction.getKineticLaw().getMath()
    for event in model.getListOfEvents():
        for part in (event.getTrigger(), event.getDelay(), event.getPriority()):
            if part is not None:
                yield part.getMath()
        for assignment in event.getListOfEventAssignments():
            yield assignment.getMath()


def _derive_units(model: Any, parts: _Parts) -> list[Finding]:
    """Writes the units of computed parameters, those first that rest on known ones only."""
    rules = [model.getRule(i) for i in range(model.getNumRules())]
    waiting = {
        rule.getVariable(): rule
        for rule in rules
        if rule.isAssignment()
        and model.getParameter(rule.getVariable()) is not None
        and not model.getParameter(rule.getVariable()).isSetUnits()
    }
    while waiting:
        ready = [n for n, r in waiting.items() if not (_names_in(r.getMath()) & waiting.keys())]
        if not ready:
            names = ", ".join(sorted(waiting))
            return [_error("FORMULA", f"these are computed from each other: {names}", parts.where)]
        model.populateListFormulaUnitsData()
        for name in ready:
            derived = waiting.pop(name).getDerivedUnitDefinition()
            model.getParameter(name).setUnits(ensure_same_unit(model, derived))
    return []


def consistency(sbml: str) -> tuple[tuple[str, str], ...]:
    """Everything that libSBML has to say of a model: strict units, modelling practice, the rest.

    Returns pairs of a stable word, such as ``SBML_10541``, and the message; none when all is well.
    """
    import libsbml

    document = libsbml.readSBMLFromString(sbml)  # read anew: libSBML remembers derived units
    for category in (
        libsbml.LIBSBML_CAT_GENERAL_CONSISTENCY,
        libsbml.LIBSBML_CAT_IDENTIFIER_CONSISTENCY,
        libsbml.LIBSBML_CAT_UNITS_CONSISTENCY,
        libsbml.LIBSBML_CAT_MATHML_CONSISTENCY,
        libsbml.LIBSBML_CAT_SBO_CONSISTENCY,
        libsbml.LIBSBML_CAT_OVERDETERMINED_MODEL,
        libsbml.LIBSBML_CAT_MODELING_PRACTICE,
    ):
        document.setConsistencyChecks(category, True)
    messages: dict[tuple[str, str], None] = {}
    # The plain check forgives a rate per hour where one per day is needed; the strict one does not.
    for check in (document.checkConsistency, document.checkConsistencyWithStrictUnits):
        for i in range(document.getNumErrors()):
            messages[_said(document.getError(i))] = None
        document.getErrorLog().clearLog()
        check()
    for i in range(document.getNumErrors()):
        messages[_said(document.getError(i))] = None
    return tuple(messages)


def _said(error: Any) -> tuple[str, str]:
    return f"SBML_{error.getErrorId()}", " ".join(error.getMessage().split())
