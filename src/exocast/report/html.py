"""One self-contained page: nothing is loaded from outside, everything given is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exocast.report import figures
from exocast.report.numbers import Numbers
from exocast.report.story import DISCLAIMER, Story, tell
from exocast.study.result import Result


def page(result: Result, numbers: Numbers) -> str:
    """The report as HTML text."""
    story = tell(result, numbers)
    return render(story, figures.draw(result, numbers, story), result.manifest)


def render(story: Story, drawn: Mapping[str, figures.Figure], manifest: Mapping[str, Any]) -> str:
    """A story with its figures as HTML text.

    Parameters
    ----------
    story, drawn
        What is said, and the figures by name.
    manifest
        Of the result: scenario, seed and versions stand at the foot of the page.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scenario = json.dumps(manifest.get("scenario", {}), indent=2, ensure_ascii=False)
    return environment.get_template("report.html.j2").render(
        story=story,
        # Drawn by ourselves; matplotlib escapes every text that goes into them.
        figures={
            name: {"svg": Markup(f.svg), "alt": f.alt, "caption": f.caption}  # noqa: S704
            for name, f in drawn.items()
        },
        disclaimer=DISCLAIMER,
        scenario=scenario,
        seed=manifest.get("seed"),
        version=manifest.get("versions", {}).get("exocast", ""),
    )


def write_page(result: Result, numbers: Numbers, path: Path | None = None) -> Path:
    """Write the report to ``report.html`` of the result, or to a path; gives the path."""
    target = path or result.directory / "report.html"
    target.write_text(page(result, numbers), encoding="utf-8")
    return target
