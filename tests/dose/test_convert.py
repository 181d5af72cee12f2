"""A dose is converted through the vial's own ratios, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from exocast.dose import detected_particles, dose_unit, injection_volume_ml, intended_particles
from exocast.errors import DoseError, InvalidInput, UnitError
from exocast.vial import fraction_at_needle

PROTEIN = {"protein": {"concentration": "12 ug/mL"}}
CELLS = {"cell_equivalents": {"concentration": "4e6 cell/mL"}}


def test_particles_are_drawn_up_by_the_central_estimate(vial, regimen):
    v = vial()
    volume = injection_volume_ml(regimen("2e10 particle"), v)
    assert volume == pytest.approx(2e10 / v.concentration_per_ml)
    assert intended_particles(regimen("2e10 particle"), v) == pytest.approx(2e10)


@pytest.mark.parametrize(
    ("dose", "fields", "volume_ml"),
    [
        ("6 ug", PROTEIN, 0.5),
        ("0.006 mg", PROTEIN, 0.5),
        ("1e6 cell", CELLS, 0.25),
        ("0.3 mL", {}, 0.3),
        ("300 uL", {}, 0.3),
        ("1 vial", {}, 1.0),
        ("0.5 vial", {}, 0.5),
    ],
)
def test_every_unit_becomes_a_volume(vial, regimen, dose, fields, volume_ml):
    assert injection_volume_ml(regimen(dose), vial(**fields)) == pytest.approx(volume_ml)


def test_unit_of_the_dose_does_not_matter(vial, regimen):
    v = vial(**PROTEIN, **CELLS)
    same = ["0.25 mL", "0.25 vial", "3 ug", "1e6 cell", f"{0.25 * v.concentration_per_ml} particle"]
    assert [injection_volume_ml(regimen(d), v) for d in same] == pytest.approx([0.25] * 5)


@pytest.mark.parametrize(
    ("dose", "field"),
    [("20 ug", "vial.protein.concentration"), ("1e6 cell", "vial.cell_equivalents.concentration")],
)
def test_ratio_that_the_vial_lacks_is_named_and_not_borrowed(vial, regimen, dose, field):
    with pytest.raises(DoseError, match=field) as e:
        injection_volume_ml(regimen(dose), vial())
    assert e.value.code == "RATIO_MISSING"
    assert e.value.where == "regimen.dose"


def test_purity_of_the_population_never_converts_a_dose(vial, regimen):
    v = vial()
    assert "purity" in v.filled
    with pytest.raises(DoseError, match="never used"):
        intended_particles(regimen("20 ug"), v)


@pytest.mark.parametrize("dose", ["2e11 particle", "1.1 mL", "2 vial", "1e20 particle"])
def test_more_than_a_vial_holds_is_refused(vial, regimen, dose):
    with pytest.raises(DoseError, match="a vial holds 1 mL"):
        injection_volume_ml(regimen(dose), vial())


def test_whole_vial_is_not_more_than_it_holds(vial, regimen):
    v = vial()
    assert injection_volume_ml(regimen(f"{v.concentration_per_ml} particle"), v) <= 1.0


def test_missing_volume_is_asked_for(vial, regimen):
    with pytest.raises(InvalidInput, match=r"vial\.volume.*--volume"):
        injection_volume_ml(regimen(), vial(volume=None))


def test_vial_that_nobody_counted_gives_no_dose(vial, regimen):
    with pytest.raises(DoseError, match="nobody counted"):
        injection_volume_ml(regimen(), vial(file=None))


def test_zero_particles_is_the_procedure_and_needs_nothing(vial, regimen, values):
    v = vial(file=None, volume=None)
    assert injection_volume_ml(regimen("0 particle"), v) == 0
    assert intended_particles(regimen("0 particle"), v) == 0
    found = detected_particles(regimen("0 particle"), v, values(v))
    assert found.shape == (40, 5)
    assert (found == 0).all()


@pytest.mark.parametrize(
    ("dose", "error", "words"),
    [
        ("-1e10 particle", DoseError, "negative"),
        ("0 mL", DoseError, "0 particle"),
        ("0 ug", DoseError, "0 particle"),
        ("1e10", UnitError, "no unit"),
        ("many particles", UnitError, "start with a number"),
        ("inf particle", UnitError, "finite"),
        ("nan particle", UnitError, "finite"),
        ("1e10 partikel", UnitError, "Did you mean 'particle'"),
        ("5 kg/m^2", DoseError, "no dose of vesicles"),
        ("3 day", DoseError, "no dose of vesicles"),
    ],
)
def test_impossible_doses_are_refused(dose, error, words):
    with pytest.raises(error, match=words):
        dose_unit(dose)


def test_true_content_differs_from_the_label_by_what_is_not_known(vial, regimen, values):
    v = vial()
    drawn = values(v)
    found = detected_particles(regimen("2e10 particle"), v, drawn)
    assert found == pytest.approx(2e10 * drawn["vial.concentration"] / v.concentration_per_ml)
    assert np.std(np.log(found)) > 0.1


def test_needle_dose_is_never_more_than_what_was_drawn_up(vial, regimen, values):
    v = vial(storage=[{"temperature": "-80 degC", "duration": "60 day"}, {"thaw": 1}])
    drawn = values(v)
    r = regimen("2e10 particle")
    given = detected_particles(r, v, drawn) * (
        fraction_at_needle(v, drawn, injection_volume_ml(r, v)).fraction
    )
    assert (given < detected_particles(r, v, drawn)).all()
    assert 0.4 < np.median(given) / 2e10 < 0.9
