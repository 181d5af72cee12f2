"""The only room that knows the simulator: from fragments and tables to numbers over time.

What a run needs is loaded at once; assembling, exporting and reading tables load on first use.
"""

from typing import TYPE_CHECKING, Any

from exocast.engine.model import (
    Model,
    Runs,
    Sensitivities,
    compile,  # noqa: A004 - used as engine.compile
)
from exocast.engine.simulate import simulate_sbml
from exocast.engine.status import STATUS

if TYPE_CHECKING:
    from exocast.engine.assembler import AssembledModel as AssembledModel
    from exocast.engine.assembler import Finding as Finding
    from exocast.engine.assembler import Observable as Observable
    from exocast.engine.assembler import assemble as assemble
    from exocast.engine.assembler import findings as findings
    from exocast.engine.dosing import check_doses as check_doses
    from exocast.engine.export import export_sbml as export_sbml
    from exocast.engine.records import People as People
    from exocast.engine.records import modelled as modelled
    from exocast.engine.records import read_doses as read_doses
    from exocast.engine.records import read_people as read_people
    from exocast.engine.records import times_of as times_of

_LATER = {
    "AssembledModel": "assembler",
    "Finding": "assembler",
    "Observable": "assembler",
    "assemble": "assembler",
    "findings": "assembler",
    "check_doses": "dosing",
    "export_sbml": "export",
    "People": "records",
    "modelled": "records",
    "read_doses": "records",
    "read_people": "records",
    "times_of": "records",
}
__all__ = [
    "STATUS",
    "AssembledModel",
    "Finding",
    "Model",
    "Observable",
    "People",
    "Runs",
    "Sensitivities",
    "assemble",
    "check_doses",
    "compile",
    "export_sbml",
    "findings",
    "modelled",
    "read_doses",
    "read_people",
    "simulate_sbml",
    "times_of",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _LATER:
        raise AttributeError(f"module 'exocast.engine' has no attribute '{name}'")
    return getattr(importlib.import_module(f"exocast.engine.{_LATER[name]}"), name)
