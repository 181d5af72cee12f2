"""Documented analyses of other people, to the digits they print.

The data are typed in from the publications named at each; the results are those of the
publication or, for more digits, of the documented examples of the R package metafor
(W. Viechtbauer, J Stat Softw 36 (2010) 3).
"""

import math

import numpy as np
import pytest
from scipy import stats

from exocast.evidence.synthesis import (
    Effects,
    egger,
    exact_proportion,
    leave_one_out,
    mantel_haenszel,
    network,
    peto,
    pool,
    regress,
    selection_model,
    trim_and_fill,
    upper_bound_of_none,
)
from exocast.evidence.synthesis.effects import hedges_factor

# G. A. Colditz and others, JAMA 271 (1994) 698: BCG against tuberculosis, 13 trials; vaccinated
# with and without the disease, not vaccinated likewise, degrees of latitude.
BCG = np.array(
    [
        (4, 119, 11, 128, 44),
        (6, 300, 29, 274, 55),
        (3, 228, 11, 209, 42),
        (62, 13536, 248, 12619, 52),
        (33, 5036, 47, 5761, 13),
        (180, 1361, 372, 1079, 44),
        (8, 2537, 10, 619, 19),
        (505, 87886, 499, 87892, 13),
        (29, 7470, 45, 7232, 27),
        (17, 1699, 65, 1600, 42),
        (186, 50448, 141, 27197, 18),
        (5, 2493, 3, 2338, 33),
        (27, 16886, 29, 17825, 33),
    ],
    dtype=float,
)
A, N1, C, N2 = BCG[:, 0], BCG[:, 0] + BCG[:, 1], BCG[:, 2], BCG[:, 2] + BCG[:, 3]
LATITUDE = BCG[:, 4]
RISK, ODDS = Effects.risk_ratio(A, N1, C, N2), Effects.odds_ratio(A, N1, C, N2)


def close(found, printed, digits=4) -> None:
    """Equal to the printed digits, with half a unit of the last for what was rounded before."""
    assert np.asarray(found) == pytest.approx(np.asarray(printed), abs=0.75 * 10.0**-digits)


# One effect, variance between studies ------------------------------------------------------------


def test_bcg_fixed_effect() -> None:
    # metafor's comparison with Stata's metan.
    fit = pool(RISK, method="fixed", test="normal")
    close([fit.value, *fit.interval], [-0.4303, -0.5097, -0.3509])
    close([fit.q, fit.value / fit.standard_error], [152.2330, -10.6247])
    close(fit.shown(), [0.6503, 0.6007, 0.7040])
    other = pool(ODDS, method="fixed", test="normal")
    close([other.value, *other.interval, other.q], [-0.4361, -0.5190, -0.3533, 163.1649])


def test_bcg_dersimonian_laird() -> None:
    fit = pool(RISK, method="DL", test="normal")
    close([fit.value, *fit.interval, fit.tau2], [-0.7141, -1.0644, -0.3638, 0.3088])
    close([fit.i2, fit.h2], [92.1173, 12.6861])
    close([fit.tau2_low, fit.tau2_high], [0.1197, 1.1115])  # Q-profile
    close(fit.shown(), [0.4896, 0.3449, 0.6950])
    other = pool(ODDS, method="DL", test="normal")
    close([other.value, *other.interval, other.tau2], [-0.7474, -1.1242, -0.3706, 0.3663])
    close(other.i2, 92.6455)


def test_bcg_by_full_likelihood() -> None:
    # H. C. van Houwelingen, L. R. Arends and T. Stijnen, Stat Med 21 (2002) 589.
    fit = pool(ODDS, method="ML", test="normal", prediction="normal")
    close(fit.shown(), [0.4762, 0.3360, 0.6749])
    close([fit.tau2, fit.tau2_low, fit.tau2_high], [0.3025, 0.1302, 1.1812])
    close([fit.prediction_low, fit.prediction_high], [-1.875, 0.391], 3)
    close(pool(ODDS, method="ML").shown()[1:], [0.3175, 0.7141])  # Knapp and Hartung


def test_bcg_with_smoothed_variances() -> None:
    # C. S. Berkey and others, Stat Med 14 (1995) 395: empirical Bayes, latitude as moderator.
    a, b, c, d = BCG[:, :4].T
    smooth = Effects(
        values=RISK.values,
        variances=(b / a).sum() / (13 * (a + b)) + (d / c).sum() / (13 * (c + d)),
        measure="risk ratio",
        ratio=True,
    )
    plain = pool(smooth, method="PM", test="normal")
    close([plain.value, plain.standard_error, plain.tau2], [-0.5429, 0.1842, 0.2682])
    centred = LATITUDE - 33.46
    fit = regress(smooth, [centred], ["latitude"], method="PM", test="normal")
    close(fit.coefficients, [-0.6303, -0.0268])
    close(fit.standard_errors, [0.1591, 0.0110])
    close([fit.tau2, fit.explained(plain)], [0.1572, 41.3844])
    close(np.exp([fit.predicted([1, 0])[0], fit.predicted([1, 8.54])[0]]), [0.5324, 0.4236])
    fixed = regress(smooth, [centred], method="fixed", test="normal")
    close(fixed.coefficients, [-0.5949, -0.0282])
    close(fixed.standard_errors, [0.0696, 0.0040])


# W. Viechtbauer, J Educ Behav Stat 30 (2005) 261, both examples.
FIRST = Effects(
    values=np.array([-0.581, 0.530, 0.771, 1.031, 0.553, 0.295, 0.078, 0.573, -0.176, -0.232]),
    variances=np.array([0.023, 0.052, 0.060, 0.115, 0.095, 0.203, 0.200, 0.211, 0.051, 0.040]),
    measure="effect",
)
SECOND = Effects(
    values=np.array(
        "0.100 -0.162 -0.090 -0.049 -0.046 -0.010 -0.431 -0.261 0.134 0.019 0.175 0.056 0.045 "
        "0.103 0.121 -0.482 0.290 0.342".split(),
        dtype=float,
    ),
    variances=np.array(
        "0.016 0.015 0.050 0.050 0.032 0.052 0.036 0.024 0.034 0.033 0.031 0.034 0.039 0.167 0.134 "
        "0.096 0.016 0.035".split(),
        dtype=float,
    ),
    measure="effect",
)


@pytest.mark.parametrize(
    ("method", "first", "second"),
    [
        ("HS", (0.2282, 77.2284, 4.3914), (0.0099, 22.9266, 1.2975)),
        ("HE", (0.1484, 68.7988, 3.2050), (0.0000, 0.0000, 1.0000)),
        ("DL", (0.2768, 80.4447, 5.1137), (0.0126, 27.5275, 1.3798)),
        ("ML", (0.1967, 74.5098, 3.9231), (0.0132, 28.4505, 1.3976)),
        ("REML", (0.2232, 76.8399, 4.3178), (0.0157, 32.0203, 1.4710)),
        ("PM", (0.1920, 74.0511, 3.8537), (0.0104, 23.7198, 1.3110)),
        ("SJ", (0.1992, 74.7545, 3.9611), (0.0248, 42.6734, 1.7444)),
    ],
)
def test_seven_estimators_of_the_variance_between_studies(method, first, second) -> None:
    for effects, printed in ((FIRST, first), (SECOND, second)):
        fit = pool(effects, method=method)
        close(fit.tau2, printed[0])
        # The printed ones of the iterative methods stop at a change of 1e-5 in tau2.
        loose = method in ("ML", "REML", "PM")
        close(fit.i2, printed[1], 2 if loose else 4)
        close(fit.h2, printed[2], 3 if loose else 4)


@pytest.mark.parametrize(
    ("method", "tau", "mean", "error"),
    [
        ("PM", 0.3681, -0.3811, 0.2060),
        ("HE", 0.4410, -0.4035, 0.2327),
        ("DL", 0.2323, -0.3240, 0.1540),
        ("ML", 0.0023, -0.1974, 0.0694),
        ("REML", 0.1843, -0.2980, 0.1343),
        ("HS", 0.1330, -0.2666, 0.1125),
        ("SJ", 0.4572, -0.4079, 0.2386),
    ],
)
def test_aspirin_against_pre_eclampsia(method, tau, mean, error) -> None:
    # R. DerSimonian and R. Kacker, Contemp Clin Trials 28 (2007) 105 (CLASP).
    effects = Effects.odds_ratio(
        [5, 5, 12, 69, 9, 313],
        [156, 303, 565, 1570, 103, 4659],
        [8, 17, 9, 94, 11, 352],
        [74, 303, 477, 1565, 105, 4650],
    )
    fit = pool(effects, method=method, test="normal")
    close([fit.value, fit.standard_error], [mean, error])
    if method == "ML":  # 0.0023 is where the iteration stopped; the maximum is at 0
        assert fit.tau == 0.0
    else:
        close(fit.tau, tau)


# Regression and subgroups -------------------------------------------------------------------------

# M. W. Lipsey and D. B. Wilson, Practical Meta-Analysis (2001), chapter 7.
LIPSEY = Effects(
    values=np.array([-0.33, 0.32, 0.39, 0.31, 0.17, 0.64, -0.33, 0.15, -0.02, 0.00]),
    variances=np.array([0.084, 0.035, 0.017, 0.034, 0.072, 0.117, 0.102, 0.093, 0.012, 0.067]),
    measure="standardised mean difference",
)
RANDOM = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1.0])
INTENSITY = np.array([7, 3, 7, 5, 7, 7, 4, 4, 5, 6.0])


def test_challenge_programmes_pools_and_subgroups() -> None:
    fixed = pool(LIPSEY, method="fixed", test="normal")
    close([fixed.value, fixed.standard_error, *fixed.interval], [0.1549, 0.0609, 0.0356, 0.2742])
    close([fixed.q, fixed.q_p, fixed.p[0]], [14.7640, 0.0976, 0.0109])
    fit = pool(LIPSEY, method="DL", test="normal")
    close([fit.value, fit.standard_error, *fit.interval], [0.1534, 0.0858, -0.0146, 0.3215])
    close(fit.tau2, 0.025955, 6)
    groups = regress(LIPSEY, [RANDOM], method="fixed", test="normal")
    close([groups.moderators_q, groups.moderators_p], [7.0739, 0.0078])
    close([groups.q, groups.q_p], [7.6901, 0.4643])
    close(groups.predicted([1, 0]), [0.2984, 0.1390, 0.4578])
    close(groups.predicted([1, 1]), [-0.0277, -0.2075, 0.1521])
    for value, q, p in ((0, 6.4382, 0.2659), (1, 1.2519, 0.7406)):
        own = pool(LIPSEY.only(value == RANDOM), method="fixed", test="normal")
        close([own.q, own.q_p], [q, p])


def test_challenge_programmes_regression() -> None:
    fixed = regress(LIPSEY, [RANDOM, INTENSITY], method="fixed", test="normal")
    close(fixed.coefficients, [0.32233263, -0.32978043, -0.00408559], 6)
    close(fixed.standard_errors, [0.29977632, 0.13041815, 0.04928185], 6)
    close([fixed.moderators_q, fixed.moderators_p], [7.0807, 0.0290])
    close([fixed.q, fixed.q_p], [7.6832, 0.3614])
    mixed = regress(LIPSEY, [RANDOM, INTENSITY], method="DL", test="normal")
    close(mixed.coefficients, [0.33106915, -0.32691858, -0.00682302], 6)
    close(mixed.standard_errors, [0.31983925, 0.1439395, 0.0528008], 6)
    close([mixed.moderators_q, mixed.moderators_p], [5.5711, 0.0617])
    close(mixed.tau2, 0.00488, 5)
    close(mixed.explained(pool(LIPSEY, method="DL")), 81.2023)


# Tables of events ---------------------------------------------------------------------------------


def test_bcg_mantel_haenszel_and_peto() -> None:
    for measure, printed, q in (
        ("risk ratio", (-0.4537, -0.5308, -0.3766), 152.5676),
        ("odds ratio", (-0.4734, -0.5538, -0.3930), 163.9426),
        ("risk difference", (-0.0033, -0.0039, -0.0027), 386.7759),
    ):
        fit = mantel_haenszel(A, N1, C, N2, measure)
        close([fit.value, *fit.interval, fit.q], [*printed, q])
    fit = peto(A, N1, C, N2)
    close([fit.value, *fit.interval, fit.q], [-0.4744, -0.5541, -0.3948, 167.7302])
    close(fit.shown(), [0.6222, 0.5746, 0.6738])


def test_tolbutamide_by_strata_of_age() -> None:
    # K. J. Rothman, S. Greenland and T. L. Lash, Modern Epidemiology (2008), chapter 15.
    table = ([8, 22], [106, 98], [5, 16], [120, 85])
    close(Effects.risk_difference(*table).values, [0.0338, 0.0363])
    close(np.exp(Effects.risk_ratio(*table).values), [1.8113, 1.1926])
    for measure, printed, q in (
        ("risk difference", (0.0349, -0.0176, 0.0874), 0.0017),
        ("risk ratio", (0.2818, -0.1442, 0.7078), 0.4472),
        ("odds ratio", (0.3387, -0.1731, 0.8505), 0.3474),
    ):
        fit = mantel_haenszel(*table, measure, level=0.90)
        close([fit.value, *fit.interval, fit.q], [*printed, q])


def test_no_event_among_twenty_four_allows_fourteen_percent() -> None:
    assert upper_bound_of_none(24) == pytest.approx(0.142, abs=5e-4)
    low, high = exact_proportion(24, 24)
    assert (low, high) == (pytest.approx(1 - 0.142, abs=5e-4), 1.0)
    # The definition: 10 or more of 100 are seen with a chance of 2.5 % at the lower end.
    low, high = exact_proportion(10, 100)
    assert stats.binom.sf(9, 100, low) == pytest.approx(0.025, rel=1e-9)
    assert stats.binom.cdf(10, 100, high) == pytest.approx(0.025, rel=1e-9)


# Means and changes --------------------------------------------------------------------------------


def test_changes_in_two_groups() -> None:
    # S. B. Morris, Organ Res Methods 11 (2008) 364, table 5: training and control.
    r = [0.47, 0.64, 0.77, 0.89, 0.44]
    trained = Effects.standardised_change(
        [30.6, 23.5, 0.5, 53.4, 35.6],
        [38.5, 26.8, 0.7, 75.9, 36.0],
        [15.0, 3.1, 0.1, 14.5, 4.7],
        [20, 50, 9, 10, 14],
        r,
    )
    close(trained.values, [0.5056, 1.0481, 1.8054, 1.4181, 0.0801])
    close(trained.variances, [0.0594, 0.0254, 0.2322, 0.1225, 0.0802])
    control = Effects.standardised_change(
        [23.1, 24.9, 0.6, 55.7, 34.8],
        [19.7, 25.3, 0.6, 60.7, 33.4],
        [13.8, 4.1, 0.2, 17.3, 3.1],
        [20, 42, 9, 11, 14],
        r,
    )
    close(control.values, [-0.2365, 0.0958, 0.0000, 0.2667, -0.4250])
    close(control.variances, [0.0544, 0.0173, 0.0511, 0.0232, 0.0864])
    assert pool(trained, method="REML").tau2 == pytest.approx(0.3164, abs=5e-5)


def test_the_correction_for_few_people_is_exact() -> None:
    # Γ(1) / (√1 Γ(1/2)) = 1/√π, and near 1 - 3/(4m - 1) for many.
    assert hedges_factor(2) == pytest.approx(1 / math.sqrt(math.pi), rel=1e-12)
    assert hedges_factor(200) == pytest.approx(1 - 3 / 799, abs=1e-6)


# A network ----------------------------------------------------------------------------------------


def test_thrombolysis_like_network_of_two_arm_studies() -> None:
    # M. Law, D. Jackson and others, BMC Med Res Methodol 16 (2016) 87, first example (ordered as
    # there; effects of the second against the first, and their variances).
    rows = """
    C D -0.16561092 0.0294183340466069
    C D -0.13597406 0.147112449467866
    C E -0.08012604 0.0780588660166125
    C F -0.14746890 0.140361934247383
    E F  0.09316853 0.0479709251030665
    E F -0.15859403 0.0506583523716436
    E F -0.22314355 0.235695187165775
    F G -0.06744128 2.04499494438827
    C H -0.11888254 0.17968120987923
    C H -0.06899287 0.735714285714286
    B C  0.26917860 0.184889643463497
    A B -0.33160986 0.0294022652280727
    A B -0.26236426 0.232478632478632
    F G -0.39319502 0.857874134296899
    A B -0.11557703 0.0219285638496459
    E F  0.00000000 0.168131868131868
    A E -0.40987456 0.0826973577700322
    """
    arms = []
    for i, line in enumerate(rows.split("\n")[1:-1]):
        ref, trt, value, variance = line.split()
        # A contrast as two arms of half its variance each.
        arms.append((f"study {i}", ref, 0.0, float(variance) / 2))
        arms.append((f"study {i}", trt, float(value), float(variance) / 2))
    fit = network(arms, reference="A", method="REML")
    close(fit.tau2, 0.0)
    printed = (-0.2243, -0.1667, -0.3274, -0.3152, -0.3520, -0.6489, -0.2758)
    for name, value in zip("BCDEFGH", printed, strict=True):
        close(fit.of(name, "A")[0], value)
    value, error = fit.of("B", "A")
    half = 1.959964 * error
    close(np.exp([value, value - half, value + half]), [0.7991, 0.6477, 0.9859])


# R. L. Stowe and others, Cochrane Database Syst Rev (2010) CD007166: hours "off" in Parkinson's
# disease, drugs beside levodopa; data and results as printed by S. Balduzzi and others, J Stat
# Softw 106 (2023) 2, doi:10.18637/jss.v106.i02. Mean, SD, people with the drug, then placebo.
AGONIST = """
-1.90 4.30 152 -0.30 4.40 76
-3.40 2.78 20 0.30 3.66 20
-3.33 3.47 14 -2.47 3.91 12
-2.00 2.33 18 -0.70 2.25 16
-2.08 3.19 89 -0.77 3.34 46
-1.80 4.80 189 -0.20 4.80 187
-2.30 2.70 23 0.40 3.50 37
-2.80 2.83 200 -0.90 5.00 100
-1.20 2.90 29 -0.90 5.00 29
-1.94 2.59 174 -0.12 3.11 180
-2.40 3.40 174 -0.70 3.70 172
-2.10 4.54 201 -0.30 4.41 190
-1.74 2.36 23 -2.22 3.00 23
-1.33 2.35 42 -0.75 2.81 22
-1.53 4.28 90 -1.22 3.70 53
"""
COMT = """
-1.60 2.50 129 -0.90 3.40 74
-1.00 1.90 174 -0.90 2.00 96
-0.86 2.90 99 -0.54 3.13 63
-1.30 2.20 85 -0.10 2.45 86
-1.50 2.55 98 -1.00 2.29 99
-1.10 2.55 115 -0.30 2.85 57
-1.90 3.30 20 0.15 3.30 20
-2.03 2.60 60 -0.67 2.80 58
-1.61 1.77 40 -0.04 1.75 42
-2.00 2.49 69 -0.30 2.55 72
-1.78 2.76 31 -0.11 2.63 37
"""
MAOB = """
-1.85 2.50 149 -0.91 2.50 159
-2.20 2.43 94 -0.60 2.49 46
"""
THREE = (("COMT", -1.20, 2.21, 218), ("placebo", -0.40, 2.21, 218), ("MAOB", -1.18, 2.23, 222))


def parkinson() -> list[tuple[str, str, float, float]]:
    arms = []
    for drug, table in (("agonist", AGONIST), ("COMT", COMT), ("MAOB", MAOB)):
        for i, line in enumerate(table.strip().splitlines()):
            m1, s1, n1, m2, s2, n2 = map(float, line.split())
            arms.append((f"{drug} {i}", drug, m1, s1**2 / n1))
            arms.append((f"{drug} {i}", "placebo", m2, s2**2 / n2))
    return arms + [("LARGO", name, m, s**2 / n) for name, m, s, n in THREE]


def test_parkinson_network_with_a_study_of_three_arms() -> None:
    fit = network(parkinson(), reference="placebo")
    close(fit.tau2, 0.1518)
    close([fit.q, fit.within_q, fit.between_q], [48.15, 46.91, 1.24], 2)
    assert (fit.q_freedom, fit.within_freedom, fit.between_freedom) == (27, 25, 2)
    close(fit.between_p, 0.5376)
    found = {c.first: c for c in fit.contrasts if c.second == "placebo"}
    for name, printed in (
        ("COMT", (-0.95, -1.27, -0.63)),
        ("agonist", (-1.49, -1.86, -1.12)),
        ("MAOB", (-1.03, -1.56, -0.50)),
    ):
        close([found[name].value, found[name].low, found[name].high], printed, 2)
    for name, parts, p in (("COMT", (-0.93, -1.65), 0.5071), ("MAOB", (-1.03, -1.08), 0.9544)):
        close([found[name].direct, found[name].indirect], parts, 2)
        close(found[name].p_inconsistent, p)
    assert math.isnan(found["agonist"].indirect)
    assert [found[name].n_studies for name in ("COMT", "agonist", "MAOB")] == [12, 15, 3]
    both = next(c for c in fit.contrasts if {c.first, c.second} == {"COMT", "MAOB"})
    sign = 1.0 if both.first == "COMT" else -1.0
    close([sign * both.value, sign * both.direct, sign * both.indirect], [0.09, -0.02, 0.17], 2)
    assert max(fit.p_scores("lower"), key=fit.p_scores("lower").get) == "agonist"


# Small studies ------------------------------------------------------------------------------------

# A. K. Hackshaw, M. R. Law and N. J. Wald, BMJ 315 (1997) 980: odds ratio of lung cancer in those
# who live with a smoker, and its interval, 37 studies (as listed in the R package metadat).
SMOKE = """
1.18 0.90 1.54  1.45 1.02 2.08  2.02 0.48 8.56  1.20 0.80 1.60  0.75 0.43 1.30  2.07 0.81 5.25
2.13 1.19 3.83  0.80 0.34 1.90  0.79 0.25 2.45  2.01 1.09 3.72  1.23 0.81 1.87  1.20 0.50 3.30
1.52 0.87 2.63  1.03 0.41 2.55  1.55 0.90 2.67  1.03 0.61 1.74  2.34 0.81 6.75  1.65 1.16 2.35
1.19 0.82 1.73  1.52 0.39 5.96  2.16 1.08 4.29  1.08 0.64 1.82  2.55 0.74 8.78  1.62 0.90 2.91
1.06 0.74 1.52  0.79 0.62 1.02  0.74 0.32 1.69  2.27 0.75 6.82  0.97 0.78 1.21  1.60 0.80 3.00
1.19 0.66 2.13  1.66 0.73 3.78  1.26 1.04 1.54  1.10 0.62 1.96  1.66 1.12 2.45  1.16 0.80 1.69
1.11 0.67 1.84
"""


def passive_smoking() -> Effects:
    odds, low, high = np.array(SMOKE.split(), dtype=float).reshape(-1, 3).T
    errors = (np.log(high) - np.log(low)) / (2 * 1.959963984540054)
    return Effects(
        values=np.log(odds),
        variances=errors**2,
        measure="odds ratio",
        ratio=True,
    )


def test_passive_smoking_with_selection_by_p() -> None:
    found = selection_model(passive_smoking(), steps=(0.05, 0.10, 0.50, 1.00))
    close(found.weights, [1, 2.422079, 0.977543, 0.396713], 3)
    close([found.ratio_statistic, found.tau2], [7.066137, 0.03071325], 4)
    assert found.ratio_freedom == 3


def test_passive_smoking_with_seven_studies_filled_in() -> None:
    # Lung Cancer 51 (2006) 245, doi:10.1016/j.lungcan.2005.11.004: 7 filled, 1.19 (1.08 to 1.31).
    filled = trim_and_fill(passive_smoking(), method="DL", test="normal")
    assert (filled.missing, filled.side, filled.pooled.n_studies) == (7, "left", 44)
    close(filled.pooled.shown(), [1.19, 1.08, 1.31], 2)


def test_magnesium_trials_are_asymmetric() -> None:
    # M. Egger, G. Davey Smith and D. Altman, Systematic Reviews in Health Care (2001), chapter 2.
    table = np.array(
        "1 40 2 36  9 135 23 135  2 200 7 200  1 48 1 46  10 150 8 148  1 59 9 56  1 25 3 23 "
        "0 22 1 21  6 76 11 75  1 27 7 27  2 89 12 80  5 23 13 33  4 130 8 122  90 1159 118 1157 "
        "4 107 17 108  2216 29011 2103 29039".split(),
        dtype=float,
    ).reshape(-1, 4)
    effects = Effects.odds_ratio(*table.T)
    close(egger(effects, "mixed").statistic, -4.6686)


def test_length_of_stay_after_stroke() -> None:
    # S. L. T. Normand, Stat Med 18 (1999) 321, tables III and V.
    table = np.array(
        "155 55 47 156 75 64  31 27 7 32 29 4  75 64 17 71 119 29  18 66 20 18 137 48 "
        "8 14 8 13 18 11  57 19 7 52 18 4  34 52 45 33 41 34  110 21 16 183 31 27 "
        "60 30 27 52 23 20".split(),
        dtype=float,
    ).reshape(-1, 6)
    n1, m1, s1, n2, m2, s2 = table.T
    effects = Effects.mean_difference(m1, s1, n1, m2, s2, n2, pooled=True)
    close(effects.variances[:5], [40.5863, 2.0468, 15.2809, 150.2222, 20.1923])
    close(effects.variances[5:], [1.2235, 95.3756, 8.0321, 20.6936])
    fixed = pool(effects, method="fixed", test="normal")
    close([fixed.value, *fixed.interval], [-3.4939, -5.0265, -1.9613])
    moments = pool(effects, method="DL", test="normal")
    close([moments.value, *moments.interval], [-14.0972, -24.4454, -3.7490])
    close(moments.tau2, 218.7216, 3)
    likely = pool(effects, method="REML", test="normal")
    close([likely.value, *likely.interval], [-15.1217, -32.6716, 2.4282], 3)
    close(likely.tau2, 685.1965, 2)
    first = slice(0, 4)
    hedges = Effects.standardised_mean_difference(*(c[first] for c in (m1, s1, n1, m2, s2, n2)))
    close(hedges.values, [-0.3552, -0.3479, -2.3176, -1.8880])
    close(hedges.variances, [0.0131, 0.0645, 0.0458, 0.1606])
    ratio = Effects.ratio_of_means(*(c[first] for c in (m1, s1, n1, m2, s2, n2)))
    close(ratio.values, [-0.3102, -0.0715, -0.6202, -0.7303])
    close(ratio.variances, [0.0094, 0.0028, 0.0018, 0.0119])


def test_lidocaine_in_suspected_infarction() -> None:
    # L. K. Hine and others, Arch Intern Med 149 (1989) 2694, after Normand 1999: risk differences.
    effects = Effects.risk_difference(
        [2, 4, 6, 7, 7, 11],
        [39, 44, 107, 103, 110, 154],
        [1, 4, 4, 5, 3, 4],
        [43, 44, 110, 100, 106, 146],
    )
    close(100 * effects.values, [2.8026, 0.0000, 1.9711, 1.7961, 3.5334, 4.4031])
    close(100**2 * effects.variances, [17.7575, 37.5657, 8.1323, 10.8998, 8.0114, 6.1320])
    for method in ("fixed", "DL", "REML"):
        fit = pool(effects, method=method, test="normal")
        close(100 * np.array([fit.value, *fit.interval]), [2.9444, 0.3831, 5.5058])
        assert fit.tau2 == 0.0


def test_leaving_each_study_out_leaves_the_others() -> None:
    found = leave_one_out(RISK, method="DL", test="normal")
    assert [f.n_studies for f in found] == [12] * 13
    again = pool(RISK.only(np.arange(13) != 3), method="DL", test="normal")
    assert found[3].value == again.value


def test_a_pool_of_one_is_that_study() -> None:
    one = pool(RISK.only([0]))
    assert one.value == RISK.values[0]
    assert one.tau2 == 0.0
    assert math.isclose(one.standard_error, math.sqrt(RISK.variances[0]))


@pytest.mark.parametrize(("method", "studies"), [("REML", 6), ("REML", 15), ("PM", 15), ("DL", 15)])
def test_intervals_of_simulated_pools_cover(method, studies) -> None:
    # 95 % intervals of Knapp and Hartung; 1,000 pools have a Monte Carlo error of 0.7 %.
    draws = np.random.default_rng(20251125)
    inside = 0
    for _ in range(1000):
        variances = draws.uniform(0.02, 0.3, studies)
        truth = draws.normal(0.4, 0.3, studies)
        effects = Effects(
            values=draws.normal(truth, np.sqrt(variances)), variances=variances, measure="effect"
        )
        low, high = pool(effects, method=method).interval
        inside += low <= 0.4 <= high
    assert 0.93 <= inside / 1000 <= 0.97
