"""What surfaces of all detailed cells have in common; ``emulate_cells.py`` is the command."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

import exocast
from exocast.evidence.rows import COLUMNS, Row

Array = NDArray[np.float64]
Values = Mapping[str, float]
TABLES = Path(exocast.__file__).parent / "tissue"
PICTURES = Path(__file__).parent.parent / "docs" / "images"
HELD_OUT = 3
# Changes below this say little as a ratio; the absolute error is for them.
READABLE = 0.1
FONT = 'font-family="sans-serif" font-size="12"'
MIDDLE, TURNED = 'text-anchor="middle"', 'transform="rotate(-90 16 150)"'


@dataclass(frozen=True)
class Fit:
    """Fitted values by row, and the error at the points that were left out."""

    values: dict[str, float]
    rms: float
    largest: float
    log_sd: float
    left_out: int
    fitted: int

    @property
    def said(self) -> str:
        return (
            f"{self.left_out} points left out of the fit: RMS {self.rms:.3f} and largest "
            f"{self.largest:.3f} of the {{what}}; the spread is the RMS of its ratio where it is "
            f"above {READABLE:g}"
        )


@dataclass(frozen=True)
class Found:
    """Rows for a surface's table, lines that say how it did, and what draws its picture."""

    table: str
    rows: dict[str, Row]
    said: tuple[str, ...]
    draw: Callable[[], None]


def left_out(n: int) -> NDArray[np.bool_]:
    """Every third point, which no fit sees."""
    return np.arange(n) % HELD_OUT == 0


def fit(
    predict: Callable[[Values], Array],
    truth: Array,
    start: Values,
    *,
    known: Values,
    shares: Iterable[str] = (),
) -> Fit:
    """Least squares over two thirds of the points; those left out tell the error.

    Every fitted value is above zero, and those named in ``shares`` are below one too.
    """
    out = left_out(len(truth))
    shares = set(shares)

    def given(x: Array) -> dict[str, float]:
        free = dict(zip(start, np.exp(x), strict=True))
        return {**known, **{n: v / (1 + v) if n in shares else v for n, v in free.items()}}

    first = [v / (1 - v) if n in shares else v for n, v in start.items()]
    found = least_squares(
        lambda x: np.ravel((predict(given(x)) - truth)[~out]), np.log(first), bounds=(-12.0, 12.0)
    )
    values = {name: float(f"{value:.4g}") for name, value in given(found.x).items()}
    got, true = predict(values)[out], truth[out]
    readable = np.abs(true) > READABLE
    ratio = np.log(got[readable] / true[readable])
    return Fit(
        values=values,
        rms=float(np.sqrt(np.mean((got - true) ** 2))),
        largest=float(np.abs(got - true).max()),
        log_sd=float(np.sqrt(np.mean(ratio**2))),
        left_out=int(out.sum()),
        fitted=int((~out).sum()),
    )


def stale(old: Mapping[str, Row], new: Mapping[str, Row]) -> bool:
    """Whether a table is not what the fit gives."""
    return not all(
        np.isclose(old[n].value, r.value, rtol=0.02)
        and np.allclose(old[n].spread, r.spread, rtol=0.1)
        for n, r in new.items()
    )


def write(path: Path, new: Mapping[str, Row]) -> None:
    """Put values, spreads and notes of rows into their table, and leave all else as it is."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        if line["id"] in new:
            row = new[line["id"]]
            line |= {"value": f"{row.value:g}", "note": row.note}
            line["spread"] = "..".join(f"{s:g}" for s in row.spread)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


@dataclass(frozen=True)
class Frame:
    """Axes of a picture: a logarithmic one across and a linear one up from zero."""

    low: float
    high: float
    most: float
    left: float = 60.0
    top: float = 20.0
    width: float = 480.0
    height: float = 260.0

    def x(self, across: float) -> float:
        return self.left + self.width * float(
            np.log(across / self.low) / np.log(self.high / self.low)
        )

    def y(self, up: float) -> float:
        return self.top + self.height * (1 - up / self.most)

    def axes(
        self, across: Iterable[float], up: Iterable[float], words: tuple[str, str]
    ) -> list[str]:
        """Head of the picture, both axes with their numbers, and what they show."""
        corner = f"M{self.left},{self.top}V{self.top + self.height}H{self.left + self.width}"
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 340" {FONT}>',
            '<rect width="600" height="340" fill="white"/>',
            f'<path d="{corner}" fill="none" stroke="#444"/>',
            f'<text x="300" y="326" {MIDDLE}>{words[0]}</text>',
            f'<text x="16" y="150" {MIDDLE} {TURNED}>{words[1]}</text>',
        ]
        lines += [f'<text x="{self.x(a):.1f}" y="298" {MIDDLE}>{a:g}</text>' for a in across]
        lines += [
            f'<text x="52" y="{self.y(u) + 4:.1f}" text-anchor="end">{u:g}</text>' for u in up
        ]
        return lines

    def line(self, across: Array, up: Array, colour: str) -> str:
        path = "L".join(f"{self.x(a):.1f},{self.y(u):.1f}" for a, u in zip(across, up, strict=True))
        return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def dots(self, across: Array, up: Array, colour: str) -> list[str]:
        return [
            f'<circle cx="{self.x(a):.1f}" cy="{self.y(u):.1f}" r="3" fill="{colour}"/>'
            for a, u in zip(across, up, strict=True)
        ]

    def name(self, nth: int, words: str, colour: str) -> str:
        return f'<text x="70" y="{40 + 18 * nth}" fill="{colour}">{words}</text>'

    def upright(self, across: float) -> str:
        """A dashed line at what is taken for the reference."""
        return (
            f'<path d="M{self.x(across):.1f},{self.top}V{self.top + self.height}" stroke="#999" '
            'stroke-dasharray="4 3"/>'
        )


def save(picture: Path, lines: Iterable[str]) -> None:
    picture.write_text("\n".join([*lines, "</svg>"]) + "\n", encoding="utf-8")
