"""What shipped profiles write over REST, against recorded shapes of their products: documentation, not the products."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters.rest.commands import RestCommands
from erp_mcp.domain.command import Command, Committed, Conflict, Outcome, Refused
from erp_mcp.domain.reference import reference_of
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import FixedClock
from erp_mcp.testing.connections import connection_to
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.guarantees import guarantees
from tests.unit.adapters.rest.products import PRODUCTS, Product
from tests.unit.adapters.write_faults import reply

COMPANY: Final = "7e3b0000-0000-4000-8000-00000000000a"
DATE: Final = "purchase_order_line.update_delivery_date"
SHIPPED: Final = Path(__file__).parents[4] / "erp_mcp" / "systems"
_numbers = itertools.count(1)


class Writable:
    """A product that also takes changes of purchase order lines, as Business Central does."""

    def __init__(self) -> None:
        self.product = Product("business-central", PRODUCTS["business-central"])
        self.patched: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await self.product(scope, receive, send)
            return
        body, raw = (await receive())["body"], scope["headers"]
        assert isinstance(body, bytes)
        assert isinstance(raw, list)
        headers = {name.decode(): value.decode() for name, value in raw}
        self.patched.append((str(scope["path"]), headers, body))
        status, told = self._done(headers, json.loads(body))
        await reply(
            send, status, {"content-type": "application/json; odata.metadata=minimal"}, json.dumps(told).encode()
        )

    def _done(self, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        line = self.product.recorded["purchaseOrders"][0]["purchaseOrderLines"][0]
        if headers["if-match"] != line["@odata.etag"]:
            return 409, {"error": {"code": "Request_EntityChanged", "message": "changed by AVA"}}
        if body["expectedReceiptDate"] == "2026-01-01":
            return 400, {"error": {"code": "Application_DialogException", "message": "AVA may not"}}
        line |= {**body, "@odata.etag": f'W/"{next(_numbers)}"'}
        return 200, line


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Writable, PlannedCommands]]:
    """Serve the product and open its commands."""
    fake = Writable()
    async with LoopbackServer(fake) as server:
        connection = connection_to(server.url, account="app", options={"company": COMPANY})
        commands = RestCommands.open(connection, load_profile("business-central", [SHIPPED]), FixedClock())
        yield fake, commands
        await commands.close()


async def dated(commands: PlannedCommands, fake: Writable, day: str) -> Command:
    """Return the change of the first line's date."""
    order = fake.product.recorded["purchaseOrders"][0]
    key = f"{order['id']}/{order['purchaseOrderLines'][0]['id']}"
    (record,) = await commands.reader.read("purchase_order_line", [key])
    fields = {"purchase_order_id": order["number"], "line": "10000", "new_date": day}
    return Command(
        operation=DATE, system="erp", entity="purchase_order_line", key=key, version_token=record.version_token,
        reference=reference_of(day), fields=fields,
    )  # fmt: skip


@guarantees("P4.one_effect", "commands.plans")
async def test_business_central_gets_a_new_promise_for_its_line() -> None:
    """On the line's own ETag, below the order; nothing of it is asked of a replica, which may lag."""
    async with opened() as (fake, commands):
        command = await dated(commands, fake, "2026-05-04")
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed)
        assert outcome.written.fields["new_date"] == "2026-05-04"
        ((path, headers, body),) = fake.patched
        order, line = command.key.split("/")
        assert path == f"/api/v2.0/companies({COMPANY})/purchaseOrders({order})/purchaseOrderLines({line})"
        assert headers["if-match"] == command.version_token
        assert "data-access-intent" not in headers
        assert json.loads(body) == {"expectedReceiptDate": "2026-05-04"}
        assert await commands.find(command) == outcome.written
        assert (await commands.probe())[DATE].startswith("verified: ")


@guarantees("P4.stale", "commands.verdicts")
@pytest.mark.parametrize(("day", "outcome"), [("2026-05-05", Conflict()), ("2026-01-01", Refused(code="not_accepted"))])
async def test_business_central_says_409_for_another_version_and_400_for_its_rules(day: str, outcome: Outcome) -> None:
    """Its other 409s are something else, so the code decides; who changed it stays in the system."""
    async with opened() as (fake, commands):
        command = await dated(commands, fake, day)
        line = fake.product.recorded["purchaseOrders"][0]["purchaseOrderLines"][0]
        if isinstance(outcome, Conflict):
            real, fake_done = fake._done, line["@odata.etag"]

            def meanwhile(headers: dict[str, str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
                line["@odata.etag"] = f"{fake_done}x"
                return real(headers, body)

            fake._done = meanwhile  # type: ignore[method-assign]
        assert await commands.send(command) == outcome
        assert len(fake.patched) == 1
        assert await commands.find(command) is None
