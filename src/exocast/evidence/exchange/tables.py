"""Studies and results of CSV tables: the register's own layout, and the codebook's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from exocast.errors import InvalidInput, TableError
from exocast.evidence.exchange.codebook import EVIDENCE, STUDIES, result_of, study_of
from exocast.evidence.exchange.incoming import RESULT, STUDY, Incoming, Parsed, Remark, few
from exocast.evidence.exchange.text import plain
from exocast.evidence.register import STATISTICS, Result, Study, typed

Row = dict[str, str]
# Layouts by their columns: what a line is, and how it becomes a line of the register.
LAYOUTS: tuple[tuple[tuple[str, ...], type, Callable[[Row], Row]], ...] = (
    (STUDY, Study, dict),
    (RESULT, Result, dict),
    (tuple(STUDIES), Study, study_of),
    (tuple(EVIDENCE), Result, result_of),
)


def is_table(first_line: str) -> bool:
    """Whether a text's first line looks like the head of one of the layouts."""
    return first_line.lstrip("\ufeff\"' ").startswith("study_id") and "," in first_line


def read_tables(texts: Mapping[str, str]) -> Parsed:
    """Studies of tables that belong together, results beside their studies.

    Parameters
    ----------
    texts
        Text by name of the file. Results whose study is in none of them come with a study of
        that id and nothing else: it has to be in the register.

    Raises
    ------
    InvalidInput
        For columns of no layout.
    """
    remarks: list[Remark] = []
    studies: dict[str, tuple[str, Row]] = {}
    results: dict[str, list[Row]] = {}
    places: dict[str, str] = {}
    for where, text in texts.items():
        for place, kind, row in _lines(text, where, remarks):
            study_id = row["study_id"]
            if not study_id:
                remarks.append(Remark(message="a line without study_id", where=place))
            elif kind is Result:
                results.setdefault(study_id, []).append(row)
                places.setdefault(study_id, place)
            elif study_id in studies:
                remarks.append(
                    Remark(message=f"'{study_id}' stands twice; the first holds", where=place)
                )
            else:
                studies[study_id] = (place, row)
    for study_id in results:
        if study_id not in studies:
            studies[study_id] = (
                places[study_id],
                dict.fromkeys(STUDY, "") | {"study_id": study_id},
            )
    entries = tuple(
        Incoming(kind="csv", where=place, study=row, results=tuple(results.get(study_id, ())))
        for study_id, (place, row) in studies.items()
    )
    return Parsed(entries=entries, remarks=few(remarks, next(iter(texts), "")))


def _lines(text: str, where: str, remarks: list[Remark]) -> list[tuple[str, type, Row]]:
    try:
        lines = list(csv.reader(io.StringIO(text.replace("\x00", ""), newline="")))
    except csv.Error as e:
        raise InvalidInput(
            f"this is no CSV table ({e}). Save it as CSV with commas.", code="TABLE", where=where
        ) from None
    head = [name.strip() for name in lines[0]] if lines else []
    columns, kind, made = _layout(head, where)
    found = []
    for number, cells in enumerate(lines[1:], start=2):
        place = f"{where}, line {number}"
        if not any(cells):
            continue
        if len(cells) != len(head):
            message = f"{len(cells)} cells under {len(head)} columns; the line is left out"
            remarks.append(Remark(message=message, where=place))
            continue
        row = {name: plain(cell) for name, cell in zip(head, cells, strict=True)}
        found.append((place, kind, _checked(made(row), kind, place, remarks)))
    del columns
    return found


def _layout(head: Sequence[str], where: str) -> tuple[tuple[str, ...], type, Callable[[Row], Row]]:
    for layout in LAYOUTS:
        if set(head) == set(layout[0]) and len(head) == len(layout[0]):
            return layout
    nearest = min(LAYOUTS, key=lambda layout: len(set(head) ^ set(layout[0])))[0]
    lacking = [name for name in nearest if name not in head]
    extra = [name[:40] for name in head if name not in nearest]
    raise InvalidInput(
        "its columns are those of no table of the register or the codebook"
        + (f"; it lacks {', '.join(lacking[:8])}" if lacking else "")
        + (f"; it has {', '.join(map(repr, extra[:8]))} besides" if extra else "")
        + ".",
        code="TABLE",
        where=f"{where}, line 1",
    )


def _checked(row: Row, kind: type, place: str, remarks: list[Remark]) -> Row:
    """A line whose numbers are numbers and whose statistic is one; what is neither is empty."""
    for name in row:
        try:
            typed(kind, {name: row[name]}, where=place)
        except TableError as e:
            remarks.append(Remark(message=f"{name}: {e.message} It is left empty.", where=place))
            row[name] = ""
    if kind is Result and row["statistic"] not in STATISTICS:
        message = f"'{row['statistic'][:40]}' is no statistic; the line is kept as 'qualitative'"
        remarks.append(Remark(message=message, where=place))
        row["note"] = "; ".join(
            part for part in (f"was {row['statistic'][:40]}", row["note"]) if part
        )
        row["statistic"] = "qualitative"
    return row
