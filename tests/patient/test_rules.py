"""Rules at visits against a closed form."""

from __future__ import annotations

import antimony
import numpy as np
import pandas as pd
import pytest

from exocast import engine
from exocast.errors import InvalidInput, UnknownName
from exocast.patient.rules import Rule, run_with_rules

TEXT = "model a() compartment c = 1; substanceOnly species x in c; x => ; k*x; x = 0; k = 1; end"


@pytest.fixture(scope="module")
def model() -> engine.Model:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(TEXT) >= 0
    return engine.compile(antimony.getSBMLString("a"), varied=("k",), observe=("x",))


def rule(**change) -> Rule:
    given = {"visit": 2.0, "observable": "x", "when": "below", "threshold": 1.0}
    return Rule(**{**given, "amount": 5.0, "target": "x", **change})


def test_a_rule_doses_those_it_means_and_nobody_else(model) -> None:
    k = np.array([[0.1], [1.0], [2.0]])
    doses = pd.DataFrame({"run": [0, 1, 2], "time": 0.0, "amount": 4.0, "target": "x"})
    times = np.array([1.0, 2.0, 3.0])
    runs, table = run_with_rules(model, times, k, doses, [rule()], rtol=1e-9)
    want = 4 * np.exp(-k * times)
    want[1:, 1:] += 5 * np.exp(-k[1:] * (times[1:] - 2))
    np.testing.assert_allclose(runs.values[:, :, 0], want, rtol=1e-7)
    assert table["run"].tolist() == [0, 1, 2, 1, 2]
    plain = model.run([1.0], k, doses, rtol=1e-9)
    np.testing.assert_allclose(runs.values[:, :1], plain.values, rtol=1e-8)


def test_rules_of_later_visits_see_what_earlier_ones_did(model) -> None:
    rules = [
        rule(visit=1.0, threshold=10.0, amount=3.0),
        rule(visit=2.0, when="above", threshold=1.0, amount=7.0, delay=0.5),
    ]
    runs, table = run_with_rules(model, [4.0], np.array([[1.0]]), None, rules, rtol=1e-9)
    assert table["time"].tolist() == [1.0, 2.5]
    want = 3 * np.exp(-3) + 7 * np.exp(-1.5)
    assert runs.values[0, 0, 0] == pytest.approx(want, rel=1e-7)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"observable": "y"}, UnknownName, "'y', which is not observed"),
        ({"when": "abov"}, InvalidInput, "Did you mean 'above'"),
        ({"visit": -1.0}, InvalidInput, "zero or more"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(model, change, error, words) -> None:
    with pytest.raises(error, match=words):
        run_with_rules(model, [1.0], np.array([[1.0]]), None, [rule(**change)])
