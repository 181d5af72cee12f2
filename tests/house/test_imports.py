"""The order of the rooms, and how little `import exocast` costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = (
    "antimony",
    "duckdb",
    "libsbml",
    "matplotlib",
    "numpy",
    "pandas",
    "pint",
    "pyarrow",
    "pydantic",
    "roadrunner",
    "ruamel",
    "scipy",
    "xarray",
)


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_every_room_imports_from_its_left_only(root: Path) -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_room_of_the_sentence_has_its_place_in_the_order(root: Path) -> None:
    import tomllib

    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {layer.strip("()") for layer in layers}
    rooms = {p.name for p in (root / "src/exocast").iterdir() if p.is_dir() and p.name[0] != "_"}
    modules = {p.stem for p in (root / "src/exocast").glob("*.py")} - {"__init__"}
    assert (rooms - {"example"}) | modules <= named


@pytest.mark.parametrize("statement", ["import exocast", "import exocast.errors, exocast.units"])
def test_importing_the_package_loads_nothing_heavy(statement: str) -> None:
    assert loaded_by(statement).isdisjoint(HEAVY)


def test_the_command_line_starts_without_the_simulator(record_property) -> None:
    assert loaded_by("import exocast.cli").isdisjoint(HEAVY)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "exocast.cli", "--help"], check=True, capture_output=True)
    record_property("help_seconds", time.perf_counter() - start)  # reported, not judged
