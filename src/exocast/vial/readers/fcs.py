"""Events of flow cytometers: FCS 2.0, 3.0 and 3.1.

The text segment is parsed by flowio; the events are cut here, because what the standard allows
(24-bit integers, an end that is one byte off, offsets that differ between header and text) is what
instruments write. Numbers stand as stored: not compensated, not linearised, not divided by gains.
No concentration is made from ``$VOL``: many instruments write a constant or the volume that was
asked for, and the volume that was analysed is not that.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from exocast.errors import InstrumentFileError
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Reading, VialWarning
from exocast.vial.registry import Reader

if TYPE_CHECKING:
    import pandas as pd

KIND = "flow cytometry events (FCS)"
HEADER_BYTES = 58
# No cytometer has more parameters; a larger number is a damaged one.
MOST_CHANNELS = 2_000
# Whole numbers up to here are exact in single precision.
EXACT = 2**24
VOLUME = ("vol", "samplevolume", "volume")
SHOWN = 60


def _sniff(file: InstrumentFile) -> bool:
    return re.match(rb"FCS[23]\.\d[ 0-9]", file.data[:10]) is not None


def _read(file: InstrumentFile) -> Reading:
    where = str(file.path)
    if not _sniff(file):
        raise InstrumentFileError(
            "the file does not begin with 'FCS' and a version; it is no FCS file, or was damaged. "
            "Copy or export it again.",
            where=where,
        )
    flow = _text(file)
    text: dict[str, str] = flow.text
    channels = _whole(text, "par", where)
    events = _whole(text, "tot", where)
    if not 1 <= channels <= MOST_CHANNELS:
        raise InstrumentFileError(
            f"$PAR states {channels} channels; the file is damaged.", code="TRUNCATED", where=where
        )
    if events < 1:
        raise InstrumentFileError(
            "the file states no events ($TOT is 0): a header without data. Export the events.",
            code="NO_EVENTS",
            where=where,
        )
    if text.get("mode", "L").strip().upper() != "L":
        raise InstrumentFileError(
            f"$MODE is '{text['mode'][:SHOWN]}': histograms, not events. Export list mode data.",
            code="NO_EVENTS",
            where=where,
        )
    layout = _layout(text, channels, where)
    start, warnings = _start(flow, events * layout.itemsize, len(file.data), where)
    table = np.frombuffer(file.data, dtype=layout, count=events, offset=start)
    names, twice = _names(text, channels, where)
    frame = _frame(table, names, text)
    if twice:
        warnings.append(
            VialWarning(
                code="DUPLICATE_CHANNEL",
                message=f"channels share a name ({', '.join(twice)}); a number was put behind each "
                "after the first, in file order",
                where=where,
            )
        )
    warnings += _said(text, frame, where)
    return Reading(
        file=where,
        sha256=file.sha256,
        reader="fcs",
        kind=KIND,
        software=text.get("sys", "") or text.get("creator", ""),
        instrument=text.get("cyt", ""),
        events=frame,
        facts=_facts(text, names, flow.version),
        warnings=tuple(warnings),
    )


def _text(file: InstrumentFile) -> Any:
    """Header and text segment.

    What flowio raises on broken files is its own two errors, and what Python raises on a number
    that is none, a key or a byte that is missing, and a delimiter that is no plain sign.
    """
    import flowio
    from flowio.exceptions import FlowIOException, MultipleDataSetsError

    where = str(file.path)
    header = file.data[:HEADER_BYTES]
    if len(header) < HEADER_BYTES:
        raise InstrumentFileError(
            f"the header has {len(header)} of {HEADER_BYTES} bytes; the file was cut. Copy it "
            "again.",
            code="TRUNCATED",
            where=where,
        )
    try:
        return flowio.FlowData(
            io.BytesIO(file.data), only_text=True, ignore_offset_discrepancy=True
        )
    except MultipleDataSetsError:
        raise InstrumentFileError(
            "the file holds several data sets one behind the other ($NEXTDATA); export each sample "
            "to a file of its own.",
            code="MIXED_SAMPLES",
            where=where,
        ) from None
    except (
        FlowIOException,
        ValueError,
        KeyError,
        IndexError,
        EOFError,
        OverflowError,
        re.error,
    ) as e:
        raise InstrumentFileError(
            f"the header or the text segment is damaged ({type(e).__name__}: {str(e)[:SHOWN]}); "
            "copy or export the file again.",
            code="TRUNCATED",
            where=where,
        ) from None


def _whole(text: dict[str, str], key: str, where: str) -> int:
    """A whole number of the text segment."""
    word = text.get(key, "").strip()
    # Zeros may stand before it; more digits than these are no count of a file that is read here.
    if not re.fullmatch(r"0*[0-9]{1,12}", word) or len(word) > SHOWN:
        raise InstrumentFileError(
            f"the keyword ${key.upper()} is '{word[:SHOWN]}' where a whole number is needed; the "
            "file was damaged. Export it again.",
            code="TRUNCATED",
            where=where,
        )
    return int(word)


def _layout(text: dict[str, str], channels: int, where: str) -> np.dtype[np.void]:
    """How one event lies in the file: 24-bit integers as three bytes."""
    order = text.get("byteord", "").replace(" ", "")
    numbers = order.split(",")
    little = numbers == [str(i + 1) for i in range(len(numbers))] and order != ""
    big = numbers == [str(i + 1) for i in range(len(numbers))][::-1] and order != ""
    if not (little or big):
        raise InstrumentFileError(
            f"$BYTEORD is '{order[:SHOWN]}', a byte order that is not known; the numbers cannot be "
            "told. Export the file as FCS 3.1.",
            code="UNSUPPORTED",
            where=where,
        )
    sign = "<" if little else ">"
    kind = text.get("datatype", "").strip().upper()
    if kind not in {"F", "D", "I"}:
        raise InstrumentFileError(
            f"$DATATYPE is '{kind[:SHOWN]}'; read are F, D and I. Export the file as FCS 3.1.",
            code="UNSUPPORTED",
            where=where,
        )
    fields: list[Any] = []
    for n in range(1, channels + 1):
        bits = _whole(text, f"p{n}b", where)
        name = f"c{n}"
        if kind in {"F", "D"}:
            wanted = 32 if kind == "F" else 64
            if bits != wanted:
                raise InstrumentFileError(
                    f"$P{n}B is {bits} and $DATATYPE {kind} has {wanted} bits; the file is "
                    "damaged.",
                    code="TRUNCATED",
                    where=where,
                )
            fields.append((name, f"{sign}f{wanted // 8}"))
        elif bits == 24:
            fields.append((name, "u1", (3,)))
        elif bits in {8, 16, 32, 64}:
            fields.append((name, f"{sign}u{bits // 8}"))
        else:
            raise InstrumentFileError(
                f"$P{n}B is {bits}: integers of 8, 16, 24, 32 or 64 bits are read. Export the file "
                "as FCS 3.1.",
                code="UNSUPPORTED",
                where=where,
            )
    return np.dtype(fields)


def _start(
    flow: Any,
    wanted: int,
    size: int,
    where: str,
) -> tuple[int, list[VialWarning]]:
    """First byte of the events: of two statements, the one whose length fits the events.

    Instruments write the last byte, as the standard says, or the byte behind it.
    """
    text: dict[str, str] = flow.text
    header = (int(flow.header["data_start"]), int(flow.header["data_stop"]))
    candidates = {"HEADER": header}
    if "begindata" in text and "enddata" in text:
        stated = (_whole(text, "begindata", where), _whole(text, "enddata", where))
        if flow.version != "2.0":
            candidates = {"TEXT": stated, "HEADER": header}
    fitting = {
        name: start
        for name, (start, stop) in candidates.items()
        if start >= HEADER_BYTES and stop - start + 1 in {wanted, wanted + 1}
    }
    spans = [f"{name} {a}-{b}" for name, (a, b) in candidates.items()]
    if len(set(fitting.values())) != 1:
        raise InstrumentFileError(
            f"the events need {wanted} bytes, and the file states {' and '.join(spans)}: "
            + ("no statement fits" if not fitting else "both fit and they differ")
            + ". The file was cut or changed; export it again.",
            code="OFFSET",
            where=where,
        )
    start = next(iter(fitting.values()))
    if start + wanted > size:
        raise InstrumentFileError(
            f"the events end at byte {start + wanted}, and the file at {size}: it was cut. Copy it "
            "again.",
            code="TRUNCATED",
            where=where,
        )
    warnings = []
    if len({span for span in candidates.values() if span != (0, 0)}) > 1:
        message = f"header and text place the events differently ({' and '.join(spans)}); "
        message += f"{' and '.join(fitting)} fits $TOT and the widths of the channels and is used"
        warnings.append(VialWarning(code="OFFSET", message=message, where=where))
    return start, warnings


def _names(text: dict[str, str], channels: int, where: str) -> tuple[list[str], list[str]]:
    """Names of the channels made unique, and those that stood more than once."""
    stated = []
    for n in range(1, channels + 1):
        name = text.get(f"p{n}n", "").strip()
        if not name:
            raise InstrumentFileError(
                f"channel {n} has no name ($P{n}N); the file was damaged. Export it again.",
                code="TRUNCATED",
                where=where,
            )
        stated.append(name)
    counts = Counter(stated)
    taken = set(stated)
    seen: Counter[str] = Counter()
    names = []
    for name in stated:
        seen[name] += 1
        unique = name
        number = seen[name]
        while number > 1 and unique in taken:
            unique = f"{name}_{number}"
            number += 1
        taken.add(unique)
        names.append(unique)
    return names, [name for name, count in counts.items() if count > 1]


def _frame(table: np.ndarray[Any, Any], names: list[str], text: dict[str, str]) -> pd.DataFrame:
    """Events in single precision; a channel that needs more keeps double precision."""
    import pandas as pd

    columns: dict[str, np.ndarray[Any, Any]] = {}
    for n, name in enumerate(names, start=1):
        raw = table[f"c{n}"]
        if raw.ndim == 2:
            little = text.get("byteord", "").startswith("1")
            shifts = (0, 8, 16) if little else (16, 8, 0)
            values = np.zeros(len(raw), dtype=np.uint32)
            for i, shift in enumerate(shifts):
                values |= raw[:, i].astype(np.uint32) << shift
            raw = values
        if raw.dtype.kind == "u":
            raw = _masked(raw, text.get(f"p{n}r", ""))
            exact = int(raw.max()) <= EXACT
            columns[name] = raw.astype(np.float32 if exact else np.float64)
        else:
            columns[name] = raw.astype(raw.dtype.newbyteorder("="))
    return pd.DataFrame(columns, copy=False)


def _masked(raw: np.ndarray[Any, Any], stated: str) -> np.ndarray[Any, Any]:
    """Integers without the bits above the channel's range, which the standard leaves unused."""
    word = stated.strip()
    # 2^64 has twenty digits.
    if not re.fullmatch(r"[0-9]{1,20}", word) or int(word) < 1:
        return raw
    mask = (1 << (int(word) - 1).bit_length()) - 1
    masked: np.ndarray[Any, Any] = raw & raw.dtype.type(min(mask, int(np.iinfo(raw.dtype).max)))
    return masked


def _facts(text: dict[str, str], names: list[str], version: str) -> dict[str, str]:
    facts = {"version": version}
    for key in ("date", "btim", "etim", "op", "smno", "src", "fil", "cells", "com", *VOLUME):
        if text.get(key, "").strip():
            facts[key] = text[key].strip()
    for n, name in enumerate(names, start=1):
        marker = text.get(f"p{n}s", "").strip()
        if marker and marker != name:
            facts[f"marker of {name}"] = marker
    return facts


def _said(text: dict[str, str], frame: pd.DataFrame, where: str) -> list[VialWarning]:
    found = []
    volumes = [(k, text[k].strip()) for k in VOLUME if text.get(k, "").strip()]
    if volumes:
        told = ", ".join(f"{key.upper()} = {word[:20]}" for key, word in volumes)
        message = f"the file states a volume ({told}), and no concentration is made from it: it is "
        message += "often the volume asked for or a constant, and dead time and flow are not in it"
        found.append(("VOLUME_UNUSED", message))
    logs = []
    for n, name in enumerate(frame.columns, start=1):
        word = text.get(f"p{n}e", "").partition(",")[0].strip()
        if re.fullmatch(r"\d{1,3}(\.\d*)?", word) and float(word) > 0:
            logs.append(str(name))
    if logs:
        message = f"channels {', '.join(logs[:5])}{' and more' * (len(logs) > 5)} are stored on a "
        message += "logarithmic scale; their numbers are channel numbers, not intensities"
        found.append(("LOG_SCALE", message))
    if any(text.get(key, "").strip() for key in ("spill", "spillover", "comp")):
        message = "a spillover matrix is stored and not applied: the numbers are uncompensated"
        found.append(("UNCOMPENSATED", message))
    broken = sum(int((~np.isfinite(frame[c].to_numpy())).sum()) for c in frame.columns)
    if broken:
        message = f"{broken} numbers are not finite; they belong to no gate"
        found.append(("MISSING", message))
    markers = Counter(
        word for n in range(1, len(frame.columns) + 1) if (word := text.get(f"p{n}s", "").strip())
    )
    twice = [word for word, count in markers.items() if count > 1]
    if twice:
        message = f"several channels are named for one marker ({', '.join(twice[:3])}); channels "
        message += "are told by their own names"
        found.append(("DUPLICATE_CHANNEL", message))
    return [VialWarning(code=code, message=message, where=where) for code, message in found]


READERS = (Reader(name="fcs", kind=KIND, sniff=_sniff, read=_read, most_bytes=500_000_000),)
