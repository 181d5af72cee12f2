"""Laws of any forecast: units, chunks, processes and other people do not matter."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exocast.documents import read_mapping
from exocast.patient.forecast import run_forecast
from exocast.patient.scenario import (
    Scenario,
    load_scenario,
    parse_scenario,
    with_changes,
)
from exocast.study.result import open_result
from exocast.study.summary import interval

EXAMPLE = Path(__file__).parents[2] / "examples" / "knee"
SMALL = ("worlds=3", "patients=2", 'horizon="9 week"')


def scenario(*changes: str) -> Scenario:
    return load_scenario(EXAMPLE / "scenario.yaml", [*SMALL, *changes])


def table(asked: Scenario, **how: Any) -> pd.DataFrame:
    """Every row of a forecast, sorted as it was written."""
    with tempfile.TemporaryDirectory() as folder:
        out = run_forecast(asked, Path(folder) / "r", base=EXAMPLE, **{"processes": 1, **how})
        parts = sorted((out / "parts").glob("*.parquet"))
        return pd.concat([pd.read_parquet(p) for p in parts], ignore_index=True)


@functools.cache
def plain() -> pd.DataFrame:
    return table(scenario())


def test_rows_are_sorted_by_arm_world_patient_and_time() -> None:
    found = plain()
    keys = [found["arm"].map({"vial": 0, "saline": 1}), found["world"], found["patient"]]
    order = np.lexsort((found["time"], *reversed(keys)))
    assert np.array_equal(order, np.arange(len(found)))


def test_numbers_do_not_depend_on_chunks() -> None:
    pd.testing.assert_frame_equal(plain(), table(scenario(), runs_per_part=2), check_exact=True)


def test_a_person_alone_is_the_same_person_in_a_population() -> None:
    alone = table(scenario("patients=1"))
    among = plain().query("patient == 0").reset_index(drop=True)
    pd.testing.assert_frame_equal(among, alone, check_exact=True)


def test_more_worlds_leave_the_first_as_they_were() -> None:
    more = table(scenario("worlds=4")).query("world < 3").reset_index(drop=True)
    pd.testing.assert_frame_equal(plain(), more, check_exact=True)


def test_another_arm_leaves_the_others_as_they_were() -> None:
    more = table(scenario('arms=["vial", "saline", "no injection"]'))
    kept = more.query("arm != 'no injection'").reset_index(drop=True)
    plain_arms = plain().assign(arm=plain()["arm"].astype(str))
    pd.testing.assert_frame_equal(plain_arms, kept.assign(arm=kept["arm"].astype(str)))
    none = more.query("arm == 'no injection'")
    assert not np.allclose(none["pain_vas"], more.query("arm == 'saline'")["pain_vas"])


def test_a_comparator_leaves_the_others_as_they_were_and_claims_no_tissue() -> None:
    arms = 'arms=["corticosteroid", "vial", "saline", "hyaluronic acid"]'
    more = table(scenario(arms))
    compared = more["arm"].isin(["corticosteroid", "hyaluronic acid"])
    kept = more[~compared].reset_index(drop=True)
    plain_arms = plain().assign(arm=plain()["arm"].astype(str))
    pd.testing.assert_frame_equal(plain_arms, kept.assign(arm=kept["arm"].astype(str)))
    assert more.loc[compared, ["cartilage_volume", "synovial_inflammation"]].isna().all(axis=None)
    for arm in ("corticosteroid", "hyaluronic acid"):
        pain = more.loc[more["arm"] == arm, "pain_vas"].to_numpy()
        saline = more.loc[more["arm"] == "saline", "pain_vas"].to_numpy()
        start = more.loc[more["arm"] == arm, "time"].to_numpy() == 0
        assert (pain[start] == saline[start]).all()
        assert not np.allclose(pain, saline)


SAME = {
    "regimen.dose": ["1e10 particle", "10e9 particles", "1e10 item"],
    "regimen.interval": ["4 week", "28 day", "672 hour"],
    "patient.pain_vas": ["65 mm", "6.5 cm", "0.065 m"],
    "patient.age": ["62 year", "744 month"],
    "vial.volume": ["1 mL", "1000 uL", "0.001 L"],
    "vial.protein.concentration": ["12 ug/mL", "12 mg/L", "0.012 mg/mL"],
    "entry.pain_vas_at_least": ["40 mm", "4 cm"],
}


@settings(max_examples=6)
@given(st.fixed_dictionaries({k: st.sampled_from(v) for k, v in SAME.items()}))
@pytest.mark.slow
def test_units_of_the_scenario_do_not_matter(texts: dict[str, str]) -> None:
    data = read_mapping(EXAMPLE / "scenario.yaml")
    changes = [*SMALL, *(f'{k}="{v}"' for k, v in texts.items())]
    found = table(parse_scenario(with_changes(data, changes)))
    for name in plain().columns[4:]:
        assert np.allclose(found[name], plain()[name], rtol=1e-6, atol=1e-6), name


def test_only_the_vial_arm_brings_vesicles() -> None:
    assert plain().query("arm == 'vial'")["fluid_particles"].max() > 1e6
    assert plain().query("arm == 'saline'")["fluid_particles"].max() == 0


def test_a_dose_of_no_particles_is_the_procedure() -> None:
    found = table(scenario('regimen.dose="0 particle"'))
    for name in plain().columns[4:]:
        vial = found.query("arm == 'vial'")[name].to_numpy()
        saline = found.query("arm == 'saline'")[name].to_numpy()
        assert np.array_equal(vial, saline), name


def test_inert_vesicles_change_no_outcome() -> None:
    """In worlds where nothing happens in people, both arms report the same."""
    with tempfile.TemporaryDirectory() as folder:
        out = run_forecast(scenario("worlds=6"), Path(folder) / "r", base=EXAMPLE, processes=1)
        worlds = pd.read_parquet(out / "worlds.parquet")
        inert = worlds.loc[worlds["effect.translation"] == 0, "world"]
        rows = pd.concat([pd.read_parquet(p) for p in sorted((out / "parts").glob("*"))])
    assert len(inert)
    rows = rows[rows["world"].isin(inert)]
    for name in ("pain_vas", "womac_total", "synovial_inflammation", "cartilage_volume"):
        vial = rows.query("arm == 'vial'")[name].to_numpy()
        saline = rows.query("arm == 'saline'")[name].to_numpy()
        assert np.allclose(vial, saline, rtol=1e-4), name


@pytest.mark.parametrize("damage", ["truncate", "drop", "partial"])
def test_a_damaged_result_is_refused(tmp_path: Path, damage: str) -> None:
    from exocast.errors import ExocastError

    out = run_forecast(
        scenario("worlds=2", "patients=1"), tmp_path / "r", base=EXAMPLE, processes=1
    )
    part = next((out / "parts").glob("*.parquet"))
    if damage == "truncate":
        part.write_bytes(part.read_bytes()[:-50])
    elif damage == "drop":
        part.unlink()
    else:
        manifest = out / "manifest.json"
        text = manifest.read_text(encoding="utf-8")
        manifest.write_text(text.replace('"complete"', '"partial"'), encoding="utf-8")
    with pytest.raises(ExocastError):
        open_result(out)
    shutil.rmtree(out)


@pytest.mark.slow
def test_twice_the_patients_do_not_narrow_what_is_not_known(tmp_path: Path) -> None:
    """400 worlds: the ends of the interval stay within two Monte Carlo standard errors."""
    asked = load_scenario(
        EXAMPLE / "scenario.yaml",
        [
            "worlds=400",
            "patients=6",
            'horizon="12 week"',
            "prior=literature",
        ],
    )
    out = run_forecast(asked, tmp_path / "r", base=EXAMPLE, processes=2)
    values = open_result(out).values("pain_vas")
    difference = (values[0] - values[1])[..., -1:]
    half, whole = interval(difference[:, :3]), interval(difference)
    assert whole.high[0] - whole.low[0] > 2
    for end, other in ((half.low, whole.low), (half.high, whole.high)):
        assert abs(end[0] - other[0]) < 2 * np.hypot(half.error_patients[0], half.error_worlds[0])


def test_an_exported_run_gives_the_tissue_of_the_forecast(tmp_path: Path) -> None:
    from exocast import engine
    from exocast.patient.forecast import export_run

    file = export_run(scenario(), tmp_path / "run.xml", base=EXAMPLE, world=1, patient=1)
    among = plain().query("arm == 'vial' and world == 1 and patient == 1")
    names = ("fluid_particles", "cell_particles", "synovial_inflammation", "tnf", "aggrecan")
    alone = engine.simulate_sbml(
        file, among["time"].to_numpy(), [f"knee_{name}" for name in names], rtol=1e-8
    )
    for name in names:
        largest = among[name].abs().max()
        assert np.allclose(alone[f"knee_{name}"], among[name], rtol=1e-3, atol=1e-5 * largest)
