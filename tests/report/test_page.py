"""The report: one file, safe, readable by everybody, the same for the same result."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from exocast.api import Forecast, report
from exocast.report.story import DISCLAIMER

VOID = {"meta", "br", "hr", "img", "link", "input"}


class _Reader(HTMLParser):
    """Tags with their attributes, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    assert not reader.open
    return reader


def test_nothing_is_loaded_from_outside(page: str) -> None:
    reader = _read(page)
    for tag, attributes in reader.tags:
        assert tag not in {"script", "link", "iframe", "img", "object", "embed"}
        for name in ("src", "href", "xlink:href", "data", "action"):
            assert (attributes.get(name) or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert "@import" not in page
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)\)", page))


def test_text_of_a_scenario_is_never_markup(make: Callable[..., Forecast]) -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
    made = make(
        page=True,
        worlds=3,
        patients=2,
        title=nasty,
        labels=(nasty,),
        changes={
            "scenario": {"title": nasty},
            "trials": [{"study_id": nasty, "product": nasty, "result": nasty}],
            "stoichiometry": {
                "channels": [
                    {
                        "channel": nasty,
                        "unit": nasty,
                        "text": nasty,
                        "per_cell": {"median": 1.0, "low": 0.5, "high": 2.0},
                        "threshold": 3.0,
                        "ratio": {"median": 0.4, "low": 0.1, "high": 0.9},
                    }
                ]
            },
            "needle": {
                "intended_particles": 1e9,
                "steps": [
                    {"name": nasty, "fraction_median": 0.5, "share_left": {"median": 0.5}},
                ],
                "at_needle": {"median": 5e8},
            },
        },
    )
    text = (made.directory / "report.html").read_text(encoding="utf-8")
    reader = _read(text)
    assert not {"script", "img"} & {tag for tag, _ in reader.tags}
    assert "&lt;script&gt;" in text
    assert "<script>" not in made._repr_html_()


@pytest.mark.slow
def test_dollar_signs_are_text_in_figures(make: Callable[..., Forecast]) -> None:
    ratio = {"median": 0.2, "low": 0.1, "high": 0.4}
    assert ">a$_b$<" in _cargo_drawing(make, channel="a$_b$", ratio=ratio)


def _cargo_drawing(make: Callable[..., Forecast], **channel: Any) -> str:
    """The figure of cargo of a page that tells of one channel."""
    told = {
        "unit": "copy/cell",
        "threshold": 5.0,
        "per_cell": {"median": 1.0, "low": 0.5, "high": 2.0},
        **channel,
    }
    made = make(page=True, worlds=3, patients=2, changes={"stoichiometry": {"channels": [told]}})
    page = (made.directory / "report.html").read_text(encoding="utf-8")
    drawing = page[page.index('aria-label="For each channel') :]
    return drawing[: drawing.index("</svg>")]


def test_ids_are_unique_and_links_arrive(page: str) -> None:
    reader = _read(page)
    ids = [a["id"] for _, a in reader.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    targets = {(a.get("href") or "")[1:] for tag, a in reader.tags if tag in {"a", "use"}}
    assert targets <= set(ids) | {""}
    for _, attributes in reader.tags:
        for target in re.findall(
            r"url\(#([^)]*)\)", " ".join(v or "" for v in attributes.values())
        ):
            assert target in ids


def test_figures_have_words_and_tables_have_scopes(page: str) -> None:
    reader = _read(page)
    drawings = [a for tag, a in reader.tags if a.get("class") == "drawing"]
    assert len(drawings) >= 9
    assert all(len(a["aria-label"] or "") > 30 for a in drawings)
    names = [tag for tag, _ in reader.tags]
    assert names.count("figcaption") == names.count("figure") == len(drawings)
    assert names.count("caption") == names.count("table")
    assert all(a.get("scope") in {"col", "row"} for tag, a in reader.tags if tag == "th")


def test_headings_descend_by_one_and_language_is_set(page: str) -> None:
    reader = _read(page)
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert ("html", {"lang": "en-GB"}) in reader.tags
    assert any(a.get("name") == "viewport" for tag, a in reader.tags if tag == "meta")


def test_first_screen_is_the_plain_answer_then_the_figure(forecast: Forecast, page: str) -> None:
    answer = page.index(forecast.story.answer[0].split("(")[0])
    assert page.index("<h1>") < answer < page.index("<figure") < page.index("<table")


def test_every_section_of_the_story_is_on_the_page_in_order(forecast: Forecast, page: str) -> None:
    places = [page.index(f'<section id="{s.key}"') for s in forecast.story.sections]
    assert places == sorted(places)
    assert page.index('<section id="numbers"') > places[-1]


def test_a_label_stands_at_the_top_of_every_section(make: Callable[..., Forecast]) -> None:
    made = make(page=True, worlds=3, patients=2, labels=("Beads taken as vesicles",))
    page = (made.directory / "report.html").read_text(encoding="utf-8")
    for section in re.findall(r"<section.*?</section>", page, flags=re.DOTALL):
        head = section[: section.index("Beads taken as vesicles")]
        assert not re.search(r"<(p|div|figure|table|details)[ >](?!.*class=\"label)", head[:-40])
    assert page.index("Beads taken") < page.index('class="answer"')


def test_the_figure_of_cargo_shows_the_ratio_of_runs(make: Callable[..., Forecast]) -> None:
    ratio = {"median": 1e-7, "low": 1e-8, "high": 1e-6}
    assert ">10⁻⁸<" in _cargo_drawing(make, channel="miRNA", ratio=ratio)


def test_the_figure_of_the_needle_ends_at_the_share_shown(forecast: Forecast, page: str) -> None:
    assert "68 %) leave the needle" in " ".join(forecast.summary().split())
    drawing = page[page.index('aria-label="Bars of the share of the intended') :]
    assert "68\u00a0% reach the needle." in drawing[:400]
    assert "at the needle, 68\u00a0%<" in drawing[: drawing.index("</svg>")]


def test_nothing_is_drawn_or_tabled_of_a_dose_of_nothing(make: Callable[..., Forecast]) -> None:
    needle = {"intended_particles": 0.0, "steps": [], "at_needle": {"median": 0.0}}
    made = make(page=True, worlds=3, patients=2, changes={"needle": needle})
    page = (made.directory / "report.html").read_text(encoding="utf-8")
    for key in ("whereabouts", "cargo", "needle"):
        section = page[page.index(f'<section id="{key}"') :]
        section = section[: section.index("</section>")]
        assert "Nothing is injected but the fluid" in section
        assert "<table" not in section and "<figure" not in section


def test_not_advice_is_said_once(page: str) -> None:
    assert page.count(DISCLAIMER) == 1


@pytest.mark.slow
def test_the_same_result_gives_the_same_bytes(forecast: Forecast, page: str) -> None:
    again = report(forecast.directory)
    assert (again.directory / "report.html").read_text(encoding="utf-8") == page


def _luminance(colour: str) -> float:
    colour = colour.lstrip("#")
    colour = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_from_its_ground(page: str) -> None:
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", page))
    for text in ("ink", "faint", "blue"):
        assert _contrast(colours[text], colours["paper"]) >= 4.5
    assert _contrast(colours["ink"], colours["label"]) >= 4.5
    from exocast.report import figures

    for colour in (figures.INK, figures.FAINT, figures.ORANGE, figures.BLUE):
        assert _contrast(colour, "#ffffff") >= 4.5


def test_the_page_stays_small(page: str) -> None:
    assert len(page.encode()) < 1_000_000


@pytest.mark.parametrize("effect", [0.0, -20.0, 40.0])
def test_any_direction_of_effect_can_be_drawn(make: Callable[..., Forecast], effect: float) -> None:
    made = make(worlds=4, patients=2, effect_mm=effect)
    assert made.plot("cartilage_volume").svg.startswith("<svg")
    words = "higher than" if effect < 0 else "lower than" if effect > 0 else ""
    assert words in made.story.answer[0]
