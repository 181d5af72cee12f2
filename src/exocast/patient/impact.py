"""What a study more in the register would move: rows, and what forecasts say.

The register is read twice, without and with the study. A saline arm in a knee is fitted with the
others; a trial of a comparator against saline is brought together with the pool that its effect
rests on; a trial of vesicles moves no row, for the chain from assay to people is not fitted to
trials, and would be shown beside the forecast. Nothing is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from exocast.errors import InvalidInput, UnknownName
from exocast.evidence.arms import Arm, Visit, arms_for
from exocast.evidence.chance import draw
from exocast.evidence.query import Answer, answer, assumed, better_of, node_of, pools
from exocast.evidence.query.answers import change_on_hundred
from exocast.evidence.query.match import sides as both_sides
from exocast.evidence.register import Register, Result, cells, impossible
from exocast.evidence.rows import Row, package_table
from exocast.patient import comparators, placebo

SHOWN_WEEKS = (4, 12, 26, 52)
LEARNED = 0.25  # share of an effect below which a visit says too little of its size
# Whose entry stands for that of trials which print none: rows of evidence/entry.csv.
USUAL = "altman2016"
KNEE = re.compile(r"\bknee", re.IGNORECASE)
SALINE = "saline"
VESICLES = {"EV", "EV + HA", "MSC secretome"}
# Treatments of register/treatments.csv by the comparator that each is.
GIVEN = {
    "hyaluronic acid": "HA",
    "corticosteroid": "corticosteroid",
    "platelet rich plasma": "PRP",
    "stromal cells": "MSC",
}
PAIN = {
    "pain_vas": re.compile(r"\b(?:VAS|NRS)\b|^pain$", re.IGNORECASE),
    "womac_pain": re.compile(r"WOMAC pain|KOOS pain", re.IGNORECASE),
}


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One number before and after.

    ``low`` and ``high`` are ends of its interval (95 % of a pool, one standard error or its like
    of a row, 90 % over worlds of a forecast); NaN where there is none.
    """

    kind: str
    name: str
    unit: str
    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What the new studies would move, and what is said beside the numbers.

    Attributes
    ----------
    studies
        Ids of the studies that are new or have new lines.
    moved
        Numbers that change; empty where nothing does.
    notes
        Why nothing moves, what was assumed, what a user has to decide.
    """

    studies: tuple[str, ...]
    moved: tuple[Moved, ...]
    notes: tuple[str, ...]


def impact(before: Register, after: Register, *, unresolved: bool = False) -> Impact:
    """What moves from one register to the other.

    Parameters
    ----------
    before, after
        Without and with the new studies.
    unresolved
        Whether a study that no identifier leads to moves anything; it weighs nothing otherwise.

    Raises
    ------
    InvalidInput
        When the second register holds nothing that the first does not.
    """
    new = _new_lines(before, after)
    changed = [
        key
        for key, study in after.studies.items()
        if key not in before.studies or cells(study) != cells(before.studies[key])
    ]
    ids = tuple(dict.fromkeys([*(r.study_id for r in new), *changed]))
    if not ids:
        raise InvalidInput(
            "it holds no study and no line that the register does not have.", where="file"
        )
    moved: list[Moved] = []
    notes: list[str] = []
    kept = {a.study_id for a in arms_for("prediction")}
    weighing = []
    lost = {key for key in ids if after.study(key).retracted}
    for study_id in ids:
        if study_id in lost:
            notes.append(f"{study_id}: {after.study(study_id).retraction}; it weighs nothing now")
            notes += [
                f"{name} rests on {study_id} and needs another source"
                for name in _rests_on(study_id)
            ]
        elif not after.study(study_id).resolved and not unresolved:
            notes.append(
                f"no identifier leads to {study_id}, so it weighs nothing (--unresolved takes it)"
            )
        elif study_id in kept:
            notes.append(f"{study_id} is kept to test forecasts, so no row is built from it")
        else:
            weighing.append(study_id)
    lines = [r for r in new if r.study_id in weighing]
    notes += [
        f"{r.study_id}, {r.intervention}, {r.endpoint}: {why}, so the line weighs nothing"
        for r in lines
        if (why := impossible(r))
    ]
    moved += _pools(before, after, unresolved=unresolved)
    moved += _saline(after, lines, lost, notes)
    moved += _comparators(
        after, [i for i in weighing if i in {r.study_id for r in lines}], notes,
        unresolved=unresolved,
    )  # fmt: skip
    if lines and any(m.kind == "pool" for m in moved) and all(m.kind == "pool" for m in moved):
        notes.append("no row is built from what it measures, so no forecast moves")
    if any(node_of(r.intervention) in VESICLES for r in lines):
        notes.append(
            "a trial of vesicles moves no row of the effect: the chain from assay to people rests "
            "on rows of its own (patient/effect.csv). The trial would be listed beside forecasts, "
            "and effect.translation.slab_weight is the row that it speaks to"
        )
    if not moved and not notes:
        notes.append("no pool, row or forecast uses what it measures")
    return Impact(studies=ids, moved=tuple(moved), notes=tuple(notes))


def _rests_on(study_id: str) -> list[str]:
    """Rows of the comparators that name a study as their pool."""
    rows = package_table("patient", comparators.TABLE).values()
    return [row.key for row in rows if row.source == study_id]


def _new_lines(before: Register, after: Register) -> list[Result]:
    known = {_content(r) for r in before.results}
    return [r for r in after.results if _content(r) not in known]


def _content(r: Result) -> tuple[object, ...]:
    return tuple(v for k, v in vars(r).items() if k not in {"line", "folder"})


# Pools --------------------------------------------------------------------------------------------


def _pools(before: Register, after: Register, *, unresolved: bool) -> Iterable[Moved]:
    for named in pools():
        old = answer(named["query"], before, unresolved=unresolved)
        new = answer(named["query"], after, unresolved=unresolved)
        if _entries(old) != _entries(new):
            yield Moved(
                kind="pool",
                name=named["query"],
                unit=named["unit"],
                **_ends("before", *_pooled(old)),
                **_ends("after", *_pooled(new)),
            )


def _entries(found: Answer) -> set[tuple[str, float, float]]:
    return {(e.label, round(e.value, 9), round(e.standard_error, 9)) for e in found.entries}


def _pooled(found: Answer) -> tuple[float, float, float]:
    return (math.nan,) * 3 if found.pooled is None else found.pooled.shown()


def _ends(which: str, value: float, low: float, high: float) -> dict[str, float]:
    return {which: value, f"{which}_low": low, f"{which}_high": high}


# Saline -------------------------------------------------------------------------------------------


def saline_arms(whole: Register, lines: Sequence[Result]) -> tuple[Arm, ...]:
    """Saline arms of knees with a change of pain and its spread; the first end point counts.

    The change is that of a pool (:mod:`exocast.evidence.query`); arms of fewer than two people, or
    of a number that nobody says, are none.
    """
    groups: dict[tuple[str, str, str, str], list[Result]] = {}
    for r in lines:
        if (
            KNEE.search(r.indication)
            and node_of(r.intervention) == SALINE
            and not both_sides(r.intervention)
        ):
            groups.setdefault((r.study_id, r.intervention, r.route, r.endpoint), []).append(r)
    found: dict[tuple[str, str, str], Arm] = {}
    for (study_id, given, route, endpoint), visits in groups.items():
        instrument = next((k for k, p in PAIN.items() if p.search(endpoint)), "")
        made = _arm(whole, study_id, instrument, visits) if instrument else None
        if made is not None:
            found.setdefault((study_id, given, route), made)
    return tuple(found.values())


def _arm(whole: Register, study_id: str, instrument: str, lines: Sequence[Result]) -> Arm | None:
    visits: dict[float, Visit] = {}
    for r in lines:
        group = change_on_hundred(whole, r) if r.week else None
        if group is None or not group.known or not group.n or group.n < 2 or r.week in visits:
            continue
        assert r.week is not None and r.scale_high is not None and r.scale_low is not None
        scale = 100.0 / (r.scale_high - r.scale_low)
        visits[r.week] = Visit(
            week=r.week,
            statistic="change",
            value=group.mean,
            standard_error=math.sqrt(group.variance(assumed().value)),
            sd=scale * r.sd_of_change if r.sd_of_change else None,
            n=int(group.n),
            studies=1,
        )
    if not visits:
        return None
    entry = next((r for r in lines if r.week == 0 and r.value is not None and r.sd), None)
    about = _usual_entry()
    if entry is not None and not impossible(entry) and entry.scale_high is not None:
        scale = 100.0 / (entry.scale_high - (entry.scale_low or 0.0))
        mean = scale * (entry.value or 0.0)
        about["mean"] = 100.0 - mean if better_of(entry) == "higher" else mean
        about["sd"] = scale * (entry.sd or 0.0)
        about["threshold"] = min(about["threshold"], about["mean"] / 2)
    return Arm(
        name=study_id,
        study_id=study_id,
        instrument=instrument,
        used_for="calibration",
        source=study_id,
        ceiling=100.0,
        visits=tuple(visits[week] for week in sorted(visits)),
        **about,
    )


def _usual_entry() -> dict[str, float]:
    rows = package_table("evidence", "entry")
    return {name: rows[f"{USUAL}.{name}"].value for name in ("mean", "sd", "threshold")}


def _saline(
    whole: Register, lines: Sequence[Result], lost: Collection[str], notes: list[str]
) -> Iterable[Moved]:
    new = saline_arms(whole, lines)
    kept = [arm for arm in arms_for("calibration") if arm.study_id not in lost]
    if not new and len(kept) == len(arms_for("calibration")):
        return []
    entry = _usual_entry()
    notes += [
        f"{arm.name}: pain at entry is not printed; {entry['mean']:g} with SD {entry['sd']:g} is "
        "assumed"
        for arm in new
        if (arm.mean, arm.sd) == (entry["mean"], entry["sd"])
    ]
    rows = package_table("patient", "placebo")
    fitted = {r.id: r for r in placebo.fitted_rows(placebo.fit((*kept, *new)))}
    moved = [
        Moved(
            kind="row",
            name=f"placebo.{name}",
            unit=rows[name].unit,
            **_ends("before", *_one_spread(rows[name])),
            **_ends("after", *_one_spread(fitted[name])),
        )
        for name in ("effect", "lasting", "study_sd", "response_sd")
    ]
    first = (*new, *kept)[0]
    usual = replace(
        first,
        mean=entry["mean"],
        sd=entry["sd"],
        threshold=entry["threshold"],
        instrument="pain_vas",
        visits=tuple(replace(first.visits[0], week=float(week)) for week in SHOWN_WEEKS),
    )
    now = placebo.procedure_rows()
    then = replace(
        now,
        effect=fitted["effect"].value,
        lasting=fitted["lasting"].value,
        study=fitted["study_sd"].value,
        response=fitted["response_sd"].value,
    )
    was, will = placebo.moments(usual, now), placebo.moments(usual, then)
    half = NormalDist().inv_cdf(0.95)
    for at, week in enumerate(SHOWN_WEEKS):
        spans = [half * abs(m.by_study[at]) * p.study for m, p in ((was, now), (will, then))]
        moved.append(
            Moved(
                kind="forecast",
                name=f"pain after saline, change by week {week} (entry {entry['mean']:g} of 100)",
                unit="mm",
                **_ends("before", *_about(float(was.mean[at]), spans[0])),
                **_ends("after", *_about(float(will.mean[at]), spans[1])),
            )
        )
    return moved


def _about(value: float, half: float) -> tuple[float, float, float]:
    return value, value - half, value + half


def _one_spread(row: Row) -> tuple[float, float, float]:
    size = row.spread[0]
    if row.spread_kind == "log_sd":
        return row.value, row.value * math.exp(-size), row.value * math.exp(size)
    return row.value, row.value - size, row.value + size


# Comparators --------------------------------------------------------------------------------------


def _comparators(
    whole: Register, ids: Sequence[str], notes: list[str], *, unresolved: bool
) -> Iterable[Moved]:
    moved: list[Moved] = []
    for name, node in GIVEN.items():
        seen = [
            (study_id, *found)
            for study_id in ids
            if (found := _contrast(whole, study_id, node, notes, unresolved=unresolved))
        ]
        if not seen:
            continue
        rows = package_table("patient", comparators.TABLE)
        key = name.replace(" ", "_")
        effect, tau = rows[f"{key}.effect"], rows[f"{key}.between_studies"].value
        pool = whole.study(rows[f"{key}.slab_weight"].source)
        shares = _shares(rows, key)
        weights, values = [1 / effect.spread[0] ** 2], [effect.value]
        for study_id, week, smd, error in seen:
            year = whole.study(study_id).year
            if year.isdigit() and pool.year.isdigit() and int(year) <= int(pool.year):
                notes.append(
                    f"{study_id} is of {year} and the pool that the effect of {name} rests on "
                    f"({pool.study_id}) of {pool.year}: it may be in it already, so it moves no row"
                )
                continue
            share = float(np.interp(week, *shares))
            if share < LEARNED:
                notes.append(
                    f"{study_id}: in week {week:g} hardly anything of the effect of {name} is "
                    "expected, so its size is not learned there"
                )
                continue
            weights.append(1 / ((error / share) ** 2 + tau**2))
            values.append(smd / share)
        if len(values) == 1:
            continue
        value = float(np.average(values, weights=weights))
        new = replace(effect, value=value, spread=(sum(weights) ** -0.5,))
        moved.append(
            Moved(
                kind="row",
                name=effect.key,
                unit="1",
                **_ends("before", *_one_spread(effect)),
                **_ends("after", *_one_spread(new)),
            )
        )
        notes.append(
            f"the default takes {rows[f'{key}.ratio'].value:.2g} of the effect of {name}, before "
            "what its grade takes: also of a new trial that is large and blinded"
        )
        for prior in ("default", "literature"):
            for week in SHOWN_WEEKS:
                if week > comparators.last_week(name):
                    continue
                moved.append(
                    Moved(
                        kind="forecast",
                        name=f"pain, {name} minus saline in week {week} (prior {prior})",
                        unit="SD",
                        **_ends("before", *_foretold(name, week, prior, effect)),
                        **_ends("after", *_foretold(name, week, prior, new)),
                    )
                )
    return moved


def _contrast(
    whole: Register, study_id: str, node: str, notes: list[str], *, unresolved: bool
) -> tuple[float, float, float] | None:
    """Week, SMD and its standard error of a study's treatment against saline, as a pool has it.

    A printed difference in points is divided by the SD of pain that the model takes for one.
    """
    alone = replace(
        whole,
        studies={study_id: whole.study(study_id)},
        results=whole.results_of(study_id),
    )
    pain_sd = package_table("patient", "natural")["pain_sd"].value
    for statistic, unit in (("smd", 1.0), ("difference", pain_sd)):
        for endpoint in ("pain", "VAS", "NRS"):
            for weeks in ("4-22", "1-60"):  # the middle of the first is week 13
                text = f"knee: {node} vs {SALINE} | {endpoint} | {statistic} | {weeks} weeks"
                try:
                    found = answer(text, alone, unresolved=unresolved)
                except (InvalidInput, UnknownName):
                    continue
                if found.entries:
                    entry = found.entries[0]
                    if statistic == "difference":
                        notes.append(
                            f"{study_id}: its difference in points is divided by {pain_sd:g}, the "
                            "SD of pain that the model takes"
                        )
                    return entry.week, entry.value / unit, entry.standard_error / unit
    return None


def _shares(rows: Mapping[str, Row], key: str) -> tuple[list[float], list[float]]:
    start = f"{key}{comparators.SHARE}"
    found = sorted(
        (float(name.removeprefix(start)), rows[name].value)
        for name in rows
        if name.startswith(start)
    )
    return [0.0, *(w for w, _ in found)], [0.0, *(s for _, s in found)]


def _foretold(name: str, week: float, prior: str, effect: Row) -> tuple[float, float, float]:
    rows = [
        row
        for row in comparators.rows((name,), prior)
        if not row.id.endswith((comparators.EFFECT, comparators.TAKEN_OFF))
    ]
    rows += comparators.with_taken_off([effect], shrink=prior == "default")
    drawn = draw(rows, seed=0, worlds=comparators.WORLDS, patients=1)
    smd = comparators.smd(np.array([7.0 * week]), name, drawn)[:, 0, 0]
    low, high = np.quantile(smd, [0.05, 0.95])
    return float(smd.mean()), float(low), float(high)
