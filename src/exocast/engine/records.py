"""Tables that say who is given what and when: patients, and event records as NONMEM has them."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exocast.documents import no_such_file, utf8_text
from exocast.engine.batch.read import document_of
from exocast.engine.dosing import CHANGE, COLUMNS, DOSE, WIPE, WIPE_AND_DOSE, check_records
from exocast.engine.sbml import Description
from exocast.errors import (
    DoseError,
    InvalidInput,
    TableError,
    UnknownName,
    UnsupportedModel,
    nearest,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
DOSE_FIELDS = ("AMT", "RATE", "DUR", "ADDL", "II", "SS")
RECORD_COLUMNS = ("ID", "TIME", "EVID", "CMT", *DOSE_FIELDS)
IGNORED = ("DV", "MDV")
NAMES = {"amount": "AMT", "rate": "RATE", "duration": "DUR", "ss": "SS", "ii": "II", "lag": "TIME"}
MODELLED_RATE, MODELLED_DURATION = -1, -2
MOST_DOSES = 10_000_000
MOST_TIMES = 1_000_000
NONE: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class People:
    """A patients' table: the runs, and what is known of each.

    Attributes
    ----------
    ids
        Names of the runs.
    varied, numbers
        Ids of the model that the table gives, and their values, (n_runs, n_varied).
    """

    ids: tuple[str, ...]
    varied: tuple[str, ...] = ()
    numbers: Array


@dataclass(frozen=True, kw_only=True)
class Modelled:
    """Which parameter says what of the doses into a species, by species id.

    Attributes
    ----------
    rate, duration
        For records with RATE -1 and -2.
    lag
        Time from the record to the dose.
    bioavailability
        Share of AMT that is given; the rate of an infusion stays, its length shrinks.
    """

    rate: Mapping[str, str]
    duration: Mapping[str, str]
    lag: Mapping[str, str]
    bioavailability: Mapping[str, str]


def modelled(
    rate_from: Mapping[str, str] = NONE,
    duration_from: Mapping[str, str] = NONE,
    lag_from: Mapping[str, str] = NONE,
    bioavailability_from: Mapping[str, str] = NONE,
    *,
    description: Description,
) -> Modelled:
    """The same, names checked.

    Raises
    ------
    UnknownName
        For a species that cannot be dosed or a parameter without a number.
    """
    numbered = description.parameters & description.variable - description.moving
    for field, names in (
        ("rate_from", rate_from),
        ("duration_from", duration_from),
        ("lag_from", lag_from),
        ("bioavailability_from", bioavailability_from),
    ):
        for species, parameter in names.items():
            for name, known, what in (
                (species, description.targets, "species that can be dosed"),
                (parameter, numbered, "parameter with a number"),
            ):
                if name not in known:
                    raise UnknownName(f"'{name}' is no {what}." + nearest(name, known), where=field)
    return Modelled(
        rate=rate_from,
        duration=duration_from,
        lag=lag_from,
        bioavailability=bioavailability_from,
    )


def times_of(text: str) -> list[float]:
    """Output times from ``start:stop:step`` (the stop when a step lands on it) or ``0,1,7``.

    Raises
    ------
    InvalidInput
        When the text is neither.
    """
    parts = text.split(":")
    try:
        if len(parts) == 1:
            return [float(part) for part in text.split(",")]
        start, stop, step = (float(part) for part in parts)
    except ValueError:
        raise InvalidInput(
            f"'{text}' is no list of times; write start:stop:step, such as 0:365:7, or 0,1,7.",
            where="--times",
        ) from None
    if not (np.isfinite([start, stop, step]).all() and step > 0 and stop >= start):
        raise InvalidInput(f"'{text}' does not go forward from start to stop.", where="--times")
    count = int(np.floor((stop - start) / step * (1 + 1e-12))) + 1
    if count > MOST_TIMES:
        raise InvalidInput(f"'{text}' are more than {MOST_TIMES:,} times.", where="--times")
    return [min(start + i * step, stop) for i in range(count)]


def read_people(table: Path | pd.DataFrame, description: Description) -> People:
    """A patients' table: one run a row, named by ``ID`` or else by its number from 1.

    Parameters
    ----------
    table
        CSV file or table; other columns are ids of parameters, compartments or species (their
        start).
    description
        The model.

    Raises
    ------
    TableError, UnknownName
        For a column that the model does not have, or an entry that is no number.
    """
    where, found = _read(table, "patients")
    keys = [c for c in found.columns if c.upper() == "ID" and c not in description.names]
    ids = [_name(v) for v in found[keys[0]]] if keys else [str(i + 1) for i in range(len(found))]
    name, often = Counter(ids).most_common(1)[0]
    if often > 1:
        raise TableError(f"the run '{name}' stands {often} times in column ID.", where=where)
    varied = tuple(c for c in found.columns if c not in keys)
    for column in varied:
        if column not in description.names:
            raise UnknownName(
                f"the model has nothing called '{column}'." + nearest(column, description.variable),
                where=f"{where}, column {column}",
            )
    columns = [_column(found, c, where) for c in varied]
    for column, values in zip(varied, columns, strict=True):
        if np.isnan(values).any():
            row = int(np.flatnonzero(np.isnan(values))[0])
            raise TableError("a number is missing.", where=f"{where}, row {row + 2}, {column}")
    numbers = np.column_stack(columns) if columns else np.empty((len(ids), 0))
    return People(ids=tuple(ids), varied=varied, numbers=numbers)


def read_doses(
    table: Path | pd.DataFrame,
    description: Description,
    *,
    sbml: str,
    people: People | None = None,
    parameters: Modelled,
) -> tuple[pd.DataFrame, People]:
    """A dose table from event records, or from a dose table.

    Cells are separated by commas, semicolons or blanks, as the first line has them. Event records
    have the columns ``ID TIME AMT RATE DUR EVID ADDL II SS CMT`` in any case; ``DV`` and ``MDV``
    are not read, ``.`` and nothing mean that nothing is given. Without an ``ID`` every run has
    the same records. As in NONMEM:

    - ``EVID`` 0 is an observation: it gives nothing and asks for no output, for output times are
      given apart. 1 is a dose, 2 another event, 3 a reset, 4 a reset and dose. Without ``EVID``
      a record with AMT, RATE or SS is a dose and any other an observation.
    - ``ADDL`` further doses follow ``II`` apart, until a record that wipes (``EVID`` 3 or 4, or
      ``SS`` 1); what stands before such a record at its own time is wiped too.
    - Columns named for parameters are covariates: a record's value counts from its time on,
      whatever its ``EVID``, until another record has another one; a reset keeps it.

    Differences: times never go back, also after a reset; covariates are carried forward, where
    NONMEM takes the value of the record to come; ``DUR`` is the length of an infusion, kept
    whatever the bioavailability; a reset puts states to the model's start, which need not be zero.

    Parameters
    ----------
    table
        CSV file or table.
    description, sbml
        The model.
    people
        The runs; without them, those of the records in order of appearance.
    parameters
        Which parameters say rate, duration, lag and bioavailability.

    Returns
    -------
    Columns ``run, time, amount, target, rate, duration, product, evid, ss, ii, lag``, one row a
    dose or event; and the runs.

    Raises
    ------
    TableError, DoseError, UnknownName
        For a table that cannot be read so, naming row and column.
    """
    where, found = _read(table, "doses")
    if set(COLUMNS) <= set(found.columns):
        own = _own(found, where)
        last = int(own["run"].max()) if len(own) and np.isfinite(own["run"].max()) else 0
        if people is None:
            ids = tuple(str(i + 1) for i in range(last + 1))
            people = People(ids=ids, numbers=np.empty((len(ids), 0)))
        if last >= len(people.ids):
            raise DoseError(
                f"a dose is for run {last}, and the runs are 0 to {len(people.ids) - 1}.",
                where=f"{where}, column run",
            )
        return own, people
    records, people = _records(found, where, description, people)
    return _expanded(records, people, sbml, parameters), people


# Event records -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Records:
    """Event records as arrays, sorted by run, within a run in the order of the file.

    Attributes
    ----------
    row
        Place in the file, from 0.
    fields
        TIME and what is given, nothing as zero.
    cmt
        Species ids; empty for records that are no doses.
    covariates
        Values by parameter, carried forward; NaN before the first.
    """

    where: str
    row: Whole
    run: Whole
    evid: Whole
    fields: Mapping[str, Array]
    cmt: NDArray[np.object_]
    covariates: Mapping[str, Array]

    def at(self, record: int, column: str) -> str:
        """Where a record stands, for people: the first line is the header."""
        return f"{self.where}, line {self.row[record] + 2}, column {column}"


def _records(
    table: pd.DataFrame, where: str, description: Description, people: People | None
) -> tuple[_Records, People]:
    names = {c: c.upper() for c in table.columns if c.upper() in (*RECORD_COLUMNS, *IGNORED)}
    settable = description.parameters - description.computed - description.moving
    for column in table.columns:
        if column not in names and column not in settable:
            known = [*RECORD_COLUMNS, *settable]
            hint = nearest(column, known) or nearest(column.upper(), RECORD_COLUMNS)
            raise UnknownName(
                f"'{column}' is no column of event records and no parameter to change." + hint,
                where=where,
            )
    covariates = [c for c in table.columns if c not in names]
    table = table.rename(columns=names)
    for column in ("TIME", "AMT"):
        if column not in table.columns:
            raise TableError(f"event records need a column {column}.", where=where)
    _check_cells(table, where)
    who, people, repeat = _who(table, people, where)
    row = np.tile(np.arange(len(table)), repeat)
    order = np.argsort(who, kind="stable")
    row, who = row[order], who[order]
    given = {
        c: np.nan_to_num(_column(table, c, where) if c in table.columns else np.zeros(len(table)))
        for c in ("TIME", *DOSE_FIELDS)
    }
    evid = _evid(table, given, where)
    cmt = np.full(len(table), "", dtype=object)
    for i in np.flatnonzero((evid == DOSE) | (evid == WIPE_AND_DOSE)):
        value = table["CMT"].iloc[i] if "CMT" in table.columns else ""
        cmt[i] = _species(value, description, f"{where}, line {i + 2}, column CMT")
    records = _Records(
        where=where,
        row=row,
        run=who,
        evid=evid[row],
        fields={c: v[row] for c, v in given.items()},
        cmt=cmt[row],
        covariates={c: _carried(_column(table, c, where)[row], who) for c in covariates},
    )
    back = np.flatnonzero((np.diff(who) == 0) & (np.diff(records.fields["TIME"]) < 0))
    if len(back):
        raise TableError(
            f"the times of '{people.ids[who[back[0]]]}' go back; write them in order, after a "
            "reset too.",
            where=records.at(int(back[0]) + 1, "TIME"),
        )
    return records, people


def _check_cells(table: pd.DataFrame, where: str) -> None:
    """Refuses what would otherwise be read as nothing."""
    time = _column(table, "TIME", where)
    places = table["CMT"].astype(str) if "CMT" in table.columns else None
    off = np.zeros(len(table), dtype=bool) if places is None else places.str.match(r"\s*-\d")
    for column, bad, sentence in (
        ("TIME", np.isnan(time), "a time is missing."),
        ("CMT", np.asarray(off), "turning a compartment off is not supported."),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise TableError(sentence, where=f"{where}, line {row + 2}, column {column}")


def _who(table: pd.DataFrame, people: People | None, where: str) -> tuple[Whole, People, int]:
    """Run of each record, the runs, and how often the records are repeated for them."""
    if "ID" not in table.columns:
        people = people or People(ids=("1",), numbers=np.empty((1, 0)))
        return np.repeat(np.arange(len(people.ids)), len(table)), people, len(people.ids)
    names = [_name(value) for value in table["ID"]]
    if people is None:
        ids = tuple(dict.fromkeys(names))
        people = People(ids=ids, numbers=np.empty((len(ids), 0)))
    place = {name: i for i, name in enumerate(people.ids)}
    for row, name in enumerate(names):
        if name not in place:
            raise UnknownName(
                f"the patients' table has no run '{name}'." + nearest(name, people.ids),
                where=f"{where}, line {row + 2}, column ID",
            )
    return np.array([place[name] for name in names], dtype=np.int64), people, 1


def _evid(table: pd.DataFrame, given: Mapping[str, Array], where: str) -> Whole:
    dosing = (given["AMT"] != 0) | (given["RATE"] != 0) | (given["SS"] != 0)
    evid = _column(table, "EVID", where) if "EVID" in table.columns else np.full(len(table), np.nan)
    evid = np.where(np.isnan(evid), dosing, evid)
    odd = ~np.isin(evid, range(5))
    if odd.any():
        row = int(np.flatnonzero(odd)[0])
        raise TableError(
            f"EVID {evid[row]:g} is none of 0 to 4.", where=f"{where}, line {row + 2}, column EVID"
        )
    empty = (evid != DOSE) & (evid != WIPE_AND_DOSE)
    bare = ~empty & ~dosing & np.isnan(_column(table, "AMT", where))
    if bare.any():
        row = int(np.flatnonzero(bare)[0])
        raise DoseError(
            "a dose without an amount; write AMT, or EVID 2 or 3 for what is no dose.",
            where=f"{where}, line {row + 2}, column AMT",
        )
    for column in DOSE_FIELDS:
        bad = empty & (given[column] != 0)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise DoseError(
                f"a record with EVID {evid[row]:g} gives nothing, and {column} is "
                f"{given[column][row]:g}; a dose has EVID 1 or 4.",
                where=f"{where}, line {row + 2}, column {column}",
            )
    return evid.astype(np.int64)


def _species(value: object, description: Description, where: str) -> str:
    """Species of a CMT: an id, a place from 1, or nothing where there is only one to dose."""
    text, species = _name(value), tuple(description.species)
    if text in ("", ".", "0"):
        if len(description.targets) == 1:
            return next(iter(description.targets))
        raise UnknownName("say which species is dosed." + nearest("", species), where=where)
    if text not in description.species and re.fullmatch(r"\d+", text):
        if not 1 <= int(text) <= len(species):
            raise UnknownName(
                f"compartment {text} does not exist; the species count from 1 to {len(species)}: "
                + ", ".join(species[:12])
                + ".",
                where=where,
            )
        text = species[int(text) - 1]
    if text not in description.targets:
        raise UnknownName(
            f"'{text}' is no species that can be dosed." + nearest(text, description.targets),
            where=where,
        )
    return text


def _carried(values: Array, run: Whole) -> Array:
    """Values carried forward within a run; NaN before the first."""
    last = np.where(np.isnan(values), -1, np.arange(len(values)))
    first = np.searchsorted(run, run)  # where the run of each record begins
    last = np.maximum.accumulate(np.maximum(last, -1))
    return np.where(last >= first, values[np.maximum(last, 0)], np.nan)


# From records to doses ---------------------------------------------------------------------------


def _expanded(records: _Records, people: People, sbml: str, parameters: Modelled) -> pd.DataFrame:
    import pandas as pd

    wipes = (records.evid >= WIPE) | (records.fields["SS"] == 1)
    until = _wiped_at(records, wipes)
    given = _given(records, people, sbml, parameters)
    dosing = (records.evid == DOSE) | (records.evid == WIPE_AND_DOSE)
    more = records.fields["ADDL"]
    _check_additional(records, dosing)
    steady = records.fields["SS"] > 0
    check_records(
        given | {"ii": np.where(steady | (more == 0), given["ii"], 0.0)},
        lambda record, column: records.at(record, NAMES[column]),
        dosing=dosing,
    )
    keep = np.flatnonzero(dosing | (records.evid == WIPE))
    count = np.where(dosing, more + 1, 1)[keep]
    if count.sum() > MOST_DOSES:
        raise DoseError(f"these are more than {MOST_DOSES:,} doses.", where=records.where)
    again = np.repeat(keep, count.astype(np.int64))
    number = np.concatenate([np.arange(int(n)) for n in count]) if len(count) else again
    time = records.fields["TIME"][again] + number * given["ii"][again]
    lost = time >= until[again]
    # A dose that a reset wipes leaves its own reset behind.
    lost &= ~((number == 0) & (records.evid[again] >= WIPE))
    again, number, time = again[~lost], number[~lost], time[~lost]
    first = number == 0
    evid = np.where(first, records.evid[again], DOSE)
    doses = pd.DataFrame(
        {
            "run": records.run[again],
            "time": time,
            "amount": given["amount"][again],
            "target": records.cmt[again],
            "rate": given["rate"][again],
            "duration": given["duration"][again],
            "product": "",
            "evid": evid,
            "ss": np.where(first, given["ss"][again], 0.0).astype(np.int64),
            "ii": np.where(first & steady[again], given["ii"][again], 0.0),
            "lag": given["lag"][again],
        }
    )
    return pd.concat([doses, *_changes(records)], ignore_index=True)


def _wiped_at(records: _Records, wipes: NDArray[np.bool_]) -> Array:
    """When the next record of the run wipes, for each record."""
    until = np.full(len(wipes), np.inf)
    time = records.fields["TIME"]
    for i in range(len(wipes) - 2, -1, -1):
        if records.run[i] == records.run[i + 1]:
            until[i] = time[i + 1] if wipes[i + 1] else until[i + 1]
    return until


def _check_additional(records: _Records, dosing: NDArray[np.bool_]) -> None:
    more, interval = records.fields["ADDL"], records.fields["II"]
    amount, steady = records.fields["AMT"], records.fields["SS"] > 0
    for column, bad, sentence in (
        ("ADDL", (more < 0) | (more != np.floor(more)), "ADDL counts further doses: 0 or more."),
        ("II", dosing & (more > 0) & ~(interval > 0), "ADDL needs an interval II above zero."),
        (
            "ADDL",
            dosing & (more > 0) & steady & (amount == 0),
            "a constant infusion at steady state has no further doses.",
        ),
    ):
        if bad.any():
            raise DoseError(sentence, where=records.at(int(np.flatnonzero(bad)[0]), column))


def _given(records: _Records, people: People, sbml: str, parameters: Modelled) -> dict[str, Array]:
    """What the records give, after the parameters that say more of it."""

    def of(names: Mapping[str, str], chosen: NDArray[np.bool_], missing: float) -> Array:
        """Value for each record of the parameter that stands for its species."""
        result = np.full(len(records.run), missing)
        for species, name in names.items():
            here = chosen & (records.cmt == species)
            result[here] = _values(name, records, people, sbml)[here]
        return result

    rate, every = records.fields["RATE"].copy(), records.cmt != ""
    duration = records.fields["DUR"].copy()
    for code, names, option, target in (
        (MODELLED_RATE, parameters.rate, "rate_from", rate),
        (MODELLED_DURATION, parameters.duration, "duration_from", duration),
    ):
        coded = records.fields["RATE"] == code
        values = of(names, coded, np.nan)
        bad = coded & ~(values > 0)
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            species = records.cmt[at]
            what = (
                f"its parameter '{names[species]}' is {values[at]:g}; above zero is needed"
                if species in names
                else f"no parameter for '{species}' is named in {option}"
            )
            raise DoseError(f"RATE is {code}, and {what}.", where=records.at(at, "RATE"))
        if code == MODELLED_DURATION:
            rate[coded] = 0.0
        target[coded] = values[coded]
    share = of(parameters.bioavailability, every, 1.0)
    lag = of(parameters.lag, every, 0.0)
    for values, names, what in (
        (share, parameters.bioavailability, "bioavailability"),
        (lag, parameters.lag, "lag"),
    ):
        bad = ~(values >= 0) | np.isinf(values)
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise DoseError(
                f"the {what} '{names[records.cmt[at]]}' is {values[at]:g}; zero or more is needed.",
                where=records.at(at, "CMT"),
            )
    return {
        "amount": records.fields["AMT"] * share,
        "rate": rate,
        "duration": duration,
        "ss": records.fields["SS"],
        "ii": records.fields["II"],
        "lag": lag,
    }


def _values(name: str, records: _Records, people: People, sbml: str) -> Array:
    """A parameter at each record: its covariate, else its run's own number, else the model's."""
    if name in people.varied:
        own = people.numbers[records.run, people.varied.index(name)]
    else:
        own = np.full(len(records.run), _in_model(name, sbml))
    changed = records.covariates.get(name)
    return own if changed is None else np.where(np.isnan(changed), own, changed)


def _in_model(name: str, sbml: str) -> float:
    with contextlib.suppress(UnsupportedModel):
        value = document_of(sbml).parameters[name].value
        return np.nan if value is None else value
    import libsbml

    document = libsbml.readSBMLFromString(sbml)  # kept alive: libSBML lends pointers into it
    return float(document.getModel().getParameter(name).getValue())


def _changes(records: _Records) -> list[pd.DataFrame]:
    """A row for each change of a covariate, and again after each reset."""
    import pandas as pd

    found = []
    time, run = records.fields["TIME"], records.run
    begins = np.r_[True, np.diff(run) != 0]
    for name, values in records.covariates.items():
        before = np.r_[np.nan, values[:-1]]
        new = ~np.isnan(values) & (begins | (values != before) | (records.evid >= WIPE))
        at = np.flatnonzero(new)
        # Of several at one time the last counts.
        same = np.r_[(np.diff(run[at]) == 0) & (np.diff(time[at]) == 0), False] if len(at) else at
        at = at[~same.astype(bool)]
        found.append(
            pd.DataFrame(
                {
                    "run": run[at],
                    "time": time[at],
                    "amount": values[at],
                    "target": name,
                    "rate": 0.0,
                    "duration": 0.0,
                    "product": "",
                    "evid": CHANGE,
                    "ss": 0,
                    "ii": 0.0,
                    "lag": 0.0,
                }
            )
        )
    return [table for table in found if len(table)]


# Text tables -------------------------------------------------------------------------------------


def _own(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """A dose table of ours, its numbers read; the checks follow when it is given to a model."""
    own = table.copy()
    for column in own.columns:
        if column not in ("target", "product"):
            own[column] = _column(table, column, where)
    return own


def _read(table: Path | pd.DataFrame, what: str) -> tuple[str, pd.DataFrame]:
    """Name for messages, and the table, its cells as they are."""
    import io

    import pandas as pd

    if isinstance(table, pd.DataFrame):
        where, found = what, table.copy()
    else:
        where = str(table)
        if table.is_dir() or not table.is_file():
            raise no_such_file(table)
        text = utf8_text(table, TableError).removeprefix("\ufeff")
        try:
            found = pd.read_csv(
                io.StringIO(text),
                sep=_separator(text),
                dtype=str,
                keep_default_na=False,
                skipinitialspace=True,
            )
        except ValueError as e:  # pandas' own errors among them
            raise TableError(
                f"this is no CSV table: {' '.join(str(e).split())}.", where=where
            ) from None
    if found.empty:
        raise TableError("the table has no rows.", where=where)
    found.columns = pd.Index([str(column).strip().lstrip("#") for column in found.columns])
    twice = [name for name, often in Counter(map(str.upper, found.columns)).items() if often > 1]
    for name in twice:
        if name in RECORD_COLUMNS or list(found.columns).count(name) > 1:
            raise TableError(f"the column '{name}' stands twice.", where=where)
    return where, found.reset_index(drop=True)


def _separator(text: str) -> str:
    """Commas, else semicolons, else blanks and tabs: whatever the first line has."""
    head = text.lstrip().partition("\n")[0]
    return "," if "," in head else ";" if ";" in head else r"\s+"


def _column(table: pd.DataFrame, column: str, where: str) -> Array:
    """A column as numbers, NaN where nothing is given."""
    import pandas as pd

    cells = table[column]
    if cells.dtype == object or not pd.api.types.is_numeric_dtype(cells):
        cells = cells.astype(str).str.strip()
        empty = cells.isin(("", ".", "NA", "nan", "None"))
        numbers = pd.to_numeric(cells.where(~empty), errors="coerce").to_numpy(dtype=np.float64)
        bad = (np.isnan(numbers) & ~empty.to_numpy()) | np.isinf(numbers)
    else:
        numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.isinf(numbers)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TableError(
            f"'{cells.iloc[row]}' is no finite number.",
            where=f"{where}, line {row + 2}, column {column}",
        )
    return np.array(numbers)


def _name(value: object) -> str:
    """Name of a run or species as text; a whole number that was read as 7.0 is 7."""
    text = str(value).strip()
    return text[:-2] if re.fullmatch(r"\d+\.0", text) else text
