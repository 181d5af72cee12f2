"""A person, and draws of everything that outcomes need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exocast.evidence.chance import draw
from exocast.evidence.correlations import package_correlations
from exocast.patient import effect, outcomes


@pytest.fixture
def person() -> dict[str, Any]:
    return {
        "age_years": 62.0,
        "bmi_kg_m2": 29.0,
        "sex": "female",
        "kellgren_lawrence": 2,
        "pain_vas_mm": 65.0,
        "synovitis": "moderate",
    }


@pytest.fixture
def drawn():
    def draws(*, seed: int = 1, worlds: int = 20, patients: int = 300, **fixed: float):
        values = draw(
            (*outcomes.rows(), *effect.rows()),
            seed=seed,
            worlds=worlds,
            patients=patients,
            correlations=package_correlations(),
        )
        for key, value in fixed.items():
            name = key.replace("__", ".")
            assert name in values
            values[name] = np.full((worlds, patients), value)
        return values

    return draws
