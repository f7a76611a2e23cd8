"""What became of a write: committed, refused, superseded, not sent, or nobody knows.

A status of HTTP is no verdict. A refusal counts where the system's own error says so, in a body that is whole; success
counts where the answer is one of this protocol. Everything else is `Unknown`, which is read back and never sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.adapters._documents.refusals import native_code
from erp_mcp.domain.command import Accepted as Taken
from erp_mcp.domain.command import Conflict, NotSent, Refused, Unknown
from erp_mcp.domain.write_plan import CONFLICT, EXISTS, LATER
from erp_mcp.egress.wire import NO_CONNECTION, NO_TRUST, Answer
from erp_mcp.errors import (
    AccountTooPowerfulError,
    AlreadySentError,
    BadAnswerError,
    DestinationNotAllowedError,
    GatewayError,
    SecretUnavailableError,
    StateUnavailableError,
    SystemBusyError,
    SystemRefusedError,
    SystemRestingError,
    SystemTimeoutError,
    SystemUnreachableError,
)

SIGN_IN_PAUSE_S: Final = 150
_LOCKED_PAUSE_S: Final = 30
_LONGEST_PAUSE_S: Final = 3600
_UNAUTHORISED: Final = 401
_SUPERSEDED: Final = 412
_LOCKED: Final = 423
_TOO_MANY: Final = 429
# What a system says no to, in an error of its own. 409 is another matter, and so is 408.
_REFUSALS: Final[Mapping[int, str]] = {
    400: "not_accepted",
    402: "refused_by_system",
    403: "not_permitted",
    404: "record_not_found",
    405: "not_accepted",
    406: "not_accepted",
    410: "record_not_found",
    411: "not_accepted",
    413: "not_accepted",
    414: "not_accepted",
    415: "not_accepted",
    417: "refused_by_rules",
    422: "refused_by_rules",
    428: "version_required",
}
_CONFLICTING: Final = 409
_NOTHING_SENT: Final = frozenset({NO_CONNECTION, NO_TRUST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The system says that it is written.

    `document` is what it shows of it, where it shows anything, `location` the end of the address it names. `replayed`
    says that it is the stored answer of an earlier request. `warnings` are codes of what it remarks, cleaned. `status`
    is the document in which it said so later, where it took the change in first.
    """

    document: Document | None = None
    location: str = ""
    replayed: bool = False
    warnings: tuple[str, ...] = ()
    status: Document | None = None


Verdict = Accepted | Taken | Refused | Conflict | NotSent | Unknown
"""`Taken`: the system has it and says later what becomes of it, or still has not said it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeError:
    """An error that is one of the protocol; `codes` are the system's own, the outermost first."""

    codes: tuple[str, ...] = ()


def before_sending(failure: GatewayError) -> NotSent:
    """Return what a failure means that came before anything was written."""
    if isinstance(failure, SystemBusyError | SystemRestingError):
        reason = "system_resting" if isinstance(failure, SystemRestingError) else "system_busy"
        return NotSent(reason=reason, retry_after_s=_seconds(failure))
    if isinstance(failure, SystemRefusedError):
        return NotSent(reason="system_refused_account", retry_after_s=SIGN_IN_PAUSE_S)
    if isinstance(failure, AccountTooPowerfulError):
        return NotSent(reason="account_too_powerful", retry_after_s=SIGN_IN_PAUSE_S)
    if isinstance(failure, SystemTimeoutError):
        return NotSent(reason="system_timeout")
    if isinstance(failure, BadAnswerError):
        return NotSent(reason="bad_answer")
    if isinstance(failure, SecretUnavailableError):
        return NotSent(reason="secret_unavailable")
    if isinstance(failure, StateUnavailableError):
        return NotSent(reason="state_unavailable")
    if isinstance(failure, DestinationNotAllowedError):
        return NotSent(reason="not_allowed")
    return NotSent(reason="system_unreachable")


def without_answer(failure: GatewayError) -> NotSent | Unknown:
    """Return what is left of a write that got no whole answer: only what could not connect was certainly not sent."""
    if isinstance(failure, AlreadySentError):
        return Unknown(reason="already_sent")
    if isinstance(failure, SystemUnreachableError):
        nothing_sent = failure.facts.get("reason") in _NOTHING_SENT
        return NotSent(reason="system_unreachable") if nothing_sent else Unknown(reason="connection_broken")
    if isinstance(failure, SystemTimeoutError):
        return Unknown(reason="no_answer_in_time")
    never = (
        AccountTooPowerfulError,
        SystemBusyError,
        SystemRestingError,
        SystemRefusedError,
        SecretUnavailableError,
        StateUnavailableError,
        DestinationNotAllowedError,
    )
    return before_sending(failure) if isinstance(failure, never) else Unknown(reason="answer_unreadable")


def of_error(answer: Answer, error: NativeError | None, words: Mapping[str, str], *, changes: bool) -> Verdict:
    """Return what an answer means that does not say success.

    Args:
        answer: The answer.
        error: The error in its body, `None` where the body is none of the protocol.
        words: What the system's own codes mean.
        changes: Whether the write is about a record that exists.
    """
    status = answer.status
    if status == _TOO_MANY:
        return NotSent(reason="rate_limited", retry_after_s=pause_s(answer))
    if status == _UNAUTHORISED:
        return NotSent(reason="sign_in_refused", retry_after_s=SIGN_IN_PAUSE_S)
    if status == _SUPERSEDED and changes:
        return Conflict()
    if error is None or not 200 <= status < 500:
        return Unknown(reason="system_failed" if status >= 500 else "answer_unreadable")
    native = native_code(error.codes[0]) if error.codes else ""
    known = next((code for code in error.codes if code in words), "")
    if known:
        return by_word(words[known], native_code(known))
    if status == _LOCKED:
        return NotSent(reason="locked_in_system", retry_after_s=_LOCKED_PAUSE_S)
    if status == _CONFLICTING and changes:
        return Refused(code="state_conflict", native_code=native)
    if status in _REFUSALS:
        return Refused(code=_REFUSALS[status], native_code=native)
    return Unknown(reason="answered_with_error", native_code=native)


def pause_s(answer: Answer) -> int:
    """Return how long the system asks to wait, in seconds and within bounds."""
    text = answer.headers.get("retry-after", "")
    return min(int(text), _LONGEST_PAUSE_S) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def by_word(word: str, native: str) -> Verdict:
    """Return what a system's code means by the word that a profile gives for it."""
    if word == CONFLICT:
        return Conflict()
    if word == EXISTS:
        return Unknown(reason="reference_exists", native_code=native)  # what bears it may be this command's own
    if word == LATER:
        return NotSent(reason="locked_in_system", retry_after_s=_LOCKED_PAUSE_S)
    return Refused(code=word, native_code=native)


def _seconds(failure: GatewayError) -> int:
    found = failure.facts.get("retry_after_s")
    return min(found, _LONGEST_PAUSE_S) if isinstance(found, int) and found > 0 else 0
