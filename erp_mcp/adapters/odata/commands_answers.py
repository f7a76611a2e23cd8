"""What an OData answer says of a write: documents, errors of both versions, messages beside a success, change sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final

from erp_mcp.adapters._documents.command_verdicts import Accepted, NativeError, Verdict, cleaned, of_error
from erp_mcp.adapters._documents.json_text import Document, DocumentError, Value, decode_json
from erp_mcp.domain.command import Unknown
from erp_mcp.domain.write_plan import Plan
from erp_mcp.egress.wire import Answer

CSRF: Final = "x-csrf-token"
_DONE: Final = frozenset({200, 201})
_EMPTY: Final = 204
_SEVERE: Final = 4
_MESSAGES: Final = ("sap-message", "sap-messages")
_MAX_MESSAGES: Final = 64
_MAX_CODE: Final = 80
_STATUS_DIGITS: Final = 3


def wants_token(answer: Answer) -> bool:
    """Say whether a write was turned away at the door since its token is none, or not any more."""
    return answer.status == 403 and answer.headers.get(CSRF, "").strip().lower() == "required"


def judged(plan: Plan, answer: Answer) -> Verdict:
    """Return what an answer to one request means."""
    document = None if answer.status == _EMPTY else _document(answer)
    remarks = _remarks(answer, document)
    if answer.status == _EMPTY:
        return _beside(remarks) or Accepted(warnings=_codes(remarks))
    if answer.status not in _DONE:
        return of_error(answer, _error(document), plan.judging.codes, changes=plan.changes)
    if answer.status == 201 and plan.changes and not plan.write.place.action:
        return Unknown(reason="made_another")  # it was to change what is there
    if document is None:
        return Unknown(reason="answer_unreadable")
    if _error(document) is not None:
        return Unknown(reason="answered_with_error")
    if (bad := _beside(remarks)) is not None:
        return bad
    shown = document.get("d", document)
    if not isinstance(shown, Mapping):
        return Unknown(reason="answer_unreadable")
    return Accepted(document=shown, warnings=_codes(remarks))


def judged_batch(plan: Plan, answer: Answer) -> Verdict:
    """Return what an answer to a change set means.

    Only a set in which everything was done is believed. What an answer says of single requests in one that failed is
    not: it may tell of success what was rolled back, and of failure what was not.
    """
    if answer.status not in {200, 202}:
        return of_error(answer, _error(_document(answer)), plan.judging.codes, changes=plan.changes)
    answers = list(_parts(answer))
    if not answers:
        return Unknown(reason="answer_unreadable")
    verdicts = [judged(plan, one) for one in answers]
    if len(verdicts) == 1 and all(isinstance(one, Accepted) for one in verdicts):
        return verdicts[0]
    return Unknown(reason="change_set_failed")


def _document(answer: Answer) -> Document | None:
    if answer.media_type != "application/json":
        return None
    try:
        found = decode_json(answer.body)
    except DocumentError:
        return None
    return found if isinstance(found, dict) else None


def _error(document: Document | None) -> NativeError | None:
    """Return the error that a body of either version is, with its codes; their texts are never looked at."""
    error = document.get("error") if document is not None else None
    if not isinstance(error, Mapping) or "code" not in error or "message" not in error:
        return None
    inner = error.get("innererror")
    lists = [error.get("details"), inner.get("errordetails") if isinstance(inner, Mapping) else None]
    details = [one for found in lists if isinstance(found, list) for one in found if isinstance(one, Mapping)]
    codes = [one.get("code") for one in (error, *details[:_MAX_MESSAGES])]
    return NativeError(codes=tuple(one[:_MAX_CODE] for one in codes if isinstance(one, str)))


def _remarks(answer: Answer, document: Document | None) -> list[Mapping[str, Value]] | None:
    """Return the messages beside an answer, `None` where they can't be read."""
    found: list[Value] = [document["SAP__Messages"]] if document is not None and "SAP__Messages" in document else []
    for name in _MESSAGES:
        if text := answer.headers.get(name, ""):
            try:
                found.append(decode_json(text.encode("latin-1", "replace").decode("utf-8", "replace").encode()))
            except DocumentError:
                return None
    return [one for messages in found for one in _flat(messages)]


def _beside(remarks: list[Mapping[str, Value]] | None) -> Unknown | None:
    """Return what an error beside a success means: nobody knows; messages that can't be read may be one."""
    severe = [one for one in remarks or () if _severe(one)]
    if remarks is not None and not severe:
        return None
    return Unknown(reason="answered_with_error", native_code=next(iter(_codes(severe)), ""))


def _codes(remarks: list[Mapping[str, Value]] | None) -> tuple[str, ...]:
    found = [one.get("code") for one in remarks or ()]
    codes = [cleaned(one) for one in found[:_MAX_MESSAGES] if isinstance(one, str)]
    return tuple(dict.fromkeys(one for one in codes if one))


def _flat(messages: Value) -> Iterator[Mapping[str, Value]]:
    for one in messages if isinstance(messages, list) else [messages]:
        if isinstance(one, Mapping):
            yield one
            details = one.get("details")
            yield from (inner for inner in details if isinstance(inner, Mapping)) if isinstance(details, list) else ()


def _severe(message: Mapping[str, Value]) -> bool:
    graded = message.get("numericSeverity", message.get("@Common.numericSeverity"))
    return message.get("severity") in {"error", "abort"} or graded == _SEVERE


def _parts(answer: Answer) -> Iterator[Answer]:
    """Yield the answers inside a multipart one, through change sets; an answer that is not whole yields none."""
    head = f"content-type: {answer.headers.get('content-type', '')}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + answer.body)
    if not message.is_multipart() or message.defects:
        return
    found = [
        _inner(one.get_payload(decode=True)) for one in message.walk() if one.get_content_type() == "application/http"
    ]
    if all(one is not None for one in found):
        yield from (one for one in found if one is not None)


def _inner(raw: object) -> Answer | None:
    """Return one answer as it stands in a part, `None` when it is not whole."""
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
