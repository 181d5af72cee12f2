"""What an import would change, before anything does.

The steps, in plain words: put the register's studies into an index; take each incoming study in
turn; find what it is; list what it adds, fills in and contradicts; let what a person decided count;
and remember the outcome, so that a later study of the same file meets it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exocast.errors import InvalidInput, UnknownName, nearest
from exocast.evidence.exchange.incoming import ID, RESULT, STUDY, Incoming
from exocast.evidence.exchange.match import KINDS, Index, Match, matches
from exocast.evidence.register import Register, Result, cells, typed

# What makes two lines of results the same measurement.
KEY = ("intervention", "endpoint", "week", "week_low", "week_high", "statistic", "indication")
SETS = (*KINDS, "registration")
# A free description of where a study was found: a format of references has another one each time.
ONLY_TABLES = ("reference",)
Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One cell: what stands, what comes in, and whether it fills a gap or contradicts.

    ``taken`` says whether it would be written.
    """

    field: str
    old: str
    new: str
    fills: bool
    taken: bool


@dataclass(frozen=True, kw_only=True)
class LineChange:
    """A line of results that is there with other cells; ``what`` names it in words."""

    what: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one incoming study would do.

    Attributes
    ----------
    study_id
        Its id in the register, or the one it would get.
    state
        ``new``, ``same``, ``changed`` or ``maybe`` (the same as one of ``candidates``).
    why
        What it was known by.
    new_lines, same_lines
        Lines of results that are not there yet, and that are.
    changed_lines
        Lines that are there with other numbers.
    """

    study_id: str
    title: str
    address: str
    where: str
    state: str
    why: str
    candidates: tuple[Match, ...]
    changes: tuple[Change, ...]
    new_lines: int
    same_lines: int
    changed_lines: tuple[LineChange, ...]


@dataclass(kw_only=True)
class Comparison:
    """Differences, and what a folder of one's own would hold afterwards.

    ``studies`` and ``results`` are the lines of the folder, ``updates`` those of its
    ``updates.csv``, by (study, column).
    """

    differences: list[Difference] = field(default_factory=list)
    studies: dict[str, Row] = field(default_factory=dict)
    results: list[Row] = field(default_factory=list)
    updates: dict[tuple[str, str], Row] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether the folder would hold anything that it does not hold now."""
        return any(
            one.state == "new"
            or one.new_lines * (one.state != "maybe")
            or any(change.taken for change in one.changes)
            or any(change.taken for line in one.changed_lines for change in line.changes)
            for one in self.differences
        )


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What a person decided.

    Attributes
    ----------
    same
        Study of the register by the id that the incoming one was shown with.
    new
        Ids of incoming studies that are not what they resemble.
    update
        Whether what comes in takes the place of what contradicts it.
    """

    same: Mapping[str, str] = field(default_factory=dict)
    new: Collection[str] = ()
    update: bool = False


@dataclass(kw_only=True)
class _Names:
    """Ids that incoming studies were shown with, and how often each was asked for."""

    shown: set[str] = field(default_factory=set)
    asked: dict[str, int] = field(default_factory=dict)


def compare(
    entries: Iterable[Incoming],
    whole: Register,
    *,
    into: str = "",
    decided: Decisions | None = None,
    today: str = "",
) -> Comparison:
    """Compares incoming studies with a register, and with each other.

    Parameters
    ----------
    entries
        What was read.
    whole
        The register, with the folder that will be written among its libraries if it is there.
    into
        That folder's name as the register knows it; only its lines may change.
    decided
        What a person decided.
    today
        Date for ``updates.csv``.

    Raises
    ------
    UnknownName
        For a decision on a study that is not there.
    """
    decided = decided or Decisions()
    index = Index()
    lines: dict[str, list[tuple[Row, bool]]] = {}
    made = Comparison()
    for study in whole.studies.values():
        index.add(cells(study))
        if into and study.folder == into:
            made.studies[study.study_id] = cells(study)
    for result in whole.results:
        own = bool(into) and result.folder == into
        row = cells(result)
        lines.setdefault(result.study_id, []).append((row, own))
        if own:
            made.results.append(row)
    for update in whole.updates:
        if into and update.folder == into:
            made.updates[update.study_id, update.field] = cells(update)
    names = _Names()
    for entry in entries:
        _one(entry, index, lines, made, decided, names, today)
    unknown = [key for key in (*decided.same, *decided.new) if key not in names.shown]
    if unknown:
        raise UnknownName(
            f"no incoming study is called '{unknown[0]}'." + nearest(unknown[0], names.shown),
            where="--same or --new",
        )
    return made


def _one(
    entry: Incoming,
    index: Index,
    lines: dict[str, list[tuple[Row, bool]]],
    made: Comparison,
    decided: Decisions,
    names: _Names,
    today: str,
) -> None:
    study = dict(entry.study)
    proposed = _free(study["study_id"], index, names)
    found = _found(entry, index)
    certain = [match for match in found if match.certain]
    if proposed in decided.same:
        target = decided.same[proposed]
        if target not in index.studies:
            raise UnknownName(
                f"the register has no study '{target}'." + nearest(target, index.studies),
                where="--same",
            )
        certain = [Match(study_id=target, certain=True, why="as you decided")]
    elif proposed in decided.new:
        found, certain = [], []
    # A person decides by the name that the study was shown with, so it keeps one.
    if not certain or proposed in decided.same:
        names.shown.add(proposed)
    name = certain[0].study_id if certain else proposed
    if found and not certain:
        # Told apart or put together by a person only; until then nothing of it is taken.
        made.differences.append(
            _difference(
                entry, proposed, "maybe", found[0].why, found, (), len(entry.results), 0, ()
            )
        )
        return
    if not certain and not any(study[column] for column in STUDY if column != "study_id"):
        raise InvalidInput(
            f"there is no study '{study['study_id']}' in the register, and none comes with these "
            "results." + nearest(study["study_id"], index.studies),
            code="UNKNOWN_STUDY",
            where=entry.where,
        )
    if certain:
        known = dict(index.studies[name])
        own = name in made.studies
        changes = _changes(known, study, entry.kind, update=decided.update)
        for change in changes:
            if not change.taken:
                continue
            known[change.field] = change.new
            if not own:
                made.updates[name, change.field] = _update(made, name, change, entry, today)
    else:
        known, own, changes = {**study, "study_id": name}, True, ()
    index.add(known)
    if own:
        made.studies[name] = known
    new, same, changed = _lines(
        entry.results, lines.setdefault(name, []), name, made, update=decided.update
    )
    state = "new" if not certain else "changed" if changes or new or changed else "same"
    why = certain[0].why if certain else ""
    made.differences.append(
        _difference(entry, name, state, why, (), changes, new, same, tuple(changed))
    )


def _found(entry: Incoming, index: Index) -> list[Match]:
    """Matches of an incoming study; a table of the register itself is known by its ids."""
    key = entry.study["study_id"]
    if entry.kind == "csv" and key in index.studies:
        return [Match(study_id=key, certain=True, why="the same id")]
    return matches(entry.study, index)


def _difference(
    entry: Incoming,
    name: str,
    state: str,
    why: str,
    candidates: Sequence[Match],
    changes: tuple[Change, ...],
    new: int,
    same: int,
    changed: tuple[LineChange, ...],
) -> Difference:
    study = entry.study
    address = study["doi"] or study["pmid"] or study["pmcid"] or study["nct"]
    return Difference(
        study_id=name,
        title=study["title"],
        address=address,
        where=entry.where,
        state=state,
        why=why,
        candidates=tuple(candidates),
        changes=changes,
        new_lines=new,
        same_lines=same,
        changed_lines=changed,
    )


def _free(wanted: str, index: Index, names: _Names) -> str:
    """An id that no study of the register has, nor one that was shown before."""
    name = base = wanted if ID.fullmatch(wanted) else "study"
    number = names.asked.get(base, 1)
    while name in index.studies or name in names.shown:
        number += 1
        name = f"{base}_{number}"
    names.asked[base] = number
    return name


def _changes(known: Row, study: Row, kind: str, *, update: bool) -> tuple[Change, ...]:
    """Cells that come in and are not there; an empty one says nothing."""
    found = []
    for name in STUDY:
        old, new = known[name], study[name]
        if name == "study_id" or not new or _equal(name, old, new):
            continue
        if name in ONLY_TABLES and old and kind != "csv":
            continue
        fills = not old
        if name in SETS and old:
            missing = [one for one in new.split() if one.casefold() not in old.casefold().split()]
            fills = len(missing) < len(new.split())  # one is shared, so the rest is added
            new = " ".join([*old.split(), *missing]) if fills else new
        found.append(Change(field=name, old=old, new=new, fills=fills, taken=fills or update))
    return tuple(found)


def _equal(name: str, old: str, new: str) -> bool:
    if name in SETS:
        return set(new.casefold().split()) <= set(old.casefold().split())
    if old == new:
        return True
    try:
        return float(old) == float(new)
    except ValueError:
        return _bare(old) == _bare(new)


def _bare(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")


def _update(made: Comparison, name: str, change: Change, entry: Incoming, today: str) -> Row:
    before = made.updates.get((name, change.field))
    return {
        "study_id": name,
        "field": change.field,
        "old": before["old"] if before else change.old,
        "new": change.new,
        "source": entry.where,
        "date": today,
    }


def _lines(
    incoming: Sequence[Mapping[str, str]],
    known: list[tuple[Row, bool]],
    name: str,
    made: Comparison,
    *,
    update: bool,
) -> tuple[int, int, list[LineChange]]:
    """Lines that are new (and are added), lines that are there, and lines that differ."""
    rows = [_normal({**row, "study_id": name}) for row in incoming]
    there = Counter(tuple(row.items()) for row, _ in known)
    left: list[Row] = []
    same = 0
    for row in rows:
        if there[tuple(row.items())] > 0:
            there[tuple(row.items())] -= 1
            same += 1
        else:
            left.append(row)
    # What is not there letter for letter may be there with another number.
    by_key: dict[tuple[str, ...], list[tuple[Row, bool]]] = {}
    for row, own in known:
        if there[tuple(row.items())] > 0:
            there[tuple(row.items())] -= 1
            by_key.setdefault(_key(row), []).append((row, own))
    keys = Counter(_key(row) for row in left)
    new, changed = 0, []
    for row in left:
        partners = by_key.get(_key(row), [])
        if len(partners) == 1 and keys[_key(row)] == 1:
            old, own = partners[0]
            changes = _line_changes(old, row, own=own, update=update)
            if changes:
                changed.append(LineChange(what=_called(row), changes=changes))
                # The very line of the folder, so that it is written as it is now.
                old |= {change.field: change.new for change in changes if change.taken}
            else:
                same += 1
            continue
        new += 1
        known.append((row, True))
        made.results.append(row)
    return new, same, changed


def _line_changes(old: Row, row: Row, *, own: bool, update: bool) -> tuple[Change, ...]:
    return tuple(
        Change(
            field=name,
            old=old[name],
            new=row[name],
            fills=not old[name],
            taken=own and (update or not old[name]),
        )
        for name in RESULT
        if row[name] and not _equal(name, old[name], row[name])
    )


def _normal(row: Row) -> Row:
    """A line as the register would write it, its numbers in one form."""
    return cells(Result(**typed(Result, row, where=row["study_id"]), line=0))


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name].casefold() for name in KEY)


def _called(row: Mapping[str, str]) -> str:
    week = row["week"] or f"{row['week_low']}-{row['week_high']}".strip("-")
    return f"{row['intervention']} | {row['endpoint']}" + (f" | week {week}" if week else "")
