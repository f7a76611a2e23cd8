"""The real server over real pipes: what it takes, what it never does, and what it never opens; in both eras."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from erp_mcp.cli.client_entry import server_command
from tests.guarantees import guarantees
from tests.path.wire_client import HELLO, META, RawServer

# A client that could be asked everything, so that a server which asks would be seen.
WILLING = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {"listChanged": True}, "tasks": {}}
MODERN = {"_meta": {**META, "io.modelcontextprotocol/clientCapabilities": WILLING}}
ERAS = pytest.mark.parametrize("era", [{}, MODERN], ids=["handshake", "stateless"])

# tool, arguments, and the argument that is refused
LOOSE: list[tuple[str, dict[str, Any], str]] = [
    ("list_sales_orders", {"limit": "5"}, "limit"),
    ("list_sales_orders", {"limit": 5.5}, "limit"),
    ("list_sales_orders", {"limit": True}, "limit"),
    ("list_sales_orders", {"late_only": "true"}, "late_only"),
    ("list_sales_orders", {"status": '["open"]'}, "status"),
    ("list_sales_orders", {"evil": 1}, "evil"),
    ("explain_late_order", {"sales_order_id": 10000282}, "sales_order_id"),
    ("get_stock", {"material_id": '["RM-013"]'}, "material_id"),
]
# one call of each kind of tool, with an answer on the demo plant
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_sales_orders", {"late_only": True, "limit": 3}),
    ("describe_tool", {"name": "list_purchase_orders"}),
    ("list_shortages", {"limit": 3}),
    ("find_order", {"reference": "10000123"}),
    ("get_stock", {"material_id": ["RM-013"]}),
    ("get_supply_demand", {"material_id": "RM-013", "site": "1000"}),
    ("check_availability", {"material_id": "RM-013", "qty": "500", "date": "2026-04-15"}),
    ("search_tools", {"query": "lots on hold"}),
    ("call_tool", {"name": "list_hold_lots", "arguments": {}}),
    ("get_plant_briefing", {}),
]
# The server of its arguments, with the name of every database it opens on standard error.
WATCHED = """
import sys

def hook(event, arguments):
    if event in {"open", "sqlite3.connect"} and ".sqlite" in str(arguments[0]):
        sys.__stderr__.write(f"opens {arguments[0]!r}\\n")

sys.addaudithook(hook)

from erp_mcp.__main__ import main

main()
"""


@pytest.fixture
def wire(plant: Path) -> Iterator[RawServer]:
    """A planner's connection to a plant of its own."""
    with RawServer(command=server_command(plant, "planner")) as server:
        server.request(0, "initialize", {**HELLO, "capabilities": {**WILLING}})
        assert "result" in server.receive()
        server.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        yield server


def ask(wire: RawServer, era: dict[str, Any], tool: str, arguments: dict[str, Any], **more: object) -> dict[str, Any]:
    """Call a tool and return its result; the next message has to be the answer, and nothing else."""
    wire.request("ask", "tools/call", {**era, "name": tool, "arguments": arguments, **more})
    answer = wire.receive()
    assert answer["id"] == "ask"
    result = answer["result"]
    assert isinstance(result, dict)
    return result


@guarantees("input.clear_errors", "mcp.both_eras")
@ERAS
def test_arguments_are_taken_as_the_published_schema_says_and_never_guessed(
    wire: RawServer, era: dict[str, Any]
) -> None:
    """The SDK checks nothing (G3) or turns "5" into 5 and drops what it does not know (G4); here the schema counts."""
    wire.request("list", "tools/list", dict(era))
    schemas = {tool["name"]: tool["inputSchema"] for tool in wire.receive()["result"]["tools"]}

    for tool, arguments, name in LOOSE:
        error = ask(wire, era, tool, arguments)["structuredContent"]["error"]
        assert error["code"] in {"call.invalid_argument", "call.unknown_argument"}, arguments
        assert error["facts"]["argument"] == name, arguments
        assert not jsonschema_rs.is_valid(schemas[tool], arguments), arguments
    for tool, arguments in CALLS:
        assert jsonschema_rs.is_valid(schemas[tool], arguments), tool


@guarantees("P7.provenance", "P7.exact_numbers")
@ERAS
def test_every_answer_and_refusal_fits_the_schema_that_was_published(wire: RawServer, era: dict[str, Any]) -> None:
    """A result that does not fit goes out unseen and makes the client's SDK raise instead (G3)."""
    wire.request("list", "tools/list", dict(era))
    schemas = {tool["name"]: tool["outputSchema"] for tool in wire.receive()["result"]["tools"]}

    for tool, arguments in [*CALLS, *((tool, arguments) for tool, arguments, _ in LOOSE)]:
        result = ask(wire, era, tool, arguments)
        jsonschema_rs.validator_for(schemas[tool]).validate(result["structuredContent"])
        assert not [cell for cell in _cells(result["structuredContent"]) if isinstance(cell, float)], tool


@guarantees("P2.no_writes", "mcp.both_eras")
@ERAS
def test_nothing_is_asked_of_the_client_and_nothing_it_brings_along_is_an_approval(
    wire: RawServer, era: dict[str, Any]
) -> None:
    """Asking back fails in the stateless era (G7, G8), and an answer to a question nobody asked is a replay (G9)."""
    plain = ask(wire, era, "get_stock", {"material_id": ["RM-013"]})
    brought = {
        "requestState": "eyJwaWQiOiJhcHByb3ZlZCJ9",
        "inputResponses": {"ok": {"action": "accept", "content": {"approve": True}}},
        "task": {"ttl": 60_000},
    }
    with_state = ask(wire, era, "get_stock", {"material_id": ["RM-013"]}, **brought)

    assert with_state["structuredContent"]["tables"] == plain["structuredContent"]["tables"]
    assert with_state.get("resultType") in {None, "complete"}
    for method in ("tasks/get", "tasks/cancel", "elicitation/create", "sampling/createMessage", "resources/subscribe"):
        wire.request(method, method, {**era, "taskId": "1", "uri": "erp://payroll/secret"})
        undeclared = era and method.startswith("tasks/")  # what the extension answers to who does not declare it
        assert wire.receive()["error"]["code"] == (-32021 if undeclared else -32601), method
    assert wire.rest() == b""


@guarantees("P1.default_deny", "P1.hidden_is_missing")
@ERAS
def test_the_role_counts_over_pipes_as_it_does_everywhere(plant: Path, era: dict[str, Any]) -> None:
    """Frameworks skip their checks on this transport (G22): a tool of another role was listed and ran."""
    with RawServer(command=server_command(plant, "support")) as wire:
        wire.handshake()
        wire.request("list", "tools/list", dict(era))
        listed = {tool["name"] for tool in wire.receive()["result"]["tools"]}
        wire.request("call", "tools/call", {**era, "name": "list_hold_lots", "arguments": {}})
        refused = wire.receive()

    assert listed
    assert "list_hold_lots" not in listed
    assert (refused["error"]["code"], refused["error"]["data"]["code"]) == (-32602, "call.unknown_tool")


@guarantees("P7.demo_plant")
def test_the_serving_process_never_opens_the_truth(plant: Path) -> None:
    """Watched from inside: of the plant's files a server that answers opens its copy and its state, not the truth."""
    arguments = server_command(plant, "planner")
    command = [sys.executable, "-c", WATCHED, *arguments[arguments.index("serve") :]]
    with RawServer(command=command) as wire:
        wire.handshake()
        for tool, given in CALLS:
            assert not ask(wire, {}, tool, given)["isError"], tool
        wire.rest()
        opened = wire.errors()

    assert "read_model.sqlite" in opened
    assert "truth" not in opened


def _cells(content: dict[str, Any]) -> list[Any]:
    tables = content.get("tables", {})
    return [cell for table in tables.values() for row in table["rows"] for cell in row]
