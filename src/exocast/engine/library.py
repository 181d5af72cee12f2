"""Fragments and their tables, as files beside each other in a library."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exocast.documents import utf8_text
from exocast.engine.site import find, roots
from exocast.errors import InvalidInput, NotFound, UnknownName, nearest
from exocast.evidence.rows import Row, parse_table, under_prior

# Put before a fragment's name in Antimony, where no symbol may have the name of a model.
MODULE = "exocast_fragment_"


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """One mechanism: its equations, its ports, and the rows of its table.

    Attributes
    ----------
    path
        Name in a library, such as ``body/joint_vesicles``.
    stem
        Name of the Antimony model in the file, of the file, and of its table.
    text
        Antimony without comments and without the list of ports.
    ports
        Names that must be bound from outside.
    rows
        Rows of the table, under the prior asked for.
    file, table_file
        Where they stand, for messages.
    problems
        Sentences about rows that could not be read.
    """

    path: str
    stem: str
    text: str
    ports: tuple[str, ...]
    rows: tuple[Row, ...]
    file: Path
    table_file: Path
    problems: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Name of the Antimony model in ``text``."""
        return MODULE + self.stem


def load_fragment(path: str, *, prior: str, libraries: Sequence[str | Path] = ()) -> Fragment:
    """Fragment by its name in a library, such as ``body/joint_vesicles``.

    Raises
    ------
    UnknownName
        When no library has it; the nearest ones are offered.
    InvalidInput
        When the file is not one Antimony model named like the file.
    NotFound
        When the table beside it is missing.
    """
    room, _, stem = path.rpartition("/")
    file = find(room, stem, ".ant", libraries) if stem else None
    if file is None:
        raise UnknownName(
            f"There is no fragment '{path}'." + nearest(path, fragment_names(libraries)),
            where="fragment",
        )
    text, ports = _equations(file)
    table_file = file.with_suffix(".csv")
    if not table_file.is_file():
        raise NotFound(
            f"The fragment {file.name} has no table beside it; add {table_file.name}, "
            "with its header line alone if there are no numbers.",
            where=str(table_file),
        )
    rows, problems = parse_table(table_file)
    return Fragment(
        path=path,
        stem=stem,
        text=text,
        ports=ports,
        rows=under_prior(rows, prior),
        file=file,
        table_file=table_file,
        problems=tuple(f"{table_file}: {problem}" for problem in problems),
    )


def fragment_names(libraries: Sequence[str | Path] = ()) -> tuple[str, ...]:
    """Names of all fragments in the libraries and the package, sorted."""
    return tuple(
        sorted(
            {
                f"{folder.name}/{file.stem}"
                for root in roots(libraries)
                for folder in root.iterdir()
                if folder.is_dir()
                for file in folder.glob("*.ant")
            }
        )
    )


def _equations(file: Path) -> tuple[str, tuple[str, ...]]:
    text = utf8_text(file)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"//[^\n]*", "", text)
    heads = re.findall(r"^\s*model\s+(\*?)(\w+)\s*(?:\(([^)]*)\))?", text, flags=re.MULTILINE)
    if len(heads) != 1 or heads[0][1] != file.stem:
        found = ", ".join(name for _, name, _ in heads) or "none"
        raise InvalidInput(
            f"a fragment holds one model with the name of its file, '{file.stem}'; found {found}.",
            where=str(file),
        )
    ports = tuple(port.strip() for port in heads[0][2].split(",") if port.strip())
    head = r"^\s*model\s+\*?(\w+)\s*(?:\([^)]*\))?"
    body = re.sub(head, rf"model {MODULE}\1()", text, flags=re.MULTILINE)
    return body.strip() + "\n", ports
