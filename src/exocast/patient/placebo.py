"""Saline and procedure: fitted to some trials, predicted for others.

The model is that of :mod:`exocast.patient.outcomes`; here its moments are computed without chance,
for fitting, and its study means by simulation, for prediction.

How the fit uses each kind of source:

- an arm with visits gives its means (their errors correlated as the model says people are) and,
  where printed, the spread of change between people;
- a pool of cohorts gives its mean and, through the width of its interval, the scatter of cohorts:
  the printed variance times (cohorts - 1) over the model's is chi-squared.

Left out: that pools share cohorts with each other, and that their visits overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln

from exocast.evidence.arms import Arm, Visit, arms_for
from exocast.evidence.chance import draw
from exocast.evidence.correlations import package_correlations
from exocast.evidence.rows import Row, package_table
from exocast.patient import outcomes
from exocast.patient.population import (
    FULL,
    Entry,
    Unselected,
    draw_patients,
    per_logit,
    reliability,
    unselected,
)

Array = NDArray[np.float64]
ENTRY_NODES = 60
GAUSS_NODES = 16
LEVEL = 0.90
WIDTH_ALLOWED = 1.3
# A prediction: batches of people and worlds of their own, and copies of the study a world.
BATCHES = 8
WORLDS = 150
POOL = 300
COPIES = 3
NORMAL_WIDTH = 3.29
# Search range of effect, lasting share, and the logarithms of the two SDs.
LIMITS = ((-2.0, 3.0), (0.0, 3.0), (-4.0, 1.0), (-2.3, 1.5))
EARLY, LATE = 8, 16  # weeks between which a course shows
LASTING = (-3.0, 5.0)  # an arm alone may say anything
STEP = 0.02
FREE = 5.0
FITTED = ("effect", "lasting", "study", "response")


@dataclass(frozen=True, kw_only=True)
class Procedure:
    """The response to an injection as such; see the rows of ``patient/placebo.csv``.

    ``effect``, ``study`` (SD between studies) and ``response`` (SD between people) are on the
    logit scale of pain; ``fast`` and ``slow`` in days; ``wander`` is the SD of a knee's own ups and
    downs (``natural.wander``).
    """

    effect: float
    lasting: float
    fast: float
    slow: float
    study: float
    response: float
    wander: float


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Change of pain from entry in an arm, 0-100; arrays over its visits.

    Attributes
    ----------
    mean
        Of the change, in a study without a deviation of its own.
    by_study
        Change of that mean for one unit of the study's deviation.
    sd
        Of the change between people.
    correlation
        Of the change between visits, between people, ``(visits, visits)``.
    pooled_sd
        Of pain itself, root mean square of entry and visit.
    """

    mean: Array
    by_study: Array
    sd: Array
    correlation: Array
    pooled_sd: Array


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fit with the standard errors of its parameters.

    ``errors`` are on the scale of the parameter for effect and lasting, and of its logarithm for
    study and response; ``correlation`` is that of effect and lasting. ``disagreement`` is that of
    pools about the SD between studies; ``lasting_disagreement`` is a factor: how much further arms
    lie from the lasting share than its error says.
    """

    procedure: Procedure
    errors: Mapping[str, float]
    correlation: float
    log_likelihood: float
    disagreement: float
    lasting_disagreement: float


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Prediction of the mean change of an arm at a visit beside what was observed.

    ``tau`` and ``sd`` are in units of the 0-100 scale; ``width_allowed`` is 1.3 x 3.29 times the
    root of tau^2 + SD^2 / n.
    """

    arm: str
    week: float
    n: int
    observed: float
    mean: float
    low: float
    high: float
    tau: float
    sd: float
    width_allowed: float

    @property
    def hit(self) -> bool:
        """Whether the observed mean lies inside the interval."""
        return self.low <= self.observed <= self.high


def procedure_rows() -> Procedure:
    """The procedure as the table has it, at its centres."""
    rows = package_table("patient", "placebo")
    return Procedure(
        effect=rows["effect"].value,
        lasting=rows["lasting"].value,
        fast=rows["fast"].value,
        slow=rows["slow"].value,
        study=rows["study_sd"].value,
        response=rows["response_sd"].value,
        wander=package_table("patient", "natural")["wander"].value,
    )


def moments(arm: Arm, procedure: Procedure) -> Moments:
    """Change of pain in an arm under the model, by quadrature.

    People are spread over entry pain as the entry criteria have it; given that, everything on the
    logit scale is normal.
    """
    natural = package_table("patient", "natural")
    days = np.array(arm.days)
    before = unselected(arm.mean, arm.sd, arm.threshold, arm.ceiling)
    error = _error(arm, before)
    reliable = float(reliability(before, np.array(error)))
    at_entry = before.quantile((np.arange(ENTRY_NODES) + 0.5) / ENTRY_NODES)
    shape = outcomes.time_course(
        days, fast=procedure.fast, slow=procedure.slow, lasting=procedure.lasting
    )
    settled = 1 - 0.5 ** (days / natural["half_time"].value)
    pain_sd = natural["pain_sd"].value
    slope = per_logit(natural["pain_mean"].value, pain_sd)
    drift = -natural["drift"].value * pain_sd / slope * settled
    weights = outcomes.knot_weights(days, natural["wander_days"].value)
    true_variance = reliable * (1 - reliable) * before.sigma**2
    kept = (
        true_variance
        + procedure.wander**2 * weights @ weights.T
        + procedure.response**2 * np.outer(shape, shape)
    )
    total = np.diag(kept) + error**2
    centre = before.mu + reliable * (at_entry - before.mu)
    nodes, gauss = np.polynomial.hermite_e.hermegauss(GAUSS_NODES)
    gauss = gauss / gauss.sum()
    level = (
        centre[:, None, None]
        + (drift - procedure.effect * shape)[None, :, None]
        + np.sqrt(total)[None, :, None] * nodes
    )
    share = expit(level)
    pain = FULL * share
    change = pain - FULL * expit(at_entry)[:, None, None]
    mean = (change @ gauss).mean(axis=0)
    second = (change**2 @ gauss).mean(axis=0)
    steepness = (FULL * share * (1 - share) @ gauss).mean(axis=0)
    level_second = (pain**2 @ gauss).mean(axis=0) - (pain @ gauss).mean(axis=0) ** 2
    entry_variance = float((FULL * expit(at_entry)).var())
    across = np.var(centre - at_entry) + kept
    spread = np.sqrt(np.diag(across) + error**2)
    correlation = across / np.outer(spread, spread)
    np.fill_diagonal(correlation, 1.0)
    return Moments(
        mean=mean,
        by_study=-steepness * shape,
        sd=np.sqrt(second - mean**2),
        correlation=correlation,
        pooled_sd=np.sqrt((entry_variance + level_second) / 2),
    )


def log_likelihood(procedure: Procedure, arms: Iterable[Arm]) -> float:
    """Log-likelihood of arms under the model, the study's deviation integrated out.

    The dependence of a mean on the study's deviation is taken as straight.
    """
    return sum(_arm_likelihood(arm, procedure) for arm in arms)


def fit(arms: tuple[Arm, ...] | None = None) -> Fit:
    """Most likely procedure for the calibration arms, with errors from the curvature.

    The two time constants are not fitted: these arms cannot tell the slow one from the lasting
    share, and the fast one would rest on small differences between visits of a few arms whose
    errors are listed with one digit.
    """
    from scipy.optimize import Bounds, minimize

    arms = arms_for("calibration") if arms is None else arms
    given = procedure_rows()

    def at(x: Array) -> Procedure:
        return Procedure(
            effect=float(x[0]),
            lasting=float(x[1]),
            fast=given.fast,
            slow=given.slow,
            study=float(np.exp(x[2])),
            response=float(np.exp(x[3])),
            wander=given.wander,
        )

    def loss(x: Array) -> float:
        return -log_likelihood(at(x), arms)

    bounds = Bounds(*np.array(LIMITS).T)
    start = np.array([0.5, 1.0, np.log(0.4), 0.0])
    for _ in range(2):  # a simplex that starts again does not stop short
        found = minimize(
            loss,
            start,
            method="Nelder-Mead",
            bounds=bounds,
            options={"xatol": 1e-4, "fatol": 1e-6, "maxiter": 4000},
        )
        start = np.asarray(found.x, dtype=np.float64)
    covariance = np.linalg.inv(_curvature(loss, start))
    errors = np.sqrt(np.diag(covariance))
    return Fit(
        procedure=at(start),
        errors=dict(zip(FITTED, errors.tolist(), strict=True)),
        correlation=float(covariance[0, 1] / (errors[0] * errors[1])),
        log_likelihood=-float(found.fun),
        disagreement=tau_disagreement(at(start), arms),
        lasting_disagreement=lasting_disagreement(at(start), arms),
    )


def lasting_disagreement(procedure: Procedure, arms: Iterable[Arm]) -> float:
    """How many times further the arms lie from the lasting share than their errors allow.

    The model lets the size differ between studies and not the course. Each arm alone gives the
    share at which it is most likely, with its error from the curvature; the root of chi-squared
    over its freedom (R. T. Birge, Phys Rev 40 (1932) 207, doi:10.1103/PhysRev.40.207) says how far
    the common error falls short. Arms with a visit by week 8 and one from week 16 on count; never
    below one, and one for fewer than three arms.
    """
    found = [
        _own_lasting(procedure, arm)
        for arm in arms
        if arm.visits[0].studies == 1
        and min(v.week for v in arm.visits) <= EARLY
        and max(v.week for v in arm.visits) >= LATE
    ]
    if len(found) < 3:
        return 1.0
    values, variances = np.array(found).T
    chi_squared = float(((values - procedure.lasting) ** 2 / variances).sum())
    return max(1.0, float(np.sqrt(chi_squared / (len(found) - 1))))


def _own_lasting(procedure: Procedure, arm: Arm) -> tuple[float, float]:
    """The lasting share at which an arm is most likely, and its variance."""
    from scipy.optimize import minimize_scalar

    # The size of its own is left to the arm, lest the course be bent to make up for it.
    free = replace(procedure, study=FREE)

    def loss(share: float) -> float:
        return -_arm_likelihood(arm, replace(free, lasting=share))

    best = float(minimize_scalar(loss, bounds=LASTING, method="bounded").x)
    bend = (loss(best + STEP) - 2 * loss(best) + loss(best - STEP)) / STEP**2
    return best, 1 / max(bend, 1e-3)


def tau_disagreement(procedure: Procedure, arms: Iterable[Arm]) -> float:
    """SD of the logarithm of tau between pools about the common one, weighted by cohorts.

    Each pool alone gives the tau with which the model's variance is the printed one. Pools that
    disagree by more than chance say that there is no one tau: how far studies scatter depends on
    which are gathered, and the next setting is not known better than that.
    """
    off, freedom = [], []
    for arm in arms:
        model = moments(arm, procedure)
        for at, visit in enumerate(arm.visits):
            if visit.studies > 1:
                unit, within = _unit_and_within(visit, at, model)
                between = visit.standard_error**2 * visit.studies - within
                alone = np.sqrt(max(between, within / 10)) * unit / abs(model.by_study[at])
                off.append(float(np.log(alone / procedure.study)))
                freedom.append(visit.studies - 1)
    return float(np.sqrt(np.average(np.square(off), weights=freedom)))


def predict(arm: Arm, *, seed: int = 1) -> tuple[Predicted, ...]:
    """Where the mean change of an arm would lie, by simulating the study again and again.

    Each copy takes a world and as many people as the arm had, from the same functions that a
    forecast uses; 90 percent of copies lie between the ends.

    Parameters
    ----------
    arm
        With its own entry criteria, visits and numbers of people.
    seed
        Seed of the draws.
    """
    changes = [_changes(arm, seed * BATCHES + batch) for batch in range(BATCHES)]
    model = moments(arm, procedure_rows())
    found = []
    for at, visit in enumerate(arm.visits):
        means = np.concatenate(
            [
                _study_means(change[..., at], visit.n, seed * BATCHES + batch)
                for batch, change in enumerate(changes)
            ]
        )
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        tau = float(abs(model.by_study[at]) * procedure_rows().study)
        sd = float(model.sd[at])
        allowed = WIDTH_ALLOWED * NORMAL_WIDTH * np.sqrt(tau**2 + sd**2 / visit.n)
        found.append(
            Predicted(
                arm=arm.name,
                week=visit.week,
                n=visit.n,
                observed=visit.value,
                mean=float(means.mean()),
                low=float(low),
                high=float(high),
                tau=tau,
                sd=sd,
                width_allowed=float(allowed),
            )
        )
    return tuple(found)


def _changes(arm: Arm, seed: int) -> Array:
    """Change of measured pain of a pool of people like the arm's, ``(worlds, people, visits)``."""
    values = draw(
        outcomes.rows(),
        seed=seed,
        worlds=WORLDS,
        patients=POOL,
        correlations=package_correlations(),
    )
    # Only pain is predicted, which does not depend on the other fields.
    person = {
        "age_years": 60.0,
        "bmi_kg_m2": 30.0,
        "sex": "",
        "kellgren_lawrence": 0,
        "pain_vas_mm": arm.mean,
        "synovitis": "none",
    }
    entry = Entry(
        threshold=arm.threshold,
        ceiling=arm.ceiling,
        mean=arm.mean,
        sd=arm.sd,
        instrument=arm.instrument,
    )
    patients = draw_patients(person, POOL, seed, entry)
    days = np.array(arm.days)
    pain = outcomes.true_pain(days, patients, values, seed=seed, injected=True)
    measured = outcomes.measured_pain(days, pain, patients, values, seed=seed)
    return np.asarray(measured - patients.pain[None, :, None])


def predictions(*, seed: int = 1) -> tuple[Predicted, ...]:
    """Predictions of every arm that was kept out of the fit."""
    return tuple(line for arm in arms_for("prediction") for line in predict(arm, seed=seed))


def fitted_rows(result: Fit) -> tuple[Row, ...]:
    """Rows of ``patient/placebo.csv`` with the fitted values in them, rounded to what is known."""
    rows = package_table("patient", "placebo")
    best, error = result.procedure, result.errors
    note = "maximum likelihood, standard error from the curvature"
    new = {
        "effect": (best.effect, error["effect"], note),
        "lasting": (
            best.lasting,
            error["lasting"] * result.lasting_disagreement,
            (
                f"{note} times {result.lasting_disagreement:.2g}, as far as arms lie apart; "
                f"correlation with effect {result.correlation:.2f}"
            ),
        ),
        "study_sd": (
            best.study,
            max(error["study"], result.disagreement),
            f"{note}, or between the pools, which disagree by more than that",
        ),
        "response_sd": (best.response, error["response"], note),
    }
    return tuple(
        replace(
            row,
            value=float(f"{new[row.id][0]:.3g}"),
            spread=(float(f"{new[row.id][1]:.3g}"),),
            note=new[row.id][2],
        )
        if row.id in new
        else row
        for row in rows.values()
    )


def _error(arm: Arm, before: Unselected) -> float:
    name = "vas" if arm.instrument == "pain_vas" else "womac_pain"
    error = package_table("patient", "outcomes")[f"error_{name}"].value
    return error / float(per_logit(before.mean, before.sd))


def _arm_likelihood(arm: Arm, procedure: Procedure) -> float:
    model = moments(arm, procedure)
    if arm.visits[0].studies > 1:
        return sum(
            _pool_likelihood(visit, at, model, procedure.study)
            for at, visit in enumerate(arm.visits)
        )
    observed = np.array([visit.value for visit in arm.visits])
    error = np.array([visit.standard_error for visit in arm.visits])
    covariance = model.correlation * np.outer(error, error)
    covariance += procedure.study**2 * np.outer(model.by_study, model.by_study)
    total = _normal(observed - model.mean, covariance)
    printed = [visit for visit in arm.visits if visit.sd is not None]
    if printed:
        places = [at for at, visit in enumerate(arm.visits) if visit.sd is not None]
        seen = float(np.mean([visit.sd**2 for visit in printed if visit.sd is not None]))
        expected = float(np.mean(model.sd[places] ** 2))
        total += _chi_squared(seen, expected, printed[0].n - 1)
    return total


def _pool_likelihood(visit: Visit, at: int, model: Moments, study: float) -> float:
    unit, within = _unit_and_within(visit, at, model)
    mean = model.mean[at] / unit
    expected = ((study * model.by_study[at] / unit) ** 2 + within) / visit.studies
    total = _normal(np.array([visit.value - mean]), np.array([[expected]]))
    return total + _chi_squared(visit.standard_error**2, expected, visit.studies - 1)


def _unit_and_within(visit: Visit, at: int, model: Moments) -> tuple[float, float]:
    """Unit of a pool's statistic on 0-100, and the sampling variance of one cohort in it."""
    smd = visit.statistic == "smd"
    unit = float(model.pooled_sd[at]) if smd else 1.0
    per_cohort = visit.n / visit.studies
    within = float(model.sd[at] / unit) ** 2 / per_cohort
    if smd:
        within += float(model.mean[at] / unit) ** 2 / (2 * per_cohort)
    return unit, within


def _normal(off: Array, covariance: Array) -> float:
    _, log_det = np.linalg.slogdet(covariance)
    return float(-0.5 * (log_det + off @ np.linalg.solve(covariance, off)))


def _chi_squared(seen: float, expected: float, freedom: int) -> float:
    """Log density of a variance seen, where the expected one is known."""
    half = freedom / 2
    x = freedom * seen / expected
    return float((half - 1) * np.log(x) - x / 2 - np.log(expected) - gammaln(half))


def _curvature(loss: Callable[[Array], float], x: Array, step: float = 2e-3) -> Array:
    n = len(x)
    steps = np.eye(n) * step
    matrix = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            matrix[i, j] = (
                loss(x + steps[i] + steps[j])
                - loss(x + steps[i] - steps[j])
                - loss(x - steps[i] + steps[j])
                + loss(x - steps[i] - steps[j])
            ) / (4 * step**2)
    return (matrix + matrix.T) / 2


def _study_means(change: Array, n: int, seed: int) -> Array:
    worlds, pool = change.shape
    means = np.empty((worlds, COPIES))
    stream = np.random.default_rng((seed, n))
    for world in range(worlds):
        for copy in range(COPIES):
            people = stream.choice(pool, size=n, replace=n > pool)
            means[world, copy] = change[world, people].mean()
    return means
