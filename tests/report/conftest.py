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


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Forecast]:
    """Write a synthetic result with its summary and, if asked, its page."""

    def made(*, page: bool = False, **options: Any) -> Forecast:
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
