"""The session of the account that writes: listed methods of listed models, each write sent once, and what came of it.

A status of HTTP is no verdict: business errors come with 200, and a page for people may hide a write that was made.
What is not known for certain is `Unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from erp_mcp.adapters.jsonrpc.session import Session
from erp_mcp.adapters.jsonrpc.wire import Decoded, Encodable, WireError, decode
from erp_mcp.domain.command import Conflict, NotSent, Refused, Unknown
from erp_mcp.egress.transport import Answer, certainly_not_sent
from erp_mcp.errors import (
    AlreadySentError,
    BadAnswerError,
    DestinationNotAllowedError,
    GatewayError,
    SystemBusyError,
    SystemRefusedError,
    SystemRestingError,
    SystemTimeoutError,
    SystemUnreachableError,
)

WRITES: Final = frozenset(
    {
        ("purchase.purchase", "create"),
        ("purchase.requisition", "create"),
        ("production", "write"),
        ("stock.move", "write"),
        ("purchase.line", "write"),
        ("purchase.product_supplier.price", "write"),
        ("purchase.amendment", "create"),
        ("sale.amendment", "create"),
    }
)
"""The only calls that change anything."""

LOOKS: Final = frozenset(
    {
        ("res.user", "get_preferences"),
        ("ir.model", "search_read"),
        ("ir.model.access", "get_access"),
        ("ir.model.button", "search_read"),
        ("ir.model.log", "search_read"),
        ("purchase.requisition", "search_read"),
        ("purchase.requisition.line", "search_read"),
        ("purchase.line", "search_read"),
        ("sale.line", "search_read"),
        ("purchase.purchase", "search_read"),
        ("purchase.product_supplier", "search_read"),
        ("purchase.amendment", "search_read"),
        ("sale.amendment", "search_read"),
        ("currency.currency", "search_read"),
        ("party.address", "search_read"),
        ("production", "search_read"),
        ("product.product", "search_read"),
        ("product.uom", "search_read"),
        ("party.party", "search_read"),
        ("stock.location", "search_read"),
    }
)
"""The only calls that read: what a change is compared with, and what `probe` tells."""

_SIGN_IN_PAUSE_S: Final = 150
_UNAUTHORISED: Final = 401
_RATE_LIMITED: Final = 429  # said while signing in, before anything else
_UNAVAILABLE: Final = 503  # said for a database error at any moment, that of a commit included
_ERRORS: Final[Mapping[str, Refused | Conflict | NotSent]] = {
    "UserError": Refused(code="refused_by_rules"),
    "UserWarning": Refused(code="needs_person"),  # a question to a person is never answered for them
    "ConcurrencyException": Conflict(),
    "LoginException": NotSent(reason="sign_in_refused", retry_after_s=_SIGN_IN_PAUSE_S),
    "RateLimitException": NotSent(reason="rate_limited"),
}
_LONGEST_PAUSE_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Accepted:
    """The system did it; `result` is what the method returned."""

    result: Decoded


class Account(NamedTuple):
    """Who signed in: record ids of user, company and employee, zero where there is none."""

    user: int
    company: int
    employee: int


Verdict = Accepted | Refused | Conflict | NotSent | Unknown


class WriteSession(Session):
    """Signs in with the account that writes; reads by `call`, writes by `write`."""

    async def write(
        self, model: str, method: str, *params: Encodable, reference: str, versions: Mapping[str, str] | None = None
    ) -> Verdict:
        """Call a listed method once, whatever happens, and say what is certain.

        Args:
            model: The model.
            method: The method.
            params: What it takes, without the context.
            reference: Of the command; one that has gone out, from any process, goes out no more.
            versions: `model,id` → version that the record must still have.
        """
        if (model, method) not in WRITES:
            return Refused(code="not_a_listed_call")
        try:
            await self._signed_in("")
        except GatewayError as failure:
            return not_sent(failure)
        context = {**self._context, **({"_timestamp": versions} if versions else {})}
        try:
            answer = await self._post(f"model.{model}.{method}", [*params, context], reference=reference)
        except GatewayError as failure:
            return not_sent(failure) if certainly_not_sent(failure) else _lost(failure)
        verdict = self._said(answer)
        if isinstance(verdict, NotSent):
            self._egress.released(reference)
        return verdict

    async def account(self) -> Account:
        """Return who signed in.

        Raises:
            SystemRefusedError, SystemUnreachableError, SystemTimeoutError, BadAnswerError: as `call`.
        """
        await self._signed_in("")
        company, employee = (self._context.get(name) for name in ("company", "employee"))
        if not employee:
            self._token = ""  # an administrator may mend that: the next command signs in anew and sees it
        return Account(self._user, *(one if isinstance(one, int) else 0 for one in (company, employee)))

    def _listed(self, model: str, method: str) -> bool:
        return (model, method) in LOOKS

    def _said(self, answer: Answer) -> Verdict:
        """Return what an answer to a write means."""
        if answer.status == _UNAUTHORISED:
            self._token = ""  # the session ran out before anything was done; the next command signs in anew
            return NotSent(reason="session_ended")
        if answer.status == _RATE_LIMITED:
            return NotSent(reason="rate_limited", retry_after_s=_pause(answer))
        if answer.status == _UNAVAILABLE:
            return Unknown(reason="system_unavailable")
        # A 400 or 403 comes as a page for people, of Tryton or of a filter that looks at answers to what was done.
        if answer.status != 200 or answer.media_type != "application/json":
            return Unknown(reason="answer_unreadable")
        try:
            decoded = decode(answer.body)
        except WireError:
            return Unknown(reason="answer_unreadable")
        return _told(decoded)


def not_sent(failure: GatewayError) -> NotSent:
    """Return what a failure means that came before anything was written."""
    if isinstance(failure, SystemBusyError | SystemRestingError):
        reason = "system_busy" if isinstance(failure, SystemBusyError) else "system_resting"
        return NotSent(reason=reason, retry_after_s=int(str(failure.facts.get("retry_after_s", 1))))
    if isinstance(failure, DestinationNotAllowedError):
        return NotSent(reason="not_allowed", retry_after_s=_SIGN_IN_PAUSE_S)
    if isinstance(failure, SystemRefusedError):
        return NotSent(reason="system_refused_account", retry_after_s=_SIGN_IN_PAUSE_S)
    if isinstance(failure, SystemTimeoutError):
        return NotSent(reason="system_timeout")
    if isinstance(failure, BadAnswerError):
        return NotSent(reason="bad_answer")
    return NotSent(reason="system_unreachable")


def _lost(failure: GatewayError) -> Unknown:
    """Return what is left of a write that may have gone out, and brought no answer."""
    if isinstance(failure, SystemUnreachableError):
        return Unknown(reason="connection_broken")
    if isinstance(failure, SystemTimeoutError):
        return Unknown(reason="no_answer_in_time")
    return Unknown(reason="already_sent" if isinstance(failure, AlreadySentError) else "answer_unreadable")


def _told(decoded: Decoded) -> Verdict:
    """Return the verdict of a decoded answer; an error without a name may have come after the write was made."""
    if not isinstance(decoded, dict):
        return Unknown(reason="answer_unreadable")
    error = decoded.get("error")
    if error is None:
        return Accepted(decoded["result"]) if "result" in decoded else Unknown(reason="answer_unreadable")
    name = error[0] if isinstance(error, list) and error else ""
    return _ERRORS.get(name if isinstance(name, str) else "", Unknown(reason="system_error"))


def _pause(answer: Answer) -> int:
    text = answer.headers.get("retry-after", "")
    return min(int(text), _LONGEST_PAUSE_S) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
