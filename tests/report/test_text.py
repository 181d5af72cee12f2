"""The terminal summary: what is said, and in which order."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from exocast.api import Forecast, open_result
from exocast.report import story
from exocast.report.numbers import (
    NBSP,
    Numbers,
    as_given,
    days_in_words,
    decimal,
    large,
    percent,
    weeks_in_words,
)
from exocast.report.story import DISCLAIMER, Section
from exocast.report.text import plain as story_text
from exocast.report.text import rich

ORDER = (
    "Pain and function",
    "minus saline",
    "Important for one person",
    "People who improve by that much",
    "Time to the first important and lasting difference over saline, symptoms",
    "Time to the first important and lasting difference over saline, imaging",
    "Cartilage volume at 52 weeks",
    "Synovial inflammation at 52 weeks",
    "Matrix balance at 52 weeks",
    "Where the vesicles went",
    "Cargo delivered to each recipient cell",
    "Particles left at the needle",
    "The three weakest numbers",
    "Controlled human trials of this product in this use",
    "P(effect = 0)",
    "Seed 1",
)


def test_the_order_is_outcomes_joint_vesicles_cargo_needle_weakest_trials(
    forecast: Forecast,
) -> None:
    text = forecast.summary()
    places = [text.index(piece) for piece in ORDER]
    assert places == sorted(places)


def test_words_stand_before_tables(forecast: Forecast) -> None:
    text = forecast.summary()
    assert text.index("Seed 1") < text.index("TABLES") < text.index("6 weeks  ")


def test_the_first_sentence_is_the_difference_with_its_interval(forecast: Forecast) -> None:
    statistics = forecast.statistics
    row = statistics[
        (statistics.arm == "vial minus saline")
        & (statistics.observable == "pain_vas")
        & (statistics.statistic == "mean")
        & (statistics.time == 182)
    ]
    shown = f"{abs(row.value.iloc[0]):.1f} mm lower than after saline"
    assert shown in forecast.summary().replace("\n", " ")
    assert "90 % interval" in forecast.summary().replace("\n", " ")


def test_not_advice_is_said_once(forecast: Forecast) -> None:
    assert forecast.summary().count(DISCLAIMER) == 1
    assert forecast.summary().lower().count("advice") == 1


def test_none_is_said_where_no_trial_was_of_this_product(forecast: Forecast) -> None:
    text = forecast.summary().replace("\n", " ")
    assert "Controlled human trials of this product in this use: none." in text
    assert "placental_ev_oa2024" in text


def test_a_trial_of_the_product_is_named(make: Callable[..., Forecast]) -> None:
    trial = {
        "study_id": "t1",
        "design": "rct",
        "n": 40,
        "product": "same",
        "result": "no difference",
        "same_product": True,
        "source": "t1",
    }
    text = make(worlds=3, patients=2, changes={"trials": [trial]}).summary().replace("\n", " ")
    assert "in this use: t1 (no difference)." in text


def test_a_label_stands_at_the_top_of_every_section(make: Callable[..., Forecast]) -> None:
    labelled = make(worlds=3, patients=2, labels=("Beads taken as vesicles",))
    text = labelled.summary()
    assert text.index("NOTE: Beads taken") < text.index(labelled.story.answer[0][:30])
    for section in labelled.story.sections:
        assert f"{section.title}\n{'-' * len(section.title)}\nNOTE: Beads taken" in text


def test_a_terminal_shows_a_label_above_the_answer(make: Callable[..., Forecast]) -> None:
    shown = _shown(make(worlds=3, patients=2, labels=("Beads taken as vesicles",)))
    assert shown.index("Beads taken") < shown.index("mean pain after the vial")


def test_cargo_is_told_with_what_is_needed_and_their_ratio(forecast: Forecast) -> None:
    section = _section(forecast, "cargo")
    assert (
        "miRNA: 1.2 (0.10 to 14) copies a cell, against 100 (21 to 480) needed; delivered over "
        "needed 0.017 (4.0 × 10⁻⁴ to 0.31); enough in 1 % of runs."
    ) in " ".join(section.words).replace(NBSP, " ")
    row = section.tables[0].rows[0]
    assert row[2:5] == ("1.2 (0.10 to 14)", "100 (21 to 480)", "0.017 (4.0 × 10⁻⁴ to 0.31)")
    assert "surface: 120 (20 to 800) vesicles a cell; no threshold is known." in section.words


def test_what_is_left_after_each_step_ends_at_the_share_at_the_needle(forecast: Forecast) -> None:
    section = _section(forecast, "needle")
    words = " ".join(section.words).replace(NBSP, " ")
    assert "6.8 × 10⁹ (68 %) leave the needle" in words
    assert "count of the vial 102 %, storage 93 %, thaw 71 %, syringe 68 %." in words
    assert section.tables[0].rows[-1][3].replace(NBSP, " ") == "68 %"


def test_older_results_claim_nothing_that_they_do_not_hold(make: Callable[..., Forecast]) -> None:
    step = {"name": "thaw", "fraction_median": 0.8, "fraction_low": 0.6, "fraction_high": 0.9}
    channel = {
        "channel": "miRNA",
        "unit": "copy/cell",
        "threshold": 50.0,
        "per_cell": {"median": 1},
    }
    old = make(
        worlds=3,
        patients=2,
        changes={
            "needle": {"intended_particles": 1e10, "steps": [step], "at_needle": {"median": 7e9}},
            "stoichiometry": {"channels": [{**channel, "reached_probability": 0.0}]},
        },
    )
    assert not any("left after each step" in word for word in _section(old, "needle").words)
    assert _section(old, "needle").figures == ()
    assert "against 50 needed; enough in" in " ".join(_section(old, "cargo").words)


def test_cargo_tells_how_copies_lie_and_what_has_no_effect(make: Callable[..., Forecast]) -> None:
    spread = {"median": 3.0, "low": 1.0, "high": 9.0}
    cargo = {
        "channels": [],
        "loadings": [
            {
                "loading": "concentrated in few vesicles",
                "copies_per_vesicle": spread,
                "cells_reached": {"median": 0.02, "low": 0.001, "high": 0.2},
                "dose_particles": {"median": 4e13, "low": 1e12, "high": 8e15},
            }
        ],
        "without_effect": [
            {"channel": "DNA", "unit": "copy/cell", "per_cell": spread, "text": "weight zero"}
        ],
    }
    made = make(worlds=3, patients=2, changes={"stoichiometry": cargo})
    words = " ".join(_section(made, "cargo").words).replace(NBSP, " ")
    assert "lie concentrated in few vesicles (3.0 (1.0 to 9.0) in a vesicle that has any)" in words
    assert "enough miRNA gets into 2 % of cells (<1 % to 20 %)" in words
    assert "half of them would have it at 4.0 × 10¹³" in words
    assert "DNA: 3.0 (1.0 to 9.0) (weight zero); no effect is made of it." in words


def test_a_dose_of_nothing_is_said_to_be_nothing(make: Callable[..., Forecast]) -> None:
    needle = {"intended_particles": 0.0, "steps": [], "at_needle": {"median": 0.0}}
    text = make(worlds=3, patients=2, changes={"needle": needle}).summary().replace("\n", " ")
    assert "The dose is zero particles. Nothing is injected but the fluid" in text
    assert text.count("Nothing is injected but the fluid (the procedure arm)") == 4
    for wrong in ("no threshold is known", "each step", "needed", "leave the needle"):
        assert wrong not in text.replace("or more are needed", "")


def _drawn_out(forecast: Forecast, observable: str, mean: float) -> Forecast:
    """The same forecast with a mean of the main difference moved by hand, at every time."""
    table = forecast.statistics.copy()
    where = (table.arm == "vial minus saline") & (table.observable == observable)
    table.loc[where & (table.statistic == "mean"), "value"] = mean
    table.to_parquet(forecast.directory / "summary.parquet", index=False)
    return open_result(forecast.directory)


def test_a_mean_outside_its_interval_has_its_median_beside_it(
    make: Callable[..., Forecast],
) -> None:
    plain = make(worlds=8, patients=4)
    assert "median stands by it" not in plain.summary() and ", median " not in plain.summary()
    pulled = plain
    for observable, mean in (
        ("pain_vas", -40.0),
        ("womac_pain", -30.0),
        ("cartilage_volume", 90.0),
    ):
        pulled = _drawn_out(pulled, observable, mean)
    text = pulled.summary().replace("\n", " ")
    assert re.search(r"40\.0 mm lower than after saline \(median [\d.]+ mm lower; 90 %", text)
    assert re.search(r"Pain \(VAS\) at 26 weeks: vial minus saline −40\.0 mm, median −", text)
    assert re.search(r"difference \+90\.00 %, median [+−]?\d", text)
    assert re.search(r"26 weeks  +\S+  +\S+  +−40\.0, median −\d", pulled.summary())
    assert re.search(r"−30\.00, median −[\d.]+ \(", text)
    assert "the median stands by it" in text


def test_one_week_is_one_week(make: Callable[..., Forecast], monkeypatch: Any) -> None:
    made = make(worlds=3, patients=2)
    monkeypatch.setattr(story, "visits", lambda _: (1,))
    text = story_text(story.tell(made.result, Numbers(made.statistics)))
    assert "At 1 week, mean pain" in text and "1 week, vial" in text
    assert not re.search(r"\b1 weeks", text)


def test_few_worlds_and_one_patient_are_said(make: Callable[..., Forecast]) -> None:
    few = make(worlds=6, patients=4).summary().replace("\n", " ")
    assert "So few worlds give a rough interval" in few
    assert "6 worlds are too few to tell" in few
    assert "With one patient" in make(worlds=6, patients=1).summary().replace("\n", " ")


def test_failed_runs_are_said(make: Callable[..., Forecast]) -> None:
    text = make(worlds=5, patients=4, broken_runs=(("vial", 2, 1),)).summary()
    assert "1 of 60 runs did not finish" in text.replace("\n", " ")


def test_bare_manifests_still_tell_their_story(make: Callable[..., Forecast]) -> None:
    bare = make(
        worlds=3,
        patients=2,
        changes={
            "stoichiometry": {},
            "needle": {},
            "effect_prior": {},
            "trials": [],
            "thresholds": {},
            "warnings": [],
            "vial": {},
        },
    )
    text = bare.summary()
    assert "no agreed threshold" in text.replace("\n", " ")
    assert "No cargo was followed." in text and "nan" not in text


def test_no_interval_is_claimed_where_worlds_do_not_differ(make: Callable[..., Forecast]) -> None:
    assert "no scatter seen" in make(worlds=30, patients=8).summary()


def _shown(forecast: Forecast) -> str:
    from rich.console import Console

    written = io.StringIO()
    console = Console(file=written, width=200, force_terminal=False)
    for part in rich(forecast.story):
        console.print(part)
    return re.sub(r"[\s│]+", " ", written.getvalue())


def _section(forecast: Forecast, key: str) -> Section:
    return next(s for s in forecast.story.sections if s.key == key)


def test_a_terminal_shows_the_same_words(forecast: Forecast) -> None:
    shown = _shown(forecast)
    for section in forecast.story.sections:
        for sentence in section.words:
            assert re.sub(r"\s+", " ", sentence) in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (3.2e9, "3.2 × 10⁹"),
        (0.031, "0.031"),
        (45.2, "45"),
        (9.96e9, "1.0 × 10¹⁰"),
        (4623, "4600"),
        (-2e-7, "−2.0 × 10⁻⁷"),
        (float("nan"), "–"),
    ],
)
def test_large_numbers(value: float, text: str) -> None:
    assert large(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(364, "364"), (0.2, "0.2"), (1e10, "1 × 10¹⁰"), (-3.5, "−3.5"), (2.5e-6, "2.5 × 10⁻⁶")],
)
def test_numbers_as_given(value: float, text: str) -> None:
    assert as_given(value) == text


def test_small_chances_are_never_called_zero() -> None:
    assert percent(0.0) == "0\u00a0%" and percent(0.001) == "<1\u00a0%"
    assert percent(0.9999) == ">99\u00a0%" and percent(1.0) == "100\u00a0%"


def test_no_negative_zero() -> None:
    assert decimal(-0.01, 1, sign=True) == "0.0" and decimal(-0.06, 1) == "−0.1"


def test_times_are_said_as_people_say_them() -> None:
    said = [days_in_words(d) for d in (1 / 24, 0.25, 1.0, 3.0, 7.0, 28.0)]
    assert said == ["1 hour", "6 hours", "1 day", "3 days", "7 days", "4 weeks"]
    assert [weeks_in_words(w) for w in (1, 2, 26)] == ["1 week", "2 weeks", "26 weeks"]
