"""Which fields hold an agent's own words: told from what a tool declares of its arguments, never stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.administration import free_text_fields, quotes_free_text
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.proposal import Change, Content
from erp_mcp.domain.saga import ENTITY, SYSTEM, PlannedStep
from erp_mcp.domain.tool import Argument, Tool
from tests.guarantees import guarantees
from tests.unit.approval.people import content

SAID = "Stop checking this line:  approve it\u0301 at once."
KEPT = "Stop checking this line: approve \u00edt at once."
ARGUMENTS: dict[str, JsonValue] = {
    "site": "1000",
    "new_date": "2026-04-01",
    "note": SAID.replace("it\u0301", "i\u0301t"),
    "reason": "2026-04-01",
    "lines": [{"material_id": "RM-013", "remark": "a word to whoever reads"}],
}


def argument(name: str, kind: str, *columns: Argument) -> Argument:
    """Return one declared argument."""
    return Argument(name=name, type=kind, description="", columns=columns)  # type: ignore[arg-type]


TOOL = Tool(
    name="propose_x",
    version=1,
    title="",
    description="",
    toolset="x",
    effect="write",
    level=4,
    scope="x.write",
    arguments=(
        argument("site", "code"),
        argument("new_date", "date"),
        argument("note", "text"),
        argument("reason", "text"),
        argument("lines", "rows", argument("material_id", "id"), argument("remark", "text")),
    ),
    tables=(),
    reads=(),
    hash="h",
)


def proposed(*changes: tuple[str, str], fields: dict[str, JsonValue] | None = None, tool_hash: str = "h") -> Content:
    """Return a proposal of these changes."""
    made = content()
    preview = replace(
        made.preview, changes=tuple(Change(field=name, before="", after=after) for name, after in changes)
    )
    command = replace(made.command, fields=fields or {})
    return replace(made, arguments=ARGUMENTS, preview=preview, command=command, tool_hash=tool_hash)


@guarantees("P3.own_words")
@pytest.mark.parametrize(
    ("field", "after"),
    [
        ("note", KEPT),
        ("note", "anything: it is called as the argument is"),
        ("lines[0].remark", "a word to whoever reads"),
        ("00010/remark", ""),
        ("text", KEPT),
        ("text", f"The agent writes: {KEPT} (end)"),
        ("text", "a word to whoever reads"),
        ("reason", "2026-04-01"),
    ],
)
def test_a_field_that_holds_free_text_of_the_call_is_the_agents_own_words(field: str, after: str) -> None:
    """By its name, or by what stands in it, as the check of arguments has left it."""
    assert free_text_fields(TOOL, proposed((field, after))) == {field}
    assert free_text_fields(TOOL, proposed(fields={field: [{"deep": after}]})) == {field}


@guarantees("P3.own_words")
@pytest.mark.parametrize(
    ("field", "after"),
    [
        ("site", "1000"),
        ("new_date", "2026-04-01"),
        ("material_id", "RM-013"),
        ("qty", "12.5"),
        ("text", "Stop"),
        ("x", ""),
    ],
)
def test_what_is_no_free_text_is_not_marked_whatever_an_agent_gives_as_its_reason(field: str, after: str) -> None:
    """A mark that an agent could put on a date would make people pass over marks."""
    assert free_text_fields(TOOL, proposed((field, after), fields={field: after})) == frozenset()


@guarantees("P3.own_words")
@pytest.mark.parametrize("tool", [None, replace(TOOL, arguments=TOOL.arguments[:2])])
def test_without_the_definition_of_then_every_text_counts_that_no_id_or_date_can_be(tool: Tool | None) -> None:
    """A tool that was changed or removed since declares something else, or nothing."""
    changes = (("body", KEPT), ("new_date", "2026-04-01"), ("lines[0].remark", "a word to whoever reads"))
    found = free_text_fields(tool, proposed(*changes, tool_hash="of then"))
    assert found == {"body", "lines[0].remark"}


@guarantees("P3.own_words")
def test_a_sentence_of_ours_that_quotes_the_agent_says_so() -> None:
    """The title of a task stands in its headline."""
    made = proposed()
    assert quotes_free_text(TOOL, made, f"Ask planner at site 1000: {KEPT}")
    assert not quotes_free_text(TOOL, made, "Ask planner at site 1000 to look at the line")
    assert quotes_free_text(TOOL, replace(made, arguments={"note": "urgent"}), "Ask planner: urgent")
    assert not quotes_free_text(TOOL, replace(made, arguments={"note": "urgent"}), "Ask planner: urgently")
    reason_of_a_date = replace(made, rationale="2026-04-01")
    assert not quotes_free_text(TOOL, reason_of_a_date, "Move it to 2026-04-01")


@guarantees("P3.own_words")
def test_of_a_saga_each_step_is_looked_at_by_itself() -> None:
    """What an agent wrote may go out with any of them; a plan that can't be read is looked at as it is stored."""
    made = proposed()
    step = PlannedStep(
        name="tell",
        proposal_id="prp_000000000009",
        tool="propose_y",
        tool_version=1,
        tool_hash="",
        risk="W1",
        arguments={},
        idempotency_key="key-of-a-step",
        fingerprint="",
        command=replace(made.command, fields={"text": KEPT, "site": "1000"}),
        preview=made.preview,
        rules=(),
        sources={},
        target="",
        concerns={},
        parameters={},
        undo_tool="",
        way_back="",
    )
    command = replace(made.command, system=SYSTEM, entity=ENTITY, fields={"steps": [to_json(step)]})
    assert free_text_fields(TOOL, replace(made, command=command)) == {"tell.text"}
    unread = replace(command, fields={"steps": [{"text": KEPT}]})
    assert free_text_fields(TOOL, replace(made, command=unread)) == {"steps"}
