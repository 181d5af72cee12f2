"""A result directory, read column by column and only after it has been checked."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exocast.errors import Interrupted, InvalidInput, NotFound, UnknownName, nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Array = NDArray[np.float64]
SCHEMA = "exocast/result/1"
KEYS = ("arm", "world", "patient", "time")


@dataclass(frozen=True, kw_only=True)
class Result:
    """A forecast on disk; nothing but the manifest is read before it is asked for.

    Attributes
    ----------
    directory
        The result directory.
    manifest
        Contents of its ``manifest.json``.
    """

    directory: Path
    manifest: Mapping[str, Any]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, the product's first."""
        return tuple(str(arm["name"]) for arm in self.manifest["arms"])

    @property
    def control(self) -> str:
        """Name of the arm that the others are compared with."""
        return str(self.manifest["control"])

    @property
    def treated(self) -> tuple[str, ...]:
        """Arms that are compared with the control: the vial, then the others in order."""
        others = [arm for arm in self.arms if arm != self.control]
        return tuple(sorted(others, key=lambda arm: arm != "vial"))

    @property
    def n_worlds(self) -> int:
        """Number of worlds."""
        return int(self.manifest["worlds"])

    @property
    def n_patients(self) -> int:
        """Number of patients in each world."""
        return int(self.manifest["patients"])

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of the observables."""
        return tuple(self.manifest["observables"])

    def better(self, observable: str) -> str:
        """Which direction is better for an observable: ``lower``, ``higher`` or ``none``."""
        return str(self.manifest["observables"][observable].get("better", "none"))

    def unit(self, observable: str) -> str:
        """Unit of an observable."""
        return str(self.manifest["observables"][observable].get("unit", "1"))

    def threshold(self, kind: str, observable: str) -> float | None:
        """Important difference of an observable, in its unit; None where no row gives one.

        Parameters
        ----------
        kind
            ``person`` (a change within one person) or ``group`` (a difference of group means).
        observable
            Name of the observable.
        """
        found = self.manifest.get("thresholds", {}).get(kind, {}).get(observable)
        if isinstance(found, Mapping):
            found = found.get("value")
        return None if found is None else float(found)

    @functools.cached_property
    def times_days(self) -> Array:
        """Times of the records, in days, ascending, shape ``(n_times,)``."""
        return self._index[0]

    @functools.cached_property
    def _index(self) -> tuple[Array, NDArray[np.intp]]:
        """Times, and for each record its place in an (arms, worlds, patients, times) array."""
        table = self._columns(KEYS)
        time = np.asarray(table.column("time").to_numpy(), dtype=np.float64)
        times, at = np.unique(time, return_inverse=True)
        arm = np.array([self.arms.index(a) for a in _dictionary(table.column("arm"))])
        codes = _codes(table.column("arm"))
        world = np.asarray(table.column("world").to_numpy(), dtype=np.intp)
        patient = np.asarray(table.column("patient").to_numpy(), dtype=np.intp)
        place = np.ravel_multi_index(
            (arm[codes], world, patient, at),
            (len(self.arms), self.n_worlds, self.n_patients, len(times)),
        )
        return times, place

    def values(self, observable: str) -> Array:
        """One observable of every run, shape ``(arms, worlds, patients, times)``.

        A run that stopped early has ``nan`` from there on.
        """
        if observable not in self.manifest["observables"]:
            raise UnknownName(
                f"This result has no observable '{observable}'."
                + nearest(observable, self.observables),
                where=str(self.directory),
            )
        times, place = self._index
        shape = (len(self.arms), self.n_worlds, self.n_patients, len(times))
        flat = np.full(int(np.prod(shape)), np.nan)
        flat[place] = self._columns((observable,)).column(observable).to_numpy()
        return flat.reshape(shape)

    def _columns(self, names: Sequence[str]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        return pa.concat_tables(
            [pq.read_table(path, columns=list(names)) for path in parts_of(self)]
        )

    def frame(self, name: str) -> pd.DataFrame:
        """One of the tables ``runs``, ``worlds``, ``patients`` or ``summary``."""
        import pandas as pd

        path = self.directory / f"{name}.parquet"
        if not path.is_file():
            raise NotFound(f"This result has no table '{name}'.", where=str(path))
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError):
            raise _damaged_table(path) from None

    @functools.cached_property
    def rows(self) -> pd.DataFrame:
        """Every row of evidence that the forecast used, with its ``key``."""
        import pandas as pd

        path = self.directory / str(self.manifest.get("rows_file", "rows.csv"))
        if not path.is_file():
            raise NotFound("The rows that this forecast used are not there.", where=str(path))
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            table["value"] = table["value"].astype(float)
        except (KeyError, OSError, ValueError):
            raise _damaged_table(path) from None
        return table

    def to_xarray(self, observables: Sequence[str] | None = None) -> xr.Dataset:
        """Observables with the dimensions arm, world, patient and time (days).

        Parameters
        ----------
        observables
            Names; all when not given.
        """
        import xarray as xr

        names = tuple(observables) if observables is not None else self.observables
        dims = ("arm", "world", "patient", "time")
        return xr.Dataset(
            {
                name: (dims, self.values(name), dict(self.manifest["observables"][name]))
                for name in names
            },
            coords={
                "arm": list(self.arms),
                "world": np.arange(self.n_worlds),
                "patient": np.arange(self.n_patients),
                "time": ("time", self.times_days, {"unit": "day"}),
            },
            attrs={"title": str(self.manifest.get("title", "")), "seed": self.manifest.get("seed")},
        )


def open_result(directory: str | Path, kind: str = "forecast") -> Result:
    """A result directory, checked: the manifest is complete and every part is as it was written.

    Parameters
    ----------
    directory
        A directory that a command wrote.
    kind
        What it has to be: ``forecast``, ``exposure`` or ``simulation``.

    Raises
    ------
    NotFound
        When there is no result in the directory.
    InvalidInput
        When the manifest or a part is damaged, truncated or missing, or it is of another kind.
    Interrupted
        When the forecast that wrote it did not finish.
    """
    directory = Path(directory)
    path = directory / "manifest.json"
    if not path.is_file():
        raise NotFound(
            "There is no result here (no manifest.json); give the directory that a forecast wrote.",
            where=str(directory),
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise InvalidInput(
            f"The manifest is not readable ({e}); run the forecast again.",
            code="RESULT_DAMAGED",
            where=str(path),
        ) from None
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if schema != SCHEMA:
        raise InvalidInput(
            f"The manifest says it is {schema!r}, and {SCHEMA!r} is what this version reads.",
            code="RESULT_SCHEMA",
            where=str(path),
        )
    if manifest.get("status") != "complete":
        raise Interrupted(
            f"This result is {manifest.get('status')!r}, not complete; run the forecast again "
            "into a new directory.",
            code="RESULT_PARTIAL",
            where=str(path),
        )
    found = manifest.get("kind", "forecast")
    if found != kind:
        opener = {"simulation": "open_simulation", "exposure": "open_exposure"}.get(
            str(found), "open_result"
        )
        raise InvalidInput(
            f"this is {'an' if found == 'exposure' else 'a'} {found} and no {kind}; "
            f"exocast.{opener} reads it.",
            code="RESULT_KIND",
            where=str(directory),
        )
    result = Result(directory=directory, manifest=manifest)
    try:
        for part, record in zip(parts_of(result), manifest["parts"], strict=True):
            _check_part(part, record)
    except (KeyError, TypeError) as e:
        raise InvalidInput(
            f"The manifest has no usable list of parts ({e}); run the forecast again.",
            code="RESULT_DAMAGED",
            where=str(path),
        ) from None
    return result


def kind_of(directory: Path) -> str:
    """What a result directory says it is; ``forecast`` where it says nothing readable."""
    try:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "forecast"
    return str(manifest.get("kind", "forecast")) if isinstance(manifest, dict) else "forecast"


def parts_of(result: Result) -> list[Path]:
    """Paths of the parts of a result, in order; a part outside the directory is refused."""
    root = result.directory.resolve()
    paths = []
    for record in result.manifest["parts"]:
        path = (root / str(record["file"])).resolve()
        if not path.is_relative_to(root):
            raise InvalidInput(
                f"The part '{record['file']}' lies outside the result.",
                code="RESULT_DAMAGED",
                where=str(result.directory / "manifest.json"),
            )
        paths.append(path)
    return paths


def _damaged_table(path: Path) -> InvalidInput:
    return InvalidInput(
        "This table is not what the forecast wrote (truncated or changed); run the forecast again.",
        code="RESULT_DAMAGED",
        where=str(path),
    )


def _check_part(path: Path, record: Mapping[str, Any]) -> None:
    if not path.is_file():
        raise InvalidInput(
            "The manifest names this part, and it is not there; run the forecast again.",
            code="RESULT_DAMAGED",
            where=str(path),
        )
    expected = str(record["blake2b"])
    found = hashlib.blake2b(path.read_bytes(), digest_size=len(expected) // 2).hexdigest()
    if found != expected:
        raise InvalidInput(
            f"This part is not what the forecast wrote ({path.stat().st_size} bytes with another "
            "checksum: truncated or changed); run the forecast again.",
            code="RESULT_DAMAGED",
            where=str(path),
        )


def _dictionary(column: Any) -> list[str]:
    return [str(v) for v in column.unify_dictionaries().chunk(0).dictionary.to_pylist()]


def _codes(column: Any) -> NDArray[np.intp]:
    unified = column.unify_dictionaries()
    return np.concatenate(
        [np.asarray(chunk.indices.to_numpy(), dtype=np.intp) for chunk in unified.chunks]
    )
