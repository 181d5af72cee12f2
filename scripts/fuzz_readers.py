"""Throw damaged files at the readers of instrument files, far more than the tests do.

    python scripts/fuzz_readers.py                        every reader, 100,000 inputs
    python scripts/fuzz_readers.py qubit fcs --inputs 20000
    python scripts/fuzz_readers.py qubit --atheris --inputs 100000

The sources are those of ``tests/vial``, files of our own writers. Of workbooks, archives and
databases the insides are damaged: cells, members, records, pages; HDF5 is read in a process that
stays. A reader fails that does anything but read or refuse, breaks a law of what is read, takes
more memory than ten times the file and 8 MB, or more than two seconds of processor; exit code 3.
With ``--atheris`` the damage is guided by coverage (pip install atheris); one reader a run, for it
does not come back.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exocast.vial import Reading

Maker = Callable[[int], bytes]
LONGEST_S = 2.0
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "vial"))


def sources() -> dict[str, list[bytes]]:
    """Whole files to damage, by reader."""
    import test_fuzz_nta
    import test_fuzz_omics
    import test_fuzz_plates
    from writers import scattering
    from writers.workbooks import xlsx

    found: dict[str, list[bytes]] = {}
    for table in (test_fuzz_omics.SOURCES, test_fuzz_plates.TEXTS, test_fuzz_nta.SOURCES):
        for name, texts in table.items():
            found[name] = [t if isinstance(t, bytes) else t.encode() for t in texts]
    for name, grids in test_fuzz_plates.GRIDS.items():
        found[name] = found.get(name, []) + [xlsx({"S": rows}) for rows in grids]
    found["zetasizer-zmes"] = [scattering.zmes(RECORDS)]
    found["spectradyne"] = test_fuzz_nta.H5_SOURCES
    found["nanosight"] = [
        (ROOT / "examples" / "knee" / "example-ExperimentSummary.csv").read_bytes()
    ]
    return found


RECORDS = [("lot 7", 1, 101.5, 0.12, [99.0, 700.0], False), ("b", 2, 9.5, 0.9, [9.0], True)]


def makers() -> dict[str, Maker]:
    """What makes a damaged file of a seed: of its bytes, or of what stands inside it."""
    import test_fuzz_plates
    from fuzzing import bytes_damaged, cells_damaged, parts_damaged, xml_damaged
    from writers import omics

    files = sources()
    found = {name: bytes_damaged(each) for name, each in files.items()}
    for name, grids in test_fuzz_plates.GRIDS.items():
        inside = cells_damaged(grids)
        found[name] = _either(inside, bytes_damaged(files[name]), 0.4 if name == "stunner" else 0.1)
    documents = [omics.rdml(zipped=False, version=v) for v in ("1.1", "1.4")]
    archives = _either(
        lambda seed: omics.archive({"rdml_data.xml": xml_damaged(documents[seed % 2], seed)}),
        parts_damaged([{"rdml_data.xml": document} for document in documents]),
        0.3,
    )
    found["rdml"] = _either(archives, found["rdml"], 0.2)
    found["zetasizer-zmes"] = _either(_pages_damaged(files["zetasizer-zmes"][0]),
                                      found["zetasizer-zmes"], 0.1)  # fmt: skip
    found["spectradyne"] = _signed(found["spectradyne"])
    return found


def _either(first: Maker, second: Maker, share: float) -> Maker:
    def make(seed: int) -> bytes:
        return (second if random.Random(~seed).random() < share else first)(seed)

    return make


def _signed(maker: Maker) -> Maker:
    """The signature is checked before a process is started; what matters lies behind it."""
    return lambda seed: b"\x89HDF\r\n\x1a\n" + maker(seed)[8:]


def _pages_damaged(data: bytes) -> Maker:
    """A database whose pages stay in their places: bytes are changed, none lost or put in."""

    def make(seed: int) -> bytes:
        chance = random.Random(seed)
        found = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(100, len(found))
            found[at] = chance.choice((0, 1, 0x7F, 0xFF, found[at] ^ (1 << chance.randrange(8))))
        return bytes(found)

    return make


def laws_of(name: str) -> Callable[[Reading, bytes], None]:
    """What has to hold for whatever a reader reads."""
    import test_fuzz_nta
    import test_fuzz_omics
    import test_fuzz_plates

    if name in test_fuzz_nta.SOURCES or name == "spectradyne":
        return test_fuzz_nta.laws
    if name in test_fuzz_omics.SOURCES:
        return test_fuzz_omics.numbers_stand_in_the_file
    if name in test_fuzz_plates.TEXTS and name not in ("asm", "stunner"):
        return test_fuzz_plates.laws_of_text
    return lambda reading, data: None


def by_seed(name: str, make: Maker, inputs: int, first: int) -> bool:
    """Damage by seeded edits; whether the reader held."""
    from fuzzing import check_one
    from warm_hdf5 import WarmChild

    from exocast.vial import known_readers
    from exocast.vial.readers import spectradyne

    reader = next(r for r in known_readers() if r.name == name)
    laws = laws_of(name)
    child = WarmChild()
    spectradyne.read_groups = child.read_groups
    start, slowest, held = time.perf_counter(), (0.0, 0), True
    check_one(reader, sources()[name][0])
    for seed in range(first, first + inputs):
        begun = time.process_time()
        try:
            check_one(reader, make(seed), laws, seed=seed)
        except AssertionError as e:
            held = False
            print(f"{name}: seed {seed}: {e}", flush=True)
            break
        slowest = max(slowest, (time.process_time() - begun, seed))
    child.close()
    if slowest[0] > LONGEST_S:
        held = False
    spent = time.perf_counter() - start
    verdict = "held" if held else "FAILED"
    more = (
        f", {child.crashes} took their process down ({child.hangs} by time)"
        if name == "spectradyne"
        else ""
    )
    print(
        f"{name}: {verdict}, {inputs:,} inputs in {spent:.0f} s; the slowest {slowest[0]:.2f} s of "
        f"processor (seed {slowest[1]}){more}",
        flush=True,
    )
    return held


def by_coverage(name: str, inputs: int) -> None:
    """Damage guided by coverage; does not come back."""
    import tempfile

    import atheris

    # What readers load on first use, which would look like a hang.
    for heavy in ("flowio", "h5py", "openpyxl", "pandas", "xlrd", "defusedxml.ElementTree"):
        importlib.import_module(heavy)
    # Before anything else imports the readers: code that is loaded already is not watched.
    with atheris.instrument_imports(include=["exocast.vial"]):
        from exocast.vial import known_readers

        reader = next(r for r in known_readers() if r.name == name)
    import fuzzing

    files = sources()[name]
    # Before the fuzzer's own clock runs: whatever is loaded on the way of a whole file.
    for data in files:
        fuzzing.check_one(reader, data)
    folder = Path(tempfile.mkdtemp(prefix="exocast-fuzz-"))
    for i, data in enumerate(files):
        (folder / f"{name}-{i}").write_bytes(data)
    atheris.Setup(
        [
            sys.argv[0],
            f"-runs={inputs}",
            "-timeout=20",
            "-max_len=65536",
            f"-artifact_prefix={folder}/",
            str(folder),
        ],
        lambda data: fuzzing.check_one(reader, data),
    )
    atheris.Fuzz()


def main() -> int:
    """Fuzz what is asked for; 3 when a reader failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", help="names; all when left out")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--atheris", action="store_true", help="guided by coverage, one reader")
    asked = parser.parse_args()
    if asked.atheris and len(asked.readers) == 1:
        by_coverage(asked.readers[0], asked.inputs)
    every = sources()
    unknown = [name for name in asked.readers if name not in every]
    if unknown or (asked.atheris and len(asked.readers) != 1):
        parser.error(f"name {'one' if asked.atheris else 'any'} of: {', '.join(every)}")
    made = makers()
    held = [by_seed(n, made[n], asked.inputs, asked.first) for n in (asked.readers or every)]
    return 0 if all(held) else 3


if __name__ == "__main__":
    sys.exit(main())
