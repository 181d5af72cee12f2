"""A vial from its description: rows, labels, what is filled in and what is asked for."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from exocast.errors import InstrumentFileError, InvalidInput, UnitError, UnknownName
from exocast.evidence.chance import draw
from exocast.evidence.rows import package_table
from exocast.vial import (
    VialDescription,
    containers,
    load_vial,
    particles_per_ug,
    population_rows,
    vial_volume_ml,
)
from exocast.vial.vial import Syringe


@pytest.fixture
def make(summary):
    """A vial of 6e10 particles per mL; fields of the description as keywords."""

    def load(*, options=None, written=None, **fields):
        path = summary(**(written or {}))
        given = {"file": path.name, "dilution": 200, "volume": "1 mL", "contents": "vesicles"}
        given |= fields
        return load_vial(VialDescription.model_validate(given), path.parent, **(options or {}))

    return load


def row(vial, name):
    (found,) = [r for r in vial.rows if r.id == name]
    return found


def codes(vial):
    return [w.code for w in vial.warnings]


def test_measured_vial_carries_its_rows(make):
    vial = make()
    assert {r.key for r in vial.rows} == {
        "vial.concentration",
        "vial.concentration.between",
        "vial.size_median",
        "vial.size_log_sd",
        "vial.purity",
        "vial.potency_relative",
    }
    assert row(vial, "concentration").value == pytest.approx(200 * math.sqrt(3.1e8 * 3.0e8))
    assert row(vial, "concentration").varies == "uncertain"
    assert row(vial, "concentration.between").varies == "vial"
    assert vial.label == ""


def test_repeated_runs_widen_what_captures_say(make):
    vial = make()
    row_ = package_table("vial", "population")["run_spread"]
    # What the source states is the root mean square of what the row draws, which has a tail.
    run = row_.value * math.exp((1.3 * row_.spread[0]) ** 2)
    assert run == pytest.approx(0.22, abs=0.001)
    inside = vial.measurement.concentration.log_sd
    assert row(vial, "concentration").spread[0] == pytest.approx(math.hypot(inside, run), rel=1e-6)


def test_draws_of_a_vial_have_the_shape_of_worlds_and_patients(make):
    vial = make()
    values = draw(vial.rows, seed=1, worlds=300, patients=40)
    drawn = values["vial.concentration"]
    assert drawn.shape == (300, 40)
    assert np.median(drawn) == pytest.approx(vial.concentration_per_ml, rel=0.1)
    # Vials of one lot differ between patients; the world's centre is shared.
    assert np.log(drawn).std(axis=1).mean() == pytest.approx(0.15, abs=0.06)


def test_missing_descriptions_are_filled_from_the_population_and_listed(make):
    vial = make(written={"weightings": ("Volume",)})
    assert vial.filled == ("size_median", "size_log_sd", "purity", "potency_relative")
    population = {r.id: r for r in population_rows()}
    for name in vial.filled:
        assert row(vial, name).value == population[name].value
        assert "not measured for this vial" in row(vial, name).note


def test_what_is_measured_is_not_filled(make):
    vial = make(
        protein={"concentration": "12 ug/mL"},
        cell_equivalents={"concentration": "4e6 cell/mL"},
        potency={"relative": 0.8, "low": 0.5, "high": 1.3, "assay": "NF-kB"},
    )
    assert vial.filled == ()
    assert row(vial, "protein").value == 12
    assert row(vial, "cells").value == 4e6
    assert row(vial, "potency_relative").spread[0] == pytest.approx(math.log(1.3 / 0.5) / 3.92)


def test_purity_is_measured_with_a_protein_assay_and_drawn_without(make):
    for fields, wanted in (({"protein": {"concentration": "12 ug/mL"}}, 6.1e10 / 12), ({}, None)):
        vial = make(**fields)
        values = draw(vial.rows, seed=1, worlds=2000, patients=1)
        found = np.median(particles_per_ug(vial, values))
        assert found == pytest.approx(wanted or np.median(values["vial.purity"]), rel=0.15)


def test_unknown_dilution_stops_the_forecast_and_the_option_answers_it(make):
    with pytest.raises(InstrumentFileError, match="Nothing was assumed"):
        make(dilution=None)
    found = make(dilution=None, options={"dilution": 50})
    assert found.concentration_per_ml == pytest.approx(50 * math.sqrt(3.1e8 * 3.0e8))


def test_options_win_over_the_description(make):
    vial = make(options={"dilution": 10, "volume": "3mL"})
    assert vial.volume_ml == 3
    assert vial.concentration_per_ml == pytest.approx(10 * math.sqrt(3.1e8 * 3.0e8))


def test_missing_volume_is_asked_for_by_field_and_option(make):
    vial = make(volume=None)
    with pytest.raises(InvalidInput, match=r"vial\.volume.*--volume") as e:
        vial_volume_ml(vial)
    assert e.value.code == "VOLUME_MISSING"


@pytest.mark.parametrize("text", ["0 mL", "-1 mL"])
def test_empty_vial_is_refused(make, text):
    with pytest.raises(InvalidInput, match="empty"):
        make(options={"volume": text})


def test_volume_of_another_dimension_is_refused(make):
    with pytest.raises(UnitError, match="mL"):
        make(options={"volume": "1 mg"})


# Beads and unidentified particles ----------------------------------------------------------------


def test_beads_are_refused_and_labelled_when_taken_as_vesicles(make):
    with pytest.raises(InvalidInput, match=r"calibration beads.*--assume-vesicles") as e:
        make(contents="beads")
    assert e.value.code == "NOT_VESICLES"
    vial = make(contents="beads", options={"assume_vesicles": True})
    assert vial.label == "Calibration beads, forecast as if they were vesicles"


def test_unidentified_particles_are_refused_and_labelled(make):
    for contents in (None, "unknown"):
        with pytest.raises(InvalidInput, match="nobody identified"):
            make(contents=contents)
        vial = make(contents=contents, options={"assume_vesicles": True})
        assert "Unidentified particles" in vial.label
        assert vial.contents == "unknown"


@pytest.mark.parametrize("said", ["100nmbeads", "polystyrene 200 nm", "bead standard"])
def test_beads_in_the_files_own_words_win_over_the_scenario(make, said):
    with pytest.raises(InvalidInput, match="calibration beads"):
        make(written={"description": said})
    vial = make(written={"description": said}, options={"assume_vesicles": True})
    assert vial.label.startswith("Calibration beads")
    assert "CONTENTS_DOUBTFUL" in codes(vial)


def test_vesicles_isolated_with_beads_are_vesicles(make):
    assert make(written={"description": "EV isolated on CD63 beads"}).label == ""


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("beads_nta34-ExperimentSummary.csv", {}),
        (
            "beads_nta32_combined12-ExperimentSummary.csv",
            {"sample": "std_10000_yes_1", "dilution": 1e4},
        ),
    ],
)
def test_real_exports_are_labelled_as_beads(reference, name, options):
    description = VialDescription(file=name, volume="1 mL")
    folder = reference / "samples" / "nanosight_nta"
    with pytest.raises(InvalidInput, match="calibration beads"):
        load_vial(description, folder, **options)
    vial = load_vial(description, folder, assume_vesicles=True, **options)
    assert vial.label == "Calibration beads, forecast as if they were vesicles"
    assert vial.contents == "beads"


# Descriptions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"volum": "1 mL"}, "volum"),
        ({"volume": "1"}, "no unit"),
        ({"volume": 1}, "string"),
        ({"volume": "1 kg"}, "kilogram|mL"),
        ({"volume": "0 mL"}, "more than zero"),
        ({"dilution": 0}, "1 or more"),
        ({"dilution": math.inf}, "1 or more"),
        ({"contents": "exosomes"}, "vesicles"),
        ({"container": "polypropilene"}, "Did you mean 'polypropylene'"),
        ({"protein": {"concentration": "12 mL"}}, "ug/mL"),
        ({"potency": {"relative": 1, "low": 2, "high": 3, "assay": "x"}}, "between"),
        ({"storage": [{"temperature": "-80 degC"}]}, "either 'temperature' and 'duration'"),
        ({"storage": [{"thaw": 1, "duration": "2 day"}]}, "either"),
        ({"storage": [{"temperature": "cold", "duration": "2 day"}]}, "does not start"),
        ({"storage": [{"temperature": "4 degC", "duration": "-2 day"}]}, "zero or more"),
        ({"syringe": {"dead_space": "-1 mL"}}, "zero or more"),
    ],
)
def test_description_that_cannot_be_is_refused(fields, words):
    with pytest.raises(ValidationError, match=words):
        VialDescription.model_validate({"file": "x.csv", **fields})


def test_containers_are_those_with_a_row():
    assert containers() == ("polypropylene", "low_binding", "glass")
    assert VialDescription(container="low-binding").container == "low_binding"


def test_unknown_product_offers_the_nearest(make):
    with pytest.raises(UnknownName, match="Did you mean 'msc_ev'"):
        make(product="msc_evs")


def test_vial_without_a_file_has_no_count():
    vial = load_vial(VialDescription(volume="1 mL"), Path())
    assert vial.measurement is None
    assert vial.concentration_per_ml is None
    assert "vial.concentration" not in {r.key for r in vial.rows}


def test_volumes_that_no_vial_or_syringe_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="larger than 1000 mL"):
        load_vial(VialDescription(contents="vesicles", volume="1e9 L"), tmp_path)
    with pytest.raises(InvalidInput, match="larger than 1000 mL"):
        load_vial(VialDescription(contents="vesicles"), tmp_path, volume="2 L")
    with pytest.raises(ValueError, match="more than 60 mL for one injection"):
        Syringe(volume="2 L")
