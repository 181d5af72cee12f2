"""One potency assay, from its wells to a relative potency or to the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.stats import f as fisher
from scipy.stats import t as student

from exocast.errors import CheckFailed, InvalidInput
from exocast.units import magnitude
from exocast.vial.potency_models import (
    HALF,
    SHIFT,
    SLOPE,
    SPAN,
    ZERO,
    Array,
    Fitted,
    Interval,
    Layout,
    line_columns,
    lines,
    potency_of_lines,
    potency_of_sigmoids,
    ratios_of_lines,
    ratios_of_sigmoids,
    separate_sigmoids,
    shared_sigmoid,
)
from exocast.vial.potency_records import (
    Assay,
    Bound,
    CurveRecord,
    DoseRange,
    FTest,
    Outlier,
    Potency,
    Ratio,
    Refusal,
    WellRecord,
)
from exocast.vial.responses import Well

MEASURES = {
    "slope_ratio": "ratio of slopes",
    "upper_asymptote": "difference of upper asymptotes over the range",
    "lower_asymptote": "difference of lower asymptotes over the range",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was asked for, and the rows that decide."""

    reference: str
    sample: str
    unit: str
    model: str
    transform: str
    outliers: str
    range: str | None
    bounds: tuple[Bound, ...]
    rows: dict[str, float]
    own_bounds: bool


# Models -------------------------------------------------------------------------------------------


class _Sigmoids:
    """Fits of the four-parameter model."""

    @staticmethod
    def apart(layout: Layout, y: Array) -> Fitted:
        return separate_sigmoids(layout, y)

    shared = staticmethod(shared_sigmoid)
    ratios = staticmethod(ratios_of_sigmoids)
    potency = staticmethod(potency_of_sigmoids)

    @staticmethod
    def curves(
        layout: Layout, apart: Fitted, shared: Fitted
    ) -> tuple[CurveRecord, CurveRecord, CurveRecord]:
        def record(x: Array) -> CurveRecord:
            return CurveRecord(
                at_zero=x[ZERO],
                at_full=x[ZERO] + x[SPAN],
                ec50=math.exp(x[HALF]),
                slope=math.exp(x[SLOPE]),
            )

        return record(apart.x[0, :4]), record(apart.x[0, 4:8]), record(shared.x[0])


class _Lines:
    """Fits of parallel lines."""

    @staticmethod
    def apart(layout: Layout, y: Array) -> Fitted:
        return lines(layout, y, apart=True)

    @staticmethod
    def shared(layout: Layout, y: Array, apart: Fitted) -> Fitted:
        return lines(layout, y, apart=False)

    ratios = staticmethod(ratios_of_lines)

    @staticmethod
    def potency(layout: Layout, y: Array, shared: Fitted, level: float) -> Interval:
        return potency_of_lines(shared, level)

    @staticmethod
    def curves(
        layout: Layout, apart: Fitted, shared: Fitted
    ) -> tuple[CurveRecord, CurveRecord, CurveRecord]:
        middle = float(layout.ln_doses.mean())

        def record(height: float, slope: float) -> CurveRecord:
            return CurveRecord(at_dose_one=height - slope * middle, slope=slope)

        own, one = apart.x[0], shared.x[0]
        return record(own[0], own[2]), record(own[0] + own[1], own[3]), record(one[0], one[2])


_FITS: dict[str, Any] = {"4pl": _Sigmoids, "parallel-line": _Lines}


# Steps --------------------------------------------------------------------------------------------


def analysed(name: str, wells: Sequence[Well], plan: Plan) -> Assay:
    """One assay; where outliers are asked for and found, without them and with both results."""
    found, apart = _once(name, wells, plan)
    if plan.outliers == "none" or apart is None:
        return found
    used = apart.wells
    flagged = outlying(apart.layout, apart.y, plan.model, plan.rows)
    if not flagged:
        return found
    names = {id(used[i]) for i, _, _ in flagged}
    reason = "outlier (generalised extreme studentised deviate)"
    kept = [replace(w, excluded=True, reason=reason) if id(w) in names else w for w in wells]
    without, _ = _once(name, kept, plan)
    return without.model_copy(
        update={
            "outliers": tuple(
                Outlier(
                    well=used[i].name,
                    line=used[i].line,
                    sample=used[i].sample,
                    dose=used[i].dose,
                    response=used[i].response,
                    residual=residual,
                    critical=critical,
                )
                for i, residual, critical in flagged
            ),
            "with_outliers": Potency(
                relative=found.relative,
                low=found.low,
                high=found.high,
                code=found.refused.code if found.refused else None,
            ),
        }
    )


@dataclass(frozen=True, kw_only=True)
class _Fits:
    """Wells that were fitted, and each sample's own curve."""

    wells: tuple[Well, ...]
    layout: Layout
    y: Array
    apart: Fitted


def _once(name: str, wells: Sequence[Well], plan: Plan) -> tuple[Assay, _Fits | None]:
    """One assay as far as it goes; what stops it is its refusal."""
    used = [w for w in wells if not w.excluded]
    facts: dict[str, Any] = dict.fromkeys(
        ("reference", "test", "shared", "residual_sd", "freedom", "non_parallelism",
         "lack_of_fit", "relative", "low", "high", "refused", "with_outliers"),
    ) | {"similarity": (), "ranges": (), "outliers": (), "name": name}  # fmt: skip
    facts["plates"] = tuple(dict.fromkeys(w.plate or w.run for w in used))
    levels: dict[int, float] = {}
    fits: _Fits | None = None
    try:
        for step in _steps(used, plan, facts):
            if isinstance(step, _Fits):
                fits = step
                at = _without_plates(fits)
                levels = {id(w): float(v) for w, v in zip(fits.wells, at, strict=True)}
    except CheckFailed as e:
        facts["refused"] = Refusal(code=e.code, message=e.message)
    facts["wells"] = tuple(
        WellRecord(
            sample=w.sample,
            dose=w.dose,
            response=None if math.isnan(w.response) else w.response,
            level=levels.get(id(w)),
            plate=w.plate,
            run=w.run,
            well=w.well,
            line=w.line,
            excluded=w.excluded,
            reason=w.reason,
        )
        for w in wells
    )
    return Assay(**facts), fits


def _steps(used: Sequence[Well], plan: Plan, facts: dict[str, Any]) -> Iterator[_Fits]:
    """The steps of an assay in their order; each fills in its facts or stops with CheckFailed."""
    _enough(used, plan)
    _plates_hold_both(used, plan)
    y = _transformed(used, plan)
    for sample in (plan.reference, plan.sample):
        _responds(used, y, sample, plan)
    if plan.model == "parallel-line":
        ranges = _straight(used, y, plan)
        facts["ranges"] = tuple(
            DoseRange(sample=name, low=low, high=high) for name, (low, high) in ranges.items()
        )
        inside = [i for i, w in enumerate(used) if _within(w, ranges[w.sample])]
        used, y = [used[i] for i in inside], y[inside]
        _enough(used, plan)
        _plates_hold_both(used, plan)
    layout = _layout(used, plan)
    if plan.model == "parallel-line":
        _slopes_in_plates(layout)
    fit = _FITS[plan.model]
    apart = fit.apart(layout, y[None])
    if apart.freedom < 1:
        raise CheckFailed(
            f"{len(used)} wells leave nothing to tell their scatter from; add wells.",
            code="TOO_FEW",
        )
    shared = fit.shared(layout, y[None], apart)
    facts["reference"], facts["test"], facts["shared"] = fit.curves(layout, apart, shared)
    facts["freedom"] = shared.freedom
    facts["residual_sd"] = math.sqrt(float(shared.variance[0]))
    facts["non_parallelism"] = _non_parallelism(apart, shared)
    facts["lack_of_fit"] = _lack_of_fit(layout, y, apart)
    yield _Fits(wells=tuple(used), layout=layout, y=y, apart=apart)
    ratios = fit.ratios(apart, plan.rows["similarity_level"])
    facts["similarity"] = tuple(_ratio(b, ratios[b.measure]) for b in plan.bounds)
    _on_the_plate(layout, facts, plan)
    _similar(facts["similarity"], plan)
    found = fit.potency(layout, y[None], shared, plan.rows["potency_level"])
    numbers = [float(np.exp(np.clip(part[0], -700, 700))) for part in found]
    if not (np.isfinite(found.low[0]) and np.isfinite(found.high[0])):
        raise CheckFailed(
            "the interval of the potency has no end: the wells scatter too much for the response "
            "that they show. Add wells or doses near half effect.",
            code="OUT_OF_RANGE",
        )
    facts["relative"], facts["low"], facts["high"] = numbers


def _plate(well: Well) -> str:
    return " ".join(x for x in (well.run, well.plate) if x)


def _layout(used: Sequence[Well], plan: Plan) -> Layout:
    names = {name: i for i, name in enumerate(dict.fromkeys(_plate(w) for w in used))}
    return Layout(
        doses=np.array([w.dose for w in used]),
        test=np.array([w.sample == plan.sample for w in used]),
        plates=np.array([names[_plate(w)] for w in used], dtype=np.int64),
    )


def _transformed(used: Sequence[Well], plan: Plan) -> Array:
    y = np.array([w.response for w in used])
    if plan.transform == "none":
        return y
    bad = [w for w in used if not w.response > 0]
    if bad:
        raise InvalidInput(
            f"the response of {bad[0].name} is {bad[0].response:g}, which has no logarithm (line "
            f"{bad[0].line}, and {len(bad) - 1} more). Leave --transform log out, or give "
            "responses from which nothing was subtracted.",
            where="--transform",
        )
    return np.asarray(np.log(y))


def _enough(used: Sequence[Well], plan: Plan) -> None:
    least = int(plan.rows["least_doses_line" if plan.model != "4pl" else "least_doses_curve"])
    each = plan.rows["least_replicates"]
    for sample in (plan.reference, plan.sample):
        own = [w for w in used if w.sample == sample]
        doses = {w.dose for w in own if w.dose > 0 or plan.model == "4pl"}
        if len(doses) < least or not any(doses):
            raise CheckFailed(
                f"'{sample}' has {len(doses)} doses that can be used, and {plan.model} needs "
                f"{least}; add doses"
                + ("." if plan.model == "4pl" else ", or widen --range where the line allows it."),
                code="TOO_FEW",
            )
        if len(own) < each * len({w.dose for w in own}):
            raise CheckFailed(
                f"'{sample}' has {len(own)} wells at {len({w.dose for w in own})} doses, and "
                f"{each:g} at each dose are needed; add wells or plates.",
                code="TOO_FEW",
            )


def _plates_hold_both(used: Sequence[Well], plan: Plan) -> None:
    for plate in dict.fromkeys(_plate(w) for w in used):
        there = {w.sample for w in used if _plate(w) == plate}
        if len(there) < 2:
            raise CheckFailed(
                f"plate '{plate}' holds '{there.pop()}' alone, so that its own effect and the "
                "sample's cannot be told apart; every plate needs reference and test sample.",
                code="CONFOUNDED",
            )


def _slopes_in_plates(layout: Layout) -> None:
    columns = line_columns(layout, apart=True)
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        raise CheckFailed(
            "each plate holds another dose, so that a slope and the plates' own effects cannot be "
            "told apart; put several doses on each plate.",
            code="CONFOUNDED",
        )


def _responds(used: Sequence[Well], y: Array, sample: str, plan: Plan) -> None:
    """Stop where the response has no trend over the order of the doses, plates taken out."""
    own = [i for i, w in enumerate(used) if w.sample == sample]
    doses = np.array([used[i].dose for i in own])
    order = np.unique(doses, return_inverse=True)[1].astype(np.float64)
    plates = [_plate(used[i]) for i in own]
    x = np.column_stack(
        [order, *(np.array([p == q for q in plates]) for p in dict.fromkeys(plates))]
    )
    inverse = np.linalg.pinv(x.T @ x)
    off = y[own] - x @ (inverse @ (x.T @ y[own]))
    freedom = len(own) - np.linalg.matrix_rank(x)
    slope = float((inverse @ (x.T @ y[own]))[0])
    scatter = float(off @ off) / max(freedom, 1) * float(inverse[0, 0])
    trend = abs(slope) * len(np.unique(order)) > 1e-12 * float(np.abs(y[own]).max())
    p = 2 * float(student.sf(abs(slope) / math.sqrt(max(scatter, 1e-300)), freedom)) if trend else 1
    if p > plan.rows["response_alpha"]:
        raise CheckFailed(
            f"'{sample}' shows no trend over its doses (p {p:.2g}, above "
            f"{plan.rows['response_alpha']:g}), so there is no dose response to compare. Give "
            "higher doses, or see whether the cells responded at all.",
            code="NO_RESPONSE",
        )


def _straight(used: Sequence[Well], y: Array, plan: Plan) -> dict[str, tuple[float, float]]:
    """Lowest and highest dose of each sample's straight part, as stated or by the rule."""
    given = sorted({w.dose for w in used if w.dose > 0})
    both = (plan.reference, plan.sample)
    text = plan.range
    if text is None:
        raise InvalidInput(
            "a straight line holds for a part of the doses only. State it with --range LOW:HIGH "
            f"in {plan.unit}, with --range all where the plate holds nothing else, or take "
            "--range rule: the doses at which the fitted curve lies between "
            f"{100 * plan.rows['linear_low']:.0f} and {100 * plan.rows['linear_high']:.0f} % of "
            "its range.",
            code="RANGE_UNKNOWN",
            where="--range",
        )
    if text == "all":
        return dict.fromkeys(both, (given[0], given[-1]))
    if text == "rule":
        layout = _layout(used, plan)
        x = shared_sigmoid(layout, y[None]).x[0]
        ends = [
            math.exp(x[HALF] + math.log(share / (1 - share)) / math.exp(x[SLOPE]))
            for share in (plan.rows["linear_low"], plan.rows["linear_high"])
        ]
        # The same stretch of one curve for both samples: the test's doses count times its potency.
        factor = math.exp(-x[SHIFT])
        return {
            plan.reference: (ends[0], ends[1]),
            plan.sample: (ends[0] * factor, ends[1] * factor),
        }
    parts = text.split(":")
    try:
        low, high = (
            magnitude(p, plan.unit, where="--range") if " " in p.strip() else float(p)
            for p in parts
        )
    except ValueError:
        low, high = math.nan, math.nan
    if not 0 < low < high < math.inf:
        raise InvalidInput(
            f"'{text}' is no range of doses; write LOW:HIGH in {plan.unit}, such as "
            f"{given[0]:g}:{given[-1]:g}, or 'all' or 'rule'.",
            where="--range",
        )
    return dict.fromkeys(both, (low, high))


def _within(well: Well, ends: tuple[float, float]) -> bool:
    return ends[0] * (1 - 1e-9) <= well.dose <= ends[1] * (1 + 1e-9)


def _without_plates(fits: _Fits) -> Array:
    blocks = fits.layout.blocks
    count = blocks.shape[1]
    return fits.y - (blocks @ fits.apart.x[0, -count:] if count else 0.0)


def _non_parallelism(apart: Fitted, shared: Fitted) -> FTest:
    """The composite measure: what one shape for both samples costs in squares."""
    own, one = (float((f.residuals[0] ** 2).sum()) for f in (apart, shared))
    return _f_test(max(one - own, 0.0), shared.freedom - apart.freedom, own, apart.freedom)


def _lack_of_fit(layout: Layout, y: Array, apart: Fitted) -> FTest | None:
    """The model against a mean for each sample and dose, plates taken out."""
    cells = np.unique(np.column_stack([layout.test, layout.doses]), axis=0, return_inverse=True)[1]
    cells = cells.ravel()
    x = np.column_stack([*(cells == c for c in range(cells.max() + 1)), layout.blocks])
    off = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    freedom = len(y) - int(np.linalg.matrix_rank(x))
    more = apart.freedom - freedom
    if freedom < 1 or more < 1:
        return None
    own, pure = float((apart.residuals[0] ** 2).sum()), float(off @ off)
    return _f_test(max(own - pure, 0.0), more, pure, freedom)


def _f_test(more: float, freedom: int, rest: float, rest_freedom: int) -> FTest:
    f = (more / freedom) / (rest / rest_freedom) if rest > 0 and rest_freedom > 0 else None
    return FTest(
        f=f,
        p=None if f is None else float(fisher.sf(f, freedom, rest_freedom)),
        freedom=(freedom, rest_freedom),
        sum_of_squares=more,
    )


def _ratio(bound: Bound, found: Interval) -> Ratio:
    value, low, high = (float(part[0]) for part in found)
    if bound.low <= low and high <= bound.high:
        verdict: Literal["similar", "different", "not shown"] = "similar"
    elif low > bound.high or high < bound.low:
        verdict = "different"
    else:
        verdict = "not shown"
    return Ratio(
        measure=bound.measure,
        value=value if math.isfinite(value) else None,
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
        bound_low=bound.low,
        bound_high=bound.high,
        verdict=verdict,
    )


def _on_the_plate(layout: Layout, facts: dict[str, Any], plan: Plan) -> None:
    """Stop where half effect lies off the doses, or the test line beyond the reference's."""
    doses = {
        plan.reference: layout.doses[~layout.test & (layout.doses > 0)],
        plan.sample: layout.doses[layout.test & (layout.doses > 0)],
    }
    own: dict[str, CurveRecord] = {plan.reference: facts["reference"], plan.sample: facts["test"]}
    if plan.model == "4pl":
        for sample, given in doses.items():
            half = own[sample].ec50
            assert half is not None
            if not given.min() <= half <= given.max():
                raise CheckFailed(
                    f"half effect of '{sample}' lies at {half:.3g} {plan.unit}, outside its doses "
                    f"({given.min():g} to {given.max():g}); a curve that the plate does not hold "
                    f"has no potency. Give {'lower' if half < given.min() else 'higher'} doses of "
                    f"'{sample}'.",
                    code="OUT_OF_RANGE",
                )
        return
    heights = {}
    for sample, given in doses.items():
        line = own[sample]
        assert line.at_dose_one is not None
        ends = [line.at_dose_one + line.slope * math.log(d) for d in (given.min(), given.max())]
        heights[sample] = min(ends), max(ends)
    (low, high), (test_low, test_high) = heights[plan.reference], heights[plan.sample]
    if test_low > high or test_high < low:
        way = "lower" if (test_low > high) == (own[plan.sample].slope > 0) else "higher"
        raise CheckFailed(
            f"the line of '{plan.sample}' lies wholly {'above' if test_low > high else 'below'} "
            f"the range that '{plan.reference}' covers, so that a potency would rest on doses "
            f"that nobody gave. Give {way} doses of '{plan.sample}'.",
            code="OUT_OF_RANGE",
        )


def _similar(found: Sequence[Ratio], plan: Plan) -> None:
    off = [r for r in found if r.verdict != "similar"]
    if not off:
        return

    def end(value: float | None, sign: str) -> str:
        return f"{sign}infinity" if value is None else f"{value:.3g}"

    shown = "; ".join(
        f"{MEASURES[r.measure]} {end(r.value, '')} ({100 * plan.rows['similarity_level']:.0f} % "
        f"{end(r.low, '-')} to {end(r.high, '')}, bounds {r.bound_low:g} to {r.bound_high:g}: "
        f"{r.verdict})"
        for r in found
    )
    if any(r.verdict == "different" for r in off):
        cure = (
            "The curves have different shapes, and one number cannot say how potent this batch is: "
            "look for a matrix effect, a wrong dilution or another product."
        )
    else:
        cure = (
            "They may be similar, but the intervals are too wide to show it: add wells, plates or "
            "doses where the curve bends, or set the assay's own bounds with --bounds."
        )
    raise CheckFailed(
        f"'{plan.sample}' is not shown to be similar to '{plan.reference}': {shown}. {cure}",
        code="NONPARALLEL",
    )


# Outliers -----------------------------------------------------------------------------------------


def outlying(
    layout: Layout, y: Array, model: str, rows: dict[str, float]
) -> list[tuple[int, float, float]]:
    """Wells that the generalised extreme studentised deviate names.

    The well farthest from its sample's own curve is taken out again and again; the outliers are
    those up to the last step at which the farthest residual passes its limit.

    Parameters
    ----------
    layout, y
        ``y`` (wells,).
    model
        ``4pl``, ``parallel-line``, or ``mean``: no doses, one mean.
    rows
        ``outlier_alpha`` and ``outlier_share``.

    Returns
    -------
    Index, studentised residual and its limit, in the order of removal.

    References
    ----------
    Rosner, Technometrics 25 (1983) 165, doi:10.1080/00401706.1983.10487848; with residuals of a
    regression: Paul and Fung, Technometrics 33 (1991) 339.
    """
    kept = np.arange(len(y))
    found: list[tuple[int, float, float]] = []
    last = 0
    for step in range(max(1, int(rows["outlier_share"] * len(y)))):
        part = Layout(
            doses=layout.doses[kept],
            test=layout.test[kept],
            plates=np.unique(layout.plates[kept], return_inverse=True)[1].astype(np.int64),
        )
        if model == "mean":
            off = y[kept] - y[kept].mean()
            freedom, variance = len(kept) - 1, float(off @ off) / (len(kept) - 1)
            leverage = np.full(len(kept), 1 / len(kept))
        else:
            fit = _FITS[model].apart(part, y[kept][None])
            off, freedom, variance = fit.residuals[0], fit.freedom, float(fit.variance[0])
            leverage = fit.leverage[0]
        if freedom < 3 or not variance > 0:
            break
        # A well that alone decides a parameter has no residual of its own.
        loose = leverage < 1 - 1e-9
        size = np.where(
            loose, np.abs(off) / np.sqrt(variance * np.where(loose, 1 - leverage, 1)), 0
        )
        worst = int(np.argmax(size))
        t = float(student.isf(rows["outlier_alpha"] / (2 * len(kept)), freedom - 1))
        limit = t * math.sqrt(freedom) / math.sqrt(freedom - 1 + t**2)
        found.append((int(kept[worst]), float(size[worst]), limit))
        if size[worst] > limit:
            last = step + 1
        kept = np.delete(kept, worst)
    return found[:last]
