"""Text files that people write: YAML read strictly, and findings in the words of the file.

Scenarios, sites, conditions and products are read here, so that each refuses the same tricks in
the same sentences.
"""

from __future__ import annotations

import copy
import difflib
import functools
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from exocast.errors import InvalidInput, NotFound, nearest

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

MOST_BYTES = 1_000_000
MOST_LEVELS = 40
MOST_SHOWN = 60
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
Model = TypeVar("Model", bound=BaseModel)


def read_mapping(path: Path) -> dict[str, Any]:
    """Mapping from a YAML 1.2 file.

    Plain data only: no tags, no anchors or aliases, no duplicate keys, and no more than a
    megabyte or forty levels; numbers such as ``1e10`` are what YAML 1.2 says they are.

    Raises
    ------
    NotFound
        When there is no such file.
    InvalidInput
        When the text is no such YAML, naming the line; ``TOO_LARGE``, ``ENCODING`` or ``YAML``.
    """
    if path.is_dir():
        raise InvalidInput(
            "this is a folder; name the YAML file inside it.", code="YAML", where=str(path)
        )
    if not path.is_file():
        raise no_such_file(path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InvalidInput(
            f"a file of {size / 1e6:.1f} MB is refused; the most is {MOST_BYTES / 1e6:.0f} MB.",
            code="TOO_LARGE",
            where=str(path),
        )
    data = copy.deepcopy(_load(utf8_text(path), str(path)))
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise InvalidInput(
            "a mapping with named fields is needed; 'exocast init DIR' writes an example.",
            code="YAML",
            where=str(path),
        )
    return data


def no_such_file(path: Path) -> NotFound:
    """Error for a file that is not there; the nearest names of its folder are offered."""
    if path.exists():
        return NotFound("This is no plain file; name one.", where=str(path))
    folder = path.parent
    if not folder.is_dir():
        return NotFound(f"There is no folder '{folder}'; check the path.", where=str(path))
    names = [p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else "Check the name and the folder."
    return NotFound(f"There is no such file. {hint}", where=str(path))


def utf8_text(path: Path, error: type[InvalidInput] = InvalidInput) -> str:
    """Text of a file that is there.

    Raises
    ------
    InvalidInput
        Of the type ``error``, with the code ``ENCODING``, when it is no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        line, sentence = not_utf8(e)
        raise error(f"line {line}: {sentence}.", code="ENCODING", where=str(path)) from None


def not_utf8(error: UnicodeDecodeError) -> tuple[int, str]:
    """Line of a byte that is no UTF-8 text, and the sentence on it, without a full stop."""
    line = error.object.count(b"\n", 0, error.start) + 1
    byte = error.object[error.start]
    return line, f"the byte 0x{byte:02x} is not UTF-8 text; save the file as UTF-8"


def plain_value(text: str, *, where: str) -> Any:
    """One value as it would stand in a file; see :func:`read_mapping` for what is refused."""
    return copy.deepcopy(_load(text, where))


def parse(
    model: type[Model],
    data: Mapping[str, Any],
    *,
    where: str,
    options: Mapping[str, str] = NO_OPTIONS,
) -> Model:
    """Record from a mapping.

    Parameters
    ----------
    model
        What the mapping has to be.
    data
        The mapping.
    where
        The file it was read from.
    options
        Option that changed a field, by the field's name: ``{"prior": "--prior"}``. A finding on
        such a field names the option, for the file is not to blame.

    Raises
    ------
    InvalidInput
        With all findings together: unknown fields with the nearest name, missing ones, and
        values that cannot be used.
    """
    try:
        return model.model_validate(data)
    except ValidationError as e:
        found = [_finding(finding, model, options) for finding in e.errors()]
        places, sentences = zip(*found, strict=True)
        if set(places) <= set(options.values()):
            where, places = places[0], ("", *places[1:])
        lines = [
            f"{at}: {text}" if at else text for at, text in zip(places, sentences, strict=True)
        ]
        raise InvalidInput("\n".join(lines), where=where) from None


@functools.lru_cache(maxsize=64)
def _load(text: str, where: str) -> Any:
    """Data of a text; kept, since the pure reader is slow and sites are read again and again."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

    yaml = YAML(typ="safe", pure=True)
    depth = 0
    try:
        for event in yaml.parse(text):
            line = f"{where}, line {event.start_mark.line + 1}"
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MOST_LEVELS:
                raise InvalidInput(
                    f"more than {MOST_LEVELS} levels of nesting; a file here has a few.",
                    code="YAML",
                    where=line,
                )
            if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                raise InvalidInput(
                    "anchors and aliases are not used here; write the value out.",
                    code="YAML",
                    where=line,
                )
            if getattr(event, "tag", None):
                raise InvalidInput(
                    f"tags such as {event.tag} are not used here; write plain values.",
                    code="YAML",
                    where=line,
                )
        return yaml.load(text)
    except (YAMLError, RecursionError, ValueError) as e:
        mark = getattr(e, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(e, "problem", None) or str(e).splitlines()[0]
        raise InvalidInput(
            f"this is not readable YAML: {problem}. Mend it, or put text with special signs in "
            "quotation marks.",
            code="YAML",
            where=f"{where}{at}",
        ) from None


def _finding(
    finding: ErrorDetails, model: type[BaseModel], options: Mapping[str, str]
) -> tuple[str, str]:
    """Field or option that a finding is about, and the sentence."""
    field = ".".join(str(part) for part in finding["loc"])
    # People count the entries of a list from one.
    parts = [f", entry {p + 1}, " if isinstance(p, int) else f".{p}" for p in finding["loc"]]
    shown = "".join(parts).replace(", .", ", ").strip("., ")
    sentence = _sentence(finding, model)
    for name, option in options.items():
        if field == name or (finding["type"] == "extra_forbidden" and name.startswith(f"{field}.")):
            return option, sentence
        if field.startswith(f"{name}."):
            return option, f"{shown}: {sentence}"
    # A finding on a whole block may be about any of its fields: those that it speaks of.
    block = f"{field}." if field else ""
    changed = [
        option
        for name, option in options.items()
        if name.startswith(block) and name.rpartition(".")[2] in sentence
    ]
    if changed and finding["type"] == "value_error":
        sentence += f" (changed by {', '.join(dict.fromkeys(changed))})"
    return shown, sentence


def _sentence(finding: ErrorDetails, model: type[BaseModel]) -> str:
    kind, loc, given = finding["type"], finding["loc"], finding["input"]
    example = _example(_field_at(model, loc))
    if kind == "extra_forbidden":
        return "there is no such field." + nearest(str(loc[-1]), _fields_at(model, loc[:-1]))
    if kind == "missing":
        return "this field is missing" + (f"; write for instance {example}." if example else ".")
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'|(\d+)", str(finding.get("ctx", {}).get("expected", "")))
        names = [text or digits for text, digits in known]
        return f"{_found(given)} is not a value of this field." + nearest(str(given), names)
    if kind == "string_type" and isinstance(given, int | float) and re.match(r"-?\d", example):
        return (
            f"the number {given!r} has no unit; write a quantity as text with its unit, such as "
            f"{example}."
        )
    if kind in _NEEDED:
        such_as = f", such as {example}" if example else ""
        return f"{_NEEDED[kind]} is needed{such_as}; {_found(given)} was found."
    if kind in ("model_type", "model_attributes_type"):
        fields = ", ".join(_fields_at(model, loc))
        return f"a block with fields is needed ({fields}); {_found(given)} was found."
    message = finding["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be", "it has to be").replace("String", "the text")
    if isinstance(given, list | dict) or (isinstance(given, str) and given in message):
        return message
    return f"{message} (found {_found(given)})"


_NEEDED = {
    "string_type": "a text (in quotation marks where it looks like a number)",
    "tuple_type": "a list in brackets",
    "list_type": "a list in brackets",
    "dict_type": "a block with fields",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
}


def _found(given: Any) -> str:
    if given is None:
        return "nothing"
    if isinstance(given, dict):
        return "a block with fields"
    if isinstance(given, list | tuple):
        return "a list"
    text = str(given)
    text = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
    return f"'{text}'"


def _example(field: FieldInfo | None) -> str:
    """What a field may look like, from its examples or its default; else empty."""
    if field is None:
        return ""
    if field.examples:
        return str(field.examples[0])
    if isinstance(field.default, str):
        return field.default
    if isinstance(field.default, tuple) and field.default:
        return f"[{', '.join(map(str, field.default))}]"
    return ""


def _field_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> FieldInfo | None:
    """Field at a place; None in a list or where there is none."""
    inner = _model_at(model, loc[:-1])
    return None if inner is None or not loc else inner.model_fields.get(str(loc[-1]))


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the block at a place."""
    inner = _model_at(model, loc)
    return [] if inner is None else list(inner.model_fields)


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The block at a place, through lists and mappings of blocks."""
    inner: type[BaseModel] | None = model
    for part in loc:
        field = None if inner is None else inner.model_fields.get(str(part))
        if field is not None:
            inner = _block_in(field.annotation)
    return inner


def _block_in(annotation: Any) -> type[BaseModel] | None:
    """The first block (pydantic model) that an annotation holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for option in typing.get_args(annotation):
        found = _block_in(option)
        if found is not None:
            return found
    return None
