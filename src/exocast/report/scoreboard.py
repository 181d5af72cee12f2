"""The scoreboard in words, pictures and tables: what was predicted, what was measured."""

from __future__ import annotations

import csv
import difflib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exocast.engine.site import PACKAGE
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
    sheet,
)
from exocast.report.html import render
from exocast.report.numbers import SUPERSCRIPTS, large, percent
from exocast.report.story import Section, Story, Table
from exocast.study.experiment import fitted_rows
from exocast.study.validate import (
    AIM_COVERED,
    AIM_TWOFOLD,
    GOOD,
    TWOFOLD,
    Course,
    Scoreboard,
    Scored,
    Total,
)

RED = "#b3261e"
SILENT = "#c9c3b4"
USES = {
    "calibration": ("for calibration", "s", FAINT),
    "prediction": ("for prediction", "o", BLUE),
    "shown": ("shown only", "^", LINE),
}
PARTS = {"body": "– in animals and people", "dish": "– in vessels and dishes"}
PROFILES = PACKAGE / "body" / "profiles.csv"
MOST_PANELS = 12
LONGEST_TICK = 7


def tell(board: Scoreboard, *, before: Sequence[Scored] = ()) -> Story:
    """The story of a scoreboard.

    Parameters
    ----------
    board
        What was scored.
    before
        Rows of the package's own model, where ``board`` is of a library of one's own: what moved
        is told apart.
    """
    totals = {each.used_for: each for each in board.totals()}
    moved = _moved(board.rows, before)
    sections = [
        _totals_section(board),
        _missed(board),
        *([_moved_section(moved, board.libraries)] if before else []),
        *(_rows_section(board, use) for use in USES if totals[use].rows),
        *([_informed_section()] if _is_package(board) else []),
        _how(board),
    ]
    return Story(
        title="Scoreboard: what was predicted, what was measured",
        subtitle=f"{len(board.triplets)} data sets, {len(board.rows)} numbers, "
        f"{board.worlds} worlds, seed {board.seed}",
        answer=_answer(totals, board.parts("prediction")),
        labels=(),
        sections=tuple(sections),
        hero="scatter",
    )


def page(board: Scoreboard, *, before: Sequence[Scored] = ()) -> str:
    """The scoreboard as HTML text."""
    manifest = {
        "scenario": {"data sets": [t.name for t in board.triplets], "worlds": board.worlds},
        "seed": board.seed,
        "versions": {"exocast": _version()},
    }
    return render(tell(board, before=before), draw(board), manifest)


def record(board: Scoreboard, *, before: Sequence[Scored] = ()) -> dict[str, Any]:
    """The content of ``exocast validate --json``."""
    from exocast.study.validate import COLUMNS

    return {
        "worlds": board.worlds,
        "seed": board.seed,
        "rows": [{name: _plain(getattr(row, name)) for name in COLUMNS} for row in board.rows],
        "totals": [_total_record(each) for each in board.totals()],
        "parts": [_total_record(part) for use in USES for part in board.parts(use)],
        "moved": [
            {
                "dataset": row.dataset,
                "condition": row.condition,
                "x": _plain(row.x),
                "predicted_before": _plain(old.predicted),
                "predicted": _plain(row.predicted),
                "fold_error_before": _plain(old.fold_error),
                "fold_error": _plain(row.fold_error),
            }
            for row, old in _moved(board.rows, before)
        ],
    }


def draw(board: Scoreboard) -> dict[str, Figure]:
    """All figures of a scoreboard by name."""
    made = {
        "scatter": _scatter(board.rows, (WIDE[0], 5.0)),
        "scatter_narrow": _scatter(board.rows, (NARROW[0], 4.6)),
        "courses": _course_panels(board),
        "profiles": _profiles() if _is_package(board) else None,
    }
    return {name: figure for name, figure in made.items() if figure is not None}


def markdown(board: Scoreboard, image: str, profiles: str = "") -> str:
    """The scoreboard as a page of the documentation, with the addresses of its pictures."""
    story = tell(board)
    parts = [
        "# Scoreboard",
        (
            "**How close does the model of the body, of delivery and of cells come to what was "
            f"measured, and what does it miss?** {' '.join(story.answer)}"
        ),
        f"![Predicted against observed: a point a number, its bar the predicted band]({image})",
    ]
    for section in story.sections:
        parts.append(f"## {section.title}")
        parts += list(section.words)
        if profiles and "profiles" in section.figures:
            parts.append(f"![A panel a fitted number: profile, prior and 95 %]({profiles})")
        for table in section.tables:
            parts.append(f"**{table.caption}**")
            head = "| " + " | ".join(table.columns) + " |"
            rule = "|---" + "".join(
                "|---:" if table.numeric(i) else "|---" for i in range(1, len(table.columns))
            )
            rows = [
                "| " + " | ".join(cell.replace("|", "/") for cell in r) + " |" for r in table.rows
            ]
            parts.append("\n".join([head, rule + "|", *rows]))
            if table.note:
                parts.append(table.note)
    parts.append(
        "To repeat: `exocast validate --out DIR`, or `python scripts/scoreboard.py --write` for "
        "this page. Your own data: [how to](howto-validate.md). The split into calibration and "
        "prediction: [decision 11](decisions/0011-body-data.md)."
    )
    return "\n\n".join(parts) + "\n"


def write(board: Scoreboard, out: Path, *, before: Sequence[Scored] = ()) -> Path:
    """Write ``scoreboard.csv``, ``scoreboard.json`` and ``report.html``; gives the page's path."""
    from exocast.study.validate import write_csv

    out.mkdir(parents=True, exist_ok=True)
    write_csv(board, out / "scoreboard.csv")
    (out / "scoreboard.json").write_text(
        json.dumps(record(board, before=before), indent=1, ensure_ascii=False), encoding="utf-8"
    )
    target = out / "report.html"
    target.write_text(page(board, before=before), encoding="utf-8")
    return target


def sentence(row: Scored) -> str:
    """What happened to one number, in words."""
    x = "" if row.x_unit in ("", "parameter") or not math.isfinite(row.x) else _at(row)
    unit = "" if row.unit == "1" else " %" if row.unit == "percent" else f" {row.unit}"
    told = (
        f"{row.dataset}, {row.condition}{x}: predicted {large(row.predicted)}{unit} "
        f"({large(row.low)} to {large(row.high)}), observed {large(row.observed)}{unit}; "
    )
    if not row.useful:
        return told + row.verdict.removeprefix("no prediction: ") + "."
    if not math.isfinite(row.fold_error):
        return told + "no fold error can be given."
    way = "too high" if row.predicted > row.observed else "too low"
    return told + f"{large(row.fold_error)} times {way}, {row.verdict}."


def _at(row: Scored) -> str:
    return f" at {row.x:g} {row.x_unit}"


def _answer(totals: Mapping[str, Total], parts: Sequence[Total]) -> tuple[str, ...]:
    test = totals["prediction"]
    if not test.rows:
        return ("No number is kept for prediction here: nothing of this tests the model.",)
    told = [
        f"{_of(test)} that no part of the model was built from: {_came_out(test)}.",
        (
            f"A band wider than tenfold that holds its number counts as no prediction, and "
            f"{_no_band(test)}; what is left is {percent(test.useful_twofold / test.rows)} "
            f"({_interval(test.twofold_interval)}) within twofold and "
            f"{percent(test.useful_covered / test.rows)} ({_interval(test.covered_interval)}) "
            f"covered. The aims are {percent(AIM_TWOFOLD)}, and {percent(AIM_COVERED[0])} to "
            f"{percent(AIM_COVERED[1])}: " + _aimed(test)
        ),
    ]
    if all(part.rows for part in parts):
        body, dish = (
            f"{part.within_twofold} of {part.rows} within twofold, {part.covered} inside, "
            f"{part.no_prediction} without a prediction"
            for part in parts
        )
        told.append(f"In animals and people {body}; in vessels and dishes {dish}.")
    fit = totals["calibration"]
    if fit.rows:
        told.append(
            f"{_of(fit)} that built it: {_came_out(fit)}, and {_no_band(fit)}. That is no test."
        )
    return tuple(told)


def _aimed(test: Total) -> str:
    if test.few:
        return "too few numbers to judge by them."
    return "both are met." if test.aims else "not met."


def _of(total: Total) -> str:
    return f"Of {total.rows} {'number' if total.rows == 1 else 'numbers'}"


def _came_out(total: Total) -> str:
    return (
        f"{total.within_twofold} predicted within twofold, {total.covered} inside "
        f"{'its' if total.rows == 1 else 'their'} 90{chr(160)}% band"
    )


def _no_band(total: Total) -> str:
    count = total.no_prediction
    return f"{count} of them {'has' if count == 1 else 'have'} such a band or no reading"


def _interval(ends: tuple[float, float]) -> str:
    return f"95{chr(160)}% interval {percent(ends[0])} to {percent(ends[1])}"


def _totals_section(board: Scoreboard) -> Section:
    rows = []
    counted = [part for whole in board.totals() for part in (whole, *board.parts(whole.used_for))]
    for each in counted:
        if not each.rows:
            continue
        rows.append(
            (
                PARTS.get(each.measured_in, USES[each.used_for][0]),
                str(each.rows),
                str(each.datasets),
                f"{each.within_twofold} ({percent(each.within_twofold / each.rows)})",
                f"{each.covered} ({percent(each.covered / each.rows)})",
                "–" if each.used_for == "shown" else str(each.no_prediction),
                "–" if each.used_for == "shown" else str(each.useful_twofold),
                "–" if each.used_for == "shown" else str(each.useful_covered),
                large(each.median_fold_error),
                large(each.mean_interval_score),
            )
        )
    words = ["What is shown only (surrogates, second-hand and unverified numbers) tests nothing."]
    if board.failed_runs:
        words.append(f"{board.failed_runs} of {board.runs} runs failed; their worlds are left out.")
    unread = [row for row in board.rows if row.unread_worlds]
    if unread:
        words.append(
            f"{len(unread)} {'number is' if len(unread) == 1 else 'numbers are'} not read in every "
            "world (a half-life of what rises, a phase that samples cannot show); those worlds are "
            "left out: "
            + "; ".join(
                f"{row.dataset}, {row.condition}: {row.unread_worlds} of {board.worlds}"
                for row in unread
            )
            + "."
        )
    table = Table(
        caption="Totals",
        columns=(
            "Numbers",
            "rows",
            "data sets",
            "within twofold",
            "inside the band",
            "no prediction",
            "predicted, within twofold",
            "predicted, inside",
            "median fold error",
            "mean interval score",
        ),
        rows=tuple(rows),
        note="Predicted: not just held by a band wider than tenfold. Numbers of one study are not "
        "independent, so the intervals of the shares are too narrow. Interval score: width of the "
        "band in logarithms, and 20 times what lies outside it; smaller is better.",
    )
    return Section(key="totals", title="Totals", words=tuple(words), tables=(table,))


def _missed(board: Scoreboard) -> Section:
    scored = [r for r in board.rows if r.used_for != "shown"]
    missed = [r for r in scored if r.useful and r.verdict != GOOD]
    silent = [r for r in scored if not r.useful]
    words = [f"Misses: {_many(missed)}.", *_sentences(missed)]
    words += [f"No prediction: {_many(silent)}.", *_sentences(silent)]
    return Section(key="missed", title="Every miss", words=tuple(words))


def _many(rows: Sequence[Scored]) -> str:
    tests = sum(r.used_for == "prediction" for r in rows)
    return f"{tests} of what tests the model, {len(rows) - tests} of what built it"


def _sentences(rows: Sequence[Scored]) -> list[str]:
    ranked = sorted(rows, key=lambda r: (r.used_for != "prediction", -_or_zero(r.fold_error)))
    return [
        ("Prediction. " if r.used_for == "prediction" else "Calibration. ") + sentence(r)
        for r in ranked
    ]


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _rows_section(board: Scoreboard, use: str) -> Section:
    rows = [row for row in board.rows if row.used_for == use]
    table = Table(
        caption=f"Numbers {USES[use][0]}",
        columns=(
            "Data set",
            "condition",
            "at",
            "observed",
            "predicted",
            "band",
            "unit",
            "fold error",
            "grade",
            "verdict",
        ),
        rows=tuple(
            (
                row.dataset,
                row.condition,
                "" if row.x_unit in ("", "parameter") else f"{row.x:g} {row.x_unit}",
                large(row.observed),
                large(row.predicted),
                f"{large(row.low)} to {large(row.high)}",
                "" if row.unit == "1" else row.unit,
                large(row.fold_error),
                row.grade,
                row.verdict,
            )
            for row in rows
        ),
    )
    titles = {
        "calibration": "What the model was built from",
        "prediction": "What tests it",
        "shown": "What is shown only",
    }
    figures = ("courses",) if use == "shown" and board.courses else ()
    return Section(key=use, title=titles[use], words=(), figures=figures, tables=(table,))


def _moved(rows: Sequence[Scored], before: Sequence[Scored]) -> list[tuple[Scored, Scored]]:
    """Rows whose prediction is not the one before, with the earlier row."""
    old = {(r.dataset, r.condition, r.x): r for r in before}
    found = []
    for row in rows:
        other = old.get((row.dataset, row.condition, row.x))
        if other is not None and not math.isclose(
            row.predicted, other.predicted, rel_tol=1e-9, abs_tol=0
        ):
            found.append((row, other))
    return found


def _moved_section(
    moved: Sequence[tuple[Scored, Scored]], libraries: Sequence[str | Path]
) -> Section:
    words = (
        f"{len(moved)} predictions differ from those of the package's own model."
        if moved
        else "No prediction differs from those of the package's own model.",
        *_own_files(libraries),
    )
    table = Table(
        caption="What moved",
        columns=(
            "Data set",
            "condition",
            "observed",
            "predicted before",
            "predicted now",
            "fold error before",
            "fold error now",
        ),
        rows=tuple(
            (
                new.dataset,
                new.condition,
                large(new.observed),
                large(old.predicted),
                large(new.predicted),
                large(old.fold_error),
                large(new.fold_error),
            )
            for new, old in moved
        ),
    )
    return Section(
        key="moved", title="What your library moves", words=words, tables=(table,) if moved else ()
    )


def _own_files(libraries: Sequence[str | Path]) -> list[str]:
    """Files of the libraries that take the place of the package's, and those that do not."""
    taken, beside = [], []
    for library in libraries:
        for path in sorted(Path(library).expanduser().rglob("*")):
            if path.suffix not in (".ant", ".csv", ".yaml"):
                continue
            name = path.relative_to(Path(library).expanduser())
            if (PACKAGE / name).is_file():
                taken.append(str(name))
                continue
            others = [f"{name.parent}/{p.name}" for p in (PACKAGE / name.parent).glob("*.*")]
            close = difflib.get_close_matches(str(name), others, n=1, cutoff=0.8)
            beside.append(f"{name} (near {close[0]})" if close else str(name))
    words = [f"In the place of the package's own: {', '.join(taken)}."] if taken else []
    if beside:
        words.append(f"In the place of no file of the package: {'; '.join(beside)}.")
    return words


def _informed_section() -> Section:
    by: dict[str, set[str]] = {}
    for moved in fitted_rows().values():
        for dataset, names in moved.items():
            for name in names:
                by.setdefault(name, set()).add(dataset)
    profiled = _profile_lines()
    left = ((lines[0]["log_sd"] / lines[0]["prior_log_sd"]) ** 2 for lines in profiled.values())
    free = sum(1 - share for share in left)
    rows = [
        (
            name,
            large(lines[0]["prior"]),
            large(lines[0]["mode"]),
            large(lines[0]["prior_log_sd"]),
            large(lines[0]["log_sd"]),
            ", ".join(sorted(by.get(name, ()))),
        )
        for name, lines in profiled.items()
    ]
    table = Table(
        caption="Fitted numbers that the data inform: prior and posterior",
        columns=("Number", "prior", "posterior", "prior log SD", "posterior log SD", "moved by"),
        rows=tuple(rows),
        note="Priors: body/priors.csv. A number that the data hardly inform keeps its prior.",
    )
    return Section(
        key="fitted",
        title="What the data say of the numbers",
        words=(
            (
                "Every uncertain number that the calibration sets respond to is fitted to them "
                "under its prior, all together; those that the data inform most stand here, with "
                "the data sets that they move. A profile that stays low says that the data do not "
                f"know that number. These {len(rows)} share what the data say: together they are "
                f"worth {large(free)} free ones (one for each variance that the data took away)."
            ),
        ),
        figures=("profiles",),
        tables=(table,),
    )


def _profile_lines() -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {}
    with PROFILES.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            name = line.pop("number")
            found.setdefault(name, []).append({k: float(v) for k, v in line.items()})
    return found


def _is_package(board: Scoreboard) -> bool:
    from exocast.study.triplets import FOLDER

    return not board.libraries and all(t.folder == FOLDER for t in board.triplets)


def _how(board: Scoreboard) -> Section:
    words = (
        (
            "Each number is simulated as its experiment was run, in every world of what is not "
            "known; the band holds 90 % of what a laboratory would read, its printed error and the "
            "difference between laboratories and preparations included (study/validate.csv)."
        ),
        (
            "The fold error is observed over predicted or its inverse. Percentages have their "
            "band on the scale of odds."
        ),
        (
            "Data that built a number never test it: a study that is the source of a row, or that "
            "a row was fitted to, is refused for prediction."
        ),
    )
    return Section(key="how", title="How it is scored", words=words)


def _scatter(rows: Sequence[Scored], size: tuple[float, float]) -> Figure | None:
    usable = [
        r
        for r in rows
        if r.observed > 0 and math.isfinite(r.predicted) and r.predicted > 0 and r.low > 0
    ]
    if not usable:
        return None
    narrow = size[0] < 5
    name = f"scatter-{'narrow' if narrow else 'wide'}"
    with canvas(size, name) as (drawing, axes):
        values = [v for r in usable for v in (r.observed, r.predicted)]
        low, high = min(values) / 3, max(values) * 3
        line = np.array([low, high])
        axes.fill_between(line, line / TWOFOLD, line * TWOFOLD, color=LINE, alpha=0.6, linewidth=0)
        axes.plot(line, line, color=FAINT, linewidth=0.8)
        for use in ("shown", "calibration", "prediction"):
            label, marker, colour = USES[use]
            for kind, shade in (("", colour), (", missed", RED), (", band too wide", SILENT)):
                some = [r for r in usable if r.used_for == use and _outcome(r) == kind]
                if not some:
                    continue
                x = np.array([r.observed for r in some])
                y = np.array([r.predicted for r in some])
                if use != "shown":
                    ends = np.array([[r.low, r.high] for r in some]).T
                    axes.vlines(
                        x,
                        np.maximum(ends[0], low),
                        np.minimum(ends[1], high),
                        color=shade,
                        linewidth=1.1,
                        alpha=0.55,
                    )
                axes.scatter(
                    x,
                    y,
                    marker=marker,
                    s=12 if use == "shown" else 30,
                    color=shade if use != "calibration" else "white",
                    edgecolors=shade if use != "shown" else FAINT,
                    linewidths=0.5 if use == "shown" else 1.2,
                    label=label + kind,
                    zorder=2 if use == "shown" else 3,
                )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        _powers(axes, (low, high), (low, high))
        axes.set_xlabel("observed, in the unit of each number")
        axes.set_ylabel("predicted")
        axes.legend(loc="upper left", fontsize=8.5)
        svg = finished(drawing, name)
    return Figure(
        svg=svg,
        alt="Predicted against observed on logarithmic axes with twofold lines; circles test the "
        "model, squares built it, triangles are shown only, misses are red, bands wider than "
        "tenfold pale; tables give the numbers.",
        caption="Every number: circles test the model, squares built it, small triangles are "
        "shown only; red is a miss, pale a band wider than tenfold. Grey: within twofold. "
        "Bars: the predicted band.",
    )


def _powers(axes: Any, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Ticks as plain text: browsers show no mathematical markup in a picture."""
    for axis, (low, high) in ((axes.xaxis, x), (axes.yaxis, y)):
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        powers = range(first, last + 1, max(1, (last - first) // 6))
        texts = [f"10{str(power).translate(SUPERSCRIPTS)}" for power in powers]
        axis.set_ticks([10.0**power for power in powers], texts)
        axis.set_ticks([], minor=True)


def _outcome(row: Scored) -> str:
    if row.used_for == "shown" or row.verdict == GOOD:
        return ""
    return ", missed" if row.useful else ", band too wide"


def _course_panels(board: Scoreboard) -> Figure | None:
    courses = board.courses[:MOST_PANELS]
    if not courses:
        return None
    lines = math.ceil(len(courses) / 3)
    with sheet((WIDE[0], 0.5 + 1.9 * lines), "courses") as drawing:
        for number, course in enumerate(courses, start=1):
            axes = drawing.add_subplot(lines, 3, number)
            _course(axes, course, board.rows)
        svg = finished(drawing, "courses")
    return Figure(
        svg=svg,
        alt="Time courses: predicted median and band, observed points.",
        caption="Courses over time: line and band are the worlds' median and 5 to 95 %, without "
        "the error of measuring; points are observed.",
    )


def _course(axes: Any, course: Course, rows: Sequence[Scored]) -> None:
    from exocast.units import convert

    hours = course.times_days * 24
    axes.fill_between(hours, course.low, course.high, color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(hours, course.median, color=BLUE, linewidth=1.6)
    mine = [r for r in rows if r.dataset == course.dataset and r.condition == course.condition]
    x = [convert(r.x, r.x_unit, "hour") for r in mine]
    axes.plot(x, [r.observed for r in mine], "o", color=INK, markersize=3.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(x) / 2, max(x) * 1.2)
    top = max([*course.high, *(r.observed for r in mine)])
    axes.set_ylim(top / 1e4, top * 2)
    _powers(axes, axes.get_xlim(), axes.get_ylim())
    axes.set_title(f"{course.dataset}\n{course.condition}", fontsize=7.5, color=INK)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("hours", fontsize=7)


def _profiles() -> Figure | None:
    found = _profile_lines()
    lines = math.ceil(len(found) / 4)
    with sheet((WIDE[0], 0.5 + 1.6 * lines), "profiles") as drawing:
        for number, (name, points) in enumerate(found.items(), start=1):
            axes = drawing.add_subplot(lines, 4, number)
            values = np.array([p["value"] for p in points])
            axes.plot(values, [p["rise"] for p in points], color=BLUE, linewidth=1.6)
            first = points[0]
            spread = np.exp(np.linspace(-2, 2, 60) * first["prior_log_sd"])
            scores = np.linspace(-2, 2, 60)
            axes.plot(
                first["prior"] * spread, scores**2, color=ORANGE, linewidth=1.0, linestyle="--"
            )
            axes.axhline(3.84, color=GREEN, linewidth=0.8, linestyle=":")
            axes.set_xscale("log")
            axes.set_ylim(0, 6)
            few = [values[0], first["mode"], values[-1]]
            if any(len(large(v)) > LONGEST_TICK for v in few):  # powers of ten need the room
                few = [first["mode"]]
            axes.set_xticks(few, [large(v) for v in few])
            axes.set_title(name, fontsize=7.5, color=INK)
            axes.tick_params(labelsize=6.5)
            axes.set_xticks([], minor=True)
        svg = finished(drawing, "profiles")
    return Figure(
        svg=svg,
        alt="A panel a fitted number: how fast the fit gets worse as the number moves, beside its "
        "prior alone.",
        caption="Profiles (blue: prior and data; dashed: prior alone; dotted: 95 %). Where blue "
        "lies on the dashes, the data say nothing.",
    )


def _total_record(each: Total) -> dict[str, Any]:
    return {
        "used_for": each.used_for,
        "measured_in": each.measured_in,
        "rows": each.rows,
        "datasets": each.datasets,
        "within_twofold": each.within_twofold,
        "covered": each.covered,
        "no_prediction": each.no_prediction,
        "useful_twofold": each.useful_twofold,
        "useful_covered": each.useful_covered,
        "median_fold_error": _plain(each.median_fold_error),
        "mean_interval_score": _plain(each.mean_interval_score),
        "twofold_interval": [_plain(v) for v in each.twofold_interval],
        "covered_interval": [_plain(v) for v in each.covered_interval],
        "aims_met": each.aims,
    }


def _plain(value: Any) -> Any:
    """A number that JSON can hold: None where it is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _version() -> str:
    from exocast import __version__

    return __version__
