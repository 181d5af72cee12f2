"""Quantification cycles of RDML, the XML of PCR runs, plain or in its archive.

The document is read as a stream: of each reaction the stated cycle and the end of its curve are
kept, and never the curve. A cycle of -1 is "not available", and only the note beside it says that
nothing was amplified: then it is censored, never a number. Raw curves are not quantified.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exocast.errors import InstrumentFileError
from exocast.vial.cells import number
from exocast.vial.files import InstrumentFile
from exocast.vial.readers.qpcr import MOST_CYCLES, role_of_task
from exocast.vial.records import Reading, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.wells import Well, Wells

KIND = "RDML file"
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
# Words for the unit of a standard; the schema gives them per microlitre of template.
UNITS = {"cop": "copies/uL", "ng": "ng/uL", "nMol": "nmol/uL", "fold": "fold", "dil": "dil"}
RUN = ("rdml", "experiment", "run")
REACT, DATA = (*RUN, "react"), (*RUN, "react", "data")
SAMPLE = ("rdml", "sample")
QUANTITY = (*SAMPLE, "quantity")
# Elements of which the first text is wanted.
TEXTS = {
    *((*DATA, name) for name in ("cq", "note", "excl")),
    (*DATA, "adp", "cyc"),
    (*RUN, "instrument"),
    *((*RUN, "dataCollectionSoftware", name) for name in ("name", "version")),
    *((*RUN, "pcrFormat", name) for name in ("rowLabel", "columnLabel", "columns")),
    (*SAMPLE, "type"),
    *((*QUANTITY, name) for name in ("value", "unit")),
    ("rdml", "dateMade"),
}
NAMES = {"sample", "tar", *(name for path in TEXTS for name in path)}
# A document of RDML is a dozen deep.
DEPTH = len(DATA) + 2


@dataclass(slots=True, kw_only=True)
class _Data:
    """What a reaction says of one target; a text is None where its element is missing."""

    target: str = ""
    cq: str | None = None
    note: str | None = None
    excl: str | None = None
    last: float = math.nan
    broken: InstrumentFileError | None = None


@dataclass(slots=True, kw_only=True)
class _React:
    """A reaction: its place, its sample, and its targets."""

    react: str
    sample: str | None = None
    data: list[_Data] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Run:
    """A run with the words that stand once in it."""

    plate: str
    words: dict[tuple[str, ...], str] = field(default_factory=dict)
    reacts: list[_React] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Sample:
    """Types and quantities of a sample, each with the target that it is for."""

    types: list[tuple[str | None, str]] = field(default_factory=list)
    quantities: list[tuple[str | None, dict[str, str]]] = field(default_factory=list)


class _Document:
    """What is kept of a document while it passes by."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.root: str | None = None
        self.version = self.date = ""
        self.runs: list[_Run] = []
        self.samples: dict[str, _Sample] = {}
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._experiment = ""
        self._sample = _Sample()
        # Of a name that may stand once only the first counts: names met, and whether an element
        # is the first of its name, by depth.
        self._met: list[set[str]] = []
        self._firsts: list[bool] = []
        self._skipped = 0
        self._attributes: Mapping[str, str] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if self._text is not None:
            # Text behind an element inside is not the text of the element.
            self._end_text()
        if self._skipped or len(self._path) >= DEPTH:
            self._skipped += 1
            return
        if self.root is None:
            self.root = name
        self._path.append(name)
        path = tuple(self._path)
        first = not self._met or name not in self._met[-1]
        if self._met and name in NAMES:
            self._met[-1].add(name)
        self._met.append(set())
        self._firsts.append(first)
        self._begin(path, attributes, first=first)
        if path in TEXTS:
            self._text, self._attributes = [], attributes

    def _begin(self, path: tuple[str, ...], attributes: Mapping[str, str], *, first: bool) -> None:
        if path == ("rdml",):
            self.version = attributes.get("version", "")
        elif path == ("rdml", "experiment"):
            self._experiment = attributes.get("id", "")
        elif path == RUN:
            self.runs.append(_Run(plate=f"{self._experiment} / {attributes.get('id', '')}"))
        elif path == REACT:
            self.runs[-1].reacts.append(_React(react=attributes.get("id", "")))
        elif path == (*REACT, "sample") and first:
            self.runs[-1].reacts[-1].sample = attributes.get("id", "")
        elif path == DATA:
            self.runs[-1].reacts[-1].data.append(_Data())
        elif path == (*DATA, "tar") and first:
            self._data().target = attributes.get("id", "")
        elif path == SAMPLE:
            self._sample = self.samples[attributes.get("id", "")] = _Sample()
        elif path == QUANTITY:
            self._sample.quantities.append((attributes.get("targetId"), {}))

    def _data(self) -> _Data:
        return self.runs[-1].reacts[-1].data[-1]

    def text(self, text: str) -> None:
        """Text inside an element."""
        if self._text is not None and not self._skipped:
            self._text.append(text)

    def end(self, _name: str) -> None:
        """An element ends."""
        if self._text is not None:
            self._end_text()
        if self._skipped:
            self._skipped -= 1
            return
        for stack in (self._path, self._met, self._firsts):
            stack.pop()

    def _end_text(self) -> None:
        text, self._text = "".join(self._text or ()).strip(), None
        path = tuple(self._path)
        name = path[-1]
        if path == (*SAMPLE, "type"):
            self._sample.types.append((self._attributes.get("targetId"), text))
        elif not self._firsts[-1]:
            return
        elif path[:-1] == QUANTITY:
            self._sample.quantities[-1][1][name] = text
        elif path == ("rdml", "dateMade"):
            self.date = text
        elif path[:-1] == DATA:
            setattr(self._data(), name, text)
        elif name == "cyc":
            self._point(text)
        elif path[:3] == RUN and all(self._firsts[3:]):
            self.runs[-1].words[path[3:]] = text

    def _point(self, text: str) -> None:
        data = self._data()
        if data.broken is not None:
            return
        where = f"{self.where}, {self.runs[-1].plate}, reaction {self.runs[-1].reacts[-1].react}"
        try:
            cycle = number(text, decimal_comma=False, where=where)
        except InstrumentFileError as e:
            # Told in its turn, behind what is wrong before it.
            data.broken = e
            return
        if not math.isnan(cycle) and not cycle <= data.last:
            data.last = cycle


def _sniff(file: InstrumentFile) -> bool:
    if file.members:
        office = any(m.startswith(("xl/", "word/", "ppt/")) for m in file.members)
        return not office and _member(file) is not None
    return bool(re.match(r"\s*(<\?xml[^>]*>)?\s*(<!--.*?-->\s*)*<(\w+:)?rdml[\s>]", file.head))


def _member(file: InstrumentFile) -> str | None:
    """The document of an archive: ``rdml_data.xml``, or the only XML that stands at its top."""
    if "rdml_data.xml" in file.members:
        return "rdml_data.xml"
    top = [m for m in file.members if m.lower().endswith(".xml") and "/" not in m]
    return top[0] if len(top) == 1 and not top[0].startswith("[") else None


def _read(file: InstrumentFile) -> Reading:
    name = None
    if file.members:
        name = _member(file)
        if name is None:
            raise InstrumentFileError(
                "the archive holds no single XML document, and an RDML file does; export it again.",
                where=str(file.path),
            )
    document = _Document(str(file.path))
    file.parse_xml(document, name)
    if document.root != "rdml":
        raise InstrumentFileError(
            f"the XML begins with <{(document.root or '')[:40]}> and not with <rdml>; give an RDML "
            "file.",
            where=str(file.path),
        )
    version = document.version
    warnings = []
    if version not in VERSIONS:
        message = f"RDML version '{version}' is not known here (1.0 to 1.4 are); names were read "
        message += "as in 1.4"
        warnings.append(VialWarning(code="VERSION", message=message, where=str(file.path)))
    wells = Wells(str(file.path))
    limits: Counter[float] = Counter()
    unstated = 0
    for run in document.runs:
        for react in run.reacts:
            for data in react.data:
                unstated += not _add(document, wells, run, react, data, limits)
    total = len(wells)
    if not total:
        raise InstrumentFileError(
            "the file holds no reaction with data; export the run with its results.",
            code="EMPTY_RUN",
            where=str(file.path),
        )
    if unstated:
        message = f"{unstated} of {total} reactions state no Cq; raw curves are not quantified "
        message += "here. Analyse the run in the instrument's software and export it again"
        warnings.append(VialWarning(code="RAW_CURVES", message=message, where=str(file.path)))
    for limit, count in sorted(limits.items()):
        message = f"{count} of {total} reactions were not detected: censored above "
        message += f"cycle {limit:g}" if limit else "a last cycle that the file does not say"
        message += ", never a value"
        warnings.append(VialWarning(code="CENSORED", message=message, where=str(file.path)))
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="rdml",
        kind=KIND,
        software=next(filter(None, map(_software, document.runs)), ""),
        instrument=next(filter(None, (_word(r, "instrument") for r in document.runs)), ""),
        encoding=file.encoding if not file.members else "",
        wells=wells.table(words=object),
        facts={"version": version, "dateMade": document.date},
        warnings=tuple(warnings),
    )


def _word(run: _Run, *path: str) -> str:
    return run.words.get(path, "")


def _software(run: _Run) -> str:
    tool = "dataCollectionSoftware"
    return f"{_word(run, tool, 'name')} {_word(run, tool, 'version')}".strip()


def _add(
    document: _Document, wells: Wells, run: _Run, react: _React, data: _Data, limits: Counter[float]
) -> bool:
    """One reaction and target; whether the file states a Cq for it."""
    name = react.sample or ""
    sample = document.samples.get(name)
    where = f"{document.where}, {run.plate}, reaction {react.react}"
    stated = data.cq or ""
    cq = number(stated, decimal_comma=False, where=where)
    if data.broken is not None:
        raise data.broken
    last = data.last
    if stated and not (math.isnan(cq) or cq == -1 or 0 <= cq <= MOST_CYCLES):
        raise InstrumentFileError(
            f"a Cq of {cq:g} is no cycle of a PCR; the file was changed. Export it again.",
            code="NOT_A_NUMBER",
            where=where,
        )
    # -1 means "not available" in RDML; only the note says whether nothing was amplified.
    nothing = "no amplification" in (data.note or "").lower()
    censored = bool(stated) and (nothing or cq >= last or math.isnan(cq))
    if cq == -1:
        cq = math.nan
        censored = nothing
    if censored:
        limits[0.0 if math.isnan(last) else last] += 1
        cq = last
    nominal, unit = _nominal(sample, data.target, where)
    role = role_of_task(_type(sample, data.target))
    none = math.isnan(cq) and not censored
    reason = "no Cq stated" if none else ""
    if data.excl is not None:
        reason = data.excl or "excluded in the file"
    wells.append(
        Well(
            plate=run.plate,
            well=_position(run, react.react),
            sample=name,
            target=data.target,
            role=role,
            nominal=nominal if role == "standard" else math.nan,
            nominal_unit=unit if role == "standard" else "",
            value=cq,
            unit="Cq",
            censored="above" if censored else "",
            excluded=data.excl is not None or none,
            reason=reason,
        )
    )
    return censored or not math.isnan(cq)


def _type(sample: _Sample | None, target: str) -> str:
    """Type of a sample; from version 1.3 on it may differ by target."""
    types = sample.types if sample is not None else []
    return next((text for key, text in types if key == target), types[0][1] if types else "")


def _nominal(sample: _Sample | None, target: str, where: str) -> tuple[float, str]:
    quantities: Sequence[tuple[str | None, dict[str, str]]] = sample.quantities if sample else ()
    chosen = next((q for key, q in quantities if key == target), None)
    if chosen is None:
        chosen = quantities[0][1] if quantities else {}
    unit = chosen.get("unit", "")
    value = number(chosen.get("value", ""), decimal_comma=False, where=where)
    return value, UNITS.get(unit, unit)


def _position(run: _Run, react: str) -> str:
    """Well of a reaction: its id, or row and column where the plate is lettered."""
    letters = (_word(run, "pcrFormat", "rowLabel"), _word(run, "pcrFormat", "columnLabel"))
    columns = _word(run, "pcrFormat", "columns")
    # isdecimal and a bound: an id is written by whoever made the file.
    if letters == ("ABC", "123") and react.isdecimal() and columns.isdecimal() and len(react) < 7:
        across = int(columns[:6])
        row, column = divmod(int(react) - 1, across) if across else (26, 0)
        if 0 <= row < 26:
            return f"{chr(ord('A') + row)}{column + 1}"
    return react


READERS = (Reader(name="rdml", kind=KIND, sniff=_sniff, read=_read, most_bytes=20_000_000),)
