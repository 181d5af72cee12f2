"""Allotrope Simple Model: what any converter's JSON states, and what it only seems to state.

Developed against the JSON that allotropy 0.1.150 makes of 23 sample files (plate readers, NanoDrop,
Qubit, Luminex, MSD, HIAC, Stunner, CFX, QuantStudio, Qiacuity, Absolute Q); those files are not in
the repository. All values agree with our own readers of the same files; see test_plate_readers.py.
"""

from __future__ import annotations

import json
import math

import pytest
from made_files import claims, codes, read_made, values_of
from writers.plate_files import asm_document, asm_text, asm_well

from exocast.errors import InstrumentFileError

QPCR = "pcr/REC/2024/09/qpcr"
CT = "cycle threshold result (qPCR)"


def wells_of(*measurements, **options):
    document = asm_document(measurements, **options)
    return read_made(asm_text(document)).wells.set_index("well")


def with_processed(well, processed, **more):
    document = asm_well(well, None, **more)
    del document["absorbance"]
    document["processed data aggregate document"] = {"processed data document": [processed]}
    return document


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_plate_is_read_back(indent, encoding):
    document = asm_document([
        asm_well("A1", 2.5, sample="s1", role="standard sample role", nominal=(100.0, "pg/mL")),
        asm_well("A2", 0.125, sample="b1", role="blank role"),
        asm_well("B01", 1.75, sample="u1", role="unknown sample role"),
        asm_well("B2", 1e-7, sample="?"),
    ])  # fmt: skip
    reading = read_made(asm_text(document, indent=indent), encoding)
    wells = reading.wells.set_index("well")
    assert list(wells["value"]) == [2.5, 0.125, 1.75, 1e-7]
    assert list(wells["role"]) == ["standard", "blank", "sample", "unknown"]
    assert (wells.loc["A1", "nominal"], wells.loc["A1", "nominal_unit"]) == (100, "pg/mL")
    assert list(wells.index) == ["A1", "A2", "B1", "B2"]
    assert reading.software == "Maker 1"
    assert reading.instrument == "Reader 5"


def test_claimed_by_one_reader():
    assert claims(asm_text(asm_document([asm_well("A1", 1.0)])).encode()) == ["asm"]
    assert claims(b'{"a": 1}') == []


def test_absorbance_labelled_mau_is_kept_and_doubted():
    reading = read_made(asm_text(asm_document([asm_well("A1", 2.1)])))
    assert list(reading.wells["unit"]) == ["mAU"]
    assert codes(reading) == ["UNIT"]


def test_minus_zero_with_an_error_is_no_value():
    wells = wells_of(
        asm_well("A1", -0.0, error="OVRFLW"),
        asm_well("A2", -0.0, error="MISSED"),
        asm_well("A3", -0.0, error="*0.356*"),
        asm_well("A4", -0.0),
        asm_well("A5", 0.0),
        asm_well("A6", 0.25, error="the lamp failed"),
    )
    assert list(wells["censored"]) == ["above", "", "", "", "", ""]
    assert list(wells["excluded"]) == [False, True, True, True, False, True]
    assert wells.loc["A5", "value"] == 0
    assert wells.loc[["A1", "A2", "A4", "A6"], "value"].isna().all()
    assert "masked" in wells.loc["A3", "reason"]
    assert wells.loc["A6", "reason"] == "the lamp failed"


def test_nan_and_null_are_no_value():
    wells = wells_of(asm_well("A1", math.nan), asm_well("A2", None), asm_well("A3", 1.5))
    assert list(wells["excluded"]) == [True, True, False]
    assert list(wells["value"].isna()) == [True, True, False]


def test_cycle_that_was_not_reached_is_censored():
    reached = with_processed("A1", {CT: {"value": 21.5, "unit": "(unitless)"}}, sample="s")
    missed = with_processed("A2", {CT: {"value": -0.0, "unit": "(unitless)"}}, sample="s")
    missed["error aggregate document"] = {
        "error document": [{"error": "Undetermined", "error feature": CT}]
    }
    reached["target DNA description"] = missed["target DNA description"] = "GAPDH"
    wells = wells_of(reached, missed, manifest=QPCR)
    assert (wells.loc["A1", "value"], wells.loc["A1", "unit"]) == (21.5, "Cq")
    assert wells.loc["A2", "censored"] == "above"
    assert math.isnan(wells.loc["A2", "value"])
    assert set(wells["target"]) == {"GAPDH"}


def test_copies_of_digital_pcr():
    well = with_processed("A1", {"number concentration": {"value": 373.3, "unit": "#/\u03bcL"}})
    wells = wells_of(well, manifest="pcr/BENCHLING/2023/09/dpcr")
    assert (wells.loc["A1", "value"], wells.loc["A1", "unit"]) == (373.3, "copies/uL")


def test_medians_of_bead_assays_by_analyte():
    document = asm_well("A1", None, sample="Unknown1")
    del document["absorbance"]

    def analyte(name, value, role="median role"):
        statistic = {"value": value, "unit": "RFU", "has statistic datum role": role}
        return {
            "analyte name": name,
            "statistics aggregate document": {"statistics document": [{
                "statistical feature": "fluorescence",
                "statistic dimension aggregate document": {
                    "statistic dimension document": [{"statistical value": statistic}]
                },
            }]},
        }  # fmt: skip

    document["analyte aggregate document"] = {
        "analyte document": [analyte("a", 10921.5), analyte("b", -0.0), analyte("c", 9.0, "mean")]
    }
    document["error aggregate document"] = {
        "error document": [{"error": "NaN", "error feature": "b <median role>"}, {"error": "few"}]
    }
    name = "multi-analyte-profiling/BENCHLING/2024/09/multi-analyte-profiling"
    reading = read_made(asm_text(asm_document([document], manifest=name)))
    wells = reading.wells.set_index("target")
    assert list(wells.index) == ["a", "b"]
    assert wells.loc["a", "value"] == 10921.5
    assert bool(wells.loc["b", "excluded"])
    assert "INSTRUMENT" in codes(reading)


def test_concentrations_and_counts_become_measurements():
    mass = with_processed(
        "A1", {"mass concentration": {"value": 704.986, "unit": "ng/\u00b5L"}}, sample="lot 7"
    )
    size = {
        "particle size": {"value": 10.0, "unit": "\u00b5m"},
        "cumulative count": {"value": 5.0, "unit": "(unitless)"},
        "cumulative particle density": {"value": 25.0, "unit": "Counts/mL"},
    }
    counts = with_processed(
        "A2", {"distribution aggregate document": {"distribution document": [size]}}, sample="v"
    )
    reading = read_made(asm_text(asm_document([mass, counts])))
    assert values_of(reading, "mass concentration", "lot 7") == [704.986]
    assert values_of(reading, "particles >= 10 um", "v") == [25]
    assert [m.unit for m in reading.measurements] == ["ng/uL", "1/mL"]
    assert "RUN_DISCARDED" in codes(reading)
    assert reading.particles is None


def test_wavelengths_become_targets_only_where_there_are_several():
    other = asm_well("A1", 0.25)
    setting = other["device control aggregate document"]["device control document"][0]
    setting["detector wavelength setting"]["value"] = 560.0
    reading = read_made(asm_text(asm_document([asm_well("A1", 0.5), other])))
    assert list(reading.wells["target"]) == ["absorbance 450 nm", "absorbance 560 nm"]
    assert list(wells_of(asm_well("A1", 0.5), asm_well("A2", 0.5))["target"]) == ["", ""]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (asm_text(asm_document([asm_well("A1", 1.0)]))[:-20], "TRUNCATED"),
        (asm_text(asm_document([asm_well("A1", 1.0)], manifest="x/cells")), "NOT_AN_EXPORT"),
        (asm_text(asm_document([])), "EMPTY_RUN"),
        (asm_text(asm_document([{"sample document": {}}])), "EMPTY_RUN"),
        (asm_text(asm_document([asm_well("A1", 1.0)])).replace("1.0", "Infinity", 1), "TRUNCATED"),
        (asm_text(asm_document([asm_well("A1", 7.5)])).replace("7.5", "1e99", 1), "NOT_A_NUMBER"),
        (asm_text(asm_document([asm_well("A1", 7.5)])).replace("7.5", '"7.5"', 1), "NOT_A_NUMBER"),
        (asm_text(asm_document([asm_well("A1", 7.5)])).replace("7.5", "true", 1), "NOT_A_NUMBER"),
        ('{"$asm.manifest": "x", "a": ' + "[" * 100_000, "TRUNCATED"),
        ('{"$asm.manifest": "/plate-reader.manifest", "a": 1, "a": 2}', "TRUNCATED"),
        ('{"$asm.manifest": ["x"]}', "NOT_AN_EXPORT"),
    ],
    ids=range(11),
)  # fmt: skip
def test_damage_is_refused_in_words(text, code):
    with pytest.raises(InstrumentFileError) as e:
        read_made(text, reader="asm")
    assert e.value.code == code
    assert len(e.value.message) > 20


def test_types_that_are_not_expected_do_not_break_the_reader():
    document = asm_document([asm_well("A1", 1.5)])
    text = json.dumps(document)
    for name in ("sample document", "device control aggregate document", "absorbance"):
        for other in ("null", "[]", '"x"', "3"):
            start = text.index(f'"{name}": ') + len(f'"{name}": ')
            end = json.JSONDecoder().raw_decode(text[start:])[1] + start
            changed = text[:start] + other + text[end:]
            try:
                reading = read_made(changed)
            except InstrumentFileError:
                continue
            assert set(reading.wells["value"].dropna()) <= {1.5}
