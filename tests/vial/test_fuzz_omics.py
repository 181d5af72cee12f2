"""Damaged files of PCR, sequencing, proteomics and cytometers are read as they stand or refused."""

from __future__ import annotations

import math
import re
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fuzzing import check_reader, reference_files
from writers import omics

from exocast.vial import InstrumentFile, known_readers

SOURCES = {
    "quantstudio": [omics.quantstudio(cycles=3), omics.quantstudio(decimal=",", newline="\r\n")],
    "cfx": [omics.cfx(), omics.cfx(separator=";", decimal=",")],
    "rdml": [omics.rdml(), omics.rdml(zipped=False), omics.rdml(split=True, version="1.4")],
    "curves": [omics.CURVES],
    "ct_matrix": [omics.ct_matrix(), omics.ct_matrix(separator=";", decimal=",")],
    "small_rna": [omics.counts(), omics.counts(separator="\t", newline="\r\n")],
    "qiacuity": [omics.qiacuity(), omics.qiacuity(separator=";", decimal=",")],
    "absolute_q": [omics.absolute_q()],
    "maxquant": [omics.maxquant(), omics.maxquant(separator=",", trimmed=True)],
    "diann": [omics.diann()],
    "peaks": [omics.peaks()],
    "peptides": [omics.peptides()],
    "accessions": [omics.accessions()],
    "fcs": [
        omics.fcs(),
        omics.fcs(version="FCS2.0", kind="D", channels=(("A", "64", "8"),), events=((1.25,),)),
        omics.fcs(
            (("A", "8", "256"), ("A", "24", "1000"), ("B", "32", "65536")),
            ((3, 70000, 4), (255, 900, 65535)),
            kind="I",
            little=False,
            extra={"$VOL": "500", "$P1E": "4,1"},
        ),
    ],
}
READERS = {r.name: r for r in known_readers()}


def as_bytes(source: str | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.encode()


def words_of(data: bytes) -> set[str]:
    """Every number that a text carries, in the ways that it may be written."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as made:
            data = b" ".join(made.read(name) for name in made.namelist())
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, ValueError):
        pass
    except Exception:  # noqa: BLE001 - damaged in a way that the reader copes with and zipfile not
        return set()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return set()
    text = data.decode("latin-1").replace('"', "")
    found = set(re.findall(r"[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?", text))
    found |= {p for w in list(found) for p in re.split("[,;]", w)}
    return found


def carried(value: float, words: set[str]) -> bool:
    for word in words:
        for text in (word, word.replace(",", "."), word.replace(",", ""), word.replace(".", "")):
            try:
                if float(text.replace(",", ".")) == value:
                    return True
            except ValueError:
                continue
    return False


def numbers_stand_in_the_file(reading, data):
    """No number that the file does not carry, and nothing missing or rejected turned into one."""
    words = words_of(data)
    for table in (reading.wells, reading.features):
        if table is None:
            continue
        assert len(table)
        counted = table["unit"].isin(["spectra", "peptides", "mentions"]).any()
        for value in set(table["value"].dropna()):
            assert math.isfinite(value)
            assert counted or not words or carried(value, words), value
        assert not table.loc[table["excluded"], "reason"].eq("").any()
        assert (
            not (table["value"].isna() & ~table["excluded"] & (table["censored"] == ""))
            .loc[table["unit"] == "Cq"]
            .any()
        )
        if (table["unit"] == "count").any():
            whole = table["value"].dropna()
            assert (whole == whole.round()).all()
        if table["unit"].isin(["intensity", "LFQ intensity"]).any():
            assert reading.reader != "maxquant" or not (table["value"] == 0).any()
    if reading.events is not None:
        assert reading.events.columns.is_unique
        assert len(reading.events) >= 1
        assert reading.events.to_numpy(np.float64).size * 8 <= 80 * len(data)


@pytest.mark.parametrize("name", SOURCES)
def test_damaged_files_are_refused_or_read_as_they_stand(name):
    sources = [as_bytes(s) for s in SOURCES[name]]
    real = {"fcs": "fcs/*offset*.fcs", "rdml": "qpcr/stepone*.rdml"}.get(name)
    if real:
        sources += [p.read_bytes() for p in reference_files(real, most_bytes=9_000)]
    check_reader(READERS[name], sources, numbers_stand_in_the_file)


@pytest.mark.parametrize("name", SOURCES)
def test_each_kind_is_claimed_by_one_reader(name):
    for source in SOURCES[name]:
        file = InstrumentFile(path=Path("x"), data=as_bytes(source))
        assert [r.name for r in known_readers() if r.sniff(file)] == [name]
