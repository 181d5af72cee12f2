"""What commands print under ``--json``, as models; ``exocast schema NAME`` prints their schemas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from exocast.errors import ExocastError
from exocast.report.batch import BatchRecord
from exocast.report.numbers import Numbers
from exocast.report.story import contrast, visits
from exocast.study.result import Result
from exocast.study.sensitivity import (
    Weak,
    sensitivity,
    weakest_by_grade,
    weakest_by_share,
)
from exocast.study.summary import LEVEL, OUTCOMES
from exocast.vial import RelativePotency, VialInspection

Content = TypeVar("Content")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Notice(_Model):
    """A warning or an error: a stable word, what was found and what to do, and where."""

    code: str = Field(description="stable word, such as DILUTION_UNKNOWN")
    message: str
    where: str | None = Field(default=None, description="file, line or field")


class Envelope(_Model, Generic[Content]):
    """The one object that a command prints."""

    schema_: str = Field(alias="schema", description="exocast/<command>/1")
    ok: bool
    warnings: list[Notice] = []
    errors: list[Notice] = Field(default=[], description="what went wrong; empty when ok")
    result: Content | None = Field(default=None, description="null when an input was refused")


class Difference(_Model):
    """A difference of arms with its interval over worlds."""

    value: float | None
    median: float | None
    low: float | None
    high: float | None
    level: float


class OutcomeRecord(_Model):
    """One outcome of one arm at one visit: change from baseline, and difference from control."""

    observable: str
    time_days: float
    arm: str
    control: str
    unit: str
    better: str = Field(description="lower, higher or none")
    mean: float | None = Field(description="mean change from baseline")
    mean_control: float | None
    difference: Difference = Field(description="arm minus control")
    monte_carlo_error: dict[str, float | None] = Field(
        description="standard error of the interval's ends, from patients and from worlds"
    )
    spread_between_patients: dict[str, float | None] = Field(
        description="5 and 95 % of patients' own changes"
    )
    p_exceeds_mid: float | None = Field(
        description="share of worlds whose difference is favourable and passes the threshold"
    )
    responders: float | None
    responders_control: float | None


class FirstImportant(_Model):
    """When a difference first becomes important and stays so."""

    observable: str
    time_days: float | None = Field(description="of the mean over worlds; null: not reached")
    probability: float | None = Field(description="share of worlds in which it is reached")


class WeakRecord(_Model):
    """One of the weakest numbers."""

    ranked_by: str = Field(description="grade or sensitivity")
    key: str
    meaning: str
    value: float | None = Field(description="null for a quantity made of several rows")
    unit: str
    grade: str
    source: str
    share_of_variance: float | None
    time_days: float | None


class Spread(_Model):
    """5, 50 and 95 % over runs."""

    median: float | None = None
    low: float | None = None
    high: float | None = None


class Channel(_Model):
    """Cargo of one kind per recipient cell against what it takes."""

    channel: str
    unit: str
    text: str = ""
    per_cell: Spread = Field(description="delivered")
    threshold: float | None = Field(default=None, description="needed, median; null: none known")
    threshold_range: Spread | None = Field(default=None, description="needed; it is drawn too")
    ratio: Spread | None = Field(default=None, description="delivered over needed, run by run")
    reached_probability: float | None = Field(
        default=None, description="share of runs with at least what is needed"
    )


class Uncounted(_Model):
    """Cargo that is counted and that no effect is made of."""

    channel: str
    unit: str
    per_cell: Spread = Field(description="delivered")
    text: str = ""


class LoadingRecord(_Model):
    """What one way of lying over vesicles means for the cells that miRNA would have to reach."""

    loading: str
    copies_per_vesicle: Spread = Field(description="in a vesicle that has any")
    cells_reached: Spread = Field(description="share of recipient cells with enough copies")
    dose_particles: Spread = Field(
        description="at the needle, for half of the cells to have enough"
    )


class Stoichiometry(_Model):
    """Cargo by channel."""

    channels: list[Channel] = []
    without_effect: list[Uncounted] = []
    loadings: list[LoadingRecord] = Field(
        default=[], description="ways in which copies of a miRNA may lie over vesicles"
    )
    dose_to_threshold_particles: float | None = Field(
        default=None,
        description="particles of all injections at the needle that reach the miRNA threshold, "
        "median; null when nothing was given",
    )


class NeedleStep(_Model):
    """One step from the label to the needle."""

    name: str
    fraction_median: float | None
    fraction_low: float | None = None
    fraction_high: float | None = None
    share_left: Spread | None = Field(
        default=None, description="of the intended particles after this step, run by run"
    )


class NeedleRecord(_Model):
    """Particles of the first injection, from the label to the needle."""

    intended_particles: float | None = None
    steps: list[NeedleStep] = Field(default=[], description="empty when nothing was meant")
    at_needle: Spread | None = None


class ForecastRecord(_Model):
    """Result of ``forecast``."""

    directory: str
    report: str
    title: str
    labels: list[str]
    seed: int
    worlds: int
    patients: int
    prior: str
    runs: dict[str, int]
    thresholds: dict[str, dict[str, float | None]]
    outcomes: list[OutcomeRecord]
    first_important: list[FirstImportant]
    weakest: list[WeakRecord]
    trials: list[dict[str, Any]]
    comparators: list[dict[str, Any]] = Field(
        description="arms known from trials: difference to saline in SD of pain, as reported and "
        "with the bias of small trials taken out"
    )
    stoichiometry: Stoichiometry
    needle: NeedleRecord
    effect_prior: dict[str, Any]
    versions: dict[str, str]


class ScoredRecord(_Model):
    """A measured number beside its prediction, as in ``scoreboard.csv``."""

    dataset: str
    condition: str
    x: float | None
    observed: float
    predicted: float | None
    low: float | None = Field(description="5 % of what a laboratory would read")
    high: float | None
    fold_error: float | None
    covered: bool
    interval_score: float | None
    used_for: str = Field(description="calibration, prediction or shown")
    grade: str
    unit: str
    x_unit: str
    verdict: str
    informed_by: str = Field(description="rows of the model that the study is the source of")
    species: str = Field(description="that was measured")
    route: str = Field(description="by which the dose was given; empty where nothing was")
    given: str = Field(description="vesicles, cells or soluble")
    measured_in: str = Field(description="body or dish")
    failed_worlds: int = Field(description="that did not reach the end; left out")
    unread_worlds: int = Field(description="that do not have the reading; left out")


class TotalRecord(_Model):
    """What the numbers of one use come to; intervals are exact 95 % intervals of the shares."""

    used_for: str
    measured_in: str = Field(description="body, dish, or empty for both")
    rows: int
    datasets: int
    within_twofold: int
    covered: int
    no_prediction: int = Field(description="bands wider than tenfold, or no reading")
    useful_twofold: int = Field(description="within twofold, of bands no wider than tenfold")
    useful_covered: int = Field(description="inside, of bands no wider than tenfold")
    median_fold_error: float | None
    mean_interval_score: float | None
    twofold_interval: list[float | None]
    covered_interval: list[float | None]
    aims_met: bool


class MovedPrediction(_Model):
    """A prediction that a library of one's own moved."""

    dataset: str
    condition: str
    x: float | None
    predicted_before: float | None
    predicted: float | None
    fold_error_before: float | None
    fold_error: float | None


class ValidationRecord(_Model):
    """``exocast validate --json``."""

    worlds: int
    seed: int
    rows: list[ScoredRecord]
    totals: list[TotalRecord]
    parts: list[TotalRecord] = Field(description="of each use, in bodies and in dishes")
    moved: list[MovedPrediction]


class ThreeRecord(_Model):
    """Median, and 5 and 95 % of worlds or samples."""

    median: float | None
    low: float | None
    high: float | None


class DesignRecord(_Model):
    """The design with fewest runs that tells the loss of potency, at the median of worlds."""

    wells: int
    runs: int
    replicates: int
    worlds_told: float = Field(description="share of worlds with an effect that any design tells")


class ReadoutRecord(_Model):
    """One read-out of an assay."""

    name: str
    text: str
    unit: str
    main: bool = Field(description="whether a lot is released on it")
    untreated: ThreeRecord
    percent_of_untreated: list[ThreeRecord] = Field(description="one a dose")
    worlds_with_effect: float
    ec50_per_cell: ThreeRecord
    controls: dict[str, ThreeRecord]
    shares: dict[str, float | None] = Field(description="of the effect, by class of cargo")
    design: DesignRecord | None


class MirnaRecord(_Model):
    """Copies loaded in a cell at the highest dose, and copies needed."""

    copies: ThreeRecord
    needed: float
    reached: float = Field(description="share of worlds")


class StructureRecord(_Model):
    """Structural alternatives before and after a curve."""

    switches: dict[str, float]
    prior: float
    weight: float
    starts: int = Field(description="of its fit")
    starts_apart: int = Field(description="that ended less deep than the deepest")


class CarriedRecord(_Model):
    """A row that a forecast takes from a measured curve."""

    id: str
    value: float
    log_sd: float
    grade: str


class SamplerRecord(_Model):
    """How far the sampler walked, and what that is worth."""

    steps: int = Field(description="in each structure")
    independent_samples: float
    too_few: bool = Field(description="for the ends of a band")


class LearntRecord(_Model):
    """What measured curves teach."""

    files: list[str]
    acts: float = Field(description="chance that the product acts in the first assay")
    ec50_per_cell: dict[str, ThreeRecord]
    largest_change_percent: dict[str, ThreeRecord]
    conflict_log: float | None = Field(
        description="logarithm of how much better the curves are explained apart than together"
    )
    structures: list[StructureRecord]
    sampler: SamplerRecord
    carried: list[CarriedRecord]
    not_carried: str


class AssayRecord(_Model):
    """``exocast assay --json``."""

    assay: str
    batch: str
    worlds: int
    failed: int
    seed: int
    prior: str
    doses_per_cell: list[float]
    readouts: list[ReadoutRecord]
    mirna: MirnaRecord | None
    meaning: str
    informs: str
    measured: LearntRecord | None


class AssayName(_Model):
    """An assay by name."""

    name: str
    title: str
    site: str
    main: str


class AssaysFound(_Model):
    """``exocast assay --json`` without a name."""

    assays: list[AssayName]


class ShareRecord(_Model):
    """Share of the dose at one place and time; ``low`` to ``high`` are 5 to 95 % of worlds."""

    observable: str
    time_days: float
    mean: float | None
    median: float | None
    low: float | None
    high: float | None
    between_low: float | None = Field(description="5 % of subjects inside a world")
    between_high: float | None = Field(description="95 % of subjects inside a world")


class ReadingRecord(_Model):
    """A reading that is no place of the dose, at the peak of its median."""

    observable: str
    unit: str
    peak_days: float
    median: float | None
    low: float | None
    high: float | None


class TestedRecord(_Model):
    """A measured number after the same route beside its prediction, from the scoreboard."""

    dataset: str
    species: str
    condition: str
    x: float
    x_unit: str = Field(description="unit of x; 'parameter' where the number has no time")
    used_for: str = Field(
        description="prediction tests the model, calibration built it, shown does neither"
    )
    observed: float
    predicted: float | None
    low: float | None
    high: float | None
    unit: str
    verdict: str


class ExposureRecord(_Model):
    """``exocast forecast --json`` of a scenario with a ``subject``."""

    directory: str
    report: str
    title: str
    labels: list[str]
    site: str
    species: str
    route: str
    seed: int
    worlds: int
    patients: int = Field(description="subjects in each world")
    runs: dict[str, int]
    shares: list[ShareRecord]
    readings: list[ReadingRecord]
    tested: list[TestedRecord] = Field(description="what this route was held against")
    versions: dict[str, str]


class SiteRecord(_Model):
    """A site where a dose can be followed; a site that takes both stands twice."""

    name: str
    title: str
    takes: str = Field(description="vesicles or cells")
    routes: list[str]
    conditions: list[str]
    default_condition: str | None


class SitesRecord(_Model):
    """Result of ``sites``."""

    sites: list[SiteRecord]
    species: list[str]


class ObservableRecord(_Model):
    """What can be observed of a site."""

    name: str
    unit: str
    text: str


class OneSiteRecord(_Model):
    """Result of ``sites NAME``."""

    name: str
    title: str
    routes: dict[str, list[str]] = Field(description="what each route takes")
    conditions: list[str]
    default_condition: str | None
    fragments: dict[str, str] = Field(description="the fragment that each part is")
    observables: list[ObservableRecord]


class Finding(_Model):
    """One finding of ``evidence check``."""

    severity: str = Field(description="error, warning or info")
    code: str
    message: str
    where: str | None = None


class EvidenceCheck(_Model):
    """Result of ``evidence check``."""

    tables: int
    rows: int
    findings: list[Finding]


class StudyRecord(_Model):
    """A study of the register."""

    study_id: str
    title: str
    year: str
    design: str
    species: str
    people: str = Field(description="as printed")
    address: str = Field(description="DOI, PMID, PMCID or registry number; or that there is none")
    resolved: bool = Field(description="false: it weighs nothing")
    registration: str = Field(description="numbers in registries of trials")
    funding: str = Field(description="who paid; empty: not read")
    maker_link: str = Field(description="yes where the notes name it; empty: not read")
    retraction: str = Field(description="correction or retraction that the notes name")
    retracted: bool = Field(description="true: it was withdrawn, and weighs nothing")
    bias: str = Field(description="first impression of the risk of bias")
    results: int = Field(description="lines of results")
    folder: str = Field(description="folder of one's own that holds it; empty: the package")


class StudiesFound(_Model):
    """Result of ``evidence search``."""

    studies: list[StudyRecord]


class ResultRecord(_Model):
    """A line of results."""

    line: int
    intervention: str
    endpoint: str
    week: float | None
    n: float | None
    statistic: str
    value: float | None
    sd: float | None
    change: float | None
    low: float | None
    high: float | None
    interval: str
    place: str
    note: str
    folder: str = Field(description="folder of one's own that holds it; empty: the package")


class DomainRecord(_Model):
    """One domain of a tool for the risk of bias."""

    domain: str = Field(description="D1 and so on, as the tool numbers them")
    name: str
    judgement: str
    reason: str
    basis: str = Field(description="what was read")
    judged_by: str = Field(description="rule or reader")


class BiasRecord(_Model):
    """Risk of bias of a study."""

    study_id: str
    tool: str = Field(description="rob2, robins_i or syrcle")
    tool_name: str
    outcome: str = Field(description="end point that was judged; empty: none was opened")
    ours: bool = Field(description="false: a reader's own, from a library")
    overall: str
    overall_reason: str
    overall_judged_by: str
    domains: list[DomainRecord]


class NotJudged(_Model):
    """A study without a judgement."""

    study_id: str
    why: str


class BiasFound(_Model):
    """Result of ``evidence bias``."""

    words: str
    first: str = Field(
        description="says that these are first judgements; empty when all are a reader's own"
    )
    assessments: list[BiasRecord]
    not_judged: list[NotJudged]
    findings: list[Finding] = Field(description="overall judgements better than their worst domain")


class StepRecord(_Model):
    """One step down or up of a certainty."""

    domain: str
    step: int = Field(description="-2 to 0 for the five steps down, 0 to 2 for the three up")
    reason: str


class AdjustedRecord(_Model):
    """An effect with the bias of small studies taken out; 95 % interval."""

    value: float
    low: float
    high: float
    text: str = Field(description="with the ratio, and where it comes from")


class BodyRecord(_Model):
    """A body of evidence for one outcome."""

    id: str
    indication: str
    given: str
    comparator: str
    outcome: str
    time: str
    people: str = Field(description="as printed")
    design: str
    start: str = Field(description="high, low, or none without people")
    effect: str = Field(description="as printed")
    effect_study: str = Field(description="study in which the effect stands")
    stated: str = Field(description="provisional certainty of an earlier reading; may be empty")
    note: str
    not_read: str
    studies: list[str]
    controlled: bool = Field(description="false: no controlled human evidence")
    cebm: str = Field(description="Oxford level 1 to 5, by design alone")
    certainty: str = Field(
        description="high, moderate, low, very low or no human evidence; worked out from the steps"
    )
    adjusted: AdjustedRecord | None = Field(
        description="beside the reported effect; null where there is none against a control, or "
        "where only large blinded trials are in it"
    )
    steps: list[StepRecord]


class BodiesFound(_Model):
    """Result of ``evidence grade``."""

    words: str
    first: str = Field(description="what the judgements are: first ones, no completed assessments")
    bodies: list[BodyRecord]


class HarmRecord(_Model):
    """A line on harm."""

    kind: str = Field(description="report, rate or words")
    study_id: str = Field(description="empty for what a regulator says")
    indication: str
    given: str
    product: str = Field(
        description="approved product, trial product, unapproved product, comparator; empty: "
        "not read"
    )
    what: str
    events: int | None
    people: int | None = Field(description="null for reports: they have no denominator")
    percent: float | None
    percent_low: float | None = Field(description="exact 95 % interval; as printed for a pool")
    percent_high: float | None
    printed: str
    date: str
    said_by: str
    place: str
    rule: str = Field(description="how counts were read from the words")
    note: str


class SafetyFound(_Model):
    """Result of ``evidence safety``; the three lists are never added up."""

    about: str
    no_denominator: str
    reports: list[HarmRecord]
    rates: list[HarmRecord]
    words: list[HarmRecord]


class StudyShown(_Model):
    """Result of ``evidence show``."""

    study: StudyRecord
    results: list[ResultRecord]
    findings: list[Finding]
    judged: BiasRecord | None = Field(description="null when it is not judged")
    not_judged: str = Field(description="why it is not judged")
    bodies: list[BodyRecord] = Field(description="bodies of evidence that it is part of")


class StatusRecord(_Model):
    """What a regulator says."""

    jurisdiction: str
    product: str
    status: str
    date: str
    said_by: str
    confidence: str
    checked: str


class StatusFound(_Model):
    """Result of ``evidence status``."""

    status: list[StatusRecord]


class PoolEntry(_Model):
    """A study in a pool, or left out of it."""

    study_id: str
    label: str
    week: float
    n: float | None
    value: float | None
    low: float | None = Field(default=None, description="of its own 95 % interval")
    high: float | None = None
    standard_error: float | None = Field(description="of the logarithm for ratios")
    weight: float | None = Field(default=None, description="percent")
    first: str = Field(default="", description="numbers of the first side, or the only one")
    second: str = ""
    paired: bool = Field(default=False, description="both sides in the same people")
    group: str = Field(default="", description="value of the field that divides the pool")
    how: str = Field(description="where the standard error comes from; why it is left out")


class PublishedPool(_Model):
    """A pool of studies by others, as printed; never in the answer."""

    study_id: str
    label: str
    endpoint: str
    week: float | None
    statistic: str
    value: float | None
    low: float | None
    high: float | None
    note: str


class Interval(_Model):
    """A number with its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None


class WithoutStudy(Interval):
    """The pool without one study."""

    study_id: str


class EggerTest(_Model):
    """Whether small studies differ."""

    slope: float
    p: float
    limit: float | None = Field(description="effect of an infinitely large study")


class TrimAndFill(Interval):
    """The pool after studies that asymmetry suggests are missing have been put in."""

    missing: int
    side: str


class SelectionModel(Interval):
    """The pool if studies with p below 0.025, one-sided, are seen more often."""

    weight: float = Field(description="chance of the others to be seen, relative to those")
    p: float


class PoolChecks(_Model):
    """How firm a pool is."""

    leave_one_out: list[WithoutStudy]
    egger: EggerTest | None
    trim_and_fill: TrimAndFill | None
    selection: SelectionModel | None
    reasons: dict[str, str] = Field(description="why one of them is missing")


class PoolPart(_Model):
    """Studies that share a value."""

    value: str
    studies: int
    pooled: float | None
    low: float | None
    high: float | None
    tau: float | None


class PoolParts(_Model):
    """A pool divided."""

    field: str
    p: float | None = Field(description="whether parts differ")
    parts: list[PoolPart]


class PoolRegression(_Model):
    """Effects against a number of each study; ratios as logarithms."""

    field: str
    slope: float = Field(description="per unit")
    low: float | None
    high: float | None
    p: float | None
    tau: float
    studies: int
    left_out: list[str] = Field(description="studies without the number")


class PoolRecord(_Model):
    """Result of ``evidence pool``; ratios as ratios, proportions in percent."""

    query: str
    statistic: str = "change"
    measure: str = Field(default="", description="what is pooled, in words")
    value: float | None = Field(description="null when no study is left")
    low: float | None
    high: float | None
    prediction_low: float | None
    prediction_high: float | None
    tau: float | None = Field(description="of logarithms for ratios, of log-odds for proportions")
    i2: float | None
    q: float | None = None
    q_freedom: int | None = None
    q_p: float | None = None
    method: str
    test: str
    correlation_share: float | None = Field(
        default=None,
        description="percent of the variance that not knowing the correlation of visits brings",
    )
    warnings: list[str] = []
    entries: list[PoolEntry]
    left_out: list[PoolEntry]
    published: list[PublishedPool] = []
    mantel_haenszel: Interval | None = Field(
        default=None, description="where a half was added to a study without an event"
    )
    checks: PoolChecks | None = None
    parts: PoolParts | None = None
    regression: PoolRegression | None = None


class LeagueRow(_Model):
    """A treatment against the reference; minus is better."""

    treatment: str
    value: float
    low: float
    high: float
    p_score: float = Field(description="how sure it is to be better than the others, on average")
    people: float | None
    direct_studies: list[str]


class SplitRecord(_Model):
    """A comparison that is made directly and by another way round."""

    first: str
    second: str
    direct: float
    direct_se: float
    indirect: float
    indirect_se: float
    p: float


class NetworkArm(_Model):
    """People of one treatment in one study."""

    treatment: str
    mean: float = Field(description="change on 0-100; against the first arm where only differences")
    standard_error: float
    n: float | None
    names: list[str]


class NetworkStudyRecord(_Model):
    """A study in a network."""

    study_id: str
    endpoint: str
    week: float | None
    how: str
    arms: list[NetworkArm]


class OutsideRecord(_Model):
    """A study that is not in the network."""

    study_id: str
    treatments: list[str]
    why: str


class NetworkRecord(_Model):
    """Result of ``evidence network``."""

    query: str
    reference: str = Field(description="empty when no study can be used")
    measure: str
    tau: float | None
    q: float | None = Field(description="heterogeneity and inconsistency together")
    q_freedom: int | None
    inconsistency_q: float | None
    inconsistency_freedom: int | None
    inconsistency_p: float | None
    correlation_share: float | None
    warnings: list[str]
    league: list[LeagueRow] = Field(description="best first")
    splits: list[SplitRecord]
    studies: list[NetworkStudyRecord]
    outside: list[OutsideRecord]
    apart: list[list[str]] = Field(description="treatments that nothing connects to the reference")


class CourseVisit(_Model):
    """An arm at a visit."""

    week: float
    value: float
    standard_error: float


class CourseArm(_Model):
    """An arm of a course."""

    study_id: str
    label: str
    endpoint: str
    n: float | None = Field(description="at the first visit")
    how: str = Field(description="where the standard errors come from")
    visits: list[CourseVisit]


class CourseLeftOut(_Model):
    """An arm that is not in a course."""

    study_id: str
    label: str
    why: str


class CoursePoint(_Model):
    """A course at a week."""

    week: float
    mean: float
    low: float | None = Field(description="95 % interval of the mean; null for one study")
    high: float | None
    prediction_low: float | None = Field(description="95 % of new studies; null below three")
    prediction_high: float | None


class ForecastPoint(_Model):
    """The forecast's own course at a week."""

    week: float
    mean: float
    low: float = Field(description="95 % of studies, at the centres of its parameters")
    high: float


class CourseRecord(_Model):
    """Result of ``evidence course``; changes on 0-100, minus is better."""

    query: str
    knots: list[float] = Field(description="weeks between which the mean is straight")
    course: list[CoursePoint] = Field(description="week by week; empty when no arm is left")
    tau: float | None = Field(description="SD between studies")
    rho: float | None = Field(description="correlation of a study's deviations, as of structure")
    structure: str = Field(description="CAR: rho to the power of weeks between; none: one study")
    correlation: float = Field(description="of the sampling errors of two visits of an arm")
    log_likelihood: float | None = Field(description="restricted")
    aic: float | None
    studies: int
    arms: list[CourseArm]
    left_out: list[CourseLeftOut]
    forecast: list[ForecastPoint] = Field(description="empty unless it is asked for")
    warnings: list[str] = []


class QuotedRecord(_Model):
    """A quoted pooled value beside the one from the register's arms."""

    study_id: str
    outcome: str
    week: float | None = Field(description="since the first dose; null: none or a range")
    measure: str = Field(description="what it is and which sign is which")
    quoted: float | None = Field(description="as printed")
    low: float | None
    high: float | None
    k_quoted: int | None = Field(description="studies; null: not read")
    recomputed: float | None = Field(description="null: not recomputable")
    low_ours: float | None
    high_ours: float | None
    k_ours: int | None
    how: str
    explanation: str = Field(description="why the two differ, or why there is none")


class QuotedFound(_Model):
    """Result of ``evidence quoted``."""

    values: list[QuotedRecord]


class CellChange(_Model):
    """A cell that an import would change."""

    field: str
    old: str = Field(description="empty: nothing stood there")
    new: str
    fills: bool = Field(description="true: fills a gap or adds to a list; false: contradicts")
    taken: bool = Field(description="whether it is written when a folder is given")


class CandidateRecord(_Model):
    """A study of the register that an incoming one may be."""

    study_id: str
    why: str


class LineDifference(_Model):
    """A line of results that is there with other cells."""

    what: str
    changes: list[CellChange]


class IncomingRecord(_Model):
    """What one incoming study would do."""

    study_id: str = Field(description="its id in the register, or the one it would get")
    title: str
    address: str
    where: str
    state: str = Field(description="new, changed, same or maybe")
    why: str = Field(description="what it was known by")
    candidates: list[CandidateRecord] = Field(description="for maybe: what it may be")
    changes: list[CellChange]
    new_lines: int
    same_lines: int
    changed_lines: list[LineDifference]


class ImportRecord(_Model):
    """Result of ``evidence import``."""

    into: str | None = Field(description="folder of one's own; null: nothing is written")
    written: bool
    counts: dict[str, int] = Field(description="studies by state")
    studies: list[IncomingRecord]


class ExportRecord(_Model):
    """Result of ``evidence export``."""

    format: str
    studies: int
    results: int = Field(description="lines of results of these studies")
    files: list[str]


class CitedSource(_Model):
    """A source that a result rests on."""

    key: str
    rows: int = Field(description="rows of the forecast that it carries")
    grades: dict[str, int] = Field(description="these rows by grade")
    trials: int = Field(description="trials shown beside the forecast that it reports")
    known: bool = Field(description="false: no entry in sources.bib")
    title: str
    journal: str
    year: str
    doi: str
    url: str
    note: str


class Citations(_Model):
    """Result of ``cite``."""

    directory: str
    title: str
    rows: int
    sources: list[CitedSource]
    apart: dict[str, int] = Field(description="rows of no source: assumption, definition, measured")


class MovedRecord(_Model):
    """A number before and after a study came in; null: there was none, or it has no interval."""

    kind: str = Field(description="pool, row or forecast")
    name: str
    unit: str
    before: float | None
    before_low: float | None = Field(
        description="95 % of a pool, one standard error of a row, 90 % of studies of a forecast"
    )
    before_high: float | None
    after: float | None
    after_low: float | None
    after_high: float | None


class ImpactRecord(_Model):
    """Result of ``evidence impact``."""

    studies: list[str] = Field(description="new, or with new lines")
    moved: list[MovedRecord]
    notes: list[str] = Field(description="what was assumed, and why something does not move")


class BandRecord(_Model):
    """Quantiles over runs of one observable at the last time."""

    observable: str
    unit: str = Field(description="as the model names it; may be empty")
    time: float
    low: float | None = Field(description="5 % of runs; null when no run has a value")
    median: float | None
    high: float | None = Field(description="95 % of runs")


class SimulationRecord(_Model):
    """Result of ``simulate``."""

    directory: str
    plot: str
    runs: int
    times: int
    observed: list[str]
    varied: list[str] = Field(description="columns of the patients' table")
    path: str = Field(description="batch, or general: one run at a time, by libRoadRunner")
    rtol: float
    status: dict[str, int] = Field(description="runs by how they ended")
    largest_error_estimate: float | None = Field(
        description="of the runs that were done again at a hundredth of the tolerance"
    )
    at_the_end: list[BandRecord]


class Written(_Model):
    """Result of a command that writes a file."""

    file: str


class UnreadFile(_Model):
    """A file that no reader knows, and why."""

    file: str
    why: str


class DraftRecord(_Model):
    """Result of ``exocast vial draft``."""

    file: str = Field(description="the batch file that was written")
    sorted: dict[str, tuple[str, ...]] = Field(description="files by the field they went into")
    unread: tuple[UnreadFile, ...]


ENVELOPES: dict[str, type[BaseModel]] = {
    "forecast": Envelope[ForecastRecord],
    "exposure": Envelope[ExposureRecord],
    "sites": Envelope[SitesRecord],
    "site": Envelope[OneSiteRecord],
    "assay": Envelope[AssayRecord],
    "assays": Envelope[AssaysFound],
    "validate": Envelope[ValidationRecord],
    "report": Envelope[ForecastRecord],
    "vial-inspect": Envelope[VialInspection],
    "vial-potency": Envelope[RelativePotency],
    "vial-batch": Envelope[BatchRecord],
    "vial-draft": Envelope[DraftRecord],
    "evidence-check": Envelope[EvidenceCheck],
    "evidence-search": Envelope[StudiesFound],
    "evidence-show": Envelope[StudyShown],
    "evidence-status": Envelope[StatusFound],
    "evidence-grade": Envelope[BodiesFound],
    "evidence-bias": Envelope[BiasFound],
    "evidence-safety": Envelope[SafetyFound],
    "evidence-pool": Envelope[PoolRecord],
    "evidence-network": Envelope[NetworkRecord],
    "evidence-course": Envelope[CourseRecord],
    "evidence-quoted": Envelope[QuotedFound],
    "evidence-impact": Envelope[ImpactRecord],
    "evidence-import": Envelope[ImportRecord],
    "evidence-export": Envelope[ExportRecord],
    "cite": Envelope[Citations],
    "export": Envelope[Written],
    "simulate": Envelope[SimulationRecord],
}


def envelope(
    command: str,
    *,
    result: Any = None,
    warnings: Iterable[Mapping[str, Any]] = (),
    errors: Iterable[ExocastError] = (),
) -> dict[str, Any]:
    """The object a command prints, numbers that are not finite as null."""
    bad = list(errors)
    return {
        "schema": f"exocast/{command}/1",
        "ok": not bad,
        "warnings": [
            {
                "code": str(w.get("code", "WARNING")),
                "message": str(w.get("message", "")),
                "where": None if w.get("where") is None else str(w["where"]),
            }
            for w in warnings
        ],
        "errors": [{"code": e.code, "message": e.message, "where": e.where} for e in bad],
        "result": finite(result),
    }


def finite(value: Any) -> Any:
    """The same data with ``null`` for every number that is not finite."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def forecast_record(result: Result, numbers: Numbers) -> dict[str, Any]:
    """The content of ``forecast --json``; see :class:`ForecastRecord`."""
    manifest = result.manifest
    found = sensitivity(result)
    runs = {
        name: int(numbers.at("all", "runs", name))
        for name in ("failed", "total", "worlds_used", "patients_used")
    }
    return {
        "directory": str(result.directory),
        "report": str(result.directory / "report.html"),
        "title": str(manifest.get("title", "")),
        "labels": [str(label) for label in manifest.get("labels", ())],
        "seed": int(manifest.get("seed", 0)),
        "worlds": result.n_worlds,
        "patients": result.n_patients,
        "prior": str(manifest.get("prior", "default")),
        "runs": runs,
        "thresholds": {
            kind: {name: result.threshold(kind, name) for name in known}
            for kind, known in manifest.get("thresholds", {}).items()
        },
        "outcomes": [
            _outcome(result, numbers, arm, observable, 7.0 * week)
            for arm in result.treated
            for observable in OUTCOMES
            if observable in result.observables
            for week in visits(result)
            if math.isfinite(numbers.at(arm, observable, "mean", 7.0 * week))
        ],
        "comparators": list(manifest.get("comparators", ())),
        "first_important": [
            {
                "observable": name,
                "time_days": numbers.at(contrast(result), name, "first_important_day"),
                "probability": numbers.at(contrast(result), name, "first_important_probability"),
            }
            for name in OUTCOMES
            if numbers.has(name, "first_important_day")
        ],
        "weakest": [
            *(_weak("grade", weak) for weak in weakest_by_grade(result, found)),
            *(_weak("sensitivity", weak) for weak in weakest_by_share(result, found)),
        ],
        "trials": list(manifest.get("trials", ())),
        "stoichiometry": dict(manifest.get("stoichiometry", {})),
        "needle": dict(manifest.get("needle", {})),
        "effect_prior": dict(manifest.get("effect_prior", {})),
        "versions": {k: str(v) for k, v in manifest.get("versions", {}).items()},
    }


def _outcome(
    result: Result, numbers: Numbers, arm: str, observable: str, days: float
) -> dict[str, Any]:
    control = result.control
    pair = f"{arm} minus {control}"

    def value(name: str, statistic: str) -> float:
        return numbers.at(name, observable, statistic, days)

    return {
        "observable": observable,
        "time_days": days,
        "arm": arm,
        "control": control,
        "unit": result.unit(observable),
        "better": result.better(observable),
        "mean": value(arm, "mean"),
        "mean_control": value(control, "mean"),
        "difference": {
            "value": value(pair, "mean"),
            "median": value(pair, "median"),
            "low": value(pair, "low"),
            "high": value(pair, "high"),
            "level": LEVEL,
        },
        "monte_carlo_error": {
            "patients": value(pair, "mc_error_patients"),
            "worlds": value(pair, "mc_error_worlds"),
        },
        "spread_between_patients": {
            "low": value(arm, "spread_low"),
            "high": value(arm, "spread_high"),
        },
        "p_exceeds_mid": value(pair, "p_exceeds_mid"),
        "responders": value(arm, "responders"),
        "responders_control": value(control, "responders"),
    }


def _weak(ranked_by: str, weak: Weak) -> dict[str, Any]:
    return {
        "ranked_by": ranked_by,
        "key": weak.key,
        "meaning": weak.meaning,
        "value": weak.value,
        "unit": weak.unit,
        "grade": weak.grade,
        "source": weak.source,
        "share_of_variance": weak.share,
        "time_days": None if weak.week is None else 7.0 * weak.week,
    }
