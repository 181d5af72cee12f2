"""Losses in the vial against closed forms and against numerical integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from exocast.vial.storage import first_order, left_by_wall, vial_rows

ROWS = {row.id: row.value for row in vial_rows()}


def test_first_order_halves_at_its_half_life():
    rate = np.array([0.01, 0.1, 3.0])
    assert first_order(rate, np.log(2) / rate) == pytest.approx(np.full(3, 0.5), rel=1e-12)


@pytest.mark.parametrize("ratio", [1e-6, 0.1, 0.999999, 1.0, 1.000001, 3.0, 1e4])
@pytest.mark.parametrize("time", [0.0, 0.01, 1.0, 30.0])
def test_wall_agrees_with_integration(ratio, time):
    capacity, rate = 2.9e9, 0.48
    start = ratio * capacity

    def slope(_, n):
        return -rate * n * (capacity - (start - n)) / capacity

    wanted = start
    if time > 0:
        solved = solve_ivp(slope, (0, time), [start], rtol=1e-11, atol=1e-9 * start, method="LSODA")
        wanted = solved.y[0, -1]
    assert float(left_by_wall(start, capacity, rate, time)) == pytest.approx(
        wanted, rel=1e-7, abs=1e-8 * start
    )


def test_wall_is_first_order_while_it_is_empty():
    left = left_by_wall(1e3, 1e12, 0.5, 2.0)
    assert float(left) == pytest.approx(1e3 * np.exp(-1.0), rel=1e-6)


def test_full_wall_takes_its_capacity_and_no_more():
    left = left_by_wall(1e12, 1e9, 50.0, 1e3)
    assert float(1e12 - left) == pytest.approx(1e9, rel=1e-6)


def test_wall_with_room_for_exactly_all_is_second_order():
    start, rate, time = 5e9, 0.3, 4.0
    assert float(left_by_wall(start, start, rate, time)) == pytest.approx(
        start / (1 + rate * time), rel=1e-12
    )


def test_steps_of_the_wall_compose():
    start, capacity, rate = 4e9, 3e9, 0.5
    once = float(left_by_wall(start, capacity, rate, 2.0))
    half = float(left_by_wall(start, capacity, rate, 0.5))
    free = capacity - (start - half)
    twice = float(left_by_wall(half, free, rate * free / capacity, 1.5))
    assert twice == pytest.approx(once, rel=1e-12)


def test_wall_never_gives_more_than_there_was_nor_less_than_nothing():
    start = np.geomspace(1, 1e15, 40)[:, None]
    time = np.geomspace(1e-6, 1e5, 40)[None, :]
    left = left_by_wall(start, 2.9e9, 0.48, time)
    assert np.isfinite(left).all()
    assert (left >= 0).all()
    assert (left <= start * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    ("wall", "low", "high"),
    [("container.polypropylene", 0.48, 0.54), ("container.low_binding", 0.18, 0.21)],
)
def test_rows_give_the_losses_they_were_solved_from(wall, low, high):
    # evtushenko2020: 0.5 mL at 1e10 per mL, 4 degC, 48 h: 51 (3) % lost, 18-21 % with LoBind.
    volume, days = 0.5, 2.0
    start = 1e10 * volume
    area = ROWS["wall_shape"] * volume ** (2 / 3)
    left = left_by_wall(
        start, ROWS["wall_capacity"] * area * ROWS[wall], ROWS["wall_rate"] * area / volume, days
    )
    kept = float(left / start * first_order(ROWS["loss_4"], days))
    assert low <= 1 - kept <= high
    if wall.endswith("polypropylene"):
        assert (1 - float(left) / start) / (1 - kept) == pytest.approx(2 / 3, abs=0.15)


def test_concentrated_stock_loses_almost_nothing_to_the_wall():
    # geeurickx2019: aliquots of 10 uL above 5e10 per mL did not change.
    volume = 0.01
    start = 1e12 * volume
    area = ROWS["wall_shape"] * volume ** (2 / 3)
    left = left_by_wall(start, ROWS["wall_capacity"] * area, ROWS["wall_rate"] * area / volume, 7.0)
    assert float(left / start) > 0.97
