"""Throw damaged files at the readers of instrument files, far more than the tests do.

    python scripts/fuzz_readers.py                        every reader, 100,000 inputs
    python scripts/fuzz_readers.py qubit fcs --inputs 20000
    python scripts/fuzz_readers.py qubit --atheris --inputs 100000

The sources are those of ``tests/vial``, files of our own writers. With ``--atheris`` the damage is
guided by coverage (pip install atheris); one reader a run, for it does not come back. Exit code 3
when a reader does anything but read or refuse.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "vial"))


def sources() -> dict[str, list[bytes]]:
    """Whole files to damage, by reader."""
    import test_fuzz_nta
    import test_fuzz_omics
    import test_fuzz_plates

    found: dict[str, list[bytes]] = {}
    for table in (test_fuzz_omics.SOURCES, test_fuzz_plates.TEXTS, test_fuzz_nta.SOURCES):
        for name, texts in table.items():
            found[name] = [t if isinstance(t, bytes) else t.encode() for t in texts]
    found["nanosight"] = [
        (ROOT / "examples" / "knee" / "example-ExperimentSummary.csv").read_bytes()
    ]
    return found


def by_seed(name: str, files: list[bytes], inputs: int) -> bool:
    """Damage by seeded edits; whether the reader held."""
    import random

    from fuzzing import check_one, mutated

    from exocast.vial import known_readers

    reader = next(r for r in known_readers() if r.name == name)
    start, held = time.perf_counter(), True
    for seed in range(inputs):
        chance = random.Random(seed)
        whole, other = chance.choice(files), chance.choice(files)
        try:
            check_one(reader, mutated(whole, seed, other), seed=seed)
        except AssertionError as e:
            held = False
            print(f"{name}: {e}", flush=True)
            break
    spent = time.perf_counter() - start
    verdict = "held" if held else "FAILED"
    print(f"{name}: {verdict}, {inputs:,} inputs in {spent:.0f} s", flush=True)
    return held


def by_coverage(name: str, inputs: int) -> None:
    """Damage guided by coverage; does not come back."""
    import tempfile

    import atheris
    import pandas as pd  # noqa: F401 - loaded on first use, which would look like a hang

    # Before anything else imports the readers: code that is loaded already is not watched.
    with atheris.instrument_imports(include=["exocast.vial"]):
        from exocast.vial import known_readers

        reader = next(r for r in known_readers() if r.name == name)
    from fuzzing import check_one

    files = sources()[name]
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
        lambda data: check_one(reader, data),
    )
    atheris.Fuzz()


def main() -> int:
    """Fuzz what is asked for; 3 when a reader failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", help="names; all when left out")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--atheris", action="store_true", help="guided by coverage, one reader")
    asked = parser.parse_args()
    if asked.atheris and len(asked.readers) == 1:
        by_coverage(asked.readers[0], asked.inputs)
    every = sources()
    unknown = [name for name in asked.readers if name not in every]
    if unknown or (asked.atheris and len(asked.readers) != 1):
        parser.error(f"name {'one' if asked.atheris else 'any'} of: {', '.join(every)}")
    held = [by_seed(n, every[n], asked.inputs) for n in (asked.readers or every)]
    return 0 if all(held) else 3


if __name__ == "__main__":
    sys.exit(main())
