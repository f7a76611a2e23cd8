"""Form of the code that no linter checks: sizes, names, nothing left open, the project speaks of itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.guarantees import guarantees

ROOT = Path(__file__).parents[2]
PACKAGE = sorted((ROOT / "erp_mcp").rglob("*.py"))
OTHERS = [path for folder in ("tests", "benchmarks", "examples") for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES = [*PACKAGE, *OTHERS]
PAPERS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "Makefile", ROOT / "pyproject.toml"]
DATA = [path for folder in ("tools", "policies", "requirements") for path in sorted((ROOT / folder).rglob("*.*"))]
MAX_MODULE = 600
MAX_FUNCTION, MAX_FLAT, FEW_STATEMENTS = 35, 60, 12  # a table or a constructor of many fields is long, but flat
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def too_long(path: Path) -> Iterator[str]:
    """Yield functions that are too long to be read, by lines without docstring and signature."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        statements = sum(isinstance(part, ast.stmt) for part in ast.walk(node)) - 1
        if lines > (MAX_FLAT if statements <= FEW_STATEMENTS else MAX_FUNCTION):
            yield f"{path.relative_to(ROOT)}:{node.name} {lines}"


@guarantees("architecture.imports")
def test_modules_and_functions_are_of_a_size_to_be_read() -> None:
    """What does not fit on a screen is not reviewed."""
    long_modules = [path.name for path in PACKAGE if len(path.read_text(encoding="utf-8").splitlines()) > MAX_MODULE]
    long_functions = [function for path in PACKAGE for function in too_long(path)]
    assert (long_modules, long_functions) == ([], [])


@guarantees("architecture.imports")
def test_no_module_has_a_name_that_says_nothing() -> None:
    """A drawer named for anything fills with anything."""
    assert [path.name for path in PACKAGE if VAGUE & set(re.split(r"[_.]", path.name))] == []


@guarantees("architecture.imports")
def test_nothing_is_left_open() -> None:
    """A mark for later is a defect that ships."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|raise NotImplementedError)\b|pytest\.mark\.(skip|xfail)")
    open_ends = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert open_ends == []


@guarantees("docs.agree", "P8.no_leaks")
def test_files_name_no_machine_and_carry_no_secret() -> None:
    """What is published holds no path of a machine, no package index address and no private key."""
    forbidden = re.compile(
        r"/(?:work|root|home/\w+)/|-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----|--(?:extra-)?index" + r"-url|/simple" + r"/"
    )
    files = [path for path in [*SOURCES, *PAPERS, *DATA] if path != Path(__file__)]
    assert [str(path.relative_to(ROOT)) for path in files if forbidden.search(path.read_text(encoding="utf-8"))] == []
