"""Reading tool folders again: what has not changed is kept, and what has counts at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog.load import inspect, inspect_file
from erp_mcp.commands import OPERATIONS
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of its own with the shipped tools for orders."""
    shutil.copytree(ROOT / "tools" / "orders", tmp_path / "orders")
    return tmp_path


@guarantees("catalog.kept")
def test_only_the_file_that_was_edited_is_compiled_again(folder: Path) -> None:
    """A server or worker that lives long takes an edit in the time of one file."""
    edited = folder / "orders" / "find_order.yaml"
    before = {tool.name: tool for tool in inspect([folder], ANALYSES, OPERATIONS)[0]}
    text = edited.read_text(encoding="utf-8")
    edited.write_text(text.replace("Finds sales orders", "Finds all sales orders"), encoding="utf-8")
    after = {tool.name: tool for tool in inspect([folder], ANALYSES, OPERATIONS)[0]}

    assert {name for name, tool in after.items() if tool is not before[name]} == {"find_order"}
    assert after["find_order"].description.startswith("Finds all sales orders")
    edited.write_text(text, encoding="utf-8")
    assert inspect_file(edited, ANALYSES, OPERATIONS) == (before["find_order"], [])


@guarantees("catalog.kept", "catalog.lint")
def test_a_file_is_judged_by_what_it_is_bound_to_now(folder: Path) -> None:
    """The same text over other analyses is another tool, or none; and what is found wrong once is found again."""
    path = folder / "orders" / "explain_late_order.yaml"
    assert inspect_file(path, ANALYSES, OPERATIONS)[1] == []
    for _ in range(2):
        assert [one.rule for one in inspect_file(path, {}, OPERATIONS)[1]] == ["binding.unknown_analysis"]
    assert inspect_file(path, ANALYSES, OPERATIONS)[1] == []


@guarantees("catalog.kept", "catalog.lint")
def test_a_file_that_can_no_longer_be_read_is_not_answered_from_memory(folder: Path) -> None:
    """What is gone is gone, although it was there a moment ago."""
    path = folder / "orders" / "find_order.yaml"
    assert inspect_file(path, ANALYSES, OPERATIONS)[0] is not None
    path.unlink()
    tool, (finding,) = inspect_file(path, ANALYSES, OPERATIONS)
    assert (tool, finding.rule) == (None, "yaml")
