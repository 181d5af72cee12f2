"""Figures and words of pools and networks: what a reader sees."""

from __future__ import annotations

import re

import pytest
from made_trials import QUERY, line, made, many, register_of

from exocast.errors import InvalidInput
from exocast.evidence.query import answer, checks, network_answer, parts
from exocast.report import evidence_figures
from exocast.report.evidence_pools import network_record, network_text, pool_text, record


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def test_a_forest_names_studies_weights_and_sides() -> None:
    found = answer("knee_OA: PRP vs saline | pain | difference | 8-60 weeks")
    shown = texts(evidence_figures.forest("q", found).svg)
    assert "dorio2021, week 24" in shown and "12 %" in shown and "6.00 (-11.9 to 23.9)" in shown
    assert "favours PRP" in shown and "favours saline" in shown
    assert any(t.startswith("Heterogeneity: SD between studies") for t in shown)


def test_a_forest_of_events_favours_the_side_that_is_better() -> None:
    healed = answer("diabetic foot: hyperbaric vs placebo | healed | risk ratio | 52 weeks")
    svg = evidence_figures.forest("q", healed).svg
    shown = texts(svg)
    assert shown.index("favours placebo") < shown.index("favours hyperbaric")  # left, then right


def test_a_divided_forest_has_its_parts() -> None:
    whole = made(*register_of([(2, 5, 30), (2.5, 5, 30), (4.8, 5, 30)]))
    found = answer(QUERY, whole, by="design")
    shown = texts(evidence_figures.forest("q", found, parts(found, "design")).svg)
    assert "design: RCT double-blind" in shown and "3 pooled" in shown and "all pooled" in shown


def test_a_forest_of_no_events_can_be_drawn() -> None:
    lines = [
        line(name, "exosomes", 12, statistic="count", value=0.0, endpoint="adverse events")
        for name in ("a", "b")
    ]
    found = answer("knee: exosomes | adverse | proportion | 12 weeks", made(*lines))
    shown = texts(evidence_figures.forest("q", found).svg)
    assert "0/20" in shown and any("0.00 (0.00 to" in t for t in shown)
    assert evidence_figures.funnel("q", found).svg.startswith("<svg")


def test_a_funnel_numbers_its_studies_and_has_a_key() -> None:
    found = answer(QUERY, many())
    svg = evidence_figures.funnel("q", found, checks(found)).svg
    assert {str(i) for i in range(1, 13)} <= set(texts(svg))
    assert "trial07" in svg and "p below 0.05" in svg


def test_names_in_a_network_do_not_cover_one_another() -> None:
    found = network_answer("knee | pain | 8-18 weeks", unresolved=True)
    svg = evidence_figures.network_plot("q", found).svg
    shown = texts(svg)
    assert found.fitted is not None
    assert set(found.fitted.treatments) <= {t.strip() for t in shown}
    place = r"<text[^>]*?(?: x=\"([\d.]+)\" y=\"([\d.]+)\"|translate\(([\d.]+) ([\d.]+)\))"
    places = [[float(x) for x in found_ if x] for found_ in re.findall(place, svg)]
    apart = [
        abs(a[1] - b[1]) > 7 or abs(a[0] - b[0]) > 20
        for i, a in enumerate(places)
        for b in places[:i]
    ]
    assert places and all(apart)


def test_nothing_cannot_be_drawn() -> None:
    none = answer("knee_OA: PRP | VAS | change | 40 weeks")
    for draw in (evidence_figures.forest, evidence_figures.funnel):
        with pytest.raises(InvalidInput, match="no study to draw"):
            draw("q", none)
    empty = network_answer("knee | VAS | 12 weeks", made(line("a", "PRP", 12, change=-1.0)))
    for plot in (evidence_figures.network_plot, evidence_figures.network_forest):
        with pytest.raises(InvalidInput, match="no network to draw"):
            plot("q", empty)
    assert "no network" in network_text(network_record("q", empty))


def test_a_pool_in_words_lists_published_pools_once() -> None:
    found = answer("knee_OA: saline | VAS | change | 12-26 weeks")
    text = pool_text(record("q", found, method="REML", test="knapp-hartung"))
    assert text.count("saltzman2017") == 1
    assert "not an effect" in text
    few = answer("knee_OA: PRP vs saline | NRS | difference | 52 weeks")
    few_text = pool_text(record("q", few, method="REML", test="knapp-hartung"))
    assert "1 study is too few" in few_text
