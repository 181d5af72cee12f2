"""What a vial's files hold, for a terminal and as a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exocast.errors import InvalidInput, NotFound
from exocast.report.figures import BLUE, FAINT, Figure, canvas, finished
from exocast.report.numbers import NBSP, decimal, large, percent
from exocast.report.story import Table
from exocast.report.text import grid
from exocast.vial import read_file

SHOWN = 12
STATES = {
    "applied": "already multiplied into the concentrations",
    "not_applied": "not yet in the file's concentrations; applied here",
    "unknown": "unknown; give it with --dilution",
}


def text(found: Mapping[str, Any]) -> str:
    """The result of an inspection as text: plain words, then the captures."""
    lines: list[str] = []
    for file in found["files"]:
        lines += _file_lines(file)
        lines.append("")
    for each in found["refused"]:
        # What could have been read instead is news once, for a file that was asked for by name.
        why = each["message"] if each["named"] else each["message"].partition(". ")[0]
        lines += [f"not read: {each['file']}", *_wrap(f"{each['code']}: {why}"), ""]
    return "\n".join(lines).replace(NBSP, " ").rstrip() + "\n"


def _wrap(text_: str) -> list[str]:
    return textwrap.wrap(text_.splitlines()[0], 98, initial_indent="  ", subsequent_indent="  ")


def _file_lines(file: Mapping[str, Any]) -> list[str]:
    lines = [str(file["file"]), ", ".join(str(x) for x in (file["kind"], file["software"]) if x)]
    if file["captures"]:
        lines += _particle_lines(file)
    if file["measurements"]:
        lines += grid(_measurement_table(file["measurements"]))
    for table in file["tables"]:
        lines += _table_lines(table)
    return lines


def _measurement_table(found: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        caption="Measurements",
        columns=("Sample", "attribute", "mean", "SD", "unit", "used"),
        rows=tuple(
            (
                str(m["sample"]),
                str(m["attribute"]),
                "–" if m["mean"] is None else f"{m['mean']:.4g}",
                "–" if m["sd"] is None else f"{m['sd']:.2g}",
                str(m["unit"]),
                f"{m['n_valid']} of {m['n_total']}",
            )
            for m in found
        ),
    )


def _table_lines(table: Mapping[str, Any]) -> list[str]:
    counts = [f"{table['rows']:,} {'events' if table['table'] == 'events' else 'rows'}"]
    counts += [f"{table[k]:,} {k}" for k in ("excluded", "censored") if table[k]]
    if table["standards"]:
        counts.append(f"{table['standards']} standards")
    lines = [f"{str(table['table']).capitalize()}: {', '.join(counts)}."]
    for name, what in (("units", "Units"), ("targets", "Targets"), ("samples", "Samples")):
        if table[name]:
            shown = ", ".join(str(x) for x in table[name][:SHOWN])
            more = len(table[name]) - SHOWN
            lines.append(f"{what}: {shown}{f' and {more} more' if more > 0 else ''}.")
    return lines


def _particle_lines(file: Mapping[str, Any]) -> list[str]:
    dilution = file["dilution"]
    factor = "–" if dilution["value"] is None else f"{dilution['value']:g}"
    said_by = {"file": "by the file", "user": "by you", "none": "nowhere"}
    lines = [
        (
            f"Dilution: {factor} ({STATES.get(dilution['state'], dilution['state'])}; stated "
            f"{said_by.get(str(dilution['origin']), str(dilution['origin']))})."
        ),
    ]
    concentration = file["concentration_per_ml"]
    if concentration is None:
        lines.append("Concentration: not known; the warnings say why.")
    else:
        lines.append(
            f"Concentration: {large(concentration['value'])} particles/mL "
            f"(95 % {large(concentration['low'])} to {large(concentration['high'])}; "
            f"{concentration['n_valid']} of {concentration['n_total']} captures)."
        )
    size = file["size_nm"]
    if size is not None:
        lines.append(
            f"Size of detected particles: median {decimal(size['d50'], 0)} nm "
            f"(D10 {decimal(size['d10'], 0)}, D90 {decimal(size['d90'], 0)}, "
            f"mean {decimal(size['mean'], 0)}, mode {decimal(size['mode'], 0)})."
        )
    if file.get("share_30_150") is not None:
        lines.append(
            f"Between 30 and 150 nm: {percent(file['share_30_150'])} of detected particles; "
            f"below the detection floor, extrapolated and never dosed: "
            f"{percent(file['below_floor'])}."
        )
    table = Table(
        caption="Captures",
        columns=("Capture", "particles/mL", "tracks", "verdict", "used"),
        rows=tuple(
            (
                str(c["name"]),
                "–" if c["concentration_per_ml"] is None else large(c["concentration_per_ml"]),
                "–" if c["tracks"] is None else f"{c['tracks']:.0f}",
                str(c["verdict"]),
                f"no: {c['reason']}" if c["excluded"] else "yes",
            )
            for c in file["captures"]
        ),
    )
    return [*lines, *grid(table)]


def plot_sizes(
    paths: Sequence[Path], target: Path, reader: str | None = None, mapping: Path | None = None
) -> None:
    """Write the size distributions of files to an SVG file, captures thin and their mean thick.

    ``reader`` and ``mapping`` are those of :func:`exocast.vial.read_file`.

    Raises
    ------
    InvalidInput
        When the target is no ``.svg``, or no file holds a size distribution.
    """
    if target.suffix.lower() != ".svg":
        raise InvalidInput("the figure is written as SVG; end its name in .svg.", where=str(target))
    if not target.absolute().parent.is_dir():
        raise NotFound("There is no such folder to write into.", where=str(target.parent))
    readings = [read_file(p, reader, mapping) for p in paths]
    exports = [r.particles for r in readings if r.particles and r.particles.bins is not None]
    if not exports:
        raise InvalidInput("none of these files holds a size distribution.", where=str(paths[0]))
    with canvas((7.4, 0.6 + 2.4 * len(exports)), "sizes") as (drawing, first):
        first.remove()
        for row, export in enumerate(exports, start=1):
            axes = drawing.add_subplot(len(exports), 1, row)
            assert export.bins is not None
            share = export.bins.per_ml / export.bins.per_ml.sum(axis=0).clip(min=1e-300)
            used = [i for i, c in enumerate(export.captures[: share.shape[1]]) if not c.excluded]
            for column in range(share.shape[1]):
                dash = "-" if column in used else ":"
                axes.plot(
                    export.bins.centres_nm,
                    100 * share[:, column],
                    dash,
                    color=FAINT,
                    linewidth=0.8,
                    alpha=0.7,
                )
            if used:
                axes.plot(export.bins.centres_nm, 100 * share[:, used].mean(axis=1), color=BLUE)
            axes.set_xlim(0, 500)
            axes.set_ylim(0)
            axes.grid(axis="y")
            axes.set_ylabel("% in a bin")
            axes.set_title(Path(export.file).name, loc="left", fontsize=10)
        axes.set_xlabel("diameter, nm (thin: captures, dotted if excluded; thick: mean)")
        svg = finished(drawing, "sizes")
    Figure(svg=svg, alt="", caption="").save(target)
