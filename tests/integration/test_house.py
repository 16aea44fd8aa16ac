"""The house rules that no linter holds: sizes, docstrings, names."""

import ast
from pathlib import Path

import pytest

from tests.processes import ROOT

MOST_LINES_A_FILE = 400
MOST_LINES_A_FUNCTION = 60
VAGUE = {"utils", "helpers", "misc", "common"}

SOURCES = sorted(
    file
    for room in ("parweb", "runs", "bench", "tests")
    for file in (ROOT / room).rglob("*.py")
    if "migrations" not in file.parts
)
FRONT_END = sorted(
    file
    for pattern in ("static/css/*.css", "static/js/**/*.js", "templates/**/*.html")
    for file in ROOT.glob(pattern)
)


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", SOURCES, ids=named)
def test_functions_are_short_and_modules_say_what_lives_in_them(file: Path) -> None:
    text = file.read_text("utf-8")
    tree = ast.parse(text)
    assert not text.strip() or ast.get_docstring(tree), "a module begins with what lives in it"
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno >= MOST_LINES_A_FUNCTION
    ]
    assert not long


@pytest.mark.parametrize("file", [*SOURCES, *FRONT_END], ids=named)
def test_files_are_split_by_subject_before_they_grow(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= MOST_LINES_A_FILE


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [named(file) for file in SOURCES if file.stem in VAGUE or file.parent.name in VAGUE]
