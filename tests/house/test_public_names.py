"""Public names are listed once, and each says what it gives."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import exocast


def test_every_listed_name_exists_and_is_documented() -> None:
    assert len(set(exocast.__all__)) == len(exocast.__all__)
    for name in exocast.__all__:
        thing = getattr(exocast, name)
        assert isinstance(thing, str) or (inspect.getdoc(thing) or "").strip(), name


def test_what_type_checkers_see_is_what_is_listed(root: Path) -> None:
    tree = ast.parse((root / "src/exocast/__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("exocast.")
        for alias in node.names
    }
    assert seen == set(exocast.__all__) - {"__version__"}


@pytest.mark.parametrize(
    "name", [n for n in exocast.__all__ if inspect.isfunction(getattr(exocast, n))]
)
def test_a_public_function_explains_its_arguments_and_what_comes_back(name: str) -> None:
    function = getattr(exocast, name)
    text = inspect.getdoc(function) or ""
    signature = inspect.signature(function)
    for parameter in signature.parameters:
        assert f"{parameter}" in text.partition("\n")[2], f"{name}: say what '{parameter}' is"
    assert signature.return_annotation is not inspect.Signature.empty
    first = text.partition("\n\n")[0]
    assert "Returns" in text or first.rstrip().endswith("."), name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'forcast'"):
        exocast.forcast  # noqa: B018 - the access is the test


def undocumented(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not ast.get_docstring(tree):
        yield f"{path}: the module"
    for node in tree.body:
        named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if not named or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{path}: {node.name}"
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if not isinstance(inner, ast.FunctionDef) or inner.name.startswith("_"):
                    continue
                if not ast.get_docstring(inner):
                    yield f"{path}: {node.name}.{inner.name}"


def test_every_public_thing_in_every_module_has_a_docstring(root: Path) -> None:
    files = sorted((root / "src/exocast").rglob("*.py"))
    missing = [what for path in files for what in undocumented(path.relative_to(root))]
    assert not missing, "\n".join(missing)


def test_the_version_is_written_the_same_everywhere(root: Path) -> None:
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == exocast.__version__
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {exocast.__version__}\n" in citation
    assert f"## {exocast.__version__}" in (root / "CHANGELOG.md").read_text(encoding="utf-8")
