"""The command line: data on stdout, everything else on stderr.

Exit codes: 0 done, 1 unexpected, 2 usage, 3 a check or all runs failed, 65 invalid input, 66 not
found, 75 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from exocast import __version__
from exocast.errors import CheckFailed, ExocastError, Interrupted, InvalidInput

MOST_LINES = 24
MOST_COLUMNS = 1000
app = typer.Typer(
    name="exocast",
    help="A forecast of exosome therapy, from the vial to the patient. "
    "For research and teaching, not advice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
vial_app = typer.Typer(help="What a vial holds.", no_args_is_help=True)
evidence_app = typer.Typer(help="What the numbers are worth.", no_args_is_help=True)
app.add_typer(vial_app, name="vial")
app.add_typer(evidence_app, name="evidence")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")]
Library = Annotated[
    list[Path] | None,
    typer.Option("--library", help="Folder with a register of your own; repeatable."),
]
Scenario = Annotated[Path, typer.Argument(help="A scenario.yaml, or a folder that holds one.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Forecast, inspect, check."""
    # Ended from outside (a time limit, a scheduler) is to leave as little behind as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@app.command()
def forecast(
    scenario: Scenario,
    out: Annotated[Path, typer.Option(help="Directory for the result: new, empty or a result.")],
    vial: Annotated[
        Path | None, typer.Option(help="Instrument file of the vial, in place of the scenario's.")
    ] = None,
    dilution: Annotated[
        float | None, typer.Option(help="How many times the sample was diluted to be measured.")
    ] = None,
    volume: Annotated[
        str | None, typer.Option(help='Volume of the vial with its unit, such as "1 mL".')
    ] = None,
    sample: Annotated[
        str | None, typer.Option(help="Which sample, when a file holds several.")
    ] = None,
    assume_vesicles: Annotated[
        bool,
        typer.Option("--assume-vesicles", help="Take beads or unknown particles as vesicles."),
    ] = False,
    batch: Annotated[
        Path | None, typer.Option(help="batch.yaml, or its folder, in place of the block 'vial'.")
    ] = None,
    potency: Annotated[
        Path | None,
        typer.Option(help="potency.csv of the batch's own curve, from 'exocast assay'."),
    ] = None,
    prior: Annotated[
        str | None, typer.Option(help="Prior of the effect: default or literature.")
    ] = None,
    worlds: Annotated[int | None, typer.Option(min=2, help="Draws of what is not known.")] = None,
    patients: Annotated[int | None, typer.Option(min=1, help="Patients in each world.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all chance.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help='Change a field, such as regimen.dose="2e10 particle"; repeatable.',
        ),
    ] = None,
    library: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder with sites and fragments of your own, for a scenario with a subject; "
            "repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Forecast a scenario (a patient's outcomes, or where a dose goes) and write its report."""
    with _door("forecast", as_json):
        from exocast import api

        given: dict[str, Any] = {
            "out": out,
            "vial": vial,
            "dilution": dilution,
            "volume": volume,
            "sample": sample,
            "assume_vesicles": assume_vesicles,
            "prior": prior,
            "worlds": worlds,
            "patients": patients,
            "seed": seed,
            "set": set_,
        }
        if api.asks_for_exposure(scenario):
            with _progress() as progress:
                if potency is not None:
                    raise InvalidInput(
                        "a curve says what cells do; where a dose goes does not rest on it.",
                        where="--potency",
                    )
                exposed = api.exposure(
                    scenario, library=library or (), progress=progress, batch=batch, **given
                )
            _show(exposed, as_json, "exposure")
            return
        if library:
            raise InvalidInput(
                "a library is taken for a scenario with a 'subject' only.", where="--library"
            )
        with _progress() as progress:
            made = api.forecast(scenario, progress=progress, batch=batch, potency=potency, **given)
        _show(made, as_json, "forecast")


@app.command()
def assay(
    name: Annotated[
        str | None,
        typer.Argument(help="Name of an assay, or an assay file; all are listed when left out."),
    ] = None,
    batch: Annotated[
        Path | None, typer.Option(help="batch.yaml, or a YAML file with a block 'vial'.")
    ] = None,
    measured: Annotated[
        list[Path] | None,
        typer.Option(help="Table of a measured curve, to learn from; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory for report.html, assay.json and potency.csv.")
    ] = None,
    library: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with fragments or assays of your own; repeatable."),
    ] = None,
    prior: Annotated[str, typer.Option(help="Prior: default or literature.")] = "default",
    worlds: Annotated[int | None, typer.Option(min=2, help="Draws of what is not known.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all chance.")] = None,
    as_json: Json = False,
) -> None:
    """Simulate a potency assay, design its plates, and learn from a measured curve."""
    with _door("assay" if name else "assays", as_json):
        from exocast import api
        from exocast.report.envelopes import envelope

        if name is None:
            found = api.assays(library or ())
            if as_json:
                _print_json(envelope("assays", result=found))
                return
            width = max(len(each["name"]) for each in found["assays"])
            for each in found["assays"]:
                typer.echo(f"{each['name']:<{width}}  {each['title']}")
            return
        with _progress() as progress:
            made = api.assay(
                name,
                batch=batch,
                measured=measured or (),
                library=library or (),
                out=out,
                worlds=worlds,
                seed=seed,
                prior=prior,
                progress=progress,
            )
        if as_json:
            _print_json(envelope("assay", result=made.record()))
            return
        typer.echo(made.summary())
        if out is not None:
            typer.echo(str(out / "report.html"))


@app.command()
def validate(
    data: Annotated[
        Path | None, typer.Option(help="Folder of triplets; the package's own when left out.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Name of a data set; repeatable.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory for scoreboard.csv and report.html.")
    ] = None,
    library: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with fragments of your own, in place of ours; repeatable."),
    ] = None,
    worlds: Annotated[int | None, typer.Option(min=2, help="Draws of what is not known.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all chance.")] = None,
    as_json: Json = False,
) -> None:
    """Simulate measured experiments and show what is predicted, and what is missed."""
    with _door("validate", as_json):
        from exocast import api

        with _progress() as progress:
            made = api.validate(
                data=data,
                only=only or (),
                library=library or (),
                out=out,
                worlds=worlds,
                seed=seed,
                progress=progress,
            )
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(envelope("validate", result=made.record()))
            return
        typer.echo(made.summary())
        if out is not None:
            typer.echo(str(out / "report.html"))


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(help="A result directory.")],
    as_json: Json = False,
) -> None:
    """Write summary and report of a result again."""
    with _door("report", as_json):
        from exocast import api

        made = api.report(directory)
        kind = "exposure" if isinstance(made, api.Exposure) else "report"
        _show(made, as_json, kind)


@vial_app.command("inspect")
def vial_inspect(
    files: Annotated[list[Path], typer.Argument(help="Files of instruments, or folders of them.")],
    dilution: Annotated[
        float | None, typer.Option(help="How many times the sample was diluted to be measured.")
    ] = None,
    sample: Annotated[
        str | None, typer.Option(help="Which sample, when a file holds several.")
    ] = None,
    reader: Annotated[
        str | None, typer.Option(help="Read as this kind of file, whatever it looks like.")
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option("--map", help="YAML file that says what the columns of a size table are."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write the size distributions to this SVG file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what instrument files hold: captures, dilution, concentration, size, wells."""
    with _door("vial-inspect", as_json):
        from exocast import api
        from exocast.report import vial as vial_report

        with _progress("files") as progress:
            found = api.inspect_vial(
                files,
                dilution=dilution,
                sample=sample,
                reader=reader,
                mapping=mapping,
                # One file is read before a bar could be seen.
                progress=progress if len(files) > 1 or files[0].is_dir() else None,
            )
        if plot is not None:
            vial_report.plot_sizes(files, plot, reader, mapping)
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(
                envelope("vial-inspect", result=found["result"], warnings=found["warnings"])
            )
        else:
            _warn(found["warnings"])
            typer.echo(vial_report.text(found["result"]), nl=False)
        if any(each["named"] for each in found["result"]["refused"]):
            # The others are shown; the exit code says that a file asked for by name was not read.
            raise typer.Exit(InvalidInput.exit_code)


@vial_app.command("draft")
def vial_draft(
    folder: Annotated[Path, typer.Argument(help="Folder with the exports of one batch.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; batch.yaml in the folder when left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sort a folder of exports into a first batch.yaml, with the open questions in it."""
    with _door("vial-draft", as_json):
        from exocast import api
        from exocast.report.envelopes import envelope

        with _progress("files") as progress:
            made = api.draft_batch(folder, out, progress=progress)
        if as_json:
            _print_json(envelope("vial-draft", result=made))
            return
        for field, files in made["sorted"].items():
            typer.echo(f"{field}: {len(files)} file{'s' * (len(files) != 1)}")
        for each in made["unread"]:
            typer.echo(f"not read: {each['file']} ({each['why']})")
        typer.echo(f"Fill in what only you know, then: exocast vial batch {made['file']}")
        typer.echo(made["file"])


@vial_app.command("batch")
def vial_batch(
    batch: Annotated[Path, typer.Argument(help="batch.yaml, or the folder that holds it.")],
    scenario: Annotated[
        Path | None,
        typer.Option(help="Scenario; says which measurement would make its forecast sharper."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory for report.html and batch.json.")
    ] = None,
    worlds: Annotated[
        int, typer.Option(min=20, help="Draws of what is not known, with a scenario.")
    ] = 200,
    as_json: Json = False,
) -> None:
    """Measure a batch from its files: what a vial holds, and how well that is known."""
    with _door("vial-batch", as_json):
        from exocast import api
        from exocast.report.envelopes import envelope

        with _progress("files" if scenario is None else "forecasts") as progress:
            made = api.batch(batch, scenario=scenario, out=out, worlds=worlds, progress=progress)
        page = None if out is None else out / "report.html"
        if as_json:
            _print_json(envelope("vial-batch", result=made.record(page), warnings=made.warnings))
            return
        typer.echo(made.summary())
        if page is not None:
            typer.echo(str(page))


@vial_app.command("potency")
def vial_potency(
    file: Annotated[
        Path, typer.Argument(help="Table of wells: sample, dose, dose_unit, response.")
    ],
    reference: Annotated[
        str | None, typer.Option(help="Name of the reference; 'reference' when left out.")
    ] = None,
    sample: Annotated[
        str | None, typer.Option(help="Name of the test sample, where there are several.")
    ] = None,
    model: Annotated[str, typer.Option(help="4pl or parallel-line.")] = "4pl",
    bounds: Annotated[
        str,
        typer.Option(help="Table with measure, low, high and source, or 'defaults'."),
    ] = "defaults",
    range_: Annotated[
        str | None,
        typer.Option(
            "--range",
            help="Doses of the straight part, for parallel-line: LOW:HIGH, all or rule.",
        ),
    ] = None,
    transform: Annotated[str, typer.Option(help="Of the response: none or log.")] = "none",
    outliers: Annotated[
        str, typer.Option(help="Rule for outlying wells: none or rosner.")
    ] = "none",
    combine: Annotated[
        bool,
        typer.Option("--combine", help="Each run (or plate) is an assay; combine their potencies."),
    ] = False,
    assay_name: Annotated[
        str | None, typer.Option("--assay", help="Name of the assay, for the scenario.")
    ] = None,
    layout: Annotated[
        Path | None,
        typer.Option(help="Table of what stands in which well, for a plate reader's export."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Directory for potency.yaml.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write wells and curves to this SVG file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Relative potency of a batch against a reference, from a plate of a potency assay."""
    with _door("vial-potency", as_json):
        from exocast import api
        from exocast.report import potency as potency_report
        from exocast.report.envelopes import envelope

        found = api.relative_potency(
            file,
            reference=reference,
            sample=sample,
            model=model,
            bounds=None if bounds == "defaults" else Path(bounds),
            dose_range=range_,
            transform=transform,
            outliers=outliers,
            combine=combine,
            assay=assay_name,
            layout=layout,
            out=out,
        )
        result = found["result"]
        refused = result["refused"]
        if plot is not None:
            potency_report.save_plot(result, plot)
        if as_json:
            errors = [CheckFailed(refused["message"], code=refused["code"])] if refused else []
            _print_json(
                envelope("vial-potency", result=result, warnings=found["warnings"], errors=errors)
            )
        else:
            _warn(found["warnings"])
            typer.echo(potency_report.text(result), nl=False)
            if out is not None and result["scenario"] is not None:
                typer.echo(str(out / "potency.yaml"))
        if refused is not None:
            # What was found is shown all the same; the exit code says that no potency came of it.
            raise typer.Exit(CheckFailed.exit_code)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Directory for the scenario; may be new.")],
    exposure: Annotated[
        bool, typer.Option("--exposure", help="A scenario of where a dose goes: a subject.")
    ] = False,
) -> None:
    """Write a commented scenario (and an example vial) that runs as it is."""
    with _door("init", as_json=False):
        from exocast import api

        for path in api.init(directory, exposure=exposure):
            typer.echo(str(path))
        typer.echo(
            f"Now: exocast forecast {directory / 'scenario.yaml'} --out {directory / 'result'}",
            err=True,
        )


@app.command()
def sites(
    name: Annotated[
        str | None,
        typer.Argument(help="A site, assay wells too: its routes, and what can be observed."),
    ] = None,
    library: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with sites and species of your own; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List sites where a dose can be followed: routes, conditions, and the species."""
    with _door("sites", as_json):
        from exocast import api
        from exocast.report.envelopes import envelope
        from exocast.report.exposure import site_text, sites_text

        if name is not None:
            one = api.site(name, library or ())
            if as_json:
                _print_json(envelope("site", result=one))
            else:
                typer.echo(site_text(one), nl=False)
            return
        found = api.sites(library or ())
        if as_json:
            _print_json(envelope("sites", result=found))
        else:
            typer.echo(sites_text(found), nl=False)


@app.command()
def schema(
    name: Annotated[
        str | None, typer.Argument(help="Name of a schema; all names when left out.")
    ] = None,
) -> None:
    """Print the JSON Schema of a file people write or of what a command prints."""
    with _door("schema", as_json=False):
        from exocast import api

        if name is None:
            typer.echo("\n".join(api.schema_names()))
        else:
            _print_json(api.schema(name))


@evidence_app.command("check")
def evidence_check(library: Library = None, as_json: Json = False) -> None:
    """Check every table and source; show all findings together."""
    with _door("evidence-check", as_json):
        from exocast import api

        found = api.evidence_check(library or ())
        errors = [f for f in found["findings"] if f["severity"] == "error"]
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(envelope("evidence-check", result=found) | {"ok": not errors})
        else:
            for finding in found["findings"]:
                where = f"{finding['where']}: " if finding.get("where") else ""
                typer.echo(f"{finding['severity']} {finding['code']}: {where}{finding['message']}")
            counts = ", ".join(
                f"{sum(f['severity'] == severity for f in found['findings'])} {word}"
                for severity, word in (
                    ("error", "errors"),
                    ("warning", "warnings"),
                    ("info", "notes"),
                )
            )
            typer.echo(f"{found['rows']} rows in {found['tables']} tables: {counts}.")
        if errors:
            raise typer.Exit(CheckFailed.exit_code)


@evidence_app.command("search")
def evidence_search(
    words: Annotated[list[str], typer.Argument(help="Words that all have to occur.")],
    library: Library = None,
    as_json: Json = False,
) -> None:
    """Find studies of the register, the best design in people first."""
    with _door("evidence-search", as_json):
        from exocast import api

        _print_evidence(
            "search", api.evidence_search(" ".join(words), library=library or ()), as_json
        )


@evidence_app.command("show")
def evidence_show(
    study: Annotated[str, typer.Argument(help="Id of a study, as search prints it.")],
    library: Library = None,
    as_json: Json = False,
) -> None:
    """Show a study, its results, what is open about them, and why it is graded so."""
    with _door("evidence-show", as_json):
        from exocast import api

        _print_evidence("show", api.evidence_show(study, library=library or ()), as_json)


@evidence_app.command("status")
def evidence_status(
    product: Annotated[str, typer.Argument(help="Words of a product; all when left out.")] = "",
    as_json: Json = False,
) -> None:
    """Show what regulators say, by jurisdiction and date."""
    with _door("evidence-status", as_json):
        from exocast import api

        _print_evidence("status", api.evidence_status(product), as_json)


Words = Annotated[
    list[str] | None, typer.Argument(help="Words that all have to occur; all when left out.")
]


@evidence_app.command("grade")
def evidence_grade(
    words: Words = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file for a summary of findings.")] = None,
    as_json: Json = False,
) -> None:
    """Show how certain a body of evidence is, with the reason of every step."""
    with _door("evidence-grade", as_json):
        from exocast import api

        made = api.evidence_grade(" ".join(words or ()), plot=plot)
        _print_evidence("grade", made, as_json)


@evidence_app.command("bias")
def evidence_bias(
    words: Words = None,
    tool: Annotated[str, typer.Option(help="rob2, robins_i or syrcle; all when left out.")] = "",
    plot: Annotated[Path | None, typer.Option(help="SVG file for a traffic-light figure.")] = None,
    summary_plot: Annotated[
        Path | None, typer.Option(help="SVG file for bars over the studies, a bar a domain.")
    ] = None,
    robvis: Annotated[
        Path | None, typer.Option(help="CSV file to write in the layout of robvis; one tool.")
    ] = None,
    library: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder with your own bias.csv, which replaces ours, or with a register; "
            "repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the risk of bias of studies, domain by domain with reasons."""
    with _door("evidence-bias", as_json):
        from exocast import api

        made = api.evidence_bias(
            " ".join(words or ()),
            tool=tool,
            plot=plot,
            summary_plot=summary_plot,
            robvis=robvis,
            library=library or (),
        )
        _print_evidence("bias", made, as_json)


@evidence_app.command("safety")
def evidence_safety(words: Words = None, as_json: Json = False) -> None:
    """Show reports of harm, which have no denominator, apart from rates."""
    with _door("evidence-safety", as_json):
        from exocast import api

        _print_evidence("safety", api.evidence_safety(" ".join(words or ())), as_json)


Unresolved = Annotated[
    bool, typer.Option("--unresolved", help="Also studies that no identifier leads to.")
]
Without = Annotated[
    list[str] | None, typer.Option(metavar="STUDY", help="Leave a study out; repeatable.")
]
UsedFor = Annotated[
    str,
    typer.Option(help="calibration: leave out the studies by which forecasts are tested."),
]


@evidence_app.command("pool")
def evidence_pool(
    query: Annotated[
        str,
        typer.Argument(
            help='Such as "knee_OA: saline | VAS | change | 12-26 weeks" or '
            '"knee_OA: PRP vs saline | pain | difference | 8-60 weeks". Of one group: change, '
            "proportion; of two: difference, smd, ratio, risk ratio, odds ratio, risk difference, "
            "hazard ratio."
        ),
    ],
    method: Annotated[str, typer.Option(help="fixed, DL, PM, REML, ML, HE, SJ or HS.")] = "REML",
    test: Annotated[
        str, typer.Option(help="normal, knapp-hartung, or 'knapp-hartung, at least normal'.")
    ] = "knapp-hartung",
    by: Annotated[
        str, typer.Option(help="Field that divides the pool: product_source, design, bias ...")
    ] = "",
    regress: Annotated[str, typer.Option(help="week, year, dose or n: effects against it.")] = "",
    without: Without = None,
    used_for: UsedFor = "",
    unresolved: Unresolved = False,
    plot: Annotated[Path | None, typer.Option(help="SVG file for a forest plot.")] = None,
    funnel: Annotated[Path | None, typer.Option(help="SVG file for a funnel plot.")] = None,
    library: Library = None,
    as_json: Json = False,
) -> None:
    """Pool studies of the register: one group, or one against another."""
    with _door("evidence-pool", as_json):
        from exocast import api

        made = api.evidence_pool(
            query,
            method=method,
            test=test,
            unresolved=unresolved,
            without=without or (),
            used_for=used_for,
            by=by,
            regress=regress,
            plot=plot,
            funnel=funnel,
            library=library or (),
        )
        _print_evidence("pool", made, as_json)


@evidence_app.command("network")
def evidence_network(
    query: Annotated[str, typer.Argument(help='Such as "knee_OA | pain | 8-18 weeks".')],
    reference: Annotated[
        str, typer.Option(help="Treatment that the others are compared with; saline if there.")
    ] = "",
    method: Annotated[str, typer.Option(help="fixed, DL or REML.")] = "REML",
    without: Without = None,
    used_for: UsedFor = "",
    unresolved: Unresolved = False,
    library: Library = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file for the network.")] = None,
    forest: Annotated[
        Path | None, typer.Option(help="SVG file for treatments against the reference.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare all treatments of an indication, directly and by way of one another."""
    with _door("evidence-network", as_json):
        from exocast import api

        made = api.evidence_network(
            query,
            reference=reference,
            method=method,
            unresolved=unresolved,
            without=without or (),
            used_for=used_for,
            library=library or (),
            plot=plot,
            forest=forest,
        )
        _print_evidence("network", made, as_json)


@evidence_app.command("course")
def evidence_course(
    query: Annotated[str, typer.Argument(help='Such as "knee_OA: saline | pain | 1-52 weeks".')],
    unresolved: Annotated[
        bool, typer.Option("--unresolved", help="Also studies that no identifier leads to.")
    ] = False,
    without_prediction: Annotated[
        bool,
        typer.Option("--without-prediction", help="No studies that the forecast is tested on."),
    ] = False,
    forecast: Annotated[
        bool,
        typer.Option(
            "--forecast", help="Beside it the forecast's own course after an injection of saline."
        ),
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="SVG file for a figure.")] = None,
    as_json: Json = False,
) -> None:
    """Pool control arms of the register over time."""
    with _door("evidence-course", as_json):
        from exocast import api

        made = api.evidence_course(
            query,
            unresolved=unresolved,
            prediction=not without_prediction,
            forecast=forecast,
            plot=plot,
        )
        _print_evidence("course", made, as_json)


@evidence_app.command("quoted")
def evidence_quoted(
    study: Annotated[str, typer.Argument(help="Id of a synthesis; all when left out.")] = "",
    as_json: Json = False,
) -> None:
    """Show quoted pooled values beside those from the register's own arms, and why they differ."""
    with _door("evidence-quoted", as_json):
        from exocast import api

        _print_evidence("quoted", api.evidence_quoted(study), as_json)


Same = Annotated[
    list[str] | None,
    typer.Option(metavar="ID=STUDY", help="An incoming study that is this one; repeatable."),
]
NewStudy = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="An incoming study that is new after all; repeatable."),
]


@evidence_app.command("import")
def evidence_import(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="RIS, NBIB, BibTeX, JSON of ClinicalTrials.gov or Europe PMC, CSV tables or a "
            "folder of them; or NCT01234567, a DOI, PMID:123 to fetch.",
        ),
    ],
    into: Annotated[
        Path | None,
        typer.Option(help="Folder of your own to write to; nothing is written without it."),
    ] = None,
    library: Library = None,
    same: Same = None,
    new: NewStudy = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Let what comes in take the place of what contradicts it."),
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch records again that were fetched before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what studies of files would change, and write them to a folder of your own."""
    with _door("evidence-import", as_json):
        from exocast import api

        made = api.evidence_import(
            files,
            into=into,
            library=library or (),
            same=same or (),
            new=new or (),
            update=update,
            refresh=refresh,
        )
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(
                envelope("evidence-import", result=made["result"], warnings=made["warnings"])
            )
        else:
            from exocast.report.exchange import import_text

            _warn(made["warnings"])
            typer.echo(import_text(made["result"]), nl=False)


@evidence_app.command("impact")
def evidence_impact(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="What 'evidence import' reads.")
    ],
    library: Library = None,
    same: Same = None,
    new: NewStudy = None,
    unresolved: Annotated[
        bool, typer.Option("--unresolved", help="Also studies that no identifier leads to.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="SVG file of before and after.")] = None,
    as_json: Json = False,
) -> None:
    """Show which pools, rows and forecasts new studies would move, and by how much."""
    with _door("evidence-impact", as_json):
        from exocast import api

        made = api.evidence_impact(
            files,
            library=library or (),
            same=same or (),
            new=new or (),
            unresolved=unresolved,
            plot=plot,
        )
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(
                envelope("evidence-impact", result=made["result"], warnings=made["warnings"])
            )
        else:
            from exocast.report.impact import text

            _warn(made["warnings"])
            typer.echo(text(made["result"]), nl=False)


@evidence_app.command("export")
def evidence_export(
    out: Annotated[Path, typer.Argument(help="File (.ris, .bib) or new folder to write.")],
    words: Annotated[
        list[str] | None, typer.Argument(help="Words that all have to occur; else all studies.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="csv, ris, bibtex, robvis, ro-crate or duckdb; else guessed."
        ),
    ] = None,
    library: Library = None,
    licence: Annotated[str, typer.Option(help="Address of the licence that a crate names.")] = "",
    as_json: Json = False,
) -> None:
    """Write studies of the register as tables or references."""
    with _door("evidence-export", as_json):
        from exocast import api

        made = api.evidence_export(
            out, " ".join(words or ()), format=form, library=library or (), licence=licence
        )
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(envelope("evidence-export", result=made))
        else:
            for file in made["files"]:
                typer.echo(file)
            typer.echo(f"{made['studies']} studies, {made['results']} lines of results.", err=True)


@app.command()
def cite(
    directory: Annotated[Path, typer.Argument(help="A result directory.")],
    form: Annotated[str, typer.Option("--format", help="text, bibtex or ris.")] = "text",
    as_json: Json = False,
) -> None:
    """List the sources that a result rests on, with the rows they carry, and their references."""
    with _door("cite", as_json):
        from exocast import api

        made = api.cite(directory)
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(envelope("cite", result=made))
        else:
            from exocast.report.citations import cite_text

            typer.echo(cite_text(made, form), nl=False)


def _print_evidence(what: str, made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        from exocast.report.envelopes import envelope

        _print_json(envelope(f"evidence-{what}", result=made))
        return
    from exocast.report import appraisal, courses, evidence, evidence_pools

    texts = {
        "search": evidence.studies_text,
        "show": evidence.study_text,
        "status": evidence.status_text,
        "grade": appraisal.grade_text,
        "bias": appraisal.bias_text,
        "safety": appraisal.safety_text,
        "pool": evidence_pools.pool_text,
        "network": evidence_pools.network_text,
        "course": courses.course_text,
        "quoted": courses.quoted_text,
    }
    typer.echo(texts[what](made), nl=False)


def _from(what: str) -> Any:
    return typer.Option(
        metavar="SPECIES=PARAMETER", help=f"Parameter that is {what} of a species; repeatable."
    )


@app.command()
def simulate(
    model: Annotated[Path, typer.Argument(help="An SBML file.")],
    times: Annotated[str, typer.Option(help="Output times: start:stop:step, or 0,1,7.")],
    out: Annotated[Path, typer.Option(help="Directory for the result: new, empty or a result.")],
    patients: Annotated[
        Path | None,
        typer.Option(help="CSV with one run a row: ID, then columns of parameter or species ids."),
    ] = None,
    doses: Annotated[
        Path | None,
        typer.Option(help="CSV of NONMEM event records, or of rows run,time,amount,target."),
    ] = None,
    observe: Annotated[
        str | None, typer.Option(help="Ids to return, with commas between; else all species.")
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance.")] = 1e-6,
    path: Annotated[str, typer.Option(help="auto, batch or general (one run at a time).")] = "auto",
    rate_from: Annotated[list[str] | None, _from("the rate (RATE -1)")] = None,
    duration_from: Annotated[list[str] | None, _from("the duration (RATE -2)")] = None,
    lag_from: Annotated[list[str] | None, _from("the lag")] = None,
    bioavailability_from: Annotated[list[str] | None, _from("the bioavailability")] = None,
    as_json: Json = False,
) -> None:
    """Run any SBML model, a run for each row of a patients' table."""
    with _door("simulate", as_json):
        from exocast import api

        with _progress() as progress:
            made = api.simulate(
                model,
                times,
                patients=patients,
                doses=doses,
                observe=observe or (),
                rtol=rtol,
                path=path,
                rate_from=rate_from or (),
                duration_from=duration_from or (),
                lag_from=lag_from or (),
                bioavailability_from=bioavailability_from or (),
                out=out,
                progress=progress,
            )
        warnings = list(made.result.manifest["warnings"])
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(envelope("simulate", result=made.record(), warnings=warnings))
        else:
            _warn(warnings)
            typer.echo(made.summary())
            typer.echo(str(made.directory))


@app.command()
def export(
    scenario: Scenario,
    sbml: Annotated[Path, typer.Option(help="SBML file to write.")],
    prior: Annotated[
        str | None, typer.Option(help="Prior of the effect: default or literature.")
    ] = None,
    world: Annotated[int, typer.Option(help="World of the run, from 0.")] = 0,
    patient: Annotated[int, typer.Option(help="Patient of the run, from 0.")] = 0,
    as_json: Json = False,
) -> None:
    """Write one run of a scenario as SBML Level 3 Version 2, doses included."""
    with _door("export", as_json):
        from exocast import api

        path = api.export_sbml(scenario, sbml, prior=prior, world=world, patient=patient)
        if as_json:
            from exocast.report.envelopes import envelope

            _print_json(envelope("export", result={"file": str(path)}))
        else:
            typer.echo(str(path))


@contextlib.contextmanager
def _door(command: str, as_json: bool) -> Iterator[None]:
    """Turn our errors into one screen (or one JSON object) and an exit code."""
    try:
        yield
    except ExocastError as e:
        error = e
    except KeyboardInterrupt:
        error = Interrupted("stopped before the end; nothing was written.")
    except BrokenPipeError:
        # Whoever read stdout has left; a flush at the end would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except OSError as e:
        error = InvalidInput(
            f"the system refused: {e.strerror or e}. Check the path, its permissions and the disk.",
            code="SYSTEM",
            where=str(e.filename or ""),
        )
    else:
        return
    if as_json:
        from exocast.report.envelopes import envelope

        _print_json(envelope(command, errors=[error]))
    else:
        typer.echo(_one_screen(f"error {error.code}: {error}"), err=True)
    raise typer.Exit(error.exit_code)


def _one_screen(text: str) -> str:
    lines = text.splitlines()
    cut = [line if len(line) <= MOST_COLUMNS else line[: MOST_COLUMNS - 1] + "…" for line in lines]
    if len(cut) > MOST_LINES:
        cut = [*cut[:MOST_LINES], f"… and {len(lines) - MOST_LINES} more."]
    return "\n".join(cut)


def _show(made: Any, as_json: bool, command: str) -> None:
    warnings = list(made.result.manifest.get("warnings", ()))
    if as_json:
        from exocast.report.envelopes import envelope

        _print_json(envelope(command, result=made.record(), warnings=warnings))
        return
    _warn(warnings)
    if sys.stdout.isatty():
        from rich.console import Console

        from exocast.report.text import rich

        console = Console()
        for part in rich(made.story):
            console.print(part)
        console.print(f"\n{made.directory / 'report.html'}", soft_wrap=True, highlight=False)
    else:
        typer.echo(made.summary())
        typer.echo(str(made.directory / "report.html"))


def _warn(warnings: Sequence[Mapping[str, Any]]) -> None:
    for warning in warnings:
        where = f"{warning['where']}: " if warning.get("where") else ""
        typer.echo(
            _one_screen(f"warning {warning.get('code', '')}: {where}{warning.get('message', '')}"),
            err=True,
        )


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


@contextlib.contextmanager
def _progress(what: str = "runs") -> Iterator[Any]:
    """A progress bar on stderr when that is a terminal, else a line every tenth of the way."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    last = -1

    def line(done: int, total: int) -> None:
        nonlocal last
        tenth = 10 * done // max(total, 1)
        if tenth > last:
            last = tenth
            typer.echo(f"{done} of {total} {what}", err=True)

    yield line


if __name__ == "__main__":
    app()
