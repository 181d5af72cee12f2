"""From the assay to people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exocast.engine import assemble
from exocast.errors import TableError
from exocast.evidence.chance import draw
from exocast.evidence.rows import package_table
from exocast.patient import effect
from exocast.patient.forecast import full_ln_fall
from exocast.patient.population import per_logit


def chain(prior: str = "default"):
    return {row.key: row for row in effect.rows(prior)}


def test_default_prior_has_mass_at_zero_and_a_shrunk_favourable_slab() -> None:
    table = package_table("patient", "effect")
    rows = chain()
    # Grade C multiplies the weight by 0.6, grade E the centre by 0.2; the spread stays.
    assert rows[effect.WEIGHT].value == pytest.approx(0.6 * table["translation.slab_weight"].value)
    assert rows[effect.SLAB].value == pytest.approx(0.2 * table["translation.slab"].value)
    values = draw(effect.rows(), seed=1, worlds=20_000, patients=1)
    slab = values[effect.SLAB]
    assert slab.std() == pytest.approx(table["translation.slab"].spread[0], rel=0.03)
    share = effect.translation(values)
    assert (share == 0).mean() == pytest.approx(0.70, abs=0.01)


def test_literature_prior_takes_the_report_at_face_value() -> None:
    rows = chain("literature")
    assert rows[effect.WEIGHT].value == 1
    assert rows[effect.SLAB].value == 1
    values = draw(effect.rows("literature"), seed=1, worlds=4000, patients=1)
    assert np.all(effect.translation(values) == 1)
    # 1.45 SD of 24 mm where the synovium is calmed as at full engagement (ln-fall 1.577).
    shift = effect.pain_shift(np.full((4000, 1, 1), -1.577), values)
    millimetres = -shift * per_logit(32.0, 24.0)
    assert np.median(millimetres) == pytest.approx(1.45 * 24, rel=0.03)


def test_an_inert_treatment_shifts_nothing() -> None:
    values = draw(effect.rows(), seed=1, worlds=50, patients=3)
    assert np.all(effect.pain_shift(np.zeros((50, 3, 4)), values) == 0)


def test_a_calmer_synovium_hurts_less() -> None:
    values = draw(effect.rows(), seed=1, worlds=50, patients=3)
    shift = effect.pain_shift(np.full((50, 3, 1), -0.5), values)
    assert np.all(shift < 0)
    gain, sd = values[effect.GAIN], values[effect.PAIN_SD]
    assert shift[..., 0] == pytest.approx(-0.5 * gain * sd / per_logit(32.0, sd))


def test_the_prior_says_what_it_is_and_where_it_comes_from() -> None:
    prior = effect.prior()
    assert prior.p_zero == pytest.approx(0.70)
    assert 0.02 < prior.p_smd_05 < prior.p_smd_02 < 0.15
    assert "probability 0.70 that there is no effect" in prior.text
    for key in prior.rows:
        assert key.removeprefix("effect.") in prior.text
    literature = effect.prior(name="literature")
    assert literature.p_zero == 0
    assert literature.p_smd_02 > 0.99
    assert literature.p_smd_05 > 0.6


def test_the_prior_follows_what_the_tissue_makes_of_the_assay() -> None:
    assert effect.prior(ln_fall_full=0.0).p_smd_02 == 0
    half = effect.prior(ln_fall_full=lambda asked: 0.5 * asked)
    assert half.p_smd_02 < effect.prior().p_smd_02
    assert effect.prior(ln_fall_full=3.0).p_smd_02 > effect.prior().p_smd_02


def test_harm_is_possible_and_is_not_shrunk_away() -> None:
    values = draw(effect.rows(), seed=2, worlds=5000, patients=1)
    assert (effect.translation(values) < 0).mean() > 0.05
    slab = package_table("patient", "effect")["translation.slab"]
    harmful = replace(slab, value=-0.4, grade="E")
    (row,) = effect.shrink([harmful])
    assert row.value == -0.4


def test_rows_that_cannot_be_shrunk_are_refused() -> None:
    table = package_table("patient", "effect")
    with pytest.raises(TableError, match="a slab takes sd, se or fixed"):
        effect.shrink([replace(table["translation.slab"], spread_kind="log_sd")])
    with pytest.raises(TableError, match="between 0 and 1"):
        effect.shrink([replace(table["translation.slab_weight"], value=1.5)])


def test_the_literature_gain_gives_the_reported_effect_at_full_engagement() -> None:
    """Pooled pain of cell trials at face value, -1.45 SD (iijima2018, abstract)."""
    table = package_table("patient", "effect")
    fall = full_ln_fall(assemble("knee", condition="knee_oa"))
    asked = np.array([table["assay.max_ln_fall.literature"].value])
    assert table["pain_gain.literature"].value * fall(asked)[0] == pytest.approx(1.45, abs=0.02)
    assert table["assay.max_ln_fall"].value == pytest.approx(-np.log(1 - 0.60), abs=0.001)
