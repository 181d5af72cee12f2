"""Which lines of the register a question is about, and what to say when there are none."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

from exocast.errors import UnknownName, nearest
from exocast.evidence.query.ask import VERSUS, Question
from exocast.evidence.query.tables import node_of, treatments
from exocast.evidence.register import SAME, Register, Result

POOL = re.compile(
    r"(?:network |IPD )?meta-analysis|(?:systematic |integrative )?review|pool", re.IGNORECASE
)
PAIRED = re.compile(
    r"split.(?:face|body)|within.patient|bilateral|fellow eye|paired", re.IGNORECASE
)
SUBGROUP = re.compile(r"subgroup", re.IGNORECASE)
BEFORE_AFTER = re.compile(r"pre vs\.? post", re.IGNORECASE)
SHORT = 3  # letters; so short a word has to be the whole word
MOST_SHOWN = 12


@functools.lru_cache(maxsize=1024)
def _word(word: str) -> re.Pattern[str]:
    same = next((group for group in SAME if word.casefold() in group), frozenset({word}))
    ends = "|".join(
        re.escape(w) + (r"s?(?![^\W_])" if len(w) <= SHORT else "") for w in sorted(same)
    )
    return re.compile(rf"(?<![^\W_])(?:{ends})", re.IGNORECASE)


def says(wanted: str, text: str) -> bool:
    """Whether every word, or one that means the same, begins a word of the text."""
    return all(_word(word).search(text) for word in wanted.split())


@functools.lru_cache(maxsize=1)
def _nodes() -> dict[str, str]:
    return {t.node.casefold(): t.node for t in treatments()}


def is_given(wanted: str, intervention: str) -> bool:
    """Whether an intervention is the treatment that is asked for.

    The name of a node of ``treatments.csv`` means that node (``HA`` is not HA with a steroid);
    other words, and texts that belong to no node, are matched by their words.
    """
    node, own = _nodes().get(wanted.casefold()), node_of(intervention)
    if node and own:
        return node == own
    return says(wanted, intervention)


def sides(intervention: str) -> tuple[str, str] | None:
    """Both sides of ``A vs B`` or ``A minus B``; None for a single arm."""
    if BEFORE_AFTER.search(intervention):
        return None
    found = VERSUS.split(intervention)
    return (found[0], found[1]) if len(found) == 2 else None


def orientation(asked: Question, intervention: str) -> int:
    """1 for a contrast of the sides as asked, -1 for the other way round, 0 for another one."""
    both = sides(intervention)
    if both is None:
        return 0
    for sign, (first, second) in ((1, both), (-1, both[::-1])):
        if is_given(asked.given, first) and is_given(asked.against, second):
            return sign
    return 0


def is_pool(result: Result) -> bool:
    """Whether a line comes from a pool of studies rather than from one."""
    return bool(POOL.match(result.design))


def is_paired(result: Result) -> bool:
    """Whether both sides are in the same people."""
    return bool(PAIRED.search(f"{result.design} {result.indication}"))


def of_question(result: Result, asked: Question) -> bool:
    """Whether indication and end point fit, and what was given on one side or both."""
    return (
        says(asked.indication, result.indication)
        and says(asked.endpoint, result.endpoint)
        and (not asked.given or _given(result, asked))
    )


def _given(result: Result, asked: Question) -> bool:
    if not asked.against:
        return is_given(asked.given, result.intervention)
    if sides(result.intervention):
        return orientation(asked, result.intervention) != 0
    return any(is_given(side, result.intervention) for side in (asked.given, asked.against))


def one_population(lines: Sequence[Result]) -> list[Result]:
    """Lines on the same people: where a study prints parts beside the whole, the whole.

    Of several indications in one study, that with the largest group; the first of equals.
    """
    largest: dict[str, float] = {}
    for r in lines:
        largest[r.indication] = max(largest.get(r.indication, 0.0), r.n or 0.0)
    chosen = max(largest, key=lambda indication: largest[indication])
    return [r for r in lines if r.indication == chosen]


def explain(asked: Question, whole: Register) -> None:
    """Says which part of a question the register knows nothing of.

    Raises
    ------
    UnknownName
        For an indication, a treatment or an end point that no line has, with what there is.
    """
    left = [r for r in whole.results if r.statistic != "threshold"]
    kept = [r for r in left if says(asked.indication, r.indication)]
    _some(asked, "indication", asked.indication, kept, [r.indication for r in left])
    for side in (asked.given, asked.against):
        if side:
            given = [r for r in kept if any(is_given(side, text) for text in _texts(r))]
            _some(asked, "treatment", side, given, [text for r in kept for text in _texts(r)])
    if asked.given:
        wanted = [side for side in (asked.given, asked.against) if side]
        kept = [r for r in kept if any(is_given(w, text) for w in wanted for text in _texts(r))]
    measured = [r for r in kept if says(asked.endpoint, r.endpoint)]
    _some(asked, "end point", asked.endpoint, measured, [r.endpoint for r in kept])


def _texts(result: Result) -> tuple[str, ...]:
    return sides(result.intervention) or (result.intervention,)


def _some(asked: Question, what: str, wanted: str, kept: list[Result], known: list[str]) -> None:
    if known and not kept:
        raise UnknownName(
            f"no line of the register{_so_far(asked, what)} has the {what} '{wanted}'."
            + _there_is(wanted, known),
            where="query",
        )


def _so_far(asked: Question, what: str) -> str:
    if what == "indication":
        return ""
    given = f" and {asked.given}" if what == "end point" and asked.given else ""
    return f" for {asked.indication}{given}"


def _there_is(wanted: str, texts: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for text in texts:
        if text:
            counts[text] = counts.get(text, 0) + 1
    words = {word for text in counts for word in re.findall(r"[^\W_]+", text.casefold())}
    near = nearest(wanted, counts) or (nearest(wanted.casefold(), words) if len(words) > 12 else "")
    if near:
        return near
    most = sorted(counts, key=lambda text: (-counts[text], text))[:MOST_SHOWN]
    more = len(counts) - len(most)
    return " There is: " + "; ".join(most) + (f"; and {more} more." if more > 0 else ".")
