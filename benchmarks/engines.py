"""Ours and its peers behind one face: prepare a case, then run its first patients.

Each engine works in a process of its own (``worker``), on one core. Absolute tolerances of peers
are a share (``Case.resolved``) of each state's scale, its start, or else the largest start or dose;
those that take one number get that share of one. Ours are its own.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Case

Array = NDArray[np.float64]
MOST_STEPS = 100_000


class Engine(ABC):
    """An engine under test.

    Attributes
    ----------
    package
        What has to be installed.
    tolerances
        Relative tolerances of its curve, coarse to fine.
    fewest, most
        Patients in one measurement.
    slow
        Whether its code takes a minute or more to make.
    everywhere
        Whether it is measured on other cases than the yardstick without being asked to.
    """

    package = ""
    title = ""
    tolerances: Sequence[float] = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
    fewest = 8
    most = 4096
    slow = False
    everywhere = True

    @classmethod
    def missing(cls) -> str:
        """Why it cannot run here; empty when it can."""
        try:
            importlib.metadata.version(cls.package)
        except importlib.metadata.PackageNotFoundError:
            return f"{cls.package} is not installed"
        return ""

    @classmethod
    def version(cls) -> str:
        """Name and version."""
        return f"{cls.package} {importlib.metadata.version(cls.package)}"

    @abstractmethod
    def prepare(self, case: Case) -> None:
        """What is done once for a model."""

    def ready(self, count: int) -> None:  # noqa: B027 - most have nothing to make
        """What belongs to the question, not to the answer: made before the clock starts."""

    @abstractmethod
    def run(self, count: int, rtol: float) -> Array:
        """Values of the first patients, (count, n_times, n_observables); NaN after a failure."""


def failing_rows(case: Case) -> Array:
    """Values of a patient that failed."""
    return np.full((len(case.times), len(case.observe)), np.nan)


class Ours(Engine):
    """The batched engine, with a dose table."""

    package = "exocast"
    title = "Exocast"
    tolerances = (3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
    fewest = 512
    threads = 1

    @classmethod
    def missing(cls) -> str:
        return ""

    @classmethod
    def version(cls) -> str:
        import exocast

        return f"exocast {exocast.__version__}"

    def prepare(self, case: Case) -> None:
        from exocast import engine

        self.case = case
        self.model = engine.compile(
            case.plain, varied=case.varied, observe=case.observe, path="batch"
        )
        self.tables: dict[int, Any] = {}
        self.steps = self.rejections = 0.0

    def ready(self, count: int) -> None:
        self.table(count)

    def table(self, count: int) -> Any:
        """Dose table of the first patients."""
        import pandas as pd

        case = self.case
        if case.given is None:
            return None
        if count not in self.tables:
            parts = [
                pd.DataFrame(
                    {
                        "run": np.arange(count),
                        "time": time,
                        "amount": case.given[:count, column],
                        "target": target,
                    }
                )
                for time, target, column in case.doses
            ]
            whole = pd.concat(parts, ignore_index=True)
            self.tables[count] = whole.sort_values(["run", "time"], ignore_index=True)
        return self.tables[count]

    def run(self, count: int, rtol: float) -> Array:
        runs = self.model.run(
            self.case.times,
            self.case.numbers[:count],
            doses=self.table(count),
            rtol=rtol,
            processes=self.threads,
            checked_share=0.0,
        )
        self.steps, self.rejections = float(runs.steps.mean()), float(runs.rejections.mean())
        return runs.values


class OursEvents(Ours):
    """The batched engine, the doses as events of the model."""

    title = "Exocast, doses as events"

    def prepare(self, case: Case) -> None:
        from exocast import engine

        names, numbers = case.full_numbers()
        self.case = Case(
            **{**vars(case), "varied": names, "numbers": numbers, "given": None, "doses": ()}
        )
        self.model = engine.compile(case.full, varied=names, observe=case.observe, path="batch")
        self.tables = {}
        self.steps = self.rejections = 0.0


class OursTwice(Ours):
    """The batched engine on two threads."""

    title = "Exocast, two threads"
    threads = 2


class OursForward(Ours):
    """Sensitivities by lanes that share their steps."""

    title = "Exocast, sensitivities"
    fewest = 64

    def run(self, count: int, rtol: float) -> Array:
        numbers = self.case.numbers[:count]
        found = self.model.sensitivities(
            self.case.times, numbers, doses=self.table(count), rtol=rtol, processes=1
        )
        scaled = found.derivatives * numbers[:, None, None, :]
        return np.asarray(scaled.reshape(count, len(self.case.times), -1))


class RoadRunner(Engine):
    """libRoadRunner; a vector of absolute tolerances, or it would crawl after wash-out."""

    package = "libroadrunner"
    title = "libRoadRunner"

    def prepare(self, case: Case) -> None:
        import roadrunner

        os.environ.setdefault("SUNLOGGER_ERROR_FILENAME", os.devnull)
        os.environ.setdefault("SUNLOGGER_WARNING_FILENAME", os.devnull)
        roadrunner.Logger.disableConsoleLogging()
        self.case = case
        self.names, self.numbers = case.full_numbers()
        self.runner = roadrunner.RoadRunner(case.full)
        self.runner.conservedMoietyAnalysis = False
        self.runner.setIntegrator("cvode")
        self.integrator = self.runner.integrator
        self.integrator.setValue("stiff", True)
        self.integrator.setValue("maximum_num_steps", MOST_STEPS)
        model = self.runner.model
        floating = set(model.getFloatingSpeciesIds())
        self.targets = [f"init({n})" if n in floating else n for n in self.names]
        self.runner.timeCourseSelections = [
            n if n not in floating or _in_amounts(case.full, n) else f"[{n}]" for n in case.observe
        ]
        ids = model.getStateVectorId
        count = len(self.integrator.getAbsoluteToleranceVector())
        self.states = [ids(i) for i in range(count)]

    def scale(self, patient: int) -> Array:
        """Scale of each state: its start, else the largest start or dose."""
        start = np.abs([self.runner.model.getValue(name) for name in self.states])
        given = self.case.given
        largest = max(start.max(), 0.0 if given is None else given[patient].max())
        return np.where(start > 0, start, largest or 1.0)

    def run(self, count: int, rtol: float) -> Array:
        from roadrunner import RoadRunner as Class

        assert isinstance(self.runner, Class)
        model, found = self.runner.model, []
        self.integrator.setValue("relative_tolerance", rtol)
        for patient in range(count):
            for name, value in zip(self.targets, self.numbers[patient].tolist(), strict=True):
                model.setValue(name, value)
            self.runner.reset()
            scale = self.scale(patient)
            tolerance = self.case.resolved * rtol * scale
            self.integrator.setValue("absolute_tolerance", tolerance.tolist())
            try:
                found.append(np.array(self.runner.simulate(times=self.case.times.tolist())))
            except RuntimeError:
                found.append(failing_rows(self.case))
        return np.array(found)


def _in_amounts(text: str, name: str) -> bool:
    return bool(_species(text).get(name, False))


def _species(text: str) -> dict[str, bool]:
    """Species of a model: whether its id means an amount."""
    import functools

    @functools.cache
    def read(text: str) -> dict[str, bool]:
        import libsbml

        document = libsbml.readSBMLFromString(text)
        return {
            s.getId(): s.getHasOnlySubstanceUnits() for s in document.getModel().getListOfSpecies()
        }

    return read(text)


# What has to be given equations rather than SBML: ours, written out ------------------------------

BY_NUMBA = {
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "neg": "(-{})",
    "recip": "(1.0 / {})",
    "lt": "({} < {})",
    "le": "({} <= {})",
    "eq": "({} == {})",
    "and": "({} and {})",
    "or": "({} or {})",
    "not": "(not {})",
    "select": "({1} if {0} else {2})",
    "pow": "power({}, {})",
    "sqrt": "math.sqrt(max({}, 0.0))",
    "log": "math.log(max({}, 2.2250738585072014e-308))",
    "abs": "abs({})",
    "min": "min({}, {})",
    "max": "max({}, {})",
}
BY_JAX = BY_NUMBA | {
    "and": "({} & {})",
    "or": "({} | {})",
    "not": "(~{})",
    "select": "jnp.where({}, {}, {})",
    "pow": "power({}, {})",
    "sqrt": "jnp.sqrt(jnp.maximum({}, 0.0))",
    "log": "jnp.log(jnp.maximum({}, 2.2250738585072014e-308))",
    "min": "jnp.minimum({}, {})",
    "max": "jnp.maximum({}, {})",
}


def written(
    graph: Any, name: str, outputs: Sequence[tuple[int, Any]], forms: Mapping[str, str], end: str
) -> str:
    """Text of a Python function ``name(t, y, p, out)`` of a graph's nodes."""
    module = "jnp" if forms is BY_JAX else "math"
    names: dict[Any, str] = {}
    lines = [f"def {name}(t, y, p, out):"]
    for node in sorted(graph.below([node for _, node in outputs])):
        operation, *rest = graph.nodes[node]
        if operation == "const":
            names[node] = f"({float(rest[0])!r})"
        elif operation in {"true", "false"}:
            names[node] = operation.capitalize()
        elif operation == "load":
            names[node] = "t" if rest[0] == "t" else f"{rest[0]}[{rest[1]}]"
        else:
            form = forms.get(operation, f"{module}.{operation}({{}})")
            lines.append(
                f"    v{node} = " + form.format(*(names[a] for a in graph.arguments(node)))
            )
            names[node] = f"v{node}"
    if end:
        lines.append("    return " + end.format(", ".join(names[node] for _, node in outputs)))
    else:
        lines += [f"    out[{place}] = {names[node]}" for place, node in outputs]
    return "\n".join(lines)


class _Equations(Engine):
    """Engines that take a right-hand side: ours, dosed between stretches."""

    def _problem(self, case: Case) -> None:
        from exocast.engine.batch.front import document_of
        from exocast.engine.batch.problem import problem_of

        self.case = case
        self.problem = problem_of(document_of(case.plain), case.varied, case.observe)
        if self.problem.events or self.problem.slots:
            raise ValueError("it has events of its own, or numbers that only they change")
        for _, target, _ in case.doses:
            if self.problem.graph.value(self.problem.dose_factor[target][1]) != 1.0:
                raise ValueError("its doses are no amounts")
        times = sorted({time for time, _, _ in case.doses})
        self.edges = [0.0, *(t for t in times if t < case.times[-1]), case.times[-1]]

    def dose(self, time: float, patients: slice, states: Array) -> None:
        """Adds what is given at a time; states (n_patients, n_states)."""
        for at, target, column in self.case.doses:
            if at == time:
                assert self.case.given is not None
                place = self.problem.dose_factor[target][0]
                states[:, place] += self.case.given[patients, column]

    def scale(self, start: Array, patients: slice) -> Array:
        """Scale of each state, as of :meth:`RoadRunner.scale`; (n_patients, n_states)."""
        given = self.case.given
        largest = np.abs(start).max(axis=1)
        if given is not None:
            largest = np.maximum(largest, given[patients].max(axis=1))
        largest = np.where(largest > 0, largest, 1.0)
        return np.where(start != 0, np.abs(start), largest[:, None])


class Scipy(_Equations):
    """LSODA of scipy; right-hand side, Jacobian and outputs compiled by numba."""

    package = "numba"
    title = "scipy LSODA, numba"
    tolerances = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    slow = True

    @classmethod
    def version(cls) -> str:
        return f"scipy {importlib.metadata.version('scipy')}, {super().version()}"

    def prepare(self, case: Case) -> None:
        import math

        import numba

        from exocast.engine.batch.derive import TIME, Derivatives

        self._problem(case)
        problem, graph = self.problem, self.problem.graph
        derivatives = Derivatives(graph)
        self.size = len(problem.states)
        entries = [
            (i * self.size + j, node)
            for i, rate in enumerate(problem.rates)
            for j, node in derivatives.of(rate).items()
            if j != TIME
        ]

        @numba.njit
        def power(a: float, b: float) -> float:
            return 0.0 if a < 0 and b != math.floor(b) else a**b

        def made(name: str, outputs: Sequence[tuple[int, Any]]) -> Callable[..., None]:
            scope: dict[str, Any] = {"math": math, "power": power, "inf": math.inf}
            exec(written(graph, name, outputs, BY_NUMBA, ""), scope)
            vector = numba.float64[::1]
            signature = numba.void(numba.float64, vector, vector, vector)
            return numba.njit(signature, error_model="numpy")(scope[name])

        self.rates = made("rates", list(enumerate(problem.rates)))
        self.jacobian = made("jacobian", entries)
        self.start = made("start", list(enumerate(problem.start)))
        self.observe = made("observe", list(enumerate(problem.observed)))

    def run(self, count: int, rtol: float) -> Array:
        return np.array([self.one(i, rtol) for i in range(count)])

    def one(self, patient: int, rtol: float) -> Array:
        """Values of a patient."""
        import warnings

        from scipy.integrate import odeint

        case, size, p = self.case, self.size, np.ascontiguousarray(self.case.numbers[patient])
        y, f, dense = np.zeros(size), np.zeros(size), np.zeros(size * size)
        self.start(0.0, y, p, y)
        patients = slice(patient, patient + 1)
        atol = self.case.resolved * rtol * self.scale(y[None], patients)[0]

        def rhs(t: float, y: Array) -> Array:
            self.rates(t, y, p, f)
            return f

        def jacobian(t: float, y: Array) -> Array:
            dense[:] = 0.0
            self.jacobian(t, y, p, dense)
            return dense.reshape(size, size)

        values = failing_rows(case)
        for first, last in zip(self.edges, self.edges[1:], strict=False):
            self.dose(first, patients, y[None])
            inside = (case.times >= first) & (case.times < last)
            if last == case.times[-1]:
                inside |= case.times == last
            grid = np.unique([first, *case.times[inside], last])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found, said = odeint(
                    rhs,
                    y,
                    grid,
                    Dfun=jacobian,
                    tfirst=True,
                    rtol=rtol,
                    atol=atol,
                    mxstep=MOST_STEPS,
                    full_output=True,
                )
            if said["message"] != "Integration successful.":
                return values
            for place in np.flatnonzero(inside):
                state = np.ascontiguousarray(found[np.searchsorted(grid, case.times[place])])
                self.observe(float(case.times[place]), state, p, values[place])
            y = np.ascontiguousarray(found[-1])
        return values


class Diffrax(_Equations):
    """An implicit solver of diffrax: all patients under one vmap, a scan from dose to dose."""

    package = "diffrax"
    solver = ""
    tolerances = (1e-2, 1e-3, 1e-4)
    slow = True
    everywhere = False
    fewest = most = 16  # one shape, compiled once

    @classmethod
    def version(cls) -> str:
        return f"{super().version()}, jax {importlib.metadata.version('jax')}"

    def prepare(self, case: Case) -> None:
        import math

        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        import diffrax
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_platforms", "cpu")
        self._problem(case)
        problem = self.problem

        def power(a: Any, b: Any) -> Any:
            whole = jnp.floor(b) == b
            return jnp.power(jnp.where((a < 0) & ~whole, 0.0, a), b)

        scope: dict[str, Any] = {"jnp": jnp, "power": power, "inf": math.inf}
        for name, nodes in (
            ("rates", problem.rates),
            ("start", problem.start),
            ("observe", problem.observed),
        ):
            text = written(
                problem.graph,
                name,
                list(enumerate(nodes)),
                BY_JAX,
                "jnp.stack([jnp.asarray(x, dtype=float) for x in ({},)])",
            )
            exec(text, scope)
        times, edges = jnp.asarray(case.times), jnp.asarray(self.edges)
        term = diffrax.ODETerm(lambda t, y, p: scope["rates"](t, y, p, None))
        solver = getattr(diffrax, self.solver)()

        def one(p: Any, doses: Any, largest: Any, rtol: Any) -> Any:
            y0 = scope["start"](0.0, None, p, None)
            largest = jnp.maximum(jnp.abs(y0).max(), largest)
            scale = jnp.where(y0 != 0, jnp.abs(y0), jnp.where(largest > 0, largest, 1.0))
            control = diffrax.PIDController(rtol=rtol, atol=self.case.resolved * rtol * scale)

            def stretch(y: Any, what: Any) -> Any:
                t0, t1, dose = what
                found = diffrax.diffeqsolve(
                    term,
                    solver,
                    t0,
                    t1,
                    None,
                    y + dose,
                    args=p,
                    stepsize_controller=control,
                    saveat=diffrax.SaveAt(
                        subs=[
                            diffrax.SubSaveAt(ts=jnp.clip(times, t0, t1)),
                            diffrax.SubSaveAt(t1=True),
                        ]
                    ),
                    max_steps=MOST_STEPS,
                    throw=False,
                    adjoint=diffrax.ForwardMode(),
                )
                shown = jax.vmap(lambda y: scope["observe"](t0, y, p, None))(found.ys[0])
                return found.ys[1][0], shown

            _, shown = jax.lax.scan(stretch, y0, (edges[:-1], edges[1:], doses))
            place = jnp.clip(jnp.searchsorted(edges, times, side="right") - 1, 0, len(edges) - 2)
            return shown[place, jnp.arange(len(times))]

        self.solve = jax.jit(jax.vmap(one, in_axes=(0, 0, 0, None)))
        self.run(self.fewest, 1e-2)  # compiles

    def run(self, count: int, rtol: float) -> Array:
        case = self.case
        doses = np.zeros((count, len(self.edges) - 1, len(self.problem.states)))
        for k, time in enumerate(self.edges[:-1]):
            self.dose(time, slice(count), doses[:, k])
        largest = np.zeros(count) if case.given is None else case.given[:count].max(axis=1)
        return np.array(self.solve(case.numbers[:count], doses, largest, rtol))


class Kvaerno3(Diffrax):
    """Kvaerno's method of order 3."""

    title = "diffrax Kvaerno3, vmap"
    solver = "Kvaerno3"


class Copasi(Engine):
    """LSODA of COPASI; its absolute tolerance is one number."""

    package = "python-copasi"
    title = "COPASI LSODA"

    def prepare(self, case: Case) -> None:
        import COPASI

        self.case = case
        self.names, self.numbers = case.full_numbers()
        self.data = COPASI.CRootContainer.addDatamodel()
        if not self.data.importSBMLFromString(case.full):
            raise ValueError("COPASI does not read the model")
        model = self.data.getModel()
        by_id = {
            entity.getSBMLId(): entity
            for count, get in (
                (model.getNumModelValues(), model.getModelValue),
                (model.getNumMetabs(), model.getMetabolite),
                (model.getNumCompartments(), model.getCompartment),
            )
            for entity in map(get, range(count))
        }
        self.model, self.starts = model, []
        self.changed = COPASI.ObjectStdVector()
        for name in self.names:
            entity = by_id[name]
            metabolite = isinstance(entity, COPASI.CMetab)
            self.starts.append(
                entity.setInitialConcentration if metabolite else entity.setInitialValue
            )
            self.changed.append(
                entity.getInitialConcentrationReference()
                if metabolite
                else entity.getInitialValueReference()
            )
        self.task = self.data.getTask("Time-Course")
        self.task.setMethodType(COPASI.CTaskEnum.Method_deterministic)
        problem = self.task.getProblem()
        problem.setAutomaticStepSize(False)
        problem.setDuration(float(case.times[-1]))
        problem.setStepNumber(len(case.times) - 1)
        problem.setTimeSeriesRequested(True)
        problem.setOutputEvent(False)
        method = self.task.getMethod()
        self.relative = method.getParameter("Relative Tolerance")
        self.absolute = method.getParameter("Absolute Tolerance")
        method.getParameter("Max Internal Steps").setUIntValue(MOST_STEPS)
        self.volume, self.fixed = {}, {}
        for name in case.observe:
            entity = by_id[name]
            amount = isinstance(entity, COPASI.CMetab) and _in_amounts(case.full, name)
            self.fixed[name] = (
                entity.getInitialConcentration()
                if isinstance(entity, COPASI.CMetab)
                else entity.getInitialValue()
            )
            self.volume[name] = entity.getCompartment().getInitialValue() if amount else 1.0
        self.output = COPASI.CCopasiTask.OUTPUT_UI

    def run(self, count: int, rtol: float) -> Array:
        self.relative.setDblValue(rtol)
        self.absolute.setDblValue(rtol * self.case.resolved)
        return np.array([self.one(i) for i in range(count)])

    def one(self, patient: int) -> Array:
        """Values of a patient."""
        for start, value in zip(self.starts, self.numbers[patient].tolist(), strict=True):
            start(value)
        self.model.updateInitialValues(self.changed)
        if not self.task.initializeRaw(self.output) or not self.task.processRaw(True):
            return failing_rows(self.case)
        series = self.task.getTimeSeries()
        rows = series.getRecordedSteps()
        values = failing_rows(self.case)
        place = {series.getSBMLId(k, self.data): k for k in range(series.getNumVariables())}
        for column, name in enumerate(self.case.observe):
            if name not in place:  # what never changes is not in the series
                values[:rows, column] = self.fixed[name] * self.volume[name]
                continue
            k = place[name]
            for row in range(min(rows, len(values))):
                values[row, column] = series.getConcentrationData(row, k) * self.volume[name]
        self.task.restore()
        return values


class Amici(Engine):
    """AMICI: C++ of the model, compiled; no sensitivities; its absolute tolerance is one number."""

    package = "amici"
    slow = True
    title = "AMICI"
    forward = False  # whether with sensitivities

    def prepare(self, case: Case) -> None:
        import amici
        from amici.importers.sbml import SbmlImporter
        from amici.importers.utils import MeasurementChannel
        from amici.sim.sundials import RDataReporting, SensitivityOrder

        self.case = case
        self.names, self.numbers = case.full_numbers()
        # SWIG of this environment, where it is not the system's.
        here = str(Path(sys.executable).parent)
        os.environ["PATH"] = os.pathsep.join((here, os.environ["PATH"]))
        self.folder = tempfile.TemporaryDirectory()
        name = f"bench_{case.name.lower()}"
        SbmlImporter(case.full, from_file=False).sbml2amici(
            name,
            self.folder.name,
            observation_model=[MeasurementChannel(f"obs_{n}", formula=n) for n in case.observe],
            compute_conservation_laws=False,
            generate_sensitivity_code=self.forward,
        )
        module = amici.import_model_module(name, self.folder.name)
        self.model = module.get_model()
        self.model.set_timepoints(case.times.tolist())
        if not self.forward:  # or it would carry room for the sensitivities of all of them
            self.model.set_parameter_list([])
        self.solver = self.model.create_solver()
        logging.getLogger("amici").setLevel(logging.CRITICAL)
        self.solver.set_sensitivity_order(
            SensitivityOrder.first if self.forward else SensitivityOrder.none
        )
        self.solver.set_max_steps(MOST_STEPS)
        with contextlib.suppress(AttributeError):
            self.solver.set_return_data_reporting_mode(RDataReporting.observables_likelihood)

    def run(self, count: int, rtol: float) -> Array:
        from amici.sim.sundials import run_simulation

        self.solver.set_relative_tolerance(rtol)
        self.solver.set_absolute_tolerance(rtol * self.case.resolved)
        found = []
        for patient in range(count):
            for name, value in zip(self.names, self.numbers[patient].tolist(), strict=True):
                self.model.set_free_parameter_by_id(name, value)
            result = run_simulation(self.model, self.solver)
            good = result["status"] == 0
            found.append(self.shown(result, patient) if good else failing_rows(self.case))
        return np.array(found)

    def shown(self, result: Any, patient: int) -> Array:
        """What is compared, of the result of a patient."""
        return np.array(result["y"])


class AmiciForward(Amici):
    """AMICI with the equations of the sensitivities beside those of the states."""

    title = "AMICI, forward sensitivities"
    forward = True
    fewest = 4

    def prepare(self, case: Case) -> None:
        from amici.sim.sundials import RDataReporting, SensitivityMethod

        super().prepare(case)
        known = list(self.model.get_free_parameter_ids())
        self.model.set_parameter_list([known.index(name) for name in case.varied])
        self.solver.set_sensitivity_method(SensitivityMethod.forward)
        self.solver.set_return_data_reporting_mode(RDataReporting.full)

    def shown(self, result: Any, patient: int) -> Array:
        slopes = np.array(result["sy"])  # (n_times, n_varied, n_observables)
        scaled = slopes.transpose(0, 2, 1) * self.case.numbers[patient]
        return np.asarray(scaled.reshape(len(scaled), -1))


ENGINES: dict[str, type[Engine]] = {
    "ours": Ours,
    "ours-events": OursEvents,
    "ours-twice": OursTwice,
    "ours-forward": OursForward,
    "libroadrunner": RoadRunner,
    "amici": Amici,
    "amici-forward": AmiciForward,
    "copasi": Copasi,
    "scipy": Scipy,
    "kvaerno3": Kvaerno3,
}
