"""Questions to the register: what is pooled, with which numbers, and what is said about it."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trials import QUERY, line, made, many, register_of, trial

from exocast import api
from exocast.errors import InvalidInput, UnknownName
from exocast.evidence.bias import assessments
from exocast.evidence.query import (
    Answer,
    answer,
    assumed,
    better_of,
    checks,
    kept_for_prediction,
    node_of,
    parts,
    question,
    shown,
    slope,
)
from exocast.evidence.query.contrasts import plus_is_better
from exocast.evidence.query.groups import change, combined, events, level
from exocast.evidence.query.match import is_given, says, sides
from exocast.evidence.query.spread import pooled_over
from exocast.evidence.register import FOLDER, Result, register
from exocast.evidence.synthesis import (
    Effects,
    egger,
    mantel_haenszel,
    pool,
    regress,
    selection_model,
    trim_and_fill,
)
from exocast.report.evidence_pools import record

NORMAL = 1.959964


def one(found: Answer, study: str) -> float:
    return next(e.value for e in found.entries if e.study_id == study)


def reason(found: Answer, study: str) -> str:
    return next(e.how for e in found.left_out if e.study_id == study)


def test_a_side_that_no_study_has_is_named() -> None:
    whole = made(*trial("one", 4.0, 5.0), line("two", "blood", 12.0, indication="elbow"))
    with pytest.raises(UnknownName, match="for knee has the treatment 'blood'"):
        answer("knee: PRP vs blood | VAS | difference | any time", whole)
    elsewhere = made(*trial("one", 4.0, 5.0), line("two", "blood", 12.0, endpoint="WOMAC"))
    [said] = answer("knee: PRP vs blood | VAS | difference | any time", elsewhere).warnings
    assert "No study has 'blood'" in said and "of 'PRP' there are one" in said
    apart = made(line("one", "PRP", 12.0, value=4.0), line("two", "blood", 12.0, value=4.0))
    [said] = answer("knee: PRP vs blood | VAS | difference | any time", apart).warnings
    assert said == "No study has both 'PRP' and 'blood' in these weeks."
    [said] = answer("knee: PRP vs blood | VAS | difference | 30 weeks", apart).warnings
    assert said == "Nothing was measured in these weeks; there are the weeks 12."


def test_spreads_of_one_way_are_one_unit() -> None:
    def study(name: str, way: str, **fields: object) -> list[Result]:
        return [
            line(name, arm, 12.0, statistic=way, **{"n": 20.0, **fields})
            for arm in ("PRP", "saline placebo")
        ]

    unit = "not the same unit"
    error = study("a", "change_mean", change=-2.0, se=0.5)
    spread = study("b", "change_mean", change=-2.5, sd_of_change=2.0)
    visit = study("c", "mean_sd", value=4.0, sd=2.0)
    query = "knee: PRP vs saline | VAS | smd | 8-18 weeks"
    found = answer(query, made(*error, *spread))
    assert len({e.how for e in found.entries}) == 2
    assert not any(unit in said for said in found.warnings)
    assert any(unit in said for said in answer(query, made(*error, *visit)).warnings)


def test_the_same_error_at_every_visit_is_doubted_and_named() -> None:
    query = "knee_OA: HA vs saline | pain | {} | 8-18 weeks"
    for statistic in ("difference", "smd"):
        found = answer(query.format(statistic))
        [said] = [w for w in found.warnings if "same standard error" in w]
        assert "ha_rct_altman2" in said and "altman1" not in said
        how = {e.study_id: e.how for e in found.entries}
        assert "at every visit: doubtful" in how["ha_rct_altman2"]
        assert "doubtful" not in how["ha_rct_altman1"]
        assert "printed standard error" not in how["ha_rct_altman1"]
        assert "listed standard error" in how["ha_rct_altman1"]


def test_an_error_of_the_trials_own_words_is_printed() -> None:
    lines = [line("one", "PRP", 12.0, statistic="change_mean", change=-2.0, se=0.5, place=place)
             for place in ("Table 2", "data set x of y")]  # fmt: skip
    for r, how in zip(lines, ("printed", "listed"), strict=True):
        whole = made(r)
        by_way = replace(whole.studies["one"], via="10.1/x")
        for study, wanted in ((by_way, how), (whole.studies["one"], "printed")):
            some = replace(whole, studies={"one": study})
            assert change(some, some.results[0]).how == f"{wanted} standard error"


def test_errors_at_visits_are_doubted_where_they_never_move() -> None:
    weeks = [(float(week), 4.0 - week / 10) for week in (0, 4, 8, 12)]
    lines = [
        line("one", arm, week, statistic="mean_ci", value=value, se=0.3)
        for arm in ("PRP", "saline placebo")
        for week, value in weeks
    ]
    query = "knee: PRP vs saline | VAS | {} | 12 weeks"
    for statistic in ("difference", "smd"):
        [entry] = answer(query.format(statistic), made(*lines)).entries
        assert "doubtful" in entry.how


def test_a_pool_is_divided_by_the_overall_risk_of_bias() -> None:
    query = "knee_OA: HA vs saline | pain | smd | 8-18 weeks"
    found = answer(query, by="bias")
    judged = assessments()
    for entry in found.entries:
        one_of = judged[entry.study_id]
        assert entry.group.startswith(f"{one_of.overall.judgement} (")
    divided = parts(found, "bias")
    assert sum(part.n_studies for part in divided.parts) == len(found.entries)
    [entry] = answer(QUERY, made(*trial("made_up", 4.0, 5.0)), by="bias").entries
    assert entry.group == "not judged"


# Reading ------------------------------------------------------------------------------------------


def test_two_sides_and_any_time_are_read() -> None:
    asked = question("knee_OA: HA + corticosteroid vs saline | pain | smd | any time")
    assert (asked.given, asked.against, asked.statistic) == ("HA + corticosteroid", "saline", "smd")
    assert asked.inside(None) and asked.inside(900)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("knee: PRP | VAS | diference | 12 weeks", "Did you mean 'difference'"),
        ("knee: PRP | VAS | difference | 12 weeks", "'PRP' names one"),
        ("knee: PRP vs saline | VAS | change | 12 weeks", "names more than one"),
        ("knee: PRP | VAS | change | soon", "neither weeks nor 'any time'"),
        ("knee: saline vs | VAS | difference | 12 weeks", "second side of 'saline vs' is empty"),
        ("knee: vs saline | VAS | difference | 12 weeks", "first side of 'vs saline' is empty"),
        ("knee: a vs b vs c | VAS | smd | 12 weeks", "names more than two"),
        ("knee: saline vs Saline | VAS | smd | 12 weeks", "compares saline with itself"),
    ],
)
def test_a_question_of_another_form_says_what_would_be_read(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        question(text)


def test_the_case_of_a_statistic_does_not_matter() -> None:
    assert question("knee: PRP | VAS | Change | 12 weeks").statistic == "change"
    assert question("knee: PRP vs saline | VAS | SMD | 12 weeks").statistic == "smd"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kne_OA: saline | VAS | change | 12 weeks", "indication 'kne_OA'.*Did you mean 'knee_OA'"),
        ("knee_OA: plasmma | VAS | change | 12 weeks", "treatment 'plasmma'.*'plasma'"),
        ("knee_OA: PRP | VASS | change | 12 weeks", "end point 'VASS'.*vas"),
    ],
)
def test_what_the_register_does_not_have_is_answered_with_what_it_has(text: str, said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        answer(text)


def test_weeks_without_a_visit_are_answered_with_the_weeks_there_are() -> None:
    found = answer("knee_OA: PRP | VAS | change | 40 weeks")
    assert found.pooled is None
    assert "6, 12" in found.warnings[0]


def test_an_unknown_field_or_study_is_refused() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'design'"):
        answer(QUERY, by="desing")
    with pytest.raises(UnknownName, match="Did you mean 'dorio2021'"):
        answer(QUERY, leave_out=["dorio2022"])


# Matching -----------------------------------------------------------------------------------------


def test_a_short_word_is_a_whole_word() -> None:
    assert says("HA", "HA 3HY") and not says("HA", "sham chamber")
    assert says("EV", "placental MSC-EV") and says("exosome", "placental MSC-EV")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("saline placebo", "saline"),
        ("PBS placebo", "saline"),
        ("placebo tablet", "placebo tablet"),
        ("saline + bupivacaine", "anaesthetic"),
        ("HA + triamcinolone hexacetonide", "HA + corticosteroid"),
        ("triamcinolone hexacetonide 40 mg", "corticosteroid"),
        ("HA Suprahyal, 5 injections", "HA"),
        ("exosomes + HA", "EV + HA"),
        ("placental MSC-EV", "EV"),
        ("BM-MSC low dose", "MSC"),
        ("placebo injection, subcutaneous at knee", "subcutaneous placebo"),
        ("Celebrex 200 mg", "celecoxib"),
        ("no such thing", ""),
    ],
)
def test_a_text_belongs_to_its_treatment(text: str, node: str) -> None:
    assert node_of(text) == node


def test_the_name_of_a_treatment_means_that_treatment() -> None:
    assert is_given("HA", "HA 3HYGF20")
    assert not is_given("HA", "HA + triamcinolone hexacetonide")
    assert not is_given("saline", "placebo tablet")


def test_sides_of_a_text() -> None:
    assert sides("HA minus PRP") == ("HA", "PRP")
    assert sides("IA saline, pre vs post") is None


# Directions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "better"),
    [
        ("KOOS pain", "higher"),
        ("VISA-A", "higher"),
        ("WOMAC pain", "lower"),
        ("knee pain NRS", "lower"),
        ("pain-free, percent", "higher"),
        ("ADAS-cog", "lower"),
        ("MMSE", "higher"),
        ("NIHSS", "lower"),
        ("ECCA score change", "lower"),
        ("elasticity, percent change", "higher"),
        ("hair density", "higher"),
        ("time to wound closure", "lower"),
        ("wound closure, percent", "higher"),
        ("serious adverse events", "lower"),
        ("patients developing donor-specific antibodies, percent", "lower"),
        ("function", ""),
        ("T2 patella", ""),
    ],
)
def test_which_way_an_end_point_is_better(endpoint: str, better: str) -> None:
    some = [r for r in register().results if r.endpoint == endpoint]
    assert some and {better_of(replace(r, scale_text="", note="")) for r in some} == {better}


def test_end_points_of_unknown_direction_are_these() -> None:
    unknown = {r.endpoint for r in register().results if not better_of(r)}
    assert {u for u in unknown if "class:" not in u} == {
        "B cells with intracellular TNF-alpha",
        "CD3 count change, percent",
        "CRP change, percent",
        "D-dimer change, percent",
        "OARSI score, subchondral bone, CTX-II",
        "SRM of quantitative medial tibiofemoral cartilage",
        "T2 lateral femoral condyle",
        "T2 lateral tibial plateau",
        "T2 medial femoral condyle",
        "T2 medial tibial plateau",
        "T2 patella",
        "arm sizes and dose",
        "arrhythmia",
        "cartilage quality",
        "clinical indices",
        "collagen deposition",
        "constipation",
        "design facts",
        "dose in ug",
        "dose plan",
        "dose range in the included studies",
        "eGFR, creatinine, UACR, TNF-alpha, IL-10, TGF-beta1",
        "fatigue",
        "ferritin change, percent",
        "fibrocartilage area, percent",
        "function",
        "functional tests, tract connectivity, repair markers",
        "lymphocyte count",
        "melanin, percent change",
        "neutrophil count change, percent",
        "self-reported function",
        "serum TNF-alpha",
        "share of people, percent",
        "share who had a glucocorticoid injection, percent",
        "sleeplessness",
        "tibiofemoral cartilage T2",
        "ultrasound tendon structure, percent echo types",
        "urinary CTX-II",
        "viscoelastic part R6, percent change",
        "walking time or distance",
    }


# One group ----------------------------------------------------------------------------------------


def test_a_proportion_has_its_exact_interval() -> None:
    found = answer("fistula: exosomes | closed | proportion | any time")
    [entry] = found.entries
    assert (entry.events, entry.count) == (12, 20)
    # Clopper and Pearson, 12 of 20.
    assert shown(found.question, entry.low) == pytest.approx(36.05, abs=0.01)
    assert shown(found.question, entry.high) == pytest.approx(80.88, abs=0.01)
    assert found.pooled is not None
    assert shown(found.question, found.pooled.value) == pytest.approx(60.0)


def test_a_fraction_in_the_note_goes_before_the_people() -> None:
    tracts = next(r for r in register().results if r.endpoint == "tracts closed")
    counted = events(tracts)
    assert (counted.events, counted.n) == (30, 43)  # tracts, of 20 people


def test_no_event_at_all_gives_an_exact_upper_end() -> None:
    lines = [
        line(name, "exosomes", 12, statistic="count", value=0.0, n=n, endpoint="adverse events")
        for name, n in (("a", 10.0), ("b", 14.0))
    ]
    found = answer("knee: exosomes | adverse | proportion | 12 weeks", made(*lines))
    assert found.pooled is not None
    assert shown(found.question, found.pooled.value) == 0
    assert shown(found.question, found.pooled.interval[1]) == pytest.approx(14.2, abs=0.05)
    assert any("one risk is common" in w for w in found.warnings)


def test_arms_of_one_study_are_one_group() -> None:
    rng = np.random.default_rng(3)
    samples = [rng.normal(4, 2, 18), rng.normal(6, 1, 11), rng.normal(5, 3, 25)]
    groups = [
        level(line("a", f"PRP x{i}", 12, value=x.mean(), sd=x.std(ddof=1), n=float(len(x))))
        for i, x in enumerate(samples)
    ]
    every, joined = np.concatenate(samples), combined(groups)
    assert joined.mean == pytest.approx(every.mean())
    assert joined.n == len(every)
    assert math.sqrt(joined.variance(0.4) * joined.n) == pytest.approx(every.std(ddof=1))


def test_parts_of_the_people_are_not_added_to_the_whole() -> None:
    found = answer("Alzheimer: placebo | ADAS | change | 24 weeks", unresolved=True)
    [entry] = [e for e in found.entries if e.study_id == "rivastigmine_vrf2011"]
    assert entry.n == 281 and entry.value == pytest.approx(100 * 0.97 / 70)
    stroke = answer("stroke: usual care | mRS | change | 13 weeks", unresolved=True)
    [entry] = [e for e in stroke.entries if e.study_id == "esd_bergen2014"]
    assert entry.n == 71 and entry.value == pytest.approx(100 * (2.62 - 2.66) / 6)


def test_by_keeps_arms_apart() -> None:
    lines = [
        line("a", f"PRP {p}", 12, change=c, sd_of_change=2.0, product_source=p)
        for p, c in (("x", -1.0), ("y", -3.0))
    ]
    together = answer("knee: PRP | VAS | change | 12 weeks", made(*lines))
    apart = answer("knee: PRP | VAS | change | 12 weeks", made(*lines), by="product_source")
    assert len(together.entries) == 1 and [e.group for e in apart.entries] == ["x", "y"]
    assert any("as if of different studies" in w for w in apart.warnings)


# The correlation of visits ------------------------------------------------------------------------


def test_the_assumed_correlation_is_that_of_the_population_table() -> None:
    with (FOLDER / "population.csv").open(encoding="utf-8", newline="") as file:
        found = [
            float(row["r"])
            for row in csv.DictReader(file)
            if row["source_doi_or_pmcid"] == "PMC8611484"
            and row["correlation_with"].endswith("(same person)")
        ]
    assert len(found) == 8
    given_ = assumed()
    assert math.tanh(np.mean(np.arctanh(found))) == pytest.approx(given_.value, abs=0.005)
    assert (given_.low, given_.high) == (min(found), max(found))


def test_points_of_the_correlation_have_its_mean_and_spread() -> None:
    points, weights = assumed().points()
    z = np.arctanh(points)
    mean = weights @ z
    assert mean == pytest.approx(math.atanh(assumed().value))
    spread = (math.atanh(assumed().high) - math.atanh(assumed().low)) / (2 * NORMAL)
    assert math.sqrt(weights @ (z - mean) ** 2) == pytest.approx(spread)


def test_a_change_from_both_visits_carries_the_correlation() -> None:
    whole = made(*trial("a", 4.0, 5.0), *trial("b", 2.0, 5.5, n=40), *trial("c", 5.0, 5.2, n=9))
    found = answer("knee: PRP | VAS | change | 12 weeks", whole)
    entry = found.entries[0]
    r = assumed().value
    assert entry.value == pytest.approx(-20.0)
    assert entry.standard_error**2 == pytest.approx(100 * (1.5**2 + 2**2 - 2 * r * 1.5 * 2) / 20)
    # By hand: pools at the points, then their mean, and both variances.
    points, weights = assumed().points()
    n = np.array([20.0, 40.0, 9.0])
    pools = [
        pool(
            Effects(
                values=np.array([-20.0, -40.0, -10.0]),
                variances=100 * (6.25 - 6 * x) / n,
                measure="",
            )
        )
        for x in points
    ]
    values = np.array([p.value for p in pools])
    mean = weights @ values
    between = weights @ (values - mean) ** 2
    within = weights @ np.array([p.standard_error**2 for p in pools])
    assert found.pooled is not None
    assert found.pooled.value == pytest.approx(mean)
    assert found.pooled.standard_error == pytest.approx(math.sqrt(within + between))
    assert found.correlation_share == pytest.approx(100 * between / (within + between))
    assert found.correlation_share > 0


def test_a_printed_spread_needs_no_correlation() -> None:
    assert answer("knee_OA: saline | VAS | change | 12-26 weeks").correlation_share is None
    effects = Effects(values=np.array([1.0, 2.0]), variances=np.array([1.0, 2.0]), measure="")
    same, share = pooled_over(lambda r: effects, needed=True, method="REML", test="normal")
    assert same.value == pytest.approx(pool(effects, test="normal").value)
    assert share == pytest.approx(0.0, abs=1e-12)


# Two groups ---------------------------------------------------------------------------------------


def test_a_difference_of_changes_by_hand() -> None:
    found = answer("knee_OA: PRP vs saline | VAS | difference | 20-26 weeks")
    [entry] = found.entries
    assert entry.value == pytest.approx(-29.0 + 35.0)
    assert entry.standard_error == pytest.approx(math.sqrt(25.0**2 / 20 + 33.0**2 / 21))
    assert entry.n == 41


def test_groups_of_one_treatment_are_joined_before_they_are_compared() -> None:
    # Three injection techniques in each arm.
    found = answer("knee_OA: HA vs saline | pain | difference | 12 weeks")
    arms = {
        name: [
            r
            for r in register().results_of("cingal1301")
            if r.intervention == name and r.week == 12 and r.change is not None
        ]
        for name in ("HA", "saline placebo")
    }
    means = {
        name: np.average([r.change for r in rows], weights=[r.n for r in rows])
        for name, rows in arms.items()
    }
    assert one(found, "cingal1301") == pytest.approx(means["HA"] - means["saline placebo"])
    [cingal] = [e for e in found.entries if e.study_id == "cingal1301"]
    assert "3 and 3 groups" in cingal.how


def test_a_printed_difference_goes_before_the_arms() -> None:
    found = answer("knee_OA: PRP vs saline | NRS | difference | 52 weeks")
    [entry] = found.entries
    assert entry.value == pytest.approx(-4.0)
    assert entry.standard_error == pytest.approx(10 * (0.2 + 0.9) / (2 * NORMAL))
    koos = answer("knee_OA: PRP vs saline | KOOS pain | difference | 52 weeks")
    assert one(koos, "bennell2021_restore") == pytest.approx(-3.1)  # 100 is best


def test_the_note_tells_the_sign_of_a_printed_difference() -> None:
    found = answer("knee_OA: HA vs PRP | pain | difference | 8-18 weeks")
    # 0.46 of 20 points, positive: PRP has less pain.
    assert one(found, "raeissadat2021") == pytest.approx(100 * 0.46 / 20)
    lines = {r.study_id: r for r in register().results if sides(r.intervention)}
    assert plus_is_better(lines["bannuru2009"]) is True  # positive favours HA, the first
    assert plus_is_better(lines["raeissadat2021"]) is False
    assert plus_is_better(lines["atm2021"]) is True


def test_standardised_differences_and_ratios_are_those_of_the_synthesis() -> None:
    numbers = (3.2, 2.5, 20, 3.1, 2.6, 21)
    by_hand = Effects.standardised_mean_difference(*numbers)
    found = answer("knee_OA: PRP vs saline | VAS overall | smd | 24 weeks").entries[0]
    assert found.value == pytest.approx(by_hand.values[0])
    assert found.standard_error**2 == pytest.approx(by_hand.variances[0])
    ratio = answer("knee_OA: PRP vs saline | VAS overall | ratio | 24 weeks")
    assert ratio.pooled is not None
    assert ratio.pooled.shown()[0] == pytest.approx(3.2 / 3.1)
    none = answer("knee_OA: PRP vs saline | KOOS pain | ratio | 52 weeks")
    assert "zero means that nothing is there" in reason(none, "bennell2021_restore")


@pytest.mark.parametrize(
    ("statistic", "value", "variance"),
    [
        ("risk ratio", math.log((25 / 48) / (12 / 42)), 1 / 25 - 1 / 48 + 1 / 12 - 1 / 42),
        ("odds ratio", math.log(25 * 30 / (23 * 12)), 1 / 25 + 1 / 23 + 1 / 12 + 1 / 30),
        (
            "risk difference",
            25 / 48 - 12 / 42,
            25 * 23 / 48**3 + 12 * 30 / 42**3,
        ),
    ],
)
def test_events_of_two_groups_by_hand(statistic: str, value: float, variance: float) -> None:
    query = f"diabetic foot: hyperbaric vs placebo | healed | {statistic} | 52 weeks"
    [entry] = answer(query).entries
    assert entry.value == pytest.approx(value)
    assert entry.standard_error**2 == pytest.approx(variance)
    assert (entry.first, entry.second) == ("25/48", "12/42")


def test_printed_ratios_are_used_with_their_interval() -> None:
    for statistic, tag in (("odds ratio", "effect_or"), ("risk ratio", "rr"),
                           ("hazard ratio", "effect_hr")):  # fmt: skip
        whole = made(
            line("a", "EV vs placebo", 12, statistic=tag, value=0.5, low=0.25, high=1.0,
                 interval="ci95", endpoint="death"),
        )  # fmt: skip
        found = answer(f"knee: placebo vs EV | death | {statistic} | 12 weeks", whole)
        assert found.pooled is not None
        assert found.pooled.shown()[0] == pytest.approx(2.0)
        assert found.entries[0].standard_error == pytest.approx(math.log(4) / (2 * NORMAL))


def test_a_study_without_events_on_either_side_says_nothing_on_a_ratio() -> None:
    def arms(name: str, first: float, second: float) -> list[Result]:
        return [
            line(name, arm, 12, statistic="count", value=x, n=30.0, endpoint="infection")
            for arm, x in (("PRP", first), ("saline", second))
        ]

    whole = made(*arms("none", 0, 0), *arms("some", 0, 3), *arms("more", 2, 4))
    query = "knee: PRP vs saline | infection | odds ratio | 12 weeks"
    found = answer(query, whole)
    assert "no event on either side" in reason(found, "none")
    assert "a half added" in found.entries[0].how
    printed = record(query, found, method="REML", test="normal")["mantel_haenszel"]
    by_hand = mantel_haenszel([0, 2], [30, 30], [3, 4], [30, 30])
    assert printed["value"] == pytest.approx(by_hand.shown()[0])
    # A difference of risks can use it.
    assert len(answer(query.replace("odds ratio", "risk difference"), whole).entries) == 3


def test_a_subgroup_is_not_the_trial() -> None:
    found = answer("COVID: ExoFlo vs placebo | mortality | risk ratio | any time")
    assert found.pooled is None and found.left_out
    subgroup = made(
        line("a", "EV vs placebo, subgroup", 12, statistic="rr", value=0.4, low=0.2, high=0.9,
             interval="ci95"),
    )  # fmt: skip
    found = answer("knee: EV vs placebo | VAS | risk ratio | 12 weeks", subgroup)
    assert reason(found, "a") == "a subgroup, not the trial"


def test_a_pool_of_studies_stands_below_and_never_inside() -> None:
    found = answer("knee_OA: PRP vs HA | WOMAC pain | difference | 8-60 weeks")
    assert {p.study_id for p in found.published} == {"prp_vs_ha_ma2018"}
    assert {e.study_id for e in found.entries} == {"raeissadat2021"}


def test_a_paired_study_is_flagged() -> None:
    found = answer("acne: exosome vs control | IGA | odds ratio | 12 weeks")
    assert found.entries[0].paired and "different people" in found.entries[0].how
    assert any("same people" in w for w in found.warnings)


def test_another_use_of_a_pool_is_refused() -> None:
    with pytest.raises(InvalidInput, match="calibration is"):
        api.evidence_pool(QUERY, used_for="prediction")
    kept = api.evidence_pool(QUERY, used_for="calibration")
    assert "dorio2021" in {e["study_id"] for e in kept["left_out"]}


def test_what_is_left_out_by_name_says_so() -> None:
    query = "knee_OA: PRP vs saline | pain | difference | 8-60 weeks"
    assert {"dorio2021", "bennell2021_restore", "cingal1301"} <= kept_for_prediction()
    found = answer(query, leave_out=kept_for_prediction())
    assert found.pooled is None
    assert reason(found, "dorio2021") == "left out by name"


# Laws ---------------------------------------------------------------------------------------------

ends = st.floats(0.5, 9.5)
trials = st.lists(st.tuples(ends, ends, st.integers(5, 90)), min_size=2, max_size=5)


def same(a: Answer, b: Answer, sign: float = 1.0) -> None:
    assert a.pooled is not None and b.pooled is not None
    assert a.pooled.value == pytest.approx(sign * b.pooled.value, abs=1e-6)
    assert a.pooled.standard_error == pytest.approx(b.pooled.standard_error, rel=1e-6, abs=1e-9)


@settings(max_examples=15)
@given(trials, st.randoms())
def test_the_order_of_lines_does_not_matter(numbers, random) -> None:
    lines = register_of(numbers)
    mixed = lines.copy()
    random.shuffle(mixed)
    same(answer(QUERY, made(*lines)), answer(QUERY, made(*mixed)))


@settings(max_examples=15)
@given(trials)
def test_a_scale_turned_round_gives_the_same_difference(numbers) -> None:
    lines = register_of(numbers)
    turned = [replace(r, value=10 - r.value, scale_text="0-10 (100 best)") for r in lines]
    same(answer(QUERY, made(*lines)), answer(QUERY, made(*turned)))
    unsaid = [replace(r, value=10 - r.value) for r in lines]
    same(answer(QUERY, made(*lines)), answer(QUERY, made(*unsaid)), sign=-1.0)


@settings(max_examples=15)
@given(trials)
def test_sides_swapped_turn_the_sign(numbers) -> None:
    whole = made(*register_of(numbers))
    swapped = QUERY.replace("PRP vs saline", "saline vs PRP")
    same(answer(QUERY, whole), answer(swapped, whole), sign=-1.0)


# How firm it is -----------------------------------------------------------------------------------


def test_few_studies_are_not_checked_for_asymmetry() -> None:
    found = checks(answer(QUERY, made(*register_of([(4, 5, 20), (3, 5, 30), (4, 4, 9)]))))
    assert len(found.without) == 3 and found.asymmetry is None
    assert re.match("3 studies are too few; 10 are needed", found.reasons["asymmetry"])


def test_checks_are_those_of_the_synthesis() -> None:
    found = answer(QUERY, many())
    effects = Effects(
        values=np.array([e.value for e in found.entries]),
        variances=np.array([e.standard_error**2 for e in found.entries]),
        measure="",
    )
    made_ = checks(found)
    assert made_.asymmetry is not None and made_.filled is not None
    assert made_.asymmetry.p == pytest.approx(egger(effects).p)
    assert made_.filled.missing == trim_and_fill(effects).missing
    if made_.selection is not None:
        assert made_.selection.value == pytest.approx(
            selection_model(effects, favoured="below").value
        )
    without = answer(QUERY, many(), leave_out=["trial03"])
    assert without.pooled is not None
    [third] = [w for w in made_.without if w.study_id == "trial03"]
    assert third.value == pytest.approx(without.pooled.value)


def test_proportions_are_not_checked_for_asymmetry() -> None:
    lines = [
        line(f"s{i}", "EV", 12, statistic="count", value=float(i % 4), n=20.0 + 5 * i,
             endpoint="adverse events")
        for i in range(11)
    ]  # fmt: skip
    found = checks(answer("knee: EV | adverse | proportion | 12 weeks", made(*lines)))
    assert found.asymmetry is None and "go together" in found.reasons["asymmetry"]
    assert len(found.without) == 11


def test_a_slope_is_the_regression_of_the_synthesis() -> None:
    whole = many()
    found = answer(QUERY, whole)
    fitted = slope(found, "n", whole)
    effects = Effects(
        values=np.array([e.value for e in found.entries]),
        variances=np.array([e.standard_error**2 for e in found.entries]),
        measure="",
    )
    by_hand = regress(effects, [[e.n for e in found.entries]])
    assert fitted.slope == pytest.approx(by_hand.coefficients[1])
    assert fitted.slope > 0  # small studies show more
    with pytest.raises(UnknownName, match="Did you mean 'year'"):
        slope(found, "yeer", whole)
    with pytest.raises(InvalidInput, match="12 studies have a week, with 1"):
        slope(found, "week", whole)
    with pytest.raises(InvalidInput, match="0 of 12 studies have a dose"):
        slope(found, "dose", whole)


def test_parts_are_pools_of_their_own() -> None:
    lines = register_of([(2, 5, 30), (2.5, 5, 30), (4.8, 5, 30), (5, 5, 30)])
    kinds = {"trial0": "open", "trial1": "open", "trial2": "blind", "trial3": "blind"}
    whole = made(*lines)
    whole = replace(
        whole,
        studies={k: replace(s, design=kinds[k]) for k, s in whole.studies.items()},
    )
    divided = parts(answer(QUERY, whole, by="design"), "design")
    assert [(p.value, p.n_studies) for p in divided.parts] == [("blind", 2), ("open", 2)]
    alone = answer(QUERY, whole, leave_out=["trial0", "trial1"])
    assert alone.pooled is not None
    assert divided.parts[0].pooled.value == pytest.approx(alone.pooled.value)
    assert divided.p < 0.05


def test_too_few_studies_warn() -> None:
    found = answer(QUERY, made(*register_of([(4, 5, 20), (3, 5, 30)])))
    assert any("too few to know" in w for w in found.warnings)
