"""The register of studies: what people and animals were given, and what came of it.

Four text tables in ``register/``, written by ``scripts/transcribe_register.py``: ``studies.csv``,
``results.csv`` (one line an arm, end point and visit, or a pooled effect), ``status.csv`` (what
regulators say, with the date) and ``population.csv``. They are read and checked here, searched, and
put into a DuckDB database on demand. A study without a DOI, PMID, PMCID or registry number is
*unresolved*: it is shown, says so, and weighs nothing.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exocast.errors import TableError, UnknownName, nearest

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
WORD = re.compile(r"[^\W_]+")
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
    line
        Line in the table.
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


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """An open finding on a line of the register."""

    severity: str
    code: str
    where: str
    message: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Register:
    """All tables, typed."""

    studies: dict[str, Study]
    results: tuple[Result, ...]
    status: tuple[Status, ...]

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
        """What regulators say of a product; any whose name holds the words."""
        wanted = product.casefold().split()
        return tuple(s for s in self.status if all(w in s.product.casefold() for w in wanted))

    def doubts(self) -> list[Doubt]:
        """What a reader should know before a line is used, over the whole register."""
        return [*_doubts_of_studies(self.studies.values()), *_doubts_of_results(self)]

    def database(self, path: str | Path = ":memory:") -> duckdb.DuckDBPyConnection:
        """The register as a DuckDB database with the tables studies, results and status."""
        import duckdb
        import pyarrow as pa

        made = duckdb.connect(str(path))
        for name, rows in (
            ("studies", list(self.studies.values())),
            ("results", list(self.results)),
            ("status", list(self.status)),
        ):
            table = pa.table(
                {
                    f.name: pa.array(
                        [getattr(row, f.name) for row in rows],
                        type=pa.float64() if "float" in str(f.type) else None,
                    )
                    for f in fields(type(rows[0]))
                }
            )
            made.register("given", table)
            made.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM given")
            made.unregister("given")
        return made


def occurs(word: str, words: set[str]) -> bool:
    """Whether a word, one that means the same, or a longer one that begins so is there."""
    same = next((group for group in SAME if word in group), frozenset({word}))
    return bool(same & words) or any(len(word) > 3 and w.startswith(word) for w in words)


@functools.cache
def register(folder: Path = FOLDER) -> Register:
    """The register, read and typed.

    Raises
    ------
    TableError
        For a cell that is not what its column wants, with file, line and column.
    """
    studies: dict[str, Study] = {}
    for line, record in _records(folder / "studies.csv", Study):
        if record["study_id"] in studies:
            raise TableError(
                f"'{record['study_id']}' stands twice.", where=f"studies.csv, line {line}"
            )
        studies[record["study_id"]] = Study(**record)
    results = []
    for line, record in _records(folder / "results.csv", Result):
        where = f"results.csv, line {line}"
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
        results.append(Result(**record, line=line))
    status = tuple(Status(**record) for _, record in _records(folder / "status.csv", Status))
    return Register(studies=studies, results=tuple(results), status=status)


def _records(path: Path, kind: type) -> Iterator[tuple[int, dict[str, Any]]]:
    """Lines of a table as keyword arguments of a record."""
    wanted = {f.name: str(f.type) for f in fields(kind) if f.name != "line"}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if list(reader.fieldnames or ()) != list(wanted):
            raise TableError(
                f"its columns are not {', '.join(wanted)}.", where=f"{path.name}, line 1"
            )
        for line, record in enumerate(reader, start=2):
            made: dict[str, Any] = {}
            for name, text in record.items():
                made[name] = text
                if "float" in wanted[name]:
                    try:
                        made[name] = float(text) if text else None
                    except ValueError:
                        raise TableError(
                            f"'{text}' is no number.",
                            where=f"{path.name}, line {line}, column {name}",
                        ) from None
            yield line, made


def _text(study: Study) -> str:
    return " ".join(str(getattr(study, f.name)) for f in fields(Study))


def _doubts_of_studies(studies: Iterable[Study]) -> Iterator[Doubt]:
    for study in studies:
        if not study.resolved:
            yield Doubt(
                severity="info",
                code="UNRESOLVED_CITATION",
                where=f"studies.csv, {study.study_id}",
                message=f"no identifier leads to it ({study.reference or 'no reference'}); it "
                "weighs nothing.",
            )
        if study.retracted:
            yield Doubt(
                severity="info",
                code="RETRACTED",
                where=f"studies.csv, {study.study_id}",
                message=f"{study.retraction}; it weighs nothing.",
            )
        if study.year and not (study.year.isdigit() and YEARS[0] <= int(study.year) <= YEARS[1]):
            yield Doubt(
                severity="info",
                code="YEAR_DOUBTFUL",
                where=f"studies.csv, {study.study_id}",
                message=f"'{study.year}' is no year.",
            )


def _doubts_of_results(whole: Register) -> Iterator[Doubt]:
    for r in whole.results:
        where = f"results.csv, line {r.line}"
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
