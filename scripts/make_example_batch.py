"""Write the example batch: synthetic exports of a lot, and the batch file that names them.

Nothing in it was measured. Two vials, one of them prepared twice, and the buffer, in the layout of
an NTA analyser; a fluorescence protein assay; a table of proteins; placeholders for the pictures.
The same numbers come out each time: ``python scripts/make_example_batch.py``.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from exocast.evidence.chance import normal_scores
from make_example_vial import Video, summary_text

HERE = "scripts/make_example_batch.py"
TARGET = Path(__file__).parent.parent / "examples" / "batch"
LOT_PER_ML = 9.0e10
BUFFER_PER_ML = 4.0e6
VIALS, PREPARATIONS, CAPTURES = 0.08, 0.12, 0.06
PROTEIN_UG_PER_ML = 14.0
RUNS = (
    # file, vial, preparation, dilution, whether the file records it
    ("nta/vial1_a_d300-ExperimentSummary.csv", 1, "a", 300, False),
    ("nta/vial1_b-ExperimentSummary.csv", 1, "b", 600, True),
    ("nta/vial2_a-ExperimentSummary.csv", 2, "a", 300, True),
)
PROTEINS = (
    # accession, gene, intensities of two injections, why it does not count
    ("P21926", "CD9", (4.1e7, 3.6e7), ""),
    ("P08962", "CD63", (2.2e7, 2.5e7), ""),
    ("P60033", "CD81", (1.4e7, 1.2e7), ""),
    ("Q99816", "TSG101", (3.0e6, 2.6e6), ""),
    ("O00560", "SDCBP", (8.0e6, 9.1e6), ""),
    ("P07355", "ANXA2", (5.2e7, 5.0e7), ""),
    ("P04406", "GAPDH", (6.6e7, 6.1e7), ""),
    ("P02768", "ALB", (1.9e7, 2.3e7), ""),
    ("P04264", "KRT1", (3.3e7, 2.8e7), "contaminant"),
    ("REV__Q9Y490", "TLN1", (1.1e6, 0.0), "reverse"),
)
BATCH = """\
# A batch: files and facts, no results. All numbers here are synthetic (HERE).
# 'exocast schema batch' lists all fields; 'exocast vial draft FOLDER' writes such a file.
schema_version: 1
title: Example lot 7
product: msc_ev
contents: vesicles                     # vesicles | beads | unknown: what the particles are
source: {tissue: umbilical cord, cells: stromal cells, donor: EX-1, passage: 4, volume: 1.2 L}
making:
  culture: xeno-free medium, 48 h
  serum: none
  priming: none
  separation: [tangential flow, size exclusion]
  buffer: PBS
fill: {volume: 1 mL, vials: 40, container: polypropylene}
storage:                               # between measurement and injection, in order
  - {temperature: -80 degC, duration: 60 day}
  - {thaw: 1}
  - {temperature: 4 degC, duration: 2 hour}

particles:                             # the dilution only where the file does not record it
  - {file: nta/vial1_a_d300-ExperimentSummary.csv, vial: "1", preparation: a, dilution: 300}
  - {file: nta/vial1_b-ExperimentSummary.csv, vial: "1", preparation: b}
  - {file: nta/vial2_a-ExperimentSummary.csv, vial: "2", preparation: a}
blanks:
  - {file: nta/buffer-ExperimentSummary.csv, dilution: 1}
protein:
  - {file: protein_qubit.csv, sample: lot 7}
identity:
  - {file: proteinGroups.txt, sample: all}   # two injections of this lot
potency:                               # against the reference, on a plate
  - {file: ../potency/plate.csv, transform: log, combine: true, assay: reporter of NF-kB}
"""


def summary(name: str, per_ml: float, n: int, dilution: str, said: str, tracks: int) -> str:
    """One run of ``n`` captures about a concentration as the file states it."""
    scores = normal_scores(7, f"{name}.captures", n)
    videos = [
        Video(
            name=f"{name}_{i:02d}",
            per_ml=float(f"{per_ml * math.exp(CAPTURES * z):.3g}"),
            tracks=max(5, round(tracks * math.exp(CAPTURES * z))),
            median_nm=112.0,
        )
        for i, z in enumerate(scores)
    ]
    return summary_text(videos, dilution=dilution, description=said, seed=7)


def main() -> None:
    """Write every file of the example."""
    (TARGET / "nta").mkdir(parents=True, exist_ok=True)
    vials = normal_scores(7, "vials", 3)
    preparations = normal_scores(7, "preparations", len(RUNS))
    for (file, vial, letter, dilution, recorded), z in zip(RUNS, preparations, strict=True):
        stock = LOT_PER_ML * math.exp(VIALS * vials[vial] + PREPARATIONS * z)
        stated = stock if recorded else stock / dilution
        text = summary(
            f"lot 7 vial {vial} {letter}",
            stated,
            3,
            f"{dilution:.2e}" if recorded else "Not recorded",
            f"SYNTHETIC EV lot 7, vial {vial}, preparation {letter}",
            900,
        )
        (TARGET / file).write_bytes(text.encode())
    buffer = summary("PBS buffer", BUFFER_PER_ML, 3, "Not recorded", "SYNTHETIC PBS buffer", 14)
    (TARGET / "nta/buffer-ExperimentSummary.csv").write_bytes(buffer.encode())
    (TARGET / "protein_qubit.csv").write_text(qubit(), encoding="utf-8")
    (TARGET / "proteinGroups.txt").write_text(protein_groups(), encoding="utf-8")
    (TARGET / "batch.yaml").write_text(BATCH.replace("HERE", HERE), encoding="utf-8")


def qubit() -> str:
    """Three reads of one sample by a fluorometer, in micrograms per mL of the sample."""
    head = (
        "Run ID,Assay Name,Test Name,Test Date,Qubit® tube conc.,Units,Original sample conc.,Units,"
        "Sample Volume (µL),Dilution Factor,Std 1 RFU,Std 2 RFU,Std 3 RFU,Excitation,Emission,"
        "Green RFU,Far Red RFU"
    )
    lines = [head]
    for i, z in enumerate(normal_scores(7, "protein", 3)):
        sample = PROTEIN_UG_PER_ML * math.exp(0.05 * z)
        tube = sample / 20 * 1e3
        lines.append(
            f"2026-11-01,Protein (synthetic),lot 7,11/01/2026 10:0{i}:00 AM,{tube:.0f},"
            f"ng/mL,{sample:.2f},µg/mL,10,20,60.1,900.4,7800.2,Blue,Red,,{120 * sample:.1f}"
        )
    return "\n".join(lines) + "\n"


def protein_groups() -> str:
    """A table of protein groups of two injections in the layout of MaxQuant."""
    columns = (
        "Protein IDs",
        "Majority protein IDs",
        "Gene names",
        "Peptides",
        "Razor + unique peptides",
        "Intensity run1",
        "Intensity run2",
        "Only identified by site",
        "Reverse",
        "Potential contaminant",
        "id",
    )
    lines = ["\t".join(columns)]
    for number, (accession, gene, values, why) in enumerate(PROTEINS):
        cells = (
            f"CON__{accession}" if why == "contaminant" else accession,
            f"CON__{accession}" if why == "contaminant" else accession,
            gene,
            "6",
            "6",
            *(f"{v:.0f}" for v in values),
            "",
            "+" if why == "reverse" else "",
            "+" if why == "contaminant" else "",
            str(number),
        )
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
