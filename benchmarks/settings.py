"""How long the benchmark may take, and what machine it runs on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is measured.

    Attributes
    ----------
    rounds
        Interleaved rounds, of which medians are taken.
    seconds
        Of one measurement of one engine at one tolerance.
    thin
        Every which tolerance is measured.
    cold
        Fresh processes.
    streamed
        Patients of the streamed runs.
    sizes
        Numbers of states.
    peers
        Whether peers are measured.
    slow
        Whether those are that take minutes to make their code.
    everywhere
        Whether they are on every case.
    """

    rounds: int = 3
    seconds: float = 0.5
    thin: int = 1
    cold: int = 7
    streamed: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    sizes: tuple[int, ...] = (20, 50, 100, 200, 500)
    peers: bool = True
    slow: bool = True
    everywhere: bool = False


QUICK = Settings(
    rounds=1, seconds=0.2, thin=2, cold=3, streamed=(2_000, 20_000), sizes=(20, 50, 100), slow=False
)
FULL = Settings(everywhere=True, rounds=7, seconds=1.0, cold=15)


def processor() -> str:
    """Name of the processor and the vectors it has."""
    name, flags = platform.processor() or platform.machine(), ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            if key.strip() == "flags":
                flags = value
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{name}, {os.cpu_count()} cores, {vectors}"


def width() -> int:
    """Numbers in a vector register that the engine's code uses here."""
    return 8 if "AVX-512" in processor() else 4
