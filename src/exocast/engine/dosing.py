"""Dose tables as switches: what engines do to a run, in the order in which they do it.

A row of a dose table says what a person is given; an engine knows seven things to do to a run.
Plain runs (boluses and changes of parameters) are sorted at once. Any other run is walked
through in time, with the infusions that are on and the doses that are on their way:

1. At each time resets come first, then parameters, then doses, each by name and amount, so that
   the order of rows does not matter. Only where one run has several records that wipe (``evid``
   3 or 4, ``ss`` 1) at one time does the order of rows count: what the last one says stays.
2. A record of steady state is a cycle that is repeated until it changes nothing, then the dose.
3. A rate is always the total of the infusions that are on, so that it ends at exactly zero.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.engine.sbml import Description
from exocast.errors import DoseError, UnknownName, nearest

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
ADD, SET, RATE, RESET, CYCLE, SAVE, MERGE = range(7)
DOSE, CHANGE, WIPE, WIPE_AND_DOSE = 1, 2, 3, 4  # evid
COLUMNS = ("run", "time", "amount", "target")
MORE_COLUMNS = ("rate", "duration", "product", "evid", "ss", "ii", "lag")
NO_TARGET = -1
CONSTANT_CYCLE = 1.0  # time unit: how often a constant infusion is looked at for steadiness
SAME = 1e-9  # relative: two lengths of time closer than this are one


@dataclass(frozen=True, kw_only=True, eq=False)
class Switches:
    """What engines do, sorted by run, within a run in the order of execution.

    Times rise within a run except inside a cycle, which goes beyond its record and back.

    Attributes
    ----------
    run, time
        Whose, and when.
    kind
        ``ADD`` the amount ``value`` to a species; ``SET`` a parameter to ``value``; ``RATE``: the
        total infusion into a species is ``value`` from now on; ``RESET``: states and parameters
        as at the start, no infusion; ``CYCLE``: go back to the time ``value``, and if the state
        differs from the one at the last ``CYCLE`` (or there was none) to the entry ``jump``
        places before this one, else to the next; ``SAVE``: keep the state, then begin from the
        start without infusions; ``MERGE``: add what was kept to the state and take the start off.
    target
        Index into ``names``; -1 for the last four kinds.
    value, jump
        See ``kind``.
    names
        Species and parameters that are switched.
    infused
        Species with a ``RATE``.
    last_run
        Largest run that the table names, -1 without a table.
    """

    run: Whole
    time: Array
    kind: NDArray[np.int8]
    target: Whole
    value: Array
    jump: Whole
    names: tuple[str, ...]
    infused: tuple[str, ...]
    last_run: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """A checked dose table; ``length`` is the duration of an infusion, 0 for a bolus."""

    run: Whole
    time: Array
    amount: Array
    target: Whole
    rate: Array
    length: Array
    evid: Whole
    ss: Whole
    ii: Array
    lag: Array


Entry = tuple[float, int, int, float, int]  # time, kind, target, value, jump
# The same in columns, the run before them.
Entries = tuple[NDArray[Any], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Record:
    time: float
    amount: float
    target: int
    rate: float
    length: float
    evid: int
    ss: int
    ii: float
    lag: float


def switches(doses: pd.DataFrame | None, description: Description) -> Switches:
    """Switches of a dose table.

    Parameters
    ----------
    doses
        Columns ``run, time, amount, target``, and where wanted ``rate`` or ``duration`` (an
        infusion), ``product`` (not read), ``evid`` (0 is left out, 1 dose, 2 the parameter
        ``target`` is ``amount`` from then on, 3 reset, 4 reset and dose), ``ss`` and ``ii``
        (steady state under the interval), ``lag`` (from the record to the dose).
    description
        The model.

    Raises
    ------
    DoseError, UnknownName
        For a table that cannot be given, with row (counted from 0) and column.
    """
    if doses is None or not len(doses):
        return _joined([], names=(), last_run=-1)
    rows, names, last_run = _rows(doses, description)
    plain = (rows.evid <= CHANGE) & (rows.ss == 0) & (rows.length == 0)
    if plain.all():
        return _joined([_plain(rows, np.arange(len(plain)))], names=names, last_run=last_run)
    walked = np.unique(rows.run[~plain])
    parts = [_plain(rows, np.flatnonzero(~np.isin(rows.run, walked)))]
    for number, records in _by_run(rows, walked):
        entries = _walk(records)
        columns = zip(*entries, strict=True) if entries else ((),) * 5
        parts.append((np.full(len(entries), number), *(np.array(c) for c in columns)))
    return _joined(parts, names=names, last_run=last_run)


def check_doses(doses: pd.DataFrame, description: Description) -> None:
    """Refuses a dose table that :func:`switches` would refuse.

    Raises
    ------
    DoseError, UnknownName
        With row (counted from 0) and column.
    """
    if len(doses):
        _rows(doses, description)


def inside_cycles(kind: NDArray[np.int8], jump: Whole) -> NDArray[np.bool_]:
    """Which entries are parts of a cycle: the time on the way to them is not the run's own."""
    inside = np.zeros(len(kind), dtype=bool)
    for at in np.flatnonzero(kind == CYCLE):
        inside[at - jump[at] : at + 1] = True
    return inside


def check_records(
    columns: dict[str, Array], where: Callable[[int, str], str], *, dosing: NDArray[np.bool_]
) -> None:
    """Refuses doses that cannot be, naming row and column.

    Parameters
    ----------
    columns
        ``amount, rate, duration, ss, ii, lag``, (n_rows,) each, nothing given as zero.
    where
        Name of a place, from row and column.
    dosing
        Which rows are doses.
    """
    amount, rate, duration, ii = (columns[c] for c in ("amount", "rate", "duration", "ii"))
    ss, lag = columns["ss"], columns["lag"]
    steady, lasting = dosing & (ss > 0), (rate > 0) | (duration > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        differ = abs(amount / rate - duration) > SAME * duration
    disagree = (rate > 0) & (duration > 0) & (amount != 0) & differ
    for column, bad, sentence in (
        ("ss", ~np.isin(ss, (0, 1, 2)), "steady state is 0 (no), 1 or 2"),
        ("ss", ~dosing & (ss > 0), "steady state belongs to a dose"),
        ("rate", dosing & (rate < 0), "a rate is zero or more; -1 and -2 are for event records"),
        ("duration", dosing & (duration < 0), "a duration is zero or more"),
        ("lag", lag < 0, "a lag is zero or more"),
        ("ii", ii < 0, "an interval is zero or more"),
        ("amount", dosing & lasting & (amount < 0), "an infusion has an amount above zero"),
        ("duration", dosing & disagree, "rate and duration of the infusion disagree"),
        ("amount", steady & (amount < 0), "a dose at steady state is not negative"),
        ("ii", steady & (amount > 0) & (ii == 0), "a dose at steady state needs its interval"),
        (
            "ii",
            steady & (amount == 0) & (ii > 0),
            "a constant infusion at steady state (no amount) has no interval",
        ),
        (
            "duration",
            steady & (amount == 0) & (duration > 0),
            "a constant infusion at steady state (no amount) has a rate and no duration",
        ),
        ("ii", dosing & (ss == 0) & (ii > 0), "an interval needs steady state or further doses"),
        ("lag", steady & (ii > 0) & (lag >= ii), "the lag has to be shorter than the interval"),
    ):
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise DoseError(
                f"{sentence}; {columns[column][at]:g} was found.", where=where(at, column)
            )


def _plain(rows: _Rows, chosen: Whole) -> Entries:
    """Boluses and changes of parameters, in order of run and time."""
    time, adds = (rows.time + rows.lag)[chosen], rows.evid[chosen] == DOSE
    keys = (rows.amount[chosen], rows.target[chosen], adds, time, rows.run[chosen])
    order = np.lexsort(keys)
    chosen = chosen[order]
    return (
        rows.run[chosen],
        time[order],
        np.where(adds[order], ADD, SET),
        rows.target[chosen],
        rows.amount[chosen],
        np.zeros(len(chosen)),
    )


def _joined(parts: Sequence[Entries], *, names: tuple[str, ...], last_run: int) -> Switches:
    columns = zip(*parts, strict=True) if parts else ([np.empty(0)],) * 6
    run, time, kind, target, value, jump = (np.concatenate(some) for some in columns)
    order = np.argsort(run, kind="stable")
    kinds, targets = kind[order].astype(np.int8), target[order].astype(np.int64)
    return Switches(
        run=run[order].astype(np.int64),
        time=time[order].astype(np.float64),
        kind=kinds,
        target=targets,
        value=value[order].astype(np.float64),
        jump=jump[order].astype(np.int64),
        names=names,
        infused=tuple(names[i] for i in sorted(set(targets[kinds == RATE].tolist()))),
        last_run=last_run,
    )


# One run, walked through in time -----------------------------------------------------------------


def _by_run(rows: _Rows, runs: Whole) -> list[tuple[int, list[_Record]]]:
    """Records of each run, by time; those of one time in the order of the table."""
    order = np.lexsort((rows.time, rows.run))
    order = order[np.isin(rows.run[order], runs)]
    fields = ("time", "amount", "target", "rate", "length", "evid", "ss", "ii", "lag")
    columns = [getattr(rows, name)[order].tolist() for name in fields]
    records = (_Record(**dict(zip(fields, row, strict=True))) for row in zip(*columns, strict=True))
    pairs = zip(rows.run[order].tolist(), records, strict=True)
    return [
        (run, [record for _, record in own])
        for run, own in itertools.groupby(pairs, key=lambda pair: pair[0])
    ]


def _walk(records: Sequence[_Record]) -> list[Entry]:
    """Entries of one run."""
    run = _Run()
    at = 0
    while True:
        time = min(records[at].time if at < len(records) else math.inf, run.next_change())
        if time == math.inf:
            return run.entries
        first = at
        while at < len(records) and records[at].time == time:
            at += 1
        run.come_to(time, records[first:at])


@dataclass(kw_only=True)
class _Run:
    """What is going on in a run that is walked through.

    Attributes
    ----------
    coming
        Heap of doses on their way: arrival, target, amount, length.
    infusions
        Those that are on: end, target, rate.
    rates
        Rate into each species as the engine has it by the entries so far.
    settings
        Parameters that were changed.
    """

    entries: list[Entry] = field(default_factory=list)
    coming: list[tuple[float, int, float, float]] = field(default_factory=list)
    infusions: list[tuple[float, int, float]] = field(default_factory=list)
    rates: dict[int, float] = field(default_factory=dict)
    settings: dict[int, float] = field(default_factory=dict)

    def next_change(self) -> float:
        """Time of the next arrival or end."""
        arrival = self.coming[0][0] if self.coming else math.inf
        return min([arrival, *(end for end, _, _ in self.infusions)])

    def come_to(self, time: float, records: Sequence[_Record]) -> None:
        """Everything that happens at one time."""
        wiping = [r for r in records if r.evid >= WIPE or r.ss == 1]
        changed = {r.target: r.amount for r in records if r.evid == CHANGE}
        if wiping:
            self.coming.clear()
            self.infusions.clear()
            self.rates.clear()
            if any(r.evid >= WIPE for r in wiping):
                self.settings.clear()
            self._put(time, RESET)
        self.settings |= changed
        # A steady-state record leaves the parameters as they are, and RESET does not.
        for target, value in sorted((self.settings if wiping else changed).items()):
            self._put(time, SET, target, value)
        doses = [r for r in records if r.evid == DOSE and r.ss != 1]
        doses += [r for r in wiping[-1:] if r.evid != WIPE]
        for dose in sorted(doses, key=_rank):
            if dose.ss:
                self._settle(dose)
            if dose.amount:
                arrival = (time + dose.lag, dose.target, dose.amount, dose.length)
                heapq.heappush(self.coming, arrival)
        self._arrivals(time)

    def _put(
        self, time: float, kind: int, target: int = NO_TARGET, value: float = 0.0, jump: int = 0
    ) -> None:
        self.entries.append((time, kind, target, value, jump))

    def _arrivals(self, time: float) -> None:
        """Doses that arrive, infusions that end, and the rates that follow."""
        while self.coming and self.coming[0][0] <= time:
            _, target, amount, length = heapq.heappop(self.coming)
            if time + length == time:
                self._put(time, ADD, target, amount)
            else:
                self.infusions.append((time + length, target, amount / length))
        self.infusions = [one for one in self.infusions if one[0] > time]
        for target in sorted({*self.rates, *(target for _, target, _ in self.infusions)}):
            total = math.fsum(rate for _, own, rate in self.infusions if own == target)
            if total != self.rates.get(target, 0.0):
                self._put(time, RATE, target, total)
                self.rates[target] = total

    def _settle(self, dose: _Record) -> None:
        """The cycle of a steady-state record, and what its earlier doses leave behind."""
        time, length = dose.time, dose.length
        if dose.ss == 2:
            self._put(time, SAVE)
            self.rates.clear()
        begin = len(self.entries)
        if dose.amount and not length:
            self._put(time + dose.lag, ADD, dose.target, dose.amount)
        for phase, rate in _cycle_rates(dose):
            self._put(time + phase, RATE, dose.target, rate)
            self.rates[dose.target] = rate
        period = dose.ii or CONSTANT_CYCLE
        self._put(time + period, CYCLE, NO_TARGET, time, len(self.entries) - begin)
        if dose.ss == 2:
            self._put(time, MERGE)
        for earlier in itertools.count(1):
            left = length + dose.lag - earlier * dose.ii
            if not length or left <= SAME * dose.ii:
                break
            self.infusions.append((time + left, dose.target, dose.amount / length))


def _cycle_rates(dose: _Record) -> list[tuple[float, float]]:
    """Rates of one cycle of infusions, by the time since the record.

    An infusion that is longer than its interval overlaps with the ones before it: ``whole`` of
    them are always on, and one more for the rest of the length.
    """
    if not dose.length:
        return [(0.0, dose.rate)] if dose.rate and not dose.amount else []
    rate, lag = dose.amount / dose.length, dose.lag
    whole = math.floor(dose.length / dose.ii + SAME)
    rest = dose.length - whole * dose.ii
    low, high = whole * rate, (whole + 1) * rate
    if rest <= SAME * dose.ii:
        return [(0.0, low)]
    end = lag + rest
    if not lag:
        return [(0.0, high), (end, low)]
    if end < dose.ii:
        return [(0.0, low), (lag, high), (end, low)]
    if end == dose.ii:
        return [(0.0, low), (lag, high)]
    return [(0.0, high), (end - dose.ii, low), (lag, high)]


def _rank(dose: _Record) -> tuple[float, ...]:
    """Place among the doses of one time: steady state first, then by what is given where."""
    kind = (dose.ss == 0, dose.ss, dose.target)
    return (*kind, dose.amount, dose.rate, dose.length, dose.ii, dose.lag)


# A dose table, checked ---------------------------------------------------------------------------


def _rows(doses: pd.DataFrame, description: Description) -> tuple[_Rows, tuple[str, ...], int]:
    """Rows that do something, names of their targets, and the largest run of the table."""
    _check_columns([str(column) for column in doses.columns])
    evid = _numbers(doses, "evid", missing=float(DOSE))
    kinds = set(evid.tolist()) - {0.0, 1.0, 2.0, 3.0, 4.0}
    if kinds:
        raise DoseError(f"evid {min(kinds):g} is not supported; 1 is a dose.", where="doses.evid")
    place = np.flatnonzero(evid != 0)  # rows of the table, for what is said about them
    doses, evid = doses.iloc[place], evid[place]
    wipes = evid == WIPE
    time, run = _numbers(doses, "time"), _numbers(doses, "run")
    amount = _numbers(doses, "amount", needed=~wipes)
    if (time < 0).any():
        raise DoseError(
            f"a dose at time {time.min():g} lies before the start, 0.", where="doses.time"
        )
    if (run < 0).any() or (run != np.floor(run)).any():
        raise DoseError("runs are whole numbers from 0.", where="doses.run")
    dosing = (evid == DOSE) | (evid == WIPE_AND_DOSE)
    more = {name: _numbers(doses, name, missing=0.0) for name in MORE_COLUMNS[:2]}
    more |= {name: _numbers(doses, name, missing=0.0) for name in ("ss", "ii", "lag")}
    check_records(
        {"amount": amount, **more},
        lambda row, column: f"doses, row {place[row]}, column {column}",
        dosing=dosing,
    )
    names, target = _targets(doses, evid, description)
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.where(more["rate"] > 0, amount / more["rate"], more["duration"])
    evid[(evid == WIPE_AND_DOSE) & (amount == 0) & (more["ss"] == 0)] = WIPE
    nothing = (evid == DOSE) & (amount == 0) & (more["ss"] == 0)
    changes = evid == CHANGE
    rows = _Rows(
        run=run.astype(np.int64),
        time=time,
        amount=amount,
        target=target,
        rate=more["rate"],
        length=np.where(dosing & (amount > 0), length, 0.0),
        evid=evid.astype(np.int64),
        ss=more["ss"].astype(np.int64),
        ii=more["ii"],
        lag=np.where(changes, 0.0, more["lag"]),
    )
    _check_changes(rows, changes, names)
    last_run = int(run.max()) if len(run) else -1
    return _Rows(**{k: v[~nothing] for k, v in vars(rows).items()}), names, last_run


def _check_columns(columns: Sequence[str]) -> None:
    for column in COLUMNS:
        if column not in columns:
            raise DoseError(f"the dose table has no column '{column}'.", where="doses")
    for column in columns:
        if column not in (*COLUMNS, *MORE_COLUMNS):
            raise UnknownName(
                f"a dose table has no column '{column}'."
                + nearest(column, (*COLUMNS, *MORE_COLUMNS)),
                where="doses",
            )


def _numbers(
    doses: pd.DataFrame,
    column: str,
    *,
    missing: float | None = None,
    needed: NDArray[np.bool_] | None = None,
) -> Array:
    """A column as numbers; ``missing`` stands where nothing is given, 0 where none is needed."""
    if column not in doses.columns:
        return np.full(len(doses), missing)
    try:
        numbers = np.array(doses[column], dtype=np.float64)
    except (TypeError, ValueError):
        raise DoseError("every entry is a number.", where=f"doses.{column}") from None
    if missing is not None:
        numbers[np.isnan(numbers)] = missing
    if needed is not None:
        numbers[~needed] = 0.0
    if not np.isfinite(numbers).all():
        raise DoseError("every entry is a finite number.", where=f"doses.{column}")
    return numbers


def _targets(
    doses: pd.DataFrame, evid: Array, description: Description
) -> tuple[tuple[str, ...], Whole]:
    """Names of all targets in order, and the place of each row's among them."""
    import pandas as pd

    place, found = pd.factorize(doses["target"], use_na_sentinel=False)
    given = [str(name) for name in found]
    place = np.asarray(place)
    movable = description.parameters - description.computed - description.moving
    for at in pd.unique(place[(evid == DOSE) | (evid == WIPE_AND_DOSE)]):
        name = given[at]
        if name not in description.targets:
            what = "cannot be dosed" if name in description.names else "does not exist"
            raise UnknownName(
                f"the dose target '{name}' {what}." + nearest(name, description.targets),
                where="doses.target",
            )
    for at in pd.unique(place[evid == CHANGE]):
        name = given[at]
        if name not in movable:
            what = "no parameter with a number" if name in description.names else "no parameter"
            raise UnknownName(
                f"'{name}' is {what} that an event could set." + nearest(name, movable),
                where="doses.target",
            )
    wipes = evid == WIPE
    named = {given[at] for at in pd.unique(place[~wipes])}
    names = tuple(sorted(named))
    index = {name: i for i, name in enumerate(names)}
    target = np.array([index.get(name, NO_TARGET) for name in given], dtype=np.int64)[place]
    return names, np.where(wipes, NO_TARGET, target)


def _check_changes(rows: _Rows, changes: NDArray[np.bool_], names: tuple[str, ...]) -> None:
    """Refuses two values of one parameter at one time: neither row is the later one."""
    run, time, target, value = (c[changes] for c in (rows.run, rows.time, rows.target, rows.amount))
    order = np.lexsort((value, target, time, run))
    run, time, target, value = (c[order] for c in (run, time, target, value))
    same = (np.diff(run) == 0) & (np.diff(time) == 0) & (np.diff(target) == 0)
    for at in np.flatnonzero(same & (np.diff(value) != 0))[:1]:
        raise DoseError(
            f"run {run[at]} sets '{names[target[at]]}' to {value[at]:g} and to "
            f"{value[at + 1]:g} at time {time[at]:g}; keep one.",
            where="doses",
        )
