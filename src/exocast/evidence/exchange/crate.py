"""A folder of tables described as an RO-Crate 1.1, so that others know what they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from exocast.evidence.exchange.incoming import RESULT, STUDY
from exocast.evidence.register import Study

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "https://w3id.org/ro/crate/1.1"
METADATA = "ro-crate-metadata.json"
LICENCE = "https://www.apache.org/licenses/LICENSE-2.0"
TABLES = {
    "studies.csv": ("Studies", "A line a study, with what leads to it and who paid.", STUDY),
    "results.csv": (
        "Results",
        "A line an arm, end point and visit, or a pooled effect, with its place in the source.",
        RESULT,
    ),
}


def crate(
    studies: Sequence[Study],
    sizes: Mapping[str, int],
    *,
    words: str,
    version: str,
    date: str,
    licence: str = LICENCE,
) -> str:
    """Text of ``ro-crate-metadata.json``.

    Parameters
    ----------
    studies
        Studies in the tables; each is an entity under its DOI or other address.
    sizes
        Bytes by the name of a table.
    words
        What was searched for; empty for all.
    version
        Of the program that wrote the tables.
    date
        The day, as ``2026-01-31``.
    licence
        Address of the licence.
    """
    entities = {_address(study): study for study in studies}
    chosen = f"the studies found by '{words}'" if words else "all studies"
    program = "#exocast"
    graph: list[dict[str, Any]] = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "conformsTo": {"@id": PROFILE},
            "about": {"@id": "./"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"Evidence register of Exocast: {chosen}",
            "description": f"Tables with {chosen} of the evidence register: what was given to "
            "people and animals, and what came of it, each value with its place in the source. "
            "An empty cell was not read.",
            "datePublished": date,
            "license": {"@id": licence},
            "hasPart": [{"@id": name} for name in sizes],
            "mentions": [{"@id": address} for address in entities],
        },
        {"@id": licence, "@type": "CreativeWork", "name": "Licence of the tables"},
        {
            "@id": program,
            "@type": "SoftwareApplication",
            "name": "Exocast",
            "softwareVersion": version,
            "description": "Holds the register and wrote these tables.",
        },
        {
            "@id": "#export",
            "@type": "CreateAction",
            "name": "exocast evidence export",
            "description": f"Export of {chosen}.",
            "endTime": date,
            "instrument": {"@id": program},
            "object": [{"@id": address} for address in entities],
            "result": [{"@id": name} for name in sizes],
        },
    ]
    for name, size in sizes.items():
        title, description, columns = TABLES[name]
        graph.append(
            {
                "@id": name,
                "@type": "File",
                "name": title,
                "description": f"{description} Columns: {', '.join(columns)}.",
                "encodingFormat": "text/csv",
                "contentSize": str(size),
            }
        )
    graph += [_entity(address, study) for address, study in entities.items()]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False) + "\n"


def _address(study: Study) -> str:
    """Where a study is found on the web; a name inside the crate when nothing leads to it."""
    if study.doi:
        return "https://doi.org/" + quote(study.doi.split()[0], safe="/:;.()-_")
    if study.pmid:
        return f"https://pubmed.ncbi.nlm.nih.gov/{study.pmid.split()[0]}/"
    if study.pmcid:
        return f"https://pmc.ncbi.nlm.nih.gov/articles/{study.pmcid.split()[0]}/"
    if study.nct:
        return f"https://clinicaltrials.gov/study/{study.nct.split()[0]}"
    return f"#{study.study_id}"


def _entity(address: str, study: Study) -> dict[str, Any]:
    known = {
        "datePublished": study.year,
        "isPartOf": study.journal,
        "funding": study.funding,
        "identifier": [
            *(f"doi:{one}" for one in study.doi.split()),
            *(f"PMID:{one}" for one in study.pmid.split()),
            *study.pmcid.split(),
            *study.registration.split(),
        ],
    }
    return {
        "@id": address,
        "@type": "ScholarlyArticle" if study.doi or study.pmid or study.pmcid else "CreativeWork",
        "name": study.title,
        "alternateName": study.study_id,
        **{name: value for name, value in known.items() if value},
    }
