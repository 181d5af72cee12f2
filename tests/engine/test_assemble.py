"""From fragments and tables to one model: complete, with units, or refused with all findings."""

from __future__ import annotations

import libsbml
import pytest

from exocast import engine
from exocast.engine.site import PACKAGE, load_site, site_names
from exocast.errors import NotFound, TableError, UnknownName
from exocast.evidence.rows import COLUMNS

HEADER = ",".join(COLUMNS)

# One of each site here, the others by scripts/unit_check.py and in the full run.
CASES = [
    pytest.param(
        site,
        condition,
        prior,
        marks=[]
        if (condition, prior) == (load_site(site).default_condition, "default")
        else pytest.mark.full,
    )
    for site in site_names()
    for condition in load_site(site).conditions
    for prior in ("default", "literature")
    if prior == "default" or condition == load_site(site).default_condition
]


def parse(sbml: str):
    document = libsbml.readSBMLFromString(sbml)
    return document, document.getModel()


@pytest.mark.parametrize(("site", "condition", "prior"), CASES)
@pytest.mark.full  # `make units` holds the same, in CI as well
def test_every_site_of_the_package_is_clean(site: str, condition: str, prior: str) -> None:
    model = engine.assemble(site, condition=condition, prior=prior)
    document, content = parse(model.sbml)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, True)
    assert document.checkConsistency() == 0, document.getErrorLog().toString()
    assert document.checkConsistencyWithStrictUnits() == 0, document.getErrorLog().toString()
    assert (document.getLevel(), document.getVersion()) == (3, 2)
    units = {p.getUnits() for p in content.getListOfParameters()}
    assert "" not in units
    assert len(units - {"dimensionless"}) >= 3  # real units, not everything dimensionless


@pytest.mark.full  # `make units` assembles the same sites with the same checks, in CI as well
def test_the_package_has_nothing_to_report_but_unused_rows() -> None:
    assert [f for f in engine.findings() if f.severity == "error"] == []


def test_values_units_and_origins_come_from_the_table(library) -> None:
    model = engine.assemble("water", libraries=[library()])
    _, content = parse(model.sbml)
    k = content.getParameter("north_k_leave")
    assert (k.getValue(), k.getUnits()) == (0.5, "per_day")
    assert content.getCompartment("river_bed").getSize() == 100
    assert content.getSpecies("north_fish").getInitialAmount() == 10
    assert content.getSpecies("river_fish").getInitialAmount() == 0
    assert content.getParameter("river_algae").getUnits() == "pg_per_ml"
    assert model.origins["north_k_leave"] == "pond.k_leave"
    assert "river_algae" not in model.origins  # it starts from an expression
    assert [row.key for row in model.rows if row.id.startswith("k_leave")] == [
        "pond.k_leave",
        "pond.k_leave.between",
    ]
    assert content.getTimeUnits() == "day"
    assert content.getExtentUnits() == content.getSubstanceUnits() == "item"


def test_units_of_what_is_computed_are_derived(library) -> None:
    model = engine.assemble("water", libraries=[library()])
    _, content = parse(model.sbml)
    assert content.getParameter("north_share").getUnits() == "dimensionless"
    assert content.getParameter("all_fish").getUnits() == "item"


def test_a_row_of_the_instance_kind_wins(library) -> None:
    change = ("fragment: body/pond,", "fragment: body/pond, variant: shy,")
    model = engine.assemble("water", libraries=[library({"tissue/water.yaml": change})])
    assert model.origins["north_k_leave"] == "pond.shy.k_leave"
    assert parse(model.sbml)[1].getParameter("north_k_leave").getValue() == 0.1


def test_a_condition_replaces_rows_and_keeps_their_keys(library) -> None:
    model = engine.assemble("water", condition="autumn", libraries=[library()])
    assert parse(model.sbml)[1].getParameter("north_k_leave").getValue() == 0.05
    rows = {row.key: row for row in model.rows}
    assert rows["pond.k_leave"].meaning == "fish leave in autumn"
    assert "pond.k_leave.between" in rows


def test_the_literature_prior_takes_the_place_of_its_row(library) -> None:
    model = engine.assemble("water", prior="literature", libraries=[library()])
    assert parse(model.sbml)[1].getParameter("north_k_leave").getValue() == 0.9


def test_a_user_library_wins_over_the_package(library) -> None:
    folder = library()
    equations = PACKAGE / "tissue/response.ant"
    lines = equations.with_suffix(".csv").read_text().splitlines()
    (folder / "tissue/response.csv").write_text(
        "\n".join(
            "onset_half_time,faster,0.125,day,,fixed,constant,toy,definition,,E,toy"
            if line.startswith("onset_half_time")
            else line
            for line in lines
        )
        + "\n"
    )
    (folder / "tissue/response.ant").write_text(equations.read_text())
    ours = engine.assemble("knee", libraries=[folder])
    value = parse(ours.sbml)[1].getParameter("knee_response_onset_half_time").getValue()
    assert value == 0.125


def test_a_structural_switch_stands_at_the_likelier_of_zero_and_one(library) -> None:
    change = (
        "half,fish for half a share,5,item,,fixed,constant",
        "half,a,0.4,item,,fixed,structure",
    )
    model = engine.assemble("water", libraries=[library({"body/pond.csv": change})])
    assert parse(model.sbml)[1].getParameter("north_half").getValue() == 0.0


def test_the_same_content_is_assembled_once(library) -> None:
    folder = library()
    first = engine.assemble("water", libraries=[folder])
    assert engine.assemble("water", libraries=[folder]) is first
    library({"body/pond.csv": ("0.5,1/day", "0.6,1/day")})
    assert engine.assemble("water", libraries=[folder]) is not first


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("body/pond.csv", ("0.5,1/day", "0.5,1/hour"), "expected|k_leave"),
        ("body/pond.csv", ("0.5,1/day", "0.5,item/day"), "expected|k_leave"),
        ("body/pond.csv", ("0.5,1/day", "0.5,1/dya"), "'1/dya' is not a known unit"),
        ("body/pond.csv", ("10,item", "10,pg/mL"), r"pond\.fish: pg/mL is not a number, a mass"),
        ("tissue/river.csv", ("100,mL", "100,pg"), r"row river\.bed: pg is not a volume"),
        (
            "body/pond.csv",
            ("half,fish for", "hlaf,fish for"),
            "'half' of pond.ant has no row.*'hlaf'",
        ),
        (
            "tissue/river.csv",
            ("\nalgae,", "\nseaweed,"),
            "the state 'algae' of river.ant has no row",
        ),
        (
            "body/pond.csv",
            ("\nhalf,", "\nshare,x,1,1,,fixed,constant,t,definition,,E,t\nhalf,"),
            "would be ignored, because 'share' is computed",
        ),
        ("body/pond.csv", ("k_leave.between", "k_leave"), "stands already in line"),
        ("tissue/water.yaml", ("river: river_fish", "rivr: river_fish"), "no port 'rivr'.*'river'"),
        ("tissue/water.yaml", (", bed: river_bed", ""), "port 'bed' is not bound"),
        (
            "tissue/water.yaml",
            ("river: river_fish", "river: river_fsh"),
            "Did you mean 'river_fish'",
        ),
        (
            "tissue/water.yaml",
            ('formula: "river_fish +', 'formula: "rivr_fish +'),
            "'rivr_fish' does not",
        ),
        (
            "tissue/water.yaml",
            ('formula: "river_fish +', 'formula: "river_fish + ('),
            "syntax error",
        ),
        ("tissue/water.yaml", ('north_fish", unit: item', 'north_fish", unit: pg'), "all_fish"),
        (
            "tissue/water.yaml",
            ('fish: "{joint}_fish"', 'fish: "{joint}_fsh"'),
            "routes.bucket.fish",
        ),
        ("tissue/water.yaml", ("all_fish:", "river_fish:"), "'river_fish' exists already"),
        ("body/pond.ant", ("substanceOnly species", "species"), "amounts are the states"),
        (
            "tissue/river.ant",
            ("algae = ", "fish = 7; algae = "),
            "the start 7 stands in the equations",
        ),
        (
            "tissue/river.ant",
            ("algae = 2*algae_start", "algae = 1"),
            "starts at 1 in the equations and at 0 in row river.algae; make the two the same",
        ),
        (
            "body/pond.ant",
            ("  leave: fish", "  fish = 7;\n  leave: fish"),
            "starts at 7 in the equations and at 10 in row pond.fish; make the two the same",
        ),
        ("body/pond.ant", ("leave: fish", "leave: fish fish"), "pond.ant"),
        ("body/pond.ant", ("model pond", "model lake"), "one model with the name of its file"),
    ],
)
def test_a_fault_is_refused_by_name(
    library, file: str, change: tuple[str, str], words: str
) -> None:
    folder = library({file: change})
    with pytest.raises(Exception, match=words) as raised:
        engine.assemble("water", libraries=[folder])
    assert raised.type.__module__ == "exocast.errors"


def test_names_that_meet_are_refused(library) -> None:
    change = ("  river: {", "  river_f: {fragment: tissue/river}\n  river: {")
    folder = library({"tissue/water.yaml": change})
    river = folder / "tissue/river.ant"
    river.write_text(river.read_text().replace("algae = ", "f_bed := growth; algae = "))
    with pytest.raises(TableError, match="'river_f_bed' would be both"):
        engine.assemble("water", libraries=[folder])


def test_all_findings_come_together(library) -> None:
    folder = library({"body/pond.csv": ("\nhalf,", "\nhlaf,")})
    river = folder / "tissue/river.csv"
    river.write_text(river.read_text().replace("growth,", "grwth,"))
    with pytest.raises(TableError) as raised:
        engine.assemble("water", libraries=[folder])
    assert "'half'" in str(raised.value)
    assert "'growth'" in str(raised.value)


def test_a_row_that_nothing_uses_is_a_finding_and_no_error(library) -> None:
    line = "\nspare,spare,1,1,,fixed,constant,toy,definition,,E,toy\nhalf,"
    folder = library({"body/pond.csv": ("\nhalf,", line)})
    engine.assemble("water", libraries=[folder])
    found = {f.message: f for f in engine.findings("water", libraries=[folder])}
    spare = found["nothing uses the row 'spare'"]
    assert (spare.severity, spare.code) == ("warning", "ROW_UNUSED")
    assert spare.where.endswith("pond.csv, line 8")


def test_unknown_names_offer_the_nearest(library) -> None:
    folder = library()
    with pytest.raises(UnknownName, match=r"no condition 'autum'.*'autumn'"):
        engine.assemble("water", condition="autum", libraries=[folder])
    with pytest.raises(UnknownName, match=r"There is no prior 'litterature'.*'literature'"):
        engine.assemble("water", prior="litterature", libraries=[folder])
    (folder / "body/pond.csv").unlink()
    with pytest.raises(NotFound, match=r"no table beside it; add pond\.csv"):
        engine.assemble("water", libraries=[folder])


def test_a_condition_that_replaces_nothing_is_refused(library) -> None:
    folder = library({"tissue/conditions/autumn.csv": ("pond.k_leave", "pond.k_leav")})
    with pytest.raises(TableError, match=r"'pond\.k_leav' replaces a row that does not exist"):
        engine.assemble("water", condition="autumn", libraries=[folder])


def test_species_and_overlays_take_the_place_of_rows(library) -> None:
    folder = library()
    for name, value in (("species/trout", "0.25"), ("waters/warm", "0.75")):
        file = folder / "body" / name
        file.parent.mkdir()
        file.with_suffix(".yaml").write_text(
            f"schema_version: 1\nname: {file.name}\ntitle: Toy\nnumbers: {file.name}.csv\n"
        )
        file.with_suffix(".csv").write_text(
            f"{HEADER}\npond.k_leave,fish leave,{value},1/day,0.1,log_sd,uncertain,toy,assumption,"
            ",E,toy\nmeadow.grass,of another site,1,1,,fixed,constant,toy,definition,,E,toy\n"
        )

    def leave(**choice: object) -> float:
        model = engine.assemble("water", libraries=[folder], **choice)  # type: ignore[arg-type]
        return next(row.value for row in model.rows if row.key == "pond.k_leave")

    assert leave() == leave(species="human") == 0.5
    assert leave(species="trout") == 0.25
    assert leave(species="trout", overlays=["waters/warm"]) == 0.75
    with pytest.raises(UnknownName, match=r"no species 'trut'.*Did you mean 'trout'"):
        leave(species="trut")
    with pytest.raises(UnknownName, match=r"no overlay 'waters/cold'.*waters/warm"):
        leave(overlays=["waters/cold"])


def test_a_port_that_no_equation_uses_may_stand(library) -> None:
    pond = library({"body/pond.ant": ("model pond(river, bed)", "model pond(river, bed, spare)")})
    site = (pond / "tissue/water.yaml").read_text(encoding="utf-8")
    bound = site.replace("bed: river_bed}", "bed: river_bed, spare: river_fish}")
    assert bound != site
    (pond / "tissue/water.yaml").write_text(bound, encoding="utf-8")
    assert engine.assemble("water", libraries=[pond]).sbml
