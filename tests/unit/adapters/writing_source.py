"""What the small systems that take writes have in common as `CommandSource`s: their commands, and how they break."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, Protocol, TypeVar

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.reference import reference_of
from erp_mcp.testing import CommandFault
from erp_mcp.testing.loopback import LoopbackServer
from tests.unit.adapters.write_faults import Fault

DATE: Final = "purchase_order_line.update_delivery_date"
CREATE: Final = "purchase_requisition.create"
_FAULTS: Final[Mapping[CommandFault, Fault]] = {
    "lost_before": Fault(kind="reset"),
    "lost_after": Fault(kind="reset", commits=True),
    "nonsense": Fault(kind="ok_page", commits=True),
}


class Breakable(Protocol):
    """A system behind a loopback server, whose writes go wrong as `fault` says."""

    fault: Fault | None
    server: LoopbackServer

    def effects(self) -> dict[str, str]:
        """Return what is there, by source key."""
        ...


_System = TypeVar("_System", bound=Breakable)


class WritingSource(Generic[_System]):
    """The part of a `CommandSource` that is the same for every such system."""

    def __init__(self, fake: _System) -> None:
        self.fake = fake

    def effects(self) -> Mapping[str, str]:
        return self.fake.effects()

    async def fault(self, how: CommandFault) -> None:
        self.fake.fault = _FAULTS.get(how)
        await (self.fake.server.refuse() if how == "down" else self.fake.server.accept())

    async def settle(self) -> None:
        await self.fake.server.settle()


def a_day(number: int) -> str:
    """Return a day that every system takes, another one for each of the next numbers."""
    return f"{2028 + number // 144}-{1 + number // 12 % 12:02}-{1 + number % 12:02}"


def new_requisition(number: int, asked: Mapping[str, JsonValue]) -> Command:
    """Return a command for a requisition that names neither supplier nor cost object, unless it is asked for them."""
    return Command(
        operation=CREATE, system="erp", entity="purchase_requisition", key="", version_token="",
        reference=reference_of(f"new/{number}"), fields={"supplier_id": None, "cost_object": None, **asked},
    )  # fmt: skip
