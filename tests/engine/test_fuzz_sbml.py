"""Whatever a model's text says, the engine answers with known statuses or an error of its own.

A few hundred mutants in this process; ten thousand, in child processes, by ``make fuzz``. They are
made by ``mutants.py``, which as a script shows one by its number.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mutants
from exocast import engine
from exocast.engine.batch import machine
from exocast.errors import InvalidInput, NotFound, UnsupportedModel

FULL = bool(os.environ.get("EXOCAST_FULL"))
COUNT = 10_000 if FULL else 30
COMPARED = 500 if FULL else 4
SHARE = 0.3  # of the mutants has to be model enough to run
RAN = set(engine.STATUS)
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setenv("EXOCAST_CACHE", "off")
    monkeypatch.setattr(machine, "LONGEST_CAREFUL", 0)  # code made quickly computes the same


def rated(expression: str, functions: str = "", parameters: str = "", rules: str = "") -> str:
    """A model x' = expression."""
    return (
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model>'
        f"<listOfFunctionDefinitions>{functions}</listOfFunctionDefinitions><listOfParameters>"
        f'<parameter id="x" value="1" constant="false"/>{parameters}</listOfParameters>'
        f'<listOfRules><rateRule variable="x"><math {MATHML}>{expression}</math></rateRule>{rules}'
        "</listOfRules></model></sbml>"
    )


def applied(head: str, times: int, more: str = "") -> str:
    return f"<apply>{head}" * times + "<ci>x</ci>" + f"{more}</apply>" * times


def function(name: str, body: str) -> str:
    math = f"<math {MATHML}><lambda><bvar><ci>a</ci></bvar>{body}</lambda></math>"
    return f'<functionDefinition id="{name}">{math}</functionDefinition>'


def end_of(text: str, path: str = "batch") -> float:
    runs = engine.compile(text, observe=("x",), path=path).run([1.0], rtol=1e-9)
    assert runs.status.tolist() == [0]
    return float(runs.values[0, 0, 0])


@settings(max_examples=150, database=None)
@given(st.randoms(use_true_random=False))
def test_a_mutant_is_understood_or_refused(rng: random.Random) -> None:
    mutants.understood(mutants.mutant(rng))


def test_mutants_by_number_never_fall_and_many_of_them_run() -> None:
    if FULL:
        rows = list(mutants.outcomes(0, COUNT))
        assert not [row for row in rows if "fault" in row]
        words = [str(row["batch"]) for row in rows]
    else:
        words = [mutants.outcome(mutants.numbered(n))[0] for n in range(COUNT)]
    ends = collections.Counter(word.partition(":")[0] for word in words)
    assert sum(ends[status] for status in RAN) >= SHARE * COUNT, ends


def test_both_paths_agree_where_both_run() -> None:
    apart = [
        row
        for row in mutants.outcomes(0, COMPARED, "--both")
        if "fault" in row or row.get("apart", 0.0) > mutants.AGREEMENT
    ]
    assert apart == []


def test_depth_of_an_expression_does_not_matter() -> None:
    nest = applied("<plus/>", 2_000, "<cn>0.0005</cn>")
    deep = rated(f"<apply><minus/>{nest}<ci>x</ci></apply>")
    assert end_of(deep) == pytest.approx(2.0, rel=1e-9)


def test_depth_of_conditions_on_the_time_costs_no_more_than_its_length() -> None:
    time = f'<csymbol encoding="text" definitionURL="{mutants.SYMBOLS}time">t</csymbol>'
    nest = "<apply><lt/>" * 3_000 + time + "<ci>x</ci></apply>" * 3_000
    assert mutants.understood(rated(nest)) == "understood"


def test_length_of_a_chain_of_rules_does_not_matter() -> None:
    count = 2_000
    names = [f"r{n}" for n in range(count)]
    parameters = "".join(f'<parameter id="{n}" constant="false"/>' for n in names)
    rules = "".join(
        f'<assignmentRule variable="{n}"><math {MATHML}><apply><plus/><ci>{after}</ci>'
        "<cn>0</cn></apply></math></assignmentRule>"
        for n, after in zip(names, [*names[1:], "x"], strict=True)
    )
    chain = rated("<ci>r0</ci>", parameters=parameters, rules=rules)
    assert end_of(chain) == pytest.approx(2.718281828, rel=1e-7)
    with pytest.raises(InvalidInput, match="a rule needs its own result"):
        end_of(chain.replace("<plus/><ci>x</ci>", "<plus/><ci>r7</ci>"))


def test_functions_that_call_themselves_are_named() -> None:
    call = "<apply><ci>{}</ci><ci>a</ci></apply>"
    used = "<apply><ci>f</ci><ci>x</ci></apply>"
    with pytest.raises(InvalidInput, match="the function 'f' calls itself"):
        end_of(rated(used, function("f", call.format("f"))))
    ring = function("f", call.format("g")) + function("g", call.format("f"))
    with pytest.raises(InvalidInput, match="the function 'f' calls itself"):
        end_of(rated(used, ring))


@pytest.mark.parametrize("second", ["<ci>a</ci>", "<apply><sin/><ci>a</ci></apply>"])
def test_functions_that_double_at_every_call_come_to_an_end(second: str) -> None:
    call = "<apply><ci>f{0}</ci>{1}</apply>"
    body = f"<apply><plus/>{call.replace('{1}', '<ci>a</ci>')}{call}</apply>"
    functions = function("f0", "<apply><cos/><ci>a</ci></apply>")
    functions += "".join(function(f"f{n + 1}", body.format(n, second)) for n in range(25))
    text = rated("<apply><ci>f25</ci><ci>x</ci></apply>", functions)
    with contextlib.suppress(UnsupportedModel):  # in linear time, or not at all
        engine.compile(text, path="batch")


def test_code_without_end_is_not_made(monkeypatch) -> None:
    monkeypatch.setattr(machine, "LONGEST_TEXT", 5_000)
    with pytest.raises(UnsupportedModel, match="lines of code"):
        end_of(rated(applied("<cosh/>", 300)))


def test_code_that_is_made_quickly_computes_the_same_bits(monkeypatch) -> None:
    text = rated(applied("<sin/>", 40))
    quick = end_of(text)
    monkeypatch.setattr(machine, "LONGEST_CAREFUL", 15_000)
    assert end_of(text.replace("<model>", '<model id="careful">')) == quick


@pytest.mark.parametrize(
    ("rule", "end"),
    [
        ("<ln/><ci>x</ci>", np.nan),
        ("<root/><ci>x</ci>", np.nan),
        ("<power/><ci>x</ci><cn>0.3</cn>", np.nan),
        ("<power/><ci>x</ci><cn>17</cn>", 1.0),
    ],
)
def test_what_is_observed_outside_the_domain_of_a_root_is_no_number(rule: str, end: float) -> None:
    parameters = '<parameter id="r" constant="false"/>'
    rules = f'<assignmentRule variable="r"><math {MATHML}><apply>{rule}</apply></math>'
    text = rated("<cn>-2</cn>", parameters=parameters, rules=rules + "</assignmentRule>")
    values = engine.compile(text, observe=("r",), path="batch").run([0.0, 1.0]).values[0, :, 0]
    assert np.isfinite(values[0])
    assert values[1] == pytest.approx(-end, rel=1e-6, nan_ok=True)


def test_a_root_of_no_degree_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a root of degree 0"):
        end_of(rated("<apply><root/><degree><cn>0</cn></degree><cn>2</cn></apply>"))


def test_an_event_that_sets_nothing_changes_nothing() -> None:
    trigger = f"<trigger><math {MATHML}><apply><lt/><ci>x</ci><cn>0.5</cn></apply></math></trigger>"
    events = f"<listOfEvents><event>{trigger}</event></listOfEvents></model>"
    assert end_of(rated("<cn>-1</cn>").replace("</model>", events)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    "number",
    [
        *(
            "<cn>nan</cn>",
            "<cn>1e400</cn>",
            "<cn>1_000</cn>",
            "<cn>\u0663</cn>",
            "<cn>0x10</cn>",
            "<cn></cn>",
        ),
        '<cn type="integer">2.5</cn>',
        '<cn type="e-notation">1e300<sep/>400</cn>',
        '<cn type="e-notation">1<sep/>inf</cn>',
        '<cn type="e-notation">1<sep/>NaN</cn>',
        '<cn type="rational">1<sep/>0</cn>',
        '<cn type="complex-polar">1<sep/>2</cn>',
    ],
)
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(InvalidInput, match="is no number"):
        end_of(rated(number))
    with pytest.raises(InvalidInput, match="is no number"):
        end_of(rated("<cn>1</cn>").replace('value="1"', 'value="1_0"'))


LAW = f"<kineticLaw><math {MATHML}><cn>1</cn></math></kineticLaw>"
REACTION = '<listOfReactions><reaction id="J">{}</reaction></listOfReactions>'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id="x"', 'id="1x"', "'1x' is no id"),
        ('id="x"', 'id="infusion x"', "'infusion x' is no id"),
        ("<cn>1</cn>", "<ci>x<ci>x</ci></ci>", "<ci> holds a name and nothing else"),
        ("<cn>1</cn>", "<cn>1<cn>2</cn></cn>", "<cn> holds a number and nothing else"),
        ("<rateRule", '<species id="s"/><rateRule', "<species> does not belong here"),
        ("</model>", "<listOfRules/></model>", "2 <listOfRules>, where one may be"),
        (
            "</model>",
            REACTION.format(LAW + LAW) + "</model>",
            "reaction J: there are 2 <kineticLaw>",
        ),
        ("</rateRule>", f"<math {MATHML}/></rateRule>", "rateRule x: there are 2 <math>"),
        ('constant="false"', 'constant="true"', "'x' is constant and cannot be set"),
    ],
)
def test_what_contradicts_itself_is_refused(old: str, new: str, words: str) -> None:
    text = rated("<cn>1</cn>")
    assert old in text
    for path in ("batch", "general"):
        with pytest.raises(InvalidInput, match=words):
            end_of(text.replace(old, new), path)


@pytest.mark.parametrize("text", ["x" * 5000, "a\0b", "", "/"])
def test_a_text_that_is_neither_model_nor_path_is_not_found(text: str) -> None:
    with pytest.raises(NotFound, match="no such SBML file"):
        engine.compile(text)


def test_what_takes_libsbml_down_is_refused_and_the_next_model_runs() -> None:
    deep = rated(applied("<plus/>", 30_000, "<cn>0</cn>"))
    with pytest.raises(UnsupportedModel, match=r"crashed|cannot load"):
        engine.compile(deep, path="general")
    assert end_of(rated("<cn>1</cn>"), "general") == pytest.approx(2.0)
