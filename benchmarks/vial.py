"""How many NanoSight exports a second: inspected, read, and only their bins parsed by pandas.

    python benchmarks/vial.py                      the example export, 100 copies
    python benchmarks/vial.py a.csv b.csv          exports of your own, in turn
    python benchmarks/vial.py --copies 1000        a folder of a thousand

Every row sees the same files in the same process, a round of each in turn. The peer is what a user
of tidyNano or a notebook does by hand: find the line of the bins, give the thousand lines below it
to ``pandas.read_csv``, and sum the columns. It checks nothing, reads no dilution, tracks or
verdicts, and estimates nothing; it is the floor of what reading costs in Python, not a rival.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from settings import processor
from tables import short, table, times

EXAMPLE = Path(__file__).parent.parent / "examples" / "knee" / "example-ExperimentSummary.csv"
BINS = "Bin centre (nm)"
COLUMN = "concentration (particles / ml)"  # of a capture; the average is named otherwise
HEAD = ("what", "files", "kB each", "files a second", "seconds for 1,000", "over pandas")


def by_pandas(path: Path) -> float:
    """Sum of the size table, as a short script reads it."""
    import pandas as pd

    with path.open(encoding="latin-1") as file:
        lines = file.readlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(BINS))
    rows = next(i for i, line in enumerate(lines[start + 1 :]) if not line[:1].isdigit())
    width = 1 + sum(cell.strip().lower() == COLUMN for cell in lines[start].split(","))
    frame = pd.read_csv(
        path,
        skiprows=start + 1,
        nrows=rows,
        header=None,
        usecols=range(width),
        encoding="latin-1",
        index_col=0,
        skip_blank_lines=False,
    )
    return float(frame.to_numpy().sum())


def measure(files: Sequence[Path], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each round, by what was done with the files."""
    from exocast.vial import inspect, read_file

    def each(function: Callable[[Path], object]) -> None:
        for path in files:
            function(path)

    ways: dict[str, Callable[[], object]] = {
        "exocast: inspected": lambda: inspect(files),
        "exocast: read": lambda: each(read_file),
        "pandas: size table": lambda: each(by_pandas),
    }
    for way in ways.values():  # imports and caches
        way()
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            found[name].append(time.process_time() - begun)
    return found


def text(found: dict[str, list[float]], files: Sequence[Path]) -> str:
    """The table: medians over rounds, by processor time."""
    n = len(files)
    size = sum(path.stat().st_size for path in files) / n / 1000
    took = {name: statistics.median(seconds) for name, seconds in found.items()}
    peer = took["pandas: size table"]
    lines = [
        [name, f"{n:,}", f"{size:.0f}", short(n / s), short(1000 * s / n), times(s / peer)]
        for name, s in took.items()
    ]
    return table(HEAD, lines)


def copied(sources: Sequence[Path], copies: int, folder: Path) -> list[Path]:
    """As many files as asked for, of the sources in turn."""
    made = []
    for i in range(copies):
        source = sources[i % len(sources)]
        target = folder / f"{i:05d}-{source.name}"
        shutil.copy(source, target)
        made.append(target)
    return made


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("exports", nargs="*", type=Path)
    parser.add_argument("--copies", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = copied(options.exports or [EXAMPLE], options.copies, Path(folder))
        found = measure(files, options.rounds)
        print(text(found, files))
    print(f"\n{processor()}, load at the end {os.getloadavg()[0]:.1f}; rounds: {options.rounds}.")


if __name__ == "__main__":
    main()
