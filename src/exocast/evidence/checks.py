"""What is wrong with the tables: every finding together, none of them a surprise at run time.

Tables of parameter rows, correlations, sources and the fragments beside them are read as files;
whether a site assembles into a model without a unit warning is the engine's own check.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exocast.documents import not_utf8
from exocast.errors import NotFound, TableError, UnitError, nearest
from exocast.evidence.chance import (
    BETWEEN,
    PATIENT_LEVELS,
    WORLD_LEVELS,
    correlated_scores,
    spread_on_scale,
)
from exocast.evidence.rows import COLUMNS, LITERATURE, Row, parse_table
from exocast.evidence.sources import NOT_SOURCES, Source, parse_sources

PACKAGE = Path(__file__).parent.parent
EXAMPLE = "example"  # files that people may start from: no tables of ours
CORRELATIONS = "correlations.csv"
CORRELATION_COLUMNS = ["id_a", "id_b", "r", "system", "source", "place", "grade"]
SOURCES = "sources.bib"
NEVER_USED = ("_unverified", "_secondhand")
BY_PROGRAM = ("measured",)  # the source of rows that a vial's own measurement makes
ALIKE = 9  # columns that a damaged table of rows still has of its twelve
ORDER = ("error", "warning", "info")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check found.

    Attributes
    ----------
    severity
        ``error`` (the table cannot be trusted), ``warning`` (worth a look) or ``info``.
    code
        Stable word for scripts, such as ``SOURCE_UNKNOWN``.
    message
        What was found and what to do.
    where
        File, and line where there is one.
    """

    severity: str
    code: str
    message: str
    where: str


@dataclass(kw_only=True)
class _Shelf:
    """What the walk over the folders collects."""

    findings: list[Finding] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)
    rows: dict[str, tuple[Row, str]] = field(default_factory=dict)
    over: dict[str, tuple[Row, str]] = field(default_factory=dict)
    conditions: list[tuple[Row, str]] = field(default_factory=list)
    correlations: list[tuple[Mapping[str, str], str]] = field(default_factory=list)
    sources: dict[str, tuple[Source, str]] = field(default_factory=dict)
    cited: dict[str, str] = field(default_factory=dict)

    def add(self, severity: str, code: str, message: str, where: str) -> None:
        self.findings.append(Finding(severity=severity, code=code, message=message, where=where))


def check_tables(libraries: Sequence[Path] = (), *, root: Path = PACKAGE) -> list[Finding]:
    """Every finding on the tables of the package and of folders of one's own.

    Parameters
    ----------
    libraries
        Folders with tables, fragments and perhaps a ``sources.bib`` of their own.
    root
        Folder of the package's tables; another one only to check a changed copy.

    Returns
    -------
    Findings, errors first, then in the order of files and lines. An empty list is a clean bill.

    Raises
    ------
    NotFound
        When a library is no folder.
    """
    shelf = _read((root, *libraries))
    _check(shelf)
    return sorted(shelf.findings, key=lambda f: ORDER.index(f.severity))


def check_package(libraries: Sequence[Path] = ()) -> dict[str, object]:
    """What ``exocast evidence check`` prints.

    Returns
    -------
    ``{"tables": ..., "rows": ..., "findings": [{"severity", "code", "message", "where"}]}``.
    """
    shelf = _read((PACKAGE, *libraries))
    _check(shelf)
    found = sorted(shelf.findings, key=lambda f: ORDER.index(f.severity))
    return {
        "tables": len(shelf.tables),
        "rows": len(shelf.rows) + len(shelf.conditions),
        "findings": [
            {"severity": f.severity, "code": f.code, "message": f.message, "where": f.where}
            for f in found
        ],
    }


def _check(shelf: _Shelf) -> None:
    _check_rows(shelf)
    _check_families(shelf)
    _check_conditions(shelf)
    _check_correlations(shelf)
    _check_sources(shelf)


# Reading ------------------------------------------------------------------------------------------


def _read(folders: Iterable[Path]) -> _Shelf:
    shelf = _Shelf()
    for folder in folders:
        if not folder.is_dir():
            raise NotFound("There is no such folder of tables.", where=str(folder))
        for path in sorted(folder.rglob("*")):
            where = path.relative_to(folder).as_posix()
            if where.startswith(f"{EXAMPLE}/"):
                continue
            if path.suffix == ".csv":
                _read_csv(shelf, path, where)
            elif path.name == SOURCES:
                _read_sources(shelf, path, where)
            elif path.suffix == ".ant":
                _read_fragment(shelf, path, where)
    return shelf


def _read_csv(shelf: _Shelf, path: Path, where: str) -> None:
    try:
        records = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except UnicodeDecodeError as e:
        _add_undecoded(shelf, e, where)
        return
    except csv.Error as e:
        shelf.add("error", "TABLE", f"this is no CSV table ({e}); save it as CSV.", where)
        return
    header = records[0] if records else []
    if path.name == CORRELATIONS:
        _read_correlations(shelf, header, records, where)
    elif len({*header} & {*COLUMNS}) >= ALIKE:
        _read_rows(shelf, path, where)
    else:
        _read_other(shelf, header, records, where)


def _add_undecoded(shelf: _Shelf, error: UnicodeDecodeError, where: str) -> None:
    line, sentence = not_utf8(error)
    shelf.add("error", "ENCODING", f"{sentence}.", f"{where}, line {line}")


def _read_rows(shelf: _Shelf, path: Path, where: str) -> None:
    rows, problems = parse_table(path)
    for problem in problems:
        line, _, sentence = problem.partition(": ")
        shelf.add("error", "TABLE", f"{sentence}.", f"{where}, {line}")
    if not rows and not problems:
        shelf.add("warning", "TABLE_EMPTY", "the table has no rows; fill or remove it.", where)
    if path.stem in shelf.tables:
        other = shelf.tables[path.stem]
        shelf.add(
            "error",
            "STEM_TWICE",
            f"a table '{path.stem}' stands already in {other}; keys are table.id, so name one of "
            "them otherwise.",
            where,
        )
    shelf.tables.setdefault(path.stem, where)
    for row in rows:
        place = f"{where}, line {row.line}"
        shelf.cited.setdefault(row.source, place)
        shelf.over.setdefault(f"{path.parent.name}_{row.key}", (row, place))
        if path.parent.name == "conditions":
            shelf.conditions.append((row, place))
        else:
            shelf.rows.setdefault(row.key, (row, place))


def _read_correlations(
    shelf: _Shelf, header: list[str], records: list[list[str]], where: str
) -> None:
    if header[: len(CORRELATION_COLUMNS)] != CORRELATION_COLUMNS:
        columns = ", ".join(CORRELATION_COLUMNS)
        shelf.add("error", "TABLE", f"the columns must be {columns}.", f"{where}, line 1")
        return
    for line, record in enumerate(records[1:], start=2):
        place = f"{where}, line {line}"
        if len(record) != len(header):
            shelf.add("error", "TABLE", f"the number of fields is not {len(header)}.", place)
            continue
        entry = dict(zip(header, record, strict=True))
        shelf.correlations.append((entry, place))
        shelf.cited.setdefault(entry["source"], place)


def _read_other(shelf: _Shelf, header: list[str], records: list[list[str]], where: str) -> None:
    """A table of another kind: rectangular, no line twice, sources known."""
    seen: dict[tuple[str, ...], int] = {}
    for line, record in enumerate(records[1:], start=2):
        place = f"{where}, line {line}"
        if len(record) != len(header):
            shelf.add("error", "TABLE", f"the number of fields is not {len(header)}.", place)
        elif tuple(record) in seen:
            first = seen[tuple(record)]
            shelf.add("error", "TABLE", f"the line stands already as line {first}.", place)
        elif "source" in header:
            shelf.cited.setdefault(record[header.index("source")], place)
        seen.setdefault(tuple(record), line)


def _read_sources(shelf: _Shelf, path: Path, where: str) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        _add_undecoded(shelf, e, where)
        return
    entries, problems = parse_sources(text)
    for line, problem in problems:
        shelf.add("error", "SOURCE", f"{problem}.", f"{where}, line {line}")
    for entry in entries:
        place = f"{where}, line {entry.line}"
        if entry.key in shelf.sources:
            other = shelf.sources[entry.key][1]
            shelf.add(
                "error",
                "SOURCE_TWICE",
                f"'{entry.key}' stands already in {other}; keep one of them.",
                place,
            )
        shelf.sources.setdefault(entry.key, (entry, place))


def _read_fragment(shelf: _Shelf, path: Path, where: str) -> None:
    for suffix, what, severity in (
        (".csv", "its numbers", "error"),
        (".md", "its page of explanation", "warning"),
    ):
        if not path.with_suffix(suffix).is_file():
            shelf.add(
                severity,
                "FRAGMENT_ALONE",
                f"beside it {what} are missing: {path.with_suffix(suffix).name}.",
                where,
            )


# Checking -----------------------------------------------------------------------------------------


def _check_rows(shelf: _Shelf) -> None:
    units: dict[str, bool] = {}
    for row, where in (*shelf.rows.values(), *shelf.conditions):
        if row.unit not in units:
            units[row.unit] = _is_unit(row.unit)
        if not units[row.unit]:
            shelf.add(
                "error", "UNIT", f"'{row.id}': '{row.unit}' is not a unit that is known.", where
            )
        for code, severity, message in _row_findings(row):
            shelf.add(severity, code, f"'{row.id}': {message}", where)


def _row_findings(row: Row) -> Iterator[tuple[str, str, str]]:
    if not row.meaning:
        yield "FIELD_MISSING", "error", "its meaning is missing."
    if not row.system:
        yield "FIELD_MISSING", "warning", "say in which system it was measured or is meant."
    if row.source == "assumption" and row.grade != "E":
        yield "GRADE", "error", f"an assumption has grade E, not {row.grade}."
    if row.source == "assumption" and not row.note:
        yield "FIELD_MISSING", "error", "an assumption needs its reason in the note."
    if row.source not in NOT_SOURCES and not row.place:
        yield (
            "FIELD_MISSING",
            "warning",
            "say where in the source it stands: table, figure, section.",
        )
    if row.id.endswith(NEVER_USED):
        yield "NEVER_USED", "error", "rows marked unverified or second-hand are not used."
    if row.varies == "structure" and not 0 <= row.value <= 1:
        yield "VALUE", "error", f"a structural weight lies in 0..1, not at {row.value:g}."
    if row.varies == "constant" and row.spread_kind not in ("fixed", "range"):
        yield (
            "VARIES",
            "error",
            "a constant is fixed or has a range of use; else say at which level it varies.",
        )
    drawn = row.varies not in ("constant", "structure") and not row.id.endswith(LITERATURE)
    if row.spread_kind == "fixed" and drawn:
        yield "VARIES", "warning", f"it is said to vary ({row.varies}) but its spread is fixed."
    if row.spread and row.spread_kind not in ("ci95", "range") and row.spread[0] == 0:
        yield "SPREAD", "warning", "a spread of zero is 'fixed', with its reason in the note."


def _check_families(shelf: _Shelf) -> None:
    """``x.between`` and ``x.literature`` belong to an ``x``."""
    for key, (row, where) in shelf.rows.items():
        for ending in (BETWEEN, LITERATURE):
            base = key.removesuffix(ending)
            if base == key:
                continue
            if base not in shelf.rows:
                shelf.add(
                    "error",
                    "NO_BASE",
                    f"'{row.id}' has no row '{row.id.removesuffix(ending)}' that it belongs to."
                    + nearest(base, shelf.rows),
                    where,
                )
            elif ending == LITERATURE and row.unit != shelf.rows[base][0].unit:
                shelf.add(
                    "error",
                    "UNIT",
                    f"'{row.id}' is in {row.unit}, and '{shelf.rows[base][0].id}' is in "
                    f"{shelf.rows[base][0].unit}; give both in one unit.",
                    where,
                )
        if key.endswith(BETWEEN):
            _check_between(shelf, row, where)


def _check_between(shelf: _Shelf, row: Row, where: str) -> None:
    if row.varies not in PATIENT_LEVELS:
        shelf.add(
            "error",
            "VARIES",
            f"'{row.id}' is a spread between patients, lots or vials, not '{row.varies}'.",
            where,
        )
    neutral = {"log": 1.0, "linear": 0.0}.get(spread_on_scale(row)[0])
    if neutral is not None and row.value != neutral:
        shelf.add(
            "error",
            "VALUE",
            f"'{row.id}' {'multiplies' if neutral else 'is added to'} the centre, so its own "
            f"value is {neutral:g}, not {row.value:g}.",
            where,
        )


def _check_conditions(shelf: _Shelf) -> None:
    for row, where in shelf.conditions:
        if row.id not in shelf.rows:
            shelf.add(
                "error",
                "NO_BASE",
                f"a condition replaces a row 'table.id', and there is no '{row.id}'."
                + nearest(row.id, shelf.rows),
                where,
            )


def _check_correlations(shelf: _Shelf) -> None:
    """Pairs name rows drawn at one level, stand once, and hold together.

    A key may also name a person's standard score that several rows share: ``outcomes.pain`` where
    rows ``outcomes.pain_…`` exist, and a row of an overlay by folder, table and id, such as
    ``labels_dye.label.loose``.
    """
    pairs: dict[tuple[str, str], float] = {}
    for entry, where in shelf.correlations:
        a, b = entry["id_a"], entry["id_b"]
        levels = []
        for key in (a, b):
            found = shelf.rows.get(key, shelf.over.get(key))
            if found is None and any(known.startswith(f"{key}_") for known in shelf.rows):
                levels.append("patient")
            elif found is None:
                shelf.add(
                    "error",
                    "NO_BASE",
                    f"there is no row '{key}'." + nearest(key, shelf.rows),
                    where,
                )
            else:
                levels.append(_level(found[0]))
        if len(set(levels)) > 1 or "none" in levels:
            shelf.add(
                "error",
                "CORRELATION",
                f"'{a}' and '{b}' are not drawn at one level ({' and '.join(levels)}).",
                where,
            )
        if entry["grade"] not in tuple("ABCDE"):
            shelf.add(
                "error", "GRADE", f"grade '{entry['grade']}' is none of A, B, C, D, E.", where
            )
        if entry["source"] == "assumption" and entry["grade"] != "E":
            shelf.add("error", "GRADE", "an assumption has grade E.", where)
        try:
            r = float(entry["r"])
        except ValueError:
            r = float("nan")
        if a == b or (a, b) in pairs or (b, a) in pairs:
            shelf.add(
                "error", "CORRELATION", f"'{a}' with '{b}' stands twice, or is one row.", where
            )
        elif not -1 < r < 1:
            shelf.add(
                "error", "CORRELATION", f"r is '{entry['r']}'; it lies between -1 and 1.", where
            )
        else:
            pairs[a, b] = r
    try:
        correlated_scores(0, sorted({key for pair in pairs for key in pair}), pairs, 1)
    except TableError as e:
        shelf.add("error", "CORRELATION", e.message, CORRELATIONS)


def _level(row: Row) -> str:
    if row.varies in WORLD_LEVELS:
        return "world"
    return "patient" if row.varies in PATIENT_LEVELS else "none"


def _check_sources(shelf: _Shelf) -> None:
    for key, where in shelf.cited.items():
        if key not in NOT_SOURCES and key not in shelf.sources:
            shelf.add(
                "error",
                "SOURCE_UNKNOWN",
                f"there is no source '{key}' in {SOURCES}." + nearest(key, shelf.sources),
                where,
            )
    dois: dict[str, str] = {}
    told = (row.note for row, _ in (*shelf.rows.values(), *shelf.conditions))
    notes = set(re.findall(r"\w+", " ".join(told)))
    for key, (entry, where) in shelf.sources.items():
        if not entry.title:
            shelf.add("error", "FIELD_MISSING", f"'{key}' has no title.", where)
        if not (entry.doi or entry.url or entry.note or (entry.journal and entry.year)):
            message = f"'{key}' cannot be found: give a DOI, url, note, or journal and year."
            shelf.add("warning", "FIELD_MISSING", message, where)
        if entry.doi and not re.fullmatch(r"10\.\d{4,9}/\S+", entry.doi):
            shelf.add("warning", "SOURCE", f"'{entry.doi}' of '{key}' is no DOI (10.…/…).", where)
        if entry.doi and entry.doi.lower() in dois:
            other = dois[entry.doi.lower()]
            shelf.add("info", "SOURCE_TWICE", f"'{key}' and '{other}' have one DOI.", where)
        dois.setdefault(entry.doi.lower(), key)
        if key not in shelf.cited and key not in BY_PROGRAM and key not in notes:
            shelf.add("info", "SOURCE_UNUSED", f"no row cites '{key}' yet.", where)


def _is_unit(text: str) -> bool:
    from exocast.units import convert

    if text == "1":
        return True
    try:
        convert(1.0, text, text)
    except (UnitError, ArithmeticError, AssertionError, AttributeError, TypeError, ValueError):
        return False
    return True
