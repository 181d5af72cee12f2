"""JSON of others: read whole or refused, then walked without trusting the type of anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from exocast.errors import InvalidInput
from exocast.evidence.exchange.incoming import Remark
from exocast.evidence.exchange.text import plain

MOST_ITEMS = 20_000


@dataclass(frozen=True, kw_only=True)
class Block:
    """An object of a JSON document with its place; asking for what is not there gives nothing.

    A value of another type than the one asked for is nothing too, and is remarked upon once.
    """

    data: dict[str, Any]
    place: str
    remarks: list[Remark] = field(default_factory=list)

    def block(self, *names: str) -> Block:
        """The object under these names, one inside the other; an empty one if there is none."""
        found: Any = self.data
        place = self.place
        for name in names:
            found = found.get(name)
            place = f"{place}.{name}"
            if not isinstance(found, dict):
                self._say(found, "an object", place)
                found = {}
        return Block(data=found, place=place, remarks=self.remarks)

    def blocks(self, name: str) -> Iterator[Block]:
        """The objects of the list under this name."""
        for number, one in enumerate(self._list(name), start=1):
            place = f"{self.place}.{name}[{number}]"
            if isinstance(one, dict):
                yield Block(data=one, place=place, remarks=self.remarks)
            else:
                self._say(one if one is not None else "null", "an object", place)

    def text(self, name: str, most: int = 2000) -> str:
        """The text (or number) under this name, cleaned."""
        found = self.data.get(name)
        if isinstance(found, dict | list | bool):
            self._say(found, "a text", f"{self.place}.{name}")
        return plain(found, most)

    def texts(self, name: str) -> list[str]:
        """The texts of the list under this name; one text is a list of one."""
        found = self.data.get(name)
        several = [found] if isinstance(found, str) else self._list(name)
        return [text for text in (plain(one, 500) for one in several) if text]

    def _list(self, name: str) -> list[Any]:
        found = self.data.get(name)
        if not isinstance(found, list):
            self._say(found, "a list", f"{self.place}.{name}")
            return []
        if len(found) > MOST_ITEMS:
            self.remarks.append(
                Remark(
                    message=f"of {len(found)} entries the first {MOST_ITEMS} are read",
                    where=f"{self.place}.{name}",
                )
            )
        return found[:MOST_ITEMS]

    def _say(self, found: Any, wanted: str, place: str) -> None:
        if found is not None:
            message = f"{wanted} is expected, {_called(found)} was found; it is passed over"
            self.remarks.append(Remark(message=message, where=place))


def load(text: str, where: str) -> tuple[Any, list[Remark]]:
    """Data of a JSON text, and remarks on keys that stand twice (the last one holds).

    Raises
    ------
    InvalidInput
        For a text that is no JSON, or is nested too deeply, with line and column.
    """
    remarks: list[Remark] = []

    def pairs(given: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(given)
        if len(made) < len(given) and len(remarks) < 20:
            names = [name for name, _ in given]
            twice = sorted({name[:60] for name in names if names.count(name) > 1})[:5]
            remarks.append(
                Remark(
                    message=f"{', '.join(map(repr, twice))} stands twice; the last one holds",
                    where=where,
                )
            )
        return made

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=lambda _: None), remarks
    except json.JSONDecodeError as e:
        raise InvalidInput(
            f"this is no JSON ({e.msg}). Was the file saved whole? Get it again.",
            code="JSON",
            where=f"{where}, line {e.lineno}, column {e.colno}",
        ) from None
    except RecursionError:
        raise InvalidInput(
            "its objects are nested too deeply to be a record of studies.", code="JSON", where=where
        ) from None
    except ValueError as e:
        raise InvalidInput(
            f"a number in it cannot be read ({str(e)[:80]}).", code="JSON", where=where
        ) from None


def _called(found: Any) -> str:
    if isinstance(found, dict):
        return "an object"
    if isinstance(found, list):
        return "a list"
    return f"'{plain(str(found), 40)}'"
