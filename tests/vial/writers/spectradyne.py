"""Spectradyne files of our own numbers, in the layout that RPSPASS reads."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

VOLUME_ML = 1.2e-7  # 120 pL
PEAKS = ((20.0, 60.0), (25.0, 30.0), (18.0, 90.0), (40.0, 20.0))  # transit us, signal over noise


def combined(
    acquisitions: Sequence[Sequence[tuple[float, float]]] = (PEAKS, PEAKS[:2], ()),
    *,
    volume: Any = VOLUME_ML,
    arc: bool = False,
    compression: str | None = None,
) -> bytes:
    """A combined file (``_cc.h5``): one group an acquisition, below one group."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for i, peaks in enumerate(acquisitions):
            _acquisition(
                file.create_group(f"data/{i:03d}"), peaks, volume, arc=arc, compression=compression
            )
    return buffer.getvalue()


def series(peaks: Sequence[tuple[float, float]] = PEAKS, *, volume: Any = VOLUME_ML) -> bytes:
    """One file of a series (``_ss00.h5``): the acquisition is the file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _acquisition(file, peaks, volume, arc=False, compression=None)
    return buffer.getvalue()


def _acquisition(
    group: Any,
    peaks: Sequence[tuple[float, float]],
    volume: Any,
    *,
    arc: bool,
    compression: str | None,
) -> None:
    group.attrs["acqtime"] = 10.0
    group.attrs["n_samp"] = 1_000_000
    if volume is not None:
        group.attrs["measured_volume"] = volume
    group.attrs["diameterScalingFactor"] = 1.07
    group.attrs["setPs"] = [8.0, 0.0, 8.0, 0.0, 8.0, 8.0]
    group.attrs["cartridge_class"] = "TS-400"
    fields = ["pk_index", "pk_width", "pk_sym", "pk_sn", *["fl1_size"] * arc]
    table = np.zeros(len(peaks), dtype=[(f, "<i8" if f == "pk_index" else "<f4") for f in fields])
    for i, (width, ratio) in enumerate(peaks):
        table[i]["pk_index"] = 1000 * i
        table[i]["pk_width"], table[i]["pk_sym"], table[i]["pk_sn"] = width, 0.4, ratio
    group.create_dataset("allpulses", data=np.zeros(4, dtype="<f4"))
    group.create_dataset("pks", data=table, compression=compression)
