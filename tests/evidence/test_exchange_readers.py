"""What is read from files of studies: identifiers, titles, results, and what is left open."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import records

from exocast.errors import ExocastError, InvalidInput, NotFound
from exocast.evidence.exchange import Incoming, read_files, read_text
from exocast.evidence.exchange.text import plain
from exocast.evidence.exchange.timeframe import When, weeks


def studies(text: str, name: str = "file") -> list[Incoming]:
    return list(read_text(text, name).entries)


def lines(data: object) -> dict[tuple[str, str], dict[str, str]]:
    [entry] = studies(json.dumps(data))
    return {(r["intervention"], r["endpoint"]): dict(r) for r in entry.results}


def test_ris_is_read_with_accents_braces_and_lines_that_go_on() -> None:
    first, second = studies(records.RIS)
    assert first.study["title"] == 'Vesicles {of} cells & 5 % more: "a title" in two lines'
    assert first.study["doi"] == "10.5555/Invented.21"
    assert first.study["pmid"] == "99000021" and first.study["pmcid"] == "PMC99000021"
    assert first.study["nct"] == "NCT99999921" and first.study["year"] == "2021"
    assert first.study["study_id"] == "muller2021"
    assert not any(second.study[name] for name in ("doi", "pmid", "pmcid", "nct"))


def test_a_ris_record_without_its_end_is_kept_and_said_so() -> None:
    text = "TY  - JOUR\nTI  - One\nTY  - JOUR\nTI  - Two\nno tag at all\n"
    found = read_text(text, "x.ris")
    assert [e.study["title"] for e in found.entries] == ["One", "Two no tag at all"]
    said = {r.where: r.message for r in found.remarks}
    assert "before the last one ends" in said["x.ris, line 3"]
    assert "no end" in said["x.ris"]


def test_nbib_is_read_with_retraction_and_design() -> None:
    first, second = studies(records.NBIB)
    assert first.study["title"].endswith("a trial that nobody ran")
    assert first.study["doi"] == "10.5555/invented.31"
    assert first.study["design"] == f"{records.RANDOM} Controlled Trial"
    assert first.study["species"] == "human" and first.study["nct"] == "NCT99999931"
    assert "Retracted" in first.study["retraction"] and "2020" in first.study["retraction"]
    assert second.study["pmid"] == "99000032"


def test_bibtex_is_read_with_accents_macros_and_escapes() -> None:
    [entry] = studies(records.BIBTEX)
    assert entry.study["title"] == "Vesicles {of} cells & 5 % more"
    assert entry.study["journal"] == "Journal of Inventions"
    assert entry.study["doi"] == "10.5555/under_score.21" and entry.study["pmid"] == "99000041"
    assert entry.study["reference"].startswith("Müller, Änne")


def test_europe_pmc_is_read_in_both_forms() -> None:
    core, lite = studies(json.dumps(records.europepmc_page()))
    assert core.study["title"] == "Invented in vivo vesicles & cartilage"
    assert core.study["nct"] == "NCT99999911" and core.study["study_id"] == "nunez2022"
    assert core.study["retraction"] == "Erratum in: J Invent. 2023"
    assert core.study["funding"] == "Fund of Nowhere G-1"
    assert lite.study["journal"] == "Invented Letters" and lite.study["design"] == "review"


def test_a_number_in_a_reviews_abstract_is_not_its_own() -> None:
    page = records.europepmc_page()
    page["resultList"]["result"][0]["pubTypeList"]["pubType"] = ["Systematic Review"]
    assert studies(json.dumps(page))[0].study["nct"] == ""


def test_a_registry_record_says_who_paid_and_how_it_was_done() -> None:
    [entry] = studies(json.dumps(records.registry_study()))
    study = entry.study
    assert study["title"] == "Invented Vesicles & Saline in Knees: p < 0.05 and x > 3"
    assert study["design"] == "randomised, parallel, triple masked, phase 2"
    assert study["funding"].startswith("sponsor Invented Biologics (industry); collaborator")
    assert study["country"] == "Chile; Spain" and study["n"] == "41"
    # Papers of background, and those found by the number alone, are other studies.
    assert study["pmid"] == "99000001"
    assert study["registration"] == "NCT99999901 2019-000001-11"
    assert "slow enrolment" in study["reference"]


def test_each_statistic_has_its_tag_and_place() -> None:
    found = lines(records.registry_study())
    pain = found["Vesicles", "Pain on a VAS"]
    assert (pain["statistic"], pain["value"], pain["sd"]) == ("mean_sd", "30.5", "12.1")
    assert (pain["n"], pain["week"], pain["scale_low"], pain["scale_high"]) == (
        *("20", "12"),
        *("0", "100"),
    )
    change = found["Saline", "Change from Baseline in WOMAC pain"]
    assert (change["statistic"], change["change"], change["value"]) == ("change_lsmean", "-4", "")
    assert (change["low"], change["high"], change["interval"]) == ("-7.5", "-0.5", "ci95")
    assert change["week"] == "26" and "its title says 'Change'" in change["note"]
    median = found["Vesicles", "Stiffness"]
    assert (median["statistic"], median["interval"]) == ("median_iqr", "quartiles")
    assert median["week"] == median["week_high"] == ""
    assert found["Vesicles", "Responders"]["statistic"] == "count"
    assert found["Vesicles", "Responders"]["week_high"] == "52"
    assert found["Vesicles", "Share of responders"]["statistic"] == "proportion"
    missing = found["Saline", "Responders"]
    assert missing["value"] == "" and "not collected" in missing["note"]
    contrast = found["Vesicles against Saline", "Change from Baseline in WOMAC pain"]
    assert (contrast["statistic"], contrast["value"]) == ("effect_md", "-1.5")


def test_a_statistic_without_a_tag_weighs_nothing_and_keeps_its_words() -> None:
    marker = lines(records.registry_study())["Vesicles", "Serum marker"]
    assert marker["statistic"] == "qualitative" and marker["value"] == ""
    assert "geometric mean: 30.5" in marker["note"]


def test_harms_are_people_affected_of_people_at_risk() -> None:
    found = lines(records.registry_study())
    serious = found["Saline", "serious adverse events"]
    assert (serious["value"], serious["n"], serious["week_high"]) == ("0", "21", "52")
    infection = found["Vesicles", "serious adverse event: Joint infection"]
    assert (infection["value"], infection["n"], infection["statistic"]) == ("1", "20", "count")
    assert found["Vesicles", "adverse event: Swelling"]["value"] == "6"


def one_measure(**more: object) -> dict[str, str]:
    study = records.registry_study()
    module = study["resultsSection"]["outcomeMeasuresModule"]
    module["outcomeMeasures"] = [module["outcomeMeasures"][0] | more]
    return next(
        line
        for (arm, name), line in lines(study).items()
        if arm == "Vesicles" and "event" not in name
    )


def test_a_standard_error_is_not_taken_for_a_deviation() -> None:
    line = one_measure(dispersionType="Standard Error")
    assert (line["se"], line["sd"], line["statistic"]) == ("12.1", "", "mean")
    changed = one_measure(dispersionType="STANDARD_ERROR", title="Mean change in pain")
    assert (changed["se"], changed["change"]) == ("12.1", "30.5")
    assert changed["statistic"] == "change_mean"


def test_an_interval_of_another_level_stays_in_words() -> None:
    classes = [
        {
            "categories": [
                {
                    "measurements": [
                        {
                            "groupId": "OG000",
                            "value": "3",
                            "lowerLimit": "1",
                            "upperLimit": "5",
                        }
                    ]
                }
            ]
        }
    ]
    line = one_measure(dispersionType="CONFIDENCE_90", classes=classes)
    assert line["low"] == line["high"] == line["interval"] == ""
    assert "confidence 90 1 to 5" in line["note"]


def test_a_class_named_baseline_is_a_value_at_its_start() -> None:
    study = records.registry_study()
    measure = study["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"][1]
    measure["classes"] = [
        {"title": "Baseline", **measure["classes"][0]},
        {"title": "Change at Week 12", **measure["classes"][0]},
    ]
    found = lines(study)
    start = found["Saline", "Change from Baseline in WOMAC pain, Baseline"]
    later = found["Saline", "Change from Baseline in WOMAC pain, Change at Week 12"]
    assert (start["week"], start["value"], start["change"]) == ("0", "-4", "")
    assert (later["week"], later["value"], later["change"]) == ("12", "", "-4")


def test_two_pairs_of_ends_are_no_scale() -> None:
    line = one_measure(description="A score from 0 to 20 was turned into a scale of 0 to 100.")
    assert line["scale_low"] == line["scale_high"] == ""


def test_a_protocol_alone_is_a_study_without_results() -> None:
    [entry] = studies('{"protocolSection": {"identificationModule": {"nctId": "nct99999902"}}}')
    assert entry.study["nct"] == "NCT99999902" and entry.results == () and entry.remarks == ()
    two = studies(json.dumps({"studies": [records.registry_study()] * 2}))
    assert len(two) == 2


@pytest.mark.parametrize(
    ("text", "change", "week"),
    [
        ("Week 12", False, When(week="12")),
        ("6 months", False, When(week="26")),
        ("one year", False, When(week="52")),
        ("12 months (52 weeks)", False, When(week="52")),
        ("Day 28", False, When(week="4")),
        ("Baseline", False, When(week="0")),
        ("Baseline and 24 weeks", True, When(week="24")),
        ("from baseline to week 12", True, When(week="12")),
        ("up to 52 weeks", False, When(week_high="52")),
        # Which visit, or since when, is not said.
        ("Baseline and 24 weeks", False, When()),
        ("3, 6 and 12 months", False, When()),
        ("Weeks 4, 8, 12", True, When()),
        ("Day 1", False, When()),
        ("30 days after the last dose", False, When()),
        ("every 6 weeks until progression", False, When()),
        ("through study completion, an average of 1 year", False, When()),
        ("no time at all", False, When()),
    ],
)
def test_a_week_is_read_only_where_the_words_leave_no_doubt(
    text: str, change: bool, week: When
) -> None:
    assert weeks(text, change=change) == week


def test_the_codebooks_tables_are_read_by_the_rules_of_the_register(reference: Path) -> None:
    """The import and the script that writes the package's tables share one implementation."""
    found = read_files(
        [reference / "literature" / name for name in ("evidence.csv", "studies.csv")]
    )
    with (Path(records.__file__).parents[2] / "src/exocast/evidence/register/results.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        package = [row for row in csv.DictReader(file) if row["study_id"] == "dorio2021"]
    [dorio] = [e for e in found.entries if e.study["study_id"] == "dorio2021"]
    assert [dict(r) for r in dorio.results] == package
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xef\xbb\xbfTY  - JOUR\nTI  - M\xc3\xbcller\nER  - \n", ""),
        ("TY  - JOUR\nTI  - Müller\nER  - \n".encode("utf-16"), "UTF-16"),
        ("TY  - JOUR\nTI  - Müller\nER  - \n".encode("utf-16-le"), "UTF-16"),
        ("TY  - JOUR\nTI  - Müller\nER  - \n".encode("latin-1"), "Latin-1"),
    ],
)
def test_other_encodings_are_read_and_named(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "x.ris"
    path.write_bytes(data)
    found = read_files([path])
    assert found.entries[0].study["title"] == "Müller"
    assert any(said in r.message for r in found.remarks) if said else not found.remarks


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("&lt;i&gt;In vivo&lt;/i&gt; &amp;amp; more", "In vivo & more"),
        ("p < 0.05 and x > 3", "p < 0.05 and x > 3"),
        ('<mml:math xmlns="x">H<sub>2</sub>O</mml:math>', "H2O"),
        ("a\x00b\x07c\u200b\ud800d\n e", "a b cd e"),
        ("&#0;&#x110000;&bogus;", "\ufffd\ufffd&bogus;"),
        ("<script>alert(1)</script>", "alert(1)"),
    ],
)
def test_entities_tags_and_control_characters_are_no_text(text: str, read: str) -> None:
    assert plain(text) == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("just words", "begins 'just words'"),
        ('{"a": 1}', "neither a protocolSection nor a list"),
        ('{"resultList": 3}', "no resultList.result"),
        ('{"protocolSection": {"a"', "this is no JSON"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"protocolSection": ' + "9" * 5000 + "}", "a number in it"),
        ("study_id,title\na,b\n", "it lacks doi"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read_text(text, "x")
    assert str(caught.value.where).startswith("x")


def test_a_file_that_is_not_there_offers_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "mine.ris").write_text("TY  - JOUR\n")
    with pytest.raises(NotFound, match=r"Did you mean 'mine\.ris'"):
        read_files([tmp_path / "mine.rs"])
    with pytest.raises(InvalidInput, match="neither"):
        read_files([tmp_path])


def test_a_key_that_stands_twice_and_a_wrong_type_are_named() -> None:
    text = (
        '{"protocolSection": {"identificationModule": {"nctId": "NCT99999903", '
        '"nctId": "NCT99999904", "officialTitle": ["a"]}, "designModule": 4}}'
    )
    found = read_text(text, "x.json")
    [entry] = found.entries
    assert entry.study["nct"] == "NCT99999904"
    assert any("'nctId' stands twice" in r.message for r in found.remarks)
    places = {r.where for r in entry.remarks}
    assert "x.json.protocolSection.designModule" in places
    assert "x.json.protocolSection.identificationModule.officialTitle" in places


def test_cells_that_are_no_numbers_are_emptied_and_named(tmp_path: Path) -> None:
    from exocast.evidence.exchange.incoming import RESULT

    row = dict.fromkeys(RESULT, "") | {"study_id": "a", "statistic": "mean_sdd", "value": "nan"}
    with (tmp_path / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, RESULT)
        writer.writeheader()
        writer.writerow(row)
    found = read_files([tmp_path / "results.csv"])
    [line] = found.entries[0].results
    assert (line["value"], line["statistic"]) == ("", "qualitative")
    assert {"value", "mean_sdd"} <= {
        w.strip("':") for r in found.remarks for w in r.message.split()
    }


def test_a_gigantic_field_is_cut(tmp_path: Path) -> None:
    [entry] = studies("TY  - JOUR\nTI  - " + "x" * 3_000_000 + "\nER  - \n")
    assert len(entry.study["title"]) == 4000 and entry.study["title"].endswith("…")
    with pytest.raises(ExocastError):
        read_text("study_id,title\n" + "x" * 300_000, "x")
