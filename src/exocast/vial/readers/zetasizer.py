"""Light scattering of Malvern Zetasizer: text exports of Nano, and ``.zmes`` of ZS Xplorer.

A text export holds one or more tables, each with headings of its own; the same run may stand in
two of them. A ``.zmes`` file is an SQLite database of parameters in a tree. Both give single
attributes of runs. Light scattering weighs a particle by the light it scatters and counts none,
so no concentration of particles is read and no dose can rest on such a file.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from exocast.errors import InstrumentFileError
from exocast.vial.cells import LARGEST, Line
from exocast.vial.files import InstrumentFile
from exocast.vial.names import sample_of
from exocast.vial.records import Measurement, Reading, Value, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import Sheet, heading_key, sheet_of_text, unquoted_lines

KIND = "Zetasizer text export"
KIND_ZMES = "ZS Xplorer file (.zmes)"
DLS, ELS = "DLS", "ELS"
SQLITE = b"SQLite format 3\x00"
# Steps of SQLite's machine, in thousands: reading a real file takes some hundred.
MOST_THOUSAND_STEPS = 20_000
MOST_NODES = 200_000
MOST_VALUES = 1_000_000
MOST_RECORDS = 5_000
MONTHS = {
    name: i + 1
    for i, name in enumerate(
        "january february march april may june july august september october november "
        "december".split()
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Attribute:
    """What a heading gives; a zero stands for 'none' where ``zero_is_none``."""

    name: str
    method: str
    unit: str
    zero_is_none: bool = False


def _diameters(pattern: str, name: str) -> Iterable[tuple[str, _Attribute]]:
    """A size may be exported as diameter or as radius; neither is turned into the other."""
    for letter, what in (("d", "diameter"), ("r", "radius")):
        yield (
            rf"{pattern} \({letter}\.nm\)",
            _Attribute(name=f"{name} {what}", method=DLS, unit="nm", zero_is_none=True),
        )


HEADINGS: tuple[tuple[str, _Attribute], ...] = (
    *_diameters(r"z-av(e|erage)", "z-average"),
    (r"pdi", _Attribute(name="polydispersity index", method=DLS, unit="1")),
    *_diameters(r"intensity mean", "intensity mean"),
    *_diameters(r"volume mean", "volume mean"),
    *_diameters(r"number mean", "number mean"),
    *(
        item
        for k in (1, 2, 3)
        for item in _diameters(rf"(intensity )?peak {k}( mean)?", f"intensity peak {k} mean")
    ),
    (
        r"(zp|zeta potential) \(mv\)",
        _Attribute(name="zeta potential", method=ELS, unit="mV"),
    ),
    (
        r"(mob|mobility) \(umcm/vs\)",
        _Attribute(name="electrophoretic mobility", method=ELS, unit="um*cm/(V*s)"),
    ),
    (
        r"cond(uctivity)? \(ms/cm\)",
        _Attribute(name="conductivity", method=ELS, unit="mS/cm"),
    ),
    (
        r"derived count rate \(kcps\)",
        # A thousand counts a second.
        _Attribute(name="derived count rate", method=DLS, unit="1/ms"),
    ),
)


@lru_cache(maxsize=4096)
def _attribute(heading: str) -> _Attribute | None:
    key = heading_key(heading)
    return next((a for pattern, a in HEADINGS if re.fullmatch(pattern, key)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """One record of an instrument and the values it states, by attribute."""

    name: str
    sample: str
    time: str
    line: int
    verdict: str = ""
    excluded: bool = False
    reason: str = ""
    values: dict[_Attribute, float] = field(default_factory=dict, hash=False, compare=False)


# Text -------------------------------------------------------------------------------------------


def _is_heading(cells: Sequence[str]) -> bool:
    keys = [heading_key(c) for c in cells[:8]]
    return bool(keys) and keys[0] in {"record", "type"} and "sample name" in keys


def _sniff(file: InstrumentFile) -> bool:
    first = next(iter(unquoted_lines(file.head[:4000])), "")
    cells = re.split(r"[\t;,]", first)
    wanted = {"s/w version", "measurement date and time", "t (°c)", "serial number"}
    return _is_heading(cells) and bool(wanted & {heading_key(c) for c in cells[:12]})


def _read(file: InstrumentFile) -> Reading:
    sheet = sheet_of_text(file, "sample name")
    merged: dict[tuple[str, str], _Run] = {}
    facts: dict[str, str] = {}
    warnings: list[VialWarning] = []
    clashes: list[VialWarning] = []
    records = first = 0
    heading: _Heading | None = None
    last = 0
    for line in sheet.lines:
        if not any(line.cells):
            continue
        last = line.number
        if _is_heading(line.cells):
            heading = _heading(line)
        elif heading is None:
            raise sheet.error(
                "NOT_AN_EXPORT",
                f"the file starts with '{line.cell(0)[:40]}', and a line of headings with 'Type' "
                "and 'Sample Name' is needed. Export from the records view with headings.",
                line.number,
            )
        else:
            run, said = _run(sheet, heading, line)
            warnings += said
            records, first = records + 1, first or run.line
            clashes += _merge(sheet, merged, run)
            if len(merged) > MOST_RECORDS:
                raise _too_many(file, f"more than {MOST_RECORDS:,} records")
            _collect_facts(facts, heading, line)
    runs = list(merged.values())
    merged.clear()
    if not any(run.values for run in runs):
        raise sheet.error(
            "EMPTY_RUN",
            f"{records} records stand in the file and none states a size, a polydispersity or a "
            "zeta potential: the export left the results out. Export again with these parameters.",
            first or last,
        )
    return _reading(file, "zetasizer", KIND, runs, facts, [*warnings, *clashes], (1, last))


@dataclass(frozen=True, kw_only=True)
class _Heading:
    """A line of headings: what its columns are, looked up once for all records below it.

    Arrays such as 'Correlation Data[12]' differ in length between records, and the headings are
    those of the shortest: behind ``array``, the first of them, a longer line fits no heading.
    """

    number: int
    keys: tuple[str, ...]
    filled: int
    array: int
    attributes: tuple[tuple[int, _Attribute], ...]
    facts: tuple[tuple[int, str], ...]


def _heading(line: Line) -> _Heading:
    keys = tuple(heading_key(c) for c in line.cells)
    found = ((i, _attribute(key)) for i, key in enumerate(keys))
    return _Heading(
        number=line.number,
        keys=keys,
        filled=max((i + 1 for i, c in enumerate(line.cells) if c), default=0),
        array=next((i for i, key in enumerate(keys) if "[" in key), len(keys)),
        attributes=tuple((i, a) for i, a in found if a is not None),
        facts=tuple((i, c) for i, c in enumerate(line.cells) if keys[i] in _FACTS),
    )


def _run(sheet: Sheet, heading: _Heading, line: Line) -> tuple[_Run, list[VialWarning]]:
    """Values of a record, by the headings whose place in the line is certain."""
    keys = heading.keys
    certain = len(keys) if len(line.cells) == len(keys) else heading.array
    if len(line.cells) < min(certain, heading.filled):
        raise sheet.error(
            "TRUNCATED",
            f"this record has {len(line.cells)} cells and its headings (line {heading.number}) "
            f"{len(keys)}; the file was cut or changed. Export it again.",
            line.number,
        )
    found: dict[_Attribute, list[float]] = {}
    for i, attribute in heading.attributes:
        if i >= certain:
            break
        value = sheet.number(line, i)
        if not math.isnan(value) and not (attribute.zero_is_none and value == 0):
            found.setdefault(attribute, []).append(value)
    warnings = []
    for attribute, values in list(found.items()):
        if len(set(values)) > 1:
            message = f"two columns give the {attribute.name}, {values[0]:g} and {values[1]:g} "
            message += f"{attribute.unit}; neither is taken"
            warnings.append(sheet.warning("COLUMNS", message, line.number))
            del found[attribute]
    name = line.cell(keys.index("sample name"))
    time = line.cell(keys.index(_DATE)) if _DATE in keys else ""
    run = _Run(
        name=name,
        sample=sample_of(name),
        time=_iso(time),
        line=line.number,
        values={a: v[0] for a, v in found.items()},
    )
    return run, warnings


_DATE = "measurement date and time"


def _iso(text: str) -> str:
    """``Friday, 28 March 2025 14:59:57`` as ``2025-03-28T14:59:57``; other forms as they are.

    A date of numbers alone may have day or month first and is left as it stands.
    """
    match = re.search(r"(\d{1,2}) ([A-Za-z]+) (\d{4})(?: (\d{1,2}):(\d{2}):(\d{2}))?$", text)
    month = MONTHS.get(match.group(2).lower()) if match else None
    if match is None or month is None:
        return text
    day, year = int(match.group(1)), int(match.group(3))
    hour, minute, second = (int(g or 0) for g in match.groups()[3:])
    try:
        # The file names no zone.
        return datetime(year, month, day, hour, minute, second).isoformat()  # noqa: DTZ001
    except ValueError:
        return text


def _collect_facts(facts: dict[str, str], heading: _Heading, line: Line) -> None:
    for i, name in heading.facts:
        if line.cell(i):
            facts.setdefault(name, line.cell(i))


_FACTS = (
    "s/w version", "serial number", "measurement date and time", "dispersant name",
    "dispersant ri", "dispersant viscosity (cp)", "material name", "material ri",
    "temperature (°c)", "t (°c)",
)  # fmt: skip


def _merge(sheet: Sheet, merged: dict[tuple[str, str], _Run], run: _Run) -> list[VialWarning]:
    """Put a record to the others: one where two tables show the same run by name and time."""
    # Without a time two runs of one name cannot be told apart and both stay.
    first = merged.setdefault((run.name, run.time or f"line {run.line}"), run)
    warnings: list[VialWarning] = []
    if first is run:
        return warnings
    for attribute, value in run.values.items():
        other = first.values.setdefault(attribute, value)
        if other != value:
            message = f"'{run.name}' has the {attribute.name} {other:g} in line {first.line} "
            message += f"and {value:g} here; neither is taken"
            warnings.append(sheet.warning("COLUMNS", message, run.line))
            first.values[attribute] = math.nan
    return warnings


# SQLite -----------------------------------------------------------------------------------------

_QUERY = """
SELECT d.RecordId, n.Id, n.ParentNodeId, n.SiblingIndex, t.UniformResourceName, t.FriendlyName,
       d.Data_Double, d.Data_Single, d.Data_Int64, d.Data_Boolean, substr(d.Data_Text, 1, 500)
FROM RecordParameterData d
JOIN RecordParameterTreeNodes n ON n.Id = d.ParameterTreeNodeId
JOIN RecordParameterTypes t ON t.Id = n.ParameterTypeId
WHERE d.Data_Blob IS NULL
ORDER BY d.RecordId, n.Id
LIMIT ?
"""
_NODES = """
SELECT n.Id, n.ParentNodeId, n.SiblingIndex, t.UniformResourceName
FROM RecordParameterTreeNodes n JOIN RecordParameterTypes t ON t.Id = n.ParameterTypeId
LIMIT ?
"""
_IDS = "SELECT Id FROM StandardRecords ORDER BY Id LIMIT ?"
# Names of parameters, without 'urn:Com.Malvern.RecordParameter:DataStructures.MeasurementData:'.
_SCALARS = {
    "CumulantsResult.ZAverageMean": HEADINGS[0][1],
    "CumulantsResult.Polydispersity": HEADINGS[2][1],
    "SizeAnalysisResult.DerivedCountRateInKcps": HEADINGS[-1][1],
}


def _sniff_zmes(file: InstrumentFile) -> bool:
    # The names of the tables stand in the schema, on the first pages.
    head = file.data[:65_536]
    return head.startswith(SQLITE) and b"StandardRecords" in head and b"RecordParameterData" in head


def _read_zmes(file: InstrumentFile) -> Reading:
    if not file.data.startswith(SQLITE):
        raise InstrumentFileError("the file is no SQLite database.", where=str(file.path))
    try:
        found, records = _records(file)
    except (sqlite3.Error, OverflowError, ValueError) as e:
        raise InstrumentFileError(
            f"the database cannot be read ({e}); copy or save the file again in ZS Xplorer.",
            code="TRUNCATED",
            where=str(file.path),
        ) from None
    runs: list[_Run] = []
    facts: dict[str, str] = {}
    for record in records:
        run, said = found.get(record) or _zmes_run(file, record, {}, ())
        runs.append(run)
        for name, value in said.items():
            facts.setdefault(name, value)
    if not any(run.values for run in runs):
        raise InstrumentFileError(
            f"{len(runs)} records stand in the file and none holds a z-average, a polydispersity "
            "or a zeta potential: the measurements were not completed. Nothing can be read.",
            code="EMPTY_RUN",
            where=str(file.path),
        )
    runs.sort(key=lambda run: run.time)
    return _reading(file, "zetasizer-zmes", KIND_ZMES, runs, facts, [], (0, 0))


def _records(
    file: InstrumentFile,
) -> tuple[dict[object, tuple[_Run, dict[str, str]]], list[object]]:
    """What the scalars of each record give, one record at a time, and the records' numbers.

    The database is opened in memory, read only, with its triggers and views distrusted, and a
    query that does not end is stopped.
    """
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(file.data)
        left = [MOST_THOUSAND_STEPS]

        def stop() -> int:
            left[0] -= 1
            return int(left[0] <= 0)

        database.set_progress_handler(stop, 1000)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(1_000_000, len(file.data)))
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA query_only = ON")
        # A damaged database may hold anything in any column.
        nodes = {
            i: (parent, sibling if isinstance(sibling, int) else 0, str(urn).rsplit(":", 1)[-1])
            for i, parent, sibling, urn in database.execute(_NODES, (MOST_NODES + 1,))
            if isinstance(i, int)
        }
        ids = database.execute(_IDS, (MOST_RECORDS + 1,))
        records = [i[0] for i in ids]
        if len(nodes) > MOST_NODES or len(records) > MOST_RECORDS:
            raise _too_many(
                file, f"more than {MOST_NODES:,} parameters or {MOST_RECORDS:,} records"
            )
        wanted = set(records)
        rows = _counted(file, database.execute(_QUERY, (MOST_VALUES + 1,)))
        found = {
            record: _zmes_run(file, record, nodes, mine)
            for record, mine in groupby(rows, key=itemgetter(0))
            if record in wanted
        }
    return found, records


def _counted(
    file: InstrumentFile, rows: Iterable[tuple[object, ...]]
) -> Iterator[tuple[object, ...]]:
    for i, row in enumerate(rows):
        if i >= MOST_VALUES:
            raise _too_many(file, f"more than {MOST_VALUES:,} values")
        yield row


def _too_many(file: InstrumentFile, what: str) -> InstrumentFileError:
    return InstrumentFileError(
        f"the file holds {what}; nothing is read of a part of them. Export fewer at a time.",
        code="TOO_LARGE",
        where=str(file.path),
    )


def _zmes_run(
    file: InstrumentFile,
    record: object,
    nodes: dict[int, tuple[int | None, int, str]],
    rows: Iterable[tuple[object, ...]],
) -> tuple[_Run, dict[str, str]]:
    values: dict[_Attribute, float] = {}
    facts: dict[str, str] = {}
    texts: dict[str, str] = {}
    averaged = False
    for _, node, parent, _, urn, friendly, double, single, whole, flag, text in rows:
        name = str(urn).rsplit(":", 1)[-1]
        number = next((x for x in (double, single) if isinstance(x, int | float)), None)
        path = _ancestors(nodes, node)
        # The same names stand below 'UnfilteredSizeAnalysisResult' and in subordinate runs.
        shown = "SizeMeasurementResult.UnfilteredSizeAnalysisResult" not in path
        if isinstance(text, str):
            texts.setdefault(name, text.strip())
        if name == "Result.Repeat" and isinstance(whole, int):
            texts[name] = str(whole)
        if name == "ResultSource.IsAveragedResult":
            averaged = bool(flag)
        attribute = _SCALARS.get(name)
        if attribute is None and shown and name == "SizePeak.Mean":
            attribute = _peak(nodes, parent, path)
        if attribute is None and heading_key(str(friendly)).startswith("zeta potential (mv)"):
            attribute = _attribute("Zeta Potential (mV)")
        if attribute is None or number is None or not shown:
            continue
        value = float(number)
        if not abs(value) < LARGEST:
            raise InstrumentFileError(
                f"the {attribute.name} of record {record} is {value:g}, which is no measurement; "
                "the file was changed. Save it again in ZS Xplorer.",
                code="NOT_A_NUMBER",
                where=str(file.path),
            )
        if not (attribute.zero_is_none and value == 0):
            values.setdefault(attribute, value)
    for name, label in _ZMES_FACTS.items():
        if texts.get(name):
            facts[label] = texts[name]
    sample = texts.get("Measurement.Sample.Name", "")
    state = texts.get("Result.ResultState", "")
    reason = "an average of other records" if averaged else ""
    if not reason and state and state.lower() != "completed":
        reason = f"the measurement is '{state}'"
    repeat = texts.get("Result.Repeat", str(record))
    run = _Run(
        name=f"{sample or 'record'} {repeat}",
        sample=sample,
        time=texts.get("Measurement.Date", "")[:19],
        line=0,
        verdict=texts.get("MeasurementResult.QualityIndicator", ""),
        excluded=bool(reason),
        reason=reason,
        values=values,
    )
    return run, facts


_ZMES_FACTS = {
    "Result.SoftwareVersion": "software version",
    "Result.OperatorName": "operator",
    "Measurement.Date": "measured",
    "ActualInstrumentSettings.InstrumentSerialNumber": "serial number",
    "MeasurementSettings.DestinationProjectName": "project",
}


def _ancestors(nodes: dict[int, tuple[int | None, int, str]], node: object) -> tuple[str, ...]:
    """Names of the nodes above, nearest first; a ring in a damaged tree ends it."""
    names: list[str] = []
    seen: set[object] = set()
    at = node
    while isinstance(at, int) and at in nodes and at not in seen:
        seen.add(at)
        at, _, name = nodes[at]
        names.append(name)
    return tuple(names)


def _peak(
    nodes: dict[int, tuple[int | None, int, str]], peak: object, path: Sequence[str]
) -> _Attribute | None:
    """Mean of the k-th peak by intensity, in the order of ZS Xplorer (largest area first)."""
    if len(path) < 3 or path[2] != "SizeAnalysisResult.IntensityPeaks":
        return None
    k = nodes[peak][1] + 1 if isinstance(peak, int) and peak in nodes else 0
    return _attribute(f"Intensity Peak {k} (d.nm)")


# Both -------------------------------------------------------------------------------------------


def _reading(
    file: InstrumentFile,
    reader: str,
    kind: str,
    runs: Sequence[_Run],
    facts: dict[str, str],
    warnings: Sequence[VialWarning],
    lines: tuple[int, int],
) -> Reading:
    measurements = _measurements(runs)
    samples = list(dict.fromkeys(run.sample for run in runs))
    said = list(warnings)
    if len(samples) > 1:
        message = f"{len(runs)} runs of {len(samples)} samples stand in one file "
        message += f"({', '.join(samples[:6])}); their average means nothing"
        said.append(_warning(file, "MIXED_SAMPLES", message))
    if any(m.method == DLS for m in measurements):
        said.append(
            _warning(
                file,
                "INTENSITY_WEIGHTED",
                "dynamic light scattering weighs each particle by the light it scatters (about "
                "the sixth power of its diameter) and counts none: sizes are not those by number, "
                "and no concentration of particles and no dose can be had from this file",
            )
        )
    software = facts.get("S/W Version", facts.get("software version", ""))
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader=reader,
        kind=kind,
        software=f"Zetasizer software {software}" if software else "Zetasizer software",
        instrument="Zetasizer " + facts.get("Serial Number", facts.get("serial number", "")),
        encoding=file.encoding if lines[0] else "",
        measurements=measurements,
        facts=facts,
        lines=lines,
        warnings=tuple(said),
    )


def _measurements(runs: Sequence[_Run]) -> tuple[Measurement, ...]:
    """One measurement an attribute and sample, one value a run that states it."""
    found: dict[tuple[str, _Attribute], list[Value]] = {}
    for run in runs:
        for attribute, value in run.values.items():
            missing = math.isnan(value)
            found.setdefault((run.sample, attribute), []).append(
                Value(
                    name=run.name,
                    value=value,
                    verdict=run.verdict,
                    excluded=run.excluded or missing,
                    reason=run.reason or ("two different values" if missing else ""),
                    line=run.line,
                )
            )
    return tuple(
        Measurement(
            attribute=a.name,
            method=a.method,
            sample=sample,
            unit=a.unit,
            values=tuple(values),
            line=values[0].line,
        )
        for sample, a in list(found)
        if (values := found.pop((sample, a)))
    )


def _warning(file: InstrumentFile, code: str, message: str) -> VialWarning:
    return VialWarning(code=code, message=message, where=str(file.path))


READERS = (
    Reader(name="zetasizer", kind=KIND, sniff=_sniff, read=_read, most_bytes=100_000_000),
    Reader(
        name="zetasizer-zmes",
        kind=KIND_ZMES,
        sniff=_sniff_zmes,
        read=_read_zmes,
        most_bytes=400_000_000,
    ),
)
