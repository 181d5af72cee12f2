"""Size distributions of Particle Metrix ZetaView instruments (``*_size_*.txt``, ``*_11pos.txt``).

Read from the structure of files of software 8.06. No real file with an open licence was at hand:
the files that this was tried on were written for the project in that layout.

A size file holds a header, a table over even bins, a row of -1 and a second table over
logarithmic bins with the same particles. Only the first is read. Concentrations are those at the
instrument; the file's dilution is not yet in them. A file of positions holds a line for each place
in the cell, some of which the software left out, and concentrations before and after dilution.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError
from exocast.vial.cells import Line, number, plain_numbers
from exocast.vial.files import InstrumentFile
from exocast.vial.names import dilutions_in
from exocast.vial.records import (
    Bins,
    Capture,
    Dilution,
    ParticleExport,
    Reading,
    VialWarning,
)
from exocast.vial.registry import Reader

Array = NDArray[np.float64]
SIZE_KIND = "ZetaView size distribution"
POSITIONS_KIND = "ZetaView positions of a size measurement"
INSTRUMENT = "Particle Metrix ZetaView"
SIZE = "size / nm"
COUNT = "number"
CONCENTRATION = "concentration / cm-3"
NEVER = "1904-01-01"  # the zero of the clock that the software writes when nothing was done
GOOD = ("good", "very good", "ok", "excellent", "passed")
# Bins and concentrations are printed with four digits, so that sums of a thousand agree to this.
PRINTED = 2e-3
FOUR_DIGITS = 6e-4
POSITION_COLUMNS = ("use", "position", "conc. (p./ml)", "no. of traces", "removal")
ORIGINAL = "orig. conc. (p./cm^3)"
COUNTED = ("number of traces", "dilution", "concentration correction factor")
MOST_POSITIONS = 1_000
FOOTER = ("mean", "st.dev.", "rel.st.dev.")
MOST_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """The lines of a file with what is needed to read them."""

    file: InstrumentFile
    lines: Sequence[Line]
    decimal_comma: bool

    def where(self, line: int) -> str:
        return f"{self.file.path}, line {line}"

    def number(self, text: str, line: int) -> float:
        """Number of a cell, zero or more; NaN where the file has none."""
        if self.decimal_comma and "." in text:
            raise _error(
                f"'{text[:40]}' has a point, and the decimal sign of this file is a comma; it can "
                "be read in two ways. Export with a decimal point.",
                "DECIMAL_COMMA",
                self.where(line),
            )
        value = number(text, decimal_comma=self.decimal_comma, where=self.where(line))
        if value < 0:
            raise _error(
                f"{value:g} is negative where a count or size stands; the file was changed. "
                "Export it again.",
                "NOT_A_NUMBER",
                self.where(line),
            )
        return value

    def warning(self, code: str, message: str, line: int = 0) -> VialWarning:
        where = self.where(line) if line else str(self.file.path)
        return VialWarning(code=code, message=message, where=where)


@dataclass(frozen=True, kw_only=True)
class _Field:
    """A value of the header and the line it stands in."""

    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The table over even bins; ``log_particles`` is the sum of the other one, NaN without it."""

    centres: Array
    counts: Array
    per_ml: Array
    parted: bool
    log_particles: float


# Size distributions ------------------------------------------------------------------------------


def _sniff_size(file: InstrumentFile) -> bool:
    return _is_zetaview(file.head) and bool(_SIZE_HEADING.search(file.head))


def _is_zetaview(head: str) -> bool:
    return bool(_ORIGIN.match(head)) and bool(_SOFTWARE.search(head))


_ORIGIN = re.compile(r'\ufeff?\s*"?original file:', re.IGNORECASE)
_SOFTWARE = re.compile(
    r'^"?(zetaview s/n:|software:"?[,;\t]\s*"?zetaview)', re.IGNORECASE | re.MULTILINE
)
_SIZE_HEADING = re.compile(
    r'^[ ]*"?size / nm"?[ ]*([,;\t])[ ]*"?number"?[ ]*\1', re.IGNORECASE | re.MULTILINE
)


def _hint_size(file: InstrumentFile) -> str:
    if not _is_zetaview(file.head):
        return ""
    kind = re.search(
        r'^"?type of measurement:"?[,;\t]\s*"?([^,;\t"\r\n]+)',
        file.head,
        re.IGNORECASE | re.MULTILINE,
    )
    what = f" ({kind.group(1).strip()})" if kind else ""
    return (
        f"this is a text of a ZetaView{what} without a table 'Size / nm'. Either it was cut in its "
        "header, or it is another measurement: profiles of the zeta potential ('_prof_') are not "
        "read, since their layout is not known. Give the size distribution ('_size_....txt')."
    )


def _read_size(file: InstrumentFile) -> Reading:
    match = _SIZE_HEADING.search(file.text)
    if match is None:
        raise _error(
            "the heading 'Size / nm, Number, Concentration / cm-3' of the table is missing; the "
            "file ends or was cut before it. Export it again.",
            "TRUNCATED",
            str(file.path),
        )
    lines = file.lines(match.group(1))
    start = next((i for i, line in enumerate(lines) if line.cell(0).lower() == SIZE), None)
    if start is None:
        raise _error(
            "the heading 'Size / nm' shares its line with other text; the file was changed. Export "
            "it again.",
            "TRUNCATED",
            str(file.path),
        )
    first = lines[start + 1].cell(0) if start + 1 < len(lines) else ""
    sheet = _Sheet(file=file, lines=lines, decimal_comma="," in first)
    header = _header(lines[:start], str(file.path))
    table = _table(sheet, start)
    traces = _traces(sheet, header)
    if not table.parted and not math.isclose(float(table.counts.sum()), traces, abs_tol=0.5):
        raise _error(
            f"the bins hold {table.counts.sum():g} particles of {traces:g} traces, and the row of "
            f"-1 that ends their table is missing; the file was cut in line {lines[-1].number}. "
            "Export it again.",
            "TRUNCATED",
            str(file.path),
        )
    dilution = _dilution(sheet, header)
    capture = _capture(sheet, header, table, traces)
    software, facts = _software_and_facts(header)
    texts = (
        file.path.stem,
        *(_text(header, name) for name in ("original file", "sample", "remarks")),
        *(_text(header, f"sample info {i}") for i in (1, 2, 3)),
        _text(header, "general remarks"),
    )
    warnings = (
        *_empty_warnings(sheet, capture, header),
        *_check_warnings(sheet, header),
        *_sum_warnings(sheet, table, traces, header),
        *_dilution_warnings(sheet, dilution, texts),
        *_correction_warnings(sheet, header),
    )
    bins = None
    if len(table.centres):
        bins = Bins(centres_nm=table.centres, per_ml=table.per_ml[:, None])
    export = ParticleExport(
        file=str(file.path),
        sha256=file.sha256,
        encoding=file.encoding,
        software=software,
        dilution=dilution,
        captures=(capture,),
        bins=bins,
        vendor_average_per_ml=math.nan,
        remarks=_text(header, "remarks"),
        texts=tuple(text for text in texts if text),
        warnings=warnings,
    )
    return Reading(
        file=export.file,
        sha256=file.sha256,
        reader="zetaview",
        kind=SIZE_KIND,
        software=software,
        instrument=" ".join((INSTRUMENT, _text(header, "zetaview s/n"))).strip(),
        encoding=file.encoding,
        particles=export,
        facts=facts,
        lines=(1, lines[-1].number),
        warnings=warnings,
    )


def _header(lines: Sequence[Line], where: str) -> dict[str, _Field]:
    """Fields by their names, in lower case without colons; the first of a name stands.

    A line may hold several; most names are parted from their values by a tab, one by a blank.
    """
    found: dict[str, _Field] = {}
    for line in lines:
        for i, cell in enumerate(line.cells):
            name, colon, rest = cell.partition(":")
            if not colon or not name or (i > 0 and rest.strip(": ")):
                continue
            value = rest.strip(": ") or line.cell(i + 1)
            if line.cell(i + 1) == value and value.endswith(":"):
                value = ""
            key, field = name.strip().lower(), _Field(text=value, line=line.number)
            before = found.setdefault(key, field)
            if key in COUNTED and before.text != value:
                raise _error(
                    f"'{name.strip()}' is '{before.text[:40]}' in line {before.line} and "
                    f"'{value[:40]}' here; the file was changed. Export it again.",
                    "COLUMNS",
                    f"{where}, line {line.number}",
                )
    return found


def _text(header: dict[str, _Field], name: str) -> str:
    field = header.get(name)
    return field.text if field else ""


def _software_and_facts(header: dict[str, _Field]) -> tuple[str, dict[str, str]]:
    facts = {name: field.text for name, field in header.items() if field.text}
    for name, text in facts.items():
        if text.startswith(NEVER):
            facts[name] = "never"
    return _text(header, "software"), facts


def _traces(sheet: _Sheet, header: dict[str, _Field]) -> float:
    field = header.get("number of traces")
    return math.nan if field is None else sheet.number(field.text, field.line)


def _dilution(sheet: _Sheet, header: dict[str, _Field]) -> Dilution:
    field = header.get("dilution")
    value = math.nan if field is None else sheet.number(field.text, field.line)
    if field is None or math.isnan(value):
        line = field.line if field else 0
        return Dilution(value=None, state="unknown", origin="none", line=line)
    if not value >= 1:
        raise _error(
            f"a dilution of {value:g} is impossible; a factor is 1 or more. Correct it in the "
            "ZetaView software and export again.",
            "DILUTION_UNKNOWN",
            sheet.where(field.line),
        )
    return Dilution(value=value, state="not_applied", origin="file", line=field.line)


def _capture(sheet: _Sheet, header: dict[str, _Field], table: _Table, traces: float) -> Capture:
    name = sheet.file.path.stem
    level, counted = float(table.per_ml.sum()), float(table.counts.sum())
    tracks = counted if math.isnan(traces) else traces
    reason = ""
    if not len(table.counts) or tracks < 1:
        reason = "0 traces"
    elif level == 0:
        reason = "concentration 0"
    drift = _text(header, "particle drift check result")
    return Capture(
        name=name,
        concentration_per_ml=level,
        tracks=tracks,
        verdict=f"drift {drift}" if drift else "",
        excluded=bool(reason),
        reason=reason,
        sample=_text(header, "sample") or name,
    )


def _table(sheet: _Sheet, start: int) -> _Table:
    """Both tables below their heading; the second only to be compared."""
    heading = sheet.lines[start]
    names = [cell.lower() for cell in heading.cells]
    places = [names.index(c) if c in names else -1 for c in (SIZE, COUNT, CONCENTRATION)]
    if -1 in places or any(names.count(c) > 1 for c in (SIZE, COUNT, CONCENTRATION)):
        raise _error(
            "the heading of the bins needs the columns 'Size / nm', 'Number' and "
            f"'Concentration / cm-3' once each; it is '{', '.join(heading.cells)[:120]}'. Export "
            "the file again.",
            "COLUMNS",
            sheet.where(heading.number),
        )
    width = max(i for i, cell in enumerate(heading.cells) if cell)
    rows: list[list[float]] = []
    parted_at = None
    for line in sheet.lines[start + 1 :]:
        if not any(line.cells):
            continue
        cells = [line.cell(i) for i in range(width + 1)]
        if all(re.fullmatch(r"-1(?:[.,]0*)?(?:e\+?0+)?", cells[i], re.IGNORECASE) for i in places):
            if parted_at is not None:
                raise _error(
                    "a second row of -1; the tables were put together from several files. Export "
                    "each by itself.",
                    "COLUMNS",
                    sheet.where(line.number),
                )
            parted_at = len(rows)
            continue
        rows.append(_row(sheet, line, cells, places))
    linear = rows if parted_at is None else rows[:parted_at]
    values = np.array(linear, dtype=np.float64).reshape(-1, 3)
    return _Table(
        centres=_even(sheet, values[:, 0], heading.number),
        counts=values[:, 1],
        per_ml=values[:, 2],
        parted=parted_at is not None,
        log_particles=sum(row[1] for row in rows[parted_at:])
        if parted_at is not None and len(rows) > parted_at
        else math.nan,
    )


def _row(sheet: _Sheet, line: Line, cells: Sequence[str], places: Sequence[int]) -> list[float]:
    if not all(cells):
        raise _error(
            "this line of the bins has an empty cell or ends before its heading does; the file "
            "was cut or changed. Export it again.",
            "TRUNCATED",
            sheet.where(line.number),
        )
    values = None if sheet.decimal_comma else plain_numbers([cells[i] for i in places])
    values = values or [sheet.number(cells[i], line.number) for i in places]
    if any(map(math.isnan, values)):
        raise _error(
            "this line of the bins holds 'NaN' where a number is needed; it is not counted as "
            "zero. Analyse the run again and export it.",
            "NOT_A_NUMBER",
            sheet.where(line.number),
        )
    return values


def _even(sheet: _Sheet, printed: Array, heading: int) -> Array:
    """Middles of the bins without the rounding of their print, which spoils the steps above 1 um.

    The first two are printed exactly; every other has to be where they put it.
    """
    if len(printed) == 0:
        return printed
    step = printed[1] - printed[0] if len(printed) > 1 else 0.0
    even = printed[0] + step * np.arange(len(printed))
    off = np.flatnonzero(np.abs(even - printed) > FOUR_DIGITS * printed)
    if step <= 0 or len(off):
        at = int(off[0]) if len(off) else 0
        raise _error(
            f"the bins are not evenly spaced: {printed[at]:g} nm stands where {even[at]:g} nm is "
            "due; lines were lost or added. Export the file again.",
            "TRUNCATED",
            sheet.where(heading + 1 + at),
        )
    return np.asarray(even, dtype=np.float64)


def _empty_warnings(
    sheet: _Sheet, capture: Capture, header: dict[str, _Field]
) -> list[VialWarning]:
    if not capture.excluded:
        return []
    field = header.get("number of traces")
    message = f"the run holds no particles ({capture.reason}); nothing can be estimated"
    return [sheet.warning("EMPTY_RUN", message, field.line if field else 0)]


def _check_warnings(sheet: _Sheet, header: dict[str, _Field]) -> list[VialWarning]:
    """What the instrument says of its own state, where that is not good."""
    warnings = []
    drift = header.get("particle drift check result")
    if drift and drift.text and drift.text.lower() not in GOOD:
        message = f"the instrument calls the particles' drift '{drift.text}': they moved together, "
        message += "so sizes and concentration are doubtful; the run is used. Measure it again"
        warnings.append(sheet.warning("DRIFT", message, drift.line))
    cell = header.get("cell check result")
    if cell and cell.text and cell.text.lower() not in GOOD:
        message = f"the instrument calls its cell '{cell.text}'; the run is used. Clean the cell "
        message += "and measure again"
        warnings.append(sheet.warning("CELL_CHECK", message, cell.line))
    return warnings


def _sum_warnings(
    sheet: _Sheet, table: _Table, traces: float, header: dict[str, _Field]
) -> list[VialWarning]:
    warnings = []
    counted = float(table.counts.sum())
    if abs(counted - traces) > 0.5 + FOUR_DIGITS * traces:
        message = f"the bins hold {counted:g} particles, and the header says {traces:g} traces"
        field = header["number of traces"]
        warnings.append(sheet.warning("CHECKSUM", message, field.line))
    if abs(table.log_particles - counted) > 0.5 + PRINTED * counted:
        message = f"the table over even bins holds {counted:g} particles and the logarithmic one "
        message += f"{table.log_particles:g}, which should be the same ones; the even bins are used"
        warnings.append(sheet.warning("DUPLICATE_SCALE", message))
    return warnings


def _dilution_warnings(
    sheet: _Sheet, dilution: Dilution, texts: Sequence[str]
) -> list[VialWarning]:
    """A dilution in a name that is not the header's: both are shown, the header's stands."""
    if dilution.value is None:
        return []
    # A bare number in a name is a wavelength, a date or a version as often as a dilution.
    named = [piece for piece in dilutions_in(t for t in texts if t) if not piece.isdigit()]
    other = [p for p in named if _factor(p) != dilution.value]
    if not other or len(other) < len(named):
        return []
    message = (
        f"the header says a dilution of {dilution.value:g}, and names say {', '.join(other)}; "
    )
    message += "the header's is used. If it is wrong, correct it in the software and export again"
    return [sheet.warning("DILUTION_CONFLICT", message, dilution.line)]


def _factor(piece: str) -> float:
    return float(re.findall(r"\d+", piece)[-1])


def _correction_warnings(sheet: _Sheet, header: dict[str, _Field]) -> list[VialWarning]:
    field = header.get("concentration correction factor")
    if field is None:
        return []
    value = sheet.number(field.text, field.line)
    if math.isnan(value) or value == 1:
        return []
    message = f"the file names a concentration correction factor of {value:g} and does not say "
    message += "whether its concentrations carry it; they stand as printed"
    return [sheet.warning("CORRECTION", message, field.line)]


# Positions ---------------------------------------------------------------------------------------


_POSITIONS_HEADING = re.compile(
    r'^\ufeff?"?use"?[ ]*([,;\t])[ ]*"?position"?[ ]*\1.*no\. of traces.*removal', re.IGNORECASE
)


def _sniff_positions(file: InstrumentFile) -> bool:
    first = next((line for line in file.head.splitlines() if line.strip()), "")
    return bool(_POSITIONS_HEADING.match(first)) and "conc. (p./ml)" in first.lower()


@dataclass(frozen=True, kw_only=True)
class _Position:
    """A line of the table: numbers at the instrument and before dilution."""

    capture: Capture
    original: float
    level_text: str
    original_text: str


def _read_positions(file: InstrumentFile) -> Reading:
    bare = file.lines("\t")
    found = next(
        ((i, m) for i in range(len(bare)) if (m := _POSITIONS_HEADING.match(bare.raw(i)))), None
    )
    if found is None:
        raise _error(
            "the heading 'Use, Position, ... Removal' is missing; the file was cut or changed. "
            "Export it again.",
            "TRUNCATED",
            str(file.path),
        )
    lines = file.lines(found[1].group(1))
    heading = lines[found[0]]
    names = [cell.lower() for cell in heading.cells]
    absent = [c for c in POSITION_COLUMNS if names.count(c) != 1]
    if absent:
        raise _error(
            f"the heading needs the column{'s' * (len(absent) > 1)} {', '.join(absent)} once; "
            "the file was changed. Export it again.",
            "COLUMNS",
            f"{file.path}, line {heading.number}",
        )
    filled = (line for line in lines[found[0] + 1 :] if any(line.cells))
    body = list(islice(filled, MOST_POSITIONS + 1))
    if len(body) > MOST_POSITIONS:
        raise _error(
            f"more than {MOST_POSITIONS} positions stand in the file, and the instrument has "
            "eleven; the file was changed. Export it again.",
            "TOO_LARGE",
            str(file.path),
        )
    place = names.index("position")
    comma = any("," in cell for line in body for cell in line.cells)
    sheet = _Sheet(file=file, lines=lines, decimal_comma=comma)
    rows = [line for line in body if line.cell(place).lower() not in FOOTER]
    footer = {x.cell(place).lower(): x for x in body if x.cell(place).lower() in FOOTER}
    if set(footer) != set(FOOTER) or [*rows, *footer.values()] != body:
        raise _error(
            "the three last lines of a file of positions are Mean, St.Dev. and Rel.St.Dev., and "
            f"here there are {len(footer)}; the file ends or was cut in line {lines[-1].number}. "
            "Export it again.",
            "TRUNCATED",
            str(file.path),
        )
    sample = re.sub(r"_\d+pos$", "", file.path.stem)
    positions = [_position(sheet, line, names, sample) for line in rows]
    dilution, original = _positions_dilution(sheet, positions, heading.number)
    captures = tuple(p.capture for p in positions)
    if original:
        captures = tuple(_at_original(p) for p in positions)
    mean = _footer_mean(sheet, footer["mean"], names, original=original)
    warnings = (
        *_removed_warnings(sheet, captures),
        *_mean_warnings(sheet, captures, mean, footer["mean"].number),
    )
    export = ParticleExport(
        file=str(file.path),
        sha256=file.sha256,
        encoding=file.encoding,
        software="",
        dilution=dilution,
        captures=captures,
        bins=None,
        vendor_average_per_ml=mean,
        remarks="",
        texts=(file.path.stem,),
        warnings=warnings,
    )
    return Reading(
        file=export.file,
        sha256=file.sha256,
        reader="zetaview_positions",
        kind=POSITIONS_KIND,
        instrument=INSTRUMENT,
        encoding=file.encoding,
        particles=export,
        lines=(heading.number, lines[-1].number),
        warnings=warnings,
    )


def _position(sheet: _Sheet, line: Line, names: Sequence[str], sample: str) -> _Position:
    cells = {name: line.cell(i) for i, name in enumerate(names)}
    level_text, traces_text = cells["conc. (p./ml)"], cells["no. of traces"]
    level = sheet.number(level_text, line.number)
    traces = sheet.number(traces_text, line.number)
    original_text = cells.get(ORIGINAL, "")
    original = sheet.number(original_text, line.number)
    if not cells["position"] or not level_text or not traces_text:
        raise _error(
            "this line has no position, concentration or number of traces; the file was cut or "
            "changed. Export it again.",
            "TRUNCATED",
            sheet.where(line.number),
        )
    use, removal = cells["use"], cells["removal"]
    if use.upper() not in ("X", "") or (use and removal):
        raise _error(
            f"'Use' is '{use[:20]}' and 'Removal' is '{removal[:20]}': a position is kept (X) or "
            "left out, with the reason. The file was changed; export it again.",
            "COLUMNS",
            sheet.where(line.number),
        )
    reason = "" if use else removal or "not used"
    if not reason and not traces >= 1:
        reason = "0 traces" if traces == 0 else "no number of traces"
    if not reason and not level > 0:
        reason = "concentration 0" if level == 0 else "no concentration"
    return _Position(
        capture=Capture(
            name=f"position {cells['position']}",
            concentration_per_ml=level,
            tracks=traces,
            verdict=removal,
            excluded=bool(reason),
            reason=reason,
            sample=sample,
        ),
        original=original,
        level_text=level_text,
        original_text=original_text,
    )


def _at_original(position: _Position) -> Capture:
    return replace(position.capture, concentration_per_ml=position.original)


def _positions_dilution(
    sheet: _Sheet, positions: Sequence[_Position], line: int
) -> tuple[Dilution, bool]:
    """Dilution between the two columns of concentrations, and whether the second one stands.

    Both are printed with two digits, so a factor is known between two ends: those that all
    positions allow. The concentration of the undiluted sample stands as printed; the factor is
    the roundest number between the ends and only tells the level in the instrument.
    """
    pairs = [
        (p.capture.concentration_per_ml, p.original, p)
        for p in positions
        if p.capture.concentration_per_ml > 0 and p.original > 0
    ]
    complete = [p for p in positions if not p.capture.excluded and not p.original > 0]
    if not pairs or complete:
        return Dilution(value=None, state="unknown", origin="none"), False
    low, high = 0.0, math.inf
    for level, original, p in pairs:
        half_level = _half_digit(p.level_text)
        half_original = _half_digit(p.original_text)
        low = max(low, (original - half_original) / (level + half_level))
        high = min(high, (original + half_original) / max(level - half_level, 1e-300))
    low, high = low * (1 - 1e-9), high * (1 + 1e-9)
    if low > high:
        raise _error(
            "the positions' concentrations and original concentrations differ by different "
            "factors, so they are not of one dilution. Export the run again.",
            "DILUTION_UNKNOWN",
            sheet.where(line),
        )
    factor = _roundest(low, high)
    if not factor >= 1:
        raise _error(
            f"the original concentrations are {factor:g} times those at the instrument; a "
            "dilution is 1 or more. Correct it in the software and export again.",
            "DILUTION_UNKNOWN",
            sheet.where(line),
        )
    return Dilution(value=factor, state="applied", origin="file", line=line), True


def _half_digit(text: str) -> float:
    """Half a unit of the last digit that a number was printed with."""
    mantissa, _, exponent = text.lower().replace(",", ".").partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def _roundest(low: float, high: float) -> float:
    """Number with the fewest digits between two ends, the middle where none is short."""
    for digits in range(MOST_DIGITS):
        scale = 10.0 ** (math.floor(math.log10(high)) - digits)
        value = math.ceil(low / scale) * scale
        if value <= high:
            return float(f"{value:.{MOST_DIGITS}g}")
    return math.sqrt(low * high)


def _footer_mean(sheet: _Sheet, line: Line, names: Sequence[str], *, original: bool) -> float:
    name = ORIGINAL if original else "conc. (p./ml)"
    return sheet.number(line.cell(names.index(name)), line.number)


def _removed_warnings(sheet: _Sheet, captures: Sequence[Capture]) -> list[VialWarning]:
    removed = [c for c in captures if c.excluded]
    warnings = []
    if removed:
        message = f"{len(removed)} of {len(captures)} positions are left out: "
        message += ", ".join(f"{c.name.removeprefix('position ')} ({c.reason})" for c in removed)
        warnings.append(sheet.warning("CAPTURE_FAILED", message))
    if len(removed) == len(captures):
        message = "no position holds particles; nothing can be estimated"
        warnings.append(sheet.warning("EMPTY_RUN", message))
    return warnings


def _mean_warnings(
    sheet: _Sheet, captures: Sequence[Capture], mean: float, line: int
) -> list[VialWarning]:
    """The software's mean is over the positions that it kept, printed with two digits."""
    kept = [c.concentration_per_ml for c in captures if not c.excluded]
    ours = sum(kept) / len(kept) if kept else math.nan
    # A unit of the second digit: half of it in the positions, half in their mean.
    digit = 10.0 ** (math.floor(math.log10(ours)) - 1) if ours > 0 else 0.0
    if abs(mean - ours) > 1.001 * digit:
        message = f"the file's mean {mean:.3g}/mL is not that of the positions it kept, "
        message += f"{ours:.3g}/mL"
        return [sheet.warning("CHECKSUM", message, line)]
    return []


def _error(message: str, code: str, where: str) -> InstrumentFileError:
    return InstrumentFileError(message, code=code, where=where)


READERS = (
    Reader(
        name="zetaview",
        kind=SIZE_KIND,
        sniff=_sniff_size,
        read=_read_size,
        hint=_hint_size,
        most_bytes=2_000_000,
    ),
    Reader(
        name="zetaview_positions",
        kind=POSITIONS_KIND,
        sniff=_sniff_positions,
        read=_read_positions,
        most_bytes=1_000_000,
    ),
)
