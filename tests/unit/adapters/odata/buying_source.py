"""The small purchasing system as a `CommandSource`: what a contract test moves and looks at."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters.odata.commands import ODataCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.reference import reference_of
from erp_mcp.testing import CommandFault, FixedClock
from tests.unit.adapters.odata.buying_profile import CREATE, DATE, connection, profile
from tests.unit.adapters.odata.fake_writes import SESSION, SYSTEM_TEXT, Buying, Version
from tests.unit.adapters.write_faults import Fault

VERSIONS: Final[tuple[Version, ...]] = (2, 4)
FAULTS: Final[Mapping[CommandFault, Fault]] = {
    "lost_before": Fault(kind="reset"),
    "lost_after": Fault(kind="reset", commits=True),
    "nonsense": Fault(kind="ok_page", commits=True),
}
_numbers = itertools.count(1)


def a_day(number: int) -> str:
    """Return a day that the system takes."""
    return f"{2028 + number // 144}-{1 + number // 12 % 12:02}-{1 + number % 12:02}"


def date_command(fake: Buying, key: tuple[str, str], day: str = "", **more: Any) -> Command:
    """Return the change of a line's date, worked out on the line as it is."""
    number = next(_numbers)
    fields: dict[str, JsonValue] = {
        "purchase_order_id": key[0], "line": key[1], "new_date": day or a_day(number),
    }  # fmt: skip
    asked: dict[str, Any] = {
        "operation": DATE, "system": "erp", "entity": "purchase_order_line", "key": "/".join(key),
        "version_token": fake.items[key]["LastChange"], "reference": reference_of(f"date/{number}"), "fields": fields,
    }  # fmt: skip
    return Command(**{**asked, **more})


def create_command(**fields: JsonValue) -> Command:
    """Return a new requisition."""
    number = next(_numbers)
    asked: dict[str, JsonValue] = {
        "material_id": "RM-1", "site": "1010", "qty": f"{number}.5", "uom": "KGM", "delivery_date": a_day(number),
        "supplier_id": None, "cost_object": None,
    }  # fmt: skip
    return Command(
        operation=CREATE, system="erp", entity="purchase_requisition", key="", version_token="",
        reference=reference_of(f"new/{number}"), fields={**asked, **fields},
    )  # fmt: skip


class BuyingSource:
    """The system and the commands that write to it."""

    secrets = (SYSTEM_TEXT, SESSION, "token-1", "done?", "pass-word-9")

    def __init__(self, fake: Buying, plans: dict[str, Any] | None = None) -> None:
        self.fake = fake
        self._lines = itertools.cycle([key for key, row in fake.items.items() if row["Status"] == "05"])
        self.commands: PlannedCommands = ODataCommands.open(
            connection(fake, secret="pass-word-9"), profile(fake.version, plans), FixedClock()
        )

    @property
    def attempts(self) -> int:
        return self.fake.attempts

    def good(self, operation: str) -> Command:
        return date_command(self.fake, next(self._lines)) if operation == DATE else create_command()

    def refused(self, operation: str) -> Command:
        if operation == DATE:
            return date_command(self.fake, next(self._lines), "2027-05-13")
        return create_command(uom="EA")

    def touch(self, command: Command) -> None:
        order, _, item = command.key.partition("/")
        self.fake.by_hand((order, item), "2028-01-15")

    def effects(self) -> Mapping[str, str]:
        return self.fake.effects()

    async def fault(self, how: CommandFault) -> None:
        self.fake.fault = FAULTS.get(how)
        await (self.fake.server.refuse() if how == "down" else self.fake.server.accept())

    async def settle(self) -> None:
        await self.fake.server.settle()


@asynccontextmanager
async def served(version: Version = 2, plans: dict[str, Any] | None = None, **more: Any) -> AsyncIterator[BuyingSource]:
    """Serve the small system and open its commands."""
    fake = Buying(version=version, **more)
    async with fake.server:
        source = BuyingSource(fake, plans)
        yield source
        fake.released.set()
        await source.commands.close()
