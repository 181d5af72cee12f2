"""Exposures: where a dose goes, against closed forms of a tiny body, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exocast
from exocast import api
from exocast.engine.site import load_site
from exocast.errors import ExocastError, InvalidInput, OutsideEvidence, RunsFailed, UnknownName
from exocast.evidence.rows import COLUMNS
from exocast.patient.exposure import GIVEN, output_times, parse_exposure
from exocast.report.exposure import in_percent
from exocast.study.tested import count, held_against

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
route_words: {intravenous: into a vein}
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
    assert text.startswith("EXPOSURE\nA person of 70 kg; 1 × 10¹⁰ vesicles of 100 nm, into a vein.")
    assert text.count("no vial was measured") == 1
    assert "\n" not in repr(made)
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


def test_the_headline_is_the_median_of_worlds(library: Path) -> None:
    made = exocast.exposure(scenario(patients=1), library=library)
    shares = {
        each["observable"]: each for each in made.record()["shares"] if each["time_days"] == 1.0
    }
    plasma = shares["plasma_particles"]
    assert abs(plasma["mean"] - plasma["median"]) > 0.005
    shown = [in_percent(plasma[which]) for which in ("median", "low", "high")]
    table = made.story.sections[0].tables[0]
    cell = next(row for row in table.rows if row[0] == "plasma")[table.columns.index("1 day")]
    assert cell.replace("\u00a0", " ") == "{} ({} to {})".format(*shown)
    means = [each["mean"] for each in shares.values()]
    assert sum(means) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0"),
        (1.0, "100"),
        (0.9999, "99.9"),
        (0.31, "31"),
        (0.0314, "3.1"),
        (5.2e-6, "0.00052"),
        (1e-9, "<0.0001"),
        (0.0996, "10"),
    ],
)
def test_small_shares_keep_two_digits(share: float, text: str) -> None:
    assert in_percent(share) == text


def test_a_fragment_of_ones_own_is_named_with_its_hash(library: Path) -> None:
    made = exocast.exposure(scenario(worlds=2, patients=1), library=library)
    own = {each["name"]: each for each in made.result.manifest["own"]}
    assert {"site toy_body", "body/toy", "body/organism"} <= set(own)
    file = library / "body/toy.csv"
    file.write_text(file.read_text().replace(f",{K},", ",2.5,"), encoding="utf-8")
    again = exocast.exposure(scenario(worlds=2, patients=1), library=library)
    changed = {each["name"]: each for each in again.result.manifest["own"]}
    assert changed["body/toy"]["hash"] != own["body/toy"]["hash"]
    assert changed["body/organism"]["hash"] == own["body/organism"]["hash"]
    text = again.summary()
    assert f"body/toy ({library.resolve()}" in text.replace("\n", " ")
    assert "and not of this one" in text.replace("\n", " ")


def test_nothing_is_written_when_every_run_fails(library: Path, tmp_path: Path) -> None:
    broken = scenario(rows={"toy.k_leave": "1e300 1/day"}, worlds=2, patients=1)
    with pytest.raises(RunsFailed, match=r"all 2 runs failed .*toy\.k_leave"):
        exocast.exposure(broken, library=library, out=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_row_above_zero_is_never_set_below_it(library: Path) -> None:
    with pytest.raises(InvalidInput, match=r"toy\.k_leave \(leave\) is never below zero"):
        exocast.exposure(scenario(rows={"toy.k_leave": -1}), library=library)


def test_rows_are_taken_by_key_or_as_blocks() -> None:
    parsed = parse_exposure(scenario(rows={"lung": {"small": {"size_factor": 1}}, "toy.a": 2}))
    assert parsed.rows == {"lung.small.size_factor": 1, "toy.a": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": {"species": "human", "weight": "20 g"}}, "a weight of 20 g is none of people"),
        ({"subject": {"species": "human", "age": "500 year"}}, "an age of 500 year"),
        ({"subject": {"species": "mouse", "weight": "70 kg"}}, "none of mice"),
        ({"stated": {"size_median": "5 nm"}}, "a size of 5 nm"),
    ],
)
def test_what_cannot_be_is_refused(library: Path, change: Any, message: str) -> None:
    with pytest.raises(OutsideEvidence, match=message):
        exocast.exposure(scenario(**change), library=library)


def test_what_is_unusual_is_warned_of(library: Path) -> None:
    unusual = scenario(
        subject={"species": "human", "age": "12 year"},
        stated={"size_median": "400 nm"},
        worlds=2,
        patients=1,
    )
    made = exocast.exposure(unusual, library=library)
    warned = {w["where"]: w["code"] for w in made.result.manifest["warnings"]}
    assert warned == {
        "subject.age": "OUTSIDE_EVIDENCE",
        "stated.size_median": "OUTSIDE_EVIDENCE",
    }


def test_a_dose_beyond_the_bodys_own_particles_is_warned_of() -> None:
    def warned(dose: str) -> list[str]:
        asked = scenario(
            site="whole_body",
            regimen={"dose": dose, "route": "intravenous"},
            subject={"species": "mouse"},
            worlds=4,
            patients=1,
            horizon="1 day",
        )
        return [w["where"] for w in exocast.exposure(asked).result.manifest["warnings"]]

    assert warned("1e16 particle") == ["regimen.dose"]
    assert warned("1e8 particle") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"condition": "knee_oa"}, r"'toy_body' has no conditions"),
        ({"regimen": {"dose": "1e9 particle"}}, r"regimen.route is missing; 'toy_body' has: intr"),
        ({"site": "nowhere"}, r"no site 'nowhere'\..*csf.*toy_body.*wound"),
        ({"subject": {"species": "rabbit"}}, r"human, macaque, mouse, rat, toad"),
        (
            {"site": "skin", "regimen": {"dose": "1e9 particle", "route": "intranasal"}},
            r"'skin' has: .*topical.*; 'nose' has it",
        ),
        ({"site": "cells_iv"}, r"takes no vesicles; .*stated\.product: msc_cells"),
        ({"patient": {"age": "60 year"}}, r"'subject' .* and a 'patient'"),
        ({"label": "dye"}, r"'label' is no field here"),
        ({"stated": {"product": "nothing"}}, r"stated\.product: There is no product 'nothing'"),
        ({"stated": {"size_median": "100 nm", "donor": "own"}}, r"donor is about whole cells"),
    ],
)
def test_a_message_says_what_to_do(library: Path, change: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        exocast.exposure(scenario(**change), library=library)


def test_stated_particles_without_a_subject_are_told_what_is_missing() -> None:
    asked = {key: value for key, value in scenario().items() if key != "subject"}
    with pytest.raises(InvalidInput, match="an exposure names one"):
        exocast.forecast(asked)


def test_whose_cells_they_are_is_said_and_what_is_off_is_not_shown() -> None:
    def said(donor: dict[str, str], species: str) -> str:
        cells = scenario(
            stated={"product": "msc_cells", **donor},
            regimen={"dose": "5e5 cell", "route": "intravenous"},
            subject={"species": species},
            site="cells_iv",
            horizon="1 day",
            worlds=2,
            patients=1,
        )
        return exocast.exposure(cells).summary().replace("\n", " ")

    own = said({}, "human")
    assert "the subject's own" in own and "antibodies" not in own
    assert "This says where cells go" in own and "Cells by place" in own
    other = said({"donor": "other"}, "human")
    assert "The cells are another's" in other and "antibodies" in other
    assert "antibodies" not in said({"donor": "other"}, "mouse")


BOARD = """
dataset,condition,x,observed,predicted,low,high,fold_error,covered,interval_score,used_for,grade,unit,x_unit,verdict,informed_by,species,route,given,failed_worlds,unread_worlds
a,plasma,2,10,12,5,20,1.2,true,1,prediction,B,percent,min,good,,mouse,intravenous,vesicles,0,0
b,liver,2,10,60,50,70,6,false,1,shown,B,percent,min,shown only,,mouse,intravenous,vesicles,0,0
c,liver,2,0,0,0,0,nan,true,0,shown,B,percent,min,shown only,,rat,intravenous,vesicles,0,0
d,albumin,0,1,1,1,1,1,true,0,prediction,B,L/h,parameter,good,,mouse,intravenous,soluble,0,0
e,lungs,0,1,1,1,1,1,true,0,calibration,B,percent,h,good,,mouse,intravenous,cells,0,0
"""


def test_a_route_is_held_against_its_own_kind(tmp_path: Path) -> None:
    board = tmp_path / "scoreboard.csv"
    board.write_text(BOARD.lstrip(), encoding="utf-8")
    found = held_against("intravenous", "mouse", "vesicles", board)
    assert [each.row.dataset for each in found] == ["a", "b", "c"]
    tests = count(found, "prediction", near=True)
    assert (tests.numbers, tests.within_twofold) == (1, 1)
    shown = [count(found, "shown", near=near) for near in (True, False)]
    assert [each.within_twofold for each in shown] == [0, 1]
    assert shown[0].worst_fold == 6
    for given, name in (("soluble", "d"), ("cells", "e")):
        kind = held_against("intravenous", "mouse", given, board)
        assert [each.row.dataset for each in kind] == [name]


OWN = """schema_version: 1
name: toy_own
title: A toy with words of its own
extends: toy_body
fates: [liver_particles, plasma_particles]
behind: [liver_particles]
colours: {plasma_particles: "#0badca"}
route_words: {intravenous: through a straw}
meant_for: {intravenous: [LITTLE]}
"""


def test_a_site_of_ones_own_brings_its_words_colours_and_aims(library: Path) -> None:
    site = library / "tissue/toy_own.yaml"
    site.write_text(OWN.replace("LITTLE", "liver_particles"), encoding="utf-8")
    rows = {"toy.k_leave": 1e-6}  # next to nothing reaches the liver
    made = exocast.exposure(scenario(site="toy_own", rows=rows), library=library)
    assert "through a straw" in made.summary() and "into a vein" not in made.summary()
    assert "#0badca" in made.plot("fates").svg
    panels = made.plot("places").svg
    assert -1 < panels.find(">plasma<") < panels.find(">liver<")  # what is behind comes last
    site.write_text(OWN.replace("LITTLE", "plasma_particles"), encoding="utf-8")
    other = exocast.exposure(scenario(site="toy_own", rows=rows), library=library)
    assert ">liver<" not in other.plot("places").svg


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("behind: [liver", "behind: [livre", "'livre_particles' does not exist"),
        ("colours: {plasma", "colours: {plasm", "'plasm_particles' does not exist"),
        ("[LITTLE]", "[little]", "'little' does not exist"),
        ("words: {intravenous", "words: {intravenously", "'intravenously' does not exist"),
        ('"#0badca"', "teal", "colours"),
    ],
)
def test_what_a_site_says_of_its_pages_is_checked(
    library: Path, old: str, new: str, message: str
) -> None:
    text = OWN.replace(old, new).replace("LITTLE", "liver_particles")
    (library / "tissue/toy_own.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ExocastError, match=message):
        exocast.exposure(scenario(site="toy_own"), library=library)


def test_every_route_of_a_body_has_words_and_every_place_behind_a_colour() -> None:
    for each in api.sites()["sites"]:
        site = load_site(each["name"])
        joints = tuple(f" {joint}" for joint in site.joints)
        for route in site.routes:
            own = next((route.removesuffix(j) for j in joints if route.endswith(j)), route)
            assert site.route_words.get(own), f"{site.name}: {route}"
        assert set(site.behind) <= set(site.colours)
        assert len(set(site.colours.values())) == len(site.colours)


def test_the_page_on_exposures_lists_every_site() -> None:
    page = (Path(__file__).parents[2] / "docs/howto-exposure.md").read_text(encoding="utf-8")
    listed = [line for line in page.splitlines() if line.startswith("| `")]
    wanted = []
    for site in api.sites()["sites"]:
        usual = site["default_condition"]
        conditions = sorted(site["conditions"], key=lambda name: name != usual)
        cells = (
            f"`{site['name']}`",
            site["takes"],
            ", ".join(f"`{name}`" for name in site["routes"]),
            ", ".join(f"`{name}`" for name in conditions) or "none",
        )
        wanted.append(f"| {' | '.join(cells)} |")
    assert listed == wanted
    assert all(f"`{name}`" in page for name in api.sites()["species"])
    assert {site["name"] for site in api.sites()["sites"]} >= {"whole_body", "knees", "cells_iv"}


def test_an_exposure_to_start_from_runs(tmp_path: Path) -> None:
    (written,) = exocast.init(tmp_path / "new", exposure=True)
    made = exocast.exposure(written, worlds=2, patients=1)
    assert "into a vein" in made.summary()
