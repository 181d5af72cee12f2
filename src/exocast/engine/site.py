"""A site: which fragments a place is made of, how they are joined, and what is observed there.

Site files are text (``tissue/knee.yaml``). ``{joint}`` in a name or value is written out for
every joint of the site, ``{size}`` for every size class of vesicles, and ``total`` for the sum of a
formula over the size classes; ``extends`` takes everything from another site and changes what is
named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from exocast.documents import parse, read_mapping
from exocast.errors import InvalidInput, NotFound, UnknownName, nearest

PACKAGE = Path(__file__).parent.parent
NAME = r"^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$"
JOINT = "{joint}"
SIZE = "{size}"
HUMAN = "human"
SPECIES = "body/species"
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Instance(_Block):
    """One use of a fragment: what it is bound to, and of which kind it is."""

    fragment: str = Field(description="path in a library, such as body/joint_vesicles")
    variant: str | None = Field(
        default=None, description="kind: a row 'kind.id' of the fragment's table wins over 'id'"
    )
    ports: dict[str, str] = Field(
        default_factory=dict, description="port of the fragment: id in the assembled model, or sum"
    )


class Sum(_Block):
    """A formula over the assembled model that ports may be bound to."""

    formula: str
    unit: str


class Observed(_Block):
    """A formula over the assembled model that is shown to people."""

    formula: str
    unit: str
    text: str = Field(description="a few plain words")
    better: Literal["lower", "higher", "none"] = "none"


class Alternative(_Block):
    """Structural alternatives: a switch parameter, 0 or 1, drawn once a world."""

    switch: str = Field(description="id of the switch parameter in the assembled model")
    text: str = Field(description="what 1 means, and what 0 means")


class Site(_Block):
    """Everything in a site file, with ``extends`` followed and joints written out."""

    schema_version: Literal[1]
    name: str = Field(pattern=NAME)
    title: str
    joints: tuple[str, ...] = ()
    sizes: tuple[str, ...] = Field(default=(), description="size classes of vesicles")
    conditions: tuple[str, ...] = ()
    default_condition: str | None = None
    instances: dict[str, Instance]
    sums: dict[str, Sum] = Field(default_factory=dict)
    observables: dict[str, Observed]
    routes: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="route: size class or part: species that is dosed"
    )
    alternatives: dict[str, Alternative] = Field(default_factory=dict)
    negative: tuple[str, ...] = Field(default=(), description="states that may be negative")
    fates: tuple[str, ...] = Field(
        default=(), description="observables that add up to the given vesicles at all times"
    )
    readings: tuple[str, ...] = Field(
        default=(), description="observables that an exposure shows beside the fates"
    )
    behind: tuple[str, ...] = Field(
        default=(),
        description="observables of the body behind the place: pages show them after its own",
    )
    colours: dict[str, Colour] = Field(
        default_factory=dict,
        description="observable: its colour in pictures, as #1f77b4; others get one by themselves",
    )
    route_words: dict[str, str] = Field(
        default_factory=dict, description="route: how a sentence says it, such as 'into a joint'"
    )
    meant_for: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="route: observables that a dose by it is meant to reach; drawn even where next "
        "to nothing arrives",
    )


class Condition(_Block):
    """A disease, or health: a table of rows ``fragment.id`` that replace the fragments' own."""

    schema_version: Literal[1]
    name: str = Field(pattern=NAME)
    title: str
    healthy: bool = Field(
        default=False, description="whether patients with signs of disease do not fit it"
    )
    numbers: str | None = Field(default=None, description="file name of the table, or null")


class Overlay(_Block):
    """A species, or a label: a table of rows ``fragment.id`` that replace the fragments' own."""

    schema_version: Literal[1]
    name: str = Field(pattern=NAME)
    title: str
    numbers: str | None = Field(default=None, description="file name of the table, or null")


def roots(libraries: Sequence[str | Path] = ()) -> tuple[Path, ...]:
    """Folders that are searched, in order: the user's first, the package's last.

    Raises
    ------
    NotFound
        When a library is no folder, or has none of the folders that are looked in.
    """
    folders = tuple(Path(folder).expanduser().resolve() for folder in libraries)
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    for folder in folders:
        if not folder.is_dir():
            raise NotFound("There is no such library folder.", where=str(folder))
        own = sorted(path.name for path in folder.iterdir() if path.is_dir())
        if not rooms & set(own):
            hint = next((nearest(name, rooms) for name in own if nearest(name, rooms)), "")
            raise NotFound(
                "This library has no folder that is looked in (body, cell, tissue, study ...); it "
                f"has {', '.join(own) or 'none'}." + hint,
                where=str(folder),
            )
    return (*folders, PACKAGE)


def site_names(libraries: Sequence[str | Path] = ()) -> tuple[str, ...]:
    """Names of the sites found in the libraries and the package, sorted."""
    return _names("tissue", libraries)


def condition_names(libraries: Sequence[str | Path] = ()) -> tuple[str, ...]:
    """Names of the conditions found in the libraries and the package, sorted."""
    return _names("tissue/conditions", libraries)


def species_names(libraries: Sequence[str | Path] = ()) -> tuple[str, ...]:
    """Names of the species with a table, and ``human``, whose numbers are the fragments' own."""
    return tuple(sorted({HUMAN, *_names(SPECIES, libraries)}))


def overlay_names(libraries: Sequence[str | Path] = ()) -> tuple[str, ...]:
    """Names of overlays under ``body``, such as ``labels/dye``, sorted; species apart."""
    return tuple(
        sorted(
            {
                f"{path.parent.name}/{path.stem}"
                for root in roots(libraries)
                for path in (root / "body").glob("*/*.yaml")
                if path.parent != root / SPECIES
            }
        )
    )


def load_site(site: str | Path, libraries: Sequence[str | Path] = ()) -> Site:
    """Site by name, or from the path of its file.

    Raises
    ------
    UnknownName
        When no library has a site of this name; the nearest ones are offered.
    InvalidInput
        When the file has unknown, missing or malformed fields; all findings are listed.
    """
    path = find_site(site, libraries)
    data = write_out_sizes(_merged(path, libraries, seen=()), where=str(path))
    return parse(Site, write_out_joints(data, where=str(path)), where=str(path))


def load_condition(name: str, libraries: Sequence[str | Path] = ()) -> tuple[Condition, Path]:
    """Condition by name, with the path of its file; errors as :func:`load_site`."""
    path = find("tissue/conditions", name, ".yaml", libraries)
    if path is None:
        raise UnknownName(
            f"There is no condition '{name}'." + nearest(name, condition_names(libraries)),
            where="condition",
        )
    return parse(Condition, read_mapping(path), where=str(path)), path


def load_species(name: str, libraries: Sequence[str | Path] = ()) -> tuple[Overlay, Path] | None:
    """Species by name with the path of its file; None for a human without a file of its own.

    Raises
    ------
    UnknownName
        When no library has a species of this name; the nearest ones are offered.
    """
    path = find(SPECIES, name, ".yaml", libraries)
    if path is None:
        if name == HUMAN:
            return None
        raise UnknownName(
            f"There is no species '{name}'." + nearest(name, species_names(libraries)),
            where="species",
        )
    return parse(Overlay, read_mapping(path), where=str(path)), path


def load_overlay(name: str, libraries: Sequence[str | Path] = ()) -> tuple[Overlay, Path]:
    """Overlay by name under ``body``, such as ``labels/dye``; errors as :func:`load_species`."""
    folder, _, stem = name.rpartition("/")
    path = find(f"body/{folder}", stem, ".yaml", libraries) if folder and stem else None
    if path is None:
        raise UnknownName(
            f"There is no overlay '{name}'." + nearest(name, overlay_names(libraries)),
            where="overlays",
        )
    return parse(Overlay, read_mapping(path), where=str(path)), path


def find_site(site: str | Path, libraries: Sequence[str | Path] = ()) -> Path:
    """Path of a site's file; a text with a slash or an ending is taken as a path."""
    text = str(site)
    if isinstance(site, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        path = Path(text).expanduser()
        if not path.is_file():
            raise NotFound("There is no such site file.", where=text)
        return path
    found = find("tissue", text, ".yaml", libraries)
    if found is None:
        raise UnknownName(
            f"There is no site '{text}'." + nearest(text, site_names(libraries)), where="site"
        )
    return found


def find(room: str, stem: str, ending: str, libraries: Sequence[str | Path] = ()) -> Path | None:
    """First file ``room/stem+ending`` of the libraries and the package, or None."""
    for root in roots(libraries):
        path = root / room / f"{stem}{ending}"
        if path.is_file() and path.resolve().is_relative_to(root):
            return path
    return None


def write_out_sizes(data: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Mapping of a site file with ``{size}`` written out, and ``total`` as a formula.

    ``total: a_{size} + b`` is the formula of a sum: every term with ``{size}`` stands for one term
    a size class, other terms stand once.
    """
    sizes = data.get("sizes") or ()
    if not isinstance(sizes, list | tuple) or not all(isinstance(s, str) for s in sizes):
        raise InvalidInput("sizes is a list of names, such as [small, large].", where=where)
    result = {}
    for field, value in data.items():
        if field == "sizes":
            result[field] = value
            continue
        place = f"{where}, {field}"
        summed = _totals(value, sizes, where=place) if field in ("sums", "observables") else value
        result[field] = _each_size(summed, sizes, where=place)
    return result


def _totals(value: Any, sizes: Sequence[str], *, where: str) -> Any:
    """Sums or observables with every ``total`` as a formula."""
    if not isinstance(value, Mapping):
        return value
    result: dict[Any, Any] = {}
    for name, entry in value.items():
        if isinstance(entry, Mapping) and isinstance(entry.get("total"), str):
            if "formula" in entry:
                raise InvalidInput("give 'total' or 'formula', not both.", where=f"{where}.{name}")
            rest = {key: inner for key, inner in entry.items() if key != "total"}
            result[name] = {"formula": _total(entry["total"], sizes), **rest}
        else:
            result[name] = entry
    return result


def _each_size(value: Any, sizes: Sequence[str], *, where: str) -> Any:
    if isinstance(value, Mapping):
        result: dict[Any, Any] = {}
        for key, inner in value.items():
            if isinstance(key, str) and SIZE in key:
                for size in sizes:
                    name = key.replace(SIZE, size)
                    if name in result:
                        raise InvalidInput(f"'{name}' stands twice.", where=where)
                    result[name] = _each_size(_put_size(inner, size), sizes, where=f"{where}.{key}")
            else:
                result[key] = _each_size(inner, sizes, where=f"{where}.{key}")
        return result
    if isinstance(value, list):
        return [
            each
            for item in value
            for each in (
                [item.replace(SIZE, size) for size in sizes]
                if isinstance(item, str) and SIZE in item
                else [item]
            )
        ]
    if isinstance(value, str) and SIZE in value:
        raise InvalidInput(
            f"'{value}' names a size, and its own name does not; put {SIZE} in the name that it "
            "belongs to, or write a sum over sizes as 'total'"
            f" (sizes: {', '.join(sizes) or 'none'}).",
            where=where,
        )
    return value


def _put_size(value: Any, size: str) -> Any:
    if isinstance(value, Mapping):
        return {
            (key.replace(SIZE, size) if isinstance(key, str) else key): _put_size(inner, size)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_put_size(item, size) for item in value]
    return value.replace(SIZE, size) if isinstance(value, str) else value


def _total(text: str, sizes: Sequence[str]) -> str:
    terms = [term.strip() for term in text.split("+")]
    return " + ".join(
        each
        for term in terms
        for each in ([term.replace(SIZE, size) for size in sizes] if SIZE in term else [term])
    )


def write_out_joints(data: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Mapping of a site file with ``{joint}`` written out.

    With several joints a route that names one becomes a route for each, such as
    ``intra-articular left``.
    """
    joints = data.get("joints") or ()
    if not isinstance(joints, list | tuple) or not all(isinstance(j, str) for j in joints):
        raise InvalidInput("joints is a list of names, such as [left, right].", where=where)
    result: dict[str, Any] = {}
    for field, value in data.items():
        if field == "joints":
            result[field] = tuple(joints)
        elif field == "routes" and isinstance(value, Mapping) and len(joints) > 1:
            named = {
                f"{route} {JOINT}" if _mentions(to) else str(route): to
                for route, to in value.items()
            }
            result[field] = _write_out(named, joints, where=f"{where}, {field}")
        else:
            result[field] = _write_out(value, joints, where=f"{where}, {field}")
    return result


def _merged(path: Path, libraries: Sequence[str | Path], seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        chain = " -> ".join(p.stem for p in (*seen, path))
        raise InvalidInput(f"sites extend each other in a circle: {chain}.", where=str(path))
    data = read_mapping(path)
    parent = data.pop("extends", None)
    if parent is None:
        return data
    if not isinstance(parent, str):
        raise InvalidInput("extends is the name of one site.", where=f"{path}, extends")
    base = _merged(find_site(parent, libraries), libraries, (*seen, path))
    for field, value in data.items():
        if isinstance(value, dict) and isinstance(base.get(field), dict):
            base[field] = {**base[field], **value}
        else:
            base[field] = value
    return base


def _write_out(value: Any, joints: Sequence[str], *, where: str) -> Any:
    if isinstance(value, Mapping):
        result: dict[Any, Any] = {}
        for key, inner in value.items():
            for joint in joints if isinstance(key, str) and JOINT in key else (None,):
                name = key if joint is None else key.replace(JOINT, joint)
                if name in result:
                    raise InvalidInput(f"'{name}' stands twice.", where=where)
                result[name] = _fill(inner, joint, joints, where=f"{where}.{key}")
        return result
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [
            item.replace(JOINT, joint) if joint else item
            for item in value
            for joint in (joints if JOINT in item else ("",))
        ]
    return _fill(value, None, joints, where=where)


def _fill(value: Any, joint: str | None, joints: Sequence[str], *, where: str) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _fill(inner, joint, joints, where=f"{where}.{key}") for key, inner in value.items()
        }
    if not isinstance(value, str) or JOINT not in value:
        return value
    if joint is None:
        if len(joints) != 1:
            raise InvalidInput(
                f"'{value}' names a joint, and its own name does not; put {JOINT} in the name "
                f"that it belongs to (joints: {', '.join(joints) or 'none'}).",
                where=where,
            )
        joint = joints[0]
    return value.replace(JOINT, joint)


def _mentions(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_mentions(inner) for inner in value.values())
    return isinstance(value, str) and JOINT in value


def _names(room: str, libraries: Sequence[str | Path]) -> tuple[str, ...]:
    return tuple(
        sorted({path.stem for root in roots(libraries) for path in (root / room).glob("*.yaml")})
    )
