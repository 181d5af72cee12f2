"""Excel workbooks of our own cells, old and new, made from the formats' descriptions.

A cell is a text, a number or None. The new kind has just the parts that a reader needs; the old
one is BIFF8 in an OLE2 container with one sector chain.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Rows = Sequence[Sequence[str | float | None]]
TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/'
    'package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.'
    'openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/'
    'xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def column_letters(index: int) -> str:
    """Letters of a column by its number from 0: 0 is ``A``."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(65 + rest) + text
    return text


def sheet_xml(rows: Rows, *, dimension: str = "", numbers: Sequence[int] = ()) -> str:
    """XML of a sheet; ``numbers`` gives the number of each row where they are not 1, 2, 3 ..."""
    parts = [f'<worksheet xmlns="{MAIN}">']
    if dimension:
        parts.append(f'<dimension ref="{dimension}"/>')
    parts.append("<sheetData>")
    for i, row in enumerate(rows):
        number = numbers[i] if numbers else i + 1
        cells = []
        for j, cell in enumerate(row):
            place = f"{column_letters(j)}{number}"
            if isinstance(cell, str):
                cells.append(f'<c r="{place}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>')
            elif cell is not None:
                cells.append(f'<c r="{place}"><v>{cell!r}</v></c>')
        if cells:
            parts.append(f'<row r="{number}">{"".join(cells)}</row>')
    return "".join([*parts, "</sheetData></worksheet>"])


def xlsx_of_xml(sheets: Mapping[str, str], *, extra: Mapping[str, bytes] | None = None) -> bytes:
    """A workbook of finished sheets, stored without compression."""
    names = list(sheets)
    entries = "".join(
        f'<sheet name="{escape(n)}" sheetId="{i + 1}" r:id="rId{i + 1}"/>'
        for i, n in enumerate(names)
    )
    book = f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{entries}</sheets></workbook>'
    links = "".join(
        f'<Relationship Id="rId{i + 1}" Type="{RELATIONS}/worksheet" '
        f'Target="worksheets/sheet{i + 1}.xml"/>'
        for i in range(len(names))
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{RELATIONS}/'
            'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr("xl/workbook.xml", book)
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}">{links}</Relationships>',
        )
        for i, name in enumerate(names):
            archive.writestr(f"xl/worksheets/sheet{i + 1}.xml", sheets[name])
        for name, data in (extra or {}).items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def xlsx(sheets: Mapping[str, Rows], *, dimension: str = "") -> bytes:
    """A workbook of cells."""
    return xlsx_of_xml({n: sheet_xml(rows, dimension=dimension) for n, rows in sheets.items()})


def parts_of_xlsx(data: bytes) -> dict[str, bytes]:
    """Members of a workbook, such as ``xl/worksheets/sheet1.xml``."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(parts: Mapping[str, bytes]) -> bytes:
    """An archive of finished members, stored without compression, the same bytes every time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), data)
    return out.getvalue()


# The old kind -----------------------------------------------------------------------------------


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _text(text: str, width: str) -> bytes:
    return struct.pack(f"<{width}B", len(text), 1) + text.encode("utf-16-le")


def biff8(sheets: Mapping[str, Rows]) -> bytes:
    """The stream ``Workbook``: globals, then each sheet."""
    bof = struct.pack("<HHHHII", 0x0600, 0x0005, 0, 1997, 0, 6)
    bodies = []
    for rows in sheets.values():
        width = max((len(r) for r in rows), default=0)
        body = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 1997, 0, 6))
        body += _record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                place = struct.pack("<HHH", i, j, 0)
                if isinstance(cell, str):
                    body += _record(0x0204, place + _text(cell, "H"))
                elif cell is not None:
                    body += _record(0x0203, place + struct.pack("<d", cell))
        bodies.append(body + _record(0x000A, b""))
    heads = [len(_record(0x0085, struct.pack("<IH", 0, 0) + _text(n, "B"))) for n in sheets]
    codepage = _record(0x0042, struct.pack("<H", 1200))
    start = len(_record(0x0809, bof)) + len(codepage) + sum(heads) + len(_record(0x000A, b""))
    stream = _record(0x0809, bof) + codepage
    for name, body in zip(sheets, bodies, strict=True):
        stream += _record(0x0085, struct.pack("<IH", start, 0) + _text(name, "B"))
        start += len(body)
    return stream + _record(0x000A, b"") + b"".join(bodies)


def xls(sheets: Mapping[str, Rows]) -> bytes:
    """An old workbook of cells."""
    return xls_of_stream(biff8(sheets))


def xls_of_stream(stream: bytes) -> bytes:
    """An old workbook: header, one sector of the table, one of the directory, then the stream."""
    # A stream shorter than 4096 bytes would have to stand among the short sectors.
    stream += b"\0" * max(0, 4096 - len(stream))
    stream += b"\0" * (-len(stream) % 512)
    n = len(stream) // 512
    assert n <= 120, "one sector of the table holds 128 entries"
    end, free = 0xFFFFFFFE, 0xFFFFFFFF
    chain = [*range(3, n + 2), end]
    table = [0xFFFFFFFD, end, *chain, *[free] * (126 - n)]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109I", 0, *[free] * 108)

    def entry(name: str, kind: int, child: int, first: int, size: int) -> bytes:
        raw = name.encode("utf-16-le") + b"\0\0" if name else b""
        return (
            raw.ljust(64, b"\0")
            + struct.pack("<HBB", len(raw), kind, 1)
            + struct.pack("<III", free, free, child)
            + b"\0" * 36
            + struct.pack("<IQ", first, size)
        )

    directory = entry("Root Entry", 5, 1, end, 0) + entry("Workbook", 2, free, 2, len(stream))
    directory += entry("", 0, free, 0, 0) * 2
    return header + struct.pack("<128I", *table) + directory + stream
