"""Site files: joints, inheritance, and what is refused."""

from __future__ import annotations

import pytest

from exocast.engine.site import load_site, site_names
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
