"""Allotrope Simple Model (ASM): JSON that converters such as allotropy write from many vendors.

Read are measurements of plate readers, spectrophotometers, fluorometers, bead immunoassays, qPCR
and dPCR and counts of light obscuration, as far as the JSON states sample, place, role, value and
unit. Results that a converter calculated (``calculated data``) are not read.

Two habits of converters are met here. A missing value is written as ``-0.0`` with the reason in
an error document: it is no zero. And absorbances are labelled ``mAU`` whatever the instrument
wrote: the label is kept and warned about.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exocast.errors import InstrumentFileError
from exocast.vial.cells import LARGEST
from exocast.vial.files import InstrumentFile
from exocast.vial.records import Measurement, Reading, Value, VialWarning
from exocast.vial.registry import Reader
from exocast.vial.sheet import unit_word
from exocast.vial.wells import Reported, Well, Wells, reported, well_name, well_table, well_warnings

KIND = "Allotrope Simple Model (JSON)"
MANIFEST = "$asm.manifest"
# What each manifest measures that is read here.
MANIFESTS = (
    "plate-reader", "spectrophotometry", "fluorescence", "luminescence", "ultraviolet-absorbance",
    "multi-analyte-profiling", "qpcr", "dpcr", "pcr", "solution-analyzer",
)  # fmt: skip
SIGNALS = ("absorbance", "fluorescence", "luminescence")
CT = "cycle threshold result (qPCR)"
COPIES = "number concentration"
ROLES = {
    "standard sample role": "standard",
    "calibration sample role": "standard",
    "unknown sample role": "sample",
    "sample role": "sample",
    "blank role": "blank",
    "blank sample role": "blank",
    "control sample role": "control",
    "positive control sample role": "control",
    "negative control sample role": "control",
    "no template control sample role": "no_template",
    "validation sample role": "control",
}
UNITS = {"#/uL": "copies/uL", "degC": "degC", "RFU": "RFU", "RLU": "RLU", "mAU": "mAU"}
MASS = "mass concentration"


@dataclass(frozen=True, kw_only=True)
class _Signal:
    """One value of a measurement document, before it is known whether it needs a target."""

    name: str
    quantity: Mapping[str, Any]
    target: str
    wavelength: str


def _sniff(file: InstrumentFile) -> bool:
    start = file.head.lstrip("\ufeff \t\r\n")
    return start.startswith("{") and MANIFEST in file.head


def _read(file: InstrumentFile) -> Reading:
    document = _json(file)
    manifest = document.get(MANIFEST)
    name = _manifest_name(manifest)
    if not isinstance(manifest, str) or name not in MANIFESTS:
        raise _error(
            file,
            "NOT_AN_EXPORT",
            f"the manifest is '{str(manifest)[:120]}', and read are those of "
            f"{', '.join(MANIFESTS)}.",
        )
    aggregate = next(
        (v for k, v in document.items() if k.endswith("aggregate document") and _is_map(v)), None
    )
    if aggregate is None:
        raise _error(file, "TRUNCATED", "no 'aggregate document' stands in the JSON; it was cut.")
    documents = list(_measurement_documents(aggregate))
    if not documents:
        raise _error(file, "EMPTY_RUN", "the JSON holds no measurement.")
    wells = _wells(file, documents)
    measurements = _measurements(file, documents)
    if not wells and not measurements:
        raise _error(
            file,
            "EMPTY_RUN",
            f"{len(documents)} measurements stand in the JSON and none states one of "
            f"{', '.join((*SIGNALS, CT, COPIES, MASS))}.",
        )
    system = _map(aggregate, "data system document")
    device = _map(aggregate, "device system document")
    facts = {k: str(v) for k, v in {**device, **system}.items() if isinstance(v, str | int | float)}
    software = f"{facts.get('software name', '')} {facts.get('software version', '')}".strip()
    warnings = _warnings(file, documents, wells)
    return Reading(
        file=str(file.path),
        sha256=file.sha256,
        reader="asm",
        kind=f"{KIND}, {name}",
        software=software,
        instrument=facts.get("model number", facts.get("device identifier", "")),
        encoding=file.encoding,
        measurements=tuple(measurements),
        wells=well_table(wells) if wells else None,
        facts=facts,
        warnings=tuple(warnings),
    )


# JSON -------------------------------------------------------------------------------------------


def _json(file: InstrumentFile) -> dict[str, Any]:
    def constant(word: str) -> float:
        # Converters write NaN for a missing value, though JSON has no such word.
        if word == "NaN":
            return math.nan
        raise ValueError(f"'{word}' is no number of JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name stands twice in one object")
        return found

    try:
        document = json.loads(
            file.text.lstrip("\ufeff"), parse_constant=constant, object_pairs_hook=once
        )
    except (ValueError, RecursionError) as e:
        raise _error(
            file, "TRUNCATED", f"the JSON is damaged ({str(e)[:120]}); convert the file again."
        ) from None
    if not _is_map(document):
        raise _error(file, "NOT_AN_EXPORT", "the JSON is no object with a manifest.")
    result: dict[str, Any] = document
    return result


def _error(file: InstrumentFile, code: str, message: str) -> InstrumentFileError:
    return InstrumentFileError(message, code=code, where=str(file.path))


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _map(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _list(document: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    """Documents of a list below nested names; none where something else stands there."""
    for name in names[:-1]:
        document = _map(document, name)
    value = document.get(names[-1])
    return [x for x in value if isinstance(x, dict)] if isinstance(value, list) else []


def _text(document: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = document.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value).strip()
    return ""


def _manifest_name(manifest: Any) -> str:
    match = re.search(r"/([\w-]+)\.manifest$", manifest) if isinstance(manifest, str) else None
    return match.group(1) if match else ""


def _measurement_documents(aggregate: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for documents in aggregate.values():
        if not isinstance(documents, list):
            continue
        for document in documents:
            if isinstance(document, dict):
                yield from _list(document, "measurement aggregate document", "measurement document")


def _processed(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _list(document, "processed data aggregate document", "processed data document")


def _errors(document: Mapping[str, Any]) -> dict[str, str]:
    """What went wrong, by the feature that it concerns."""
    found: dict[str, str] = {}
    for error in _list(document, "error aggregate document", "error document"):
        feature = _text(error, "error feature").lower()
        if feature:
            found.setdefault(feature, _text(error, "error"))
    return found


# Wells ------------------------------------------------------------------------------------------


def _wells(file: InstrumentFile, documents: Sequence[Mapping[str, Any]]) -> Wells:
    found = [(i, d, s) for i, d in enumerate(documents, start=1) for s in _signals(d)]
    several = len({(s.name, s.wavelength) for _, _, s in found}) > 1
    wells = Wells(str(file.path))
    for i, document, signal in found:
        sample = _map(document, "sample document")
        # Tubes have no place on a plate.
        place = _text(sample, "well location identifier", "location identifier")
        place = place or f"measurement {i}"
        role = ROLES.get(_text(sample, "sample role type").lower(), "unknown")
        value = _reported(file, document, signal)
        nominal = _map(sample, MASS) or _map(sample, "concentration")
        unit = _unit(signal.quantity)
        wavelength = f"{signal.name} {signal.wavelength}".strip() if several else ""
        is_standard = role == "standard" and bool(nominal)
        wells.append(
            Well(
                plate=_text(sample, "well plate identifier"),
                well=well_name(place) or place,
                sample=_text(sample, "sample identifier"),
                target=signal.target or wavelength,
                role=role,
                nominal=_number(file, nominal) if is_standard else math.nan,
                nominal_unit=_unit(nominal) if is_standard else "",
                value=value.value,
                unit="Cq" if signal.name == CT else unit,
                censored=value.censored,
                dilution=_dilution(file, document),
                excluded=value.excluded,
                reason=value.reason,
            )
        )
    return wells


def _signals(document: Mapping[str, Any]) -> Iterator[_Signal]:
    target = _text(document, "target DNA description")
    custom = _map(document, "custom information document")
    target = "" if target == "N/A" else target or _text(custom, "assay identifier")
    controls = _list(document, "device control aggregate document", "device control document")
    setting = _map(controls[0], "detector wavelength setting") if controls else {}
    length = setting.get("value")
    is_number = isinstance(length, int | float) and not isinstance(length, bool)
    wavelength = f"{length:g} {_text(setting, 'unit')}" if is_number else ""
    for name in SIGNALS:
        if quantity := _map(document, name):
            yield _Signal(name=name, quantity=quantity, target=target, wavelength=wavelength)
    for processed in _processed(document):
        for name in (CT, COPIES):
            if quantity := _map(processed, name):
                yield _Signal(name=name, quantity=quantity, target=target, wavelength="")
    for analyte in _list(document, "analyte aggregate document", "analyte document"):
        for statistics in _list(analyte, "statistics aggregate document", "statistics document"):
            for dimension in _list(
                statistics,
                "statistic dimension aggregate document",
                "statistic dimension document",
            ):
                quantity = _map(dimension, "statistical value")
                if quantity.get("has statistic datum role") == "median role":
                    yield _Signal(
                        name=_text(statistics, "statistical feature") or "fluorescence",
                        quantity=quantity,
                        target=_text(analyte, "analyte name"),
                        wavelength="",
                    )


def _reported(file: InstrumentFile, document: Mapping[str, Any], signal: _Signal) -> Reported:
    """Value of a signal; with an error about it there is none, whatever number stands there."""
    errors = _errors(document)
    named = (signal.name.lower(), f"{signal.target} <median role>".lower())
    error = next((errors[n] for n in named if n in errors), None)
    if error is not None:
        if error.lower().startswith("undetermined"):
            return Reported(censored="above", reason=error)
        word = _reported_word(error)
        return word if word.reason else Reported(excluded=True, reason=error)
    value = _number(file, signal.quantity)
    if math.isnan(value):
        return Reported(excluded=True, reason="no value")
    if value == 0 and math.copysign(1, value) < 0:
        reason = "-0.0, a converter's sign of a missing value"
        return Reported(excluded=True, reason=reason)
    return Reported(value=value)


def _reported_word(error: str) -> Reported:
    """What a word of the instrument means that a converter kept as an error: ``OVRFLW``."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.inf
        if not abs(value) < LARGEST:
            raise InstrumentFileError("no number", code="NOT_A_NUMBER")
        return value

    try:
        return reported(error, read)
    except InstrumentFileError:
        return Reported(excluded=True, reason=error[:120])


def _number(file: InstrumentFile, quantity: Mapping[str, Any]) -> float:
    value = quantity.get("value")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise _error(
            file,
            "NOT_A_NUMBER",
            f"'{str(value)[:40]}' stands where a number is needed; the JSON was changed.",
        )
    return float(value)


def _unit(quantity: Mapping[str, Any]) -> str:
    unit = unit_word(_text(quantity, "unit"))
    return "" if unit.strip("()") == "unitless" else UNITS.get(unit, unit)


def _dilution(file: InstrumentFile, document: Mapping[str, Any]) -> float:
    controls = _list(document, "device control aggregate document", "device control document")
    for place in (*controls, _map(document, "sample document")):
        if quantity := _map(place, "dilution factor setting"):
            return _number(file, quantity)
    return math.nan


# Measurements -----------------------------------------------------------------------------------


def _measurements(
    file: InstrumentFile, documents: Sequence[Mapping[str, Any]]
) -> list[Measurement]:
    found: dict[tuple[str, str, str, str], list[Value]] = {}
    for document in documents:
        sample = _map(document, "sample document")
        name = _text(sample, "sample identifier")
        label = _text(sample, "well location identifier", "location identifier")
        label = label or _text(document, "measurement identifier")
        # Where allotropy keeps the concentration of a Qubit that carries the dilution already.
        custom = _map(sample, "custom information document")
        if quantity := _map(custom, "original sample concentration"):
            key = (MASS, "fluorescence", name, _unit(quantity))
            found.setdefault(key, []).append(_value(file, document, MASS, quantity, label))
        for processed in _processed(document):
            if quantity := _map(processed, MASS):
                key = (MASS, "UV", name, _unit(quantity))
                found.setdefault(key, []).append(_value(file, document, MASS, quantity, label))
            for size in _list(
                processed, "distribution aggregate document", "distribution document"
            ):
                _add_count(file, found, size, name, label)
    return [
        Measurement(attribute=a, method=m, sample=s, unit=u, values=tuple(v))
        for (a, m, s, u), v in found.items()
    ]


def _value(
    file: InstrumentFile,
    document: Mapping[str, Any],
    name: str,
    quantity: Mapping[str, Any],
    label: str,
) -> Value:
    signal = _Signal(name=name, quantity=quantity, target="", wavelength="")
    value = _reported(file, document, signal)
    return Value(
        name=label,
        value=value.value,
        censored=value.censored,
        excluded=value.excluded,
        reason=value.reason,
    )


def _add_count(
    file: InstrumentFile,
    found: dict[tuple[str, str, str, str], list[Value]],
    size: Mapping[str, Any],
    sample: str,
    label: str,
) -> None:
    """Particles of a size and larger per mL; runs that were discarded are not marked in ASM."""
    diameter, density = _map(size, "particle size"), _map(size, "cumulative particle density")
    if not diameter or _unit(density) != "Counts/mL" or _unit(diameter) != "um":
        return
    key = (f"particles >= {_number(file, diameter):g} um", "light obscuration", sample, "1/mL")
    count = _map(size, "cumulative count")
    found.setdefault(key, []).append(
        Value(
            name=label,
            value=_number(file, density),
            n_events=_number(file, count) if count else math.nan,
        )
    )


# Warnings ---------------------------------------------------------------------------------------


def _warnings(
    file: InstrumentFile, documents: Sequence[Mapping[str, Any]], wells: Wells
) -> list[VialWarning]:
    def warn(code: str, message: str, line: int = 0) -> VialWarning:
        return VialWarning(code=code, message=message, where=str(file.path))

    warnings = well_warnings(wells, warn) if wells else []
    if "mAU" in wells.column("unit"):
        warnings.append(
            warn(
                "UNIT",
                "absorbances are labelled mAU: converters write so whatever the instrument stated "
                "(usually AU). The label is kept; compare one value with the instrument's file",
            )
        )
    if any(_list(p, "distribution aggregate document", "distribution document")
           for d in documents for p in _processed(d)):  # fmt: skip
        warnings.append(
            warn(
                "RUN_DISCARDED",
                "runs that the operator discarded are not marked in this form and stand among the "
                "others; read the instrument's own report instead",
            )
        )
    messages: dict[str, int] = {}
    for document in documents:
        for error in _list(document, "error aggregate document", "error document"):
            if not _text(error, "error feature"):
                text = _text(error, "error")
                messages[text] = messages.get(text, 0) + 1
    warnings += [
        warn("INSTRUMENT", f"the instrument says of {n} measurements: {text[:200]}")
        for text, n in messages.items()
    ]
    return warnings


READERS = (Reader(name="asm", kind=KIND, sniff=_sniff, read=_read, most_bytes=100_000_000),)
