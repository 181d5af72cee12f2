"""Reading takes no more than ten times the file, beside the file itself.

Counted are all allocations of Python and NumPy at their peak, which no clock and no neighbour
changes. Archives count as what they unpack to: the writers store them without compression. Kinds
whose files are small by nature, a megabyte at most, may take eight more megabytes.
"""

from __future__ import annotations

import pytest
from fuzzing import FULL, MORE_BYTES, TIMES_FILE, peak_memory
from large_files import MAKERS, MOST, large
from writers import omics

from exocast.errors import InstrumentFileError
from exocast.vial import InstrumentFile, known_readers
from exocast.vial.readers.stunner import MOST_TEXT
from exocast.vial.wells import MOST_WELLS, Well, Wells

READERS = {r.name: r for r in known_readers()}
LARGE = 1_000_000
# A short run tells a rate of growth as well; what is loaded or kept once is a part of it.
SIZE, ONCE = (1_200_000, 0) if FULL else (300_000, 1_500_000)
NO_TABLE = {"curves"}  # always refused


def largest(kind: str) -> int:
    """Largest file of a kind that is taken, in bytes."""
    if kind == "stunner as text":
        return MOST_TEXT
    return READERS[kind.split(" ", maxsplit=1)[0]].most_bytes


def test_every_reader_has_a_large_file():
    assert {kind.split(" ")[0] for kind in MAKERS} == set(READERS) - NO_TABLE


@pytest.mark.parametrize("kind", MAKERS)
def test_reading_takes_ten_times_the_file_at_most(kind):
    reader = READERS[kind.split(" ")[0]]
    peak_memory(reader, large(kind, 10_000))  # what is loaded on first use
    data = large(kind, min(SIZE, int(0.95 * largest(kind))))
    small = kind in MOST or largest(kind) <= LARGE or (FULL and len(data) < LARGE)
    assert peak_memory(reader, data) <= TIMES_FILE * len(data) + (MORE_BYTES if small else ONCE)


def test_archive_of_a_run_takes_ten_times_what_it_unpacks_to():
    reactions = [(str(i), "lot 7", f"<cq>{20 + i % 977 / 100}</cq>") for i in range(1, 1500)]
    plain = omics.rdml(reactions=reactions, zipped=False)
    packed = omics.rdml(reactions=reactions)
    assert len(packed) < len(plain) / 10
    peak_memory(READERS["rdml"], packed)
    assert peak_memory(READERS["rdml"], packed) <= TIMES_FILE * len(plain)


@pytest.mark.parametrize(
    ("kind", "of_a_line"),
    [("envision", 600), ("accessions", 60_000), ("zetaview_positions", 1_200)],
)
def test_more_than_an_instrument_gives_is_refused_and_not_kept(kind, of_a_line):
    data = MAKERS[kind](of_a_line)
    with pytest.raises(InstrumentFileError) as e:
        READERS[kind].read(InstrumentFile(path="x", data=data))
    assert e.value.code == "TOO_LARGE"


def test_wells_kept_as_columns_are_the_wells_that_were_put_in():
    made = [
        Well(well=f"A{i}", plate="1", value=i / 7, excluded=i == 2, reason="r" * (i == 2), line=i)
        for i in range(1, 5)
    ]
    wells = Wells("x.txt")
    wells.extend(made)
    assert repr(list(wells)) == repr(made)
    wells[1] = made[3]
    assert (repr(wells[1]), wells[-1].well, len(wells[1:3])) == (repr(made[3]), "A4", 2)
    with pytest.raises(InstrumentFileError, match=r"more than 50,000 wells") as e:
        wells.extend(made[0] for _ in range(MOST_WELLS))
    assert (e.value.code, e.value.where) == ("TOO_LARGE", "x.txt")
