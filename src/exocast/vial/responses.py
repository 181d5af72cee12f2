"""Responses of a potency assay: one row a well, with sample and dose, from a table of one's own.

The table is text with a row of column names. Nothing is guessed: a dose has its unit, a well
without a response is excluded by name or refused, and a reading out of range is no number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exocast.errors import InstrumentFileError, TableError, UnknownName, nearest
from exocast.vial.cells import Line, number
from exocast.vial.files import InstrumentFile, open_file
from exocast.vial.registry import read_file

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("sample", "dose", "dose_unit", "response")
LAYOUT_NEEDED = ("well", "sample", "dose", "dose_unit")
TAKEN = (*NEEDED, "plate", "run", "well", "excluded", "reason")
YES, NO = ("yes", "true", "1", "x"), ("", "no", "false", "0")
MOST_FINDINGS = 8
MOST_WELLS = 100_000  # far above any assay; against a file of another kind
MICRO = str.maketrans({"µ": "u", "μ": "u"})


@dataclass(frozen=True, kw_only=True)
class Well:
    """One well and what it answered.

    Attributes
    ----------
    dose, dose_unit
        As stated; a dose of zero is a control without the sample.
    response
        NaN only where the well is excluded.
    plate, run
        Names; empty where the table has none.
    line
        Of the table.
    """

    sample: str
    dose: float
    dose_unit: str
    response: float
    plate: str
    run: str
    well: str
    excluded: bool
    reason: str
    line: int

    @property
    def name(self) -> str:
        """Where it is, as people say it."""
        at = " ".join(x for x in (self.run, self.plate, self.well) if x)
        return at or f"line {self.line}"


@dataclass(frozen=True, kw_only=True)
class Responses:
    """All wells of a file, in its order."""

    file: str
    sha256: str
    wells: tuple[Well, ...]

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the samples, in the order of the file."""
        return tuple(dict.fromkeys(w.sample for w in self.wells))


def read_responses(path: Path, layout: Path | None = None) -> Responses:
    """Wells of a table, or of an instrument's export with a table of its layout beside it.

    Parameters
    ----------
    path
        A table with the columns ``sample``, ``dose``, ``dose_unit`` and ``response``, and where
        there are any ``plate``, ``run``, ``well``, ``excluded`` and ``reason``. Separated by
        commas, semicolons or tabs. With ``layout``, an export of a plate reader.
    layout
        A table with ``well``, ``sample``, ``dose``, ``dose_unit`` and the others, no ``response``.

    Raises
    ------
    TableError
        With all findings together.
    InstrumentFileError
        When a file is no text, or an export holds no wells.
    """
    if layout is None:
        file = open_file(path)
        return Responses(file=str(path), sha256=file.sha256, wells=_wells(file, NEEDED, _stated))
    reading = read_file(path)
    if reading.wells is None:
        raise InstrumentFileError(
            f"the file is a {reading.kind} and holds no wells; a layout goes with the export of a "
            "plate reader.",
            where=str(path),
        )
    return Responses(
        file=str(path),
        sha256=reading.sha256,
        wells=_wells(open_file(layout), LAYOUT_NEEDED, _measured(reading.wells, path)),
    )


# What a row answers: from its cell, or from the export. Gives response and, of the export's own
# exclusions, the reason; raises ValueError with a sentence.
Answer = Callable[[dict[str, str], bool, str, str], tuple[float, str]]


def _stated(row: dict[str, str], excluded: bool, separator: str, where: str) -> tuple[float, str]:
    text = row["response"]
    if excluded:
        return math.nan, ""
    try:
        value = number(text, decimal_comma=separator != ",", where=where)
    except InstrumentFileError as e:
        raise ValueError(
            f"response: {e.message} A reading out of range is no number: dilute, or exclude the "
            "well with its reason."
        ) from None
    if math.isnan(value):
        raise ValueError(
            "there is no response; write 'yes' in the column 'excluded' and say why in 'reason'"
        )
    return value, ""


def _measured(wells: pd.DataFrame, path: Path) -> Answer:
    """Answers from an export's wells; one read-out, in one unit."""
    read = wells[wells["value"].notna() | (wells["censored"] != "") | wells["excluded"]]
    for column in ("target", "unit"):
        kinds = [str(k) for k in read[column].unique() if str(k)]
        if len(kinds) > 1:
            raise InstrumentFileError(
                f"the export holds several of '{column}' ({', '.join(kinds[:6])}), and a response "
                "is one; export one of them.",
                code="MIXED_READOUTS",
                where=str(path),
            )
    by_place: dict[tuple[str, str], dict[str, object]] = {}
    for record in read.to_dict("records"):
        place = (str(record["plate"]), str(record["well"]))
        if place in by_place:
            raise InstrumentFileError(
                f"well {' '.join(place).strip()} stands twice; export one reading of each well.",
                code="DUPLICATE",
                where=f"{path}, line {record['line']}",
            )
        by_place[place] = {str(k): v for k, v in record.items()}
    plates = {plate for plate, _ in by_place}

    def answer(
        row: dict[str, str], excluded: bool, separator: str, where: str
    ) -> tuple[float, str]:
        plate = row["plate"]
        if len(plates) == 1 and (plate, row["well"]) not in by_place:
            plate = next(iter(plates))  # the layout's own name of the only plate
        found = by_place.get((plate, row["well"]))
        if found is None:
            raise ValueError(f"the export has no well '{row['well']}' on plate '{row['plate']}'")
        if found["excluded"]:
            return math.nan, str(found["reason"]) or "excluded in the export"
        if excluded:
            return math.nan, ""
        if found["censored"]:
            raise ValueError(
                f"well {row['well']} is {found['censored']} the range of the instrument, which is "
                "no number; dilute, or exclude the well with its reason"
            )
        return float(str(found["value"])), ""

    return answer


def _wells(file: InstrumentFile, needed: Sequence[str], answer: Answer) -> tuple[Well, ...]:
    separator, lines = _table(file, needed)
    names = [cell.casefold() for cell in lines[0].cells]
    problems: list[str] = []
    found: list[Well] = []
    places: dict[tuple[str, str, str], int] = {}
    for line in lines[1:]:
        if not any(line.cells):
            continue
        if any(line.cell(i) for i in range(len(names), len(line.cells))):
            problems.append(f"line {line.number}: more cells than columns")
            continue
        row = dict.fromkeys(TAKEN, "") | {
            name: line.cell(i) for i, name in enumerate(names) if name in TAKEN
        }
        try:
            well = _well(row, line, answer, separator, f"{file.path}, line {line.number}")
        except ValueError as e:
            problems.append(f"line {line.number}: {str(e).rstrip('.')}")
            continue
        place = (well.run, well.plate, well.well)
        if well.well and place in places:
            problems.append(
                f"line {line.number}: well '{well.name}' stands already in line {places[place]}"
            )
            continue
        places[place] = line.number
        found.append(well)
    if not problems and not found:
        problems.append("there is no row below the column names")
    if len(found) > MOST_WELLS:
        problems.append(f"{len(found):,} wells are more than {MOST_WELLS:,}")
    if problems:
        more = len(problems) - MOST_FINDINGS
        shown = problems[:MOST_FINDINGS] + ([f"and {more} more"] if more > 0 else [])
        raise TableError("\n".join(shown), where=str(file.path))
    return tuple(found)


def _well(row: dict[str, str], line: Line, answer: Answer, separator: str, where: str) -> Well:
    if not row["sample"]:
        raise ValueError("the sample has no name")
    word = row["excluded"].casefold()
    if word not in (*YES, *NO):
        raise ValueError(f"excluded is '{row['excluded']}'; write yes or no")
    excluded, reason = word in YES, row["reason"]
    try:
        dose = number(row["dose"], decimal_comma=separator != ",", where=where)
    except InstrumentFileError as e:
        raise ValueError(f"dose: {e.message}") from None
    if not dose >= 0:
        raise ValueError(f"dose is '{row['dose']}'; a dose is a number from 0")
    if not row["dose_unit"]:
        raise ValueError("the dose has no unit; write one such as ug/mL in 'dose_unit'")
    response, why = answer(row, excluded, separator, where)
    return Well(
        sample=row["sample"],
        dose=dose,
        dose_unit=row["dose_unit"].translate(MICRO),
        response=response,
        plate=row["plate"],
        run=row["run"],
        well=row["well"],
        excluded=excluded or bool(why),
        reason=why or reason or ("excluded in the table" if excluded else ""),
        line=line.number,
    )


def _table(file: InstrumentFile, needed: Sequence[str]) -> tuple[str, Sequence[Line]]:
    """The separator under which the first line names the columns, and the lines."""
    best: Sequence[Line] = ()
    for separator in (",", ";", "\t"):
        lines = file.lines(separator)
        start = next((i for i, line in enumerate(lines) if any(line.cells)), 0)
        names = [cell.casefold() for cell in lines[start].cells]
        doubled = [n for n in TAKEN if names.count(n) > 1]
        if set(needed) <= set(names) and not doubled:
            return separator, lines[start:]
        if not best or len(lines[start].cells) > len(best[0].cells):
            best = lines[start:]
    names = [cell.casefold() for cell in best[0].cells]
    lacking = [n for n in needed if n not in names]
    if lacking:
        raise TableError(
            f"the column {' and '.join(lacking)} is missing; there are: "
            f"{', '.join(c[:30] for c in best[0].cells[:12])}. A table of an assay has the columns "
            f"{', '.join(needed)}, separated by commas, semicolons or tabs."
            + nearest(lacking[0], [n for n in names if n]),
            where=f"{file.path}, line {best[0].number}",
        )
    raise TableError(
        "a column stands twice; keep one.", where=f"{file.path}, line {best[0].number}"
    )


def chosen(responses: Responses, reference: str | None, sample: str | None) -> tuple[str, str]:
    """Names of reference and test sample, as the file writes them.

    Raises
    ------
    UnknownName
        When one is not in the file, or was not named and cannot be known.
    """
    names = responses.samples
    if reference is None:
        found = [n for n in names if n.casefold() == "reference"]
        if len(found) != 1:
            raise UnknownName(
                f"no sample is called 'reference'; name it. There are: {', '.join(names[:12])}.",
                where="--reference",
            )
        reference = found[0]
    for name, option in ((reference, "--reference"), (sample, "--sample")):
        if name is not None and name not in names:
            raise UnknownName(
                f"there is no sample '{name}' in the file." + nearest(name, names), where=option
            )
    others = [n for n in names if n != reference]
    if sample is None:
        if len(others) != 1:
            raise UnknownName(
                (
                    f"there are several samples; name one of {', '.join(others[:12])}."
                    if others
                    else f"there is no sample but the reference, '{reference}'."
                ),
                where="--sample",
            )
        sample = others[0]
    if sample == reference:
        raise UnknownName(
            f"'{sample}' is the reference, and nothing is compared with itself; name the test "
            "sample.",
            where="--sample",
        )
    return reference, sample
