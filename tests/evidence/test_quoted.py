"""Quoted pooled values beside those from the register's own arms."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from exocast import api
from exocast.errors import TableError, UnknownName
from exocast.evidence.quoted import FILE, quoted, quoted_of
from exocast.evidence.register import FOLDER, register
from exocast.report import courses

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "recompute", ROOT / "scripts" / "recompute_quoted.py"
    )
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_table_is_what_the_script_writes(script: ModuleType, tmp_path: Path) -> None:
    script.write(tmp_path / FILE)
    assert (tmp_path / FILE).read_text("utf-8") == (FOLDER / FILE).read_text("utf-8")


def test_printed_values_are_those_of_the_register() -> None:
    whole = register()
    for q in quoted():
        values = {(r.value, r.low, r.high) for r in whole.results_of(q.study_id)}
        derived = q.outcome.startswith(("week at which", "WOMAC pain, Gel-200"))
        assert derived or (q.quoted, q.low, q.high) in values, q


def test_every_value_is_recomputed_or_says_why_not() -> None:
    for q in quoted():
        ours = (q.recomputed, q.low_ours, q.high_ours, q.k_ours)
        if q.recomputed is None:
            assert ours == (None,) * 4 and q.how == "not recomputable"
        else:
            assert None not in ours and q.low_ours < q.recomputed < q.high_ours
            assert len(q.how) > 20
        assert len(q.explanation) > 20 and q.measure
    wanted = "bannuru2009 altman2016 saltzman2017 rutjes_via_rmdopen gel200_pooled2018 "
    wanted += "prp_vs_ha_ma2018 msc_ma_ma2020 msc_ma_bjr2020 whittle2025_cochrane oa_exo_ma2024 "
    wanted += "bailey2021 dw_ma2023 stroke_ma2023 spa_control2009 margolis1999 parks_dfu_soc"
    assert {q.study_id for q in quoted()} == set(wanted.split())


def test_the_steroid_stops_being_better_between_the_quoted_weeks(script: ModuleType) -> None:
    [q] = [q for q in quoted_of("bannuru2009") if q.recomputed is not None]
    assert q.low is not None and q.high is not None and q.low_ours is not None
    assert q.low < q.low_ours < q.recomputed < q.high
    weeks = np.array([2.0, 4.0, 8.0])
    assert script.crossing(weeks, np.array([-1.0, -0.5, 0.5])) == pytest.approx(6)
    assert script.crossing(weeks, np.array([1.0, -0.5, 0.5])) == -math.inf
    assert script.crossing(weeks, np.array([-1.0, -0.5, -0.1])) == math.inf


def test_a_difference_and_its_p_value_give_its_interval() -> None:
    first, second = quoted_of("gel200_pooled2018")
    for q, p in ((first, 0.047), (second, 0.017)):
        assert q.recomputed == pytest.approx(q.quoted)
        assert q.high_ours is not None and q.low_ours is not None
        z = abs(q.recomputed) / ((q.high_ours - q.low_ours) / (2 * 1.959964))
        assert math.erfc(z / math.sqrt(2)) == pytest.approx(p, rel=0.02)


def test_groups_taken_as_one_have_the_mean_and_spread_of_all(script: ModuleType) -> None:
    groups = [np.array([1.0, 2.0, 6.0]), np.array([4.0, 9.0])]
    said = [(len(g), g.mean(), g.std(ddof=1)) for g in groups]
    every = np.concatenate(groups)
    assert script._together(said) == pytest.approx((5, every.mean(), every.std(ddof=1)))


def test_studies_that_test_the_forecast_are_told_apart() -> None:
    for study in ("altman2016", "saltzman2017"):
        lines = [q for q in quoted_of(study) if "tested on" in q.how]
        assert lines
        for q in lines:
            assert not re.search(r"dorio2021|bennell2021|cingal1301", q.explanation)


def test_the_page_shows_the_table() -> None:
    page = (ROOT / "docs" / "howto-evidence.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| \w+\d{4}\w* \||\| rutjes", line)]
    assert len(rows) >= 8
    shown = {
        (
            q.study_id,
            courses.interval(q.quoted, q.low, q.high),
            courses.interval(q.recomputed, q.low_ours, q.high_ours),
        )
        for q in quoted()
    }
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert (cells[0], cells[2], cells[3]) in shown, row


def test_words_show_both_and_the_reason() -> None:
    text = courses.quoted_text(api.evidence_quoted("dw_ma2023"))
    assert "retracted" in text and "0 of 4 values recomputed" in text
    text = courses.quoted_text(api.evidence_quoted())
    assert "recomputed  4.1" in text and "Not recomputable:" in text


def test_an_unknown_synthesis_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="altman2016"):
        api.evidence_quoted("altman16")


def test_a_damaged_table_is_refused_with_its_line(tmp_path: Path) -> None:
    text = (FOLDER / FILE).read_text("utf-8")
    other = tmp_path / "columns.csv"
    other.write_text(text.replace("study_id,", "study,", 1), encoding="utf-8")
    with pytest.raises(TableError, match="columns are not"):
        quoted(other)
    other = tmp_path / "number.csv"
    other.write_text(text.replace(",-0.39,", ",-0.39x,", 1), encoding="utf-8")
    with pytest.raises(TableError, match=r"line 2, column quoted: '-0.39x' is no number"):
        quoted(other)
