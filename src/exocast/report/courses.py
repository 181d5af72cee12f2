"""Courses of control arms and quoted pools for people: records, words, a figure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from exocast.errors import InvalidInput
from exocast.evidence.course import CourseFound
from exocast.report.figures import BLUE, FAINT, INK, LINE, ORANGE, Figure, canvas, finished

SIZE = (7.4, 4.6)
FEW = 5  # studies below which their spread is hardly known
MONTHS = 13  # weeks between the ticks of a long course
WIDEST = 72  # letters of an arm's name
ROOM = 8.0  # on 0-100, above and below what is drawn


def record(query: str, found: CourseFound, forecast: Iterable[Mapping[str, float]] = ()) -> Any:
    """What ``evidence course`` prints, as the schema says.

    Parameters
    ----------
    forecast
        The forecast's own course: ``week``, ``mean``, and ``low`` to ``high`` of studies.
    """
    fitted = found.course
    return {
        "query": query,
        "knots": list(found.knots),
        "course": _course(found) if fitted else [],
        "tau": fitted.tau_at(found.knots[-1]) if fitted else None,
        "rho": _known(fitted.rho) if fitted else None,
        "structure": fitted.structure if fitted else "none",
        "correlation": found.correlation,
        "log_likelihood": fitted.log_likelihood if fitted else None,
        "aic": fitted.aic if fitted else None,
        "studies": found.n_studies,
        "arms": [
            {
                "study_id": arm.study_id,
                "label": arm.label,
                "endpoint": arm.endpoint,
                "n": arm.n,
                "how": arm.how,
                "visits": [
                    {"week": float(w), "value": float(v), "standard_error": float(e)}
                    for w, v, e in zip(arm.weeks, arm.values, arm.standard_errors, strict=True)
                ],
            }
            for arm in found.arms
        ],
        "left_out": [
            {"study_id": one.study_id, "label": one.label, "why": one.why} for one in found.left_out
        ],
        "forecast": [dict(point) for point in forecast],
        "warnings": list(found.warnings),
    }


def shown_weeks(found: CourseFound) -> list[float]:
    """First and last week seen, and every whole week between."""
    weeks = np.concatenate([arm.weeks for arm in found.arms])
    first, last = float(weeks.min()), float(weeks.max())
    return sorted({first, last, *(float(w) for w in range(math.ceil(first), math.floor(last) + 1))})


def _course(found: CourseFound) -> list[dict[str, Any]]:
    weeks = shown_weeks(found)
    columns = (*found.mean(weeks), *found.new_study(weeks))
    names = ("mean", "low", "high", "prediction_low", "prediction_high")
    return [
        {"week": week, **dict(zip(names, map(_known, point), strict=True))}
        for week, *point in zip(weeks, *columns, strict=True)
    ]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def course_text(made: Mapping[str, Any]) -> str:
    """A course in words: the mean at its knots, the arms, and what was left out and why."""
    arms, studies = made["arms"], made["studies"]
    lines = []
    if not arms:
        lines.append("No arm of the register answers this with a change and its spread.")
        if any("no identifier" in one["why"] for one in made["left_out"]):
            lines.append("--unresolved takes in studies that no identifier leads to.")
    elif not made["course"]:
        lines += [*made["warnings"], "", *_arms_text(arms)]
    else:
        visits = sum(len(arm["visits"]) for arm in arms)
        counted = f"{_count(len(arms), 'arm')} of {_count(studies, 'study')}"
        lines += [
            f"Change on 0-100, minus is better: {counted}, {_count(visits, 'visit')}.",
            "",
            f"{'week':>6} {'mean':>7}  {'95 % interval':>16}  {'a new study':>16}"
            + (f"  {'forecast':>9}" if made["forecast"] else ""),
            *_rows(made),
            "",
        ]
        if studies < 2:
            lines.append("One study says nothing of how much studies differ.")
        else:
            lines.append(
                f"SD between studies {made['tau']:.1f}"
                + (
                    f"; deviations of a study a week apart correlate by {made['rho']:.3f}."
                    if made["structure"] == "CAR" and made["rho"] is not None
                    else "."
                )
            )
        if 1 < studies < FEW:
            lines.append(f"{studies} studies are too few to know how much studies differ.")
        if made["forecast"]:
            lines.append(
                "The forecast: its own saline arm, entry pain 60 (SD 15), beside the pool."
            )
        lines += [
            "It is a change from baseline: it holds regression to the mean and placebo.",
            *made["warnings"],
            "",
            *_arms_text(arms),
        ]
    if made["left_out"]:
        lines += ["", "Left out:"]
        lines += [f"  {one['label']}: {one['why']}." for one in made["left_out"]]
    return "\n".join(lines) + "\n"


def _arms_text(arms: Sequence[Mapping[str, Any]]) -> list[str]:
    """Arms with their visits, and where the standard errors come from."""
    wide = min(max(len(arm["label"]) for arm in arms), WIDEST)
    lines = [f"{'arm':{wide}} {'n':>5}  weeks: change (SE)"]
    for arm in arms:
        people = "" if arm["n"] is None else f"{arm['n']:g}"
        seen = ", ".join(
            f"{v['week']:g}: {v['value']:.1f} ({v['standard_error']:.1f})" for v in arm["visits"]
        )
        lines.append(f"{arm['label'][:wide]:{wide}} {people:>5}  {seen}")
    return [*lines, "", f"Standard errors: {'; '.join(sorted({arm['how'] for arm in arms}))}."]


def _rows(made: Mapping[str, Any]) -> list[str]:
    """The course at its knots and the last week."""
    course = made["course"]
    own = {point["week"]: point["mean"] for point in made["forecast"]}
    wanted = {*made["knots"], course[-1]["week"]}
    rows = []
    for point in course:
        if point["week"] in wanted:
            interval, new = (
                "not known" if low is None else f"{low:.1f} to {high:.1f}"
                for low, high in (
                    (point["low"], point["high"]),
                    (point["prediction_low"], point["prediction_high"]),
                )
            )
            beside = f"  {own[point['week']]:9.1f}" if own else ""
            rows.append(
                f"{point['week']:6g} {point['mean']:7.1f}  {interval:>16}  {new:>16}{beside}"
            )
    return rows


def _count(count: int, word: str) -> str:
    plural = "studies" if word == "study" else word + "s"
    return f"{count} {word if count == 1 else plural}"


def quoted_text(made: Mapping[str, Any]) -> str:
    """Quoted values beside recomputed ones; then those with none, by synthesis and reason."""
    values = made["values"]
    done = [q for q in values if q["recomputed"] is not None]
    lines = []
    for q in done:
        week = "" if q["week"] is None else f", week {q['week']:g}"
        lines += [
            f"{q['study_id']}, {q['outcome']}{week} ({q['measure']})",
            f"  printed     {_value(q, 'quoted', 'low', 'high', 'k_quoted')}",
            f"  recomputed  {_value(q, 'recomputed', 'low_ours', 'high_ours', 'k_ours')}",
            f"  how: {q['how']}.",
            f"  {q['explanation']}.",
            "",
        ]
    reasons: dict[tuple[str, str], list[str]] = {}
    for q in values:
        if q["recomputed"] is None:
            name = q["outcome"] if q["week"] is None else f"{q['outcome']}, week {q['week']:g}"
            shown = f"{name}: {_value(q, 'quoted', 'low', 'high', 'k_quoted')}"
            reasons.setdefault((q["study_id"], q["explanation"]), []).append(shown)
    if reasons:
        lines.append("Not recomputable:")
        for (study_id, reason), printed in reasons.items():
            lines += [f"  {study_id}: {reason}.", *(f"    {one}" for one in printed)]
    lines.append(f"{len(done)} of {len(values)} values recomputed.")
    return "\n".join(lines) + "\n"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A value with its interval, or what there is of them."""
    shown = "" if value is None else f"{value:g}"
    if low is None or high is None:
        return shown
    ends = f"{low:g} to {high:g}"
    return f"{shown} ({ends})" if shown else ends


def _value(q: Mapping[str, Any], value: str, low: str, high: str, count: str) -> str:
    shown = interval(q[value], q[low], q[high])
    return shown + ("" if q[count] is None else f", {_count(q[count], 'study')}")


def figure(made: Mapping[str, Any]) -> Figure:
    """Arms as thin lines, the pooled course with its interval, and where a new study would lie.

    Raises
    ------
    InvalidInput
        When there is no arm, or visits are too few for a course.
    """
    if not made["arms"]:
        raise InvalidInput("there is no arm to draw.", where="query")
    if not made["course"]:
        raise InvalidInput(f"there is no course to draw: {made['warnings'][0]}", where="query")
    course, own = made["course"], made["forecast"]
    weeks = [point["week"] for point in course]
    last = course[-1]
    words = (
        f"Change over time of {_count(len(made['arms']), 'arm')} of "
        f"{_count(made['studies'], 'study')} for '{made['query']}': pooled mean "
        f"{last['mean']:.1f} at week {last['week']:g}"
        + ("" if last["low"] is None else f", interval {last['low']:.1f} to {last['high']:.1f}")
        + "."
    )
    with canvas(SIZE, "course") as (drawing, axes):
        for name, colour, label in (
            ("prediction_", LINE, "a new study, 95 %"),
            ("", BLUE, "interval of the mean, 95 %"),
        ):
            low, high = _numbers(course, f"{name}low"), _numbers(course, f"{name}high")
            if np.isfinite(low).all():
                alpha = 0.25 if colour == BLUE else 0.55
                axes.fill_between(weeks, low, high, color=colour, alpha=alpha, lw=0, label=label)
        for i, arm in enumerate(made["arms"]):
            x = [v["week"] for v in arm["visits"]]
            y = [v["value"] for v in arm["visits"]]
            label = "arms" if i == 0 else "_"
            axes.plot(x, y, color=FAINT, lw=0.8, marker="o", ms=2.8, label=label)
        axes.plot(weeks, [point["mean"] for point in course], color=BLUE, lw=2.4, label="pooled")
        if own:
            x = [point["week"] for point in own]
            axes.plot(x, [p["mean"] for p in own], "--", color=ORANGE, label="the forecast's own")
            for end in ("low", "high"):
                label = "its studies, 95 %" if end == "low" else "_"
                axes.plot(x, [p[end] for p in own], ":", color=ORANGE, lw=1.2, label=label)
        axes.axhline(0, color=INK, lw=0.8, zorder=0)
        axes.set_ylim(*_limits(made))
        axes.set_xlim(0, last["week"] * 1.02)
        if last["week"] > MONTHS:
            axes.set_xticks(np.arange(0, last["week"] + 1, MONTHS))
        axes.set_xlabel("weeks after the first dose")
        axes.set_ylabel("change on 0-100, minus is better")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8.5)
        svg = finished(drawing, "course")
    return Figure(svg=svg, alt=words, caption=words)


def _limits(made: Mapping[str, Any]) -> tuple[float, float]:
    """Of all that is drawn, but for the band of few studies, which may be wider than the scale."""
    seen = [v["value"] for arm in made["arms"] for v in arm["visits"]]
    ends = ["low", "high"]
    if made["studies"] >= FEW:
        ends += ["prediction_low", "prediction_high"]
    seen += [p[end] for p in made["course"] for end in ends if p[end] is not None]
    seen += [p[end] for p in made["forecast"] for end in ("low", "high")]
    return max(min(seen) - ROOM, -100.0), min(max(*seen, 0.0) + ROOM, 100.0)


def _numbers(course: Sequence[Mapping[str, Any]], name: str) -> Any:
    return np.array([math.nan if p[name] is None else p[name] for p in course], dtype=float)
