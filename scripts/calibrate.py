"""Fit the model's numbers to the data sets that are kept for calibration, all of them together.

    python scripts/calibrate.py            # the body: prints prior, posterior, misfits, profiles
    python scripts/calibrate.py macrophage # the same of macrophages in wells
    python scripts/calibrate.py --write    # and rewrites the rows of the tables, adopts their
                                           # priors, writes correlations.csv, profiles.csv and
                                           # fitted.csv into body or cell

Every uncertain row of the models of these sets is moved, in standard scores of its own prior: what
is not fitted would get its whole doubt back in a prediction. The prior of a row that was fitted
before stands in ``body/priors.csv``; of any other it is the row itself, and is copied there when
the fit moves it, and back when it no longer does. Data sets kept for prediction are never read
here. A row that the data do not inform keeps its prior, and what another of the two fits set stays
where it is.

Of the body, a set whose study built one of the rows that it responds to by hand is left out: data
count once. Of macrophages nothing would remain: their rates are what the authors fitted to the same
courses. There the value of a row already knows the data, and its spread, judged row by row, does
not: together such spreads give courses that the data rule out. The fit takes these away.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from exocast import engine
from exocast.engine.site import load_site
from exocast.evidence.chance import spread_on_scale, value_of
from exocast.evidence.correlations import COLUMNS as PAIR_COLUMNS
from exocast.evidence.correlations import correlations_of
from exocast.evidence.grades import grades
from exocast.evidence.rows import COLUMNS, Row, package_table, rows_of
from exocast.study.experiment import simulate
from exocast.study.fit import Fit, Part, Profile, fit, linear, response, shared_error
from exocast.study.readings import predict
from exocast.study.triplets import Datum, Triplet, read_all
from exocast.study.validate import error_sd, given, limit, on_scale

Array = NDArray[np.float64]
PACKAGE = Path(engine.__file__).parent.parent
PLACE, GRADE = "scripts/calibrate.py", "D"
SCREEN = 0.05  # a row that moves all data together by less, in their SD a score, is left out
WORTH_SAYING = 0.02  # correlations smaller than this are left out
PROFILES = 24
BETTER = -0.1  # a profile that falls further has found a better mode
SMALLEST_EIGENVALUE = 1e-4
END = 1e-3  # a percentage of nothing or all is read at this share of the scale from it


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One of the two fits: where its tables are, and what its rows name as their source.

    With ``stays`` nothing is searched: values stand as their sources have them, the data take from
    the spreads alone, and sets whose studies built rows by hand are used. Else such sets are left
    out. A posterior SD below ``informed`` of the prior's is news, and so is a mode further than
    ``moved`` SD from its centre: of cells many rows share what the data say, and each is told
    little. ``sites`` are those whose data it takes; of none, all that are no wells. Rows that are
    ``kept`` differ from one laboratory to the next and stay at their centre.
    """

    folder: Path
    table: str
    source: str
    informed: float
    moved: float = math.inf
    sites: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    stays: bool = False

    @property
    def priors(self) -> Path:
        """Table of the priors of its rows."""
        return self.folder / f"{self.table}.csv"

    def takes(self, triplet: Triplet) -> bool:
        """Whether a data set is one of this fit: of the sites named, or of none that is a well."""
        site = triplet.experiment.site
        if self.sites:
            return site in self.sites
        own = triplet.folder / f"{site}.yaml"
        return own.is_file() or "acting" not in load_site(site).instances


BODY = Kind(
    folder=PACKAGE / "body",
    table="priors",
    source="body_fit",
    informed=0.9,
    moved=0.25,
)
MACROPHAGE = Kind(
    folder=PACKAGE / "cell",
    table="macrophage_priors",
    source="macrophage_spread",
    informed=0.97,
    sites=("well_macrophage",),
    kept=("receptors.lps_potency",),
    stays=True,
)
KINDS = {"body": BODY, "macrophage": MACROPHAGE}


@dataclass(frozen=True, kw_only=True)
class Number:
    """A row that is fitted: its prior, under the key that the model has it by, and where it stands.

    ``row`` is the row as it stands now; ``id`` its id in its own table.
    """

    prior: Row
    row: Row
    file: Path

    @property
    def name(self) -> str:
        """Id in the table of priors."""
        return self.row.name

    @property
    def id(self) -> str:
        """Id in its own table."""
        return self.row.key if self.row.over else self.row.id

    def value(self, score: float) -> float:
        """Its value at a score of its prior."""
        return float(value_of(self.prior, np.array(score)))


@dataclass(frozen=True, kw_only=True)
class Set:
    """A data set and the numbers that its models use."""

    triplet: Triplet
    names: tuple[str, ...]
    switches: Mapping[str, float]

    @property
    def study(self) -> str:
        """Source of its data."""
        return self.triplet.origin.source


def calibration_sets(kind: Kind = BODY) -> tuple[tuple[Set, ...], dict[str, Number]]:
    """Every calibration set, and the uncertain rows of all their models by name."""
    priors = {row.id: row for row in rows_of(kind.priors)} if kind.priors.is_file() else {}
    others = {other.source for other in KINDS.values()} - {kind.source}
    sets: list[Set] = []
    numbers: dict[str, Number] = {}
    for triplet in read_all():
        if triplet.origin.used_for != "calibration" or not kind.takes(triplet):
            continue
        rows: dict[str, Row] = {}
        for run in simulate(triplet, worlds=1, central=True).values():
            for key, row in run.rows.items():
                if rows.setdefault(key, row) != row:
                    raise SystemExit(f"{triplet.name}: arms differ in where {key} comes from.")
        own = [
            row
            for row in rows.values()
            if row.varies == "uncertain"
            and row.source not in others
            and _spreads(row)
            and row.name not in kind.kept
        ]
        for row in own:
            numbers.setdefault(row.name, _number(row, priors.get(row.name), kind))
        sets.append(
            Set(
                triplet=triplet,
                names=tuple(row.name for row in own),
                switches={k: round(r.value) for k, r in rows.items() if r.varies == "structure"},
            )
        )
    return tuple(sets), numbers


def _spreads(row: Row) -> bool:
    return spread_on_scale(row)[0] != "none"


def _number(row: Row, prior: Row | None, kind: Kind) -> Number:
    if prior is None and row.source == kind.source:
        raise SystemExit(f"{row.name} is a posterior, and has no prior in {kind.priors}.")
    folder, _, stem = row.over.partition("_")
    pattern = f"*/{folder}/{stem}.csv" if row.over else f"*/{row.table}.csv"
    files = list(PACKAGE.glob(pattern))
    if len(files) != 1:
        raise SystemExit(f"{row.name} stands in {len(files)} tables of the package.")
    own = row if prior is None else replace(prior, id=row.id, table=row.table, over=row.over)
    return Number(prior=own, row=row, file=files[0])


# The data -----------------------------------------------------------------------------------------


def part(one: Set, numbers: Mapping[str, Number], order: Mapping[str, int]) -> Part:
    """A data set for the fit: predictions on the scale of the errors."""
    fitted = [numbers[name] for name in one.names]

    def model(scores: Array) -> Array:
        values = {n.row.key: value_of(n.prior, scores[:, i]) for i, n in enumerate(fitted)}
        values |= {key: np.full(len(scores), value) for key, value in one.switches.items()}
        runs = simulate(one.triplet, worlds=len(scores), values=values, central=True)
        conditions = one.triplet.experiment.conditions
        columns = [
            censored(datum, on_scale(datum, predict(datum, conditions[datum.condition], runs)))
            for datum in one.triplet.data
        ]
        return np.stack(columns, axis=1)

    return Part(own=tuple(order[name] for name in one.names), predict=model)


def censored(datum: Datum, values: Array) -> Array:
    """Predictions of nothing or all go no further than what was read: more of it is no misfit."""
    if datum.y_unit != "percent" or 0 < datum.y < 100:
        return values
    end = read_off(datum)
    return np.minimum(values, end) if datum.y == 100 else np.maximum(values, end)


def read_off(datum: Datum) -> float:
    """A datum on the scale of the errors; nothing or all in the middle of its printed range."""
    if datum.y_unit != "percent" or 0 < datum.y < 100:
        return float(on_scale(datum, datum.y))
    if datum.spread_kind != "range":
        raise SystemExit(f"{datum.condition}: {datum.y:g} % without a range says nothing of odds.")
    ends = np.clip(datum.spread, 100 * limit(), 100 * (1 - limit()))
    return float(np.mean(on_scale(datum, ends)))


def errors(one: Set, rows_of_study: int) -> list[float]:
    """Standard deviation of each datum of a set, with the design effect of its study's rows."""
    correlation = package_table("study", "validate")["shared"].value
    found = []
    experiment = one.triplet.experiment
    for datum in one.triplet.data:
        reading = experiment.conditions[datum.condition]
        kind = one.triplet.origin.given or given(experiment.arms[reading.arm].plan)
        total = error_sd(datum, reading, kind)
        shared = error_sd(replace(datum, spread=(), spread_kind=""), reading, kind)
        found.append(shared_error(total, shared, rows_of_study, correlation))
    return found


def observed(sets: Sequence[Set]) -> tuple[Array, Array]:
    """Data and their standard deviations."""
    rows = Counter[str]()
    for one in sets:
        rows[one.study] += len(one.triplet.data)
    values = [read_off(datum) for one in sets for datum in one.triplet.data]
    return np.array(values), np.array([sd for one in sets for sd in errors(one, rows[one.study])])


def named_in(study: str, row: Row) -> bool:
    """Whether a row cites a study, as its source or in its words."""
    words = f"{row.source} {row.place} {row.note}"
    return re.search(rf"\b{re.escape(study)}\b", words) is not None


def counted_by_hand(
    sets: Sequence[Set], numbers: Mapping[str, Number], order: Mapping[str, int]
) -> dict[str, list[str]]:
    """Sets left out, and the rows that their studies built and their data respond to."""
    values, sds = observed(sets)
    jacobian = linear([part(s, numbers, order) for s in sets], np.zeros(len(order)), values, sds)
    found, first = {}, 0
    for one in sets:
        last = first + len(one.triplet.data)
        moved = response(jacobian[first:last])
        built = [
            name
            for name in one.names
            if named_in(one.study, numbers[name].prior) and moved[order[name]] >= SCREEN
        ]
        if built:
            found[one.triplet.name] = built
        first = last
    return found


# The posterior ------------------------------------------------------------------------------------


def informed(score: float, sd: float, kind: Kind) -> bool:
    """Whether the data say something of a number."""
    return sd < kind.informed or abs(score) > kind.moved


def posterior(number: Number, score: float, sd: float, kind: Kind = BODY) -> Row:
    """The row after the fit, with the spread of which the grade's widening makes the posterior's.

    A logarithm stays a ``log_sd`` and a plain number an ``sd``. A range stays a range, which keeps
    a share a share: its halves have the posterior's spread on the range's own scale, and end at
    the prior's ends at the latest. Where values stay, so do source and grade.
    """
    prior, widening = number.prior, grades()[GRADE].widening
    scale, size = spread_on_scale(prior)
    value = number.value(score)
    spread: tuple[float, ...]
    if kind.stays:
        widening = grades()[prior.grade].widening
    if scale == "range":
        law, spread = "range", _range(number, score, sd, widening)
    else:
        law, spread = ("log_sd" if scale == "log" else "sd"), (size * sd / widening,)
    spread = tuple(_round(s, 3 if len(spread) == 1 else 4) for s in spread)
    if kind.stays:
        told = f"spread {sd:.2f} of that in {kind.folder.name}/{kind.table}.csv ({PLACE})"
        note = f"{prior.note}; {told}" if prior.note else told
        return replace(prior, id=number.id, spread=spread, spread_kind=law, note=note)
    return replace(
        prior,
        id=number.id,
        value=_round(value, 4),
        spread=spread,
        spread_kind=law,
        source=kind.source,
        place=PLACE,
        grade=GRADE,
        note=f"prior {prior.value:g} ({prior.source}; {kind.folder.name}/{kind.table}.csv); doubt "
        f"{sd:.2f} of the prior's",
    )


def _range(number: Number, score: float, sd: float, widening: float) -> tuple[float, float]:
    """Ends of a uniform law about the mode with the posterior's spread on each side."""
    prior = number.prior
    low, high = prior.spread
    there: Callable[[float], float] = float
    back: Callable[[float], float] = float
    if prior.unit == "1" and low > 0 and high < 1:
        there, back = (lambda x: float(logit(x))), (lambda x: float(expit(x)))
    elif low > 0 and high / low > 3:
        there, back = math.log, math.exp
    middle = there(number.value(score))
    ends = []
    for side, end in ((-1, low), (1, high)):
        reach = abs(there(number.value(score + side * sd)) - middle) * math.sqrt(3) / widening
        reach = min(reach, abs(there(end) - middle))
        ends.append(back(middle + side * reach))
    return ends[0], ends[1]


def _round(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def correlations(
    names: Sequence[str], found: Array, others: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    """Pairs worth saying, rounded, that hold together among themselves and with all others.

    Where leaving out and rounding broke that, all pairs are shrunk by the least factor that mends
    it.
    """
    for a, b in others:
        if a in names and b in names:
            raise SystemExit(f"the fit correlates {a} with {b}, which another table does already.")
    kept = {
        (names[i], names[j]): float(found[i, j])
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(found[i, j]) >= WORTH_SAYING
    }
    for factor in np.arange(1.0, 0.0, -0.005):
        pairs = {pair: round(r * float(factor), 3) for pair, r in kept.items()}
        if _smallest_eigenvalue({**others, **pairs}) >= SMALLEST_EIGENVALUE:
            if factor < 1:
                print(f"correlations shrunk by {factor:.3f} to hold together")
            return {pair: r for pair, r in pairs.items() if r}
    raise SystemExit("the correlations of the other tables do not hold together.")


def _smallest_eigenvalue(pairs: Mapping[tuple[str, str], float]) -> float:
    names = sorted({name for pair in pairs for name in pair})
    if not names:
        return 1.0
    place = {name: i for i, name in enumerate(names)}
    matrix = np.eye(len(names))
    for (a, b), r in pairs.items():
        matrix[place[a], place[b]] = matrix[place[b], place[a]] = r
    return float(np.linalg.eigvalsh(matrix)[0])


# Printing -----------------------------------------------------------------------------------------


def main() -> None:
    """Fit, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", nargs="?", default="body", choices=KINDS, help="what is fitted")
    parser.add_argument("--write", action="store_true", help="rewrite the tables")
    asked = parser.parse_args()
    kind = KINDS[asked.kind]
    everything, rows = calibration_sets(kind)
    order = {name: i for i, name in enumerate(rows)}
    out = {} if kind.stays else counted_by_hand(everything, rows, order)
    for name, built in out.items():
        print(f"left out: {name}, whose study built {', '.join(built)} by hand")
    sets = [one for one in everything if one.triplet.name not in out]
    names = list(dict.fromkeys(name for one in sets for name in one.names))
    numbers = [rows[name] for name in names]
    order = {name: i for i, name in enumerate(names)}
    values, sds = observed(sets)
    parts = [part(one, rows, order) for one in sets]
    if kind.stays:
        found = fit(names, parts, values, sds, most=0)
    else:
        found = fit(names, parts, values, sds, profiles=PROFILES, enough=1e-4)
    heard = [i for i, moved in enumerate(found.response) if moved >= SCREEN]
    told = [i for i in heard if informed(found.mode[i], found.sd[i], kind)]
    print(
        f"\n{len(values)} data of {len(sets)} sets; {len(names)} uncertain rows, {len(heard)} of "
        f"them move the data by {SCREEN:g} SD or more, {len(told)} are informed; "
        + ("values stay" if kind.stays else f"{found.steps} steps, ")
        + ("" if kind.stays else "converged" if found.converged else "NOT converged")
    )
    print(f"sum of squared residuals {found.misfit_before:.1f} before, {found.misfit:.1f} after")
    show_numbers(numbers, found, heard, told)
    as_written = np.zeros(len(names))
    as_written[told] = found.mode[told]
    show_data(sets, parts, values, sds, found, as_written)
    if found.profiles:
        show_profiles(found.profiles)
    cited = [] if kind.stays else citing(numbers, heard, sets)
    if asked.write:
        if cited:
            raise SystemExit("nothing is written: make these priors neutral first.")
        pairs = correlations(
            [names[i] for i in heard],
            found.correlation[np.ix_(heard, heard)],
            {
                (c.id_a, c.id_b): c.r
                for path in PACKAGE.glob("*/correlations.csv")
                if path.parent != kind.folder
                for c in correlations_of(path)
            },
        )
        write_rows(numbers, found, told, kind)
        write_correlations(pairs, kind)
        if found.profiles:
            write_profiles({n.name: n for n in numbers}, found, [names[i] for i in told], kind)
        write_sets(sets, found, told, kind)
        print(f"\nwritten: {len(told)} rows, {len(pairs)} correlations")


def citing(numbers: Sequence[Number], heard: Iterable[int], sets: Sequence[Set]) -> list[str]:
    """Priors that cite a study of the fit, which would then count twice; each is printed."""
    studies = {one.study for one in sets}
    found = []
    for number in (numbers[i] for i in heard):
        for study in sorted(s for s in studies if named_in(s, number.prior)):
            print(f"the prior of {number.name} cites {study}, whose data are in the fit")
            found.append(number.name)
    return found


def show_numbers(
    numbers: Sequence[Number], found: Fit, heard: Sequence[int], told: Sequence[int]
) -> None:
    """A line a number that the data respond to, the best informed first; the screened by name."""
    heads = " ".join(f"{head:>6}" for head in ("score", "doubt", "moves"))
    print(f"\n{'number':<42} {'prior':>10} {'posterior':>10} {heads}")
    for i in sorted(heard, key=lambda i: found.sd[i]):
        n = numbers[i]
        print(
            f"{n.name:<42} {n.prior.value:>10.4g} {n.value(found.mode[i]):>10.4g} "
            f"{found.mode[i]:>6.2f} {found.sd[i]:>6.2f} {found.response[i]:>6.2f}"
            f"{'' if i in told else '  keeps its prior'}"
        )
    quiet = [n.name for i, n in enumerate(numbers) if i not in heard]
    print(f"\n{len(quiet)} rows move the data by less: {', '.join(quiet)}")


def show_data(
    sets: Sequence[Set],
    parts: Sequence[Part],
    values: Array,
    sds: Array,
    found: Fit,
    as_written: Array,
) -> None:
    """Residuals at the mode and at the centre of the tables, as they are written."""
    names = [f"{s.triplet.name}: {d.condition}" for s in sets for d in s.triplet.data]
    centre = np.concatenate([p.predict(as_written[None, list(p.own)])[0] for p in parts])
    print(f"\n{'datum':<60} {'error':>6} {'residual, SD':>12} {'as written':>11}")
    for i, name in enumerate(names):
        print(
            f"{name:<60} {sds[i]:>6.2f} {found.residuals[i]:>12.2f} "
            f"{(centre[i] - values[i]) / sds[i]:>11.2f}"
        )


def show_profiles(profiles: Sequence[Profile]) -> None:
    """Rises, and a warning where a profile found a better mode."""
    print("\nprofiles: rise of twice the negative logarithm, over scores about the mode")
    for profile in profiles:
        print(f"{profile.name:<42} " + " ".join(f"{rise:6.2f}" for rise in profile.rise))
    for profile in profiles:
        if np.nanmin(profile.rise) < BETTER:
            score = profile.scores[int(np.nanargmin(profile.rise))]
            print(
                f"WARNING: {profile.name} at score {score:.2f} is {-np.nanmin(profile.rise):.2f} "
                "better than the mode; the fit stopped too early"
            )


# Writing ------------------------------------------------------------------------------------------


def line_of(cells: Iterable[str]) -> str:
    """One line of a table."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def cells_of(row: Row) -> list[str]:
    """Cells of a row."""
    cells = {column: str(getattr(row, column)) for column in COLUMNS}
    cells |= {"value": f"{row.value:g}", "spread": "..".join(f"{s:g}" for s in row.spread)}
    return [cells[column] for column in COLUMNS]


def write_rows(
    numbers: Sequence[Number], found: Fit, told: Sequence[int], kind: Kind = BODY
) -> None:
    """Put posteriors in their tables and their priors in theirs; others get their priors back.

    Lines of other rows stay as they are, to the letter.
    """
    head = [",".join(COLUMNS)]
    priors = kind.priors.read_text("utf-8").splitlines() if kind.priors.is_file() else head
    known = by_id(priors)
    for i, number in enumerate(numbers):
        if i not in told and number.name not in known:
            continue
        at = next(row.line for row in rows_of(number.file) if row.id == number.id) - 1
        lines = number.file.read_text(encoding="utf-8").splitlines()
        if number.name not in known:
            cells = next(csv.reader([lines[at]]))
            priors.append(line_of([number.name, *cells[1:]]))
        if i in told:
            cells = cells_of(posterior(number, found.mode[i], found.sd[i], kind))
            if kind.stays:  # the value as its source prints it
                cells[2] = next(csv.reader([by_id(priors)[number.name]]))[2]
            lines[at] = line_of(cells)
        else:
            priors.remove(known[number.name])
            cells = next(csv.reader([known[number.name]]))
            lines[at] = line_of([number.id, *cells[1:]])
        number.file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    kind.priors.write_text("\n".join(priors) + "\n", encoding="utf-8")


def by_id(lines: Sequence[str]) -> dict[str, str]:
    """Lines of a table by the id that they begin with."""
    return {next(csv.reader([line]))[0]: line for line in lines}


def write_correlations(pairs: Mapping[tuple[str, str], float], kind: Kind) -> None:
    """All correlations of the fit; those with a row of an overlay hold where it is in use."""
    lines = [",".join(PAIR_COLUMNS)]
    lines += [
        line_of([a, b, f"{r:g}", "curvature at the mode of the fit", kind.source, PLACE, GRADE])
        for (a, b), r in pairs.items()
    ]
    (kind.folder / "correlations.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_profiles(
    numbers: Mapping[str, Number], found: Fit, told: Sequence[str], kind: Kind
) -> None:
    """Numbers of the profiles, for the page; spreads of any law as of a logarithm."""
    places = {name: i for i, name in enumerate(found.names)}
    lines = ["number,value,rise,prior,prior_log_sd,mode,log_sd"]
    for profile in found.profiles:
        number, i = numbers[profile.name], places[profile.name]
        if profile.name not in told or number.value(-1) <= 0:
            continue
        size = math.log(number.value(1) / number.value(-1)) / 2
        mode, sd = float(found.mode[i]), float(found.sd[i])
        after = math.log(number.value(mode + sd) / number.value(mode - sd)) / 2
        for score, rise in zip(profile.scores, profile.rise, strict=True):
            if math.isfinite(rise):
                lines.append(
                    f"{number.name},{number.value(float(score)):.4g},{rise:.3f},"
                    f"{number.prior.value:.4g},{size:.3g},{number.value(mode):.4g},{after:.3g}"
                )
    (kind.folder / "profiles.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_sets(sets: Sequence[Set], found: Fit, told: Sequence[int], kind: Kind) -> None:
    """Studies whose data were used, which therefore test nothing, and the rows that each moves."""
    lines, first = ["fit,source,dataset,rows"], 0
    for one in sets:
        last = first + len(one.triplet.data)
        moved = response(found.jacobian[first:last])
        rows = " ".join(found.names[i] for i in told if moved[i] >= SCREEN)
        lines.append(f"{kind.source},{one.study},{one.triplet.name},{rows}")
        first = last
    (kind.folder / "fitted.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
