"""Which reader a file belongs to: decided by its content, never by its name alone."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from exocast.errors import ExocastError, InstrumentFileError, InvalidInput, UnknownName, nearest
from exocast.vial.files import InstrumentFile, open_file
from exocast.vial.records import Reading

if TYPE_CHECKING:
    from exocast.vial.readers.size_table import SizeTableMap

GROUP = "exocast.readers"
SHOWN = 60


def _no_hint(file: InstrumentFile) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What knows one kind of file.

    Attributes
    ----------
    name
        Short name, such as ``zetaview``; what ``--reader`` takes.
    kind
        What the file is, in plain words, such as ``ZetaView size distribution``.
    sniff
        Whether a file is of this kind, from the first 64 kB (``file.head``), the names in an
        archive (``file.members``) or the first bytes (``file.data``). Never raises.
    read
        The file as records. Raises :class:`exocast.errors.InstrumentFileError` and nothing else.
    hint
        What a file is that is nearly of this kind, and what would work; an empty text otherwise.
    most_bytes
        A larger file is refused before it is read.
    """

    name: str
    kind: str
    sniff: Callable[[InstrumentFile], bool]
    read: Callable[[InstrumentFile], Reading]
    hint: Callable[[InstrumentFile], str] = _no_hint
    most_bytes: int = 50_000_000


@cache
def known_readers() -> tuple[Reader, ...]:
    """All readers: those of the package by name, then those of other packages.

    Raises
    ------
    InvalidInput
        When a plug-in cannot be loaded, is no reader, or takes a name that is taken.
    """
    from exocast.vial import readers as package

    found: dict[str, Reader] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        loaded = importlib.import_module(f"{package.__name__}.{module}")
        for reader in getattr(loaded, "READERS", ()):
            found[reader.name] = reader
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        where = f"entry point {GROUP}: {entry.name}"
        try:
            made = entry.load()
        except Exception as e:
            raise InvalidInput(
                f"this plug-in cannot be loaded ({type(e).__name__}: {e}). Mend or uninstall it.",
                code="PLUG_IN",
                where=where,
            ) from e
        if not isinstance(made, Reader) or made.name in found:
            what = f"the name '{made.name}' is taken" if isinstance(made, Reader) else "no Reader"
            raise InvalidInput(
                f"this plug-in cannot be used: {what}. It has to name an exocast.vial.Reader.",
                code="PLUG_IN",
                where=where,
            )
        found[made.name] = made
    return tuple(found.values())


def recognise(file: InstrumentFile, name: str | None = None) -> Reader:
    """Reader of a file.

    Parameters
    ----------
    file
        Opened by :func:`exocast.vial.files.open_file`.
    name
        Use this reader, whatever the content looks like.

    Raises
    ------
    UnknownName
        When there is no reader of this name.
    InstrumentFileError
        ``NOT_AN_EXPORT`` when no reader knows the file, ``AMBIGUOUS`` when several do.
    """
    known = known_readers()
    if name is not None:
        chosen = [r for r in known if r.name == name]
        if not chosen:
            raise UnknownName(
                f"there is no reader '{name}'." + nearest(name, [r.name for r in known]),
                where="--reader",
            )
        return chosen[0]
    claims = [r for r in known if r.sniff(file)]
    if len(claims) == 1:
        return claims[0]
    if claims:
        raise InstrumentFileError(
            f"{' and '.join(r.kind for r in claims)} both fit this file; choose with "
            f"--reader {' or --reader '.join(r.name for r in claims)}.",
            code="AMBIGUOUS",
            where=str(file.path),
        )
    raise InstrumentFileError(_what_it_is(file, known), where=f"{file.path}, line 1")


def read_file(
    path: str | Path,
    reader: str | None = None,
    mapping: SizeTableMap | str | Path | None = None,
) -> Reading:
    """A file of an instrument as records with their provenance.

    Parameters
    ----------
    path
        The file, unchanged as the instrument's software wrote it.
    reader
        Name of a reader, to use it whatever the content looks like.
    mapping
        What the columns are, for a table of sizes that no reader knows; or a file that says so.

    Raises
    ------
    NotFound
        When there is no such file.
    InstrumentFileError
        When the file is something else, cut short, changed or too large; names file and line.
    InvalidInput
        When the mapping cannot be used, or a reader is named with it.
    UnknownName
        When there is no such reader.
    """
    file = open_file(Path(path))
    chosen = recognise(file, reader) if mapping is None else _mapped(mapping, reader)
    if len(file.data) > chosen.most_bytes:
        raise InstrumentFileError(
            f"a file of {len(file.data) / 1e6:.1f} MB is refused: a {chosen.kind} has less than "
            f"{chosen.most_bytes / 1e6:.0f} MB. Export tables, not videos, tracks or raw signals.",
            code="TOO_LARGE",
            where=str(path),
        )
    try:
        return chosen.read(file)
    except ExocastError:
        raise
    except Exception as e:
        raise InstrumentFileError(
            f"the reader '{chosen.name}' does not know what to do with this file "
            f"({type(e).__name__}: {e}). Nothing was read from it; please report it with the file.",
            code="READER_FAILED",
            where=str(path),
        ) from e


def _mapped(mapping: SizeTableMap | str | Path, reader: str | None) -> Reader:
    """What reads a table as a mapping says."""
    from exocast.vial.readers import size_table

    if reader is not None:
        raise InvalidInput(
            f"a mapping and the reader '{reader}' both say how to read the file; give one of them.",
            where="--map",
        )
    said = size_table.load_mapping(mapping) if isinstance(mapping, str | Path) else mapping
    return Reader(
        name=size_table.NAME,
        kind=size_table.KIND,
        sniff=lambda file: False,
        read=lambda file: size_table.read_mapped(file, said),
    )


def _what_it_is(file: InstrumentFile, known: Sequence[Reader]) -> str:
    for reader in known:
        if hint := reader.hint(file):
            return hint
    head = next((line for line in file.head.splitlines() if line.strip()), "")
    start = f"the first line is '{head[:SHOWN].strip()}'" if head else "the file is binary"
    return (
        f"no reader knows this file ({start}). Give the instrument's export unchanged; read are: "
        f"{', '.join(r.kind for r in known)}. A table of sizes can be read with --map."
    )
