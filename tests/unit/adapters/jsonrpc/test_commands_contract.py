"""The two writes of Tryton keep the contract of `ports.Commands`, over real HTTP on the loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest

from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.adapters.jsonrpc.rows import version_of
from erp_mcp.domain.command import Command
from erp_mcp.domain.reference import reference_of
from erp_mcp.testing import CommandContract, CommandFault, CommandSource, FixedClock
from tests.guarantees import guarantees
from tests.relaying import Relay, before_json_rpc
from tests.unit.adapters.jsonrpc.fake import SYSTEM_TEXT
from tests.unit.adapters.jsonrpc.fake_buying import CREATE, DATE, DAY, LINES, PROFILE, BuyingTryton, connection

OPEN: Final = ("open", "other", "partial")


class BuyingSource:
    """The small server behind a relay that breaks."""

    secrets = (SYSTEM_TEXT, "pass-word-9", "token-1", "done?")

    def __init__(self, fake: BuyingTryton, relay: Relay) -> None:
        self.fake, self.relay = fake, relay
        self.commands = JsonRpcCommands.open(connection(fake, url=relay.url), PROFILE, FixedClock())
        self._number = 0

    @property
    def attempts(self) -> int:
        return len(self.relay.written)

    def good(self, operation: str) -> Command:
        self._number += 1
        return self._date(OPEN[self._number % len(OPEN)]) if operation == DATE else self._request("C62")

    def refused(self, operation: str) -> Command:
        self._number += 1
        return self._date("received") if operation == DATE else self._request("KGM")

    def touch(self, command: Command) -> None:
        link = self.fake.models["purchase.line"][int(command.key)]["moves"][-1]
        self.fake.by_hand(*link, planned_date=DAY)

    def effects(self) -> Mapping[str, str]:
        held: dict[str, list[Any]] = {}
        for number in LINES.values():
            line = self.fake.models["purchase.line"][number]
            held[str(number)] = [(one, self.fake.models[model][one]["planned_date"]) for model, one in line["moves"]]
        for number, line in self.fake.models.get("purchase.requisition.line", {}).items():
            held[str(number)] = [line["quantity"]]
        return {key: repr(text) for key, text in held.items()}

    async def fault(self, how: CommandFault) -> None:
        await self.relay.fault(how)

    async def settle(self) -> None:
        await self.relay.settle()

    def _date(self, name: str) -> Command:
        line = self.fake.models["purchase.line"][LINES[name]]
        moves = [self.fake.models[model][one] for model, one in line["moves"]]
        fields = {"purchase_order_id": f"PO{line['id']}", "line": str(line["id"]), "new_date": self._day()}
        row: dict[str, Any] = {**line, "moves.": moves}
        return self._command(DATE, fields, key=str(line["id"]), version=version_of(row, ["moves"]))

    def _request(self, unit: str) -> Command:
        fields = {
            "material_id": "RM-1", "site": "WH", "qty": str(self._number), "uom": unit, "delivery_date": self._day(),
            "supplier_id": None, "cost_object": None,
        }  # fmt: skip
        return self._command(CREATE, fields)

    def _day(self) -> str:
        return f"2027-{1 + self._number // 28 % 12:02}-{1 + self._number % 28:02}"

    def _command(
        self, operation: str, fields: Mapping[str, str | None], *, key: str = "", version: str = ""
    ) -> Command:
        return Command(
            operation=operation, system="erp", entity=operation.partition(".")[0], key=key, version_token=version,
            reference=reference_of(str(self._number)), fields=fields,
        )  # fmt: skip


@guarantees("commands.contract")
class TestJsonRpcCommands(CommandContract):
    @pytest.fixture
    async def source(self, buying: BuyingTryton) -> AsyncIterator[CommandSource]:
        async with before_json_rpc(buying.url) as relay:
            source = BuyingSource(buying, relay)
            yield source
            await source.commands.close()
