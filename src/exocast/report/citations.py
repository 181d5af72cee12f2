"""What a result rests on: its sources with the rows they carry, then their references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from exocast.errors import UnknownName, nearest
from exocast.evidence.exchange import Reference, bibtex, of_source, ris
from exocast.evidence.sources import Source, sources
from exocast.study.result import Result

FORMATS = ("text", "bibtex", "ris")
# Words of the column "source" that are no source, and what each says.
APART = {
    "assumption": "Assumptions",
    "definition": "True by definition, or set by the program",
    "measured": "Measured in the vial",
}


def citations(result: Result) -> dict[str, Any]:
    """Sources of a result, as the schema ``cite`` says.

    Parameters
    ----------
    result
        A result of ``exocast forecast``; its written rows and the trials in its manifest count.

    Returns
    -------
    Sources with the rows they carry by grade, those with most rows first, then sources of trials
    alone. Assumptions, definitions and measurements of the vial are counted apart.
    """
    table = result.rows
    grades: dict[str, Counter[str]] = {}
    for source, grade in zip(table["source"], table["grade"], strict=True):
        grades.setdefault(str(source), Counter())[str(grade)] += 1
    trials = Counter(
        str(trial["source"]) for trial in result.manifest.get("trials", ()) if trial.get("source")
    )
    known = sources()
    keys = sorted({*grades, *trials} - APART.keys(), key=lambda key: (-_rows(grades.get(key)), key))
    return {
        "directory": str(result.directory),
        "title": str(result.manifest.get("title", "")),
        "rows": len(table),
        "sources": [
            _source(key, grades.get(key, Counter()), trials[key], known.get(key)) for key in keys
        ],
        "apart": {word: _rows(grades.get(word)) for word in APART},
    }


def _rows(counted: Counter[str] | None) -> int:
    return sum(counted.values()) if counted else 0


def _source(key: str, grades: Counter[str], trials: int, found: Source | None) -> dict[str, Any]:
    shown = found or Source(key=key, title="")
    return {
        "key": key,
        "rows": _rows(grades),
        "grades": dict(sorted(grades.items())),
        "trials": trials,
        "known": found is not None,
        "title": shown.title,
        "journal": shown.journal,
        "year": shown.year,
        "doi": shown.doi,
        "url": shown.url,
        "note": shown.note,
    }


def cite_text(made: Mapping[str, Any], form: str = "text") -> str:
    """Citations for people (``text``) or for a reference manager (``bibtex``, ``ris``).

    Raises
    ------
    UnknownName
        For another format.
    """
    if form not in FORMATS:
        raise UnknownName(f"'{form}' is no format." + nearest(form, FORMATS), where="--format")
    if form == "text":
        return _text(made)
    wanted = [_reference(one) for one in made["sources"] if one["known"]]
    return (bibtex if form == "bibtex" else ris)(wanted)


def _reference(one: Mapping[str, Any]) -> Reference:
    return of_source(_as_source(one))


def _as_source(one: Mapping[str, Any]) -> Source:
    names = ("key", "title", "journal", "year", "doi", "url", "note")
    return Source(**{name: one[name] for name in names})


def _text(made: Mapping[str, Any]) -> str:
    carrying = [one for one in made["sources"] if one["rows"]]
    rows = sum(one["rows"] for one in carrying)
    name = made["title"] or made["directory"]
    lines = [
        f"{name}: {made['rows']} rows, {rows} of them from {len(carrying)} sources.",
        *(f"{said}: {made['apart'][word]}." for word, said in APART.items() if made["apart"][word]),
        "",
        f"{'rows':>4}  {'grades':22} {'trials':>6}  source",
    ]
    lines += [
        f"{one['rows']:4}  {_grades(one['grades']):22} {one['trials'] or '':>6}  {one['key']}"
        for one in made["sources"]
    ]
    lines += ["", "References", ""]
    for one in made["sources"]:
        said = _as_source(one).text if one["known"] else "no entry in sources.bib."
        lines.append(f"[{one['key']}] {said}")
    return "\n".join(lines) + "\n"


def _grades(grades: Mapping[str, int]) -> str:
    return ", ".join(f"{letter} {count}" for letter, count in grades.items())
