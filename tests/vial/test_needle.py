"""From the measured vial to the needle: log, walls, thaws, syringe."""

from __future__ import annotations

import numpy as np
import pytest

from exocast.errors import DoseError, InvalidInput, OutsideEvidence
from exocast.evidence.chance import draw
from exocast.evidence.rows import package_table
from exocast.vial import VialDescription, fraction_at_needle, load_vial, vial_rows

ROWS = {r.id: r.value for r in vial_rows()}


@pytest.fixture
def needle(summary):
    """Needle of a vial whose rows all sit at their centres, unless ``worlds`` are asked for."""

    def compute(*storage, per_ml=3e8, volume_ml=0.5, worlds=None, dilution=200, **fields):
        path = summary([("lot 7_00", per_ml, 900), ("lot 7_01", per_ml, 900)])
        given = {"file": path.name, "dilution": dilution, "volume": "1 mL", "contents": "vesicles"}
        given |= {"storage": storage, **fields}
        vial = load_vial(VialDescription.model_validate(given), path.parent)
        rows = (*vial.rows, *vial_rows())
        if worlds is None:
            values = {r.key: np.full((1, 1), r.value) for r in rows}
        else:
            values = draw(rows, seed=3, worlds=worlds, patients=3)
        return fraction_at_needle(vial, values, volume_ml)

    return compute


def frozen(days):
    return {"temperature": "-80 degC", "duration": f"{days} day"}


def cold(days):
    return {"temperature": "4 degC", "duration": f"{days} day"}


def test_nothing_stated_takes_nothing_off_but_the_syringe(needle):
    found = needle(syringe={"dead_space": "0 mL"})
    assert float(found.fraction[0, 0]) == pytest.approx(found.steps["syringe"][0, 0])
    for name in ("storage", "wall", "thaw"):
        assert (found.steps[name] == 1).all()


def test_steps_multiply_to_the_whole(needle):
    found = needle(frozen(60), {"thaw": 1}, cold(1), worlds=20)
    assert list(found.steps) == ["storage", "wall", "thaw", "syringe"]
    assert found.fraction.shape == (20, 3)
    assert found.fraction == pytest.approx(np.prod(list(found.steps.values()), axis=0))
    for kept in found.steps.values():
        assert ((kept > 0) & (kept <= 1)).all()


def test_deep_freezer_is_first_order(needle):
    kept = needle(frozen(90), {"thaw": 1}).steps["storage"][0, 0]
    assert kept == pytest.approx(np.exp(-90 * ROWS["loss_m80"]), rel=1e-12)
    halves = needle(frozen(45), frozen(45), {"thaw": 1}).steps["storage"][0, 0]
    assert halves == pytest.approx(kept, rel=1e-12)


def test_first_thaw_costs_most_and_later_ones_less(needle):
    one = needle(frozen(1), {"thaw": 1}).steps["thaw"][0, 0]
    three = needle(frozen(1), {"thaw": 3}).steps["thaw"][0, 0]
    apart = needle(frozen(1), {"thaw": 1}, frozen(1), {"thaw": 2}).steps["thaw"][0, 0]
    assert one == pytest.approx(1 - ROWS["first_thaw"])
    assert three == pytest.approx(one * (1 - ROWS["later_thaw"]) ** 2)
    assert apart == pytest.approx(three)
    # Second-hand reviews: one cycle costs 23-36 %, three 37-43 %.
    assert 0.23 <= 1 - one <= 0.36
    assert 0.37 <= 1 - three <= 0.43


def test_frozen_vial_is_thawed_once_even_when_the_log_forgets_it(needle):
    for log in ((frozen(10),), (frozen(10), cold(0))):
        found = needle(*log)
        assert found.steps["thaw"][0, 0] == pytest.approx(1 - ROWS["first_thaw"])
        assert [w.code for w in found.warnings] == ["THAW_ASSUMED"]
    assert needle(frozen(10), {"thaw": 1}).warnings == ()


def test_dilute_vials_lose_more_to_the_wall(needle):
    kept = [
        float(needle(cold(2), per_ml=level, dilution=10).steps["wall"][0, 0])
        for level in (1e7, 1e8, 1e9, 1e10)
    ]
    assert kept == sorted(kept)
    assert kept[-1] - kept[0] > 0.2


def test_wall_takes_nothing_from_a_frozen_vial(needle):
    assert (needle(frozen(300), {"thaw": 1}).steps["wall"] == 1).all()


def test_wall_fills_over_several_refrigerated_steps_as_over_one(needle):
    # Exactly only when nothing is lost in solution in between; here to a percent.
    whole = needle(cold(2)).steps["wall"][0, 0]
    parts = needle(*[cold(0.5)] * 4).steps["wall"][0, 0]
    assert parts == pytest.approx(whole, abs=0.02)


@pytest.mark.parametrize(("container", "order"), [("low-binding", 1), ("glass", -1)])
def test_container_matters_in_the_measured_direction(needle, container, order):
    other = needle(cold(2), container=container).steps["wall"][0, 0]
    plain = needle(cold(2)).steps["wall"][0, 0]
    assert order * (other - plain) > 0


def test_dead_space_keeps_its_share_of_the_injection(needle):
    small = needle(syringe={"volume": "1 mL", "dead_space": "0.1 mL"})
    none = needle(syringe={"volume": "1 mL", "dead_space": "0 mL"})
    ratio = small.steps["syringe"] / none.steps["syringe"]
    assert float(ratio[0, 0]) == pytest.approx(0.9)


def test_syringe_wall_takes_a_share_of_a_dilute_dose_and_less_of_a_rich_one(needle):
    bare = {"syringe": {"dead_space": "0 mL"}}
    dilute = needle(per_ml=1e4, dilution=1, **bare).steps["syringe"][0, 0]
    rich = needle(per_ml=1e10, dilution=1000, **bare).steps["syringe"][0, 0]
    assert 1 - dilute == pytest.approx(ROWS["syringe_share"], rel=1e-3)
    assert 1 - rich < ROWS["syringe_share"] / 10


def test_no_injection_volume_needs_no_syringe(needle):
    assert (needle(volume_ml=0.0).steps["syringe"] == 1).all()


@pytest.mark.parametrize("temperature", ["37 degC", "20 degC", "-50 degC", "-196 degC"])
def test_temperature_that_nobody_measured_is_refused(needle, temperature):
    with pytest.raises(OutsideEvidence, match="outside what was measured") as e:
        needle({"temperature": temperature, "duration": "1 day"})
    assert "storage.csv" in e.value.message
    assert e.value.where == "vial.storage, step 1"


@pytest.mark.parametrize(
    "step",
    [cold(8), {"temperature": "-20 degC", "duration": "1 year"}, frozen(400)],
)
def test_storage_longer_than_measured_is_refused(needle, step):
    with pytest.raises(OutsideEvidence, match="longer than what was measured"):
        needle(step)


def test_refrigerated_step_asks_for_the_volume(needle):
    with pytest.raises(InvalidInput, match=r"vial\.volume"):
        needle(cold(1), volume=None)


def test_impossible_syringes_are_refused(needle):
    with pytest.raises(DoseError, match="do not fit"):
        needle(volume_ml=0.9, syringe={"volume": "0.5 mL"})
    with pytest.raises(DoseError, match="dead space"):
        needle(volume_ml=0.1, syringe={"volume": "0.1 mL", "dead_space": "0.2 mL"})


def test_every_row_of_storage_is_used_or_is_a_limit():
    table = package_table("vial", "storage")
    assert {k.partition("_")[0] for k in table if k.endswith(("_4", "_m20", "_m80"))} == {
        "loss",
        "band",
        "longest",
    }
