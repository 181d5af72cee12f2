"""A file of an instrument, opened with care: no larger than it may be, and no bomb.

Readers see a file only through :class:`InstrumentFile`. Text is decoded once; archives are
measured before they are unpacked, and XML that defines entities is refused.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from exocast.documents import no_such_file
from exocast.errors import InstrumentFileError, NotFound
from exocast.vial.cells import BREAK, Lines, decoded, inside_folder, lines_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

HEAD_BYTES = 65_536
MOST_BYTES = 500_000_000
# Real workbooks and RDML files unpack to less than thirty times their size.
MOST_UNPACKED_RATIO = 200
MOST_UNPACKED_BYTES = 400_000_000
LEAST_UNPACKED_BYTES = 4_000_000
MOST_MEMBERS = 2_000
PIECE_BYTES = 65_536
# Documents of instruments are about ten elements deep.
MOST_DEPTH = 200
# An archive that was made to be split, as some RDML files are, has a mark before its first part.
ZIP_STARTS = (b"PK\x03\x04", b"PK\x07\x08PK\x03\x04", b"PK00PK\x03\x04")


class XmlTarget(Protocol):
    """What is told of an XML document as it passes by."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def text(self, text: str) -> None:
        """A piece of text inside the element."""

    def end(self, name: str) -> None:
        """An element ends."""


@dataclass(frozen=True)
class InstrumentFile:
    """A file with its bytes; everything else is worked out when it is asked for.

    Attributes
    ----------
    path
        As the user named it.
    data
        All bytes.
    """

    path: Path
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """Of the bytes as they stand on disk."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def _text(self) -> tuple[str, str]:
        return decoded(self.data, str(self.path))

    @property
    def text(self) -> str:
        """All text.

        Byte-order marks are followed; without one the text is UTF-8 or, where that fails, Latin-1.

        Raises
        ------
        InstrumentFileError
            When the file is binary or its text is damaged.
        """
        return self._text[0]

    @property
    def encoding(self) -> str:
        """Encoding of the text."""
        return self._text[1]

    @cached_property
    def head(self) -> str:
        """Text of the first 64 kB, empty for a binary file; what a reader is recognised by."""
        start = self.data[:HEAD_BYTES]
        try:
            return decoded(start[: len(start) // 2 * 2], str(self.path), partial=True)[0]
        except InstrumentFileError:
            return ""

    @cached_property
    def head_lines(self) -> tuple[str, ...]:
        """Lines of the head as they stand; all readers look at them."""
        return tuple(BREAK.split(self.head))

    def lines(self, separator: str) -> Lines:
        """All lines, cut into cells at the separator; see :class:`exocast.vial.cells.Lines`."""
        return lines_of(self.text, separator)

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Names inside a ZIP archive (a workbook, an RDML file); empty for any other file."""
        if not self.data.startswith(ZIP_STARTS):
            return ()
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                return tuple(i.filename for i in archive.infolist()[:MOST_MEMBERS])
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            return ()

    def checked_archive(self) -> io.BytesIO:
        """The bytes of a ZIP archive for a library to open, once its size unpacked is known.

        Raises
        ------
        InstrumentFileError
            ``BOMB`` when it would unpack beyond all measure; ``TRUNCATED`` when it is damaged.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as e:
            raise InstrumentFileError(
                f"the archive is damaged ({e}); copy or export the file again.",
                code="TRUNCATED",
                where=str(self.path),
            ) from None
        total = sum(i.file_size for i in infos)
        allowed = min(
            MOST_UNPACKED_BYTES, max(LEAST_UNPACKED_BYTES, MOST_UNPACKED_RATIO * len(self.data))
        )
        if total > allowed or len(infos) > MOST_MEMBERS:
            raise InstrumentFileError(
                f"the archive of {len(self.data):,} bytes would unpack to {total:,} bytes in "
                f"{len(infos)} parts; no instrument writes such a file. It is refused.",
                code="BOMB",
                where=str(self.path),
            )
        return io.BytesIO(self.data)

    def member(self, name: str) -> bytes:
        """Bytes of one member of a ZIP archive.

        Raises
        ------
        InstrumentFileError
            As :meth:`checked_archive`, and when the member is damaged or larger than it says.
        """
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """Bytes of one member of a ZIP archive, piece by piece.

        Raises
        ------
        InstrumentFileError
            As :meth:`member`.
        """
        archive_bytes = self.checked_archive()
        left = 0
        try:
            with zipfile.ZipFile(archive_bytes) as archive, archive.open(name) as part:
                left = archive.getinfo(name).file_size
                while left >= 0 and (piece := part.read(PIECE_BYTES)):
                    left -= len(piece)
                    yield piece
        except (
            zipfile.BadZipFile,
            KeyError,
            ValueError,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,  # an encrypted member
            zlib.error,
        ) as e:
            raise self._damaged(f"the part '{name}' cannot be unpacked ({e})") from None
        if left < 0:
            raise InstrumentFileError(
                f"the part '{name}' is larger than the archive says; it is refused.",
                code="BOMB",
                where=str(self.path),
            )

    def parse_xml(self, target: XmlTarget, member: str | None = None) -> None:
        """Hand an XML document over element by element, so that it never stands in memory.

        Names come without their namespace.

        Parameters
        ----------
        target
            Told of the start, the text and the end of each element.
        member
            Part of an archive; the file itself when left out.

        Raises
        ------
        InstrumentFileError
            As :meth:`xml`, and ``BOMB`` for elements nested beyond all measure.
        """
        from xml.parsers import expat

        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        depth = 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > MOST_DEPTH:
                raise self._bomb(f"has elements nested more than {MOST_DEPTH} deep")
            target.start(name.rpartition("}")[2], attributes)

        def end(name: str) -> None:
            nonlocal depth
            depth -= 1
            target.end(name.rpartition("}")[2])

        def refuse(*_: object) -> None:
            raise self._bomb("declares a document type or entities")

        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = target.text
        parser.StartDoctypeDeclHandler = refuse
        parser.EntityDeclHandler = refuse
        pieces = [self.data] if member is None else self.pieces(member)
        try:
            for piece in pieces:
                parser.Parse(piece, False)
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, LookupError) as e:
            raise self._damaged(f"the XML is broken ({e})") from None

    def xml(self, data: bytes | None = None) -> Element:
        """Root of an XML document: of the bytes given, or of the file itself.

        Raises
        ------
        InstrumentFileError
            ``BOMB`` when it declares entities or a document type; ``TRUNCATED`` when it is no
            well-formed XML.
        """
        from xml.etree.ElementTree import ParseError

        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import fromstring

        try:
            root: Element = fromstring(self.data if data is None else data, forbid_dtd=True)
        except DefusedXmlException:
            raise self._bomb("declares a document type or entities") from None
        except (ParseError, ValueError, LookupError) as e:
            raise self._damaged(f"the XML is broken ({e})") from None
        return root

    def _bomb(self, what: str) -> InstrumentFileError:
        return InstrumentFileError(
            f"the XML {what}, which no instrument needs and which can blow up; it is refused.",
            code="BOMB",
            where=str(self.path),
        )

    def _damaged(self, what: str) -> InstrumentFileError:
        return InstrumentFileError(
            f"{what}; copy or export the file again.", code="TRUNCATED", where=str(self.path)
        )


def open_file(path: Path) -> InstrumentFile:
    """A file of an instrument with its bytes.

    Raises
    ------
    NotFound
        When there is no such file.
    InstrumentFileError
        When it is a folder, empty or larger than 500 MB.
    """
    where = str(path)
    if path.is_dir():
        raise InstrumentFileError(f"this is a folder; {inside_folder(path)}", where=where)
    if not path.is_file():
        found = no_such_file(path)
        raise NotFound(
            f"{found.message} A path is read from the folder of the scenario.", where=where
        )
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InstrumentFileError(
            f"a file of {size / 1e6:.0f} MB is refused: the largest that is read has "
            f"{MOST_BYTES / 1e6:.0f} MB. Export tables, not videos or raw images.",
            code="TOO_LARGE",
            where=where,
        )
    data = path.read_bytes()
    if not data.strip():
        raise InstrumentFileError("the file is empty; export it again.", code="EMPTY", where=where)
    return InstrumentFile(path=path, data=data)
