"""A document that is new in the system, made in one call, and found again by our reference in a field of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters.jsonrpc.lookups import RefusedError
from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.rows import Row, ShapeError
from erp_mcp.adapters.jsonrpc.wire import Encodable
from erp_mcp.adapters.jsonrpc.write_session import Accepted, Account, WriteSession, not_sent
from erp_mcp.domain.command import Command, Committed, NotSent, Outcome, Refused, Unknown, Written
from erp_mcp.domain.reference import is_reference
from erp_mcp.errors import BadAnswerError, GatewayError

_CREATOR: Final = "create_uid"
_SET_UP_PAUSE_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocuments:
    """Makes documents of one model; `reference` is the field that holds ours.

    `lacking` says what an account lacks to make one, empty where nothing. `values` works out what the document is made
    of and raises `RefusedError` for what can't be expressed. `read` returns a document by its record number.
    """

    session: WriteSession
    query: SourceQuery
    model: str
    reference: str
    lacking: Callable[[Account], str]
    values: Callable[[Command, Account], Awaitable[dict[str, Encodable]]]
    read: Callable[[int], Awaitable[Written]]

    async def send(self, command: Command) -> Outcome:
        """Make the document in one call, so that there is a whole one or none.

        A reference that is there already is `Unknown`, since what bears it may be this very command's.
        """
        if not is_reference(command.reference):
            return Refused(code="bad_reference")
        try:
            account = await self.session.account()
            if lacks := self.lacking(account):
                return NotSent(reason=lacks, retry_after_s=_SET_UP_PAUSE_S)
            if await self._bearing(command.reference):
                return Unknown(reason="reference_exists")
            values = await self.values(command, account)
        except RefusedError as refusal:
            return Refused(code=str(refusal))
        except ShapeError as failure:
            return not_sent(self.query.bad(str(failure)))
        except GatewayError as failure:
            return not_sent(failure)
        verdict = await self.session.write(self.model, "create", [values], reference=command.reference)
        if not isinstance(verdict, Accepted):
            return verdict
        match verdict.result:
            case [int() as made] if made > 0:
                return Committed(written=await self._after(made))
            case _:
                return Unknown(reason="answer_unreadable")

    async def find(self, command: Command) -> Written | None:
        """Return the document of this account that bears the reference.

        Raises:
            BadAnswerError: `adapter.bad_answer`, when there are several, or only one of another account: a copy by hand
                keeps the reference, so nobody can say which is which.
        """
        rows = await self._bearing(command.reference) if is_reference(command.reference) else []
        if not rows:
            return None
        account = await self.session.account()
        ours = [row for row in rows if row.get(_CREATOR) == account.user]
        if len(ours) != 1:
            raise BadAnswerError(system=self.query.system, field="reference", reason="not borne by exactly one of ours")
        return await self.read(ids_of(ours)[0])

    async def _bearing(self, reference: str) -> list[Row]:
        domain: list[Encodable] = [[self.reference, "=", reference]]
        return await self.query.rows(self.model, domain, ["id", _CREATOR])

    async def _after(self, made: int) -> Written:
        """Return the document as it is; where it can't be read, that it was made is certain all the same."""
        try:
            return await self.read(made)
        except GatewayError:
            return Written(document=f"id:{made}", key="", version_token="")
