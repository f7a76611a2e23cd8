"""What an amendment is to make of the lines of an order, per operation, and what forbids it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final, Protocol

from erp_mcp.adapters.jsonrpc.lookups import RefusedError, quantity, text, unit_price
from erp_mcp.adapters.jsonrpc.query import ids_of
from erp_mcp.adapters.jsonrpc.recipes import CANCEL_ORDER, CHANGE_ORDER, SALES_PRICE
from erp_mcp.adapters.jsonrpc.rows import Row, linked, number, value, values
from erp_mcp.adapters.jsonrpc.wire import Decoded
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.value import MONEY_DIGITS, money_text, quantity_text, to_scaled

_PRICE_DIGITS: Final = 4
_REASON: Final = re.compile(r"[a-z][a-z_]{0,39}")

Given = Mapping[int, tuple[Decimal | None, Decimal | None]]
"""Quantity and price that an amendment gives, by the record number of the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line as it is now: the canonical record, its row, the state of its order and its moves."""

    record: PurchaseOrderLine | SalesOrderLine
    row: Row
    state: Decoded
    moves: tuple[Row, ...]

    @property
    def number(self) -> int:
        """Its record number."""
        return ids_of([self.row])[0]

    @property
    def order_id(self) -> str:
        """The number of its order, as people know it."""
        one = self.record
        return one.purchase_order_id if isinstance(one, PurchaseOrderLine) else one.sales_order_id

    @property
    def is_billed(self) -> bool:
        """Whether something of it is on an invoice that was not cancelled; a line that is on none yet counts too."""
        states = [value(one, "invoice.state") for one in linked(self.row, "invoice_lines")]
        return any(one != "cancelled" for one in states)

    @property
    def qty(self) -> Decimal:
        """Its quantity."""
        return number(self.row, "quantity") or Decimal(0)

    @property
    def price(self) -> Decimal:
        """Its price for one unit."""
        return number(self.row, "unit_price") or Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one line is to have."""

    line: OrderLine
    qty: Decimal
    price: Decimal


class Way(Protocol):
    """How the fields of one operation become lines of an amendment.

    `meant` returns the lines that a command is about, the leading one first. `wanted` raises `RefusedError` for what
    can't be asked for. `is_met` says whether an amendment gives just that. `shown` is what a receipt says of it.
    `mark` is the text that an amendment is found by.
    """

    def meant(self, command: Command, lines: Sequence[OrderLine]) -> list[tuple[OrderLine, str]]:
        """Return the lines with the versions that they had when it was worked out."""
        ...

    def wanted(self, command: Command, meant: Sequence[OrderLine]) -> list[Wanted]:
        """Return what each line is to have."""
        ...

    def is_met(self, command: Command, meant: Sequence[OrderLine], given: Given) -> bool:
        """Say whether what an amendment gives is what was approved, no more and no less."""
        ...

    def shown(self, command: Command, meant: Sequence[OrderLine]) -> dict[str, JsonValue]:
        """Return the lines as they are, in the names of the operation."""
        ...

    def mark(self, command: Command) -> str:
        """Return the text in the field of the reference."""
        ...


class _OneLine:
    """What operations on one line share."""

    def meant(self, command: Command, lines: Sequence[OrderLine]) -> list[tuple[OrderLine, str]]:
        """Return the one line."""
        return [(one, command.version_token) for one in lines if one.record.source_key == command.key]

    def mark(self, command: Command) -> str:
        """Return the reference alone."""
        return command.reference


class Changed(_OneLine):
    """Another quantity or price of one line that is bought; an amendment keeps no day."""

    def wanted(self, command: Command, meant: Sequence[OrderLine]) -> list[Wanted]:
        """Return quantity and price; the day has to be the one that is asked for already."""
        (line,) = meant
        record, fields = line.record, command.fields
        if not isinstance(record, PurchaseOrderLine) or _named(fields, "purchase_order_id", line):
            raise RefusedError("key_mismatch")
        if fields.get("delivery_date") != record.requested_date:
            raise RefusedError("date_not_amendable")
        qty = Decimal(repr(quantity(fields.get("qty"), digits=number(line.row, "unit.digits"))))
        price = unit_price(fields.get("price"), per=1, digits=_PRICE_DIGITS)
        if to_scaled(qty, 6) < record.qty_received:
            raise RefusedError("below_received")
        if (qty, price) == (line.qty, line.price):
            raise RefusedError("nothing_changes")
        return [Wanted(line=line, qty=qty, price=price)]

    def is_met(self, command: Command, meant: Sequence[OrderLine], given: Given) -> bool:
        """Compare quantity and price."""
        asked = (_exact(command.fields.get("qty")), _exact(command.fields.get("price")))
        return dict(given) == {one.number: asked for one in meant}

    def shown(self, command: Command, meant: Sequence[OrderLine]) -> dict[str, JsonValue]:
        """Return the line with quantity, price and day."""
        del command
        record = meant[0].record
        assert isinstance(record, PurchaseOrderLine)  # noqa: S101 - `wanted` saw to it, and so does the source
        return {
            "purchase_order_id": record.purchase_order_id,
            "line": record.line,
            "qty": quantity_text(record.qty_ordered),
            "price": money_text(record.price or 0),
            "delivery_date": record.requested_date,
        }


class Cancelled:
    """Lines that are bought no more: their quantity becomes zero."""

    def meant(self, command: Command, lines: Sequence[OrderLine]) -> list[tuple[OrderLine, str]]:
        """Return the lines that are named; none where one of them is not there, or the leading one is another."""
        names, others = _names(command), _versions(command)
        if names is None or others is None or names[1:] != [name for name, _ in others]:
            raise RefusedError("key_mismatch")  # what would be cancelled is not what was approved
        versions = dict([(names[0], command.version_token), *others])
        found = {one.record.line: one for one in lines}
        if any(name not in found for name in names):
            return []
        if found[names[0]].record.source_key != command.key or len(versions) != len(names):
            raise RefusedError("key_mismatch")
        return [(found[name], versions[name]) for name in names]

    def wanted(self, command: Command, meant: Sequence[OrderLine]) -> list[Wanted]:
        """Return zero for lines of which nothing came and nothing is billed."""
        if not _REASON.fullmatch(text(command.fields.get("cancel_reason"))):
            raise RefusedError("bad_reason")
        for one in meant:
            record = one.record
            if not isinstance(record, PurchaseOrderLine) or command.fields.get("purchase_order_id") != one.order_id:
                raise RefusedError("key_mismatch")
            if not one.qty:
                raise RefusedError("document_cancelled")
            if record.qty_received > 0:
                raise RefusedError("received")
            if one.is_billed:
                raise RefusedError("billed")
        return [Wanted(line=one, qty=Decimal(0), price=one.price) for one in meant]

    def is_met(self, command: Command, meant: Sequence[OrderLine], given: Given) -> bool:
        """Say whether these lines, and no others, get the quantity zero."""
        del command
        return given.keys() == {one.number for one in meant} and all(qty == 0 for qty, _ in given.values())

    def shown(self, command: Command, meant: Sequence[OrderLine]) -> dict[str, JsonValue]:
        """Return the lines that are cancelled by now."""
        cancelled: list[JsonValue] = [one.record.line for one in meant if not one.qty]
        return {
            "purchase_order_id": meant[0].order_id,
            "lines": cancelled,
            "cancel_reason": command.fields.get("cancel_reason"),
        }

    def mark(self, command: Command) -> str:
        """Return the reference and the reason: there is no other place for that."""
        return f"{command.reference} {text(command.fields.get('cancel_reason'))}"


class Priced(_OneLine):
    """Another price of one line that is sold and not billed."""

    def wanted(self, command: Command, meant: Sequence[OrderLine]) -> list[Wanted]:
        """Return the price; the value of the line has to be the one that was approved."""
        (line,) = meant
        record, fields = line.record, command.fields
        if not isinstance(record, SalesOrderLine) or _named(fields, "sales_order_id", line):
            raise RefusedError("key_mismatch")
        price = unit_price(fields.get("price"), per=1, digits=_PRICE_DIGITS)
        if line.is_billed:
            raise RefusedError("billed")
        if price == line.price:
            raise RefusedError("nothing_changes")
        digits = number(line.row, "sale.currency.digits") or Decimal(2)
        worth = (line.qty * price).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_EVEN)
        if fields.get("currency") != record.currency or worth != _exact(fields.get("net_value")):
            raise RefusedError("value_differs")
        return [Wanted(line=line, qty=line.qty, price=price)]

    def is_met(self, command: Command, meant: Sequence[OrderLine], given: Given) -> bool:
        """Compare the price, and that the quantity is the one of the line."""
        return dict(given) == {one.number: (one.qty, _exact(command.fields.get("price"))) for one in meant}

    def shown(self, command: Command, meant: Sequence[OrderLine]) -> dict[str, JsonValue]:
        """Return the line with its price and value."""
        del command
        record = meant[0].record
        assert isinstance(record, SalesOrderLine)  # noqa: S101 - as above
        return {
            "sales_order_id": record.sales_order_id,
            "line": record.line,
            "price": money_text(to_scaled(meant[0].price, MONEY_DIGITS)),
            "net_value": money_text(record.net_value or 0),
            "currency": record.currency,
        }


WAYS: Final[Mapping[str, Way]] = {CHANGE_ORDER: Changed(), CANCEL_ORDER: Cancelled(), SALES_PRICE: Priced()}


def _named(fields: Mapping[str, JsonValue], order: str, line: OrderLine) -> bool:
    """Say whether another line is named than the one whose key it is: whichever is written, one was not approved."""
    return (fields.get(order), fields.get("line")) != (line.order_id, line.record.line)


def _names(command: Command) -> list[str] | None:
    found = command.fields.get("lines")
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        return None
    return [str(one) for one in found]


def _versions(command: Command) -> list[tuple[str, str]] | None:
    found = command.fields.get("versions")
    if not isinstance(found, list):
        return None
    return [(text(one.get("line")), text(one.get("version"))) if isinstance(one, dict) else ("", "") for one in found]


def _exact(found: JsonValue | None) -> Decimal | None:
    try:
        return Decimal(text(found))
    except InvalidOperation:
        return None


def dates_kept(moves: Sequence[Row]) -> bool:
    """Say whether open moves are planned for the days that they were made with: others would be lost with them."""
    return all(values(one, "planned_date") == values(one, "origin_planned_date") for one in moves)


def given_by(lines: Sequence[Row]) -> Given | None:
    """Return what an amendment gives lines; `None` where it does anything else, or gives one line twice.

    Raises:
        ShapeError: for a number that is none.
    """
    found: dict[int, tuple[Decimal | None, Decimal | None]] = {}
    for one in lines:
        line = one.get("line")
        if one.get("action") != "line" or not isinstance(line, int) or line in found:
            return None
        found[line] = (number(one, "quantity"), number(one, "unit_price"))
    return found
