"""Large files of every kind that has a reader, by our own writers: as long as is asked for.

Their numbers and names differ from line to line: a table of the same word would hide what it costs
to keep it.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable

from writers import omics, scattering, spectradyne, viewsizer, zetaview
from writers import plate_files as plates
from writers.workbooks import xls, xlsx

from conftest import load_writer

FULL_PLATE = [f"{row}{column}" for row in "ABCDEFGH" for column in range(1, 13)]


def numbers(n: int, seed: int = 1, most: float = 3.0) -> list[float]:
    """Positive numbers with three digits behind the point, all kinds of them."""
    chance = random.Random(seed)
    return [round(chance.uniform(0.01, most), 3) for _ in range(n)]


def plate(seed: int) -> dict[str, float]:
    """A full plate of 96 wells."""
    return dict(zip(FULL_PLATE, numbers(96, seed), strict=True))


def _nanosight(n: int) -> bytes:
    writer = load_writer()
    videos = [
        writer.Video(name=f"lot 7_{i:02d}", per_ml=3e8 + 1e5 * i, tracks=10) for i in range(n)
    ]
    return str(writer.summary_text(videos, dilution="200", description="x")).encode()


def _asm(n: int) -> bytes:
    wells = [plates.asm_well(FULL_PLATE[i % 96], v) for i, v in enumerate(numbers(n))]
    document = plates.asm_document(wells)
    # A plate a hundred wells, as converters write them.
    return plates.asm_text(document, indent=1).encode()


def _gen5(n: int) -> bytes:
    texts = (
        plates.gen5_text(
            plate(i), ids={w: f"SPL{i}{k}" for k, w in enumerate(FULL_PLATE)}, columns=12, rows=8
        ).replace("Plate 1", f"Plate {i}")
        for i in range(n)
    )
    return "".join(texts).encode()


def _envision(n: int) -> bytes:
    def matrix(i: int) -> list[list[float]]:
        values = numbers(96, i)
        return [values[k : k + 12] for k in range(0, 96, 12)]

    filters = "Ex=Btm Em=N/A"
    return plates.envision_text(
        [(str(i + 1), "Absorbance(1)", filters, matrix(i)) for i in range(n)], formula=False
    ).encode()


def _luminex(n: int) -> bytes:
    values = numbers(2 * n, most=30_000.0)
    return plates.luminex_text(
        [
            (f"{i + 1}(1,{FULL_PLATE[i % 96]})", f"Unknown{i}", (values[2 * i], values[2 * i + 1]))
            for i in range(n)
        ],
        counts=[(30 + i % 9, 42) for i in range(n)],
    ).encode()


def _msd(n: int) -> bytes:
    rows = [(f"U{i:05d}", f"A{i % 24 + 1:02d}", 2.0, "", v) for i, v in enumerate(numbers(n))]
    return plates.msd_text(rows).encode()


def _qubit(n: int) -> bytes:
    runs = [
        (f"lot {i}", v, "ng/mL", round(v / 5, 4), "ng/µL", 200.0)
        for i, v in enumerate(numbers(n, most=500.0))
    ]
    return plates.qubit_text(runs).encode()


def _zetasizer(n: int) -> bytes:
    # Records with an array of voltages behind the numbers, as most exports are.
    runs = [
        (f"lot {i}", f"06 March 2026 10:{i // 60 % 60:02d}:{i % 60:02d}", -v)
        for i, v in enumerate(numbers(n, most=60.0))
    ]
    return scattering.zeta_text(runs, extra_cells=[100] * n).encode()


def _stunner(n: int) -> bytes:
    rows = [
        ("Plate 1", f"A{i % 12 + 1}", f"lot {i}", "0", v, 10 * v, 0.14, 13.3, v, "Stunner Plate")
        for i, v in enumerate(numbers(n))
    ]
    return xlsx({"S": scattering.stunner_rows(rows)})


def _lunatic(n: int) -> bytes:
    rows = [("Plate 1", "A1", f"lot {i}", v, v) for i, v in enumerate(numbers(n))]
    return scattering.lunatic_text(rows).encode()


def _magellan(n: int) -> bytes:
    labels = tuple(f"Label{i + 1}" for i in range(max(2, n)))
    values = numbers(96 * len(labels))
    k = len(labels)
    wells = {name: tuple(values[k * i : k * i + k]) for i, name in enumerate(FULL_PLATE)}
    return xlsx({"S": plates.magellan_rows(wells, labels=labels)})


def _hiac(n: int) -> bytes:
    counts = [(2.0 + i, *(float(3 * (n - i) + k) for k in range(30))) for i in range(n)]
    return xlsx({"S": scattering.hiac_rows(counts, spread=False)})


def _zmes(n: int) -> bytes:
    return scattering.zmes(
        [
            (f"lot {i}", i % 9, v, 0.1, [v, 3 * v], False)
            for i, v in enumerate(numbers(n, most=200.0))
        ]
    )


def _quantstudio(n: int) -> bytes:
    wells = [
        (FULL_PLATE[i % 96], f"lot {i}", f"miR-{i // 96}", "UNKNOWN", "", f"{20 + v:.3f}", False)
        for i, v in enumerate(numbers(n))
    ]
    return omics.quantstudio(wells).encode()


def _cfx(n: int) -> bytes:
    rows = [
        (f"A{i % 12 + 1:02d}", "FAM", f"miR-{i}", f"Unkn-{i}", f"lot {i}", 20 + v, float("nan"))
        for i, v in enumerate(numbers(n))
    ]
    return omics.cfx(rows).encode()


def _reactions(n: int) -> list[tuple[str, str, str]]:
    return [(str(i + 1), "lot 7", f"<cq>{20 + v:.3f}</cq>") for i, v in enumerate(numbers(n))]


def _dpcr(n: int) -> list[tuple[str, str, str, str, float, int, int]]:
    return [
        (f"{'ABCDEFGH'[i % 8]}{i}", f"lot {i}", "miR-21", "-", v, 25_000 + i % 400, 300 + i % 99)
        for i, v in enumerate(numbers(n, most=200.0))
    ]


def _maxquant(n: int) -> bytes:
    # Lines of MaxQuant are long: names and headers of sequences stand beside the numbers.
    header = "tr|X|X_HUMAN " + "a protein of some length " * 8
    groups = [
        (f"P{i:05d}", header + str(i), "", "", "", tuple(round(1e6 * v) for v in numbers(2, i)))
        for i in range(n)
    ]
    return omics.maxquant(groups).encode()


def _diann(n: int) -> bytes:
    return omics.diann(
        {f"P{i:05d}": (f"X{i}_HUMAN", tuple(numbers(3, i, most=9e5))) for i in range(n)}
    ).encode()


def _psm(n: int) -> list[tuple[str, str, str]]:
    return [(f"PEPTIDE{i}K", f"P{i % (n // 3 + 1):05d}|X_HUMAN", "lot7.mgf") for i in range(n)]


def _ct(n: int) -> bytes:
    return omics.ct_matrix(
        {f"miR-{i}-5p": tuple(20 + v for v in numbers(24, i, most=15.0)) for i in range(n)}
    ).encode()


def _counts(n: int) -> bytes:
    return omics.counts(
        {f"miR-{i}-5p": tuple(range(1200 + i, 1216 + i)) for i in range(n)}
    ).encode()


def _fcs(n: int) -> bytes:
    return omics.fcs(events=[(float(i), i / 2, 3.0) for i in range(n)])


def _bytes_of_fcs(n: int) -> bytes:
    return omics.fcs((("A", "8", "256"),), [(i % 256,) for i in range(n)], kind="I")


def _videos(n: int) -> bytes:
    return viewsizer.videos_text(
        [[float(round(80 + 40 * v, 2)) for v in numbers(200, i)] for i in range(n)]
    ).encode()


def _positions(n: int) -> bytes:
    rows = [(f"{i / 100:.2f}", 7.1e6, 11 + i % 20, "") for i in range(1, n)]
    return zetaview.positions_text(rows).encode("latin-1")


def _spectradyne(n: int) -> bytes:
    return spectradyne.series(list(zip(numbers(n, 1, 90.0), numbers(n, 2, 90.0), strict=True)))


MAKERS: dict[str, Callable[[int], bytes]] = {
    "nanosight": _nanosight,
    "asm": _asm,
    "qiacuity": lambda n: omics.qiacuity(_dpcr(n)).encode(),
    "absolute_q": lambda n: omics.absolute_q(_dpcr(n)).encode(),
    "envision": _envision,
    "fcs": _fcs,
    "fcs of bytes": _bytes_of_fcs,
    "gen5": _gen5,
    "hiac": _hiac,
    "luminex": _luminex,
    "magellan": _magellan,
    "msd": _msd,
    "nanodrop": lambda n: plates.nanodrop_8000_text(
        [("A1", f"lot {i}", v, "mg/ml", 1.62 * v, 16.2) for i, v in enumerate(numbers(n))]
    ).encode(),
    "maxquant": _maxquant,
    "diann": _diann,
    "peaks": lambda n: omics.peaks(_psm(n)).encode(),
    "peptides": lambda n: omics.peptides(_psm(n)).encode(),
    "accessions": lambda n: omics.accessions([f"P{i:05d}" for i in range(n)]).encode(),
    "quantstudio": _quantstudio,
    "cfx": _cfx,
    "rdml": lambda n: omics.rdml(reactions=_reactions(n), zipped=False),
    "ct_matrix": _ct,
    "qubit": _qubit,
    "skanit": lambda n: xlsx(
        {"S": plates.skanit_rows({f"Plate {i}": plate(i) for i in range(n)}, columns=12)}
    ),
    "small_rna": _counts,
    "softmax": lambda n: plates.softmax_text(
        {f"P{i}": plate(i) for i in range(n)}, columns=12, rows=8
    ).encode("utf-16"),
    "spectradyne": _spectradyne,
    "stunner": _stunner,
    "stunner as text": _lunatic,
    "viewsizer": lambda n: viewsizer.sizes_text(
        numbers(n, most=1e6), width=0.5
    ).encode(),
    "viewsizer_videos": _videos,
    "zetasizer": _zetasizer,
    "zetasizer-zmes": _zmes,
    "zetaview": lambda n: zetaview.size_text(
        {i: i % 40 for i in range(n)}, n_bins=n
    ).encode("latin-1"),
    "zetaview_positions": _positions,
    # Old workbooks by our writer hold no more than sixty kilobytes.
    "stunner as xls": lambda n: xls({"S": scattering.stunner_rows([
        ("Plate 1", "A1", f"lot {i}", "0", 1.5, 2.5, 0.14, 13.3, 0.5, "Stunner Plate")
        for i in range(min(n, 100))
    ])}),
}  # fmt: skip
# Where a reader refuses what no instrument gives, a larger file would tell nothing.
MOST = {"envision": 500, "accessions": 50_000, "zetaview_positions": 990}
PROBE = 40


@functools.cache
def large(kind: str, size: int) -> bytes:
    """A file of about this size, in bytes: its records are as many as a short one tells."""
    maker = MAKERS[kind]
    short = len(maker(PROBE // 4)), len(maker(PROBE))
    each = (short[1] - short[0]) / (PROBE - PROBE // 4)
    return maker(min(MOST.get(kind, size), max(PROBE, int(size / each)) if each > 0 else PROBE))
