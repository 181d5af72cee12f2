"""A file that a test made, read as a user's file is: recognised by its content."""

from __future__ import annotations

from pathlib import Path

from exocast.vial import InstrumentFile, Reading, known_readers
from exocast.vial.registry import recognise


def opened(data: bytes | str, encoding: str = "utf-8") -> InstrumentFile:
    """Bytes or text as an opened file whose name tells nothing."""
    content = data if isinstance(data, bytes) else data.encode(encoding)
    return InstrumentFile(path=Path("made.bin"), data=content)


def read_made(data: bytes | str, encoding: str = "utf-8", reader: str | None = None) -> Reading:
    """The file read by the reader that claims it, or by the one named."""
    file = opened(data, encoding)
    return recognise(file, reader).read(file)


def claims(data: bytes) -> list[str]:
    """Names of all readers that claim a file."""
    return [r.name for r in known_readers() if r.sniff(opened(data))]


def values_of(reading: Reading, attribute: str, sample: str | None = None) -> list[float]:
    """Values of one attribute, in order, those that are excluded left out."""
    return [
        v.value
        for m in reading.measurements
        if m.attribute == attribute and sample in {None, m.sample}
        for v in m.values
        if not v.excluded
    ]


def codes(reading: Reading) -> list[str]:
    """Codes of the warnings."""
    return [w.code for w in reading.warnings]


def signals(reading: Reading, target: str | None = None) -> dict[str, float]:
    """Values by well of a reading with one plate."""
    wells = reading.wells
    assert wells is not None
    if target is not None:
        wells = wells[wells["target"] == target]
    assert not wells.duplicated(["plate", "well"]).any()
    return dict(zip(wells["well"], wells["value"], strict=True))
