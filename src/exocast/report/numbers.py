"""Numbers of a summary by name, and how numbers are written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
NBSP = "\u00a0"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Numbers:
    """Statistics of ``summary.parquet`` looked up by arm, observable, statistic and time."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._series: dict[tuple[str, str, str], tuple[Array, Array]] = {}
        for key, group in table.groupby(["arm", "observable", "statistic"], sort=False):
            arm, observable, statistic = (str(part) for part in key)
            self._series[arm, observable, statistic] = (
                group["time"].to_numpy(dtype=np.float64),
                group["value"].to_numpy(dtype=np.float64),
            )

    def series(self, arm: str, observable: str, statistic: str) -> tuple[Array, Array]:
        """Times in days and values of one statistic; two empty arrays where there is none."""
        empty = np.array([], dtype=np.float64)
        return self._series.get((arm, observable, statistic), (empty, empty))

    def at(self, arm: str, observable: str, statistic: str, days: float | None = None) -> float:
        """One value; ``nan`` where there is none. Without a time, the statistic of all times."""
        times, values = self.series(arm, observable, statistic)
        if not len(times):
            return math.nan
        if days is None:
            return float(values[0])
        place = int(np.abs(times - days).argmin())
        return float(values[place]) if abs(times[place] - days) < 0.5 else math.nan

    def has(self, observable: str, statistic: str) -> bool:
        """Whether any arm has this statistic of the observable."""
        return any(o == observable and s == statistic for _, o, s in self._series)


def decimal(value: float, places: int = 1, *, sign: bool = False) -> str:
    """A number with a true minus sign; ``–`` where there is none, never a negative zero."""
    if not math.isfinite(value):
        return "–"
    text = f"{abs(value):.{places}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+" if sign else "") + text


def large(value: float) -> str:
    """A number of any size with two significant digits: ``0.031``, ``45``, ``3.2 × 10⁹``."""
    return figures(value, 2)


def figures(value: float, digits: int) -> str:
    """A number of any size with so many significant digits, trailing zeros kept."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    exponent = math.floor(math.log10(abs(rounded)) + 1e-12)
    if -3 <= exponent <= 3:
        return decimal(rounded, max(0, digits - 1 - exponent))
    mantissa = decimal(rounded / 10.0**exponent, digits - 1)
    return f"{mantissa} × 10{str(exponent).translate(SUPERSCRIPTS)}"


def as_given(value: float) -> str:
    """A number as it stands in a table, up to six significant digits, without trailing zeros."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.6g}".replace("-", "−")
    mantissa, _, exponent = f"{value:.5e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def percent(share: float) -> str:
    """A share as a percentage; never 0 % or 100 % unless it is exactly that."""
    if not math.isfinite(share):
        return "–"
    if 0 < share < 0.005:
        return f"<1{NBSP}%" if share >= 0.0005 else f"<0.1{NBSP}%"
    if 0.995 < share < 1:
        return f">99{NBSP}%"
    return f"{100 * share:.0f}{NBSP}%"


def weeks_in_words(weeks: int) -> str:
    """A visit's time: ``1 week``, ``26 weeks``."""
    return f"{weeks} week" + ("" if weeks == 1 else "s")


def days_in_words(days: float) -> str:
    """A time as people say it: ``6 hours``, ``3 days``, ``26 weeks``."""
    for size, word in ((7.0, "week"), (1.0, "day"), (1 / 24, "hour")):
        count = days / size
        if count >= 0.999 and abs(count - round(count)) < 1e-6:
            if word == "week" and round(count) < 2:
                continue
            return f"{round(count)} {word}" + ("" if round(count) == 1 else "s")
    return f"{days:.2g} days"
