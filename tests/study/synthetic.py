"""A small result directory with known truth, written without the simulator."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from exocast.evidence.rows import COLUMNS

ARMS = ("vial", "saline", "no injection")
OBSERVABLES: dict[str, tuple[str, str, str]] = {
    "pain_vas": ("mm", "pain on a 0-100 scale", "lower"),
    "womac_pain": ("1", "WOMAC pain, 0-20", "lower"),
    "womac_stiffness": ("1", "WOMAC stiffness, 0-8", "lower"),
    "womac_function": ("1", "WOMAC function, 0-68", "lower"),
    "womac_total": ("1", "WOMAC total, 0-96", "lower"),
    "cartilage_volume": ("percent", "cartilage volume, share of baseline", "higher"),
    "synovial_inflammation": ("1", "synovial inflammation, ratio to baseline", "lower"),
    "matrix_balance": ("1", "matrix synthesis over loss, ratio to baseline", "higher"),
    "tnf": ("pg/mL", "TNF in joint fluid", "lower"),
    "fluid_particles": ("item", "vesicles in the joint fluid", "none"),
    "synovium_particles": ("item", "vesicles in the synovium", "none"),
    "cartilage_particles": ("item", "vesicles in cartilage", "none"),
    "cell_particles": ("item", "vesicles inside cells", "none"),
    "lymph_particles": ("item", "vesicles in lymph", "none"),
    "plasma_particles": ("item", "vesicles in plasma", "none"),
    "liver_particles": ("item", "vesicles in the liver", "none"),
    "spleen_particles": ("item", "vesicles in the spleen", "none"),
    "rest_particles": ("item", "vesicles elsewhere", "none"),
    "degraded_particles": ("item", "vesicles taken apart", "none"),
    "rna_copies_per_cell": ("copy/cell", "RNA copies delivered per recipient cell", "none"),
    "rna_threshold_ratio": ("1", "RNA copies over the repression threshold", "none"),
    "surface_per_cell": ("item/cell", "vesicles on or in a recipient cell", "none"),
    "soluble_pg_per_ml": ("pg/mL", "soluble factors in joint fluid", "none"),
}
TIMES = np.array([0, 1 / 24, 2 / 24, 6 / 24, 0.5, 1, 2, 3, *range(7, 365, 7)], dtype=np.float64)
SCALE = {
    "pain_vas": 1.0,
    "womac_total": 0.9,
    "womac_pain": 0.19,
    "womac_function": 0.63,
    "womac_stiffness": 0.08,
}


NOISE = (
    "cells.k0",
    "cells.k1",
    "cells.k2",
    "cells.k3",
    "cells.k4",
    "cells.k5",
    "placebo.k6",
    "placebo.k9",
)


def write(
    directory: Path,
    *,
    worlds: int = 30,
    patients: int = 8,
    effect_mm: float = 4.0,
    seed: int = 3,
    labels: tuple[str, ...] = (),
    title: str = "Three injections into a knee",
    broken_runs: tuple[tuple[str, int, int], ...] = (),
    changes: dict[str, Any] | None = None,
) -> Path:
    """Write the directory; the true mean difference of pain is ``-effect_mm`` times a weight.

    The weight has mean one over worlds and depends on ``effect.translation`` alone.
    """
    rng = np.random.default_rng(seed)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "parts").mkdir(exist_ok=True)
    translation = rng.uniform(0.0, 2.0, worlds)
    noise_quantities = {key: rng.normal(size=worlds) for key in NOISE}
    person = rng.normal(0, 6, patients)
    shape = (worlds, patients, len(TIMES))
    rise = 1 - np.exp(-TIMES / 20.0)
    placebo = -18.0 + rng.normal(0, 3, worlds)
    common = rng.normal(0, 4, shape) * (TIMES > 0)
    columns: dict[str, dict[str, np.ndarray]] = {}
    for arm in ARMS:
        weight = {"vial": 1.0, "saline": 1.0, "no injection": 0.2}[arm]
        pain = 62 + person[None, :, None] + weight * placebo[:, None, None] * rise + common
        pain = pain + rng.normal(0, 1.5, shape) * (TIMES > 0)
        if arm == "vial":
            pain = pain - effect_mm * translation[:, None, None] * rise
        values = {name: pain * scale for name, scale in SCALE.items()}
        mid = translation[:, None, None] * (0.02 if arm == "vial" else 0.0)
        ones = np.ones(shape)
        values["cartilage_volume"] = 100 - TIMES / 365 * (1.9 - 4 * mid) + rng.normal(0, 0.3, shape)
        values["synovial_inflammation"] = 1 - (0.1 + mid) * rise * ones
        values["matrix_balance"] = 1 + (0.02 + mid) * rise * ones
        values["tnf"] = 8 * (1 - 0.1 * rise) * ones
        dosed = np.zeros(len(TIMES))
        for day in (0.0, 28.0, 56.0):
            dosed += np.where(day < TIMES, np.exp(-(TIMES - day) / 0.6), 0.0)
        amount = (
            (3e9 if arm == "vial" else 0.0)
            * dosed
            * np.exp(rng.normal(0, 0.5, worlds))[:, None, None]
            * ones
        )
        for place, share in zip(
            [n for n in OBSERVABLES if n.endswith("_particles")],
            (0.5, 0.2, 0.02, 0.1, 0.05, 0.01, 0.08, 0.02, 0.02, 0.3),
            strict=True,
        ):
            values[place] = amount * share
        total = np.cumsum(amount, axis=2)
        values["rna_copies_per_cell"] = total * 1e-10
        values["rna_threshold_ratio"] = total * 1e-12
        values["surface_per_cell"] = total * 1e-8
        values["soluble_pg_per_ml"] = amount * 1e-8
        for broken_arm, world, patient in broken_runs:
            if broken_arm == arm:
                values = {name: value * np.ones(shape) for name, value in values.items()}
                for value in values.values():
                    value[world, patient, 20:] = np.nan
        columns[arm] = values
    parts = []
    for at, arm in enumerate(ARMS):
        world, patient, time = np.meshgrid(
            np.arange(worlds), np.arange(patients), TIMES, indexing="ij"
        )
        table = pa.table(
            {
                "arm": pa.array([arm] * world.size).dictionary_encode(),
                "world": world.ravel().astype(np.int32),
                "patient": patient.ravel().astype(np.int32),
                "time": time.ravel(),
                **{n: columns[arm][n].ravel() for n in OBSERVABLES},
            }
        )
        path = directory / "parts" / f"part-{at:05d}.parquet"
        pq.write_table(table, path, compression="zstd")
        parts.append(
            {
                "file": f"parts/{path.name}",
                "rows": table.num_rows,
                "blake2b": hashlib.blake2b(path.read_bytes()).hexdigest(),
            }
        )
    pd.DataFrame(
        {"world": np.arange(worlds), "effect.translation": translation, **noise_quantities}
    ).to_parquet(directory / "worlds.parquet", index=False)
    pd.DataFrame(
        {"patient": np.arange(patients), "age": 60.0, "sex": "female", "pain_vas": 62 + person}
    ).to_parquet(directory / "patients.parquet", index=False)
    broken = set(broken_runs)
    pd.DataFrame(
        [
            {
                "arm": a,
                "world": w,
                "patient": p,
                "status": "stiff" if (a, w, p) in broken else "ok",
                "steps": 400,
                "rejections": 3,
                "time_reached": 84.0 if (a, w, p) in broken else 364.0,
            }
            for a in ARMS
            for w in range(worlds)
            for p in range(patients)
        ]
    ).to_parquet(directory / "runs.parquet", index=False)
    _write_rows(directory / "rows.csv")
    manifest = _manifest(worlds, patients, parts, title, labels)
    manifest.update(changes or {})
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return directory


def _write_rows(path: Path) -> None:
    header = ["key", *COLUMNS]
    rows = [
        [
            "effect.translation",
            "translation",
            "what an effect in the assay means in a person",
            0.3,
            "1",
            "0.5",
            "log_sd",
            "uncertain",
            "human",
            "assumption",
            "",
            "E",
            "no trial has tied them",
        ],
        *[
            [
                key,
                key.partition(".")[2],
                f"shape of {key}",
                1.0,
                "1",
                "0.2",
                "log_sd",
                "uncertain",
                "human",
                "altman2016",
                "table 2",
                "ABCDE"[int(key[-1]) % 5],
                "",
            ]
            for key in NOISE
        ],
        [
            "uptake.k",
            "k",
            "uptake by a cell",
            0.1,
            "1/h",
            "",
            "fixed",
            "constant",
            "cells",
            "assumption",
            "",
            "E",
            "a reason",
        ],
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _manifest(
    worlds: int, patients: int, parts: list[dict[str, Any]], title: str, labels: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "schema": "exocast/result/1",
        "kind": "forecast",
        "status": "complete",
        "title": title,
        "scenario": {"title": title, "regimen": {"dose": "1e10 particle", "injections": 3}},
        "prior": "default",
        "seed": 1,
        "worlds": worlds,
        "patients": patients,
        "arms": [
            {"name": "vial", "text": "the vial, three injections", "injections": 3},
            {"name": "saline", "text": "saline, three injections", "injections": 3},
            {"name": "no injection", "text": "no injection", "injections": 0},
        ],
        "control": "saline",
        "observables": {
            n: {"unit": u, "text": t, "better": b} for n, (u, t, b) in OBSERVABLES.items()
        },
        "versions": {"exocast": "0.1.0", "python": "3.11.9", "libroadrunner": "2.10.0"},
        "hashes": {"model": "ab" * 16},
        "parts": parts,
        "labels": list(labels),
        "warnings": [
            {"code": "FILLED", "message": "purity is a population value", "where": "vial.protein"}
        ],
        "vial": {
            "product": "Vesicles of umbilical-cord stromal cells",
            "concentration_per_ml": {"value": 1e11, "low": 7e10, "high": 1.4e11},
            "size_nm": {"median": 110.0},
        },
        "needle": {
            "intended_particles": 1e10,
            "steps": [
                {
                    "name": "storage",
                    "fraction_median": 0.9,
                    "fraction_low": 0.8,
                    "fraction_high": 0.97,
                },
                {"name": "thaw", "fraction_median": 0.8, "fraction_low": 0.6, "fraction_high": 0.9},
                {
                    "name": "syringe",
                    "fraction_median": 0.95,
                    "fraction_low": 0.9,
                    "fraction_high": 0.99,
                },
            ],
            "at_needle": {"median": 6.8e9, "low": 4.1e9, "high": 8.9e9},
        },
        "effect_prior": {
            "p_zero": 0.82,
            "p_smd_02": 0.11,
            "p_smd_05": 0.04,
            "text": "spike and slab; weak evidence shrinks the slab",
            "rows": ["effect.translation"],
        },
        "stoichiometry": {
            "channels": [
                {
                    "channel": "miRNA",
                    "unit": "copy/cell",
                    "per_cell": {"median": 1.2, "low": 0.1, "high": 14.0},
                    "threshold": 100.0,
                    "reached_probability": 0.01,
                    "text": "copies in the cytosol",
                },
                {
                    "channel": "surface",
                    "unit": "item/cell",
                    "per_cell": {"median": 120.0, "low": 20.0, "high": 800.0},
                    "threshold": None,
                    "reached_probability": None,
                    "text": "vesicles on or in a cell",
                },
            ],
            "dose_to_threshold_particles": 8e11,
        },
        "thresholds": {
            "person": {
                "pain_vas": {"value": 19.9, "row": "important.person_pain_vas"},
                "womac_total": {"value": 10.0, "row": "important.person_womac"},
            },
            "group": {
                "pain_vas": {"value": 9.0, "row": "important.group_pain_vas"},
                "womac_total": {"value": 6.0, "row": "important.group_womac"},
                "cartilage_volume": {"value": 1.0, "row": "important.group_cartilage"},
            },
        },
        "trials": [
            {
                "study_id": "placental_ev_oa2024",
                "design": "two knees, blinded",
                "n": 29,
                "product": "placental vesicles",
                "result": "no difference at 26 weeks",
                "same_product": False,
                "source": "placental_ev_oa2024",
            },
        ],
        "rows_file": "rows.csv",
    }
