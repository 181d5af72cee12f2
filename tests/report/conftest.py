"""Synthetic results shared with the study room's tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))

import synthetic

from exocast.api import Forecast, open_result, report
from exocast.study.summary import write_summary


def _spread(median: float, low: float, high: float) -> dict[str, float]:
    return {"median": median, "low": low, "high": high}


def _step(name: str, kept: tuple[float, float, float], left: tuple[float, float, float]) -> Any:
    fractions = {f"fraction_{k}": v for k, v in _spread(*kept).items()}
    return {"name": name, **fractions, "share_left": _spread(*left)}


# Medians that do not multiply, as real ones do not.
NEEDLE = {
    "intended_particles": 1e10,
    "steps": [
        _step("count of the vial", (1.02, 0.7, 1.5), (1.02, 0.7, 1.5)),
        _step("storage", (0.9, 0.8, 0.97), (0.93, 0.6, 1.4)),
        _step("thaw", (0.8, 0.6, 0.9), (0.71, 0.45, 1.1)),
        _step("syringe", (0.95, 0.9, 0.99), (0.68, 0.41, 0.89)),
    ],
    "at_needle": _spread(6.8e9, 4.1e9, 8.9e9),
}
STOICHIOMETRY = {
    "channels": [
        {
            "channel": "miRNA",
            "unit": "copy/cell",
            "text": "copies in the cytosol",
            "per_cell": _spread(1.2, 0.1, 14.0),
            "threshold": 100.0,
            "threshold_range": _spread(100.0, 21.0, 480.0),
            "ratio": _spread(0.017, 0.0004, 0.31),
            "reached_probability": 0.01,
        },
        {
            "channel": "surface",
            "unit": "item/cell",
            "text": "vesicles on or in a cell",
            "per_cell": _spread(120.0, 20.0, 800.0),
            "threshold": None,
            "reached_probability": None,
        },
    ],
    "dose_to_threshold_particles": 8e11,
}


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Forecast]:
    """Write a synthetic result with its summary and, if asked, its page."""

    def made(*, page: bool = False, **options: Any) -> Forecast:
        now = {"needle": NEEDLE, "stoichiometry": STOICHIOMETRY}
        options["changes"] = now | (options.get("changes") or {})
        directory = synthetic.write(tmp_path_factory.mktemp("made") / "r", **options)
        if page:
            return report(directory)
        write_summary(open_result(directory).result)
        return open_result(directory)

    return made


@pytest.fixture(scope="session")
def forecast(make: Callable[..., Forecast]) -> Forecast:
    return make(page=True)


@pytest.fixture(scope="session")
def page(forecast: Forecast) -> str:
    return (forecast.directory / "report.html").read_text(encoding="utf-8")
