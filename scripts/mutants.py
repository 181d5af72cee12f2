"""Plant one fault at a time in a copy of the tree; each must redden the test named for it.

    python scripts/mutants.py [WORD ...]      only mutants whose name holds one of the words

Ends with 0 when every fault is caught, with 3 when one survives, when the place of a fault is not
found any more, or when a named test is red without any fault.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = (".git", ".venv", "results", "__pycache__", ".*_cache", ".hypothesis", "build", "dist")
FOUND, RED = 0, 1


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault: the text ``old`` of a file becomes ``new``, and ``test`` must fail."""

    name: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        name="sign: storage multiplies particles",
        file="src/exocast/vial/storage.py",
        old="np.exp(-np.asarray(rate_per_day) * np.asarray(days))",
        new="np.exp(np.asarray(rate_per_day) * np.asarray(days))",
        test="tests/analytic/test_storage.py::test_first_order_halves_at_its_half_life",
    ),
    Mutant(
        name="dilution: applied a second time",
        file="src/exocast/vial/measure.py",
        old='factor = known.value if known.state == "not_applied" else 1.0',
        new="factor = known.value",
        test="tests/vial/test_measure.py::test_recorded_dilution_is_never_applied_again",
    ),
    Mutant(
        name="dilution: an unknown one is taken as none",
        file="src/exocast/vial/measure.py",
        old="    if dilution is None:\n        raise InstrumentFileError(dilution_question(export)",
        new="    dilution = dilution or 1.0\n    if dilution is None:\n"
        "        raise InstrumentFileError(dilution_question(export)",
        test="tests/vial/test_measure.py::"
        "test_dilution_that_nobody_recorded_is_asked_for_and_nothing_assumed",
    ),
    Mutant(
        name="captures: failed ones are kept",
        file="src/exocast/vial/readers/nanosight.py",
        old='    if tracks < 1:\n        return "0 tracks"\n',
        new="",
        test="tests/vial/test_nanosight.py::"
        "test_capture_without_tracks_is_excluded_whatever_its_concentration",
    ),
    Mutant(
        name="sizes: the cut below the floor is ignored",
        file="src/exocast/vial/size.py",
        old="return -float(counts @ (logs - seen))",
        new="return -float(counts @ logs)",
        test="tests/vial/test_size.py::test_law_is_found_again_whatever_was_cut_below_the_floor",
    ),
    Mutant(
        name="label: beads pass as vesicles",
        file="src/exocast/vial/vial.py",
        old="    if assume_vesicles:\n        return BEADS_LABEL",
        new="    if True:\n        return BEADS_LABEL",
        test="tests/vial/test_vial.py::test_beads_are_refused_and_labelled_when_taken_as_vesicles",
    ),
    Mutant(
        name="unit: protein dose is multiplied",
        file="src/exocast/dose/convert.py",
        old="return value / protein.ug_per_ml",
        new="return value * protein.ug_per_ml",
        test="tests/dose/test_convert.py::test_every_unit_becomes_a_volume",
    ),
    Mutant(
        name="unit: weeks are read as days",
        file="src/exocast/dose/regimen.py",
        old='magnitude(self.interval, "day")',
        new='magnitude(self.interval, "week")',
        test="tests/dose/test_regimen.py::test_three_injections_four_weeks_apart",
    ),
    Mutant(
        name="unit: a rate in a table gets another dimension",
        file="src/exocast/cell/uptake.csv",
        old="k_release,bound vesicles let go,1.0,1/day",
        new="k_release,bound vesicles let go,1.0,mL/day",
        test="tests/laws/test_knee_laws.py::test_an_untreated_knee_stays_where_it_is",
    ),
    Mutant(
        name="mass: recycled vesicles vanish",
        file="src/exocast/cell/uptake.ant",
        old="recycle: endosome => free;",
        new="recycle: endosome => ;",
        test="tests/laws/test_knee_laws.py::test_vesicles_are_conserved",
    ),
    Mutant(
        name="steady: macrophages are recruited twice",
        file="src/exocast/tissue/inflammation.ant",
        old="feedback*2*cytokine_drive/(1 + cytokine_drive)",
        new="feedback*4*cytokine_drive/(1 + cytokine_drive)",
        test="tests/laws/test_knee_laws.py::test_an_untreated_knee_stays_where_it_is",
    ),
    Mutant(
        name="sign: vesicles inflame",
        file="src/exocast/tissue/response.ant",
        old="tone := exp(-calm);",
        new="tone := exp(calm);",
        test="tests/laws/test_knee_laws.py::test_more_vesicles_calm_more",
    ),
    Mutant(
        name="inert: the tissue answers without translation",
        file="src/exocast/tissue/response.ant",
        old="full := translation*max_ln_fall*tone_factor;",
        new="full := max_ln_fall*tone_factor;",
        test="tests/laws/test_knee_laws.py::"
        "test_inert_vesicles_leave_the_tissue_at_its_natural_course",
    ),
    Mutant(
        name="inert: vesicles reach proteases without translation",
        file="src/exocast/tissue/knee.yaml",
        old='"{joint}_signal_engaged*{joint}_response_translation"',
        new='"{joint}_signal_engaged"',
        test="tests/analytic/test_joint_surface.py::"
        "test_a_product_without_effect_in_people_changes_no_matrix",
    ),
    Mutant(
        name="start: equations and table may differ",
        file="src/exocast/engine/assembler.py",
        old="written is not None and written != row.value",
        new="written is not None and row.value is None",
        test="tests/engine/test_assemble.py::test_a_fault_is_refused_by_name",
    ),
    Mutant(
        name="grade: a guess is as sharp as a measurement",
        file="src/exocast/evidence/grades.csv",
        old="E,assumption,1.75,",
        new="E,assumption,0.75,",
        test="tests/evidence/test_chance.py::test_a_lower_grade_never_narrows_a_spread",
    ),
    Mutant(
        name="grade: an assumption is graded A unnoticed",
        file="src/exocast/evidence/checks.py",
        old='if row.source == "assumption" and row.grade != "E":',
        new='if row.source == "assumption" and row.grade == "Z":',
        test="tests/evidence/test_checks.py::test_each_fault_is_found_by_its_code",
    ),
    Mutant(
        name="grade: weak evidence of an effect keeps its weight",
        file="src/exocast/patient/effect.py",
        old="return replace(row, value=row.value * grade.slab_weight)",
        new="return row",
        test="tests/patient/test_effect.py::"
        "test_default_prior_has_mass_at_zero_and_a_shrunk_favourable_slab",
    ),
    Mutant(
        name="grade: weak evidence widens the tail of benefit",
        file="src/exocast/patient/effect.py",
        old="spread=tuple(s / grade.widening for s in row.spread)",
        new="spread=tuple(s * grade.widening for s in row.spread)",
        test="tests/laws/test_effect_laws.py::"
        "test_chance_of_a_useful_effect_never_rises_when_the_grade_falls",
    ),
    Mutant(
        name="spike: an effect where there is none",
        file="src/exocast/patient/effect.py",
        old="np.where(values[WEIGHT] > 0, values[SLAB], 0.0)",
        new="np.where(values[WEIGHT] >= 0, values[SLAB], 0.0)",
        test="tests/patient/test_effect.py::"
        "test_default_prior_has_mass_at_zero_and_a_shrunk_favourable_slab",
    ),
    Mutant(
        name="error: the baseline scan has none",
        file="src/exocast/patient/outcomes.py",
        old='values["outcomes.mri_error"][..., None] * (scan - first)',
        new='values["outcomes.mri_error"][..., None] * scan',
        test="tests/patient/test_outcomes.py::"
        "test_scans_have_the_error_of_two_scans_and_a_baseline_of_one_hundred",
    ),
    Mutant(
        name="regression: people stay as they were measured",
        file="src/exocast/patient/outcomes.py",
        old="before.mu + reliable * (at_entry - before.mu)",
        new="before.mu + (at_entry - before.mu)",
        test="tests/patient/test_outcomes.py::"
        "test_regression_to_the_mean_is_that_of_the_entry_and_the_error",
    ),
    Mutant(
        name="arm: no injection gets the procedure",
        file="src/exocast/patient/outcomes.py",
        old="    if injected:\n        pain = pain + procedure(",
        new="    if True:\n        pain = pain + procedure(",
        test="tests/patient/test_outcomes.py::test_no_injection_is_the_natural_course",
    ),
    Mutant(
        name="chance: people are drawn anew in every world",
        file="src/exocast/evidence/chance.py",
        old="            deviation = value_of(between, people[between.key])[patient]",
        new="            deviation = value_of(between, normal_scores(seed, key, len(patient)))",
        test="tests/evidence/test_chance.py::test_a_patient_keeps_their_score_in_every_world",
    ),
    Mutant(
        name="arm: saline gets the vesicles too",
        file="src/exocast/patient/forecast.py",
        old='doses=_doses(plan, worlds) if arm == "vial" else None',
        new="doses=_doses(plan, worlds)",
        test="tests/laws/test_forecast_laws.py::test_only_the_vial_arm_brings_vesicles",
    ),
    Mutant(
        name="dose: an injection replaces what is there",
        file="src/exocast/engine/batch/driver.py",
        old="m.y[target, lane] = m.y[target, lane] + value",
        new="m.y[target, lane] = value",
        test="tests/analytic/test_closed_forms.py::test_one_compartment_with_repeated_doses",
    ),
    Mutant(
        name="engine: outputs within a step are those of its start",
        file="src/exocast/engine/batch/driver.py",
        old="theta = where(due, theta, 0.0)",
        new="theta = where(due, 0.0, 0.0)",
        test="tests/analytic/test_closed_forms.py::test_bateman",
    ),
    Mutant(
        name="engine: a sign of the Jacobian",
        file="src/exocast/engine/batch/sparse.py",
        old="found[i, j] = graph.sub(entry, shift) if i == j else entry",
        new="found[i, j] = graph.add(entry, shift) if i == j else entry",
        test="tests/engine/batch/test_method.py::"
        "test_the_engine_converges_with_order_five_and_its_interpolant_with_four",
    ),
    Mutant(
        name="arm: the difference is control minus product",
        file="src/exocast/study/summary.py",
        old="difference = change[result.arms.index(arm)] - change[control]",
        new="difference = change[control] - change[result.arms.index(arm)]",
        test="tests/study/test_summary.py::"
        "test_difference_is_arm_minus_control_and_recovers_the_truth",
    ),
    Mutant(
        name="interval: patients count as knowledge missing",
        file="src/exocast/study/summary.py",
        old="np.sqrt(np.clip(1 - share, 0.0, 1.0))",
        new="np.ones_like(share)",
        test="tests/study/test_summary.py::test_interval_shows_the_worlds_and_not_the_patients",
    ),
    Mutant(
        name="responders: harm counts",
        file="src/exocast/study/summary.py",
        old="share = (sign * change[at] >= person)",
        new="share = (-sign * change[at] >= person)",
        test="tests/study/test_summary.py::"
        "test_responders_count_changes_beyond_the_threshold_of_a_person",
    ),
    Mutant(
        name="prior: the literature is the default",
        file="src/exocast/evidence/rows.py",
        old='    if prior == "default":\n        return tuple(plain)\n',
        new="",
        test="tests/evidence/test_rows.py::test_the_literature_prior_replaces_only_what_it_names",
    ),
    Mutant(
        name="house: the vial looks to its right",
        file="src/exocast/vial/names.py",
        old="import re\n",
        new="import re\n\nimport exocast.study.trial\n",
        test="tests/house/test_imports.py::test_every_room_imports_from_its_left_only",
    ),
    Mutant(
        name="house: a row cites a source that nobody knows",
        file="src/exocast/patient/thresholds.csv",
        old="mcii_tubach_via_spa",
        new="mcii_tubac_via_spa",
        test="tests/house/test_tables.py::test_no_table_has_an_error_or_a_warning",
    ),
    Mutant(
        name="certainty: steps down raise it",
        file="src/exocast/evidence/certainty.py",
        old="LEVELS.index(self.start) + steps",
        new="LEVELS.index(self.start) - steps",
        test="tests/evidence/test_certainty.py::"
        "test_steps_down_lower_the_certainty_and_it_stays_on_the_scale",
    ),
    Mutant(
        name="bias: what is unread counts as low",
        file="src/exocast/evidence/bias.py",
        old="    unread = given.count(levels[-1])\n",
        new="    unread = 0\n",
        test="tests/evidence/test_bias.py::test_overall_is_the_tools_rule",
    ),
    Mutant(
        name="harm: a percentage becomes any count that rounds to it",
        file="scripts/transcribe_safety.py",
        old="fits[0] if len(fits) == 1 else None",
        new="fits[0] if fits else None",
        test="tests/evidence/test_safety.py::test_a_percentage_is_a_count_only_when_one_fits",
    ),
    Mutant(
        name="comparators: a lower grade leaves more of a reported effect",
        file="src/exocast/patient/comparators.py",
        old="        return replace(row, value=row.value * grade.slab_centre, spread=narrow)\n",
        new="        return replace(row, value=row.value / grade.slab_centre, spread=narrow)\n",
        test="tests/patient/test_comparators.py::test_weaker_evidence_never_looks_better",
    ),
    Mutant(
        name="comparators: the steroid's course is added the wrong way round",
        file="src/exocast/patient/comparators.py",
        old="share * size + line.value,",
        new="share * size - line.value,",
        test="tests/patient/test_comparators.py::test_the_table_is_what_the_register_gives",
    ),
    Mutant(
        name="register: a scale is not turned round",
        file="src/exocast/evidence/query/groups.py",
        old='-factor if better == "higher" else factor',
        new="factor",
        test="tests/evidence/test_course.py::test_a_scale_with_plus_for_better_is_turned",
    ),
    Mutant(
        name="register: a retracted study weighs",
        file="src/exocast/evidence/query/tables.py",
        old="    if study.retracted:\n",
        new="    if False:\n",
        test="tests/evidence/test_register.py::test_a_retracted_study_is_in_no_pool",
    ),
    Mutant(
        name="register: labels of a data set stay permuted",
        file="src/exocast/evidence/arm_choices.csv",
        old="ha_rct_jubb,ha_rct_jubb,pain_vas,saline placebo",
        new="ha_rct_jubb,ha_rct_jubb,pain_vas,HA",
        test="tests/patient/test_comparators.py::test_arms_are_what_the_register_gives",
    ),
    Mutant(
        name="impact: a study kept for testing moves rows",
        file="src/exocast/patient/impact.py",
        old="        elif study_id in kept:\n",
        new="        elif False:\n",
        test="tests/patient/test_impact.py::test_a_study_kept_for_testing_moves_no_row",
    ),
    Mutant(
        name="body: what macrophages took is not taken from plasma",
        file="src/exocast/body/liver.ant",
        old="take_macrophages: plasma => macrophages;",
        new="take_macrophages: => macrophages;",
        test="tests/laws/test_body_laws.py::test_the_liver_alone_is_one_exponential_of_its_clearance",
    ),
    Mutant(
        name="scoreboard: a percentage is of one, not of the dose",
        file="src/exocast/study/readings.py",
        old="return 100 * found / dose_of(reading, run), PERCENT",
        new="return 100 * found, PERCENT",
        test="tests/study/test_validate.py::test_predictions_are_the_closed_form",
    ),
    Mutant(
        name="scoreboard: a study tests the rows it built",
        file="src/exocast/study/experiment.py",
        old="if triplet.origin.source in named:",
        new="if False:",
        test="tests/study/test_validate.py::test_a_source_of_the_model_is_no_test_of_it",
    ),
    Mutant(
        name="scoreboard: a band of any width is a prediction",
        file="src/exocast/study/validate.py",
        old="wide = not (low > 0 and high / low <= WIDEST)",
        new="wide = False",
        test="tests/study/test_validate.py::test_a_band_wider_than_tenfold_is_no_prediction",
    ),
    Mutant(
        name="scoreboard: the solver's error is a tail",
        file="src/exocast/study/statistics.py",
        old="return np.where(over, 0.0, course)",
        new="return course",
        test="tests/study/test_statistics.py::test_a_course_that_has_ended_has_no_tail_of_noise",
    ),
    Mutant(
        name="fit: rows of one study count as if nothing were shared",
        file="src/exocast/study/fit.py",
        old="shared**2 * (rows - 1) * correlation)",
        new="shared**2 * 0 * correlation)",
        test="tests/study/test_fit.py::test_rows_of_one_study_say_what_their_correlated_errors_would",
    ),
)


def run_tests(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Exit status of pytest on some tests of a tree, its own ``src`` first; and its last line."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    red = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, red[0] if red else ""


def judge(tree: Path, mutant: Mutant) -> str:
    """``killed``, or what is wrong."""
    path = tree / mutant.file
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"there is no file {mutant.file}"
    if mutant.old not in text:
        return "the text to change is not there; bring the mutant up to date"
    try:
        path.write_text(text.replace(mutant.old, mutant.new, 1), encoding="utf-8")
        status, _ = run_tests(tree, [mutant.test])
    finally:
        path.write_text(text, encoding="utf-8")
    if status == RED:
        return "killed"
    return "SURVIVED" if status == FOUND else f"the test did not run (pytest ended with {status})"


def main(words: Sequence[str]) -> int:
    """Judge all mutants, or those whose name holds one of the words."""
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*LEFT_OUT))
        subprocess.run(["git", "init", "-q"], cwd=tree, check=False, capture_output=True)
        print("without a fault:", end=" ", flush=True)
        status, red = run_tests(tree, sorted({m.test for m in chosen}))
        if status != FOUND:
            print(f"a named test is red, so nothing can be said; run make test first. {red}")
            return 3
        print("green")
        bad = 0
        for mutant in chosen:
            start = time.perf_counter()
            verdict = judge(tree, mutant)
            bad += verdict != "killed"
            test = mutant.test.rpartition("::")[2]
            print(
                f"{verdict}: {mutant.name} [{test}] ({time.perf_counter() - start:.0f} s)",
                flush=True,
            )
    print(f"{len(chosen) - bad} of {len(chosen)} faults were caught")
    return 3 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
