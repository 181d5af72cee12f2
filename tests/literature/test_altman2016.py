"""Altman 2016: 32 and 19 saline cohorts, before against after (abstract). Built on."""

from __future__ import annotations

from exocast.evidence.arms import arm
from exocast.patient import placebo


def test_pooled_gain_of_saline_is_inside_its_printed_interval() -> None:
    model = placebo.moments(arm("altman2016"), placebo.procedure_rows())
    early, late = model.mean / model.pooled_sd
    assert -0.78 <= early <= -0.57
    assert -0.76 <= late <= -0.45


def test_fit_is_near_the_pools(check_fit) -> None:
    check_fit("altman2016", {13.0: -0.68, 39.0: -0.61}, sds=2.0)


def test_scatter_of_cohorts_is_of_the_printed_size() -> None:
    # I2 of 50 and 74 percent: the share of the scatter that is not sampling. The common tau of
    # all sources lies above what these pools show alone.
    procedure = placebo.procedure_rows()
    model = placebo.moments(arm("altman2016"), procedure)
    tau = procedure.study * abs(model.by_study)
    per_cohort = [1705 / 32, 1445 / 19]
    share = [t**2 / (t**2 + sd**2 / n) for t, sd, n in zip(tau, model.sd, per_cohort, strict=True)]
    assert 0.5 <= share[0] <= 0.95
    assert 0.74 <= share[1] <= 0.95
