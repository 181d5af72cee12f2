"""Products are found in folders; a user's folder adds to the package's."""

from __future__ import annotations

import pytest

from exocast.errors import InvalidInput, UnknownName
from exocast.evidence.rows import package_table
from exocast.vial import VialDescription, load_product, load_vial, products

ROOMS = {"cargo": "cell", "population": "vial"}
TEXT = """\
schema_version: 1
name: mine
title: Mine
class: msc_ev_natural
text: Vesicles of my own cells.
"""


def test_every_shipped_product_is_complete():
    for name in products():
        product = load_product(name)
        assert product.name == name
        assert product.text
        for key in product.cargo.values():
            stem, _, row = key.partition(".")
            assert row in package_table(ROOMS[stem], stem)


def test_saline_holds_nothing():
    assert load_product("saline").contents == "none"


def test_cells_are_no_vial_of_particles(tmp_path):
    with pytest.raises(InvalidInput, match="are cells"):
        load_vial(VialDescription(product="msc_cells"), tmp_path)


def test_folder_of_a_user_adds_a_product_without_python(tmp_path):
    (tmp_path / "mine.yaml").write_text(TEXT, encoding="utf-8")
    assert load_product("mine", [tmp_path]).kind == "msc_ev_natural"
    with pytest.raises(UnknownName, match="no product 'mine'"):
        load_product("mine")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT + "dose: 3\n", "dose"),
        (TEXT.replace("title: Mine\n", ""), "title"),
        (TEXT.replace("name: mine", "name: other"), "one name"),
        (TEXT.replace("schema_version: 1", "schema_version: 2"), "schema_version"),
        ("a: [", "YAML"),
        ("just text", "dictionary|mapping|model"),
    ],
)
def test_unusable_product_file_is_refused(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=words) as e:
        load_product("mine", [tmp_path])
    assert str(path) in e.value.where
