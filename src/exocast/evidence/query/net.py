"""Networks of treatments from the register: ``knee_OA | pain | 8-18 weeks``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exocast.errors import InvalidInput, nearest
from exocast.evidence.query.answers import change_on_hundred
from exocast.evidence.query.ask import Question, network_question
from exocast.evidence.query.contrasts import plus_is_better
from exocast.evidence.query.groups import combined, doubts
from exocast.evidence.query.match import (
    explain,
    is_paired,
    is_pool,
    of_question,
    one_population,
    sides,
)
from exocast.evidence.query.tables import NORMAL_95, assumed, node_of, treatments, weightless
from exocast.evidence.register import Register, Result, impossible, register
from exocast.evidence.synthesis import Contrast, Network, network

ARM_SIZE = re.compile(r"([A-Za-z][\w +-]*?) (\d+)(?=,|$)")
ANCHOR = "saline"


@dataclass(frozen=True, kw_only=True)
class NodeArm:
    """People of one treatment in one study: change on 0-100, minus is better.

    Where a study prints differences only, the mean is against its first treatment and the variance
    is that share of the differences' variances that belongs to this arm.
    """

    node: str
    mean: float
    own: float
    shared: float
    n: float | None
    names: tuple[str, ...]

    def variance(self, correlation: float) -> float:
        """Of the mean."""
        return self.own - 2 * correlation * self.shared


@dataclass(frozen=True, kw_only=True)
class NetworkStudy:
    """A study in a network."""

    study_id: str
    endpoint: str
    week: float | None
    how: str
    arms: tuple[NodeArm, ...]


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A study that is not in the network, and why."""

    study_id: str
    treatments: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class NetworkAnswer:
    """A network from the register.

    Attributes
    ----------
    fitted
        None when fewer than two treatments are connected to the reference.
    studies, outside
        What is in it; what is not, with the reason.
    apart
        Treatments that nothing connects to the reference, component by component.
    correlation_share
        Largest share, in percent, of a comparison's variance that comes from not knowing the
        correlation of visits; None when no study needs it.
    """

    question: Question
    reference: str
    fitted: Network | None
    studies: tuple[NetworkStudy, ...]
    outside: tuple[Outside, ...]
    apart: tuple[tuple[str, ...], ...]
    correlation_share: float | None
    warnings: tuple[str, ...]


def network_answer(
    text: str,
    whole: Register | None = None,
    *,
    reference: str = "",
    method: str = "REML",
    unresolved: bool = False,
    leave_out: Collection[str] = (),
) -> NetworkAnswer:
    """Fits the network that a query asks for.

    Of a study the first end point and, of its visits, the one nearest to the middle at which two
    treatments or more have a change with its spread.

    Parameters
    ----------
    reference
        Node that effects are against; saline where the network has it, else its first treatment.
    method
        Variance between studies: ``fixed``, ``DL`` or ``REML``.
    unresolved
        Whether studies that no identifier leads to enter too.
    leave_out
        Ids of studies that do not enter.

    Raises
    ------
    InvalidInput
        For a query of another form, or a reference that no study gives.
    UnknownName
        For an indication or end point that the register does not have, or an unknown study.
    """
    whole = whole or register()
    asked = network_question(text)
    for study_id in leave_out:
        whole.study(study_id)
    lines = [r for r in whole.results if of_question(r, asked) and r.statistic != "threshold"]
    if not lines:
        explain(asked, whole)
    used, outside = _collected(whole, asked, lines, unresolved, leave_out)
    known = {arm.node for study in used for arm in study.arms}
    reference = _reference(reference, known)
    components = _components(used)
    mine = next((c for c in components if reference in c), frozenset())
    inside = [s for s in used if s.arms[0].node in mine]
    for study in used:
        if study not in inside:
            outside.append(
                Outside(
                    study_id=study.study_id,
                    treatments=tuple(a.node for a in study.arms),
                    why=f"nothing connects it to {reference}",
                )
            )
    fitted, share = _fit(inside, reference, method) if len(mine) > 1 else (None, None)
    return NetworkAnswer(
        question=asked,
        reference=reference,
        fitted=fitted,
        studies=tuple(inside),
        outside=tuple(outside),
        apart=tuple(tuple(_ordered(c)) for c in components if c != mine),
        correlation_share=share,
        warnings=tuple(_warnings(fitted, inside)),
    )


def direct_studies(found: NetworkAnswer) -> dict[tuple[str, str], tuple[str, ...]]:
    """Studies that compare two treatments themselves, by the pair."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for study in found.studies:
        nodes = _ordered(a.node for a in study.arms)
        for i, first in enumerate(nodes):
            for second in nodes[i + 1 :]:
                pairs.setdefault((first, second), []).append(study.study_id)
    return {pair: tuple(ids) for pair, ids in pairs.items()}


def loops(found: NetworkAnswer) -> list[Contrast]:
    """Comparisons that studies make themselves and that others make by another way round.

    A comparison that only studies of its own arms connect has no indirect part of its own.
    """
    if found.fitted is None:
        return []
    made = []
    for c in found.fitted.contrasts:
        both = {c.first, c.second}
        rest = [s for s in found.studies if not both <= {a.node for a in s.arms}]
        if len(rest) < len(found.studies) and any(both <= part for part in _components(rest)):
            made.append(c)
    return made


def people(found: NetworkAnswer) -> dict[str, float]:
    """People of each treatment, where their number is known."""
    total: dict[str, float] = {}
    for study in found.studies:
        for arm in study.arms:
            total[arm.node] = total.get(arm.node, 0.0) + (arm.n or 0.0)
    return {node: total[node] for node in _ordered(total)}


def _ordered(nodes: Iterable[str]) -> list[str]:
    order = {t.node: i for i, t in enumerate(treatments())}
    return sorted(set(nodes), key=lambda node: (node != ANCHOR, order.get(node, len(order)), node))


def _reference(wanted: str, known: Collection[str]) -> str:
    if wanted:
        match = next((node for node in known if node.casefold() == wanted.casefold()), "")
        if not match:
            raise InvalidInput(
                f"no study of this network gives '{wanted}' with a spread."
                + (nearest(wanted, known) or f" There is: {', '.join(_ordered(known))}."),
                where="reference",
            )
        return match
    ordered = _ordered(known)
    return ordered[0] if ordered else ""


def _collected(
    whole: Register,
    asked: Question,
    lines: Sequence[Result],
    unresolved: bool,
    leave_out: Collection[str],
) -> tuple[list[NetworkStudy], list[Outside]]:
    used: list[NetworkStudy] = []
    outside: list[Outside] = []
    by_study: dict[str, list[Result]] = {}
    for r in lines:
        if asked.inside(r.week) and r.week != 0:
            by_study.setdefault(r.study_id, []).append(r)
    for study_id, rows in by_study.items():
        nodes = tuple(_ordered(node for r in rows for node in _nodes_of(r) if node))
        if all(is_pool(r) for r in rows):
            if len(nodes) > 1:
                outside.append(
                    Outside(study_id=study_id, treatments=nodes, why="a pool of studies")
                )
            continue
        found = _study(whole, asked, [r for r in rows if not is_pool(r)])
        if isinstance(found, str):
            outside.append(Outside(study_id=study_id, treatments=nodes, why=found))
        elif study_id in leave_out:
            outside.append(Outside(study_id=study_id, treatments=nodes, why="left out by name"))
        elif why := weightless(whole.study(study_id), unresolved=unresolved):
            outside.append(Outside(study_id=study_id, treatments=nodes, why=why))
        else:
            used.append(found)
    return used, outside


def _nodes_of(r: Result) -> tuple[str, ...]:
    return tuple(node_of(text) for text in sides(r.intervention) or (r.intervention,))


def _study(whole: Register, asked: Question, rows: Sequence[Result]) -> NetworkStudy | str:
    """A study's arms at its nearest usable visit, or why there are none."""
    why = ""
    for endpoint in dict.fromkeys(r.endpoint for r in rows):
        own = one_population([r for r in rows if r.endpoint == endpoint])
        for week in sorted({r.week for r in own}, key=lambda w: (asked.far(w), w or 0.0)):
            here = [r for r in own if r.week == week]
            for make in (_from_arms, _from_differences):
                found = make(whole, here)
                if not isinstance(found, str):
                    arms, how = found
                    if make is _from_arms and is_paired(here[0]):
                        how += ", as if sides were different people"
                    return NetworkStudy(
                        study_id=here[0].study_id,
                        endpoint=endpoint,
                        week=week,
                        how=how,
                        arms=tuple(arms),
                    )
                why = why or found
    return why


def _from_arms(whole: Register, rows: Sequence[Result]) -> tuple[list[NodeArm], str] | str:
    arms = [r for r in rows if sides(r.intervention) is None]
    if not arms:
        return ""
    nodes = {node_of(r.intervention) for r in arms}
    unknown = [r.intervention for r in arms if not node_of(r.intervention)]
    if unknown:
        return f"treatments.csv has no node for '{unknown[0]}'"
    if len(nodes) < 2:
        return "its arms are one treatment"
    made, how, refused = [], [], ""
    for node in _ordered(nodes):
        groups = [change_on_hundred(whole, r) for r in arms if node_of(r.intervention) == node]
        known = [g for g in groups if g.known]
        if not known:
            refused = refused or groups[0].how
            continue
        group = combined(known)
        how.append(group.how)
        made.append(
            NodeArm(
                node=node,
                mean=group.mean,
                own=group.own,
                shared=group.shared,
                n=group.n,
                names=group.names,
            )
        )
    if len(made) < 2:
        return refused
    words = "; ".join(dict.fromkeys(how))
    if any(arm.shared for arm in made):
        words += f", correlation {assumed().value:g} assumed"
    return made, words


def _from_differences(whole: Register, rows: Sequence[Result]) -> tuple[list[NodeArm], str] | str:
    """Arms from printed differences.

    Variances of differences are sums of two arms' variances; least squares gives those of the
    arms, exactly where the differences close a triangle. A study of two arms halves its variance.
    """
    found: list[tuple[str, str, float, float]] = []
    why = ""
    for r in rows:
        both = sides(r.intervention)
        if both is None:
            continue
        first, second = node_of(both[0]), node_of(both[1])
        plus = plus_is_better(r)
        if said := impossible(r):
            why = why or said
        elif r.statistic == "qualitative":
            why = why or "only a direction is known"
        elif not first or not second or first == second:
            why = why or f"treatments.csv does not tell both sides of '{r.intervention}' apart"
        elif r.statistic not in ("effect_md", "effect_wmd") or r.interval != "ci95":
            why = why or "no mean difference with its interval"
        elif plus is None or r.scale_low is None or r.scale_high is None:
            why = why or "its scale is not known"
        elif r.value is not None and r.low is not None and r.high is not None:
            factor = 100.0 / (r.scale_high - r.scale_low)
            error = factor * (r.high - r.low) / (2 * NORMAL_95)
            found.append((first, second, (-factor if plus else factor) * r.value, error**2))
    if not found:
        return why
    nodes = _ordered(node for one in found for node in one[:2])
    signed = np.zeros((len(found), len(nodes)))
    for i, (first, second, _, _) in enumerate(found):
        signed[i, nodes.index(first)], signed[i, nodes.index(second)] = 1.0, -1.0
    if np.linalg.matrix_rank(signed) < len(nodes) - 1:
        return "its printed differences do not connect its arms"
    values, variances = np.array([f[2] for f in found]), np.array([f[3] for f in found])
    means = np.concatenate([[0.0], np.linalg.lstsq(signed[:, 1:], values, rcond=None)[0]])
    shares = np.linalg.lstsq(np.abs(signed), variances, rcond=None)[0]
    if (shares <= 0).any():
        return "the intervals of its printed differences contradict one another"
    sizes = _sizes(rows[0].n_text)
    arms = [
        NodeArm(
            node=node, mean=float(m), own=float(v), shared=0.0, n=sizes.get(node), names=(node,)
        )
        for node, m, v in zip(nodes, means, shares, strict=True)
    ]
    return arms, "printed differences and intervals"


def _sizes(text: str) -> dict[str, float]:
    return {node_of(name.strip()): float(n) for name, n in ARM_SIZE.findall(text)}


def _components(studies: Sequence[NetworkStudy]) -> list[frozenset[str]]:
    found: list[frozenset[str]] = []
    for study in studies:
        nodes = frozenset(a.node for a in study.arms)
        touching = [c for c in found if c & nodes]
        found = [c for c in found if not c & nodes] + [nodes.union(*touching)]
    return found


def _fit(
    studies: Sequence[NetworkStudy], reference: str, method: str
) -> tuple[Network, float | None]:
    def at(r: float) -> Network:
        arms = [(s.study_id, a.node, a.mean, a.variance(r)) for s in studies for a in s.arms]
        return network(arms, reference=reference, method=method)

    middle = at(assumed().value)
    if not any(a.shared for s in studies for a in s.arms):
        return middle, None
    points, weights = assumed().points()
    made = [at(float(r)) for r in points]
    effects = np.average([m.effects for m in made], axis=0, weights=weights)
    apart = [np.outer(m.effects - effects, m.effects - effects) for m in made]
    between = np.average(apart, axis=0, weights=weights)
    within = np.average([m.covariance for m in made], axis=0, weights=weights)
    both = replace(
        middle,
        effects=effects,
        covariance=within + between,
        tau2=float(np.average([m.tau2 for m in made], weights=weights)),
    )
    contrasts = []
    for c in both.contrasts:
        value, error = both.of(c.first, c.second)
        contrasts.append(
            replace(c, value=value, low=value - NORMAL_95 * error, high=value + NORMAL_95 * error)
        )
    total = np.diag(within + between)[1:]
    share = 100 * float((np.diag(between)[1:] / total).max())
    return replace(both, contrasts=tuple(contrasts)), share


def _warnings(fitted: Network | None, studies: Sequence[NetworkStudy]) -> list[str]:
    if fitted is None:
        return ["No two treatments are connected: there is no network."]
    found = []
    if fitted.q_freedom < 1:
        found.append("No comparison is made twice: how much studies differ cannot be known.")
    elif fitted.q_freedom < len(fitted.treatments):
        found.append(
            f"Heterogeneity rests on {fitted.q_freedom} "
            f"{'degree' if fitted.q_freedom == 1 else 'degrees'} of freedom: intervals are likely "
            "to be too narrow."
        )
    counts = [c for c in fitted.contrasts if c.n_studies]
    if counts and max(c.n_studies for c in counts) == 1:
        found.append("Every direct comparison rests on one study.")
    if len({s.endpoint for s in studies}) > 1:
        found.append(
            "Studies bring different scales of pain, each put on 0-100: they are taken as the same."
        )
    return found + doubts((s.study_id, s.how) for s in studies)
