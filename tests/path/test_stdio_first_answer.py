"""The first answer comes before anything heavy is imported, and is the one the SDK would give."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.path.wire_client import HELLO, META, RawServer

# An interpreter in which heavy modules never finish loading.
HELD_BACK = """
import sys, threading

HEAVY = {"asyncio", "mcp", "mcp_types", "pydantic", "anyio", "sqlite3", "sqlalchemy", "dataclasses", "click", "ruamel"}

class Gate:
    def find_spec(self, name, path=None, target=None):
        if name in HEAVY or name == "erp_mcp.bootstrap":
            threading.Event().wait()

sys.meta_path.insert(0, Gate())
sys.argv = ["erp-mcp", "serve"]

from erp_mcp.__main__ import main

main()
"""


@guarantees("mcp.fast_first_answer")
@pytest.mark.parametrize("method", ["initialize", "server/discover", "ping"])
def test_first_messages_are_answered_while_every_heavy_import_is_held_back(method: str) -> None:
    """Not a matter of timing: `erp-mcp serve` is given an interpreter in which heavy modules never finish loading."""
    params = {"initialize": HELLO, "server/discover": {"_meta": META}, "ping": {}}[method]
    with RawServer(command=[sys.executable, "-c", HELD_BACK]) as wire:
        for number in range(3):
            wire.request(number, method, params)
            assert "result" in wire.receive()


@guarantees("mcp.fast_first_answer")
@pytest.mark.parametrize("capabilities", [{}, {"roots": {"listChanged": True}, "elicitation": {"form": {}}}])
@pytest.mark.parametrize("method", ["initialize", "server/discover", "ping"])
def test_quick_answer_is_what_the_sdk_answers(method: str, capabilities: dict[str, Any]) -> None:
    """The second of two equal requests is answered by the SDK's server, the first before it is there."""
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": capabilities}
    params = {
        "initialize": {**HELLO, "capabilities": capabilities},
        "server/discover": {"_meta": meta},
        "ping": {},
    }[method]
    with RawServer() as wire:
        wire.request(1, method, params)
        quick = wire.receive()
        wire.request("wake", "no/such")  # nothing quick about this one: from here the SDK's server answers
        wire.receive()
        wire.request(1, method, params)
        slow = wire.receive()

    assert quick == slow


@guarantees("mcp.fast_first_answer")
def test_client_that_closes_at_once_costs_no_import() -> None:
    """Hosts start servers to look whether they start."""
    with RawServer() as wire:
        assert wire.rest() == b""
        assert wire.process.returncode == 0
