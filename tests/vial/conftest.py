"""Experiment summaries made for a test: written by the example's own writer."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_example_vial.py"


def load_writer() -> ModuleType:
    """The script that writes the example vial, as a module."""
    name = "make_example_vial"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SCRIPT)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def writer() -> ModuleType:
    return load_writer()


@pytest.fixture
def summary(writer: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """Writes a summary: captures as (name, per mL, tracks[, verdict]), the rest as keywords."""

    def write(
        videos: list[tuple[Any, ...]] | None = None,
        *,
        change: Callable[[str], str] = lambda text: text,
        encoding: str = "utf-8",
        **options: Any,
    ) -> Path:
        videos = videos or [("lot 7_00", 3.1e8, 900), ("lot 7_01", 3.0e8, 900)]
        names = ("name", "per_ml", "tracks", "verdict")
        made = [writer.Video(**dict(zip(names, v, strict=False))) for v in videos]
        settings = {"dilution": "Not recorded", "description": "MSC-EV", **options}
        path = tmp_path / "made-ExperimentSummary.csv"
        path.write_bytes(change(writer.summary_text(made, **settings)).encode(encoding))
        return path

    return write
