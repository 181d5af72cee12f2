"""One synthetic result for the room."""

from __future__ import annotations

from pathlib import Path

import pytest
import synthetic

from exocast.study.result import Result, open_result


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return open_result(synthetic.write(tmp_path_factory.mktemp("result") / "r"))


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    return synthetic.write(tmp_path / "r", worlds=4, patients=3)
