"""Records that an argument names by number, fetched from their registry and kept.

``NCT01234567`` is asked of ClinicalTrials.gov; a DOI or ``PMID:123`` of Europe PMC. What came is
kept in a folder of the user's cache, so that the same command works again without a network.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exocast.errors import NotFound
from exocast.evidence.exchange.text import DOI

REGISTRY = "https://clinicaltrials.gov/api/v2/studies/"
EUROPE_PMC = "https://www.ebi.ac.uk/europepmc/webservices/rest/search"
TIMEOUT_S = 20.0
MOST_BYTES = 64_000_000
NUMBER = re.compile(r"NCT\d{8}", re.IGNORECASE)
PMID = re.compile(r"(?:PMID|MED):?\s*([1-9]\d{0,8})", re.IGNORECASE)
Opener = Callable[..., Any]


def named(argument: str) -> tuple[str, str] | None:
    """Name of the record's file and the address it is fetched from; None for no such number."""
    text = argument.strip()
    if NUMBER.fullmatch(text):
        return f"{text.upper()}.json", REGISTRY + text.upper()
    if found := PMID.fullmatch(text):
        return f"PMID{found[1]}.json", _query(f"EXT_ID:{found[1]} AND SRC:MED")
    bare = re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", "", text, flags=re.IGNORECASE)
    if DOI.fullmatch(bare):
        safe = re.sub(r"[^A-Za-z0-9.-]+", "_", bare)[:150]
        return f"doi_{safe}.json", _query(f'DOI:"{bare}"')
    return None


def fetched(
    argument: str,
    *,
    refresh: bool = False,
    cache: Path | None = None,
    opener: Opener | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[Path, str]:
    """A file with the record that a number names.

    Parameters
    ----------
    argument
        Such as ``NCT01234567``, ``10.1000/x`` or ``PMID:123``.
    refresh
        Whether to ask again although the record is kept.
    cache
        Folder for what was fetched; ``exocast`` in the user's cache when left out.
    opener
        What opens a request, as ``urllib.request.urlopen`` does.
    timeout_s
        Seconds to wait for an answer.

    Returns
    -------
    The file, and a sentence where an older copy stands in for a fresh one (else empty).

    Raises
    ------
    NotFound
        For an argument that is no such number, a record that is not there, and without a
        network; says how to get the file by hand.
    """
    found = named(argument)
    if found is None:
        raise NotFound(f"'{argument}' is neither a file nor the number of a study.")
    name, address = found
    path = (cache or cache_folder()) / name
    if path.is_file() and not refresh:
        return path, ""
    try:
        data = _answer(address, opener or urllib.request.urlopen, timeout_s)
    except urllib.error.HTTPError as e:
        # The answer is a response too and holds a connection.
        e.close()
        said = f"there is no such record (the registry answered {e.code})"
        if e.code not in (400, 404, 410):
            said = f"the registry answered {e.code} ({e.reason})"
        problem = said
    except (OSError, ValueError) as e:
        problem = f"no answer came ({getattr(e, 'reason', None) or e})"
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(data)
        temporary.replace(path)
        return path, ""
    if path.is_file():
        return path, f"{problem}; the copy in {path} is used"
    raise NotFound(
        f"{problem}. By hand: open {address} in a browser, save what it shows as {name}, and give "
        "that file to this command.",
        code="OFFLINE",
        where=argument,
    )


def cache_folder() -> Path:
    """Folder for what was fetched: ``exocast`` under ``XDG_CACHE_HOME``, or under ``~/.cache``."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "exocast"


def _query(words: str) -> str:
    options = {"query": words, "format": "json", "resultType": "core"}
    return f"{EUROPE_PMC}?{urllib.parse.urlencode(options)}"


def _answer(address: str, opener: Opener, timeout_s: float) -> bytes:
    """The body of an answer, which has to be JSON of a bounded size."""
    headers = {"Accept": "application/json"}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - https, from above
    with opener(request, timeout=timeout_s) as answer:
        data = bytes(answer.read(MOST_BYTES + 1))
    if len(data) > MOST_BYTES:
        raise ValueError(f"the answer is larger than {MOST_BYTES / 1e6:.0f} MB")
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("the answer is no JSON") from None
    return data
