"""The example vial, and draws of its rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exocast.dose import Regimen
from exocast.evidence.chance import draw
from exocast.vial import Vial, VialDescription, load_vial, vial_rows

FOLDER = Path(__file__).parents[2] / "examples" / "knee"


@pytest.fixture
def vial() -> Callable[..., Vial]:
    """The example vial of 1 mL; fields of its description as keywords."""

    def load(**fields: Any) -> Vial:
        given = {
            "file": "example-ExperimentSummary.csv",
            "volume": "1 mL",
            "contents": "vesicles",
            **fields,
        }
        return load_vial(VialDescription.model_validate(given), FOLDER)

    return load


@pytest.fixture
def values() -> Callable[[Vial], dict[str, Any]]:
    return lambda vial: draw((*vial.rows, *vial_rows()), seed=2, worlds=40, patients=5)


@pytest.fixture
def regimen() -> Callable[..., Regimen]:
    return lambda dose="1e10 particle", **fields: Regimen(dose=dose, **fields)
