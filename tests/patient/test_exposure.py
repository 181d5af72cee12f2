"""Exposures: where a dose goes, against closed forms of a tiny body, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exocast
from exocast.errors import InvalidInput, UnknownName
from exocast.evidence.rows import COLUMNS
from exocast.patient.exposure import GIVEN, output_times, parse_exposure

HEADER = ",".join(COLUMNS)
K = 2.0  # 1/day, from the toy's plasma into its liver
TOY = {
    "body/toy.ant": """
// Vesicles leave a plasma for a liver.
model toy(place)
  compartment place;
  substanceOnly species plasma in place, liver in place;
  leave: plasma => liver; k_leave*plasma;
end
""",
    "body/toy.csv": f"""{HEADER}
k_leave,leave,{K},1/day,0.5,log_sd,uncertain,toy,assumption,,E,toy
k_leave.between,ratio,1,1,0.3,log_sd,patient,toy,assumption,,E,toy
large.k_leave,leave,0,1/day,,fixed,constant,toy,definition,,E,toy
""",
    "body/organism.ant": "model organism()\n  compartment plasma;\n  share := weight/70;\nend\n",
    "body/organism.csv": f"""{HEADER}
plasma,plasma,3000,mL,,fixed,constant,toy,definition,,E,toy
weight,weight,70,1,,fixed,constant,toy,definition,,E,toy
""",
    "body/species/toad.yaml": "schema_version: 1\nname: toad\ntitle: A toad\nnumbers: toad.csv\n",
    "body/species/toad.csv": f"""{HEADER}
toy.k_leave,leave,8,1/day,,fixed,constant,toy,definition,,E,toy
""",
    "tissue/toy_body.yaml": """
schema_version: 1
name: toy_body
title: A toy
sizes: [small, medium, large]
instances:
  body: {fragment: body/organism}
  "blood_{size}": {fragment: body/toy, variant: "{size}", ports: {place: body_plasma}}
observables:
  plasma_particles: {total: "blood_{size}_plasma", unit: item, text: given vesicles in plasma}
  liver_particles: {total: "blood_{size}_liver", unit: item, text: given vesicles in the liver}
  share: {formula: "body_share", unit: "1", text: a reading, better: none}
fates: [plasma_particles, liver_particles]
readings: [share]
routes:
  intravenous: {"{size}": "blood_{size}_plasma"}
""",
}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for name, text in TOY.items():
        file = tmp_path / "library" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "library"


def scenario(**changes: Any) -> dict[str, Any]:
    # Half of a log-normal law about 100 nm is below 100 nm, and next to none above 150 nm.
    return {
        "schema_version": 1,
        "stated": {"size_median": "100 nm", "size_log_sd": 0.05},
        "regimen": {"dose": "1e10 particle", "route": "intravenous"},
        "subject": {"species": "human"},
        "site": "toy_body",
        "horizon": "7 day",
        "worlds": 30,
        "patients": 4,
        **changes,
    }


def test_the_dose_is_found_again_in_its_places(library: Path, tmp_path: Path) -> None:
    made = exocast.exposure(
        scenario(rows={"toy.k_leave": K}, patients=1), library=library, out=tmp_path / "r"
    )
    times = made.result.times_days
    plasma = made.result.values("plasma_particles")[0, 0, 0]
    liver = made.result.values("liver_particles")[0, 0, 0]
    between = made.result.frame("patients")["toy.k_leave.between"][0]
    assert between != 1
    # What the scenario sets is the value of everybody: it is not scattered any more.
    assert np.allclose(plasma, 1e10 * np.exp(-K * times), rtol=1e-5)
    assert np.allclose(plasma + liver, 1e10, rtol=1e-9)
    assert np.allclose(made.result.values(GIVEN), 1e10, rtol=1e-14)


def test_bands_are_over_worlds_and_people_stand_apart(library: Path) -> None:
    made = exocast.exposure(scenario(), library=library)
    at = {
        (row.observable, row.statistic): row.value
        for row in made.statistics.itertuples()
        if abs(row.time - 0.25) < 1e-6
    }
    low, middle, high = (at["plasma_particles", f"share_{w}"] for w in ("low", "median", "high"))
    assert low < middle < high
    assert at["plasma_particles", "between_low"] < at["plasma_particles", "between_high"]
    assert at["plasma_particles", "share_mean"] + at["liver_particles", "share_mean"] == (
        pytest.approx(1.0, rel=1e-9)
    )
    more = exocast.exposure(scenario(patients=40), library=library)
    wider = {
        row.statistic: row.value
        for row in more.statistics.itertuples()
        if abs(row.time - 0.25) < 1e-6 and row.observable == "plasma_particles"
    }
    # More people do not narrow what is not known.
    assert wider["share_high"] - wider["share_low"] > 0.7 * (high - low)


def test_a_species_and_a_weight_take_the_place_of_rows(library: Path) -> None:
    subject = {"species": "toad", "weight": "35 1"}
    with pytest.raises(InvalidInput, match="kg"):
        parse_exposure(scenario(subject=subject))
    made = exocast.exposure(scenario(subject={"species": "toad"}, patients=1), library=library)
    at = int(np.abs(made.result.times_days - 1.0).argmin())
    between = made.result.frame("patients")["toy.k_leave.between"][0]
    expected = np.exp(-8.0 * between)
    assert made.result.values("plasma_particles")[0, :, 0, at] == (
        pytest.approx(1e10 * expected, rel=1e-4)
    )
    assert made.result.manifest["species"] == "toad"


def test_repeated_doses_add_up(library: Path) -> None:
    regimen = {
        "dose": "1e10 particle",
        "route": "intravenous",
        "injections": 3,
        "interval": "2 day",
    }
    made = exocast.exposure(scenario(regimen=regimen), library=library)
    given = made.result.values(GIVEN)[0, 0, 0]
    assert given[[0, -1]] == pytest.approx([1e10, 3e10], rel=1e-14)
    total = made.result.values("plasma_particles") + made.result.values("liver_particles")
    assert np.allclose(total, made.result.values(GIVEN), rtol=1e-9)


def test_no_dose_says_so(library: Path) -> None:
    nothing = {"dose": "0 particle", "route": "intravenous"}
    made = exocast.exposure(scenario(regimen=nothing), library=library)
    assert np.all(made.result.values("liver_particles") == 0)
    assert "Nothing was given" in made.summary()


def test_whole_cells_are_given_as_cells(library: Path) -> None:
    (library / "tissue/herd.yaml").write_text(
        TOY["tissue/toy_body.yaml"]
        .replace("name: toy_body", "name: herd")
        .replace('{"{size}": "blood_{size}_plasma"}', "{cells: blood_small_plasma}"),
        encoding="utf-8",
    )
    cells = {"dose": "1e8 cell", "route": "intravenous"}
    asked = scenario(stated={"product": "msc_cells"}, regimen=cells, site="herd", worlds=4)
    made = exocast.exposure(asked, library=library)
    total = made.result.values("plasma_particles") + made.result.values("liver_particles")
    assert np.allclose(total, 1e8, rtol=1e-9)
    with pytest.raises(InvalidInput, match="takes no cells"):
        exocast.exposure(asked | {"site": "toy_body"}, library=library)


def test_what_it_says_and_shows(library: Path, tmp_path: Path) -> None:
    made = exocast.exposure(scenario(), library=library, out=tmp_path / "r")
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "Where the dose went" in page and page.count("<svg") == 4
    text = made.summary()
    assert "1 hour after the first dose: plasma" in text
    assert "toy.k_leave" in text  # what decides it
    again = exocast.open_exposure(tmp_path / "r")
    assert again.record() == made.record()
    assert exocast.api.report(tmp_path / "r").summary() == text
    with pytest.raises(
        InvalidInput, match=r"this is an exposure and no forecast; exocast\.open_exposure"
    ):
        exocast.open_result(tmp_path / "r")


def test_parts_do_not_change_numbers(library: Path, tmp_path: Path) -> None:
    from exocast.patient.exposure import run_exposure
    from exocast.study.result import open_result

    parsed = parse_exposure(scenario(worlds=5))
    whole, parts = (
        open_result(
            run_exposure(
                parsed,
                tmp_path / str(size),
                base=tmp_path,
                libraries=[library],
                runs_per_part=size,
                processes=1,
            ),
            "exposure",
        ).values("plasma_particles")
        for size in (1000, 8)
    )
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vial": {"product": "msc_ev"}}, "either 'vial'"),
        ({"regimen": {"dose": "20 ug", "route": "intravenous"}}, "measured vial only"),
        ({"stated": {"product": "msc_cells"}}, "no number of cells"),
        ({"stated": {"product": "msc_ev"}}, "need their size"),
        ({"horizon": "0 day"}, "not above zero"),
        ({"worlds": 100_000, "patients": 11}, "more than 1,000,000"),
        ({"subject": {"species": "human", "wieght": "70 kg"}}, "weight"),
    ],
)
def test_what_cannot_be_run_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_exposure(scenario(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": {"toy.k_leav": 1}}, r"no row 'toy.k_leav'.*toy.k_leave"),
        ({"subject": {"species": "tod"}}, r"no species 'tod'.*'toad'"),
        ({"regimen": {"dose": "1e9 particle", "route": "nasal"}}, r"no route 'nasal'"),
    ],
)
def test_unknown_names_offer_the_nearest(library: Path, change: Any, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        exocast.exposure(scenario(**change), library=library)


def test_a_patient_is_not_a_subject(library: Path) -> None:
    with pytest.raises(InvalidInput, match=r"exocast\.exposure"):
        exocast.forecast(scenario())


def test_times_follow_every_dose() -> None:
    times = output_times(10.0, (0.0, 3.0))
    assert times[0] == 0 and times[-1] == 10
    for start in (0.0, 3.0):
        assert np.abs(times - (start + 5 / 1440)).min() < 1e-8
    assert np.all(np.diff(times) > 0)
