"""Text files that people write: YAML read strictly, and findings in the words of the file.

Scenarios, sites, conditions and products are read here, so that each refuses the same tricks in
the same sentences.
"""

from __future__ import annotations

import copy
import functools
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from exocast.errors import InvalidInput, NotFound, nearest

MOST_BYTES = 1_000_000
MOST_LEVELS = 40
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
    if not path.is_file():
        raise NotFound("There is no such file.", where=str(path))
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InvalidInput(
            f"a file of {size / 1e6:.1f} MB is refused; the most is {MOST_BYTES / 1e6:.0f} MB.",
            code="TOO_LARGE",
            where=str(path),
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise InvalidInput(
            f"the file is not UTF-8 text (byte {e.start}); save it as UTF-8.",
            code="ENCODING",
            where=str(path),
        ) from None
    data = copy.deepcopy(_load(text, str(path)))
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise InvalidInput(
            "a mapping with named fields is needed; 'exocast init DIR' writes an example.",
            code="YAML",
            where=str(path),
        )
    return data


def parse(model: type[Model], data: Mapping[str, Any], *, where: str) -> Model:
    """Record from a mapping.

    Raises
    ------
    InvalidInput
        With all findings together: unknown fields with the nearest name, missing ones, and
        values that cannot be used.
    """
    try:
        return model.model_validate(data)
    except ValidationError as e:
        raise InvalidInput("\n".join(_findings(e, model)), where=where) from None


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
            f"this is not readable YAML: {problem}.", code="YAML", where=f"{where}{at}"
        ) from None


def _findings(error: ValidationError, model: type[BaseModel]) -> list[str]:
    lines = []
    for finding in error.errors():
        field = ".".join(str(part) for part in finding["loc"]) or "file"
        kind = finding["type"]
        given = finding["input"]
        if kind == "extra_forbidden":
            near = nearest(str(finding["loc"][-1]), _fields_at(model, finding["loc"][:-1]))
            lines.append(f"{field}: there is no such field.{near}")
        elif kind == "missing":
            lines.append(f"{field}: this field is missing.")
        elif kind == "string_type" and isinstance(given, int | float):
            lines.append(
                f"{field}: the number {given!r} has no unit; "
                "write a quantity as text with its unit, such as 65 mm or 4 week."
            )
        else:
            message = finding["msg"].removeprefix("Value error, ")
            shown = f" (found {given!r})" if isinstance(given, str | int | float | bool) else ""
            lines.append(f"{field}: {message}{shown}")
    return lines


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the block at a place, through lists and mappings of blocks."""
    inner: type[BaseModel] | None = model
    for part in loc:
        field = None if inner is None else inner.model_fields.get(str(part))
        if field is not None:
            inner = _block_in(field.annotation)
    return [] if inner is None else list(inner.model_fields)


def _block_in(annotation: Any) -> type[BaseModel] | None:
    """The first block (pydantic model) that an annotation holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for option in typing.get_args(annotation):
        found = _block_in(option)
        if found is not None:
            return found
    return None
