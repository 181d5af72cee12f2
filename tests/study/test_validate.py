"""Scoreboards of toy triplets, whose predictions and bands are known in closed form."""

from __future__ import annotations

import csv
import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import exocast
from exocast.cli import app
from exocast.errors import InvalidInput, NotFound, UnknownName
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import COLUMNS
from exocast.report import scoreboard
from exocast.study import experiment, triplets, validate

HEADER = ",".join(COLUMNS)
K = 2.0
DATA = "condition,x,x_unit,y,y_unit,y_spread,spread_kind,n\n"


def toy(folder: Path, *, spread: str = "", kind: str = "fixed", varies: str = "constant") -> Path:
    """A library with a pot that leaks: ``exp(-K t)`` of the dose is left."""
    for name, text in {
        "body/pot.ant": "model pot()\n  compartment place;\n"
        "  substanceOnly species inside in place, outside in place;\n"
        "  leak: inside => outside; k_leak*inside;\nend\n",
        "body/pot.csv": f"{HEADER}\nplace,place,10,mL,,fixed,constant,toy,definition,,E,toy\n"
        f"k_leak,leak,{K},1/day,{spread},{kind},{varies},toy,willekens2005,abstract,A,toy\n",
        "body/species/tin.yaml": "schema_version: 1\nname: tin\ntitle: Tin\nnumbers: tin.csv\n",
        "body/species/tin.csv": f"{HEADER}\npot.k_leak,leak,4,1/day,,fixed,constant,toy,definition,"
        ",E,toy\n",
        "tissue/pots.yaml": "schema_version: 1\nname: pots\ntitle: Pots\n"
        "sizes: [small, medium, large]\ninstances:\n  'pot_{size}': {fragment: body/pot}\n"
        "observables:\n"
        "  inside_particles: {total: 'pot_{size}_inside', unit: item, text: given inside}\n"
        "routes:\n  pour: {'{size}': 'pot_{size}_inside'}\n",
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def triplet(folder: Path, **changes: str) -> Path:
    """A triplet with three numbers; ``changes`` replace whole files or texts inside them."""
    files = {
        "csv": DATA + "left,0.25,day,60,percent,,,\nleft,1,day,10,percent,3,sd,9\n"
        "half-life,0,parameter,8,h,,,\n",
        "yaml": "title: Toy\nplace: nowhere\nused_for: prediction\ngrade: B\n"
        "source: morishita2015\n",
        "scenario": "schema_version: 1\nsite: pots\narms:\n  pot:\n    doses:\n"
        "      - {time: 0 h, route: pour, amount: 1e9 particle, size_median: 100 nm}\n"
        "conditions:\n  left: {arm: pot, observe: inside_particles}\n"
        "  half-life: {arm: pot, observe: inside_particles, statistic: half_life, "
        "window: [1 h, 20 h]}\n",
    } | {k: v for k, v in changes.items() if k in ("csv", "yaml", "scenario")}
    folder.mkdir(exist_ok=True)
    for ending, text in files.items():
        name = "toy.scenario.yaml" if ending == "scenario" else f"toy.{ending}"
        file = folder / name
        file.write_text(text, encoding="utf-8")
    return folder


def board(tmp_path: Path, *, worlds: int = 40, **library: Any) -> validate.Scoreboard:
    data = tmp_path / "data"
    if not data.is_dir():
        triplet(data)
    return validate.validate(data, libraries=[toy(tmp_path / "library", **library)], worlds=worlds)


def test_predictions_are_the_closed_form(tmp_path: Path) -> None:
    rows = board(tmp_path).rows
    assert rows[0].predicted == pytest.approx(100 * math.exp(-K / 4), rel=1e-4)
    assert rows[1].predicted == pytest.approx(100 * math.exp(-K), rel=1e-4)
    assert rows[2].predicted == pytest.approx(24 * math.log(2) / K, rel=1e-4)
    assert rows[0].fold_error == pytest.approx(100 * math.exp(-K / 4) / 60, rel=1e-4)


def test_without_doubt_the_band_is_that_of_the_measurement(tmp_path: Path) -> None:
    rows = board(tmp_path, worlds=4000).rows
    made = triplets.read(tmp_path / "data", "toy")
    half_life = made.experiment.conditions["half-life"]
    sd = validate.error_sd(made.data[2], half_life, "vesicles")
    assert sd == pytest.approx(math.hypot(0.25, 0.3))
    assert rows[2].low == pytest.approx(rows[2].predicted * math.exp(-1.645 * sd), rel=0.05)
    assert rows[2].high == pytest.approx(rows[2].predicted * math.exp(1.645 * sd), rel=0.05)
    assert rows[2].covered and rows[2].verdict == validate.GOOD


def test_a_printed_spread_counts_as_the_error_of_its_mean(tmp_path: Path) -> None:
    data = triplets.read(triplet(tmp_path / "data"), "toy").data
    # 10 % with an SE of 1: half the distance between the log odds of 9 and 11 %.
    odds = (math.log(11 / 89) - math.log(9 / 91)) / 2
    assert validate.printed_sd(data[1]) == pytest.approx(odds)
    alone = dataclasses.replace(data[1], n=None)
    assert validate.printed_sd(alone) > validate.printed_sd(data[1]) > 0
    assert validate.printed_sd(data[0]) == 0


@pytest.mark.parametrize(
    ("kind", "spread", "expected"),
    [
        ("sd", (3.0,), math.sqrt(math.log1p(0.05**2))),
        ("se", (3.0,), math.sqrt(math.log1p(0.15**2))),
        ("cv", (0.3,), math.sqrt(math.log1p(0.1**2))),
        ("log_sd", (0.3,), 0.1),
        ("ci95", (10.0, 40.0), math.log(4) / 3.92),
        ("range", (10.0, 40.0), math.log(4) / 3.29),
    ],
)
def test_every_kind_of_printed_spread(
    kind: str, spread: tuple[float, ...], expected: float
) -> None:
    datum = triplets.Datum(
        condition="x",
        x=0.0,
        x_unit="",
        y=20.0,
        y_unit="min",
        spread=spread,
        spread_kind=kind,
        n=9.0,
    )
    assert validate.printed_sd(datum) == pytest.approx(expected, rel=0.02)


def test_what_compares_arms_of_one_experiment_shares_its_errors(tmp_path: Path) -> None:
    made = triplets.read(triplet(tmp_path / "data"), "toy")
    datum, value = made.data[0], made.experiment.conditions["left"]
    ratio = value.model_copy(update={"statistic": "ratio", "over": "pot"})
    assert validate.error_sd(datum, ratio, "vesicles") == pytest.approx(0.2)
    assert validate.error_sd(datum, value, "soluble") == pytest.approx(0.25)
    present = value.model_copy(update={"statistic": "present"})
    assert validate.error_sd(datum, present, "vesicles") == 0


def test_doubt_about_a_number_widens_the_band_and_never_narrows_it(tmp_path: Path) -> None:
    sure = board(tmp_path).rows[2]
    unsure = board(tmp_path, spread="0.4", kind="log_sd", varies="uncertain").rows[2]
    assert unsure.low < sure.low and unsure.high > sure.high


def test_a_band_wider_than_tenfold_is_no_prediction(tmp_path: Path) -> None:
    row = board(tmp_path, spread="1.5", kind="log_sd", varies="uncertain").rows[2]
    assert row.high / row.low > 10
    assert row.verdict == validate.WIDE and row.covered and not row.useful
    made = board(tmp_path, spread="1.5", kind="log_sd", varies="uncertain")
    total = {t.used_for: t for t in made.totals()}["prediction"]
    assert total.covered > total.useful_covered and not total.aims


def test_a_wide_band_that_does_not_hold_the_number_has_missed_it(tmp_path: Path) -> None:
    numbers = DATA + "half-life,0,parameter,5000,h,,,\n"
    triplet(tmp_path / "data", csv=numbers)
    made = board(tmp_path, spread="1.5", kind="log_sd", varies="uncertain")
    [row] = made.rows
    assert row.high / row.low > 10 and not row.covered
    assert row.verdict == validate.MISSED and row.useful
    assert made.totals()[1].no_prediction == 0


def test_parts_are_bodies_and_dishes(tmp_path: Path) -> None:
    body, dish = board(tmp_path).parts("prediction")
    assert (body.measured_in, body.rows, dish.measured_in, dish.rows) == ("body", 3, "dish", 0)
    assert {
        row.measured_in for row in validate.validate(only=["vegf165_huvec_proliferation"]).rows
    } == {"dish"}


def test_few_numbers_are_no_ground_for_the_aims(tmp_path: Path) -> None:
    assert board(tmp_path).totals()[1].few
    assert "too few numbers to judge by them" in " ".join(scoreboard.tell(board(tmp_path)).answer)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("left,1,day,-4,percent,,,", r"'left' is below zero \(-4\)"),
        ("left,1,day,145,percent,,,", r"'left' is 145 percent, more than all there is"),
        ("left,1,day,99,percent,90..120,range,4", r"120 percent, more than all"),
        ("half-life,0,parameter,-9,min,,,", r"'half-life' is below zero"),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        triplets.read(triplet(tmp_path / "data", csv=DATA + line + "\n"), "toy")


@pytest.mark.parametrize("before", ["", "doi:", "doi: ", "https://doi.org/", "http://dx.doi.org/"])
def test_a_doi_is_the_same_however_it_is_written(before: str) -> None:
    assert experiment.plain_doi(f" {before}10.1182/Blood-2004 ") == "10.1182/blood-2004"


def test_a_row_of_ones_own_keeps_no_correlation_of_the_packages(tmp_path: Path) -> None:
    package = Path(exocast.__file__).parent
    whole = package_correlations()
    pairs = [pair for pair in whole if "liver.k_digest" in pair]
    assert pairs
    own = tmp_path / "body"
    own.mkdir()
    text = (package / "body" / "liver.csv").read_text(encoding="utf-8")
    (own / "liver.csv").write_text(text, encoding="utf-8")
    assert package_correlations([tmp_path]) == whole  # a copy changes nothing
    lines = text.splitlines()
    changed = [
        line.replace(",9.", ",3.", 1) if line.startswith("k_digest,") else line for line in lines
    ]
    assert changed != lines
    (own / "liver.csv").write_text("\n".join(changed) + "\n", encoding="utf-8")
    left = package_correlations([tmp_path])
    assert set(whole) - set(left) == set(pairs)


def test_a_percentage_stays_one(tmp_path: Path) -> None:
    for row in board(tmp_path, spread="1.5", kind="log_sd", varies="uncertain").rows[:2]:
        assert 0 < row.low < row.predicted < row.high < 100


@pytest.mark.parametrize("rate", [1e-5, 12.0])
def test_a_share_near_none_or_all_has_its_band_about_it(tmp_path: Path, rate: float) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    scenario = scenario.replace("    doses:", f"    set: {{pot.k_leak: {rate}}}\n    doses:")
    y = 100 * math.exp(-rate)
    triplet(tmp_path / "data", scenario=scenario, csv=DATA + f"left,1,day,{y},percent,,,\n")
    row = board(tmp_path).rows[0]
    assert row.low < row.predicted < row.high
    assert row.predicted == pytest.approx(y, rel=1e-3)
    assert row.covered


@pytest.mark.parametrize(("y", "rate", "fold"), [(0, 20.0, 1.0), (100, 1e-5, 1.0), (0, 2.0, 135)])
def test_none_and_all_are_read_to_the_limit(
    tmp_path: Path, y: float, rate: float, fold: float
) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    scenario = scenario.replace("    doses:", f"    set: {{pot.k_leak: {rate}}}\n    doses:")
    triplet(tmp_path / "data", scenario=scenario, csv=DATA + f"left,1,day,{y},percent,,,\n")
    row = board(tmp_path).rows[0]
    assert row.fold_error == pytest.approx(fold, rel=0.01)
    assert row.covered == (fold == 1.0)


def test_a_share_far_below_the_limit_is_read_as_the_limit(tmp_path: Path) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    for rate, band in ((20.0, (0.1, 0.1)), (1e-6, (99.9, 99.9))):
        with_rate = scenario.replace("    doses:", f"    set: {{pot.k_leak: {rate}}}\n    doses:")
        triplet(tmp_path / "data", scenario=with_rate, csv=DATA + "left,1,day,4,percent,,,\n")
        row = board(tmp_path).rows[0]
        assert (row.low, row.high) == pytest.approx(band, rel=1e-9)
        assert row.verdict == validate.MISSED


@pytest.mark.parametrize(("y", "ends", "told"), [(100, "95..100", 95), (0, "0..5", 5)])
def test_all_is_told_from_its_range_and_lends_its_error_to_nothing(
    tmp_path: Path, y: float, ends: str, told: float
) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()

    def scored(csv: str, left: float) -> validate.Scored:
        rate = -math.log(left / 100)
        with_rate = scenario.replace("    doses:", f"    set: {{pot.k_leak: {rate}}}\n    doses:")
        triplet(tmp_path / "data", scenario=with_rate, csv=DATA + csv)
        return board(tmp_path).rows[0]

    row = scored(f"left,1,day,{y},percent,{ends},range,\n", 30)
    bare = scored("left,1,day,50,percent,,,\n", 30)
    assert (row.low, row.high) == pytest.approx((bare.low, bare.high))
    assert row.fold_error == pytest.approx(max(told / 30, 30 / told), rel=1e-3)
    assert not row.covered
    near = scored(f"left,1,day,{y},percent,{ends},range,\n", 97 if y else 3)
    assert near.covered and near.fold_error == 1.0


def test_totals_have_exact_intervals(tmp_path: Path) -> None:
    total = {t.used_for: t for t in board(tmp_path).totals()}["prediction"]
    assert (total.rows, total.datasets, total.within_twofold) == (3, 1, 3)
    assert total.twofold_interval == pytest.approx((0.025 ** (1 / 3), 1.0))
    assert total.median_fold_error < 1.5


def test_interval_score_is_the_width_when_inside_and_more_outside(tmp_path: Path) -> None:
    row = board(tmp_path).rows[2]
    width = math.log(row.high / row.low)
    assert row.interval_score == pytest.approx(width)
    far = dataclasses.replace(triplets.read(tmp_path / "data", "toy").data[2], y=100.0)
    score = validate.interval_score(far, row.low, row.high)
    assert score == pytest.approx(width + 20 * math.log(100 / row.high))


def test_a_source_of_the_model_is_no_test_of_it(tmp_path: Path) -> None:
    origin = "title: Toy\nplace: nowhere\nused_for: prediction\ngrade: B\nsource: willekens2005\n"
    triplet(tmp_path / "data", yaml=origin)
    with pytest.raises(InvalidInput, match=r"pot\.k_leak comes from; data that built"):
        board(tmp_path)
    triplet(tmp_path / "data", yaml=origin.replace("prediction", "calibration"))
    assert board(tmp_path).rows[0].informed_by == "pot.k_leak"


def test_a_species_and_a_set_row_are_used(tmp_path: Path) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    triplet(tmp_path / "data", scenario=scenario.replace("site: pots", "site: pots\nspecies: tin"))
    assert board(tmp_path).rows[1].predicted == pytest.approx(100 * math.exp(-4), rel=1e-3)
    pot = scenario.replace("    doses:", "    set: {pot_small.k_leak: 1}\n    doses:")
    triplet(tmp_path / "data", scenario=pot)
    assert board(tmp_path).rows[1].predicted == pytest.approx(100 * math.exp(-1), rel=1e-4)


@pytest.mark.parametrize(
    ("statistic", "expected", "unit"),
    [
        ("mrt", 24 / K, "h"),
        ("clearance", 10 * K, "mL/day"),
        ("volume", 10.0, "mL"),
        ("auc", 100 / K / 10, "percent*day/mL"),
        ("auc", 1e9 / K / 10, "particle*day/mL"),
        ("peak", 100.0, "percent"),
        ("peak", 1e8, "particle/mL"),
    ],
)
@pytest.mark.parametrize("samples", ["", "samples: [1 h, 2 h, 6 h, 24 h, 48 h]\n"])
def test_statistics_of_a_whole_course(
    tmp_path: Path, statistic: str, expected: float, unit: str, samples: str
) -> None:
    per = "" if statistic == "mrt" or unit == "percent" else ", per: pot_small_place"
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    scenario = samples + scenario.partition("conditions:")[0] + "conditions:\n"
    scenario += f"  c: {{arm: pot, observe: inside_particles, statistic: {statistic}{per}}}\n"
    triplet(tmp_path / "data", scenario=scenario, csv=DATA + f"c,,,1,{unit},,,\n")
    if statistic == "peak" and samples:  # the first sample is an hour after the dose
        expected *= math.exp(-K / 24)
    row = board(tmp_path).rows[0]
    assert row.unread_worlds == 0
    assert row.predicted == pytest.approx(expected, rel=2e-3)


def test_a_peak_is_one_that_was_sampled(tmp_path: Path) -> None:
    scenario = (
        "samples: [6 h, 12 h, 24 h]\n"
        + (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text().partition("conditions:")[0]
    )
    scenario += "conditions:\n  c: {arm: pot, observe: inside_particles, statistic: peak}\n"
    scenario += "  t: {arm: pot, observe: inside_particles, statistic: peak_time}\n"
    triplet(tmp_path / "data", scenario=scenario, csv=DATA + "c,,,1,percent,,,\nt,,,1,h,,,\n")
    rows = board(tmp_path).rows
    assert rows[0].predicted == pytest.approx(100 * math.exp(-K / 4), rel=1e-3)
    assert rows[1].predicted == pytest.approx(6.0)


def test_label_of_several_doses_is_shared_by_their_particles() -> None:
    doses = tuple(
        triplets.Dose(route="pour", amount=amount, size_median="100 nm")
        for amount in ("1e6 particle", "1e10 particle")
    )
    whole = experiment._particles(doses, "")
    targets = {name: name for s in ("small", "medium", "large") for name in (s, f"label_{s}")}
    small = experiment._parts("1e6 particle", doses[0], targets, whole, where="toy")
    given = sum(v for k, v in small.items() if k.startswith("label_"))
    assert given == pytest.approx(100 * 1e6 / (1e6 + 1e10))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("left,1,day,60,ng/mL,,,", "is in ng/mL, and what is read off is in item"),
        ("left,1,day,60,perecnt,,,", "'perecnt'"),
        ("left,,,60,percent,,,", "read at a time"),
        ("left,1,day,nan,percent,,,", "finite"),
        ("left,1,day,10,percent,-3,sd,9", "not above zero"),
        ("left,1,day,10,percent,9..2,range,9", "does not ascend"),
        ("left,1,day,10,percent,3,sd,-3", "n is -3"),
        ("half-life,0,parameter,8,mL,,,", "is in mL, and what is read off is in day"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(tmp_path: Path, line: str, message: str) -> None:
    triplet(tmp_path / "data", csv=f"{DATA}{line}\n")
    with pytest.raises((InvalidInput, NotFound), match=message):
        board(tmp_path)


def test_an_amount_is_converted_to_the_unit_of_the_data(tmp_path: Path) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    scenario = scenario.replace(
        "observe: inside_particles}", "observe: inside_particles, per: pot_small_place}", 1
    )
    numbers = "".join(f"left,1,day,1e7,particle/{unit},,,\n" for unit in ("mL",))
    triplet(tmp_path / "data", scenario=scenario, csv=DATA + numbers)
    per_ml = board(tmp_path).rows[0].predicted
    triplet(tmp_path / "data", csv=DATA + numbers.replace("/mL", "/L"), scenario=scenario)
    assert board(tmp_path).rows[0].predicted == pytest.approx(1000 * per_ml)


def test_blank_lines_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    text = "\ufeff" + DATA + "left,1,day,60,percent,,,\n\n,,,,,,,\n"
    assert len(triplets.read(triplet(tmp_path / "data", csv=text), "toy").data) == 1


def test_a_triplet_that_lacks_a_file_is_refused(tmp_path: Path) -> None:
    data = triplet(tmp_path / "data")
    (data / "toy.scenario.yaml").rename(data / "toy.scenario.yml")
    with pytest.raises(NotFound, match=r"toy\.scenario\.yaml is not there"):
        triplets.names(data)


def test_a_study_in_a_folder_builds_or_tests(tmp_path: Path) -> None:
    data = triplet(tmp_path / "data")
    for file in list(data.iterdir()):
        text = file.read_text().replace("used_for: prediction", "used_for: calibration")
        (data / file.name.replace("toy", "tay")).write_text(text)
    with pytest.raises(InvalidInput, match="a study that builds the model never tests it"):
        board(tmp_path)


def test_a_triplet_named_like_its_site_is_no_site(tmp_path: Path) -> None:
    data = triplet(tmp_path / "data")
    for file in list(data.iterdir()):
        file.rename(data / file.name.replace("toy", "pots"))
    assert len(board(tmp_path).rows) == 3


def test_what_a_fit_was_made_to_is_no_test_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "fitted.csv"
    table.write_text("fit,source\nwillekens2005,morishita2015\n")
    fits = experiment.fitted_to((table,))
    monkeypatch.setattr(experiment, "fitted_to", lambda: fits)
    with pytest.raises(InvalidInput, match=r"pot\.k_leak comes from; data that built"):
        board(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("observe: inside_particles}", "observe: insid}", r"'insid'.*inside_particles"),
        ("route: pour", "route: por", r"no route 'por'.*pour"),
        ("site: pots", "site: potz", r"no site 'potz'"),
        ("arm: pot, observe: inside_particles}", "arm: pit, observe: x}", r"arm 'pit'.*'pot'"),
        ("  left:", "  lift:", r"'left' is not in toy"),
        ("site: pots", "site: pots\nset: {pot.k_lek: 1}", r"no row 'pot.k_lek'.*pot.k_leak"),
        ("statistic: half_life", "statistic: halflife", r"statistic"),
        ("s}\n  half", "s, over_at: 1 h}\n  half", r"'left' has 'over_at' and is no ratio"),
    ],
)
def test_what_cannot_be_simulated_names_file_and_remedy(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    triplet(tmp_path / "data", scenario=scenario.replace(old, new))
    with pytest.raises((InvalidInput, UnknownName), match=message) as e:
        board(tmp_path)
    assert "toy" in str(e.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("left,1,day,abc,percent,,,", "abc"),
        ("left,1,day,10,percent,3,,", "stand together"),
        ("left,1,day,10,percent,3,std,9", "no spread kind 'std'"),
        ("left,1,day,10,percent,3,range,9", "two ends"),
        ("left,1,furlong,10,percent,,,", "furlong"),
        ("left,1,day,10", "line 2"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        triplets.read(triplet(tmp_path / "data", csv=DATA + line + "\n"), "toy")


def test_an_empty_folder_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no triplet"):
        triplets.names(tmp_path)
    with pytest.raises(UnknownName, match=r"no data set 'tay'.*'toy'"):
        triplets.read_all(triplet(tmp_path / "data"), ["tay"])


def test_a_ratio_of_arms_and_a_copied_arm(tmp_path: Path) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    scenario = scenario.replace(
        "conditions:", "  slow: {like: pot, set: {pot.k_leak: 1}}\nconditions:"
    )
    scenario += "  ratio: {arm: slow, over: pot, observe: inside_particles, statistic: ratio}\n"
    scenario += "  lost: {arm: pot, over: slow, observe: inside_particles, "
    scenario += "statistic: one_minus_ratio, at: 1 day}\n"
    numbers = DATA + "ratio,1,day,2.7,1,,,\nlost,0,parameter,0.6,1,,,\n"
    triplet(tmp_path / "data", scenario=scenario, csv=numbers)
    rows = board(tmp_path).rows
    assert rows[0].predicted == pytest.approx(math.e, rel=1e-4)
    assert rows[1].predicted == pytest.approx(1 - 1 / math.e, rel=1e-4)


def test_a_ratio_may_take_another_time_or_statistic_below(tmp_path: Path) -> None:
    scenario = (triplet(tmp_path / "data") / "toy.scenario.yaml").read_text()
    scenario = scenario.replace("arms:", "samples: [0 day, 1 day]\narms:")
    over = "{arm: pot, over: pot, observe: inside_particles, statistic: ratio"
    scenario += f"  of the largest: {over}, over_each: peak}}\n"
    scenario += f"  of later: {over}, over_at: 0.5 day}}\n"
    numbers = DATA + "of the largest,0.25,day,0.5,1,,,\nof later,0.25,day,2,1,,,\n"
    triplet(tmp_path / "data", scenario=scenario, csv=numbers)
    rows = board(tmp_path).rows
    assert rows[0].predicted == pytest.approx(math.exp(-K / 4), rel=1e-4)
    assert rows[1].predicted == pytest.approx(math.exp(K / 4), rel=1e-4)


def test_the_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    made = board(tmp_path)
    again = validate.read_csv(validate.write_csv(made, tmp_path / "s.csv"))
    assert [r.dataset for r in again] == [r.dataset for r in made.rows]
    assert again[0].predicted == pytest.approx(made.rows[0].predicted, rel=1e-5)
    assert again[0].covered == made.rows[0].covered
    first = (tmp_path / "s.csv").read_text().splitlines()[0]
    assert first.startswith(
        "dataset,condition,x,observed,predicted,low,high,fold_error,covered,interval_score,used_for"
    )


def test_a_library_shows_what_it_moves(tmp_path: Path) -> None:
    """A modeller's own two files for the liver move the predictions that hang on it."""
    package = Path(exocast.__file__).parent
    own = tmp_path / "own" / "body"
    own.mkdir(parents=True)
    (own / "liver.ant").write_text((package / "body" / "liver.ant").read_text())
    with (package / "body" / "liver.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    with (own / "liver.csv").open("w", newline="", encoding="utf-8") as file:
        for line in lines:
            hungrier = [*line[:2], "2", *line[3:]] if line[0] == "avidity" else line
            csv.writer(file, lineterminator="\n").writerow(hungrier)
    out = tmp_path / "out"
    made = exocast.validate(
        only=["willekens2005_rat"], library=tmp_path / "own", worlds=20, out=out
    )
    moved = made.record()["moved"]
    assert {"blood", "liver"} <= {m["condition"] for m in moved}
    liver = next(m for m in moved if m["condition"] == "liver")
    assert liver["predicted"] > 1.05 * liver["predicted_before"]
    assert "predictions differ from those of the package's own model" in made.summary()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 2 and "What your library moves" in page
    assert (out / "scoreboard.csv").is_file()


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    library = toy(tmp_path / "library")
    data = triplet(tmp_path / "data")
    asked = ["validate", "--data", str(data), "--library", str(library), "--worlds", "10"]
    called = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "out")])
    assert called.exit_code == 0, called.output
    assert "Of 3 numbers that no part of the model was built from" in called.stdout
    assert called.stdout.strip().endswith("report.html")
    called = CliRunner().invoke(app, [*asked, "--only", "tay"])
    assert called.exit_code == 65
    assert "Did you mean 'toy'?" in called.stderr


def test_worlds_with_a_failed_run_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate = experiment._simulate_arm

    def broken(*given: Any) -> Any:
        run = simulate(*given)
        values = {
            k: np.where(np.arange(len(v))[:, None] == 0, np.nan, v) for k, v in run.values.items()
        }
        failed = np.arange(len(run.failed)) == 0
        return dataclasses.replace(run, values=values, failed=failed)

    monkeypatch.setattr(experiment, "_simulate_arm", broken)
    made = board(tmp_path)
    assert made.rows[0].failed_worlds == 1
    assert math.isfinite(made.rows[0].predicted)
    from exocast.report.scoreboard import tell

    said = [word for s in tell(made).sections for word in s.words]
    assert "1 of 40 runs failed; their worlds are left out." in said


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "howto-validate.md"
    text = page.read_text(encoding="utf-8")
    numbers = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    origin, scenario = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    for ending, content in ((".csv", numbers[0]), (".yaml", origin), (".scenario.yaml", scenario)):
        (tmp_path / f"mouse_liver{ending}").write_text(content, encoding="utf-8")
    rows = validate.validate(tmp_path, worlds=12).rows
    assert [row.condition for row in rows] == ["liver", "half-life"]
    for row in rows:
        assert row.low < row.predicted < row.high
        assert row.failed_worlds == 0 and row.unread_worlds < 6
