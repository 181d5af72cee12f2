"""Courses of several studies: documented analyses of other people, and how often intervals cover.

Data typed in from the publications named at each (as the R package metadat lists them); results as
printed there or, for more digits, in the documented examples and tests of metafor (W. Viechtbauer,
J Stat Softw 36 (2010) 3).
"""

import math

import numpy as np
import pytest
from scipy.linalg import block_diag

from exocast.errors import InvalidInput
from exocast.evidence.synthesis import Visits, each_visit, pieces, pool_courses, two_part


def close(found, printed, digits=4) -> None:
    """Equal to the printed digits, with half a unit of the last for what was rounded before."""
    assert np.asarray(found) == pytest.approx(np.asarray(printed), abs=0.75 * 10.0**-digits)


# K. J. Ishak and others, Clin Trials 4 (2007) 525, doi:10.1177/1740774507083567: change of motor
# score with deep-brain stimulation in 46 studies; mean and variance at 3, 6, 12 months and later.
STIMULATION = """
-33.4 14.3 - - - - - -
-20.0 7.3 - - -30.0 5.7 - -
-21.1 7.3 - - - - - -
-20.0 8.0 -20.0 8.0 -18.0 5.0 - -
- - -32.9 125.0 - - - -
-25.6 4.2 -28.3 4.6 - - - -
-30.3 88.2 - - -24.5 170.7 - -
- - -25.0 17.0 - - - -
- - - - -36.0 5.0 - -
- - -22.5 6.8 -25.2 11.0 -25.7 15.4
- - -8.6 41.0 - - - -
-26.0 22.4 -30.0 20.6 - - - -
- - - - -25.5 8.2 -19.5 13.0
- - - - -36.7 5.8 -32.9 6.1
-27.5 3.8 -23.5 3.8 -29.0 3.8 - -
- - - - -25.0 13.0 -23.0 15.4
- - -36.3 27.3 - - - -
- - - - -29.4 10.7 - -
-31.0 2.6 -34.0 2.0 -32.5 2.0 - -
- - - - -20.6 25.3 - -
-33.9 20.1 - - - - - -
- - - - -35.4 21.2 - -
- - -34.9 18.0 - - - -
- - -32.7 16.3 - - - -
-23.0 38.1 -24.1 32.9 -27.8 31.0 -28.3 34.6
-31.2 12.7 - - -33.0 9.5 - -
-16.2 5.9 - - -16.3 7.0 -11.5 12.7
- - - - -29.2 5.8 - -
- - -31.7 12.4 - - - -
-32.2 26.5 - - -32.9 29.0 - -
-31.7 19.1 - - - - - -
-29.3 22.9 -32.0 20.0 -36.7 17.8 - -
-30.1 9.4 -30.5 8.7 -29.7 10.4 -31.9 13.3
-17.6 28.4 - - - - - -
- - - - - - -22.9 20.0
- - - - -36.0 27.7 - -
- - - - - - -22.5 20.3
-19.4 1.6 -18.0 1.7 -20.5 1.5 - -
-9.3 85.2 - - - - - -
- - -24.7 15.5 -27.9 17.1 - -
-16.7 9.8 - - - - - -
- - -31.2 196.0 - - -27.4 201.6
-27.0 5.5 -30.0 3.5 - - - -
-19.7 18.5 -22.1 18.1 -24.3 18.2 -21.9 16.7
- - -37.8 20.9 -34.0 26.4 - -
-22.1 40.8 - - - - - -
"""


def stimulation(correlation: float, weeks=(1, 2, 3, 4)) -> Visits:
    studies, times, values, errors = [], [], [], []
    for i, line in enumerate(STIMULATION.strip().splitlines()):
        cells = line.split()
        for j, week in enumerate(weeks):
            if cells[2 * j] != "-":
                studies.append(i)
                times.append(week)
                values.append(float(cells[2 * j]))
                errors.append(math.sqrt(float(cells[2 * j + 1])))
    return Visits.printed(studies, times, values, errors, correlation=correlation, within="AR")


# Table 1 of the paper has the structures without correlation, HAR on independent errors and HAR;
# the rest is from metafor.
@pytest.mark.parametrize(
    ("correlation", "structure", "means", "variances", "rho"),
    [
        (
            0.0,
            "DIAG",
            (-24.8686, -27.4728, -28.5239, -24.1415),
            (23.0537, 27.8113, 27.6767, 29.9405),
            math.nan,
        ),
        (0.0, "ID", (-24.8792, -27.4670, -28.5185, -24.1502), (26.6847,) * 4, math.nan),
        (
            0.0,
            "HAR",
            (-25.9578, -27.3100, -28.5543, -25.7923),
            (20.3185, 35.9720, 26.4233, 30.1298),
            1.0,
        ),
        (
            0.97,
            "HAR",
            (-25.9047, -27.4608, -28.6559, -26.4934),
            (22.7258, 33.7295, 26.1426, 31.1803),
            0.8832,
        ),
        (0.97, "AR", (-25.9418, -27.3937, -28.7054, -26.3970), (26.6875,) * 4, 0.8656),
        (
            0.97,
            "HCS",
            (-25.8814, -27.3293, -28.6510, -26.6631),
            (20.8629, 32.7429, 27.6593, 32.1908),
            0.8609,
        ),
        (0.97, "CAR", (-25.9418, -27.3937, -28.7054, -26.3970), (26.6875,) * 4, 0.8656),
    ],
)
def test_deep_brain_stimulation(correlation, structure, means, variances, rho) -> None:
    fit = pool_courses(stimulation(correlation), structure=structure, test="normal")
    close(fit.coefficients, means)
    close(fit.tau**2, variances)
    assert fit.rho == pytest.approx(rho, abs=1e-4, nan_ok=True)
    assert (fit.n_studies, fit.n_visits) == (46, 82)


def test_deep_brain_stimulation_has_the_printed_errors_and_intervals() -> None:
    fit = pool_courses(stimulation(0.97), structure="HAR", test="normal")
    close(fit.standard_errors, [1.01, 1.14, 1.03, 1.38], 2)
    close(fit.low, [-27.89, -29.70, -30.68, -29.20], 2)
    close(fit.high, [-23.92, -25.23, -26.63, -23.79], 2)
    close(fit.q, 856.16, 2)
    assert fit.q_freedom == 78


def test_a_correlation_that_falls_with_time_between_visits() -> None:
    spaced = stimulation(0.97)
    months = np.array([1.0, 2.0, 4.0, 8.0])[spaced.times.astype(int) - 1]
    fit = pool_courses(
        Visits(
            studies=spaced.studies, times=months, values=spaced.values, covariance=spaced.covariance
        ),
        structure="CAR",
        test="normal",
    )
    close(fit.coefficients, [-26.0293, -27.3838, -28.7339, -26.0515])
    close([fit.tau[0] ** 2, fit.rho], [26.9825, 0.9171])


# C. S. Berkey and others, Stat Med 17 (1998) 2537: surgery for periodontal disease, five trials;
# year, probing depth with its variance, covariance, attachment level with its variance.
PERIODONTAL = np.array(
    [
        (1983, 0.47, 0.0075, 0.0030, -0.32, 0.0077),
        (1982, 0.20, 0.0057, 0.0009, -0.60, 0.0008),
        (1979, 0.40, 0.0021, 0.0007, -0.12, 0.0014),
        (1987, 0.26, 0.0029, 0.0009, -0.31, 0.0015),
        (1988, 0.56, 0.0148, 0.0072, -0.39, 0.0304),
    ]
)


def periodontal() -> Visits:
    """Two outcomes of a trial stand for two visits: level first, then depth."""
    return Visits(
        studies=tuple(np.repeat(range(5), 2)),
        times=np.tile([2.0, 1.0], 5),
        values=PERIODONTAL[:, [1, 4]].ravel(),
        covariance=block_diag(*[[[r[2], r[3]], [r[3], r[5]]] for r in PERIODONTAL]),
    )


def test_two_outcomes_of_periodontal_trials() -> None:
    full = pool_courses(periodontal(), structure="HCS", method="ML", test="normal")
    close(full.coefficients, [-0.3379, 0.3448])
    close(full.standard_errors, [0.0798, 0.0495])
    close([*full.tau**2, full.rho], [0.0261, 0.0070, 0.6992])
    equal = pool_courses(periodontal(), structure="CS", method="ML", test="normal")
    ratio = 2 * (full.log_likelihood - equal.log_likelihood)
    close(math.erfc(math.sqrt(ratio / 2)), 0.2597)  # chi-squared with one degree of freedom
    none = pool_courses(periodontal(), structure="DIAG", method="ML", test="normal")
    ratio = 2 * (full.log_likelihood - none.log_likelihood)
    close(math.erfc(math.sqrt(ratio / 2)), 0.2452)
    likely = pool_courses(periodontal(), structure="HCS", test="normal")
    close([*likely.tau**2, likely.rho], [0.033, 0.012, 0.609], 3)
    close([*likely.low, *likely.high], [-0.512, 0.238, -0.167, 0.469], 3)


def test_periodontal_trials_by_year() -> None:
    both, _ = each_visit(periodontal().times)
    year = np.repeat(PERIODONTAL[:, 0] - 1983, 2)
    fit = pool_courses(
        periodontal(),
        np.column_stack([both, both * year[:, None]]),
        ("level", "depth", "level by year", "depth by year"),
        structure="HCS",
        method="ML",
        test="normal",
    )
    close(fit.coefficients, [-0.3351, 0.3479, -0.0108, 0.0010])
    close(fit.standard_errors, [0.0787, 0.0520, 0.0243, 0.0154])
    close([*fit.tau**2, fit.rho], [0.0250, 0.0080, 0.6587])
    close(fit.rho * fit.tau.prod(), 0.0093)


# H. A. Fine and others, Cancer 71 (1993) 2585: chemotherapy added to radiation in glioma, 17
# trials; people in both arms, survivors in each at 6, 12, 18 and 24 months.
GLIOMA = """
19 22 16 20 11 12 4 8 4 3
34 35 22 22 18 12 15 8 15 6
72 68 44 40 21 15 10 3 3 0
22 20 19 12 14 5 5 4 2 3
70 32 62 27 42 13 26 6 15 5
183 94 130 65 80 33 47 14 30 11
26 50 24 30 13 18 5 10 3 9
61 55 51 44 37 30 19 19 11 15
36 25 30 17 23 12 13 4 10 4
45 35 43 35 19 14 8 4 6 0
246 208 169 139 106 76 67 42 51 35
386 141 279 97 170 46 97 21 73 8
59 32 56 30 34 17 21 9 20 7
45 15 42 10 18 3 9 1 9 1
14 18 14 18 13 14 12 13 9 12
26 19 21 15 12 10 6 4 5 1
74 75 - - 42 40 - - 23 30
"""


def glioma() -> Visits:
    """Logarithms of odds ratios; covariances of T. A. Trikalinos and I. Olkin, Clin Trials 9 (2012)
    610, with a ridge where a matrix is near singular, as in the documented example."""
    studies, times, values, blocks = [], [], [], []
    for i, line in enumerate(GLIOMA.strip().splitlines()):
        cells = [float(c) if c != "-" else math.nan for c in line.split()]
        n = np.array(cells[:2])[:, None]
        alive = np.array(cells[2:]).reshape(4, 2).T
        half = 0.5 * ((alive == 0) | (alive == n)).any(
            axis=0
        )  # to every cell of a table with a zero
        a, b = alive + half, n - alive + half
        value, block = np.log(a / b), np.diag((1 / a + 1 / b).sum(axis=0))
        for j in range(4):
            for k in range(j + 1, 4):
                block[j, k] = block[k, j] = (
                    n[:, 0] / (alive[:, j] * (n[:, 0] - alive[:, k]))
                ).sum()
        seen = np.isfinite(value[0])
        block = block[np.ix_(seen, seen)]
        roots, axes = np.linalg.eigh(block)
        if seen.all() and (roots <= 0.08).any():
            block = axes @ np.diag(roots + 0.08) @ axes.T
        studies += [i] * int(seen.sum())
        times += list(np.arange(1.0, 5.0)[seen])
        values += list((value[0] - value[1])[seen])
        blocks.append(block)
    return Visits(
        studies=tuple(studies),
        times=np.array(times),
        values=np.array(values),
        covariance=block_diag(*blocks),
    )


def test_survival_with_glioma_at_four_times() -> None:
    fixed = pool_courses(glioma(), structure="none", test="normal")
    close(fixed.coefficients, [0.251, 0.428, 0.343, 0.281], 3)
    close(fixed.standard_errors, [0.143, 0.114, 0.134, 0.138], 3)
    close(fixed.q, 62.447, 3)
    # A case at the border: no spread at the first time, a correlation of one.
    fit = pool_courses(glioma(), structure="HAR", test="normal")
    close(fit.coefficients, [0.254, 0.408, 0.365, 0.351], 3)
    close(fit.standard_errors, [0.143, 0.115, 0.145, 0.187], 3)
    close(fit.tau**2, [0.000, 0.000, 0.029, 0.197], 3)
    close(fit.rho, 1.000, 3)


# S. Konstantopoulos, Res Synth Methods 2 (2011) 61: modified school calendars, effects and
# variances of the schools of a district, a district a line.
CALENDARS = """
-0.18 0.118  -0.22 0.118  0.23 0.144  -0.30 0.144
0.13 0.014  -0.26 0.014  0.19 0.015  0.32 0.024
0.45 0.023  0.38 0.043  0.29 0.012
0.16 0.020  0.65 0.004  0.36 0.004  0.60 0.007
0.08 0.019  0.04 0.007  0.19 0.005  -0.06 0.004
-0.18 0.020  0.00 0.018  0.00 0.019  -0.28 0.022  -0.04 0.020  -0.30 0.021  0.07 0.006  \
0.00 0.007  0.05 0.007  -0.08 0.007  -0.09 0.007
0.30 0.015  0.98 0.011  1.19 0.010
-0.07 0.001  -0.05 0.001  -0.01 0.001  0.02 0.001  -0.03 0.001  0.00 0.001  0.01 0.001  -0.10 0.001
0.50 0.010  0.66 0.011  0.20 0.010  0.00 0.009  0.05 0.013  0.07 0.013
-0.52 0.031  0.70 0.031  -0.03 0.030  0.27 0.030  -0.34 0.030
0.12 0.087  0.61 0.082  0.04 0.067  -0.05 0.067
"""


def test_schools_in_districts() -> None:
    districts, schools, values, variances = [], [], [], []
    for i, line in enumerate(CALENDARS.strip().splitlines()):
        pairs = np.array(line.split(), dtype=float).reshape(-1, 2)
        districts += [i] * len(pairs)
        schools += list(range(len(pairs)))
        values += list(pairs[:, 0])
        variances += list(pairs[:, 1])
    visits = Visits.printed(districts, schools, values, np.sqrt(variances), correlation=0.0)
    mean = np.ones((56, 1))
    fit = pool_courses(visits, mean, structure="CS", test="normal")
    close([*fit.coefficients, *fit.standard_errors], [0.1847, 0.0846])
    close([fit.tau[0] ** 2, fit.rho], [0.0978, 0.6653])
    close([fit.log_likelihood, fit.aic, fit.q], [-7.9587, 2 * 7.9587 + 6, 578.864], 3)
    fit = pool_courses(visits, mean, structure="CS", method="ML", test="normal")
    close([*fit.coefficients, *fit.standard_errors], [0.1845, 0.0805])
    low, high = fit.new_study([[1.0]], [0.0])
    close([low[0], high[0]], [-0.4262, 0.7951])


# Smooth courses -----------------------------------------------------------------------------------


def test_pieces_are_the_means_at_their_knots() -> None:
    columns = pieces([0, 2, 4, 8, 52, 60], (4, 12, 52))
    assert columns @ [-8, -16, -6] == pytest.approx([0, -4, -8, -12, -6, -6])


def test_a_two_part_course_comes_and_in_part_goes() -> None:
    columns = two_part([0.0, 1e3], fast=1.5, slow=13.0)
    assert columns @ [-10.0, 4.0] == pytest.approx([0.0, -6.0])


def test_a_course_without_noise_is_found_again() -> None:
    weeks = np.array([1, 4, 12, 26, 4, 12, 52, 1, 26, 52.0])
    studies = [0] * 4 + [1] * 3 + [2] * 3
    for columns, truth in (
        (pieces(weeks, (4, 12, 26, 52)), np.array([-8, -14, -12, -9.0])),
        (two_part(weeks, fast=1.5, slow=13.0), np.array([-16.0, 6.0])),
    ):
        visits = Visits.printed(studies, weeks, columns @ truth, np.full(10, 2.0))
        fit = pool_courses(visits, columns, structure="CAR")
        assert fit.coefficients == pytest.approx(truth)
        assert fit.tau == pytest.approx(np.zeros(5), abs=1e-6)


def test_arms_of_a_study_share_its_deviation_but_not_their_people() -> None:
    how = {"correlation": 0.5, "arms": ["a", "a", "b", "b"]}
    visits = Visits.printed([0, 0, 0, 0], [1, 2, 1, 2], [0.0] * 4, [2.0, 3.0, 2.0, 3.0], **how)
    assert visits.covariance[0] == pytest.approx([4, 3, 0, 0])


def test_one_study_knows_no_spread_between_studies() -> None:
    visits = Visits.printed([0] * 3, [1, 2, 3], [-5.0, -9.0, -8.0], [1.0] * 3)
    fit = pool_courses(visits, pieces(visits.times, (2,)), structure="none")
    assert math.isnan(fit.low[0])
    assert np.isnan(fit.new_study([[1.0]], [2.0])[0]).all()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"structure": "HARR"}, "Did you mean 'HAR'"),
        ({"method": "DL"}, "no method 'DL'"),
        ({"test": "z"}, "no test 'z'"),
        ({"level": 95}, "outside 0 to 1"),
        ({"columns": np.ones((82, 2))}, "columns of the course"),
    ],
)
def test_what_cannot_be_fitted_is_said(how, words) -> None:
    with pytest.raises(InvalidInput, match=words):
        pool_courses(stimulation(0.97), **how)


def test_impossible_visits_are_refused() -> None:
    with pytest.raises(InvalidInput, match="above zero"):
        Visits.printed([0, 0], [1, 2], [1.0, 2.0], [1.0, 0.0])
    with pytest.raises(InvalidInput, match="between -1 and 1"):
        Visits.printed([0, 0], [1, 2], [1.0, 2.0], [1.0, 1.0], correlation=1.0)
    with pytest.raises(InvalidInput, match="of each is needed"):
        Visits.printed([0], [1, 2], [1.0, 2.0], [1.0, 1.0])
    with pytest.raises(InvalidInput, match="no proper covariance"):
        Visits.printed([0] * 3, [1, 2, 3], [1.0] * 3, [1.0] * 3, correlation=-0.9)
    with pytest.raises(InvalidInput, match="too few"):
        pool_courses(Visits.printed([0, 1], [1, 2], [1.0, 2.0], [1.0, 1.0]), np.ones((2, 1)))
    for knots in ((0, 4), (4, 4), ()):
        with pytest.raises(InvalidInput, match="rising"):
            pieces([1.0], knots)


@pytest.mark.slow
@pytest.mark.parametrize("structure", ["CS", pytest.param("CAR", marks=pytest.mark.full)])
def test_intervals_of_simulated_courses_cover(structure) -> None:
    # Seven arms with 2 to 4 of six visits and one with all; 4 means of each of 150 courses, which
    # are correlated, so the Monte Carlo error is a little above 1 %. Over 800 courses on another
    # seed: 96.0 % (CS) and 95.9 % (CAR), each with an error of 0.4.
    draws = np.random.default_rng(20261125)
    weeks, knots = np.array([2.0, 4, 8, 12, 26, 52]), (4, 12, 26, 52)
    truth = np.array([-10.0, -14, -13, -11])
    inside = []
    for _ in range(150):
        studies, when, values, errors = [], [], [], []
        for i in range(8):
            seen = np.sort(draws.choice(weeks, draws.integers(2, 5), replace=False))
            seen = seen if i else weeks
            error = 25 / math.sqrt(draws.integers(20, 150))
            apart = np.abs(seen[:, None] - seen)
            between = 0.99**apart if structure == "CAR" else np.where(apart > 0, 0.7, 1.0)
            within = np.where(apart > 0, 0.5, 1.0) * error**2
            mean = pieces(seen, knots) @ truth
            studies += [i] * len(seen)
            when += list(seen)
            values += list(draws.multivariate_normal(mean, 49 * between + within))
            errors += [error] * len(seen)
        visits = Visits.printed(studies, when, values, errors)
        fit = pool_courses(visits, pieces(when, knots), structure=structure)
        inside.append((fit.low <= truth) & (truth <= fit.high))
    assert 0.93 <= np.mean(inside) <= 0.97
