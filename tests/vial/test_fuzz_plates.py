"""Damage to files of scattering, counting and plate instruments: a refusal, or numbers of theirs.

Text files are damaged as bytes. Workbooks are damaged in their cells before they are packed, since
a damaged archive tests the archive only; bytes of workbooks are damaged in test_workbook.py.
2,000 inputs a text, 100 a workbook; ``EXOCAST_FULL=1`` for fifty times as many.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from fuzzing import (
    INPUTS,
    cells_damaged,
    check_made,
    check_reader,
    each,
    grid_rows,
    grid_text,
    mutated,
    reference_files,
)
from made_files import opened
from writers import plate_files as plates
from writers import scattering
from writers.workbooks import xls, xlsx

from exocast.errors import ExocastError
from exocast.vial import known_readers
from exocast.vial.records import WELL_COLUMNS

READERS = {r.name: r for r in known_readers()}
PLATE = {f"{r}{c}": 0.125 * c + 0.5 * (r == "B") for r in "AB" for c in range(1, 4)}
WORDS = {**PLATE, "A1": "OVRFLW", "A2": "*0.356*", "B1": "?????", "B2": "MISSED", "B3": "<0.01"}
IDS = {"A1": "STD1", "B1": "STD1", "A2": "BLK", "A3": "SPL1", "B3": "SPL1:2"}
CONTENTS = {"A1": 50.0, "B1": 50.0, "A3": 1.0, "B3": 0.5}
GROUP = ("Standards", "Standard Value pg/mL", [("01", "100.0", "A1", "P1"), ("", "", "B1", "P1")])
MATRIX = [[0.125, 0.25, 0.375], [1.125, 1.25, 1.375]]

TEXTS = {
    "zetasizer": [
        scattering.zetasizer_text(),
        scattering.zetasizer_text(separator=";", decimal=","),
        scattering.zeta_text([("a 1", "06 March 2026 10:00:00", -12.5)]),
    ],
    "stunner": [scattering.lunatic_text(), scattering.lunatic_text(separator=";", decimal=",")],
    "gen5": [
        plates.gen5_text(PLATE, ids=IDS, contents=CONTENTS, columns=3),
        plates.gen5_text(WORDS, columns=3, separator=";", decimal=",", newline="\n"),
    ],
    "softmax": [
        plates.softmax_text({"P1": PLATE}, columns=3, groups=[GROUP]),
        plates.softmax_text({"P1": WORDS}, columns=3, time_format=True),
    ],
    "envision": [
        plates.envision_text([("1", "Absorbance(1)", "Ex=Btm Em=N/A", MATRIX)], layout=IDS),
        plates.envision_text([("1", "x", "Ex=N/A Em=Top", MATRIX)], separator=";", decimal=","),
    ],
    "qubit": [plates.qubit_text(), plates.qubit_text(separator=";", decimal=",")],
    "nanodrop": [plates.nanodrop_8000_text(), plates.nanodrop_eight_text()],
    "msd": [plates.msd_text(), plates.msd_text(separator="\t", newline="\r\n")],
    "luminex": [plates.luminex_text(expected={"Standard1": (250.5, 500.0)})],
    "asm": [
        plates.asm_text(plates.asm_document([
            plates.asm_well("A1", 2.5, role="standard sample role", nominal=(9.0, "pg/mL")),
            plates.asm_well("A2", -0.0, error="OVRFLW"),
        ])),
    ],
}  # fmt: skip
REAL = {
    "gen5": "plate_readers_protein_elisa/*96well*",
    "qubit": "*/thermo_fisher_qubit4*",
    "nanodrop": "*/*anodrop*",
    "luminex": "*/luminex_xPONENT_example02*",
}


def numbers_in(text: str) -> set[float]:
    """Every number that a text can be read to carry, a comma being a decimal sign or not."""
    found = set()
    # A quotation mark inside a number is damage that leaves one number to those who drop it.
    dropped = text.replace('"', "")
    for word in re.findall(r"[-+]?[\d.,]+(?:[eE][-+]?\d+)?", f"{text} {dropped}"):
        for piece in (word, word.replace(",", "."), *word.split(",")):
            for cut in (piece, piece.strip(".,")):
                try:
                    found.add(float(cut))
                except ValueError:
                    continue
    return found


def stated(reading):
    """All numbers of a reading, each with whether it is excluded or censored."""
    for m in reading.measurements:
        for v in m.values:
            yield v.value, v.excluded, v.censored, v.reason
    if reading.wells is not None:
        names = ("value", "excluded", "censored", "reason")
        yield from zip(*(reading.wells[n].tolist() for n in names), strict=True)
        yield from ((n, True, "", "nominal") for n in reading.wells["nominal"].tolist())


def check(reading, carried: set[float]) -> None:
    """Laws of whatever is read: nothing that the file does not carry, nothing missing as zero."""
    assert reading.particles is None
    assert reading.measurements or reading.wells is not None
    if reading.wells is not None:
        assert tuple(reading.wells.columns) == WELL_COLUMNS
        assert "" not in reading.wells["well"].tolist()
    for value, excluded, censored, reason in stated(reading):
        assert math.isnan(value) or value in carried, value
        assert excluded or censored or not math.isnan(value)
        assert reason or not excluded
        assert censored in {"", "above", "below"}
    assert all(m.unit for m in reading.measurements)


def laws_of_text(reading, data: bytes) -> None:
    check(reading, numbers_in(opened(data).text))


@pytest.mark.parametrize("name", [n for n in TEXTS if n != "asm"])
def test_damaged_text_is_refused_or_read_as_it_stands(name):
    sources = [t.encode("utf-8") for t in TEXTS[name]]
    if name in REAL:
        sources += each(reference_files(REAL[name], most_bytes=5_000))
    assert all(READERS[name].sniff(opened(s)) for s in sources)
    check_reader(READERS[name], sources, laws_of_text)


def test_damaged_json_is_refused_or_read_as_it_stands():
    sources = [t.encode() for t in TEXTS["asm"]]

    def laws(reading, data):
        found: set[float] = set()

        def collect(value):
            if isinstance(value, dict | list):
                for v in value.values() if isinstance(value, dict) else value:
                    collect(v)
            elif isinstance(value, int | float):
                found.add(float(value))
            elif isinstance(value, str):
                found.update(numbers_in(value))

        collect(json.loads(opened(data).text.lstrip("\ufeff")))
        check(reading, found)

    check_reader(READERS["asm"], sources, laws)


def test_damaged_database_is_refused_or_read_within_bounds():
    records = [("lot 7", 1, 101.5, 0.12, [99.0, 700.0], False), ("b", 2, 9.5, 0.9, [9.0], True)]
    data = scattering.zmes(records)

    def laws(reading, data):
        assert reading.particles is None
        for value, excluded, *_ in stated(reading):
            assert excluded or math.isfinite(value)

    check_reader(READERS["zetasizer-zmes"], [data], laws)


# Workbooks ---------------------------------------------------------------------------------------

GRIDS = {
    "hiac": [scattering.hiac_rows(), scattering.hiac_rows(german=True, spread=False, dilution=10)],
    "stunner": [scattering.stunner_rows()],
    "skanit": [plates.skanit_rows({"Plate 1": PLATE}, columns=3)],
    "magellan": [plates.magellan_rows({"A1": (0.0557, "OVER"), "B1": (0.25, 0.0)})],
}


@pytest.mark.parametrize("name", list(GRIDS))
def test_damaged_cells_are_refused_or_read_as_they_stand(name):
    sources = [grid_text(rows) for rows in GRIDS[name]]
    reader = READERS[name]
    assert all(reader.sniff(opened(xlsx({"S": grid_rows(s)}))) for s in sources)
    read = 0
    for seed in range(INPUTS // 20):
        rows = grid_rows(mutated(sources[seed % len(sources)], seed, sources[0]))
        data = (xls if seed % 4 == 0 else xlsx)({"S": rows})
        file = opened(data)
        reader.sniff(file)
        try:
            reading = reader.read(file)
        except ExocastError:
            continue
        read += 1
        carried = {c for r in rows for c in r if isinstance(c, float)}
        carried |= numbers_in("\n".join(str(c) for r in rows for c in r if isinstance(c, str)))
        check(reading, carried)
    assert read > INPUTS // 400


@pytest.mark.parametrize("name", list(GRIDS))
def test_damaged_insides_of_workbooks_are_refused_or_read(name):
    check_made(READERS[name], cells_damaged(GRIDS[name]), inputs=INPUTS // 20)


def test_any_text_is_refused_in_words_by_every_reader():
    """Also one that starts as the reader wants it."""
    for name, texts in TEXTS.items():
        head = texts[0][:40].encode()
        for data in (b"x", b"\n", b"\xff\xfe\x00", head, head + b"\n" * 50, b"\x00" * 300):
            file = opened(data)
            READERS[name].sniff(file)
            with pytest.raises(ExocastError):
                READERS[name].read(file)
    assert Path(opened(b"x").path).name == "made.bin"
