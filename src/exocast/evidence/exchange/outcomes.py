"""Outcome measures of a registry's record as lines of results, one an arm, class and category.

What a number is (mean, median, count) and its spread stand in fields of their own. Whether it is a
change from baseline stands nowhere: it is read from the words of the title, or of the class, and
the note says so. A statistic without a tag of its own (a geometric mean, a rate) is kept in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from exocast.evidence.exchange.incoming import Remark, result_cells
from exocast.evidence.exchange.jsons import Block
from exocast.evidence.exchange.text import number
from exocast.evidence.exchange.timeframe import When, weeks

PERCENT_CHANGE = re.compile(
    r"\bpercent(?:age)? (?:change|reduction|improvement)|% change", re.IGNORECASE
)
CHANGE = re.compile(
    r"\bchanges?\b|\b(?:reduction|improvement|increase|decrease|difference) from (?:the )?baseline",
    re.IGNORECASE,
)
CHANGE_IN_TEXT = re.compile(
    r"\b(?:change|reduction|improvement|increase|decrease|difference)s? (?:\w+ ){0,6}?"
    r"(?:from|since|relative to) (?:the )?baseline",
    re.IGNORECASE,
)
BASELINE = re.compile(r"^\W*(?:baseline|pre-?treatment|week 0|day 0)\b", re.IGNORECASE)
PEOPLE = re.compile(r"\b(?:participants?|patients?|people|subjects?|knees?|eyes)\b", re.IGNORECASE)
SHARE = re.compile(r"percent|%|proportion", re.IGNORECASE)
ENDS = re.compile(
    r"(?:scale|scor\w+|rang\w+|NRS|VAS)\W[^.;]{0,60}?(?<![\d.-])(\d{1,3})\s*(?:\([^()]{0,80}\)\s*)?"
    r"(?:to|-|–)\s*(\d{1,3})(?!\d|\.\d|\s*%)",
    re.IGNORECASE,
)
CONFIDENCE = re.compile(r"CONFIDENCE|CI\b")
MEANS = ("MEAN", "LEAST_SQUARES_MEAN")
COUNTS = ("COUNT_OF_PARTICIPANTS", "COUNT_OF_UNITS", "NUMBER")
# Words of an analysis for what it estimates, and the register's tag.
EFFECTS = (
    (r"odds ratio", "effect_or"),
    (r"hazard ratio", "effect_hr"),
    (r"risk ratio|relative risk", "rr"),
    (r"standardi[sz]ed mean diff|cohen|hedges", "effect_smd"),
    (r"mean difference|difference in (?:ls |least[- ]squares? )?means?|lsmd?\b", "effect_md"),
)


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """What all lines of one measure share."""

    common: Mapping[str, str]
    block: Block
    title: str
    when: str
    parameter: str
    dispersion: str
    unit: str
    groups: Mapping[str, str]
    people: Mapping[str, str]
    place: str


def outcome_lines(module: Block, common: Mapping[str, str], nct: str) -> Iterator[dict[str, str]]:
    """Lines of results of all measures.

    Parameters
    ----------
    module
        The ``outcomeMeasuresModule``.
    common
        Cells that every line has.
    nct
        Number of the study, for the place.
    """
    for order, block in enumerate(module.blocks("outcomeMeasures"), start=1):
        measure = _measure(block, common, f"ClinicalTrials.gov {nct}, outcome {order}")
        for class_ in block.blocks("classes"):
            inner = _people(class_)
            one = replace(measure, people=inner) if inner else measure
            for category in class_.blocks("categories"):
                names = [class_.text("title", 300), category.text("title", 300)]
                for value in category.blocks("measurements"):
                    line = _line(one, [name for name in names if name], value)
                    if line:
                        yield line
        yield from _analyses(measure)


def _measure(block: Block, common: Mapping[str, str], place: str) -> _Measure:
    groups = {
        group.text("id", 40): group.text("title", 300) or group.text("id", 40)
        for group in block.blocks("groups")
    }
    role = block.text("type", 40).lower()
    return _Measure(
        common=common,
        block=block,
        title=block.text("title", 600) or "outcome without a title",
        when=block.text("timeFrame", 500),
        parameter=_word(block.text("paramType", 60)),
        dispersion=_word(block.text("dispersionType", 60)),
        unit=block.text("unitOfMeasure", 120),
        groups=groups,
        people=_people(block),
        place=f"{place} ({role})" if role else place,
    )


def _people(block: Block) -> dict[str, str]:
    """People of each group; where other units are counted too, people are meant."""
    found: dict[str, str] = {}
    for denominator in block.blocks("denoms"):
        units = denominator.text("units", 60).lower()
        counts = {
            c.text("groupId", 40): number(c.text("value", 20)) for c in denominator.blocks("counts")
        }
        if not found or units == "participants":
            found = counts
    return found


def _line(measure: _Measure, names: list[str], value: Block) -> dict[str, str] | None:
    group = value.text("groupId", 40)
    arm = measure.groups.get(group)
    if arm is None:
        value.remarks.append(
            Remark(message=f"'{group}' is no group of this measure", where=value.place)
        )
        return None
    notes = [f"time frame: {measure.when}"] if measure.when else []
    change, percent = _is_change(measure, names, notes)
    when = next((w for name in names if (w := weeks(name, change=change)) != When()), None)
    when = when or weeks(measure.when, change=change)
    cells = _numbers(measure, value, change=change, percent=percent, notes=notes)
    comment = value.text("comment", 300)
    notes += [f"comment: {comment}"] if comment else []
    low, high = _scale(measure, percent=percent)
    people = measure.people.get(group, "")
    return result_cells(
        **measure.common,
        intervention=arm,
        endpoint=", ".join([measure.title, *names]),
        n=people,
        scale_low=low,
        scale_high=high,
        scale_text=measure.unit,
        week=when.week,
        week_low=when.week_low,
        week_high=when.week_high,
        place=measure.place,
        note="; ".join(notes),
        **cells,
    )


def _is_change(measure: _Measure, names: list[str], notes: list[str]) -> tuple[bool, bool]:
    """Whether a number is a change from baseline, and one in percent; says why in the notes."""
    if any(BASELINE.search(name) for name in names):
        return False, False
    words = " ".join([measure.title, *names])
    percent = bool(PERCENT_CHANGE.search(words))
    if found := PERCENT_CHANGE.search(words) or CHANGE.search(words):
        notes.append(f"read as a change from baseline, for its title says '{found[0]}'")
        return True, percent
    if found := CHANGE_IN_TEXT.search(measure.block.text("description", 2000)):
        notes.append(f"read as a change from baseline, for its description says '{found[0]}'")
        return True, "percent" in measure.unit.lower() and "percent" in found[0].lower()
    return False, False


def _numbers(
    measure: _Measure, value: Block, *, change: bool, percent: bool, notes: list[str]
) -> dict[str, str]:
    """Statistic, value and spread of one measurement."""
    printed = value.text("value", 60)
    centre = number(printed)
    spread = number(value.text("spread", 60))
    low, high = number(value.text("lowerLimit", 60)), number(value.text("upperLimit", 60))
    parameter, dispersion = measure.parameter, measure.dispersion
    if not centre:
        notes.append(f"no number was posted ('{printed or 'nothing'}')")
        return {"statistic": "qualitative"}
    if parameter in MEANS or parameter == "MEDIAN":
        return _centre(measure, centre, spread, (low, high), change, percent, notes)
    words = f"{measure.unit} {measure.title}"
    if parameter in COUNTS:
        cells = {"value": centre}
        if CONFIDENCE.search(dispersion) and low and high:
            cells |= _interval(dispersion, low, high, notes)
        if parameter == "NUMBER" and SHARE.search(measure.unit):
            return {"statistic": "proportion", **cells}
        if parameter != "NUMBER" or PEOPLE.search(measure.unit) or "event" in words.lower():
            return {"statistic": "count", **cells}
    said = (parameter or "statistic not named").lower().replace("_", " ")
    ends = f" ({low} to {high})" if low and high else ""
    with_spread = f", {dispersion.lower().replace('_', ' ')} {spread or ends}" if dispersion else ""
    notes.append(f"{said}: {centre}{with_spread.rstrip()}; the register has no tag for it")
    return {"statistic": "qualitative"}


def _centre(
    measure: _Measure,
    centre: str,
    spread: str,
    ends: tuple[str, str],
    change: bool,
    percent: bool,
    notes: list[str],
) -> dict[str, str]:
    """A mean or a median with what spread there is."""
    parameter, dispersion = measure.parameter, measure.dispersion
    adjusted = parameter == "LEAST_SQUARES_MEAN"
    cells = {("change" if change else "value"): centre}
    if adjusted and not change:
        notes.append("least squares mean")
    if "STANDARD_DEVIATION" in dispersion and spread:
        cells["sd_of_change" if change else "sd"] = spread
    elif "STANDARD_ERROR" in dispersion and spread:
        cells["se"] = spread
    elif all(ends):
        cells |= _interval(dispersion, *ends, notes)
    elif spread:
        notes.append(f"spread {spread} ({dispersion.lower() or 'of an unnamed kind'})")
    ci95 = cells.get("interval") == "ci95"
    if percent:
        tag = "pct_change"
    elif parameter == "MEDIAN":
        tag = "median_iqr" if cells.get("interval") == "quartiles" else "median"
    elif change:
        tag = "change_lsmean" if adjusted else "change_mean"
    else:
        tag = "mean_sd" if "sd" in cells else "mean_ci" if ci95 else "mean"
    return {"statistic": tag, **cells}


def _interval(dispersion: str, low: str, high: str, notes: list[str]) -> dict[str, str]:
    """Ends with what they are; an interval of another level than 95 % stays in words."""
    if "95" in dispersion:
        kind = "ci95"
    elif "QUARTILE" in dispersion:
        kind = "quartiles"
    elif "RANGE" in dispersion:
        kind = "range"
    else:
        notes.append(f"{dispersion.lower().replace('_', ' ') or 'limits'} {low} to {high}")
        return {}
    return {"low": low, "high": high, "interval": kind}


def _scale(measure: _Measure, *, percent: bool) -> tuple[str, str]:
    """Ends of the scale where title, unit and description name one pair and no other."""
    if percent or SHARE.search(measure.unit):
        return "", ""
    text = f"{measure.title}. {measure.unit}. {measure.block.text('description', 2000)}"
    pairs = {pair for pair in ENDS.findall(text) if float(pair[0]) < float(pair[1])}
    return pairs.pop() if len(pairs) == 1 else ("", "")


def _analyses(measure: _Measure) -> Iterator[dict[str, str]]:
    """Contrasts of arms that the record holds, with their 95 % intervals."""
    for one in measure.block.blocks("analyses"):
        words = one.text("paramType", 200)
        tag = next(
            (tag for pattern, tag in EFFECTS if re.search(pattern, words, re.IGNORECASE)), ""
        )
        value = number(one.text("paramValue", 60))
        if not tag or not value:
            continue
        arms = [measure.groups.get(group, group) for group in one.texts("groupIds")]
        low, high = number(one.text("ciLowerLimit", 60)), number(one.text("ciUpperLimit", 60))
        notes = [
            f"contrast: {words}",
            f"p {one.text('pValue', 40)}" if one.text("pValue") else "",
            one.text("statisticalMethod", 120),
            one.text("estimateComment", 300),
        ]
        cells = {}
        if number(one.text("ciPctValue", 20)).rstrip("0").rstrip(".") == "95" and low and high:
            cells = {"low": low, "high": high, "interval": "ci95"}
        elif low and high:
            notes.append(f"{one.text('ciPctValue', 20)} % interval {low} to {high}")
        when = weeks(measure.when, change=True)
        yield result_cells(
            **measure.common,
            intervention=" against ".join(arms),
            endpoint=measure.title,
            scale_text=measure.unit,
            week=when.week,
            week_low=when.week_low,
            week_high=when.week_high,
            statistic=tag,
            value=value,
            place=f"{measure.place}, analysis",
            note="; ".join(note for note in notes if note),
            **cells,
        )


def _word(text: str) -> str:
    """``95% Confidence Interval`` and ``CONFIDENCE_95`` alike: capitals and underscores."""
    word = re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")
    return word.replace("INTER_QUARTILE", "QUARTILE").replace("INTERQUARTILE", "QUARTILE")
