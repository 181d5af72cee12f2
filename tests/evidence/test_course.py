"""The course of control arms: which arms and visits it takes, and what it says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from exocast import api
from exocast.errors import InvalidInput, UnknownName
from exocast.evidence.arms import arms_for
from exocast.evidence.course import asked, course, knots_for
from exocast.evidence.register import Register, Result, Study, register
from exocast.report import courses

SALINE = "knee_OA: saline | pain"
SOME = register()


def a_register(*visits: dict[str, object], resolved: bool = True) -> Register:
    """A register with these lines and nothing else."""
    study: Study = next(iter(SOME.studies.values()))
    blank: Result = SOME.results[0]
    empty = dict.fromkeys(("value", "sd", "change", "sd_of_change", "se", "low", "high"))
    results = []
    for i, visit in enumerate(visits):
        line = {
            **empty,
            "study_id": "one",
            "design": "RCT",
            "indication": "knee_OA",
            "intervention": "saline",
            "route": "intra-articular",
            "endpoint": "VAS pain",
            "scale_low": 0.0,
            "scale_high": 10.0,
            "scale_text": "0-10",
            "statistic": "change_mean",
            "n": 25.0,
            "interval": "",
            "note": "",
            "line": i + 2,
            **visit,
        }
        results.append(replace(blank, **line))
    studies = {
        r.study_id: replace(
            study, study_id=r.study_id, doi="10.1/x" if resolved else "", pmid="", pmcid="", nct=""
        )
        for r in results
    }
    return Register(studies=studies, results=tuple(results), status=())


def test_a_query_is_read() -> None:
    found = asked("knee_OA: saline | VAS pain | 4-26 weeks")
    assert (found.given, found.endpoint) == ("saline", "VAS pain")
    assert (found.first_week, found.last_week) == (4, 26)
    assert asked(SALINE).last_week == 52


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("knee_OA", "form"),
        ("knee_OA: saline", "form"),
        (": saline | pain", "form"),
        ("knee_OA: saline | pain | change | 1-52 weeks", "form"),
        ("knee_OA: saline | pain | soon", "no weeks"),
        ("knee_OA: saline | pain | 26-4 weeks", "no stretch of time"),
        ("knee_OA: saline | pain | 0-4 weeks", "no stretch of time"),
    ],
)
def test_other_queries_are_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        asked(text)


def test_an_arm_counts_once_at_each_visit() -> None:
    found = course(SALINE, unresolved=True)
    for arm in found.arms:
        assert len(set(arm.weeks)) == len(arm.weeks)
        assert (np.diff(arm.weeks) > 0).all() and arm.weeks[0] >= 1 and arm.weeks[-1] <= 52
    assert len({arm.label for arm in found.arms}) == len(found.arms)
    techniques = [arm for arm in found.arms if arm.study_id == "cingal1301"]
    assert [arm.n for arm in techniques] == [14, 26, 29]


def test_a_spread_comes_from_what_is_printed() -> None:
    made = a_register(
        {"week": 0.0, "statistic": "mean_sd", "value": 6.0, "sd": 2.0},
        {"week": 2.0, "statistic": "mean_sd", "value": 4.0, "sd": 2.0},
        {"week": 4.0, "change": -2.5, "sd_of_change": 2.5},
        {"week": 6.0, "change": -3.0, "se": 0.4},
        {"week": 8.0, "change": -3.0, "low": -3.98, "high": -2.02, "interval": "ci95"},
        {"week": 8.0, "change": -9.0, "se": 0.1},  # the same visit again
        {"week": 12.0, "change": -3.0},  # no spread
        {"week": 60.0, "change": -3.0, "se": 0.4},  # beyond the question
    )
    [arm] = course(SALINE, made).arms
    assert arm.weeks == pytest.approx([2, 4, 6, 8])
    assert arm.values == pytest.approx([-20, -25, -30, -30])
    # With a correlation of 0.4 the variance of a change is 1.2 times that of a visit.
    assert arm.standard_errors == pytest.approx([4 * math.sqrt(1.2), 5, 4, 5], abs=1e-3)


def test_a_baseline_may_leave_its_route_unsaid_but_not_have_another() -> None:
    visit = {"week": 4.0, "statistic": "mean_sd", "value": 4.0, "sd": 2.0}
    before = {**visit, "week": 0.0, "value": 6.0}
    [arm] = course(SALINE, a_register({**before, "route": ""}, visit)).arms
    assert arm.values == pytest.approx([-20])
    found = course(SALINE, a_register({**before, "route": "subcutaneous"}, visit))
    assert not found.arms and "no baseline" in found.left_out[-1].why
    # The line at baseline is no arm that was left out.
    assert not course(SALINE, a_register({**before, "route": ""}, visit)).left_out


def test_a_scale_with_plus_for_better_is_turned() -> None:
    line = {"week": 4.0, "change": 8.0, "se": 2.0, "endpoint": "WOMAC pain change"}
    made = a_register({**line, "scale_high": 100.0, "scale_text": "0-100, plus is better"})
    assert course(SALINE, made).arms[0].values == pytest.approx([-8])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"design": "meta-analysis"}, "a pool"),
        ({"intervention": "PRP vs saline"}, "a difference"),
        ({"week": 104.0}, "no visit in these weeks"),
        ({"statistic": "qualitative", "change": None}, "only a direction"),
        ({"scale_low": None}, "scale is not known"),
        ({"se": None}, "no change with a spread"),
    ],
)
def test_what_is_left_out_says_why(line: dict[str, object], why: str) -> None:
    found = course(SALINE, a_register({"week": 4.0, "change": -1.0, "se": 0.5, **line}))
    assert found.course is None and not found.arms
    assert why in found.left_out[0].why
    with pytest.raises(InvalidInput, match="no arm"):
        found.mean([4])


def test_unresolved_studies_weigh_nothing_unless_asked_for() -> None:
    made = a_register({"week": 4.0, "change": -1.0, "se": 0.5}, resolved=False)
    assert course(SALINE, made).course is None
    assert course(SALINE, made, unresolved=True).course is not None
    whole = register()
    assert all(whole.study(arm.study_id).resolved for arm in course(SALINE).arms)


def test_studies_that_test_the_forecast_can_be_left_out() -> None:
    tested = {arm.study_id for arm in arms_for("prediction")}
    found = course(SALINE, unresolved=True, prediction=False)
    assert found.arms and not tested & {arm.study_id for arm in found.arms}
    assert any("tested" in one.why for one in found.left_out)
    assert tested <= {arm.study_id for arm in course(SALINE).arms}


def test_the_correlation_of_visits_hardly_moves_the_mean() -> None:
    middle = course(SALINE).mean([6, 13, 26])[0]
    for correlation in (0.2, 0.8):
        assert (
            np.abs(course(SALINE, correlation=correlation).mean([6, 13, 26])[0] - middle).max() < 1
        )


def test_a_study_seen_once_moves_no_knot() -> None:
    weeks, studies = [2, 12, 26, 2, 26, 52], ["a", "a", "a", "b", "b", "c"]
    assert knots_for(weeks, studies) == (2, 13, 26)
    assert knots_for([*weeks, 26], [*studies, "c"]) == (2, 13, 26, 52)
    assert knots_for([4, 8], ["a", "b"]) == (4,)


def test_one_study_gives_a_mean_without_a_spread() -> None:
    made = a_register(*({"week": w, "change": -1.0 - w / 10, "se": 0.5} for w in (2.0, 6.0, 13.0)))
    found = course(SALINE, made)
    record = courses.record(SALINE, found)
    assert record["structure"] == "none" and record["tau"] == 0
    assert record["course"][0]["low"] is None
    assert "One study says nothing" in courses.course_text(record)
    assert courses.figure(record).svg.startswith("<svg")


def test_a_word_that_no_line_has_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"treatment 'sline'.*'saline"):
        course("knee_OA: sline | pain")
    with pytest.raises(UnknownName, match=r"indication 'kne_OA'.*'knee_OA'"):
        course("kne_OA: saline | pain")
    with pytest.raises(UnknownName, match="end point 'pian'"):
        course("knee_OA: saline | pian")


def test_too_few_visits_list_the_arms_without_a_course() -> None:
    visits = [("one", 6.0), ("one", 12.0), ("one", 24.0), ("two", 52.0)]
    made = a_register(
        *({"study_id": name, "week": w, "change": -1.0 - w / 50, "se": 0.5} for name, w in visits)
    )
    found = course(SALINE, made)
    assert found.course is None and len(found.arms) == 2
    words = courses.course_text(courses.record(SALINE, found))
    assert "4 visits of 2 studies are too few for a course" in words
    assert "one, saline" in words and "two, saline" in words and "CAR" not in words
    with pytest.raises(InvalidInput, match="4 visits"):
        found.mean([6])
    with pytest.raises(InvalidInput, match="no course to draw: 4 visits"):
        courses.figure(courses.record(SALINE, found))


def test_fewer_knots_serve_where_visits_do_not_carry_all() -> None:
    visits = [("one", 2.0), ("one", 6.0), ("one", 13.0), ("two", 2.0), ("two", 26.0)]
    made = a_register(
        *({"study_id": name, "week": w, "change": -1.0 - w / 50, "se": 0.5} for name, w in visits)
    )
    found = course(SALINE, made)
    assert found.knots == (2.0, 26.0) and found.course is not None and not found.warnings


def test_one_error_at_every_visit_is_doubted() -> None:
    def arm(errors: list[float]) -> Register:
        return a_register(
            *(
                {"week": 2.0 + i, "change": -1.0 - i / 10, "se": error}
                for i, error in enumerate(errors)
            )
        )

    found = course(SALINE, arm([0.5] * 4))
    assert found.arms[0].how.endswith("the same error listed at every visit: doubtful")
    [said] = found.warnings
    assert "of one: doubtful" in said
    record = courses.record(SALINE, found)
    assert record["warnings"] == [said] and said in courses.course_text(record)
    for errors in ([0.5] * 3, [0.5, 0.5, 0.5, 0.6]):
        fine = course(SALINE, arm(errors))
        assert fine.arms[0].how == "printed standard error" and not fine.warnings


def test_arms_that_agree_give_their_course() -> None:
    visits = [
        {"study_id": name, "week": week, "change": -week / 4, "se": 0.3}
        for name in ("one", "two", "three", "four")
        for week in (2.0, 6.0, 13.0)
    ]
    found = course(SALINE, a_register(*visits))
    mean, low, high = found.mean([2, 6, 13])
    assert mean == pytest.approx([-5, -15, -32.5])
    assert found.course is not None and found.course.tau_at(6) == pytest.approx(0, abs=1e-4)
    # Without spread between studies the interval is that of four errors, with t of 3.
    assert high - low == pytest.approx(np.full(3, 2 * 3.1824 * 3 / math.sqrt(4)), rel=1e-3)


def test_the_record_and_the_figure_show_the_same(tmp_path) -> None:
    made = api.evidence_course(SALINE, unresolved=True, forecast=True, plot=tmp_path / "course.svg")
    weeks = [point["week"] for point in made["course"]]
    assert weeks == [float(w) for w in range(1, 53)]
    assert [point["week"] for point in made["forecast"]] == weeks
    for point in made["course"]:
        assert point["prediction_low"] < point["low"] < point["mean"] < point["high"]
    assert all(p["low"] < p["mean"] < p["high"] for p in made["forecast"])
    assert (tmp_path / "course.svg").read_text("utf-8").startswith("<svg")
    words = courses.course_text(made)
    assert "beside the pool" in words and "holds regression to the mean" in words
    nothing = course(SALINE, a_register({"week": 4.0, "change": -1.0}))
    with pytest.raises(InvalidInput, match="no arm to draw"):
        courses.figure(courses.record(SALINE, nothing))
    with pytest.raises(InvalidInput, match=r"'course\.png' does not end in \.svg"):
        api.evidence_course(SALINE, plot=tmp_path / "course.png")
    assert not (tmp_path / "course.png").exists()
