"""Score the engine on the semantic cases of the public SBML test suite.

    EXOCAST_SBML_SUITE=…/cases/semantic python benchmarks/sbml_suite.py
    python benchmarks/sbml_suite.py --cases 1-100,00123 --path batch --out scores.csv
    python benchmarks/sbml_suite.py --again scores.csv        # those that were not right

The suite (https://github.com/sbmlteam/sbml-test-suite) is not part of this repository. Taken are
time courses with a level 3 file, in its newest version, less those of ``EXCLUDED``. A case is
right when every number lies within ``absolute + relative*|expected|``, the tolerances that it
names itself. Models run in a child process, which is started anew after a crash or a hang.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

import numpy as np

# Tags of cases that are left out, and what they ask for. The first one that holds is counted.
EXCLUDED = {
    "comp": "hierarchical models (package comp)",
    "fbc": "flux balance (package fbc)",
    "AlgebraicRule": "algebraic rules",
    "FastReaction": "fast reactions",
    "MultipleFastReactions": "fast reactions",
    "CSymbolDelay": "the delay symbol",
    "RandomEventExecution": "events in random order",
}
VERDICTS = ("right", "wrong", "failed", "refused", "error", "crash", "hang")
TIGHTER = 100.0  # than a case's own relative tolerance, so that only errors of meaning are left
LOOSEST_RTOL = 1e-8


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case as its folder describes it."""

    id: str
    folder: Path
    kind: str
    tags: frozenset[str]

    @property
    def sbml(self) -> Path | None:
        """The file of the newest version of level 3."""
        files = (self.folder / f"{self.id}-sbml-l3v{version}.xml" for version in (2, 1))
        return next((file for file in files if file.is_file()), None)

    @property
    def left_out(self) -> str:
        """Why the case is not taken; empty when it is."""
        if self.kind != "TimeCourse":
            return f"test type {self.kind}"
        if self.sbml is None:
            return "no level 3 file"
        tags = self.tags | {tag.partition(":")[0] for tag in self.tags}
        return next((f"{tag}: {why}" for tag, why in EXCLUDED.items() if tag in tags), "")


@dataclass(frozen=True, kw_only=True)
class Score:
    """What came of a case.

    ``path`` is ``batch``, ``general`` or ``none``; ``note`` is the message or the worst number;
    ``why_general`` is the engine's reason for the path.
    """

    case: str
    path: str
    verdict: str
    note: str = ""
    why_general: str = ""
    seconds: float = 0.0
    tags: str = ""


def read_case(folder: Path) -> Case:
    """A case from its ``NNNNN-model.m``."""
    name = folder.name
    found: dict[str, str] = {}
    text = (folder / f"{name}-model.m").read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines():
        key, colon, rest = line.partition(":")
        if colon and key.strip() in {"componentTags", "testTags", "testType", "packagesPresent"}:
            found.setdefault(key.strip(), rest)
    words = ",".join(found.get(key, "") for key in ("componentTags", "testTags", "packagesPresent"))
    tags = frozenset(filter(None, map(str.strip, words.split(","))))
    return Case(id=name, folder=folder, kind=found.get("testType", "").strip(), tags=tags)


def read_settings(case: Case) -> dict[str, str]:
    """The lines of ``NNNNN-settings.txt``."""
    text = (case.folder / f"{case.id}-settings.txt").read_text(encoding="utf-8")
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def names_in(text: str) -> list[str]:
    """Names between commas."""
    return [name for name in map(str.strip, text.split(",")) if name]


def read_results(case: Case) -> tuple[list[str], np.ndarray]:
    """Names of the columns, and rows of numbers; the first column is the time."""
    file = case.folder / f"{case.id}-results.csv"
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = [row for row in csv.reader(opened) if any(map(str.strip, row))]
    head = [name.strip() for name in rows[0]]
    return head, np.array([[float(word) for word in row[: len(head)]] for row in rows[1:]])


def worst(found: np.ndarray, expected: np.ndarray, absolute: float, relative: float) -> np.ndarray:
    """Error of each number in tolerances; infinite where only one of the two is finite."""
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        ratio = np.abs(found - expected) / (absolute + relative * np.abs(expected))
    ratio[~(np.isfinite(found) & np.isfinite(expected))] = np.inf
    return np.where(same, 0.0, ratio)


# The child: one case after the other ----------------------------------------------------------


def score(case: Case, path: str) -> Score:
    """A case compiled, run and compared."""
    from exocast import engine
    from exocast.errors import ExocastError

    asked: dict[str, Any] = {}
    if "path" in inspect.signature(engine.compile).parameters:
        asked["path"] = path
    elif path == "batch":
        return Score(case=case.id, path="none", verdict="refused", note="there is no batch path")
    settings = read_settings(case)
    head, table = read_results(case)
    wanted = head[1:]
    scales = to_kind(case, settings, wanted)
    observe = tuple(dict.fromkeys([*wanted, *(place for place, _ in scales.values())]))
    taken, reason = "none", ""
    try:
        model = engine.compile(case.sbml, observe=observe, **asked)
        taken = getattr(model, "path", "general")
        reason = getattr(model, "why_general", "")
        relative = float(settings["relative"])
        runs = model.run(
            table[:, 0],
            rtol=min(LOOSEST_RTOL, max(relative / TIGHTER, 1e-12)),
            processes=1,
            checked_share=0.0,
        )
    except ExocastError as e:
        return Score(case=case.id, path=taken, verdict="refused", note=str(e), why_general=reason)
    status = engine.STATUS[int(runs.status[0])]
    values = dict(zip(observe, runs.values[0].T, strict=True))
    for name, (place, power) in scales.items():
        values[name] = values[name] * values[place] ** power
    found = np.array([values[name] for name in wanted]).T
    error = worst(found, table[:, 1:], float(settings["absolute"]), relative)
    # A status is a failure unless the case expects what the status complains about.
    verdict = "right" if (error <= 1).all() else "wrong" if status == "ok" else "failed"
    note = (
        ""
        if verdict == "right"
        else status
        if verdict == "failed"
        else told(error, found, table, wanted)
    )
    return Score(case=case.id, path=taken, verdict=verdict, note=note, why_general=reason)


def to_kind(
    case: Case, settings: dict[str, str], wanted: Sequence[str]
) -> dict[str, tuple[str, int]]:
    """For species asked in the kind that their id is not: compartment, and its power."""
    import libsbml

    from exocast.engine.sbml import describe

    document = libsbml.readSBMLFromFile(str(case.sbml))
    # As the engine means an id: an amount also where its compartment has no size.
    means_amount = describe(case.sbml.read_text(encoding="utf-8")).species
    amounts, concentrations = names_in(settings["amount"]), names_in(settings["concentration"])
    found = {}
    for species in document.getModel().getListOfSpecies():
        name, only = species.getId(), means_amount[species.getId()]
        if name in wanted and name in amounts and not only:
            found[name] = (species.getCompartment(), 1)
        elif name in wanted and name in concentrations and only:
            found[name] = (species.getCompartment(), -1)
    return found


def told(error: np.ndarray, found: np.ndarray, table: np.ndarray, wanted: Sequence[str]) -> str:
    """The names that are wrong, and the first wrong number."""
    rows, columns = np.nonzero(error > 1)
    row, column = int(rows[0]), int(columns[0])
    names = ", ".join(wanted[i] for i in sorted(set(columns.tolist())))
    return (
        f"{names}: {len(rows)} of {error.size} numbers; first {wanted[column]} at "
        f"{table[row, 0]:g}: {found[row, column]:.10g} for {table[row, 1 + column]:.10g}"
    )


def work(path: str) -> None:
    """Answers every folder on the input with a line of JSON on what was the output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # libraries that print must not be taken for an answer
    for line in sys.stdin:
        case = read_case(Path(line.strip()))
        begin = time.perf_counter()
        try:
            result = asdict(score(case, path))
        except Exception as e:  # noqa: BLE001 - whatever is raised is the verdict
            note = f"{type(e).__name__}: {e}"
            result = asdict(Score(case=case.id, path="none", verdict="error", note=note))
        result["seconds"] = round(time.perf_counter() - begin, 4)
        answers.write(json.dumps(result) + "\n")


# The parent: workers that may die ---------------------------------------------------------------


class Worker:
    """A child at work, started anew when it dies or hangs."""

    def __init__(self, path: str, timeout: float) -> None:
        self.path, self.timeout = path, timeout
        self.child: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, __file__, "--worker", "--path", self.path]
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=pass_on, args=(child.stdout, self.lines), daemon=True).start()
        return child

    def score(self, case: Case) -> Score:
        self.child = self.child or self.start()
        assert self.child.stdin is not None
        begin = time.perf_counter()
        try:
            self.child.stdin.write(f"{case.folder}\n")
            self.child.stdin.flush()
            answer = self.lines.get(timeout=self.timeout)
        except queue.Empty:
            answer, verdict, note = "", "hang", f"no answer in {self.timeout:g} s"
        except OSError:
            answer, verdict, note = "", "crash", "the process had ended"
        else:
            verdict, note = "crash", "the process ended"
        tags = " ".join(sorted(case.tags))
        if answer:
            return Score(**(json.loads(answer) | {"tags": tags}))
        self.stop()
        taken = round(time.perf_counter() - begin, 4)
        return Score(
            case=case.id, path="none", verdict=verdict, note=note, seconds=taken, tags=tags
        )

    def stop(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()
        self.child = None


def pass_on(stream: TextIO, lines: queue.Queue[str]) -> None:
    """Lines of a child as they come; an empty one when it has ended."""
    for line in stream:
        lines.put(line)
    lines.put("")


def scores_of(cases: Sequence[Case], path: str, jobs: int, timeout: float) -> list[Score]:
    """Scores of all cases, in their order."""
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    scores: dict[str, Score] = {}

    def keep_working() -> None:
        worker = Worker(path, timeout)
        while True:
            try:
                case = waiting.get_nowait()
            except queue.Empty:
                break
            scores[case.id] = worker.score(case)
            if sys.stderr.isatty():
                print(f"\r{len(scores)} of {len(cases)}", end="", file=sys.stderr)
        worker.stop()

    threads = [threading.Thread(target=keep_working) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return [scores[case.id] for case in cases]


# What is asked and what is told -----------------------------------------------------------------


def chosen(text: str) -> Iterator[str]:
    """Ids of ``1-100,00123``."""
    for part in names_in(text):
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield f"{number:05d}"


def not_right(file: Path) -> set[str]:
    """Cases of an earlier result that were not right."""
    text = file.read_text(encoding="utf-8")
    rows = json.loads(text) if file.suffix == ".json" else csv.DictReader(text.splitlines())
    return {row["case"] for row in rows if row["verdict"] != "right"}


def write(scores: Sequence[Score], file: Path) -> None:
    """Scores as JSON or CSV, by the suffix."""
    rows = [asdict(score) for score in scores]
    with file.open("w", encoding="utf-8", newline="") as opened:
        if file.suffix == ".json":
            json.dump(rows, opened, indent=1)
            return
        table = csv.DictWriter(opened, [field.name for field in fields(Score)])
        table.writeheader()
        table.writerows(rows)


def tell(scores: Sequence[Score], only: set[str]) -> None:
    """The totals, why cases took the general path, and every case not right."""
    count = Counter((score.path, score.verdict) for score in scores)
    seen = [verdict for verdict in VERDICTS if any(s.verdict == verdict for s in scores)]
    print(f"{'path':<10}" + "".join(f"{verdict:>9}" for verdict in (*seen, "all")))
    for path in (*sorted({score.path for score in scores}), "all"):
        row = [sum(n for (p, v), n in count.items() if path in (p, "all") and v == s) for s in seen]
        print(f"{path:<10}" + "".join(f"{n:>9}" for n in (*row, sum(row))))
    reasons = Counter(s.why_general for s in scores if s.path == "general" and s.why_general)
    for reason, n in reasons.most_common():
        print(f"general path, {n} cases: {reason}")
    for score in scores:
        if score.verdict in only:
            print(f"{score.case} {score.path} {score.verdict}: {score.note}")


def main() -> None:
    """Reads the suite, runs what was chosen and prints the score."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", help="folder that holds 00001/, …; or $EXOCAST_SBML_SUITE")
    parser.add_argument("--cases", default="", help="such as 1-100,00123; all without")
    parser.add_argument("--again", type=Path, help="cases not right in an earlier --out")
    parser.add_argument("--path", default="auto", choices=("auto", "batch", "general"))
    parser.add_argument("--only", default="", help="verdicts to list, such as wrong,crash")
    parser.add_argument("--out", type=Path, help="scores.csv or scores.json")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds a case")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.path)
        return
    suite = options.suite or os.environ.get("EXOCAST_SBML_SUITE")
    if not suite or not Path(suite).is_dir():
        sys.exit("Say where the cases are: EXOCAST_SBML_SUITE=…/cases/semantic")
    folders = sorted(f for f in Path(suite).resolve().iterdir() if f.name.isdigit() and f.is_dir())
    cases = [read_case(folder) for folder in folders]
    taken = [case for case in cases if not case.left_out]
    print(f"{len(cases)} cases, {len(taken)} taken. Left out:")
    for why, n in Counter(case.left_out for case in cases if case.left_out).most_common():
        print(f"{n:>6}  {why}")
    wanted = set(chosen(options.cases))
    if options.again:
        wanted |= not_right(options.again)
    if options.cases or options.again:
        taken = [case for case in taken if case.id in wanted]
    scores = scores_of(taken, options.path, max(options.jobs, 1), options.timeout)
    tell(scores, set(names_in(options.only)) or set(VERDICTS) - {"right"})
    if options.out:
        write(scores, options.out)


if __name__ == "__main__":
    main()
