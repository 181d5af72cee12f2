"""Losses in the vial beside published ones: rightly copied, computed, and misses named."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from ruamel.yaml import YAML

from exocast.evidence.sources import sources
from exocast.vial import vial_rows

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "baselines"


def read(name: str) -> list[dict] | dict:
    return YAML(typ="safe", pure=True).load((FOLDER / name).read_text(encoding="utf-8"))


PUBLISHED = {row["what"]: row for row in read("storage_published.yaml")}
WRITTEN = read("validation_storage.yaml")["rows"]


@pytest.fixture(scope="module")
def baselines() -> ModuleType:
    spec = importlib.util.spec_from_file_location("baselines", ROOT / "scripts" / "baselines.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_the_storage_rows_say(baselines: ModuleType) -> None:
    made = list(baselines.losses())
    assert [each.what for each in made] == [row["what"] for row in WRITTEN] == list(PUBLISHED)
    for each, row in zip(made, WRITTEN, strict=True):
        assert each.median == pytest.approx(row["predicted"], abs=0.06)
        assert each.model_low == pytest.approx(row["predicted_low"], abs=0.06)
        assert each.model_high == pytest.approx(row["predicted_high"], abs=0.06)
        assert (each.hit, each.low, each.high) == (row["hit"], row["low"], row["high"])


def test_the_page_says_every_line_and_every_miss() -> None:
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    lines = {line.partition(" (")[0].removeprefix("| "): line for line in page.splitlines()}
    for row in WRITTEN:
        line = lines[row["what"]]
        assert f"{row['predicted_low']} to {row['predicted_high']} %" in line
        assert ("**no**" in line) == (not row["hit"])


def test_published_losses_name_their_source_and_rows_that_cite_it() -> None:
    rows = {row.id: row for row in vial_rows()}
    for row in PUBLISHED.values():
        assert row["source"] in sources()
        for name in row["rows"].split(", "):
            told = (rows[name].source, rows[name].note)
            assert any(row["source"] in text for text in told), name


def test_published_losses_are_those_of_the_reference(reference: Path) -> None:
    with (reference / "literature/ev_parameters.csv").open(encoding="utf-8", newline="") as file:
        there = {row["id"]: row for row in csv.DictReader(file)}
    losses = list(PUBLISHED.values())

    def ends(key: str) -> list[float]:
        return [float(there[key][end]) for end in ("low", "high")]

    assert [losses[0]["low"], losses[0]["high"]] == ends("loss_4c_48h_pp")
    assert [losses[3]["low"], losses[3]["high"]] == ends("freeze_thaw_loss_secondhand")
    assert [losses[4]["low"], losses[4]["high"]] == ends("freeze_thaw3_loss_secondhand")
    assert losses[5]["high"] == float(there["storage_m20_26w_secondhand"]["high"])
    frozen = there["storage_m80_12m_ref"]
    assert losses[6]["low"] == losses[7]["low"] == float(frozen["value"])
    assert "7 d at 4 C" in frozen["note"]
    assert losses[1]["low"] < float(there["wall_share_of_loss"]["value"]) < losses[1]["high"]
