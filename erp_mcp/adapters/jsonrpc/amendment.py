"""Another quantity or price of lines of an order that is carried out: an amendment in draft, for a person to validate.

Nothing of the order changes before that, so what is sent is taken in, and what becomes of it is asked for later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters.jsonrpc.amended_lines import WAYS, OrderLine, Wanted, Way, dates_kept, given_by
from erp_mcp.adapters.jsonrpc.lookups import RefusedError
from erp_mcp.adapters.jsonrpc.query import SourceQuery, as_sent, ids_of
from erp_mcp.adapters.jsonrpc.recipes import AmendmentRecipe
from erp_mcp.adapters.jsonrpc.rows import Row, ShapeError, linked, value
from erp_mcp.adapters.jsonrpc.wire import Encodable
from erp_mcp.adapters.jsonrpc.write_session import Accepted, WriteSession, not_sent
from erp_mcp.domain.command import Accepted as TakenIn
from erp_mcp.domain.command import Command, Committed, Conflict, NotSent, Outcome, Refused, Unknown, Written
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.reference import is_reference
from erp_mcp.errors import BadAnswerError, GatewayError

AMENDMENT: Final = "amendment"
_SET_UP_PAUSE_S: Final = 300
_MAX_ID_DIGITS: Final = 18
_VALIDATED: Final = "validated"
_OPEN: Final = ("staging", "draft", "assigned")
_MOVES: Final = ("id", "state", "planned_date", "origin_planned_date", "shipment", "shipment.state")
_LINE: Final = ("product", "unit", "unit.digits", "unit_price", "quantity", "description")
_READ: Final = ("create_uid", "state", "lines.action", "lines.line", "lines.quantity", "lines.unit_price")
_BILLS: Final = ("invoice_lines.id", "invoice_lines.invoice.state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendments:
    """Asks for changes of one operation by a recipe; `query` reads the canonical lines, in the session that writes."""

    session: WriteSession
    query: SourceQuery
    recipe: AmendmentRecipe

    async def send(self, command: Command) -> Outcome:
        """Make the amendment with all its lines in one call, where each line is as it was when it was worked out.

        It is in draft: the order stays as it is until a person of the system validates it.
        """
        if not is_reference(command.reference):
            return Refused(code="bad_reference")
        try:
            account = await self.session.account()
            if not account.company:
                return NotSent(reason="account_has_no_company", retry_after_s=_SET_UP_PAUSE_S)
            there = await self._bearing(command)
            if there:
                return self._standing(there, user=account.user)
            wanted = await self._wanted(command)
        except RefusedError as refused:
            return Refused(code=str(refused))
        except ShapeError as failure:
            return not_sent(self.query.bad(str(failure)))
        except GatewayError as failure:
            return not_sent(failure)
        return await self._made(wanted, command) if wanted else Conflict()

    async def find(self, command: Command) -> Written | None:
        """Return the lines as they are once a person has said yes to what was asked for; while it waits, nothing is."""
        found = await self._ours(command)
        if found is None or found.get("state") != _VALIDATED:
            return None
        said = await self._said(found, command)
        return said.written if isinstance(said, Committed) else None

    async def acknowledged(self, command: Command, ticket: str) -> Committed | Refused | TakenIn | None:
        """Return what a person there said of it, that it waits, or `None` where it can't be found without a ticket.

        One that is gone, as its ticket says, was thrown away: its change is refused, unless the lines have it by now.
        """
        model, _, number = ticket.partition(",")
        known = model == self._model and _is_id(number)
        found = await self._numbered(int(number)) if known else await self._ours(command)
        if found is None:
            return await self._gone(command) if known else None
        return await self._said(found, command) if found.get("state") == _VALIDATED else self._taken_in(found)

    # --- the amendment ------------------------------------------------------------------------------------------------

    @property
    def _way(self) -> Way:
        return WAYS[self.recipe.operation]

    @property
    def _model(self) -> str:
        return f"{self.recipe.order}.{AMENDMENT}"

    async def _wanted(self, command: Command) -> list[Wanted]:
        """Return what the lines are to have, nothing where one of them is not as it was read.

        Raises:
            RefusedError: it can't be asked for.
        """
        lines = await self._lines(command.key)
        meant = self._way.meant(command, lines)
        if not meant or any(one.record.version_token != version for one, version in meant):
            return []
        self._check_order(meant[0][0], lines)
        wanted = self._way.wanted(command, [one for one, _ in meant])
        if any(self._is_in_hand(one.line) for one in wanted):
            raise RefusedError("planned_by_shipment")
        waiting: list[Encodable] = [[self.recipe.order, "=", self._order(wanted)], ["state", "!=", _VALIDATED]]
        if await self.query.rows(self._model, waiting, ["id"]):
            raise RefusedError("amendment_waits")  # each gives lines whole, so the last one would win
        return wanted

    def _check_order(self, leading: OrderLine, lines: Sequence[OrderLine]) -> None:
        if leading.state not in self.recipe.states:
            is_open = leading.record.order_state == "open"
            raise RefusedError("order_not_in_process" if is_open else "order_not_open")
        if not dates_kept([one for line in lines for one in line.moves if self._is_made_anew(one)]):
            raise RefusedError("dates_planned_anew")  # it is made anew for the day of the order

    def _is_made_anew(self, move: Row) -> bool:
        """Say whether an amendment reaches goods that are still to come or to go."""
        in_hand = move.get("shipment") is not None and value(move, "shipment.state") not in self.recipe.shipments
        return move.get("state") in self.recipe.open_moves and not in_hand

    def _is_in_hand(self, line: OrderLine) -> bool:
        """Say whether goods of a line are in the hands of somebody, where an amendment does not reach."""
        return any(one.get("state") in _OPEN and not self._is_made_anew(one) for one in line.moves)

    async def _made(self, wanted: Sequence[Wanted], command: Command) -> Outcome:
        values: dict[str, Encodable] = {
            self.recipe.order: self._order(wanted),
            self.recipe.reference: self._way.mark(command),
            "lines": [["create", [self._line_values(one) for one in wanted]]],
        }
        verdict = await self.session.write(self._model, "create", [values], reference=command.reference)
        if not isinstance(verdict, Accepted):
            return verdict
        match verdict.result:
            case [int() as made] if made > 0:
                return self._taken_in({"id": made})
            case _:
                return Unknown(reason="answer_unreadable")

    def _order(self, wanted: Sequence[Wanted]) -> int:
        """Return the record number of the order; `ShapeError` where there is none."""
        for one in ids_of(linked(wanted[0].line.row, self.recipe.order)):
            return one
        raise ShapeError(self.recipe.order)

    def _line_values(self, one: Wanted) -> dict[str, Encodable]:
        """Return all that an amendment gives a line: what is not asked for stays what it is."""
        row = one.line.row
        kept: dict[str, Encodable] = {
            name: found
            for name in ("product", "unit", "description", *self.recipe.kept)
            if isinstance(found := row.get(name), int | str)
        }
        return {**kept, "action": "line", "line": one.line.number, "quantity": float(one.qty), "unit_price": one.price}

    def _taken_in(self, amendment: Row) -> TakenIn:
        return TakenIn(ticket=f"{self._model},{amendment['id']!s}", ask_after_s=self.recipe.ask_s)

    def _standing(self, there: Sequence[Row], *, user: int) -> Outcome:
        """Return what it means that the reference is there already: it may be this very command's."""
        (first, *others) = there
        if not others and first.get("create_uid") == user and first.get("state") != _VALIDATED:
            return self._taken_in(first)
        return Unknown(reason="reference_exists")

    async def _bearing(self, command: Command) -> list[Row]:
        return await self.query.rows(self._model, [[self.recipe.reference, "=", self._way.mark(command)]], _READ)

    async def _numbered(self, number: int) -> Row | None:
        rows = await self.query.rows(self._model, [["id", "=", number]], _READ)
        return rows[0] if rows else None

    async def _ours(self, command: Command) -> Row | None:
        """Return the amendment of this account that bears the reference; a copy by hand keeps it.

        Raises:
            BadAnswerError: `adapter.bad_answer`, when there are several of ours, or only one of another account.
        """
        rows = await self._bearing(command) if is_reference(command.reference) else []
        if not rows:
            return None
        account = await self.session.account()
        ours = [row for row in rows if row.get("create_uid") == account.user]
        if len(ours) != 1:
            raise BadAnswerError(system=self.query.system, field="reference", reason="not borne by exactly one of ours")
        return ours[0]

    async def _said(self, amendment: Row, command: Command) -> Committed | Refused:
        """Return what a person said yes to: what was approved, or something else that was made of it before."""
        meant = await self._meant(command)
        try:
            given = given_by(linked(amendment, "lines"))
        except ShapeError as failure:
            raise self.query.bad(str(failure)) from None
        is_met = given is not None and self._way.is_met(command, meant, given)
        return Committed(written=self._written(command, meant)) if is_met else Refused(code="changed_before_yes")

    async def _gone(self, command: Command) -> Committed | Refused:
        """Return what became of a change whose amendment is there no more."""
        meant = await self._meant(command)
        has = {one.number: (one.qty, one.price) for one in meant}
        if self._way.is_met(command, meant, has):
            return Committed(written=self._written(command, meant))
        return Refused(code="taken_back")

    async def _meant(self, command: Command) -> list[OrderLine]:
        """Return the lines that a command is about as they are now, the leading one first.

        Raises:
            BadAnswerError: `adapter.bad_answer`, where they are there no more.
        """
        try:
            meant = [one for one, _ in self._way.meant(command, await self._lines(command.key))]
        except RefusedError as failure:
            raise self.query.bad(str(failure)) from None
        if not meant:
            raise self.query.bad("id")
        return meant

    def _written(self, command: Command, meant: Sequence[OrderLine]) -> Written:
        record = meant[0].record
        return Written(
            document=meant[0].order_id,
            key=record.source_key,
            version_token=record.version_token,
            fields=self._way.shown(command, meant),
        )

    # --- its lines ----------------------------------------------------------------------------------------------------

    async def _lines(self, key: str) -> list[OrderLine]:
        """Return the lines of the order that the line with this source key is of; none where there is no such line."""
        if not _is_id(key):
            return []
        source, order = self.query.source, self.recipe.order
        beside = (order, f"{order}.id", f"{order}.state", f"{order}.currency.digits", *self.recipe.kept)
        moves = (f"moves.{name}" for name in _MOVES)
        fields = sorted({*self.query.fields(), *_LINE, *_BILLS, *beside, *moves})
        domain: list[Encodable] = [*as_sent(source.domain), [f"{order}.lines.id", "=", int(key)]]
        return [self._line(row) for row in await self.query.every(source.model, domain, fields)]

    def _line(self, row: Row) -> OrderLine:
        record = self.query.record(row)
        if not isinstance(record, PurchaseOrderLine | SalesOrderLine):
            raise self.query.bad("entity")
        try:
            state = value(row, f"{self.recipe.order}.state")
            return OrderLine(row=row, record=record, state=state, moves=tuple(linked(row, "moves")))
        except ShapeError as failure:
            raise self.query.bad(str(failure)) from None


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdecimal() and 0 < len(key) <= _MAX_ID_DIGITS
