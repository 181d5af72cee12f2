"""Tables of sizes of the HORIBA ViewSizer 3000 (``*.dat``, ``Videos_*.dat``).

No real file was at hand. The layout is that which ``nanotracking`` 0.0.6 (MIT) expects: a table of
bins with a tab and a blank between its columns, and one line a video with its number, a number
that is not explained, mean and standard deviation of its sizes, and the sizes themselves. Whether a
dilution is in the concentrations is not known of these files, so it is asked for.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InstrumentFileError
from exocast.vial.cells import number, plain_numbers
from exocast.vial.files import InstrumentFile
from exocast.vial.names import sample_of
from exocast.vial.records import (
    NO_DILUTION,
    Bins,
    Capture,
    ParticleExport,
    Reading,
    VialWarning,
)
from exocast.vial.registry import Reader

Array = NDArray[np.float64]
SIZES_KIND = "ViewSizer 3000 size distribution"
VIDEOS_KIND = "ViewSizer 3000 sizes by video"
INSTRUMENT = "HORIBA ViewSizer 3000"
LOWER = "lowerbindiameter_[nm]"
CENTRE = "centerbindiameter_[nm]"
DENSITY = "psd_corrected_[counts/ml/nm]"
BEFORE_SIZES = 4  # number of the video, a number that is not explained, mean, standard deviation
WIDTH_NM = 5.0  # single particles are counted into bins of this width
LARGEST_NM = 15_000.0  # upper end of what the instrument sizes
MOST_VIDEOS = 1_000
STEP_TOLERANCE = 0.01
# Mean and standard deviation may be printed with fewer digits than the sizes.
PRINTED = 5e-3


# Table of bins -----------------------------------------------------------------------------------


def _sniff_sizes(file: InstrumentFile) -> bool:
    names = _names(next((line for line in file.head_lines if line.strip()), ""))
    return DENSITY in names and (LOWER in names or CENTRE in names)


def _first_line(text: str) -> str:
    return next((line for line in re.split("\r\n|\n|\r", text) if line.strip()), "")


def _names(line: str) -> list[str]:
    """Names of the columns, in lower case; the first may carry the slash of a comment."""
    return [cell.strip(' "/\ufeff').lower() for cell in re.split(r"[,;\t]", line)]


def _read_sizes(file: InstrumentFile) -> Reading:
    heading = _first_line(file.text)
    names = _names(heading)
    size = LOWER if LOWER in names else CENTRE
    if any(names.count(name) != 1 for name in (size, DENSITY)):
        raise _error(
            "the first line needs the columns 'LowerBinDiameter_[nm]' or 'CenterBinDiameter_[nm]' "
            f"and 'PSD_corrected_[counts/mL/nm]' once each; it is '{heading[:80]}'. Export the "
            "file again.",
            "COLUMNS",
            f"{file.path}, line 1",
        )
    match = re.search(r"[,;\t]", heading)
    separator = match.group() if match else "\t"
    lines = (line for line in file.lines(separator) if any(line.cells))
    head = last = next(lines)
    comma = False
    places = [names.index(size), names.index(DENSITY)]
    starts, density, numbers = array("d"), array("d"), array("l")
    for line in lines:
        if head is last:
            comma = separator != "," and any("," in c for c in line.cells)
        last = line
        where = f"{file.path}, line {line.number}"
        cells = [line.cell(place) for place in places]
        values = None if comma else plain_numbers(cells)
        values = values or [number(c, decimal_comma=comma, where=where) for c in cells]
        if len(line.cells) < len([n for n in names if n]) or any(map(math.isnan, values)):
            raise _error(
                "this line of the bins has an empty cell or ends before its heading does; the "
                "file was cut or changed. Export it again.",
                "TRUNCATED",
                where,
            )
        if min(values) < 0:
            raise _error(
                f"{min(values):g} is negative where a size or a concentration stands; the file "
                "was changed. Export it again.",
                "NOT_A_NUMBER",
                where,
            )
        starts.append(values[0])
        density.append(values[1])
        numbers.append(line.number)
    width = _width(file, np.array(starts), numbers)
    centres = np.array(starts) + (width / 2 if size == LOWER else 0.0)
    per_ml = np.array(density) * width
    name = file.path.stem
    level = float(per_ml.sum())
    capture = Capture(
        name=name,
        concentration_per_ml=level,
        tracks=math.nan,
        verdict="",
        excluded=level == 0,
        reason="concentration 0" if level == 0 else "",
        sample=name,
    )
    warnings = []
    if level == 0:
        message = "no bin holds particles; nothing can be estimated"
        warnings.append(VialWarning(code="EMPTY_RUN", message=message, where=str(file.path)))
    elif per_ml[-1] > 0 or file.text[-1] not in "\r\n":
        message = "the table ends in a bin that holds particles" if per_ml[-1] > 0 else ""
        message = message or "the last line is not closed"
        message += "; nothing marks the end of such a file, so see that it was not cut"
        where = f"{file.path}, line {last.number}"
        warnings.append(VialWarning(code="TRUNCATED", message=message, where=where))
    bins = Bins(centres_nm=centres, per_ml=per_ml[:, None])
    return _reading(file, SIZES_KIND, "viewsizer", (capture,), bins, warnings, head.number)


def _width(file: InstrumentFile, starts: Array, lines: Sequence[int]) -> float:
    if len(starts) < 2:
        raise _error(
            f"the table has {len(starts)} bins; the file was cut. Export it again.",
            "TRUNCATED",
            str(file.path),
        )
    steps = np.diff(starts)
    wrong = np.flatnonzero((steps <= 0) | (np.abs(steps - steps[0]) > STEP_TOLERANCE * steps[0]))
    if len(wrong):
        raise _error(
            f"the bins are not evenly spaced: {starts[wrong[0]]:g} nm is followed by "
            f"{starts[wrong[0] + 1]:g} nm; lines were lost or added. Export the file again.",
            "TRUNCATED",
            f"{file.path}, line {lines[int(wrong[0]) + 1]}",
        )
    return float(steps[0])


# Sizes by video ----------------------------------------------------------------------------------


def _sniff_videos(file: InstrumentFile) -> bool:
    """Numbers alone do not tell a kind of file; that two of them are moments of the rest does."""
    some = 0
    for line in file.head_lines[:-1]:
        words = line.split()
        if not words or not words[0].isdigit():
            continue
        if len(words) < BEFORE_SIZES:
            return False
        try:
            values = [float(word) for word in words]
        except ValueError:
            return False
        if not _moments_fit(values):
            return False
        some += len(values) > BEFORE_SIZES + 1
    return some > 0


def _moments_fit(values: Sequence[float]) -> bool:
    """Whether mean and standard deviation are those of the sizes, where they are given."""
    sizes = np.array(values[BEFORE_SIZES:])
    mean, sd = values[2], values[3]
    if len(sizes) == 0:
        return not mean > 0
    with np.errstate(all="ignore"):
        ours = float(sizes.mean()), float(sizes.std(ddof=1)) if len(sizes) > 1 else 0.0
    near = PRINTED * max(ours[0], 1.0)
    return all(
        math.isnan(stated) or abs(stated - own) <= near
        for stated, own in zip((mean, sd), ours, strict=True)
    )


def _read_videos(file: InstrumentFile) -> Reading:
    videos: list[Array] = []
    first = 0
    lines = file.lines("\t")
    for i in range(1, len(lines) + 1):
        words = lines.raw(i - 1).split()
        if not words or not words[0].isdigit():
            continue
        where = f"{file.path}, line {i}"
        first = first or i
        values = [number(word, decimal_comma=False, where=where) for word in words]
        if len(values) < BEFORE_SIZES or values[0] != len(videos) + 1:
            raise _error(
                f"the line of video {len(videos) + 1} with its mean, standard deviation and sizes "
                "is due here; lines were lost or added. Export the file again.",
                "TRUNCATED",
                where,
            )
        sizes = np.array(values[BEFORE_SIZES:])
        if not np.all((sizes > 0) & (sizes <= LARGEST_NM)):
            raise _error(
                "a size is missing, or not between 0 and "
                f"{LARGEST_NM:g} nm; the file was changed. Export it again.",
                "NOT_A_NUMBER",
                where,
            )
        if not _moments_fit(values):
            raise _error(
                f"the sizes of video {len(videos) + 1} have not the mean {values[2]:g} and "
                f"standard deviation {values[3]:g} that its line states; sizes were lost or "
                "changed. Export the file again.",
                "CHECKSUM",
                where,
            )
        videos.append(sizes)
        if len(videos) > MOST_VIDEOS:
            raise _error(
                f"more than {MOST_VIDEOS} videos; a run has a few dozen. The file is another one.",
                "TOO_LARGE",
                where,
            )
    if not videos:
        raise _error(
            "no line begins with the number of a video; the file is another one or was cut.",
            "TRUNCATED",
            str(file.path),
        )
    sample = sample_of(file.path.stem)
    captures = tuple(
        Capture(
            name=f"video {i + 1}",
            concentration_per_ml=math.nan,
            tracks=float(len(sizes)),
            verdict="",
            excluded=len(sizes) == 0,
            reason="0 tracks" if len(sizes) == 0 else "",
            sample=sample,
        )
        for i, sizes in enumerate(videos)
    )
    message = "the file holds sizes and no volume, so it says no concentration; the table of bins "
    message += "of the same run does"
    warnings = [VialWarning(code="NO_CONCENTRATION", message=message, where=str(file.path))]
    empty = [c.name for c in captures if c.excluded]
    if empty:
        message = f"{', '.join(empty)} of {len(captures)} hold no particles and are left out"
        warnings.append(VialWarning(code="CAPTURE_FAILED", message=message, where=str(file.path)))
    bins = _counted(videos)
    return _reading(file, VIDEOS_KIND, "viewsizer_videos", captures, bins, warnings, first)


def _counted(videos: Sequence[Array]) -> Bins | None:
    """Share of each video's particles in bins of one width."""
    largest = max((float(sizes.max()) for sizes in videos if len(sizes)), default=0.0)
    n = int(largest // WIDTH_NM) + 2
    counts = np.stack(
        [np.bincount((sizes // WIDTH_NM).astype(np.int64), minlength=n) for sizes in videos], axis=1
    )
    totals = counts.sum(axis=0)
    if not totals.any():
        return None
    return Bins(
        centres_nm=WIDTH_NM * (np.arange(n, dtype=np.float64) + 0.5),
        per_ml=counts / np.maximum(totals, 1),
    )


def _reading(
    file: InstrumentFile,
    kind: str,
    reader: str,
    captures: tuple[Capture, ...],
    bins: Bins | None,
    warnings: Sequence[VialWarning],
    first: int,
) -> Reading:
    export = ParticleExport(
        file=str(file.path),
        sha256=file.sha256,
        encoding=file.encoding,
        software="",
        dilution=NO_DILUTION,
        captures=captures,
        bins=bins,
        vendor_average_per_ml=math.nan,
        remarks="",
        texts=(file.path.stem,),
        warnings=tuple(warnings),
    )
    return Reading(
        file=export.file,
        sha256=file.sha256,
        reader=reader,
        kind=kind,
        instrument=INSTRUMENT,
        encoding=file.encoding,
        particles=export,
        lines=(first, len(file.lines("\t"))),
        warnings=export.warnings,
    )


def _error(message: str, code: str, where: str) -> InstrumentFileError:
    return InstrumentFileError(message, code=code, where=where)


READERS = (
    Reader(
        name="viewsizer",
        kind=SIZES_KIND,
        sniff=_sniff_sizes,
        read=_read_sizes,
        most_bytes=2_000_000,
    ),
    Reader(
        name="viewsizer_videos",
        kind=VIDEOS_KIND,
        sniff=_sniff_videos,
        read=_read_videos,
        most_bytes=4_000_000,
    ),
)
