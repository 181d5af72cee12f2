"""A measured batch in words, pictures and tables: what a lot holds and how well that is known."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from exocast.evidence.chance import draw_at
from exocast.evidence.rows import Row
from exocast.report.figures import (
    BLUE,
    FAINT,
    GREEN,
    LINE,
    NARROW,
    ORANGE,
    WIDE,
    Figure,
    canvas,
    finished,
    sheet,
)
from exocast.report.html import render
from exocast.report.numbers import decimal, large, percent
from exocast.report.numbers import figures as digits
from exocast.report.story import Section, Story, Table
from exocast.report.text import plain
from exocast.study.knowing import Worth, Worths
from exocast.vial.agreement import MethodComparison
from exocast.vial.batch_estimate import BatchEstimate
from exocast.vial.contents import Quantity
from exocast.vial.measured import MeasuredBatch
from exocast.vial.misev import score
from exocast.vial.records import VialWarning
from exocast.vial.runs import counted
from exocast.vial.size import SizeFit
from exocast.vial.size_estimate import Interval

Array = NDArray[np.float64]
LOTS, VIALS = 2000, 4
SEED = 1
BAND = (0.05, 0.5, 0.95)
SHOWN_WARNINGS = 60
FEW = 3
AXES = {
    "vial.concentration": "particles per mL",
    "purity": "particles per µg protein",
    "vial.potency_relative": "relative potency",
    "vial.size_median": "median diameter, nm",
}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileRecord(_Model):
    """A file of the batch."""

    file: str
    sha256: str
    kind: str
    used_for: str


class QuantityRecord(_Model):
    """A number with its 95 % interval, the files behind it and how it was computed.

    What is not known is null.
    """

    value: float | None
    low: float | None
    high: float | None
    unit: str
    by: tuple[str, ...]
    how: str


class LevelRecord(_Model):
    """Vials, preparations or captures: how many, and the SD of the logarithm between them."""

    n_valid: int
    n_total: int
    spread: float
    learned: bool = Field(description="whether these files can tell this spread themselves")


class IntervalRecord(_Model):
    """A number with its 95 % interval; ends are null where no error can be claimed."""

    value: float
    low: float | None
    high: float | None


class InstrumentRecord(_Model):
    """What one of several instruments counts over the mean of instruments at large."""

    instrument: str
    ratio: float
    low: float
    high: float
    captures: int


class ComparisonRecord(_Model):
    """Another method or instrument over the one that doses are drawn up by."""

    used: str
    other: str
    ratio: float
    low: float
    high: float
    above_nm: float | None = Field(description="diameter above which both were compared")
    less_buffer: bool = Field(description="whether each is less its own buffer")


class SizeRecord(_Model):
    """Diameters of the detected particles, in nm, and shares of them."""

    d10: IntervalRecord
    d50: IntervalRecord
    d90: IntervalRecord
    span: IntervalRecord
    share_30_150: IntervalRecord
    below_floor: float = Field(description="extrapolated, never dosed")
    two_populations: bool | None = Field(description="whether two laws stand apart")
    less_buffer: bool = Field(description="whether the buffer's sizes were taken off")


class ItemRecord(_Model):
    """One item of the reporting list."""

    item: str
    requirement: str
    level: str
    status: Literal["satisfied", "missing", "not applicable"]
    by: tuple[str, ...]
    note: str


class RowRecord(_Model):
    """A number that a forecast draws for this batch."""

    id: str
    meaning: str
    value: float
    unit: str
    spread: tuple[float, ...]
    spread_kind: str
    varies: str
    source: str
    grade: str
    measured: bool


class WorthRecord(_Model):
    """How much narrower a forecast becomes, at most, when a number is known exactly."""

    keys: tuple[str, ...]
    meaning: str
    measured: bool
    narrowing: float
    error: float
    dose_narrowing: float


class BatchRecord(_Model):
    """The object ``result`` of ``exocast vial batch --json``."""

    title: str
    files: tuple[FileRecord, ...]
    concentration_per_ml: QuantityRecord | None
    of_a_vial: tuple[float, float] | None = Field(description="95 % interval of an unopened vial")
    vials: LevelRecord | None
    preparations: LevelRecord | None
    captures: LevelRecord | None
    instruments: tuple[InstrumentRecord, ...] = Field(description="where several counted")
    compared: tuple[ComparisonRecord, ...]
    size_nm: SizeRecord | None
    protein: QuantityRecord | None
    particles_per_ug: QuantityRecord | None
    potency: QuantityRecord | None
    findings: tuple[QuantityRecord, ...]
    reporting: tuple[ItemRecord, ...]
    reported: tuple[int, int] = Field(description="mandatory items satisfied, and in all")
    rows: tuple[RowRecord, ...]
    filled: tuple[str, ...]
    worth: tuple[WorthRecord, ...]
    report: str | None


def record(
    made: MeasuredBatch,
    rows: Sequence[Row],
    filled: Sequence[str],
    worths: Worths | None = None,
    report: Path | None = None,
) -> dict[str, Any]:
    """The batch as plain data; see :class:`BatchRecord`.

    Parameters
    ----------
    made
        The measured batch.
    rows, filled
        What a forecast draws for it, and which of these are population rows.
    worths
        What knowing each number would be worth.
    report
        Where the page was written.
    """
    estimate = made.estimate
    found = BatchRecord(
        title=made.batch.title,
        files=tuple(FileRecord(**vars(f)) for f in made.files),
        concentration_per_ml=_quantity(made.count),
        of_a_vial=estimate.interval_vial_95 if estimate else None,
        vials=_level(estimate.vials) if estimate else None,
        preparations=_level(estimate.preparations) if estimate else None,
        captures=_level(estimate.captures) if estimate else None,
        instruments=tuple(
            InstrumentRecord(
                instrument=b.instrument, ratio=b.ratio, low=b.low, high=b.high, captures=b.n_valid
            )
            for b in (estimate.biases if estimate else ())
        ),
        compared=tuple(_compared(c) for c in made.comparisons),
        size_nm=_sizes(made),
        protein=_quantity(made.protein),
        particles_per_ug=None
        if made.purity is None
        else QuantityRecord(
            value=made.purity.value,
            low=made.purity.low,
            high=made.purity.high,
            unit="1/ug",
            by=(),
            how="particles over protein",
        ),
        potency=_quantity(made.potency),
        findings=tuple(q for q in map(_quantity, made.findings) if q is not None),
        reporting=tuple(
            ItemRecord(
                item=i.id,
                requirement=i.requirement,
                level=i.level,
                status=i.status,
                by=i.by,
                note=i.note,
            )
            for i in made.reporting
        ),
        reported=score(made.reporting),
        rows=tuple(
            RowRecord(
                id=r.id,
                meaning=r.meaning,
                value=r.value,
                unit=r.unit,
                spread=r.spread,
                spread_kind=r.spread_kind,
                varies=r.varies,
                source=r.source,
                grade=r.grade,
                measured=r.source == "measured",
            )
            for r in rows
        ),
        filled=tuple(filled),
        worth=()
        if worths is None
        else tuple(WorthRecord(**vars(w)) for w in (*worths.single, worths.together)),
        report=None if report is None else str(report),
    )
    return found.model_dump(mode="json")


def _quantity(found: Quantity | None) -> QuantityRecord | None:
    if found is None:
        return None
    return QuantityRecord(
        value=_or_none(found.value),
        low=_or_none(found.low),
        high=_or_none(found.high),
        unit=found.unit,
        by=found.by,
        how=found.how,
    )


def _compared(found: MethodComparison) -> ComparisonRecord:
    """The ratio as the other one over the one that is used, whichever came first."""
    ratio, low, high = found.ratio, found.low, found.high
    if found.used == found.methods[1]:
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    return ComparisonRecord(
        used=found.used,
        other=next(m for m in found.methods if m != found.used),
        ratio=ratio,
        low=low,
        high=high,
        above_nm=found.above_nm,
        less_buffer=found.net,
    )


def _sizes(made: MeasuredBatch) -> SizeRecord | None:
    if made.size is None or made.sizes is None or made.pooled is None:
        return None
    found = made.sizes
    return SizeRecord(
        d10=_ends_of(found.d10_nm),
        d50=_ends_of(found.d50_nm),
        d90=_ends_of(found.d90_nm),
        span=_ends_of(found.span),
        share_30_150=_ends_of(found.share_small),
        below_floor=made.size.extrapolated_share,
        two_populations=None if found.laws is None else found.laws.two_populations,
        less_buffer=bool(made.pooled.ends),
    )


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _ends_of(found: Interval) -> IntervalRecord:
    return IntervalRecord(value=found.value, low=_or_none(found.low), high=_or_none(found.high))


def _level(found: Any) -> LevelRecord:
    return LevelRecord(
        n_valid=found.n_valid, n_total=found.n_total, spread=found.spread, learned=found.learned
    )


# Words --------------------------------------------------------------------------------------------


def text(
    made: MeasuredBatch, rows: Sequence[Row], filled: Sequence[str], worths: Worths | None = None
) -> str:
    """The story for a terminal."""
    return plain(tell(made, rows, filled, worths))


def tell(
    made: MeasuredBatch, rows: Sequence[Row], filled: Sequence[str], worths: Worths | None = None
) -> Story:
    """The story of a batch, in the order people read it."""
    return Story(
        title=f"Batch: {made.batch.title}",
        subtitle=_subtitle(made),
        answer=_answer(made, filled, worths),
        labels=(),
        sections=(
            _count_section(made),
            _size_section(made),
            _content_section(made),
            _drawn_section(rows, filled),
            *([_worth_section(worths)] if worths is not None else []),
            _reporting_section(made),
            _doubts_section(made),
            _files_section(made),
        ),
        hero="count" if made.estimate is not None else "none",
    )


def _subtitle(made: MeasuredBatch) -> str:
    source, making = made.batch.source, made.batch.making
    parts = [
        source.cells or source.tissue or "",
        f"passage {source.passage}" if source.passage is not None else "",
        " + ".join(making.separation),
        _counted(len(made.files), "file"),
    ]
    return "; ".join(p for p in parts if p)


def _answer(made: MeasuredBatch, filled: Sequence[str], worths: Worths | None) -> tuple[str, ...]:
    words = []
    if made.count is None or made.estimate is None:
        words.append("Nobody counted the particles of this batch: no dose can be drawn up by it.")
    else:
        low, high = made.estimate.interval_vial_95
        words.append(
            f"The batch holds {_interval(made.count)} detected particles per mL; a vial that was "
            f"not opened, {large(low)} to {large(high)} ({made.count.how})."
        )
    if made.size is not None:
        words.append(
            f"Half of the detected particles are smaller than {decimal(made.size.d50_nm, 0)} nm, "
            f"and {percent(made.size.share_small)} lie between 30 and 150 nm."
        )
    if made.purity is not None:
        words.append(
            f"{large(made.purity.value)} particles per µg of protein ({large(made.purity.low)} to "
            f"{large(made.purity.high)})."
        )
    if made.potency is not None:
        words.append(f"Relative potency {_interval(made.potency)} ({made.potency.how}).")
    elif made.batch.curve is not None:
        words.append(f"Its own curve ({made.batch.curve}) says how potent it is.")
    else:
        words.append(
            "Its potency was not measured. Particles, markers and miRNA do not tell it, so a "
            "forecast takes the spread of products at large."
        )
    named = [n for n in filled if n != "potency_relative"]
    if named:
        words.append(f"Not measured and filled from other products: {', '.join(named)}.")
    done, asked = score(made.reporting)
    words.append(
        f"Reported: {done} of {asked} mandatory items of MISEV2018. This is a score of reporting, "
        "never of quality."
    )
    if worths is not None:
        words.append(_worth_words(worths))
    return tuple(words)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _interval(found: Quantity) -> str:
    return f"{large(found.value)} ({large(found.low)} to {large(found.high)}, 95 %)"


def _count_section(made: MeasuredBatch) -> Section:
    estimate = made.estimate
    if estimate is None:
        return Section(key="count", title="Particles", words=("No file counts particles.",))
    levels = (
        (estimate.vials, "vials"),
        (estimate.preparations, "preparations"),
        (estimate.captures, "captures"),
    )
    words = [" ".join(_known(level, name) for level, name in levels)]
    if estimate.biases:
        words.append(_instrument_words(estimate))
    if made.net:
        low, high = (percent(f(n.blank_share for n in made.net)) for f in (min, max))
        words.append(
            f"The buffer has {low if low == high else f'{low} to {high}'} of the samples' level "
            "and is taken off."
        )
    else:
        words.append("No buffer was measured, so nothing is taken off for it.")
    if made.linearity is not None:
        words.append(_sentence(made.linearity.verdict))
    words += [_sentence(c.meaning) for c in made.comparisons]
    table = Table(
        caption="Opened vials, drawn towards the batch as far as they can be told apart",
        columns=("Vial", "particles/mL", "95 %", "captures used"),
        rows=tuple(
            (
                c.vial,
                large(c.value),
                f"{large(c.low)} to {large(c.high)}",
                f"{c.n_valid} of {c.n_total}",
            )
            for c in estimate.contents
        ),
    )
    return Section(key="count", title="Particles", words=tuple(words), tables=(table,))


def _instrument_words(estimate: BatchEstimate) -> str:
    each = "; ".join(
        f"{b.instrument} {digits(b.ratio, 2)} ({digits(b.low, 2)} to {digits(b.high, 2)})"
        for b in estimate.biases
    )
    return (
        f"{_counted(len(estimate.biases), 'instrument')} counted, and none of them is taken for "
        f"the truth: over the mean of such instruments they count {each}. What they may differ by "
        "stays in the batch's interval; 'counted_by' takes one of them at its word."
    )


def _sentence(text_: str) -> str:
    return f"{text_[0].upper()}{text_[1:].rstrip('.')}."


def _known(level: Any, name: str) -> str:
    if not level.learned:
        whose = "of other products"
    elif level.n_valid < FEW:
        whose = "two of them say little: mostly of other products"
    else:
        whose = "seen in these files"
    return (
        f"{name.capitalize()} scatter by {percent(level.spread)} ({percent(level.low)} to "
        f"{percent(level.high)}, {whose})."
    )


def _size_section(made: MeasuredBatch) -> Section:
    if made.size is None:
        return Section(
            key="size", title="Sizes", words=("No file holds sizes that can be fitted.",)
        )
    size = made.size
    words = [
        (
            "Of detected particles only: what lies below the detection floor is extrapolated "
            f"({percent(size.extrapolated_share)} of the fitted law below "
            f"{decimal(size.floor_nm, 0)} nm) and never dosed."
        )
    ]
    if made.pooled is not None and made.pooled.ends:
        words.append(
            f"The buffer's particles ({percent(float(made.pooled.buffer.sum()))} of what was "
            "counted) are taken off size by size; the intervals hold what that leaves open."
        )
    if made.estimate is not None and made.estimate.biases:
        words.append(
            f"Captures of {' and '.join(b.instrument for b in made.estimate.biases)} are pooled by "
            "their particles; how far the diameters of instruments differ was not measured here."
        )
    found = made.sizes
    rows: list[tuple[str, str, str]] = []
    if found is not None:
        for name, each, places, unit in (
            ("D10", found.d10_nm, 0, " nm"),
            ("D50", found.d50_nm, 0, " nm"),
            ("D90", found.d90_nm, 0, " nm"),
            ("span, (D90 − D10)/D50", found.span, 2, ""),
        ):
            ends = (
                "no error claimed"
                if math.isnan(each.low)
                else f"{decimal(each.low, places)} to {decimal(each.high, places)}"
            )
            rows.append((name, f"{decimal(each.value, places)}{unit}", ends))
        share = found.share_small
        ends = "–" if math.isnan(share.low) else f"{percent(share.low)} to {percent(share.high)}"
        rows.append(("between 30 and 150 nm, of detected", percent(share.value), ends))
        if found.laws is not None and found.laws.one_law_fails and not found.laws.two_populations:
            words.append(
                "One law does not describe these bins: what is said of it does not hold, the "
                "percentiles do."
            )
        if found.laws is not None and found.laws.two_populations:
            small, big = found.laws.two
            words.append(
                f"Two laws stand apart: {percent(small.share)} about "
                f"{decimal(small.median_nm, 0)} nm and {percent(big.share)} about "
                f"{decimal(big.median_nm, 0)} nm. A forecast takes one law; another method has to "
                "show that there are two kinds."
            )
    rows += [
        ("median of the fitted law", f"{decimal(size.median_nm, 0)} nm", "–"),
        ("SD of its logarithm", decimal(size.log_sd, 2), "–"),
    ]
    return Section(
        key="size",
        title="Sizes",
        words=tuple(words),
        figures=("size",),
        tables=(
            Table(
                caption="Sizes",
                columns=("What", "value", "95 %"),
                rows=tuple(rows),
                note="From these captures; what an analyser is off by on all of them "
                "(population.size_accuracy) is added in a forecast.",
            ),
        ),
    )


def _content_section(made: MeasuredBatch) -> Section:
    rows = [
        (
            "protein",
            f"{digits(made.protein.value, 3)} µg/mL",
            f"{digits(made.protein.low, 3)} to {digits(made.protein.high, 3)}",
            made.protein.how,
        )
        if made.protein
        else ("protein", "not measured", "–", "–")
    ]
    rows += [(q.how, _valued(q), _ends(q), ", ".join(q.by)) for q in made.findings]
    words = _identity_words(made)
    if made.purity is not None:
        words += [
            f"{p.meaning[0].upper()}{p.meaning[1:]}: {large(p.published)}; {_side(p.position)}."
            for p in made.purity.published
        ]
    return Section(
        key="content",
        title="What else it holds",
        words=tuple(words),
        tables=(
            Table(
                caption="Contents",
                columns=("What", "value", "95 %", "by"),
                rows=tuple(rows),
                wraps=True,
                note="What stands in no row was not measured, and stays unknown.",
            ),
        ),
    )


def _identity_words(made: MeasuredBatch) -> list[str]:
    """Which proteins were shown, by what they are evidence of."""
    words = []
    for what, said in (
        ("transmembrane", "Transmembrane or GPI-anchored proteins"),
        ("cytosolic", "Cytosolic proteins that bind membranes"),
        ("contaminant", "Expected contaminants"),
    ):
        names = dict.fromkeys(s.name for s in made.shown if s.what == what and s.name)
        if names:
            words.append(f"{said}: {', '.join(names)}.")
    return words


def _side(position: str) -> str:
    if position in ("above", "below"):
        return f"this batch lies {position} it"
    return "on which side this batch lies cannot be told"


def _valued(found: Quantity) -> str:
    if math.isnan(found.value):
        return "not known"
    return f"{digits(found.value, 3)} {_unit(found.unit)}".strip()


def _ends(found: Quantity) -> str:
    if math.isnan(found.low) and math.isnan(found.high):
        return "–"
    if math.isnan(found.low) or math.isnan(found.high):
        side, end = ("up to", found.high) if math.isnan(found.low) else ("from", found.low)
        return f"{side} {digits(end, 3)}"
    return f"{digits(found.low, 3)} to {digits(found.high, 3)}"


def _unit(unit: str) -> str:
    return {"1": "", "ug/mL": "µg/mL"}.get(unit, unit)


def _drawn_section(rows: Sequence[Row], filled: Sequence[str]) -> Section:
    return Section(
        key="drawn",
        title="What a forecast draws",
        words=(
            (
                "A lot is drawn in every world, a vial for every injection. Numbers that were "
                "measured are this batch's; the others come from products at large."
            ),
        ),
        figures=("joint",),
        tables=(
            Table(
                caption="Rows of this batch",
                columns=("Row", "value", "unit", "spread", "between", "grade", "whose"),
                rows=tuple(
                    (
                        r.id,
                        large(r.value),
                        r.unit,
                        f"{r.spread_kind} {'..'.join(digits(s, 3) for s in r.spread)}".strip(),
                        "vials" if r.varies == "vial" else "worlds",
                        r.grade,
                        "this batch" if r.source == "measured" else "other products",
                    )
                    for r in rows
                ),
                wraps=True,
            ),
        ),
    )


def _worth_words(worths: Worths) -> str:
    best = worths.single[0] if worths.single else None
    together = worths.together
    outcome = f"the difference in pain after {worths.week:.0f} weeks"
    if best is None or best.narrowing < 2 * best.error:
        return (
            f"No single number of the vial decides {outcome}: all of them known exactly would "
            f"narrow its interval by {_narrower(together)}. What an assay means in people is what "
            "is not known."
        )
    return (
        f"Knowing {best.keys[0].removeprefix('vial.')} exactly would narrow the interval of "
        f"{outcome} most, by {_narrower(best)}; all numbers of the vial together, by "
        f"{_narrower(together)}."
    )


def _narrower(worth: Worth) -> str:
    return f"{percent(max(0.0, worth.narrowing))} (± {percent(worth.error)})"


def _worth_section(worths: Worths) -> Section:
    rows = tuple(
        (
            w.meaning,
            "this batch" if w.measured else "other products",
            _narrower(w),
            percent(max(0.0, w.dose_narrowing)),
        )
        for w in (*worths.single, worths.together)
    )
    return Section(
        key="worth",
        title="Which measurement would sharpen the forecast",
        words=(
            (
                f"The forecast is run again with each number known exactly ({worths.worlds} "
                f"worlds of {worths.patients} patients, the same in all). What it narrows is a "
                "bound: no assay is exact."
            ),
        ),
        figures=("worth",),
        tables=(
            Table(
                caption="Narrower by, at most",
                columns=(
                    "Number",
                    "known now from",
                    f"difference in pain, week {worths.week:.0f}",
                    "particles at the needle",
                ),
                rows=rows,
                wraps=True,
            ),
        ),
    )


def _reporting_section(made: MeasuredBatch) -> Section:
    lacks = [i for i in made.reporting if i.status == "missing" and i.level == "mandatory"]
    said = "What MISEV2018 asks to be reported, with what satisfies it. The text of MISEV2023 "
    words = [f"{said}could not be read for this list. It says nothing about quality."]
    if lacks:
        words.append(f"Missing: {'; '.join(i.requirement for i in lacks)}.")
    return Section(
        key="reporting",
        title="Reporting",
        words=tuple(words),
        tables=(
            Table(
                caption="Items",
                columns=("Item", "level", "status", "by", "note"),
                rows=tuple(
                    (i.requirement, i.level, i.status, ", ".join(i.by) or "–", i.note or "–")
                    for i in made.reporting
                ),
                wraps=True,
            ),
        ),
    )


def _doubts_section(made: MeasuredBatch) -> Section:
    said = (*made.warnings, *(made.sizes.warnings if made.sizes is not None else ()))
    every: Sequence[VialWarning] = tuple(dict.fromkeys(said))
    shown = every[:SHOWN_WARNINGS]
    more = len(every) - len(shown)
    return Section(
        key="doubts",
        title="What to know before relying on it",
        words=(
            f"{_counted(len(every), 'warning')}; the table lists them."
            + (f" {more} more of the same kind are left out there." if more > 0 else "")
            if every
            else "Nothing that a reader has to know.",
        ),
        tables=(
            Table(
                caption="Warnings",
                columns=("Code", "where", "what"),
                rows=tuple((w.code, Path(w.where).name or "–", w.message) for w in shown)
                or (("–", "–", "nothing"),),
                wraps=True,
            ),
        ),
    )


def _files_section(made: MeasuredBatch) -> Section:
    return Section(
        key="files",
        title="Files",
        words=(),
        tables=(
            Table(
                caption="Every file, by its bytes",
                columns=("File", "what it is", "used for", "SHA-256"),
                rows=tuple((f.file, f.kind, f.used_for, f.sha256[:12]) for f in made.files),
                wraps=True,
            ),
        ),
    )


# Pictures -----------------------------------------------------------------------------------------


def write(
    made: MeasuredBatch,
    rows: Sequence[Row],
    filled: Sequence[str],
    out: Path,
    worths: Worths | None = None,
) -> Path:
    """Write ``batch.json`` and ``report.html`` into a directory, and give the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / "report.html"
    target.write_text(page(made, rows, filled, worths), encoding="utf-8")
    data = record(made, rows, filled, worths, target)
    (out / "batch.json").write_text(
        json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8"
    )
    return target


def page(
    made: MeasuredBatch, rows: Sequence[Row], filled: Sequence[str], worths: Worths | None = None
) -> str:
    """The report as HTML text."""
    from exocast import __version__

    manifest = {
        "scenario": made.batch.model_dump(mode="json", exclude_defaults=True),
        "seed": SEED,
        "versions": {"exocast": __version__},
    }
    return render(tell(made, rows, filled, worths), draw(made, rows, worths), manifest)


def draw(
    made: MeasuredBatch, rows: Sequence[Row], worths: Worths | None = None
) -> dict[str, Figure]:
    """All figures of a batch by name."""
    figures: dict[str, Figure] = {"joint": _joint(rows)}
    if made.estimate is not None:
        figures |= {"count": _count(made, WIDE), "count_narrow": _count(made, NARROW)}
    if made.size is not None:
        figures["size"] = _size(made, made.size)
    if worths is not None:
        figures["worth"] = _worth(worths)
    return figures


def _count(made: MeasuredBatch, size: tuple[float, float]) -> Figure:
    """Captures by vial and preparation, with the batch's own interval."""
    assert made.estimate is not None and made.count is not None
    runs = [counted(r) for r in made.runs if not r.blank]
    runs = [r for r in runs if len(r.logs)]
    name = f"batch-count-{'narrow' if size[0] < 5 else 'wide'}"
    height = max(size[1], 1.6 + 0.28 * len(runs))
    with canvas((size[0], height), name) as (drawing, axes):
        low, high = made.estimate.interval_vial_95
        axes.axvspan(low, high, color=BLUE, alpha=0.10, linewidth=0, label="a vial, 95 %")
        axes.axvspan(
            made.count.low,
            made.count.high,
            color=BLUE,
            alpha=0.25,
            linewidth=0,
            label="batch, 95 %",
        )
        axes.axvline(made.count.value, color=BLUE, linewidth=1.5)
        colours = (GREEN, ORANGE, FAINT)
        vials = list(dict.fromkeys(r.run.vial for r in runs))
        for i, run in enumerate(runs):
            colour = colours[vials.index(run.run.vial) % len(colours)]
            axes.plot(np.exp(run.logs), np.full(len(run.logs), -i), "o", color=colour, markersize=5)
        labels = [f"{r.run.vial}: {_clipped(r.run.preparation)}" for r in runs]
        axes.set_yticks([-i for i in range(len(runs))], labels, fontsize=8)
        axes.set_ylim(-len(runs) + 0.4, 0.8)
        axes.set_xscale("log")
        marks = _marks(*axes.get_xlim(), most=4 if size[0] > 5 else 3)
        axes.set_xticks(marks, [large(m) for m in marks])
        axes.minorticks_off()
        axes.set_xlabel("detected particles per mL, undiluted")
        axes.grid(axis="x")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="Concentration of every capture by vial and preparation, with the interval of the "
        "batch and of a vial; the table gives the numbers.",
        caption="Each dot is a capture"
        + (", less the buffer" if made.net else "")
        + ", each line a preparation (vial: file). Dark: what the batch "
        "holds; light: what a vial that was not opened holds.",
    )


def _marks(low: float, high: float, most: int) -> list[float]:
    """Round numbers on a log axis, of each decade as many as there is room for."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)):
        more = [m * 10.0**k for k in decades for m in steps if low <= m * 10.0**k <= high]
        if len(more) > most:
            break
        found = more
    return found or [math.sqrt(low * high)]


def _clipped(text_: str, most: int = 22) -> str:
    return text_ if len(text_) <= most else f"…{text_[-most + 1 :]}"


def _size(made: MeasuredBatch, fit: SizeFit) -> Figure:
    assert made.pooled is not None and made.pooled.export.bins is not None
    pooled = made.pooled.export
    bins = made.pooled.export.bins
    shares = bins.per_ml / bins.per_ml.sum(axis=0).clip(min=1e-300) / bins.width_nm
    tracks = np.nan_to_num([c.tracks for c in pooled.captures], nan=1.0)
    mean = shares @ (tracks / tracks.sum())
    x = np.arange(5.0, 600.0, 1.0)
    law = np.exp(-0.5 * (np.log(x / fit.median_nm) / fit.log_sd) ** 2)
    law /= x * fit.log_sd * math.sqrt(2 * math.pi)
    above = float(mean[bins.centres_nm >= fit.floor_nm].sum() * bins.width_nm)
    law *= above / max(1e-9, 1.0 - fit.extrapolated_share)
    name = "batch-size"
    with canvas(WIDE, name) as (drawing, axes):
        for column in range(min(shares.shape[1], 30)):
            axes.plot(bins.centres_nm, 100 * shares[:, column], color=FAINT, lw=0.6, alpha=0.5)
        less = " less the buffer" if made.pooled.ends else ""
        axes.plot(bins.centres_nm, 100 * mean, color=BLUE, lw=2, label=f"all captures{less}")
        if less:
            # On the scale of the net curve: particles of the buffer for each of the sample's.
            own = float(made.pooled.counted.sum() - made.pooled.buffer.sum())
            buffer = made.pooled.buffer / own / bins.width_nm
            axes.plot(bins.centres_nm, 100 * buffer, color=GREEN, lw=1.2, label="the buffer's")
        seen = x >= fit.floor_nm
        axes.plot(x[seen], 100 * law[seen], color=ORANGE, lw=1.4, label="fitted law")
        axes.plot(x[~seen], 100 * law[~seen], ":", color=ORANGE, lw=1.4, label="extrapolated")
        axes.axvline(fit.floor_nm, color=LINE, lw=1)
        axes.set_xlim(0, min(600.0, 2.2 * fit.d90_nm + 50))
        axes.set_ylim(0)
        axes.set_xlabel("diameter, nm")
        axes.set_ylabel("% of particles per nm")
        axes.grid(axis="y")
        axes.legend(loc="upper right")
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="Size distribution of all captures with the fitted law and the detection floor.",
        caption="Thin: captures. The fitted law is cut at the detection floor; dotted, what it "
        "would put below it." + (" Green: what was taken off, on the same scale." if less else ""),
    )


def _joint(rows: Sequence[Row]) -> Figure:
    """Lots and vials as a forecast draws them."""
    drawn = _draws(rows)
    shown = [key for key in AXES if key in drawn and np.ptp(drawn[key]) > 0]
    name = "batch-joint"
    rows_of_panels = math.ceil(len(shown) / 2)
    with sheet((WIDE[0], 0.3 + 1.9 * max(1, rows_of_panels)), name) as drawing:
        for place, key in enumerate(shown, start=1):
            axes = drawing.add_subplot(rows_of_panels, 2, place)
            values = drawn[key]
            first, last = (float(v) for v in np.quantile(values, [0.002, 0.998]))
            edges = np.geomspace(first, last, 30)
            axes.hist(values[:, 0], bins=edges.tolist(), color=BLUE, alpha=0.35, density=False)
            low, middle, high = np.quantile(values, BAND)
            for at, style in ((low, ":"), (middle, "-"), (high, ":")):
                axes.axvline(at, color=ORANGE, linestyle=style, linewidth=1.2)
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.set_xticks([low, middle, high], [_short(v) for v in (low, middle, high)])
            axes.tick_params(labelsize=8)
            axes.set_yticks([])
            axes.set_xlabel(AXES[key], fontsize=9)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="Histograms of what is drawn for lots and vials: count, purity, potency, size.",
        caption=f"{LOTS} lots with {VIALS} vials each, as a forecast draws them. Orange: median, 5 "
        "and 95 %.",
    )


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else large(value)


def _draws(rows: Sequence[Row]) -> dict[str, Array]:
    world, vial = np.meshgrid(np.arange(LOTS), np.arange(VIALS), indexing="ij")
    drawn = draw_at(list(rows), seed=SEED, world=world.ravel(), patient=vial.ravel())
    shaped = {key: np.asarray(value).reshape(LOTS, VIALS) for key, value in drawn.items()}
    if "vial.protein" in shaped and "vial.concentration" in shaped:
        shaped["purity"] = shaped["vial.concentration"] / shaped["vial.protein"]
    elif "vial.purity" in shaped:
        shaped["purity"] = shaped["vial.purity"]
    return shaped


def _worth(worths: Worths) -> Figure:
    both = (*worths.single, worths.together)
    name = "batch-worth"
    with canvas((WIDE[0], 1.2 + 0.5 * len(both)), name) as (drawing, axes):
        for i, each in enumerate(both):
            axes.barh(-i + 0.18, 100 * max(0.0, each.narrowing), 0.32, color=BLUE)
            axes.errorbar(
                100 * max(0.0, each.narrowing), -i + 0.18, xerr=100 * each.error, color=FAINT, lw=1
            )
            axes.barh(-i - 0.18, 100 * max(0.0, each.dose_narrowing), 0.32, color=GREEN)
        axes.barh([], [], color=BLUE, label=f"difference in pain, week {worths.week:.0f}")
        axes.barh([], [], color=GREEN, label="particles at the needle")
        labels = [
            "all together" if len(w.keys) > 1 else w.keys[0].removeprefix("vial.") for w in both
        ]
        axes.set_yticks([-i for i in range(len(both))], labels)
        axes.set_xlim(0)
        axes.set_xlabel("interval narrower by, %, at most")
        axes.grid(axis="x")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="By how much the interval of a forecast narrows when a number of the vial is known; "
        "the table gives the numbers.",
        caption="Grey: standard error from the number of worlds.",
    )
