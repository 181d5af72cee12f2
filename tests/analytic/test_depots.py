"""Local depots against their closed forms, and at the limits where nothing may pass."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm

from exocast import engine

HEADER = "id,meaning,value,unit,spread,spread_kind,varies,system,source,place,grade,note"
TIMES = np.array([0.0, 0.02, 0.1, 0.5, 1.0, 3.0, 10.0, 40.0])
DOSE = 1e9
TOLERANCE = 1e-11  # of the solver
AGREEMENT = 1e-7  # relative to the dose, between solver and closed form

BEYOND = """model beyond()
  compartment space;
  substanceOnly species lymph in space, plasma in space, brain in space, free in space;
end
"""
PLACES = {
    "joint": """
  p: {fragment: body/joint_space}
  x:
    fragment: body/joint_vesicles
    ports: {lymph: b_lymph, lymph_space: b_space, fluid_space: p_fluid, synovium_space: p_synovium}
""",
    "depot": """
  p: {fragment: body/depot_space}
  x:
    fragment: body/depot
    variant: small
    ports: {lymph: b_lymph, lymph_space: b_space, tissue_space: p_tissue, drainage: p_drainage,
      k_spread: p_k_spread}
""",
    "tendon": """
  p: {fragment: body/tendon_space}
  x:
    fragment: body/tendon
    ports: {free: b_free, tissue_space: b_space, sheath_space: p_sheath, tendon_space: p_tendon}
""",
    "film": """
  v: {fragment: body/size}
  p: {fragment: body/skin_surface}
  x:
    fragment: body/film
    ports: {free: b_free, tissue_space: b_space, film_space: p_film, diffusivity: v_diffusivity,
      needles: p_needles, laser: p_laser}
""",
    "wound": """
  p: {fragment: body/wound_space}
  x:
    fragment: body/wound
    ports: {free: b_free, tissue_space: b_space, bed_space: p_bed, dressing_space: p_dressing,
      washout: p_washout, changes: p_changes}
""",
    "nose": """
  p: {fragment: body/nose_space}
  x:
    fragment: body/nose
    ports: {brain: b_brain, plasma: b_plasma, lymph: b_lymph, brain_space: b_space,
      plasma_space: b_space, lymph_space: b_space, lumen_space: p_lumen, lining_space: p_lining,
      olfactory_space: p_olfactory, trigeminal_space: p_trigeminal}
""",
    "csf": """
  p: {fragment: body/csf_space}
  x:
    fragment: body/csf
    ports: {brain: b_brain, plasma: b_plasma, lymph: b_lymph, brain_space: b_space,
      plasma_space: b_space, lymph_space: b_space, spinal_space: p_spinal, cranial_space:
      p_cranial, meninges_space: p_meninges, rise: p_rise, sink: p_sink, spinal_leave:
      p_spinal_leave, cranial_leave: p_cranial_leave}
""",
    "cartilage": """
  v: {fragment: body/size}
  p: {fragment: body/joint_space}
  x:
    fragment: body/cartilage
    ports: {fluid: b_free, radius: v_radius, diffusivity: v_diffusivity, fluid_space: p_fluid,
      tissue_space: p_cartilage}
""",
}
SLABS = tuple(f"x_slab_{i}" for i in range(1, 9))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One site for each place, with nothing behind it."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "body").mkdir()
    (folder / "tissue").mkdir()
    (folder / "body/beyond.ant").write_text(BEYOND)
    (folder / "body/beyond.csv").write_text(
        f"{HEADER}\nspace,space,1,mL,,fixed,constant,test,definition,,E,closed form\n"
    )
    for name, instances in PLACES.items():
        (folder / f"tissue/tiny_{name}.yaml").write_text(
            f"schema_version: 1\nname: tiny_{name}\ntitle: {name}\n"
            f"instances:\n  b: {{fragment: body/beyond}}{instances}"
            "observables: {seen: {formula: b_free, unit: item, text: free}}\n"
        )
    return folder


@functools.cache
def sbml(library: Path, name: str) -> str:
    return engine.assemble(f"tiny_{name}", libraries=[library]).sbml


def course(
    library: Path,
    name: str,
    observe: tuple[str, ...],
    doses: dict[str, float],
    times: np.ndarray = TIMES,
    **rows: float,
) -> np.ndarray:
    """Amounts as shares of the dose, ``(n_times, n_observed)``."""
    table = pd.DataFrame(
        [{"run": 0, "time": 0.0, "amount": DOSE * a, "target": t} for t, a in doses.items()]
    )
    model = engine.compile(sbml(library, name), varied=tuple(rows), observe=observe)
    runs = model.run(
        times,
        varied=np.array([list(rows.values())]) if rows else None,
        doses=table if len(table) else None,
        rtol=TOLERANCE,
        processes=1,
    )
    return np.asarray(runs.values[0]) / DOSE


def one_exponential(rate: float, times: np.ndarray = TIMES) -> np.ndarray:
    return np.asarray(np.exp(-rate * times))


def bateman(k_in: float, k_out: float, times: np.ndarray = TIMES) -> np.ndarray:
    """Share in the second of two places, by the rate into it and out of it."""
    return np.asarray(k_in / (k_out - k_in) * (np.exp(-k_in * times) - np.exp(-k_out * times)))


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.allclose(found, expected, rtol=0, atol=AGREEMENT))


# A depot in tissue --------------------------------------------------------------------------------


@pytest.mark.parametrize("drainage", [0.05, 1.0, 4.0])
def test_a_depot_falls_as_one_exponential_and_lymph_takes_its_share(
    library: Path, drainage: float
) -> None:
    drain, away, broken = 0.7 * drainage, 0.3, 0.1
    found = course(
        library,
        "depot",
        ("x_free", "b_lymph"),
        {"x_free": 1.0},
        p_drainage=drainage,
        p_k_spread=away,
        x_k_drain=0.7,
        x_k_come_back=0.0,
        x_k_break=broken,
    )
    total = drain + away + broken
    free = one_exponential(total)
    around = bateman(total, drain + broken) * away / total
    left = free + around
    assert close(found[:, 0], free)
    # What is left of both pools leaves by drainage and breakdown in a fixed ratio.
    assert close(found[:, 1], drain / (drain + broken) * (1 - left))


def test_a_place_that_does_not_drain_gives_nothing_to_lymph(library: Path) -> None:
    found = course(library, "depot", ("b_lymph",), {"x_free": 1.0}, p_drainage=0.0)
    assert np.all(found == 0.0)


@pytest.mark.parametrize("place", sorted(PLACES))
def test_no_dose_leaves_every_place_empty(library: Path, place: str) -> None:
    import libsbml

    document = libsbml.readSBMLFromString(sbml(library, place))
    model = document.getModel()
    states = tuple(model.getSpecies(i).getId() for i in range(model.getNumSpecies()))
    assert np.all(course(library, place, states, {}) == 0.0)


# A joint ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fluid", [2.0, 7.0, 30.0])
def test_joint_fluid_is_cleared_by_the_millilitre(library: Path, fluid: float) -> None:
    clearance, drain = 9.8, 0.5
    found = course(
        library,
        "joint",
        ("x_fluid", "x_synovium", "b_lymph"),
        {"x_fluid": 1.0},
        p_fluid=fluid,
        x_clearance=clearance,
        x_k_to_fluid=0.0,
        x_k_drain=drain,
    )
    left, synovium = one_exponential(clearance / fluid), bateman(clearance / fluid, drain)
    assert close(found[:, 0], left)
    assert close(found[:, 1], synovium)
    assert close(found[:, 2], 1 - left - synovium)


# Beside a tendon, in a wound ----------------------------------------------------------------------


def test_a_sheath_empties_into_tissue_and_onto_the_tendon(library: Path) -> None:
    out, on = 2.0, 0.3
    found = course(
        library,
        "tendon",
        ("x_sheath", "b_free", "x_surface"),
        {"x_sheath": 1.0},
        x_k_leave_sheath=out,
        x_k_attach=on,
        x_k_let_go=0.0,
        x_hindrance=0.0,
        x_k_lost=0.5,
    )
    sheath = one_exponential(out + on)
    assert close(found[:, 0], sheath)
    assert close(found[:, 1], out / (out + on) * (1 - sheath))
    assert close(found[:, 2], on / (out + on) * bateman(out + on, 0.5))


def test_nothing_enters_a_tendon_without_a_gap(library: Path) -> None:
    found = course(library, "tendon", ("x_inside",), {"x_sheath": 1.0}, x_hindrance=0.0)
    assert np.all(found == 0.0)


def test_a_dressing_releases_into_the_bed_as_bateman(library: Path) -> None:
    release, enter, broken = 1.7, 0.9, 0.4
    found = course(
        library,
        "wound",
        ("x_dressing", "x_bed", "b_free"),
        {"x_dressing": 1.0},
        p_exudate=0.0,
        p_changes=0.0,
        x_k_release=release,
        x_k_enter=enter,
        x_k_break=broken,
    )
    bed = bateman(release, enter + broken)
    dressing = one_exponential(release)
    assert close(found[:, 0], dressing)
    assert close(found[:, 1], bed)
    assert close(found[:, 2], enter / (enter + broken) * (1 - dressing - bed))


def test_exudate_and_changes_end_in_what_is_thrown_away(library: Path) -> None:
    bed, area, exudate, changes = 2.0, 20.0, 0.3, 0.33
    found = course(
        library,
        "wound",
        ("x_dressing", "x_removed"),
        {"x_bed": 1.0},
        p_bed=bed,
        p_surface_area=area,
        p_exudate=exudate,
        p_changes=changes,
        x_k_release=0.0,
        x_k_enter=0.0,
        x_k_break=0.0,
    )
    washout = exudate * area / bed
    dressing = bateman(washout, changes)
    assert close(found[:, 0], dressing)
    assert close(found[:, 1], 1 - one_exponential(washout) - dressing)


# A film on the skin -------------------------------------------------------------------------------


def film(library: Path, route: str, observe: tuple[str, ...] = ("b_free",), **rows: float):
    return course(library, "film", observe, {f"x_{route}": 1.0}, **rows)


def test_a_film_on_intact_skin_is_absorbed_in_a_race_with_its_loss(library: Path) -> None:
    # The share that passes is what the row says, whatever the film and its loss.
    share, gone = 0.2, 4.0
    found = film(library, "intact", x_intact_passage=share, x_k_gone=gone, p_surface_area=7.0)
    seepage = share * gone / (1 - share)
    expected = share * (1 - one_exponential(seepage + gone))
    assert close(found[:, 0], expected)


def test_closing_channels_let_through_the_integral_of_an_exponential(library: Path) -> None:
    share, depth, area, volume, diffusivity, closing = 0.004, 0.015, 100.0, 1.0, 0.0045, 0.7
    entry = diffusivity * 0.3 * share * area / (depth * volume)
    rows = {
        "p_needle_share": share,
        "p_needle_depth": depth,
        "p_surface_area": area,
        "p_film": volume,
        "v_mobility": diffusivity * 60.0,
        "v_radius": 60.0,
        "x_hindrance": 0.3,
        "x_k_gone": 0.0,
        "x_k_close_needles": closing,
    }
    found = film(library, "needled", **rows)[:, 0]
    exact = entry / (entry + closing) * (1 - one_exponential(entry + closing))
    assert close(found, exact)
    slow = film(library, "needled", **{**rows, "p_needle_share": share * 1e-4})[:, 0]
    integral = entry * 1e-4 * (1 - one_exponential(closing)) / closing
    assert np.allclose(slow[1:], integral[1:], rtol=2e-5)


@pytest.mark.parametrize(
    ("route", "closed"), [("needled", "p_needle_share"), ("lasered", "p_laser_share")]
)
def test_closed_channels_are_intact_skin(library: Path, route: str, closed: str) -> None:
    intact = film(library, "intact", ("b_free", "x_gone"), **{closed: 0.0})
    shut = film(library, route, ("b_free", "x_gone"), **{closed: 0.0})
    assert close(shut, intact)


def test_open_channels_raise_entry_and_wide_ones_raise_it_more(library: Path) -> None:
    entries = [film(library, r)[-1, 0] for r in ("intact", "needled", "lasered")]
    assert entries == sorted(entries)
    assert entries[1] > 1.5 * entries[0]
    shares = [film(library, "needled", p_needle_share=s)[-1, 0] for s in (0.001, 0.004, 0.02)]
    assert shares == sorted(shares)


# The nose and the cerebrospinal fluid -------------------------------------------------------------


def test_cilia_win_the_race_in_the_nose(library: Path) -> None:
    share, settle, sweep, roof, enter = 0.05, 144.0, 67.0, 17.0, 0.5
    rows = {
        "x_olfactory_share": share,
        "x_k_settle": settle,
        "x_k_sweep": sweep,
        "x_k_sweep_roof": roof,
        "x_k_enter": enter,
        "x_k_enter_roof": enter,
    }
    observe = ("x_sprayed", "x_front", "x_roof", "x_swallowed")
    found = course(library, "nose", observe, {"x_sprayed": 1.0}, **rows)
    front = (1 - share) * bateman(settle, sweep + enter)
    above = share * bateman(settle, roof + enter)
    assert close(found[:, 0], one_exponential(settle))
    assert close(found[:, 1], front)
    assert close(found[:, 2], above)
    swept = (1 - share) * sweep / (sweep + enter) + share * roof / (roof + enter)
    assert found[-1, 3] == pytest.approx(swept, abs=AGREEMENT)


def test_a_nose_without_nerves_brings_nothing_to_the_brain(library: Path) -> None:
    shut = {"x_k_enter_roof": 0.0, "x_k_branch": 0.0}
    found = course(library, "nose", ("b_brain", "x_bulb"), {"x_sprayed": 1.0}, **shut)
    assert np.all(found == 0.0)


@pytest.mark.parametrize("start", ["x_spinal", "x_cranial"])
def test_spinal_fluid_is_two_places_that_mix_and_leave(library: Path, start: str) -> None:
    spinal, cranial, formation, mixing, low, passage, settle = (
        65.0,
        80.0,
        540.0,
        400.0,
        0.3,
        0.6,
        1.5,
    )
    found = course(
        library,
        "csf",
        ("x_spinal", "x_cranial", "b_lymph", "b_plasma"),
        {start: 1.0},
        p_spinal=spinal,
        p_cranial=cranial,
        p_formation=formation,
        p_mixing=mixing,
        p_spinal_outflow=low,
        x_passage=passage,
        x_k_settle=settle,
        x_lymph_share=0.4,
        x_k_weep=0.0,
        x_k_enter=0.0,
    )
    rise, sink = mixing / spinal, (mixing + low * formation) / cranial
    out = passage * np.array([low * formation / spinal, (1 - low) * formation / cranial])
    matrix = np.array([[-rise - out[0] - settle, sink], [rise, -sink - out[1] - settle]])
    begun = np.array([1.0, 0.0]) if start == "x_spinal" else np.array([0.0, 1.0])
    fluid = np.array([expm(matrix * t) @ begun for t in TIMES])
    assert close(found[:, :2], fluid)
    left = np.array([out @ np.linalg.solve(matrix, f - begun) for f in fluid])
    assert close(found[:, 2], 0.4 * left)
    assert close(found[:, 3], 0.6 * left)


# Cartilage ----------------------------------------------------------------------------------------


def plate(reached: np.ndarray) -> np.ndarray:
    """Share of its end that a plate between a bath and a wall has taken up.

    ``reached`` is time times diffusivity over the square of the thickness. Crank, The Mathematics
    of Diffusion, gives it as a series.
    """
    odd = 2.0 * np.arange(400) + 1.0
    terms = 8.0 / (np.pi * odd) ** 2 * np.exp(-np.outer(reached, (np.pi * odd / 2.0) ** 2))
    return np.asarray(1.0 - terms.sum(axis=1))


CATION = {
    "v_mobility": 0.28,
    "v_radius": 3.5,
    "x_mesh": 8.0,
    "x_charge": 3.0,
    "x_fissures": 0.0,
    "x_gaps": 0.0,
    "x_k_lost": 0.0,
    "x_thickness": 0.2,
    "p_cartilage": 20.0,
    "p_fluid": 1e9,  # a bath that does not run down
}
REACHED = np.array([0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0])


def speed(binding: float) -> float:
    """Diffusivity over the square of the thickness, of what is free and bound together, per day."""
    hindrance = np.exp(-CATION["v_radius"] / CATION["x_mesh"])
    free = CATION["v_mobility"] / CATION["v_radius"] * hindrance
    return float(free / CATION["x_thickness"] ** 2 / (1.0 + binding))


def at_balance(binding: float) -> float:
    """Concentration in cartilage over that of the fluid, when nothing moves any more."""
    steric = np.exp(-((CATION["v_radius"] / CATION["x_mesh"]) ** 2))
    return float(steric * (0.5 + np.sqrt(1.25)) ** CATION["x_charge"] * (1.0 + binding))


@pytest.mark.parametrize("binding", [0.0, 30.0])
def test_eight_slabs_take_up_as_the_series_says(library: Path, binding: float) -> None:
    rows = {**CATION, "x_binding": binding, "x_fixed_charge": 0.15, "x_salt": 0.15}
    times = REACHED / speed(binding)
    found = course(library, "cartilage", SLABS, {"b_free": 1.0}, times, **rows).sum(axis=1)
    full = at_balance(binding) * CATION["p_cartilage"] / CATION["p_fluid"]
    error = np.abs(found / full / plate(REACHED) - 1.0)
    # The half slab at the surface tells on early times, when diffusion has hardly passed it.
    for since, tolerance in ((0.02, 0.06), (0.05, 0.025), (0.1, 0.012), (0.2, 0.006)):
        assert error[since <= REACHED].max() < tolerance


@pytest.mark.parametrize("lost", [0.0, 0.4])
def test_cartilage_washes_out_as_the_series_says_and_loses_on_top(
    library: Path, lost: float
) -> None:
    binding = 30.0
    rows = {**CATION, "x_binding": binding, "x_k_lost": lost, "p_fluid": 1e15}
    times = np.concatenate([[0.0], REACHED[1:]]) / speed(binding)
    doses = dict.fromkeys(SLABS, 1.0 / 8.0)
    found = course(library, "cartilage", SLABS, doses, times, **rows).sum(axis=1)
    expected = (1.0 - plate(REACHED[1:])) * np.exp(-lost * times[1:])
    assert found[0] == pytest.approx(1.0, abs=1e-12)
    assert np.allclose(found[1:], expected, rtol=0.02)
    slope = -np.diff(np.log(found[-2:]))[0] / np.diff(times[-2:])[0]
    assert slope == pytest.approx((np.pi / 2) ** 2 * speed(binding) + lost, rel=0.005)


def test_the_profile_falls_towards_the_bone_and_ends_level(library: Path) -> None:
    rows = {**CATION, "x_binding": 0.0}
    found = course(
        library, "cartilage", SLABS, {"b_free": 1.0}, np.array([0.1, 8.0]) / speed(0.0), **rows
    )
    assert np.all(np.diff(found[0]) < 0)
    assert np.allclose(found[1], found[1].mean(), rtol=1e-6)


def test_charge_and_size_decide_what_cartilage_admits(library: Path) -> None:
    def held(**rows: float) -> float:
        table = {**CATION, "x_binding": 0.0, **rows}
        end = np.array([8.0]) / speed(0.0)
        return float(course(library, "cartilage", SLABS, {"b_free": 1.0}, end, **table).sum())

    by_charge = [held(x_charge=c) for c in (-4.0, 0.0, 4.0)]
    assert by_charge[0] < by_charge[1] < by_charge[2]
    assert by_charge[2] / by_charge[1] == pytest.approx((0.5 + np.sqrt(1.25)) ** 4, rel=1e-4)
    by_size = [held(v_radius=r) for r in (3.5, 10.0, 20.0, 50.0)]
    assert by_size == sorted(by_size, reverse=True)
    assert by_size[3] < 1e-10 * by_size[0]


def test_a_native_vesicle_stays_in_the_outermost_slab(library: Path) -> None:
    found = course(library, "cartilage", (*SLABS, "b_free"), {"b_free": 1.0}, np.array([1.0]))[0]
    assert found[0] > 0.8 * found[:8].sum()
    assert 1e-4 < found[:8].sum() < 0.05


def test_a_coat_that_binds_holds_vesicles_and_reaches_the_bone_only_where_it_is_thin(
    library: Path,
) -> None:
    def shares(**rows: float) -> np.ndarray:
        end = np.array([10.0])
        return course(library, "cartilage", SLABS, {"b_free": 1.0}, end, x_k_lost=0.0, **rows)[0]

    thick, thin = shares(x_binding=300.0), shares(x_binding=300.0, x_thickness=0.009)
    assert thick.sum() > 10.0 * shares().sum()
    assert thick[7] < 1e-3 * thick[0]
    assert thin[7] > 0.5 * thin[1]


def test_cartilage_without_an_opening_keeps_native_vesicles_out(library: Path) -> None:
    shut = {"x_fissures": 0.0, "x_gaps": 0.0, "x_mesh": 8.0}
    found = course(library, "cartilage", SLABS, {"b_free": 1.0}, **shut)
    assert found.sum(axis=1).max() < 1e-15
