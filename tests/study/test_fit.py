"""Fits against closed forms: the linear case is exact, and what data do not say keeps its prior."""

from __future__ import annotations

import csv
import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from exocast.errors import InvalidInput
from exocast.evidence.chance import normal_scores, spread_on_scale, value_of
from exocast.evidence.rows import COLUMNS, package_table, rows_of
from exocast.study import fit as room
from exocast.study.fit import PROFILE_SCORES, Part, fit, linear, shared_error

ROOT = Path(__file__).parents[2]
A = np.array([[1.0, 0.5, 0.0], [0.2, -1.0, 0.0], [0.7, 0.7, 0.0]])
OBSERVED = np.array([1.0, -0.5, 2.0])
SD = np.array([0.3, 0.5, 0.4])


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calibrate", ROOT / "scripts" / "calibrate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibrate"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def whole(predict, numbers: int = 3) -> tuple[Part, ...]:
    return (Part(own=tuple(range(numbers)), predict=predict),)


def of_rows(matrix: np.ndarray, own: tuple[int, ...]) -> Part:
    return Part(own=own, predict=lambda scores: scores @ matrix[:, own].T)


LINEAR = (of_rows(A, (0, 1, 2)),)


def exact(matrix: np.ndarray = A) -> tuple[np.ndarray, np.ndarray]:
    weight = matrix / SD[:, None]
    covariance = np.linalg.inv(np.eye(matrix.shape[1]) + weight.T @ weight)
    return covariance @ weight.T @ (OBSERVED / SD), covariance


def test_a_linear_model_is_fitted_exactly() -> None:
    found = fit(("a", "b", "c"), LINEAR, OBSERVED, SD)
    mode, covariance = exact()
    assert found.converged
    assert found.mode == pytest.approx(mode, abs=1e-6)
    assert found.covariance == pytest.approx(covariance, abs=1e-8)
    assert found.misfit < found.misfit_before


def test_nuisances_of_parts_of_the_data_widen_the_posterior_exactly() -> None:
    # One number that all data share, and a nuisance of each of two parts.
    matrix = np.array([[1.0, 0.8, 0.0], [0.5, -0.6, 0.0], [0.9, 0.0, 1.3]])
    parts = (of_rows(matrix[:2], (0, 1)), of_rows(matrix[2:], (0, 2)))
    found = fit(("shared", "first", "second"), parts, OBSERVED, SD)
    mode, covariance = exact(matrix)
    assert found.mode == pytest.approx(mode, abs=1e-6)
    assert found.covariance == pytest.approx(covariance, abs=1e-8)
    held = 1 / np.sqrt(1 + ((matrix[:, 0] / SD) ** 2).sum())
    assert found.sd[0] > 1.2 * held
    assert found.jacobian == pytest.approx(matrix / SD[:, None], abs=1e-9)


def test_a_row_that_moves_nothing_changes_nothing() -> None:
    without = fit(("a", "b"), (of_rows(A, (0, 1)),), OBSERVED, SD)
    alone = fit(("a", "b", "none"), (of_rows(A, (0, 1)),), OBSERVED, SD)
    used = fit(("a", "b", "none"), LINEAR, OBSERVED, SD)
    for found in (alone, used):
        assert found.mode == pytest.approx([*without.mode, 0.0], abs=1e-9)
        assert found.covariance[:2, :2] == pytest.approx(without.covariance, abs=1e-9)
        assert found.covariance[2] == pytest.approx([0.0, 0.0, 1.0], abs=1e-9)
        assert found.response[2] == pytest.approx(0.0, abs=1e-9)


def test_a_part_is_never_asked_for_what_it_does_not_use() -> None:
    asked = []

    def watched(scores: np.ndarray) -> np.ndarray:
        asked.append(scores.shape)
        return scores @ A[:, :1].T

    linear((Part(own=(1,), predict=watched),), np.zeros(40), OBSERVED, SD)
    assert asked == [(3, 1)]  # the middle and two sides of one number, not of forty


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_rows_of_one_study_say_what_their_correlated_errors_would(rows: int) -> None:
    own, shared, correlation = 0.2, 0.4, 0.5
    sd = shared_error(np.hypot(own, shared), shared, rows, correlation)
    found = fit(
        ("a",),
        whole(lambda scores: np.repeat(scores, rows, axis=1), 1),
        np.full(rows, 0.7),
        np.full(rows, sd),
    )
    # Errors that are correlated in truth, solved as such.
    errors = own**2 * np.eye(rows) + shared**2 * (
        (1 - correlation) * np.eye(rows) + correlation * np.ones((rows, rows))
    )
    information = np.ones(rows) @ np.linalg.solve(errors, np.ones(rows))
    assert found.covariance[0, 0] == pytest.approx(1 / (1 + information), rel=1e-9)


def test_a_profile_of_a_linear_model_is_its_parabola() -> None:
    found = fit(("a", "b", "c"), LINEAR, OBSERVED, SD, profiles=3)
    assert {profile.name for profile in found.profiles} == {"a", "b", "c"}
    for profile in found.profiles:
        assert profile.rise == pytest.approx(PROFILE_SCORES**2, abs=1e-5)


def test_the_best_informed_are_profiled_first() -> None:
    found = fit(("a", "b", "c"), LINEAR, OBSERVED, SD, profiles=2)
    best = np.argsort(found.sd)[:2]
    assert [profile.name for profile in found.profiles] == [found.names[i] for i in best]


def test_a_better_mode_shows_as_a_rise_below_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_STEPS", 1)
    found = fit(
        ("a",),
        whole(lambda z: 0.3 * z + 0.3 * z**3, 1),
        np.array([3.0]),
        np.array([1.0]),
        profiles=1,
    )
    assert not found.converged
    assert found.profiles[0].rise.min() < -0.1


def test_a_curved_model_reaches_its_mode() -> None:
    def decay(scores: np.ndarray) -> np.ndarray:
        rate = np.exp(0.8 * scores[:, :1])
        return -rate * np.array([[0.5, 1.0, 2.0]])

    truth = decay(np.array([[1.7]]))[0]
    found = fit(("rate",), whole(decay, 1), truth, np.full(3, 0.02), profiles=1)
    # The prior pulls by a hair; a grid search knows where to.
    grid = np.linspace(1.5, 1.8, 30_001)[:, None]
    cost = (((decay(grid) - truth) / 0.02) ** 2).sum(axis=1) + grid[:, 0] ** 2
    assert found.mode[0] == pytest.approx(grid[np.argmin(cost), 0], abs=2e-5)
    assert found.profiles[0].rise.min() >= -1e-6


def test_a_start_where_there_is_a_slope_finds_what_the_centre_does_not_feel() -> None:
    def threshold(scores: np.ndarray) -> np.ndarray:
        copies = np.exp(4 * (scores[:, :1] - 3))
        return np.asarray(copies**2 / (1 + copies**2))

    observed, sd = np.array([0.5]), np.array([0.01])
    part = Part(own=(0,), predict=threshold)
    alone = fit(["a"], [part], observed, sd)
    assert alone.mode[0] == pytest.approx(0.0, abs=1e-3) and alone.misfit > 1000
    found = fit(["a"], [part], observed, sd, starts=[np.array([-2.0]), np.array([2.7])])
    assert found.start == 2
    assert found.mode[0] == pytest.approx(3.0, abs=0.05) and found.misfit < 1
    # A start that leads no lower than the centre leaves the centre's own end.
    linear_part = Part(own=(0,), predict=lambda scores: scores)
    assert fit(["a"], [linear_part], observed, sd, starts=[np.array([2.0])]).start == 0


def test_ends_of_starts_are_told_and_the_deepest_stands() -> None:
    def two_valleys(scores: np.ndarray) -> np.ndarray:
        # Two roots: the slope at the centre leads to the one that the second datum speaks against.
        x = scores[:, 0]
        return np.stack([x**2 - 0.4 * x, 0.5 * x], axis=1)

    observed, sd = np.array([4.0, 1.2]), np.array([0.3, 0.5])
    parts = whole(two_valleys, 1)
    alone = fit(("x",), parts, observed, sd)
    best = fit(("x",), parts, observed, sd, starts=[np.array([1.0]), np.array([3.0])])

    def cost(found: room.Fit) -> float:
        return found.misfit + float(found.mode @ found.mode)

    grid = np.linspace(-4, 4, 8001)[:, None]
    costs = np.square((two_valleys(grid) - observed) / sd).sum(axis=1) + np.square(grid).sum(axis=1)
    assert cost(best) == pytest.approx(costs.min(), abs=1e-3)
    assert cost(alone) > cost(best) + 5
    assert alone.ends == (0.0,) and alone.apart == 0
    assert best.ends == pytest.approx((cost(alone) - cost(best), 0.0, 0.0), abs=1e-3)
    assert best.apart == 1


def test_a_start_where_the_model_fails_is_told_and_stops_nothing() -> None:
    def fails(scores: np.ndarray) -> np.ndarray:
        return np.where(scores[:, :1] > 3, np.nan, scores[:, :1])

    part = Part(own=(0,), predict=fails)
    found = fit(("x",), [part], np.array([0.5]), np.array([1.0]), starts=[np.array([4.0])])
    assert found.mode == pytest.approx([0.25])
    assert found.ends == (0.0, np.inf) and found.apart == 1


def test_profiles_with_the_modes_jacobian_fit_the_others_again() -> None:
    def product(scores: np.ndarray) -> np.ndarray:
        return np.exp(scores[:, :1] + scores[:, 1:]) - 1

    found = fit(("a", "b"), whole(product, 2), np.array([1.0]), np.array([0.1]), profiles=2)
    for profile in found.profiles:
        for score, rise in zip(profile.scores, profile.rise, strict=True):
            other = np.linspace(-4, 4, 80_001)
            cost = ((np.exp(score + other) - 2) / 0.1) ** 2 + score**2 + other**2
            floor = found.misfit + found.mode @ found.mode
            assert rise == pytest.approx(cost.min() - floor, abs=0.02)


def test_a_run_that_fails_on_the_way_is_stepped_around() -> None:
    def with_edge(scores: np.ndarray) -> np.ndarray:
        found = scores @ A.T
        found[scores[:, 0] > 3.0] = np.nan
        return found

    found = fit(("a", "b", "c"), whole(with_edge), OBSERVED, SD)
    assert found.mode == pytest.approx(exact()[0], abs=1e-6)


@pytest.mark.parametrize(
    ("observed", "sd", "message"),
    [
        (np.ones(3), np.ones(2), "one length"),
        (np.ones(3), np.array([1.0, 0.0, 1.0]), "above zero"),
        (np.array([1.0, np.nan, 1.0]), np.ones(3), "finite"),
    ],
)
def test_unusable_data_are_refused(observed, sd, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit(("a", "b", "c"), LINEAR, observed, sd)


def test_a_model_without_a_prediction_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no finite prediction for datum 1"):
        fit(("a",), whole(lambda z: np.c_[z, z * np.nan, z], 1), OBSERVED, SD)


# The script ---------------------------------------------------------------------------------------


def number(script: ModuleType, **changes: object):
    prior = replace(package_table("body", "priors")["liver.avidity"], **changes)
    return script.Number(prior=prior, row=prior, file=Path("liver.csv"))


@pytest.mark.parametrize(
    "changes",
    [
        {"spread_kind": "log_sd", "spread": (0.8,)},
        {"spread_kind": "cv", "spread": (0.5,)},
        {"spread_kind": "ci95", "spread": (0.05, 0.9)},
        {"spread_kind": "sd", "spread": (0.1,)},
        {"spread_kind": "range", "spread": (0.2, 0.5)},
        {"spread_kind": "range", "spread": (0.01, 0.9)},
        {"spread_kind": "range", "spread": (0.1, 2.0), "unit": "mL"},
        {"spread_kind": "range", "spread": (0.2, 0.5), "unit": "mL"},
    ],
)
def test_a_posterior_row_draws_what_the_fit_found(script: ModuleType, changes) -> None:
    one = number(script, **changes)
    score, sd = 0.4, 0.25
    row = script.posterior(one, score, sd)
    z = normal_scores(1, "z", 20_000)
    wanted, drawn = value_of(one.prior, score + sd * z), value_of(row, z)
    assert np.median(drawn) == pytest.approx(np.median(wanted), rel=0.02)
    assert drawn.std() == pytest.approx(wanted.std(), rel=0.15)
    assert (row.source, row.grade) == ("body_fit", "D")
    assert one.prior.source in row.note


def test_a_posterior_range_stays_inside_the_priors(script: ModuleType) -> None:
    one = number(script, spread_kind="range", spread=(0.3, 0.4), grade="A")
    low, high = script.posterior(one, 1.2, 0.95).spread
    assert 0.3 <= low < high <= 0.4


def test_correlations_that_rounding_broke_are_mended(script: ModuleType) -> None:
    # Nearly singular: small correlations that are left out hold the large ones together.
    loads = np.array([[1.0, 0.0], [0.019, 1.0], [0.75, 0.68], [-0.7, 0.72]])
    cov = loads @ loads.T + 1e-6 * np.eye(4)
    size = np.sqrt(np.diag(cov))
    names = ("a.a", "b.b", "c.c", "d.d")
    pairs = script.correlations(names, cov / np.outer(size, size), {})
    assert script._smallest_eigenvalue(pairs) > 0
    assert all(abs(r) >= 0.001 and round(r, 3) == r for r in pairs.values())
    assert pairs["b.b", "c.c"] == pytest.approx((cov / np.outer(size, size))[1, 2], abs=0.02)
    with pytest.raises(SystemExit, match="another table does already"):
        script.correlations(names, np.eye(4), {("a.a", "b.b"): 0.5})


def test_a_study_is_found_in_source_place_and_note(script: ModuleType) -> None:
    row = package_table("body", "priors")["liver.avidity"]
    assert script.named_in("rat2005", replace(row, source="rat2005"))
    assert script.named_in("rat2005", replace(row, note="as rats had (rat2005), by judgement"))
    assert not script.named_in("rat2005", replace(row, note="as rats had (rat2005b)"))


def test_all_of_a_percentage_is_read_inside_its_range(script: ModuleType) -> None:
    datum = room_datum(100.0, (95.0, 100.0))
    low, high = np.log(0.95 / 0.05), np.log(0.999 / 0.001)
    middle = (low + high) / 2
    assert script.read_off(datum) == pytest.approx(middle)
    assert script.read_off(replace(datum, y=97.0)) == pytest.approx(np.log(0.97 / 0.03))
    # More of all is no misfit, less is one.
    assert script.censored(datum, np.array([30.0, 1.0])) == pytest.approx([middle, 1.0])


def room_datum(y: float, spread: tuple[float, ...]):
    from exocast.study.triplets import Datum

    return Datum(
        condition="cells",
        x=0.0,
        x_unit="parameter",
        y=y,
        y_unit="percent",
        spread=spread,
        spread_kind="range",
        n=None,
    )


def test_a_tables_lines_of_other_rows_stay_to_the_letter(script, tmp_path) -> None:
    header = (ROOT / "src/exocast/body/priors.csv").read_text().splitlines()[0]
    mine = "k,a rate,2.0,1/day,0.50,log_sd,uncertain,rat,someone2020,Table 1,B,as printed"
    other = 'j,"another, rate",1.0,1/day,0.50,log_sd,uncertain,rat,someone2020,Table 1,B,'
    (tmp_path / "table.csv").write_text(f"{header}\n{other}\n{mine}\n")
    (tmp_path / "priors.csv").write_text(header + "\n")
    kind = replace(script.BODY, folder=tmp_path)
    row = script.rows_of(tmp_path / "table.csv")[1]
    one = script.Number(prior=row, row=row, file=tmp_path / "table.csv")
    found = fit(("table.k",), whole(lambda z: z, 1), np.array([2.0]), np.array([0.5]))
    script.write_rows([one], found, [0], kind)
    after = (tmp_path / "table.csv").read_text().splitlines()
    assert after[:2] == [header, other]
    assert ",body_fit," in after[2]
    assert (tmp_path / "priors.csv").read_text().splitlines()[1] == f"table.{mine}"
    # An uninformed row gets its prior back, to the letter.
    script.write_rows([one], found, [], kind)
    assert (tmp_path / "table.csv").read_text().splitlines() == [header, other, mine]


# What is shipped ----------------------------------------------------------------------------------


def studies() -> set[str]:
    with (ROOT / "src/exocast/body/fitted.csv").open(newline="", encoding="utf-8") as file:
        return {line["source"] for line in csv.DictReader(file)}


def test_no_prior_names_a_study_that_is_in_the_fit() -> None:
    used = studies()
    assert used
    for row in package_table("body", "priors").values():
        words = set(re.findall(r"\w+", f"{row.source} {row.place} {row.note}"))
        assert not words & used, row.id


def test_values_that_stay_keep_their_source_and_lose_spread_alone() -> None:
    """The fit of macrophages: a row is its prior, with less spread."""
    package, seen = ROOT / "src/exocast", 0
    for prior in package_table("cell", "macrophage_priors").values():
        table, _, own = prior.id.partition(".")
        [row] = [r for r in rows_of(package / f"cell/{table}.csv") if r.id == own]
        assert (row.value, row.unit, row.source) == (prior.value, prior.unit, prior.source)
        width = [spread_on_scale(replace(r, grade="A")) for r in (row, prior)]
        assert width[0][0] == width[1][0]
        if width[0][0] != "range":
            assert width[0][1] < width[1][1]
        seen += 1
    assert seen > 20


def test_a_fit_without_steps_is_the_curvature_at_the_centre() -> None:
    found = fit(("a", "b", "c"), LINEAR, OBSERVED, SD, most=0)
    assert (found.mode == 0).all() and found.steps == 0
    assert found.covariance == pytest.approx(exact()[1], abs=1e-9)


def test_every_fitted_row_has_its_prior_on_file() -> None:
    package, priors = ROOT / "src/exocast", package_table("body", "priors")
    fitted = set()
    for path in package.rglob("*.csv"):
        if path.read_text(encoding="utf-8").startswith(",".join(COLUMNS)):
            over = path.parent.parent != package
            table = f"{path.parent.name}_{path.stem}" if over else path.stem
            fitted |= {f"{table}.{r.id}" for r in rows_of(path) if r.source == "body_fit"}
    assert fitted
    assert fitted <= set(priors)
    with (package / "body/correlations.csv").open(newline="", encoding="utf-8") as file:
        sources = {line["source"] for line in csv.DictReader(file)}
    assert sources == {"body_fit"}
