"""Write what the model gives for the reference studies: hits and misses alike.

    python scripts/baselines.py [placebo] [comparators] [cartilage] [two_knees] [storage]

Rewrites ``tests/baselines/validation_*.yaml`` and, from them, ``docs/validation.md``. The change
that moves them says why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from exocast.evidence.chance import draw
from exocast.patient import comparators, placebo
from exocast.study.natural import cartilage_change
from exocast.study.trial import PairedTrial, paired_trial
from exocast.study.two_knees import pain_differences
from exocast.vial import VialDescription, fraction_at_needle, load_vial, vial_rows

FOLDER = Path(__file__).parent.parent / "tests" / "baselines"
PLACEBO_HEAD = """\
# Mean change of pain (0-100) in saline arms that were kept out of the fit: observed, and the 90 %
# interval of a study mean as predicted from each arm's own entry criteria, size and visits.
# A miss is shown, not tuned away. Written by scripts/baselines.py.
"""
COMPARATORS_HEAD = """\
# Difference in pain to saline (mm of 100, minus is less pain) in trials that no row is built from:
# observed, and the 90 % interval of copies of the trial. Written by scripts/baselines.py.
"""
CARTILAGE_HEAD = """\
# Change of cartilage in percent of baseline without treatment: observed means, and the mean and
# 90 % interval over worlds of the model. raynauld2006 is what the model was fitted to;
# eckstein_oai2012 (thickness, 441 knees) is a prediction. Written by scripts/baselines.py.
"""
TWO_KNEES_HEAD = """\
# Share of copies of the blinded two-knee trial (29 pairs, VAS at 26 weeks, paired t test at 5 %)
# that are significant, with its exact 99 % interval, against the real trial: no difference.
# in_favour: significant, and the treated knee did better. lost_on_inert: significant in inert
# vesicles on the same draws and no more here. Written by scripts/baselines.py.
"""
STORAGE_HEAD = """\
# Losses in a vial in percent: published (storage_published.yaml), and the median and 90 % of worlds
# of the model. Most rows were set from these numbers. Written by scripts/baselines.py.
"""
PAGE = Path(__file__).parent.parent / "docs" / "validation.md"
PAGE_HEAD = """\
# What the model gets right, and what it misses

How far can these forecasts be trusted? Here is what the model says about studies that it was not
fitted to. A miss is shown and not tuned away; `python scripts/baselines.py` writes this page
anew.

## Pain after saline

Mean change of pain (0-100) in the saline arms of three trials kept out of the fit, with the 90 %
interval of a study mean, predicted from each arm's entry criteria, size and visits.
"""
COMPARATORS_PAGE = """
A miss is most visits of one trial: the three arms of cingal1301 fell by 24 to 38 mm from the first
week on, more than most of the sources of the fit foretell; they share one setting.

Not everything above was fixed before the first look. The rule for unpublished entry thresholds, the
doubt about tau and the way errors map to the scale were chosen after it; with what stood before, 5
of these 22 visits lay inside ([decision 5](decisions/0005-saline-and-procedure.md)).

## Comparators against saline

Difference in pain (mm of 100, minus is less pain) in trials that the comparators' rows are not
built from, with the 90 % interval of copies of the trial: what is not known, the study's own
deviation, and its sampling error. Trials named `ha_rct_` are older than the pool of hyaluronic acid
and probably among its trials, so they are no independent test.
"""
CARTILAGE_PAGE = """
Visits of one trial go together. The misses are trials of 10 to 50 people an arm that report far
more than the large ones (scale, huskisson, corrado, cubukcu, one technique of cingal1301): the
inflation that the default takes out. Every trial of 100 people an arm or more lies inside but for
one visit of FLEXX (altman2, week 1; its listed error is doubtful).

## Cartilage without treatment

Change in percent of baseline. The model is fitted to the global cartilage *volume* of the first
cohort. The second cohort is larger and less selected; what was measured there is the *thickness* of
femorotibial cartilage, so the comparison is rough. It lost about a third as much, and the model
misses it: it is a model of knees like those of the first.
"""
TWO_KNEES_PAGE = """
## The blinded trial of vesicles in two knees

Copies of the only blinded, saline-controlled trial of vesicles in knees (29 people, one knee each
way, pain at 26 weeks), with the unpublished dose log-uniform over 10⁹ to 10¹² particles. The real
trial saw no difference.
"""
TWO_KNEES_END = """

Inert vesicles are significant as often as chance allows, and the default forecast as rarely as the
real trial asks for: hardly anything of a single injection is left at 26 weeks. In favour of the
vesicles it is significant in no fewer copies than inert vesicles on the same draws. Counted on both
sides it is below them by the copies in the column "lost on inert": there the treated knee had done
worse by chance, and a small benefit brings such a copy back over the line. A test that counts both
sides calls this a miss, and so it is shown.

Under `--prior literature`, which takes the reported effect of cell products at face value, most
copies are significant: the real trial contradicts that reading
([decision 6](decisions/0006-literature-prior.md) says how its rows were chosen, and what others
would give).
"""
STORAGE_PAGE = """
## What is lost in the vial

Particles lost on the way to the needle, in per cent: what was published, and the median and 90 % of
worlds of the [storage rows](../src/exocast/vial/storage.csv). The last column names the rows that
were set from the number, so nothing here is a test: it shows what the rows made of conflicting
reports. Numbers of the review are second-hand.
"""
STORAGE_END = """
A band that does not reach the published number is a miss. The rows for solution and thawing hold
for any number of particles, where only the wall knows that a concentrated stock has few places to
stick to: such stocks were seen to lose nothing, and the model gives them the loss of dilute ones.
Not in the table: vesicles at 37 °C, whose bioactivity was gone in 4 days (second-hand), which the
model refuses as outside what was measured in particles; trehalose, with which a year at −80 °C
changed nothing (second-hand); and dry vials, for which the log has no step.
"""
HEADS = (
    "| vesicles | copies | significant | exact 99 % interval | in favour | gained on inert "
    "| lost on inert | of these in favour | mean difference |"
)
WORLDS, PEOPLE = 12, 400
CARTILAGE = {
    "raynauld2006": {364.0: -3.7, 728.0: -5.7},
    "eckstein_oai2012": {364.0: -1.2, 728.0: -2.1},
}
COPIES = 400
STORAGE_WORLDS = 1000


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A published loss in a vial beside the model's, in percent."""

    what: str
    low: float
    high: float
    source: str
    place: str
    rows: str
    median: float
    model_low: float
    model_high: float

    @property
    def hit(self) -> bool:
        """Whether the two ranges meet."""
        return self.model_low <= self.high and self.model_high >= self.low


def losses() -> Iterator[Loss]:
    """What the storage rows say of each published loss, over worlds."""
    published = YAML(typ="safe", pure=True).load(
        (FOLDER / "storage_published.yaml").read_text(encoding="utf-8")
    )
    for row in published:
        description = VialDescription.model_validate(row["vial"])
        vial = load_vial(description, FOLDER)
        values = draw(vial_rows(), seed=1, worlds=STORAGE_WORLDS, patients=1)
        values["vial.concentration"] = np.full((STORAGE_WORLDS, 1), float(row["per_ml"]))
        steps = fraction_at_needle(vial, values, volume_ml=0.0).steps
        lost = 1 - steps["storage"] * steps["wall"] * steps["thaw"]
        found = lost if row["reading"] == "lost" else (1 - steps["wall"]) / lost
        low, median, high = 100 * np.quantile(found, [0.05, 0.5, 0.95])
        told = {key: row[key] for key in ("what", "low", "high", "source", "place", "rows")}
        yield Loss(**told, median=float(median), model_low=float(low), model_high=float(high))


def write_placebo() -> None:
    """Every saline arm kept out of the fit."""
    found = placebo.predictions()
    lines = [PLACEBO_HEAD + "rows:"]
    lines += [
        f"  - {{arm: {p.arm}, week: {p.week:g}, n: {p.n}, observed: {p.observed:.1f}, "
        f"predicted: {p.mean:.1f}, low: {p.low:.1f}, high: {p.high:.1f}, tau: {p.tau:.1f}, "
        f"sd: {p.sd:.1f}, width_allowed: {p.width_allowed:.1f}, hit: {_yes(p.hit)}}}"
        for p in found
    ]
    hits = sum(p.hit for p in found)
    lines.append(f"totals: {{rows: {len(found)}, hits: {hits}, misses: {len(found) - hits}}}")
    _write("placebo", lines)


def write_comparators() -> None:
    """Every trial against saline that no row of a comparator is built from."""
    found = comparators.held_out()
    lines = [COMPARATORS_HEAD + "rows:"]
    lines += [
        f"  - {{comparator: {h.comparator}, study_id: {h.study_id}, route: '{h.route}', "
        f"week: {h.week:g}, observed: {h.observed:.1f}, predicted: {h.mean:.1f}, "
        f"low: {h.low:.1f}, high: {h.high:.1f}, hit: {_yes(h.hit)}}}"
        for h in found
    ]
    hits = sum(h.hit for h in found)
    lines.append(f"totals: {{rows: {len(found)}, hits: {hits}, misses: {len(found) - hits}}}")
    _write("comparators", lines)


def write_cartilage() -> None:
    """Untreated cartilage of the two cohorts."""
    times = np.array([364.0, 728.0])
    change = cartilage_change(times, worlds=WORLDS, patients=PEOPLE)
    means = change.mean(axis=1)
    lines = [CARTILAGE_HEAD.rstrip()]
    for study, observed in CARTILAGE.items():
        for at, days in enumerate(times):
            low, high = np.quantile(means[:, at], [0.05, 0.95])
            seen = observed[float(days)]
            lines.append(
                f"{study} {days:g} d: {{observed: {seen}, predicted: {means[:, at].mean():.2f}, "
                f"low: {low:.2f}, high: {high:.2f}, hit: {_yes(low <= seen <= high)}}}"
            )
    _write("cartilage", lines)


def write_two_knees() -> None:
    """Copies of the two-knee trial under each prior."""
    lines = [TWO_KNEES_HEAD.rstrip()]
    inert: PairedTrial | None = None
    for name, how in (
        ("inert", {"inert": True}),
        ("default", {}),
        ("literature", {"prior": "literature"}),
    ):
        found = paired_trial(pain_differences(copies=COPIES, **how))
        inert = inert or found
        now, before = found.p_values < found.alpha, inert.p_values < inert.alpha
        lost = before & ~now
        counts = {
            "in_favour": now & (found.mean_differences < 0),
            "gained_on_inert": now & ~before,
            "lost_on_inert": lost,
            "lost_in_favour": lost & (inert.mean_differences < 0),
        }
        lines.append(
            f"{name}: {{copies: {COPIES}, significant: {found.significant}, "
            f"share: {found.share:.3f}, low: {found.low:.3f}, high: {found.high:.3f}, "
            + "".join(f"{key}: {int(where.sum())}, " for key, where in counts.items())
            + f"mean_difference_mm: {found.mean_differences.mean():.2f}, "
            f"contradicted_by_the_trial: {_yes(found.share > 0.5)}}}"
        )
    _write("two_knees", lines)


def write_storage() -> None:
    """Published losses in a vial."""
    lines = [STORAGE_HEAD + "rows:"]
    lines += [
        f"  - {{what: '{each.what}', low: {each.low:g}, high: {each.high:g}, "
        f"predicted: {each.median:.1f}, predicted_low: {each.model_low:.1f}, "
        f"predicted_high: {each.model_high:.1f}, hit: {_yes(each.hit)}, source: {each.source}, "
        f"place: '{each.place}', rows: '{each.rows}'}}"
        for each in losses()
    ]
    _write("storage", lines)


def write_page() -> None:
    """The page of docs/ that shows the tables to readers."""
    placebo_rows, compared, cartilage, two_knees, storage = (
        YAML(typ="safe", pure=True).load((FOLDER / f"validation_{n}.yaml").read_text("utf-8"))
        for n in WRITERS
    )
    lines = [PAGE_HEAD]
    lines += ["| arm | week | n | observed | predicted | 90 % interval | tau | inside |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    lines += [
        f"| {r['arm']} | {r['week']} | {r['n']} | {r['observed']} | {r['predicted']} "
        f"| {r['low']} to {r['high']} | {r['tau']} | {_verdict(r['hit'])} |"
        for r in placebo_rows["rows"]
    ]
    totals = placebo_rows["totals"]
    lines += ["", f"{totals['hits']} of {totals['rows']} visits lie inside.", COMPARATORS_PAGE]
    lines += ["| comparator | trial | week | observed | predicted | 90 % interval | inside |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [
        f"| {r['comparator']} | {' '.join((r['study_id'], r['route'])).strip()} | {r['week']} "
        f"| {r['observed']} | {r['predicted']} | {r['low']} to {r['high']} | {_verdict(r['hit'])} |"
        for r in compared["rows"]
    ]
    totals = compared["totals"]
    lines += ["", f"{totals['hits']} of {totals['rows']} visits lie inside.", CARTILAGE_PAGE]
    lines += ["| cohort and time | observed | predicted | 90 % interval | inside |"]
    lines += ["|---|---|---|---|---|"]
    lines += [
        f"| {name} | {r['observed']} | {r['predicted']} | {r['low']} to {r['high']} "
        f"| {_verdict(r['hit'])} |"
        for name, r in cartilage.items()
    ]
    lines += [TWO_KNEES_PAGE, HEADS]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    lines += [
        f"| {name} | {r['copies']} | {100 * r['share']:.1f} % "
        f"| {100 * r['low']:.1f} to {100 * r['high']:.1f} % | {r['in_favour']} "
        f"| {r['gained_on_inert']} | {r['lost_on_inert']} | {r['lost_in_favour']} "
        f"| {r['mean_difference_mm']} mm |"
        for name, r in two_knees.items()
    ]
    lines[-1] += TWO_KNEES_END + STORAGE_PAGE
    lines += ["| what | published | predicted | 90 % of worlds | reached | rows set from it |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [
        f"| {r['what']} ({r['source']}) | {r['low']} to {r['high']} % | {r['predicted']} % "
        f"| {r['predicted_low']} to {r['predicted_high']} % | {_verdict(r['hit'])} "
        f"| {', '.join(f'`{name}`' for name in r['rows'].split(', '))} |"
        for r in storage["rows"]
    ]
    PAGE.write_text("\n".join(lines) + "\n" + STORAGE_END, encoding="utf-8")
    print(f"wrote {PAGE.name}", flush=True)


def _verdict(hit: bool) -> str:
    return "yes" if hit else "**no**"


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _write(name: str, lines: list[str]) -> None:
    path = FOLDER / f"validation_{name}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {path.name}", flush=True)


WRITERS: dict[str, Callable[[], None]] = {
    "placebo": write_placebo,
    "comparators": write_comparators,
    "cartilage": write_cartilage,
    "two_knees": write_two_knees,
    "storage": write_storage,
}


def main() -> None:
    """Write the tables named, or all."""
    for name in sys.argv[1:] or WRITERS:
        WRITERS[name]()
    write_page()


if __name__ == "__main__":
    main()
