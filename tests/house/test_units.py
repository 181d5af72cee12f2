"""Quantities at the doors: read with their unit, refused without."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exocast.errors import UnitError
from exocast.units import convert, magnitude, quantity, same_dimension


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1e10 particle", "item", 1e10),
        ("3 particles", "item", 3.0),
        ("-80 degC", "kelvin", 193.15),
        ("4 week", "day", 28.0),
        ("1mL", "L", 1e-3),
        ("50 ug", "mg", 0.05),
        ("2e6 cells", "cell", 2e6),
    ],
)
def test_a_quantity_is_read_in_the_unit_asked_for(text: str, unit: str, value: float) -> None:
    assert magnitude(text, unit) == pytest.approx(value)


@pytest.mark.parametrize("text", ["1", "", "mL", "x mL", "1_0 mL", "nan mL", "inf mL"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(UnitError):
        quantity(text)


def test_a_bare_number_asks_for_its_unit() -> None:
    with pytest.raises(UnitError, match="has no unit"):
        quantity(3)


def test_another_dimension_is_refused() -> None:
    with pytest.raises(UnitError, match="one in item is needed"):
        magnitude("1 mL", "item")


def test_a_misspelt_unit_offers_the_nearest() -> None:
    with pytest.raises(UnitError, match="particle"):
        quantity("1 partikle")


def test_particles_are_no_amount_of_substance() -> None:
    assert not same_dimension("particle", "mol")
    assert same_dimension("particle", "item")


@given(st.floats(min_value=1e-6, max_value=1e15))
def test_conversion_there_and_back_is_the_identity(value: float) -> None:
    assert convert(convert(value, "mL", "L"), "L", "mL") == pytest.approx(value, rel=1e-12)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_our_words(text: str) -> None:
    with contextlib.suppress(UnitError):
        quantity(text)
