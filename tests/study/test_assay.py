"""Assays simulated as a laboratory runs them: controls, shares of cargo, thresholds, curves."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

import exocast
from exocast import engine
from exocast.errors import ExocastError, InvalidInput, NotFound, UnknownName
from exocast.evidence.rows import package_table
from exocast.study.assay import (
    CLASSES,
    SIZES,
    Assay,
    Assayed,
    Cells,
    assay,
    lay_out,
    load,
    names,
    prepare,
    run_wells,
    typical_batch,
)
from exocast.study.potency import (
    Learnt,
    effective,
    forecast_rows,
    learn,
    read_curve,
    write_rows,
)
from exocast.vial.vial import CURVE_ROWS

Array = NDArray[np.float64]

QUICK = "tube_formation"  # the assay whose model is the quickest
DOSES = (0, 100, 1000, 1e4, 1e5)


@functools.cache
def made(name: str = QUICK, worlds: int = 24) -> Assayed:
    return assay(load(name), worlds=worlds)


# One assay a kind of cell; all of them with EXOCAST_FULL.
RUN = ("macrophage_lps", "t_cell_suppression", "chondrocyte_il1", "scratch")


@pytest.mark.parametrize("name", names() if os.environ.get("EXOCAST_FULL") else RUN)
def test_an_assay_of_the_package_runs_and_its_controls_stand_apart(name: str) -> None:
    chosen = load(name)
    short = chosen.model_copy(update={"per_cell": DOSES})
    found = assay(short, worlds=6)
    assert not found.failed.any()
    for response in found.responses.values():
        assert np.isfinite(response.values).all() and (response.values > 0).all()
        for label, values in response.controls.items():
            assert not np.allclose(values, response.values[:, 0], rtol=1e-3), label


def test_no_vesicles_are_the_untreated_well_and_inactive_worlds_are_flat() -> None:
    found = made()
    effect = found.main.effect
    assert np.all(effect[:, 0] == 0)
    off = found.drawn["acting.acts"] == 0
    assert off.any() and (~off).any()
    assert np.abs(effect[off]).max() < 1e-3  # what miRNA does at these copies
    assert np.abs(effect[~off, -1]).max() > 0.01


def test_more_vesicles_never_do_less() -> None:
    effect = np.abs(made().main.effect)
    assert (np.diff(effect, axis=1) > -2e-3).all()


def test_shares_of_cargo_add_up_and_follow_the_structure() -> None:
    found = made()
    shares = found.main.shares
    seen = np.isfinite(shares[CLASSES[0]])
    assert seen.any()
    assert sum(shares[c][seen] for c in CLASSES) == pytest.approx(1.0, abs=1e-9)
    by_soluble = found.drawn["acting.soluble_carries"] == 1
    assert shares["soluble"][seen & by_soluble] == pytest.approx(1.0, abs=0.02)
    assert shares["ligands"][seen & ~by_soluble] == pytest.approx(1.0, abs=0.02)


def test_the_mirna_threshold_is_reached_by_loaded_vesicles_only() -> None:
    threshold = made().threshold
    assert threshold is not None
    copies, needed = threshold
    assert (copies[:, -1] < needed).mean() > 0.95
    plate = prepare(load(QUICK), typical_batch(), worlds=2)
    loaded = {**plate.drawn}
    loaded["cargo.rna_copies"] = np.full(2, 1e4)
    loaded["uptake.opened_share"] = np.full(2, 0.1)
    wells, failed = run_wells(
        replace(plate, drawn=loaded),
        per_cell=np.array([1e4, 1e4]),
        worlds=np.array([0, 1]),
        numbers={},
    )
    assert not failed.any() and (wells["mirna"] > needed.min()).all()


def test_the_same_seed_gives_the_same_wells_and_more_worlds_leave_the_first_as_they_are() -> None:
    few, more = made(worlds=6), made(worlds=24)
    assert np.array_equal(few.main.values, more.main.values[:6])


def test_a_name_that_is_not_there_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="tube_formation"):
        load("tube_formtion")
    with pytest.raises(NotFound):
        load("my/own.yaml")


def test_an_assay_file_is_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    text = (Path(exocast.__file__).parent / f"study/assays/{QUICK}.yaml").read_text("utf-8")
    for old, new, words in (
        ("main: length", "main: lenght", "length"),
        ("observe: tube_length,", "observe: tube_lenght,", "tube_length"),
        ("noise: image", "noise: imag", "image"),
        ("route: vegf", "route: vegg", "vegf"),
        ("per_cell: [0,", "per_cell: [1,", "ascends from 0"),
        ("threshold: pten.half_copies", "threshold: pten.half_copis", "half_copies"),
    ):
        assert old in text
        path = tmp_path / "mine.yaml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(ExocastError, match=words):
            assay(load(path), worlds=2)


def test_a_curve_that_leaves_it_open_weighs_less_in_a_forecast() -> None:
    from exocast.patient import effect

    chain = effect.rows()
    curve = [replace(chain[0], id="assay.acts", value=0.6, table="effect", varies="constant")]
    found = {row.key: row for row in effect.with_curve(chain, curve)}
    plain = {row.key: row for row in chain}
    assert found[effect.WEIGHT].value == pytest.approx(0.6 * plain[effect.WEIGHT].value)
    assert effect.with_curve(chain, ()) == chain


def on_cells(per_cell: float, cells: float, medium: float) -> tuple[Array, Array]:
    """Most vesicles on a cell of a well, and at half effect in a knee if that dose has it.

    Both in the same worlds, ``(worlds,)``; ``medium`` in mL.
    """
    chosen = load("macrophage_lps").model_copy(
        update={"cells": Cells(amount=f"{cells:g} cell", text=""), "medium": f"{medium} mL"}
    )
    plate = prepare(chosen, typical_batch(), worlds=8)
    wells = lay_out(
        plate, per_cell=np.full(8, per_cell), worlds=np.arange(8), numbers={}, stimuli=[]
    )
    well = engine.compile(wells.sbml, varied=wells.varied, observe=("surface_per_cell",)).run(
        np.linspace(0.0, 2.0, 25), varied=wells.numbers, doses=wells.doses
    )
    knee = engine.assemble("knee")
    numbers = {
        i: plate.drawn[key] for i, key in knee.origins.items() if key.startswith("uptake.")
    } | {
        "knee_signal_ec50_per_cell": np.full(8, per_cell),
        "knee_assay_cells_per_ml": np.full(8, cells / medium),
        **{
            f"knee_assay_{name}_share": np.full(8, share)
            for name, share in zip(SIZES, plate.shares, strict=True)
        },
    }
    tissue = engine.compile(knee.sbml, varied=tuple(numbers), observe=("knee_half_surface",)).run(
        np.array([0.0]), varied=np.column_stack(list(numbers.values()))
    )
    return well.values[:, :, 0].max(axis=1), tissue.values[:, 0, 0]


@pytest.mark.parametrize(("cells", "medium"), [(2e4, 0.2), (1e5, 0.2), (2e4, 0.1)])
def test_half_effect_is_one_number_on_a_cell_in_a_well_and_in_a_knee(
    cells: float, medium: float
) -> None:
    well, knee = on_cells(300.0, cells, medium)
    assert well.min() < 0.5 * well.max()  # worlds take up by other amounts
    # What is digested before a well has settled makes its most a little less: below a tenth.
    assert (well < knee).all()
    assert (well > 0.9 * knee).all()


def test_half_effect_at_large_is_the_same_row_in_wells_and_forecasts() -> None:
    from exocast.patient import effect

    chain = {row.key: row for row in effect.rows()}
    knee = engine.assemble("knee")
    numbers = {
        "knee_signal_ec50_per_cell": chain[effect.EC50].value,
        "knee_assay_cells_per_ml": chain[effect.CELLS_PER_ML].value,
    }
    found = engine.compile(knee.sbml, varied=tuple(numbers), observe=("knee_half_surface",)).run(
        np.array([0.0]), varied=np.array([list(numbers.values())])
    )
    in_wells = package_table("cell", "acting")["half_surface"].value
    assert found.values[0, 0, 0] == pytest.approx(in_wells, rel=0.05)


def test_a_potency_table_that_is_none_is_refused(tmp_path: Path) -> None:
    from exocast.vial import VialDescription, load_vial

    def vial(text: str) -> None:
        (tmp_path / "p.csv").write_text(text, encoding="utf-8")
        load_vial(VialDescription(curve="p.csv"), tmp_path)

    head = "id,meaning,value,unit,spread,spread_kind,varies,system,source,place,grade,note\n"
    rows = {
        "assay.ec50_per_cell": "half,300,1,0.4,log_sd,uncertain,cells,measured,here,B,",
        "assay.cells_per_ml": "density,1e5,item/mL,,fixed,constant,cells,measured,here,B,its own",
        "assay.max_ln_fall": "fall,0.6,1,0.1,log_sd,uncertain,cells,measured,here,B,",
        "assay.correlation": "together,0.5,1,,fixed,constant,cells,measured,here,B,its own",
        "assay.acts": "acts,0.9,1,,fixed,constant,cells,measured,here,B,its own",
    }
    whole = head + "".join(f"{name},{rest}\n" for name, rest in rows.items())
    vial(whole)
    with pytest.raises(InvalidInput, match=r"holds assay\.ec50_per_cell"):
        vial(head + "".join(f"{name},{rest}\n" for name, rest in list(rows.items())[:2]))
    with pytest.raises(InvalidInput, match="chance of 0 to 1"):
        vial(whole.replace("acts,0.9", "acts,1.9"))
    with pytest.raises(InvalidInput, match="between -1 and 1"):
        vial(whole.replace("together,0.5", "together,-1"))


def test_the_unit_of_the_response_does_not_matter(tmp_path: Path) -> None:
    known = {name: load(name) for name in names()}
    path = curve_file(tmp_path, ec50=2000.0, span=0.25)
    one = read_curve(path, known, QUICK)[0]
    other = replace(one, logs=one.logs + np.log(1e4))
    first, second = (learn([m], known, seed=1) for m in (one, other))
    for a, b in zip(first.structures, second.structures, strict=True):
        assert a.weight == pytest.approx(b.weight, abs=1e-6)


# Measured curves ----------------------------------------------------------------------------------


def curve_file(folder: Path, ec50: float, span: float, sd: float = 0.03, seed: int = 2) -> Path:
    """A made laboratory: six wells a dose about a known curve."""
    rng = np.random.default_rng(seed)
    lines = ["vesicles_per_cell,response"]
    for dose in (0, 100, 300, 1000, 3000, 1e4, 3e4, 1e5):
        log = np.log(40.0) + span * (dose / (dose + ec50))
        lines += [f"{dose:g},{np.exp(log + rng.normal(0, sd)):.5g}" for _ in range(6)]
    path = folder / "curve.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    known = {name: load(name) for name in names()}
    path = curve_file(tmp_path_factory.mktemp("curve"), ec50=2000.0, span=0.25)
    return learn(read_curve(path, known, QUICK), known)


def test_a_measured_curve_is_found_again(learnt: Learnt) -> None:
    ec50, span = learnt.ec50[QUICK], learnt.span[QUICK]
    assert learnt.active > 0.99
    low, high = np.nanquantile(ec50, [0.025, 0.975])
    assert low < 2000 < high
    low, high = np.nanquantile(span, [0.025, 0.975])
    assert low < 0.25 < high and high - low < 0.2


def test_a_product_that_acts_is_told_from_one_that_does_not(learnt: Learnt) -> None:
    by = {s.switches["acting.acts"]: 0.0 for s in learnt.structures}
    for each in learnt.structures:
        by[each.switches["acting.acts"]] += each.weight
    assert by[1.0] > 0.99
    assert sum(s.prior for s in learnt.structures) == pytest.approx(1.0)
    assert sum(s.weight for s in learnt.structures) == pytest.approx(1.0)


def test_the_band_after_is_narrower_than_before_and_holds_the_points(learnt: Learnt) -> None:
    before, after = learnt.predicted[QUICK]
    assert (after[2, 1:] - after[0, 1:] < before[2, 1:] - before[0, 1:]).all()


def test_laplace_and_the_sampler_agree_where_the_data_speak(learnt: Learnt) -> None:
    heavy = learnt.structures[0]
    mine = learnt.samples[learnt.sampled == 0]
    for i, sd in enumerate(heavy.fit.sd):
        if sd < 0.5:
            assert mine[:, i].mean() == pytest.approx(heavy.fit.mode[i], abs=1.5 * sd + 0.1)


def test_the_page_says_what_the_sampler_is_and_when_a_fit_did_not_settle(learnt: Learnt) -> None:
    from exocast.report.assay import TOO_FEW, UNSETTLED, tell

    def words(given: Learnt) -> str:
        section = next(s for s in tell(made(), given).sections if s.key == "learnt")
        return " ".join(section.words)

    settled = replace(
        learnt,
        structures=tuple(replace(s, fit=replace(s.fit, converged=True)) for s in learnt.structures),
    )
    first = learnt.structures[0]
    rough = replace(
        learnt,
        structures=(
            replace(first, fit=replace(first.fit, converged=False)),
            *learnt.structures[1:],
        ),
    )
    assert "is no proof" in words(settled) and UNSETTLED not in words(settled)
    assert UNSETTLED in words(rough)
    assert TOO_FEW not in words(learnt)
    assert f"worth {learnt.effective:.0f} independent" in words(learnt)
    assert TOO_FEW in words(replace(learnt, effective=40.0))


def test_page_and_record_say_when_starts_disagree_and_samples_are_few(learnt: Learnt) -> None:
    from exocast.report.assay import record, tell
    from exocast.report.envelopes import LearntRecord

    def with_ends(*ends: float) -> Learnt:
        fitted = [replace(s, fit=replace(s.fit, ends=ends)) for s in learnt.structures]
        return replace(learnt, structures=tuple(fitted))

    def words(given: Learnt) -> str:
        section = next(s for s in tell(made(), given).sections if s.key == "learnt")
        return " ".join(section.words)

    def told(given: Learnt) -> LearntRecord:
        return LearntRecord.model_validate(record(made(), given)["measured"])

    split = with_ends(2 * np.log(40), 0.0, np.inf)
    assert "as deep as each other" in words(with_ends(0.0, 0.2, 0.0))
    assert "Starts disagree" in words(split) and "40 times less probable" in words(split)
    assert "cannot be run" in words(with_ends(0.0, np.inf))
    assert (told(split).structures[0].starts, told(split).structures[0].starts_apart) == (3, 2)
    assert told(learnt).sampler.independent_samples == learnt.effective
    assert not told(learnt).sampler.too_few
    assert told(replace(learnt, effective=40.0)).sampler.too_few


def test_samples_are_worth_what_they_are() -> None:
    rng = np.random.default_rng(1)
    fresh = rng.standard_normal((200, 50, 3))
    assert effective(fresh) == pytest.approx(200 * 50, rel=0.5)
    # Walkers that stay where they started are one sample each; one number that sticks is enough.
    stuck = fresh.copy()
    stuck[:, :, 1] = rng.standard_normal(50)
    assert effective(stuck) == pytest.approx(50, rel=0.05)
    # An autoregression of known length: (1 + r) / (1 - r) steps to one.
    r, slow = 0.9, np.empty((500, 400, 1))
    slow[0] = rng.standard_normal((400, 1))
    for step in range(1, len(slow)):
        slow[step] = r * slow[step - 1] + np.sqrt(1 - r**2) * rng.standard_normal((400, 1))
    # Of 400 walkers the scatter of their means is known to 7 %.
    assert effective(slow) == pytest.approx(500 * 400 * (1 - r) / (1 + r), rel=0.21)


def test_a_curve_may_be_explained_by_mirna_which_has_no_slope_at_the_centre(
    tmp_path: Path,
) -> None:
    name = "t_cell_suppression"
    known = {each: load(each) for each in names()}
    curve = curve_file(tmp_path, ec50=6e4, span=-0.6)
    found = learn(read_curve(curve, known, name), known)
    others = [s for s in found.structures if s.switches["acting.acts"] == 0.0]
    best = max(others, key=lambda s: s.weight)
    assert best.fit.start > 0  # the centre's own descent finds nothing
    assert best.fit.misfit < 2 * len(found.measured[0].doses) < best.fit.misfit_before
    # It takes numbers so unlikely that hardly anything is left of it.
    moved = dict(zip(found.names, best.fit.mode, strict=True))
    assert moved["cargo.rna_copies"] > 2
    assert best.fit.mode @ best.fit.mode > 10
    assert best.weight < 0.01


def test_an_assay_without_a_chain_to_people_carries_nothing(learnt: Learnt) -> None:
    with pytest.raises(InvalidInput, match="no forecast rests on"):
        forecast_rows(learnt)


def as_if_informing(learnt: Learnt) -> Learnt:
    """The quick assay, read as a fall that a forecast rests on."""
    chosen = learnt.assays[QUICK].model_copy(update={"informs": "inflammation"})
    return replace(
        learnt,
        assays={**learnt.assays, QUICK: chosen},
        span={k: -v for k, v in learnt.span.items()},
    )


def test_draws_of_a_forecast_have_the_joint_spread_of_the_fit(tmp_path: Path) -> None:
    from exocast.evidence.grades import grades
    from exocast.patient import effect
    from exocast.patient.forecast import prepare as prepare_forecast
    from exocast.patient.scenario import load_scenario

    known = {name: load(name) for name in names()}
    # Half effect high on the plate: the higher it is, the further the curve may yet go.
    curve = curve_file(tmp_path, ec50=3e4, span=0.25, sd=0.06)
    learnt = learn(read_curve(curve, known, QUICK), known)
    rows = {row.id: row for row in forecast_rows(as_if_informing(learnt))}
    path = write_rows(tuple(rows.values()), tmp_path / "potency.csv")
    base = Path(__file__).parents[2] / "examples" / "knee"
    worlds = 4000
    changes = (f"worlds={worlds}", "patients=1", f'vial.curve="{path}"')
    scenario = load_scenario(base / "scenario.yaml", changes)
    values = prepare_forecast(scenario, base=base).values
    fitted = np.log(np.stack([learnt.ec50[QUICK], learnt.span[QUICK]]))
    drawn = np.log(np.stack([values[effect.EC50][:, 0], values[effect.MAX_LN_FALL][:, 0]]))
    r = rows["assay.correlation"].value
    assert r > 0.2  # so that a forecast that forgets it fails
    assert np.corrcoef(drawn)[0, 1] == pytest.approx(r, abs=3 / np.sqrt(worlds))
    assert spearmanr(*drawn).statistic == pytest.approx(spearmanr(*fitted).statistic, abs=0.05)
    # The grade widens each by the same factor, as every row's, and so not how they go together.
    sd = np.subtract(*np.quantile(fitted, [0.75, 0.25], axis=1)) / 1.349
    assert drawn.std(axis=1) == pytest.approx(grades()["B"].widening * sd, rel=0.05)
    assert np.median(drawn, axis=1) == pytest.approx(np.median(fitted, axis=1), abs=0.05)


def test_what_is_carried_is_a_table_of_rows(learnt: Learnt, tmp_path: Path) -> None:
    from exocast.evidence.rows import rows_of

    falls = as_if_informing(learnt)
    rows = forecast_rows(falls)
    found = rows_of(write_rows(rows, tmp_path / "potency.csv"))
    by = {r.id: r for r in found}
    assert tuple(by) == CURVE_ROWS
    assert 0.99 < by["assay.acts"].value <= 1
    assert by["assay.cells_per_ml"].value == pytest.approx(15_000 / 0.1)  # of the assay's own well
    assert found[0].value == pytest.approx(rows[0].value, rel=1e-4)
    assert by["assay.max_ln_fall"].grade == "B"
    assert by["assay.max_ln_fall"].spread_kind == "log_sd"
    rises = replace(falls, span=learnt.span)
    with pytest.raises(InvalidInput, match="shows no fall"):
        forecast_rows(rises)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dose,response\n0,1\n", "vesicles_per_cell"),
        ("vesicles_per_cell,response\n1,1\n10,2\n100,3\n1000,3\n1e4,3\n", "control"),
        ("vesicles_per_cell,response\n0,1\n10,2\n", "four or more"),
        ("vesicles_per_cell,response\n0,1\n10,-2\n", "line 3"),
        ("vesicles_per_cell,response,assay\n0,1,tube_formatio\n", "tube_formation"),
        ("vesicles_per_cell,response,readout\n0,1,lenght\n", "length"),
        ("vesicles_per_cell,response\n0,a\n", "numbers"),
    ],
)
def test_a_curve_that_cannot_be_read_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text, encoding="utf-8")
    known: dict[str, Assay] = {name: load(name) for name in names()}
    with pytest.raises(InvalidInput, match=words):
        read_curve(path, known, QUICK)


def test_two_curves_of_one_assay_are_refused(tmp_path: Path) -> None:
    known = {name: load(name) for name in names()}
    one = read_curve(curve_file(tmp_path, 2000.0, 0.2), known, QUICK)
    with pytest.raises(InvalidInput, match="two curves"):
        learn([*one, *one], known)
