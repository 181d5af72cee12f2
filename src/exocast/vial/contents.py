"""What a batch holds besides particles: protein, markers, cargo, class by class.

Each part takes the entries of ``batch.yaml``, reads their files and gives numbers with intervals
and what they show for the reporting list. What a file cannot tell stays unknown, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from exocast.errors import InvalidInput, UnitError
from exocast.evidence.rows import Row
from exocast.units import magnitude
from exocast.vial.batch import (
    CargoFile,
    MarkerFile,
    ProteinFile,
    ProteinTable,
    Volumes,
    named_files,
    one_file,
)
from exocast.vial.cargo import (
    CargoEstimate,
    Preparation,
    StandardCurve,
    copies_per_ml,
    copies_per_vesicle,
    digital_copies,
    library_shares,
    quantify,
    standard_curve,
)
from exocast.vial.measure import Estimate
from exocast.vial.misev import Shown
from exocast.vial.records import Measurement, Reading, VialWarning
from exocast.vial.registry import read_file

Z95 = 1.959963984540054
# What a panel's category shows for the reporting list.
SHOWS = {
    "transmembrane or GPI-anchored": "transmembrane",
    "cytosolic with membrane binding": "cytosolic",
}
CONTAMINANTS = ("contaminant of a cell", "contaminant of a fluid")
MOST_RNAS = 10
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number of the batch with its 95 % interval; ``log_sd`` of its logarithm.

    ``by`` names the files behind it, ``how`` says what it is and how it was computed. An end that
    is not known is NaN.
    """

    value: float
    low: float
    high: float
    log_sd: float
    unit: str
    by: tuple[str, ...]
    how: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a part gives: numbers, evidence, and what a person has to know."""

    quantities: tuple[Quantity, ...] = ()
    shown: tuple[Shown, ...] = ()
    warnings: tuple[VialWarning, ...] = ()


Keep = Callable[[Path, Reading, str], str]


def protein_of_entry(
    entry: ProteinFile, base: Path, spread: Row, keep: Keep
) -> tuple[Quantity, tuple[VialWarning, ...]]:
    """Protein of the fill from one entry.

    Reads of one assay share its standards, so that they do not average away the spread of assays
    (``population.protein_spread``), which is added.

    Raises
    ------
    InvalidInput
        ``NO_PROTEIN`` when the file holds none; ``MIXED_SAMPLES`` when it has to be said which;
        ``BELOW_STANDARDS`` or ``ABOVE_STANDARDS`` when it cannot be read off.
    """
    if entry.concentration is not None:
        value = magnitude(entry.concentration, "ug/mL")
        return (
            _quantity(value, spread.value, ("batch.yaml: protein",), f"stated; {spread.key}"),
            (),
        )
    assert entry.file is not None
    path = one_file(base, entry.file)
    reading = read_file(path, entry.reader)
    name = keep(path, reading, "protein")
    if reading.wells is not None and entry.curve is not None:
        return _by_curve(entry, reading, name, spread)
    measured = [m for m in reading.measurements if m.attribute == "protein"]
    if not measured:
        curve = " Say 'curve: linear' (or quadratic, 4pl) to read a plate off its standards."
        raise InvalidInput(
            f"this {reading.kind} states no protein of a sample."
            + (curve if reading.wells is not None else ""),
            code="NO_PROTEIN",
            where=str(path),
        )
    chosen = _one_sample(measured, entry.sample, path)
    values = [
        magnitude(f"{v.value!r} {chosen.unit}", "ug/mL")
        for v in chosen.values
        if not v.excluded and not v.censored and v.value > 0
    ]
    if not values:
        raise InvalidInput(
            f"no read of '{chosen.sample}' is above the assay's limit.",
            code="BELOW_STANDARDS",
            where=str(path),
        )
    factor = _factor_of(chosen, entry, path)
    se = float(np.std(np.log(values), ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    centre = factor * math.exp(float(np.mean(np.log(values))))
    how = f"{chosen.method}, {len(values)} read{'s' * (len(values) != 1)}; {spread.key}"
    if factor > 1:
        how += f"; sample diluted {factor:g} times before the assay, as stated"
    return _quantity(centre, math.hypot(spread.value, se), (name,), how), reading.warnings


def _factor_of(chosen: Measurement, entry: ProteinFile, path: Path) -> float:
    """What a stated concentration has to be multiplied by: the file's word, or else the user's.

    Raises
    ------
    InvalidInput
        ``DILUTION_CONFLICT`` when the two differ, ``DILUTION_UNKNOWN`` when neither says.
    """
    recorded, stated = chosen.dilution, entry.dilution
    if recorded.value is None:
        if stated is None:
            raise InvalidInput(
                "the file does not say how far the sample was diluted before it was measured; give "
                "'dilution' in the entry of 'protein', 1 where it was not.",
                code="DILUTION_UNKNOWN",
                where=str(path),
            )
        return stated
    if stated is not None and not math.isclose(stated, recorded.value):
        raise InvalidInput(
            f"the file records a dilution of {recorded.value:g}, and the batch file says "
            f"{stated:g}: one of them is wrong. Leave 'dilution' out to use the file's; a dilution "
            "before that belongs into the file as well.",
            code="DILUTION_CONFLICT",
            where=str(path),
        )
    return recorded.value if recorded.state == "not_applied" else 1.0


def _by_curve(
    entry: ProteinFile, reading: Reading, name: str, spread: Row
) -> tuple[Quantity, tuple[VialWarning, ...]]:
    from exocast.vial.standard_curve import concentrations, fit_standards

    assert reading.wells is not None and entry.curve is not None
    with _told_of(reading):
        fit = fit_standards(reading.wells, curve=entry.curve, unit=entry.unit)
        table = concentrations(reading.wells, fit)
        # Once here, so that a unit which is none of mass in volume is refused by its file.
        magnitude(f"1 {fit.unit}", "ug/mL")
    samples = [str(s) for s in table["sample"].unique()]
    if entry.sample is None and len(samples) != 1:
        raise _which(samples, reading.file)
    rows = table if entry.sample is None else table[table["sample"] == entry.sample]
    if rows.empty:
        raise _which(samples, reading.file)
    usable = rows[rows["censored"] == ""]
    if usable.empty:
        side = str(rows.iloc[0]["censored"])
        limit = float(rows.iloc[0]["value"])
        raise InvalidInput(
            f"the wells lie {side} the standards ({limit:.3g} {fit.unit}) at every dilution; "
            f"{'dilute more' if side == 'above' else 'dilute less'} and measure again. Nothing is "
            "extrapolated.",
            code="ABOVE_STANDARDS" if side == "above" else "BELOW_STANDARDS",
            where=reading.file,
        )
    logs, variances = [], []
    for _, row in usable.iterrows():
        stated = float(row["dilution"])
        if not math.isfinite(stated) and entry.dilution is None:
            raise InvalidInput(
                "the file does not say how far the sample was diluted before the assay; give "
                "'dilution' in the entry of 'protein'.",
                code="DILUTION_UNKNOWN",
                where=reading.file,
            )
        if (
            math.isfinite(stated)
            and entry.dilution is not None
            and not math.isclose(stated, entry.dilution)
        ):
            raise InvalidInput(
                f"the plate states a dilution of {stated:g}, and the batch file says "
                f"{entry.dilution:g}: one of them is wrong. Leave 'dilution' out to use the "
                "plate's.",
                code="DILUTION_CONFLICT",
                where=reading.file,
            )
        factor = stated if math.isfinite(stated) else float(entry.dilution or math.nan)
        logs.append(math.log(factor * magnitude(f"{float(row['value'])!r} {fit.unit}", "ug/mL")))
        low, high = float(row["low"]), float(row["high"])
        variances.append((math.log(high / low) / (2 * Z95)) ** 2 if low > 0 else 1.0)
    weights = 1 / np.array(variances)
    centre = float(np.average(logs, weights=weights))
    log_sd = math.hypot(spread.value, float(weights.sum()) ** -0.5)
    how = f"{entry.curve} standard curve, R² {fit.r2:.4f}; {spread.key}"
    # The file's open question of its unit is answered by the entry.
    said = tuple(w for w in reading.warnings if w.code != "UNIT" or entry.unit is None)
    return _quantity(math.exp(centre), log_sd, (name,), how), said


@contextmanager
def _told_of(reading: Reading) -> Iterator[None]:
    """Errors about wells alone get the file that the wells are of."""
    try:
        yield
    except InvalidInput as e:
        if e.where is None:
            e.where = reading.file
        raise


def _which(samples: Sequence[str], file: str) -> InvalidInput:
    shown = ", ".join(samples[:12]) or "none is named"
    return InvalidInput(
        f"say which sample is this batch, in the entry's field 'sample'; the plate has: {shown}.",
        code="MIXED_SAMPLES",
        where=file,
    )


def _one_sample(found: Sequence[Measurement], sample: str | None, path: Path) -> Measurement:
    chosen = [m for m in found if sample is None or m.sample == sample]
    if len(chosen) != 1:
        raise _which([m.sample for m in found], str(path))
    return chosen[0]


def _quantity(value: float, log_sd: float, by: tuple[str, ...], how: str) -> Quantity:
    return Quantity(
        value=value,
        low=value * math.exp(-Z95 * log_sd),
        high=value * math.exp(Z95 * log_sd),
        log_sd=log_sd,
        unit="ug/mL",
        by=by,
        how=how,
    )


# Proteins -----------------------------------------------------------------------------------------


def marker_class(protein: str) -> tuple[str, str]:
    """What a protein of a blot shows for the reporting list, and its gene; empty when neither.

    Parameters
    ----------
    protein
        Gene or UniProt accession, as the panel ``vial/identity.csv`` names it.
    """
    from exocast.vial.identity import panel_rows

    for row in panel_rows():
        if protein.upper() in (row["gene"], *row["accessions"].split(";")):
            if row["counts"] == "yes":
                return SHOWS.get(row["category"], ""), row["gene"]
            return "contaminant" if row["category"] in CONTAMINANTS else "", row["gene"]
    return "", ""


def identity_of_entry(entry: ProteinTable, base: Path, keep: Keep) -> Found:
    """Which proteins of the identity panel a table holds."""
    from exocast.vial.identity import FOUND, NOT_FOUND, identity_panel

    shown: list[Shown] = []
    warnings: list[VialWarning] = []
    for path in named_files(base, entry.file):
        reading = read_file(path, entry.reader)
        name = keep(path, reading, "identity")
        warnings += reading.warnings
        sample = _whole_or_one(reading, entry.sample)
        report = identity_panel(reading, sample)
        for marker in report.markers:
            if marker.status == FOUND and marker.counts and marker.category in SHOWS:
                shown.append(Shown(what=SHOWS[marker.category], by=name, name=marker.gene))
            elif marker.category in CONTAMINANTS and marker.status in (FOUND, NOT_FOUND):
                said = f"{marker.gene} {marker.status}"
                shown.append(Shown(what="contaminant", by=name, name=said))
    return Found(shown=tuple(shown), warnings=tuple(warnings))


def _whole_or_one(reading: Reading, sample: str | None) -> str | None:
    """The sample that is this batch, or None for all of them.

    Raises
    ------
    InvalidInput
        ``MIXED_SAMPLES`` when there are several and nobody says which: another lot's proteins
        would be taken for this one's.
    """
    if sample is None and len(reading.samples) > 1:
        raise InvalidInput(
            f"the file holds {len(reading.samples)} samples ({', '.join(reading.samples[:8])}); "
            f"say which is this batch, in the entry's field 'sample', or '{ALL}' where each is.",
            code="MIXED_SAMPLES",
            where=reading.file,
        )
    return None if sample == ALL else sample


def markers_of_entry(entry: MarkerFile, base: Path, keep: Keep) -> Found:
    """Share of detected events that carry a marker, above a blank's or isotype's own."""
    from exocast.vial.markers import marker_positive

    control_path = one_file(base, entry.blank)
    control = read_file(control_path)
    keep(control_path, control, f"gate of {entry.marker}")
    quantities, shown = [], []
    warnings: list[VialWarning] = []
    for path in named_files(base, entry.file):
        reading = read_file(path, entry.reader)
        name = keep(path, reading, f"marker {entry.marker}")
        warnings += reading.warnings
        if reading.sha256 == control.sha256:
            raise InvalidInput(
                "the control that sets the gate is the sample itself; name a blank or an isotype "
                "control.",
                code="GATE",
                where=str(path),
            )
        share = marker_positive(reading, entry.channel, blank=control, quantile=entry.quantile)
        quantities.append(
            Quantity(
                value=share.value,
                low=share.low,
                high=share.high,
                log_sd=math.nan,
                unit="1",
                by=(name,),
                how=f"{entry.marker}-positive share of detected events",
            )
        )
        what, gene = marker_class(entry.marker)
        if share.low > 0 and what:
            shown.append(Shown(what=what, by=name, name=gene))
    return Found(quantities=tuple(quantities), shown=tuple(shown), warnings=tuple(warnings))


# Cargo --------------------------------------------------------------------------------------------


def cargo_of_entry(entry: CargoFile, base: Path, count: Quantity | None, keep: Keep) -> Found:
    """Copies per mL and per vesicle where the volumes are stated, else what can be said.

    Parameters
    ----------
    entry
        Of ``batch.yaml``.
    base
        Its folder.
    count
        Particles per mL of the batch.
    keep
        Notes the file and gives its name.
    """
    quantities: list[Quantity] = []
    warnings: list[VialWarning] = []
    shown: list[Shown] = []
    for path in named_files(base, entry.file):
        reading = read_file(path, entry.reader)
        name = keep(path, reading, "cargo")
        warnings += reading.warnings
        found, said = (
            _shares(reading, entry, name)
            if reading.features is not None
            else _copies(reading, entry, name, count)
        )
        if any(q.unit == "copies/mL" and not math.isnan(q.value) for q in found):
            shown.append(Shown(what="RNA", by=name))
        quantities += found
        warnings += said
    return Found(quantities=tuple(quantities), shown=tuple(shown), warnings=tuple(warnings))


def _shares(
    reading: Reading, entry: CargoFile, name: str
) -> tuple[list[Quantity], list[VialWarning]]:
    """The commonest small RNAs of a library or a matrix of cycles: relative, never copies."""
    assert reading.features is not None
    chosen = _whole_or_one(reading, entry.sample)
    samples = list(reading.samples) if chosen is None else [chosen]
    if "count" not in set(reading.features["unit"]):
        return _cycles(reading, samples, name)
    table = library_shares(reading, samples).sort_values("share", ascending=False)
    return [
        Quantity(
            value=float(row["share"]),
            low=float(row["low"]),
            high=float(row["high"]),
            log_sd=math.nan,
            unit="1",
            by=(name,),
            how=f"{row['feature']}: share of the library (relative, no copies)",
        )
        for _, row in table.head(MOST_RNAS).iterrows()
    ], []


def _cycles(
    reading: Reading, samples: Sequence[str], name: str
) -> tuple[list[Quantity], list[VialWarning]]:
    """The RNAs that a matrix of cycles shows earliest, and how many were not detected.

    A mean over samples with Student's interval where all of them detected the RNA; a cycle that
    is only known to be later than the last one has no mean.
    """
    assert reading.features is not None
    table = reading.features[reading.features["sample"].isin(samples)]
    table = table[~table["excluded"].astype(bool)]
    seen = table[(table["censored"] == "") & table["value"].notna()]
    found = []
    for feature, group in seen.groupby("feature", sort=False):
        cycles = group["value"].to_numpy(float)
        if len(cycles) < int((table["feature"] == feature).sum()):
            continue
        reach = math.nan
        if len(cycles) > 1:
            error = float(cycles.std(ddof=1)) / math.sqrt(len(cycles))
            reach = float(student.ppf(0.975, len(cycles) - 1)) * error
        found.append((float(cycles.mean()), reach, str(feature)))
    every, missing = len(table), int((table["censored"] == "above").sum())
    message = "a matrix of cycles without standards gives no copies: its earliest RNAs are shown "
    message += f"by their cycle; {missing} of {every} were not detected by the last one"
    return [
        Quantity(
            value=cycle,
            low=cycle - reach,
            high=cycle + reach,
            log_sd=math.nan,
            unit="cycles",
            by=(name,),
            how=f"{feature}: Cq (relative, no copies)",
        )
        for cycle, reach, feature in sorted(found, key=lambda row: row[0])[:MOST_RNAS]
    ], [VialWarning(code="RELATIVE", message=message, where=reading.file)]


def _copies(
    reading: Reading, entry: CargoFile, name: str, count: Quantity | None
) -> tuple[list[Quantity], list[VialWarning]]:
    assert reading.wells is not None
    warnings: list[VialWarning] = []
    quantities: list[Quantity] = []
    sample, target = _sample_and_target(reading, entry)
    estimates: tuple[CargoEstimate, ...]
    if (reading.wells["unit"] == "Cq").any():
        curve = standard_curve(reading, target, unit=entry.unit)
        warnings += curve.warnings
        estimates = (quantify(curve, reading, sample),)
        quantities.append(_of_curve(curve, name))
    else:
        estimates = digital_copies(reading, sample, target, wells=entry.wells)
    if len(estimates) > 1:
        message = f"{len(estimates)} wells hold '{sample}', and the file does not say that they "
        message += "are replicates: each stands by itself, and none is set against the particles. "
        message += "Name those that hold the same in 'wells' of the entry"
        warnings.append(VialWarning(code="WELLS", message=message, where=reading.file))
    for estimate in estimates:
        warnings += estimate.warnings
        found = estimate
        try:
            found = copies_per_ml(estimate, _preparation(entry.volumes))
        except UnitError as e:
            warnings.append(VialWarning(code="COPIES_UNKNOWN", message=e.message, where=name))
        quantities.append(_of_cargo(found, name, target))
        if found.unit == "copies/mL" and count is not None and len(estimates) == 1:
            per = copies_per_vesicle(found, _as_estimate(count))
            quantities.append(_of_cargo(per, name, f"{target}, a mean over all that was counted,"))
    return quantities, warnings


def _of_curve(curve: StandardCurve, name: str) -> Quantity:
    """How efficiently the standards were copied, which the copies rest on."""
    return Quantity(
        value=curve.efficiency,
        low=curve.efficiency_low,
        high=curve.efficiency_high,
        log_sd=math.nan,
        unit="1",
        by=(name,),
        how=f"{curve.target}: efficiency of the standard curve (1 is a doubling each cycle)",
    )


def _sample_and_target(reading: Reading, entry: CargoFile) -> tuple[str, str]:
    assert reading.wells is not None
    wells = reading.wells[reading.wells["role"] != "standard"]
    samples = [str(s) for s in wells["sample"].unique() if s]
    targets = [str(t) for t in reading.wells["target"].unique() if t]
    if entry.sample is None and len(samples) != 1:
        raise _which(samples, reading.file)
    if entry.target is None and len(targets) != 1:
        raise InvalidInput(
            f"say which target, in the entry's field 'target': {', '.join(targets[:12])}.",
            code="MIXED_TARGETS",
            where=reading.file,
        )
    return entry.sample or samples[0], entry.target or targets[0]


def _preparation(volumes: Volumes) -> Preparation:
    def ul(text: str | None) -> float | None:
        return None if text is None else magnitude(text, "uL")

    return Preparation(
        sample_ul=ul(volumes.sample),
        eluate_ul=ul(volumes.eluate),
        template_ul=ul(volumes.template),
        reaction_ul=ul(volumes.reaction),
        dilution=volumes.dilution,
    )


def _of_cargo(found: CargoEstimate, name: str, what: str) -> Quantity:
    value, low, high = (
        math.nan if x is None else float(x) for x in (found.value, found.low, found.high)
    )
    state = {"reaction": "in the reaction", "undiluted": "", "vesicle": "per particle"}
    how = f"{what} {state.get(found.state, '')}".strip()
    how += f", well {found.well}" if found.well else ""
    return Quantity(
        value=value,
        low=low,
        high=high,
        log_sd=math.nan,
        unit=found.unit,
        by=(name,),
        how=f"{how}: {found.reason}" if found.reason else how,
    )


def _as_estimate(count: Quantity) -> Estimate:
    return Estimate(
        value=count.value,
        low=count.low,
        high=count.high,
        log_sd=count.log_sd,
        n_valid=1,
        n_total=1,
        capture_spread=math.nan,
    )
