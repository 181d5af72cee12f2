"""What else is put into knees, by the difference in pain that trials report against saline.

No tissue, no dose: the effect of a usual course at its strongest, in SD of pain, times the share of
it that is there in each week, times the part of reported effects that large blinded trials leave
standing, plus a deviation of the study. Published pools give the size; they are read from the
register by :func:`built_rows`, which ``scripts/pool_evidence.py`` writes to ``comparators.csv``.

Left out: who responds more than others, what the product does to cartilage, repeated courses.
After the last week that a pool looks at, the effect fades by a row that is a guess.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exocast.errors import TableError, UnknownName, nearest
from exocast.evidence import small_study
from exocast.evidence.chance import draw
from exocast.evidence.grades import grades
from exocast.evidence.query import better_of
from exocast.evidence.register import Register, Result, register
from exocast.evidence.rows import Row, package_table, under_prior
from exocast.patient.population import per_logit

Array = NDArray[np.float64]
TABLE = "comparators"
NORMAL_95 = 1.959964
DAYS = 7.0
WORLDS = 4000  # of the bands that a report prints
SHARE = ".share_"
EFFECT = ".effect"
RATIO = ".ratio"
TAKEN_OFF = ".taken_off"
SHARED = ("fades",)


@dataclass(frozen=True, kw_only=True)
class Said:
    """Where the register holds a number: a line by study, words of what was given, and week."""

    study_id: str
    given: str
    week: float | None = None
    endpoint: str = ""


@dataclass(frozen=True, kw_only=True)
class Course:
    """What a comparator's rows are built from.

    Attributes
    ----------
    pooled
        The published pool against saline.
    favours_plus
        Whether plus means less pain there.
    against
        For a course known against another comparator only: its name, and the lines by week.
    own_ratio, counted
        Whether large blinded trials of its own exist, and whether its pool tells its number of
        trials; another comparator's are carried over where not.
    """

    name: str
    text: str
    pooled: Said
    favours_plus: bool
    against: str = ""
    contrasts: Sequence[Said] = ()
    own_ratio: bool = False
    counted: bool = False


def names() -> tuple[str, ...]:
    """Comparators by the names that a scenario's arms use, in file order."""
    rows = package_table("patient", TABLE)
    return tuple(spoken(key.removesuffix(EFFECT)) for key in rows if key.endswith(EFFECT))


def spoken(name: str) -> str:
    """``hyaluronic_acid`` as people write it."""
    return name.replace("_", " ")


def rows(arms: Iterable[str], prior: str = "default") -> tuple[Row, ...]:
    """Rows of the comparators among some arms, ready to be drawn; none where there is none.

    Under ``default`` a lower grade multiplies the chance and the favourable centre of an effect
    down; under ``literature`` effects stand as reported.
    """
    wanted = [name.replace(" ", "_") for name in arms if name in names()]
    if not wanted:
        return ()
    table = package_table("patient", TABLE)
    found = tuple(row for key, row in table.items() if key in SHARED or key.split(".")[0] in wanted)
    return with_taken_off(under_prior(found, prior), shrink=prior == "default")


def with_taken_off(found: Sequence[Row], *, shrink: bool = True) -> tuple[Row, ...]:
    """Rows shrunk by grade, and for each effect a row of what that took off its centre.

    Where a course turns to harm nothing is taken off, lest weak evidence look safer.
    """
    made: list[Row] = []
    for row in found:
        new = shrunk(row) if shrink else row
        made.append(new)
        if row.id.endswith(EFFECT):
            made.append(
                replace(
                    new,
                    id=row.id.removesuffix(EFFECT) + TAKEN_OFF,
                    meaning="what the grade took off the centre of the effect",
                    value=row.value - new.value,
                    spread=(),
                    spread_kind="fixed",
                    varies="constant",
                    note="put back where the course turns to harm",
                )
            )
    return tuple(made)


def shrunk(row: Row) -> Row:
    """A row of an effect with weight and favourable centre multiplied down by its grade.

    Its spread stays what the row says; what is no effect passes through.
    """
    grade = grades()[row.grade]
    if row.id.endswith(".slab_weight"):
        return replace(row, value=row.value * grade.slab_weight)
    if row.id.endswith(RATIO):
        narrow = tuple(s / grade.widening for s in row.spread)
        return replace(row, value=row.value * grade.slab_centre, spread=narrow)
    if row.id.endswith(EFFECT):
        if row.spread_kind not in ("sd", "se"):
            raise TableError(
                f"'{row.id}' has spread_kind '{row.spread_kind}'; an effect takes sd or se.",
                where=f"{TABLE}.csv, line {row.line}",
            )
        centre = row.value * grade.slab_centre if row.value < 0 else row.value
        return replace(row, value=centre, spread=tuple(s / grade.widening for s in row.spread))
    return row


def smd(times_days: Array, arm: str, values: Mapping[str, Array]) -> Array:
    """Difference to saline in SD of pain, minus for less pain, ``(worlds, patients, times)``.

    Parameters
    ----------
    times_days
        Days after the injection.
    arm
        A name of :func:`names`.
    values
        Draws of :func:`rows`, each of shape ``(worlds, patients)``.
    """
    name = f"{TABLE}.{_known(arm)}"
    knots = sorted(
        (float(key.rpartition("_")[2]), key) for key in values if key.startswith(name + SHARE)
    )
    times = np.asarray(times_days, dtype=np.float64)
    weeks = np.array([0.0, *(week for week, _ in knots)]) * DAYS
    shares = np.stack([np.zeros_like(values[knots[0][1]]), *(values[key] for _, key in knots)])
    at = np.clip(np.searchsorted(weeks, times, side="right") - 1, 0, len(weeks) - 2)
    part = np.clip((times - weeks[at]) / (weeks[at + 1] - weeks[at]), 0.0, 1.0)
    share = np.moveaxis(shares[at] + part[:, None, None] * (shares[at + 1] - shares[at]), 0, -1)
    after = np.maximum(times - weeks[-1], 0.0)
    fade = 0.5 ** (after / values[f"{TABLE}.fades"][..., None])
    # No bonus: reported effects are never taken for too small.
    ratio = np.minimum(values[name + RATIO], 1.0)
    own = values[f"{name}.between_studies"] * values[f"{name}.study"]
    settled = np.clip(times / weeks[1], 0.0, 1.0)
    whole = values[name + EFFECT] + values[name + TAKEN_OFF]
    effect = np.where(share >= 0, values[name + EFFECT][..., None], whole[..., None])
    size = (effect * share + own[..., None] * settled) * fade
    live = values[f"{name}.slab_weight"] > 0
    return np.asarray(np.where(live, ratio, 0.0)[..., None] * size)


def record(arm: str, weeks: Sequence[int]) -> dict[str, Any]:
    """What a report says of a comparator: its effect as reported and with the bias taken out.

    Returns
    -------
    ``{"arm", "last_week", "source", "visits": [{"week", "reported": {...}, "adjusted": {...}}]}``,
    each of the two as ``value``, ``low`` and ``high`` (90 % over worlds) in SD of pain.
    """
    times = DAYS * np.array(weeks, dtype=np.float64)
    found: dict[str, Array] = {}
    for label, prior in (("reported", "literature"), ("adjusted", "default")):
        drawn = draw(rows((arm,), prior), seed=0, worlds=WORLDS, patients=1)
        found[label] = smd(times, arm, drawn)[:, 0, :]
    table = package_table("patient", TABLE)
    name = _known(arm)
    return {
        "arm": arm,
        "text": table[f"{name}{EFFECT}"].meaning,
        "source": table[f"{name}.slab_weight"].source,
        "note": table[f"{name}{EFFECT}"].note,
        "last_week": last_week(arm),
        "visits": [
            {"week": week, **{label: _band(of[:, i]) for label, of in found.items()}}
            for i, week in enumerate(weeks)
        ],
    }


def _band(of: Array) -> dict[str, float]:
    low, high = np.quantile(of, [0.05, 0.95])
    return {"value": float(of.mean()), "low": float(low), "high": float(high)}


def pain_shift(times_days: Array, arm: str, values: Mapping[str, Array]) -> Array:
    """The same on the logit scale of pain, as :func:`exocast.patient.outcomes.simulate` wants."""
    sd, mean = values["natural.pain_sd"], values["natural.pain_mean"]
    return np.asarray((sd / per_logit(mean, sd))[..., None] * smd(times_days, arm, values))


def last_week(arm: str) -> float:
    """Last week that the trials of a comparator look at."""
    start = _known(arm) + SHARE
    rows_ = package_table("patient", TABLE)
    return max(float(key.removeprefix(start)) for key in rows_ if key.startswith(start))


def _known(arm: str) -> str:
    if arm not in names():
        raise UnknownName(f"there is no comparator '{arm}'." + nearest(arm, names()))
    return arm.replace(" ", "_")


# Built from the register --------------------------------------------------------------------------

COURSES = (
    Course(
        name="hyaluronic_acid",
        text="hyaluronic acid in the joint",
        pooled=Said(study_id="rutjes_via_rmdopen", given="HA vs placebo", week=13),
        favours_plus=True,
        own_ratio=True,
        counted=True,
    ),
    Course(
        name="corticosteroid",
        text="corticosteroid in the joint",
        pooled=Said(study_id="juni2015", given="corticosteroid vs sham"),
        favours_plus=False,
        against="hyaluronic_acid",
        contrasts=tuple(
            Said(study_id="bannuru2009", given="HA vs corticosteroid", week=week)
            for week in (2, 4, 8, 12, 26)
        ),
        counted=True,
    ),
    Course(
        name="platelet_rich_plasma",
        text="platelet-rich plasma in the joint",
        pooled=Said(study_id="nma_ia2020", given="PRP vs saline", week=13),
        favours_plus=False,
    ),
    Course(
        name="stromal_cells",
        text="cultured stromal cells in the joint",
        pooled=Said(study_id="msc_ma_ma2020", given="MSC vs control", endpoint="WOMAC pain"),
        favours_plus=False,
        counted=True,
    ),
)
COUNTED = COURSES[1].pooled
P_VALUE = re.compile(r"P=(0?\.\d+)")
TRIALS = re.compile(r"(\d+) (?:trials|RCTs)")
SYSTEM = "knee osteoarthritis, against saline or sham"
FIT = "evidence_pools"
PLACE = "scripts/pool_evidence.py"


def line_of(whole: Register, said: Said) -> Result:
    """The line of the register that is meant.

    Raises
    ------
    TableError
        When there is none, or more than one.
    """
    found = [
        r
        for r in whole.results_of(said.study_id)
        if r.statistic == "effect_smd"
        and said.given == r.intervention
        and (said.week is None or r.week == said.week)
        and (not said.endpoint or r.endpoint == said.endpoint)
    ]
    if len(found) != 1:
        raise TableError(
            f"{len(found)} lines of the register answer {said}; one is needed.",
            where="register/results.csv",
        )
    return found[0]


def standardised(whole: Register, said: Said, *, favours_plus: bool) -> tuple[float, float]:
    """Value (minus is less pain) and standard error of a published standardised difference."""
    line = line_of(whole, said)
    assert line.value is not None and line.low is not None and line.high is not None
    return (
        -line.value if favours_plus else line.value,
        (line.high - line.low) / (2 * NORMAL_95),
    )


def built_rows(whole: Register | None = None) -> tuple[Row, ...]:
    """Rows of ``comparators.csv`` as the register gives them; its judgements stay as they are."""
    whole = whole or register()
    judged = tuple(
        row for row in package_table("patient", TABLE).values() if row.source == "assumption"
    )
    made = [row for row in judged if row.id in SHARED]
    for course in COURSES:
        made += _built(whole, course, judged)
    return tuple(replace(row, line=0) for row in made)


def between_studies(whole: Register, said: Said) -> tuple[float, float]:
    """SD between the trials of a pool, from the width of its interval, with its SD as a logarithm.

    The squared standard error times the trials is the variance between them plus that of a typical
    trial, 4 over its people (two arms of one size).

    Raises
    ------
    TableError
        When the line tells no number of trials or people.
    """
    line, (_, error) = line_of(whole, said), standardised(whole, said, favours_plus=False)
    count = TRIALS.search(line.note)
    if count is None or not line.n:
        raise TableError(
            f"the line of {said.study_id} tells no number of trials or of people.",
            where=f"register/results.csv, line {line.line}",
        )
    trials = int(count.group(1))
    total, within = trials * error**2, 4 * trials / line.n
    tau2 = max(total - within, total / 10)
    return math.sqrt(tau2), math.sqrt(2 / (trials - 1)) * total / (2 * tau2)


def _built(whole: Register, course: Course, judged: Sequence[Row]) -> list[Row]:
    value, error = standardised(whole, course.pooled, favours_plus=course.favours_plus)
    shares: dict[float, tuple[float, float]] = {}
    note = f"{course.pooled.study_id}, as printed"
    if course.against:
        value, error, shares = _through(whole, course, judged)
        note = (
            f"at week 2, where it is largest: {course.against} against saline plus "
            f"{course.contrasts[0].study_id} head to head; {course.pooled.study_id} has "
            f"{standardised(whole, course.pooled, favours_plus=False)[0]:g} over all weeks"
        )
    ratio, log_sd = small_study.ratio(whole)
    apart = course.pooled if course.counted else COUNTED
    tau, tau_log_sd = between_studies(whole, apart)
    name = course.name
    made = [
        replace(
            _row(f"{name}.slab_weight", f"chance that {course.text} does anything", 1, (), "fixed",
                 "trials against saline or sham in people; how much of them is bias stands in the "
                 "ratio"),
            varies="structure", source=course.pooled.study_id, place=_place(whole, course.pooled),
        ),
        _row(f"{name}.effect", f"{course.text}: difference in pain to saline at its strongest, as "
             "reported, in SD of pain (minus is less)", value, (error,), "se", note),
        replace(
            _row(f"{name}.study", f"a study's own deviation of the effect of {course.text}", 0,
                 (1.0,), "sd", "a standard score; its size is between_studies"),
            source="definition", place="",
        ),
        replace(
            _row(f"{name}.between_studies", "SD between studies of that effect, as reported", tau,
                 (tau_log_sd,), "log_sd",
                 f"from the interval, trials and people of {apart.study_id}"
                 + ("" if apart is course.pooled else "; carried over")),
            grade="A" if apart is course.pooled else "C",
        ),
        replace(
            _row(f"{name}.ratio", "part of the reported effect that large blinded trials leave",
                 ratio, (log_sd,), "log_sd",
                 "large blinded trials of hyaluronic acid over all"
                 + ("" if course.own_ratio else "; carried over from hyaluronic acid")),
            grade="A" if course.own_ratio else "C",
        ),
        replace(
            _row(f"{name}.ratio.literature", "the same, as reported", 1, (), "fixed",
                 "the literature prior takes the reported effect as real"),
            source="definition", place="", grade="E",
        ),
    ]  # fmt: skip
    made += [
        _row(
            f"{name}{SHARE}{week:g}",
            f"share of that effect in week {week:g}",
            max(share, 0.0),
            (spread,),
            "sd",
            "from the contrasts by week"
            + (
                f"; {share:.2g}, taken as nothing: a turn to harm is not known" if share < 0 else ""
            ),
        )
        for week, (share, spread) in shares.items()
    ]
    return made + [row for row in judged if row.id.startswith(f"{name}{SHARE}")]


def _through(
    whole: Register, course: Course, judged: Sequence[Row]
) -> tuple[float, float, dict[float, tuple[float, float]]]:
    """A course by way of another comparator: its effect plus the head-to-head difference.

    Head-to-head lines say by how much the other is better (plus), so that minus keeps less pain.
    """
    other = next(c for c in COURSES if c.name == course.against)
    size, size_error = standardised(whole, other.pooled, favours_plus=other.favours_plus)
    start = f"{other.name}{SHARE}"
    known = [row for row in judged if row.id.startswith(start)]
    weeks = np.array([0.0, *(float(row.id.removeprefix(start)) for row in known)])
    there = np.array([0.0, *(row.value for row in known)])
    found = {}
    for said in course.contrasts:
        line, error = line_of(whole, said), standardised(whole, said, favours_plus=False)[1]
        assert line.week is not None and line.value is not None
        share = float(np.interp(line.week, weeks, there))
        found[line.week] = (share * size + line.value, math.hypot(share * size_error, error))
    first = min(found)
    value, error = found[first]
    return value, error, {w: (v / value, abs(e / value)) for w, (v, e) in found.items()}


def _place(whole: Register, said: Said) -> str:
    return line_of(whole, said).place


def _row(
    name: str, meaning: str, value: float, spread: tuple[float, ...], kind: str, note: str
) -> Row:
    """A row with the numbers rounded to what is known."""
    return Row(
        id=name,
        meaning=meaning,
        value=float(f"{value:.3g}"),
        unit="1",
        spread=tuple(float(f"{s:.2g}") for s in spread),
        spread_kind=kind,
        varies="constant" if kind == "fixed" else "uncertain",
        system=SYSTEM,
        source=FIT,
        place=PLACE,
        grade="A",
        note=note,
        table=TABLE,
    )


def as_records(made: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows as lines of a table."""
    from exocast.evidence.rows import COLUMNS

    lines = []
    for row in made:
        record: dict[str, Any] = {c: getattr(row, c) for c in COLUMNS}
        record["value"] = f"{row.value:g}"
        record["spread"] = "..".join(f"{s:g}" for s in row.spread)
        lines.append(record)
    return lines


# Held against trials ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Held:
    """A trial's difference to saline beside what the rows foretell; mm of 100, minus is less pain.

    ``low`` and ``high`` hold 90 percent of copies of the trial: worlds, the study's own deviation
    and its sampling error.
    """

    comparator: str
    study_id: str
    route: str
    week: float
    observed: float
    standard_error: float
    mean: float
    low: float
    high: float

    @property
    def hit(self) -> bool:
        """Whether the observed difference lies inside."""
        return self.low <= self.observed <= self.high


def held_out(whole: Register | None = None, prior: str = "default") -> tuple[Held, ...]:
    """Trials against saline in the register that no row is built from."""
    whole = whole or register()
    found = []
    for choice in _choices():
        lines = [
            r
            for r in whole.results_of(choice["study_id"])
            if r.endpoint == choice["endpoint"] and choice["route"] in r.route
        ]
        treated = {r.week: r for r in lines if _given(r, choice["treated"])}
        control = {r.week: r for r in lines if _given(r, choice["control"])}
        for week in sorted(w for w in treated.keys() & control.keys() if w):
            first = difference(treated[week], control[week])
            if first is not None:
                found.append(_held(choice, week, *first, control, prior))
    return tuple(found)


def _choices() -> tuple[dict[str, str], ...]:
    path = Path(__file__).parent.parent / "evidence" / "contrast_choices.csv"
    return tuple(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def _given(r: Result, words: str) -> bool:
    """Whether an arm got this, alone: ``HA`` is no ``HA + triamcinolone``."""
    start = r.intervention.startswith(words)
    return start and "+" not in r.intervention and " vs " not in r.intervention


def difference(treated: Result, control: Result) -> tuple[float, float] | None:
    """Difference of changes on 0-100 (minus is less pain) with its standard error.

    From the SDs of the changes, or from a printed P value; None where there is neither.
    """
    if treated.change is None or control.change is None or not (treated.n and control.n):
        return None
    assert treated.scale_low is not None and treated.scale_high is not None
    scale = 100.0 / (treated.scale_high - treated.scale_low)
    value = treated.change - control.change
    printed = P_VALUE.search(treated.note)
    if treated.sd_of_change and control.sd_of_change:
        error = math.hypot(
            treated.sd_of_change / math.sqrt(treated.n), control.sd_of_change / math.sqrt(control.n)
        )
    elif printed:
        from scipy.stats import norm

        error = abs(value) / float(norm.isf(float(printed.group(1)) / 2))
    else:
        return None
    return (-scale if better_of(treated) == "higher" else scale) * value, scale * error


def _held(
    choice: Mapping[str, str],
    week: float,
    observed: float,
    error: float,
    control: Mapping[float | None, Result],
    prior: str,
) -> Held:
    arm = choice["comparator"]
    drawn = draw(rows((arm,), prior), seed=0, worlds=WORLDS, patients=1)
    natural = package_table("patient", "natural")
    sd, mean = natural["pain_sd"].value, natural["pain_mean"].value
    mm = smd(np.array([DAYS * week]), arm, drawn)[:, 0, 0] * sd
    # Where pain is worse a step on the logit scale is more millimetres.
    mm = mm * per_logit(_level(control, week, mean), sd) / per_logit(mean, sd)
    noise = np.random.default_rng(0).standard_normal(len(mm)) * error
    low, high = np.quantile(mm + noise, [0.05, 0.95])
    return Held(
        comparator=arm,
        study_id=choice["study_id"],
        route=choice["route"],
        week=week,
        observed=observed,
        standard_error=error,
        mean=float(mm.mean()),
        low=float(low),
        high=float(high),
    )


def _level(control: Mapping[float | None, Result], week: float, unknown: float) -> float:
    """Pain of the control arm at a visit on 0-100; the usual one where no entry is printed."""
    entry, there = control.get(0.0), control[week]
    if entry is None or entry.value is None or there.change is None:
        return unknown
    assert there.scale_low is not None and there.scale_high is not None
    return (entry.value + there.change) * 100.0 / (there.scale_high - there.scale_low)
