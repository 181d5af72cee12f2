"""Every page of a fragment is in step with its files, and says what would refute it."""

from __future__ import annotations

import csv
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
FRAGMENTS = sorted((ROOT / "src/exocast").rglob("*.ant"))
IDS = [path.stem for path in FRAGMENTS]
SECTIONS = ("Evidence", "Left out", "What would show it wrong")


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "fragment_pages", ROOT / "scripts" / "fragment_pages.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look there for their own module
    spec.loader.exec_module(module)
    return module


def test_pages_and_index_are_in_step(pages: ModuleType) -> None:
    late = [path.relative_to(ROOT).as_posix() for path in pages.behind()]
    assert not late, f"run: python scripts/fragment_pages.py --write ({', '.join(late)})"


def test_a_changed_number_equation_or_arrow_is_noticed(pages: ModuleType) -> None:
    text = (ROOT / "src/exocast/body/lung.md").read_text(encoding="utf-8")
    for old, new in (
        (r"log SD \d", "log SD 7"),
        (r"`k_release \* held`", "`2 * k_release * held`"),
        (r'\|"let go"\|', '|"keep"|'),
    ):
        changed = re.sub(old, new, text, count=1)
        assert changed != text
        assert pages.page("body/lung", changed) == text


def test_prose_outside_the_blocks_is_left_alone(pages: ModuleType) -> None:
    text = (ROOT / "src/exocast/body/lung.md").read_text(encoding="utf-8")
    changed = text.replace("**Left out.** ", "**Left out.** Much else. ")
    assert changed != text
    assert pages.page("body/lung", changed) == changed


@pytest.mark.parametrize("path", FRAGMENTS, ids=IDS)
def test_a_page_has_its_sections_and_each_says_something(path: Path) -> None:
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    for section in SECTIONS:
        said = re.search(rf"^\*\*{section}\.\*\* (.+)$", text, re.MULTILINE)
        assert said, section
        assert len(said[1].split()) >= 2, section
    for block in ("```mermaid\nflowchart LR\n", "## Equations\n", "## Numbers\n"):
        assert text.count(block) == 1, block


@pytest.mark.parametrize("path", FRAGMENTS, ids=IDS)
def test_a_page_lists_the_sources_of_its_rows_or_says_there_is_none(path: Path) -> None:
    with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        used = {line["source"] for line in csv.DictReader(file)}
    numbers = path.with_suffix(".md").read_text(encoding="utf-8").partition("## Numbers\n")[2]
    listed = set(re.findall(r"^- `(\w+)`: \S", numbers, re.MULTILINE))
    assert used - {"assumption", "definition"} <= listed
    said = re.search(r"^No source: all rows are (.+)\.$", numbers, re.MULTILINE)
    assert bool(listed) != bool(said or "| id |" not in numbers)
    if said:
        assert set(said[1].split(" and ")) <= {f"{kind}s" for kind in used}


@pytest.mark.parametrize("path", FRAGMENTS, ids=IDS)
def test_links_of_a_page_lead_somewhere(path: Path) -> None:
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("https://"):
            assert (path.parent / target).exists(), target


def test_every_process_is_an_arrow_and_every_row_stands_in_its_page() -> None:
    """Read here from the files themselves, not by the script that writes the pages."""
    for path in FRAGMENTS:
        text = path.with_suffix(".md").read_text(encoding="utf-8")
        for process in re.findall(r"^\s+(\w+): .*[-=]>", path.read_text("utf-8"), re.MULTILINE):
            assert re.search(rf'-->\|"{process.replace("_", " ")}[":]', text), f"{path}: {process}"
        for line in path.with_suffix(".csv").read_text(encoding="utf-8").splitlines()[1:]:
            assert f"`{line.partition(',')[0]}`" in text, f"{path}: {line}"
