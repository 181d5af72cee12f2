"""Which proteins of the identity panel stand in a protein table: found, not found, or not tested.

The panel is the table ``vial/identity.csv``. The answer reports what was found; it is no measure
of quality, and a protein that was not found may be below what the instrument sees.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exocast.errors import InstrumentFileError, UnknownName, nearest
from exocast.vial.records import Reading

PANEL = Path(__file__).with_name("identity.csv")
FOUND, NOT_FOUND, NOT_TESTED = "found", "not found", "not tested"
# Units of a features table that say a protein was there when a number stands.
AMOUNTS = ("intensity", "LFQ intensity", "iBAQ", "spectra", "peptides")


@dataclass(frozen=True, kw_only=True)
class Marker:
    """One protein of the panel.

    Attributes
    ----------
    counts
        Whether finding it is evidence of vesicles.
    status
        ``found``, ``not found`` or ``not tested``.
    reason
        Why it was not tested, or what it shares its group with.
    lines
        Lines of the file behind it.
    """

    gene: str
    accessions: tuple[str, ...]
    category: str
    counts: bool
    status: str
    reason: str
    lines: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class IdentityReport:
    """The panel against one sample, or all samples of a file.

    Attributes
    ----------
    markers
        One for each row of the panel, in its order.
    """

    file: str
    sample: str
    markers: tuple[Marker, ...]

    def found(self, category: str, *, counting: bool = True) -> tuple[str, ...]:
        """Genes of a category that were found.

        Parameters
        ----------
        category
            As the panel names it.
        counting
            Only those that are evidence of vesicles.
        """
        return tuple(
            m.gene
            for m in self.markers
            if m.category == category and m.status == FOUND and (m.counts or not counting)
        )


@functools.cache
def panel_rows() -> tuple[dict[str, str], ...]:
    """Rows of the panel."""
    with PANEL.open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))


def accessions_of(feature: str) -> tuple[str, ...]:
    """Accessions of a group, without isoforms and without the marks of contaminants.

    Parameters
    ----------
    feature
        Such as ``P21926;P21926-2``, ``sp|P21926|CD9_HUMAN`` or ``CON__P02768-1``.
    """
    found = []
    for name in re.split("[;:]", feature):
        plain = name.strip()
        if plain.startswith(("sp|", "tr|")):
            plain = plain[3:]
        plain = plain.removeprefix("CON__").partition("|")[0]
        found.append(plain.partition("-")[0])
    return tuple(dict.fromkeys(found))


def identity_panel(reading: Reading, sample: str | None = None) -> IdentityReport:
    """Which proteins of the panel the table has, after the lines that the search rejected.

    A protein stands in one of three ways. ``found``: a number stands in a line that is not
    excluded and whose group names it. ``not found``: none does. ``not tested``: the file cannot
    say: it is of another species, or the protein stands in excluded lines only, so that the
    sample's own cannot be told from the laboratory's.

    Parameters
    ----------
    reading
        A table of proteins; a plain list of accessions says nothing about a sample.
    sample
        One of its samples; all of them together when None.

    Returns
    -------
    A report, never a score.

    Raises
    ------
    InstrumentFileError
        ``NO_PROTEINS`` when the file is no table of proteins of a sample.
    UnknownName
        When there is no such sample.
    """
    table = reading.features
    if table is None or not table["unit"].isin(AMOUNTS).all():
        raise InstrumentFileError(
            f"this is a {reading.kind}, which does not say which proteins a sample had; give the "
            "table of a search (MaxQuant, DIA-NN, PEAKS).",
            code="NO_PROTEINS",
            where=reading.file,
        )
    if sample is not None:
        if sample not in reading.samples:
            raise UnknownName(
                f"the file has no sample '{sample}'." + nearest(sample, reading.samples),
                where=reading.file,
            )
        table = table[table["sample"] == sample]
    table = table[table["value"].notna()]
    kept: dict[str, list[tuple[int, int]]] = {}
    rejected: dict[str, list[tuple[int, str]]] = {}
    groups = table.drop_duplicates(subset=["feature", "line"])
    for feature, excluded, reason, line in zip(
        groups["feature"], groups["excluded"], groups["reason"], groups["line"], strict=True
    ):
        names = accessions_of(str(feature))
        for name in names:
            if excluded:
                rejected.setdefault(name, []).append((int(line), str(reason)))
            else:
                kept.setdefault(name, []).append((int(line), len(names)))
    foreign = _foreign(reading, kept)
    return IdentityReport(
        file=reading.file,
        sample=sample or "",
        markers=tuple(_marker(row, kept, rejected, foreign) for row in panel_rows()),
    )


def _foreign(reading: Reading, kept: Mapping[str, object]) -> str:
    """Why no protein of the panel can be looked for; empty where it can."""
    organisms = reading.facts.get("organisms", "").split(";")
    if organisms != [""] and "HUMAN" not in organisms:
        return f"the table's proteins are those of {', '.join(organisms)}, the panel's are human"
    panel = {a for row in panel_rows() for a in row["accessions"].split(";")}
    if not panel & set(kept):
        return "no human accession of the panel stands in the table; it may use other names"
    return ""


def _marker(
    row: Mapping[str, str],
    kept: Mapping[str, list[tuple[int, int]]],
    rejected: Mapping[str, list[tuple[int, str]]],
    foreign: str,
) -> Marker:
    names = tuple(row["accessions"].split(";"))
    hits = [hit for name in names for hit in kept.get(name, [])]
    out = [hit for name in names for hit in rejected.get(name, [])]
    status, reason = NOT_FOUND, ""
    lines = tuple(sorted({line for line, _ in hits}))
    if hits:
        status = FOUND
        others = min(size for _, size in hits) - 1
        if others > len(names) - 1:
            reason = f"its group names {others} other proteins too, and any of them may be meant"
    elif foreign:
        status, reason = NOT_TESTED, foreign
    elif out:
        status = NOT_TESTED
        reason = f"it stands in excluded lines only ({out[0][1]})"
        lines = tuple(sorted({line for line, _ in out}))
    return Marker(
        gene=row["gene"],
        accessions=names,
        category=row["category"],
        counts=row["counts"] == "yes",
        status=status,
        reason=reason,
        lines=lines,
    )
