"""Two agents' servers over real pipes before one ERP over real sockets: each gets its answers, whatever one asks."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from erp_mcp.cli.client_entry import server_command
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, run
from tests.path.wire_client import RawServer

PLACES: Final = 4
CALLS: Final = 32  # as many as one server has under way at once
MODEST: Final = 6
GONE: Final = "rule.refused"  # what an agent hears where its system answers that it has no such line

PROFILE: Final = """\
profile: slow-shop
version: 1
kind: rest
level: 4
zone: Europe/Berlin
rest: {base: /api, errors: {found: error, code: code}}
states: {purchase_order_line.order_state: {Open: open}}
entities:
  purchase_order_line:
    request: {path: /lines}
    items: data
    by_key: {query: {keys: "{keys}"}}
    key: [order, line]
    version: hash
    fields:
      purchase_order_id: order
      line: line
      site: site
      supplier_id: supplier
      material_id: material
      qty_ordered: qty
      qty_received: received
      qty_open: open
      uom: unit
      order_state: state
"""


@dataclass(slots=True)
class Erp:
    """Knows no line; lets all but one order's wait until it is told to answer."""

    quick: str
    full: asyncio.Event = field(default_factory=asyncio.Event)  # all places wait that one caller may have
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    most_waiting: int = 0
    quick_ones: int = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        if self.quick in str(scope["query_string"]):
            self.quick_ones += 1
        else:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
            if self.waiting == PLACES - 1:
                self.full.set()
            await self.go_on.wait()
            self.waiting -= 1
        headers = [(b"content-type", b"application/json"), (b"content-length", b"11")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"data":[]}'})


def prepare(plant: Path, url: str) -> list[tuple[str, str]]:
    """Let the ERP be reached over HTTP and know a second buyer; return order and line of what is open."""
    (plant / "profiles").mkdir()
    (plant / "profiles" / "slow-shop.yaml").write_text(PROFILE, encoding="utf-8")
    config = plant / "erp-mcp.yaml"
    text = config.read_text(encoding="utf-8")
    limits = f"{{concurrent: {PLACES}, requests_per_s: 1000, burst: 1000}}"
    system = f"erp: {{profile: slow-shop, url: {url}, timeout_s: 600, limits: {limits}}}"
    changed = text.replace("erp: {profile: demo-erp, url: erp.sqlite, write: {}}", system)
    assert changed != text
    config.write_text(f"{changed}profiles: [profiles]\n", encoding="utf-8")
    base = plant / "policies" / "base.yaml"
    buyer = "  buyer: {role: buyer, owner: demo-owner}\n"
    policy = base.read_text(encoding="utf-8")
    assert buyer in policy
    base.write_text(policy.replace(buyer, f"{buyer}  greedy: {{role: buyer, owner: demo-owner}}\n"), encoding="utf-8")
    run(plant, "policy", "apply", "--yes", "--as", "demo-admin")
    with closing(sqlite3.connect(plant / "read_model.sqlite")) as rows:
        found = "SELECT purchase_order_id, line FROM purchase_order_line WHERE order_state = 'open' ORDER BY 1, 2"
        return [(str(order), str(line)) for order, line in rows.execute(found)]


def ask(wire: RawServer, number: int, order: str, line: str) -> None:
    words = {"purchase_order_id": order, "line": line, "idempotency_key": f"call-number-{number}"}
    wire.call(number, DATE_TOOL, **{**NEW_DATE, **words})


def code(message: dict[str, Any]) -> str:
    """Return the code that a call was refused with."""
    return str(message["result"]["structuredContent"]["error"]["code"])


@guarantees("P9.fair_share")
async def test_an_agent_with_slow_reads_at_every_place_it_may_have_leaves_another_its_answers(plant: Path) -> None:
    """Each agent has a server of its own; while all reads of one hang, each read of the other is answered."""
    erp = Erp(quick="")
    async with LoopbackServer(erp) as server:
        lines = await asyncio.to_thread(prepare, plant, server.url)
        orders = sorted({order for order, _ in lines})
        erp.quick = orders[0]
        slow = [(order, line) for order, line in lines if order != erp.quick][:CALLS]
        (line,) = [line for order, line in lines if order == erp.quick][:1]
        with (
            RawServer(command=server_command(plant, "greedy")) as greedy,
            RawServer(command=server_command(plant, "buyer")) as modest,
        ):
            for wire in (greedy, modest):
                await asyncio.to_thread(wire.handshake)
            for number, (order, slow_line) in enumerate(slow, start=1):
                ask(greedy, number, order, slow_line)
            async with asyncio.timeout(60):
                await erp.full.wait()
            for number in range(1, MODEST + 1):
                ask(modest, number, erp.quick, line)
                message = await asyncio.to_thread(modest.receive)
                assert (message["id"], code(message), erp.quick_ones) == (number, GONE, number)
            assert erp.waiting == PLACES - 1
            erp.go_on.set()
            answers = await asyncio.to_thread(greedy.receive_all, len(slow))

    assert [code(one) for one in answers.values()] == [GONE] * CALLS
    assert erp.most_waiting == PLACES - 1
