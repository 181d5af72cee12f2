"""What an exposure says: where the dose went, how sure that is, and what it was held against."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exocast.dose import dose_unit
from exocast.engine.site import HUMAN
from exocast.patient.exposure import GIVEN, SAID_ONCE
from exocast.report.figures import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    NARROW,
    ORANGE,
    WIDE,
    Figure,
    canvas,
    finished,
    sheet,
)
from exocast.report.html import render
from exocast.report.numbers import (
    NBSP,
    Numbers,
    as_given,
    days_in_words,
    decimal,
    large,
    percent,
)
from exocast.report.story import Section, Story, Table, appendix
from exocast.report.text import grid
from exocast.study.exposure import BETWEEN, decides
from exocast.study.result import Result
from exocast.study.sensitivity import Sensitivity
from exocast.study.tested import Count, Held, count, held_against
from exocast.units import magnitude

MOMENTS_DAYS = (5 / 1440, 1 / 24, 4 / 24, 1.0, 7.0, 28.0)
SHOWN_SHARE = 0.005
MOST_DECIDED = 3
MOST_SHOWN = 8
LEAST_PERCENT = 1e-4
WIDEST_TITLE = {3: 24, 2: 20}
# Of places for which the site file names no colour, in their order.
COLOURS = (
    BLUE,
    ORANGE,
    GREEN,
    "#5b9bd5",
    "#9dbf9e",
    "#e2a6b8",
    "#c9b458",
    "#a0522d",
    "#6f8f2f",
    "#404a8c",
)
REST_COLOUR = "#e3e6ea"
PREFIXES = ("given vesicles ", "given cells ")
ABOUT_PEOPLE = "people "


def tell(result: Result, numbers: Numbers) -> Story:
    """The story of an exposure; the terminal and the page both render it."""
    manifest = result.manifest
    found = _decided(result, numbers)
    return Story(
        title=str(manifest.get("title") or "Exposure"),
        subtitle=f"{_subtitle(manifest)}. {_tested_line(result)}",
        answer=_answer(result, numbers),
        labels=tuple(label for label in _labels(manifest) if label not in SAID_ONCE),
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
                "x": each.row.x,
                "x_unit": each.row.x_unit,
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


def sites_text(found: Mapping[str, Any]) -> str:
    """The sites and species as text for a terminal."""
    table = Table(
        caption="Sites",
        columns=("site", "takes", "routes", "conditions, the usual one first"),
        rows=tuple(
            (
                str(site["name"]),
                str(site["takes"]),
                ", ".join(site["routes"]),
                ", ".join(sorted(site["conditions"], key=lambda c: c != site["default_condition"])),
            )
            for site in found["sites"]
        ),
    )
    return "\n".join((*grid(table), "", f"Species: {', '.join(found['species'])}.")) + "\n"


def site_text(found: Mapping[str, Any]) -> str:
    """One site as text for a terminal."""
    routes = Table(
        caption="Routes",
        columns=("route", "takes"),
        rows=tuple((route, ", ".join(takes)) for route, takes in found["routes"].items()),
    )
    seen = Table(
        caption="Observables",
        columns=("observable", "unit", "what it is"),
        rows=tuple((str(o["name"]), str(o["unit"]), str(o["text"])) for o in found["observables"]),
    )
    parts = ", ".join(sorted(set(found["fragments"].values())))
    conditions = ", ".join(found["conditions"]) or "none"
    lines = (f"{found['name']}: {found['title']}", "", *grid(seen), "")
    if found["routes"]:
        lines = (*lines, *grid(routes), "")
    return "\n".join((*lines, f"Conditions: {conditions}.", f"Fragments: {parts}.")) + "\n"


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


def _labels(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(label) for label in manifest.get("labels", ()))


def _subtitle(manifest: Mapping[str, Any]) -> str:
    """``A woman of 62 years and 70 kg; 1 × 10¹⁰ vesicles of 110 nm, into a vein``."""
    return f"{_whose(manifest)}; {_dose(manifest)}, {_route_words(manifest)}"


def _whose(manifest: Mapping[str, Any]) -> str:
    subject, species = manifest["subject"], str(manifest["species"])
    sex = subject["sex"]
    human = {"female": "A woman", "male": "A man", None: "A person"}[sex]
    who = human if species == HUMAN else f"A {sex} {species}" if sex else f"A {species}"
    kg = subject["weight_kg"]
    known = []
    if subject["age"] is not None:
        known.append(f"{as_given(magnitude(subject['age'], 'year'))} years")
    if kg is not None:
        known.append(f"{as_given(kg)} kg" if kg >= 1 else f"{as_given(1000 * kg)} g")
    return who + (f" of {' and '.join(known)}" if known else "")


def _dose(manifest: Mapping[str, Any]) -> str:
    scenario = manifest["scenario"]
    amount, unit = dose_unit(str(scenario["regimen"]["dose"]))
    words = {"item": "vesicles", "ug": "µg of protein", "cell": "cells", "mL": "mL", "vial": "vial"}
    many = "s" if unit == "vial" and amount != 1 else ""
    text = f"{as_given(amount)} {words[unit]}{many}"
    if unit == "cell" and manifest.get("vial") is not None:
        text = f"vesicles of {text}"
    size = (scenario.get("stated") or {}).get("size_median")
    if size is not None:
        text += f" of {as_given(magnitude(size, 'nm'))} nm"
    number = int(scenario["regimen"]["injections"])
    every = f" every {scenario['regimen']['interval']}" if number > 1 else ""
    return (f"{number} times {text}{every}" if number > 1 else text).replace(" ", NBSP, 2)


def _route_words(manifest: Mapping[str, Any]) -> str:
    """``into a vein`` for ``intravenous``, as the site file says it; else the route's name."""
    route, joint = _route(manifest)
    words = _of_site(manifest, "route_words").get(route, f"by the route '{route}'")
    return f"{words} ({joint})" if joint else words


def _route(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """A route and the joint that its name ends in, if it does."""
    route = str(manifest["route"])
    for joint in manifest["site"].get("joints", ()):
        if route.endswith(f" {joint}"):
            return route.removesuffix(f" {joint}"), str(joint)
    return route, ""


def _of_site(manifest: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """What the site file says of its pages; nothing in results that were written without it."""
    found: Mapping[str, Any] = manifest["site"].get(field) or {}
    return found


def _meant(result: Result, name: str) -> bool:
    """Whether a dose by this route is meant to reach a place."""
    route = _route(result.manifest)[0]
    return name in _of_site(result.manifest, "meant_for").get(route, ())


def _cells(result: Result) -> bool:
    return result.unit(result.manifest["fates"][0]) == "cell"


def _places(result: Result) -> tuple[str, ...]:
    """Places of the dose: the site's own first, since it is given there, then the body's."""
    fates = [str(name) for name in result.manifest["fates"]]
    behind = result.manifest["site"].get("behind", ())
    return tuple(sorted(fates, key=lambda name: name in behind))


def _colour(result: Result, name: str) -> str:
    """The colour of a place: the site file's, the body's being one everywhere; else a next one."""
    named = _of_site(result.manifest, "colours")
    if name in named:
        return str(named[name])
    local = [each for each in _places(result) if each not in named]
    return COLOURS[local.index(name) % len(COLOURS)]


def _place(result: Result, name: str) -> str:
    """``plasma`` for an observable with the text ``given vesicles in plasma``."""
    text = str(result.manifest["observables"][name].get("text") or name)
    for prefix in PREFIXES:
        text = text.removeprefix(prefix)
    return text.removeprefix("in ").removeprefix("the ")


def _moments(result: Result) -> list[float]:
    times = result.times_days
    return [m for m in MOMENTS_DAYS if np.abs(times - m).min() < 1e-4]


def _in_words(days: float) -> str:
    return f"{round(days * 1440)} minutes" if days < 1 / 24 - 1e-6 else days_in_words(days)


def _given_nothing(result: Result, numbers: Numbers) -> bool:
    return not exactly(numbers, result.arms[0], GIVEN, "value_mean", result.times_days[-1]) > 0


def _ranked(result: Result, numbers: Numbers, moment: float) -> list[tuple[str, float]]:
    """Places by the median of their share, the largest first."""
    arm = result.arms[0]
    found = [
        (name, exactly(numbers, arm, name, "share_median", moment)) for name in _places(result)
    ]
    return sorted(found, key=lambda pair: -pair[1])


def _triple(result: Result, numbers: Numbers, name: str, moment: float) -> list[float]:
    arm = result.arms[0]
    return [
        exactly(numbers, arm, name, f"share_{which}", moment) for which in ("median", "low", "high")
    ]


def in_percent(share: float) -> str:
    """A share in per cent, two significant digits however small: ``86``, ``3.1``, ``0.00052``."""
    value = 100 * share
    if not math.isfinite(value):
        return "–"
    if value in {0, 100}:
        return f"{value:.0f}"
    if value < LEAST_PERCENT:
        return f"<{decimal(LEAST_PERCENT, 4)}"
    if value > 99:
        return decimal(math.floor(10 * value) / 10)
    rounded = float(f"{value:.1e}")
    return decimal(rounded, max(0, 1 - math.floor(math.log10(rounded) + 1e-12)))


def _with_band(result: Result, numbers: Numbers, name: str, moment: float) -> str:
    middle, low, high = (in_percent(v) for v in _triple(result, numbers, name, moment))
    return f"{middle}{NBSP}% ({low} to {high}{NBSP}%)"


def _amounts(result: Result, numbers: Numbers, name: str, moment: float) -> list[float]:
    """Median and band of an amount; less than one cell is none."""
    arm = result.arms[0]
    found = (
        exactly(numbers, arm, name, f"value_{which}", moment) for which in ("median", "low", "high")
    )
    return [0.0 if value < 1 else value for value in found]


def _banded(texts: Sequence[str]) -> str:
    """``86 (68 to 97)``; one number where all are written alike."""
    if len(set(texts)) == 1:
        return texts[0]
    return f"{texts[0]} ({texts[1]}{NBSP}to {texts[2]})"


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
        "Shares are of what was given so far: the median of worlds, and 5 to 95 % of them, each "
        "one guess at all that is not known. A few worlds can pull a mean far from the median."
    )
    what = "cells" if _cells(result) else "vesicles"
    words.append(
        f"This says where {what} go. What a patient would notice is not forecast for this place."
    )
    words += [f"{label}." for label in _labels(result.manifest) if label in SAID_ONCE]
    return tuple(words)


def _whereabouts(result: Result, numbers: Numbers) -> Section:
    moments = _moments(result)
    fates = _places(result)
    cells = _cells(result)

    def cell(name: str, moment: float) -> str:
        if cells:
            return _banded([_fixed(v) for v in _amounts(result, numbers, name, moment)])
        return _banded([in_percent(v) for v in _triple(result, numbers, name, moment)])

    what = "Cells by place" if cells else "Share of the dose by place in per cent"
    amounts = Table(
        caption=f"{what}: median, and 5 to 95 % of worlds",
        columns=("Place", *(_in_words(m) for m in moments)),
        rows=tuple((_place(result, n), *(cell(n, m) for m in moments)) for n in fates),
        note="Medians need not add up to the dose, since each place has its own middle world. "
        "Means do: they are in the picture of areas and in --json.",
        wraps=True,
    )
    failed = int(exactly(numbers, "all", "runs", "failed", 0.0))
    total = int(exactly(numbers, "all", "runs", "total", 0.0))
    words = [
        f"{total} runs: {result.n_worlds} worlds of {result.n_patients} subjects"
        + (f"; {failed} failed and are left out." if failed else "; none failed.")
    ]
    tables = [amounts]
    between = _between_table(result, numbers, moments)
    if any(f"{NBSP}to " in cell for row in between.rows for cell in row[1:]):
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
            in_percent(exactly(numbers, arm, name, f"between_{which}", moment))
            for which in ("low", "high")
        ]
        return f"{NBSP}to ".join(dict.fromkeys(texts))

    return Table(
        caption="Spread between subjects in per cent of the dose: 5 to 95 % of the subjects of a "
        "world, the median of worlds",
        columns=("Place", *(_in_words(m) for m in moments)),
        rows=tuple((_place(result, n), *(ends(n, m) for m in moments)) for n in _places(result)),
        wraps=True,
    )


def _peaks(result: Result, numbers: Numbers) -> list[tuple[str, float, float, float, float]]:
    """Every reading that is no place of the dose: when its median peaks, and its band there.

    A reading that is nothing in every world is off, and what is said of people is for people.
    """
    arm = result.arms[0]
    found = []
    for name in result.manifest["readings"]:
        times, values = numbers.series(arm, name, "value_median")
        ends = [numbers.series(arm, name, f"value_{end}")[1] for end in ("low", "high", "mean")]
        if not np.isfinite(values).any() or not any(np.any(end != 0) for end in ends):
            continue
        text = str(result.manifest["observables"][name]["text"])
        if text.startswith(ABOUT_PEOPLE) and result.manifest["species"] != HUMAN:
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
        words: tuple[str, ...] = ("This site has no readings beside the places of the dose.",)
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
            "A cell in a tissue is not yet an effect: what it releases and touches stands apart."
            if _cells(result)
            else "A vesicle in a tissue is not yet cargo in a cell: what is bound, taken up and "
            "opened stands apart.",
            *_soluble_unknown(result),
        ),
        tables=(table,),
    )


def _soluble_unknown(result: Result) -> tuple[str, ...]:
    if result.manifest.get("vial") is not None or _cells(result):
        return ()
    return ("What was co-isolated with stated particles is not known, and is not shown.",)


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
    """Numbers of the scoreboard for the route of an exposure and for what is given."""
    return _held(result, "cells" if _cells(result) else "vesicles")


def _held(result: Result, given: str) -> tuple[Held, ...]:
    manifest = result.manifest
    return held_against(_route(manifest)[0], str(manifest["species"]), given)


def _tested_line(result: Result) -> str:
    """One line on what tests this route in this species."""
    own = count(held(result), "prediction", near=True)
    where = f"after this route in the {result.manifest['species']}"
    if not own.numbers:
        return f"Not tested: no independent measurement {where}"
    return (
        f"Tested against {_many(own.numbers)} {where} that no part was built from: "
        f"{own.within_twofold} within twofold, {own.covered} inside the band"
    )


def _many(number: int) -> str:
    return f"{number} number" + ("" if number == 1 else "s")


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
            f"{_many(built)} of this route built the model; that "
            f"{'it comes' if built == 1 else 'they come'} out is no test."
        )
    shown = [each for each in numbers if each.row.used_for == "shown"]
    if shown:
        words.append(_only_shown(numbers))
    if not numbers:
        words.append(
            f"Nothing measured after a dose by this route ({route}) built or tests the model: all "
            "of it is carried over from other routes, or assumed."
        )
    if soluble := len(_held(result, "soluble")):
        words.append(
            f"{_many(soluble)} of dissolved substances after this route "
            f"{'is' if soluble == 1 else 'are'} left out: how these leave is no test of particles."
        )
    if changed := _changed(result):
        words.append(
            f"The numbers are of the model as it is shipped, and not of this one, with {changed}."
        )
    first = [each for each in numbers if each.row.used_for != "shown"]
    worst = sorted(shown, key=lambda each: -each.fold)[:MOST_SHOWN]
    tables = []
    if first:
        tables.append(_held_table("Measured after this route, beside what the model says", first))
    if worst:
        caption = "Only shown: " + (
            f"the {len(worst)} furthest off of {len(shown)}" if len(shown) > MOST_SHOWN else "all"
        )
        tables.append(_held_table(caption, worst))
    return Section(
        key="tested",
        title="What this was held against",
        words=tuple(words),
        tables=tuple(tables),
    )


def _only_shown(numbers: Sequence[Held]) -> str:
    """One sentence on numbers that neither build nor test: surrogates, bounds, second hand."""
    both = [count(numbers, "shown", near=near) for near in (True, False)]
    total = sum(each.numbers for each in both)
    within = sum(each.within_twofold for each in both)
    worst = max(each.worst_fold for each in both)
    far = (
        f"{_round(worst)}-fold off"
        if math.isfinite(worst)
        else "something seen or predicted where the other is nothing"
    )
    return (
        f"{_many(total)} after this route {'is' if total == 1 else 'are'} only shown (surrogates, "
        f"bounds, second-hand or unverified): {within} within twofold, the worst {far}."
    )


def _changed(result: Result) -> str:
    """What of this run is not the shipped model, in words; empty where all of it is."""
    parts = [str(each["name"]) for each in result.manifest.get("own", ())]
    text = f"{', '.join(parts)} of your own" if parts else ""
    rows = ", ".join(result.manifest["scenario"].get("rows") or ())
    return " and ".join(part for part in (text, f"{rows} as you set it" if rows else "") if part)


def _held_table(caption: str, numbers: Sequence[Held]) -> Table:
    return Table(
        caption=caption,
        columns=(
            "Data set",
            "species",
            "what",
            "at",
            "observed",
            "predicted",
            "band",
            "unit",
            "verdict",
        ),
        rows=tuple(
            (
                each.row.dataset.replace("_", " "),
                each.row.species,
                each.row.condition,
                _when(each),
                _fixed(each.row.observed),
                _fixed(each.row.predicted),
                f"{_fixed(each.row.low)} to {_fixed(each.row.high)}",
                "" if each.row.unit == "1" else each.row.unit,
                _verdict(each),
            )
            for each in numbers
        ),
        note="All numbers, with their sources: exocast validate. These are of the model as it is "
        "shipped, with its own experiments.",
        wraps=True,
    )


def _round(fold: float) -> str:
    return as_given(float(f"{fold:.1e}"))


def _when(each: Held) -> str:
    return (
        "" if each.row.x_unit == "parameter" else f"{as_given(each.row.x)}{NBSP}{each.row.x_unit}"
    )


def _fixed(value: float) -> str:
    """A number that is not broken over lines."""
    return large(value).replace(" ", NBSP)


def _verdict(each: Held) -> str:
    if each.row.used_for == "calibration":
        return "built the model"
    if each.row.used_for == "shown":
        return f"{_round(each.fold)}-fold off" if math.isfinite(each.fold) else "missed"
    return each.row.verdict


def _how_tested(counted: Count, whose: str) -> str:
    text = (
        f"{_many(counted.numbers)} {whose} {'tests' if counted.numbers == 1 else 'test'}"
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
    if species == HUMAN and not _cells(result):
        words.insert(
            0,
            "No plasma curve of a vesicle product in people was found; transfused platelet "
            "particles are the nearest, and rates are scaled from animals.",
        )
    return Section(key="open", title="What this does not say", words=tuple(words))


def _stacked(result: Result, numbers: Numbers, size: tuple[float, float]) -> Figure | None:
    arm = result.arms[0]
    fates = _places(result)
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
        colours = [_colour(result, name) for name in shown]
        if rest:
            stack.append(100 * np.sum([series[name][1] for name in rest], axis=0))
            names.append("elsewhere (together)")
            colours.append(REST_COLOUR)
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
        caption="Where the dose is, from the first minute to the end (mean of all worlds, since "
        "means add up to the dose; time logarithmic). Medians with their bands stand below.",
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
    if _given_nothing(result, numbers):
        return None
    shown = [name for name in _places(result) if _drawn(result, numbers, name)]
    titles = [textwrap.fill(_place(result, name), WIDEST_TITLE[columns]) for name in shown]
    lines = math.ceil(len(shown) / columns)
    width = WIDE[0] if columns > 2 else NARROW[0]
    deepest = max(title.count("\n") for title in titles)
    height = 0.4 + (1.75 + 0.14 * deepest) * lines
    with sheet((width, height), f"places-{columns}") as drawing:
        for number, (name, title) in enumerate(zip(shown, titles, strict=True), start=1):
            axes = drawing.add_subplot(lines, columns, number)
            _panel(axes, result, numbers, name)
            axes.set_title(title, fontsize=9.5, color=INK)
        svg = finished(drawing, f"places-{columns}")
    return Figure(
        svg=svg,
        alt="A panel a place with the share of the dose in per cent over time, its band over "
        "worlds and the spread between subjects; the tables below give the numbers.",
        caption="Share of the dose in per cent by place (line: median world; band: 5 to 95 % of "
        "worlds; dotted: 5 to 95 % of subjects; time logarithmic; places that the dose is meant "
        "for and hardly reaches on a logarithmic scale).",
    )


def _most(result: Result, numbers: Numbers, name: str, statistic: str) -> float:
    return float(np.nanmax(numbers.series(result.arms[0], name, statistic)[1]))


def _drawn(result: Result, numbers: Numbers, name: str) -> bool:
    """Whether a place gets a panel: some of the dose is there, or is meant to be."""
    most = _most(result, numbers, name, "share_high")
    return most > SHOWN_SHARE or (_meant(result, name) and most > 0)


def _panel(axes: Any, result: Result, numbers: Numbers, name: str) -> None:
    arm = result.arms[0]
    days = numbers.series(arm, name, "share_median")[0]
    keep = days > 0
    little = _meant(result, name) and _most(result, numbers, name, "share_median") < SHOWN_SHARE
    low, high, between_low, between_high, middle = (
        100 * numbers.series(arm, name, statistic)[1][keep]
        for statistic in ("share_low", "share_high", *BETWEEN, "share_median")
    )
    days = days[keep]
    if little:  # nothing at all has no place on a logarithmic scale
        least = LEAST_PERCENT
        low, high, middle = (np.maximum(each, least) for each in (low, high, middle))
        between_low, between_high = (np.maximum(e, least) for e in (between_low, between_high))
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: in_percent(value / 100))
        axes.set_yticks([], minor=True)
    axes.fill_between(days, low, high, color=BLUE, alpha=0.22, linewidth=0)
    axes.plot(days, middle, color=BLUE, linewidth=1.8)
    for edge in (between_low, between_high):
        axes.plot(days, edge, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    if not little:
        axes.set_ylim(bottom=0)
    marks = ((1 / 1440, "1 min"), (1 / 24, "1 h"), (1.0, "1 d"), (28.0, "4 w"))
    kept = [(at, text) for at, text in marks if at <= days[-1] * 1.001]
    axes.set_xticks([at for at, _ in kept], [text for _, text in kept], fontsize=8)
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="y")
