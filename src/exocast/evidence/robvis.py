"""Risk of bias in the CSV layout of robvis, read and written.

One line a study: ``Study``, a column a domain, ``Overall``, ``Weight``. Five domains are RoB 2,
seven are ROBINS-I, ten the generic layout, here SYRCLE's items. robvis looks at the first letter
of a judgement; symbols of its figures are read too. The layout is that of the data sets
in the package, by L. A. McGuinness, https://github.com/mcguinlu/robvis.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from exocast.errors import InvalidInput, TableError, nearest
from exocast.evidence.bias import OVERALL, TOOLS, Assessment, Judgement, gathered
from exocast.evidence.records import problem, refuse, table
from exocast.evidence.register import Doubt, Study, register

ENDS = ("Study", "Overall", "Weight")
WITHOUT_REASON = "brought in the layout of robvis, which holds no reasons"
SPELLINGS = {
    "rob2": {
        "low": ("low", "l", "+", "low risk"),
        "some concerns": ("some concerns", "some concern", "some", "s", "-", "–"),
        "high": ("high", "h", "x", "×", "high risk"),
        "no information": ("no information", "n", "?", "none", "na", ""),
    },
    "robins_i": {
        "low": ("low", "l", "+", "low risk"),
        "moderate": ("moderate", "m", "-", "–"),
        "serious": ("serious", "s", "x", "×"),
        "critical": ("critical", "c", "!"),
        "no information": ("no information", "n", "ni", "?", "none", "na", ""),
    },
    "syrcle": {
        "low": ("low", "l", "+", "yes", "y", "low risk"),
        "high": ("high", "h", "x", "×", "no", "high risk"),
        "unclear": (
            "unclear",
            "u",
            "?",
            "-",
            "–",
            "some concerns",
            "no information",
            "ni",
            "na",
            "",
        ),
    },
}


def text(chosen: Iterable[Assessment]) -> str:
    """Assessments of one tool in the layout of robvis, every weight 1.

    Raises
    ------
    InvalidInput
        When they are of several tools, or there is none.
    """
    some = list(chosen)
    tools = sorted({a.tool for a in some})
    if len(tools) != 1:
        names = ", ".join(TOOLS[t].name for t in tools) or "none"
        raise InvalidInput(
            f"a file of robvis holds one tool, and these are of {names}; name one: "
            f"{', '.join(TOOLS)}.",
            where="--tool",
        )
    domains = TOOLS[tools[0]].domains
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([ENDS[0], *domains, *ENDS[1:]])
    for a in some:
        cells = [a.domains[d].judgement for d in domains]
        writer.writerow([a.study_id, *(c.capitalize() for c in (*cells, a.overall.judgement)), 1])
    return out.getvalue()


def write(path: Path, chosen: Iterable[Assessment]) -> Path:
    """A file for robvis; gives its path; see :func:`text`."""
    path.write_text(text(chosen), encoding="utf-8")
    return path


def read(
    path: Path, *, tool: str = "", studies: Mapping[str, Study] | None = None
) -> list[Assessment]:
    """Assessments from a file in the layout of robvis.

    Parameters
    ----------
    tool
        A key of ``TOOLS``; when empty, the number of domains decides.
    studies
        Studies that may be named; those of the register when none are given.

    Raises
    ------
    TableError
        With every line and column that cannot be read.
    """
    known = register().studies if studies is None else studies
    header, records = table(path)
    tool = _tool(header, tool, path.name)
    columns = [*TOOLS[tool].domains, OVERALL]
    made: list[Judgement] = []
    problems: list[Doubt] = []
    seen: dict[str, int] = {}
    for line, cells in records:
        where = f"{path.name}, line {line}"
        study_id = cells[0]
        if study_id not in known:
            message = f"the register has no study '{study_id}'." + nearest(study_id, known)
            problems.append(problem(f"{where}, column Study", message))
            continue
        if study_id in seen:
            problems.append(problem(where, f"'{study_id}' stands already in line {seen[study_id]}"))
            continue
        seen[study_id] = line
        if len(cells) == len(columns) + 2:
            problems += _weight(cells[-1], where)
        given, wrong = _judged(tool, columns, cells[1:], where)
        problems += wrong
        if not wrong:
            made += [
                Judgement(
                    study_id=study_id,
                    tool=tool,
                    outcome="",
                    domain=domain,
                    judgement=judgement,
                    reason=WITHOUT_REASON,
                    basis="not stated",
                    judged_by="reader",
                )
                for domain, judgement in given.items()
            ]
    refuse(problems)
    return list(gathered(made, ours=False).values())


def _tool(header: list[str], tool: str, name: str) -> str:
    if tool and tool not in TOOLS:
        raise InvalidInput(f"'{tool}' is no tool." + nearest(tool, TOOLS), where="tool")
    plain = [cell.casefold() for cell in header]
    domains = len([c for c in plain[1:] if c not in ("overall", "weight", "weights")])
    tools = [key for key, t in TOOLS.items() if len(t.domains) == domains and tool in ("", key)]
    if not plain or plain[0] != "study" or not tools:
        wanted = ", ".join(f"{len(t.domains)} for {t.name}" for t in TOOLS.values())
        raise TableError(
            f"its columns are {', '.join(header) or 'none'}; wanted are Study, a column a domain "
            f"({wanted}), Overall and, if you like, Weight.",
            where=f"{name}, line 1",
        )
    ends = plain[1 + domains :]
    if ends not in (["overall", "weight"], ["overall", "weights"], ["overall"], ["weight"], []):
        raise TableError(
            "Overall and Weight stand behind the domains, in this order.", where=f"{name}, line 1"
        )
    if "overall" not in ends:
        raise TableError(
            "it lacks the column Overall; write the judgement over all domains there.",
            where=f"{name}, line 1",
        )
    return tools[0]


def _weight(cell: str, where: str) -> list[Doubt]:
    try:
        good = float(cell) >= 0
    except ValueError:
        good = False
    wrong = f"'{cell}' is no weight; a number of zero or more is wanted, 1 where none is known."
    return [] if good else [problem(f"{where}, column Weight", wrong)]


def _judged(
    tool: str, columns: list[str], cells: list[str], where: str
) -> tuple[dict[str, str], list[Doubt]]:
    words = {s: level for level, some in SPELLINGS[tool].items() for s in some}
    given, problems = {}, []
    for column, cell in zip(columns, cells, strict=False):
        spelt = " ".join(cell.casefold().split())
        if spelt in words:
            given[column] = words[spelt]
        else:
            problems.append(
                problem(
                    f"{where}, column {column}",
                    f"'{cell}' is no judgement of {TOOLS[tool].name}; one of "
                    f"{', '.join(TOOLS[tool].levels)} is wanted.",
                )
            )
    return given, problems
