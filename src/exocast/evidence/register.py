"""The register of studies: what people and animals were given, and what came of it.

Four text tables in ``register/``, written by ``scripts/transcribe_register.py``: ``studies.csv``,
``results.csv`` (one line an arm, end point and visit, or a pooled effect), ``status.csv`` (what
regulators say, with the date) and ``population.csv``. They are read and checked here, searched, and
put into a DuckDB database on demand. A study without a DOI, PMID, PMCID or registry number is
*unresolved*: it is shown, says so, and weighs nothing.

Folders of one's own are read beside these: ``studies.csv`` and ``results.csv`` with the same
columns, a ``status.csv`` where there is one, and ``updates.csv`` with what is to stand in place of
a cell of the package. The package's own tables are never written.
"""

from __future__ import annotations

import csv
import functools
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exocast.documents import utf8_text
from exocast.errors import InvalidInput, NotFound, TableError, UnknownName, nearest

if TYPE_CHECKING:
    import duckdb

FOLDER = Path(__file__).with_name("register")
STATISTICS = {
    "mean_sd": "mean and SD",
    "mean": "mean without spread",
    "mean_ci": "mean and 95 % interval",
    "median": "median",
    "median_iqr": "median and quartiles",
    "change_mean": "mean change",
    "change_lsmean": "adjusted mean change",
    "pct_change": "change in percent",
    "effect_md": "mean difference",
    "effect_wmd": "weighted mean difference",
    "effect_smd": "standardised mean difference",
    "effect_es": "effect size",
    "effect_srm": "standardised response mean",
    "effect_or": "odds ratio",
    "effect_hr": "hazard ratio",
    "rr": "risk ratio",
    "ratio": "ratio",
    "proportion": "proportion",
    "count": "count",
    "threshold": "threshold of importance",
    "group": "group threshold",
    "lower": "lower bound",
    "range": "range",
    "qualitative": "direction only",
}
YEARS = (1950, 2030)
COMPUTED = {"certainty": ("certainty", "cebm")}  # columns of a database that no table holds
WORD = re.compile(r"[^\W_]+")
TABLES = ("studies.csv", "results.csv", "status.csv", "updates.csv")
NOT_CELLS = ("line", "folder")  # where a record was read, no column of a table
SEARCHED = ("indication", "intervention", "product_source", "endpoint", "route", "species")
# Words that mean the same to somebody who searches.
SAME = (
    frozenset({"exosome", "exosomes", "vesicle", "vesicles", "ev", "evs", "sev"}),
    frozenset({"oa", "osteoarthritis"}),
    frozenset({"msc", "mscs", "stem"}),
    frozenset({"ha", "hyaluronic", "hyaluronan", "hyaluronate"}),
    frozenset({"steroid", "corticosteroid", "triamcinolone"}),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """A study, or a pool of studies; texts are as transcribed, empty where nothing is known.

    Attributes
    ----------
    url, via
        Page of the publisher, where it shows no identifier; DOI of the publication of the data set
        that its values come by.
    registration
        Numbers in registries of trials.
    funding, maker_link
        Who paid, and ``yes`` where the notes name the maker's hand; empty where nobody has read
        it, which is no acquittal.
    retraction
        Correction, erratum or retraction that the notes name; empty where none is named.
    bias
        First impression of the risk of bias, from abstracts and registry pages.
    folder
        Folder of one's own that it was read from; empty for the package's.
    """

    study_id: str
    title: str
    doi: str
    pmid: str
    pmcid: str
    nct: str
    url: str
    via: str
    registration: str
    reference: str
    journal: str
    year: str
    design: str
    species: str
    n: float | None
    n_text: str
    country: str
    funding: str
    maker_link: str
    retraction: str
    bias: str
    folder: str = ""

    @property
    def where(self) -> str:
        """Table and study, for messages."""
        return f"{_table(self.folder, 'studies.csv')}, {self.study_id}"

    @property
    def resolved(self) -> bool:
        """Whether an identifier leads to it, or to the data set that its values come by."""
        return bool(self.doi or self.pmid or self.pmcid or self.nct or self.url or self.via)

    @property
    def retracted(self) -> bool:
        """Whether it was withdrawn; then it weighs nothing."""
        return self.retraction.casefold().startswith("retracted")

    @property
    def address(self) -> str:
        """The identifier that leads to it, or the words that stand for one."""
        if self.doi:
            return f"doi:{self.doi.split()[0]}"
        if self.pmid:
            return f"PMID {self.pmid.split()[0]}"
        if self.pmcid or self.nct or self.url:
            return self.pmcid or self.nct or self.url
        if self.via:
            return f"by way of doi:{self.via}"
        return f"unresolved: {self.reference or 'no reference'}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """One line of results.

    Attributes
    ----------
    n, n_text
        People (or knees) of the arm; what was printed where that is no plain number.
    scale_low, scale_high, scale_text
        Ends of the scale.
    week
        Weeks since the first dose.
    statistic
        A key of ``STATISTICS``.
    value, sd
        Mean or effect; SD between people.
    change, sd_of_change, se
        Change from baseline, its SD between people, and a standard error that was printed.
    low, high, interval
        Ends, and what they are: ``ci95``, ``quartiles`` or ``range``.
    line, folder
        Line in the table; the folder of one's own that holds it, empty for the package's.
    """

    study_id: str
    species: str
    design: str
    indication: str
    intervention: str
    product_source: str
    dose: str
    dose_unit: str
    route: str
    schedule: str
    n: float | None
    n_text: str
    endpoint: str
    scale_low: float | None
    scale_high: float | None
    scale_text: str
    week: float | None
    week_low: float | None
    week_high: float | None
    statistic: str
    value: float | None
    sd: float | None
    change: float | None
    sd_of_change: float | None
    se: float | None
    low: float | None
    high: float | None
    interval: str
    adverse_events: str
    place: str
    note: str
    line: int
    folder: str = ""

    @property
    def where(self) -> str:
        """Table and line, for messages."""
        return f"{_table(self.folder, 'results.csv')}, line {self.line}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Status:
    """What a regulator says of a product, and when that was true."""

    jurisdiction: str
    product: str
    status: str
    date: str
    said_by: str
    confidence: str
    checked: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Update:
    """What stands in a folder of one's own in place of a cell of another one's study.

    Attributes
    ----------
    field, old, new
        A column of ``studies.csv``; what it held when this was written, and what holds now.
    source, date
        The file that said so, and the day it was read.
    line, folder
        Where the update is written.
    """

    study_id: str
    field: str
    old: str
    new: str
    source: str
    date: str
    line: int
    folder: str = ""

    @property
    def where(self) -> str:
        """Table and line, for messages."""
        return f"{_table(self.folder, 'updates.csv')}, line {self.line}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Correction:
    """What was put over a line of the transcribed tables, where it was seen, and why.

    ``line_holds`` names the intervention of the lines meant; empty for a study.
    """

    table: str
    study_id: str
    line_holds: str
    column: str
    old: str
    new: str
    found_in: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Covariate:
    """How a characteristic is spread in a population, or how it goes with another.

    Attributes
    ----------
    distribution
        Its kind; or the statistic that ``mean`` holds then (ICC, odds ratio, slope).
    correlation_with, r
        Another covariate, and its correlation; ``low`` and ``high`` are ends of ``r`` then.
    """

    population: str
    covariate: str
    distribution: str
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    unit: str
    correlation_with: str
    r: float | None
    source_doi_or_pmcid: str
    where_in_source: str
    note: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """An open finding on a line of the register."""

    severity: str
    code: str
    where: str
    message: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Register:
    """All tables, typed; ``updates`` and ``corrections`` are carried by ``studies`` already."""

    studies: dict[str, Study]
    results: tuple[Result, ...]
    status: tuple[Status, ...]
    updates: tuple[Update, ...] = field(default=())
    corrections: tuple[Correction, ...] = field(default=())
    population: tuple[Covariate, ...] = field(default=())

    def study(self, study_id: str) -> Study:
        """A study by its id.

        Raises
        ------
        UnknownName
            With the nearest id.
        """
        if study_id not in self.studies:
            raise UnknownName(
                f"the register has no study '{study_id}'." + nearest(study_id, self.studies),
                where="study",
            )
        return self.studies[study_id]

    def results_of(self, study_id: str) -> tuple[Result, ...]:
        """Its lines, in file order."""
        self.study(study_id)
        return tuple(r for r in self.results if r.study_id == study_id)

    def search(self, words: str) -> list[Study]:
        """Studies in which every word occurs, in their own fields or in those of their results."""
        wanted = WORD.findall(words.casefold())
        texts: dict[str, list[str]] = {key: [_text(s)] for key, s in self.studies.items()}
        for result in self.results:
            shown = (getattr(result, name) for name in SEARCHED)
            texts[result.study_id].append(" ".join(shown))
        found = {key: set(WORD.findall(" ".join(parts).casefold())) for key, parts in texts.items()}
        return [
            study
            for key, study in self.studies.items()
            if all(occurs(word, found[key]) for word in wanted)
        ]

    def status_of(self, product: str) -> tuple[Status, ...]:
        """What regulators say of a product; any whose name holds the words, or their like."""
        wanted = WORD.findall(product.casefold())
        return tuple(
            s
            for s in self.status
            if all(
                occurs(w, set(WORD.findall(s.product.casefold()))) or w in s.product.casefold()
                for w in wanted
            )
        )

    def doubts(self) -> list[Doubt]:
        """What a reader should know before a line is used, over the whole register."""
        return [
            *_doubts_of_studies(self.studies.values()),
            *_doubts_of_results(self),
            *_doubts_of_updates(self.updates),
            *_doubts_of_names(self.studies.values()),
            *_doubts_of_corrections(self.corrections),
            *_doubts_of_population(self.population),
        ]

    def database(self, path: str | Path = ":memory:") -> duckdb.DuckDBPyConnection:
        """The register as a DuckDB database.

        Tables ``studies``, ``results``, ``status``, ``corrections`` and ``population``; and what
        stands beside them: ``bias``, ``certainty`` and ``harms``.
        """
        import duckdb
        import pyarrow as pa

        made = duckdb.connect(str(path))
        for name, kind, rows in (
            ("studies", Study, self.studies.values()),
            ("results", Result, self.results),
            ("status", Status, self.status),
            ("corrections", Correction, self.corrections),
            ("population", Covariate, self.population),
            *_judged(),
        ):
            names = [*(f.name for f in fields(kind)), *COMPUTED.get(name, ())]
            types = {f.name: str(f.type) for f in fields(kind)}
            given = list(rows)
            table = pa.table(
                {
                    column: pa.array(
                        [_plain(getattr(row, column)) for row in given],
                        type=_arrow(types.get(column, "str")),
                    )
                    for column in names
                }
            )
            made.register("given", table)
            made.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM given")
            made.unregister("given")
        return made


def _judged() -> tuple[tuple[str, type, Iterable[Any]], ...]:
    """Tables that stand beside the register: risk of bias, certainty, harms."""
    from exocast.evidence.bias import Judgement, assessments
    from exocast.evidence.certainty import Body, bodies
    from exocast.evidence.safety import Harm, harms

    lines = [j for a in assessments().values() for j in (*a.domains.values(), a.overall)]
    return ("bias", Judgement, lines), ("certainty", Body, bodies()), ("harms", Harm, harms())


def _arrow(declared: str) -> Any:
    import pyarrow as pa

    if "float" in declared:
        return pa.float64()
    return pa.int64() if declared.startswith("int") else pa.string()


def _plain(value: Any) -> Any:
    """A value as a cell: the parts of a list with ``; `` between."""
    return "; ".join(value) if isinstance(value, tuple) else value


def occurs(word: str, words: set[str]) -> bool:
    """Whether a word, one that means the same, or a longer one that begins so is there."""
    same = next((group for group in SAME if word in group), frozenset({word}))
    return bool(same & words) or any(len(word) > 3 and w.startswith(word) for w in words)


def register(folder: Path = FOLDER, *, library: str | Path | Sequence[str | Path] = ()) -> Register:
    """The register, read and typed; kept until a table changes on disk.

    Parameters
    ----------
    folder
        Folder of the package's tables; another one only to check a changed copy.
    library
        Folders of one's own, read after it. A study may stand in two of them only if both say
        the same; another value for a cell belongs in ``updates.csv``. Lines of results may be
        added to any study; one that stands in an earlier folder too counts once.

    Raises
    ------
    NotFound
        For a library that is no folder.
    TableError
        For a cell that is not what its column wants, with file, line and column; for a study
        that stands twice and differs; for an update whose old value is not there.
    """
    given = (library,) if isinstance(library, str | Path) else tuple(library)
    folders = tuple({Path(one).resolve(): Path(one) for one in given}.values())
    for one in folders:
        if not one.is_dir():
            raise NotFound("there is no such folder with a register of yours.", where=str(one))
        if not (one / "studies.csv").is_file() and not (one / "results.csv").is_file():
            raise NotFound(
                "this folder holds no studies.csv and no results.csv; 'exocast evidence import "
                "FILE --into DIR' makes such a folder.",
                where=str(one),
            )
    return _register(folder, folders, tuple(_signature(one) for one in (folder, *folders)))


def columns(kind: type) -> tuple[str, ...]:
    """Columns of the table of a record (:class:`Study`, :class:`Result`, :class:`Update`)."""
    return tuple(f.name for f in fields(kind) if f.name not in NOT_CELLS)


def cells(record: Study | Result | Status | Update) -> dict[str, str]:
    """A record as the texts of its line; a number as short as it can be read back."""
    return {name: _cell(getattr(record, name)) for name in columns(type(record))}


def typed(kind: type, texts: dict[str, str], *, where: str) -> dict[str, Any]:
    """Texts of a line as the arguments of a record.

    Raises
    ------
    TableError
        For a cell that is no finite number where its column wants one.
    """
    wanted = {f.name: str(f.type) for f in fields(kind)}
    made: dict[str, Any] = dict(texts)
    for name, text in texts.items():
        if "float" in wanted[name]:
            made[name] = _number(text, f"{where}, column {name}") if text else None
    return made


def _table(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _cell(value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise TableError(f"'{text[:60]}' is no number.", where=where) from None
    if not math.isfinite(value):
        raise TableError(f"'{text[:60]}' is no finite number.", where=where)
    return value


def _signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a table of a folder does."""
    stats = ((name, folder / name) for name in TABLES)
    return tuple(
        (name, (at := path.stat()).st_mtime_ns, at.st_size) for name, path in stats if path.exists()
    )


@functools.lru_cache(maxsize=8)
def _register(folder: Path, libraries: tuple[Path, ...], signature: object) -> Register:
    studies: dict[str, Study] = {}
    results: list[Result] = []
    status: list[Status] = []
    updates: list[Update] = []
    for one in (folder, *libraries):
        name = "" if one is folder else str(one)
        _add_studies(studies, one, name)
        updates += _updated(studies, one, name)
    # Lines of results may belong to a study of any folder, so all studies are read first.
    for one in (folder, *libraries):
        name = "" if one is folder else str(one)
        # A line that stands in a library, or before it, cell by cell is that line: it counts once.
        there = {tuple(cells(r).values()) for r in results} if name else set()
        for r in _results(studies, one, name):
            texts = tuple(cells(r).values())
            if not name or texts not in there:
                results.append(r)
            there.add(texts)
        if not name or (one / "status.csv").is_file():
            status += [Status(**record) for _, record in _records(one, "status.csv", Status, name)]
    return Register(
        studies=studies,
        results=tuple(results),
        status=tuple(status),
        updates=tuple(updates),
        corrections=tuple(
            Correction(**record)
            for _, record in _records(folder / "amendments", "corrections.csv", Correction, "")
        )
        if (folder / "amendments").is_dir()
        else (),
        population=tuple(
            Covariate(**record, line=line)
            for line, record in _records(folder, "population.csv", Covariate, "")
        ),
    )


def _add_studies(studies: dict[str, Study], folder: Path, name: str) -> None:
    if name and not (folder / "studies.csv").is_file():
        return
    for line, record in _records(folder, "studies.csv", Study, name):
        where = f"{_table(name, 'studies.csv')}, line {line}"
        study = Study(**record, folder=name)
        if not study.study_id:
            raise TableError("a study has no id.", where=f"{where}, column study_id")
        other = studies.get(study.study_id)
        if other is None:
            studies[study.study_id] = study
            continue
        if other.folder == name:
            raise TableError(f"'{study.study_id}' stands twice.", where=where)
        mine, theirs = cells(study), cells(other)
        differing = [column for column in mine if mine[column] != theirs[column]]
        if differing:
            raise TableError(
                f"'{study.study_id}' stands already in {_table(other.folder, 'studies.csv')} and "
                f"differs in {', '.join(differing)}. Give it another id, or write the change into "
                "updates.csv ('exocast evidence import FILE --into DIR --update' does).",
                code="STUDY_TWICE",
                where=where,
            )


def _updated(studies: dict[str, Study], folder: Path, name: str) -> Iterator[Update]:
    """Updates of a folder, each put into its study."""
    if not name or not (folder / "updates.csv").is_file():
        return
    for line, record in _records(folder, "updates.csv", Update, name):
        update = Update(**record, line=line, folder=name)
        if update.study_id not in studies:
            raise TableError(
                f"there is no study '{update.study_id}'." + nearest(update.study_id, studies),
                where=f"{update.where}, column study_id",
            )
        allowed = [column for column in columns(Study) if column != "study_id"]
        if update.field not in allowed:
            raise TableError(
                f"'{update.field}' is no column that can be updated."
                + nearest(update.field, allowed),
                where=f"{update.where}, column field",
            )
        study = studies[update.study_id]
        found = cells(study)[update.field]
        if found not in (update.old, update.new):
            raise TableError(
                f"{update.field} of '{update.study_id}' was '{update.old}' when this update was "
                f"written and is '{found}' now; look at both, then set old to the latter or remove "
                "the line.",
                code="UPDATE_STALE",
                where=update.where,
            )
        new = typed(Study, {update.field: update.new}, where=update.where)
        studies[update.study_id] = replace(study, **new)
        yield update


def _results(studies: dict[str, Study], folder: Path, name: str) -> Iterator[Result]:
    if name and not (folder / "results.csv").is_file():
        return
    for line, record in _records(folder, "results.csv", Result, name):
        where = f"{_table(name, 'results.csv')}, line {line}"
        if record["study_id"] not in studies:
            raise TableError(
                f"there is no study '{record['study_id']}'." + nearest(record["study_id"], studies),
                where=f"{where}, column study_id",
            )
        if record["statistic"] not in STATISTICS:
            raise TableError(
                f"'{record['statistic']}' is no statistic."
                + nearest(record["statistic"], STATISTICS),
                where=f"{where}, column statistic",
            )
        yield Result(**record, line=line, folder=name)


def _records(
    folder: Path, table: str, kind: type, name: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Lines of a table as keyword arguments of a record."""
    wanted = columns(kind)
    shown = _table(name, table)
    try:
        lines = list(csv.reader(io.StringIO(utf8_text(folder / table, TableError), newline="")))
    except FileNotFoundError:
        raise NotFound("the register lacks this table.", where=str(folder / table)) from None
    except csv.Error as e:
        raise TableError(f"this is no CSV table ({e}).", where=shown) from None
    except InvalidInput as e:
        e.where = shown
        raise
    if tuple(lines[0] if lines else ()) != wanted:
        raise TableError(f"its columns are not {', '.join(wanted)}.", where=f"{shown}, line 1")
    for line, texts in enumerate(lines[1:], start=2):
        if not texts:
            continue
        if len(texts) != len(wanted):
            raise TableError(
                f"{len(texts)} cells stand where {len(wanted)} columns are.",
                where=f"{shown}, line {line}",
            )
        record = dict(zip(wanted, texts, strict=True))
        yield line, typed(kind, record, where=f"{shown}, line {line}")


def _text(study: Study) -> str:
    return " ".join(str(getattr(study, name)) for name in columns(Study))


def _doubts_of_studies(studies: Iterable[Study]) -> Iterator[Doubt]:
    for study in studies:
        if not study.resolved:
            yield Doubt(
                severity="info",
                code="UNRESOLVED_CITATION",
                where=study.where,
                message=f"no identifier leads to it ({study.reference or 'no reference'}); it "
                "weighs nothing.",
            )
        if study.retracted:
            yield Doubt(
                severity="info",
                code="RETRACTED",
                where=study.where,
                message=f"{study.retraction}; it weighs nothing.",
            )
        if study.year and not (study.year.isdigit() and YEARS[0] <= int(study.year) <= YEARS[1]):
            yield Doubt(
                severity="info",
                code="YEAR_DOUBTFUL",
                where=study.where,
                message=f"'{study.year}' is no year.",
            )


def _doubts_of_results(whole: Register) -> Iterator[Doubt]:
    for r in whole.results:
        where = r.where
        centre = r.change if r.value is None else r.value
        for bad, code, message in (
            (
                r.low is not None and r.high is not None and r.low > r.high,
                "INTERVAL_REVERSED",
                f"the interval {r.low} to {r.high} is reversed",
            ),
            (
                None not in (r.low, r.high, centre) and not r.low <= centre <= r.high,  # type: ignore[operator]
                "OUTSIDE_ITS_INTERVAL",
                f"{centre} lies outside {r.low} to {r.high}",
            ),
            (
                any(s is not None and s <= 0 for s in (r.sd, r.sd_of_change, r.se)),
                "SPREAD_NOT_POSITIVE",
                "a spread is not above zero",
            ),
            (
                r.statistic in {"mean", "mean_sd", "median", "median_iqr"}
                and None not in (r.value, r.scale_low, r.scale_high)
                and not r.scale_low <= r.value <= r.scale_high,  # type: ignore[operator]
                "OUTSIDE_ITS_SCALE",
                f"{r.value} lies outside the scale {r.scale_text}",
            ),
            (r.n is not None and r.n < 1, "NO_PEOPLE", "an arm has nobody"),
            (
                impossible(r).startswith(("its scale", "a change")),
                "IMPOSSIBLE",
                f"{impossible(r)}; it weighs nothing",
            ),
            (
                "source says mm" in r.scale_text,
                "UNIT_DOUBTFUL",
                "the unit does not fit the size of the values; not to be pooled",
            ),
            (
                r.statistic != "qualitative" and centre is None,
                "NO_VALUE",
                "neither a value nor a change was read from its cell",
            ),
        ):
            if bad:
                yield Doubt(
                    severity="info", code=code, where=where, message=f"{r.study_id}: {message}."
                )


def impossible(r: Result) -> str:
    """Why a line cannot be true, so that it weighs nothing; empty where it can."""
    width = None
    if r.scale_low is not None and r.scale_high is not None:
        width = r.scale_high - r.scale_low
        if width <= 0:
            return f"its scale from {r.scale_low:g} to {r.scale_high:g} has no width"
    if r.n is not None and r.n < 1:
        return f"{r.n:g} people are none"
    if any(s is not None and s <= 0 for s in (r.sd, r.sd_of_change, r.se)):
        return "a spread is not above zero"
    moved = r.change if r.statistic != "pct_change" else None
    if width and moved is not None and abs(moved) > width:
        return f"a change of {moved:g} is larger than its scale"
    return ""


def _doubts_of_names(studies: Iterable[Study]) -> Iterator[Doubt]:
    """A study of a library that carries an identifier of another one."""
    seen: dict[str, str] = {}
    for study in studies:
        for identifier in (study.doi.casefold(), study.pmid, study.pmcid, study.nct):
            for one in identifier.split():
                other = seen.setdefault(one, study.study_id)
                if other != study.study_id and study.folder:
                    yield Doubt(
                        severity="warning",
                        code="STUDY_UNDER_TWO_NAMES",
                        where=study.where,
                        message=f"{study.study_id} and {other} both carry {one}; if they are one "
                        "study, pools count it twice. 'evidence import --same' joins them.",
                    )


def _doubts_of_corrections(corrections: Iterable[Correction]) -> Iterator[Doubt]:
    for c in corrections:
        lines = f" of '{c.line_holds}'" if c.line_holds else ""
        yield Doubt(
            severity="info",
            code="CORRECTED",
            where=f"studies.csv, {c.study_id}",
            message=f"{c.column}{lines}: '{c.old}' became '{c.new}', as seen in {c.found_in}"
            + (f"; {c.reason}." if c.reason else "."),
        )


def _doubts_of_population(population: Iterable[Covariate]) -> Iterator[Doubt]:
    for c in population:
        where = f"population.csv, line {c.line}"
        for bad, code, message in (
            (c.r is not None and not -1 <= c.r <= 1, "NO_CORRELATION", f"{c.r} is no correlation"),
            (
                c.low is not None and c.high is not None and c.low > c.high,
                "INTERVAL_REVERSED",
                f"the interval {c.low} to {c.high} is reversed",
            ),
            (c.sd is not None and c.sd <= 0, "SPREAD_NOT_POSITIVE", "a spread is not above zero"),
        ):
            if bad:
                yield Doubt(
                    severity="info",
                    code=code,
                    where=where,
                    message=f"{c.population}, {c.covariate}: {message}.",
                )


def _doubts_of_updates(updates: Iterable[Update]) -> Iterator[Doubt]:
    for update in updates:
        yield Doubt(
            severity="info",
            code="UPDATED",
            where=update.where,
            message=f"{update.study_id}: {update.field} is '{update.new}' in place of "
            f"'{update.old}' ({update.source}, {update.date}).",
        )
