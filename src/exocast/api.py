"""What users call from Python: a thin door to the rooms.

>>> import exocast                                                        # doctest: +SKIP
>>> forecast = exocast.forecast("examples/knee/scenario.yaml", worlds=20)  # doctest: +SKIP
>>> print(forecast.summary())                                             # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exocast.documents import no_such_file
from exocast.errors import (
    ExocastError,
    GeneralPathUsed,
    InvalidInput,
    NotFound,
    UnknownName,
    nearest,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import ArrayLike

    from exocast.evidence.register import Register, Study
    from exocast.evidence.rows import Row
    from exocast.patient.exposure import ExposureScenario
    from exocast.patient.scenario import Scenario
    from exocast.report.figures import Figure
    from exocast.report.numbers import Numbers
    from exocast.report.story import Story
    from exocast.study.assay import Assayed as AssayedRoom
    from exocast.study.knowing import Worths
    from exocast.study.potency import Learnt
    from exocast.study.result import Result
    from exocast.study.validate import Scoreboard, Scored
    from exocast.vial.measured import MeasuredBatch

Progress = Callable[[int, int], None]
Library = str | Path | Sequence[str | Path]
# In a wheel the example travels inside the package; in a checkout it stands once, at the top.
EXAMPLES = (Path(__file__).parent / "example", Path(__file__).parents[2] / "examples" / "knee")
EXPOSURES = (
    Path(__file__).parent / "example_exposure",
    Path(__file__).parents[2] / "examples" / "exposure",
)
REPORT = "report.html"
PRIORS = ("default", "literature")


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A finished forecast.

    Attributes
    ----------
    result
        The result directory, read only where asked.
    """

    result: Result

    @property
    def directory(self) -> Path:
        """Where the result stands, ``report.html`` inside."""
        return self.result.directory

    @functools.cached_property
    def statistics(self) -> pd.DataFrame:
        """All statistics: arm, observable, time (days), statistic, level, value."""
        return self.result.frame("summary")

    @functools.cached_property
    def _numbers(self) -> Numbers:
        from exocast.report.numbers import Numbers

        return Numbers(self.statistics)

    @functools.cached_property
    def story(self) -> Story:
        """Everything the forecast says, in order: words, and tables of text."""
        from exocast.report.story import tell

        return tell(self.result, self._numbers)

    def summary(self) -> str:
        """What the forecast says, as text for a terminal."""
        from exocast.report.text import plain

        return plain(self.story)

    def record(self) -> dict[str, Any]:
        """The content of ``exocast forecast --json``."""
        from exocast.report.envelopes import finite, forecast_record

        return dict(finite(forecast_record(self.result, self._numbers)))

    def plot(self, observable: str = "pain_vas") -> Figure:
        """The mean difference over control in time, shown by notebooks, saved by ``.save(path)``.

        Parameters
        ----------
        observable
            An outcome, such as ``pain_vas`` or ``womac_total``.
        """
        from exocast.report.figures import difference
        from exocast.study.summary import OUTCOMES

        figure = difference(self.result, self._numbers, observable=observable)
        if figure is None:
            raise UnknownName(
                f"There is no outcome '{observable}' to plot." + nearest(observable, OUTCOMES)
            )
        return figure

    def to_xarray(self, observables: Sequence[str] | None = None) -> xr.Dataset:
        """Every run, with the dimensions arm, world, patient and time (days)."""
        return self.result.to_xarray(observables)

    @property
    def evidence(self) -> pd.DataFrame:
        """Every number behind the forecast, with unit, spread, source and grade."""
        return self.result.rows

    def cite(self, format: str = "text") -> str:  # noqa: A002 - the option's name
        """The sources that the forecast rests on, with the rows they carry, and the references.

        Parameters
        ----------
        format
            ``text`` for people, ``bibtex`` or ``ris`` for a reference manager.
        """
        from exocast.report.citations import citations, cite_text

        return cite_text(citations(self.result), format)

    def _repr_html_(self) -> str:
        from html import escape

        words = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.story.answer)
        labels = "".join(
            f"<p><strong>Note.</strong> {escape(label)}</p>" for label in self.story.labels
        )
        place = escape(str(self.directory / REPORT))
        return (
            f"<div><h3>{escape(self.story.title)}</h3>{labels}{words}"
            f'<div style="max-width:46rem">{self.plot().svg}</div>'
            f"<p>Full report: <code>{place}</code></p></div>"
        )


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """A finished exposure: where a dose went.

    Attributes
    ----------
    result
        The result directory, read only where asked.
    """

    result: Result

    @property
    def directory(self) -> Path:
        """Where the result stands, ``report.html`` inside."""
        return self.result.directory

    @functools.cached_property
    def statistics(self) -> pd.DataFrame:
        """All statistics: arm, observable, time (days), statistic, level, value."""
        return self.result.frame("summary")

    @functools.cached_property
    def _numbers(self) -> Numbers:
        from exocast.report.numbers import Numbers

        return Numbers(self.statistics)

    @functools.cached_property
    def story(self) -> Story:
        """Everything the exposure says, in order: words, and tables of text."""
        from exocast.report.exposure import tell

        return tell(self.result, self._numbers)

    def summary(self) -> str:
        """What the exposure says, as text for a terminal."""
        from exocast.report.text import plain

        return plain(self.story)

    def record(self) -> dict[str, Any]:
        """The content of ``exocast forecast --json`` for a scenario with a ``subject``."""
        from exocast.report.envelopes import finite
        from exocast.report.exposure import record

        return dict(finite(record(self.result, self._numbers)))

    def plot(self, which: str = "fates") -> Figure:
        """A figure of the report: ``fates`` (where the dose is) or ``places`` (with bands)."""
        from exocast.report.exposure import draw

        figures = draw(self.result, self._numbers)
        if which not in figures:
            raise UnknownName(f"There is no figure '{which}'." + nearest(which, tuple(figures)))
        return figures[which]

    def to_xarray(self, observables: Sequence[str] | None = None) -> xr.Dataset:
        """Every run, with the dimensions arm, world, patient and time (days)."""
        return self.result.to_xarray(observables)

    @property
    def evidence(self) -> pd.DataFrame:
        """Every number behind the exposure, with unit, spread, source and grade."""
        return self.result.rows

    def __repr__(self) -> str:
        about = self.result.manifest
        site, species = about["site"]["name"], about["species"]
        return f"Exposure({about['route']} at {site} of a {species}, in {str(self.directory)!r})"

    def _repr_html_(self) -> str:
        from html import escape

        words = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.story.answer)
        return f"<div>{words}{self.plot()._repr_svg_()}</div>"


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """Finished runs of a model.

    Attributes
    ----------
    result
        The result directory, read only where asked.
    """

    result: Result

    @property
    def directory(self) -> Path:
        """Where the result stands, ``plot.png`` inside."""
        return self.result.directory

    @property
    def runs(self) -> pd.DataFrame:
        """A row a run: run, ID, status, steps, rejections, error_estimate, time_reached."""
        return self.result.frame("runs")

    @property
    def statistics(self) -> pd.DataFrame:
        """Mean and quantiles over runs: observable, time, statistic, level, value."""
        return self.result.frame("summary")

    def to_frame(self) -> pd.DataFrame:
        """A row a run and time: ID, run, time, and what was observed."""
        from exocast.study.simulation import values

        return values(self.result)

    def summary(self) -> str:
        """How the runs ended and where they came to, as text for a terminal."""
        from exocast.report.bands import text

        return text(self.result)

    def record(self) -> dict[str, Any]:
        """The content of ``exocast simulate --json``."""
        from exocast.report.bands import record
        from exocast.report.envelopes import finite

        return dict(finite(record(self.result)))

    def plot(self, path: str | Path) -> Path:
        """Medians and 5 to 95 % bands of the observables, written as a PNG file.

        Parameters
        ----------
        path
            The file to write.
        """
        from exocast.report.bands import draw

        return draw(self.result, Path(path))


VIAL_RATIOS = ("protein", "cell_equivalents", "potency", "curve", "sample", "dilution")
# Option of the command line that changes a field; every other change is made by --set.
OPTIONS = (
    {f"vial.{name}": "--vial" for name in (*VIAL_RATIOS, "file")}
    | {"vial": "--batch"}
    | {"vial.curve": "--potency"}
    | {name: f"--{name}" for name in ("prior", "worlds", "patients", "seed")}
)


def forecast(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    *,
    out: str | Path | None = None,
    vial: str | Path | None = None,
    dilution: float | None = None,
    volume: str | None = None,
    sample: str | None = None,
    assume_vesicles: bool = False,
    batch: str | Path | None = None,
    potency: str | Path | None = None,
    prior: str | None = None,
    worlds: int | None = None,
    patients: int | None = None,
    seed: int | None = None,
    set: Mapping[str, Any] | Sequence[str] | None = None,  # noqa: A002 - the option's name
    progress: Progress | None = None,
) -> Forecast:
    """Forecast a scenario and write the result directory, whole or not at all.

    Parameters
    ----------
    scenario
        A ``scenario.yaml``, a folder that holds one, its content, or a parsed scenario.
    out
        Where the result goes: a new or empty directory, or an older result (which is replaced).
        A temporary directory when not given.
    vial, dilution, volume, sample, assume_vesicles
        The instrument's file in place of the scenario's, and what is known about it. Protein,
        cell equivalents and potency of the scenario's own vial are left behind with it; state
        those of the new one with ``set``.
    batch
        A ``batch.yaml``, or its folder, in place of the scenario's block ``vial``; the scenario's
        syringe stays.
    potency
        Table ``potency.csv`` that :func:`assay` wrote of the batch's own curve, in place of assays
        at large and of the scenario's relative potency.
    prior, worlds, patients, seed
        In place of the scenario's.
    set
        Further changes, as a mapping ``{"regimen.dose": "2e10 particle"}`` or as texts
        ``["regimen.dose=2e10 particle"]``.
    progress
        Called with (runs done, runs in all).

    Raises
    ------
    ExocastError
        With the file or field, what was found and what to do.
    """
    from exocast.patient import scenario as room

    named = {
        "vial.file": None if vial is None else str(_existing(vial)),
        "vial.curve": None if potency is None else str(_existing(potency)),
        "prior": prior,
        "worlds": worlds,
        "patients": patients,
        "seed": seed,
    }
    own = _changes({k: v for k, v in named.items() if v is not None})
    extra = _changes(set)
    if vial is not None:
        # Ratios were measured in the scenario's own vial and say nothing about another one.
        own = [*(f"vial.{name}=null" for name in VIAL_RATIOS), *own]
    if potency is not None:
        own = ["vial.potency=null", *own]
    if batch is not None:
        if vial is not None or potency is not None:
            raise InvalidInput(
                "a batch file says what the vial holds and how potent it is; leave out --vial and "
                "--potency, or name the files in the batch file.",
                where="--batch",
            )
        own = [*_of_batch(scenario, batch), *own]
    options = room.options_of(own, OPTIONS) | room.options_of(extra)
    parsed, base = _scenario(scenario, [*own, *extra], options)
    target = _target(out)
    from exocast.patient.forecast import run_forecast

    with (
        _options_named(options),
        tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", suffix=".partial", dir=target.parent
        ) as folder,
    ):
        written = run_forecast(
            parsed,
            Path(folder) / "result",
            base=base,
            dilution=dilution,
            volume=volume,
            sample=sample,
            assume_vesicles=assume_vesicles,
            progress=progress,
        )
        _finish(written)
        _put(written, target)
    return open_result(target)


def exposure(
    scenario: str | Path | Mapping[str, Any] | ExposureScenario,
    *,
    out: str | Path | None = None,
    library: Library = (),
    vial: str | Path | None = None,
    dilution: float | None = None,
    volume: str | None = None,
    sample: str | None = None,
    assume_vesicles: bool = False,
    batch: str | Path | None = None,
    prior: str | None = None,
    worlds: int | None = None,
    patients: int | None = None,
    seed: int | None = None,
    set: Mapping[str, Any] | Sequence[str] | None = None,  # noqa: A002 - the option's name
    progress: Progress | None = None,
) -> Exposure:
    """Where a dose goes, for any site, route and species.

    ``exocast forecast`` does this with a scenario that names a ``subject`` in place of a
    ``patient``.

    Parameters
    ----------
    scenario
        A scenario file, a folder that holds one, its content, or a parsed exposure scenario.
    library
        Folders with sites, fragments and tables of your own, searched before the package's.
    out, vial, dilution, volume, sample, assume_vesicles, batch, prior, worlds, patients, seed, set
        As in :func:`forecast`.
    progress
        Called with (runs done, runs in all).

    Raises
    ------
    ExocastError
        With the file or field, what was found and what to do.
    """
    from exocast.patient import scenario as room
    from exocast.patient.exposure import parse_exposure, run_exposure

    named = {
        "vial.file": None if vial is None else str(_existing(vial)),
        "prior": prior,
        "worlds": worlds,
        "patients": patients,
        "seed": seed,
    }
    own = _changes({k: v for k, v in named.items() if v is not None})
    extra = _changes(set)
    if batch is not None:
        if vial is not None:
            raise InvalidInput(
                "a batch file says what the vial holds; leave out --vial.", where="--batch"
            )
        own = [*_of_batch(scenario, batch), *own]
    options = room.options_of(own, OPTIONS) | room.options_of(extra)
    data, base, where = _content(scenario)
    changed = room.with_changes(data, [*own, *extra], options)
    parsed = parse_exposure(changed, where=where, options=options)
    target = _target(out)
    folders = (library,) if isinstance(library, str | Path) else tuple(library)
    with (
        _options_named(options),
        tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", suffix=".partial", dir=target.parent
        ) as folder,
    ):
        written = run_exposure(
            parsed,
            Path(folder) / "result",
            base=base,
            libraries=folders,
            dilution=dilution,
            volume=volume,
            sample=sample,
            assume_vesicles=assume_vesicles,
            progress=progress,
        )
        _finish(written)
        _put(written, target)
    return open_exposure(target)


def asks_for_exposure(scenario: str | Path) -> bool:
    """Whether a scenario file names a ``subject``: then it is for :func:`exposure`."""
    from exocast.patient.exposure import is_exposure

    return is_exposure(_content(scenario)[0])


@dataclass(frozen=True, kw_only=True)
class Assayed:
    """A simulated assay, and what measured curves teach where they were given.

    Attributes
    ----------
    made
        Doses, responses of every world, curves, designs, shares by cargo.
    learnt
        Prior and posterior of a measured curve; None without one.
    """

    made: AssayedRoom
    learnt: Learnt | None = None

    @functools.cached_property
    def story(self) -> Story:
        """Everything the assay says, in order: words, and tables of text."""
        from exocast.report.assay import tell

        return tell(self.made, self.learnt)

    def summary(self) -> str:
        """What the assay says, as text for a terminal."""
        from exocast.report.text import plain

        return plain(self.story)

    def record(self) -> dict[str, Any]:
        """The content of ``exocast assay --json``."""
        from exocast.report.assay import record

        return record(self.made, self.learnt)

    def plot(self, which: str = "curve") -> Figure:
        """A figure: ``curve``, ``plate`` or ``cargo``; with a curve ``learnt`` or ``posterior``."""
        from exocast.report.assay import draw

        figures = draw(self.made, self.learnt)
        if which not in figures:
            raise UnknownName(f"There is no figure '{which}'." + nearest(which, tuple(figures)))
        return figures[which]

    def __repr__(self) -> str:
        return f"<{self.story.title}, {self.made.worlds} worlds>"

    def _repr_html_(self) -> str:
        from exocast.report.assay import page

        return page(self.made, self.learnt)


def assay(
    name: str | Path,
    *,
    batch: str | Path | None = None,
    measured: str | Path | Sequence[str | Path] = (),
    library: Library = (),
    out: str | Path | None = None,
    worlds: int | None = None,
    seed: int | None = None,
    prior: str = "default",
    progress: Progress | None = None,
) -> Assayed:
    """Simulate a potency assay as a laboratory runs it; with measured curves, learn from them.

    Parameters
    ----------
    name
        Of an assay (:func:`assays` lists them), or an assay file of one's own.
    batch
        A YAML file with a block ``vial`` as in a scenario: its file, volume, protein assay and
        potency; a typical preparation when not given.
    measured
        Tables with columns ``vesicles_per_cell`` and ``response``, a line a well, with a control
        at dose 0; a column ``assay`` names another assay of the same batch.
    library
        Folders with sites, fragments, tables and ``study/assays`` in place of the package's.
    out
        Directory for ``report.html``, ``assay.json`` and, of a curve, ``potency.csv``.
    worlds, seed
        Draws of what is not known, 200 when not given, and the seed of all chance.
    prior
        ``default`` or ``literature``.
    progress
        Called with (steps of the sampler done, steps in all).

    Raises
    ------
    ExocastError
        For an assay, batch or curve that cannot be used, with the file and what to do.
    """
    from exocast.report.assay import write
    from exocast.study import assay as room
    from exocast.study.potency import learn, read_curve

    folders = (library,) if isinstance(library, str | Path) else tuple(library)
    if prior not in PRIORS:
        raise UnknownName(f"There is no prior '{prior}'." + nearest(prior, PRIORS), where="--prior")
    if out is not None and Path(out).is_file():
        raise InvalidInput("this is a file; name a directory.", code="EXISTS", where=str(out))
    chosen = room.load(name, folders)
    content = None if batch is None else room.read_batch(_existing(batch))
    how: dict[str, Any] = {
        "batch": content,
        "libraries": folders,
        "seed": room.SEED if seed is None else seed,
        "prior": prior,
    }
    made = room.assay(chosen, worlds=room.WORLDS if worlds is None else worlds, **how)
    learnt = None
    tables = [measured] if isinstance(measured, str | Path) else list(measured)
    if tables:
        known = {each: room.load(each, folders) for each in room.names(folders)}
        known[chosen.name] = chosen
        curves = [m for t in tables for m in read_curve(Path(t), known, chosen.name)]
        curves.sort(key=lambda m: m.assay != chosen.name)
        learnt = learn(curves, known, progress=progress, **how)
    if out is not None:
        write(made, Path(out), learnt)
    return Assayed(made=made, learnt=learnt)


def assays(library: Library = ()) -> dict[str, Any]:
    """Assays by name.

    Parameters
    ----------
    library
        Folders with ``study/assays`` of one's own.

    Returns
    -------
    ``{"assays": [{"name", "title", "site", "main"}]}``, as the schema ``assays`` says.
    """
    from exocast.study.assay import load, names

    folders = (library,) if isinstance(library, str | Path) else tuple(library)
    found = [load(name, folders) for name in names(folders)]
    return {
        "assays": [
            {"name": a.name, "title": a.title, "site": a.site, "main": a.main} for a in found
        ]
    }


@dataclass(frozen=True, kw_only=True)
class Validation:
    """A scoreboard: what was predicted beside what was measured.

    Attributes
    ----------
    board
        Everything scored.
    before
        What the package's own model says, where a library took its place; else empty.
    """

    board: Scoreboard
    before: tuple[Scored, ...] = ()

    @property
    def rows(self) -> pd.DataFrame:
        """The rows as a table: dataset, condition, observed, predicted, band, fold error ..."""
        return self.board.frame()

    @functools.cached_property
    def story(self) -> Story:
        """Everything the scoreboard says, in order: words, and tables of text."""
        from exocast.report.scoreboard import tell

        return tell(self.board, before=self.before)

    def summary(self) -> str:
        """What the scoreboard says, as text for a terminal."""
        from exocast.report.text import plain

        return plain(self.story)

    def record(self) -> dict[str, Any]:
        """The content of ``exocast validate --json``."""
        from exocast.report.scoreboard import record

        return record(self.board, before=self.before)

    def plot(self, which: str = "scatter") -> Figure:
        """A figure: ``scatter`` (predicted against observed), ``courses`` or ``profiles``."""
        from exocast.report.scoreboard import draw

        figures = draw(self.board)
        if which not in figures:
            raise UnknownName(f"There is no figure '{which}'." + nearest(which, tuple(figures)))
        return figures[which]


def validate(
    *,
    data: str | Path | None = None,
    only: Sequence[str] = (),
    library: Library = (),
    out: str | Path | None = None,
    worlds: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Validation:
    """Simulate measured experiments and score the model against them.

    Parameters
    ----------
    data
        Folder of triplets ``<name>.csv``, ``<name>.yaml``, ``<name>.scenario.yaml``; the package's
        own when not given.
    only
        Names of some of the data sets.
    library
        Folders with sites, fragments and tables of your own in place of the package's; what they
        move is told apart.
    out
        Directory for ``scoreboard.csv``, ``scoreboard.json`` and ``report.html``.
    worlds, seed
        Draws of what is not known, 200 when not given, and the seed of all chance.
    progress
        Called with (data sets done, data sets in all).

    Raises
    ------
    ExocastError
        For a triplet, site or name that cannot be used, with the file and what to do.
    """
    from exocast.report.scoreboard import write
    from exocast.study import validate as room
    from exocast.study.experiment import SEED, WORLDS
    from exocast.study.triplets import FOLDER

    folders = (library,) if isinstance(library, str | Path) else tuple(library)
    folder = FOLDER if data is None else Path(data)
    how: dict[str, Any] = {
        "only": tuple(only),
        "worlds": WORLDS if worlds is None else worlds,
        "seed": SEED if seed is None else seed,
    }
    board = room.validate(folder, libraries=folders, progress=progress, **how)
    before: tuple[Scored, ...] = ()
    if folders:
        with contextlib.suppress(ExocastError):  # sites that only the library has have no before
            before = room.validate(folder, **how).rows
    if out is not None:
        write(board, Path(out), before=before)
    return Validation(board=board, before=before)


def open_exposure(directory: str | Path) -> Exposure:
    """An exposure that was made before.

    Parameters
    ----------
    directory
        A result directory, as ``exocast forecast --out`` writes it for a ``subject``.

    Raises
    ------
    ExocastError
        When there is none, or it is partial, truncated, changed, or of another kind.
    """
    from exocast.study import result

    return Exposure(result=result.open_result(directory, "exposure"))


def open_result(directory: str | Path) -> Forecast:
    """A forecast that was made before.

    Parameters
    ----------
    directory
        A result directory, as ``exocast forecast --out`` writes it.

    Raises
    ------
    ExocastError
        When there is none, or it is partial, truncated or changed.
    """
    from exocast.study import result

    return Forecast(result=result.open_result(directory))


def report(directory: str | Path) -> Forecast | Exposure:
    """A forecast or an exposure with its summary and report written again from its runs."""
    if _finish(Path(directory)) == "exposure":
        return open_exposure(directory)
    return open_result(directory)


def inspect_vial(
    paths: str | Path | Sequence[str | Path],
    *,
    dilution: float | None = None,
    sample: str | None = None,
    reader: str | None = None,
    mapping: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """What instrument files hold: captures, dilution, concentration, size, wells, doubts.

    Parameters
    ----------
    paths
        Files, or folders that stand for the files in them.
    dilution
        How many times the sample was diluted before the measurement, when the files do not say.
    sample
        Which sample, when a file holds several.
    reader
        Name of a reader to use, whatever the files look like.
    mapping
        YAML file that says what the columns of a table of sizes are, where no reader knows it.
    progress
        Called with (files read, files in all).

    Returns
    -------
    ``{"result": {"files": [...], "refused": [...]}, "warnings": [...]}`` as ``exocast vial
    inspect --json`` prints them.
    """
    from exocast.vial import inspect

    several = [paths] if isinstance(paths, str | Path) else list(paths)
    return dict(
        inspect(
            [_existing(p) for p in several],
            dilution=dilution,
            sample=sample,
            reader=reader,
            mapping=mapping,
            progress=progress,
        )
    )


@dataclass(frozen=True)
class Batch:
    """A measured batch: what its files say, and what a forecast draws for it.

    Attributes
    ----------
    measured
        Estimates, files, warnings and the reporting list.
    rows
        Numbers that a forecast draws.
    filled
        Which of them come from other products.
    worths
        What knowing each would be worth; None without a scenario.
    """

    measured: MeasuredBatch
    rows: tuple[Row, ...]
    filled: tuple[str, ...]
    worths: Worths | None = None

    @functools.cached_property
    def story(self) -> Story:
        """Everything the batch says, in order: words, and tables of text."""
        from exocast.report.batch import tell

        return tell(self.measured, self.rows, self.filled, self.worths)

    @property
    def warnings(self) -> tuple[dict[str, str], ...]:
        """What a person has to know, by code."""
        return tuple(
            {"code": w.code, "message": w.message, "where": w.where} for w in self.measured.warnings
        )

    def summary(self) -> str:
        """What the batch says, as text for a terminal."""
        from exocast.report.text import plain

        return plain(self.story)

    def record(self, report: Path | None = None) -> dict[str, Any]:
        """The content of ``exocast vial batch --json``."""
        from exocast.report.batch import record

        return record(self.measured, self.rows, self.filled, self.worths, report)

    def plot(self, which: str = "count") -> Figure:
        """A figure: ``count``, ``size``, ``joint``, and ``worth`` where a scenario was given."""
        from exocast.report.batch import draw

        figures = draw(self.measured, self.rows, self.worths)
        if which not in figures:
            raise UnknownName(f"There is no figure '{which}'." + nearest(which, tuple(figures)))
        return figures[which]

    def __repr__(self) -> str:
        return f"<{self.story.title}, {len(self.measured.files)} files>"

    def _repr_html_(self) -> str:
        from exocast.report.batch import page

        return page(self.measured, self.rows, self.filled, self.worths)


def batch(
    path: str | Path,
    *,
    scenario: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    worlds: int = 200,
    progress: Progress | None = None,
) -> Batch:
    """A batch measured from the files that its ``batch.yaml`` names.

    Parameters
    ----------
    path
        ``batch.yaml``, or the folder that holds it.
    scenario
        A scenario in which the batch is given: then the batch says which measurement would make
        its forecast sharper.
    out
        Directory for ``report.html`` and ``batch.json``.
    worlds
        Draws of what is not known, for the scenario.
    progress
        Called with (steps done, steps in all).

    Raises
    ------
    ExocastError
        With the file or field, what was found and what to do.
    """
    from exocast.report.batch import write
    from exocast.vial.measured import measure_batch
    from exocast.vial.vial import VialDescription, load_vial

    measured = measure_batch(path, progress if scenario is None else None)
    vial = load_vial(
        VialDescription(batch=str(Path(measured.path).absolute())),
        Path.cwd(),
        assume_vesicles=True,
    )
    worths = None
    if scenario is not None:
        from exocast.study.knowing import worth_of_knowing

        parsed, base = _scenario(scenario, _of_batch(scenario, measured.path), {})
        worths = worth_of_knowing(parsed, base, worlds=worlds, progress=progress)
    found = Batch(measured=measured, rows=vial.rows, filled=vial.filled, worths=worths)
    if out is not None:
        write(measured, vial.rows, vial.filled, Path(out), worths)
    return found


def draft_batch(
    folder: str | Path, out: str | Path | None = None, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Write a first ``batch.yaml`` for a folder of exports: files sorted, questions left open.

    Parameters
    ----------
    folder
        Where the exports are.
    out
        File to write; ``batch.yaml`` in the folder when not given. One that is there is never
        overwritten.
    progress
        Called with (files read, files in all).

    Returns
    -------
    ``{"file", "sorted": {field: [files]}, "unread": [{"file", "why"}]}``.
    """
    from exocast.vial.batch import BATCH_FILE
    from exocast.vial.draft import draft_batch as drafted

    target = Path(out) if out is not None else Path(folder) / BATCH_FILE
    if target.exists():
        raise InvalidInput(
            "this file is there already and is not overwritten; name another with --out.",
            where=str(target),
        )
    made = drafted(Path(folder), progress, target.absolute().parent)
    target.write_text(made.text, encoding="utf-8")
    return {
        "file": str(target),
        "sorted": made.sorted_files,
        "unread": [{"file": name, "why": why} for name, why in made.unread],
    }


def relative_potency(
    path: str | Path,
    *,
    reference: str | None = None,
    sample: str | None = None,
    model: str = "4pl",
    bounds: str | Path | None = None,
    dose_range: str | None = None,
    transform: str = "none",
    outliers: str = "none",
    combine: bool = False,
    assay: str | None = None,
    layout: str | Path | None = None,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Relative potency of a batch against a reference, from responses of a potency assay.

    Parameters
    ----------
    path
        Table with the columns ``sample``, ``dose``, ``dose_unit`` and ``response``, a line a
        well, and where there are any ``plate``, ``run``, ``well``, ``excluded`` and ``reason``.
    reference, sample
        Names; the reference is called so, and a single other sample is the test sample, when not
        given.
    model
        ``4pl`` or ``parallel-line``.
    bounds
        Table with ``measure``, ``low``, ``high`` and ``source`` of the assay's own bounds.
    dose_range
        For parallel lines: ``LOW:HIGH`` in the unit of the doses, ``all`` or ``rule``.
    transform
        Of the response: ``none`` or ``log``.
    outliers
        ``none`` or ``rosner``.
    combine
        Each run (or plate, without runs) is an assay of its own, and their results are combined.
    assay
        Name of the assay, for a scenario.
    layout
        Table of what stands in which well, where ``path`` is the export of a plate reader.
    out
        Directory for ``potency.yaml``, the block that a scenario takes. One from before is
        removed where there is no potency.

    Returns
    -------
    ``{"result": {...}, "warnings": [...]}`` as ``exocast vial potency --json`` prints them.
    ``result["refused"]`` says with its code why there is no potency; else it is None.
    """
    from exocast.vial import relative_potency as analysed
    from exocast.vial import scenario_text

    found = analysed(
        _existing(path),
        reference=reference,
        sample=sample,
        model=model,
        bounds=None if bounds is None else Path(bounds),
        dose_range=dose_range,
        transform=transform,
        outliers=outliers,
        combine=combine,
        assay=assay,
        layout=None if layout is None else _existing(layout),
    )
    if out is not None:
        target = Path(out) / "potency.yaml"
        if found["result"]["scenario"] is None:
            target.unlink(missing_ok=True)  # of another result, and would be taken for this one's
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(scenario_text(found["result"]), encoding="utf-8", newline="\n")
    return found


def sites(library: Library = ()) -> dict[str, Any]:
    """Sites that an exposure can be about, with routes and conditions; and the species.

    Parameters
    ----------
    library
        Folders with sites and species of your own.

    Returns
    -------
    ``{"sites": [{"name", "title", "takes", "routes", "conditions", "default_condition"}],
    "species": [...]}``, as the schema ``sites`` says.
    """
    from exocast.engine.site import species_names
    from exocast.patient.exposure import exposure_places

    folders = (library,) if isinstance(library, str | Path) else tuple(library)
    return {
        "sites": [
            {
                "name": place.name,
                "title": place.title,
                "takes": takes,
                "routes": list(routes),
                "conditions": list(place.conditions),
                "default_condition": place.default_condition,
            }
            for place in exposure_places(folders)
            for takes, routes in (("vesicles", place.vesicles), ("cells", place.cells))
            if routes
        ],
        "species": list(species_names(folders)),
    }


def site(name: str | Path, library: Library = ()) -> dict[str, Any]:
    """What a site is made of and what of it can be observed, as validation data name it.

    Parameters
    ----------
    name
        Of a site of the package or a library, wells of assays included, or the path of its file.
    library
        Folders with sites and species of your own.

    Returns
    -------
    ``{"name", "title", "routes", "conditions", "default_condition", "fragments", "observables"}``,
    as the schema ``site`` says: what each route takes, which fragment each part is, and every
    observable with its unit, at the usual condition.

    Raises
    ------
    UnknownName
        When there is no such site; the nearest ones are offered.
    """
    from exocast.engine import assemble
    from exocast.engine.site import load_site

    folders = (library,) if isinstance(library, str | Path) else tuple(library)
    found = load_site(name, folders)
    model = assemble(name, libraries=folders)
    return {
        "name": found.name,
        "title": found.title,
        "routes": {route: list(targets) for route, targets in model.routes.items()},
        "conditions": list(found.conditions),
        "default_condition": found.default_condition,
        "fragments": {part: each.fragment for part, each in found.instances.items()},
        "observables": [
            {"name": key, "unit": each.unit, "text": each.text}
            for key, each in model.observables.items()
        ],
    }


def init(directory: str | Path, *, exposure: bool = False) -> tuple[Path, ...]:
    """Write a commented scenario and an example vial file that run as they are.

    Parameters
    ----------
    directory
        Where they go; made when it is not there.
    exposure
        Write an exposure (where a dose goes) in place of a forecast of outcomes.

    Returns
    -------
    The files written. Nothing is written over.
    """
    target = Path(directory)
    wanted = EXPOSURES if exposure else EXAMPLES
    example = next((folder for folder in wanted if folder.is_dir()), None)
    if example is None:
        raise NotFound("The example is missing from this installation.", where=str(wanted[0]))
    names = sorted(p.name for p in example.iterdir() if p.is_file())
    there = [name for name in names if (target / name).exists()]
    if there:
        raise InvalidInput(
            f"{', '.join(there)} stands there already; choose another directory.",
            code="EXISTS",
            where=str(target),
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InvalidInput(
            "this is a file; name a directory.", code="EXISTS", where=str(target)
        ) from None
    return tuple(Path(shutil.copyfile(example / name, target / name)) for name in names)


def schema(name: str) -> dict[str, Any]:
    """JSON Schema of a file people write or of what a command prints.

    Parameters
    ----------
    name
        One of :func:`schema_names`.
    """
    from exocast.report.envelopes import ENVELOPES

    if name in ENVELOPES:
        return ENVELOPES[name].model_json_schema(by_alias=True)
    files = _file_models()
    if name in files:
        return dict(files[name]().model_json_schema(by_alias=True))
    close = nearest(name, schema_names()) or f" Known: {', '.join(schema_names())}."
    raise UnknownName(f"There is no schema '{name}'.{close}")


def schema_names() -> tuple[str, ...]:
    """Names that :func:`schema` knows."""
    from exocast.report.envelopes import ENVELOPES

    return tuple(sorted({*ENVELOPES, *_file_models()}))


def _file_models() -> dict[str, Callable[[], Any]]:
    def scenario() -> Any:
        from exocast.patient.scenario import Scenario

        return Scenario

    def triplet() -> Any:
        from exocast.study.triplets import Experiment

        return Experiment

    def exposure_scenario() -> Any:
        from exocast.patient.exposure import ExposureScenario

        return ExposureScenario

    def site() -> Any:
        from exocast.engine.site import Site

        return Site

    def condition() -> Any:
        from exocast.engine.site import Condition

        return Condition

    def assay_file() -> Any:
        from exocast.study.assay import Assay

        return Assay

    def batch_file() -> Any:
        from exocast.vial.batch import BatchDescription

        return BatchDescription

    def product() -> Any:
        from exocast.vial import Product

        return Product

    return {
        "assay-file": assay_file,
        "batch": batch_file,
        "condition": condition,
        "exposure-scenario": exposure_scenario,
        "product": product,
        "scenario": scenario,
        "site": site,
        "triplet-scenario": triplet,
    }


def evidence_check(library: Library = ()) -> dict[str, Any]:
    """Every finding on the package's tables, sources and fragments, all together.

    Parameters
    ----------
    library
        Folders with registers of one's own, whose lines are checked too.

    Returns
    -------
    ``{"tables": ..., "rows": ..., "findings": [{"severity", "code", "message", "where"}]}``.
    """
    from dataclasses import asdict

    from exocast import engine
    from exocast.evidence import bias, certainty, safety
    from exocast.evidence.checks import check_package

    found: dict[str, Any] = dict(check_package())
    more = [
        {"severity": f.severity, "code": f.code, "message": f.message, "where": f.where}
        for f in engine.findings()
    ]
    whole = bias.with_readers(library)
    more += [asdict(doubt) for doubt in whole.doubts()]
    more += [asdict(doubt) for doubt in bias.findings(whole, library=library)]
    for table in (certainty, safety):
        more += [asdict(doubt) for doubt in table.findings(whole)]
    return {**found, "findings": [*found["findings"], *more]}


def evidence_search(words: str, *, library: Library = ()) -> dict[str, Any]:
    """Studies of the register in which every word occurs, the best design in people first.

    Parameters
    ----------
    words
        Words that all have to occur.
    library
        Folders with registers of one's own.

    Returns
    -------
    ``{"studies": [...]}``, as the schema ``evidence-search`` says, in the order of
    :func:`exocast.evidence.designs.best_first`.
    """
    from exocast.evidence.designs import best_first
    from exocast.evidence.register import register

    whole = register(library=library)
    return {"studies": [_study(whole, study) for study in best_first(whole.search(words))]}


def evidence_show(study_id: str, *, library: Library = ()) -> dict[str, Any]:
    """A study, its results, what is open about them, and why it is graded so.

    Parameters
    ----------
    study_id
        Id of the study, as a search gives it.
    library
        Folders with registers of one's own, or with judgements in a ``bias.csv``, which replace
        what stands here.

    Raises
    ------
    UnknownName
        With the nearest id.
    """
    from dataclasses import asdict

    from exocast.evidence.bias import assessments, doubts, why_not_judged, with_readers
    from exocast.evidence.certainty import with_study
    from exocast.report.appraisal import bias_record, body_record
    from exocast.report.envelopes import ResultRecord

    whole = with_readers(library)
    study, results = whole.study(study_id), whole.results_of(study_id)
    wanted = ResultRecord.model_fields
    places = {study.where, *(r.where for r in results)}
    places |= {update.where for update in whole.updates if update.study_id == study_id}
    judged = assessments(library).get(study_id)
    open_on_it = [d for d in whole.doubts() if d.where in places]
    open_on_it += doubts([judged] if judged else [])
    return {
        "study": _study(whole, study),
        "results": [{k: v for k, v in asdict(r).items() if k in wanted} for r in results],
        "findings": [asdict(d) for d in open_on_it],
        "judged": bias_record(judged) if judged else None,
        "not_judged": "" if judged else why_not_judged(study),
        "bodies": [body_record(body) for body in with_study(study_id)],
    }


def evidence_status(product: str = "") -> dict[str, Any]:
    """What regulators say of a product, each with its date; of all when none is named."""
    from dataclasses import asdict

    from exocast.evidence.register import register

    return {"status": [asdict(s) for s in register().status_of(product)]}


def evidence_grade(words: str = "", *, plot: str | Path | None = None) -> dict[str, Any]:
    """Bodies of evidence with effect, certainty and the reason of every step.

    Parameters
    ----------
    words
        Words that all have to occur in a body; all bodies when empty.
    plot
        SVG file for a summary of findings.

    Returns
    -------
    As the schema ``evidence-grade`` says; no body is an answer too.

    Raises
    ------
    InvalidInput
        For a figure of nothing.
    """
    from exocast.evidence.bias import FIRST
    from exocast.evidence.certainty import about
    from exocast.report import appraisal

    found = about(words)
    if plot is not None:
        appraisal.summary_of_findings(found).save(plot)
    return {"words": words, "first": FIRST, "bodies": [appraisal.body_record(b) for b in found]}


def evidence_bias(
    words: str = "",
    *,
    tool: str = "",
    plot: str | Path | None = None,
    summary_plot: str | Path | None = None,
    robvis: str | Path | None = None,
    library: Library = (),
) -> dict[str, Any]:
    """Risk of bias of studies, domain by domain with reasons.

    Parameters
    ----------
    words
        Words that all have to occur in a study, as :func:`evidence_search` reads them; all
        studies when empty.
    tool
        ``rob2``, ``robins_i`` or ``syrcle``; all when empty.
    plot, summary_plot
        SVG files for a traffic-light figure and for bars over the studies.
    robvis
        CSV file to write in the layout of robvis; the studies have to be of one tool.
    library
        Folders with a reader's own ``bias.csv``, which replaces what stands here study by study,
        or with a register of one's own.

    Returns
    -------
    As the schema ``evidence-bias`` says.

    Raises
    ------
    InvalidInput
        For a figure of nothing, a file of several tools, or a table that cannot be read.
    NotFound
        When a library holds neither a ``bias.csv`` nor a register.
    """
    from dataclasses import asdict

    from exocast.evidence import bias
    from exocast.evidence import robvis as layout
    from exocast.evidence.designs import best_first
    from exocast.report import appraisal

    found = bias.chosen(words, tool=tool, library=library)
    if plot is not None:
        appraisal.traffic_lights(found).save(plot)
    if summary_plot is not None:
        appraisal.summary_bars(found).save(summary_plot)
    if robvis is not None:
        layout.write(Path(robvis), found)
    judged = bias.assessments(library)
    return {
        "words": words,
        "first": bias.FIRST if any(a.ours for a in found) else "",
        "assessments": [appraisal.bias_record(a) for a in found],
        "not_judged": [
            {"study_id": s.study_id, "why": bias.why_not_judged(s)}
            for s in best_first(bias.with_readers(library).search(words))
            if s.study_id not in judged and bias.why_not_judged(s)
        ],
        "findings": [asdict(d) for d in bias.doubts(found)],
    }


def evidence_safety(words: str = "") -> dict[str, Any]:
    """Reports of harm without a denominator, apart from rates with exact intervals.

    Parameters
    ----------
    words
        Words that all have to occur in a line or its study's title; all lines when empty.

    Returns
    -------
    As the schema ``evidence-safety`` says.
    """
    from exocast.evidence.safety import NO_DENOMINATOR, about
    from exocast.report.appraisal import harm_record

    found = [harm_record(h) for h in about(words)]
    kinds = (("reports", "report"), ("rates", "rate"), ("words", "words"))
    return {"about": words, "no_denominator": NO_DENOMINATOR} | {
        name: [h for h in found if h["kind"] == kind] for name, kind in kinds
    }


def evidence_pool(
    query: str,
    *,
    method: str = "REML",
    test: str = "knapp-hartung",
    unresolved: bool = False,
    without: Sequence[str] = (),
    used_for: str = "",
    by: str = "",
    regress: str = "",
    plot: str | Path | None = None,
    funnel: str | Path | None = None,
    library: Library = (),
) -> dict[str, Any]:
    """Pools studies of the register.

    Parameters
    ----------
    query
        ``indication: given | end point | change | 12-26 weeks``, or ``given vs other`` with a
        statistic of two groups.
    method, test
        As of :func:`exocast.evidence.synthesis.pool`.
    unresolved
        Whether studies that no identifier leads to are pooled too.
    without
        Ids of studies that are left out.
    used_for
        ``calibration`` leaves out the studies by which forecasts are tested.
    by
        Field that divides the pool, such as ``product_source`` or ``design``; ``bias`` is the
        overall risk of bias.
    regress
        ``week``, ``year``, ``dose`` or ``n``: a regression of effects on it.
    plot, funnel
        SVG files for a forest and a funnel plot.
    library
        Folders with registers of one's own.

    Raises
    ------
    InvalidInput
        For a query of another form, or a plot of nothing.
    UnknownName
        For what the register does not have, with the nearest that it has.
    """
    from exocast.evidence.query import answer, checks, parts, slope
    from exocast.evidence.register import register
    from exocast.report import evidence_figures, evidence_pools

    found = answer(
        query,
        register(library=library),
        method=method,
        test=test,
        unresolved=unresolved,
        leave_out=_left_out(without, used_for),
        by=by,
    )
    some = bool(found.entries)
    checked = checks(found, method=method, test=test) if some else None
    divided = parts(found, by, method=method, test=test) if by and some else None
    regressed = slope(found, regress, method=method, test=test) if regress else None
    if plot is not None:
        evidence_figures.forest(query, found, divided).save(plot)
    if funnel is not None:
        evidence_figures.funnel(query, found, checked).save(funnel)
    return evidence_pools.record(
        query,
        found,
        method=method,
        test=test,
        checked=checked,
        divided=divided,
        regressed=regressed,
    )


def evidence_network(
    query: str,
    *,
    reference: str = "",
    method: str = "REML",
    unresolved: bool = False,
    without: Sequence[str] = (),
    used_for: str = "",
    library: Library = (),
    plot: str | Path | None = None,
    forest: str | Path | None = None,
) -> dict[str, Any]:
    """Compares all treatments of an indication, directly and by way of one another.

    Parameters
    ----------
    query
        ``indication | end point | 8-18 weeks``.
    reference
        Treatment that the others are compared with; saline where the network has it.
    method
        Variance between studies: ``fixed``, ``DL`` or ``REML``.
    unresolved, without, used_for
        As of :func:`evidence_pool`.
    library
        Folders with registers of one's own.
    plot, forest
        SVG files for the network and for its treatments against the reference.

    Raises
    ------
    InvalidInput
        For a query of another form, an unknown reference, or a plot of nothing.
    UnknownName
        For what the register does not have, with the nearest that it has.
    """
    from exocast.evidence.query import network_answer
    from exocast.evidence.register import register
    from exocast.report import evidence_figures, evidence_pools

    found = network_answer(
        query,
        register(library=library),
        reference=reference,
        method=method,
        unresolved=unresolved,
        leave_out=_left_out(without, used_for),
    )
    if plot is not None:
        evidence_figures.network_plot(query, found).save(plot)
    if forest is not None:
        evidence_figures.network_forest(query, found).save(forest)
    return evidence_pools.network_record(query, found)


def _left_out(without: Sequence[str], used_for: str) -> frozenset[str]:
    from exocast.errors import InvalidInput
    from exocast.evidence.query import kept_for_prediction

    if used_for not in ("", "calibration"):
        raise InvalidInput(
            f"'{used_for}' is no use of a pool; calibration is, and leaves out the studies by "
            "which forecasts are tested.",
            where="used_for",
        )
    return frozenset(without) | (kept_for_prediction() if used_for else frozenset())


def evidence_import(
    files: str | Path | Sequence[str | Path],
    *,
    into: str | Path | None = None,
    library: Library = (),
    same: Mapping[str, str] | Sequence[str] = (),
    new: Sequence[str] = (),
    update: bool = False,
    refresh: bool = False,
) -> dict[str, Any]:
    """What studies of files would change in the register; written only to a folder of one's own.

    Parameters
    ----------
    files
        Files (RIS, NBIB, BibTeX, JSON of ClinicalTrials.gov or Europe PMC, CSV tables), folders
        with such tables, and numbers to fetch: ``NCT01234567``, a DOI, ``PMID:123``.
    into
        Folder of one's own that is written; nothing is written when it is left out.
    library
        Further folders with registers of one's own to compare with.
    same
        Studies of the register by the ids that incoming ones are shown with, as a mapping or as
        texts ``"smith2021=dorio2021"``.
    new
        Ids of incoming studies that are not the ones they resemble.
    update
        Whether what comes in takes the place of what contradicts it.
    refresh
        Whether records that were fetched before are fetched again.

    Returns
    -------
    ``{"result": {...}, "warnings": [...]}``, the result as the schema ``evidence-import`` says.

    Raises
    ------
    ExocastError
        For a file that is not there or cannot be read, and a folder that may not be written.
    """
    from datetime import UTC, datetime

    from exocast.evidence import exchange
    from exocast.evidence.register import Result, impossible, register, typed
    from exocast.report.exchange import import_record

    several = [files] if isinstance(files, str | Path) else list(files)
    if not several:
        raise InvalidInput("name a file or the number of a study.", where="FILE")
    target = None if into is None else Path(into)
    libraries = [Path(library)] if isinstance(library, str | Path) else [Path(p) for p in library]
    if target is not None:
        exchange.check_folder(target)
        libraries = [one for one in libraries if one.resolve() != target.resolve()]
        if exchange.is_library(target):
            libraries.append(target)
    whole = register(library=libraries)
    paths, notes = [], []
    for one in several:
        if isinstance(one, str) and not Path(one).exists() and exchange.named(one):
            path, note = exchange.fetched(one, refresh=refresh)
            notes += [{"code": "NOT_FRESH", "message": note, "where": one}] if note else []
            paths.append(path)
        else:
            paths.append(Path(one))
    parsed = exchange.read_files(paths)
    made = exchange.compare(
        parsed.entries,
        whole,
        into="" if target is None else str(target),
        decided=exchange.Decisions(same=_decided(same), new=tuple(new), update=update),
        today=datetime.now(UTC).date().isoformat(),
    )
    written = target is not None and exchange.write_folder(made, target, others=libraries)
    remarks = [*parsed.remarks, *(remark for entry in parsed.entries for remark in entry.remarks)]
    notes += [{"code": "READ", "message": r.message, "where": r.where} for r in remarks]
    for entry in parsed.entries:
        for cell in entry.results:
            line = Result(**typed(Result, dict(cell), where="results"), line=0)
            if why := impossible(line):
                notes.append(
                    {
                        "code": "IMPOSSIBLE",
                        "message": f"{line.intervention}, {line.endpoint}: {why}; it will weigh "
                        "nothing",
                        "where": line.study_id,
                    }
                )
    return {
        "result": import_record(made, into=target, written=written),
        "warnings": notes,
    }


def _decided(given: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    if isinstance(given, Mapping):
        return dict(given)
    pairs = [text.partition("=") for text in ([given] if isinstance(given, str) else given)]
    for left, sign, right in pairs:
        if not (left and sign and right):
            raise InvalidInput(
                f"'{left}{sign}{right}' is no pair; write the incoming id, '=', and the study's.",
                where="--same",
            )
    return {left.strip(): right.strip() for left, _, right in pairs}


def evidence_impact(
    files: str | Path | Sequence[str | Path],
    *,
    library: Library = (),
    same: Mapping[str, str] | Sequence[str] = (),
    new: Sequence[str] = (),
    unresolved: bool = False,
    plot: str | Path | None = None,
) -> dict[str, Any]:
    """What studies of files would move: pools, rows, and what forecasts say. Nothing is written.

    Parameters
    ----------
    files, library, same, new
        As of :func:`evidence_import`.
    unresolved
        Whether studies that no identifier leads to move anything.
    plot
        SVG file for a figure of before and after.

    Returns
    -------
    ``{"result": {...}, "warnings": [...]}``, the result as the schema ``evidence-impact`` says.

    Raises
    ------
    InvalidInput
        When the files hold nothing that the register does not have, or nothing is certain to be
        new.
    """
    from exocast.evidence.register import register
    from exocast.patient.impact import impact
    from exocast.report import impact as shown

    libraries = [Path(library)] if isinstance(library, str | Path) else [Path(p) for p in library]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "new"
        made = evidence_import(files, into=target, library=libraries, same=same, new=new)
        maybe = [one for one in made["result"]["studies"] if one["state"] == "maybe"]
        if not made["result"]["written"]:
            raise InvalidInput(
                "it may hold studies of the register ("
                + "; ".join(f"{m['study_id']}: {m['candidates'][0]['study_id']}" for m in maybe)
                + "); say which with --same ID=STUDY or --new ID."
                if maybe
                else "it holds nothing that the register does not have.",
                where="FILE",
            )
        found = impact(
            register(library=libraries),
            register(library=[*libraries, target]),
            unresolved=unresolved,
        )
    result = shown.record(found)
    if plot is not None:
        shown.figure(result).save(plot)
    warnings = [
        *made["warnings"],
        *(
            {
                "code": "LEFT_OUT",
                "message": f"may be {m['candidates'][0]['study_id']} and was left out; --same or "
                "--new decides",
                "where": m["study_id"],
            }
            for m in maybe
        ),
    ]
    return {"result": result, "warnings": warnings}


def evidence_export(
    out: str | Path,
    words: str = "",
    *,
    format: str | None = None,  # noqa: A002 - the option's name
    library: Library = (),
    licence: str = "",
) -> dict[str, Any]:
    """Write studies of the register as tables or references for others.

    Parameters
    ----------
    out
        The file to write (``.ris``, ``.bib``), or a new folder for tables or a crate.
    words
        Words that all have to occur in a study; all studies when left out.
    format
        ``csv``, ``ris``, ``bibtex``, ``robvis``, ``ro-crate``, or ``duckdb`` for a database of the
        whole register; guessed from the name when left out.
    library
        Folders with registers of one's own.
    licence
        Address of the licence that a crate names; the package's own when left out.

    Returns
    -------
    ``{"format", "studies", "results", "files"}``, as the schema ``evidence-export`` says.

    Raises
    ------
    ExocastError
        When no study is found, the format is not known, or something stands in the way.
    """
    from exocast import __version__
    from exocast.evidence import exchange
    from exocast.evidence.bias import with_readers
    from exocast.evidence.register import register

    target = Path(out)
    kind = exchange.format_of(target, format)
    # Only judgements may stand in a folder by themselves.
    whole = with_readers(library) if kind == "robvis" else register(library=library)
    studies = whole.search(words)
    if not studies:
        raise NotFound(f"no study of the register has all of these words: {words}.", where="WORDS")
    asked = exchange.Request(
        whole=whole,
        studies=studies,
        words=words,
        version=__version__,
        licence=licence,
        library=library,
    )
    files = exchange.write_export(target, asked, kind)
    if kind == exchange.DATABASE:
        studies = list(whole.studies.values())
    wanted = {study.study_id for study in studies}
    return {
        "format": kind,
        "studies": len(studies),
        "results": sum(result.study_id in wanted for result in whole.results),
        "files": [str(file) for file in files],
    }


def cite(directory: str | Path) -> dict[str, Any]:
    """The sources that a result rests on, with the rows they carry and their grades.

    Parameters
    ----------
    directory
        A result directory of ``exocast forecast``.

    Returns
    -------
    The content of ``exocast cite --json``.

    Raises
    ------
    ExocastError
        When there is no such result.
    """
    from exocast.report.citations import citations

    return citations(open_result(directory).result)


def _study(whole: Register, study: Study) -> dict[str, Any]:
    return {
        "study_id": study.study_id,
        "title": study.title,
        "year": study.year,
        "design": study.design,
        "species": study.species,
        "people": study.n_text,
        "address": study.address,
        "resolved": study.resolved,
        "registration": study.registration,
        "funding": study.funding,
        "maker_link": study.maker_link,
        "retraction": study.retraction,
        "retracted": study.retracted,
        "bias": study.bias,
        "results": len(whole.results_of(study.study_id)),
        "folder": study.folder,
    }


def evidence_course(
    query: str,
    *,
    unresolved: bool = False,
    prediction: bool = True,
    forecast: bool = False,
    plot: str | Path | None = None,
) -> dict[str, Any]:
    """Pools control arms of the register over time.

    Parameters
    ----------
    query
        ``indication: given | end point``, and ``| 1-52 weeks`` where others are wanted.
    unresolved
        Whether studies that no identifier leads to are pooled too.
    prediction
        Whether studies that the forecast is tested on are pooled.
    forecast
        Whether the forecast's own course after saline is given beside it, for the entry pain that
        is assumed of knee trials that do not print theirs.
    plot
        SVG file for a figure.

    Returns
    -------
    As the schema ``evidence-course`` says; changes on 0-100, minus is better, weeks.

    Raises
    ------
    InvalidInput
        For a query of another form, or a plot of nothing.
    """
    from exocast.evidence.course import course
    from exocast.report import courses

    found = course(query, unresolved=unresolved, prediction=prediction)
    own = _forecast_course(courses.shown_weeks(found)) if forecast and found.arms else []
    made: dict[str, Any] = courses.record(query, found, own)
    if plot is not None:
        courses.figure(made).save(plot)
    return made


def evidence_quoted(study_id: str = "") -> dict[str, Any]:
    """Quoted pooled values beside those recomputed from the register's own arms.

    Returns
    -------
    ``{"values": [...]}``, as the schema ``evidence-quoted`` says.

    Raises
    ------
    UnknownName
        For a synthesis of which no value is in the table.
    """
    from dataclasses import asdict

    from exocast.evidence.quoted import quoted, quoted_of

    return {"values": [asdict(q) for q in (quoted_of(study_id) if study_id else quoted())]}


def _forecast_course(weeks: Sequence[float]) -> list[dict[str, float]]:
    """Mean change of pain after saline under the forecast's model, and where studies lie."""
    from dataclasses import replace

    from exocast.evidence.arms import arm
    from exocast.evidence.query import NORMAL_95
    from exocast.patient import placebo

    usual = arm("altman2016")  # its entry is the one assumed where none is printed
    visits = tuple(replace(usual.visits[0], week=week) for week in weeks)
    procedure = placebo.procedure_rows()
    model = placebo.moments(replace(usual, visits=visits), procedure)
    half = NORMAL_95 * abs(model.by_study) * procedure.study
    return [
        {"week": week, "mean": float(m), "low": float(m - h), "high": float(m + h)}
        for week, m, h in zip(weeks, model.mean, half, strict=True)
    ]


def export_sbml(
    scenario: str | Path,
    path: str | Path,
    *,
    prior: str | None = None,
    world: int = 0,
    patient: int = 0,
) -> Path:
    """Write one run of a scenario's product arm as SBML Level 3 Version 2.

    The file holds the equations, the numbers that this world and patient have in the forecast,
    and the injections as events, all with units.

    Parameters
    ----------
    scenario
        A ``scenario.yaml`` or a folder that holds one.
    path
        The file to write.
    prior
        ``default`` or ``literature``, in place of the scenario's.
    world, patient
        Which run, counted from zero; patient 0 is the person described.
    """
    from exocast.patient.forecast import export_run

    changes = [] if prior is None else _changes({"prior": prior})
    parsed, base = _scenario(scenario, changes, OPTIONS)
    return export_run(parsed, Path(path), base=base, world=world, patient=patient)


PATHS = ("auto", "batch", "general")
FROM = ("rate_from", "duration_from", "lag_from", "bioavailability_from")


def simulate(
    model: str | Path,
    times: str | ArrayLike,
    *,
    patients: str | Path | pd.DataFrame | None = None,
    doses: str | Path | pd.DataFrame | None = None,
    observe: str | Sequence[str] = (),
    rtol: float = 1e-6,
    path: str = "auto",
    rate_from: Mapping[str, str] | Sequence[str] = (),
    duration_from: Mapping[str, str] | Sequence[str] = (),
    lag_from: Mapping[str, str] | Sequence[str] = (),
    bioavailability_from: Mapping[str, str] | Sequence[str] = (),
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """Run any SBML model, a run for each patient of a table, under event records.

    Parameters
    ----------
    model
        An SBML file.
    times
        Output times in the model's unit, from 0 on: ``"0:365:7"``, ``"0,1,7"`` or numbers.
    patients
        CSV file or table with one run a row: ``ID`` first, then columns named for parameters,
        compartments or species (their start).
    doses
        CSV file or table: NONMEM event records, or rows ``run, time, amount, target``; see
        :func:`exocast.engine.read_doses`.
    observe
        Ids to return, as a list or ``"a,b"``; all species when left out.
    rtol
        Relative tolerance.
    path
        ``general`` is one run at a time; ``batch`` is not there yet; ``auto`` takes what is.
    rate_from, duration_from
        Parameter for the species of records with RATE -1 or -2: ``{"depot": "R1"}`` or
        ``["depot=R1"]``.
    lag_from, bioavailability_from
        Parameter for a species that delays its doses, or multiplies their amount.
    out
        Directory for the result: new, empty or a result; a temporary one when left out.
    progress
        Called with (runs done, runs in all).

    Raises
    ------
    ExocastError
        With the file or field, what was found and what to do.
    """
    import numpy as np

    from exocast import engine
    from exocast.study import simulation

    if path not in PATHS:
        raise UnknownName(f"'{path}' is no path." + nearest(path, PATHS), where="--path")
    file = _file(model)
    names = observe.split(",") if isinstance(observe, str) else observe
    seen = tuple(name.strip() for name in names if name.strip())
    grid = engine.times_of(times) if isinstance(times, str) else times
    with _options_named(
        {"observe": "--observe", "rtol": "--rtol", "times": "--times"}
        | {name: f"--{name.replace('_', '-')}" for name in FROM}
        | {"varied": str(patients) if isinstance(patients, str | Path) else "patients"}
    ):
        with warnings.catch_warnings():
            # What takes the general path is told in the result and by the command.
            warnings.simplefilter("ignore", GeneralPathUsed)
            whole = engine.compile(file, path=path)
        known = whole.description
        people = None if patients is None else engine.read_people(_table(patients), known)
        parameters = engine.modelled(
            **{
                name: _pairs(given, name)
                for name, given in zip(
                    FROM, (rate_from, duration_from, lag_from, bioavailability_from), strict=True
                )
            },
            description=known,
        )
        table = None
        if doses is not None:
            table, people = engine.read_doses(
                _table(doses), known, sbml=whole.sbml, people=people, parameters=parameters
            )
        people = people or engine.People(ids=("1",), numbers=np.empty((1, 0)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GeneralPathUsed)
            compiled = engine.compile(file, people.varied, seen or tuple(known.species), path)
        if not compiled.observe:
            raise InvalidInput("the model has no species; name what to observe.", where="observe")
        if table is not None:
            engine.check_doses(table, known)
        tables = {"model": file, "patients": patients, "doses": doses}
        plan = simulation.Plan(
            model=compiled,
            times=np.asarray(grid, dtype=np.float64),
            ids=people.ids,
            numbers=people.numbers,
            doses=table,
            files={k: Path(v) for k, v in tables.items() if isinstance(v, str | Path)},
            rtol=rtol,
        )
        target = _target(out)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", suffix=".partial", dir=target.parent
        ) as folder:
            written = simulation.write(plan, Path(folder) / "result", progress=progress)
            _simulated(written).plot(written / "plot.png")
            _put(written, target)
    return _simulated(target)


def open_simulation(directory: str | Path) -> Simulation:
    """A simulation that was made before.

    Parameters
    ----------
    directory
        A result directory, as ``exocast simulate --out`` writes it.

    Raises
    ------
    ExocastError
        When there is none, or it is partial, truncated or changed.
    """
    return _simulated(directory)


def _simulated(directory: str | Path) -> Simulation:
    from exocast.study.result import open_result
    from exocast.study.simulation import KIND

    return Simulation(result=open_result(directory, KIND))


def _file(path: str | Path) -> Path:
    found = Path(path)
    if not found.is_file():
        raise no_such_file(found)
    return found


def _table(given: str | Path | pd.DataFrame) -> Path | pd.DataFrame:
    return Path(given) if isinstance(given, str | Path) else given


def _pairs(given: Mapping[str, str] | Sequence[str], field: str) -> dict[str, str]:
    """``{"depot": "R1"}`` from the same, or from ``["depot=R1"]``."""
    if isinstance(given, Mapping):
        return dict(given)
    found = {}
    for text in [given] if isinstance(given, str) else given:
        species, sign, parameter = (part.strip() for part in text.partition("="))
        if not (species and sign and parameter):
            raise InvalidInput(
                f"'{text}' is no pair; write species=parameter, such as depot=R1.", where=field
            )
        found[species] = parameter
    return found


def _existing(path: str | Path) -> Path:
    found = Path(path).absolute()
    if found.is_dir():
        return found  # the reader says which files inside it may be meant
    if not found.is_file():
        raise no_such_file(Path(path))
    return found


def _scenario(
    given: str | Path | Mapping[str, Any] | Scenario,
    changes: Sequence[str],
    options: Mapping[str, str],
) -> tuple[Scenario, Path]:
    """A parsed scenario, and the folder that its file names are relative to."""
    from exocast.patient import scenario as room
    from exocast.patient.exposure import is_exposure

    data, base, where = _content(given)
    changed = room.with_changes(data, changes, options)
    if is_exposure(changed):
        raise InvalidInput(
            "this scenario names a 'subject', so it asks where a dose goes: exocast.exposure runs "
            "it, and so does 'exocast forecast'. A forecast of outcomes needs a 'patient'.",
            where=where,
        )
    if "stated" in changed:
        raise InvalidInput(
            "the scenario gives 'stated' particles and names no 'subject': an exposure names one, "
            "such as 'subject: {species: human}'; a forecast of outcomes needs a measured 'vial'.",
            where=where,
        )
    return room.parse_scenario(changed, where=where, options=options), base


def _of_batch(scenario: Any, batch: str | Path) -> list[str]:
    """Change that puts a batch in place of a scenario's vial; its syringe stays."""
    vial = _content(scenario)[0].get("vial")
    kept = {k: v for k, v in vial.items() if k == "syringe"} if isinstance(vial, dict) else {}
    path = Path(batch)
    # A folder is a batch when it holds the file; which one is said by the batch's own reader.
    named = path.absolute() if path.exists() else _existing(path)
    return [f"vial={json.dumps({'batch': str(named), **kept})}"]


def _content(given: Any) -> tuple[dict[str, Any], Path, str]:
    """What a scenario says, the folder its file names are relative to, and where it stands."""
    from exocast.documents import read_mapping

    if isinstance(given, str | Path):
        path = Path(given)
        path = path / "scenario.yaml" if path.is_dir() else path
        if path.suffix.lower() == ".csv":
            raise InvalidInput(
                "a CSV file stands where the scenario belongs; name the scenario.yaml here, and "
                "an instrument's export after --vial. 'exocast init DIR' writes a scenario.",
                where=str(path),
            )
        return read_mapping(path), path.absolute().parent, str(path)
    data = given if isinstance(given, Mapping) else given.model_dump(exclude_unset=True)
    return dict(data), Path.cwd(), "scenario"


@contextlib.contextmanager
def _options_named(options: Mapping[str, str]) -> Iterator[None]:
    """Errors on a field that an option changed name the option."""
    try:
        yield
    except ExocastError as e:
        e.where = options.get(e.where or "", e.where)
        raise


def _changes(given: Mapping[str, Any] | Sequence[str] | None) -> list[str]:
    """Changes as ``field=value`` texts, values written so that YAML reads them back as they are."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [f"{k}={json.dumps(v)}" for k, v in given.items()]
    return [given] if isinstance(given, str) else list(given)


def _target(out: str | Path | None) -> Path:
    """The directory that the result will be, checked before anything runs."""
    if out is None:
        return Path(tempfile.mkdtemp(prefix="exocast-")) / "result"
    target = Path(out).absolute()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise InvalidInput(
            "this is no directory; give a new or empty directory for the result.",
            code="OUT_TAKEN",
            where=str(out),
        )
    if target.is_dir() and any(target.iterdir()) and not _is_result(target):
        raise InvalidInput(
            "this directory holds other files; give a new or empty one for the result.",
            code="OUT_TAKEN",
            where=str(out),
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InvalidInput(
            "a part of this path is a file; choose another directory.",
            code="OUT_TAKEN",
            where=str(out),
        ) from None
    if not os.access(target.parent, os.W_OK):
        raise InvalidInput(
            "this folder cannot be written to; choose another.",
            code="OUT_TAKEN",
            where=str(target.parent),
        )
    return target


def _is_result(directory: Path) -> bool:
    try:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and str(manifest.get("schema", "")).startswith(
        "exocast/result/"
    )


def _finish(directory: Path) -> str:
    """Write summary and report into a result; gives its kind."""
    from exocast.report import exposure as exposure_report
    from exocast.report import html
    from exocast.report.numbers import Numbers
    from exocast.study import exposure as exposure_study
    from exocast.study.result import kind_of, open_result
    from exocast.study.summary import write_summary

    kind = kind_of(directory)
    if kind == "exposure":
        result = open_result(directory, kind)
        exposure_report.write_page(result, Numbers(exposure_study.write_summary(result)))
    else:
        result = open_result(directory)
        html.write_page(result, Numbers(write_summary(result)))
    return kind


def _put(written: Path, target: Path) -> None:
    """Move a whole result to its place; an older result there goes in the same moment."""
    old = written.parent / "old"
    if target.is_dir():
        target.replace(old)
    try:
        written.replace(target)
    except OSError:
        if old.is_dir():
            old.replace(target)
        raise
