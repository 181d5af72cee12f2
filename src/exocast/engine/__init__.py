"""The only room that knows the simulator: from fragments and tables to numbers over time."""

from exocast.engine.assemble import AssembledModel, Finding, Observable, assemble, findings
from exocast.engine.dosing import check_doses
from exocast.engine.export import export_sbml
from exocast.engine.model import Model, Runs, compile  # noqa: A004 - used as engine.compile
from exocast.engine.records import People, modelled, read_doses, read_people, times_of
from exocast.engine.simulate import simulate_sbml
from exocast.engine.solver import STATUS

__all__ = [
    "STATUS",
    "AssembledModel",
    "Finding",
    "Model",
    "Observable",
    "People",
    "Runs",
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
