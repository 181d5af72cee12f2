"""When and where a dose is given."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from exocast.dose import Regimen, check_route
from exocast.errors import UnknownName


def test_three_injections_four_weeks_apart():
    regimen = Regimen(dose="1e10 particle", injections=3, interval="4 week")
    assert regimen.times_days == pytest.approx((0, 28, 56))


def test_units_of_the_interval_do_not_matter():
    weeks = Regimen(dose="1e10 particle", injections=4, interval="2 week")
    hours = Regimen(dose="1e10 particle", injections=4, interval="336 hour")
    assert weeks.times_days == pytest.approx(hours.times_days)


def test_single_injection_needs_no_interval():
    assert Regimen(dose="1 vial").times_days == (0.0,)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"injections": 2}, "need an 'interval'"),
        ({"injections": 0}, "greater than or equal to 1"),
        ({"injections": 1000}, "less than or equal to 100"),
        ({"interval": "0 day"}, "is none"),
        ({"interval": "-1 day"}, "is none"),
        ({"interval": "4"}, "no unit"),
        ({"injections": 3, "interval": "5 ns"}, "'5 ns' between 3 injections is less than 1 hour"),
        ({"injections": 2, "interval": "59 minute"}, "such as '4 week'"),
        ({"interval": "4 mL"}, "day"),
        ({"dose": "-1 mL"}, "negative"),
        ({"dose": "0 mL"}, "0 particle"),
        ({"doses": 3}, "doses"),
    ],
)
def test_regimen_that_cannot_be_is_refused(fields, words):
    with pytest.raises(ValidationError, match=words):
        Regimen.model_validate({"dose": "1e10 particle", **fields})


@pytest.mark.parametrize("interval", ["1 hour", "60 minute", "3600 second"])
def test_an_hour_between_injections_is_enough(interval):
    regimen = Regimen(dose="1 vial", injections=3, interval=interval)
    assert regimen.times_days[1] == pytest.approx(1 / 24)


def test_a_dose_without_unit_is_shown_with_one():
    with pytest.raises(ValidationError, match="3 particle"):
        Regimen(dose="3")


def test_unknown_route_and_joint_offer_the_nearest():
    regimen = Regimen(dose="1 vial", route="intraarticular")
    with pytest.raises(UnknownName, match="Did you mean 'intra-articular'"):
        check_route(regimen, ["intra-articular", "intravenous"], ["knee"])
    regimen = Regimen(dose="1 vial", site="knees")
    with pytest.raises(UnknownName, match="Did you mean 'knee'"):
        check_route(regimen, ["intra-articular"], ["knee"])
    check_route(Regimen(dose="1 vial"), ["intra-articular"], ["knee"])
