"""Why a cell has no test, and what an answer lacks: worked out from the shipped profiles and tools.

Only why a product publishes nothing that an entity could be read from is said in words of our own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from erp_mcp.bootstrap import compile_catalog
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.tool import Tool
from erp_mcp.systems import SHIPPED, load_profile
from tests.systems.matrix.covering import (
    CAP_V2,
    CAP_V4,
    DEMO_PLANT,
    FAULTS,
    LOST_REPLY,
    PAGING,
    PROFILES,
    QUESTIONS,
    REPEAT,
    SQL_REPLICA,
    STALE,
    SYNC,
    TRYTON,
    WRITING,
)
from tests.systems.same_answers.by_tool import ASKED

_ROOT: Final = Path(__file__).resolve().parents[3]
_OF_SAP: Final = frozenset({CAP_V2, CAP_V4, SQL_REPLICA})
_WRITTEN_OF_SAP: Final = _OF_SAP - {SQL_REPLICA}
# What SAP publishes nothing for that could be copied, by entity.
_UNPUBLISHED: Final = {
    "budget": "SAP publishes no service or view of what cost centres may spend and have committed",
    "mrp_exception": "SAP gives messages of planning for one material and plant at a time, so they can't be copied",
}
# What SAP's public services do not carry as one plain request, by operation.
_NOT_CARRIED: Final = {
    "production_order.confirm_dates": "SAP keeps no day that planning commits to beside the schedule",
    "reservation.move": "two reservations would have to change, and SAP has no request that changes both or neither",
    "goods_movement.post": "not mapped yet: what each kind of movement has to name",
    "maintenance_notification.create": "not mapped yet: notifications of maintenance are not read either",
    "maintenance_order.create": "not mapped yet: notifications that orders are planned for are not read either",
    "supply_source.update_price": "a new price of an info record is a condition record with a period and scales of the"
    " customer's own customizing",
    "supplier.create": "a supplier needs grouping, company code and reconciliation account, which no proposal says",
    "customer_return.create": "no recipe yet: which order type and sales area a return has is customizing",
    "budget.transfer": "SAP publishes no service of what cost centres may spend",
    "refund_request.create": "no recipe yet: which kind of credit memo request a refund is there is customizing",
}

# What Tryton does instead, by operation; docs/tryton.md says it in full.
_OF_TRYTON: Final = {
    "reservation.create": "Tryton assigns all components of an order at once, of the lots that it takes first; a person"
    " assigns one by hand there",
    "reservation.release": "Tryton gives back all that an order holds, by its button Wait, pressed by people there",
    "reservation.move": "Tryton gives back all that an order holds and assigns it anew; a person does both there",
    "planned_order.confirm": "Tryton keeps no planned orders: its supply run makes production requests, which a planner"
    " drafts there",
    "production_order.confirm_dates": "Tryton keeps one planned day of a production: other dates are the way",
    "delivery.create": "Tryton makes the shipment itself when the sale is processed; the warehouse picks it there",
    "goods_movement.post": "Tryton moves stock by the buttons of shipments and productions, pressed by people on site",
    "customer_return.create": "Tryton's return is a sale of negative quantities without a place for reason and lot;"
    " a person makes it of the sale there",
    "quality_notification.create": "Tryton's alert must name an inspection, which a person on site makes; it has no"
    " place for a material, a lot or a code of the defect",
    "supplier.create": "Tryton has no block for purchasing alone and no kind of supplier; a person makes it there",
}


class Facts(NamedTuple):
    """The shipped profiles of each column, and the tools of the rows that are tools."""

    profiles: dict[str, tuple[Profile, ...]]
    tools: dict[str, Tool]


@cache
def facts() -> Facts:
    """Return what the reasons are worked out from."""
    profiles = {column: tuple(load_profile(name, [SHIPPED]) for name in names) for column, names in PROFILES.items()}
    tools = [tool for tool in compile_catalog([_ROOT / "tools"]).tools.values() if tool.entities]
    return Facts(profiles, {tool.name: tool for tool in tools})


def rows(known: Facts) -> list[str]:
    """Return the rows in their order: synchronising, asking, each tool that reads records, writing, what goes wrong."""
    reading = [name for name, tool in known.tools.items() if tool.effect == "read"]
    proposing = [name for name, tool in known.tools.items() if tool.effect == "write"]
    return [SYNC, QUESTIONS, *sorted(reading), *sorted(proposing), STALE, REPEAT, LOST_REPLY, PAGING, FAULTS]


def reason(column: str, row: str, known: Facts) -> str:
    """Return why a system does not do something, empty where it should and nothing tries it."""
    profiles = known.profiles[column]
    if not profiles and (row in known.tools or row in (QUESTIONS, *WRITING)):
        return "no product is read there: what is tried is the kind, with tables of the tests"
    if row in WRITING and not any(one.commands for one in profiles):
        return f"profile {profiles[0].name} opens no operation for writing"
    tool = known.tools.get(row)
    if tool is not None and tool.command and not any(tool.command in one.commands for one in profiles):
        why = _NOT_CARRIED.get(tool.command, "") if column in _WRITTEN_OF_SAP else ""
        why = _OF_TRYTON.get(tool.command, "") if column == TRYTON else why
        return why or f"profile {profiles[0].name} has no recipe for {tool.command}"
    if tool is not None and tool.steps:
        lacking = [one for one in tool.steps if reason(column, one.tool, known)]
        return f"its step {lacking[0].name} is not offered there" if lacking else ""
    if tool is not None and not any(set(tool.entities) & set(one.entities) for one in profiles):
        words = [_UNPUBLISHED[one] for one in tool.entities if column in _OF_SAP and one in _UNPUBLISHED]
        return "; ".join(words) or "it has none of the records that this tool reads"
    if tool is not None and tool.effect == "read" and row not in ASKED:
        return "not compared yet: its answers are proved over the demo plant alone"
    return ""


def comparable(column: str) -> list[str]:
    """Return the tools that are asked of every system and read any record that a column's own profiles have."""
    known = facts()
    carried = {entity for one in known.profiles[column] for entity in one.entities}
    return [tool for tool in ASKED if carried & set(known.tools[tool].entities)]


def lacking(column: str, row: str, known: Facts) -> str:
    """Return what a tool's answers name as missing there, empty where the profiles have all that it reads.

    What the other side of the demo plant has stands beside: an ERP is asked with the plant's MES, a MES with its ERP.
    """
    tool, profiles = known.tools.get(row), known.profiles[column]
    if tool is None or tool.effect != "read" or not profiles:
        return ""
    kept = {entity for one in profiles for entity in one.entities}
    own = [one for one in known.profiles[DEMO_PLANT] if one.level == profiles[0].level]
    missing = sorted({entity for one in own for entity in one.entities} & set(tool.entities) - kept)
    return f"it keeps no {', '.join(missing)}: each answer that would need it says so" if missing else ""
