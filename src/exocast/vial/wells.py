"""Wells of a plate: what the words of plate readers mean, and the table that all readers fill."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line
from exocast.vial.records import WELL_COLUMNS, VialWarning
from exocast.vial.sheet import Sheet

if TYPE_CHECKING:
    import pandas as pd

# Letters of the last row of a 1536-well plate and its columns.
MOST_LETTERS = 2
MOST_COLUMN = 48
NAMED = 6
# Thirty plates of 1536 wells or five hundred of 96, in one file.
MOST_WELLS = 50_000
_WELL = re.compile(rf"([A-Za-z]{{1,{MOST_LETTERS}}})0*([1-9]\d?)")
_MASKED = re.compile(r"\*\s*([^*]+?)\s*\*|\(\s*masked\s*\)\s*(.*)|masked\s*(.*)", re.IGNORECASE)
_LIMIT = re.compile(r"([<>])\s*=?\s*(.+)")
ABOVE = ("ovrflw", "overflow", "over", "ovfl", "#sat", "sat", "saturated", "out of range high")
BELOW = ("undrflw", "underflow", "#low", "out of range low")
MISSED = ("missed", "missing", "not read", "skipped", "-", "--", "---")
NO_RESULT = (
    "?????", "no result", "n/a", "na", "#n/a", "n.d.", "none", "not reported", "error", "#div/0!",
    "#value!", "#num!", "out of range", "range?", "inf", "-inf", "infinity", "nan",
)  # fmt: skip
_ROLES = (
    (r"(std|st|standard|cal|calibrator)s?[\s_-]?\d*", "standard"),
    (r"(blk|bl|blank|background|bkg|bg)s?[\s_-]?\d*", "blank"),
    (r"(ntc|no[\s_-]?template.*)", "no_template"),
    (r"(ctl|ctrl|control|pc|nc|pos|neg|positive|negative|qc)s?[\s_-]?\d*", "control"),
    (r"(spl|smp|sm|sample|unk|un|unknown)s?[\s_-]?\d*", "sample"),
    (r"(empty|emp)[\s_-]?\d*", "empty"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Well:
    """One row of the table of wells; the columns are described at ``WELL_COLUMNS``."""

    plate: str = ""
    well: str
    sample: str = ""
    target: str = ""
    role: str = "unknown"
    nominal: float = math.nan
    nominal_unit: str = ""
    value: float = math.nan
    unit: str = ""
    censored: str = ""
    dilution: float = math.nan
    excluded: bool = False
    reason: str = ""
    line: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """What a cell says: a number, a limit, or that there is none and why."""

    value: float = math.nan
    censored: str = ""
    excluded: bool = False
    reason: str = ""


class Wells(Sequence[Well]):
    """Wells in the order of the file, kept as columns: a fifth of what as many records take.

    Parameters
    ----------
    where
        The file, for the refusal of one that holds more wells than any instrument reads.
    """

    def __init__(self, where: str = "") -> None:
        self._where = where
        self._columns: dict[str, Any] = {name: [] for name in WELL_COLUMNS}
        self._columns |= {name: array("d") for name in ("nominal", "value", "dilution")}
        self._columns |= {"excluded": bytearray(), "line": array("q")}
        self._names: dict[str, str] = {}

    def append(self, well: Well) -> None:
        """Put a well behind the others.

        Raises
        ------
        InstrumentFileError
            ``TOO_LARGE`` beyond fifty thousand wells.
        """
        if len(self) >= MOST_WELLS:
            raise InstrumentFileError(
                f"the file holds more than {MOST_WELLS:,} wells; an export of an instrument holds "
                "far fewer. Export fewer plates at a time.",
                code="TOO_LARGE",
                where=self._where,
            )
        for name, column in self._columns.items():
            value = getattr(well, name)
            # Wells of all plates have the same few names, each made anew from row and column.
            column.append(self._names.setdefault(value, value) if name == "well" else value)

    def extend(self, wells: Iterable[Well]) -> None:
        """Put wells behind the others, as :meth:`append`."""
        for well in wells:
            self.append(well)

    def __len__(self) -> int:
        return len(self._columns["line"])

    @overload
    def __getitem__(self, index: int) -> Well: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Well]: ...

    def __getitem__(self, index: int | slice) -> Well | Sequence[Well]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        cells = {name: column[index] for name, column in self._columns.items()}
        return Well(**{**cells, "excluded": bool(cells["excluded"])})

    def __setitem__(self, index: int, well: Well) -> None:
        for name, column in self._columns.items():
            column[index] = getattr(well, name)

    def column(self, name: str) -> Sequence[Any]:
        """All values of a column, such as ``censored``."""
        found: Sequence[Any] = self._columns[name]
        return found

    def table(self, *, words: type[object] | None = None) -> pd.DataFrame:
        """The wells as a table, one row each, with the columns ``WELL_COLUMNS``; uses them up.

        Parameters
        ----------
        words
            Type of columns of text; what pandas takes for text where it is left out.
        """
        import numpy as np
        import pandas as pd

        made: dict[str, object] = {}
        kinds = {"excluded": np.bool_, "line": np.int64}
        for name in WELL_COLUMNS:
            values = self._columns.pop(name)
            if isinstance(values, list):
                made[name] = pd.Series(np.array(values, dtype=object), dtype=words, copy=False)
            else:
                made[name] = np.frombuffer(values, dtype=kinds.get(name, np.float64))
        # The columns stood in memory that a table may not change.
        return pd.DataFrame(made, columns=list(WELL_COLUMNS))


def well_table(wells: Iterable[Well]) -> pd.DataFrame:
    """The table of wells, one row each, with the columns ``WELL_COLUMNS``.

    Parameters
    ----------
    wells
        In the order of the file; :class:`Wells` are used up.
    """
    if not isinstance(wells, Wells):
        listed, wells = wells, Wells()
        wells.extend(listed)
    return wells.table()


def reported(cell: str, read: Callable[[str], float]) -> Reported:
    """What a cell of a plate reader says.

    Over range (``OVRFLW``) is censored above and has no value; ``>x`` and ``<x`` are limits; a
    masked value (``*0.356*``) stands and is excluded; ``?????``, ``MISSED``, ``NaN`` and an empty
    cell hold no value and are excluded with their own word as the reason.

    Parameters
    ----------
    cell
        As the file has it.
    read
        Reads a number and raises an error of ours for anything else.

    Raises
    ------
    InstrumentFileError
        When the cell is neither a number nor one of the words.
    """
    text = cell.strip()
    word = text.lower()
    if not word:
        return Reported(excluded=True, reason="empty cell")
    if word in ABOVE:
        return Reported(censored="above", reason=f"{text}: over the range of the detector")
    if word in BELOW:
        return Reported(censored="below", reason=f"{text}: under the range of the detector")
    if word in MISSED:
        return Reported(excluded=True, reason=f"{text}: not read")
    if word in NO_RESULT or set(word) == {"?"}:
        return Reported(excluded=True, reason=f"{text}: no result")
    if masked := _MASKED.fullmatch(text):
        inner = next((g for g in masked.groups() if g), "")
        return Reported(
            value=_or_nan(inner, read), excluded=True, reason=f"masked by the operator ({text})"
        )
    if limit := _LIMIT.fullmatch(text):
        censored = "above" if limit.group(1) == ">" else "below"
        return Reported(value=read(limit.group(2)), censored=censored, reason=text)
    return Reported(value=read(text))


def reported_in(sheet: Sheet, line: Line, column: int) -> Reported:
    """What the cell of a sheet says, as :func:`reported`.

    Parameters
    ----------
    sheet
        Knows how numbers are written.
    line, column
        The cell; a column beyond the end of the line is an empty cell.

    Raises
    ------
    InstrumentFileError
        When the cell is neither a number nor one of the words; names file and line.
    """
    return reported(line.cell(column), lambda text: sheet.text_number(text, line.number))


def _or_nan(text: str, read: Callable[[str], float]) -> float:
    """A masked well may hide a word as well as a number; either is left out."""
    try:
        return read(text) if text else math.nan
    except InstrumentFileError:
        return math.nan


def well_name(text: str) -> str:
    """A position as ``A1``: ``a01`` and ``A 1`` are the same well; empty when it is none.

    Parameters
    ----------
    text
        As the file names the well.
    """
    match = _WELL.fullmatch(text.replace(" ", ""))
    if not match or int(match.group(2)) > MOST_COLUMN:
        return ""
    return f"{match.group(1).upper()}{int(match.group(2))}"


def row_letter(cell: str) -> str:
    """Letter of a row of a plate in capitals, ``A`` ... ``AF``; empty when the cell is none.

    Parameters
    ----------
    cell
        First cell of a line.
    """
    letters = cell.strip()
    return letters.upper() if re.fullmatch(r"[A-Pa-p]|A[A-Fa-f]", letters) else ""


def row_name(index: int) -> str:
    """Letter of a row by its number from 0: ``A`` ... ``Z``, ``AA`` ... ``AF``.

    Parameters
    ----------
    index
        Number of the row.
    """
    return chr(65 + index) if index < 26 else "A" + chr(65 + index - 26)


def column_numbers(cells: Sequence[str]) -> dict[int, int]:
    """Number of the plate's column by the place of its heading: for ``['', '1', '2']`` 1 and 2.

    Parameters
    ----------
    cells
        A line of headings. Empty unless the numbers run 1, 2, 3 ... without a gap.
    """
    found = {i: int(c) for i, c in enumerate(cells) if re.fullmatch(r"0?[1-9]|[1-4]\d", c)}
    return found if list(found.values()) == list(range(1, len(found) + 1)) else {}


def role_of(name: str) -> str:
    """Role that the name of a well states by the usual words and codes; ``unknown`` otherwise.

    Parameters
    ----------
    name
        Such as ``STD1``, ``BLK``, ``SPL3:2``, ``Unknown 4``, ``NTC``.
    """
    bare = re.sub(r"[:_]\d+$", "", name.strip().lower())
    return next((role for pattern, role in _ROLES if re.fullmatch(pattern, bare)), "unknown")


def well_warnings(
    wells: Sequence[Well], warn: Callable[[str, str, int], VialWarning]
) -> list[VialWarning]:
    """What a person has to know of wells that hold no plain number, one warning a kind.

    Parameters
    ----------
    wells
        All wells of a file.
    warn
        Makes a warning of a code, a message and a line.
    """
    kinds = {
        "MASKED": "masked by the operator and left out",
        "OVERFLOW": "over range: censored, which is no value",
        "CENSORED": "under range: censored, which is no value",
        "NO_VALUE": "without a result; they are left out and are not zero",
    }
    counts = dict.fromkeys(kinds, 0)
    names: dict[str, dict[str, None]] = {kind: {} for kind in kinds}
    lines: dict[str, int] = {}
    for well in wells:
        for kind in _kinds_of(well):
            counts[kind] += 1
            names[kind].setdefault(f"{well.well} ({well.reason})")
            lines.setdefault(kind, well.line)
    return [
        warn(
            kind,
            f"{counts[kind]} of {len(wells)} wells {what}: {_shown(list(names[kind]))}",
            lines[kind],
        )
        for kind, what in kinds.items()
        if counts[kind]
    ]


def _kinds_of(well: Well) -> Iterable[str]:
    masked = well.reason.startswith("masked")
    if masked:
        yield "MASKED"
    if well.censored:
        yield "OVERFLOW" if well.censored == "above" else "CENSORED"
    if well.excluded and not masked:
        yield "NO_VALUE"


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
