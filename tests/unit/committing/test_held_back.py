"""Pauses grow and are bounded, and every error of the taxonomy means something for a proposal."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from erp_mcp import errors
from erp_mcp.committing.held_back import held_back_by, pause_s
from erp_mcp.errors import GatewayError
from tests.guarantees import guarantees

ROOT = Path(__file__).parents[3]
ALL = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, GatewayError) and not one.__subclasses__()
]


@guarantees("P9.bounded", "P10.outage")
def test_a_pause_grows_to_five_minutes_and_no_further() -> None:
    """What fails each time is looked at each time less often, and a system back after an hour is not kept waiting."""
    assert [pause_s(attempt) for attempt in (0, 1, 2, 3, 7, 8, 10**6)] == [5, 5, 10, 20, 300, 300, 300]
    assert pause_s(1, at_least=900) == 900


@guarantees("P4.one_effect", "P10.outage")
@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_no_error_before_sending_ends_in_a_state_that_says_something_was_sent(error: type[GatewayError]) -> None:
    """Whatever is met before the send, the proposal is ended, handed over or left for later."""
    held = held_back_by(error())
    assert held.move in {"deny", "go_stale", "hand_over", "postpone"}
    assert held.reason.replace("_", "").isalpha()


@guarantees("docs.agree")
def test_every_reason_of_the_worker_is_explained() -> None:
    """A code that is written nowhere sends a person into the source."""
    page = (ROOT / "docs" / "worker.md").read_text(encoding="utf-8")
    missing = sorted(reason for reason in reasons() if f"`{reason}`" not in page)
    assert missing == []


def reasons() -> set[str]:
    """Return every code that the committer gives as a reason: arguments of its calls, found in its source."""
    found: set[str] = set()
    for path in sorted((ROOT / "erp_mcp" / "committing").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found |= _of_call(node)
            elif isinstance(node, ast.Tuple) and len(node.elts) == 3:
                found |= _text(node.elts[2])  # a row of the table of errors
    return found


def _of_call(call: ast.Call) -> set[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    by_keyword = [one.value for one in call.keywords if one.arg == "reason"]
    second = call.args[1:2] if name in {"HeldBackError", "postpone", "_later"} else []
    third = call.args[2:3] if name == "lose" else []
    return set().union(*(_text(node) for node in [*by_keyword, *second, *third]))


def _text(node: ast.expr) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
