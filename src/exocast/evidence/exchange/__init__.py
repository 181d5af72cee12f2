"""Studies brought into a register of one's own, and tables taken away; one module a format."""

from exocast.evidence.exchange.compare import (
    Change,
    Comparison,
    Decisions,
    Difference,
    LineChange,
    compare,
)
from exocast.evidence.exchange.export import DATABASE, WRITERS, Request, format_of, write_export
from exocast.evidence.exchange.fetch import fetched, named
from exocast.evidence.exchange.folder import check_folder, is_library, write_folder
from exocast.evidence.exchange.incoming import Incoming, Parsed, Remark
from exocast.evidence.exchange.match import Match
from exocast.evidence.exchange.read import read_files, read_text
from exocast.evidence.exchange.references import Reference, bibtex, of_source, of_study, ris

__all__ = [
    "DATABASE",
    "WRITERS",
    "Change",
    "Comparison",
    "Decisions",
    "Difference",
    "Incoming",
    "LineChange",
    "Match",
    "Parsed",
    "Reference",
    "Remark",
    "Request",
    "bibtex",
    "check_folder",
    "compare",
    "fetched",
    "format_of",
    "is_library",
    "named",
    "of_source",
    "of_study",
    "read_files",
    "read_text",
    "ris",
    "write_export",
    "write_folder",
]
