"""Site files: joints, inheritance, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from exocast.engine.site import load_site, roots, site_names
from exocast.errors import InvalidInput, NotFound, UnknownName


def test_joints_are_written_out_in_names_and_values(library) -> None:
    site = load_site("water", [library({"tissue/water.yaml": ("[north]", "[north, south]")})])
    assert list(site.instances) == ["river", "north", "south"]
    assert site.observables["south_percent"].formula == "100*south_share_in"
    assert site.routes == {
        "bucket north": {"fish": "north_fish"},
        "bucket south": {"fish": "south_fish"},
    }


def test_a_route_of_a_single_joint_keeps_its_name(library) -> None:
    assert load_site("water", [library()]).routes == {"bucket": {"fish": "north_fish"}}


def test_a_site_that_extends_another_changes_only_what_it_names(library) -> None:
    folder = library()
    (folder / "tissue/ponds.yaml").write_text(
        "schema_version: 1\nname: ponds\ntitle: Ponds\nextends: water\njoints: [east, west]\n"
    )
    site = load_site("ponds", [folder])
    assert list(site.instances) == ["river", "east", "west"]
    assert site.title == "Ponds"
    assert "ponds" in site_names([folder])


def test_sites_that_extend_each_other_are_refused(library) -> None:
    folder = library({"tissue/water.yaml": ("name: water", "name: water\nextends: water")})
    with pytest.raises(InvalidInput, match="circle: water -> water"):
        load_site("water", [folder])


def test_an_unknown_field_is_refused_with_the_nearest(library) -> None:
    folder = library({"tissue/water.yaml": ("observables:", "observabels:")})
    with pytest.raises(InvalidInput, match=r"no such field\. Did you mean 'observables'"):
        load_site("water", [folder])


def test_a_value_that_names_a_joint_needs_a_name_that_does(library) -> None:
    folder = library({"tissue/water.yaml": ("[north]", "[north, south]")})
    file = folder / "tissue/water.yaml"
    text = file.read_text().replace('"{joint}_percent":', "pond_share:")
    file.write_text(text)
    with pytest.raises(InvalidInput, match="names a joint"):
        load_site("water", [folder])


def test_an_unknown_site_offers_the_nearest(library) -> None:
    with pytest.raises(UnknownName, match=r"'watr'.*Did you mean 'water'"):
        load_site("watr", [library()])
    with pytest.raises(NotFound, match="no such site file"):
        load_site("nowhere/water.yaml")
    with pytest.raises(NotFound, match="no such library folder"):
        load_site("water", ["/nowhere/at/all"])


def test_a_name_in_a_site_cannot_leave_its_library(library) -> None:
    folder = library({"tissue/water.yaml": ("fragment: body/pond", "fragment: body/../../pond")})
    from exocast import engine

    with pytest.raises(UnknownName, match="no fragment"):
        engine.assemble("water", libraries=[folder])


SIZED = """
schema_version: 1
name: shoal
title: Fish by size
sizes: [small, large]
instances:
  "river_{size}": {fragment: tissue/river, variant: "{size}"}
sums:
  all: {total: "river_{size}_fish + river_small_algae", unit: item}
observables:
  fish: {total: "river_{size}_fish", unit: item, text: all fish, better: none}
routes:
  bucket: {"{size}": "river_{size}_fish"}
negative: ["river_{size}_algae"]
fates: [fish]
"""


def test_sizes_are_written_out_and_summed(library) -> None:
    folder = library()
    (folder / "tissue/shoal.yaml").write_text(SIZED)
    site = load_site("shoal", [folder])
    assert list(site.instances) == ["river_small", "river_large"]
    assert site.instances["river_large"].variant == "large"
    assert site.sums["all"].formula == "river_small_fish + river_large_fish + river_small_algae"
    assert site.observables["fish"].formula == "river_small_fish + river_large_fish"
    assert site.routes == {"bucket": {"small": "river_small_fish", "large": "river_large_fish"}}
    assert site.negative == ("river_small_algae", "river_large_algae")
    assert site.fates == ("fish",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('{total: "river_{size}_fish", unit', '{formula: "river_{size}_fish", unit'),
            "as 'total'",
        ),
        (("unit: item, text", 'unit: item, formula: "1", text'), "not both"),
        (("[small, large]", "small"), "sizes is a list"),
    ],
)
def test_what_sizes_cannot_be_written_out_is_refused(library, change, message) -> None:
    folder = library()
    (folder / "tissue/shoal.yaml").write_text(SIZED.replace(*change))
    with pytest.raises(InvalidInput, match=message):
        load_site("shoal", [folder])


@pytest.mark.parametrize(("folder", "hint"), [("bodyy", "Did you mean 'body'"), ("", "has none")])
def test_a_library_without_a_folder_that_is_looked_in_is_refused(
    tmp_path: Path, folder: str, hint: str
) -> None:
    if folder:
        (tmp_path / folder).mkdir()
    with pytest.raises(NotFound, match=hint):
        roots([tmp_path])
