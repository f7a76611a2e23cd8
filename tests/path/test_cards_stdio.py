"""A proposal's card over real pipes: to the SDK's client that shows pages, in both eras, and to no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError

from erp_mcp.server import identity
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, shown
from tests.path.offers import CARD, FACTS, PAGE, SHOWS_PAGES, paged
from tests.path.test_end_to_end import ERAS, server

pytestmark = pytest.mark.usefixtures("warm_servers")

__all__ = ["paged"]

ASKS = "propose_undo", "cancel_proposal", "get_proposal"


def listed(tools: Any) -> dict[str, Any]:
    """The list as it came, by name."""
    return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}


@guarantees("offers.card", "views.same_policy", "mcp.both_eras")
@pytest.mark.parametrize("era", ERAS)
async def test_a_host_that_shows_pages_gets_the_card_and_what_it_shows_beside_the_answer(paged: Path, era: Any) -> None:
    """Named by each tool that answers with a proposal, fetched once, filled by each answer; where people decide."""
    async with Client(server(paged, "buyer"), mode=era, extensions=[SHOWS_PAGES]) as client:
        tools = listed((await client.list_tools()).tools)
        uris = [str(one.uri) for one in (await client.list_resources()).resources]
        (page,) = (await client.read_resource(CARD)).contents
        made = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        proposal_id = shown(made.structured_content)["proposal_id"]
        got = await client.call_tool("get_proposal", {"proposal_id": proposal_id})
        read = await client.call_tool("list_purchase_orders", {"limit": 1})

    shows = {name for name, tool in tools.items() if tool.get("_meta", {}).get("ui", {}).get("resourceUri") == CARD}
    assert shows == {DATE_TOOL, *ASKS}
    assert uris.count(CARD) == 1
    assert page.mime_type == identity.PAGE_TYPE
    facts = (made.meta or {})[FACTS]
    assert facts == (got.meta or {})[FACTS]
    assert facts["page"] == f"{PAGE}/proposals/{proposal_id}"
    assert facts["command"] == f"erp-mcp approvals show {proposal_id}"
    assert (facts["needed"], facts["risk"], facts["reason"]) == (1, "W2", NEW_DATE["reason"])
    assert set(facts) == {"agent", "command", "needed", "page", "reason", "risk", "texts"}
    assert FACTS not in (read.meta or {})


@guarantees("offers.card", "mcp.both_eras")
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_shows_no_pages_has_the_same_lists_and_answers_as_ever(paged: Path, era: Any) -> None:
    """Nobody pays for what can't be shown: the list differs in the names of pages alone."""
    async with Client(server(paged, "buyer"), mode=era) as client:
        plain = listed((await client.list_tools()).tools)
        uris = [str(one.uri) for one in (await client.list_resources()).resources]
        made = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
    async with Client(server(paged, "buyer"), mode=era, extensions=[SHOWS_PAGES]) as client:
        tools = listed((await client.list_tools()).tools)
        again = await client.call_tool(DATE_TOOL, dict(NEW_DATE))

    assert [uri for uri in uris if uri.startswith("ui:")] == []
    assert {name: {key: one for key, one in tool.items() if key != "_meta"} for name, tool in tools.items()} == plain
    assert FACTS not in (made.meta or {})
    without_call = [{**one.structured_content, "call_id": ""} for one in (made, again)]
    assert without_call[0]["tables"] == without_call[1]["tables"]


@guarantees("offers.card", "P1.hidden_is_missing", "views.same_policy")
@pytest.mark.parametrize("era", ERAS)
async def test_whoever_may_propose_nothing_finds_no_card(plant: Path, era: Any) -> None:
    """A planner's host shows pages; the card's address answers as one that never was."""
    async with Client(server(plant, "planner"), mode=era, extensions=[SHOWS_PAGES]) as client:
        uris = [str(one.uri) for one in (await client.list_resources()).resources]
        refused = []
        for uri in (CARD, "ui://erp-mcp/never"):
            with pytest.raises(MCPError) as error:
                await client.read_resource(uri)
            refused.append((error.value.error.code, error.value.error.message, error.value.error.data))

    assert CARD not in uris
    assert [uri for uri in uris if uri.startswith("ui:")]
    assert refused[0] == refused[1]


@guarantees("offers.card")
async def test_where_no_page_is_known_the_card_names_the_command_alone(plant: Path) -> None:
    """An address that leads nowhere would be worse than none."""
    async with Client(server(plant, "buyer"), extensions=[SHOWS_PAGES]) as client:
        made = await client.call_tool(DATE_TOOL, dict(NEW_DATE))

    facts = (made.meta or {})[FACTS]
    assert "page" not in facts
    assert facts["command"].startswith("erp-mcp approvals show prp_")
