"""What a result rests on is counted and cited."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import NOISE, write

from exocast import api
from exocast.errors import UnknownName
from exocast.evidence.exchange import read_text
from exocast.report.citations import citations, cite_text
from exocast.study.result import open_result


def test_rows_of_a_source_are_counted_by_grade(tmp_path: Path) -> None:
    trials = [{"study_id": "dorio2021", "source": "dorio2021"}]
    directory = write(tmp_path / "r", worlds=2, patients=1, changes={"trials": trials})
    made = api.cite(directory)
    first, second = made["sources"]
    assert (first["key"], first["rows"], first["known"]) == (
        "altman2016",
        len(NOISE),
        True,
    )
    assert sum(first["grades"].values()) == first["rows"]
    assert (second["key"], second["rows"], second["trials"]) == ("dorio2021", 0, 1)
    # Guesses are no sources, and are counted.
    assert made["apart"] == {"assumption": 2, "definition": 0, "measured": 0}
    assert made["rows"] == len(NOISE) + 2


def test_citations_are_read_by_people_and_by_programs(tmp_path: Path) -> None:
    directory = write(tmp_path / "r", worlds=2, patients=1)
    forecast = api.open_result(directory)
    text = forecast.cite()
    assert "Assumptions: 2." in text and "doi:10.1016/j.semarthrit.2016.04.003" in text
    for form in ("bibtex", "ris"):
        entry, *_ = read_text(forecast.cite(form), form).entries
        assert entry.study["study_id"] == "altman2016"
        assert entry.study["doi"] == "10.1016/j.semarthrit.2016.04.003"
    with pytest.raises(UnknownName, match="Did you mean 'bibtex'"):
        forecast.cite("bibtx")


def test_a_source_without_an_entry_is_listed_and_said_so(tmp_path: Path) -> None:
    directory = write(tmp_path / "r", worlds=2, patients=1, changes={"trials": []})
    table = directory / "rows.csv"
    table.write_text(table.read_text("utf-8").replace("altman2016", "my_own_lab"), encoding="utf-8")
    made = citations(open_result(directory))
    assert made["sources"][0]["known"] is False
    assert "[my_own_lab] no entry in sources.bib." in cite_text(made)
    assert cite_text(made, "ris") == ""
