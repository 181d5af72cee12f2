"""Mapped tables of sizes: what a person says of the columns is used, and nothing else."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from fuzzing import FULL, INPUTS, check_reader
from typer.testing import CliRunner

import exocast
from exocast.cli import app
from exocast.errors import InstrumentFileError, InvalidInput, NotFound
from exocast.vial import Reader, inspect, measure, read_file
from exocast.vial.readers.size_table import SizeTableMap, load_mapping, read_mapped

SIZES = (55.0, 65.0, 75.0, 85.0, 95.0, 105.0, 115.0)
A = (1e6, 4e6, 9e6, 1.2e7, 7e6, 3e6, 1e6)
B = (2e6, 5e6, 8e6, 1.1e7, 8e6, 2e6, 1e6)


def table_text(separator=",", decimal=".", newline="\n", above=0, first=SIZES, columns=(A, B)):
    lines = [["made for a test"]] * above
    lines.append(["Size", "run 1", "run 2"][: 1 + len(columns)])
    for row in zip(first, *columns, strict=True):
        lines.append([f"{x:g}".replace(".", decimal) for x in row])
    return newline.join(separator.join(line) for line in lines) + newline


def mapping(**changes):
    said = {
        "schema_version": 1,
        "kind": "size table",
        "columns": {
            "size": {"name": "Size", "unit": "nm", "bins": "centre"},
            "values": {"run 1": "lot 7", "run 2": "lot 7"},
        },
        "weighting": "number",
        "quantity": "concentration",
        "unit": "1/mL",
    }
    return said | changes


def columns(size=None, **values):
    size = {"name": "Size", "unit": "nm", "bins": "centre"} | (size or {})
    return {"size": size, "values": values or {"run 1": "lot 7", "run 2": "lot 7"}}


MAP_TEXT = """\
schema_version: 1
kind: size table
header_row: 1
separator: comma
decimal: point
columns:
  size: {name: Size, unit: nm, bins: centre}
  values:
    run 1: {sample: lot 7, n_events: 900}
    run 2: {sample: lot 7, n_events: 800}
weighting: number
quantity: concentration
unit: 1/mL
dilution: {value: 200, state: not_applied}
method: NTA
"""


@pytest.fixture
def read(tmp_path):
    def made(text, said, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        return read_file(path, mapping=SizeTableMap.model_validate(said))

    return made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"newline": "\r\n"},
        {"separator": ";"},
        {"separator": ";", "decimal": ","},
        {"separator": "\t", "decimal": ","},
        {"above": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_numbers_do_not_depend_on_the_layout(read, options, encoding):
    said = mapping(
        separator={",": "comma", ";": "semicolon", "\t": "tab"}[options.get("separator", ",")],
        decimal="comma" if options.get("decimal") == "," else "point",
        header_row=1 + options.get("above", 0),
    )
    reading = read(table_text(**options), said, encoding)
    bins = reading.particles.bins
    assert bins.centres_nm.tolist() == list(SIZES)
    assert bins.per_ml.T.tolist() == [list(A), list(B)]
    assert [c.concentration_per_ml for c in reading.particles.captures] == [sum(A), sum(B)]
    assert all(math.isnan(c.tracks) for c in reading.particles.captures)
    assert (reading.reader, reading.warnings) == ("size_table", ())


@pytest.mark.parametrize(
    ("bins", "unit", "centres"),
    [
        ("lower", "nm", [s + 5 for s in SIZES]),
        ("upper", "nm", [s - 5 for s in SIZES]),
        ("centre", "um", [1000 * s for s in SIZES]),
    ],
)
def test_size_column_is_what_the_mapping_says(read, bins, unit, centres):
    said = mapping(columns=columns({"bins": bins, "unit": unit}))
    assert read(table_text(), said).particles.bins.centres_nm == pytest.approx(centres)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("1/mL", 1.0), ("particle/mL", 1.0), ("1/uL", 1e3), ("1e6 particle/mL", 1e6), ("1/L", 1e-3)],
)
def test_concentrations_are_converted_by_the_name_of_their_unit(read, unit, factor):
    export = read(table_text(), mapping(unit=unit)).particles
    assert export.captures[0].concentration_per_ml == pytest.approx(factor * sum(A))
    assert export.bins.per_ml[:, 1] == pytest.approx(factor * np.array(B))


def test_counts_become_concentrations_by_the_measured_volume(read):
    counts = (3, 12, 40, 55, 31, 9, 2)
    said = mapping(
        columns=columns(**{"run 1": {"sample": "lot 7", "measured_volume": "120 pL"}}),
        quantity="count",
        unit=None,
    )
    export = read(table_text(columns=(counts,)), said).particles
    (capture,) = export.captures
    assert capture.tracks == sum(counts)
    assert capture.concentration_per_ml == pytest.approx(sum(counts) / 1.2e-7)
    assert export.bins.per_ml[:, 0] == pytest.approx(np.array(counts) / 1.2e-7)


def test_shares_become_concentrations_by_the_stated_total(read):
    shares = (5.0, 10.0, 25.0, 30.0, 20.0, 8.0, 2.0)
    given = {"run 1": {"sample": "lot 7", "total": "3e8 particle/mL", "n_events": 700}}
    said = mapping(columns=columns(**given), quantity="share", unit="%")
    export = read(table_text(columns=(shares,)), said).particles
    assert export.captures[0].concentration_per_ml == 3e8
    assert export.captures[0].tracks == 700
    assert export.bins.per_ml[:, 0] == pytest.approx(3e6 * np.array(shares))
    # Shares that do not sum to one are said, and not scaled.
    (warning,) = read(table_text(columns=(shares,)), said | {"unit": "1"}).warnings
    assert warning.code == "CHECKSUM"


def test_single_particles_are_counted_into_bins(read):
    text = "nm,run\n71.2,a\n74.9,a\n75,b\n140.5,b\n139.9,a\n"
    said = mapping(
        columns={
            "size": {"name": "nm", "unit": "nm", "bins": "particle"},
            "run": "run",
            "values": {
                "a": {"sample": "x", "measured_volume": "1 nL"},
                "b": {"sample": "y", "total": "5e9 1/mL"},
            },
        }
    )
    del said["quantity"], said["unit"]
    export = read(text, said).particles
    at = {
        float(c): row.tolist()
        for c, row in zip(export.bins.centres_nm, export.bins.per_ml, strict=True)
    }
    assert at[72.5] == pytest.approx([2e6, 0])
    assert at[77.5] == pytest.approx([0, 2.5e9])
    assert at[137.5] == pytest.approx([1e6, 0])
    assert at[142.5] == pytest.approx([0, 2.5e9])
    assert [(c.sample, c.tracks, c.concentration_per_ml) for c in export.captures] == [
        ("x", 3, pytest.approx(3e6)),
        ("y", 2, 5e9),
    ]


def test_dilution_of_the_mapping_is_the_users_and_else_it_is_asked_for(read):
    stated = read(table_text(), mapping(dilution={"value": 200, "state": "not_applied"})).particles
    assert (stated.dilution.value, stated.dilution.origin) == (200, "user")
    found = measure(stated)
    assert found.concentration.value == pytest.approx(200 * math.sqrt(sum(A) * sum(B)))
    with pytest.raises(InstrumentFileError) as e:
        measure(read(table_text(), mapping()).particles)
    assert e.value.code == "DILUTION_UNKNOWN"


def test_no_error_is_claimed_without_a_number_of_events(read):
    one = mapping(columns=columns(**{"run 1": "lot 7"}), dilution={"value": 1, "state": "applied"})
    found = measure(read(table_text(), one).particles)
    assert math.isnan(found.size.se_log_median)
    assert math.isnan(found.size.n_effective)
    assert "COUNTING_UNKNOWN" in [w.code for w in found.warnings]


def test_empty_capture_is_left_out(read):
    reading = read(table_text(columns=(A, (0.0,) * len(A))), mapping())
    assert [c.excluded for c in reading.particles.captures] == [False, True]
    assert [w.code for w in reading.warnings] == ["CAPTURE_FAILED"]


@pytest.mark.parametrize(
    ("change", "said", "code", "words"),
    [
        (lambda t: t.replace("9e+06", ""), {}, "NOT_A_NUMBER", "not taken for zero"),
        (lambda t: t.replace("9e+06", "NaN"), {}, "NOT_A_NUMBER", "not taken for zero"),
        (lambda t: t.replace("9e+06", "-9e+06"), {}, "NOT_A_NUMBER", "negative"),
        (lambda t: t.replace("9e+06", "high"), {}, "NOT_A_NUMBER", "high"),
        (lambda t: t.replace("9e+06", '"9,000"'), {}, "DECIMAL_COMMA", "two ways"),
        (lambda t: t.replace("\n75,", "\n76,"), {}, "UNEVEN_BINS", "65 nm is followed by 76"),
        (lambda t: t.replace("run 2", "run 1"), {}, "COLUMNS", "stands there 2 times"),
        (lambda t: t.replace("run 2", "run2"), {}, "COLUMNS", "Did you mean 'run2'|run2"),
        (lambda t: t.partition("\n")[0] + "\n", {}, "TRUNCATED", "0 rows"),
        (lambda t: t, {"header_row": 99}, "TRUNCATED", "line 99"),
        (lambda t: t, {"separator": "tab"}, "COLUMNS", "separator"),
        (lambda t: t, {"columns": columns({"bins": "upper", "unit": "um"}) | {}}, "", ""),
        (
            lambda t: t.replace("\n55,", "\n1,").replace("\n65,", "\n2,"),
            {"columns": columns({"bins": "upper"})},
            "UNEVEN_BINS",
            "2 nm is followed by 75",
        ),
    ],
)
def test_table_that_is_not_what_the_mapping_says_is_refused(read, change, said, code, words):
    if not code:
        assert read(change(table_text()), mapping(**said)).particles.bins.width_nm == 10_000
        return
    with pytest.raises(InstrumentFileError, match=words) as e:
        read(change(table_text()), mapping(**said))
    assert e.value.code == code
    assert "line" in e.value.where or code == "TRUNCATED"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("weighting: number", "weighting: volume", "not converted"),
        ("weighting: number", "", "weighting"),
        ("quantity: concentration", "quantitty: concentration", "'quantity'"),
        ("unit: 1/mL", "unit: ug/mL", "no concentration"),
        ("unit: 1/mL", "", "need a 'unit'"),
        ("unit: nm", "unit: d.nm", "not a value"),
        ("unit: nm, ", "", "missing"),
        ("quantity: concentration", "quantity: count", "counts have no 'unit'"),
        ("quantity: concentration", "quantity: share", "'1' or '%'"),
        ("state: not_applied", "state: unknown", "go together"),
        ("value: 200", "value: 0.5", "greater than or equal to 1"),
        ("separator: comma", "separator: comma\ndecimal_sign: comma", "'decimal'"),
        ("decimal: point", "decimal: comma", "both"),
        ("bins: centre", "bins: particle", "left out"),
        ("n_events: 900", "n_events: 0", "greater than 0"),
        ("n_events: 900", "measured_volume: 1 nL", "only for counts"),
        ("n_events: 900", "total: 3 ug", "no concentration"),
        ("method: NTA", "floor: 60", "text"),
        ("method: NTA", "floor: 60 mL", "nm"),
        ("schema_version: 1", "schema_version: 2", "schema_version|it has to be"),
    ],
)
def test_mapping_that_cannot_be_used_is_refused_in_words(tmp_path, old, new, words):
    path = tmp_path / "map.yaml"
    assert old in MAP_TEXT
    path.write_text(MAP_TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InvalidInput, match=words) as e:
        load_mapping(path)
    assert str(path) in str(e.value.where)


def test_mapping_and_reader_together_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text(table_text(), encoding="utf-8")
    (tmp_path / "m.yaml").write_text(MAP_TEXT, encoding="utf-8")
    with pytest.raises(InvalidInput, match="give one"):
        read_file(tmp_path / "t.csv", "nanosight", tmp_path / "m.yaml")
    with pytest.raises(NotFound):
        read_file(tmp_path / "t.csv", mapping=tmp_path / "none.yaml")


def test_command_and_function_take_the_mapping(tmp_path):
    table, said = tmp_path / "t.csv", tmp_path / "m.yaml"
    table.write_text(table_text(), encoding="utf-8")
    said.write_text(MAP_TEXT, encoding="utf-8")
    found = exocast.inspect_vial(table, mapping=said)
    assert found == inspect([table], mapping=said)
    (file,) = found["result"]["files"]
    assert file["concentration_per_ml"]["value"] == pytest.approx(200 * math.sqrt(sum(A) * sum(B)))
    plot = tmp_path / "sizes.svg"
    called = CliRunner().invoke(
        app, ["vial", "inspect", str(table), "--map", str(said), "--plot", str(plot)]
    )
    assert called.exit_code == 0, called.output
    assert "lot 7" in called.output or "size table" in called.output
    assert plot.exists()
    refused = CliRunner().invoke(app, ["vial", "inspect", str(table), "--reader", "zetavue"])
    assert refused.exit_code != 0
    assert "zetaview" in refused.output + (refused.stderr or "")


def test_reshaped_nanosight_table_comes_in_with_a_mapping_only(reference):
    path = reference / "samples/nanosight_nta/wide_table_not_vendor_format.csv"
    with pytest.raises(InstrumentFileError, match="--map"):
        read_file(path)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    once = [name for name in header[1:] if header.count(name) == 1]
    assert len(once) > 100
    said = mapping(
        columns={
            "size": {"name": header[0], "unit": "nm", "bins": "centre"},
            "values": {name: name.rpartition("_")[0] for name in once},
        }
    )
    export = read_file(path, mapping=SizeTableMap.model_validate(said)).particles
    assert len(export.captures) == len(once)
    assert export.bins.centres_nm[[0, -1]].tolist() == [0.5, 999.5]
    for capture in export.captures:
        # The sum of the column, by the csv module of Python and fsum.
        own = math.fsum(float(row[header.index(capture.name)]) for row in rows)
        assert capture.concentration_per_ml == pytest.approx(own, rel=1e-12)
    # A column that stands there twice is not known to be either.
    twice = next(name for name in header if header.count(name) == 2)
    said["columns"]["values"] = {twice: "x"}
    with pytest.raises(InstrumentFileError, match="2 times") as e:
        read_file(path, mapping=SizeTableMap.model_validate(said))
    assert e.value.code == "COLUMNS"


def test_damaged_table_is_refused_or_read_as_it_stands():
    said = SizeTableMap.model_validate(mapping())
    reader = Reader(
        name="mapped",
        kind="size table",
        sniff=lambda file: False,
        read=lambda file: read_mapped(file, said),
    )

    def laws(reading, data):
        export = reading.particles
        assert np.all(np.isfinite(export.bins.per_ml))
        for capture in export.captures:
            assert capture.excluded or capture.concentration_per_ml > 0
            assert math.isnan(capture.tracks)

    check_reader(
        reader,
        [table_text().encode(), table_text(newline="\r\n", columns=(B, A)).encode()],
        laws,
        inputs=INPUTS if FULL else INPUTS // 2,
    )
