"""What can go wrong, as one tree.

    ExocastError
    ├── InvalidInput            a file or option that cannot be used (exit code 65)
    │   ├── UnknownName         a name that does not exist; the nearest ones are offered
    │   ├── UnitError           a missing unit, or one of the wrong dimension
    │   ├── TableError          rows of a table: duplicate, missing, malformed
    │   ├── InstrumentFileError an export that is not what it should be
    │   ├── DoseError           a dose that cannot be given or converted
    │   └── UnsupportedModel    an SBML construct that the engine does not take
    ├── OutsideEvidence         a question beyond what was measured (exit code 65)
    ├── NotFound                a file or folder that is not there (exit code 66)
    ├── CheckFailed             a check ran and did not pass (exit code 3)
    ├── RunsFailed              a simulation of which nothing is left (exit code 3)
    └── Interrupted             stopped half way; can be resumed (exit code 75)

Each message says what was asked, what was found, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ExocastError(Exception):
    """Base of all errors of Exocast.

    Parameters
    ----------
    message
        What was asked, what was found, what to do.
    code
        Stable word for scripts, such as ``DILUTION_UNKNOWN``; the class's own when not given.
    where
        File, line or field that the message is about.
    """

    code = "ERROR"
    exit_code = 1

    def __init__(self, message: str, *, code: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class InvalidInput(ExocastError):
    """A file, field or option that cannot be used as it is."""

    code = "INVALID_INPUT"
    exit_code = 65


class UnknownName(InvalidInput):
    """A name that does not exist; the nearest ones are offered."""

    code = "UNKNOWN_NAME"


class UnitError(InvalidInput):
    """A missing unit, or one of the wrong dimension."""

    code = "UNIT"


class TableError(InvalidInput):
    """A table with a duplicate, missing or malformed row."""

    code = "TABLE"


class InstrumentFileError(InvalidInput):
    """An instrument export that is not what it should be."""

    code = "NOT_AN_EXPORT"


class DoseError(InvalidInput):
    """A dose that cannot be given, or not converted with the ratios at hand."""

    code = "DOSE"


class UnsupportedModel(InvalidInput):
    """An SBML construct that the engine does not take; names construct and element."""

    code = "UNSUPPORTED_MODEL"


class OutsideEvidence(ExocastError):
    """A question beyond what was measured."""

    code = "OUTSIDE_EVIDENCE"
    exit_code = 65


class NotFound(ExocastError):
    """A file or folder that is not there."""

    code = "NOT_FOUND"
    exit_code = 66


class CheckFailed(ExocastError):
    """A check ran and did not pass."""

    code = "CHECK_FAILED"
    exit_code = 3


class RunsFailed(ExocastError):
    """A simulation in which no run came to its end."""

    code = "RUNS_FAILED"
    exit_code = 3


class Interrupted(ExocastError):
    """Stopped half way; running the same command again resumes."""

    code = "INTERRUPTED"
    exit_code = 75


class GeneralPathUsed(UserWarning):
    """The slower general path is taken, because the batched engine does not take a model."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this model is run one run at a time by libRoadRunner: {why}")
        self.why = why


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Sentence part that offers the names nearest to a misspelt one.

    Returns ``" Did you mean 'a' or 'b'?"`` (with a leading blank), or a list of all names when
    none is near and there are few, or an empty text.
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=most, cutoff=0.6)
    if close:
        return " Did you mean " + " or ".join(repr(c) for c in close) + "?"
    if 0 < len(names) <= 12:
        return " Known: " + ", ".join(names) + "."
    return ""
