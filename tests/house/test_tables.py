"""Every table is complete, and every fragment has its numbers and its page."""

from __future__ import annotations

from pathlib import Path

from exocast.evidence.checks import check_tables
from exocast.evidence.rows import COLUMNS, rows_of


def parameter_tables(root: Path) -> list[Path]:
    header = ",".join(COLUMNS)
    paths = sorted((root / "src/exocast").rglob("*.csv"))
    return [p for p in paths if p.read_text(encoding="utf-8").splitlines()[:1] == [header]]


def test_no_table_has_an_error_or_a_warning() -> None:
    findings = [f for f in check_tables() if f.severity != "info"]
    assert not findings, "\n".join(f"{f.where}: {f.code}: {f.message}" for f in findings)


def test_a_guess_says_why(root: Path) -> None:
    tables = parameter_tables(root)
    assert len(tables) > 10
    for path in tables:
        for row in rows_of(path):
            assert row.grade != "E" or row.note, f"{path.name}: {row.id}"


def test_every_fragment_has_a_page_that_says_what_it_leaves_out(root: Path) -> None:
    fragments = sorted((root / "src/exocast").rglob("*.ant"))
    assert fragments
    for path in fragments:
        page = path.with_suffix(".md").read_text(encoding="utf-8")
        for word in ("?", "**Evidence.**", "**Left out.**"):
            assert word in page, f"{path.name}: its page lacks {word}"
