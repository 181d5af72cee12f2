"""Fit the body's few numbers to the data sets that are kept for calibration.

    python scripts/calibrate_body.py            # prints prior, posterior, misfits and profiles
    python scripts/calibrate_body.py --write    # and rewrites the rows of body/*.csv, the
                                                # correlations and body/profiles.csv

Priors stand in ``body/priors.csv`` and are never written. Data sets kept for prediction are never
read here. A number that the data hardly inform keeps its prior row.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import logit

from exocast import engine
from exocast.evidence.chance import spread_on_scale, value_of
from exocast.evidence.grades import grades
from exocast.evidence.rows import COLUMNS, Row, package_table, table
from exocast.study import validate
from exocast.study.fit import Fit, Predict, fit
from exocast.study.triplets import Triplet, read_all

BODY = Path(engine.__file__).parent.parent / "body"
CORRELATIONS = BODY.parent / "patient" / "correlations.csv"
SOURCE, PLACE, GRADE = "body_fit", "scripts/calibrate_body.py", "D"
INFORMED = 0.9  # a posterior SD below this share of the prior's is news
WORTH_SAYING = 0.25  # correlations smaller than this are left out
SITES = ("whole_body", "whole_body_labelled")


@dataclass(frozen=True, kw_only=True)
class Number:
    """A fitted number: its prior row, the key in the model, and the overlay that it belongs to."""

    prior: Row
    key: str
    overlay: str

    @property
    def name(self) -> str:
        """Id in the table of priors."""
        return self.prior.id

    @property
    def file(self) -> Path:
        """Table that its row stands in."""
        stem = self.key.partition(".")[0]
        return BODY / (f"{self.overlay}.csv" if self.overlay else f"{stem}.csv")


def numbers() -> tuple[Number, ...]:
    """Everything that is fitted, in the order of the table of priors."""
    found = []
    for row in package_table("body", "priors").values():
        first, _, rest = row.id.partition(".")
        labelled = first.startswith("labels_")
        found.append(
            Number(
                prior=row,
                key=rest if labelled else row.id,
                overlay=first.replace("_", "/", 1) if labelled else "",
            )
        )
    return tuple(found)


def data() -> tuple[Triplet, ...]:
    """Calibration sets of the body, simulated on the whole body."""
    return tuple(
        t for t in read_all() if t.origin.used_for == "calibration" and t.experiment.site in SITES
    )


def predictor(fitted: Sequence[Number], sets: Sequence[Triplet]) -> Predict:
    """Function from scores to predictions on the scale of the errors."""

    def predict(scores: np.ndarray) -> np.ndarray:
        columns = []
        for triplet in sets:
            values = {
                n.key: value_of(n.prior, scores[:, i])
                for i, n in enumerate(fitted)
                if not n.overlay or n.overlay in triplet.experiment.overlays
            }
            runs = validate.simulate(triplet, worlds=len(scores), values=values, central=True)
            for datum in triplet.data:
                reading = triplet.experiment.conditions[datum.condition]
                columns.append(on_scale(datum.y_unit, validate.predict(datum, reading, runs)))
        return np.stack(columns, axis=1)

    return predict


def on_scale(unit: str, values: np.ndarray) -> np.ndarray:
    """Logarithm, of the odds for a percentage."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if unit == "percent":
            return logit(np.clip(values / 100, 1e-12, 1 - 1e-12))
        return np.log(values)


def observed(sets: Sequence[Triplet]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Data, standard deviations, and names. Two markers of one study count as one reading each."""
    values, sds, names = [], [], []
    for triplet in sets:
        for datum in triplet.data:
            values.append(float(on_scale(datum.y_unit, np.array(datum.y))))
            sds.append(validate.error_sd(datum))
            names.append(f"{triplet.name}: {datum.condition}")
    return np.array(values), np.array(sds), names


def posterior(number: Number, found: Fit, i: int) -> Row | None:
    """The row after the fit; None where the data hardly say anything of it."""
    if found.sd[i] >= INFORMED and abs(found.mode[i]) < 1 - INFORMED:
        return None
    prior = number.prior
    scale, size = spread_on_scale(prior)
    if scale != "log":
        raise SystemExit(f"{prior.id}: priors of fitted numbers are log-normal")
    value = float(value_of(prior, np.array(found.mode[i])))
    sd = size * float(found.sd[i]) / grades()[GRADE].widening
    return replace(
        prior,
        id=number.key.partition(".")[2] if not number.overlay else number.key,
        value=float(f"{value:.4g}"),
        spread=(float(f"{sd:.3g}"),),
        spread_kind="log_sd",
        source=SOURCE,
        place=PLACE,
        grade=GRADE,
        note=f"prior {prior.value:g} (body/priors.csv); doubt {found.sd[i]:.2f} of the prior's",
    )


def main() -> None:
    """Fit, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="rewrite the tables")
    write = parser.parse_args().write
    fitted, sets = numbers(), data()
    values, sds, names = observed(sets)
    predict = predictor(fitted, sets)
    found = fit([n.name for n in fitted], predict, values, sds, enough=1e-4)
    print(
        f"{len(values)} data of {len(sets)} sets, {len(fitted)} numbers; {found.steps} steps, "
        f"{'converged' if found.converged else 'NOT converged'}"
    )
    print(f"sum of squared residuals {found.misfit_before:.1f} before, {found.misfit:.1f} after\n")
    print(f"{'number':<30} {'prior':>9} {'posterior':>10} {'doubt left':>11}")
    for i, n in enumerate(fitted):
        value = float(value_of(n.prior, np.array(found.mode[i])))
        print(f"{n.name:<30} {n.prior.value:>9.4g} {value:>10.4g} {found.sd[i]:>11.2f}")
    print(f"\n{'datum':<60} {'residual, SD':>12}")
    for name, residual in zip(names, found.residuals, strict=True):
        print(f"{name:<60} {residual:>12.2f}")
    print("\nprofiles: rise of twice the negative logarithm, over scores about the mode")
    for profile in found.profiles:
        print(f"{profile.name:<30} " + " ".join(f"{rise:6.2f}" for rise in profile.rise))
    if write:
        rows = [posterior(n, found, i) for i, n in enumerate(fitted)]
        write_rows(fitted, rows)
        write_correlations(fitted, rows, found)
        write_profiles(fitted, found)


def write_rows(fitted: Sequence[Number], rows: Sequence[Row | None]) -> None:
    """Put the posterior rows in their tables; an uninformed number gets its prior back."""
    for file in sorted({n.file for n in fitted}):
        mine = {}
        for number, row in zip(fitted, rows, strict=True):
            if number.file == file:
                back = replace(
                    number.prior,
                    id=number.key.partition(".")[2] if not number.overlay else number.key,
                )
                new = back if row is None else row
                mine[new.id] = new
        lines = [mine.get(row.id, row) for row in table(file).values()]
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in lines:
                spread = "..".join(f"{s:g}" for s in row.spread)
                cells = {**{c: getattr(row, c) for c in COLUMNS}, "spread": spread}
                cells["value"] = f"{row.value:.10g}"
                writer.writerow([cells[c] for c in COLUMNS])


def write_correlations(fitted: Sequence[Number], rows: Sequence[Row | None], found: Fit) -> None:
    """Correlations of informed numbers that belong to every label."""
    lines = CORRELATIONS.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if f",{SOURCE}," not in line]
    for i, a in enumerate(fitted):
        for j in range(i + 1, len(fitted)):
            b, r = fitted[j], float(found.correlation[i, j])
            both = rows[i] is not None and rows[j] is not None
            if both and not a.overlay and not b.overlay and abs(r) >= WORTH_SAYING:
                kept.append(
                    f"{a.key},{b.key},{r:.2f},curvature at the mode of the fit,{SOURCE},{PLACE},D"
                )
    CORRELATIONS.write_text("\n".join(kept) + "\n", encoding="utf-8")


def write_profiles(fitted: Sequence[Number], found: Fit) -> None:
    """Numbers of the profiles, for the page."""
    with (BODY / "profiles.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("number", "value", "rise", "prior", "prior_log_sd", "mode", "log_sd"))
        for i, (number, profile) in enumerate(zip(fitted, found.profiles, strict=True)):
            size = spread_on_scale(number.prior)[1]
            mode = number.prior.value * math.exp(size * found.mode[i])
            for score, rise in zip(profile.scores, profile.rise, strict=True):
                value = float(value_of(number.prior, np.array(score)))
                writer.writerow(
                    (
                        number.name,
                        f"{value:.4g}",
                        f"{max(rise, 0):.3f}",
                        f"{number.prior.value:.4g}",
                        f"{size:.3g}",
                        f"{mode:.4g}",
                        f"{size * found.sd[i]:.3g}",
                    )
                )


if __name__ == "__main__":
    main()
