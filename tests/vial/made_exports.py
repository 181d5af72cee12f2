"""Exports as a reader would give them, made of our own numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from exocast.vial import Bins, Capture, Dilution, ParticleExport
from exocast.vial.runs import Run

CENTRES = np.arange(1000) + 0.5


def export(
    per_ml: Sequence[float],
    *,
    tracks: float | Sequence[float] = 2000.0,
    name: str = "made",
    dilution: float | None = 1000.0,
    state: str = "not_applied",
    shares: np.ndarray | None = None,
    centres: np.ndarray = CENTRES,
    excluded: Sequence[int] = (),
    **others,
) -> ParticleExport:
    """An export with captures of these concentrations, and bins of these shares (n_bins, n)."""
    each = [tracks] * len(per_ml) if isinstance(tracks, int | float) else list(tracks)
    bins = None
    if shares is not None:
        shares = shares[:, None] if shares.ndim == 1 else shares
        bins = Bins(centres_nm=centres, per_ml=shares / shares.sum(axis=0) * np.asarray(per_ml))
    return ParticleExport(
        file=f"{name}.csv",
        sha256=name,
        encoding="utf-8",
        software="made",
        dilution=Dilution(value=dilution, state=state, origin="file" if dilution else "none"),
        captures=tuple(
            Capture(
                name=f"s_{i:02d}",
                concentration_per_ml=value,
                tracks=count,
                verdict="",
                excluded=i in excluded,
                reason="Unreliable" if i in excluded else "",
                sample="s",
            )
            for i, (value, count) in enumerate(zip(per_ml, each, strict=True))
        ),
        bins=bins,
        vendor_average_per_ml=math.nan,
        remarks="",
        texts=(),
        warnings=(),
        **others,
    )


def run(
    per_ml: Sequence[float],
    vial: str = "1",
    preparation: str = "a",
    *,
    blank: bool = False,
    factor: float | None = None,
    **others,
) -> Run:
    """A run of such an export; its name is that of vial and preparation unless one is given."""
    others.setdefault("name", f"{vial}-{preparation}{'-blank' if blank else ''}")
    return Run(
        export=export(per_ml, **others),
        vial=vial,
        preparation=preparation,
        dilution=factor,
        blank=blank,
    )


def codes(warnings) -> list[str]:
    """Codes of warnings, in order."""
    return [w.code for w in warnings]
