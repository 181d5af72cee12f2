"""Adverse events of a registry's record as lines of results: people affected of people at risk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from exocast.evidence.exchange.incoming import result_cells
from exocast.evidence.exchange.jsons import Block
from exocast.evidence.exchange.text import number
from exocast.evidence.exchange.timeframe import weeks

TOTALS = (
    ("deathsNum", "deaths"),
    ("seriousNum", "serious adverse events"),
    ("otherNum", "other adverse events"),
)


def harm_lines(module: Block, common: Mapping[str, str], nct: str) -> Iterator[dict[str, str]]:
    """Lines of results: for each arm its totals, then each event by name.

    Parameters
    ----------
    module
        The ``adverseEventsModule``.
    common
        Cells that every line has.
    nct
        Number of the study, for the place.
    """
    frame = module.text("timeFrame", 500)
    when = weeks(frame)
    limit = module.text("frequencyThreshold", 20)
    groups = {}
    shared = {
        **common,
        "statistic": "count",
        "scale_text": "people affected, of n at risk",
        # A time of collection is a period, whatever its words.
        "week_high": when.week_high or when.week,
    }
    notes = f"collected over: {frame}" if frame else ""
    for group in module.blocks("eventGroups"):
        groups[group.text("id", 40)] = arm = group.text("title", 300)
        for field, words in TOTALS:
            affected, at_risk = (
                number(group.text(f"{field}{end}", 20)) for end in ("Affected", "AtRisk")
            )
            if not affected:
                continue
            above = f"events above {limit} %" if words.startswith("other") and limit else ""
            yield result_cells(
                **shared,
                intervention=arm,
                endpoint=words,
                value=affected,
                n=at_risk,
                place=f"ClinicalTrials.gov {nct}, adverse events",
                note="; ".join(part for part in (notes, above) if part),
            )
    for field, words in (
        ("seriousEvents", "serious adverse event"),
        ("otherEvents", "adverse event"),
    ):
        for event in module.blocks(field):
            term = event.text("term", 200)
            organ = event.text("organSystem", 200)
            for stats in event.blocks("stats"):
                group_id = stats.text("groupId", 40)
                affected = number(stats.text("numAffected", 20))
                if group_id not in groups or not affected or not term:
                    continue
                count = number(stats.text("numEvents", 20))
                said = [notes, organ, f"{count} events" if count else ""]
                yield result_cells(
                    **shared,
                    intervention=groups[group_id],
                    endpoint=f"{words}: {term}",
                    value=affected,
                    n=number(stats.text("numAtRisk", 20)),
                    place=f"ClinicalTrials.gov {nct}, adverse events",
                    note="; ".join(part for part in said if part),
                )
