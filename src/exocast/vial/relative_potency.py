"""Relative potency of a batch against a reference, from the responses of a potency assay.

The steps, in plain words: both samples have enough doses and wells and respond to them; each gets
a curve of its own, and the intervals of the ratios between the two have to lie inside bounds that
were set beforehand (equivalence, not the absence of a significant difference); only then one curve
is fitted to both, shifted along the dose, and the shift is the potency. Several assays are brought
together as logarithms. Potency comes from responses alone: never from particles or markers.

References
----------
USP <1032> and <1034> as described in Yang and others (2012), doi:10.5731/pdajpst.2012.00867.
Finney (1978), Statistical Method in Biological Assay.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import f as fisher

from exocast.documents import utf8_text
from exocast.errors import InvalidInput, NotFound, UnknownName, nearest
from exocast.evidence.rows import package_table
from exocast.vial.potency_assay import MEASURES, Plan, analysed
from exocast.vial.potency_combine import combined_assays
from exocast.vial.potency_records import Assay, Bound, Mean, RelativePotency
from exocast.vial.records import VialWarning
from exocast.vial.responses import Responses, Well, chosen, read_responses
from exocast.vial.vial import PotencyAssay

MODELS = ("4pl", "parallel-line")
TRANSFORMS = ("none", "log")
OUTLIERS = ("none", "rosner")
LONGEST_NAME = 200  # of an assay in a scenario


def relative_potency(
    path: Path,
    *,
    reference: str | None = None,
    sample: str | None = None,
    model: str = "4pl",
    bounds: Path | None = None,
    dose_range: str | None = None,
    transform: str = "none",
    outliers: str = "none",
    combine: bool = False,
    assay: str | None = None,
    layout: Path | None = None,
) -> dict[str, Any]:
    """Relative potency of a test sample: ``{"result": {...}, "warnings": [...]}``.

    Where the samples are not similar, do not respond or lie off the doses, ``result.refused`` says
    so with its code, and there is no potency.

    Parameters
    ----------
    path
        Table of doses and responses, or with ``layout`` an export of a plate reader.
    reference, sample
        Names; the reference is called so, and a single other sample is the test sample, when not
        given.
    model
        ``4pl`` or ``parallel-line``.
    bounds
        Table with ``measure``, ``low``, ``high`` and ``source`` in place of the package's bounds.
    dose_range
        For parallel lines: ``LOW:HIGH`` in the unit of the doses, ``all``, or ``rule``: the doses
        at which the curve fitted to both lies between a fifth and four fifths of its range.
    transform
        Of the response: ``none`` or ``log``.
    outliers
        ``none``, or ``rosner``: the generalised extreme studentised deviate.
    combine
        Each run (or plate, without runs) is an assay of its own, and their results are combined.
    assay
        Name of the assay for a scenario.
    layout
        Table of what stands in which well, for an instrument's export.

    Raises
    ------
    InvalidInput
        For a table, name or option that cannot be used; ``DOSE_UNIT`` where doses of the two
        samples are stated in different units.
    """
    for name, value, known in (
        ("model", model, MODELS), ("transform", transform, TRANSFORMS),
        ("outliers", outliers, OUTLIERS),
    ):  # fmt: skip
        if value not in known:
            raise UnknownName(
                f"there is no {name} '{value}'." + nearest(value, known), where=f"--{name}"
            )
    if dose_range is not None and model != "parallel-line":
        raise InvalidInput(
            "a range of doses goes with --model parallel-line; a curve takes all doses.",
            where="--range",
        )
    found = read_responses(path, layout)
    reference, sample = chosen(found, reference, sample)
    table = package_table("vial", "potency_bounds")
    plan = Plan(
        reference=reference,
        sample=sample,
        unit=_dose_unit(found, reference, sample),
        model=model,
        transform=transform,
        outliers=outliers,
        range=dose_range,
        bounds=_bounds(bounds, model),
        rows={row.id: row.value for row in table.values()},
        own_bounds=bounds is not None,
    )
    wells = [w for w in found.wells if w.sample in (reference, sample)]
    groups = _groups(wells, combine)
    assays = tuple(analysed(name, group, plan) for name, group in groups)
    combined, refused = combined_assays(assays, plan) if combine else (None, assays[0].refused)
    source: Assay | Mean = assays[0]
    if combined is not None:
        source = combined.weighted if combined.homogeneous else combined.semi_weighted
    relative, low, high = source.relative, source.low, source.high
    carried: tuple[float | None, float | None, float | None] = (relative, low, high)
    if combined is not None and len(combined.assays) < plan.rows["few_assays"]:
        # So few assays seldom show that they differ: a forecast takes the wider interval.
        wider = combined.semi_weighted
        carried = (wider.relative, wider.low, wider.high)
    if refused is not None:
        relative = low = high = None
        carried = (None, None, None)
    title = assay or f"{Path(path).stem}, {model}, doses in {plan.unit}"
    result = RelativePotency(
        file=str(path),
        sha256=found.sha256,
        assay=title,
        reference=reference,
        sample=sample,
        dose_unit=plan.unit,
        statement=f"at equal doses in {plan.unit}; not at equal doses in any other unit",
        model=model,
        transform=transform,
        weights="equal",
        outlier_rule=outliers,
        interval="profile likelihood" if model == "4pl" else "Fieller",
        level=plan.rows["potency_level"],
        similarity_level=plan.rows["similarity_level"],
        bounds=plan.bounds,
        assays=assays,
        combined=combined,
        relative=relative,
        low=low,
        high=high,
        refused=refused,
        scenario=_scenario(*carried, title),
    )
    warnings = [
        {"code": w.code, "message": w.message, "where": w.where or str(path)}
        for w in _warnings(wells, result, plan, combine)
    ]
    return {"result": result.model_dump(mode="json"), "warnings": warnings}


def scenario_text(result: dict[str, Any]) -> str:
    """The block ``vial.potency`` of a scenario as YAML."""
    potency = result["scenario"]["vial"]["potency"]
    return (
        f"# Relative potency of {json.dumps(result['sample'], ensure_ascii=False)} against "
        f"{json.dumps(result['reference'], ensure_ascii=False)} {result['statement']}.\n"
        "vial:\n  potency:\n"
        + "".join(f"    {k}: {potency[k]!r}\n" for k in ("relative", "low", "high"))
        + f"    assay: {json.dumps(potency['assay'], ensure_ascii=False)}\n"
    )


# What was asked -----------------------------------------------------------------------------------


def _dose_unit(found: Responses, reference: str, sample: str) -> str:
    """The one unit of both samples' doses."""
    units: dict[str, Well] = {}
    for well in found.wells:
        if well.sample in (reference, sample):
            units.setdefault(well.dose_unit, well)
    if len(units) > 1:
        (first, one), (second, other) = list(units.items())[:2]
        raise InvalidInput(
            f"doses of '{one.sample}' are in {first} (line {one.line}) and doses of "
            f"'{other.sample}' in {second} (line {other.line}). A potency per particle, per mass "
            "and per volume are different statements, and nothing is converted here: state the "
            "doses of both samples in one unit.",
            code="DOSE_UNIT",
            where=found.file,
        )
    return next(iter(units))


def _bounds(path: Path | None, model: str) -> tuple[Bound, ...]:
    wanted = [m for m in MEASURES if model == "4pl" or m == "slope_ratio"]
    table = package_table("vial", "potency_bounds")
    known = {
        m: Bound(
            measure=m,
            low=table[m].spread[0],
            high=table[m].spread[1],
            source=table[m].source,
            grade=table[m].grade,
            note=table[m].note,
        )
        for m in MEASURES
    }
    if path is not None:
        known |= _own_bounds(path)
    return tuple(known[m] for m in wanted)


def _own_bounds(path: Path) -> dict[str, Bound]:
    if not path.is_file():
        raise NotFound("There is no such table of bounds.", where=str(path))
    reader = csv.DictReader(io.StringIO(utf8_text(path), newline=""))
    columns = reader.fieldnames or ()
    lacking = [c for c in ("measure", "low", "high", "source") if c not in columns]
    if lacking:
        raise InvalidInput(
            f"the column {' and '.join(lacking)} is missing; bounds have the columns measure, "
            "low, high and source.",
            where=f"{path}, line 1",
        )
    found: dict[str, Bound] = {}
    for row in reader:
        where, name = f"{path}, line {reader.line_num}", (row["measure"] or "").strip()
        if name not in MEASURES:
            raise UnknownName(
                f"there is no measure '{name}'." + nearest(name, MEASURES), where=where
            )
        try:
            low, high = float(row["low"] or ""), float(row["high"] or "")
        except ValueError:
            raise InvalidInput("low and high have to be numbers.", where=where) from None
        same = 1.0 if name == "slope_ratio" else 0.0
        if not (math.isfinite(low + high) and low < same < high and (same == 0 or low > 0)):
            raise InvalidInput(
                f"bounds {low:g} to {high:g} do not hold {same:g}, which equal curves have.",
                where=where,
            )
        if name in found:
            raise InvalidInput(f"'{name}' stands twice.", where=where)
        source = (row["source"] or "").strip()
        if not source:
            raise InvalidInput("say where the bounds come from, in 'source'.", where=where)
        found[name] = Bound(
            measure=name, low=low, high=high, source=source, grade="user", note=path.name
        )
    return found


def _groups(wells: Sequence[Well], combine: bool) -> list[tuple[str, list[Well]]]:
    """Wells of each assay: all, or with ``combine`` those of each run, without runs each plate."""
    if not combine:
        return [("all wells", list(wells))]
    by_run = len({w.run for w in wells}) > 1
    names = dict.fromkeys((w.run if by_run else w.plate) for w in wells)
    if len(names) < 2:
        raise InvalidInput(
            "the file holds one run, and several are combined; name runs or plates in the column "
            "'run' or 'plate', or leave --combine out.",
            code="TOO_FEW",
            where="--combine",
        )
    return [
        (name or "(no name)", [w for w in wells if (w.run if by_run else w.plate) == name])
        for name in names
    ]


def _scenario(
    relative: float | None, low: float | None, high: float | None, title: str
) -> dict[str, Any] | None:
    if relative is None or low is None or high is None:
        return None
    numbers = {
        name: float(f"{value:.6g}")
        for name, value in (("relative", relative), ("low", low), ("high", high))
    }
    if not 0 < numbers["low"] <= numbers["high"] < 1000:
        return None  # beyond what a scenario takes; a warning says so
    block = PotencyAssay(assay=title[:LONGEST_NAME], **numbers)
    return {"vial": {"potency": block.model_dump(mode="json")}}


# What a reader has to know ------------------------------------------------------------------------


def _warnings(
    wells: Sequence[Well], result: RelativePotency, plan: Plan, combine: bool
) -> Iterator[VialWarning]:
    left = [w for w in wells if w.excluded]
    if left:
        shown = "; ".join(f"{w.name}: {w.reason}" for w in left[:6])
        more = f"; and {len(left) - 6} more" if len(left) > 6 else ""
        yield VialWarning(
            code="MASKED",
            message=f"{len(left)} of {len(wells)} wells are excluded ({shown}{more}).",
        )
    if not plan.own_bounds:
        yield VialWarning(
            code="BOUNDS_DEFAULT",
            message="the bounds of similarity are the program's and not this assay's; take them "
            "from the reference run against itself, and give them with --bounds.",
        )
    runs = dict.fromkeys(w.run for w in wells if not w.excluded)
    if len(runs) > 1 and not combine:
        yield VialWarning(
            code="RUNS_POOLED",
            message=f"{len(runs)} runs are fitted as blocks of one assay; how the potency differs "
            "between runs is not in the interval. Take --combine for independent runs.",
        )
    dropped = [a for a in result.assays if a.refused is not None]
    if combine and dropped and result.combined is not None:
        yield VialWarning(
            code="ASSAY_REFUSED",
            message="left out of the combination: "
            + "; ".join(f"{a.name} ({a.refused.code})" for a in dropped if a.refused)
            + ". A mean of the assays that passed is no mean of all that were run.",
        )
    together, few = result.combined, int(plan.rows["few_assays"])
    if together is not None and together.homogeneous and len(together.assays) < few:
        semi = together.semi_weighted
        yield VialWarning(
            code="FEW_ASSAYS",
            message=f"{len(together.assays)} assays agree by Cochran's test, which fewer than "
            f"{few} seldom fail: what changes between assays may be missing from the interval. "
            f"With it: {semi.relative:.3g} ({semi.low:.3g} to {semi.high:.3g}), which is what a "
            "scenario takes.",
        )
    for assay in result.assays:
        yield from _remarks(assay, plan)
    if result.relative is not None and result.scenario is None:
        yield VialWarning(
            code="OUT_OF_RANGE",
            message=f"a potency of {result.relative:.3g} is beyond what a scenario takes (below "
            "1000); no block is written.",
        )


def _remarks(assay: Assay, plan: Plan) -> Iterator[VialWarning]:
    for outlier in assay.outliers:
        yield VialWarning(
            code="OUTLIER",
            message=f"{outlier.well} ({outlier.sample} at {outlier.dose:g} {plan.unit}, response "
            f"{outlier.response:g}) is left out: residual {outlier.residual:.2f}, limit "
            f"{outlier.critical:.2f}.",
            where=f"line {outlier.line}",
        )
    fit = assay.lack_of_fit
    if fit is not None and fit.p is not None and fit.p < 0.01:
        yield VialWarning(
            code="NONLINEAR" if plan.model == "parallel-line" else "LACK_OF_FIT",
            message=f"{assay.name}: means at the doses leave the "
            f"{'lines' if plan.model == 'parallel-line' else 'curves'} by more than the wells "
            f"scatter (F {fit.f:.3g}, p {fit.p:.2g}); the intervals are too narrow.",
        )
    found = _scatter(assay)
    if found is not None and found[1] < plan.rows["spread_alpha"]:
        advice = "try --transform log" if plan.transform == "none" else "try --transform none"
        yield VialWarning(
            code="SPREAD_UNEQUAL",
            message=f"{assay.name}: wells at high responses scatter {found[0]:.2g} times as much "
            f"as at low ones (p {found[1]:.2g}), and all wells weigh the same here; {advice}.",
        )


def _scatter(assay: Assay) -> tuple[float, float] | None:
    """SD of repeated wells at high over that at low responses, and p; None where not known."""
    groups: dict[tuple[str, float, str, str], list[float]] = {}
    for well in assay.wells:
        if well.level is not None:
            key = (well.sample, well.dose, well.run, well.plate)
            groups.setdefault(key, []).append(well.level)
    values = [np.array(v) for v in groups.values() if len(v) > 1]
    if len(values) < 4:
        return None
    means = np.array([v.mean() for v in values])
    middle = (means.min() + means.max()) / 2
    squares, freedom = [0.0, 0.0], [0, 0]
    for v, mean in zip(values, means, strict=True):
        squares[int(mean > middle)] += float(((v - mean) ** 2).sum())
        freedom[int(mean > middle)] += len(v) - 1
    if min(freedom) < 3 or not min(squares) > 0:
        return None
    f = (squares[1] / freedom[1]) / (squares[0] / freedom[0])
    p = 2 * min(fisher.sf(f, freedom[1], freedom[0]), fisher.cdf(f, freedom[1], freedom[0]))
    return math.sqrt(f), float(p)
