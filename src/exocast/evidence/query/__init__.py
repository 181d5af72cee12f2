"""Questions to the register in a line of words, answered by pools and networks.

``knee_OA: saline | VAS | change | 12-26 weeks``: indication, what was given, end point, statistic
and weeks; ``knee_OA: PRP vs saline | pain | difference | 8-18 weeks`` compares two. Words have to
begin a word of the field that they are asked of.
"""

from exocast.evidence.query.after import Checks, Parts, Slope, checks, parts, shown, slope
from exocast.evidence.query.answers import (
    answer,
    kept_for_prediction,
    measure_of,
)
from exocast.evidence.query.ask import FORM, STATISTICS, Question, network_question, question
from exocast.evidence.query.net import (
    NetworkAnswer,
    direct_studies,
    loops,
    network_answer,
    people,
)
from exocast.evidence.query.records import Answer, Entry, Published
from exocast.evidence.query.tables import NORMAL_95, assumed, better_of, node_of, pools

__all__ = [
    "FORM",
    "NORMAL_95",
    "STATISTICS",
    "Answer",
    "Checks",
    "Entry",
    "NetworkAnswer",
    "Parts",
    "Published",
    "Question",
    "Slope",
    "answer",
    "assumed",
    "better_of",
    "checks",
    "direct_studies",
    "kept_for_prediction",
    "loops",
    "measure_of",
    "network_answer",
    "network_question",
    "node_of",
    "parts",
    "people",
    "pools",
    "question",
    "shown",
    "slope",
]
