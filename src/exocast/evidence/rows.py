"""Parameter rows: every number of the model with its unit, spread, source and grade."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from exocast.documents import not_utf8
from exocast.errors import NotFound, TableError, UnknownName, nearest

COLUMNS = "id,meaning,value,unit,spread,spread_kind,varies,system,source,place,grade,note".split(
    ","
)
SPREAD_KINDS = ("log_sd", "sd", "se", "cv", "ci95", "range", "fixed")
VARIES = ("uncertain", "patient", "lot", "vial", "structure", "constant")
INTERVAL_KINDS = ("ci95", "range")
LITERATURE = ".literature"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number with its provenance.

    Attributes
    ----------
    id
        Name inside its table; ``x.between`` is the between-patient spread of ``x``,
        ``x.literature`` its value under the literature prior.
    value, unit
        The centre, in the unit named; a pure number has unit ``1``.
    spread
        One number, two (low, high) for ``ci95`` and ``range``, none for ``fixed``.
    varies
        At which level the number is drawn: see :data:`VARIES`.
    table, line
        Stem of the table's file and the line in it, for messages.
    over
        Table that took the place of the fragment's own row, as ``folder_stem`` such as
        ``labels_dye``; empty for the fragment's own.
    """

    id: str
    meaning: str
    value: float
    unit: str
    spread: tuple[float, ...]
    spread_kind: str
    varies: str
    system: str
    source: str
    place: str
    grade: str
    note: str = ""
    table: str = ""
    line: int = 0
    over: str = ""

    @property
    def key(self) -> str:
        """Name of the quantity across all tables: ``table.id``."""
        return f"{self.table}.{self.id}"

    @property
    def name(self) -> str:
        """Name of the row: its key, after the table that laid it over the fragment's own."""
        return f"{self.over}.{self.key}" if self.over else self.key


def rows_of(path: Path) -> tuple[Row, ...]:
    """Rows of one table, in file order.

    Raises
    ------
    TableError
        For the first malformed row; ``exocast evidence check`` lists all findings together.
    """
    rows, problems = parse_table(path)
    if problems:
        raise TableError("; ".join(problems[:5]), where=str(path))
    return rows


def parse_table(path: Path) -> tuple[tuple[Row, ...], list[str]]:
    """Rows of one table that can be read, and a sentence for each that cannot."""
    if not path.is_file():
        raise NotFound("There is no such table.", where=str(path))
    problems: list[str] = []
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        line, sentence = not_utf8(e)
        return (), [f"line {line}: {sentence}"]
    reader = csv.DictReader(io.StringIO(text, newline=""))
    header = list(reader.fieldnames or ())
    if header != COLUMNS:
        missing = [c for c in COLUMNS if c not in header]
        extra = [c for c in header if c not in COLUMNS]
        problems.append(
            f"line 1: the columns must be {', '.join(COLUMNS)}"
            + (f"; missing {', '.join(missing)}" if missing else "")
            + (f"; not known {', '.join(extra)}" if extra else "")
        )
        return (), problems
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for record in reader:
        line = reader.line_num
        if None in record or None in record.values():
            problems.append(f"line {line}: the number of fields is not {len(COLUMNS)}")
            continue
        name = record["id"]
        if name in seen:
            problems.append(f"line {line}: '{name}' stands already in line {seen[name]}")
            continue
        seen[name] = line
        try:
            rows.append(_row(record, table=path.stem, line=line))
        except ValueError as e:
            problems.append(f"line {line}: '{name}': {e}")
    return tuple(rows), problems


def _row(record: Mapping[str, str], *, table: str, line: int) -> Row:
    kind = record["spread_kind"]
    if kind not in SPREAD_KINDS:
        raise ValueError(f"spread_kind '{kind}' is not known." + nearest(kind, SPREAD_KINDS))
    if record["varies"] not in VARIES:
        raise ValueError(
            f"varies '{record['varies']}' is not known." + nearest(record["varies"], VARIES)
        )
    if record["grade"] not in "ABCDE" or len(record["grade"]) != 1:
        raise ValueError(f"grade '{record['grade']}' is none of A, B, C, D, E")
    if not record["unit"]:
        raise ValueError("unit is missing; a pure number has unit 1")
    if not record["source"]:
        raise ValueError("source is missing; a guess has source 'assumption' and grade E")
    value = _number(record["value"], "value")
    parts = record["spread"].split("..") if record["spread"] else []
    spread = tuple(_number(p, "spread") for p in parts)
    wanted = {"fixed": 0}.get(kind, 2 if kind in INTERVAL_KINDS else 1)
    if len(spread) != wanted:
        raise ValueError(
            f"spread '{record['spread']}' does not fit {kind}: "
            + {0: "leave it empty", 1: "give one number", 2: "give low..high"}[wanted]
        )
    if wanted == 1 and spread[0] < 0:
        raise ValueError("a spread is never negative")
    if wanted == 2 and not spread[0] <= value <= spread[1]:
        raise ValueError(f"value {value:g} lies outside {spread[0]:g}..{spread[1]:g}")
    if kind in ("log_sd", "cv") and value <= 0:
        raise ValueError(f"{kind} needs a value above zero")
    if kind == "fixed" and not record["note"]:
        raise ValueError("a fixed value needs its reason in the note")
    return Row(
        id=record["id"],
        meaning=record["meaning"],
        value=value,
        unit=record["unit"],
        spread=spread,
        spread_kind=kind,
        varies=record["varies"],
        system=record["system"],
        source=record["source"],
        place=record["place"],
        grade=record["grade"],
        note=record["note"],
        table=table,
        line=line,
    )


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} '{text}' is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} '{text}' is not finite")
    return value


class Table(Mapping[str, Row]):
    """Rows of one or several tables by id, with a helpful error for a name that is not there."""

    def __init__(self, rows: tuple[Row, ...], *, name: str) -> None:
        self._rows = {row.id: row for row in rows}
        self._name = name

    def __getitem__(self, key: str) -> Row:
        try:
            return self._rows[key]
        except KeyError:
            raise UnknownName(
                f"There is no row '{key}'." + nearest(key, self._rows), where=self._name
            ) from None

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def table(path: Path) -> Table:
    """The table at a path."""
    return Table(rows_of(path), name=str(path))


def package_table(room: str, stem: str) -> Table:
    """A table that the package ships, such as ``package_table("patient", "placebo")``."""
    path = Path(__file__).parent.parent / room / f"{stem}.csv"
    try:
        state = path.stat()
    except OSError:
        return table(path)
    return _unchanged_table(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _unchanged_table(path: Path, _changed_ns: int, _size: int) -> Table:
    """A table, read once as long as it is not changed; neither it nor its rows can be."""
    return table(path)


def under_prior(rows: tuple[Row, ...], prior: str) -> tuple[Row, ...]:
    """Rows as they stand under a prior.

    ``default`` leaves the rows ``x.literature`` out; ``literature`` puts each in the place (and
    under the id, so on the same draws) of its ``x``.
    """
    special = {r.id.removesuffix(LITERATURE): r for r in rows if r.id.endswith(LITERATURE)}
    plain = [r for r in rows if not r.id.endswith(LITERATURE)]
    if prior == "default":
        return tuple(plain)
    if prior != "literature":
        raise UnknownName(
            f"There is no prior '{prior}'." + nearest(prior, ("default", "literature"))
        )
    return tuple(replace(special[r.id], id=r.id) if r.id in special else r for r in plain)
