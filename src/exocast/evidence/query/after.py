"""What may be wrong with a pool, and what may explain it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exocast.errors import InvalidInput, UnknownName, nearest
from exocast.evidence.query import contrasts
from exocast.evidence.query.answers import effects_of, pool_of
from exocast.evidence.query.ask import Question
from exocast.evidence.query.records import Answer, Entry
from exocast.evidence.register import Register, register
from exocast.evidence.synthesis import (
    Asymmetry,
    Filled,
    Pooled,
    Regression,
    Selection,
    egger,
    regress,
    selection_model,
    trim_and_fill,
)
from exocast.evidence.synthesis.proportions import risk_of

# J. A. C. Sterne and others, BMJ 343 (2011) d4002, doi:10.1136/bmj.d4002: fewer studies cannot
# tell asymmetry from chance.
ENOUGH = 10
MODERATORS = ("week", "year", "dose", "n")


@dataclass(frozen=True, kw_only=True)
class Without:
    """The pool without one study."""

    study_id: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Checks:
    """Small-study checks of a pool; each that could not be made has its reason.

    Attributes
    ----------
    without
        The pool without each study in turn; empty below three studies.
    asymmetry, filled, selection
        Egger's test; trim and fill; a selection model with one step at p 0.025, the side that is
        better favoured.
    reasons
        Why one of them is missing, by its name.
    """

    without: tuple[Without, ...]
    asymmetry: Asymmetry | None
    filled: Filled | None
    selection: Selection | None
    reasons: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A pool of the studies that share a field's value."""

    value: str
    n_studies: int
    pooled: Pooled


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A pool divided, and the test whether its parts differ.

    ``p`` is NaN where parts are too few or too small, or for proportions.
    """

    field: str
    parts: tuple[Part, ...]
    p: float


@dataclass(frozen=True, kw_only=True)
class Slope:
    """Effects against a number of each study.

    ``slope`` is a change of the pooled measure per unit; ``left_out`` names studies without it.
    """

    field: str
    fit: Regression
    slope: float
    low: float
    high: float
    p: float
    left_out: tuple[str, ...]


def shown(asked: Question, value: float) -> float:
    """A pooled number as people read it: ratios and percentages rather than logarithms."""
    if asked.statistic == "proportion":
        return 100 * risk_of(value) if not math.isnan(value) else math.nan
    if asked.statistic in contrasts.RATIOS:
        return math.exp(value)
    return value


def checks(found: Answer, *, method: str = "REML", test: str = "knapp-hartung") -> Checks:
    """Leave-one-out and, from ten studies on, small-study checks."""
    entries = found.entries
    reasons: dict[str, str] = {}
    without = []
    if len(entries) > 2:
        for out in entries:
            rest = [e for e in entries if e is not out]
            pooled, _ = pool_of(found.question, rest, method=method, test=test)
            assert pooled is not None
            low, high = pooled.interval
            without.append(Without(study_id=out.study_id, value=pooled.value, low=low, high=high))
    if len(entries) < ENOUGH:
        few = f"{len(entries)} studies are too few; {ENOUGH} are needed to tell it from chance"
        if len(entries) == 1:
            few = few.replace("studies are", "study is")
        reasons = dict.fromkeys(("asymmetry", "filled", "selection"), few)
        return Checks(
            without=tuple(without), asymmetry=None, filled=None, selection=None, reasons=reasons
        )
    if found.question.statistic == "proportion":
        why = (
            "a proportion and its standard error go together by themselves: asymmetry says nothing"
        )
        reasons = dict.fromkeys(("asymmetry", "filled", "selection"), why)
        return Checks(
            without=tuple(without), asymmetry=None, filled=None, selection=None, reasons=reasons
        )
    effects = effects_of(found.question, entries)
    asymmetry, filled, selection = None, None, None
    try:
        asymmetry = egger(effects)
        filled = trim_and_fill(effects, method=method, test=test)
    except InvalidInput as wrong:
        reasons["asymmetry"] = reasons["filled"] = wrong.message
    try:
        favoured = "below" if better_is_lower(found) else "above"
        selection = selection_model(effects, favoured=favoured)
    except InvalidInput as wrong:
        reasons["selection"] = wrong.message
    return Checks(
        without=tuple(without),
        asymmetry=asymmetry,
        filled=filled,
        selection=selection,
        reasons=reasons,
    )


def better_is_lower(found: Answer) -> bool:
    """Whether lower values of what is pooled favour the first side.

    Ratios and risks follow the end point; one whose direction is not known counts as harm.
    """
    return not found.entries or found.entries[0].better != "higher"


def parts(found: Answer, field: str, *, method: str = "REML", test: str = "knapp-hartung") -> Parts:
    """The pool divided by the field that :func:`answer` was given as ``by``."""
    groups: dict[str, list[Entry]] = {}
    for entry in found.entries:
        groups.setdefault(entry.group, []).append(entry)
    made = []
    for name, some in sorted(groups.items()):
        pooled, _ = pool_of(found.question, some, method=method, test=test)
        assert pooled is not None
        made.append(Part(value=name, n_studies=len(some), pooled=pooled))
    p = math.nan
    if len(groups) > 1 and len(found.entries) > len(groups):
        columns = [
            [float(entry.group == name) for entry in found.entries] for name in sorted(groups)[1:]
        ]
        if found.question.statistic != "proportion":
            fit = regress(
                effects_of(found.question, found.entries), columns, method=method, test=test
            )
            p = fit.moderators_p
    return Parts(field=field, parts=tuple(made), p=p)


def slope(
    found: Answer,
    field: str,
    whole: Register | None = None,
    *,
    method: str = "REML",
    test: str = "knapp-hartung",
) -> Slope:
    """Effects against ``week``, ``year``, ``dose`` or ``n``.

    Raises
    ------
    UnknownName
        For another field.
    InvalidInput
        For fewer than three studies with a number, numbers that are all the same, or proportions.
    """
    if field not in MODERATORS:
        raise UnknownName(
            f"effects are not regressed on '{field}'." + nearest(field, MODERATORS)
            + f" Fields: {', '.join(MODERATORS)}.",
            where="regress",
        )  # fmt: skip
    if found.question.statistic == "proportion":
        raise InvalidInput(
            "proportions are pooled by a model without columns; divide them with a field (by).",
            where="regress",
        )
    whole = whole or register()
    numbers = [_number(e, field, whole) for e in found.entries]
    kept = [i for i, x in enumerate(numbers) if x is not None]
    column = [x for x in numbers if x is not None]
    if len(kept) < 3 or len(set(column)) < 2:
        raise InvalidInput(
            f"{len(kept)} of {len(numbers)} studies have a {field}, with {len(set(column))} "
            "different numbers; three studies and two numbers are needed.",
            where="regress",
        )
    effects = effects_of(found.question, [found.entries[i] for i in kept])
    fit = regress(effects, [column], [field], method=method, test=test)
    return Slope(
        field=field,
        fit=fit,
        slope=float(fit.coefficients[1]),
        low=float(fit.low[1]),
        high=float(fit.high[1]),
        p=float(fit.p[1]),
        left_out=tuple(found.entries[i].study_id for i, x in enumerate(numbers) if x is None),
    )


def _number(entry: Entry, field: str, whole: Register) -> float | None:
    if field in ("week", "n"):
        return entry.week if field == "week" else entry.n
    if field == "year":
        year = whole.study(entry.study_id).year
        return float(year) if year.isdigit() else None
    doses = {r.dose for r in whole.results if r.line in entry.lines}
    try:
        found = {float(dose) for dose in doses}
    except ValueError:
        return None
    return float(np.mean(list(found))) if len(found) == 1 else None
