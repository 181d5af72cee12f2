"""Made-up trials for tests of pools and networks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from exocast.evidence.register import Register, Result, Study, register

A_LINE = next(r for r in register().results if r.study_id == "dorio2021")
A_STUDY = register().study("dorio2021")
QUERY = "knee_OA: PRP vs saline | VAS | difference | 8-18 weeks"


def line(study: str, arm: str, week: float, **fields: object) -> Result:
    """A line of a made-up study; nothing of the trial it starts from stays."""
    plain = {
        "study_id": study,
        "design": "RCT",
        "intervention": arm,
        "week": week,
        "n_text": "",
        "value": None,
        "sd": None,
        "change": None,
        "sd_of_change": None,
        "note": "",
        "endpoint": "VAS pain",
        "scale_text": "0-10",
        "statistic": "mean_sd",
        "n": 20.0,
    }
    return replace(A_LINE, **(plain | fields))


def made(*lines: Result) -> Register:
    """A register of these lines, numbered in their order."""
    studies: dict[str, Study] = {
        r.study_id: replace(A_STUDY, study_id=r.study_id, year=str(2000 + i))
        for i, r in enumerate(lines)
    }
    numbered = tuple(replace(r, line=i + 2) for i, r in enumerate(lines))
    return Register(studies=studies, results=numbered, status=())


def trial(name: str, first: float, second: float, n: float = 20.0) -> list[Result]:
    """Both arms of a trial at weeks 0 and 12, on 0-10."""
    return [
        line(name, arm, week, value=value, sd=sd, n=n)
        for arm, end in (("PRP", first), ("saline placebo", second))
        for week, value, sd in ((0.0, 6.0, 1.5), (12.0, end, 2.0))
    ]


def register_of(numbers: list[tuple[float, float, int]]) -> list[Result]:
    return [
        r
        for i, (first, second, n) in enumerate(numbers)
        for r in trial(f"trial{i}", first, second, float(n))
    ]


def many(k: int = 12) -> Register:
    rng = np.random.default_rng(8)
    lines = []
    for i in range(k):
        n = float(rng.integers(8, 120))
        lines += trial(f"trial{i:02d}", 4 - 8 / math.sqrt(n) + rng.normal(0, 0.3), 5.0, n)
    return made(*lines)
