"""Completion of arguments of prompts and of places in addresses: what could stand there, for whoever asks.

Ids come from calls of tools, governed and recorded like any other: nothing is proposed that its reader could not list.
Where the call is refused there is nothing to propose, and a masked id is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.errors import UnknownResourceError
from erp_mcp.server import prompts
from erp_mcp.server.resources import SCHEMA_TEMPLATE
from erp_mcp.server.rpc import INVALID_PARAMS, error_from
from erp_mcp.server.session import Session

MOST_VALUES: Final = 100
MOST_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where candidates come from: a call, and the column that holds them."""

    tool: str
    arguments: Mapping[str, JsonValue]
    table: str
    column: str
    field: str  # where the column comes from: `entity.field`


# Of all ids there are, those that somebody asks about: late orders, lots on hold, suppliers from the worst on.
_SOURCES: Final[Mapping[str, _Source]] = {
    "sales_order_id": _Source(
        tool="list_sales_orders",
        arguments={"late_only": True, "limit": 200},
        table="lines",
        column="sales_order_id",
        field="sales_order_line.sales_order_id",
    ),
    "supplier_id": _Source(
        tool="get_supplier_scorecard",
        arguments={"min_receipts": 1, "top_n": 50},
        table="suppliers",
        column="supplier_id",
        field="purchase_order_line.supplier_id",
    ),
    "lot_id": _Source(
        tool="list_hold_lots", arguments={"limit": 200}, table="lots", column="lot_id", field="lot.lot_id"
    ),
}


async def of_prompt(session: Session | None, name: str, argument: str, typed: str) -> dict[str, JsonValue]:
    """Return the wire form of what could stand in an argument of a prompt.

    Raises:
        RpcError: −32602 with `call.unknown_prompt`, for one that is hidden and one that never was.
    """
    prompt = prompts.find(session, name)
    if session is None or argument not in {one.name for one in prompt.arguments}:
        return _proposed((), typed)
    known = session.gateway.permissions(session.principal)
    source = _SOURCES.get(argument)
    if known is None or (source and known.mask_of(*source.field.split("."))):
        return _proposed((), typed)
    if argument == "site":
        return _proposed(known.sites, typed)
    return _proposed(await _listed(session, source) if source else (), typed)


def of_template(session: Session | None, template: str, place: str, typed: str) -> dict[str, JsonValue]:
    """Return the wire form of what could stand in a place of an address; after a comma, another entity.

    Raises:
        RpcError: −32602 with `call.unknown_resource`, for a template that is not offered.
    """
    if template != SCHEMA_TEMPLATE:
        raise error_from(INVALID_PARAMS, "Unknown resource template", UnknownResourceError())
    known = session.gateway.permissions(session.principal) if session and place == "entities" else None
    before, comma, last = typed.rpartition(",")
    held = [name for name in known.entities if last.casefold() in name] if known else []
    found = sorted(held, key=lambda name: not name.startswith(last.casefold()))
    return _proposed([f"{before}{comma}{name}" for name in found], f"{before}{comma}")


async def _listed(session: Session, source: _Source) -> list[str]:
    call = ToolCall(tool=source.tool, arguments=dict(source.arguments), call_id=session.ids.new())
    outcome = await session.gateway.call(session.principal, call)
    if not isinstance(outcome, Answer):
        return []
    table = outcome.tables[source.table]
    at = table.columns.index(source.column)
    # An id comes from a system of record: one that the prompt would refuse is none to choose.
    return [cell for row in table.rows if isinstance(cell := row[at], str) and prompts.fits(cell)]


def _proposed(candidates: Iterable[str], typed: str) -> dict[str, JsonValue]:
    """Keep what holds what was typed, first what begins with it: people know the last digits of an id."""
    wanted = typed[:MOST_CHARACTERS].casefold()
    held = [one for one in dict.fromkeys(candidates) if wanted in one.casefold()]
    fits = sorted(held, key=lambda one: not one.casefold().startswith(wanted))  # stable: otherwise as they came
    shown: list[JsonValue] = [*fits[:MOST_VALUES]]
    return {
        "completion": {"values": shown, "total": len(fits), "hasMore": len(fits) > len(shown)},
        "resultType": "complete",
    }
