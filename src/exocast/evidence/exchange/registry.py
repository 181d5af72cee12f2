"""Studies of ClinicalTrials.gov, as the JSON of version 2 of its interface.

One study, a list of them, or a page ``{"studies": [...]}``; any module may be missing. Results are
in ``outcomes`` and harms in ``harms``, beside this module.
"""

from __future__ import annotations

from typing import Any

from exocast.errors import InvalidInput
from exocast.evidence.exchange.harms import harm_lines
from exocast.evidence.exchange.incoming import Incoming, Parsed, Remark, few, study_cells
from exocast.evidence.exchange.jsons import Block
from exocast.evidence.exchange.outcomes import outcome_lines
from exocast.evidence.exchange.text import NCT, PMID, REGISTRATION, each, year

# Words of the registry as the register writes them.
DESIGN = {
    "RANDOMISED": "randomised",
    "NON_RANDOMISED": "not randomised",
    "SINGLE_GROUP": "single group",
    "FACTORIAL": "factorial",
    "PARALLEL": "parallel",
    "CROSSOVER": "crossover",
    "SEQUENTIAL": "sequential",
    "NONE": "open",
    "SINGLE": "single masked",
    "DOUBLE": "double masked",
    "TRIPLE": "triple masked",
    "QUADRUPLE": "quadruple masked",
    "EARLY_PHASE1": "early phase 1",
    "PHASE1": "phase 1",
    "PHASE2": "phase 2",
    "PHASE3": "phase 3",
    "PHASE4": "phase 4",
    "OBSERVATIONAL": "observational",
    "EXPANDED_ACCESS": "expanded access",
    "COHORT": "cohort",
    "CASE_CONTROL": "case-control",
    "CASE_ONLY": "case only",
}
UNSAID = {"NA", "INTERVENTIONAL", "OTHER", ""}


def read_registry(data: Any, where: str) -> Parsed:
    """Studies of ClinicalTrials.gov.

    Parameters
    ----------
    data
        The JSON, loaded.
    where
        Name of its file, for messages.

    Returns
    -------
    A study for each record with a registry number, its results line by line.

    Raises
    ------
    InvalidInput
        When nothing in it looks like a study.
    """
    remarks: list[Remark] = []
    if isinstance(data, dict) and "protocolSection" in data:
        found = [Block(data=data, place=where)]
    else:
        page = {"studies": data} if isinstance(data, list) else data
        if not isinstance(page, dict) or not isinstance(page.get("studies"), list):
            raise InvalidInput(
                "there is neither a protocolSection nor a list of studies in it, so this is no "
                "record of ClinicalTrials.gov (version 2).",
                code="JSON",
                where=where,
            )
        found = [
            Block(data=one.data, place=one.place)
            for one in Block(data=page, place=where, remarks=remarks).blocks("studies")
        ]
    entries = []
    for one in found:
        entry = _entry(one)
        if entry is None:
            remarks.append(Remark(message="a study without a number NCT...", where=one.place))
        else:
            entries.append(entry)
    return Parsed(entries=tuple(entries), remarks=few(remarks, where))


def _entry(whole: Block) -> Incoming | None:
    protocol = whole.block("protocolSection")
    identity = protocol.block("identificationModule")
    nct = each(NCT, identity.text("nctId")).split(" ")[0]
    if not nct:
        return None
    study = _study(nct, protocol, whole.block("resultsSection"))
    conditions = protocol.block("conditionsModule").texts("conditions")
    common = {
        "study_id": study["study_id"],
        "species": study["species"],
        "design": study["design"],
        "indication": "; ".join(conditions[:5]),
    }
    remarks = whole.remarks
    results = [
        *outcome_lines(whole.block("resultsSection", "outcomeMeasuresModule"), common, nct),
        *harm_lines(whole.block("resultsSection", "adverseEventsModule"), common, nct),
    ]
    return Incoming(
        kind="clinicaltrials.gov",
        where=f"{whole.place}, {nct}",
        study=study,
        results=tuple(results),
        remarks=few(remarks, whole.place),
    )


def _study(nct: str, protocol: Block, results: Block) -> dict[str, str]:
    identity = protocol.block("identificationModule")
    status = protocol.block("statusModule")
    design = protocol.block("designModule")
    info = design.block("designInfo")
    enrolment = design.block("enrollmentInfo")
    sponsors = protocol.block("sponsorCollaboratorsModule")
    secondary = " ".join(one.text("id", 100) for one in identity.blocks("secondaryIdInfos"))
    references = list(protocol.block("referencesModule").blocks("references"))
    posted = status.block("resultsFirstPostDateStruct").text("date") if results.data else ""
    words = [
        info.text("allocation").replace("IZED", "ISED"),
        info.text("interventionModel") or info.text("observationalModel"),
        info.block("maskingInfo").text("masking"),
        *design.texts("phases"),
        design.text("studyType"),
    ]
    count, estimated = enrolment.text("count", 20), enrolment.text("type") == "ESTIMATED"
    locations = protocol.block("contactsLocationsModule").blocks("locations")
    return study_cells(
        study_id=nct.lower(),
        title=identity.text("officialTitle") or identity.text("briefTitle"),
        # Only papers that report this study's own results; background and found ones are not it.
        pmid=" ".join(
            dict.fromkeys(
                pmid
                for one in references
                if one.text("type") == "RESULT" and PMID.fullmatch(pmid := one.text("pmid", 20))
            )
        ),
        nct=nct,
        registration=" ".join(dict.fromkeys([nct, *each(REGISTRATION, secondary).split()])),
        reference=_reference(nct, status),
        journal="registry",
        year=year(posted),
        design=", ".join(DESIGN.get(word, word.lower()) for word in words if word not in UNSAID),
        species="human",
        n=count if count.isdigit() else "",
        n_text=f"{count} {'planned' if estimated else 'enrolled'}" if count else "",
        country="; ".join(
            dict.fromkeys(country for one in locations if (country := one.text("country", 100)))
        ),
        funding=_funding(sponsors),
        retraction="; ".join(
            f"retracted paper: PMID {one.text('pmid', 20)}"
            for one in references
            if list(one.blocks("retractions"))
        ),
    )


def _reference(nct: str, status: Block) -> str:
    said = status.text("overallStatus").lower().replace("_", " ")
    why = status.text("whyStopped", 300)
    updated = status.block("lastUpdatePostDateStruct").text("date")
    parts = (nct, said + (f" ({why})" if why else ""), f"last update {updated}" if updated else "")
    return "; ".join(part for part in parts if part)


def _funding(sponsors: Block) -> str:
    named = [("sponsor", sponsors.block("leadSponsor"))]
    named += [("collaborator", one) for one in sponsors.blocks("collaborators")]
    return "; ".join(
        f"{role} {name}" + (f" ({kind.lower()})" if (kind := one.text("class", 40)) else "")
        for role, one in named
        if (name := one.text("name", 200))
    )
