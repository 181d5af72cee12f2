"""Everything a forecast says, in the order people read it: words, figures' names, tables.

The terminal and the page both render this one story, so that they never disagree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exocast.evidence.sources import NOT_SOURCES, sources
from exocast.report.numbers import (
    NBSP,
    Numbers,
    as_given,
    days_in_words,
    decimal,
    large,
    percent,
    weeks_in_words,
)
from exocast.study.result import Result
from exocast.study.sensitivity import (
    FEWEST_WORLDS,
    Sensitivity,
    Weak,
    sensitivity,
    weakest_by_grade,
    weakest_by_share,
)
from exocast.study.summary import IMAGING, LEVEL, SYMPTOMS, outcome_times

DISCLAIMER = "For research and teaching, not advice on the treatment of any person."
PLACES = {
    "fluid_particles": "joint fluid",
    "synovium_particles": "synovium",
    "cartilage_particles": "cartilage",
    "cell_particles": "inside cells",
    "lymph_particles": "lymph",
    "plasma_particles": "blood plasma",
    "lung_particles": "lung",
    "liver_particles": "liver",
    "spleen_particles": "spleen",
    "kidney_particles": "kidneys",
    "brain_particles": "brain",
    "rest_particles": "rest of the body",
    "degraded_particles": "taken apart",
}
NO_SCATTER = "no scatter seen"
MEDIAN = ", median "
PULLED = (
    " Where a mean lies outside its interval, a few worlds pull it there; the median stands by it."
)
NOTHING_INJECTED = "Nothing is injected but the fluid (the procedure arm)."
NOT_SOURCES_TEXT = "rows marked 'assumption' rest on no source."
MOMENTS_DAYS = (1 / 24, 6 / 24, 1.0, 3.0, 7.0)
SHORT = {
    "pain_vas": "Pain (VAS)",
    "womac_total": "WOMAC total",
    "womac_pain": "WOMAC pain",
    "womac_stiffness": "WOMAC stiffness",
    "womac_function": "WOMAC function",
    "cartilage_volume": "Cartilage volume",
    "synovial_inflammation": "Synovial inflammation",
    "matrix_balance": "Matrix balance",
}
MARKERS = {
    "tnf": "TNF",
    "il1": "IL-1",
    "il6": "IL-6",
    "il10": "IL-10",
    "macrophage_m1_share": "M1 macrophages",
    "mmp_activity": "MMP activity",
    "adamts_activity": "ADAMTS activity",
    "timp": "TIMP",
    "aggrecan": "Aggrecan",
    "collagen": "Collagen",
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text; the first column names each row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    wraps: bool = False  # cells may break at their plain spaces, where columns are many

    def numeric(self, column: int) -> bool:
        """Whether a column holds figures, so that it is set to the right."""
        return column > 0 and all(
            row[column][:1] in "0123456789+−–<>" or row[column].startswith(NO_SCATTER)
            for row in self.rows
        )


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the story: what it says in words, its figures by name, its tables."""

    key: str
    title: str
    words: tuple[str, ...]
    figures: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Story:
    """The whole story of one forecast; ``hero`` names the figure that stands at its head."""

    title: str
    subtitle: str
    answer: tuple[str, ...]
    labels: tuple[str, ...]
    sections: tuple[Section, ...]
    appendix: tuple[Table, ...] = ()
    sensitivities: Mapping[int, Sensitivity] = field(default_factory=dict)
    by_grade: tuple[Weak, ...] = ()
    by_share: tuple[Weak, ...] = ()
    hero: str = "difference"


def tell(result: Result, numbers: Numbers) -> Story:
    """The story of a result.

    Parameters
    ----------
    result
        An opened result.
    numbers
        Its summary.
    """
    found = sensitivity(result)
    by_grade = weakest_by_grade(result, found)
    by_share = weakest_by_share(result, found)
    manifest = result.manifest
    return Story(
        title=str(manifest.get("title") or "Forecast"),
        subtitle=_subtitle(result),
        answer=_answer(result, numbers),
        labels=tuple(str(label) for label in manifest.get("labels", ())),
        sections=(
            _symptoms(result, numbers),
            _joint(result, numbers),
            _whereabouts(result, numbers),
            _cargo(result),
            _needle(result),
            _weakest(result, found, by_grade, by_share),
            _trials(result),
            _beside(result, numbers),
            _prior(result),
            _making(result, numbers),
        ),
        appendix=appendix(result),
        sensitivities=found,
        by_grade=by_grade,
        by_share=by_share,
    )


def treatment(result: Result) -> str:
    """Name of the arm that the forecast is about."""
    return result.treated[0]


def contrast(result: Result) -> str:
    """Name of the main difference, ``"vial minus saline"``."""
    return f"{treatment(result)} minus {result.control}"


def places(observable: str) -> int:
    """Decimal places that an outcome is written with."""
    return {"synovial_inflammation": 3, "matrix_balance": 3, "cartilage_volume": 2}.get(
        observable, 1
    )


def unit_text(result: Result, observable: str) -> str:
    """Unit as it stands after a number, with its blank; ``points`` for scales, none for ratios."""
    unit = result.unit(observable)
    if observable.startswith("womac"):
        return f"{NBSP}points"
    if observable == "cartilage_volume":
        return f"{NBSP}%"
    return {"1": "", "percent": f"{NBSP}%", "dimensionless": ""}.get(unit, f"{NBSP}{unit}")


def visits(result: Result) -> tuple[int, ...]:
    """Weeks of the outcome table that lie inside the forecast."""
    times = result.times_days
    return tuple(round(float(times[at]) / 7) for at in outcome_times(times))


def _main_week(result: Result) -> int:
    weeks = visits(result)
    return 26 if 26 in weeks else weeks[-1]


def _subtitle(result: Result) -> str:
    vial = result.manifest.get("vial", {})
    product = str(vial.get("product_text") or vial.get("product") or "")
    arms = " · ".join(str(arm.get("text") or arm["name"]) for arm in result.manifest["arms"])
    return " — ".join(part for part in (product, arms) if part)


def _amount(result: Result, observable: str, value: float, *, none: str = "") -> str:
    """``3.1 mm less pain``: a difference of an outcome with its direction in words."""
    size = decimal(abs(value), places(observable))
    if float(size) == 0:
        return none or f"{size}{unit_text(result, observable)}"
    return f"{size}{unit_text(result, observable)} {'lower' if value < 0 else 'higher'}"


def _range(result: Result, observable: str, low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval from one world"
    return (
        f"{percent(LEVEL)} interval "
        f"{_amount(result, observable, low)} to {_amount(result, observable, high)}"
    )


def _answer(result: Result, numbers: Numbers) -> tuple[str, ...]:
    week = _main_week(result)
    days = 7.0 * week
    arm, control, pair = treatment(result), result.control, contrast(result)

    def value(name: str, statistic: str) -> float:
        return numbers.at(name, "pain_vas", statistic, days)

    mean = value(pair, "mean")
    low, high = value(pair, "low"), value(pair, "high")
    verb = "is forecast to be" if float(decimal(abs(mean), 1)) else "shows"
    joined = "than" if float(decimal(abs(mean), 1)) else "from that"
    middle = (
        f"median {_amount(result, 'pain_vas', value(pair, 'median'), none='no difference')}; "
        if _outside(numbers, pair, "pain_vas", days, 1)
        else ""
    )
    first = (
        f"At {weeks_in_words(week)}, mean pain after the {arm} {verb} "
        f"{_amount(result, 'pain_vas', mean, none='no difference')} {joined} after {control} "
        f"({middle}{_range(result, 'pain_vas', low, high)}, on a scale of 0 to 100)."
    )
    sentences = [first]
    if _given_nothing(result):
        sentences.append(f"The dose is zero particles. {NOTHING_INJECTED}")
    if middle:
        sentences.append("A few extreme worlds pull this mean out of its interval.")
    change_arm, change_control = value(arm, "mean"), value(control, "mean")
    sentences.append(
        f"Pain itself changes by {decimal(change_arm, 1, sign=True)} mm with the {arm} and by "
        f"{decimal(change_control, 1, sign=True)} mm with {control}: what {control} does as well "
        "(natural course, return from a bad spell, expectation, the procedure) is no effect of "
        "the vesicles."
    )
    group = result.threshold("group", "pain_vas")
    if group is not None:
        share = value(pair, "p_exceeds_mid")
        sentences.append(
            f"A difference between groups counts as important from {decimal(group, 1)}{NBSP}mm; "
            f"the mean difference reaches it in {_worlds(share, result)}, "
            "each one guess at everything that is not known."
        )
    prior = result.manifest.get("effect_prior", {})
    if "p_zero" in prior:
        sentences.append(
            f"Before any run, the chance that the vesicles have no effect in people is taken as "
            f"{percent(float(prior['p_zero']))}."
        )
    return tuple(sentences)


def _symptoms(result: Result, numbers: Numbers) -> Section:
    week = _main_week(result)
    days = 7.0 * week
    arm, control, pair = treatment(result), result.control, contrast(result)
    words = []
    for observable in ("pain_vas", "womac_total"):
        if observable not in result.observables:
            continue
        words.append(
            f"{SHORT[observable]} at {weeks_in_words(week)}: {arm} minus {control} "
            f"{_mean(numbers, pair, observable, days, 1, unit=unit_text(result, observable))} "
            f"({percent(LEVEL)} over worlds {_between(numbers, pair, observable, days, 1)})."
        )
    words.append(_monte_carlo(result, numbers, days))
    words.append(_people(result, numbers, days))
    words += _importance(result, numbers)
    words.append(_first_time(result, numbers, "symptoms", SYMPTOMS))
    words.append(_first_time(result, numbers, "imaging", IMAGING))
    tables = [
        _outcome_table(result, numbers, name)
        for name in ("pain_vas", "womac_total")
        if name in result.observables
    ]
    tables.append(_people_table(result, numbers))
    tables.append(_subscales(result, numbers))
    return Section(
        key="symptoms",
        title="Pain and function",
        words=tuple(w for w in words if w),
        figures=("arms", "womac", "patients"),
        tables=tuple(tables),
    )


def _monte_carlo(result: Result, numbers: Numbers, days: float) -> str:
    pair = contrast(result)
    patients = numbers.at(pair, "pain_vas", "mc_error_patients", days)
    worlds = numbers.at(pair, "pain_vas", "mc_error_worlds", days)
    used_w = numbers.at("all", "runs", "worlds_used")
    used_p = numbers.at("all", "runs", "patients_used")
    if used_p < 2:
        return (
            "With one patient, chance within a world cannot be told from not knowing: the "
            "interval holds both."
        )
    text = (
        f"The ends of the interval of pain carry a Monte Carlo error of {decimal(patients, 1)} mm "
        f"from {used_p:.0f} patients and {decimal(worlds, 1)} mm from {used_w:.0f} worlds. "
        "The mean of each arm by itself carries one of "
        f"{decimal(numbers.at(result.control, 'pain_vas', 'mc_error_patients', days), 1)} mm: who "
        "was simulated moves both arms alike, and its ups and downs are no time course."
    )
    if used_w < FEWEST_WORLDS:
        text += " So few worlds give a rough interval; ask for more with --worlds."
    return text


def _people(result: Result, numbers: Numbers, days: float) -> str:
    arm = treatment(result)
    low, high = (numbers.at(arm, "pain_vas", s, days) for s in ("spread_low", "spread_high"))
    return (
        f"Patients differ more than arms do: with the {arm}, nine of ten patients lie between "
        f"{decimal(low, 0, sign=True)} and {decimal(high, 0, sign=True)} mm of change."
        if math.isfinite(low)
        and (high - low) > abs(numbers.at(contrast(result), "pain_vas", "mean", days))
        else f"With the {arm}, nine of ten patients lie between {decimal(low, 0, sign=True)} and "
        f"{decimal(high, 0, sign=True)} mm of change."
    )


def _importance(result: Result, numbers: Numbers) -> list[str]:
    week = _main_week(result)
    words = []
    person, group = (result.threshold(k, "pain_vas") for k in ("person", "group"))
    if person is not None and group is not None:
        words.append(
            f"Important for one person: a change of {decimal(person, 1)} mm; between group means: "
            f"{decimal(group, 1)} mm."
        )
    if person is not None:
        shares = ", ".join(
            f"{percent(numbers.at(arm, 'pain_vas', 'responders', 7.0 * week))} with "
            f"{'the ' if arm == treatment(result) else ''}{arm}"
            for arm in result.arms
        )
        words.append(f"People who improve by that much at {weeks_in_words(week)}: {shares}.")
    return words


def _first_time(result: Result, numbers: Numbers, what: str, observables: tuple[str, ...]) -> str:
    pair = contrast(result)
    reached, missed = [], []
    for observable in observables:
        if observable not in result.observables:
            continue
        if result.threshold("group", observable) is None:
            continue
        day = numbers.at(pair, observable, "first_important_day")
        share = numbers.at(pair, observable, "first_important_probability")
        if math.isfinite(day):
            reached.append(
                f"{SHORT[observable]} after {days_in_words(day)} (at some time in "
                f"{_worlds(share, result)})"
            )
        else:
            missed.append((SHORT[observable], share))
    parts = list(reached)
    if missed:
        most = max(share for _, share in missed)
        names = ", ".join(name for name, _ in missed)
        limit = "at most " if len(missed) > 1 and most > 0 else ""
        parts.append(f"not reached by {names} (at some time in {limit}{_worlds(most, result)})")
    if not parts:
        return (
            f"Time to the first important difference over {result.control}, {what}: no agreed "
            "threshold stands in the tables."
        )
    return (
        f"Time to the first important and lasting difference over {result.control}, {what}: "
        + "; ".join(parts)
        + "."
    )


def _worlds(share: float, result: Result) -> str:
    """``none of the 50 worlds``, ``12 % of the 50 worlds``."""
    return f"{percent(share) if share else 'none'} of the {result.n_worlds} worlds"


def _outcome_table(result: Result, numbers: Numbers, observable: str) -> Table:
    pair, digits = contrast(result), places(observable)
    group = result.threshold("group", observable)
    shown = (treatment(result), result.control)
    compared = {entry["arm"] for entry in result.manifest.get("comparators", ())}
    others = [arm for arm in result.arms if arm not in shown and arm not in compared]
    rows = []
    for week in visits(result):
        days = 7.0 * week
        cells = [weeks_in_words(week)]
        cells += [
            decimal(numbers.at(arm, observable, "mean", days), digits, sign=True) for arm in shown
        ]
        cells += [
            _mean(numbers, pair, observable, days, digits),
            _between(numbers, pair, observable, days, digits),
            (
                f"{decimal(numbers.at(pair, observable, 'mc_error_patients', days), digits)} / "
                f"{decimal(numbers.at(pair, observable, 'mc_error_worlds', days), digits)}"
            ),
        ]
        if group is not None:
            cells.append(percent(numbers.at(pair, observable, "p_exceeds_mid", days)))
        cells += [
            decimal(numbers.at(arm, observable, "mean", days), digits, sign=True) for arm in others
        ]
        rows.append(tuple(cells))
    columns = [
        "Time",
        *(f"{arm}, change" for arm in shown),
        "difference",
        f"{percent(LEVEL)} interval",
        "Monte Carlo error",
    ]
    if group is not None:
        columns.append(f"P(≥ {decimal(group, 1)} better)")
    columns += [f"{arm}, change" for arm in others]
    unit = unit_text(result, observable).strip() or "ratio"
    better = result.better(observable)
    return Table(
        caption=f"{SHORT[observable]}: mean change from baseline ({unit}, {better} is better) and "
        f"{pair}",
        columns=tuple(columns),
        rows=tuple(rows),
        note="Interval over worlds. Monte Carlo error of its ends: from patients / from worlds."
        + (PULLED if any(MEDIAN in cell for row in rows for cell in row) else "")
        + (
            f" '{NO_SCATTER}': the worlds differ by no more than the chance of who was simulated; "
            "in brackets its Monte Carlo error."
            if any(NO_SCATTER in cell for row in rows for cell in row)
            else ""
        ),
    )


def _outside(numbers: Numbers, arm: str, observable: str, days: float, digits: int) -> bool:
    """Whether a mean lies outside its interval by what is written of both."""
    mean, low, high = (numbers.at(arm, observable, s, days) for s in ("mean", "low", "high"))
    return round(mean, digits) < round(low, digits) or round(mean, digits) > round(high, digits)


def _mean(
    numbers: Numbers, arm: str, observable: str, days: float, digits: int, *, unit: str = ""
) -> str:
    """A mean with its unit; the median beside it where the mean lies outside its interval."""
    text = decimal(numbers.at(arm, observable, "mean", days), digits, sign=True) + unit
    if not _outside(numbers, arm, observable, days, digits):
        return text
    return text + MEDIAN + decimal(numbers.at(arm, observable, "median", days), digits, sign=True)


def _between(numbers: Numbers, arm: str, observable: str, days: float, digits: int) -> str:
    low, high = (numbers.at(arm, observable, s, days) for s in ("low", "high"))
    error = numbers.at(arm, observable, "mc_error_patients", days)
    if f"{low:.12g}" == f"{high:.12g}" and float(f"{error:.{digits}f}") > 0:
        return f"{NO_SCATTER} (±{decimal(error, digits)})"
    return f"{decimal(low, digits, sign=True)} to {decimal(high, digits, sign=True)}"


def _people_table(result: Result, numbers: Numbers) -> Table:
    rows = []
    for week in visits(result):
        days = 7.0 * week
        for arm in (treatment(result), result.control):
            low, high = (
                numbers.at(arm, "pain_vas", s, days) for s in ("spread_low", "spread_high")
            )
            rows.append(
                (
                    f"{weeks_in_words(week)}, {arm}",
                    f"{decimal(low, 1, sign=True)} to {decimal(high, 1, sign=True)}",
                    percent(numbers.at(arm, "pain_vas", "responders", days)),
                    percent(numbers.at(arm, "womac_total", "responders", days)),
                )
            )
    return Table(
        caption="Patients: spread of the change of pain (5 to 95 % of patients, mm) and responders",
        columns=("Time and arm", "spread of pain change", "pain responders", "WOMAC responders"),
        rows=tuple(rows),
        note="A responder's change passes the important difference for a person.",
    )


def _subscales(result: Result, numbers: Numbers) -> Table:
    pair = contrast(result)
    names = [
        n for n in ("womac_pain", "womac_stiffness", "womac_function") if n in result.observables
    ]
    rows = []
    for week in visits(result):
        days = 7.0 * week
        cells = [weeks_in_words(week)]
        for name in names:
            mean = _mean(numbers, pair, name, days, 2)
            cells.append(f"{mean} ({_between(numbers, pair, name, days, 2)})")
        rows.append(tuple(cells))
    return Table(
        caption=f"WOMAC subscales: {pair}, points ({percent(LEVEL)} interval)",
        columns=("Time", *(SHORT[n] for n in names)),
        rows=tuple(rows),
    )


def _joint(result: Result, numbers: Numbers) -> Section:
    week = visits(result)[-1]
    days = 7.0 * week
    pair = contrast(result)
    words, tables = [], []
    for observable in ("cartilage_volume", "synovial_inflammation", "matrix_balance"):
        if observable not in result.observables:
            continue
        digits, unit = places(observable), unit_text(result, observable)
        words.append(
            f"{SHORT[observable]} at {weeks_in_words(week)}: "
            f"{decimal(numbers.at(treatment(result), observable, 'mean', days), digits, sign=True)}"
            f"{unit} with the {treatment(result)}, "
            f"{decimal(numbers.at(result.control, observable, 'mean', days), digits, sign=True)}"
            f"{unit} with {result.control}; difference "
            f"{_mean(numbers, pair, observable, days, digits, unit=unit)} "
            f"({_between(numbers, pair, observable, days, digits)})."
        )
        tables.append(_outcome_table(result, numbers, observable))
    markers = [name for name in MARKERS if name in result.observables]
    if markers:
        tables.append(_marker_table(result, numbers, markers))
    return Section(
        key="joint",
        title="Cartilage, inflammation and matrix",
        words=tuple(words),
        figures=("cartilage", "inflammation"),
        tables=tuple(tables),
    )


def _marker_table(result: Result, numbers: Numbers, markers: list[str]) -> Table:
    weeks = [w for w in (0, *visits(result)) if w in (0, 6, 26, 52)]
    arms = (treatment(result), result.control)
    rows = [
        (
            f"{MARKERS[name]}, {arm}",
            *(large(numbers.at(arm, name, "value_median", 7.0 * week)) for week in weeks),
        )
        for name in markers
        for arm in arms
    ]
    unit = {name: result.unit(name) for name in markers}
    note = "; ".join(f"{MARKERS[n]}: {u}" for n, u in unit.items() if u not in ("1", ""))
    return Table(
        caption="Markers in the joint: median over all runs",
        columns=("Marker and arm", *(weeks_in_words(w) if w else "start" for w in weeks)),
        rows=tuple(rows),
        note=note,
    )


def _given_nothing(result: Result) -> bool:
    """Whether the dose is zero particles; false where the manifest does not say."""
    intended = result.manifest.get("needle", {}).get("intended_particles")
    return intended is not None and float(intended) == 0


def _nothing(key: str, title: str) -> Section:
    return Section(key=key, title=title, words=(NOTHING_INJECTED,))


def _whereabouts(result: Result, numbers: Numbers) -> Section:
    title = "Where the vesicles went"
    if _given_nothing(result):
        return _nothing("whereabouts", title)
    arm = treatment(result)
    present = [name for name in PLACES if name in result.observables]
    moments = [t for t in MOMENTS_DAYS if math.isfinite(_exact(numbers, arm, present, t))]
    shares: dict[float, dict[str, float]] = {}
    for moment in moments:
        amounts = {n: max(0.0, _exact(numbers, arm, [n], moment)) for n in present}
        total = sum(amounts.values())
        shares[moment] = {n: (a / total if total > 0 else 0.0) for n, a in amounts.items()}
    words = []
    for moment in moments:
        if moment not in (6 / 24, 1.0, 7.0):
            continue
        top = sorted(shares[moment].items(), key=lambda pair: -pair[1])[:3]
        if top[0][1] > 0:
            listed = ", ".join(f"{PLACES[n]} {percent(share)}" for n, share in top if share > 0)
            words.append(f"{days_in_words(moment).capitalize()} after the first dose: {listed}.")
    if not words:
        words = ["No vesicles were given."]
    table = Table(
        caption=f"Particles by place after the first dose ({arm}; median of all runs, and share)",
        columns=("Place", *(days_in_words(t) for t in moments)),
        rows=tuple(
            (
                PLACES[name],
                *(
                    f"{large(_exact(numbers, arm, [name], t))} ({percent(shares[t][name])})"
                    for t in moments
                ),
            )
            for name in present
        ),
    )
    return Section(
        key="whereabouts",
        title=title,
        words=tuple(words),
        figures=("whereabouts",),
        tables=(table,),
    )


def _exact(numbers: Numbers, arm: str, names: list[str], moment: float) -> float:
    """Sum of medians at a moment given in days, matched to within a minute or so."""
    total = 0.0
    for name in names:
        times, values = numbers.series(arm, name, "value_median")
        near = [float(v) for t, v in zip(times, values, strict=True) if abs(t - moment) < 1e-3]
        if not near:
            return math.nan
        total += near[0]
    return total if names else math.nan


def _triple(record: Mapping[str, Any] | None) -> tuple[float, float, float]:
    found = record or {}
    middle = found.get("median", found.get("value"))
    return tuple(  # type: ignore[return-value]
        math.nan if v is None else float(v) for v in (middle, found.get("low"), found.get("high"))
    )


def _range_text(record: Mapping[str, Any] | None) -> str:
    """``45 (3.4 to 70)``: a median with its 5 and 95 %; without them where they are not known."""
    median, low, high = _triple(record)
    if not (math.isfinite(low) and math.isfinite(high)):
        return large(median)
    return f"{large(median)} ({large(low)} to {large(high)})"


def _cargo(result: Result) -> Section:
    title = "Cargo delivered to each recipient cell"
    if _given_nothing(result):
        return _nothing("cargo", title)
    record = result.manifest.get("stoichiometry", {})
    words, rows = [], []
    for channel in record.get("channels", ()):
        name = str(channel["channel"])
        threshold = channel.get("threshold")
        reached = channel.get("reached_probability")
        unit = (
            str(channel.get("unit", ""))
            .replace("copy/cell", "copies a cell")
            .replace("item/cell", "vesicles a cell")
        )
        delivered = _range_text(channel.get("per_cell"))
        # A result of an older version knows the threshold's median alone.
        needed = _range_text(channel.get("threshold_range") or {"median": threshold})
        ratio = _range_text(channel.get("ratio"))
        share = "–" if reached is None else percent(float(reached))
        if threshold is None:
            words.append(f"{name}: {delivered} {unit}; no threshold is known.")
            needed = "none known"
        else:
            compared = "" if channel.get("ratio") is None else f"; delivered over needed {ratio}"
            words.append(
                f"{name}: {delivered} {unit}, against {needed} needed{compared}; enough in {share} "
                "of runs."
            )
        rows.append((name, unit, delivered, needed, ratio, share))
    if words:
        words.insert(0, f"Medians over runs, in brackets the range of {percent(LEVEL)} of them.")
    total = record.get("dose_to_threshold_particles")
    if total is not None and math.isfinite(float(total)):
        words.append(
            f"All injections together would have to bring about {large(float(total))} particles "
            "to the needle to reach the RNA threshold (median of runs)."
        )
    for one in record.get("loadings", ()):
        each, dose = (_range_text(one[key]) for key in ("copies_per_vesicle", "dose_particles"))
        reached, low, high = (percent(share) for share in _triple(one["cells_reached"]))
        words.append(
            f"If the copies lie {one['loading']} ({each} in a vesicle that has any), enough miRNA "
            f"gets into {reached} of cells ({low} to {high}); half of them would have it at {dose} "
            "particles."
        )
    for one in record.get("without_effect", ()):
        delivered = _range_text(one["per_cell"])
        words.append(f"{one['channel']}: {delivered} ({one['text']}); no effect is made of it.")
    table = Table(
        caption="Cargo per recipient cell against its threshold, by channel: median (5 to 95 % of "
        "runs)",
        columns=("Channel", "unit", "delivered", "needed", "delivered / needed", "P(reached)"),
        rows=tuple(rows),
        note="What is needed is not known either and is drawn for each run; the ratio is taken "
        "run by run, so its median need not be the ratio of the medians.",
    )
    return Section(
        key="cargo",
        title=title,
        words=tuple(words) or ("No cargo was followed.",),
        figures=("stoichiometry",) if rows else (),
        tables=(table,) if rows else (),
    )


@dataclass(frozen=True, kw_only=True)
class NeedleStep:
    """A step before the needle: median, 5 and 95 % of what it keeps and of what is left after it.

    ``left`` is a share of the intended particles, run by run, so the last one is the share at the
    needle; ``nan`` in results of older versions.
    """

    name: str
    kept: tuple[float, float, float]
    left: tuple[float, float, float]


def needle_steps(result: Result) -> list[NeedleStep]:
    """The steps before the needle in order; none where no particles were meant to be given."""
    if _given_nothing(result):
        return []
    return [
        NeedleStep(
            name=str(step["name"]),
            kept=_triple({k: step.get(f"fraction_{k}") for k in ("median", "low", "high")}),
            left=_triple(step.get("share_left")),
        )
        for step in result.manifest.get("needle", {}).get("steps", ())
    ]


def _needle(result: Result) -> Section:
    title = "Particles left at the needle"
    if _given_nothing(result):
        return _nothing("needle", title)
    needle = result.manifest.get("needle", {})
    intended = float(needle.get("intended_particles", math.nan))
    median, low, high = _triple(needle.get("at_needle"))
    words = []
    if intended > 0:
        words.append(
            f"Of {large(intended)} particles meant for each injection, {large(median)} "
            f"({percent(median / intended)}) leave the needle ({percent(LEVEL)} {large(low)} to "
            f"{large(high)})."
        )
    steps = needle_steps(result)
    followed = bool(steps) and all(math.isfinite(step.left[0]) for step in steps)
    if followed:
        words.append(
            "Of what was meant, left after each step (median of runs): "
            + ", ".join(f"{step.name} {percent(step.left[0])}" for step in steps)
            + ". The count is a doubt and no loss: a vial may hold more or less than its count "
            "says."
        )

    def share(triple: tuple[float, float, float]) -> tuple[str, str]:
        middle, bottom, top = (percent(v) for v in triple)
        return middle, f"{bottom} to {top}"

    table = Table(
        caption="From the label to the needle, step by step",
        columns=("Step", "kept", "5 to 95 %", "left so far", "5 to 95 %"),
        rows=tuple((step.name, *share(step.kept), *share(step.left)) for step in steps),
        note="Medians over runs. What is left is followed run by run: the medians of what single "
        "steps keep do not multiply to it.",
    )
    return Section(
        key="needle",
        title=title,
        words=tuple(words),
        figures=("needle",) if followed else (),
        tables=(table,) if steps else (),
    )


def _weakest(
    result: Result,
    found: Mapping[int, Sensitivity],
    by_grade: tuple[Weak, ...],
    by_share: tuple[Weak, ...],
) -> Section:
    words = []
    if by_grade:
        words.append(
            "By grade: "
            + "; ".join(f"{w.meaning} ({w.key}, grade {w.grade})" for w in by_grade)
            + "."
        )
    else:
        words.append("By grade: no uncertain number stands behind the difference.")
    if by_share:
        words.append(
            "By what moves the difference: "
            + "; ".join(
                f"{w.meaning} ({w.key}, {percent(w.share)} of the variance over worlds at "
                f"{weeks_in_words(w.week or 0)})"
                for w in by_share
            )
            + "."
        )
    else:
        reasons = sorted({each.reason for each in found.values() if each.reason})
        words.append(
            "By what moves the difference: no number stands above what chance alone would give"
            + (f" ({'; '.join(reasons)})." if reasons else ".")
        )
    tables = []
    for caption, weak in (
        ("Weakest by grade", by_grade),
        ("Weakest by share of the variance of the difference", by_share),
    ):
        if weak:
            tables.append(
                Table(
                    caption=caption,
                    columns=("Row", "meaning", "value", "grade", "source", "share of variance"),
                    rows=tuple(
                        (
                            w.key,
                            w.meaning,
                            f"{as_given(w.value)} {w.unit if w.unit != '1' else ''}".strip(),
                            w.grade,
                            w.source,
                            percent(w.share) if w.stands_out else "not above chance",
                        )
                        for w in weak
                    ),
                )
            )
    shown = any(each.shown for each in found.values())
    return Section(
        key="weakest",
        title="The three weakest numbers",
        words=tuple(words),
        figures=(("sensitivity",) if shown else ()) + ("grades",),
        tables=tuple(tables),
    )


def _trials(result: Result) -> Section:
    trials = list(result.manifest.get("trials", ()))
    same = [t for t in trials if t.get("same_product")]
    if same:
        words = [
            "Controlled human trials of this product in this use: "
            + "; ".join(f"{t['study_id']} ({t.get('result', '')})" for t in same)
            + "."
        ]
    else:
        words = ["Controlled human trials of this product in this use: none."]
    for text, relation in (
        ("Of products of the same class", "same class"),
        ("Of what such products are made from", "related"),
    ):
        listed = [t for t in trials if not t.get("same_product") and _relation(t) == relation]
        if listed:
            words.append(
                f"{text}: "
                + "; ".join(
                    f"{t['study_id']} (n = {t.get('n', '?')}; {_end(t.get('result', ''))})"
                    for t in listed
                )
                + "."
            )
    table = Table(
        caption="Controlled human trials",
        columns=("Study", "design", "n", "product", "how close", "result"),
        rows=tuple(
            (
                str(t["study_id"]),
                str(t.get("design", "")),
                str(t.get("n", "")),
                str(t.get("product", "")),
                "this product" if t.get("same_product") else _relation(t),
                str(t.get("result", "")),
            )
            for t in trials
        ),
    )
    return Section(
        key="trials",
        title="What trials in people have shown",
        words=tuple(words),
        tables=(table,) if trials else (),
    )


def _beside(result: Result, numbers: Numbers) -> Section:
    """Saline and the comparators: where they come from, and what trials say of them."""
    placebo = result.manifest.get("placebo", {})
    found = list(result.manifest.get("comparators", ()))
    words = []
    if placebo:
        words.append(
            f"What {result.control} does comes from the evidence register: fitted to saline arms "
            f"of {', '.join(placebo['fitted_to'])}; tested on {', '.join(placebo['tested_on'])}, "
            "which the fit never saw."
        )
    if not found:
        words.append(
            "No other treatment stands beside the vial in this forecast; the arms may name "
            f"{', '.join(placebo.get('comparators', ()))}."
        )
        return Section(key="beside", title="Saline and other treatments", words=tuple(words))
    words.append(
        "Comparators are known by the effect of a usual course on pain in trials, and by nothing "
        "else: no tissue, no cartilage, no single people who respond more. Large blinded trials "
        "leave a third or less of what all trials report; the default takes that part, the "
        "literature prior all of it."
    )
    rows = []
    for week in visits(result):
        cells = [weeks_in_words(week)]
        for entry in found:
            pair = f"{entry['arm']} minus {result.control}"
            cells.append(
                f"{_mean(numbers, pair, 'pain_vas', 7.0 * week, 1)} "
                f"({_between(numbers, pair, 'pain_vas', 7.0 * week, 1)})"
            )
        rows.append(tuple(cells))
    in_mm = Table(
        caption=f"Pain: comparator minus {result.control}, mm ({percent(LEVEL)} over worlds)",
        columns=("Time", *(str(entry["arm"]) for entry in found)),
        rows=tuple(rows),
    )
    sides = Table(
        caption=f"Comparators against {result.control} in SD of pain (minus is less pain, "
        f"{percent(LEVEL)} of studies): as reported, and with the bias of small trials taken out",
        columns=("Comparator", "week", "as reported", "bias taken out", "from"),
        rows=tuple(
            (
                str(entry["arm"]),
                f"{visit['week']:g}",
                *(
                    f"{decimal(visit[label]['value'], 2, sign=True)} "
                    f"({decimal(visit[label]['low'], 2, sign=True)} to "
                    f"{decimal(visit[label]['high'], 2, sign=True)})"
                    for label in ("reported", "adjusted")
                ),
                str(entry["source"]),
            )
            for entry in found
            for visit in entry["visits"]
            if visit["week"] <= entry["last_week"]
        ),
        note="Weeks that the trials look at.",
    )
    return Section(
        key="beside",
        title="Saline and other treatments",
        words=tuple(words),
        figures=("beside",),
        tables=(in_mm, sides),
    )


def _relation(trial: Mapping[str, Any]) -> str:
    return str(trial.get("relation", "same class"))


def _end(text: str) -> str:
    """A text without its full stop, to stand inside a sentence."""
    return str(text).strip().rstrip(".")


def _prior(result: Result) -> Section:
    prior = result.manifest.get("effect_prior", {})
    if not prior:
        return Section(
            key="prior",
            title="What was believed beforehand",
            words=("No prior of the effect was recorded.",),
        )
    keys = [str(k) for k in prior.get("rows", ())]
    rows = {str(row["key"]): row for _, row in result.rows.iterrows()}
    listed = tuple(
        (
            key,
            str(rows[key]["meaning"]),
            as_given(float(rows[key]["value"])),
            str(rows[key]["grade"]),
            str(rows[key]["source"]),
        )
        for key in keys
        if key in rows
    )
    words = [
        (
            f"Prior of the effect in people ({result.manifest.get('prior', 'default')}): "
            f"P(effect = 0) {percent(float(prior['p_zero']))}, "
            f"P(|SMD| > 0.2) {percent(float(prior['p_smd_02']))}, "
            f"P(|SMD| > 0.5) {percent(float(prior['p_smd_05']))}."
        ),
    ]
    if prior.get("text"):
        words.append(str(prior["text"]).rstrip(".") + ".")
    elif keys:
        words.append("It comes from the rows " + ", ".join(keys) + ".")
    return Section(
        key="prior",
        title="What was believed beforehand",
        words=tuple(words),
        tables=(
            Table(
                caption="Rows of the prior",
                columns=("Row", "meaning", "value", "grade", "source"),
                rows=listed,
            ),
        )
        if listed
        else (),
    )


def _making(result: Result, numbers: Numbers) -> Section:
    manifest = result.manifest
    failed = numbers.at("all", "runs", "failed")
    total = numbers.at("all", "runs", "total")
    words = [
        f"Seed {manifest.get('seed')}, {result.n_worlds} worlds of {result.n_patients} patients, "
        f"prior '{manifest.get('prior', 'default')}'; "
        + ", ".join(f"{k} {v}" for k, v in manifest.get("versions", {}).items())
        + ".",
        "Every run finished."
        if failed == 0
        else f"{failed:.0f} of {total:.0f} runs did not finish; their world or patient is left "
        "out of all arms.",
    ]
    grades = result.rows["grade"].value_counts()
    words.append(
        f"{len(result.rows)} numbers from {result.rows['source'].nunique()} sources: "
        + ", ".join(f"{grades[g]} of grade {g}" for g in "ABCDE" if g in grades.index)
        + "."
    )
    named = sorted(set(result.rows["source"]) - set(NOT_SOURCES))
    words.append("Sources: " + (", ".join(named) or "none") + "; " + NOT_SOURCES_TEXT)
    warnings = tuple(
        (str(w.get("code", "")), _near(str(w.get("where") or "")), str(w.get("message", "")))
        for w in manifest.get("warnings", ())
    )
    return Section(
        key="making",
        title="How this was made",
        words=tuple(words),
        tables=(
            Table(
                caption="What was filled in or doubted on the way",
                columns=("Code", "where", "what"),
                rows=warnings,
            ),
        )
        if warnings
        else (),
    )


def _near(where: str) -> str:
    """A place without the folders before the file's name: they differ from machine to machine."""
    return re.sub(r"^(?:[A-Za-z]:)?[/\\](?:[^/\\]+[/\\])*", "", where)


def appendix(result: Result) -> tuple[Table, ...]:
    """Tables at the end of a page: every number used, its sources, versions and hashes."""
    rows = result.rows.sort_values(["grade", "key"], ascending=[False, True])
    every = Table(
        caption=f"All {len(rows)} numbers behind this forecast, weakest first",
        columns=("Row", "meaning", "value", "unit", "spread", "varies", "grade", "source", "place"),
        rows=tuple(
            (
                str(r["key"]),
                str(r["meaning"]),
                as_given(float(r["value"])),
                str(r["unit"]),
                f"{r['spread']} {r['spread_kind']}".strip(),
                str(r["varies"]),
                str(r["grade"]),
                str(r["source"]),
                str(r["place"]),
            )
            for _, r in rows.iterrows()
        ),
    )
    hashes = result.manifest.get("hashes", {})
    made = Table(
        caption="Versions and hashes",
        columns=("What", "value"),
        rows=(
            *((str(k), str(v)) for k, v in result.manifest.get("versions", {}).items()),
            *((str(k), str(v)) for k, v in hashes.items()),
        ),
    )
    return every, _sources(result), made


def _sources(result: Result) -> Table:
    known = sources()
    counts = result.rows["source"].value_counts()
    return Table(
        caption=f"{len(counts)} sources of these numbers",
        columns=("Source", "numbers", "what it is"),
        rows=tuple(
            (str(key), str(count), known[str(key)].text if str(key) in known else "")
            for key, count in counts.items()
        ),
    )
