"""What can be in a vial: each product is one text file, ``products/<name>.yaml``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from exocast.documents import parse, read_mapping
from exocast.errors import InvalidInput, UnknownName, nearest

FOLDER = Path(__file__).parent / "products"


class Product(BaseModel):
    """A product as its file describes it.

    ``cargo`` says in which row of a table each fact about the contents stands; the file itself
    holds no numbers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_version: Literal[1]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="same as the file's name")
    title: str = Field(min_length=1, max_length=120)
    kind: str = Field(
        alias="class",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="class of product, by which trials of the same kind are found",
        examples=["msc_ev_natural"],
    )
    contents: Literal["vesicles", "cells", "none"] = "vesicles"
    cargo: dict[str, str] = Field(default_factory=dict, description="row key of each fact")
    text: str = Field(min_length=1, max_length=2000, description="a line or two of plain words")


def products(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Files of all products by name: those of the package, then those of the folders given.

    A folder's product of the same name takes the place of the package's.
    """
    found: dict[str, Path] = {}
    for folder in (FOLDER, *folders):
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            found[path.stem] = path
    return found


def load_product(name: str, folders: Sequence[Path] = ()) -> Product:
    """A product by its name.

    Parameters
    ----------
    name
        Such as ``msc_ev``.
    folders
        More folders with product files, as a user may have.

    Raises
    ------
    UnknownName
        When there is no such product; the nearest names are offered.
    InvalidInput
        When its file cannot be used.
    """
    known = products(folders)
    if name not in known:
        raise UnknownName(
            f"There is no product '{name}'." + nearest(name, known), where="vial.product"
        )
    return _read(known[name])


def _read(path: Path) -> Product:
    product = parse(Product, read_mapping(path), where=str(path))
    if product.name != path.stem:
        raise InvalidInput(
            f"the product calls itself '{product.name}' and its file '{path.stem}'; "
            "give both one name.",
            where=str(path),
        )
    return product
