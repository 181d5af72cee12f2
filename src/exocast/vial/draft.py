"""A first ``batch.yaml`` from a folder of exports: files sorted by what they are, questions left.

Nothing is decided that only a person knows. What the files do not say stands as a comment beside
the field that asks for it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exocast.errors import InvalidInput
from exocast.vial.batch import BATCH_FILE, POSITIONS, run_of_positions
from exocast.vial.identity import AMOUNTS
from exocast.vial.names import dilutions_in, says_beads
from exocast.vial.records import Reading, maker_of
from exocast.vial.registry import read_file

PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pdf", ".bmp"}
MOST_FILES = 2_000
# What buffers are called, and words beside them that tell of a sample all the same.
_BLANK = re.compile(r"(?<![a-z])(blank|buffer|vehicle|pbs|medium only)(?![a-z])", re.IGNORECASE)
_SAMPLE = re.compile(
    r"(?<![a-z])(lot|batch|vial|evs?|mv|msc|exosom\w*|vesic\w*|sample|isolat\w*|fraction|subtract\w*|"
    r"trehalose|sucrose|albumin|hsa|bsa)(?![a-z])",
    re.IGNORECASE,
)
VIAL, ASKS = "<vial>", "<asks>"
_POTENCY = {"sample", "dose", "dose_unit", "response"}


@dataclass
class Draft:
    """A drafted batch: its text, and what was found.

    Attributes
    ----------
    text
        Content of ``batch.yaml``.
    sorted_files
        Files by the field that they went into.
    unread
        Files that no reader knows, with the reason.
    counted_by
        Methods and instruments that counted particles, by how doses could be drawn up.
    """

    text: str = ""
    sorted_files: dict[str, list[str]] = field(default_factory=dict)
    unread: list[tuple[str, str]] = field(default_factory=list)
    counted_by: list[str] = field(default_factory=list)


def draft_batch(
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
    base: Path | None = None,
) -> Draft:
    """A ``batch.yaml`` for the exports of a folder and the folders in it.

    Parameters
    ----------
    folder
        Where the exports are.
    base
        Folder that the batch file will stand in, which its paths start from; ``folder`` when not
        given.
    progress
        Called with (files read, files in all).

    Raises
    ------
    InvalidInput
        When there is nothing to read, or far too much.
    """
    if not folder.is_dir():
        raise InvalidInput("this is no folder; name the one with the exports.", where=str(folder))
    files = sorted(
        p
        for p in folder.rglob("*")
        if p.is_file()
        and p.name != BATCH_FILE
        and not any(part.startswith(".") for part in p.relative_to(folder).parts)
    )
    if not files or len(files) > MOST_FILES:
        raise InvalidInput(
            f"there are {len(files)} files; a batch has 1 to {MOST_FILES}. Name the folder of one "
            "batch.",
            where=str(folder),
        )
    made = Draft()
    start = (folder if base is None else base).absolute()
    paths = {os.path.relpath(p.absolute(), start).replace(os.sep, "/"): p for p in files}
    entries: dict[str, list[str]] = {}
    for done, (name, path) in enumerate(paths.items()):
        for place, line in _entry(path, name, set(paths), made):
            entries.setdefault(place, []).append(line)
            kept = made.sorted_files.setdefault(place, [])
            if line.lstrip().startswith("-") and name not in kept:
                kept.append(name)
        if progress is not None:
            progress(done + 1, len(files))
    made.sorted_files = {place: names for place, names in made.sorted_files.items() if names}
    runs = [line for line in entries.get("particles", ()) if VIAL in line]
    # One run is of one vial, whatever it is called; of several only a person knows.
    answer, asks = ('vial: "1"', "") if len(runs) < 2 else ("vial: null", "which vial? ")
    entries["particles"] = [
        line.replace(VIAL, answer).replace(ASKS, asks).rstrip(" #")
        for line in entries.get("particles", ())
    ]
    if len(made.counted_by) > 1:
        entries["counted_by"] = [", ".join(dict.fromkeys(made.counted_by))]
    made.text = _text(folder.resolve().name, entries, made.unread)
    return made


def _entry(path: Path, name: str, names: set[str], made: Draft) -> list[tuple[str, str]]:
    """Fields and lines of one file."""
    if path.suffix.lower() in PICTURES:
        line = f"  # - {{shows: image wide, file: {_quoted(name)}, method: cryo-EM}}"
        return [("documents", f"{line}   # or: protein marker (protein:, found:) ...")]
    try:
        reading = read_file(path)
    except InvalidInput as e:
        if _is_potency(path):
            line = f"  # - {{file: {_quoted(name)}, sample: , assay: }}"
            return [("potency", f"{line}   # wells of reference and test: name the assay")]
        made.unread.append((name, f"{e.code}: {e.message.splitlines()[0].partition('. ')[0]}"))
        return []
    if reading.particles is not None:
        found = _particles(reading, name, names)
        said = f"{maker_of(reading)} ({reading.particles.method})"
        if any(line.lstrip().startswith("-") for _, line in found) and said not in made.counted_by:
            made.counted_by.append(said)
        return found
    place, lines = _table(reading, name)
    return [(place, line) for line in lines]


def _is_potency(path: Path) -> bool:
    """Whether a text has the columns of a potency assay's wells."""
    with path.open("rb") as file:
        head = file.readline(500).decode("latin-1").lower()
    return {c.strip(' \r\n"') for c in re.split("[,;\t]", head)} >= _POTENCY


def _particles(reading: Reading, name: str, names: set[str]) -> list[tuple[str, str]]:
    export = reading.particles
    assert export is not None
    if beads := says_beads(export.texts):
        said = f"left out: '{_plain(beads)}' says that these are calibration beads"
        return [("particles", f"  # - {{file: {_quoted(name)}}}   # {said}")]
    if reading.reader == POSITIONS and (whole := run_of_positions(name, names)):
        said = f"left out: the positions of the run that stands whole in '{whole}'"
        return [("particles", f"  # - {{file: {_quoted(name)}}}   # {said}")]
    found = []
    for sample in export.samples if len(export.samples) > 1 else ("",):
        parts = [f"file: {_quoted(name)}"]
        if sample:
            parts.append(f"sample: {_quoted(sample)}")
        buffer = _buffer_word((sample,) if sample else export.texts)
        said = f"   # taken for buffer because of '{buffer}': is it? " if buffer else f"   # {ASKS}"
        if not buffer:
            parts.append(VIAL)
        if export.dilution.value is None:
            parts.append("dilution: null")
            pieces = dilutions_in(export.samples) or dilutions_in(export.texts)
            said += "dilution is not in the file: give it"
            said += f"; names contain {', '.join(map(_plain, pieces))}" if pieces else ""
        line = f"  - {{{', '.join(parts)}}}{said}"
        found.append(("blanks" if buffer else "particles", line))
    return found


def _buffer_word(texts: Iterable[str]) -> str:
    """The word that makes a run one of buffer, unless any name of it tells of a sample."""
    names = [text.replace("_", " ") for text in texts]
    if any(_SAMPLE.search(text) for text in names):
        return ""
    found = [match.group(1) for text in names if (match := _BLANK.search(text))]
    return found[0] if found else ""


def _table(reading: Reading, name: str) -> tuple[str, list[str]]:
    quoted = _quoted(name)
    samples = _listed(reading.samples)
    if reading.events is not None:
        channels = ", ".join(_plain(str(c)) for c in reading.events.columns[:12])
        return "markers", [
            f"  # - {{file: {quoted}, channel: , marker: , blank: }}   # channels: {channels}"
        ]
    if reading.features is not None:
        units = {str(u) for u in reading.features["unit"].unique()}
        place = "cargo" if units & {"count", "Cq"} else "identity"
        if place == "identity" and not units <= set(AMOUNTS):
            said = f"{reading.kind}: a list says nothing about a sample"
            return place, [f"  # - {{file: {quoted}}}   # left out: {said}"]
        which = ", sample: null" if len(reading.samples) > 1 else ""
        asks = " (which? 'all' where each is)" if which else ""
        return place, [
            f"  - {{file: {quoted}{which}}}   # {reading.kind}; samples: {samples}{asks}"
        ]
    if reading.wells is not None:
        units = {str(u) for u in reading.wells["unit"].unique()}
        if units & {"Cq", "copies/uL"}:
            return "cargo", [_pcr(reading, quoted)]
        line = f"  # - {{file: {quoted}, sample: , curve: linear}}   # {reading.kind}; samples: "
        return "protein", [f"{line}{samples}; a potency plate goes under 'potency'"]
    attributes = {m.attribute for m in reading.measurements}
    if "protein" in attributes:
        mine = [m.sample for m in reading.measurements if m.attribute == "protein"]
        if len(mine) == 1:
            return "protein", [f"  - {{file: {quoted}, sample: {_quoted(mine[0])}}}"]
        return "protein", [f"  # - {{file: {quoted}, sample: }}   # samples: {samples}"]
    return "other", [f"  - {{file: {quoted}}}   # {reading.kind}"]


def _pcr(reading: Reading, quoted: str) -> str:
    """Line of a PCR; one without standards tells no copies and would stop the batch."""
    wells = reading.wells
    assert wells is not None
    own = tuple(
        dict.fromkeys(str(s) for s in wells.loc[wells["role"] != "standard", "sample"] if s)
    )
    targets = tuple(dict.fromkeys(str(t) for t in wells["target"] if t))
    if (
        "Cq" in set(wells["unit"])
        and not ((wells["role"] == "standard") & (wells["nominal"] > 0)).any()
    ):
        said = f"left out: {reading.kind} without standards, which give copies; samples: "
        return f"  # - {{file: {quoted}}}   # {said}{_listed(own)}"
    parts = [f"file: {quoted}"]
    parts += ["sample: null"] if len(own) > 1 else []
    parts += ["target: null"] if len(targets) > 1 else []
    said = f"samples: {_listed(own)}"
    said += f"; targets: {_listed(targets)}" if len(targets) > 1 else ""
    return f"  - {{{', '.join(parts)}}}   # {reading.kind}; {said}"


def _listed(names: Sequence[str], most: int = 6) -> str:
    """The first names of several, for a comment."""
    shown = ", ".join(_plain(n) for n in names[:most]) or "none named"
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


PLACES = {
    "particles": "counts and sizes; say which vial of the fill each is of",
    "blanks": "the buffer alone, by each instrument; its sizes are taken off too",
    "protein": "protein of the fill; {concentration: 110 ug/mL} where there is no file",
    "identity": "tables of identified proteins",
    "markers": "flow cytometry: channel, marker and the file of the blank or isotype",
    "cargo": "qPCR, digital PCR, sequencing counts; for copies per mL and per particle add "
    "volumes: {sample: 200 uL, eluate: 50 uL, template: 2 uL, reaction: 20 uL, dilution: 1}",
    "other": "read and shown, used for nothing: light scattering, particulates",
    "potency": "against the reference: {file: plate.csv, sample: lot 7, assay: macrophage nitrite}",
    "documents": "what no reader takes: blots, micrographs, certificates",
}


def _text(title: str, entries: dict[str, list[str]], unread: Iterable[tuple[str, str]]) -> str:
    lines = [
        "# A batch: files and facts, no results. Fill in what only you know;",
        "# 'exocast schema batch' lists all fields. Lines that start with '#' count for nothing.",
        "schema_version: 1",
        f"title: {_quoted(title)}",
        "product: msc_ev",
        "contents: vesicles        # vesicles | beads | unknown: what the counted particles are",
        "# source: {tissue: umbilical cord, cells: stromal cells, passage: 4, volume: 1.2 L}",
        "# making: {culture: , serum: none, priming: none, separation: [], buffer: PBS}",
        "# fill: {volume: 1 mL, vials: 40, container: polypropylene}",
        "# storage:                # between measurement and injection, in order",
        "#   - {temperature: -80 degC, duration: 60 day}",
        "#   - {thaw: 1}",
    ]
    if several := entries.get("counted_by"):
        lines += [
            "",
            f"# Particles were counted by {several[0]}. Of two methods, name the one",
            "# that doses are drawn up by; instruments of one method are taken together, each with",
            "# a bias, unless one is named:",
            "# counted_by:",
        ]
    for place, what in PLACES.items():
        found = entries.get(place, [])
        used = any(line.lstrip().startswith("-") for line in found)
        lines += ["", f"{'' if used else '# '}{place}:{' ' * (14 - len(place))}# {what}"]
        lines += found
    told = list(unread)
    if told:
        lines += ["", "# Not read:"]
        lines += [f"#   {_plain(name)}   {_plain(why)}" for name, why in told]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A text as YAML takes it, whatever signs it holds."""
    return json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> str:
    """A text that can stand in a comment."""
    return " ".join(text.split())
