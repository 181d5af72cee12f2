"""Any damage to a file of studies ends in records with remarks, or in one of our errors."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import records

from exocast.errors import ExocastError
from exocast.evidence.exchange import Parsed, compare, read_files, read_text
from exocast.evidence.register import STATISTICS, Register, Result, Study, typed

EMPTY = Register(studies={}, results=(), status=())
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1e308,
    10**300,
    "",
    "NA",
    "\x00\ud800",
    "nan",
    "x" * 9000,
    "&lt;&#0;&amp;",
    [],
    {},
    [[]],
    [None, 1, "a", {"a": []}],
    {"studies": [{}]},
    "NCT99999905",
    "10.5555/" + "(" * 500,
    "²",
)
PIECES = (
    *("\n", "\r", "TY  - ", "ER  - ", "TI  - x", "PMID- ", "@", "{", "}", '"', "\\", "@a{b,"),
    *("study_id,", "\x00", "\ufeff", "&#x0;", "<i>", "\u2028", "9" * 40, "=", "\\'{", "%", ","),
)
SECONDS = 60.0  # a hang, not slowness: what is quadratic takes many minutes


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a document."""
    yield path
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from places(value, (*path, key))


def mutated(data: Any, chance: random.Random) -> Any:
    """A document in which one to three places hold something else, or nothing."""
    made = copy.deepcopy(data)
    for _ in range(chance.choice([1, 1, 2, 3])):
        path = chance.choice(list(places(made)))
        if not path:
            made = chance.choice(VALUES)
            break
        inner = made
        for key in path[:-1]:
            inner = inner[key]
        what = chance.random()
        if what < 0.2:
            del inner[path[-1]]
        elif what < 0.3 and isinstance(inner, list):
            inner.append(copy.deepcopy(inner[path[-1]]))
        else:
            inner[path[-1]] = copy.deepcopy(chance.choice(VALUES))
        if not isinstance(made, dict | list) or not list(places(made))[1:]:
            break
    return made


def damaged(text: str, chance: random.Random) -> str:
    """A text with a few pieces lost, doubled, put in or put in place of others."""
    for _ in range(chance.randint(1, 4)):
        a = chance.randint(0, len(text))
        b = min(len(text), a + chance.choice([1, 2, 5, 40, 400]))
        piece = chance.choice(PIECES)
        text = chance.choice(
            [text[:a] + text[b:], text[:a] + piece + text[a:], text[:b] + text[a:],
             text[:a] + piece + text[b:], text[:a]]
        )  # fmt: skip
    return text


def judged(read: Callable[[], Parsed]) -> str:
    """How a reading ended: ``read`` or ``refused``; whatever was read fits the register."""
    start = time.perf_counter()
    try:
        found = read()
        for entry in found.entries:
            typed(Study, dict(entry.study), where="study")
            for line in entry.results:
                typed(Result, dict(line), where="line")
                assert line["statistic"] in STATISTICS
            for text in (*entry.study.values(), *(c for r in entry.results for c in r.values())):
                text.encode("utf-8")
                assert "\x00" not in text and "\n" not in text and len(text) <= 4000
        compare(found.entries, EMPTY)
        assert all(remark.where and remark.message for remark in found.remarks)
    except ExocastError:
        return "refused"
    finally:
        assert time.perf_counter() - start < SECONDS
    return "read"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("made", [records.registry_study, records.europepmc_page])
def test_any_value_at_any_place_of_a_json_record(made: Callable[[], Any], seed: int) -> None:
    chance = random.Random(seed)
    whole = made()
    ends = []
    for _ in range(75):
        text = json.dumps(mutated(whole, chance))
        ends.append(judged(lambda text=text: read_text(text, "x.json")))
    assert ends.count("read") > 50


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "text",
    [records.RIS, records.NBIB, records.BIBTEX, json.dumps(records.registry_study())],
    ids=["ris", "nbib", "bibtex", "json"],
)
def test_any_damage_to_a_text(text: str, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        worse = damaged(text, chance)
        judged(lambda worse=worse: read_text(worse, "x"))


@pytest.mark.parametrize("seed", range(2))
def test_any_damage_to_the_bytes_of_tables(tmp_path, seed: int) -> None:
    from exocast.evidence.register import FOLDER

    chance = random.Random(seed)
    for name in ("studies.csv", "results.csv"):
        whole = (FOLDER / name).read_bytes()[:6000].decode(errors="ignore")
        for number in range(20):
            path = tmp_path / f"{number}-{name}"
            path.write_bytes(
                damaged(whole, chance).encode("utf-16" if number % 7 == 0 else "utf-8")
            )
            judged(lambda path=path: read_files([path]))


@pytest.mark.parametrize(
    "text",
    [
        "@a{b,c={" * 100_000,
        "@" * 200_000,
        "@a{b,title={x}}\n" * 5_000,
        "@string{" * 50_000,
        "TY  - JOUR\n" * 10_000,
        "TY  - JOUR\nTI  - x\n" + " y\n" * 200_000 + "ER  - \n",
        "PMID- 1\n" * 10_000,
        "TY  - JOUR\nTI  - " + "<a b=" * 100_000 + "\nER  - \n",
        "TY  - JOUR\nDO  - 10.1234/" + "(" * 100_000 + ")" * 100_000 + "\nER  - \n",
        "TY  - JOUR\nN1  - " + "IRCT" * 100_000 + "\nER  - \n",
        '{"studies": [' + "{}," * 30_000 + "{}]}",
        "study_id" + "," * 100_000 + "\n",
    ],
    ids=lambda text: text[:12].replace("\n", " "),
)
def test_long_files_of_nonsense_end_soon(text: str) -> None:
    judged(lambda: read_text(text, "x"))
