"""A tool's version means one definition: what changes is noticed, and needs a new version."""

from __future__ import annotations

from dataclasses import replace

from tests.data import tool_pins
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import shipped

CATALOG = list(shipped())
RENEW = "then run `python -m tests.data.tool_pins`"


@guarantees("catalog.pinned")
def test_no_definition_changed_without_a_new_version() -> None:
    """Whoever allowed a tool, or reads its audit records, relies on what it was."""
    assert tool_pins.problems(tool_pins.read(), CATALOG) == [], RENEW


@guarantees("catalog.pinned")
def test_every_tool_is_pinned_as_it_is_now() -> None:
    """New tools and new versions are written down, removed ones taken out."""
    assert tool_pins.FILE.read_text(encoding="utf-8") == tool_pins.text(CATALOG), RENEW


@guarantees("catalog.pinned")
def test_a_change_of_what_is_seen_or_of_the_binding_is_noticed() -> None:
    """Words steer a model as much as statements steer the answer."""
    pins = tool_pins.read()
    tool = CATALOG[0]
    reworded = replace(tool, description=tool.description + " And more.")
    rebound = {**pins, tool.name: {**pins[tool.name], "bound": "0" * 64}}

    assert len(tool_pins.problems(pins, [reworded])) == 1
    assert len(tool_pins.problems(rebound, [tool])) == 1
    assert tool_pins.problems(pins, [replace(reworded, version=tool.version + 1)]) == []
    assert len(tool_pins.problems(pins, [replace(tool, version=tool.version - 1)])) == 1
