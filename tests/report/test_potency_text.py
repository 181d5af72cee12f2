"""What a terminal and a figure say of a relative potency."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from exocast.errors import InvalidInput, NotFound
from exocast.report import potency
from exocast.vial import relative_potency


@pytest.fixture(scope="module")
def plate() -> Path:
    return Path(__file__).parents[2] / "examples" / "potency" / "plate.csv"


def said(text: str) -> str:
    return " ".join(text.split())


def test_the_answer_names_the_dose_unit_and_every_mean(plate):
    found = relative_potency(plate, transform="log", combine=True)["result"]
    text = said(potency.text(found))
    assert text.index("Relative potency 0.") < text.index("Model:")
    for words in (
        "at equal doses in ug/mL", "nothing of what it does in people", "its logarithm",
        "weights: equal", "profile likelihood", "semi-weighted", "unweighted", "Cochran's Q",
        "slopes, ratio", "0.8 to 1.25", "assumption, grade E", "59 of 60 wells fitted",
        "decides nothing",
    ):  # fmt: skip
        assert words in text


def test_a_refusal_comes_first_and_shows_what_was_found(plate, tmp_path):
    bounds = tmp_path / "bounds.csv"
    bounds.write_text("measure,low,high,source\nslope_ratio,0.99,1.01,made\n", encoding="utf-8")
    found = relative_potency(plate, transform="log", bounds=bounds)["result"]
    text = said(potency.text(found))
    assert text.index("No relative potency (NONPARALLEL)") < text.index("Model:")
    assert "not shown" in text and "made, grade user" in text and "Relative potency 0." not in text
    drawn = potency.plot(found)
    assert "NONPARALLEL" in drawn.svg


@pytest.mark.parametrize(
    "options",
    [
        {"transform": "log", "combine": True},
        {"transform": "none"},
        {"model": "parallel-line", "dose_range": "rule", "transform": "log"},
    ],
)
def test_the_figure_is_whole_and_says_in_words_what_it_shows(plate, tmp_path, options):
    found = relative_potency(plate, **options)["result"]
    target = tmp_path / "potency.svg"
    potency.save_plot(found, target)
    root = ET.fromstring(target.read_text(encoding="utf-8"))
    words = [e.text or "" for e in root.iter() if e.tag.endswith("text")]
    assert "dose, ug/mL" in words and "reference" in words and "lot 7" in words
    assert not any("$" in w or "mathdefault" in w for w in words)
    assert "Relative potency" in potency.plot(found).alt
    with pytest.raises(NotFound):
        potency.save_plot(found, tmp_path / "none" / "x.svg")
    with pytest.raises(InvalidInput):
        potency.save_plot(found, tmp_path / "x.png")


def test_outliers_are_listed_with_both_results(plate, tmp_path):
    lines = plate.read_text(encoding="utf-8").splitlines()
    cells = lines[40].split(",")
    lines[40] = ",".join([*cells[:6], str(2 * int(cells[6])), *cells[7:]])
    spoilt = tmp_path / "spoilt.csv"
    spoilt.write_text("\n".join(lines), encoding="utf-8")
    found = relative_potency(spoilt, transform="log", outliers="rosner")["result"]
    text = said(potency.text(found))
    assert "Left out, 1 day 1 " in text and "With these wells: 0." in text


def test_the_example_is_what_its_script_makes(plate):
    import importlib.util

    script = plate.parents[2] / "scripts" / "make_example_plate.py"
    spec = importlib.util.spec_from_file_location("make_example_plate", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.plate_text() == plate.read_text(encoding="utf-8")
