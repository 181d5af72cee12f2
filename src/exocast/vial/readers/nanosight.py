"""Experiment summaries of Malvern NanoSight instruments (``*-ExperimentSummary.csv``, NTA 3.2-3.4).

A file holds conditions, results by capture, and up to six tables of sizes: three weightings, each
against diameter and against diffusion coefficient. Only the table weighted by number is read;
the others stand in other units. Lines are ragged and are found by their names, never by position.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError
from exocast.evidence.rows import package_table
from exocast.vial.cells import Line, Lines, lines_of, number, plain_numbers
from exocast.vial.files import InstrumentFile
from exocast.vial.names import sample_of
from exocast.vial.records import (
    Bins,
    Capture,
    Dilution,
    ParticleExport,
    Reading,
    VialWarning,
)
from exocast.vial.registry import Reader, read_file

Array = NDArray[np.float64]
KIND = "nanosight experiment summary"
TITLE = "nta experiment summary file"
CONCENTRATION = "concentration (particles / ml)"
DILUTION = "dilution factor"
VALIDITY = "validity of concentration measurement"
BINS = "bin centre (nm)"
NOT_RECORDED = ("not recorded", "", "n/a", "unknown")
PERCENTILES = 101
HEAD_CHARACTERS = 65_536
# A line of the bins begins with one of these.
BEGINS = "0123456789-."
CELLS_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """The lines of a file with what is needed to read them."""

    path: Path
    lines: Lines
    separator: str

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers are written with a comma."""
        return self.separator != ","

    def where(self, line: int) -> str:
        return f"{self.path}, line {line}"

    def number(self, line: Line, column: int) -> float:
        return number(
            line.cell(column), decimal_comma=self.decimal_comma, where=self.where(line.number)
        )

    @cached_property
    def names(self) -> dict[int, str]:
        """First cells of the lines that do not begin with a number, by the lines' numbers.

        A table has a thousand lines of numbers, which need not be cut to find a name.
        """
        found = {}
        for i in range(len(self.lines)):
            raw = self.lines.raw(i)
            # Blanks and quotation marks are looked into.
            if raw and not "0" <= raw[0] <= "9" and (first := self.lines[i].cell(0)):
                found[i + 1] = first
        return found

    @property
    def all(self) -> range:
        """Numbers of all lines."""
        return range(1, self.end + 1)

    def part(self, numbers: range) -> Sequence[Line]:
        """Lines of these numbers."""
        return self.lines[numbers.start - 1 : numbers.stop - 1]

    @property
    def end(self) -> int:
        """Number of the last line."""
        return len(self.lines)

    def named(self, part: range, name: str, *, begins: bool = False) -> list[Line]:
        """Lines of a part whose first cell is a name in small letters, or begins with it."""
        return [
            self.lines[number - 1]
            for number, first in self.names.items()
            if number in part
            and (first.lower() == name or (begins and first.lower().startswith(name)))
        ]

    def section(self, name: str) -> range:
        """Numbers of the lines below a heading such as ``[Results]``, up to the next; it first."""
        start = next((n for n, first in self.names.items() if first.lower() == f"[{name}]"), None)
        if start is None:
            return range(0)
        later = (n for n, first in self.names.items() if n > start and first.startswith("["))
        return range(start, next(later, self.end + 1))


def read_nanosight(path: Path) -> ParticleExport:
    """Experiment summary read from a file, recognised by its content and not by its name.

    Captures without tracks or without a concentration are marked as excluded. The sum over the
    bins of a capture is compared with its concentration. Nothing is multiplied by a dilution.

    Raises
    ------
    NotFound
        When there is no such file.
    InstrumentFileError
        When the file is something else, cut short or changed; names file and line.
    """
    reading = read_file(path)
    if reading.reader != "nanosight" or reading.particles is None:
        raise InstrumentFileError(
            f"this is a {reading.kind}, and an experiment summary of a NanoSight is asked for; "
            "exocast.vial.read_file takes every kind.",
            where=str(path),
        )
    return reading.particles


def _sniff(file: InstrumentFile) -> bool:
    first = next((line for line in file.head.splitlines() if line.strip(' \t",;')), "")
    return first.strip(' \t",;').lower().startswith(TITLE)


def _read(file: InstrumentFile) -> Reading:
    sheet, software = _sheet(file)
    names_line = _named_line(sheet, sheet.all, "filename:")
    if names_line is None:
        raise _cut_short(sheet, "the line 'Filename:' with the captures' names is missing")
    names = _capture_names(sheet, names_line)
    results = sheet.section("results")
    if not results:
        raise _cut_short(sheet, "the section [Results] is missing")
    dilution = _dilution(sheet, results, names)
    bins, tracks, size_warnings = _number_table(sheet, names)
    concentrations, average = _concentrations(sheet, results, len(names))
    if tracks is None:
        tracks = _values(sheet, _named_line(sheet, results, "completed tracks"), len(names))
    captures = _captures(sheet, names, concentrations, tracks)
    details = sheet.section("experiment details")
    remarks = _detail(sheet, details, "remarks")
    texts = (
        file.path.name,
        *(_detail(sheet, details, d) for d in ("sample description", "sample name", "remarks")),
        _detail(sheet, details, "experiment name"),
        *names,
    )
    export = ParticleExport(
        file=str(file.path),
        sha256=file.sha256,
        encoding=file.encoding,
        software=software,
        dilution=dilution,
        captures=captures,
        bins=bins,
        vendor_average_per_ml=average,
        remarks=remarks,
        texts=tuple(text for text in texts if text),
        warnings=(
            *_capture_warnings(sheet, captures, average, results[0]),
            *_merge_warnings(sheet, captures, remarks, names_line.number),
            *size_warnings,
            *_checksum_warnings(sheet, captures, bins, average),
        ),
    )
    return Reading(
        file=export.file,
        sha256=file.sha256,
        reader="nanosight",
        kind=KIND,
        software=software,
        instrument=_detail(sheet, details, "instrument") or "NanoSight",
        encoding=file.encoding,
        particles=export,
        facts={x.cell(0): x.cell(1) for x in sheet.part(details[1:]) if x.cell(0)},
        lines=(1, sheet.end),
        warnings=export.warnings,
    )


def _sheet(file: InstrumentFile) -> tuple[_Sheet, str]:
    bare = (line.strip(' \t",;') for line in file.text[:HEAD_CHARACTERS].splitlines())
    first = list(islice((line for line in bare if line), 2))
    if not first or not first[0].lower().startswith(TITLE):
        raise InstrumentFileError(
            "the title 'NTA Experiment Summary File' is missing from the first line; the file was "
            "cut or changed. In the NTA software, export the experiment again.",
            where=f"{file.path}, line 1",
        )
    software = first[1] if len(first) > 1 else ""
    if not software.lower().startswith("created with nta"):
        raise InstrumentFileError(
            f"the second line of an experiment summary is 'Created with NTA ...', and here it is "
            f"'{software[:60]}'; the file was cut or changed. Export it again.",
            code="TRUNCATED",
            where=str(file.path),
        )
    match = re.search(r'^"?\s*filename:\s*"?([,;\t])', file.text, re.IGNORECASE | re.MULTILINE)
    separator = match.group(1) if match else ","
    return (
        _Sheet(
            path=file.path,
            lines=lines_of(file.text, separator),
            separator=separator,
        ),
        software.removeprefix("Created with ").strip(),
    )


def _hint(file: InstrumentFile) -> str:
    head = next((line for line in file.head.splitlines() if line.strip()), "")
    start = head[:300].lower()
    wanted = "An experiment summary of a NanoSight is needed: in the NTA software, "
    wanted += "export the experiment as '...-ExperimentSummary.csv' and give that file unchanged."
    if re.match(r'"?\s*(particle_?\s?size|bin[ _]cent(re|er)|size[ _]?\(?nm)', start):
        width = max(head.count(","), head.count(";"), head.count("\t")) + 1
        first = re.split(r"[,;\t]", head)[0].strip(' "')
        return (
            f"this looks like a NanoSight table that was reshaped (its first column is "
            f"'{first}', {width} columns): the dilution, tracks and "
            f"verdicts of the captures are gone, so no dose can rest on it by itself. {wanted} "
            "Or say with --map FILE what its columns are: a size table, weighted by number, with "
            "its unit and dilution."
        )
    if "[results]" in file.head.lower() and "[conditions]" in file.head.lower():
        return (
            "the title 'NTA Experiment Summary File' of the first line is missing; the file was "
            f"cut or changed. {wanted}"
        )
    return ""


def _capture_names(sheet: _Sheet, line: Line) -> tuple[str, ...]:
    names = list(line.cells[1:])
    while names and not names[-1]:
        names.pop()
    if not names:
        raise InstrumentFileError(
            "no capture is named; the file holds no measurement. Export a run with captures.",
            code="EMPTY_RUN",
            where=sheet.where(line.number),
        )
    return tuple(name or f"capture {i + 1}" for i, name in enumerate(names))


def _dilution(sheet: _Sheet, results: range, names: Sequence[str]) -> Dilution:
    line = _named_line(sheet, results, DILUTION, begins=True)
    if line is None:
        return Dilution(value=None, state="unknown", origin="none")
    cells = [line.cell(i + 1) for i in range(len(names))]
    if all(cell.lower() in NOT_RECORDED for cell in cells):
        return Dilution(value=None, state="unknown", origin="none", line=line.number)
    values = [
        sheet.number(line, i + 1) for i, c in enumerate(cells) if c.lower() not in NOT_RECORDED
    ]
    if len(values) != len(cells) or len(set(values)) > 1:
        raise InstrumentFileError(
            f"the captures have different dilutions ({', '.join(c or 'none' for c in cells)}), so "
            "their concentrations are not of one kind. Export each dilution by itself.",
            code="DILUTION_UNKNOWN",
            where=sheet.where(line.number),
        )
    if not values[0] >= 1:
        raise InstrumentFileError(
            f"a dilution of {values[0]:g} is impossible; a factor is 1 or more. Correct it in the "
            "NTA software and export again.",
            code="DILUTION_UNKNOWN",
            where=sheet.where(line.number),
        )
    return Dilution(value=values[0], state="applied", origin="file", line=line.number)


def _concentrations(sheet: _Sheet, results: range, n: int) -> tuple[tuple[float, ...], float]:
    line = _named_line(sheet, results, CONCENTRATION)
    if line is None:
        raise _cut_short(sheet, "the line 'Concentration (Particles / ml)' of [Results] is missing")
    average = _check_columns(sheet, sheet.lines[results[0] - 1], line, n)
    values = _values(sheet, line, n)
    return values, math.nan if average is None else sheet.number(line, average)


def _check_columns(sheet: _Sheet, heading: Line, line: Line, n: int) -> int | None:
    """Column of the average; it stands right behind the captures, so a lost cell is noticed."""
    average = next((i for i, cell in enumerate(heading.cells) if cell.lower() == "average"), None)
    if (average is not None and average != n + 1) or not line.cell(_last_column(heading, n)):
        raise InstrumentFileError(
            f"there are {n} captures, and the columns of this line do not fit them"
            + (f" ('Average' is column {average + 1})" if average is not None else "")
            + "; the file was cut or changed. Export it again.",
            code="COLUMNS",
            where=sheet.where(line.number),
        )
    return average


def _last_column(heading: Line, n: int) -> int:
    """Column in which a whole line ends: that of the standard error, which stands last.

    One capture has no standard error.
    """
    last = max((i for i, cell in enumerate(heading.cells) if cell), default=0)
    return max(last, n) if n > 1 else n


def _captures(
    sheet: _Sheet,
    names: Sequence[str],
    concentrations: Sequence[float],
    tracks: Sequence[float],
) -> tuple[Capture, ...]:
    warned = sheet.section("concentration warnings")
    verdicts = _named_line(sheet, warned, VALIDITY)
    found = []
    for i, name in enumerate(names):
        verdict = verdicts.cell(i + 1) if verdicts else ""
        reason = _why_excluded(concentrations[i], tracks[i])
        if reason and verdict and verdict.lower() != "ok":
            reason = f"{reason} ({verdict})"
        found.append(
            Capture(
                name=name,
                concentration_per_ml=concentrations[i],
                tracks=tracks[i],
                verdict=verdict,
                excluded=bool(reason),
                reason=reason,
                sample=sample_of(name),
            )
        )
    return tuple(found)


def _why_excluded(concentration: float, tracks: float) -> str:
    if tracks < 1:
        return "0 tracks"
    if math.isnan(tracks):
        return "no number of tracks"
    if math.isnan(concentration):
        return "no concentration"
    return "concentration 0" if concentration == 0 else ""


def _capture_warnings(
    sheet: _Sheet, captures: Sequence[Capture], average: float, line: int
) -> list[VialWarning]:
    warnings = []
    valid = [c.concentration_per_ml for c in captures if not c.excluded]
    n = len(captures)
    one_sample = len({c.sample for c in captures}) == 1
    for i, capture in enumerate(captures, start=1):
        name = f"capture {i} of {n} ('{capture.name}')"
        if capture.excluded:
            message = f"{name} has {capture.reason} and is left out"
            if valid and one_sample and average > 0:
                ours = sum(valid) / len(valid)
                message += (
                    f"; the instrument's average {average:.3g}/mL includes it, "
                    f"ours {ours:.4g}/mL does not"
                )
            warnings.append(_warning("CAPTURE_FAILED", message, sheet, line))
        elif capture.verdict and capture.verdict.lower() != "ok":
            warnings.append(
                _warning(
                    "CAPTURE_VERDICT",
                    f"the instrument calls the concentration of {name} '{capture.verdict}'; "
                    "it is used, with the spread that captures of such runs have",
                    sheet,
                    line,
                )
            )
    if not valid:
        warnings.append(
            _warning(
                "EMPTY_RUN", "no capture holds particles; nothing can be estimated", sheet, line
            )
        )
    return warnings


def _merge_warnings(
    sheet: _Sheet, captures: Sequence[Capture], remarks: str, line: int
) -> list[VialWarning]:
    samples = tuple(dict.fromkeys(c.sample for c in captures))
    combined = remarks.lower().startswith("created from combined experiments")
    if len(samples) == 1 and not combined:
        return []
    said = f"{len(captures)} captures of {len(samples)} sample{'s' * (len(samples) > 1)} stand in "
    said += f"one file ({', '.join(samples)})"
    if combined:
        said += f"; remarks: '{remarks}'"
    if len(samples) > 1:
        said += ". Their average means nothing; name one with 'sample'"
    return [_warning("MIXED_SAMPLES", said, sheet, line)]


def _number_table(
    sheet: _Sheet, names: Sequence[str]
) -> tuple[Bins | None, tuple[float, ...] | None, list[VialWarning]]:
    """Bins and valid tracks of the table weighted by number."""
    announced = sheet.section("data included")
    included = " ".join(x.cell(0) for x in sheet.part(announced[1:])).lower().strip()
    section = sheet.section("size data")
    if not section:
        # A file that was exported without sizes goes on behind its list of what is included.
        ends_here = not announced or announced[0] >= sheet.end - 1
        begun = included and "size distribution".startswith(included[:17])
        if ends_here or begun:
            raise _cut_short(sheet, "the section [Size Data] is missing")
        return None, None, [_warning("SIZE_MISSING", "the export holds no sizes", sheet, 0)]
    table = _weighted_by_number(sheet, section)
    if not table:
        if "number weighting" in included or not included:
            raise _cut_short(sheet, "the table of sizes weighted by number is missing")
        message = "no table of sizes is weighted by number, and another weighting is not converted"
        return None, None, [_warning("SIZE_MISSING", message, sheet, section[0])]
    owners = _named_line(sheet, table, "filename")
    if owners is None or tuple(owners.cells[1 : len(names) + 1]) != tuple(
        n if not n.startswith("capture ") else owners.cell(i + 1) for i, n in enumerate(names)
    ):
        raise InstrumentFileError(
            "the captures of the size table are not those of 'Filename:'; the file was cut or "
            "changed. Export it again.",
            code="COLUMNS",
            where=sheet.where(owners.number if owners else table[0]),
        )
    bins = _bins(sheet, table, len(names))
    _check_end(sheet, table, "with percentiles" in included)
    tracks_line = _named_line(sheet, table, "valid tracks")
    tracks = _values(sheet, tracks_line, len(names)) if tracks_line else None
    return bins, tracks, _missing_tables(sheet, included)


def _weighted_by_number(sheet: _Sheet, section: range) -> range:
    starts = sheet.named(section, "weighting")
    ends = [*(line.number for line in starts[1:]), section.stop]
    for line, stop in zip(starts, ends, strict=False):
        if line.cell(1).lower() == "number":
            return range(line.number, stop)
    return range(0)


def _bins(sheet: _Sheet, table: range, n: int) -> Bins:
    head = next(iter(sheet.named(table, BINS)), None)
    if head is None:
        raise _cut_short(sheet, "the table of bins ('Bin centre (nm)') is missing")
    columns = [i for i, cell in enumerate(head.cells) if cell.lower() == CONCENTRATION]
    if columns != list(range(1, n + 1)):
        raise InstrumentFileError(
            f"there are {n} captures, and the heading of the bins has {len(columns)} columns "
            "'Concentration (particles / ml)'; the file was cut or changed. Export it again.",
            code="COLUMNS",
            where=sheet.where(head.number),
        )
    below = range(head.number + 1, table.stop)
    last = _last_column(head, n)
    table_of_bins = _plain_bins(sheet, below, n, last)
    if table_of_bins is None:
        table_of_bins = _looked_at_bins(sheet, below, n, last)
    return _checked_bins(sheet, head, table_of_bins[:, 0], table_of_bins[:, 1:])


def _plain_bins(sheet: _Sheet, below: range, n: int, last: int) -> Array | None:
    """Bins as ``_looked_at_bins`` gives them, read a block at a time.

    None where any line needs a closer look: a sign, a blank, a quotation mark, an empty cell.
    """
    found = array("d")
    cells: list[str] = []
    for place in below:
        raw = sheet.lines.raw(place - 1)
        if not raw:
            break
        if raw[0] not in BEGINS:
            first = sheet.names.get(place, "")
            if first and first[0] in BEGINS:
                return None
            break
        row = raw.split(sheet.separator)
        if '"' in raw or len(row) <= last or not row[last].strip():
            return None
        cells += row[: n + 1]
        if len(cells) > CELLS_AT_ONCE:
            values = plain_numbers(cells)
            if values is None:
                return None
            found.extend(values)
            cells.clear()
    values = plain_numbers(cells) if cells else []
    if values is None:
        return None
    found.extend(values)
    return np.frombuffer(found).reshape(-1, n + 1)


def _looked_at_bins(sheet: _Sheet, below: range, n: int, last: int) -> Array:
    """Middles and concentrations of the bins, ``(n_bins, 1 + n)``, each number looked at."""
    found = array("d")
    for line in sheet.part(below):
        if not line.cell(0) or line.cell(0)[0] not in BEGINS:
            break
        values = plain_numbers(line.cells[: n + 1]) or []
        if len(values) != n + 1:
            values = [sheet.number(line, i) for i in range(n + 1)]
        if any(map(math.isnan, values)) or not line.cell(last):
            raise InstrumentFileError(
                "this line of the bins has an empty cell or ends before its heading does; the file "
                "was cut or changed. Export it again.",
                code="TRUNCATED",
                where=sheet.where(line.number),
            )
        if min(values) < 0:
            _refuse_negative(sheet, line, min(values))
        found.extend(values)
    return np.frombuffer(found).reshape(-1, n + 1)


def _checked_bins(sheet: _Sheet, head: Line, centres: Array, counts: Array) -> Bins:
    if len(centres) < 2:
        raise _cut_short(sheet, "the table of bins has no lines")
    steps = np.diff(centres)
    wrong = np.flatnonzero((steps <= 0) | (np.abs(steps - steps[0]) > 0.01 * abs(steps[0])))
    if len(wrong):
        raise InstrumentFileError(
            f"the bins are not evenly spaced: {centres[wrong[0]]:g} nm is followed by "
            f"{centres[wrong[0] + 1]:g} nm; lines were lost or added. Export the file again.",
            code="TRUNCATED",
            where=sheet.where(head.number + int(wrong[0]) + 2),
        )
    return Bins(centres_nm=centres, per_ml=counts)


def _check_end(sheet: _Sheet, table: range, percentiles: bool) -> None:
    """A table that promises percentiles has all of them, else the file is cut short."""
    if not percentiles:
        return
    start = next((line.number for line in sheet.named(table, "percentile")), table.stop)
    below = sheet.part(range(min(start + 1, table.stop), table.stop))
    rows = sum(line.cell(0).isdigit() for line in below)
    if rows != PERCENTILES:
        raise _cut_short(sheet, f"{rows} of {PERCENTILES} percentiles are left")


def _missing_tables(sheet: _Sheet, included: str) -> list[VialWarning]:
    promised = len(re.findall("weighting", included))
    present = len(sheet.named(sheet.all, "weighting"))
    if present >= promised:
        return []
    message = f"{promised} tables are announced and {present} found; the one by number is complete"
    return [_warning("TRUNCATED", message, sheet, sheet.end)]


def _checksum_warnings(
    sheet: _Sheet, captures: Sequence[Capture], bins: Bins | None, average: float
) -> list[VialWarning]:
    tolerance = package_table("vial", "instrument")["checksum_tolerance"].value
    warnings = []
    if bins is not None:
        for i, capture in enumerate(captures):
            total, stated = float(bins.per_ml[:, i].sum()), capture.concentration_per_ml
            if not capture.excluded and abs(total - stated) > tolerance * stated:
                message = (
                    f"the bins of capture {i + 1} ('{capture.name}') sum to {total:.4g}/mL, "
                    f"{100 * (total / stated - 1):+.2g} % from its concentration {stated:.4g}/mL"
                )
                warnings.append(_warning("CHECKSUM", message, sheet, 0))
    stated_all = [
        c.concentration_per_ml for c in captures if not math.isnan(c.concentration_per_ml)
    ]
    mean = sum(stated_all) / len(stated_all) if len(stated_all) == len(captures) else math.nan
    if mean > 0 and abs(average - mean) > tolerance * mean:
        message = (
            f"the instrument's average {average:.4g}/mL is not that of the captures, {mean:.4g}/mL"
        )
        warnings.append(_warning("CHECKSUM", message, sheet, 0))
    return warnings


def _named_line(sheet: _Sheet, part: range, name: str, *, begins: bool = False) -> Line | None:
    found = sheet.named(part, name, begins=begins)
    if len({line.cells for line in found}) > 1:
        raise InstrumentFileError(
            f"'{found[0].cell(0)}' stands in line {found[0].number} and, different, in line "
            f"{found[1].number}; the file was changed. Export it again.",
            code="COLUMNS",
            where=sheet.where(found[1].number),
        )
    return found[0] if found else None


def _values(sheet: _Sheet, line: Line | None, n: int) -> tuple[float, ...]:
    if line is None:
        return (math.nan,) * n
    values = tuple(sheet.number(line, i + 1) for i in range(n))
    for value in values:
        _refuse_negative(sheet, line, value)
    return values


def _detail(sheet: _Sheet, details: range, name: str) -> str:
    line = _named_line(sheet, details, name)
    return line.cell(1) if line else ""


def _refuse_negative(sheet: _Sheet, line: Line, value: float) -> None:
    if value < 0:
        raise InstrumentFileError(
            f"{value:g} is negative where a count or size stands; the file was changed. "
            "Export it again.",
            code="NOT_A_NUMBER",
            where=sheet.where(line.number),
        )


def _cut_short(sheet: _Sheet, what: str) -> InstrumentFileError:
    return InstrumentFileError(
        f"{what}; the file ends or was cut in line {sheet.end}. Export it again.",
        code="TRUNCATED",
        where=str(sheet.path),
    )


def _warning(code: str, message: str, sheet: _Sheet, line: int) -> VialWarning:
    return VialWarning(
        code=code, message=message, where=sheet.where(line) if line else str(sheet.path)
    )


READERS = (
    Reader(name="nanosight", kind=KIND, sniff=_sniff, read=_read, hint=_hint, most_bytes=8_000_000),
)
