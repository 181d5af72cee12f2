"""The benchmark's own arithmetic on toy input, and that it runs where no peer is installed."""

import importlib
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exocast.vial import read_file

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"


@pytest.fixture
def arithmetic(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "arithmetic", raising=False)
    yield importlib.import_module("arithmetic")
    sys.modules.pop("arithmetic", None)


def test_error_is_the_root_mean_square_of_scaled_differences(arithmetic):
    reference = np.array([[[1.0, 0.0], [3.0, 0.0]]])  # (1 patient, 2 times, 2 observables)
    values = reference + np.array([[[0.1, 0.0], [0.0, 0.0]]])
    scaled = 0.1 / (1.0 + 3e-3)
    # The observable that is zero throughout has no scale and does not count.
    assert arithmetic.patient_errors(values, reference) == pytest.approx([scaled / math.sqrt(2)])


def test_median_error_is_over_patients_and_a_failure_is_infinite(arithmetic):
    reference = np.ones((3, 2, 1))
    values = reference * np.array([1.0, 1.01, np.nan])[:, None, None]
    assert arithmetic.patient_errors(values, reference)[2] == math.inf
    assert arithmetic.median_error(values, reference) == pytest.approx(0.01 / 1.001)


def test_rate_at_an_error_is_straight_in_both_logarithms(arithmetic):
    points = [(1e-2, 1000.0), (1e-4, 100.0), (1e-6, 10.0)]
    assert arithmetic.rate_at(1e-3, points) == pytest.approx(math.sqrt(1e5))
    assert arithmetic.rate_at(1e-4, points) == pytest.approx(100.0)


@pytest.mark.parametrize("error", [1e-1, 1e-7])
def test_rate_is_not_extrapolated(arithmetic, error):
    assert math.isnan(arithmetic.rate_at(error, [(1e-2, 1000.0), (1e-6, 10.0)]))


TOY = """
define internal void @model_rhs(ptr noalias %y) nounwind {
entry:
  %v1 = getelementptr i8, ptr %y, i64 64
  %v2 = load <8 x double>, ptr %v1, align 64
  %v3 = fmul <8 x double> %v2, %v2
  %v4 = call <8 x double> @llvm.fma.v8f64(<8 x double> %v3, <8 x double> %v2, <8 x double> %v2)
  %v5 = fneg <8 x double> %v4
  %v6 = fcmp olt <8 x double> %v5, %v2
  %v7 = select <8 x i1> %v6, <8 x double> %v5, <8 x double> %v2
  ret void
}
define internal void @stages(ptr %w, ptr %x) nounwind {
entry:
  call void @model_rhs(ptr %w)
  br label %head1
head1:
  %v2 = phi i64 [ 0, %entry ], [ %v9, %inside3 ]
  %v5 = icmp slt i64 %v2, 7
  br i1 %v5, label %inside3, label %after4
inside3:
  %v6 = fadd <8 x double> %a, %b
  %v7 = fadd double 1.0, 2.0
  call void @apart(ptr %w)
  %v9 = add i64 %v2, 1
  br label %head1
after4:
  %v10 = fdiv <8 x double> %a, %b
  call void @model_rhs(ptr %w)
  ret void
}
define internal void @apart(ptr %w) nounwind {
entry:
  %v1 = fadd <8 x double> %a, %b
  ret void
}
"""


def test_vector_operations_count_what_a_called_function_does(arithmetic):
    text = """
define internal <8 x double> @square(<8 x double> %x) nounwind {
  %v1 = fmul <8 x double> %x, %x
  %v2 = fadd <8 x double> %v1, %x
  ret <8 x double> %v2
}
define internal void @twice(ptr %y) nounwind {
  %v1 = call <8 x double> @square(<8 x double> %y)
  %v2 = call <8 x double> @square(<8 x double> %v1)
  ret void
}
"""
    assert arithmetic.vector_operations(text, ("twice",)) == {"twice": 4}


def test_vector_operations_count_loops_and_calls(arithmetic):
    names = ("stages", "model_rhs", "apart")
    every = arithmetic.vector_operations(TOY, names)
    assert every == {"model_rhs": 4, "apart": 1, "stages": 4 + 7 * (1 + 1) + 1 + 4}
    assert arithmetic.vector_operations(TOY, ("stages",), ("apart",)) == {"stages": 16}


def test_bound_is_two_instructions_a_cycle(arithmetic):
    # Eight patients in two registers: 1000 operations are 2000 instructions, 250 a patient.
    found = arithmetic.bound(clock_hz=1e9, operations=1000.0, steps=100.0, lanes=8, width=4)
    assert found == pytest.approx(2e9 / (250.0 * 100.0))
    wider = arithmetic.bound(clock_hz=1e9, operations=1000.0, steps=100.0, lanes=8, width=8)
    assert wider == pytest.approx(2 * found)


def test_cold_start_is_measured_without_peers(tmp_path):
    file = tmp_path / "numbers.json"
    command = [sys.executable, str(FOLDER / "bench.py"), "--quick", "--no-peers"]
    done = subprocess.run(
        [*command, "--only", "cold", "--rounds", "1", "--json", str(file)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text(encoding="utf-8"))["results"]["cold"]
    for way in ("no cache", "cached"):
        assert found[way]["whole"][0] > 0
        assert found[way]["run"][0] > 0
    assert found["cached"]["made"][0] == 0
    assert "first patient" in done.stdout
    assert not (tmp_path / "docs").exists()


def test_what_is_no_section_is_refused(tmp_path):
    command = [sys.executable, str(FOLDER / "bench.py"), "--only", "warm"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd=tmp_path)
    assert done.returncode != 0
    assert "no section 'warm'" in done.stderr


def test_cells_are_measured_without_peers(tmp_path):
    command = [sys.executable, str(FOLDER / "cells.py"), "neuron_survival", "--no-peers"]
    done = subprocess.run(
        [*command, "--rounds", "1", "--worlds", "8"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if "| well_neuron |" in line]
    assert len(rows) == 2  # one for each of our tolerances
    assert not (tmp_path / "docs").exists()


def test_exports_are_measured_beside_pandas(tmp_path):
    command = [sys.executable, str(FOLDER / "vial.py"), "--copies", "2", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for what in ("exocast: inspected", "exocast: read", "pandas: size table"):
        (row,) = [line for line in done.stdout.splitlines() if line.startswith(f"| {what} | 2 |")]
        assert float(row.split("|")[4].replace(",", "")) > 0
    assert list(tmp_path.iterdir()) == []


def test_peer_sums_the_same_bins(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    # A folder of the package is called vial too: the file is loaded by its place.
    spec = importlib.util.spec_from_file_location("benchmark_of_vials", FOLDER / "vial.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    export = read_file(bench.EXAMPLE).particles
    assert bench.by_pandas(bench.EXAMPLE) == pytest.approx(float(export.bins.per_ml.sum()))


def test_the_page_has_every_assay(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    cells = importlib.import_module("cells")
    monkeypatch.delitem(sys.modules, "cells")
    page = cells.PAGE.read_text(encoding="utf-8")
    section = page.partition(cells.HEADING)[2].partition("\n## ")[0]
    for name in cells.assays():
        assert f"\n| {name} |" in section
