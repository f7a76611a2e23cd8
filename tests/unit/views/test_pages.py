"""The pages as they are handed to hosts, without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from erp_mcp import views
from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog.load import inspect_file
from erp_mcp.domain.tool import Tool
from erp_mcp.views import View
from tests.guarantees import guarantees

FOLDER = Path(__file__).parents[3] / "tools"
TOOLSETS = {
    "explain_late_order": "orders",
    "get_supply_demand": "planning",
    "get_oee": "production",
    "get_downtime_pareto": "production",
    "get_proposal": "proposals",
}
TOOLS = tuple(TOOLSETS)
MOST_BYTES = 40_000


def view(tool: str) -> View:
    """The picture of a tool."""
    found = views.view_of(tool)
    assert found is not None
    return found


def shipped(tool: str) -> Tool:
    """The tool as its file defines it."""
    found, problems = inspect_file(FOLDER / TOOLSETS[tool] / f"{tool}.yaml", ANALYSES)
    assert found is not None, problems
    return found


@guarantees("views.inert")
@pytest.mark.parametrize("tool", TOOLS)
def test_page_is_small_and_holds_no_way_out_and_no_way_for_text_to_become_markup(tool: str) -> None:
    """A reviewer finds by reading what a browser test finds by trying."""
    page = views.page(view(tool))
    addresses = set(re.findall(r"\w+://[^\s\"']+", page))

    assert len(page.encode()) <= MOST_BYTES
    assert addresses <= {"http://www.w3.org/2000/svg"}
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|fetch\(|XMLHttp|WebSocket|import\("
    )
    assert re.findall(forbidden, page) == []
    assert re.findall(r"<(?:link|img|iframe|object|embed|form)\b|\bon\w+=", page) == []


@guarantees("views.inert")
@pytest.mark.parametrize("tool", TOOLS)
def test_page_runs_no_script_but_the_one_whose_digest_it_carries(tool: str) -> None:
    """The page's own policy stands even where a host grants more."""
    page = views.page(view(tool))
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    parts = {kind: re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL) for kind in ("script", "style")}

    assert all(len(found) == 1 for found in parts.values())
    digests = {
        kind: base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode() for kind, found in parts.items()
    }
    assert policy == [
        f"default-src 'none'; script-src 'sha256-{digests['script']}'; style-src 'sha256-{digests['style']}'"
    ]


@guarantees("views.true")
@pytest.mark.parametrize("tool", TOOLS)
def test_page_reads_tables_and_columns_that_its_tool_answers(tool: str) -> None:
    """A column renamed in the tool would leave an empty place in the picture, and nobody would be told."""
    page = views.page(view(tool))
    known = shipped(tool)
    columns = {column.name for table in known.tables for column in table.columns}
    made_here = {"element", "thing", "cause", "period"}
    asked_for = set(re.findall(r'\[\s*"([a-z_]+)", "[A-Z]', page)) | set(
        re.findall(r"\b\w+\.([a-z]+(?:_[a-z]+)+)\b", page)
    )
    of_the_envelope = {"next_cursor", "as_of", "age_s", "definition_id", "call_id"}

    assert set(re.findall(r'rowsOf\(answer, "(\w+)"\)', page)) <= {table.name for table in known.tables}
    assert asked_for - made_here - of_the_envelope <= columns | {argument.name for argument in known.arguments}


@guarantees("views.true")
@pytest.mark.parametrize("tool", TOOLS)
def test_no_name_of_a_page_is_given_twice(tool: str) -> None:
    """Its parts stand in one block, where a second function of a name is an error and nothing is drawn."""
    page = views.page(view(tool))
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", page, re.MULTILINE)

    assert len(names) > 20
    assert [name for name in set(names) if names.count(name) > 1] == []


@guarantees("offers.card", "views.inert")
def test_card_has_nothing_to_press_and_nothing_that_leads_anywhere() -> None:
    """Not even where an answer holds an address: it is text to be copied."""
    page = views.page(views.card())

    assert re.findall(
        r"""make\("(?:a|button|input|select|textarea|form)"|\bhref\b|\.click\b|window\.open|location""", page
    ) == [
        'make("input"'  # the slider of charts, in what all pictures share
    ]
    assert re.findall(r"ui/(?:open-link|message|update-model-context)|tools/call", page) == []


@guarantees("views.same_policy")
def test_every_picture_belongs_to_one_tool_and_is_found_by_its_address() -> None:
    """Hosts read the address from the tool and ask for it again."""
    found = [view(tool) for tool in TOOLS]

    assert len({one.uri for one in found}) == len(TOOLS)
    assert [views.view_at(one.uri) for one in found] == found
    assert all(one.uri.startswith("ui://erp-mcp/") for one in found)
    assert views.view_of("get_stock") is None
    assert views.card() == view("get_proposal")
    assert views.view_at("ui://erp-mcp/../late-order") is None
