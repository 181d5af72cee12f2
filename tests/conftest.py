"""Marks from the folder, the reference folder, and one Hypothesis profile for every machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
ROOMS = sorted(
    folder.name for folder in TESTS.iterdir() if folder.is_dir() and folder.name[0] not in "._"
)

# Two cores shared with others: no deadline. In CI the same examples every time.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("house"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "slow: takes more than a few seconds; left out of make check"
    )
    config.addinivalue_line(
        "markers", "full: repeats at length what a shorter test holds; run by make full"
    )
    for room in ROOMS:
        if room != "__pycache__":
            config.addinivalue_line("markers", f"{room}: tests of the folder tests/{room}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not os.environ.get("EXOCAST_FULL"):
        left = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("full")]
    for item in items:
        inside = Path(item.path).resolve().relative_to(TESTS.resolve()).parts
        if len(inside) > 1:
            item.add_marker(inside[0])


def reference_folder() -> Path | None:
    """Folder of reference material, from EXOCAST_REFERENCE; ``../shared`` when that is not set."""
    folder = Path(os.environ.get("EXOCAST_REFERENCE", TESTS.parent.parent / "shared"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def reference() -> Path:
    """The reference folder; a test that needs it is skipped, saying so, where there is none."""
    folder = reference_folder()
    if folder is None:
        pytest.skip("no reference folder: set EXOCAST_REFERENCE to run this test")
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the working tree."""
    return TESTS.parent


@pytest.fixture(scope="session")
def python() -> str:
    """The interpreter that runs the tests."""
    return sys.executable
