"""What an exposure says: where the dose went, how sure that is, and what it was held against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exocast.patient.exposure import GIVEN
from exocast.report.figures import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    NARROW,
    ORANGE,
    WIDE,
    YELLOW,
    Figure,
    canvas,
    finished,
    sheet,
)
from exocast.report.html import render
from exocast.report.numbers import NBSP, Numbers, days_in_words, large, percent
from exocast.report.story import Section, Story, Table, appendix
from exocast.study.exposure import decides
from exocast.study.result import Result
from exocast.study.sensitivity import Sensitivity
from exocast.study.tested import Count, Held, count, held_against

MOMENTS_DAYS = (5 / 1440, 1 / 24, 4 / 24, 1.0, 7.0, 28.0)
SHOWN_SHARE = 0.005
MOST_DECIDED = 3
COLOURS = (
    "#b8325e",
    BLUE,
    ORANGE,
    GREEN,
    "#7b4f9d",
    YELLOW,
    "#2a8c8c",
    "#6b4a2b",
    "#8aa4c8",
    "#c98f6a",
    "#9dbf9e",
    "#c9b458",
    FAINT,
    INK,
)
PREFIX = "given vesicles "


def tell(result: Result, numbers: Numbers) -> Story:
    """The story of an exposure; the terminal and the page both render it."""
    manifest = result.manifest
    found = _decided(result, numbers)
    return Story(
        title=str(manifest.get("title") or "Exposure"),
        subtitle=_subtitle(manifest),
        answer=_answer(result, numbers),
        labels=tuple(str(label) for label in manifest.get("labels", ())),
        sections=(
            _whereabouts(result, numbers),
            _readings(result, numbers),
            _tested(result),
            _weakest(result, found),
            _left_open(result),
        ),
        appendix=appendix(result),
        hero="fates",
    )


def page(result: Result, numbers: Numbers) -> str:
    """The report as HTML text."""
    return render(tell(result, numbers), draw(result, numbers), result.manifest)


def write_page(result: Result, numbers: Numbers, path: Path | None = None) -> Path:
    """Write the report to ``report.html`` of the result, or to a path; gives the path."""
    target = path or result.directory / "report.html"
    target.write_text(page(result, numbers), encoding="utf-8")
    return target


def record(result: Result, numbers: Numbers) -> dict[str, Any]:
    """The content of ``--json`` of an exposure."""
    arm = result.arms[0]
    moments = _moments(result)
    return {
        "directory": str(result.directory),
        "report": str(result.directory / "report.html"),
        "title": str(result.manifest.get("title", "")),
        "labels": [str(label) for label in result.manifest.get("labels", ())],
        "site": str(result.manifest["site"]["name"]),
        "species": str(result.manifest["species"]),
        "route": str(result.manifest["route"]),
        "seed": int(result.manifest.get("seed", 0)),
        "worlds": result.n_worlds,
        "patients": result.n_patients,
        "runs": {
            name: int(exactly(numbers, "all", "runs", name, 0.0)) for name in ("total", "failed")
        },
        "shares": [
            {
                "observable": name,
                "time_days": moment,
                "mean": exactly(numbers, arm, name, "share_mean", moment),
                "median": exactly(numbers, arm, name, "share_median", moment),
                "low": exactly(numbers, arm, name, "share_low", moment),
                "high": exactly(numbers, arm, name, "share_high", moment),
                "between_low": exactly(numbers, arm, name, "between_low", moment),
                "between_high": exactly(numbers, arm, name, "between_high", moment),
            }
            for name in result.manifest["fates"]
            for moment in moments
        ],
        "readings": [
            {
                "observable": name,
                "unit": result.unit(name),
                "peak_days": peak,
                "median": median,
                "low": low,
                "high": high,
            }
            for name, peak, median, low, high in _peaks(result, numbers)
        ],
        "tested": [
            {
                "dataset": each.row.dataset,
                "species": each.row.species,
                "condition": each.row.condition,
                "used_for": each.row.used_for,
                "observed": each.row.observed,
                "predicted": each.row.predicted,
                "low": each.row.low,
                "high": each.row.high,
                "unit": each.row.unit,
                "verdict": each.row.verdict,
            }
            for each in held(result)
        ],
        "versions": {k: str(v) for k, v in result.manifest.get("versions", {}).items()},
    }


def exactly(numbers: Numbers, arm: str, observable: str, statistic: str, days: float) -> float:
    """One statistic at one of the result's own times, matched to within a second or so."""
    times, values = numbers.series(arm, observable, statistic)
    near = np.abs(times - days) < 1e-4
    return float(values[near][0]) if near.any() else math.nan


def draw(result: Result, numbers: Numbers) -> dict[str, Figure]:
    """All figures of an exposure by name."""
    made = {
        "fates": _stacked(result, numbers, WIDE),
        "fates_narrow": _stacked(result, numbers, (NARROW[0], 6.4)),
        "places": _panels(result, numbers, columns=3),
        "places_narrow": _panels(result, numbers, columns=2),
    }
    return {name: figure for name, figure in made.items() if figure is not None}


def _subtitle(manifest: Mapping[str, Any]) -> str:
    arm = manifest["arms"][0]["text"]
    title = manifest["site"]["title"]
    return " — ".join((str(manifest["product"]["title"]), f"{arm} ({manifest['species']})", title))


def _place(result: Result, name: str) -> str:
    """``plasma`` for an observable with the text ``given vesicles in plasma``."""
    text = str(result.manifest["observables"][name].get("text") or name)
    return text.removeprefix(PREFIX).removeprefix("in ").removeprefix("the ")


def _moments(result: Result) -> list[float]:
    times = result.times_days
    return [m for m in MOMENTS_DAYS if np.abs(times - m).min() < 1e-4]


def _in_words(days: float) -> str:
    return f"{round(days * 1440)} minutes" if days < 1 / 24 - 1e-6 else days_in_words(days)


def _given_nothing(result: Result, numbers: Numbers) -> bool:
    return not exactly(numbers, result.arms[0], GIVEN, "value_mean", result.times_days[-1]) > 0


def _ranked(result: Result, numbers: Numbers, moment: float) -> list[tuple[str, float]]:
    arm = result.arms[0]
    found = [
        (name, exactly(numbers, arm, name, "share_mean", moment))
        for name in result.manifest["fates"]
    ]
    return sorted(found, key=lambda pair: -pair[1])


def _triple(result: Result, numbers: Numbers, name: str, moment: float) -> list[float]:
    arm = result.arms[0]
    return [
        exactly(numbers, arm, name, f"share_{which}", moment) for which in ("mean", "low", "high")
    ]


def _with_band(result: Result, numbers: Numbers, name: str, moment: float) -> str:
    mean, low, high = _triple(result, numbers, name, moment)
    return f"{percent(mean)} ({percent(low)} to {percent(high)})"


def _cell(values: list[float]) -> str:
    """``86 (68 to 97)`` in per cent; one word where all are next to nothing."""
    texts = [percent(value).replace(f"{NBSP}%", "") for value in values]
    if set(texts) <= {"<0.1", "0"}:
        return texts[-1]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def _answer(result: Result, numbers: Numbers) -> tuple[str, ...]:
    if _given_nothing(result, numbers):
        return ("Nothing was given: the body's own vesicles are a background, not a dose.",)
    words = []
    for moment in _moments(result):
        if moment not in (1 / 24, 1.0, 7.0):
            continue
        top = [pair for pair in _ranked(result, numbers, moment)[:3] if pair[1] > SHOWN_SHARE]
        listed = "; ".join(
            f"{_place(result, name)} {_with_band(result, numbers, name, moment)}" for name, _ in top
        )
        words.append(f"{_in_words(moment).capitalize()} after the first dose: {listed}.")
    words.append(
        "Shares are of what was given so far: the mean over worlds, and the 5 to 95 % of worlds, "
        "each one guess at everything that is not known."
    )
    words.append(
        "This says where vesicles go. What a patient would notice is not forecast for this place."
    )
    return tuple(words)


def _whereabouts(result: Result, numbers: Numbers) -> Section:
    moments = _moments(result)
    fates = tuple(result.manifest["fates"])
    amounts = Table(
        caption="Share of the dose by place in per cent: mean, and 5 to 95 % of worlds",
        columns=("Place", *(_in_words(m) for m in moments)),
        rows=tuple(
            (_place(result, n), *(_cell(_triple(result, numbers, n, m)) for m in moments))
            for n in fates
        ),
        note="The places of a column add up to the whole dose given so far.",
    )
    failed = int(exactly(numbers, "all", "runs", "failed", 0.0))
    total = int(exactly(numbers, "all", "runs", "total", 0.0))
    words = [
        f"{total} runs: {result.n_worlds} worlds of {result.n_patients} subjects"
        + (f"; {failed} failed and are left out." if failed else "; none failed.")
    ]
    tables = [amounts]
    between = _between_table(result, numbers, moments)
    if any(" to " in cell for row in between.rows for cell in row[1:]):
        tables.append(between)
    else:
        words.append(
            "Subjects of one world hardly differ: little that varies between them acts here."
        )
    return Section(
        key="whereabouts",
        title="Where the dose went",
        words=tuple(words),
        figures=("places",),
        tables=tuple(tables),
    )


def _between_table(result: Result, numbers: Numbers, moments: list[float]) -> Table:
    arm = result.arms[0]

    def ends(name: str, moment: float) -> str:
        texts = [
            percent(exactly(numbers, arm, name, f"between_{which}", moment)).replace(f"{NBSP}%", "")
            for which in ("low", "high")
        ]
        return " to ".join(dict.fromkeys(texts))

    return Table(
        caption="Spread between subjects in per cent of the dose: 5 to 95 % of the subjects of a "
        "world, the median of worlds",
        columns=("Place", *(_in_words(m) for m in moments)),
        rows=tuple(
            (_place(result, n), *(ends(n, m) for m in moments)) for n in result.manifest["fates"]
        ),
    )


def _peaks(result: Result, numbers: Numbers) -> list[tuple[str, float, float, float, float]]:
    """Every reading that is no place of the dose: when its median peaks, and its band there."""
    arm = result.arms[0]
    found = []
    for name in result.manifest["readings"]:
        times, values = numbers.series(arm, name, "value_median")
        if not np.isfinite(values).any():
            continue
        at = float(times[int(np.nanargmax(values))])
        median, low, high = (
            exactly(numbers, arm, name, f"value_{which}", at) for which in ("median", "low", "high")
        )
        found.append((name, at, median, low, high))
    return found


def _readings(result: Result, numbers: Numbers) -> Section:
    peaks = _peaks(result, numbers)
    if not peaks:
        words: tuple[str, ...] = ("This site counts vesicles only.",)
        return Section(key="readings", title="What cells get", words=words)
    table = Table(
        caption="Readings at the peak of their median: median, and 5 to 95 % of worlds",
        columns=("Reading", "at", "median", "5 %", "95 %", "unit"),
        rows=tuple(
            (
                str(result.manifest["observables"][name]["text"]),
                _in_words(at) if at > 0 else "start",
                large(median),
                large(low),
                large(high),
                "" if result.unit(name) == "1" else result.unit(name),
            )
            for name, at, median, low, high in peaks
        ),
    )
    return Section(
        key="readings",
        title="What cells get",
        words=(
            (
                "A vesicle in a tissue is not yet cargo in a cell: what is bound, taken up and "
                "opened stands apart."
            ),
        ),
        tables=(table,),
    )


def _decided(result: Result, numbers: Numbers) -> dict[str, Sensitivity]:
    """What decides the largest shares a day after the first dose."""
    if _given_nothing(result, numbers):
        return {}
    moment = min(_moments(result) or [result.times_days[-1]], key=lambda m: abs(m - 1.0))
    top = _ranked(result, numbers, moment)[:MOST_DECIDED]
    return {name: decides(result, name, moment) for name, share in top if share > SHOWN_SHARE}


def _weakest(result: Result, found: Mapping[str, Sensitivity]) -> Section:
    rows = {str(row["key"]): row for _, row in result.rows.iterrows()}
    lines, reasons = [], []
    for name, each in found.items():
        if each.reason:
            reasons.append(each.reason)
        for key, share in each.shown[:MOST_DECIDED]:
            row = rows.get(key)
            lines.append(
                (
                    _place(result, name),
                    key,
                    "" if row is None else str(row["meaning"]),
                    percent(share),
                    "" if row is None else str(row["grade"]),
                    "" if row is None else str(row["source"]),
                )
            )
    if lines:
        first = lines[0]
        words = (
            (
                f"The share in {first[0]} a day after the first dose hangs most on {first[2]} "
                f"({first[1]}, grade {first[4]})."
            ),
        )
    else:
        why = f" ({'; '.join(sorted(set(reasons)))})" if reasons else ""
        words = (f"No number stands above what chance alone would give{why}.",)
    table = Table(
        caption="Numbers that decide the largest shares a day after the first dose",
        columns=("Place", "row", "meaning", "share of variance", "grade", "source"),
        rows=tuple(lines),
    )
    return Section(
        key="weakest",
        title="What decides it",
        words=words,
        tables=(table,) if lines else (),
    )


def held(result: Result) -> tuple[Held, ...]:
    """Numbers of the scoreboard for the route of an exposure."""
    cells = result.unit(result.manifest["fates"][0]) == "cell"
    return held_against(
        str(result.manifest["route"]),
        str(result.manifest["species"]),
        "cells" if cells else "vesicles",
    )


def _tested(result: Result) -> Section:
    """What this route's bands were held against, in words and number by number."""
    species, route = str(result.manifest["species"]), str(result.manifest["route"])
    numbers = held(result)
    own = count(numbers, "prediction", near=True)
    others = count(numbers, "prediction", near=False)
    built = sum(each.row.used_for == "calibration" for each in numbers)
    words = [
        _how_tested(own, f"of this route in the {species}")
        if own.numbers
        else f"No measurement of this route in the {species} tests these bands."
    ]
    if others.numbers:
        words.append(_how_tested(others, "of this route in other species"))
    if built:
        words.append(
            f"{built} more {'number' if built == 1 else 'numbers'} of this route built the model; "
            "that they come out is no test."
        )
    if not numbers:
        words.append(
            f"Nothing measured after a dose by this route ({route}) built or tests the model: all "
            "of it is carried over from other routes, or assumed."
        )
    table = Table(
        caption="Measured after this route, beside what the model says",
        columns=("Data set", "species", "what", "observed", "predicted", "band", "unit", "verdict"),
        rows=tuple(
            (
                each.row.dataset,
                each.row.species,
                each.row.condition,
                large(each.row.observed),
                large(each.row.predicted),
                f"{large(each.row.low)} to {large(each.row.high)}",
                "" if each.row.unit == "1" else each.row.unit,
                each.row.verdict if each.row.used_for == "prediction" else "built the model",
            )
            for each in numbers
        ),
        note="All numbers, with their sources: exocast validate. These are of the model as it is "
        "shipped, with its own experiments.",
    )
    return Section(
        key="tested",
        title="What this was held against",
        words=tuple(words),
        tables=(table,) if numbers else (),
    )


def _how_tested(counted: Count, whose: str) -> str:
    many = counted.numbers > 1
    text = (
        f"{counted.numbers} {'numbers' if many else 'number'} {whose} {'test' if many else 'tests'}"
        f" the model: {counted.within_twofold} within twofold, {counted.covered} inside the band"
    )
    if counted.no_prediction:
        text += f"; {counted.no_prediction} of the bands are wider than tenfold and say nothing"
    return text + "."


def _left_open(result: Result) -> Section:
    """What a reader must not take from this page."""
    species = str(result.manifest["species"])
    words = [
        "No effect is forecast here: a place reached is no benefit shown.",
        (
            "Bands hold what is not known of the numbers; what the equations leave out stands on "
            "the page of each mechanism."
        ),
    ]
    if species == "human":
        words.insert(
            0,
            "No plasma curve of a vesicle product in people was found; transfused platelet "
            "particles are the nearest, and rates are scaled from animals.",
        )
    return Section(key="open", title="What this does not say", words=tuple(words))


def _stacked(result: Result, numbers: Numbers, size: tuple[float, float]) -> Figure | None:
    arm = result.arms[0]
    fates = tuple(result.manifest["fates"])
    if _given_nothing(result, numbers):
        return None
    series = {}
    for name in fates:
        days, values = numbers.series(arm, name, "share_mean")
        keep = days > 0
        series[name] = (days[keep], values[keep])
    shown = [name for name in fates if np.nanmax(series[name][1]) > SHOWN_SHARE]
    rest = [name for name in fates if name not in shown]
    narrow = size[0] < 5
    label = f"fates-{'narrow' if narrow else 'wide'}"
    with canvas(size, label) as (drawing, axes):
        days = series[shown[0]][0]
        stack = [100 * series[name][1] for name in shown]
        names = [_place(result, name) for name in shown]
        colours = list(COLOURS[: len(shown)])
        if rest:
            stack.append(100 * np.sum([series[name][1] for name in rest], axis=0))
            names.append("elsewhere (together)")
            colours.append("#e3e6ea")
        axes.stackplot(days, stack, labels=names, colors=colours, linewidth=0)
        axes.set_xscale("log")
        axes.set_xlim(days[0], days[-1])
        axes.set_ylim(0, 100)
        _time_axis(axes, days[-1])
        axes.set_ylabel("share of the dose given so far, %")
        axes.set_xlabel("time after the first dose")
        handles, texts = axes.get_legend_handles_labels()
        if narrow:
            axes.legend(handles[::-1], texts[::-1], loc="upper left", bbox_to_anchor=(-0.12, -0.14))
        else:
            axes.legend(handles[::-1], texts[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5))
        svg = finished(drawing, label)
    return Figure(
        svg=svg,
        alt="Stacked areas of the share of the dose by place over time, time logarithmic; the "
        "table below gives the numbers with their bands.",
        caption="Where the dose is, from the first minute to the end (mean of all worlds; time "
        "logarithmic). Bands stand below.",
    )


def _time_axis(axes: Any, last_days: float) -> None:
    marks = [
        (1 / 1440, "1 min"),
        (10 / 1440, "10 min"),
        (1 / 24, "1 h"),
        (6 / 24, "6 h"),
        (1.0, "1 d"),
        (7.0, "1 w"),
        (28.0, "4 w"),
        (182.0, "26 w"),
    ]
    kept = [(at, text) for at, text in marks if at <= last_days * 1.001]
    axes.set_xticks([at for at, _ in kept], [text for _, text in kept])
    axes.set_xticks([], minor=True)


def _panels(result: Result, numbers: Numbers, *, columns: int) -> Figure | None:
    """A panel a place: median, the band over worlds, and subjects' spread as a fine line."""
    arm = result.arms[0]
    if _given_nothing(result, numbers):
        return None
    shown = [
        name
        for name in result.manifest["fates"]
        if np.nanmax(numbers.series(arm, name, "share_high")[1]) > SHOWN_SHARE
    ]
    lines = math.ceil(len(shown) / columns)
    width = WIDE[0] if columns > 2 else NARROW[0]
    with sheet((width, 0.4 + 1.75 * lines), f"places-{columns}") as drawing:
        for number, name in enumerate(shown, start=1):
            axes = drawing.add_subplot(lines, columns, number)
            days, median = numbers.series(arm, name, "share_median")
            keep = days > 0
            low, high, between_low, between_high = (
                100 * numbers.series(arm, name, statistic)[1][keep]
                for statistic in ("share_low", "share_high", "between_low", "between_high")
            )
            axes.fill_between(days[keep], low, high, color=BLUE, alpha=0.22, linewidth=0)
            axes.plot(days[keep], 100 * median[keep], color=BLUE, linewidth=1.8)
            for edge in (between_low, between_high):
                axes.plot(days[keep], edge, color=FAINT, linewidth=0.8, linestyle=":")
            axes.set_xscale("log")
            axes.set_ylim(bottom=0)
            axes.set_title(_place(result, name), fontsize=9.5, color=INK)
            marks = ((1 / 1440, "1 min"), (1 / 24, "1 h"), (1.0, "1 d"), (28.0, "4 w"))
            kept = [(at, text) for at, text in marks if at <= days[-1] * 1.001]
            axes.set_xticks([at for at, _ in kept], [text for _, text in kept], fontsize=8)
            axes.set_xticks([], minor=True)
            axes.tick_params(axis="y", labelsize=8)
            axes.grid(axis="y")
        svg = finished(drawing, f"places-{columns}")
    return Figure(
        svg=svg,
        alt="A panel a place with the share of the dose in per cent over time, its band over "
        "worlds and the spread between subjects; the tables below give the numbers.",
        caption="Share of the dose in per cent by place (line: median world; band: 5 to 95 % of "
        "worlds; dotted: 5 to 95 % of subjects; time logarithmic).",
    )
