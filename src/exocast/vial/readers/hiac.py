"""Light obscuration of HIAC PharmSpec (USP <787>, <788>): workbooks ``.xlsx`` and ``.xls``.

A report holds labels with values beside them, some translated, and a table of runs with
cumulative counts. A run that the operator discarded is named in the head; the instrument's
average leaves it out, and so do we. Counts are those per mL; a limit per container needs its
volume as well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Dilution, Measurement, Reading, Value, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, columns_of, sheets_of_workbook
from exocast.vial.workbook import head_of_workbook

KIND = "HIAC PharmSpec report"
METHOD = "light obscuration"
RUN, COUNT, PER_ML = "run no.", "cumulative count", "cumulative counts/ml"
SIZE = "particle size(um)"
# Labels of the head by language; more are kept as facts under their own names.
SAMPLE = ("sample name", "sample", "probe", "probenname")
VOLUME = ("sample volume (ml)", "probenvolumen (ml)")
DILUTION = ("dilution factor", "verdünnungsfaktor")
RUNS = ("no of runs", "anzahl messungen")
# Counts per mL are printed with two decimals; discarding and averaging round once more.
TOLERANCE_PER_ML = 0.01


@dataclass(frozen=True, kw_only=True)
class _Count:
    """Line of the table: particles of a size and larger in one run."""

    run: str
    size_um: float
    count: float
    per_ml: float
    line: int


def _sniff(file: InstrumentFile) -> bool:
    return any(_is_heading(line) for _, line in head_of_workbook(file))


def _is_heading(line: Line) -> bool:
    columns = columns_of(line)
    return RUN in columns and COUNT in columns


def _read(file: InstrumentFile) -> Reading:
    sheets = [s for s in sheets_of_workbook(file) if any(_is_heading(x) for x in s.lines)]
    if not sheets:
        raise InstrumentFileError(
            "no table with the headings 'Run No.' and 'Cumulative Count' stands in the workbook. "
            "Save the report of PharmSpec as a workbook, unchanged.",
            where=str(file.path),
        )
    if len(sheets) > 1:
        raise InstrumentFileError(
            f"{len(sheets)} reports stand in one workbook ({', '.join(s.name for s in sheets)}); "
            "save each by itself.",
            code="MIXED_SAMPLES",
            where=str(file.path),
        )
    sheet = sheets[0]
    start = next(i for i, line in enumerate(sheet.lines) if _is_heading(line))
    facts = _facts(sheet.lines[:start])
    counts = _counts(sheet, sheet.lines[start], sheet.lines[start + 1 :])
    discarded = _discarded(sheet.lines[:start])
    runs = [c for c in counts if not _is_average(c.run)]
    volume, factor = _fact(sheet, facts, VOLUME), _fact(sheet, facts, DILUTION)
    dilution, warnings = _dilution(sheet, runs, volume, factor)
    warnings += _run_warnings(sheet, facts, runs, discarded)
    warnings += _average_warnings(sheet, counts, discarded)
    sample = next((facts[label] for label in facts if _label(label) in SAMPLE), "")
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="hiac",
        kind=KIND,
        software=next((c for x in sheet.lines[:start] for c in x.cells if "PharmSpec" in c), ""),
        instrument=f"HIAC {facts.get('Sensor Model', '')}".strip(),
        measurements=_measurements(runs, discarded, sample, dilution),
        facts={label: value for label, value in facts.items() if value != "-"},
        lines=(sheet.lines[0].number, sheet.lines[-1].number),
        warnings=tuple(warnings),
    )


def _label(text: str) -> str:
    return text.strip(" :").lower()


def _facts(lines: Sequence[Line]) -> dict[str, str]:
    """Labels with what stands behind their colon, in a cell of its own or in the same one."""
    facts: dict[str, str] = {}
    for line in lines:
        cells = line.cells
        for i in range(len(cells) - 1):
            value = cells[i + 1]
            if value == ":" and i + 2 < len(cells):
                facts.setdefault(cells[i], cells[i + 2])
            elif value.startswith(":") and len(value) > 1:
                facts.setdefault(cells[i], value[1:].strip())
            elif _label(cells[i]) in {"dilution factor", "no of runs"} and value != ":":
                facts.setdefault(cells[i], value)
    facts.pop("", None)
    return facts


def _fact(sheet: Sheet, facts: dict[str, str], labels: Sequence[str]) -> float:
    """A number of the head; NaN where it has none."""
    found = next((name for name in facts if _label(name) in labels), None)
    if found is None or not facts[found]:
        return math.nan
    line = next(x for x in sheet.lines if found in x.cells)
    return sheet.number(Line(number=line.number, cells=(facts[found],)), 0)


def _counts(sheet: Sheet, heading: Line, lines: Sequence[Line]) -> list[_Count]:
    columns = columns_of(heading)
    missing = [name for name in (SIZE, COUNT, PER_ML) if name not in columns]
    if missing:
        raise sheet.error(
            "COLUMNS",
            f"the table has no column '{missing[0].replace('um', 'µm')}' (its columns are "
            f"{', '.join(c for c in heading.cells if c)}); without it nobody can say which "
            "particles were counted. Export the report unchanged.",
            heading.number,
        )
    counts: list[_Count] = []
    run = ""
    for line in lines:
        first, size = line.cell(columns[RUN]), line.cell(columns[SIZE])
        filled = [c for c in line.cells if c]
        if first and (re.fullmatch(r"run\s*\d+", first.lower()) or _is_average(first)):
            run = first
            if len(filled) == 1:
                continue
        elif first or not run or not re.fullmatch(r"[-+\d.,eE]+", size):
            # Signatures, criteria and verdicts follow the table.
            break
        numbers = [sheet.number(line, columns[name]) for name in (SIZE, COUNT, PER_ML)]
        if any(not value >= 0 for value in numbers) or numbers[0] == 0:
            raise sheet.error(
                "NOT_A_NUMBER",
                f"this line of {run} holds '{' '.join(filled)}', and a size, a count and a count "
                "per mL are needed, none of them negative. Export the report again.",
                line.number,
            )
        size_um, count, per_ml = numbers
        counts.append(
            _Count(run=run, size_um=size_um, count=count, per_ml=per_ml, line=line.number)
        )
    return _checked(sheet, counts, heading)


def _checked(sheet: Sheet, counts: list[_Count], heading: Line) -> list[_Count]:
    if not counts:
        raise sheet.error(
            "EMPTY_RUN",
            "no run stands below the headings of the table; nothing was measured.",
            heading.number,
        )
    by_run: dict[str, list[_Count]] = {}
    for count in counts:
        by_run.setdefault(_run_key(count.run), []).append(count)
    sizes = [c.size_um for c in next(iter(by_run.values()))]
    for found in by_run.values():
        mine = [c.size_um for c in found]
        if mine != sizes or len(set(mine)) < len(mine):
            raise sheet.error(
                "TRUNCATED",
                f"{found[0].run} has the sizes {_listed(mine)} µm and {counts[0].run} "
                f"{_listed(sizes)}; lines were lost or doubled. Export the report again.",
                found[0].line,
            )
        ordered = sorted(found, key=lambda c: c.size_um)
        for small, large in pairwise(ordered):
            # A cumulative count holds all larger particles, so it cannot rise with size.
            if large.count > small.count:
                raise sheet.error(
                    "CHECKSUM",
                    f"{large.run} counts {large.count:g} particles of {large.size_um:g} µm and "
                    f"more, but {small.count:g} of {small.size_um:g} µm and more, which include "
                    "them; the table was changed. Export the report again.",
                    large.line,
                )
    return counts


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{v:g}" for v in values)


def _run_key(run: str) -> str:
    return re.sub(r"\s+", "", run).lower()


def _is_average(run: str) -> bool:
    return run.strip().lower() in {"average", "mittelwert", "durchschnitt", "moyenne"}


def _discarded(lines: Sequence[Line]) -> set[str]:
    """Runs that the head names as discarded."""
    found = set()
    for line in lines:
        text = " ".join(line.cells).lower()
        found |= {
            _run_key(m) for m in re.findall(r"(run\s*\d+)[\s:]*(?:discarded|verworfen)", text)
        }
    return found


def _dilution(
    sheet: Sheet, runs: Sequence[_Count], volume_ml: float, factor: float
) -> tuple[Dilution, list[VialWarning]]:
    """Whether counts per mL carry the dilution, told by the counts themselves."""
    if math.isnan(factor):
        return Dilution(value=None, state="unknown", origin="none"), []
    line = next((x.number for x in sheet.lines if any(_label(c) in DILUTION for c in x.cells)), 0)
    if factor < 1:
        raise sheet.error(
            "DILUTION_UNKNOWN",
            f"a dilution of {factor:g} is impossible; a factor is 1 or more.",
            line,
        )
    warnings: list[VialWarning] = []
    state = "applied" if factor == 1 else "unknown"
    if volume_ml > 0:
        for name, times in (("applied", factor), ("not_applied", 1.0)):
            if all(_near(c.per_ml, c.count / volume_ml * times) for c in runs):
                state = name
                break
        else:
            first = next(c for c in runs if not _near(c.per_ml, c.count / volume_ml * factor))
            message = (
                f"{first.run} states {first.per_ml:g}/mL of {first.size_um:g} µm and more, and "
                f"{first.count:g} counts in {volume_ml:g} mL are {first.count / volume_ml:g}/mL; "
                "the stated counts per mL are kept"
            )
            warnings.append(sheet.warning("CHECKSUM", message, first.line))
    return Dilution(value=factor, state=state, origin="file", line=line), warnings


def _near(value: float, other: float) -> bool:
    return abs(value - other) <= TOLERANCE_PER_ML + 1e-3 * abs(other)


def _run_warnings(
    sheet: Sheet, facts: dict[str, str], counts: Sequence[_Count], discarded: set[str]
) -> list[VialWarning]:
    warnings = []
    runs = list(dict.fromkeys(c.run for c in counts))
    lines = {c.run: c.line for c in reversed(counts)}
    warnings += [
        sheet.warning("RUN_DISCARDED", f"{run} was discarded by the operator; left out", lines[run])
        for run in runs
        if _run_key(run) in discarded
    ]
    wanted = _fact(sheet, facts, RUNS)
    if not math.isnan(wanted) and wanted != len(runs):
        message = f"{wanted:g} runs are announced and {len(runs)} stand in the table"
        warnings.append(sheet.warning("TRUNCATED", message))
    if all(_run_key(run) in discarded for run in runs):
        warnings.append(sheet.warning("EMPTY_RUN", "every run was discarded; nothing is left"))
    return warnings


def _average_warnings(
    sheet: Sheet, counts: Sequence[_Count], discarded: set[str]
) -> list[VialWarning]:
    """The report's average is that of the runs that were kept."""
    kept_of: dict[float, list[float]] = {}
    for c in counts:
        if not _is_average(c.run) and _run_key(c.run) not in discarded:
            kept_of.setdefault(c.size_um, []).append(c.per_ml)
    for average in (c for c in counts if _is_average(c.run)):
        kept = kept_of.get(average.size_um, [])
        mean = sum(kept) / len(kept) if kept else math.nan
        if kept and not _near(average.per_ml, mean):
            message = (
                f"the report's average is {average.per_ml:g}/mL of {average.size_um:g} µm and "
                f"more, and that of its kept runs {mean:.4g}/mL"
            )
            return [sheet.warning("CHECKSUM", message, average.line)]
    return []


def _measurements(
    counts: Sequence[_Count], discarded: set[str], sample: str, dilution: Dilution
) -> tuple[Measurement, ...]:
    found: dict[float, list[Value]] = {}
    for c in counts:
        out = _run_key(c.run) in discarded
        found.setdefault(c.size_um, []).append(
            Value(
                name=c.run,
                value=c.per_ml,
                n_events=c.count,
                excluded=out,
                reason="discarded by the operator" if out else "",
                line=c.line,
            )
        )
    return tuple(
        Measurement(
            attribute=f"particles >= {size:g} um",
            method=METHOD,
            sample=sample,
            unit="1/mL",
            values=tuple(values),
            dilution=dilution,
            line=values[0].line,
        )
        for size, values in found.items()
    )


READERS = (Reader(name="hiac", kind=KIND, sniff=_sniff, read=_read, most_bytes=20_000_000),)
