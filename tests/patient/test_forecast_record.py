"""What a forecast writes of cargo and of the way to the needle, from its own runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exocast.patient.forecast import prepare, run_forecast
from exocast.patient.scenario import Scenario, load_scenario
from exocast.report.envelopes import NeedleRecord, Stoichiometry

EXAMPLE = Path(__file__).parents[2] / "examples" / "knee"


def _scenario(*changes: str) -> Scenario:
    small = ("worlds=5", "patients=3", 'horizon="9 week"')
    return load_scenario(EXAMPLE / "scenario.yaml", [*small, *changes])


def _run(asked: Scenario, out: Path) -> dict[str, Any]:
    run_forecast(asked, out, base=EXAMPLE, processes=1)
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("forecast") / "r"
    return out, _run(_scenario(), out)


def _spread(values: Any) -> dict[str, float]:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"median": median, "low": low, "high": high}


def test_cargo_is_compared_run_by_run(made: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = made
    parts = [pd.read_parquet(path) for path in (out / "parts").glob("*.parquet")]
    runs = pd.concat(parts).query("arm == 'vial'").groupby(["world", "patient"])
    threshold = prepare(_scenario(), base=EXAMPLE).values["signal.rna_threshold"].ravel()
    rna = manifest["stoichiometry"]["channels"][0]
    ratio = runs["rna_copies_per_cell"].max().sort_index().to_numpy() / threshold
    assert rna["threshold_range"] == pytest.approx(_spread(threshold))
    assert rna["threshold_range"]["low"] < rna["threshold"] < rna["threshold_range"]["high"]
    assert rna["ratio"] == pytest.approx(_spread(ratio))
    assert rna["reached_probability"] == np.mean(ratio >= 1)


def test_each_way_of_loading_tells_cells_and_dose(made: tuple[Path, dict[str, Any]]) -> None:
    cargo = Stoichiometry.model_validate(made[1]["stoichiometry"])
    alike, dense, few = cargo.loadings
    assert alike.copies_per_vesicle.median == 1
    assert dense.copies_per_vesicle.median == 1
    assert few.copies_per_vesicle.median > 1
    for each in (alike, dense, few):
        assert 0 <= each.cells_reached.low <= each.cells_reached.high <= 1
        assert each.dose_particles.low > 0
    natural = made[1]["stoichiometry"]["channels"]
    assert [c["channel"] for c in natural][:2] == ["miRNA", "surface ligands"]
    assert natural[0]["ratio"]["high"] < 0.1, "at native loading the RNA channel is negligible"
    assert {each.channel for each in cargo.without_effect} == {"lipid", "DNA"}


def test_what_is_left_ends_at_the_share_at_the_needle(made: tuple[Path, dict[str, Any]]) -> None:
    needle = made[1]["needle"]
    steps = needle["steps"]
    assert steps[0]["name"] == "count of the vial"
    assert steps[0]["fraction_low"] < 1 < steps[0]["fraction_high"]
    for key in ("median", "low", "high"):
        share = needle["at_needle"][key] / needle["intended_particles"]
        assert steps[-1]["share_left"][key] == pytest.approx(share)
    product = np.prod([step["fraction_median"] for step in steps])
    assert steps[-1]["share_left"]["median"] != pytest.approx(product)


def test_the_json_has_what_its_schema_names(made: tuple[Path, dict[str, Any]]) -> None:
    cargo = Stoichiometry.model_validate(made[1]["stoichiometry"])
    assert all(channel.ratio and channel.threshold_range for channel in cargo.channels)
    assert all(step.share_left for step in NeedleRecord.model_validate(made[1]["needle"]).steps)


def test_no_steps_are_told_of_a_dose_of_nothing(tmp_path: Path) -> None:
    manifest = _run(_scenario("worlds=2", "patients=1", 'regimen.dose="0 particle"'), tmp_path)
    assert manifest["needle"]["steps"] == []
    assert manifest["needle"]["intended_particles"] == 0
