"""The small purchasing system as a `CommandSource`: what a contract test moves and looks at."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters.odata.commands import ODataCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.reference import reference_of
from erp_mcp.testing import FixedClock
from tests.unit.adapters.odata.buying_profile import connection, profile
from tests.unit.adapters.odata.fake_writes import SESSION, SYSTEM_TEXT, Buying, Version
from tests.unit.adapters.writing_source import DATE, WritingSource, a_day, new_requisition

VERSIONS: Final[tuple[Version, ...]] = (2, 4)
_numbers = itertools.count(1)


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
    }  # fmt: skip
    return new_requisition(number, {**asked, **fields})


class BuyingSource(WritingSource[Buying]):
    """The system and the commands that write to it."""

    secrets = (SYSTEM_TEXT, SESSION, "token-1", "done?", "pass-word-9")

    def __init__(self, fake: Buying, plans: dict[str, Any] | None = None) -> None:
        super().__init__(fake)
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


@asynccontextmanager
async def served(version: Version = 2, plans: dict[str, Any] | None = None, **more: Any) -> AsyncIterator[BuyingSource]:
    """Serve the small system and open its commands."""
    fake = Buying(version=version, **more)
    async with fake.server:
        source = BuyingSource(fake, plans)
        yield source
        fake.released.set()
        await source.commands.close()
