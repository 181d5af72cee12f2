"""What ``exocast vial potency`` reports, as records: each assay, its ratios, wells and potency."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bound(_Block):
    """Where the interval of one ratio has to lie."""

    measure: str
    low: float
    high: float
    source: str
    grade: str = Field(description="of the row; 'user' for bounds of a file")
    note: str


class Ratio(_Block):
    """One ratio between the test sample's own curve and the reference's, against its bounds."""

    measure: str
    value: float | None
    low: float | None = Field(description="null: the data set no end")
    high: float | None
    bound_low: float
    bound_high: float
    verdict: Literal["similar", "different", "not shown"] = Field(
        description="interval inside the bounds, wholly outside, or neither"
    )


class FTest(_Block):
    """An F test that is printed and decides nothing."""

    f: float | None = Field(description="null without degrees of freedom or without scatter")
    p: float | None
    freedom: tuple[int, int]
    sum_of_squares: float


class CurveRecord(_Block):
    """A curve or line, on the scale of the transform."""

    at_zero: float | None = Field(default=None, description="height at dose 0")
    at_full: float | None = Field(default=None, description="height at the highest doses")
    ec50: float | None = None
    slope: float = Field(description="Hill's; for a line, per factor e of the dose")
    at_dose_one: float | None = Field(default=None, description="height of a line at dose 1")


class WellRecord(_Block):
    """A well: ``response`` as it was read, ``level`` as it went into the fit."""

    sample: str
    dose: float
    response: float | None
    level: float | None = Field(
        description="transformed, its plate's effect taken out; null: not fitted"
    )
    plate: str
    run: str
    well: str
    line: int
    excluded: bool
    reason: str


class Outlier(_Block):
    """A well that the test of outlying wells named."""

    well: str
    line: int
    sample: str
    dose: float
    response: float
    residual: float = Field(description="studentised")
    critical: float = Field(description="what it had to stay below")


class Potency(_Block):
    """A relative potency with its interval, or why there is none."""

    relative: float | None
    low: float | None
    high: float | None
    code: str | None = None


class Refusal(_Block):
    """Why there is no relative potency, and what would work."""

    code: str
    message: str


class DoseRange(_Block):
    """Doses of a sample that a straight line was fitted to, in the unit of the doses."""

    sample: str
    low: float
    high: float


class Assay(_Block):
    """One assay: a plate, a run, or all of them as blocks."""

    name: str
    plates: tuple[str, ...]
    wells: tuple[WellRecord, ...]
    ranges: tuple[DoseRange, ...] = Field(description="where lines were fitted; empty for curves")
    reference: CurveRecord | None = Field(description="the reference's own curve")
    test: CurveRecord | None = Field(description="the test sample's own curve")
    shared: CurveRecord | None = Field(description="one curve for both, at the reference's doses")
    residual_sd: float | None
    freedom: int | None
    similarity: tuple[Ratio, ...]
    non_parallelism: FTest | None = Field(description="sum of squares that one curve costs")
    lack_of_fit: FTest | None = Field(description="of the model against means at each dose")
    relative: float | None
    low: float | None
    high: float | None
    refused: Refusal | None
    outliers: tuple[Outlier, ...] = Field(description="left out of the result above")
    with_outliers: Potency | None = Field(description="the result with them")


class Mean(_Block):
    """One way of combining assays."""

    relative: float
    low: float
    high: float


class Combination(_Block):
    """Several assays brought together, on the logarithm."""

    assays: tuple[str, ...]
    q: float
    q_freedom: int
    q_p: float
    homogeneous: bool
    between_sd: float = Field(description="of the logarithm, between assays")
    method: Literal["weighted", "semi-weighted"]
    weighted: Mean
    semi_weighted: Mean
    unweighted: Mean


class RelativePotency(_Block):
    """The object ``result`` of ``exocast vial potency --json``."""

    file: str
    sha256: str
    assay: str
    reference: str
    sample: str
    dose_unit: str
    statement: str = Field(description="what the potency is relative to, in words")
    model: str
    transform: str
    weights: str
    outlier_rule: str
    interval: str = Field(description="how the interval was made")
    level: float
    similarity_level: float
    bounds: tuple[Bound, ...]
    assays: tuple[Assay, ...]
    combined: Combination | None
    relative: float | None
    low: float | None
    high: float | None
    refused: Refusal | None
    scenario: dict[str, Any] | None = Field(description="block 'vial' of a scenario")
