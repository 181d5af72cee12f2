"""The terminal summary: what is said, and in which order."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest

from exocast.api import Forecast
from exocast.report.numbers import as_given, days_in_words, decimal, large, percent
from exocast.report.story import DISCLAIMER
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
    for section in labelled.story.sections:
        assert f"{section.title}\n{'-' * len(section.title)}\nNOTE: Beads taken" in text


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


def test_a_terminal_shows_the_same_words(forecast: Forecast) -> None:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    for part in rich(forecast.story):
        console.print(part)
    shown = re.sub(r"[\s│]+", " ", console.file.getvalue())  # type: ignore[attr-defined]
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
