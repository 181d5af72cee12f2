"""Every file of the reference folder belongs to one reader at most, by its content alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exocast.errors import InstrumentFileError
from exocast.vial import known_readers, read_file
from exocast.vial.files import open_file

FOLDER = Path(os.environ.get("EXOCAST_REFERENCE", Path(__file__).parents[3] / "shared")) / "samples"
FILES = sorted(p for p in FOLDER.glob("*/*") if p.is_file()) if FOLDER.is_dir() else []
# Kinds of particle analysers, by the start of a file's name; the rest is held by other tests.
WANTED = {
    "beads_nta": "nanosight",
    "nanosight_": "nanosight",
    "zetaview_806_rep1_size_488_11pos": "zetaview_positions",
    "zetaview_": "zetaview",
}
NONE = "no reference folder: set EXOCAST_REFERENCE to run this test"


def shown(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.mark.skipif(not FILES, reason=NONE)
@pytest.mark.parametrize("path", FILES or [None], ids=lambda p: shown(p) if p else "none")
def test_file_is_claimed_by_one_reader_at_most(path):
    file = open_file(path)
    claims = [r.name for r in known_readers() if r.sniff(file)]
    assert len(claims) <= 1
    wanted = next((name for start, name in WANTED.items() if path.name.startswith(start)), None)
    if wanted is not None:
        assert claims == [wanted]
        assert read_file(path).reader == wanted


@pytest.mark.skipif(not FILES, reason=NONE)
def test_what_no_reader_claims_is_refused_in_words():
    left = [p for p in FILES if not any(r.sniff(open_file(p)) for r in known_readers())]
    assert any(p.name == "wide_table_not_vendor_format.csv" for p in left)
    for path in left:
        with pytest.raises(InstrumentFileError) as e:
            read_file(path)
        assert e.value.code == "NOT_AN_EXPORT"
        assert len(e.value.message) > 40
