"""A potency assay in words, pictures and tables: what a laboratory would see, and what it means."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exocast.errors import InvalidInput
from exocast.evidence.chance import value_of
from exocast.evidence.rows import package_table
from exocast.patient import effect
from exocast.report.figures import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    LINE,
    NARROW,
    ORANGE,
    WIDE,
    Figure,
    canvas,
    finished,
)
from exocast.report.html import render
from exocast.report.numbers import figures as digits
from exocast.report.numbers import large, percent
from exocast.report.story import Section, Story, Table
from exocast.study.assay import CLASSES, Assayed, Response
from exocast.study.curves import MOST_RUNS, Design, fewest_runs
from exocast.study.fit import APART
from exocast.study.potency import DAY, FEWEST, LIGHT, WALKERS, Learnt, forecast_rows
from exocast.units import magnitude

Array = NDArray[np.float64]
BAND = (0.05, 0.5, 0.95)
CARGO = {
    "mirna": "miRNA in the cytosol",
    "ligands": "ligands and enzymes on vesicles",
    "soluble": "soluble factors that come along",
}
CARGO_COLOURS = {"mirna": ORANGE, "ligands": BLUE, "soluble": GREEN}
LINES = 30
TOO_FEW = (
    "That is too few for the ends of a band: read bands of the sampler as rough, and the "
    "approximation beside them."
)
UNSETTLED = "A fit did not settle: the weights of structures are rough here."
DECIDES = 5
ROWS_OF_PLATE, COLUMNS_OF_PLATE = 8, 12


def tell(made: Assayed, learnt: Learnt | None = None) -> Story:
    """The story of an assay, and of what a measured curve teaches where there is one."""
    return Story(
        title=f"Assay: {made.assay.title}",
        subtitle=f"{made.batch.name}; {made.worlds} worlds, seed {made.seed}, prior {made.prior}",
        answer=(*_answer(made), *(_learnt_answer(learnt) if learnt else ())),
        labels=(),
        sections=(
            *([_learnt_section(learnt)] if learnt else []),
            _curve_section(made, hero=learnt is None),
            _plate_section(made),
            _cargo_section(made),
            _design_section(made),
            _structure_section(made),
            _meaning_section(made, learnt),
        ),
        hero="learnt" if learnt else "curve",
    )


def page(made: Assayed, learnt: Learnt | None = None) -> str:
    """The report as HTML text."""
    from exocast import __version__

    manifest = {
        "scenario": {
            "assay": made.assay.name,
            "batch": made.batch.name,
            "worlds": made.worlds,
            "prior": made.prior,
            "measured": [m.file for m in learnt.measured] if learnt else [],
        },
        "seed": made.seed,
        "versions": {"exocast": __version__},
    }
    return render(tell(made, learnt), draw(made, learnt), manifest)


def write(made: Assayed, out: Path, learnt: Learnt | None = None) -> Path:
    """Write ``assay.json``, ``report.html`` and, of a curve that shows a potency, its rows."""
    from exocast.study.potency import write_rows

    out.mkdir(parents=True, exist_ok=True)
    (out / "assay.json").write_text(
        json.dumps(record(made, learnt), indent=1, ensure_ascii=False), encoding="utf-8"
    )
    target = out / "report.html"
    target.write_text(page(made, learnt), encoding="utf-8")
    if learnt is not None:
        rows, _ = carried(learnt)
        if rows:
            write_rows(rows, out / "potency.csv")
    return target


def carried(learnt: Learnt) -> tuple[tuple[Any, ...], str]:
    """Rows that a forecast takes, or none and why."""
    try:
        return forecast_rows(learnt), ""
    except InvalidInput as e:
        return (), e.message


# Words --------------------------------------------------------------------------------------------


def _answer(made: Assayed) -> tuple[str, ...]:
    main, assay = made.main, made.assay
    readout = assay.readouts[assay.main]
    active = main.active
    top = large(made.doses[-1])
    fall = -math.expm1(-_seen(made))
    words = [
        (
            f"In {percent(float(active.mean()))} of worlds {top} vesicles a cell move the read-out "
            f"({readout.text}) by more than 2 %; three wells a dose that scatter by "
            f"{percent(readout.scatter[0])} show a change from about {percent(fall)} on, in "
            f"{percent(_visible(made))} of worlds."
        )
    ]
    if active.any():
        change = 100 * (np.exp(main.effect[active, -1]) - 1)
        words.append(
            f"Where they do, it changes by {_range(change)} %, with half of the effect at "
            f"{_range(_ec50(main))} vesicles a cell (median, and 90 % of these worlds)."
        )
    words.append(_threshold_words(made))
    middle, told, active_worlds = _middle(main)
    loss = percent(_loss(made))
    if middle is None:
        words.append(
            f"In most worlds with an effect no design of up to {MOST_RUNS} runs tells a loss of "
            f"{loss} of potency ({told} of {active_worlds} have one)."
        )
    else:
        words.append(
            f"A loss of {loss} of potency is told with a power of 90 % in {middle.runs} runs on "
            f"other days with {middle.wells} wells in all, at the median of worlds with an effect; "
            f"in {active_worlds - told} of {active_worlds} no design of up to {MOST_RUNS} runs "
            "tells it."
        )
    return tuple(words)


def _seen(made: Assayed) -> float:
    """Change of the logarithm that three wells a dose show, two-sided at 5 %, with the power."""
    from scipy.stats import norm

    power = package_table("study", "assays")["power"].value
    needed = float(norm.ppf(0.975) + norm.ppf(power))
    return needed * made.assay.readouts[made.assay.main].scatter[0] * math.sqrt(2 / 3)


def _visible(made: Assayed) -> float:
    """Share of worlds whose change at the top is seen so."""
    return float(np.nanmean(np.abs(made.main.effect[:, -1]) > _seen(made)))


def _middle(response: Response) -> tuple[Design | None, int, int]:
    """Design of the median world with an effect (None where that has none), told, and in all."""
    best = [fewest_runs(each) for each in response.designs if each]
    telling = sorted((d for d in best if d is not None), key=lambda d: (d.runs, d.wells))
    half = len(best) // 2
    return (telling[half] if half < len(telling) else None), len(telling), len(best)


def _loss(made: Assayed) -> float:
    own = made.assay.loss
    return own if own is not None else package_table("study", "assays")["loss"].value


def _threshold_words(made: Assayed) -> str:
    if made.threshold is None or made.assay.mirna is None:
        return "This assay watches no miRNA."
    copies, needed = made.threshold
    reached = float(np.nanmean(copies[:, -1] > needed))
    return (
        f"miRNA mechanism: at the highest dose {_range(copies[:, -1])} copies are loaded in a "
        f"cell, and {large(float(np.median(needed)))} are needed ({made.assay.mirna.text}): "
        + (
            "not reached in any world."
            if reached == 0
            else f"reached in {percent(reached)} of worlds."
        )
    )


def _curve_section(made: Assayed, *, hero: bool) -> Section:
    rows = []
    for response in made.responses.values():
        readout = made.assay.readouts[response.name]
        active = response.active
        change = 100 * (np.exp(response.effect[:, -1]) - 1)
        slopes = np.array([c.slope for c in response.curves if c is not None])
        rows.append(
            (
                readout.text,
                readout.time,
                f"{_range(response.values[:, 0])} {_unit(response.unit)}".strip(),
                _range(change[active]) if active.any() else "–",
                _range(_ec50(response)) if active.any() else "–",
                _range(slopes) if active.any() else "–",
                percent(float(active.mean())),
            )
        )
    table = Table(
        caption="Read-outs",
        columns=(
            "Read-out",
            "at",
            "without vesicles",
            "change at the top in %",
            "half effect, vesicles a cell",
            "slope",
            "worlds with an effect",
        ),
        rows=tuple(rows),
        note="Median, and 5 to 95 % of worlds; change, half effect and slope where there is one.",
        wraps=True,
    )
    controls = [
        (
            made.assay.controls[name].text,
            *(_range(r.controls[name]) for r in made.responses.values()),
        )
        for name in made.assay.controls
    ]
    beside = Table(
        caption="Control wells",
        columns=("Control", *(made.assay.readouts[n].text for n in made.responses)),
        rows=tuple(controls),
        wraps=True,
    )
    return Section(
        key="curve",
        title="What would be seen",
        words=(
            (
                "Every line is one world: one draw of all that is not known "
                "of cells, vesicles and how "
                "they act. A flat line is a world in which this product does not act."
            ),
        ),
        figures=() if hero else ("curve",),
        tables=(table, *([beside] if controls else [])),
    )


def _plate_section(made: Assayed) -> Section:
    assay = made.assay
    cells = magnitude(assay.cells.amount, "cell")
    words = [
        *(f"{each[0].upper()}{each[1:]}." for each in made.batch.warnings),
        assay.text,
        f"A well: {large(cells)} {assay.cells.text} in {assay.medium}; stimulus: {assay.stimulus}.",
    ]
    if made.batch.concentration_per_ml:
        most = package_table("study", "assays")["most_volume"].value
        top = made.doses[-1] * cells / made.batch.concentration_per_ml
        share = top / magnitude(assay.medium, "mL")
        words.append(
            f"This batch has {large(made.batch.concentration_per_ml)} particles per mL: the "
            f"highest dose is {large(1000 * top)} µL a well, {percent(share)} of the medium"
            + (
                "."
                if share <= most
                else f"; more than {percent(most)} changes the medium itself, so "
                "concentrate the batch or stop at "
                f"{large(most / share * made.doses[-1])} vesicles "
                "a cell."
            )
        )
    table = Table(
        caption="Doses",
        columns=("Vesicles a cell", "per well", "per mL of medium"),
        rows=tuple(
            (large(d), large(d * cells), large(d * cells / magnitude(assay.medium, "mL")))
            for d in made.doses.tolist()
        ),
    )
    return Section(
        key="plate", title="The plate", words=tuple(words), figures=("plate",), tables=(table,)
    )


def _cargo_section(made: Assayed) -> Section:
    main = made.main
    seen = np.isfinite(main.shares[CLASSES[0]])
    rows = [
        (
            CARGO[each],
            percent(max(0.0, float(np.mean(main.shares[each][seen])))) if seen.any() else "–",
            percent(float(np.mean(main.shares[each][seen] > 0.5))) if seen.any() else "–",
        )
        for each in CLASSES
    ]
    return Section(
        key="cargo",
        title="Which cargo acts",
        words=(
            (
                "Each class is taken away, alone and with others, at the "
                "highest dose; its share is "
                "what it adds on average (Shapley's), over worlds with an effect."
            ),
            _threshold_words(made),
        ),
        figures=("cargo",),
        tables=(
            Table(
                caption="Share of the effect by cargo",
                columns=("Class", "share", "worlds in which it is most of it"),
                rows=tuple(rows),
            ),
        ),
    )


def _design_section(made: Assayed) -> Section:
    main = made.main
    worlds = [each for each in main.designs if each]
    rows = []
    for i, first in enumerate(worlds[0] if worlds else ()):
        found = [each[i] for each in worlds]
        telling = [d for d in found if d.tells]
        middle = sorted(found, key=lambda d: (not d.tells, d.runs))[len(found) // 2]
        rows.append(
            (
                str(first.replicates),
                str(first.plate_wells),
                str(middle.runs) if middle.tells else f"over {MOST_RUNS}",
                str(middle.wells) if middle.tells else "–",
                percent(len(telling) / len(found)),
            )
        )
    readout = made.assay.readouts[made.assay.main]
    well, run = readout.scatter
    row = package_table("study", "assays")[f"{readout.noise}_well"]
    whose = (
        "by your own numbers"
        if readout.well_sd and readout.run_sd
        else f"grade {row.grade}; put your own into an assay file where you know them"
    )
    return Section(
        key="design",
        title=f"How many wells tell a loss of {percent(_loss(made))}",
        words=(
            (
                "Reference and sample stand on each plate at the same doses with a control; one "
                "curve is fitted to both with a shift along the dose, and the mean over runs is "
                "held against none, one-sided at 5 %, with a power of 90 %. Wells scatter by "
                f"{percent(well)}, and days by {percent(run)} of potency ({whose})."
            ),
            "More wells a dose help little where days differ more than wells do.",
        ),
        tables=(
            Table(
                caption="Designs",
                columns=(
                    "Wells a dose",
                    "wells a plate",
                    "runs needed",
                    "wells in all",
                    "worlds in which 24 runs or fewer do",
                ),
                rows=tuple(rows),
                note="Median over worlds with an effect.",
            ),
        ),
    )


def _structure_section(made: Assayed) -> Section:
    """What is contested, and which numbers decide."""
    main = made.main
    values = main.effect[:, -1]
    ok = np.isfinite(values)
    rows = []
    for key, row in made.rows.items():
        if row.varies == "structure" and np.ptp(made.drawn[key][ok]) > 0:
            share = _explained(values[ok], made.drawn[key][ok])
            if share > 0.005:
                rows.append((share, key, row.meaning, f"{row.value:g}", row.grade, row.source))
    rows.sort(reverse=True)
    contested = Table(
        caption="Contested structure",
        columns=("Row", "what it is", "weight", "share of the variance", "grade", "source"),
        rows=tuple(
            (key, meaning, weight, percent(share), grade, source)
            for share, key, meaning, weight, grade, source in rows
        ),
        note="Share of the variance over worlds, of the logarithm of the main read-out at the "
        "highest dose, that goes with this switch alone.",
        wraps=True,
    )
    active = ok & main.active
    deciding = _deciding(made, active)
    numbers = Table(
        caption="Numbers that decide, where the product acts",
        columns=("Row", "what it is", "rank correlation", "grade", "source"),
        rows=tuple(
            (
                key,
                made.rows[key].meaning,
                f"{r:+.2f}".replace("-", "−"),
                made.rows[key].grade,
                made.rows[key].source,
            )
            for key, r in deciding
        ),
        wraps=True,
    )
    return Section(
        key="structure",
        title="What it rests on",
        words=(),
        tables=tuple(each for each in (contested, numbers) if each.rows),
    )


def _explained(values: Array, switch: Array) -> float:
    """Share of the variance between the two halves of a switch."""
    total = float(values.var())
    if total == 0:
        return 0.0
    means = [values[switch == s].mean() for s in (0.0, 1.0)]
    weight = float(switch.mean())
    return weight * (1 - weight) * float(means[1] - means[0]) ** 2 / total


def _deciding(made: Assayed, active: NDArray[np.bool_]) -> list[tuple[str, float]]:
    """Rows whose draws go with the effect at the top, the strongest first."""
    from scipy.stats import norm, rankdata

    if active.sum() < 10:
        return []
    values = rankdata(np.abs(made.main.effect[active, -1]))
    found = []
    for key, row in made.rows.items():
        drawn = made.drawn[key][active]
        if row.varies == "uncertain" and np.ptp(drawn) > 0:
            found.append((key, float(np.corrcoef(values, rankdata(drawn))[0, 1])))
    found.sort(key=lambda each: -abs(each[1]))
    # What the largest of as many rows reaches by chance alone, one time in twenty.
    limit = float(norm.isf(0.025 / max(len(found), 1))) / math.sqrt(active.sum())
    return [each for each in found if abs(each[1]) > limit][:DECIDES]


def _meaning_section(made: Assayed, learnt: Learnt | None) -> Section:
    words = [made.assay.tells]
    if made.assay.informs != "none":
        words.append(effect.prior().text)
        if learnt is None:
            words.append(
                "Give a measured curve (--measured) to put its half effect and its largest fall "
                "into a forecast in place of those of assays at large."
            )
    return Section(
        key="meaning", title="What this potency would mean in people", words=tuple(words)
    )


def _learnt_answer(learnt: Learnt) -> tuple[str, ...]:
    first = learnt.measured[0]
    ec50, span = learnt.ec50[first.assay], learnt.span[first.assay]
    if not np.isfinite(ec50).any():
        return ("The measured curve shows no effect.",)
    words = [
        (
            f"The measured curve ({first.file}): the product acts with a chance of "
            f"{percent(learnt.active)}; half effect at {_range(ec50)} "
            "vesicles a cell, largest change "
            f"{_range(100 * (np.exp(span) - 1))} %."
        )
    ]
    if learnt.conflict is not None:
        words.append(_conflict_words(learnt.conflict))
    return tuple(words)


def _conflict_words(conflict: float) -> str:
    if conflict > math.log(10):
        return (
            "The assays contradict each other: one product with one half effect on all cells "
            f"explains them {large(math.exp(min(conflict, 100.0)))} times worse than one for each."
        )
    if conflict > math.log(2):
        return (
            "The assays do not quite agree: one product explains them "
            f"{large(math.exp(conflict))} times worse than one for each, by Laplace's evidence."
        )
    return "The assays agree: one product explains them about as well as one for each would."


def _unsettled(learnt: Learnt) -> bool:
    """Whether a fit of some weight ended before its steps were small."""
    return any(s.weight > LIGHT and not s.fit.converged for s in learnt.structures)


def _starts_words(learnt: Learnt) -> str:
    """Whether the starts of the fits that count ended at one depth."""
    some = [s for s in learnt.structures if s.weight > LIGHT]
    split = [s for s in some if s.fit.apart]
    if not split:
        return "All starts of a fit ended as deep as each other."
    worst = max(split, key=lambda s: s.weight)
    following = min(end for end in worst.fit.ends if end > APART)
    # A cost is twice the logarithm of a density.
    how = (
        f"{large(math.exp(min(following / 2, 100.0)))} times less probable at its top"
        if math.isfinite(following)
        else "where the model cannot be run"
    )
    return (
        f"Starts disagree in {len(split)} of {len(some)} structures that count: there are several "
        "valleys, or a slope that a start did not come down. The deepest stands; in the likeliest "
        f"of them the next is {how}, and what lies there is left out of weights and bands."
    )


def _learnt_section(learnt: Learnt) -> Section:
    heavy = learnt.structures[0]
    main = learnt.sampled == 0
    rows = []
    for i, name in enumerate(learnt.names):
        row = learnt.rows[name]
        scores = learnt.samples[main, i]
        fitted = heavy.fit
        rows.append(
            (
                name,
                row.meaning,
                _ends(value_of(row, np.array([-1.645, 0.0, 1.645]))),
                _ends(
                    value_of(row, fitted.mode[i] + fitted.sd[i] * np.array([-1.645, 0.0, 1.645]))
                ),
                _ends(value_of(row, np.quantile(scores, BAND))),
                "–" if name.partition(".")[0] == DAY else row.grade,
            )
        )
    structures = [
        (
            ", ".join(
                f"{key} {'on' if on else 'off'}"
                for key, on in each.switches.items()
                if key not in each.also
            ),
            percent(each.prior),
            percent(each.weight),
            digits(each.fit.misfit, 3),
        )
        for each in learnt.structures
        if each.prior > 0
    ]
    found, why_not = carried(learnt)
    words = [
        (
            f"{sum(len(m.doses) for m in learnt.measured)} doses, "
            f"{sum(int(m.wells.sum()) for m in learnt.measured)} wells. Each structure was fitted "
            "from the prior's centre, from the best of some draws of the prior and, where miRNA "
            "can move the read-out, from where it would act. The sampler took "
            f"{learnt.steps} steps of {WALKERS} walkers or more from the approximation, accepted "
            f"{percent(learnt.acceptance)} and is worth {learnt.effective:.0f} independent "
            "samples: it shows where the shape near by is another, and is no proof that there is "
            "no other valley."
        ),
        _starts_words(learnt),
        *([UNSETTLED] if _unsettled(learnt) else []),
        *([TOO_FEW] if learnt.effective < FEWEST else []),
        "A forecast takes potency.csv (--potency): "
        + ", ".join(
            f"{r.id} {large(r.value)}" + (f" (log SD {r.spread[0]:.2f})" if r.spread else "")
            for r in found
        )
        + "."
        if found
        else f"Nothing is carried into a forecast: {why_not}",
    ]
    if learnt.conflict is not None:
        words.append(_conflict_words(learnt.conflict))
    return Section(
        key="learnt",
        title="What the measured curve teaches",
        words=tuple(words),
        figures=("posterior",),
        tables=(
            Table(
                caption="Structures before and after",
                columns=("Structure", "before", "after", "squared misfit"),
                rows=tuple(structures),
                wraps=True,
            ),
            Table(
                caption="Numbers before and after, in the likeliest structure",
                columns=(
                    "Row",
                    "what it is",
                    "before",
                    "after, Laplace",
                    "after, sampler",
                    "grade",
                ),
                rows=tuple(rows),
                note="Centre, and 90 %. The day is this laboratory's own; its plate's factor is "
                "taken out.",
                wraps=True,
            ),
        ),
    )


def _range(values: Array) -> str:
    """Median with 5 and 95 %."""
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return "–"
    low, middle, high = np.quantile(values, BAND)
    return f"{_signed(middle)} ({_signed(low)} to {_signed(high)})"


def _ends(found: Array) -> str:
    low, middle, high = np.sort(found)
    return f"{large(middle)} ({large(low)} to {large(high)})"


def _signed(value: float) -> str:
    return f"−{large(-value)}" if value < 0 else large(value)


def _whole(values: Sequence[int]) -> str:
    return str(int(np.median(values))) if values else "–"


def _unit(unit: str) -> str:
    return {"1": "", "percent": "%"}.get(unit, unit)


def _ec50(response: Response) -> Array:
    return np.array([c.ec50 for c in response.curves if c is not None])


# Pictures -----------------------------------------------------------------------------------------


def draw(made: Assayed, learnt: Learnt | None = None) -> dict[str, Figure]:
    """All figures of an assay by name."""
    figures = {
        "curve": _curve(made, WIDE),
        "curve_narrow": _curve(made, NARROW),
        "plate": _plate(made),
        "cargo": _cargo(made),
    }
    if learnt is not None:
        figures |= {
            "learnt": _learnt(learnt, WIDE),
            "learnt_narrow": _learnt(learnt, NARROW),
            "posterior": _posterior(learnt),
        }
    return figures


def _curve(made: Assayed, size: tuple[float, float]) -> Figure:
    main = made.main
    shown = 100 * np.exp(main.effect)
    x = _dose_axis(made.doses)
    name = f"assay-curve-{'narrow' if size[0] < 5 else 'wide'}"
    with canvas(size, name) as (drawing, axes):
        low, high = np.nanquantile(shown, [0.05, 0.95], axis=0)
        axes.fill_between(x, low, high, color=BLUE, alpha=0.12, linewidth=0, label="90 % of worlds")
        for each in shown[:LINES]:
            axes.plot(x, each, color=BLUE, linewidth=0.6, alpha=0.45)
        axes.plot(x, np.nanmedian(shown, axis=0), color=BLUE, linewidth=2.0, label="median")
        for (label, values), style in zip(main.controls.items(), ("--", ":", "-."), strict=False):
            level = float(np.nanmedian(100 * values / main.values[:, 0]))
            axes.axhline(level, color=ORANGE, linestyle=style, linewidth=1.2)
            axes.annotate(
                label.replace("_", " "),
                (x[-1], level),
                ha="right",
                va="bottom",
                color=ORANGE,
                fontsize=9,
            )
        _doses(axes, made.doses, x)
        axes.set_ylabel("percent of wells without vesicles")
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
        svg = finished(drawing, name)
    readout = made.assay.readouts[made.assay.main]
    return Figure(
        svg=svg,
        alt=f"{readout.text} in percent of wells without vesicles over vesicles given per cell, "
        "one line a world, with median, band and control wells; the table gives the numbers.",
        caption=f"{readout.text[0].upper()}{readout.text[1:]} at {readout.time}, in percent of "
        "wells without vesicles. Thin: single worlds. Orange: control wells, median.",
    )


def _dose_axis(doses: Array) -> Array:
    """Logarithms, with no dose one step below the lowest."""
    given = np.log10(doses[doses > 0])
    step = float(given[1] - given[0])
    return np.concatenate([[given[0] - step], given])


def _doses(axes: Any, doses: Array, x: Array) -> None:
    ends = [i for i, d in enumerate(doses) if d == 0 or abs(math.log10(d) % 1) < 1e-6]
    axes.set_xticks([x[i] for i in ends], [large(float(doses[i])) for i in ends])
    axes.set_xlabel("vesicles given per cell")


def _plate(made: Assayed) -> Figure:
    """The plate of the median design as a map: what stands in which well."""
    chosen = _middle(made.main)[0]
    replicates = chosen.replicates if chosen else 3
    doses = [d for d in made.doses.tolist() if d > 0]
    wells = [("control", 0)] * replicates
    for i in range(len(doses)):
        wells += [("reference", i)] * replicates + [("sample", i)] * replicates
    colours = {"control": FAINT, "reference": BLUE, "sample": GREEN}
    name = "assay-plate"
    with canvas((WIDE[0], 4.4), name) as (drawing, axes):
        for place in range(ROWS_OF_PLATE * COLUMNS_OF_PLATE):
            row, column = divmod(place, COLUMNS_OF_PLATE)
            used = place < len(wells)
            kind, step = wells[place] if used else ("", 0)
            axes.scatter(
                column,
                -row,
                s=260,
                color=colours[kind] if used else "white",
                alpha=0.35 + 0.65 * (step + 1) / len(doses) if used else 1.0,
                edgecolors=LINE if not used else colours[kind],
            )
            if used and kind != "control":
                axes.annotate(
                    str(step + 1),
                    (column, -row),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if step > len(doses) / 2 else INK,
                )
        for kind, colour in colours.items():
            axes.scatter([], [], s=90, color=colour, label=kind)
        axes.set_xticks(range(COLUMNS_OF_PLATE), [str(i + 1) for i in range(COLUMNS_OF_PLATE)])
        axes.set_yticks(
            [-i for i in range(ROWS_OF_PLATE)], [chr(65 + i) for i in range(ROWS_OF_PLATE)]
        )
        axes.set_xlim(-0.7, COLUMNS_OF_PLATE - 0.3)
        axes.set_ylim(-ROWS_OF_PLATE + 0.4, 0.7)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="A 96-well plate with control, reference and sample wells by dose step.",
        caption=f"One plate of the median design: {replicates} well"
        f"{'' if replicates == 1 else 's'} a dose for reference and sample, numbered by dose step. "
        "Put them in another order, drawn by lot, on each plate: edges dry out first.",
    )


def _cargo(made: Assayed) -> Figure:
    seen = np.isfinite(made.main.shares[CLASSES[0]])
    name = "assay-cargo"
    with canvas((WIDE[0], 2.4), name) as (drawing, axes):
        left = 0.0
        for each in CLASSES:
            share = float(np.mean(made.main.shares[each][seen])) if seen.any() else 0.0
            axes.barh(
                0, 100 * max(share, 0.0), left=left, color=CARGO_COLOURS[each], label=CARGO[each]
            )
            left += 100 * max(share, 0.0)
        axes.set_xlim(0, 100)
        axes.set_yticks([])
        axes.set_xlabel("percent of the effect at the highest dose, mean of worlds with one")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="Share of the effect by class of cargo; the table gives the numbers.",
        caption="Share of the effect by class of cargo.",
    )


def _learnt(learnt: Learnt, size: tuple[float, float]) -> Figure:
    first = learnt.measured[0]
    doses = np.array(learnt.assays[first.assay].per_cell, dtype=np.float64)
    x = _dose_axis(doses)
    before, after = (100 * np.exp(each) for each in learnt.predicted[first.assay])
    at = np.where(first.doses == 0, x[0], np.log10(np.maximum(first.doses, 1e-9)))
    relative = first.logs - first.logs[first.doses == 0][0]
    name = f"assay-learnt-{'narrow' if size[0] < 5 else 'wide'}"
    with canvas(size, name) as (drawing, axes):
        axes.fill_between(x, before[0], before[2], color=LINE, linewidth=0, label="before, 90 %")
        axes.fill_between(x, after[0], after[2], color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(x, after[1], color=BLUE, linewidth=2.0, label="after, median and 90 %")
        axes.errorbar(
            at,
            100 * np.exp(relative),
            yerr=100 * np.exp(relative) * 1.645 * first.sd,
            fmt="o",
            color=ORANGE,
            markersize=4,
            label="measured, 90 %",
        )
        _doses(axes, doses, x)
        axes.set_ylabel("percent of wells without vesicles")
        axes.set_ylim(bottom=0)
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1 if size[0] < 5 else 3, fontsize=8.5
        )
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="Measured points over vesicles per cell with the band before and after.",
        caption=f"{first.file}: measured points, what was expected before, and what is after. The "
        "plate's own factor and the day's shift are taken out of the bands.",
    )


def _posterior(learnt: Learnt) -> Figure:
    """Prior and posterior of each number, in scores of its prior."""
    heavy = learnt.structures[0].fit
    main = learnt.sampled == 0
    own = [i for i, n in enumerate(learnt.names) if n.partition(".")[0] != DAY]
    name = "assay-posterior"
    with canvas((WIDE[0], 1.9 + 0.36 * len(own)), name) as (drawing, axes):
        for row, i in enumerate(own):
            axes.plot([-1.645, 1.645], [row, row], color=LINE, linewidth=7, solid_capstyle="butt")
            ends = heavy.mode[i] + 1.645 * heavy.sd[i] * np.array([-1, 1])
            axes.plot(ends, [row + 0.12] * 2, color=ORANGE, linewidth=2.2)
            low, middle, high = np.quantile(learnt.samples[main, i], BAND)
            axes.plot([low, high], [row - 0.12] * 2, color=BLUE, linewidth=2.2)
            axes.plot([middle], [row - 0.12], "o", color=BLUE, markersize=4)
        axes.set_yticks(range(len(own)), [learnt.names[i] for i in own], fontsize=8.5)
        axes.invert_yaxis()
        axes.set_xlabel("standard scores of the prior")
        for label, colour, width in (
            ("before", LINE, 7.0),
            ("after, Laplace", ORANGE, 2.2),
            ("after, sampler", BLUE, 2.2),
        ):
            axes.plot([], [], color=colour, linewidth=width, label=label)
        axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, fontsize=8.5)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="Prior and posterior of each number with its 90 % interval; the table gives them.",
        caption="90 % intervals before and after, in the likeliest structure. Where Laplace and "
        "the sampler part, the posterior is no bell.",
    )


# Records ------------------------------------------------------------------------------------------


def record(made: Assayed, learnt: Learnt | None = None) -> dict[str, Any]:
    """The content of ``exocast assay --json``."""
    copies = made.threshold
    return {
        "assay": made.assay.name,
        "batch": made.batch.name,
        "worlds": made.worlds,
        "failed": int(made.failed.sum()),
        "seed": made.seed,
        "prior": made.prior,
        "doses_per_cell": made.doses.tolist(),
        "readouts": [_response_record(made, each) for each in made.responses.values()],
        "mirna": None
        if copies is None
        else {
            "copies": _three(copies[0][:, -1]),
            "needed": float(np.median(copies[1])),
            "reached": float(np.nanmean(copies[0][:, -1] > copies[1])),
        },
        "meaning": made.assay.tells,
        "informs": made.assay.informs,
        "measured": None if learnt is None else _learnt_record(learnt),
    }


def _response_record(made: Assayed, response: Response) -> dict[str, Any]:
    middle, told, in_all = _middle(response)
    seen = np.isfinite(response.shares[CLASSES[0]])
    return {
        "name": response.name,
        "text": made.assay.readouts[response.name].text,
        "unit": response.unit,
        "main": response.name == made.assay.main,
        "untreated": _three(response.values[:, 0]),
        "percent_of_untreated": [_three(column) for column in (100 * np.exp(response.effect)).T],
        "worlds_with_effect": float(response.active.mean()),
        "ec50_per_cell": _three(_ec50(response)),
        "controls": {name: _three(values) for name, values in response.controls.items()},
        "shares": {
            each: float(np.mean(response.shares[each][seen])) if seen.any() else None
            for each in CLASSES
        },
        "design": None
        if middle is None
        else {
            "wells": middle.wells,
            "runs": middle.runs,
            "replicates": middle.replicates,
            "worlds_told": told / in_all,
        },
    }


def _learnt_record(learnt: Learnt) -> dict[str, Any]:
    rows, why_not = carried(learnt)
    return {
        "files": [m.file for m in learnt.measured],
        "acts": learnt.active,
        "ec50_per_cell": {name: _three(v) for name, v in learnt.ec50.items()},
        "largest_change_percent": {
            name: _three(100 * (np.exp(v) - 1)) for name, v in learnt.span.items()
        },
        "conflict_log": learnt.conflict,
        "structures": [
            {
                "switches": dict(s.switches),
                "prior": s.prior,
                "weight": s.weight,
                "starts": len(s.fit.ends),
                "starts_apart": s.fit.apart,
            }
            for s in learnt.structures
        ],
        "sampler": {
            "steps": learnt.steps,
            "independent_samples": learnt.effective,
            "too_few": learnt.effective < FEWEST,
        },
        "carried": [
            {
                "id": r.id,
                "value": r.value,
                "log_sd": r.spread[0] if r.spread else 0.0,
                "grade": r.grade,
            }
            for r in rows
        ],
        "not_carried": why_not,
    }


def _three(values: Array) -> dict[str, float | None]:
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return {"median": None, "low": None, "high": None}
    low, middle, high = (float(v) for v in np.quantile(values, BAND))
    return {"median": middle, "low": low, "high": high}
