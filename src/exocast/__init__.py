"""A forecast of exosome therapy, from the vial to the patient, with the evidence behind it.

    >>> import exocast
    >>> forecast = exocast.forecast("examples/knee/scenario.yaml")   # doctest: +SKIP
    >>> print(forecast.summary())                                    # doctest: +SKIP

For research and teaching: it forecasts and compares; it does not diagnose, prescribe or advise.
Names load on first use, so that ``import exocast`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exocast.api import Assayed as Assayed
    from exocast.api import Batch as Batch
    from exocast.api import Exposure as Exposure
    from exocast.api import Forecast as Forecast
    from exocast.api import Validation as Validation
    from exocast.api import assay as assay
    from exocast.api import assays as assays
    from exocast.api import batch as batch
    from exocast.api import draft_batch as draft_batch
    from exocast.api import evidence_check as evidence_check
    from exocast.api import export_sbml as export_sbml
    from exocast.api import exposure as exposure
    from exocast.api import forecast as forecast
    from exocast.api import init as init
    from exocast.api import inspect_vial as inspect_vial
    from exocast.api import open_exposure as open_exposure
    from exocast.api import open_result as open_result
    from exocast.api import open_simulation as open_simulation
    from exocast.api import relative_potency as relative_potency
    from exocast.api import schema as schema
    from exocast.api import simulate as simulate
    from exocast.api import validate as validate
    from exocast.errors import CheckFailed as CheckFailed
    from exocast.errors import DoseError as DoseError
    from exocast.errors import ExocastError as ExocastError
    from exocast.errors import InstrumentFileError as InstrumentFileError
    from exocast.errors import Interrupted as Interrupted
    from exocast.errors import InvalidInput as InvalidInput
    from exocast.errors import NotFound as NotFound
    from exocast.errors import OutsideEvidence as OutsideEvidence
    from exocast.errors import RunsFailed as RunsFailed
    from exocast.errors import TableError as TableError
    from exocast.errors import UnitError as UnitError
    from exocast.errors import UnknownName as UnknownName
    from exocast.errors import UnsupportedModel as UnsupportedModel

__version__ = "0.1.0"

_FROM_API = (
    "Assayed",
    "Batch",
    "Exposure",
    "Forecast",
    "Validation",
    "assay",
    "assays",
    "batch",
    "draft_batch",
    "evidence_check",
    "export_sbml",
    "exposure",
    "forecast",
    "init",
    "inspect_vial",
    "open_exposure",
    "open_result",
    "open_simulation",
    "relative_potency",
    "schema",
    "simulate",
    "validate",
)
_FROM_ERRORS = (
    "CheckFailed",
    "DoseError",
    "ExocastError",
    "InstrumentFileError",
    "Interrupted",
    "InvalidInput",
    "NotFound",
    "OutsideEvidence",
    "RunsFailed",
    "TableError",
    "UnitError",
    "UnknownName",
    "UnsupportedModel",
)
__all__ = [*_FROM_API, *_FROM_ERRORS, "__version__"]  # noqa: PLE0604 - built of texts


def __getattr__(name: str) -> Any:
    import importlib

    if name in _FROM_API:
        return getattr(importlib.import_module("exocast.api"), name)
    if name in _FROM_ERRORS:
        return getattr(importlib.import_module("exocast.errors"), name)
    raise AttributeError(f"module 'exocast' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
