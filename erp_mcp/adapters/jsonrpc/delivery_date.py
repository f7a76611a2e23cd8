"""A new promise of one order line, bought or sold: written to the records that keep it, as long as they are as read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from erp_mcp.adapters.jsonrpc.change_log import wrote_since
from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.recipes import DateRecipe
from erp_mcp.adapters.jsonrpc.rows import VERSION, Row, ShapeError, linked, value, version_of
from erp_mcp.adapters.jsonrpc.wire import Decoded, Encodable
from erp_mcp.adapters.jsonrpc.write_session import Accepted, WriteSession, not_sent
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, Outcome, Refused, Written
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.errors import GatewayError

PURCHASE_LINE: Final = "purchase.line"
SALE_LINE: Final = "sale.line"
MOVE: Final = "stock.move"
MOVES: Final = "moves"
_WRITER: Final = "write_uid"
_MAX_ID_DIGITS: Final = 18


OrderLine = PurchaseOrderLine | SalesOrderLine


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line as it is now: the canonical record, and the records that keep its date."""

    record: OrderLine
    is_open: bool
    model: str
    dated: tuple[Row, ...]
    planned_elsewhere: bool
    every: tuple[str, ...]  # the line and all its moves, as `model,id`


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDates:
    """Writes dates by a recipe; `query` reads the canonical lines, in the session that writes."""

    session: WriteSession
    query: SourceQuery
    recipe: DateRecipe

    async def send(self, command: Command) -> Outcome:
        """Write the date where the line, and what keeps its date, is as it was read when the change was worked out."""
        try:
            line = await self._read(command.key)
        except GatewayError as failure:
            return not_sent(failure)
        if line is None or line.record.version_token != command.version_token:
            return Conflict()
        code = self._refusal(line, command)
        if code:
            return Refused(code=code)
        day = date.fromisoformat(str(command.fields["new_date"]))
        verdict = await self.session.write(
            line.model,
            "write",
            ids_of(line.dated),
            self._values(line, day),
            reference=command.reference,
            versions={_name(line.model, row): version_of(row) for row in line.dated},
        )
        if not isinstance(verdict, Accepted):
            return verdict
        return Committed(written=await self._after(line, command.key, day))

    async def find(self, command: Command) -> Written | None:
        """Return what this account wrote to the line since the change was worked out.

        Nothing was written where the line is as it was. Else the writer of the present date says so, or the system's
        own log of changes does, where somebody wrote after us.
        """
        line = await self._read(command.key)
        if line is None or line.record.version_token == command.version_token:
            return None
        account = await self.session.account()
        asked = (command.fields.get("new_date"), account.user)
        dates = [(_iso(row.get(self._date_field(line.model))), row.get(_WRITER)) for row in line.dated]
        ours = bool(dates) and all(one == asked for one in dates)
        if ours or await wrote_since(self.query, line.every, user=account.user, version_token=command.version_token):
            return self._written(line, command.key)
        return None

    def _refusal(self, line: _Line, command: Command) -> str:
        """Return why the line can't get this date, or nothing."""
        named = {_order_name(line.record): _order_id(line.record), "line": line.record.line}
        if any(command.fields.get(name, one) != one for name, one in named.items()):
            return "key_mismatch"  # two lines are named: whichever is written, one was not approved
        if not _is_date(command.fields.get("new_date")):
            return "bad_date"
        if not line.is_open:
            return "order_not_open"
        if not line.dated:
            return "nothing_open"
        return "planned_by_shipment" if line.planned_elsewhere else ""

    def _values(self, line: _Line, day: date) -> dict[str, Encodable]:
        if line.model == MOVE:
            return {self.recipe.move_date: day}
        return {**self.recipe.line_with, self.recipe.line_date: day}

    def _date_field(self, model: str) -> str:
        return self.recipe.move_date if model == MOVE else self.recipe.line_date

    async def _after(self, line: _Line, key: str, day: date) -> Written:
        """Return the line as it is now; where it can't be read, what was written is certain all the same."""
        try:
            after = await self._read(key)
        except GatewayError:
            after = None
        if after is not None:
            return self._written(after, key)
        return replace(
            self._written(line, key),
            version_token="",
            fields={**self._written(line, key).fields, "new_date": day.isoformat()},
        )

    async def _read(self, key: str) -> _Line | None:
        """Return the line with this source key, `None` where there is none."""
        if not (key.isascii() and key.isdecimal() and 0 < len(key) <= _MAX_ID_DIGITS):
            return None
        recipe = self.recipe
        beside = ("id", "state", self.recipe.move_date, VERSION, _WRITER, *([recipe.unless] if recipe.unless else []))
        kept = [recipe.line_date] if recipe.line_date else []
        own = (f"{recipe.order}.state", *kept, _WRITER, *(f"{MOVES}.{name}" for name in beside))
        rows = await self.query.rows(self._model, [["id", "=", int(key)]], sorted({*self.query.fields(), *own}))
        if not rows:
            return None
        try:
            return self._line(rows[0])
        except ShapeError as failure:
            raise self.query.bad(str(failure)) from None

    def _line(self, row: Row) -> _Line:
        record = self.query.record(row)
        if not isinstance(record, OrderLine):
            raise ShapeError("entity")
        state, moves = value(row, f"{self.recipe.order}.state"), linked(row, MOVES)
        keeper = self.recipe.dates.get(state) if isinstance(state, str) else None
        still = [one for one in moves if one.get("state") in self.recipe.open_moves]
        dated = {"line": [row], "moves": still}.get(keeper or "", [])
        return _Line(
            record=record,
            is_open=keeper is not None,
            model=self._model if keeper == "line" else MOVE,
            dated=tuple(dated),
            planned_elsewhere=keeper == "moves" and self._planned_elsewhere(still),
            every=(_name(self._model, row), *(_name(MOVE, one) for one in moves)),
        )

    def _written(self, line: _Line, key: str) -> Written:
        """Return a line as a receipt says it; what is sold is promised for the day its goods are planned to leave."""
        record = line.record
        days = [_iso(row.get(self._date_field(line.model))) for row in line.dated]
        planned = max((one for one in days if one), default=None)
        fields: Mapping[str, JsonValue] = {
            _order_name(record): _order_id(record),
            "line": record.line,
            "new_date": record.promised_date if isinstance(record, PurchaseOrderLine) else planned,
        }
        return Written(document=_order_id(record), key=key, version_token=record.version_token, fields=fields)

    def _planned_elsewhere(self, moves: Sequence[Row]) -> bool:
        return bool(self.recipe.unless) and any(one.get(self.recipe.unless) is not None for one in moves)

    @property
    def _model(self) -> str:
        return self.query.source.model


def _order_name(record: OrderLine) -> str:
    return "purchase_order_id" if isinstance(record, PurchaseOrderLine) else "sales_order_id"


def _order_id(record: OrderLine) -> str:
    return record.purchase_order_id if isinstance(record, PurchaseOrderLine) else record.sales_order_id


def _name(model: str, row: Row) -> str:
    """Return how the system names a record.

    Raises:
        ShapeError: when it has no id.
    """
    for one in ids_of([row]):
        return f"{model},{one}"
    raise ShapeError("id")


def _iso(found: Decoded) -> str | None:
    return found.isoformat() if isinstance(found, date) else None


def _is_date(text: JsonValue | None) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
