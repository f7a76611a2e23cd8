"""What a system gives when it takes a change in, and how its later word is read.

A ticket is the system's text: bounded, printable, and where it is an address, one on our own origin and below what was
configured, looked at when it comes and again whenever it is asked.
"""

from __future__ import annotations

from dataclasses import replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final
from urllib.parse import urlsplit

from erp_mcp.adapters._documents.command_verdicts import Accepted, Verdict, by_word, pause_s
from erp_mcp.adapters._documents.commands import value_at
from erp_mcp.adapters._documents.json_text import Document, Value
from erp_mcp.adapters._documents.refusals import native_code
from erp_mcp.domain.command import Accepted as Taken
from erp_mcp.domain.command import Refused, Unknown
from erp_mcp.domain.write_plan import Ask, Plan, TakenIn
from erp_mcp.egress import Answer
from erp_mcp.egress.links import next_link
from erp_mcp.errors import DestinationNotAllowedError

GONE: Final = Unknown(reason="ticket_gone")
UNREADABLE: Final = Unknown(reason="answer_unreadable")
_WHOLE: Final = "application/http"
_RESPOND_ASYNC: Final = "respond-async"
NOT_THERE: Final = frozenset({404, 410})
UNDER_WAY: Final = 202
_MAX_TICKET: Final = 512
_RESULT: Final = "asyncresult"
_STATUS_DIGITS: Final = 3


def preferences(plan: Plan) -> dict[str, str]:
    """Return what a request prefers: no body in the answer, and to be told later what became of it."""
    told_later = plan.accepted is not None and plan.accepted.respond_async
    found = ["return=minimal"] * plan.write.minimal + [_RESPOND_ASYNC] * told_later
    return {"Prefer": ", ".join(found)} if found else {}


def wanted(accepted: TakenIn) -> dict[str, str]:
    """Return in which form the word of a system is asked for, where it is not its own document."""
    return {} if accepted.ask.state else {"Accept": f"{_WHOLE}, application/json;q=0.9"}


def taken_in(accepted: TakenIn, answer: Answer, document: Document | None, asked: str, base: str) -> Taken:
    """Return that a change was taken in, with the ticket that the answer gives.

    A ticket that is none, too long, or an address elsewhere is left out: that it was taken in is certain all the same,
    and the system is then looked into instead.

    Args:
        accepted: Where the ticket stands.
        answer: The answer to the write.
        document: Its body.
        asked: Address of the write, which a relative one is relative to.
        base: Address that a ticket must stay below.
    """
    if accepted.ticket == "address":
        ticket = _address(answer, asked, base)
    elif accepted.ticket == "end":
        ticket = _end(answer)
    else:
        ticket = _text(value_at(document, accepted.path) if document is not None else None)
    return Taken(ticket=ticket, ask_after_s=max(accepted.every_s, pause_s(answer)))


def still(accepted: TakenIn, answer: Answer, asked: str, base: str) -> Taken:
    """Return that it goes on; where the ticket is an address, the system may name another one for the next time."""
    ticket = _address(answer, asked, base) if accepted.ticket == "address" else ""
    return Taken(ticket=ticket, ask_after_s=max(accepted.every_s, pause_s(answer)))


def address_of(ticket: str, base: str) -> str:
    """Return the address that a ticket is, on our own origin and below `base`.

    Raises:
        DestinationNotAllowedError: `adapter.not_allowed`, for any other.
    """
    return next_link(base, ticket, prefix=urlsplit(base).path or "/")


def last_word(answer: Answer, *, bare: bool) -> Answer | None:
    """Return the answer that the write has had in the end, `None` where what came is none.

    Args:
        answer: Of the address that was asked. OData 4.0 shows the whole answer as `application/http`, 4.01 its status
            as `AsyncResult`.
        bare: Whether an answer without either is the one.
    """
    if answer.media_type == _WHOLE:
        return answer_in(answer.body)
    status = answer.headers.get(_RESULT)
    if status is None:
        return answer if bare else None
    if not (status.isascii() and status.isdigit() and len(status) == _STATUS_DIGITS):
        return None
    return replace(answer, status=int(status))


def answer_in(raw: object) -> Answer | None:
    """Return one answer as it stands in a body or a part of one, `None` when it is not whole."""
    if not isinstance(raw, bytes):
        return None
    first, _, rest = raw.lstrip().partition(b"\r\n")
    words = first.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit() or len(words[1]) != _STATUS_DIGITS:
        return None
    parsed = BytesParser(policy=HTTP).parsebytes(rest)
    body = parsed.get_payload(decode=True)
    headers = {name.lower(): str(value) for name, value in parsed.items()}
    return Answer(status=int(words[1]), headers=headers, body=body.strip() if isinstance(body, bytes) else b"")


def word_in(accepted: TakenIn, document: Document, answer: Answer | None = None) -> Verdict:
    """Return what a status document means: it goes on, it is done, it was refused; any other word is none we know."""
    ask, word = accepted.ask, _text(value_at(document, accepted.ask.state))
    if word in ask.running:
        return Taken(ask_after_s=max(accepted.every_s, pause_s(answer) if answer else 0))
    if word in ask.done:
        return Accepted(status=document)
    return _refusal(ask, document) if word in ask.refused else UNREADABLE


def _refusal(ask: Ask, document: Document) -> Verdict:
    native = _text(value_at(document, ask.error)) if ask.error else ""
    if native in ask.codes:
        return by_word(ask.codes[native], native_code(native))
    return Refused(code="refused_by_system", native_code=native_code(native))


def _address(answer: Answer, asked: str, base: str) -> str:
    """Return path and query of the address that an answer names, empty where it is none of ours."""
    try:
        there = urlsplit(next_link(asked, answer.headers.get("location", ""), prefix=urlsplit(base).path or "/"))
    except DestinationNotAllowedError:
        return ""
    return _bounded(f"{there.path}?{there.query}" if there.query else there.path)


def _end(answer: Answer) -> str:
    last = urlsplit(answer.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]
    return "" if "%" in last else _bounded(last)


def _text(found: Value) -> str:
    return _bounded(str(found)) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _bounded(text: str) -> str:
    return text if text.isprintable() and text == text.strip() and len(text) <= _MAX_TICKET else ""
