"""One self-contained page: nothing is loaded from outside, everything given is escaped."""

from __future__ import annotations

import json
from pathlib import Path

from exocast.report import figures
from exocast.report.numbers import Numbers
from exocast.report.story import DISCLAIMER, tell
from exocast.study.result import Result


def page(result: Result, numbers: Numbers) -> str:
    """The report as HTML text."""
    import jinja2
    from markupsafe import Markup

    story = tell(result, numbers)
    drawn = figures.draw(result, numbers, story)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scenario = json.dumps(result.manifest.get("scenario", {}), indent=2, ensure_ascii=False)
    return environment.get_template("report.html.j2").render(
        story=story,
        # Drawn by ourselves; matplotlib escapes every text that goes into them.
        figures={
            name: {"svg": Markup(f.svg), "alt": f.alt, "caption": f.caption}  # noqa: S704
            for name, f in drawn.items()
        },
        disclaimer=DISCLAIMER,
        scenario=scenario,
        seed=result.manifest.get("seed"),
        version=result.manifest.get("versions", {}).get("exocast", ""),
    )


def write_page(result: Result, numbers: Numbers, path: Path | None = None) -> Path:
    """Write the report to ``report.html`` of the result, or to a path; gives the path."""
    target = path or result.directory / "report.html"
    target.write_text(page(result, numbers), encoding="utf-8")
    return target
