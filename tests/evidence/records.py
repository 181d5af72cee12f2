"""Invented records of studies in the formats that are read; no study of the world is meant."""

from __future__ import annotations

from typing import Any

TITLE = "Invented Vesicles &amp; <i>Saline</i> in Knees: p < 0.05 and x > 3"
RANDOM = "Randomi" + "zed"  # as registries spell it


def registry_study() -> dict[str, Any]:
    """A trial with results, as ClinicalTrials.gov's interface writes them. All of it invented."""
    groups = [{"id": "OG000", "title": "Vesicles"}, {"id": "OG001", "title": "Saline"}]
    denoms = [
        {
            "units": "Participants",
            "counts": [{"groupId": "OG000", "value": "20"}, {"groupId": "OG001", "value": "21"}],
        }
    ]

    def measure(title: str, parameter: str, dispersion: str, when: str, **more: Any) -> Any:
        first = more.pop("first", {"value": "30.5", "spread": "12.1"})
        second = more.pop("second", {"value": "41.0", "spread": "15.2"})
        classes = [
            {
                "categories": [
                    {
                        "measurements": [
                            {"groupId": "OG000", **first},
                            {"groupId": "OG001", **second},
                        ]
                    }
                ]
            }
        ]
        return {
            "type": "PRIMARY",
            "title": title,
            "paramType": parameter,
            "dispersionType": dispersion,
            "unitOfMeasure": "units on a scale",
            "timeFrame": when,
            "groups": groups,
            "denoms": denoms,
            "classes": classes,
            **more,
        }

    interval = {"value": "-4", "lowerLimit": "-7.5", "upperLimit": "-0.5"}
    measures = [
        measure(
            "Pain on a VAS",
            "MEAN",
            "STANDARD_DEVIATION",
            "Week 12",
            description="Scale from 0 (no pain) to 100 (worst).",
        ),
        measure(
            "Change from Baseline in WOMAC pain",
            "LEAST_SQUARES_MEAN",
            "95% Confidence Interval",
            "Baseline, 6 months",
            first=interval,
            second=interval,
            analyses=[
                {
                    "groupIds": ["OG000", "OG001"],
                    "paramType": "Mean Difference (Final Values)",
                    "paramValue": "-1.5",
                    "ciPctValue": "95",
                    "ciLowerLimit": "-3.5",
                    "ciUpperLimit": "0.5",
                    "pValue": "0.14",
                }
            ],
        ),
        measure(
            "Stiffness",
            "MEDIAN",
            "INTER_QUARTILE_RANGE",
            "3, 6 and 12 months",
            first={"value": "3", "lowerLimit": "1", "upperLimit": "5"},
            second={"value": "4", "lowerLimit": "2", "upperLimit": "6"},
        ),
        measure(
            "Responders",
            "COUNT_OF_PARTICIPANTS",
            "",
            "up to 52 weeks",
            unitOfMeasure="Participants",
            first={"value": "7"},
            second={"value": "NA", "comment": "not collected"},
        ),
        measure(
            "Share of responders",
            "NUMBER",
            "CONFIDENCE_95",
            "Week 26",
            unitOfMeasure="percentage of participants",
            first={"value": "35", "lowerLimit": "15", "upperLimit": "59"},
            second={"value": "30", "lowerLimit": "12", "upperLimit": "54"},
        ),
        measure(
            "Serum marker",
            "GEOMETRIC_MEAN",
            "GEOMETRIC_COEFFICIENT_OF_VARIATION",
            "Day 28",
            unitOfMeasure="ng/mL",
        ),
    ]
    events = {
        "frequencyThreshold": "5",
        "timeFrame": "From first dose to 12 months",
        "eventGroups": [
            {
                "id": "EG000",
                "title": "Vesicles",
                "seriousNumAffected": 1,
                "seriousNumAtRisk": 20,
                "otherNumAffected": 6,
                "otherNumAtRisk": 20,
            },
            {"id": "EG001", "title": "Saline", "seriousNumAffected": 0, "seriousNumAtRisk": 21},
        ],
        "seriousEvents": [
            {
                "term": "Joint infection",
                "organSystem": "Infections",
                "stats": [
                    {"groupId": "EG000", "numEvents": 1, "numAffected": 1, "numAtRisk": 20},
                    {"groupId": "EG001", "numAffected": 0, "numAtRisk": 21},
                ],
            }
        ],
        "otherEvents": [
            {"term": "Swelling", "stats": [{"groupId": "EG000", "numAffected": 6, "numAtRisk": 20}]}
        ],
    }
    return {
        "protocolSection": {
            "identificationModule": {
                "nctId": "NCT99999901",
                "briefTitle": "Invented trial",
                "officialTitle": TITLE,
                "secondaryIdInfos": [{"id": "2019-000001-11", "type": "EUDRACT_NUMBER"}],
            },
            "statusModule": {
                "overallStatus": "TERMINATED",
                "whyStopped": "slow enrolment",
                "resultsFirstPostDateStruct": {"date": "2021-05-04"},
                "lastUpdatePostDateStruct": {"date": "2022-01-02"},
            },
            "sponsorCollaboratorsModule": {
                "leadSponsor": {"name": "Invented Biologics", "class": "INDUSTRY"},
                "collaborators": [{"name": "University of Nowhere", "class": "OTHER"}],
            },
            "conditionsModule": {"conditions": ["Osteoarthritis, Knee"]},
            "designModule": {
                "studyType": "INTERVENTIONAL",
                "phases": ["PHASE2"],
                "designInfo": {
                    "allocation": RANDOM.upper(),
                    "interventionModel": "PARALLEL",
                    "maskingInfo": {"masking": "TRIPLE"},
                },
                "enrollmentInfo": {"count": 41, "type": "ACTUAL"},
            },
            "contactsLocationsModule": {
                "locations": [{"country": "Chile"}, {"country": "Chile"}, {"country": "Spain"}]
            },
            "referencesModule": {
                "references": [
                    {"pmid": "99000001", "type": "RESULT", "citation": "A paper."},
                    {"pmid": "99000002", "type": "BACKGROUND", "citation": "Another paper."},
                    {"pmid": "99000003", "type": "DERIVED", "citation": "Found by its number."},
                ]
            },
        },
        "resultsSection": {
            "outcomeMeasuresModule": {"outcomeMeasures": measures},
            "adverseEventsModule": events,
        },
        "hasResults": True,
    }


def europepmc_page() -> dict[str, Any]:
    """A page of a search, one full result and one short one. All of it invented."""
    return {
        "hitCount": 2,
        "resultList": {
            "result": [
                {
                    "id": "99000011",
                    "source": "MED",
                    "pmid": "99000011",
                    "pmcid": "PMC99000011",
                    "doi": "10.5555/invented.11",
                    "title": "Invented &lt;i&gt;in vivo&lt;/i&gt; vesicles &amp;amp; cartilage.",
                    "authorString": "Núñez A, Smith B, Doe C, Roe D.",
                    "journalInfo": {"journal": {"medlineAbbreviation": "J Invent"}},
                    "pubYear": "2022",
                    "abstractText": "Registered as NCT99999911.",
                    "pubTypeList": {"pubType": [f"{RANDOM} Controlled Trial", "Journal Article"]},
                    "meshHeadingList": {"meshHeading": [{"descriptorName": "Humans"}]},
                    "grantsList": {"grant": [{"grantId": "G-1", "agency": "Fund of Nowhere"}]},
                    "commentCorrectionList": {
                        "commentCorrection": [
                            {"type": "Erratum in", "reference": "J Invent. 2023"},
                            {"type": "Comment in", "reference": "J Invent. 2022"},
                        ]
                    },
                },
                {
                    "pmid": "99000012",
                    "title": "A short result.",
                    "authorString": "Lee K.",
                    "journalTitle": "Invented Letters",
                    "pubYear": "2020",
                    "pubType": "review; journal article",
                },
            ]
        },
    }


RIS = """\ufeffTY  - JOUR
AU  - Müller, Änne
AU  - Doe, J.
TI  - Vesicles {of} cells & 5 % more: "a title" in two
      lines
T2  - Journal of Inventions
PY  - 2021/03/01
DO  - https://doi.org/10.5555/Invented.21
UR  - https://pubmed.ncbi.nlm.nih.gov/99000021/
C2  - PMC99000021
N1  - Registered as NCT99999921
ER  -\x20

TY  - CONF
TI  - A talk without an identifier
AU  - Roe, R.
PY  - 2019
ER  -\x20
"""

NBIB = f"""
PMID- 99000031
OWN - NLM
DP  - 2018 Nov 3
TI  - Invented saline in an invented knee: a trial that
      nobody ran.
LID - 10.5555/invented.31 [doi]
AU  - Nobody N
TA  - J Invent
PMC - PMC99000031
PT  - Journal Article
PT  - {RANDOM} Controlled Trial
PT  - Retracted Publication
MH  - Humans
MH  - *Osteoarthritis, Knee/therapy
SI  - ClinicalTrials.gov/NCT99999931
GR  - G-2/Fund of Nowhere
RIN - J Invent. 2020;1:1

PMID- 99000032
TI  - Second.
DP  - 2017
"""

BIBTEX = r"""
@string{jinv = "Journal of Inventions"}
@comment{not an entry}
@article{mueller2021,
  author = {M{\"u}ller, {\"A}nne and Doe, J.},
  title = {{Vesicles \textbraceleft{}of\textbraceright{} cells \& 5\,\% more}},
  journal = jinv,
  year = 2021,
  doi = {10.5555/under\_score.21},
  pmid = {99000041},
}
"""
