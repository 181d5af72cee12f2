"""Published models: both paths against each other, and against runs that somebody else made.

The files are other people's and stay outside the repository: EXOCAST_REFERENCE names their folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exocast import engine
from exocast.engine.batch.front import document_of
from exocast.errors import UnsupportedModel

pytestmark = pytest.mark.slow
WITHIN = 1e-6  # of the largest value
# CVODE's own error at 1e-10 is above that here: 1.7e-5, 1.5e-6 and 3.3e-6 of the largest value.
TIGHTER = dict.fromkeys(("BIOMD0000000504", "BIOMD0000000560", "BIOMD0000000786"), 1e-12)
REFUSED = {"BIOMD0000000512": "fast reaction", "BIOMD0000000841": "delay symbol"}
# libRoadRunner steps over events that hold at one instant (time == a counter of days), and so over
# the doses; without doses the paths can be compared.
WITHOUT_DOSES = {"BIOMD0000000620": "Ana_on", "BIOMD0000000621": "Ana_on"}
SPAN = {"BIOMD0000000616": 60.0, "BIOMD0000000722": 30.0, "BIOMD0000000855": 30.0}
MODELS = [
    "BIOMD0000000" + number
    for number in (
        *("101 139 140 147 151 163 226 230 287 342 447 489 504 512 534 549 550 560".split()),
        *("582 616 620 621 679 680 681 714 722 786 794 806 841 855 860 862 864 873".split()),
        *("928 989".split()),
    )
] + ["BIOMD0000001060"]


@pytest.mark.parametrize("name", MODELS)
def test_both_paths_agree_on_a_published_model(name: str, reference: Path) -> None:
    file = reference / "literature" / "sbml" / f"{name}.xml"
    if name in REFUSED:
        for path in ("batch", "general", "auto"):
            with pytest.raises(UnsupportedModel, match=REFUSED[name]):
                engine.compile(file, path=path)
        return
    document = document_of(file.read_text(encoding="utf-8"))
    seen = tuple(sorted(document.species))
    switch = tuple(WITHOUT_DOSES[name] for _ in range(name in WITHOUT_DOSES))
    off = np.zeros((1, len(switch)))
    times = np.linspace(0.0, SPAN.get(name, 100.0), 21)
    batch = engine.compile(file, switch, seen, path="batch")
    general = engine.compile(file, switch, seen, path="general")
    a = batch.run(times, off, rtol=1e-10, checked_share=0.0)
    b = general.run(times, off, rtol=TIGHTER.get(name, 1e-10), processes=1, checked_share=0.0)
    assert engine.STATUS[int(a.status[0])] == "ok"
    assert engine.STATUS[int(b.status[0])] == "ok"
    scale = np.abs(b.values[0]).max(axis=0)
    error = np.abs(a.values[0] - b.values[0]).max(axis=0)
    wrong = {n: (e, s) for n, e, s in zip(seen, error, scale, strict=True) if not e <= WITHIN * s}
    assert wrong == {}


def test_daily_doses_at_an_instant_are_given(reference: Path) -> None:
    file = reference / "literature" / "sbml" / "BIOMD0000000620.xml"
    model = engine.compile(file, observe=("Anakinrasc", "Anakinra_dose_counter"), path="batch")
    values = model.run(np.arange(100) + 0.75, rtol=1e-8).values[0]
    # At 0.5, 1.5, … while the counter is below 91.
    assert values[:, 1].tolist() == [min(1.5 + day, 91.5) for day in range(100)]
    assert values[20, 0] == pytest.approx(values[21, 0], rel=1e-6)
    assert values[95, 0] < 1e-3 * values[21, 0]


RUNS = {
    "BIOMD0000000504_baseline": ("time_day", 86400.0),
    "BIOMD0000000616": ("time", 1.0),
    "BIOMD0000000722": ("time", 1.0),
    "BIOMD0000000855": ("time", 1.0),
    "BIOMD0000000928": ("time", 1.0),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_others_made_is_reproduced(name: str, reference: Path) -> None:
    column, unit = RUNS[name]
    folder = reference / "literature" / "sbml"
    table = pd.read_csv(folder / "reference_runs" / f"{name}.csv")
    seen = tuple(table.columns[1:])
    model = engine.compile(folder / f"{name.partition('_')[0]}.xml", observe=seen, path="batch")
    runs = model.run(table[column].to_numpy() * unit)
    for i, observed in enumerate(seen):
        want = table[observed].to_numpy()
        assert np.abs(runs.values[0, :, i] - want).max() <= 1e-3 * np.abs(want).max(), observed


def test_a_signal_after_a_long_rest_is_reproduced(reference: Path) -> None:
    # Hoffmann 2002: 2,000 minutes without IKK, then 0.1 uM of it at once.
    seen = {
        "NFkB_nuc_uM": "NFkB_nuc",
        "IKK_uM": "IKK",
        "IkBalpha_uM": "IkBalpha",
        "IkBalpha_NFkB_uM": "IkBalpha_NFkB",
        "IkBalpha_mRNA_uM": "IkBalpha_transcript",
    }
    folder = reference / "literature" / "sbml"
    table = pd.read_csv(folder / "reference_runs" / "BIOMD0000000140_after_stimulus.csv")
    model = engine.compile(
        folder / "BIOMD0000000140.xml", ("IKK",), tuple(seen.values()), path="batch"
    )
    signal = pd.DataFrame({"run": [0], "time": [2000.0], "amount": [0.1], "target": ["IKK"]})
    runs = model.run(2000.0 + table["time_min"].to_numpy(), [[0.0]], signal)
    _close(runs.values[0], table[list(seen)].to_numpy())


def test_a_receptor_switched_on_by_the_model_is_reproduced(reference: Path) -> None:
    # Lipniacki 2004: the model's own event switches TNF on at 363,600 s.
    seen = {
        "NFkB_nuc": "NFKB_nuc",
        "IkBa": "IkB",
        "IkBa_NFkB": "IkB_NFKB",
        "A20": "A20",
        "IKK_active": "IKK_active",
        "IkBa_mRNA": "IkB_mRNA",
        "A20_mRNA": "A20_mRNA",
    }
    folder = reference / "literature" / "sbml"
    table = pd.read_csv(folder / "reference_runs" / "BIOMD0000000786_after_TNF.csv")
    model = engine.compile(
        folder / "BIOMD0000000786.xml", observe=tuple(seen.values()), path="batch"
    )
    runs = model.run(363_600.0 + 60.0 * table["time_min"].to_numpy())
    _close(runs.values[0], table[list(seen)].to_numpy())


def _close(got: np.ndarray, want: np.ndarray) -> None:
    assert (np.abs(got - want).max(axis=0) <= 1e-3 * np.abs(want).max(axis=0)).all()
