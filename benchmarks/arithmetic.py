"""The arithmetic of the benchmark: errors, rates at equal error, and the bound of the processor."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# What an IR instruction on a vector costs nothing for: moves between memory, registers and names.
FREE = {"load", "getelementptr", "bitcast", "extractelement", "insertelement", "phi", "fneg"}
COUNTED = re.compile(
    r"^\s*%\S+ = (?:tail )?(?:(?P<call>call) <8 x \w+> @(?P<name>[\w.]+)"
    r"|(?P<operation>\w+) (?:\w+ )*?<8 x )"
)
CALL = re.compile(r"^\s*(?:%\S+ = )?call [^@]*@(\w+)\(")
LABEL = re.compile(r"^([\w.]+):")
BRANCH = re.compile(r"^\s*br i1 (%\S+), label %(\S+), label %(\S+)")
LIMIT = re.compile(r"^\s*(%\S+) = icmp slt i64 %\S+, (\d+)")


def patient_errors(values: Array, reference: Array) -> Array:
    """Error of each patient: RMS of |y - ref| / (|ref| + max|ref|/1000), the maximum over time.

    Parameters
    ----------
    values, reference
        (n_patients, n_times, n_observables).

    Returns
    -------
    (n_patients,); infinite where an output is missing.
    """
    size = np.abs(reference)
    scale = size + 1e-3 * size.max(axis=1, keepdims=True)
    some = scale > 0
    ratio = np.divide(values - reference, scale, out=np.zeros_like(reference), where=some)
    total = (ratio**2).sum(axis=(1, 2)) / np.maximum(some.sum(axis=(1, 2)), 1)
    return np.where(np.isfinite(total), np.sqrt(total), np.inf)


def median_error(values: Array, reference: Array) -> float:
    """Median over patients of :func:`patient_errors`."""
    return float(np.median(patient_errors(values, reference)))


def rate_at(error: float, points: Sequence[tuple[float, float]]) -> float:
    """Rate at an error, between measured (error, rate) points; straight in both logarithms.

    NaN outside the measured errors: nothing is extrapolated. Where several stretches hold the
    error, the best rate counts.
    """
    known = sorted((e, r) for e, r in points if 0 < e < math.inf and r > 0)
    found = [rate for at, rate in known if at == error]
    for (e0, r0), (e1, r1) in itertools.pairwise(known):
        if e0 < error < e1:
            share = math.log(error / e0) / math.log(e1 / e0)
            found.append(math.exp(math.log(r0) + share * math.log(r1 / r0)))
    return max(found, default=math.nan)


def vector_operations(
    text: str, entries: Sequence[str], without: Sequence[str] = ()
) -> dict[str, int]:
    """Vector arithmetic of functions in IR, and of what they call, each loop body times its turns.

    Loads, stores, moves and changes of sign are not counted; loops whose number of turns does not
    stand in the code count once.

    Parameters
    ----------
    without
        Functions whose calls do not count.
    """
    bodies = _functions(text)
    known: dict[str, int] = dict.fromkeys(without, 0)

    def total(name: str) -> int:
        if name not in known:
            known[name] = _operations(bodies.get(name, ()), total)
        return known[name]

    return {name: total(name) for name in entries}


def _functions(text: str) -> dict[str, list[str]]:
    bodies: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        if line.startswith("define"):
            name = line.split("@", 1)[1].split("(", 1)[0]
            current = bodies[name] = []
        elif line.startswith("}"):
            current = None
        elif current is not None:
            current.append(line)
    return bodies


def _operations(lines: Sequence[str], total: Callable[[str], int]) -> int:
    limits = {m[1]: int(m[2]) for m in map(LIMIT.match, lines) if m}
    count, turns = 0, [1]
    ends: list[str] = []
    for line in lines:
        label = LABEL.match(line)
        if label and ends and label[1] == ends[-1]:
            ends.pop()
            turns.pop()
            continue
        branch = BRANCH.match(line)
        if branch and branch[2].startswith("inside"):
            ends.append(branch[3])
            turns.append(turns[-1] * limits.get(branch[1], 1))
            continue
        found = COUNTED.match(line)
        called = CALL.match(line)
        if called:
            count += turns[-1] * total(called[1])
        elif found and (found["call"] or found["operation"] not in FREE):
            count += turns[-1]
    return count


def bound(
    *, clock_hz: float, operations: float, steps: float, lanes: int = 8, width: int = 4
) -> float:
    """Patients a second and core if the processor did two vector instructions each cycle.

    Parameters
    ----------
    operations
        Vector operations of one step of a group of ``lanes``.
    steps
        Mean number of steps of a patient.
    width
        Numbers in a register: 4 with AVX2, 8 with AVX-512.
    """
    instructions = operations * (lanes / width) * steps / lanes
    return 2.0 * clock_hz / instructions


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, lowest and highest of rounds."""
    return float(np.median(values)), float(np.min(values)), float(np.max(values))
