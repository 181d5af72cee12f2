"""Numbers of several studies brought together: effects, pools, regression, bias, networks."""

from exocast.evidence.synthesis.bias import (
    Asymmetry,
    Filled,
    Selection,
    egger,
    selection_model,
    trim_and_fill,
)
from exocast.evidence.synthesis.effects import Effects, exact_proportion, upper_bound_of_none
from exocast.evidence.synthesis.longitudinal import (
    Course,
    Visits,
    each_visit,
    pieces,
    pool_courses,
    two_part,
)
from exocast.evidence.synthesis.network import Contrast, Network, network
from exocast.evidence.synthesis.pooling import Pooled, Regression, leave_one_out, pool, regress
from exocast.evidence.synthesis.proportions import pooled_proportion
from exocast.evidence.synthesis.tables import mantel_haenszel, peto

__all__ = [
    "Asymmetry",
    "Contrast",
    "Course",
    "Effects",
    "Filled",
    "Network",
    "Pooled",
    "Regression",
    "Selection",
    "Visits",
    "each_visit",
    "egger",
    "exact_proportion",
    "leave_one_out",
    "mantel_haenszel",
    "network",
    "peto",
    "pieces",
    "pool",
    "pool_courses",
    "pooled_proportion",
    "regress",
    "selection_model",
    "trim_and_fill",
    "two_part",
    "upper_bound_of_none",
]
