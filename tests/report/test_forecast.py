"""The door from Python: what a forecast gives."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from exocast import api
from exocast.errors import InvalidInput, NotFound, UnknownName


def test_evidence_is_every_row_with_its_grade(forecast: api.Forecast) -> None:
    assert set(forecast.evidence.grade) == set("ABCDE")
    assert "effect.translation" in set(forecast.evidence.key)


def test_plot_is_an_svg_that_can_be_saved(forecast: api.Forecast, tmp_path: Path) -> None:
    path = forecast.plot("womac_total").save(tmp_path / "f.svg")
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    assert root.tag.endswith("svg") and root.get("viewBox")
    with pytest.raises(UnknownName, match="Did you mean 'pain_vas'"):
        forecast.plot("pain_vsa")


def test_dataset_and_html_are_given(forecast: api.Forecast) -> None:
    assert dict(forecast.to_xarray(["tnf"]).sizes)["patient"] == 8
    assert "<svg" in forecast._repr_html_()


def test_a_directory_with_other_files_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="holds other files"):
        api._target(tmp_path / "out")
    with pytest.raises(InvalidInput, match="no directory"):
        api._target(tmp_path / "out" / "thesis.txt")
    with pytest.raises(InvalidInput, match="part of this path is a file"):
        api._target(tmp_path / "out" / "thesis.txt" / "deeper")


def test_an_older_result_is_replaced_whole(
    make: Callable[..., api.Forecast], tmp_path: Path
) -> None:
    old, new = make(worlds=2, patients=1).directory, make(worlds=3, patients=1).directory
    (old / "left-over.txt").write_text("of the old one")
    holder = tmp_path / "holder"
    holder.mkdir()
    new.rename(holder / "result")
    api._put(holder / "result", old)
    assert api.open_result(old).result.n_worlds == 3
    assert not (old / "left-over.txt").exists()


def test_init_writes_over_nothing(tmp_path: Path) -> None:
    written = api.init(tmp_path / "new")
    assert {p.name for p in written} >= {"scenario.yaml"}
    with pytest.raises(InvalidInput, match="stands there already"):
        api.init(tmp_path / "new")


def test_reports_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no result here"):
        api.report(tmp_path)
