"""From a measured curve to the numbers of the cell model: what an assay teaches, and carries on.

The steps, in plain words: a laboratory's points become logarithms of the response over that
without vesicles, each with its error; the assay's own model predicts them from the scores of all
numbers that they respond to and from the day's shift of the dose, the plate's own factor taken out;
for every structure that the site weighs, a fit gives the most probable scores, the Laplace
approximation and with it the structure's evidence; a sampler started from the approximation walks
the posterior itself, so that the two can be held against each other; what a forecast needs, dose at
half effect and largest fall, is read off the samples.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from exocast.documents import utf8_text
from exocast.errors import InvalidInput, NotFound, nearest
from exocast.evidence.chance import spread_on_scale, value_of
from exocast.evidence.rows import COLUMNS, Row, package_table
from exocast.study.assay import (
    SLIGHT,
    SWITCH,
    Assay,
    Batch,
    Plate,
    contents,
    prepare,
    run_wells,
    typical_batch,
)
from exocast.study.curves import Curve, fit_curve
from exocast.study.fit import Fit, Part, fit, response
from exocast.units import magnitude

Array = NDArray[np.float64]
DOSE, VALUE, ASSAY, READOUT = "vesicles_per_cell", "response", "assay", "readout"
DAY = "day"
RTOL = 1e-5  # differences of a hundredth of a score have to stand above the solver's error
HEARD = 0.3  # of the data's error, a score, in all: below it a number is left at its prior
MOST = 14  # numbers of a fit, the loudest; the others stay at their centre, which costs some doubt
SAME = 0.1  # of a datum's error: structures that differ by less are told as one
ENOUGH = 1e-3  # of the cost: the solver's error is felt below it
SCOUTS = 32  # draws of the prior that look for another start under each structure
MIRNA_MOST = 6  # numbers of miRNA that join a fit although they have no slope at the centre
AMPLE = math.log(10.0)  # of copies over those needed, so that they act before the last hour
REACHED = 0.2  # of the logarithm of copies over those needed: near enough for a start
WALKERS, STEPS, KEPT = 48, 60, 0.5
ROUND, MOST_ROUNDS = 30, 6  # more steps of a structure until its samples are enough
EFFECTIVE = 200.0  # independent samples sought in all structures together
FEWEST = 100.0  # below it the page says that ends of bands are rough
NEAR, WIDE = 0.85, 1.2  # of a step about the approximation: what it keeps, and its variance
LIGHT = 0.02  # weight of a structure below which it is not sampled
DRAWS = 400
CLOSEST = 0.999  # correlation of two numbers that are drawn apart


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One assay's curve as a laboratory has it: means of logarithms by dose, and their errors."""

    assay: str
    readout: str
    file: str
    doses: Array
    logs: Array
    sd: Array
    wells: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Structure:
    """Combinations of structural alternatives that say the same: their weights, and their fit.

    ``switches`` is the likeliest of them; ``also`` are rows on which they differ without a
    difference to the curves.
    """

    switches: Mapping[str, float]
    also: tuple[str, ...]
    prior: float
    weight: float
    fit: Fit


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What curves teach.

    Attributes
    ----------
    measured
        The curves, in their order.
    names
        Rows that moved, by key; ``day.<assay>`` is the laboratory's own.
    structures
        Sorted by weight, the heaviest first.
    samples
        Scores of the sampler, all structures by their weight, ``(samples, names)``.
    sampled
        Which structure each sample is of, ``(samples,)``.
    acceptance
        Of the sampler's steps; 0.1 to 0.5 is healthy.
    effective
        Independent samples that the sampler's are worth.
    steps
        Of the sampler in all structures.
    predicted
        By assay, quantiles 0.05, 0.5, 0.95 of the logarithm over the control at the doses of the
        assay, before and after: ``(2, 3, doses)``.
    ec50, span
        Of the posterior's curves: vesicles per cell, and the logarithm; NaN where nothing moves.
    conflict
        Logarithm of how much better the curves are explained apart than together; None for one
        curve. Above 2.3 (tenfold) they contradict each other.
    rows
        Of the model, by key.
    """

    measured: tuple[Measured, ...]
    assays: Mapping[str, Assay]
    names: tuple[str, ...]
    rows: Mapping[str, Row]
    structures: tuple[Structure, ...]
    samples: Array
    sampled: NDArray[np.int64]
    acceptance: float
    effective: float
    steps: int
    predicted: Mapping[str, Array]
    ec50: Mapping[str, Array]
    span: Mapping[str, Array]
    conflict: float | None
    seed: int

    @property
    def active(self) -> float:
        """Posterior chance that the product acts in the first assay at all."""
        found = self.ec50[self.measured[0].assay]
        return float(np.isfinite(found).mean())


def read_curve(path: Path, known: Mapping[str, Assay], default: str) -> tuple[Measured, ...]:
    """Curves of a table with ``vesicles_per_cell`` and ``response``, a line a well or a mean.

    Further columns: ``assay`` and ``readout`` (the assay's main one when left out), ``sd`` (of the
    response) and ``n`` for means. A dose of 0 is the stimulated control and has to be there.

    Raises
    ------
    InvalidInput
        With all findings: columns, numbers, a missing control, fewer than four doses.
    """
    if not path.is_file():
        raise NotFound("There is no such table of a curve.", where=str(path))
    reader = csv.DictReader(io.StringIO(utf8_text(path), newline=""))
    columns = tuple(reader.fieldnames or ())
    lacking = [name for name in (DOSE, VALUE) if name not in columns]
    if lacking:
        raise InvalidInput(
            f"the column {' and '.join(lacking)} is missing; there are: {', '.join(columns)}."
            + nearest(lacking[0], columns),
            where=str(path),
        )
    problems: list[str] = []
    points: dict[tuple[str, str], dict[float, list[tuple[float, float, float]]]] = {}
    for line in reader:
        name = (line.get(ASSAY) or default).strip()
        if name not in known:
            problems.append(
                f"line {reader.line_num}: there is no assay '{name}'." + nearest(name, tuple(known))
            )
            continue
        readout = (line.get(READOUT) or known[name].main).strip()
        if readout not in known[name].readouts:
            problems.append(
                f"line {reader.line_num}: '{name}' has no read-out '{readout}'."
                + nearest(readout, tuple(known[name].readouts))
            )
            continue
        try:
            dose, value = float(line[DOSE]), float(line[VALUE])
            sd = float(line.get("sd") or "nan")
            n = float(line.get("n") or "1")
        except ValueError:
            problems.append(f"line {reader.line_num}: not all of it are numbers")
            continue
        if dose < 0 or value <= 0 or not math.isfinite(dose + value) or sd <= 0 or n < 1:
            problems.append(
                f"line {reader.line_num}: doses are 0 or more, responses and sd above 0, n from 1"
            )
            continue
        points.setdefault((name, readout), {}).setdefault(dose, []).append((value, sd, n))
    found = []
    for (name, readout), by_dose in points.items():
        if 0.0 not in by_dose:
            problems.append(f"{name}: no line with {DOSE} 0, the control without vesicles")
        elif len(by_dose) < 5:
            problems.append(f"{name}: a curve has a control and four or more doses")
        else:
            found.append(_measured(name, readout, path, by_dose, known[name]))
    if problems or not found:
        raise InvalidInput("; ".join(problems) or "there is no line.", where=str(path))
    return tuple(found)


def _measured(
    name: str,
    readout: str,
    path: Path,
    by_dose: Mapping[float, Sequence[tuple[float, float, float]]],
    assay: Assay,
) -> Measured:
    """Means of logarithms; wells scatter as they do here where they are repeated, else as a row."""
    doses = sorted(by_dose)
    noise = assay.readouts[readout].scatter[0]
    logs, counts, within, free = [], [], 0.0, 0.0
    for dose in doses:
        lines = by_dose[dose]
        values = np.log([value for value, _, _ in lines])
        logs.append(float(np.average(values, weights=[n for *_, n in lines])))
        counts.append(sum(n for *_, n in lines))
        if len(lines) > 1:
            within += float(((values - values.mean()) ** 2).sum())
            free += len(lines) - 1
        for value, sd, n in lines:
            if math.isfinite(sd) and n > 1:
                within += (n - 1) * math.log1p((sd / value) ** 2)
                free += n - 1
    # Few repeats know their scatter badly: the row stands for four of them.
    well = math.sqrt((within + 4 * noise**2) / (free + 4))
    return Measured(
        assay=name,
        readout=readout,
        file=path.name,
        doses=np.array(doses),
        logs=np.array(logs),
        sd=well / np.sqrt(np.array(counts)),
        wells=np.array(counts, dtype=np.int64),
    )


def learn(
    measured: Sequence[Measured],
    assays: Mapping[str, Assay],
    *,
    batch: Batch | None = None,
    libraries: Sequence[str | Path] = (),
    seed: int = 1,
    prior: str = "default",
    progress: Callable[[int, int], None] | None = None,
) -> Learnt:
    """What measured curves teach about the cell model.

    Parameters
    ----------
    measured
        One or more curves of one batch, each of another assay.
    assays
        By name.
    batch
        What was in the wells; a typical preparation when not given.
    libraries
        Folders with fragments and tables in place of the package's.
    seed
        Of the sampler.
    prior
        ``default`` or ``literature``.
    progress
        Called with (steps done, steps in all).

    Raises
    ------
    InvalidInput
        When two curves are of one assay.

    References
    ----------
    Evidence by Laplace: Tierney and Kadane (1986), doi:10.1080/01621459.1986.10478240. Sampler:
    Goodman and Weare (2010), doi:10.2140/camcos.2010.5.65, as in emcee.
    """
    doubled = {m.assay for m in measured if sum(o.assay == m.assay for o in measured) > 1}
    if doubled:
        raise InvalidInput(
            f"there are two curves of '{doubled.pop()}'; put their wells into one, or learn from "
            "one at a time."
        )
    batch = batch or typical_batch()
    benches = [
        _Bench(
            measured=m,
            plate=prepare(
                assays[m.assay], batch, libraries=libraries, worlds=2, seed=seed, prior=prior
            ),
            batch=batch,
        )
        for m in measured
    ]
    together = _fit_all(benches, seed)
    conflict = None
    if len(benches) > 1:
        apart = sum(_log_evidence(_fit_all([each], seed)) for each in benches)
        conflict = apart - _log_evidence(together)
    names, structures = together
    walk = _sample(benches, names, structures, seed, progress)
    return _told(benches, assays, names, structures, walk, conflict, seed)


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """One curve and the plate that predicts it."""

    measured: Measured
    plate: Plate
    batch: Batch

    @functools.cached_property
    def rows(self) -> dict[str, Row]:
        """Rows that may move, the batch's own among them, and the laboratory's day."""
        rows = {
            key: row
            for key, row in self.plate.rows.items()
            if row.varies == "uncertain"
            and spread_on_scale(row)[1] > 0
            and key not in self.plate.assay.set
        }
        rows |= {row.key: row for row in self.batch.rows if spread_on_scale(row)[1] > 0}
        day_sd = package_table("study", "assays")["day_shift"].value
        name = self.measured.assay
        rows[f"{DAY}.{name}"] = _own(f"{DAY}.{name}", "shift of potency on this day", day_sd)
        return rows

    @property
    def switches(self) -> dict[str, Row]:
        """Structure rows that the site weighs."""
        own = self.plate.assay.set
        return {key: self.plate.rows[key] for key in self.plate.switches if key not in own}

    def predict(
        self,
        names: Sequence[str],
        scores: Array,
        switches: Mapping[str, float],
        doses: Array | None = None,
    ) -> Array:
        """Logarithms of the response at the curve's doses, ``(k, doses)``, at scores ``(k, n)``."""
        given = self.measured.doses if doses is None else doses
        found, failed = self._run(names, scores, switches, given, {})
        read = np.where(failed, np.nan, found[self.measured.readout]).reshape(len(scores), -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(read))

    def mirna(
        self, names: Sequence[str], scores: Array, switches: Mapping[str, float]
    ) -> tuple[Array, Array]:
        """What miRNA is and does at the highest dose, ``(k,)`` each, as logarithms.

        Copies loaded over those needed, and the read-out over that without miRNA.
        """
        chosen = self.plate.assay.mirna
        assert chosen is not None
        top = self.measured.doses[-1:]
        found, _ = self._run(names, scores, switches, top, {})
        without, _ = self._run(names, scores, switches, top, {f"{SWITCH}mirna": np.zeros(1)})
        at = {name: i for i, name in enumerate(names)}
        row = self.plate.rows[chosen.threshold]
        own = scores[:, at[row.key]] if row.key in at else np.zeros(len(scores))
        needed = np.full(len(scores), self._centre(row.key))
        if row.key in at:
            needed = value_of(row, own)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(found["mirna"] / needed)
            read = self.measured.readout
            return np.asarray(ratio), np.asarray(np.log(found[read] / without[read]))

    def _run(
        self,
        names: Sequence[str],
        scores: Array,
        switches: Mapping[str, float],
        given: Array,
        numbers: Mapping[str, Array],
    ) -> tuple[dict[str, Array], NDArray[np.bool_]]:
        """What wells at some scores read, dose by dose, ``(k * doses,)``."""
        count = len(scores)
        rows = self.rows
        values = {
            name: value_of(rows[name], scores[:, i]) for i, name in enumerate(names) if name in rows
        }
        day = values.pop(f"{DAY}.{self.measured.assay}", np.ones(count))
        plate = self._set(values, switches, count)
        wells = (given[None, :] * day[:, None]).ravel()
        return run_wells(
            plate,
            per_cell=wells,
            worlds=np.repeat(np.arange(count), len(given)),
            numbers={name: np.broadcast_to(v, wells.shape) for name, v in numbers.items()},
            rtol=RTOL,
            processes=None if count > 64 else 1,
        )

    def centred(self, logs: Array) -> Array:
        """Logarithms about their own weighted mean: a plate's factor and unit fall out.

        The same as a factor of the plate with a flat prior, fitted anew for every curve.
        """
        weights = self.measured.sd**-2 / (self.measured.sd**-2).sum()
        return np.asarray(logs - (logs @ weights)[..., None])

    def _set(self, values: Mapping[str, Array], switches: Mapping[str, float], count: int) -> Plate:
        """The plate with rows at given values, all others at their centre."""
        rows = self.plate.rows
        drawn = {key: np.full(count, self._centre(key)) for key in self.plate.drawn}
        drawn |= {key: np.full(count, on) for key, on in switches.items() if key in rows}
        drawn |= {key: value for key, value in values.items() if key in drawn}
        soluble, potency = contents(self.batch, drawn)
        return replace(self.plate, drawn=drawn, soluble_per_particle=soluble, potency=potency)

    def _centre(self, key: str) -> float:
        """A row's centre, or what the assay sets in its place."""
        first = self.plate.drawn[key]
        if key in self.plate.assay.set:
            return float(first[0])
        if key in self.plate.rows:
            row = self.plate.rows[key]
            if row.varies == "structure":
                return float(row.value >= 0.5)
            return float(row.value) if row.varies == "uncertain" else float(first[0])
        return next(row.value for row in self.batch.rows if row.key == key)


def _own(key: str, meaning: str, sd: float) -> Row:
    return Row(
        id=key.partition(".")[2],
        meaning=meaning,
        value=1.0,
        unit="1",
        spread=(sd,),
        spread_kind="log_sd",
        varies="uncertain",
        system="this laboratory",
        source="assumption",
        place="",
        grade="A",  # its spread is stated as it is meant: nothing widens it
        table=key.partition(".")[0],
    )


def _structures(benches: Sequence[_Bench]) -> Iterator[tuple[dict[str, float], float]]:
    """Every combination of switches that are not settled, and its prior weight."""
    rows: dict[str, Row] = {}
    for bench in benches:
        rows |= bench.switches
    choices = [
        [(key, on, weight) for on, weight in ((1.0, row.value), (0.0, 1 - row.value)) if weight > 0]
        for key, row in rows.items()
    ]
    for combination in itertools.product(*choices):
        yield (
            {key: on for key, on, _ in combination},
            math.prod(weight for *_, weight in combination),
        )


def _fit_all(benches: Sequence[_Bench], seed: int) -> tuple[tuple[str, ...], list[Structure]]:
    """One fit a structure, over the numbers that the curves respond to in any of them.

    Each starts from the prior's centre, from the best of some draws of the prior, and from where
    miRNA would act, which at the centre has no slope; the lowest end stands.
    """
    observed = np.concatenate([b.centred(b.measured.logs) for b in benches])
    sd = np.concatenate([b.measured.sd for b in benches])
    chosen = _told_apart(benches, list(_structures(benches)), sd)
    by_mirna = _mirna_starts(benches, chosen[0][0])
    waking = [
        [s for b, s in zip(benches, by_mirna, strict=True) if s and _mirna_acts(b, s, switches)]
        for switches, *_ in chosen
    ]
    # Where waking it moves no read-out, miRNA explains nothing, and its numbers only cost.
    heard = [s for s in by_mirna if any(s is w for each in waking for w in each)]
    names = _heard(benches, [switches for switches, *_ in chosen], sd, heard)
    scouts = np.random.default_rng(seed).standard_normal((SCOUTS, len(names)))
    fits = []
    for (switches, *_), mine in zip(chosen, waking, strict=True):
        parts = _parts(benches, names, switches)
        starts = [np.array([start.get(name, 0.0) for name in names]) for start in mine]
        starts.append(_best_of(parts, scouts, observed, sd))
        fits.append(fit(names, parts, observed, sd, enough=ENOUGH, starts=starts))
    evidence = np.array([_evidence(each) for each in fits])
    weights = np.array([weight for _, weight, _ in chosen]) * np.exp(evidence - evidence.max())
    structures = [
        Structure(switches=switches, also=also, prior=prior, weight=float(weight), fit=fitted)
        for (switches, prior, also), weight, fitted in zip(
            chosen, weights / weights.sum(), fits, strict=True
        )
    ]
    return names, sorted(structures, key=lambda s: -s.weight)


def _mirna_starts(
    benches: Sequence[_Bench], switches: Mapping[str, float]
) -> list[dict[str, float]]:
    """The likeliest scores at which miRNA reaches what it needs at the highest dose; by bench.

    Copies loaded are thousands of times too few at the centre, so that no read-out has a slope
    there, but their logarithm has: it is fitted as if someone had seen the copies needed. Empty
    where an assay has no such mechanism or a batch can bring no copies.
    """
    found = []
    for bench in benches:
        start: dict[str, float] = {}
        if bench.plate.assay.mirna is not None:
            names = [n for n in bench.rows if n.partition(".")[0] != DAY]

            def short(scores: Array, bench: _Bench = bench, names: list[str] = names) -> Array:
                return bench.mirna(names, scores, switches)[0][:, None]

            every = Part(own=tuple(range(len(names))), predict=short)
            if np.isfinite(short(np.zeros((1, len(names))))).all():
                likeliest = fit(
                    names, [every], np.full(1, AMPLE), np.full(1, REACHED), enough=ENOUGH
                )
                start = dict(zip(names, likeliest.mode.tolist(), strict=True))
        found.append(start)
    return found


def _mirna_acts(bench: _Bench, start: Mapping[str, float], switches: Mapping[str, float]) -> bool:
    """Whether miRNA moves the read-out at a start, under these structures, enough to be seen."""
    names = tuple(start)
    _, moved = bench.mirna(names, np.array([[start[n] for n in names]]), switches)
    return bool(abs(moved[0]) > SLIGHT)


def _best_of(parts: Sequence[Part], scouts: Array, observed: Array, sd: Array) -> Array:
    """Of some scores, those that explain the data best and are likely themselves."""
    said = np.concatenate([p.predict(scouts[:, list(p.own)]) for p in parts], axis=1)
    cost = np.square((said - observed) / sd).sum(axis=1) + np.square(scouts).sum(axis=1)
    return np.asarray(scouts[int(np.argmin(np.where(np.isfinite(cost), cost, np.inf)))])


def _told_apart(
    benches: Sequence[_Bench], chosen: Sequence[tuple[dict[str, float], float]], sd: Array
) -> list[tuple[dict[str, float], float, tuple[str, ...]]]:
    """Structures whose curves differ; those that say the same, at the centre, put together."""
    curves = []
    for switches, _ in chosen:
        logs = [b.predict((), np.zeros((1, 0)), switches)[0] for b in benches]
        curves.append(np.concatenate([each - each[0] for each in logs]) / sd)
    groups: list[list[int]] = []
    for i, curve in enumerate(curves):
        home = next((g for g in groups if np.abs(curves[g[0]] - curve).max() < SAME), None)
        if home is None:
            groups.append([i])
        else:
            home.append(i)
    found = []
    for group in groups:
        # The likeliest stands for all; of equals the one with the fewest mechanisms at work.
        first = max(group, key=lambda i: (chosen[i][1], -sum(chosen[i][0].values())))
        switches = chosen[first][0]
        also = tuple(k for k in switches if len({chosen[i][0][k] for i in group}) > 1)
        found.append((switches, math.fsum(chosen[i][1] for i in group), also))
    return found


def _parts(
    benches: Sequence[_Bench], names: Sequence[str], switches: Mapping[str, float]
) -> list[Part]:
    parts = []
    for bench in benches:
        own = tuple(i for i, name in enumerate(names) if name in bench.rows)
        mine = [names[i] for i in own]

        def predict(scores: Array, bench: _Bench = bench, mine: list[str] = mine) -> Array:
            return bench.centred(bench.predict(mine, scores, switches))

        parts.append(Part(own=own, predict=predict))
    return parts


def _heard(
    benches: Sequence[_Bench],
    structures: Sequence[Mapping[str, float]],
    sd: Array,
    by_mirna: Sequence[Mapping[str, float]],
) -> tuple[str, ...]:
    """Numbers that move a curve against its control, the loudest first, in any structure.

    Those of miRNA, which is still at the centre, join by how far they are moved to wake it.
    """
    from exocast.study.fit import linear

    names = tuple(dict.fromkeys(name for bench in benches for name in bench.rows))
    loud = np.zeros(len(names))
    for switches in structures:
        jacobian = linear(
            _parts(benches, names, switches), np.zeros(len(names)), np.zeros(len(sd)), sd
        )
        loud = np.maximum(loud, response(jacobian))
    own = [i for i, name in enumerate(names) if name.partition(".")[0] == DAY]
    order = [i for i in np.argsort(-loud) if loud[i] > HEARD and i not in own][:MOST]
    asked = np.array(
        [max((abs(s.get(name, 0.0)) for s in by_mirna), default=0.0) for name in names]
    )
    quiet = [i for i in np.argsort(-asked) if asked[i] > HEARD and i not in order]
    return tuple(names[i] for i in (*order, *quiet[:MIRNA_MOST], *own))


def _evidence(fitted: Fit) -> float:
    """Logarithm of the evidence by Laplace, but for what all structures share."""
    cost = fitted.misfit + float(fitted.mode @ fitted.mode)
    return -0.5 * cost + 0.5 * float(np.linalg.slogdet(fitted.covariance)[1])


def _log_evidence(found: tuple[tuple[str, ...], Sequence[Structure]]) -> float:
    terms = np.array([math.log(s.prior) + _evidence(s.fit) for s in found[1]])
    top = float(terms.max())
    return top + math.log(float(np.exp(terms - top).sum()))


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """What a sampler brought: scores, which structure each is of, and what they are worth."""

    samples: Array
    sampled: NDArray[np.int64]
    acceptance: float
    effective: float
    steps: int


def _sample(
    benches: Sequence[_Bench],
    names: Sequence[str],
    structures: Sequence[Structure],
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> _Walk:
    """The sampler in every structure of some weight, its samples drawn by that weight.

    A structure takes more steps until its samples are worth its part of what is sought, or until
    the most steps are taken.
    """
    import emcee

    rng = np.random.default_rng(seed)
    observed = np.concatenate([b.centred(b.measured.logs) for b in benches])
    sd = np.concatenate([b.measured.sd for b in benches])
    heavy = [i for i, s in enumerate(structures) if s.weight > LIGHT]
    each_most = STEPS + MOST_ROUNDS * ROUND
    total, done = len(heavy) * each_most, 0
    kept, of, accepted, worth = [], [], [], []
    walkers = max(WALKERS, 2 * len(names) + 2)
    whole = sum(structures[i].weight for i in heavy)
    taken = 0
    for number, i in enumerate(heavy, start=1):
        structure = structures[i]
        parts = _parts(benches, names, structure.switches)

        def log_posterior(scores: Array, parts: list[Part] = parts) -> Array:
            said = np.concatenate([p.predict(scores[:, list(p.own)]) for p in parts], axis=1)
            miss = np.square((said - observed) / sd).sum(axis=1)
            cost = miss + np.square(scores).sum(axis=1)
            return np.where(np.isfinite(cost), -0.5 * cost, -np.inf)

        start = rng.multivariate_normal(
            structure.fit.mode, structure.fit.covariance, size=walkers, method="cholesky"
        )
        about = emcee.moves.MHMove(_about(structure.fit))
        sampler = emcee.EnsembleSampler(
            walkers,
            len(names),
            log_posterior,
            vectorize=True,
            moves=[(about, 0.7), (emcee.moves.StretchMove(), 0.3)],
        )
        state = emcee.State(
            start, random_state=np.random.RandomState(int(rng.integers(2**31))).get_state()
        )
        sought = EFFECTIVE * structure.weight / whole
        for wave in range(1 + MOST_ROUNDS):
            for reached in sampler.sample(state, iterations=STEPS if wave == 0 else ROUND):
                state = reached
                done += 1
                if progress:
                    progress(done, total)
            chain = sampler.get_chain(discard=int(sampler.iteration * KEPT))
            if effective(chain) >= sought:
                break
        taken += sampler.iteration
        if progress and done < number * each_most:
            done = number * each_most
            progress(done, total)
        flat = chain.reshape(-1, len(names))
        share = max(1, round(2000 * structure.weight / whole))
        kept.append(flat[rng.choice(len(flat), share, replace=share > len(flat))])
        of.append(np.full(share, i))
        accepted.append(float(np.mean(sampler.acceptance_fraction)))
        worth.append((structure.weight / whole) ** 2 / effective(chain))
    return _Walk(
        samples=np.concatenate(kept),
        sampled=np.concatenate(of),
        acceptance=float(np.mean(accepted)),
        effective=1 / math.fsum(worth),
        steps=taken,
    )


def _about(fitted: Fit) -> Callable[[Array, np.random.RandomState], tuple[Array, Array]]:
    """Steps that would keep the Laplace approximation, somewhat widened, as it is.

    Where the posterior is the approximation they are all taken and forget a place within a few
    steps; the other moves are for where it is not.

    References
    ----------
    Preconditioned Crank-Nicolson: Cotter and others (2013), doi:10.1214/13-STS421.
    """
    middle, covariance = fitted.mode, WIDE * fitted.covariance
    root, inverse = np.linalg.cholesky(covariance), np.linalg.inv(covariance)

    def density(scores: Array) -> Array:
        off = scores - middle
        return np.asarray(-0.5 * np.einsum("ij,jk,ik->i", off, inverse, off))

    def propose(scores: Array, random: np.random.RandomState) -> tuple[Array, Array]:
        fresh = random.standard_normal(scores.shape) @ root.T
        offered = middle + NEAR * (scores - middle) + math.sqrt(1 - NEAR**2) * fresh
        return offered, density(scores) - density(offered)

    return propose


def effective(chain: Array) -> float:
    """Independent samples that walkers' steps are worth, for the number that mixes worst.

    Walkers start independent of each other, so the scatter of their own means tells it: a walker
    that goes nowhere is worth one. A walker's autocorrelation cannot be read off so few steps.

    Parameters
    ----------
    chain
        Scores after the first steps, ``(steps, walkers, numbers)``.
    """
    steps, walkers, numbers = chain.shape
    spread = chain.reshape(-1, numbers).var(axis=0, ddof=1)
    between = chain.mean(axis=0).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = walkers * spread / between
    return float(np.clip(np.nan_to_num(worth, nan=1.0).min(), 1.0, steps * walkers))


def _told(
    benches: Sequence[_Bench],
    assays: Mapping[str, Assay],
    names: Sequence[str],
    structures: Sequence[Structure],
    walk: _Walk,
    conflict: float | None,
    seed: int,
) -> Learnt:
    samples, sampled = walk.samples, walk.sampled
    rng = np.random.default_rng(seed)
    predicted, ec50, span = {}, {}, {}
    weights = np.array([s.prior for s in structures])
    for bench in benches:
        name = bench.measured.assay
        doses = np.array(assays[name].per_cell, dtype=np.float64)
        # The day's shift belongs to that day, not to the batch.
        free = [i for i, n in enumerate(names) if n.partition(".")[0] != DAY]
        some = rng.choice(len(samples), min(DRAWS, len(samples)), replace=False)
        after = _curves_at(bench, names, free, samples[some], sampled[some], structures, doses)
        blank = rng.standard_normal((DRAWS, len(names)))
        which = rng.choice(len(structures), DRAWS, p=weights / weights.sum())
        before = _curves_at(bench, names, free, blank, which, structures, doses)
        predicted[name] = np.stack(
            [np.nanquantile(each, [0.05, 0.5, 0.95], axis=0) for each in (before, after)]
        )
        curves = [_curve(doses, each) for each in after]
        ec50[name] = np.array([np.nan if c is None else c.ec50 for c in curves])
        span[name] = np.array([np.nan if c is None else c.span for c in curves])
    rows: dict[str, Row] = {}
    for bench in benches:
        rows |= bench.rows
    return Learnt(
        measured=tuple(b.measured for b in benches),
        assays=assays,
        names=tuple(names),
        rows={name: rows[name] for name in names},
        structures=tuple(structures),
        samples=samples,
        sampled=sampled,
        acceptance=walk.acceptance,
        effective=walk.effective,
        steps=walk.steps,
        predicted=predicted,
        ec50=ec50,
        span=span,
        conflict=conflict,
        seed=seed,
    )


def _curve(doses: Array, logs: Array) -> Curve | None:
    return fit_curve(doses, logs) if np.ptp(logs) > SLIGHT else None


def _curves_at(
    bench: _Bench,
    names: Sequence[str],
    free: Sequence[int],
    scores: Array,
    which: NDArray[np.int64],
    structures: Sequence[Structure],
    doses: Array,
) -> Array:
    """Logarithms over the control at some scores and structures, ``(k, doses)``."""
    found = np.full((len(scores), len(doses)), np.nan)
    used = [names[i] for i in free]
    for i in np.unique(which):
        mine = which == i
        logs = bench.predict(used, scores[mine][:, free], structures[i].switches, doses)
        found[mine] = logs - logs[:, :1]
    return found


def forecast_rows(learnt: Learnt) -> tuple[Row, ...]:
    """Rows of the forecast's chain that an inflammatory assay sets.

    Dose at half effect, with the cells in a millilitre that it is of; largest fall, and how the two
    go together; and the chance that the batch acts at all.

    Raises
    ------
    InvalidInput
        When no curve is of an assay that informs a forecast, or the curve shows no effect.
    """
    informing = [
        m
        for m in learnt.measured
        if learnt.assays[m.assay].informs != "none" and m.readout == learnt.assays[m.assay].main
    ]
    chosen = informing[0] if informing else None
    if chosen is None:
        raise InvalidInput(
            f"no forecast rests on '{learnt.measured[0].readout}' of "
            f"'{learnt.measured[0].assay}': its chain to people has not been "
            "built, and a guess would look like a measurement."
        )
    ec50, span = learnt.ec50[chosen.assay], learnt.span[chosen.assay]
    acts = np.isfinite(ec50) & (span < 0)
    share = float(acts.mean())
    if share < 0.5:
        raise InvalidInput(
            f"the curve of '{chosen.assay}' shows no fall in {1 - share:.0%} of what it allows: "
            "there is no potency to carry into a forecast."
        )
    top = float(chosen.doses[-1])
    if float(np.median(ec50[acts])) > top:
        raise InvalidInput(
            f"half effect of '{chosen.assay}' lies above the highest dose ({top:g} vesicles a "
            "cell): how far the read-out would fall was not measured. Give more, or concentrate "
            "the batch."
        )
    place = (
        f"{chosen.file}, {chosen.readout} of {chosen.assay}, samples worth "
        f"{learnt.effective:.0f} independent ones"
    )
    common = Row(
        id="assay.acts",
        meaning="chance that this batch acts in the assay at all",
        value=share,
        unit="1",
        spread=(),
        spread_kind="fixed",
        varies="constant",
        system=learnt.assays[chosen.assay].cells.text,
        source="measured",
        place=place,
        grade="B",
        note="multiplies the chance that any of its effect happens in people",
        table="effect",
    )
    made = []
    for name, meaning, values in (
        ("assay.ec50_per_cell", "vesicles offered per cell for half the effect", ec50[acts]),
        ("assay.max_ln_fall", "largest fall of the logarithm of the read-out", -span[acts]),
    ):
        logs = np.log(values)
        made.append(
            replace(
                common,
                id=name,
                meaning=f"{meaning}, this batch",
                value=float(np.exp(np.median(logs))),
                spread=(max(float(np.subtract(*np.quantile(logs, [0.75, 0.25]))) / 1.349, 0.02),),
                spread_kind="log_sd",
                varies="uncertain",
                note="wells of one laboratory, where the batch acts",
            )
        )
    chosen_assay = learnt.assays[chosen.assay]
    density = replace(
        common,
        id="assay.cells_per_ml",
        meaning="cells in a millilitre of medium of the assay that the half effect is of",
        value=magnitude(chosen_assay.cells.amount, "cell") / magnitude(chosen_assay.medium, "mL"),
        unit="item/mL",
        note="how many of the vesicles offered lay on a cell follows from it (cell/assay_well)",
    )
    together = replace(
        common,
        id="assay.correlation",
        meaning="correlation of the logarithms of half effect and largest fall",
        value=_normal_correlation(ec50[acts], -span[acts]),
        note="of the normal law that has the ranks of the samples; draws of a forecast keep it",
    )
    return (made[0], density, made[1], together, common)


def _normal_correlation(a: Array, b: Array) -> float:
    """Pearson's of the normal law with the rank correlation of some samples; 0 where one is still.

    Ranks do not hear the few samples of a flat curve whose half effect is anywhere.

    References
    ----------
    Pearson (1907), On further methods of determining correlation.
    """
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    found = 2 * math.sin(math.pi / 6 * float(spearmanr(a, b).statistic))
    return min(max(found, -CLOSEST), CLOSEST)


def write_rows(rows: Sequence[Row], path: Path) -> Path:
    """A table of rows as everywhere; returns the path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            line = {name: getattr(row, name) for name in COLUMNS}
            line["spread"] = "..".join(f"{s:.6g}" for s in row.spread)
            line["value"] = f"{row.value:.6g}"
            writer.writerow(line)
    return path
