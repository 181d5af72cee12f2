"""Pages are true: their Python runs, their commands exist, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from exocast.cli import app

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [path.relative_to(ROOT).as_posix() for path in PAGES]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [body for kind, body in FENCE.findall(text) if kind == language]


def lines(page: Path) -> list[list[str]]:
    """Every command of a page's bash blocks, as words."""
    text = "\n".join(blocks(page, "bash")).replace("\\\n", " ")
    found = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [words for words in found if words]


# Typer's own command classes are not part of its public face: anything with .commands is a group.
def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(command, "commands"):
        for name, inner in sorted(command.commands.items()):
            yield from walk(inner, (*path, name))
    else:
        yield path, command


def parse(words: list[str]) -> None:
    """Parse a command line as the program would, without running it."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words, "a command is missing"
        assert words[0] in command.commands, f"there is no command '{words[0]}'"
        command, words = command.commands[words[0]], words[1:]
    command.make_context("exocast", list(words))


COMMANDS = [path for path, _ in walk(typer.main.get_command(app))]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_on_a_page_exist_with_their_options(page: Path) -> None:
    targets = re.findall(
        r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    for words in lines(page):
        if words[0] == "exocast":
            parse(words[1:])
        elif words[0] == "make":
            assert words[1] in targets, words
        else:
            assert words[0] in ("source", "cd", "git", "python", "pip"), words


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_on_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.parent.name == "docs"], ids=lambda p: p.name
)
def test_a_page_opens_with_its_question_and_answers_it(page: Path) -> None:
    paragraphs = page.read_text(encoding="utf-8").split("\n\n")
    assert paragraphs[0].startswith("# ")
    question, mark, answer = paragraphs[1].partition("?")
    assert len(question.split()) > 3
    assert mark
    assert len(answer.split()) > 8


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_readme_and_in_a_page(command: tuple[str, ...]) -> None:
    name = "exocast " + " ".join(command)
    readme, *pages = [page.read_text(encoding="utf-8") for page in PAGES]
    assert name in readme
    assert any(name in page for page in pages)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_and_option_says_what_it_does(command: tuple[str, ...]) -> None:
    found = dict(walk(typer.main.get_command(app)))[command]
    assert found.help
    for parameter in found.params:
        assert getattr(parameter, "help", None), f"{parameter.name} of {' '.join(command)}"


def test_the_first_screen_says_what_shows_it_and_how_to_run_it() -> None:
    screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    picture = re.search(r"!\[[^\]]+\]\((docs/images/[^)]+)\)", screen)
    assert picture
    assert (ROOT / picture[1]).stat().st_size < 300_000
    for words in ("make demo", "make test", "Python 3.11"):
        assert words in screen
