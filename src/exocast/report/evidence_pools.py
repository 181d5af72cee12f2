"""Pools and networks of the register in words, and as the records that commands print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from exocast.errors import InvalidInput
from exocast.evidence.query import (
    NORMAL_95,
    Answer,
    Checks,
    Entry,
    NetworkAnswer,
    Parts,
    Slope,
    assumed,
    direct_studies,
    loops,
    measure_of,
    people,
    shown,
)
from exocast.evidence.query.ask import OF_EVENTS
from exocast.evidence.query.contrasts import RATIOS
from exocast.evidence.register import STATISTICS
from exocast.evidence.synthesis import mantel_haenszel

NAMES = {
    "asymmetry": "Egger's test",
    "filled": "trim and fill",
    "selection": "selection model",
}


def record(
    query: str,
    found: Answer,
    *,
    method: str,
    test: str,
    checked: Checks | None = None,
    divided: Parts | None = None,
    regressed: Slope | None = None,
) -> dict[str, Any]:
    """What ``evidence pool`` prints, as the schema says; numbers as people read them."""
    pooled, asked = found.pooled, found.question

    def read(value: float | None) -> float | None:
        return None if value is None else _known(shown(asked, value))

    def entry(e: Entry, weight: float | None) -> dict[str, Any]:
        return {
            "study_id": e.study_id,
            "label": e.label,
            "week": e.week,
            "n": e.n,
            "value": read(e.value),
            "low": read(e.low),
            "high": read(e.high),
            "standard_error": _known(e.standard_error),
            "weight": weight,
            "first": e.first,
            "second": e.second,
            "paired": e.paired,
            "group": e.group,
            "how": e.how,
        }

    low, high = pooled.interval if pooled else (None, None)
    weights = [float(w) for w in pooled.weights] if pooled else []
    return {
        "query": query,
        "statistic": asked.statistic,
        "measure": measure_of(asked),
        "value": read(pooled.value) if pooled else None,
        "low": read(low),
        "high": read(high),
        "prediction_low": read(pooled.prediction_low) if pooled else None,
        "prediction_high": read(pooled.prediction_high) if pooled else None,
        "tau": _known(pooled.tau) if pooled and math.isfinite(pooled.tau2) else None,
        "i2": _known(pooled.i2) if pooled else None,
        "q": _known(pooled.q) if pooled else None,
        "q_freedom": pooled.q_freedom if pooled else None,
        "q_p": _known(pooled.q_p) if pooled else None,
        "method": pooled.method if pooled else method,
        "test": pooled.test if pooled else test,
        "correlation_share": found.correlation_share,
        "warnings": list(found.warnings),
        "entries": [entry(e, w) for e, w in zip(found.entries, weights, strict=True)],
        "left_out": [entry(e, None) for e in found.left_out],
        "published": [asdict(p) for p in found.published],
        "mantel_haenszel": _without_correction(found),
        "checks": None if checked is None else _checks(found, checked),
        "parts": None if divided is None else _parts(found, divided),
        "regression": None
        if regressed is None
        else {
            "field": regressed.field,
            "slope": regressed.slope,
            "low": _known(regressed.low),
            "high": _known(regressed.high),
            "p": _known(regressed.p),
            "tau": regressed.fit.tau,
            "studies": regressed.fit.n_studies,
            "left_out": list(regressed.left_out),
        },
    }


def _without_correction(found: Answer) -> dict[str, Any] | None:
    """Mantel and Haenszel's ratio, where a half was added to a study without an event."""
    if found.question.statistic not in OF_EVENTS or not any("half" in e.how for e in found.entries):
        return None
    tables = [[int(x) for x in f"{e.first}/{e.second}".split("/")] for e in found.entries
              if "printed" not in e.first]  # fmt: skip
    if len(tables) < len(found.entries):
        return None
    events_1, n_1, events_2, n_2 = np.array(tables).T
    try:
        pooled = mantel_haenszel(events_1, n_1, events_2, n_2, measure=found.question.statistic)
    except InvalidInput:
        return None
    value, low, high = pooled.shown()
    return {"value": value, "low": low, "high": high}


def _checks(found: Answer, checked: Checks) -> dict[str, Any]:
    def read(value: float) -> float | None:
        return _known(shown(found.question, value))

    a, f, s = checked.asymmetry, checked.filled, checked.selection
    return {
        "leave_one_out": [
            {
                "study_id": w.study_id,
                "value": read(w.value),
                "low": read(w.low),
                "high": read(w.high),
            }
            for w in checked.without
        ],
        "egger": None if a is None else {"slope": a.slope, "p": a.p, "limit": read(a.limit)},
        "trim_and_fill": None
        if f is None
        else {
            "missing": f.missing,
            "side": f.side,
            "value": read(f.pooled.value),
            "low": read(f.pooled.interval[0]),
            "high": read(f.pooled.interval[1]),
        },
        "selection": None
        if s is None
        else {
            "value": read(s.value),
            "low": read(s.low),
            "high": read(s.high),
            "weight": s.weights[-1],
            "p": s.ratio_p,
        },
        "reasons": checked.reasons,
    }


def _parts(found: Answer, divided: Parts) -> dict[str, Any]:
    def read(value: float) -> float | None:
        return _known(shown(found.question, value))

    return {
        "field": divided.field,
        "p": _known(divided.p),
        "parts": [
            {
                "value": p.value,
                "studies": p.n_studies,
                "pooled": read(p.pooled.value),
                "low": read(p.pooled.interval[0]),
                "high": read(p.pooled.interval[1]),
                "tau": p.pooled.tau if math.isfinite(p.pooled.tau2) else None,
            }
            for p in divided.parts
        ],
    }


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def pool_text(made: Mapping[str, Any]) -> str:
    """A pool in words, then its studies, the checks, and what was left out and why."""
    entries = made["entries"]
    lines = []
    if not entries:
        need = "the numbers that are needed" if made["statistic"] != "change" else (
            "a change and its spread"
        )  # fmt: skip
        lines.append(f"No study of the register answers this with {need}.")
        lines += made["warnings"]
    else:
        studies = len({e["study_id"] for e in entries})
        lines.append(
            f"{_sentence(made['measure'])}: {_spanned(made)}, from {studies} "
            f"{_plural('study', studies)}."
        )
        if made["prediction_low"] is not None:
            lines.append(
                f"A new study: {_read(made['prediction_low'])} to {_read(made['prediction_high'])}."
            )
        if studies > 1:
            lines.append(_heterogeneity(made))
        if made["correlation_share"] is not None:
            lines.append(
                f"Not knowing the correlation of visits adds {made['correlation_share']:.2g} % to "
                "the variance."
            )
        if made["mantel_haenszel"]:
            lines.append(
                f"Without a half added (Mantel-Haenszel): {_spanned(made['mantel_haenszel'])}."
            )
        lines += made["warnings"]
        lines += ["", *_entries_text(made)]
        lines += _divided_text(made) + _checks_text(made)
    shown_apart = {(p["study_id"], p["label"]) for p in made["published"]}
    if made["published"]:
        lines += ["", "Published pools, as printed, for comparison:"]
        lines += [f"  {_published(p)}" for p in made["published"]]
    left = [
        e
        for e in made["left_out"]
        if (e["study_id"], e["label"].partition(", ")[2]) not in shown_apart
    ]
    if left:
        lines += ["", "Left out:"]
        lines += [f"  {e['label']}: {e['how']}." for e in left]
    return "\n".join(lines) + "\n"


def _entries_text(made: Mapping[str, Any]) -> list[str]:
    entries = made["entries"]
    two = any(e["second"] for e in entries)
    wide = min(46, max(len(e["label"]) for e in entries))
    numbers = [f"{e['first']} vs {e['second']}" if two else e["first"] for e in entries]
    numbers = ["printed" if n == "printed vs printed" else n for n in numbers]
    across = max(len(n) for n in numbers)
    head = f"{'study':{wide}} {'week':>4} {'numbers':{across}} {'effect (95 %)':>24} {'weight':>6}"
    lines = [head + "  from"]
    for e, own in zip(entries, numbers, strict=True):
        effect = _spanned(e)
        lines.append(
            f"{e['label'][:wide]:{wide}} {_week(e)} {own:{across}} {effect:>24} "
            f"{e['weight']:4.0f} %  {e['how']}"
        )
    return lines


def _week(entry: Mapping[str, Any]) -> str:
    return f"{entry['week']:4.3g}" if entry["week"] else "   -"


def _heterogeneity(made: Mapping[str, Any]) -> str:
    parts = []
    if made["tau"] is not None:
        logs = " (logarithms)" if made["statistic"] in (*RATIOS, "proportion") else ""
        parts.append(f"SD between studies {made['tau']:.2g}{logs}, I2 {made['i2']:.0f} %")
    parts.append(f"Q {made['q']:.1f} on {made['q_freedom']} df, p {made['q_p']:.2g}")
    return f"How much studies differ: {'; '.join(parts)} ({made['method']}, {made['test']})."


def _divided_text(made: Mapping[str, Any]) -> list[str]:
    lines = []
    if made["parts"]:
        lines += ["", f"By {made['parts']['field']}:"]
        for p in made["parts"]["parts"]:
            own = {"value": p["pooled"], "low": p["low"], "high": p["high"]}
            lines.append(
                f"  {p['value']}: {_spanned(own)}, {p['studies']} {_plural('study', p['studies'])}"
            )
        if made["parts"]["p"] is not None:
            lines.append(f"  Parts differ with p {made['parts']['p']:.2g}.")
    if made["regression"]:
        r = made["regression"]
        lines += [
            "",
            f"Per unit of {r['field']}: {_spanned({**r, 'value': r['slope']})}, p {r['p']:.2g}, "
            f"from {r['studies']} studies"
            + (f"; without {', '.join(r['left_out'])}" if r["left_out"] else "")
            + ".",
        ]
    return lines


def _checks_text(made: Mapping[str, Any]) -> list[str]:
    checked = made["checks"]
    if checked is None:
        return []
    lines = []
    if checked["leave_one_out"]:
        known = [w for w in checked["leave_one_out"] if w["value"] is not None]
        for words, end in (("lowest", min), ("highest", max)):
            w = end(known, key=lambda w: float(w["value"]))
            lines.append(f"  {words} without {w['study_id']}: {_spanned(w)}")
    if checked["egger"]:
        e = checked["egger"]
        lines.append(f"  small studies differ (Egger): p {e['p']:.2g}")
    if checked["trim_and_fill"]:
        f = checked["trim_and_fill"]
        lines.append(
            f"  trim and fill: {f['missing']} missing on the {f['side']}; then {_spanned(f)}"
        )
    if checked["selection"]:
        s = checked["selection"]
        lines.append(
            f"  selection by p 0.025: others are seen {s['weight']:.2g} times as often; then "
            f"{_spanned(s)}, p {s['p']:.2g}"
        )
    for why in dict.fromkeys(checked["reasons"].values()):
        names = [NAMES[n] for n, w in checked["reasons"].items() if w == why]
        lines.append(f"  {', '.join(names)}: {why}")
    return ["", "How firm it is:", *lines]


def _published(p: Mapping[str, Any]) -> str:
    week = "" if p["week"] is None else f", week {p['week']:g}"
    number = "no number" if p["value"] is None else _spanned(p)
    note = f" ({p['note']})" if p["note"] else ""
    kind = STATISTICS[p["statistic"]]
    return f"{p['study_id']}, {p['label']}, {p['endpoint']}{week}: {kind} {number}{note}"


def _spanned(made: Mapping[str, Any]) -> str:
    value = "unknown" if made["value"] is None else _read(made["value"])
    if made["low"] is None or made["high"] is None:
        return value
    return f"{value} ({_read(made['low'])} to {_read(made['high'])})"


def _read(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def network_record(query: str, found: NetworkAnswer) -> dict[str, Any]:
    """What ``evidence network`` prints, as the schema says."""
    fitted = found.fitted
    league: list[dict[str, Any]] = []
    splits: list[dict[str, Any]] = []
    if fitted is not None:
        scores, counts = fitted.p_scores("lower"), people(found)
        direct = direct_studies(found)
        for node in fitted.treatments:
            value, error = fitted.of(node, found.reference)
            pair = {frozenset(p): s for p, s in direct.items()}
            own = node != found.reference
            league.append(
                {
                    "treatment": node,
                    "value": value,
                    "low": value - NORMAL_95 * error if own else 0.0,
                    "high": value + NORMAL_95 * error if own else 0.0,
                    "p_score": scores[node],
                    "people": counts[node] or None,
                    "direct_studies": list(pair.get(frozenset((node, found.reference)), ())),
                }
            )
        league.sort(key=lambda row: float(row["value"]))
        splits = [
            {
                "first": c.first,
                "second": c.second,
                "direct": c.direct,
                "direct_se": c.direct_se,
                "indirect": c.indirect,
                "indirect_se": c.indirect_se,
                "p": c.p_inconsistent,
            }
            for c in loops(found)
        ]
    return {
        "query": query,
        "reference": found.reference,
        "measure": "difference of changes on 0-100, minus is better",
        "tau": fitted.tau2**0.5 if fitted else None,
        "q": fitted.q if fitted else None,
        "q_freedom": fitted.q_freedom if fitted else None,
        "inconsistency_q": fitted.between_q if fitted else None,
        "inconsistency_freedom": fitted.between_freedom if fitted else None,
        "inconsistency_p": _known(fitted.between_p) if fitted else None,
        "correlation_share": found.correlation_share,
        "warnings": list(found.warnings),
        "league": league,
        "splits": splits,
        "studies": [
            {
                "study_id": s.study_id,
                "endpoint": s.endpoint,
                "week": s.week,
                "how": s.how,
                "arms": [
                    {
                        "treatment": a.node,
                        "mean": a.mean,
                        "standard_error": a.variance(assumed().value) ** 0.5,
                        "n": a.n,
                        "names": list(a.names),
                    }
                    for a in s.arms
                ],
            }
            for s in found.studies
        ],
        "outside": [
            {"study_id": o.study_id, "treatments": list(o.treatments), "why": o.why}
            for o in found.outside
        ],
        "apart": [list(c) for c in found.apart],
    }


def network_text(made: Mapping[str, Any]) -> str:
    """A network in words: league, agreement, what is in and what is out."""
    lines = []
    if made["league"]:
        count = len(made["studies"])
        lines.append(
            f"{len(made['league'])} treatments in {count} {_plural('study', count)}; "
            f"{made['measure']}, against {made['reference']}."
        )
        lines.append(
            f"SD between studies {made['tau']:.2f}; Q {made['q']:.1f} on {made['q_freedom']} df."
        )
        if made["inconsistency_p"] is not None:
            lines.append(
                f"Disagreement of direct and indirect: Q {made['inconsistency_q']:.1f} on "
                f"{made['inconsistency_freedom']} df, p {made['inconsistency_p']:.2g}."
            )
        if made["correlation_share"] is not None:
            lines.append(
                f"Not knowing the correlation of visits adds up to "
                f"{made['correlation_share']:.2g} % to a variance."
            )
    lines += made["warnings"]
    if made["league"]:
        wide = max(len(row["treatment"]) for row in made["league"])
        lines += [
            "",
            f"{'treatment':{wide}} {'difference (95 %)':>26} {'P-score':>8} {'people':>7}",
        ]
        for row in made["league"]:
            own = row["treatment"] != made["reference"]
            number = _spanned(row) if own else "reference"
            people_ = "" if row["people"] is None else f"{row['people']:g}"
            direct = ", ".join(row["direct_studies"]) if own else ""
            lines.append(
                f"{row['treatment']:{wide}} {number:>26} {row['p_score']:8.2f} {people_:>7}"
                + (f"  direct: {direct}" if direct else "")
            )
    if made["splits"]:
        lines += ["", "Where there is a loop:"]
        lines += [
            f"  {s['first']} against {s['second']}: direct {_read(s['direct'])} "
            f"(SE {_read(s['direct_se'])}), indirect {_read(s['indirect'])} "
            f"(SE {_read(s['indirect_se'])}), p {s['p']:.2g}"
            for s in made["splits"]
        ]
    if made["studies"]:
        lines += ["", "In it:"]
        lines += [
            f"  {s['study_id']}, {s['endpoint']}"
            + ("" if s["week"] is None else f", week {s['week']:g}")
            + f": {', '.join(a['treatment'] for a in s['arms'])} ({s['how']})"
            for s in made["studies"]
        ]
    if made["apart"]:
        lines += ["", f"Not connected to {made['reference']}:"]
        lines += [f"  {', '.join(c)}" for c in made["apart"]]
    if made["outside"]:
        lines += ["", "Left out:"]
        for why in dict.fromkeys(o["why"] for o in made["outside"]):
            studies = [
                f"{o['study_id']} ({', '.join(o['treatments']) or 'no known treatment'})"
                for o in made["outside"]
                if o["why"] == why
            ]
            lines.append(f"  {why}: {'; '.join(studies)}.")
    return "\n".join(lines) + "\n"


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return "studies" if word == "study" else word + "s"
