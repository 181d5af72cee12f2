"""The only room that knows the simulator: from fragments and tables to numbers over time."""

from exocast.engine.assemble import AssembledModel, Finding, Observable, assemble, findings
from exocast.engine.export import export_sbml
from exocast.engine.model import Model, Runs, compile  # noqa: A004 - used as engine.compile
from exocast.engine.simulate import simulate_sbml
from exocast.engine.solver import STATUS

__all__ = [
    "STATUS",
    "AssembledModel",
    "Finding",
    "Model",
    "Observable",
    "Runs",
    "assemble",
    "compile",
    "export_sbml",
    "findings",
    "simulate_sbml",
]
