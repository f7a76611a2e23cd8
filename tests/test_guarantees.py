"""Promises and tests agree in both directions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guarantees import GUARANTEES, guarantees

TESTS = Path(__file__).parent
SHIPPED = TESTS.parent / "erp_mcp" / "testing"


def named_in(path: Path) -> Iterator[str]:
    """Yield the promises that a file's tests name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _name(node.func) in {"guarantees", "proves"}:
            yield from (
                part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@guarantees("docs.agree")
def test_every_promise_is_proved_by_a_test() -> None:
    """A promise without a test is an advertisement."""
    named = {one for path in [*TESTS.rglob("*.py"), *SHIPPED.rglob("*.py")] for one in named_in(path)}
    assert set(GUARANTEES) - named == set()


@guarantees("docs.agree")
def test_every_collected_test_names_a_known_promise_and_says_why(request: pytest.FixtureRequest) -> None:
    """A test without a promise proves nothing that anybody was told; its docstring says why it is there."""
    without = []
    for item in request.session.items:
        ids = [one for mark in item.iter_markers("guarantees") for one in mark.args]
        function = getattr(item, "function", None)
        if not ids or not set(ids) <= set(GUARANTEES) or not getattr(function, "__doc__", None):
            without.append(item.nodeid)
    assert without == []


@guarantees("docs.agree")
def test_an_unknown_promise_can_not_be_named() -> None:
    """A slip of the pen would otherwise prove nothing in silence."""
    with pytest.raises(ValueError, match="unknown guarantee"):
        guarantees("P99.no_such_promise")
    with pytest.raises(ValueError, match="unknown guarantee"):
        guarantees()
