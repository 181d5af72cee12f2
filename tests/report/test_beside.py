"""What a report says of saline and of other treatments."""

from __future__ import annotations

from pathlib import Path

import pytest

import exocast

EXAMPLE = Path(__file__).parents[2] / "examples" / "knee" / "scenario.yaml"
SMALL = ["worlds=4", "patients=5", "horizon=30 week"]


@pytest.fixture(scope="module")
def beside(tmp_path_factory) -> exocast.Forecast:
    out = tmp_path_factory.mktemp("beside") / "result"
    arms = "arms=[hyaluronic acid, vial, saline, corticosteroid]"
    return exocast.forecast(EXAMPLE, out=out, set=[*SMALL, arms])


def section(forecast: exocast.Forecast):
    return next(s for s in forecast.story.sections if s.key == "beside")


def test_saline_and_comparators_name_where_they_come_from(beside) -> None:
    words = " ".join(section(beside).words)
    assert "evidence register" in words
    assert "altman2016" in words and "dorio2021" in words
    sides = section(beside).tables[1]
    assert {row[-1] for row in sides.rows} == {"rutjes_via_rmdopen", "juni2015"}


def test_reported_and_adjusted_stand_side_by_side(beside) -> None:
    row = next(r for r in section(beside).tables[1].rows if r[:2] == ("hyaluronic acid", "12"))
    reported, adjusted = (float(cell.split(" ")[0].replace("−", "-")) for cell in row[2:4])
    assert reported == pytest.approx(-0.37, abs=0.03)
    assert adjusted == pytest.approx(-0.11, abs=0.02)


def test_the_vial_stays_the_subject_whatever_the_order_of_arms(beside) -> None:
    assert beside.result.treated[0] == "vial"
    assert "mean pain after the vial" in " ".join(beside.story.answer)


def test_a_comparator_has_no_row_of_what_is_not_known_of_it(beside) -> None:
    known = {(o["arm"], o["observable"]) for o in beside.record()["outcomes"]}
    assert ("hyaluronic acid", "pain_vas") in known
    assert ("hyaluronic acid", "cartilage_volume") not in known
    assert ("vial", "cartilage_volume") in known


def test_the_page_shows_the_figure(beside) -> None:
    text = (beside.directory / "report.html").read_text("utf-8")
    assert "The vial is simulated; the others are effects of trials" in text


def test_a_misspelt_comparator_is_refused_with_the_nearest(tmp_path) -> None:
    with pytest.raises(exocast.InvalidInput, match="hyaluronic acid"):
        exocast.forecast(
            EXAMPLE, out=tmp_path / "r", set=[*SMALL, "arms=[vial, saline, hyaluronic acd]"]
        )
