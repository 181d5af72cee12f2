"""Proteins of a batch: MaxQuant and DIA-NN groups, PEAKS spectra, and lists of accessions.

A group keeps all its names (``P1;P2``): which of them was there is not known. Lines that the
search itself rejects (reverse hits, contaminants, identified by a site only) stay in the table,
marked as excluded with the reason. A zero intensity of MaxQuant is a missing value, not nothing.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from exocast.vial.cells import Line
from exocast.vial.delimited import (
    Sheet,
    cells_of,
    columns_named,
    cut,
    frame_of,
    head_lines,
    refuse_cut_end,
    separator_of,
)
from exocast.vial.files import InstrumentFile
from exocast.vial.records import FEATURE_COLUMNS, Reading, VialWarning
from exocast.vial.registry import Reader

if TYPE_CHECKING:
    import pandas as pd

MAXQUANT = "MaxQuant protein groups"
DIANN = "DIA-NN protein-group matrix"
PEAKS = "PEAKS table of spectra"
PEPTIDES = "list of peptides by protein"
LIST = "list of protein accessions"
# As UniProt writes accessions, with an isoform behind a hyphen.
ACCESSION = re.compile(
    r"(?:[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2})(?:-\d{1,3})?"
)
# Reason in our words for each column in which MaxQuant marks a line with a plus sign.
MARKS = {
    "only identified by site": "only identified by site",
    "reverse": "decoy (reversed sequence)",
    "potential contaminant": "potential contaminant",
    "contaminant": "potential contaminant",
}
MAXQUANT_KINDS = (
    ("lfq intensity ", "LFQ intensity"),
    ("ibaq ", "iBAQ"),
    ("intensity ", "intensity"),
)
DECOYS = ("#decoy#", "decoy_", "rev_", "rev__", "xxx_")


class _Table:
    """Columns of a features table while it is filled."""

    def __init__(self) -> None:
        self.columns: dict[str, list[object]] = {c: [] for c in FEATURE_COLUMNS}

    def add(
        self, feature: str, sample: str, value: float, unit: str, reason: str, line: int
    ) -> None:
        """One protein group in one sample; a reason excludes it."""
        for column, cell in zip(
            FEATURE_COLUMNS,
            (feature, sample, value, unit, "", bool(reason), reason, line),
            strict=True,
        ):
            self.columns[column].append(cell)

    def reading(
        self,
        file: InstrumentFile,
        reader: str,
        kind: str,
        lines: tuple[int, int],
        warnings: Sequence[VialWarning],
        organisms: Iterable[str] = (),
    ) -> Reading:
        """The table as a reading."""
        return _reading(file, reader, kind, lines, warnings, frame_of(self.columns), organisms)


def _reading(
    file: InstrumentFile,
    reader: str,
    kind: str,
    lines: tuple[int, int],
    warnings: Sequence[VialWarning],
    table: pd.DataFrame,
    organisms: Iterable[str] = (),
) -> Reading:
    known = sorted(set(organisms))
    software = {"maxquant": "MaxQuant", "diann": "DIA-NN", "peaks": "PEAKS"}
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader=reader,
        kind=kind,
        software=software.get(reader, ""),
        encoding=file.encoding,
        features=table,
        facts={"organisms": ";".join(known)} if known else {},
        lines=lines,
        warnings=tuple(warnings),
    )


def _first(file: InstrumentFile) -> tuple[str, tuple[str, ...]]:
    """Separator and cells of the first line, small letters."""
    line = next(iter(head_lines(file, 1)), "")
    separator = separator_of(line) if line else ","
    return separator, tuple(c.lower() for c in cells_of(line, separator))


def _organisms(text: str) -> set[str]:
    """Words behind the names of entries, such as HUMAN of ``CD9_HUMAN``."""
    return set(re.findall(r"\b[A-Z0-9]{1,10}_([A-Z]{3,5})\b", text))


def _excluded(sheet: Sheet, reasons: Counter[str], lines: int) -> list[VialWarning]:
    if not reasons:
        return []
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    message = f"{sum(reasons.values())} of {lines} lines are excluded ({told})"
    return [sheet.warning("EXCLUDED", message)]


# MaxQuant -----------------------------------------------------------------------------------------


def _sniff_maxquant(file: InstrumentFile) -> bool:
    _, names = _first(file)
    return {"protein ids", "majority protein ids"} <= set(names)


def _read_maxquant(file: InstrumentFile) -> Reading:
    separator, names = _first(file)
    lines = cut(file.text, separator)
    heading = next(lines)
    sheet = Sheet(file=file, separator=separator)
    wanted = ("majority protein ids", "protein ids", "fasta headers", *MARKS)
    at = columns_named(sheet, Line(number=1, cells=names), wanted)
    if "majority protein ids" not in at:
        raise sheet.error(
            "the column 'Majority protein IDs' is missing; give MaxQuant's proteinGroups.txt.",
            1,
            "NOT_AN_EXPORT",
        )
    values = _intensities(sheet, heading)
    unmarked = [word for word in MARKS if word in at]
    table = _Table()
    reasons: Counter[str] = Counter()
    organisms: set[str] = set()
    zeros = count = last = 0
    # MaxQuant leaves out empty cells at the end of a line; numbers it does not leave out.
    ending = heading
    needed_numbers = max((i for i, _, _ in values), default=0)
    seen: dict[str, int] = {}
    for line in lines:
        if not any(line.cells):
            continue
        if len(line.cells) <= needed_numbers or len(line.cells) > len(heading.cells):
            raise sheet.error(
                f"this line has {len(line.cells)} cells and the heading {len(heading.cells)}; the "
                "file was cut or changed here. Give it unchanged.",
                line.number,
                "TRUNCATED",
            )
        group = line.cell(at["majority protein ids"])
        if not group:
            raise sheet.error("this group has no protein.", line.number, "COLUMNS")
        if group in seen:
            raise sheet.error(
                f"the group '{group[:40]}' stands in line {seen[group]} too; each has one line.",
                line.number,
                "COLUMNS",
            )
        seen[group] = line.number
        reason = next((MARKS[w] for w in unmarked if _marked(sheet, line, at[w], w)), "")
        if not reason and group.startswith("REV__"):
            reason = MARKS["reverse"]
        elif not reason and all(name.startswith("CON__") for name in group.split(";")):
            reason = MARKS["potential contaminant"]
        if reason:
            reasons[reason] += 1
        elif "fasta headers" in at:
            organisms |= _organisms(line.cell(at["fasta headers"]))
        count, last, ending = count + 1, line.number, line
        for column, unit, sample in values:
            value = sheet.number(line, column)
            if value < 0:
                raise sheet.error(
                    f"an intensity of {value:g} is negative (logarithms?); give MaxQuant's own "
                    "proteinGroups.txt.",
                    line.number,
                    "NOT_A_NUMBER",
                )
            if value == 0:
                value, zeros = math.nan, zeros + 1
            table.add(group, sample, value, unit, reason, line.number)
    if not count:
        raise sheet.error("the table has no groups; export it again.", 1, "EMPTY_RUN")
    refuse_cut_end(sheet, ending, len(heading.cells))
    warnings = _excluded(sheet, reasons, count)
    missing = [w for w in ("reverse", "potential contaminant") if w not in at]
    if "contaminant" in at and "potential contaminant" in missing:
        missing.remove("potential contaminant")
    if missing:
        message = f"the columns {', '.join(missing)} are missing; decoys and contaminants are told "
        message += "by the names REV__ and CON__ only"
        warnings.append(sheet.warning("COLUMNS", message, 1))
    if zeros:
        message = f"{zeros} of {count * len(values)} intensities are 0, which in MaxQuant means "
        message += "not measured: missing, never zero"
        warnings.append(sheet.warning("MISSING", message))
    return table.reading(file, "maxquant", MAXQUANT, (1, last), warnings, organisms)


def _intensities(sheet: Sheet, heading: Line) -> list[tuple[int, str, str]]:
    """Columns of intensities as (column, unit, sample); totals over samples are no sample."""
    found = []
    for i, cell in enumerate(heading.cells):
        for start, unit in MAXQUANT_KINDS:
            if cell.lower().startswith(start):
                found.append((i, unit, cell[len(start) :].strip()))
                break
    names = [f"{unit} {sample}" for _, unit, sample in found]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise sheet.error(f"the column '{twice[0]}' stands twice.", heading.number, "COLUMNS")
    if found:
        return found
    # An experiment without named samples has only the total.
    for i, cell in enumerate(heading.cells):
        if cell.lower() == "intensity":
            return [(i, "intensity", "")]
    raise sheet.error(
        "no column holds intensities ('Intensity', 'LFQ intensity' or 'iBAQ' by sample); give "
        "MaxQuant's own proteinGroups.txt.",
        heading.number,
        "COLUMNS",
    )


def _marked(sheet: Sheet, line: Line, column: int, word: str) -> bool:
    """Whether a line is marked; a spreadsheet may have put quotes or a truth value there."""
    cell = line.cell(column).strip('"').lower()
    if cell in {"+", "true"}:
        return True
    if cell in {"", "-", "false", "nan"}:
        return False
    raise sheet.error(
        f"'{cell[:40]}' stands in the column '{word}', where a plus sign or nothing is expected; "
        "the columns were shifted. Give the file unchanged.",
        line.number,
        "COLUMNS",
    )


# DIA-NN -------------------------------------------------------------------------------------------

DIANN_HEAD = ("protein.group", "protein.ids", "protein.names", "genes", "first.protein.description")


def _sniff_diann(file: InstrumentFile) -> bool:
    _, names = _first(file)
    return {"protein.group", "genes"} <= set(names) and not {"precursor.id", "run"} & set(names)


def _read_diann(file: InstrumentFile) -> Reading:
    separator, names = _first(file)
    lines = cut(file.text, separator)
    heading = next(lines)
    sheet = Sheet(file=file, separator=separator)
    at = columns_named(
        sheet, Line(number=1, cells=names), (*DIANN_HEAD, "n.sequences", "n.proteotypic.sequences")
    )
    samples = [(i, c) for i, c in enumerate(heading.cells) if i not in at.values()]
    labels = [c for _, c in samples]
    if "protein.group" not in at or not samples or "" in labels or len(set(labels)) < len(labels):
        raise sheet.error(
            "a matrix of protein groups has the column 'Protein.Group' and one column for each "
            "run, each named once; give DIA-NN's report.pg_matrix.tsv unchanged.",
            1,
            "COLUMNS",
        )
    table = _Table()
    organisms: set[str] = set()
    seen: dict[str, int] = {}
    empty = count = last = 0
    ending = heading
    for line in lines:
        if not any(line.cells):
            continue
        if any(line.cells[len(heading.cells) :]) or len(line.cells) <= max(at.values()):
            raise sheet.error(
                f"this line has {len(line.cells)} cells and the heading {len(heading.cells)}; the "
                "file was cut or changed here. Give it unchanged.",
                line.number,
                "TRUNCATED",
            )
        group = line.cell(at["protein.group"])
        if not group or group in seen:
            raise sheet.error(
                f"'{group[:40]}' is empty or stands in line {seen.get(group, 0)} too; each group "
                "has one line.",
                line.number,
                "COLUMNS",
            )
        seen[group] = line.number
        if "protein.names" in at:
            organisms |= _organisms(line.cell(at["protein.names"]))
        count, last, ending = count + 1, line.number, line
        reason = "potential contaminant" if _all_start(group, ("cont_", "con__", "ccon")) else ""
        for column, sample in samples:
            value = sheet.number(line, column)
            if value < 0:
                raise sheet.error(
                    f"a quantity of {value:g} is negative; the file was changed.",
                    line.number,
                    "NOT_A_NUMBER",
                )
            empty += math.isnan(value)
            table.add(group, sample, value, "intensity", reason, line.number)
    refuse_cut_end(sheet, ending, len(heading.cells))
    if not count:
        raise sheet.error("the matrix has no groups; export it again.", 1, "EMPTY_RUN")
    warnings = []
    if empty:
        message = f"{empty} of {count * len(samples)} quantities are blank: missing, never zero"
        warnings.append(sheet.warning("MISSING", message))
    return table.reading(file, "diann", DIANN, (1, last), warnings, organisms)


def _all_start(group: str, starts: tuple[str, ...]) -> bool:
    return all(name.lower().startswith(starts) for name in group.split(";"))


# PEAKS --------------------------------------------------------------------------------------------


def _sniff_peaks(file: InstrumentFile) -> bool:
    _, names = _first(file)
    return {"peptide", "-10lgp", "accession", "scan"} <= set(names)


def _sniff_peptides(file: InstrumentFile) -> bool:
    _, names = _first(file)
    return {"peptide", "accession", "source file"} <= set(names) and "-10lgp" not in names


def _read_peaks(file: InstrumentFile) -> Reading:
    return _counted(file, "peaks", PEAKS, "spectra")


def _read_peptides(file: InstrumentFile) -> Reading:
    return _counted(file, "peptides", PEPTIDES, "peptides")


def _counted(file: InstrumentFile, reader: str, kind: str, unit: str) -> Reading:
    """Lines counted by group of accessions and source file; those without one are left out."""
    separator, names = _first(file)
    lines = cut(file.text, separator)
    heading = next(lines)
    sheet = Sheet(file=file, separator=separator)
    at = columns_named(
        sheet, Line(number=1, cells=names), ("peptide", "accession", "source file", "scan")
    )
    if not {"peptide", "accession", "source file"} <= set(at):
        raise sheet.error(
            "the columns 'Peptide', 'Accession' and 'Source File' are needed; export the table "
            "from PEAKS again.",
            1,
            "COLUMNS",
        )
    counts: Counter[tuple[str, str]] = Counter()
    first_line: dict[tuple[str, str], int] = {}
    organisms: set[str] = set()
    nameless = total = last = 0
    for line in lines:
        if not any(line.cells):
            continue
        if len(line.cells) != len(heading.cells):
            raise sheet.error(
                f"this line has {len(line.cells)} cells and the heading {len(heading.cells)}; the "
                "file was cut or changed here. Export it again.",
                line.number,
                "TRUNCATED",
            )
        total, last = total + 1, line.number
        accession = line.cell(at["accession"])
        if not accession:
            nameless += 1
            continue
        organisms |= _organisms(accession)
        key = (_group(accession), line.cell(at["source file"]))
        counts[key] += 1
        first_line.setdefault(key, line.number)
    if not counts:
        raise sheet.error("no line names a protein; export the table again.", 1, "EMPTY_RUN")
    table = _Table()
    reasons: Counter[str] = Counter()
    for (group, sample), count in counts.items():
        decoy = all(name.lower().startswith(DECOYS) for name in group.split(";"))
        reason = "decoy" if decoy else ""
        reasons.update([reason] if reason else [])
        table.add(group, sample, float(count), unit, reason, first_line[group, sample])
    warnings = _excluded(sheet, reasons, len(counts))
    if nameless:
        message = f"{nameless} of {total} lines name no protein and are counted nowhere"
        warnings.append(sheet.warning("MISSING", message))
    return table.reading(file, reader, kind, (1, last), warnings, organisms)


def _group(accession: str) -> str:
    """``P01834|IGKC_HUMAN:P0DOX7|IGK_HUMAN`` as ``P01834;P0DOX7``; names without bars stay."""
    return ";".join(
        dict.fromkeys(name.partition("|")[0].strip() for name in re.split("[:;]", accession))
    ).strip(";")


# Lists --------------------------------------------------------------------------------------------

# Twice the proteins that people have genes for.
MOST_NAMES = 50_000
LIST_NAMES = (
    "accession",
    "uniprot id",
    "uniprot accession",
    "uniprotkb accession",
    "protein accession",
)


def _list_column(names: Sequence[str]) -> int | None:
    return next((i for i, name in enumerate(names) if name in LIST_NAMES), None)


def _sniff_list(file: InstrumentFile) -> bool:
    separator, names = _first(file)
    column = _list_column(names)
    if column is None or "peptide" in names or "scan" in names:
        return False
    cells = [cells_of(line, separator) for line in head_lines(file, 30)[1:] if line.strip()]
    found = sum(column < len(c) and ACCESSION.fullmatch(c[column]) is not None for c in cells)
    return bool(cells) and found >= max(1, len(cells) // 2)


def _read_list(file: InstrumentFile) -> Reading:
    separator, names = _first(file)
    column = _list_column(names)
    sheet = Sheet(file=file, separator=separator)
    if column is None:
        raise sheet.error(
            f"the first line has no column '{LIST_NAMES[0]}' or 'UniProt ID'; a list of accessions "
            "needs one.",
            1,
            "COLUMNS",
        )
    lines = cut(file.text, separator)
    next(lines)
    places: dict[str, int] = {}
    counts, first_lines = array("d"), array("q")
    odd: list[str] = []
    total = 0
    for line in lines:
        name = line.cell(column)
        if not any(line.cells):
            continue
        if not name or len(name) > 80:
            raise sheet.error(
                "this line names no accession; the file was cut or changed here.",
                line.number,
                "TRUNCATED",
            )
        total += 1
        if name in places:
            counts[places[name]] += 1
            continue
        if not ACCESSION.fullmatch(name):
            odd.append(name)
        if len(places) >= MOST_NAMES:
            raise sheet.error(
                f"the list names more than {MOST_NAMES:,} proteins, and a cell has fewer. Give "
                "those that were found.",
                line.number,
                "TOO_LARGE",
            )
        places[name] = len(counts)
        counts.append(1.0)
        first_lines.append(line.number)
    if not places:
        raise sheet.error("the list is empty.", 1, "EMPTY_RUN")
    warnings = []
    if total > len(places):
        message = f"{total} lines name {len(places)} accessions; how often each stands is kept as "
        message += "'mentions' and is no amount"
        warnings.append(sheet.warning("DUPLICATE", message))
    if odd:
        message = f"{len(odd)} names are no UniProt accessions, such as '{odd[0]}'; they are kept"
        warnings.append(sheet.warning("NAMES", message))
    last = first_lines[-1]
    listed = list(places)
    places.clear()
    return _reading(
        file, "accessions", LIST, (1, last), warnings, _mentions(listed, counts, first_lines)
    )


def _mentions(names: list[str], counts: array[float], lines: array[int]) -> pd.DataFrame:
    """How often each name stands, without a list of the same word in every line."""
    import pandas as pd

    n = len(names)

    def word(text: str) -> pd.Categorical[str]:
        return pd.Categorical.from_codes(np.zeros(n, dtype=np.int8), pd.Index([text]))

    return pd.DataFrame(
        {
            "feature": pd.Series(np.array(names, dtype=object), dtype=object, copy=False),
            "sample": word(""),
            "value": np.frombuffer(counts, dtype=np.float64),
            "unit": word("mentions"),
            "censored": word(""),
            "excluded": np.zeros(n, dtype=bool),
            "reason": word(""),
            "line": np.frombuffer(lines, dtype=np.int64),
        },
        copy=False,
    )


READERS = (
    Reader(
        name="maxquant",
        kind=MAXQUANT,
        sniff=_sniff_maxquant,
        read=_read_maxquant,
        most_bytes=200_000_000,
    ),
    Reader(name="diann", kind=DIANN, sniff=_sniff_diann, read=_read_diann, most_bytes=50_000_000),
    Reader(name="peaks", kind=PEAKS, sniff=_sniff_peaks, read=_read_peaks, most_bytes=100_000_000),
    Reader(name="peptides", kind=PEPTIDES, sniff=_sniff_peptides, read=_read_peptides),
    Reader(name="accessions", kind=LIST, sniff=_sniff_list, read=_read_list, most_bytes=20_000_000),
)
