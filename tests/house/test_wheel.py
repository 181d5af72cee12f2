"""What pip installs is whole: equations, tables and pages travel with the code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

DATA = {".ant", ".bib", ".csv", ".j2", ".md", ".py", ".typed", ".yaml"}


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return zipfile.ZipFile(next(target.glob("*.whl")))


def test_every_file_of_the_package_is_in_the_wheel(root: Path, wheel: zipfile.ZipFile) -> None:
    source = root / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for path in (source / "exocast").rglob("*")
        if path.suffix in DATA and "__pycache__" not in path.parts
    }
    assert {Path(name).suffix for name in wanted} >= {".ant", ".bib", ".csv", ".j2", ".md", ".yaml"}
    assert wanted <= set(wheel.namelist())


def test_the_wheel_is_pure_and_brings_the_command(wheel: zipfile.ZipFile) -> None:
    assert Path(str(wheel.filename)).name.endswith("-py3-none-any.whl")
    entry = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "exocast = exocast.cli:app" in wheel.read(entry).decode()
