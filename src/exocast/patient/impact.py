"""What a study more in the register would move: rows, and what forecasts say.

The register is read twice, without and with the study. A saline arm in a knee is fitted with the
others; a trial of a comparator against saline is brought together with the pool that its effect
rests on; a trial of vesicles moves no row, for the chain from assay to people is not fitted to
trials, and would be shown beside the forecast. Nothing is written.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from exocast.errors import InvalidInput
from exocast.evidence.arms import Arm, arms_for, visit_of
from exocast.evidence.arms import line_of as arm_line
from exocast.evidence.chance import draw
from exocast.evidence.query import Answer, answer, pools
from exocast.evidence.register import Register, Result
from exocast.evidence.rows import Row, package_table
from exocast.patient import comparators, placebo

SHOWN_WEEKS = (4, 12, 26, 52)
# Whose entry stands for that of trials which print none: rows of evidence/entry.csv.
USUAL = "altman2016"
KNEE = re.compile(r"\bknee", re.IGNORECASE)
SALINE = re.compile(r"\bsaline\b", re.IGNORECASE)
VESICLES = re.compile(r"exosome|vesicle|\bs?EVs?\b|secretome", re.IGNORECASE)
GIVEN = {
    "hyaluronic acid": re.compile(r"^(?:HA\b|hyaluron|hylan)(?!.*\+)", re.IGNORECASE),
    "corticosteroid": re.compile(
        r"^(?:(?:gluco)?corticosteroid|triamcinolone|methylprednisolone|betamethasone)(?!.*\+)",
        re.IGNORECASE,
    ),
    "platelet rich plasma": re.compile(r"^(?:PRP|platelet[- ]rich plasma)(?!.*\+)", re.IGNORECASE),
    "stromal cells": re.compile(r"\b(?:MSCs?|stromal cells?)\b(?!.*\+)", re.IGNORECASE),
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
    ids = tuple(
        dict.fromkeys([*(r.study_id for r in new), *(after.studies.keys() - before.studies)])
    )
    if not ids:
        raise InvalidInput(
            "it holds no study and no line that the register does not have.", where="file"
        )
    moved: list[Moved] = []
    notes: list[str] = []
    kept = {a.study_id for a in arms_for("prediction")}
    weighing = []
    for study_id in ids:
        if not after.study(study_id).resolved and not unresolved:
            notes.append(
                f"no identifier leads to {study_id}, so it weighs nothing (--unresolved takes it)"
            )
        elif study_id in kept:
            notes.append(f"{study_id} is kept to test forecasts, so no row is built from it")
        else:
            weighing.append(study_id)
    lines = [r for r in new if r.study_id in weighing]
    moved += _pools(before, after, unresolved=unresolved)
    moved += _saline(lines, notes)
    moved += _comparators(lines, notes)
    if any(VESICLES.search(r.intervention) for r in lines):
        notes.append(
            "a trial of vesicles moves no row of the effect: the chain from assay to people rests "
            "on rows of its own (patient/effect.csv). The trial would be listed beside forecasts, "
            "and effect.translation.slab_weight is the row that it speaks to"
        )
    if not moved and not notes:
        notes.append("no pool, row or forecast uses what it measures")
    return Impact(studies=ids, moved=tuple(moved), notes=tuple(notes))


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


def saline_arms(lines: Sequence[Result]) -> tuple[Arm, ...]:
    """Saline arms of knees with a change of pain and its spread, one an arm and end point."""
    groups: dict[tuple[str, str, str, str], list[Result]] = {}
    for r in lines:
        wanted = KNEE.search(r.indication) and SALINE.search(r.intervention)
        if wanted and " vs " not in r.intervention and "+" not in r.intervention and r.n:
            groups.setdefault((r.study_id, r.intervention, r.route, r.endpoint), []).append(r)
    found: dict[tuple[str, str, str], Arm] = {}
    for (study_id, given, route, endpoint), visits in groups.items():
        instrument = next((k for k, p in PAIN.items() if p.search(endpoint)), "")
        made = _arm(study_id, instrument, visits) if instrument else None
        if made is not None:
            found.setdefault((study_id, given, route), made)  # the first end point of pain counts
    return tuple(found.values())


def _arm(study_id: str, instrument: str, lines: Sequence[Result]) -> Arm | None:
    choice = {"arm": study_id, "study_id": study_id, "instrument": instrument}
    choice |= {"sd_printed": "yes", "used_for": "calibration", "note": ""}
    visits = []
    for r in lines:
        spread = r.se is not None or r.sd_of_change is not None
        if r.week and r.change is not None and spread and r.scale_high is not None:
            visits.append(visit_of(arm_line(r, choice)))
    if not visits:
        return None
    entry = next((r for r in lines if r.week == 0 and r.value is not None and r.sd), None)
    about = _usual_entry()
    if entry is not None and entry.scale_high is not None and entry.scale_low is not None:
        scale = 100.0 / (entry.scale_high - entry.scale_low)
        about["mean"] = scale * (entry.value or 0.0)
        about["sd"] = scale * (entry.sd or 0.0)
        about["threshold"] = min(about["threshold"], about["mean"] / 2)
    return Arm(
        name=study_id,
        study_id=study_id,
        instrument=instrument,
        used_for="calibration",
        source=study_id,
        ceiling=100.0,
        visits=tuple(sorted(visits, key=lambda v: v.week)),
        **about,
    )


def _usual_entry() -> dict[str, float]:
    rows = package_table("evidence", "entry")
    return {name: rows[f"{USUAL}.{name}"].value for name in ("mean", "sd", "threshold")}


def _saline(lines: Sequence[Result], notes: list[str]) -> Iterable[Moved]:
    new = saline_arms(lines)
    if not new:
        return []
    entry = _usual_entry()
    notes += [
        f"{arm.name}: pain at entry is not printed; {entry['mean']:g} with SD {entry['sd']:g} is "
        "assumed"
        for arm in new
        if (arm.mean, arm.sd) == (entry["mean"], entry["sd"])
    ]
    rows = package_table("patient", "placebo")
    fitted = {r.id: r for r in placebo.fitted_rows(placebo.fit((*arms_for("calibration"), *new)))}
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
    usual = replace(
        new[0],
        mean=entry["mean"],
        sd=entry["sd"],
        threshold=entry["threshold"],
        instrument="pain_vas",
        visits=tuple(replace(new[0].visits[0], week=float(week)) for week in SHOWN_WEEKS),
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


def _comparators(lines: Sequence[Result], notes: list[str]) -> Iterable[Moved]:
    moved: list[Moved] = []
    for name, pattern in GIVEN.items():
        seen = list(_contrasts(lines, pattern))
        if not seen:
            continue
        rows = package_table("patient", comparators.TABLE)
        key = name.replace(" ", "_")
        effect, tau = rows[f"{key}.effect"], rows[f"{key}.between_studies"].value
        shares = _shares(rows, key)
        weights, values = [1 / effect.spread[0] ** 2], [effect.value]
        for study_id, week, smd, error in seen:
            share = float(np.interp(week, *shares))
            if share < 0.25:
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


def _shares(rows: Mapping[str, Row], key: str) -> tuple[list[float], list[float]]:
    start = f"{key}{comparators.SHARE}"
    found = sorted(
        (float(name.removeprefix(start)), rows[name].value)
        for name in rows
        if name.startswith(start)
    )
    return [0.0, *(w for w, _ in found)], [0.0, *(s for _, s in found)]


def _contrasts(
    lines: Sequence[Result], pattern: re.Pattern[str]
) -> Iterable[tuple[str, float, float, float]]:
    """Study, week, SMD and its standard error of arms against saline; one visit a study."""
    found: dict[str, tuple[float, float, float, float]] = {}
    for r, control in itertools.product(lines, lines):
        if not (_against(r, control) and pattern.search(r.intervention) and r.week):
            continue
        contrast = comparators.difference(r, control)
        spread = _sd_of(r, control)
        if contrast is None or spread is None:
            continue
        value, error = contrast[0] / spread, contrast[1] / spread
        near = abs(r.week - 13)
        if r.study_id not in found or near < found[r.study_id][0]:
            found[r.study_id] = (near, r.week, value, error)
    for study_id, (_, week, value, error) in found.items():
        yield study_id, week, value, error


def _against(r: Result, control: Result) -> bool:
    alone = not any(" vs " in arm.intervention for arm in (r, control))
    same = alone and (r.study_id, r.endpoint, r.week, r.route) == (
        control.study_id,
        control.endpoint,
        control.week,
        control.route,
    )
    pain = any(p.search(r.endpoint) for p in PAIN.values())
    return same and pain and bool(SALINE.search(control.intervention)) and r is not control


def _sd_of(r: Result, control: Result) -> float | None:
    """Pooled SD of the change between people, on 0-100."""
    if not (r.sd_of_change and control.sd_of_change and r.n and control.n):
        return None
    assert r.scale_high is not None and r.scale_low is not None
    pooled = ((r.n - 1) * r.sd_of_change**2 + (control.n - 1) * control.sd_of_change**2) / (
        r.n + control.n - 2
    )
    return 100.0 / (r.scale_high - r.scale_low) * math.sqrt(pooled)


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
