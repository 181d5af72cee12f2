"""Files of PCR, sequencing, proteomics and cytometers in their vendors' layouts, with our numbers.

Pure functions: what is to be read goes in, text or bytes come out. The layouts were learnt from
real exports; no content of one is here.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Sequence
from typing import Any


def table(
    rows: Sequence[Sequence[object]],
    *,
    separator: str = ",",
    newline: str = "\n",
    decimal: str = ".",
    quoted: bool = False,
    trailing: int = 0,
    end: bool = True,
) -> str:
    """Rows as text; numbers with the decimal sign, all cells quoted where asked."""

    def cell(value: object) -> str:
        if isinstance(value, float):
            text = "" if math.isnan(value) else repr(value).replace(".", decimal)
        else:
            text = str(value)
        needs = quoted or separator in text or '"' in text
        return '"' + text.replace('"', '""') + '"' if needs else text

    lines = [separator.join(cell(v) for v in row) + separator * trailing for row in rows]
    return newline.join(lines) + newline * end


# (well, sample, target, task, quantity, Ct as text, omitted)
QS_WELLS: tuple[tuple[str, str, str, str, str, str, bool], ...] = (
    ("A1", "s4", "miR-21", "STANDARD", "10000.0", "20.112", False),
    ("A2", "s3", "miR-21", "STANDARD", "1000.0", "23.455", False),
    ("A3", "s2", "miR-21", "STANDARD", "100.0", "26.871", False),
    ("A4", "lot 7", "miR-21", "UNKNOWN", "", "24.009", False),
    ("A5", "lot 7", "miR-21", "UNKNOWN", "", "24.108", True),
    ("A6", "water", "miR-21", "NTC", "", "Undetermined", False),
)


def quantstudio(
    wells: Sequence[tuple[str, str, str, str, str, str, bool]] = QS_WELLS,
    *,
    ct: str = "CT",
    newline: str = "\n",
    decimal: str = ".",
    cycles: int = 40,
    results: bool = True,
    setup: Sequence[tuple[str, str]] = (),
) -> str:
    """A QuantStudio text export with settings, set-up, curves and results."""
    lines = [
        "* Block Type = 96-Well Block (0.2mL)",
        "* Chemistry = TAQMAN",
        "* Experiment Type = Standard Curve",
        "* Instrument Type = QuantStudio(TM) 7 Flex System",
        "* Quantification Cycle Method = Ct",
        "",
        "[Sample Setup]",
        "Well\tWell Position\tSample Name\tTarget Name\tTask\tQuantity\tComments",
    ]
    for i, (well, sample, target, task, quantity, _, _) in enumerate(wells, 1):
        lines.append(f"{i}\t{well}\t{sample}\t{target}\t{task}\t{quantity}\t")
    lines += [f"{99}\t{well}\textra\t{target}\tUNKNOWN\t\t" for well, target in setup]
    lines += ["", "[Amplification Data]", "Well\tCycle\tTarget Name\tRn\tDelta Rn"]
    lines += [f"1\t{n}\tmiR-21\t0.5\t0.001" for n in range(1, cycles + 1)]
    if results:
        names = (
            f"Well\tWell Position\tOmit\tSample Name\tTarget Name\tTask\tQuantity\t{ct}\tCq Conf"
        )
        lines += ["", "[Results]", names]
        for i, (well, sample, target, task, quantity, cq, omit) in enumerate(wells, 1):
            number = cq.replace(".", decimal)
            amount = quantity.replace(".", decimal)
            lines.append(
                f"{i}\t{well}\t{str(omit).lower()}\t{sample}\t{target}\t{task}\t{amount}\t{number}"
                "\t0.9"
            )
        lines += ["", "Analysis Type = Singleplex"]
    return newline.join(lines) + newline


CFX_ROWS: tuple[tuple[str, str, str, str, str, float, float], ...] = (
    ("A01", "FAM", "miR-21", "Std-1", "s1", 20.25, 1e4),
    ("A02", "FAM", "miR-21", "Std-2", "s2", 23.5, 1e3),
    ("A03", "FAM", "miR-21", "Unkn-1", "lot 7", 24.125, math.nan),
    ("A04", "FAM", "", "NTC", "water", math.nan, math.nan),
)


def cfx(
    rows: Sequence[tuple[str, str, str, str, str, float, float]] = CFX_ROWS, **layout: Any
) -> str:
    """A table of Cq as CFX Maestro exports it."""
    head = ("", "Well", "Fluor", "Target", "Content", "Sample", "Cq", "Starting Quantity (SQ)", "x")
    body = [
        ("", w, f, t, c, s, "NaN" if math.isnan(cq) else cq, "NaN" if math.isnan(q) else q, "")
        for w, f, t, c, s, cq, q in rows
    ]
    return table([head, *body], **layout)


def rdml(
    *,
    version: str = "1.1",
    member: str = "rdml_data.xml",
    unit: str = "cop",
    reactions: Sequence[tuple[str, str, str]] = (
        ("1", "std 100", "<cq>25.5</cq>"),
        ("2", "std 10", "<cq>28.9</cq>"),
        ("3", "lot 7", "<cq>27.25</cq>"),
        ("4", "water", "<cq>40.0</cq>"),
        ("13", "lot 7", "<cq>-1.0</cq>"),
        ("14", "lot 7", "<cq>-1.0</cq><note>no amplification</note>"),
        ("15", "lot 7", "<cq>27.5</cq><excl>bubble</excl>"),
        ("16", "lot 7", ""),
    ),
    zipped: bool = True,
    split: bool = False,
    head: str = "",
) -> bytes:
    """An RDML file of one run with forty cycles; ``split`` puts the mark of a split archive."""
    samples = "".join(
        f'<sample id="{name}"><type>{kind}</type>{quantity}</sample>'
        for name, kind, quantity in (
            ("std 100", "std", f"<quantity><value>100</value><unit>{unit}</unit></quantity>"),
            ("std 10", "std", f"<quantity><value>10</value><unit>{unit}</unit></quantity>"),
            ("lot 7", "unkn", ""),
            ("water", "ntc", ""),
        )
    )
    curve = "".join(f"<adp><cyc>{n}</cyc><fluor>1.5</fluor></adp>" for n in (1, 2, 40))
    reacts = "".join(
        f'<react id="{i}"><sample id="{s}"/><data><tar id="miR-21"/>{cq}{curve}</data></react>'
        for i, s, cq in reactions
    )
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<rdml xmlns="http://www.rdml.org" '
        f'version="{version}">{samples}<target id="miR-21"><type>toi</type></target>'
        '<experiment id="e"><run id="r"><instrument>ours</instrument><pcrFormat><rows>8</rows>'
        "<columns>12</columns><rowLabel>ABC</rowLabel><columnLabel>123</columnLabel></pcrFormat>"
        f"{reacts}</run></experiment></rdml>"
    )
    if not zipped:
        return text.encode()
    return archive({member: text.encode()}, split=split)


def archive(members: dict[str, bytes], *, split: bool = False) -> bytes:
    """A ZIP archive, the same bytes every time."""
    out = io.BytesIO()
    if split:
        out.write(b"PK\x07\x08")
    with zipfile.ZipFile(out, "a" if split else "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6))
            made.writestr(info, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


CT = {
    "mmu-let-7a": (28.38, 29.12, 40.0),
    "mmu-miR-21": (24.5, 26.75, 31.06),
    "mmu-miR-7b": (40.0, 39.5, 38.0),
    "Mouse U6 snRNA": (32.5, 30.25, 30.125),
}


def ct_matrix(values: dict[str, Sequence[object]] = CT, **layout: Any) -> str:  # type: ignore[assignment]
    """Ct with RNAs in lines."""
    n = len(next(iter(values.values())))
    rows: list[Sequence[object]] = [("", *(f"lot {i + 1}" for i in range(n)))]
    rows += [(name, *cells) for name, cells in values.items()]
    return table(rows, **layout)


COUNTS = {
    "miR-1": (4, 0, 16),
    "miR-100-3p": (12, 2, 13),
    "let-7a-5p": (3398, 2547, 1518),
    "miR-6126": (50992, 48111, 39120),
}


def counts(values: dict[str, Sequence[object]] = COUNTS, **layout: Any) -> str:  # type: ignore[assignment]
    """Counts of reads with RNAs in lines."""
    return ct_matrix(values, **layout)


# (well, sample, target, control, concentration, valid, positive)
DPCR: tuple[tuple[str, str, str, str, float, int, int], ...] = (
    ("A1", "lot 7", "miR-21", "-", 0.0, 25332, 0),
    ("A2", "lot 7", "miR-21", "-", 129.6, 25405, 2306),
    ("B1", "lot 8", "miR-21", "-", 0.686, 25313, 13),
    ("B2", "NTC", "miR-21", "NTC", 0.0, 25291, 0),
)


def qiacuity(
    wells: Sequence[tuple[str, str, str, str, float, int, int]] = DPCR,
    *,
    micro: str = "µ",
    sep_line: bool = True,
    **layout: Any,
) -> str:
    """A QIAcuity table; its first line names the separator."""
    rows: list[Sequence[object]] = [
        (
            "",
            "Sample/NTC/Control",
            "Reaction Mix",
            "Target",
            "IC",
            "Control type",
            f"Conc. [copies/{micro}L]",
            "CI (95%)",
            f"Mean conc. [copies/{micro}L]",
            "CI (95%)",
            "Partitions (valid)",
            "Partitions (positive)",
            "Partitions (negative)",
            "Threshold",
        )
    ]
    for w, s, t, c, conc, valid, positive in wells:
        cells: tuple[object, ...] = (w, s, "mix", t, "-", c, conc, "-", 85.2, "62.8%")
        rows.append((*cells, valid, positive, valid - positive, 66.19))
    first = f"sep={layout.get('separator', ',')}{layout.get('newline', chr(10))}" * sep_line
    return first + table(rows, **{"quoted": True, **layout})


def absolute_q(
    wells: Sequence[tuple[str, str, str, str, float, int, int]] = DPCR, **layout: Any
) -> str:
    """An Absolute Q table, whose line of averages is shifted by the missing well."""
    head = "Run,Date,Instrument,Plate,Group,Name,Well,Total,Dye,Target,Conc. cp/uL,SD,CV%,95%CI"
    rows: list[Sequence[object]] = [(*head.split(","), "Positives")]
    rows.append(("r", "5/19/2023", "ours", "P1", "g (4)", "", "Average", 20443.63, "VIC", "miR-21",
                 53.71, 69.96, 130.24, 1.68, 460))  # fmt: skip
    for w, s, t, _, conc, valid, positive in wells:
        cells: tuple[object, ...] = ("r", "5/19/2023", "ours", "P1", "g", s, w, valid, "VIC", t)
        rows.append((*cells, conc, "", "", 1.1, positive))
    return table(rows, **layout)


# (majority ids, header of the sequence, only by site, reverse, contaminant, intensities)
GROUPS: tuple[tuple[str, str, str, str, str, tuple[float, ...]], ...] = (
    ("P21926", ">sp|P21926|CD9_HUMAN CD9 antigen", "", "", "", (46382000.0, 0.0)),
    ("P60033;P60033-2", ">sp|P60033|CD81_HUMAN", "", "", "", (182000.5, 33100.0)),
    ("P11142", ">sp|P11142|HSP7C_HUMAN", "", "", "", (5.1e8, 4.4e8)),
    ("CON__P02768-1", "", "", "", "+", (9.9e8, 8.8e8)),
    ("REV__Q8N5I2", "", "", "+", "", (0.0, 12345.0)),
    ("Q99816", ">sp|Q99816|TS101_HUMAN", "+", "", "", (777.0, 888.0)),
)


def maxquant(
    groups: Sequence[tuple[str, str, str, str, str, tuple[float, ...]]] = GROUPS,
    *,
    trimmed: bool = False,
    decimals: bool = False,
    **layout: Any,
) -> str:
    """A table proteinGroups; ``trimmed`` leaves out empty cells at the end of lines."""
    samples = [f"lot {i + 1}" for i in range(len(groups[0][5]))]
    head = ["Protein IDs", "Majority protein IDs", "Fasta headers", "Score", "Intensity"]
    head += [f"Intensity {s}" for s in samples] + [f"LFQ intensity {s}" for s in samples]
    head += ["Only identified by site", "Reverse", "Potential contaminant"]
    rows: list[Sequence[object]] = [head]
    for ids, fasta, site, reverse, contaminant, values in groups:
        numbers: list[object] = [v if decimals or v != int(v) else int(v) for v in values]
        rows.append(
            [ids, ids, fasta, 5, int(sum(values)), *numbers, *numbers, site, reverse, contaminant]
        )
    text = table(rows, **{"separator": "\t", **layout})
    if not trimmed:
        return text
    newline = layout.get("newline", "\n")
    sign = layout.get("separator", "\t")
    return newline.join(line.rstrip(sign) for line in text.split(newline))


def diann(values: dict[str, tuple[str, tuple[object, ...]]] | None = None, **layout: Any) -> str:
    """A DIA-NN matrix of protein groups with blanks."""
    values = values or {
        "P21926": ("CD9_HUMAN", (380503.5, "", 609383.0)),
        "P60033;Q9NQA5": ("CD81_HUMAN;TRPV5_HUMAN", ("", "", 155999.0)),
    }
    head = ("Protein.Group", "Protein.Ids", "Protein.Names", "Genes", "First.Protein.Description")
    rows: list[Sequence[object]] = [(*head, "S1", "S2", "S3")]
    rows += [(g, g, names, "G", "a protein", *cells) for g, (names, cells) in values.items()]
    return table(rows, **{"separator": "\t", **layout})


PSM = (
    ("PEPTIDER", "P02788|TRFL_HUMAN", "lot7.mgf"),
    ("PEPTIDEK", "P02788|TRFL_HUMAN", "lot7.mgf"),
    ("AC(+57.02)DEK", "P01834|IGKC_HUMAN:P0DOX7|IGK_HUMAN", "lot7.mgf"),
    ("LLLK", "#DECOY#P02788|TRFL_HUMAN", "lot7.mgf"),
    ("GGGR", "", "lot7.mgf"),
)


def peaks(rows: Sequence[tuple[str, str, str]] = PSM, **layout: Any) -> str:
    """A PEAKS table of spectra."""
    head = ("Peptide", "-10lgP", "Mass", "Scan", "Source File", "Accession", "PTM", "Found By")
    body = [
        (p, 88.24, 2676.2627, 6468 + i, f, a, "", "PEAKS DB") for i, (p, a, f) in enumerate(rows)
    ]
    return table([head, *body], **layout)


def peptides(rows: Sequence[tuple[str, str, str]] = PSM, **layout: Any) -> str:
    """A list of peptides by protein, as people save it from PEAKS."""
    head = ("", "Peptide", "PTM", "Accession", "Source File", "Technique")
    body = [(i, p, "X, Y", a, f, "SEC") for i, (p, a, f) in enumerate(rows)]
    return table([head, *body], **layout)


def accessions(
    names: Sequence[str] = ("P21926", "P60033", "P21926", "A0A075B759"),
    *,
    heading: str = "Accession",
    **layout: Any,
) -> str:
    """A list of accessions."""
    return table([(heading,), *((n,) for n in names)], **layout)


CURVES = (
    "SamplePos\tTarget\t" + "\t".join(str(n) for n in range(1, 41)) + "\nA1\tmiR-21" + "\t1.5" * 40
)


def fcs(
    channels: Sequence[tuple[str, str, str]] = (
        ("FSC-A", "32", "1024"),
        ("FITC-A", "32", "1024"),
        ("Time", "32", "1024"),
    ),
    events: Sequence[Sequence[float]] = ((1.5, 300.25, 0.0), (2.5, -3.0, 1.0), (8.0, 77.0, 2.0)),
    *,
    version: str = "FCS3.1",
    kind: str = "F",
    little: bool = True,
    off: int = 0,
    shift: int = 0,
    extra: dict[str, str] | None = None,
    total: int | None = None,
    delimiter: str = "/",
) -> bytes:
    """An FCS file: ``off`` adds to the end of the data, ``shift`` to the start that the header has.

    Channels are name, bits and range.
    """
    sign = "<" if little else ">"
    data = b"".join(_packed(v, bits, kind, sign) for e in events for v, (_, bits, _) in
                    zip(e, channels, strict=True))  # fmt: skip
    begin = 1024
    stop = begin + len(data) - 1 + off
    keys = {
        "$BEGINANALYSIS": "0",
        "$ENDANALYSIS": "0",
        "$BEGINDATA": str(begin),
        "$ENDDATA": str(stop),
        "$BYTEORD": "1,2,3,4" if little else "4,3,2,1",
        "$DATATYPE": kind,
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": str(len(channels)),
        "$TOT": str(len(events) if total is None else total),
        **(extra or {}),
    }
    if version == "FCS2.0":
        del keys["$BEGINDATA"], keys["$ENDDATA"]
    for n, (name, bits, reach) in enumerate(channels, 1):
        keys |= {f"$P{n}N": name, f"$P{n}B": bits, f"$P{n}R": reach}
        keys.setdefault(f"$P{n}E", "0,0")
    text = delimiter + delimiter.join(f"{k}{delimiter}{v}" for k, v in keys.items()) + delimiter
    assert len(text) < begin - 58
    offsets = (58, 58 + len(text) - 1, begin + shift, stop, 0, 0)
    head = version.ljust(10) + "".join(f"{n:>8}" for n in offsets)
    return (head + text).encode("latin-1").ljust(begin) + data


def _packed(value: float, bits: str, kind: str, sign: str) -> bytes:
    if kind in "FD":
        return struct.pack(sign + {"F": "f", "D": "d"}[kind], value)
    return int(value).to_bytes(int(bits) // 8, "little" if sign == "<" else "big")
