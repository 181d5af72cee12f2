"""Share of detected events that carry a marker, above a stated gate and above a blank."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from exocast.errors import InstrumentFileError, UnknownName, nearest
from exocast.vial.records import Reading

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class MarkerShare:
    """Positive events of a channel.

    Attributes
    ----------
    value, low, high
        Share of detected events above the gate, less that of the blank where one is given; it may
        lie below zero where the blank has more.
    threshold, threshold_from
        The gate, and who set it: ``stated``, or the blank's file and quantile.
    positive, events
        Counts of the sample.
    blank_positive, blank_events
        Counts of the blank; zeros where none is given.
    assumptions
        What the number is and is not.
    """

    channel: str
    value: float
    low: float
    high: float
    level: float
    threshold: float
    threshold_from: str
    positive: int
    events: int
    blank_positive: int
    blank_events: int
    file: str
    blank_file: str
    assumptions: tuple[str, ...]


def _channel(reading: Reading, channel: str) -> NDArray[np.float64]:
    if reading.events is None:
        raise InstrumentFileError(
            f"this is a {reading.kind}, and events of a cytometer are asked for.",
            code="NO_EVENTS",
            where=reading.file,
        )
    names = [str(c) for c in reading.events.columns]
    if channel not in names:
        raise UnknownName(
            f"the file has no channel '{channel}'." + nearest(channel, names), where=reading.file
        )
    values = np.asarray(reading.events[channel], dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        raise InstrumentFileError(
            f"no event has a number in the channel '{channel}'.",
            code="NO_EVENTS",
            where=reading.file,
        )
    return values


def threshold_from_blank(blank: Reading, channel: str, quantile: float) -> float:
    """Smallest number of a blank or isotype control that the stated share of its events is below.

    Parameters
    ----------
    blank
        The control's events.
    channel
        Its channel.
    quantile
        Share of the control's events that lie below the gate, such as 0.99.

    Returns
    -------
    The gate: the next number above the quantile, so that events on it are not positive.

    Raises
    ------
    InstrumentFileError
        ``QUANTILE`` when it is no share, or the control has too few events to tell it.
    UnknownName
        When there is no such channel.
    """
    values = np.sort(_channel(blank, channel))
    if not 0 < quantile < 1 or (1 - quantile) * len(values) < 1:
        raise InstrumentFileError(
            f"a quantile of {quantile:g} cannot be told from {len(values)} events of the control; "
            "it has to lie between 0 and 1 with at least one event above.",
            code="QUANTILE",
            where=blank.file,
        )
    at = values[math.ceil(quantile * len(values)) - 1]
    return float(np.nextafter(at, np.inf))


def marker_positive(
    reading: Reading,
    channel: str,
    *,
    threshold: float | None = None,
    blank: Reading | None = None,
    quantile: float | None = None,
    level: float = LEVEL,
) -> MarkerShare:
    """Share of detected events at or above a gate, less the blank's own.

    The interval is Wilson's, or for a difference the hybrid of two of them (Newcombe).

    Parameters
    ----------
    reading
        The sample's events.
    channel
        Name of the channel.
    threshold
        The gate, in the numbers of the file; or else ``quantile`` of the blank.
    blank
        A buffer or isotype control, run with the same settings.
    quantile
        Share of the blank's events below the gate.
    level
        Of the interval.

    Returns
    -------
    The share: of detected events, not of vesicles.

    Raises
    ------
    InstrumentFileError
        ``GATE`` when neither or both of threshold and quantile are stated, or the blank that a
        quantile needs is missing.
    UnknownName
        When there is no such channel.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent
    proportions. Stat Med 17, 873-890, method 10.
    """
    if (threshold is None) == (quantile is None) or (quantile is not None and blank is None):
        raise InstrumentFileError(
            "state the gate: either a threshold, or a quantile of a blank that is named. None is "
            "chosen here.",
            code="GATE",
            where=reading.file,
        )
    chosen = "stated"
    if quantile is not None and blank is not None:
        threshold = threshold_from_blank(blank, channel, quantile)
        chosen = f"{quantile:g} of {blank.file}"
    assert threshold is not None
    if not math.isfinite(threshold):
        raise InstrumentFileError(
            f"a gate of {threshold:g} is no number.", code="GATE", where=reading.file
        )
    values = _channel(reading, channel)
    positive, events = int((values >= threshold).sum()), len(values)
    share = positive / events
    low, high = wilson(positive, events, level)
    said = ["a share of detected events: what the trigger missed, and swarms, are not in it"]
    empty_positive = empty_events = 0
    if blank is not None:
        control = _channel(blank, channel)
        empty_positive, empty_events = int((control >= threshold).sum()), len(control)
        base = empty_positive / empty_events
        base_low, base_high = wilson(empty_positive, empty_events, level)
        value = share - base
        low, high = (
            value - math.hypot(share - low, base_high - base),
            value + math.hypot(high - share, base - base_low),
        )
        said.append("shares are subtracted; both files are taken to have been run alike")
        if quantile is not None:
            said.append(
                "the gate was set on the blank itself; its own error is not in the interval"
            )
    else:
        value = share
        said.append("no blank was given: nothing is subtracted")
    return MarkerShare(
        channel=channel,
        value=value,
        low=low,
        high=high,
        level=level,
        threshold=threshold,
        threshold_from=chosen,
        positive=positive,
        events=events,
        blank_positive=empty_positive,
        blank_events=empty_events,
        file=reading.file,
        blank_file=blank.file if blank is not None else "",
        assumptions=tuple(said),
    )


def wilson(positive: int, total: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share.

    Parameters
    ----------
    positive, total
        Counts, ``total`` at least 1.
    level
        Of the interval.
    """
    z = float(ndtri(0.5 + level / 2))
    share = positive / total
    centre = share + z * z / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    bottom = 1 + z * z / total
    return max(0.0, (centre - reach) / bottom), min(1.0, (centre + reach) / bottom)
