"""Writes ``register/quoted.csv``: quoted pooled values beside what the register's own arms give.

    python scripts/recompute_quoted.py

Nothing is tuned to agree: each recomputation takes the arms that the register has, by a rule that
stands in ``how``, and ``explanation`` says what is known to be different.
"""

from __future__ import annotations

import csv
import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import norm

from exocast.evidence import arms as arms_module
from exocast.evidence.arms import Arm, Visit, arms, arms_for
from exocast.evidence.quoted import COLUMNS, FILE, Quoted
from exocast.evidence.register import FOLDER, Result, register
from exocast.evidence.synthesis import Effects, Pooled, pool

HOME = FOLDER
CHOICES = Path(arms_module.__file__).with_name("contrast_choices.csv")
DRAWS, SEED = 20_000, 1
SHARED = 0.5  # correlation of effects at two weeks from the same trials and people
LARGE = 100  # people in each arm
Z = float(norm.ppf(0.975))
COUNT = re.compile(r"(\d+) (?:[\w-]+ )?(?:studies|trials|RCTs|cohorts|control arms|control groups)")
NONE = "not recomputable"
P_VALUE = re.compile(r"between-arm (-?[\d.]+) mm, P=(\.\d+)")
Numbers = tuple[float, float, float, int]  # value, interval, studies


def main() -> None:
    """Write the table and say how much of it is recomputed."""
    lines = write(HOME / FILE)
    done = sum(line.recomputed is not None for line in lines)
    print(f"{FILE}: {len(lines)} lines, {done} recomputed")


def write(path: Path) -> list[Quoted]:
    """The table, written to a file."""
    lines = table()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for line in lines:
            record = dataclasses.asdict(line)
            writer.writerow({k: _cell(v) for k, v in record.items()})
    return lines


def table() -> list[Quoted]:
    """Every line."""
    return [
        *bannuru(),
        *saline_standardised(),
        *saline_in_mm(),
        *hyaluronic_acid(),
        *gel200(),
        *prp(),
        *msc(),
        *animals(),
        *controls(),
    ]


# Hyaluronic acid and steroids ---------------------------------------------------------------------


def bannuru() -> list[Quoted]:
    """The five effects as printed, and the week at which they change sign."""
    results = _lines("bannuru2009")
    values = np.array([r.value for r in results], dtype=float)
    errors = np.array([(r.high - r.low) / (2 * Z) for r in results if r.high and r.low])
    weeks = np.array([r.week for r in results], dtype=float)
    measure = "SMD, minus favours the steroid"
    why = (
        "the register has no trial with an arm of hyaluronic acid and one of a steroid alone: "
        "cingal1301 gives the steroid with hyaluronic acid, shrestha2018 and tschopp2023 only "
        "directions"
    )
    made = [_none(r, measure, why) for r in results]
    shared = np.where(np.eye(len(weeks), dtype=bool), 1.0, SHARED) * np.outer(errors, errors)
    drawn = np.random.default_rng(SEED).multivariate_normal(
        values, shared, DRAWS, method="cholesky"
    )
    weeks_drawn = np.array([crossing(weeks, row) for row in drawn])
    low, high = (_at(weeks_drawn, share) for share in (0.025, 0.975))
    never = float(np.mean(np.isinf(weeks_drawn) & (weeks_drawn > 0)))
    before = float(np.mean(np.isinf(weeks_drawn) & (weeks_drawn < 0)))
    crossed = crossing(weeks, values)
    return [
        *made,
        Quoted(
            study_id="bannuru2009",
            outcome="week at which the steroid stops being better",
            week=None,
            measure="weeks, by straight lines between the quoted effects",
            quoted=None,
            low=float(weeks[0]),
            high=float(weeks[values > 0][0]),
            k_quoted=_count(results[0]),
            recomputed=_round(crossed),
            low_ours=_round(max(low, weeks[0])),
            high_ours=_round(min(high, weeks[-1])),
            k_ours=_count(results[0]),
            how=(
                f"first change of sign of the five quoted effects; interval from {DRAWS} draws of "
                f"them with a correlation of {SHARED:g} between weeks, seed {SEED}"
            ),
            explanation=(
                f"the quoted range is between the first week with the steroid ahead and the first "
                f"with hyaluronic acid ahead; {100 * before:.1f} % of draws have it ahead from the "
                f"first week on and {100 * never:.1f} % never; the correlation is assumed, as the "
                "weeks come from the same trials"
            ),
        ),
    ]


def crossing(weeks: np.ndarray, values: np.ndarray) -> float:
    """First week at which straight lines between effects rise above zero.

    Minus infinity where they are above from the start, infinity where they never are.
    """
    above = np.flatnonzero(values > 0)
    if not len(above):
        return math.inf
    i = int(above[0])
    if i == 0:
        return -math.inf
    share = -values[i - 1] / (values[i] - values[i - 1])
    return float(weeks[i - 1] + share * (weeks[i] - weeks[i - 1]))


def hyaluronic_acid() -> list[Quoted]:
    """Against saline, from the trials with both arms."""
    every, large = _lines("rutjes_via_rmdopen")
    trials = _contrasts("hyaluronic acid", nearest_to=13.0, between=(4.0, 18.0))
    big = {name: t for name, t in trials.items() if min(t[2], t[5]) >= LARGE}
    measure = "SMD, plus favours hyaluronic acid"
    made = []
    for quoted, some, rule in (
        (every, trials, "all"),
        (large, big, f"those with {LARGE} or more in each arm"),
    ):
        value, low, high, k = _smd(some)
        rest = {name: t for name, t in some.items() if name != "ha_rct_altman2"}
        made.append(
            _line(
                quoted,
                measure,
                (value, low, high, k),
                how=(
                    f"trials of the register with arms of hyaluronic acid and saline or buffer, "
                    f"{rule}; the visit nearest to week 13 from 4 to 18; SDs of the change; REML, "
                    "Knapp and Hartung"
                ),
                explanation=(
                    f"{k} trials ({', '.join(sorted(some))}) beside {_count(quoted)}; those "
                    "older than the quoted pool are probably among its trials; in SDs of the "
                    "change, and by which SD the quoted pool divides is not in the register; the "
                    "listed error of ha_rct_altman2 is 1.0 at every visit, and "
                    f"without that trial the value is {_smd(rest)[0]:.2f}"
                    + (
                        "; large is by people alone here, blinding is not asked for"
                        if some is big
                        else ""
                    )
                ),
            )
        )
    return made


def gel200() -> list[Quoted]:
    """The difference between arms and its interval, from the printed P value."""
    results = _lines("gel200_pooled2018")
    made = []
    for treated, control in zip(results[:2], results[2:], strict=True):
        found = P_VALUE.search(treated.note)
        assert found and treated.n and control.n and treated.change and control.change
        printed, p = float(found[1]), float(found[2])
        error = abs(printed) / float(norm.isf(p / 2))
        sd = error / math.sqrt(1 / treated.n + 1 / control.n)
        difference = treated.change - control.change
        made.append(
            Quoted(
                study_id=treated.study_id,
                outcome="WOMAC pain, Gel-200 minus buffer",
                week=treated.week,
                measure="difference of changes on 0-100, minus favours Gel-200",
                quoted=printed,
                low=None,
                high=None,
                k_quoted=2,
                recomputed=_round(difference),
                low_ours=_round(difference - Z * error),
                high_ours=_round(difference + Z * error),
                k_ours=2,
                how="difference of the printed arm means; standard error from the printed P value",
                explanation=(
                    f"P={p:g} gives a standard error of {error:.2f}, so an SD of the change of "
                    f"{sd:.0f} between people"
                    + ("; the mean of weeks 3 to 26" if treated.week is None else "")
                ),
            )
        )
    return made


# Saline before against after ----------------------------------------------------------------------


def saline_standardised() -> list[Quoted]:
    """Saline arms in SDs, at three months and at six to twelve."""
    early, late = _lines("altman2016")
    measure = "SMD of change from baseline, minus is better"
    made = []
    for quoted, middle, between in ((early, 13.0, (0.0, 13.0)), (late, 39.0, (26.0, 52.0))):
        for used, words in _kept():
            found = _nearest(used, middle, between, printed_sd=True)
            made.append(
                _line(
                    quoted,
                    measure,
                    _standardised((n, v.value, v.sd or 0.0) for n, v in found.values()),
                    how=(
                        f"saline arms of the register that print an SD of the change, {words}; "
                        f"the visit nearest to week {middle:g} from {between[0]:g} to "
                        f"{between[1]:g}, an arm a study; variance 2(1 - r)/n + d2/2n with r = 0.5"
                    ),
                    explanation=(
                        f"{_names(found)} beside {_count(quoted)}; in SDs of the change, which are "
                        "those of pain itself where two visits correlate by one half; by which "
                        "SD the quoted pool divides is not in the register"
                    ),
                )
            )
        found = _nearest(arms_for("prediction"), middle, between)
        entry = {arm.study_id: arm.sd for arm in arms_for("prediction")}
        made.append(
            _line(
                quoted,
                measure,
                _standardised((n, v.value, entry[name]) for name, (n, v) in found.items()),
                how=(
                    "the same in SDs of pain at entry, for the trials that print one (all of them "
                    "kept for prediction)"
                ),
                explanation=(
                    f"{_names(found)}; entry criteria make people alike, so SDs at entry "
                    f"({min(entry.values()):.0f} to {max(entry.values()):.0f}) are smaller than "
                    "those of the change, and the same fall is more of them"
                ),
            )
        )
    return made


def saline_in_mm() -> list[Quoted]:
    """Saline arms on 0-100 at three months."""
    [quoted] = _lines("saltzman2017")
    made = []
    for used, words in _kept():
        found = _nearest(used, 13.0, (8.0, 18.0))
        value, low, high, k = _pooled(
            Effects(
                values=np.array([v.value for _, v in found.values()]),
                variances=np.array([v.standard_error**2 for _, v in found.values()]),
                measure="change",
            )
        )
        made.append(
            _line(
                quoted,
                "improvement on 0-100, plus is better",
                (-value, -high, -low, k),
                how=(
                    f"saline arms of the register with a standard error, {words}; the visit "
                    "nearest to week 13 from 8 to 18, an arm a study; REML, Knapp and Hartung"
                ),
                explanation=(
                    f"{_names(found)} beside {_count(quoted)} cohorts that the register does not "
                    "name; VAS and WOMAC pain together here, VAS alone there"
                ),
            )
        )
    return made


def _kept() -> list[tuple[list[Arm], str]]:
    single = [arm for arm in arms() if arm.visits[0].studies == 1]
    fitted = [arm for arm in single if arm.used_for != "prediction"]
    return [(single, "all"), (fitted, "without those that the forecast is tested on")]


# Others -------------------------------------------------------------------------------------------


def prp() -> list[Quoted]:
    """Platelet-rich plasma against hyaluronic acid."""
    differences = {r.week: r for r in register().results_of("raeissadat2021")[:3]}
    own_week = {13.0: 9.0, 26.0: 26.0, 52.0: 52.0}
    made = []
    for quoted in _lines("prp_vs_ha_ma2018"):
        measure = "mean difference, PRP minus hyaluronic acid"
        week = quoted.week or 0.0
        if quoted.endpoint == "WOMAC pain":
            r = differences[own_week[week]]
            assert r.value is not None and r.low is not None and r.high is not None
            made.append(
                _line(
                    quoted,
                    measure,
                    (-r.value, -r.high, -r.low, 1),
                    how=f"raeissadat2021 at week {r.week:g} alone, sign turned",
                    explanation=(
                        "one trial, and of 2021: later than the pool, so none of its trials; "
                        "on 0-20, and the scale of the quoted value is not in the register"
                    ),
                )
            )
        elif quoted.endpoint == "WOMAC total":
            made.append(
                _line(
                    quoted,
                    measure,
                    _riera(week),
                    how=f"riera2017 at week {week:g}: PRP against its three hyaluronic acids",
                    explanation=(
                        "one small trial with wide SDs under PRP; means at the visit, as printed, "
                        "without regard to baseline"
                    ),
                )
            )
        else:
            made.append(
                _none(quoted, measure, "the register has no trial of both with this end point")
            )
    return made


def _riera(week: float) -> Numbers:
    at = [r for r in register().results_of("riera2017") if r.week == week]
    groups = [
        [(r.n or 0.0, r.value or 0.0, r.sd or 0.0) for r in at if r.intervention.startswith(name)]
        for name in ("PRP", "HA")
    ]
    (n1, m1, s1), (n2, m2, s2) = (_together(group) for group in groups)
    effects = Effects.mean_difference(m1, s1, n1, m2, s2, n2)
    value, half = float(effects.values[0]), Z * math.sqrt(float(effects.variances[0]))
    return value, value - half, value + half, 1


def msc() -> list[Quoted]:
    """Mesenchymal stem cells in knees."""
    why = (
        "of single controlled trials the register has numbers of lamo_espinosa2016 alone, medians "
        "and quartiles without people an arm; mautner2023 and elixcyte2021 have directions only"
    )
    measures = {
        "effect_md": "mean difference, cells minus control",
        "effect_smd": "SMD, cells minus control",
    }
    made = []
    for study in ("msc_ma_ma2020", "msc_ma_bjr2020", "whittle2025_cochrane"):
        for r in _lines(study):
            more = "; its interval is cut off in the text" if r.low is None else ""
            made.append(_none(r, measures[r.statistic], why + more))
    return made


def animals() -> list[Quoted]:
    """Pools of animal studies, of which the register has no arms."""
    made: list[Quoted] = []
    for study in ("oa_exo_ma2024", "bailey2021", "dw_ma2023", "stroke_ma2023"):
        retraction = register().study(study).retraction
        for r in _lines(study):
            what = "SMD" if r.statistic == "effect_smd" else "mean difference"
            why = "the register names no animal study of this pool and has no arms of one"
            if retraction:
                why += f"; {retraction}, so nothing rests on it"
            if "digitised" in r.note:
                why += "; its authors read values from graphs"
            made.append(_none(r, f"{what}, vesicles minus control", why))
    return made


def controls() -> list[Quoted]:
    """Control arms whose share of responders or of healed ulcers is quoted."""
    ulcers = [
        r
        for r in register().results
        if r.study_id == "hodfu2010" and r.intervention.startswith("placebo")
    ]
    nearest = ulcers[0]
    healed = (
        "the register has no control arm of diabetic foot ulcers at this week; the nearest, "
        f"{nearest.study_id}, healed {nearest.value:g} % of {nearest.n:g} by week {nearest.week:g}"
    )
    reasons = {
        "spa_control2009": "one arm, not a pool, and the people in it are not in the register",
        "margolis1999": healed,
        "parks_dfu_soc": healed + "; its SD is between trials",
    }
    return [_none(r, "percent", why) for study, why in reasons.items() for r in _lines(study)]


# Parts --------------------------------------------------------------------------------------------


def _lines(study_id: str) -> tuple[Result, ...]:
    return register().results_of(study_id)


def _line(r: Result, measure: str, numbers: Numbers, *, how: str, explanation: str) -> Quoted:
    value, low, high, k = numbers
    return Quoted(
        study_id=r.study_id,
        outcome=_outcome(r),
        week=r.week,
        measure=measure,
        quoted=r.value,
        low=r.low,
        high=r.high,
        k_quoted=_count(r),
        recomputed=_round(value),
        low_ours=_round(low),
        high_ours=_round(high),
        k_ours=k,
        how=how,
        explanation=explanation,
    )


def _none(r: Result, measure: str, why: str) -> Quoted:
    return Quoted(
        study_id=r.study_id,
        outcome=_outcome(r),
        week=r.week,
        measure=measure,
        quoted=r.value,
        low=r.low,
        high=r.high,
        k_quoted=_count(r),
        recomputed=None,
        low_ours=None,
        high_ours=None,
        k_ours=None,
        how=NONE,
        explanation=why,
    )


def _outcome(r: Result) -> str:
    return f"{r.intervention}: {r.endpoint}"


def _count(r: Result) -> int | None:
    """Studies in a quoted pool, from its note or from its study."""
    study = register().study(r.study_id)
    found = COUNT.search(r.note) or COUNT.search(study.n_text)
    return int(found[1]) if found else None


def _nearest(
    used: Iterable[Arm],
    middle: float,
    between: tuple[float, float],
    *,
    printed_sd: bool = False,
) -> dict[str, tuple[int, Visit]]:
    """People and visit nearest to a week of each study, its arms brought together."""
    found: dict[str, list[Visit]] = {}
    for arm in used:
        visits = [
            v
            for v in arm.visits
            if between[0] <= v.week <= between[1] and (v.sd is not None or not printed_sd)
        ]
        if visits:
            chosen = min(visits, key=lambda v: (abs(v.week - middle), v.week))
            found.setdefault(arm.study_id, []).append(chosen)
    return {name: _one(visits) for name, visits in found.items()}


def _one(visits: Sequence[Visit]) -> tuple[int, Visit]:
    """Arms of a study as one."""
    n = sum(v.n for v in visits)
    value = sum(v.n * v.value for v in visits) / n
    error = math.sqrt(sum((v.n * v.standard_error) ** 2 for v in visits)) / n
    sds = [v.sd for v in visits if v.sd is not None]
    sd = None
    if len(sds) == len(visits):
        sd = _together([(v.n, v.value, v.sd or 0.0) for v in visits])[2]
    return n, dataclasses.replace(visits[0], value=value, standard_error=error, sd=sd, n=n)


def _together(groups: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """People, mean and SD of groups taken as one."""
    n = sum(g[0] for g in groups)
    mean = sum(g[0] * g[1] for g in groups) / n
    squares = sum((g[0] - 1) * g[2] ** 2 + g[0] * (g[1] - mean) ** 2 for g in groups)
    return n, mean, math.sqrt(squares / (n - 1))


def _standardised(found: Iterable[tuple[int, float, float]]) -> Numbers:
    n, value, sd = np.array(list(found), dtype=float).T
    return _pooled(Effects.standardised_change(0.0, value, sd, n, 0.5))


def _pooled(effects: Effects) -> Numbers:
    found: Pooled = pool(effects, method="REML", test="knapp-hartung")
    return found.value, *found.interval, len(effects)


def _smd(trials: dict[str, tuple[float, ...]]) -> Numbers:
    m1, s1, n1, m2, s2, n2 = np.array(list(trials.values())).T
    # Changes are minus for better; the quoted sign is plus for better.
    return _pooled(Effects.standardised_mean_difference(-m1, s1, n1, -m2, s2, n2))


def _contrasts(
    comparator: str, *, nearest_to: float, between: tuple[float, float]
) -> dict[str, tuple[float, ...]]:
    """Mean, SD and people of both arms, by trial, at the visit nearest to a week."""
    with CHOICES.open(encoding="utf-8", newline="") as file:
        choices = [c for c in csv.DictReader(file) if c["comparator"] == comparator]
    parts: dict[str, list[tuple[tuple[float, ...], tuple[float, ...]]]] = {}
    for choice in choices:
        results = [
            r
            for r in register().results_of(choice["study_id"])
            if r.endpoint == choice["endpoint"]
            and choice["route"] in r.route
            and r.change is not None
            and r.week is not None
            and between[0] <= r.week <= between[1]
        ]
        treated = [
            r
            for r in results
            if r.intervention.split(" (")[0].split(" ")[0] == choice["treated"]
            and "+" not in r.intervention
        ]
        control = {r.week: r for r in results if r.intervention == choice["control"]}
        treated = [r for r in treated if r.week in control]
        if treated:
            r = min(treated, key=lambda r: abs((r.week or 0.0) - nearest_to))
            pair = _group(r), _group(control[r.week])
            parts.setdefault(choice["study_id"], []).append(pair)
    found = {}
    for name, pairs in parts.items():
        (n1, m1, s1), (n2, m2, s2) = (_together([pair[i] for pair in pairs]) for i in (0, 1))  # type: ignore[misc]
        found[name] = (m1, s1, n1, m2, s2, n2)
    return found


def _group(r: Result) -> tuple[float, float, float]:
    """People, mean and SD of an arm; the SD from the P value of the trial where none is printed."""
    assert r.n is not None and r.change is not None
    sd = r.sd_of_change or (r.se * math.sqrt(r.n) if r.se else None)
    if sd is None:
        found = P_VALUE.search(r.note)
        assert found is not None, r.study_id
        both = [x.n or 0.0 for x in register().results_of(r.study_id) if x.week == r.week]
        error = abs(float(found[1])) / float(norm.isf(float(found[2]) / 2))
        sd = error / math.sqrt(sum(1 / n for n in both))
    return r.n, r.change, sd


def _names(found: dict[str, tuple[int, Visit]]) -> str:
    people = sum(n for n, _ in found.values())
    return f"{len(found)} studies ({', '.join(sorted(found))}; {people} people)"


def _at(drawn: np.ndarray, share: float) -> float:
    """A quantile of draws that may be infinite."""
    return float(np.sort(drawn)[round(share * (len(drawn) - 1))])


def _round(value: float) -> float | None:
    return float(f"{value:.3g}") if math.isfinite(value) else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
