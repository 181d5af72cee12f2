"""What stands in the repository: small files, no machine's paths, one spelling."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

MOST_BYTES = 1_000_000
TEXT = {".ant", ".bib", ".cff", ".csv", ".j2", ".md", ".py", ".svg", ".toml", ".txt", ".yaml", ""}
# Written in two parts, so that this file does not find itself.
NEVER = {
    "a registry's host": "py" + r"pi\.org|python" + r"hosted\.org|find-" + "links|index-" + "url",
    "a path of one machine": "/wor" + "k/|/ro" + "ot/|/hom" + "e/[a-z]|/tm" + "p/exo",
    "words about how the work was organised": (
        r"(?i)\biss{}ue #?\d|\bwork{}er [A-Z]\b|as an a{}i ".replace("{}", "")
    ),
    "an address with a password": r"://[^\s/@]+:[^\s/@]+" + "@",
    "a note to oneself": r"\bTO" + r"DO\b|\bFIX" + r"ME\b|\bXX" + r"X\b",
}
AMERICAN = (
    "behavior|neighbor|favorable|modeling|modeled|labeled|labeling|randomized|analyzed|analyzing|"
    "summarized|characterized|recognized|organized|tumor|edema|fiber|anesthetic"
)


def files(root: Path) -> list[Path]:
    """Files that are, or would be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, encoding="utf-8", check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git working tree: the files of the repository are not known")
    return [p for line in done.stdout.splitlines() if (p := root / line).is_file()]


def test_no_file_is_larger_than_a_megabyte(root: Path) -> None:
    large = [p.name for p in files(root) if p.stat().st_size > MOST_BYTES]
    assert not large


@pytest.mark.parametrize("what", NEVER)
def test_no_file_holds(root: Path, what: str) -> None:
    pattern = re.compile(NEVER[what])
    found = [
        f"{path.relative_to(root)}: {hit[0]}"
        for path in files(root)
        if path.suffix in TEXT and path.name != "LICENSE"
        for hit in pattern.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found, "\n".join(found)


def test_spelling_is_british(root: Path) -> None:
    pattern = re.compile(rf"\b({AMERICAN})\b", re.IGNORECASE)
    ours = {".ant", ".j2", ".md", ".py", ".toml", ".yaml", ".cff"}
    found = [
        f"{path.relative_to(root)}: {hit[0]}"
        for path in files(root)
        if path.suffix in ours and path.name != Path(__file__).name
        for hit in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_pins_are_plain_names_and_versions(root: Path) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 30
    for line in pins:
        assert re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.!+]+", line), line


def test_every_dependency_is_pinned(root: Path) -> None:
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = (root / "constraints.txt").read_text(encoding="utf-8")
    for requirement in wanted:
        name = re.split(r"[><=!\[ ]", requirement)[0].lower().replace(".", "-")
        assert f"\n{name}==" in pinned, name
