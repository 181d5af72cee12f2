"""What the names of captures say: the sample of each, and a dilution if one stands there."""

from __future__ import annotations

import re
from collections.abc import Iterable

_STAMP = re.compile(r"[\s_-]*(\d{4}-\d{2}-\d{2}[\s_T-]+)?\d{2}-\d{2}-\d{2}$")
_COUNTER = re.compile(r"[\s_-]+\d{1,3}$")
_DILUTION = (
    re.compile(r"(?<![a-z0-9])d(?:il(?:ution)?)?[\s_-]?(\d{1,7})(?![\d.])", re.IGNORECASE),
    re.compile(r"(?<![\d.])1\s?(?:in|:|to|/)\s?(\d{1,7})(?![\d.])", re.IGNORECASE),
    re.compile(r"(?<![a-z0-9.])(\d{1,7})x(?![a-z0-9])", re.IGNORECASE),
    re.compile(r"(?<![a-z0-9])x(\d{1,7})(?![\d.])", re.IGNORECASE),
    re.compile(r"_(\d{2,7})_"),
)
_BEADS = re.compile(
    r"\bbeads?\b|\d\s*nm\s*_?beads?|beads?(?=[_\d.]|$)|polystyrene|latex", re.IGNORECASE
)
_VESICLES = re.compile(r"\bEVs?\b|exosom|vesic|isolat|captur|immuno", re.IGNORECASE)


def sample_of(capture: str) -> str:
    """Sample that a capture belongs to: its name without time stamp and counter."""
    bare = _STAMP.sub("", capture)
    if bare == capture:
        bare = _COUNTER.sub("", capture)
    return bare.strip(" _-") or capture


def dilutions_in(names: Iterable[str]) -> tuple[str, ...]:
    """Pieces of names that look like a dilution, such as ``d200``, ``1in50`` or ``_500_``.

    They are offered to the reader and never used.
    """
    found: dict[str, None] = {}
    for name in names:
        for pattern in _DILUTION:
            for match in pattern.finditer(name):
                if int(match.group(1)) > 1:
                    found.setdefault(match.group(0).strip(" _-"))
    return tuple(found)


def says_beads(texts: Iterable[str]) -> str:
    """The first text that speaks of calibration beads, or an empty text.

    Vesicles isolated with beads are not beads.
    """
    for text in texts:
        if _BEADS.search(text) and not _VESICLES.search(text):
            return text
    return ""
