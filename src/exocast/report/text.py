"""The summary in a terminal: plain text, and the same with Rich."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from exocast.report.numbers import NBSP
from exocast.report.story import DISCLAIMER, Story, Table

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 100


def plain(story: Story, *, width: int = WIDTH) -> str:
    """The story as text of at most ``width`` columns (wide tables may be wider).

    Words of all sections stand first, in order; their tables follow.
    """
    notes = [line for label in story.labels for line in wrapped(f"NOTE: {label}", width)]
    lines = [story.title.upper(), *wrapped(story.subtitle, width), *notes, DISCLAIMER, ""]
    for sentence in story.answer:
        lines += wrapped(sentence, width)
    for section in story.sections:
        if not section.words:
            continue  # its tables follow below, each with a caption
        lines += ["", section.title, "-" * len(section.title)]
        lines += notes
        for sentence in section.words:
            lines += wrapped(sentence, width)
    tables = [table for section in story.sections for table in section.tables]
    if tables:
        lines += ["", "TABLES", *notes]
    for table in tables:
        lines += ["", *wrapped(table.caption, width), *grid(table)]
        if table.note:
            lines += wrapped(table.note, width)
    return "\n".join(lines).replace(NBSP, " ").rstrip() + "\n"


def wrapped(text: str, width: int) -> list[str]:
    """Lines of a text, broken at blanks only."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def grid(table: Table, width: int = WIDTH) -> list[str]:
    """Lines of a table with its columns aligned.

    Cells of a table that may wrap are broken at blanks until it fits, the widest column first.
    """
    cells = [table.columns, *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    if table.wraps:
        _narrow(widths, cells, width)

    def line(row: tuple[str, ...]) -> str:
        first = row[0].ljust(widths[0])
        rest = [
            cell.rjust(w) if table.numeric(i) else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row[1:], widths[1:], strict=True), start=1)
        ]
        return "  ".join([first, *rest]).rstrip()

    def lines(row: tuple[str, ...]) -> list[str]:
        parts = [wrapped(c, w) or [""] for c, w in zip(row, widths, strict=True)]
        tallest = max(map(len, parts))
        return [line(tuple(p[i] if i < len(p) else "" for p in parts)) for i in range(tallest)]

    rule = "  ".join("-" * w for w in widths)
    if not table.wraps:
        return [line(table.columns), rule, *(line(row) for row in table.rows)]
    return [*lines(table.columns), rule, *(each for row in table.rows for each in lines(row))]


def _narrow(widths: list[int], cells: Sequence[tuple[str, ...]], width: int) -> None:
    """Take from the widest column until the table fits; no column below its longest word."""
    words = [
        max(len(w) for row in cells for w in (row[i].split(" ") or [""]))
        for i in range(len(widths))
    ]
    while sum(widths) + 2 * (len(widths) - 1) > width:
        loose = [i for i in range(len(widths)) if widths[i] > words[i]]
        if not loose:
            return
        widest = max(loose, key=lambda i: widths[i])
        widths[widest] -= 1


def rich(story: Story) -> list[RenderableType]:
    """The story as Rich renderables, for a terminal."""
    from rich.panel import Panel
    from rich.table import Table as RichTable
    from rich.text import Text

    answer = Text("\n\n".join(story.answer))
    labels = [Text(f" {label} ", style="bold black on yellow") for label in story.labels]
    parts: list[RenderableType] = [
        Text(),
        Text(story.title, style="bold"),
        Text(story.subtitle, style="dim"),
        *labels,
        Text(DISCLAIMER, style="italic"),
        Panel(answer, border_style="blue", padding=(1, 2)),
    ]
    for section in story.sections:
        parts += [Text(), Text(section.title, style="bold blue"), *labels]
        parts += [Text(sentence) for sentence in section.words]
    if any(section.tables for section in story.sections):
        parts += [Text(), Text("Tables", style="bold blue"), *labels]
    for section in story.sections:
        for table in section.tables:
            shown = RichTable(
                title=Text(table.caption, style="bold"),
                caption=Text(table.note) if table.note else None,
                title_justify="left",
                caption_justify="left",
                box=None,
                header_style="dim",
                pad_edge=False,
            )
            for at, column in enumerate(table.columns):
                right = table.numeric(at)
                shown.add_column(Text(column), justify="right" if right else "left")
            for row in table.rows:
                shown.add_row(*(Text(cell) for cell in row))
            parts += [Text(), shown]
    return parts
